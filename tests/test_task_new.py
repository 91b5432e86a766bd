"""``standin task new``: a few questions, and a task that runs at once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_encoder import write_tiny_encoder
from typer.testing import CliRunner, Result

from standin import cli
from standin.errors import StandinError
from standin.overrides import load_with
from standin.planning import show_prompts
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, root / name)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    rows = [
        f"the {'loan' if n % 2 else 'card'} letter has number {n * 7919} in it,{('card', 'loan')[n % 2]}"
        for n in range(60)
    ]
    (tmp_path / "texts.csv").write_text("text,topic\n" + "\n".join(rows) + "\n")
    (tmp_path / "bare.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    return root


def call(*words: str, answers: str = "") -> Result:
    return CliRunner().invoke(cli.app, ["task", "new", *words], input=answers)


DESCRIBED = ("--describe", "loan=asks for a loan", "--describe", "card=reports a lost {card}")


def test_the_questions_make_a_task_without_a_line_that_waits(root: Path) -> None:
    answers = "../texts.csv\n\n\ntopic\nen\nletters to a bank: {all}\nreports a lost card\nasks for a loan\n"
    done = call("bank", answers=answers)
    assert done.exit_code == 0, done.output
    task = load_task("bank")
    assert task.unedited() is None
    assert task.description == "letters to a bank: {all}"
    assert {label.name: label.description for label in task.labels} == {
        "card": "reports a lost card", "loan": "asks for a loan"
    }  # fmt: skip
    assert "standin run --preview 5 -S base.task=bank" in done.output
    text = Path("tasks/bank.yaml").read_text()
    assert "# name: the value in the data" in text, "commented"


def test_a_script_says_it_all_by_options(root: Path) -> None:
    words = ("--data", "../texts.csv", "--label", "topic", "--language", "da", "--about", "letters to a bank")
    done = call("bank", "--yes", *words, *DESCRIBED)
    assert done.exit_code == 0, done.output
    task = load_task("bank")
    assert (task.language, task.prompts.language, task.unedited()) == ("da", "da", None)
    assert "Write in Danish." in task.prompts.generation
    sizes = ["prepare.shots=6", "prepare.validation=6", "prepare.pool=20", "prepare.test=12", "select.budgets=[5]"]
    params, task = load_with(["base.task=bank", "generator.engine=openai", "generator.shots=2", *sizes])
    said = "\n".join(show_prompts(params, "card", 1, rendered=False, task=task))
    assert "letters to a bank" in said
    assert "reports a lost {card}" in said


def test_what_no_option_says_waits_for_words(root: Path) -> None:
    assert call("bank", "--yes", "--data", "../texts.csv", "--label", "topic").exit_code == 0
    assert "prompts.context" in str(load_task("bank").unedited())


def test_unlabelled_texts_need_labels_by_name(root: Path) -> None:
    done = call("inbox", "--yes", "--data", "../bare.jsonl", "--unlabelled", *DESCRIBED)
    assert done.exit_code == 0, done.output
    assert load_task("inbox").label_names == ["loan", "card"]
    done = call("asked", "--data", "../bare.jsonl", answers="\nn\nloan, card\nen\nletters\na\nb\n")
    assert done.exit_code == 0, done.output
    assert load_task("asked").label_names == ["loan", "card"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--yes",), "say where the texts are: --data PATH"),
        (("--yes", "--data", "../bare.jsonl", "--unlabelled"), "name two labels or more"),
        (("--yes", "--data", "../texts.csv", "--label", "topic", "--describe", "lone=x"), "did you mean 'loan'"),
        (("--yes", "--data", "../texts.csv", "--label", "topic", "--describe", "loan"), "write a label, '='"),
        (("--yes", "--data", "../texts.csv", "--label", "topic", "--language", "Danish"), "is no language code"),
        (("--yes", "--data", "../none.csv"), "there is no such file"),
        (("--yes", "--data", "../texts.csv"), "there is no column 'label'"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(words: tuple[str, ...], said: str, root: Path) -> None:
    done = call("bank", *words)
    assert isinstance(done.exception, StandinError)
    assert said in str(done.exception)
    assert not Path("tasks/bank.yaml").exists()
    assert not Path("data/raw/bank").exists()


def test_a_task_that_is_there_is_not_written_over(root: Path) -> None:
    Path("tasks").mkdir()
    Path("tasks/bank.yaml").write_text("mine\n")
    done = call("bank", "--yes", "--data", "../texts.csv", "--label", "topic")
    assert "is not written over" in str(done.exception)
    assert Path("tasks/bank.yaml").read_text() == "mine\n"


def test_the_new_task_is_previewed_at_once(root: Path) -> None:
    call("bank", "--yes", "--data", "../texts.csv", "--label", "topic", "--about", "letters", *DESCRIBED)
    recorded = [f"a {label} text about item {n * 6007} here,{label}" for label in ("card", "loan") for n in range(9)]
    Path("recorded.csv").write_text("text,label\n" + "\n".join(recorded) + "\n")
    encoder = write_tiny_encoder(root / "encoder")
    changes = ["base.task=bank", "generator.engine=replay", "generator.model=recorded.csv", "prepare.shots=6",
               "prepare.validation=6", "prepare.pool=20", "prepare.test=12", "select.budgets=[5]",
               f"embed.model={encoder}", "curate.near_duplicate_cosine=1.0", "curate.contaminated_cosine=1.0"]  # fmt: skip
    options = [word for change in changes for word in ("-S", change)]
    done = CliRunner().invoke(cli.app, ["run", "--preview", "2", *options])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "of 4 texts kept" in done.output
