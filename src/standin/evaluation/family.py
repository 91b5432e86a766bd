"""Which arms are compared: a family named beforehand, so that Holm's correction counts only what was asked (ours).

Every two of 6 arms at four budgets make 57 comparisons, most of which nobody asks about; each makes the others harder
to tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from standin.ingredients import GENERATED, has_generated, part, strategy

Sources = Mapping[str, Sequence[str]]
"""Arm -> what it trains on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One arm at one labelling budget (texts per question), None where the arm has no selected texts."""

    arm: str
    budget: int | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Places of two entries to compare, the second being what ``reference`` asks for, and the budget of the pair.

    The budget is the one that both have, or that of the entry which has any.
    """

    first: int
    second: int
    budget: int | None
    reference: str


def without_synthetic(arm: str, arms: Sources) -> list[str]:
    """The arms with the sources of ``arm`` less generated texts; none where it has no such texts or nothing else."""
    sources = {name for name in arms[arm] if part(name).source not in GENERATED}
    return _with_sources(sources, arms) if has_generated(arms[arm]) else []


def random_instead(arm: str, arms: Sources) -> list[str]:
    """The arms with the sources of ``arm``, but ``random`` in the place of one other strategy."""
    sources = set(arms[arm])
    strategies = [name for name in arms[arm] if strategy(name) not in (None, "random")]
    found = [other for strategy in strategies for other in _with_sources(sources - {strategy} | {"random"}, arms)]
    return list(dict.fromkeys(found))


def as_many(arm: str, arms: Sources) -> list[str]:
    """The arms with the sources of ``arm``, but in the place of one with as many texts as another that other one."""
    sources = set(arms[arm])
    sizes = [(name, size) for name in arms[arm] if isinstance(size := part(name).size, str) and size not in sources]
    found = [other for name, size in sizes for other in _with_sources(sources - {name} | {size}, arms)]
    return list(dict.fromkeys(found))


def without_shots(arm: str, arms: Sources) -> list[str]:
    """The arms with the sources of ``arm`` less the shots; none where it has none or nothing else."""
    sources = {name for name in arms[arm] if part(name).source != "shots"}
    return _with_sources(sources, arms) if len(sources) < len(arms[arm]) else []


RELATIVES = {
    "without_synthetic": without_synthetic,
    "random_instead": random_instead,
    "as_many": as_many,
    "without_shots": without_shots,
}


def family(entries: Sequence[Entry], arms: Sources, references: Sequence[str]) -> list[Pair]:
    """The pairs that ``references`` ask for, each once, in their order; the first that asks for a pair names it.

    Args:
        entries: what was scored.
        arms: sources of every arm among the entries.
        references: an arm that all others are compared with, ``without_synthetic`` (every arm with synthetic texts
            against the same without), ``random_instead`` (every selection against a random one, all else equal),
            ``as_many`` (as many texts of one source as of another against those of the other) or ``without_shots``
            (every arm with shots against the same without). An arm that is not among the entries brings no pair.
    """
    found: dict[frozenset[int], Pair] = {}
    for reference in references:
        for first, one in enumerate(entries):
            for second, other in enumerate(entries):
                budgets = {one.budget, other.budget} - {None}
                key = frozenset((first, second))
                if len(budgets) < 2 and key not in found and other.arm in _compared_with(reference, one.arm, arms):
                    found[key] = Pair(first, second, next(iter(budgets), None), reference)
    return list(found.values())


def _compared_with(reference: str, arm: str, arms: Sources) -> list[str]:
    if reference in RELATIVES:
        return RELATIVES[reference](arm, arms)
    return [reference] if reference != arm else []


def _with_sources(sources: set[str], arms: Sources) -> list[str]:
    return [arm for arm, own in arms.items() if set(own) == sources]
