"""What annotation tools export, as a table of texts and labels: Label Studio, Prodigy, Argilla, doccano.

Records are known by the keys that each tool writes. Where several people labelled a text, their votes become the column
"annotations" and the label is what most of them chose; a tie is no label.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from standin.errors import StandinError, counted, first_line, nearest
from standin.sources.kept import Kept
from standin.sources.tables import Table

Record = Mapping[str, Any]
SPANS = ("spans, not one label for a text", "Export document labels, or a table with one label a text.")
ANSWERS = ("accept", "reject", "ignore")


@dataclass(frozen=True, slots=True)
class Export:
    """The table with the columns text, label and id, and perhaps annotations."""

    table: Table
    annotations: bool


@dataclass(frozen=True, slots=True)
class _Item:
    """One labelled thing: its text, what each person chose, and its id."""

    text: Any
    votes: tuple[str, ...]
    id: Any


def export_of(table: Table, text: str, label: str | None) -> Export | None:
    """Read a tool's export; None where the records are no tool's.

    Args:
        table: the records of a JSON or JSON Lines file.
        text: which field holds the text, where there are several.
        label: which question or control the label answers, where there are several.

    Raises:
        StandinError: the export marks spans, holds several labels for a text, or several fields or questions of which
            neither ``text`` nor ``label`` is one.
    """
    if table.all(lambda one: isinstance(one.get("data"), dict) and bool({"annotations", "completions"} & one.keys())):
        return _made(table, "Label Studio", lambda number, one: _label_studio(table, number, one, text, label))
    if {"_task_hash", "_input_hash"} & set(table.columns) or table.all(
        lambda one: one.get("answer") in ANSWERS and "text" in one
    ):
        return _prodigy(table)
    if table.all(lambda one: isinstance(one.get("fields"), dict) and "responses" in one):
        return _made(table, "Argilla", lambda number, one: _argilla(table, number, one, text, label))
    if questions := sorted({key[: -len(".responses")] for key in table.columns if key.endswith(".responses")}):
        question = _one(table, questions, label, "question", "--label")
        field = text if text in table.columns else _one(table, _texts(table), text, "field", "--text")
        return _made(table, "Argilla", lambda _, one: _flat(one, field, question))
    if table.all(lambda one: "annotation" in one and "annotation_agent" in one):
        return _made(table, "Argilla", lambda _, one: _argilla_1(one, text))
    votes = [one.get("annotations") for _, one in table.records if "text" in one]
    if _lists_of_objects(votes):
        return _made(table, "doccano", lambda number, one: _doccano(table, number, one))
    if not table.all(lambda one: not (_is_spans(one.get("label")) or one.get("entities"))):
        raise _refused(table, "doccano", *SPANS)
    return None


def _made(table: Table, tool: str, read: Callable[[int, Record], _Item]) -> Export:
    """The table of what ``read`` finds in each record, and in words how."""
    items = [_item(table, tool, number, record, read) for number, record in table.records]
    rows, unlabelled, tied = Kept(), 0, 0
    several = any(len(item.votes) > 1 for item in items)
    for (number, _), item in zip(table.records, items, strict=True):
        first = Counter(item.votes).most_common(2)
        tie = len(first) > 1 and first[0][1] == first[1][1]
        unlabelled, tied = unlabelled + (not first), tied + tie
        row = {"id": item.id, "text": item.text, "label": first[0][0] if first and not tie else None}
        if not tie:
            rows.append(number, row | ({"annotations": list(item.votes)} if several else {}))
    columns = ("id", "text", "label", *(["annotations"] if several else []))
    notes = [f"read as an export of {tool}"]
    if several:
        notes.append("several people's labels are kept as annotations; the label is what most of them chose")
    if tied:
        notes.append(f"{counted(tied, 'text')} left out on which they were divided equally")
    made = replace(table, columns=columns, records=rows, notes=(*table.notes, *notes))
    return Export(made, several)


def _item(table: Table, tool: str, number: int, record: Record, read: Callable[[int, Record], _Item]) -> _Item:
    """One record. Raises StandinError where a part of it is of another kind than the tool writes, as null in a list."""
    try:
        return read(number, record)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise StandinError(
            f"{table.at(number)}: no record as {tool} exports it ({first_line(error)}). Export the data again, or take "
            "the record out."
        ) from None


def _label_studio(table: Table, number: int, record: Record, text: str, label: str | None) -> _Item:
    fields = [name for name, value in record["data"].items() if isinstance(value, str)]
    field = text if text in record["data"] else _one(table, fields, text, "field", "--text")
    votes = []
    for annotation in record.get("annotations") or record.get("completions") or []:
        results = [] if annotation.get("was_cancelled") else annotation.get("result") or []
        kinds = {str(result.get("type")) for result in results}
        chosen = [result for result in results if result.get("type") in ("choices", "rating", "taxonomy")]
        if kinds & {"labels", "hypertextlabels", "relation"} and not chosen:
            raise _refused(table, "Label Studio", *SPANS)
        controls = sorted({str(result.get("from_name")) for result in chosen})
        if not controls:
            continue
        control = _one(table, controls, label, "control", "--label")
        values = [result["value"] for result in chosen if str(result.get("from_name")) == control]
        votes += [single(table, number, [part for value in values for part in choices_in(value)])]
    return _Item(record["data"].get(field), tuple(votes), record.get("id"))


def choices_in(value: Record) -> list[str]:
    """The choices in a result's value, as Label Studio writes them."""
    if "rating" in value:
        return [str(value["rating"])]
    chosen = value.get("choices") or value.get("taxonomy") or []
    return [" / ".join(map(str, part)) if isinstance(part, list) else str(part) for part in chosen]


