"""Who agrees with the asked labels? data/translated/texts.jsonl -> data/judged/texts.jsonl."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import Row, SyntheticRow, read_rows, write_json_lines
from standin.errors import counted
from standin.task import Task

TEXTS = Path("data/translated/texts.jsonl")
SHOTS = Path("data/real/shots.jsonl")
JUDGED = Path("data/judged/texts.jsonl")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Judge the generated texts as ``verify.by`` says; no judge: an empty file."""
    if params.verify.by == "none":
        write_json_lines(JUDGED, [])
        print("verify: no judge (verify.by: none)")  # noqa: T201
        return {"judged_texts": 0}
    from standin.curation.verification import agreement

    rows = read_rows(TEXTS, SyntheticRow)
    shots = read_rows(SHOTS, Row)
    judge = _by_classifier if params.verify.by == "classifier" else _by_llm
    judgements, on_shots = judge(params, task, rows, shots)
    write_json_lines(JUDGED, (asdict(found) for found in judgements))
    found = agreement(judgements, task.label_names)
    metrics: dict[str, Any] = {"judged_texts": found.texts}
    if found.overall is not None:
        metrics["judge_agreement"] = found.overall
        metrics["judge_agreement_by_label"] = {k: v for k, v in found.per_label.items() if v is not None}
    if on_shots is not None:
        metrics["judge_accuracy_on_shots"] = on_shots
    _say(params, metrics)
    return metrics


def _by_classifier(
    params: Params, task: Task, rows: Sequence[SyntheticRow], shots: Sequence[Row]
) -> tuple[list[Any], float | None]:
    from standin.curation.verification import accuracy_on_shots, judge_by_classifier
    from standin.measures.embeddings import read_embeddings

    taught = read_embeddings(Path("data/embeddings/real")).of([row.id for row in shots])
    asked = read_embeddings(Path("data/embeddings/generated")).of([row.id for row in rows])
    judgements = judge_by_classifier(rows, asked, shots, taught, task.label_names)
    return judgements, accuracy_on_shots(shots, taught, task.label_names)


def _by_llm(
    params: Params, task: Task, rows: Sequence[SyntheticRow], shots: Sequence[Row]
) -> tuple[list[Any], float | None]:
    from standin.curation.verification import agreement, judge_by_llm
    from standin.engines.registry import load

    given, batch = params.verify, params.runtime.batch
    engine = load(given.engine, given.model, given.revision, given.dtype, params.runtime)
    judgements = judge_by_llm(rows, engine, task.prompts, task.label_names, batch)
    on_shots = judge_by_llm(shots, engine, task.prompts, task.label_names, batch)
    return judgements, agreement(on_shots, task.label_names).overall


def _say(params: Params, metrics: Mapping[str, Any]) -> None:
    trust = metrics.get("judge_accuracy_on_shots")
    print(  # noqa: T201
        f"verify: {counted(metrics['judged_texts'], 'text')} judged by {params.verify.by}, "
        f"{metrics.get('judge_agreement', 0):.1%} as asked"
        + (f"; on real shots the judge is right in {trust:.1%}" if trust is not None else "")
    )
