"""From plan to answers: chats grow turn by turn, answers come from the store or the engine, chunk by chunk.

A chunk, some conversations with all their turns, is planned, never made of what happens to be missing: a run that was
killed computes a broken chunk again as a whole, so that it ends with the bytes of an unbroken run (the last bits of
logits depend on the batch, and on what an engine has kept of the turns before).
"""

import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from standin.engines.protocol import LOOP_COUNT, LOOP_PATTERN, Answer, Engine, Message, Request, Sampling
from standin.errors import StandinError
from standin.generation.budget import Budget
from standin.generation.parsing import REFUSED, UNPARSABLE, Parsed, parse
from standin.generation.plan import PlanRow
from standin.generation.prompts import OPENING
from standin.generation.quotes import CLOSING
from standin.generation.store import AnswerStore, request_key

FAULT = "fault"
"""Detail of a row on which parsing failed."""
LOOP = [*LOOP_PATTERN, LOOP_COUNT]
_PLAIN: dict[str, Any] = {"pattern": None, "seeded": True, "stop": (), "begin": "", "template": {}}
"""Fields that change nothing at these values: they are no part of a key then."""


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
    batched: bool = True,
    budget: Budget | None = None,
) -> list[Answered]:
    """Answer every planned row, in the plan's order.

    Args:
        plan: the rows.
        say: gives the user's words of a row.
        identity: engine, model, revision, versions and dtype, for the store's key.
        sampling: how tokens are drawn.
        chunk: conversations answered together, turn by turn; the answers of a turn are stored together.
        store: where answers are looked up and kept.
        engine: called once an answer is missing, so a stored run loads no model.
        done: hears of rows finished.
        batched: whether an answer depends on its batch. Otherwise only missing rows are asked for, each answer is
            stored as it comes, and the batch is not part of the key.
        budget: what new answers may cost; None for any.

    Returns:
        One answered row a planned one. A text's earlier turns stand in its chat as parsed; a turn without a text is
        left out.

    Raises:
        StandinError: from engine and store, or the budget is spent; stored answers are kept.
    """
    answered: dict[str, Answered] = {}
    about = {row.plan_id: found for row, found in zip(plan, abouts(plan), strict=True)}
    openings = {row.conversation: row for row in plan if row.kind == OPENING}
    unsent = store.unsent(identity) if identity.get("base_url") else []
    for rows in chunks(plan, chunk):
        chats: dict[str, tuple[Message, ...]] = {}
        stored_turns: list[list[Request]] = []
        batch = ""
        for depth in sorted({row.turn for row in rows}):
            turn = [row for row in rows if row.turn == depth]
            asked = [
                Request(
                    (
                        *chats.get(row.conversation, ()),
                        ("user", say(as_asked(row, openings.get(row.conversation), row.conversation in chats))),
                    ),
                    row.seed,
                    about[row.plan_id],
                )
                for row in turn
            ]
            batch = _digest(batch, asked)
            keyed = [describe(request, identity, sampling, batch if batched else None) for request in asked]
            spent = budget or Budget()
            found = _answers(asked, keyed, sampling, store, engine, batched, spent, stored_turns, unsent)
            for row, request, (key, answer) in zip(turn, asked, found, strict=True):
                parsed = _read(row, answer, sampling)
                if parsed.text is not None:
                    chats[row.conversation] = (*request.chat, ("assistant", parsed.text))
                answered[row.plan_id] = Answered(row, key, answer, parsed)
            done(len(turn))
    return [answered[row.plan_id] for row in plan]


def as_asked(row: PlanRow, opening: PlanRow | None, begun: bool) -> PlanRow:
    """A row as its turn is asked: the planned one, unless no turn before it gave a text.

    Servers refuse a chat with an empty turn, and one with a refusal in it asks for the next. So such turns are left
    out, and the row opens the chat in their place, with the examples of the ``opening`` where it shows none itself.
    """
    if begun or opening is None or row.kind == OPENING:
        return row
    return replace(row, kind=OPENING, shots=row.shots or opening.shots)


def _read(row: PlanRow, answer: Answer, sampling: Sampling) -> Parsed:
    """What parsing makes of a row's answer. Where it fails, which is our fault, the row is unparsable, which is told.

    The run goes on, and the answer stays in the store for a version of this program that can read it.
    """
    try:
        return _parsed(answer, sampling)
    except Exception as error:
        print(  # noqa: T201
            f"generate: {row.plan_id}: parsing failed ({type(error).__name__}), so the row counts as unparsable. "
            "Please report its line of data/generated/answers.jsonl; its stored answer is read again after an upgrade",
            file=sys.stderr,
        )
        return Parsed(None, UNPARSABLE, detail=FAULT)


def _parsed(answer: Answer, sampling: Sampling) -> Parsed:
    """What parsing makes of an answer, as far as how it ended leaves a text."""
    if answer.finish == "filter" and not answer.text.strip():
        return Parsed(None, REFUSED)
    if sampling.pattern and answer.finish != "stop":  # cut, it does not match
        return Parsed(None, UNPARSABLE)
    ended = "length" if answer.finish == "filter" else answer.finish  # broken off, its last sentence is open too
    found = parse(sampling.begin + answer.text, ended)
    opened = sampling.begin in CLOSING  # put there by us, so that taking it away changes nothing
    return replace(found, changes=tuple(name for name in found.changes if not (opened and name == "quotes")))


