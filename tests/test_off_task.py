"""Texts far from the task: what far is measured by, where the bound comes from, and what a person is told of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.config import parse_params
from standin.corpus import Removed, Row, SyntheticRow, read_rows, write_json_lines, write_rows
from standin.curation.off_task import off_task, similarity, yardstick
from standin.measures.embeddings import Embeddings, embed, write_embeddings
from standin.report import content, counts
from standin.stages import curate
from standin.task import load_task

ROOT = Path(__file__).parents[1]
NOTHING = np.empty((0, 2), np.float32)


def angles(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane: their cosines are the cosines of the angles between them."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def cosines(*degrees: float) -> float:
    return float(np.cos(np.radians(degrees)).mean())


def test_the_mean_of_the_five_nearest_shots_counts() -> None:
    found = similarity(angles(0), angles(10, 20, 30, 40, 50, 170), NOTHING)
    assert found == pytest.approx([cosines(10, 20, 30, 40, 50)], abs=1e-6)


def test_fewer_than_five_shots_count_all() -> None:
    assert similarity(angles(0), angles(10, 60), NOTHING) == pytest.approx([cosines(10, 60)], abs=1e-6)


def test_one_description_nearer_than_the_shots_is_enough() -> None:
    """A text may be about what a label is said to be, and yet like none of the few shots."""
    shots = angles(80, 85, 90, 95, 100)
    assert similarity(angles(0), shots, angles(30, 120)) == pytest.approx([cosines(30)], abs=1e-6)
    assert similarity(angles(90), shots, angles(200)) == pytest.approx([cosines(10, 5, 0, 5, 10)], abs=1e-6)


def test_a_shot_left_out_is_not_compared_with_itself() -> None:
    found = similarity(angles(0, 60), angles(0, 60), NOTHING, left_out=True)
    assert found == pytest.approx([0.5, 0.5], abs=1e-6)


def test_the_bound_is_the_similarity_that_so_large_a_share_of_real_texts_does_not_pass() -> None:
    """Of 39 shots 36 lie together and three apart, alone, each a little further from the heap than the other."""
    shots = angles(*[0.0] * 36, 40, 60, 80)
    expected = [
        cosines(20, 40, 80, 80, 80),
        cosines(20, 20, 60, 60, 60),
        cosines(20, 40, 40, 40, 40),
    ]
    one, two, three = (yardstick(shots, NOTHING, share) for share in (0.025, 0.05, 0.075))  # k of 40: 1, 2, 3
    assert [found.bound for found in (one, two, three)] == pytest.approx(expected, abs=1e-6)
    assert [found.removed for found in (one, two, three)] == [1, 2, 3]


def test_too_few_shots_say_nothing_and_how_many_would() -> None:
    found = yardstick(angles(*range(18)), NOTHING, 0.05)
    assert (found.bound, found.shots, found.needed, found.removed) == (None, 18, 19, 0)
    assert yardstick(angles(*range(19)), NOTHING, 0.05).bound is not None
    assert yardstick(NOTHING, NOTHING, 0.05).bound is None
    assert yardstick(angles(0), NOTHING, 0.9).bound is None, "one shot has no other to be compared with"


@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.01, 0.9))
def test_about_the_share_asked_for_of_the_shots_lies_at_or_below_the_bound(
    seed: int, number: int, share: float
) -> None:
    vectors = np.random.default_rng(seed).standard_normal((number, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = yardstick(vectors, np.empty((0, 4), np.float32), share)
    if found.bound is None:
        assert number < found.needed
        return
    asked = int(share * (number + 1) + 1e-9)
    own = similarity(vectors, vectors, np.empty((0, 4), np.float32), left_out=True)
    assert found.removed >= asked, "ties may add some"
    assert (own < found.bound).sum() < asked


def test_of_further_real_texts_about_the_share_goes() -> None:
    """The promise of the yardstick, on 400 sets of 39 shots and 40 further texts of the same kind: 5 % of 16,000."""
    rng = np.random.default_rng(0)
    gone = []
    for _ in range(400):
        vectors = rng.standard_normal((79, 8)).astype(np.float32) + np.eye(8, dtype=np.float32)[0] * 2
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        shots, others = vectors[:39], vectors[39:]
        none = np.empty((0, 8), np.float32)
        gone.append(float((similarity(others, shots, none) <= yardstick(shots, none, 0.05).bound).mean()))
    assert np.mean(gone) == pytest.approx(0.05, abs=0.008)


def rows(*ids: str, question: str | None = None) -> list[Row]:
    return [Row(id=name, text=name, question_id=question) for name in ids]


def test_each_question_has_a_yardstick_of_its_own() -> None:
    """The shots of question a lie at 0 degrees, those of b at 90: a text at 90 is far from a and near to b."""
    known = [*rows(*(f"a{n}" for n in range(4)), question="a"), *rows(*(f"b{n}" for n in range(4)), question="b")]
    shots = angles(0, 5, 10, 15, 90, 95, 100, 105)
    texts = [*rows("right", question="b"), *rows("wrong", question="a"), *rows("fine", question="a")]
    found = off_task(texts, angles(90, 90, 7), known, shots, {"a": NOTHING, "b": NOTHING}, 0.25)
    assert list(found.texts) == ["wrong"]
    assert [(each.question_id, each.shots) for each in found.yardsticks] == [("a", 4), ("b", 4)]


def test_a_text_exactly_at_the_bound_goes_as_the_shots_there_would() -> None:
    """Shots at 0, 120 and 240 degrees, a description at 60: 0.5, 0.5 and -0.5, so half of the real texts reach 0.5."""
    known, shots = rows("x0", "x1", "x2"), angles(0, 120, 240)
    found = off_task(rows("at", "above"), angles(0, 30), known, shots, {None: angles(60)}, 0.5)
    assert [(each.bound, each.removed) for each in found.yardsticks] == [(0.5, 3)]
    assert found.texts == {"at": 0.5}


def test_a_question_without_shots_loses_no_text() -> None:
    found = off_task(rows("t", question="b"), angles(90), rows("a0", "a1", question="a"), angles(0, 5), {}, 0.4)
    assert found.texts == {}
    assert [(each.question_id, each.bound is None) for each in found.yardsticks] == [("a", False), ("b", True)]


def test_talk_to_the_asker_is_far_from_the_example_task_and_a_citizens_question_is_not() -> None:
    """With the embedded encoder and the example's real texts, at a bound that takes one real text of twenty."""
    task = load_task("city-topics", ROOT)
    lines = (ROOT / "data/raw/city-topics/texts.jsonl").read_text(encoding="utf-8").splitlines()
    real = [Row(id=str(n), text=json.loads(line)["text"]) for n, line in enumerate(lines[:64])]
    said = [
        "I'm sorry, but I did not understand your request. Could you say what you mean?",
        "As a chatbot I have no opinion of my own. Please refer to the text above.",
        "Sure, I'd be happy to help! What would you like me to write?",
        "When will the stop at the hospital get a shelter? We stand in the rain every morning.",
        "The park behind the school is full of rubbish again, who empties the bins?",
        "Our rent went up by a third after the new owner painted the stairs.",
    ]
    texts = [Row(id=f"t{n}", text=text) for n, text in enumerate(said)]
    vectors = embed([row.text for row in [*texts, *real]] + list(task.descriptions.values()), "all-minilm-l6-v2", "main",
                    parse_params({}).runtime)  # fmt: skip
    found = off_task(texts, vectors[:6], real, vectors[6:70], {None: vectors[70:]}, 0.05)
    assert list(found.texts) == ["t0", "t1", "t2"]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """20 shots between 0 and 19 degrees, and three texts: at 5, at 70 and at 180 degrees."""
    monkeypatch.chdir(tmp_path)
    texts = ["The bus on line seven is late", "Thank you for a lovely day", "Please specify what you want"]
    made = [
        SyntheticRow(id=f"s{n}", text=text, label="transport", plan_id=f"p{n}", shots=0, engine="e", model="m")
        for n, text in enumerate(texts)
    ]
    shots = [Row(id=f"x{n}", text=f"shot {n}", label="transport") for n in range(20)]
    plan = [{"plan_id": f"p{n}", "conversation": "c", "shots": []} for n in range(3)]
    write_json_lines(Path("data/generated/plan.jsonl"), plan)
    write_rows(Path("data/generated/removed.jsonl"), [])
    write_rows(Path("data/translated/texts.jsonl"), made)
    for split in ("pool", "validation", "test"):
        write_rows(Path(f"data/real/{split}.jsonl"), [])
    write_json_lines(Path("data/judged/texts.jsonl"), [])
    embedded(made, shots)
    return tmp_path


