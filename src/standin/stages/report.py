"""Stage report: one self-contained page from what the other stages left."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from standin.config import Params
from standin.corpus import REASONS, Removed, Row, SelectedRow, SyntheticRow, read_json, read_rows, write_metrics
from standin.corpus import read_json_lines as read_lines
from standin.errors import counted
from standin.evaluation.recipe import evaluated, recipe
from standin.labelling.asked import union
from standin.labelling.labels import given_to, read_labels
from standin.language_codes import short_code
from standin.report import (
    beside,
    content,
    counts,
    curve,
    figures,
    labelling,
    lines,
    measured,
    parts,
    plane,
    reliability,
    seeds,
    words,
)
from standin.report.conclusions import conclusions
from standin.report.headline import headline, shown_by_dvc
from standin.report.making import making
from standin.report.naming import MAJORITY, MEANINGS, MOST_FREQUENT
from standin.report.outcome import outcome
from standin.report.page import render
from standin.sheets import sheet_rows, write_sheet
from standin.task import Task

REPORTS = Path("reports")
OUT = REPORTS / "report.html"
POOL = Path("data/real/pool.jsonl")
ORACLE = Path("data/real/oracle.jsonl")
MOST_ROWS, MOST_TEXTS = 12, 12  # of the scores' figure, which else shows the largest budget alone; of texts of a kind


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``reports/report.html``, and the headline figures for MLflow, `standin compare` and DVC."""
    arms = gather_arms(params)
    prepared, curated = (read_json(REPORTS / stage / "metrics.json") for stage in ("prepare", "curate"))
    diversity = measured.diversity(read_json(REPORTS / "diversity/metrics.json"))
    behind = counts.arm_counts(_table(REPORTS / "arms/texts.csv"))
    labels, labels_said = counts.label_cost(behind, prepared["real_texts"])
    filled = {
        "task": {
            "name": task.name,
            "title": task.title,
            "description": task.description,
            "language": short_code(task.language),
            "questions": [question.text for question in task.questions],
            "demonstration": task.demonstration,
            "labels": task.label_names,
        },
        "base_seeds": gather_base_seeds(params, task),
        **arms,
        **gather_texts(),
        "checks": gather_checks(),
        "diversity": diversity,
        "shares": lines.shares(diversity["shares"]) if diversity["shares"] else None,
        "weakest": measured.weakest(diversity["shares"]),
        **gather_selection(params),
        "advised": gather_labelling(params, task, arms["comparisons"]),
        "held_out": counts.held_out_notes(prepared, curated),
        "curated": counts.curation_notes(curated),
        "several_questions": len(task.questions) > 1,
        "made": making(params, read_json(REPORTS / "generate/metrics.json"), prepared["real_texts"]),
        "cost": {"labels": labels, "labels_said": labels_said},
        "published": [line for found in task.published.values() for line in found.lines],
    }
    filled["subjectivity"], agreement = gather_subjectivity(params)
    placed = measured.placed(_table(REPORTS / "subjectivity/tasks.csv"))
    projected = _table(REPORTS / "diversity/projection.csv")
    compared = [row["arm"] for row in _table(REPORTS / "evaluate/scores.csv")]
    shown = [arm for arm in ("real", "synthetic") if arm in compared] or list(dict.fromkeys(compared))[:2]
    sure = reliability.figure(_table(REPORTS / "evaluate/reliability.csv"), params.arms, shown)
    by_budget, several = arms["by_budget"], filled["several_questions"]
    budgets = curve.by_budget(by_budget, params.evaluate.confidence, several_questions=several)
    pictures = {
        "reliability": ("How often answers are right, by how sure they are", sure),
        "projection": ("Real and synthetic texts in the plane", figures.projection(projected) if projected else None),
        "agreement": ("Accuracy by agreement", agreement),
        "selection": ("Which real texts were chosen", gather_plane(params, task, projected)),
        **beside.pictures({name: _table(REPORTS / f"diversity/{name}.csv") for name in beside.TABLES}, task.language),
        "budgets": ("Macro-F1 by the number of labels", budgets),
        "scale": ("The task among others, from objective to subjective", figures.scale(*placed) if placed else None),
    }
    filled["pictures"] = {
        name: figure and {"svg": figures.inline(figure, name, title), "caption": figure.caption}
        for name, (title, figure) in pictures.items()
    }
    rows = _table(REPORTS / "evaluate/confusion.csv")
    filled["confusion"] = content.confusions(rows, task.label_names, shown, params.arms)
    by_part = (_table(REPORTS / "evaluate/labels.csv"), _table(REPORTS / "evaluate/questions.csv"))
    filled |= parts.drawings(*by_part, task, params.arms, shown, params.evaluate.confidence)
    write_headline(params)
    page = render(filled)
    OUT.write_text(page, encoding="utf-8", newline="\n")
    count = page.count("<figure")
    print(f"report: {OUT}, {counted(count, 'figure')}")  # noqa: T201
    return {"figures": count, "bytes": len(page.encode())}


