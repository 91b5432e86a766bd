"""Files of texts to read, and the same rows with what a classifier said of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from standin.errors import StandinError, nearest
from standin.sheets import Cell, write_sheet
from standin.sources.cells import missing, simple_text, text_in
from standin.sources.labels import jsonable
from standin.sources.tables import Table

WRITTEN = (".csv", ".jsonl", ".parquet")
ADDED = ("predicted_label", "probability", "model")
QUESTION_COLUMNS = ("question_id", "question")


def texts_of(table: Table, column: str) -> list[str]:
    """The texts of a file, "" where a cell is empty. Raises StandinError naming the column or row that is wrong."""
    if column not in table.columns:
        raise StandinError(
            f"{table.path}: there is no column {column!r}: {nearest(column, table.columns)}. Name the column of the "
            "texts with --text"
        )
    return [text_in(table, number, record.get(column)) for number, record in table.records]


def asked_of(
    table: Table, questions: Mapping[str, str], known: Sequence[str | None], question: str | None, column: str | None
) -> list[str | None]:
    """The question that each text answers, by its id; None for all where the classifiers know no questions.

    Args:
        table: the file.
        questions: of the task, id -> text.
        known: ids of the questions that there are classifiers for.
        question: the one that all texts answer, where a person said so.
        column: the column of ids or texts of questions; None looks for ``QUESTION_COLUMNS``.

    Raises:
        StandinError: an unknown question, or none said where there are several.
    """
    rows = len(table.records)
    if None in known:
        if question or column:
            raise StandinError("--question, --question-column: the classifier answers no question; leave them out")
        return [None] * rows
    if question is not None:
        if question not in known:
            raise StandinError(f"--question {question!r}: {nearest(question, map(str, known))}")
        return [question] * rows
    column = column or next((name for name in QUESTION_COLUMNS if name in table.columns), None)
    if column is None and len(known) == 1:
        return [known[0]] * rows
    if column is None or column not in table.columns:
        raise StandinError(
            f"{table.path}: which question do the texts answer? Name it with --question ({', '.join(map(str, known))}) "
            "or the column that says it with --question-column"
        )
    ids = {words: name for name, words in questions.items()} | {name: name for name in questions}
    found: list[str | None] = []
    for number, record in table.records:
        cell = record.get(column)
        said = "" if missing(cell) else simple_text(table, number, cell, column)
        if ids.get(said) not in known:
            raise StandinError(
                f"{table.at(number)}: column {column!r} holds {said[:60]!r}: {nearest(said, map(str, known))}"
            )
        found.append(ids[said])
    return found


def target_of(path: Path, to: Path | None, overwrite: bool) -> Path:
    """Where the predictions go. Raises StandinError for a kind that is not written, or a file that is there."""
    stem = path.name.removesuffix(".gz")
    own = Path(stem).suffix.lower()
    target = to or path.with_name(f"{Path(stem).stem}-predicted{own if own in WRITTEN else '.csv'}")
    if target.suffix.lower() not in WRITTEN:
        raise StandinError(f"{target}: written are {', '.join(WRITTEN)}: give the name one of these endings")
    if target.resolve() == path.resolve():
        raise StandinError(f"{target}: that is the file of the texts; name another with --to")
    if target.exists() and not overwrite:
        raise StandinError(f"{target}: is there already. Name another with --to, or add --overwrite")
    return target


def write_rows_with(target: Path, table: Table, added: Mapping[str, Sequence[Cell]]) -> None:
    """Write the rows of a file with further columns, which take the place of columns of their names.

    CSV for people (formulas are made harmless, with a byte order mark for Excel); JSON Lines and Parquet as they are.
    """
    columns = [*(name for name in table.columns if name not in added), *added]

    def rows() -> Iterator[dict[str, Any]]:
        for place, (_, record) in enumerate(table.records):
            values = {name: jsonable(record.get(name)) for name in columns if name not in added}
            yield values | {name: cells[place] for name, cells in added.items()}

    unfinished = target.with_name(f".{target.name}")
    unfinished.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix.lower() == ".parquet":
        import pyarrow
        from pyarrow import parquet

        found = list(rows())
        parquet.write_table(
            pyarrow.table({name: _column([row[name] for row in found]) for name in columns}), unfinished
        )
    elif target.suffix.lower() == ".jsonl":
        with unfinished.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())
    else:
        write_sheet(unfinished, columns, ([_cell(value) for value in row.values()] for row in rows()), to_fill_in=True)
    unfinished.replace(target)


def _column(cells: list[Any]) -> Any:
    """A column of a Parquet file; one whose cells are of several kinds holds their JSON."""
    import pyarrow

    try:
        return pyarrow.array(cells)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return pyarrow.array([cell if isinstance(cell, str) or cell is None else json.dumps(cell) for cell in cells])


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) or value is None else json.dumps(value, ensure_ascii=False)
