"""``standin study``: a paper's grid of experiments, planned, run in pieces, and read as its tables."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from standin import completion
from standin.errors import StandinError, counted
from standin.help import examples

if TYPE_CHECKING:
    from standin.studies.running import Outcome, Planned
    from standin.studies.study import Study

Name = Annotated[str, typer.Argument(help="A file of studies/, as li2023.", autocompletion=completion.studies)]
Subset = Annotated[str | None, typer.Option(help="A smaller grid that the study's file names.")]
Change = Annotated[
    list[str] | None,
    typer.Option("-S", help="Change a parameter, as subjectivity.model.", autocompletion=completion.changes),
]
Only = Annotated[list[str] | None, typer.Option("--task", help="Only this task. Repeat it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of ``standin study`` to the command line."""
    study = typer.Typer(help="Run a paper's experiments and read its tables.", no_args_is_help=True)
    study.command("plan", epilog=examples("standin study plan li2023", "standin study plan li2023 --subset small"))(
        plan
    )
    study.command(
        "run", epilog=examples("standin study run li2023 --subset small", "standin study run li2023 --cluster")
    )(run)
    study.command("collect", epilog=examples("standin study collect li2023"))(collect)
    study.command("report", epilog=examples("standin study report li2023"))(report)
    study.command("rank", epilog=examples("standin study rank li2023"))(rank)
    app.add_typer(study, name="study")


def plan(name: Name, subset: Subset = None, task: Only = None) -> None:
    """Show the grid: what is run, what is there, tokens to generate, time where a run was made."""
    from standin.studies import planning
    from standin.studies.running import check, planned
    from standin.studies.study import load_study, points

    os.environ.setdefault("TQDM_DISABLE", "1")  # bars of a model's conversion
    study = load_study(name)
    found = planned(study, points(study, subset, task or []))
    for line in planning.lines(study, found):
        typer.echo(line)
    check(study, found)


def run(
    name: Name,
    subset: Subset = None,
    task: Only = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Only queue the experiments, for `dvc queue start`; then `study collect`.")
    ] = False,
    until: Annotated[
        str | None, typer.Option(help="Begin no run after 18:30, say; tomorrow's where that is past.")
    ] = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="On the workers of the Ray cluster that runtime.cluster names, or auto.")
    ] = False,
    shared: Annotated[
        Path | None, typer.Option(help="Folder that all nodes see under this path. Default: .standin/cluster.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show all that DVC says.")] = False,
) -> None:
    """Make the runs that are not there yet, each a DVC experiment, and write the study's page.

    It may be stopped: a run that is kept in studies/NAME/ is not made again.
    """
    from standin.running import dvc
    from standin.studies import running
    from standin.studies.study import load_study, points

    if queue and cluster:
        raise StandinError("--queue hands the runs to DVC's queue on this machine, --cluster to Ray: give one of them")
    study = load_study(name)
    last = _time_of(until) if until else None
    found = running.planned(study, points(study, subset, task or []))
    running.check(study, found)

    def begin(words: Sequence[str]) -> int:
        return dvc("dvc" if verbose else "standin.quiet", *words)

    if queue:
        count = running.enqueue(found, begin)
        typer.echo(f"{counted(count, 'run')} queued: dvc queue start, then standin study collect {name}")
        return
    try:
        done = _on_cluster(found, shared, last) if cluster else running.run(found, begin, typer.echo, until=last)
    finally:
        _write(study)
    typer.echo(f"{counted(done.made, 'run')} made; {counted(done.left, 'run')} left" if done.left else
               f"{counted(done.made, 'run')} made; the grid is whole" if not done.failed else
               f"{counted(done.made, 'run')} made; failed: {', '.join(done.failed)}")  # fmt: skip
    if done.failed:
        raise typer.Exit(1)


def _on_cluster(plan: "Sequence[Planned]", shared: Path | None, until: float | None) -> "Outcome":
    """Make the runs on a cluster and record each in MLflow."""
    from standin.config import load_params
    from standin.studies import spreading
    from standin.tracking.commands import record_workspace

    runtime = load_params().runtime
    runtime = runtime.model_copy(update={"cluster": runtime.cluster or "auto"})
    try:
        done = spreading.run(plan, runtime, shared or spreading.SHARED, typer.echo, until=until)
    except BaseException:
        typer.echo("what came back is kept; `standin sync` records it in MLflow", err=True)
        raise
    if done.made:
        record_workspace(everything=True)
    return done


def collect(name: Name) -> None:
    """Keep the results of queued experiments, and write the study's page."""
    from standin.studies import running
    from standin.studies.study import load_study, points

    study = load_study(name)
    kept, missing = running.collected(running.planned(study, points(study)))
    _write(study)
    typer.echo(f"{counted(len(kept), 'run')} kept; {counted(len(missing), 'run')} of the grid are not there")


def report(name: Name) -> None:
    """Write the study's page, docs/studies/NAME.md, of the runs that are there."""
    from standin.studies.study import load_study

    _write(load_study(name))


def rank(name: Name, change: Change = None) -> None:
    """Let the model of subjectivity rank the study's tasks from objective to subjective, and write the study's page."""
    from standin.overrides import load_params_with
    from standin.studies import ranking
    from standin.studies.study import load_study
    from standin.task import load_task

    study = load_study(name)
    if len(study.tasks) < 2:
        raise StandinError(f"{name}: a ranking is of two tasks or more, and the study has one")
    params = load_params_with(change or [])
    found = ranking.ask(params, [load_task(task) for task in study.tasks])
    ranking.write(found, ranking.path_of(name))
    typer.echo(f"{ranking.path_of(name)}: {counted(len(found.comparisons.pairs), 'answer')} of {found.model}")
    _write(study)


def _write(study: "Study") -> None:
    from standin.studies import ranking, records, reporting
    from standin.studies.study import points
    from standin.task import load_task, task_path

    asked = points(study)
    there = [path for path in map(records.path_of, asked) if path.exists()]
    tasks = {name: load_task(name) for name in study.tasks if task_path(name).exists()}
    panel = ranking.read(ranking.path_of(study.name))
    text, figures = reporting.page(study, [records.read(path) for path in there], len(asked), tasks, panel)
    path = reporting.PAGES / f"{study.name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    for file, svg in figures.items():
        path.with_name(file).write_text(svg, encoding="utf-8", newline="\n")
    typer.echo(f"{path}: {counted(len(there), 'run')} of {len(asked)}")


def _time_of(day: str) -> float:
    """Seconds of the next such time of the day. Raises StandinError where it is none."""
    try:
        asked = time.strptime(day, "%H:%M")
    except ValueError:
        raise StandinError(f"--until {day!r}: write hours and minutes, as 18:30") from None
    now = time.localtime()
    then = time.mktime((*now[:3], asked.tm_hour, asked.tm_min, 0, 0, 0, -1))
    return then if then > time.time() else then + 24 * 3600
