"""``standin label``: people label the texts that the strategies chose, in the terminal, a spreadsheet or a tool."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from standin.help import examples

if TYPE_CHECKING:
    from standin.config import Params
    from standin.labelling.asked import Asked
    from standin.labelling.store import Store
    from standin.task import Task

ASK = ("standin label", "standin label --annotator anna", "standin label --again --annotator ben")
EXPORT = (
    "standin label export texts.csv",
    "standin label export tasks.json",
    "standin label export records.jsonl",
)
IMPORT = (
    "standin label import texts.csv",
    "standin label import project-3.json",
    "standin label import a.csv --annotator anna",
)
PERSON = "me"
ORACLE = Path("data/real/oracle.jsonl")
"""The labels of the run's pool: empty where nobody has labelled it."""

Annotator = Annotated[str, typer.Option(help="Who answers; the name stands in the labels file.", metavar="NAME")]
Again = Annotated[bool, typer.Option("--again", help="Texts that somebody else labelled, too: a second opinion.")]
Strategy = Annotated[str | None, typer.Option(help="Only the texts that this strategy chose.")]
Budget = Annotated[int | None, typer.Option(help="One of the budgets of the run; else the largest.", metavar="N")]


class Here(NamedTuple):
    """The project that a command stands in."""

    params: "Params"
    task: "Task"
    store: "Store"


def register(app: typer.Typer) -> None:
    """Add the commands of ``standin label`` to the command line."""
    label = typer.Typer()
    label.callback(invoke_without_command=True, epilog=examples(*ASK))(ask)
    label.command("export", epilog=examples(*EXPORT))(export)
    label.command("import", epilog=examples(*IMPORT))(import_)
    label.command("next", epilog=examples("standin label next"))(next_round)
    label.command("status", epilog=examples("standin label status", "standin label status --json"))(status)
    app.add_typer(label, name="label")


def ask(
    context: typer.Context,
    annotator: Annotator = PERSON,
    again: Again = False,
    strategy: Strategy = None,
    budget: Budget = None,
) -> None:
    """Label the texts that the strategies chose, one after the other in the terminal.

    Answers stand in data/labels/TASK.jsonl, saved one by one; quit at any time and go on later.
    """
    if context.invoked_subcommand is not None:
        return
    import os
    import sys

    from rich.console import Console

    from standin.errors import counted
    from standin.labelling.terminal import Session, have_keys, words_of
    from standin.reviewing.terminal import by_key, by_line

    here = _at_home(_here())
    found = _asked(here, strategy, budget)
    texts = _open(here, found, annotator, again)
    typer.echo(f"{found.said()}; {counted(len(found.rows) - len(texts), 'text is', 'texts are')} answered")
    if not texts:
        _whats_next(here, found)
        return
    names = {each.name: each.description for each in here.task.labels}
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    keys = terminal and os.environ.get("TERM") != "dumb" and have_keys(list(names))
    console = Console(width=None if terminal or "COLUMNS" in os.environ else 80, emoji=False)
    asking: Callable[[str], str | None] = partial(by_key, words=words_of(list(names))) if keys else by_line
    session = Session(texts, here.store, names, annotator, console, asking)
    try:
        session.run()
    finally:
        left = len(_open(here, found, annotator, again))
        typer.echo(f"answered now: {session.answered}; left: {counted(left, 'text')}")
        _whats_next(here, found)


def export(
    path: Annotated[
        Path,
        typer.Argument(help="File to write: .csv for a spreadsheet, .json for Label Studio, .jsonl for Argilla."),
    ],
    annotator: Annotator = PERSON,
    again: Again = False,
    strategy: Strategy = None,
    budget: Budget = None,
) -> None:
    """Write the texts to label for a spreadsheet, Label Studio or Argilla; those that are labelled already are not.

    Beside tasks and records lies what the tool must know: a labelling configuration (.xml), settings (.settings.json).
    """
    from standin.errors import counted
    from standin.labelling.exports import export as written

    here = _at_home(_here())
    found = _asked(here, strategy, budget)
    texts = _open(here, found, annotator, again)
    typer.echo(found.said())
    if not texts:
        typer.echo("nothing to export: all are answered; --again exports them for a second opinion")
        _whats_next(here, found)
        return
    files = written(path, texts, here.task, "" if annotator == PERSON else annotator)
    typer.echo(f"{' and '.join(map(str, files))}: {counted(len(texts), 'text')}")
    filled = "Write a label (or ? where none can be said) into 'label', then" if path.suffix == ".csv" else "Then"
    file = path if path.suffix == ".csv" else "EXPORT"
    typer.echo(f"{filled}: standin label import {file}")


def import_(
    path: Annotated[
        Path,
        typer.Argument(
            help="A filled-in CSV or .xlsx, an export of Label Studio (JSON, JSON-MIN, CSV), Argilla, doccano or "
            "Prodigy, or JSON Lines with id and label.",
            metavar="FILE",
        ),
    ],
    annotator: Annotated[str, typer.Option(help="Who answered, where the file does not say.", metavar="NAME")] = PERSON,
    value: Annotated[
        list[str] | None,
        typer.Option(help="A label as the file writes it and as the task does: SPAM=spam. Repeat it."),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the file, where it is not UTF-8.")] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook, where several hold data.")] = None,
) -> None:
    """Read answers back. All are checked, and nothing is taken where one is wrong.

    Where several people labelled a text, the label is what most of them say.
    """
    from standin.corpus import Row, read_rows
    from standin.labelling.answers import agreement_said, read_answers
    from standin.labelling.asked import POOL
    from standin.sources.adding import mapping
    from standin.sources.opening import Options

    here = _at_home(_here())
    values = {**here.task.source.values, **mapping(value or [])}
    votes, said = read_answers(
        path, read_rows(POOL, Row), here.task.label_names, values, here.store, annotator, Options(encoding, sheet)
    )
    if votes:
        here.store.change(votes)
    typer.echo("\n".join([*said, *agreement_said(list(here.store.by_id.values()))]))
    _whats_next(here, _selection(here)[0])


