"""How long `standin compare` takes: ``python benchmarks/compare.py --experiments 40``.

Experiments of the default task's size (six arms, 288 test texts, five training seeds, a dvc.lock of 100,000 bytes) are
written into a git repository of their own, as `dvc exp run` leaves them; answers are drawn by dice. Every experiment
has other predictions in every arm, which is the most there can be to read. Prints the seconds of whole processes.
"""

import argparse
import hashlib
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("dvc.yaml", "dvc.lock", "params.yaml", "tasks/city-topics.yaml", "reports/evaluate/scores.csv",
          "reports/evaluate/learned.csv")  # fmt: skip
LABELS = ("transport", "environment", "housing", "community")
ARMS = ("real", "synthetic", "random", "sqbc", "random_synthetic", "sqbc_synthetic")
TEXTS, SEEDS = 288, (1, 2, 3, 4, 5)


def git(root: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def stored(root: Path, content: bytes) -> str:
    """Put a file into DVC's cache; returns its md5."""
    known = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = root / f".dvc/cache/files/md5/{known[:2]}/{known[2:]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return known


def predictions(arm: str, dice: random.Random) -> bytes:
    """Answers of which some 70 % are right."""
    lines = []
    for seed in SEEDS:
        for text in range(TEXTS):
            right = dice.random() < 0.7
            label = LABELS[text % 4] if right else dice.choice(LABELS)
            chances = {name: round(dice.random(), 6) for name in LABELS}
            row = {"arm": arm, "budget": 48, "seed": seed, "id": f"city-topics-{text:04}", "label": label, "p": chances}
            lines.append(json.dumps(row) + "\n")
    return "".join(lines).encode()


def replaced(lock: str, path: str, known: str) -> str:
    """The lock with another md5 for every mention of a file."""
    return re.sub(rf"(- path: {re.escape(path)}\n      hash: md5\n      md5: )\S+", rf"\g<1>{known}", lock)


def state(root: Path, number: int) -> None:
    """One state in the workspace: other predictions in every arm, and examples a prompt as its parameter."""
    dice = random.Random(number)
    lock = (ROOT / "dvc.lock").read_text(encoding="utf-8")
    test = "".join(json.dumps({"id": f"city-topics-{n:04}", "text": "a text", "label": LABELS[n % 4]}) + "\n"
                   for n in range(TEXTS))  # fmt: skip
    lock = replaced(lock, "data/real/test.jsonl", stored(root, test.encode()))
    scores = (root / "reports/evaluate/scores.csv").read_bytes()
    lock = replaced(lock, "reports/evaluate/scores.csv", hashlib.md5(scores, usedforsecurity=False).hexdigest())
    for arm in ARMS:
        lock = replaced(lock, f"data/predictions/{arm}.jsonl", stored(root, predictions(arm, dice)))
    asked = re.sub(r"(?m)^(\s+)shots: 0$", rf"\g<1>shots: {number}", (ROOT / "params.yaml").read_text(encoding="utf-8"))
    (root / "params.yaml").write_text(asked, encoding="utf-8")
    (root / "dvc.lock").write_text(re.sub(r"(?m)^(\s+)shots: 0$", rf"\g<1>shots: {number}", lock), encoding="utf-8")
    (root / "reports/headline.json").write_text(json.dumps([{"kept_share": 0.9, "coverage": 0.8}]))


def project(root: Path, experiments: int) -> None:
    """A repository with a baseline and experiments of it."""
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "T")
    git(root, "config", "user.email", "t@example.org")
    (root / ".gitignore").write_text("/.dvc/cache\n/reports/compare.html\n")
    state(root, 0)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "baseline")
    head = git(root, "rev-parse", "HEAD")
    for number in range(1, experiments + 1):
        state(root, number)
        git(root, "commit", "-qam", f"experiment {number}")
        git(root, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/exp-{number:02}", "HEAD")
        git(root, "reset", "-q", "--hard", head)


def main() -> None:
    """Time the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=40)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project(root, asked.experiments)
        command = [sys.executable, "-c", "from standin.cli import main; main()", "compare"]
        env = {**os.environ, "COLUMNS": "120"}
        seconds, busy = [], []
        for _ in range(asked.runs + 1):
            started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(command, cwd=root, env=env, capture_output=True, check=True)
            seconds.append(time.perf_counter() - started)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            busy.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        said = done.stdout.decode()
        tested = re.search(r"tested\s+\((\d+)\)", said)
        middle, least, most = statistics.median(seconds[1:]), min(seconds[1:]), max(seconds[1:])
        print(f"{asked.experiments} experiments, {tested[1] if tested else 'no'} differences tested, 120 columns, "
              f"{len(said.splitlines())} lines: {seconds[0]:.2f} s first, then median {middle:.2f} s ({least:.2f} to "
              f"{most:.2f}), {statistics.median(busy[1:]):.2f} s of processor time")  # fmt: skip


if __name__ == "__main__":
    main()
