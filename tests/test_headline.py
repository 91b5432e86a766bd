"""The few figures a run is judged by, and that DVC shows them and no others."""

import json
from pathlib import Path
from typing import Any

import pytest
from toy_project import PIPELINE, ToyProject

from standin.corpus import read_json, write_json, write_metrics
from standin.report.headline import headline, shown_by_dvc
from standin.stages.track import closing
from standin.tracking.contents import split_metrics

ARMS = {
    "real": ["real"],
    "synthetic": ["synthetic"],
    "sqbc": ["sqbc"],
    "sqbc_synthetic": ["sqbc", "synthetic"],
    "random": ["random"],
    "random_synthetic": ["random", "synthetic"],
}


def scored(arm: str, value: float, budget: str = "", measure: str = "macro_f1") -> dict[str, str]:
    return {"arm": arm, "budget": budget, "measure": measure, "value": str(value), "low": "0.1", "high": "0.9"}


def compared(a: str, b: str, difference: float, budget: str = "48", measure: str = "macro_f1") -> dict[str, str]:
    numbers = {"difference": str(difference), "low": str(difference - 0.05), "high": str(difference + 0.05)}
    return {"arm_a": a, "arm_b": b, "budget": budget, "measure": measure, "verdict_holm": "higher", **numbers}


def counted(arm: str, seed: int, real: int, budget: str = "48", label: str = "pro") -> dict[str, str]:
    return {"arm": arm, "budget": budget, "seed": str(seed), "question_id": "", "label": label, "texts": "9",
            "generated": "0", "real_labels": str(real)}  # fmt: skip


def figures(**changed: Any) -> dict[str, Any]:
    given = {
        "arms": ARMS,
        "scores": [scored("real", 0.8), scored("random", 0.5, "24"), scored("random", 0.6, "48"),
                   scored("random", 0.9, "48", "accuracy"), scored("majority", 0.1)],
        "comparisons": [compared("sqbc_synthetic", "sqbc", 0.3), compared("random_synthetic", "random", 0.1, "24"),
                        compared("random_synthetic", "random", 0.2), compared("random_synthetic", "random", 0.4,
                                                                              measure="accuracy")],
        "texts": [counted("random", 1, 20), counted("random", 1, 28, label="con"), counted("random", 2, 40),
                  counted("random", 2, 10, label="con"), counted("random", 1, 7, budget="24")],
        "generated": {"planned": 168, "tokens_in": 1000, "tokens_out": 200},
        "curated": {"kept_share": 0.75},
        "diversity": {"synthetic": {"chamfer_cosine": 0.3}, "real": {"chamfer_cosine": 0.4}, "texts_compared": 41,
                      "similarity_coverage": 0.2, "similarity_of_real_halves": 0.25},
    }  # fmt: skip
    return headline(**{**given, **changed})


def test_the_figures_are_those_of_the_largest_budget_and_of_random_choice() -> None:
    assert figures() == {
        "chamfer_ratio": 0.75,
        "chamfer_texts": 41,
        "coverage": 0.8,
        "gained": {"difference": 0.2, "low": pytest.approx(0.15), "high": 0.25},
        "kept_share": 0.75,
        "labels_spent": 49,  # 20 + 28 in seed 1, 40 + 10 in seed 2
        "macro_f1": {"real": 0.8, "random": 0.6},
        "texts_generated": 168,
        "tokens": 1200,
    }


def test_without_a_random_arm_the_first_arm_with_a_counterpart_speaks() -> None:
    arms = {name: sources for name, sources in ARMS.items() if "random" not in sources}
    assert figures(arms=arms)["gained"]["difference"] == 0.3
    assert "gained" not in figures(arms={"real": ["real"], "synthetic": ["synthetic"]})


def test_a_pair_that_is_stored_the_other_way_round_is_turned() -> None:
    assert figures(comparisons=[compared("random", "random_synthetic", -0.2)])["gained"]["difference"] == 0.2


def test_what_was_not_measured_is_left_out() -> None:
    empty = figures(scores=[], comparisons=[], texts=[], generated={}, curated={}, diversity={})
    assert empty == {}
    assert shown_by_dvc(empty, ARMS) == {}
    assert "coverage" not in figures(diversity={"similarity_coverage": 0.2})


def test_dvc_shows_short_names_and_three_digits() -> None:
    shown = shown_by_dvc(figures(scores=[scored("all", 0.81234), scored("made", 0.7)]), {"all": ["real"], "made": ["synthetic"]})  # fmt: skip
    assert shown == {"real": 0.812, "synthetic": 0.7, "gained": 0.2, "kept": 0.75, "chamfer": 0.75, "coverage": 0.8}
    width = (
        len("├── 1234567 [a-name-of-20-letters]") + len("Nov 26, 2026") + sum(max(7, len(name)) + 2 for name in shown)
    )
    assert width < 120


def test_metrics_in_a_list_are_read_as_what_they_are(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.json", {"rows": 3})
    assert json.loads((tmp_path / "metrics.json").read_text()) == [{"rows": 3}]
    assert read_json(tmp_path / "metrics.json") == {"rows": 3}
    write_json(tmp_path / "old.json", {"rows": 3})
    assert read_json(tmp_path / "old.json") == {"rows": 3}
    write_json(tmp_path / "rows.json", [{"a": 1}, {"a": 2}])
    assert read_json(tmp_path / "rows.json") == [{"a": 1}, {"a": 2}]
    assert split_metrics("prepare", [{"rows": 3, "by": "toy"}]) == ({"prepare.rows": 3.0}, {"prepare.by": "toy"})  # type: ignore[arg-type]


def test_dvc_shows_no_number_of_a_stage_s_metrics(tmp_path: Path) -> None:
    project = ToyProject(tmp_path)
    project.fake_results()
    project.init_git()
    project.dvc("init", "-q")
    write_metrics(tmp_path / "reports/prepare/metrics.json", {"rows": 3, "by": "toy", "nested": {"deep": 1}})
    project.write("dvc.yaml", PIPELINE + "metrics:\n- reports/metrics.json\n")
    project.write("reports/metrics.json", '{"real": 0.8}')
    shown = json.loads(project.dvc("metrics", "show", "--json"))[""]["data"]
    assert shown["reports/prepare/metrics.json"]["data"] == {}
    assert shown["reports/metrics.json"]["data"] == {"real": 0.8}


def test_the_last_stage_says_where_the_report_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert closing() == "report: reports/report.html; `standin compare` puts experiments side by side"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path.parent))  # as in the copy that DVC's queue runs in and then removes
    assert "`dvc exp apply` brings" in closing()
