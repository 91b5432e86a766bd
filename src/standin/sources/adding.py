"""Bring a person's file into the project: check, copy to data/raw/<name>/, version with DVC, write a starter task."""

import dataclasses
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from standin.config import TASK_NAME, Params, load_params
from standin.errors import StandinError
from standin.language_codes import language_fault, short_code
from standin.names import fault
from standin.sources.added import Added, language_found, models_of_other_languages, vote_remarks
from standin.sources.cells import STRUCTURES, cell_text, missing
from standin.sources.files import RawRows, Reading, reading_of, rows_of
from standin.sources.kept import Kept
from standin.sources.labels import check_labels, label_remarks, labels_held_out
from standin.sources.opening import Opened, Options, open_file, write_records
from standin.sources.shaping import check_column, shape
from standin.sources.sizes import fitting
from standin.sources.starter import Words, starter
from standin.sources.tables import Table, format_of
from standin.sources.votes import OWN_NAME, vote_columns
from standin.task import Columns, Task, load_task, task_path

AS_IT_IS = Options()
WRITTEN = (".jsonl", ".jsonl.gz")


def mapping(pairs: Sequence[str]) -> dict[str, str]:
    """``["SPAM=spam"]`` as ``{"SPAM": "spam"}``. Raises StandinError for a value without "="."""
    values = {}
    for pair in pairs:
        raw, sign, label = pair.rpartition("=")
        if not sign or not raw:
            raise StandinError(f"--value {pair!r}: write the file's value, '=' and the task's label, as in SPAM=spam")
        values[raw] = label
    return values


def add(
    name: str,
    path: Path,
    *,
    test: Path | None = None,
    validation: Path | None = None,
    warmstart: Path | None = None,
    text: str = "text",
    label: str | None = "label",
    values: Mapping[str, str] | None = None,
    options: Options = AS_IT_IS,
    labelled_only: bool = False,
    language: str | None = None,
    replace: bool = False,
    words: Callable[[Reading, str], tuple[Reading, Words]] | None = None,
    root: Path = Path(),
) -> Added:
    """Add a file of texts as the data of a task.

    Everything is checked before anything is written. Where ``tasks/<name>.yaml`` exists, its columns, labels and values
    hold; otherwise a starter task file is written from what was found.

    Args:
        name: the task's name.
        path: labelled or unlabelled texts, from which the splits are drawn.
        test: published test texts.
        validation: validation texts, labelled.
        warmstart: labelled texts of other questions, for a task whose file names that file.
        text: column of the texts.
        label: column of the labels; None where nobody has labelled the texts.
        values: label values in the files -> label names.
        options: what was said about the files: encoding, sheet, header.
        labelled_only: whether rows without a label are left out.
        language: the language of the texts; None guesses it from them.
        replace: whether other data of that name may be replaced.
        words: asks what the texts and labels are, once they and their language are read, for the starter task file.
        root: the project's root.

    Returns:
        What was found and done.

    Raises:
        StandinError: a name that is none, a broken file, other data of that name, no Git or DVC repository.
    """
    if not TASK_NAME.fullmatch(name):
        raise StandinError(f"{name!r} is no task name: lower-case letters, digits and '-', as in 'sms-spam'")
    _check_repository(root, name)
    given = {"train": path, "test": test, "validation": validation, "warmstart": warmstart}
    sources = {part: file for part, file in given.items() if file is not None}
    task = _task(name, root, values or {}, language)
    params = load_params(root) if (root / "params.yaml").exists() else Params()
    with tempfile.TemporaryDirectory() as folder:
        opened, columns = _opened(sources, task, text, label, options, labelled_only, Path(folder))
        tables = {part: found.table for part, found in opened.items()}
        if task:
            reading = reading_of(task)
        else:
            names = opened["train"].names.get(str(columns.label), {})
            votes = columns.annotations if isinstance(columns.annotations, str) else None
            reading = _reading(tables, columns.text, columns.label, {**names, **(values or {})}, votes)
        unnamed = _votes(tables, reading)
        if own := task is None and OWN_NAME in unnamed and unnamed[OWN_NAME] is None:
            own_columns = reading.columns.model_copy(update={"annotations": OWN_NAME})
            reading = dataclasses.replace(reading, columns=own_columns)
        lacking = task is not None and len(sources) > 1  # held-out texts that were labelled later join unlabelled ones
        readings = {part: dataclasses.replace(reading, others=part == "warmstart") for part in tables}
        parts = {part: rows_of(tables[part], readings[part], part, lacking and part == "train") for part in tables}
        for part, found in parts.items():
            if not found.rows:
                raise StandinError(f"{sources[part]}: no row is left after those without text and with unwanted labels")
        for part, named in _held_out(task).items():
            if part not in sources and not (root / named).exists():
                raise StandinError(f"{task_path(name)}: source.{part} is {named!r}: give that file with --{part}")
        files = {part: _target(name, part, found.file, task) for part, found in opened.items()}
        copies = {part: _written(found, files[part], Path(folder)) for part, found in opened.items()}
        parts = {
            part: _as_copied(opened[part], readings[part], part, copies[part], found) for part, found in parts.items()
        }
        code, remarks = language_found([row.text for row in parts["train"].rows], language, task, name)
        reading, said = words(reading, code) if words and not task else (reading, Words(code))
        copy_files(copies, files, root, replace)
    remarks += vote_remarks(unnamed, own, task_path(name))
    if not task:
        remarks += label_remarks(tables["train"], columns.label, reading.values)
        written = starter(name, reading, {part: file.as_posix() for part, file in files.items()}, said)
        task_path(name, root).parent.mkdir(exist_ok=True)
        task_path(name, root).write_text(written, encoding="utf-8")
    _version(root, name)
    known = load_task(name, root)
    remarks += models_of_other_languages(params, known)
    notes = {part: table.notes for part, table in tables.items()}
    return Added(name, parts, files, task is None, fitting(parts, params), notes, remarks)


