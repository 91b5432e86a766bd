"""``-S`` means the same here as in `dvc exp run -S`: DVC's own change of a file is the yardstick."""

import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, to_hydra_overrides
from toy_project import TASK

from standin import overrides
from standin.checked import shown
from standin.config import Params, load_params
from standin.errors import StandinError
from standin.overrides import check_budgets, load_params_with, load_with
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/toy.yaml").write_text(TASK)
    (tmp_path / "tasks/other.yaml").write_text(TASK.replace("name: toy", "name: other"))
    return tmp_path


def by_dvc(changes: list[str], root: Path, copy: Path) -> Path:
    """The project after `dvc exp run -S`."""
    shutil.copytree(root, copy)
    for name, own in to_path_overrides(changes).items():
        apply_overrides(copy / name, own)
    return copy


SAME = [
    "generator.shots=5",
    "++generator.shots=5",
    "base.task=other",
    "generator.model='(a|b) c'",
    'generator.model="a, b"',
    "generator.model=a b  c",
    "generator.model=a: b",
    "generator.model='a=b'",
    "generator.model='it\\'s'",
    'generator.model="he said \\"no\\""',
    "generator.model='Köln, 東京 🏙'",
    "generator.model='#1'",
    "generator.model='5'",
    "generator.model='null'",
    "generator.model=on",
    "generator.model=''",
    "generator.model=",
    "generator.model=C:/x",
    "generator.pattern=null",
    "generator.temperature=1e-1",
    "+generator.template.enable_thinking=false",
    "++generator.template={enable_thinking: false, reasoning_effort: low}",
    "generator.stop=[a,'b, c',\"d'\"]",
    "generator.stop=[]",
    "generator.attributes=[style, length]",
    "finetune.seeds=[4,5]",
    "finetune.probe=TRUE",
    "finetune.probe=no",
    "finetune.epochs=2",
    "+arms.shots=[shots]",
    "+select.strategies.cal.evidence=models/learner",
    "~arms.sqbc",
    "~generator.shots=0",
    "generator.redraw=3",
    "generator.shots=05",
    "base.seed=1_000",
]


@pytest.mark.parametrize("change", SAME)
def test_a_value_means_here_what_it_means_to_dvc(change: str, root: Path, tmp_path: Path) -> None:
    there = by_dvc([change], root, tmp_path / "copy")
    try:
        expected: Params | str = load_params(there)
    except StandinError as error:
        expected = str(error).replace(f"{there / 'params.yaml'}: ", f"-S {shown(change)}: ")
    try:
        found: Params | str = load_params_with([change], root)
    except StandinError as error:
        found = str(error)
    assert found == expected


ALL_ARMS = [f"~arms.{name}" for name in load_params(ROOT).arms]


@pytest.mark.parametrize("changes", [[*ALL_ARMS, "+arms.few=[shots]"], ["+arms.few=[shots]", *ALL_ARMS]])
def test_all_entries_of_a_group_are_replaced_in_either_order(changes: list[str], root: Path, tmp_path: Path) -> None:
    changes = ["base.task=toy", *changes]
    assert load_params_with(changes, root) == load_params(by_dvc(changes, root, tmp_path / "copy"))
    assert load_with(changes, root)[0].arms == {"few": ["shots"]}


def test_the_last_entry_of_a_group_stays(root: Path, tmp_path: Path) -> None:
    with pytest.raises(StandinError, match="broken YAML"):
        load_params(by_dvc(ALL_ARMS, root, tmp_path / "copy"))
    with pytest.raises(StandinError, match=rf"-S '{ALL_ARMS[-1]}': takes a group's last entry.*: leave one"):
        load_params_with([*ALL_ARMS, "~generator.seed"], root)


def test_changes_that_dvc_takes_one_by_one_and_not_together_are_one_message(root: Path) -> None:
    with pytest.raises(StandinError, match=r"^-S: cannot be set together in params.yaml \("):
        load_params_with(["generator.model=${generator.engine}", "~generator.engine"], root)


def test_a_file_that_dvc_cannot_change_is_told(root: Path) -> None:
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("  seed: 1\n", "  seed: 1\t# drawn\n", 1))
    with pytest.raises(StandinError, match=r"params\.yaml"):
        load_params_with(["generator.shots=2"], root)


