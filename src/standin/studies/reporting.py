"""What a study found, as a page of Markdown with a figure: verdicts, tables beside the paper's, what differs."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from pathlib import Path

from standin.errors import counted
from standin.evaluation.scores import MEASURES
from standin.evaluation.uncertainty import Estimate
from standin.studies.figure import drawn, projected
from standin.studies.measuring import (
    CONFIDENCE,
    CONSTANT,
    LEAST_TASKS,
    NOT_LEARNED,
    ONE,
    Drawn,
    Judged,
    Ranked,
    Scores,
    claims,
    scores,
    trends,
    under,
    value,
)
from standin.studies.ranking import Panel, placed, told
from standin.studies.records import FIRST, Record
from standin.studies.study import Column, Study, Table
from standin.task import Task

PAGES = Path("docs/studies")
HOW = "../how-to.md#run-a-papers-study"
RULE = "../science.md#evaluation-ours"
SAME = 1e-9
"""A smaller error is one of rounding."""
UNLEARNED = "\N{DAGGER}"
OURS = "(ours): no claim of the paper. "
MARKS = {"recalled": "recalled, not read in the paper itself", "published": "as published"}
MEANING = {
    "holds": "**holds**, **the opposite**: clear after Holm's correction over these claims.",
    "not clear": "**not clear**: clear only before Holm's correction over these claims.",
    "within the noise": "**within the noise**: no difference is shown.",
    NOT_LEARNED: "**not learned**: an arm answered no better than by chance, or nearly always with one label "
    f"([the rule]({RULE})), so that there is no verdict.",
    ONE: "**one base seed**: of one run, whose splits and texts others would draw otherwise, so there is no verdict.",
}
"""What a verdict says; the opposite is told with holds."""
ORDER = ("holds", "the opposite", "not clear", "within the noise", NOT_LEARNED, ONE)


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
    parts = [f"# {study.title}", _begun(study, records, planned, found)]
    if figure:
        parts += [f"![{figure.alt}]({study.name}.svg)", figure.caption]
    ranks = _ranks(study, tasks)
    placed_tasks = placed(panel, ranks) if panel else None
    parts += _verdicts(study, found, ranks, placed_tasks.scores if placed_tasks else {})
    for table in study.tables:
        parts.append(f"## {table.title}\n\n" + _table(study, table, found, tasks))
    if found:
        parts += ["## What the arms learn from", _sizes(study, [one for one in records if one.task in found])]
    plane = projected(study, records)
    if plane:
        title, name = "## Which texts the strategies chose", f"{study.name}-plane.svg"
        parts += [title, f"![{plane.alt}]({name})", plane.caption]
    if panel and placed_tasks:
        marks = {tasks[name].published[study.name].mark for name in ranks}
        parts += ["## Tasks from objective to subjective", *told(panel, placed_tasks, ranks, _marked(marks))]
    parts.append("## What differs from the paper\n\n" + "\n".join(f"- {line}" for line in study.differs))
    parts.append(f"Made by `standin study report {study.name}` of `studies/{study.name}/`.")
    figures = {f"{study.name}.svg": figure, f"{study.name}-plane.svg": plane}
    return "\n\n".join(parts) + "\n", {name: made.svg for name, made in figures.items() if made}


def _begun(study: Study, records: Sequence[Record], planned: int, found: Mapping[str, Scores]) -> str:
    models = {name: sorted({one.models[name] for one in records if name in one.models})
              for name in ("generator", "encoder", "embedding")}  # fmt: skip
    said = ", ".join(f"{name} {' and '.join(f'`{_model(one)}`' for one in own)}" for name, own in models.items() if own)
    hours = sum(record.seconds for record in records) / 3600
    first = f"{study.paper}. To run it: its tasks' data ([how]({HOW})), then `standin study run {study.name}`."
    if not records:
        return f"{first} None of its {planned} runs has been made yet."
    took = f", {hours:.1f} hours of computing" if hours >= 0.1 else ""
    seeds = {own[MEASURES[0]][CONSTANT].base_seeds for own in found.values()}
    least, most = min(seeds, default=0), max(seeds, default=0)
    number = f"{least} to {counted(most, 'base seed')}" if least < most else counted(most, "base seed")
    return (
        f"{first}\n{len(records)} of {planned} runs are made{took}: {counted(len(found), 'task')}, {number} each, "
        f"the same for all columns; {said}."
    )


def _model(name: str) -> str:
    """A model as it is named; of recorded texts the recording, without its path."""
    return Path(name).stem if name.endswith(".jsonl") else name


def _verdicts(
    study: Study, found: Mapping[str, Scores], ranks: Mapping[str, float], by_panel: Mapping[str, float]
) -> list[str]:
    """Claims over tasks, where there is a mean over them, then task by task, and what holds of trends.

    Trends are over the paper's ranks, and over a panel's where it was asked.
    """
    judged = claims(study, found)
    if not any(judged.values()):
        return []
    ours = all("ours" in claim.says for claim in study.claims)
    title = "What was compared (no claim of the paper)" if ours else "Do the paper's claims hold here?"
    over = {one.claim: one for one in judged.get(None, [])}
    overview = [["claim", "mean over tasks", "holds in (of those with a verdict)", "the opposite in"]]
    detail = [["claim", *(task for task in judged if task)]]
    for claim in study.claims:
        own = {task: one for task, of_task in judged.items() if task for one in of_task if one.claim == claim}
        verdicts = {task: one.verdict for task, one in own.items() if one.verdict not in (ONE, NOT_LEARNED)}
        named = (_named(verdicts, verdict) for verdict in ("holds", "the opposite"))
        column = study.columns[claim.first]
        overview.append([claim.says, _difference(over.get(claim), column), *named])
        detail.append([claim.says, *(_difference(own.get(task), column) for task in judged if task)])
    figures = any(study.columns[claim.first].figure is not None for claim in study.claims)
    every = {one.verdict for of_task in judged.values() for one in of_task}
    every |= {"holds"} if "the opposite" in every else set()  # which tells both
    of_one = " (of one base seed over its training seeds)" if ONE in every else ""
    said = (
        f"What a claim names first less what it names second, in macro-F1{', or the figure that it is of' * figures}: "
        f"above 0 the first has more. {CONFIDENCE:.0%} intervals over base seeds and test texts{of_one}. "
        + "A mean over tasks pools what they know; of two base seeds a task's own interval says little. " * bool(over)
        + OURS * (any("(ours)" in claim.says for claim in study.claims) and not ours)
        + " ".join(meaning for verdict, meaning in MEANING.items() if verdict in every)
    )
    first = overview if over else detail
    made = [f"## {title}\n\n{_answer([*over.values()] or [one for own in judged.values() for one in own])}"]
    made += [_unlearned(study, found)] * (NOT_LEARNED in every)
    made.append(said)
    made.append(_markdown(first))
    made += [_trend(one) for one in trends(study, found, ranks)]
    made += [f"By the panel's ranking: {_trend(one)}" for one in trends(study, found, by_panel)]
    if study.trends and len(found) < LEAST_TASKS:
        made.append(f"The claims about the tasks' ranks need {LEAST_TASKS} tasks; runs of {len(found)} are there.")
    return [*made, "### By task\n\n" + _markdown(detail)] if over else made


def _answer(judged: Sequence[Judged]) -> str:
    """How many claims have which verdict, and those that are clear, in their words."""
    counts = Counter(one.verdict for one in judged)
    number = counted(counts.total(), "claim") if set(counts) - {ONE, NOT_LEARNED} else "No verdict"
    words = {"holds": "hold"} if counts["holds"] > 1 else {}
    answer = ", ".join(f"{counts[verdict]} {words.get(verdict, verdict)}" for verdict in ORDER if counts[verdict])
    clear = [
        f"{verdict[0].upper()}{verdict[1:]}: "
        + "; ".join(one.claim.says for one in judged if one.verdict == verdict)
        + "."
        for verdict in ORDER[:2]
        if counts[verdict] and len(judged) > 1
    ]
    return " ".join([f"**{number}: {answer}.**", *clear])


def _unlearned(study: Study, found: Mapping[str, Scores]) -> str:
    """Which arms that claims compare never learned, which not in some runs, and which always did."""
    arms: dict[tuple[str, str], str] = {}  # columns of one arm under one setting have learned alike: the first is told
    for name in (name for claim in study.claims for name in (claim.first, claim.second)):
        if study.columns[name].arm:
            arms.setdefault((str(study.columns[name].arm), str(study.columns[name].at)), name)
    columns = {name: study.columns[name] for name in arms.values()}
    never, some, always = [], [], []
    for name, column in columns.items():
        told = _apart(column, [one for one in columns.values() if one.title == column.title])
        own = {task: of_task[MEASURES[0]][name] for task, of_task in found.items() if name in of_task[MEASURES[0]]}
        if all(one.unlearned == one.base_seeds for one in own.values()):
            never += [told] * bool(own)
        elif lost := {task: one for task, one in own.items() if one.unlearned}:
            runs = (f"{task} {one.unlearned} of {counted(one.base_seeds, 'run')}" for task, one in lost.items())
            some.append(f"- {told}: {', '.join(runs)}")
        else:
            always.append(told)
    said = [f"Learned in no run: {'; '.join(never)}."] * bool(never)
    said += ["Had not learned in some runs:\n\n" + "\n".join(some)] * bool(some)
    said += [f"The other arms that claims compare had learned in every run: {'; '.join(always)}."] * bool(always)
    return "\n\n".join(said)


def _apart(column: Column, same: Sequence[Column]) -> str:
    """A column's title, and where others have it too its arm and the values it is read under that they do not share."""
    own = [f"arm `{column.arm}`"] * (len({one.arm for one in same}) > 1)
    own += [
        f"`{axis}: {json.dumps(value)}`"
        for axis, value in column.at.items()
        if any(one.at.get(axis) != value for one in same)
    ]
    return f"{column.title} ({', '.join(own)})" if own else column.title


