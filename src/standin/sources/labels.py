"""Labels as files have them: one column each, lists, spellings that differ, names that are none."""

import ast
import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from unicodedata import normalize

from standin.errors import MOST_NAMES, StandinError, counted
from standin.sources.cells import cell_text, missing, name_in
from standin.sources.kept import Kept
from standin.sources.tables import Table

MOST_LABELS = 100
"""More labels than this are read with a warning, where they are fewer than half the texts."""

YES = {"1", "true", "yes", "y", "x"}
NO = {"0", "false", "no", "n", ""}
DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
NOTHING = {"nan", "none", "null", "n/a", "na", "#n/a", "<na>", "-", "?"}
LISTED = re.compile(r"\s*[\[{(].*[\])}]\s*", re.DOTALL)
LONGEST_LIST = 2_000


def labels_in_columns(table: Table, label: str, used: Sequence[str]) -> tuple[Table, tuple[str, ...]] | None:
    """One column of labels instead of one column for each label.

    Args:
        table: the file.
        label: ``--label``: the columns' names with commas between them; or a column that is not there, where all other
            columns of 0 and 1 are taken that mark one label in every row.
        used: columns that hold something else, as the texts.

    Returns:
        The table with a column ``label``, and the columns it is made of; None where there are no such columns.

    Raises:
        StandinError: named columns of which a row marks none or several, or that hold something else.
    """
    named = [part.strip() for part in label.split(",")]
    asked = len(named) > 1 and all(name in table.columns for name in named)
    columns = named if asked else mark_columns(table, used)
    if len(columns) < 2:
        return None
    rows = Kept()
    for number, record in table.records:
        chosen = [name for name in columns if _mark(record.get(name)) in YES]
        strange = [name for name in columns if _mark(record.get(name)) not in YES | NO]
        if asked and (strange or len(chosen) != 1):
            said = (
                f"column {strange[0]!r} holds {record.get(strange[0])!r}, expected 0 or 1"
                if strange
                else f"{len(chosen)} of the labels are marked ({', '.join(chosen) or 'none'}), expected one"
            )
            raise StandinError(
                f"{table.at(number)}: {said}. A text has exactly one label here: take such rows out, or make it one "
                f"task per label (--label {columns[0]})."
            )
        if len(chosen) != 1:
            return None
        others = {key: value for key, value in record.items() if key not in columns}
        rows.append(number, others | {"label": chosen[0]})
    note = f"labels are the columns marked 1: {', '.join(columns)}"
    left = tuple(name for name in table.columns if name not in columns)
    made = replace(table, columns=(*left, "label"), records=rows, notes=(*table.notes, note))
    return made, tuple(columns)


def mark_columns(table: Table, used: Sequence[str]) -> list[str]:
    """The columns that hold nothing but 0 and 1, or yes and no, apart from those that hold something else."""
    return [name for name in table.columns if name not in used and _is_marks(table, name)]


def _is_marks(table: Table, name: str) -> bool:
    found = {_mark(record.get(name)) for _, record in table.records}
    return found <= YES | NO and bool(found & YES)


def _mark(cell: Any) -> str:
    return "" if missing(cell) else cell_text(cell).casefold()


def lists_of_one(table: Table, label: str) -> Table:
    """The table with plain labels where every label is a list, or the text of one, as ``['spam']`` or ``["spam"]``.

    A list of several stays as it is: it is refused where rows are read.
    """
    cells = [record.get(label) for _, record in table.records]
    read = [_list_in(cell) for cell in cells]
    given = [part for part, cell in zip(read, cells, strict=True) if not missing(cell)]
    if not given or any(part is None for part in given):
        return table
    rows = Kept()
    for (number, record), part in zip(table.records, read, strict=True):
        value = None if not part else part[0] if len(part) == 1 else part
        rows.append(number, {**record, label: value})
    note = f"labels in column {label!r} are lists; read as the one label in each"
    return replace(table, records=rows, notes=(*table.notes, note))


def _list_in(cell: Any) -> list[Any] | None:
    """The labels in a cell: of a list, of JSON or Python's notation of one, of ``{"choices": [...]}``, of marks."""
    if isinstance(cell, str) and LISTED.fullmatch(cell) and len(cell) <= LONGEST_LIST:
        try:
            cell = json.loads(cell)
        except ValueError:
            try:
                cell = ast.literal_eval(cell.strip())
            except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
                return None
    if isinstance(cell, dict) and set(cell) == {"choices"}:
        cell = cell["choices"]
    if isinstance(cell, dict) and cell and all(isinstance(mark, bool | int | float) for mark in cell.values()):
        return [name for name, mark in cell.items() if mark == 1] if set(cell.values()) <= {0, 1} else None
    return list(cell) if isinstance(cell, list | tuple | set) else None


def _counts(table: Table, column: str, values: Mapping[str, str]) -> Counter[str]:
    """The labels in a column; "a|b" is no label of its own where "a" and "b" are."""
    cells = ((number, record.get(column)) for number, record in table.records)
    parts = ((number, part) for number, cell in cells for part in (cell if isinstance(cell, list) else [cell]))
    found = Counter(name_in(table, number, part, "label", values) for number, part in parts if not missing(part))
    joined = [cell for cell in found if "|" in cell and all(part.strip() in found for part in cell.split("|"))]
    for cell in joined:
        del found[cell]
    return found