def write_headline(params: Params) -> None:
    """Write ``reports/headline.json``, and ``reports/metrics.json``, the part of it that DVC shows."""
    figures = headline(
        params.arms,
        _table(REPORTS / "evaluate/scores.csv"),
        _table(REPORTS / "evaluate/comparisons.csv"),
        _table(REPORTS / "arms/texts.csv"),
        generated=read_json(REPORTS / "generate/metrics.json"),
        curated=read_json(REPORTS / "curate/metrics.json"),
        diversity=read_json(REPORTS / "diversity/metrics.json"),
    )
    write_metrics(REPORTS / "headline.json", figures)
    shown = json.dumps(shown_by_dvc(figures, params.arms), indent=2)  # DVC's columns keep this order
    (REPORTS / "metrics.json").write_text(shown + "\n", encoding="utf-8")


def gather_arms(params: Params) -> dict[str, Any]:
    """Scores, comparisons, the answer in words and as figures, and which arms have not learned."""
    scope = read_json(REPORTS / "evaluate/scope.json")
    scores = _table(REPORTS / "evaluate/scores.csv")
    behind = counts.arm_counts(_table(REPORTS / "arms/texts.csv"))
    scored = [row for row in scores if row["measure"] == "macro_f1"]
    compared = numbers(_table(REPORTS / "evaluate/comparisons.csv"), "macro_f1", ("difference", "low", "high"))
    for arm in {row["arm"] for row in scores} & set(params.arms):
        trained = read_json(REPORTS / "finetune" / arm / "metrics.json")
        for key in (key for key in behind if key[0] == arm):
            behind[key]["read"] = counts.rows_read(trained, key[1])
    plotted = content.plotted(scored, params.arms, behind)
    kept = content.retained_rows(numbers(scores, "retained", ("value", "low", "high")), params.arms, behind)
    lost = [{**row, "name": content.arm_name(row, params.arms)} for row in _table(REPORTS / "evaluate/learned.csv")]
    names = [content.arm_name(row, params.arms) for row in scored if row["arm"] != MAJORITY]
    unlearned = {(row["arm"], row["budget"]) for row in lost}
    largest = {"", str(max((int(row["budget"]) for row in scored if row["budget"]), default=""))}
    some = [row["budget"] in largest or len(plotted) <= MOST_ROWS for row in scored]
    concluded, elsewhere = conclusions(compared, params.arms, list(params.select.strategies))
    confidence = params.evaluate.confidence
    return {
        "scope": scope,
        "scores": lines.scores(list(compress(plotted, some)), confidence) if plotted else None,
        "not_drawn": some.count(False),
        "by_budget": [
            {"name": content.arm_name({**row, "budget": ""}, params.arms), **row}
            for row in scored
            if row["arm"] != MAJORITY and (row["arm"], row["budget"]) not in unlearned
        ],
        "floor": next((row["value"] for row in plotted if row["name"] == MOST_FREQUENT), None),
        "arms": content.arm_rows(scores, params.arms, behind),
        "comparisons": compared,
        "differences": content.differences(compared, params.arms),
        "outcome": outcome(scored, compared, behind, params.arms, unlearned),
        "unlearned": words.not_learned(lost, plotted, names),
        "retained": lines.retained(kept, confidence) if kept else None,
        "saved": "" if scope.get("drawn_once") else lines.saved(kept, confidence),
        "calibrated": reliability.rows(_table(REPORTS / "evaluate/reliability.csv"), params.arms),
        "concluded": lines.differences(concluded, confidence) if concluded else None,
        "elsewhere": elsewhere,
        "one_selection": words.one_selection(compared),
        "meanings": [
            said.replace("real texts", "synthetic texts", 1) if params.select.pool == "synthetic" else said
            for name, said in MEANINGS.items()
            if any(name in used for used in params.arms.values())
        ],
        "no_scores": scope["scope"],
        "skipped": [content.arm_name({"arm": arm, "budget": ""}, params.arms) for arm in scope["skipped_arms"]],
    }


