"""Parts of the page by themselves: what is drawn where, which words stand for which numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_report import SOURCES, compared, gone, scored

from standin.config import STRATEGY_EVIDENCE, load_params
from standin.corpus import Row, SelectedRow
from standin.errors import counted
from standin.report import beside, content, counts, curve, figures, lines, naming, plane
from standin.report.conclusions import conclusions
from standin.report.counts import label_cost
from standin.report.figures import agreement, scale
from standin.report.making import making, model_name, recorded_words
from standin.report.measured import placed, subjectivity, weakest
from standin.report.naming import MOST_FREQUENT
from standin.report.outcome import outcome
from standin.report.page import short

ROOT = Path(__file__).resolve().parents[1]


def test_numbers_have_their_noun_in_singular_or_plural_written_ranges_too() -> None:
    said = [counted(number, "text") for number in (0, 1, 2, 1200, "1", "0", "1,200", "310 to 342")]
    assert said == [
        "0 texts",
        "1 text",
        "2 texts",
        "1,200 texts",
        "1 text",
        "0 texts",
        "1,200 texts",
        "310 to 342 texts",
    ]
    assert [counted(number, "text is", "texts are") for number in (1, 2)] == ["1 text is", "2 texts are"]


# --- lines --------------------------------------------------------------------------------------------------------


def arm(name: str, value: float, labels: str | None, synthetic: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "low": value - 0.1, "high": value + 0.1, "synthetic": synthetic,
            "real_labels": labels}  # fmt: skip


def test_scores_stand_best_first_at_their_place_with_what_they_cost_in_labels() -> None:
    drawn = lines.scores(
        [arm("few", 0.25, "1"), arm("all", 0.75, "240"), arm("made", 0.5, "0", True), arm(MOST_FREQUENT, 0.1, None)],
        0.95,
    )
    assert [(row["name"], row["kind"], row["at"]) for row in drawn["rows"]] == [
        ("all", "without", "75.00%"), ("made", "with", "50.00%"), ("few", "without", "25.00%"), (MOST_FREQUENT, "floor", "10.00%"),
    ]  # fmt: skip
    notes = [row["note"].replace("\N{NO-BREAK SPACE}", " ") for row in drawn["rows"]]
    assert notes == ["240 labels", "no labels", "1 label", ""]
    assert (drawn["rows"][0]["left"], drawn["rows"][0]["right"]) == ("65.00%", "85.00%")
    assert "Rings" in drawn["caption"]
    assert "Rings" not in lines.scores([arm("made", 0.5, "0", True)], 0.95)["caption"]


def test_differences_stand_around_zero_and_the_corrected_verdict_is_their_word() -> None:
    rows = [
        {"said": "a", "difference": -0.2, "low": -0.24, "high": -0.1, "verdict_holm": "lower"},
        {"said": "b", "difference": 0.06, "low": 0.0, "high": 0.12, "verdict_holm": "no difference"},
    ]
    drawn = lines.differences(rows, 0.95)
    assert [(row["said"], row["under"], row["kind"]) for row in drawn["rows"]] == [
        ("−0.20", "worse", "clear"), ("+0.06", "may be chance", "open"),
    ]  # fmt: skip
    assert [row["at"] for row in drawn["rows"]] == ["16.67%", "60.00%"]
    assert [tick["said"] for tick in drawn["ticks"]] == ["−0.3", "−0.15", "0", "+0.15", "+0.3"]
    assert drawn["mark"] == "50.00%"


def test_shares_have_the_mark_of_real_texts_at_one_also_where_a_share_is_larger() -> None:
    rows = [{"name": "Variety", "note": "", "share": 0.73}, {"name": "Spread", "note": "", "share": 2.0}]
    assert lines.shares(rows[:1])["mark"] == "80.00%"
    drawn = lines.shares(rows)
    assert (drawn["mark"], drawn["rows"][1]["at"], drawn["rows"][1]["said"]) == ("50.00%", "100.00%", "200%")


def test_the_weakest_measure_is_named_and_texts_that_come_up_to_real_ones_are_not_blamed() -> None:
    rows = [{"name": "Variety", "share": 0.73}, {"name": "Spread", "share": 0.9}]
    assert weakest(rows) == "Compared with real texts they fall short the most in variety: 73%."
    assert weakest([{"name": "Spread", "share": 1.01}]) == "By all measures they come up to real texts."
    assert weakest([]) == ""


# --- conclusions --------------------------------------------------------------------------------------------------


def test_conclusions_say_what_was_done_at_the_largest_budget_and_what_reads_otherwise_elsewhere() -> None:
    rows = [
        compared("synthetic", "real", -0.2, -0.3, -0.1),
        compared("random_synthetic", "random", 0.2, 0.1, 0.3, budget="6"),
        compared("random_synthetic", "random", 0.0, -0.1, 0.1, budget="48"),
        compared("sqbc", "random", 0.0, -0.1, 0.1, "not learned", "48"),
    ]
    found, elsewhere = conclusions(rows, SOURCES, ["random", "sqbc"])
    assert [(row["said"], row["verdict_holm"]) for row in found] == [
        ("Synthetic texts alone instead of all labelled texts", "lower"),
        ("Synthetic texts added to 48 chosen at random", "no difference"),
    ]
    assert elsewhere.startswith("At other budgets: at 6, 6 chosen at random + synthetic scored higher than 6 chosen")


def test_arms_that_raise_no_question_are_concluded_on_as_they_were_compared() -> None:
    arms = {"real": ["real"], "shots": ["shots"]}
    found, elsewhere = conclusions([compared("shots", "real", -0.3, -0.4, -0.2)], arms, ["random"])
    assert [row["said"] for row in found] == ["The labelled examples instead of all labelled texts"]
    assert elsewhere == ""


STRATEGIES = {"random": ["random"], "sqbc": ["sqbc"], "cal": ["cal"]}


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["no difference"], ["Chosen by SQBC instead they reach 0.70, a difference that may be chance."]),
        (["higher"], ["Chosen by SQBC instead they reach 0.70, a clear gain."]),
        (["not learned"], []),
        (["no difference", "no difference"], ["Chosen by SQBC (0.70) or by CAL (0.60) instead, the differences may be chance."]),
        (["lower", "no difference"], ["Chosen by SQBC instead they reach 0.70, a clear loss.", "Chosen by CAL instead they reach 0.60, a difference that may be chance."]),
    ],
)  # fmt: skip
def test_the_outcome_says_what_a_strategy_changed_by_the_corrected_verdict(
    verdicts: list[str], said: list[str]
) -> None:
    rows = [compared(name, "random", 0.1, 0.01, 0.2, verdict) for name, verdict in zip(("sqbc", "cal"), verdicts)]  # noqa: B905
    scores = [{**row, "budget": ""} for row in scored(random=0.64, sqbc=0.7)] + [
        {"arm": "cal", "budget": "", "value": 0.6}
    ]
    assert outcome(scores, rows, {}, STRATEGIES, set())[1:] == said


# --- texts --------------------------------------------------------------------------------------------------------


def test_kinds_take_turns_so_that_none_hides_the_others() -> None:
    rows = [("a", i) for i in range(9)] + [("b", 0)] + [("c", i) for i in range(2)]
    assert content.by_turns(rows, lambda row: row[0], 5) == [("a", 0), ("b", 0), ("c", 0), ("a", 4), ("c", 1)]
    assert content.by_turns([], str, 5) == []


def test_a_long_text_says_how_much_of_it_is_left_out() -> None:
    assert content.shortened("word " * 3) == "word " * 3
    assert content.shortened("x" * 701) == "x" * 700 + " … (1 character more)"


def test_every_fate_of_a_planned_text_has_a_meaning_and_its_part_of_the_bar() -> None:
    flow = content.flow(["a"] * 4, [], [gone(f"r{i}", "a", reason) for i, reason in enumerate(("refused", "off_task", "duplicate", "refused"))])  # fmt: skip
    found = content.fates(flow)
    assert [(fate["name"], fate["number"], fate["left"], fate["width"]) for fate in found] == [
        ("kept", 0, "0.00%", "0.00%"), ("refused", 2, "0.00%", "50.00%"), ("off task", 1, "50.00%", "25.00%"),
        ("duplicate", 1, "75.00%", "25.00%"),
    ]  # fmt: skip
    assert set(content.MEANINGS) == set(content.REASONS)
    row = replace(gone("r1", "a", "judged_wrong"), score=0.251)
    assert content.why(row) == "judged wrong: the judge gave it another label than was asked for (similarity 0.25)"


def test_of_many_labels_the_commonest_confusions_are_listed_instead_of_a_table() -> None:
    labels = [f"l{i}" for i in range(9)]
    rows = [{"arm": "real", "label": "l1", "predicted": "l2", "count": 6}, {"arm": "real", "label": "l1", "predicted": "l1", "count": 2},
            {"arm": "real", "label": "l3", "predicted": "l2", "count": 7}]  # fmt: skip
    (found,) = content.confusions(rows, labels, ["real", "synthetic"], SOURCES)
    assert found["errors"] == [("l3", "l2", 7, 1.0), ("l1", "l2", 6, 0.75)]
    assert found["rows"] == []
    (table,) = content.confusions(rows, labels[:4], ["real"], SOURCES)
    assert table["rows"][0] == ("l0", [(0, 0.0)] * 4)
    assert table["rows"][1] == ("l1", [(0, 0.0), (2, 0.25), (6, 0.75), (0, 0.0)])


def test_a_table_of_few_numbers_has_no_idle_zeros() -> None:
    assert [short(value) for value in (40.0, 0.7, 0.0, 0.325, 168, 1200.0, "1.0", None)] == ["40", "0.7", "0", "0.325", "168", "1200", "1.0", "–"]  # fmt: skip


def test_labels_cost_from_the_cheapest_classifier_to_the_dearest_and_those_that_test_all() -> None:
    behind = {("a", ""): {"real_labels": "0"}, ("b", "48"): {"real_labels": "310 to 1,342"}}
    assert label_cost(behind, {"test": 288, "validation": 48}) == (
        "0 to 1,342", "for a classifier's training; 336 more to validate and test all of them",
    )  # fmt: skip
    assert label_cost({}, {}) == ("0", "for training")


# --- making -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("smollm2-135m-instruct", "smollm2-135m-instruct"),
        ("mistralai/Mistral-7B", "mistralai/Mistral-7B"),
        ("/home/me/models/own", "own"),
        ("~/models/own", "own"),
        ("../models/own", "own"),
        ("./models/own", "own"),
        (r"C:\Users\me\own", "own"),
    ],
)
def test_a_model_is_called_by_its_name_and_never_by_a_path_of_a_machine(model: str, said: str) -> None:
    assert model_name(model) == said


def drawn(**changes: Any) -> dict[str, Any]:
    return {"recorded": {"texts": 50, "drawn": 48, "models": "gpt-4o 48", "with_prompt": 0, "with_seeds": 0} | changes}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (drawn(), "48 recorded texts of gpt-4o (of 50), drawn by seed 1; nothing was sent to a model for them"),
        (drawn(texts=48), "48 recorded texts of gpt-4o, all there are; nothing was sent to a model for them"),
        (drawn(models="unknown 48"), "48 recorded texts (of 50), drawn by seed 1; nothing was sent to a model for them"),
        (drawn(models="/data/me/llama 8, unknown 40", with_prompt=48, with_seeds=8), "48 recorded texts (8 of llama, 40 of an unknown model), drawn from 50 by seed 1; the prompts of all are known; the real texts behind 8 are known; nothing was sent to a model for them"),
        (drawn(drawn=1, models="a model, of 2 parts 1"), "1 recorded text of a model, of 2 parts (of 50), drawn by seed 1; nothing was sent to a model for them"),
        ({}, "recorded texts, written elsewhere; nothing was sent to a model for them"),
    ],
)  # fmt: skip
def test_recorded_texts_are_told_by_how_many_of_how_many_whose_and_how_drawn(
    metrics: dict[str, Any], said: str
) -> None:
    assert recorded_words(load_params(ROOT), metrics) == said


def test_the_classifier_of_a_folder_is_told_without_its_path() -> None:
    params = load_params(ROOT)
    tuned = params.finetune.model_copy(update={"encoder": "/home/me/encoder", "frozen_layers": 1})
    generated = {"changes": {}, "cut_by_length": 1, "tokens_in": 2, "tokens_out": 3}
    rows = dict(making(params.model_copy(update={"finetune": tuned}), generated, {"pool": 240, "test": 1})["rows"])
    assert rows["Classifier"].startswith("encoder, 3 passes")
    assert "1 lower layer frozen" in rows["Classifier"]
    assert rows["Real texts"] == "240 to choose from (pool), 1 to test"
    without = params.model_copy(update={"arms": {"real": ["real", "ngrams"], "asked": ["llm"]}})
    assert dict(making(without, generated, {"pool": 240})["rows"])["Classifier"] == "no encoder"


# --- subjectivity -------------------------------------------------------------------------------------------------


def slope(value: float, low: float) -> dict[str, Any]:
    return {"name": "a", "value": value, "low": low, "high": value + 1, "texts": 60.0}


def test_bounds_of_the_agreement_are_told_as_lower_bounds_in_words_rows_and_figure() -> None:
    metrics = {"texts": 60, "source": "agreement_bands", "mean_agreement_at_least": 0.78}
    found = subjectivity(metrics, [slope(1.2, 0.3)])
    assert found["said"][0] == "At least 78% of the people give a text the same label, on average."
    assert "this is a lower bound; there is no Krippendorff's alpha" in found["said"][1]
    assert [name for name, _ in found["rows"]] == [
        "Mean agreement, at least (a lower bound)", "Texts with a bound of their agreement",
    ]  # fmt: skip
    points = [{"name": "real", "gamma": gamma, "accuracy": 0.5, "texts": 9} for gamma in (0.5, 1.0)]
    drawn = agreement(points, "the annotators", bounds=True)
    assert "agreement known to be at least" in drawn.svg
    assert "lower bounds" in drawn.caption
    assert "lower bounds" in drawn.alt
    assert "bound" not in agreement(points, "the annotators").caption


ORDER = [
    {"task": "news_topic", "place": "1", "subjectivity": "-1.5", "low": "-2.5", "high": "-0.5", "paper_stars": "1"},
    {"task": "mine", "place": "2", "subjectivity": "0.25", "low": "-0.5", "high": "1.0", "paper_stars": ""},
    {"task": "humor", "place": "3", "subjectivity": "1.25", "low": "0.5", "high": "2.0", "paper_stars": "5"},
]


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ("people", "people"),
        ("llm_panel", "an LLM panel (a stand-in for people)"),
        ("llm_judgements", "models that answered in people's stead"),
    ],
)
def test_the_scale_says_alone_whose_ranking_it_is_and_which_task_is_meant(source: str, who: str) -> None:
    found = placed([{**row, "source": source} for row in ORDER])
    assert found is not None
    drawn = scale(*found)
    for told in ("2. mine (this task)", "1. news_topic", "paper: 5 of 5", "more objective", "more subjective"):
        assert told in drawn.svg
    for said in (drawn.svg, drawn.alt, drawn.caption):
        assert who in said.replace("&#39;", "'")
    assert "mine (this task) 0.25 (-0.50 to 1.00)" in drawn.alt
    assert drawn.svg.index("1. news_topic") < drawn.svg.index("2. mine") < drawn.svg.index("3. humor")


def test_without_a_ranking_there_is_no_scale() -> None:
    assert placed([]) is None


def test_a_ranking_by_people_is_told_as_theirs() -> None:
    worth = {"place": 3, "tasks_compared": 11, "spearman_random_95": 0.64, "place_source": "people"}
    good = subjectivity({**worth, "spearman_with_paper": 0.9}, [])
    assert good["said"] == [
        "People rank the paper's tasks by subjectivity much as the paper's crowd workers do (rank correlation 0.90; 95% of "
        "random rankings stay within 0.64 of 0), and put this task at place 3 of 11, 1 the most objective."
    ]
    assert good["rows"] == [("Place among the tasks compared, 1 the most objective (people)", 3)]
    (vague,) = subjectivity({**worth, "spearman_with_paper": 0.1}, [])["said"]
    assert vague.startswith("This task's place among the paper's tasks is no evidence: people rank those no more like")
    (panel,) = subjectivity({**worth, "spearman_with_paper": 0.9, "place_source": "llm_panel"}, [])["said"]
    assert panel.startswith("The panel ranks the paper's tasks")


def test_the_level_of_measurement_is_told_beside_alpha() -> None:
    metrics = {"texts": 6, "source": "annotators", "mean_agreement": 0.78, "krippendorff_alpha": 0.456, "measurement": "ordinal"}  # fmt: skip
    assert "(Krippendorff's alpha of ordinal labels 0.46: 0 is chance" in subjectivity(metrics, [])["said"][0]


def test_agreement_is_told_with_its_size_and_with_what_it_is_worth() -> None:
    metrics = {"texts": 60, "source": "annotators", "mean_agreement": 0.78, "krippendorff_alpha": 0.456}
    said = subjectivity(metrics, [slope(1.2, 0.3), slope(0.4, -0.2), slope(-0.1, -0.5)])["said"]
    assert said == [
        "On average 78% of the people give a text the same label (Krippendorff's alpha 0.46: 0 is chance, 1 full agreement).",
        "Several people labelled 60 test texts each.",
        "So one of them alone gives the majority's label on 78% of the texts: a classifier's accuracy is to be read against that.",
        "Where people agree, 2 of 3 classifiers are right more often, 1 of them clearly.",
    ]
    vague = subjectivity(metrics, [slope(0.2, -0.3)])["said"][-1]
    assert vague == (
        "That says little of which texts classifiers get right: where people agree, 1 of 1 classifier is right more "
        "often, none of them clearly."
    )


def test_the_plane_has_a_panel_for_every_question_and_strategy_with_the_chosen_texts_on_top() -> None:
    rows = [Row(id=name, text=name, question_id=question) for name, question in (("r1", "q"), ("r2", "q"), ("r3", "p"))]
    rows.append(Row(id="s1", text="s1", question_id="q"))
    projected = [
        {"id": name, "kind": "synthetic" if name == "s1" else "real", "x": "0.1", "y": "-0.2"}
        for name in ("r1", "r2", "r3", "s1", "gone")
    ]
    ranking = [
        SelectedRow(seed=1, budget=1, rank=1, id="r1", score=0.5, question_id="q"),
        SelectedRow(seed=1, budget=1, rank=2, id="r2", score=0.4, question_id="q"),
        SelectedRow(seed=2, budget=1, rank=1, id="r2", score=0.4, question_id="q"),
        SelectedRow(seed=1, budget=1, rank=1, id="r3", score=0.4, question_id="p"),
    ]
    found = plane.points(projected, {"sqbc": ranking}, rows, {"q": "Trams?", "p": "Parks?"}, seed=1, budget=1)
    assert [(one["panel"], one["kind"], one["id"]) for one in found] == [
        ("Trams?, by SQBC", "real", "r2"),
        ("Trams?, by SQBC", "synthetic", "s1"),
        ("Trams?, by SQBC", "selected", "r1"),
        ("Parks?, by SQBC", "selected", "r3"),
    ]
    assert (found[0]["x"], found[0]["y"]) == (0.1, -0.2)
    figure = figures.selection(found)
    assert ">Trams?, by SQBC<" in figure.svg
    assert "Trams?, by SQBC: 1 selected" in figure.alt


def test_questions_of_the_same_words_have_panels_of_their_own() -> None:
    rows = [Row(id=name, text=name, question_id=name) for name in ("q", "p")]
    projected = [{"id": name, "kind": "real", "x": "0", "y": "0"} for name in ("q", "p")]
    found = plane.points(projected, {"cal": []}, rows, {"q": "Trams?", "p": "Trams?"}, seed=1, budget=1)
    assert [one["panel"] for one in found] == ["Trams? (q), by CAL", "Trams? (p), by CAL"]


def test_a_task_without_questions_has_a_panel_for_each_strategy() -> None:
    rows = [Row(id="r1", text="a")]
    projected = [{"id": "r1", "kind": "real", "x": "0", "y": "0"}]
    ranking = [SelectedRow(seed=1, budget=1, rank=1, id="r1", score=0.0)]
    found = plane.points(projected, {"random": ranking, "cal": []}, rows, {}, seed=1, budget=1)
    assert [(one["panel"], one["kind"]) for one in found] == [("by CAL", "real"), ("at random", "selected")]
    assert plane.points(projected, {}, rows, {}, seed=1, budget=1) == []


def test_distributions_are_drawn_where_both_kinds_have_one() -> None:
    bars = [
        {"kind": kind, "low": low, "high": high, "share": share}
        for kind, shares in (("real", ("0.25", "0.75")), ("synthetic", ("1.0", "0.0")))
        for (low, high), share in zip((("3", "5"), ("5", "7")), shares, strict=True)
    ]
    labels = [{"kind": kind, "label": "pro", "texts": "2", "share": "0.5"} for kind in ("real", "synthetic")]
    drawn = beside.pictures({"lengths": bars, "nearest": bars[:2], "labels": labels}, "en")
    assert [name for name, (_, figure) in drawn.items() if figure] == ["lengths", "labels"]
    figure = drawn["lengths"][1]
    assert figure is not None
    assert "words a text" in figure.svg
    assert figure.alt == "words a text, histogram. real: half below 7; synthetic: half below 5."
    shown = beside.pictures({"lengths": bars, "nearest": [], "labels": []}, "zh")["lengths"][1]
    assert shown is not None
    assert "characters a text" in shown.svg
    empty = beside.pictures({name: [] for name in beside.TABLES}, "en")
    assert not any(figure for _, figure in empty.values())


# What fewer labels keep


def kept_of(arm: str, labels: str | None, value: float, low: float, high: float) -> dict[str, Any]:
    return {
        "name": arm,
        "synthetic": "synthetic" in arm,
        "labels": labels,
        "whole": "240",
        "value": value,
        "low": low,
        "high": high,
    }


def test_the_fewest_labels_that_surely_keep_it_are_named() -> None:
    rows = [
        kept_of("SQBC", "48", 0.97, 0.96, 0.99),
        kept_of("SQBC + synthetic", "24", 0.96, 0.95, 1.0),
        kept_of("random", "12", 0.96, 0.94, 1.0),
    ]
    assert lines.saved(rows, 0.95).replace("\N{NO-BREAK SPACE}", " ") == (
        "With 10% of the labels (24 of 240 labels), SQBC + synthetic keeps 96% of what all labelled texts reach (95% "
        "interval 95% to 100%)."
    )


def test_counts_are_read_as_the_page_writes_them() -> None:
    rows = [{**kept_of("SQBC", "1,190 to 1,200", 0.97, 0.96, 0.99), "whole": "2,400"}]
    assert lines.saved(rows, 0.95).replace("\N{NO-BREAK SPACE}", " ").startswith(
        "With 50% of the labels (1,190 to 1,200 of 2,400 labels), SQBC keeps 97%"
    )  # fmt: skip
    assert lines.retained(rows, 0.95)["rows"][0]["note"].startswith("1,190")


def test_where_none_surely_keeps_it_the_nearest_is_named_and_no_winner() -> None:
    rows = [
        kept_of("SQBC", "48", 0.99, 0.80, 1.2),
        kept_of("random", "24", 0.93, 0.90, 0.96),
        kept_of("whole again", "240", 1.0, 1.0, 1.0),
    ]
    said = lines.saved(rows, 0.95).replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith(
        "Nothing with fewer labels surely keeps 95% of what all labelled texts reach; nearest comes random (24 of"
    )
    assert said.endswith("with 93% (interval 90% to 96%).")
    assert (
        lines.saved([kept_of("whole again", "240", 1.0, 1.0, 1.0), kept_of("unknown", None, 1.0, 1.0, 1.0)], 0.95) == ""
    )


def test_the_figure_of_what_is_kept_has_a_line_at_all_of_it_and_says_the_labels() -> None:
    drawn = lines.retained([kept_of("random", "0", 0.5, 0.4, 0.6), kept_of("synthetic", "1200", 1.5, 1.25, 1.875)], 0.9)
    assert [row["name"] for row in drawn["rows"]] == ["synthetic", "random"]
    assert [row["note"].replace("\N{NO-BREAK SPACE}", " ") for row in drawn["rows"]] == [
        "1200 of 240 labels",
        "0 of 240 labels",
    ]
    assert (drawn["mark"], drawn["rows"][0]["right"], drawn["rows"][1]["at"]) == ("53.33%", "100.00%", "26.67%")


def test_rows_of_what_is_kept_know_the_labels_behind_them() -> None:
    arms = {"real": ["real"], "sqbc": ["sqbc", "synthetic"]}
    behind = {
        ("real", ""): {"real_labels": "240"},
        ("sqbc", "6"): {"real_labels": "9"},
        ("gone", ""): {"real_labels": "1"},
    }
    (row,) = content.retained_rows(
        [{"arm": "sqbc", "budget": "6", "value": 0.9, "low": 0.8, "high": 1.0}], arms, behind
    )
    assert (row["name"], row["labels"], row["whole"], row["synthetic"]) == (
        "6 chosen by SQBC + synthetic",
        "9",
        "240",
        True,
    )


def reached(name: str, budget: str, value: float) -> dict[str, Any]:
    return {"name": name, "budget": budget, "value": value, "low": value - 0.05, "high": value + 0.05}


def test_the_curve_has_a_line_for_each_way_to_choose_and_a_level_for_what_needs_no_choice() -> None:
    rows = [
        reached("chosen by SQBC", "24", 0.6),
        reached("chosen by SQBC", "48", 0.7),
        reached("synthetic texts alone", "", 0.55),
        reached("chosen at random", "24", 0.58),
        reached("chosen at random", "48", 0.66),
    ]
    figure = curve.by_budget(rows, 0.95)
    assert figure is not None
    assert figure.alt == (
        "Macro-F1 by the number of texts selected: chosen by SQBC: 0.60 at 24, 0.70 at 48; "
        "chosen at random: 0.58 at 24, 0.66 at 48; synthetic texts alone: 0.55."
    )
    assert "further" not in figure.caption
    assert all(word in figure.svg for word in ("texts selected and labelled", "macro-F1", "synthetic texts alone"))


def test_the_curve_s_axis_speaks_of_questions_where_there_are_several() -> None:
    rows = [reached("chosen at random", budget, 0.6) for budget in ("24", "48")]
    axes = [curve.by_budget(rows, 0.95, several_questions=several) for several in (True, False)]
    assert ["per question" in figure.svg for figure in axes if figure] == [True, False]


def test_of_many_arms_the_curve_shows_those_with_budgets_first_and_counts_the_others() -> None:
    rows = [reached(f"level {number}", "", 0.5) for number in range(6)]
    rows += [reached("chosen at random", budget, 0.6) for budget in ("24", "48")]
    figure = curve.by_budget(rows, 0.95)
    assert figure is not None
    assert "chosen at random: 0.60 at 24" in figure.alt
    assert figure.caption.endswith("1 further arm stands in the table.")


def test_one_budget_is_no_curve() -> None:
    assert curve.by_budget([reached("chosen at random", "48", 0.6), reached("synthetic", "", 0.5)], 0.95) is None


def test_a_synthetic_pool_earlier_labels_and_every_strategy_are_told() -> None:
    strategies = {name: {"labelled_before": 12} for name in STRATEGY_EVIDENCE}
    notes = " ".join(counts.selection_notes(strategies, 2, synthetic=True))
    for word in ("among the synthetic ones", "12 texts were labelled in earlier rounds", "Margin sampling", "Coverage (k-centre",
                 "SQBC with diversity (ours)", "Sampled:", "SQBC (Wagner", "CAL (Margatina"):  # fmt: skip
        assert word in notes
    for name in STRATEGY_EVIDENCE:
        assert name in naming.STRATEGIES
        assert name == "random" or name in naming.MEANINGS
