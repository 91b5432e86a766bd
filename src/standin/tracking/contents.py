"""What a run in MLflow holds, collected from the files of a state: nothing here depends on which stages just ran.

Few tags: md5 sums are in the data sets and in ``lineage/data.json``.
"""

import csv
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.corpus import json_value, unlisted
from standin.tracking import telling
from standin.tracking.states import LockedStage, State
from standin.tracking.trees import Workspace, redact

PARAM_CHARACTERS = 6000
TAG_CHARACTERS = 5000
CURVE_KEYS = ("question_id", "budget", "seed")
REPORT_SUFFIXES = {".csv", ".html", ".json", ".md", ".png", ".svg"}


@dataclass(frozen=True, slots=True)
class DataSet:
    """A versioned data set: its path, the md5 that DVC knows it by, the stage that made it (or ``raw``)."""

    path: str
    md5: str
    made_by: str
    size: int | None
    files: int | None


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything one run holds beside its parameters.

    ``curves``: metric -> (step, value) pairs. ``description``: Markdown; empty where nothing can be told yet.
    """

    metrics: dict[str, float]
    tags: dict[str, str]
    description: str
    curves: dict[str, list[tuple[int, float]]]
    data: list[DataSet]
    artifacts: dict[str, bytes]


def collect(state: State, stale: Mapping[str, str], baseline: str) -> Contents:
    """Read all that a run holds; stages named in ``stale`` contribute nothing."""
    metrics = split_metrics("headline", telling.headline(state, stale))[0]  # MLflow shows first what came first
    tags: dict[str, str] = {}
    curves: dict[str, list[tuple[int, float]]] = {}
    artifacts = lineage(state, baseline)
    fresh = [stage for stage in state.stages if stage.address not in stale]
    for stage in fresh:
        if found := state.tree.read(f"{stage.folder}/metrics.json"):
            numbers, words = split_metrics(stage.name, json_value(Path(stage.folder, "metrics.json"), found))
            metrics |= numbers
            tags |= words
        if history := state.tree.read(f"{stage.folder}/history.csv"):
            curves |= read_curves(stage.name, history.decode())
        artifacts |= dict(reports(state, stage))
    told = telling.tell(state, stale)
    artifacts |= {telling.FIGURE: told.figure} if told.figure else {}
    artifacts |= {telling.SCALE: scale} if (scale := telling.scale(state, stale)) else {}
    artifacts["lineage/data.json"] = sums(fresh)
    tags["dvc.code_dirty"] = str("lineage/code.diff" in artifacts).lower()
    return Contents(metrics, tags, told.description, curves, list(data_sets(fresh)), artifacts)


def flat_params(params: Mapping[str, Any], task_file: str) -> dict[str, str]:
    """The whole params file as one level of names and texts; MLflow's limit of 6,000 characters is kept with a note."""
    values = dict(_flat(params)) | {"task_file": task_file}
    names = sanitised(values)
    return {names[name]: cut(redact(_text(value)), PARAM_CHARACTERS) for name, value in values.items()}


def split_metrics(stage: str, values: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
    """A stage's metrics as numbers (truth values count as 0 and 1) and as words, which become tags."""
    numbers: dict[str, float] = {}
    words: dict[str, str] = {}
    found = {f"{stage}.{name}": value for name, value in _flat(unlisted(values))}
    names = sanitised(found)
    for name, value in found.items():
        if isinstance(value, bool | int | float):
            numbers[names[name]] = float(value)
        elif isinstance(value, str):
            words[names[name]] = cut(redact(value), TAG_CHARACTERS)
    return numbers, words


def read_curves(stage: str, history: str) -> dict[str, list[tuple[int, float]]]:
    """A ``history.csv`` with a column ``step`` as curves: one for each numeric column and question, budget and seed.

    Named like ``finetune.real.budget48.seed1.loss``. Empty cells are no points.
    """
    curves: dict[str, list[tuple[int, float]]] = {}  # named as MLflow does only when all names are known
    for row in csv.DictReader(history.splitlines()):
        keys = [f"{'' if key == 'question_id' else key}{row[key]}" for key in CURVE_KEYS if row.get(key)]
        for column, text in row.items():
            value = _number(text) if column not in (*CURVE_KEYS, "step") else None
            if value is not None and row.get("step"):
                curves.setdefault(".".join([stage, *keys, str(column)]), []).append((int(float(row["step"])), value))
    names = sanitised(curves)
    return {names[name]: points for name, points in curves.items()}


def data_sets(stages: list[LockedStage]) -> Iterator[DataSet]:
    """Every data set the stages made, and the raw or labelled data that no stage makes, once."""
    made = {path for stage in stages for path in stage.outs}
    raw: set[str] = set()
    for stage in stages:
        outs = [(path, out, stage.name) for path, out in stage.outs.items()]
        deps = [
            (path, dep, "raw")
            for path, dep in stage.deps.items()
            if path not in raw and not any(path == out or path.startswith(out + "/") for out in made)
        ]
        for path, entry, made_by in outs + deps:
            if path.startswith("data/") and entry.get("md5"):
                raw.add(path)
                yield DataSet(path, str(entry["md5"]), made_by, entry.get("size"), entry.get("nfiles"))


def sums(stages: list[LockedStage]) -> bytes:
    """The md5 of everything that the stages read and made, as JSON: path -> md5."""
    known = {path: str(entry.get("md5")) for stage in stages for path, entry in (stage.deps | stage.outs).items()}
    return (json.dumps(known, indent=1, sort_keys=True) + "\n").encode()


def lineage(state: State, baseline: str) -> dict[str, bytes]:
    """What the run was made from: pipeline, lock, parameters, task, and how ``src`` differs from the commit."""
    texts = {}
    for path in ("dvc.yaml", "dvc.lock", "params.yaml", state.task_file):
        if content := state.tree.read(path):
            texts[f"lineage/{path}"] = redact(content.decode(errors="replace")).encode()
    if diff := state.tree.diff(baseline):
        texts["lineage/code.diff"] = redact(diff).encode()
    return texts


def reports(state: State, stage: LockedStage) -> Iterator[tuple[str, bytes]]:
    """The report files of a stage: its folder and its outputs below ``reports/``.

    A commit does not hold what DVC caches: such a file is taken from the workspace if it is the very one that
    dvc.lock names.
    """
    names = set(state.tree.files(stage.folder))
    names |= {path for path in stage.outs if path.startswith("reports/")}
    for path in sorted(names):
        if Path(path).suffix not in REPORT_SUFFIXES or Path(path).name == "timing.json":
            continue
        content = state.tree.read(path) or Workspace().read(path)
        known = state.md5(path)
        if content is not None and known in (None, hashlib.md5(content, usedforsecurity=False).hexdigest()):
            yield path, content


def sanitised(names: Iterable[str]) -> dict[str, str]:
    """Names -> names that MLflow takes for a metric, parameter or tag: at most 250 of its characters.

    Of names that would become the same, as those of two labels that are emoji, each ends in a hash of what it was.
    """
    plain = {name: re.sub(r"[^\w.\- :]", "_", name)[:250] for name in names}
    several = Counter(plain.values())
    return {
        name: taken if several[taken] == 1 else f"{taken[:241]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        for name, taken in plain.items()
    }


def cut(text: str, limit: int) -> str:
    """Text of at most ``limit`` characters; what is cut says so."""
    note = f" ... [cut, {len(text)} characters]"
    return text if len(text) <= limit else text[: limit - len(note)] + note


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
