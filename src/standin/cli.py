"""Commands for people; the pipeline runs through dvc.yaml and ``src/pipeline.py``.

A command is a function below ``@app.command()``. It imports what it needs itself, so that ``standin --help`` stays
fast, and raises StandinError for a person's mistake: ``main`` prints the message and exits with status 1.
"""

import json
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from standin import completion, doctor, starting
from standin.cleaning.commands import register as register_cleaning
from standin.compare.commands import register as register_compare
from standin.errors import StandinError, surroundings
from standin.help import STATUS, examples
from standin.judging import register as register_judging
from standin.labelling.commands import register as register_labelling
from standin.predicting.commands import register as register_predicting
from standin.releasing import register as register_releasing
from standin.reviewing.commands import register as register_reviewing
from standin.sharing import register as register_sharing
from standin.sources.commands import register
from standin.studies.commands import register as register_studies
from standin.tracking.commands import register as register_tracking

if TYPE_CHECKING:
    from standin.config import Params
    from standin.task import Task

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, epilog=STATUS)
register(app)
register_sharing(app)
register_releasing(app)
register_tracking(app)
register_compare(app)
register_cleaning(app)
register_reviewing(app)
register_judging(app)
register_predicting(app)
register_labelling(app)
register_studies(app)
starting.register(app)
doctor.register(app)
prompts = typer.Typer(help="Look at the prompts of a task.", no_args_is_help=True)
app.add_typer(prompts, name="prompts")


INTERRUPTED = "interrupted; run again to go on"
ENDED = (129, 130, 143)
"""Exit status of SIGHUP, Ctrl-C and SIGTERM."""

Change = Annotated[
    list[str] | None,
    typer.Option("-S", help="Change a parameter: -S generator.shots=5. Repeat it.", autocompletion=completion.changes),
]
Json = Annotated[bool, typer.Option("--json", help="For a machine: JSON on stdout.")]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("standin"))
        raise typer.Exit


