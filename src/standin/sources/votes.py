"""What annotators said of a row: single votes, or counts per label; or only how many of them agree at least.

Votes stand in one column (a list, "a|b|a"), in a column for each annotator, as a mapping label -> count in one column,
or as counts in a column for each label.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from standin.errors import StandinError, nearest
from standin.sources.cells import cell_text, missing, name_in, simple_text
from standin.sources.tables import Table

MOST_VOTES = 1000
"""For one text; more are no annotators, but a sum over texts or another number."""

OWN_NAME = "annotations"
"""A column of this name that holds votes is read as such without being asked for."""
LOOKED_AT = 100
"""Rows that tell whether a column may hold several votes a text."""

Named = str | list[str] | dict[str, str] | None
"""``source.columns.annotations``: one column, one for each annotator, or label -> column of its count."""


def columns_named(annotations: Named) -> list[str]:
    """The columns that ``source.columns.annotations`` names."""
    if isinstance(annotations, dict):
        return list(annotations.values())
    return annotations if isinstance(annotations, list) else [] if annotations is None else [annotations]


def votes_in(
    table: Table,
    number: int,
    record: Mapping[str, Any],
    annotations: Named,
    labels: Collection[str],
    values: Mapping[str, str],
) -> tuple[str, ...] | None:
    """What annotators said of a row, by the task's names, counts as so many votes; None where nobody said anything.

    A vote that ``source.values`` leaves out stays a vote, by the file's own value: favor, favor, none, none is no
    agreement on favor. A blank is nobody's vote, and no count.

    Raises:
        StandinError: a vote for what is no label, a count that is none; naming file, row and column.
    """
    if annotations is None:
        return None
    if isinstance(annotations, dict):
        counts = {label: (record.get(column), column) for label, column in annotations.items()}
        return _counted(table, number, counts, labels, values)
    if isinstance(annotations, list):
        return _single(table, number, [record.get(column) for column in annotations], labels, values)
    cell = record.get(annotations)
    if missing(cell):
        return None
    if (mapping := _mapping(table, number, cell, annotations)) is not None:
        counts = {cell_text(label): (count, annotations) for label, count in mapping.items()}
        return _counted(table, number, counts, labels, values)
    given = cell if isinstance(cell, list) else re.split(r"\s*\|\s*", simple_text(table, number, cell, "annotation"))
    return _single(table, number, given, labels, values)


def _mapping(table: Table, number: int, cell: Any, column: str) -> dict[Any, Any] | None:
    """A cell that is a mapping, or the JSON of one; None for any other."""
    if isinstance(cell, str) and cell.lstrip().startswith("{"):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise StandinError(
                f"{table.at(number)}: column {column!r} begins as a mapping of labels to counts and is no JSON of one. "
                'Write it as in {"joy": 3, "anger": 1}.'
            ) from None
    return cell if isinstance(cell, dict) else None


def _single(
    table: Table, number: int, cells: Sequence[Any], labels: Collection[str], values: Mapping[str, str]
) -> tuple[str, ...] | None:
    votes = [_vote(table, number, cell, labels, values) for cell in cells if not missing(cell)]
    return tuple(votes) or None


def _vote(table: Table, number: int, cell: Any, labels: Collection[str], values: Mapping[str, str]) -> str:
    vote = name_in(table, number, cell, "annotation", values)
    if vote not in values and vote not in labels:
        raise StandinError(
            f"{table.at(number)}: annotation {vote!r} is not in the task: {nearest(vote, labels)} "
            '(or say in source.values which label is meant, or "": then it counts as a vote for none of them)'
        )
    return values.get(vote) or vote


def _counted(
    table: Table,
    number: int,
    counts: Mapping[str, tuple[Any, str]],
    labels: Collection[str],
    values: Mapping[str, str],
) -> tuple[str, ...] | None:
    votes: list[str] = []
    for label, (cell, column) in counts.items():
        vote = _vote(table, number, label, labels, values)
        said = "0" if missing(cell) else cell_text(cell)
        if not re.fullmatch(r"[0-9]{1,9}(\.0+)?", said):  # 3.0 is how pandas writes 3 in a column with blanks
            raise StandinError(
                f"{table.at(number)}: column {column!r} holds {cell!r} for {label!r}, expected how many annotators "
                "chose it: a whole number, 0 or more. Of shares, write the numbers behind them."
            )
        count = int(float(said))
        if len(votes) + count > MOST_VOTES:
            raise StandinError(
                f"{table.at(number)}: column {column!r} brings the votes for one text above {MOST_VOTES:,}. "
                "Name the columns that count annotators in source.columns.annotations."
            )
        votes += [vote] * count
    return tuple(votes) or None


def vote_columns(
    tables: Sequence[Table], used: Collection[str | None], labels: Collection[str], values: Mapping[str, str]
) -> dict[str, str | None]:
    """Columns that hold several annotators' votes for the labels of a text, in any form that one column may have.

    Args:
        tables: the files of a task; a column must stand in all of them.
        used: columns that hold something else.
        labels: the task's.
        values: label values in the files -> label names.

    Returns:
        The columns' names, each with None; ``OWN_NAME`` with what is wrong where it holds lists or mappings, and
        something in them is no vote for a label.
    """
    found: dict[str, str | None] = {}
    for name in tables[0].columns:
        if name in used or not any(_several(record.get(name)) for _, record in tables[0].records[:LOOKED_AT]):
            continue
        try:
            for table in tables:
                if name not in table.columns:
                    raise StandinError(f"{table.path}: there is no such column")
                for number, record in table.records:
                    votes_in(table, number, record, name, labels, values)
            found[name] = None
        except StandinError as error:
            if name == OWN_NAME:
                found[name] = str(error)
    return found


def _several(cell: Any) -> bool:
    """Whether a cell has the form of several votes."""
    if isinstance(cell, str):
        return "|" in cell or cell.lstrip().startswith("{")
    return isinstance(cell, list | dict) and len(cell) > 1


def least_agreements(table: Table, column: str | None) -> Callable[[int, Mapping[str, Any]], float | None]:
    """How to read a lower bound of the agreement: the share of annotators, at least, who gave a text its label.

    A column holds shares (0.75) or percent (75, "75%"), which one value above 1 or a "%" makes it.

    Returns:
        A function of a row's number and record: between 0 and 1, None for a blank. It raises StandinError, naming
        file, row and column, for what is no share, and for 0.75 in a column of percent.
    """
    found = [_number(record.get(column)) for _, record in table.records] if column else []
    percent = any(value is not None and (value > 1 or marked) for value, marked in found)

    def read(number: int, record: Mapping[str, Any]) -> float | None:
        cell = record.get(column) if column else None
        if missing(cell):
            return None
        value, marked = _number(cell)
        if value is None or not 0 <= value <= 100:
            raise StandinError(
                f"{table.at(number)}: column {column!r} holds {cell!r}, expected the least share of annotators who "
                "agree: 0 to 1, or 0 to 100 percent. Mend it, or leave it blank where nothing is known."
            )
        if percent and 0 < value <= 1 and not marked:
            raise StandinError(
                f"{table.at(number)}: column {column!r} holds {cell!r} as a share and percent in other rows. Write all "
                "of it in one way, as 75 or as 0.75."
            )
        return value / 100 if percent else value

    return read


def _number(cell: Any) -> tuple[float | None, bool]:
    """A number, None where the cell is none, and whether a "%" stands behind it."""
    said = "" if missing(cell) or isinstance(cell, bool) else str(cell).strip()
    plain = said.removesuffix("%").strip()
    return (float(plain) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]*)?", plain) else None), said.endswith("%")