def next_round() -> None:
    """Close the round: what is labelled stays, and the next run selects as many new texts as the budget says.

    The last round has fewer where fewer are left. Where none is, the round stays open.
    """
    from standin.errors import StandinError, counted
    from standin.labelling.asked import unasked
    from standin.labelling.steps import kept_said

    here = _at_home(_here())
    if not (left := unasked(here.store.by_id)):
        raise StandinError(
            f"{here.store.path} answers every text of the pool, so a next round would have none and this one stays "
            f"open. Train on them: `{_run(here)}`. Or add texts to the file of the task's texts: `standin data add "
            f"{here.task.name} FILE --unlabelled --replace`, then `standin run` and `standin label next`."
        )
    number, texts = here.store.close()
    typer.echo(f"round {number} is closed with {counted(texts, 'answered text')}; commit it:")
    typer.echo(f"  git add {here.store.path} params.yaml dvc.lock reports && git commit -m 'labels, round {number}'")
    typer.echo(f"then: {_run(here)}   (selects new texts; {counted(left, 'text is', 'texts are')} left to choose from)")
    for line in kept_said(here.params, here.store, number):
        typer.echo(line)


def status(as_json: Annotated[bool, typer.Option("--json", help="For a machine: JSON on stdout.")] = False) -> None:
    """Say how many texts are to be labelled, how many are, and by which round."""
    import json
    from collections import Counter

    from standin.errors import counted
    from standin.labelling.answers import agreement_said

    here = _here()
    found, why = _selection(here)
    labels = list(here.store.by_id.values())
    rounds = Counter(each.round for each in labels if each.round is not None)
    by_label = Counter(each.label for each in labels)
    left = len(_open(here, found, PERSON, again=False)) if found else None
    values: dict[str, Any] = {
        "file": here.store.path.as_posix(),
        "budget": found.budget if found else None,
        "to_label": len(found.rows) if found else None,
        "left": left,
        "labels": {name: by_label[name] for name in here.task.label_names},
        "without_label": by_label[None],
        "closed_rounds": {str(number): rounds[number] for number in sorted(rounds)},
    }
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{found.said()}; {left} left" if found else why)
    typer.echo("labels: " + ", ".join(f"{name} {number}" for name, number in values["labels"].items()))
    for number, texts in values["closed_rounds"].items():
        typer.echo(f"round {number}: {counted(texts, 'text')}, closed")
    for line in agreement_said(labels):
        typer.echo(line)
    _whats_next(here, found)


def _here() -> Here:
    from standin.config import load_params
    from standin.errors import StandinError
    from standin.labelling.store import FOLDER, Store
    from standin.task import load_task

    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    params = load_params()
    task = load_task(params.base.task)
    named = Path(params.select.labels)
    path = named if named.parent == FOLDER and named.suffix == ".jsonl" else FOLDER / f"{task.name}.jsonl"
    return Here(params, task, Store(path, task.label_names))


def _asked(here: Here, strategy: str | None, budget: int | None) -> "Asked":
    """The texts of the open round. Raises StandinError where none are selected for people."""
    from dataclasses import replace

    from standin.errors import StandinError
    from standin.labelling.asked import asked, in_round

    if here.params.select.pool == "synthetic":
        raise StandinError(
            "params.yaml, select.pool: synthetic: the strategies choose among generated texts, which have labels "
            "already, so people are asked for none. `standin run -S select.pool=real` chooses real texts to label."
        )
    found = asked(list(here.params.select.strategies), strategy, budget)
    return replace(found, rows=in_round(found.rows, here.store.by_id))


def _at_home(here: Here) -> Here:
    """The project, where answers stand under the ids that their texts have in the pool; raises StandinError else."""
    from standin.labelling.moving import check_at_home

    check_at_home(here.store.by_id, here.store.path, here.task.name)
    return here


def _selection(here: Here) -> "tuple[Asked | None, str]":
    """The texts of the open round; or None, with the reason."""
    from standin.errors import StandinError

    try:
        return _asked(here, None, None), ""
    except StandinError as error:
        return None, str(error)


def _open(here: Here, found: "Asked", annotator: str, again: bool) -> list[Any]:
    """Those that nobody has answered, or with ``again`` those that this person has not."""
    known = {row.id: here.store.of(row) for row in found.rows}
    if again:
        return [row for row in found.rows if (own := known[row.id]) is None or annotator not in own.votes]
    return [row for row in found.rows if known[row.id] is None]


def _run(here: Here) -> str:
    from standin.labelling.steps import run_command

    return run_command(here.params, here.store)


def _whats_next(here: Here, found: "Asked | None") -> None:
    """Say what to do with the labels, and with the round where texts are selected."""
    for line in _steps(here, found):
        typer.echo(line)


def _steps(here: Here, found: "Asked | None") -> list[str]:
    from standin.labelling.steps import whats_next

    return whats_next(here.params, here.store, found)


def after_a_run() -> list[str]:
    """What people do next where the run's pool has no labels; nothing where it has, or where no text was selected."""
    from standin.errors import counted

    if not ORACLE.exists() or ORACLE.stat().st_size:
        return []
    here = _here()
    found, _ = _selection(here)
    if found is None:
        return []
    left = len(_open(here, found, PERSON, again=False))
    ask = f"standin label   ({counted(left, 'text')} to label, chosen for a budget of {found.budget})"
    return [*([ask] if left else []), *_steps(here, found)]
