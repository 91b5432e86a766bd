"""``standin predict`` and ``standin opinions``: a trained classifier reads a file of texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from standin import completion
from standin.help import examples

if TYPE_CHECKING:
    import numpy as np

    from standin.config import Params, Runtime
    from standin.predicting.classifiers import Reader
    from standin.predicting.reading import Chunk, Partial
    from standin.sources.tables import Table

PREDICT = (
    "standin predict letters.csv",
    "standin predict letters.xlsx --text body --to read.parquet",
    "standin predict letters.csv --model models/real --probabilities",
    "standin predict comments.jsonl --question city_centre",
    "standin predict comments.csv --model models/warmstart --question-column topic",
)
OPINIONS = (
    "standin opinions comments.csv",
    "standin opinions comments.csv --question-column topic --to shares.csv",
    "standin opinions comments.csv --json",
)
TEST = Path("data/real/test.jsonl")
DRAWS = 2000

File = Annotated[Path, typer.Argument(help="CSV, JSON Lines, Excel, Parquet: what `standin data add` reads.")]
Model = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a classifier, as models/real; else the arm with the highest macro-F1.",
        autocompletion=completion.models,
    ),
]
Text = Annotated[
    str | None, typer.Option(help="Column of the texts, else the task's own name for it.", metavar="COLUMN")
]
Asked = Annotated[str | None, typer.Option("--question", help="Question that all texts answer, by id or words.")]
AskedIn = Annotated[
    str | None, typer.Option(help="Column that says which question a text answers, by id or words.", metavar="COLUMN")
]
Encoding = Annotated[str | None, typer.Option(help="Of the file, where it is not UTF-8.")]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an Excel workbook, else the only one.")]
To = Annotated[Path | None, typer.Option(help="File to write: .csv, .jsonl or .parquet.", metavar="FILE")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over the file that is there.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog=examples(*PREDICT))(predict)
    app.command(epilog=examples(*OPINIONS))(opinions)


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read: its rows, the classifiers, and the probabilities, shape (rows, labels), NaN where blank.

    ``partial`` keeps them on disk until what is made of them is written. ``before``: columns of earlier predictions.
    """

    table: "Table"
    readers: dict[str | None, "Reader"]
    asked: list[str | None]
    shares: "np.ndarray"
    params: "Params"
    partial: "Partial"
    before: Sequence[str]

    @property
    def labels(self) -> tuple[str, ...]:
        """The classifiers' labels, in the order of the probabilities."""
        return next(iter(self.readers.values())).labels


def predict(
    file: File,
    model: Model = None,
    text: Text = None,
    question: Asked = None,
    question_column: AskedIn = None,
    to: To = None,
    overwrite: Overwrite = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="A column p.LABEL with the probability of each label, too.")
    ] = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
) -> None:
    """Let a trained classifier read a file of texts: the same rows with label, probability and model version.

    Written beside it as NAME-predicted; JSON Lines and Parquet hold texts as they are, CSV disarms formulas by a '. One
    that was stopped goes on where it was when it is called again with the same texts and classifier.
    """
    import numpy as np

    from standin.errors import counted, visible
    from standin.predicting.files import ADDED, probability_of, target_of, write_rows_with

    target = target_of(file, to, overwrite)
    found = _read(file, model, text, question, question_column, encoding, sheet, written=target)
    blank = np.isnan(found.shares[:, 0])
    best = np.where(blank, 0, np.nan_to_num(found.shares).argmax(axis=1))
    names = {asked: reader.name for asked, reader in found.readers.items()}
    said: dict[str, Sequence[Any]] = {
        ADDED[0]: [None if empty else found.labels[code] for empty, code in zip(blank, best, strict=True)],
        ADDED[1]: [None if empty else round(float(row[code]), 6) for empty, row, code in
                   zip(blank, found.shares, best, strict=True)],
        ADDED[2]: [None if empty else names[asked] for empty, asked in zip(blank, found.asked, strict=True)],
    }  # fmt: skip
    if probabilities:
        for place, label in enumerate(found.labels):
            said[probability_of(label)] = [
                None if row[place] != row[place] else round(float(row[place]), 6) for row in found.shares
            ]
    write_rows_with(target, found.table, said, before=found.before)
    found.partial.remove()
    counts = {label: int(((best == code) & ~blank).sum()) for code, label in enumerate(found.labels)}
    typer.echo(
        f"{target}: {counted(len(blank), 'row')}; "
        + ", ".join(f"{visible(name)} {count:,}" for name, count in counts.items())
    )
    if blank.any():
        typer.echo(f"{counted(int(blank.sum()), 'row has', 'rows have')} no text and no label")


