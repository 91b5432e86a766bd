"""A task's place among tasks, from objective to subjective, by pairwise comparison (Li et al. 2023).

The paper asks crowd workers which of two tasks is the more objective one. Here an LLM may answer in their stead; its
ranking of the paper's ten tasks, held against the paper's stars, tells what its word is worth.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from standin.checked import read_yaml
from standin.engines.protocol import Chat, Engine
from standin.measures.panel import choose_in_batches
from standin.progress import progress

PRIOR = 0.1
"""Weight of the squared scores in the Bradley-Terry likelihood (ours; the paper names no aggregation). It keeps the
score of a task that wins every comparison finite: 20 wins of 20 against ten equals give 3.1 instead of infinity."""

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


@dataclass(frozen=True, slots=True)
class Ranking:
    """Tasks by objectivity. Place 1 is the most objective one; tasks of equal score share the better place.

    ``position_bias``: share of the uncorrected answers that name the task shown first, 0.5 without bias.
    """

    scores: tuple[float, ...]
    win_rates: tuple[float, ...]
    places: tuple[int, ...]
    position_bias: float


def reference_tasks() -> list[DescribedTask]:
    """The paper's ten tasks, in its order of rising subjectivity."""
    found = read_yaml(Path(__file__).with_name("reference_tasks.yaml"))["tasks"]
    return [DescribedTask(one["name"], one["description"], tuple(one["labels"]), one["stars"]) for one in found]


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
    answers = []
    with progress("compare tasks", len(pairs), "prompts") as done:
        for first in tasks:
            chats = [comparison_chat(first, second) for second in tasks if second is not first]
            answers.append(choose_in_batches(engine, chats, CHOICES, batch, done))
    found = np.concatenate(answers)
    return Comparisons(pairs, found[:, 0] - found[:, 1])


def rank_tasks(comparisons: Comparisons, count: int) -> Ranking:
    """Bradley-Terry scores with a small Gaussian prior, and win rates beside them.

    Every pair was shown in both orders, so whatever a task's content adds to the log-odds of one order it takes from
    the other, and the mean of all log-odds is the lean towards a place. It is taken off before an answer counts as a
    win; a small model would otherwise name the same place every time and decide nothing.

    Args:
        comparisons: answers over pairs of ``count`` tasks, every pair in both orders.
        count: number of tasks.

    Returns:
        Scores (log-strength, sum 0, rounded to 4 digits), win rates, places and the position bias.
    """
    import choix

    corrected = comparisons.log_odds - comparisons.log_odds.mean()
    wins: list[tuple[int, int]] = []
    won, played = np.zeros(count), np.zeros(count)
    for (first, second), odds in zip(comparisons.pairs, corrected, strict=True):
        played[[first, second]] += 1
        if abs(odds) <= TIE:
            won[[first, second]] += 0.5
            continue
        winner, loser = (first, second) if odds > 0 else (second, first)
        won[winner] += 1
        wins.append((winner, loser))
    fitted = choix.opt_pairwise(count, wins, alpha=PRIOR, tol=1e-8)
    scores = tuple(round(float(score), 4) + 0.0 for score in fitted - fitted.mean())  # + 0.0 turns -0.0 into 0.0
    named_first = np.where(np.abs(comparisons.log_odds) <= TIE, 0.5, comparisons.log_odds > 0)
    return Ranking(
        scores=scores,
        win_rates=tuple(float(rate) for rate in won / played),
        places=tuple(1 + sum(other > score for other in scores) for score in scores),
        position_bias=float(named_first.mean()),
    )


def correlation_with_stars(tasks: Sequence[DescribedTask], scores: Sequence[float]) -> float | None:
    """Spearman's correlation of the ranking with the paper's stars, over the tasks that have stars.

    Returns:
        1 where the ranking orders the tasks as the paper does, about 0 where it knows nothing of it; None where all
        scores or all stars are equal.
    """
    from scipy.stats import spearmanr

    rated = [(-score, task.stars) for task, score in zip(tasks, scores, strict=True) if task.stars is not None]
    subjective, stars = [one for one, _ in rated], [star for _, star in rated]
    if len(set(subjective)) < 2 or len(set(stars)) < 2:
        return None
    return float(spearmanr(subjective, stars).statistic)


def reach_of_random_rankings(stars: Sequence[int], share: float = 0.95) -> float | None:
    """How far |Spearman's rho| comes by chance: what ``share`` of all rankings of the tasks stay at or below (ours).

    Exact: every ranking without ties is equally likely, and the rankings are counted by the sum of place times rank of
    the stars, tied stars sharing their mean rank. The paper's ten tasks with their ties have 37,800 different ones.

    Args:
        stars: of each task, with ties.
        share: of the rankings, above 0 and below 1.

    Returns:
        Between 0 and 1; None where all stars are equal.
    """
    from scipy.stats import rankdata

    n = len(stars)
    groups = Counter(int(2 * rank) for rank in rankdata(stars))  # twice the mean rank is whole
    if len(groups) < 2:
        return None
    ranks = sorted(groups)
    ways = {(tuple(groups[rank] for rank in ranks), 0): 1}
    for place in range(1, n + 1):
        following: defaultdict[tuple[tuple[int, ...], int], int] = defaultdict(int)
        for (left, total), count in ways.items():
            for k, rank in enumerate(ranks):
                if left[k]:
                    used = (*left[:k], left[k] - 1, *left[k + 1 :])
                    following[used, total + place * rank] += count
        ways = dict(following)
    middle, deviation = n * (n + 1) ** 2 / 2, np.std([2 * r for r in rankdata(stars)]) * np.std(np.arange(n)) * n
    reached = sorted((abs(total - middle) / deviation, count) for (_, total), count in ways.items())
    within = np.cumsum([count for _, count in reached])
    return float(min(reached[int(np.searchsorted(within, share * within[-1]))][0], 1.0))
