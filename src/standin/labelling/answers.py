"""Answers of people, read back from the file that they filled in or that their tool exports; taken only whole."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.corpus import Row
from standin.errors import StandinError, counted, first_line, nearest
from standin.labelling.labels import Labelled, digest
from standin.labelling.store import Store, Vote
from standin.measures.agreement import agreement, krippendorff_alpha
from standin.reviewing.sheet import MOST_FINDINGS, bare, nothing_taken
from standin.sheets import plain
from standin.sources.cells import cell_text, missing, simple_text, whole_text
from standin.sources.exports import choices_in, export_of, single
from standin.sources.opening import Options, open_file
from standin.sources.tables import Table

UNSURE = "?"
"""Written for a label: the person could not say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's answer as the file has it; empty strings where it says nothing."""

    number: int
    id: str
    text: str
    digest: str
    annotator: str
    label: str


class Pool:
    """The pool's texts, to be found by digest, by the text as it stands, by its words alone, or by id."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._by_id = {row.id: row for row in rows}
        self._by_digest = _grouped(rows, digest)
        self._by_text = _grouped(rows, str.strip)
        self._by_words = _grouped(rows, bare)

    def find(self, answer: Answer) -> Row:
        """The text of an answer.

        Raises StandinError for a text that is not in the pool, or has changed, and where several may be meant.
        """
        row = self._by_id.get(answer.id)
        if row is not None and not answer.digest and not answer.text:
            return row
        alike = self._by_digest.get(answer.digest)
        if alike is None and answer.text:
            alike = self._by_text.get(answer.text) or self._by_words.get(bare(answer.text))
        if alike and len(alike) > 1 and row not in alike:
            ids = ", ".join(repr(one.id) for one in alike[:MOST_FINDINGS])
            raise StandinError(
                f"{len(alike)} texts of the pool have these words ({ids}): put the column 'text_id' back, which says "
                "which of them was read"
            )
        if alike:
            return row if row is not None and row in alike else alike[0]
        if row is not None:
            raise StandinError(f"text {answer.id!r} is another one in the pool now: export it again, and ask again")
        if not answer.id:
            raise StandinError("neither id nor text say which text of the pool it is: put the column 'text_id' back")
        known = nearest(answer.id, self._by_id)
        raise StandinError(f"column 'text_id' holds {answer.id[:40]!r}, which is no text of the pool: {known}")


def _grouped(rows: Sequence[Row], key: Callable[[str], str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row.text), []).append(row)
    return found


def read_answers(
    path: Path,
    pool: Sequence[Row],
    labels: Sequence[str],
    values: Mapping[str, str],
    store: Store,
    annotator: str,
    options: Options,
) -> tuple[list[Vote], list[str]]:
    """The votes of a file.

    Args:
        path: a filled-in sheet (CSV, .xlsx), an export of Label Studio (JSON, JSON-MIN, CSV), Argilla, doccano or
            Prodigy, or JSON Lines with id and label.
        pool: the texts that may be answered.
        labels: the task's.
        values: the file's words for labels -> labels, or "?" where they mean that none can be said; beside the labels
            themselves.
        store: what people said already.
        annotator: who answered, where the file does not say.
        options: encoding and sheet of the file.

    Returns:
        What changes, and what was found, in sentences.

    Raises:
        StandinError: the file cannot be read, or rows are wrong: they are named and nothing is taken.
    """
    with tempfile.TemporaryDirectory(prefix="standin-labels-") as folder:
        table = open_file(path, options, "text", Path(folder)).table
    folded = Counter(name.casefold() for name in labels)
    named = {name.casefold(): name for name in labels if folded[name.casefold()] == 1} | dict(values)
    texts = Pool(pool)
    votes: dict[tuple[str, str], Vote] = {}
    found: Counter[str] = Counter()
    wrong: list[str] = []
    read = _answers(table, annotator)
    for answer in read:
        if not answer.label:
            found["empty"] += 1
            continue
        try:
            vote = Vote(texts.find(answer), answer.annotator, _label(answer.label, labels, named))
            _check_double(votes.get((vote.row.id, vote.annotator)), vote)
        except StandinError as error:
            wrong.append(f"{table.at(answer.number)}: {error}")
            continue
        known = store.vote_of(vote.row, vote.annotator)
        kind = "new" if known.gone else "same" if known.label == vote.label else "changed"
        found["repeated" if (vote.row.id, vote.annotator) in votes else kind] += 1
        votes[vote.row.id, vote.annotator] = vote
    if wrong:
        raise nothing_taken(wrong)
    return list(votes.values()), _said(found, len(read) - found["empty"])


def _label(said: str, labels: Sequence[str], named: Mapping[str, str]) -> str | None:
    """A label as the task writes it, None for a question mark. Raises StandinError for any other word."""
    meant = said if said in labels else named.get(said, named.get(said.casefold(), "")) or said
    if meant in labels:
        return meant
    if meant == UNSURE:
        return None
    shown = repr(said[:60]) if meant == said else f"{said[:60]!r}, which --value or source.values calls {meant[:60]!r}"
    raise StandinError(
        f"column 'label' holds {shown}: {nearest(meant, labels)}; {UNSURE} where none can be said, or leave it empty"
    )


def _check_double(known: Vote | None, vote: Vote) -> None:
    if known is not None and known.label != vote.label:
        raise StandinError(
            f"text {vote.row.id!r} has two answers by {vote.annotator!r}, {known.label or UNSURE!r} and "
            f"{vote.label or UNSURE!r}: leave one of the rows, or say in a column 'annotator' who gave each"
        )


def _answers(table: Table, annotator: str) -> list[Answer]:
    """Every answer of a file. Raises StandinError where it is no table of answers."""
    if table.all(lambda one: isinstance(one.get("data"), dict) and "annotations" in one):
        return _of_tool(table, "Label Studio", _label_studio)
    if table.all(lambda one: isinstance(one.get("fields"), dict) and isinstance(one.get("responses"), dict)):
        return _of_tool(table, "Argilla", _argilla)
    columns = set(table.columns)
    prodigy = columns & {"answer", "_task_hash"}  # there a label may have been rejected
    if "label" in columns and columns & {"text_id", "id", "text"} and not prodigy:
        return [_flat(table, number, record, annotator) for number, record in table.records]
    if export := export_of(table, "text", None) if table.unit in ("line", "record") else None:
        return [answer for number, record in export.table.records for answer in _shaped(number, record, annotator)]
    raise StandinError(
        f"{table.path}: no column 'label' beside 'text_id', 'id' or 'text'; found: {', '.join(table.columns)[:200]}. "
        "`standin label export` makes a sheet with all columns"
    )


def _of_tool(table: Table, tool: str, read: Any) -> list[Answer]:
    found = []
    for number, record in table.records:
        try:
            found += list(read(table, number, record))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise StandinError(
                f"{table.at(number)}: no record as {tool} exports it ({first_line(error)}). Export the data again, or "
                "take the record out."
            ) from None
    return found


def _label_studio(table: Table, number: int, record: Mapping[str, Any]) -> Iterator[Answer]:
    """An answer for each annotation that was not skipped; nobody's answer is one empty one."""
    data, any_ = record["data"], False
    for place, annotation in enumerate(record["annotations"] or [], 1):
        results = [] if annotation.get("was_cancelled") else annotation.get("result") or []
        chosen = [part for one in results if one.get("type") == "choices" for part in choices_in(one["value"])]
        if not chosen:
            continue
        any_ = True
        person = annotation.get("completed_by")
        person = person.get("id", person.get("email")) if isinstance(person, dict) else person
        yield _answer(number, data, _person(table, number, person, str(place)), single(table, number, chosen))
    if not any_:
        yield _answer(number, data, "", "")


