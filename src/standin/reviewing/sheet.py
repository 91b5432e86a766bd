"""Reviewing in a spreadsheet: texts go out as a CSV, come back as a CSV or workbook, and only whole."""

import tempfile
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from standin.corpus import Removed, SyntheticRow
from standin.curation.reviews import DONE, Decision, Key, Reviews, Verdict, decide, digest, key_of
from standin.errors import StandinError, counted
from standin.reviewing.candidates import Candidate, stays_out
from standin.reviewing.store import key_in, wanted
from standin.sheets import plain, write_sheet

COLUMNS = ("id", "label", "text", "curation", "decision", "new text", "new label", "note", "question", "digest")
NEEDED = ("id", "text", "decision", "new text", "new label", "digest")
WORDS: dict[str, str] = {
    **dict.fromkeys(("a", "accept", "accepted", "yes", "ok", "keep"), "accept"),
    **dict.fromkeys(("r", "reject", "rejected", "no", "remove"), "reject"),
    **dict.fromkeys(("e", "edit", "edited", "change"), "edit"),
    **dict.fromkeys(("clear", "undo"), "clear"),
}
MOST_FINDINGS = 8
FORMULA_ERRORS = ("#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!")
"""What spreadsheets show in place of a formula that fails, as of a text that begins with an equals sign."""


def write_sheet_of(path: Path, texts: Sequence[Candidate], reviews: Reviews) -> None:
    """Write the texts and what was decided of them. Raises StandinError where a file is there: it may be filled in."""
    if path.suffix.lower() != ".csv":
        raise StandinError(f"{path}: the sheet is a CSV file: name one that ends in .csv")
    if path.exists():
        raise StandinError(f"{path} exists, and is not written over: read it with --read, or name another file")
    rows = []
    for each in texts:
        row, known = each.row, reviews.of(each.row)
        new = (known.text or "", known.label or "", known.note or "") if known else ("", "", "")
        rows.append(
            (row.id, row.label, row.text, each.said, known.decision if known else "", *new, each.question or "",
             f"#{key_of(row)[1]}")
        )  # fmt: skip
    write_sheet(path, COLUMNS, rows, to_fill_in=True)


def read_sheet(
    path: Path,
    texts: Sequence[SyntheticRow | Removed],
    reviews: Reviews,
    labels: Sequence[str],
    encoding: str | None = None,
) -> tuple[list[tuple[Key, Decision | None]], list[str]]:
    """The decisions of a filled-in sheet.

    Args:
        path: CSV (as Excel and LibreOffice save it) or .xlsx.
        texts: all texts of the run, kept and removed.
        reviews: what is decided already.
        labels: the task's.
        encoding: of the file, where it is not UTF-8.

    Returns:
        What changes (None takes a decision back), and what was found, in sentences.

    Raises:
        StandinError: the file cannot be read, or rows are wrong: all of them are named and nothing is taken.
    """
    table = _table(path, encoding)
    by_id = {row.id: row for row in texts}
    changes: dict[Key, Decision | None] = {}
    found: Counter[str] = Counter()
    wrong: list[str] = []
    for number, record in table.records:
        cells = {name: plain(_text(record.get(name))) for name in COLUMNS}
        if not cells["id"].strip():
            if any(cells[name].strip() for name in ("decision", "new text", "new label")):
                wrong.append(f"{table.at(number)}: column 'id' is empty beside a decision: put the text's id back")
            continue
        row = by_id.get(cells["id"].strip())
        known = _known(row, cells["digest"].strip().removeprefix("#"), reviews)
        if row is None or known is _OTHER:
            found["other"] += 1
            continue
        try:
            change = _change(row, known, cells, labels)
        except StandinError as error:
            wrong.append(f"{table.at(number)}: {error}")
            continue
        key = key_in(reviews, row)
        if key in changes:
            wrong.append(f"{table.at(number)}: text {row.id!r} stands twice; leave one of the rows")
        elif change is None:
            found["empty"] += 1
            found["note"] += bool(cells["note"].strip()) and not (known and known.note)
        elif change == known or (change == "clear" and known is None):
            found["same"] += 1
        else:
            changes[key] = None if isinstance(change, str) else change
            found["clear" if isinstance(change, str) else change.decision] += 1
    if wrong:
        raise nothing_taken(wrong)
    out = _out(changes, by_id, reviews)
    found["accept"] -= len(out)
    taken = [(key, change) for key, change in changes.items() if key not in out]
    return taken, [*_said(found, len(table.records)), *_said_of_out(list(out.values()))]


def _out(
    changes: Mapping[Key, Decision | None], by_id: Mapping[str, SyntheticRow | Removed], reviews: Reviews
) -> dict[Key, str]:
    """Why accepted texts cannot come back, where they cannot, by all decisions, the sheet's among them."""
    then = Reviews({**reviews.by_key, **{key: made for key, made in changes.items() if made}})
    found = {}
    for key, made in changes.items():
        row = by_id[key[0]]
        survivor = by_id.get(row.survivor or "") if isinstance(row, Removed) else None
        why = stays_out(row, survivor if isinstance(survivor, SyntheticRow) else None, then)
        if made and made.decision == "accept" and why:
            found[key] = f"{row.id}: {why}"
    return found


_OTHER = Decision("", "", "reject")
"""Stands for: the row of the sheet is of another text."""


