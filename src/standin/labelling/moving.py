"""Answers follow their texts: where a file's texts have other ids, as those made of line numbers, the labels move."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from standin.config import load_params
from standin.corpus import Row, read_rows
from standin.errors import StandinError, counted
from standin.labelling.asked import POOL
from standin.labelling.labels import Labelled, astray_said, digest, found_elsewhere, set_aside
from standin.labelling.store import FOLDER, Store
from standin.sources.added import Added
from standin.sources.splits import set_apart


@dataclass(frozen=True, slots=True)
class Moved:
    """The labels by the ids that their texts have now, and how many answers did what.

    ``moved``: their text stands under another id, which is theirs now. ``aside``: their text was not found, so they
    stand under an id that no text has; those that stood so before are not counted.
    """

    labels: dict[str, Labelled]
    moved: int
    aside: int


def follow(labels: Mapping[str, Labelled], rows: Sequence[Row], asked: Mapping[tuple[str, str], str | None]) -> Moved:
    """Give each answer the id that its text has among ``rows``, by its digest; nothing that was said is lost.

    An answer stays where its id names its text as the pool has it. Else it moves to the id of the text with its digest,
    where no other answer is there; of several, that of the earliest round. Where the rows answer several questions it
    moves within its own, which labels do not name.

    Args:
        labels: by id.
        rows: those of the file; a text of several ids has the first of them, as in the pool.
        asked: (id, digest) -> question, of the texts that people were asked about; used for several questions alone.
    """
    by_id = {row.id: digest(row.text) for row in rows}
    questions: dict[str, set[str | None]] = {}
    for row in rows:
        questions.setdefault(by_id[row.id], set()).add(row.question_id)
    several = len(set().union(*questions.values())) > 1
    places = {by_id[row.id]: row for row in set_apart({"train": rows})[0] if len(questions[by_id[row.id]]) == 1}

    def place(each: Labelled) -> str | None:
        """The id that an answer should have; None where nobody knows."""
        own = places.get(each.digest)
        known = own is not None and (not several or asked.get((each.id, each.digest), "") == own.question_id)
        if own is not None and known:
            return own.id
        return each.id if by_id.get(each.id) == each.digest else None

    where = {name: place(each) for name, each in labels.items()}
    result = {name: each for name, each in labels.items() if where[name] == name}
    leaving = sorted((each for name, each in labels.items() if name not in result), key=_earliest)
    moved, without = 0, []
    for each in leaving:
        own = where[each.id]
        if own is None or own in result:
            without.append(each)
            continue
        result[own] = replace(each, id=own)
        moved += 1
    for each in without:
        name = each.id if set_aside(each) else f"{each.id} ({each.digest})"
        while name in result or name in by_id:
            name += "'"
        result[name] = replace(each, id=name)
    return Moved(result, moved, sum(not set_aside(each) for each in without))


def _earliest(each: Labelled) -> tuple[float, str]:
    return each.round or math.inf, each.id


def with_answers(added: Added) -> Added:
    """Let the answers of a task follow the texts of data that was added, and say what became of them, in numbers."""
    said = []
    for path in _files(added.name):
        try:
            said += _followed(path, added.parts["train"].rows)
        except StandinError as error:
            said.append(f"look at: the answers were not compared with the texts: {error}")
    return replace(added, remarks=[*added.remarks, *said]) if said else added


def check_at_home(labels: Mapping[str, Labelled], path: Path, task: str) -> None:
    """Raise StandinError where answers belong to texts that the pool has under other ids: nobody is to be asked anew.

    So it is between ``standin data add --replace`` and the run that draws the pool from the new file.
    """
    if POOL.exists() and (astray := found_elsewhere(read_rows(POOL, Row), labels)):
        raise StandinError(astray_said(astray, path, task))


def _files(name: str) -> list[Path]:
    """The labels files of a task that are there."""
    files = [FOLDER / f"{name}.jsonl"]
    if Path("params.yaml").exists():
        params = load_params()
        named = Path(params.select.labels)
        files += [named] if params.base.task == name and named.parent == FOLDER and named not in files else []
    return [path for path in files if path.suffix == ".jsonl" and path.exists()]


def _followed(path: Path, rows: Sequence[Row]) -> list[str]:
    """Move the answers of one file; sentences, none where every answer belongs to its text."""
    pool = read_rows(POOL, Row) if POOL.exists() else ()
    asked = {(row.id, digest(row.text)): row.question_id for row in pool}
    store = Store(path, None)
    answers, found = len(store.by_id), follow(store.by_id, rows, asked)
    if not (found.moved + found.aside):
        return []
    found = store.follow(lambda known: follow(known, rows, asked))
    astray = found.moved + found.aside
    no_longer = "no longer belongs to its id" if astray == 1 else "no longer belong to their ids"
    lines = [f"look at: {path.as_posix()}: {astray} of {counted(answers, 'answer')} {no_longer}"]
    if found.moved:
        lines.append(f"  {counted(found.moved, 'text was', 'texts were')} found under another id: the answers moved")
    if found.aside:
        lines.append(
            f"  {counted(found.aside, 'text was', 'texts were')} not found, or not without doubt: the answers count "
            "for nothing, and stand in the file under ids that no text has. Add the file that has the texts to bring "
            "them back"
        )
    commit = f"git add {path.as_posix()} && git commit -m 'labels follow their texts'"
    return [*lines, f"  commit the file ({commit}), then `standin run` before `standin label`"]
