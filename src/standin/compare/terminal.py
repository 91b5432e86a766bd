"""A comparison in the terminal: tables that keep to its width."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.compare.rows import Comparison, Row
from standin.compare.words import columns, lacking, marked, scope, score, settings, verdicts

NAME = 26
"""Widest column of names: DVC's own have up to 20 characters."""
SIDE = 3
"""Columns between two cells."""
SECOND = 24
"""Least room for parameters beside the figures; where there is less, the figures stand in tables of their own."""


def show(compared: Comparison, console: Any) -> None:
    """Print parameters and headline figures, macro-F1 of every arm, differences to the baseline, and what they mean.

    Whatever the width, every row has its name: what does not fit beside it stands below, with the names again.
    """
    rows, first = compared.rows, compared.rows[0]
    said = f"Task {first.runs[0].task_name}. The first row is the baseline."
    console.print(said, style="bold", highlight=False, markup=False)
    names = _names(rows, console.width)
    changed = ["\n".join(settings(row, row is first)) or ("" if row is first else "nothing") for row in rows]
    figures = {heading: [score(row.figures.get(heading)) for row in rows] for heading in columns(compared)}
    beside = names + SIDE + SECOND + sum(SIDE + _wide(*column) for column in figures.items()) <= console.width
    table = _table("", names, "parameters that differ", list(figures) if beside else [])
    for row, one, *others in zip(rows, changed, *(figures.values() if beside else []), strict=True):
        _add(table, row.name, one, *others)
    console.print(table)
    console.print()
    arms = {arm: [marked(row, arm) for row in rows] for arm in compared.arms}
    for heading, cells in (("", {} if beside else figures), ("macro-F1", arms)):
        for chunk in _chunks(cells, console.width - names):
            table = _table(heading, names, None, chunk)
            for row, *others in zip(rows, *(cells[name] for name in chunk), strict=True):
                _add(table, row.name, *others)
            console.print(table)
            console.print()
    _differences(rows, names, console)
    for sentence in [" ".join(scope(compared)), *lacking(compared)]:
        console.print(sentence, highlight=False, markup=False)


def _names(rows: Sequence[Row], width: int) -> int:
    """The width of the column of names: at most half of the terminal."""
    longest = max(len("macro-F1"), *(len(row.name) for row in rows))
    return max(1, min(NAME, longest, width // 2 - SIDE))


def _wide(heading: str, cells: Sequence[str]) -> int:
    return max(map(len, (heading, *cells)))


def _table(first: str, names: int, second: str | None, others: Sequence[str]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(first, min_width=names, max_width=names, overflow="fold")
    if second is not None:
        table.add_column(second, overflow="fold")
    for name in others:
        table.add_column(name, justify="left", overflow="fold", no_wrap=len(others) > 1)
    return table


def _add(table: Any, *cells: str) -> None:
    """A row of texts as they are: ``arms.cal=[cal]`` is no mark-up."""
    from rich.text import Text

    table.add_row(*map(Text, cells))


def _chunks(cells: Mapping[str, Sequence[str]], width: int) -> list[list[str]]:
    """Columns that fit beside one another within a width, at least one."""
    chunks: list[list[str]] = []
    left = 0
    for heading, column in cells.items():
        wide = SIDE + _wide(heading, column)
        if not chunks or wide > left:
            chunks.append([])
            left = width
        chunks[-1].append(heading)
        left -= wide
    return chunks


def _differences(rows: Sequence[Row], names: int, console: Any) -> None:
    if len(rows) < 2:
        return
    table = _table(f"against {rows[0].name}", names, "macro-F1 of the same arm", [])
    for row in rows[1:]:
        said = "\n".join(f"{arm}: {what}" if arm else what for arm, what in verdicts(row))
        _add(table, row.name, said or "no arm in common")
    console.print(table)
    console.print()
