import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from standin.config import Params, parse_params
from standin.corpus import Row, SyntheticRow, write_rows
from standin.measures.diversity import diversity
from standin.measures.embeddings import Embeddings, write_embeddings
from standin.measures.fidelity import similarity_at_size, similarity_of_halves
from standin.stages import diversity as stage
from standin.task import Question, Task, load_task

ROOT = Path(__file__).resolve().parents[1]
LABELS = ["transport", "environment", "housing", "community"]


@pytest.fixture
def task() -> Task:
    return load_task("city-topics", ROOT)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def points(n: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def different(i: int) -> str:
    """A text that is no near-duplicate of another i's."""
    return " ".join(f"{(i + 3) * prime % 9973:04d}" for prime in (2, 3, 5, 7, 11))


def lay(
    real: int, synthetic: int, labelled: bool = True, questions: tuple[str | None, ...] = (None,), generated: int = 0
) -> None:
    """Write the files the stage reads, rows in another order than embeddings; ``generated`` of them not curated."""
    rows = [
        Row(id=f"r{i}", text=different(i), label=LABELS[i % 4], question_id=questions[i % len(questions)])
        for i in range(real)
    ]
    write_rows(Path("data/real/pool.jsonl"), [Row(id=r.id, text=r.text, question_id=r.question_id) for r in rows])
    write_rows(Path("data/real/oracle.jsonl"), rows if labelled else [])
    made = [SyntheticRow(id=f"s{i}", text="t", label=LABELS[i % 4], plan_id="p", shots=0, engine="e", model="m",
                         question_id=questions[i % len(questions)]) for i in range(synthetic + generated)]  # fmt: skip
    write_rows(Path("data/translated/texts.jsonl"), made)
    write_rows(Path("data/synthetic/texts.jsonl"), made[:synthetic])
    for name, letter, n, seed in (("real", "r", real, 1), ("generated", "s", synthetic + generated, 2)):
        ids = (*(f"{letter}{i}" for i in range(n)), "removed")
        vectors = np.concatenate([points(n, seed), points(1, 9)])
        write_embeddings(Path("data/embeddings") / name, Embeddings(ids[::-1], vectors[::-1].copy()))


def run(task: Task, params: Params | None = None) -> dict[str, Any]:
    return dict(stage.run(params or Params(), task, ""))


def test_sets_of_equal_size_are_measured_whole(task: Task) -> None:
    lay(24, 24)
    metrics = run(task)
    for kind, seed in (("real", 1), ("synthetic", 2)):
        found = diversity(points(24, seed))
        assert found is not None
        assert metrics[kind]["remote_clique_cosine"] == pytest.approx(found.remote_clique_cosine, abs=1e-5)
        assert metrics[kind]["chamfer_angular"] == pytest.approx(found.chamfer_angular, abs=1e-5)
        assert metrics[kind]["chamfer_cosine_low"] == metrics[kind]["chamfer_cosine_high"]
    assert metrics["texts_compared"] == 24
    assert metrics["generated"] == metrics["synthetic"]
    assert metrics["real_distinct"] == metrics["real"]


def test_only_the_larger_set_is_drawn_from(task: Task) -> None:
    lay(40, 16)
    metrics = run(task)
    assert metrics["texts_compared"] == 16
    assert (
        metrics["real"]["chamfer_cosine_low"]
        < metrics["real"]["chamfer_cosine"]
        < metrics["real"]["chamfer_cosine_high"]
    )
    assert metrics["synthetic"]["chamfer_cosine_low"] == metrics["synthetic"]["chamfer_cosine_high"]


def test_similarity_is_to_as_many_others_in_both_directions_and_between_halves_of_the_pool(task: Task) -> None:
    lay(40, 16)
    metrics = run(task, parse_params({"diversity": {"draws": 300}}))
    assert metrics["similarity_others"] == 16
    real, synthetic, rng = points(40, 1), points(16, 2), np.random.default_rng(5)
    expected = {
        "similarity_coverage": similarity_at_size(real, synthetic, 5, 16, 300, rng),
        "similarity_fidelity": similarity_at_size(synthetic, real, 5, 16, 300, rng),
        "similarity_of_real_halves": similarity_of_halves(real, 5, 16, 300, rng),
    }
    for name, found in expected.items():
        assert found is not None
        assert metrics[name] == pytest.approx(found.mean, abs=0.01), name
        assert metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"]


def test_the_number_of_others_is_what_half_the_pool_and_the_synthetic_texts_both_have(task: Task) -> None:
    lay(20, 16)
    assert run(task)["similarity_others"] == 10


def test_generated_texts_are_measured_before_curation_and_curated_ones_after(task: Task) -> None:
    lay(40, 16, generated=16)
    vectors = points(32, 2)
    vectors[16:] = vectors[:16]  # what curation took out repeats what it kept
    ids = tuple(f"s{i}" for i in range(32))
    write_embeddings(Path("data/embeddings/generated"), Embeddings(ids, vectors))
    metrics = run(task)
    assert metrics["texts"] == {"real": 40, "real_distinct": 40, "generated": 32, "synthetic": 16}
    assert metrics["texts_compared"] == 16
    assert metrics["generated"]["chamfer_cosine"] < metrics["synthetic"]["chamfer_cosine"] - 0.05


def test_near_duplicates_leave_the_real_texts_by_the_rule_of_curation(task: Task) -> None:
    lay(24, 12)
    rows = [json.loads(line) for line in Path("data/real/pool.jsonl").read_text().splitlines()]
    rows[23]["text"] = rows[1]["text"] + "!"  # equal after normalisation
    Path("data/real/pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    vectors = points(24, 1)
    vectors[22] = vectors[2]  # equal embeddings
    write_embeddings(Path("data/embeddings/real"), Embeddings(tuple(f"r{i}" for i in range(24)), vectors))
    metrics = run(task)
    assert (metrics["texts"]["real"], metrics["texts"]["real_distinct"]) == (24, 22)
    assert metrics["per_label"]["community"]["texts_compared"] == 3  # synthetic: 3 of each label
    loose = parse_params({"curate": {"near_duplicate_cosine": 1.0, "near_duplicate_jaccard": 1.0}})
    assert run(task, loose)["texts"]["real_distinct"] == 22
    strict = parse_params({"curate": {"near_duplicate_cosine": 0.5}})
    assert run(task, strict)["texts"]["real_distinct"] < 22


def test_each_label_is_compared_with_itself(task: Task) -> None:
    lay(40, 16)
    per_label = run(task)["per_label"]
    found = diversity(points(16, 2)[1::4])  # every fourth text from the second on is about environment
    assert found is not None
    assert per_label["environment"]["texts_compared"] == 4
    assert per_label["environment"]["synthetic"]["chamfer_cosine"] == pytest.approx(found.chamfer_cosine, abs=1e-5)
    assert list(per_label) == LABELS


def test_questions_are_compared_apart(task: Task) -> None:
    lay(32, 24, questions=("x", "y", "x", "y", "y"))
    asked = task.model_copy(update={"questions": [Question(id="x", text="X?"), Question(id="y", text="Y?")]})
    metrics = run(asked, parse_params({"diversity": {"draws": 300}}))
    mine = [i for i in range(24) if i % 5 in (0, 2)]
    found = metrics["per_question"]["x"]
    assert found["texts_compared"] == len(mine)
    real = points(32, 1)[[i for i in range(32) if i % 5 in (0, 2)]]
    assert found["similarity_others"] == len(real) // 2
    expected = similarity_at_size(real, points(24, 2)[mine], 5, len(real) // 2, 300, np.random.default_rng(5))
    assert expected is not None
    assert found["similarity_coverage"] == pytest.approx(expected.mean, abs=0.02)
    assert "chamfer_cosine" in metrics["per_question"]["y"]["per_label"]["housing"]["real"]


def test_without_labels_the_whole_is_still_compared(task: Task) -> None:
    lay(24, 24, labelled=False)
    metrics = run(task)
    assert "chamfer_cosine" in metrics["real"]
    assert metrics["per_label"]["housing"] == {"texts_compared": 0}


def test_nothing_kept_is_said_and_measures_are_left_out(task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    lay(8, 0)
    metrics = run(task)
    assert metrics["texts_compared"] == 0
    assert "real" not in metrics
    assert "similarity_coverage" not in metrics
    assert "8 real and 0 synthetic texts" in capsys.readouterr().out


def test_equal_seeds_give_equal_metrics_and_another_seed_draws_anew(task: Task) -> None:
    lay(40, 16)
    one, again = run(task), run(task)
    other = run(task, parse_params({"base": {"seed": 2}}))
    assert json.dumps(one) == json.dumps(again)
    assert one["real"]["chamfer_cosine"] != other["real"]["chamfer_cosine"]
    assert one["synthetic"] == other["synthetic"]


def test_the_projection_holds_every_text_with_its_kind_and_label(task: Task) -> None:
    lay(6, 5)
    run(task)
    path = Path("reports/diversity/projection.csv")
    first = path.read_bytes()
    table = list(csv.DictReader(path.open()))
    assert [row["id"] for row in table] == [f"r{i}" for i in range(6)] + [f"s{i}" for i in range(5)]
    assert [row["kind"] for row in table] == ["real"] * 6 + ["synthetic"] * 5
    assert table[1]["label"] == "environment"
    assert abs(sum(float(row["x"]) for row in table)) < 1e-3
    assert all(len(row["x"].split(".")[1]) == 4 for row in table)
    assert b"\r" not in first
    run(task)
    assert path.read_bytes() == first
