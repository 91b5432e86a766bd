"""A study's tasks from objective to subjective: as a language model ranks them, beside the paper's crowd.

``studies/<study>/ranking.json`` keeps what the model said of every pair, so that the page needs no model. It stands in
for a crowd; what its word is worth is its Kendall's tau with the paper's ranking, beside that of random rankings.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from standin.config import Params
from standin.corpus import write_json
from standin.engines import registry
from standin.errors import StandinError
from standin.measures.rankings import kendall, kendall_by_chance
from standin.measures.subjectivity import Comparisons, DescribedTask, compare_tasks, rank_tasks
from standin.studies.study import FOLDER
from standin.task import Task

CONFIDENCE = 0.95
DRAWS = 2000
DIGITS = 4
SAME = 1e-9
"""Values of tau that lie closer are one."""
LEAN = 0.1
"""With a smaller share of its answers for one of the places, a panel goes by the place."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What a model answered: of every pair in both orders the log-odds that the first task is the more objective."""

    model: str
    tasks: tuple[str, ...]
    comparisons: Comparisons


@dataclass(frozen=True, slots=True)
class Placed:
    """Tasks by subjectivity, a score whose mean is 0, with 95 % intervals; how far another ranking agrees.

    ``tau``: Kendall's tau-b with the paper's ranking over the tasks that have one, its interval over the scores'
    uncertainty, and what 95 % of random rankings stay at or below; None where fewer than two have one.
    """

    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    tau: tuple[float, float, float] | None
    by_chance: float | None
    position_bias: float


def path_of(study: str) -> Path:
    """Where a study's ranking is kept."""
    return FOLDER / study / "ranking.json"


def ask(params: Params, tasks: Sequence[Task]) -> Panel:
    """Let the model of ``subjectivity`` compare every pair of tasks by description and labels, in both orders."""
    settings = params.subjectivity
    engine = registry.load(settings.engine, settings.model, settings.revision, settings.dtype, params.runtime)
    shown = [DescribedTask(task.name, task.description, tuple(task.label_names)) for task in tasks]
    return Panel(settings.model, tuple(task.name for task in tasks), compare_tasks(engine, shown, params.runtime.batch))


def write(panel: Panel, path: Path) -> None:
    """Write what the model said; equal answers are equal bytes."""
    names, found = panel.tasks, panel.comparisons
    rows = [[names[i], names[j], round(float(odds), DIGITS)]
            for (i, j), odds in zip(found.pairs, found.log_odds, strict=True)]  # fmt: skip
    write_json(path, {"model": panel.model, "tasks": list(names), "log_odds": rows})


def read(path: Path) -> Panel | None:
    """Read it; None where no model was asked. Raises StandinError where the file is no ranking."""
    if not path.exists():
        return None
    try:
        raw = json.loads(path.read_bytes())
        names = tuple(raw["tasks"])
        pairs = tuple((names.index(first), names.index(second)) for first, second, _ in raw["log_odds"])
        odds = np.array([value for *_, value in raw["log_odds"]], dtype=np.float64)
        if set(pairs) != {(i, j) for i in range(len(names)) for j in range(len(names)) if i != j}:
            raise ValueError("some pair of tasks is missing")
        return Panel(str(raw["model"]), names, Comparisons(pairs, odds))
    except (ValueError, KeyError, TypeError) as error:
        raise StandinError(f"{path}: no ranking of tasks ({error}): `standin study rank` makes it anew") from None


def placed(panel: Panel, paper: Mapping[str, float]) -> Placed:
    """Rank the tasks by the panel's answers, and hold the ranking against the paper's.

    Args:
        panel: the answers.
        paper: how subjective the paper found a task, where it did.
    """
    found = rank_tasks(panel.comparisons, len(panel.tasks))
    scores = {task: 0.0 - score for task, score in zip(panel.tasks, found.scores, strict=True)}
    ends = zip(panel.tasks, found.highs, found.lows, strict=True)
    intervals = {task: (-high, -low) for task, high, low in ends}
    shared = [task for task in panel.tasks if task in paper]
    stars = [paper[task] for task in shared]
    tau = kendall([scores[task] for task in shared], stars)
    if tau is None:
        return Placed(scores, intervals, None, None, found.position_bias)
    generator = np.random.default_rng(0)
    deviations = [(intervals[task][1] - intervals[task][0]) / (2 * 1.96) for task in shared]
    drawn = generator.normal([scores[task] for task in shared], deviations, (DRAWS, len(shared)))
    taus = [kendall(row, stars) or 0.0 for row in drawn.tolist()]
    low, high = np.quantile(taus, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Placed(scores, intervals, (tau, float(low), float(high)), kendall_by_chance(stars), found.position_bias)


def told(panel: Panel, found: Placed, paper: Mapping[str, float], mark: str) -> list[str]:
    """Rows of a table, its head first, then the sentence that says what the ranking is worth."""
    order = sorted(panel.tasks, key=lambda task: found.scores[task])
    rows = ["| task | panel |" + " paper's stars |" * bool(paper), "| --- | ---: |" + " ---: |" * bool(paper)]
    for task in order:
        low, high = found.intervals[task]
        stars = f" {paper[task]:g} |" if task in paper else " |" * bool(paper)
        rows.append(f"| {task} | {found.scores[task]:+.2f} ({low:.2f} to {high:.2f}) |{stars}")
    crowd = f"; stars by the paper's crowd ({mark}), 5 the most subjective" if paper else ""
    said = (
        f"From objective to subjective as `{panel.model}` ranked them by description and labels, a stand-in for a "
        f"crowd (Bradley-Terry scores with 95% intervals){crowd}. "
        f"The panel named the task shown first in {found.position_bias:.0%} of its answers"
        + ("." if LEAN < found.position_bias < 1 - LEAN else ": what decides is by how much, so this says little.")
    )
    if found.tau is not None and found.by_chance is not None:
        tau, low, high = found.tau
        reached = abs(tau) > found.by_chance + SAME
        better = f"{'better' if tau > 0 else 'worse'} than chance" if reached else "no better than chance"
        said += (
            f" Kendall's tau with the stars is {tau:.2f} ({low:.2f} to {high:.2f}); 95% of random rankings stay within "
            f"{found.by_chance:.2f} of 0: {better}."
        )
    return ["\n".join(rows), said]
