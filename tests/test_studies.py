"""Studies: the file's checks, the order of the runs, what -S changes, scores and verdicts on made-up records, the page."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from compared_project import ComparedProject
from dvc.utils.hydra import apply_overrides
from typer.testing import CliRunner

from standin.cli import app
from standin.compare.states import Run
from standin.config import Params, load_params
from standin.engines import registry
from standin.engines.protocol import Chat
from standin.errors import StandinError
from standin.evaluation.uncertainty import Estimate
from standin.generation import estimate as generation
from standin.languages import language_warning
from standin.measures.rankings import kendall_by_chance
from standin.measures.subjectivity import Comparisons
from standin.overrides import load_params_with
from standin.planning import Expected
from standin.running import EndedError
from standin.studies import measuring, planning, ranking, records, reporting, running
from standin.studies.records import Record, Said, Texts
from standin.studies.study import Claim, Point, Study, changes, hydra, load_study, points
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]
SMALL: dict[str, Any] = {
    "name": "mine",
    "title": "A study of ours",
    "paper": "Somebody (2020), Something",
    "tasks": ["city-topics", "sms-spam"],
    "grid": {"generator.shots": [0, 5], "base.seed": [1, 2]},
    "params": {"prepare.pool": 60},
    "task_params": {"sms-spam": {"evaluate.scored_labels": ["spam"]}},
    "arms": {"real": ["real"], "synthetic": ["synthetic"]},
    "columns": {
        "real": {"title": "real", "arm": "real"},
        "zero": {"title": "zero-shot", "arm": "synthetic", "published": "bert.zero_shot"},
        "five": {"title": "five-shot", "arm": "synthetic", "at": {"generator.shots": 5}},
    },
    "tables": [{"title": "Scores", "columns": ["real", "zero", "five"]}],
    "claims": [{"says": "Synthetic is worse", "first": "zero", "expect": "lower", "second": "real"}],
    "subsets": {"tiny": {"tasks": ["sms-spam"], "base.seed": [2]}},
    "differs": ["in all"],
}


SPREAD = "diversity.synthetic.remote_clique_cosine"


def study(**changed: Any) -> Study:
    return Study.model_validate(SMALL | changed)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, task files and the study ``mine``."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks")
    Path("studies").mkdir()
    Path("studies/mine.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    return tmp_path


# The file


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"grid": {"generator.shots": [0]}}, r"base\.seed is missing"),
        ({"grid": {"base.seed": [1, 1]}}, r"base\.seed needs values, each once"),
        ({"grid": {"shots": [1], "base.seed": [1]}}, r"'shots' is no parameter: write group\.key"),
        ({"tasks": ["City Topics"]}, "'City Topics' is no name of a task"),
        ({"columns": {"real": {"title": "r", "arm": "reel"}}}, r"columns\.real\.arm: there is no 'reel': did you mean 'real'"),
        (
            {"columns": SMALL["columns"] | {"nine": {"title": "9", "arm": "real", "at": {"generator.shots": 9}}}},
            r"columns\.nine\.at: generator\.shots has no value 9: the grid has \[0, 5\]",
        ),
        ({"columns": SMALL["columns"] | {"s": {"title": "s", "arm": "real", "at": {"base.seed": 1}}}}, "there is no 'base.seed'"),
        ({"tables": [{"title": "T", "columns": ["reel"]}]}, "'T': there is no 'reel'"),
        ({"claims": [{"says": "S", "first": "reel", "expect": "lower", "second": "real"}]}, "'S': there is no 'reel'"),
        ({"subsets": {"tiny": {"base.seed": [7]}}}, r"subsets\.tiny: base\.seed has no value 7"),
        ({"task_params": {"imdb": {}}}, "task_params: there is no 'imdb'"),
        ({"columns": SMALL["columns"] | {"f": {"title": "f"}}}, r"columns\.f: .*write either arm, one of arms, or figure"),
        ({"columns": SMALL["columns"] | {"f": {"title": "f", "arm": "real", "figure": SPREAD}}}, r"columns\.f: .*either arm"),
        ({"columns": SMALL["columns"] | {"f": {"title": "f", "figure": "divercity.real.x"}}}, "did you mean 'diversity'"),
        ({"columns": SMALL["columns"] | {"f": {"title": "f", "figure": SPREAD, "budget": 6}}}, "budget, label and published are of an arm"),
        ({"columns": SMALL["columns"] | {"f": {"title": "f", "figure": SPREAD}},
          "claims": [{"says": "S", "first": "f", "expect": "lower", "second": "real"}]}, "'S': one of f, real is an arm"),
    ],
)  # fmt: skip
def test_a_wrong_study_is_told_with_file_key_and_fix(project: Path, changed: Mapping[str, Any], said: str) -> None:
    Path("studies/mine.yaml").write_text(yaml.safe_dump(SMALL | dict(changed)), encoding="utf-8")
    with pytest.raises(StandinError, match=r"studies/mine\.yaml: .*" + said):
        load_study("mine")


def test_an_unknown_study_names_those_that_there_are(project: Path) -> None:
    with pytest.raises(StandinError, match=r"studies/mime\.yaml: there is no such study: did you mean 'mine'"):
        load_study("mime")
    Path("studies/other.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    with pytest.raises(StandinError, match="name is 'mine': write 'other'"):
        load_study("other")


@pytest.mark.parametrize("name", ["li2023", "wagner2025", "isarcasm", "hyperbole", "x-stance"])
def test_the_papers_studies_change_only_parameters_that_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = load_study(name)
    for task in found.tasks:
        load_task(task)
    running.check_settings(running.planned(found, points(found)))


def test_the_command_for_german_models_changes_only_parameters_that_there_are() -> None:
    (command,) = [
        found for line in load_study("x-stance", ROOT).differs for found in re.findall("`(standin run .+)`", line)
    ]
    words = shlex.split(command)[2:]
    assert words[::2] == ["-S"] * len(words[1::2])
    params = load_params_with(words[1::2], ROOT)
    arms = {name for names in params.arms.values() for name in names}
    assert {"warmstart", "misaligned", "synthetic", "sqbc", "cal", "llm", "ngrams"} <= arms
    assert language_warning(params, load_task("x-stance", ROOT), "finetune") is None


# The grid


def test_all_runs_of_a_base_seed_come_before_the_next_ones() -> None:
    found = [(point.values["base.seed"], point.task, point.values["generator.shots"]) for point in points(study())]
    assert found == [(seed, task, shots) for seed in (1, 2) for task in SMALL["tasks"] for shots in (0, 5)]


def test_a_subset_and_chosen_tasks_are_parts_of_the_grid() -> None:
    assert [point.name for point in points(study(), "tiny")] == [
        "mine-sms-spam-shots-0-seed-2", "mine-sms-spam-shots-5-seed-2"
    ]  # fmt: skip
    assert {point.task for point in points(study(), None, ["city-topics"])} == {"city-topics"}
    with pytest.raises(StandinError, match=r"--subset 'huge': .*tiny"):
        points(study(), "huge")
    with pytest.raises(StandinError, match=r"--task 'imdb'"):
        points(study(), None, ["imdb"])


def test_values_become_names_that_git_and_files_take() -> None:
    found = Point("mine", "sms-spam", {"generator.model": "Qwen/Qwen3-8B", "a.b": [1, 2], "c.d": None, "base.seed": 1})
    assert found.name == "mine-sms-spam-model-Qwen-Qwen3-8B-b-1-2-d-null-seed-1"


def test_dvc_reads_the_changes_as_the_study_means_them(project: Path) -> None:
    odd = study(
        params={"evaluate.scored_labels": ["it's", "a,b", "5"], "select.strategies": {}, "runtime.token_budget": None}
    )
    there = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    assert {"real", "sqbc"} <= {*there["arms"]}
    assert "sqbc" in there["select"]["strategies"]
    changed = changes(odd, points(odd)[0], there)
    apply_overrides(Path("params.yaml"), changed)
    found = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    assert found["evaluate"]["scored_labels"] == ["it's", "a,b", "5"]
    assert found["runtime"]["token_budget"] is None
    assert (found["base"]["task"], found["base"]["seed"], found["generator"]["shots"]) == ("city-topics", 1, 0)
    assert found["arms"]["synthetic"] == ["synthetic"]
    assert "sqbc" not in found["arms"]
    assert found["select"]["strategies"] == {}
    assert found["select"]["budgets"] == there["select"]["budgets"]
    assert hydra({"a": [True, "x"]}) == "{a: [true,'x']}"


@pytest.mark.parametrize(
    ("generator", "said"),
    [({"generator.texts": 0}, "no texts to generate"), ({"generator.engine": "replay"}, "recorded texts")],
)
def test_a_plan_without_an_llm_says_so(project: Path, generator: dict[str, Any], said: str) -> None:
    found = study(params=generator)
    lines = [*planning.lines(found, running.planned(found, points(found, None, ["sms-spam"])))]
    assert f"sms-spam: 0 runs made, 4 to make, {said}" in lines


# Records


def record(
    task: str, seed: int, said: Mapping[str, list[str]], shots: int = 0, truth: str = "0101", **changed: Any
) -> Record:
    """Answers by arm, a string a training seed, on texts of one question."""
    texts = Texts(None, tuple(f"t{place}" for place in range(len(truth))), truth)
    answers = [
        Said(arm, None, training, None, own) for arm, of_arm in said.items() for training, own in enumerate(of_arm, 1)
    ]
    point = Point("mine", task, {"generator.shots": shots, "base.seed": seed})
    made = Record("mine", task, point.values, [], "r", {"encoder": "tiny"}, ["ham", "spam"], [], [texts], answers)
    return replace(made, **changed)


def test_a_record_is_read_as_it_was_written_and_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    made = record(
        "sms-spam", 1, {"real": ["0101", "0111"]}, metrics={"curate": {"kept": 9}}, unlearned=["a"],
        plane=[["sqbc", "real", 0.25, -0.5]], seconds=12.0
    )  # fmt: skip
    path = tmp_path / "a" / "x.json.gz"
    records.write(made, path)
    found = records.read(path)
    assert found == made
    first = path.read_bytes()
    records.write(found, path)
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00", b"nonsense"])
def test_a_broken_record_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(content)
    with pytest.raises(StandinError, match=r"x\.json\.gz: no record of a study's run .* remove it"):
        records.read(path)


def test_a_run_is_read_from_its_experiment_answers_beside_their_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = ComparedProject(tmp_path, texts=6, seeds=(1, 2))
    made.write("reports/curate/metrics.json", b'[{"kept": 9}]')
    made.write("reports/report/selection.csv", b'panel,kind,id,x,y\n"Is it, by SQBC",real,r1,0.12345,-0.5\n')
    made.state({"real": []})
    made.commit()
    made.experiment("mine-x", {"real": [], "synthetic": [0, 3]}, seed=7, unlearned=["synthetic"])
    point = Point("mine", "toy", {"generator.shots": 0, "base.seed": 7})
    found = records.collect(point, "mine-x", ["base.seed=7"], 12.4)
    assert (found.task, found.values["base.seed"], found.seconds, found.unlearned) == ("toy", 7, 12, ["synthetic"])
    assert found.labels == ["pro", "con"]
    assert found.texts == [Texts(None, tuple(f"s7-{place}" for place in range(6)), "010101")]
    assert found.metrics["curate"] == [{"kept": 9}]
    assert (found.figure("curate.kept"), found.figure("curate.lost"), found.figure("prepare.rows")) == (9, None, None)
    assert found.plane == [["Is it, by SQBC", "real", 0.123, -0.5]]
    said = {(one.arm, one.seed): one.labels for one in found.answers}
    wrong = [{place for place in range(6) if said["synthetic", seed][place] != "010101"[place]} for seed in (1, 2)]
    assert all({0, 3} <= places and len(places) <= 3 for places in wrong)
    made.forget("s7-")
    with pytest.raises(StandinError, match=r"the experiment mine-x: .* is not on this machine: `dvc fetch` brings it"):
        records.collect(point, "mine-x", [], 0)


@pytest.mark.parametrize(
    ("arms", "texts", "named"),
    [
        ({"real": ["real", "ngrams"], "asked": ["llm"]}, 0, set()),
        ({"real": ["real", "ngrams"], "tuned": ["real"]}, 42, {"encoder", "generator"}),
    ],
)
def test_a_record_names_the_models_that_wrote_and_answered(
    arms: Mapping[str, list[str]], texts: int, named: set[str]
) -> None:
    models = {"finetune": {"encoder": "tiny"}, "embed": {"model": "small"}}
    params = {**models, "arms": arms, "generator": {"model": "mini", "texts": texts}}
    assert {*records._models(Run("r", "", params, {}, 1, ""))} == {"embedding", *named}


def test_an_experiment_without_results_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = ComparedProject(tmp_path, texts=6)
    made.state({"real": []})
    made.commit()
    made.experiment("mine-x", {"real": []}, seed=7)
    made.write("dvc.lock", b"schema: '2.0'\nstages: {}\n")
    head = made.git("rev-parse", "HEAD")
    made.git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/mine-y", made.commit())
    with pytest.raises(StandinError, match="the experiment mine-y: no results: the pipeline has not run to its end"):
        records.collect(Point("mine", "toy", {"base.seed": 7}), "mine-y", [], 0)


# Scores


TRUE, HALF = "0101" * 10, "0000" * 10
"""Right everywhere: macro-F1 1. One label for all of two equal ones: 1/3."""


def test_a_base_seed_is_the_mean_of_its_training_seeds() -> None:
    found = measuring.scores(study(), [
        record("sms-spam", seed, {"real": [TRUE, HALF], "synthetic": [HALF, HALF]}, truth=TRUE) for seed in (1, 2)
    ])["sms-spam"]["macro_f1"]  # fmt: skip
    assert found["real"].by_draw == pytest.approx([2 / 3, 2 / 3])
    assert found["zero"].by_draw == pytest.approx([1 / 3, 1 / 3])
    assert "five" not in found
    assert measuring.difference(found["zero"], found["real"]).value == pytest.approx(-1 / 3)


def test_a_column_is_read_under_its_own_values_of_the_grid() -> None:
    found = measuring.scores(study(), [
        record("sms-spam", 1, {"real": [TRUE], "synthetic": [HALF]}, truth=TRUE),
        record("sms-spam", 1, {"real": [HALF], "synthetic": [TRUE]}, shots=5, truth=TRUE),
    ])["sms-spam"]["accuracy"]  # fmt: skip
    assert [found[name].by_draw[0] for name in ("real", "zero", "five")] == [1, 0.5, 1]


def test_only_base_seeds_that_every_column_has_count() -> None:
    both = {"real": [TRUE], "synthetic": [HALF]}
    made = [record("sms-spam", 1, both, truth=TRUE), record("sms-spam", 1, both, shots=5, truth=TRUE)]
    made.append(record("sms-spam", 2, {"real": [HALF], "synthetic": [HALF]}, truth=TRUE))
    found = measuring.scores(study(), made)["sms-spam"]["macro_f1"]
    assert {name: drawn.base_seeds for name, drawn in found.items()} == dict.fromkeys(["real", "zero", "five", "*"], 1)
    assert found["real"].by_draw == pytest.approx([1])


def test_a_budget_of_a_column_is_that_one_else_the_largest() -> None:
    few = {name: {"title": "few", "arm": "real", "budget": name} for name in ("smallest", "largest")}
    few["six"] = {"title": "6", "arm": "real", "budget": 6}
    budgets = study(columns=SMALL["columns"] | few)
    made = record("sms-spam", 1, {"synthetic": [HALF]}, truth=TRUE)
    answers = [Said("real", 6, 1, None, HALF), Said("real", 12, 1, None, TRUE), *made.answers]
    found = measuring.scores(budgets, [replace(made, answers=answers)])["sms-spam"]["accuracy"]
    assert [found[name].by_draw[0] for name in ("smallest", "six", "real", "largest")] == [0.5, 0.5, 1, 1]


def test_questions_count_equally_and_labels_that_are_scored() -> None:
    texts = [Texts("a", ("1", "2"), "01"), Texts("b", tuple("345678"), "010101")]
    answers = [Said("real", None, 1, "a", "01"), Said("real", None, 1, "b", "000000")]
    made = record("sms-spam", 1, {}, texts=texts, answers=answers)
    assert measuring.scores(study(), [made])["sms-spam"]["macro_f1"]["real"].by_draw == pytest.approx([2 / 3])
    only = replace(made, scored=["spam"])
    assert measuring.scores(study(), [only])["sms-spam"]["macro_f1"]["real"].by_draw == pytest.approx([0.5])


def test_equal_test_texts_have_equal_resamples_and_others_their_own() -> None:
    """With texts of its own every base seed moves by itself, so the mean's variance over resamples is halved."""
    wrong = "1" + TRUE[1:]
    same = [record("sms-spam", seed, {"real": [wrong]}, truth=TRUE) for seed in (1, 2)]
    other = replace(same[1], texts=[Texts(None, tuple(f"o{place}" for place in range(40)), TRUE)])
    paired = measuring.scores(study(), same)["sms-spam"]["macro_f1"]["real"].resamples
    apart = measuring.scores(study(), [same[0], other])["sms-spam"]["macro_f1"]["real"].resamples
    assert (paired[0] == paired[1]).all()
    assert apart.mean(axis=0).var() == pytest.approx(paired.mean(axis=0).var() / 2, rel=0.15)


