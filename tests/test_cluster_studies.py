"""A study over a cluster: its runs come back as experiments and are not made twice; they are of what is committed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_cluster import nodes  # noqa: F401  a fixture
from test_pipeline import Project, small_project
from test_studies_run import STUDY

from standin.studies import records

pytest.importorskip("ray", reason="Ray is not installed: `make test-ray` does that")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
GRID = {"validate.min_texts_per_label": [1, 6], "base.seed": [1]}
FAR = "outs:\n- md5: 0123456789abcdef0123456789abcdef.dir\n  size: 9\n  nfiles: 1\n  hash: md5\n  path: far\n"
"""Data of a task that the study does not read, which this machine lacks."""
FIRST = "small-city-topics-min_texts_per_label-1-seed-1"
"""Of six texts a label some are copies, so that the second run fails at its gate."""


@pytest.fixture
def project(nodes: Any, tmp_path: Path) -> Project:  # noqa: F811
    made = small_project(tmp_path / "a project")
    columns = {name: column | {"at": {"validate.min_texts_per_label": 1}} for name, column in STUDY["columns"].items()}
    study = STUDY | {"grid": GRID, "columns": columns, "subsets": {"first": {"validate.min_texts_per_label": [1]}}}
    (made.root / "studies/small.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    made.change(runtime={"threads": 1, "cluster": nodes.address})
    (made.root / "data/raw/far.dvc").write_text(FAR, encoding="utf-8")
    made.run("git", "add", "-A")
    made.run("git", "commit", "-qam", "a cluster")
    return made


def test_runs_of_a_cluster_come_back_as_experiments_and_are_not_made_again(project: Project) -> None:
    def experiments() -> list[str]:
        return project.run("git", "for-each-ref", "refs/exps", "--format=%(refname)").splitlines()

    said = project.run("standin", "study", "run", "small", "--cluster", fails=True)
    assert f"{FIRST}: made in" in said
    assert "min_texts_per_label-6-seed-1: failed; the others go on" in said
    assert "1 run made; failed: small-city-topics-min_texts_per_label-6-seed-1" in said
    path = project.root / f"studies/small/{FIRST}.json.gz"
    first = records.read(path)
    (made,) = [ref for ref in experiments() if FIRST in ref]
    assert [run.data.params["base.seed"] for run in project.mlflow_runs() if "real_probe" in str(run.data.params)] == [
        "1"
    ]
    assert not list((project.root / ".standin/cluster/checkouts").iterdir())

    path.unlink()
    project.run("git", "update-ref", "-d", made)
    said = project.run("standin", "study", "run", "small", "--cluster", "--subset", "first")
    assert f"{FIRST}: was made before (1 of 1)" in said
    assert experiments() == [made]
    assert records.read(path) == replace(first, seconds=0)

    path.unlink()
    (project.root / "src/standin/stages/arms.py").open("a").write("# another commit\n")
    project.run("git", "commit", "-qam", "a change of code")
    said = project.run("standin", "study", "run", "small", "--cluster", "--subset", "first")
    assert f"{FIRST}: made in" in said
    again = [ref for ref in experiments() if ref.endswith(f"/{FIRST}-{made.rpartition('-')[2]}")]
    assert len(again) == 2
    assert records.read(path).answers == first.answers


def test_a_cluster_makes_what_is_committed(project: Project) -> None:
    project.change(evaluate={"resamples": 300})
    said = project.run("standin", "study", "run", "small", "--cluster", fails=True)
    assert "the last commit, from which params.yaml differs: `git commit` it" in said
    said = project.run("standin", "study", "run", "small", "--cluster", "--queue", fails=True)
    assert "give one of them" in said
