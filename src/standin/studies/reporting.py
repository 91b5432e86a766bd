"""What a study found, as a page of Markdown with a figure: verdicts, tables beside the paper's, what differs."""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

from standin.errors import counted
from standin.evaluation.uncertainty import Estimate
from standin.studies.figure import drawn, projected
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
from standin.studies.ranking import Panel, placed, told
from standin.studies.records import Record
from standin.studies.study import SEED, Column, Study, Table
from standin.task import Task

PAGES = Path("docs/studies")


def page(
    study: Study, records: Sequence[Record], planned: int, tasks: Mapping[str, Task], panel: Panel | None = None
) -> tuple[str, dict[str, str]]:
    """The page, and its figures by the names of their files, where there is something to draw.

    Args:
        study: the study.
        records: of the runs that are there.
        planned: how many runs the whole grid has.
        tasks: the study's tasks, for the published figures.
        panel: what a model said of which task is the more objective, where it was asked.
    """
    found = scores(study, records)
    figure = drawn(study, found)
    parts = [f"# {study.title}", _begun(study, records, planned)]
    if figure:
        parts += [f"![{figure.alt}]({study.name}.svg)", figure.caption]
    ranks = _ranks(study, tasks)
    placed_tasks = placed(panel, ranks) if panel else None
    parts += _verdicts(study, found, ranks, placed_tasks.scores if placed_tasks else {})
    for table in study.tables:
        parts.append(f"## {table.title}\n\n" + _table(study, table, found, tasks))
    plane = projected(study, records)
    if plane:
        title, name = "## Which texts the strategies chose", f"{study.name}-plane.svg"
        parts += [title, f"![{plane.alt}]({name})", plane.caption]
    if panel and placed_tasks:
        marks = sorted({task.published[study.name].mark for task in tasks.values() if study.name in task.published})
        parts += ["## Tasks from objective to subjective", *told(panel, placed_tasks, ranks, ", ".join(marks))]
    parts.append("## What differs from the paper\n\n" + "\n".join(f"- {line}" for line in study.differs))
    parts.append(f"Made by `standin study report {study.name}` of `studies/{study.name}/`.")
    figures = {f"{study.name}.svg": figure, f"{study.name}-plane.svg": plane}
    return "\n\n".join(parts) + "\n", {name: made.svg for name, made in figures.items() if made}


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


def _verdicts(
    study: Study, found: Mapping[str, Scores], ranks: Mapping[str, float], by_panel: Mapping[str, float]
) -> list[str]:
    """Claims over tasks, where there is a mean over them, then task by task, and what holds of trends.

    Trends are over the paper's ranks, and over a panel's where it was asked.
    """
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
        column = study.columns[claim.first]
        overview.append([claim.says, _difference(over.get(claim), column), *named])
        detail.append([claim.says, *(_difference(own.get(task), column) for task in judged if task)])
    figures = any(study.columns[claim.first].figure for claim in study.claims)
    said = (
        f"Differences in macro-F1{' (in figures of the texts, where a claim is of those)' if figures else ''} with "
        f"{CONFIDENCE:.0%} intervals over base seeds and test texts; a verdict allows for the number of claims (Holm); "
        "one base seed has none, nor has an arm that had not learned in some run. Over tasks: of these, not of others."
    )
    first = overview if over else detail
    made = ["## Do the paper's claims hold here?\n\n" + _markdown(first), said]
    made += [_trend(one) for one in trends(study, found, ranks)]
    made += [f"By the panel's ranking: {_trend(one)}" for one in trends(study, found, by_panel)]
    return [*made, "### By task\n\n" + _markdown(detail)] if over else made


def _difference(one: Judged | None, column: Column) -> str:
    if one is None:
        return ""
    said = "" if one.verdict in (ONE, "within the noise") else f", {one.verdict}"
    return f"{one.found.value:+.3f}{_interval(one.found, column, -1, 3)}{said}"


def _interval(found: Estimate, column: Column, lowest: float, digits: int) -> str:
    """The interval in brackets, within what a score can be; nothing of a figure of a single run, which has none."""
    if column.figure and not found.error:
        return ""
    low, high = found.interval(CONFIDENCE, *((-inf, inf) if column.figure else (lowest, 1.0)))
    return f" ({low:.{digits}f} to {high:.{digits}f})"


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
        if not {*table.columns} & own.keys():
            continue
        rows.append([task, *(_cell(own.get(name), study.columns[name]) for name in table.columns)])
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


def _cell(one: Drawn | None, column: Column) -> str:
    if one is None:
        return ""
    estimate = value(one)
    return f"{estimate.value:.3f}{_interval(estimate, column, 0, 2)}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head, numbers to the right."""
    lines = [rows[0], ["---", *["---:"] * (len(rows[0]) - 1)], *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
