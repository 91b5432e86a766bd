"""The page of other runs than the default one: each says what it is of, and each passes axe in a browser.

The browser tests want PySide6 and the path of axe-core's ``axe.min.js`` in the variable AXE_CORE; else they skip.
"""

import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_report import LABELS, compared, counted, given, gone, kept, page, project, table  # noqa: F401

from standin.config import Params
from standin.corpus import Row, SelectedRow, read_json, write_json, write_json_lines, write_rows
from standin.labelling.labels import Labelled, digest, write_labels
from standin.report.counts import held_out_notes
from standin.stages import report
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]
Given = tuple[Params, Task]


def several_questions(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    stance = load_task("city-stance", ROOT)
    asked = [question.id for question in stance.questions][:2]
    rows = [Row(id=f"{name}-{i}", text="A text.", question_id=name, question=f"What of {name}?") for name in asked for i in (1, 2)]  # fmt: skip
    write_rows(project / "data/real/pool.jsonl", rows)
    ranked = [SelectedRow(seed=1, budget=48, rank=int(row.id[-1]), id=row.id, score=0.0, question_id=row.question_id) for row in rows]  # fmt: skip
    write_rows(project / "data/selected/random.jsonl", ranked)
    return params, stance


def failed_check(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    rows = [{"name": f"n{i}", "says": says, "severity": "critical", "success": success, "observed": 0.4}
            for i, (says, success) in enumerate([("labels are balanced", False), ("every text has an id", True)])]  # fmt: skip
    write_json(project / "reports/validate/result.json", {"expectations": rows})
    return params, task


def no_labels(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    evaluate = project / "reports/evaluate"
    said = {"arms": 0, "confidence": 0.95, "scope": "There are no predictions.", "skipped_arms": [], "texts": 0}
    write_json(evaluate / "scope.json", said)
    for name in ("scores", "comparisons", "agreement", "confusion"):
        path = evaluate / f"{name}.csv"
        path.write_text(path.read_text().splitlines()[0] + "\n")
    write_rows(project / "data/real/oracle.jsonl", [])
    return params, task


def many_arms(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    strategies = ["random", "sqbc", "cal", "margin", "badge"]
    arms = {"real": ["real"], "synthetic": ["synthetic"]}
    for name in strategies:
        arms |= {name: [name], f"{name}_synthetic": [name, "synthetic"]}
    budgets = [6, 12, 24, 48]
    rows = [(arm, str(budget) if budget else "") for arm, own in arms.items()
            for budget in (budgets if set(own) & set(strategies) else [None])]  # fmt: skip
    table(project / "reports/evaluate/scores.csv",
          [{"arm": arm, "budget": budget, "measure": measure, "value": 0.3 + i / 100, "low": 0.2, "high": 0.8, "seeds": 3, "texts": 288}
           for i, (arm, budget) in enumerate(rows) for measure in ("macro_f1", "accuracy")])  # fmt: skip
    for arm in arms:
        write_json(project / f"reports/finetune/{arm}/metrics.json", {"rows_seen": 960.0, "passes": 4.0})
    table(project / "reports/evaluate/comparisons.csv",
          [compared("sqbc", "random", 0.2, 0.1, 0.3, budget=str(budget)) for budget in budgets])  # fmt: skip
    select = params.select.model_copy(update={"budgets": budgets})
    return params.model_copy(update={"arms": arms, "select": select}), task


def one_seed(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    return params.model_copy(update={"finetune": params.finetune.model_copy(update={"seeds": [1]})}), task


def recorded(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    generator = params.generator.model_copy(update={"engine": "replay", "model": "/home/me/texts.jsonl"})
    metrics = project / "reports/generate/metrics.json"
    drawn = {"texts": 50, "drawn": 48, "models": "gpt-4o 48", "with_prompt": 48, "with_seeds": 0}
    write_json(metrics, read_json(metrics) | {"recorded": drawn})
    return params.model_copy(update={"generator": generator}), task


def with_labels(project: Path, params: Params, task: Task, names: list[str], texts: list[str]) -> Given:  # noqa: F811
    """The run with these labels in the place of the four, each text in turn, planned, kept, removed and confused."""
    labels = [label.model_copy(update={"name": name}) for name in names for label in task.labels[:1]]
    kept_texts = [kept(f"k{i}", name, texts[i % len(texts)]) for i, name in enumerate(names)]
    write_rows(project / "data/synthetic/texts.jsonl", kept_texts)
    write_rows(project / "data/synthetic/removed.jsonl", [replace(gone("r1", names[0], "duplicate"), text=texts[0])])
    write_json_lines(project / "data/generated/plan.jsonl", ({"label": name} for name in [names[0], *names]))
    table(project / "reports/evaluate/confusion.csv",
          [{"arm": "real", "label": a, "predicted": b, "count": i + j} for i, a in enumerate(names) for j, b in enumerate(names)])  # fmt: skip
    table(project / "reports/diversity/projection.csv",
          [{"id": f"{kind}{i}", "kind": kind, "label": name, "x": i / 10, "y": 0.1} for kind in ("real", "synthetic") for i, name in enumerate(names)])  # fmt: skip
    table(project / "reports/arms/texts.csv",
          [{**row, "label": name} for name in names for row in counted("sqbc", {"48": 2})[::2]])  # fmt: skip
    metrics = project / "reports/diversity/metrics.json"
    spread = {"texts_compared": 4, "real": {"chamfer_cosine": 0.5}, "synthetic": {"chamfer_cosine": 0.4}}
    write_json(metrics, read_json(metrics) | {"per_label": dict.fromkeys(names, spread)})
    write_rows(project / "data/real/pool.jsonl", [Row(id=f"p{i}", text=text) for i, text in enumerate(texts * 2)])
    ranked = [SelectedRow(seed=1, budget=48, rank=i + 1, id=f"p{i}", score=0.0) for i in range(2 * len(texts))]
    write_rows(project / "data/selected/random.jsonl", ranked)
    return params, task.model_copy(update={"labels": labels})


def forty_labels(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    return with_labels(project, params, task, [f"topic {i}" for i in range(40)], ["Please mend the lamp."])


def long_labels(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    names = [f"{name} and whatever else belongs to the remit of the same department of the city" for name in LABELS[:2]]
    return with_labels(project, params, task, [*names, "Donaudampfschifffahrtsgesellschaft" * 4], ["word" * 400])


def right_to_left(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    texts = ["الحافلة رقم 12 لا تأتي أبدا في موعدها (منذ مارس).", "נא לתקן את הפנס ברחוב הרצל 7!"]
    params, task = with_labels(project, params, task, ["النقل", "السكن", "البيئة"], texts)
    title = "تعليقات على منصة المشاركة في المدينة"
    return params, task.model_copy(update={"title": title, "description": "أي قسم يجب أن يتصرف؟", "language": "ar"})


def not_latin(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    texts = ["12号线的公交车从来不准时，请尽快处理。" * 8, "Скамейки в парке убрали, верните их!"]
    params, task = with_labels(project, params, task, ["交通", "住房", "环境"], texts)
    return params, task.model_copy(update={"title": "市民平台的意见", "language": "zho_Hans"})


def nothing_kept(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    write_rows(project / "data/synthetic/texts.jsonl", [])
    texts = [gone(f"r{i}", label, "refused") for i, label in enumerate(["transport", *LABELS])]
    write_rows(project / "data/synthetic/removed.jsonl", texts)
    write_json(project / "reports/diversity/metrics.json", {"texts_compared": 0, "per_label": {}})
    evaluate = project / "reports/evaluate"
    said = {"confidence": 0.95, "scope": "Intervals over 3 seeds.", "texts": 288}
    without = ["synthetic", "random_synthetic", "sqbc_synthetic"]
    write_json(evaluate / "scope.json", said | {"skipped_arms": without, "seeds": [1]})
    for name, column in (("scores", "arm"), ("comparisons", "arm_a"), ("agreement", "arm")):
        rows = [row for row in csv.DictReader((evaluate / f"{name}.csv").open()) if row[column] not in without]
        table(evaluate / f"{name}.csv", rows)
    return params, task


def nothing_selected(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    for name in ("scores", "agreement"):
        path = project / f"reports/evaluate/{name}.csv"
        rows = [row for row in csv.DictReader(path.open()) if not {"random", "sqbc"} & set(row["arm"].split("_"))]
        table(path, rows)
    table(project / "reports/evaluate/comparisons.csv", [compared("synthetic", "real", -0.2, -0.3, -0.1)])
    arms = {name: params.arms[name] for name in ("real", "synthetic")}
    return params.model_copy(update={"arms": arms, "select": params.select.model_copy(update={"strategies": {}})}), task


def label_missing_in_test(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    path = project / "reports/evaluate/confusion.csv"
    rows = [row | {"count": 0 if row["label"] == "housing" else 3} for row in csv.DictReader(path.open())]
    table(path, rows)
    return params, task


def one_of_each(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    write_rows(project / "data/synthetic/texts.jsonl", [kept("k1", "transport")])
    write_rows(project / "data/synthetic/removed.jsonl", [gone("r1", "transport", "duplicate")])
    write_json_lines(project / "data/generated/plan.jsonl", [{"label": "transport"}] * 2)
    write_rows(project / "data/real/pool.jsonl", [Row(id="p1", text="A text.")])
    write_rows(project / "data/real/oracle.jsonl", [])
    for strategy in ("random", "sqbc"):
        ranked = [SelectedRow(seed=1, budget=1, rank=1, id="p1", score=0.0)]
        write_rows(project / f"data/selected/{strategy}.jsonl", ranked)
    single = {"seed": 1, "question_id": "", "label": "transport", "texts": 1, "generated": 1, "real_labels": 1}
    table(project / "reports/arms/texts.csv", [{"arm": arm, "budget": "", **single} for arm in ("real", "synthetic", "random")])  # fmt: skip
    for stage, changed in {
        "prepare": {"real_texts": dict.fromkeys(("pool", "test", "validation"), 1), "dropped_near_duplicates_of_test": 1,
                    "dropped_near_duplicates_of_validation": 0},
        "generate": {"cut_by_length": 1, "without_seed": 1, "unfinished_reasoning": 1, "tokens_in": 1, "tokens_out": 1},
        "curate": {"pool_texts_like_test": 1, "off_task_yardstick": {"shots": 1, "off": "needs 19 shots"}},
        "subjectivity": {"texts": 1},
    }.items():  # fmt: skip
        path = project / f"reports/{stage}/metrics.json"
        write_json(path, read_json(path) | changed)
    scope = project / "reports/evaluate/scope.json"
    write_json(scope, read_json(scope) | {"texts": 1, "scope": "Intervals over 1 training seed."})
    table(project / "reports/evaluate/agreement.csv", [{"arm": "real", "budget": "", "gamma": 0.0, "texts": 1, "accuracy": 1, "fitted": "", "r2": "", "rho": ""}])  # fmt: skip
    generator = params.generator.model_copy(update={"shots": 1})
    select = params.select.model_copy(update={"budgets": [1]})
    return params.model_copy(update={"generator": generator, "select": select}), task


def default(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    return params, task


def nothing_asked(project: Path, params: Params, task: Task) -> Given:  # noqa: F811
    params, task = nothing_kept(project, params, task)
    for name in ("generated/plan", "synthetic/removed"):
        write_rows(project / f"data/{name}.jsonl", [])
    generator = params.generator.model_copy(update={"texts": 0})
    return params.model_copy(update={"generator": generator}), task


SHAPES: dict[Callable[..., Given], str] = {
    default: 'Trained on the synthetic texts alone the classifier reaches a <span class="whole">macro-F1</span> of <b>0.60</b>',
    several_questions: "What of ",
    failed_check: "1 of 2 checks fails",
    no_labels: "No scores: There are no predictions.",
    many_arms: "48 chosen by badge + synthetic",
    one_seed: "One seed shows ties alone",
    forty_labels: "and 28 more",
    long_labels: "and whatever else",
    right_to_left: 'dir="auto" lang="ar">الحافلة',
    not_latin: 'lang="zh">12号线的公交车',
    one_of_each: "Trained on 1 synthetic text alone, with 1 label behind them",
    nothing_kept: "0 of 5 planned texts were kept, and the one check holds.",
    nothing_asked: "Here none were asked for: classifiers learn from real texts alone.",
    nothing_selected: "Synthetic texts alone instead of all labelled texts",
    label_missing_in_test: '<th scope="row"><bdi>housing</bdi></th><td class="n" style="--share:0%">0</td>',
    recorded: "48 recorded texts of gpt-4o (of 50), drawn by seed 1; the prompts of all are known; nothing was sent",
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_each_kind_of_run_has_its_page_of_less_than_a_megabyte(
    project: Path,  # noqa: F811
    given: Given,  # noqa: F811
    shape: Callable[..., Given],
) -> None:
    report.run(*shape(project, *given), "")
    assert SHAPES[shape] in page(project)
    assert len(page(project).encode()) < 1_000_000


def test_recorded_texts_claim_no_prompt_no_token_and_no_path(project: Path, given: Given) -> None:  # noqa: F811
    report.run(*recorded(project, *given), "")
    found = page(project)
    assert not re.search(r"\btokens?\b", found, re.IGNORECASE)
    assert "Prompts" not in found.split('<h2 id="again">')[1].split("</table>")[0]
    assert "Sampling" not in found
    assert "labelled example" not in found.split("</header>")[0]
    assert "/home/me" not in found


def test_one_of_a_kind_is_told_in_the_singular(project: Path, given: Given) -> None:  # noqa: F811
    report.run(*one_of_each(project, *given), "")
    found = re.sub(r"<[^>]*>", " ", page(project).split("</style>")[1])
    plural = re.findall(r"(?<![\d.,] )(?<!of )\b1 (?:[a-z]+ ){0,2}(?:texts|labels|rows|seeds|shots|answers|tokens|checks|examples|runs|questions|classifiers)\b", found)  # fmt: skip
    assert plural == []


def test_texts_without_a_label_are_listed_open_to_be_labelled(project: Path, given: Given) -> None:  # noqa: F811
    report.run(*no_labels(project, *given), "")
    found = page(project)
    listed = found.split('<h2 id="label">')[1].split("</section>")[0]
    assert "2 texts, those listed here." in listed
    assert '<bdi class="tag">p1</bdi>' in listed.split("<details>")[0]


def test_with_many_arms_the_figure_and_its_table_hold_the_largest_budget_and_the_folded_table_all(
    project: Path,  # noqa: F811
    given: Given,  # noqa: F811
) -> None:
    report.run(*many_arms(project, *given), "")
    first, folded = page(project).split("<summary>All scores", 1)
    assert "30 classifiers of smaller budgets stand in the table" in first.replace("\n", " ")
    assert "48 chosen by CAL" in first
    assert "24 chosen by CAL" not in first
    assert "24 chosen by CAL" in folded


BROWSER = os.environ.get("AXE_CORE", "")


@pytest.mark.slow
@pytest.mark.skipif(not BROWSER or not importlib.util.find_spec("PySide6"), reason="AXE_CORE and PySide6 are not here")
@pytest.mark.parametrize("width_and_scheme", [("1200", "light"), ("390", "dark")], ids="-".join)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_axe_finds_nothing_and_nothing_hangs_over_the_screen(
    project: Path,  # noqa: F811
    given: Given,  # noqa: F811
    shape: Callable[..., Given],
    width_and_scheme: tuple[str, str],
) -> None:
    report.run(*shape(project, *given), "")
    command = [sys.executable, str(ROOT / "tests/browser.py"), str(project / "reports/report.html"), BROWSER]
    done = subprocess.run([*command, *width_and_scheme], capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["axe"] == []
    assert found["passed"] > 20
    assert found["hanging"] <= 0
    assert found["dark"] is (width_and_scheme[1] == "dark")
    said = [key["said"] for key in found["keys"]]
    assert said[0] == "To the answer"
    assert said.index("What came out") < said.index("How to reproduce it") < said.index("Command for this run")
    assert [key for key in found["keys"] if not key["outlined"]] == []
    assert found["opened"] is True


NAMED = "data/labels/city-topics.jsonl"


def to_label(project: Path, given: Given, answered: dict[str, int | None]) -> str:  # noqa: F811
    """The part of the page on labelling, where people label three texts, of which each strategy chose two."""
    params, task = given
    params = params.model_copy(update={"select": params.select.model_copy(update={"labels": NAMED})})
    pool = [Row(id=name, text=f"Text {name} of the street") for name in ("p1", "p2", "p3")]
    write_rows(project / "data/real/pool.jsonl", pool)
    for strategy, chosen in (("random", ("p1", "p2")), ("sqbc", ("p1", "p3"))):
        ranks = [SelectedRow(seed=1, budget=2, rank=rank, id=name, score=0.0) for rank, name in enumerate(chosen, 1)]
        write_rows(project / f"data/selected/{strategy}.jsonl", ranks)
    labels = [
        Labelled(id=row.id, digest=digest(row.text), votes={"me": "housing"}, round=answered[row.id])
        for row in pool
        if row.id in answered
    ]
    write_labels(project / NAMED, labels)
    report.run(params, task, "")
    found = page(project).split('<h2 id="label">')[1].split("<details>")[0]
    return " ".join(re.sub(r"<[^>]*>", "", found).split())


def test_what_to_label_now_asks_for_the_texts_that_it_lists_and_says_what_all_are_for(
    project: Path,  # noqa: F811
    given: Given,  # noqa: F811
) -> None:
    said = to_label(project, given, {})
    assert "2 texts, those listed here." in said
    assert "standin label --strategy random asks for these labels" in said
    assert "standin label export texts.csv --strategy random writes" in said
    assert "To compare the strategies, label what each of them chose, 3 texts in all (3 are unanswered)" in said
    assert "standin run trains on them, and standin label next closes the round" in said


def test_what_to_label_now_asks_for_nothing_that_is_answered(project: Path, given: Given) -> None:  # noqa: F811
    said = to_label(project, given, {"p1": None, "p2": None})
    assert "Nothing at this budget: all 2 texts that would come first have a label already." in said
    assert "export" not in said
    assert "1 text that another strategy chose has no answer yet: standin label asks for them" in said
    assert "standin label next closes the round" in said
    said = to_label(project, given, {"p1": None, "p2": None, "p3": None})
    assert "Every text of the pool has an answer. standin data add city-topics FILE --unlabelled --replace" in said
    assert "label next" not in said
    assert "standin label " not in said


def test_of_labels_known_beforehand_the_commands_are_those_for_texts_of_ones_own(
    project: Path,  # noqa: F811
    given: Given,  # noqa: F811
) -> None:
    report.run(*given, "")
    said = " ".join(re.sub(r"<[^>]*>", "", page(project).split('<h2 id="label">')[1]).split())
    assert "With texts of your own, standin label --strategy" in said
    assert "standin run -S select.labels=data/labels/city-topics.jsonl trains on them" in said


def test_where_no_text_is_held_out_nothing_is_said_of_its_neighbours() -> None:
    found = held_out_notes({"real_texts": {"pool": 120, "test": 0, "validation": 0}}, {"pool_texts_like_test": 0})
    assert found == ["There are no test texts yet, so no text was compared with them."]
    known = {"real_texts": {"pool": 120, "test": 40, "validation": 0}}
    assert any("lies as near to a test text" in note for note in held_out_notes(known, {"pool_texts_like_test": 0}))
