import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from standin.config import Params, parse_params
from standin.corpus import Row, SyntheticRow, read_rows, write_rows
from standin.errors import StandinError
from standin.measures.diversity import at_size
from standin.measures.embeddings import Embeddings, write_embeddings
from standin.measures.fidelity import similarity_at_size, similarity_of_halves
from standin.sheets import sheet_rows
from standin.stages import diversity as stage
from standin.task import Label, Question, Task, load_task

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


@pytest.mark.parametrize(
    "names", [["[b]", "[/b]"], ["\u0633\u0624\u0627\u0644", "\U0001f44d\U0001f3fd"], [f"{n} " * 60 for n in range(60)]]
)
def test_one_text_a_label_and_labels_of_any_look_are_counted_and_named_in_short(
    task: Task, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name.strip() for name in names]
    lay(len(names), len(names))
    for path, kind in (("real/oracle", Row), ("translated/texts", SyntheticRow), ("synthetic/texts", SyntheticRow)):
        rows = read_rows(Path(f"data/{path}.jsonl"), kind)
        write_rows(
            Path(f"data/{path}.jsonl"), [replace(row, label=name) for row, name in zip(rows, names, strict=True)]
        )
    own = task.model_copy(update={"labels": [Label(name=name, phrase=name, description=name) for name in names]})
    metrics = run(own, parse_params({"diversity": {"more": True, "draws": 3}}))
    assert {name: each["texts_compared"] for name, each in metrics["per_label"].items()} == dict.fromkeys(names, 0)
    said = capsys.readouterr().out
    if len(names) == 2:
        assert "too few to compare: every set needs 4 texts" in said
    else:
        assert "too few texts of: 0 0 0" in said
        assert said.endswith("... and 50 more\n")
        assert max(map(len, said.splitlines())) < 500
    shares = sheet_rows(Path("reports/diversity/labels.csv").read_bytes(), "labels.csv")
    assert [row["label"] for row in shares] == [*names, *names]


