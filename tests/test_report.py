"""The report says what the numbers say, escapes what people wrote, and loads nothing from elsewhere."""

import csv
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from standin.config import Params, load_params
from standin.corpus import Removed, Row, SelectedRow, SyntheticRow, write_json, write_json_lines, write_rows
from standin.published import Published
from standin.report import content, figures, labelling, parts, words
from standin.report.conclusions import conclusions
from standin.report.counts import arm_counts, rows_read, selection_notes, selection_rows
from standin.report.naming import MOST_FREQUENT, arm_words
from standin.report.outcome import outcome
from standin.report.page import number
from standin.stages import report
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]
LABELS = ["transport", "environment", "housing", "community"]
ARMS = ["real", "synthetic", "random", "sqbc", "random_synthetic", "sqbc_synthetic"]


SOURCES = load_params(ROOT).arms


def compared(a: str, b: str, difference: float, low: float, high: float, verdict: str = "", budget: str = "") -> dict:
    """A row of comparisons.csv; where no verdict is given it is the interval's."""
    verdict = verdict or ("higher" if low > 0 else "lower" if high < 0 else "no difference")
    return {"arm_a": a, "arm_b": b, "budget": budget, "measure": "macro_f1", "difference": difference, "low": low,
            "high": high, "verdict": "higher", "verdict_holm": verdict, "mcnemar_seeds": 2}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (compared("sqbc", "random", 0.05, 0.01, 0.09, budget="48"), "48 chosen by SQBC scored higher than 48 chosen at random by 0.050 macro-F1 (interval +0.010 to +0.090)"),
        (compared("synthetic", "real", -0.1, -0.2, -0.05), "synthetic texts alone scored lower than all labelled texts by 0.100 macro-F1 (interval -0.200 to -0.050)"),
        (compared("sqbc", "random", 0.01, -0.02, 0.04), "no difference beyond the noise between texts chosen by SQBC and texts chosen at random (+0.010, interval -0.020 to +0.040)"),
        (compared("sqbc", "random", 0.05, 0.01, 0.09, "no difference"), "no difference beyond the noise between texts chosen by SQBC and texts chosen at random (+0.050, interval +0.010 to +0.090, not clear once all comparisons are counted)"),
        (compared("sqbc", "random", -0.0001, -0.0004, 0.0001), "no difference beyond the noise between texts chosen by SQBC and texts chosen at random (0.000, interval 0.000 to 0.000)"),
    ],
)  # fmt: skip
def test_a_difference_is_told_as_its_corrected_verdict_allows(row: dict[str, Any], sentence: str) -> None:
    assert words.difference(row, SOURCES) == sentence


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert [words.decimal(value) for value in (-0.0004, -0.0, 0.0, -0.0006, 0.12345)] == ["0.000", "0.000", "0.000", "-0.001", "0.123"]  # fmt: skip
    assert [words.decimal(value, 2, "+") for value in (0.001, -0.001, 0.5, -0.5)] == ["0.00", "0.00", "+0.50", "-0.50"]
    assert number(-0.0001) == "0.000"


def test_a_comparison_stored_the_other_way_round_is_mirrored() -> None:
    (found,) = words.by_budget([compared("real", "synthetic", 0.2, 0.1, 0.3)], "synthetic", "real")
    assert (found["difference"], found["low"], found["high"], found["verdict_holm"]) == (-0.2, -0.3, -0.1, "lower")
    assert words.by_budget([], "synthetic", "real") == []


DEFAULT = [
    compared("synthetic", "real", -0.2, -0.3, -0.1),
    compared("random", "real", -0.3, -0.4, -0.2, budget="48"),
    compared("sqbc", "random", 0.0, -0.1, 0.1, budget="48"),
    compared("random_synthetic", "random", 0.1, 0.05, 0.15, budget="48"),
    compared("sqbc_synthetic", "sqbc", 0.1, 0.05, 0.15, "no difference", budget="48"),
    compared("sqbc_synthetic", "random_synthetic", 0.02, -0.05, 0.09, budget="48"),
]


def test_the_answer_of_the_default_arms_begins_with_what_synthetic_texts_alone_are_worth() -> None:
    assert words.answer(DEFAULT, SOURCES, ["random", "sqbc"]) == [
        "The synthetic texts alone are worth less than the real ones: synthetic texts alone scored lower than all labelled texts by 0.200 macro-F1 (interval -0.300 to -0.100).",
        "With synthetic texts added: 48 chosen at random + synthetic scored higher than 48 chosen at random by 0.100 macro-F1 "
        "(interval +0.050 to +0.150); no difference beyond the noise between 48 chosen by SQBC + synthetic and 48 chosen by SQBC (+0.100, interval +0.050 to +0.150, "
        "not clear once all comparisons are counted).",
        "Selecting texts: no difference beyond the noise between 48 chosen by SQBC and 48 chosen at random (0.000, interval -0.100 to +0.100).",
        "Selecting texts beside synthetic ones: no difference beyond the noise between 48 chosen by SQBC + synthetic "
        "and 48 chosen at random + synthetic (+0.020, interval -0.050 to +0.090).",
    ]


def test_every_strategy_is_in_the_answer_however_its_arms_are_called() -> None:
    arms = {**SOURCES, "contrast": ["cal"], "both": ["synthetic", "cal"]}
    rows = [*DEFAULT, compared("contrast", "random", 0.2, 0.1, 0.3), compared("both", "contrast", 0.0, -0.1, 0.1)]
    said = words.answer(rows, arms, ["random", "sqbc", "cal"])
    assert "48 chosen by SQBC and 48 chosen at random" in said[2]
    assert "texts chosen by CAL scored higher than texts chosen at random by 0.200" in said[2]
    assert "between synthetic + texts chosen by CAL and texts chosen by CAL" in said[1]


