"""The report says what the numbers say, escapes what people wrote, and loads nothing from elsewhere."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from standin.config import Params, load_params
from standin.corpus import Removed, SyntheticRow, write_json, write_json_lines, write_rows
from standin.report import content, words
from standin.report.page import number
from standin.stages import report
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]
LABELS = ["transport", "environment", "housing", "community"]
ARMS = ["real", "synthetic", "random", "sqbc", "random_synthetic", "sqbc_synthetic"]


def compared(a: str, b: str, difference: float, low: float, high: float) -> dict[str, Any]:
    verdict = "higher" if low > 0 else "lower" if high < 0 else "no difference"
    return {"arm_a": a, "arm_b": b, "measure": "macro_f1", "difference": difference, "low": low, "high": high,
            "verdict": verdict}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (compared("sqbc", "random", 0.05, 0.01, 0.09), "sqbc is higher than random by 0.050 macro-F1 (+0.050, interval +0.010 to +0.090)"),
        (compared("synthetic", "real", -0.1, -0.2, -0.05), "synthetic is lower than real by 0.100 macro-F1 (-0.100, interval -0.200 to -0.050)"),
        (compared("sqbc", "random", 0.01, -0.02, 0.04), "sqbc and random: no difference beyond the noise (+0.010, interval -0.020 to +0.040)"),
    ],
)  # fmt: skip
def test_a_difference_is_told_as_its_interval_allows(row: dict[str, Any], sentence: str) -> None:
    assert words.difference(row) == sentence


def test_a_comparison_stored_the_other_way_round_is_mirrored() -> None:
    found = words.find([compared("real", "synthetic", 0.2, 0.1, 0.3)], "synthetic", "real")
    assert found is not None
    assert (found["difference"], found["low"], found["high"], found["verdict"]) == (-0.2, -0.3, -0.1, "lower")
    assert words.find([], "synthetic", "real") is None


def test_the_answer_asks_synthetic_against_real_first() -> None:
    rows = [compared("real", "synthetic", 0.2, 0.1, 0.3), compared("random", "sqbc", 0.0, -0.1, 0.1)]
    first, second = words.answer(rows, ARMS)
    assert first.startswith("synthetic is lower than real")
    assert second.startswith("sqbc and random: no difference")


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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports"
    nasty = 'The bus <script>alert("late")</script> & the tram'
    write_rows(tmp_path / "data/synthetic/texts.jsonl", [kept(f"k{i}", label, nasty) for i, label in enumerate(LABELS)])
    write_rows(tmp_path / "data/synthetic/removed.jsonl", [gone("r1", "transport", "duplicate")])
    write_json_lines(tmp_path / "data/generated/plan.jsonl", ({"label": label} for label in ["transport", *LABELS]))
    write_json(reports / "prepare/metrics.json", {"real_texts": {"pool": 240, "test": 288}})
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
        write_json(reports / f"select/{strategy}/metrics.json", {"texts_ranked": 240, "tie_share": {"48": 0.1}})
    write_json(
        reports / "arms/metrics.json", {"arm_texts": dict.fromkeys(ARMS, 48), "arm_labels": {"sqbc": {"housing": 48}}}
    )
    write_json(
        reports / "evaluate/scope.json",
        {"confidence": 0.95, "scope": "Intervals over 3 seeds.", "skipped_arms": [], "texts": 288},
    )
    table(
        reports / "evaluate/scores.csv",
        [{"arm": arm, "budget": "", "measure": measure, "value": 0.6, "low": 0.5, "high": 0.7, "seeds": 3, "texts": 288} for arm in ARMS for measure in ("macro_f1", "accuracy")],
    )  # fmt: skip
    for name in ("scope.json", "scores.csv", "comparisons.csv"):
        write_to = reports / "seeds" / name
        write_to.parent.mkdir(exist_ok=True)
        write_to.write_bytes((ROOT / "reports/seeds" / name).read_bytes())
    row = compared("real", "synthetic", 0.2, 0.1, 0.3)
    table(reports / "evaluate/comparisons.csv", [{**row, "budget": "", "verdict_holm": row["verdict"]}])
    table(reports / "evaluate/agreement.csv", [{"arm": arm, "budget": "", "gamma": g, "texts": 6, "accuracy": 0.5} for arm in ARMS for g in (0.0, 1.0)])  # fmt: skip
    table(reports / "evaluate/confusion.csv", [{"arm": "real", "label": a, "predicted": b, "count": 3} for a in LABELS for b in LABELS])  # fmt: skip
    return tmp_path


@pytest.fixture(scope="module")
def given() -> tuple[Params, Task]:
    return load_params(ROOT), load_task("city-topics", ROOT)


def page(project: Path) -> str:
    return (project / "reports/report.html").read_text(encoding="utf-8")


def test_the_page_is_whole_escaped_self_contained_and_the_same_each_time(
    project: Path, given: tuple[Params, Task]
) -> None:
    assert report.run(*given, "")["figures"] == 3
    first = page(project)
    assert "<script" not in first
    assert "&lt;script&gt;alert(" in first
    assert not re.search(r"""(?:href|src)\s*=\s*["'](?!#)""", first)
    assert first.count("<figure") == first.count('role="img" aria-label="') == 3
    assert all(arm in first for arm in ARMS)
    assert "synthetic is lower than real by 0.200" in first
    assert "an LLM panel stands in" in first
    report.run(*given, "")
    assert page(project) == first


def test_only_demonstration_tasks_carry_the_banner(project: Path, given: tuple[Params, Task]) -> None:
    params, task = given
    report.run(params, task, "")
    assert "The figures are no evidence" in page(project)
    report.run(params, task.model_copy(update={"demonstration": False, "published": {"F1": "0.9 (recalled)"}}), "")
    assert "The figures are no evidence" not in page(project)
    assert "0.9 (recalled)" in page(project)


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
    assert report.run(*given, "")["figures"] == 0
    assert "No scores: There are no predictions." in page(project)


def test_runs_over_base_seeds_come_first_where_they_belong_to_the_page_and_are_named_stale_elsewhere(
    project: Path, given: tuple[Params, Task]
) -> None:
    from standin.evaluation.recipe import evaluated, recipe

    report.run(*given, "")
    assert "then <code>standin seeds</code>" in page(project)
    assert "Over base seeds" not in page(project)
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
    first = shown.index("real is higher than random by 0.120 macro-F1 (interval +0.100 to +0.140)")
    assert shown.index("Over base seeds 1, 2") < first < shown.index("synthetic is lower than real by 0.200")
    assert "0.690, 0.710" in shown
    write_json(project / "reports/seeds/scope.json", {**said, "recipe": "another"})
    report.run(*given, "")
    assert "were made with other parameters or another task, so they are not shown" in page(project)
    assert "Over base seeds" not in page(project)
