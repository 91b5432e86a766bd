"""What a study keeps of a run: every answer on the test texts, a character each, and the figures of its stages.

``studies/<study>/<run>.json.gz``, some ten thousand bytes, which git holds: tables and claims need nothing else, so
runs of several sittings and machines come together. No text is in it.
"""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from standin.compare.answers import rows_of, stored, stores
from standin.compare.revisions import chosen
from standin.compare.states import TEST, Run
from standin.errors import StandinError
from standin.ingredients import with_encoder
from standin.studies.study import FOLDER, STAGES, Point
from standin.tracking import trees

FIRST = 48
"""Unicode's place of "0": the character that stands for the first label."""
PLANE = "reports/report/selection.csv"


@dataclass(frozen=True, slots=True)
class Texts:
    """The test texts of a question: their ids and, as a character each, their labels."""

    question: str | None
    ids: tuple[str, ...]
    truth: str


@dataclass(frozen=True, slots=True)
class Said:
    """The answers of one classifier on a question's test texts, in the order of ``Texts.ids``."""

    arm: str
    budget: int | None
    seed: int
    question: str | None
    labels: str


@dataclass(frozen=True, slots=True)
class Record:
    """A run: what made it, the labels that the characters stand for, texts, answers, figures, seconds.

    ``changes``: what ``-S`` changed. ``scored``: labels that macro-F1 goes over, none for all. ``unlearned``: arms that
    had not learned. ``figures``: the report's, by name. ``metrics``: by stage. ``plane``: the texts in the plane of
    their two principal components: panel (a strategy), kind (real, synthetic or selected), x, y.
    """

    study: str
    task: str
    values: Mapping[str, Any]
    changes: Sequence[str]
    recipe: str
    models: Mapping[str, str]
    labels: Sequence[str]
    scored: Sequence[str]
    texts: Sequence[Texts]
    answers: Sequence[Said]
    unlearned: Sequence[str] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    plane: Sequence[Sequence[Any]] = ()
    seconds: float = 0.0

    def figure(self, name: str) -> float | None:
        """A number among the metrics, as diversity.real.remote_clique_cosine; None where there is none."""
        found: Any = self.metrics
        for part in name.split("."):
            found = found[0] if isinstance(found, list) and found else found
            found = found.get(part) if isinstance(found, Mapping) else None
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def path_of(point: Point) -> Path:
    """Where a run's record is kept."""
    return FOLDER / point.study / f"{point.name}.json.gz"


def write(record: Record, path: Path) -> None:
    """Write a record whole or not at all, equal bytes for equal content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(record), ensure_ascii=False, sort_keys=True).encode()
    partial = path.with_suffix(".partial")
    partial.write_bytes(gzip.compress(content, mtime=0))
    partial.replace(path)


def read(path: Path) -> Record:
    """Read a record. Raises StandinError where the file is none."""
    try:
        raw = json.loads(gzip.decompress(path.read_bytes()))
        texts = [Texts(one["question"], tuple(one["ids"]), one["truth"]) for one in raw.pop("texts")]
        answers = [Said(**one) for one in raw.pop("answers")]
        return Record(**raw, texts=texts, answers=answers)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StandinError(f"{path}: no record of a study's run ({error}): remove it, then run the study") from None


def collect(point: Point, experiment: str, changed: Sequence[str], seconds: float) -> Record:
    """Read a run from its DVC experiment.

    Args:
        point: which run of the study.
        experiment: name of the experiment, in git.
        changed: what ``-S`` changed.
        seconds: what the run took.

    Raises:
        StandinError: there is no such experiment, or this machine lacks its predictions.
    """
    run = chosen([experiment], experiment, everything=True)[0]
    if run.note:
        raise StandinError(f"the experiment {experiment}: {run.note}")
    labels = [label["name"] for label in run.task["labels"]]
    codes = {label: chr(FIRST + place) for place, label in enumerate(labels)}
    folders = stores()

    def rows(known: str, what: str) -> list[dict[str, Any]]:
        content = stored(known, folders) if known else None
        if content is None:
            raise StandinError(f"the experiment {experiment}: {what} is not on this machine: `dvc fetch` brings it")
        return rows_of(content)

    by_question: dict[str | None, dict[str, str]] = {}
    for row in rows(run.test, TEST):
        by_question.setdefault(row.get("question_id"), {})[row["id"]] = codes[row["label"]]
    texts = [Texts(question, tuple(sorted(own)), "".join(own[text] for text in sorted(own)))
             for question, own in by_question.items()]  # fmt: skip
    answers: list[Said] = []
    for arm, known in run.predictions.items():
        said: dict[tuple[int | None, int, str | None], dict[str, str]] = {}
        for row in rows(known, f"the predictions of {arm}"):
            said.setdefault((row["budget"], row["seed"], row.get("question_id")), {})[row["id"]] = codes[row["label"]]
        for (budget, seed, question), own in said.items():
            ids = next(one.ids for one in texts if one.question == question)
            answers.append(Said(arm, budget, seed, question, "".join(own[text] for text in ids)))
    tree = trees.Commit(run.rev)
    metrics = {stage: json.loads(tree.read(f"reports/{stage}/metrics.json") or b"null") for stage in STAGES}
    return Record(
        point.study,
        point.task,
        dict(point.values),
        list(changed),
        run.recipe,
        _models(run),
        labels,
        list((run.params.get("evaluate") or {}).get("scored_labels") or []),
        texts,
        answers,
        sorted(run.unlearned),
        {name: one.value for name, one in run.figures.items()},
        metrics,
        _plane(tree.read(PLANE)),
        round(seconds),
    )


def _plane(sheet: bytes | None) -> list[list[Any]]:
    rows = csv.DictReader((sheet or b"").decode().splitlines())
    return [[row["panel"], row["kind"], round(float(row["x"]), 3), round(float(row["y"]), 3)] for row in rows]


def _models(run: Run) -> dict[str, str]:
    """The models that made the run; no encoder where no arm is answered by one, no generator of no texts."""
    named = {"generator": ("generator", "model"), "encoder": ("finetune", "encoder"), "embedding": ("embed", "model")}
    arms = run.params.get("arms")
    if arms and not with_encoder(arms.values()):
        del named["encoder"]
    if (run.params.get("generator") or {}).get("texts") == 0:
        del named["generator"]
    found = {name: (run.params.get(group) or {}).get(key) for name, (group, key) in named.items()}
    return {name: str(model) for name, model in found.items() if model}