def _difference(one: Judged | None, column: Column) -> str:
    if one is None:
        return "not run"
    return f"{one.found.value:+.3f}{_interval(one.found, column, -1, 3)}, {one.verdict}"


def _interval(found: Estimate, column: Column, lowest: float, digits: int) -> str:
    """The interval in brackets, within what a score can be; nothing of a figure of a single run, which has none."""
    if column.figure and found.error < SAME:
        return ""
    low, high = found.interval(CONFIDENCE, *((-inf, inf) if column.figure else (lowest, 1.0)))
    return f" ({low:.{digits}f} to {high:.{digits}f})"


def _named(verdicts: Mapping[str, str], wanted: str) -> str:
    """How many of the tasks with a verdict have this one, and which."""
    tasks = [task for task, verdict in verdicts.items() if verdict == wanted]
    return f"{len(tasks)} of {len(verdicts)}" + (f": {', '.join(tasks)}" if tasks else "") if verdicts else ""


def _trend(one: Ranked) -> str:
    sign = one.tau > 0 if one.trend.expect == "rising" else one.tau < 0
    held = "within the noise" if one.p >= 1 - CONFIDENCE else "holds" if sign else "the opposite"
    return (
        f"{one.trend.says}: Kendall's tau {one.tau:.2f} over {len(one.tasks)} tasks, p {one.p:.2f}: {held}. "
        f"(Of these tasks, over base seeds and texts: {one.low:.2f} to {one.high:.2f}.)"
    )


