import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from standin.config import STRATEGY_EVIDENCE, Params, parse_params
from standin.corpus import Row, SelectedRow, SyntheticRow, read_rows, write_json, write_json_lines, write_rows
from standin.errors import StandinError
from standin.labelling.labels import Labelled, digest, write_labels
from standin.measures.embeddings import Embeddings, read_embeddings, write_embeddings
from standin.stages import select
from standin.stages.runner import restrict, restrict_task
from standin.task import Task, load_task

DECLARED = {"select.neighbours", "select.balance", "select.budgets", "select.pool", "select.labelled", "select.labels",
            "finetune.seeds", "base.task", "runtime"}  # fmt: skip
STRATEGIES = sorted(STRATEGY_EVIDENCE)
# Angles in degrees on the unit circle: votes can be counted by eye.
POOL = {"p1": 2, "p2": 17, "p3": 72, "p4": 86}
SYNTHETIC = {"a": (0, "no"), "b": (10, "no"), "c": (20, "yes"), "d": (70, "yes"), "e": (80, "yes"), "f": (90, "no")}


def params(**chosen: Any) -> Params:
    raw = {"budgets": [2], "neighbours": 2} | {key: value for key, value in chosen.items() if key != "seeds"}
    return restrict(parse_params({"select": raw, "finetune": {"seeds": chosen.get("seeds", [1])}}), DECLARED)


def task() -> Task:
    """The stage reads no part of the task file: any reading fails."""
    return restrict_task(load_task("city-topics", Path(__file__).parents[1]), set())


def run(item: str, **chosen: Any) -> Any:
    return select.run(params(**chosen), task(), item)


def selected(item: str) -> list[SelectedRow]:
    return read_rows(Path(f"data/selected/{item}.jsonl"), SelectedRow)


def on_circle(degrees: list[int]) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def write_pool(*questions: str | None) -> None:
    write_rows(
        Path("data/real/pool.jsonl"),
        [Row(id=name + (q or ""), text=f"Text {name}", question_id=q) for q in questions for name in POOL],
    )


def write_evidence(*questions: str | None) -> None:
    """The same geometry for every question; only the ids tell them apart."""
    synthetic = [(name, q, *found) for q in questions for name, found in SYNTHETIC.items()]
    write_rows(
        Path("data/synthetic/texts.jsonl"),
        [
            SyntheticRow(
                id=f"{name}{q or ''}",
                text=name,
                label=label,
                judged_label="yes",
                question_id=q,
                plan_id=name,
                shots=0,
                engine="e",
                model="m",
            )
            for name, q, _, label in synthetic
        ],
    )
    real = [(f"{name}{q or ''}", angle) for q in questions for name, angle in POOL.items()]
    folder = Path("data/embeddings")
    write_embeddings(folder / "real", Embeddings(tuple(i for i, _ in real), on_circle([a for _, a in real])))
    ids = tuple(f"{name}{q or ''}" for name, q, *_ in synthetic)
    write_embeddings(folder / "generated", Embeddings(ids, on_circle([angle for _, _, angle, _ in synthetic])))


def write_side(
    name: str, rows: list[tuple[str, str | None]], degrees: list[int], p: list[list[float]], learner: str = "1"
) -> None:
    folder = Path("models/learner") / learner
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / f"{name}.npz", embeddings=on_circle(degrees), probabilities=np.array(p, dtype=np.float32))
    lines = [{"id": identifier} | ({"question_id": q} if q else {}) for identifier, q in rows]
    write_json_lines(folder.parent / f"{name}_ids.jsonl", lines)


def write_learner(*learners: str) -> None:
    predicted = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5]]
    ids, angles = [(name, None) for name in reversed(POOL)], list(reversed(POOL.values()))
    for learner in learners:
        write_side("pool", ids, angles, predicted[::-1], learner)
        write_side("labelled", [("a", None), ("b", None)], [0, 90], [[0.8, 0.2], [0.1, 0.9]], learner)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_pool(None)
    write_rows(Path("data/real/oracle.jsonl"), [Row(id="p1", text="Text p1", label="no")])
    write_evidence(None)
    write_learner("1", "2", "3")


