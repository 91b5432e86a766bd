"""Labelling budgets, given as numbers or as fractions of the pool, in texts."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

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


def of_round(budgets: Sequence[int], pool: Iterable[Row], earlier: Collection[str]) -> list[int]:
    """The budgets of a round of labelling, none larger than what earlier rounds left of the question with most texts.

    budgets: in texts, rising. earlier: ids of the texts labelled in earlier rounds; where none is of the pool, or all
    are, the budgets stay as they are.
    """
    rows = list(pool)
    left = Counter(row.question_id for row in rows if row.id not in earlier)
    if not left or left.total() == len(rows):
        return list(budgets)
    return sorted({min(budget, max(left.values())) for budget in budgets})
