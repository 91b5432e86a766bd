"""How long a training is, where its head begins, and what a label weighs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny_classifier import BUS, CODES, NO_QUESTIONS, TEXTS, chosen, started, trained, weights
from tiny_encoder import write_tiny_encoder

from standin.classifier.encoders import save
from standin.classifier.inputs import inputs_of
from standin.classifier.prediction import features, probabilities
from standin.classifier.probe import PENALTY, linear_probe
from standin.classifier.training import class_weights, fine_tune, probed, rows_seen, steps_of
from standin.config import Length, parse_params


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True)
def states_are_kept_elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path_factory.mktemp("root")))


# Length


@pytest.mark.parametrize(
    ("texts", "length", "batch", "rows", "steps"),
    [
        (3000, {"epochs": 1, "min_steps": 1}, 16, 3000, 188),  # the last batch holds 8
        (500, {"epochs": 4}, 16, 2000, 125),
        (1000, {"epochs": 4}, 16, 4000, 250),
        (3000, {"epochs": 4}, 16, 12000, 750),
        (10, {"epochs": 4, "min_steps": 20}, 16, 320, 20),  # 40 rows would be 3 steps: the floor
        (3000, {"epochs": 4, "max_steps": 100}, 16, 1600, 100),  # the ceiling
        (10, {"epochs": 2.5, "min_steps": 1}, 8, 25, 4),
        (10, {"epochs": 0.01, "min_steps": 1}, 1, 1, 1),  # never nothing
        (48, {"epochs": 1, "min_steps": 3, "max_steps": 3}, 16, 48, 3),
    ],
)
def test_a_training_is_as_long_as_its_epochs_between_floor_and_ceiling(
    texts: int, length: dict[str, float], batch: int, rows: int, steps: int
) -> None:
    found = rows_seen(texts, Length(**length), batch)  # type: ignore[arg-type]
    assert (found, steps_of(found, batch)) == (rows, steps)


@given(st.integers(1, 500), st.floats(0.01, 9), st.integers(1, 20), st.integers(0, 200), st.integers(1, 32))
def test_steps_stay_between_floor_and_ceiling(texts: int, epochs: float, floor: int, more: int, batch: int) -> None:
    length = Length(epochs=epochs, min_steps=floor, max_steps=floor + more)
    steps = steps_of(rows_seen(texts, length, batch), batch)
    assert floor <= steps <= floor + more


def test_one_epoch_reads_every_text_once_and_says_so(encoder: Path) -> None:
    told: list[int] = []
    start = started(encoder, epochs=1.0, min_steps=1)
    found = fine_tune(start, inputs_of(start, TEXTS, NO_QUESTIONS), CODES, 1, told.append)
    assert (found.rows_seen, found.steps, len(told)) == (10, 2, 2)


def test_a_length_of_its_own_counts_instead_of_the_settings(encoder: Path) -> None:
    start = started(encoder, steps=9)
    length = Length(epochs=3.0, min_steps=1)
    found = fine_tune(start, inputs_of(start, TEXTS, NO_QUESTIONS), CODES, 1, lambda _: None, length)
    assert (found.rows_seen, found.steps) == (30, 4)


def test_the_ceiling_holds_where_the_floor_lies_above_it() -> None:
    length = parse_params({"finetune": {"max_steps": 5}}).finetune
    assert length.min_steps > 5
    assert [steps_of(rows_seen(texts, length, 16), 16) for texts in (48, 3000)] == [5, 5]


# The probe


def blobs(labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """60 points around a centre per label, shares unequal, on axes of very different scales."""
    generator = np.random.default_rng(seed)
    classes = generator.permutation(np.arange(60) ** 2 // 60 % labels)
    centres = generator.normal(size=(labels, 6))
    points = (centres[classes] + generator.normal(size=(60, 6))) * np.array([1, 10, 0.1, 3, 0.01, 100]) + 5
    return points.astype(np.float32), classes


def softmax(points: np.ndarray, head: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    logits = points.astype(np.float64) @ head[0].T + head[1]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("balanced", [False, True])
def test_the_probe_is_a_logistic_regression_on_standardised_features(labels: int, balanced: bool) -> None:
    points, classes = blobs(labels)
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=PENALTY * 240 / 60, max_iter=1000, class_weight="balanced" if balanced else None),
    ).fit(points.astype(np.float64), classes)
    head = linear_probe(points, classes, labels, balanced)
    assert head is not None
    assert (head[0].dtype, head[0].shape, head[1].shape) == ("float32", (labels, 6), (labels,))
    assert softmax(points, head) == pytest.approx(model.predict_proba(points), abs=1e-4)


def test_balanced_labels_weigh_the_same() -> None:
    """57 and 3 of two overlapping labels: the mean probability of the rare one is its share, or a half."""
    generator = np.random.default_rng(0)
    classes = np.array([0] * 57 + [1] * 3)
    points = generator.normal(size=(60, 4)).astype(np.float32)
    rare = []
    for balanced in (False, True):
        head = linear_probe(points, classes, 2, balanced)
        assert head is not None
        rare.append(softmax(points, head)[:, 1].mean())
    assert rare[0] == pytest.approx(3 / 60, abs=0.01)
    assert rare[1] > 0.35


def test_a_label_without_texts_gets_almost_nothing() -> None:
    points, classes = blobs(2)
    head = linear_probe(points, np.where(classes == 0, 0, 3), 4, False)
    assert head is not None
    shares = softmax(points, head)
    assert shares[:, [1, 2]].max() < 1e-3
    known = linear_probe(points, classes, 2, False)
    assert known is not None
    assert shares[:, [0, 3]] == pytest.approx(softmax(points, known), abs=1e-3)


@pytest.mark.parametrize("spread", [0.0, 1e-12, 1e-7])
def test_a_feature_that_hardly_varies_says_nothing(spread: float) -> None:
    """MiniLM has such dimensions: divided by their deviation a text that differs there by 0.1 would weigh 1e6 more."""
    points, classes = blobs(3)
    flat = 0.05 + spread * np.random.default_rng(1).normal(size=(60, 1))
    wide = np.hstack([points, flat]).astype(np.float32)
    with_flat, without = linear_probe(wide, classes, 3, False), linear_probe(points, classes, 3, False)
    assert with_flat is not None
    assert without is not None
    other = wide.copy()
    other[:, -1] += 0.001  # as far off as texts not trained on may be
    assert np.isfinite(with_flat[0]).all()
    assert softmax(other, with_flat) == pytest.approx(softmax(points, without), abs=0.01)


def test_features_that_are_all_constant_give_the_shares_of_the_labels() -> None:
    head = linear_probe(np.full((4, 3), 0.1, dtype=np.float32), np.array([0, 0, 0, 1]), 2, False)
    assert head is not None
    assert np.isfinite(head[0]).all()
    assert softmax(np.full((1, 3), 0.1, dtype=np.float32), head)[0] == pytest.approx([0.75, 0.25], abs=1e-3)


def test_one_label_has_no_probe() -> None:
    assert linear_probe(np.eye(3, dtype=np.float32), np.array([1, 1, 1]), 2, False) is None


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_probe_of_texts_with_one_label_answers_with_it_alone(encoder: Path, pooling: str, label: int) -> None:
    start = started(encoder, pooling=pooling)
    told: list[int] = []
    found = probed(start, inputs_of(start, BUS, NO_QUESTIONS[:5]), np.full(5, label), 1, told.append)
    shares = probabilities(found.classifier, inputs_of(start, TEXTS, NO_QUESTIONS))
    assert shares[:, label].min() > 0.999
    assert (told, found.steps, found.rows_seen) == ([1], 0, 5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("layers", [0, 2])
def test_fine_tuning_begins_with_what_the_probe_says(encoder: Path, pooling: str, layers: int) -> None:
    """A learning rate of 1e-12 leaves everything where it began."""
    start = started(encoder, steps=1, learning_rate=1e-12, pooling=pooling, frozen_layers=layers, probe=True)
    inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
    classifier = trained(start).classifier
    head = linear_probe(features(start.classifier(1), inputs), CODES, 2, False)
    assert head is not None
    assert weights(classifier.head)["weight"] == pytest.approx(head[0], abs=1e-6)
    said = softmax(features(classifier, inputs), head)
    assert probabilities(classifier, inputs) == pytest.approx(said, abs=1e-5)


def test_features_that_are_given_are_not_computed_again(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = started(encoder, steps=2, probe=True)
    inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
    read = features(start.classifier(1), inputs)
    first = fine_tune(start, inputs, CODES, 1, lambda _: None)
    monkeypatch.setattr("standin.classifier.training.features", lambda *_: pytest.fail("computed again"))
    given_ = fine_tune(start, inputs, CODES, 1, lambda _: None, read=read)
    assert (weights(first.classifier.head)["weight"] == weights(given_.classifier.head)["weight"]).all()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_warm_start_keeps_its_head(encoder: Path, tmp_path: Path, pooling: str) -> None:
    before = trained(started(encoder, steps=3, pooling=pooling)).classifier
    save(before, tmp_path, chosen(encoder), {}, "")
    after = trained(started(encoder, warm=tmp_path, steps=1, learning_rate=1e-12, probe=True)).classifier
    assert weights(after.head)["weight"] == pytest.approx(weights(before.head)["weight"], abs=1e-6)


# Class weights


def test_class_weights_by_hand() -> None:
    """6 of one label and 2 of another, 8 in all: 8 / (2 x 6) and 8 / (2 x 2); the label without texts counts as 1."""
    classes = np.array([0] * 6 + [2] * 2)
    found = class_weights(classes, 3)
    assert found == pytest.approx([8 / 12, 1, 8 / 4])
    assert found.dtype == "float32"
    assert found[classes].mean() == pytest.approx(1)
    assert class_weights(np.array([1, 0]), 2) == pytest.approx([1, 1])


def loss_of_the_first_step(encoder: Path, codes: np.ndarray, **values: Any) -> tuple[float, np.ndarray]:
    """The loss of a step over all ten texts at once, and what the classifier says of them before."""
    start = started(encoder, steps=1, batch=10, learning_rate=1e-12, **values)
    inputs = inputs_of(start, TEXTS, NO_QUESTIONS)
    found = fine_tune(start, inputs, codes, 1, lambda _: None)
    return found.history[0].loss, probabilities(found.classifier, inputs)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_weighted_mean_of_the_surprises(tmp_path: Path, weighted: bool) -> None:
    codes = np.array([0] * 8 + [1] * 2)
    loss, shares = loss_of_the_first_step(write_tiny_encoder(tmp_path, dropout=0.0), codes, class_weights=weighted)
    surprises = -np.log(shares[np.arange(10), codes])
    weight = np.where(codes == 0, 10 / 16, 10 / 4) if weighted else np.ones(10)
    assert loss == pytest.approx((weight * surprises).mean(), abs=1e-3)


def test_with_weights_a_rare_label_is_found(encoder: Path) -> None:
    """The same text 8 times under one label and twice under the other: weights turn 8 to 2 into 5 to 5."""
    codes = np.array([0] * 8 + [1] * 2)
    rare = []
    for weighted in (False, True):
        start = started(encoder, steps=40, batch=10, frozen_layers=3, class_weights=weighted, learning_rate=0.02)
        inputs = inputs_of(start, ["the bus is late"] * 10, NO_QUESTIONS)
        rare.append(probabilities(fine_tune(start, inputs, codes, 1, lambda _: None).classifier, inputs)[0, 1])
    assert rare == pytest.approx([0.2, 0.5], abs=0.06)
