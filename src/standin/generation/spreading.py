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
from standin.generation.answering import answer_plan, chunks
from standin.generation.budget import Budget
from standin.generation.plan import PlanRow
from standin.generation.store import AnswerStore

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
    done: Callable[[int], None],
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
        budget: is checked whenever a chunk has come; what is under way by then is not stored.
        runtime: the cluster.
        done: hears of rows answered.

    Raises:
        StandinError: from the cluster, an engine or the store, or the budget is spent; stored answers are kept.
    """
    asked = (say, identity, sampling, chunk, batched)
    missing = [rows for rows in chunks(plan, chunk) if not _stored(rows, *asked, store)]
    for place, (rows, counts) in spread(runtime, missing, partial(_worker, *asked, load, alone(runtime))):
        store.take(rows)
        budget.spend([Answer("", "stop", *counts)])
        done(len(missing[place]))
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
) -> Callable[[Sequence[PlanRow]], tuple[list[tuple[Any, ...]], tuple[int, int]]]:
    """What a worker does to a chunk: the rows to store, and the tokens they took, in and out."""
    engine = load(runtime)

    def work(rows: Sequence[PlanRow]) -> tuple[list[tuple[Any, ...]], tuple[int, int]]:
        with AnswerStore(MEMORY) as store:
            found = answer_plan(rows, say, identity, sampling, chunk, store, lambda: engine, lambda _: None, batched)
            answers = [each.answer for each in found]
            return store.rows(), (sum(one.tokens_in for one in answers), sum(one.tokens_out for one in answers))

    return work