def _known(row: SyntheticRow | Removed | None, told: str, reviews: Reviews) -> Decision | None:
    """What is decided of a text, where the sheet's digest is that of it, as it was generated or as it stands."""
    if row is None:
        return _OTHER
    known = reviews.of(row)
    return known if told in (key_of(row)[1], known.digest if known else None) else _OTHER


def _change(
    row: SyntheticRow | Removed, known: Decision | None, cells: Mapping[str, str], labels: Sequence[str]
) -> Decision | str | None:
    """A row's decision, "clear", or None where it says nothing. Raises StandinError for what is wrong with it."""
    said = cells["decision"].strip().lower()
    for name in ("new text", "new label"):
        if cells[name].strip() in FORMULA_ERRORS:
            raise StandinError(
                f"column {name!r} holds {cells[name].strip()}, a spreadsheet's word for a formula that failed: write "
                "the text again with ' before it"
            )
    text, label = wanted(row, cells["new text"], cells["new label"], labels)
    if said and said not in WORDS:
        raise StandinError(f"decision {cells['decision'][:40]!r} is unknown; allowed: accept, reject, edit, clear")
    _check_shown(row, known, cells)
    edits = text is not None or label is not None
    again = known is not None and known.decision == "edit" and cells["new text"].strip() + cells["new label"].strip()
    word = WORDS.get(said) or ("edit" if edits or again else None)
    if word is None or word == "clear":
        return word
    if word != "edit" and edits:
        raise StandinError(f"it has a new text or label, and decision is {word}: write edit, or empty those cells")
    if word == "edit" and not edits:
        if known and known.decision == "edit":
            return known
        raise StandinError("decision is edit, and neither 'new text' nor 'new label' says another one")
    verdict: Verdict = "accept" if word == "accept" else "reject" if word == "reject" else "edit"
    made = decide(row, known, verdict, text, label, cells["note"].strip() or None)
    if known and known.decision == made.decision == "edit" and known.edited == made.edited:
        return known if known.note == made.note else made
    return made


def _check_shown(row: SyntheticRow | Removed, known: Decision | None, cells: Mapping[str, str]) -> None:
    """Raise StandinError where the text or label that the sheet shows was written over."""
    if _generated(known, cells):
        return
    if bare(cells["text"]) not in (bare(row.text), ""):
        raise StandinError("the column 'text' was changed: put it back, and write the new text into 'new text'")
    if cells["label"].strip() not in (row.label or "", ""):
        raise StandinError("the column 'label' was changed: put it back, and write the new label into 'new label'")


def _generated(known: Decision | None, cells: Mapping[str, str]) -> bool:
    """Whether a row shows the text as it was generated, where an edit has taken its place since."""
    return known is not None and digest(cells["label"], cells["text"]) == known.digest


def nothing_taken(wrong: Sequence[str]) -> StandinError:
    """The first findings of a file that is refused whole."""
    more = [f"and {len(wrong) - MOST_FINDINGS} more"] if len(wrong) > MOST_FINDINGS else []
    return StandinError("\n".join([*wrong[:MOST_FINDINGS], *more, "Nothing was taken from the file."]))


def bare(text: str) -> str:
    """A text without what spreadsheets change on their own: white space and invisible characters."""
    return "".join(sign for sign in text if not sign.isspace() and unicodedata.category(sign)[0] != "C")


def _table(path: Path, encoding: str | None) -> Any:
    from standin.sources.opening import Options, open_file

    with tempfile.TemporaryDirectory(prefix="standin-review-") as folder:
        table = open_file(path, Options(encoding=encoding), "text", Path(folder)).table
    if missing := [name for name in NEEDED if name not in table.columns]:
        raise StandinError(
            f"{path}: column {missing[0]!r} is missing; found: {', '.join(table.columns)[:200]}. "
            "`standin review --write` makes a sheet with all columns"
        )
    return table


def _text(value: Any) -> str:
    """A cell as text; a workbook's empty cell is None, its line breaks may be those of Windows."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).replace("\r\n", "\n").replace("_x000D_\n", "\n")


def _said_of_out(out: Sequence[str]) -> list[str]:
    """What to say of removed texts that were accepted and cannot come back."""
    if not out:
        return []
    rows = counted(len(out), "row accepts a text that cannot come back", "rows accept texts that cannot come back")
    more = [f"  and {len(out) - MOST_FINDINGS} more"] if len(out) > MOST_FINDINGS else []
    return [
        f"{rows}, so nothing was taken from there; an edit may help:",
        *(f"  {one}" for one in out[:MOST_FINDINGS]),
        *more,
    ]


def _said(found: Counter[str], rows: int) -> list[str]:
    parts = [f"{found[verdict]} {done}" for verdict, done in DONE.items()]
    parts += [f"{found['clear']} taken back"] if found["clear"] else []
    lines = [f"{counted(rows, 'row')} read: {', '.join(parts)}"]
    if found["same"]:
        lines.append(f"{counted(found['same'], 'row says', 'rows say')} what was decided already")
    if found["empty"]:
        lines.append(f"{counted(found['empty'], 'row has', 'rows have')} no decision, and nothing changed for them")
    if found["note"]:
        notes = counted(
            found["note"], "note stands beside no decision and was", "notes stand beside no decision and were"
        )
        lines.append(f"{notes} not taken: a note belongs to accept, reject or edit")
    if found["other"]:
        lines.append(
            f"{counted(found['other'], 'row is', 'rows are')} of texts that this run does not have: nothing was taken "
            "from them"
        )
    return lines
