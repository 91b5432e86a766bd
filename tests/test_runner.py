"""The runner: a stage sees what dvc.yaml declares, leaves metrics and time, and ends with the right exit status."""

import json
import operator
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from toy_project import ToyProject

from standin.config import Params, load_params, read_yaml
from standin.corpus import read_json
from standin.errors import StandinError
from standin.stages import runner
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyProject:
    toy = ToyProject(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_STAGE", "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return toy


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., Any]], None]:
    def put(stage: str, run: Callable[..., Any]) -> None:
        module = ModuleType(f"standin.stages.{stage}")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return put


def returns(metrics: Mapping[str, Any]) -> Callable[[Params, Any, str], Mapping[str, Any]]:
    def run(params: Params, task: Any, item: str) -> Mapping[str, Any]:
        return metrics

    return run


def test_a_stage_reads_its_group_and_always_runtime_and_the_task_s_name() -> None:
    view = runner.restrict(Params(), {"generator", *runner.ALWAYS})
    assert view.generator.shots == 0
    assert view.runtime.threads == 2
    assert view.base.task == "city-topics"


@pytest.mark.parametrize("read", [lambda view: view.finetune, lambda view: view.base.seed, lambda view: view.tracking])
def test_reading_an_undeclared_parameter_raises(read: Callable[[Params], Any]) -> None:
    view = runner.restrict(Params(), {"generator", *runner.ALWAYS})
    with pytest.raises(AttributeError):
        read(view)


def test_the_group_called_validate_in_the_file_is_reached_as_validation() -> None:
    view = runner.restrict(Params(), {"validate.min_words"})
    assert view.validation.min_words == 3
    with pytest.raises(AttributeError):
        _ = view.validation.max_words


def test_a_leaf_of_a_group_of_named_things_shows_only_that_one() -> None:
    view = runner.restrict(Params(), {"arms.real", "select.strategies.sqbc"})
    assert view.arms == {"real": ["real"]}
    assert set(view.select.strategies) == {"sqbc"}
    with pytest.raises(AttributeError):
        _ = view.select.budgets


def test_restricting_leaves_the_parameters_themselves_whole() -> None:
    params = Params()
    runner.restrict(params, {"base.seed"})
    assert params == Params()


def test_a_stage_sees_only_the_listed_parts_of_the_task() -> None:
    task = load_task("city-topics", ROOT)
    view = runner.restrict_task(task, {"labels"})
    assert view.label_names == task.label_names
    assert view.name == "city-topics"
    with pytest.raises(AttributeError):
        _ = view.prompts


def test_every_stage_of_the_pipeline_names_parameters_and_parts_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    params = load_params()
    task = load_task(params.base.task)
    for stage, found in read_yaml(Path("dvc.yaml"))["stages"].items():
        names, parts = runner.declared(stage, task.name, "real" if "do" in found else "")
        view, task_view = runner.restrict(params, names), runner.restrict_task(task, parts)
        known = {info.alias or field: field for field, info in Params.model_fields.items()}
        for name in names:
            seen: Any = view
            for part in name.split("."):
                seen = seen[part] if isinstance(seen, Mapping) else getattr(seen, known.get(part, part))
        for part in parts:
            operator.attrgetter(part)(task_view)


def test_the_last_stage_sees_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names, parts = runner.declared("track", "city-topics")
    assert runner.restrict(Params(), names) == Params()
    assert "prompts" in parts


def test_an_item_stands_for_the_key_of_a_foreach_stage(project: ToyProject) -> None:
    project.edit("dvc.yaml", "      - finetune\n", "      - arms.${key}\n")
    assert "arms.real" in runner.declared("finetune", "toy", "real")[0]


@pytest.mark.parametrize(
    ("stage", "item", "said"),
    [
        ("finetun", "", "there is no stage 'finetun': did you mean 'finetune'?"),
        ("finetune", "", "'finetune' takes one item"),
        ("prepare", "real", "'prepare' takes no item"),
        ("finetune", "../real", "'../real' is no item"),
    ],
)
def test_a_call_that_dvc_yaml_does_not_know_is_refused(project: ToyProject, stage: str, item: str, said: str) -> None:
    with pytest.raises(StandinError) as error:
        runner.declared(stage, "toy", item)
    assert said in str(error.value)


def test_metrics_and_seconds_land_beside_each_other(project: ToyProject, install: Any, capsys: Any) -> None:
    install("finetune", returns({"f1": 0.5, "arm": "real"}))
    assert runner.main(["finetune", "real"]) == 0
    folder = project.root / "reports/finetune/real"
    assert json.loads((folder / "metrics.json").read_text()) == [{"arm": "real", "f1": 0.5}], (
        "in a list: not shown by DVC"
    )
    assert json.loads((folder / "timing.json").read_text())["seconds"] >= 0
    assert capsys.readouterr().out.startswith("finetune real: 0.")