@app.callback()
def standin(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Stand-in data for text classifiers. `dvc repro` runs the pipeline; these commands stand beside it."""


@app.command(
    epilog=examples(
        "standin run", "standin run --preview 5 -S base.task=my-task", "standin run -S '+arms.shots=[shots]'"
    )
)
def run(
    preview: Annotated[
        int | None, typer.Option(help="Only this many texts a label, up to the checks; shown, not kept.", metavar="N")
    ] = None,
    change: Change = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show all that DVC says.")] = False,
) -> None:
    """Run the pipeline and record it in MLflow, or try a few texts first (--preview 5)."""
    _need_project()
    from standin import running

    if preview is None:
        with running.alone() as lock:  # before the files are read, which a run changes for a while
            _checked(change or [])
            status = (
                running.experiment(change, lock, verbose=verbose)
                if change
                else running.pipeline(["repro"], lock, verbose=verbose)
            )
        if not status:
            what_next()
        raise typer.Exit(status)
    from rich.console import Console

    from standin import preview as previewing
    from standin.stages.runner import limit_threads

    params, task = _checked(change or [])
    limit_threads(params.runtime.threads)
    found = previewing.preview(params, preview, task)
    width = None if sys.stdout.isatty() else 120
    whole = shlex.join(["standin", "run", *running.options(change or [])])
    previewing.show(found, params.base.task, whole, Console(width=width, emoji=False))


def _checked(changes: list[str]) -> "tuple[Params, Task]":
    """Parameters and task of a run. Mistakes are explained here, before DVC reads the files."""
    from standin.choices import LOCAL_ENGINES
    from standin.config import llms_of
    from standin.embedded import check_spelling
    from standin.labelling.labels import check_labels_file
    from standin.overrides import load_with

    params, task = load_with(changes)
    if (labels := Path(params.select.labels)).parent != Path("data/real"):  # those a run writes itself
        check_labels_file(labels)
    local = [group.model for group in llms_of(params).values() if group.engine in LOCAL_ENGINES]
    check_spelling(params.embed.model, params.finetune.encoder, *local)
    return params, task


def _print_json(find: Callable[[], Any]) -> None:
    """Print a value; what is said while it is found goes to stderr."""
    with redirect_stdout(sys.stderr):
        value = find()
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


@app.command(
    epilog=examples(
        "standin generate", "standin generate --dry-run -S generator.shots=5", "standin generate --dry-run --json"
    )
)
def generate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it will take: rows, prompts, tokens, time, price.")
    ] = False,
    nodes: Annotated[
        int, typer.Option(min=1, help="Of a dry run: on how many nodes of a cluster; docs/cluster.md.")
    ] = 1,
    change: Change = None,
    as_json: Json = False,
) -> None:
    """Generate the synthetic texts (the pipeline up to the stage generate), or say what it will take (--dry-run)."""
    _need_project()
    from standin.overrides import load_with

    params, task = load_with(change or [])
    if dry_run:
        from standin import planning

        if as_json:
            _print_json(lambda: planning.dry_run_values(params, task, nodes))
        else:
            planning.echo(planning.dry_run(params, task, nodes))
        return
    if as_json or nodes > 1:
        raise StandinError("--json and --nodes are for a dry run: `standin generate --dry-run --json --nodes 4`")
    if change:
        raise StandinError("-S changes the parameters of a dry run only; `dvc exp run -S ...` runs an experiment")
    from standin import running

    with running.alone() as lock:
        status = running.dvc("dvc", "repro", "generate", lock=lock)
    raise typer.Exit(status)


@prompts.command(
    "show",
    epilog=examples(
        "standin prompts show --label housing --number 2", "standin prompts show --rendered -S generator.conversation=3"
    ),
)
def show_prompts(
    label: Annotated[
        str | None, typer.Option(help="Only the prompts of this label.", autocompletion=completion.labels)
    ] = None,
    number: Annotated[int, typer.Option(help="Conversations a label.", min=1)] = 1,
    rendered: Annotated[
        bool, typer.Option("--rendered", help="With the marks of the model's chat template, as the model reads it.")
    ] = False,
    change: Change = None,
    as_json: Json = False,
) -> None:
    """Print exactly what will be sent to the LLM."""
    _need_project()
    from standin import planning
    from standin.overrides import load_with

    params, task = load_with(change or [])
    if as_json and rendered:
        raise StandinError("--json gives the messages as they are sent: leave --rendered out")
    if as_json:
        _print_json(lambda: planning.prompt_values(params, label, number, task))
    else:
        planning.echo(planning.show_prompts(params, label, number, rendered, task))


@app.command(epilog=examples("standin seeds", "standin seeds --json"))
def seeds(as_json: Json = False) -> None:
    """Put the runs that differ in base.seed alone into one table: only they speak of the method."""
    _need_project()
    from standin import seeds as over
    from standin.planning import echo

    found = over.collect()
    over.write(found)
    if as_json:
        _print_json(lambda: over.values(found))
    else:
        echo(over.lines(found))


@app.command("next", epilog=examples("standin next", "standin next --json"))
def what_next(as_json: Json = False) -> None:
    """Say where the results of the last run are, and what to try now."""
    _need_project()
    activate = "" if sys.prefix == sys.base_prefix else f"source {Path(sys.prefix).name}/bin/activate"
    report = Path("reports/report.html")
    if as_json:
        found = {"report": str(report) if report.exists() else None, "activate": activate or None, "ui": "standin ui"}
        _print_json(lambda: found)
        return
    lines = [
        f"Report:   {report if report.exists() else 'none yet: `standin run` makes it'}",
        "Runs:     standin ui   (MLflow in the browser)",
        *(f"{'' if place else 'Try now:':9} {line}" for place, line in enumerate([*_to_try(), "standin compare"])),
        "Own data: standin data add NAME PATH",
    ]
    typer.echo("\n".join(([f"First:    {activate}"] if activate else []) + lines))


def _to_try() -> list[str]:
    """Commands that work with the data of the last run: people label what has no labels, else an experiment."""
    from standin.config import load_params
    from standin.labelling.commands import after_a_run
    from standin.task import load_task

    if steps := after_a_run():
        return steps
    params, drawn = load_params(), Path("data/real/shots.jsonl")
    shots = min(5, params.prepare.shots // len(load_task(params.base.task).labels))  # examples of each label
    none_labelled = drawn.exists() and not drawn.stat().st_size
    if none_labelled or shots in (0, params.generator.shots):
        return [f"dvc exp run -S base.seed={params.base.seed + 1}"]
    return [f"dvc exp run -S generator.shots={shots}"]


def _need_project() -> None:
    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    from standin.stores import settle

    settle(Path())


def main() -> None:
    """The command ``standin``: a person's mistake is one message on stderr and status 1; Ctrl-C is status 130."""
    try:
        completion.in_bash(app)()
    except StandinError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.status)
    except KeyboardInterrupt:
        typer.echo(INTERRUPTED, err=True)
        sys.exit(130)
    except SystemExit as end:
        if end.code in ENDED:  # typer met Ctrl-C first, or a signal was passed on, and nothing is said yet
            typer.echo(INTERRUPTED, err=True)
        raise
    except Exception as error:
        if (found := surroundings(error)) is None:
            raise
        typer.echo(str(found), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