REFUSED = [
    ("generator.pattern=(a|b) c", "no value as DVC reads it"),
    ("generator.model=a=b", "no value as DVC reads it"),
    ("generator.model=Köln", "no value as DVC reads it"),
    ("generator.model=#1", "no value as DVC reads it"),
    ("generator.stop=[a", "no value as DVC reads it"),
    ("generator.model='it''s'", "no value as DVC reads it"),
    ("generator.shots=" + "[" * 1000, "no value as DVC reads it"),
    ("generator.shots", "write key=value"),
    ("=5", "write key=value"),
    ("", "write key=value"),
    ("generator.shots=1,3", "dvc exp run --queue"),
    ("base.seed=range(1,3)", "dvc exp run --queue"),
    ("generator.shot=5", "did you mean 'shots'"),
    ("arms.shots=[shots]", "a new one begins with +"),
    ("~arms.shots", "unknown key"),
    ("base.task.more=1", "holds one value, not a group"),
    ("+generator.shots=5", "+ is for new keys. Leave it out"),
    ("generator.template={enable_thinking: false}", "-S '++generator.template={enable_thinking: false}'"),
    ("generator.model=${nothing}", "cannot be set in params.yaml"),
    ("../x.yaml:a=1", "-S changes params.yaml, or tasks/NAME.yaml"),
    ("dvc.yaml:stages=1", "-S changes params.yaml, or tasks/NAME.yaml"),
    ("tasks/none.yaml:title=x", "there is no such task"),
    ("tasks/toy.yaml:titel=x", "did you mean 'title'"),
    ("tasks/other.yaml:labels=[]", "at least two labels"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_dvc_would_not_take_is_one_message(change: str, said: str, root: Path) -> None:
    with pytest.raises(StandinError) as error:
        load_with(["base.task=toy", change], root)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert (root / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


@pytest.mark.parametrize(
    "text", ["(a|b) c", "a=b", "Köln", "#1", "[a", "it's", 'a "b"', "a\\", 'a\\"', "'it''s'", "a,b=c"]
)
def test_the_spelling_that_a_message_gives_is_taken_as_the_text(text: str) -> None:
    with pytest.raises(StandinError) as error:
        load_params_with([f"generator.model={text}=("], ROOT)
    said = shlex.split(str(error.value).split("for the shell: ")[1])
    assert said[0] == "-S"
    assert to_hydra_overrides([said[1]])[0].value() == f"{text}=("
    assert load_params_with([said[1]], ROOT).generator.model == f"{text}=("


def test_a_task_s_file_is_changed_too(root: Path, tmp_path: Path) -> None:
    changes = ["base.task=toy", "tasks/toy.yaml:prompts.context='Say: (a|b), or é'", "tasks/other.yaml:title=x"]
    there = by_dvc(changes, root, tmp_path / "copy")
    params, task = load_with(changes, root)
    assert params == load_params(there)
    assert task == load_task("toy", there)
    assert task.prompts.context == "Say: (a|b), or é"
    assert load_task("toy", root).prompts.context == "You write comments."


def test_without_changes_dvc_is_not_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overrides, "_changed", None)
    assert load_params_with([], root) == load_params(root)


def test_more_examples_than_shots_are_refused_at_the_door(root: Path) -> None:
    with pytest.raises(
        StandinError, match=r"generator.shots is 33 for each of 2 labels.*64 texts.*lower it to 32.* 66"
    ):
        load_with(["base.task=toy", "generator.shots=33"], root)
    assert load_with(["base.task=toy", "generator.shots=32"], root)[0].generator.shots == 32


def test_values_of_params_yaml_survive_dvc_s_rewriting(root: Path, tmp_path: Path) -> None:
    there = by_dvc(["base.seed=2"], root, tmp_path / "copy")
    before, after = (yaml.safe_load((place / "params.yaml").read_text()) for place in (root, there))
    assert after == before | {"base": before["base"] | {"seed": 2}}


BUDGETS = ["select.budgets=[0.2,500]", "base.task=toy"]


def test_a_budget_beyond_the_pool_is_said_at_once_where_the_pool_is_labelled(root: Path) -> None:
    with pytest.raises(
        StandinError, match=r"select.budgets holds 500, more than the pool's 240 texts \(prepare.pool\)"
    ):
        load_with(BUDGETS, root)
    assert load_with([*BUDGETS, "prepare.pool=500"], root)[0].prepare.pool == 500
    assert load_with([*BUDGETS, "select.pool=synthetic"], root)[0].select.budgets == [0.2, 500]


@pytest.mark.parametrize(
    "change",
    [
        "tasks/toy.yaml:+source.columns.label=null",
        "tasks/toy.yaml:source.test=data/raw/toy/t.jsonl",
        "tasks/toy.yaml:+source.validation=data/raw/toy/v.jsonl",
    ],
)
def test_of_texts_without_labels_all_are_the_pool_so_budgets_may_be_larger_than_its_parameter(
    root: Path, change: str
) -> None:
    params, task = load_with([*BUDGETS, change], root)
    assert max(params.select.budgets) == 500
    with pytest.raises(StandinError, match=r"select\.budgets holds 500"):
        check_budgets(params, task, labelled=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [(["+arms.Few=[real]"], "-S '+arms.Few=[real]': arms: 'Few' is no arm name"),
     (["generator.shots=-1"], "-S 'generator.shots=-1': generator.shots is -1: "),
     (["generator.shots=-1", "base.seed=2"], "-S: generator.shots is -1: "),
     (["generator.shots=90"], "-S 'generator.shots=90': generator.shots is 90 for each of 2 labels"),
     (["tasks/toy.yaml:labels=[]"], "-S 'tasks/toy.yaml:labels=[]': labels")],
)  # fmt: skip
def test_a_mistake_of_a_change_is_told_of_s_and_not_of_the_file_that_holds_none(
    changes: list[str], said: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("task: city-topics", "task: toy"))
    with pytest.raises(StandinError) as error:
        load_with(changes)
    assert str(error.value).startswith(said)
    assert "params.yaml: " not in str(error.value)
    assert "whole file" not in str(error.value)


@pytest.mark.parametrize(("old", "new", "said"), [("  shots: 0", "  shots: -1", "params.yaml: generator.shots is -1: "),
                                                  ("  shots: 0", "  shots: 90", "params.yaml: generator.shots is 90")])  # fmt: skip
def test_a_mistake_that_the_file_holds_is_told_of_the_file_whatever_is_changed(
    old: str, new: str, said: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    text = Path("params.yaml").read_text().replace("task: city-topics", "task: toy")
    assert old in text
    Path("params.yaml").write_text(text.replace(old, new))
    with pytest.raises(StandinError) as error:
        load_with(["base.seed=2"])
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("change", [
    "runtime.base_url=http://me:hidden@127.0.0.1:9/v1",
    "+runtime.base_url=http://me:hidden@127.0.0.1:9/v1",
    "runtime.base_urls=http://me:hidden@127.0.0.1:9/v1",
    "runtime.base_url.x=http://me:hidden@127.0.0.1:9/v1",
    "runtime.base_url=http://me:hidden @127.0.0.1:9/{v1",
    "runtime.base_url=http://me:hid,hidden@127.0.0.1:9/v1",
    f"runtime.base_url=http://me:hidden{'x' * 400}@127.0.0.1:9/v1",
    "runtime.base_url=http://127.0.0.1:9/v1?api_key=hidden",
    "runtime.base_urls=http://127.0.0.1:9/v1?a=b&Token=hidden",
    "runtime.base_url=http://127.0.0.1:9/{v1?api_key=hidden",
])  # fmt: skip
def test_a_password_in_a_change_is_not_repeated(change: str) -> None:
    with pytest.raises(StandinError) as raised:
        load_with([change], ROOT)
    assert "hid" not in str(raised.value)
    assert "-S" in str(raised.value)


def test_a_suggestion_holds_no_mask_in_place_of_words() -> None:
    change = "tasks/city-topics.yaml:prompts.context=Rules: https://example.org/a (mail me@example.org)"
    with pytest.raises(StandinError) as raised:
        load_with([change], ROOT)
    assert "for the shell" not in str(raised.value)
    with pytest.raises(StandinError, match="for the shell"):
        load_with([change.replace("me@example.org", "me")], ROOT)
