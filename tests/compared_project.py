"""States of a project as `dvc exp run` leaves them in git, written by hand: parameters, dvc.lock, reports, cache."""

import hashlib
import json
import random
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

LABELS = ("pro", "con")
TASK: dict[str, Any] = {
    "name": "toy",
    "labels": [{"name": name} for name in LABELS],
    "prompts": {"context": "You write comments."},
}
Wrong = Mapping[str, Sequence[int]]
"""Arm -> places of the test texts that it gets wrong, the same in every training seed but for one more per seed."""


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def labelled_rows(texts: int, salt: str = "t") -> bytes:
    rows = [{"id": f"{salt}{n}", "text": f"text {n}", "label": LABELS[n % len(LABELS)]} for n in range(texts)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def answers(arm: str, test: bytes, wrong: Sequence[int], seeds: Sequence[int], budget: int | None = None) -> bytes:
    """Every text gets its label but those at ``wrong``, and one more that the seed decides."""
    rows = [json.loads(line) for line in test.splitlines()]
    lines = []
    for seed in seeds:
        slips = {*wrong, random.Random(f"{arm}{seed}").randrange(len(rows))}
        for place, row in enumerate(rows):
            label = row["label"] if place not in slips else LABELS[1 - LABELS.index(row["label"])]
            said = {"arm": arm, "budget": budget, "seed": seed, "id": row["id"], "label": label}
            lines.append(json.dumps({**said, "p": dict.fromkeys(LABELS, 0.5)}) + "\n")
    return "".join(lines).encode()


class ComparedProject:
    """A git repository in which states are committed, at HEAD or as DVC experiments."""

    def __init__(self, root: Path, texts: int = 60, seeds: Sequence[int] = (1, 2, 3)) -> None:
        self.root, self.texts, self.seeds = root, texts, seeds
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "T")
        self.git("config", "user.email", "t@example.org")
        self.write("dvc.yaml", b"stages: {}\n")
        self.write(".gitignore", b"/.dvc/cache\n/reports/compare.html\n")

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def state(
        self,
        wrong: Wrong,
        params: Mapping[str, Any] | None = None,
        seed: int = 1,
        scores: Mapping[str, float] | None = None,
        figures: Mapping[str, Any] | None = None,
        unlearned: Sequence[str] = (),
        code: str = "a",
        cached: bool = True,
        select: Mapping[str, Any] | None = None,
        selected: Mapping[str, str] | None = None,
    ) -> None:
        """Write a state into the workspace; test texts are drawn by the base seed.

        ``select``: parameters of selection; every arm then trains on the strategy of its name among ``selected``, which
        holds what each selected, or else on real texts.
        """
        values = {"base": {"task": "toy", "seed": seed}, "generator": {"shots": 0, **(params or {})},
                  "evaluate": {"confidence": 0.95, "resamples": 400}, "runtime": {"threads": 2}}  # fmt: skip
        chosen = selected or {}
        if select is not None:
            values |= {"select": select, "arms": {arm: [arm if arm in chosen else "real"] for arm in wrong}}
        test = labelled_rows(self.texts, salt=f"s{seed}-")
        predictions = {arm: answers(arm, test, places, self.seeds) for arm, places in wrong.items()}
        means = {arm: (scores or {}).get(arm, 1 - len(places) / self.texts) for arm, places in wrong.items()}
        table = "arm,budget,measure,value,low,high,seeds,texts\n" + "".join(
            f"{arm},,macro_f1,{value},{value - 0.05},{value + 0.05},3,{self.texts}\n" for arm, value in means.items()
        )
        learned = "arm,budget,question_id,reason,share,label\n" + "".join(
            f"{arm},,,chance,0.9,pro\n" for arm in unlearned
        )
        self.write("params.yaml", yaml.safe_dump(values, sort_keys=False).encode())
        self.write("tasks/toy.yaml", yaml.safe_dump(TASK, sort_keys=False).encode())
        self.write("reports/evaluate/scores.csv", table.encode())
        self.write("reports/evaluate/learned.csv", learned.encode())
        self.write("reports/headline.json", json.dumps([figures or {"kept_share": 0.9}]).encode())
        for content in (test, *predictions.values()) if cached else ():
            known = md5(content)
            self.write(f".dvc/cache/files/md5/{known[:2]}/{known[2:]}", content)
        stages = {
            f"finetune@{arm}": {"cmd": "x", "deps": [self.entry("src/standin/a.py", code.encode())],
                                "outs": [self.entry(f"data/predictions/{arm}.jsonl", content)]}
            for arm, content in predictions.items()
        }  # fmt: skip
        for name, content in chosen.items():
            out = self.entry(f"data/selected/{name}.jsonl", content.encode())
            stages[f"select@{name}"] = {"cmd": "x", "deps": [], "outs": [out]}
        stages["evaluate"] = {"cmd": "x", "deps": [self.entry("data/real/test.jsonl", test)],
                              "outs": [self.entry("reports/evaluate/scores.csv", table.encode())]}  # fmt: skip
        asked = {"params.yaml": {"base": values["base"], "generator": values["generator"]}, "tasks/toy.yaml": TASK}
        stages["report"] = {"cmd": "x", "deps": [self.entry("src/standin/report/words.py", b"w")], "params": asked,
                            "outs": [self.entry("reports/report.html", b"r")]}  # fmt: skip
        self.write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False).encode())

    @staticmethod
    def entry(path: str, content: bytes) -> dict[str, Any]:
        return {"path": path, "hash": "md5", "md5": md5(content), "size": len(content)}

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a state", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def experiment(self, name: str, *arguments: Any, **options: Any) -> str:
        """A state as an experiment of HEAD, as DVC keeps it; the workspace is HEAD's again."""
        head = self.git("rev-parse", "HEAD")
        self.state(*arguments, **options)
        rev = self.commit()
        self.git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", rev)
        self.git("reset", "-q", "--hard", head)
        return rev

    def forget(self, pattern: str) -> None:
        """Remove from the cache the files whose text holds a pattern."""
        for path in (self.root / ".dvc/cache").rglob("*"):
            if path.is_file() and re.search(pattern, path.read_text()):
                path.unlink()
