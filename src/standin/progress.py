"""Progress of long work: a bar on a terminal, a plain line now and then in a pipe or CI.

Work may come in large parts, as 48 texts that an LLM writes together in minutes: meanwhile a line says that it goes on.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

PLAIN_SECONDS = 10.0
SILENT_SECONDS = 30.0
"""A part that takes longer is said to be under way, so often."""


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show how far ``what`` has come: the yielded function takes the number of ``unit`` done since the last call."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bars:
            task = bars.add_task(f"{what} ({unit})", total=total)
            yield lambda done: bars.update(task, advance=done)
        return
    started = said = time.monotonic()
    reached = 0
    one_line, over = Lock(), Event()

    def plain(done: int) -> None:
        nonlocal reached, said
        with one_line:
            reached += done
            now = time.monotonic()
            if reached == total or now - said >= PLAIN_SECONDS:
                said = now
                left = (now - started) / max(reached, 1) * (total - reached)
                print(f"{what}: {reached}/{total} {unit}, about {left:.0f} s left", file=sys.stderr)  # noqa: T201

    def alive() -> None:
        nonlocal said
        while not over.wait(SILENT_SECONDS):
            with one_line:
                now = time.monotonic()
                if reached < total and now - said >= SILENT_SECONDS:
                    said = now
                    print(f"{what}: {reached}/{total} {unit} after {now - started:.0f} s", file=sys.stderr)  # noqa: T201

    watching = Thread(target=alive, name="progress", daemon=True)
    watching.start()
    try:
        yield plain
    finally:
        over.set()
        watching.join()
