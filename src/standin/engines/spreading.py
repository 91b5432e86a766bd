"""An engine of which every worker of a cluster holds one: closed choices are asked of all of them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from standin.cluster import alone, spread
from standin.engines.protocol import Answer, Chat, Engine, Request, Sampling
from standin.machine import Runtime

Load = Callable[[Runtime], Engine]
Batch = tuple[Sequence[Chat], Sequence[str]]
Scores = npt.NDArray[np.float64]


class SpreadEngine:
    """Engines on the workers; nothing is loaded here, and a worker loads its own when it is asked first."""

    def __init__(self, name: str, version: str, load: Load, runtime: Runtime, gpus: int = 1) -> None:
        self.name, self.version = name, version
        self.begin = partial(_chooser, load, alone(runtime))
        self.answers = partial(_answerer, load, alone(runtime))
        self.runtime, self.gpus = runtime, gpus

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """One worker answers: what is asked together may be computed together."""
        for _, found in spread(self.runtime, [(requests, sampling)], self.answers, self.gpus):
            yield from found

    def stop(self) -> None:
        """Nothing is under way between two answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> Scores:
        """One worker chooses; see ``chosen`` for many batches."""
        return next(scores for _, scores in chosen(self, [chats], choices))


def chosen(engine: Engine, batches: Sequence[Sequence[Chat]], choices: Sequence[str]) -> Iterator[tuple[int, Scores]]:
    """Each batch's place and its log-probabilities, shape (chats, choices), as they come; see ``Engine.choose``."""
    if isinstance(engine, SpreadEngine):
        yield from spread(engine.runtime, [(batch, choices) for batch in batches], engine.begin, engine.gpus)
        return
    for place, batch in enumerate(batches):
        yield place, engine.choose(batch, choices)


def _chooser(load: Load, runtime: Runtime) -> Callable[[Batch], Scores]:
    engine = load(runtime)
    return lambda asked: engine.choose(*asked)


def _answerer(load: Load, runtime: Runtime) -> Callable[[tuple[Sequence[Request], Sampling]], list[tuple[int, Answer]]]:
    engine = load(runtime)
    return lambda asked: list(engine.answer(*asked))
