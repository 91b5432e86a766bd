"""Seeded, stratified splits of real rows that never share a text.

Every row has a place in one order, by a hash of a drawn salt and its id. Test and validation are taken from the front
of each label's order, shots follow, the pool is taken from its end. So a larger pool holds the smaller one, a change of
``prepare.pool`` leaves test and validation as they are, and a row more or less in the file moves hardly any other.
Rows nearly equal to a test text leave before validation is drawn, those nearly equal to a validation text before shots
and pool are: the next row in the order takes their place, so the sizes hold and no other row moves.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from standin.corpus import Row, by_question
from standin.curation.duplicates import lexical_pairs
from standin.errors import StandinError, counted
from standin.sources.proportions import Stratum, check_sizes, proportional, shares

SPLITS = ("shots", "validation", "pool", "test")


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
class Likeness:
    """``row`` is nearly equal to ``other``, a text of ``split`` (test or validation); Jaccard of 5-grams, 0 to 1."""

    row: Row
    split: str
    other: Row
    jaccard: float


@dataclass(frozen=True, slots=True)
class Splits:
    """The drawn splits; every row's ``split`` says where it stands. ``pool`` rows keep their labels here."""

    shots: tuple[Row, ...]
    validation: tuple[Row, ...]
    pool: tuple[Row, ...]
    test: tuple[Row, ...]
    left_out: tuple[Likeness, ...] = ()
    """Rows of the file that are nearly equal to a held-out text and therefore in no split."""


def normalised(text: str) -> str:
    """The text by which rows count as equal: casefolded, runs of whitespace as one blank."""
    return " ".join(text.casefold().split())


