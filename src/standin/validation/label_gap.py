"""The one expectation of our own: Great Expectations has none that compares the shares of labels with each other."""

from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider


class TableLabelGaps(TableMetricProvider):  # type: ignore[misc]
    """Question -> its largest label's share of texts less its smallest one's; 0 in a question without texts.

    Wants a table with a row for each label of each question: columns ``question`` and ``texts``, their number.
    """

    metric_name = "table.standin_label_gaps"

    @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,  # noqa: N805
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        **_: Any,
    ) -> dict[str, float]:
        frame, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        texts = frame.groupby("question", sort=False)["texts"]
        gaps = (texts.max() - texts.min()) / texts.sum().clip(lower=1)
        return {str(question): round(float(gap), 6) for question, gap in gaps.items()}


class ExpectLabelGapToBeAtMost(BatchExpectation):  # type: ignore[misc]
    """Expect the shares of the largest and the smallest label of every question to differ by at most ``max_value``."""

    max_value: float
    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.standin_label_gaps",)
    success_keys: ClassVar[tuple[str, ...]] = ("max_value",)
    args_keys: ClassVar[tuple[str, ...]] = ("max_value",)

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:
        gaps: dict[str, float] = metrics["table.standin_label_gaps"]
        wide = {question: gap for question, gap in gaps.items() if gap > self.max_value}
        return {"success": not wide, "result": {"observed_value": max(gaps.values()), "details": {"wide": wide}}}