def gather_base_seeds(params: Params, task: Task) -> dict[str, Any]:
    """The runs over several base seeds where they are collected and belong to this run; else why they are not shown."""
    folder = REPORTS / "seeds"
    said = read_json(folder / "scope.json")
    tables = [(REPORTS / "evaluate" / name).read_bytes() for name in ("scores.csv", "comparisons.csv")]
    stale = said["seeds"] and seeds.out_of_date(said, recipe(params, task), params.base.seed, evaluated(*tables))
    if stale or not said["seeds"]:
        return {"shown": False, "stale": stale, "commands": seeds.COMMANDS}
    comparisons = _table(folder / "comparisons.csv")
    return {
        "shown": True,
        "commands": seeds.COMMANDS,
        "seeds": ", ".join(map(str, said["seeds"])),
        "runs": len(said["seeds"]),
        "sentences": seeds.sentences(comparisons, params.arms),
        "arms": seeds.arm_rows(_table(folder / "scores.csv"), params.arms),
        "pairs": seeds.pair_rows(comparisons, params.arms),
        "scope": said["scope"],
    }


def gather_texts() -> dict[str, Any]:
    """Numbers by label and reason, kept and removed texts, each kind in turn, and five borderline pairs."""
    kept = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    removed = read_rows(Path("data/synthetic/removed.jsonl"), Removed)
    plan = [row for _, row in read_lines(Path("data/generated/plan.jsonl"))]
    asked = {row.get("plan_id"): str(row["label"]) for row in plan}
    flow = content.flow(  # by the labels asked for: a person may have given a text another
        [str(row["label"]) for row in plan],
        [replace(row, label=asked.get(row.plan_id, row.label)) for row in kept],
        [replace(row, label=asked.get(row.plan_id, row.label)) for row in removed],
    )
    in_order = sorted(removed, key=lambda row: REASONS.index(row.reason))
    return {
        "flow": flow,
        "fates": content.fates(flow),
        "kept": [
            {"label": row.label, "question": row.question, "text": content.shortened(row.text)}
            for row in content.by_turns(kept, lambda row: str(row.label), MOST_TEXTS)
        ],
        "borderline": content.borderline(removed, kept, 5),
        "removed": [
            {"label": row.label, "question": None, "text": content.shortened(row.text), "why": content.why(row)}
            for row in content.by_turns(in_order, lambda row: row.reason, MOST_TEXTS)
        ],
    }


def gather_checks() -> dict[str, Any]:
    """The validation suite's result, failures first, critical before warning."""
    rows = read_json(REPORTS / "validate/result.json")["expectations"]
    rows = sorted(rows, key=lambda row: (row["success"], row["severity"], row["name"]))
    failed, held = ([row for row in rows if row["success"] is success] for success in (False, True))
    return {"passed": len(held), "total": len(rows), "failed": failed, "held": held}


def gather_selection(params: Params) -> dict[str, Any]:
    """What each strategy ranked, what seed and ties decided, and which labels came of it."""
    metrics = {name: read_json(REPORTS / "select" / name / "metrics.json") for name in params.select.strategies}
    behind, seeds = _table(REPORTS / "arms/texts.csv"), len(params.finetune.seeds)
    return {
        "selection": [
            row for name, found in metrics.items() for row in counts.selection_rows(name, found, behind, params.arms)
        ],
        "budgets": sorted({int(budget) for found in metrics.values() for budget in found["tie_share"]}),
        "selection_notes": counts.selection_notes(metrics, seeds, synthetic=params.select.pool == "synthetic"),
        "several_seeds": any("seed_share" in found for found in metrics.values()),
    }


