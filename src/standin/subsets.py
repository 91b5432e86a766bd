"""Parts of a set of training texts: nested subsets, and the texts of another question."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from standin.corpus import Row, by_question

AnyRow = TypeVar("AnyRow", bound=Row)


def nested(
    rows: Sequence[AnyRow], size: int | Mapping[str | None, int], seed: int, *, stratified: bool
) -> list[AnyRow]:
    """The first ``size`` rows of every question in an order drawn from ``seed``: smaller sets lie inside larger ones.

    Args:
        rows: the whole set.
        size: rows per question, one number for all or each question's (0 where it is not in); all of a question that
            has fewer.
        seed: of the order.
        stratified: every such beginning has the labels in the set's shares, as nearly as whole texts allow.

    Returns:
        The rows in the order drawn, questions in theirs.
    """
    found: list[AnyRow] = []
    for question, own in by_question(rows).items():
        drawn = np.random.default_rng([seed, zlib.crc32(str(question).encode())]).permutation(len(own))
        if stratified:
            drawn = drawn[np.argsort(_places([str(own[at].label) for at in drawn]), kind="stable")]
        most = size if isinstance(size, int) else size.get(question, 0)
        found += [own[at] for at in drawn[:most]]
    return found


def _places(labels: Sequence[str]) -> list[float]:
    """Where each text stands between 0 and 1 among those of its label, which are spread evenly."""
    counts, seen, places = Counter(labels), Counter[str](), []
    for label in labels:
        places.append((seen[label] + 0.5) / counts[label])
        seen[label] += 1
    return places


def misaligned(rows: Sequence[Row]) -> list[Row]:
    """Every question with the texts of the next one, the last with those of the first, their labels kept.

    The stance paper's check that the topic of synthetic texts matters, not their number (Wagner et al. 2025): where the
    next question has more texts than the question's own, as many are taken. Empty where there is one question.
    """
    groups = by_question(rows)
    names = list(groups)
    found: list[Row] = []
    for name, other in zip(names, [*names[1:], *names[:1]], strict=True):
        own = groups[name]
        taken = nested(groups[other], len(own), 0, stratified=True) if other != name else []
        found += [replace(row, id=f"{row.id}@{name}", question_id=name, question=own[0].question) for row in taken]
    return found
