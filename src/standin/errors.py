"""The one error type a person ever sees."""

import errno
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

MOST_NAMES = 20
STEERING = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""Characters that steer a terminal or turn a text around, as a class of a regular expression: controls (C0 without tab
and line feed, DEL, C1), separators of lines and paragraphs, overrides of the direction of writing (Unicode's report 9,
section 2; the harmless U+200E and U+200F stay)."""
_STEERING = re.compile(f"[{STEERING}]")


_NO_PLACE = (
    errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.EIO, errno.ESTALE
)  # fmt: skip
"""What the system says of a folder in a file's place or the reverse, links in a circle, names too long, drives
that went away."""


class StandinError(Exception):
    """A mistake that a person can mend: the message names the place, what was found, what is allowed, the likely fix.

    The command line and the stages print the message without a traceback and exit with status 1. It may repeat what a
    file or a server says, so control characters in it are made visible.
    """

    status = 1

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class BrokenSuiteError(StandinError):
    """A check of the stage validate cannot be evaluated, so that nothing is known of the data: exit status 3."""

    status = 3


def visible(text: str) -> str:
    """A text of others as a terminal may show it: what would steer it or turn the text around is written as an escape.

    Line breaks and tabs stay; ``STEERING`` lists what does not.
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the known spellings, the nearest first: ``did you mean 'random'? Known: cal, random, sqbc``; at most 20."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{hint}Known: {', '.join(name[:100] for name in names[:MOST_NAMES])}{more}"


def counted(number: int | str, one: str, several: str = "") -> str:
    """A number with its noun: ``1 text``, ``2 texts``, ``1,200 texts``; ``several`` where the plural adds no s.

    A number may be written already, as a range is: ``310 to 342 texts``.
    """
    said = number if isinstance(number, str) else f"{number:,}"
    return f"{said} {one if said == '1' else several or one + 's'}"


def first_line(error: BaseException) -> str:
    """The first line of what a library says; its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def check_ordinary(path: Path) -> None:
    """Raise StandinError where a path is a pipe, a socket or a device: reading it may wait for ever or never end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise StandinError(f"{path}: a pipe, socket or device, expected a file: copy what it gives into one")


def surroundings(error: BaseException) -> StandinError | None:
    """A fault of the machine (disk full, folder not writable) in a person's words; None for any other error.

    Libraries that write models wrap the system's error in one of their own, so its text is searched too.
    """
    number = error.errno if isinstance(error, OSError) else None
    place = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error):
        return StandinError(
            f"{place}the disk is full. Free some space and run again: finished stages and stored answers are kept."
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StandinError(f"{place}not allowed to write or read here. Mend the permissions, then run again.")
    if number in _NO_PLACE:
        return StandinError(f"{place}{os.strerror(number).lower()}. Name another place, or mend what stands there.")
    return None
