"""DVC's own queue with three workers and nothing made yet: no answer store, no MLflow database."""

import json
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from chat_server import serving
from toy_project import SOURCE, TASK, ToyProject

from standin.tracking.writing import read_stages

pytestmark = pytest.mark.slow

WORKERS, SEEDS, HEATS, TEXTS = 3, ("1", "2"), ("0.7", "0.8"), 6
"""Four experiments: three begin together, the fourth finds store and database made."""

ENTRY = f"""
import sys

sys.path.insert(0, {str(SOURCE / "src")!r})
from standin.stages import runner

sys.exit(runner.main(sys.argv[1:]))
"""

PIPELINE = """
stages:
  prepare:
    cmd: python src/pipeline.py prepare
    deps: [data/raw/toy]
    params: [base, prepare, {'tasks/${base.task}.yaml': [source, labels, questions]}]
    outs: [data/real]
    metrics:
    - reports/prepare/metrics.json: {cache: false}
  generate:
    cmd: python src/pipeline.py generate
    deps: [data/real/shots.jsonl]
    params: [base, generator, {'tasks/${base.task}.yaml': [language, labels, questions, prompts]}]
    outs: [data/generated]
    metrics:
    - reports/generate/metrics.json: {cache: false}
  track:
    cmd: python src/pipeline.py track
    deps: [reports/prepare/metrics.json, reports/generate/metrics.json]
    params: ['params.yaml': null, 'tasks/${base.task}.yaml': null]
"""


class QueueProject(ToyProject):
    """Real stages up to the generated texts, answered by a server; nothing has run."""

    def __init__(self, root: Path, url: str) -> None:
        super().__init__(root)
        rows = [
            {"id": f"r{n}", "text": f"{('no', 'yes')[n % 2]}: {Random(n).randbytes(9).hex()}",
             "label": ("con", "pro")[n % 2]}
            for n in range(40)
        ]  # fmt: skip
        self.write("data/raw/toy/texts.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        self.write("tasks/toy.yaml", TASK.replace("{text: text}", "{text: text, label: label, id: id}"))
        self.write("src/pipeline.py", ENTRY)
        self.write("dvc.yaml", PIPELINE)
        groups = {
            "base": {"task": "toy", "seed": 1},
            "prepare": {"shots": 4, "validation": 4, "pool": 16, "test": 8},
            "select": {"budgets": [8]},
            "generator": {"engine": "openai", "model": "double", "texts": TEXTS, "temperature": 0.8, "chunk": 2},
            "tracking": {"experiment": "toy"},
            "runtime": {"threads": 1, "base_url": url},
        }
        self.write("params.yaml", yaml.safe_dump(groups))
        self.init_git()
        self.dvc("init", "-q")
        self.run("git", "config", "user.name", "T")
        self.run("git", "config", "user.email", "t@example.org")
        self.commit("start")

    def work_off(self, count: int) -> str:
        """Let the workers take all that is queued; returns DVC's table."""
        # the workers keep the streams of the command that starts them
        with (self.root / ".dvc/tmp/started").open("w") as log:
            self.run_into(log, "queue", "start", "-j", str(WORKERS))
        until = time.monotonic() + 600
        while (status := self.dvc("queue", "status")).count("Success") < count and "Failed" not in status:
            assert time.monotonic() < until, status
            time.sleep(2)
        return status

    def run_into(self, log: Any, *words: str) -> None:
        subprocess.run(["dvc", *words], cwd=self.root, env=self.environment(), stdout=log, stderr=log, check=True)

    def runs(self) -> list[Any]:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=f"sqlite:///{self.root / 'mlflow.db'}")
        return list(client.search_runs([client.get_experiment_by_name("toy").experiment_id]))


def comment(body: dict[str, Any]) -> str:
    return f"A text about the park, number {Random(json.dumps(body)).randint(0, 10**9)}."


def test_three_workers_begin_everything_together_and_each_experiment_has_one_complete_run(
    tmp_path: Path,
) -> None:
    wanted = sorted((seed, heat) for seed in SEEDS for heat in HEATS)
    count = len(wanted)
    with serving(say=comment) as server:
        project = QueueProject(tmp_path / "a project", server.url)
        changes = [f"base.seed={','.join(SEEDS)}", f"generator.temperature={','.join(HEATS)}"]
        project.dvc("exp", "run", "--queue", *(word for change in changes for word in ("-S", change)))
        status = project.work_off(count)
        assert (status.count("Success"), status.count("Failed")) == (count, 0), status
        asked = sum(server.seen.values())
    assert f"0 added, {count} already there" in project.standin("sync"), "each worker recorded its own run"
    runs = project.runs()
    assert sorted((run.data.params["base.seed"], run.data.params["generator.temperature"]) for run in runs) == wanted
    for run in runs:
        assert run.info.status == "FINISHED"
        assert read_stages(run)["generate"].startswith("executed")
        assert "dvc.state" in run.data.tags
        assert run.data.metrics["generate.planned"] == 2 * TEXTS
        assert run.data.metrics["generate.parsed"] == 2 * TEXTS
    assert asked == count * 2 * TEXTS, "no answer was asked for twice or lost"