@pytest.mark.parametrize("item", STRATEGIES)
def test_every_pool_text_stands_once_in_every_ranking(item: str) -> None:
    run(item, seeds=[3, 1], budgets=[1, 4])
    rows = selected(item)
    assert [(row.seed, row.budget) for row in rows[::4]] == [(3, 1), (3, 4), (1, 1), (1, 4)]
    for start in range(0, 16, 4):
        assert [row.rank for row in rows[start : start + 4]] == [1, 2, 3, 4]
        assert {row.id for row in rows[start : start + 4]} == set(POOL)


@pytest.mark.parametrize("item", STRATEGIES)
def test_a_smaller_budget_selects_the_beginning_of_a_larger_one(item: str) -> None:
    run(item, budgets=[1, 3])
    rows = selected(item)
    assert [row.id for row in rows[:4]] == [row.id for row in rows[4:]]


@pytest.mark.parametrize("item", STRATEGIES)
def test_equal_inputs_give_equal_bytes_and_a_seed_does_not_depend_on_its_place(item: str) -> None:
    path = Path(f"data/selected/{item}.jsonl")
    run(item, seeds=[1, 2])
    first = path.read_bytes()
    run(item, seeds=[1, 2])
    assert path.read_bytes() == first
    run(item, seeds=[2])
    assert first.endswith(path.read_bytes())


def test_sqbc_ranks_split_committees_of_prompted_labels_first() -> None:
    # Two neighbours each: p1 a, b (no, no); p2 c, b (split); p3 d, e (yes, yes); p4 f, e (split). Judges say "yes"
    # everywhere, so judged labels would split none.
    metrics = run("sqbc")
    scores = {row.id: row.score for row in selected("sqbc")}
    assert scores == pytest.approx({"p1": 0, "p2": np.log(2), "p3": 0, "p4": np.log(2)})
    assert {row.id for row in selected("sqbc")[:2]} == {"p2", "p4"}
    assert metrics == {"texts_ranked": 4, "questions_ranked": 1, "tie_share": {"2": 0.0}, "learners": 0}


def test_the_tie_share_is_told_for_each_budget() -> None:
    assert run("sqbc", budgets=[1, 3])["tie_share"] == {"1": 1.0, "3": pytest.approx(1 / 3, abs=1e-4)}
    assert run("random", budgets=[1, 3])["tie_share"] == {"1": 0.0, "3": 0.0}


