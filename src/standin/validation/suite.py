"""The suite: the checks of ``suite.yaml`` with the bounds of params.yaml put in, and those of the task's own.

Critical checks are invariants (ids, sums, known labels, no leakage), which no parameter turns off, and what a person
bounds. Warnings are what a person should look at and a good data set may show.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from standin.bounds import Checks, Number, Share, Validate
from standin.checked import read_yaml
from standin.corpus import REASONS
from standin.curation.lengths import Unit
from standin.errors import visible
from standin.validation.columns import NO_QUESTION, OWN, Tables
from standin.validation.result import Check

LENGTH_RATIO = 2.0
"""The mean length of synthetic texts may be up to twice or down to half of the real texts' before the warning."""
ALONE = re.compile(r"\{(\w+)\}")
LONGEST = 80
"""Characters of a pattern that a check's sentence shows."""


def make_checks(
    bounds: Validate,
    labels: Sequence[str],
    questions: Sequence[str],
    tables: Tables,
    planned: int,
    real_length: float | None,
    unit: Unit = "words",
    own: Checks | None = None,
) -> list[Check]:
    """All checks that the tables can answer; ones over no row at all are left out, as they would hold or fail idly.

    Args:
        bounds: the group ``validate``.
        labels: the task's label names.
        questions: the ids of its questions; none in a task without questions.
        tables: the columns to check.
        planned: number of planned rows.
        real_length: mean length of the real texts of shots and validation, or None where there are none.
        unit: what lengths are counted in.
        own: the task's own checks.
    """
    least, most = bounds.lengths(unit)
    texts = bool(tables.texts["id"])
    mean = real_length or 0.0
    values = bounds.model_dump() | {
        "planned": planned,
        "labels": list(labels),
        "labels_named": ", ".join(labels),
        "questions": list(questions) or [NO_QUESTION],
        "questions_say": "every text must belong to a question of the task" if questions else "no text has a question",
        "fates": ["kept", *REASONS],
        "reasons_named": ", ".join(REASONS),
        "unit": unit,
        "least": least,
        "most": most,
        "own": OWN[unit],
        "mean_real": mean,
        "mean_least": round(mean / LENGTH_RATIO, 6),
        "mean_most": round(mean * LENGTH_RATIO, 6),
    }
    there = {
        None: True,
        "texts": texts,
        "plan": bool(tables.plan["id"]),
        "judged": any(agrees is not None for agrees in tables.plan["judged_agrees"]),
        "real": texts and real_length is not None,
    }
    entries = read_yaml(Path(__file__).with_name("suite.yaml"))
    checks = [Check(**filled({k: v for k, v in entry.items() if k != "needs"}, values)) for entry in entries
              if there[entry.get("needs")]]  # fmt: skip
    return [*checks, *own_checks(own or Checks(), labels, unit, texts)]


def filled(entry: Any, values: Mapping[str, Any]) -> Any:
    """An entry of the suite with its braces filled; braces that are a whole text give the value in its own kind."""
    if isinstance(entry, str):
        alone = ALONE.fullmatch(entry)
        return values[alone[1]] if alone else entry.format_map(values)
    if isinstance(entry, dict):
        return {key: filled(value, values) for key, value in entry.items()}
    return entry


def own_checks(own: Checks, labels: Sequence[str], unit: Unit, texts: bool) -> Iterator[Check]:
    """The task's own checks, each called after its key in the task file."""
    if own.length is not None and texts:
        yield _own("length", "texts", unit, own.length, f"every text {{}} have {_said(own.length)} {unit}", "texts")
    if own.texts_per_label is not None:
        said = f"every label of every question {{}} have {_said(own.texts_per_label)} texts"
        yield _own("texts_per_label", "labels", "texts", own.texts_per_label, said, "labels")
    for label, share in own.label_shares.items():
        said = f"of the texts of a question {_said(share)} {{}} have the label {label}"
        column = f"share_{labels.index(label)}"
        yield _own(f"label_shares.{label}", "labels", column, share, said, "labels")
    for name, pattern in own.patterns.items() if texts else ():
        said = f"{_said(pattern)} of the texts {{}} match {name} ('{_written(pattern.pattern)}')"
        yield _own(f"patterns.{name}", "texts", f"pattern_{name}", pattern, said, "share")


def _own(key: str, table: Any, column: str, bound: Number | Share, says: str, unit: Any) -> Check:
    arguments = {"min_value": bound.min, "max_value": bound.max}
    return Check(
        name=f"checks.{key}",
        table=table,
        severity=bound.severity,
        says=says.replace("{}", "must" if bound.severity == "critical" else "should", 1),
        advice=f"See data/synthetic/texts.jsonl; mend the prompts, or change checks.{key} in the task file.",
        expectation="ExpectColumnMeanToBeBetween" if unit == "share" else "ExpectColumnValuesToBeBetween",
        arguments={"column": column} | {name: value for name, value in arguments.items() if value is not None},
        unit=unit,
    )


def _written(pattern: str) -> str:
    """A pattern as it is written, in one line; of a long one the beginning."""
    line = visible(pattern.replace("\n", "\\n").replace("\t", "\\t"))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _said(bound: Number | Share) -> str:
    least, most = (None if end is None else f"{end:.1%}" if isinstance(bound, Share) else f"{end}"
                   for end in (bound.min, bound.max))  # fmt: skip
    if least is None or most is None:
        return f"at most {most}" if least is None else f"at least {least}"
    return f"{least} to {most}"
