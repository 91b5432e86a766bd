"""The classifiers that read a file of texts: those of an arm of the last run, or of any folder that holds some."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from standin.corpus import read_json
from standin.errors import StandinError, nearest
from standin.report.headline import learned_scores
from standin.sheets import sheet_rows

MODELS, NONE = Path("models"), "none.json"
SCORES, LEARNED = Path("reports/evaluate/scores.csv"), Path("reports/evaluate/learned.csv")
DIGITS = 12


@dataclass(frozen=True, slots=True)
class Reader:
    """One classifier in its folder, with what it was trained on.

    ``pairs``: it reads every text together with a question. ``question`` is that question's id and ``words`` its text
    as it was in training; both are None where it reads texts alone, or answers to any question (the warm start).
    """

    folder: Path
    question: str | None
    words: str | None
    pairs: bool
    labels: tuple[str, ...]
    version: str
    """What tells this classifier from every other: the start of the SHA-256 of its weights."""

    @property
    def name(self) -> str:
        """Folder and version, as ``models/real@1a2b3c4d5e6f``."""
        return f"{self.folder.as_posix()}@{self.version}"


def readers(model: Path | None, questions: dict[str, str]) -> dict[str | None, Reader]:
    """The classifiers of a folder, by question id; None: of texts without a question, or of answers to any.

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
    if (folder / NONE).exists():
        none = read_json(folder / NONE)
        if "classifier" not in none:
            raise StandinError(f"{folder}: holds no classifier: {none['reason']}")
        return readers(Path(none["classifier"]), questions)
    places = (
        [folder] if (folder / "config.json").exists() else sorted(path.parent for path in folder.glob("*/config.json"))
    )
    found = [_reader(place, questions) for place in places if (place / "training.json").exists()]
    if not found and any(folder.glob("*/*.npz")):
        raise StandinError(f"{folder}: keeps what classifiers said of the run's texts, and none of them: name an arm's")
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
    question, words = said.get("question_id"), said.get("question")
    if question is not None and words is None:  # written before it was noted
        if question not in questions:
            known = nearest(question, questions)
            raise StandinError(f"{folder}: its question {question!r} is none of the task's: {known}")
        words = questions[question]
    pairs = said.get("pairs", question is not None or said.get("arm", "") is None)  # the warm start is no arm's
    return Reader(folder, question, words, bool(pairs), labels, version_of(folder))


def version_of(folder: Path) -> str:
    """What tells a classifier from every other: the start of the SHA-256 of its weights."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*/*.safetensors")):
        if (path.parent / "training.json").exists() == (path.parent == folder):
            found.update(path.read_bytes())
    return found.hexdigest()[:DIGITS]


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
        if (MODELS / arm).is_dir() and _answers(MODELS / arm)
    }
    if not scores:
        raise StandinError(
            f"{MODELS}: no arm of {SCORES} learned and has its classifier here. `dvc pull models` brings classifiers, "
            "--model names one"
        )
    return max(scores, key=lambda arm: scores[arm])


def _answers(folder: Path) -> bool:
    """Whether an arm has a classifier here, its own or another's."""
    none = read_json(folder / NONE) if (folder / NONE).exists() else None
    return none is None or Path(none.get("classifier", folder), "config.json").exists()