def opinions(
    file: File,
    model: Model = None,
    text: Text = None,
    question: Asked = None,
    question_column: AskedIn = None,
    to: To = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine: JSON on stdout.")] = False,
    encoding: Encoding = None,
    sheet: Sheet = None,
) -> None:
    """How the labels share a file of texts, question by question, corrected for how the classifier errs.

    Counting what a classifier says is biased by its errors. They are known from the labelled test texts, and the shares
    are those that explain what it says; intervals are over both samples. See docs/science.md.
    """
    import json

    from standin.predicting.files import target_of

    target = target_of(file, to, overwrite) if to else None
    found = _read(file, model, text, question, question_column, encoding, sheet)
    rows, notes = _shares(found)
    if target is not None:
        _write_shares(target, rows)
    found.partial.remove()
    if as_json:
        typer.echo(json.dumps({"shares": rows, "notes": notes}, ensure_ascii=False, indent=1))
        return
    _show(found, rows, notes)
    if target is not None:
        typer.echo(f"written to {target}")


def _read(
    file: Path, model: Path | None, text: str | None, question: str | None, column: str | None, encoding: str | None,
    sheet: str | None, *, written: Path | None = None,
) -> Read:  # fmt: skip
    """``written``: where the file's rows go with what is said of them; what cannot go there is told before reading."""
    import tempfile

    from standin.config import load_params
    from standin.errors import StandinError
    from standin.predicting.classifiers import readers
    from standin.predicting.files import check_cells, texts_of, written_before
    from standin.predicting.questions import asked_of
    from standin.predicting.reading import Partial, planned
    from standin.sources.opening import Options, open_file
    from standin.stages.runner import limit_threads
    from standin.task import load_task

    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    params = load_params()
    task = load_task(params.base.task)
    limit_threads(params.runtime.threads)
    questions = {each.id: each.text for each in task.questions}
    known = readers(model, questions)
    column_of_texts = text or task.source.columns.text
    with tempfile.TemporaryDirectory() as folder:
        table = open_file(file, Options(encoding=encoding, sheet=sheet), column_of_texts, Path(folder)).table
        if text is None and column_of_texts not in table.columns and "text" in table.columns:
            column_of_texts = "text"
        texts = texts_of(table, column_of_texts)
        known, asked = asked_of(table, texts, known, questions, question, column)
        labels = next(iter(known.values())).labels
        before = written_before(table, labels) if written is not None else []
        if written is not None:
            check_cells(written, table, before)
    for note in table.notes:
        typer.echo(f"{file}: {note}", err=True)
    chunks = planned(known, texts, asked)
    partial = Partial(chunks)
    shares = _taken_over(file, chunks, (len(texts), len(labels)), params.runtime, partial)
    return Read(table, known, asked, shares, params, partial, before)


def _taken_over(
    file: Path, chunks: "Sequence[Chunk]", size: tuple[int, int], runtime: "Runtime", partial: "Partial"
) -> "np.ndarray":
    """What a run that was stopped has read, and the rest read now."""
    from standin.errors import counted, first_line
    from standin.predicting.reading import read
    from standin.progress import progress

    total, before = sum(chunk.size for chunk in chunks), partial.rows
    if before:
        typer.echo(f"taking over {before:,} of {counted(total, 'text')}, read before by the same classifier", err=True)
    try:
        with progress(f"reading {file.name}", total - before, "texts") as done:
            shares = read(chunks, size, runtime, done, partial)
    except KeyboardInterrupt:
        if partial.rows:
            kept = f"{partial.rows:,} of {counted(total, 'text')}"
            typer.echo(f"{kept} are read and kept; the same command takes them over", err=True)
        raise
    if partial.fault is not None:
        typer.echo(f"what is read could not be kept for the case of a stop: {first_line(partial.fault)}", err=True)
    return shares


