"""Where results go: the shipped config writes nowhere else, released data comes without a remote's name, people share."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_project import ToyProject

from standin import stores

ROOT = Path(__file__).resolve().parents[1]
RELATIVE_URL_OUTSIDE = (Path("/storage"), Path("/dvcstore"), Path("/released"))


@pytest.fixture
def project(tmp_path: Path) -> ToyProject:
    """The toy project with the shipped DVC config and a released data set, in a clone where nothing has run."""
    toy = ToyProject(tmp_path / "project with a space")
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.name", "T"),
        ("config", "user.email", "t@example.org"),
    ):
        toy.run("git", *words)
    toy.dvc("init", "-q")
    shutil.copy(ROOT / ".dvc/config", toy.root / ".dvc/config")
    shutil.copytree(ROOT / "proc", toy.root / "proc", symlinks=True)
    ignored = "__pycache__/\n/.standin/\n/mlflow.db*\n/mlartifacts/\n/storage/\nreports/**/timing.json\n"
    toy.write(".gitignore", ignored)
    toy.write(".dvcignore", ignored + "/dvcstore/\n/proc/\n")
    (toy.root / "dvcstore").mkdir()
    toy.commit("start")
    return toy


def released(project: ToyProject) -> None:
    """The maintainer's part: run, release, commit."""
    project.dvc("repro")
    project.dvc("push", "--remote", "released", "data/real")
    project.commit("results and released data")


def clone(project: ToyProject, name: str) -> ToyProject:
    """A second clone, without the files that ToyProject writes."""
    there = object.__new__(ToyProject)
    there.root = project.root.parent / name
    project.run("git", "clone", "-q", str(project.root), str(there.root))
    for key, value in (("user.name", "T"), ("user.email", "t@example.org")):
        there.run("git", "config", key, value)
    return there


def stored(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob("files/md5/*/*")}


def with_config(root: Path, committed: str, local: str | None = None) -> str:
    (root / ".dvc").mkdir(exist_ok=True)
    (root / ".dvc/config").write_text(committed)
    if local is not None:
        (root / ".dvc/config.local").write_text(local)
    stores.settle(root)
    found = root / ".dvc/config.local"
    return found.read_text() if found.exists() else ""


RELEASED = "[core]\n    remote = released\n['remote \"released\"']\n    url = ../proc/released\n"
OWN = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../storage\n"
SHARED = "[core]\n    remote = shared\n['remote \"shared\"']\n    url = s3://b/p\n    endpointurl = http://h\n"


def test_a_clone_gets_a_default_remote_of_its_own_that_begins_with_the_released_data(tmp_path: Path) -> None:
    (tmp_path / "dvcstore/files/md5/ab").mkdir(parents=True)
    (tmp_path / "dvcstore/files/md5/ab/cd").write_text("data")
    assert with_config(tmp_path, RELEASED) == OWN
    assert (tmp_path / "storage/files/md5/ab/cd").read_text() == "data"
    before = (tmp_path / ".dvc/config.local").stat().st_mtime_ns
    stores.settle(tmp_path)
    assert (tmp_path / ".dvc/config.local").stat().st_mtime_ns == before


def test_the_lists_of_all_folders_of_the_lock_are_released_without_their_content(tmp_path: Path) -> None:
    cache = tmp_path / ".dvc/cache/files/md5/ab"
    cache.mkdir(parents=True)
    for name, content in (("c1.dir", "[]"), ("c2", "text"), ("c3.dir", "[1]")):
        (cache / name).write_text(content)
    outs = [{"path": "data/arms", "md5": "abc1.dir"}, {"path": "data/x.jsonl", "md5": "abc2"}]
    lock = {"stages": {"a": {"outs": outs}, "b": {"cmd": "x"}}}
    (tmp_path / "dvc.lock").write_text(json.dumps(lock))
    assert stores.release_lists(tmp_path) == 1
    released = tmp_path / "dvcstore"
    assert [path.relative_to(released).as_posix() for path in released.rglob("*.*")] == ["files/md5/ab/c1.dir"]


