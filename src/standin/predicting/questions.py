"""Which question each text of a file answers, and with which words a classifier reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from standin.config import NAME
from standin.errors import StandinError, nearest
from standin.predicting.classifiers import Reader
from standin.predicting.files import own
from standin.sheets import plain
from standin.sources.cells import missing, simple_text, whole_text
from standin.sources.tables import Table

COLUMNS = ("question_id", "question")
"""Where a question is looked for: a question's own classifier goes by ids first, that of any question by words."""

Readers = dict[str | None, Reader]


def asked_of(
    table: Table,
    texts: Sequence[str],
    found: Readers,
    questions: Mapping[str, str],
    question: str | None,
    column: str | None,
) -> tuple[Readers, list[str | None]]:
    """The classifiers by question, and the question that each text answers, one of their keys.

    Args:
        table: the file.
        texts: its texts; a blank one is an answer to nothing, and may name no question.
        found: the classifiers of a folder. One of any question stands under None: it comes back under every question of
            the file, by id where the task has it, else by words.
        questions: of the task, id -> text.
        question: the one that all texts answer, where a person said so: id or words.
        column: the column of ids or words; None looks for ``COLUMNS``.

    Raises:
        StandinError: an unknown question, or none said where one is needed.
    """
    any_ = found.get(None)
    if any_ is not None and not any_.pairs:
        if question or column:
            raise StandinError("--question, --question-column: the classifier answers no question; leave them out")
        return found, [None] * len(texts)
    names = {words.strip(): name for name, words in questions.items() if any_ or name in found}
    names |= {str(reader.words).strip(): name for name, reader in found.items() if name is not None}
    names |= {name: name for name in (questions if any_ else found) if name is not None}
    known = list(questions if any_ else found)
    if question is not None:
        asked = _named(question.strip(), names, any_)
        if asked is None:
            raise StandinError(f"--question {question!r}: {_hint(question, known, any_)}")
        return _under([asked], found, questions), [asked] * len(texts)
    column = _column(table, column, known, any_)
    if column is None:
        return _under(known, found, questions), [known[0]] * len(texts)
    asked_by_row = _by_row(table, texts, column, names, known, any_)
    order = list(dict.fromkeys(each for each in asked_by_row if each is not None))
    first = order[0] if order else known[0] if known else None
    return _under(order, found, questions), [first if each is None else each for each in asked_by_row]


def _named(said: str, names: Mapping[str, str], any_: Reader | None) -> str | None:
    """A question by its id or words; the words of another one where a classifier takes any. None: there is none."""
    if any_ is not None and said and not NAME.fullmatch(said):  # what looks like an id is a wrong one
        return names.get(said, said)
    return names.get(said)


def _column(table: Table, column: str | None, known: Sequence[str | None], any_: Reader | None) -> str | None:
    """The column that says the question; None where all texts answer the only one there is."""
    if column is not None:
        if column not in table.columns:
            raise StandinError(f"{table.path}: there is no column {column!r}: {nearest(column, table.columns)}")
        return column
    names = COLUMNS if any_ is None else COLUMNS[::-1]
    column = next((name for name in names if name in table.columns), None)
    if column is not None or len(known) == 1:
        return column
    ids = f" ({', '.join(map(str, known))})" if known else ""
    if any_ is None:
        raise StandinError(
            f"{table.path}: which question do the texts answer? Name it with --question{ids} or the column that says "
            "it with --question-column"
        )
    raise StandinError(
        f"{table.path}: {any_.folder.as_posix()} reads every text together with the question it answers, and there is "
        f"no column {names[0]!r} or {names[1]!r}: name the column that holds it, in words or by id{ids}, with "
        "--question-column, or the question of all texts with --question"
    )


def _by_row(
    table: Table,
    texts: Sequence[str],
    column: str,
    names: Mapping[str, str],
    known: Sequence[str | None],
    any_: Reader | None,
) -> list[str | None]:
    disarmed = own(table) and table.path.suffix.lower() == ".csv"
    found: list[str | None] = []
    for text, (number, record) in zip(texts, table.records, strict=True):
        if not text.strip():
            found.append(None)
            continue
        cell = record.get(column)
        said = "" if missing(cell) else whole_text(table, number, simple_text(table, number, cell, column))
        said = plain(said) if disarmed else said
        asked = _named(said, names, any_)
        if asked is None:
            raise StandinError(f"{table.at(number)}: column {column!r} holds {said[:60]!r}: {_hint(said, known, any_)}")
        found.append(asked)
    return found


def _hint(said: str, known: Sequence[str | None], any_: Reader | None) -> str:
    ids = nearest(said, map(str, known)) if known else ""
    if any_ is None:
        return ids
    return f"{ids}{'; or ' if ids else ''}write the question in words, as {any_.folder.as_posix()} reads it"


def _under(asked: Sequence[str | None], found: Readers, questions: Mapping[str, str]) -> Readers:
    """The classifiers under the questions that are asked: those of single questions as they are."""
    any_ = found.get(None)
    if any_ is None or not asked:
        return found
    return {each: replace(any_, question=each, words=questions.get(str(each), str(each))) for each in asked}