def test_many_comparisons_without_a_difference_are_told_by_name_alone() -> None:
    strategies = ["sqbc", "cal", "margin", "badge"]
    arms = {"random": ["random"], **{strategy: [strategy] for strategy in strategies}}
    rows = [compared(strategy, "random", 0.0, -0.1, 0.1) for strategy in strategies[:3]]
    (said,) = words.answer([*rows, compared("badge", "random", 0.2, 0.1, 0.3)], arms, ["random", *strategies])
    assert said == (
        "Selecting texts: texts chosen by badge scored higher than texts chosen at random by 0.200 macro-F1 (interval "
        "+0.100 to +0.300); no difference beyond the noise between texts chosen by SQBC and texts chosen at random, texts "
        "chosen by CAL and texts chosen at random, texts chosen by margin and texts chosen at random."
    )


def test_the_largest_budget_is_told_and_where_others_read_otherwise() -> None:
    rows = [compared("sqbc", "random", 0.2, 0.1, 0.3, budget=budget) for budget in ("6", "12", "24")]
    arms, strategies = {"random": ["random"], "sqbc": ["sqbc"]}, ["random", "sqbc"]
    same = words.answer(rows, arms, strategies)
    assert same[-1] == "This is with 24 selected texts. At other budgets nothing reads otherwise."
    rows[1]["verdict_holm"] = "no difference"
    assert words.answer(rows, arms, strategies)[-1] == (
        "This is with 24 selected texts. At other budgets: at 12, no difference beyond the noise between 12 chosen by SQBC and 12 "
        "chosen at random (+0.200, interval +0.100 to +0.300, not clear once all comparisons are counted)."
    )


def test_arms_that_raise_none_of_these_questions_are_told_as_they_were_compared() -> None:
    rows = [compared("shots", "real", -0.3, -0.4, -0.2, budget=budget) for budget in ("6", "12")]
    assert words.answer(rows, {"real": ["real"], "shots": ["shots"]}, ["random"]) == [
        "What was compared with 12 selected texts: the labelled examples scored lower than all labelled texts by 0.300 macro-F1 (interval -0.400 to -0.200)."
    ]


def test_equal_numbers_of_texts_and_examples_beside_synthetic_ones_are_told() -> None:
    arms = {"equal": ["real:synthetic"], "both": ["shots", "synthetic"], "synthetic": ["synthetic"]}
    rows = [compared("equal", "synthetic", 0.2, 0.1, 0.3), compared("both", "synthetic", 0.1, 0.05, 0.15)]
    assert words.answer(rows, arms, ["random"]) == [
        "Of equally many texts: as many labelled texts as synthetic scored higher than synthetic texts alone by 0.200 "
        "macro-F1 (interval +0.100 to +0.300).",
        "With the labelled examples to train on too: the labelled examples + synthetic scored higher than synthetic "
        "texts alone by 0.100 macro-F1 (interval +0.050 to +0.150).",
    ]
    assert [row["said"] for row in conclusions(rows, arms, ["random"])[0]] == [
        "As many labelled texts as synthetic instead of synthetic texts alone",
        "The labelled examples added to synthetic texts alone",
    ]


def test_no_sentence_comes_from_an_arm_that_has_not_learned() -> None:
    rows = [compared("synthetic", "real", 0.191, 0.1, 0.3, "not learned")]
    assert words.answer(rows, SOURCES, ["random"]) == []
    budgets = [compared("sqbc", "random", 0.2, 0.1, 0.3, verdict, budget) for verdict, budget in (("higher", "6"), ("not learned", "12"))]  # fmt: skip
    (said,) = words.answer(budgets, SOURCES, ["random", "sqbc"])
    assert said.startswith("At other budgets: at 6, 6 chosen by SQBC scored higher")
    turned = [compared("sqbc", "random", 0.2, 0.1, 0.3, verdict, budget) for verdict, budget in (("not learned", "6"), ("higher", "12"))]  # fmt: skip
    _, said = words.answer(turned, SOURCES, ["random", "sqbc"])
    assert said == (
        "This is with 12 selected texts. At other budgets: at 6, nothing is said of arms that have not learned there."
    )


def test_where_people_label_one_selection_nothing_is_concluded_of_it_and_it_is_said_why() -> None:
    rows = [
        compared("sqbc", "random", 0.2, 0.1, 0.3, "one selection", "48"),
        compared("random", "real", -0.2, -0.3, -0.1, "one selection", "48"),
    ]
    arms = {"real": ["real"], "random": ["random"], "sqbc": ["sqbc"]}
    (said,) = words.answer(rows, arms, ["random", "sqbc"])
    assert said.startswith("People label one selection for all training seeds, so nothing is concluded between")
    assert conclusions(rows, arms, ["random", "sqbc"]) == ([], "")
    both = [*rows, compared("synthetic", "real", -0.2, -0.3, -0.1)]
    first, second = words.answer(both, {**arms, "synthetic": ["synthetic"]}, ["random", "sqbc"])
    assert (first.startswith("The synthetic texts alone are worth less"), second) == (True, said)
    assert words.one_selection(DEFAULT) == []
    smaller = [compared("sqbc", "random", 0.2, 0.1, 0.3, "one selection", budget) for budget in ("12", "48")]
    assert words.answer(smaller, arms, ["random", "sqbc"]) == [said]


def test_the_page_of_labels_from_people_says_that_each_strategy_is_one_draw(
    project: Path, given: tuple[Params, Task]
) -> None:
    for strategy in ("random", "sqbc"):
        metrics = {"texts_ranked": 240, "tie_share": {"48": 0.1}, "learners": 1, "one_selection": True}
        write_json(project / f"reports/select/{strategy}/metrics.json", metrics)
    rows = [{**row, "verdict": "one selection", "verdict_holm": "one selection"} for row in DEFAULT]
    table(project / "reports/evaluate/comparisons.csv", rows)
    report.run(*given, "")
    found = page(project)
    assert "Changes with the seed" not in found
    assert "Random draws would" not in found
    assert "each strategy is one draw, and what another draw would change is in no interval" in found
    assert "People label one selection for all training seeds, so nothing is concluded between" in found
    assert "What can be concluded" not in found
    assert "the warm start as it is" not in found
    assert "<td>one selection</td><td>one selection</td>" in found


def lost(name: str, reason: str = "one label", question: str = "") -> dict[str, str]:
    return {"name": name, "question_id": question, "reason": reason, "share": "0.915", "label": "neutral"}


