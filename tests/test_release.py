"""The example's data sets are released inside the repository: any clone can pull them, without account or network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
RELEASED = ("data/real", "data/generated", "data/synthetic")


def run(folder: Path, *command: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    env = kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_fresh_clone_pulls_the_released_data_and_its_lock_is_current(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    run(tmp_path, "git", "clone", "-q", str(ROOT), str(clone))
    assert not (clone / "data/synthetic").exists()
    run(clone, "dvc", "pull", "--remote", "released", *RELEASED)
    assert (clone / "data/synthetic/texts.jsonl").read_text(encoding="utf-8").count("\n") > 50
    stages = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    assert {out["path"] for stage in stages.values() for out in stage.get("outs", [])} >= set(RELEASED)
    assert "Running stage" not in run(clone, "dvc", "repro", "--dry", "--allow-missing")
