import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from standin.config import Params, parse_params
from standin.corpus import Prediction, Row, read_json, write_json_lines, write_rows
from standin.errors import StandinError
from standin.stages import evaluate
from standin.stages.runner import restrict, restrict_task
from standin.task import Task, load_task

DECLARED = {"arms", "evaluate", "select.labels", "select.pool", "finetune.seeds", "base.task", "runtime"}
LABELS = ["transport", "environment", "housing", "community"]
GOLD = [LABELS[n % 4] for n in range(40)]
RIGHT = GOLD
HALF = [label if n % 2 else "transport" for n, label in enumerate(GOLD)]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(Path("data/real/test.jsonl"), [Row(id=f"t{n}", text="x", label=label) for n, label in enumerate(GOLD)])
    write_agreement()


def write_agreement(**agreement: float) -> None:
    rows = [{"id": name, "agreement": value, "votes": ["a"], "source": "panel"} for name, value in agreement.items()]
    write_json_lines(Path("data/agreement/agreement.jsonl"), rows)


def write_predictions(arm: str, said: list[str], *budgets: int | None, seeds: tuple[int, ...] = (1, 2)) -> None:
    rows = [Prediction(arm=arm, budget=budget, seed=seed, id=f"t{n}", label=label, p={})
            for budget in budgets for seed in seeds for n, label in enumerate(said)]  # fmt: skip
    write_rows(Path(f"data/predictions/{arm}.jsonl"), rows)


def params(*arms: str, seeds: tuple[int, ...] = (1, 2), scored: tuple[str, ...] = ()) -> Params:
    raw = {
        "arms": {arm: [arm if arm in ("sqbc", "random") else "real"] for arm in arms},
        "evaluate": {"resamples": 300, "scored_labels": list(scored)},
        "finetune": {"seeds": list(seeds)},
    }
    return restrict(parse_params(raw), DECLARED)


def task() -> Task:
    return restrict_task(load_task("city-topics", Path(__file__).parents[1]), {"labels"})


def run(*arms: str, **chosen: Any) -> Any:
    return evaluate.run(params(*arms, **chosen), task(), "")