def test_the_share_that_the_seed_decides_counts_the_redrawn_committee(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = run("random", seeds=[1, 2, 3], budgets=[1, 2, 4])
    chosen = {
        budget: [
            {row.id for row in selected("random") if (row.seed, row.budget) == (seed, budget) and row.rank <= budget}
            for seed in (1, 2, 3)
        ]
        for budget in (1, 2, 4)
    }
    for budget, (a, b, c) in chosen.items():
        changed = 1 - (len(a & b) + len(a & c) + len(b & c)) / 3 / budget
        assert metrics["seed_share"][str(budget)] == pytest.approx(changed, abs=1e-4)
    assert metrics["seed_share"]["4"] == 0, "the whole pool is one selection"
    assert metrics["seed_share_of_chance"] == {"1": 0.75, "2": 0.5, "4": 0}
    assert metrics["tie_share"] == {"1": 0, "2": 0, "4": 0}, "no two draws are equal, yet the seed decides"
    assert "3 seeds; changed by the seed: " in capsys.readouterr().out
    assert "seed_share" not in run("random")
    assert "one selection tells no more" in capsys.readouterr().out


def test_each_seed_asks_its_own_learner() -> None:
    write_side("pool", [(name, None) for name in POOL], list(POOL.values()), [[0.5, 0.5]] * 4, "2")
    write_side("labelled", [("a", None), ("b", None)], [0, 90], [[0.5, 0.5], [0.5, 0.5]], "2")
    write_side("pool", [(name, None) for name in POOL], list(POOL.values()), [[0.9, 0.1]] * 4, "1")
    assert run("cal", neighbours=1, seeds=[2, 1])["learners"] == 2
    assert {row.score for row in selected("cal") if row.seed == 2} == {0.0}
    assert min(row.score for row in selected("cal") if row.seed == 1) > 0.01
    run("cal", neighbours=1, seeds=[1])
    assert min(row.score for row in selected("cal")) > 0.01


def test_with_questions_sqbc_compares_question_and_text_together() -> None:
    """By the texts' own vectors p2 and p4 split their committees (see above); the pairs' geometry is turned round."""
    asked = {"trams": "More trams?", "rents": "Lower rents?"}
    write_pool(*asked)
    write_evidence(*asked)
    rows = read_rows(Path("data/real/pool.jsonl"), Row)
    write_rows(Path("data/real/pool.jsonl"), [replace(row, question=asked[str(row.question_id)]) for row in rows])
    folder = Path("data/embeddings")
    pairs = {"trams": {"p1": 17, "p2": 2, "p3": 86, "p4": 72}, "rents": POOL}
    ids = tuple(f"{name}{q}" for q, found in pairs.items() for name in found)
    angles = [angle for found in pairs.values() for angle in found.values()]
    write_embeddings(folder / "real/pairs", Embeddings(ids, on_circle(angles)))
    write_embeddings(folder / "generated/pairs", read_embeddings(folder / "generated"))
    run("sqbc")
    split = {row.id for row in selected("sqbc") if row.score > 0}
    assert split == {"p1trams", "p3trams", "p2rents", "p4rents"}


def test_cal_reads_the_learners_arrays_by_id() -> None:
    run("cal", neighbours=1)
    scores = {row.id: row.score for row in selected("cal")}
    expected = {
        "p1": entropy([0.8, 0.2], [0.9, 0.1]),
        "p2": entropy([0.8, 0.2], [0.6, 0.4]),
        "p3": entropy([0.1, 0.9], [0.3, 0.7]),
        "p4": entropy([0.1, 0.9], [0.5, 0.5]),
    }
    assert scores == pytest.approx(expected, rel=1e-5)
    assert [row.id for row in selected("cal")] == sorted(expected, key=lambda name: -expected[name])


def test_questions_are_ranked_apart_each_with_its_own_committee() -> None:
    write_pool("bikes", "ränge")
    write_evidence("bikes", "ränge")
    metrics = run("sqbc", seeds=[1, 2])
    rows = selected("sqbc")
    assert [(row.question_id, row.rank) for row in rows[:8]] == [
        (q, rank) for q in ("bikes", "ränge") for rank in (1, 2, 3, 4)
    ]
    assert {row.id for row in rows[4:6]} == {"p2ränge", "p4ränge"}
    assert metrics["questions_ranked"] == 2
    assert metrics["texts_ranked"] == 8


def test_cal_takes_neighbours_of_the_same_question_where_the_learner_has_any() -> None:
    write_pool("bikes", "rents")
    rows = [(name + q, q) for q in ("bikes", "rents") for name in POOL]
    write_side("pool", rows, list(POOL.values()) * 2, [[0.5, 0.5]] * 8)
    write_side("labelled", [("a", "bikes"), ("b", "rents")], [0, 0], [[0.5, 0.5], [0.9, 0.1]])
    run("cal", neighbours=1)
    scores = {row.id: row.score for row in selected("cal")}
    assert scores["p1bikes"] == pytest.approx(0)
    assert scores["p1rents"] == pytest.approx(entropy([0.9, 0.1], [0.5, 0.5]))


def test_cal_with_a_warm_started_learner_takes_neighbours_of_all_other_questions() -> None:
    write_pool("bikes")
    write_side("pool", [(f"{name}bikes", "bikes") for name in POOL], list(POOL.values()), [[0.5, 0.5]] * 4, "warmstart")
    write_side("labelled", [("a", "trams"), ("b", "rents")], [0, 0], [[0.5, 0.5], [0.9, 0.1]], "warmstart")
    assert run("cal", neighbours=2, seeds=[1, 2])["learners"] == 1
    assert selected("cal")[0].score == pytest.approx(entropy([0.9, 0.1], [0.5, 0.5]) / 2)


WATCH = """
import json, os, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from pathlib import Path
from standin.config import Evidence, Finetune, Params, Select, STRATEGY_EVIDENCE
from standin.stages import select
params = Params(select=Select(budgets=[2], neighbours=1), finetune=Finetune(seeds=[1]))
select.run(params, None, sys.argv[1])
inside = sorted({p for p in map(os.path.relpath, opened) if p.startswith(("data", "models"))})
print(json.dumps({"opened": inside, "modules": sorted(sys.modules)}))
"""


@pytest.mark.parametrize(
    ("item", "reads"),
    [
        ("random", []),
        ("sqbc", ["data/embeddings/generated/ids.jsonl", "data/embeddings/generated/vectors.npy",
                  "data/embeddings/real/ids.jsonl", "data/embeddings/real/vectors.npy", "data/synthetic/texts.jsonl"]),
        ("cal", ["models/learner/1/labelled.npz", "models/learner/1/pool.npz",
                 "models/learner/labelled_ids.jsonl", "models/learner/pool_ids.jsonl"]),
    ],
)  # fmt: skip
def test_a_strategy_opens_its_evidence_alone_never_the_oracle_and_imports_nothing_heavy(
    item: str, reads: list[str], project: None
) -> None:
    for forbidden in ("oracle", "validation", "test", "shots"):
        Path(f"data/real/{forbidden}.jsonl").write_text("not to be read", encoding="utf-8")
    if item == "random":  # it runs without any of these
        for path in ("data/synthetic/texts.jsonl", "models/learner/1/pool.npz", "data/embeddings/real/vectors.npy"):
            Path(path).unlink()
    source = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        [sys.executable, "-c", WATCH, item], capture_output=True, text=True, check=True, env={"PYTHONPATH": source}
    )
    found = json.loads(done.stdout.splitlines()[-1])
    written = f"data/selected/{item}.jsonl"
    assert found["opened"] == sorted(["data/real/pool.jsonl", written, *reads])
    heavy = {"scipy", "sklearn", "torch", "transformers", "sentence_transformers", "mlflow", "pandas"}
    assert not heavy & set(found["modules"])
    if item == "random":
        assert not {"standin.selection.sqbc", "standin.measures.embeddings"} & set(found["modules"])


