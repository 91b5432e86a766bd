"""Runs over several base seeds: found in the workspace, HEAD and all DVC experiments, and put into one table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from standin.config import load_params
from standin.corpus import write_json
from standin.errors import StandinError
from standin.evaluation.base_seeds import TABLES, Run, scope, table_rows
from standin.evaluation.recipe import recipe
from standin.evaluation.tables import csv_text
from standin.report.seeds import COMMANDS, arm_rows, pair_rows
from standin.sheets import sheet_rows
from standin.task import load_task
from standin.tracking import trees
from standin.tracking.evaluated import COMPARISONS, SCORES, Evaluated, Made, altered, read_evaluated, read_made
from standin.tracking.trees import Commit, Tree, Workspace

FOLDER = Path("reports/seeds")
LEAST = 2


@dataclass(slots=True)
class Found:
    """The run of each base seed with where it was found, what was left out and why, and the workspace's recipe."""

    made: Made
    runs: dict[int, tuple[str, Evaluated]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    other: int = 0
    """Runs with other parameters or another task."""


def collect() -> Found:
    """Find the runs that differ from the workspace in ``base.seed`` alone: parameters, task, code and raw data.

    One run a base seed: the workspace's, else the newest; a second one is named. Raises StandinError where the
    workspace's own parameters or task file are wrong.
    """
    params = load_params()
    made = Made(recipe(params, load_task(params.base.task)), params.base.seed, params)
    found = Found(made)
    for what, tree in _states():
        one = read_made(tree)
        if one is None or one.recipe != made.recipe:
            found.other += 1
            continue
        try:
            scored = read_evaluated(tree)
        except StandinError as error:
            found.left_out.append(f"{what} (base seed {one.seed}): {error}")
            continue
        if changed := altered(scored.state):
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            found.left_out.append(f"{what} (base seed {one.seed}): made from another {changed[0]}{more}")
        elif one.seed in found.runs:
            first, known = found.runs[one.seed]
            same = "with equal figures" if known.digest == scored.digest else "with other figures"
            found.left_out.append(f"{what} (base seed {one.seed}): {first} has that seed, {same}")
        else:
            found.runs[one.seed] = what, scored
    return found


def _states() -> Iterator[tuple[str, Tree]]:
    """The workspace, then HEAD and the experiments, newest first. HEAD comes only where it is another state."""
    yield "workspace", Workspace()
    commits = [(f"experiment {name}", Commit(rev)) for rev, _, name in trees.experiments()]
    here, head = Workspace(), trees.head()
    files = ("dvc.lock", "params.yaml")
    if head and any(Commit(head).read(path) != here.read(path) for path in files):
        commits.insert(0, ("HEAD", Commit(head)))
    yield from sorted(commits, key=lambda one: -(one[1].time() or 0))


def write(found: Found) -> None:
    """Write ``scores.csv``, ``comparisons.csv`` and ``scope.json`` to ``reports/seeds``.

    Raises StandinError with the commands that make more runs where there are fewer than two.
    """
    seeds = sorted(found.runs)
    if len(seeds) < LEAST:
        have = f"one run (base seed {seeds[0]})" if seeds else "no run"
        left = "".join(f"\nleft out {reason}" for reason in found.left_out)
        raise StandinError(
            f"{have} with the parameters of params.yaml; two base seeds are the least, five are good:\n"
            f"  {COMMANDS[0]}\n  {COMMANDS[1]}{left}"
        )
    confidence = found.made.params.evaluate.confidence
    runs = [
        Run(seed, sheet_rows(one.scores, SCORES), sheet_rows(one.comparisons, COMPARISONS))
        for seed, (_, one) in found.runs.items()
    ]
    tables = table_rows(runs, confidence)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, columns in TABLES.items():
        (FOLDER / f"{name}.csv").write_text(csv_text(columns, tables[name]), encoding="utf-8", newline="\n")
    said = {
        "confidence": confidence,
        "recipe": found.made.recipe,
        "runs": {str(seed): found.runs[seed][1].digest for seed in seeds},
        "scope": scope(seeds, confidence),
        "seeds": seeds,
    }
    write_json(FOLDER / "scope.json", said)


def lines(found: Found) -> Iterator[str]:
    """Where the runs were found, the written tables of macro-F1 as text, what was left out, and how to go on."""
    for seed in sorted(found.runs):
        yield f"base seed {seed}: {found.runs[seed][0]}"
    for reason in found.left_out:
        yield f"left out {reason}"
    if found.other:
        yield f"left out {found.other} with other parameters or another task"
    scores, comparisons = (
        sheet_rows(path.read_bytes(), path) for path in (FOLDER / "scores.csv", FOLDER / "comparisons.csv")
    )
    yield ""
    yield from _aligned([("", "macro-F1", "interval", "by base seed"), *arm_rows(scores, found.made.params.arms)])
    yield ""
    yield from _aligned(
        [("", "difference", "interval", "verdict (Holm)"), *pair_rows(comparisons, found.made.params.arms)]
    )
    yield ""
    yield scope(sorted(found.runs), found.made.params.evaluate.confidence)
    yield f"{FOLDER} holds the tables; `dvc repro` puts them first on the page."


def values(found: Found) -> dict[str, object]:
    """The same for a machine: where each run was found, what was left out, and the rows of both tables."""
    tables = {path.stem: sheet_rows(path.read_bytes(), path) for path in (FOLDER / f"{name}.csv" for name in TABLES)}
    return {
        "base_seeds": {str(seed): found.runs[seed][0] for seed in sorted(found.runs)},
        "left_out": found.left_out,
        "other": found.other,
        **tables,
    }


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
