"""Excel workbooks: the values of one sheet, as they were last computed; no formula and no macro is run."""

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from standin.errors import StandinError, counted, first_line, nearest
from standin.sources.archives import check_workbook
from standin.sources.headers import Header, Records, blank, records
from standin.sources.tables import Table

MOST_COLUMNS = 500
MOST_BLANK = 10_000
"""Blank rows after which a sheet is taken to have ended: a stray cell in the last of a million rows is none of it."""


def excel_table(path: Path, shown: Path, sheet: str | None, header: Header) -> Table:
    """Read one sheet; a note says where formulas have no value, as a library leaves them that writes workbooks.

    Args:
        path: the workbook.
        shown: how messages call it.
        sheet: its name; None where only one sheet of the workbook holds anything.
        header: which row names the columns.

    Raises:
        StandinError: a broken or protected workbook, no such sheet, several sheets and none named.
    """
    check_workbook(path, shown)
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # whatever the XML within is not
        raise StandinError(f"{shown}: not an Excel workbook, or a broken one: {first_line(error)!r}") from None
    try:
        names = [one.title for one in book.worksheets]
        if sheet is not None and sheet not in names:
            raise StandinError(f"{shown}: --sheet {sheet!r}: {nearest(sheet, names)}")
        filled = [name for name in names if any(True for _ in _filled(book[name]))]
        if sheet is None and len(filled) > 1:
            sheets = ", ".join(repr(name) for name in filled)
            raise StandinError(
                f"{shown}: {len(filled)} sheets hold data ({sheets}). Name the one with the texts: "
                f"--sheet {filled[0]!r}"
            )
        if not filled:
            raise StandinError(f"{shown}: the workbook holds no rows")
        chosen = sheet or filled[0]
        found = records(_rows(book[chosen]), shown, header, ragged=True)
    except StandinError:
        raise
    except Exception as error:
        raise StandinError(f"{shown}: not an Excel workbook, or a broken one: {first_line(error)!r}") from None
    finally:
        book.close()
    uncomputed = _uncomputed(path, chosen, found)
    notes = (f"read the values of sheet {chosen!r}", *found.notes, *uncomputed)
    return Table(shown, "row", found.columns, found.records, notes)


def _uncomputed(path: Path, sheet: str, found: Records) -> list[str]:
    """What to say of formulas whose value was never saved; they read as empty cells."""
    empty = {number for number, record in found.records if None in record.values()}
    if not empty:
        return []
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, keep_links=False)
    try:
        rows = [
            number
            for number, cells in _rows(book[sheet])
            if number in empty and any(isinstance(cell, str) and cell.startswith("=") for cell in cells)
        ]
    finally:
        book.close()
    if not rows:
        return []
    return [
        f"{counted(len(rows), 'row')} with formulas without a saved value, which read as empty (the first is row "
        f"{rows[0]}): open the workbook in a spreadsheet program and save it there"
    ]


def _filled(sheet: Any) -> Iterator[int]:
    return (number for number, cells in _rows(sheet) if not all(blank(cell) for cell in cells))


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Rows by their number in the sheet; the size that the file claims is not believed."""
    sheet.reset_dimensions()
    empty = 0
    for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), 1):
        row = [_plain(cell) for cell in cells]
        while row and blank(row[-1]):
            row.pop()
        empty = 0 if row else empty + 1
        if empty > MOST_BLANK:
            return
        yield number, row


def _plain(cell: Any) -> Any:
    """Dates as ISO writes them; numbers, texts and booleans as they are."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, datetime | date | time) else cell
