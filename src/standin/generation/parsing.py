"""From a raw answer to a text: strip only what is certainly not the text, name every change, refuse to guess.

The raw answer stays in ``answers.jsonl``; parsing is pure and can be run again for free. Every step reads a text once,
or a window of bounded size at its start or end, so that no answer takes more than linear time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from standin.generation import containers, quotes, remarks, several
from standin.generation.endings import SENTENCE_END, once, whole_sentences
from standin.generation.marks import calls_tool, first_turn, without_header
from standin.generation.reasoning import after_reasoning, reasoned
from standin.generation.talk import WINDOW, Talk, fold, talk

REFUSED = "refused"
UNPARSABLE = "unparsable"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\ufeff]")
_INVISIBLE = " \t\r\n\u00ad\u200b\u200c\u200d\u200e\u200f\u2060"
ROUNDS = 4
"""How often the steps are gone through: a fence may hold an announcement, and that a list."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The text, or the reason why there is none; and what was changed on the way.

    ``detail`` says more of a reason: "reasoning" (cut before its end, or nothing follows it), "json" (no string of it
    is obviously the text), "tool" (one is called), "asker" (it only speaks to the one who asked), "filter" (the
    server's).
    """

    text: str | None
    reason: str | None = None
    changes: tuple[str, ...] = ()
    detail: str | None = None


def parse(raw: str, finish: str) -> Parsed:
    """Read one answer.

    Args:
        raw: the answer, with the opening that it was asked to continue.
        finish: "length" where the token limit cut it and "loop" where it repeated itself: then the open last sentence
            is dropped, and of what is repeated three times and more at the end one remains. "filter" where a server
            refused it.

    Returns:
        The text with white space evened out and control characters left out, which is not counted as a change, or why
        there is none.
    """
    changes: dict[str, None] = {}
    if finish == "filter":
        return Parsed(None, REFUSED, detail="filter")
    raw = without_controls(raw)
    rest = after_reasoning(raw)
    if rest is None:
        return Parsed(None, UNPARSABLE, detail="reasoning")
    if thought := raw.strip().removesuffix(rest):
        changes["reasoning" if reasoned(thought) else "chat_marker"] = None
    stripped = None if (called := calls_tool(rest)) else _stripped(rest, changes, finish in ("length", "loop"))
    if stripped is None:
        return Parsed(None, UNPARSABLE, tuple(changes), "tool" if called else "json")
    text, cut = stripped
    text = " ".join(text.split())
    if after_reasoning(text) is None or _thinks(text):
        return Parsed(None, UNPARSABLE, tuple(changes), "reasoning")
    if _declines(text):
        return Parsed(None, REFUSED, tuple(changes))
    if cut:
        text = _shortened(text, changes)
    if _only_asks(text):
        return Parsed(None, REFUSED, tuple(changes), "asker")
    if not any(character.isalnum() for character in text):
        return Parsed(None, UNPARSABLE, tuple(changes), "reasoning" if "reasoning" in changes else None)
    return Parsed(text, None, tuple(changes))


def _shortened(text: str, changes: dict[str, None]) -> str:
    """A cut text without the repeats at its end and without its open last sentence."""
    for name, step in (("loop", once), ("cut_sentence", whole_sentences)):
        if (changed := step(text).strip()) != text:
            changes[name] = None
            text = changed
    return text


def _stripped(text: str, changes: dict[str, None], cut: bool) -> tuple[str, bool] | None:
    """The text alone, and whether it is cut; None where it is JSON without a text.

    Where something after the text goes, the text was whole before it.
    """
    phrases = talk()
    text = _even(text)
    for _ in range(ROUNDS):
        before = text
        read = containers.from_json(text, phrases)
        if read is None:
            return None
        if read[0] != text:
            changes["json"] = None
            text, cut = _even(read[0]), read[1]
        for name, step in _STEPS:
            changed = step(text, phrases, changes).strip()
            if changed != text:
                changes[name if name != "later_turns" or _more(text, changed) else "chat_marker"] = None
                cut = cut and text.endswith(changed)
                text = changed
        if text == before:
            break
    return text, cut


Step = Callable[[str, Talk, dict[str, None]], str]
_STEPS: tuple[tuple[str, Step], ...] = (
    ("chat_marker", lambda text, _, __: without_header(text)),
    ("later_turns", lambda text, _, __: first_turn(text) or text),
    ("announcement", lambda text, phrases, _: remarks.unannounced(text, phrases)),
    ("fence", lambda text, _, __: containers.unfenced(text)),
    ("element", lambda text, _, __: containers.unwrapped(text)),
    ("fields", lambda text, phrases, _: several.without_fields(text, phrases)),
    ("heading", lambda text, phrases, changes: several.without_heading(text, phrases, "announcement" in changes)),
    ("list_item", lambda text, _, changes: several.first_item(text, "announcement" in changes)),
    ("label", lambda text, phrases, _: several.untitled(text, phrases)),
    ("several", lambda text, phrases, changes: several.before_rule(text, phrases, "announcement" in changes)),
    ("several", lambda text, phrases, _: several.before_another(text, phrases)),
    ("closing", lambda text, phrases, changes: remarks.unclosed(text, phrases, "announcement" in changes)),
    ("word_count", lambda text, phrases, _: remarks.uncounted(text, phrases)),
    ("speaker", lambda text, phrases, _: quotes.unspoken(text, phrases)),
    ("closing", lambda text, phrases, changes: quotes.quoted_answer(text, phrases, "announcement" in changes)),
    ("emphasis", lambda text, _, changes: quotes.plain(text, bool(changes.keys() - {"quotes"}))),
    ("quotes", lambda text, _, __: quotes.unquoted(text)),
)  # fmt: skip


def without_controls(raw: str) -> str:
    """Without control characters, and without invisible ones at the start and the end; white space stays."""
    return _CONTROL.sub("", raw).strip(_INVISIBLE)


def _even(text: str) -> str:
    """One space for runs of white space, at most one empty line: what later patterns rely on."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _more(text: str, changed: str) -> bool:
    """Whether words stood after what remained, and not only the mark that ends a turn."""
    return any(character.isalnum() for character in re.sub(r"<[^<>]*>|\[[^\[\]]*\]", "", text[len(changed) :]))


def _thinks(text: str) -> bool:
    """Whether it is reasoning without marks: the chat template had opened the block in the prompt."""
    return talk().thought.match(fold(text[:WINDOW])) is not None


def _declines(text: str) -> bool:
    """Whether the first two sentences decline, or the start speaks of being an assistant."""
    start = fold(text[:WINDOW])
    return any(map(talk().refusal.match, _sentences(start)[:2])) or talk().assistant.search(start) is not None


def _only_asks(text: str) -> bool:
    """Whether every sentence speaks to the asker; apologies and greetings alone are a person's text."""
    if len(text) > WINDOW:
        return False
    sentences = _sentences(fold(text))
    asked = [sentence for sentence in sentences if talk().asker.match(sentence)]
    return bool(asked) and all(talk().filler.match(each) for each in sentences if each not in asked)


def _sentences(text: str) -> list[str]:
    ends = [0, *(found.end() for found in SENTENCE_END.finditer(text)), len(text)]
    pieces = (text[start:end].strip() for start, end in pairwise(ends))
    return [piece for piece in pieces if piece]
