"""The runs of ``evidence.py``: a clone of the project, the published data added to it, and what is kept of a run."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared/datasets"
QUESTIONS = {
    "abortion": "Should abortion be legal?",
    "atheism": "Do you agree with atheism?",
    "climate": "Is climate change a real concern?",
    "feminist": "Do you support the feminist movement?",
}
STANCE = [f"semeval-{target}" for target in QUESTIONS]
TASKS = [*STANCE, "sms-spam"]
SCORED = {task: ["against", "favor"] for task in STANCE}
LABELS = [
    {"name": "against", "phrase": "not in favor", "description": "the writer is against it"},
    {"name": "favor", "phrase": "in favor", "description": "the writer is in favor of it"},
    {"name": "none", "phrase": "undecided", "description": "the writer takes no side, or speaks of something else"},
]
ARMS = ["real", "synthetic", "random", "sqbc", "cal", "random_synthetic", "sqbc_synthetic", "cal_synthetic",
        "real_synthetic", "warmstart_alone"]  # fmt: skip
"""The last one of the stance targets alone."""
SETTINGS = [
    "prepare.shots=24", "prepare.validation=48", "prepare.pool=300", "subjectivity.texts=0", "diversity.draws=20",
    "select.budgets=[0.2]", "++select.strategies.cal.evidence=models/learner", "++arms.cal=[cal]",
    "++arms.cal_synthetic=[cal,synthetic]", "++arms.real_synthetic=[real,synthetic]",
]  # fmt: skip


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON Lines file, packed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(path: Path, lines: Sequence[dict[str, Any]]) -> Path:
    """Write JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def published(task: str, part: str) -> Path:
    """The published file of a part of a task."""
    folder = task.replace("semeval-", "tweeteval_stance_").replace("sms-spam", "sms_spam")
    return DATA / folder / f"{part}.jsonl.gz"


def tweets(target: str, *parts: str) -> list[dict[str, Any]]:
    """A target's tweets without the mark of the shared task, each with its question."""
    found = [row for part in parts for row in records(published(f"semeval-{target}", part))]
    return [
        {"id": row["id"], "text": " ".join(row["text"].replace("#SemST", "").split()), "label": row["label"],
         "question_id": target, "question": QUESTIONS[target]} for row in found
    ]  # fmt: skip


def others(target: str) -> list[dict[str, Any]]:
    """The labelled tweets of the other targets."""
    return [row for other in QUESTIONS if other != target for row in tweets(other, "train", "validation")]


def stance_task(project: Path, target: str) -> None:
    """Write the task file: stance-abortion's prompts, with this question, the label "none" and a warm start."""
    name = f"semeval-{target}"
    task = yaml.safe_load((project / "tasks/stance-abortion.yaml").read_text("utf-8"))
    files = {part: f"data/raw/{name}/{part}.jsonl" for part in ("train", "test", "warmstart")}
    columns = {**task["source"]["columns"], "question_id": "question_id"}
    task |= {
        "name": name,
        "title": f"Tweets on {target}, against, in favour or neither",
        "description": f"Decide whether the writer of a tweet says yes, no or neither: {QUESTIONS[target]}",
        "labels": LABELS,
        "questions": [{"id": target, "text": QUESTIONS[target]}],
        "source": {**files, "columns": columns},
    }
    (project / f"tasks/{name}.yaml").write_text(yaml.safe_dump(task, sort_keys=False), encoding="utf-8")


class Project:
    """A clone in which the runs are made."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "project"
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root / "src"),
            "DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "GX_ANALYTICS_ENABLED": "false",
            "GOMP_SPINCOUNT": "1000",
        }  # fmt: skip

    def call(self, *words: str) -> None:
        """Run a command in the clone."""
        subprocess.run(words, cwd=self.root, env=self.environment, check=True)

    def set_up(self, tasks: Sequence[str]) -> None:
        """Clone, and add the data of tasks that are not there yet."""
        if not self.root.exists():
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.root)], check=True)
            self.call("git", "config", "user.name", "evidence")
            self.call("git", "config", "user.email", "evidence@example.org")
        for task in tasks:
            if not (self.root / f"data/raw/{task}.dvc").exists():
                self._add(task)
                self.call("git", "add", "tasks", "data/raw")
                self.call("git", "commit", "--quiet", "--message", f"Data of {task}")

    def _add(self, task: str) -> None:
        if task == "sms-spam":
            train, test = (str(published(task, part)) for part in ("train", "test"))
            self.call("standin", "data", "add", task, train, "--test", test)
            return
        target, given = task.removeprefix("semeval-"), self.folder / "given" / task
        stance_task(self.root, target)
        train = str(write(given / "train.jsonl", tweets(target, "train", "validation")))
        test = str(write(given / "test.jsonl", tweets(target, "test")))
        self.call("standin", "data", "add", task, train, "--test", test)
        write(self.root / f"data/raw/{task}/warmstart.jsonl", others(target))
        self.call("dvc", "add", f"data/raw/{task}")

    def run(self, task: str, shots: int, seed: int, training: int) -> None:
        """One run, and what is kept of it."""
        tested = f"prepare.test={len(records(published(task, 'test')))}"
        changed = [f"base.task={task}", f"base.seed={seed}", f"generator.shots={shots}", tested, *SETTINGS]
        changed += ["++arms.warmstart_alone=[warmstart]"] if task in STANCE else []
        changed.append(f"finetune.seeds=[{','.join(map(str, range(1, training + 1)))}]")
        changed.append(f"evaluate.scored_labels=[{','.join(SCORED.get(task, ()))}]")
        self.call("git", "checkout", "--quiet", "HEAD", "--", "params.yaml")
        began = time.perf_counter()
        self.call("standin", "run", *(word for each in changed for word in ("-S", each)))
        arms = ARMS if task in STANCE else ARMS[:-1]
        self._keep(self.folder / "runs" / f"{task}-{shots}-{seed}", arms, changed, time.perf_counter() - began)

    def commit(self) -> str:
        """The product's commit, without those that add data."""
        words = ["git", "log", "-1", "--invert-grep", "--grep", "^Data of ", "--format=%H"]
        return subprocess.run(words, cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()

    def _keep(self, folder: Path, arms: Sequence[str], changed: Sequence[str], seconds: float) -> None:
        """Labels and predictions of the test texts, the figures of the stages, and what the run was made by."""
        test = records(self.root / "data/real/test.jsonl")
        write(folder / "truth.jsonl", [{"id": row["id"], "label": row["label"]} for row in test])
        for arm in arms:
            rows = records(self.root / f"data/predictions/{arm}.jsonl")
            write(folder / f"{arm}.jsonl", [{key: row[key] for key in ("seed", "id", "label")} for row in rows])
        stages = ("prepare", "warmstart", "generate", "curate", "diversity", "arms")
        figures: dict[str, Any] = {
            stage: json.loads((self.root / f"reports/{stage}/metrics.json").read_text("utf-8")) for stage in stages
        }
        figures["evaluate"] = json.loads((self.root / "reports/evaluate/scope.json").read_text("utf-8"))
        own = ("base.task=", "base.seed=", "generator.shots=", "prepare.test=", "finetune.seeds=",
               "evaluate.scored_labels=")  # fmt: skip
        figures["made_by"] = {"commit": self.commit(), "settings": [one for one in changed if not one.startswith(own)]}
        figures["seconds"] = round(seconds)
        (folder / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
