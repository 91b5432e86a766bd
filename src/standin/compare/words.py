"""What the terminal and the page say alike: cells, sentences, and the comparison as JSON values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from standin.compare.contrasts import CLEAR, ONE_SELECTION, SAME, UNLEARNED, Contrast
from standin.compare.rows import FIGURES, Comparison, Row
from standin.compare.states import CODE, Score
from standin.errors import visible
from standin.evaluation.base_seeds import FEW, reach
from standin.report.words import decimal
from standin.tracking.trees import redact

MOST = 40  # characters of a parameter's value
TASK = "base.task"
MARKS = {"higher": " ▲", "lower": " ▼"}


def setting(name: str, value: Any) -> str:
    """A parameter as `-S` takes it; one that the experiment lacks is said to be absent."""
    if value is None:
        return f"{name} absent or null"
    said = visible(redact(str(value))).replace("\n", " ")
    return f"{name}={said if len(said) <= MOST else said[: MOST - 1] + '…'}"


def settings(row: Row, first: bool) -> list[str]:
    """What makes a row another one than the baseline, or the baseline another one than the other rows."""
    said = [
        f"another task, {value}" if name == TASK and not first else setting(name, value)
        for name, value in row.changed.items()
        if not (first and name == CODE)
    ]
    if len(row.runs) > 1:
        said.append(f"base seeds {', '.join(sorted(str(run.seed) for run in row.runs))}")
    return said


def score(found: Score | None, digits: int = 2) -> str:
    """A figure with the longer side of its interval: ``0.70 ±0.05``; a whole number as it is; nothing as a dash."""
    if found is None:
        return "–"  # noqa: RUF001
    if found.low is None or found.high is None:
        return f"{found.value:g}" if found.value == int(found.value) else decimal(found.value, digits)
    side = max(found.high - found.value, found.value - found.low)  # they differ where a bound is 0 or 1
    return f"{decimal(found.value, digits)} ±{side:.{digits}f}"


def marked(row: Row, arm: str) -> str:
    """An arm's score, with a triangle where it is clearly other than the baseline's."""
    one = next((found for found in row.contrasts if found.arm == arm), None)
    return score(row.scores.get(arm)) + (MARKS.get(one.verdict, "") if one else "")


def contrast(one: Contrast) -> str:
    """A difference with its interval: ``+0.052 (+0.010 to +0.094)``."""
    said = decimal(one.difference, sign="+")
    if one.low is None or one.high is None:
        return said
    return f"{said} ({decimal(one.low, sign='+')} to {decimal(one.high, sign='+')})"


def verdicts(row: Row) -> Iterator[tuple[str, str]]:
    """What is said of a row's arms: (arm, what) for each clear difference, then one pair for all arms without one."""
    for one in row.contrasts:
        if one.verdict in CLEAR:
            yield one.arm, f"{one.verdict} by {contrast(one)}"
    rest = {
        "no difference": "no difference beyond the noise",
        UNLEARNED: "an arm has not learned, so nothing is concluded",
        ONE_SELECTION: "other texts were chosen, once for all seeds, so nothing is concluded",
        "no verdict": "no interval, as no two runs differ",
        SAME: SAME,
    }
    for verdict, said in rest.items():
        if arms := [one.arm for one in row.contrasts if one.verdict == verdict]:
            yield ", ".join(arms), said
    if row.reason:
        yield "", f"not compared: {row.reason}" if not row.contrasts else row.reason


