"""What labels, ids and questions may be called: one line of text, as tables, prompts and terminals show it."""

import re
import unicodedata

from standin.errors import STEERING

MOST_CHARACTERS = 1000
"""A label or id of a text's length comes from the column of the texts; comparing such names would take minutes."""

UNCLEAN = re.compile(rf"[{STEERING}\t\n\ud800-\udfff]")
"""What steers a terminal, line breaks and tabs, and halves of characters, which no UTF-8 file can hold."""

KINDS = {
    "Cc": "a control character",
    "Cf": "a character that turns the direction of writing",
    "Cs": "half a character",
    "Zl": "a line break",
    "Zp": "a line break",
}


def fault(name: str) -> str | None:
    """What is wrong with a name, as in ``holds a control character (U+0085) at place 4``; None where nothing is."""
    if found := UNCLEAN.search(name):
        sign = found[0]
        kind = "a line break" if sign in "\n\r\x85" else KINDS[unicodedata.category(sign)]
        return f"holds {kind} (U+{ord(sign):04X}) at place {found.start() + 1}"
    if len(name) > MOST_CHARACTERS:
        return f"has {len(name)} characters, more than {MOST_CHARACTERS}"
    return None
