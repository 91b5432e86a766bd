"""A linear classifier on character n-grams: it needs no encoder, so it reads any language (``[real, ngrams]``).

Texts are weighed by tf-idf over the character n-grams inside their words (Cavnar and Trenkle 1994 for n-grams across
languages, recalled), with the logarithm of counts, and a logistic regression tells the labels. The settings are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier.probe import ABSENT

LENGTHS = (2, 5)
"""Shortest and longest n-gram, in characters; a word has a space at either end. (1, 5) and (3, 5) gave macro-F1 within
0.01 of it."""
PENALTY = 100.0
"""scikit-learn's C. Its default of 1 answers nearly all texts with the most frequent label: 200 texts of five English
tasks gave macro-F1 0.51 (six draws each); 0.66 at 10, 0.68 at 100, 0.69 at 1000, where next to no penalty is left."""


@dataclass(frozen=True, slots=True)
class Ngrams:
    """A fitted classifier; both models are None where all that was there to learn is how frequent the labels are."""

    labels: int
    shares: npt.NDArray[np.float64]
    """Of each label among the training texts, shape (labels,); equal ones where labels are to weigh the same."""
    weights: Any = None
    model: Any = None

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Of the labels for each text, shape (n, labels), rows sum to 1; a label without a training text has almost 0.

        Texts without a known n-gram all get the same, which the intercepts say.
        """
        scores = np.full((len(texts), self.labels), ABSENT)
        if self.model is None:
            scores[:, self.shares > 0] = np.log(self.shares[self.shares > 0])
        elif len(texts):
            scores[:, self.model.classes_] = self.model.predict_log_proba(self.weights.transform(texts))
        powers = np.exp(scores)
        found: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return found


def learned(texts: Sequence[str], classes: npt.NDArray[np.intp], labels: int, balanced: bool) -> Ngrams:
    """The classifier of these texts; the same texts give the same one.

    Args:
        texts: at least one. Where all have one label, or all are blank, no n-gram tells anything.
        classes: place of each text's label, shape (n,).
        labels: number of labels.
        balanced: every label weighs the same, whatever its number of texts.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    counts = np.bincount(classes, minlength=labels)
    shares = (counts > 0) / np.count_nonzero(counts) if balanced else counts / counts.sum()
    if np.count_nonzero(counts) < 2 or not any(text.strip() for text in texts):
        return Ngrams(labels, shares)
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=LENGTHS, sublinear_tf=True)
    model = LogisticRegression(C=PENALTY, tol=1e-5, max_iter=1000, class_weight="balanced" if balanced else None)
    with threadpool_limits(1):  # 110 texts took 9 times as long where two threads waited for each other
        model.fit(weights.fit_transform(texts), classes)
    return Ngrams(labels, shares, weights, model)
