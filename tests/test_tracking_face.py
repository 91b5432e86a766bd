"""What a person sees of runs in MLflow: headline figures, words, a picture, few tags, and the view they open in."""

import json
import re
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml
from toy_project import ToyProject

from standin.config import load_params
from standin.stages import track
from standin.tracking import contents, recording, runs, telling, trees, view, writing
from standin.tracking.furnishing import KIND, NOTE, with_card
from standin.tracking.recording import sync
from standin.tracking.states import State, experiment_name, read_params, read_state
from standin.tracking.trees import Commit, Workspace

HEADLINE = {"macro_f1": {"real": 0.8, "synthetic": 0.65}, "gained": {"difference": 0.08, "low": 0.0}, "said": "words"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, request: pytest.FixtureRequest) -> ToyProject:
    toy = ToyProject(tmp_path)
    toy.edit(
        "params.yaml", "experiment: toy", f"experiment: {request.node.name[-60:].translate(str.maketrans('[]', '  '))}"
    )
    toy.init_git()
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    trees._blob.cache_clear()
    toy.fake_results()
    toy.fake_evaluation()
    return toy


def state_of(tree: trees.Tree) -> State:
    state = read_state(tree)
    assert state is not None
    return state


def only_run() -> Any:
    with runs.opened(experiment_name(read_params(Workspace()))) as opened:
        (run,) = opened.client.search_runs([opened.experiment_id])
        return run


def experiment_tags() -> dict[str, str]:
    with runs.opened(experiment_name(read_params(Workspace()))) as opened:
        return dict(opened.client.get_experiment(opened.experiment_id).tags)


# --- headline figures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["track", "sync", "experiment"])
def test_each_headline_figure_is_a_metric_however_the_run_comes_about(project: ToyProject, by: str) -> None:
    project.write("reports/headline.json", json.dumps(HEADLINE if by == "track" else [HEADLINE]))
    if by == "track":
        track.run(load_params(), None, "")  # type: ignore[arg-type]
    elif by == "sync":
        sync(everything=False)
    else:
        rev = project.commit()
        project.run("git", "update-ref", f"refs/exps/{rev[:2]}/{rev[2:]}/mine", rev)
        assert sync(everything=True)[0].outcome == "added"
    found = {name: value for name, value in only_run().data.metrics.items() if name.startswith("headline.")}
    assert found == {
        "headline.macro_f1.real": 0.8,
        "headline.macro_f1.synthetic": 0.65,
        "headline.gained.difference": 0.08,
        "headline.gained.low": 0.0,
    }


def test_headline_figures_of_another_state_are_no_part_of_this_one(project: ToyProject) -> None:
    project.write("reports/headline.json", json.dumps(HEADLINE))
    assert telling.headline(state_of(Workspace()), {}) == HEADLINE
    assert telling.headline(state_of(Workspace()), {"prepare": "has changed"}) == {}


def test_headline_figures_that_dvc_lock_names_are_those_of_their_stage(project: ToyProject) -> None:
    project.write("reports/headline.json", json.dumps(HEADLINE))
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    lock["stages"]["evaluate"]["outs"].append(project._hashed("reports/headline.json"))
    project.write("dvc.lock", yaml.safe_dump(lock))
    assert telling.headline(state_of(Workspace()), {"prepare": "has changed"}) == HEADLINE
    assert telling.headline(state_of(Workspace()), {"evaluate": "has changed"}) == {}
    project.write("reports/headline.json", "{}")
    assert telling.headline(state_of(Workspace()), {}) == {}


# --- words, picture, tags ----------------------------------------------------------------------------------------------


def test_a_run_says_what_came_out_and_has_the_figure_to_it(project: ToyProject) -> None:
    sync(everything=False)
    run = only_run()
    said = run.data.tags[NOTE]
    assert said.startswith("Demonstration data: no evidence about the method.\n\n")
    assert (
        "synthetic texts alone scored higher than all labelled texts by 0.250 macro-F1 (interval +0.200 to +0.300)"
        in said
    )
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert (folder / telling.FIGURE).read_text().startswith("<svg")


