"""The labels file while people label: every answer is on disk before the next text is shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from standin.corpus import Row
from standin.errors import StandinError
from standin.labelling.labels import Labelled, digest, given_to, read_labels, write_labels
from standin.reviewing.store import locked

if TYPE_CHECKING:
    from standin.labelling.moving import Moved

FOLDER = Path("data/labels")
LOCK = Path(".standin/labels.lock")


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person says of a text: a label, None where they cannot say; ``gone`` takes their vote back."""

    row: Row
    annotator: str
    label: str | None
    gone: bool = False


class Store:
    """The labels of a task. Two people in one checkout do not overwrite each other: each change reads the file anew.

    Raises StandinError where the file is broken, naming its line.
    """

    def __init__(self, path: Path, names: Sequence[str] | None) -> None:
        self.path, self.names = path, names
        self.by_id = read_labels(path, names) if path.exists() else {}

    def of(self, row: Row) -> Labelled | None:
        """What people said of a text; None where nobody did, or of another text with this id."""
        return given_to(row, self.by_id)

    def vote_of(self, row: Row, annotator: str) -> Vote:
        """What a person said of a text, by which a change can be undone."""
        known = self.of(row)
        if known is None or annotator not in known.votes:
            return Vote(row, annotator, None, gone=True)
        return Vote(row, annotator, known.votes[annotator])

    def change(self, votes: Iterable[Vote]) -> None:
        """Write votes, each in place of what the same person said of the same text."""

        def changed(known: dict[str, Labelled]) -> dict[str, Labelled]:
            for vote in votes:
                own = digest(vote.row.text)
                found = known.get(vote.row.id)
                if found is None or found.digest != own:
                    found = Labelled(id=vote.row.id, digest=own, votes={})
                said = {name: label for name, label in found.votes.items() if name != vote.annotator}
                said |= {} if vote.gone else {vote.annotator: vote.label}
                known.pop(vote.row.id, None)
                if said:
                    known[vote.row.id] = replace(found, votes=said)
            return known

        self._write(changed)

    def close(self) -> tuple[int, int]:
        """Close the round: its number, and how many answered texts it has. Raises StandinError where there are none."""
        number = 1 + max((each.round or 0 for each in self.by_id.values()), default=0)
        open_ = [each.id for each in self.by_id.values() if each.round is None]
        if not open_:
            then = (
                "`standin label` asks for labels"
                if number == 1
                else "`standin run` selects new texts, then `standin label`"
            )
            raise StandinError(f"{self.path}: nothing was labelled in round {number}, so no round to close: {then}")
        self._write(lambda known: {
            name: replace(each, round=each.round or number) for name, each in known.items()
        })  # fmt: skip
        return number, len(open_)

    def follow(self, moved: "Callable[[dict[str, Labelled]], Moved]") -> "Moved":
        """Give answers other ids, as ``moved`` says of what the file holds; what it says of them is returned."""
        said: list[Moved] = []

        def changed(known: dict[str, Labelled]) -> dict[str, Labelled]:
            said.append(moved(known))
            return said[0].labels

        self._write(changed)
        return said[0]

    def _write(self, changed: Callable[[dict[str, Labelled]], dict[str, Labelled]]) -> None:
        with locked(LOCK, f"{self.path}: somebody else's labels are being written"):
            known = read_labels(self.path, self.names) if self.path.exists() else {}
            self.by_id = changed(known)
            if self.by_id or self.path.exists():
                write_labels(self.path, self.by_id.values())
