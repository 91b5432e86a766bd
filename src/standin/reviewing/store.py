"""The file of decisions while people review: every decision is on disk before the next text is shown."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from standin.corpus import Removed, SyntheticRow
from standin.curation.reviews import Decision, Key, Reviews, Verdict, decide, key_of, read_reviews, write_reviews
from standin.errors import StandinError, nearest

FOLDER = Path("data/reviews")
LOCK = Path(".standin/reviews.lock")
LOCK_SECONDS = 20.0


@contextmanager
def locked(lock: Path, busy: str) -> Iterator[None]:
    """Hold a lock between processes. Raises StandinError, saying ``busy``, where another holds it for too long."""
    from filelock import FileLock, Timeout

    lock.parent.mkdir(exist_ok=True)
    waiting = FileLock(lock, timeout=LOCK_SECONDS)
    try:
        waiting.acquire()
    except Timeout:
        raise StandinError(f"{busy}; try again") from None
    try:
        yield
    finally:
        waiting.release()


class OvertakenError(StandinError):
    """Somebody else decided the same text meanwhile; nothing was written."""


class Store:
    """The decisions of a task. Two people in one checkout do not overwrite each other: each change reads the file anew.

    Raises StandinError where the file is broken, naming its line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reviews = Reviews(read_reviews(path))

    def change(self, changes: Iterable[tuple[Key, Decision | None]]) -> None:
        """Write decisions in place of those of the same texts; None takes one back.

        Raises OvertakenError where one of them is no longer what ``reviews`` held, which then is what the file holds.
        """
        with locked(LOCK, f"{self.path}: another review is writing"):
            known, decisions = self.reviews.by_key, read_reviews(self.path)
            self.reviews = Reviews(decisions)
            for key, decision in changes:
                if decisions.get(key) not in (known.get(key), decision):
                    raise OvertakenError(f"text {key[0]!r} was decided by somebody else meanwhile: nothing was written")
                decisions.pop(key, None)
                if decision is not None:
                    decisions[key] = decision
            if decisions or self.path.exists():
                write_reviews(self.path, decisions.values())
        self.reviews = Reviews(decisions)

    def decide(
        self, row: SyntheticRow | Removed, verdict: Verdict, text: str | None, label: str | None, note: str | None
    ) -> tuple[Key, Decision | None]:
        """Write one decision; returns its key and what stood there before, by which it can be undone."""
        known = self.reviews.of(row)
        made = decide(row, known, verdict, text, label, note)
        self.change([(made.key, made)])
        return made.key, known


def key_in(reviews: Reviews, row: SyntheticRow | Removed) -> Key:
    """The key under which a text's decision stands: that of the generated text, also where an edit is in place."""
    known = reviews.of(row)
    return known.key if known else key_of(row)


def wanted(row: SyntheticRow | Removed, text: str, label: str, labels: Sequence[str]) -> tuple[str | None, str | None]:
    """A new text and label as an edit takes them: None where they change nothing.

    Raises StandinError for an unknown label, and for a text with characters that no file can hold.
    """
    text, label = text.strip(), label.strip()
    if label and label not in labels:
        raise StandinError(f"new label {label!r}: {nearest(label, labels)}")
    if any(unicodedata.category(sign) == "Cs" or sign == "\0" for sign in text):
        raise StandinError("new text: it holds characters that are no text; type or paste it again")
    return (text if text and text != row.text else None), (label if label and label != row.label else None)