def test_a_budget_beyond_one_questions_pool_names_question_and_both_numbers() -> None:
    write_pool("bikes", "rents")
    with pytest.raises(StandinError, match=r"'random': question 'bikes': select.budgets holds 5, .* has 4 texts"):
        run("random", budgets=[2, 5])


def test_an_empty_pool_names_its_file() -> None:
    write_rows(Path("data/real/pool.jsonl"), [])
    with pytest.raises(StandinError, match=r"data/real/pool.jsonl: the pool is empty"):
        run("random")


def test_an_unknown_strategy_is_named() -> None:
    with pytest.raises(StandinError, match=r"no strategy 'sqcb': did you mean 'sqbc'"):
        run("sqcb")


def test_a_missing_learner_says_how_to_get_one() -> None:
    Path("models/learner/1/pool.npz").unlink()
    write_json(Path("models/learner/none.json"), {})
    with pytest.raises(StandinError, match=r"models/learner: there is no learner of seed 1.*dvc repro learner"):
        run("cal")


def test_a_pool_text_the_learner_never_saw_is_named() -> None:
    rows = read_rows(Path("data/real/pool.jsonl"), Row)
    write_rows(Path("data/real/pool.jsonl"), [*rows, Row(id="new", text="New")])
    with pytest.raises(StandinError, match=r"pool_ids.jsonl: lacks pool text 'new' \(1 in all\)"):
        run("cal")
    with pytest.raises(StandinError, match="'new'"):
        run("sqbc")


