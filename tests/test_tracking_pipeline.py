"""Whole pipeline runs under DVC, each told in MLflow: what a person does and what they find there."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient
from toy_project import SOURCE, ToyProject

from standin.corpus import read_json
from standin.tracking.models import folder_md5
from standin.tracking.writing import read_stages

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> ToyProject:
    toy = ToyProject(tmp_path / "project with a space")
    toy.run("git", "init", "-q", "-b", "main")
    for name, value in (("user.name", "T"), ("user.email", "t@example.org")):
        toy.run("git", "config", name, value)
    toy.dvc("init", "-q")
    toy.dvc("config", "core.analytics", "false")
    toy.write(".dvcignore", "__pycache__/\n/.standin/\n/mlflow.db*\n/mlartifacts/\nreports/**/timing.json\n")
    toy.commit("start")
    return toy


def runs(project: ToyProject, experiment: str = "toy") -> list[Any]:
    """All runs, oldest first, read from the store in this process."""
    client = MlflowClient(tracking_uri=f"sqlite:///{project.root / 'mlflow.db'}")
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"])) if found else []


def outcome(run: Any, stage: str) -> str:
    return read_stages(run)[stage]


def artifacts(project: ToyProject, run: Any) -> set[str]:
    folder = project.root / "mlartifacts" / run.info.run_id / "artifacts"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_run_is_found_again_after_sync_commit_and_a_lost_database(project: ToyProject) -> None:
    assert "report: reports/report.html; `standin compare`" in project.dvc("repro")
    (run,) = runs(project)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["prepare.rows"] == 3
    assert run.data.metrics["finetune.synthetic.f1.macro"] == 0.25
    assert run.data.params["prepare.shots"] == "3"
    assert run.data.params["task_file"] == "tasks/toy.yaml"
    assert outcome(run, "finetune.real").startswith("executed")
    assert {entry.dataset.name for entry in run.inputs.dataset_inputs} == {"data/real", "data/raw/toy/texts.jsonl"}
    locked = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]["finetune@real"]["outs"]
    assert folder_md5(project.root / "models/real") == next(o["md5"] for o in locked if o["path"] == "models/real")
    expected = {"lineage/dvc.lock", "lineage/tasks/toy.yaml", "reports/finetune/real/history.csv"}
    assert expected <= artifacts(project, run)

    assert "0 added, 1 already there" in project.standin("sync", "--current")
    project.commit("results")
    assert "0 added, 1 already there" in project.standin("sync", "--current")
    assert "0 added, 1 already there" in project.standin("sync")
    project.dvc("repro")
    assert len(runs(project)) == 1

    name = run.info.run_name
    (project.root / "mlflow.db").unlink()
    assert f"added {name} (workspace)" in project.standin("sync", "--current")
    (again,) = runs(project)
    assert again.data.metrics == run.data.metrics
    assert outcome(again, "prepare") == outcome(run, "prepare")
    assert "0 added" in project.standin("sync")


def test_what_is_restored_from_the_run_cache_is_complete_and_called_cached(project: ToyProject) -> None:
    project.dvc("repro")
    project.edit("params.yaml", "steps: 20", "steps: 30")
    project.dvc("repro")
    project.edit("params.yaml", "steps: 30", "steps: 20")
    project.edit("params.yaml", "seed: 1", "seed: 2")  # read by no stage, but another experiment
    project.dvc("repro")
    first, second, third = runs(project)
    assert [run.data.params["finetune.max_steps"] for run in (first, second, third)] == ["20", "30", "20"]
    assert outcome(second, "prepare") == "cached"
    assert outcome(second, "finetune.real").startswith("executed")
    assert outcome(third, "finetune.real") == "cached"
    shared = {name for name in first.data.metrics if not name.startswith("seconds.")}
    assert shared == {name for name in third.data.metrics if not name.startswith("seconds.")}


def test_a_failing_stage_is_recorded_with_its_reason_and_completed_once_it_is_mended(project: ToyProject) -> None:
    project.edit("params.yaml", "shots: 3", "shots: 13")
    said = project.dvc("repro", fails=True)
    assert "thirteen is unlucky" in said
    (failed,) = runs(project)
    assert failed.info.status == "FAILED"
    assert outcome(failed, "prepare") == "failed: ValueError: thirteen is unlucky, says https://***@example.org"
    assert failed.data.params["prepare.shots"] == "13"
    assert "left out workspace: no stage has run yet" in project.standin("sync")
    assert len(runs(project)) == 1

    project.edit("src/toy.py", "== 13", "== 14")
    project.dvc("repro")
    (mended,) = runs(project)
    assert mended.info.run_id == failed.info.run_id
    assert mended.info.status == "FINISHED"
    assert outcome(mended, "prepare").startswith("executed")
    assert mended.data.tags["dvc.code_dirty"] == "true"
    diff = (project.root / "mlartifacts" / mended.info.run_id / "artifacts/lineage/code.diff").read_text()
    assert "-    if params.prepare.shots == 13" in diff


def test_experiments_have_runs_of_their_own_and_sync_brings_those_of_an_empty_database(project: ToyProject) -> None:
    project.dvc("repro")
    project.commit("results")
    project.dvc("exp", "run", "-n", "here", "-S", "finetune.max_steps=30")
    project.run("git", "stash", "-q")
    project.dvc("exp", "run", "--temp", "-n", "apart", "-S", "finetune.max_steps=40")
    project.dvc("exp", "run", "--queue", "-n", "queued", "-S", "prepare.shots=5")
    project.dvc("exp", "run", "--queue", "-n", "broken", "-S", "prepare.shots=13")
    project.dvc("queue", "start", "-j", "1")
    deadline = time.monotonic() + 300
    while "Queued" in (status := project.dvc("queue", "status")) or "Running" in status:
        assert time.monotonic() < deadline, status
        time.sleep(2)
    names = {run.info.run_name: run for run in runs(project)}
    assert set(names) == {next(iter(names)), "here", "apart", "queued", "broken"}
    assert names["broken"].info.status == "FAILED"
    assert names["queued"].data.metrics["prepare.rows"] == 5
    assert names["apart"].data.metrics["finetune.real.steps"] == 40
    assert names["apart"].data.tags["dvc.experiment"] == "apart"
    assert names["apart"].data.tags["dvc.code_dirty"] == "false"
    assert "0 added, 5 already there" in project.standin("sync")

    (project.root / "mlflow.db").unlink()
    assert "5 added, 0 already there" in project.standin("sync")
    again = {run.info.run_name: run for run in runs(project)}
    assert set(again) == set(names)
    assert again["broken"].info.status == "FAILED"
    for name in ("here", "apart", "queued"):
        assert again[name].data.metrics == names[name].data.metrics
        assert len(again[name].inputs.dataset_inputs) == 2
    assert "0 added, 5 already there" in project.standin("sync")

    project.dvc("exp", "apply", "apart")
    project.commit("the better one")
    assert "0 added, 5 already there" in project.standin("sync")


def test_in_a_clone_without_any_run_sync_records_head_from_git(project: ToyProject, tmp_path: Path) -> None:
    project.dvc("repro")
    commit = project.commit("results")
    project.run("git", "clone", "-q", str(project.root), str(tmp_path / "clone"))
    project.root = tmp_path / "clone"
    assert "1 added" in project.standin("sync", "--current")
    (run,) = runs(project)
    assert run.data.tags["mlflow.source.git.commit"] == commit
    assert outcome(run, "prepare") == "cached"
    assert run.data.metrics["finetune.real.f1.macro"] == 0.5
    assert "finetune.real.seed1.loss" in run.data.metrics
    project.edit("params.yaml", "steps: 20", "steps: 50")
    assert "left out workspace: finetune@real: params.yaml: finetune has changed since" in project.standin("sync")


def test_an_mlflow_out_of_reach_costs_no_result_and_sync_brings_the_run(project: ToyProject, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    nowhere = {"MLFLOW_TRACKING_URI": f"sqlite:///{blocked}/mlflow.db", "DVC_NO_ANALYTICS": "1"}
    done = project.run(sys.executable, "-m", "dvc", "repro", **nowhere)
    assert "`standin sync` records this run later" in done.stderr
    assert read_json(project.root / "reports/prepare/metrics.json")["rows"] == 3
    assert "1 added" in project.standin("sync", "--current")
    (run,) = runs(project)
    assert outcome(run, "prepare").startswith("executed")


def test_a_run_says_once_that_mlflow_is_out_of_reach(project: ToyProject, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    nowhere = {"MLFLOW_TRACKING_URI": f"sqlite:///{blocked}/mlflow.db"}
    done = project.run(sys.executable, "-m", "standin.cli", "run", **nowhere)
    assert (done.stdout + done.stderr).count("nothing is lost") == 1


def test_ctrl_c_ends_a_run_and_its_stage_and_the_next_run_goes_on(project: ToyProject) -> None:
    begun = project.root / "begun"
    wait = f"if params.finetune.max_steps == 99:\n        Path({str(begun)!r}).write_text('')\n        __import__('time').sleep(120)\n    "
    project.edit("src/toy.py", 'Path(f"models/{item}").mkdir', wait + 'Path(f"models/{item}").mkdir')
    project.edit("params.yaml", "max_steps: 20", "max_steps: 99")
    command = [sys.executable, "-m", "standin.cli", "run"]
    with subprocess.Popen(
        command, cwd=project.root, env=project.environment(), start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background may ignore it
    ) as run:  # fmt: skip
        while not begun.exists() and run.poll() is None:
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.count("interrupted; run again to go on") == 2, said  # the stage's line, and the command's
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)
    project.edit("params.yaml", "max_steps: 99", "max_steps: 20")
    again = project.run(*command)
    assert "had been killed" not in again.stdout + again.stderr
    assert "finetune real: " in again.stdout


def test_a_relative_store_is_the_project_s_own_also_for_an_experiment_in_a_copy(project: ToyProject) -> None:
    relative = {"MLFLOW_TRACKING_URI": "sqlite:///deep/runs.db", "DVC_NO_ANALYTICS": "1"}
    project.write(".gitignore", (project.root / ".gitignore").read_text() + "/deep/\n")
    project.dvc("repro")
    project.commit("results")
    words = ("exp", "run", "--temp", "-n", "apart", "-S", "finetune.max_steps=40")
    project.run(sys.executable, "-m", "dvc", *words, **relative)
    client = MlflowClient(tracking_uri=f"sqlite:///{project.root / 'deep/runs.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    assert (run.info.run_name, run.data.metrics["finetune.real.steps"]) == ("apart", 40)
    assert run.info.artifact_uri.startswith((project.root / "mlartifacts").as_uri())


def test_labels_called_yes_and_no_are_known_after_a_run_of_the_pipeline(project: ToyProject) -> None:
    project.edit("tasks/toy.yaml", "name: pro", "name: 'yes'")
    project.edit("tasks/toy.yaml", "name: con", "name: 'no'")
    project.dvc("repro")
    assert "name: no" in (project.root / "dvc.lock").read_text()
    (project.root / "mlflow.db").unlink()
    assert "1 added" in project.standin("sync", "--current")


def test_the_ui_serves_the_view_that_its_address_names_and_ends_with_its_server(project: ToyProject) -> None:
    project.dvc("repro")
    environment = os.environ | {"PYTHONPATH": str(SOURCE / "src"), "DVC_ROOT": ""}
    environment.pop("MLFLOW_TRACKING_URI", None)
    words = [sys.executable, "-m", "standin.cli", "ui", "--no-browser"]
    shown = subprocess.Popen(words, cwd=project.root, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert shown.stdout is not None
        address = shown.stdout.readline().strip()
        found = re.fullmatch(
            r"(http://127\.0\.0\.1:\d+)/#/experiments/(\d+)/runs\?viewStateShareKey=standin&workflowType=machine_learning",
            address,
        )
        assert found, address
        server, number = found.groups()
        with urllib.request.urlopen(
            f"{server}/api/2.0/mlflow/experiments/get?experiment_id={number}", timeout=60
        ) as got:
            tags = {tag["key"]: tag["value"] for tag in json.load(got)["experiment"]["tags"]}
        assert "mlflow.sharedViewState.standin" in tags
        of_server = project.run(*words, MLFLOW_TRACKING_URI=server)
        assert of_server.stdout == f"{address}\n", "a server that runs already is only told of"
    finally:
        shown.terminate()
        assert shown.wait(60) == 143
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(server, timeout=5).close()
        except OSError:
            break
        assert time.monotonic() < deadline, "the server outlives the command"
        time.sleep(0.2)