SCALE = (
    "task,place,subjectivity,low,high,win_rate,paper_stars,source\n"
    "relation,1,-1.0,-2.0,0.0,0.8,1,people\ntoy,2,1.0,0.0,2.0,0.2,,people\n"
)


def test_a_run_has_the_figure_of_the_task_s_place_and_says_whose_it_is(project: ToyProject) -> None:
    project.write(telling.TASKS, SCALE)
    sync(everything=False)
    folder = Path(only_run().info.artifact_uri.removeprefix("file://"))
    drawn = (folder / telling.SCALE).read_text()
    assert "Tasks as people ranked them" in drawn
    assert "2. toy (this task)" in drawn


def test_without_a_ranking_or_with_columns_of_another_version_there_is_no_figure(project: ToyProject) -> None:
    assert telling.scale(state_of(Workspace()), {}) == b""
    for content in (SCALE.splitlines()[0] + "\n", SCALE.replace("paper_stars", "stars"), SCALE.replace("-1.0", "x")):
        project.write(telling.TASKS, content)
        assert telling.scale(state_of(Workspace()), {}) == b""
    project.write(telling.TASKS, SCALE)
    assert telling.scale(state_of(Workspace()), {"prepare": "has changed"}) == b""


def test_a_state_without_scores_or_of_another_version_s_tables_has_no_description(project: ToyProject) -> None:
    assert telling.tell(state_of(Workspace()), {"evaluate": "has changed"}) == telling.Told()
    project.edit("reports/evaluate/comparisons.csv", "verdict_holm", "verdict")
    told = telling.tell(state_of(Workspace()), {})
    assert (told.description, bool(told.figure)) == ("", True), "dvc.lock names another file of comparisons"
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())
    outs = [project._hashed(out["path"]) for out in lock["stages"]["evaluate"]["outs"]]
    lock["stages"]["evaluate"]["outs"] = outs
    project.write("dvc.lock", yaml.safe_dump(lock))
    assert telling.tell(state_of(Workspace()), {}) == telling.Told()


def test_what_a_person_wrote_about_a_run_stays(project: ToyProject) -> None:
    sync(everything=False)
    with runs.opened(experiment_name(read_params(Workspace()))) as opened:
        opened.client.set_tag(only_run_id(opened), NOTE, "Mine.")
    track.run(load_params(), None, "")  # type: ignore[arg-type]
    assert only_run().data.tags[NOTE] == "Mine."


def only_run_id(opened: runs.Store) -> str:
    (run,) = opened.client.search_runs([opened.experiment_id])
    return str(run.info.run_id)


def test_tags_are_few_and_say_who_from_where_and_what_became_of_each_stage(project: ToyProject) -> None:
    commit = project.commit()
    project.run("git", "config", "user.name", "Ada")
    project.run("git", "remote", "add", "origin", "https://me:secret@example.org/project.git")
    sync(everything=False)
    tags = only_run().data.tags
    assert tags["mlflow.user"] == "Ada"
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == ("dvc repro", "LOCAL")
    assert (tags["mlflow.source.git.commit"], tags["mlflow.source.git.branch"]) == (commit, "main")
    assert tags["mlflow.source.git.repoURL"] == "https://***@example.org/project.git"
    assert tags[writing.STAGES].splitlines()[:2] == ["prepare: cached", "finetune.real: cached"]
    assert len(tags) < 20
    assert not [name for name, text in tags.items() if re.fullmatch(r"[0-9a-f]{32}(\.dir)?", text)
                and name not in (runs.KEY, runs.STATE, runs.BEGUN)]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "known"),
    [("git@example.org:me/p.git", "git@example.org:me/p.git"), ("/home/me/p", None), ("file:///home/me/p", None),
     ("../p", None), ("ssh://me@example.org/p", "ssh://***@example.org/p")],
)  # fmt: skip
def test_a_remote_on_this_machine_is_not_named(project: ToyProject, address: str, known: str | None) -> None:
    project.run("git", "remote", "add", "origin", address)
    assert trees.origin().get("mlflow.source.git.repoURL") == known