@pytest.mark.parametrize("damage", ["pickle", "bytes", "array", "ids"])
def test_a_broken_learner_file_is_named_and_never_unpickled(damage: str) -> None:
    path = Path("models/learner/1/labelled.npz")
    good = {"embeddings": on_circle([0, 90]), "probabilities": np.full((2, 2), 0.5)}
    if damage == "pickle":
        np.savez(path, **(good | {"embeddings": np.array([{"a": 1}, {"b": 2}], dtype=object)}))
    elif damage == "bytes":
        path.write_bytes(b"PK\x03\x04 cut off")
    elif damage == "array":
        np.savez(path, embeddings=good["embeddings"])
    else:
        write_json_lines(Path("models/learner/labelled_ids.jsonl"), [{"id": "a"}])
    with pytest.raises(StandinError, match=r"models/learner/1/labelled.npz: not what the stage learner writes"):
        run("cal")


# Budgets as fractions


def test_a_fraction_is_of_the_pool_and_stands_in_texts_in_rows_and_metrics() -> None:
    metrics = run("random", budgets=[0.25, 3])
    assert metrics["tie_share"] == {"1": 0.0, "3": 0.0}
    assert [row.budget for row in selected("random")] == [1] * 4 + [3] * 4


# Rounds: select.labelled


def write_earlier(path: str = "data/labels/round1.jsonl", names: tuple[str, ...] = ("p3", "p1")) -> str:
    write_rows(Path(path), [Row(id=name, text=f"Text {name[:2]}", label="yes", question_id=name[2:] or None) for name in names])  # fmt: skip
    return path


@pytest.mark.parametrize("item", STRATEGIES)
def test_what_is_labelled_comes_first_without_a_score_and_is_not_asked_again(item: str) -> None:
    metrics = run(item, neighbours=1, budgets=[1, 3], labelled=write_earlier())
    rows = selected(item)
    for start in (0, 4):
        assert [(row.id, row.score) for row in rows[start : start + 2]] == [("p3", None), ("p1", None)]
        assert [row.rank for row in rows[start : start + 4]] == [1, 2, 3, 4]
        assert {row.id for row in rows[start + 2 : start + 4]} == {"p2", "p4"}
        assert None not in {row.score for row in rows[start + 2 : start + 4]}
    assert metrics["labelled_before"] == 2
    assert metrics["texts_ranked"] == 4
    assert metrics["tie_share"]["1"] == 0, "a budget within the labels so far leaves nothing open"
    assert '"score"' not in Path(f"data/selected/{item}.jsonl").read_text(encoding="utf-8").splitlines()[0]


def test_cal_in_rounds_takes_its_neighbours_from_the_labels_so_far() -> None:
    """Of p2 (17 degrees) and p4 (86) the nearest labelled texts are p1 (2) and p3 (72)."""
    run("cal", neighbours=1, budgets=[4], labelled=write_earlier())
    scores = {row.id: row.score for row in selected("cal")[2:]}
    expected = {"p2": entropy([0.9, 0.1], [0.6, 0.4]), "p4": entropy([0.3, 0.7], [0.5, 0.5])}
    assert scores == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("item", ["cal", "cal_sampled"])
def test_too_few_neighbours_are_told_with_what_brings_more(item: str) -> None:
    """Three are wanted of two labels so far, of two synthetic texts, of two rows of other questions."""
    with pytest.raises(
        StandinError, match=r"only 2 labelled.*lower select.neighbours, or have more texts labelled bef"
    ):
        run(item, neighbours=3, budgets=[4], labelled=write_earlier())
    with pytest.raises(StandinError, match=r"only 2 labelled texts .*, or raise generator.texts"):
        run(item, neighbours=3)
    with pytest.raises(StandinError, match=r"only 6 labelled texts .*, or raise generator.texts"):
        run("sqbc", neighbours=7, balance=False, labelled=write_earlier(names=("p1",)))
    shutil.rmtree("models/learner/1")
    write_side("pool", [(name, None) for name in POOL], list(POOL.values()), [[0.5, 0.5]] * 4, "warmstart")
    write_side("labelled", [("w1", "old"), ("w2", "old")], [0, 90], [[0.5, 0.5]] * 2, "warmstart")
    with pytest.raises(StandinError, match=r"only 2 .*, or bring more rows of other questions \(source.warmstart\)"):
        run(item, neighbours=3)


