"""Bring a person's file into the project: check, copy to data/raw/<name>/, version with DVC, write a starter task."""

import filecmp
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from statistics import median

from standin.config import TASK_NAME, Prepare, Select
from standin.curation.lengths import length, unit_of_texts
from standin.errors import StandinError, nearest
from standin.names import fault
from standin.sources.files import STRUCTURES, RawRows, Reading, cell_text, missing, name_in, rows_of
from standin.sources.proportions import fitting_sizes
from standin.sources.starter import UNSAID, Words, starter
from standin.sources.tables import Table, format_of, read_table
from standin.task import Columns, Task, load_task, task_path

MOST_LABELS = 100


@dataclass(frozen=True, slots=True)
class Added:
    """What was found and done: rows per part (train, test), where they lie, and whether a task file was written."""

    name: str
    parts: Mapping[str, RawRows]
    files: Mapping[str, Path]
    task_written: bool

    def summary(self) -> str:
        """The findings as lines for a terminal."""
        lines = [f"{self.files[part]}: {_found(found)}" for part, found in self.parts.items()]
        lines.append(f"versioned: data/raw/{self.name}.dvc, staged in Git; `dvc push` shares the data")
        task = task_path(self.name)
        if self.task_written:
            lines += [*_lookalikes(self.parts["train"], task), *_unspaced(self.parts["train"], task)]
            lines.append(f"written: {task}. Edit descriptions and prompts, then `git add {task}`")
            lines.append("queued experiments see what Git knows: commit task and pointer before `dvc exp run --queue`")
        options = " ".join([f"-S base.task={self.name}", *fitting(self.parts)])
        lines.append(f"try first: standin run --preview 5 {options}")
        lines.append(f"run: standin run {options}")
        return "\n".join(lines)


def _found(found: RawRows) -> str:
    counts = Counter(row.label for row in found.rows if row.label is not None)
    labels = ", ".join(f"{label} {count}" for label, count in counts.most_common()) or "none"
    unit = unit_of_texts([row.text for row in found.rows])
    lengths = sorted(length(row.text, unit) for row in found.rows)
    left_out = {
        "empty": found.empty_texts,
        "unwanted labels": found.unwanted_labels,
        "other questions": found.questions_not_asked,
    }
    skipped = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
    return (
        f"{len(found.rows)} texts, labels: {labels}, {unit}: {lengths[0]} to {lengths[-1]}, median {median(lengths):g}"
        + (f"; left out: {skipped}" if skipped else "")
    )


def _lookalikes(found: RawRows, task: Path) -> list[str]:
    """Rare labels that are spelt almost like a frequent one."""
    counts = Counter(row.label for row in found.rows if row.label is not None)
    lines = []
    for label, count in counts.items():
        others = [other for other, number in counts.items() if number >= 10 * count]
        if near := get_close_matches(label, others, n=1, cutoff=0.8):
            lines.append(
                f"look at: label {label!r} ({count}) is spelt almost like {near[0]!r} ({counts[near[0]]}). If it is "
                f"the same, take it out of labels in {task} and write {label}: {near[0]} into source.values"
            )
    return lines


def _unspaced(found: RawRows, task: Path) -> list[str]:
    """What the starter's language must say where texts have no words to count."""
    if unit_of_texts([row.text for row in found.rows]) == "words":
        return []
    return [
        f"look at: the texts are written without spaces: write their language into {task} (language, as in ja, zh or "
        "th), so that they are measured in characters; now each counts as one word"
    ]


