"""Stage generate: plan every row, ask the LLM, parse the answers."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from standin.choices import BEGIN_ENGINES, RUN_HERE
from standin.cluster import placed
from standin.config import Generator, Params, Runtime, repository_root
from standin.corpus import Removed, Row, SyntheticRow, read_json_lines, read_rows, write_json_lines, write_rows
from standin.embedded import pinned
from standin.engines import registry
from standin.engines.protocol import Answer, Engine, Sampling
from standin.errors import StandinError
from standin.generation.answering import FAULT, Answered, abouts, answer_plan
from standin.generation.budget import budget
from standin.generation.plan import PlanRow, make_plan
from standin.generation.prompts import turn
from standin.generation.quotes import CLOSING
from standin.generation.spreading import fill
from standin.generation.store import AnswerStore
from standin.progress import progress
from standin.task import Task

if TYPE_CHECKING:
    from standin.engines.replay import Record, ReplayEngine

OUT = Path("data/generated")


def run(params: Params, task: Task, item: str) -> dict[str, Any]:
    """Write plan.jsonl, answers.jsonl (raw), texts.jsonl and removed.jsonl (refused, unparsable)."""
    chosen = params.generator
    plan, say = planned(params, task)
    write_json_lines(OUT / "plan.jsonl", (asdict(row) for row in plan))

    if not plan:
        write([], chosen.engine, chosen.model)
        return metrics([])
    version = registry.version(chosen.engine, chosen.model, chosen.revision)
    recorded = registry.recorded(chosen.model, version, params.base.seed) if chosen.engine == "replay" else None
    revision = pinned(chosen.model, chosen.revision) if chosen.engine in registry.BATCHED else chosen.revision

    model = placed(chosen.model) if params.runtime.cluster else chosen.model

    def load(runtime: Runtime) -> Engine:
        return registry.load(chosen.engine, model, revision, chosen.dtype, runtime)

    @cache
    def engine() -> Engine:
        return load(params.runtime) if recorded is None else recorded

    identity = {
        "engine": chosen.engine,
        "version": version,
        "model": chosen.model,
        "revision": revision,
        "dtype": chosen.dtype,
    }
    if chosen.engine == "openai":
        identity["base_url"] = params.runtime.base_url
    elif chosen.engine != "replay" and (content := registry.digest(chosen.model)):
        identity["content"] = content
    with AnswerStore(repository_root() / ".standin" / "answers.db") as store:
        sampling = drawn(chosen, opening(params, task, store))
        batched = chosen.engine in registry.BATCHED
        spent = budget(params.runtime)
        if params.runtime.cluster and chosen.engine in RUN_HERE:
            gpus = registry.gpus_of(chosen.engine, params.runtime)
            fill(plan, say, identity, sampling, chosen.chunk, store, load, batched, spent, params.runtime, gpus)
        with progress("generate", len(plan), "texts") as done:
            answered = answer_plan(plan, say, identity, sampling, chosen.chunk, store, engine, done, batched, spent)
    origins = None if recorded is None else [recorded.record(about) for about in abouts(plan)]
    write(answered, chosen.engine, chosen.model, origins)
    found = metrics(answered, seeded=sampling.seeded or chosen.engine != "openai")
    return found if recorded is None else found | {"recorded": recording(recorded, origins or [])}


def drawn(chosen: Generator, begin: str) -> Sampling:
    """How answers are drawn; one that begins with an opening quotation mark ends at the closing one."""
    return Sampling(
        chosen.temperature,
        chosen.top_p,
        chosen.max_tokens,
        chosen.pattern,
        seeded=chosen.seed is not None,
        stop=(*chosen.stop, *([CLOSING[begin]] if begin in CLOSING else [])),
        begin=begin,
        template=chosen.template,
    )


def opening(params: Params, task: Task, store: AnswerStore) -> str:
    """How answers begin: the task's opening where it is wanted and the engine can go on from it, else empty.

    Raises StandinError where it must and cannot.
    """
    chosen, begin = params.generator, task.prompts.begin
    if chosen.begin == "never" or not begin or (chosen.engine == "replay" and chosen.begin == "auto"):
        return ""
    if registry.continues(chosen.engine, params.runtime, store):
        return begin
    if chosen.begin == "auto":
        print(  # noqa: T201
            f"generate: the server at {params.runtime.base_url} cannot continue an answer begun for it, so answers do "
            f"not begin with {begin!r} (prompts.begin)"
        )
        return ""
    raise StandinError(
        "params.yaml: generator.begin is 'always', and what answers cannot continue an answer begun for it: set it to "
        f"auto or never, or engine to one of {', '.join(BEGIN_ENGINES)} (openai: a vLLM server)"
    )


def planned(params: Params, task: Task) -> tuple[list[PlanRow], Callable[[PlanRow], str]]:
    """The rows, and what the user says in each."""
    shots = read_rows(Path("data/real/shots.jsonl"), Row)
    labels = {label.name: label for label in task.labels}
    by_id = {row.id: row for row in shots}
    worded = {asked.id: asked.prompt or asked.text for asked in task.questions}
    plan = make_plan(task.labels, task.questions, shots, params.generator, params.base.seed, task.prompts.attributes)

    def say(row: PlanRow) -> str:
        examples = [by_id[shot] for shot in row.shots]
        question = None if row.question_id is None else worded[row.question_id]
        return turn(task.prompts, row.kind, labels[row.label], question, examples, row.attributes)

    return plan, say


def recording(engine: "ReplayEngine", drawn: "Sequence[Record]") -> dict[str, Any]:
    """What recorded texts are: how many there are and were drawn, what wrote them, of how many more is known."""
    models = Counter(record.model for record in drawn)
    return {
        "texts": sum(map(len, engine.records.values())),
        "drawn": len(drawn),
        "models": ", ".join(f"{model} {count}" for model, count in sorted(models.items())),
        "with_prompt": sum(record.prompted for record in drawn),
        "with_seeds": sum(record.seeds is not None for record in drawn),
    }


def write(answered: Sequence[Answered], engine: str, model: str, origins: "Sequence[Record] | None" = None) -> None:
    """Write raw answers, parsed texts and what was refused or unparsable; ``origins`` are those of recorded texts."""
    known: Sequence[Record | None] = origins or [None] * len(answered)
    write_json_lines(
        OUT / "answers.jsonl",
        ({"plan_id": each.row.plan_id, "key": each.key, **_data(each.answer)} for each in answered),
    )
    write_rows(
        OUT / "texts.jsonl",
        [
            SyntheticRow(
                id=f"synthetic-{each.row.plan_id}",
                text=each.parsed.text,
                label=each.row.label,
                question_id=each.row.question_id,
                question=each.row.question,
                plan_id=each.row.plan_id,
                shots=len(each.row.shots) if origin is None else len(origin.seeds or ()),
                engine=engine,
                model=model if origin is None else origin.model,
                seeds=None if origin is None else origin.seeds,
            )
            for each, origin in zip(answered, known, strict=True)
            if each.parsed.text is not None
        ],
    )
    write_rows(
        OUT / "removed.jsonl",
        [
            Removed(
                id=f"synthetic-{each.row.plan_id}",
                plan_id=each.row.plan_id,
                label=each.row.label,
                text=each.answer.text,
                reason=each.parsed.reason,
            )
            for each in answered
            if each.parsed.reason is not None
        ],
    )


def _data(answer: Answer) -> dict[str, Any]:
    """What an answer says; how many tries it took is the server's matter and stays in the store."""
    return {name: value for name, value in asdict(answer).items() if name != "attempts"}