def test_coverage_in_rounds_is_of_the_labels_so_far_and_not_of_the_synthetic_texts() -> None:
    run("coverage", budgets=[3], labelled=write_earlier(names=("p1",)))
    rows = selected("coverage")
    assert [row.id for row in rows[:3]] == ["p1", "p4", "p2"] or [row.id for row in rows[:3]] == ["p1", "p4", "p3"]
    assert rows[1].score == pytest.approx(1 - np.cos(np.radians(84)))
    assert rows[2].score == pytest.approx(1 - np.cos(np.radians(15)), abs=1e-6), "p2, 15 degrees from p1"


def test_an_arms_rows_are_rounds_of_their_own_for_each_seed() -> None:
    rounds = {1: ["p1"], 2: ["p4", "p2"]}
    rows = [
        {"seed": seed, "budget": 2, "id": name, "text": f"Text {name}", "label": "yes"}
        for seed, names in rounds.items()
        for name in names
    ]
    write_json_lines(Path("data/labels/round1.jsonl"), rows)
    metrics = run("random", seeds=[1, 2], budgets=[3], labelled="data/labels/round1.jsonl")
    for seed, names in rounds.items():
        own = [row for row in selected("random") if row.seed == seed]
        assert [row.id for row in own[: len(names)]] == names
        assert {row.id for row in own} == set(POOL)
    assert metrics["labelled_before"] == 2


def test_questions_have_labels_so_far_of_their_own() -> None:
    write_pool("bikes", "rents")
    run("random", budgets=[2], labelled=write_earlier(names=("p1rents", "p4bikes", "p2rents")))
    found = {(row.question_id, row.rank): row.id for row in selected("random")}
    assert [found["rents", 1], found["rents", 2], found["bikes", 1]] == ["p1rents", "p2rents", "p4bikes"]
    assert len(found) == 8


def test_a_pool_that_is_labelled_whole_leaves_nothing_to_select() -> None:
    with pytest.raises(StandinError, match="every text of the pool is labelled"):
        run("random", labelled=write_earlier(names=tuple(POOL)))


def test_a_round_says_how_many_were_labelled_before(capsys: pytest.CaptureFixture[str]) -> None:
    run("random", budgets=[3], labelled=write_earlier())
    assert "4 texts ranked for 1 seed, 2 labelled before;" in capsys.readouterr().out


# The synthetic pool


@pytest.mark.parametrize("item", STRATEGIES)
def test_of_a_synthetic_pool_every_synthetic_text_is_ranked(item: str, capsys: pytest.CaptureFixture[str]) -> None:
    predicted = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5], [0.2, 0.8], [0.4, 0.6]]
    write_side("labelled", [(name, None) for name in SYNTHETIC], [angle for angle, _ in SYNTHETIC.values()], predicted)
    metrics = run(item, pool="synthetic", neighbours=2, budgets=[2, 0.5])
    for start in (0, 6):
        assert {row.id for row in selected(item)[start : start + 6]} == set(SYNTHETIC)
    assert metrics["texts_ranked"] == 6
    assert "6 synthetic texts ranked" in capsys.readouterr().out


def test_of_a_synthetic_pool_sqbc_asks_the_other_synthetic_texts() -> None:
    """At 0, 10, 20 (no, no, yes) and 70, 80, 90 (yes, yes, no): c and f have neighbours that agree, the others split."""
    run("sqbc", pool="synthetic", neighbours=2, balance=False)
    split = {row.id for row in selected("sqbc") if row.score is not None and row.score > 0}
    assert split == {"a", "b", "d", "e"}


