"""SIGKILL at random moments of everything that tracking writes: nothing is wedged, doubled or left half done."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from toy_project import SOURCE, ToyProject

pytestmark = pytest.mark.slow

MAKING, COMPLETING, SYNCING = 20, 24, 16
"""So many kills while the database is made, while a run is created and completed, and while `standin sync` works."""
WARM = ["mlflow.store.tracking.sqlalchemy_store", "mlflow.db", "standin.stages.track", "standin.tracking.recording"]


@pytest.fixture(autouse=True)
def of_this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of processes loads its modules from where PYTHONPATH says, not from where pytest found them."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE / "src"))


def prepare() -> None:
    from standin.tracking import database

    database.prepare(database.own_database())


def sync() -> None:
    from standin.tracking import recording

    recording.sync(everything=True)


def pipeline() -> None:
    """A stage under ``tracking.live``, which reports what it did, and the last stage."""
    from standin.config import load_params
    from standin.stages import track
    from standin.tracking import events

    with events.stage(load_params(), "prepare", "") as log:
        log.metrics({"rows": 3})
    track.run(load_params(), None, "")  # type: ignore[arg-type]


def in_project(root: Path, experiment: str, baseline: str, act: Callable[[], None]) -> None:
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_", "PYTEST_"))]:
        del os.environ[name]
    os.environ |= {"DVC_ROOT": str(root), "DVC_STAGE": "as DVC sets it"}
    if experiment:
        os.environ |= {"DVC_EXP_NAME": experiment, "DVC_EXP_BASELINE_REV": baseline}
    os.chdir(root)
    with (root / ".standin.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        act()


class Project(ToyProject):
    """A project whose tracking works in processes that have MLflow loaded already, so that a kill meets its work."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(WARM)
        self.edit("params.yaml", "tracking:", "tracking:\n  live: true")
        self.write(".gitignore", (root / ".gitignore").read_text() + "/.standin.log\n")
        self.baseline = self.init_git()
        self.fake_results()

    def started(self, act: Callable[[], None], experiment: str = "") -> BaseProcess:
        process = self.processes.Process(target=in_project, args=(self.root, experiment, self.baseline, act))
        process.start()
        return process

    def seconds(self, act: Callable[[], None], experiment: str = "") -> float:
        begun = time.monotonic()
        process = self.started(act, experiment)
        process.join(120)
        assert process.exitcode == 0, (self.root / ".standin.log").read_text()
        return time.monotonic() - begun

    def killed(self, act: Callable[[], None], after: float, experiment: str = "") -> bool:
        """Whether the kill came before the end."""
        process = self.started(act, experiment)
        process.join(after)
        process.kill()
        process.join()
        assert process.exitcode in (0, -9), (self.root / ".standin.log").read_text()
        return process.exitcode == -9

    def experiment(self, number: int) -> str:
        """The results of one more experiment, in the workspace and where DVC keeps it."""
        params = (self.root / "params.yaml").read_text().splitlines()
        self.write("params.yaml", "\n".join(f"  seed: {number}" if "seed:" in line else line for line in params) + "\n")
        rev = self.commit(f"experiment {number}")
        self.run("git", "update-ref", f"refs/exps/{self.baseline[:2]}/{self.baseline[2:]}/e{number}", rev)
        return f"e{number}"

    def runs(self) -> list[Any]:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=f"sqlite:///{self.root / 'mlflow.db'}")
        return list(client.search_runs([client.get_experiment_by_name("toy").experiment_id]))

    def points(self, run: Any, metric: str) -> int:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=f"sqlite:///{self.root / 'mlflow.db'}")
        return len(client.get_metric_history(run.info.run_id, metric))


def test_no_kill_wedges_tracking_or_leaves_a_run_twice_or_unfinished(tmp_path: Path) -> None:
    chance = random.Random(7)
    project = Project(tmp_path / "project")
    database = project.root / "mlflow.db"
    project.seconds(os.getpid)  # type: ignore[arg-type]  # the server of processes loads MLflow
    whole = project.seconds(prepare)
    kept = database.read_bytes()
    database.unlink()
    kills = 0
    while kills < MAKING:
        kills += project.killed(sync, chance.uniform(0, whole))
        if chance.random() < 0.3:
            database.unlink(missing_ok=True)
    project.seconds(sync)
    assert [(run.info.status, run.data.metrics["prepare.rows"]) for run in project.runs()] == [("FINISHED", 3)]

    project = Project(tmp_path / "second project")
    (project.root / "mlflow.db").write_bytes(kept)
    names = [project.experiment(0)]
    whole = min(project.seconds(pipeline, names[0]) for _ in range(2))
    kills = 0
    while kills < COMPLETING:
        names.append(project.experiment(len(names)))
        kills += project.killed(pipeline, chance.uniform(0, whole), names[-1])
        kills += chance.random() < 0.5 and project.killed(pipeline, chance.uniform(0, whole), names[-1])
    kills = 0
    while kills < SYNCING:
        names += [project.experiment(len(names) + more) for more in range(2)]
        kills += project.killed(sync, chance.uniform(0, 2 * whole))
    project.seconds(sync)
    found = project.runs()
    assert sorted(run.info.run_name for run in found) == sorted(names)
    assert {run.info.status for run in found} == {"FINISHED"}
    for run in found:
        assert run.data.params["finetune.max_steps"] == "20"
        assert (project.points(run, "finetune.real.seed1.loss"), project.points(run, "prepare.rows")) == (2, 1)


def test_two_syncs_at_once_record_everything_once_and_say_nothing_else(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for number in range(3):
        project.experiment(number)
    processes = [project.started(sync), project.started(sync)]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(run.info.run_name for run in project.runs()) == ["e0", "e1", "e2"]
    assert (project.root / ".standin.log").read_text() == ""