def test_over_tasks_differences_are_the_mean_with_welch_s_freedom() -> None:
    found = measuring.pooled([Estimate(0.1, 0.03, 4), Estimate(0.3, 0.04, 9)])
    assert (found.value, found.error) == (pytest.approx(0.2), pytest.approx(0.025))
    assert found.freedom == pytest.approx((0.0009 + 0.0016) ** 2 / (0.0009**2 / 4 + 0.0016**2 / 9))


@pytest.mark.parametrize(
    ("value", "p", "adjusted", "said"),
    [(-0.1, 0.01, 0.02, "holds"), (0.1, 0.01, 0.02, "the opposite"), (0.1, 0.01, 0.2, "not clear"),
     (-0.1, 0.2, 0.2, "within the noise")],
)  # fmt: skip
def test_a_verdict_keeps_to_direction_and_correction(value: float, p: float, adjusted: float, said: str) -> None:
    claim = Claim(says="", first="zero", expect="lower", second="real")
    assert measuring.verdict(claim, Estimate(value, 0.01, 9), p, adjusted) == said


def test_one_base_seed_has_no_verdict_and_two_tasks_have_a_mean() -> None:
    both = {"real": [TRUE, TRUE], "synthetic": [HALF, HALF]}
    one = [record(task, 1, both, truth=TRUE) for task in SMALL["tasks"]]
    assert {judged[0].verdict for judged in measuring.claims(study(), measuring.scores(study(), one)).values()} == {
        "one base seed"
    }
    two = one + [record(task, 2, both, truth=TRUE) for task in SMALL["tasks"]]
    found = measuring.claims(study(), measuring.scores(study(), two))
    assert (list(found), found[None][0].verdict) == (["city-topics", "sms-spam", None], "holds")


