import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from standin.config import STRATEGY_EVIDENCE, parse_params
from standin.corpus import ArmRow, Row, SelectedRow, SyntheticRow, read_rows, write_rows
from standin.errors import StandinError
from standin.labelling.labels import Labelled, digest
from standin.labelling.labels import write_labels as write_labels_of
from standin.stages import arms
from standin.stages.runner import restrict, restrict_task
from standin.task import Task, load_task

DECLARED = {"arms", "generator.shots", "verify.by", "verify.remove", "select.pool", "select.budgets", "select.labels",
            "finetune.seeds", "base.task", "runtime"}  # fmt: skip
ORACLE = Path("data/real/oracle.jsonl")
PEOPLE = Path("data/labels/me.jsonl")
# The pool p1 ... p4; its labels by turns.
TRUTH = {"p1": "transport", "p2": "housing", "p3": "transport", "p4": "community"}
RANKED = {1: ["p3", "p1", "p4", "p2"], 2: ["p2", "p3", "p1", "p4"]}


def task() -> Task:
    return restrict_task(load_task("city-topics", Path(__file__).parents[1]), {"labels"})


def run(
    arm: dict[str, list[str]],
    *,
    labels: Path = ORACLE,
    budgets: Sequence[float] = (1, 3),
    select_pool: str = "real",
    **groups: Any,
) -> Any:
    strategies = {name: {"evidence": evidence} for name, evidence in STRATEGY_EVIDENCE.items()}
    raw = {
        "select": {"strategies": strategies, "budgets": list(budgets), "labels": str(labels), "pool": select_pool},
        "arms": arm,
        "finetune": {"seeds": [1, 2]},
        **groups,
    }
    return arms.run(restrict(parse_params(raw), DECLARED), task(), "")


def ids(arm: str, seed: int, budget: int | None) -> list[str]:
    rows = read_rows(Path(f"data/arms/{arm}.jsonl"), ArmRow)
    return [row.id for row in rows if (row.seed, row.budget) == (seed, budget)]


def synthetic(identifier: str, label: str, **more: Any) -> SyntheticRow:
    return SyntheticRow(
        id=identifier,
        text=f"{identifier} text",
        label=label,
        plan_id=identifier,
        shots=0,
        engine="e",
        model="m",
        **more,
    )


def write_selected(strategy: str, ranked: dict[int, list[str]] = RANKED, question: str | None = None) -> None:
    rows = [
        SelectedRow(seed=seed, budget=budget, rank=rank, id=name, score=-float(rank), question_id=question)
        for seed, order in ranked.items()
        for budget in (1, 3)
        for rank, name in enumerate(order, 1)
    ]
    write_rows(Path(f"data/selected/{strategy}.jsonl"), rows)


def write_labels(path: Path, labels: dict[str, str | None]) -> None:
    write_rows(path, [Row(id=name, text=f"Text {name}", label=label) for name, label in labels.items()])


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_labels(Path("data/real/pool.jsonl"), dict.fromkeys(TRUTH))
    write_labels(ORACLE, dict(TRUTH))
    write_rows(Path("data/real/test.jsonl"), [])
    write_rows(Path("data/real/shots.jsonl"), [Row(id="s1", text="Shöt", label="housing", split="shots")])
    write_rows(
        Path("data/synthetic/texts.jsonl"),
        [synthetic("g1", "environment", judged_label="housing"), synthetic("g2", "housing")],
    )
    write_selected("random")
    write_selected("sqbc", {1: ["p4", "p3", "p2", "p1"], 2: ["p1", "p2", "p3", "p4"]})


def test_real_is_the_whole_pool_with_its_labels_for_every_seed() -> None:
    run({"real": ["real"]})
    rows = read_rows(Path("data/arms/real.jsonl"), ArmRow)
    assert [(row.seed, row.budget, row.id, row.label) for row in rows] == [
        (seed, None, name, label) for seed in (1, 2) for name, label in TRUTH.items()
    ]
    assert rows[0].text == "Text p1"


def test_synthetic_texts_keep_the_label_they_were_asked_for() -> None:
    run({"synthetic": ["synthetic"]})
    rows = read_rows(Path("data/arms/synthetic.jsonl"), ArmRow)
    assert [(row.id, row.label, row.text) for row in rows[:2]] == [
        ("g1", "environment", "g1 text"),
        ("g2", "housing", "g2 text"),
    ]
    assert len(rows) == 4