def _ranks(study: Study, tasks: Mapping[str, Task]) -> dict[str, float]:
    """The rank of every task that has one: a figure that its file gives of the paper."""
    if study.rank is None:
        return {}
    found = {name: getattr(task.published.get(study.name), study.rank, None) for name, task in tasks.items()}
    return {name: float(rank) for name, rank in found.items() if rank is not None}


def _table(study: Study, table: Table, found: Mapping[str, Scores], tasks: Mapping[str, Task]) -> str:
    """Scores with intervals; where the paper has a figure it stands below, in italics, with its mark.

    Beside arms stands what always answering with the most frequent label would score.
    """
    columns = [study.columns[name] for name in table.columns]
    scored = any(column.arm for column in columns) and not any(column.label for column in columns)
    rows = [["task", *(column.title for column in columns), *(["most frequent label"] if scored else [])]]
    marks = set()
    for task in study.tasks:
        if task not in found:
            continue
        own = found[task][table.measure]
        if not {*table.columns} & own.keys():
            continue
        cells = [_cell(own.get(name), study.columns[name]) for name in table.columns]
        rows.append([task, *cells, *([f"{own[CONSTANT].by_draw.mean():.3f}"] if scored else [])])
        papers = [published(tasks.get(task), study.name, column, table.measure) for column in columns]
        if any(paper is not None for paper in papers):
            marks.add(tasks[task].published[study.name].mark)
            told = ["" if paper is None else f"*{paper:.3f}*" for paper in papers]
            rows.append(["*paper*", *told, *([""] if scored else [])])
    if len(rows) == 1:
        return "No run that was made has such figures."
    notes = [f"*paper*: the paper's own models and data ({_marked(marks)})."] * bool(marks)
    notes += [f"{UNLEARNED}: had not learned."] * any(UNLEARNED in cell for row in rows for cell in row)
    return "\n\n".join([_markdown(rows), *notes])


def _marked(marks: Iterable[str]) -> str:
    return ", ".join(MARKS[mark] for mark in sorted(marks))


def _sizes(study: Study, records: Sequence[Record]) -> str:
    """Of every arm of a column: the texts that a classifier learns from, and the share of the rarest label of the task.

    Means over seeds and questions, of the first base seed, at the largest budget.
    """
    arms: dict[tuple[str, str], Column] = {}
    for column in study.columns.values():
        if column.arm:
            arms.setdefault((column.arm, str(column.at)), column)
    tasks = list(dict.fromkeys(record.task for record in records))
    rows = [["texts", *tasks]]
    for column in arms.values():
        own = [next((one for one in records if one.task == task and under(study, column, one)), None) for task in tasks]
        cells = [_size(one, str(column.arm)) for one in own]
        if any(cells) and [column.title, *cells] not in rows:
            rows.append([column.title, *cells])
    return _markdown(rows) + "\n\nIn brackets: the share of the label that is rarest in the test texts."


def _size(record: Record | None, arm: str) -> str:
    known = (record.metrics.get("arms") or [{}])[0].get("arm_labels", {}).get(arm) if record else None
    total = sum(known.values()) if known else 0
    if record is None or not known or not total:
        return ""
    truth = "".join(one.truth for one in record.texts)
    rarest = min(range(len(record.labels)), key=lambda place: truth.count(chr(FIRST + place)) or len(truth))
    return f"{total:.0f} ({known[record.labels[rarest]] / total:.0%} {record.labels[rarest]})"


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
    return f"{estimate.value:.3f}{_interval(estimate, column, 0, 2)}" + f" {UNLEARNED}" * bool(one.unlearned)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head, numbers to the right."""
    lines = [rows[0], ["---", *["---:"] * (len(rows[0]) - 1)], *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
