"""Seeded, stratified splits of real rows that never share a text.

Every row has a place in one order, by a hash of a drawn salt and its id. Test and validation are taken from the front
of each label's order, shots follow, the pool is taken from its end. So a larger pool holds the smaller one, a change of
``prepare.pool`` leaves test and validation as they are, and a row more or less in the file moves hardly any other.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from standin.corpus import Row, by_question
from standin.errors import StandinError

SPLITS = ("shots", "validation", "pool", "test")
Stratum = str | None
"""A label; None where the texts have none."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Texts per split, and per question where there are questions."""

    shots: int
    validation: int
    pool: int
    test: int


@dataclass(frozen=True, slots=True)
class Distinct:
    """Rows of which no two share a normalised text, and how many were dropped to get there."""

    rows: tuple[Row, ...]
    equal: int
    """Repetitions of a text that is kept once."""
    contradicting: int
    """Rows whose text stands with different labels: all of them are dropped."""
    shared: int
    """Rows whose text stands in a set that has precedence (the published test file)."""


@dataclass(frozen=True, slots=True)
class Splits:
    """The drawn splits; every row's ``split`` says where it stands. ``pool`` rows keep their labels here."""

    shots: tuple[Row, ...]
    validation: tuple[Row, ...]
    pool: tuple[Row, ...]
    test: tuple[Row, ...]


def normalised(text: str) -> str:
    """The text by which rows count as equal: casefolded, runs of whitespace as one blank."""
    return " ".join(text.casefold().split())


def distinct(rows: Sequence[Row], taken: Sequence[Row] = ()) -> Distinct:
    """Keep each text once, in the order given, and none that stands in ``taken``.

    A text with different labels (for one question) says nothing reliable, so all its rows go.
    """
    elsewhere = {normalised(row.text) for row in taken}
    labels: dict[tuple[str | None, str], set[str | None]] = {}
    for row in rows:
        labels.setdefault((row.question_id, normalised(row.text)), set()).add(row.label)
    kept: dict[str, Row] = {}
    dropped: Counter[str] = Counter()
    for row in rows:
        text = normalised(row.text)
        if text in elsewhere:
            dropped["shared"] += 1
        elif len(labels[row.question_id, text]) > 1:
            dropped["contradicting"] += 1
        elif text in kept:
            dropped["equal"] += 1
        else:
            kept[text] = row
    return Distinct(tuple(kept.values()), dropped["equal"], dropped["contradicting"], dropped["shared"])


def draw(
    rows: Sequence[Row], published_test: Sequence[Row] | None, sizes: Sizes, rng: np.random.Generator, where: str
) -> Splits:
    """Draw the splits, question by question.

    Args:
        rows: distinct rows (see ``distinct``). Where they have no labels, only the pool is drawn from them.
        published_test: labelled rows of a published test file, or None: then test is drawn from ``rows`` too.
        sizes: texts per split and question.
        rng: its next 16 bytes salt the order.
        where: the file, for messages.

    Returns:
        Splits that share no row. Test, validation and pool have the natural proportions of labels (largest remainder,
        every label at least once where it can), shots equal numbers per label as far as they exist.

    Raises:
        StandinError: naming the split, its key in params.yaml, how many texts it asks for and how many there are.
    """
    salt = rng.bytes(16)

    def place(row: Row) -> bytes:
        return hashlib.sha256(salt + row.id.encode()).digest()

    found: dict[str, list[Row]] = {split: [] for split in SPLITS}
    tests = by_question(published_test or ())
    for question, group in by_question(rows).items():
        named = f"{where}, question {question!r}" if question else where
        own_test = tests.get(question, []) if published_test is not None else None
        for split, drawn in _draw_one(group, own_test, sizes, place, named).items():
            found[split] += [replace(row, split=split) for row in sorted(drawn, key=place)]
    return Splits(**{split: tuple(found[split]) for split in SPLITS})


def _draw_one(
    rows: Sequence[Row],
    published_test: Sequence[Row] | None,
    sizes: Sizes,
    place: Callable[[Row], bytes],
    where: str,
) -> dict[str, list[Row]]:
    """The splits of one question."""
    labelled = any(row.label is not None for row in rows)
    asked = {"test": sizes.test, "validation": sizes.validation, "shots": sizes.shots, "pool": sizes.pool}
    if not labelled:
        asked |= {"test": 0, "validation": 0, "shots": 0}
    test: list[Row] = []
    if published_test is not None:
        asked["test"] = 0
        test = _published(published_test, sizes.test, labelled, place, where)
    _check_sizes(asked, len(rows), where)
    strata = _strata(rows, place)
    counts = shares(asked, {stratum: len(members) for stratum, members in strata.items()})
    found: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for stratum, members in strata.items():
        at = 0
        for split in ("test", "validation", "shots"):
            found[split] += members[at : at + counts[split][stratum]]
            at += counts[split][stratum]
        found["pool"] += members[len(members) - counts["pool"][stratum] :]
    found["test"] += test
    return found