def _shares(found: Read) -> tuple[list[dict[str, Any]], list[str]]:
    """A row a question and label, and what is to be said of them."""
    import numpy as np

    from standin.corpus import Row, read_rows
    from standin.errors import counted
    from standin.evaluation.shares import corrected_shares
    from standin.predicting.reading import known_errors
    from standin.progress import progress

    test = read_rows(TEST, Row) if TEST.exists() else []
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    blank = np.isnan(found.shares[:, 0])
    if blank.any():
        notes.append(f"{counted(int(blank.sum()), 'row has', 'rows have')} no text and no part in the shares.")
    for asked, reader in found.readers.items():
        own = np.array([each == asked for each in found.asked]) & ~blank
        if not own.any():
            continue
        predicted = np.bincount(found.shares[own].argmax(axis=1), minlength=len(found.labels))
        labelled = sum(row.question_id == asked and row.label is not None for row in test)
        with progress("reading the test texts", labelled, "texts") as done:
            errors = known_errors(reader, test, found.params.runtime, done)
        where = f"question {asked}: " if asked is not None else ""
        lacking = [label for label, row in zip(found.labels, errors, strict=True) if not row.sum()]
        told = None
        if lacking:
            notes.append(
                f"{where}counted only: {TEST} holds no labelled text of {', '.join(lacking)}, so that the classifier's "
                "errors are not known."
            )
        else:
            confidence, draws = found.params.evaluate.confidence, DRAWS
            told = corrected_shares(predicted, errors, confidence, draws, np.random.default_rng(found.params.base.seed))
            if told.stray:
                notes.append(
                    f"{where}no mix of labels explains what the classifier says of these texts: it errs on them "
                    "otherwise than on the test texts. Label some of them before you trust the shares."
                )
        for place, label in enumerate(found.labels):
            row = {"question": asked, "label": label, "texts": int(own.sum()), "predicted": int(predicted[place]),
                   "counted": round(float(predicted[place] / own.sum()), 4)}  # fmt: skip
            if told is not None:
                row |= {name: round(float(getattr(told, name)[place]), 4) for name in ("corrected", "low", "high")}
            rows.append(row | {"test_texts": int(errors[place].sum()), "model": reader.name})
    return rows, notes


def _write_shares(target: Path, rows: Sequence[dict[str, Any]]) -> None:
    from standin.predicting.files import write_rows_with
    from standin.sources.kept import Kept
    from standin.sources.tables import Table

    columns = ("question", "label", "texts", "predicted", "counted", "corrected", "low", "high", "test_texts", "model")
    write_rows_with(target, Table(target, "row", columns, Kept(enumerate(rows, 1))), {})


def _show(found: Read, rows: Sequence[dict[str, Any]], notes: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from standin.errors import counted, visible

    console = Console(highlight=False, emoji=False)
    confidence = f"{found.params.evaluate.confidence:.0%}"
    for asked, reader in found.readers.items():
        own = [row for row in rows if row["question"] == asked]
        if not own:
            continue
        title = f"{counted(own[0]['texts'], 'text')} read by {reader.name}"
        console.print(Text(f"{visible(reader.words)}\n{title}" if reader.words else title, style="bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("label", "counted", "corrected", f"{confidence} interval"):
            table.add_column(heading, justify="left" if heading == "label" else "right")
        for row in own:
            told = (
                [f"{row['corrected']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}"]
                if "corrected" in row
                else ["", ""]
            )
            table.add_row(Text(visible(row["label"])), f"{row['counted']:.1%}", *told)
        console.print(table)
    if corrected := [row for row in rows if "corrected" in row]:
        known = sum(row["test_texts"] for row in corrected)
        console.print(
            f"Corrected by how the classifier errs on {counted(known, 'labelled test text')}, which holds as far as it "
            "errs alike on these; the shares may be others. One classifier's training is not in the interval.",
            soft_wrap=False,
        )
    for note in notes:
        console.print(Text(visible(note)))
