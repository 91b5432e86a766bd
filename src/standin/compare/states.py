"""What a state of the project holds for a comparison, read from its files in git without loading all of dvc.lock.

dvc.lock has some 100,000 bytes, which take a third of a second to parse: of forty experiments only the lines needed are
read. DVC writes it in one form.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from standin.checked import parse_yaml
from standin.choices import UNSETTLED
from standin.corpus import json_value, unlisted
from standin.errors import StandinError
from standin.ingredients import answerer, drawn_once, strategy
from standin.sheets import sheet_rows
from standin.tracking.states import canonical, fingerprint, md5, settled

LOCK, PARAMS = "dvc.lock", "params.yaml"
SCORES, LEARNED = "reports/evaluate/scores.csv", "reports/evaluate/learned.csv"
HEADLINE = "reports/headline.json"
FILES = (LOCK, PARAMS, SCORES, LEARNED, HEADLINE)
TEST, POOL, ORACLE = (f"data/real/{name}.jsonl" for name in ("test", "pool", "oracle"))
PREDICTIONS = re.compile(r"data/predictions/(\w+)\.jsonl")
ZEROSHOT = "data/zeroshot/predictions.jsonl"
MADE_FROM = ("src/", "data/raw/", "data/labels/")
NUMBERS = {"scores": ("value", "low", "high"), "gained": ("difference", "low", "high")}
CODE = "code or data"
MEASURE, MAJORITY = "macro_f1", "majority"

_STAGE = re.compile(rb"^  (\S+):\n", re.MULTILINE)
_FILE = re.compile(rb"^    - path: (.+)\n(?:      hash: \w+\n)?      md5: (\S+)", re.MULTILINE)
_PARAMS_FILE = re.compile(rb"^      (\S+):\n", re.MULTILINE)
_GROUP = re.compile(rb"^        ([\w.]+):", re.MULTILINE)
_parsed: dict[bytes, Any] = {}


@dataclass(frozen=True, slots=True)
class Score:
    """A figure with its interval, where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(slots=True)
class Run:
    """One state: what it was made by, its figures, and by which md5 DVC knows its predictions and test texts.

    ``recipe`` is a hash of all that shapes a result but the base seed: parameters, task, and ``sources``, the code, raw
    data and labels by path with their md5. ``drawn`` tells, by arm, one draw of its texts from another where all seeds
    share it. ``note`` says what it lacks.
    """

    name: str
    rev: str
    params: Mapping[str, Any]
    task: Mapping[str, Any]
    seed: int | str
    recipe: str
    sources: Mapping[str, str] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    figures: dict[str, Score] = field(default_factory=dict)
    unlearned: set[str] = field(default_factory=set)
    predictions: dict[str, str] = field(default_factory=dict)
    test: str = ""
    drawn: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def task_name(self) -> str:
        """The value of ``base.task``."""
        return str(_group(self.params, "base").get("task", ""))


def read_run(name: str, rev: str, files: Mapping[str, bytes | None], task: bytes | None) -> Run:
    """A state from its files; ``files`` maps those of ``FILES`` to their content, ``task`` is the task file's.

    A state without results, or with results of other parameters, is a run with a note and without figures.
    """
    params, asked = parsed(files[PARAMS], f"{PARAMS} of {name}"), parsed(task, f"the task file of {name}")
    lock = dict(_stages(files[LOCK] or b""))
    sources = {path: known for stage, block in lock.items() if stage not in ("report", "track")
               for path, known in _entries(block) if path.startswith(MADE_FROM)}  # fmt: skip
    kept = settled(params)
    kept["base"] = {key: value for key, value in _group(params, "base").items() if key != "seed"}
    recipe = fingerprint(kept, asked, sources)
    seed = _group(params, "base").get("seed")
    run = Run(name, rev, params, asked, seed if isinstance(seed, int) else str(seed), recipe, sources)
    run.note = _lacking(lock, files, run)
    if not run.note:
        _fill(run, lock, files)
    return run


def parsed(content: bytes | None, where: str) -> dict[str, Any]:
    """A YAML mapping, read once for equal bytes; empty where there is none."""
    if content is None:
        return {}
    if content not in _parsed:
        value = parse_yaml(content, where)
        _parsed[content] = value if isinstance(value, dict) else {}
    found: dict[str, Any] = _parsed[content]
    return found


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values as pairs of a dotted name and a value."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def changed(run: Run, baseline: Run) -> dict[str, Any]:
    """The parameters in which a run differs from another, with its value; None where it has no such parameter.

    Parts of the task file are named as `-S` names them, ``tasks/city-topics.yaml:prompts.context``; the base seed and
    groups that shape no result are left out. ``CODE`` stands for code, raw data or labels that differ. Of another task
    only its name is said (``base.task``): all of its file differs.
    """
    one_task = run.task_name == baseline.task_name
    mine, other = dict(_settings(run, with_task=one_task)), dict(_settings(baseline, with_task=one_task))
    names = [*mine, *(name for name in other if name not in mine)]
    found = {name: mine.get(name) for name in names if canonical(mine.get(name)) != canonical(other.get(name))}
    shared = run.sources.keys() & baseline.sources.keys()
    return found | ({CODE: "other"} if any(run.sources[path] != baseline.sources[path] for path in shared) else {})