def test_a_strategy_takes_the_first_ranks_of_each_seed_at_each_budget() -> None:
    run({"random": ["random"]})
    assert ids("random", 1, 1) == ["p3"]
    assert ids("random", 1, 3) == ["p3", "p1", "p4"]
    assert ids("random", 2, 1) == ["p2"]
    assert ids("random", 2, 3) == ["p2", "p3", "p1"]
    rows = read_rows(Path("data/arms/random.jsonl"), ArmRow)
    assert all(row.label == TRUTH[row.id] for row in rows)
    assert [(row.seed, row.budget) for row in rows] == [(1, 1), *[(1, 3)] * 3, (2, 1), *[(2, 3)] * 3]


def test_sources_stand_in_the_order_in_which_the_arm_names_them() -> None:
    run({"one": ["synthetic", "random", "shots"], "other": ["shots", "random", "synthetic"]})
    assert ids("one", 1, 3) == ["g1", "g2", "p3", "p1", "p4", "s1"]
    assert ids("other", 1, 3) == ["s1", "p3", "p1", "p4", "g1", "g2"]


def test_a_text_of_two_sources_appears_once_at_its_first_place() -> None:
    run({"both": ["random", "sqbc"], "all": ["real", "random"]})
    assert ids("both", 1, 3) == ["p3", "p1", "p4", "p2"]  # random: p3 p1 p4, sqbc: p4 p3 p2
    assert ids("all", 2, 1) == ["p1", "p2", "p3", "p4"]