def _argilla(table: Table, number: int, record: Mapping[str, Any]) -> Iterator[Answer]:
    """An answer for each submitted response; drafts and discarded ones do not count."""
    data = {"text": record["fields"].get("text")} | (record.get("metadata") or {})
    data = {"text_id": record.get("external_id") or record.get("id")} | data
    given = [one for one in record["responses"].get("label") or [] if one.get("status") in (None, "submitted")]
    for place, one in enumerate(given, 1):
        person = _person(table, number, one.get("user_id"), str(place))
        yield _answer(number, data, person, simple_text(table, number, one["value"], "label"))
    if not given:
        yield _answer(number, data, "", "")


def _flat(table: Table, number: int, record: Mapping[str, Any], annotator: str) -> Answer:
    """A row with its label: a word, a list of one (doccano), or choices (Label Studio's smaller exports)."""
    cell = record.get("label")
    if isinstance(cell, str) and cell.lstrip().startswith('{"choices"'):
        try:
            cell = json.loads(cell)
        except ValueError:
            raise StandinError(
                f"{table.at(number)}: column 'label' is no JSON of choices: export the data again"
            ) from None
    if isinstance(cell, Mapping) and _are_choices(cell):
        cell = choices_in(cell)
    if isinstance(cell, list):
        parts = [simple_text(table, number, part, "label") for part in cell if not missing(part)]
        cell = single(table, number, parts) if parts else None
    label = "" if missing(cell) else simple_text(table, number, cell, "label")
    return _answer(number, record, _person(table, number, record.get("annotator"), annotator), label)