def table(name: str) -> list[dict[str, str]]:
    with Path(f"reports/evaluate/{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_scores_of_two_arms_and_their_difference() -> None:
    write_predictions("real", RIGHT, None)
    write_predictions("sqbc", HALF, 24)
    metrics = run("real", "sqbc")
    bounds = {f"{m}{bound}": 1.0 for m in ("macro_f1", "accuracy") for bound in ("", "_low", "_high")}
    assert metrics["real"] == {**bounds, "learned": True}
    assert metrics["sqbc"]["accuracy"] == 0.75  # the even texts are transport, right, and housing, wrong
    scores = {(row["arm"], row["measure"]): row for row in table("scores")}
    assert float(scores["sqbc", "accuracy"]["value"]) == 0.75
    assert (scores["sqbc", "accuracy"]["budget"], scores["real", "accuracy"]["budget"]) == ("24", "")
    assert (scores["real", "accuracy"]["seeds"], scores["real", "accuracy"]["texts"]) == ("2", "40")
    difference = table("comparisons")[0]
    assert (difference["arm_a"], difference["arm_b"], difference["budget"]) == ("sqbc", "real", "24")
    assert (difference["measure"], difference["reference"]) == ("macro_f1", "real")
    assert difference["verdict"] == difference["verdict_holm"] == "lower"
    assert float(difference["p"]) < 0.001
    counts = {(row["label"], row["predicted"]): int(row["count"]) for row in table("confusion") if row["arm"] == "sqbc"}
    assert counts["housing", "transport"] == 20  # 10 texts, two seeds
    assert sum(counts.values()) == 80


def test_nothing_is_concluded_from_an_arm_that_answers_one_label(capsys: pytest.CaptureFixture[str]) -> None:
    write_predictions("real", ["housing"] * 40, None)
    write_predictions("random", HALF, 24)
    metrics = run("real", "random")
    assert (metrics["real"]["learned"], metrics["random"]["learned"]) == (False, True)
    assert metrics["majority"]["macro_f1"] == pytest.approx(0.1)  # one label of four, F1 2 x 10 / (10 + 40)
    rows = [(row["arm"], row["question_id"], row["reason"], row["share"], row["label"]) for row in table("learned")]
    assert rows == [("real", "", "one label", "1.0", "housing"), ("real", "", "chance", "1.0", "housing")]
    assert {row["verdict_holm"] for row in table("comparisons")} == {"not learned"}
    assert read_json(Path("reports/evaluate/scope.json"))["unlearned_arms"] == ["real"]
    assert "not learned, so nothing is concluded from real" in capsys.readouterr().out


def test_a_copied_arm_has_a_difference_of_exactly_0() -> None:
    write_predictions("real", HALF, None)
    write_predictions("copy", HALF, None)
    run("real", "copy")
    assert len(table("comparisons")) == 2
    for row in table("comparisons"):
        assert {row["difference"], row["low"], row["high"]} == {"0.0"}
        assert {row["verdict"], row["verdict_holm"]} == {"no difference"}


def test_accuracy_by_agreement_and_its_slope() -> None:
    write_predictions("sqbc", HALF, None)
    write_agreement(**{f"t{n}": 1.0 if HALF[n] == GOLD[n] else 0.5 for n in range(12)})
    metrics = run("sqbc")
    rows = {row["gamma"]: (row["texts"], row["accuracy"]) for row in table("agreement")}
    assert rows == dict.fromkeys(("0.0", "0.4"), ("12", "0.75")) | dict.fromkeys(("0.6", "0.8", "1.0"), ("9", "1.0"))
    assert metrics["sqbc"]["agreement_slope_low"] > 0
    assert [row["texts"] for row in table("scores") if row["measure"] == "agreement_slope"] == ["12"]


MIXED = {"real": ["real"], "random": ["random"], "sqbc": ["sqbc"], "sqbc_synthetic": ["sqbc", "synthetic"],
         "synthetic": ["synthetic"], "part": ["real:24"]}  # fmt: skip


def run_mixed(**select: str) -> dict[tuple[str, str], set[str]]:
    """The verdicts of pairs of arms whose texts were chosen in different ways; the first arm is right throughout."""
    for arm in MIXED:
        write_predictions(arm, RIGHT if arm == "real" else HALF, 24 if set(MIXED[arm]) & {"random", "sqbc"} else None)
    raw = {"arms": MIXED, "select": select, "evaluate": {"resamples": 300}, "finetune": {"seeds": [1, 2]}}
    evaluate.run(restrict(parse_params(raw), DECLARED), task(), "")
    found: dict[tuple[str, str], set[str]] = {}
    for row in table("comparisons"):
        found.setdefault((row["arm_a"], row["arm_b"]), set()).update((row["verdict"], row["verdict_holm"]))
    return found


def test_where_people_label_arms_whose_texts_were_chosen_differently_have_no_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = run_mixed(labels="data/labels/me.jsonl")
    assert {pair for pair, verdicts in found.items() if verdicts != {"one selection"}} == {
        ("synthetic", "real"), ("sqbc_synthetic", "sqbc")
    }  # fmt: skip
    assert found["synthetic", "real"] == {"lower"}
    assert found["sqbc_synthetic", "sqbc"] == {"no difference"}, "the same texts on both sides"
    said = read_json(Path("reports/evaluate/scope.json"))
    assert said["drawn_once"] == ["random", "sqbc", "real:24"]
    assert (
        "As people label, all seeds share one selection: random and sqbc and real:24 are one draw each, and no interval "
        "holds what another draw would change; arms that differ in them have no verdict (one selection)."
    ) in said["scope"]
    assert "evaluate: one selection for all seeds, so no verdict on 8 differences between" in capsys.readouterr().out


def test_where_every_seed_draws_its_own_texts_all_arms_have_verdicts() -> None:
    assert "one selection" not in set.union(*run_mixed().values())
    said = read_json(Path("reports/evaluate/scope.json"))
    assert "drawn_once" not in said
    assert "one selection" not in said["scope"]
    found = run_mixed(labels="data/labels/me.jsonl", pool="synthetic")
    assert {pair for pair, verdicts in found.items() if verdicts == {"one selection"}} == {
        ("part", "real"), ("part", "random")
    }, "synthetic texts are chosen anew by every seed, a part of the pool is not"  # fmt: skip
    assert ": real:24 is one draw, and" in read_json(Path("reports/evaluate/scope.json"))["scope"]


def test_several_budgets_make_a_curve() -> None:
    write_predictions("sqbc", HALF, 24, 48)
    assert set(run("sqbc")) == {"sqbc_24", "sqbc_48", "majority"}
    assert [row["budget"] for row in table("scores") if row["measure"] == "accuracy"] == ["24", "48", ""]
    assert sum(int(row["count"]) for row in table("confusion")) == 80  # at the largest budget alone


def test_a_skipped_arm_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    write_predictions("real", RIGHT, None)
    write_predictions("sqbc", RIGHT)
    assert set(run("real", "sqbc")) == {"real", "majority"}
    said = read_json(Path("reports/evaluate/scope.json"))
    assert said["skipped_arms"] == ["sqbc"]
    assert said["comparisons"] == 0
    assert "Nothing was compared with random" in said["scope"]
    assert "1 of 2 arms" in capsys.readouterr().out


def test_without_any_prediction_the_tables_have_only_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    write_predictions("real", RIGHT)
    assert run("real") == {"evaluated_arms": 0}
    assert "no scores" in capsys.readouterr().out
    header = Path("reports/evaluate/scores.csv").read_text()
    assert header == "arm,budget,measure,value,low,high,seeds,texts\n"
    assert read_json(Path("reports/evaluate/scope.json"))["skipped_arms"] == ["real"]


def test_the_scope_says_what_the_intervals_speak_of() -> None:
    write_predictions("real", HALF, None, seeds=(1,))
    run("real", seeds=(1,))
    said = read_json(Path("reports/evaluate/scope.json"))
    assert "speak of this data set" in said["scope"]
    assert "With one seed" in said["scope"]
    assert (said["seeds"], said["texts"], said["resamples"], said["confidence"]) == ([1], 40, 300, 0.95)


def test_the_number_of_resamples_grows_with_the_family() -> None:
    for arm in ("real", "random", "sqbc"):
        write_predictions(arm, HALF, None)
    run("real", "random", "sqbc")
    said = read_json(Path("reports/evaluate/scope.json"))
    assert (said["comparisons"], said["resamples"]) == (3, 1200)  # 20 x 3 / 0.05
    assert "1,200 resamples" in said["scope"]
    assert "3 comparisons were named beforehand" in said["scope"]


def test_equal_predictions_give_equal_bytes_in_whatever_order_they_stand() -> None:
    for arm, said in (("real", RIGHT), ("sqbc", HALF)):
        write_predictions(arm, said, None)
    run("real", "sqbc")
    first = {path.name: path.read_bytes() for path in Path("reports/evaluate").iterdir()}
    lines = Path("data/predictions/sqbc.jsonl").read_text().splitlines()
    Path("data/predictions/sqbc.jsonl").write_text("\n".join(reversed(lines)))
    run("real", "sqbc")
    assert {path.name: path.read_bytes() for path in Path("reports/evaluate").iterdir()} == first
    names = ("scores", "questions", "labels", "comparisons", "learned", "agreement", "confusion", "reliability")
    assert set(first) == {"scope.json", *(f"{name}.csv" for name in names)}


def test_whose_agreement_it_is_stands_in_the_table_and_in_the_scope() -> None:
    write_predictions("sqbc", HALF, None)
    rows = [{"id": f"t{n}", "agreement": 0.66, "bound": "lower", "source": "agreement_bands"} for n in range(12)]
    write_json_lines(Path("data/agreement/agreement.jsonl"), rows)
    run("sqbc")
    assert {row["source"] for row in table("agreement")} == {"agreement_bands"}
    assert read_json(Path("reports/evaluate/scope.json"))["agreement_source"] == "agreement_bands"


def test_agreement_of_a_text_that_is_no_test_text_is_an_error() -> None:
    write_predictions("real", RIGHT, None)
    write_agreement(t0=1.0, elsewhere=0.5)
    with pytest.raises(StandinError, match=r"agreement\.jsonl, line 2: id 'elsewhere' is not in data/real/test\.jsonl"):
        run("real")


def test_predictions_of_other_seeds_are_an_error() -> None:
    write_predictions("real", RIGHT, None)
    with pytest.raises(StandinError, match="'real', seed 3: no prediction for 40 of 40 test texts"):
        run("real", seeds=(1, 3))


def test_the_stage_imports_neither_scikit_learn_nor_pandas() -> None:
    heavy = "{'sklearn', 'pandas', 'scipy', 'torch'}"
    code = f"import sys; from standin.stages import evaluate; sys.exit(bool({heavy} & set(sys.modules)))"
    source = str(Path(__file__).parents[1] / "src")
    assert subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": source}).returncode == 0


def test_a_scored_label_that_the_task_does_not_have_is_named() -> None:
    write_predictions("real", RIGHT, None)
    with pytest.raises(StandinError, match=r"params.yaml: evaluate.scored_labels: 'houseing': did you mean 'housing'"):
        run("real", scored=("houseing",))


def test_calibration_is_told_of_predictions_with_probabilities() -> None:
    rows = [Prediction(arm="real", budget=None, seed=seed, id=f"t{n}", label=label, p={label: 0.75})
            for seed in (1, 2) for n, label in enumerate(HALF)]  # fmt: skip
    write_rows(Path("data/predictions/real.jsonl"), rows)
    write_predictions("sqbc", HALF, 24)
    run("real", "sqbc")
    (row,) = table("reliability")
    assert [row[name] for name in ("arm", "low", "high", "texts", "right", "ece")] == ["real", "0.7", "0.8", "80", "0.75", "0.0"]  # fmt: skip


def test_the_f1_of_each_label_is_scikit_learn_s_and_its_interval_holds_it() -> None:
    write_predictions("real", RIGHT, None)
    half = [*HALF[:20], *GOLD[20:]]
    write_predictions("sqbc", half, 24)
    run("real", "sqbc")
    wanted = dict(zip(LABELS, f1_score(GOLD, half, labels=LABELS, average=None), strict=True))
    rows = table("labels")
    assert {row["arm"] for row in rows} == {"real", "sqbc", "majority"}
    found = {row["label"]: row for row in rows if row["arm"] == "sqbc"}
    for label, value in wanted.items():
        assert float(found[label]["value"]) == pytest.approx(value, abs=1e-6)
        assert float(found[label]["low"]) <= value + 1e-6
        assert float(found[label]["high"]) >= value - 1e-6
    assert any(float(row["low"]) < float(row["high"]) for row in found.values())
    assert {(row["label"], row["texts"]) for row in rows} == {(label, "10") for label in LABELS}, "its own, not all 40"
    assert {float(row["value"]) for row in rows if row["arm"] == "real"} == {1.0}


def test_a_label_that_no_test_text_has_has_no_f1() -> None:
    some = [label for label in GOLD if label != "housing"]
    write_rows(Path("data/real/test.jsonl"), [Row(id=f"t{n}", text="x", label=label) for n, label in enumerate(some)])
    write_predictions("real", some, None)
    run("real")
    assert {row["label"] for row in table("labels")} == set(LABELS) - {"housing"}


def test_the_texts_of_a_label_are_those_of_all_questions_that_have_it() -> None:
    truth = {
        "bikes": ["housing"] * 6 + ["transport"] * 4,
        "rents": ["housing"] * 7 + ["transport"] * 5 + ["community"] * 8,
    }
    texts = [(f"{q}{n}", q, label) for q, own in truth.items() for n, label in enumerate(own)]
    write_rows(Path("data/real/test.jsonl"), [
        Row(id=name, text="x", label=label, question_id=question, question="?") for name, question, label in texts
    ])  # fmt: skip
    write_rows(Path("data/predictions/real.jsonl"), [
        Prediction(arm="real", budget=None, seed=seed, id=name, label=label, p={}, question_id=question)
        for seed in (1, 2) for name, question, label in texts
    ])  # fmt: skip
    run("real")
    assert {(row["label"], row["texts"]) for row in table("labels")} == {
        ("housing", "13"), ("transport", "9"), ("community", "8")
    }  # fmt: skip
    said = str(read_json(Path("reports/evaluate/scope.json"))["scope"])
    assert "Few test texts have the label 'transport' (4):" in said, "in the question that has the fewest"
