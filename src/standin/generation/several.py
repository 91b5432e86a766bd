"""Of several answers the first: lists, titled answers, headings, fields beside the text."""

import re

from standin.generation.talk import Talk, fold

_ITEM = re.compile(r"\s*[-*\u2022](?:[ \t]+(?![-*\u2022] )|(?=\n|\Z))")
_NUMBER = re.compile(r"\s*\d{1,2}[.)](?:[ \t]+|(?=\n|\Z))")
_RARE_ITEM = re.compile(
    r"\s*(?:\u2013|\*\*\d{1,2}[.)]\*\*|\(\d{1,2}\)|#\d{1,2}[.:)]?|\(?[a-eA-E][.)])(?:[ \t]+|(?=\n|\Z))"
)
"""Marks that, as numbers do, may begin a person's text ("1. Mai"): an item's only where another item follows."""
_RULE = re.compile(r"\n\n[ ]?(?:-{3,}|\*{3,}|_{3,}|={3,}|(?:\* ){2,}\*)[ ]?(?=\n\n|\Z)|\n\n#{1,6}\Z")
_RULE_BEFORE = re.compile(r"(?:-{3,}|\*{3,}|_{3,}|={3,})\n\n?(?=[^\s-])")
_HEADING = re.compile(r"#{1,6} [^\n]{1,150}\n+|(\*\*|__)(?!\s)[^*_\n]{1,100}\1:?[ ]?\n+|[^\n]{1,100}\n={3,}\n+")
_SHAPE = re.compile(r"(#{1,6}) [^\n]{1,150}\Z|(\*\*|__)(?!\s)[^*_\n]{1,100}\2:?[ ]?\Z")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[A-Ea-e])(?:[.):]| [\u2013\u2014-])\s*")
_SAID = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\"\u201d\u201c][*_: ]*\Z")
_BOLD_TITLE = re.compile(r"\*\*[^*\n]{1,60}(?::\*\*|\*\*\s?[:\u2013-])\s+")
_NEXT = re.compile(r"\s\(?\d{1,2}[.)] (?=[\"\u201c\u201e])")
LONGEST_TITLE = 60
SCANNED = 50
"""Lines looked through for a second answer's title or a field."""


def first_item(text: str, announced: bool) -> str:
    """The first item of an answer that is a list: one text was asked for. A lone dash before one line goes too.

    ``announced`` says that words to the asker stood before it, so that "1. Mai" is no date.
    """
    lines = text.split("\n")
    mark = next((each for each in (_ITEM, _NUMBER, _RARE_ITEM) if each.match(lines[0])), None)
    if mark is None:
        return text
    following = next((place for place, line in enumerate(lines[1:], 1) if mark.match(line)), len(lines))
    item = mark.sub("", "\n".join(lines[:following]), count=1).lstrip()
    quoted = lines[0].lstrip().startswith("1") and item[:1] in tuple('"\u201c\u201e\u00ab')
    if mark is not _ITEM and following == len(lines) and not (announced or quoted):
        return text
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
    rest = closed(text[: found.end()], text[found.end() :])
    place = 0
    for number, line in enumerate(rest.split("\n")):
        if number > SCANNED:
            break
        start = fold(line[:200])
        if number and start and (talk.label.match(start + "\n") or talk.field.match(start)):
            return _without_title(rest[:place]) if (found["number"] or "").strip() else rest[:place]
        place += len(line) + 1
    if (found["number"] or "").strip():
        word = re.escape(re.split(r"[\d#(]", folded[: found.end()].strip(" *_#>(["), maxsplit=1)[0].strip())
        again = re.search(
            rf"\s[*_]{{0,3}}{word} ?#?\d{{1,2}}(?: ?[\u2013\u2014-] ?[^\n:*.!?]{{1,50}})?[*_]{{0,3}}\s?[:\uff1a]",
            fold(rest),
            re.IGNORECASE,
        )
        return rest[: again.start()] if again else rest
    return rest


def _without_title(answer: str) -> str:
    """Without a title of a few words that stands on the line of ``Option 1:``, before a paragraph."""
    title, _, body = answer.partition("\n\n")
    short = "\n" not in title and len(title) <= LONGEST_TITLE
    return body if short and body.strip() and not _SAID.search(title) else answer


