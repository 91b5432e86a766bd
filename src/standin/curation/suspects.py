"""Kept texts whose label may be wrong, by confident learning (Northcutt, Jiang and Chuang 2021), ranked.

A logistic regression on the embeddings of the kept texts gives each text probabilities from folds that do not hold it.
A label's threshold is the mean probability it has among its own texts; a text counts as one of the label with the
highest probability among those that reach their thresholds; it is a suspect where that is not its own, unless the
classifier too finds its own the most probable (as in cleanlab: of 39 such texts none was a planted error). Ranked by
the normalised margin, the lowest first. What all texts of a label have wrong in common cannot be seen this way.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from standin.corpus import Row, by_question
from standin.errors import counted

Probabilities = npt.NDArray[np.float64]
FOLDS = 5
TAUGHT = 10_000
"""Most texts that a fold's classifier learns from, evenly from all: more cost time and hardly change 385 weights."""
DIGITS = 4
"""Of probabilities and scores: more of them differ between machines."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A text, its label and the one its words speak for.

    ``score`` is the normalised margin (p of the label less the highest p of another, plus 1, halved): 0 is surely
    wrong, 0.5 undecided. ``self_confidence`` is p of the label.
    """

    id: str
    question_id: str | None
    label: str
    suggested: str
    score: float
    self_confidence: float


@dataclass(frozen=True, slots=True)
class Suspects:
    """The suspects of all questions, the surest first, and where none could be sought: question id -> why."""

    ranked: list[Suspect]
    off: dict[str | None, str] = field(default_factory=dict)


def suspects(rows: Sequence[Row], vectors: npt.NDArray[np.float32]) -> Suspects:
    """Seek label suspects among texts, within each question.

    Args:
        rows: labelled texts.
        vectors: their embeddings, unit rows, shape (rows, dimensions).

    Returns:
        The ranked suspects. A question is left out, with the reason, where it has fewer than two labels or a label of
        fewer than five texts.
    """
    place = {row.id: at for at, row in enumerate(rows)}
    found: list[Suspect] = []
    off: dict[str | None, str] = {}
    for question, group in by_question(rows).items():
        names = sorted({str(row.label) for row in group})
        if why := _too_few(group):
            off[question] = why
            continue
        given = np.array([names.index(str(row.label)) for row in group])
        p = out_of_fold(vectors[[place[row.id] for row in group]], given)
        for at, suggested in confident_errors(p, given).items():
            own, other = p[at, given[at]], np.delete(p[at], given[at]).max()
            score = round(float((own - other + 1) / 2), DIGITS)
            found.append(
                Suspect(group[at].id, question, names[given[at]], names[suggested], score, round(float(own), DIGITS))
            )
    return Suspects(sorted(found, key=lambda each: (each.score, place[each.id])), off)


def _too_few(rows: Sequence[Row]) -> str | None:
    counts = Counter(str(row.label) for row in rows)
    if len(counts) < 2:
        return "all texts have one label"
    label, fewest = min(counts.items(), key=lambda item: (item[1], item[0]))
    return f"{label} has {counted(fewest, 'text')}, {FOLDS} are needed" if fewest < FOLDS else None


def out_of_fold(vectors: npt.NDArray[np.float32], given: npt.NDArray[np.int64]) -> Probabilities:
    """Each text's probabilities by a classifier that did not learn from it, shape (texts, labels).

    Folds are stratified and in the order of the texts, so that texts of one chat are mostly in one fold.

    Args:
        vectors: shape (texts, dimensions).
        given: the labels as 0, 1, ...; at least five texts of each.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    p = np.zeros((len(given), int(given.max()) + 1))
    for taught, asked in StratifiedKFold(FOLDS).split(vectors, given):
        step = -(-len(taught) // TAUGHT)
        some = np.concatenate([taught[given[taught] == label][::step] for label in range(p.shape[1])])
        # Of errors planted in real texts C 1 finds 52 % among as many first suspects, C 10 finds 38 %
        # (benchmarks/label_suspects.py, 5 % of city-topics).
        model = LogisticRegression(C=1.0, max_iter=1000)
        with threadpool_limits(1):  # products this thin took 25 times as long where two threads waited for each other
            model.fit(vectors[some].astype(np.float64), given[some])
        p[asked] = model.predict_proba(vectors[asked].astype(np.float64))
    return p


def confident_errors(p: Probabilities, given: npt.NDArray[np.int64]) -> dict[int, int]:
    """Place -> label it counts as, of the texts that count as another label than their own.

    Args:
        p: out-of-fold probabilities, shape (texts, labels).
        given: the labels as 0, 1, ...; each has a text.
    """
    thresholds = np.array([p[given == label, label].mean() for label in range(p.shape[1])])
    reached = p >= thresholds
    counts_as = np.where(reached, p, -1.0).argmax(axis=1)
    wrong = reached.any(axis=1) & (counts_as != given) & (p.argmax(axis=1) != given)
    return {int(at): int(counts_as[at]) for at in np.flatnonzero(wrong)}
