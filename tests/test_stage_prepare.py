"""The stage prepare: a task's raw files in, splits and their report out."""

import csv
import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import yaml

from standin.config import Params, Prepare, parse_params
from standin.corpus import Row, read_rows
from standin.errors import StandinError
from standin.sources.splits import normalised
from standin.stages import prepare
from standin.task import Task

PROJECT = Path(__file__).parents[1]
DATASETS = PROJECT.parent / "shared" / "datasets"
SPLITS = ("shots", "validation", "pool", "oracle", "test", "warmstart")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def text(n: int, label: str) -> str:
    """Different texts that are no near-duplicates of each other: eight words of letters drawn by the number."""
    draw = Random(f"{label} {n}")
    return " ".join([label, *("".join(draw.choices(LETTERS, k=6)) for _ in range(8))])


def raw(count: int, **more: object) -> list[dict[str, object]]:
    labels = ("against", "favor")
    return [{"id": f"r{n}", "text": text(n, labels[n % 2]), "label": labels[n % 2], **more} for n in range(count)]


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    """A function that makes a task of two labels, ``mini``; the working directory is a fresh project."""
    monkeypatch.chdir(tmp_path)
    known = yaml.safe_load((PROJECT / "tasks" / "city-topics.yaml").read_text(encoding="utf-8"))
    del known["prompts"]["attributes"]  # they name the first task's labels

    def make(
        questions: list[dict[str, str]] | None = None, columns: dict[str, object] | None = None, **source: object
    ) -> Task:
        labels = [{"name": name, "phrase": name, "description": name} for name in ("against", "favor")]
        paths = {"train": "data/raw/mini/train.jsonl", "test": None, "warmstart": None} | source
        return Task.model_validate(
            known
            | {"name": "mini", "labels": labels, "questions": questions or []}
            | {"source": {"columns": columns or {}, **paths}}
        )

    return make


def params(**sizes: object) -> Params:
    return parse_params(
        {"prepare": {"shots": 6, "validation": 8, "pool": 20, "test": 10, **sizes}, "select": {"budgets": [1]}}
    )


def real(split: str) -> list[Row]:
    return read_rows(Path("data/real") / f"{split}.jsonl", Row)


def test_the_pool_hides_its_labels_and_the_oracle_keeps_them(task: Callable[..., Task]) -> None:
    write(Path("data/raw/mini/train.jsonl"), raw(60, votes=["favor", "against"]))
    metrics = prepare.run(params(), task(columns={"annotations": "votes"}), "")
    assert {split: len(real(split)) for split in SPLITS} == {
        "shots": 6, "validation": 8, "pool": 20, "oracle": 20, "test": 10, "warmstart": 0,
    }  # fmt: skip
    assert all(row.label is None and row.annotations is None for row in real("pool"))
    assert all(row.label and row.annotations == ("favor", "against") for row in real("oracle"))
    assert [row.id for row in real("pool")] == [row.id for row in real("oracle")]
    assert all(row.split == split for split in SPLITS for row in real(split))
    assert metrics["real_texts"] == {"shots": 6, "validation": 8, "pool": 20, "test": 10, "warmstart": 0}
    assert metrics["real_labels"]["pool"] == {"against": 10, "favor": 10}