def fitting(parts: Mapping[str, RawRows]) -> list[str]:
    """Split sizes as ``-S`` options, in the proportions of the defaults, where texts are fewer than those ask for.

    Sizes are per question, so the question with the fewest texts counts.
    """
    asked = Prepare()
    splits = ("shots", "validation", "pool") if "test" in parts else ("shots", "validation", "pool", "test")
    there = {part: min(Counter(row.question_id for row in found.rows).values()) for part, found in parts.items()}
    needed = sum(getattr(asked, split) for split in splits)
    sizes = {}
    if there["train"] < needed:
        sizes = fitting_sizes({split: getattr(asked, split) for split in splits}, there["train"])
    if there.get("test", asked.test) < asked.test:
        sizes["test"] = there["test"]
    options = [f"-S prepare.{split}={size}" for split, size in sizes.items()]
    pool = sizes.get("pool", asked.pool)
    if pool < 2 * max(Select().budgets):  # selecting from a pool means taking the smaller part of it
        options.append(f"-S 'select.budgets=[{max(1, pool // 5)}]'")
    return options


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
    text: str = "text",
    label: str | None = "label",
    values: Mapping[str, str] | None = None,
    replace: bool = False,
    words: Callable[[Reading], tuple[Reading, Words]] | None = None,
    root: Path = Path(),
) -> Added:
    """Add a file of texts as the data of a task.

    Everything is checked before anything is written. Where ``tasks/<name>.yaml`` exists, its columns, labels and values
    hold; otherwise a starter task file is written from what was found.

    Args:
        name: the task's name.
        path: labelled or unlabelled texts, from which the splits are drawn.
        test: published test texts.
        text: column of the texts.
        label: column of the labels; None where nobody has labelled the texts.
        values: label values in the files -> label names.
        replace: whether other data of that name may be replaced.
        words: asks what the texts and labels are, once they are read, for the starter task file.
        root: the project's root.

    Returns:
        What was found and done.

    Raises:
        StandinError: a name that is none, a broken file, other data of that name, no Git or DVC repository.
    """
    if not TASK_NAME.fullmatch(name):
        raise StandinError(f"{name!r} is no task name: lower-case letters, digits and '-', as in 'sms-spam'")
    _check_repository(root, name)
    sources = {"train": path} | ({"test": test} if test else {})
    for file in sources.values():
        if not file.is_file():
            raise StandinError(f"{file}: there is no such file; relative paths start at {Path.cwd()}")
    tables = {part: read_table(file) for part, file in sources.items()}
    task = load_task(name, root) if task_path(name, root).exists() else None
    if task:
        reading = Reading(task.source.columns, task.label_names, task.questions, task.source.values)
        if values and dict(values) != task.source.values:
            raise StandinError(
                f"{task_path(name)} exists: write the values there, in source.values, instead of --value"
            )
    else:
        reading = _reading(tables, text, label, values or {})
    parts = {part: rows_of(table, reading, part) for part, table in tables.items()}
    for part, found in parts.items():
        if not found.rows:
            raise StandinError(f"{sources[part]}: no row is left after those without text and with unwanted labels")
    if task and task.source.test and not test and not (root / task.source.test).exists():
        raise StandinError(f"{task_path(name)}: source.test is {task.source.test!r}: give that file with --test")
    reading, said = words(reading) if words and not task else (reading, UNSAID)
    files = {part: _target(name, part, file, task) for part, file in sources.items()}
    _copy(sources, files, root, replace)
    if not task:
        written = starter(name, reading, {part: file.as_posix() for part, file in files.items()}, said)
        task_path(name, root).parent.mkdir(exist_ok=True)
        task_path(name, root).write_text(written, encoding="utf-8")
    _version(root, name)
    return Added(name, parts, files, task_written=task is None)


def _check_repository(root: Path, name: str) -> None:
    folder = root / "data" / "raw" / name
    if not (root / ".dvc").is_dir():
        raise StandinError(
            f"{root.resolve()}: no DVC repository. Run from the project's root (`git init` and `dvc init` make one)."
        )
    if _run(root, "git", "ls-files", f"data/raw/{name}"):
        raise StandinError(f"data/raw/{name}: these files are kept in Git itself. Choose another name.")
    if folder.with_name(f"{name}.dvc").exists() and not folder.exists():
        raise StandinError(
            f"data/raw/{name} is versioned, but not in this copy of the project: `dvc pull data/raw/{name}` first"
        )