def test_in_rounds_a_synthetic_pool_is_judged_by_the_learner_of_the_labels_so_far() -> None:
    predicted = [[0.9, 0.1], [0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.8, 0.2]]
    write_side("synthetic", [(name, None) for name in SYNTHETIC], [angle for angle, _ in SYNTHETIC.values()], predicted)
    run("margin", pool="synthetic", labelled=write_earlier())
    rows = selected("margin")
    assert [row.id for row in rows[:3]] == ["b", "f", "a"]
    assert rows[0].rank == 1, "real labels take no place among synthetic texts"


# Where people label

PEOPLE = Path("data/labels/me.jsonl")


def test_without_labels_all_seeds_share_one_selection_so_that_a_budget_is_what_a_person_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("random", seeds=[1, 2, 3], budgets=[2])
    chosen = {row.id for row in selected("random") if row.rank <= 2}
    assert f"a budget of 2 means {len(chosen)} texts to label, all seeds together" in capsys.readouterr().out
    assert len(chosen) > 2
    write_rows(Path("data/real/oracle.jsonl"), [])
    run("random", seeds=[1, 2, 3], budgets=[2])
    assert "a budget of 2 means 2 texts to label, one selection for all seeds" in capsys.readouterr().out
    rows = selected("random")
    assert {row.seed for row in rows} == {1, 2, 3}
    assert len({row.id for row in rows if row.rank <= 2}) == 2


@pytest.mark.parametrize("item", STRATEGIES)
def test_a_second_round_leaves_out_what_was_labelled_in_the_first_and_nothing_of_its_own(item: str) -> None:
    of = {"p1": 1, "p3": None}
    write_labels(PEOPLE, [
        Labelled(id=name, digest=digest(f"Text {name}"), votes={"me": "no"}, round=number)
        for name, number in of.items()
    ])  # fmt: skip
    run(item, labels=str(PEOPLE), seeds=[1, 2])
    assert {row.id for row in selected(item)} == {"p2", "p3", "p4"}
    closed(*POOL)
    with pytest.raises(StandinError, match="every text was labelled in earlier rounds"):
        run(item, labels=str(PEOPLE), seeds=[1, 2])


def test_people_s_closed_rounds_are_the_labelled_set_and_neither_ranked_nor_counted() -> None:
    """CAL's neighbours are the labels of closed rounds; those of the open round are not, or it would move meanwhile."""
    of = {"p1": 1, "p3": None}
    write_labels(PEOPLE, [
        Labelled(id=name, digest=digest(f"Text {name}"), votes={"me": "yes"}, round=number) for name, number in of.items()
    ])  # fmt: skip
    metrics = run("cal", neighbours=1, budgets=[2], labels=str(PEOPLE), labelled=str(PEOPLE), seeds=[1, 2])
    rows = selected("cal")
    assert {row.id for row in rows} == {"p2", "p3", "p4"}
    assert None not in {row.score for row in rows}
    assert "labelled_before" not in metrics
    scores = {row.id: row.score for row in rows if row.seed == 1}
    assert scores["p2"] == pytest.approx(entropy([0.9, 0.1], [0.6, 0.4]), rel=1e-5), "its neighbour is p1, the only one"


def closed(*names: str) -> None:
    write_labels(
        PEOPLE, [Labelled(id=name, digest=digest(f"Text {name[:2]}"), votes={"me": "no"}, round=1) for name in names]
    )


@pytest.mark.parametrize("labelled", ["data/synthetic/texts.jsonl", str(PEOPLE)])
@pytest.mark.parametrize("item", STRATEGIES)
def test_a_text_of_a_closed_round_that_is_another_one_now_is_chosen_from_again(item: str, labelled: str) -> None:
    """As after `data add --replace`, where ids are numbers of lines. p2 says what a labelled text is near to."""
    closed("p1", "p2")
    rows = read_rows(Path("data/real/pool.jsonl"), Row)
    write_rows(Path("data/real/pool.jsonl"), [replace(rows[0], text="Another text"), *rows[1:]])
    run(item, labels=str(PEOPLE), labelled=labelled, neighbours=1, budgets=[2, 9], seeds=[1, 2])
    assert {row.id for row in selected(item)} == {"p1", "p3", "p4"}
    assert {row.budget for row in selected(item)} == {2, 3}, "three texts are left"


