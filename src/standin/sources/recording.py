"""Texts that were generated elsewhere: versioned with where they come from, and checked against all real splits."""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from standin.config import TASK_NAME, Params, load_params
from standin.corpus import Row
from standin.curation.language import others
from standin.engines.registry import file_digest, of_file
from standin.errors import StandinError, counted
from standin.language_codes import named
from standin.sources.adding import check_repository, copy_files, version_file
from standin.sources.cells import missing, simple_text, whole_text
from standin.sources.files import RawRows, Reading, read_raw, reading_of, rows_of
from standin.sources.opening import Options, open_file, write_records
from standin.sources.shaping import check_column, shape
from standin.sources.sizes import Fitting, fitting
from standin.sources.splits import SPLITS, Sizes, Splits, draw, likenesses, set_apart
from standin.sources.tables import Table
from standin.task import Columns, Task, load_task

PROVENANCE = ("model", "prompt")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was found and done."""

    task: str
    file: Path
    revision: str
    rows: Sequence[Mapping[str, Any]]
    counts: Mapping[tuple[str | None, str], int]
    """Texts per question and label, of every label of the task."""
    notes: Sequence[str]
    findings: Sequence[str]
    sizes: Sequence[str]
    """Options by which the real splits can be drawn."""

    def summary(self) -> str:
        """The findings as lines for a terminal."""
        labels = ", ".join(
            f"{label}{f' ({question})' if question else ''} {count}" for (question, label), count in self.counts.items()
        )
        texts = counted(len(self.rows), "recorded text")
        lines = [f"{self.file}: {texts}, labels: {labels}", *(f"  {n}" for n in self.notes)]
        models = Counter(str(row.get("model") or "unknown") for row in self.rows)
        lines.append("models: " + ", ".join(f"{model} {count}" for model, count in models.most_common()))
        prompts = sum("prompt" in row for row in self.rows)
        seeds = sum("seeds" in row for row in self.rows)
        lines.append(f"prompt known of {prompts}, seed texts of {seeds}")
        lines += [*self.findings, f"versioned: {self.file}.dvc, staged in Git; `dvc push` shares the texts"]
        fewest = min(self.counts.values())
        if not fewest:
            without = ", ".join(repr(label) for (_, label), count in self.counts.items() if not count)
            lines.append(f"look at: no recorded texts of label {without}: a run needs some of every label")
            return "\n".join(lines)
        options = {
            "base.task": self.task,
            "generator.engine": "replay",
            "generator.model": self.file.as_posix(),
            "generator.revision": self.revision,
            "generator.texts": fewest,
        }
        said = " ".join([*(f"-S {key}={value}" for key, value in options.items()), *self.sizes])
        lines.append(f"run: standin run {said}")
        return "\n".join(lines)


def add_generated(
    name: str,
    path: Path,
    *,
    recording: str | None = None,
    columns: Columns | None = None,
    values: Mapping[str, str] | None = None,
    model: str | None = None,
    prompt: str | None = None,
    seeds: str = "seeds",
    options: Options | None = None,
    replace: bool = False,
    root: Path = Path(),
) -> Recorded:
    """Add texts that were generated elsewhere, for ``generator.engine: replay``.

    Args:
        name: the task, which has a file; its labels and questions hold.
        path: the texts, in any kind of file that ``standin data add`` reads.
        recording: how they are called: data/recorded/<task>/<recording>.jsonl; None takes the file's name.
        columns: the columns of text, label and question.
        values: label values in the file -> label names.
        model: what wrote them, where no column "model" says so of each.
        prompt: the prompt, where no column "prompt" does.
        seeds: the column with the ids of the real texts that were shown as examples: a list, or ids parted by "|".
        options: what was said about the file: encoding, sheet, header.
        replace: whether another recording of that name may be replaced.
        root: the project's root.

    Returns:
        What was found and done.

    Raises:
        StandinError: no such task, a broken file, a label that is not the task's, another recording of that name.
    """
    task = load_task(name, root)
    called = recording or _slug(path)
    if not TASK_NAME.fullmatch(called):
        raise StandinError(f"--as {called!r}: lower-case letters, digits and '-', as in 'gpt-4o'")
    check_repository(root, f"data/recorded/{name}/{called}.jsonl")
    params = load_params(root) if (root / "params.yaml").exists() else Params()
    asked = columns or Columns(id=None)
    with tempfile.TemporaryDirectory() as folder:
        opened, asked = shape(open_file(path, options or Options(), asked.text, Path(folder)), asked)
        table = opened.table
        for option, column in (("--text", asked.text), ("--label", asked.label), ("--question", asked.question_id)):
            check_column(table, option, column)
        plain = asked.model_copy(update={"id": None, "annotations": None, "agreement": None})
        found = rows_of(table, Reading(plain, task.label_names, task.questions, values or task.source.values), called)
        if not found.rows or found.rows[0].label is None:
            raise StandinError(f"{path}: no row holds a text and the label that it was written for")
        told = _provenance(table, model, prompt, seeds)
        made = [_record(row, told[int(row.id.rpartition("-")[2])], place, called)
                for place, row in enumerate(found.rows, 1)]  # fmt: skip
        target = Path("data/recorded") / name / f"{called}.jsonl"
        written = Table(path, "row", (), list(enumerate(made, 1)))
        copy_files({called: write_records(written, Path(folder) / "recorded")}, {called: target}, root, replace)
    version_file(root, target)
    questions: list[str | None] = [question.id for question in task.questions] or [None]
    counts = Counter((row.question_id, row.label) for row in found.rows)
    findings, sizes = _findings(found.rows, made, task, params, root)
    return Recorded(
        task=name,
        file=target,
        revision=of_file(file_digest(root / target)),
        rows=made,
        counts={(q, label): counts[q, label] for q in questions for label in task.label_names},
        notes=[*table.notes, *([f"{counted(found.empty_texts, 'empty text')} left out"] if found.empty_texts else [])],
        findings=findings,
        sizes=sizes,
    )


def _slug(path: Path) -> str:
    return "".join(sign if sign.isalnum() and sign.isascii() else "-" for sign in path.stem.lower()).strip("-")


def _provenance(table: Table, model: str | None, prompt: str | None, seeds: str) -> dict[int, dict[str, Any]]:
    """What is known of each row: model, prompt, and the ids of the texts that were shown."""
    if seeds != "seeds":
        check_column(table, "--seeds", seeds)
    told: dict[int, dict[str, Any]] = {}
    for number, record in table.records:
        known = {"model": model, "prompt": prompt}
        for key in PROVENANCE:
            if not missing(record.get(key)):
                known[key] = whole_text(table, number, simple_text(table, number, record[key], key))
        told[number] = {key: value for key, value in known.items() if value}
        cell = record.get(seeds)
        listed = cell if isinstance(cell, list) else [] if missing(cell) else str(cell).split("|")
        shown = [simple_text(table, number, each, "seed id") for each in listed if not missing(each)]
        if shown:
            told[number]["seeds"] = shown
    return told


def _record(row: Row, told: Mapping[str, Any], place: int, called: str) -> dict[str, Any]:
    asked = {"question_id": row.question_id} if row.question_id else {}
    return {"id": f"{called}-{place:05d}", "text": row.text, "label": row.label, **asked, **told}


def _findings(
    rows: Sequence[Row], made: Sequence[Mapping[str, Any]], task: Task, params: Params, root: Path
) -> tuple[list[str], tuple[str, ...]]:
    """What a person should know before a run, and the options by which the real splits can be drawn."""
    said = []
    strange = others([row.text for row in rows], task.language)
    if strange.languages:
        which = ", ".join(f"{named(language)} {count}" for language, count in strange.languages.items())
        count = sum(strange.languages.values())
        said.append(f"look at: {count} of {strange.texts} not in {named(task.language)}, the task's language: {which}")
    try:
        parts = _real(task, root)
        fits = fitting(parts, params)
        splits = _splits(parts, params, fits)
    except StandinError as error:
        return [*said, f"look at: not compared with the real splits, which cannot be drawn: {error}"], ()
    near = float(fits.sizes.get("near_duplicate", params.prepare.near_duplicate))
    like = {split: len(likenesses(rows, getattr(splits, split), split, near)) for split in SPLITS}
    out = "; those like test or validation texts are left out by the stage curate"
    said.append(
        f"equal or nearly equal to real texts (base.seed {params.base.seed}): "
        f"{_numbers(like) or 'none'}{out if like['test'] + like['validation'] else ''}"
    )
    where = {row.id: split for split in SPLITS for row in getattr(splits, split)}
    shown = {seed for record in made for seed in record.get("seeds", ())}
    if shown:
        stand = Counter(where.get(seed, "no split") for seed in shown)
        leaked = sum(any(where.get(s) in ("test", "validation") for s in record.get("seeds", ())) for record in made)
        out = f"; the stage curate leaves out {counted(leaked, 'text')} made from test or validation texts"
        real = counted(len(shown), "real text")
        said.append(f"the {real} that they were made from: {_numbers(stand)}{out if leaked else ''}")
    return said, fits.options


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {counts[split]}" for split in (*SPLITS, "no split") if counts.get(split))


def _real(task: Task, root: Path) -> dict[str, RawRows]:
    reading = reading_of(task)
    parts = {part: getattr(task.source, part) for part in ("train", "test", "validation")}
    return {part: read_raw(root / file, reading, part) for part, file in parts.items() if file}


def _splits(parts: Mapping[str, RawRows], params: Params, fits: Fitting) -> Splits:
    """The splits as the stage prepare draws them, in sizes that fit."""
    asked = params.prepare.model_copy(update=dict(fits.sizes))
    clean, test, validation = set_apart({part: found.rows for part, found in parts.items()})
    rng = np.random.default_rng(params.base.seed)
    sizes = Sizes(**asked.model_dump(include=set(SPLITS)))
    return draw(clean, test, sizes, rng, "the task's real texts", asked.near_duplicate, validation)