def _are_choices(cell: Mapping[str, Any]) -> bool:
    """Whether an object is a value as Label Studio writes it."""
    return "rating" in cell or any(isinstance(cell.get(name), list) for name in ("choices", "taxonomy"))


def _shaped(number: int, record: Mapping[str, Any], annotator: str) -> Iterator[Answer]:
    votes = record.get("annotations")
    if votes:
        yield from (_answer(number, record, f"annotator {place}", vote) for place, vote in enumerate(votes, 1))
    else:
        yield _answer(number, record, annotator, "" if missing(record.get("label")) else str(record["label"]))


def _answer(number: int, data: Mapping[str, Any], annotator: str, label: str) -> Answer:
    def cell(name: str) -> str:
        value = data.get(name)
        return "" if missing(value) else plain(cell_text(value))

    identifier = cell("text_id") or cell("id")
    return Answer(number, identifier, cell("text"), cell("digest").removeprefix("#"), annotator, plain(label.strip()))


def _person(table: Table, number: int, said: Any, otherwise: str) -> str:
    """Who answered. Raises StandinError where a list or an object stands for the name."""
    return otherwise if missing(said) else whole_text(table, number, simple_text(table, number, said, "annotator"))


def _said(found: Counter[str], answers: int) -> list[str]:
    lines = [f"{counted(answers, 'answer')} read: {found['new']} new, {found['changed']} changed"]
    for kind, what in (("same", "what was said already"), ("repeated", "what the file says twice")):
        if found[kind]:
            lines.append(f"{counted(found[kind], 'answer repeats', 'answers repeat')} {what}")
    if found["empty"]:
        lines.append(f"{counted(found['empty'], 'row has', 'rows have')} no label yet, and nothing changed for them")
    return lines


def agreement_said(labels: Sequence[Labelled]) -> list[str]:
    """How far people agree, and which texts stay without a label, in sentences; nothing where one person labelled."""
    votes = {each.id: [vote for vote in each.votes.values() if vote is not None] for each in labels}
    several = [given for given in votes.values() if len(given) > 1]
    lines = []
    if several:
        mean = sum(agreement(given) or 0.0 for given in several) / len(several)
        alpha = krippendorff_alpha(several)
        chance = f"Krippendorff's alpha {alpha:.2f}" if alpha is not None else "one label alone, so no alpha"
        lines.append(
            f"{counted(len(several), 'text')} with several answers: on average {mean:.0%} of them agree on a label; "
            f"{chance}"
        )
    tied = [each.id for each in labels if each.label is None and votes[each.id]]
    unsure = [each.id for each in labels if not votes[each.id]]
    for ids, why in ((tied, "people are divided equally"), (unsure, "nobody could say")):
        if ids:
            shown = ", ".join(ids[:MOST_FINDINGS]) + (", ..." if len(ids) > MOST_FINDINGS else "")
            lines.append(f"{counted(len(ids), 'text stays', 'texts stay')} without a label, as {why}: {shown}")
    return lines