def _published(rows: Sequence[Row], size: int, needed: bool, place: Callable[[Row], bytes], where: str) -> list[Row]:
    """A stratified subset of a published test file, whose repeated texts stay: scores compare with published ones."""
    rows = [row for row in rows if row.label is not None]
    if not rows and not needed:
        return []
    if not rows:
        raise StandinError(
            f"the test file holds no labelled text for {where}. Set source.test to null in the task's file: then the "
            "test texts are drawn from source.train."
        )
    if size > len(rows):
        raise StandinError(
            f"prepare.test asks for {size} texts, but the test file holds {len(rows)} ({where}). "
            f"Set prepare.test to {len(rows)} or less."
        )
    strata = _strata(rows, place)
    counts = proportional(size, {stratum: len(members) for stratum, members in strata.items()})
    return [row for stratum, members in strata.items() for row in members[: counts[stratum]]]


def _strata(rows: Sequence[Row], place: Callable[[Row], bytes]) -> dict[Stratum, list[Row]]:
    """Rows per label, labels by name, members by place."""
    strata: dict[Stratum, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.label or "", place(row))):
        strata.setdefault(row.label, []).append(row)
    return strata


def _check_sizes(asked: Mapping[str, int], there: int, where: str) -> None:
    left = there
    for split, size in asked.items():
        if size > left:
            others = [f"{name} {asked[name]}" for name in list(asked)[: list(asked).index(split)] if asked[name]]
            taken = f"; {', '.join(others)} go first" if others else ""
            fitting = ", ".join(f"prepare.{name}={count}" for name, count in fitting_sizes(asked, there).items())
            raise StandinError(
                f"prepare.{split} asks for {size} texts, but {left} are there: {where} holds {there} usable texts"
                f"{taken}. Lower prepare.{split}{' or one of those' if others else ''} in params.yaml, or add texts."
                f"{f' Sizes that fit: {fitting}' if fitting else ''}"
            )
        left -= size


def fitting_sizes(asked: Mapping[str, int], there: int) -> dict[str, int]:
    """Split sizes in the same proportions that ``there`` texts allow; empty where they are too few for any.

    A twentieth is left aside for repeated texts.
    """
    share = 0.95 * there / sum(asked.values())
    sizes = {split: max(1, int(size * share)) for split, size in asked.items() if size}
    return sizes if sum(sizes.values()) <= there else {}


def shares(asked: Mapping[str, int], there: Mapping[Stratum, int]) -> dict[str, dict[Stratum, int]]:
    """How many rows of each label each split gets.

    Test, validation and pool get the natural proportions, shots an equal share of what remains; one row of each label
    is held back for shots first, so that few-shot prompts have an example of every label that exists.
    """
    held = dict.fromkeys(there, 1 if asked["shots"] >= len(there) else 0)
    free = {stratum: count - held[stratum] for stratum, count in there.items()}
    counts: dict[str, dict[Stratum, int]] = {}
    for split in ("test", "validation", "pool"):
        counts[split] = proportional(asked[split], there, free)
        free = {stratum: free[stratum] - counts[split][stratum] for stratum in there}
    counts["shots"] = equal(asked["shots"], {stratum: free[stratum] + held[stratum] for stratum in there})
    return counts


def proportional(
    size: int, weights: Mapping[Stratum, int], most: Mapping[Stratum, int] | None = None
) -> dict[Stratum, int]:
    """Divide ``size`` in proportion to ``weights`` by largest remainder, nowhere above ``most``.

    Every stratum that has a row gets at least one where ``size`` allows it. Ties go to the stratum that comes first.
    ``size`` must not exceed the sum of ``most`` (default: the weights).
    """
    most = weights if most is None else most
    total = sum(weights.values())
    quota = {stratum: size * weight / total if total else 0.0 for stratum, weight in weights.items()}
    given = {stratum: min(int(quota[stratum]), most[stratum]) for stratum in weights}
    while sum(given.values()) < size:
        open_ = [stratum for stratum in weights if given[stratum] < most[stratum]]
        given[max(open_, key=lambda stratum: quota[stratum] - given[stratum])] += 1
    if size >= len(weights):
        for stratum in weights:
            richest = max(weights, key=lambda other: given[other])
            if given[stratum] == 0 and most[stratum] > 0 and given[richest] > 1:
                given[stratum], given[richest] = 1, given[richest] - 1
    return given


def equal(size: int, most: Mapping[Stratum, int]) -> dict[Stratum, int]:
    """Divide ``size`` equally, nowhere above ``most``; what a rare label cannot give, the others give equally."""
    given = dict.fromkeys(most, 0)
    for _ in range(size):
        open_ = [stratum for stratum in most if given[stratum] < most[stratum]]
        given[min(open_, key=lambda stratum: given[stratum])] += 1
    return given
