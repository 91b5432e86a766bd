"""One training of an arm: what it is given, what it gives, and all of them one after another or over a cluster."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from standin.classifier.encoders import Classifier, Start, begin, in_half
from standin.classifier.inputs import Inputs
from standin.classifier.prediction import probabilities
from standin.classifier.training import Step, fine_tune, probed
from standin.cluster import alone, placed, spread
from standin.config import Finetune, Runtime
from standin.evaluation.scores import score

Shares = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Key:
    """What one classifier is for."""

    question: str | None
    budget: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Training:
    """What a classifier learns from.

    ``codes``: place of each text's label, shape (n,). ``read``: what the head reads of each text at the start, shape
    (n, d), where it is known. ``saved``: whether the classifier may be kept.
    """

    key: Key
    inputs: Inputs
    codes: Codes
    read: npt.NDArray[np.float32] | None
    saved: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What every classifier of an arm is held against; question -> texts.

    ``validation``: with the places of their labels. ``probe``: whether the encoder stays as it is, under a linear head.
    """

    validation: Mapping[str | None, tuple[Inputs, Codes]]
    test: Mapping[str | None, Inputs]
    probe: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one training.

    ``history``: the loss curve. ``texts`` were there to train on, ``seen`` counts the rows read, repeats included, in
    ``steps``. ``validation``: macro-F1, accuracy and number of validation texts.
    """

    history: list[Step]
    texts: int
    seen: int
    steps: int
    validation: tuple[float, float, int] | None


@dataclass(frozen=True, slots=True)
class Learned:
    """A training's end. ``shares``: probabilities of the test texts' labels, shape (n, labels)."""

    kept: Kept
    shares: Shares
    classifier: Classifier | None


def each(
    trainings: Iterable[Training], held: Held, start: Start, runtime: Runtime, on_step: Callable[[int], None]
) -> Iterator[tuple[Key, Learned]]:
    """Learn every classifier, on this machine or by the workers of ``runtime.cluster``, one each at a time.

    Args:
        trainings: what they learn from; on a cluster they are taken as they are sent.
        held: what they are held against.
        start: where they begin; workers make their own.
        runtime: ``threads`` are a training's processors, and it takes one GPU where there is any.
        on_step: told how many steps are done: one at a time here, those of a training when it comes back.

    Yields:
        Keys and what was learned, in the order of the trainings.

    Raises:
        StandinError: from the trainings or the cluster.
    """
    if not runtime.cluster:
        for training in trainings:
            yield training.key, learned(training, held, start, on_step)
        return
    warm = Path(start.source).absolute() if start.warm else None
    settings = start.settings.model_copy(update={"encoder": placed(start.settings.encoder)})
    begun = partial(_worker, settings, start.labels, warm, held, alone(runtime))
    early: dict[int, tuple[Key, Learned]] = {}
    turn = 0
    for place, (key, found) in spread(runtime, trainings, begun):
        on_step(1 if held.probe else found.kept.steps)
        if found.classifier:
            found = replace(found, classifier=_received(found.classifier, start))
        early[place] = key, found
        while turn in early:
            yield early.pop(turn)
            turn += 1


def learned(training: Training, held: Held, start: Start, on_step: Callable[[int], None]) -> Learned:
    """Train one classifier, in half precision at the end, and let it read the validation and test texts."""
    key = training.key
    learn = probed if held.probe else fine_tune
    found = learn(start, training.inputs, training.codes, key.seed, on_step, read=training.read)
    classifier = found.classifier
    in_half(classifier)
    validated = None
    if (own := held.validation.get(key.question)) is not None:
        validated = scored(own[1], probabilities(classifier, own[0]), len(start.labels))
    kept = Kept(found.history, len(training.codes), found.rows_seen, found.steps, validated)
    shares = probabilities(classifier, held.test.get(key.question, Inputs([])))
    return Learned(kept, shares, classifier if training.saved else None)


def scored(truth: Codes, shares: Shares, labels: int) -> tuple[float, float, int]:
    """Macro-F1 and accuracy of answers with these probabilities, shape (n, labels), and the number of texts."""
    return *score(truth, shares.argmax(axis=1), labels), len(truth)


def _worker(
    settings: Finetune, labels: tuple[str, ...], warm: Path | None, held: Held, runtime: Runtime
) -> Callable[[Training], tuple[Key, Learned]]:
    start = begin(settings, labels, runtime, warm)

    def work(training: Training) -> tuple[Key, Learned]:
        found = learned(training, held, start, lambda _: None)
        return training.key, replace(found, classifier=_sent(found.classifier) if found.classifier else None)

    return work


def _sent(classifier: Classifier) -> Classifier:
    """A classifier, in half precision already, for a machine without a GPU that has its tokenizer."""
    for part in (classifier.model, classifier.head):
        part.half().cpu()
    return replace(classifier, device="cpu", tokenizer=None)


def _received(classifier: Classifier, start: Start) -> Classifier:
    for part in (classifier.model, classifier.head):
        part.float()
    return replace(classifier, tokenizer=start.tokenizer)
