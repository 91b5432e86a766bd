"""What people said of real texts: the file that ``select.labels`` names, a line for each text that was answered."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from standin.corpus import Row, read_json_lines, read_rows, write_whole
from standin.errors import StandinError, counted, nearest

FILE = "the file"
"""Stands for the annotator where a file of rows (id, text, label) says no name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """What people said of one text.

    ``digest`` is that of the text they read. ``votes``: annotator -> label, None where the person could not say.
    ``round``: the number of the round of selection that was closed with it; None in the open one. ``text`` is known
    where the file holds it.
    """

    id: str
    digest: str
    votes: Mapping[str, str | None]
    round: int | None = None
    text: str | None = None

    @property
    def label(self) -> str | None:
        """What most annotators said; None where they are divided equally, or none of them could say."""
        return majority([vote for vote in self.votes.values() if vote is not None])


def majority(votes: Sequence[str]) -> str | None:
    """The most frequent label; None for a tie, and for no votes."""
    first = Counter(votes).most_common(2)
    return None if not first or (len(first) > 1 and first[0][1] == first[1][1]) else first[0][0]


def digest(text: str) -> str:
    """The beginning of the text's SHA-256, by which a changed text is noticed."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def given_to(row: Row, labels: Mapping[str, Labelled]) -> Labelled | None:
    """What people said of a text; None where nobody did, or where they read another text with this id."""
    found = labels.get(row.id)
    return found if found and found.digest == digest(row.text) else None


def set_aside(labelled: Labelled) -> bool:
    """Whether an answer stands under an id that no text has, as its text was not found when the data changed."""
    return f" ({labelled.digest})" in labelled.id


def found_elsewhere(rows: Iterable[Row], labels: Mapping[str, Labelled]) -> int:
    """How many answers stand under other ids than their texts, which are among the rows and have no answer there."""
    texts = {row.id: digest(row.text) for row in rows}
    here = {name for name, each in labels.items() if texts.get(name) == each.digest}
    open_ = set(texts.values()) - {texts[name] for name in here}
    return sum(each.digest in open_ and name not in here and not set_aside(each) for name, each in labels.items())


def astray_said(number: int, path: Path, task: str) -> str:
    """What to do where answers stand under other ids than their texts."""
    return (
        f"{path}: {counted(number, 'answer belongs to a text', 'answers belong to texts')} that the pool has under "
        f"another id. Where data was added since the last run: `standin run` first. Else `standin data add {task} FILE "
        "--replace`, with the file of the task's texts, gives each answer the id of its text."
    )


def read_labels(path: Path, names: Sequence[str] | None = None) -> dict[str, Labelled]:
    """The answered texts of a labels file, by id.

    Reads what ``standin label`` writes, and rows (id, text, label) as the simulation's oracle has them.

    Args:
        path: a JSON Lines file.
        names: the task's labels; None checks none.

    Raises:
        StandinError: another kind of file, a broken line, an unknown label, two labels of one id.
    """
    check_labels_file(path)
    first = next((value for _, value in read_json_lines(path)), {})
    found = _answers(path) if "digest" in first else _rows(path)
    for labelled in found.values() if names is not None else ():
        for label in labelled.votes.values():
            if label is not None and names is not None:
                check_label(path, labelled.id, label, names)
    return found


def check_label(path: Path, identifier: str, label: str, names: Sequence[str]) -> None:
    """Raise StandinError where a text of a file has a label that is none of the task's."""
    if label not in names:
        raise StandinError(
            f"{path}: id {identifier!r} has the label {label!r}: {nearest(label, names)}. Where the task's label was "
            "renamed, rename it in the file too."
        )


def check_labels_file(path: Path) -> None:
    """Raise StandinError where the file that ``select.labels`` names is not there, or of another kind."""
    if path.suffix != ".jsonl":
        raise StandinError(
            f"{path}: params.yaml, select.labels, names a JSON Lines file of labels, and this is none. "
            f"`standin label import {path}` checks its answers and writes such a file."
        )
    if not path.exists():
        raise StandinError(
            f"{path}: there is no such file (params.yaml, select.labels). `standin label` asks for labels and writes "
            "it, `standin label import FILE` reads answers into it; until then set select.labels to "
            "data/real/oracle.jsonl."
        )


def _rows(path: Path) -> dict[str, Labelled]:
    found: dict[str, Labelled] = {}
    for row in read_rows(path, Row):
        if row.label is None:
            continue
        if (known := found.get(row.id)) and known.label != row.label:
            raise StandinError(f"{path}: id {row.id!r} has two labels, {known.label!r} and {row.label!r}: keep one")
        found[row.id] = Labelled(id=row.id, digest=digest(row.text), votes={FILE: row.label}, text=row.text)
    return found


def _answers(path: Path) -> dict[str, Labelled]:
    found: dict[str, Labelled] = {}
    for number, value in read_json_lines(path):
        labelled = _labelled(f"{path}, line {number}", value)
        if labelled.id in found:
            raise StandinError(f"{path}, line {number}: id {labelled.id!r} stands twice: keep one of the lines")
        found[labelled.id] = labelled
    return found


def _labelled(where: str, value: dict[str, Any]) -> Labelled:
    known = {field.name for field in fields(Labelled)} - {"text"} | {"label"}
    if wrong := sorted(value.keys() - known):
        raise StandinError(f"{where}: unknown key {wrong[0]!r}: {nearest(wrong[0], known)}")
    votes, round_ = value.get("votes"), value.get("round")
    if not isinstance(value.get("id"), str) or not isinstance(value.get("digest"), str):
        raise StandinError(f"{where}: 'id' and 'digest' must be texts: take the line out and label the text again")
    if not isinstance(votes, dict) or not votes or not all(isinstance(vote, str | None) for vote in votes.values()):
        raise StandinError(f"{where}: 'votes' must name annotators and their labels, as in anna: housing")
    if round_ is not None and (type(round_) is not int or round_ < 1):
        raise StandinError(f"{where}: 'round' is {round_!r}; it is a whole number from 1, or not there")
    found = Labelled(id=value["id"], digest=value["digest"], votes=votes, round=round_)
    if value.get("label") != found.label:
        raise StandinError(
            f"{where}: the label is {value.get('label')!r}, and the votes make it {found.label!r}: correct the votes"
        )
    return found


def write_labels(path: Path, labels: Iterable[Labelled]) -> None:
    """Write labels, a line each in the order of their ids: a kill leaves the old file or the new one, whole."""
    lines = []
    for each in sorted(labels, key=lambda each: each.id):
        line: dict[str, Any] = {"id": each.id, "label": each.label, "round": each.round, "digest": each.digest}
        line |= {"votes": dict(sorted(each.votes.items()))}
        kept = {name: cell for name, cell in line.items() if cell is not None or name == "label"}
        lines.append(json.dumps(kept, ensure_ascii=False))
    write_whole(path, "".join(f"{line}\n" for line in lines))