def metrics(answered: Sequence[Answered], seeded: bool = True) -> dict[str, Any]:
    """Counts of rows, tokens and parsing changes; ``seeded`` says whether rows' seeds were to be sent."""
    changes = Counter(change for each in answered for change in each.parsed.changes)
    reasons = Counter(each.parsed.reason for each in answered)
    details = Counter(each.parsed.detail for each in answered)
    labels = dict.fromkeys(each.row.label for each in answered)
    counted = {
        "planned": len(answered),
        "parsed": reasons[None],
        "refused": reasons["refused"],
        "unparsable": reasons["unparsable"],
        "unfinished_reasoning": details["reasoning"],
        "parsing_failed": details[FAULT],
        "cut_by_length": sum(each.answer.finish == "length" for each in answered),
        "tokens_in": sum(each.answer.tokens_in for each in answered),
        "tokens_out": sum(each.answer.tokens_out for each in answered),
        "looped": sum(each.answer.finish == "loop" for each in answered),
        "reasoning_tokens": sum(each.answer.reasoning for each in answered),
        "without_seed": sum("seed" in each.answer.unsent or not seeded for each in answered),
        "changes": dict(sorted(changes.items())),
        "per_label": {label: _of_label([each for each in answered if each.row.label == label]) for label in labels},
    }
    print(f"generate: {counted['planned']} planned, {counted['parsed']} parsed")  # noqa: T201
    if unfinished := counted["unfinished_reasoning"]:
        print(  # noqa: T201
            f"generate: {unfinished} answers ended inside the model's reasoning: raise generator.max_tokens, or turn "
            "it off or down by generator.template, as {enable_thinking: false} or {reasoning_effort: low}"
        )
    return counted


def _of_label(answered: Sequence[Answered]) -> dict[str, int]:
    """Rows, what could not be used of them, and tokens."""
    reasons = Counter(each.parsed.reason for each in answered)
    return {
        "planned": len(answered),
        "parsed": reasons[None],
        "refused": reasons["refused"],
        "unparsable": reasons["unparsable"],
        "tokens_in": sum(each.answer.tokens_in for each in answered),
        "tokens_out": sum(each.answer.tokens_out for each in answered),
    }


def machine_figures() -> dict[str, float]:
    """Seconds the answers took when they were made, and new tokens a second: of this machine, not of the data."""
    answers = [value for _, value in read_json_lines(OUT / "answers.jsonl")]
    with AnswerStore(repository_root() / ".standin" / "answers.db") as store:
        seconds = store.seconds([str(value["key"]) for value in answers])
    tokens = sum(int(value["tokens_out"]) for value in answers)
    return {"answer_seconds": round(seconds, 2), "tokens_per_second": round(tokens / seconds, 2) if seconds else 0.0}
