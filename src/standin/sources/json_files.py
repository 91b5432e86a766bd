"""Records of a JSON file: an array of objects, or one of the shapes in which people and libraries put them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from standin.corpus import json_value
from standin.errors import StandinError, nearest
from standin.sources.kept import Kept
from standin.sources.streams import lines
from standin.sources.tables import Table

LARGEST = 1 << 28
"""Bytes of a JSON file that are read as a whole: 256 MiB become some two gigabytes of values."""


def is_one_value(path: Path, expected: bool) -> bool:
    """Whether a file holds one JSON value over its lines rather than an object a line.

    ``expected`` decides where both may be: a file of one line, or one whose first line is broken.
    """
    filled = ((number, line) for number, line in enumerate(lines(path), 1) if line.strip())
    number, first = next(filled, (1, b""))
    if first.lstrip()[:1] != b"{":
        return True
    try:
        json_value(path, first, number)
    except StandinError:
        return expected or first.rstrip()[-1:] in b"{[,"
    return expected and next(filled, None) is None


def json_table(path: Path, shown: Path, text: str) -> Table:
    """Read a JSON file.

    Args:
        path: the file.
        shown: how messages call it.
        text: the column of the texts: it tells columns from records that are found by a name.

    Returns:
        Its records: of an array of objects; of the only list of objects in an object (``{"data": [...]}``); of
        columns as pandas writes them (``{"text": {"0": ...}}``, ``{"text": [...]}``, ``columns`` and ``data``); of
        objects that are found by a name, which becomes ``id`` where they have none.

    Raises:
        StandinError: the file is broken, too large or of another shape; the message names the keys that were found.
    """
    content = b"".join(lines(path))
    if len(content) > LARGEST:
        raise StandinError(f"{shown}: a JSON file of more than {LARGEST} bytes. Save it as JSON Lines (.jsonl).")
    value = json_value(shown, content)
    found, note = _records(value, shown, text)
    for number, record in enumerate(found, 1):
        if not isinstance(record, dict):
            raise StandinError(
                f"{shown}, record {number}: expected an object with a text and a label, found {type(record).__name__}"
            )
    records = Kept(enumerate(found, 1))
    return Table(shown, "record", records.columns, records, (note,) if note else ())


def _records(value: Any, shown: Path, text: str) -> tuple[Sequence[Any], str]:
    if isinstance(value, list):
        return value, ""
    if not isinstance(value, dict):
        raise StandinError(f"{shown}: expected records, found {type(value).__name__}")
    if "%FEATURE_STRUCTURES" in value:
        raise StandinError(
            f"{shown}: an INCEpTION export (UIMA CAS): it marks spans within texts, and a text has one label here. "
            "Export a table of texts and document labels (CSV)."
        )
    if set(value) >= {"columns", "data"} and isinstance(value["data"], list) and isinstance(value["columns"], list):
        return [dict(zip(map(str, value["columns"]), row, strict=False)) for row in value["data"]], "read as columns"
    if text in value and all(isinstance(column, list) for column in value.values()):
        return _by_lists(value, shown), "read as columns"
    if text in value and all(isinstance(column, dict) for column in value.values()):
        places = list(dict.fromkeys(place for column in value.values() for place in column))
        rows = [{name: column.get(place) for name, column in value.items()} for place in places]
        return rows, "read as columns"
    return _within(value, shown, text)


def _within(value: Mapping[str, Any], shown: Path, text: str) -> tuple[Sequence[Any], str]:
    """Records somewhere in an object."""
    lists = {key: part for key, part in value.items() if _objects(part)}
    if len(lists) == 1:
        ((key, part),) = lists.items()
        return part, f"read the records under {key!r}"
    if len(lists) > 1:
        raise StandinError(
            f"{shown}: {len(lists)} keys hold records ({', '.join(map(repr, lists))}). Write the ones that are meant "
            "into a file of their own."
        )
    if value and all(isinstance(part, dict) for part in value.values()):
        return [{"id": key, **part} for key, part in value.items()], "read the records by their names, as ids"
    inner = [part for part in value.values() if isinstance(part, dict)]
    if len(inner) == 1:
        return _records(inner[0], shown, text)
    raise StandinError(
        f"{shown}: no records found. Expected an array of objects, or one under a key; the file's object has the keys "
        f"{nearest(text, map(str, value)).removeprefix('Known: ')}."
    )


def _by_lists(columns: Mapping[str, list[Any]], shown: Path) -> list[dict[str, Any]]:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise StandinError(f"{shown}: columns of different lengths ({said}): a value is missing somewhere")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _objects(part: Any) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(each, dict) for each in part)
