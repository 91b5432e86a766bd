"""A comparison in the terminal: tables that keep to its width."""

from collections.abc import Sequence
from typing import Any

from standin.compare.rows import Comparison, Row
from standin.compare.words import columns, lacking, marked, scope, score, settings, verdicts

NAME = 26
"""Widest column of names: DVC's own have up to 20 characters."""
SIDE = 3
"""Columns between two cells."""


def show(compared: Comparison, console: Any) -> None:
    """Print parameters and headline figures, macro-F1 of every arm, differences to the baseline, and what they mean."""
    first = compared.rows[0]
    said = f"Task {first.runs[0].task_name}. The first row is the baseline."
    console.print(said, style="bold", highlight=False, markup=False)
    headings = columns(compared)
    table = _table("", "parameters that differ", headings)
    for row in compared.rows:
        said = "\n".join(settings(row, row is first)) or ("" if row is first else "nothing")
        _add(table, row.name, said, *(score(row.figures.get(heading)) for heading in headings))
    console.print(table)
    console.print()
    for arms in _chunks(compared, console.width):
        table = _table("macro-F1", None, arms)
        for row in compared.rows:
            _add(table, row.name, *(marked(row, arm) for arm in arms))
        console.print(table)
        console.print()
    _differences(compared.rows, console)
    for sentence in [" ".join(scope(compared)), *lacking(compared)]:
        console.print(sentence, highlight=False, markup=False)


def _table(first: str, second: str | None, others: Sequence[str]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(first, max_width=NAME, overflow="fold")
    if second is not None:
        table.add_column(second, overflow="fold", min_width=16)
    for name in others:
        table.add_column(name, justify="left", no_wrap=True)
    return table


def _add(table: Any, *cells: str) -> None:
    """A row of texts as they are: ``arms.cal=[cal]`` is no mark-up."""
    from rich.text import Text

    table.add_row(*map(Text, cells))


def _chunks(compared: Comparison, width: int) -> list[list[str]]:
    """Arms that fit beside one another and the names."""
    names = min(NAME, max(len(row.name) for row in compared.rows))
    chunks: list[list[str]] = []
    left = 0
    for arm in compared.arms:
        wide = SIDE + max(len(arm), *(len(marked(row, arm)) for row in compared.rows))
        if not chunks or wide > left:
            chunks.append([])
            left = width - max(names, len("macro-F1")) - SIDE
        chunks[-1].append(arm)
        left -= wide
    return chunks


def _differences(rows: Sequence[Row], console: Any) -> None:
    if len(rows) < 2:
        return
    table = _table(f"against {rows[0].name}", "macro-F1 of the same arm", [])
    for row in rows[1:]:
        said = "\n".join(f"{arm}: {what}" if arm else what for arm, what in verdicts(row))
        _add(table, row.name, said or "no arm in common")
    console.print(table)
    console.print()