def test_a_pulled_experiment_is_the_work_of_its_author(project: ToyProject) -> None:
    rev = project.commit()
    project.run("git", "update-ref", f"refs/exps/{rev[:2]}/{rev[2:]}/theirs", rev)
    project.run("git", "config", "user.name", "Ada")
    sync(everything=True)
    tags = only_run().data.tags
    assert (tags["mlflow.user"], tags["mlflow.source.name"]) == ("T", "dvc exp run")


def test_the_outcome_of_very_many_stages_is_kept_where_it_is_no_matter_of_course() -> None:
    outcomes = {f"finetune.arm_{index}": "cached" for index in range(400)} | {"evaluate": "executed 1.0s"}
    assert writing.stages_text(outcomes) == "evaluate: executed 1.0s"


def test_labels_that_differ_only_in_signs_that_mlflow_refuses_keep_their_metrics() -> None:
    numbers, _ = contents.split_metrics("evaluate", {"per_label": {"\N{ROCKET}": 0.1, "\N{BANANA}": 0.2, "plain": 0.3}})
    assert sorted(numbers.values()) == [0.1, 0.2, 0.3]
    assert numbers["evaluate.per_label.plain"] == 0.3
    curves = contents.read_curves("finetune", "step,a/b,a(b\n0,1,2\n")
    assert sorted(curves.values()) == [[(0, 1.0)], [(0, 2.0)]]
    assert len(contents.flat_params({"\N{ROCKET}": 1, "\N{BANANA}": 2}, "")) == 3
    long = contents.sanitised(["x" * 300 + "a", "x" * 300 + "b"])
    assert len(set(long.values())) == 2
    assert max(map(len, long.values())) == 250


# --- the experiment and its view ---------------------------------------------------------------------------------------


def test_the_experiment_is_model_training_with_its_task_s_card_and_a_view(project: ToyProject) -> None:
    project.write("reports/headline.json", json.dumps(HEADLINE))
    sync(everything=False)
    tags = experiment_tags()
    assert tags[KIND[0]] == KIND[1] == "custom_model_development"
    assert "**A toy** (`tasks/toy.yaml`)" in tags[NOTE]
    assert "- pro: likes it" in tags[NOTE]
    kept = json.loads(tags[view.TAG])
    shown = json.loads(kept["state"])
    assert (kept["name"], shown["orderByKey"]) == (view.NAME, "metrics.`headline.gained.difference`")
    assert "metrics.`headline.macro_f1.synthetic`" in shown["selectedColumns"]
    assert "params.`base.seed`" in shown["selectedColumns"]


def test_a_view_that_says_the_same_is_not_written_again_and_a_changed_one_keeps_its_birthday() -> None:
    first = view.tag({"orderByAsc": False}, None, 1)
    assert view.tag({"orderByAsc": False}, first, 2) == first
    changed = json.loads(view.tag({"orderByAsc": True}, first, 3))
    assert (changed["createdAt"], changed["updatedAt"]) == (1, 3)
    assert json.loads(view.tag({}, "broken", 4))["createdAt"] == 4


def test_columns_are_the_parameters_that_differ_and_at_most_nine_headline_metrics() -> None:
    usual = {"base.seed": "1", "base.task": "toy", "curate.bound": "1", "runtime.threads": "1"}
    params = [usual, usual | {"base.seed": "2", "curate.bound": "3", "runtime.threads": "2", "curate.new": "1"}]
    metrics = ["evaluate.real.macro_f1", "headline.zeta", "headline.coverage", *(f"headline.x{n}" for n in range(9))]
    differing, figures, same = view.columns(params, metrics)
    assert (differing, same) == (["base.seed", "curate.bound"], ["base.task"])
    assert figures == ["headline.coverage", *(f"headline.x{n}" for n in range(8))]
    assert view.columns([], ["evaluate.real.macro_f1", "evaluate.real.accuracy"])[1] == ["evaluate.real.macro_f1"]
    assert view.state([], [], [])["orderByKey"] == "attributes.start_time"


