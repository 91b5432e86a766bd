"""Progress of long work: a bar on a terminal, a plain line now and then in a pipe or CI."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_SECONDS = 10.0


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show how far ``what`` has come: the yielded function takes the number of ``unit`` done since the last call."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bars:
            task = bars.add_task(f"{what} ({unit})", total=total)
            yield lambda done: bars.update(task, advance=done)
        return
    started = said = time.monotonic()
    reached = 0

    def plain(done: int) -> None:
        nonlocal reached, said
        reached += done
        now = time.monotonic()
        if reached == total or now - said >= PLAIN_SECONDS:
            said = now
            left = (now - started) / max(reached, 1) * (total - reached)
            print(f"{what}: {reached}/{total} {unit}, about {left:.0f} s left", file=sys.stderr)  # noqa: T201

    yield plain
