import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoder import write_tiny_encoder

from standin.config import Params, parse_params
from standin.corpus import Row, SyntheticRow, write_json_lines, write_rows
from standin.errors import StandinError
from standin.stages import learner, warmstart
from standin.stages.runner import restrict, restrict_task
from standin.task import Task, load_task

DECLARED = {"select.strategies", "select.pool", "select.labelled", "finetune", "base.task", "runtime"}
SYNTHETIC = [("the bus is late", "transport"), ("tram late again", "transport"),
             ("the park is green", "environment"), ("a dead tree", "environment")]  # fmt: skip
POOL = ["the bus is late", "the park is green", "a dead tree"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_texts(*questions: str | None, synthetic: list[tuple[str, str]] = SYNTHETIC) -> None:
    asked: dict[str | None, Any] = {q: {"question_id": q, "question": q and "close the road"} for q in questions}
    pool = [Row(id=f"p{n}{q or ''}", text=text, **asked[q]) for n, text in enumerate(POOL) for q in questions]
    write_rows(Path("data/real/pool.jsonl"), pool)
    write_rows(
        Path("data/synthetic/texts.jsonl"),
        [
            SyntheticRow(id=f"s{n}{q or ''}", text=text, label=label, plan_id="1", shots=0, engine="e",
                         model="m", **asked[q])
            for q in questions
            for n, (text, label) in enumerate(synthetic)
        ],
    )  # fmt: skip


def params(
    encoder: Path,
    strategy: str = "cal",
    declared: set[str] = DECLARED,
    steps: int = 40,
    labelled: str = "",
    pool: str = "real",
    **chosen: Any,
) -> Params:
    evidence = {"cal": "models/learner", "sqbc": "data/embeddings"}[strategy]
    length = {"epochs": 1.0, "min_steps": steps, "max_steps": steps}
    usual = {"batch": 4, "learning_rate": 5e-3, "frozen_layers": 0, "max_tokens": 16, "seeds": [3, 1]}
    raw = {
        "select": {"strategies": {strategy: {"evidence": evidence}}, "pool": pool}
        | ({"labelled": labelled} if labelled else {}),
        "arms": {"only": [strategy]},
        "finetune": {"encoder": str(encoder)} | usual | length | chosen,
        "warmstart": length,
        "runtime": {"threads": 1, "device": "cpu"},
    }
    return restrict(parse_params(raw), declared)


def task() -> Task:
    return restrict_task(load_task("city-topics", Path(__file__).parents[1]), {"labels"})


def run(encoder: Path, **chosen: Any) -> Any:
    return learner.run(params(encoder, **chosen), task(), "")


def side(name: str, learner: str = "3") -> tuple[list[dict[str, str]], np.ndarray, np.ndarray]:
    lines = Path(f"models/learner/{name}_ids.jsonl").read_text(encoding="utf-8").splitlines()
    with np.load(f"models/learner/{learner}/{name}.npz", allow_pickle=False) as arrays:
        return [json.loads(line) for line in lines], arrays["embeddings"], arrays["probabilities"]


def files() -> dict[str, bytes]:
    folder = Path("models/learner")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_a_strategy_that_needs_it_there_is_no_learner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run(Path("nowhere"), strategy="sqbc") == {"train_rows": 0}
    assert [path.name for path in Path("models/learner").iterdir()] == ["none.json"]
    assert "no strategy in select.strategies needs one" in capsys.readouterr().out


def test_the_learner_tells_what_it_thinks_of_the_pool_and_of_its_synthetic_texts(encoder: Path) -> None:
    write_texts(None)
    assert run(encoder) == {"train_rows": 4, "pool_texts": 3, "learners": 2}
    for name, ids in (("pool", ["p0", "p1", "p2"]), ("labelled", ["s0", "s1", "s2", "s3"])):
        lines, embeddings, probabilities = side(name)
        assert lines == [{"id": one} for one in ids]
        assert (embeddings.dtype, embeddings.shape) == ("float32", (len(ids), 32))
        assert (probabilities.dtype, probabilities.shape) == ("float32", (len(ids), 4))
        assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(len(ids)), abs=1e-5)
        assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(ids)), abs=1e-5)
    assert side("pool")[2].argmax(axis=1).tolist() == [0, 1, 1]