VALUES = [{"name": name, "value": value} for name, value in (("real", 0.24), ("sqbc", 0.6), ("majority", 0.17))]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], []),
        ([lost("real"), lost("real", "chance")], ["The classifier trained on real has not learned: it answers 'neutral' to 92% of the texts. Nothing is concluded from it."]),
        ([lost("real", question="car")], ["The classifier trained on real has not learned: it answers 'neutral' to 92% of the texts on question car. Nothing is concluded from it."]),
        ([lost("real", "chance")], ["The classifier trained on real has not learned: it has a macro-F1 of 0.240, not surely above what its answers would reach if they were dealt out at random. Nothing is concluded from it."]),
    ],
)  # fmt: skip
def test_an_arm_that_has_not_learned_is_named_with_the_reason(rows: list[dict[str, str]], said: list[str]) -> None:
    assert words.not_learned(rows, VALUES, ["real", "sqbc"]) == said


def test_two_that_have_not_learned_are_one_sentence_and_where_all_have_not_it_says_what_to_try() -> None:
    rows = [lost("real"), lost("sqbc", "chance")]
    (said,) = words.not_learned(rows, VALUES, ["real", "sqbc", "random"])
    assert said.startswith("Not learned, so nothing is concluded from them: real (answers 'neutral' to 92%")
    hint, why = words.not_learned(rows, VALUES, ["real", "sqbc"])
    assert hint.startswith("No classifier has learned, so nothing can be concluded. Try more texts, longer training")
    assert "sqbc has a macro-F1 of 0.600" in why


def test_the_majority_row_of_the_figure_is_a_diamond_that_the_caption_explains() -> None:
    scores = [
        {"name": name, "value": value, "low": value, "high": value} for name, value in (("real", 0.8), ("sqbc", 0.7))
    ]
    floor = {"name": MOST_FREQUENT, "value": 0.1, "low": 0.1, "high": 0.1}
    plain, figure = figures.arms(scores, 0.95), figures.arms([*scores, floor], 0.95)
    assert "diamond" in figure.caption
    assert "diamond" not in plain.caption
    assert "always the most frequent label 0.10" in figure.alt
    marks = [svg.svg.count('aria-roledescription="point"') for svg in (plain, figure)]
    assert marks == [2, 3]


def test_a_figure_in_a_page_is_one_image_to_a_screen_reader_and_takes_the_colours_of_the_page() -> None:
    scores = [{"name": "48 <b>chosen</b> & more", "value": 0.8, "low": 0.7, "high": 0.9}]
    svg = figures.inline(figures.arms(scores, 0.95), "arms", "What <i>came</i> out")
    assert svg.startswith('<svg role="img" aria-labelledby="arms-title arms-desc"')
    assert svg.count("role=") == svg.count("aria-") == 1
    assert '<title id="arms-title">What &lt;i&gt;came&lt;/i&gt; out</title>' in svg
    assert "<b>" not in svg
    assert "var(--ink)" in svg
    assert not set(figures.THEME) & set(re.findall(r'"(#[0-9a-f]{6})"', svg))


