"""``standin prompts show`` and ``standin generate --dry-run``: what will be sent, and what it will take."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import typer

from standin.choices import LOCAL_ENGINES, RUN_HERE
from standin.config import Params, repository_root
from standin.engines.protocol import Chat, Message
from standin.errors import StandinError, counted, nearest, visible
from standin.generation.estimate import Estimate
from standin.generation.plan import PlanRow
from standin.languages import language_warning
from standin.task import Task, load_task

if TYPE_CHECKING:
    from standin.engines.replay import ReplayEngine

TURN = ("conversation", "turn", "label", "question_id", "seed", "kind", "attributes", "shots")

MOST_UNBOUND = 1024
"""Tokens that an answer is expected to have at most where the server decides."""


def show_prompts(
    params: Params, label: str | None, number: int, rendered: bool, task: Task | None = None
) -> Iterator[str]:
    """The chats of the first conversations of each label, turn by turn, as lines.

    Args:
        params: the parameters.
        label: only this label; None for all.
        number: conversations a label.
        rendered: show the text that the model reads, with the marks of its chat template.
        task: the task where it differs from its file.
    """
    some_text(params)
    task = task or load_task(params.base.task)
    if label is not None and label not in task.label_names:
        raise StandinError(f"--label {label!r}: {nearest(label, task.label_names)}")
    if params.generator.engine == "replay" and not rendered:
        yield f"recorded texts: {params.generator.model} is read, and no prompt is sent (generator.engine: replay)"
        return
    plan, say = plan_of(params, task)
    template = _template(params, task) if rendered else None
    chats = list(_chats(plan, task, label, number))
    if task.prompts.begin and params.generator.begin != "never" and not rendered:
        yield f"Every answer begins: {task.prompts.begin}   (where the engine can go on from it)\n"
    for rows in chats:
        yield from _conversation(rows, say, template)


def _chats(plan: Sequence[PlanRow], task: Task, label: str | None, number: int) -> Iterator[list[PlanRow]]:
    """The rows of the first conversations of each question and label. Raises StandinError for an unknown label."""
    if label is not None and label not in task.label_names:
        raise StandinError(f"--label {label!r}: {nearest(label, task.label_names)}")
    found: dict[tuple[str | None, str], dict[str, list[PlanRow]]] = {}
    for row in plan:
        found.setdefault((row.question_id, row.label), {}).setdefault(row.conversation, []).append(row)
    for (_, asked), chats in found.items():
        if label in (None, asked):
            yield from list(chats.values())[:number]


def _conversation(
    rows: list[PlanRow], say: Callable[[PlanRow], str], template: Callable[[Chat], str] | None
) -> Iterator[str]:
    yield f"--- {rows[0].conversation}: {rows[0].label}"
    chat: tuple[Message, ...] = ()
    for row in rows:
        chat = (*chat, ("user", say(row)))
        if template is None:
            yield f"user, turn {row.turn}, seed {row.seed}:\n{chat[-1][1]}\n"
        chat = (*chat, ("assistant", f"[answer of turn {row.turn}]"))
    if template is not None:
        yield template(chat[:-1])


def _template(params: Params, task: Task) -> Callable[[Chat], str]:
    tokenizer = _tokenizer(params)
    if tokenizer is None:
        raise StandinError(
            f"--rendered: engine {params.generator.engine!r} applies its chat template elsewhere; without --rendered "
            "the messages are shown as they are sent"
        )
    from standin.engines.prompting import prompt_tokens
    from standin.generation.store import AnswerStore
    from standin.stages.generate import opening

    with AnswerStore(repository_root() / ".standin" / "answers.db") as store:
        begin, template = opening(params, task, store), params.generator.template
    return lambda chat: str(tokenizer.decode(prompt_tokens(tokenizer, chat, begin, template)))


def some_text(params: Params) -> None:
    """Raise StandinError where the run writes no text, so that there is none to show and no prompt."""
    if params.generator.texts == 0:
        raise StandinError("params.yaml: generator.texts is 0, so no text is asked for: set it to see what would be")


def _tokenizer(params: Params) -> Any:
    """The model's tokenizer, for engines that run it here; None for the others."""
    if params.generator.engine not in LOCAL_ENGINES:
        return None
    from standin.embedded import resolve
    from standin.engines.checkpoints import read_tokenizer

    chosen = params.generator
    return read_tokenizer(resolve(chosen.model), chosen.model, chosen.revision)


