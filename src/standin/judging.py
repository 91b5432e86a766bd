"""``standin subjectivity pairs``: let people, or models, say which of two tasks is more objective."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from standin.errors import StandinError, counted, nearest
from standin.help import examples

if TYPE_CHECKING:
    from standin.measures.judgements import Answer
    from standin.sources.tables import Table

KEPT = Path("tasks/judgements")
"""Where answers are kept, a file a task: under git, and read by the stage subjectivity."""


def register(app: typer.Typer) -> None:
    """Add ``standin subjectivity`` to the command line."""
    group = typer.Typer(help="Let people say how subjective a task is.", no_args_is_help=True)
    shown = ("pairs", "pairs --judge anna --judge ben", "pairs --read city-topics-pairs.csv")
    group.command("pairs", epilog=examples(*(f"standin subjectivity {one}" for one in shown)))(pairs)
    group.callback()(_group)
    app.add_typer(group, name="subjectivity")


def _group() -> None:
    """Let people say how subjective a task is."""


def pairs(
    read: Annotated[
        Path | None, typer.Option("--read", help="Read the answers of a filled file.", metavar="FILE")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the file to read, where it is not UTF-8.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="File for the questions, else TASK-pairs.csv.", metavar="FILE")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="Who answers; llm:NAME for a model. Repeat it. Else judge-1, judge-2.")
    ] = None,
    both_orders: Annotated[
        bool, typer.Option("--both-orders", help="Ask every judge every pair in both orders: twice the questions.")
    ] = False,
    task: Annotated[str | None, typer.Option(help="Name of the task, else that of params.yaml.")] = None,
) -> None:
    """Write the questions "which task is more objective" as a CSV, or read the answers (--read).

    The task is compared with the paper's ten. Answers are kept in tasks/judgements/TASK.csv, for git and
    `dvc repro subjectivity`.
    """
    from standin.config import load_params
    from standin.measures.subjectivity import compared_tasks
    from standin.task import load_task

    current = load_params().base.task
    given = load_task(task or current)
    tasks = compared_tasks(given.name, given.description, given.label_names)
    if read is None:
        if encoding:
            raise StandinError("--encoding is of the file that --read names: give both")
        from standin.measures import judgements
        from standin.sheets import write_sheet

        judges = [one.strip() for one in judge or ["judge-1", "judge-2"]]
        if not all(judges) or len(set(judges)) < len(judges):
            raise StandinError(f"--judge: names {judges} must differ and none be empty")
        target = to or Path(f"{given.name}-pairs.csv")
        if target.exists():
            raise StandinError(f"{target}: is there already, perhaps with answers. Name another file with --to.")
        rows = list(judgements.questions(tasks, judges, both_orders))
        write_sheet(target, judgements.COLUMNS, rows, to_fill_in=True)
        asked = counted(len(rows), "question")
        shares = f", {len(rows) // len(judges)} each" if len(judges) > 1 else ""
        orders = "each pair in both orders" if both_orders else "each pair once, the next judge the other way round"
        typer.echo(f"{target}: {asked} for {', '.join(judges)}{shares}; {orders}")
        typer.echo("Fill the column answer: 1, 2 or same; a part is enough. Then:")
        typer.echo(f"  standin subjectivity pairs --read {target}{f' --task {task}' if task else ''}")
        return
    if to is not None or judge or both_orders:
        raise StandinError("--read reads answers: leave --to, --judge and --both-orders out")
    then = "dvc repro subjectivity" if given.name == current else f"standin run -S base.task={given.name}"
    for line in join(read, encoding, KEPT / f"{given.name}.csv", [one.name for one in tasks], then):
        typer.echo(line)


def join(path: Path, encoding: str | None, kept: Path, names: Sequence[str], then: str) -> list[str]:
    """Add the answers of a filled file to those that are kept; of a question answered anew the new answer holds.

    Args:
        path: any file of rows that ``standin data add`` reads.
        encoding: of the file, where it is not UTF-8.
        kept: the task's file of answers; nothing is written where something is wrong.
        names: of the tasks that may be compared.
        then: the command that ranks the tasks by the answers.

    Returns:
        What to say.

    Raises:
        StandinError: naming file, row and column.
    """
    from standin.measures.judgements import read_answers, write_answers

    found, rows = _answers(path, encoding, names)
    old = {one.asked: one for one in read_answers(kept, names)}
    new = sum(one.asked not in old for one in found)
    changed = sum(one.asked in old and old[one.asked] != one for one in found)
    joined = {**old, **{one.asked: one for one in found}}
    if joined != old:
        write_answers(kept, list(joined.values()))
    by = Counter(one.judge for one in found)
    said = ", ".join(f"{judge} {number}" for judge, number in sorted(by.items()))
    lines = [f"{path}: {len(found)} of {counted(rows, 'question')} answered{f' ({said})' if said else ''}"]
    if len(found) < rows:
        lines[0] += f"; {rows - len(found)} left open, which is fine"
    if not joined:
        return [*lines, f"{kept}: nothing to keep"]
    models = len({one.judge for one in joined.values() if one.by_model})
    people = len({one.judge for one in joined.values() if not one.by_model})
    whose = " and ".join(
        [*([counted(people, "person", "people")] if people else []), *([counted(models, "model")] if models else [])]
    )
    if old and (first := sorted({one.judge for one in found} - {one.judge for one in old.values()})):
        lines.append(f"Answers for the first time: {', '.join(first)}")
    lines.append(f"{kept}: {counted(len(joined), 'answer')} of {whose}; {new} new, {changed} changed")
    if names[-1] not in {name for one in joined.values() for name in (one.first, one.second)}:
        lines.append(f"No answer concerns {names[-1]} yet: it has no place by these answers.")
    return [*lines, f"`{then}` ranks the tasks by them; commit the file to keep them."]


def _answers(path: Path, encoding: str | None, names: Sequence[str]) -> tuple[list["Answer"], int]:
    """The answers of a filled file, and how many questions it holds. Raises StandinError with what is wrong in it."""
    import tempfile

    from standin.measures.judgements import KEPT as COLUMNS
    from standin.reviewing.sheet import nothing_taken
    from standin.sources.opening import Options, open_file

    with tempfile.TemporaryDirectory() as folder:
        table = open_file(path, Options(encoding=encoding), "question", Path(folder)).table
        for column in COLUMNS:
            if column not in table.columns:
                raise StandinError(
                    f"{path}: there is no column {column!r}: {nearest(column, table.columns)}. Keep the names that "
                    "`standin subjectivity pairs` wrote."
                )
        found: dict[tuple[str, str, str], tuple[Answer, int]] = {}
        wrong = []
        for number, record in table.records:
            try:
                one = _answer(table, number, record, names)
            except StandinError as error:
                wrong.append(str(error))
                continue
            if one is None:
                continue
            before, row = found.setdefault(one.asked, (one, number))
            if before != one:
                wrong.append(
                    f"{table.at(number)}: column 'answer' holds {one.said!r}, and row {row} holds {before.said!r} for "
                    f"the same question and judge. Keep one of them."
                )
        if wrong:
            raise nothing_taken(wrong)
        return [one for one, _ in found.values()], len(table.records)


def _answer(table: "Table", number: int, record: Mapping[str, Any], names: Sequence[str]) -> "Answer | None":
    from standin.measures.judgements import KEPT as COLUMNS
    from standin.measures.judgements import answer
    from standin.sheets import plain
    from standin.sources.cells import missing, simple_text

    cells = {
        column: "" if missing(cell := record.get(column)) else plain(simple_text(table, number, cell, column))
        for column in COLUMNS
    }
    return answer(cells, names, table.at(number))
