"""The table of runs as MLflow's page opens it: its columns, what it is sorted by, and its charts.

MLflow 3.17 keeps a view that people save and share as a tag of the experiment, ``mlflow.sharedViewState.<id>``: name,
times in milliseconds, and ``state``, the JSON of what its page holds (filter, order, columns, charts). The page reads
it where its address ends in ``?viewStateShareKey=<id>``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

KEY = "standin"
TAG = f"mlflow.sharedViewState.{KEY}"
NAME = "Standin: headline figures"
MOST_PARAMS, MOST_METRICS, LEADING = 8, 9, 3
"""Columns; so many parameters in which runs differ stand before the metrics, the others after them."""
VARIED = ("base.task", "generator.model", "generator.shots", "finetune.encoder", "select.budgets", "base.seed")
"""Parameters that are shown though all runs agree in them, as far as there is room."""
HEADLINE = (
    "macro_f1.real", "macro_f1.synthetic", "gained.difference", "gained.low", "gained.high", "kept_share",
    "chamfer_ratio", "coverage", "labels_spent",
)  # fmt: skip
"""Headline figures in the order of their columns; others that a run has follow, as far as there is room."""
WIDTH, LETTER = 44, 7
"""Pixels of a column around its name, and of a letter of it."""
CHARTS, OTHERS = "Headline", "Model metrics"
"""The charts' first section, and the one in which MLflow puts every other metric (folded: there are hundreds)."""


def columns(params: Sequence[Mapping[str, str]], metrics: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """The parameters in which the runs differ, the metrics and the parameters in which they agree that the table shows.

    A parameter that a run of an older version lacks is no difference.

    Args:
        params: of each run.
        metrics: names of all metrics of the runs.
    """
    known = sorted({name for own in params for name in own})
    differing = [name for name in known if len({own[name] for own in params if name in own}) > 1 and _meant(name)]
    differing.sort(key=lambda name: VARIED.index(name) if name in VARIED else len(VARIED))
    differing = differing[:MOST_PARAMS]
    same = [name for name in VARIED if name in known and name not in differing][: MOST_PARAMS - len(differing)]
    names = set(metrics)
    headline = [f"headline.{name}" for name in HEADLINE if f"headline.{name}" in names]
    headline += sorted(name for name in names if name.startswith("headline.") and name not in headline)
    if not headline:  # runs of a version without headline figures
        headline = sorted(name for name in names if name.startswith("evaluate.") and name.endswith(".macro_f1"))
    return differing, headline[:MOST_METRICS], same


def state(differing: Sequence[str], metrics: Sequence[str], same: Sequence[str]) -> dict[str, Any]:
    """What MLflow's page holds of filter, order, columns and charts, by the page's own names."""
    order = next((name for name in metrics if name.endswith("gained.difference")), metrics[0] if metrics else "")
    kinds = (("params", differing[:LEADING]), ("metrics", metrics), ("params", [*differing[LEADING:], *same]))
    shown = [f"{kind}.`{name}`" for kind, names in kinds for name in names]
    return {
        "searchFilter": "",
        "orderByKey": f"metrics.`{order}`" if order else "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*shown, "attributes.`Models`", "attributes.`User`"],
        "columnOrder": shown,  # before the columns of attributes; without an order the page forgets the widths
        "columnWidths": {name: WIDTH + LETTER * len(_short(name)) for name in shown},
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunCharts": _charts([*differing, *same], metrics),
        "compareRunSections": [
            {"uuid": section, "name": section, "display": section == CHARTS, "isReordered": True, "isGenerated": False}
            for section in (CHARTS, OTHERS)
        ],
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,  # else the page sorts the sections by name
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def tag(found: Mapping[str, Any], before: str | None, now: int) -> str:
    """The tag of a view; ``before``, the tag that is there, where it says the same. Times are milliseconds."""
    text = json.dumps(found, ensure_ascii=False)
    created = now
    if before:
        try:
            kept = json.loads(before)
            if (kept["name"], kept["state"]) == (NAME, text):
                return before
            created = int(kept["createdAt"])
        except (KeyError, TypeError, ValueError):
            pass
    return json.dumps({"name": NAME, "createdAt": created, "updatedAt": now, "state": text}, ensure_ascii=False)


def address(server: str, experiment_id: str) -> str:
    """Where a browser finds the view. Without ``workflowType`` MLflow 3 shows its pages for generative AI around it."""
    return (
        f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?viewStateShareKey={KEY}&workflowType=machine_learning"
    )


def _charts(params: Sequence[str], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A bar chart for each headline metric but the ends of intervals, and the parameters against the first of them."""
    bars = [
        {"type": "BAR", "runsCountToCompare": 20, "metricKey": name, "displayName": name.removeprefix("headline.")}
        for name in metrics
        if not name.endswith((".low", ".high"))
    ]
    across = {
        "type": "PARALLEL",
        "runsCountToCompare": 100,
        "selectedParams": list(params[:4]),
        "selectedMetrics": list(metrics[:3]),
        "showAllRuns": False,
    }
    shown = [*bars, across] if params and metrics else bars
    return [
        {"uuid": f"{KEY}-{place}", "metricSectionId": CHARTS, "deleted": False, "isGenerated": False, **chart}
        for place, chart in enumerate(shown)
    ]


def _short(column: str) -> str:
    return column.partition("`")[2].rstrip("`")


def _meant(name: str) -> bool:
    """Whether a parameter is one that people vary to change a result."""
    return not name.startswith(("runtime.", "tracking.")) and name != "task_file"
