"""Fine-tuning against a logistic regression on frozen embeddings, and how its settings were chosen.

    python benchmarks/probe_and_finetune.py choose [--draws 2]    learning rate and epochs, on validation texts
    python benchmarks/probe_and_finetune.py compare [--draws 5]   the default arm `real`, on test texts

Tasks: the example city-topics, and SMS spam, AG News and tweet irony from ``../shared/datasets`` (left out where that
is absent). A draw is a random split: 240 training texts as in the default pool, 200 validation (city-topics: 112), up
to 800 test texts (288). Differences are paired by draw; intervals are 95 % t intervals over draws, so they speak of
other texts of the same task. Writes ``benchmarks/results/probe-and-finetune-<part>.json``.
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from generation import machine  # noqa: E402

from standin.classifier.encoders import begin  # noqa: E402
from standin.classifier.inputs import Inputs, inputs_of  # noqa: E402
from standin.classifier.prediction import features, probabilities  # noqa: E402
from standin.classifier.training import fine_tune  # noqa: E402
from standin.config import Finetune, Runtime  # noqa: E402
from standin.evaluation.scores import score  # noqa: E402

DATA = ROOT.parent / "shared/datasets"
TASKS = {
    "city-topics": (ROOT / "data/raw/city-topics/texts.jsonl", None),
    "sms-spam": (DATA / "sms_spam/train.jsonl.gz", DATA / "sms_spam/test.jsonl.gz"),
    "ag-news": (DATA / "agnews/train.jsonl.gz", DATA / "agnews/test.jsonl.gz"),
    "tweet-irony": (DATA / "tweeteval_irony/train.jsonl.gz", DATA / "tweeteval_irony/test.jsonl.gz"),
}
BEFORE = {"pooling": "cls", "probe": False, "frozen_layers": 3, "learning_rate": 5e-4, "min_steps": 25, "max_steps": 25}
"""What the default was: 25 steps of 16 texts from a random head."""
GRID = [
    {"learning_rate": rate, "epochs": epochs}
    for rate, epochs in ((1e-4, 4.0), (2e-4, 4.0), (5e-4, 4.0), (2e-4, 2.0), (2e-4, 3.0), (2e-4, 8.0))
]
PENALTIES = (0.1, 1.0, 10.0, 100.0)


class Draw:
    """One random split of a task, taken through the frozen layers."""

    def __init__(self, task: str, number: int) -> None:
        train, test = ([json.loads(line) for line in _open(path)] if path else None for path in TASKS[task])
        rng = np.random.default_rng(number)
        rows = [train[place] for place in rng.permutation(len(train))]
        test = [test[place] for place in rng.permutation(len(test))[:800]] if test else rows[352:]
        parts = {"train": rows[:240], "validation": rows[240 : 440 if TASKS[task][1] else 352], "test": test}
        self.labels = sorted({row["label"] for row in rows})
        self.texts = {part: [row["text"] for row in own] for part, own in parts.items()}
        self.codes = {part: np.array([self.labels.index(row["label"]) for row in own]) for part, own in parts.items()}
        self.inputs: dict[tuple[int, str], Inputs] = {}

    def fine_tuned(self, part: str, seed: int, **chosen: Any) -> tuple[float, float]:
        """Macro-F1 on validation or test texts, and the seconds of training."""
        start = begin(Finetune(**chosen), self.labels, Runtime(threads=threads()))
        for name, texts in self.texts.items():
            key = start.settings.frozen_layers, name
            if key not in self.inputs:
                self.inputs[key] = inputs_of(start, texts, [None] * len(texts))
        train, asked = (self.inputs[start.settings.frozen_layers, name] for name in ("train", part))
        began = time.perf_counter()
        found = fine_tune(start, train, self.codes["train"], seed, lambda _: None)
        seconds = time.perf_counter() - began
        said = probabilities(found.classifier, asked).argmax(axis=1)
        return score(self.codes[part], said, len(self.labels))[0], seconds

    def probed(self) -> dict[str, float]:
        """Macro-F1 on test texts of logistic regressions on the frozen encoder's unit embeddings."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV

        start = begin(Finetune(), self.labels, Runtime(threads=threads()))
        reference = start.classifier(0)
        x = {}
        for part in ("train", "test"):
            texts = self.texts[part]
            vectors = features(reference, inputs_of(start, texts, [None] * len(texts)))
            x[part] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        models = {
            "probe": LogisticRegression(max_iter=2000),
            "probe_chosen_penalty": GridSearchCV(
                LogisticRegression(max_iter=2000), {"C": PENALTIES}, cv=5, scoring="f1_macro"
            ),
        }
        return {
            name: score(self.codes["test"], model.fit(x["train"], self.codes["train"]).predict(x["test"]),
                        len(self.labels))[0]
            for name, model in models.items()
        }  # fmt: skip


