"""The texts that people are asked about, those first that are most worth a look, each with what curation said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from standin.config import Curate
from standin.corpus import Removed, SyntheticRow, read_json_lines, read_rows
from standin.curation.lengths import length, unit_of
from standin.curation.reviews import Reviews
from standin.errors import StandinError, nearest
from standin.sheets import sheet_rows
from standin.task import Task

KEPT, REMOVED = Path("data/synthetic/texts.jsonl"), Path("data/synthetic/removed.jsonl")
PLAN = Path("data/generated/plan.jsonl")
JUDGED = Path("data/judged/texts.jsonl")
SUSPECTS, HINTS = Path("reports/curate/suspects.csv"), Path("reports/curate/personal.csv")
UNREADABLE = ("refused", "unparsable")
"""Reasons of removal that leave no text to review."""
SOFT = ("judged_wrong", "off_task", "duplicate", "rejected")
"""Reasons that accepting a text may overrule."""
NEAR = 0.1
"""A length within this share of its bound is near it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text with what curation said of it, in words; ``survivor`` is the kept one that stands for a removed one."""

    row: SyntheticRow | Removed
    said: str = ""
    question: str | None = None
    survivor: SyntheticRow | None = None

    @property
    def like(self) -> str | None:
        """The text of the survivor."""
        return self.survivor.text if self.survivor else None


def stays_out(row: SyntheticRow | Removed, survivor: SyntheticRow | None, reviews: Reviews) -> str | None:
    """Why accepting a removed text cannot bring it back; None where it can, and of a kept text."""
    if not isinstance(row, Removed):
        return None
    if row.reason not in SOFT:
        return f"{_reason(row)}, a fault that accepting does not overrule"
    known = reviews.of(survivor) if survivor and row.by == "exact" else None
    if survivor and known and known.decision == "accept":
        return f"equal to {survivor.id}, which was accepted: of equal texts one stays"
    return None


def _reason(row: Removed) -> str:
    by = f" ({row.by.replace('_', ' ')})" if row.by else ""
    return f"{row.reason.replace('_', ' ')}{by}"


def candidates(
    task: Task,
    limits: Curate,
    *,
    removed: bool = False,
    label: str | None = None,
    question: str | None = None,
    sample: int | None = None,
) -> list[Candidate]:
    """The texts to review of the run in the workspace, in the order in which they are offered.

    Kept texts: label suspects, then those judged otherwise (the least probable first), those with hints of personal
    data or insults, those near a bound of length, the rest in the order of the plan. Removed ones: those that a rule
    took out which people may overrule, the least like their survivor first, then the others. A sample is drawn at
    random, the same every time, and offered as it was drawn.

    Args:
        task: labels, questions, language.
        limits: the bounds of curation.
        removed: the texts that curation took out, in place of those it kept.
        label: only texts of this label.
        question: only texts of the question with this id.
        sample: at most so many.

    Raises:
        StandinError: there is no run yet; the label or question is unknown.
    """
    if label is not None and label not in task.label_names:
        raise StandinError(f"--label {label!r}: {nearest(label, task.label_names)}")
    ids = [each.id for each in task.questions]
    if question is not None and question not in ids:
        known = nearest(question, ids) if ids else "the task has no questions"
        raise StandinError(f"--question {question!r}: {known}")
    kept = read_rows(KEPT, SyntheticRow)
    found = _removed(read_rows(REMOVED, Removed), kept) if removed else _kept(kept, task, limits)
    if question is not None:
        asked = _questions(found)
        found = [each for each in found if asked.get(each.row.plan_id) == question]
    found = [each for each in found if label in (None, each.row.label)]
    if sample is not None:
        found = sorted(found, key=lambda each: sha256(each.row.id.encode()).hexdigest())[:sample]
    return found


def _questions(found: Sequence[Candidate]) -> dict[str, str | None]:
    """Plan id -> question id; removed rows have none of their own."""
    if all(isinstance(each.row, SyntheticRow) for each in found):
        return {each.row.plan_id: each.row.question_id for each in found if isinstance(each.row, SyntheticRow)}
    return {str(row["plan_id"]): row.get("question_id") for _, row in read_json_lines(PLAN)}


def _kept(rows: Sequence[SyntheticRow], task: Task, limits: Curate) -> list[Candidate]:
    suspects, hints = _table(SUSPECTS), _table(HINTS)
    rank = {row["id"]: place for place, row in enumerate(suspects)}
    suspected = {row["id"]: row for row in suspects}
    told: dict[str, list[str]] = {}
    for row in hints:
        told.setdefault(row["id"], []).append(row["kind"].replace("_", " "))
    judged = {str(value["id"]): value["p"] for _, value in read_json_lines(JUDGED)} if JUDGED.exists() else {}
    unit = unit_of(task.language)
    least, most = limits.lengths(unit)

    def looked_at(row: SyntheticRow) -> tuple[tuple[int, float], Candidate]:
        said = []
        if found := suspected.get(row.id):
            said.append(f"its words read as {found['suggested_label']} (score {float(found['score']):.2f})")
        otherwise = row.judged_label is not None and row.judged_label != row.label
        sure = judged.get(row.id, {}).get(row.label)
        if otherwise:
            chance = f" (this label: {sure:.2f})" if isinstance(sure, float) else ""
            said.append(f"the judge says {row.judged_label}{chance}")
        if row.id in told:
            said.append(f"looks like {', '.join(told[row.id])}")
        size = length(row.text, unit)
        near = size <= least * (1 + NEAR) or size >= most * (1 - NEAR)
        if near:
            said.append(f"{size} {unit}, {least} to {most} are allowed")
        if row.id in rank:
            order = (0, float(rank[row.id]))
        elif otherwise:
            order = (1, float(sure or 0))
        else:
            order = (2, 0.0) if row.id in told else (3, 0.0) if near else (4, 0.0)
        return order, Candidate(row, "; ".join(said), row.question)

    return [each for _, each in sorted(map(looked_at, rows), key=lambda pair: pair[0])]


def _removed(rows: Sequence[Removed], kept: Sequence[SyntheticRow]) -> list[Candidate]:
    of_id = {row.id: row for row in kept}

    def said(row: Removed) -> str:
        score = f", similarity {row.score:.2f}" if row.score is not None else ""
        like = f" of {row.survivor}" if row.survivor in of_id else ""
        stays = "" if row.reason in SOFT else "; accepting it does not bring it back, an edit may"
        return f"removed: {_reason(row)}{like}{score}{stays}"

    def order(row: Removed) -> tuple[bool, float]:
        return row.reason not in SOFT, row.score if row.score is not None else 0.0

    readable = [row for row in rows if row.reason not in UNREADABLE]
    return [Candidate(row, said(row), survivor=of_id.get(row.survivor or "")) for row in sorted(readable, key=order)]


def _table(path: Path) -> list[dict[str, str]]:
    return sheet_rows(path.read_bytes(), path) if path.exists() else []
