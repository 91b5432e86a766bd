"""A project of three toy stages for the tests of tracking: prepare, finetune (one per arm), track."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import yaml

SOURCE = Path(__file__).resolve().parents[1]

STAGES = """
import sys
from pathlib import Path
from types import ModuleType


def prepare(params, task, item):
    Path("data/real").mkdir(parents=True, exist_ok=True)
    Path("data/real/rows.jsonl").write_text(f"{params.prepare.shots}\\n")
    if params.prepare.shots == 13:
        raise ValueError("thirteen is unlucky, says https://me:secret@example.org")
    return {"rows": params.prepare.shots, "by": "toy"}


def finetune(params, task, item):
    Path(f"models/{item}").mkdir(parents=True, exist_ok=True)
    Path(f"models/{item}/model.txt").write_text(f"{item} {params.finetune.max_steps}")
    Path(f"reports/finetune/{item}").mkdir(parents=True, exist_ok=True)
    Path(f"reports/finetune/{item}/history.csv").write_text("budget,seed,step,loss\\n,1,0,1.5\\n,1,10,0.5\\n48,2,0,2\\n")
    return {"f1": {"macro": 0.5 if item == "real" else 0.25}, "steps": params.finetune.max_steps}


for run in (prepare, finetune):
    module = ModuleType(f"standin.stages.{run.__name__}")
    module.run = run
    sys.modules[module.__name__] = module
"""

ENTRY = f"""
import sys

sys.path.insert(0, {str(SOURCE / "src")!r})
import toy
from standin.stages import runner

sys.exit(runner.main(sys.argv[1:]))
"""

PARAMS = """
base:
  task: toy
  seed: 1
prepare:
  shots: 3
  pool: 60
arms:
  real:
  - real
  synthetic:
  - synthetic
finetune:
  max_steps: 20
tracking:
  experiment: toy
runtime:
  threads: 1
"""

PIPELINE = """
stages:
  prepare:
    cmd: python src/pipeline.py prepare
    deps:
    - data/raw/toy/texts.jsonl
    - src/toy.py
    params:
    - prepare
    - tasks/${base.task}.yaml:
      - labels
    outs:
    - data/real
    metrics:
    - reports/prepare/metrics.json:
        cache: false
  finetune:
    foreach: ${arms}
    do:
      cmd: python src/pipeline.py finetune ${key}
      deps:
      - data/real
      params:
      - finetune
      outs:
      - models/${key}
      metrics:
      - reports/finetune/${key}/metrics.json:
          cache: false
      plots:
      - reports/finetune/${key}/history.csv:
          cache: false
  track:
    cmd: python src/pipeline.py track
    deps:
    - src
    - reports/prepare/metrics.json
    - reports/finetune
    params:
    - params.yaml:
    - tasks/${base.task}.yaml:
"""

TASK = """
name: toy
title: A toy
language: en
demonstration: true
description: for or against
labels:
- {name: pro, phrase: in favour, description: likes it}
- {name: con, phrase: against, description: dislikes it}
questions: []
source: {train: data/raw/toy/texts.jsonl, test: null, warmstart: null, columns: {text: text}}
prompts:
  language: en
  context: You write comments.
  generation: Write a comment {phrase}.
  few_shot: '{examples}'
  example: '- {text}'
  diversity: Another one.
  judge: 'Is "{text}" {labels}?'