def _digest(text: str) -> bytes:
    """16 bytes that stand for a normalised text: copies of a million texts would take a gigabyte."""
    return hashlib.blake2b(normalised(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def distinct(rows: Sequence[Row], taken: Sequence[Row] = ()) -> Distinct:
    """Keep each text once, in the order given, and none that stands in ``taken``.

    A text with different labels (for one question) says nothing reliable, so all its rows go.
    """
    elsewhere = {_digest(row.text) for row in taken}
    texts = [_digest(row.text) for row in rows]
    labels: dict[str | None, dict[bytes, str | None]] = {}
    contradicted: set[tuple[str | None, bytes]] = set()
    for row, text in zip(rows, texts, strict=True):
        if labels.setdefault(row.question_id, {}).setdefault(text, row.label) != row.label:
            contradicted.add((row.question_id, text))
    kept: dict[bytes, Row] = {}
    dropped: Counter[str] = Counter()
    for row, text in zip(rows, texts, strict=True):
        if text in elsewhere:
            dropped["shared"] += 1
        elif (row.question_id, text) in contradicted:
            dropped["contradicting"] += 1
        elif text in kept:
            dropped["equal"] += 1
        else:
            kept[text] = row
    return Distinct(tuple(kept.values()), dropped["equal"], dropped["contradicting"], dropped["shared"])


def contradictions(rows: Sequence[Row]) -> int:
    """How many texts stand with different labels for one question; a published test file may hold such."""
    labels: dict[tuple[str | None, str], set[str | None]] = {}
    for row in rows:
        labels.setdefault((row.question_id, normalised(row.text)), set()).add(row.label)
    return sum(len(found) > 1 for found in labels.values())


def likenesses(rows: Sequence[Row], held_out: Sequence[Row], split: str, threshold: float) -> list[Likeness]:
    """The rows nearly equal to a held-out text, in order, each with its most similar one (of equals the first).

    The rule by which synthetic texts are cleaned: character 5-grams of the normalised texts, Jaccard similarity at or
    above ``threshold`` (so equal ones too).
    """
    if not rows or not held_out:
        return []
    best: dict[int, tuple[int, float]] = {}
    for place, other, score in lexical_pairs([row.text for row in rows], [row.text for row in held_out], threshold):
        if place not in best or score > best[place][1]:
            best[place] = (other, score)
    return [Likeness(rows[place], split, held_out[other], score) for place, (other, score) in sorted(best.items())]


def draw(
    rows: Sequence[Row],
    published_test: Sequence[Row] | None,
    sizes: Sizes,
    rng: np.random.Generator,
    where: str,
    near_duplicate: float | None = None,
) -> Splits:
    """Draw the splits, question by question.

    Args:
        rows: distinct rows (see ``distinct``). Where they have no labels, all of them are the pool, whatever its size.
        published_test: labelled rows of a published test file, or None: then test is drawn from ``rows`` too. It stays
            as it is: where texts are nearly equal, the other split's go.
        sizes: texts per split and question.
        rng: its next 16 bytes salt the order.
        where: the file, for messages.
        near_duplicate: Jaccard similarity (see ``likenesses``) from which a row may not stand in another split than
            the test or validation text it is like; those of all questions and of the whole published file count. None
            compares nothing.

    Returns:
        Splits that share no row. Test, validation and pool have the natural proportions of labels (largest remainder,
        every label at least once where it can), shots equal numbers per label as far as they exist.

    Raises:
        StandinError: naming the split, its key in params.yaml, how many texts it asks for and how many there are, and
            how many were nearly equal to a held-out text.
    """
    salt = rng.bytes(16)

    def place(row: Row) -> bytes:
        return hashlib.sha256(salt + row.id.encode()).digest()

    tests = by_question(published_test or ())
    drawings: dict[str | None, _Drawing] = {}
    for question, group in by_question(rows).items():
        named = f"{where}, question {question!r}" if question else where
        drawings[question] = drawing = _drawing(group, sizes, named, published=published_test is not None)
        own = tests.get(question, [])
        labelled = any(row.label is not None for row in group)
        test = _published(own, sizes.test, labelled, place, named) if published_test is not None else None
        drawing.take(("test",), place)
        if test is not None:
            drawing.found["test"] = test
    left_out: list[Likeness] = []
    for split, following in (("test", ("validation",)), ("validation", ("shots", "pool"))):
        if near_duplicate is not None:
            held_out = [row for drawing in drawings.values() for row in drawing.found[split]]
            if split == "test" and published_test is not None:
                held_out = list(published_test)
            left = [row for drawing in drawings.values() for row in drawing.left]
            left_out += (found := likenesses(left, held_out, split, near_duplicate))
            gone = {each.row.id for each in found}
            for drawing in drawings.values():
                drawing.leave_out(gone, split)
        for drawing in drawings.values():
            drawing.take(following, place)
    splits = {
        split: tuple(
            replace(row, split=split)
            for drawing in drawings.values()
            for row in sorted(drawing.found[split], key=place)
        )
        for split in SPLITS
    }
    return Splits(**splits, left_out=tuple(left_out))


@dataclass(slots=True)
class _Drawing:
    """One question while its splits are drawn: rows still free, sizes asked for, what was found and left out.

    ``whole``: nothing is labelled, and the pool takes every row.
    """

    left: list[Row]
    asked: dict[str, int]
    where: str
    whole: bool
    there: dict[Stratum, int] = field(init=False)
    total: int = field(init=False)
    found: dict[str, list[Row]] = field(default_factory=dict)
    near: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.there = dict(sorted(Counter(row.label for row in self.left).items(), key=lambda item: item[0] or ""))
        self.total = len(self.left)

    def leave_out(self, ids: Set[str], split: str) -> None:
        """Give up the rows that are nearly equal to a text of ``split``."""
        before = len(self.left)
        self.left = [row for row in self.left if row.id not in ids]
        self.near[split] += before - len(self.left)

    def take(self, splits: Sequence[str], place: Callable[[Row], bytes]) -> None:
        """Take the rows of ``splits`` out of ``left``, the pool's from the end of each label's order.

        Proportions are those of all the question's rows, whatever was left out.
        """
        if self.whole:
            self.asked["pool"] = len(self.left)
        check_sizes(self.asked, self.total, self.where, self.near)
        strata = _strata(self.left, place)
        open_ = {split: 0 if split in self.found else size for split, size in self.asked.items()}
        counts = shares(open_, {stratum: len(strata.get(stratum, ())) for stratum in self.there}, self.there)
        for split in splits:
            self.found[split] = []
            for stratum, members in strata.items():
                number = counts[split][stratum]
                cut = len(members) - number if split == "pool" else number
                front, back = members[:cut], members[cut:]
                taken, strata[stratum] = (back, front) if split == "pool" else (front, back)
                self.found[split] += taken
        self.left = [row for members in strata.values() for row in members]


def _drawing(rows: Sequence[Row], sizes: Sizes, where: str, *, published: bool) -> _Drawing:
    """What is to be drawn of one question: without labels the whole pool alone, no test where one is published."""
    asked = {"test": sizes.test, "validation": sizes.validation, "shots": sizes.shots, "pool": sizes.pool}
    unlabelled = not any(row.label is not None for row in rows)
    if unlabelled:
        asked |= {"test": 0, "validation": 0, "shots": 0}
    if published:
        asked["test"] = 0
    return _Drawing(list(rows), asked, where, unlabelled)


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
            f"prepare.test asks for {counted(size, 'text')}, but the test file holds {len(rows)} ({where}). "
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
