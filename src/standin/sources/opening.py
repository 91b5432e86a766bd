"""A file as people have it, as a table and as the copy that is versioned.

Whatever is no JSON Lines, CSV, TSV or Parquet file in UTF-8 is read here once and written as one that is: the pipeline
reads those alone. What was done to the file is said in the table's notes.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from standin.errors import StandinError, check_ordinary, first_line
from standin.sources.archives import only_table
from standin.sources.arrow import arrow_frame, class_names
from standin.sources.encodings import encoding_of
from standin.sources.excel import excel_table
from standin.sources.headers import Header
from standin.sources.json_files import is_one_value, json_table
from standin.sources.labels import jsonable
from standin.sources.streams import decoded, lines
from standin.sources.tables import AS_USUAL, FORMATS, Table, parquet_table, read_table

TEXTS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".psv", ".txt")
OTHERS = (".xlsx", ".xlsm", ".parquet", ".feather", ".arrow", ".zip")
READ = (*TEXTS, *(f"{suffix}.gz" for suffix in TEXTS), *OTHERS)
"""Endings of the files that are read; ``.txt`` where columns are parted by tabs or the like."""

REFUSED = {
    (".xls", ".xlsb", ".ods", ".numbers", ".gsheet"): "Save the sheet as .xlsx or .csv.",
    (".ann", ".conll", ".conllu", ".iob", ".bio", ".xmi", ".tsv3", ".spacy"): (
        "Such files mark spans within texts, and a text has one label here: export a table of texts and document "
        "labels (CSV)."
    ),
    (".pkl", ".pickle", ".joblib", ".npy", ".npz", ".pt", ".bin"): (
        "Reading it may run code that is in it. Write the table with pandas: frame.to_json('texts.jsonl', "
        "orient='records', lines=True)."
    ),
    (".sav", ".dta", ".rds", ".rdata", ".sas7bdat", ".por"): "Export the table as CSV in UTF-8.",
    (".db", ".sqlite", ".sqlite3", ".sql", ".mdb"): "Export the query's result as CSV.",
    (".pdf", ".docx", ".doc", ".odt", ".rtf", ".html", ".htm", ".xml", ".yaml", ".yml", ".md"): (
        "Write texts and labels as a table: CSV with the columns text and label, or JSON Lines."
    ),
    (".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz"): "Unpack it first; .gz and .zip are read as they are.",
}


ZIP, GZIP, OLD, PARQUET = b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"PAR1"
MARKED = (
    (ZIP, (".xlsx", ".xlsm", ".zip"), "a workbook or zip archive"),
    (GZIP, (".gz",), "a gzipped file"),
    (OLD, (".xlsx", ".xlsm"), "an old Excel file"),
    (PARQUET, (".parquet",), "a Parquet file"),
)
"""The first bytes of kinds of files, the endings that go with them, and what they are."""
ADVICE = {
    ZIP: "give its name the ending .xlsx or .zip",
    GZIP: "give its name the ending .gz, as in texts.csv.gz",
    OLD: "save the sheet as .xlsx or .csv",
    PARQUET: "give its name the ending .parquet",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a person says about a file: its encoding, its sheet, where the names of its columns are."""

    encoding: str | None = None
    sheet: str | None = None
    header: Header = AS_USUAL