def test_a_committed_default_takes_the_place_of_the_own_one_and_keeps_what_only_this_clone_knows(
    tmp_path: Path,
) -> None:
    local = OWN + "['remote \"shared\"']\nsecret_access_key = mine, with a comma\n"
    found = with_config(tmp_path, SHARED, local)
    assert "remote = shared" in found
    assert "url = s3://b/p" in found
    assert "endpointurl = http://h" in found
    assert "mine, with a comma" in found
    moved = with_config(tmp_path, SHARED.replace("s3://b/p", "s3://other"))
    assert "url = s3://other" in moved
    assert "s3://b/p" not in moved


def test_what_a_person_has_set_for_this_clone_stays_as_it_is(tmp_path: Path) -> None:
    own = "# mine\n[core]\n    remote = shared\n['remote \"shared\"']\n    # faster\n    url = s3://near/p\n    password = s3cret\n"
    found = with_config(tmp_path, SHARED, own)
    for line in own.splitlines():
        assert line in found
    assert with_config(tmp_path, SHARED.replace("s3://b/p", "s3://other")) == found
    disk = with_config(tmp_path, RELEASED, OWN.replace("../storage", "/big/disk"))
    assert "url = /big/disk" in disk
    assert not (tmp_path / "storage").exists()


def test_a_broken_file_of_settings_is_left_alone(tmp_path: Path) -> None:
    broken = "[cache\n    dir = /big/cache\n['remote \"shared\"']\n    password = s3cret\n"
    assert with_config(tmp_path, SHARED, broken) == broken


def test_a_default_chosen_for_one_clone_alone_stays(tmp_path: Path) -> None:
    local = "[core]\nremote = mine\n['remote \"mine\"']\nurl = /data/mine\n"
    assert with_config(tmp_path, RELEASED, local) == local
    assert not (tmp_path / "storage").exists()


