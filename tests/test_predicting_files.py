"""What ``standin predict`` and ``opinions`` read and write, and which classifier reads which text."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_classifier import BUS, CODES, CPU, LABELS, PARK, TEXTS, chosen, started
from tiny_encoder import write_tiny_encoder

from standin.classifier.encoders import Classifier, save
from standin.classifier.inputs import inputs_of
from standin.classifier.training import fine_tune
from standin.corpus import Row, read_json, write_json
from standin.errors import StandinError
from standin.predicting.classifiers import Reader, readers
from standin.predicting.files import own, target_of, texts_of, write_rows_with, written_before
from standin.predicting.reading import known_errors, planned, read
from standin.sources.opening import Options, open_file
from standin.sources.tables import Table

QUESTIONS = {"road": "close the road", "rent": "is the rent dear"}


def nothing(_: int) -> None:
    pass


def said_of(
    found: dict[str | None, Reader],
    texts: list[str],
    asked: Sequence[str | None],
    done: Callable[[int], None] = nothing,
) -> np.ndarray:
    return read(planned(found, texts, asked), (len(texts), len(LABELS)), CPU, done)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Classifier]:
    encoder = write_tiny_encoder(tmp_path_factory.mktemp("encoder"))
    start = started(encoder, steps=60)
    asked = [words for words in QUESTIONS.values() for _ in TEXTS]
    inputs = inputs_of(start, TEXTS * 2, asked)
    return encoder, fine_tune(start, inputs, np.concatenate([CODES, CODES]), 1, nothing).classifier


@pytest.fixture
def models(tmp_path: Path, classifier: tuple[Path, Classifier], monkeypatch: pytest.MonkeyPatch) -> Path:
    """One classifier, kept for two questions."""
    monkeypatch.chdir(tmp_path)
    for question in QUESTIONS:
        noted = {"arm": "real", "seed": 1, "budget": None, "question_id": question}
        save(classifier[1], Path("models/real", question), chosen(classifier[0]), noted, "card")
    return Path("models/real")


def turned(folder: Path) -> None:
    """Turn the head of a saved classifier round: it then says the opposite."""
    from safetensors.torch import load_file, save_file

    head = folder / "2_Dense/model.safetensors"
    save_file({name: value.flip(0).contiguous() for name, value in load_file(head).items()}, head)


def relabelled(folder: Path, labels: Sequence[str]) -> None:
    config = read_json(folder / "config.json")
    config["id2label"] = {str(code): label for code, label in enumerate(labels)}
    config["label2id"] = {label: code for code, label in enumerate(labels)}
    write_json(folder / "config.json", config)


def test_each_question_s_texts_are_read_by_its_own_classifier(models: Path) -> None:
    turned(models / "rent")
    texts = [*BUS[:2], *PARK[:2]] * 2
    asked = ["road"] * 4 + ["rent"] * 4
    told: list[int] = []
    shares = said_of(readers(models, QUESTIONS), texts, asked, told.append)
    said = [LABELS[code] for code in shares.argmax(axis=1)]
    assert said[:4] == [LABELS[0]] * 2 + [LABELS[1]] * 2
    assert said[4:] == [LABELS[1]] * 2 + [LABELS[0]] * 2
    assert sum(told) == 8


def test_equal_texts_are_told_of_as_often_as_they_stand_there(models: Path) -> None:
    told: list[int] = []
    found = readers(models, QUESTIONS)
    shares = said_of(found, [BUS[0], " ", BUS[0], BUS[0]], ["road"] * 4, told.append)
    assert told == [3]
    assert np.isnan(shares[1]).all()
    np.testing.assert_array_equal(shares[0], shares[3])


def test_long_texts_are_kept_in_smaller_chunks_and_a_whole_batch_at_least(models: Path) -> None:
    texts = [f"{n}{'x' * 300}" for n in range(500)] + [f"{n}{'y' * 9000}" for n in range(40)] + [f"{n}" for n in range(2000)]  # fmt: skip
    chunks = planned(readers(models, QUESTIONS), texts, ["road"] * len(texts))
    sizes = [chunk.size for chunk in chunks]
    # 32 of 9,000 characters count as 65,536; eight more as a quarter, texts of 317 fill it
    assert sizes[0] == 32
    assert sum(sizes) == len(texts)
    assert sizes[1] == 8 + -(-49152 // (302 + len("close the road") + 1))
    assert max(sizes) == 1024
    assert [text for chunk in chunks for text, _ in chunk.pairs] == sorted(texts, key=len, reverse=True)


def test_classifiers_of_other_labels_or_questions_are_named(models: Path) -> None:
    with pytest.raises(StandinError, match=r"its question 'rent' is none of the task's: "):
        readers(models, {"road": "close the road"})
    relabelled(models / "rent", ["yes", "no"])
    with pytest.raises(StandinError, match="holds classifiers of other labels; name one of"):
        readers(models, QUESTIONS)


def test_more_than_ten_labels_stay_in_the_order_of_their_numbers(models: Path) -> None:
    labels = [f"label {n}" for n in range(12)]
    relabelled(models / "road", labels)
    found = readers(models / "road", QUESTIONS)
    assert found["road"].labels == tuple(labels)


def test_a_folder_that_no_run_wrote_is_no_classifier(models: Path) -> None:
    (models / "rent/training.json").rename(models / "rent/other.json")
    assert list(readers(models, QUESTIONS)) == ["road"]


def test_known_errors_count_labelled_test_texts_by_what_is_true(models: Path) -> None:
    rows = [
        Row(id="a", text=BUS[0], label=LABELS[0], question_id="road"),
        Row(id="b", text=BUS[1], label=LABELS[1], question_id="road"),
        Row(id="c", text=PARK[0], label=LABELS[1], question_id="road"),
        Row(id="d", text=PARK[1], label=None, question_id="road"),
        Row(id="e", text=PARK[1], label=LABELS[0], question_id="rent"),
    ]
    (counts,) = [known_errors(readers(models, QUESTIONS)["road"], rows, CPU, nothing).tolist()]
    assert counts == [[1, 0], [1, 1]], "true labels in rows"


# Files


def opened(path: Path, text: str = "text") -> Table:
    return open_file(path, Options(), text, path.parent).table


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    rows: list[dict[str, Any]] = [
        {"text": "'quoted'", "p.value": 0.01, "flag": True, "tags": ["ä", 1], "id": "=1"},
        {"text": "tree", "p.value": 0.5, "flag": False, "tags": {"b": None}, "id": "x"},
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ADDED = {"predicted_label": ["a", "b"], "probability": [0.5, 0.75], "model": ["m", "m"]}


def test_columns_of_other_people_stay_where_nothing_was_predicted_before(mixed: Path) -> None:
    write_rows_with(mixed.with_name("out.jsonl"), opened(mixed), ADDED)
    first = json.loads(mixed.with_name("out.jsonl").read_text().splitlines()[0])
    assert first["p.value"] == 0.01
    assert first["tags"] == ["ä", 1]
    assert "ä" in mixed.with_name("out.jsonl").read_text(), "letters stay as they are"


def test_csv_cells_are_words_that_say_what_the_value_was(mixed: Path) -> None:
    target = mixed.with_name("out.csv")
    write_rows_with(target, opened(mixed), ADDED)
    lines = target.read_text("utf-8-sig").splitlines()
    assert lines[1].startswith("'quoted',0.01,true,")
    assert '"[""ä"", 1]"' in lines[1]
    assert lines[1].endswith(",'=1,a,0.5,m")


def test_a_text_keeps_its_own_apostrophe_unless_predict_put_it_there(mixed: Path) -> None:
    foreign = mixed.with_name("foreign.csv")
    foreign.write_text("text,id\n'=late bus,1\n=late bus,2\n")
    assert texts_of(opened(foreign), "text") == ["'=late bus", "=late bus"]
    written = mixed.with_name("written.csv")
    write_rows_with(written, opened(foreign), ADDED)
    assert "'=late bus,2," in written.read_text("utf-8-sig").splitlines()[2]
    ours = opened(written)
    assert own(ours)
    assert texts_of(ours, "text") == ["'=late bus", "=late bus"]
    jsonl = mixed.with_name("written.jsonl")
    write_rows_with(jsonl, opened(mixed), ADDED)
    assert texts_of(opened(jsonl), "text")[0] == "'quoted'", "JSON Lines disarm nothing"


def test_predictions_of_before_go_with_their_probabilities(mixed: Path) -> None:
    first, second = mixed.with_name("one.jsonl"), mixed.with_name("two.jsonl")
    write_rows_with(first, opened(mixed), {**ADDED, "p.a": [0.5, 0.2]})
    write_rows_with(second, opened(first), ADDED, before=written_before(opened(first), ["a"]))
    assert list(json.loads(second.read_text().splitlines()[0])) == [
        "text", "p.value", "flag", "tags", "id", "predicted_label", "probability", "model"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a.csv", "a-predicted.csv"),
        ("a.jsonl.gz", "a-predicted.jsonl"),
        ("a.parquet", "a-predicted.parquet"),
        ("a.xlsx", "a-predicted.csv"),
        ("a.tsv.gz", "a-predicted.csv"),
    ],
)
def test_predictions_stand_beside_the_file_in_its_format_where_that_is_written(
    tmp_path: Path, name: str, target: str
) -> None:
    assert target_of(tmp_path / name, None, overwrite=False) == tmp_path / target


def test_parquet_columns_of_several_kinds_hold_their_json(mixed: Path) -> None:
    import pandas as pd

    target = mixed.with_name("out.parquet")
    write_rows_with(target, opened(mixed), ADDED)
    found = pd.read_parquet(target)
    assert [json.loads(cell) for cell in found["tags"]] == [["ä", 1], {"b": None}]
    assert list(found["flag"]) == [True, False]
    assert list(found["id"]) == ["=1", "x"]
