"""Records of the files that people have: JSON Lines, CSV and TSV (plain or gzipped), Parquet.

What is wrong with a file is said with its line or row, never mended in silence.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from standin.corpus import json_objects
from standin.errors import StandinError, check_ordinary, first_line
from standin.sources.headers import Header, records
from standin.sources.kept import Kept, Numbered
from standin.sources.streams import check_unpacked, lines

FORMATS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")

LONGEST_CELL = 1_000_000
"""Characters of one CSV cell. The library's own 131,072 are fewer than a long document has; a cell of more is most
likely the rest of the file behind a lone quotation mark."""

DELIMITERS = ",;\t|"
"""What may part the columns of a CSV file; of those that part the first line equally often the first."""

SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?', re.IGNORECASE)
"""The line by which Excel is told the delimiter; it is no row."""

BATCH = 1000
"""Rows of a Parquet file that are unpacked before their size is looked at."""

AS_USUAL = Header()
"""The first row names the columns."""

POINTER = 8
"""Bytes that any cell takes, an empty one too."""


@dataclass(frozen=True, slots=True)
class Table:
    """The records of one file. ``unit`` names a place ("line" or "row"), as an editor or a spreadsheet counts it."""

    path: Path
    unit: str
    columns: tuple[str, ...]
    records: Sequence[Numbered]
    notes: tuple[str, ...] = ()
    """In words, what of the file is not among the records."""

    def at(self, number: int) -> str:
        """A place in words: ``data/raw/sms-spam/train.csv, row 7``."""
        return f"{self.path}, {self.unit} {number}"

    def all(self, holds: Callable[[Mapping[str, Any]], bool]) -> bool:
        """Whether something holds of every record."""
        return all(holds(record) for _, record in self.records)


def format_of(path: Path) -> str:
    """The file's format, e.g. ``.csv.gz``. Raises StandinError for any other."""
    for suffix in FORMATS:
        if path.name.lower().endswith(suffix):
            return suffix
    hint = " `standin data add` reads it into one that is." if path.suffix.lower() in (".xlsx", ".json") else ""
    raise StandinError(f"{path}: files of this kind are not read. Allowed: {', '.join(FORMATS)}.{hint}")


def read_table(path: Path, shown: Path | None = None, header: Header = AS_USUAL) -> Table:
    """Read a file's records.

    Args:
        path: the file.
        shown: how messages call it, where ``path`` is a copy.
        header: where the names of a CSV or TSV file's columns are.

    Raises:
        StandinError: naming the line or row that is broken.
    """
    suffix, shown = format_of(path), shown or path
    check_ordinary(path)
    if not path.is_file():
        raise StandinError(
            f"{path}: there is no such file. `dvc pull` brings data that is versioned here, "
            "`standin data add NAME FILE` adds your own, `standin data fetch TASK` fetches a task's data from the hub."
        )
    if suffix == ".parquet":
        table = parquet_table(path, shown, _frame)
    else:
        table = _json_lines(path, shown) if suffix.startswith(".jsonl") else _delimited(path, suffix, shown, header)
    if not table.records:
        raise StandinError(f"{shown}: the file holds no rows")
    return table


def _json_lines(path: Path, shown: Path) -> Table:
    found = Kept(json_objects(shown, lines(path)))
    return Table(shown, "line", found.columns, found)


def _delimited(path: Path, suffix: str, shown: Path, header: Header) -> Table:
    """CSV or TSV with a header. Strict: a lone quote would otherwise swallow the rows up to the next one."""
    number = 0
    text = _text_lines(path, shown)
    csv.field_size_limit(LONGEST_CELL)  # of the process: no other place sets it
    first = next(text, "")
    named = SEPARATOR.fullmatch(first.strip())
    if named:
        first = next(text, "")
    delimiter = named[1] if named else _delimiter(first, suffix)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if header.quotes else csv.QUOTE_NONE
    reader = csv.reader(chain([first], text), delimiter=delimiter, strict=True, quoting=quoting)

    def rows() -> Iterator[tuple[int, list[str]]]:
        nonlocal number
        for fields in reader:
            number += 1
            yield number, fields

    try:
        found = records(rows(), shown, header)
    except csv.Error as error:
        if "field limit" in str(error):
            raise StandinError(
                f"{shown}, row {number + 1}: a cell of more than {LONGEST_CELL:,} characters, the most that is read. "
                "Likely a quotation mark that is never closed: look at where the cell begins."
            ) from None
        raise StandinError(
            f"{shown}, row {number + 1}: {error}. A quote inside a quoted field is written twice; or save as JSON "
            "Lines; where quotation marks enclose nothing, `standin data add --no-quotes` reads them as they are."
        ) from None
    return Table(shown, "row", found.columns, found.records, found.notes)


def _text_lines(path: Path, shown: Path) -> Iterator[str]:
    """A file's lines as text, line ends as they are: a line feed, a carriage return (old Macs) or both."""
    for number, line in enumerate(lines(path), 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            raise StandinError(f"{shown}, line {number}: not UTF-8 text. Save the file as UTF-8.") from None
        yield from io.StringIO(text, newline="")


def _delimiter(first: str, suffix: str) -> str:
    """Spreadsheets of half the world write ";" into CSV files: what divides the first line into more columns."""
    if suffix.startswith(".tsv"):
        return "\t"
    return max(DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))


def parquet_table(path: Path, shown: Path, read: Callable[[Path], Any]) -> Table:
    """A file of columns as ``read`` gives it: a pandas frame. Raises StandinError where the file is broken."""
    try:
        frame = read(path)
        columns = tuple(str(name) for name in frame.columns)
        cells = [frame.iloc[:, place].astype(object).tolist() for place in range(len(columns))]
    except StandinError:
        raise
    except Exception as error:  # a dozen kinds, by which of pyarrow's and pandas' parts meets the broken bytes
        kind = "Parquet" if path.suffix.lower() == ".parquet" else "Arrow"
        raise StandinError(f"{shown}: not a {kind} file, or a broken one: {first_line(error)!r}") from None
    found = Kept(
        (number, {name: _plain(cell) for name, cell in zip(columns, row, strict=True)})
        for number, row in enumerate(zip(*cells, strict=True), 1)
    )
    return Table(shown, "row", columns, found)


def _frame(path: Path) -> Any:
    """A Parquet file as pandas reads it, in batches: one text many times takes no room in the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        batches, size = [], 0
        for batch in file.iter_batches(batch_size=BATCH):
            size += batch.nbytes + POINTER * batch.num_rows * batch.num_columns
            check_unpacked(path, size)
            batches.append(batch)
        return pa.Table.from_batches(batches, file.schema_arrow).to_pandas()


def _plain(cell: Any) -> Any:
    """Arrays of list columns as lists, pandas' missing values as None."""
    import pandas as pd

    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if isinstance(cell, list):
        return [_plain(part) for part in cell]
    return None if pd.api.types.is_scalar(cell) and pd.isna(cell) else cell
