"""What a plan will take, before the first token: rows, prompts, tokens, seconds, money."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from unicodedata import east_asian_width

from standin.config import Runtime
from standin.engines.protocol import Message
from standin.errors import counted
from standin.generation.budget import cost
from standin.generation.plan import PlanRow
from standin.generation.store import Rate


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan takes if no answer is stored; ``seconds`` is None where nothing was measured."""

    rows: int
    conversations: int
    tokens_in: int
    tokens_out: int
    exact: bool
    """Whether a tokenizer counted; otherwise four characters count as a token, or one of East Asia's."""
    measured: Rate | None
    seconds: float | None
    money: float


def estimate(
    plan: Sequence[PlanRow],
    say: Callable[[PlanRow], str],
    count: Callable[[tuple[Message, ...]], int] | None,
    max_tokens: int,
    measured: Rate | None,
    runtime: Runtime,
) -> Estimate:
    """Estimate a plan.

    Args:
        plan: the rows.
        say: gives the user's words of a row.
        count: tokens of a chat by the model's own tokenizer; None where it is not at hand.
        max_tokens: most tokens an answer has; without a measurement every answer counts as that long.
        measured: what earlier answers of this engine and model took.
        runtime: prices.
    """
    answer = measured.tokens_out if measured else float(max_tokens)
    chats: dict[str, tuple[Message, ...]] = {}
    answers: dict[str, int] = {}
    tokens_in = 0.0
    for row in plan:
        chat = (*chats.get(row.conversation, ()), ("user", say(row)))
        prompt = count(chat) if count else sum(_guessed(content) for _, content in chat)
        tokens_in += prompt + answers.get(row.conversation, 0) * answer
        chats[row.conversation] = (*chat, ("assistant", ""))
        answers[row.conversation] = answers.get(row.conversation, 0) + 1
    tokens_out = answer * len(plan)
    return Estimate(
        rows=len(plan),
        conversations=len(chats),
        tokens_in=round(tokens_in),
        tokens_out=round(tokens_out),
        exact=count is not None,
        measured=measured,
        seconds=measured.seconds * len(plan) if measured else None,
        money=cost(round(tokens_in), round(tokens_out), runtime.price_in, runtime.price_out),
    )


def _guessed(text: str) -> float:
    """Tokens of a text without a tokenizer: four characters count as one, and each one of Chinese, Japanese, Korean."""
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return wide + (len(text) - wide) / 4


def lines(found: Estimate) -> list[str]:
    """The estimate as a person reads it."""
    how = "" if found.exact else " (guessed, four characters each or one of East Asia's: the tokenizer is not at hand)"
    if found.measured:
        length = f"{found.measured.tokens_out:.0f} a text, the mean of {found.measured.answers} stored answers"
    else:
        length = "at most: every text as long as generator.max_tokens allows"
    time = (
        f"about {duration(found.seconds)}, at {found.measured.tokens_out / found.measured.seconds:.0f} tokens a second "
        "as measured"
        if found.measured and found.seconds
        else "not known: nothing was measured with this engine and model; `standin run --preview 5` measures"
    )
    return [
        f"texts:         {found.rows} in {counted(found.conversations, 'conversation')}",
        f"prompt tokens: {found.tokens_in:,}{how}",
        f"new tokens:    {found.tokens_out:,} ({length})",
        f"time:          {time}",
        f"price:         {found.money:.2f}" if found.money else "price:         none set (runtime.price_in, price_out)",
    ]


def spread_over(found: Estimate, chunk: int, nodes: int) -> tuple[int, float | None]:
    """How many chunks a plan is, each of which one worker answers, and the seconds that so many workers take.

    Args:
        found: the estimate for one machine; the workers are taken to be as fast.
        chunk: conversations of a chunk.
        nodes: workers.
    """
    chunks = ceil(found.conversations / chunk)
    return chunks, found.seconds * ceil(chunks / nodes) / chunks if found.seconds and chunks else found.seconds


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
