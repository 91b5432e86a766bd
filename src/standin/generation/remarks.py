"""Words to the asker before and after a text: announcements, notes, offers, counts of words."""

import re

from standin.generation import quotes, several
from standin.generation.endings import SENTENCE_END
from standin.generation.talk import WINDOW, Talk, fold

START = 300
"""Characters of a paragraph that tell whether it is a remark."""
LONGEST = 500
"""Characters of a remark: what is longer is a part of the text."""
_LEAD_IN = re.compile(rf"[^\n]{{1,120}}[:\uff1a][*_]{{0,3}}\n\n(?=[{quotes.OPENING}][^\n])")
"""A paragraph that leads to a quotation, in a language without a phrase list."""


def unannounced(text: str, phrases: Talk) -> str:
    """Without what announces the text to the asker, in any language where a colon and one quotation follow."""
    if found := phrases.announcement.match(fold(text[:WINDOW])):
        return several.closed(text[: found.end()], text[found.end() :])
    if (lead := _LEAD_IN.match(text)) and quotes.closes(text[lead.end() :]) == len(text) - lead.end() - 1:
        return text[lead.end() :]
    return text


def unclosed(text: str, phrases: Talk, announced: bool) -> str:
    """Without remarks to the asker after the text: paragraphs, lines, brackets and last sentences.

    What a person may say of a text too ("This review shows ...") goes as a paragraph of its own or in brackets;
    in the line only where words to the asker stood before it.
    """
    for _ in range(8):
        shorter = _without_last(text, phrases, announced)
        if shorter == text:
            break
        text = shorter
    paragraphs = text.split("\n\n", 12)
    for number, paragraph in enumerate(paragraphs[1:12], 1):
        if phrases.explanation.match(fold(paragraph[:START])):
            return "\n\n".join(paragraphs[:number])
    return text


def _without_last(text: str, phrases: Talk, announced: bool) -> str:
    """Without one last remark; never without the whole."""
    text = text.rstrip()
    paragraph = text.rfind("\n\n") + 2
    short = len(text) - paragraph <= LONGEST
    if paragraph > 1 and short and phrases.closing.match(fold(text[paragraph : paragraph + START])):
        return text[:paragraph].rstrip()
    remark = phrases.aside if announced else phrases.remark
    line = text.rfind("\n") + 1
    if line and remark.match(fold(text[line : line + START])):
        return text[:line].rstrip()
    opened = _bracket(text, 400)
    if opened and phrases.aside.match(fold(text[opened + 1 :])):
        return text[:opened].rstrip()
    window = max(len(text) - 400, line)
    last = [found.end() for found in SENTENCE_END.finditer(text, window) if text[found.end() :].strip()]
    if last and remark.match(fold(text[last[-1] :])):
        return text[: last[-1]].rstrip()
    return text


def _bracket(text: str, width: int) -> int:
    """Where the bracket opens that ends a text, within its last characters; 0 where none does."""
    if text[-1:] not in tuple(")]\uff09"):
        return 0
    return max(0, *(text.rfind(mark, max(len(text) - width, 0)) for mark in "([\uff08"))


def uncounted(text: str, phrases: Talk) -> str:
    """Without a count of words at the end or the start, in brackets or on a line of its own."""
    opened = _bracket(text.removesuffix("."), 60)
    if opened and phrases.count.match(fold(text[opened:])) and _of_the_text(text[:opened], text[opened:]):
        return text[:opened].rstrip()
    end = max(text.find(")", 0, 60), text.find("]", 0, 60))
    if text[:1] in "([" and 0 < end < len(text) - 1 and phrases.count.match(fold(text[: end + 1])):
        return text[end + 1 :]
    line = text.rfind("\n") + 1
    if line and len(text) - line < 60 and phrases.count.match(fold(text[line:])):
        return text[:line].rstrip()
    return text


def _of_the_text(text: str, bracket: str) -> bool:
    """Whether a count in brackets is the text's: a sentence ends before it, or its number is about right."""
    end = text.rstrip()[-5:]
    if any(found.end() == len(end) for found in SENTENCE_END.finditer(end)):
        return True
    said = int(re.findall(r"\d+", bracket)[-1])
    return any(size / 2 <= said <= size * 2 for size in (len(text.split()), len(text)))
