"""Stage report: one self-contained page from what the other stages left."""

import json
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from standin.config import Params
from standin.corpus import (
    REASONS,
    Removed,
    Row,
    SelectedRow,
    SyntheticRow,
    read_json,
    read_json_lines,
    read_rows,
    write_metrics,
)
from standin.evaluation.recipe import evaluated, recipe
from standin.report import content, counts, figures, labelling, measured, seeds, words
from standin.report.headline import headline, shown_by_dvc
from standin.report.naming import MAJORITY
from standin.report.outcome import outcome
from standin.report.page import render
from standin.sheets import sheet_rows
from standin.task import Task

REPORTS = Path("reports")
OUT = REPORTS / "report.html"
POOL = Path("data/real/pool.jsonl")
MOST_ROWS = 12  # of the figure; where there are more, it shows the largest budget alone


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``reports/report.html``, and the headline figures for MLflow, `standin compare` and DVC."""
    arms = gather_arms(params)
    filled = {
        "task": {
            "name": task.name,
            "title": task.title,
            "description": task.description,
            "questions": len(task.questions),
            "demonstration": task.demonstration,
            "labels": task.label_names,
        },
        "base_seeds": gather_base_seeds(params, task),
        **arms,
        **gather_texts(),
        "generated": generated(params, read_json(REPORTS / "generate/metrics.json")),
        "checks": gather_checks(),
        "diversity": gather_diversity(),
        **gather_selection(params),
        "advised": gather_labelling(params, arms["comparisons"]),
        "held_out": counts.held_out_notes(
            read_json(REPORTS / "prepare/metrics.json"), read_json(REPORTS / "curate/metrics.json")
        ),
        "curated": counts.curation_notes(read_json(REPORTS / "curate/metrics.json")),
        "several_questions": len(task.questions) > 1,
        "made": gather_making(params, task),
        "published": [(name, _plain(value)) for name, value in task.published.items()],
    }
    filled["subjectivity"], agreement = gather_subjectivity(params)
    projected = _table(REPORTS / "diversity/projection.csv")
    shares = filled["diversity"]["shares"]
    drawn = {
        "arms": figures.arms(arms["drawn"], arms["scope"]["confidence"]) if arms["arms"] else None,
        "yardstick": figures.yardstick(shares) if shares else None,
        "projection": figures.projection(projected) if projected else None,
        "agreement": agreement,
    }
    titles = {"arms": "What the classifiers reached", "yardstick": "The synthetic texts against real ones",
              "projection": "Real and synthetic texts in the plane", "agreement": "Accuracy by agreement"}  # fmt: skip
    filled["figures"] = {
        name: figure and {"svg": figures.inline(figure, name, titles[name]), "caption": figure.caption}
        for name, figure in drawn.items()
    }
    compared = [row["arm"] for row in _table(REPORTS / "evaluate/scores.csv")]
    shown = [arm for arm in ("real", "synthetic") if arm in compared] or list(dict.fromkeys(compared))[:2]
    rows = _table(REPORTS / "evaluate/confusion.csv")
    filled["confusion"] = content.confusion_tables(rows, task.label_names, shown, params.arms)
    write_headline(params)
    page = render(filled)
    OUT.write_text(page, encoding="utf-8", newline="\n")
    count = sum(figure is not None for figure in drawn.values())
    print(f"report: {OUT}, {count} figures")  # noqa: T201
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
    """Scores, comparisons, the answer in words, and which arms have not learned."""
    scope = read_json(REPORTS / "evaluate/scope.json")
    scores = _table(REPORTS / "evaluate/scores.csv")
    counted = counts.arm_counts(_table(REPORTS / "arms/texts.csv"))
    scored = [row for row in scores if row["measure"] == "macro_f1"]
    plotted = [
        {"name": content.arm_name(row, params.arms), **{name: float(row[name]) for name in ("value", "low", "high")}}
        for row in scored
    ]
    compared = [
        {**row, **{name: float(row[name]) for name in ("difference", "low", "high")}}
        for row in _table(REPORTS / "evaluate/comparisons.csv")
        if row["measure"] == "macro_f1"
    ]
    for arm in {row["arm"] for row in scores} & set(params.arms):
        trained = read_json(REPORTS / "finetune" / arm / "metrics.json")
        for key in (key for key in counted if key[0] == arm):
            counted[key]["read"] = counts.rows_read(trained, key[1])
    lost = [{**row, "name": content.arm_name(row, params.arms)} for row in _table(REPORTS / "evaluate/learned.csv")]
    names = [content.arm_name(row, params.arms) for row in scored if row["arm"] != MAJORITY]
    unlearned = {(row["arm"], row["budget"]) for row in lost}
    largest = {"", str(max(params.select.budgets, default=""))}
    some = [row["budget"] in largest or len(plotted) <= MOST_ROWS for row in scored]
    return {
        "scope": scope,
        "drawn": list(compress(plotted, some)),
        "not_drawn": some.count(False),
        "arms": content.arm_rows(scores, params.arms, counted),
        "comparisons": compared,
        "differences": [
            {
                **row,
                "a": content.arm_name({**row, "arm": row["arm_a"]}, params.arms),
                "b": content.arm_name({**row, "arm": row["arm_b"]}, params.arms),
            }
            for row in compared
        ],
        "outcome": outcome(scored, compared, counted, params.arms, unlearned),
        "unlearned": words.not_learned(lost, plotted, names),
        "answer": words.answer(compared, params.arms, list(params.select.strategies)),
        "no_scores": scope["scope"],
        "skipped": [(arm, "it has no rows to train on") for arm in scope["skipped_arms"]],
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
        "sentences": seeds.sentences(comparisons, params.arms),
        "arms": seeds.arm_rows(_table(folder / "scores.csv"), params.arms),
        "pairs": seeds.pair_rows(comparisons, params.arms),
        "scope": said["scope"],
    }


def gather_texts() -> dict[str, Any]:
    """Numbers by label and reason, ten kept texts, up to three removed texts a reason, and five borderline pairs."""
    kept = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    removed = read_rows(Path("data/synthetic/removed.jsonl"), Removed)
    planned = [str(row["label"]) for _, row in read_json_lines(Path("data/generated/plan.jsonl"))]
    by_reason = [[row for row in removed if row.reason == reason] for reason in REASONS]
    return {
        "flow": content.flow(planned, kept, removed),
        "kept": content.spread(kept, 10),
        "borderline": content.borderline(removed, kept, 5),
        "removed": [
            {"label": row.label, "text": row.text, "why": content.why(row)}
            for rows in by_reason
            for row in content.spread(rows, 3)
        ],
    }


def generated(params: Params, metrics: Mapping[str, Any]) -> str:
    """One sentence on tokens and on what parsing changed; recorded texts were asked of nobody here."""
    changes = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in metrics["changes"].items()) or "none"
    if params.generator.engine == "replay":
        return f"The texts were recorded elsewhere and read from a file; changed while parsing: {changes}."
    labels = ", ".join(
        f"{label} {found['tokens_in']:,} and {found['tokens_out']:,}" for label, found in metrics["per_label"].items()
    )
    return (
        f"{metrics['tokens_in']:,} prompt tokens and {metrics['tokens_out']:,} written ones ({labels}); "
        f"{metrics['cut_by_length']} answers ended at the token limit; changed while parsing: {changes}."
        f"{words.reasoned(metrics)}{words.unseeded(metrics)}"
    )


def gather_checks() -> dict[str, Any]:
    """The validation suite's result, failures first, critical before warning."""
    rows = read_json(REPORTS / "validate/result.json")["expectations"]
    rows = sorted(rows, key=lambda row: (row["success"], row["severity"], row["name"]))
    failed, held = ([row for row in rows if row["success"] is success] for success in (False, True))
    return {"passed": len(held), "total": len(rows), "failed": failed, "held": held}


