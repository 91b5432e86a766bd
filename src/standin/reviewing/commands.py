"""``standin review``: people accept, reject or edit synthetic texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from standin import completion
from standin.help import examples

if TYPE_CHECKING:
    from standin.reviewing.candidates import Candidate
    from standin.reviewing.store import Store

REVIEW = (
    "standin review",
    "standin review --label housing --sample 20",
    "standin review --removed",
    "standin review --write texts.csv",
    "standin review --read texts.csv",
)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog=examples(*REVIEW))(review)


def review(
    label: Annotated[
        str | None, typer.Option(help="Only texts of this label.", autocompletion=completion.labels)
    ] = None,
    question: Annotated[str | None, typer.Option(help="Only texts of the question with this id.")] = None,
    sample: Annotated[
        int | None, typer.Option(help="Only so many, drawn at random, the same ones every time.", min=1, metavar="N")
    ] = None,
    removed: Annotated[bool, typer.Option("--removed", help="The texts that curation removed.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Those that are decided already, too.")] = False,
    write: Annotated[
        Path | None, typer.Option(help="Write the texts to a CSV, to be filled in and read again.", metavar="FILE")
    ] = None,
    read: Annotated[
        Path | None, typer.Option(help="Read the decisions of such a CSV, or of a workbook.", metavar="FILE")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the file to read, where it is not UTF-8.")] = None,
) -> None:
    """Accept, reject or edit synthetic texts, in the terminal or in a spreadsheet; curation obeys from the next run on.

    Decisions stand in data/reviews/TASK.jsonl, saved one by one; quit at any time and go on later.
    """
    from standin.config import load_params
    from standin.errors import StandinError, counted
    from standin.reviewing.candidates import candidates
    from standin.reviewing.store import FOLDER, Store
    from standin.task import load_task

    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    if write is not None and read is not None:
        raise StandinError("--write makes a sheet and --read takes one: give one of the two")
    params = load_params()
    task = load_task(params.base.task)
    store = Store(FOLDER / f"{task.name}.jsonl")
    if read is not None:
        if label or question or sample or removed or again:
            raise StandinError("--read takes the whole file: leave the other options out")
        _read(read, encoding, store, task.label_names)
        return
    if encoding:
        raise StandinError("--encoding is of the file that --read names: give both")
    found = candidates(task, params.curate, removed=removed, label=label, question=question, sample=sample)
    left = [each for each in found if store.reviews.of(each.row) is None]
    if write is None:
        _ask(found, found if again else left, store, {each.name: each.description for each in task.labels})
        return
    from standin.reviewing.sheet import write_sheet_of

    chosen = found if again else left
    write_sheet_of(write, chosen, store.reviews)
    typer.echo(
        f"{write}: {counted(len(chosen), 'text')}. Write accept, reject or edit into 'decision', an edit into "
        f"'new text' or 'new label', then: standin review --read {write}"
    )


def _read(path: Path, encoding: str | None, store: "Store", labels: list[str]) -> None:
    from standin.corpus import Removed, SyntheticRow, read_rows
    from standin.reviewing.candidates import KEPT, REMOVED, UNREADABLE
    from standin.reviewing.sheet import read_sheet

    gone = [row for row in read_rows(REMOVED, Removed) if row.reason not in UNREADABLE]
    changes, said = read_sheet(path, [*read_rows(KEPT, SyntheticRow), *gone], store.reviews, labels, encoding)
    if changes:
        store.change(changes)
    typer.echo("\n".join(said))
    if changes:
        _whats_next(store)


def _ask(found: "list[Candidate]", asked: "list[Candidate]", store: "Store", labels: dict[str, str]) -> None:
    """Ask for every text in turn; what was decided is said at the end, however it comes."""
    import os
    import sys

    from rich.console import Console

    from standin.errors import counted
    from standin.reviewing.terminal import Session, by_key, by_line, filled, unfilled

    if not asked:
        what = f"all {counted(len(found), 'text')} are decided; --again shows them" if found else "no such text"
        typer.echo(f"nothing to review: {what}")
        return
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    keys = terminal and os.environ.get("TERM") != "dumb"
    console = Console(width=None if terminal or "COLUMNS" in os.environ else 80, emoji=False)
    ask, fill = by_key if keys else by_line, filled if terminal else unfilled
    session = Session(asked, store, labels, console, ask, fill, by_line, len(found) - len(asked))
    try:
        session.run()
    finally:
        done = {name: count for name, count in session.done.items() if count}
        parts = ", ".join(f"{count} {name}" for name, count in done.items())
        open_ = sum(store.reviews.of(each.row) is None for each in found)
        typer.echo(f"decided now: {parts or 'nothing'}; left: {counted(open_, 'text')}")
        if done:
            _whats_next(store)


def _whats_next(store: "Store") -> None:
    typer.echo(f"{store.path} holds {len(store.reviews.by_key)}; `standin run` applies them. Commit the file.")
