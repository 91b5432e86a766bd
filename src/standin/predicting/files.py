"""Files of texts to read, and the same rows with what a classifier said of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from standin.errors import StandinError, first_line, nearest
from standin.sheets import Cell, plain, write_sheet
from standin.sources.cells import text_in
from standin.sources.labels import jsonable
from standin.sources.tables import Table

WRITTEN = (".csv", ".jsonl", ".parquet")
ADDED = ("predicted_label", "probability", "model")


def texts_of(table: Table, column: str) -> list[str]:
    """The texts of a file, "" where a cell is empty. Raises StandinError naming the column or row that is wrong."""
    if column not in table.columns:
        raise StandinError(
            f"{table.path}: there is no column {column!r}: {nearest(column, table.columns)}. Name the column of the "
            "texts with --text"
        )
    found = [text_in(table, number, record.get(column)) for number, record in table.records]
    return [plain(text) for text in found] if own(table) and table.path.suffix.lower() == ".csv" else found


def own(table: Table) -> bool:
    """Whether a file holds what ``standin predict`` wrote. Raises StandinError for other columns of these names."""
    ours = [name for name in ADDED if name in table.columns]
    if ours and len(ours) < len(ADDED):
        raise _foreign(table, ours[0], ADDED)
    return bool(ours)


def written_before(table: Table, labels: Sequence[str]) -> list[str]:
    """The columns that ``standin predict`` wrote into a file before, by a classifier of the labels.

    Raises StandinError for other columns of these names: probabilities are written of all labels or of none.
    """
    again, names = own(table), [probability_of(label) for label in labels]
    found = [name for name in names if name in table.columns]
    if found and (not again or len(found) < len(names)):
        raise _foreign(table, found[0], names)
    return [*ADDED, *found] if again else []


def probability_of(label: str) -> str:
    """The column with the probability of a label."""
    return f"p.{label}"


def _foreign(table: Table, column: str, written: Sequence[str]) -> StandinError:
    return StandinError(
        f"{table.path}: the column {column!r} would be written over: rename it in the file, `predict` writes "
        f"{', '.join(written)}"
    )


def target_of(path: Path, to: Path | None, overwrite: bool) -> Path:
    """Where the predictions go, a place that can be written. Raises StandinError for another kind, or a file there."""
    stem = path.name.removesuffix(".gz")
    own = Path(stem).suffix.lower()
    target = to or path.with_name(f"{Path(stem).stem}-predicted{own if own in WRITTEN else '.csv'}")
    if target.suffix.lower() not in WRITTEN:
        raise StandinError(f"{target}: written are {', '.join(WRITTEN)}: give the name one of these endings")
    if target.resolve() == path.resolve():
        raise StandinError(f"{target}: that is the file of the texts; name another with --to")
    if target.exists() and not overwrite:
        raise StandinError(f"{target}: is there already. Name another with --to, or add --overwrite")
    _check_place(target)
    return target


def _check_place(target: Path) -> None:
    """Make the folder of a file and see that it can be written, before anything takes long."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _unfinished(target)
    unfinished.unlink(missing_ok=True)
    unfinished.touch(exist_ok=False)
    unfinished.unlink()


def _unfinished(target: Path) -> Path:
    return target.with_name(f".{target.name}")


def check_cells(target: Path, table: Table, before: Sequence[str]) -> None:
    """Raise StandinError naming row and column of a cell that the target's format cannot hold."""
    import pyarrow

    columns = [name for name in table.columns if name not in before]
    suffix = target.suffix.lower()
    for number, record in table.records:
        for name in columns:
            try:
                _check_cell(suffix, jsonable(record.get(name)))
            except (UnicodeEncodeError, OverflowError, TypeError, pyarrow.ArrowException) as error:
                raise StandinError(
                    f"{table.at(number)}: the column {name!r} cannot be written to {target} ({first_line(error)}): "
                    "take it out, or write another format with --to"
                ) from None


def _check_cell(suffix: str, cell: Any) -> None:
    if isinstance(cell, str):
        cell.encode()
    elif suffix == ".parquet" and not isinstance(cell, bool | int | float | None):
        _column([cell])
    elif suffix != ".parquet":
        str(_cell(cell) if suffix == ".csv" else _json(cell)).encode()


def write_rows_with(
    target: Path, table: Table, added: Mapping[str, Sequence[Cell]], *, before: Sequence[str] = ()
) -> None:
    """Write the rows of a file with further columns, in the place of those that ``predict`` wrote ``before``.

    CSV for people (formulas are made harmless, with a byte order mark for Excel); JSON Lines and Parquet as they are.

    Raises StandinError where a cell cannot be written in the target's format; nothing is left of the file then.
    """
    import pyarrow

    columns = [*(name for name in table.columns if name not in {*before, *added}), *added]

    def rows() -> Iterator[dict[str, Any]]:
        for place, (_, record) in enumerate(table.records):
            values = {name: jsonable(record.get(name)) for name in columns if name not in added}
            if before and table.path.suffix.lower() == ".csv":
                values = {name: plain(cell) if isinstance(cell, str) else cell for name, cell in values.items()}
            yield values | {name: cells[place] for name, cells in added.items()}

    unfinished = _unfinished(target)
    unfinished.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(unfinished, target.suffix.lower(), columns, rows())
        unfinished.replace(target)
    except (UnicodeEncodeError, OverflowError, TypeError, pyarrow.ArrowException) as error:
        raise StandinError(
            f"{target}: a cell of {table.path} cannot be written there ({first_line(error)}): take the column out, or "
            "write another format with --to"
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)


def _write(path: Path, suffix: str, columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> None:
    if suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        found = list(rows)
        parquet.write_table(pyarrow.table({name: _column([row[name] for row in found]) for name in columns}), path)
    elif suffix == ".jsonl":
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(_json(row) + "\n" for row in rows)
    else:
        write_sheet(path, columns, ([_cell(value) for value in row.values()] for row in rows), to_fill_in=True)


def _column(cells: list[Any]) -> Any:
    """A column of a Parquet file; one whose cells are of several kinds, or of none of its own, holds their JSON."""
    import pyarrow

    try:
        found = pyarrow.array(cells)
        if not pyarrow.types.is_nested(found.type) or found.type.num_fields:
            return found
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
        pass
    return pyarrow.array([cell if isinstance(cell, str) or cell is None else _json(cell) for cell in cells])


def _json(cell: Any) -> str:
    return json.dumps(cell, ensure_ascii=False, default=_number)


def _number(cell: Any) -> int | float:
    """A decimal number as JSON has it. Raises TypeError where readers would take it for another, or it is none."""
    if isinstance(cell, Decimal) and cell.is_finite():
        number = int(cell) if cell == cell.to_integral_value() else float(cell)
        if Decimal(repr(number)) == cell:
            return number
    raise TypeError(f"JSON holds no {type(cell).__name__} as {str(cell)[:40]}")


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str | int | float) or value is None else _json(value)
