"""Seeded, stratified splits of real rows that never share a text.

Every row has a place in one order, by a hash of a drawn salt and its id. Test and validation are taken from the front
of each label's order, shots follow, the pool is taken from its end. So a larger pool holds the smaller one, a change of
``prepare.pool`` leaves test and validation as they are, and a row more or less in the file moves hardly any other.
Rows nearly equal to a test text leave before validation is drawn, those nearly equal to a validation text before shots
and pool are: the next row in the order takes their place, so the sizes hold and no other row moves.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
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


def set_apart(
    parts: Mapping[str, Sequence[Row]],
) -> tuple[tuple[Row, ...], Sequence[Row] | None, tuple[Row, ...] | None]:
    """The rows to draw from, those of a test file and those of a validation file, which share no text.

    parts: the rows of the files "train", "test" and "validation", of which the last two need not be there.
    """
    test, validation = parts.get("test"), parts.get("validation")
    own = None if validation is None else distinct(validation, test or ()).rows
    return distinct(parts["train"], [*(test or ()), *(own or ())]).rows, test, own


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
    published_validation: Sequence[Row] | None = None,
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
        published_validation: distinct labelled rows of a validation file, none of which is in ``rows`` or in test, or
            None: then validation is drawn from ``rows`` too. Those nearly equal to a test text leave.

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

    given = {"test": published_test, "validation": published_validation}
    files = {split: list(own) for split, own in given.items() if own is not None}
    drawings = {
        question: _drawing(group, sizes, f"{where}, question {question!r}" if question else where, files)
        for question, group in by_question(rows).items()
    }
    left_out: list[Likeness] = []
    _take(("test",), drawings, files, sizes, place)
    for split, following in (("test", ("validation",)), ("validation", ("shots", "pool"))):
        if near_duplicate is not None:
            left_out += _leave_out(split, drawings, files, near_duplicate)
        _take(following, drawings, files, sizes, place)
    splits = {
        split: tuple(
            replace(row, split=split)
            for drawing in drawings.values()
            for row in sorted(drawing.found[split], key=place)
        )
        for split in SPLITS
    }
    return Splits(**splits, left_out=tuple(left_out))


def _take(
    splits: Sequence[str],
    drawings: "Mapping[str | None, _Drawing]",
    files: Mapping[str, Sequence[Row]],
    sizes: Sizes,
    place: Callable[[Row], bytes],
) -> None:
    """Take the rows of ``splits`` of every question: out of its own, or out of the file that a split has."""
    for question, drawing in drawings.items():
        own = {}
        for split in splits:
            if split in files:
                rows = [row for row in files[split] if row.question_id == question]
                own[split] = _published(split, rows, getattr(sizes, split), not drawing.whole, place, drawing.where)
        drawing.take(splits, place)
        drawing.found |= own


def _leave_out(
    split: str, drawings: "Mapping[str | None, _Drawing]", files: dict[str, list[Row]], threshold: float
) -> list[Likeness]:
    """Give up what is nearly equal to a text of ``split`` and stands in no split yet."""
    held_out = files.get(split, [row for drawing in drawings.values() for row in drawing.found[split]])
    left = [row for drawing in drawings.values() for row in drawing.left]
    validation = files.get("validation", []) if split == "test" else []
    found = likenesses([*left, *validation], held_out, split, threshold)
    gone = {each.row.id for each in found}
    for drawing in drawings.values():
        drawing.leave_out(gone, split)
    if validation:
        files["validation"] = [row for row in validation if row.id not in gone]
    return found


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


def _drawing(rows: Sequence[Row], sizes: Sizes, where: str, apart: Iterable[str]) -> _Drawing:
    """What is to be drawn of one question: without labels the whole pool alone, no split that has a file of its own."""
    asked = {"test": sizes.test, "validation": sizes.validation, "shots": sizes.shots, "pool": sizes.pool}
    unlabelled = not any(row.label is not None for row in rows)
    if unlabelled:
        asked |= {"test": 0, "validation": 0, "shots": 0}
    asked |= dict.fromkeys(apart, 0)
    return _Drawing(list(rows), asked, where, unlabelled)


def _published(
    split: str, rows: Sequence[Row], size: int, needed: bool, place: Callable[[Row], bytes], where: str
) -> list[Row]:
    """A stratified subset of a file of test or validation texts.

    Repeated texts of a test file stay: scores compare with published ones.
    """
    rows = [row for row in rows if row.label is not None]
    if not rows and not needed:
        return []
    if not rows:
        raise StandinError(
            f"the {split} file holds no labelled text for {where}. Set source.{split} to null in the task's file: then "
            f"the {split} texts are drawn from source.train."
        )
    if size > len(rows):
        raise StandinError(
            f"prepare.{split} asks for {counted(size, 'text')}, but the {split} file holds {len(rows)} for {where}. "
            f"Set prepare.{split} to {len(rows)} or less."
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