def _task(name: str, root: Path, values: Mapping[str, str], language: str | None) -> Task | None:
    """The task's file where there is one. Raises StandinError where it says otherwise than the options."""
    if language is not None and (wrong := language_fault(language)):
        raise StandinError(f"--language: {wrong}")
    path = task_path(name, root)
    if not path.exists():
        if path.is_symlink() or not path.parent.resolve().is_relative_to(root.resolve()):
            raise StandinError(f"{path}: a link leads elsewhere: take it away, then add the data again")
        return None
    task = load_task(name, root)
    if values and dict(values) != task.source.values:
        raise StandinError(f"{task_path(name)} exists: write the values there, in source.values, instead of --value")
    if language and short_code(language) != short_code(task.language):
        raise StandinError(f"{task_path(name)} exists and says language: {task.language}: write {language} there")
    return task


def _held_out(task: Task | None) -> dict[str, str]:
    """The files beside that of the training texts that the task names."""
    parts = ("test", "validation", "warmstart") if task else ()
    named = {part: getattr(task.source, part) for part in parts if task}
    return {part: file for part, file in named.items() if task and file not in (None, task.source.train)}


def _opened(
    sources: Mapping[str, Path],
    task: Task | None,
    text: str,
    label: str | None,
    options: Options,
    labelled_only: bool,
    folder: Path,
) -> tuple[dict[str, Opened], Columns]:
    """Every file as the pipeline reads it, and the columns as they are called there."""
    asked = task.source.columns if task else Columns(text=text, label=label, id=None)
    opened, columns = {}, asked
    for part, file in sources.items():
        (folder / part).mkdir()
        opened[part], found = shape(
            open_file(file, options, asked.text, folder / part), asked, labelled_only, (text, label)
        )
        if part == "train":
            columns = found
    return opened, columns


def _written(opened: Opened, target: Path, folder: Path) -> Path:
    """The file to copy: where records were changed, or go to a file of another format, they are written anew."""
    if opened.file is not None and opened.file.name.lower().endswith(format_of(target)):
        return opened.file
    return write_records(opened.table, folder / target.name)


def _as_copied(opened: Opened, reading: Reading, part: str, copy: Path, found: RawRows) -> RawRows:
    """The rows as the pipeline will read them: ids are made from the copy's line numbers."""
    if copy is opened.file or reading.columns.id is not None:
        return found
    records = Kept((number, record) for number, (_, record) in enumerate(opened.table.records, 1))
    lacking = all(row.label is None for row in found.rows)
    return rows_of(dataclasses.replace(opened.table, records=records), reading, part, lacking)


def _check_repository(root: Path, name: str) -> None:
    check_repository(root, f"data/raw/{name}")


def check_repository(root: Path, path: str) -> None:
    """Raise StandinError where data cannot be versioned at ``path``: no DVC, kept in Git, or not pulled."""
    if not (root / ".dvc").is_dir():
        raise StandinError(
            f"{root.resolve()}: no DVC repository. Run from the project's root (`git init` and `dvc init` make one)."
        )
    if _run(root, "git", "ls-files", path):
        raise StandinError(f"{path}: these files are kept in Git itself. Choose another name.")
    if (root / f"{path}.dvc").exists() and not (root / path).exists():
        raise StandinError(f"{path} is versioned, but not in this copy of the project: `dvc pull {path}` first")


