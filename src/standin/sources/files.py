"""A file of real texts as rows of the task: its columns, label values and questions.

What is wrong is said with its line or row; what is left out is counted.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standin.corpus import Row
from standin.errors import StandinError, counted, nearest
from standin.names import fault
from standin.sources.tables import Table, read_table
from standin.task import Columns, Question

STRUCTURES = (dict, list, tuple, set, bytes)
"""What a Parquet or JSON cell may hold that is no name of anything."""

SHOWN = 60
"""Characters of a faulty name that a message shows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file's columns become rows: the task's columns, labels, questions and the file's own label values.

    ``questions`` is empty for a task without questions. ``others`` reads a warm-start file: it keeps the rows of
    other questions and leaves out the task's own.
    """

    columns: Columns
    labels: Sequence[str]
    questions: Sequence[Question] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """Label values in the file -> label names; "" leaves such rows out."""
    others: bool = False


@dataclass(frozen=True, slots=True)
class RawRows:
    """The rows of one file and how many records were left out, by reason."""

    rows: tuple[Row, ...]
    empty_texts: int
    unwanted_labels: int
    """Rows whose label ``source.values`` maps to nothing."""
    questions_not_asked: int


def read_raw(path: Path, reading: Reading, prefix: str) -> RawRows:
    """Read one file of real texts.

    Args:
        path: the file.
        reading: which columns hold what, and what the task's labels and questions are.
        prefix: begins the ids of a file without an id column, as in ``train-00012`` (the line or row number).

    Returns:
        The rows in the file's order, labels by the task's names; labels are all None where the file has none.

    Raises:
        StandinError: naming file and line or row; see the tests for each case.
    """
    return rows_of(read_table(path), reading, prefix)


def rows_of(table: Table, reading: Reading, prefix: str) -> RawRows:
    """The rows of a table that was read; see ``read_raw``."""
    _check_columns(table, reading.columns)
    _check_values(reading)
    labelled = _is_labelled(table, reading.columns.label)
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    unknown: list[tuple[int, str]] = []
    for number, record in table.records:
        text = text_in(table, number, record.get(reading.columns.text))
        question = _question(table, number, record, reading)
        label = _label(table, number, record, reading) if labelled and text and question else None
        if not text:
            left_out["empty"] += 1
        elif question is None:
            left_out["question"] += 1
        elif label == "":
            left_out["label"] += 1
        elif label is not None and label not in reading.labels:
            unknown.append((number, label))
        else:
            rows.append(
                Row(
                    id=_id(table, number, record, reading.columns.id, prefix),
                    text=text,
                    label=label,
                    question_id=question[0],
                    question=question[1],
                    annotations=_annotations(table, number, record, reading),
                )
            )
    if unknown:
        raise _unknown_labels(table, unknown, reading)
    _check_ids(table, rows)
    return RawRows(tuple(rows), left_out["empty"], left_out["label"], left_out["question"])


def _check_columns(table: Table, columns: Columns) -> None:
    for key in ("text", "label", "id", "question_id", "annotations"):
        name = getattr(columns, key)
        if name is not None and name not in table.columns:
            hint = {
                "text": "Name it in source.columns.text; the first row of CSV and TSV names the columns.",
                "id": "Name it in source.columns.id, or null: then ids are made from the line numbers.",
            }.get(key, f"Name it in source.columns.{key}, or null where there is none.")
            raise StandinError(
                f"{table.path}: there is no {key} column {name!r}: {nearest(name, table.columns)}. "
                f"{hint}{''.join(f' ({note})' for note in table.notes)}"
            )


def _check_values(reading: Reading) -> None:
    for value, label in reading.values.items():
        if label and label not in reading.labels:
            raise StandinError(
                f"source.values: {value!r} is mapped to {label!r}, which is no label of the task: "
                f"{nearest(label, reading.labels)}"
            )


def text_in(table: Table, number: int, value: Any) -> str:
    """A cell as a text, "" where it is empty. Raises StandinError where it is a structure or no whole text."""
    if missing(value):
        return ""
    if not isinstance(value, str | int | float):
        raise StandinError(f"{table.at(number)}: the text is a {type(value).__name__}, expected a string")
    return whole_text(table, number, value)


def whole_text(table: Table, number: int, value: Any) -> str:
    """A cell as text. Raises StandinError where half a character stands in it, which no UTF-8 file can hold."""
    text = str(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StandinError(
            f"{table.at(number)}: the text holds half a character (a lone surrogate, {text[error.start]!a}) at place "
            f"{error.start + 1}. Write the file again from its source, or remove the character."
        ) from None
    return text


def missing(value: Any) -> bool:
    """None, a blank string, or NaN, which is the one value that differs from itself."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def cell_text(value: Any) -> str:
    """A label or id as text: 1, 1.0 and "1" are the same value, and so are true and "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def name_in(table: Table, number: int, value: Any, what: str, mapped: Container[str] = ()) -> str:
    """A cell as the name of a label or question.

    Args:
        table: where the cell is, for the message.
        number: its line or row.
        value: the cell.
        what: for the message: "label" or "annotation" where ``source.values`` counts, else another word.
        mapped: values that ``source.values`` gives another name, whatever they hold.

    Returns:
        The name, without blanks around it.

    Raises:
        StandinError: the cell is a structure, or holds controls, line breaks and the like.
    """
    name = simple_text(table, number, value, what)
    if name not in mapped and (wrong := fault(name)):
        shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}..."
        mapping = "map it to a clean name in source.values (`data add`: --value), or "
        fix = f"{mapping if what in ('label', 'annotation') else ''}mend it in the file"
        raise StandinError(f"{table.at(number)}: {what} {shown!r} {wrong}; {fix}.")
    return name


def simple_text(table: Table, number: int, value: Any, what: str) -> str:
    """A cell as text, without blanks around it. Raises StandinError where it is a list, an object or bytes."""
    if isinstance(value, STRUCTURES):
        raise StandinError(
            f"{table.at(number)}: the {what} is a {type(value).__name__}, expected a text or a number. Write the part "
            "that names it into a column of its own."
        )
    return cell_text(value)


def _is_labelled(table: Table, column: str | None) -> bool:
    """Whether the file has labels. Raises StandinError where some rows have one and others have none."""
    if column is None:
        return False
    without = [number for number, record in table.records if missing(record.get(column))]
    if len(without) == len(table.records):
        return False
    if without:
        raise StandinError(
            f"{table.at(without[0])}: no label in column {column!r}; {len(without)} of {len(table.records)} rows have "
            "none. A file's texts are all labelled, or none is: label them, or add the file with --labelled-only "
            "(`standin data add`), which leaves them out."
        )
    return True


def _label(table: Table, number: int, record: Mapping[str, Any], reading: Reading) -> str:
    """The row's label by the task's name; "" where ``source.values`` leaves such rows out."""
    value = record[str(reading.columns.label)]
    known = {*reading.labels, *reading.values}
    several = [
        name_in(table, number, part, "label", reading.values)
        for part in (value if isinstance(value, list) else [value])
    ]
    if not isinstance(value, list) and all(part.strip() in known for part in several[0].split("|")):
        several = several if several[0] in known else several[0].split("|")
    if len(several) != 1:
        raise StandinError(
            f"{table.at(number)}: {len(several)} labels ({', '.join(several)}); a text has exactly one label here. "
            "Keep the rows with one label, or make it one task per label."
        )
    return reading.values.get(several[0], several[0])


def _unknown_labels(table: Table, unknown: Sequence[tuple[int, str]], reading: Reading) -> StandinError:
    number, first = unknown[0]
    counts = Counter(label for _, label in unknown).most_common(5)
    return StandinError(
        f"{table.at(number)}: label {first!r} is not in the task: {nearest(first, reading.labels)}. "
        f"{counted(len(unknown), 'such row')}: {', '.join(f'{label!r} {times}' for label, times in counts)}. "
        f"Say in source.values which label is meant, as in `{json.dumps(first)}: {reading.labels[0]}`, "
        'or "" to leave such rows out.'
    )


def _question(
    table: Table, number: int, record: Mapping[str, Any], reading: Reading
) -> tuple[str | None, str | None] | None:
    """The row's question (id, wording), matched by id or by wording; None where the row is not asked for."""
    column = reading.columns.question_id
    if column is None:
        if reading.others:
            raise StandinError(
                f"{table.path}: warm-start rows need their question: name it in source.columns.question_id"
            )
        if len(reading.questions) > 1:
            raise StandinError(
                f"{table.path}: the task has {len(reading.questions)} questions; name the column that tells which one "
                "a row answers in source.columns.question_id"
            )
        return (reading.questions[0].id, reading.questions[0].text) if reading.questions else (None, None)
    if missing(record.get(column)):
        raise StandinError(f"{table.at(number)}: no question in column {column!r}")
    wordings = {asked.text for asked in reading.questions}
    value = name_in(table, number, record[column], "question id", wordings)
    own = next((asked for asked in reading.questions if value in (asked.id, asked.text)), None)
    if reading.others:
        wording = simple_text(table, number, record.get("question") or value, "question")
        return None if own else (value, whole_text(table, number, wording))
    if not reading.questions:
        return None, None
    return (own.id, own.text) if own else None


