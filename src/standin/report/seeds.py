"""What the page and the terminal say of runs over several base seeds, from the tables of ``standin seeds``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from standin.report.naming import Sources, arm_words
from standin.report.words import decimal

MEASURE = "macro_f1"
COMMANDS = ("dvc exp run --queue -S base.seed=1,2,3", "dvc queue start -j 1")
"""The commands that make such runs; ``standin seeds`` then collects them."""

Table = Sequence[Mapping[str, str]]


def out_of_date(said: Mapping[str, Any], recipe: str, seed: int, tables: str) -> str:
    """Why tables over base seeds do not belong to the run at hand, empty where they do.

    Args:
        said: the content of ``reports/seeds/scope.json``, of at least two seeds.
        recipe: hash of the run's parameters and task but for the base seed.
        seed: the run's base seed.
        tables: hash of its scores and comparisons.
    """
    if said["recipe"] != recipe:
        return "were made with other parameters or another task"
    if str(seed) not in said["runs"]:
        return f"do not hold the run of base seed {seed}"
    return "" if said["runs"][str(seed)] == tables else f"hold other scores of base seed {seed}"


def arm_rows(scores: Table, arms: Sources) -> list[tuple[str, str, str, str]]:
    """Arm, mean, interval and the values by base seed, in macro-F1."""
    return [
        (
            _named(row["arm"], row, arms),
            f"{float(row['value']):.3f}",
            _interval(row, "{:.3f}".format),
            ", ".join(f"{float(value):.3f}" for value in row["values"].split()),
        )
        for row in scores
        if row["measure"] == MEASURE
    ]


def pair_rows(comparisons: Table, arms: Sources) -> list[tuple[str, str, str, str]]:
    """Pair, mean difference, interval and Holm's verdict, in macro-F1."""
    return [
        (_pair(row, arms), signed(float(row["difference"])), _interval(row, signed), row["verdict_holm"])
        for row in comparisons
        if row["measure"] == MEASURE
    ]


def sentences(comparisons: Table, arms: Sources) -> list[str]:
    """What the runs say together: a sentence for each clear difference in macro-F1, one for all pairs without one.

    Of a pair with several budgets the largest one speaks, as it stands last.
    """
    last = {(row["arm_a"], row["arm_b"]): row for row in comparisons if row["measure"] == MEASURE}
    said = [
        f"{_named(row['arm_a'], row, arms)} scored {row['verdict_holm']} than {_named(row['arm_b'], row, arms)} by "
        f"{abs(float(row['difference'])):.3f} macro-F1 (interval {_interval(row, signed)})."
        for row in last.values()
        if row["verdict_holm"] in ("higher", "lower")
    ]
    without = [_pair(row, arms) for row in last.values() if row["verdict_holm"] == "no difference"]
    if without:
        said.append(f"No difference beyond the noise: {', '.join(without)}.")
    unlearned = [f"{_pair(row, arms)} (base seed {_listed(row['not_learned'])})" for row in last.values()
                 if row["verdict_holm"] == "not learned"]  # fmt: skip
    if unlearned:
        said.append(f"Nothing is concluded where a classifier had not learned in a run: {', '.join(unlearned)}.")
    unknown = [_pair(row, arms) for row in last.values() if row["verdict_holm"] == "no verdict"]
    if unknown:
        said.append(f"No interval, as there is one run or no two differ: {', '.join(unknown)}.")
    return said


def signed(value: float) -> str:
    """A difference with its sign and three decimals."""
    return decimal(value, sign="+")


def _interval(row: Mapping[str, str], form: Callable[[float], str]) -> str:
    return f"{form(float(row['low']))} to {form(float(row['high']))}" if row["low"] else "none"


def _pair(row: Mapping[str, str], arms: Sources) -> str:
    return f"{_named(row['arm_a'], row, arms)} − {_named(row['arm_b'], row, arms)}"  # noqa: RUF001


def _named(name: str, row: Mapping[str, str], arms: Sources) -> str:
    return arm_words(name, row["budget"], arms)


def _listed(words: str) -> str:
    return ", ".join(words.split())
