"""What a validation found, for people and for files: no ids of batches, no times, the same bytes for the same data."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from standin.errors import visible

Severity = Literal["critical", "warning"]
NAMED = 3
"""Ids named in a message; Data Docs count the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation: ``expectation`` is the class of Great Expectations that is asked, with ``arguments``.

    ``says`` is what must hold, in words; ``advice`` what to do where it does not; ``unit`` how numbers are written.
    """

    name: str
    table: Literal["texts", "plan", "labels"]
    severity: Severity
    says: str
    advice: str
    expectation: str
    arguments: Mapping[str, Any]
    unit: Literal["texts", "rows", "labels", "words", "characters", "share"] = "texts"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found.

    ``observed`` is a number: the aggregate, or how many rows fail. ``places`` are ids or labels of failing rows, the
    first few. ``crash`` is the library's message where the check could not be evaluated: not a fault of the data.
    """

    check: Check
    success: bool
    observed: float | int | None
    places: tuple[str, ...] = ()
    crash: str | None = None

    @property
    def severity(self) -> Severity:
        """A check that could not be evaluated proves nothing, so it is critical."""
        return "critical" if self.crash is not None else self.check.severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """All outcomes, ordered by name, and the worst severity among the failures."""

    outcomes: tuple[Outcome, ...]
    worst: Severity | None

    def failures(self, severity: Severity) -> list[Outcome]:
        """The failed checks of one severity."""
        return [outcome for outcome in self.outcomes if not outcome.success and outcome.severity == severity]


def to_result(verdict: Verdict) -> dict[str, Any]:
    """The content of ``result.json``: numbers only, ordered by the checks' names."""
    return {
        "success": verdict.worst is None,
        "worst_failure": verdict.worst,
        "expectations": [
            {
                "name": outcome.check.name,
                "table": outcome.check.table,
                "says": outcome.check.says,
                "expectation": outcome.check.expectation,
                "column": outcome.check.arguments.get("column"),
                "bound": {key: value for key, value in outcome.check.arguments.items() if key != "column"},
                "severity": outcome.severity,
                "success": outcome.success,
                "crashed": outcome.crash is not None,
                "observed": outcome.observed,
            }
            for outcome in verdict.outcomes
        ],
    }


def describe(outcome: Outcome) -> str:
    """One failed check as a person reads it: what must hold, what was found, what to do."""
    check = outcome.check
    if outcome.crash is not None:
        return f"{check.name} could not be evaluated: {outcome.crash}. This is no fault of the data: please report it."
    return f"{check.says[0].upper()}{check.says[1:]}; found {_found(outcome)}. {check.advice}"


def _found(outcome: Outcome) -> str:
    if outcome.observed is None:
        return "nothing to measure"
    if outcome.check.unit == "share":
        return f"{outcome.observed:.1%}"
    unit = outcome.check.unit.removesuffix("s") if outcome.observed == 1 else outcome.check.unit
    number = f"{outcome.observed:.3g}" if isinstance(outcome.observed, float) else str(outcome.observed)
    named = ", ".join(visible(html.unescape(place)) for place in outcome.places[:NAMED])
    more = ", ..." if len(outcome.places) > NAMED else ""
    return f"{number} {unit}" + (f" ({named}{more})" if named else "")


def failure_message(failures: Sequence[Outcome]) -> str:
    """The error of a closed gate."""
    number = "one check" if len(failures) == 1 else f"{len(failures)} checks"
    lines = [f"the synthetic data failed {number}, so nothing is trained on it:"]
    lines += [f"- {describe(outcome)}" for outcome in failures]
    lines.append("All checks: reports/validate/result.json; as pages: reports/validate/data_docs/index.html")
    return "\n".join(lines)