def test_splits_share_no_text_and_what_was_dropped_is_counted(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    train = raw(50)
    train += [{"id": "again", "text": train[0]["text"].upper(), "label": "against"}]  # type: ignore[attr-defined]
    train += [{"id": "else", "text": f" {train[1]['text']}", "label": "against"}]
    train += [{"id": "blank", "text": " ", "label": "favor"}]
    write(Path("data/raw/mini/train.jsonl"), train)
    write(Path("data/raw/mini/test.jsonl"), [row | {"id": f"t{row['id']}"} for row in raw(52)[40:]])
    metrics = prepare.run(params(), task(test="data/raw/mini/test.jsonl"), "")
    assert metrics["dropped_equal_texts"] == 1
    assert metrics["dropped_contradicting_texts"] == 2
    assert metrics["dropped_texts_of_test"] == 10
    assert metrics["dropped_empty_texts"] == 1
    texts = {split: {normalised(row.text) for row in real(split)} for split in ("shots", "validation", "pool", "test")}
    assert len(set().union(*texts.values())) == sum(len(found) for found in texts.values()) == 44
    assert {row.id[0] for row in real("test")} == {"t"}
    assert "1 equal texts, 2 contradicting texts, 10 texts of test, 1 empty texts" in capsys.readouterr().out


def without_last_word(row: dict[str, object]) -> str:
    return str(row["text"]).rsplit(" ", 1)[0]


def left_out() -> list[dict[str, str]]:
    with Path("reports/prepare/near_duplicates.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_text_nearly_equal_to_a_test_or_validation_text_stands_in_no_other_split_and_the_sizes_hold(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    train = raw(100)
    train += [row | {"id": f"near-{row['id']}", "text": without_last_word(row)} for row in train]
    write(Path("data/raw/mini/train.jsonl"), train)
    metrics = prepare.run(params(pool=60), task(), "")
    assert {split: len(real(split)) for split in ("shots", "validation", "pool", "test")} == {
        "shots": 6, "validation": 8, "pool": 60, "test": 10,
    }  # fmt: skip
    for held_out, others in (("test", ("shots", "validation", "pool")), ("validation", ("shots", "pool"))):
        of = {row.id.removeprefix("near-") for row in real(held_out)}
        assert not of & {row.id.removeprefix("near-") for split in others for row in real(split)}
    gone = left_out()
    assert {(row["split"], row["id"].removeprefix("near-")) for row in gone} <= {
        (split, row.id.removeprefix("near-")) for split in ("test", "validation") for row in real(split)
    }
    assert all(0.7 <= float(row["jaccard"]) < 1 for row in gone)
    counts = [metrics[f"dropped_near_duplicates_of_{split}"] for split in ("test", "validation")]
    assert counts == [sum(row["split"] == split for row in gone) for split in ("test", "validation")]
    # A text and its copy may both be drawn for test: what is one split's own repetition is no leak.
    assert counts[0] == 10 - 2 * sum(row.id.startswith("near-") and row.id[5:] in {r.id for r in real("test")} for row in real("test"))  # fmt: skip
    assert f"{counts[0]} near duplicates of test, {counts[1]} near duplicates of validation" in capsys.readouterr().out


def test_a_pool_as_large_as_possible_says_how_many_texts_are_like_the_test(task: Callable[..., Task]) -> None:
    train = raw(40)
    test = [row | {"id": f"t{row['id']}", "text": without_last_word(row)} for row in train[:10]]
    write(Path("data/raw/mini/train.jsonl"), train)
    write(Path("data/raw/mini/test.jsonl"), test)
    mini = task(test="data/raw/mini/test.jsonl")
    assert prepare.run(params(pool=16), mini, "")["real_texts"]["pool"] == 16
    with pytest.raises(
        StandinError,
        match=r"prepare\.pool asks for 17 texts, but 16 are there: .* holds 40 usable texts; validation 8, shots 6 go "
        r"first; near-duplicates left out: 10 of test\. Lower",
    ):
        prepare.run(params(pool=17), mini, "")


def test_warm_start_texts_nearly_equal_to_held_out_ones_and_contradictions_are_left_out_and_counted(
    task: Callable[..., Task],
) -> None:
    asked = [{"id": "cars", "text": "Should cars stay out?"}]
    train, more = raw(44, q="cars"), raw(60)[50:]
    others = [row | {"id": f"w{row['id']}", "q": "dogs", "text": without_last_word(row)} for row in train]
    others += [{"id": f"m{row['id']}", "text": row["text"], "q": "dogs", "label": row["label"]} for row in more]
    others += [{"id": "twice", "text": more[0]["text"], "q": "dogs", "label": "favor"}]  # r50 is against
    write(Path("data/raw/mini/train.jsonl"), train)
    write(Path("data/raw/mini/others.jsonl"), others)
    mini = task(questions=asked, columns={"question_id": "q"}, warmstart="data/raw/mini/others.jsonl")
    metrics = prepare.run(params(), mini, "")
    held_out = {f"w{row.id}" for split in ("test", "validation") for row in real(split)}
    assert {row.id for row in real("warmstart")} == {row["id"] for row in others[:54]} - held_out - {"mr50"}
    assert metrics["dropped_near_duplicates_in_warmstart"] == len(held_out) == 18
    assert metrics["dropped_contradicting_warmstart_texts"] == 2


def test_a_published_test_file_stays_whole_and_its_contradictions_are_counted(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    test = [row | {"id": f"t{row['id']}"} for row in raw(60)[50:]]
    test += [test[0] | {"id": "again", "label": "favor"}]  # r50 is against
    write(Path("data/raw/mini/train.jsonl"), raw(40))
    write(Path("data/raw/mini/test.jsonl"), test)
    metrics = prepare.run(params(test=11), task(test="data/raw/mini/test.jsonl"), "")
    assert {row.id for row in real("test")} == {str(row["id"]) for row in test}
    assert metrics["contradicting_texts_in_test"] == 1
    assert "1 texts of test stand with different labels, as published" in capsys.readouterr().out


VALIDATION = "data/raw/mini/validation.jsonl"


def test_validation_texts_come_from_a_file_of_their_own_and_no_others_are_like_them(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows 0 to 49 are train's; 40 to 59 validation's, of which 45 to 49 are shortened there; 58, 59 are test's too."""
    write(Path("data/raw/mini/train.jsonl"), raw(50))
    own = [row | {"id": f"v{row['id']}"} for row in raw(60)[40:]]
    for row in own[5:10]:
        row["text"] = without_last_word(row)
    own += [own[0] | {"id": "again"}, own[1] | {"id": "other", "label": "against"}]  # r41 is favor: both go
    write(Path(VALIDATION), own)
    test = [row | {"id": f"t{row['id']}"} for row in raw(70)[58:]]
    test[1]["text"] = without_last_word(test[1])
    write(Path("data/raw/mini/test.jsonl"), test)
    metrics = prepare.run(params(), task(test="data/raw/mini/test.jsonl", validation=VALIDATION), "")
    assert {split: len(real(split)) for split in ("shots", "validation", "pool", "test")} == {
        "shots": 6, "validation": 8, "pool": 20, "test": 10,
    }  # fmt: skip
    assert {row.id[0] for row in real("validation")} == {"v"}
    assert {row.label for row in real("validation")} == {"against", "favor"}
    assert not {row.id for row in real("validation")} & {"vr41", "other", "vr58", "vr59"}
    rest = {row.id for split in ("shots", "pool") for row in real(split)}
    assert rest <= {f"r{number}" for number in range(40)} | {"r41"}, "r41 contradicts itself there, so it is no more"
    assert metrics["dropped_texts_of_validation"] == 4, "r40, r42, r43, r44"
    assert metrics["dropped_equal_validation_texts"] == 2, "again, vr58"
    assert metrics["dropped_contradicting_validation_texts"] == 2
    assert metrics["dropped_near_duplicates_of_test"] == 1, "vr59"
    assert metrics["dropped_near_duplicates_of_validation"] == 5, "r45 to r49"
    assert "4 texts of validation, 2 equal validation texts" in capsys.readouterr().out


def test_where_no_test_file_is_validation_s_own_texts_like_a_drawn_test_text_go(task: Callable[..., Task]) -> None:
    write(Path("data/raw/mini/train.jsonl"), raw(60))
    own = [row | {"id": f"v{row['id']}", "text": without_last_word(row)} for row in raw(60)]
    write(Path(VALIDATION), own)
    with pytest.raises(StandinError, match=r"prepare.shots asks for 6 .*but 0 are there.*50 of validation"):
        prepare.run(params(), task(validation=VALIDATION), "")
    write(Path(VALIDATION), own[:20])
    prepare.run(params(), task(validation=VALIDATION), "")
    of = {split: {row.id.removeprefix("v") for row in real(split)} for split in ("shots", "validation", "pool", "test")}
    assert len(of["validation"]) == 8
    assert len(set().union(*of.values())) == sum(map(len, of.values()))


def test_a_labelled_validation_file_joins_unlabelled_texts(task: Callable[..., Task]) -> None:
    unlabelled = [{"id": row["id"], "text": row["text"]} for row in raw(30)]
    write(Path("data/raw/mini/train.jsonl"), unlabelled)
    write(Path(VALIDATION), [row | {"id": f"v{row['id']}"} for row in raw(50)[28:]])
    metrics = prepare.run(params(), task(validation=VALIDATION), "")
    assert {split: len(real(split)) for split in SPLITS} == dict.fromkeys(SPLITS, 0) | {"validation": 8, "pool": 28}
    assert metrics["real_labels"]["validation"] == {"against": 4, "favor": 4}
    with pytest.raises(
        StandinError,
        match=r"asks for 23 texts, but the validation file holds 22 .* Set prepare.validation to 22 or less",
    ):
        prepare.run(params(validation=23), task(validation=VALIDATION), "")


def test_questions_have_validation_texts_of_their_own_from_the_file(task: Callable[..., Task]) -> None:
    asked = [{"id": "cars", "text": "Should cars stay out?"}, {"id": "rent", "text": "Should rents be capped?"}]
    rows = [
        {"id": f"{q}{row['id']}", "text": f"{q}: {text(n, q)}", "label": row["label"], "q": q}
        for q in ("cars", "rent")
        for n, row in enumerate(raw(60))
    ]
    write(Path("data/raw/mini/train.jsonl"), [row for row in rows if int(str(row["id"])[5:]) < 45])
    own = [row | {"id": f"v{row['id']}"} for row in rows if int(str(row["id"])[5:]) >= 45]
    write(Path(VALIDATION), own)
    prepare.run(params(), task(questions=asked, columns={"question_id": "q"}, validation=VALIDATION), "")
    assert Counter(row.question_id for row in real("validation")) == {"cars": 8, "rent": 8}
    assert {row.id[0] for row in real("validation")} == {"v"}
    write(Path(VALIDATION), [row for row in own if row["q"] == "cars"])
    with pytest.raises(
        StandinError,
        match=r"validation file holds no labelled text for .*'rent'. Set source.validation to .* then the validation texts",
    ):
        prepare.run(params(), task(questions=asked, columns={"question_id": "q"}, validation=VALIDATION), "")


def test_what_a_validation_file_holds_beyond_the_texts_drawn_of_it_is_kept_from_the_warm_start_and_counted(
    task: Callable[..., Task],
) -> None:
    """Of its 30 texts on cars 8 are drawn; the warm start has half of all 30 as they are and half shortened."""
    own = [row | {"id": f"v{row['id']}"} for row in raw(80, q="cars")[50:]]
    others = [row | {"id": f"w{row['id']}", "q": "dogs"} for row in own]
    for row in others[15:]:
        row["text"] = without_last_word(row)
    others += [row | {"id": f"w{row['id']}"} for row in raw(90, q="dogs")[85:]]
    write(Path("data/raw/mini/train.jsonl"), raw(44, q="cars"))
    write(Path("data/raw/mini/others.jsonl"), others)
    further = [{"id": "else", "text": "Of another question", "label": "favor", "q": "dogs"}]
    further += [{"id": "blank", "text": " ", "label": "favor", "q": "cars"}]
    write(Path(VALIDATION), [*own, *further])
    mini = task(
        questions=[{"id": "cars", "text": "Should cars stay out?"}],
        columns={"question_id": "q"},
        warmstart="data/raw/mini/others.jsonl",
        validation=VALIDATION,
    )
    metrics = prepare.run(params(), mini, "")
    assert (metrics["dropped_equal_warmstart_texts"], metrics["dropped_near_duplicates_in_warmstart"]) == (15, 15)
    assert {row.id for row in real("warmstart")} == {f"wr{n}" for n in range(85, 90)}
    assert (metrics["dropped_other_questions"], metrics["dropped_empty_texts"]) == (1, 1)
    write(Path(VALIDATION), [*own, own[0] | {"id": "r0"}])
    with pytest.raises(StandinError, match=r"id 'r0' stands in more than one of the task's files \(1 such"):
        prepare.run(params(), mini, "")


def test_questions_have_their_own_splits_and_a_warm_start_of_the_others(task: Callable[..., Task]) -> None:
    asked = [{"id": "cars", "text": "Should cars stay out?"}, {"id": "rent", "text": "Should rents be capped?"}]
    train = [
        {"id": f"{q}{row['id']}", "text": f"{q}: {text(n, q)}", "label": row["label"], "q": q}
        for q in ("cars", "rent", "dogs")
        for n, row in enumerate(raw(50))
    ]
    write(Path("data/raw/mini/train.jsonl"), train)
    write(Path("data/raw/mini/others.jsonl"), [row | {"id": f"w{row['id']}"} for row in train])
    mini = task(questions=asked, columns={"question_id": "q"}, warmstart="data/raw/mini/others.jsonl")
    metrics = prepare.run(params(), mini, "")
    assert metrics["real_texts"] == {"shots": 12, "validation": 16, "pool": 40, "test": 20, "warmstart": 50}
    assert metrics["dropped_other_questions"] == 50
    assert {(row.question_id, row.question) for row in real("test")} == {(q["id"], q["text"]) for q in asked}
    assert {row.question_id for row in real("warmstart")} == {"dogs"}
    assert all(row.label for row in real("warmstart"))


def test_a_warm_start_text_that_stands_in_a_split_is_left_out(task: Callable[..., Task]) -> None:
    asked = [{"id": "cars", "text": "Should cars stay out?"}]
    write(Path("data/raw/mini/train.jsonl"), raw(44, q="cars"))
    write(Path("data/raw/mini/others.jsonl"), [row | {"id": f"w{row['id']}", "q": "dogs"} for row in raw(46)])
    mini = task(questions=asked, columns={"question_id": "q"}, warmstart="data/raw/mini/others.jsonl")
    assert prepare.run(params(), mini, "")["real_texts"]["warmstart"] == 2


def test_unlabelled_texts_are_the_pool_all_of_them_beside_empty_files(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("data/raw/mini/train.jsonl"), [{"id": row["id"], "text": row["text"]} for row in raw(30)])
    prepare.run(params(), task(columns={"label": None}), "")
    assert {split: len(real(split)) for split in SPLITS} == dict.fromkeys(SPLITS, 0) | {"pool": 30}
    said = capsys.readouterr().out
    assert "the pool has no labels" in said
    assert "further texts" not in said


def test_texts_that_the_sizes_leave_over_are_counted(
    task: Callable[..., Task], capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("data/raw/mini/train.jsonl"), raw(60))
    prepare.run(params(), task(), "")
    assert "; 16 further texts stand in no split, by the sizes in params.yaml (prepare)" in capsys.readouterr().out


def test_a_labelled_test_file_joins_later_and_the_pool_stays(task: Callable[..., Task]) -> None:
    write(Path("data/raw/mini/train.jsonl"), [{"id": row["id"], "text": row["text"]} for row in raw(30)])
    prepare.run(params(), task(columns={"label": None}), "")
    before = real("pool")
    write(Path("data/raw/mini/test.jsonl"), [row | {"id": f"t{row['id']}"} for row in raw(60)[30:]])
    prepare.run(params(), task(columns={}, test="data/raw/mini/test.jsonl"), "")
    assert real("pool") == before
    assert len(real("test")) == 10
    assert {row.label for row in real("test")} == {"against", "favor"}
    with pytest.raises(StandinError, match="there is no label column 'label'"):
        prepare.run(params(), task(columns={}), "")


def test_equal_inputs_give_equal_bytes_and_another_seed_another_draw(task: Callable[..., Task]) -> None:
    write(Path("data/raw/mini/train.jsonl"), raw(60))

    def files(seed: int) -> dict[str, bytes]:
        prepare.run(params().model_copy(update={"base": params().base.model_copy(update={"seed": seed})}), task(), "")
        return {path.name: path.read_bytes() for path in Path("data/real").iterdir()}

    first = files(1)
    assert files(1) == first
    assert files(2)["pool.jsonl"] != first["pool.jsonl"]


def test_a_file_outside_the_task_folder_is_refused(task: Callable[..., Task]) -> None:
    for path in ("data/raw/other/train.jsonl", "data/raw/mini/../other/train.jsonl", "train.jsonl"):
        with pytest.raises(StandinError, match=r"tasks/mini\.yaml: source\.train .* must lie in data/raw/mini/"):
            prepare.run(params(), task(train=path), "")


def test_an_id_in_two_files_is_refused(task: Callable[..., Task]) -> None:
    write(Path("data/raw/mini/train.jsonl"), raw(60))
    write(Path("data/raw/mini/test.jsonl"), raw(10))
    with pytest.raises(
        StandinError, match=r"id 'r0' stands in more than one .*10 such ids.*source\.columns\.id to null"
    ):
        prepare.run(params(), task(test="data/raw/mini/test.jsonl"), "")


def test_a_question_that_no_row_answers_is_named(task: Callable[..., Task]) -> None:
    write(Path("data/raw/mini/train.jsonl"), raw(60, q="cars"))
    asked = [{"id": "cars", "text": "Should cars stay out?"}, {"id": "rent", "text": "Should rents be capped?"}]
    with pytest.raises(StandinError, match=r"no row answers question 'rent'. Column 'q'"):
        prepare.run(params(), task(questions=asked, columns={"question_id": "q"}), "")


def test_prepare_needs_neither_torch_nor_pandas() -> None:
    code = "import sys, standin.stages.prepare; print(sorted({'torch', 'pandas', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def sms_spam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the published files, in a project of its own."""
    published = DATASETS / "sms_spam"
    if not published.exists():
        pytest.skip("the published SMS Spam Collection is not beside this checkout")
    monkeypatch.chdir(tmp_path)
    folder = Path("data/raw/sms-spam")
    folder.mkdir(parents=True)
    for name in ("train.jsonl.gz", "test.jsonl.gz"):
        (folder / name).write_bytes((published / name).read_bytes())
    return folder


def test_the_sms_spam_task_reads_the_published_files(sms_spam: Path) -> None:
    from standin.task import load_task

    sizes = Prepare(shots=64, validation=48, pool=240, test=1116).model_dump()
    metrics = prepare.run(params(**sizes), load_task("sms-spam", PROJECT), "")
    with gzip.open(sms_spam / "test.jsonl.gz", "rt", encoding="utf-8") as file:
        assert sorted(row.text for row in real("test")) == sorted(json.loads(line)["text"] for line in file)
    assert metrics["real_labels"]["test"] == {"ham": 966, "spam": 150}
    assert metrics["real_labels"]["shots"] == {"ham": 32, "spam": 32}
    assert metrics["dropped_equal_texts"] == 4458 - 4125


@pytest.mark.usefixtures("sms_spam")
def test_a_large_pool_of_sms_spam_holds_no_near_copy_of_a_test_message() -> None:
    """Uncleaned, 20 of the 134 spam messages of the test split had a near copy in the pool of 2,000."""
    from standin.curation.duplicates import lexical_pairs
    from standin.task import load_task

    sizes = Prepare(shots=64, validation=48, pool=2000, test=1000).model_dump()
    metrics = prepare.run(params(**sizes), load_task("sms-spam", PROJECT), "")
    assert metrics["real_texts"] == {"shots": 64, "validation": 48, "pool": 2000, "test": 1000, "warmstart": 0}
    for split in ("shots", "validation", "pool"):
        assert not lexical_pairs([row.text for row in real(split)], [row.text for row in real("test")], 0.7)
    assert metrics["dropped_near_duplicates_of_test"] > 20