def test_a_column_of_one_label_is_its_f1_and_missing_where_a_task_has_no_such_label() -> None:
    columns = {"real": {"title": "real", "arm": "real"}, "spam": {"title": "spam", "arm": "real", "label": "spam"},
               "joy": {"title": "joy", "arm": "real", "label": "joy"}}  # fmt: skip
    own = study(columns=columns, tables=[{"title": "T", "columns": ["real", "spam"]}], claims=[])
    found = measuring.scores(own, [record("sms-spam", 1, {"real": ["0111"]}, truth="0011")])["sms-spam"]["macro_f1"]
    assert set(found) == {"real", "spam", "*"}
    assert measuring.value(found["spam"]).value == pytest.approx(0.8)  # precision 2/3, recall 1
    assert measuring.value(found["real"]).value == pytest.approx((0.8 + 2 / 3) / 2)  # ham: precision 1, recall 1/2


def test_an_arm_that_had_not_learned_has_no_verdict() -> None:
    both = {"real": [TRUE], "synthetic": [HALF]}
    made = [record(task, seed, both, truth=TRUE) for task in SMALL["tasks"] for seed in (1, 2)]
    made[1] = replace(made[1], unlearned=["synthetic"])
    found = measuring.claims(study(), measuring.scores(study(), made))
    assert [found[task][0].verdict for task in (*SMALL["tasks"], None)] == ["not learned", "holds", "not learned"]


