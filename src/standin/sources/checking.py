"""Whether tasks are in order: their files, their data, the prompts that would be sent. ``standin task check``."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from standin.corpus import Row
from standin.errors import StandinError, counted
from standin.generation.prompts import DIVERSITY, OPENING, turn
from standin.language_codes import short_code
from standin.sources.copies import is_there
from standin.sources.fetching import parts_of
from standin.sources.files import RawRows, read_raw, reading_of
from standin.sources.hub import UnreachableError
from standin.task import Task, load_task, task_path

PARTS = ("train", "test", "validation", "warmstart")
EXAMPLE = "an example"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a task: its texts in words, what is wrong, and why its data could not be had."""

    name: str
    found: str = ""
    faults: tuple[str, ...] = ()
    unloaded: str | None = None

    @property
    def good(self) -> bool:
        """Whether all was checked and nothing is wrong."""
        return not self.faults and self.unloaded is None

    @property
    def lines(self) -> list[str]:
        """The findings for a terminal."""
        said = [f"{self.name}: good: {self.found}"] if self.good else []
        said += [f"{self.name}: wrong: {fault}" for fault in self.faults]
        return said + ([f"{self.name}: not loaded: {self.unloaded}"] if self.unloaded is not None else [])


def check_tasks(names: Sequence[str], folder: Path | None, root: Path = Path()) -> Iterator[Checked]:
    """Check tasks one after the other; the hub is not asked again once it did not answer."""
    silent = None
    for name in names:
        try:
            yield _check(name, folder, root, silent)
        except UnreachableError as error:
            silent = name
            yield Checked(name, faults=tuple(file_faults(load_task(name, root))), unloaded=str(error))


def summary(found: Sequence[Checked]) -> str:
    """How many tasks are good, and which are not."""
    wrong = [each.name for each in found if each.faults]
    unloaded = [each.name for each in found if each.unloaded is not None]
    told = [f"{sum(each.good for each in found)} good"]
    told += [f"{len(names)} {what} ({', '.join(names)})" for what, names in
             (("wrong", wrong), ("whose data could not be loaded", unloaded)) if names]  # fmt: skip
    return f"{counted(len(found), 'task')}: {', '.join(told)}"


def _check(name: str, folder: Path | None, root: Path, silent: str | None) -> Checked:
    try:
        task = load_task(name, root)
    except StandinError as error:
        return Checked(name, faults=(str(error),))
    faults = file_faults(task)
    source = task.source
    copied = folder is not None and is_there(source.local, folder)
    added = (root / source.train).exists()
    if not copied and not added:
        if source.hub is None:
            return Checked(name, faults=tuple(faults), unloaded=_nowhere(task, folder))
        if silent is not None:
            said = f"the hub did not answer when {silent} was loaded, and was not asked again"
            return Checked(name, faults=tuple(faults), unloaded=said)
    try:
        with tempfile.TemporaryDirectory() as made:
            if copied or not added:
                files = parts_of(task, folder if copied else None, Path(made))
                where = str(folder) if copied else f"hub, {source.hub.dataset}" if source.hub else ""
            else:
                files, where = {}, f"data/raw/{name}"
            named = {part: getattr(source, part) for part in PARTS}
            if source.warmstart == source.train and "train" in files:
                files["warmstart"] = files["train"]
            parts = {
                part: read_raw(files.get(part, root / file), reading_of(task, part == "warmstart"), part)
                for part, file in named.items()
                if file
            }
    except UnreachableError:
        raise
    except StandinError as error:
        return Checked(name, faults=(*faults, str(error)))
    faults += data_faults(task, parts)
    told = "; ".join(f"{part} {_counts(found)}" for part, found in parts.items())
    return Checked(name, f"{where}: {told}", tuple(faults))


def _nowhere(task: Task, folder: Path | None) -> str:
    looked = f"{folder} holds no copy that source.local names, " if folder else ""
    return (
        f"{looked}data/raw/{task.name} is not there and source.hub names no data set: bring the files: standin data "
        f"add {task.name} TRAIN{' --test TEST' if task.source.test else ''}"
    )


def _counts(found: RawRows) -> str:
    counts = Counter(row.label for row in found.rows)
    labels = ", ".join(f"{label} {count:,}" for label, count in counts.most_common() if label is not None)
    left_out = found.unwanted_labels + found.empty_texts
    return f"{len(found.rows):,} ({labels or 'no labels'}{f'; {left_out:,} left out' if left_out else ''})"


def file_faults(task: Task) -> list[str]:
    """What is wrong with a task's prompts, which are put together for every label and question as they are sent."""
    path, found = task_path(task.name), []
    if said := task.unedited():
        found.append(said)
    if short_code(task.language) != short_code(task.prompts.language):
        found += [
            f"{path}: question {question.id!r} has no `prompt`: prompts are in {task.prompts.language!r}, its text in "
            f"{task.language!r}"
            for question in task.questions
            if not question.prompt
        ]
    worded_by = {asked.id: asked.prompt or asked.text for asked in task.questions}
    for question, worded in worded_by.items() or [(None, None)]:
        told: dict[str, str] = {}
        for label in task.labels:
            example = Row(id="example", text=EXAMPLE, label=label.name)
            sent = {
                "zero-shot": turn(task.prompts, OPENING, label, worded, []),
                "few-shot": turn(task.prompts, OPENING, label, worded, [example]),
                "diversity": turn(task.prompts, DIVERSITY, label, worded, []),
            }
            found += [f"{path}: the {kind} prompt of label {label.name!r} is empty" for kind, said in sent.items()
                      if not said.strip()]  # fmt: skip
            if worded is not None and worded not in sent["zero-shot"]:
                found.append(f"{path}: the prompts do not say the question {question!r}: write {{question}} in them")
            if (other := told.setdefault(sent["zero-shot"], label.name)) != label.name:
                found.append(
                    f"{path}: labels {other!r} and {label.name!r} have the same prompt: write {{phrase}}, {{label}} or "
                    "{description} in prompts.generation"
                )
    return list(dict.fromkeys(found))


def data_faults(task: Task, parts: Mapping[str, RawRows]) -> list[str]:
    """What is wrong with a task's texts: labels and questions without any, ids that stand twice."""
    path, found = task_path(task.name), []
    for part, rows in ((part, parts[part].rows) for part in ("train", "test", "validation") if part in parts):
        counts = Counter((row.question_id, row.label) for row in rows)
        labelled = any(row.label is not None for row in rows)
        questions: list[str | None] = [asked.id for asked in task.questions]
        for question in questions or [None]:
            of = f" to question {question!r}" if question else ""
            if question and not any(each == question for each, _ in counts):
                found.append(f"{path}: no {part} text answers question {question!r}")
                continue
            missing = [label for label in task.label_names if labelled and not counts[question, label]]
            found += [f"{path}: no {part} text{of} has the label {label!r}" for label in missing]
    if "warmstart" in parts and not parts["warmstart"].rows:
        found.append(f"{path}: source.warmstart holds no text of another question")
    times = Counter(row.id for raw in parts.values() for row in raw.rows)
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        found.append(f"{path}: id {twice[0]!r} stands more than once ({counted(len(twice), 'such id')})")
    return found
