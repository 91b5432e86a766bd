"""What a classifier says of texts: probabilities of the labels, and the [CLS] embeddings that CAL compares."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier.encoders import Classifier, Encoding

BATCH = 32  # fixed, because it shapes the last bits of the probabilities


def predict(classifier: Classifier, texts: Sequence[str], questions: Sequence[str | None]) -> npt.NDArray[np.float64]:
    """Probabilities of the labels, in the order of ``classifier.labels``, for plain texts; shape (n, labels).

    ``questions``: the question each text answers, None where the task has none.
    """
    return probabilities(classifier, classifier.encode(texts, questions))


def probabilities(classifier: Classifier, encodings: Sequence[Encoding]) -> npt.NDArray[np.float64]:
    """Probabilities of the labels, in the order of ``classifier.labels``; shape (n, labels), rows sum to 1."""
    found = np.empty((len(encodings), len(classifier.labels)))
    for places, outputs in _batches(classifier, encodings, hidden=False):
        found[places] = _softmax(outputs.logits)
    return found


def embed(
    classifier: Classifier, encodings: Sequence[Encoding]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """L2-normalised [CLS] of the fine-tuned encoder's last layer, and the probabilities (Margatina et al. 2021).

    Returns:
        Embeddings, shape (n, d), and probabilities, shape (n, labels), in the order of the texts.
    """
    width = classifier.model.config.hidden_size
    embeddings = np.empty((len(encodings), width), dtype=np.float32)
    found = np.empty((len(encodings), len(classifier.labels)), dtype=np.float32)
    for places, outputs in _batches(classifier, encodings, hidden=True):
        cls = outputs.hidden_states[-1][:, 0].float().cpu().numpy()
        embeddings[places] = cls / np.linalg.norm(cls, axis=1, keepdims=True)
        found[places] = _softmax(outputs.logits)
    return embeddings, found


def _batches(
    classifier: Classifier, encodings: Sequence[Encoding], hidden: bool
) -> Iterator[tuple[npt.NDArray[np.intp], Any]]:
    """Batches of alike lengths, longest first (so that memory runs out at once or never): places and model outputs."""
    import torch

    model = classifier.model.to(classifier.device).eval()
    longest_first = np.argsort([-len(encoding["input_ids"]) for encoding in encodings], kind="stable")
    half = torch.autocast(classifier.device, dtype=torch.bfloat16, enabled=classifier.dtype == "bfloat16")
    with torch.inference_mode(), half:
        for begin in range(0, len(encodings), BATCH):
            places = longest_first[begin : begin + BATCH]
            padded = classifier.tokenizer.pad([encodings[place] for place in places], return_tensors="pt")
            yield places, model(**padded.to(classifier.device), output_hidden_states=hidden)


def _softmax(logits: Any) -> npt.NDArray[np.float64]:
    scores: npt.NDArray[np.float64] = logits.double().cpu().numpy()
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