def test_a_trend_over_tasks_is_kendall_s_tau_with_how_sure_the_ranks_are() -> None:
    tasks = ["a", "b", "c", "d", "e"]
    own = study(tasks=tasks, task_params={}, subsets={}, rank="subjectivity_stars",
                trends=[{"says": "falls", "first": "zero", "second": "real", "expect": "falling"}])  # fmt: skip
    made = []
    for place, task in enumerate(tasks):
        said = "10" * 2 * place + TRUE[4 * place :]
        made += [record(task, seed, {"real": [TRUE], "synthetic": [said]}, truth=TRUE) for seed in (1, 2)]
    found = measuring.scores(own, made)
    ranked = measuring.trends(own, found, {task: place for place, task in enumerate(tasks)})[0]
    assert (ranked.tau, ranked.tasks) == (pytest.approx(-1), tuple(tasks))
    assert ranked.low == pytest.approx(-1)
    assert ranked.high <= -0.5
    assert ranked.p == pytest.approx(2 / 120, abs=1e-6)
    assert measuring.trends(own, found, {"a": 1, "b": 2, "c": 3}) == []


def diverse(task: str, seed: int, real: float, synthetic: float) -> Record:
    """A run of which two figures are known."""
    found = {side: {"remote_clique_cosine": value} for side, value in (("real", real), ("synthetic", synthetic))}
    return record(task, seed, {"real": [TRUE, HALF]}, truth=TRUE, metrics={"diversity": [found], "curate": None})


FIGURES = {
    "real": {"title": "real", "figure": "diversity.real.remote_clique_cosine"},
    "spread": {"title": "synthetic", "figure": SPREAD},
    "missing": {"title": "missing", "figure": "curate.kept"},
}


def test_a_column_may_be_a_figure_of_the_runs_judged_over_base_seeds_alone() -> None:
    says = {"says": "Real is more diverse", "first": "real", "expect": "higher", "second": "spread"}
    own = study(columns=FIGURES, tables=[{"title": "T", "columns": ["real", "spread", "missing"]}], claims=[says])
    made = [diverse("sms-spam", seed, 0.9 + 0.01 * seed, 0.5) for seed in (1, 2, 3)]
    found = measuring.scores(own, made)
    assert found["sms-spam"]["macro_f1"].keys() == {"real", "spread", "*"}
    estimate = measuring.value(found["sms-spam"]["accuracy"]["real"])
    assert (estimate.value, estimate.error) == (pytest.approx(0.92), pytest.approx(0.01 / 3**0.5))
    assert estimate.freedom == pytest.approx(2)
    judged = measuring.claims(own, found)["sms-spam"][0]
    assert (judged.verdict, judged.found.value) == ("holds", pytest.approx(0.42))
    text, _ = reporting.page(own, made, 8, {})
    assert "| sms-spam | 0.920 (0.90 to 0.94) | 0.500 |  |" in text
    assert (
        "less what it names second, in macro-F1, or the figure that it is of: above 0 the first has more. 95% intervals"
        in text
    )


def test_a_figure_of_one_run_has_no_interval_and_a_task_without_any_no_row() -> None:
    own = study(columns=FIGURES, tables=[{"title": "T", "columns": ["real"]}], claims=[])
    text, _ = reporting.page(own, [diverse("sms-spam", 1, 0.87137, 0.5), record("city-topics", 1, {})], 8, {})
    assert "| sms-spam | 0.871 |" in text
    assert "city-topics" not in text


def test_a_figure_that_some_runs_lack_takes_no_base_seed_from_the_arms() -> None:
    own = study(columns=SMALL["columns"] | {"f": {"title": "f", "figure": "curate.kept"}})
    made = [record("sms-spam", seed, {"real": [TRUE]}, truth=TRUE, metrics={"curate": [{"kept": 9}] if seed == 2 else None})
            for seed in (1, 2)]  # fmt: skip
    found = measuring.scores(own, made)["sms-spam"]["macro_f1"]
    assert found["real"].base_seeds == 2
    assert "f" not in found