def gather_plane(params: Params, task: Task, projected: Sequence[Mapping[str, str]]) -> figures.Figure | None:
    """The chosen texts among all others, drawn and as ``reports/report/selection.csv``; None without strategies."""
    names = list(params.select.strategies)
    rankings = {name: read_rows(Path(f"data/selected/{name}.jsonl"), SelectedRow) for name in names}
    rows = [*read_rows(POOL, Row), *read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)]
    questions = {question.id: question.text for question in task.questions}
    seed, budget = params.finetune.seeds[0], _largest(row for rows in rankings.values() for row in rows)
    found = plane.points(projected, rankings, rows, questions, seed, budget)
    columns = ["panel", "kind", "id", "x", "y"]
    write_sheet(REPORTS / "report/selection.csv", columns, ([str(point[name]) for name in columns] for point in found))
    return figures.selection(found) if found else None


def gather_labelling(params: Params, task: Task, comparisons: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The texts to label first, by the strategy that has shown itself; None where no real text was selected."""
    if not params.select.strategies or params.select.pool == "synthetic":
        return None
    strategy, reason = labelling.advised(comparisons, params.arms, list(params.select.strategies))
    path, file = Path(f"data/selected/{strategy}.jsonl"), Path(params.select.labels)
    labels, pool = read_labels(file), read_rows(POOL, Row)
    labelled = {row.id for row in pool if given_to(row, labels)}
    names, seed = params.select.strategies, params.finetune.seeds[0]
    ranked = {name: read_rows(Path(f"data/selected/{name}.jsonl"), SelectedRow) for name in names}
    budget = _largest(ranked[strategy])
    found = labelling.to_label(ranked[strategy], pool, labelled, seed, budget)
    chosen = union(ranked, budget)
    inside = not file.is_absolute() and ".." not in file.parts
    link = quote(f"../{file.as_posix()}") if inside else None
    return {
        **found,
        "simulated": file == ORACLE and bool(labelled),
        "named": file != ORACLE,
        "first": labelling.FIRST,
        "reason": reason,
        "strategy": strategy,
        "task": task.name,
        "unasked": len(pool) - len(labelled),
        "seed": seed,
        "budget": budget,
        "union": len(chosen),
        "answered": len(labelled.intersection(chosen)),
        "people": f"data/labels/{task.name}.jsonl",
        "link": link,
        "file": file.as_posix() if inside else file.name,
        "ranking": path.as_posix(),
    }


def gather_subjectivity(params: Params) -> tuple[dict[str, Any] | None, figures.Figure | None]:
    """The panel's or the annotators' figures, and accuracy by agreement where there are arms and it says something."""
    metrics = read_json(REPORTS / "subjectivity/metrics.json")
    if not metrics.get("texts") and "place" not in metrics:
        return None, None
    measures = ("value", "low", "high", "texts")
    slopes = [
        {"name": content.arm_name(row, params.arms), **row}
        for row in numbers(_table(REPORTS / "evaluate/scores.csv"), "agreement_slope", measures)
    ]
    shown = measured.subjectivity(metrics, slopes)
    who = "the LLM panel" if metrics.get("source") == "llm_panel" else "the annotators"
    bounds = metrics.get("source") == measured.BOUNDS
    points = content.by_agreement(_table(REPORTS / "evaluate/agreement.csv"), params.arms)
    shown["who"] = who
    shown["lines"] = list({point["name"]: point for point in points if point["r2"] is not None}.values())
    return shown, figures.agreement(points, who, bounds=bounds) if points and not shown["worthless"] else None


def numbers(rows: Sequence[Mapping[str, str]], measure: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of one measure, with the columns of these names as numbers."""
    return [{**row, **{name: float(row[name]) for name in names}} for row in rows if row["measure"] == measure]


def _largest(rows: Iterable[SelectedRow]) -> int:
    """The largest budget, in texts."""
    return max((row.budget for row in rows), default=0)


def _table(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    return sheet_rows(path.read_bytes(), path)