def closed(before: str, rest: str) -> str:
    """What follows a start that is taken off, without the end of the emphasis that the start had opened."""
    opened = re.match(r"[\s#>(\[]*([*_]{1,3})(?=\w)", before)
    if not opened or opened[1] in before[opened.end() :]:
        return rest
    if rest.startswith(opened[1]) and rest.count(opened[1]) % 2:  # "**Comment: **The"
        return rest[len(opened[1]) :]
    ends = re.search(rf"(?<=\S){re.escape(opened[1])}(?=\s|\Z)", rest)
    return rest[: ends.start()] + rest[ends.end() :] if ends else rest


def without_fields(text: str, talk: Talk) -> str:
    """Without lines before and after the text, or brackets after it, that name its label, as ``Category: transport``.

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
    text = "\n".join(lines[first:last])
    opened = text.rfind("(", max(len(text) - LONGEST_TITLE, 1)) if text.endswith(")") else -1
    return text[:opened].rstrip() if opened > 0 and talk.field.match(fold(text[opened + 1 : -1])) else text


def without_heading(text: str, talk: Talk, announced: bool) -> str:
    """Without a heading in Markdown or a bold first line, where something follows it; ``## Comment`` is a label.

    What follows a second heading alike goes too, where the first has a number, a letter, a label or a colon, or words
    to the asker stood before it: it is another answer. The sections of one review ("Pros:") stay. A line of dashes
    before the text goes.
    """
    if ruled := _RULE_BEFORE.match(text):
        return text[ruled.end() :]
    if announced and (titled := _inline_titled(text, talk)):
        return titled
    found = _HEADING.match(text)
    if not found or not text[found.end() :].strip():
        return text
    line, rest = text[: found.end()].strip(), text[found.end() :]
    words = line.strip("#*_ ")
    label = talk.label.match(fold(line + "\n"))
    if talk.section.match(fold(words)) or (label and label.end() >= len(line)):
        return text
    numbered = None if label else _NUMBERED.match(words)
    follows = _shape(rest.split("\n", 1)[0])
    if (label or numbered) and (_SAID.search(line) or (follows and follows == _shape(line))):
        return words[numbered.end() if numbered else 0 :]
    if not (label or numbered or announced or words.endswith(":") or line.endswith(":")):
        return rest
    place = 0
    for number, each in enumerate(rest.split("\n", SCANNED)):
        if number and _shape(each) == _shape(line) != "":
            return rest[:place]
        place += len(each) + 1
    return rest


def _inline_titled(text: str, talk: Talk) -> str:
    """The first of paragraphs that all have a bold title, as ``**Angry:** ...``; empty where they have none."""
    paragraphs = text.split("\n\n", SCANNED)
    titled = _BOLD_TITLE.match(text)
    if (
        not titled
        or not any(map(_BOLD_TITLE.match, paragraphs[1:2]))
        or talk.section.match(fold(titled[0].strip("*: ")))
    ):
        return ""
    return paragraphs[0][titled.end() :]


def _shape(line: str) -> str:
    """How a line is made a heading: its ``##`` or ``**``; empty where it is none."""
    found = _SHAPE.match(line.strip())
    return (found[1] or found[2]) if found else ""


def before_another(text: str, talk: Talk) -> str:
    """What stands before another answer: ``Or:``, ``Alternative version:``, ``Comment 2:`` begin its paragraph.

    "Or" between the items of a list, and "Option B" after "Option A", are inside one text.
    """
    paragraphs = text.split("\n\n", 12)
    place = 0
    for number, paragraph in enumerate(paragraphs):
        start = fold(paragraph[:200]) + "\n"
        label = talk.label.match(start)
        name = (label["number"] or "").strip(" #") if label else ""
        listed = any(mark.match(paragraphs[number - 1]) for mark in (_ITEM, _NUMBER, _RARE_ITEM))
        if number and ((talk.other.match(start) and not listed) or re.match(r"(?:2|B)\b", name)):
            return text[:place].rstrip()
        if name:
            return text
        place += len(paragraph) + 2
    return text


def before_rule(text: str, talk: Talk, announced: bool) -> str:
    """What stands before a line of dashes between paragraphs, where an answer or a remark follows it, no more text."""
    found = _RULE.search(text)
    if not found:
        return text
    after = text[found.end() :].strip()
    start = fold(after[:300])
    more = announced or not after or talk.label.match(start) or talk.closing.match(start)
    return text[: found.start()] if more else text
