"""Scores of every arm with intervals, paired comparisons, curves over budgets, and accuracy by agreement."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import Prediction, Row, read_json_lines, read_rows, write_metrics
from standin.errors import StandinError, counted, nearest
from standin.evaluation.calibration import Calibration, calibrations
from standin.evaluation.family import Entry
from standin.evaluation.results import evaluate
from standin.evaluation.summaries import TABLES, Cells, metrics, scope, table_rows
from standin.evaluation.tables import csv_text
from standin.ingredients import answerer, drawn_once
from standin.task import Task

TEST = Path("data/real/test.jsonl")
AGREEMENT = Path("data/agreement/agreement.jsonl")
ORACLE = Path("data/real/oracle.jsonl")
ZEROSHOT = Path("data/zeroshot/predictions.jsonl")
REPORTS = Path("reports/evaluate")
NO_PROBABILITIES: dict[str, float] = {}


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write the tables of ``reports/evaluate``; returns scores and bounds per arm, and per budget where several."""
    test = read_rows(TEST, Row)
    for label in params.evaluate.scored_labels:
        if label not in task.label_names:
            raise StandinError(f"params.yaml: evaluate.scored_labels: {label!r}: {nearest(label, task.label_names)}")
    truth = {(row.question_id, row.id): row.label for row in test}
    read: dict[str, list[Prediction]] = {}
    calibrated: dict[Entry, Calibration] = {}
    for arm in params.arms:
        rows = _said(arm, params)
        calibrated |= calibrations(rows, truth)
        read[arm] = [replace(row, p=NO_PROBABILITIES) for row in rows]  # more than half of the memory, and read
    predictions = {arm: rows for arm, rows in read.items() if rows}
    counts = {"arms": len(predictions), "skipped_arms": [arm for arm in read if arm not in predictions]}
    if not predictions or not test:
        _write({}, {**counts, "comparisons": 0, "scope": "There are no predictions on labelled test texts."})
        print("evaluate: no predictions on labelled test texts, so no scores")  # noqa: T201
        return {"evaluated_arms": 0}
    labels, seeds = task.label_names, params.finetune.seeds
    agreement, source = _agreement(test)
    people, selected = Path(params.select.labels) != ORACLE, params.select.pool == "real"
    once = {arm: drawn_once(names, selected=selected) for arm, names in params.arms.items()} if people else None
    result = evaluate(predictions, test, labels, seeds, params.evaluate, agreement, params.arms, once)
    compared = result.comparisons["macro_f1"]
    said = scope(result)
    lost = list(dict.fromkeys(result.entries[one.place].arm for one in result.unlearned))
    _write(
        table_rows(result, labels, source, calibrated),
        {
            **counts,
            "comparisons": len(compared),
            "confidence": result.confidence,
            "questions": sum(question is not None for question in result.texts),
            "references": result.references,
            "resamples": result.resamples,
            "scope": said,
            "seeds": list(seeds),
            "texts": sum(result.texts.values()),
            "unlearned_arms": lost,
            **({"agreement_source": source} if source else {}),
            **({"drawn_once": result.drawn_once} if result.drawn_once else {}),
        },
    )
    clear = sum(one.verdict_holm in {"higher", "lower"} for one in compared)
    if withheld := sum(one.verdict_holm == "one selection" for one in compared):
        said = f"{counted(withheld, 'difference')} between arms whose texts were chosen differently"
        print(f"evaluate: one selection for all seeds, so no verdict on {said}")  # noqa: T201
    if lost:
        print(f"evaluate: not learned, so nothing is concluded from {', '.join(lost)}")  # noqa: T201
    print(  # noqa: T201
        f"evaluate: {len(predictions)} of {len(read)} arms; {clear} of {len(compared)} differences in macro-F1 are "
        "clear of 0 after Holm's correction"
    )
    return metrics(result)


def _said(arm: str, params: Params) -> list[Prediction]:
    """An arm's answers; those of the LLM, which has no seed, stand for each seed."""
    if answerer(params.arms[arm]) != "llm":
        return read_rows(Path(f"data/predictions/{arm}.jsonl"), Prediction)
    rows = read_rows(ZEROSHOT, Prediction)
    return [replace(row, arm=arm, seed=seed) for seed in params.finetune.seeds for row in rows]


def _agreement(test: list[Row]) -> tuple[dict[str, float], str | None]:
    """Agreement of test texts by id, and whose it is. Raises StandinError for an id that is none of them.

    Of lower bounds (source ``agreement_bands``) the texts at a gamma are those known to reach it: there may be more.
    """
    ids = {row.id for row in test}
    source = None
    found: dict[str, float] = {}
    for line, value in read_json_lines(AGREEMENT):
        if value.get("id") not in ids:
            raise StandinError(
                f"{AGREEMENT}, line {line}: id {value.get('id')!r} is not in {TEST}. Run `dvc repro subjectivity`."
            )
        found[value["id"]] = float(value["agreement"])
        source = str(value.get("source"))
    return found, source


def _write(rows: Mapping[str, list[Cells]], said: Mapping[str, Any]) -> None:
    REPORTS.mkdir(parents=True, exist_ok=True)
    for name, columns in TABLES.items():
        (REPORTS / f"{name}.csv").write_text(csv_text(columns, rows.get(name, [])), encoding="utf-8", newline="\n")
    write_metrics(REPORTS / "scope.json", said)
