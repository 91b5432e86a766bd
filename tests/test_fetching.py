"""What ``standin data fetch`` makes of data sets whose layout is another than the task's: from the hub and from copies."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from standin import cli
from standin.errors import StandinError
from standin.sources import adding, recording
from standin.sources.fetching import fetch, fetch_recordings, parts_of
from standin.task import Task, parse_task

datasets = pytest.importorskip("datasets")

PROMPTS = {"language": "en", "context": "c", "generation": "{phrase}", "few_shot": "{examples}", "example": "{text}",
           "diversity": "d", "judge": "{text}"}  # fmt: skip


def task(**more: Any) -> dict[str, Any]:
    """A task of two labels whose train file is fetched; ``source`` is added to."""
    labels = [{"name": name, "phrase": name, "description": name} for name in ("ham", "spam")]
    source = {"train": "data/raw/mail/train.jsonl.gz", "test": None, "warmstart": None, "columns": {}}
    source |= more.pop("source", {})
    return {
        "name": "mail", "title": "Mail", "language": "en", "demonstration": False, "description": "d", "labels": labels,
        "questions": [], "source": source, "prompts": PROMPTS, "published": {},
    } | more  # fmt: skip


def made(**more: Any) -> Task:
    return parse_task(task(**more), Path("tasks/mail.yaml"))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str | None, dict[str, Any]]:
    """What the hub offers: splits by configuration; and what it was asked stands in ``asked``."""
    given: dict[str | None, dict[str, Any]] = {"asked": {}}

    def load(name: str, config: str | None, **options: Any) -> dict[str, Any]:
        given["asked"] = {"dataset": name, **options}
        return {split: datasets.Dataset.from_dict(**each) for split, each in given[config].items()}

    monkeypatch.setattr(datasets, "load_dataset", load)
    return given


def plain(*texts: str, label: str = "ham", **more: Any) -> dict[str, Any]:
    columns = {"text": list(texts), "label": [label] * len(texts)}
    return {"mapping": columns | {name: [value] * len(texts) for name, value in more.items()}}


def test_several_splits_go_to_one_file_one_after_the_other(offered: dict[Any, Any], tmp_path: Path) -> None:
    offered[None] = {"train": plain("a", "b"), "validation": plain("c"), "test": plain("d")}
    found = parts_of(made(source={"hub": {"dataset": "x/y", "train": "train+validation"}}), None, tmp_path)
    assert [(row["id"], row["text"]) for row in rows(found["train"])] == [
        ("train-000001", "a"), ("train-000002", "b"), ("train-000003", "c"),
    ]  # fmt: skip


def test_validation_and_test_splits_go_to_their_files(offered: dict[Any, Any], tmp_path: Path) -> None:
    offered[None] = {"train": plain("a"), "dev": plain("b"), "test": plain("c")}
    source = {part: f"data/raw/mail/{part}.jsonl.gz" for part in ("test", "validation")}
    hub = {"dataset": "x/y", "train": "train", "test": "test", "validation": "dev"}
    found = parts_of(made(source=source | {"hub": hub}), None, tmp_path)
    assert {part: [row["text"] for row in rows(path)] for part, path in found.items()} == {
        "train": ["a"], "test": ["c"], "validation": ["b"],
    }  # fmt: skip


def test_an_unknown_split_among_several_is_named(offered: dict[Any, Any], tmp_path: Path) -> None:
    offered[None] = {"train": plain("a"), "validation": plain("b")}
    with pytest.raises(StandinError, match=r"'train\+valid', but x/y has no such split: did you mean 'validation'"):
        parts_of(made(source={"hub": {"dataset": "x/y", "train": "train+valid"}}), None, tmp_path)


def test_the_folder_of_a_repository_is_asked_for(offered: dict[Any, Any], tmp_path: Path) -> None:
    offered[None] = {"train": plain("a")}
    hub = {"dataset": "x/y", "train": "train", "data_dir": "default/val", "revision": "refs/convert/parquet"}
    parts_of(made(source={"hub": hub}), None, tmp_path)
    assert offered["asked"] == {"dataset": "x/y", "data_dir": "default/val", "revision": "refs/convert/parquet"}


def test_lists_of_class_numbers_become_names_and_lists_of_words_texts(offered: dict[Any, Any], tmp_path: Path) -> None:
    features = datasets.Features({
        "tokens": datasets.List(datasets.Value("string")),
        "labels": datasets.List(datasets.ClassLabel(names=["ham", "spam"])),
    })  # fmt: skip
    columns = {"tokens": [["see", "you", "!"], ["win"]], "labels": [[0], [1, 0]]}
    offered[None] = {"train": {"mapping": columns, "features": features}}
    hub = {"dataset": "x/y", "train": "train", "rename": {"tokens": "text", "labels": "label"}}
    found = rows(parts_of(made(source={"hub": hub}), None, tmp_path)["train"])
    assert [(row["text"], row["label"]) for row in found] == [("see you !", ["ham"]), ("win", ["spam", "ham"])]


def test_rows_are_kept_by_a_column_and_those_with_a_blank_are_left_out(offered: dict[Any, Any], tmp_path: Path) -> None:
    columns = {"text": ["a", "b", "c"], "label": ["ham"] * 3, "language": ["de", "fr", "de"], "about": [1, 2, None]}
    offered[None] = {"train": {"mapping": columns}}
    hub = {"dataset": "x/y", "train": "train", "where": {"language": "de"}, "filled": ["about"]}
    found = rows(parts_of(made(source={"hub": hub}), None, tmp_path)["train"])
    assert [row["text"] for row in found] == ["a"]


@pytest.mark.parametrize(("key", "value"), [("where", {"langage": "de"}), ("filled", ["langage"])])
def test_a_column_that_chooses_rows_and_is_not_there_is_named(
    offered: dict[Any, Any], tmp_path: Path, key: str, value: object
) -> None:
    offered[None] = {"train": plain("a", language="de")}
    with pytest.raises(StandinError, match=rf"source.hub.{key}: no column 'langage': did you mean 'language'\?"):
        parts_of(made(source={"hub": {"dataset": "x/y", "train": "train", key: value}}), None, tmp_path)


def test_a_column_that_a_data_set_lacks_is_written_as_blanks(offered: dict[Any, Any], tmp_path: Path) -> None:
    offered[None] = {"train": plain("a")}
    hub = {"dataset": "x/y", "train": "train", "lacks": ["agreement"]}
    (row,) = rows(parts_of(made(source={"hub": hub}), None, tmp_path)["train"])
    assert row["agreement"] is None


def test_where_no_test_split_is_published_a_share_of_the_texts_is_held_out_by_their_words(
    offered: dict[Any, Any], tmp_path: Path
) -> None:
    texts = [f"mail number {n}" for n in range(400)]
    source = {"test": "data/raw/mail/test.jsonl.gz", "hub": {"dataset": "x/y", "train": "train", "test_share": 0.25}}
    found = {}
    for order, given in (("there", texts), ("back", [text.upper() for text in reversed(texts)] + texts[:50])):
        (tmp_path / order).mkdir()
        offered[None] = {"train": plain(*given)}
        parts = parts_of(made(source=source), None, tmp_path / order)
        found[order] = {part: {row["text"].casefold() for row in rows(path)} for part, path in parts.items()}
    assert found["there"] == found["back"]
    assert found["there"]["train"] | found["there"]["test"] == set(texts)
    assert not found["there"]["train"] & found["there"]["test"]
    assert 70 < len(found["there"]["test"]) < 130  # a quarter of 400


def test_rows_of_other_questions_are_not_held_out(offered: dict[Any, Any], tmp_path: Path) -> None:
    columns = {"text": [f"mail number {n}" for n in range(200)], "label": ["ham"] * 200, "about": [3, 4] * 100}
    offered[None] = {"train": {"mapping": columns}}
    source = {"test": "data/raw/mail/test.jsonl.gz", "columns": {"question_id": "about"},
              "hub": {"dataset": "x/y", "train": "train", "test_share": 0.5}}  # fmt: skip
    asked = [{"id": "tax", "text": "Should taxes rise?", "value": "3"}]
    found = parts_of(made(source=source, questions=asked), None, tmp_path)
    assert {row["about"] for row in rows(found["test"])} == {3}
    assert sum(row["about"] == 4 for row in rows(found["train"])) == 100
    assert 20 < sum(row["about"] == 3 for row in rows(found["train"])) < 80


def test_the_warm_start_comes_from_other_configurations_with_their_questions(
    offered: dict[Any, Any], tmp_path: Path
) -> None:
    offered |= {
        "tax": {"train": plain("a"), "test": plain("b")},
        "rent": {"train": plain("c"), "test": plain("d")},
        "wages": {"train": plain("e"), "test": plain("f")},
    }
    wordings = {"rent": "Should rents rise?", "wages": "Should wages rise?"}
    source = {
        "warmstart": "data/raw/mail/warmstart.jsonl.gz", "other_questions": wordings, "columns": {"question_id": "about"},
        "hub": {"dataset": "x/y", "config": "tax", "train": "train", "warmstart": {"rent": "rent", "wages": "wages"}},
    }  # fmt: skip
    found = parts_of(made(source=source), None, tmp_path)
    assert [(row["id"], row["text"], row["about"], row["question"]) for row in rows(found["warmstart"])] == [
        ("warmstart-000001", "c", "rent", "Should rents rise?"), ("warmstart-000002", "e", "wages", "Should wages rise?"),
    ]  # fmt: skip
    assert [row["text"] for row in rows(found["train"])] == ["a"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"hub": {"test": "test"}}, r"source.hub.test is 'test', but source.test is null"),
        ({"hub": {"test_share": 0.2}}, r"source.hub.test_share is 0.2, but source.test is null"),
        ({"hub": {"validation": "dev"}}, r"source.hub.validation is 'dev', but source.validation is null"),
        ({"test": "data/raw/mail/test.jsonl.gz"}, r"source.hub does not say where .* write test or test_share there"),
        ({"test": "data/raw/mail/test.csv", "hub": {"test": "test"}}, r"fetched files end in .jsonl.gz"),
    ],
)  # fmt: skip
def test_files_and_splits_that_do_not_fit_are_named(tmp_path: Path, source: dict[str, Any], message: str) -> None:
    hub = {"dataset": "x/y", "train": "train"} | source.pop("hub", {})
    with pytest.raises(StandinError, match=message):
        parts_of(made(source=source | {"hub": hub}), None, tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"hub": {"warmstart": {"rent": "rent"}}}, r"hub.warmstart: source.warmstart is null"),
        ({"warmstart": "data/raw/mail/w.jsonl.gz", "hub": {"warmstart": {"rent": "rent"}}},
         r"other_questions has no wording of 'rent'"),
        ({"hub": {"test": "test", "test_share": 0.2}}, r"test and test_share: write one"),
        ({"local": {"train": ["../../etc/passwd"]}}, r"lies outside the project"),
    ],
)  # fmt: skip
def test_a_source_that_contradicts_itself_is_refused(source: dict[str, Any], message: str) -> None:
    if "hub" in source:
        source = source | {"hub": {"dataset": "x/y", "train": "train"} | source["hub"]}
    with pytest.raises(StandinError, match=message):
        made(source=source)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project beside ``copies``; DVC itself is not run (it takes 2 s)."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / "tasks").mkdir()
    (tmp_path / "copies/mails").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    monkeypatch.chdir(root)
    monkeypatch.setattr(adding, "_version", lambda *_: None)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("the hub was asked"))
    return root


def copied(name: str, *given: tuple[str, str]) -> None:
    lines = [json.dumps({"message": text, "label": label}) + "\n" for text, label in given]
    Path(f"../copies/mails/{name}.jsonl").write_text("".join(lines), encoding="utf-8")


LOCAL = {
    "test": "data/raw/mail/test.jsonl.gz",
    "warmstart": "data/raw/mail/warmstart.jsonl.gz",
    "other_questions": {"rent": "Should rents rise?"},
    "columns": {"question_id": "about"},
    "remove": ["#mail"],
    "local": {
        "train": ["mails/one.jsonl", "mails/two.jsonl"], "test": ["mails/three.jsonl"], "rename": {"message": "text"},
        "warmstart": {"rent": ["mails/four.jsonl"]},
    },
}  # fmt: skip


def test_a_copy_is_added_with_its_warm_start_and_its_remarks(project: Path) -> None:
    asked = [{"id": "tax", "text": "Should taxes rise?"}]
    Path("tasks/mail.yaml").write_text(json.dumps(task(source=LOCAL, questions=asked)), encoding="utf-8")
    copied("one", ("a letter to a friend #mail", "ham"), ("win a car", "spam"))
    copied("two", ("see you at six", "ham"))
    copied("three", ("lunch?", "ham"), ("call now", "spam"))
    copied("four", ("rents are high", "ham"), ("rents are low", "spam"))
    done = CliRunner().invoke(cli.app, ["data", "fetch", "mail", "--from", "../copies"])
    assert done.exit_code == 0, done.output
    assert "data/raw/mail/train.jsonl.gz: 3 texts, labels: ham 2, spam 1" in done.output
    assert "data/raw/mail/warmstart.jsonl.gz: 2 texts" in done.output
    assert [row["text"] for row in rows(Path("data/raw/mail/train.jsonl.gz"))] == [
        "a letter to a friend #mail", "win a car", "see you at six",
    ]  # fmt: skip
    found = fetch("mail", folder=Path("../copies")).parts
    assert [row.text for row in found["train"].rows] == ["a letter to a friend", "win a car", "see you at six"]
    assert {(row.question_id, row.question) for row in found["train"].rows} == {("tax", "Should taxes rise?")}
    assert {(row.question_id, row.question) for row in found["warmstart"].rows} == {("rent", "Should rents rise?")}


RECORDED = {
    "train": ["mails/one.jsonl"],
    "rename": {"message": "text"},
    "recordings": {
        "gpt-4": {"file": "mails/five.jsonl", "rename": {"message": "text", "by": "model", "from": "seeds"}},
        "llama": {"file": "mails/six.jsonl", "rename": {"message": "text"}, "model": "llama-2", "prompt": "Write"},
    },
}


def test_what_an_llm_wrote_for_the_task_comes_with_a_copy_and_says_by_what_and_from_which_texts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "version_file", lambda *_: None)
    values = {"SPAM": "spam", "HAM": "ham"}
    Path("tasks/mail.yaml").write_text(json.dumps(task(source={"local": RECORDED, "values": values})), encoding="utf-8")
    copied("one", ("see you at six", "HAM"), ("win a car", "SPAM"))
    lines = [{"message": "a prize for you", "label": "SPAM", "by": "gpt-4-0613", "from": "t7"},
             {"message": "lunch at one?", "label": "HAM", "by": "gpt-4-0613", "from": None}]  # fmt: skip
    Path("../copies/mails/five.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    copied("six", ("free money", "SPAM"))
    done = CliRunner().invoke(cli.app, ["data", "fetch", "mail", "--from", "../copies"])
    assert done.exit_code == 0, done.output
    found = {path.name: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
             for path in Path("data/recorded/mail").glob("*.jsonl")}  # fmt: skip
    assert found == {
        "gpt-4.jsonl": [
            {"id": "gpt-4-00001", "text": "a prize for you", "label": "spam", "model": "gpt-4-0613", "seeds": ["t7"]},
            {"id": "gpt-4-00002", "text": "lunch at one?", "label": "ham", "model": "gpt-4-0613"},
        ],
        "llama.jsonl": [
            {"id": "llama-00001", "text": "free money", "label": "spam", "model": "llama-2", "prompt": "Write"}
        ],
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"file": "mails/none.jsonl"}, r"mails/none.jsonl: there is no such file; source.local.recordings in tasks/"),
        (
            {"rename": {"massage": "text"}},
            r"recordings.gpt-4.rename in .*: no column 'massage': did you mean 'message'",
        ),
    ],
)
def test_a_recording_that_is_not_as_the_task_says_is_named(
    project: Path, changed: dict[str, Any], message: str
) -> None:
    local = RECORDED | {"recordings": {"gpt-4": {"file": "mails/one.jsonl"} | changed}}
    Path("tasks/mail.yaml").write_text(json.dumps(task(source={"local": local})), encoding="utf-8")
    copied("one", ("a", "ham"), ("b", "spam"))
    with pytest.raises(StandinError, match=message):
        fetch_recordings("mail", Path("../copies"))
    assert not Path("data/recorded").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, r"source.local says nothing about a copy.*standin data add mail PATH"),
        ({"local": {"train": ["mails/none.jsonl"]}}, r"mails/none.jsonl: there is no such file; source.local in tasks/"),
        ({"local": {"train": ["mails/one.jsonl"], "rename": {"text": "x"}}}, r"source.local.rename: no column 'text'"),
    ],
)  # fmt: skip
def test_a_copy_that_is_not_as_the_task_says_is_named(project: Path, source: dict[str, Any], message: str) -> None:
    Path("tasks/mail.yaml").write_text(json.dumps(task(source=source)), encoding="utf-8")
    copied("one", ("a", "ham"))
    with pytest.raises(StandinError, match=message):
        fetch("mail", folder=Path("../copies"))
    assert not Path("data").exists()


def test_a_warm_start_may_be_added_by_hand_and_is_asked_for(project: Path) -> None:
    asked = [{"id": "tax", "text": "Should taxes rise?"}]
    source = {key: value for key, value in LOCAL.items() if key not in ("local", "test")}
    Path("tasks/mail.yaml").write_text(json.dumps(task(source=source, questions=asked)), encoding="utf-8")
    given = {"train": [("a", "ham"), ("b", "spam")], "others": [("c", "ham"), ("d", "spam")]}
    for name, pairs in given.items():
        lines = [{"id": text, "text": text, "label": label, "about": "rent" if name == "others" else "tax",
                  "question": "Should rents rise?"} for text, label in pairs]  # fmt: skip
        Path(f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(StandinError, match=r"source.warmstart is .*: give that file with --warmstart"):
        adding.add("mail", Path("train.jsonl"))
    done = CliRunner().invoke(cli.app, ["data", "add", "mail", "train.jsonl", "--warmstart", "others.jsonl"])
    assert done.exit_code == 0, done.output
    assert [row["text"] for row in rows(Path("data/raw/mail/warmstart.jsonl.gz"))] == ["c", "d"]


def test_a_task_of_one_question_takes_a_file_that_does_not_name_it(project: Path) -> None:
    asked = [{"id": "tax", "text": "Should taxes rise?"}]
    Path("tasks/mail.yaml").write_text(
        json.dumps(task(source={"columns": {"question_id": "about"}}, questions=asked)), encoding="utf-8"
    )
    Path("train.jsonl").write_text(
        "".join(json.dumps({"id": n, "text": n, "label": n}) + "\n" for n in ("ham", "spam")), encoding="utf-8"
    )
    found = adding.add("mail", Path("train.jsonl")).parts["train"].rows
    assert {row.question_id for row in found} == {"tax"}
