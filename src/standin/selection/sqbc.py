"""SQBC: synthetic-data-driven query by committee (Wagner et al. 2025, arXiv 2406.12480)."""

import numpy as np
import numpy.typing as npt

from standin.errors import StandinError, counted
from standin.selection.neighbours import nearest_others
from standin.selection.pool import Integers, Scores, Settings, Texts, required


def scores(pool: Texts, synthetic: Texts, settings: Settings, generator: np.random.Generator, /) -> Scores:
    """Vote entropy in nats, shape (n,), of each pool text's committee.

    The committee of a text is the ``settings.neighbours`` synthetic texts nearest to it by cosine; each votes with the
    label its prompt asked for. For two labels the ranking is the paper's, by |votes - k/2|, closest to a tie first;
    vote entropy carries it to more labels. No labelled real text and no trained model is needed.

    Two labels give only floor(k/2) + 1 different scores (6 for k = 10), so a good part of what is selected is decided
    by the seeded random tie-breaking of ``ranking.rank``: read results over several seeds.

    With ``settings.balance`` the synthetic texts are first drawn down to equal numbers per label; otherwise the more
    frequent label wins votes by its frequency alone. k, distance, encoder and balance are not given in the paper.

    Raises StandinError where fewer than two labels vote, or fewer than k synthetic texts are there.
    """
    embeddings = required(synthetic.embeddings, "embeddings of the synthetic texts")
    labels = required(synthetic.labels, "labels of the synthetic texts").astype(np.intp)
    own = pool.places_in(synthetic.ids)
    if len(np.unique(labels)) < 2:
        raise StandinError(
            f"the {len(labels)} synthetic texts hold {counted(len(np.unique(labels)), 'label')}, "
            "and a committee needs two to disagree: generate texts of every label"
        )
    if settings.balance:
        members = balanced(labels, generator)
        embeddings, labels = embeddings[members], labels[members]
        own = pool.places_in([synthetic.ids[member] for member in members])
        if settings.neighbours > len(labels):
            raise StandinError(
                f"select.neighbours is {settings.neighbours}, but only {len(labels)} of the {len(synthetic)} synthetic "
                "texts are left after balancing: lower select.neighbours, raise generator.texts, "
                "or set select.balance: false"
            )
    texts = required(pool.embeddings, "embeddings of the pool")
    committees = nearest_others(texts, embeddings, settings.neighbours, own, search=settings.search)
    return vote_entropy(votes(labels[committees], int(labels.max()) + 1))


def balanced(labels: Integers, generator: np.random.Generator) -> npt.NDArray[np.intp]:
    """Positions, rising, of a random subsample with as many texts of each label present as the rarest has."""
    present, counts = np.unique(labels, return_counts=True)
    drawn = [
        generator.choice(np.flatnonzero(labels == label), size=int(counts.min()), replace=False) for label in present
    ]
    return np.sort(np.concatenate(drawn))


def votes(ballots: Integers, classes: int) -> npt.NDArray[np.intp]:
    """Count each row's votes per class: ballots of shape (n, k) -> counts of shape (n, classes)."""
    return np.stack([(ballots == label).sum(axis=1) for label in range(classes)], axis=1)


def vote_entropy(counts: npt.NDArray[np.intp]) -> Scores:
    """Entropy in nats of each row's shares: counts of shape (n, classes), rows of equal sum -> shape (n,)."""
    # Sorted counts and one table of terms: committees with equal votes score equal to the last bit, whichever class
    # holds which count (a + b + c is not c + b + a in floating point), and ties must be ties.
    members = int(counts.sum(axis=1).max(initial=1))
    shares = np.arange(members + 1) / members
    terms = shares * np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropy: Scores = np.abs(terms[np.sort(counts, axis=1)].sum(axis=1))  # abs: a unanimous vote is 0, not -0
    return entropy