def test_a_second_run_at_another_time_writes_the_same_bytes(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_texts(None)
    run(encoder, steps=2)
    first = files()
    later = time.localtime(time.time() + 86400 * 400)
    with monkeypatch.context() as patch:
        patch.setattr(time, "localtime", lambda *_: later)
        run(encoder, steps=2)
    assert files() == first
    arrays = {f"{seed}/{name}.npz" for seed in (3, 1) for name in ("pool", "labelled")}
    assert set(first) == {"pool_ids.jsonl", "labelled_ids.jsonl"} | arrays


def test_each_seed_has_its_own_learner_whatever_stands_beside_it(encoder: Path) -> None:
    write_texts(None)
    run(encoder, steps=2)
    both = files()
    assert both["3/pool.npz"] != both["1/pool.npz"]
    run(encoder, steps=2, seeds=[1])
    assert files()["1/pool.npz"] == both["1/pool.npz"]
    assert "3/pool.npz" not in files()


def test_each_question_has_its_own_learner(encoder: Path) -> None:
    write_texts("road", "rent")
    assert run(encoder, steps=2)["train_rows"] == 8
    lines, embeddings, _ = side("pool")
    assert lines[0] == {"id": "p0road", "question_id": "road"}
    assert [line["question_id"] for line in lines] == ["road"] * 3 + ["rent"] * 3
    assert embeddings.shape == (6, 32)
    assert [line["question_id"] for line in side("labelled")[0]] == ["road"] * 4 + ["rent"] * 4


def test_without_synthetic_texts_the_warm_start_serves_as_it_is(encoder: Path) -> None:
    write_texts("road", synthetic=[])
    old = [Row(id=f"w{n}", text=text, label=label, question_id="old", question="close the road")
           for n, (text, label) in enumerate(SYNTHETIC)]  # fmt: skip
    write_rows(Path("data/real/warmstart.jsonl"), old)
    write_rows(Path("data/real/validation.jsonl"), [])
    warmstart.run(params(encoder, declared={"finetune", "warmstart", "base.task", "runtime"}), task(), "")
    assert run(encoder) == {"train_rows": 0, "pool_texts": 3, "learners": 1}
    assert {name.split("/")[0] for name in files() if name.endswith(".npz")} == {"warmstart"}
    lines, _, probabilities = side("labelled", "warmstart")
    assert lines[0] == {"id": "w0", "question_id": "old"}
    assert probabilities.argmax(axis=1).tolist() == [0, 0, 1, 1]


def test_a_learner_without_anything_to_learn_from_is_an_error(encoder: Path) -> None:
    write_texts(None, synthetic=[])
    with pytest.raises(StandinError, match="is empty, and there is no warm start"):
        run(encoder)


def test_a_question_without_synthetic_texts_is_named(encoder: Path) -> None:
    write_texts("road", "rent")
    kept = [line for line in Path("data/synthetic/texts.jsonl").read_text().splitlines() if '"rent"' not in line]
    Path("data/synthetic/texts.jsonl").write_text("\n".join(kept))
    with pytest.raises(StandinError, match="holds no text of question 'rent'"):
        run(encoder)


# Rounds


def test_in_rounds_each_seeds_learner_is_trained_on_its_labels_so_far_and_speaks_of_the_whole_pool(
    encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_texts(None)
    rows = [(3, "p0", "transport"), (3, "p1", "environment"), (1, "p1", "transport"), (1, "p2", "transport")]
    Path("data/labels").mkdir()
    write_json_lines(
        Path("data/labels/round1.jsonl"),
        [{"seed": seed, "budget": 2, "id": name, "text": POOL[int(name[1])], "label": label} for seed, name, label in rows],
    )  # fmt: skip
    metrics = learner.run(params(encoder, labelled="data/labels/round1.jsonl"), task(), "")
    assert metrics == {"train_rows": 2, "pool_texts": 3, "learners": 2}
    assert {path for path in files() if path.endswith(".npz")} == {"3/pool.npz", "1/pool.npz"}
    transport, environment = 0, 1
    assert side("pool", "3")[2].argmax(axis=1).tolist()[:2] == [transport, environment]
    assert set(side("pool", "1")[2].argmax(axis=1).tolist()) == {transport}
    assert "2 fine-tuned on 2 texts labelled so far, applied to 3 pool texts" in capsys.readouterr().out


def test_in_rounds_the_learner_judges_the_synthetic_texts_where_those_are_the_pool(encoder: Path) -> None:
    write_texts(None)
    write_rows(Path("data/labels/a.jsonl"), [Row(id=f"p{n}", text=POOL[n], label=label) for n, label in enumerate(("transport", "environment"))])  # fmt: skip
    learner.run(params(encoder, labelled="data/labels/a.jsonl", pool="synthetic", steps=2), task(), "")
    lines, _, probabilities = side("synthetic")
    assert [line["id"] for line in lines] == ["s0", "s1", "s2", "s3"]
    assert probabilities.shape == (4, 4)


def test_a_question_without_a_label_so_far_is_named(encoder: Path) -> None:
    write_texts("road", "rent")
    write_rows(Path("data/labels/a.jsonl"), [Row(id="p0road", text=POOL[0], label="transport", question_id="road")])
    with pytest.raises(StandinError, match=r"data/labels/a.jsonl: labels no text of question 'rent'"):
        learner.run(params(encoder, labelled="data/labels/a.jsonl"), task(), "")


@pytest.mark.parametrize("arm_rows", [False, True])
def test_a_label_so_far_that_the_task_does_not_have_is_named_with_file_and_row(encoder: Path, arm_rows: bool) -> None:
    """As where a label of the task was renamed since. Texts that are not in the pool are passed over."""
    write_texts(None)
    more = {"seed": 3, "budget": 2} if arm_rows else {}
    lines = [
        ("p0", POOL[0], "transport"),
        ("p1", POOL[1], "environmental"),
        *([("s9", "x", "old")] if arm_rows else []),
    ]
    Path("data/labels").mkdir()
    write_json_lines(
        Path("data/labels/a.jsonl"), [{**more, "id": name, "text": text, "label": label} for name, text, label in lines]
    )
    with pytest.raises(
        StandinError,
        match=r"data/labels/a.jsonl: id 'p1' has the label 'environmental': did you mean 'environment'\? Known: .*\. "
        r"Where the task's label was renamed, rename it in the file too",
    ):
        learner.run(params(encoder, labelled="data/labels/a.jsonl", seeds=[3]), task(), "")
