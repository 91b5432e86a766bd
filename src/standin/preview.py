"""A few texts a label through prompt, generation, curation and checks, before time or money is spent on all of them.

The stages themselves run, in a scratch copy of the project's layout, so that a preview cannot differ from the run and
touches no stage output. Its answers go to the answer store; the run takes those of them whose engine answers one by
one, as a batched engine's answers depend on their batch.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from standin.config import Params, repository_root
from standin.corpus import Removed, Row, SyntheticRow, read_json_lines, read_rows
from standin.errors import StandinError, counted, visible
from standin.generation.answering import as_asked
from standin.generation.plan import PlanRow
from standin.generation.prompts import OPENING, turn
from standin.languages import language_warning
from standin.planning import some_text
from standin.task import Task, load_task, task_path

MOST = 50
"""Texts a label; whoever wants more wants the run."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """One planned text: what was asked, what came back, what is kept of it or why nothing is."""

    plan_id: str
    attributes: Mapping[str, str]
    question: str | None
    label: str
    prompt: str
    """What the user says in this turn."""
    turn: int
    raw: str
    text: str | None
    """The text as it would be trained on, None where it was removed."""
    why: str | None
    """Reason of the removal, with survivor and score where there are such."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The texts in plan order, and what the checks found."""

    texts: tuple[Previewed, ...]
    checks: int
    findings: tuple[str, ...]
    recorded: str | None = None
    """The file and models of recorded texts, for which nothing is asked; None where a model writes."""


def preview(params: Params, texts: int, task: Task | None = None) -> Preview:
    """Generate, curate and check ``texts`` texts for every label (of every question).

    Args:
        params: the experiment's parameters; the number of texts and its lower bounds are lowered.
        texts: texts a label, 1 to 50.
        task: the task where it differs from its file.

    Raises:
        StandinError: whatever would stop the run: task, data, model, engine.
    """
    if not 1 <= texts <= MOST:
        raise StandinError(f"--preview {texts}: 1 to {MOST} texts a label; `standin run` makes them all")
    some_text(params)
    task = task or load_task(params.base.task)
    small, lowered = _smaller(params, task, texts)
    unedited = None if params.generator.engine == "replay" else task.unedited()
    for warning in (unedited, *(language_warning(params, task, s) for s in ("generate", "embed", "finetune"))):
        if warning:
            print(warning)  # noqa: T201
    with scratch(small):
        _generate(small, task)
        checks, findings = _check(small, lowered)
        return Preview(tuple(_texts(task)), checks, findings, _recorded(params))


def _recorded(params: Params) -> str | None:
    if params.generator.engine != "replay":
        return None
    rows = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    models = ", ".join(sorted({row.model for row in rows}))
    return f"{params.generator.model} (model: {models}), drawn by base.seed {params.base.seed}; nothing is asked"


def _smaller(params: Params, task: Task, texts: int) -> tuple[Params, Task]:
    """Fewer texts, and their lower bounds in params.yaml and in the task's own checks lowered with them."""
    chosen = params.generator

    def fewer(least: int) -> int:
        return max(1, round(least * texts / max(chosen.texts, texts)))

    generator = chosen.model_copy(update={"texts": texts})
    validation = params.validation.model_copy(
        update={"min_texts_per_label": fewer(params.validation.min_texts_per_label)}
    )
    own = task.checks.texts_per_label
    if own is not None and own.min:
        bound = own.model_copy(update={"min": fewer(own.min)})
        task = task.model_copy(update={"checks": task.checks.model_copy(update={"texts_per_label": bound})})
    return params.model_copy(update={"generator": generator, "validation": validation}), task


