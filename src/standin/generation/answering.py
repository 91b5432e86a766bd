"""From plan to answers: chats grow turn by turn, answers come from the store or the engine, chunk by chunk.

A chunk is planned, never made of what happens to be missing: a run that was killed computes a broken chunk again as a
whole, so that it ends with the bytes of an unbroken run (the last bits of logits depend on the batch).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from standin.engines.protocol import Answer, Engine, Message, Request, Sampling
from standin.generation.parsing import Parsed, parse
from standin.generation.plan import PlanRow
from standin.generation.store import AnswerStore, request_key


@dataclass(frozen=True, slots=True)
class Answered:
    """One planned row with its raw answer, what parsing made of it, and its key in the store."""

    row: PlanRow
    key: str
    answer: Answer
    parsed: Parsed


def answer_plan(
    plan: Sequence[PlanRow],
    say: Callable[[PlanRow], str],
    identity: Mapping[str, Any],
    sampling: Sampling,
    chunk: int,
    store: AnswerStore,
    engine: Callable[[], Engine],
    done: Callable[[int], None],
) -> list[Answered]:
    """Answer every planned row, in the plan's order.

    ``say`` gives the user's words of a row, ``identity`` names engine, model, revision, versions and dtype for the
    store's key, ``engine`` is called once an answer is missing (so a stored run loads no model), ``done`` hears of
    rows finished. A text's earlier turns stand in its chat as parsed, a refused or unparsable one as it came.
    """
    chats: dict[str, tuple[Message, ...]] = {}
    answered: dict[str, Answered] = {}
    for depth in range(max((row.turn for row in plan), default=-1) + 1):
        wave = [row for row in plan if row.turn == depth]
        for start in range(0, len(wave), chunk):
            rows = wave[start : start + chunk]
            asked = [Request((*chats.get(row.conversation, ()), ("user", say(row))), row.seed) for row in rows]
            keyed = [describe(request, identity, sampling, chunk) for request in asked]
            answers = _answers(asked, keyed, sampling, store, engine)
            for row, request, key, answer in zip(rows, asked, map(request_key, keyed), answers, strict=True):
                parsed = parse(answer.text, answer.finish)
                chats[row.conversation] = (*request.chat, ("assistant", parsed.text or answer.text))
                answered[row.plan_id] = Answered(row, key, answer, parsed)
            done(len(rows))
    return [answered[row.plan_id] for row in plan]


def describe(request: Request, identity: Mapping[str, Any], sampling: Sampling, chunk: int) -> dict[str, Any]:
    """Everything that shapes an answer."""
    return {**identity, **asdict(sampling), "chat": request.chat, "seed": request.seed, "chunk": chunk}


def _answers(
    asked: Sequence[Request],
    keyed: Sequence[Mapping[str, Any]],
    sampling: Sampling,
    store: AnswerStore,
    engine: Callable[[], Engine],
) -> list[Answer]:
    keys = [request_key(request) for request in keyed]
    stored = store.get(keys)
    if len(stored) < len(set(keys)):
        loaded = engine()
        started = time.perf_counter()
        answers = loaded.answer(asked, sampling)
        store.put(keyed, answers, (time.perf_counter() - started) / len(answers))
        stored = store.get(keys)
    return [stored[key] for key in keys]