def counted(arm: str, column: str) -> dict[tuple[str, str, str], int]:
    """(budget, seed, question) -> the column's sum over labels."""
    found: Counter[tuple[str, str, str]] = Counter()
    with Path("reports/arms/texts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["arm"] == arm:
                found[row["budget"], row["seed"], row["question_id"]] += int(row[column])
    return dict(found)


def test_every_budget_has_its_own_counts() -> None:
    run({"random_synthetic": ["random", "synthetic"], "real": ["real"]})
    assert counted("random_synthetic", "texts") == {(b, s, ""): 2 + int(b) for b in "13" for s in "12"}
    assert counted("random_synthetic", "generated") == {(b, s, ""): 2 for b in "13" for s in "12"}
    assert counted("random_synthetic", "real_labels") == {(b, s, ""): int(b) for b in "13" for s in "12"}
    assert counted("real", "texts") == {("", s, ""): 4 for s in "12"}


def test_with_questions_each_classifiers_own_texts_are_counted() -> None:
    of = {"p1": "bikes", "p2": "bikes", "p3": "rents", "p4": "rents"}
    pool = [Row(id=name, text=f"Text {name}", question_id=q, question=q) for name, q in of.items()]
    write_rows(Path("data/real/pool.jsonl"), pool)
    write_rows(
        Path("data/real/shots.jsonl"),
        [Row(id=f"s{n}", text=f"Shot {n}", label="housing", question_id="bikes", question="bikes") for n in range(3)],
    )
    texts = [
        synthetic(f"g{n}", "housing", question_id=q, question=q) for n, q in enumerate(["bikes", "bikes", "rents"])
    ]
    write_rows(Path("data/synthetic/texts.jsonl"), texts)
    metrics = run({"real": ["real"], "synthetic": ["synthetic"]}, generator={"shots": 2})
    assert counted("real", "texts") == {("", s, q): 2 for s in "12" for q in ("bikes", "rents")}
    assert counted("synthetic", "texts") == {("", s, q): n for s in "12" for q, n in (("bikes", 2), ("rents", 1))}
    assert counted("synthetic", "real_labels") == {("", s, q): n for s in "12" for q, n in (("bikes", 3), ("rents", 0))}
    assert metrics["arm_texts"] == {"real": 2, "synthetic": 1.5}, "per classifier, not summed over questions"


SHOWN = {"generator": {"shots": 1}}
JUDGED = {"verify": {"by": "classifier", "remove": True}}


@pytest.mark.parametrize(
    ("groups", "synthetic_arm", "sqbc", "cal", "random", "mixed"),
    [
        ({}, 0, 3, 3, 3, 3),
        (SHOWN, 1, 4, 4, 3, 4),
        (JUDGED, 1, 4, 4, 3, 4),
        ({"verify": {"by": "classifier", "remove": False}}, 0, 3, 3, 3, 3),
        ({"verify": {"by": "llm", "remove": True}}, 0, 3, 3, 3, 3),
        (SHOWN | JUDGED, 1, 4, 4, 3, 4),
    ],
)
def test_the_shots_behind_synthetic_texts_are_labels_that_an_arm_costs(
    groups: dict[str, Any], synthetic_arm: int, sqbc: int, cal: int, random: int, mixed: int
) -> None:
    write_selected("cal")
    arms_of = {"a": ["synthetic"], "b": ["sqbc"], "c": ["cal"], "d": ["random"], "e": ["random", "synthetic"]}
    run(arms_of | {"shots": ["shots"], "both": ["shots", "synthetic"]}, **groups)
    found = {name: max(counted(name, "real_labels").values()) for name in [*arms_of, "shots", "both"]}
    assert list(found.values())[:5] == [synthetic_arm, sqbc, cal, random, mixed]
    assert (found["shots"], found["both"]) == (1, 1), "an arm that trains on shots counts them once"


def test_metrics_count_texts_and_labels_per_classifier_at_the_largest_budget() -> None:
    metrics = run({"random_synthetic": ["random", "synthetic"], "real": ["real"]})
    assert metrics == {
        "arm_texts": {"random_synthetic": 5, "real": 4},
        "arm_synthetic_texts": {"random_synthetic": 2, "real": 0},
        "arm_real_labels": {"random_synthetic": 3, "real": 4},
        "arm_labels": {  # seed 1 selects p3, p1, p4, seed 2 selects p2, p3, p1
            "random_synthetic": {"transport": 2, "environment": 1, "housing": 1.5, "community": 0.5},
            "real": {"transport": 2, "environment": 0, "housing": 1, "community": 1},
        },
        "arm_skipped": {"random_synthetic": False, "real": False},
    }


def test_equal_inputs_give_equal_bytes() -> None:
    path = Path("data/arms/a.jsonl")
    run({"a": ["random", "synthetic"]})
    first = path.read_bytes()
    run({"a": ["random", "synthetic"]})
    assert path.read_bytes() == first


def test_files_of_sources_that_no_arm_names_may_be_absent() -> None:
    for path in ("data/real/shots.jsonl", "data/synthetic/texts.jsonl", "data/selected/sqbc.jsonl"):
        Path(path).unlink()
    run({"random": ["random"]})
    assert ids("random", 2, 1) == ["p2"]


def test_the_question_travels_with_its_texts() -> None:
    asked = {"question_id": "bikes", "question": "More lanes?"}
    write_rows(Path("data/real/pool.jsonl"), [Row(id=name, text=f"Text {name}", **asked) for name in TRUTH])
    write_selected("random", question="bikes")
    write_rows(Path("data/synthetic/texts.jsonl"), [synthetic("g1", "housing", **asked)])
    run({"a": ["random", "synthetic"]})
    rows = read_rows(Path("data/arms/a.jsonl"), ArmRow)
    assert {(row.question_id, row.question) for row in rows} == {("bikes", "More lanes?")}


# Parts of sources, texts of another question, and arms that learn from no text


def test_a_part_of_a_source_is_the_same_for_every_arm_and_lies_in_the_larger_ones() -> None:
    texts = [synthetic(f"g{n:02}", ["housing", "transport"][n % 2]) for n in range(20)]
    write_rows(Path("data/synthetic/texts.jsonl"), texts)
    run({"few": ["synthetic:4"], "more": ["synthetic:10"], "both": ["random", "synthetic:4"], "all": ["synthetic:99"]})
    for seed in (1, 2):
        few = ids("few", seed, None)
        assert few == ids("more", seed, None)[:4]
        assert few == ids("both", seed, 3)[3:]
        assert sorted(ids("all", seed, None)) == [row.id for row in texts]
    assert ids("few", 1, None) != ids("few", 2, None)
    labels = Counter(row.label for row in read_rows(Path("data/arms/few.jsonl"), ArmRow))
    assert labels == {"housing": 4, "transport": 4}
    assert counted("few", "texts") == {("", s, ""): 4 for s in "12"}


def test_as_many_real_texts_as_another_source_has() -> None:
    run({"equal": ["real:synthetic"], "shots": ["real:shots"]})
    assert {len(ids("equal", seed, None)) for seed in (1, 2)} == {2}
    assert ids("shots", 1, None) == ids("equal", 1, None)[:1]
    assert counted("equal", "real_labels") == {("", s, ""): 2 for s in "12"}


def test_as_many_texts_as_another_source_has_of_the_same_question_and_only_labelled_ones_count() -> None:
    """Of bikes people labelled two texts, of rents none: as many synthetic ones are taken, and no others."""
    asked = {q: {"question_id": q, "question": f"{q}?"} for q in ("bikes", "rents")}
    pool = [Row(id=f"{q}{n}", text=f"Text {q}{n}", **asked[q]) for q in asked for n in range(4)]
    write_rows(Path("data/real/pool.jsonl"), pool)
    write_labels(PEOPLE, {"bikes1": "housing", "bikes2": "transport"})
    texts = [synthetic(f"g{q}{n}", "housing", **asked[q]) for n in range(5) for q in ("rents", "bikes")]
    write_rows(Path("data/synthetic/texts.jsonl"), texts)
    run({"equal": ["synthetic:real"], "few": ["synthetic:2"]}, labels=PEOPLE)
    equal = ids("equal", 1, None)
    assert [name[:-1] for name in equal] == ["gbikes"] * 2
    assert equal == [name for name in ids("few", 1, None) if name.startswith("gbikes")]
    assert [name[:-1] for name in ids("few", 1, None)] == ["grents"] * 2 + ["gbikes"] * 2, "in the source's order"


def test_which_part_of_the_pool_is_drawn_does_not_depend_on_its_labels() -> None:
    names = [f"p{n:02}" for n in range(20)]
    write_labels(Path("data/real/pool.jsonl"), dict.fromkeys(names))
    drawn = []
    for every in (2, 5):
        write_labels(ORACLE, {name: "housing" if n % every else "transport" for n, name in enumerate(names)})
        run({"part": ["real:6"]})
        drawn.append([ids("part", seed, None) for seed in (1, 2)])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("source", ["synthetic", "shots", "labelled"])
def test_only_parts_of_the_pool_are_one_for_all_seeds_where_people_label(source: str) -> None:
    """Texts whose labels are there already ask nobody for more: every seed draws anew."""
    names = [f"p{n:02}" for n in range(20)]
    write_labels(Path("data/real/pool.jsonl"), dict.fromkeys(names))
    write_labels(PEOPLE, dict.fromkeys(names, "housing"))
    write_labels(Path("data/real/shots.jsonl"), dict.fromkeys(names, "housing"))
    write_rows(Path("data/synthetic/texts.jsonl"), [synthetic(name, "housing") for name in names])
    run({"few": [f"{source}:4"], "pool": ["real:4"]}, labels=PEOPLE)
    assert ids("few", 1, None) != ids("few", 2, None)
    assert ids("pool", 1, None) == ids("pool", 2, None)


def test_a_part_larger_than_its_source_is_said_once_an_arm(capsys: pytest.CaptureFixture[str]) -> None:
    run({"huge": ["synthetic:100000", "real:3"], "whole": ["synthetic:2", "real:synthetic"]})
    assert capsys.readouterr().out.count(" is all ") == 1
    run({"huge": ["synthetic:100000", "real:3"], "equal": ["synthetic:real"]})
    said = capsys.readouterr().out
    assert said.count("arms: huge: synthetic:100000 is all 2 texts\n") == 1
    assert said.count("arms: equal: synthetic:real is all 2 texts, where real has 4\n") == 1


def test_a_part_larger_than_its_source_is_said_with_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [synthetic(f"{q}{n}", "housing", question_id=q, question=f"{q}?") for q in ("bikes", "rents")
             for n in range(1 if q == "rents" else 3)]  # fmt: skip
    write_rows(Path("data/synthetic/texts.jsonl"), texts)
    run({"few": ["synthetic:2"]})
    said = [line for line in capsys.readouterr().out.splitlines() if " is all " in line]
    assert said == ["arms: few: synthetic:2 is all 1 text of question 'rents'"]


def test_people_are_asked_for_one_part_of_the_pool_by_all_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    write_labels(PEOPLE, {"p3": "community"})
    run({"part": ["real:2"]}, labels=PEOPLE)
    said = capsys.readouterr().out
    assert "arms: part is skipped: real:2 (all seeds): " in said
    assert "of 2 texts without a label yet" in said
    write_labels(PEOPLE, dict(TRUTH))
    run({"part": ["real:2"]}, labels=PEOPLE)
    assert ids("part", 1, None) == ids("part", 2, None)
    run({"part": ["real:2"]})
    assert ids("part", 1, None) != ids("part", 2, None), "a simulation draws anew for every seed"


def test_texts_of_another_question_are_paired_with_this_one() -> None:
    texts = [
        synthetic(f"{q}{n}", "housing", question_id=q, question=f"{q}?") for q in ("bikes", "rents") for n in range(3)
    ]
    write_rows(Path("data/synthetic/texts.jsonl"), texts)
    run({"other": ["misaligned"], "few": ["misaligned:1"]}, generator={"shots": 1})
    rows = [row for row in read_rows(Path("data/arms/other.jsonl"), ArmRow) if row.seed == 1]
    assert {(row.question_id, row.question, row.text.split()[0][:5]) for row in rows} == {
        ("bikes", "bikes?", "rents"), ("rents", "rents?", "bikes")
    }  # fmt: skip
    assert len(rows) == 6
    assert counted("few", "generated") == {("", s, q): 1 for s in "12" for q in ("bikes", "rents")}


def test_without_a_second_question_misaligned_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = run({"other": ["misaligned"], "synthetic": ["synthetic"]})
    assert metrics["arm_skipped"] == {"other": True, "synthetic": False}
    assert (
        "other is skipped: the task has one question: there are no synthetic texts of another"
        in capsys.readouterr().out
    )


def test_who_answers_changes_no_texts() -> None:
    run({"tuned": ["sqbc", "synthetic"], "frozen": ["sqbc", "synthetic", "probe"]})
    assert Path("data/arms/tuned.jsonl").read_bytes() == Path("data/arms/frozen.jsonl").read_bytes()


@pytest.mark.parametrize("who", ["llm", "warmstart"])
def test_arms_that_learn_from_no_text_cost_no_label(who: str, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = run({"alone": [who], "random": ["random"]})
    assert read_rows(Path("data/arms/alone.jsonl"), ArmRow) == []
    assert metrics["arm_skipped"] == {"alone": False, "random": False}
    said = "arms: 1 of 2 arms written to data/arms; learning from no text: alone\n"
    assert capsys.readouterr().out.endswith(said)
    assert metrics["arm_real_labels"]["alone"] == 0
    assert counted("alone", "texts") == {("", s, ""): 0 for s in "12"}
    assert json.loads(Path("data/zeroshot/asked.json").read_text()) == {"asked": who == "llm"}


# Labels from people


def test_labels_from_people_are_enough_where_every_selected_text_has_one() -> None:
    write_labels(PEOPLE, {"p3": "community", "p1": "housing", "p4": None, "p2": "housing", "elsewhere": "housing"})
    run({"random": ["random"]}, labels=PEOPLE, budgets=[1])
    assert [row.label for row in read_rows(Path("data/arms/random.jsonl"), ArmRow)] == ["community", "housing"]


def test_an_arm_whose_labels_are_missing_is_skipped_with_their_numbers_and_the_others_are_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_labels(PEOPLE, {"p3": "community", "p1": "housing"})
    metrics = run(
        {"random": ["random"], "real": ["real"], "labelled": ["labelled"], "synthetic": ["synthetic"]}, labels=PEOPLE
    )
    said = capsys.readouterr().out
    assert "a budget of 3 means 4 texts to label in all (strategies and seeds together); data/labels/me.jsonl" in said
    assert "answers 2 of them\n" in said
    assert (
        "arms: random is skipped: random (budget 1, all seeds): 1 of 2 texts without a label yet, first id 'p2'" in said
    )
    assert "arms: real is skipped: real (the whole pool): 2 of 4 texts without a label yet, first id 'p2'" in said
    assert metrics["arm_skipped"] == {"random": True, "real": True, "labelled": False, "synthetic": False}
    assert ids("labelled", 2, None) == ["p1", "p3"], "what people have labelled so far"


def test_a_budget_whose_labels_are_missing_is_left_out_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write_labels(PEOPLE, {"p3": "community", "p2": "housing"})
    run({"random": ["random"]}, labels=PEOPLE)
    assert "arms: random is left out at budget 3: random (budget 3, all seeds): 2 of 4" in capsys.readouterr().out
    assert ids("random", 1, 1) == ["p3"]
    assert ids("random", 1, 3) == []


def answered(**votes: dict[str, str | None]) -> None:
    write_labels_of(
        PEOPLE, [Labelled(id=name, digest=digest(f"Text {name}"), votes=own) for name, own in votes.items()]
    )


def test_texts_on_which_people_are_divided_are_left_out_alone(capsys: pytest.CaptureFixture[str]) -> None:
    answered(p1={"a": "housing"}, p2={"a": "housing", "b": "transport"}, p3={"a": None}, p4={"a": "community"})
    run({"real": ["real"]}, labels=PEOPLE)
    assert "arms: real: 2 of 4 texts left out: people are divided, or could not say" in capsys.readouterr().out
    assert ids("real", 1, None) == ["p1", "p4"]


def of_two_questions(labels: dict[str, str]) -> None:
    """A pool of p1, p2 on bikes and p3, p4 on rents, a test text of each, and the labels that people gave."""
    of = {"p1": "bikes", "p2": "bikes", "p3": "rents", "p4": "rents"}
    write_rows(Path("data/real/pool.jsonl"), [Row(id=i, text=f"Text {i}", question_id=q) for i, q in of.items()])
    write_rows(
        Path("data/real/test.jsonl"), [Row(id=f"t{q}", text=q, label="housing", question_id=q) for q in of.values()]
    )
    write_labels(PEOPLE, dict(labels))


def test_an_arm_without_texts_of_a_question_that_is_tested_is_skipped_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_two_questions({"p1": "housing", "p2": "transport"})
    metrics = run({"mine": ["labelled"], "synthetic": ["synthetic"]}, labels=PEOPLE)
    assert metrics["arm_skipped"] == {"mine": True, "synthetic": True}
    assert read_rows(Path("data/arms/mine.jsonl"), ArmRow) == []
    why = "arms: mine is skipped: question 'rents': no labelled text to learn from, and test texts to answer\n"
    assert why in capsys.readouterr().out
    of_two_questions({"p1": "housing", "p4": "transport"})
    assert run({"mine": ["labelled"]}, labels=PEOPLE)["arm_skipped"] == {"mine": False}


def test_a_budget_at_which_one_seed_has_no_text_of_a_question_is_left_out_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At budget 1 seed 2 has only p3 on rents, of which nobody could say; at budget 3 it has p4 too."""
    of_two_questions({})
    answered(p1={"a": "housing"}, p2={"a": "housing"}, p3={"a": None}, p4={"a": "community"})
    write_rows(Path("data/selected/random.jsonl"), [
        SelectedRow(seed=seed, budget=budget, rank=rank, id=name, score=0.0, question_id=question)
        for seed, orders in {1: {"bikes": ["p1", "p2"], "rents": ["p4", "p3"]},
                             2: {"bikes": ["p1", "p2"], "rents": ["p3", "p4"]}}.items()
        for budget in (1, 2) for question, order in orders.items() for rank, name in enumerate(order, 1)
    ])  # fmt: skip
    assert run({"random": ["random"]}, labels=PEOPLE, budgets=(1, 2))["arm_skipped"] == {"random": False}
    said = capsys.readouterr().out
    assert "arms: random is left out at budget 1: question 'rents': no labelled text to learn from (seed 2), " in said
    assert ids("random", 1, 1) == []
    assert ids("random", 2, 2) == ["p1", "p2", "p4"]


def test_a_seed_all_of_whose_texts_are_disputed_leaves_the_budget_out(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(Path("data/real/test.jsonl"), [Row(id="t", text="Test", label="housing")])
    answered(p2={"a": None}, p3={"a": "housing"})
    assert run({"random": ["random"]}, labels=PEOPLE, budgets=[1])["arm_skipped"] == {"random": True}
    said = capsys.readouterr().out
    assert "arms: random is skipped: random (budget 1, all seeds): none of 1 text has a label, as people are" in said


def test_where_nobody_could_say_any_label_an_arm_that_needs_one_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    answered(**{name: {"a": None} for name in TRUTH})
    arm = {"labelled": ["labelled"], "mixed": ["sqbc", "synthetic"], "some": ["labelled:2"], "synthetic": ["synthetic"]}
    metrics = run(arm, labels=PEOPLE)
    said = capsys.readouterr().out
    for name, source in (("labelled", "labelled"), ("mixed", "sqbc"), ("some", "labelled:2")):
        assert f"arms: {name} is skipped: {source} needs labels, and data/labels/me.jsonl holds none" in said
        assert Path(f"data/arms/{name}.jsonl").read_bytes() == b""
    assert metrics["arm_skipped"] == {"labelled": True, "mixed": True, "some": True, "synthetic": False}
    assert "1 of 4 arms written" in said


def test_a_source_of_which_no_text_has_a_label_skips_the_arm_though_other_texts_have_some(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All labels are of texts that are in the pool no more; and all but p2, which is never selected, are disputed."""
    write_labels(PEOPLE, {"elsewhere": "housing"})
    metrics = run({"labelled": ["labelled", "synthetic"], "equal": ["synthetic:labelled"]}, labels=PEOPLE)
    assert metrics["arm_skipped"] == {"labelled": True, "equal": True}
    said = capsys.readouterr().out
    assert "arms: labelled is skipped: labelled: no text of the pool has a label" in said
    assert "arms: equal is skipped: synthetic:labelled: no text of the pool has a label" in said
    answered(p1={"a": None}, p2={"a": "housing"}, p3={"a": "housing", "b": "transport"}, p4={"a": None})
    write_selected("sqbc", {seed: ["p3", "p1", "p4", "p2"] for seed in (1, 2)})
    metrics = run({"sqbc": ["sqbc"], "mixed": ["sqbc", "synthetic"], "real": ["real"]}, labels=PEOPLE)
    said = capsys.readouterr().out
    assert metrics["arm_skipped"] == {"sqbc": True, "mixed": True, "real": False}
    why = "sqbc (budget 1, all seeds): none of 1 text has a label, as people are divided or could not say"
    assert f"arms: sqbc is skipped: {why}; sqbc (budget 3, all seeds): none of 3 texts" in said
    assert f"arms: mixed is skipped: {why}" in said


def test_a_part_that_comes_to_no_text_skips_the_arm(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(Path("data/real/shots.jsonl"), [])
    metrics = run({"few": ["synthetic:shots"], "real": ["real:shots"]})
    assert metrics["arm_skipped"] == {"few": True, "real": True}
    said = capsys.readouterr().out
    assert "arms: few is skipped: its sources hold no labelled text: synthetic:shots" in said
    assert "arms: real is skipped: real:shots: it is to have as many texts as shots, which has none" in said


def test_a_budget_of_which_no_text_has_a_label_is_left_out_alone(capsys: pytest.CaptureFixture[str]) -> None:
    answered(p1={"a": None}, p2={"a": "housing"}, p3={"a": None}, p4={"a": "community"})
    write_selected("sqbc", {seed: ["p3", "p2", "p4", "p1"] for seed in (1, 2)})
    assert run({"sqbc": ["sqbc"]}, labels=PEOPLE)["arm_skipped"] == {"sqbc": False}
    said = capsys.readouterr().out
    assert "arms: sqbc is left out at budget 1: sqbc (budget 1, all seeds): none of 1 text has a label" in said
    assert "arms: sqbc: 1 of 3 texts left out" in said
    assert ids("sqbc", 1, 3) == ["p2", "p4"]
    assert not ids("sqbc", 1, 1)


def test_texts_labelled_in_earlier_rounds_stay_with_those_of_a_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    of = {"p1": 1, "p2": None, "p3": None, "p4": None}
    found = [
        Labelled(id=name, digest=digest(f"Text {name}"), votes={"a": "housing"}, round=number)
        for name, number in of.items()
    ]
    write_labels_of(PEOPLE, found)
    write_selected("random", {1: ["p3", "p4", "p2"], 2: ["p3", "p4", "p2"]})
    run({"random": ["random"]}, labels=PEOPLE)
    assert ids("random", 1, 1) == ["p1", "p3"], "a budget of one means one new text"
    write_labels_of(PEOPLE, found[:1])
    run({"random": ["random"]}, labels=PEOPLE)
    said = capsys.readouterr().out
    assert "random (budget 3, all seeds): 3 of 3 texts without a label yet" in said
    assert "data/labels/me.jsonl answers 0 of them, and 1 text of closed rounds\n" in said


def test_an_arm_of_the_last_round_has_its_smaller_budget_and_the_texts_of_the_rounds_before() -> None:
    """Two of four texts are in round 1, so two are left for a budget of 3, and the stage select wrote budgets 1, 2."""
    write_labels_of(PEOPLE, [
        Labelled(id=name, digest=digest(f"Text {name}"), votes={"a": "housing"}, round=number)
        for name, number in (("p1", 1), ("p2", 1), ("p3", None), ("p4", None))
    ])  # fmt: skip
    write_rows(Path("data/selected/random.jsonl"), [
        SelectedRow(seed=seed, budget=budget, rank=rank, id=name, score=0.0)
        for seed in (1, 2) for budget in (1, 2) for rank, name in enumerate(("p4", "p3"), 1)
    ])  # fmt: skip
    run({"random": ["random"]}, labels=PEOPLE)
    assert ids("random", 1, 1) == ["p1", "p2", "p4"]
    assert ids("random", 2, 2) == ["p1", "p2", "p4", "p3"]
    assert not ids("random", 1, 3)


def test_labels_of_a_changed_text_are_refused_by_their_digest() -> None:
    write_labels_of(PEOPLE, [Labelled(id="p1", digest=digest("Text one"), votes={"a": "housing"})])
    with pytest.raises(StandinError, match=r"id 'p1' was another text in the labels file") as caught:
        run({"labelled": ["labelled"]}, labels=PEOPLE)
    assert "(1 such text)" in str(caught.value)
    assert "Take the lines of the others out of data/labels/me.jsonl" in str(caught.value), "what is not selected"
    assert "Where ids alone changed, `standin data add TASK FILE --replace`" in str(caught.value)


@pytest.mark.parametrize("labels", [{}, dict.fromkeys(TRUTH)])
def test_without_any_label_only_arms_that_need_none_are_made(
    labels: dict[str, str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(ORACLE, labels)
    write_rows(Path("data/real/shots.jsonl"), [])
    arm = {"real": ["real"], "mixed": ["synthetic", "sqbc"], "synthetic": ["synthetic"], "shots": ["shots"]}
    metrics = run(arm)
    said = capsys.readouterr().out
    for name in ("real", "mixed", "shots"):
        assert Path(f"data/arms/{name}.jsonl").read_bytes() == b""
        assert f"arms: {name} is skipped: " in said
    assert "sqbc needs labels, and data/real/oracle.jsonl holds none" in said
    assert "its sources hold no labelled text: shots" in said
    assert "1 of 4 arms written" in said
    assert ids("synthetic", 2, None) == ["g1", "g2"]
    assert metrics["arm_skipped"] == {"real": True, "mixed": True, "synthetic": False, "shots": True}
    assert metrics["arm_texts"]["mixed"] == 0


def test_an_unknown_label_names_file_row_and_the_nearest_label() -> None:
    write_labels(PEOPLE, {"p1": "housng"})
    with pytest.raises(StandinError, match=r"me.jsonl: id 'p1' has the label 'housng': did you mean 'housing'"):
        run({"random": ["random"]}, labels=PEOPLE)


def test_two_labels_of_one_text_are_refused_and_one_label_twice_is_not() -> None:
    rows = read_rows(ORACLE, Row)
    write_rows(PEOPLE, [*rows, rows[0]])
    run({"random": ["random"]}, labels=PEOPLE)
    write_rows(PEOPLE, [*rows, replace(rows[0], label="housing")])
    with pytest.raises(StandinError, match="'p1' has two labels, 'transport' and 'housing'"):
        run({"random": ["random"]}, labels=PEOPLE)


def test_labels_given_to_another_text_of_the_same_id_are_refused() -> None:
    write_rows(PEOPLE, [replace(row, text=row.text + "!") for row in read_rows(ORACLE, Row)])
    with pytest.raises(StandinError, match=r"'p1' is 'Text p1!' in the labels file .* but 'Text p1' in data/real/pool"):
        run({"random": ["random"]}, labels=PEOPLE)


@pytest.mark.parametrize("path", ["data/real/shots.jsonl", "data/synthetic/texts.jsonl"])
def test_a_source_row_without_label_is_named(path: str) -> None:
    kind = SyntheticRow if "synthetic" in path else Row
    rows = read_rows(Path(path), kind)
    write_rows(Path(path), [replace(rows[0], label=None), *rows[1:]])
    with pytest.raises(StandinError, match=rf"{path}: id '{rows[0].id}' has no label \(1 such rows\)"):
        run({"a": ["shots", "synthetic"]})


def test_a_ranking_of_other_seeds_or_budgets_is_refused() -> None:
    write_selected("random", {1: RANKED[1]})
    with pytest.raises(StandinError, match=r"random.jsonl: holds no ranking for seed 2 and budget 1"):
        run({"random": ["random"]})


def test_a_ranking_of_texts_outside_the_pool_is_refused() -> None:
    write_selected("random", {1: ["old"], 2: ["p1"]})
    with pytest.raises(StandinError, match=r"random.jsonl: id 'old' is not in data/real/pool.jsonl"):
        run({"random": ["random"]})


def test_selected_synthetic_texts_bring_their_own_labels_and_cost_none() -> None:
    write_labels(ORACLE, dict.fromkeys(TRUTH))  # nobody has labelled anything
    write_rows(
        Path("data/synthetic/texts.jsonl"), [synthetic(f"g{n}", label) for n, label in enumerate(TRUTH.values())]
    )
    write_selected("sqbc", {1: ["g2", "g0", "g3", "g1"], 2: ["g1", "g2", "g0", "g3"]})
    metrics = run({"sqbc": ["sqbc"]}, select_pool="synthetic")
    assert ids("sqbc", 1, 3) == ["g2", "g0", "g3"]
    assert ids("sqbc", 2, 1) == ["g1"]
    assert metrics["arm_skipped"] == {"sqbc": False}
    assert metrics["arm_synthetic_texts"] == {"sqbc": 3}
    assert metrics["arm_real_labels"] == {"sqbc": 0}


@pytest.mark.parametrize("source", ["random", "sqbc"])
def test_selected_synthetic_texts_cost_the_shots_they_were_written_from(source: str) -> None:
    write_rows(
        Path("data/synthetic/texts.jsonl"), [synthetic(f"g{n}", label) for n, label in enumerate(TRUTH.values())]
    )
    write_selected(source, {1: ["g2", "g0", "g3", "g1"], 2: ["g1", "g2", "g0", "g3"]})
    found = run({"only": [source]}, select_pool="synthetic", generator={"shots": 3})
    assert found["arm_real_labels"] == {"only": 1}


def test_a_fraction_of_the_pool_is_a_budget_in_texts() -> None:
    write_selected("random")
    run({"random": ["random"]}, budgets=(0.25, 0.75))
    assert ids("random", 1, 1) == ["p3"]
    assert ids("random", 1, 3) == ["p3", "p1", "p4"]