def chunks(plan: Sequence[PlanRow], size: int) -> list[list[PlanRow]]:
    """The rows of ``size`` conversations at a time, in the plan's order."""
    conversations: dict[str, list[PlanRow]] = {}
    for row in plan:
        conversations.setdefault(row.conversation, []).append(row)
    whole = list(conversations.values())
    return [[row for rows in whole[start : start + size] for row in rows] for start in range(0, len(whole), size)]


def abouts(plan: Sequence[PlanRow]) -> list[tuple[str | None, str, int]]:
    """Each row's question, label, and number among those of both, from 0: what recorded texts are found by."""
    counts: Counter[tuple[str | None, str]] = Counter()
    found = []
    for row in plan:
        found.append((row.question_id, row.label, counts[row.question_id, row.label]))
        counts[row.question_id, row.label] += 1
    return found


def describe(request: Request, identity: Mapping[str, Any], sampling: Sampling, batch: str | None) -> dict[str, Any]:
    """Everything that shapes an answer; ``batch`` tells the requests that are computed together.

    Recorded texts have equal prompts and seeds where their place differs. What ends a loop is part of it.
    """
    about: dict[str, Any] = {"about": request.about} if identity["engine"] == "replay" else {}
    return {
        **identity,
        **{name: value for name, value in asdict(sampling).items() if value != _PLAIN.get(name)},
        "chat": request.chat,
        "seed": request.seed,
        "batch": batch,
        "loop": LOOP,
        **about,
    }


def _digest(before: str, batch: Sequence[Request]) -> str:
    """What tells a batch and the batches of the turns before."""
    said = json.dumps([before, *([request.chat, request.seed] for request in batch)], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def _answers(
    asked: Sequence[Request],
    keyed: Sequence[Mapping[str, Any]],
    sampling: Sampling,
    store: AnswerStore,
    engine: Callable[[], Engine],
    batched: bool,
    budget: Budget,
    stored_turns: list[list[Request]],
    unsent: list[tuple[str, ...]],
) -> list[tuple[str, Answer]]:
    """Keys and answers of one turn.

    ``stored_turns`` are the chunk's earlier ones that no engine has read in this run. ``unsent`` are the sets of fields
    that the server is known to have left out: an answer to all that was asked for goes before one to less.
    """
    keys, stored = _stored(keyed, store, unsent)
    missing = {key: place for place, key in enumerate(keys) if key not in stored}
    if missing:
        budget.check()
        loaded = engine()
        started = time.perf_counter()
        if batched:
            for earlier in stored_turns:  # what an engine keeps of them shapes the last bits of this turn
                list(loaded.answer(earlier, sampling))
            stored_turns.clear()
            started = time.perf_counter()
            answers = [_bound(answer, sampling) for _, answer in sorted(loaded.answer(asked, sampling))]
            store.put(keyed, answers, (time.perf_counter() - started) / len(answers))
            budget.spend(answers)
        else:
            wanted = list(missing.values())
            for number, answer in loaded.answer([asked[place] for place in wanted], sampling):
                request = _without(keyed[wanted[number]], answer.unsent)
                store.put([request], [_bound(answer, sampling)], time.perf_counter() - started)
                if answer.unsent and answer.unsent not in unsent:
                    unsent.append(answer.unsent)
                started = time.perf_counter()
                budget.spend([answer])
                if budget.used_up():
                    loaded.stop()
        keys, stored = _stored(keyed, store, unsent)
        if any(key not in stored for key in keys):
            budget.check()
    elif batched:
        stored_turns.append(list(asked))
    return [(key, stored[key]) for key in keys]


def _stored(
    keyed: Sequence[Mapping[str, Any]], store: AnswerStore, unsent: Sequence[tuple[str, ...]]
) -> tuple[list[str], dict[str, Answer]]:
    """Each request's key, and the stored answers: of the first that is stored, of all fields or without some."""
    choices = [[request_key(_without(request, fields)) for fields in ((), *unsent)] for request in keyed]
    stored = store.get([key for each in choices for key in each])
    return [next((key for key in each if key in stored), each[0]) for each in choices], stored


def _without(request: Mapping[str, Any], unsent: Sequence[str]) -> Mapping[str, Any]:
    """A request of whose fields some were left out, for the store's key; as it is where none was."""
    return {**request, "unsent": list(unsent)} if unsent else request


def _bound(answer: Answer, sampling: Sampling) -> Answer:
    """The answer, once it is sure that the engine kept to the pattern: servers ignore options they do not know."""
    if sampling.pattern is None or answer.finish != "stop" or re.fullmatch(sampling.pattern, answer.text):
        return answer
    raise StandinError(
        f"params.yaml: generator.pattern is {sampling.pattern!r}, and an answer does not match it ({answer.text[:60]!r}"
        "): what answers does not bind tokens to patterns. Set generator.pattern to null, or use the vllm engine or a "
        "vLLM server"
    )
