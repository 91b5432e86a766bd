"""How lengths, labels and nearness of synthetic texts are spread beside those of real ones: shares to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 20
TAIL = 99
"""Percentile of all values from which the last bin holds what is larger: one of 900 words would flatten the rest.

Of fewer than a hundred values it lies near the largest, so that all of them are drawn.
"""
BLOCK_CELLS = 1 << 22
"""Cosines held at once, 16 MB in float32."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The share of a kind's values from ``low`` to below ``high``."""

    kind: str
    low: float
    high: float
    share: float


def binned(values: Mapping[str, Sequence[float] | npt.NDArray[np.floating]], *, whole: bool = False) -> list[Bin]:
    """Histograms of several kinds over the same bins, at most ``BINS`` a kind, as shares of each kind's values.

    Args:
        values: kind -> its values; kinds without any are left out.
        whole: whether values are whole numbers; then a bin holds as many of them as any other.

    Returns:
        The bins of each kind in the order given. The last bin holds every value above ``TAIL`` percent of all.
    """
    kinds = {kind: np.asarray(some, dtype=np.float64) for kind, some in values.items() if len(some)}
    if not kinds:
        return []
    everything = np.concatenate(list(kinds.values()))
    low, high = float(everything.min()), float(np.percentile(everything, TAIL))
    if whole:
        step = max(1, int(np.ceil((np.ceil(high) - low + 1) / BINS)))
        edges = np.arange(low, np.ceil(high) + step + 1, step)
    else:
        edges = np.linspace(low, max(high, low + 1e-3), BINS + 1)
    found = []
    for kind, some in kinds.items():
        inside = np.clip(some, edges[0], np.nextafter(edges[-1], -np.inf))
        shares = np.histogram(inside, edges)[0] / len(some)
        found += [
            Bin(kind, float(a), float(b), float(share)) for a, b, share in zip(edges, edges[1:], shares, strict=False)
        ]
    return found


def nearest_cosines(
    vectors: npt.NDArray[np.floating], others: npt.NDArray[np.floating] | None = None
) -> npt.NDArray[np.float64]:
    """The cosine of each vector with the most similar of the others, exact, in blocks.

    Args:
        vectors: unit rows, shape (n, d).
        others: unit rows, shape (m, d); None for the other vectors of the same set.

    Returns:
        Shape (n,); empty where there is no other.
    """
    against = vectors if others is None else others
    if not len(vectors) or len(against) < (2 if others is None else 1):
        return np.empty(0)
    nearest = np.empty(len(vectors))
    size = max(1, BLOCK_CELLS // len(against))
    for start in range(0, len(vectors), size):
        cosines = vectors[start : start + size] @ against.T
        if others is None:
            rows = np.arange(len(cosines))
            cosines[rows, start + rows] = -np.inf
        nearest[start : start + size] = cosines.max(axis=1)
    return nearest