def test_a_model_of_another_language_is_told_of_the_arms_that_read_it(
    project: ToyProject, install: Any, capsys: Any
) -> None:
    project.edit("tasks/toy.yaml", "language: en\ndemo", "language: de\ndemo")
    project.edit("params.yaml", "  real:\n  - real\n", "  real:\n  - real\n  - ngrams\n")
    install("finetune", returns({}))
    assert runner.main(["finetune", "real"]) == runner.main(["finetune", "synthetic"]) == 0
    assert capsys.readouterr().err.count("finetune: warning: finetune.encoder 'all-minilm-l6-v2' was made for en") == 1


def test_equal_metrics_give_equal_bytes_whatever_the_order_of_keys(project: ToyProject, install: Any) -> None:
    install("prepare", returns({"b": 1, "a": {"d": 2, "c": 3}}))
    runner.main(["prepare"])
    first = (project.root / "reports/prepare/metrics.json").read_bytes()
    install("prepare", returns({"a": {"c": 3, "d": 2}, "b": 1}))
    runner.main(["prepare"])
    assert (project.root / "reports/prepare/metrics.json").read_bytes() == first


def test_a_stage_without_metrics_leaves_no_reports(project: ToyProject, install: Any) -> None:
    install("prepare", returns({}))
    assert runner.main(["prepare"]) == 0
    assert not (project.root / "reports").exists()


def test_a_person_s_mistake_is_one_message_and_status_1(project: ToyProject, install: Any, capsys: Any) -> None:
    def run(params: Params, task: Any, item: str) -> None:
        raise StandinError("data/raw/toy/texts.jsonl, line 3: column 'text' is missing")

    install("prepare", run)
    assert runner.main(["prepare"]) == 1
    assert capsys.readouterr().err == "prepare: data/raw/toy/texts.jsonl, line 3: column 'text' is missing\n"
    assert not (project.root / "reports").exists()


def test_a_budget_beyond_a_labelled_pool_stops_the_first_stage_and_any_after_prepare(
    project: ToyProject, install: Any, capsys: Any
) -> None:
    """With a test file it is known only once prepare has run whether the pool has labels; another task's are not."""
    install("prepare", returns({}))
    install("generate", returns({}))
    project.edit("dvc.yaml", "  finetune:\n    foreach", "  generate:\n    cmd: x\n  finetune:\n    foreach")
    project.edit("params.yaml", "prepare:\n", "select: {budgets: [61]}\nprepare:\n")
    assert runner.main(["prepare"]) == 1
    assert "select.budgets holds 61, more than the pool's 60 texts" in capsys.readouterr().err
    project.edit("tasks/toy.yaml", "test: null", "test: data/raw/toy/test.jsonl")
    project.write("data/real/oracle.jsonl", "")
    assert runner.main(["prepare"]) == runner.main(["generate"]) == 0
    project.write("data/real/oracle.jsonl", "{}\n")
    assert runner.main(["prepare"]) == 0
    assert runner.main(["generate"]) == 1


def test_an_interrupted_stage_ends_with_status_130(project: ToyProject, install: Any, capsys: Any) -> None:
    def run(params: Params, task: Any, item: str) -> None:
        raise KeyboardInterrupt

    install("prepare", run)
    assert runner.main(["prepare"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_an_error_of_ours_is_no_message_but_a_traceback(project: ToyProject, install: Any) -> None:
    def run(params: Params, task: Any, item: str) -> None:
        _ = params.finetune

    install("prepare", run)
    with pytest.raises(AttributeError):
        runner.main(["prepare"])


@pytest.mark.parametrize("arguments", [[], ["prepare", "real", "more"]])
def test_a_call_with_the_wrong_number_of_words_says_how_to_call(arguments: list[str], capsys: Any) -> None:
    assert runner.main(arguments) == 2
    assert "usage" in capsys.readouterr().err


def test_the_metrics_are_on_disk_before_the_tracker_hears_of_them(
    project: ToyProject, install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def metrics(self: Any, values: Mapping[str, Any]) -> None:
        seen.append((project.root / "reports/prepare/metrics.json").exists())

    monkeypatch.setattr("standin.tracking.events.Log.metrics", metrics)
    install("prepare", returns({"rows": 3}))
    runner.main(["prepare"])
    assert seen == [True]


def test_what_a_machine_took_goes_to_the_timing_file_and_the_tracker_not_to_the_metrics(
    project: ToyProject, install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("prepare", returns({"rows": 3}))
    monkeypatch.setattr(
        sys.modules["standin.stages.prepare"], "machine_figures", lambda: {"tokens_per_second": 12.5}, raising=False
    )
    monkeypatch.setenv("DVC_STAGE", "prepare")
    assert runner.main(["prepare"]) == 0
    folder = project.root / "reports/prepare"
    assert read_json(folder / "metrics.json") == {"rows": 3}
    assert json.loads((folder / "timing.json").read_text())["tokens_per_second"] == 12.5
    (events,) = (project.root / ".standin/runs").glob("*.jsonl")
    finished = [json.loads(line) for line in events.read_text().splitlines()][-1]
    assert finished["figures"] == {"tokens_per_second": 12.5}


def test_waiting_threads_spin_briefly_unless_a_person_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    runner.limit_threads(2)
    assert [os.environ[name] for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")] == [
        "4", "PASSIVE", "1000"
    ]  # fmt: skip
