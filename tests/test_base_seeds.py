"""Over several base seeds: the interval is Student's, the verdict Holm's, and nothing is said of what did not learn."""

import numpy as np
import pytest
from scipy import stats

from standin.config import Params
from standin.evaluation.base_seeds import TABLES, Run, mean, scope, table_rows
from standin.evaluation.recipe import recipe
from standin.report import seeds
from standin.task import load_task

ARMS = {"real": ["real"], "random": ["random"]}


def run(seed: int, difference: float, verdict: str = "no difference") -> Run:
    scores = [{"arm": arm, "budget": "", "measure": "macro_f1", "value": str(value)}
              for arm, value in (("real", 0.5 + difference), ("random", 0.5))]  # fmt: skip
    row = {"arm_a": "real", "arm_b": "random", "budget": "48", "measure": "macro_f1", "difference": str(difference),
           "verdict": verdict, "verdict_holm": verdict}  # fmt: skip
    return Run(seed, scores, [row])


def rows(name: str, *runs: Run) -> list[dict[str, object]]:
    return [dict(zip(TABLES[name], row, strict=True)) for row in table_rows(runs, 0.95)[name]]


def as_text(found: list[dict[str, object]]) -> list[dict[str, str]]:
    return [{key: "" if value is None else str(value) for key, value in row.items()} for row in found]


def test_the_interval_of_0_5_0_6_0_7_is_0_6_plus_minus_4_303_standard_errors() -> None:
    one = mean([0.5, 0.6, 0.7], 0.95)
    side = 4.302653 * 0.1 / 3**0.5  # the t table's value for 2 degrees of freedom
    assert (one.value, one.low, one.high) == pytest.approx((0.6, 0.6 - side, 0.6 + side), abs=1e-6)
    assert one.p == pytest.approx(stats.ttest_1samp([0.5, 0.6, 0.7], 0).pvalue)


@pytest.mark.parametrize("number", [2, 3, 5])
def test_two_equal_arms_are_called_different_in_5_percent_of_studies(number: int) -> None:
    draws = np.random.default_rng(number).normal(size=(2000, number))
    wrong = sum((one.p or 1) < 0.05 for one in (mean(list(map(float, study)), 0.95) for study in draws))
    assert 0.035 < wrong / 2000 < 0.065


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5]])
def test_one_run_or_runs_that_do_not_differ_have_no_interval(values: list[float]) -> None:
    one = mean(values, 0.95)
    assert (one.value, one.low, one.high, one.p) == (0.5, None, None, None)


def test_differences_are_paired_by_seed_and_listed_in_its_order() -> None:
    (row,) = rows("comparisons", run(3, 0.12), run(1, 0.1), run(2, 0.11))
    assert (row["base_seeds"], row["differences"], row["number"]) == ("1 2 3", "0.1 0.11 0.12", 3)
    assert row["verdict_holm"] == "higher"
    said = seeds.sentences(as_text([row]), ARMS)
    assert said == [
        "all labelled texts scored higher than 48 chosen at random by 0.110 macro-F1 (interval +0.085 to +0.135)."
    ]


def test_holm_s_correction_is_over_the_pairs_of_a_measure() -> None:
    """One pair: p = 0.0133 and a verdict; with ten more pairs without a difference it is 11 times that, and none."""
    values = (0.1, 0.13, 0.08)
    assert [row["verdict_holm"] for row in rows("comparisons", *(run(i, v) for i, v in enumerate(values)))] == [
        "higher"
    ]
    others = [Run(i, [], [*run(i, v).comparisons, *({**run(i, v - 0.1).comparisons[0], "arm_b": f"arm{k}"} for k in range(10))])
              for i, v in enumerate(values)]  # fmt: skip
    first, *_ = rows("comparisons", *others)
    assert first["p_holm"] == pytest.approx(11 * first["p"])
    assert first["verdict_holm"] == "no difference"


def test_nothing_is_concluded_where_an_arm_had_not_learned_in_one_of_the_runs() -> None:
    (row,) = rows("comparisons", run(1, 0.1), run(2, 0.11, "not learned"), run(3, 0.12))
    assert (row["verdict_holm"], row["not_learned"]) == ("not learned", "2")
    (said,) = seeds.sentences(as_text([row]), ARMS)
    assert said.endswith("all labelled texts − 48 chosen at random (base seed 2).")


def test_bounds_stay_within_what_the_measure_can_be() -> None:
    real, random = rows("scores", run(1, 0.1), run(2, 0.4))
    assert (real["low"], real["high"]) == (0, 1)
    assert (random["low"], random["value"]) == (None, 0.5)


def test_two_seeds_say_how_little_they_say() -> None:
    assert "2 seeds say little: the interval reaches 12.7 standard errors to each side" in scope([1, 2], 0.95)
    assert "say little" not in scope([1, 2, 3], 0.95)


def test_a_recipe_is_all_but_base_seed_runtime_and_tracking() -> None:
    from pathlib import Path

    task = load_task("city-topics", Path(__file__).resolve().parents[1])

    def changed(group: str, **values: object) -> str:
        return recipe(Params.model_validate({group: values}), task)

    same = recipe(Params(), task)
    assert changed("base", seed=7) == changed("runtime", threads=9) == changed("tracking", live=True) == same
    assert changed("generator", shots=5) != same
    assert changed("validate", min_words=4) != same
    assert recipe(Params(), task.model_copy(update={"description": "another"})) != same


def test_tables_of_other_parameters_seeds_or_scores_are_out_of_date() -> None:
    said = {"recipe": "r", "runs": {"1": "t1", "2": "t2"}}
    assert seeds.out_of_date(said, "r", 1, "t1") == ""
    assert "other parameters" in seeds.out_of_date(said, "x", 1, "t1")
    assert "base seed 3" in seeds.out_of_date(said, "r", 3, "t1")
    assert "other scores" in seeds.out_of_date(said, "r", 1, "t2")


def test_no_minus_stands_before_a_zero() -> None:
    assert [seeds.signed(value) for value in (-0.0004, 0.0, -0.0006, 0.1)] == ["0.000", "0.000", "-0.001", "+0.100"]
