"""What an LLM engine is to the rest of the package: answers to chats, and log-probabilities of closed choices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Role = Literal["system", "user", "assistant"]
Message = tuple[Role, str]
Chat = tuple[Message, ...]
Finish = Literal["stop", "length", "loop", "filter"]


LOOP_PATTERN = (3, 16)
LOOP_COUNT = 4
"""An answer whose last tokens are a pattern of 3 to 16 tokens four times over is ended: it would go on so."""


def loops(tokens: Sequence[int]) -> bool:
    """Whether an answer's last tokens repeat a pattern. A token alone repeated is a pattern of three: 12 in a row."""
    for size in range(LOOP_PATTERN[0], min(LOOP_PATTERN[1], len(tokens) // LOOP_COUNT) + 1):
        if all(tokens[-place] == tokens[-place - size] for place in range(1, size * (LOOP_COUNT - 1) + 1)):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. ``temperature`` 0 is greedy; ``top_p`` 1 draws from the whole vocabulary.

    None leaves a field to the model or its server.
    """

    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    pattern: str | None = None
    """A regular expression that an answer matches as a whole: only tokens are drawn that lead there."""
    seeded: bool = True
    """Whether rows' seeds are sent to a server; an engine that runs the model itself always uses them."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer; they are no part of it."""
    begin: str = ""
    """How every answer begins: the engine continues it and gives what follows."""
    template: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Options of the model's chat template, as ``enable_thinking``."""


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
    """A raw answer, without the opening that it continues (``Sampling.begin``).

    ``finish`` is "length" where ``max_tokens`` cut it, "loop" where it began to repeat itself, "filter" where a
    server's content filter refused it. ``attempts`` counts the tries a server needed.
    """

    text: str
    finish: Finish
    tokens_in: int
    tokens_out: int
    attempts: int = 1
    reasoning: int = 0
    """Tokens of reasoning, as the server counts them or by their share of characters; they are among ``tokens_out``."""
    unsent: tuple[str, ...] = ()
    """Fields that the server refused and that were left out, as "seed"."""


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
