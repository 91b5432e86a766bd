"""``standin task``: from a file of texts to a task that runs, by a few questions; and whether tasks are in order."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from standin.help import examples
from standin.sources.check_command import CHECK, check

if TYPE_CHECKING:
    from standin.sources.files import Reading
    from standin.sources.starter import Words

NEW = (
    "standin task new my-task",
    "standin task new my-task --data texts.csv --label topic",
    "standin task new inbox --yes --data letters.jsonl --unlabelled \\",
    "  --about 'letters to a bank' --describe 'loan=asks for a loan' \\",
    "  --describe 'card=reports a lost card'",
)


def register(app: typer.Typer) -> None:
    """Add ``standin task`` to the command line."""
    task = typer.Typer(help="Begin a task of your own, and check tasks.", no_args_is_help=True)
    task.command("new", epilog=examples(*NEW))(new)
    task.command("check", epilog=examples(*CHECK))(check)
    app.add_typer(task, name="task")


def new(
    name: Annotated[str, typer.Argument(help="Name of the task, as in sms-spam: tasks/NAME.yaml.")],
    data: Annotated[
        Path | None, typer.Option(help="File with the texts: .csv, .tsv, .xlsx, .jsonl, .json, .parquet or .zip.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the texts.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the labels.")] = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Nobody has labelled the texts yet.")] = False,
    language: Annotated[str | None, typer.Option(help="Language of the texts, as in en or de.")] = None,
    about: Annotated[str | None, typer.Option(help="What the texts are: 'letters to a bank'.")] = None,
    describe: Annotated[
        list[str] | None, typer.Option(help="A label and what its texts are like: 'loan=asks for a loan'. Repeat it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; what no option says keeps its default.")] = False,
) -> None:
    """Ask what the texts and labels are, version the data and write a task file that runs at once."""
    from standin.errors import StandinError
    from standin.sources import adding
    from standin.task import task_path

    if task_path(name).exists():
        raise StandinError(f"{task_path(name)} exists, and is not written over: edit it, or choose another name")
    told = _told(describe or [])
    if data is None:
        if yes:
            raise StandinError("--yes asks nothing, so say where the texts are: --data PATH")
        data = Path(typer.prompt("File with the texts (.csv, .xlsx, .jsonl, .json, .parquet ...)"))
    if not yes:
        text = text or typer.prompt("Column of the texts", default="text")
        unlabelled = unlabelled or (label is None and not typer.confirm("Are the texts labelled?", default=True))
        label = label or (None if unlabelled else typer.prompt("Column of the labels", default="label"))
    if unlabelled and yes and len(told) < 2:
        raise StandinError("--unlabelled: name two labels or more, each by --describe 'LABEL=what its texts are like'")

    def words(reading: "Reading", read: str) -> "tuple[Reading, Words]":
        return _asked(reading, told, language, read, about, unlabelled=unlabelled, yes=yes)

    label = None if unlabelled else label or "label"
    added = adding.add(name, data, text=text or "text", label=label, language=language, words=words)
    typer.echo(added.summary())


def _told(pairs: list[str]) -> dict[str, str]:
    from standin.errors import StandinError

    found = {}
    for pair in pairs:
        label, sign, said = (part.strip() for part in pair.partition("="))
        if not label or not sign or not said:
            raise StandinError(f"--describe {pair!r}: write a label, '=' and what its texts are like")
        found[label] = said
    return found


def _asked(
    reading: "Reading",
    told: dict[str, str],
    language: str | None,
    read: str,
    about: str | None,
    *,
    unlabelled: bool,
    yes: bool,
) -> "tuple[Reading, Words]":
    """The labels, and what a person says of them and the texts."""
    from standin.errors import StandinError, nearest
    from standin.language_codes import check_language
    from standin.sources.starter import Words
    from standin.task import check_label

    if unlabelled:
        if not told:
            named = typer.prompt("Labels, with commas between them")
            told = dict.fromkeys((part.strip() for part in named.split(",") if part.strip()), "")
        if len(told) < 2:
            raise StandinError(f"a task needs two labels or more, found {', '.join(told) or 'none'}")
        reading = replace(reading, labels=list(told))
    for label in told:
        if label not in reading.labels:
            raise StandinError(f"--describe {label!r}: {nearest(label, reading.labels)}")
        check_label(label)
    if not yes:
        language = language or typer.prompt("Language of the texts, as in en or de", default=read)
        about = about or typer.prompt("What are the texts? (as in: letters to a bank)")
        for label in reading.labels:
            told[label] = told.get(label) or typer.prompt(f"What are texts of {label!r} like?")
    language = language or read
    check_language(language)
    return reading, Words(language, about or "", told)