def _prodigy(table: Table) -> Export:
    """Accepted labels or choices; of a single label that was rejected, "not" that label; ignored texts are left out."""
    names = {str(one["label"]) for _, one in table.records if isinstance(one.get("label"), str)}
    if not names and "accept" not in table.columns:
        raise _refused(table, "Prodigy", *SPANS)

    def read(number: int, one: Record) -> _Item:
        answer, vote = one.get("answer", "accept"), None
        if answer == "accept":
            chosen = one.get("accept")
            vote = single(table, number, list(map(str, chosen))) if chosen else one.get("label")
        elif answer == "reject" and "accept" not in one and len(names) == 1:
            vote = f"not {one.get('label')}"
        return _Item(one.get("text"), () if vote is None else (str(vote),), None)

    kept = Kept((number, one) for number, one in table.records if _item(table, "Prodigy", number, one, read).votes)
    left_out = len(table.records) - len(kept)
    made = _made(replace(table, records=kept), "Prodigy", read)
    out = counted(left_out, "text")
    said = (f"{out} left out, being ignored, rejected or left without a choice",) if left_out else ()
    return replace(made, table=replace(made.table, notes=(*made.table.notes, *said)))


def _argilla(table: Table, number: int, record: Record, text: str, label: str | None) -> _Item:
    """Argilla 2 (responses by question) and 1.x (a list of responses with values by question); drafts do not count."""
    fields = record["fields"]
    field = text if text in fields else _one(table, list(fields), text, "field", "--text")
    responses = record["responses"] or {}
    if isinstance(responses, list):
        given: dict[str, list[Any]] = {}
        for response in responses:
            for question, answer in (response.get("values") or {}).items():
                given.setdefault(question, []).append({"status": response.get("status"), **answer})
    else:
        given = dict(responses)
    if not given:
        return _Item(fields.get(field), (), record.get("id"))
    question = _one(table, sorted(given), label, "question", "--label")
    answers = [one for one in given[question] if one.get("status") in (None, "submitted")]
    votes = tuple(single(table, number, _listed(one.get("value"))) for one in answers)
    return _Item(fields.get(field), votes, record.get("id"))


def _flat(record: Record, field: str, question: str) -> _Item:
    """Argilla's flattened records: ``label.responses`` and ``label.responses.status``."""
    votes = record.get(f"{question}.responses") or []
    status = record.get(f"{question}.responses.status") or ["submitted"] * len(votes)
    given = [str(vote) for vote, done in zip(votes, status, strict=False) if done == "submitted" and vote is not None]
    return _Item(record.get(field), tuple(given), record.get("id"))


def _argilla_1(record: Record, text: str) -> _Item:
    inputs = record.get("inputs") or {}
    vote = _listed(record.get("annotation"))
    words = record.get("text") or inputs.get(text) or next(iter(inputs.values()), None)
    return _Item(words, tuple(map(str, vote[:1])) if len(vote) == 1 else (), record.get("id"))


def _doccano(table: Table, number: int, record: Record) -> _Item:
    """Before its version 1.1 doccano wrote ``annotations: [{"label": 2, "user": 1}]``, several by a user too."""
    votes: dict[Any, list[str]] = {}
    for place, one in enumerate(record["annotations"]):
        if not isinstance(one, dict) or "start_offset" in one:
            raise _refused(table, "doccano", *SPANS)
        votes.setdefault(one.get("user", place), []).append(str(one.get("label")))
    return _Item(record["text"], tuple(single(table, number, given) for given in votes.values()), record.get("id"))


def single(table: Table, number: int, chosen: Sequence[str]) -> str:
    """The one label that a person chose. Raises StandinError where there are several, or none."""
    if len(chosen) != 1:
        raise StandinError(
            f"{table.at(number)}: {len(chosen)} labels by one person ({', '.join(chosen)}); a text has exactly one "
            "label here. Keep the rows with one label, or make it one task per label."
        )
    return chosen[0]


def _one(table: Table, known: Sequence[str], asked: str | None, what: str, option: str) -> str:
    """The field or question that was asked for, or the only one there is."""
    if asked in known:
        return str(asked)
    if len(known) == 1:
        return known[0]
    raise StandinError(
        f"{table.path}: {len(known)} {what}s, none of them {asked!r}: {nearest(str(asked), known)}. Name one with "
        f"{option}."
    )


def _texts(table: Table) -> list[str]:
    texts = {key for _, one in table.records for key, value in one.items() if isinstance(value, str)}
    return sorted(key for key in texts - {"id", "status", "external_id"} if "." not in key)


def _lists_of_objects(values: Sequence[Any]) -> bool:
    lists = [value for value in values if isinstance(value, list)]
    return bool(values) and len(lists) == len(values) and any(isinstance(part, dict) for one in lists for part in one)


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(part) for part in value] if isinstance(value, list) else [str(value)]


def _is_spans(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, list) and len(part) == 3 and isinstance(part[0], int) for part in value)
    )


def _refused(table: Table, tool: str, what: str, fix: str) -> StandinError:
    return StandinError(f"{table.path}: an export of {tool} that marks {what}. {fix}")
