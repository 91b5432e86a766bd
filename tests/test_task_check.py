"""``standin task check``: files, prompts and data of tasks, one after the other, whatever is wrong with one."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from standin import cli
from standin.errors import StandinError
from standin.sources.checking import check_tasks

datasets = pytest.importorskip("datasets")

PROMPTS = {
    "language": "en", "context": "You write mails.", "generation": "Write {phrase}.", "few_shot": "As in:\n{examples}",
    "example": "- {text}", "diversity": "Another {phrase}, more diverse.", "judge": "{text}: {labels}?",
}  # fmt: skip
ROWS = [{"id": f"m{n}", "text": f"mail number {n}", "label": ("ham", "spam")[n % 2]} for n in range(6)]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "tasks").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("the hub was asked"))
    return root


def write(
    name: str, *, prompts: dict[str, str] | None = None, source: dict[str, Any] | None = None, **more: Any
) -> None:
    labels = [{"name": label, "phrase": f"a {label} mail", "description": label} for label in ("ham", "spam")]
    whole = {
        "train": f"data/raw/{name}/train.jsonl.gz", "test": None, "warmstart": None,
        "local": {"train": [f"{name}.jsonl"]}, "columns": {},
    } | (source or {})  # fmt: skip
    task = {
        "name": name, "title": name, "language": "en", "demonstration": False, "description": "d", "labels": labels,
        "questions": [], "source": whole, "prompts": PROMPTS | (prompts or {}), "published": {},
    } | more  # fmt: skip
    Path(f"tasks/{name}.yaml").write_text(json.dumps(task), encoding="utf-8")


def copy(name: str, rows: list[dict[str, Any]]) -> Path:
    folder = Path("../copies")
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def faults(name: str, rows: list[dict[str, Any]] | None = None) -> list[str]:
    (found,) = check_tasks([name], copy(name, ROWS if rows is None else rows))
    assert found.unloaded is None
    return list(found.faults)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["task", "check", *words])


def test_a_good_task_says_what_was_read_and_keeps_nothing() -> None:
    write("mail")
    done = run("mail", "--data", str(copy("mail", ROWS)))
    assert done.exit_code == 0
    assert done.output == "mail: good: ../copies: train 6 (ham 3, spam 3)\n"
    assert not Path("data").exists()


def test_prompts_that_do_not_tell_labels_apart_are_wrong() -> None:
    write("mail", prompts={"generation": "Write a mail."})
    (said,) = faults("mail")
    assert "labels 'ham' and 'spam' have the same prompt: write {phrase}, {label} or {description}" in said


def test_an_empty_diversity_prompt_is_wrong() -> None:
    write("mail", prompts={"diversity": " "})
    assert [said.partition(": ")[2] for said in faults("mail")] == [
        f"the diversity prompt of label {label!r} is empty" for label in ("ham", "spam")
    ]


def test_lines_that_wait_to_be_edited_are_wrong() -> None:
    write("mail", prompts={"context": "Edit: say who you are."})
    (said,) = faults("mail")
    assert 'prompts.context still say "edit"' in said


def test_prompts_that_do_not_say_the_question_are_wrong() -> None:
    write("mail", questions=[{"id": "tax", "text": "Should taxes rise?"}])
    (said,) = faults("mail")
    assert "the prompts do not say the question 'tax': write {question} in them" in said


def test_a_question_in_another_language_than_the_prompts_needs_its_translation() -> None:
    asked = {"id": "tax", "text": "Sollen Steuern steigen?"}
    prompts = {"context": "Someone asks: {question}"}
    write("mail", questions=[asked], language="de", prompts=prompts)
    (said,) = faults("mail")
    assert "question 'tax' has no `prompt`: prompts are in 'en', its text in 'de'" in said
    write("mail", questions=[asked | {"prompt": "Should taxes rise?"}], language="de", prompts=prompts)
    assert faults("mail") == []


def test_every_label_needs_texts_in_every_part() -> None:
    write("mail", source={"test": "data/raw/mail/test.jsonl.gz",
                          "local": {"train": ["mail.jsonl"], "test": ["held.jsonl"]}})  # fmt: skip
    copy("held", [ROWS[0] | {"id": "h0", "text": "another mail"}])
    (said,) = faults("mail")
    assert said == "tasks/mail.yaml: no test text has the label 'spam'"


def test_a_label_that_the_task_does_not_have_is_wrong() -> None:
    write("mail")
    (said,) = faults("mail", [*ROWS, {"id": "x", "text": "an odd mail", "label": "sapm"}])
    assert "label 'sapm' is not in the task: did you mean 'spam'?" in said


def test_every_question_needs_texts_and_the_warm_start_rows_of_others() -> None:
    questions = [{"id": name, "text": f"Should {name} rise?"} for name in ("tax", "rent")]
    source = {"columns": {"question_id": "about"}, "warmstart": "data/raw/mail/train.jsonl.gz"}
    write("mail", questions=questions, source=source, prompts={"context": "Someone asks: {question}"})
    assert faults("mail", [row | {"about": "tax"} for row in ROWS]) == [
        "tasks/mail.yaml: no train text answers question 'rent'",
        "tasks/mail.yaml: source.warmstart holds no text of another question",
    ]


def test_ids_that_stand_in_two_parts_are_wrong() -> None:
    write("mail", source={"test": "data/raw/mail/test.jsonl.gz",
                          "local": {"train": ["mail.jsonl"], "test": ["mail.jsonl"]}})  # fmt: skip
    (said,) = faults("mail")
    assert said == "tasks/mail.yaml: id 'm0' stands more than once (6 such ids)"


def test_data_of_the_project_is_read_where_no_copy_is_and_a_copy_before_it() -> None:
    write("mail", source={"local": None})
    Path("data/raw/mail").mkdir(parents=True)
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS[:4]).encode())
    Path("data/raw/mail/train.jsonl.gz").write_bytes(packed)
    copies = copy("mail", ROWS)
    (found,) = check_tasks(["mail"], copies)
    assert found.lines == ["mail: good: data/raw/mail: train 4 (ham 2, spam 2)"]
    write("mail")
    (found,) = check_tasks(["mail"], copies)
    assert found.lines == ["mail: good: ../copies: train 6 (ham 3, spam 3)"]


def test_a_hub_that_does_not_answer_is_asked_once_and_the_other_tasks_are_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def unreachable(name: str, *args: object, **options: object) -> None:
        asked.append(name)
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    for name in ("first", "second"):
        write(name, source={"hub": {"dataset": f"someone/{name}", "train": "train"}, "local": None})
    write("third")
    write("fourth", source={"local": None}, prompts={"diversity": ""})
    done = run("first", "second", "third", "fourth", "--data", str(copy("third", ROWS)))
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert asked == ["someone/first"]
    assert "first: not loaded: tasks/first.yaml: source.hub: someone/first cannot be loaded" in lines[0]
    assert "standin data fetch first --from FOLDER" in lines[0]
    assert lines[1] == "second: not loaded: the hub did not answer when first was loaded, and was not asked again"
    assert lines[2].startswith("third: good: ")
    assert "fourth: wrong: tasks/fourth.yaml: the diversity prompt of label 'ham' is empty" in lines[3]
    assert (
        "fourth: not loaded: ../copies holds no copy that source.local names, data/raw/fourth is not there" in lines[5]
    )
    assert lines[6] == ("4 tasks: 1 good, 1 wrong (fourth), 3 whose data could not be loaded (first, second, fourth)")


def test_a_data_set_that_is_another_than_the_task_says_is_wrong_and_not_unloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("mail", source={"hub": {"dataset": "someone/mail", "train": "trian"}, "local": None})
    data = datasets.Dataset.from_dict({"text": ["a", "b"], "label": ["ham", "spam"]})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: {"train": data})
    (found,) = check_tasks(["mail"], None)
    assert "no such split: did you mean 'train'?" in found.faults[0]
    assert found.unloaded is None


def test_a_data_set_that_the_hub_does_not_have_is_wrong_and_the_hub_is_asked_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(name: str, *args: object, **options: object) -> dict[str, Any]:
        if name == "someone/first":
            raise FileNotFoundError("Dataset 'someone/first' doesn't exist on the Hub or cannot be accessed.")
        return {"train": datasets.Dataset.from_list([{"text": row["text"], "label": row["label"]} for row in ROWS])}

    monkeypatch.setattr(datasets, "load_dataset", load)
    for name in ("first", "second"):
        write(name, source={"hub": {"dataset": f"someone/{name}", "train": "train"}, "local": None})
    first, second = check_tasks(["first", "second"], None)
    assert "someone/first cannot be loaded (Dataset 'someone/first' doesn't exist" in first.faults[0]
    assert first.unloaded is None
    assert second.lines == ["second: good: hub, someone/second: train 6 (ham 3, spam 3)"]


def test_a_broken_file_is_told_and_the_next_task_is_checked() -> None:
    write("bad", titel="x")
    write("mail")
    done = run("--all", "--data", str(copy("mail", ROWS)))
    assert done.exit_code == 1
    assert "bad: wrong: tasks/bad.yaml: unknown key 'titel': did you mean 'title'?" in done.output
    assert "mail: good: " in done.output
    assert done.output.endswith("2 tasks: 1 good, 1 wrong (bad)\n")


def test_without_a_name_the_task_of_the_parameters_is_checked() -> None:
    write("mail")
    Path("params.yaml").write_text("base: {task: mail}\n", encoding="utf-8")
    assert run("--data", str(copy("mail", ROWS))).output.startswith("mail: good")


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--data", "nowhere"], "--data nowhere: there is no such folder"), (["--all"], "no task in tasks/")],
)
def test_wrong_use_is_explained(words: list[str], message: str) -> None:
    done = run(*words)
    assert isinstance(done.exception, StandinError)
    assert message in str(done.exception)
