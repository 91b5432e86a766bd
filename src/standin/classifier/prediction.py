"""What a classifier says of texts: probabilities of the labels, and the vectors that CAL compares."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier.encoders import Classifier
from standin.classifier.frozen import autocast
from standin.classifier.inputs import Inputs, collate

BATCH = 32  # fixed, because it shapes the last bits of the probabilities


def predict(classifier: Classifier, texts: Sequence[str], questions: Sequence[str | None]) -> npt.NDArray[np.float64]:
    """Probabilities of the labels, in the order of ``classifier.labels``, for plain texts; shape (n, labels).

    ``questions``: the question each text answers, None where the task has none.
    """
    return probabilities(classifier, Inputs(classifier.encode(texts, questions)))


def probabilities(classifier: Classifier, inputs: Inputs) -> npt.NDArray[np.float64]:
    """Probabilities of the labels, in the order of ``classifier.labels``; shape (n, labels), rows sum to 1."""
    found = np.empty((len(inputs), len(classifier.labels)))
    for places, logits, _ in _batches(classifier, inputs):
        found[places] = _softmax(logits)
    return found


def embed(classifier: Classifier, inputs: Inputs) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """L2-normalised vectors that the fine-tuned classifier makes of the texts, and the probabilities.

    CAL compares [CLS] (Margatina et al. 2021), which is what their head reads; a classifier of averaged token vectors
    never trains its [CLS], so there the average is taken (ours).

    Returns:
        Vectors, shape (n, d), and probabilities, shape (n, labels), in the order of the texts.
    """
    vectors = np.empty((len(inputs), classifier.model.config.hidden_size), dtype=np.float32)
    found = np.empty((len(inputs), len(classifier.labels)), dtype=np.float32)
    for places, logits, own in _batches(classifier, inputs):
        vectors[places] = own.float().cpu().numpy()
        found[places] = _softmax(logits)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), found


def features(classifier: Classifier, inputs: Inputs) -> npt.NDArray[np.float32]:
    """What the head's linear layer reads, shape (n, d), in the order of the texts."""
    read: list[Any] = []
    handle = classifier.head.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    found = np.empty((len(inputs), classifier.head.in_features), dtype=np.float32)
    try:
        for places, _, _ in _batches(classifier, inputs):
            found[places] = read.pop().float().cpu().numpy()
    finally:
        handle.remove()
    return found


def _batches(classifier: Classifier, inputs: Inputs) -> Iterator[tuple[npt.NDArray[np.intp], Any, Any]]:
    """Batches of alike lengths, longest first (so that memory runs out at once or never): places, logits, vectors."""
    import torch

    classifier.model.to(classifier.device).eval()
    classifier.head.to(classifier.device)
    longest_first = np.argsort(-inputs.lengths(), kind="stable")
    with torch.inference_mode(), autocast(classifier.dtype, classifier.device):
        for begin in range(0, len(inputs), BATCH):
            places = longest_first[begin : begin + BATCH]
            own = inputs.at(places.tolist())
            batch, states = collate(classifier.tokenizer, own.encodings, own.states)
            states = None if states is None else states.to(classifier.device)
            yield places, *classifier.forward(batch.to(classifier.device), states, inputs.values)


def _softmax(logits: Any) -> npt.NDArray[np.float64]:
    scores: npt.NDArray[np.float64] = logits.double().cpu().numpy()
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