@pytest.mark.parametrize("item", STRATEGIES)
def test_the_last_round_takes_what_is_left_and_its_budget_is_what_it_holds(
    item: str, capsys: pytest.CaptureFixture[str]
) -> None:
    closed("p1")
    metrics = run(item, labels=str(PEOPLE), budgets=[2, 4, 40], seeds=[1, 2])
    rows = selected(item)
    assert {row.budget for row in rows} == {2, 3}, "not 4 and 40 of the same three texts"
    assert {row.id for row in rows if row.budget == 3 and row.rank <= 3} == {"p2", "p3", "p4"}
    assert set(metrics["tie_share"]) == {"2", "3"}
    assert metrics["tie_share"]["3"] == 0, "all are taken, so no tie decides"
    said = capsys.readouterr().out
    assert f"select {item}: 3 texts are left of the pool, and the budget asks for 40: this round takes all" in said
    assert "a budget of 3 means 3 texts to label, one selection for all seeds" in said


def test_a_question_with_fewer_texts_left_gives_all_and_the_others_their_budget(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_pool("bikes", "rents")
    closed("p1rents", "p2rents", "p3rents")
    metrics = run("random", labels=str(PEOPLE), budgets=[2], seeds=[1, 2])
    rows = [row for row in selected("random") if row.seed == 1 and row.rank <= row.budget]
    assert [(row.question_id, row.budget) for row in rows] == [("bikes", 2), ("bikes", 2), ("rents", 2)]
    assert rows[2].id == "p4rents"
    said = capsys.readouterr().out
    assert "question 'rents': 1 text is left of the pool, and the budget asks for 2: this round takes all" in said
    assert "question 'bikes'" not in said
    assert "a budget of 2 means 3 texts to label" in said
    assert not {"seed_share", "seed_share_of_chance"} & set(metrics), "one selection: no other seed was tried"
    assert metrics["one_selection"] is True
    assert "5 texts ranked for 2 seeds; chosen by tie-breaking (one selection tells no more): " in said


def test_a_round_of_a_question_that_is_used_up_is_one_of_the_others() -> None:
    write_pool("bikes", "rents")
    closed(*(f"{name}rents" for name in POOL))
    run("random", labels=str(PEOPLE), budgets=[2])
    assert {row.question_id for row in selected("random")} == {"bikes"}


def test_a_budget_beyond_the_pool_is_no_last_round_where_nothing_was_labelled_before() -> None:
    closed("elsewhere")
    with pytest.raises(StandinError, match=r"holds 5, but the pool has 4 texts: lower the budget.*: add some"):
        run("random", labels=str(PEOPLE), budgets=[5])


def test_labels_so_far_that_know_no_rounds_are_left_out_too_and_no_id_is_taken_for_another() -> None:
    """A file of people's with id, text and label; it is the labelled set, and the rest is ranked."""
    file = write_earlier(names=("p1", "p2"))
    run("cal", neighbours=1, budgets=[1], labels=file, labelled=file)
    scores = {row.id: row.score for row in selected("cal")}
    expected = {"p3": entropy([0.6, 0.4], [0.3, 0.7]), "p4": entropy([0.6, 0.4], [0.5, 0.5])}
    assert scores == pytest.approx(expected, rel=1e-5)


def test_an_open_first_round_is_not_its_own_labelled_set() -> None:
    write_labels(PEOPLE, [Labelled(id="p1", digest=digest("Text p1"), votes={"me": "yes"})])
    with pytest.raises(StandinError, match=r"me.jsonl: no round is closed yet.*`standin label next` closes the first"):
        run("cal", neighbours=1, labels=str(PEOPLE), labelled=str(PEOPLE))
