"""``standin data``: bring your own data into the project."""

from pathlib import Path
from typing import Annotated

import typer

from standin.help import examples

ADD = (
    "standin data add my-task texts.csv --text comment --label topic",
    "standin data add sms train.tsv --test test.tsv --value SPAM=spam",
    "standin data add inbox letters.jsonl --unlabelled",
)


def register(app: typer.Typer) -> None:
    """Add the commands of ``standin data`` to the command line."""
    data = typer.Typer(help="Bring your own data into the project.", no_args_is_help=True)
    data.command("add", epilog=examples(*ADD))(add)
    data.command("fetch", epilog=examples("standin data fetch ag-news"))(fetch)
    app.add_typer(data, name="data")


def add(
    name: Annotated[str, typer.Argument(help="Name of the task, as in sms-spam: data/raw/NAME/, tasks/NAME.yaml.")],
    path: Annotated[Path, typer.Argument(help="File with the texts: .jsonl, .csv, .tsv (also .gz) or .parquet.")],
    test: Annotated[Path | None, typer.Option(help="File with published test texts.")] = None,
    text: Annotated[str, typer.Option(help="Column of the texts.")] = "text",
    label: Annotated[str, typer.Option(help="Column of the labels.")] = "label",
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Nobody has labelled the texts yet.")] = False,
    value: Annotated[
        list[str] | None, typer.Option(help="A label as the file writes it and as the task does: SPAM=spam. Repeat it.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace other data of that name.")] = False,
) -> None:
    """Copy, check and version labelled or unlabelled texts, and write a starter task file."""
    from standin.errors import StandinError
    from standin.sources import adding

    try:
        added = adding.add(
            name,
            path,
            test=test,
            text=text,
            label=None if unlabelled else label,
            values=adding.mapping(value or []),
            replace=replace,
        )
    except StandinError as error:
        typer.echo(f"data add: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(added.summary())


def fetch(
    name: Annotated[str, typer.Argument(help="Name of the task; source.hub in tasks/NAME.yaml says what to load.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace other data of that name.")] = False,
) -> None:
    """Load a task's data set from the hub, check and version it."""
    from standin.errors import StandinError
    from standin.sources import hub

    try:
        added = hub.fetch(name, replace=replace)
    except StandinError as error:
        typer.echo(f"data fetch: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(added.summary())