def test_without_a_default_remote_or_with_a_broken_config_nothing_is_written(tmp_path: Path) -> None:
    assert with_config(tmp_path, "[core]\n    analytics = false\n") == ""
    assert with_config(tmp_path, "[core\n") == ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ssh://u:secret/w@host/path", "holds a password"),
        ("../store", "a relative folder is another place to every clone"),
        ("", "an empty address"),
        ("s3://me:secret@bucket/path", "holds a password"),
        ("ftp://host/path", "not one of s3://, gs://, ssh://, azure://, nor an absolute folder"),
        ("azure://container", "pip install dvc-azure"),
    ],
)
def test_an_address_that_others_could_not_use_is_refused(
    url: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from standin.cli import main

    if url.startswith("azure") and importlib.util.find_spec("dvc_azure"):
        pytest.skip("dvc-azure is installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.setattr(sys, "argv", ["standin", "share", url])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 1
    assert why in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("words", "committed", "why"),
    [
        (["--endpoint", "https://me:secret@minio.example.org"], RELEASED, "--endpoint holds a password"),
        ([], SHARED + "    secret_access_key = secret\n", "holds secret_access_key, and it would be committed"),
    ],
)
def test_a_secret_is_not_committed(
    words: list[str], committed: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from standin.cli import main

    monkeypatch.chdir(tmp_path)
    with_config(tmp_path, committed)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.setattr(sys, "argv", ["standin", "share", "/mnt/team/standin", "--no-push", *words])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    assert why in said
    assert "secret@" not in said
    assert (tmp_path / ".dvc/config").read_text() == committed


@pytest.mark.slow
def test_no_door_of_the_shipped_config_writes_outside_the_repository_or_into_the_released_store(
    project: ToyProject,
) -> None:
    there_before = {path for path in RELATIVE_URL_OUTSIDE if path.exists()}
    released(project)
    before = stored(project.root / "dvcstore")
    assert before
    git = project.root.parent / "bare.git"
    project.run("git", "init", "-q", "--bare", str(git))
    project.run("git", "remote", "add", "origin", str(git))
    project.dvc("exp", "run", "-n", "here", "-S", "finetune.max_steps=30")
    project.run("git", "stash", "-q")
    project.dvc("exp", "run", "--temp", "-n", "apart", "-S", "finetune.max_steps=40")
    project.dvc("exp", "run", "--queue", "-n", "queued", "-S", "prepare.shots=5")
    project.dvc("queue", "start", "-j", "1")
    deadline = time.monotonic() + 300
    while "Queued" in (status := project.dvc("queue", "status")) or "Running" in status:
        assert time.monotonic() < deadline, status
        time.sleep(1)
    project.dvc("push")
    project.dvc("exp", "push", "--all-commits", "origin")
    assert {path for path in RELATIVE_URL_OUTSIDE if path.exists()} == there_before
    assert stored(project.root / "dvcstore") == before
    assert len(stored(project.root / "storage")) > len(before) + 3
    assert project.run("git", "status", "--porcelain", "dvcstore", "proc").stdout == ""

    (project.root / ".dvc/config.local").unlink()  # a clone in which no stage and no command of ours has ever run
    said = project.dvc("exp", "push", "--all-commits", "origin", fails=True)
    assert "/proc/released" in said
    assert {path for path in RELATIVE_URL_OUTSIDE if path.exists()} == there_before


@pytest.mark.slow
def test_released_data_comes_without_naming_a_remote_into_a_fresh_clone_and_by_get(project: ToyProject) -> None:
    released(project)
    project.run("git", "tag", "data@v0.1.0")
    fresh = clone(project, "fresh")
    fresh.dvc("pull", "data/real")
    assert (fresh.root / "data/real/rows.jsonl").read_text() == "3\n"
    elsewhere = project.root.parent / "elsewhere"
    fresh.run("git", "clone", "-q", str(project.root), str(elsewhere))
    fresh.dvc("get", str(elsewhere), "data/real", "--out", "got")
    assert (fresh.root / "got/rows.jsonl").read_text() == "3\n"
    fresh.dvc("get", ".", "data/real", "--rev", "data@v0.1.0", "--out", "tagged")
    assert (fresh.root / "tagged/rows.jsonl").read_text() == "3\n"

    fresh.run(sys.executable, "-m", "standin.stores")  # as `make setup` does
    shutil.rmtree(fresh.root / "data/real")
    shutil.rmtree(fresh.root / ".dvc/cache")
    fresh.dvc("pull", "data/real")
    assert (fresh.root / "data/real/rows.jsonl").read_text() == "3\n"


def share_and_take(project: ToyProject, url: str, *options: str, **environment: str) -> None:
    """One person shares results and an experiment made before; another reproduces both without computing."""

    def dvc(where: ToyProject, *words: str) -> str:
        done = where.run(sys.executable, "-m", "dvc", *words, **environment)
        return done.stdout + done.stderr

    released(project)
    project.dvc("exp", "run", "-n", "earlier", "-S", "finetune.max_steps=30")
    project.run("git", "stash", "-q")
    git = project.root.parent / "bare.git"
    project.run("git", "init", "-q", "--bare", "-b", "main", str(git))
    project.run("git", "remote", "add", "origin", str(git))
    said = project.run(sys.executable, "-m", "standin.cli", "share", url, *options, **environment).stdout
    assert f"default remote: {url}" in said
    assert "committed: .dvc/config" in said
    assert project.run("git", "show", "HEAD:.dvc/config").stdout.count(url) == 1
    project.run("git", "push", "-q", "origin", "main")
    project.run(sys.executable, "-m", "standin.cli", "share", url, *options, **environment)  # again is no mistake

    second = clone(project, "second")
    second.run("git", "remote", "set-url", "origin", str(git))
    second.run(sys.executable, "-m", "standin.stores")
    said = dvc(second, "repro", "--pull")
    assert "Running stage" not in said
    assert (second.root / "models/real/model.txt").read_text() == "real 20"
    assert "1 added" in second.standin("sync", "--current")
    dvc(second, "exp", "pull", "--all-commits", "origin")
    dvc(second, "exp", "apply", "earlier")
    assert (second.root / "models/real/model.txt").read_text() == "real 30"
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{second.root / 'mlflow.db'}")
    found = client.get_experiment_by_name("toy")
    assert found is not None
    (run,) = client.search_runs([found.experiment_id])
    assert run.data.metrics["prepare.rows"] == 3
    assert run.data.metrics["finetune.real.steps"] == 20
    assert "data/real" in {entry.dataset.name for entry in run.inputs.dataset_inputs}


@pytest.mark.slow
def test_a_clone_that_has_chosen_its_own_remote_is_told_before_anything_is_sent_or_committed(
    project: ToyProject,
) -> None:
    project.dvc("remote", "add", "--local", "--default", "mine", str(project.root.parent / "mine"))
    shared = project.root.parent / "shared"
    done = project.run(sys.executable, "-m", "standin.cli", "share", str(shared), fails=True)
    assert "chosen the default remote 'mine'" in done.stderr
    assert not shared.exists()
    assert project.run("git", "log", "--format=%s").stdout.split() == ["start"]


@pytest.mark.slow
def test_sharing_by_a_folder_lets_a_second_clone_reproduce_without_computing(project: ToyProject) -> None:
    share_and_take(project, str(project.root.parent / "a shared folder"))


@pytest.fixture
def s3() -> Iterator[str]:
    """The address of a local S3 server."""
    pytest.importorskip("moto.server", reason="an S3 server for tests: pip install 'moto[server]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert time.monotonic() < deadline, "moto does not answer"
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


@pytest.mark.slow
def test_sharing_by_s3_lets_a_second_clone_reproduce_without_computing(project: ToyProject, s3: str) -> None:
    pytest.importorskip("dvc_s3", reason="DVC's S3 part: pip install dvc-s3")
    import boto3

    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket="results")
    place = Path(str(importlib.util.find_spec("dvc_s3").origin)).parents[1]  # type: ignore[union-attr]
    keys["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(place)])
    share_and_take(project, "s3://results/standin", "--endpoint", s3, **keys)
    held = client.list_objects_v2(Bucket="results", Prefix="standin/files/md5/")
    assert held["KeyCount"] > 5


@pytest.mark.slow
def test_a_run_shows_a_line_a_stage_and_the_words_of_a_stage_that_fails(project: ToyProject) -> None:
    quiet = [sys.executable, "-m", "standin.quiet", "repro"]
    done = project.run(*quiet)
    lines = (done.stdout + done.stderr).splitlines()
    for stage in ("prepare", "finetune real", "finetune synthetic", "track"):
        assert sum(line.startswith(f"{stage}: ") and line.endswith(" s") for line in lines) == 1, lines
    text = "\n".join(lines)
    for noise in ("Updating lock", "Generating lock", "Running stage", "> python", "To track the changes"):
        assert noise not in text
    project.edit("params.yaml", "shots: 3", "shots: 13")
    failed = project.run(*quiet, fails=True)
    assert "thirteen is unlucky" in failed.stderr
    assert "failed to reproduce 'prepare'" in failed.stderr
    project.edit("params.yaml", "shots: 13", "shots: 3")
    again = project.run(*quiet).stdout
    assert "prepare: taken from the cache" in again
    assert "finetune@real: unchanged" in again


def test_what_dvc_says_beside_its_routine_is_kept() -> None:
    import logging

    from standin.quiet import wanted

    def said(level: int, message: str, *values: str) -> bool:
        return wanted(logging.LogRecord("dvc", level, "", 0, message, values, None))

    assert not said(logging.WARNING, "'%s' is empty.", "data/real/warmstart.jsonl")
    assert said(logging.WARNING, "'%s' is empty.", "data/labels/mine.jsonl")
    assert not said(logging.INFO, "%s %s", ">", "python src/pipeline.py prepare")
    assert said(logging.ERROR, "Running stage '%s':", "prepare")
    assert said(logging.INFO, "a sentence of a later version")
