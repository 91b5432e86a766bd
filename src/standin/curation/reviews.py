"""What people decided of synthetic texts: one versioned file a task, and what follows from it.

A decision is kept under the text's id and a digest of its label and words, so that it never falls on another text:
after a new generation it waits in the file, without effect, until the same text comes again.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from standin.corpus import Removed, SyntheticRow, read_json_lines, write_whole
from standin.errors import StandinError, counted, nearest

Verdict = Literal["accept", "reject", "edit"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
DONE: dict[Verdict, str] = {"accept": "accepted", "reject": "rejected", "edit": "edited"}
"""How a text is called of which that was decided."""
DIGITS = 16
"""Hexadecimal digits of a digest: 64 bits, and it only has to tell apart texts that ever had the same id."""

Key: TypeAlias = tuple[str, str]
"""Id and digest of the text as it was generated (and translated)."""
Text = TypeVar("Text", SyntheticRow, Removed)


def digest(label: str, text: str) -> str:
    """What tells texts of one id apart: the start of the SHA-256 of label, line feed and text."""
    return sha256(f"{label}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def key_of(row: SyntheticRow | Removed) -> Key:
    """The key of a text as it stands."""
    return row.id, digest(row.label or "", row.text)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided of the text with this id and digest. ``text`` and ``label`` are new ones, of an edit alone.

    ``edited`` is the digest of what the edit makes of the text, by which it is known again.
    """

    id: str
    digest: str
    decision: Verdict
    text: str | None = None
    label: str | None = None
    note: str | None = None
    edited: str | None = None

    @property
    def key(self) -> Key:
        """The key of the text as it was generated."""
        return self.id, self.digest


def decide(
    row: SyntheticRow | Removed,
    known: Decision | None,
    verdict: Verdict,
    text: str | None = None,
    label: str | None = None,
    note: str | None = None,
) -> Decision:
    """A decision of a text as it stands, which may be what an earlier edit (``known``) made of it.

    Args:
        row: the text as the run has it.
        known: what was decided of it before.
        verdict: what is decided now. Rejecting an edited text rejects what was generated, whose edit is dropped;
            accepting one leaves the edit as it is.
        text: the new text of an edit; None keeps the one of ``row``.
        label: the new label of an edit, likewise.
        note: a person's remark; None keeps the earlier one.
    """
    name, own = known.key if known else key_of(row)
    note = note if note is not None else known.note if known else None
    if verdict == "accept" and known and known.edited == digest(row.label or "", row.text):
        return replace(known, note=note)
    if verdict != "edit":
        return Decision(name, own, verdict, note=note)
    before = known.edited if known else None
    new = digest(label or row.label or "", text if text is not None else row.text)
    if before is not None and before == key_of(row)[1]:  # an edit of an edit: what the first one changed stays
        text = text if text is not None else known.text if known else None
        label = label or (known.label if known else None)
    return Decision(name, own, "edit", text, label, note, new)


def read_reviews(path: Path) -> dict[Key, Decision]:
    """The decisions in a file; none where there is no file. Raises StandinError with the line of what is wrong."""
    if not path.exists():
        return {}
    found: dict[Key, Decision] = {}
    for number, value in read_json_lines(path):
        decision = _decision(value, f"{path}, line {number}")
        if decision.key in found:
            raise StandinError(f"{path}, line {number}: text {decision.id!r} is decided twice: keep one of the lines")
        found[decision.key] = decision
    return found


def _decision(value: Mapping[str, Any], where: str) -> Decision:
    known = Decision.__slots__
    for name, cell in value.items():
        if name not in known:
            raise StandinError(f"{where}: unknown key {name!r}: {nearest(name, known)}")
        if not isinstance(cell, str):
            raise StandinError(f"{where}: {name} holds a {type(cell).__name__}, expected text")
    for name in ("id", "digest", "decision", *(["edited"] if value.get("decision") == "edit" else [])):
        if not value.get(name):
            raise StandinError(f"{where}: {name} is missing; `standin review` writes such lines")
    if value["decision"] not in VERDICTS:
        raise StandinError(f"{where}: decision is {value['decision']!r}; allowed: {', '.join(VERDICTS)}")
    if value["decision"] == "edit" and not {"text", "label"} & value.keys():
        raise StandinError(f"{where}: an edit names a new text or a new label, and this one names neither")
    if value["decision"] != "edit" and {"text", "label", "edited"} & value.keys():
        raise StandinError(f"{where}: a new text or label belongs to an edit, and decision is {value['decision']!r}")
    return Decision(**value)


