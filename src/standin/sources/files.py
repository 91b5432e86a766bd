"""A file of real texts as rows of the task: its columns, label values and questions.

What is wrong is said with its line or row; what is left out is counted.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from standin.corpus import Row
from standin.errors import StandinError, counted, nearest
from standin.sources.cells import missing, name_in, simple_text, text_in, whole_text
from standin.sources.tables import Table, read_table
from standin.sources.votes import columns_named, least_agreements, votes_in
from standin.task import Columns, Question, Task


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
    leave_out: bool = False
    """Whether rows of another label, or of several, are left out; else they are refused."""
    remove: Sequence[str] = ()
    """Words that are taken out of the texts."""


def reading_of(task: Task, others: bool = False) -> Reading:
    """How a task's files are read; ``others``: as its warm-start file."""
    source = task.source
    leave_out = source.other_labels == "leave_out"
    return Reading(
        source.columns, task.label_names, task.questions, source.values, others, leave_out, tuple(source.remove)
    )


@dataclass(frozen=True, slots=True)
class RawRows:
    """The rows of one file and how many records were left out, by reason."""

    rows: tuple[Row, ...]
    empty_texts: int
    unwanted_labels: int
    """Rows whose label ``source.values`` maps to nothing, or ``source.other_labels`` leaves out."""
    questions_not_asked: int


def read_raw(path: Path, reading: Reading, prefix: str, label_may_lack: bool = False) -> RawRows:
    """Read one file of real texts.

    Args:
        path: the file.
        reading: which columns hold what, and what the task's labels and questions are.
        prefix: begins the ids of a file without an id column, as in ``train-00012`` (the line or row number).
        label_may_lack: whether the file may lack the label column, as texts that nobody has labelled do beside a
            test file that somebody has.

    Returns:
        The rows in the file's order, labels by the task's names; labels are all None where the file has none.

    Raises:
        StandinError: naming file and line or row; see the tests for each case.
    """
    return rows_of(read_table(path), reading, prefix, label_may_lack)


def rows_of(table: Table, reading: Reading, prefix: str, label_may_lack: bool = False) -> RawRows:
    """The rows of a table that was read; see ``read_raw``."""
    if label_may_lack and reading.columns.label not in table.columns:
        reading = replace(reading, columns=reading.columns.model_copy(update={"label": None}))
    if reading.columns.question_id not in table.columns and len(reading.questions) == 1 and not reading.others:
        reading = replace(reading, columns=reading.columns.model_copy(update={"question_id": None}))
    _check_columns(table, reading.columns)
    _check_values(reading)
    labelled = _is_labelled(table, reading.columns.label)
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    unknown: list[tuple[int, str]] = []
    at_least = least_agreements(table, reading.columns.agreement)
    for number, record in table.records:
        text = _without(text_in(table, number, record.get(reading.columns.text)), reading.remove)
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
                    annotations=votes_in(
                        table, number, record, reading.columns.annotations, reading.labels, reading.values
                    ),
                    agreement=at_least(number, record),
                )
            )
    if unknown:
        raise _unknown_labels(table, unknown, reading)
    _check_ids(table, rows)
    return RawRows(tuple(rows), left_out["empty"], left_out["label"], left_out["question"])


def _without(text: str, words: Sequence[str]) -> str:
    found = [word for word in words if word in text]
    for word in found:
        text = text.replace(word, " ")
    return " ".join(text.split()) if found else text


def _check_columns(table: Table, columns: Columns) -> None:
    named = [(key, getattr(columns, key)) for key in ("text", "label", "id", "question_id", "agreement")]
    named += [("annotations", name) for name in columns_named(columns.annotations)]
    for key, name in named:
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
    """The row's label by the task's name; "" where ``source.values`` or ``other_labels`` leaves such rows out."""
    value = record[str(reading.columns.label)]
    known = {*reading.labels, *reading.values}
    several = [
        name_in(table, number, part, "label", reading.values)
        for part in (value if isinstance(value, list) else [value])
    ]
    if not isinstance(value, list) and all(part.strip() in known for part in several[0].split("|")):
        several = several if several[0] in known else several[0].split("|")
    if reading.leave_out and (len(several) != 1 or several[0] not in known):
        return ""
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
        f"Say in source.values which label is meant, as in `{json.dumps(first)}: {json.dumps(reading.labels[0])}`, "
        'or "" to leave such rows out; or add it to labels, where it is one of its own. source.other_labels: leave_out '
        "leaves out the rows of all further labels."
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
    own = next((asked for asked in reading.questions if value in (asked.id, asked.text, asked.value)), None)
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
