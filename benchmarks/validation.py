"""How long the stage validate takes: ``python benchmarks/validation.py --rows 100000``.

Texts of 5 to 40 words out of a vocabulary of 20,000, with 10,000 test texts, 64 shots and a task with checks of its own
(length, label shares, three patterns), once as they should be and once with a fault in many rows (ids and texts twice,
test texts among them, foreign labels, blank texts). The whole stage runs in a process of its own: reading, columns,
Great Expectations, result and page. Its import is timed apart, in the same process, as it does not grow with the data.
Writes ``benchmarks/results/validation.json``; ``chrt -f 1`` before the command gives the figures of a quiet machine.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

from generation import machine  # noqa: E402

from standin.corpus import Row, SyntheticRow, write_json_lines, write_rows  # noqa: E402

RESULT = ROOT / "benchmarks/results/validation.json"
LABELS = ("transport", "environment", "housing", "community")
CHECKS = {
    "length": {"min": 4, "max": 60},
    "label_shares": {"housing": {"min": 0.2, "max": 0.3}},
    "patterns": {
        "no_links": {"pattern": "https?://", "max": 0},
        "no_mail": {"pattern": r"[\w.]+@[\w.]+\.\w+", "max": 0},
        "questions": {"pattern": r"\?\s*$", "max": 0.9, "severity": "warning"},
    },
}
STAGE = """
import contextlib, io, json, time
started = time.perf_counter()
import great_expectations, great_expectations.expectations, pandas
imported = time.perf_counter()
from standin.bounds import Checks
from standin.config import parse_params
from standin.errors import StandinError
from standin.stages import validate
from standin.task import load_task
from pathlib import Path
import sys
task = load_task("city-topics", Path(sys.argv[1]))
task = task.model_copy(update={"checks": Checks.model_validate(json.loads(sys.argv[2]))})
begun, failed = time.perf_counter(), 0
with contextlib.redirect_stdout(io.StringIO()):
    try:
        validate.run(parse_params({}), task, "")
    except StandinError as error:
        failed = str(error).count("\\n- ")
print(json.dumps({"import": imported - started, "stage": time.perf_counter() - begun, "failed": failed}))
"""


def write(rows: int, faults: bool) -> None:
    """What the stage reads, in the working directory."""
    dice = random.Random(rows)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(20_000)]

    def text() -> str:
        return " ".join(dice.choices(words, k=dice.randint(5, 40))).capitalize() + dice.choice(".!?")

    test = [Row(id=f"t{n}", text=text(), label=LABELS[n % 4]) for n in range(10_000)]
    kept = []
    for number in range(rows):
        fault = dice.randrange(10) if faults else 9
        said = {0: "", 1: kept[0].text if kept else "", 2: test[number % 10_000].text}.get(fault) or text()
        kept.append(
            SyntheticRow(
                id="s0" if fault == 3 else f"s{number}", text=" " if fault == 0 else said, plan_id=f"p{number}",
                label="elsewhere" if fault == 4 else LABELS[number % 4], shots=0, engine="e", model="m",
            )
        )  # fmt: skip
    write_json_lines(Path("data/generated/plan.jsonl"), ({"plan_id": row.plan_id} for row in kept))
    write_rows(Path("data/synthetic/texts.jsonl"), kept)
    write_rows(Path("data/synthetic/removed.jsonl"), [])
    write_rows(Path("data/real/test.jsonl"), test)
    write_rows(Path("data/real/validation.jsonl"), [])
    write_rows(Path("data/real/shots.jsonl"), [Row(id=f"h{n}", text=text()) for n in range(64)])


def measure(rows: int, runs: int, faults: bool) -> dict[str, Any]:
    """Seconds of each run, and the largest memory of the process."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write(rows, faults)
        command = [sys.executable, "-c", STAGE, str(ROOT), json.dumps(CHECKS)]
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        for _ in range(runs):
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
        os.chdir(ROOT)
    return {
        "rows": rows,
        "failed_checks": found[0]["failed"],
        "stage_seconds": round(statistics.median(run["stage"] for run in found), 2),
        "stage_runs": [round(run["stage"], 2) for run in found],
        "import_seconds": round(statistics.median(run["import"] for run in found), 2),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def main() -> None:
    """Measure sound and faulty data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-file", action="store_true", help="only print")
    asked = parser.parse_args()
    found = {"machine": machine()} | {
        name: measure(asked.rows, asked.runs, faults) for name, faults in (("sound", False), ("faulty", True))
    }
    text = json.dumps(found, indent=2)
    if not asked.no_file:
        RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