def plan_of(params: Params, task: Task) -> tuple[list[PlanRow], Callable[[PlanRow], str]]:
    """The plan from the raw data as it is: nothing is written."""
    from standin.preview import scratch
    from standin.stages import prepare
    from standin.stages.generate import planned

    with scratch(params):
        prepare.run(params, task, "")
        return planned(params, task)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run of generate will ask and take."""

    plan: Sequence[PlanRow]
    say: Callable[[PlanRow], str]
    begin: str
    tokenizer: Any
    estimate: Estimate


def expected(params: Params, task: Task) -> Expected:
    """Plan and estimate; nothing is asked of a model or a server."""
    from standin.engines import registry
    from standin.engines.prompting import prompt_tokens
    from standin.generation.estimate import estimate
    from standin.generation.store import AnswerStore
    from standin.stages.generate import opening

    chosen = params.generator
    registry.version(chosen.engine, chosen.model, chosen.revision)
    plan, say = plan_of(params, task)
    tokenizer = _tokenizer(params)
    with AnswerStore(repository_root() / ".standin" / "answers.db") as store:
        measured = store.rate(chosen.engine, chosen.model)
        begin = opening(params, task, store) if tokenizer else ""

    def count(chat: Chat) -> int:
        return len(prompt_tokens(tokenizer, chat, begin, chosen.template))

    found = estimate(
        plan, say, count if tokenizer else None, chosen.max_tokens or MOST_UNBOUND, measured, params.runtime
    )
    return Expected(plan, say, begin, tokenizer, found)


def dry_run(params: Params, task: Task | None = None, nodes: int = 1) -> Iterator[str]:
    """Numbers of rows, an example prompt a label, tokens, time and price, as lines; the time of so many nodes too."""
    from standin.engines.prompting import thinks
    from standin.generation.estimate import duration, lines, spread_over

    some_text(params)
    _check_nodes(params, nodes)
    task = task or load_task(params.base.task)
    chosen = params.generator
    if chosen.engine == "replay":
        yield from _recorded(params, task)
        return
    found = expected(params, task)
    for label in task.label_names:
        rows = [row for row in found.plan if row.label == label]
        yield f"{label}: {counted(len(rows), 'text')}. The first prompt:\n{found.say(rows[0])}\n"
    for warning in (task.unedited(), *(language_warning(params, task, s) for s in ("generate", "embed", "finetune"))):
        if warning:
            yield f"{warning}\n"
    yield f"engine:        {chosen.engine}, {chosen.model}"
    if found.begin:
        yield f"answers begin: {found.begin}"
    if found.tokenizer and thinks(found.tokenizer, chosen.template, found.begin):
        yield (
            "reasoning:     the model thinks before it writes, within generator.max_tokens: turn it off or down by "
            "generator.template, as {enable_thinking: false} or {reasoning_effort: low}, or leave it room"
        )
    yield from lines(found.estimate)
    if nodes > 1:
        chunks, seconds = spread_over(found.estimate, chosen.chunk, nodes)
        took = f"about {duration(seconds)}, where each is as fast as this machine" if seconds else "not known either"
        yield f"on {nodes} nodes:    {took} ({counted(chunks, 'chunk')} of generator.chunk, one node's each)"


def _check_nodes(params: Params, nodes: int) -> None:
    """Raise StandinError where several nodes have nothing to do."""
    if nodes > 1 and params.generator.engine not in RUN_HERE:
        raise StandinError(
            f"--nodes is for engines that run the model themselves ({', '.join(RUN_HERE)}); generator.engine is "
            f"{params.generator.engine}"
        )


def dry_run_values(params: Params, task: Task, nodes: int = 1) -> dict[str, Any]:
    """The same for a machine: numbers, and the first prompt of every label; recorded texts have none."""
    from standin.generation.estimate import spread_over

    some_text(params)
    _check_nodes(params, nodes)
    if params.generator.engine == "replay":
        plan, engine = _drawn(params, task)
        return {
            "engine": "replay",
            "records": str(engine.path),
            "texts_per_label": {label: sum(row.label == label for row in plan) for label in task.label_names},
        }
    found = expected(params, task)
    first = {row.label: row for row in reversed(found.plan)}
    return {
        "engine": params.generator.engine,
        "model": params.generator.model,
        "begin": found.begin,
        "texts_per_label": {label: sum(row.label == label for row in found.plan) for label in task.label_names},
        "first_prompts": {label: found.say(first[label]) for label in task.label_names},
        **asdict(found.estimate),
        "nodes": nodes,
        "seconds_on_nodes": spread_over(found.estimate, params.generator.chunk, nodes)[1],
    }


def prompt_values(params: Params, label: str | None, number: int, task: Task) -> list[dict[str, Any]]:
    """The turns that ``show_prompts`` shows, for a machine: ids, label, seed and what the user says."""
    some_text(params)
    plan, say = plan_of(params, task)
    return [
        {"prompt": say(row), **{key: getattr(row, key) for key in ("plan_id", *TURN)}}
        for rows in _chats(plan, task, label, number)
        for row in rows
    ]


def _drawn(params: Params, task: Task) -> "tuple[list[PlanRow], ReplayEngine]":
    from standin.engines import registry

    chosen = params.generator
    version = registry.version(chosen.engine, chosen.model, chosen.revision)
    return plan_of(params, task)[0], registry.recorded(chosen.model, version, params.base.seed)


def _recorded(params: Params, task: Task) -> Iterator[str]:
    """What recorded texts will be taken: nothing is asked, so there are no prompts, tokens, time or price."""
    from standin.generation.answering import abouts

    plan, engine = _drawn(params, task)
    drawn = [engine.record(about) for about in abouts(plan)]
    counts = Counter((row.question_id, row.label) for row in plan)
    for (question, label), count in counts.items():
        of = f" ({question})" if question else ""
        yield f"{label}{of}: {count} of {len(engine.records[question, label])} recorded texts"
    models = Counter(record.model for record in drawn)
    said = ", ".join(f"{model} {count}" for model, count in models.most_common())
    yield ""
    yield f"recorded texts: {engine.path}, drawn by base.seed {params.base.seed}"
    yield f"models:         {said}"
    yield (
        f"provenance:     prompt known of {sum(record.prompted for record in drawn)}, seed texts of "
        f"{sum(record.seeds is not None for record in drawn)} of {len(drawn)}"
    )
    yield "prompts:        none are sent; no tokens, no time, no price"


def echo(found: Iterator[str]) -> None:
    """Print lines as they come, in which a task's words and texts steer no terminal."""
    for line in found:
        typer.echo(visible(line))
