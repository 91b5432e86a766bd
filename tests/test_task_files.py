"""The task files of both papers' studies: whole, in our own words, and true to the published data where it is at hand.

The data sets are other people's and lie beside the project; they are read here without the product's reader.
"""

import gzip
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from standin.config import parse_params
from standin.corpus import Row, read_rows, write_rows
from standin.generation.prompts import DIVERSITY, OPENING, turn
from standin.sources import recording
from standin.sources.checking import check_tasks, file_faults
from standin.sources.fetching import fetch_recordings, parts_of
from standin.sources.files import RawRows, read_raw, reading_of
from standin.stages import prepare
from standin.stages.generate import planned
from standin.studies.study import load_study
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
DATA, PAPER = SHARED / "datasets", SHARED / "papers/text-classification.md"
ALL = sorted(path.stem for path in (ROOT / "tasks").glob("*.yaml"))
LI = ["ag-news", "relation", "imdb", "sms-spam", "reddit-emotion", "tweet-irony", "tweet-emotion", "sarcasm-news",
      "financial-phrasebank", "humor-speech"]  # fmt: skip
"""In the order of the paper's table."""
TARGETS = ("abortion", "atheism", "climate", "feminist")
STANCE = [f"stance-{target}" for target in (*TARGETS, "hillary")]
STUDIES = [*LI, *STANCE, "x-stance"]
COPIED = [name for name in STUDIES if name != "stance-hillary"]
RECORDED = {"isarcasm": ["simple", "grounded", "taxonomy"], "hyperbole": ["gpt-4", "llama-2-70b"]}
"""Tasks that have recorded texts of strong LLMs; no data set of the hub is known for them."""


def task_of(name: str) -> Task:
    return load_task(name, ROOT)


def needs(name: str) -> None:
    """Skip where the published files of a task are not beside the project."""
    local = task_of(name).source.local
    assert local
    if not (DATA / local.train[0]).exists():
        pytest.skip(f"../shared/datasets/{local.train[0]} is not there")