def test_what_a_label_says_of_roles_and_colours_stays() -> None:
    said = 'a role="b" > "#222222"'
    svg = figures.inline(figures.arms([{"name": said, "value": 0.8, "low": 0.7, "high": 0.9}], 0.95), "arms", "t")
    assert said in [unescape(shown) for shown in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


@pytest.mark.parametrize(
    ("arm", "budget", "said"),
    [
        ("real", "", "all labelled texts"),
        ("synthetic", "", "synthetic texts alone"),
        ("random", "48", "48 chosen at random"),
        ("sqbc_synthetic", "48", "48 chosen by SQBC + synthetic"),
        ("majority", "", "always the most frequent label"),
        ("unknown", "48", "unknown (48)"),
    ],
)
def test_an_arm_is_called_by_what_it_trains_on(arm: str, budget: str, said: str) -> None:
    assert arm_words(arm, budget, SOURCES) == said


def test_arms_of_the_same_sources_keep_their_names_beside_the_words() -> None:
    arms = {"first": ["random"], "second": ["random"]}
    assert arm_words("first", 12, arms) == "12 chosen at random (first)"


def scored(**values: float) -> list[dict[str, Any]]:
    return [
        {"arm": arm, "budget": "48" if {"random", "sqbc"} & set(SOURCES[arm]) else "", "value": value}
        for arm, value in values.items()
    ]


COUNTED = {("synthetic", ""): {"texts": "142", "real_labels": "0"}, ("real", ""): {"texts": "240", "real_labels": "240"},
           ("random", "48"): {"texts": "48", "real_labels": "48"}}  # fmt: skip


def test_the_outcome_says_what_was_reached_and_how_many_labels_it_took() -> None:
    rows = scored(real=0.78, synthetic=0.65, random=0.64, random_synthetic=0.68)
    assert outcome(rows, DEFAULT, COUNTED, SOURCES, set()) == [
        "Trained on 142 synthetic texts alone, with no label from people, the classifier reaches a macro-F1 of 0.65: 83% of what 240 "
        "labelled texts reach (0.78).",
        "48 labels chosen at random reach 0.64; together with the synthetic texts 0.68, a clear gain.",
    ]


def test_the_outcome_calls_a_gain_no_gain_where_the_corrected_verdict_does_not() -> None:
    rows = [compared("random_synthetic", "random", 0.04, 0.01, 0.09, "no difference", "48")]
    (said,) = outcome(scored(random=0.64, random_synthetic=0.68), rows, COUNTED, SOURCES, set())
    assert said.endswith("0.68, a difference that may be chance.")


def test_an_arm_that_has_not_learned_gives_the_outcome_no_number() -> None:
    rows = scored(real=0.78, synthetic=0.65, random=0.11)
    (said,) = outcome(rows, [], COUNTED, SOURCES, {("random", "48"), ("real", "")})
    assert (
        said
        == "Trained on 142 synthetic texts alone, with no label from people, the classifier reaches a macro-F1 of 0.65."
    )


def test_labels_behind_the_synthetic_texts_are_counted_and_one_label_is_one_label() -> None:
    counted = {("synthetic", ""): {"texts": "142", "real_labels": "1"}}
    (said,) = outcome(scored(synthetic=0.65), [], counted, SOURCES, set())
    assert "alone, with 1 label behind them, the classifier" in said


def test_random_labels_whose_number_is_not_known_are_labels() -> None:
    assert outcome([{"arm": "random", "budget": "", "value": 0.6}], [], {}, SOURCES, set()) == [
        "Labels chosen at random reach 0.60."
    ]


def test_a_strategy_is_advised_only_where_it_was_shown_to_do_better_than_chance() -> None:
    better = [compared("sqbc", "random", 0.2, 0.1, 0.3, "higher", "48")]
    assert labelling.advised(better, SOURCES, ["random", "sqbc"])[0] == "sqbc"
    alone = [compared("sqbc", "random", 0.2, 0.1, 0.3, "no difference", "48")]
    assert labelling.advised(alone, SOURCES, ["random", "sqbc"])[0] == "random"
    assert labelling.advised([], SOURCES, ["random", "sqbc"])[1].startswith("Nothing was compared")
    assert labelling.advised([], SOURCES, ["sqbc"])[0] == "sqbc"


def test_the_list_holds_one_seed_and_budget_in_the_order_of_ranks_and_knows_what_is_labelled() -> None:
    ranked = [SelectedRow(seed=seed, budget=budget, rank=rank, id=f"p{rank}", score=0.0)
              for seed in (1, 2) for budget in (2, 3) for rank in (3, 1, 2, 4)]  # fmt: skip
    pool = [Row(id=f"p{place}", text=f"Text {place}") for place in range(1, 5)]
    found = labelling.to_label(ranked, pool, {"p2"}, seed=2, budget=3)
    assert [(row["id"], row["labelled"]) for row in found["rows"]] == [("p1", False), ("p3", False)]
    assert (found["number"], found["labelled"], found["left_out"]) == (3, 1, 0)
    done = labelling.to_label(ranked, pool, {"p1", "p2", "p3"}, seed=2, budget=3)
    assert [row["id"] for row in done["rows"]] == ["p1", "p2", "p3"]


def kept(name: str, label: str, text: str = "Please mend the lamp.") -> SyntheticRow:
    return SyntheticRow(id=name, text=text, label=label, plan_id=name, shots=0, engine="e", model="m")


def gone(name: str, label: str, reason: str) -> Removed:
    return Removed(id=name, plan_id=name, label=label, text="Again.", reason=reason)


def test_planned_is_kept_and_removed_per_label_and_in_all() -> None:
    table = content.flow(["a", "a", "b"], [kept("1", "a")], [gone("2", "a", "duplicate"), gone("3", "b", "refused")])
    assert table["columns"] == ["planned", "kept", "refused", "duplicate"]
    assert table["rows"] == [
        {"label": "a", "cells": [2, 1, 0, 1]},
        {"label": "b", "cells": [1, 0, 1, 0]},
        {"label": "all", "cells": [3, 1, 1, 1]},
    ]
    assert content.flow([], [], [])["rows"] == [{"label": "all", "cells": [0, 0]}]
    with pytest.raises(AssertionError, match="2 planned"):
        content.flow(["a", "a"], [kept("1", "a")], [])


def test_borderline_pairs_are_the_least_similar_and_name_the_kept_text() -> None:
    pairs = [replace(gone(name, "a", "duplicate"), survivor=other, score=score)
             for name, other, score in (("r1", "1", 0.99), ("r2", "1", 0.71), ("r3", "t9", 0.9))]  # fmt: skip
    found = content.borderline([*pairs, gone("r4", "a", "refused")], [kept("1", "a", "The kept one.")], 2)
    assert [(row["score"], row["other"]) for row in found] == [(0.71, "The kept one."), (0.9, "t9")]


def test_numbers_read_as_people_write_them() -> None:
    assert [number(value) for value in (1234, 0.12345, None, "", "yes", True)] == ["1,234", "0.123", "–", "–", "yes", "True"]  # fmt: skip


# --- the whole page -----------------------------------------------------------------------------------------------


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def counted(arm: str, texts: dict[str, int], questions: tuple[str, ...] = ("",), more: int = 0) -> list[dict[str, Any]]:
    """Rows of texts.csv, two seeds: ``texts`` by budget, ``more`` of them for every further question."""
    return [
        {"arm": arm, "budget": budget, "seed": seed, "question_id": question, "label": label,
         "texts": number // 2 + more * place, "generated": 0, "real_labels": number // 2 + more * place}
        for budget, number in texts.items()
        for seed in (1, 2)
        for place, question in enumerate(questions)
        for label in ("housing", "transport")
    ]  # fmt: skip


def plain(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{name: str(value) for name, value in row.items()} for row in rows]


def test_each_budget_shows_its_own_texts_and_labels() -> None:
    counts = arm_counts(plain(counted("sqbc", {"12": 12, "24": 24, "48": 48})))
    assert {budget: found["texts"] for (_, budget), found in counts.items()} == {"12": "12", "24": "24", "48": "48"}


def test_with_questions_the_numbers_are_those_of_one_classifier() -> None:
    counts = arm_counts(plain(counted("real", {"": 1000}, ("bikes", "rents"))))
    assert counts["real", ""] == {"texts": "1,000", "real_labels": "1,000"}
    counts = arm_counts(plain(counted("synthetic", {"": 40}, ("bikes", "rents"), more=3)))
    assert counts["synthetic", ""]["texts"] == "40 to 46"


def test_the_labels_of_a_selection_are_those_of_the_arm_that_trains_on_it_alone_at_each_budget() -> None:
    metrics = {"texts_ranked": 240, "tie_share": {"12": 0.5, "48": 0.25}}
    rows = plain(counted("asked", {"12": 12, "48": 48}) + counted("mixed", {"12": 90, "48": 90}))
    arms = {"mixed": ["sqbc", "synthetic"], "asked": ["sqbc"]}
    found = selection_rows("sqbc", metrics, rows, arms)
    assert [row["labels"] for row in found] == ["housing 6, transport 6", "housing 24, transport 24"]
    assert [row["labels"] for row in selection_rows("random", metrics, rows, arms)] == ["", ""]


def test_the_notes_on_selection_speak_of_the_strategies_used() -> None:
    one = " ".join(selection_notes({"random": {}}, seeds=1))
    assert "One seed shows ties alone" in one
    assert "SQBC" not in one
    several = " ".join(selection_notes({"sqbc": {"learners": 0}, "cal": {"learners": 3}}, seeds=3))
    assert "1 - budget / pool" in several
    assert "SQBC" in several
    assert "no variance" not in several
    one_draw = " ".join(selection_notes({"cal": {"learners": 1, "one_selection": True}}, seeds=3))
    assert "each strategy is one draw" in one_draw
    assert not [said for said in ("warm start", "Changes with the seed", "ties alone") if said in one_draw]
    warm = " ".join(selection_notes({"cal": {"learners": 1}}, seeds=3))
    assert "CAL's interval holds no variance of selection" in warm


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports"
    nasty = 'The bus <script>alert("late")</script> & the tram'
    write_rows(tmp_path / "data/synthetic/texts.jsonl", [kept(f"k{i}", label, nasty) for i, label in enumerate(LABELS)])
    write_rows(tmp_path / "data/synthetic/removed.jsonl", [gone("r1", "transport", "duplicate")])
    write_json_lines(tmp_path / "data/generated/plan.jsonl", ({"label": label} for label in ["transport", *LABELS]))
    write_json(
        reports / "prepare/metrics.json",
        {"real_texts": {"pool": 240, "test": 288}, "dropped_near_duplicates_of_test": 7,
         "dropped_near_duplicates_of_validation": 2},
    )  # fmt: skip
    told = {"shots": 64, "bound": 0.2321, "shots_at_or_below": 3, "share_of_shots": 3 / 64}
    write_json(
        reports / "curate/metrics.json",
        {"pool_texts_like_test": 4, "length_unit": "characters", "off_task_yardstick": told},
    )
    write_json(
        reports / "generate/metrics.json",
        {
            "tokens_in": 1200,
            "tokens_out": 300,
            "cut_by_length": 2,
            "changes": {"quotes": 1},
            "per_label": {"pro": {"tokens_in": 1200, "tokens_out": 300}},
        },
    )
    check = {
        "name": "label_gap",
        "says": "labels are balanced",
        "severity": "critical",
        "success": True,
        "observed": 0.1,
    }
    write_json(reports / "validate/result.json", {"expectations": [check]})
    spread = {"remote_clique_cosine": 0.8, "chamfer_cosine": 0.5}
    write_json(
        reports / "diversity/metrics.json",
        {
            "texts_compared": 4,
            "real": spread,
            "synthetic": spread,
            "similarity_coverage": 0.3,
            "similarity_fidelity": 0.4,
        },
    )
    table(
        reports / "diversity/projection.csv",
        [{"id": f"{kind}{i}", "kind": kind, "label": LABELS[i], "x": i / 10, "y": 0.1} for kind in ("real", "synthetic") for i in range(4)],
    )  # fmt: skip
    write_json(
        reports / "subjectivity/metrics.json", {"texts": 6, "source": "llm_panel", "mean_agreement": 0.7, "place": 6}
    )
    for strategy in ("random", "sqbc"):
        write_json(reports / f"select/{strategy}/metrics.json", {"texts_ranked": 240, "tie_share": {"48": 0.1}, "seed_share": {"48": 0.31}, "seed_share_of_chance": {"48": 0.8}, "learners": 0})  # fmt: skip
    hostile = [
        Row(id="p1", text='<img src=x onerror="alert(1)">'),
        Row(id="p2", text="The lamp is out.", label="housing"),
    ]
    write_rows(tmp_path / "data/real/pool.jsonl", hostile)
    write_rows(tmp_path / "data/real/oracle.jsonl", hostile[1:])
    for strategy in ("random", "sqbc"):
        ranks = [SelectedRow(seed=1, budget=48, rank=rank, id=row.id, score=0.0) for rank, row in enumerate(hostile, 1)]
        write_rows(tmp_path / f"data/selected/{strategy}.jsonl", ranks)
    table(reports / "arms/texts.csv", counted("sqbc", {"48": 48}) + counted("real", {"": 240}))
    for arm in ARMS:
        write_json(reports / f"finetune/{arm}/metrics.json", {"train_rows": 240.0, "rows_seen": 960.0, "passes": 4.0})
    write_json(
        reports / "evaluate/scope.json",
        {"confidence": 0.95, "scope": "Intervals over 3 seeds.", "skipped_arms": [], "texts": 288, "seeds": [1, 2, 3]},
    )
    table(
        reports / "evaluate/scores.csv",
        [{"arm": arm, "budget": "", "measure": measure, "value": 0.6, "low": 0.5, "high": 0.7, "seeds": 3, "texts": 288} for arm in [*ARMS, "majority"] for measure in ("macro_f1", "accuracy")],
    )  # fmt: skip
    table(reports / "evaluate/comparisons.csv", DEFAULT)
    header = "arm,budget,question_id,reason,share,label\n"
    (reports / "evaluate/learned.csv").write_text(header)
    for name in ("scope.json", "scores.csv", "comparisons.csv"):
        write_to = reports / "seeds" / name
        write_to.parent.mkdir(exist_ok=True)
        write_to.write_bytes((ROOT / "reports/seeds" / name).read_bytes())
    table(reports / "evaluate/agreement.csv", [{"arm": arm, "budget": "", "gamma": g, "texts": 6, "accuracy": 0.5, "fitted": 0.5, "r2": 0.4 if arm == "real" else "", "rho": -0.5 if arm == "real" else ""} for arm in ARMS for g in (0.0, 1.0)])  # fmt: skip
    table(reports / "evaluate/confusion.csv", [{"arm": "real", "label": a, "predicted": b, "count": 3} for a in LABELS for b in LABELS])  # fmt: skip
    return tmp_path


@pytest.fixture(scope="module")
def given() -> tuple[Params, Task]:
    return load_params(ROOT), load_task("city-topics", ROOT)


def page(project: Path) -> str:
    return (project / "reports/report.html").read_text(encoding="utf-8")


def test_the_task_s_place_is_a_figure_that_says_whose_ranking_it_is(project: Path, given: tuple[Params, Task]) -> None:
    rows = [{"task": name, "place": at, "subjectivity": at - 2, "low": at - 3, "high": at - 1, "win_rate": 0.5,
             "paper_stars": stars, "source": "llm_panel"}
            for at, (name, stars) in enumerate((("relation", 1), ("city-topics", ""), ("humor", 5)), 1)]  # fmt: skip
    table(project / "reports/subjectivity/tasks.csv", rows)
    assert report.run(*given, "")["figures"] == 7
    assert "2. city-topics (this task)" in page(project)
    assert "Tasks as an LLM panel (a stand-in for people) ranked them" in page(project)


def test_the_page_is_whole_escaped_self_contained_and_the_same_each_time(
    project: Path, given: tuple[Params, Task]
) -> None:
    assert report.run(*given, "")["figures"] == 6
    first = page(project)
    assert "<script" not in first
    assert "&lt;script&gt;alert(" in first
    assert not re.search(
        r"""(?:href|src)\s*=\s*["'](?!#|\.\./data/real/oracle\.jsonl"|validate/checks\.html")""", first
    )
    assert "&lt;img src=x onerror=" in first
    assert "default-src &#39;none&#39;" in first or "default-src 'none'" in first
    assert (first.count("<figure"), first.count('<svg role="img" aria-labelledby=')) == (6, 2)
    assert all(f"<code>{arm}</code>" in first for arm in ARMS)
    assert (
        '<bdi>Synthetic texts alone instead of all labelled texts</bdi></span><span class="said"><b>−0.20</b>' in first
    )
    assert "1 text, those listed here; 1 of the 2 chosen has a label already." in first
    assert not re.search(r"\b1 texts|\b1 labels", first)
    assert "always the most frequent label" in first
    assert "not learned" not in first.lower()
    assert "a panel of judges played by a language model stands in" in first
    assert (
        "9 real texts were left out of the splits because nearly the same text is in test (7) or validation (2)."
        in first
    )
    assert "4 of the pool&#39;s 240 texts still lie as near" in first
    assert "lengths are counted in characters, not words" in first
    assert "3 of the 64 shots (4.7%), each left out once, lie so far away" in first
    assert "Nothing else that a person tunes depends on test texts" in first
    assert '<td class="n">960 (4.0 times)</td>' in first
    assert '<td class="n">31.0%</td><td class="n">80.0%</td><td class="n">10.0%</td></tr>' in first
    assert "Labels of the 48 chosen by SQBC (mean): housing 24, transport 24." in first
    report.run(*given, "")
    assert page(project) == first


def judged(project: Path, accuracy: float, low: float, source: str = "llm_panel") -> None:
    """A panel of this accuracy beside a baseline of 0.25, and slopes of all arms below 0."""
    worth = {"panel_accuracy": accuracy, "panel_accuracy_low": low, "panel_accuracy_high": accuracy + 0.1,
             "baseline_accuracy": 0.25, "panel_beats_baseline": low > 0.25}  # fmt: skip
    ranked = {"place": 6, "position_bias": 1.0, "spearman_with_paper": 0.2, "spearman_random_95": 0.642}
    metrics = {"texts": 60, "source": source, "mean_agreement": 0.7} | ranked
    write_json(project / "reports/subjectivity/metrics.json", metrics | (worth if source == "llm_panel" else {}))
    path = project / "reports/evaluate/scores.csv"
    with path.open("a", newline="") as file:
        csv.writer(file).writerows((arm, "", "agreement_slope", -1.25, -2.5, 0.75, 3, 60) for arm in ARMS)


def test_a_panel_near_chance_is_said_to_be_worth_nothing_and_draws_no_curve(
    project: Path, given: tuple[Params, Task]
) -> None:
    judged(project, 0.29, 0.18)
    assert report.run(*given, "")["figures"] == 5
    found = page(project)
    assert '<p class="strong">It cannot be told here.</p>' in found
    assert "The panel is worth nothing: it is right on 29% of the texts (95% interval 18% to 39%)" in found
    assert "Where it agrees, 6 of 6 classifiers are even right less often." in found
    assert "Accuracy against the least agreement" not in found
    assert "log-odds" not in found


@pytest.mark.parametrize(("source", "who"), [("llm_panel", "the LLM panel"), ("annotators", "the annotators")])
def test_a_good_panel_and_annotators_have_curve_and_slope_with_what_they_speak_of(
    project: Path, given: tuple[Params, Task], source: str, who: str
) -> None:
    judged(project, 0.8, 0.68, source)
    assert report.run(*given, "")["figures"] == 6
    found = page(project)
    assert "worth nothing" not in found
    assert "% of the {} give a text the same label".format("people" if source == "annotators" else "judges") in found
    assert "0 of 6 classifiers are right more often, none of them clearly." in found
    assert (
        "The intervals, over 60 texts, allow for the choice of texts, not for other judges or training seeds" in found
    )
    assert (
        '<th scope="row"><bdi>texts chosen by SQBC</bdi></th><td class="n">-1.25</td><td class="n">-2.50 to 0.75</td>'
        in found
    )


def test_the_ranking_of_tasks_stands_beside_what_random_rankings_reach(
    project: Path, given: tuple[Params, Task]
) -> None:
    judged(project, 0.8, 0.68)
    report.run(*given, "")
    found = page(project)
    assert "(rank correlation 0.20; 95% of random rankings stay within 0.64 of 0)" in found
    assert "0.5 no bias, 1 always the first, 0 always the second" in found


def test_diversity_shows_real_generated_and_curated_texts_and_folds_the_labels(
    project: Path, given: tuple[Params, Task]
) -> None:
    of = {kind: {"remote_clique_cosine": 0.8, "chamfer_cosine": value}
          for kind, value in (("real", 0.579), ("real_distinct", 0.578), ("generated", 0.347), ("synthetic", 0.422))}  # fmt: skip
    similar = {"similarity_of_real_halves": 0.362, "similarity_coverage": 0.29, "similarity_fidelity": 0.28}
    labels = {"transport": {"texts_compared": 33, **of}}
    metrics = {"texts_compared": 142, "similarity_others": 120, **similar, **of, "per_label": labels}
    write_json(project / "reports/diversity/metrics.json", metrics)
    report.run(*given, "")
    found = page(project)
    whole, folded = found.split("<h3>Per label</h3>")
    cells = "".join(f'<td class="n ranged">{value}</td>' for value in (0.579, 0.578, 0.347, 0.422))
    assert f'nearest other</bdi></th><td class="n">142</td>{cells}' in whole
    assert "transport, variety" in folded
    assert "among 120 others" in whole
    assert (
        '<th scope="row">Half of the real texts to the other half: the yardstick</th><td class="n"><bdi>0.362</bdi></td>'
        in whole
    )


def test_the_range_over_subsets_stands_beside_each_measure_and_further_ones_where_they_were_taken(
    project: Path, given: tuple[Params, Task]
) -> None:
    def ranged(**values: float) -> dict[str, float]:
        return {f"{name}{end}": value + step for name, value in values.items()
                for end, step in (("", 0), ("_low", -0.1), ("_high", 0.1))}  # fmt: skip

    metrics = {"texts_compared": 71, "draws": 200, "real": ranged(chamfer_cosine=0.6), "per_label": {},
               "similarity_others": 71, **ranged(similarity_coverage=0.4)}  # fmt: skip
    write_json(project / "reports/diversity/metrics.json", metrics)
    report.run(*given, "")
    found = page(project).replace("\N{NO-BREAK SPACE}", " ")
    assert '<td class="n ranged">0.600 (0.500 to 0.700)</td>' in found
    assert "the mean over 200 random subsets, in brackets where 95 % of them lie" in found
    assert "<bdi>0.400 (0.300 to 0.500)</bdi>" in found
    assert "Further measures" not in found
    pair = {**ranged(two_sample_accuracy=0.8, recall=0.3), "two_sample_chance": 0.5}
    more = {"texts_compared": 71, "draws": 20, "real": ranged(vendi=34.5, distinct_1=0.25),
            "synthetic_against_real": pair, "real_halves": ranged(two_sample_accuracy=0.5)}  # fmt: skip
    write_json(project / "reports/diversity/metrics.json", {**metrics, "more": more})
    report.run(*given, "")
    found = page(project).replace("\N{NO-BREAK SPACE}", " ")
    assert "Means over 20 random subsets." in found
    assert '<td class="n ranged">34.5 (34.4 to 34.6)</td>' in found
    assert '<td class="n ranged">0.500 (0.400 to 0.600)</td><td class="n ranged">0.800 (0.700 to 0.900)</td>' in found
    assert '<td class="n ranged">–</td><td class="n ranged">0.300 (0.200 to 0.400)</td>' in found
    assert "Self-BLEU" not in found
    assert "Precision" not in found


def test_the_table_of_differences_gives_the_corrected_verdict_and_no_sign_to_zero(
    project: Path, given: tuple[Params, Task]
) -> None:
    rows = [
        compared("sqbc", "random", -0.0001, -0.1, 0.1),
        compared("synthetic", "real", 0.2, 0.1, 0.3, "no difference"),
    ]
    table(project / "reports/evaluate/comparisons.csv", rows)
    report.run(*given, "")
    cells = re.findall(
        r"<tr><td><bdi>([\w ]+)</bdi> − <bdi>[\w ]+</bdi></td><td class=\"n\">(.*?)</td>.*?<td>(.*?)</td>",
        page(project),
    )
    assert cells == [
        ("texts chosen by SQBC", "0.000", "no difference"),
        ("synthetic texts alone", "+0.200", "no difference"),
    ]
    assert "synthetic texts alone instead of all labelled texts" not in page(project)


def test_arms_that_have_not_learned_stand_at_the_top(project: Path, given: tuple[Params, Task]) -> None:
    row = {"arm": "real", "budget": "", "question_id": "", "reason": "one label", "share": 0.915, "label": "neutral"}
    table(project / "reports/evaluate/learned.csv", [row])
    rows = [compared("synthetic", "real", 0.191, 0.1, 0.3, "not learned")]
    table(project / "reports/evaluate/comparisons.csv", rows)
    report.run(*given, "")
    answer = page(project).split('<div class="answer">')[1].split("</div>")[0]
    assert (
        "The classifier trained on all labelled texts has not learned: it answers &#39;neutral&#39; to 92% of the texts"
        in answer
    )
    assert "higher" not in answer


def test_one_arm_alone_is_compared_with_none(project: Path, given: tuple[Params, Task]) -> None:
    path = project / "reports/evaluate/comparisons.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    report.run(*given, "")
    assert "No classifiers were compared" in page(project)
    assert "Paired differences" not in page(project)


def test_only_demonstration_tasks_carry_the_banner(project: Path, given: tuple[Params, Task]) -> None:
    params, task = given
    report.run(params, task, "")
    assert "The figures are no evidence" in page(project)
    scores = {"bert": {"few_shot": {"macro_f1": 0.9}}}
    published = {"li2023": Published.model_validate({"paper": "Li et al.", "mark": "recalled", "scores": scores})}
    report.run(params, task.model_copy(update={"demonstration": False, "published": published}), "")
    assert "The figures are no evidence" not in page(project)
    assert "macro-F1 0.900 (recalled)" in page(project)


def test_without_scores_panel_or_projection_the_page_says_what_is_missing(
    project: Path, given: tuple[Params, Task]
) -> None:
    evaluate = project / "reports/evaluate"
    said = {"arms": 0, "confidence": 0.95, "scope": "There are no predictions.", "skipped_arms": ["real"], "texts": 0}
    (evaluate / "scope.json").write_text(json.dumps(said))
    for name in ("scores", "comparisons", "agreement", "confusion"):
        path = evaluate / f"{name}.csv"
        path.write_text(path.read_text().splitlines()[0] + "\n")
    (project / "reports/diversity/projection.csv").write_text("id,kind,label,x,y\n")
    write_json(project / "reports/subjectivity/metrics.json", {"texts": 0})
    assert report.run(*given, "")["figures"] == 2
    assert "No scores: There are no predictions." in page(project)


def test_runs_over_base_seeds_come_first_where_they_belong_to_the_page_and_are_named_stale_elsewhere(
    project: Path, given: tuple[Params, Task]
) -> None:
    from standin.evaluation.recipe import evaluated, recipe

    report.run(*given, "")
    assert "Runs over other draws, put together, speak of the method" in page(project)
    assert "base seeds 1, 2" not in page(project)
    tables = [(project / "reports/evaluate" / name).read_bytes() for name in ("scores.csv", "comparisons.csv")]
    said = {
        "recipe": recipe(*given),
        "runs": {"1": evaluated(*tables), "2": "x"},
        "scope": "Two runs.",
        "seeds": [1, 2],
    }
    write_json(project / "reports/seeds/scope.json", said)
    score = {
        "arm": "real",
        "budget": "",
        "measure": "macro_f1",
        "value": 0.7,
        "low": 0.6,
        "high": 0.8,
        "values": "0.69 0.71",
    }
    table(project / "reports/seeds/scores.csv", [score])
    pair = {"arm_a": "real", "arm_b": "random", "budget": "", "measure": "macro_f1", "difference": 0.12, "low": 0.1,
            "high": 0.14, "verdict_holm": "higher", "not_learned": ""}  # fmt: skip
    table(project / "reports/seeds/comparisons.csv", [pair])
    report.run(*given, "")
    shown = page(project)
    first = shown.index(
        "all labelled texts scored higher than texts chosen at random by 0.120 macro-F1 (interval +0.100 to +0.140)"
    )
    assert (
        shown.index("2 runs (base seeds 1, 2)")
        < first
        < shown.index("This run: base seed 1")
        < shown.index("Synthetic texts alone instead of all labelled texts")
    )
    assert "0.690, 0.710" in shown
    write_json(project / "reports/seeds/scope.json", {**said, "recipe": "another"})
    report.run(*given, "")
    assert "were made with other parameters or another task, so they are not shown" in page(project)
    assert "base seeds 1, 2" not in page(project)


def test_rows_read_are_those_of_the_budget_and_none_of_a_skipped_arm() -> None:
    small, large = {"rows_seen": 512.0, "passes": 42.667}, {"rows_seen": 1024.4, "passes": 21.3}
    several = {"classifiers": 6, "budget_12": small, "budget_48": large}
    assert [rows_read(several, budget) for budget in ("12", "48")] == ["512 (42.7 times)", "1,024 (21.3 times)"]
    assert rows_read({"classifiers": 5, **small}, "48") == "512 (42.7 times)"
    assert rows_read({"classifiers": 0, "skipped": True}, "") is None


def test_the_page_says_what_fewer_labels_keep_and_how_sure_answers_are(
    project: Path, given: tuple[Params, Task]
) -> None:
    scores = project / "reports/evaluate/scores.csv"
    with scores.open("a") as file:
        for measure in ("macro_f1", "accuracy", "retained"):
            file.write(f"sqbc,48,{measure},0.91,0.85,0.97,3,288\n")
    row = {
        "low": 0.9,
        "high": 1,
        "texts": 50,
        "probability": 0.95,
        "right": 0.7,
        "ece": 0.21,
        "lowest": 0.2,
        "highest": 0.22,
        "by_chance": 0.03,
    }
    table(
        project / "reports/evaluate/reliability.csv",
        [{"arm": arm, "budget": "", **row} for arm in ("real", "synthetic")],
    )
    report.run(*given, "")
    found = unescape(page(project)).replace("\N{NO-BREAK SPACE}", " ")
    assert "nearest comes 48 chosen by SQBC (48 of 240 labels) with 91% (interval 85% to 97%)." in found
    assert re.search(
        r'<bdi>synthetic texts alone</bdi></th><td class="n">0.210</td><td class="n">0.200 to 0.220</td><td class="n">0.030</td>',
        found,
    )
    assert "synthetic texts alone: calibration error 0.21" in found
    assert re.search(r"tells the two apart", found)


def test_each_label_and_question_is_drawn_for_the_arms_compared_the_hardest_first(
    project: Path, given: tuple[Params, Task]
) -> None:
    f1 = {"transport": 0.9, "environment": 0.71, "housing": 0.8, "community": 0.75}
    rows = [
        {"label": label, "arm": arm, "budget": budget, "value": value - lost, "low": 0.5, "high": 0.95, "seeds": 3}
        for label, value in f1.items()
        for arm, budget, lost in (("real", "", 0), ("synthetic", "", 0.1), ("sqbc", "24", 0.2))
    ]
    table(project / "reports/evaluate/labels.csv", rows)
    report.run(*given, "")
    found = unescape(page(project)).replace("\N{NO-BREAK SPACE}", " ")
    drawn = found[found.index("How well each label is recognised") :].split("</figure>")[0]
    said = re.findall(r'<bdi>(\w+)</bdi> <span class="note">([^<]*)</span></span><span class="said"><b>([\d.]+)', drawn)
    assert said == [
        ("environment", "all labelled texts", "0.71"), ("environment", "synthetic texts alone", "0.61"),
        ("community", "all labelled texts", "0.75"), ("community", "synthetic texts alone", "0.65"),
        ("housing", "all labelled texts", "0.80"), ("housing", "synthetic texts alone", "0.70"),
        ("transport", "all labelled texts", "0.90"), ("transport", "synthetic texts alone", "0.80"),
    ]  # fmt: skip
    assert "interval 0.50 to 0.95" in drawn
    assert "How well each question is answered" not in found, "there is none"


def test_of_many_questions_the_hardest_are_drawn() -> None:
    rows = [
        {"question_id": f"q{n:02}", "arm": "real", "budget": "", "value": f"{n / 20}", "low": "0", "high": "1"}
        for n in range(1, 16)
    ]
    found = parts.drawing(rows, "question_id", {"q01": "More lanes?"}, {"real": ["real"]}, ["real"], 0.95)
    assert found is not None
    assert [row["name"] for row in found["rows"]] == ["More lanes?", *(f"q{n:02}" for n in range(2, 13))]
    assert found["caption"].endswith("3 further questions, better recognised, in the table.")
    assert parts.drawing(rows[:1], "question_id", {}, {"real": ["real"]}, ["real"], 0.95) is None
    assert parts.drawing([], "question_id", {}, {}, ["real"], 0.95) is None
