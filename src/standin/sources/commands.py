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

FETCH = ("standin data fetch ag-news", "standin data fetch ag-news --from ../data-sets")
GENERATED = ("standin data add-generated my-task texts.jsonl --model gpt-4o",)


def register(app: typer.Typer) -> None:
    """Add the commands of ``standin data`` to the command line."""
    data = typer.Typer(help="Bring your own data into the project.", no_args_is_help=True)
    data.command("add", epilog=examples(*ADD))(add)
    data.command("add-generated", epilog=examples(*GENERATED))(add_generated)
    data.command("fetch", epilog=examples(*FETCH))(fetch)
    data.command("remove", epilog=examples("standin data remove my-task"))(remove)
    data.command("diff", epilog=examples("standin data diff HEAD~1", "standin data diff v1 v2"))(diff)
    app.add_typer(data, name="data")


def add(
    name: Annotated[str, typer.Argument(help="Name of the task, as in sms-spam: data/raw/NAME/, tasks/NAME.yaml.")],
    path: Annotated[
        Path,
        typer.Argument(
            help="File with the texts: CSV, TSV, JSON (Lines), Excel, Parquet, Arrow, a zip of one, or an export "
            "of Label Studio, doccano, Prodigy or Argilla."
        ),
    ],
    test: Annotated[Path | None, typer.Option(help="File with published test texts.")] = None,
    validation: Annotated[
        Path | None, typer.Option(help="File with labelled validation texts, else some are drawn.")
    ] = None,
    warmstart: Annotated[
        Path | None, typer.Option(help="File with labelled texts of other questions, where the task file names it.")
    ] = None,
    text: Annotated[str, typer.Option(help="Column of the texts; data.text for one within objects.")] = "text",
    label: Annotated[
        str, typer.Option(help="Column of the labels; ham,spam where each label has a column of 0 and 1.")
    ] = "label",
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Nobody has labelled the texts yet.")] = False,
    labelled_only: Annotated[
        bool, typer.Option("--labelled-only", help="Leave out rows that have no label yet.")
    ] = False,
    value: Annotated[
        list[str] | None,
        typer.Option(
            help="A label as the file writes it and as the task does: SPAM=spam; SPAM= leaves out. Repeat it."
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the texts, as in da; else guessed and said.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="How it was saved, where not UTF-8: cp1252, utf-16.")] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of an Excel workbook, where several hold data.")] = None,
    skip: Annotated[int, typer.Option(help="Rows above the one that names the columns.", min=0)] = 0,
    columns: Annotated[
        str | None, typer.Option(help="Names of the columns, where no row names them: label,text.")
    ] = None,
    no_quotes: Annotated[
        bool, typer.Option("--no-quotes", help="Quotation marks enclose no fields of the table: read them as they are.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace other data of that name.")] = False,
) -> None:
    """Copy, check and version labelled or unlabelled texts, and write a starter task file.

    Example: standin data add my-task reviews.xlsx --sheet 2024 --text comment --label topic
    """
    from standin.errors import StandinError
    from standin.labelling.moving import with_answers
    from standin.sources import adding
    from standin.sources.headers import Header
    from standin.sources.opening import Options

    named = tuple(part.strip() for part in columns.split(",")) if columns else ()
    try:
        added = with_answers(
            adding.add(
                name,
                path,
                test=test,
                validation=validation,
                warmstart=warmstart,
                text=text,
                label=None if unlabelled else label,
                values=adding.mapping(value or []),
                options=Options(encoding, sheet, Header(skip, named, not no_quotes)),
                labelled_only=labelled_only,
                language=language,
                replace=replace,
            )
        )
    except StandinError as error:
        typer.echo(f"data add: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(added.summary())


def add_generated(
    name: Annotated[str, typer.Argument(help="Name of the task; tasks/NAME.yaml says its labels and questions.")],
    path: Annotated[Path, typer.Argument(help="File with the texts, of any kind that `data add` reads.")],
    called: Annotated[
        str | None, typer.Option("--as", help="Name of the recording, as gpt-4o; else the file's name.")
    ] = None,
    text: Annotated[str, typer.Option(help="Column of the texts.")] = "text",
    label: Annotated[str, typer.Option(help="Column of the labels they were written for.")] = "label",
    question: Annotated[str | None, typer.Option(help="Column of the questions, for a task with several.")] = None,
    value: Annotated[
        list[str] | None, typer.Option(help="A label as the file writes it and as the task does: SPAM=spam. Repeat it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="What wrote them, where no column 'model' says so.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The prompt, where no column 'prompt' does.")] = None,
    seeds: Annotated[
        str, typer.Option(help="Column with ids of the real texts that were shown as examples: a list, or a|b.")
    ] = "seeds",
    encoding: Annotated[str | None, typer.Option(help="How it was saved, where not UTF-8: cp1252, utf-16.")] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of an Excel workbook, where several hold data.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace another recording of that name.")] = False,
) -> None:
    """Version texts that were generated elsewhere, with where they come from, and compare them with all real splits.

    Example: standin data add-generated my-task gpt.jsonl --model gpt-4o --prompt "Write a comment on ..."
    """
    from standin.errors import StandinError
    from standin.sources import adding, recording
    from standin.sources.opening import Options
    from standin.task import Columns

    try:
        added = recording.add_generated(
            name,
            path,
            recording=called,
            columns=Columns(text=text, label=label, id=None, question_id=question),
            values=adding.mapping(value or []),
            model=model,
            prompt=prompt,
            seeds=seeds,
            options=Options(encoding, sheet),
            replace=replace,
        )
    except StandinError as error:
        typer.echo(f"data add-generated: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(added.summary())


def fetch(
    name: Annotated[str, typer.Argument(help="Name of the task; source in tasks/NAME.yaml says what to load.")],
    folder: Annotated[
        Path | None, typer.Option("--from", help="Folder with a copy (source.local), instead of the hub.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace other data of that name.")] = False,
) -> None:
    """Load a task's data set from the hub or from a copy, check and version it.

    Of a copy it also adds what an LLM wrote for the task, where the task file names recordings.
    """
    from standin.errors import StandinError
    from standin.labelling.moving import with_answers
    from standin.sources import fetching

    try:
        added = with_answers(fetching.fetch(name, folder=folder, replace=replace))
        typer.echo(added.summary())
        for recorded in fetching.fetch_recordings(name, folder, replace=replace) if folder else ():
            typer.echo(recorded.summary())
    except StandinError as error:
        typer.echo(f"data fetch: {error}", err=True)
        raise typer.Exit(1) from None


def remove(
    name: Annotated[str, typer.Argument(help="Name of the task whose data goes: data/raw/NAME/.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove data that `standin data add` or `fetch` brought. Says what goes, then asks.

    Example: standin data remove my-task
    """
    from standin.errors import StandinError
    from standin.sources import removing

    try:
        going = removing.leaving(name)
        typer.echo("\n".join(going))
        if not yes:
            typer.confirm("Remove it?", abort=True)
        removing.remove(name)
    except StandinError as error:
        typer.echo(f"data remove: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"removed: data/raw/{name}; the change is staged in Git")


def diff(
    one: Annotated[str, typer.Argument(help="A commit, tag or branch.", metavar="REV1")],
    other: Annotated[str, typer.Argument(help="Another, or the workspace.", metavar="REV2")] = "workspace",
) -> None:
    """Compare the synthetic texts of two versions: added, removed, changed, labels, diversity.

    Example: standin data diff synthetic-texts@v0.1.0
    """
    from standin.errors import StandinError
    from standin.sources import differing

    try:
        found = differing.lines(differing.version(one), differing.version(other))
    except StandinError as error:
        typer.echo(f"data diff: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo("\n".join(found))
