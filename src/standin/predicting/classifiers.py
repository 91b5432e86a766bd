"""The classifiers that read a file of texts: those of an arm of the last run, or of any folder that holds some."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.corpus import Row, read_json
from standin.errors import StandinError, nearest
from standin.report.headline import learned_scores
from standin.sheets import sheet_rows

MODELS = Path("models")
SCORES, LEARNED = Path("reports/evaluate/scores.csv"), Path("reports/evaluate/learned.csv")
CHUNK = 1024
"""Texts that are encoded at a time, all longest first: more would save no padding, and show progress too rarely."""
DIGITS = 12


@dataclass(frozen=True)
class Reader:
    """One classifier in its folder; ``question`` is the id of the question that its texts answer, ``words`` it."""

    folder: Path
    arm: str
    seed: int | None
    budget: int | None
    question: str | None
    words: str | None
    labels: tuple[str, ...]

    @cached_property
    def version(self) -> str:
        """What tells this classifier from every other: the start of the SHA-256 of its weights."""
        found = hashlib.sha256()
        for path in sorted(self.folder.glob("*.safetensors")) + sorted(self.folder.glob("*/*.safetensors")):
            if (path.parent / "training.json").exists() == (path.parent == self.folder):
                found.update(path.read_bytes())
        return found.hexdigest()[:DIGITS]

    @property
    def name(self) -> str:
        """Folder and version, as ``models/real@1a2b3c4d5e6f``."""
        return f"{self.folder.as_posix()}@{self.version}"


def readers(model: Path | None, questions: dict[str, str]) -> dict[str | None, Reader]:
    """The classifiers of a folder, by question id (None in a task without questions).

    Args:
        model: the folder; None takes the arm of the last run with the highest macro-F1.
        questions: the task's, id -> text.

    Raises:
        StandinError: there is no such folder, no classifier in it, or no run yet.
    """
    folder = model if model is not None else MODELS / best_arm()
    if not folder.is_dir():
        known = [path.name for path in MODELS.iterdir() if path.is_dir()] if MODELS.is_dir() else []
        hint = f": {nearest(folder.name, known)}" if known else "; `dvc repro` or `dvc pull` brings models"
        raise StandinError(f"{folder}: there is no such folder{hint}")
    if (folder / "none.json").exists():
        raise StandinError(f"{folder}: no classifier was trained: {read_json(folder / 'none.json')['reason']}")
    places = (
        [folder] if (folder / "config.json").exists() else sorted(path.parent for path in folder.glob("*/config.json"))
    )
    found = [_reader(place, questions) for place in places if (place / "training.json").exists()]
    if not found:
        raise StandinError(f"{folder}: holds no classifier that Standin wrote; `dvc repro` or `dvc pull` brings one")
    if len({reader.question for reader in found}) < len(found):
        raise StandinError(f"{folder}: holds several classifiers: name one of {', '.join(map(str, places))}")
    if len({reader.labels for reader in found}) > 1:
        raise StandinError(f"{folder}: holds classifiers of other labels; name one of {', '.join(map(str, places))}")
    return {reader.question: reader for reader in found}


def _reader(folder: Path, questions: dict[str, str]) -> Reader:
    said, config = read_json(folder / "training.json"), read_json(folder / "config.json")
    labels = tuple(config["id2label"][code] for code in sorted(config["id2label"], key=int))
    question = said.get("question_id")
    if question is not None and question not in questions:
        raise StandinError(f"{folder}: its question {question!r} is none of the task's: {nearest(question, questions)}")
    words = questions[question] if question is not None else None
    return Reader(
        folder, str(said.get("arm", folder.name)), said.get("seed"), said.get("budget"), question, words, labels
    )


def best_arm() -> str:
    """The arm of the last run with the highest macro-F1 on the test texts, of those that learned and have a classifier.

    Raises StandinError where there is none.
    """
    if not SCORES.exists():
        raise StandinError(f"{SCORES}: nothing was evaluated yet: run `dvc repro`, or name a classifier with --model")
    tables = [sheet_rows(path.read_bytes(), path) if path.exists() else [] for path in (SCORES, LEARNED)]
    scores = {
        arm: score
        for arm, score in learned_scores(*tables).items()
        if (MODELS / arm).is_dir() and not (MODELS / arm / "none.json").exists()
    }
    if not scores:
        raise StandinError(
            f"{MODELS}: no arm of {SCORES} learned and has its classifier here. `dvc pull models` brings classifiers, "
            "--model names one"
        )
    return max(scores, key=lambda arm: scores[arm])


def read(
    found: dict[str | None, Reader],
    texts: Sequence[str],
    asked: Sequence[str | None],
    runtime: Runtime,
    done: Callable[[int], None],
) -> npt.NDArray[np.float64]:
    """Probabilities of the labels for every text, shape (n, labels); NaN where a text is blank.

    Args:
        found: the classifiers by question.
        texts: n texts; equal ones are read once.
        asked: the question each answers, a key of ``found``.
        runtime: threads and device.
        done: told of texts that are done.
    """
    from standin.classifier.encoders import load
    from standin.classifier.prediction import predict

    labels = next(iter(found.values())).labels
    shares = np.full((len(texts), len(labels)), np.nan)
    for question, reader in found.items():
        places: dict[str, list[int]] = {}
        for place, (text, own) in enumerate(zip(texts, asked, strict=True)):
            if own == question and text.strip():
                places.setdefault(text, []).append(place)
        if not places:
            continue
        classifier = load(reader.folder, runtime)
        different = sorted(places, key=len, reverse=True)
        for begin in range(0, len(different), CHUNK):
            chunk = different[begin : begin + CHUNK]
            for text, row in zip(chunk, predict(classifier, chunk, [reader.words] * len(chunk)), strict=True):
                shares[places[text]] = row
            done(sum(len(places[text]) for text in chunk))
    return shares


def known_errors(
    reader: Reader, test: Sequence[Row], runtime: Runtime, done: Callable[[int], None]
) -> npt.NDArray[np.intp]:
    """The labelled test texts of its question by true label (row) and by what it says (column): (labels, labels).

    Raises StandinError where a label is none of the classifier's.
    """
    own = [row for row in test if row.question_id == reader.question and row.label is not None]
    counts = np.zeros((len(reader.labels), len(reader.labels)), dtype=np.intp)
    if other := {str(row.label) for row in own} - set(reader.labels):
        raise StandinError(
            f"{reader.folder}: says {', '.join(reader.labels)}; the test texts have the label {min(other)!r} too: name "
            "a classifier of this task"
        )
    if own:
        shares = read({reader.question: reader}, [row.text for row in own], [reader.question] * len(own), runtime, done)
        truth = [reader.labels.index(str(row.label)) for row in own]
        np.add.at(counts, (truth, shares.argmax(axis=1)), 1)
    return counts
