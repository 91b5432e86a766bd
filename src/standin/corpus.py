"""Rows of text, and the JSON Lines files that hold them.

Files are written in a stable order and hold no times and no paths, so equal inputs give equal bytes.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, BinaryIO, TypeVar, get_args, get_origin, get_type_hints

from standin.errors import StandinError, check_ordinary

LONGEST_LINE = 1 << 28
"""Bytes of a line of JSON Lines: more are no row, but a file of another kind or one without line feeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One text. ``label`` is None where nobody has labelled it.

    ``agreement``: the least share of annotators who gave it its label, where a file says no more than that.
    """

    id: str
    text: str
    label: str | None = None
    question_id: str | None = None
    question: str | None = None
    split: str | None = None
    annotations: tuple[str, ...] | None = None
    agreement: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticRow(Row):
    """A generated text. ``label`` is what the prompt asked for, ``judged_label`` what a judge says; both stay.

    ``seeds`` are the ids of the real texts that a recorded text was made from, where they are known. ``reviewed`` is
    "accepted" or "edited" where a person did that; an edit may have given another label than was asked for.
    """

    plan_id: str
    shots: int
    engine: str
    model: str
    judged_label: str | None = None
    seeds: tuple[str, ...] | None = None
    reviewed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """One text an arm trains on. ``budget`` is None where no selected text is among the arm's sources."""

    seed: int
    budget: int | None
    id: str
    text: str
    label: str
    question_id: str | None = None
    question: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedRow:
    """The place of one pool text in one ranking; it is selected where ``rank <= budget``. Ranks start at 1.

    In a simulation a text that was labelled in an earlier round stands before all others, without a score.
    """

    seed: int
    budget: int
    rank: int
    id: str
    score: float | None = None
    question_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What one classifier says of one test text: ``p`` maps every label to its probability."""

    arm: str
    budget: int | None
    seed: int
    question_id: str | None = None
    id: str
    label: str
    p: dict[str, float]


REASONS = (
    "refused", "unparsable", "rejected", "invalid", "off_task", "judged_wrong", "contaminated", "copied", "duplicate"
)  # fmt: skip
"""Why a planned row is no text of the data, in the order in which they are tried: the first that holds counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A text that was taken out: why, which text survives in its place or it collides with, at which score.

    ``by`` is what found it: ``exact``, ``jaccard`` or ``cosine`` of a duplicate or a contaminated text (``seed`` of one
    made from a held-out text), what makes an invalid one so, the label that a judge gave instead.
    """

    id: str
    plan_id: str
    label: str
    text: str
    reason: str
    by: str | None = None
    survivor: str | None = None
    score: float | None = None


Record = TypeVar("Record", Row, SyntheticRow, ArmRow, SelectedRow, Prediction, Removed)


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object). Raises StandinError naming the line that is not UTF-8, not JSON or no object."""
    check_ordinary(path)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise StandinError(f"{path}: there is no such file; `dvc repro` or `dvc pull` brings it.") from None
    with file:
        yield from json_objects(path, _lines(path, file))


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise StandinError(f"{path}, line {number}: more than {LONGEST_LINE:,} bytes. One JSON object a line.")
        yield line


