"""The last stage: complete this experiment's run in MLflow from the files that all stages left, executed or cached."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.config import Params, repository_root
from standin.task import Task

REPORT = "reports/report.html"
RECORDED_AFTER = "STANDIN_RECORDED_AFTER"
"""Environment variable by which `standin run` says that it records the run itself, and what kept it from that."""


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write the run. An MLflow that cannot be reached does not cost the experiment: that is said, the stage passes."""
    from standin.tracking.database import TrackingError
    from standin.tracking.recording import record_pipeline

    try:
        name, contents = record_pipeline()
    except TrackingError as error:
        if RECORDED_AFTER not in os.environ:
            print(f"track: {error}\ntrack: nothing is lost; `standin sync` records this run later.", file=sys.stderr)  # noqa: T201
        print(closing())  # noqa: T201
        return {}
    sizes = f"{len(contents.metrics)} metrics, {len(contents.curves)} curves, {len(contents.data)} data sets"
    print(f"track: MLflow run {name}: {sizes}, {len(contents.artifacts)} files")  # noqa: T201
    print(closing())  # noqa: T201
    return {}


def closing() -> str:
    """Where the report is: the last line of `dvc repro` and `dvc exp run`, which end with this stage."""
    if repository_root() != Path.cwd().resolve():  # in the queue and with --temp, DVC removes this folder
        return f"report: {REPORT}, which `dvc exp apply` brings to the project; `standin compare` compares experiments"
    return f"report: {REPORT}; `standin compare` puts experiments side by side"
