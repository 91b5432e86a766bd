"""A task's place among tasks, from objective to subjective, by pairwise comparison (Li et al. 2023).

The paper asks crowd workers which of two tasks is the more objective one. Here an LLM may answer in their stead; its
ranking of the paper's ten tasks, held against the paper's stars, tells what its word is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from standin.checked import read_yaml
from standin.engines.protocol import Chat, Engine
from standin.measures.panel import choose_in_batches
from standin.measures.rankings import Ranking, ranking
from standin.progress import progress

TIE = 1e-9
"""Log-odds closer to 0 than this decide nothing."""

INSTRUCTION = (
    "You compare two text classification tasks. A task is objective if the label follows from clear features of the "
    "text, such as certain words, so that everybody gives the same label. It is subjective if the label depends on "
    "how a person understands the text."
)
QUESTION = "Which of the two tasks is more objective? Answer with 1 or 2."
CHOICES = ("1", "2")


@dataclass(frozen=True, slots=True)
class DescribedTask:
    """A task as it is shown for comparison. ``stars``: the paper's subjectivity, 1 to 5, of a reference task."""

    name: str
    description: str
    labels: tuple[str, ...]
    stars: int | None = None


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Answers to "which is more objective": ``log_odds[k]`` is that of the first task of ``pairs[k]``."""

    pairs: tuple[tuple[int, int], ...]
    log_odds: npt.NDArray[np.float64]


def reference_tasks() -> list[DescribedTask]:
    """The paper's ten tasks, in its order of rising subjectivity."""
    found = read_yaml(Path(__file__).with_name("reference_tasks.yaml"))["tasks"]
    return [DescribedTask(one["name"], one["description"], tuple(one["labels"]), one["stars"]) for one in found]


def compared_tasks(name: str, description: str, labels: Sequence[str]) -> list[DescribedTask]:
    """The paper's ten tasks and one more, the last. A reference task of the same name is not compared with itself."""
    others = [one for one in reference_tasks() if one.name != name]
    return [*others, DescribedTask(name, description, tuple(labels))]


def comparison_chat(first: DescribedTask, second: DescribedTask) -> Chat:
    """The question about two tasks, in the order in which they are shown."""
    shown = [
        f"Task {number}: {task.description.strip()} Labels: {', '.join(task.labels)}."
        for number, task in enumerate((first, second), 1)
    ]
    return (("system", INSTRUCTION), ("user", "\n".join([*shown, QUESTION])))


def compare_tasks(engine: Engine, tasks: Sequence[DescribedTask], batch: int) -> Comparisons:
    """Ask about every pair of tasks in both orders: n (n - 1) short prompts.

    A batch holds prompts with one first task, so that an engine computes what they share only once.

    Args:
        engine: the model.
        tasks: n tasks, at least two.
        batch: prompts asked at once.
    """
    pairs = tuple((i, j) for i in range(len(tasks)) for j in range(len(tasks)) if i != j)
    groups = [[comparison_chat(first, second) for second in tasks if second is not first] for first in tasks]
    with progress("compare tasks", len(pairs), "prompts") as done:
        found = choose_in_batches(engine, groups, CHOICES, batch, done)
    return Comparisons(pairs, found[:, 0] - found[:, 1])


def rank_tasks(comparisons: Comparisons, count: int) -> Ranking:
    """The ranking by answers of a panel, each pair's lean towards a place taken off.

    Every pair is shown in both orders. What the tasks' content adds to the log-odds of one order it takes from the
    other, so half their difference, (o_ij - o_ji) / 2, is free of the pair's own lean and is one answer; a small model
    would otherwise name the same place every time and decide nothing. (One lean for all pairs, their mean, takes off
    too little of some: where the lean differed from pair to pair it left a Kendall's tau of 0.94 of simulated rankings
    that this recovers whole.)

    Args:
        comparisons: answers over pairs of ``count`` tasks, every pair in both orders.
        count: number of tasks.
    """
    odds = dict(zip(comparisons.pairs, comparisons.log_odds.tolist(), strict=True))
    wins = np.zeros((count, count))
    for first, second in odds:
        if first < second:
            corrected = (odds[first, second] - odds[second, first]) / 2
            share = 0.5 if abs(corrected) <= TIE else float(corrected > 0)
            wins[first, second] += share
            wins[second, first] += 1 - share
    named_first = np.where(np.abs(comparisons.log_odds) <= TIE, 0.5, comparisons.log_odds > 0)
    return ranking(wins, float(named_first.mean()))


def against_stars(tasks: Sequence[DescribedTask], scores: Sequence[float]) -> tuple[list[float], list[int]]:
    """Subjectivity by a ranking (its score turned round) and by the paper's stars, of the tasks that have stars."""
    rated = [(-score, task.stars) for task, score in zip(tasks, scores, strict=True) if task.stars is not None]
    return [score for score, _ in rated], [stars for _, stars in rated]
