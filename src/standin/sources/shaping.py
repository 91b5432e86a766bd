"""From the records of a file to one column of texts and one of labels, as the pipeline reads them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from standin.errors import StandinError, counted, nearest
from standin.sources.cells import missing
from standin.sources.exports import export_of
from standin.sources.headers import blank
from standin.sources.kept import Kept
from standin.sources.labels import labels_in_columns, lists_of_one, mark_columns
from standin.sources.opening import Opened
from standin.sources.tables import Table
from standin.task import Columns

DEEPEST = 5
LOOKED_AT = 10


def shape(
    opened: Opened, columns: Columns, labelled_only: bool = False, fields: tuple[str, str | None] | None = None
) -> tuple[Opened, Columns]:
    """Bring a file's records into the shape that the pipeline reads.

    Exports of annotation tools become texts and labels, objects within records columns with dotted names, columns that
    mark labels and lists of one label a column of labels.

    Args:
        opened: the file.
        columns: the columns that were asked for.
        labelled_only: whether rows without a label are left out.
        fields: which field and question of a tool's export are meant, where it has several; None: as the columns.

    Returns:
        The file, without its own bytes where the records are no longer those, and the columns as they are called now.
    """
    table = opened.table
    if table.unit in ("line", "record"):
        found = export_of(table, *(fields or (columns.text, columns.label)))
        if found:
            table = found.table
            given = {"text": "text", "id": "id" if _all_have(table, "id") else None}
            given |= {"label": "label"} if columns.label else {}
            given |= {"annotations": "annotations"} if found.annotations and columns.label else {}
            columns = columns.model_copy(update=given)
        table = _flattened(table, columns)
    if columns.label is not None:
        table, columns = _labels(table, columns)
        if labelled_only:
            table = _labelled(table, str(columns.label))
    return (opened if table is opened.table else Opened(table, None)), columns


def _labels(table: Table, columns: Columns) -> tuple[Table, Columns]:
    label = str(columns.label)
    if label in table.columns:
        return lists_of_one(table, label), columns
    used = [name for name in (columns.text, columns.id, columns.question_id, "id") if name]
    if found := labels_in_columns(table, label, used):
        return found[0], columns.model_copy(update={"label": "label"})
    return table, columns


def _labelled(table: Table, label: str) -> Table:
    kept = Kept((number, record) for number, record in table.records if not missing(record.get(label)))
    if not kept or len(kept) == len(table.records):
        return table
    note = f"{counted(len(table.records) - len(kept), 'row')} without a label left out"
    return replace(table, records=kept, notes=(*table.notes, note))


def _all_have(table: Table, column: str) -> bool:
    return all(not missing(record.get(column)) for _, record in table.records)


def _flattened(table: Table, columns: Columns) -> Table:
    """Objects within records as columns, as in ``data.text``, where a column is asked for that is within one."""
    asked = [name for name in (columns.text, columns.label, columns.id, columns.question_id) if name]
    if all(name in table.columns for name in asked):
        return table
    if not any(isinstance(cell, dict) for _, record in table.records for cell in record.values()):
        return table
    records = Kept((number, dict(_cells(record))) for number, record in table.records)
    return replace(table, columns=records.columns, records=records)


def _cells(record: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, cell in record.items():
        if isinstance(cell, dict) and depth < DEEPEST and cell:
            yield from _cells(cell, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", cell


def check_column(table: Table, option: str, column: str | None, text: str = "") -> None:
    """Raise StandinError where a file lacks a column: with its columns, and where their names or labels may be."""
    if column is None or column in table.columns:
        return
    fix = f"Name it with {option}{', or say --unlabelled' if option == '--label' else ''}."
    notes = "".join(f" ({note})" for note in table.notes)
    raise StandinError(
        f"{table.path}: there is no column {column!r}: {nearest(column, table.columns)}. {fix}"
        f"{_where(table, option, column)}{_marks(table, option, text)}{notes}"
    )


def _marks(table: Table, option: str, text: str) -> str:
    """What to do about columns that mark several labels of a text."""
    marks = mark_columns(table, (text, "id")) if option == "--label" else []
    if len(marks) < 2:
        return ""
    return (
        f" Columns {', '.join(marks[:5])} hold 0 and 1, but mark none or several in some rows: --label "
        f"{','.join(marks)} says in which; --label {marks[0]} makes it a task of that label alone."
    )


def _where(table: Table, option: str, column: str) -> str:
    """What else may be: names of columns further down, or no such row, or columns that mark labels."""
    if table.unit != "row":
        inner = [name for name in table.columns if name.endswith(f".{column}")]
        return f" Within objects there is {inner[0]!r}: {option} {inner[0]}." if inner else ""
    for number, record in table.records[:LOOKED_AT]:
        cells = {str(cell).strip() for cell in record.values() if not blank(cell)}
        if column in cells:
            return f" Row {number} holds that name: --skip {number - 1} reads the names there."
    if _looks_like_data(table.columns) or _repeats_a_name(table):
        return f" If the first row holds no names but data, give them: --columns {_names_for(table)}."
    return ""


def _looks_like_data(columns: Sequence[str]) -> bool:
    """Whether names of columns read as a text and its label: one of them is a sentence, or a number stands alone."""
    return any(len(name) > 30 or len(name.split()) > 4 for name in columns)


def _repeats_a_name(table: Table) -> bool:
    """Whether the name of a column is a value in it, as the label of the first row is."""
    return any(str(record.get(name)).strip() == name for _, record in table.records for name in table.columns)


def _names_for(table: Table) -> str:
    """Names for the columns of a file without any: the longest cells are texts, the fewest values labels."""
    cells = {name: [str(record.get(name) or "") for _, record in table.records] for name in table.columns}
    longest = max(cells, key=lambda name: sum(map(len, [name, *cells[name]])))
    others = [name for name in table.columns if name != longest]
    fewest = min(others, key=lambda name: len(Counter(cells[name])), default=None)
    names = {longest: "text", fewest: "label"}
    return ",".join(names.get(name, f"column{place}") for place, name in enumerate(table.columns, 1))
