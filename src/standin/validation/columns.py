"""What Great Expectations sees of the synthetic data: computed columns, never a text.

Ids, labels and questions stand for texts; a label or question that the task does not know shows as ``(unknown)``, as
it may be a text itself.
"""

import re
import signal
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from standin.bounds import Pattern
from standin.corpus import REASONS, Removed, Row, SyntheticRow, by_question
from standin.curation.duplicates import normalise
from standin.curation.lengths import Unit, characters, length
from standin.errors import BrokenSuiteError, counted
from standin.task import Label

Column: TypeAlias = Sequence[str | int | float | None]
Table: TypeAlias = dict[str, Column]
"""Columns of one length; every table has a column ``id``."""
UNKNOWN, NO_QUESTION = "(unknown)", "(none)"
OWN: dict[Unit, int] = {"words": 3, "characters": 5}
"""A text that holds fewer words (or characters) beside its label's name and phrase merely names the label."""
PATTERN_SECONDS = 10.0
"""Processor time that one pattern may take over all texts: a plain one takes some 0.1 s over 100,000."""


@dataclass(frozen=True, slots=True)
class Tables:
    """``texts``: a row for each kept text. ``plan``: one for each planned row that is kept or was removed.

    ``labels``: one for each label of each question, also where no text has it.
    """

    texts: Table
    plan: Table
    labels: Table


def make_tables(
    labels: Sequence[Label],
    questions: Sequence[str],
    kept: Sequence[SyntheticRow],
    removed: Sequence[Removed],
    held_out: Sequence[Row],
    shots: Sequence[Row],
    unit: Unit = "words",
    patterns: Mapping[str, Sequence[int]] | None = None,
) -> Tables:
    """Compute the columns; that of the texts' lengths is called after their unit.

    Args:
        labels: the task's labels.
        questions: the ids of the task's questions; none in a task without questions.
        kept: curated texts.
        removed: rows taken out, with their reasons.
        held_out: rows of validation and test.
        shots: rows that prompts may have shown.
        unit: what the task's language is measured in.
        patterns: name of a pattern -> 1 for each kept text that it matches, else 0, as ``match`` finds them.
    """
    texts = _texts(labels, questions, kept, held_out, shots, unit)
    texts |= {f"pattern_{name}": found for name, found in (patterns or {}).items()}
    return Tables(texts, _plan(kept, removed), _labels([label.name for label in labels], questions, kept))


def known(value: str | None, allowed: frozenset[str], absent: str | None = None) -> str | None:
    """A label or question as it may be shown: ``(unknown)`` where the task has none such; ``absent`` for None."""
    if value is None:
        return absent
    return value if value in allowed else UNKNOWN


def match(patterns: Mapping[str, Pattern], texts: Sequence[str], where: str) -> dict[str, list[int]]:
    """Which texts each pattern is found in: 1 or 0 for each text.

    Args:
        patterns: the task's.
        texts: kept texts.
        where: the task file, for the message.

    Raises:
        BrokenSuiteError: a pattern takes longer than ``PATTERN_SECONDS``, as (a+)+b does over a line of a's.
    """
    found = {}
    for name, wanted in patterns.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            search = re.compile(wanted.pattern).search
        try:
            with _time_limit(PATTERN_SECONDS):
                found[name] = [int(search(text) is not None) for text in texts]
        except _TooLongError:
            raise BrokenSuiteError(
                f"{where}: checks.patterns.{name}: the pattern takes more than {PATTERN_SECONDS:g} s over "
                f"{counted(len(texts), 'text')}, so it is not checked, which says nothing of the texts. Write it "
                "without a repetition inside a repetition, as in (a+)+, or with fewer alternatives that overlap."
            ) from None
    return found


