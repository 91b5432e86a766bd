"""Of several answers the first: lists, titled answers, headings, fields beside the text."""

import re

from standin.generation.talk import Talk, fold

_ITEM = re.compile(r"\s*(?:[-*\u2022]|\d{1,2}[.)])(?:[ \t]+|(?=\n|\Z))")
_RARE_ITEM = re.compile(
    r"\s*(?:\u2013|\*\*\d{1,2}[.)]\*\*|\(\d{1,2}\)|#\d{1,2}[.:)]?|\(?[a-eA-E][.)])(?:[ \t]+|(?=\n|\Z))"
)
"""Marks that a person's text may begin with: an item's only where another item follows."""
_DATE = re.compile(
    r"\s*\d{1,2}\. (?:Jan|Feb|M\u00e4rz|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Liga|Platz|Stock|Klasse)", re.IGNORECASE
)
_RULE = re.compile(r"\n\n[ ]?(?:-{3,}|\*{3,}|_{3,}|={3,}|(?:\* ){2,}\*)[ ]?(?=\n\n|\Z)")
_HEADING = re.compile(r"#{1,6} [^\n]{1,150}\n+|(\*\*|__)(?!\s)[^*_\n]{1,100}\1:?[ ]?\n+|[^\n]{1,100}\n={3,}\n+")
_BOLD_TITLE = re.compile(r"\*\*[^*\n]{1,60}(?::\*\*|\*\*\s?[:\u2013-])\s+")
_NEXT = re.compile(r"\s\(?\d{1,2}[.)] (?=[\"\u201c\u201e])")
SCANNED = 50
"""Lines looked through for a second answer's title or a field."""


def first_item(text: str, announced: bool) -> str:
    """The first item of an answer that is a list: one text was asked for. A lone dash before one line goes too.

    ``announced`` says that words to the asker stood before it, so that "1. Mai" is no date.
    """
    lines = text.split("\n")
    mark = _ITEM if _ITEM.match(lines[0]) else _RARE_ITEM
    if not mark.match(lines[0]) or (_DATE.match(lines[0]) and not announced):
        return text
    following = next((place for place, line in enumerate(lines[1:], 1) if mark.match(line)), len(lines))
    if mark is _RARE_ITEM and following == len(lines) and not announced:
        return text
    item = mark.sub("", "\n".join(lines[:following]), count=1).lstrip()
    if item[:1] in '"\u201c\u201e' and (again := _NEXT.search(item)):
        item = item[: again.start()]
    titled = _BOLD_TITLE.match(item)
    return item[titled.end() :] if titled and titled.end() < len(item) else item


def untitled(text: str, talk: Talk) -> str:
    """Without what names the text, as ``Comment 1:``, and without the answers that are titled alike after it."""
    folded = fold(text[:300])
    found = talk.label.match(folded)
    if not found or found.end() >= len(text):
        return text
    rest = text[found.end() :]
    place = 0
    for number, line in enumerate(rest.split("\n")):
        if number > SCANNED:
            break
        start = fold(line[:200])
        if number and start and (talk.label.match(start + "\n") or talk.field.match(start)):
            return rest[:place]
        place += len(line) + 1
    if found["number"].strip():
        word = re.escape(folded[: found.start("number")].strip(" *_#>(["))
        again = re.search(rf"\s[*_]{{0,3}}{word} ?#?\d{{1,2}}[*_]{{0,3}}\s?[:\uff1a]", fold(rest), re.IGNORECASE)
        return rest[: again.start()] if again else rest
    return rest


def without_fields(text: str, talk: Talk) -> str:
    """Without lines before and after the text that name its label, as ``Category: transport``.

    A title or a reasoning goes where a line after it names the text: ``Reasoning: ... Comment: ...``.
    """
    lines = text.split("\n")
    if talk.lead.match(fold(lines[0][:200])):
        for number, line in enumerate(lines[1:SCANNED], 1):
            if talk.label.match(fold(line[:200]) + "\n"):
                return "\n".join(lines[number:])
    first, last = 0, len(lines)
    while first < min(last - 1, SCANNED) and (not lines[first] or talk.field.match(fold(lines[first][:200]))):
        first += 1
    while last > max(first + 1, len(lines) - SCANNED) and (
        not lines[last - 1] or talk.field.match(fold(lines[last - 1][:200]))
    ):
        last -= 1
    return "\n".join(lines[first:last])


def without_heading(text: str, talk: Talk) -> str:
    """Without a heading in Markdown or a bold first line, where something follows it; ``## Comment`` is a label."""
    found = _HEADING.match(text)
    if not found or not text[found.end() :].strip() or talk.label.match(fold(text[:300])):
        return text
    return text[found.end() :]


def before_rule(text: str, talk: Talk, announced: bool) -> str:
    """What stands before a line of dashes between paragraphs, where an answer or a remark follows it, no more text."""
    found = _RULE.search(text)
    if not found:
        return text
    after = text[found.end() :].strip()
    start = fold(after[:300])
    more = announced or not after or talk.label.match(start) or talk.closing.match(start)
    return text[: found.start()] if more else text
