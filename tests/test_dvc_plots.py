"""What DVC draws: templates that fit the tables, figures that hold their data, a page that needs no network."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_project import ToyProject

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / ".dvc/plots"
REVISIONS = ("HEAD", "worth-coho")
TABLES: dict[str, list[dict[str, Any]]] = {
    "intervals": [{"arm": arm, "budget": budget, "measure": measure, "value": 0.5, "low": 0.4, "high": 0.6, "seeds": 3, "texts": 9}
                  for arm, budget in (("real", ""), ("sqbc", "48")) for measure in ("macro_f1", "accuracy")],
    "intervals_by_question": [{"question_id": "q1", "arm": "real", "budget": "", "measure": "macro_f1", "value": 0.5, "low": 0.4, "high": 0.6, "seeds": 3, "texts": 9}],
    "intervals_by_label": [{"label": label, "arm": "real", "budget": "", "value": 0.5, "low": 0.4, "high": 0.6, "seeds": 3, "texts": 9} for label in ("pro", "con")],
    "differences": [{"arm_a": "sqbc", "arm_b": "real", "budget": "48", "measure": "macro_f1", "difference": 0.1, "low": 0.05, "high": 0.15, "verdict_holm": "higher", "p_holm": 0.01}],
    "task_scale": [{"task": task, "place": place, "subjectivity": place - 1.5, "low": -2, "high": 2, "win_rate": 0.5, "paper_stars": stars, "source": "llm_panel"} for task, place, stars in (("humor", 2, 5), ("mine", 1, ""))],
    "not_learned": [{"arm": "real", "budget": "", "question_id": "", "reason": "one label", "share": 0.95, "label": "pro"}],
    "by_agreement": [{"arm": "real", "budget": "", "gamma": 0.4, "texts": 9, "accuracy": 0.7}, {"arm": "real", "budget": "", "gamma": 1.0, "texts": 0, "accuracy": ""}],
    "reliability": [{"arm": "real", "budget": "", "low": low, "high": low + 0.1, "texts": 9, "probability": low + 0.05, "right": 0.7, "ece": 0.1, "lowest": 0.1, "highest": 0.1, "by_chance": 0.05} for low in (0.5, 0.9)],
    "confusion_counts": [{"arm": "real", "label": a, "predicted": b, "count": 7} for a in ("pro", "con") for b in ("pro", "con")],
    "curves_by_seed": [{"question_id": "", "budget": "48", "seed": seed, "step": step, "loss": 1 / step, "learning_rate": 0.1} for seed in (1, 2) for step in (1, 2)],
    "projection": [{"id": "a", "kind": kind, "label": "pro", "x": 0.1, "y": 0.2} for kind in ("real", "synthetic")],
    "selection": [{"panel": panel, "kind": kind, "id": "a", "x": 0.1, "y": 0.2} for panel in ("by SQBC", "at random") for kind in ("real", "synthetic", "selected")],
    "distribution": [{"kind": kind, "low": 3, "high": 5, "share": 0.5} for kind in ("real", "synthetic")],
    "label_shares": [{"kind": kind, "label": label, "texts": 5, "share": 0.5} for kind in ("real", "synthetic") for label in ("pro", "con")],
    "near_duplicates": [{"id": "a", "split": "pool", "other": "b", "jaccard": 0.8}],
    "texts_by_arm": [{"arm": "real", "budget": "", "seed": seed, "question_id": "", "label": label, "texts": 9, "generated": 4, "real_labels": 5} for seed in (1, 2) for label in ("pro", "con")],
}  # fmt: skip
"""Template -> rows as the stage writes them."""


def plots() -> dict[str, dict[str, Any]]:
    """Path of a table -> its properties in dvc.yaml."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    entries = [entry for stage in stages.values() for entry in stage.get("do", stage).get("plots", [])]
    return {path: properties for entry in entries for path, properties in entry.items()}


def filled(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A template as DVC fills it for two revisions."""
    from dvc_render import VegaRenderer

    properties = next(found for found in plots().values() if found["template"] == name)
    points = [{**{key: str(cell) for key, cell in row.items()}, "rev": rev} for rev in REVISIONS for row in rows]
    given = {key: properties[key] for key in ("x", "y", "title", "x_label", "y_label") if key in properties}
    renderer = VegaRenderer(points, name, template=name, template_dir=str(TEMPLATES), **given)
    return renderer.get_filled_template()  # type: ignore[no-any-return]


def test_every_table_that_dvc_draws_has_a_template_and_every_template_a_table() -> None:
    assert {properties["template"] for properties in plots().values()} == {
        path.stem for path in TEMPLATES.glob("*.json")
    }
    assert set(TABLES) == {path.stem for path in TEMPLATES.glob("*.json")}


@pytest.mark.parametrize("path", sorted(path for path in plots() if "$" not in path))
def test_the_columns_a_plot_names_stand_in_the_committed_table(path: str) -> None:
    properties = plots()[path]
    with (ROOT / path).open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    assert {properties["x"], properties["y"]} <= set(columns)
    assert set(TABLES[properties["template"]][0]) <= set(columns)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_template_draws_a_mark_for_every_revision(name: str) -> None:
    import vl_convert

    spec = filled(name, TABLES[name])
    assert "DVC_METRIC" not in json.dumps(spec), "an anchor that was not filled"
    svg = vl_convert.vegalite_to_svg(spec)
    marks = re.findall(r'<path aria-label="([^"]*)"', svg)
    for revision in REVISIONS:
        assert any(revision in mark for mark in marks) or f">{revision}<" in svg, revision
    assert "NaN" not in svg
    assert spec["title"]["text"] in svg


def test_confusions_show_the_counts_and_not_the_number_of_rows() -> None:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(filled("confusion_counts", TABLES["confusion_counts"]))
    assert len(re.findall(r">7</text>", svg)) == 8  # four cells, two revisions


def test_a_curve_is_one_seed() -> None:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(filled("curves_by_seed", TABLES["curves_by_seed"]))
    assert len(re.findall(r'aria-roledescription="line mark"', svg)) == 4  # two seeds, two revisions


def test_the_page_of_plots_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from standin.report import plots_page

    project = ToyProject(tmp_path)
    project.fake_results()
    project.edit("dvc.yaml", "      - reports/finetune/${key}/history.csv:\n          cache: false\n",
                 "      - reports/finetune/${key}/history.csv:\n          cache: false\n          template: curves_by_seed\n"
                 "          x: step\n          y: loss\n")  # fmt: skip
    project.write("reports/finetune/synthetic/history.csv", "question_id,budget,seed,step,loss\n")
    project.init_git()
    project.dvc("init", "-q")
    shutil.copytree(TEMPLATES, tmp_path / ".dvc/plots", ignore=shutil.ignore_patterns("page.html"))
    monkeypatch.chdir(tmp_path)
    plots_page.install()
    project.dvc("plots", "show")
    text = (tmp_path / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link)[^>]+(?:src|href)=", text)
    assert "window.vegaEmbed=" in text
    assert "vegaEmbed('#reports_finetune_real_history_csv'" in text
    assert "var spec = {};" in text, "the empty table, which the page takes out"
    assert "{plot_divs}" not in text
    assert "{refresh_tag}" not in text
