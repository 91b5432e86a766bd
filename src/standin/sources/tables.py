"""Records of the files that people have: JSON Lines, CSV and TSV (plain or gzipped), Parquet.

What is wrong with a file is said with its line or row, never mended in silence.
"""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.errors import StandinError

FORMATS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Table:
    """The records of one file. ``unit`` names a place ("line" or "row"), as an editor or a spreadsheet counts it."""

    path: Path
    unit: str
    columns: tuple[str, ...]
    records: tuple[tuple[int, Mapping[str, Any]], ...]

    def at(self, number: int) -> str:
        """A place in words: ``data/raw/sms-spam/train.csv, row 7``."""
        return f"{self.path}, {self.unit} {number}"


def format_of(path: Path) -> str:
    """The file's format, e.g. ``.csv.gz``. Raises StandinError for any other."""
    for suffix in FORMATS:
        if path.name.lower().endswith(suffix):
            return suffix
    hint = " Save the sheet as CSV." if path.suffix.lower() in (".xlsx", ".xls", ".ods") else ""
    raise StandinError(f"{path}: files of this kind are not read. Allowed: {', '.join(FORMATS)}.{hint}")


def read_table(path: Path) -> Table:
    """Read a file's records. Raises StandinError naming the line or row that is broken."""
    suffix = format_of(path)
    if not path.is_file():
        raise StandinError(
            f"{path}: there is no such file. `dvc pull` brings data that is versioned here, "
            "`standin data add NAME FILE` adds your own, `standin data fetch TASK` fetches a task's data from the hub."
        )
    if suffix == ".parquet":
        table = _parquet(path)
    else:
        text = _text(path)
        table = _json_lines(path, text) if suffix.startswith(".jsonl") else _delimited(path, text, suffix)
    if not table.records:
        raise StandinError(f"{path}: the file holds no rows")
    return table


def _text(path: Path) -> str:
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise StandinError(f"{path}: broken gzip file ({error}). Copy or pull it again.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise StandinError(f"{path}, line {line}: not UTF-8 text. Save the file as UTF-8.") from None


def _json_lines(path: Path, text: str) -> Table:
    records: list[tuple[int, Mapping[str, Any]]] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise StandinError(
                f"{path}, line {number}: broken JSON: {error.msg} at column {error.colno}. One JSON object a line."
            ) from None
        if not isinstance(value, dict):
            raise StandinError(f"{path}, line {number}: expected a JSON object, found {type(value).__name__}")
        columns.update(dict.fromkeys(value))
        records.append((number, value))
    return Table(path, "line", tuple(columns), tuple(records))


def _delimited(path: Path, text: str, suffix: str) -> Table:
    """CSV or TSV with a header. Strict: a lone quote would otherwise swallow the rows up to the next one."""
    records: list[tuple[int, Mapping[str, Any]]] = []
    columns: list[str] = []
    number = 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, suffix), strict=True)
        for number, fields in enumerate(reader, 1):
            if not fields:
                continue
            if not columns:
                columns = fields
                if twice := [name for name, times in Counter(columns).items() if times > 1]:
                    raise StandinError(f"{path}: column {twice[0]!r} stands twice in the first row")
                continue
            if len(fields) != len(columns):
                raise StandinError(
                    f"{path}, row {number}: {len(fields)} fields, but the first row names {len(columns)} columns. "
                    'Quote fields that hold the delimiter or a line break with "...".'
                )
            records.append((number, dict(zip(columns, fields, strict=True))))
    except csv.Error as error:
        raise StandinError(
            f"{path}, row {number + 1}: {error}. A quote inside a quoted field is written twice; or save as JSON Lines."
        ) from None
    return Table(path, "row", tuple(columns), tuple(records))


def _delimiter(text: str, suffix: str) -> str:
    """Spreadsheets of half the world write ";" into CSV files: what divides the first row into more columns."""
    if suffix.startswith(".tsv"):
        return "\t"
    head = [text.partition("\n")[0]]
    return max(",;", key=lambda sign: len(next(csv.reader(head, delimiter=sign), [])))


def _parquet(path: Path) -> Table:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StandinError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None
    columns = tuple(str(name) for name in frame.columns)
    cells = [frame.iloc[:, place].astype(object).tolist() for place in range(len(columns))]
    records = tuple(
        (number, {name: _plain(cell) for name, cell in zip(columns, row, strict=True)})
        for number, row in enumerate(zip(*cells, strict=True), 1)
    )
    return Table(path, "row", columns, records)


def _plain(cell: Any) -> Any:
    """Arrays of list columns as lists, pandas' missing values as None."""
    import pandas as pd

    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    return None if not isinstance(cell, list) and pd.isna(cell) else cell
