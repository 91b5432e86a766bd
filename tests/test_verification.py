"""Judges of generated texts: their arithmetic by hand, their stage, and the two real models."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from standin.config import Params, parse_params
from standin.corpus import Row, SyntheticRow, write_rows
from standin.curation.verification import (
    Judgement,
    accuracy_on_shots,
    agreement,
    judge_by_classifier,
    judge_by_llm,
)
from standin.engines import registry
from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.errors import StandinError
from standin.measures.embeddings import Embeddings, write_embeddings
from standin.stages import verify
from standin.task import Task, load_task

PROJECT = Path(__file__).parents[1]
LABELS = ["transport", "environment", "housing", "community"]


def synthetic(name: str, label: str, text: str = "", question: str | None = None) -> SyntheticRow:
    return SyntheticRow(
        id=name, text=text or name, label=label, question_id=question, plan_id=name, shots=0, engine="e", model="m"
    )


def corner(label: str, *, lean: float = 0.0) -> list[float]:
    """A unit vector near the label's axis."""
    vector = np.full(4, lean)
    vector[LABELS.index(label)] = 1
    return list(vector / np.linalg.norm(vector))


def vectors(*rows: Sequence[float]) -> npt.NDArray[np.float32]:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


SHOTS = [Row(id=f"s{label}{n}", text="x", label=label) for label in LABELS for n in range(3)]
SHOT_VECTORS = vectors(*(corner(label, lean=0.1 * n) for label in LABELS for n in range(3)))


def test_the_classifier_judges_by_the_nearest_shots_and_keeps_the_asked_label() -> None:
    rows = [synthetic("g1", "transport"), synthetic("g2", "housing"), synthetic("g3", "community")]
    found = judge_by_classifier(
        rows, vectors(corner("transport"), corner("environment"), corner("community")), SHOTS, SHOT_VECTORS, LABELS
    )
    assert [(one.id, one.label, one.judged_label) for one in found] == [
        ("g1", "transport", "transport"),
        ("g2", "housing", "environment"),
        ("g3", "community", "community"),
    ]
    for one in found:
        assert list(one.p) == LABELS
        assert sum(one.p.values()) == pytest.approx(1, abs=1e-5)
        assert max(one.p, key=lambda label: one.p[label]) == one.judged_label


def test_each_question_has_a_classifier_of_its_own() -> None:
    """The two questions' shots contradict each other, so each text must meet the vectors of its own question."""
    labels = ["favor", "against"]
    one, other = [1.0, 0, 0, 0], [0, 1.0, 0, 0]
    shots = [
        Row(id=f"{question}{label}", text="x", label=label, question_id=question)
        for question in ("cars", "rent")
        for label in labels
    ]
    shot_vectors = vectors(one, other, other, one)
    rows = [synthetic(f"g{n}", "favor", question=question) for n, question in enumerate(("rent", "cars", "cars"))]
    found = judge_by_classifier(rows, vectors(one, one, other), shots, shot_vectors, labels)
    assert [judged.judged_label for judged in found] == ["against", "favor", "against"]


def test_a_classifier_without_shots_of_every_label_is_refused() -> None:
    rows, asked = [synthetic("g1", "transport")], vectors(corner("transport"))
    with pytest.raises(StandinError, match=r"shots\.jsonl: 0 texts, none of label 'transport', .*prepare\.shots"):
        judge_by_classifier(rows, asked, [], vectors(), LABELS)
    with pytest.raises(StandinError, match=r"3 texts, none of label 'environment', 'housing', 'community'"):
        judge_by_classifier(rows, asked, SHOTS[:3], SHOT_VECTORS[:3], LABELS)
    with pytest.raises(StandinError, match=r"shots\.jsonl, question 'cars': 0 texts"):
        judge_by_classifier([synthetic("g", "transport", question="cars")], asked, SHOTS, SHOT_VECTORS, LABELS)


def test_the_judge_is_tried_on_shots_it_was_not_taught_with() -> None:
    assert accuracy_on_shots(SHOTS, SHOT_VECTORS, LABELS) == 1
    mixed = [replace(row, label=LABELS[n % 4]) for n, row in enumerate(SHOTS)]
    assert accuracy_on_shots(mixed, SHOT_VECTORS, LABELS) < 0.5  # type: ignore[operator]
    unrelated = np.eye(12, dtype=np.float32)
    assert accuracy_on_shots(SHOTS, unrelated, LABELS) < 0.5, "taught with all of them it would be right every time"  # type: ignore[operator]
    assert accuracy_on_shots(SHOTS[:10], SHOT_VECTORS[:10], LABELS) is None, "a single text of community"


def test_agreement_by_hand() -> None:
    pairs = [("transport", "transport"), ("transport", "housing"), ("housing", "housing"), ("environment", "housing")]
    found = agreement([Judgement(id=str(n), label=a, judged_label=b, p={}) for n, (a, b) in enumerate(pairs)], LABELS)
    assert found.texts == 4
    assert found.overall == 0.5
    assert found.per_label == {"transport": 0.5, "environment": 0.0, "housing": 1.0, "community": None}
    assert agreement([], LABELS).overall is None


