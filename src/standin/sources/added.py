"""What ``standin data add`` found and did, in a person's words."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from statistics import median

from standin.config import Params
from standin.curation.language import language_of, others
from standin.curation.lengths import length, unit_of, unit_of_texts
from standin.errors import counted
from standin.language_codes import named, short_code
from standin.languages import USES, language_warning
from standin.sources.files import RawRows
from standin.sources.sizes import Fitting
from standin.sources.votes import OWN_NAME
from standin.task import Task, task_path

MOST_SHOWN = 20
"""Labels that are shown with their counts, the most frequent ones."""
MOST_LANGUAGES = 5
FOREIGN = 0.02
"""Share of texts in other languages from which they are spoken of: it is 0.0007 and less of English data sets."""


@dataclass(frozen=True, slots=True)
class Added:
    """Rows per part (train, test), where they lie, and whether a task file was written; sizes that run."""

    name: str
    parts: Mapping[str, RawRows]
    files: Mapping[str, Path]
    task_written: bool
    fitting: Fitting
    notes: Mapping[str, Sequence[str]]
    """What was done to each part's file when it was read."""
    remarks: Sequence[str] = ()
    """What a person should look at."""

    def summary(self) -> str:
        """The findings as lines for a terminal."""
        lines = []
        for part, found in self.parts.items():
            lines.append(f"{self.files[part]}: {_found(found)}")
            lines += [f"  {note}" for note in self.notes.get(part, ())]
        lines.append(f"versioned: data/raw/{self.name}.dvc, staged in Git; `dvc push` shares the data")
        task = task_path(self.name)
        if self.task_written:
            lines += _lookalikes(self.parts["train"], task)
        lines += [*self.remarks, *([self.fitting.said] if self.fitting.said else [])]
        if self.task_written:
            lines.append(f"written: {task}. Edit descriptions and prompts, then `git add {task}`")
            lines.append("queued experiments see what Git knows: commit task and pointer before `dvc exp run --queue`")
        options = " ".join([f"-S base.task={self.name}", *self.fitting.options])
        lines.append(f"try first: standin run --preview 5 {options}")
        lines.append(f"run: standin run {options}")
        return "\n".join(lines)


def _found(found: RawRows) -> str:
    counts = Counter(row.label for row in found.rows if row.label is not None)
    labels = ", ".join(f"{label} {count}" for label, count in counts.most_common(MOST_SHOWN)) or "none"
    labels += f" and {len(counts) - MOST_SHOWN} more" if len(counts) > MOST_SHOWN else ""
    unit = unit_of_texts([row.text for row in found.rows])
    lengths = sorted(length(row.text, unit) for row in found.rows)
    left_out = {
        "empty": found.empty_texts,
        "of unwanted labels": found.unwanted_labels,
        "of other questions": found.questions_not_asked,
    }
    skipped = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
    return (
        f"{counted(len(found.rows), 'text')}, labels: {labels}, {unit}: {lengths[0]} to {lengths[-1]}, median "
        f"{median(lengths):g}" + (f"; left out: {skipped}" if skipped else "")
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


def language_found(texts: Sequence[str], asked: str | None, task: Task | None, name: str) -> tuple[str, list[str]]:
    """The language of a task's texts, and what to say of it.

    Args:
        texts: the texts.
        asked: what was said with ``--language``; None where nothing was.
        task: the task, where it has a file; its language holds.
        name: the task's name.
    """
    read, path = language_of(texts), task_path(name)
    code = task.language if task else asked or read
    if code is None:
        said = (
            f"look at: the texts' language is not known, so {path} says 'en': write theirs there (language, "
            "prompts.language), or add them again with --language"
        )
        return "en", [said, *_mixed(texts, "en"), *_unspaced(texts, "en", path)]
    if read and short_code(read) != short_code(code):
        where = f"{path} says language: {code}" if task else f"you said --language {code}"
        said = f"look at: the texts read as {named(read)}, but {where}"
    elif task or asked:
        said = f"language: {named(code)}"
    else:
        said = f"language: {named(code)}, as the texts read; --language says another one"
    mixed = _mixed(texts, code) if not read or short_code(read) == short_code(code) else []
    return code, [said, *mixed, *_unspaced(texts, code, path)]


def _mixed(texts: Sequence[str], language: str) -> list[str]:
    """How many texts are surely in other languages than the task's, where they are more than a few."""
    found = others(texts, language)
    number = sum(found.languages.values())
    if found.share < FOREIGN or number < 2:
        return []
    counts = [f"{name} {count}" for name, count in found.languages.items()]
    shown = ", ".join(counts[:MOST_LANGUAGES]) + (", ..." if len(counts) > MOST_LANGUAGES else "")
    which = "texts" if found.texts == len(texts) else "texts looked at"
    return [
        f"look at: {number:,} of {found.texts:,} {which} read as another language ({shown}); those too short to "
        "tell are not counted. A task has one language, that of its prompts and models: take them "
        "out of the file, make a task of each language, or name multilingual models"
    ]


def vote_remarks(found: Mapping[str, str | None], read: bool, task: Path) -> list[str]:
    """What to say of columns with annotators' votes that nobody named.

    Args:
        found: as ``standin.sources.votes.vote_columns`` gives it.
        read: whether the column ``annotations`` was read as votes.
        task: the task's file.
    """
    lines = []
    for name, fault in found.items():
        write = f"write `annotations: {json.dumps(name, ensure_ascii=False)}` under source.columns in {task}"
        if fault:
            said = f"look at: column {name!r} is not read as annotators' votes ({fault})"
            lines.append(f"{said}. Where it holds votes, mend that and {write}")
        elif read and name == OWN_NAME:
            lines.append(f"column {name!r} is read as several annotators' votes (source.columns.annotations)")
        else:
            lines.append(
                f"look at: column {name!r} holds several labels for a text: where they are annotators' votes, {write}"
            )
    return lines


def models_of_other_languages(params: Params, task: Task) -> list[str]:
    """The models of the project's parameters that were made for other languages than the texts', in one line."""
    models = [
        f"{USES[stage]} {getattr(getattr(params, group), field)!r}"
        for stage in ("generate", "embed", "finetune")
        for group, field in [USES[stage].split(".")]
        if language_warning(params, task, stage)
    ]
    if not models:
        return []
    return [
        f"look at: {', '.join(models)}: made for other languages than {named(task.language)}: expect poor results, and "
        "name models of that language or multilingual ones"
    ]


def _unspaced(texts: Sequence[str], language: str, path: Path) -> list[str]:
    """What the task's language must say where texts have no words to count."""
    if unit_of(language) == "characters" or unit_of_texts(texts) == "words":
        return []
    return [
        f"look at: the texts are written without spaces: write their language into {path} (language, as in ja, zh or "
        "th), so that they are measured in characters; now each counts as one word"
    ]
