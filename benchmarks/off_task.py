"""What taking out the texts far from the task does to a classifier of synthetic texts, by several bounds.

    python benchmarks/off_task.py FOLDER [--parse]

FOLDER holds the texts that ``benchmarks/opening.py generate`` writes: for each task, number of examples, variant and
seed one file of 40 texts a label. A text goes where its similarity to the task is at or below the bound that takes a
share (0.01 to 0.2) of real texts, by the 64 shots of the seed, each left out once; by shots and label descriptions as
in curation, and by shots alone. A logistic regression on frozen embeddings of what is left is scored on up to 800 real
test texts. Differences to no removal are paired by seed, with 95 % t intervals; "random" takes as many texts of each
label at random (mean of 20 draws), which tells the rule's worth from that of fewer texts. "pool" is the share of the
seed's 240 real pool texts that the rule would take; it exceeds the bound's where labels are rare, as the shots are
equally many a label and the pool is not. ``--parse`` takes the texts from the raw answers by today's parser.
Writes ``benchmarks/results/off-task.json``. Tasks other than city-topics need ``../shared/datasets``.
"""

import argparse
import json
import os
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from generation import machine  # noqa: E402
from opening import split, vectors  # noqa: E402
from probe_and_finetune import mean_and_interval, present  # noqa: E402

from standin.curation.off_task import similarity, yardstick  # noqa: E402
from standin.curation.reasons import invalidity  # noqa: E402
from standin.evaluation.scores import score  # noqa: E402
from standin.generation.parsing import parse  # noqa: E402
from standin.task import load_task  # noqa: E402

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
DRAWS = 20