@contextmanager
def scratch(params: Params) -> Iterator[None]:
    """Work in an empty project that shares tasks, raw data, models and answers with this one."""
    root = repository_root()
    before = os.environ.get("DVC_ROOT")
    with tempfile.TemporaryDirectory(prefix="standin-preview-") as folder:
        copy = Path(folder)
        (copy / "data").mkdir()
        (copy / "data" / "raw").symlink_to(root / "data" / "raw")
        (copy / "data" / "reviews").symlink_to(root / "data" / "reviews")
        (copy / "tasks").symlink_to(root / "tasks")
        for model in (params.generator.model, params.embed.model, params.translate.model, params.verify.model):
            _link(Path(model), root, copy)
        values = params.model_dump(by_alias=True)
        (copy / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        os.environ["DVC_ROOT"] = str(root)
        try:
            with chdir(copy):
                yield
        finally:
            if before is None:
                del os.environ["DVC_ROOT"]
            else:
                os.environ["DVC_ROOT"] = before


def _link(model: Path, root: Path, copy: Path) -> None:
    """A model or a file of recorded texts that is named relative to the project is found from the copy too.

    Where stages write, a file is copied: a link would let them write into the project.
    """
    if model.is_absolute() or ".." in model.parts or not (root / model).exists():
        return
    place = copy / model
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if model.parts[0] in ("data", "reports") and (root / model).is_file():
        shutil.copyfile(root / model, place)
    elif model.parts[0] not in ("data", "reports") or (root / model / "config.json").is_file():
        place.symlink_to(root / model)


def _generate(params: Params, task: Task) -> None:
    """From raw data to curated texts. Only texts that curation and verification compare are embedded."""
    from standin.measures.embeddings import DESCRIPTIONS, Embeddings, embed, write_embeddings
    from standin.stages import curate, edit, generate, prepare, translate, verify

    prepare.run(params, task, "")
    generate.run(params, task, "")
    translate.run(params, task, "")
    edit.run(params, task, "")
    real = [
        row for split in ("shots", "validation", "test") for row in read_rows(Path(f"data/real/{split}.jsonl"), Row)
    ]
    generated: Sequence[Row] = read_rows(Path("data/translated/texts.jsonl"), SyntheticRow)
    parts = {
        "real": {row.id: row.text for row in real},
        "generated": {row.id: row.text for row in generated},
        f"real/{DESCRIPTIONS}": task.descriptions,
    }
    texts = [text for part in parts.values() for text in part.values()]
    vectors = embed(texts, params.embed.model, params.embed.revision, params.runtime)
    for name, part in parts.items():
        own, vectors = vectors[: len(part)], vectors[len(part) :]
        write_embeddings(Path("data/embeddings") / name, Embeddings(tuple(part), own))
    verify.run(params, task, "")
    curate.run(params, task, "")


def _check(params: Params, task: Task) -> tuple[int, tuple[str, ...]]:
    from standin.stages import validate
    from standin.validation.result import describe

    verdict = validate.check(params, task)
    return len(verdict.outcomes), tuple(describe(outcome) for outcome in verdict.outcomes if not outcome.success)


def _texts(task: Task) -> Iterator[Previewed]:
    labels = {label.name: label for label in task.labels}
    shots = {row.id: row for row in read_rows(Path("data/real/shots.jsonl"), Row)}
    answers = {
        str(value["plan_id"]): str(value["text"]) for _, value in read_json_lines(Path("data/generated/answers.jsonl"))
    }
    kept = {row.plan_id: row.text for row in read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)}
    gone = {row.plan_id: _why(row) for row in read_rows(Path("data/synthetic/removed.jsonl"), Removed)}
    parsed = {row.plan_id for row in read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)}
    begun: set[str] = set()
    openings: dict[str, PlanRow] = {}
    for _, planned in read_json_lines(Path("data/generated/plan.jsonl")):
        found = PlanRow(**{**planned, "shots": tuple(planned["shots"])})
        if found.kind == OPENING:
            openings[found.conversation] = found
        row = as_asked(found, openings.get(found.conversation), found.conversation in begun)
        plan_id, examples = row.plan_id, [shots[shot] for shot in row.shots]
        if plan_id in parsed:
            begun.add(row.conversation)
        yield Previewed(
            plan_id=plan_id,
            attributes=row.attributes,
            question=row.question,
            label=row.label,
            prompt=turn(task.prompts, row.kind, labels[row.label], row.question, examples, row.attributes),
            turn=row.turn,
            raw=answers[plan_id],
            text=kept.get(plan_id),
            why=gone.get(plan_id),
        )


def _why(row: Removed) -> str:
    like = f", like {row.survivor}" if row.survivor else ""
    score = f" ({row.score:.2f})" if row.score is not None else ""
    return f"{row.reason}{like}{score}"


def show(found: Preview, task_name: str, whole: str, console: Any) -> None:
    """Print a preview: for every label the first prompt, then answer and outcome of every text side by side.

    ``whole`` is the command that makes all texts.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    def plain(text: str) -> str:
        return escape(visible(text))

    asked = dict.fromkeys((text.question, text.label) for text in found.texts)
    for question, label in asked:
        mine = [text for text in found.texts if (text.question, text.label) == (question, label)]
        console.rule(plain(f"{label}: {question}" if question else label))
        console.print("Recorded texts:" if found.recorded else "Prompt:", style="bold")
        console.print(plain(found.recorded or mine[0].prompt) + "\n")
        came = "recorded text" if found.recorded else "answer as it came"
        table = Table("text", came, "kept, or why not", box=box.SIMPLE_HEAD, show_lines=True)
        for text in mine:
            same = text.text is not None and text.text == text.raw.strip()
            outcome = "kept as it is" if same else plain(text.text or "")
            table.add_row(
                plain("\n".join([text.plan_id, *text.attributes.values()])),
                plain(text.raw.strip()),
                f"[red]{plain(text.why)}[/red]" if text.why else outcome,
            )
        console.print(table)
    kept = sum(text.text is not None for text in found.texts)
    console.rule("checks")
    console.print(
        f"{kept} of {counted(len(found.texts), 'text')} kept; "
        f"{found.checks - len(found.findings)} of {counted(found.checks, 'check')} hold"
    )
    for finding in found.findings:
        console.print(plain(f"- {finding}"))
    if found.findings:
        console.print("Shares over so few texts are rough: read the texts first.")
    prompts = "" if found.recorded else f"Prompts: {task_path(task_name)}. "
    console.print(f"{prompts}All texts: {plain(whole)}", style="bold")
