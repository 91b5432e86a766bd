"""Texts far from the task: unlike its real examples and unlike what its labels are described as.

How far is too far is read off real texts: every shot is left out once and compared with the others, as a synthetic text
is compared with all of them. All labels count, not only the text's own: a text of the wrong label is still of the task.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from standin.corpus import Row, by_question
from standin.curation.pairs import Vectors

NEAREST = 5
"""Shots whose mean cosine counts, as in Li et al.'s Sim. Of 19 texts of one zero-shot run of the example task that talk
to the asker or of other things, picked by hand, the nearest alone found 5 and the mean of five 7, at a bound for one
real text of twenty; of eight such measures it was chosen on that run (ours)."""
DIGITS = 6

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What the shots of one question (None in a task without questions) say: no bound where they are too few.

    ``removed``: the shots at or below the bound, as many as the share asks for.
    """

    question_id: str | None
    shots: int
    needed: int
    bound: float | None
    removed: int


@dataclass(frozen=True, slots=True)
class Far:
    """Id -> similarity of the texts off the task, and the yardstick of each question that has texts or shots."""

    texts: Mapping[str, float]
    yardsticks: tuple[Yardstick, ...]


def similarity(vectors: Vectors, shots: Vectors, descriptions: Vectors, *, left_out: bool = False) -> Scores:
    """Similarity to the task: the mean cosine of the nearest shots, or the cosine of a description if that is higher.

    Args:
        vectors: unit rows of the texts, shape (texts, d).
        shots: unit rows of real texts, shape (shots, d), at least one beside the one left out.
        descriptions: unit rows of what labels and question say, shape (descriptions, d); may be empty.
        left_out: whether text i is shot i itself, which is then not compared with itself.

    Returns:
        Shape (texts,), six decimals: the last bits of a product differ between machines.
    """
    cosines = vectors.astype(np.float64) @ shots.astype(np.float64).T
    if left_out:
        np.fill_diagonal(cosines, -np.inf)
    count = min(NEAREST, len(shots) - left_out)
    nearest: Scores = np.sort(cosines, axis=1)[:, len(shots) - count :].mean(axis=1)
    if len(descriptions):
        nearest = np.maximum(nearest, (vectors.astype(np.float64) @ descriptions.astype(np.float64).T).max(axis=1))
    return nearest.round(DIGITS)


def yardstick(shots: Vectors, descriptions: Vectors, share: float, question_id: str | None = None) -> Yardstick:
    """The bound that takes ``share`` of real texts like the shots.

    It is the k-th lowest similarity of n shots, each left out once, k = floor(share (n + 1)): a further real text from
    the same source lies at or below it in k of n + 1 cases (conformal prediction, Vovk et al. 2005, recalled). Where k
    is 0 the shots are too few to tell: 0.05 takes 19 of them.
    """
    number, needed = len(shots), math.ceil(1 / share - 1 - 1e-9)
    k = math.floor(share * (number + 1) + 1e-9)
    if number < max(needed, 2):
        return Yardstick(question_id, number, max(needed, 2), None, 0)
    own = np.sort(similarity(shots, shots, descriptions, left_out=True))
    bound = float(own[k - 1])
    return Yardstick(question_id, number, needed, bound, int((own <= bound).sum()))


def off_task(
    rows: Sequence[Row],
    vectors: Vectors,
    shots: Sequence[Row],
    shot_vectors: Vectors,
    descriptions: Mapping[str | None, Vectors],
    share: float,
) -> Far:
    """Find the texts at or below the bound of their question.

    Args:
        rows: synthetic texts.
        vectors: their embeddings, unit rows, shape (rows, d).
        shots: real texts that were drawn like the others, of all labels.
        shot_vectors: their embeddings, shape (shots, d).
        descriptions: question id (None in a task without questions) -> embeddings of what it and the labels say.
        share: of real texts, how many may lie as far away, above 0, below 1.
    """
    texts: dict[str, float] = {}
    found = []
    asked, known = _places(rows), _places(shots)
    for question in dict.fromkeys([*known, *asked]):
        mine, theirs = asked.get(question, []), shot_vectors[known.get(question, [])]
        said = descriptions.get(question, np.empty((0, shot_vectors.shape[1]), np.float32))
        found.append(yardstick(theirs, said, share, question))
        bound = found[-1].bound
        if bound is not None and mine:
            scores = similarity(vectors[mine], theirs, said)
            texts |= {rows[at].id: float(score) for at, score in zip(mine, scores, strict=True) if score <= bound}
    return Far(texts, tuple(found))


def _places(rows: Sequence[Row]) -> dict[str | None, list[int]]:
    """Places in ``rows`` per question."""
    at = {row.id: place for place, row in enumerate(rows)}
    return {question: [at[row.id] for row in group] for question, group in by_question(rows).items()}