def test_the_picture_is_of_arms_alone() -> None:
    tables = [{"title": "F", "columns": ["f"]}, {"title": "T", "columns": ["f", "real"]}]
    own = study(columns=SMALL["columns"] | {"f": {"title": "spread", "figure": SPREAD}}, tables=tables)
    _, figures = reporting.page(own, [diverse("sms-spam", 1, 0.9, 2.3)], 8, {})
    assert "spread" not in figures["mine.svg"]
    only = study(columns=FIGURES, tables=[{"title": "F", "columns": ["real"]}], claims=[])
    assert reporting.page(only, [diverse("sms-spam", 1, 0.9, 2.3)], 8, {})[1] == {}


def test_texts_that_base_seeds_share_move_their_scores_together() -> None:
    """Of two base seeds with the same texts the mean's error is that of one; with half of them shared it is between."""
    rng = np.random.default_rng(0)
    truth = "".join(rng.choice(list("01"), 200))
    said = "".join(one if rng.random() < 0.8 else "10"[int(one)] for one in truth)

    def made(seed: int, first: int) -> Record:
        texts = [Texts(None, tuple(f"t{place + first}" for place in range(200)), truth)]
        return record("sms-spam", seed, {"real": [said]}, texts=texts)

    errors = [
        measuring.value(measuring.scores(study(), [made(1, 0), made(2, first)])["sms-spam"]["accuracy"]["real"]).error
        for first in (0, 100, 200)
    ]
    alone = (0.8 * 0.2 / 200) ** 0.5
    assert errors[0] == pytest.approx(alone, rel=0.15)
    assert errors[2] < errors[1] < errors[0]


def test_the_page_says_what_guessing_gives_what_had_not_learned_and_what_arms_learn_from() -> None:
    sizes = {"arm_labels": {"real": {"ham": 30, "spam": 10}, "synthetic": {"ham": 6, "spam": 6}}}
    made = [record("sms-spam", seed, {"real": [TRUE], "synthetic": [HALF]}, truth="0001" * 10, unlearned=["synthetic"],
                   metrics={"arms": [sizes]}) for seed in (1, 2)]  # fmt: skip
    text, _ = reporting.page(study(), made, 8, {})
    assert (
        "**No verdict: 1 not learned.**\n\nLearned in no run: zero-shot.\n\n"
        "The other arms that claims compare had learned in every run: real.\n\nWhat"
    ) in text
    assert "| task | real | zero-shot | five-shot | most frequent label |" in text
    row = next(line for line in text.splitlines() if line.startswith("| sms-spam"))
    assert row.endswith("0.429 (0.43 to 0.43) † |  | 0.429 |")  # ham for all of 30 ham in 40
    assert "| real | 40 (25% spam) |\n| zero-shot | 12 (50% spam) |" in text


def test_the_page_says_which_arms_had_learned_where_and_tells_those_of_one_title_apart() -> None:
    columns = {
        "real": {"title": "real", "arm": "real"},
        "zero_shot": {"title": "texts", "arm": "synthetic"},
        "five_shot": {"title": "texts", "arm": "synthetic", "at": {"generator.shots": 5}},
        "label": {"title": "texts", "arm": "synthetic", "at": {"generator.shots": 5}, "label": "spam"},
        "probe": {"title": "texts", "arm": "probe", "at": {"generator.shots": 5}},
    }
    claims = [{"says": name, "first": name, "expect": "lower", "second": "real"} for name in columns if name != "real"]
    arms = {arm: [arm] for arm in ("real", "synthetic", "probe")}
    own = study(columns=columns, tables=[{"title": "T", "columns": list(columns)}], claims=claims, arms=arms)
    answers = {"real": [TRUE], "synthetic": [HALF], "probe": [HALF]}
    made = [
        record(task, seed, answers, shots=shots, truth=TRUE, unlearned=lost)
        for task in SMALL["tasks"]
        for seed, shots, lost in [(1, 0, ["synthetic"]), (2, 0, ["synthetic"]), (1, 5, ["synthetic"]), (2, 5, [])]
    ]
    made[3] = replace(made[3], unlearned=["synthetic"])
    text, _ = reporting.page(own, made, 8, {})
    assert (
        "Learned in no run: texts (arm `synthetic`).\n\nHad not learned in some runs:\n\n"
        "- texts (arm `synthetic`, `generator.shots: 5`): city-topics 2 of 2 runs, sms-spam 1 of 2 runs\n\n"
        "The other arms that claims compare had learned in every run: real; texts (arm `probe`, `generator.shots: 5`)."
        "\n\nWhat"
    ) in text


def test_nine_arms_have_a_shape_and_a_shade_each() -> None:
    columns = {f"c{n}": {"title": f"column {n}", "arm": "real"} for n in range(9)}
    own = study(columns=columns, tables=[{"title": "T", "columns": list(columns)}], claims=[])
    _, figures = reporting.page(own, [record("sms-spam", 1, {"real": [TRUE]}, truth=TRUE)], 8, {})
    marks = re.findall(r'<path aria-label="value: [^>]*? d="([^"]*)"[^>]*?fill="([^"]*)"', figures["mine.svg"])
    assert len(marks) == len(set(marks)) == 9


@pytest.mark.parametrize(("verdicts", "expected"), [
    (["within the noise", "holds", "not learned", "holds", "the opposite"],
     "**5 claims: 2 hold, 1 the opposite, 1 within the noise, 1 not learned.** Holds: c1; c3. The opposite: c4."),
    (["not clear", "holds"], "**2 claims: 1 holds, 1 not clear.** Holds: c1."),
    (["holds"], "**1 claim: 1 holds.**"),
    (["not learned", "one base seed"], "**No verdict: 1 not learned, 1 one base seed.**"),
])  # fmt: skip
def test_the_answer_names_what_is_clear_first(verdicts: list[str], expected: str) -> None:
    said = [SimpleNamespace(says=f"c{place}") for place in range(len(verdicts))]
    judged = [SimpleNamespace(claim=claim, verdict=verdict) for claim, verdict in zip(said, verdicts, strict=True)]
    assert reporting._answer(judged) == expected  # type: ignore[arg-type]


