"""``standin clean``: what takes room, and what of it can go without losing anything that cannot be made again."""

import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from standin.help import examples

if TYPE_CHECKING:
    from standin.cleaning.cache import Objects
    from standin.tracking.deleted import DeletedRun

KINDS = (
    ("DVC's cache", ".dvc/cache/files"),
    ("DVC's run cache", ".dvc/cache/runs"),
    ("copies for experiments", ".dvc/tmp/exps"),
    ("answers of models", ".standin/answers.db*"),
    ("converted models", ".standin/models"),
    ("what a cluster shares", ".standin/cluster"),
    ("MLflow's database", "mlflow.db*"),
    ("MLflow's files", "mlartifacts"),
    ("stopped predictions", ".standin/predicting"),
    ("data", "data"),
    ("trained classifiers", "models"),
    ("what was pushed", "storage"),
)
CACHE, COPIES, FILES = (KINDS[place][0] for place in (0, 2, 6))
RUN_AGAIN = "`dvc gc --workspace --all-commits --all-experiments`"


@dataclass(frozen=True, slots=True)
class Found:
    """What can go; ``stays`` says in sentences what is kept though nothing names it, or why."""

    objects: "Objects | None"
    copies: list[Path]
    runs: "list[DeletedRun]"
    stays: list[str]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("clean", epilog=examples("standin clean", "standin clean --yes", "standin clean --json"))(clean)


def clean(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove what can go, without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine: JSON on stdout, sizes in bytes.")] = False,
) -> None:
    """Show what takes room, and remove what nothing names any more and a run can make again. Asks first.

    Raw data, answers of models, files in git and results that a commit, tag or experiment names always stay.
    """
    from standin.cleaning.sizes import measured, readable
    from standin.errors import StandinError

    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    found = look()
    takes = {name: measured(Path().glob(pattern)) for name, pattern in KINDS}
    goes = {
        CACHE: sum(found.objects.unused.values()) if found.objects else 0,
        COPIES: measured(found.copies),
        FILES: measured(run.files for run in found.runs),
    }
    if not as_json:
        typer.echo("\n".join(_lines(takes, goes, found)))
    anything = bool(_what(found))
    agreed = yes or (anything and not as_json and sys.stdin.isatty() and typer.confirm("Remove it?"))
    if anything and agreed:
        _remove(found)
    if as_json:
        kinds = [{"kind": name, "path": pattern.rstrip("*"), "bytes": takes[name], "can_go": goes.get(name, 0)}
                 for name, pattern in KINDS]  # fmt: skip
        removed = sum(goes.values()) if anything and yes else 0
        typer.echo(json.dumps({"kinds": kinds, "stays": found.stays, "removed": removed}, indent=2))
    elif anything and agreed:
        typer.echo(f"removed: {readable(sum(goes.values()))}")
    elif anything:
        typer.echo("nothing was removed; `standin clean --yes` removes it")


def look() -> Found:
    """What can go, without changing anything."""
    from standin.cleaning import cache, experiments
    from standin.cleaning.sizes import readable
    from standin.errors import StandinError, counted
    from standin.tracking import deleted

    stays = _answers()
    objects: Objects | None = None
    runs: list[DeletedRun] = []
    try:
        folder = _cache_folder()
        if folder.is_relative_to(Path.cwd()):
            objects = cache.find(folder)
        else:
            stays.append(f"DVC's cache is {folder}, outside the project: other projects may use what it holds")
    except StandinError as error:
        stays.append(f"DVC's cache: {error}")
    try:
        runs = deleted.removable()
    except StandinError as error:
        stays.append(f"MLflow's files: {error}")
    if objects and objects.unknown:
        stays.append(
            f"{counted(len(objects.unknown), 'file')} ({readable(sum(objects.unknown.values()))}) in DVC's cache that "
            f"nothing names and no stage is known to have made, raw data perhaps: {RUN_AGAIN} takes them, too"
        )
    return Found(objects, experiments.left_behind(), runs, stays)


def _cache_folder() -> Path:
    from dvc.repo import Repo

    with Repo() as repo:
        return Path(repo.cache.local_cache_dir).resolve()


def _answers() -> list[str]:
    """How many answers of models are stored; they stay, because they cost time or money."""
    from standin.errors import counted

    path = Path(".standin/answers.db")
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as database:
            (number,) = database.execute("SELECT count(*) FROM answers").fetchone()
    except sqlite3.Error:
        return ["answers of models, which cannot be counted now"]
    return [f"{counted(number, 'answer')} of models: a run that asks the same takes them from here, for nothing"]


def _what(found: Found) -> list[str]:
    """What can go, as sentences."""
    from standin.errors import counted

    lines = []
    if found.objects and found.objects.unused:
        number = counted(found.objects.results, "result")
        lines.append(f"{number} in DVC's cache that no commit, tag, stash, experiment or the workspace names")
    if found.copies:
        lines.append(
            f"{counted(len(found.copies), 'copy', 'copies')} of the project, left by experiments that were killed"
        )
    if found.runs:
        lines.append(f"{counted(len(found.runs), 'run')} that were deleted in MLflow, with their files")
    return lines


def _lines(takes: dict[str, int], goes: dict[str, int], found: Found) -> list[str]:
    from standin.cleaning.sizes import readable

    lines = [f"{'':<24}{'':<22}{'takes':>9}  {'can go':>9}"]
    for name, pattern in KINDS:
        if takes[name]:
            room = readable(goes[name]) if goes.get(name) else "-"
            lines.append(f"{name:<24}{pattern.rstrip('*'):<22}{readable(takes[name]):>9}  {room:>9}")
    lines.append(f"{'all':<46}{readable(sum(takes.values())):>9}  {readable(sum(goes.values())):>9}")
    what = _what(found)
    lines += ["", "can go:" if what else "nothing can go", *(f"- {line}" for line in what)]
    if found.stays:
        lines += ["stays:", *(f"- {line}" for line in found.stays)]
    return lines


def _remove(found: Found) -> None:
    """Remove it. Raises StandinError where something is at work, which may be about to name what nothing names yet."""
    from standin.cleaning import cache, experiments
    from standin.errors import StandinError
    from standin.tracking import deleted

    if busy := experiments.at_work():
        raise StandinError(f"nothing was removed: {', '.join(busy)} is at work here. Clean when it has ended.")
    if found.objects and found.objects.unused:
        cache.remove(found.objects)
    experiments.remove(found.copies)
    if found.runs:
        deleted.remove(found.runs)
