"""``standin sync`` and ``standin ui``: bring runs into MLflow, and look at them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from standin.errors import StandinError
from standin.help import examples

if TYPE_CHECKING:
    from standin.tracking.recording import Recorded


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog=examples("standin sync", "standin sync --current"))(sync)
    app.command(epilog=examples("standin ui", "standin ui --port 5001 --no-browser"))(ui)


def sync(
    current: Annotated[
        bool, typer.Option("--current", help="Only the workspace's state, not HEAD and the DVC experiments.")
    ] = False,
) -> None:
    """Record in MLflow what it lacks: the workspace, HEAD, all DVC experiments, failures. Again adds nothing."""
    _need_project()
    from standin.tracking.recording import sync as bring

    _say(bring(everything=not current, restore=True))


def record_workspace(*, everything: bool = False) -> None:
    """What `standin sync --current` does after a pipeline run, which an MLflow out of reach does not make a failure.

    ``everything``: HEAD and the DVC experiments too, as those that a cluster made.
    """
    from standin.tracking.database import TrackingError
    from standin.tracking.recording import sync as bring

    try:
        _say(bring(everything=everything))
    except TrackingError as error:
        typer.echo(f"{error}\nnothing is lost; `standin sync` records this run later", err=True)


def ui(
    port: Annotated[
        int | None,
        typer.Option(help="Port on this machine; else the first free one from 5000.", min=1, max=65535),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser, or only say where.")] = True,
) -> None:
    """Show the runs in a browser (MLflow): headline figures beside what was varied. Ctrl-C ends it."""
    _need_project()
    from standin.tracking import ui as page
    from standin.tracking.trees import redact

    if server := page.own_server():
        place = page.address(server)
        typer.echo(redact(place))
        if browser:
            page.show(place)
        return
    for place in page.serve(page.free_port(port), browser=browser):
        typer.echo(f"{place}\nCtrl-C ends it")


def _say(recorded: Sequence["Recorded"]) -> None:
    from standin.tracking.runs import tracking_uri
    from standin.tracking.trees import redact

    for one in recorded:
        if one.outcome == "added":
            typer.echo(f"added {one.run} ({one.what})")
        elif one.outcome == "left out":
            typer.echo(f"left out {one.what}: {one.why}")
    counts = {outcome: sum(one.outcome == outcome for one in recorded) for outcome in ("added", "known")}
    typer.echo(f"{redact(tracking_uri())}: {counts['added']} added, {counts['known']} already there")


def _need_project() -> None:
    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