def test_every_set_is_measured_at_half_the_smallest_over_subsets(
    task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(40, 16)
    metrics = run(task)
    assert (metrics["texts_compared"], metrics["draws"]) == (8, 200)
    for kind, vectors in (("real", points(40, 1)), ("synthetic", points(16, 2))):
        found = at_size(vectors, 8, 2000, np.random.default_rng(9))
        assert found is not None
        for name, spread in found.items():
            assert metrics[kind][name] == pytest.approx(spread.mean, abs=0.02)
            assert metrics[kind][f"{name}_low"] == pytest.approx(spread.low, abs=0.06)
            assert metrics[kind][f"{name}_high"] == pytest.approx(spread.high, abs=0.06)
            assert metrics[kind][f"{name}_low"] < metrics[kind][name] < metrics[kind][f"{name}_high"]
    assert sorted(metrics["real"]) == sorted(f"{name}{end}" for name in found for end in ("", "_low", "_high"))
    said = capsys.readouterr().out
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "means over 200 subsets of 8 texts, in brackets" in said
    own = metrics["synthetic"]
    assert "Chamfer (cosine)        {:.3f} ({:.3f} to {:.3f})  ".format(
        *(own[f"chamfer_cosine{end}"] for end in ("", "_low", "_high"))
    ) in said  # fmt: skip


def test_a_subset_has_no_more_than_the_most_texts(task: Task) -> None:
    lay(40, 30)
    metrics = run(task, parse_params({"diversity": {"max_texts": 5, "draws": 7}}))
    assert (metrics["texts_compared"], metrics["similarity_others"], metrics["draws"]) == (5, 5, 7)
    assert metrics["per_label"]["environment"]["texts_compared"] == 4  # half of 8


def test_similarity_is_to_as_many_others_in_both_directions_and_between_halves_of_the_pool(task: Task) -> None:
    lay(40, 16)
    metrics = run(task, parse_params({"diversity": {"draws": 300}}))
    assert metrics["similarity_others"] == 16
    real, synthetic, rng = points(40, 1), points(16, 2), np.random.default_rng(5)
    expected = {
        "similarity_coverage": similarity_at_size(real, synthetic, 5, 16, 300, rng, 1000),
        "similarity_fidelity": similarity_at_size(synthetic, real, 5, 16, 300, rng, 1000),
        "similarity_of_real_halves": similarity_of_halves(real, 5, 16, 300, rng, 1000),
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
    assert metrics["texts_compared"] == 8
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
    assert metrics["per_label"]["community"]["texts_compared"] == 1  # synthetic: 3 of each label
    loose = parse_params({"curate": {"near_duplicate_cosine": 1.0, "near_duplicate_jaccard": 1.0}})
    assert run(task, loose)["texts"]["real_distinct"] == 22
    strict = parse_params({"curate": {"near_duplicate_cosine": 0.5}})
    assert run(task, strict)["texts"]["real_distinct"] < 22


def test_each_label_is_compared_with_itself(task: Task) -> None:
    lay(40, 16)
    per_label = run(task)["per_label"]
    mine = points(16, 2)[1::4]  # every fourth text from the second on is about environment
    found = at_size(mine, 2, 2000, np.random.default_rng(5))
    assert found is not None
    assert per_label["environment"]["texts_compared"] == 2
    own, spread = per_label["environment"]["synthetic"], found["chamfer_cosine"]
    assert own["chamfer_cosine"] == pytest.approx(spread.mean, abs=0.05)
    assert (own["chamfer_cosine_low"], own["chamfer_cosine_high"]) == pytest.approx((spread.low, spread.high), abs=1e-5)
    assert list(per_label) == LABELS


def test_questions_are_compared_apart(task: Task) -> None:
    lay(32, 40, questions=("x", "y", "x", "y", "y"))
    asked = task.model_copy(update={"questions": [Question(id="x", text="X?"), Question(id="y", text="Y?")]})
    metrics = run(asked, parse_params({"diversity": {"draws": 300}}))
    mine = [i for i in range(40) if i % 5 in (0, 2)]
    found = metrics["per_question"]["x"]
    assert found["texts_compared"] == 6  # half of 13 real ones
    real = points(32, 1)[[i for i in range(32) if i % 5 in (0, 2)]]
    assert found["similarity_others"] == len(real) // 2
    expected = similarity_at_size(real, points(40, 2)[mine], 5, len(real) // 2, 300, np.random.default_rng(5), 40)
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
    said = capsys.readouterr().out
    assert "8 real texts (8 distinct), 0 generated, 0 of them kept" in said
    assert "too few to compare: every set needs 4 texts" in said


def test_equal_seeds_give_equal_metrics_and_another_seed_draws_anew(task: Task) -> None:
    lay(40, 16)
    one, again = run(task), run(task)
    other = run(task, parse_params({"base": {"seed": 2}}))
    assert json.dumps(one) == json.dumps(again)
    assert one["real"]["chamfer_cosine"] != other["real"]["chamfer_cosine"]


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


@pytest.mark.parametrize(("real", "synthetic"), [(1, 1), (3, 40), (40, 3), (1, 0)])
def test_of_three_texts_or_fewer_nothing_is_said_but_how_similar_they_are(
    task: Task, real: int, synthetic: int, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(real, synthetic)
    metrics = run(task, parse_params({"diversity": {"more": True}}))
    assert metrics["texts_compared"] < 2
    assert not {"real", "synthetic"} & metrics.keys()
    assert metrics["more"] == {"texts_compared": metrics["texts_compared"], "draws": 20}
    assert ("similarity_coverage" in metrics) == (real > 1)
    assert "too few to compare" in capsys.readouterr().out


def test_a_label_without_texts_has_no_measures_and_is_named(task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    lay(40, 2)
    path = Path("data/synthetic/texts.jsonl")
    lay(40, 32)
    path.write_text("".join(line for line in path.open() if '"housing"' not in line))
    metrics = run(task)
    assert metrics["per_label"]["housing"] == {"texts_compared": 0}
    assert "chamfer_cosine" in metrics["per_label"]["transport"]["real"]
    assert "too few texts of: housing\n" in capsys.readouterr().out


def test_synthetic_texts_that_are_all_equal_have_no_diversity(task: Task) -> None:
    lay(24, 16)
    ids = tuple(f"s{i}" for i in range(16))
    write_embeddings(Path("data/embeddings/generated"), Embeddings(ids, np.tile(points(1, 4), (16, 1))))
    metrics = run(task, parse_params({"diversity": {"more": True}}))
    own, more = metrics["synthetic"], metrics["more"]["synthetic"]
    assert {own[f"{name}_cosine{end}"] for name in ("remote_clique", "chamfer") for end in ("", "_low", "_high")} == {0}
    assert (more["vendi"], more["self_bleu"], more["distinct_1"]) == (1, 0.177828, 0.125)  # one and the same word
    assert more["chamfer_euclidean"] == 0
    assert metrics["more"]["synthetic_against_real"]["recall"] <= metrics["more"]["real_halves"]["recall"]


def test_a_pool_that_is_one_text_over_and_over_is_too_small_to_compare(
    task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(24, 16)
    ids = tuple(f"r{i}" for i in range(24))
    write_embeddings(Path("data/embeddings/real"), Embeddings(ids, np.tile(points(1, 4), (24, 1))))
    metrics = run(task)
    assert metrics["texts"]["real_distinct"] == 1
    assert metrics["texts_compared"] == 0
    assert metrics["similarity_of_real_halves"] == 1
    said = capsys.readouterr().out
    assert "24 real texts (1 distinct)" in said
    assert "too few to compare" in said


def test_more_measures_are_taken_where_they_are_asked_for_at_the_same_number(task: Task) -> None:
    lay(40, 30)
    plain = run(task)
    assert "more" not in plain
    asked = parse_params({"diversity": {"more": True, "draws": 25}})
    more = run(task, asked)["more"]
    assert (more["texts_compared"], more["draws"]) == (15, 20)
    of_a_set = ("remote_clique_angular", "chamfer_angular", "remote_clique_euclidean", "chamfer_euclidean", "vendi",
                "distinct_1", "distinct_2", "distinct_3", "self_bleu")  # fmt: skip
    ends = ("", "_low", "_high")
    for kind in ("real", "real_distinct", "generated"):
        wanted = {f"{name}{end}" for name in of_a_set for end in ends}
        # a synthetic text here is one word
        assert set(more[kind]) == wanted - ({f"distinct_{n}{end}" for n in (2, 3) for end in ends} if kind == "generated" else set())  # fmt: skip
    for kind in ("synthetic_against_real", "real_halves"):
        found = more[kind]
        assert found["two_sample_chance"] == 0.5
        for name in ("two_sample_accuracy", "precision", "recall"):
            assert 0 <= found[f"{name}_low"] <= found[name] <= found[f"{name}_high"] <= 1
    assert json.dumps(run(task, asked)["more"]) == json.dumps(more)


def test_the_classifier_tells_other_texts_from_real_ones_and_not_halves_of_one_pool(task: Task) -> None:
    lay(80, 60)
    ids = tuple(f"s{i}" for i in range(60))
    away = points(60, 2) + np.array([3, 0, 0, 0, 0, 0], dtype=np.float32)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    write_embeddings(Path("data/embeddings/generated"), Embeddings(ids, away))
    more = run(task, parse_params({"diversity": {"more": True}}))["more"]
    assert more["synthetic_against_real"]["two_sample_accuracy_low"] > 0.8
    assert more["real_halves"]["two_sample_accuracy_low"] < 0.5 < more["real_halves"]["two_sample_accuracy_high"]
    assert more["synthetic_against_real"]["recall"] < more["real_halves"]["recall"] - 0.2


@pytest.mark.parametrize(
    ("value", "what"), [(np.nan, "NaN or infinity"), (np.inf, "NaN or infinity"), (0, "only zeros")]
)
def test_a_vector_without_direction_is_refused_with_its_file_row_and_text(task: Task, value: float, what: str) -> None:
    lay(8, 8)
    vectors = points(9, 1)
    vectors[5] = value
    write_embeddings(Path("data/embeddings/real"), Embeddings((*(f"r{i}" for i in range(8)), "removed"), vectors))
    with pytest.raises(StandinError) as caught:
        run(task)
    said = str(caught.value)
    assert said.startswith("data/embeddings/real/vectors.npy: row 5 (counted from 0), the vector of text 'r5'")
    assert what in said
    assert "`dvc repro --single-item --force embed`" in said


def sheet(name: str) -> list[dict[str, str]]:
    with Path(f"reports/diversity/{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_lengths_labels_and_nearness_of_both_kinds_are_there_to_be_drawn(task: Task) -> None:
    lay(12, 8)
    run(task)
    lengths = {row["kind"]: row for row in sheet("lengths") if float(row["share"])}
    assert (lengths["real"]["low"], lengths["real"]["share"]) == ("5", "1.0000")  # five words each
    assert (lengths["synthetic"]["low"], lengths["synthetic"]["share"]) == ("1", "1.0000")
    assert {row["label"]: row["share"] for row in sheet("labels") if row["kind"] == "synthetic"} == dict.fromkeys(
        LABELS, "0.2500"
    )
    shares: dict[str, float] = {}
    for row in sheet("nearest"):
        shares[row["kind"]] = shares.get(row["kind"], 0) + float(row["share"])
    assert list(shares) == [
        "real texts to other real ones",
        "synthetic texts to real ones",
        "real texts to synthetic ones",
    ]
    assert all(abs(share - 1) < 0.01 for share in shares.values())


def test_what_has_no_labels_or_no_texts_is_left_out_of_what_is_drawn(task: Task) -> None:
    lay(12, 0, labelled=False)
    run(task)
    assert {row["kind"] for row in sheet("lengths")} == {"real"}
    assert {row["kind"] for row in sheet("nearest")} == {"real texts to other real ones"}
    assert sheet("labels") == []
