"""How a cut answer ends: what it repeats stands once, an open sentence goes."""

import re

SENTENCE_END = re.compile(
    # Latin, Arabic, Urdu, Devanagari, Armenian, Khmer, Ethiopic and Greek marks
    r"[.!?\u2026\u061f\u06d4\u0964\u0965\u0589\u17d4\u17d5\u1362\u1367\u1368\u037e](?:[\"'\u201d\u201c\u2019\u00bb)*_]*)(?=\s|$)"
    r"|[\u3002\uff01\uff1f\uff61\uff0e\u104b\u0f0d\u0f0e][\u300d\u300f\u201d\uff09)]*"  # these need no space after them
)
_CLAUSE_SCRIPTS = re.compile(r"[\u0e00-\u0eff]")  # Thai and Lao: a space ends a clause, no mark ends a sentence
SHORTEST, LONGEST, TIMES = 6, 200, 3
"""A loop repeats a stretch of 6 to 200 characters, spaces left out, three times and more."""


def once(text: str) -> str:
    """Without the repeats at the end; a circle that began inside a sentence is followed to that sentence's end.

    Of all periods, the one whose repeats reach back farthest, of equal ones the shortest; white space between repeats
    may differ. Linear in the text: one Z-function of it read backwards (Gusfield 1997, section 1.4, recalled).
    """
    places = [place for place, character in enumerate(text) if not character.isspace()]
    backwards = [text[place] for place in reversed(places)]
    reach = _z(backwards, LONGEST)
    found = [
        (reach[period] + period, -period)
        for period in range(SHORTEST, len(reach))
        if reach[period] + period >= TIMES * period
    ]
    if not found:
        return text
    length, period = max(found)[0], -max(found)[1]
    end = places[len(places) - length + period - 1] + 1
    kept = text[:end]
    if not SENTENCE_END.search(kept[-1:]) and (stop := SENTENCE_END.search(text, end)):
        kept = text[: min(stop.end(), places[min(len(places) - length + 2 * period, len(places)) - 1] + 1)]
    return kept


def _z(sequence: list[str], longest: int) -> list[int]:
    """For each shift up to ``longest``: how many items from there on equal those from the start on."""
    size = len(sequence)
    reach = [0] * min(longest + 1, size)
    left = right = 0
    for shift in range(1, len(reach)):
        same = min(right - shift, reach[shift - left]) if shift < right else 0
        while shift + same < size and sequence[same] == sequence[shift + same]:
            same += 1
        reach[shift] = same
        if shift + same > right:
            left, right = shift, shift + same
    return reach


def whole_sentences(text: str) -> str:
    """Without the last sentence where it is open; empty where no sentence ends."""
    last = None
    for last in SENTENCE_END.finditer(text):  # noqa: B007
        pass
    if last:
        return text[: last.end()]
    return text.rpartition(" ")[0] if _CLAUSE_SCRIPTS.search(text[-50:]) else ""