@dataclass(frozen=True, slots=True)
class Opened:
    """The records, and the file that holds them as the pipeline reads it; None where they must be written first."""

    table: Table
    file: Path | None
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column -> value -> name, where a data set of the hub keeps the names of its class numbers."""


def open_file(path: Path, options: Options, text: str, folder: Path, shown: Path | None = None) -> Opened:
    """Read a file of any known kind.

    Args:
        path: the file.
        options: what was said about it.
        text: the column of the texts.
        folder: an empty folder for what is unpacked or written anew.
        shown: how messages call the file, where it was unpacked from another one.

    Raises:
        StandinError: no such file, a folder, a kind that is not read (with what to do instead), or a broken file.
    """
    shown = shown or path
    if path.is_dir():
        raise _folder(path)
    check_ordinary(path)
    if not path.is_file():
        raise StandinError(f"{path}: there is no such file; relative paths start at {Path.cwd()}")
    suffix = _suffix(path, shown)
    _check_kind(path, suffix, shown)
    if path.stat().st_size == 0:
        raise StandinError(f"{shown}: the file is empty")
    if suffix == ".zip":
        inner = only_table(path, shown, [one for one in READ if one != ".zip"], folder)
        below = folder / "unpacked"
        below.mkdir()
        opened = open_file(inner, options, text, below, shown / inner.name)
        return replace(opened, table=_noted(opened.table, f"unpacked {inner.name}"))
    if options.sheet is not None and suffix not in (".xlsx", ".xlsm"):
        raise StandinError(f"{shown}: --sheet names a sheet of an Excel workbook, and this is none; leave it out")
    if suffix in (".xlsx", ".xlsm"):
        return Opened(excel_table(path, shown, options.sheet, options.header), None)
    if suffix in (".feather", ".arrow"):
        return _checked(Opened(parquet_table(path, shown, arrow_frame), None, class_names(path)))
    if suffix == ".parquet":
        return Opened(read_table(path, shown), path, class_names(path))
    return _checked(_text(path, suffix, options, text, folder, shown))


def _check_kind(path: Path, suffix: str, shown: Path) -> None:
    """Raise StandinError where the first bytes say that the file is of another kind than its name."""
    with path.open("rb") as file:
        head = file.read(8)
    for mark, endings, what in MARKED:
        if head.startswith(mark) and not suffix.endswith(endings):
            raise StandinError(f"{shown}: {what}, whatever its name says: {ADVICE[mark]}")
    if suffix in (".xlsx", ".xlsm") and not head.startswith((ZIP, OLD)) and b"\0" not in head:
        raise StandinError(f"{shown}: a text file, no Excel workbook: give its name the ending .csv or .tsv")


def _text(path: Path, suffix: str, options: Options, text: str, folder: Path, shown: Path) -> Opened:
    encoding = encoding_of(path, options.encoding)
    plain, notes = path, []
    written = _format(path, suffix, encoding)
    if encoding != "utf-8" or not path.name.lower().endswith(written) or _has_nul(path):
        plain = folder / f"text{written.removesuffix('.gz')}"
        nul = _rewrite(path, encoding, plain)
        notes += [f"read as {encoding}; the copy is UTF-8"] if encoding != "utf-8" else []
        notes += [f"{nul} NUL bytes taken out"] if nul else []
    if written.startswith(".json"):
        if options.header != AS_USUAL:
            raise StandinError(
                f"{shown}: --skip and --columns are for CSV, TSV and Excel files, --no-quotes for CSV and TSV: "
                "leave them out"
            )
        if is_one_value(plain, expected=suffix.startswith(".json") and not suffix.startswith(".jsonl")):
            table = json_table(plain, shown, text)
            return Opened(_noted(table, *notes), None)
        opened = Opened(read_table(plain, shown), plain)
    else:
        table = read_table(plain, shown, options.header)
        opened = Opened(table, plain if options.header == AS_USUAL else None)
    return replace(opened, table=_noted(opened.table, *notes))


def _format(path: Path, suffix: str, encoding: str) -> str:
    """The ending under which the pipeline reads such a file; a ``.txt`` file with a tab in its first line is TSV."""
    packed = ".gz" if suffix.endswith(".gz") else ""
    kind = suffix.removesuffix(".gz")
    if kind in (".jsonl", ".json", ".ndjson"):
        return f".jsonl{packed}"
    tabs = kind in (".tsv", ".tab") or (kind == ".txt" and "\t" in next(decoded(path, encoding), ""))
    return f".tsv{packed}" if tabs else f".csv{packed}"


def _has_nul(path: Path) -> bool:
    return any(b"\0" in line for line in lines(path))


def _rewrite(path: Path, encoding: str, target: Path) -> int:
    """Write a text file in UTF-8; returns how many NUL characters were taken out."""
    nul = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        for line in decoded(path, encoding):
            nul += line.count("\0")
            try:
                file.write(line.replace("\0", ""))
            except UnicodeEncodeError as error:
                raise StandinError(f"{path}: not {encoding} text: half a character ({error.reason})") from None
    return nul


def _suffix(path: Path, shown: Path) -> str:
    """The file's ending, in lower case. Raises StandinError for a kind that is not read, with what to do instead."""
    name = path.name.lower()
    for suffix in sorted(READ, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    for suffixes, advice in REFUSED.items():
        if name.endswith(suffixes):
            raise StandinError(
                f"{shown}: files of this kind are not read. {advice} Allowed: {', '.join(FORMATS)}, .json, .xlsx, "
                ".feather, .arrow, .zip."
            )
    raise StandinError(
        f"{shown}: files of this kind are not read. Allowed: {', '.join(FORMATS)}, .json, .xlsx, .feather, .arrow, "
        ".zip. If it is one of these, give its name that ending."
    )


def _folder(path: Path) -> StandinError:
    files = sorted(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file())
    if any(name.endswith((".ann", ".xmi")) for name in files):
        return StandinError(
            f"{path}: a folder of Brat or INCEpTION annotations, which mark spans within texts; a text has one label "
            "here. Export a table of texts and document labels (CSV)."
        )
    tables = [name for name in files if name.lower().endswith(READ) and not name.lower().endswith(".txt")]
    tables = [name for name in tables if Path(name).name not in ("dataset_info.json", "state.json")]
    if tables:
        held = ", ".join(tables[:5]) + (", ..." if len(tables) > 5 else "")
        return StandinError(f"{path}: a folder, expected a file. It holds {held}: name one, as in {path / tables[0]}")
    if any("/" in name for name in files) and all(name.lower().endswith(".txt") for name in files):
        return StandinError(
            f"{path}: a folder, expected a file. If each folder in it is a label and each file a text, write one "
            "table: CSV with the columns text and label, or JSON Lines."
        )
    return StandinError(f"{path}: a folder, expected a file ({', '.join(READ[:4])}, .xlsx, .parquet)")


def _noted(table: Table, *notes: str) -> Table:
    return replace(table, notes=(*notes, *table.notes))


def _checked(opened: Opened) -> Opened:
    if not opened.table.records:
        raise StandinError(f"{opened.table.path}: the file holds no rows")
    return opened


def write_records(table: Table, target: Path) -> Path:
    """Write a table's records as JSON Lines, gzipped where the name says so, without a time: equal data, equal bytes.

    Raises StandinError where a cell holds bytes.
    """
    with target.open("wb") as file, _packed(target, file) as stream:
        for number, record in table.records:
            try:
                line = json.dumps(_values(record), ensure_ascii=False)
            except TypeError as error:
                raise StandinError(f"{table.at(number)}: a cell is no text or number: {first_line(error)}") from None
            try:
                stream.write(f"{line}\n".encode())
            except UnicodeEncodeError:
                raise StandinError(
                    f"{table.at(number)}: half a character (a lone surrogate). Write the file again from its source."
                ) from None
    return target


def _packed(target: Path, file: Any) -> Any:
    return gzip.GzipFile("", "wb", fileobj=file, mtime=0) if target.suffix == ".gz" else file


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: jsonable(value) for name, value in record.items()}
