"""From scores to a ranking: seeded ties, budgets, and how much ties and seeds decided."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

import numpy as np
import numpy.typing as npt

from standin.errors import StandinError, counted
from standin.selection.pool import Scores, Settings, Strategy, Texts


@dataclass(frozen=True, slots=True)
class Ranking:
    """``order``: positions in the pool, to be labelled first to last. ``scores``: by position in the pool.

    The first ``before`` of the order are labelled since earlier rounds; their score is NaN.
    """

    order: npt.NDArray[np.intp]
    scores: Scores
    before: int = 0

    def behind(self, first: npt.NDArray[np.intp], rest: npt.NDArray[np.intp]) -> "Ranking":
        """A ranking of part of a pool as one of the whole pool, behind the texts labelled before.

        first: positions in the whole pool of the texts labelled before, in their order. rest: of this ranking's texts.
        """
        scores = np.full(len(first) + len(rest), np.nan)
        scores[rest] = self.scores
        return Ranking(np.concatenate([first, rest[self.order]]), scores, len(first))


def ranked(
    strategy: Strategy,
    pool: Texts,
    labelled: Texts,
    settings: Settings,
    budgets: Sequence[int],
    generator: np.random.Generator,
) -> Ranking:
    """Score a pool and rank all of it; a budget takes the ranking's beginning, so smaller budgets lie within larger.

    Raises StandinError where the pool is empty or a budget is larger than the pool.
    """
    if not len(pool):
        raise StandinError("the pool is empty: there is no text to select")
    if max(budgets) > len(pool):
        raise StandinError(
            f"select.budgets holds {max(budgets)}, but the pool has {counted(len(pool), 'text')}: "
            "lower the budget or enlarge the pool (prepare.pool)"
        )
    scores = strategy(pool, labelled, replace(settings, budget=max(budgets)), generator)
    return Ranking(rank(scores, generator), scores)


def rank(scores: Scores, generator: np.random.Generator) -> npt.NDArray[np.intp]:
    """Order positions by falling score; equal scores in an order drawn from the generator.

    Vote entropy takes few values (SQBC, two labels: floor(k/2) + 1), so this draw decides much of the selection.
    """
    if not np.isfinite(scores).all():
        raise StandinError("a score is NaN or infinite: the embeddings or probabilities behind it are broken")
    order: npt.NDArray[np.intp] = np.lexsort((generator.random(len(scores)), -scores))
    return order


def tie_share(scores: Scores, budget: int) -> float:
    """Share of the selected texts that tie-breaking chose, not the score; 0 where the budget cuts between scores."""
    if budget < 1:
        return 0.0
    boundary = np.sort(scores)[-budget]
    above = int((scores > boundary).sum())
    if above + int((scores == boundary).sum()) == budget:
        return 0.0
    return (budget - above) / budget


def new_tie_share(ranking: Ranking, budget: int) -> float:
    """``tie_share`` of a ranking's selection, where those labelled before are decided; 0 where it takes every text."""
    if budget <= ranking.before or budget >= len(ranking.order):
        return 0.0
    new = budget - ranking.before
    return tie_share(ranking.scores[ranking.order[ranking.before :]], new) * (new / budget)


def seed_share(rankings: Sequence[Ranking], budget: int) -> float | None:
    """Share of a selection that changes with the seed: mean over pairs of seeds of 1 - |A n B| / budget.

    Counts all that a seed decides: ties, the redrawn committee, the learner. A strategy that looks at nothing but the
    seed (random) has 1 - budget / pool on average. None for one seed.

    rankings: of one pool, a seed each.
    """
    chosen = [set(ranking.order[:budget].tolist()) for ranking in rankings]
    shares = [1 - len(one & other) / budget for one, other in combinations(chosen, 2)]
    return fmean(shares) if shares else None


def seed_shares(rankings: Sequence[Sequence[Ranking]], budgets: Sequence[int]) -> dict[str, dict[int, float]]:
    """By budget, means over questions: the share that changes with the seed, and what random draws would reach.

    rankings: of each question one a seed, two or more.
    """
    sizes = [len(found[0].order) for found in rankings]
    return {
        "seed_share": {
            budget: fmean(
                seed_share(found, min(budget, size)) or 0.0 for found, size in zip(rankings, sizes, strict=True)
            )
            for budget in budgets
        },
        "seed_share_of_chance": {budget: fmean(1 - min(1, budget / size) for size in sizes) for budget in budgets},
    }


def generator_for(seed: int, question_id: str | None, strategy: str) -> np.random.Generator:
    """A random stream of its own for each seed, question and strategy, whatever runs before or beside it."""
    key = json.dumps(["select", seed, question_id, strategy], ensure_ascii=False)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()))