def _settings(run: Run, *, with_task: bool) -> Iterator[tuple[str, Any]]:
    for name, value in flat({group: values for group, values in run.params.items() if group not in UNSETTLED}):
        if name != "base.seed":
            yield name, value
    for name, value in flat(run.task if with_task else {}):
        yield f"tasks/{run.task_name}.yaml:{name}", value


def _lacking(lock: Mapping[str, bytes], files: Mapping[str, bytes | None], run: Run) -> str:
    """Why a state has no figures of its own; empty where it has."""
    if "report" not in lock:
        return "no results: the pipeline has not run to its end there"
    for file, name, value in _asked(lock["report"]):
        if canonical(_value(run.params if file == PARAMS else run.task, name)) != canonical(value):
            return f"{name} in {file} has changed since its results"
    known = dict(_entries(lock.get("evaluate", b"")))
    if files[SCORES] is None or known.get(SCORES) != md5(files[SCORES]):
        return f"{SCORES} is not the file that {LOCK} names"
    return ""


def _fill(run: Run, lock: Mapping[str, bytes], files: Mapping[str, bytes | None]) -> None:
    try:
        for row in sheet_rows(files[SCORES] or b"", SCORES):
            if row["measure"] == MEASURE and row["arm"] != MAJORITY:  # the largest budget stands last
                run.scores[row["arm"]] = Score(*(float(row[name]) for name in NUMBERS["scores"]))
        run.unlearned = {row["arm"] for row in sheet_rows(files[LEARNED] or b"", LEARNED)}
    except (KeyError, ValueError) as error:
        raise StandinError(f"the tables of reports/evaluate are broken ({error}); `dvc repro` writes them") from None
    figures = unlisted(json_value(Path(HEADLINE), files[HEADLINE] or b"{}"))
    if not isinstance(figures, dict):
        raise StandinError(f"{HEADLINE}: expected an object, found {type(figures).__name__}; `dvc repro` writes it")
    run.figures = {name: one for name, value in figures.items() if (one := _figure(value))}
    run.test = dict(_entries(lock.get("evaluate", b""))).get(TEST, "")
    for stage, block in lock.items():
        if stage.startswith("finetune@"):
            for path, digest in _entries(block):
                if (found := PREDICTIONS.fullmatch(path)) and found[1] in run.scores:
                    run.predictions[found[1]] = digest
    arms = _group(run.params, "arms")
    said = dict(_entries(lock.get("zeroshot", b""))).get(ZEROSHOT, "")
    run.drawn = dict(_drawn(run, lock))
    run.predictions |= {arm: said for arm in run.scores if answerer(arms.get(arm) or ()) == "llm"}


def _drawn(run: Run, lock: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Arms of which all seeds share one draw, as people label it, with what decided the draw."""
    select, finetune = _group(run.params, "select"), _group(run.params, "finetune")
    if select.get("labels", ORACLE) == ORACLE:
        return
    known = {path: digest for stage, block in lock.items() if stage == "arms" or stage.startswith("select@")
             for path, digest in _entries(block)}  # fmt: skip
    part = f"{known.get(POOL)} {(finetune.get('seeds') or [None])[0]}"
    for arm in run.scores:
        names = drawn_once(_group(run.params, "arms").get(arm) or (), selected=select.get("pool", "real") == "real")
        own = [
            f"{name} {known.get(f'data/selected/{name}.jsonl') if strategy(name) else part}" for name in sorted(names)
        ]
        if own:
            yield arm, ", ".join(own)


def _figure(value: Any) -> Score | None:
    """A headline figure: a number, or a difference with its interval; None for anything else."""
    given = [value.get(name) for name in NUMBERS["gained"]] if isinstance(value, dict) else [value]
    numbers = [float(number) for number in given if isinstance(number, int | float) and isfinite(number)]
    return Score(*numbers) if len(numbers) == len(given) else None


def _stages(lock: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and text of every stage in dvc.lock."""
    yield from ((name.decode(), block) for name, block in _pairs(_STAGE.split(lock)[1:]))


def _asked(block: bytes) -> Iterator[tuple[str, str, Any]]:
    """File, name and value of every parameter in a stage's text, a group at a time: most are equal in all states."""
    text = block.partition(b"    params:\n")[2].partition(b"    outs:\n")[0]
    for named, groups in _pairs(_PARAMS_FILE.split(text)[1:]):
        for name, group in _pairs(_GROUP.split(groups)[1:]):
            yield named.decode(), name.decode(), parsed(b"value:" + group, LOCK)["value"]


def _pairs(parts: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    yield from zip(parts[::2], parts[1::2], strict=True)


def _entries(block: bytes) -> Iterator[tuple[str, str]]:
    """Path and md5 of every dependency and output in a stage's text."""
    for path, digest in _FILE.findall(block):
        yield path.decode(errors="replace").strip("'\""), digest.decode()


def _group(params: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = params.get(name)
    return found if isinstance(found, Mapping) else {}


def _value(values: Any, name: str) -> Any:
    for part in name.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def labels_of(run: Run) -> list[str]:
    """The task's labels in order. Raises StandinError where its task file names none."""
    names = [str(label.get("name")) for label in run.task.get("labels") or [] if isinstance(label, Mapping)]
    if not names:
        raise StandinError(f"{run.name}: tasks/{run.task_name}.yaml names no labels")
    return names