def _id(table: Table, number: int, record: Mapping[str, Any], column: str | None, prefix: str) -> str:
    if column is None:
        return f"{prefix}-{number:05d}"
    if missing(record.get(column)):
        raise StandinError(f"{table.at(number)}: no id in column {column!r}; source.columns.id: null makes ids")
    return whole_text(table, number, simple_text(table, number, record[column], "id"))


def _check_ids(table: Table, rows: Sequence[Row]) -> None:
    if len({row.id for row in rows}) < len(rows):
        twice = [name for name, times in Counter(row.id for row in rows).items() if times > 1]
        raise StandinError(
            f"{table.path}: id {twice[0]!r} stands more than once ({counted(len(twice), 'such id')}). Make ids differ, "
            "or set source.columns.id: null: then ids are made from the line numbers."
        )


def _annotations(table: Table, number: int, record: Mapping[str, Any], reading: Reading) -> tuple[str, ...] | None:
    """What single annotators said, a list or "a|b|a", by the task's names.

    A vote that ``source.values`` leaves out stays a vote, by the file's own value: favor, favor, none, none is no
    agreement on favor. A blank in the list is nobody's vote.
    """
    column = reading.columns.annotations
    if column is None or missing(record.get(column)):
        return None
    value = record[column]
    given = value if isinstance(value, list) else re.split(r"\s*\|\s*", simple_text(table, number, value, "annotation"))
    votes = [name_in(table, number, vote, "annotation", reading.values) for vote in given if not missing(vote)]
    for vote in votes:
        if vote not in reading.values and vote not in reading.labels:
            raise StandinError(
                f"{table.at(number)}: annotation {vote!r} is not in the task: {nearest(vote, reading.labels)} "
                '(or say in source.values which label is meant, or "": then it counts as a vote for none of them)'
            )
    return tuple(reading.values.get(vote) or vote for vote in votes) or None
