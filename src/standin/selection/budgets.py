"""Labelling budgets, given as numbers or as fractions of the pool, in texts."""

from collections import Counter
from collections.abc import Iterable, Sequence

from standin.corpus import Row
from standin.errors import StandinError, counted


def in_texts(budgets: Sequence[int | float], pool: Iterable[Row]) -> list[int]:
    """The budgets in texts per question, rising.

    A fraction is one of the pool's texts, rounded, at least 1; where a task has questions, of the smallest question's
    pool, so that one budget is the same number of labels everywhere.

    budgets: whole numbers of texts, and fractions between 0 and 1. Raises StandinError where two come to the same.
    """
    if not any(isinstance(budget, float) for budget in budgets):
        return sorted(int(budget) for budget in budgets)
    smallest = min(Counter(row.question_id for row in pool).values(), default=0)
    texts = {
        budget: max(1, int(budget * smallest + 0.5)) if isinstance(budget, float) else budget for budget in budgets
    }
    twice = [number for number, times in Counter(texts.values()).items() if times > 1]
    if twice:
        named = " and ".join(str(budget) for budget, number in texts.items() if number == twice[0])
        raise StandinError(
            f"params.yaml, select.budgets: {named} are {counted(twice[0], 'text')} alike of the pool's {smallest}: "
            "take one of them out"
        )
    return sorted(texts.values())
