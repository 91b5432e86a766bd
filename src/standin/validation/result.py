"""What a validation found, for people and for files: no ids of batches, no times, the same bytes for the same data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from standin.bounds import Severity
from standin.errors import visible

NAMED = 3
"""Ids named in a message; the page names more."""
PAGE = "reports/validate/checks.html"


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

    @property
    def counts(self) -> bool:
        """Whether the number found is that of rows which fail, and not an aggregate."""
        return self.expectation.startswith(("ExpectColumnValues", "ExpectColumnDistinct"))

    @property
    def bound(self) -> str:
        """The bound as a person reads it: ``3 to 150``, ``at most 30.0%``; a dash where it is no number."""
        kept = self.arguments
        if "value" in kept:
            return str(kept["value"])
        least, most = (self._end(kept[key]) if key in kept else None for key in ("min_value", "max_value"))
        if least is not None and most is not None:
            return f"{least} to {most}"
        return f"at least {least}" if least is not None else f"at most {most}" if most is not None else "-"

    def _end(self, value: float) -> str:
        if self.unit == "share" or str(self.arguments.get("column")).startswith("share_"):
            return f"{value:.1%}"
        return f"{value:.4g}" if isinstance(value, float) else str(value)


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

    @property
    def found(self) -> str:
        """The number found with its unit: ``1 text``, ``12.5%``."""
        if self.crash is not None:
            return "not evaluated"
        if self.observed is None:
            return "nothing to measure"
        if self.check.unit == "share":
            return f"{self.observed:.1%}"
        number = f"{self.observed:.3g}" if isinstance(self.observed, float) else str(self.observed)
        return f"{number} {self.check.unit.removesuffix('s') if self.observed == 1 else self.check.unit}"

    @property
    def said(self) -> str:
        """The same beside a bound: that of rows which fail says so."""
        if self.crash is not None or not self.check.counts:
            return self.found
        return "all hold" if self.success else f"{self.found} {'fails' if self.observed == 1 else 'fail'}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All outcomes, ordered by name."""

    outcomes: tuple[Outcome, ...]

    @property
    def worst(self) -> Severity | None:
        """The worst severity among the failures."""
        failed = {outcome.severity for outcome in self.outcomes if not outcome.success}
        return "critical" if "critical" in failed else "warning" if failed else None

    @property
    def broken(self) -> list[Outcome]:
        """The checks that could not be evaluated."""
        return [outcome for outcome in self.outcomes if outcome.crash is not None]

    def failures(self, severity: Severity) -> list[Outcome]:
        """The failed checks of one severity."""
        return [outcome for outcome in self.outcomes if not outcome.success and outcome.severity == severity]

    def in_order(self) -> list[Outcome]:
        """Failures first, critical before warnings, those that could not be evaluated before all."""
        return sorted(self.outcomes, key=lambda one: (one.success, one.crash is None, one.severity, one.check.name))


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
        return f"{check.name} could not be evaluated: {outcome.crash}"
    named = ", ".join(visible(place) for place in outcome.places[:NAMED])
    more = ", ..." if len(outcome.places) > NAMED else ""
    places = f" ({named}{more})" if named else ""
    return f"{check.says[0].upper()}{check.says[1:]}; found {outcome.found}{places}. {check.advice}"


def failure_message(failures: Sequence[Outcome]) -> str:
    """The error of a closed gate."""
    number = "one check" if len(failures) == 1 else f"{len(failures)} checks"
    lines = [f"the synthetic data failed {number}, so nothing is trained on it:"]
    lines += [f"- {describe(outcome)}" for outcome in failures]
    lines.append(f"All checks: {PAGE}")
    return "\n".join(lines)


def broken_message(broken: Sequence[Outcome]) -> str:
    """The error where checks could not be evaluated."""
    number = "one check" if len(broken) == 1 else f"{len(broken)} checks"
    lines = [f"the suite is broken: {number} could not be evaluated, which says nothing of the data:"]
    lines += [f"- {describe(outcome)}" for outcome in broken]
    lines.append(
        f"The gate stays closed. Installed versions may not fit (`standin doctor`); else please report it, with {PAGE}"
    )
    return "\n".join(lines)


def table(verdict: Verdict, width: int = 80) -> str:
    """All checks as lines of at most ``width`` columns, failures first: result, severity, check, bound, found."""
    from rich.cells import cell_len, set_cell_size

    rows = [("", "severity", "check", "bound", "found")]
    for one in verdict.in_order():
        result = "ok" if one.success else "BROKEN" if one.crash is not None else "FAILS"
        rows.append((result, one.severity, visible(one.check.name), one.check.bound, one.said))
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    widths[2] = min(widths[2], width - sum(widths) + widths[2] - 2 * (len(widths) - 1))
    lines = []
    for row in rows:
        cells = [cell if cell_len(cell) <= size else f"{set_cell_size(cell, size - 3)}..."
                 for cell, size in zip(row, widths, strict=True)]  # fmt: skip
        lines.append("  ".join(set_cell_size(cell, size) for cell, size in zip(cells, widths, strict=True)).rstrip())
    return "\n".join(lines)
