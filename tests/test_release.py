"""The example's data sets are released inside the repository: any clone can pull them, without account or network."""

import hashlib
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


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_the_committed_lock_belongs_to_the_code_parameters_and_tables_as_they_are() -> None:
    """What `dvc repro` would find, without asking DVC: code, parameters and committed tables of every stage."""
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]
    stated = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert {name.split("@")[0] for name in lock} == set(stated)
    for name, stage in lock.items():
        for entry in [*stage.get("deps", []), *stage.get("outs", [])]:
            path = ROOT / entry["path"]
            if entry["path"].startswith(("src/", "reports/")) and path.is_file() and path.suffix != ".html":
                assert md5(path) == entry["md5"], f"{name}: {entry['path']} has changed: run `make release-example`"
        for file, values in stage.get("params", {}).items():
            now = yaml.safe_load((ROOT / file).read_text())
            for key, value in values.items():
                found = now
                for part in key.split("."):
                    found = found[part]
                if not (name == "track" and key in {"runtime", "tracking"}):
                    assert found == value, f"{name}: {file}: {key} has changed: run `make release-example`"


@pytest.mark.slow
def test_a_fresh_clone_pulls_the_released_data_and_nothing_else_is_needed(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    run(tmp_path, "git", "clone", "-q", str(ROOT), str(clone))
    assert not (clone / "data/synthetic").exists()
    run(clone, "dvc", "pull", *RELEASED)
    assert (clone / "data/synthetic/texts.jsonl").read_text(encoding="utf-8").count("\n") > 50