def test_models_keep_their_names_and_the_opposite_is_explained() -> None:
    models = {"generator": "data/recorded/a/gpt-4.jsonl", "encoder": "mistralai/Mistral-7B-Instruct-v0.3"}
    made = [record("sms-spam", seed, {"real": [HALF], "synthetic": [TRUE]}, truth=TRUE, models=models)
            for seed in (1, 2, 3)]  # fmt: skip
    text, _ = reporting.page(study(), made, 8, {})
    assert "generator `gpt-4`, encoder `mistralai/Mistral-7B-Instruct-v0.3`." in text
    assert "**1 claim: 1 the opposite.**" in text
    assert "**holds**, **the opposite**: clear" in text


def test_a_study_of_comparisons_of_ours_is_none_of_claims() -> None:
    says = {"says": "More is better (ours)", "first": "zero", "expect": "higher", "second": "real"}
    made = [record("sms-spam", seed, {"real": [TRUE], "synthetic": [HALF]}, truth=TRUE) for seed in (1, 2)]
    text, _ = reporting.page(study(claims=[says]), made, 8, {})
    assert "## What was compared (no claim of the paper)" in text


# The panel's ranking of the tasks


class Judge:
    """Finds the task whose labels hold "spam" the more objective one."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> Any:
        return np.array([[-1.0, -3.0] if "spam" in chat[1][1].splitlines()[0] else [-3.0, -1.0] for chat in chats])


def test_a_model_ranks_the_study_s_tasks_by_their_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(registry, "load", lambda *given: asked.append(given) or Judge())
    (project / "dvc.yaml").write_text("stages: {}\n")
    found = CliRunner().invoke(app, ["study", "rank", "mine", "-S", "subjectivity.model=big"], catch_exceptions=False)
    assert "studies/mine/ranking.json: 2 answers of big" in found.output
    assert asked[0][1] == "big"
    kept = ranking.read(ranking.path_of("mine"))
    assert kept is not None
    assert dict(zip(kept.comparisons.pairs, kept.comparisons.log_odds, strict=True)) == {(0, 1): -2, (1, 0): 2}
    assert "| sms-spam | -" in Path("docs/studies/mine.md").read_text(encoding="utf-8")
    Path("studies/mine.yaml").write_text(yaml.safe_dump(SMALL | {"tasks": ["sms-spam"], "subsets": {}}))
    assert "a ranking is of two tasks or more" in str(CliRunner().invoke(app, ["study", "rank", "mine"]).exception)


def panel(order: str = "abcd", lean: float = 0.5) -> ranking.Panel:
    """Answers by a judge for whom the tasks come in this order, and who leans to the one shown first."""
    names = tuple(sorted(order))
    pairs = tuple((i, j) for i in range(len(names)) for j in range(len(names)) if i != j)
    odds = [lean + (1.0 if order.index(names[i]) < order.index(names[j]) else -1.0) for i, j in pairs]
    return ranking.Panel("tiny", names, Comparisons(pairs, np.array(odds)))


def test_what_the_panel_said_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ranking.json"
    assert ranking.read(path) is None
    ranking.write(panel(), path)
    found = ranking.read(path)
    assert found is not None
    assert (found.model, found.tasks, found.comparisons.pairs) == ("tiny", tuple("abcd"), panel().comparisons.pairs)
    assert (found.comparisons.log_odds == panel().comparisons.log_odds).all()


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"model": "m", "tasks": ["a", "b"], "log_odds": [["a", "b", 1]]}',
                                     '{"model": "m", "tasks": ["a"], "log_odds": [["a", "c", 1]]}'])  # fmt: skip
def test_a_broken_ranking_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ranking.json"
    path.write_text(content)
    with pytest.raises(StandinError, match=r"ranking\.json: no ranking of tasks .*standin study rank"):
        ranking.read(path)


def test_the_panel_s_ranking_is_held_against_the_paper_s_and_against_chance() -> None:
    paper = {"a": 1, "b": 2, "c": 2, "d": 5}
    same, turned = (ranking.placed(panel(order), paper) for order in ("abcd", "dcba"))
    assert list(same.scores) == sorted(same.scores, key=lambda task: same.scores[task])
    assert same.tau is not None
    assert turned.tau is not None
    assert same.tau[0] == pytest.approx(5 / 30**0.5)  # of six pairs one is tied by the paper
    assert turned.tau[0] == pytest.approx(-same.tau[0])
    assert same.tau[1] < same.tau[0]
    assert same.by_chance == kendall_by_chance([1, 2, 2, 5])
    assert same.position_bias == 0.5
    assert ranking.placed(panel(), {"a": 1}).tau is None


def test_the_page_shows_the_ranking_and_trends_by_it_too(project: Path) -> None:
    tasks = ["a", "b", "c", "d"]
    own = study(tasks=tasks, task_params={}, subsets={}, rank="subjectivity_stars",
                trends=[{"says": "The loss grows", "first": "zero", "second": "real", "expect": "falling"}])  # fmt: skip
    made = []
    for place, task in enumerate(tasks):
        said = "10" * 2 * place + TRUE[4 * place :]
        made += [record(task, seed, {"real": [TRUE], "synthetic": [said]}, truth=TRUE) for seed in (1, 2)]
    text, _ = reporting.page(own, made, 8, {}, panel())
    assert "By the panel's ranking: The loss grows: Kendall's tau -1.00" in text
    assert "## Tasks from objective to subjective" in text
    assert text.index("| a | -") < text.index("| d | +")
    assert "The panel named the task shown first in 50% of its answers." in text
    assert "stars" not in text


def test_a_ranking_without_answers_that_differ_gives_no_trend() -> None:
    tasks = ["a", "b", "c", "d"]
    own = study(tasks=tasks, task_params={}, subsets={},
                trends=[{"says": "It grows", "first": "zero", "second": "real", "expect": "falling"}])  # fmt: skip
    made = [record(task, seed, {"real": [TRUE], "synthetic": [HALF]}, truth=TRUE) for task in tasks for seed in (1, 2)]
    found = measuring.scores(own, made)
    assert measuring.trends(own, found, dict(zip(tasks, (1, 2, 3, 4), strict=True))) == []  # all lose as much
    other = [record(task, seed, {"real": [TRUE], "synthetic": ["10" * 2 * place + TRUE[4 * place :]]}, truth=TRUE)
             for place, task in enumerate(tasks) for seed in (1, 2)]  # fmt: skip
    assert measuring.trends(own, measuring.scores(own, other), dict.fromkeys(tasks, 1.0)) == []


def test_a_tau_that_only_reaches_the_threshold_is_no_better_than_chance() -> None:
    paper = dict(zip("abcdefg", (1, 2, 3, 4, 5, 5, 5), strict=True))
    found = ranking.placed(panel("abcefgd"), paper)
    assert found.tau is not None
    assert found.tau[0] == pytest.approx(found.by_chance)
    assert "0: no better than chance." in ranking.told(panel("abcefgd"), found, paper, "recalled")[1]
    best, worst = ranking.placed(panel("abcdefg"), paper), ranking.placed(panel("gfedcba"), paper)
    assert "0: better than chance." in ranking.told(panel("abcdefg"), best, paper, "recalled")[1]
    assert "0: worse than chance." in ranking.told(panel("gfedcba"), worst, paper, "recalled")[1]
    assert "so this says little" in ranking.told(panel(lean=9), ranking.placed(panel(lean=9), paper), paper, "")[1]


def test_the_texts_of_the_plane_are_thinned_but_for_those_that_were_chosen() -> None:
    def rows(panel: str) -> list[list[Any]]:
        return [[panel, kind, place / 200, -place / 200]
                for kind, count in (("real", 150), ("synthetic", 50), ("selected", 90)) for place in range(count)]  # fmt: skip

    plane = sorted(rows("at random") + rows("by SQBC"), key=lambda row: ("real", "synthetic", "selected").index(row[1]))
    made = record("sms-spam", 1, {"real": [TRUE]}, truth=TRUE, plane=plane)
    later = replace(made, task="city-topics", values={"generator.shots": 0, "base.seed": 2})
    text, figures = reporting.page(study(projections=True), [made, later], 8, {})
    assert "![Scatter plots of text embeddings" in text
    assert "sms-spam, at random: 90 selected; sms-spam, by SQBC: 90 selected." in text
    assert "city-topics, at random" not in text
    assert figures["mine-plane.svg"].count("<path") < 2 * (50 + 50 + 90) + 40  # of all: 580
    assert "aria-" not in figures["mine-plane.svg"]
    assert "mine-plane.svg" not in reporting.page(study(), [made], 8, {})[1]


# Running


def test_a_run_that_is_kept_is_made_again_only_where_the_study_changes_it(project: Path) -> None:
    own = load_study("mine")
    first = running.planned(own, points(own))[0]
    made = record("city-topics", 1, {"real": ["0101"]}, changes=list(first.changes))
    records.write(made, records.path_of(first.point))
    assert [one.done for one in running.planned(own, points(own))] == [True] + [False] * 7
    other = study(params={"prepare.pool": 80})
    assert not running.planned(other, points(other))[0].done
    apply_overrides(Path("params.yaml"), ["++arms.more=[real]"])
    assert running.planned(own, points(own))[0].done


def test_the_time_of_runs_is_that_of_their_task_else_of_all_that_were_made(project: Path) -> None:
    own = load_study("mine")
    plan = running.planned(own, points(own))
    assert running.seconds_of(plan) == {}
    for one, seconds in zip(plan[:3], (60.0, 120.0, 600.0), strict=True):  # two of city-topics, one of sms-spam
        made = record(one.point.task, 1, {"real": ["0101"]}, changes=list(one.changes), seconds=seconds)
        records.write(made, records.path_of(one.point))
    assert running.seconds_of(running.planned(own, points(own))) == {"city-topics": 90, "sms-spam": 600}
    first = points(own, None, ["city-topics"])
    assert running.seconds_of(running.planned(own, first)) == {"city-topics": 90}
    other = study(params={"prepare.pool": 80})
    assert running.seconds_of(running.planned(other, points(other))) == {}, "runs of other parameters tell nothing"


def test_a_failed_run_is_named_the_others_go_on_and_a_stop_in_time_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = load_study("mine")
    plan = running.planned(own, points(own, None, ["sms-spam"]))
    begun: list[str] = []
    kept: list[str] = []
    monkeypatch.setattr(running, "keep", lambda one, _: kept.append(one.point.name))

    def begin(words: Any) -> int:
        begun.append(words[4])
        return 1 if len(begun) == 2 else 0

    said: list[str] = []
    done = running.run(plan, begin, said.append)
    assert (done.made, done.failed, done.left) == (3, [plan[1].point.name], 0)
    assert (begun, kept) == ([one.experiment for one in plan], [plan[place].point.name for place in (0, 2, 3)])
    assert f"{plan[1].point.name}: failed (status 1); the others go on" in said
    assert running.run(plan, begin, said.append, until=0.0).left == 4
    with pytest.raises(KeyboardInterrupt):
        running.run(plan, lambda _: 130, said.append)
    with pytest.raises(EndedError, match="143"):
        running.run(plan, lambda _: 143, said.append)


def test_a_run_made_again_of_the_cache_keeps_the_time_it_took(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = running.planned(load_study("mine"), points(load_study("mine"), None, ["sms-spam"]))[0]
    monkeypatch.setattr(records, "collect", lambda *given: record("sms-spam", 1, {}, seconds=float(given[3])))
    took = []
    for seconds in (60.0, 500.0, 70.0):
        running.keep(one, seconds)
        took.append(records.read(records.path_of(one.point)).seconds)
    assert took == [60, 500, 500]


def test_queued_runs_are_kept_once_their_experiments_are_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load_study("mine")
    plan = running.planned(own, points(own, None, ["sms-spam"]))
    there, queued, kept = [plan[0].experiment], [], []
    monkeypatch.setattr(running.trees, "experiments", lambda: [("rev", "head", name) for name in there])
    monkeypatch.setattr(running, "keep", lambda one, _: kept.append(one.point.name))

    def begin(words: Any) -> int:
        assert words[:4] == ["exp", "run", "--queue", "--name"]
        queued.append(words[4])
        return 0

    assert running.enqueue(plan, begin) == 3
    assert queued == [one.experiment for one in plan[1:]]
    there += queued[:1]
    found = running.collected(plan)
    assert found == ([one.point.name for one in plan[:2]], [one.point.name for one in plan[2:]])
    assert kept == found[0]
    with pytest.raises(StandinError, match="could not be queued"):
        running.enqueue(plan, lambda _: 1)


def test_a_task_whose_files_git_does_not_hold_is_told_before_anything_runs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = load_study("mine")
    monkeypatch.setattr(running.trees, "git", lambda *_: b"")
    monkeypatch.setattr(running, "plan_of", pytest.fail)
    with pytest.raises(StandinError, match=r"tasks/city-topics\.yaml is not in git, and a run of mine needs it"):
        running.check(own, running.planned(own, points(own)))


def test_files_in_conflict_are_told_before_anything_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those above the project's folder too."""
    inside = project / "inside"
    inside.mkdir()
    for name in ("params.yaml", "tasks", "studies"):
        shutil.move(project / name, inside)
    monkeypatch.chdir(inside)
    monkeypatch.setattr(running, "check_settings", pytest.fail)
    own = load_study("mine")

    def git(*words: str, succeeds: bool = True) -> None:
        named = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        subprocess.run(named, cwd=project, check=succeeds, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    for branch, text in (("main", "one"), ("other", "two"), ("main", "three")):
        git("checkout", "--quiet", *(["-B", branch] if branch == "other" else [branch]), succeeds=text != "one")
        (project / "file").write_text(text)
        git("add", "file")
        git("commit", "--quiet", "-m", text)
    git("merge", "other", succeeds=False)
    with pytest.raises(StandinError, match=r"^git has files in conflict.* `git status` names them"):
        running.check(own, running.planned(own, points(own)))


def test_every_recording_that_git_does_not_hold_is_told_before_anything_runs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [f"data/recorded/city-topics/{name}.jsonl" for name in ("here", "lost")]
    grid = {"generator.model": files, "base.seed": [1, 2]}
    own = study(tasks=["city-topics"], grid=grid, params={"generator.engine": "replay"}, task_params={}, subsets={},
                columns={"real": {"title": "real", "arm": "real"}}, tables=[{"title": "T", "columns": ["real"]}],
                claims=[])  # fmt: skip
    monkeypatch.setattr(running.trees, "git", lambda *words: b"" if {files[1], "--unmerged"} & {*words} else b"there")
    planned: list[str] = []
    monkeypatch.setattr(running, "plan_of", lambda params, _: planned.append(params.generator.model))
    with pytest.raises(StandinError, match=r"lost\.jsonl\.dvc is not in git, and a run of mine needs .* --as lost"):
        running.check(own, running.planned(own, points(own)))
    assert files[1] not in planned


def test_every_task_with_too_few_texts_is_told_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load_study("mine")
    monkeypatch.setattr(running.trees, "git", lambda *words: b"" if "--unmerged" in words else b"there")

    def few(params: Params, task: Task) -> None:
        raise StandinError(f"prepare.test asks for {params.prepare.test} texts")

    monkeypatch.setattr(running, "plan_of", few)
    said = "\n".join(f"{task}: prepare.test asks for 288 texts" for task in SMALL["tasks"])
    with pytest.raises(StandinError) as found:
        running.check(own, running.planned(own, points(own)))
    assert str(found.value) == said


def test_a_plan_says_which_tasks_cannot_be_run_and_goes_on(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for task in SMALL["tasks"]:
        Path(load_task(task).source.train).parent.mkdir(parents=True)
        Path(load_task(task).source.train).touch()

    def expected(params: Params, task: Task) -> Expected:
        print(f"prepare: {task.name}")  # noqa: T201
        if task.name == "sms-spam":
            raise StandinError("too few")
        cost = generation.Estimate(0, 0, 7, 3, True, None, None, 0.0)
        return Expected([], lambda _: "", "", None, cost)

    monkeypatch.setattr(planning, "expected", expected)
    found = list(planning.lines(load_study("mine"), running.planned(load_study("mine"), points(load_study("mine")))))
    assert "sms-spam: 0 runs made, 4 to make, cannot be run: too few" in found
    assert capsys.readouterr().out == "prepare: city-topics\n"  # of two settings alike


def test_a_study_that_sets_what_is_no_parameter_is_told_before_anything_runs(project: Path) -> None:
    own = study(params={"prepare.poool": 60})
    with pytest.raises(StandinError, match=r"unknown key 'prepare\.poool'"):
        running.check_settings(running.planned(own, points(own)))
    assert load_params().prepare.pool != 60  # nothing was changed here


# The page


def test_the_page_has_verdicts_scores_the_paper_s_figures_and_what_differs(project: Path) -> None:
    own = study(name="li2023")
    both = {"real": [TRUE, TRUE], "synthetic": [HALF, HALF]}
    made = [replace(record(task, seed, both, truth=TRUE), study="li2023") for task in SMALL["tasks"] for seed in (1, 2)]
    text, figures = reporting.page(own, made, 8, {"sms-spam": load_task("sms-spam")})
    assert "4 of 8 runs are made: 2 tasks, 2 base seeds each, the same for all columns; encoder `tiny`." in text
    assert "| Synthetic is worse | -0.667 (-0.667 to -0.667), holds | 2 of 2: city-topics, sms-spam | 0 of 2 |" in text
    assert "| sms-spam | 1.000 (1.00 to 1.00) | 0.333 (0.33 to 0.33) |  |" in text
    assert "| *paper* |  | *0.938* |  |" in text
    assert "(recalled, not read in the paper itself)" in text
    assert "- in all" in text
    assert "zero-shot" in figures["li2023.svg"]


def test_of_one_base_seed_the_page_shows_the_tasks_alone(project: Path) -> None:
    made = [record("sms-spam", 1, {"real": [TRUE, TRUE], "synthetic": [HALF, HALF]}, truth=TRUE)]
    text, _ = reporting.page(study(), made, 8, {})
    assert "mean over tasks" not in text
    assert "| Synthetic is worse | -0.667 (-0.667 to -0.667), one base seed |\n" in text


def test_the_page_of_a_study_without_runs_says_so(project: Path) -> None:
    text, figure = reporting.page(study(), [], 8, {})
    assert "None of its 8 runs has been made yet." in text
    assert figure == {}


def test_a_record_holds_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    records.write(record("sms-spam", 1, {"real": ["0101"]}), path)
    import gzip

    kept = json.loads(gzip.decompress(path.read_bytes()))
    assert set(kept["texts"][0]) == {"question", "ids", "truth"}
    assert np.array([len(one["labels"]) for one in kept["answers"]]).tolist() == [4]
