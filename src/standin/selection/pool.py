"""What a selection strategy is, and what it may look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from standin.errors import StandinError
from standin.selection.neighbours import MORE, Search, nearest

Floats: TypeAlias = npt.NDArray[np.floating]
Scores: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.integer]
Number = TypeVar("Number", bound=np.number)
ROWS = 10_000
SMALLEST = float(np.finfo(np.float32).tiny)  # softmax in float32 underflows to 0 below this; KL would be infinite


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one question, in a fixed order. What a strategy does not need stays None.

    ``embeddings``: shape (n, d), any length of rows. ``labels``: shape (n,), whole numbers. ``probabilities``: shape
    (n, classes), each row a distribution, as the learner predicts it.
    """

    ids: tuple[str, ...]
    embeddings: Floats | None = None
    labels: Integers | None = None
    probabilities: Floats | None = None

    def __post_init__(self) -> None:
        for name in ("embeddings", "labels", "probabilities"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.ids):
                raise StandinError(f"{len(values)} {name} for {len(self.ids)} texts: there must be one per text")

    def __len__(self) -> int:
        return len(self.ids)

    def places_in(self, ids: Sequence[str]) -> npt.NDArray[np.intp]:
        """Where each of these texts stands among ``ids``, shape (n,); -1 where it does not."""
        place = {identifier: row for row, identifier in enumerate(ids)}
        return np.array([place.get(identifier, -1) for identifier in self.ids], dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a strategy is told beside its texts.

    ``neighbours``: k, the size of the committee or neighbourhood. ``balance``: equal numbers of texts per label.
    ``budget``: the largest number of texts that will be selected, for strategies that take them one by one. ``more``:
    what would bring more texts to be neighbours of, for a message. ``search`` finds nearest neighbours.
    """

    neighbours: int
    balance: bool
    budget: int = 0
    more: str = MORE
    search: Search = nearest


class Strategy(Protocol):
    """A pure function of its arguments."""

    def __call__(self, pool: Texts, labelled: Texts, settings: Settings, generator: np.random.Generator, /) -> Scores:
        """Score the pool, shape (n,): the higher, the sooner a text should be labelled.

        ``labelled``: the texts with labels beside the pool (synthetic ones, or those the learner was trained on). A
        text that is in both, as where the pool is synthetic, is no neighbour of its own.
        """
        ...


def required(values: npt.NDArray[Number] | None, what: str) -> npt.NDArray[Number]:
    """The values. Raises StandinError where they are absent or not finite."""
    if values is None:
        raise StandinError(f"this strategy needs {what}, and none were given")
    for start in range(0, len(values), ROWS):  # a mask of a million texts' embeddings would take 400 MB
        finite = np.isfinite(values[start : start + ROWS])
        if not finite.all():
            row = start + int(np.argwhere(~finite)[0][0]) + 1
            raise StandinError(f"{what}: row {row} holds NaN or infinity")
    return values


def distributions(probabilities: Floats | None, what: str) -> npt.NDArray[np.float64]:
    """The probabilities in float64, each row divided by its sum and no value below float32's smallest.

    Raises StandinError where they are absent, or a row is no distribution.
    """
    values = required(probabilities, what).astype(np.float64)
    totals = values.sum(axis=1, keepdims=True)
    if (values < 0).any() or (np.abs(totals - 1) > 1e-3).any():
        raise StandinError(f"{what}: each row must be at least 0 and sum to 1")
    floored: npt.NDArray[np.float64] = np.maximum(values / totals, SMALLEST)
    return floored