def test_a_card_is_put_beneath_what_people_wrote_and_replaced_in_its_place() -> None:
    both = with_card(with_card("Ours.", "a", "old"), "b", "other")
    assert both == (
        "Ours.\n\n<!-- task a -->\nold\n<!-- end of task -->\n\n<!-- task b -->\nother\n<!-- end of task -->"
    )
    assert with_card(both, "a", "new") == both.replace("old", "new")


def test_cards_that_no_longer_fit_are_left_out() -> None:
    from mlflow.utils.validation import MAX_EXPERIMENT_TAG_VAL_LENGTH

    described = ""
    for number in range(8):
        described = with_card(described, f"t{number}", "x" * 5000)
    assert len(described) <= MAX_EXPERIMENT_TAG_VAL_LENGTH
    assert described.count("[cut, 5000 characters]") == 4


# --- MLflow's page, as it is shipped -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page() -> str:
    """The scripts of the page that the locked MLflow serves."""
    scripts = sorted((Path(mlflow.__file__).parent / "server/js/build/static/js").glob("*.js"))
    return "\n".join(script.read_text(encoding="utf-8") for script in scripts)


def named(page: str, first: str) -> set[str]:
    """The names in the page's list of names that begins with the given one."""
    found = re.findall(rf'\["{first}"(?:,"\w+")+\]', page)
    assert found, f"the page keeps no list that begins with {first}: does MLflow {mlflow.__version__} keep views so?"
    return set(json.loads(max(found, key=len)))


def test_the_page_keeps_views_and_kinds_under_these_names(page: str) -> None:
    for name in (view.TAG.removesuffix(view.KEY), "viewStateShareKey", "workflowType", "machine_learning", *KIND):
        assert f'"{name}"' in page, name


def test_the_page_reads_every_part_of_the_view(page: str) -> None:
    state = view.state(["base.seed"], ["headline.gained.difference"], ["base.task"])
    facets, table = named(page, "searchFilter"), named(page, "selectedColumns")
    personal = named(page, "runsExpanded")
    assert set(state) <= facets | table
    assert set(state) >= facets | (table - personal - {"chartsSearchFilter"})
    envelope = re.search(r"JSON\.stringify\(\{name:\w,createdAt:\w,updatedAt:\w,state:\w\}\)", page)
    assert envelope
    assert set(json.loads(view.tag(state, None, 1))) == {"name", "createdAt", "updatedAt", "state"}


def test_the_page_knows_every_part_of_the_charts(page: str) -> None:
    state = view.state(["base.seed"], ["headline.gained.difference"], ["base.task"])
    for chart in state["compareRunCharts"]:
        assert f'{chart["type"]}="{chart["type"]}"' in page
        for name in set(chart) - {"type"}:
            assert f"this.{name}=" in page, name
    for section in state["compareRunSections"]:
        assert re.search(r"uuid:\w+\[\w+\],name:\w+,display:!0,isReordered:!1,deleted:!1,isGenerated:!0", page)
        assert set(section) <= {"uuid", "name", "display", "isReordered", "deleted", "isGenerated"}
    assert view.OTHERS in page


def test_a_view_of_all_columns_is_small_enough_for_mlflow() -> None:
    from mlflow.utils.validation import MAX_EXPERIMENT_TAG_VAL_LENGTH

    params = [f"generator.a_rather_long_name_of_parameter_{n}" for n in range(view.MOST_PARAMS)]
    metrics = [f"headline.a_rather_long_name_of_a_metric_{n}" for n in range(view.MOST_METRICS)]
    assert len(view.tag(view.state(params, metrics, []), None, 10**13)) < MAX_EXPERIMENT_TAG_VAL_LENGTH / 2


def test_the_commit_of_a_state_tells_the_same_as_the_workspace(project: ToyProject) -> None:
    project.write("reports/headline.json", json.dumps(HEADLINE))
    rev = project.commit()
    committed, here = (contents.collect(state_of(tree), {}, rev) for tree in (Commit(rev), Workspace()))
    assert committed == here
    assert recording.read_state(Commit(rev)) is not None
