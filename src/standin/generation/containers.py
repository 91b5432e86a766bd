"""What models put around a text: a code fence, an element, a JSON object or list. Inside stands the text."""

import json
import re
from itertools import islice
from typing import Any

from standin.generation.talk import Talk, fold

MOST = 100
"""Pairs of JSON that is not well-formed, looked at for the text."""
LONGEST_LEAD = 300
"""Characters that may stand before a code fence: an announcement, not the text."""

_FENCE = re.compile(r"(```|~~~)[^\S\n]*(?:[\w+-]{1,20}[^\S\n]*(?=\n|[{\[]))?")
_ELEMENT = re.compile(
    r"<(answer|response|output|final|final_answer|result|solution|text|comment|tweet|review|message|post|example|reply"
    r"|sentence|sms|headline|generated_text)>",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\$?\$?\\boxed\{(?:\\text\{([^{}]*)\}|([^{}]*))\}\$?\$?\.?\Z")
_STRING = r"""(?P<quote>["'])(?P<string>(?:\\.|(?!(?P=quote))[^\\])*+)(?P<end>["'])?"""
_PAIR = re.compile(rf"""["'](\w[^"'\n]{{0,40}})["']\s*:\s*{_STRING}""", re.DOTALL)
_FIRST = re.compile(rf"""[\[{{]\s*{_STRING}(?=\s*(?:[,\]}}]|\Z))""", re.DOTALL)
_BEFORE_OBJECT = re.compile(r"""[^\n{}\[\]"]{1,120}[:\uff1a]\s*(?=\{\s*"\w[^"\n]{0,40}"\s*:)""")
_APART = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W\d_]+")
_ESCAPE = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(.))""", re.DOTALL)
_LETTERS = {"n": "\n", "t": " ", "r": "\n", "b": "", "f": "\n"}
_BEGINS = re.compile(r"""[\[{]\s*(?:["'\[{]|\Z)""")


def unfenced(text: str) -> str:
    """What stands inside the first code fence, where nothing but an announcement stands before it."""
    text = re.sub(r"\Ajson\n(?=[{\[])", "", text)  # a fence whose marks are lost
    found = _FENCE.search(text[: LONGEST_LEAD + 30])
    if not found:
        return text
    before = text[: found.start()].rstrip()
    if before and not (before.endswith((":", "\uff1a", ":**")) and found.start() and text[found.start() - 1] == "\n"):
        return text
    end = text.find(found[1], found.end())
    return text[found.end() : end if end >= 0 else len(text)].strip()


def unwrapped(text: str) -> str:
    """Without an element around the text such as ``<answer>``, of which half counts too, or a box of LaTeX."""
    if boxed := _BOXED.match(text):
        return (boxed[1] or boxed[2] or "").strip()
    found = _ELEMENT.match(text)
    if found:
        end = text.lower().find(f"</{found[1].lower()}>", found.end())
        return text[found.end() : end if end >= 0 else len(text)].strip()
    closing = re.search(r"</(\w{1,20})>\Z", text[-30:])
    if closing and _ELEMENT.fullmatch(f"<{closing[1]}>") and f"<{closing[1]}>" not in text:
        return text[: -len(closing[0])].strip()
    return text


def from_json(text: str, talk: Talk) -> tuple[str, bool] | None:
    """The text inside a JSON object or list; of several the first.

    A value that is cut or broken is read as far as its first string of an obvious key goes.

    Returns:
        The text, and whether it is cut. The text as it came where it is no JSON; None where no string of it is
        obviously the text.
    """
    if not _BEGINS.match(text):
        if before := _BEFORE_OBJECT.match(text):
            read = from_json(text[before.end() :], talk)
            return read if read and not text.endswith(read[0]) else (text, False)
        pair = _PAIR.match(text)  # as if the braces had been forgotten
        return _broken(text, talk) if pair and _rank(pair[1], talk) <= PART else (text, False)
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return _broken(text, talk)
    if isinstance(value, list) and text[end:].split("\n", 1)[0].strip():
        return text, False  # "[1] is where ..."
    found = _text_of(value, talk)
    if found is None and isinstance(value, list):
        return text, False
    return None if found is None else (found.strip(), False)


TEXT, ENDING, PART, UNKNOWN, FIELD = range(5)
"""How surely a key names the text: "comment"; "customer_review"; "title", where nothing else does; any; "label"."""


def _rank(key: str, talk: Talk) -> int:
    words = _APART.sub(" ", fold(key[:80])).strip()
    last = words.rsplit(" ", 1)[-1]
    if talk.minor.match(words) or talk.minor.match(last):
        return PART if talk.key.match(words) or talk.label.match(f"{last}:") else FIELD
    if talk.key.match(words):
        return TEXT
    return ENDING if talk.key.match(last) else UNKNOWN


def _text_of(value: Any, talk: Talk, depth: int = 0) -> str | None:
    """The string that is the text: of a list in its first item, of an object under the surest key or the only one."""
    if isinstance(value, str):
        return value if any(map(str.isalnum, value)) else None
    if depth > 5 or not isinstance(value, dict | list):
        return None
    if isinstance(value, list):
        return _text_of(value[0], talk, depth + 1) if value else None
    ranked = [(_rank(key, talk), each) for key, each in value.items()]
    strings = [each for rank, each in ranked if rank == UNKNOWN and isinstance(each, str)]
    if len(value) > 1:
        strings = [each for each in strings if len(each.split()) > 2]  # "confidence": "high" beside a label
    nested = [each for rank, each in ranked if rank != FIELD and isinstance(each, dict | list)]
    numbered = [each for key, each in value.items() if re.fullmatch(r"[\W_]*\d{1,3}", key)]
    for group in (
        *([each for rank, each in ranked if rank == wanted] for wanted in (TEXT, ENDING)),
        sorted((each for rank, each in ranked if rank == PART), key=_length, reverse=True),  # a story, no title
        numbered,
        strings if len(strings) == 1 else [],
        nested if len(nested) == 1 else [],
    ):
        for each in group:
            if (found := _text_of(each, talk, depth + 1)) is not None:
                return found
    return None


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def _broken(text: str, talk: Talk) -> tuple[str, bool] | None:
    """The text of JSON that does not end or is not well-formed."""
    pairs = list(islice(_PAIR.finditer(text), MOST))
    if not pairs:
        first = _FIRST.match(text)
        if first and (text[0] == "[" or " " in first["string"].strip()):  # {"label" is a key
            return _unescaped(first["string"]).strip(), first["end"] is None
        return None if first or re.fullmatch(r"[\s\[{\"']*", text) else (text, False)
    ranks = [_rank(found[1], talk) for found in pairs]
    found = next((pair for wanted in (TEXT, ENDING) for rank, pair in zip(ranks, pairs, strict=True)
                  if rank == wanted and any(map(str.isalnum, pair["string"]))), None)  # fmt: skip
    if found is None and not text[pairs[-1].end() :].strip(" \n}]"):  # nothing was to follow
        headline = ranks[-1] == PART and talk.label.match(f"{fold(pairs[-1][1])}:")
        found = pairs[-1] if headline or (ranks[-1] == UNKNOWN and len(pairs) == 1) else None
    return None if found is None else (_unescaped(found["string"]).strip(), found["end"] is None)


def _unescaped(string: str) -> str:
    """A JSON string's characters; what is no escape stays."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _LETTERS.get(found[2], found[2]), string)
