"""Ask Great Expectations: the only module that imports it."""

import os
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from standin.validation.columns import Table, Tables
from standin.validation.result import Check, Outcome, Severity, Verdict


def evaluate(tables: Tables, checks: Sequence[Check], docs: Path | None = None) -> Verdict:
    """Evaluate the checks, each over its table, and build the Data Docs.

    Importing Great Expectations takes 3 to 8 seconds, evaluating takes less than one.

    Args:
        tables: computed columns; no texts.
        checks: what must hold.
        docs: folder of the Data Docs, written anew; None builds none.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    context.delete_data_docs_site("local_site")  # its pages would go to a temporary folder
    by_table = defaultdict(list)
    for check in checks:
        by_table[check.table].append(check)
    frames = context.data_sources.add_pandas("curated")
    outcomes, worst = [], set()
    for name, asked in by_table.items():
        result = _validate(context, frames, name, getattr(tables, name), asked)
        outcomes += _outcomes(asked, result.results)
        severity = result.get_max_severity_failure()
        worst.add(severity.value if severity else None)
    if docs is not None:
        _build_docs(context, docs)
    outcomes.sort(key=lambda outcome: outcome.check.name)
    return Verdict(tuple(outcomes), _worst(worst, outcomes))


def _validate(context: Any, frames: Any, name: str, table: Table, checks: Sequence[Check]) -> Any:
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd

    expectations = [
        getattr(gxe, check.expectation)(
            **check.arguments, severity=check.severity, description=check.says, meta={"name": check.name}
        )
        for check in checks
    ]
    batch = frames.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    return definition.run(
        batch_parameters={"dataframe": pd.DataFrame(table)},
        result_format={"result_format": "SUMMARY", "unexpected_index_column_names": ["id"] if table else []},
    )


def _outcomes(checks: Sequence[Check], results: Sequence[Any]) -> list[Outcome]:
    """One outcome for each check; results come in another order than the suite."""
    named = {result.expectation_config.meta["name"]: result for result in results}
    return [_outcome(check, named[check.name]) for check in checks]


def _outcome(check: Check, result: Any) -> Outcome:
    if (crash := crash_message(result.exception_info)) is not None:
        return Outcome(check, False, None, (), crash)
    found: Mapping[str, Any] = result.result
    missing = found.get("partial_missing_list") or []
    if "missing_count" in found and check.expectation == "ExpectColumnDistinctValuesToContainSet":
        return Outcome(check, bool(result.success), int(found["missing_count"] or 0), tuple(map(str, missing)))
    if "unexpected_count" in found:
        rows = found.get("partial_unexpected_index_list") or []
        return Outcome(check, bool(result.success), int(found["unexpected_count"]), _places(check, rows))
    return Outcome(check, bool(result.success), _number(found.get("observed_value")))


def _places(check: Check, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Ids of failing rows, each once; where the column holds a quantity, with the value."""
    column = str(check.arguments.get("column"))
    quantity = check.expectation == "ExpectColumnValuesToBeBetween"
    return tuple(dict.fromkeys(f"{row['id']}: {row[column]}" if quantity else str(row["id"]) for row in rows))


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


def _worst(severities: set[str | None], outcomes: Sequence[Outcome]) -> Severity | None:
    if "critical" in severities or any(outcome.crash is not None for outcome in outcomes):
        return "critical"
    return "warning" if "warning" in severities else None


def _build_docs(context: Any, docs: Path) -> None:
    """Write the pages. Their paths hold a time, so an old folder goes first."""
    shutil.rmtree(docs, ignore_errors=True)
    context.add_data_docs_site(
        site_name="reports",
        site_config={
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.resolve())},
        },
    )
    context.build_data_docs()
