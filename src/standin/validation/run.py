"""Ask Great Expectations: this module and ``label_gap`` alone import it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from standin.errors import first_line
from standin.validation.columns import Table, Tables
from standin.validation.result import Check, Outcome, Verdict

OURS = "ExpectLabelGapToBeAtMost"


def evaluate(tables: Tables, checks: Sequence[Check]) -> Verdict:
    """Evaluate the checks, each over its table. Importing Great Expectations takes 3 to 8 seconds.

    A check that cannot be evaluated (no such expectation or column, arguments that it does not take) is an outcome with
    the library's message as its ``crash``.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    frames = context.data_sources.add_pandas("curated")
    outcomes = []
    for name in dict.fromkeys(check.table for check in checks):
        table: Table = getattr(tables, name)
        asset = frames.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        batch = asset.get_batch({"dataframe": pd.DataFrame(table)})
        outcomes += _asked(batch, table, [check for check in checks if check.table == name])
    return Verdict(tuple(sorted(outcomes, key=lambda outcome: outcome.check.name)))


def _asked(batch: Any, table: Table, checks: Sequence[Check]) -> list[Outcome]:
    """One outcome for each check of a table; results come in another order than the suite."""
    import great_expectations as gx

    outcomes, expectations = [], []
    for check in checks:
        try:
            expectations.append(_expectation(check))
        except (AttributeError, TypeError, ValueError) as error:
            outcomes.append(Outcome(check, False, None, (), first_line(error)))
    suite = gx.ExpectationSuite(name="asked", expectations=expectations)
    results = batch.validate(suite, result_format="SUMMARY").results
    named = {result.expectation_config.meta["name"]: result for result in results}
    return outcomes + [_outcome(check, table, named[check.name]) for check in checks if check.name in named]


def _expectation(check: Check) -> Any:
    import great_expectations.expectations as gxe

    from standin.validation import label_gap

    made = getattr(label_gap if check.expectation == OURS else gxe, check.expectation)
    return made(**check.arguments, severity=check.severity, meta={"name": check.name})


def _outcome(check: Check, table: Table, result: Any) -> Outcome:
    if (crash := crash_message(result.exception_info)) is not None:
        return Outcome(check, False, None, (), crash)
    found: Mapping[str, Any] = result.result
    if check.expectation == "ExpectColumnDistinctValuesToContainSet":
        missing = found.get("partial_missing_list") or []
        return Outcome(check, bool(result.success), int(found["missing_count"] or 0), tuple(map(str, missing)))
    if "unexpected_count" in found:
        rows = found.get("partial_unexpected_index_list") or []
        return Outcome(check, bool(result.success), int(found["unexpected_count"]), _places(check, table, rows))
    wide = found.get("details", {}).get("wide", {})
    places = tuple(f"{question}: {gap:.1%}" for question, gap in wide.items()) if len(wide) > 1 else tuple(wide)
    return Outcome(check, bool(result.success), _number(found.get("observed_value")), places)


def _places(check: Check, table: Table, rows: Sequence[int]) -> tuple[str, ...]:
    """Ids of failing rows, each once; where the column holds a quantity, with the value.

    The library could give the ids itself, but collects those of all failing rows one by one for twenty.
    """
    ids = table["id"]
    if check.expectation != "ExpectColumnValuesToBeBetween":
        return tuple(dict.fromkeys(str(ids[row]) for row in rows))
    found = table[str(check.arguments["column"])]
    return tuple(dict.fromkeys(f"{ids[row]}: {_said(found[row])}" for row in rows))


def _said(value: Any) -> str:
    return f"{value:.1%}" if isinstance(value, float) else str(value)


def _number(value: Any) -> float | int | None:
    """A plain number, six decimals: the last bits of a mean are no finding."""
    if value is None:
        return None
    number = value.item() if hasattr(value, "item") else value
    return number if isinstance(number, int) else round(float(number), 6)


def crash_message(info: Mapping[str, Any] | None) -> str | None:
    """The first exception in ``exception_info``, which is one record, or one for each metric; None without any."""
    for record in [info, *(info or {}).values()]:
        if isinstance(record, Mapping) and record.get("raised_exception"):
            return str(record.get("exception_message")).strip().split("\n", 1)[0].rstrip(".")
    return None