def write_reviews(path: Path, decisions: Iterable[Decision]) -> None:
    """Write decisions, a line each in the order of their keys: a kill leaves the old file or the new one, whole."""
    lines = []
    for decision in sorted(decisions, key=lambda each: each.key):
        values = {name: getattr(decision, name) for name in Decision.__slots__}
        lines.append(json.dumps({name: cell for name, cell in values.items() if cell is not None}, ensure_ascii=False))
    write_whole(path, "".join(f"{line}\n" for line in lines))  # git and DVC ignore the unfinished file


class Reviews:
    """Decisions, to be asked for by the text as it stands: as it was generated, or as an edit made it."""

    def __init__(self, decisions: Mapping[Key, Decision]) -> None:
        self.by_key = dict(decisions)
        self._by_edit = {(each.id, each.edited): each for each in decisions.values() if each.edited is not None}

    def of(self, row: SyntheticRow | Removed) -> Decision | None:
        """What was decided of a text; None where nothing was, or of another text with this id."""
        key = key_of(row)
        return self.by_key.get(key) or self._by_edit.get(key)

    def edited(self, rows: Sequence[SyntheticRow]) -> list[SyntheticRow]:
        """The rows with people's edits in place of the texts and labels they edited."""
        return [self._edit(row) for row in rows]

    def _edit(self, row: SyntheticRow) -> SyntheticRow:
        found = self.by_key.get(key_of(row))
        if found is None or found.decision != "edit":
            return row
        text = row.text if found.text is None else found.text
        return replace(row, text=text, label=found.label or row.label)

    def verdicts(self, rows: Sequence[SyntheticRow]) -> dict[str, Verdict]:
        """Id -> verdict, of the rows of which something was decided; edits are in place already."""
        found = {row.id: self.of(row) for row in rows}
        return {name: decision.decision for name, decision in found.items() if decision is not None}

    def stale(self, rows: Sequence[SyntheticRow]) -> int:
        """How many decisions are of texts that are not among the rows."""
        used = {decision.key for row in rows if (decision := self.of(row)) is not None}
        return len(self.by_key.keys() - used)

    def outcome(self, rows: Sequence[SyntheticRow], removed: Collection[str]) -> tuple[dict[str, Any], str | None]:
        """What people decided, as metrics and as a line; nothing where nobody decided anything.

        ``accepted_removed`` are accepted texts that went all the same, which ``accepted`` does not count;
        ``of_other_texts`` are decisions without a text.

        Args:
            rows: the texts that were curated.
            removed: ids of those that curation took out.
        """
        if not self.by_key:
            return {}, None
        verdicts = self.verdicts(rows)
        counts = {done: list(verdicts.values()).count(verdict) for verdict, done in DONE.items()}
        gone = sum(verdict == "accept" and name in removed for name, verdict in verdicts.items())
        counts["accepted"] -= gone
        stale = self.stale(rows)
        said = f"reviewed by people: {', '.join(f'{count} {done}' for done, count in counts.items())}"
        if gone:
            said += f"; {gone} more accepted, but gone all the same: invalid, contaminated, copied or equal to another"
        if stale:
            said += f"; {counted(stale, 'decision is', 'decisions are')} of texts that this run does not have"
        return {"reviewed": counts | {"accepted_removed": gone, "of_other_texts": stale}}, said


def check_labels(rows: Sequence[SyntheticRow], labels: Sequence[str], path: Path) -> None:
    """Raise StandinError where an edit gave a label that the task does not have."""
    for row in rows:
        if row.label not in labels:
            raise StandinError(
                f"{path}: text {row.id!r}: label {str(row.label)!r} is none of the task: "
                f"{nearest(str(row.label), labels)}. Correct it there, or edit the text in `standin review --again`"
            )
