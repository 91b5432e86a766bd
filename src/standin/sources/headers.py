"""Rows of cells as records: which row names the columns, and which columns have a name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.errors import StandinError, counted
from standin.sources.kept import Kept


@dataclass(frozen=True, slots=True)
class Header:
    """Where the names of the columns are: after ``skip`` rows, or in ``columns`` where the file has no such row."""

    skip: int = 0
    columns: tuple[str, ...] = ()
    quotes: bool = True
    """Whether quotation marks enclose fields; False where they are signs of the texts, as in tables without quoting."""


@dataclass(frozen=True, slots=True)
class Records:
    """The columns that have a name, the rows that hold something, and in words what was left out."""

    columns: tuple[str, ...]
    records: Kept
    notes: tuple[str, ...]


def records(rows: Iterable[tuple[int, Sequence[Any]]], path: Path, header: Header, ragged: bool = False) -> Records:
    """Read the header, then the rows.

    Columns without a name are left out; of a name that stands twice, each column gets its number (``text.1``,
    ``text.2``); rows in which every cell is blank are passed over. All of it is said in the notes.

    Args:
        rows: number and cells of each row.
        path: the file, for messages.
        header: where the names are.
        ragged: whether a row may end before the last column and go on beyond it, as in a spreadsheet.

    Raises:
        StandinError: a row has another number of fields than there are columns.
    """
    names: list[str] = _names(header.columns) if header.columns else []
    found = Kept()
    nameless_cells = blank_rows = 0
    for number, cells in rows:
        if number <= header.skip:
            continue
        if all(blank(cell) for cell in cells):
            blank_rows += bool(cells)
            continue
        if not names:
            names = _names([cell_name(cell) for cell in cells])
            continue
        needed = 0 if ragged else max((place for place, name in enumerate(names, 1) if name), default=0)
        beside = [] if ragged else cells[len(names) :]
        if len(cells) < needed or not all(blank(cell) for cell in beside):
            said = f"--columns names {counted(len(names), 'column')}" if header.columns else _first(header, len(names))
            raise StandinError(
                f"{path}, row {number}: {counted(len(cells), 'field')}, but {said}. "
                'Quote fields that hold the delimiter or a line break with "...".'
            )
        cells = [*cells, *[None] * (len(names) - len(cells))]
        nameless_cells += sum(not blank(cell) for cell in cells[len(names) :])
        nameless_cells += sum(not name and not blank(cell) for name, cell in zip(names, cells, strict=False))
        found.append(number, {name: cell for name, cell in zip(names, cells, strict=False) if name})
    return Records(
        tuple(name for name in names if name),
        found,
        (*_nameless(names, nameless_cells), *_repeated(names), *_blank(blank_rows)),
    )


def blank(cell: Any) -> bool:
    """None, or a text of white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def cell_name(cell: Any) -> str:
    """A column's name, without blanks and byte order marks around it."""
    return "" if cell is None else str(cell).strip().strip("\ufeff").strip()


def _names(columns: Sequence[str]) -> list[str]:
    """Names that differ: a name that stands twice gets the number of its column among its namesakes."""
    names = [name.strip() for name in columns]
    times = Counter(names)
    seen: Counter[str] = Counter()
    made = []
    for name in names:
        seen[name] += 1
        made.append(f"{name}.{seen[name]}" if name and times[name] > 1 else name)
    return made


def _first(header: Header, number: int) -> str:
    row = "the first row" if not header.skip else f"the first row after {header.skip}"
    return f"{row} names {counted(number, 'column')}"


def _nameless(names: Sequence[str], cells: int) -> list[str]:
    number = sum(not name for name in names)
    if not number and not cells:
        return []
    if not number:
        return [f"{counted(cells, 'cell')} beside the named columns left out"]
    of_them = "its" if number == 1 else "their"
    held = f"{cells} of {of_them} cells hold something" if cells else f"{of_them} cells are empty"
    return [f"{counted(number, 'column')} without a name left out; {held}"]


def _repeated(names: Sequence[str]) -> list[str]:
    twice = sorted({name[:-2] for name in names if name.endswith(".1") and f"{name[:-2]}.2" in names})
    return [f"column {name!r} stands twice: its columns are called {name}.1 and {name}.2 here" for name in twice]


def _blank(number: int) -> list[str]:
    return [f"{counted(number, 'empty row')} passed over"] if number else []