def gather_diversity() -> dict[str, Any]:
    """Spread, redundancy and similarity."""
    return measured.diversity(read_json(REPORTS / "diversity/metrics.json"))


def gather_selection(params: Params) -> dict[str, Any]:
    """What each strategy ranked, what seed and ties decided, and which labels came of it."""
    metrics = {name: read_json(REPORTS / "select" / name / "metrics.json") for name in params.select.strategies}
    counted, seeds = _table(REPORTS / "arms/texts.csv"), len(params.finetune.seeds)
    return {
        "selection": [
            row for name, found in metrics.items() for row in counts.selection_rows(name, found, counted, params.arms)
        ],
        "budgets": params.select.budgets,
        "selection_notes": counts.selection_notes(metrics, seeds),
        "several_seeds": seeds > 1,
    }


def gather_labelling(params: Params, comparisons: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The texts to label first, by the strategy that has shown itself; None where nothing was selected."""
    if not params.select.strategies:
        return None
    strategy, reason = labelling.advised(comparisons, params.arms, list(params.select.strategies))
    path, file = Path(f"data/selected/{strategy}.jsonl"), Path(params.select.labels)
    labelled = {row.id for row in read_rows(file, Row) if row.label is not None}
    seed, budget = params.finetune.seeds[0], max(params.select.budgets)
    found = labelling.to_label(read_rows(path, SelectedRow), read_rows(POOL, Row), labelled, seed, budget)
    inside = not file.is_absolute() and ".." not in file.parts
    link = quote(f"../{file.as_posix()}") if inside else None
    return {**found, "strategy": strategy, "reason": reason, "seed": seed, "budget": budget, "link": link,
            "file": file.as_posix() if inside else file.name, "ranking": path.as_posix()}  # fmt: skip


def gather_subjectivity(params: Params) -> tuple[dict[str, Any] | None, figures.Figure | None]:
    """The panel's or the annotators' figures, and accuracy by agreement where there are arms and it says something."""
    metrics = read_json(REPORTS / "subjectivity/metrics.json")
    if not metrics.get("texts") and "place" not in metrics:
        return None, None
    slopes = [
        {"name": content.arm_name(row, params.arms), "texts": int(row["texts"])}
        | {name: float(row[name]) for name in ("value", "low", "high")}
        for row in _table(REPORTS / "evaluate/scores.csv")
        if row["measure"] == "agreement_slope"
    ]
    shown = measured.subjectivity(metrics, slopes)
    who = "the LLM panel" if metrics.get("source") == "llm_panel" else "the annotators"
    points = [
        {
            "name": content.arm_name(row, params.arms),
            "gamma": float(row["gamma"]),
            "accuracy": float(row["accuracy"]),
            "texts": int(row["texts"]),
        }
        for row in _table(REPORTS / "evaluate/agreement.csv")
        if row["accuracy"]
    ]
    shown["who"] = who
    return shown, figures.agreement(points, who) if points and not shown["worthless"] else None


def gather_making(params: Params, task: Task) -> dict[str, Any]:
    """Model, prompts and training in names a reader knows."""
    made, tuned = params.generator, params.finetune
    real = read_json(REPORTS / "prepare/metrics.json")["real_texts"]
    written = read_json(REPORTS / "generate/metrics.json")
    recorded = made.engine == "replay"
    model = Path(made.model).name if recorded or Path(made.model).is_absolute() else made.model
    rows = [
        *([("Synthetic texts", f"recorded elsewhere, read from {model}")] if recorded else _asked(params, model)),
        ("Real texts", ", ".join(f"{split} {count}" for split, count in real.items() if count)),
        ("Classifier", f"{tuned.encoder}, {tuned.epochs:g} passes over the texts ({tuned.min_steps} to "
                       f"{tuned.max_steps} steps of {tuned.batch}), learning rate {tuned.learning_rate:g}, "
                       f"{tuned.frozen_layers} lower layers frozen"
                       + (", from a linear probe" if tuned.probe else "")
                       + f", {tuned.pooling} pooling" + (", class weights" if tuned.class_weights else "")),
        ("Seeds", f"splits, plan and generation {params.base.seed}; training {', '.join(map(str, tuned.seeds))}"),
    ]  # fmt: skip
    tokens = {} if recorded else {"in": written["tokens_in"], "out": written["tokens_out"]}
    return {"rows": rows, "recorded": recorded, "shots": made.shots, "model": model, "seed": params.base.seed,
            "tokens": tokens, "pool": real.get("pool", 0)}  # fmt: skip


def _asked(params: Params, model: str) -> list[tuple[str, str]]:
    """The generator as it was asked, where a model wrote the texts here."""
    made = params.generator
    fields = {"temperature": made.temperature, "top-p": made.top_p, "most tokens": made.max_tokens}
    sampled = ", ".join(f"{name} {'as the server has it' if v is None else v}" for name, v in fields.items())
    chat = (f"{made.conversation} texts a chat, a diversity turn every {made.diversity_every}"
            if made.conversation > 1 else "one text a chat")  # fmt: skip
    shots = f"{made.shots} example{'' if made.shots == 1 else 's'}" if made.shots else "no examples"
    return [
        ("Generator", f"{model} ({made.engine}, {made.dtype})"),
        ("Sampling", sampled + (f", bound to the pattern {made.pattern}" if made.pattern else "")),
        ("Prompts", f"{shots}, {chat}"),
    ]


def _table(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    return sheet_rows(path.read_bytes(), path)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