def _reading(tables: Mapping[str, Table], text: str, label: str | None, values: Mapping[str, str]) -> Reading:
    """How to read files without a task file: the labels are the values that the label column holds."""
    for table in tables.values():
        for option, column in (("--text", text), ("--label", label)):
            if column is not None and column not in table.columns:
                raise StandinError(
                    f"{table.path}: there is no column {column!r}: {nearest(column, table.columns)}. Name it with "
                    f"{option}{', or say --unlabelled' if option == '--label' else ''}."
                )
    for label_name in values.values():
        if wrong := fault(label_name):
            raise StandinError(f"--value: the label {label_name!r} {wrong}: write a plain name")
    columns = Columns(text=text, label=label, id="id" if _has_ids(tables) else None)
    if label is None:
        return Reading(columns, ("first", "second"), (), dict(values))
    named = _labels_found(tables["train"], label, values)
    if not 2 <= len(named) <= MOST_LABELS:
        shown = ", ".join([*map(repr, named[:5]), *(["..."] if len(named) > 5 else [])])
        raise StandinError(
            f"{tables['train'].path}: column {label!r} holds {len(named)} labels ({shown}); a task has "
            f"2 to {MOST_LABELS}. Name the right column with --label, or say --unlabelled."
        )
    return Reading(columns, named, (), dict(values))


def _labels_found(table: Table, column: str, values: Mapping[str, str]) -> list[str]:
    """The label names in a column, sorted; "a|b" is no label of its own where "a" and "b" are."""
    cells = [(number, record.get(column)) for number, record in table.records]
    parts = [(number, part) for number, cell in cells for part in (cell if isinstance(cell, list) else [cell])]
    found = {name_in(table, number, part, "label", values) for number, part in parts if not missing(part)}
    single = {cell for cell in found if "|" not in cell or not all(part.strip() in found for part in cell.split("|"))}
    return sorted({values.get(cell, cell) for cell in single} - {""})


def _has_ids(tables: Mapping[str, Table]) -> bool:
    """Whether a column "id" names every row of every file differently; otherwise ids are made from line numbers."""
    cells = [record.get("id") for table in tables.values() for _, record in table.records]
    if any(missing(cell) or isinstance(cell, STRUCTURES) for cell in cells):
        return False
    return len({cell_text(cell) for cell in cells}) == len(cells)


def _target(name: str, part: str, file: Path, task: Task | None) -> Path:
    """Where a file goes: the place the task file names, otherwise ``data/raw/<name>/<part><format>``."""
    default = Path("data/raw") / name / f"{part}{format_of(file)}"
    if task is None:
        return default
    named = task.source.train if part == "train" else task.source.test
    if named is None or format_of(Path(named)) != format_of(file) or default.parent not in Path(named).parents:
        raise StandinError(
            f"{task_path(name)}: source.{part} is {named!r}, but {file.name} goes to {default.as_posix()!r}: "
            "write that there"
        )
    return Path(named)


def _copy(sources: Mapping[str, Path], files: Mapping[str, Path], root: Path, replace: bool) -> None:
    """Copy all files, or none where other data is in the way; each appears under its name only when complete."""
    others = {part: _others(root / file, part, sources[part]) for part, file in files.items()}
    found = [other for part in others.values() for other in part]
    if found and not replace:
        raise StandinError(f"{found[0]} holds other data. Choose another name, or say --replace.")
    for part, file in files.items():
        target = root / file
        if not target.parent.resolve().is_relative_to(root.resolve()):
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
    return [
        file for file in there if file.exists() and (file != target or not filecmp.cmp(source, file, shallow=False))
    ]


def _version(root: Path, name: str) -> None:
    _run(root, sys.executable, "-m", "dvc", "add", "--quiet", f"data/raw/{name}")
    _run(root, "git", "add", f"data/raw/{name}.dvc", "data/raw/.gitignore")


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