def read(path: Path, again: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """What a file is of, and its valid texts, each once, with the label asked for."""
    rows = [json.loads(line) for line in path.open(encoding="utf-8")]
    texts = [(parse(row["raw"], row["finish"]).text if again else row["text"], row["label"]) for row in rows]
    return rows[0], {text: label for text, label in texts if text and not invalidity(text, 3, 150)}


class Trial:
    """The texts of one file and the real texts of its seed, embedded."""

    def __init__(self, path: Path, again: bool) -> None:
        self.of, texts = read(path, again)
        task = load_task(self.of["task"], ROOT)
        shots, pool, test = split(self.of["task"], self.of["seed"])
        self.labels = task.label_names
        self.asked = np.array([self.labels.index(label) for label in texts.values()])
        self.gold = np.array([self.labels.index(str(row.label)) for row in test])
        self.texts = list(texts)
        self.x, self.shots, self.pool, self.test = (
            vectors(tuple(part)) for part in (texts, *([row.text for row in rows] for rows in (shots, pool, test)))
        )
        self.descriptions = vectors(tuple(task.descriptions.values()))

    def fitted(self, kept: Any) -> float:
        """Macro-F1 on the test texts of a logistic regression on the kept ones."""
        from sklearn.linear_model import LogisticRegression

        said = LogisticRegression(max_iter=2000).fit(self.x[kept], self.asked[kept]).predict(self.test)
        return float(score(self.gold, said, len(self.labels))[0])

    def removed(self, share: float, descriptions: Any) -> dict[str, Any] | None:
        """Scores without the texts off the task; None where the shots are too few for the share."""
        found = yardstick(self.shots, descriptions, share)
        if found.bound is None:
            return None
        gone = similarity(self.x, self.shots, descriptions) <= found.bound
        return {
            "synthetic": float(gone.mean()),
            "shots": found.removed / found.shots,
            "pool": float((similarity(self.pool, self.shots, descriptions) <= found.bound).mean()),
            "bound": found.bound,
            "macro_f1": self.fitted(~gone),
            "random": statistics.fmean(self.fitted(self.without_as_many(gone, draw)) for draw in range(DRAWS)),
        }

    def without_as_many(self, gone: Any, draw: int) -> Any:
        """A mask without as many texts of each label as ``gone`` names, drawn at random."""
        rng = np.random.default_rng([draw, self.of["seed"]])
        kept = np.ones(len(gone), bool)
        for label, number in Counter(self.asked[gone].tolist()).items():
            kept[rng.choice(np.flatnonzero(self.asked == label), number, replace=False)] = False
        return kept


def measure(paths: list[Path], again: bool) -> dict[str, Any]:
    """By kind of texts (examples, variant), measure and share: every task, and the mean over tasks."""
    runs: dict[tuple[str, str, float], dict[str, dict[int, dict[str, Any]]]] = {}
    whole: dict[str, dict[str, dict[int, float]]] = {}
    farthest: dict[str, list[str]] = {}
    for path in paths:
        trial = Trial(path, again)
        task, seed = trial.of["task"], trial.of["seed"]
        kind = f"{trial.of['shots']}-shot {trial.of['variant']}"
        whole.setdefault(kind, {}).setdefault(task, {})[seed] = trial.fitted(np.ones(len(trial.texts), bool))
        order = np.argsort(similarity(trial.x, trial.shots, trial.descriptions))
        farthest.setdefault(f"{task} {kind}", []).extend(trial.texts[place][:120] for place in order[:3])
        for by, said in (("shots and descriptions", trial.descriptions), ("shots", trial.descriptions[:0])):
            for share in SHARES:
                found = trial.removed(share, said)
                if found is not None:
                    runs.setdefault((kind, by, share), {}).setdefault(task, {})[seed] = found
        print(path.name, flush=True)
    found = {}
    for (kind, by, share), tasks in runs.items():
        own = {task: summary(seeds, whole[kind][task]) for task, seeds in tasks.items()}
        both = set.intersection(*(set(seeds) for seeds in tasks.values()))
        means = [statistics.fmean(tasks[t][s]["macro_f1"] - whole[kind][t][s] for t in tasks) for s in sorted(both)]
        if len(means) > 1:
            own["all tasks"] = {"difference": mean_and_interval(means)}
        found.setdefault(kind, {}).setdefault(by, {})[f"{share:g}"] = own
    return {"found": found, "farthest": farthest}


def summary(seeds: dict[int, dict[str, Any]], whole: dict[int, float]) -> dict[str, Any]:
    """Means over seeds, and paired differences with intervals where there are several."""
    columns = ("synthetic", "shots", "pool", "bound", "macro_f1", "random")
    means: dict[str, Any] = {name: round(statistics.fmean(run[name] for run in seeds.values()), 4) for name in columns}
    means["whole"] = round(statistics.fmean(whole[seed] for seed in seeds), 4)
    if len(seeds) > 1:
        means["difference"] = mean_and_interval([run["macro_f1"] - whole[seed] for seed, run in seeds.items()])
        means["difference_to_random"] = mean_and_interval([run["macro_f1"] - run["random"] for run in seeds.values()])
    return means | {"seeds": len(seeds)}


def table(found: dict[str, Any]) -> str:
    """A line for each kind, measure, share and task."""
    lines = ["kind, by, share, task: whole -> kept (difference, interval) | to random | gone synthetic, shots, pool"]
    for kind, measures in found.items():
        for by, shares in measures.items():
            for share, tasks in shares.items():
                for task, own in tasks.items():
                    said = " ".join(f"{value:+.3f}" for value in own.get("difference", ()))
                    if "whole" not in own:
                        lines.append(f"{kind}, {by}, {share}, {task}: ({said})")
                        continue
                    random = " ".join(f"{value:+.3f}" for value in own.get("difference_to_random", ()))
                    gone = " ".join(f"{own[name]:.3f}" for name in ("synthetic", "shots", "pool"))
                    scores = f"{own['whole']:.3f} -> {own['macro_f1']:.3f}"
                    lines.append(f"{kind}, {by}, {share}, {task}: {scores} ({said}) | {random} | {gone}")
    return "\n".join(lines)


def main() -> None:
    """Measure the files of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parse", action="store_true")
    given = parser.parse_args()
    tasks = present()
    paths = [path for path in sorted(given.folder.glob("*.jsonl")) if path.name.rsplit("-", 3)[0] in tasks]
    if not paths:
        sys.exit(f"{given.folder}: no texts of {', '.join(tasks)}: run benchmarks/opening.py generate first")
    found = measure(paths, given.parse)
    (ROOT / "benchmarks/results/off-task.json").write_text(
        json.dumps({"machine": machine(), "parsed_again": given.parse, **found}, indent=2, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    print(table(found["found"]))


if __name__ == "__main__":
    main()
