"""Tracking without MLflow: the events of stages, what dvc.lock says of a state, and what a run is to hold."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from toy_project import SOURCE, ToyProject

from standin.checked import read_yaml
from standin.config import load_params
from standin.errors import StandinError
from standin.tracking import attempts, contents, events, trees
from standin.tracking.states import LockedStage, State, live, read_state, stale
from standin.tracking.trees import Commit, Workspace, redact


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyProject:
    toy = ToyProject(tmp_path)
    toy.init_git()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DVC_STAGE", "as DVC sets it")
    return toy


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[attempts.Attempt]:
    """What would be written to MLflow."""
    seen: list[attempts.Attempt] = []
    monkeypatch.setattr("standin.tracking.writing.flush", seen.append)
    return seen


def now() -> State:
    state = read_state(Workspace())
    assert state is not None
    return state


def run_stage(name: str, item: str = "", metrics: Mapping[str, Any] | None = None, fails: str = "") -> None:
    with events.stage(load_params(), name, item) as log:
        log.metrics(metrics or {})
        if fails:
            raise StandinError(fails)


def lines(project: ToyProject) -> list[dict[str, Any]]:
    (path,) = (project.root / ".standin/runs").glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- events ------------------------------------------------------------------------------------------------------------


def test_a_stage_leaves_its_start_its_end_its_seconds_and_its_metrics(project: ToyProject, flushed: list[Any]) -> None:
    run_stage("finetune", "real", {"f1": 0.5})
    header, started, finished = lines(project)
    assert (header["event"], header["params"]["prepare"]) == ("run", {"shots": 3, "pool": 60})
    assert (started["event"], started["stage"]) == ("started", "finetune.real")
    assert (finished["event"], finished["metrics"], finished["seconds"]) == ("finished", {"f1": 0.5}, 0.0)
    assert flushed == []


def test_a_failing_stage_is_flushed_with_its_reason_and_fails_as_before(project: ToyProject, flushed: Any) -> None:
    with pytest.raises(StandinError, match="twice"):
        run_stage("prepare", fails="http://me:secret@host says it twice")
    (attempt,) = flushed
    assert attempt.unresolved()["prepare"]["reason"] == "http://***@host says it twice"


def test_a_gate_that_fails_after_writing_its_metrics_has_them_in_the_event(project: ToyProject, flushed: Any) -> None:
    def gate() -> None:
        with events.stage(load_params(), "validate", ""):
            project.write("reports/validate/metrics.json", '{"failed": 2}')
            raise StandinError("two expectations failed")

    with pytest.raises(StandinError):
        gate()
    assert flushed[0].last()["validate"]["metrics"] == {"failed": 2}


def test_a_broken_tracker_hides_no_error_and_loses_no_event(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def flush(attempt: attempts.Attempt) -> None:
        raise ConnectionError("https://me:secret@mlflow is away")

    monkeypatch.setattr("standin.tracking.writing.flush", flush)
    with pytest.raises(StandinError, match="the stage's own"):
        run_stage("prepare", fails="the stage's own")
    assert lines(project)[-1]["reason"] == "the stage's own"
    said = capsys.readouterr().err
    assert "https://***@mlflow is away" in said
    assert "`standin sync` brings them" in said


def test_an_interrupted_stage_does_not_wait_for_mlflow(project: ToyProject, flushed: list[Any]) -> None:
    with pytest.raises(KeyboardInterrupt), events.stage(load_params(), "prepare", ""):
        raise KeyboardInterrupt
    assert lines(project)[-1]["event"] == "interrupted"
    assert flushed == []


def test_live_tracking_flushes_every_stage(project: ToyProject, flushed: list[Any]) -> None:
    project.edit("params.yaml", "experiment: toy", "live: true")
    run_stage("prepare")
    run_stage("finetune", "real")
    assert [set(attempt.last()) for attempt in flushed] == [{"prepare"}, {"prepare", "finetune.real"}]


@pytest.mark.parametrize("name", ["prepare", "track"])
def test_stages_run_by_hand_and_track_itself_leave_no_events(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "prepare":
        monkeypatch.delenv("DVC_STAGE")
    run_stage(name)
    assert not (project.root / ".standin").exists()


def test_a_full_disk_does_not_stop_a_stage(project: ToyProject, capsys: Any) -> None:
    project.write(".standin/runs", "a file where the folder should be")
    run_stage("prepare")
    assert "no event written" in capsys.readouterr().err


def test_a_line_cut_short_by_a_kill_is_passed_over(project: ToyProject, flushed: list[Any]) -> None:
    run_stage("prepare")
    (path,) = (project.root / ".standin/runs").glob("*.jsonl")
    path.write_text(path.read_text() + '{"event": "fini\n')
    run_stage("finetune", "real")
    assert set(attempts.open_attempt(attempts.current_identity()).last()) == {"prepare", "finetune.real"}


def test_a_temporary_copy_of_an_experiment_writes_to_the_project_s_root(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = ToyProject(tmp_path / "copy")
    monkeypatch.chdir(copy.root)
    monkeypatch.setenv("DVC_ROOT", str(project.root))
    monkeypatch.setenv("DVC_EXP_NAME", "queued")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "a" * 40)
    run_stage("prepare")
    header = lines(project)[0]
    assert (header["experiment"], header["baseline"]) == ("queued", "a" * 40)
    assert not (copy.root / ".standin").exists()


def test_an_exported_experiment_name_without_a_baseline_is_no_experiment(
    project: ToyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "left over")
    assert attempts.current_identity().experiment == ""


@pytest.mark.parametrize(
    ("old", "new", "another"),
    [("shots: 3", "shots: 4", True), ("seed: 1", "seed: 2", True), ("threads: 1", "threads: 2", False),
     ("experiment: toy", "experiment: toys", False), ("base:", "# why\nbase:", False)],
)  # fmt: skip
def test_a_change_makes_another_run_unless_it_is_not_meant_to_change_results(
    project: ToyProject, old: str, new: str, another: bool
) -> None:
    before = attempts.current_identity().key
    project.edit("params.yaml", old, new)
    assert (attempts.current_identity().key != before) == another


def test_another_prompt_or_another_commit_makes_another_run(project: ToyProject) -> None:
    before = attempts.current_identity().key
    project.edit("tasks/toy.yaml", "Another one.", "One more.")
    edited = attempts.current_identity().key
    project.commit()
    assert len({before, edited, attempts.current_identity().key}) == 3


def test_an_attempt_ends_where_its_run_is_completed(project: ToyProject, flushed: list[Any]) -> None:
    run_stage("prepare", metrics={"rows": 1})
    identity = attempts.current_identity()
    attempts.append(identity, {"event": "completed", "state": "first"})
    assert attempts.open_attempt(identity).events == []
    run_stage("prepare", metrics={"rows": 2})
    past = attempts.completed_attempt("first")
    assert past is not None
    assert past.last()["prepare"]["metrics"] == {"rows": 1}
    assert past.identity.key == identity.key
    assert attempts.open_attempt(identity).last()["prepare"]["metrics"] == {"rows": 2}
    assert attempts.completed_attempt("never") is None


def test_a_failure_is_unresolved_until_the_stage_finishes(project: ToyProject, flushed: list[Any]) -> None:
    with pytest.raises(StandinError):
        run_stage("prepare", fails="no")
    assert [set(attempt.unresolved()) for attempt in attempts.failed_attempts()] == [{"prepare"}]
    run_stage("prepare")
    assert attempts.failed_attempts() == []


# --- states ------------------------------------------------------------------------------------------------------------


def test_a_state_is_the_same_before_and_after_its_commit(project: ToyProject) -> None:
    project.fake_results()
    before = now().digest
    rev = project.commit()
    committed = read_state(Commit(rev))
    assert committed is not None
    assert committed.digest == before == now().digest
    assert stale(committed) == stale(now()) == {}


def test_track_entries_of_gone_arms_order_and_sizes_do_not_make_another_state(project: ToyProject) -> None:
    project.fake_results()
    before = now().digest
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    lock["stages"] = {"track": {"cmd": "toy"}, "finetune@gone": {"cmd": "toy"}} | dict(reversed(lock["stages"].items()))
    lock["stages"]["prepare"]["outs"][0]["size"] = 999
    lock["stages"]["prepare"]["outs"].reverse()
    project.write("dvc.lock", yaml.safe_dump(lock))
    assert now().digest == before
    lock["stages"]["prepare"]["deps"][0]["md5"] = "other"
    project.write("dvc.lock", yaml.safe_dump(lock))
    assert now().digest != before


def test_no_project_and_a_project_that_never_ran_have_no_state(project: ToyProject) -> None:
    assert read_state(Workspace()) is None
    assert read_state(Commit("HEAD")) is None
    assert read_state(Commit("no such commit")) is None


def test_the_items_of_a_foreach_come_from_the_parameters() -> None:
    pipeline = {"a": {}, "f": {"foreach": "${arms}"}, "g": {"foreach": ["x", "y"]}, "h": {"foreach": {"k": {}}}}
    assert live(pipeline, {"arms": {"real": [], "sqbc": []}}, {}) == ["a", "f@real", "f@sqbc", "g@x", "g@y", "h@k"]


def test_where_items_cannot_be_read_dvc_lock_is_believed() -> None:
    pipeline = {"f": {"foreach": "${elsewhere:arms}"}, "m": {"matrix": {"x": [1]}}}
    assert live(pipeline, {}, {"f@1": {}, "m@1-2": {}, "other": {}}) == ["f@1", "m@1-2"]


@pytest.mark.parametrize(
    ("file", "old", "new", "stage", "reason"),
    [
        ("params.yaml", "steps: 20", "steps: 21", "finetune@real", "params.yaml: finetune has changed since"),
        ("params.yaml", "shots: 3", "shots: 4", "prepare", "params.yaml: prepare has changed since"),
        ("tasks/toy.yaml", "likes it", "loves it", "prepare", "tasks/toy.yaml: labels has changed since"),
        ("src/toy.py", "unlucky", "bad luck", "prepare", "src/toy.py has changed since"),
        ("data/raw/toy/texts.jsonl", "{}", "[]", "prepare", "data/raw/toy/texts.jsonl has changed since"),
        ("reports/prepare/metrics.json", "3", "4", "prepare", "reports/prepare/metrics.json is not the file that"),
        ("params.yaml", "  - real\n", "  - real\n  more:\n  - real\n", "finetune@more", "has not run"),
    ],
)
def test_results_that_do_not_belong_to_a_state_are_named_with_the_reason(
    project: ToyProject, file: str, old: str, new: str, stage: str, reason: str
) -> None:
    project.fake_results()
    assert stale(now()) == {}
    project.edit(file, old, new)
    assert stale(now())[stage].startswith(reason)


def test_what_stands_on_stale_results_is_stale(project: ToyProject) -> None:
    project.fake_results()
    project.edit("params.yaml", "shots: 3", "shots: 4")
    assert stale(now())["finetune@synthetic"] == "stands on prepare"


def test_an_output_that_was_made_again_makes_what_read_it_stale(project: ToyProject) -> None:
    project.fake_results()
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    lock["stages"]["prepare"]["outs"][0]["md5"] = "new.dir"
    project.write("dvc.lock", yaml.safe_dump(lock))
    assert stale(now())["finetune@real"] == "data/real has changed since"
    assert "prepare" not in stale(now())


def test_a_change_of_runtime_or_prompts_that_no_stage_reads_makes_nothing_stale(project: ToyProject) -> None:
    project.fake_results()
    project.edit("params.yaml", "threads: 1", "threads: 8")
    project.edit("tasks/toy.yaml", "Another one.", "One more.")
    assert stale(now()) == {}


@pytest.mark.parametrize("written", ["5e-5", "5.0e-5", "0.00005"])
def test_a_number_is_the_same_however_dvc_or_a_person_writes_it(project: ToyProject, written: str) -> None:
    project.fake_results()
    project.edit("dvc.lock", "steps: 20", "steps: 5e-05")
    project.edit("params.yaml", "steps: 20", "steps: 5e-05")
    digest = now().digest
    project.edit("params.yaml", "steps: 5e-05", f"steps: {written}")
    assert (stale(now()), now().digest) == ({}, digest)


def test_broken_yaml_names_file_and_commit(project: ToyProject) -> None:
    project.write("params.yaml", "base: [")
    rev = project.commit()
    with pytest.raises(StandinError, match=r"params\.yaml, line 1: broken YAML"):
        read_state(Workspace())
    with pytest.raises(StandinError, match=rf"params\.yaml of commit {rev[:7]}, line 1: broken YAML"):
        read_state(Commit(rev))


# --- what a run holds --------------------------------------------------------------------------------------------------


def test_a_run_holds_metrics_curves_data_sets_and_files_of_every_stage(project: ToyProject) -> None:
    project.fake_results()
    found = contents.collect(now(), {}, trees.head())
    assert found.metrics["prepare.rows"] == 3
    assert found.metrics["finetune.real.f1.macro"] == 0.5
    assert found.tags["prepare.by"] == "toy"
    assert found.tags["dvc.code_dirty"] == "false"
    assert not [name for name in found.tags if "models" in name], "md5 sums are no tags"
    assert json.loads(found.artifacts["lineage/data.json"])["models/synthetic"].endswith(".dir")
    assert found.curves["finetune.real.seed1.loss"] == [(0, 1.5), (10, 0.5)]
    assert found.curves["finetune.real.budget48.seed2.loss"] == [(0, 2.0)]
    assert {(data.path, data.made_by) for data in found.data} == {
        ("data/raw/toy/texts.jsonl", "raw"),
        ("data/real", "prepare"),
    }
    assert {"lineage/dvc.yaml", "lineage/dvc.lock", "lineage/params.yaml", "lineage/tasks/toy.yaml"} <= set(
        found.artifacts
    )
    assert "reports/finetune/real/history.csv" in found.artifacts


def test_what_stages_left_is_the_same_from_the_workspace_and_from_its_commit(project: ToyProject) -> None:
    project.fake_results()
    rev = project.commit()
    committed = read_state(Commit(rev))
    assert committed is not None
    assert contents.collect(committed, {}, rev) == contents.collect(now(), {}, rev)


def test_raw_data_that_two_stages_read_is_one_data_set(project: ToyProject) -> None:
    project.fake_results()
    prepare = now().stages[0]
    found = list(contents.data_sets([prepare, LockedStage("diversity", {"deps": prepare.entry["deps"]})]))
    assert [data.path for data in found] == ["data/real", "data/raw/toy/texts.jsonl"]


def test_a_stale_stage_contributes_nothing(project: ToyProject) -> None:
    project.fake_results()
    found = contents.collect(now(), {"prepare": "because"}, "")
    assert not [name for name in found.metrics if name.startswith("prepare")]
    assert "reports/prepare/metrics.json" not in found.artifacts


def test_code_diff_holds_changes_of_src_only_new_files_included_and_no_password(project: ToyProject) -> None:
    project.fake_results()
    project.edit("src/toy.py", "thirteen", "13 at https://me:secret@host")
    project.write("src/new.py", "NEW = 1\n")
    project.write("notes.md", "not code\n")
    found = contents.collect(now(), {}, trees.head())
    diff = found.artifacts["lineage/code.diff"].decode()
    assert "13 at https://***@host" in diff
    assert "+NEW = 1" in diff
    assert "notes" not in diff
    assert found.tags["dvc.code_dirty"] == "true"


def add_report(project: ToyProject) -> None:
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    project.write("reports/report.html", "<p>page</p>")
    lock["stages"]["prepare"]["outs"].append(project._hashed("reports/report.html"))
    project.write("dvc.lock", yaml.safe_dump(lock))


def test_a_cached_page_is_taken_from_the_workspace_only_if_it_is_the_state_s_own(project: ToyProject) -> None:
    project.fake_results()
    add_report(project)
    project.write(".gitignore", "/reports/report.html\n")
    rev = project.commit()
    committed = read_state(Commit(rev))
    assert committed is not None
    assert contents.collect(committed, {}, rev).artifacts["reports/report.html"] == b"<p>page</p>"
    project.write("reports/report.html", "<p>of another state</p>")
    assert "reports/report.html" not in contents.collect(committed, {}, rev).artifacts
    assert "reports/report.html" not in contents.collect(now(), {}, rev).artifacts


def test_the_page_of_checks_is_an_output_of_validate_so_that_the_run_has_it(project: ToyProject) -> None:
    stage = read_yaml(SOURCE / "dvc.yaml")["stages"]["validate"]
    assert "reports/validate/checks.html" in stage["outs"]
    project.fake_results()
    project.write("reports/prepare/checks.html", "<p>validated</p>")
    project.write("reports/prepare/timing.json", '{"seconds": 1}')
    taken = contents.collect(now(), {}, "").artifacts
    assert taken["reports/prepare/checks.html"] == b"<p>validated</p>"
    assert "reports/prepare/timing.json" not in taken


def test_parameters_are_the_whole_file_and_a_long_one_is_cut_with_a_note() -> None:
    params = {"arms": {"real": ["real"]}, "a": {"b": {"c": None, "d": True}}, "long": "é" * 7000, "none": {}}
    flat = contents.flat_params(params, "tasks/toy.yaml")
    assert flat["arms.real"] == '["real"]'
    assert (flat["a.b.c"], flat["a.b.d"], flat["none"], flat["task_file"]) == ("null", "true", "{}", "tasks/toy.yaml")
    assert len(flat["long"]) == 6000
    assert flat["long"].endswith("... [cut, 7000 characters]")


def test_a_parameter_of_exactly_6000_characters_is_whole() -> None:
    assert contents.flat_params({"p": "x" * 6000}, "")["p"] == "x" * 6000


def test_truth_values_are_numbers_words_are_tags_and_nothing_else_is_kept() -> None:
    values = {
        "passed": True,
        "rows": 3,
        "share": float("nan"),
        "by": "toy",
        "list": [1],
        "none": None,
        "deep": {"x": 1.5},
    }
    numbers, words = contents.split_metrics("finetune.real", values)
    assert math.isnan(numbers.pop("finetune.real.share"))
    assert numbers == {"finetune.real.passed": 1.0, "finetune.real.rows": 3.0, "finetune.real.deep.x": 1.5}
    assert words == {"finetune.real.by": "toy"}


def test_curves_name_the_question_and_skip_empty_cells() -> None:
    history = "question_id,budget,seed,step,loss,learning_rate\ncentre,48,1,5,0.25,\ncentre,48,1,10,nan,0.1\n"
    assert contents.read_curves("finetune.sqbc", history) == {
        "finetune.sqbc.centre.budget48.seed1.loss": [(5, 0.25)],
        "finetune.sqbc.centre.budget48.seed1.learning_rate": [(10, 0.1)],
    }


@given(st.text(min_size=1, max_size=400))
def test_any_name_becomes_one_that_mlflow_takes(name: str) -> None:
    from re import fullmatch

    assert fullmatch(r"[\w.\- :]{1,250}", contents.sanitised([name])[name])


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("https://me:secret@host/path", "https://***@host/path"),
        ("s3://key:secret@bucket and postgresql+psycopg://u:p@db", "s3://***@bucket and postgresql+psycopg://***@db"),
        ("https://host/@handle", "https://host/@handle"),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_user_info_of_urls_is_taken_out(text: str, safe: str) -> None:
    assert redact(text) == safe


def test_dvc_s_own_refs_are_no_experiments(project: ToyProject) -> None:
    rev = trees.head()
    for ref in (f"refs/exps/{rev[:2]}/{rev[2:]}/mine", "refs/exps/stash", "refs/exps/exec/a/b"):
        project.run("git", "update-ref", ref, rev)
    assert trees.experiments() == [(rev, rev, "mine")]


@pytest.mark.usefixtures("project")
def test_a_folder_that_git_refuses_is_told_once_in_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trees._tell_refused.cache_clear()
    assert trees.head()
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert (trees.head(), trees.head()) == ("", "")
    said = capsys.readouterr().err
    assert said.count("tracking: commit and changed code are not recorded: git says: fatal: detected dubious") == 1
    assert "git config --global --add safe.directory" in said