@cache
def given(file: str) -> tuple[dict[str, Any], ...]:
    with gzip.open(DATA / file, "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


def loaded(name: str, folder: Path) -> dict[str, RawRows]:
    """The parts of a task as the product reads them from the copy."""
    task = task_of(name)
    files = parts_of(task, DATA, folder)
    if task.source.warmstart == task.source.train:
        files["warmstart"] = files["train"]
    return {part: read_raw(path, reading_of(task, part == "warmstart"), part) for part, path in files.items()}


@pytest.mark.parametrize("name", ALL)
def test_a_task_file_is_whole_and_its_prompts_are_in_order(name: str) -> None:
    assert file_faults(task_of(name)) == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_task_of_a_study_says_where_its_data_is_what_may_be_done_with_it_and_whom_to_cite(name: str) -> None:
    source = task_of(name).source
    assert all((source.hub, source.local, source.licence))
    assert re.search(r"\(\d{4}\)", source.citation or "")
    said = (ROOT / f"tasks/{name}.yaml").read_text("utf-8").partition("\nname:")[0]
    assert "Layout on the hub" in said
    assert "it was not loaded from there when" in " ".join(said.replace("# ", "").split()) or "not verified" in said


@pytest.mark.parametrize("name", ["relation", "reddit-emotion", "stance-abortion", "x-stance"])
def test_what_of_a_task_is_our_choice_is_marked_so(name: str) -> None:
    said = (ROOT / f"tasks/{name}.yaml").read_text("utf-8").partition("\nname:")[0]
    assert re.search(r"\bours\b", said)


@pytest.mark.parametrize("name", [*STUDIES, *RECORDED])
@pytest.mark.parametrize("shots", [0, 2])
def test_prompts_of_every_label_are_put_together_zero_shot_few_shot_and_diverse(name: str, shots: int) -> None:
    task = task_of(name)
    examples = [Row(id=f"r{n}", text=f"real text {n}") for n in range(shots)]
    for question in task.questions or [None]:
        wording = question and (question.prompt or question.text)
        for label in task.labels:
            opening = turn(task.prompts, OPENING, label, wording, examples)
            diverse = turn(task.prompts, DIVERSITY, label, wording, [])
            for said in (opening, diverse):
                assert not re.search(r"[{}]", said)
                assert label.phrase in said
            assert opening.startswith(task.prompts.context.format(question=wording).strip())
            assert [f"- real text {n}" in opening for n in range(2)] == [n < shots for n in range(2)]
            assert ("imitate the examples" in opening) == bool(shots)
            assert "more diverse" in diverse


@pytest.mark.parametrize("name", [*COPIED, *RECORDED])
def test_labels_are_exactly_those_of_the_published_data(name: str) -> None:
    needs(name)
    source, wanted = task_of(name).source, set(task_of(name).label_names)
    assert source.local
    for file in (*source.local.train, *source.local.test, *source.local.validation):
        found = {source.values.get(str(row["label"]), str(row["label"])) for row in given(file)} - {""}
        if source.other_labels == "leave_out":
            found &= wanted
        assert found == wanted, file


def test_a_relation_has_the_same_label_by_its_number_and_by_its_name() -> None:
    needs("relation")
    values = task_of("relation").source.values
    known = {(row["label_id"], row["label"]) for row in given("fewrel/test.jsonl.gz")}
    assert len(known) == 16
    assert len({values[number] for number, _ in known if number in values}) == len(values) / 2 == 4
    assert all(values.get(number) == values.get(name) for number, name in known)


@pytest.mark.parametrize("name", [name for name in (*COPIED, *RECORDED) if name != "x-stance"])
def test_every_text_of_the_published_files_is_read_with_its_label(name: str, tmp_path: Path) -> None:
    needs(name)
    task = task_of(name)
    assert task.source.local
    for part, found in loaded(name, tmp_path).items():
        if part == "warmstart":
            continue
        rows = [row for file in getattr(task.source.local, part) for row in given(file)]
        labels = Counter(task.source.values.get(row["label"], row["label"]) for row in rows)
        assert Counter(row.label for row in found.rows) == {name: labels[name] for name in task.label_names}
        assert found.empty_texts == 0
        by_id = {row["id"]: row["text"] for row in rows}
        assert all(row.text == " ".join(by_id[row.id].replace("#SemST", "").split()) or row.text == by_id[row.id]
                   for row in found.rows)  # fmt: skip


def test_the_annotators_agreement_of_financial_news_is_read_where_a_copy_has_it(tmp_path: Path) -> None:
    needs("financial-phrasebank")
    found = loaded("financial-phrasebank", tmp_path)["test"].rows
    assert Counter(row.agreement for row in found) == Counter(
        row["agreement"] for row in given("financial_phrasebank/test.jsonl.gz")
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_targets_warm_start_leaves_the_target_out(target: str, tmp_path: Path) -> None:
    name = f"stance-{target}"
    needs(name)
    found = loaded(name, tmp_path)
    others = [each for each in TARGETS if each != target]
    assert {row.question_id for row in found["warmstart"].rows} == set(others)
    sided = {
        each: sum(row["label"] != "none" for part in ("train", "validation")
                  for row in given(f"tweeteval_stance_{each}/{part}.jsonl.gz"))
        for each in others
    }  # fmt: skip
    assert Counter(row.question_id for row in found["warmstart"].rows) == sided
    assert {row.question_id for part in ("train", "test") for row in found[part].rows} == {target}
    assert all(row.question == task_of(f"stance-{row.question_id}").questions[0].text
               for row in found["warmstart"].rows)  # fmt: skip
    texts = {part: [row.text for row in raw.rows] for part, raw in found.items()}
    assert not any("#SemST" in text for part in texts.values() for text in part)
    assert not set(texts["train"]) & set(texts["warmstart"])


def test_x_stance_is_german_by_question_with_the_same_test_texts_for_every_seed(tmp_path: Path) -> None:
    needs("x-stance")
    found, task = loaded("x-stance", tmp_path), task_of("x-stance")
    rows = [row for part in ("train", "validation") for row in given(f"xstance/{part}.jsonl.gz")]
    german = [row for row in rows if row["language"] == "de" and row.get("question_id")]
    asked = {question.value: question.id for question in task.questions}
    own = Counter(asked[str(row["question_id"])] for row in german if str(row["question_id"]) in asked)
    assert len(own) == 10
    assert Counter(row.question_id for part in ("train", "test") for row in found[part].rows) == own
    assert len(found["warmstart"].rows) == len(german) - own.total()  # all rows of other questions, none of ours
    assert not {row.question_id for row in found["warmstart"].rows} & {*asked, *asked.values()}
    for question, count in own.items():
        held_out = sum(row.question_id == question for row in found["test"].rows)
        assert 0.3 < held_out / count < 0.5  # two of five
    again = loaded("x-stance", tmp_path)["test"].rows
    assert again == found["test"].rows
    equal = {row.text for row in found["train"].rows} & {row.text for row in found["test"].rows}
    assert not equal, "equal texts stand on one side"


def test_the_prompts_of_x_stance_are_english_and_its_rows_keep_the_german_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(Path("data/real/shots.jsonl"), [])
    task = task_of("x-stance")
    assert (task.language, task.prompts.language) == ("de", "en")
    plan, say = planned(parse_params({"generator": {"texts": 1}}), task)
    assert len(plan) == 20
    for row, question in zip(plan[::2], task.questions, strict=True):
        assert row.question == question.text  # what the classifier reads beside the comment
        assert str(question.prompt) in say(row)
        assert question.text not in say(row)


def test_x_stance_has_its_splits_drawn_question_by_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("x-stance")
    monkeypatch.chdir(tmp_path)
    task = task_of("x-stance")
    folder = Path("data/raw/x-stance")
    folder.mkdir(parents=True)
    parts_of(task, DATA, folder)
    sizes = {"shots": 16, "validation": 20, "pool": 60, "test": 70}
    metrics = prepare.run(parse_params({"prepare": sizes, "select": {"budgets": [20]}}), task, "")
    assert {part: metrics["real_texts"][part] for part in sizes} == {part: 10 * size for part, size in sizes.items()}
    warm = read_rows(Path("data/real/warmstart.jsonl"), Row)
    assert len(warm) == metrics["real_texts"]["warmstart"] > 4000
    assert not {row.question_id for row in warm} & {question.value for question in task.questions}


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_text_comes_with_its_label_its_model_and_the_text_it_was_made_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(name)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks")
    for step in ("check_repository", "version_file"):
        monkeypatch.setattr(recording, step, lambda *_: None)
    monkeypatch.setattr(recording, "_findings", lambda *_: ([], ()))
    source = task_of(name).source
    assert source.local
    assert source.citation
    assert list(source.local.recordings) == RECORDED[name]
    for found, given_of in zip(fetch_recordings(name, DATA), source.local.recordings.values(), strict=True):
        lines = given(given_of.file)
        assert [row["text"] for row in found.rows] == [line["text"] for line in lines]
        assert [row["label"] for row in found.rows] == [
            source.values.get(line["label"], line["label"]) for line in lines
        ]
        assert [row["model"] for row in found.rows] == [line["generator"] for line in lines]
        assert [row.get("seeds") for row in found.rows] == [
            [line["seed_id"]] if "seed_id" in line else None for line in lines
        ]


@pytest.mark.parametrize("name", RECORDED)
def test_a_study_reads_the_recordings_that_its_task_names(name: str) -> None:
    local = task_of(name).source.local
    assert local
    files = [f"data/recorded/{name}/{called}.jsonl" for called in local.recordings]
    assert load_study(name, ROOT).grid["generator.model"] == files


def test_all_tasks_are_checked_from_the_copies_in_a_folder() -> None:
    needs("ag-news")
    names = ["tweet-emotion", "stance-climate", "sms-spam"]
    found = list(check_tasks(names, DATA, ROOT))
    assert [each.lines[0].partition(" train")[0] for each in found] == [f"{name}: good: {DATA}:" for name in names]


def tables() -> dict[str, list[list[float]]]:
    """The rows of both tables of results, BERT and RoBERTa: stars, then the six scores in percent."""
    found = {}
    for classifier in ("BERT", "RoBERTa"):
        block = PAPER.read_text("utf-8").partition(f"\n{classifier}\n\n")[2].partition("\n\n")[0]
        rows = [line.strip("|").split("|") for line in block.splitlines()[2:]]
        found[classifier.lower()] = [[float(cell.split()[0]) for cell in row[1:]] for row in rows]
    return found


def test_published_numbers_are_those_of_the_papers_tables_and_marked_as_recalled() -> None:
    if not PAPER.exists():
        pytest.skip("../shared/papers is not there")
    for classifier, rows in tables().items():
        assert len(rows) == len(LI)
        for name, (stars, *scores) in zip(LI, rows, strict=True):
            published = task_of(name).published["li2023"]
            settings = published.scores[classifier]
            shown = [value for each in ("real", "zero_shot", "few_shot")
                     for value in (settings[each].macro_f1, settings[each].accuracy)]  # fmt: skip
            assert shown == [pytest.approx(score / 100, abs=1e-9) for score in scores], (name, classifier)
            assert (published.mark, published.subjectivity_stars) == ("recalled", stars)
    block = PAPER.read_text("utf-8").partition("| mean a_i |")[2].splitlines()
    pairs = re.findall(r"([\d.]+) \(([\d.]+)\)", block[0])
    alphas = [float(cell) for cell in block[1].strip("|").split("|")[1:]]
    order = ["ag-news", "relation", "imdb", "sms-spam", "reddit-emotion", "humor-speech", "tweet-irony",
             "sarcasm-news", "tweet-emotion", "financial-phrasebank"]  # fmt: skip
    for name, (agreement, number), alpha in zip(order, pairs, alphas, strict=True):
        published = task_of(name).published["li2023"]
        found = (published.mean_agreement, published.annotations_per_text, published.krippendorff_alpha)
        assert found == (float(agreement), float(number), alpha)


def published_texts() -> Iterator[str]:
    for file in sorted(DATA.glob("*/*.jsonl.gz")):
        if file.name == "questions.jsonl.gz":
            yield from (row[code] for row in given(str(file.relative_to(DATA))) for code in ("de", "fr", "it", "en"))
        else:
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                yield from (json.loads(line)["text"] for number, line in enumerate(lines) if number % 40 == 0)


def test_no_text_of_the_published_data_stands_in_a_task_file() -> None:
    needs("ag-news")
    said = " ".join(" ".join((ROOT / f"tasks/{name}.yaml").read_text("utf-8").casefold().split()) for name in ALL)
    texts = {" ".join(text.casefold().split()) for text in published_texts()}
    assert len(texts) > 5000
    assert not [text for text in texts if len(text) > 24 and text in said]
