"""What models put around a text: a code fence, an element, a JSON object or list. Inside stands the text."""

import json
import re
from typing import Any

from standin.generation.talk import Talk

LONGEST_LEAD = 300
"""Characters that may stand before a code fence: an announcement, not the text."""

_FENCE = re.compile(r"(```|~~~)[^\S\n]*(?:[\w+-]{1,20}[^\S\n]*(?=\n|[{\[]))?")
_ELEMENT = re.compile(
    r"<(answer|response|output|final|final_answer|result|solution|text|comment|tweet|review|message|post|example|reply"
    r"|sentence|sms|headline|generated_text)>",
    re.IGNORECASE,
)
_STRING = r"""(?P<quote>["'])(?P<string>(?:\\.|(?!(?P=quote))[^\\])*+)(?P<end>["'])?"""
_PAIR = re.compile(rf"""["'](\w[^"'\n]{{0,40}})["']\s*:\s*{_STRING}""", re.DOTALL)
_FIRST = re.compile(rf"""[\[{{]\s*{_STRING}(?=\s*(?:[,\]}}]|\Z))""", re.DOTALL)
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
    """Without an element around the text such as ``<answer>``; half of one counts too."""
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
        pair = _PAIR.match(text)  # as if the braces had been forgotten
        return _broken(text, talk) if pair and talk.key.match(pair[1]) else (text, False)
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


def _text_of(value: Any, talk: Talk, depth: int = 0) -> str | None:
    """The string that is the text: of a list in its first item, of an object under an obvious key or the only one."""
    if isinstance(value, str):
        return value
    if depth > 5 or not isinstance(value, dict | list):
        return None
    if isinstance(value, list):
        return _text_of(value[0], talk, depth + 1) if value else None
    named = [each for key, each in value.items() if talk.key.match(key[:80])]
    strings = [each for each in value.values() if isinstance(each, str)]
    nested = [each for each in value.values() if isinstance(each, dict | list)]
    numbered = [each for key, each in value.items() if re.fullmatch(r"[\W_]*\d{1,3}", key)]
    for group in (named, numbered, strings if len(strings) == 1 else [], nested if len(nested) == 1 else []):
        for each in group:
            if (found := _text_of(each, talk, depth + 1)) is not None:
                return found
    return None


def _broken(text: str, talk: Talk) -> tuple[str, bool] | None:
    """The text of JSON that does not end or is not well-formed."""
    pairs = list(_PAIR.finditer(text))
    for found in pairs:
        if talk.key.match(found[1]) or len(pairs) == 1:
            return _unescaped(found["string"]).strip(), found["end"] is None
    first = _FIRST.match(text)
    if first and not pairs:
        return _unescaped(first["string"]).strip(), first["end"] is None
    return None if pairs or re.fullmatch(r"[\s\[{\"']*", text) else (text, False)


def _unescaped(string: str) -> str:
    """A JSON string's characters; what is no escape stays."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _LETTERS.get(found[2], found[2]), string)
