"""Quotation marks, emphasis and a speaker around the text."""

import re
from itertools import islice

from standin.generation.talk import Talk, fold

_PAIRS = {
    '"': '"\u201d\u201c', "\u201c": '\u201d"', "\u201d": '\u201d"', "\u201e": '\u201c\u201d"', "\u00ab": "\u00bb",
    "\u00bb": "\u00ab", "\u2039": "\u203a", "\u300c": "\u300d", "\u300e": "\u300f", "'": "'", "\u2018": "\u2019",
    "`": "`",
}  # fmt: skip
OPENING = '"\u201c\u201e\u00ab\u300c'
"""Marks that open a quotation and, unlike the apostrophe, do nothing else."""
CLOSING = {mark: _PAIRS[mark][0] for mark in OPENING}
"""How each of them is closed: an answer that begins with one alone ends there."""
MOST = 1000
"""Quotation marks looked at; what holds more is no quotation."""
_BOLD = re.compile(r"(\*{2,3}|__)(?![\s*_])((?:(?!\1).)+)(?<!\s)\1\Z", re.DOTALL)
_ITALIC = re.compile(r"([*_])(?![\s*_])([^*_]+)(?<!\s)\1\Z")


def closes(text: str) -> int | None:
    """Where the quotation that opens a text closes; None where it does not.

    A straight mark opens after a space and closes before one, so that quotations may stand inside; a mark inside a word
    or after a number is none.
    """
    ends, depth = _PAIRS[text[0]], 0
    if text[0] != '"' and any(mark in text[1:] for mark in ends if mark != '"'):
        ends = ends.replace('"', "")  # a straight mark closes a curly one only where nothing else does
    marks = re.finditer(f"[{re.escape(ends + text[0])}]", text)
    for place in (found.start() for found in islice(marks, MOST)):
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        opens = (
            text[place] == text[0]
            and (not before or before.isspace() or before in "([{\u2014\u2013-")
            and (place == 0 or bool(after.strip()))
        )
        if opens and (place == 0 or text[0] not in "'`\u2018\u2019"):
            depth += 1
        elif text[place] in ends and not (before.isalnum() and after.isalnum()):
            depth -= 1
            if depth == 0:
                return place
    return None


def unquoted(text: str) -> str:
    """Without quotation marks around the whole, or one that opens and never closes."""
    if len(text) > 2 and text[0] in _PAIRS:
        if text[0] in "'`\u2018":
            alone = text[-1] in _PAIRS[text[0]] and not {text[0], text[-1]} & set(text[1:-1])  # 'Tis not so, isn't it'
            return text[1:-1] if alone else text
        end = closes(text)
        if end is not None:
            return text[1:-1] if end == len(text) - 1 else text
        if text[0] in OPENING:
            return text[1:]
    return text


def quoted_answer(text: str, talk: Talk, announced: bool) -> str:
    """The quotation alone, where remarks about it or another quotation follow it."""
    if text[:1] not in tuple(OPENING) or (end := closes(text)) is None:
        return text
    rest = text[end + 1 :]
    aside = rest.lstrip()
    if not aside or len(text[:end].split()) < 2:
        return text
    own_line = "\n" in rest[: len(rest) - len(aside)]
    if talk.closing.match(fold(aside[:300])) or (own_line and (announced or _all_quoted(text))):
        return text[: end + 1]
    return text


def _all_quoted(text: str) -> bool:
    """Whether every paragraph is a quotation: several answers, where lines of one paragraph are a dialogue."""
    paragraphs = text.split("\n\n", MOST)
    return all(each[:1] in tuple(OPENING) and closes(each) == len(each) - 1 for each in paragraphs)


def unspoken(text: str, talk: Talk) -> str:
    """Without a speaker before a quotation that goes on to the end: ``One citizen says: "..."``."""
    found = talk.speaker.match(fold(text[:200]))
    if not found:
        return text
    said = text[found.end() :]
    end = closes(said) if said else None
    return said if said and (end is None or end >= len(said.rstrip()) - 1) else text


def plain(text: str, around: bool) -> str:
    """Without Markdown that makes the whole bold; where anything stood ``around`` it, italic or a quotation too."""
    if around and text.startswith("> ") and all(line.startswith(">") or not line for line in text.split("\n")):
        return re.sub(r"^> ?", "", text, flags=re.MULTILINE)
    found = _BOLD.match(text) or _ITALIC.match(text)
    slanted = found is not None and len(found[1]) == 1
    return text if found is None or (slanted and not around and found[2][0] not in OPENING) else found[2]