def embedded(made: Sequence[Row], shots: Sequence[Row]) -> None:
    task = load_task("city-topics", ROOT)
    write_rows(Path("data/real/shots.jsonl"), shots)
    for name, found, places in (
        ("generated", [row.id for row in made], [5, 70, 180]),
        ("real", [row.id for row in shots], range(len(shots))),
        ("real/descriptions", list(task.descriptions), [70, 100, 100, 100]),
    ):
        write_embeddings(Path("data/embeddings") / name, Embeddings(tuple(found), angles(*places)))


def run(share: float | None) -> dict[str, Any]:
    task = load_task("city-topics", ROOT)
    return dict(curate.run(parse_params({"curate": {"off_task": share, "near_duplicate_cosine": 1.0}}), task, ""))


def test_the_stage_takes_them_out_counts_them_and_says_by_what_yardstick(stage: Path) -> None:
    """The text at 70 degrees lies near the first label's description, so only the one at 180 goes."""
    metrics = run(0.05)
    assert (metrics["planned"], metrics["kept"], metrics["off_task"]) == (3, 2, 1)
    (gone,) = read_rows(Path("data/synthetic/removed.jsonl"), Removed)
    assert (gone.id, gone.reason, gone.survivor) == ("s2", "off_task", None)
    assert gone.score == pytest.approx(cosines(80), abs=1e-6), "to the description at 100 degrees"
    bound = cosines(1, 2, 3, 4, 5)  # of the shots at 0 and 19 degrees, the two that lie at an end
    assert metrics["off_task_yardstick"] == {
        "shots": 20,
        "bound": pytest.approx(bound, abs=1e-6),
        "shots_at_or_below": 2,
        "share_of_shots": 0.1,
    }
    assert metrics["removed_share"]["off_task"] == pytest.approx(1 / 3)