def _reading(
    tables: Mapping[str, Table], text: str, label: str | None, values: Mapping[str, str], annotations: str | None = None
) -> Reading:
    """How to read files without a task file: the labels are the values that the label column holds."""
    for table in tables.values():
        check_column(table, "--text", text)
        check_column(table, "--label", label, text)
    for label_name in values.values():
        if wrong := fault(label_name):
            raise StandinError(f"--value: the label {label_name!r} {wrong}: write a plain name")
    columns = Columns(text=text, label=label, id="id" if _has_ids(tables) else None, annotations=annotations)
    named = ["first", "second"] if label is None else check_labels(tables["train"], label, values)
    for part in ("test", "validation"):
        if label is not None and part in tables:
            named = sorted({*named, *labels_held_out(tables[part], label, values, tables["train"], named)})
    if annotations is not None:  # a vote for a label that nobody else gave is a label too
        votes = {vote for _, record in tables["train"].records for vote in record.get(annotations) or ()}
        named = sorted({*named, *(values.get(vote, vote) for vote in votes)} - {""})
    return Reading(columns, named, (), dict(values))


def _votes(tables: Mapping[str, Table], reading: Reading) -> dict[str, str | None]:
    """The columns with annotators' votes that nobody named; none where the files have no labels or votes were named."""
    columns = reading.columns
    if columns.label is None or columns.annotations is not None:
        return {}
    used = (columns.text, columns.label, columns.id, columns.question_id, columns.agreement)
    return vote_columns(list(tables.values()), used, reading.labels, reading.values)


def _has_ids(tables: Mapping[str, Table]) -> bool:
    """Whether a column "id" names every row of every file differently; otherwise ids are made from line numbers."""
    cells = [record.get("id") for table in tables.values() for _, record in table.records]
    if any(missing(cell) or isinstance(cell, STRUCTURES) for cell in cells):
        return False
    return len({cell_text(cell) for cell in cells}) == len(cells)


def _target(name: str, part: str, file: Path | None, task: Task | None) -> Path:
    """Where a file goes: the place the task file names, otherwise ``data/raw/<name>/<part><format>``.

    Records can be written as JSON Lines whatever file they come from, where the task file names such a one.
    """
    own = format_of(file) if file else ".jsonl"
    default = Path("data/raw") / name / f"{part}{own}"
    if task is None:
        return default
    named: str | None = getattr(task.source, part)
    fits = named is not None and format_of(Path(named)) in (own, *WRITTEN)
    if named is None or not fits or default.parent not in Path(named).parents:
        raise StandinError(
            f"{task_path(name)}: source.{part} is {named!r}, but {file.name if file else 'what was read'} goes to "
            f"{default.as_posix()!r}: write that there"
        )
    return Path(named)


def copy_files(sources: Mapping[str, Path], files: Mapping[str, Path], root: Path, replace: bool) -> None:
    """Copy all files, or none where other data is in the way; each appears under its name only when complete."""
    others = {part: _others(root / file, part, sources[part]) for part, file in files.items()}
    found = [other for part in others.values() for other in part]
    if found and not replace:
        raise StandinError(f"{found[0]} holds other data. Choose another name, or say --replace.")
    for part, file in files.items():
        target = root / file
        if not Path(os.path.realpath(target.parent)).is_relative_to(root.resolve()):  # resolve() raises of a circle
            raise StandinError(f"{file.parent}: a link leads out of the project: take it away, then add the data again")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and filecmp.cmp(sources[part], target, shallow=False)):
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.copyfile(sources[part], partial)
            partial.replace(target)
        for other in others[part]:
            if other != target:
                other.unlink()


def _others(target: Path, part: str, source: Path) -> list[Path]:
    """Files in the way: the same part in another format, or the same file with other content."""
    there = sorted(target.parent.glob(f"{part}.*")) + ([target] if target.stem.split(".")[0] != part else [])
    there = [file for file in there if file.suffix != ".dvc"]  # a pointer beside a file that is versioned alone
    return [
        file for file in there if file.exists() and (file != target or not filecmp.cmp(source, file, shallow=False))
    ]


def _version(root: Path, name: str) -> None:
    version_file(root, Path("data/raw") / name)


def version_file(root: Path, path: Path) -> None:
    """Give a file or folder of the project to DVC, and its pointer to Git."""
    _run(root, sys.executable, "-m", "dvc", "add", "--quiet", path.as_posix())
    _run(root, "git", "add", f"{path.as_posix()}.dvc", (path.parent / ".gitignore").as_posix())


def _run(root: Path, *command: str) -> str:
    """The command's output. Raises StandinError with what it said where it fails."""
    try:
        return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise StandinError(f"{command[0]} is not installed, or not on the PATH") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip() or f"status {error.returncode}"
        raise StandinError(
            f"`{' '.join(command[1:] if command[0] == sys.executable else command)}` failed: {said}"
        ) from None
