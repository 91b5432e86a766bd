"""``standin prompts show`` and ``standin generate --dry-run``: what will be sent, and what it will take."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from standin.choices import LOCAL_ENGINES
from standin.config import Params, repository_root
from standin.engines.protocol import Chat, Message
from standin.errors import StandinError, nearest, visible
from standin.generation.plan import PlanRow
from standin.languages import language_warning
from standin.task import Task, load_task

if TYPE_CHECKING:
    from standin.engines.replay import ReplayEngine

MOST_UNBOUND = 1024
"""Tokens that an answer is expected to have at most where the server decides."""


def show_prompts(params: Params, label: str | None, number: int, rendered: bool) -> Iterator[str]:
    """The chats of the first conversations of each label, turn by turn, as lines.

    Args:
        params: the parameters.
        label: only this label; None for all.
        number: conversations a label.
        rendered: show the text that the model reads, with the marks of its chat template.
    """
    task = load_task(params.base.task)
    if label is not None and label not in task.label_names:
        raise StandinError(f"--label {label!r}: {nearest(label, task.label_names)}")
    if params.generator.engine == "replay" and not rendered:
        yield f"recorded texts: {params.generator.model} is read, and no prompt is sent (generator.engine: replay)"
        return
    plan, say = plan_of(params, task)
    template = _template(params) if rendered else None
    shown: dict[tuple[str | None, str], list[str]] = {}
    for row in plan:
        chats = shown.setdefault((row.question_id, row.label), [])
        if row.conversation not in chats:
            chats.append(row.conversation)
    if task.prompts.begin and params.generator.begin != "never" and not rendered:
        yield f"Every answer begins: {task.prompts.begin}   (where the engine can go on from it)\n"
    for chats in shown.values():
        for conversation in chats[:number]:
            rows = [row for row in plan if row.conversation == conversation]
            if label is None or rows[0].label == label:
                yield from _conversation(rows, say, template)


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


def _template(params: Params) -> Callable[[Chat], str]:
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
        begin, template = opening(params, load_task(params.base.task), store), params.generator.template
    return lambda chat: str(tokenizer.decode(prompt_tokens(tokenizer, chat, begin, template)))


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


def dry_run(params: Params) -> Iterator[str]:
    """Numbers of rows, an example prompt a label, tokens, time and price, as lines."""
    from standin.engines import registry
    from standin.engines.prompting import prompt_tokens, thinks
    from standin.generation.estimate import estimate, lines
    from standin.generation.store import AnswerStore
    from standin.stages.generate import opening

    task = load_task(params.base.task)
    chosen = params.generator
    version = registry.version(chosen.engine, chosen.model, chosen.revision)
    plan, say = plan_of(params, task)
    if chosen.engine == "replay":
        yield from _recorded(registry.recorded(chosen.model, version, params.base.seed), plan, params)
        return
    tokenizer = _tokenizer(params)
    with AnswerStore(repository_root() / ".standin" / "answers.db") as store:
        measured = store.rate(chosen.engine, chosen.model)
        begin = opening(params, task, store) if tokenizer else ""

    def count(chat: Chat) -> int:
        return len(prompt_tokens(tokenizer, chat, begin, chosen.template))

    found = estimate(
        plan, say, count if tokenizer else None, chosen.max_tokens or MOST_UNBOUND, measured, params.runtime
    )
    for label in task.label_names:
        rows = [row for row in plan if row.label == label]
        yield f"{label}: {len(rows)} texts. The first prompt:\n{say(rows[0])}\n"
    stages = ("generate", "embed", "finetune")
    for warning in (task.unedited(), *(language_warning(params, task, stage) for stage in stages)):
        if warning:
            yield f"{warning}\n"
    yield f"engine:        {chosen.engine}, {chosen.model}"
    if begin:
        yield f"answers begin: {begin}"
    if tokenizer and thinks(tokenizer, chosen.template, begin):
        yield (
            "reasoning:     the model thinks before it writes, within generator.max_tokens: turn it off or down by "
            "generator.template, as {enable_thinking: false} or {reasoning_effort: low}, or leave it room"
        )
    yield from lines(found)


def _recorded(engine: "ReplayEngine", plan: list[PlanRow], params: Params) -> Iterator[str]:
    """What recorded texts will be taken: nothing is asked, so there are no prompts, tokens, time or price."""
    from standin.generation.answering import abouts

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