def scope(compared: Comparison) -> list[str]:
    """What the intervals and verdicts speak of."""
    said = [f"± is half a {compared.confidence:.0%} interval."]
    single, several = any(len(row.runs) == 1 for row in compared.rows), any(len(row.runs) > 1 for row in compared.rows)
    if single:
        said.append(
            "One run's interval is over training seeds and test texts: it speaks of this data set and this draw of "
            "texts, not of the method."
        )
    if several:
        said.append("Rows over several base seeds hold means with t intervals over the runs: they speak of the method.")
    fewest = min((len(row.runs) for row in compared.rows if len(row.runs) > 1), default=FEW)
    if fewest < FEW:
        few, three = (f"{reach(runs, compared.confidence):.1f}" for runs in (fewest, FEW))
        said.append(
            f"{fewest} runs say little: their intervals reach {few} standard errors, those of {FEW} runs {three}."
        )
    if compared.tested:
        said.append(
            "Differences are paired, by test text and training seed or by base seed; verdicts are Holm's over all "
            f"that were tested ({compared.tested})."
        )
    return said


def lacking(compared: Comparison) -> list[str]:
    """What was left out, and how to bring data that is not here."""
    first = compared.rows[0]
    said = [f"{first.name} has no results to show: {first.note}."] if first.note and not first.scores else []
    said += [*compared.twins, *_other_sizes(compared), *_other_labels(compared)]
    if any("cache here" in row.reason for row in compared.rows):
        said.append("`dvc exp apply NAME` and `dvc pull` bring an experiment's data where it was pushed.")
    if any(row.reason.startswith("the baseline's") for row in compared.rows):
        said.append("`--baseline workspace`, or an experiment's name, compares with results that are here.")
    return said


def _other_labels(compared: Comparison) -> Iterator[str]:
    """That macro-F1 goes over other labels than the baseline's."""
    scored = {run.name: list((run.params.get("evaluate") or {}).get("scored_labels") or [])
              for row in compared.rows for run in row.runs}  # fmt: skip
    first = scored[compared.rows[0].runs[0].name]
    if others := [name for name, labels in scored.items() if labels != first]:
        yield (
            f"macro-F1 of {', '.join(others)} goes over other labels than the baseline's (evaluate.scored_labels): the "
            "columns do not compare."
        )


def _other_sizes(compared: Comparison) -> Iterator[str]:
    """That Chamfer was taken over other numbers of texts, where it was; earlier versions did not keep theirs."""
    ratio, size = FIGURES["chamfer"][0], "chamfer_texts"
    runs = [run for row in compared.rows for run in row.runs if ratio in run.figures]
    sizes = {
        run.name: f"{run.figures[size].value:g} texts" if size in run.figures else "a number not kept" for run in runs
    }
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {number}" for name, number in sizes.items())
        yield f"chamfer is over subsets of other sizes ({said}), on which it depends: it tells no difference here."


def as_json(compared: Comparison) -> dict[str, Any]:
    """All that is known of every row, as JSON values."""
    return {
        "baseline": compared.rows[0].runs[0].name,
        "confidence": compared.confidence,
        "tested": compared.tested,
        "scope": " ".join(scope(compared)),
        "left_out": compared.twins,
        "rows": [_row(row) for row in compared.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.runs[0].name,
        "runs": [{"name": run.name, "rev": run.rev, "base_seed": run.seed} for run in row.runs],
        "task": row.runs[0].task_name,
        "changed": dict(row.changed),
        "macro_f1": {arm: _score(found) for arm, found in row.scores.items()},
        "figures": {FIGURES[heading][0]: _score(found) for heading, found in row.figures.items()},
        "differences": [
            {"arm": one.arm, "over": one.over, "difference": _rounded(one.difference), "low": _rounded(one.low),
             "high": _rounded(one.high), "p": one.p, "p_holm": one.holm, "verdict": one.verdict}
            for one in row.contrasts
        ],
        "note": row.reason or row.note,
    }  # fmt: skip


def _score(found: Score) -> Mapping[str, float | None]:
    return {"value": _rounded(found.value), "low": _rounded(found.low), "high": _rounded(found.high)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0


def columns(compared: Comparison) -> Sequence[str]:
    """The headline figures that any row has."""
    return [heading for heading in FIGURES if any(heading in row.figures for row in compared.rows)]
