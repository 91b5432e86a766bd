"""``standin task check``: whether task files, their data and their prompts are in order."""

from pathlib import Path
from typing import Annotated

import typer

from standin.completion import tasks
from standin.errors import StandinError, visible

CHECK = ("standin task check", "standin task check ag-news tweet-irony", "standin task check --all --data ../data-sets")


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Tasks; none: that of params.yaml.", autocompletion=tasks),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every file in tasks/.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder with copies of data sets, for the tasks whose source.local names them.")
    ] = None,
) -> None:
    """Check task files and their data: labels, questions, and the prompts that would be sent.

    Data is read from the copies in --data, else from data/raw/, else from the hub, and nothing of it is kept. A task
    whose data cannot be had is named at the end, and the others are checked (exit status 1).
    """
    from standin.config import load_params
    from standin.sources.checking import check_tasks, summary

    if data is not None and not data.is_dir():
        raise StandinError(f"--data {data}: there is no such folder")
    if everything:
        names = sorted(path.stem for path in Path("tasks").glob("*.yaml"))
        if not names:
            raise StandinError(f"{Path.cwd()}: no task in tasks/. Run from the project's root.")
    found = []
    for each in check_tasks(names or [load_params().base.task], data):
        typer.echo(visible("\n".join(each.lines)))
        found.append(each)
    if len(found) > 1:
        typer.echo(summary(found))
    if not all(each.good for each in found):
        raise typer.Exit(1)
