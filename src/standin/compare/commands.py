"""``standin compare``: experiments side by side."""

from pathlib import Path
from typing import Annotated

import typer

from standin.help import examples

PAGE = Path("reports/compare.html")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog=examples("standin compare", "standin compare --json", "standin compare --all --page wide.html"))(
        compare
    )


def compare(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="Experiments, git revisions or 'workspace'; none: all of HEAD.", metavar="EXP"),
    ] = None,
    baseline: Annotated[str, typer.Option(help="What the others are compared with.", metavar="EXP")] = "HEAD",
    everything: Annotated[bool, typer.Option("--all", help="The experiments of other commits too.")] = False,
    page: Annotated[Path, typer.Option(help="Where the page goes, one file.", metavar="FILE")] = PAGE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, write no page.")] = False,
) -> None:
    """Compare experiments: parameters, scores with intervals, differences to the baseline from stored predictions.

    Example: standin compare --baseline main worth-coho blond-gaud
    """
    import json
    import os
    import sys

    from standin.compare.answers import Answers
    from standin.compare.revisions import chosen, elsewhere
    from standin.compare.rows import compare as side_by_side
    from standin.errors import StandinError

    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    compared = side_by_side(chosen(experiments or [], baseline, everything=everything), Answers())
    if as_json:
        from standin.compare.words import as_json as values

        typer.echo(json.dumps(values(compared), indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    from standin.compare.page import write
    from standin.compare.terminal import show

    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    show(compared, Console(width=None if narrow else 120, emoji=False))
    if not experiments and not everything and (others := elsewhere()):
        typer.echo(f"{others} experiments stand on other commits: `standin compare --all` shows them too.")
    try:
        write(compared, page)
    except OSError as error:
        raise StandinError(
            f"{page}: the page was not written: {error.strerror}. Name another place with --page"
        ) from None
    typer.echo(f"Page: {page}")
