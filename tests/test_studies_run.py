"""A study as a person runs it, in a small copy of the project, with real models."""

import re
from pathlib import Path

import pytest
import yaml
from test_pipeline import small_project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]

STUDY = {
    "name": "small",
    "title": "A small study",
    "paper": "Nobody (2026)",
    "tasks": ["city-topics"],
    "grid": {"generator.shots": [0], "base.seed": [1, 2]},
    "arms": {"real_probe": ["real", "probe"], "synthetic_probe": ["synthetic", "probe"]},
    "columns": {
        "real": {"title": "real", "arm": "real_probe"},
        "zero": {"title": "zero-shot", "arm": "synthetic_probe"},
    },
    "tables": [{"title": "Scores", "columns": ["real", "zero"]}],
    "claims": [{"says": "Synthetic is worse", "first": "zero", "expect": "lower", "second": "real"}],
    "subsets": {"first": {"base.seed": [1]}},
    "differs": ["in all"],
}


def test_a_study_is_planned_run_in_pieces_gone_on_with_and_read(tmp_path: Path) -> None:
    project = small_project(tmp_path / "a project")
    (project.root / "studies/small.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    before = project.run("git", "status", "--porcelain")
    assert "city-topics: 0 runs made, 2 to make, 48 texts to generate" in project.run(
        "standin", "study", "plan", "small"
    )
    said = project.run("standin", "study", "run", "small", "--subset", "first")
    assert "docs/studies/small.md: 1 run of 2" in said
    page = project.root / "docs/studies/small.md"
    assert "1 of 2 runs are made" in page.read_text(encoding="utf-8")
    said = project.run("standin", "study", "run", "small")
    assert "run 1 of 1: small-city-topics-shots-0-seed-2" in said
    assert "1 run made; the grid is whole" in said
    assert "0 runs made; the grid is whole" in project.run("standin", "study", "run", "small")
    kept = sorted(path.name for path in (project.root / "studies/small").iterdir())
    assert kept == [f"small-city-topics-shots-0-seed-{seed}.json.gz" for seed in (1, 2)]
    text = page.read_text(encoding="utf-8")
    assert "2 of 2 runs are made: 1 task, 2 base seeds each, the same for all columns" in text
    assert re.search(r"\| city-topics \| 0\.\d{3} \(0\.\d\d to [01]\.\d\d\)(?: †)? \| 0\.\d{3}", text)
    written = ("?? docs/studies/small.", "?? studies/small/")
    status = project.run("git", "status", "--porcelain").splitlines(keepends=True)
    after = "".join(line for line in status if not line.startswith(written))
    assert after == before, "the workspace is as it was: runs are made in copies"
    made = [run.data.params["base.seed"] for run in project.mlflow_runs() if "real_probe" in str(run.data.params)]
    assert sorted(made) == ["1", "2"]