checks: {}
published: {}
"""

IGNORED = "__pycache__/\n/.standin/\n/mlflow.db*\n/mlartifacts/\nreports/**/timing.json\n"


class ToyProject:
    """The project in a folder; commands run in it as a person would run them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        files = {"src/toy.py": STAGES, "src/pipeline.py": ENTRY, "params.yaml": PARAMS, "dvc.yaml": PIPELINE}
        files |= {"tasks/toy.yaml": TASK, "data/raw/toy/texts.jsonl": "{}\n", ".gitignore": IGNORED}
        for name, text in files.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def commit(self, message: str = "a commit") -> str:
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "-m", message)
        return self.run("git", "rev-parse", "HEAD").stdout.strip()

    def init_git(self) -> str:
        self.run("git", "init", "-q", "-b", "main")
        return self.commit()

    def environment(self, **given: str) -> dict[str, str]:
        dropped = ("DVC_", "MLFLOW_", "GIT_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        kept |= {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(SOURCE / "src"), "OMP_NUM_THREADS": "1"} | given
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"  # DVC's queue calls `dvc`
        return kept

    def run(self, *command: str, fails: bool = False, **given: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(**given), capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert fails == (done.returncode != 0), done.stdout + done.stderr
        return done

    def dvc(self, *arguments: str, fails: bool = False) -> str:
        done = self.run(sys.executable, "-m", "dvc", *arguments, fails=fails)
        return done.stdout + done.stderr

    def standin(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "standin.cli", *arguments).stdout

    def fake_results(self) -> None:
        """What `dvc repro` would leave, written by hand: results and a dvc.lock that fits them."""
        self.write("data/real/rows.jsonl", "3\n")
        self.write("reports/prepare/metrics.json", '{"rows": 3, "by": "toy"}\n')
        stages = {"prepare": self._entry(["data/raw/toy/texts.jsonl", "src/toy.py"], ["data/real", "reports/prepare"])}
        stages["prepare"]["params"] = {
            "params.yaml": {"prepare": yaml.safe_load(PARAMS)["prepare"]},
            "tasks/toy.yaml": {"labels": yaml.safe_load(TASK)["labels"]},
        }
        for arm in ("real", "synthetic"):
            folder = f"reports/finetune/{arm}"
            self.write(f"{folder}/metrics.json", '{"f1": {"macro": 0.5}, "steps": 20}\n')
            self.write(f"{folder}/history.csv", "budget,seed,step,loss\n,1,0,1.5\n,1,10,0.5\n48,2,0,2\n")
            self.write(f"models/{arm}/model.txt", arm)
            stages[f"finetune@{arm}"] = self._entry(["data/real"], [f"models/{arm}", folder])
            stages[f"finetune@{arm}"]["params"] = {"params.yaml": {"finetune": {"max_steps": 20}}}
        self.write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False))

    def fake_evaluation(self) -> None:
        """Beside ``fake_results`` the stage evaluate: `synthetic` scored best; `real` has more than one budget."""
        pipeline = yaml.safe_load((self.root / "dvc.yaml").read_text())
        pipeline["stages"]["evaluate"] = {"cmd": "toy"}
        self.write("dvc.yaml", yaml.safe_dump(pipeline, sort_keys=False))
        score = "{},{},macro_f1,{},{},{},5,288\n".format
        scores = [("real", 48, 0.9, 0.8, 1.0), ("real", 96, 0.5, 0.4, 0.6), ("synthetic", "", 0.75, 0.7, 0.8)]
        scores.append(("majority", "", 0.3, 0.3, 0.3))
        folder = "reports/evaluate"
        self.write(f"{folder}/scores.csv", "arm,budget,measure,value,low,high,seeds,texts\n"
                   + "".join(score(*row) for row in scores))  # fmt: skip
        self.write(f"{folder}/comparisons.csv", "arm_a,arm_b,budget,measure,difference,low,high,verdict_holm\n"
                   "synthetic,real,96,macro_f1,0.25,0.2,0.3,higher\n")  # fmt: skip
        self.write(f"{folder}/learned.csv", "arm,budget,question_id,reason,share,label\n")
        lock = yaml.safe_load((self.root / "dvc.lock").read_text())
        lock["stages"]["evaluate"] = self._entry(["models/real", "models/synthetic"], [folder])
        self.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))

    def _entry(self, deps: list[str], outs: list[str]) -> dict[str, object]:
        files = {path: sorted((self.root / path).glob("*")) for path in outs if path.startswith("reports/")}
        outs = [path for path in outs if path not in files] + [
            file.relative_to(self.root).as_posix() for found in files.values() for file in found
        ]
        hashed = {"deps": [self._hashed(path) for path in deps], "outs": [self._hashed(path) for path in outs]}
        return {"cmd": "toy", **hashed}

    def _hashed(self, path: str) -> dict[str, object]:
        file = self.root / path
        files = sorted(file.rglob("*")) if file.is_dir() else [file]
        content = b"".join(found.read_bytes() for found in files)
        md5 = hashlib.md5(content).hexdigest() + (".dir" if file.is_dir() else "")
        return {"path": path, "hash": "md5", "md5": md5, "size": len(content)}