def json_objects(path: Path, lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of the lines of a file; blank lines are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        value = json_value(path, line, number)
        if not isinstance(value, dict):
            raise StandinError(f"{path}, line {number}: expected a JSON object, found {type(value).__name__}")
        yield number, value


def json_value(path: Path, content: bytes, line: int | None = None) -> Any:
    """Decode JSON. Raises StandinError with the place of what is broken, nested too deep or too long a number.

    Args:
        path: the file, for the message.
        content: one line of it, or all of it.
        line: the line's number; None where ``content`` is all of the file.
    """
    where = f"{path}, line {line}" if line else str(path)
    try:
        return json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        found = line or content[: error.start].count(b"\n") + 1
        raise StandinError(f"{path}, line {found}: not UTF-8 text. Save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        place = f"{path}, line {line or error.lineno}"
        rule = " One JSON object a line." if line else " Write the file again, whole."
        raise StandinError(f"{place}: broken JSON: {error.msg} at column {error.colno}.{rule}") from None
    except RecursionError:
        raise StandinError(
            f"{where}: JSON nested too deep to be read. A record is one object of texts, numbers and flat lists."
        ) from None
    except ValueError:
        raise StandinError(
            f"{where}: a number of more than {sys.get_int_max_str_digits()} digits. Write it as a text, in quotes."
        ) from None


def read_rows(path: Path, kind: type[Record]) -> list[Record]:
    """Read a file of rows. Raises StandinError naming the line with a missing or unknown column."""
    columns = {field.name for field in fields(kind)}
    required = {field.name for field in fields(kind) if field.default is MISSING}
    kinds = {name: _kinds(hint) for name, hint in get_type_hints(kind).items()}
    rows = []
    for number, value in read_json_lines(path):
        if missing := required - value.keys():
            raise StandinError(f"{path}, line {number}: column {min(missing)!r} is missing")
        if unknown := value.keys() - columns:
            raise StandinError(f"{path}, line {number}: unknown column {min(unknown)!r}; known: {sorted(columns)}")
        for column in ("annotations", "seeds"):
            if isinstance(listed := value.get(column), list):
                value[column] = tuple(listed) if all(isinstance(each, str) for each in listed) else listed
        for column, cell in value.items():
            if not isinstance(cell, kinds[column]):
                wanted = " or ".join(WORDS[kind] for kind in kinds[column])
                raise StandinError(
                    f"{path}, line {number}: column {column!r} holds a {type(cell).__name__}, expected {wanted}"
                )
        rows.append(kind(**value))
    return rows


WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    tuple: "list of texts",
    dict: "object",
    NoneType: "null",
}


def _kinds(hint: Any) -> tuple[type, ...]:
    """The types a column's values may have in JSON: whole numbers are numbers too."""
    parts = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    return tuple(kind for part in parts for kind in ((float, int) if part is float else (get_origin(part) or part,)))


def to_json(record: Any) -> dict[str, Any]:
    """One row as JSON values, in the order of its columns; optional columns without a value are left out."""
    return {
        field.name: value
        for field in fields(record)
        if (value := getattr(record, field.name)) is not None or field.name in ("label", "budget")
    }


def write_rows(path: Path, rows: Iterable[Row | ArmRow | SelectedRow | Prediction | Removed]) -> None:
    """Write rows as JSON Lines, one at a time, in the order given."""
    write_json_lines(path, (to_json(row) for row in rows))


def write_json_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    """Write objects as JSON Lines, UTF-8, keys in the order given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False) + "\n")


def write_whole(path: Path, content: str) -> None:
    """Write what people decided or answered: a kill leaves the old file or the new one, whole.

    It is written beside it under its name with a dot before, never through a link that lies there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.unlink(missing_ok=True)
    with unfinished.open("x", encoding="utf-8", newline="") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write one small JSON file with sorted keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def write_metrics(path: Path, values: Mapping[str, Any]) -> None:
    """Write metrics as a list of one object, which DVC takes for metrics without a number to show.

    `dvc exp show` and `dvc metrics diff` then show ``reports/metrics.json`` alone. A plain output with ``cache: false``
    would not be shown either, but DVC leaves stages with such an output out of its run-cache.
    """
    write_json(path, [values])


def read_json(path: Path) -> Any:
    """Read one small JSON file, without the list around metrics.

    Raises StandinError where it is missing or broken, as after a full disk.
    """
    check_ordinary(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StandinError(f"{path}: there is no such file; `dvc repro` or `dvc pull` brings it.") from None
    return unlisted(json_value(path, content))


def unlisted(value: Any) -> Any:
    """What ``write_metrics`` was given; any other value, as metrics of older commits, as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else value


Grouped = TypeVar("Grouped", Row, SyntheticRow, ArmRow, SelectedRow, Prediction)


def by_question(rows: Sequence[Grouped]) -> dict[str | None, list[Grouped]]:
    """Rows per question, in order of first appearance; a task without questions is one group under None."""
    groups: dict[str | None, list[Grouped]] = {}
    for row in rows:
        groups.setdefault(row.question_id, []).append(row)
    return groups
