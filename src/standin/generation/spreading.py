"""Generation over a cluster: whole chunks are answered by its workers, and the driver stores them as they come.

A worker answers a chunk as one machine does, into a store of its own that lies in memory; what it stored goes into the
driver's. Keys and answers are those of one machine with the same chunks, and a chunk that comes twice, of a worker that
was lost after it, is dropped by its keys. When all is stored the driver reads its plan as after a run that was killed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from standin.cluster import alone, spread
from standin.config import Runtime
from standin.engines.protocol import Answer, Engine, Sampling
from standin.errors import StandinError
from standin.generation.answering import answer_plan, chunks
from standin.generation.budget import Budget
from standin.generation.plan import PlanRow
from standin.generation.store import AnswerStore
from standin.progress import progress

MEMORY = Path(":memory:")
Load = Callable[[Runtime], Engine]
Words = Callable[[PlanRow], str]


class _MissingError(Exception):
    """An answer is not stored."""


def fill(
    plan: Sequence[PlanRow],
    say: Words,
    identity: Mapping[str, Any],
    sampling: Sampling,
    chunk: int,
    store: AnswerStore,
    load: Load,
    batched: bool,
    budget: Budget,
    runtime: Runtime,
    gpus: int = 1,
) -> None:
    """Let the cluster answer every chunk of which an answer is missing; arguments as ``answer_plan`` has them.

    Args:
        plan: the rows.
        say: gives the user's words of a row.
        identity: of the engine, for the store's keys.
        sampling: how tokens are drawn.
        chunk: conversations answered together.
        store: takes what comes.
        load: loads the engine for a runtime, on a worker.
        batched: whether an answer depends on its batch.
        budget: is checked before the first chunk and whenever one has come and others are missing; what is under way by
            then is not stored.
        runtime: the cluster.
        gpus: that an engine takes, where the cluster has any.

    Raises:
        StandinError: from the cluster, an engine or the store, or the budget is spent; stored answers are kept.
    """
    asked = (say, identity, sampling, chunk, batched)
    missing = [rows for rows in chunks(plan, chunk) if not _stored(rows, *asked, store)]
    begin = partial(_worker, *asked, load, alone(runtime))
    with progress("generate, on the cluster", sum(map(len, missing)), "texts") as done:
        for came, (place, (rows, tokens)) in enumerate(spread(runtime, missing, begin, gpus), 1):
            store.take(rows)
            budget.spend([Answer("", "stop", *of_one) for of_one in tokens])
            done(len(missing[place]))
            if came < len(missing):
                budget.check()


def _stored(
    rows: Sequence[PlanRow], say: Words, identity: Mapping[str, Any], sampling: Sampling, chunk: int, batched: bool,
    store: AnswerStore,
) -> bool:  # fmt: skip
    """Whether every answer of a chunk is there."""

    def missing() -> Engine:
        raise _MissingError

    try:
        answer_plan(rows, say, identity, sampling, chunk, store, missing, lambda _: None, batched)
    except _MissingError:
        return False
    return True


def _worker(
    say: Words, identity: Mapping[str, Any], sampling: Sampling, chunk: int, batched: bool, load: Load, runtime: Runtime
) -> Callable[[Sequence[PlanRow]], tuple[list[tuple[Any, ...]], list[tuple[int, int]]]]:
    """What a worker does to a chunk: the rows to store, and the tokens of each answer, in and out.

    Raises StandinError where its engine is another than the driver's, by whose name answers are stored.
    """
    engine = load(runtime)
    if engine.version != identity["version"]:
        raise StandinError(
            f"runtime.cluster: a node has {engine.version}, and this machine {identity['version']}: install "
            "requirements.lock on every node"
        )

    def work(rows: Sequence[PlanRow]) -> tuple[list[tuple[Any, ...]], list[tuple[int, int]]]:
        with AnswerStore(MEMORY) as store:
            found = answer_plan(rows, say, identity, sampling, chunk, store, lambda: engine, lambda _: None, batched)
            return store.rows(), [(each.answer.tokens_in, each.answer.tokens_out) for each in found]

    return work
