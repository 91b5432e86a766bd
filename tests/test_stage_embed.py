from pathlib import Path

import numpy as np
import pytest

from standin.config import Params, Runtime
from standin.corpus import Row, SyntheticRow, write_rows
from standin.errors import StandinError
from standin.measures.embeddings import embed, read_embeddings
from standin.stages import embed as stage
from standin.task import Task, load_task

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def task() -> Task:
    return load_task("city-topics", ROOT)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for split in ("test", "validation", "pool", "shots"):
        write_rows(Path(f"data/real/{split}.jsonl"), [Row(id=f"{split}-{i}", text=f"{split} {i}") for i in range(2)])
    synthetic = SyntheticRow(id="s-1", text="One more tram.", label="a", plan_id="p", shots=0, engine="e", model="m")
    write_rows(Path("data/translated/texts.jsonl"), [synthetic])
    return tmp_path


def test_real_texts_are_those_of_the_splits_in_their_order_without_the_oracle(task: Task) -> None:
    metrics = stage.run(Params(), task, "real")
    found = read_embeddings(Path("data/embeddings/real"))
    assert found.ids == tuple(f"{split}-{i}" for split in ("shots", "pool", "validation", "test") for i in range(2))
    assert metrics == {"texts": 8, "dimension": 384}


def test_generated_texts_are_the_translated_ones_and_equal_runs_write_equal_bytes(task: Task) -> None:
    assert stage.run(Params(), task, "generated") == {"texts": 1, "dimension": 384}
    first = Path("data/embeddings/generated/vectors.npy").read_bytes()
    stage.run(Params(), task, "generated")
    assert Path("data/embeddings/generated/vectors.npy").read_bytes() == first
    np.testing.assert_allclose(np.linalg.norm(read_embeddings(Path("data/embeddings/generated")).vectors), 1, atol=1e-6)


def test_texts_with_a_question_get_a_vector_of_both_only_where_selection_reads_it(task: Task) -> None:
    asked = {"question_id": "cars", "question": "Should cars stay out?"}
    for split in ("test", "validation", "pool", "shots"):
        write_rows(Path(f"data/real/{split}.jsonl"), [Row(id=split, text=f"{split} text", **asked)])
    assert stage.run(Params(), task, "real") == {"texts": 4, "dimension": 384, "pairs": 1}
    alone, pairs = (read_embeddings(Path(f"data/embeddings/real{folder}")) for folder in ("", "/pairs"))
    assert pairs.ids == ("pool",)
    expected = embed(["Should cars stay out? pool text", "pool text"], "all-minilm-l6-v2", "main", Runtime())
    np.testing.assert_allclose(pairs.vectors[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(alone.of(["pool"])[0], expected[1], atol=1e-5)
    assert float(expected[0] @ expected[1]) < 0.95


def test_without_questions_there_are_no_pairs_even_where_there_were_some(task: Task) -> None:
    old = Path("data/embeddings/real/pairs/vectors.npy")
    old.parent.mkdir(parents=True)
    old.write_text("of another task")
    stage.run(Params(), task, "real")
    found = sorted(path.name for path in Path("data/embeddings/real").iterdir())
    assert found == ["descriptions", "ids.jsonl", "vectors.npy"]


def test_what_the_task_says_of_its_labels_and_questions_stands_beside_the_real_texts(task: Task) -> None:
    stage.run(Params(), load_task("city-stance", ROOT), "real")
    asked = load_task("city-stance", ROOT).questions
    labels = ["label:against", "label:favour"]
    found = read_embeddings(Path("data/embeddings/real/descriptions"))
    assert sorted(found.ids) == sorted([*labels, *(f"question:{question.id}" for question in asked)])
    expected = embed([asked[0].text], "all-minilm-l6-v2", "main", Runtime())
    np.testing.assert_allclose(found.of([f"question:{asked[0].id}"]), expected, atol=1e-5)
    stage.run(Params(), task, "generated")
    assert not Path("data/embeddings/generated/descriptions").exists()


def test_nothing_generated_is_an_empty_matrix_of_the_models_dimension(task: Task) -> None:
    write_rows(Path("data/translated/texts.jsonl"), [])
    assert stage.run(Params(), task, "generated") == {"texts": 0, "dimension": 384}
    assert read_embeddings(Path("data/embeddings/generated")).vectors.shape == (0, 384)


def test_an_unknown_item_is_refused(task: Task) -> None:
    with pytest.raises(StandinError, match="known: real, generated"):
        stage.run(Params(), task, "synthetic")
