"""What a person is told first of a run: its headline figures, the report's answer in words, and the figure to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.checked import parse_yaml
from standin.corpus import json_value
from standin.report import content, figures, measured, words
from standin.report.naming import MOST_FREQUENT, Sources
from standin.sheets import sheet_rows
from standin.tracking.states import State, md5
from standin.tracking.trees import redact

HEADLINE = "reports/headline.json"
SCORES, COMPARISONS, LEARNED = (f"reports/evaluate/{name}.csv" for name in ("scores", "comparisons", "learned"))
FIGURE = "answer.svg"
TASKS, SCALE = "reports/subjectivity/tasks.csv", "subjectivity.svg"
DEMONSTRATION = "Demonstration data: no evidence about the method."
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Told:
    """The description of a run (Markdown), and the figure (SVG); both are empty where nothing was evaluated."""

    description: str = ""
    figure: bytes = b""


def headline(state: State, stale: Mapping[str, str]) -> dict[str, Any]:
    """The few figures that runs are compared by, as nested names -> numbers; empty where they are of another state."""
    found = own(state, stale, HEADLINE)
    value = json_value(Path(HEADLINE), found) if found else {}
    if isinstance(value, list) and len(value) == 1:  # so that DVC does not take it for metrics to show
        value = value[0]
    return value if isinstance(value, dict) else {}


def own(state: State, stale: Mapping[str, str], path: str) -> bytes | None:
    """A file of the state's results; None where it is not there, or its stage's results belong to another state.

    One that no stage names as its output is taken where no stage is stale.
    """
    made_by = next((stage.address for stage in state.stages if path in stage.outs), None)
    found = state.tree.read(path)
    if found is None or (made_by in stale if made_by else bool(stale)):
        return None
    return found if made_by is None or md5(found) == state.md5(path) else None


def tell(state: State, stale: Mapping[str, str]) -> Told:
    """The answer of a state's report and its figure, from the tables of the stage evaluate.

    Nothing where the tables are of a version whose columns were others.
    """
    try:
        return _told(state, stale)
    except (KeyError, TypeError, ValueError):
        return Told()


def _told(state: State, stale: Mapping[str, str]) -> Told:
    tables = {path: own(state, stale, path) for path in (SCORES, COMPARISONS, LEARNED)}
    scores, comparisons, learned = (sheet_rows(found, path) if found else [] for path, found in tables.items())
    arms = {str(arm): list(sources) for arm, sources in (state.params.get("arms") or {}).items()}
    plotted = _plotted(scores, arms)
    if not plotted:
        return Told()
    strategies = list((state.params.get("select") or {}).get("strategies") or {})
    lost = [{**row, "name": content.arm_name(row, arms)} for row in learned]
    names = [row["name"] for row in plotted if row["name"] != MOST_FREQUENT]
    sentences = [*words.not_learned(lost, plotted, names), *words.answer(_compared(comparisons), arms, strategies)]
    if sentences:
        pointer = f"The figure is `{FIGURE}`, the report `reports/report.html`, both under Artifacts."
        sentences = [*([DEMONSTRATION] if _demonstration(state) else []), *sentences, pointer]
    confidence = float((state.params.get("evaluate") or {}).get("confidence") or 0.95)
    figure = figures.arms(plotted, confidence, DEMONSTRATION if _demonstration(state) else None)
    return Told(redact("\n\n".join(sentences)), figure.svg.encode())


def scale(state: State, stale: Mapping[str, str]) -> bytes:
    """The task's place from objective to subjective, as an SVG; empty where nobody ranked tasks."""
    try:
        found = own(state, stale, TASKS)
        placed = measured.placed(sheet_rows(found, TASKS)) if found else None
        return figures.scale(*placed).svg.encode() if placed else b""
    except (KeyError, TypeError, ValueError):
        return b""


def card(state: State) -> tuple[str, str]:
    """The task's name and what its file says of it, as Markdown."""
    task = parse_yaml(state.task, state.task_file, as_dvc=True)
    task = task if isinstance(task, dict) else {}
    name = str(task.get("name") or Path(state.task_file).stem)
    labels = [label for label in task.get("labels") or [] if isinstance(label, dict)]
    questions = [question for question in task.get("questions") or [] if isinstance(question, dict)]
    lines = [
        f"**{task.get('title') or name}** (`{state.task_file}`)",
        " ".join(str(task.get("description") or "").split()),
        "\n".join(f"- {label.get('name')}: {label.get('description')}" for label in labels),
        "\n".join(f"- Question {question.get('id')}: {question.get('text')}" for question in questions),
        f"Language: {task.get('language')}." if task.get("language") else "",
        DEMONSTRATION if task.get("demonstration") else "",
    ]
    return name, redact("\n\n".join(line for line in lines if line))


def _plotted(scores: Rows, arms: Sources) -> list[dict[str, Any]]:
    return [
        {"name": content.arm_name(row, arms), **{name: float(row[name]) for name in ("value", "low", "high")}}
        for row in scores
        if row["measure"] == "macro_f1"
    ]


def _compared(comparisons: Rows) -> list[dict[str, Any]]:
    return [
        {**row, **{name: float(row[name]) for name in ("difference", "low", "high")}}
        for row in comparisons
        if row["measure"] == "macro_f1"
    ]


def _demonstration(state: State) -> bool:
    task = parse_yaml(state.task, state.task_file)
    return isinstance(task, dict) and task.get("demonstration") is True
