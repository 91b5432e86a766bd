"""Calibration: by hand, against a direct reading of its definition, and what chance alone makes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.corpus import Prediction
from standin.evaluation.calibration import calibration, calibrations, expected_calibration_error
from standin.evaluation.family import Entry
from standin.report import reliability


def test_two_bins_by_hand() -> None:
    probability, right = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55]), np.array([1, 1, 1, 0, 0, 0])
    # |0.95 - 0.75| x 4/6 + |0.55 - 0| x 2/6
    assert expected_calibration_error(probability, right) == pytest.approx(0.2 * 4 / 6 + 0.55 * 2 / 6)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_it_is_the_definition_read_bin_by_bin(pairs: list[tuple[float, bool]]) -> None:
    total = 0.0
    for place in range(10):
        own = [(p, right) for p, right in pairs if min(int(p * 10), 9) == place]
        if own:
            total += len(own) / len(pairs) * abs(np.mean([p for p, _ in own]) - np.mean([right for _, right in own]))
    found = expected_calibration_error(np.array([p for p, _ in pairs]), np.array([right for _, right in pairs]))
    assert found == pytest.approx(total, abs=1e-12)


def test_what_chance_makes_is_what_a_calibrated_classifier_has() -> None:
    generator = np.random.default_rng(3)
    seeds = []
    for _ in range(40):
        sure = generator.uniform(0.4, 1, 100)
        seeds.append(np.column_stack([sure, generator.random(100) < sure]))
    found = calibration(seeds)
    assert found.by_chance == pytest.approx(found.ece, rel=0.1), "it is calibrated, and its error is not 0"
    sure = calibration([np.column_stack([np.full(100, 0.99), generator.random(100) < 0.6]) for _ in range(5)])
    assert sure.ece == pytest.approx(0.39, abs=0.05)
    assert sure.by_chance < 0.02
    assert sure.lowest <= sure.ece <= sure.highest


def row(
    seed: int, name: str, label: str, p: dict[str, float], budget: int | None = None, question: str | None = None
) -> Prediction:
    return Prediction(arm="real", budget=budget, seed=seed, question_id=question, id=name, label=label, p=p)


def test_predictions_are_taken_by_arm_and_budget_with_the_probability_of_their_label() -> None:
    truth = {(None, "a"): "bus", (None, "b"): "park", ("q", "a"): "park"}
    rows = [
        row(1, "a", "bus", {"bus": 0.75, "park": 0.25}), row(2, "a", "park", {"bus": 0.45, "park": 0.55}),
        row(1, "a", "park", {"bus": 0.1, "park": 0.9}, budget=6, question="q"), row(1, "gone", "bus", {"bus": 1.0}),
        row(1, "b", "park", {}),
    ]  # fmt: skip
    found = calibrations(rows, truth)
    assert set(found) == {Entry("real", None), Entry("real", 6)}
    whole = found[Entry("real", None)]
    assert (whole.seeds, whole.ece) == (2, pytest.approx((0.25 + 0.55) / 2))
    assert whole.bins == [(0.5, 0.6, 1, 0.55, 0.0), (0.7, 0.8, 1, 0.75, 1.0)]
    assert found[Entry("real", 6)].bins == [(0.9, 1.0, 1, 0.9, 1.0)]
    assert calibrations(list(reversed(rows)), truth) == found


def test_the_page_names_arms_and_draws_those_it_shows() -> None:
    bins = {"low": "0.5", "high": "0.6", "texts": "9", "probability": "0.55", "right": "0.5"}
    summary = {"ece": "0.08", "lowest": "0.07", "highest": "0.09", "by_chance": "0.04"}
    arms = {"real": ["real"], "sqbc": ["sqbc"]}
    table = [
        {"arm": arm, "budget": budget, **bins, **summary}
        for arm, budget in (("real", ""), ("sqbc", "6"), ("sqbc", "12"))
    ]
    assert [each["name"] for each in reliability.rows(table, arms)] == [
        "all labelled texts",
        "6 chosen by SQBC",
        "12 chosen by SQBC",
    ]
    drawn = reliability.figure(table, arms, ["sqbc"])
    assert drawn is not None
    assert ">12 chosen by SQBC<" in drawn.svg
    assert "6 chosen" not in drawn.svg, "the largest budget alone"
    assert drawn.alt.endswith("12 chosen by SQBC: calibration error 0.08.")
    assert reliability.figure([], arms, ["sqbc"]) is None
