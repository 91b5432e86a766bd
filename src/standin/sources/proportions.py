"""How many texts each split gets of each label, and whether there are enough."""

from collections import Counter
from collections.abc import Mapping

from standin.errors import StandinError, counted

Stratum = str | None
"""A label; None where the texts have none."""


def check_sizes(asked: Mapping[str, int], there: int, where: str, near: Counter[str]) -> None:
    """Raise StandinError where ``there`` rows are too few, in the order in which splits are drawn.

    ``near``: how many rows were left out as nearly equal to a text of test or of validation.
    """
    left = there
    for split, size in asked.items():
        if size > left:
            usable = there - sum(near.values())
            like = ", ".join(f"{count} of {other}" for other, count in near.items() if count)
            left_out = f"; near-duplicates left out: {like}" if like else ""
            others = [f"{name} {asked[name]}" for name in list(asked)[: list(asked).index(split)] if asked[name]]
            taken = f"; {', '.join(others)} go first" if others else ""
            fitting = ", ".join(f"prepare.{name}={count}" for name, count in fitting_sizes(asked, usable).items())
            raise StandinError(
                f"prepare.{split} asks for {counted(size, 'text')}, but {counted(left, 'is', 'are')} there: {where} "
                f"holds {counted(there, 'usable text')}{taken}{left_out}. Lower prepare.{split}"
                f"{' or one of those' if others else ''} in params.yaml, or add texts."
                f"{f' Sizes that fit: {fitting}' if fitting else ''}"
            )
        left -= size + near[split]


def fitting_sizes(asked: Mapping[str, int], there: int) -> dict[str, int]:
    """Split sizes in the same proportions that ``there`` texts allow; empty where they are too few for any.

    A twentieth is left aside for repeated texts.
    """
    share = 0.95 * there / sum(asked.values())
    sizes = {split: max(1, int(size * share)) for split, size in asked.items() if size}
    return sizes if sum(sizes.values()) <= there else {}


def shares(
    asked: Mapping[str, int], there: Mapping[Stratum, int], weights: Mapping[Stratum, int] | None = None
) -> dict[str, dict[Stratum, int]]:
    """How many rows of each label each split gets.

    Test, validation and pool get the natural proportions (of ``weights``, or of ``there``), shots an equal share of
    what remains; one row of each label is held back for shots first, so that few-shot prompts have an example of every
    label that exists.
    """
    weights = there if weights is None else weights
    held = {stratum: min(count, 1) if asked["shots"] >= len(there) else 0 for stratum, count in there.items()}
    free = {stratum: count - held[stratum] for stratum, count in there.items()}
    counts: dict[str, dict[Stratum, int]] = {}
    for split in ("test", "validation", "pool"):
        counts[split] = proportional(asked[split], weights, free)
        free = {stratum: free[stratum] - counts[split][stratum] for stratum in there}
    counts["shots"] = equal(asked["shots"], {stratum: free[stratum] + held[stratum] for stratum in there})
    return counts


def proportional(
    size: int, weights: Mapping[Stratum, int], most: Mapping[Stratum, int] | None = None
) -> dict[Stratum, int]:
    """Divide ``size`` in proportion to ``weights`` by largest remainder, nowhere above ``most``.

    Every stratum that has a row gets at least one where ``size`` allows it. Ties go to the stratum that comes first.
    ``size`` must not exceed the sum of ``most`` (default: the weights).
    """
    most = weights if most is None else most
    total = sum(weights.values())
    quota = {stratum: size * weight / total if total else 0.0 for stratum, weight in weights.items()}
    given = {stratum: min(int(quota[stratum]), most[stratum]) for stratum in weights}
    while sum(given.values()) < size:
        open_ = [stratum for stratum in weights if given[stratum] < most[stratum]]
        given[max(open_, key=lambda stratum: quota[stratum] - given[stratum])] += 1
    if size >= len(weights):
        for stratum in weights:
            richest = max(weights, key=lambda other: given[other])
            if given[stratum] == 0 and most[stratum] > 0 and given[richest] > 1:
                given[stratum], given[richest] = 1, given[richest] - 1
    return given


def equal(size: int, most: Mapping[Stratum, int]) -> dict[Stratum, int]:
    """Divide ``size`` equally, nowhere above ``most``; what a rare label cannot give, the others give equally."""
    given = dict.fromkeys(most, 0)
    for _ in range(size):
        open_ = [stratum for stratum in most if given[stratum] < most[stratum]]
        given[min(open_, key=lambda stratum: given[stratum])] += 1
    return given