class _TooLongError(Exception):
    pass


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise in the block where it has taken so much processor time; Python's re looks for signals while it matches."""

    def stop(_number: int, _frame: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _texts(
    labels: Sequence[Label],
    questions: Sequence[str],
    kept: Sequence[SyntheticRow],
    held_out: Sequence[Row],
    shots: Sequence[Row],
    unit: Unit,
) -> Table:
    names, asked = frozenset(label.name for label in labels), frozenset(questions)
    named = {label.name: _Named(label, unit) for label in labels}
    forbidden, shown = ({normalise(row.text) for row in rows} for rows in (held_out, shots))
    texts = [row.text or "" for row in kept]
    keys = [normalise(text) for text in texts]
    seen: set[tuple[str | None, str]] = set()
    duplicate = []
    for row, key in zip(kept, keys, strict=True):
        duplicate.append(int((row.question_id, key) in seen))
        seen.add((row.question_id, key))
    nothing = _Named(None, unit)
    return {
        "id": [_whole(row.id) for row in kept],
        "label": [known(row.label, names) for row in kept],
        "question": [known(row.question_id, asked, NO_QUESTION) for row in kept],
        unit: [length(text, unit) for text in texts],
        "is_blank": [int(not text.strip()) for text in texts],
        "is_duplicate": duplicate,
        "is_contaminated": [int(key in forbidden) for key in keys],
        "names_label": [
            int(named.get(row.label or "", nothing).alone_in(key)) for row, key in zip(kept, keys, strict=True)
        ],
        "copies_shot": [int(key in shown) for key in keys],
    }


def _whole(name: str) -> str:
    """An id without halves of surrogate pairs, which JSON may hold and pandas may not."""
    return name if name.isascii() else name.encode("utf-8", "replace").decode("utf-8")


class _Named:
    """What a label is called: its name and phrase, normalised."""

    def __init__(self, label: Label | None, unit: Unit) -> None:
        names = [normalise(label.name), normalise(label.phrase)] if label else []
        self.names = sorted(filter(None, names), key=len, reverse=True)
        self.words = {word for name in names for word in name.split()}
        self.unit = unit

    def alone_in(self, key: str) -> bool:
        """Whether a normalised text holds fewer than ``OWN`` words (or characters) beside these names.

        Longer names go first, so that a phrase that holds the name goes as a whole.
        """
        if self.unit == "words":
            own = 0
            for word in key.split():
                own += word not in self.words
                if own == OWN["words"]:
                    return False
            return True
        for name in self.names:
            key = key.replace(name, "")
        return len(characters(key)) < OWN["characters"]


def _plan(kept: Sequence[SyntheticRow], removed: Sequence[Removed]) -> Table:
    agrees = [None if row.judged_label is None else float(row.judged_label == row.label) for row in kept]
    agrees += [0.0 if gone.reason == "judged_wrong" else None for gone in removed]
    reasons, allowed = ["kept"] * len(kept) + [gone.reason for gone in removed], frozenset(("kept", *REASONS))
    return {
        "id": [_whole(row.plan_id) for row in kept] + [_whole(gone.plan_id) for gone in removed],
        "judged_agrees": agrees,
        "fate": [known(reason, allowed) for reason in reasons],
        **{f"is_{known_reason}": [int(reason == known_reason) for reason in reasons] for known_reason in REASONS},
    }


def _labels(names: Sequence[str], questions: Sequence[str], kept: Sequence[SyntheticRow]) -> Table:
    """``share_<n>`` is the share of the n-th label in its own rows, and nothing in those of others."""
    groups = by_question(kept)
    asked: Sequence[str | None] = questions or [None]
    rows: list[tuple[str, str, int, float]] = []
    for question in asked:
        counts = Counter(row.label for row in groups.get(question, []))
        total = sum(counts[name] for name in names)
        prefix = "" if question is None else f"{question}: "
        rows += [(prefix + name, question or NO_QUESTION, counts[name], round(counts[name] / max(total, 1), 6))
                 for name in names]  # fmt: skip
    return {
        "id": [place for place, _, _, _ in rows],
        "question": [question for _, question, _, _ in rows],
        "texts": [texts for _, _, texts, _ in rows],
        **{
            f"share_{number}": [
                share if place % len(names) == number else None for place, (*_, share) in enumerate(rows)
            ]
            for number in range(len(names))
        },
    }


def mean_length(rows: Sequence[Row], unit: Unit = "words") -> float | None:
    """Mean length of real texts, or None where there are none."""
    return sum(length(row.text, unit) for row in rows) / len(rows) if rows else None
