"""What a selection strategy is, and what it may look at."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from standin.errors import StandinError

Floats: TypeAlias = npt.NDArray[np.floating]
Scores: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.integer]


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


@dataclass(frozen=True, slots=True)
class Settings:
    """``neighbours``: k, the size of the committee or neighbourhood. ``balance``: equal numbers of texts per label."""

    neighbours: int
    balance: bool


class Strategy(Protocol):
    """A pure function of its arguments."""

    def __call__(self, pool: Texts, labelled: Texts, settings: Settings, generator: np.random.Generator, /) -> Scores:
        """Score the pool, shape (n,): the higher, the sooner a text should be labelled.

        ``labelled``: the texts with labels beside the pool (synthetic ones, or those the learner was trained on).
        """
        ...


def required(values: npt.NDArray[np.generic] | None, what: str) -> npt.NDArray[np.float64]:
    """The values as float64. Raises StandinError where they are absent or not finite."""
    if values is None:
        raise StandinError(f"this strategy needs {what}, and none were given")
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise StandinError(f"{what}: row {int(np.argwhere(~np.isfinite(numbers))[0][0]) + 1} holds NaN or infinity")
    return numbers