def _open(path: Path) -> Any:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def threads() -> int:
    """Of torch."""
    return int(os.environ.get("OMP_NUM_THREADS", "2"))


def mean_and_interval(values: Sequence[float]) -> list[float]:
    """Mean, lower and upper bound of the 95 % t interval over draws."""
    from scipy import stats

    mean, error = statistics.fmean(values), statistics.stdev(values) / len(values) ** 0.5
    wide = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return [round(value, 4) for value in (mean, mean - wide, mean + wide)]


def choose(draws: int) -> dict[str, Any]:
    """Macro-F1 on validation texts for every point of the grid, means over draws (one seed each)."""
    found: dict[str, Any] = {}
    for task in present():
        made = [Draw(task, number) for number in range(draws)]
        for chosen in GRID:
            scores = [draw.fine_tuned("validation", 1, **chosen)[0] for draw in made]
            name = f"{chosen['epochs']:g} epochs, {chosen['learning_rate']:g}"
            found.setdefault(name, {})[task] = round(statistics.fmean(scores), 4)
            print(task, name, found[name][task], flush=True)
    for row in found.values():
        row["mean"] = round(statistics.fmean(row.values()), 4)
    return found


def compare(draws: int, seeds: int) -> dict[str, Any]:
    """The default fine-tuning, the same with class weights, and the one before, each less the frozen probe."""
    variants: dict[str, dict[str, Any]] = {"fine_tuned": {}, "class_weights": {"class_weights": True}, "before": BEFORE}
    found: dict[str, Any] = {}
    for task in present():
        runs: dict[str, list[float]] = {}
        for number in range(100, 100 + draws):  # other draws than those that the settings were chosen on
            draw = Draw(task, number)
            for name, value in draw.probed().items():
                runs.setdefault(name, []).append(value)
            for name, chosen in variants.items():
                scores = [draw.fine_tuned("test", seed, **chosen)[0] for seed in range(1, seeds + 1)]
                runs.setdefault(name, []).append(statistics.fmean(scores))
            print(task, number, {name: round(values[-1], 3) for name, values in runs.items()}, flush=True)
        pairs = [("fine_tuned", "probe"), ("fine_tuned", "probe_chosen_penalty"), ("fine_tuned", "before"),
                 ("class_weights", "fine_tuned")]  # fmt: skip
        found[task] = {
            "macro_f1": {name: mean_and_interval(values) for name, values in runs.items()},
            "differences": {
                f"{one} - {other}": mean_and_interval([a - b for a, b in zip(runs[one], runs[other], strict=True)])
                for one, other in pairs
            },
            "runs": {name: [round(value, 4) for value in values] for name, values in runs.items()},
        }
    return found


def present() -> list[str]:
    """Tasks whose data are here."""
    return [task for task, (path, _) in TASKS.items() if path.exists()]


def main() -> None:
    """Run a part and write its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("choose", "compare"))
    parser.add_argument("--draws", type=int)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    draws = given.draws or (2 if given.part == "choose" else 5)
    found = choose(draws) if given.part == "choose" else compare(draws, given.seeds)
    result = {"machine": machine(), "draws": draws, "found": found}
    path = ROOT / f"benchmarks/results/probe-and-finetune-{given.part}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
