"""The one error type a person ever sees."""

from collections.abc import Iterable
from difflib import get_close_matches


class StandinError(Exception):
    """A mistake that a person can mend: the message names the place, what was found, what is allowed, the likely fix.

    The command line and the stages print the message without a traceback and exit with status 1.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the known spellings, the nearest first: ``did you mean 'random'? Known: cal, random, sqbc``."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(names)}"
