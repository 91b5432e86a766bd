"""Experiments side by side: from git refs and stored predictions, with verdicts that keep to them."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from compared_project import LABELS, TASK, ComparedProject, answers, labelled_rows
from rich.console import Console
from scipy import stats
from typer.testing import CliRunner

from standin.cli import app
from standin.compare import states
from standin.compare.answers import Answers, _said
from standin.compare.contrasts import Contrast, corrected
from standin.compare.page import write
from standin.compare.revisions import blobs, chosen
from standin.compare.rows import Comparison, compare
from standin.compare.states import FILES, read_run
from standin.compare.terminal import show
from standin.compare.words import as_json, lacking, setting
from standin.config import Evaluate
from standin.corpus import Prediction, Row
from standin.errors import StandinError
from standin.evaluation.results import evaluate

ROOT = Path(__file__).resolve().parents[1]
BASE: Mapping[str, list[int]] = {"real": [1, 2], "synthetic": list(range(20))}
BETTER = {**BASE, "synthetic": [3]}
SLIGHT = {**BASE, "synthetic": list(range(19))}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComparedProject:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    made = ComparedProject(tmp_path)
    made.state(BASE)
    made.commit()
    return made


def side_by_side(*names: str, baseline: str = "HEAD", everything: bool = False) -> Comparison:
    return compare(chosen(names, baseline, everything=everything), Answers())


def found(compared: Comparison, name: str) -> Any:
    return next(row for row in as_json(compared)["rows"] if row["name"] == name)


def difference(compared: Comparison, name: str, arm: str = "synthetic") -> Any:
    return next(one for one in found(compared, name)["differences"] if one["arm"] == arm)


def names(compared: Comparison) -> list[str]:
    return [run["name"] for row in as_json(compared)["rows"] for run in row["runs"]]


def printed(compared: Comparison, width: int = 120) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    show(compared, console)
    return console.export_text()


def said_of(compared: Comparison) -> str:
    """What is printed, without line breaks."""
    return " ".join(printed(compared, 300).split())


def test_without_names_head_is_compared_with_its_experiments_and_a_changed_workspace(project: ComparedProject) -> None:
    project.experiment("one", BETTER, {"shots": 5})
    assert names(side_by_side()) == ["HEAD", "one"], "the workspace is HEAD's own state"
    project.state(SLIGHT, {"shots": 7})
    assert names(side_by_side()) == ["HEAD", "workspace", "one"]
    project.state(BETTER, {"shots": 5})
    assert names(side_by_side()) == ["HEAD", "one"], "as after `dvc exp apply one`"


def test_experiments_of_other_commits_come_by_name_or_with_all(project: ComparedProject) -> None:
    project.experiment("old", BETTER, {"shots": 5})
    project.write("note.txt", b"another commit")
    project.commit()
    assert names(side_by_side()) == ["HEAD"]
    assert names(side_by_side(everything=True)) == ["HEAD", "old"]
    assert names(side_by_side("old", baseline="HEAD~1")) == ["HEAD~1", "old"]
    said = CliRunner().invoke(app, ["compare"]).output
    assert "1 experiments stand on other commits: `standin compare --all`" in said


def test_an_unknown_name_is_refused_with_the_nearest(project: ComparedProject) -> None:
    project.experiment("worth-coho", BETTER, {"shots": 5})
    with pytest.raises(
        StandinError, match="'wort-coho' is no experiment and no git revision: did you mean 'worth-coho'"
    ):
        side_by_side("wort-coho")
    for name in ("--all", "", "a\nb"):
        with pytest.raises(StandinError, match="is no experiment"):
            side_by_side(name)


def test_outside_a_project_or_before_the_first_commit_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no dvc.yaml here" in str(CliRunner().invoke(app, ["compare"]).exception)
    ComparedProject(tmp_path)
    with pytest.raises(StandinError, match="git has no commit here"):
        side_by_side()


def test_a_difference_is_the_one_that_evaluate_finds_between_two_arms(project: ComparedProject) -> None:
    project.experiment("better", BETTER, {"shots": 5})
    test = labelled_rows(60, salt="s1-")
    read = {name: [Prediction(**json.loads(line)) for line in answers("synthetic", test, wrong["synthetic"], (1, 2, 3)).splitlines()]
            for name, wrong in (("a", BASE), ("b", BETTER))}  # fmt: skip
    settings = Evaluate(resamples=400, references=["a"])
    rows = [Row(**json.loads(line)) for line in test.splitlines()]
    (wanted,) = evaluate(read, rows, LABELS, (1, 2, 3), settings, {}, {"a": ["real"], "b": ["synthetic"]}).comparisons["macro_f1"]  # fmt: skip
    one = difference(side_by_side(), "better")
    got = [one[name] for name in ("difference", "low", "high", "p")]
    assert got == pytest.approx([wanted.difference, wanted.low, wanted.high, wanted.p], abs=1e-6)
    assert (one["verdict"], one["over"]) == ("higher", "test texts")


def test_equal_predictions_are_no_test_and_holm_counts_the_others(project: ComparedProject) -> None:
    project.experiment("better", BETTER, {"shots": 5})
    project.experiment("slight", SLIGHT, {"shots": 3})
    compared = side_by_side()
    assert difference(compared, "better", "real")["verdict"] == "same predictions"
    assert compared.tested == 2
    two = difference(compared, "better"), difference(compared, "slight")
    assert two[0]["p_holm"] == pytest.approx(2 * two[0]["p"])
    assert two[1]["verdict"] == "no difference"


def test_holm_takes_back_a_verdict_that_one_difference_alone_would_have() -> None:
    contrast = Contrast("synthetic", "test texts", 0.1, 0.01, 0.19, 0.03)
    ((alone,),) = corrected([[contrast]], 0.95)
    many = corrected([[contrast], [Contrast("synthetic", "test texts", 0.0, -0.1, 0.1, 0.9)]], 0.95)
    assert (alone.verdict, many[0][0].verdict) == ("higher", "no difference")


def test_nothing_is_concluded_from_an_arm_that_has_not_learned(project: ComparedProject) -> None:
    project.experiment("better", BETTER, {"shots": 5}, unlearned=["synthetic"])
    compared = side_by_side()
    assert difference(compared, "better")["verdict"] == "not learned"
    assert "an arm has not learned" in said_of(compared)


@pytest.mark.parametrize(("selected", "verdict"), [("p1 p2", "higher"), ("p1 p3", "one selection")])
def test_another_selection_that_people_labelled_once_for_all_seeds_has_no_verdict(
    project: ComparedProject, selected: str, verdict: str
) -> None:
    mine = {"select": {"labels": "data/labels/me.jsonl"}}
    wrong, better = {"real": [1, 2], "sqbc": list(range(20))}, {"real": [1, 2, 3], "sqbc": [3]}
    project.state(wrong, **mine, selected={"sqbc": "p1 p2"})
    project.commit()
    project.experiment("better", better, {"shots": 5}, **mine, selected={"sqbc": selected})
    compared = side_by_side()
    assert difference(compared, "better", "sqbc")["verdict"] == verdict
    assert difference(compared, "better", "real")["verdict"] == "no difference"
    assert ("other texts were chosen, once for all seeds" in said_of(compared)) == (verdict == "one selection")


def test_other_selections_of_every_seed_are_compared(project: ComparedProject) -> None:
    given = {"select": {"labels": "data/real/oracle.jsonl"}}
    project.state({"sqbc": list(range(20))}, **given, selected={"sqbc": "p1 p2"})
    project.commit()
    project.experiment("better", {"sqbc": [3]}, {"shots": 5}, **given, selected={"sqbc": "p1 p3"})
    assert difference(side_by_side(), "better", "sqbc")["verdict"] == "higher"


def test_without_the_predictions_git_s_figures_are_shown_and_that_is_said(project: ComparedProject) -> None:
    project.experiment("gone", BETTER, {"shots": 5}, cached=False)
    compared = side_by_side()
    row = found(compared, "gone")
    assert row["macro_f1"]["synthetic"]["value"] == pytest.approx(1 - 1 / 60)
    assert row["note"] == "its predictions of synthetic are not in DVC's cache here"
    assert [one["arm"] for one in row["differences"]] == ["real"]
    assert "`dvc exp apply NAME` and `dvc pull`" in said_of(compared)
    project.forget('"text"')
    project.experiment("here", {**BASE, "synthetic": [5]}, {"shots": 9})
    project.forget('"text"')
    compared = side_by_side()
    assert found(compared, "here")["note"] == "the test texts are not in DVC's cache here"
    assert difference(compared, "here", "real")["verdict"] == "same predictions", "for which no file is needed"


def test_where_the_baseline_s_predictions_are_missing_another_baseline_is_offered(project: ComparedProject) -> None:
    project.experiment("good", BETTER, {"shots": 5})
    known = chosen((), "HEAD", everything=False)[0].predictions["synthetic"]
    (project.root / f".dvc/cache/files/md5/{known[:2]}/{known[2:]}").unlink()
    compared = side_by_side()
    assert found(compared, "good")["note"] == "the baseline's predictions of synthetic are not in DVC's cache here"
    assert "`--baseline workspace`" in said_of(compared)


def test_the_answers_of_an_arm_that_asks_the_llm_are_those_of_the_stage_zeroshot(project: ComparedProject) -> None:
    project.state({"real": [1], "asked": [2]})
    files = {name: (project.root / name).read_bytes() for name in FILES}
    files["params.yaml"] += b"arms:\n  real:\n  - real\n  asked:\n  - llm\n"
    said = project.entry("data/zeroshot/predictions.jsonl", b"what it said")
    lock = yaml.safe_load(files["dvc.lock"])
    lock["stages"]["zeroshot"] = {"cmd": "x", "outs": [said]}
    files["dvc.lock"] = yaml.safe_dump(lock, sort_keys=False).encode()
    run = read_run("x", "x", files, (project.root / "tasks/toy.yaml").read_bytes())
    assert not run.note
    assert run.predictions["asked"] == said["md5"]
    assert run.predictions["real"] != said["md5"]


def test_predictions_lie_where_dvc_s_configuration_says(project: ComparedProject, tmp_path: Path) -> None:
    project.experiment("better", BETTER, {"shots": 5})
    (tmp_path / ".dvc/cache").rename(tmp_path / "elsewhere")
    assert [one["arm"] for one in found(side_by_side(), "better")["differences"]] == ["real"]
    project.write(".dvc/config.local", b"[cache]\n    dir = ../elsewhere\n")
    assert difference(side_by_side(), "better")["verdict"] == "higher"


def test_another_base_seed_has_other_test_texts_and_is_not_paired(project: ComparedProject) -> None:
    project.experiment("other", BETTER, {"shots": 5}, seed=2)
    row = found(side_by_side(), "other")
    assert row["note"] == "other test texts (base seed 2)"
    assert not row["differences"]


def test_over_base_seeds_there_are_means_with_student_s_intervals(project: ComparedProject) -> None:
    values = {1: 0.6, 2: 0.64, 3: 0.62}
    gains = {1: 0.05, 2: 0.09, 3: 0.08}
    project.state(BASE, scores={"synthetic": values[1]})
    project.commit()
    for seed in (2, 3):
        project.experiment(f"plain{seed}", BASE, seed=seed, scores={"synthetic": values[seed]})
    for seed in (1, 2, 3):
        project.experiment(f"shots{seed}", BETTER, {"shots": 5}, seed=seed, scores={"synthetic": values[seed] + gains[seed]})  # fmt: skip
    compared = side_by_side()
    assert sorted(len(row.runs) for row in compared.rows) == [3, 3]
    base, other = as_json(compared)["rows"]
    assert base["macro_f1"]["synthetic"]["value"] == pytest.approx(0.62)
    side = 4.302653 * 0.02 / 3**0.5  # the t table's value for 2 degrees of freedom
    assert base["macro_f1"]["synthetic"]["low"] == pytest.approx(0.62 - side, abs=1e-5)
    (one,) = [found for found in other["differences"] if found["arm"] == "synthetic"]
    tested = stats.ttest_1samp(list(gains.values()), 0)
    assert (one["over"], one["difference"]) == ("base seeds", pytest.approx(0.22 / 3, abs=1e-6))
    assert one["p"] == pytest.approx(tested.pvalue)
    assert other["changed"] == {"generator.shots": 5}
    assert "they speak of the method" in said_of(compared)


def test_two_base_seeds_say_little_and_their_intervals_stay_within_bounds(project: ComparedProject) -> None:
    project.state(BASE, scores={"synthetic": 0.5})
    project.commit()
    project.experiment("plain2", BASE, seed=2, scores={"synthetic": 0.7})
    for seed, value in ((1, 0.3), (2, 0.95)):
        project.experiment(f"shots{seed}", BETTER, {"shots": 5}, seed=seed, scores={"synthetic": value})
    compared = side_by_side()
    base, other = as_json(compared)["rows"]
    assert base["macro_f1"]["synthetic"] == {"value": 0.6, "low": 0.0, "high": 1.0}  # 0.6 -+ 12.7 x 0.1
    (one,) = [found for found in other["differences"] if found["arm"] == "synthetic"]
    assert (one["low"], one["high"], one["verdict"]) == (-1.0, 1.0, "no difference")
    said = said_of(compared)
    assert "0.60 ±0.60" in said
    assert "2 runs say little: their intervals reach 12.7 standard errors, those of 3 runs 4.3." in said


def test_one_base_seed_in_common_is_compared_by_its_predictions(project: ComparedProject) -> None:
    project.experiment("plain2", BASE, seed=2)
    project.experiment("shots2", BETTER, {"shots": 5}, seed=2)
    compared = side_by_side()
    assert found(compared, "shots2")["changed"] == {"generator.shots": 5, "base.seed": 2}
    assert difference(compared, "shots2")["over"] == "test texts"
    assert difference(compared, "shots2")["verdict"] == "higher"


def test_runs_with_other_code_are_not_put_together(project: ComparedProject) -> None:
    project.experiment("other", BASE, seed=2, code="b")
    compared = side_by_side()
    assert len(compared.rows) == 2
    assert found(compared, "other")["changed"] == {"code or data": "other", "base.seed": 2}
    project.experiment("both", BASE, {"shots": 5}, code="b")
    assert found(side_by_side(), "both")["changed"] == {"generator.shots": 5, "code or data": "other", "base.seed": 1}


def test_a_repetition_is_left_out_and_named(project: ComparedProject) -> None:
    project.experiment("again", BASE)
    project.write("params.yaml", (project.root / "params.yaml").read_bytes().replace(b"threads: 2", b"threads: 8"))
    said = as_json(side_by_side())["left_out"]
    assert said == ["workspace is left out: HEAD has its parameters and base seed, with the same scores",
                    "again is left out: HEAD has its parameters and base seed, with the same scores"]  # fmt: skip


def test_parameters_are_those_that_shape_a_result_and_parts_of_the_task(project: ComparedProject) -> None:
    project.experiment("one", BETTER, {"shots": 5, "model": "https://me:secret@example.org/m"})
    row = found(side_by_side(), "one")
    assert row["changed"]["generator.shots"] == 5
    text = printed(side_by_side())
    assert "generator.shots=5" in text
    assert "secret" not in text
    assert "runtime" not in text
    task = project.root / "tasks/toy.yaml"
    task.write_text(task.read_text().replace("You write comments.", "You write."))
    assert found(side_by_side(), "workspace")["changed"] == {"tasks/toy.yaml:prompts.context": "You write."}
    assert setting("a.b", None) == "a.b absent or null"
    assert len(setting("a", "x" * 900)) < 50


def test_results_of_other_parameters_are_not_shown_as_theirs(project: ComparedProject) -> None:
    params = project.root / "params.yaml"
    params.write_text(params.read_text().replace("shots: 0", "shots: 9"))
    row = found(side_by_side(), "workspace")
    assert (row["macro_f1"], row["note"]) == ({}, "generator in params.yaml has changed since its results")
    params.write_text(params.read_text().replace("shots: 9", "shots: 0"))
    project.write("reports/evaluate/scores.csv", b"arm,budget,measure,value,low,high,seeds,texts\n")
    project.write("dvc.lock", (project.root / "dvc.lock").read_bytes() + b"\n")
    assert "is not the file that dvc.lock names" in found(side_by_side(), "workspace")["note"]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [("params.yaml", b"base: [", "params.yaml"), ("params.yaml", b"base: 3\n", "has changed"),
     ("dvc.lock", b"", "the pipeline has not run to its end"), ("dvc.lock", b"\xff", "has not run"),
     ("reports/headline.json", b"{", "headline.json"), ("reports/headline.json", b"[1]", "headline.json"),
     ("reports/evaluate/learned.csv", b"arm\na,b\n", "learned.csv"),
     ("reports/evaluate/learned.csv", b"name\na\n", "the tables of reports/evaluate are broken")],
)  # fmt: skip
def test_a_broken_state_is_a_row_that_says_so_beside_the_others(
    project: ComparedProject, file: str, content: bytes, said: str
) -> None:
    project.experiment("good", BETTER, {"shots": 5})
    project.write("params.yaml", (project.root / "params.yaml").read_bytes() + b"extra: {a: 1}\n")
    project.write(file, content)
    compared = side_by_side("workspace", "good")
    assert said in found(compared, "workspace")["note"]
    assert difference(compared, "good")["verdict"] == "higher"


def test_a_baseline_without_results_leaves_the_figures_of_the_others(project: ComparedProject) -> None:
    project.experiment("good", BETTER, {"shots": 5})
    project.write("dvc.lock", b"")
    compared = side_by_side("good", baseline="workspace")
    assert found(compared, "good")["macro_f1"]["synthetic"]["value"] > 0.9
    assert found(compared, "good")["note"].startswith("of the baseline, no results")


def test_a_baseline_without_results_is_said_to_have_none(project: ComparedProject) -> None:
    project.write("dvc.lock", b"")
    (said,) = lacking(side_by_side(baseline="workspace"))
    assert said.startswith("workspace has no results to show: ")


def test_a_state_from_before_the_headline_figures_shows_its_scores(project: ComparedProject) -> None:
    (project.root / "reports/headline.json").unlink()
    project.commit()
    row = found(side_by_side(), "HEAD")
    assert row["figures"] == {}
    assert row["macro_f1"]["real"]["value"] == pytest.approx(1 - 2 / 60)


def test_the_labels_that_the_baseline_scores_are_those_compared(project: ComparedProject) -> None:
    project.experiment("good", BETTER, {"shots": 5})
    found_by = []
    for scored in ([], LABELS[:1], LABELS):
        runs = chosen(("good",), "HEAD", everything=False)
        for run in runs:
            run.params = run.params | {"evaluate": {**run.params["evaluate"], "scored_labels": scored}}
        found_by.append(difference(compare(runs, Answers()), "good")["difference"])
    assert found_by[0] == found_by[2] != found_by[1]


def test_scores_over_other_labels_are_said_not_to_compare(project: ComparedProject) -> None:
    project.experiment("good", BETTER, {"shots": 5})
    runs = chosen(("good",), "HEAD", everything=False)
    assert lacking(compare(runs, Answers())) == []
    good = next(run for run in runs if run.name == "good")
    good.params = good.params | {"evaluate": {**good.params["evaluate"], "scored_labels": LABELS[:1]}}
    (said,) = lacking(compare(runs, Answers()))
    assert said.startswith("macro-F1 of good goes over other labels than the baseline's")


def test_chamfer_over_other_numbers_of_texts_is_said_to_tell_nothing(project: ComparedProject) -> None:
    for name, size in (("older", {}), ("few", {"chamfer_texts": 20}), ("more", {"chamfer_texts": 41})):
        project.experiment(name, BETTER, {"shots": len(name)}, figures={"chamfer_ratio": 0.7, **size})
    (said,) = lacking(side_by_side("few", "more", "older", baseline="few"))
    assert said.startswith(
        "chamfer is over subsets of other sizes (few 20 texts, more 41 texts, older a number not kept)"
    )
    assert lacking(side_by_side("few", baseline="few")) == []


def test_what_dvc_wrote_is_read_as_yaml_reads_it() -> None:
    lock = (ROOT / "dvc.lock").read_bytes()
    wanted = yaml.load(lock, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["stages"]
    got = {name: dict(states._entries(block)) for name, block in states._stages(lock)}
    assert got == {
        name: {entry["path"]: entry["md5"] for kind in ("deps", "outs") for entry in stage.get(kind, [])}
        for name, stage in wanted.items()
    }
    for name, stage in wanted.items():
        given = [
            (file, key, value) for file, values in stage.get("params", {}).items() for key, value in values.items()
        ]
        assert list(states._asked(dict(states._stages(lock))[name])) == given, name


def test_predictions_are_read_whole_whatever_labels_hold() -> None:
    rows = [{"seed": 1, "id": 'a, "p": {', "budget": None, "label": "}, {", "p": {"}, {": 0.5, "b": 0.5}},
            {"seed": 1, "id": "b", "budget": None, "label": "b", "p": {"b": 1.0}}]  # fmt: skip
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    assert _said(content) == {(None, 1): {'a, "p": {': "}, {", "b": "b"}}


@pytest.mark.parametrize("content", [b'{"arm": "real"', b"[1]\n", b'{"seed": 1}\n', b"\xff\n"])
def test_a_broken_file_in_the_cache_is_told_in_one_message(project: ComparedProject, content: bytes) -> None:
    project.experiment("better", BETTER, {"shots": 5})
    known = chosen(("better",), "HEAD", everything=False)[1].predictions["synthetic"]
    project.write(f".dvc/cache/files/md5/{known[:2]}/{known[2:]}", content)
    with pytest.raises(StandinError, match="a file of data/ in DVC's cache is broken; `dvc fetch --force`"):
        side_by_side()


def test_what_a_stranger_s_experiment_holds_stops_nothing(project: ComparedProject) -> None:
    project.experiment("odd", BETTER, {"shots": 5}, seed=[1, 2], figures={"gained": {"difference": "x"}, "kept_share": [1], "coverage": 0.5})  # fmt: skip
    project.experiment("good", BETTER, {"shots": 3})
    compared = side_by_side()
    assert list(found(compared, "odd")["figures"]) == ["coverage"]
    assert difference(compared, "good")["verdict"] == "higher"
    project.write(
        "params.yaml", (project.root / "params.yaml").read_bytes().replace(b"resamples: 400", b"resamples: many")
    )
    assert as_json(side_by_side("good", baseline="workspace"))["confidence"] == 0.95


def test_test_texts_with_labels_of_another_task_are_not_compared(
    project: ComparedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASK, "labels", [{"name": "other"}])
    project.state(BASE)
    project.commit()
    project.experiment("better", BETTER, {"shots": 5})
    assert found(side_by_side(), "better")["note"] == "the test texts have labels that the task does not name"


def test_the_largest_budget_speaks() -> None:
    rows = [{"seed": 1, "id": "a", "budget": budget, "label": f"at {budget}", "p": {}} for budget in (24, 48, 12)]
    assert _said("\n".join(map(json.dumps, rows)).encode()) == {(None, 1): {"a": "at 48"}}


def test_names_and_values_with_brackets_are_shown_as_they_are(project: ComparedProject) -> None:
    project.experiment("one", BETTER, {"stop": ["red", "/"], "model": "[bold]m[/bold]\x1b[2J"})
    text = said_of(side_by_side())
    assert "generator.stop=['red', '/']" in text
    assert "generator.model=[bold]m[/bold]\\x1b[2J" in text


def test_a_task_named_over_two_lines_does_not_mix_up_the_files(project: ComparedProject) -> None:
    params = (project.root / "params.yaml").read_text()
    project.write("params.yaml", params.replace("task: toy", 'task: "a\\nHEAD:./dvc.lock"').encode())
    head = project.git("rev-parse", "HEAD")
    rev = project.commit()
    project.git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/trap", rev)
    project.git("reset", "-q", "--hard", head)
    project.experiment("good", BETTER, {"shots": 5})
    assert difference(side_by_side("trap", "good"), "good")["verdict"] == "higher"


def test_git_s_answers_are_told_apart_from_files_that_look_like_them(project: ComparedProject) -> None:
    project.write("trap.txt", b"deadbeef blob 3\nHEAD:./x missing\n")
    project.write("empty.txt", b"")
    project.commit()
    asked = ["HEAD:./none", "HEAD:./trap.txt", "HEAD:./reports", "HEAD:./empty.txt", "HEAD:./.gitignore"]
    trap, ignored = (project.root / "trap.txt").read_bytes(), (project.root / ".gitignore").read_bytes()
    assert blobs(asked) == [None, trap, None, b"", ignored]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(project: ComparedProject, width: int) -> None:
    wrong = {**{f"a_strategy_with_a_name_{n}": [n] for n in range(8)}, "synthetic": [1]}
    project.experiment("a-name-that-is-longer-than-those-of-dvc-itself", wrong, {"shots": 5, "model": "m" * 300})
    project.state(wrong)
    project.commit()
    project.experiment("short", wrong, {"shots": 3, "stop": ["x"] * 20})
    text = printed(side_by_side(everything=True), width)
    assert max(map(len, text.splitlines())) <= width
    assert all(arm in text for arm in wrong)
    assert text.count("±0.05") == 3 * len(wrong), "every arm of every row"


@pytest.mark.parametrize("width", [24, 40, 50, 60, 80, 100])
def test_names_parameters_and_figures_stand_whole_in_a_narrow_terminal(project: ComparedProject, width: int) -> None:
    arms = {"real": [1], "synthetic": [2, 3], "an_arm_with_a_name_of_30_signs": [4]}
    figures = {"gained": {"difference": 0.1, "low": 0.05, "high": 0.2}, "kept_share": 0.9, "chamfer_ratio": 0.83,
               "coverage": 0.77, "labels_spent": 96}  # fmt: skip
    project.state(arms, figures=figures)
    project.commit()
    project.experiment("blond-gaud", arms, {"shots": 51}, figures=figures)
    project.experiment("discriminatory-umbrella", arms, {"shots": 3}, figures=figures)
    text = printed(side_by_side(), width)
    assert max(map(len, text.splitlines())) <= width
    joined = "".join(text.split())
    for said in ("parametersthatdiffer", "generator.shots=51", *arms):
        assert said[:8] in joined
    for figure in ("gained", "kept", "chamfer", "coverage", "labels", "0.10", "0.90", "0.83", "0.77", "96"):
        assert figure in text
    assert text.count("0.83") == text.count("0.77") == 3
    tables = text.count("\u2500\n")
    beginnings = [line.split()[0][:9] for line in text.splitlines() if line.strip() and not line.startswith(" ")]
    assert tables >= 3
    for name in ("HEAD", "blond-gau", "discrimin"):
        assert beginnings.count(name) >= tables - 1, "in every table, but the baseline in that of differences"


def test_of_another_task_its_name_is_said_and_not_its_whole_file(project: ComparedProject) -> None:
    project.experiment("one", BETTER, {"shots": 5})
    project.state(BASE)
    for name, change in (("params.yaml", ("task: toy", "task: library")), ("tasks/toy.yaml", ("You write", "I write"))):
        path = project.root / name
        text = path.read_text()
        assert change[0] in text
        target = path if name == "params.yaml" else path.with_name("library.yaml")
        target.write_text(text.replace(*change))
    compared = side_by_side()
    assert found(compared, "workspace")["changed"] == {"base.task": "library"}
    assert set(found(compared, "HEAD")["changed"]) == {"base.task", "generator.shots"}
    text = printed(compared)
    assert "another task, library" in text
    assert "base.task=toy" in text
    assert "tasks/" not in text


def test_json_holds_everything_and_writes_no_page(project: ComparedProject) -> None:
    project.experiment("better", BETTER, {"shots": 5}, figures={"gained": {"difference": 0.1, "low": 0.0, "high": 0.2}, "kept_share": 0.5})  # fmt: skip
    done = CliRunner().invoke(app, ["compare", "--json"])
    values = json.loads(done.output)
    assert [row["name"] for row in values["rows"]] == ["HEAD", "better"]
    assert values["rows"][1]["figures"]["gained"] == {"value": 0.1, "low": 0.0, "high": 0.2}
    assert not (project.root / "reports/compare.html").exists()


def test_the_page_is_one_file_and_escapes_what_experiments_hold(project: ComparedProject, tmp_path: Path) -> None:
    project.experiment("better", BETTER, {"shots": 5, "model": "<script>alert(1)</script>"})
    write(side_by_side(), tmp_path / "out/page.html")
    text = (tmp_path / "out/page.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r'(src|href)="|url\(|@import', text)
    assert text.count('role="img"') == 2, "a panel an arm"
    assert "Macro-F1 of the arm synthetic: HEAD 0.67 ±0.05; better 0.98 ±0.05" in text


def test_a_place_where_no_page_can_be_is_told_after_the_tables(project: ComparedProject) -> None:
    done = CliRunner().invoke(app, ["compare", "--page", "params.yaml/page.html"])
    assert "Task toy. The first row" in done.output
    assert "params.yaml/page.html: the page was not written: " in str(done.exception)


def test_the_command_says_where_the_page_is(project: ComparedProject) -> None:
    project.experiment("better", BETTER, {"shots": 5})
    done = CliRunner().invoke(app, ["compare", "--page", "mine.html"], env={"COLUMNS": "80"})
    assert done.output.endswith("Page: mine.html\n")
    assert (project.root / "mine.html").exists()
    assert "synthetic: higher by +0.3" in " ".join(done.output.split())
