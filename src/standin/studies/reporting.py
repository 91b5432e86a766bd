"""What a study found, as a page of Markdown with a figure: verdicts, tables beside the paper's, what differs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from standin.errors import counted
from standin.studies.figure import drawn
from standin.studies.measuring import (
    CONFIDENCE,
    NOT_LEARNED,
    ONE,
    Drawn,
    Judged,
    Ranked,
    Scores,
    claims,
    scores,
    trends,
    value,
)
from standin.studies.records import Record
from standin.studies.study import SEED, Column, Study, Table
from standin.task import Task

PAGES = Path("docs/studies")


def page(study: Study, records: Sequence[Record], planned: int, tasks: Mapping[str, Task]) -> tuple[str, str | None]:
    """The page, and its figure where there is something to draw.

    Args:
        study: the study.
        records: of the runs that are there.
        planned: how many runs the whole grid has.
        tasks: the study's tasks, for the published figures.
    """
    found = scores(study, records)
    figure = drawn(study, found)
    parts = [f"# {study.title}", _begun(study, records, planned)]
    if figure:
        parts += [f"![{figure.alt}]({study.name}.svg)", figure.caption]
    parts += _verdicts(study, found, _ranks(study, tasks))
    for table in study.tables:
        parts.append(f"## {table.title}\n\n" + _table(study, table, found, tasks))
    parts.append("## What differs from the paper\n\n" + "\n".join(f"- {line}" for line in study.differs))
    parts.append(f"Made by `standin study report {study.name}` of `studies/{study.name}/`.")
    return "\n\n".join(parts) + "\n", figure.svg if figure else None


def _begun(study: Study, records: Sequence[Record], planned: int) -> str:
    models = {name: sorted({one.models[name] for one in records if name in one.models})
              for name in ("generator", "encoder", "embedding")}  # fmt: skip
    said = ", ".join(f"{name} {' and '.join(f'`{one}`' for one in own)}" for name, own in models.items() if own)
    seeds = sorted({record.values[SEED] for record in records})
    hours = sum(record.seconds for record in records) / 3600
    first = f"{study.paper}, as a study that anyone can run: `standin study run {study.name}`."
    if not records:
        return f"{first} None of its {planned} runs has been made yet."
    took = f", {hours:.1f} hours of this machine" if hours >= 0.1 else ""
    return (
        f"{first}\n{len(records)} of {planned} runs are made{took}: "
        f"{counted(len({one.task for one in records}), 'task')}, base seeds {', '.join(map(str, seeds))}; {said}."
    )


def _verdicts(study: Study, found: Mapping[str, Scores], ranks: Mapping[str, float]) -> list[str]:
    """Claims over tasks, where there is a mean over them, then task by task, and what holds of trends."""
    judged = claims(study, found)
    if not any(judged.values()):
        return []
    over = {one.claim: one for one in judged.get(None, [])}
    overview = [["claim", "mean over tasks", "holds in", "the opposite in"]]
    detail = [["claim", *(task for task in judged if task)]]
    for claim in study.claims:
        own = {task: one for task, of_task in judged.items() if task for one in of_task if one.claim == claim}
        verdicts = {task: one.verdict for task, one in own.items() if one.verdict not in (ONE, NOT_LEARNED)}
        named = (_named(verdicts, verdict) for verdict in ("holds", "the opposite"))
        overview.append([claim.says, _difference(over.get(claim)), *named])
        detail.append([claim.says, *(_difference(own.get(task)) for task in judged if task)])
    said = (
        f"Differences in macro-F1 with {CONFIDENCE:.0%} intervals over base seeds and test texts; a verdict allows for "
        "the number of claims (Holm); one base seed has none, nor has an arm that had not learned in some run. "
        "Over tasks: of these, not of others."
    )
    first = overview if over else detail
    made = ["## Do the paper's claims hold here?\n\n" + _markdown(first), said]
    made += [_trend(one) for one in trends(study, found, ranks)]
    return [*made, "### By task\n\n" + _markdown(detail)] if over else made


def _difference(one: Judged | None) -> str:
    if one is None:
        return ""
    low, high = one.found.interval(CONFIDENCE, -1, 1)
    said = "" if one.verdict in (ONE, "within the noise") else f", {one.verdict}"
    return f"{one.found.value:+.3f} ({low:.3f} to {high:.3f}){said}"


def _named(verdicts: Mapping[str, str], wanted: str) -> str:
    """How many of the tasks with a verdict have this one, and which."""
    tasks = [task for task, verdict in verdicts.items() if verdict == wanted]
    return f"{len(tasks)} of {len(verdicts)}" + (f": {', '.join(tasks)}" if tasks else "") if verdicts else ""


def _trend(one: Ranked) -> str:
    sign = one.tau > 0 if one.trend.expect == "rising" else one.tau < 0
    held = "holds" if one.p < 1 - CONFIDENCE and sign else "the opposite" if one.p < 1 - CONFIDENCE else "is not clear"
    return (
        f"{one.trend.says}: Kendall's tau {one.tau:.2f} ({one.low:.2f} to {one.high:.2f} over base seeds and texts) "
        f"over {len(one.tasks)} tasks, p {one.p:.2f}: {held}."
    )


def _ranks(study: Study, tasks: Mapping[str, Task]) -> dict[str, float]:
    """The rank of every task that has one: a figure that its file gives of the paper."""
    if study.rank is None:
        return {}
    found = {name: getattr(task.published.get(study.name), study.rank, None) for name, task in tasks.items()}
    return {name: float(rank) for name, rank in found.items() if rank is not None}


def _table(study: Study, table: Table, found: Mapping[str, Scores], tasks: Mapping[str, Task]) -> str:
    """Scores with intervals; where the paper has a figure it stands below, in italics, with its mark."""
    columns = [study.columns[name] for name in table.columns]
    rows = [["task", *(column.title for column in columns)]]
    marks = set()
    for task in study.tasks:
        if task not in found:
            continue
        own = found[task][table.measure]
        rows.append([task, *(_cell(own.get(name)) for name in table.columns)])
        papers = [published(tasks.get(task), study.name, column, table.measure) for column in columns]
        if any(paper is not None for paper in papers):
            marks.add(tasks[task].published[study.name].mark)
            rows.append(["*paper*", *("" if paper is None else f"*{paper:.3f}*" for paper in papers)])
    if len(rows) == 1:
        return "No run of it has been made yet."
    note = f"\n\n*paper*: the paper's own models and data ({', '.join(sorted(marks))})." if marks else ""
    return _markdown(rows) + note


def published(task: Task | None, study: str, column: Column, measure: str) -> float | None:
    """The paper's figure for a column: ``classifier.setting`` of the task's file."""
    if task is None or column.published is None or study not in task.published:
        return None
    classifier, _, setting = column.published.partition(".")
    score = task.published[study].scores.get(classifier, {}).get(setting)
    figure: float | None = getattr(score, measure, None)
    return figure


def _cell(one: Drawn | None) -> str:
    if one is None:
        return ""
    estimate = value(one)
    low, high = estimate.interval(CONFIDENCE, 0, 1)
    return f"{estimate.value:.3f} ({low:.2f} to {high:.2f})"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head, numbers to the right."""
    lines = [rows[0], ["---", *["---:"] * (len(rows[0]) - 1)], *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
