"""Parameters, tasks and rows: one place for defaults, and errors that name the place and the fix."""

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from standin.bounds import Checks
from standin.choices import RESERVED_ARMS
from standin.config import NAME, Params, llms_of, load_params, parse_params
from standin.corpus import Row, read_json, read_rows, write_rows
from standin.errors import StandinError
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]


BY_NAME = {  # read through model_dump or getattr
    *(f"prepare.{split}" for split in ("shots", "validation", "pool", "test")),
    *(f"validate.{key}" for key in re.findall(r"{(max_\w+)", (ROOT / "src/standin/validation/suite.yaml").read_text())),
}


def leaves(values: dict[str, Any], before: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in values.items():
        found |= leaves(value, f"{before}{key}.") if isinstance(value, dict) else {before + key}
    return found


def test_params_yaml_states_every_default_and_nothing_else() -> None:
    assert load_params(ROOT) == Params()
    stated = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert leaves(stated) == leaves(Params().model_dump(by_alias=True))


def test_every_parameter_is_read_somewhere() -> None:
    """A setting that no code reads is worse than none (D6)."""
    read = set()
    for path in (ROOT / "src/standin").rglob("*.py"):
        if path.name != "config.py":
            read |= {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    for key in leaves(Params().model_dump(by_alias=True)):
        group, name = key.split(".")[:2]
        if group == "arms" or key.startswith("select.strategies"):
            continue
        assert name in read or key in BY_NAME, key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generater": {}}, "unknown key 'generater': did you mean 'generator'"),
        ({"generator": {"shot": 5}}, r"unknown key 'generator\.shot': did you mean 'shots'"),
        ({"generator": {"shots": "many"}}, r"generator\.shots is 'many': input should be a valid integer"),
        ({"generator": {"shots": -1}}, r"generator\.shots is -1: input should be greater than or equal to 0"),
        (
            {"generator": {"redraw": "texts"}},
            r"^params\.yaml: generator\.redraw: 'texts': it must be text.*share their examples",
        ),
        ({"generator": {"redraw": 0}}, r"generator\.redraw: 0: it must be text"),
        ({"generator": {"redraw": True}}, r"generator\.redraw: True: it must be text"),
        ({"base": {"task": "City Topics"}}, "no task name"),
        ({"select": {"budgets": [48, 12]}}, "budgets must rise"),
        ({"select": {"budgets": [0.5, 0.2]}}, "budgets must rise"),
        ({"select": {"budgets": [0]}}, "0: a budget must be a whole number of texts .* or a fraction of the pool"),
        ({"select": {"budgets": [1.0]}}, "1.0: a budget must be"),
        ({"select": {"budgets": [True]}}, "True: a budget must be"),
        ({"select": {"budgets": ["half"]}}, "'half': a budget must be"),
        ({"select": {"pool": "generated"}}, "select.pool is 'generated': input should be 'real' or 'synthetic'"),
        ({"select": {"strategies": {"sqbd": {"evidence": "x"}}}}, "did you mean 'sqbc'"),
        ({"select": {"strategies": {"cal": {"evidence": "x"}}}}, "must be 'models/learner'"),
        ({"arms": {"mix": ["sqbc", "synthetics"]}}, "arms.mix: no source 'synthetics': did you mean 'synthetic'"),
        ({"arms": {"a+b": ["real"]}}, "'a\\+b' is no arm name"),
        ({"arms": {"none": []}}, "names no source"),
        ({"arms": {"majority": ["real"]}}, r"the name 'majority' is taken \(evaluate's row of the majority class\)"),
        ({"arms": {"random_instead": ["real"]}}, r"'random_instead' is taken \(a reference of evaluate\): give"),
        (
            {"arms": {"warmstart": ["warmstart"]}},
            r"arms: the name 'warmstart' is taken \(models/warmstart is what the stage warmstart writes\): give the arm "
            "another one, as 'warmstart_alone'",
        ),
        ({"evaluate": {"references": ["reel"]}}, "evaluate.references: there is no arm 'reel': did you mean 'real'"),
        ({"evaluate": {"references": ["without_syntetic"]}}, "did you mean 'without_synthetic'"),
        ({"finetune": {"seeds": [1, 1]}}, "seeds must differ"),
        ({"finetune": {"seeds": [1, -1]}}, r"finetune\.seeds\.1 is -1: input should be greater than or equal to 0"),
        ({"finetune": {"seeds": [2**32]}}, r"finetune\.seeds\.0 is 4294967296: input should be less than 4294967296"),
        (
            {"arms": {"sqbc_24": ["sqbc"], "sqbc": ["sqbc"]}},
            "arms: the name 'sqbc_24' is what metrics call arm 'sqbc' at a budget of 24: give the arm another one, as "
            "'sqbc_24_texts'",
        ),
        (
            {"runtime": {"base_url": "http://me:pass@example.org/v1"}},
            r"runtime.base_url: 'http://\[secret\]@example.org/v1'",
        ),
        (
            {"runtime": {"base_url": "https://example.org/v1?api-version=1&api-key=sk-own"}},
            r"runtime.base_url: the query names 'api-key', which logs would show: the key belongs in OPENAI_API_KEY$",
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StandinError, match=message) as found:
        parse_params(change)
    assert str(found.value).startswith("params.yaml")


def test_a_number_at_the_end_of_an_arm_s_name_is_refused_only_where_it_could_be_another_s_budget() -> None:
    names = {"sqbc": ["sqbc"], "sqbc_24_texts": ["sqbc"], "sqbc_024": ["sqbc"], "cal_24": ["random"]}
    parse_params({"arms": {**names, "synthetic": ["synthetic"], "synthetic_200": ["synthetic:200"]}})


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_a_seed_of_training_is_one_that_numpy_takes_from_the_trainer(seed: int) -> None:
    np.random.RandomState(parse_params({"finetune": {"seeds": [seed]}}).finetune.seeds[0])


def test_no_arm_and_no_strategy_can_have_the_name_of_another_output() -> None:
    """Two stages with one output, or one inside another's, are refused by DVC once the run has begun."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]

    def outputs(stage: dict[str, Any]) -> list[str]:
        named = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, ())]
        return [out if isinstance(out, str) else next(iter(out)) for out in named]

    fixed = {name: outputs(stage) for name, stage in stages.items() if "do" not in stage}
    taken: dict[str, set[str]] = {}
    for name, stage in stages.items():
        for out in outputs(stage["do"]) if "do" in stage else ():
            shape = re.compile(re.escape(out).replace(re.escape("${key}"), f"(?P<key>{NAME.pattern})") + "(/.*)?")
            found = (shape.fullmatch(path) for paths in fixed.values() for path in paths)
            taken.setdefault(name, set()).update(match["key"] for match in found if match)
    assert taken == {"embed": set(), "select": set(), "finetune": {"warmstart", "learner"}}
    assert taken["finetune"] <= set(RESERVED_ARMS)
    for stage in taken["finetune"]:
        assert RESERVED_ARMS[stage] == f"models/{stage} is what the stage {stage} writes"
        assert f"models/{stage}" in fixed[stage]
        with pytest.raises(StandinError, match=f"'{stage}' is taken"):
            parse_params({"arms": {stage: ["real"]}})
    parse_params({"arms": {"warmstart_alone": ["warmstart"], "learners": ["real"]}})


def test_budgets_may_be_numbers_and_fractions_and_a_synthetic_pool_has_no_size_beforehand() -> None:
    assert parse_params({"select": {"budgets": [0.1, 0.2, 48]}}).select.budgets == [0.1, 0.2, 48]
    assert type(parse_params({"select": {"budgets": [48]}}).select.budgets[0]) is int
    assert parse_params({"select": {"pool": "synthetic", "budgets": [500]}}).select.pool == "synthetic"


def test_a_default_arm_may_be_taken_out_without_naming_the_references_anew() -> None:
    """As `dvc exp run -S '~arms.random'` does; an arm of one's own is named like any other."""
    assert parse_params({"arms": {"shots": ["shots"]}}).evaluate.references[:2] == ["real", "random"]
    assert parse_params({"arms": {"few": ["shots"]}, "evaluate": {"references": ["few"]}}).evaluate.references == [
        "few"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"base:\n  task: [\n", "line 2: broken YAML"),
        (b"base: \xff", "not UTF-8"),
    ],
)
def test_a_params_file_that_cannot_be_read_says_so(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(StandinError, match=message):
        load_params(tmp_path)


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = (ROOT / "tasks/city-topics.yaml").read_text()
    assert old in text
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/city-topics.yaml").write_text(text.replace(old, new))
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- name: housing", "- name: transport", "duplicate label 'transport'"),
        (
            "{phrase}: {description}. Choose",
            "{phrases}. Choose",
            r"unknown placeholder '\{phrases\}': did you mean 'phrase'",
        ),
        ("{examples}", "", r"few_shot: the placeholder '\{examples\}' is missing"),
        ("name: city-topics", "name: other", "must equal the file's name"),
        ("language: en\ndemo", "langage: en\ndemo", "unknown key 'langage': did you mean 'language'"),
    ],
)
def test_a_wrong_task_file_is_named_with_the_fix(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(StandinError, match=message) as found:
        load_task("city-topics", edited(tmp_path, old, new))
    assert "tasks/city-topics.yaml" in str(found.value)


def test_a_task_needs_two_labels_and_an_unknown_task_names_the_nearest(tmp_path: Path) -> None:
    text = (ROOT / "tasks/city-topics.yaml").read_text()
    alone = re.sub(r"  - name: environment.*?(?=\n# Stance)", "", text, flags=re.DOTALL)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/city-topics.yaml").write_text(alone)
    with pytest.raises(StandinError, match="at least two labels"):
        load_task("city-topics", tmp_path)
    with pytest.raises(StandinError, match="did you mean 'city-topics'"):
        load_task("city-topic", ROOT)


def test_a_task_file_of_before_checks_has_none_and_no_stage_asks_for_what_may_be_left_out(tmp_path: Path) -> None:
    assert load_task("city-topics", edited(tmp_path, "\nchecks: {}\n", "\n")).checks == Checks()
    may_be_left_out = {name for name, field in Task.model_fields.items() if not field.is_required()}
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    params = [one for stage in stages for one in stage.get("do", stage).get("params", []) if isinstance(one, dict)]
    asked = {
        key.split(".")[0] for one in params for file, keys in one.items() if "base.task" in file for key in keys or ()
    }
    assert {"labels", "prompts"} <= asked
    assert not asked & may_be_left_out, "DVC refuses a stage whose params are not in the file"


rows = st.builds(
    Row,
    id=st.uuids().map(str),
    text=st.text(min_size=1).filter(lambda text: text.isprintable()),
    label=st.none() | st.sampled_from(["a", "b"]),
    question_id=st.none() | st.just("q"),
    annotations=st.none() | st.lists(st.sampled_from(["a", "b"]), min_size=1).map(tuple),
)


@given(st.lists(rows, max_size=5))
def test_rows_come_back_as_they_were_written_in_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, given: list[Row]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    write_rows(path, given)
    before = path.read_bytes()
    assert read_rows(path, Row) == given
    write_rows(path, read_rows(path, Row))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "1"}', "line 2: column 'text' is missing"),
        ('{"id": "1", "text": "a", "lable": "b"}', "line 2: unknown column 'lable'"),
        ('{"id": "1", ', "line 2: broken JSON"),
        ("[1]", "line 2: expected a JSON object, found list"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"id": "0", "text": "fine"}}\n{line}\n')
    with pytest.raises(StandinError, match=message):
        read_rows(path, Row)
    with pytest.raises(StandinError, match="dvc pull"):
        read_json(tmp_path / "none.json")


def test_the_llms_of_a_run_are_those_that_are_asked() -> None:
    plain = parse_params({"subjectivity": {"texts": 0}})
    assert list(llms_of(plain)) == ["generator"]
    assert llms_of(parse_params({"subjectivity": {"texts": 0}, "generator": {"texts": 0}})) == {}
    raw = {"verify": {"by": "llm"}, "arms": {"asked": ["llm"]}, "zeroshot": {"model": "some/model"}}
    everything = llms_of(parse_params(raw | {"evaluate": {"references": []}}))
    assert list(everything) == ["generator", "verify", "zeroshot", "subjectivity"]
    assert everything["zeroshot"].model == "some/model"
