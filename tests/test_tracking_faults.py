"""What stands between a pipeline and MLflow: it is said once, costs no result, and `standin sync` mends it."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_project import ToyProject

from standin.checked import parse_yaml
from standin.config import load_params
from standin.stages import track
from standin.tracking import commands, contents, recording, runs, trees
from standin.tracking.recording import sync
from standin.tracking.states import experiment_name, read_params, read_state, stale
from standin.tracking.trees import Workspace


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, request: pytest.FixtureRequest) -> ToyProject:
    toy = ToyProject(tmp_path)
    toy.edit("params.yaml", "experiment: toy", f"experiment: {request.node.name[-60:]}")
    toy.init_git()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    trees._blob.cache_clear()
    toy.fake_results()
    return toy


def finish() -> None:
    assert track.run(load_params(), None, "") == {}  # type: ignore[arg-type]


def statuses() -> list[str]:
    with runs.opened(experiment_name(read_params(Workspace()))) as opened:
        return [run.info.status for run in opened.client.search_runs([opened.experiment_id])]


def mended() -> None:
    """`standin sync` records the run that the pipeline could not."""
    assert [one.outcome for one in sync(everything=True, restore=True)] == ["added"]
    assert statuses() == ["FINISHED"]


def test_a_missing_database_driver_is_named_and_its_address_keeps_its_password(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: str
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:1/runs")
    finish()
    said = capsys.readouterr().err
    assert "MLflow at postgresql://***@127.0.0.1:1/runs needs the Python package 'psycopg'" in said
    assert said.count("\n") == 2
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mended()


def test_files_that_go_to_s3_without_its_package_leave_a_run_that_sync_finishes(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    name = experiment_name(read_params(Workspace()))
    MlflowClient(runs.tracking_uri()).create_experiment(name, artifact_location="s3://bucket/runs")
    with monkeypatch.context() as without:
        for package in ("boto3", "botocore"):
            without.setitem(sys.modules, package, None)
        finish()
    said = capsys.readouterr().err
    assert "which is not installed here" in said
    assert "boto" in said
    assert statuses() == ["RUNNING"]
    monkeypatch.setattr(MlflowClient, "log_artifacts", lambda *_: None)  # a bucket that takes them
    mended()


def test_a_deleted_experiment_comes_back_only_when_a_person_syncs(
    project: ToyProject, capsys: pytest.CaptureFixture[str]
) -> None:
    with runs.opened(experiment_name(read_params(Workspace()))) as opened:
        opened.client.delete_experiment(opened.experiment_id)
    finish()
    assert (
        "was deleted. `standin sync` restores it, another tracking.experiment in params.yaml" in capsys.readouterr().err
    )
    commands.record_workspace()  # what `standin run` does when the pipeline has ended
    said = capsys.readouterr()
    assert "was deleted" in said.err
    assert said.out == ""
    mended()


def test_a_server_that_is_down_costs_no_result(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        finish()
    said = capsys.readouterr().err
    assert "no answer (Connection refused)\n" in said
    assert said.count("\n") == 2
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mended()


def test_a_database_that_does_not_answer_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mlflow.store.db import utils

    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr(utils, "MAX_RETRY_COUNT", 10)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mine'}")  # a folder is no database
    with pytest.raises(runs.TrackingError), runs.opened("toy"):
        pass
    assert sum(slept) < 5


def test_a_mistake_of_our_own_is_not_taken_for_one_of_the_store(project: ToyProject) -> None:
    def raises() -> None:
        with runs.opened(experiment_name(read_params(Workspace()))):
            raise KeyError("a mistake")

    with pytest.raises(KeyError):
        raises()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sqlite:///runs.db", "sqlite:///{root}/runs.db"),
        ("sqlite:///deep/runs.db", "sqlite:///{root}/deep/runs.db"),
        ("sqlite:////abs/runs.db", "sqlite:////abs/runs.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("./runs", "{root}/runs"),
        ("runs", "{root}/runs"),
        ("file:runs", "file:{root}/runs"),
        ("file:///abs/runs", "file:///abs/runs"),
        ("/abs/runs", "/abs/runs"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgresql://host/runs", "postgresql://host/runs"),
        ("databricks", "databricks"),
        ("", "sqlite:///{root}/mlflow.db"),
    ],
)
def test_a_relative_store_is_one_from_the_project_s_root_also_in_a_temporary_copy(
    given: str, meant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert runs.tracking_uri() == meant.format(root=tmp_path.resolve())


WORDS = [
    "yes",
    "no",
    "on",
    "off",
    "y",
    "No",
    "TRUE",
    "null",
    "~",
    "12:30",
    "1:2:3.5",
    "017",
    "08",
    "0o17",
    "0x1F",
    "1_000",
]
WORDS += ["1e3", "5e-5", "5.0e-5", ".5", "1.", "+1", "-.inf", ".nan", "2024-01-01", "0b11", "plain", "Yes"]


@pytest.mark.parametrize("quoted", [False, True])
def test_files_are_read_as_dvc_reads_them_and_as_dvc_writes_them_to_its_lock(quoted: bool) -> None:
    from dvc.utils.serialize import dumps_yaml
    from dvc.utils.serialize import parse_yaml as of_dvc

    mark = "'" if quoted else ""
    text = "\n".join(f"k{place}: {mark}{word}{mark}" for place, word in enumerate(WORDS))
    text += "\nkeys: {no: 1, 'yes': 2, 3: 4}\n"
    theirs = of_dvc(text, "params.yaml")
    assert repr(parse_yaml(text, "", as_dvc=True)) == repr(dict(theirs))
    assert repr(parse_yaml(dumps_yaml(theirs), "", as_dvc=True)) == repr(dict(theirs))


def test_a_value_that_is_none_of_its_kind_is_said_also_where_it_is_read_as_dvc_does() -> None:
    from standin.errors import StandinError

    with pytest.raises(StandinError, match="the key 'a' stands twice"):
        parse_yaml("a: 1\na: 2\n", "dvc.lock", as_dvc=True)
    with pytest.raises(StandinError, match=r"line 1: broken YAML: '2020-13-45' is no timestamp"):
        parse_yaml("a: 2020-13-45", "dvc.lock", as_dvc=True)


def test_labels_called_yes_and_no_are_not_stale_for_ever(project: ToyProject) -> None:
    from dvc.utils.serialize import dump_yaml

    project.edit("tasks/toy.yaml", "name: pro", "name: 'yes'")
    project.edit("tasks/toy.yaml", "name: con", 'name: "no"')
    task = yaml.safe_load((project.root / "tasks/toy.yaml").read_text())
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    lock["stages"]["prepare"]["params"]["tasks/toy.yaml"]["labels"] = task["labels"]
    dump_yaml(project.root / "dvc.lock", lock)
    assert "name: no" in (project.root / "dvc.lock").read_text(), "DVC writes it without quotation marks"
    state = read_state(Workspace())
    assert state is not None
    assert stale(state) == {}
    mended()


def test_a_repository_inside_src_is_named_and_passed_over(
    project: ToyProject, capsys: pytest.CaptureFixture[str]
) -> None:
    trees._tell_passed.cache_clear()
    project.write("src/other/code.py", "SECRET = 1\n")
    project.run("git", "init", "-q", str(project.root / "src/other"))
    (project.root / "src/gone.py").symlink_to("nowhere")
    project.write("src/new.py", "NEW = 1\n")
    state = read_state(Workspace())
    assert state is not None
    found = contents.collect(state, {}, trees.head()).artifacts["lineage/code.diff"].decode()
    assert "# not recorded: src/other/: a repository of its own, which git does not look into\n" in found
    assert "# not recorded: src/gone.py: No such file or directory\n" in found
    assert "+NEW = 1" in found
    assert "SECRET" not in found
    assert "tracking: src/other/ is not part of the recorded code: a repository of its own" in capsys.readouterr().err


def test_a_name_of_an_author_is_not_needed(project: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    assert Workspace().author() == ""
    name, _ = recording.record_pipeline()
    assert name


def test_one_message_is_all_that_a_stage_says(project: ToyProject, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    project.write("a file", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///a file/mlflow.db")
    finish()
    assert capfd.readouterr().err.splitlines()[1:] == ["track: nothing is lost; `standin sync` records this run later."]
