"""From a raw answer to a text: strip only what is certainly not the text, name every change, refuse to guess.

The raw answer stays in ``answers.jsonl``; parsing is pure and can be run again for free.
"""

import re
from dataclasses import dataclass

REFUSED = "refused"
UNPARSABLE = "unparsable"

_MARKER = re.compile(r"<\|?[a-z_]+\|?>|\[/?INST\]|^(?:assistant|user|system)\s*\n", re.IGNORECASE)
_TURN = re.compile(r"\s*(?:<\|im_start\|>|<\|im_end\|>|\[INST\]|\n(?:user|assistant|system)\s*\n)", re.IGNORECASE)
_ANNOUNCED = re.compile(
    r"^\s*(?:(?:sure|certainly|of course|okay|absolutely)\b[^\n:.!]{0,40}?[,.!]\s*"
    r"(?:here(?:'s| is| are)\b|this is\b)[^\n:.!]{0,200}[:.!](?:\s+|$)"  # said to the one who asked: certain
    r"|(?:(?:sure|certainly|of course|okay|absolutely)\b[^\n:]{0,40}?[,.!:]\s*)?"
    r"(?:here(?:'s| is| are)\b|this is\b)[^\n:]{0,120}:\s*)",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"^\s*(?:\*\*)?(?:comment|text|example|response|answer|message|tweet|post|review|headline)"
    r"(?: ?#?\d+)?(?:\*\*)?\s*:(?:\*\*)?\s*",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*(?:[-*\u2022]|\d{1,2}[.)])\s+")
_LOOP = re.compile(r"(.{6,200}?)(?:\s*\1){2,}.{0,200}?\Z", re.DOTALL)
_SENTENCE_END = re.compile(r"[.!?\u2026](?:[\"'\u201d\u2019)]*)(?=\s|$)")
_QUOTES = {'"': '"', "\u201c": "\u201d", "'": "'", "\u2018": "\u2019", "\u00ab": "\u00bb", "`": "`"}

# A refusal speaks in the first person about not being able or willing to write; the word "sorry" alone is none (D16).
_REFUSAL = re.compile(
    r"^\W*(?:(?:i'?m|i am) (?:really |very |so )?sorry,? but |sorry,? but |unfortunately,? |i apologi[sz]e,? but )?"
    r"(?:(?:i|we) (?:can ?not|can'?t|am unable to|am not able to|won'?t|will not|must decline to|don'?t feel able to) "
    r"(?:help|assist|write|provide|generate|create|fulfil+|comply|produce|do that|answer|continue)"
    r"|(?:i'?m|i am) (?:unable|not able) to (?:help|assist|write|provide|generate|create|fulfil+|comply|produce)"
    r"|as an? (?:ai|artificial intelligence|language model|large language model)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The text, or the reason why there is none; and what was changed on the way."""

    text: str | None
    reason: str | None = None
    changes: tuple[str, ...] = ()


def parse(raw: str, finish: str) -> Parsed:
    """Read one answer.

    ``finish`` is "length" where the token limit cut it and "loop" where it repeated itself: then the open last
    sentence is dropped, and of what is repeated four times and more at the end one remains.
    """
    changes = []
    text = raw.strip()
    for name, step in (
        ("later_turns", lambda t: _TURN.split(t, maxsplit=1)[0] or _TURN.sub("", t, count=1)),
        ("chat_marker", lambda t: _MARKER.sub("", t)),
        ("announcement", lambda t: _ANNOUNCED.sub("", t, count=1)),
        ("list_item", _first_item),
        ("label", lambda t: _LABELLED.sub("", t, count=1)),
        ("quotes", _unquote),
    ):
        changed = step(text).strip()
        if changed != text:
            changes.append(name)
            text = changed
    if _REFUSAL.search(text.replace("\u2019", "'")):
        return Parsed(None, REFUSED, tuple(changes))
    if finish == "loop" and (once := _LOOP.sub(r"\1", text)) != text:
        changes.append("loop")
        text = once
    if finish in ("length", "loop") and text:
        whole = _whole_sentences(text)
        if whole != text:
            changes.append("cut_sentence")
            text = whole
    text = " ".join(text.split())
    if not any(character.isalnum() for character in text):
        return Parsed(None, UNPARSABLE, tuple(changes))
    return Parsed(text, None, tuple(changes))


def _first_item(text: str) -> str:
    """The first item of an answer that is a list: one text was asked for. A lone dash before one line goes too."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not _ITEM.match(lines[0]):
        return text
    following = next((place for place, line in enumerate(lines[1:], 1) if _ITEM.match(line)), len(lines))
    return _ITEM.sub("", "\n".join(lines[:following]), count=1)


def _unquote(text: str) -> str:
    """Without quotation marks around the whole, where none of the same kind stand inside."""
    if len(text) > 2 and text[0] in _QUOTES and text[-1] == _QUOTES[text[0]]:
        inner = text[1:-1]
        if text[0] not in inner and text[-1] not in inner.replace("n't", "").replace("'s", ""):
            return inner
    opened = text[:1] in '"\u201c\u00ab' and text.count('"') + text.count("\u201c") + text.count("\u00ab") == 1
    return text[1:] if opened and text.count("\u201d") + text.count("\u00bb") == 0 else text


def _whole_sentences(text: str) -> str:
    """Without the last sentence where it is open; empty where no sentence ends."""
    ends = list(_SENTENCE_END.finditer(text))
    return text[: ends[-1].end()] if ends else ""
