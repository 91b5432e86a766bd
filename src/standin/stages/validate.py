"""validate: check the curated texts with Great Expectations; open the gate, or say what is wrong and exit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import Removed, Row, SyntheticRow, read_json_lines, read_rows, write_json
from standin.curation.lengths import unit_of
from standin.errors import BrokenSuiteError, StandinError
from standin.task import Task, task_path
from standin.validation.columns import make_tables, match, mean_length
from standin.validation.page import render
from standin.validation.result import Verdict, broken_message, describe, failure_message, table, to_result
from standin.validation.run import evaluate
from standin.validation.suite import make_checks

REPORTS = Path("reports/validate")
WRITTEN = ("gate.json", "result.json", "metrics.json", "checks.html")


def check(params: Params, task: Task) -> Verdict:
    """Evaluate every expectation over ``data/synthetic``."""
    kept = read_rows(Path("data/synthetic/texts.jsonl"), SyntheticRow)
    removed = read_rows(Path("data/synthetic/removed.jsonl"), Removed)
    planned = sum(1 for _ in read_json_lines(Path("data/generated/plan.jsonl")))
    real = {split: read_rows(Path(f"data/real/{split}.jsonl"), Row) for split in ("shots", "validation", "test")}
    questions = [question.id for question in task.questions]
    held_out = [*real["validation"], *real["test"]]
    unit = unit_of(task.language)
    matched = match(task.checks.patterns, [row.text or "" for row in kept], str(task_path(task.name)))
    tables = make_tables(task.labels, questions, kept, removed, held_out, real["shots"], unit, matched)
    tuned_by = [*real["shots"], *real["validation"]]  # a person tunes by their length, so never by that of test texts
    mean = mean_length(tuned_by, unit)
    checks = make_checks(params.validation, task.label_names, questions, tables, planned, mean, unit, task.checks)
    return evaluate(tables, checks)


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write result.json, the page and, where nothing critical failed, gate.json; print all checks as a table.

    Raises:
        BrokenSuiteError: a check could not be evaluated: nothing is said of the data.
        StandinError: a critical check failed.
    """
    for name in WRITTEN:  # an earlier success must not outlive a failure
        (REPORTS / name).unlink(missing_ok=True)
    verdict = check(params, task)
    write_json(REPORTS / "result.json", to_result(verdict))
    (REPORTS / "checks.html").write_text(render(verdict, task.name), encoding="utf-8", newline="\n")
    print(table(verdict))  # noqa: T201
    warnings, critical = verdict.failures("warning"), verdict.failures("critical")
    for outcome in warnings:
        print(f"validate: warning: {describe(outcome)}")  # noqa: T201
    if verdict.broken:
        raise BrokenSuiteError(broken_message(verdict.broken))
    if critical:
        raise StandinError(failure_message(critical))
    write_json(REPORTS / "gate.json", {"passed": True})
    passed = sum(outcome.success for outcome in verdict.outcomes)
    print(f"validate: {passed} of {len(verdict.outcomes)} expectations hold; the gate is open")  # noqa: T201
    return {
        "expectations": len(verdict.outcomes),
        "passed": passed,
        "warnings": len(warnings),
        "success": int(verdict.worst is None),
    }