class Biased:
    """An engine that likes the first choice, and each choice the more the oftener its name stands in the text."""

    name = version = "biased"

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        raise NotImplementedError

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        asked = [chat[-1][1].split('"')[1] for chat in chats]
        scores = [[5.0 * (k == 0) + text.count(choice) for k, choice in enumerate(choices)] for text in asked]
        return np.array(scores)


@pytest.fixture(scope="module")
def city() -> Task:
    return load_task("city-topics", PROJECT)


def test_the_llm_judge_is_calibrated_by_content_free_texts(city: Task) -> None:
    """Uncalibrated, the first label would win every text by e**5 to 1; by hand: p = e**2 / (e**2 + 3)."""
    rows = [synthetic("g1", "housing", "housing, housing!"), synthetic("g2", "transport", "community")]
    found = judge_by_llm(rows, Biased(), city.prompts, LABELS, batch=1)
    assert [one.judged_label for one in found] == ["housing", "community"]
    assert found[0].p["housing"] == pytest.approx(math.e**2 / (math.e**2 + 3), abs=1e-6)
    assert found[0].p["transport"] == pytest.approx(1 / (math.e**2 + 3), abs=1e-6)


def test_a_text_that_says_nothing_is_judged_evenly_and_the_first_label_wins_the_tie(city: Task) -> None:
    (found,) = judge_by_llm([synthetic("g1", "housing", "hello")], Biased(), city.prompts, LABELS, batch=8)
    assert found.p == dict.fromkeys(LABELS, 0.25)
    assert found.judged_label == "transport"


def params(by: str, **verify_more: object) -> Params:
    return parse_params({"verify": {"by": by, **verify_more}})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, object]]]:
    """A project with shots, two generated texts and their embeddings; gives a reader of the judged texts."""
    monkeypatch.chdir(tmp_path)
    rows = [synthetic("g1", "transport", "transport"), synthetic("g2", "housing", "environment")]
    write_rows(Path("data/real/shots.jsonl"), SHOTS)
    write_rows(Path("data/translated/texts.jsonl"), rows)
    write_embeddings(Path("data/embeddings/real"), Embeddings(tuple(row.id for row in SHOTS), SHOT_VECTORS))
    ordered = vectors(corner("environment"), corner("transport"))
    write_embeddings(Path("data/embeddings/generated"), Embeddings(("g2", "g1"), ordered))

    def judged() -> list[dict[str, object]]:
        lines = Path("data/judged/texts.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    return judged


def test_without_a_judge_the_file_is_empty(city: Task, project: Callable[[], object]) -> None:
    assert verify.run(params("none"), city, "") == {"judged_texts": 0}
    assert project() == []


def test_the_stage_judges_by_classifier(city: Task, project: Callable[[], list[dict[str, object]]]) -> None:
    metrics = verify.run(params("classifier"), city, "")
    assert [(line["id"], line["label"], line["judged_label"]) for line in project()] == [
        ("g1", "transport", "transport"),
        ("g2", "housing", "environment"),
    ]
    assert metrics == {
        "judged_texts": 2,
        "judge_agreement": 0.5,
        "judge_agreement_by_label": {"transport": 1.0, "housing": 0.0},
        "judge_accuracy_on_shots": 1.0,
    }


def test_equal_inputs_give_equal_bytes(city: Task, project: Callable[[], object]) -> None:
    written = []
    for _ in range(2):
        verify.run(params("classifier"), city, "")
        written.append(Path("data/judged/texts.jsonl").read_bytes())
    assert written[0] == written[1]


def test_the_stage_judges_by_llm_with_a_model_of_its_own(
    city: Task, project: Callable[[], list[dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(registry, "load", lambda *given: asked.append(given) or Biased())  # type: ignore[func-returns-value]
    metrics = verify.run(params("llm", model="other/judge", dtype="bfloat16"), city, "")
    assert asked[0][:4] == ("transformers", "other/judge", "main", "bfloat16")
    assert [line["judged_label"] for line in project()] == ["transport", "environment"]
    assert metrics["judge_agreement"] == 0.5
    assert metrics["judge_accuracy_on_shots"] == 0.25, "texts that say nothing are judged to be of the first label"


@pytest.mark.slow
def test_the_embedded_model_judges_each_text_alike_in_any_batch(city: Task) -> None:
    """No claim that it judges well: 135 M parameters are near chance, which judge_accuracy_on_shots then says."""
    from standin.config import Runtime

    engine = registry.load("transformers", "smollm2-135m-instruct", "main", "float32", Runtime())
    texts = ["The tram to the station is always late.", "Rents are too high.", "Plant more trees in the park, please!"]
    rows = [synthetic(text, "transport", text) for text in texts]
    one, three = (judge_by_llm(rows, engine, city.prompts, LABELS, batch=batch) for batch in (1, 3))
    for alone, together in zip(one, three, strict=True):
        assert sum(alone.p.values()) == pytest.approx(1, abs=1e-5)
        assert alone.p == pytest.approx(together.p, abs=1e-3)
        assert alone.judged_label == together.judged_label
    assert len({json.dumps(found.p) for found in one}) == 3, "the text matters"
