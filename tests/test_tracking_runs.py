"""Runs in a real MLflow store: which run a state belongs to, and that nothing is written twice."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from toy_project import SOURCE, ToyProject

from standin.config import load_params
from standin.errors import StandinError
from standin.stages import track
from standin.tracking import attempts, contents, events, recording, runs, trees, writing
from standin.tracking.recording import Recorded, sync
from standin.tracking.states import experiment_name, read_params
from standin.tracking.trees import Workspace


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One SQLite store for all tests, each in an experiment of its own: making a store takes MLflow seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, request: pytest.FixtureRequest) -> ToyProject:
    toy = ToyProject(tmp_path)
    toy.edit("params.yaml", "experiment: toy", f"experiment: {request.node.name[:60]}")
    toy.init_git()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DVC_STAGE", "as DVC sets it")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    trees._blob.cache_clear()
    return toy


def run_stage(name: str, item: str = "", fails: str = "") -> None:
    with events.stage(load_params(), name, item) as log:
        log.metrics({"rows": 3})
        if fails:
            raise StandinError(fails)


def opened() -> AbstractContextManager[runs.Store]:
    return runs.opened(experiment_name(read_params(Workspace())))


def all_runs() -> list[Any]:
    with opened() as store:
        return list(store.client.search_runs([store.experiment_id], order_by=["attributes.start_time ASC"]))


def points(run: Any, metric: str) -> int:
    with opened() as store:
        return len(store.client.get_metric_history(run.info.run_id, metric))


def outcome(run: Any, stage: str) -> str:
    return writing.read_stages(run)[stage]


def finish(project: ToyProject) -> None:
    """All stages have run, as `dvc repro` would have them: then comes track."""
    run_stage("prepare")
    run_stage("finetune", "real")
    project.fake_results()
    assert track.run(load_params(), None, "") == {}  # type: ignore[arg-type]


def test_track_writes_one_complete_run_and_a_second_time_nothing_new(project: ToyProject, capsys: Any) -> None:
    finish(project)
    assert "2 data sets" in capsys.readouterr().out
    finish(project)
    (run,) = all_runs()
    assert run.info.status == "FINISHED"
    assert outcome(run, "prepare") == "executed 0.0s"
    assert outcome(run, "finetune.synthetic") == "cached"
    assert run.data.params["finetune.max_steps"] == "20"
    assert run.data.params["runtime.threads"] == "1"
    assert points(run, "finetune.real.seed1.loss") == 2
    assert points(run, "prepare.rows") == 1
    assert len(run.inputs.dataset_inputs) == 2
    assert {entry.dataset.source_type for entry in run.inputs.dataset_inputs} == {"dvc"}


def test_a_stage_that_ran_once_for_a_state_is_not_called_cached_later(project: ToyProject) -> None:
    finish(project)
    assert attempts.open_attempt(attempts.current_identity()).events == []
    recording.record_pipeline()
    (run,) = all_runs()
    assert outcome(run, "prepare").startswith("executed")
    assert outcome(run, "finetune.synthetic") == "cached"


def test_a_complete_run_is_not_taken_for_another_state(project: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stage("prepare")
    writing.flush(attempts.open_attempt(attempts.current_identity()))
    project.fake_results()

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("standin.tracking.attempts.append", killed)
        with pytest.raises(KeyboardInterrupt):
            recording.record_pipeline()
    project.edit("src/toy.py", "thirteen", "13")
    finish(project)
    assert len({run.data.tags[runs.STATE] for run in all_runs()}) == 2


def test_a_failure_is_a_run_of_its_own_until_it_is_mended(project: ToyProject) -> None:
    with pytest.raises(StandinError):
        run_stage("prepare", fails="no rows at http://me:secret@host")
    (failed,) = all_runs()
    assert failed.info.status == "FAILED"
    assert outcome(failed, "prepare") == "failed: no rows at http://***@host"
    assert failed.data.tags[writing.NOTE] == "Not finished: prepare failed: no rows at http://***@host"
    assert failed.data.metrics["prepare.rows"] == 3
    finish(project)
    (mended,) = all_runs()
    assert (mended.info.run_id, mended.info.status) == (failed.info.run_id, "FINISHED")
    assert mended.data.tags[writing.NOTE] == ""
    assert outcome(mended, "prepare").startswith("executed")


def test_a_failure_that_was_never_made_good_stays_and_the_state_gets_another_run(project: ToyProject) -> None:
    run_stage("prepare")
    with pytest.raises(StandinError):
        run_stage("finetune", "real", fails="out of memory")
    project.fake_results()  # restored from DVC's run-cache after the change was taken back
    recording.record_pipeline()
    failed, finished = sorted(all_runs(), key=lambda run: run.info.status)
    assert (failed.info.status, finished.info.status) == ("FAILED", "FINISHED")
    assert outcome(finished, "finetune.real") == "cached"
    assert outcome(finished, "prepare").startswith("executed")


def test_another_outcome_of_equal_parameters_is_another_run(project: ToyProject) -> None:
    finish(project)
    project.edit("src/toy.py", "thirteen", "13")
    finish(project)
    assert len(all_runs()) == 2


def test_sync_finds_the_run_that_track_made_before_and_after_the_commit(project: ToyProject) -> None:
    finish(project)
    name = all_runs()[0].info.run_name
    assert sync(everything=False) == [Recorded("workspace", "known", name)]
    project.commit()
    assert sync(everything=True) == [Recorded("workspace", "known", name)]


def test_what_nobody_reported_is_recorded_from_the_workspace_once(project: ToyProject) -> None:
    project.fake_results()
    assert [one.outcome for one in sync(everything=False)] == ["added"]
    assert [one.outcome for one in sync(everything=False)] == ["known"]
    (run,) = all_runs()
    assert outcome(run, "prepare") == "cached"
    assert run.data.metrics["finetune.synthetic.f1.macro"] == 0.5


def test_head_is_recorded_beside_a_workspace_that_differs(project: ToyProject) -> None:
    project.fake_results()
    project.commit()
    project.edit("params.yaml", "steps: 20", "steps: 30")
    workspace, head = sync(everything=True)
    assert (workspace.outcome, head.outcome) == ("left out", "added")
    assert "finetune@real: params.yaml: finetune has changed since (and 1 more stages)" in workspace.why
    (run,) = all_runs()
    assert run.data.params["finetune.max_steps"] == "20"


def test_every_experiment_has_a_run_of_its_own_also_where_nothing_changed(project: ToyProject) -> None:
    project.fake_results()
    rev = project.commit()
    for name in ("one", "two"):
        project.run("git", "update-ref", f"refs/exps/{rev[:2]}/{rev[2:]}/{name}", rev)
    assert [(one.what, one.outcome) for one in sync(everything=True)] == [
        ("experiment one", "added"),
        ("experiment two", "added"),
        ("workspace", "known"),
    ]
    assert {one.outcome for one in sync(everything=True)} == {"known"}
    assert {run.info.run_name for run in all_runs()} == {"one", "two"}


def test_an_experiment_of_a_part_of_the_pipeline_is_recorded_with_that_part(project: ToyProject) -> None:
    baseline = project.run("git", "rev-parse", "HEAD").stdout.strip()
    project.fake_results()
    project.edit("params.yaml", "steps: 20", "steps: 30")
    rev = project.commit()
    project.run("git", "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/part", rev)
    assert sync(everything=True)[0] == Recorded("experiment part", "added", "part")
    (run,) = all_runs()
    assert run.data.metrics["prepare.rows"] == 3
    assert "finetune.real.f1.macro" not in run.data.metrics
    assert outcome(run, "finetune.real").startswith("not part of this state: params.yaml: finetune has changed")


def test_a_run_that_a_person_deleted_stays_deleted(project: ToyProject) -> None:
    finish(project)
    with opened() as store:
        (run,) = store.client.search_runs([store.experiment_id])
        store.client.delete_run(run.info.run_id)
    assert [one.outcome for one in sync(everything=True)] == ["known"]
    assert all_runs() == []


def test_sync_brings_failures_that_mlflow_could_not_take(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, store: str, capsys: Any
) -> None:
    project.write("a file", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.root}/a file/mlflow.db")
    with pytest.raises(StandinError, match="too few rows"):
        run_stage("prepare", fails="too few rows")
    assert "`standin sync` brings them" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    assert next((one.what, one.outcome) for one in sync(everything=True)) == ("failed prepare", "added")
    assert next((one.what, one.outcome) for one in sync(everything=True)) == ("failed prepare", "known")
    (run,) = all_runs()
    assert outcome(run, "prepare") == "failed: too few rows"


def test_a_store_out_of_reach_lets_track_pass_and_says_how_to_go_on(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    project.fake_results()
    project.write("a file", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.root}/a file/mlflow.db")
    assert track.run(load_params(), None, "") == {}  # type: ignore[arg-type]
    assert "`standin sync` records this run later" in capsys.readouterr().err


def test_a_run_left_half_written_is_finished_without_doubling_anything(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stage("prepare")
    writing.flush(attempts.open_attempt(attempts.current_identity()))
    project.fake_results()

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("standin.tracking.writing._log_data", killed)
        with pytest.raises(KeyboardInterrupt):
            recording.record_pipeline()
    assert [one.outcome for one in sync(everything=False)] == ["added"]
    (run,) = all_runs()
    assert points(run, "finetune.real.seed1.loss") == 2
    assert points(run, "seconds.prepare") == 1


def test_live_tracking_shows_a_run_that_is_still_going(project: ToyProject) -> None:
    project.edit("params.yaml", "tracking:", "tracking:\n  live: true")
    run_stage("prepare")
    (run,) = all_runs()
    assert (run.info.status, run.data.metrics["prepare.rows"]) == ("RUNNING", 3)
    finish(project)
    (done,) = all_runs()
    assert (done.info.run_id, done.info.status) == (run.info.run_id, "FINISHED")


@pytest.mark.parametrize("by", ["track", "sync"])
def test_live_stages_that_run_anew_for_a_complete_state_leave_no_second_run(project: ToyProject, by: str) -> None:
    project.edit("params.yaml", "tracking:", "tracking:\n  live: true")
    finish(project)
    run_stage("prepare")
    assert sorted(run.info.status for run in all_runs()) == ["FINISHED", "RUNNING"]
    if by == "track":
        finish(project)
    else:  # the pipeline was killed
        assert [one.outcome for one in sync(everything=False)] == ["known"]
    assert [run.info.status for run in all_runs()] == ["FINISHED"]


def test_sync_leaves_alone_the_run_of_live_stages_that_are_changing_the_state(project: ToyProject) -> None:
    project.edit("params.yaml", "tracking:", "tracking:\n  live: true")
    finish(project)
    project.edit("src/toy.py", "thirteen", "13")
    run_stage("prepare")
    assert [one.outcome for one in sync(everything=False)] == ["known"]
    assert sorted(run.info.status for run in all_runs()) == ["FINISHED", "RUNNING"]


def test_every_limit_of_mlflow_is_kept(project: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient
    from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH

    log_batch, sent = MlflowClient.log_batch, []

    def note(client: Any, run_id: str, **given: Any) -> None:
        sent.extend((kind, len(values)) for kind, values in given.items())
        log_batch(client, run_id, **given)

    monkeypatch.setattr(MlflowClient, "log_batch", note)
    project.fake_results()
    rows = "".join(f"1,{step},{step / 8}\n" for step in range(1500))
    values = {f"label {index} (a/b)": {"f1": index} for index in range(1200)} | {"said": "long " * 4000}
    project.write("reports/prepare/history.csv", "seed,step,loss\n" + rows)
    project.write("reports/prepare/metrics.json", json.dumps(values))
    project.edit(
        "params.yaml", "base:", "notes:\n" + "".join(f"  n{i}: {'x' * 90 * i}\n" for i in range(250)) + "base:"
    )
    name, _ = recording.record_pipeline()
    (run,) = all_runs()
    assert run.info.run_name == name
    assert run.data.metrics["prepare.label 1199 _a_b_.f1"] == 1199
    assert points(run, "prepare.seed1.loss") == 1500
    assert len(run.data.params["notes.n249"]) == contents.PARAM_CHARACTERS
    assert len(run.data.params) > 250
    assert max(size for kind, size in sent if kind == "metrics") == MAX_METRICS_PER_BATCH
    assert max(size for kind, size in sent if kind != "metrics") == MAX_PARAMS_TAGS_PER_BATCH


@pytest.mark.slow
def test_processes_that_open_a_new_store_at_once_do_not_break_it(tmp_path: Path) -> None:
    toy = ToyProject(tmp_path)
    code = (
        "from standin.tracking import attempts, writing\nimport sys\n"
        "writing.flush(attempts.Attempt(attempts.Identity('', sys.argv[1], {}, 'tasks/toy.yaml', '')))"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    kept["PYTHONPATH"] = str(SOURCE / "src")
    started = [
        subprocess.Popen([sys.executable, "-c", code, f"run{index}"], cwd=toy.root, env=kept) for index in range(3)
    ]
    assert [process.wait(timeout=120) for process in started] == [0, 0, 0]


# --- kills, at the moments that are too short to be met by chance -------------------------------------------------------


def cut(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], object], calls: int = 0) -> None:
    """Do something that ends, as by a kill, at a call of the named function after so many that pass."""
    whole, passed = getattr(owner, name), []

    def killed(*given: Any, **named: Any) -> Any:
        if len(passed) == calls:
            raise KeyboardInterrupt
        passed.append(name)
        return whole(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(KeyboardInterrupt):
            act()


def flush() -> None:
    writing.flush(attempts.open_attempt(attempts.current_identity()))


def test_a_run_that_a_kill_cut_before_its_first_entry_is_the_one_that_is_finished(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.fake_results()
    cut(monkeypatch, writing, "fill", recording.record_pipeline)
    assert [one.outcome for one in sync(everything=False)] == ["added"]
    assert [one.outcome for one in sync(everything=False)] == ["known"]
    (run,) = all_runs()
    assert (run.info.status, run.data.params["finetune.max_steps"]) == ("FINISHED", "20")


def test_a_run_that_a_kill_cut_before_the_tag_of_its_state_is_not_made_twice(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    project.fake_results()
    cut(monkeypatch, MlflowClient, "set_tag", recording.record_pipeline, calls=1)
    assert [run.info.status for run in all_runs()] == ["FINISHED"]
    assert [one.outcome for one in sync(everything=False)] == ["added"]
    assert len(all_runs()) == 1


def test_a_run_that_a_kill_cut_before_the_event_that_names_it_is_the_one_that_later_stages_report_to(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stage("prepare")
    cut(monkeypatch, writing, "append", flush)
    flush()
    flush()
    (run,) = all_runs()
    assert run.data.params["finetune.max_steps"] == "20"
    finish(project)
    (done,) = all_runs()
    assert (done.info.run_id, done.info.status) == (run.info.run_id, "FINISHED")


def test_what_a_kill_left_of_another_state_is_no_part_of_this_one_s_run(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stage("prepare")
    flush()
    project.fake_results()
    cut(monkeypatch, writing, "_log_data", recording.record_pipeline)
    (half,) = all_runs()
    project.edit("src/toy.py", "thirteen", "13")
    project.fake_results()
    recording.record_pipeline()
    (run,) = all_runs()
    assert run.info.run_id != half.info.run_id
    assert (run.info.status, outcome(run, "prepare")) == ("FINISHED", "executed 0.0s")


def test_a_run_of_another_attempt_is_not_taken_for_one_that_a_kill_left(project: ToyProject) -> None:
    """As on a server, where another machine may be running the same experiment now."""
    project.fake_results()
    with opened() as store:
        theirs = writing.create(store, attempts.current_identity(), 1, Workspace(), "")
    recording.record_pipeline()
    assert {run.info.run_id: run.info.status for run in all_runs()}[theirs.info.run_id] == "RUNNING"
    assert len(all_runs()) == 2


def test_a_curve_that_a_kill_cut_between_two_calls_is_whole_afterwards(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setattr(writing, "METRICS_A_CALL", 2)
    project.fake_results()
    rows = "".join(f"1,{step},{step / 8}\n" for step in range(5))
    project.write("reports/finetune/real/history.csv", "seed,step,loss\n" + rows)
    with monkeypatch.context() as patch:
        patch.setattr(writing, "log", lambda *_: None)
        cut(monkeypatch, MlflowClient, "log_batch", recording.record_pipeline, calls=2)
    (half,) = all_runs()
    assert points(half, "finetune.real.seed1.loss") == 2
    sync(everything=False)
    (run,) = all_runs()
    assert points(run, "finetune.real.seed1.loss") == 5


def fail_unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of a stage of which MLflow has not heard."""
    with monkeypatch.context() as patch:
        patch.setattr(writing, "flush", lambda _: None)
        with pytest.raises(StandinError):
            run_stage("prepare", fails="too few rows")


def test_a_failure_that_a_kill_cut_before_its_status_is_brought_by_sync(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    fail_unflushed(monkeypatch)
    cut(monkeypatch, MlflowClient, "set_terminated", flush)
    assert [run.info.status for run in all_runs()] == ["RUNNING"]
    assert [one.outcome for one in sync(everything=True)] == ["added", "left out"]
    assert [one.outcome for one in sync(everything=True)] == ["known", "left out"]
    assert [run.info.status for run in all_runs()] == ["FAILED"]


def test_two_processes_that_read_of_a_failure_at_once_make_one_run_of_it(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_unflushed(monkeypatch)
    read = attempts.failed_attempts() + attempts.failed_attempts()
    for attempt in read:
        writing.flush(attempt)
    assert [run.info.status for run in all_runs()] == ["FAILED"]
