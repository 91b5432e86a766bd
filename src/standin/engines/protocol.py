"""What an LLM engine is to the rest of the package: answers to chats, and log-probabilities of closed choices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Role = Literal["system", "user", "assistant"]
Message = tuple[Role, str]
Chat = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. ``temperature`` 0 is greedy; ``top_p`` 1 draws from the whole vocabulary."""

    temperature: float
    top_p: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Request:
    """One chat to answer, with the seed of its own random stream (never the batch position).

    ``about`` is the planned text's question id, label and number among those of its label: what recorded texts are
    found by; engines that write do not look at it.
    """

    chat: Chat
    seed: int
    about: tuple[str | None, str, int] = (None, "", 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A raw answer. ``finish`` is "length" where ``max_tokens`` cut it."""

    text: str
    finish: Literal["stop", "length"]
    tokens_in: int
    tokens_out: int


class Engine(Protocol):
    """One loaded model. Equal requests in equal batches give equal answers on one machine."""

    name: str
    version: str
    """Engine and library versions: part of the answer store's key."""

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats: their place in ``requests`` and the answer, as answers become known.

        An engine that computes a batch as a whole yields when all of it is there.
        """
        ...

    def stop(self) -> None:
        """Ask for nothing more: answers under way are still yielded. An engine that computes batches ignores it."""
        ...

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each choice as the answer's beginning, natural log, shape (chats, choices)."""
        ...