def test_off_by_null_there_is_no_yardstick(stage: Path) -> None:
    metrics = run(None)
    assert (metrics["kept"], metrics["off_task"]) == (3, 0)
    assert "off_task_yardstick" not in metrics


def test_with_too_few_shots_nothing_goes_and_the_stage_says_why(
    stage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = read_rows(Path("data/translated/texts.jsonl"), SyntheticRow)
    embedded(made, [Row(id=f"x{n}", text=f"shot {n}", label="transport") for n in range(12)])
    metrics = run(0.05)
    assert (metrics["kept"], metrics["off_task_yardstick"]) == (3, {"shots": 12, "off": "needs 19 shots"})
    assert (
        "curate: no text is off_task: 12 shots are too few to say how far real texts lie, 19 are needed "
        "(prepare.shots, or a larger share in curate.off_task)"
    ) in capsys.readouterr().out


def test_the_page_names_the_bound_and_the_share_of_real_texts_beyond_it() -> None:
    told = {"shots": 64, "bound": 0.2321, "shots_at_or_below": 3, "share_of_shots": 3 / 64}
    assert counts.curation_notes({"length_unit": "words", "off_task_yardstick": told}) == [
        "Off task: a similarity of 0.23 or less to the task (the mean cosine of the five nearest shots, or that of a "
        "label's description if it is higher). 3 of the 64 shots (4.7%), each left out once, lie so far away."
    ]
    both = {"cars": told, "trams": {"shots": 4, "off": "needs 19 shots"}}
    first, second = counts.curation_notes({"off_task_yardstick": both})
    assert first.startswith("Off task of cars: a similarity of 0.23 or less")
    assert second == "Off task of trams: not sought, 4 shots are too few (needs 19 shots)."
    assert counts.curation_notes({}) == []


def test_the_page_counts_them_shows_their_similarity_and_compares_them_with_no_survivor() -> None:
    gone = Removed(id="s", plan_id="p", label="a", text="Please specify", reason="off_task", score=0.154)
    assert content.why(gone) == "off task: far from every real text of the task (similarity 0.15)"
    assert content.borderline([gone], [], 5) == []
    assert content.flow(["a"], [], [gone])["columns"] == ["planned", "kept", "off_task"]