def check_labels(table: Table, column: str, values: Mapping[str, str]) -> list[str]:
    """The labels of a new task, sorted.

    Raises:
        StandinError: fewer than two; nearly as many as texts; dates; spellings that differ only in case, blanks or as
            numbers do and that ``values`` leaves apart.
    """
    counts = _counts(table, column, values)
    named = sorted({values.get(cell, cell) for cell in counts} - {""})
    shown = ", ".join([*(repr(name[:60]) for name in named[:5]), *(["..."] if len(named) > 5 else [])])
    there = f"{table.path}: column {column!r} holds {counted(len(named), 'label')} ({shown})"
    fix = "Name the right column with --label, or say --unlabelled."
    if len(named) < 2:
        notes = "".join(f" ({note})" for note in table.notes)
        raise StandinError(f"{there}; a task has 2 or more. {fix}{notes}")
    if len(named) > MOST_LABELS and 2 * len(named) > sum(counts.values()):
        raise StandinError(f"{there} for {counted(sum(counts.values()), 'text')}; a label has several texts. {fix}")
    if all(DATE.fullmatch(name) for name in named):
        raise StandinError(f"{there}: dates, which are no classes. {fix}")
    _check_spellings(table, counts, values)
    return named


def labels_held_out(
    table: Table, column: str, values: Mapping[str, str], train: Table, named: Sequence[str]
) -> list[str]:
    """The labels of a new task that only its test or validation texts have and ``values`` names, as fear=fear does.

    Args:
        table: the test or validation texts.
        column: of the labels.
        values: as for ``check_labels``.
        train: the other texts.
        named: their labels.

    Raises:
        StandinError: with the options to choose from, where a label is not among the other texts and ``values`` does
            not name it.
    """
    counts = _counts(table, column, values)
    if unknown := {name: count for name, count in counts.most_common() if name not in values and name not in named}:
        folded = {_folded(name): name for name in named}
        options = (f"{name}={folded.get(_folded(name), '')}" for name in unknown)
        first = next((name for name in unknown if _folded(name) not in folded), next(iter(unknown)))
        shown = ", ".join(f"{name[:60]!r} ({count})" for name, count in list(unknown.items())[:MOST_NAMES])
        more = f" and {len(unknown) - MOST_NAMES} more" if len(unknown) > MOST_NAMES else ""
        add = " ".join(f"--value {shlex.quote(option)}" for option in options)
        raise StandinError(
            f"{table.path}: column {column!r} holds {counted(len(unknown), 'label')} that {train.path} does not: "
            f"{shown}{more}. Add {add}: with nothing behind '=' such rows are left out; a label behind it is the one "
            f"that is meant ({', '.join(named[:MOST_NAMES])}). --value {shlex.quote(f'{first}={first}')} keeps a label "
            "of its own, without a real text to learn it from."
        )
    return sorted({values[name] for name in counts if name in values} - {"", *named})


def _check_spellings(table: Table, counts: Counter[str], values: Mapping[str, str]) -> None:
    """Raise StandinError with the options that join spellings; ``values`` may also keep them apart (Spam=Spam)."""
    spellings: dict[str, list[str]] = {}
    for name, _ in counts.most_common():
        if name not in values:
            spellings.setdefault(_folded(name), []).append(name)
    for label in {label for label in values.values() if label}:
        if label not in counts and _folded(label) in spellings:
            spellings[_folded(label)].insert(0, label)
    alike = [names for names in spellings.values() if len(names) > 1]
    if not alike:
        return
    said = "; ".join(" and ".join(f"{name!r} ({counts[name]})" for name in names) for names in alike[:3])
    joined = " ".join(f"--value {shlex.quote(f'{other}={names[0]}')}" for names in alike for other in names[1:])
    apart = shlex.quote(f"{alike[0][1]}={alike[0][1]}")
    raise StandinError(
        f"{table.path}: labels that differ only in case, blanks, hyphens or the way a number is written: {said}. If "
        "they are "
        f"the same, add: {joined}. If not, --value {apart} keeps one apart."
    )


def _folded(name: str) -> str:
    """What of a label's name remains when case, blanks, hyphens, forms of characters and ".0" do not count."""
    plain = re.sub(r"[\s_\-]+", " ", normalize("NFKC", name)).strip().casefold()
    return re.sub(r"^(-?\d+)\.0+$", r"\1", plain)


def label_remarks(table: Table, column: str | None, values: Mapping[str, str]) -> list[str]:
    """What a person should look at among the labels of a new task."""
    if column is None:
        return []
    counts = _counts(table, column, values)
    named = sorted({values.get(cell, cell) for cell in counts} - {""})
    remarks = []
    if len(named) > MOST_LABELS:
        remarks.append(
            f"look at: {len(named)} labels: texts to generate, to train on and to test are all counted for each label, "
            "so lower generator.texts, and expect some labels to have few or no texts in a split"
        )
    remarks += [
        f"look at: label {name!r} ({counts[name]}) reads as a missing value: --value {shlex.quote(f'{name}=')} leaves "
        "such rows out"
        for name in named
        if name.casefold() in NOTHING
    ]
    if all(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in named):
        first = named[0]
        remarks.append(
            f"look at: the labels are numbers: say what they mean with --value {first}=NAME for each, or as phrase and "
            "description in the task file: prompts speak of labels by their phrase"
        )
    return remarks


def jsonable(value: Any) -> Any:
    """A cell as JSON holds it: dates as ISO writes them, NaN as null, sets as lists. Raises TypeError for bytes."""
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, dict):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [jsonable(part) for part in value]
    if isinstance(value, date) or hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
