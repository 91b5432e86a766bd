"""Published annotations, from the file over `standin data add`'s reader to the stage's figures, against direct readings."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from standin.bounds import Checks
from standin.config import parse_params
from standin.corpus import Row, write_rows
from standin.engines import registry
from standin.sources.files import Reading, read_raw
from standin.stages import evaluate, prepare, subjectivity
from standin.task import Columns, Label, Task, load_task

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared/datasets"
OFFENSIVENESS, PHRASEBANK = DATA / "popquorn_offensiveness/test.jsonl.gz", DATA / "financial_phrasebank/test.jsonl.gz"

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="../shared/datasets with its annotated data sets is not there"
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "load", lambda *_: pytest.fail("loaded an engine"))


def given(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def of_task(labels: Sequence[str], measurement: str, columns: Columns) -> Task:
    """A task with these labels, its texts measured so."""
    task = load_task("city-topics", ROOT)
    source = task.source.model_copy(update={"measurement": measurement, "columns": columns})
    made = [Label(name=name, phrase=name, description=name) for name in labels]
    return task.model_copy(update={"labels": made, "source": source, "checks": Checks()})


def judged(path: Path, task: Task) -> dict[str, Any]:
    """The metrics of the stage subjectivity on the texts of a file."""
    rows = read_raw(path, Reading(task.source.columns, task.label_names), "test").rows
    write_rows(Path("data/real/test.jsonl"), [row for row in rows if isinstance(row, Row)])
    write_rows(Path("data/real/shots.jsonl"), [])
    params = parse_params({"subjectivity": {"texts": 0}})
    return dict(subjectivity.run(params, task, ""))


DISTANCES: dict[str, Callable[[str, str, Counter[str]], float]] = {
    "nominal": lambda a, b, _: float(a != b),
    "interval": lambda a, b, _: (float(a) - float(b)) ** 2,
    # the values between two and half of both, squared
    "ordinal": lambda a, b, n: (
        sum(n[str(k)] for k in range(min(int(a), int(b)), max(int(a), int(b)) + 1)) - (n[a] + n[b]) / 2
    ) ** 2,
}  # fmt: skip


def alpha_by_pairs(votes: Sequence[Sequence[str]], level: str) -> float:
    """Krippendorff's alpha read from its definition: observed over expected disagreement of ordered pairs."""
    units = [unit for unit in votes if len(unit) > 1]
    totals = Counter(vote for unit in units for vote in unit)
    apart = DISTANCES[level]
    observed = sum(apart(a, b, totals) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2))
    n = totals.total()
    expected = sum(totals[a] * totals[b] * apart(a, b, totals) for a in totals for b in totals) / (n - 1)
    return 1 - observed / expected


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_of_five_grades_is_that_of_the_definition_at_each_level_of_measurement(level: str) -> None:
    votes = [[str(vote) for vote in row["annotations"]] for row in given(OFFENSIVENESS)]
    task = of_task("12345", level, Columns(label="label", annotations="annotations"))
    metrics = judged(OFFENSIVENESS, task)
    assert metrics["texts"] == len(votes) == 302
    assert metrics["krippendorff_alpha"] == pytest.approx(alpha_by_pairs(votes, level), abs=1e-6)
    agreements = [max(Counter(unit).values()) / len(unit) for unit in votes]
    assert metrics["mean_agreement"] == pytest.approx(sum(agreements) / len(votes), abs=1e-6)


def test_graded_votes_agree_more_where_their_distance_counts() -> None:
    found = {
        level: judged(OFFENSIVENESS, of_task("12345", level, Columns(label="label", annotations="annotations")))
        for level in ("nominal", "interval")
    }
    assert found["interval"]["krippendorff_alpha"] > 2 * found["nominal"]["krippendorff_alpha"]


def test_bands_of_agreement_give_a_mean_and_a_curve_as_lower_bounds_and_no_alpha() -> None:
    rows = given(PHRASEBANK)
    task = of_task(["negative", "neutral", "positive"], "nominal", Columns(label="label", agreement="agreement"))
    metrics = judged(PHRASEBANK, task)
    bounds = [row["agreement"] for row in rows]
    assert metrics["source"] == "agreement_bands"
    assert metrics["mean_agreement_at_least"] == pytest.approx(sum(bounds) / len(rows), abs=1e-6)
    assert not {"krippendorff_alpha", "mean_agreement"} & metrics.keys()
    # a curve over them: the classifier that always says neutral
    said = [{"arm": "real", "budget": None, "seed": 1, "id": row["id"], "label": "neutral", "p": {}} for row in rows]
    Path("data/predictions").mkdir()
    Path("data/predictions/real.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    params = parse_params(
        {"arms": {"real": ["real"]}, "finetune": {"seeds": [1]}, "evaluate": {"gammas": [0, 0.66, 0.75, 1]}}
    )
    evaluate.run(params, task, "")
    lines = Path("reports/evaluate/agreement.csv").read_text().splitlines()[1:]
    found = {float(line.split(",")[2]): line.split(",")[3:6] for line in lines}
    for gamma in (0.66, 0.75, 1.0):
        kept = [row for row in rows if row["agreement"] >= gamma]
        right = sum(row["label"] == "neutral" for row in kept) / len(kept)
        texts, accuracy, source = found[gamma]
        assert (int(texts), source) == (len(kept), "agreement_bands")
        assert float(accuracy) == pytest.approx(right, abs=1e-6)


@pytest.mark.slow
def test_a_user_brings_votes_by_data_add_and_names_their_measurement_in_the_task_file() -> None:
    rows = given(OFFENSIVENESS)
    for name, part in (("train", rows[150:]), ("test", rows[:150])):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), "utf-8")
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text("utf-8"), "utf-8")
    standin = (sys.executable, "-c", "from standin.cli import main; main()")
    for call in (
        ("git", "init", "--quiet"),
        (sys.executable, "-m", "dvc", "init", "--quiet"),
        (*standin, "data", "add", "offensive", "train.jsonl", "--test", "test.jsonl"),
    ):
        subprocess.run(call, check=True, capture_output=True)
    path = Path("tasks/offensive.yaml")
    said = path.read_text("utf-8")
    assert '    annotations: "annotations"\n' in said
    path.write_text(said.replace("  measurement: nominal\n", "  measurement: ordinal\n"), "utf-8")
    task = load_task("offensive")
    params = parse_params(
        {"prepare": {"shots": 10, "validation": 10, "pool": 60, "test": 150}, "subjectivity": {"texts": 0}}
    )
    prepare.run(params, task, "")
    metrics = subjectivity.run(params, task, "")
    # the level that the task names, of the votes for the texts that the stage looks at
    texts = [row["text"] for row in map(json.loads, Path("data/real/test.jsonl").read_text("utf-8").splitlines())]
    votes = {row["text"]: [str(vote) for vote in row["annotations"]] for row in rows}
    assert metrics["texts"] == len(texts) > 140
    assert metrics["krippendorff_alpha"] == pytest.approx(
        alpha_by_pairs([votes[t] for t in texts], "ordinal"), abs=1e-6
    )
