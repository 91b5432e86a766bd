"""Which claims of the two papers hold here: the default models on published data, several base seeds.

    python benchmarks/evidence.py run FOLDER [--seeds 1 2 3] [--training-seeds 5] [--tasks sms-spam ...] [--until 11:15]
    python benchmarks/evidence.py measure FOLDER [--seeds 1 2 3]

``run`` uses the product as its users do: FOLDER/project is a clone, the data come in by ``standin data add``, every run
is a ``standin run`` with other values of ``base.task``, ``base.seed`` and ``generator.shots``. Predictions and metrics
of a run are kept in FOLDER/runs/<task>-<shots>-<seed>; a run whose folder is whole is not done again. All tasks are
run with one seed before the next seed begins, so that it can be stopped; ``--until`` begins none after that time.

Tasks: SMS spam, and SemEval-2016's stance toward four targets with three labels, scored by against and favor. The train
and validation tweets of a target are what is split, its test tweets are tested on, "#SemST" is taken off. Its warm
start is trained on the three other targets' train and validation tweets, never on its own. Data:
``../shared/datasets``.

``measure`` judges the claims in ``CLAIMS`` and writes ``benchmarks/results/evidence.json``. Every arm, base seed and
training seed is scored on the same resamples of the test texts, and a base seed's value is its mean over training
seeds. Of a difference ``standin.evaluation.uncertainty`` adds two variances: between base seeds, which holds what other
splits, synthetic texts and training seeds change, with base seeds - 1 degrees of freedom, and what other test texts
change. Of one base seed the interval is over training seeds and texts, and there is no verdict: it speaks of one run.
Over tasks, those with two base seeds or more, it is the mean of their differences, whose variance adds up (Welch and
Satterthwaite's degrees of freedom): of these tasks, not of others. Between equal arms of four tasks with three base
seeds 3.3 to 5.1 % of p-values are below 5 % (40,000 simulated draws, seed variances of 0 to 100 times the texts').
Holm's correction is over the claims of one task or pool.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from evidence_runs import ARMS, DATA, SCORED, STANCE, TASKS, Project, records  # noqa: E402
from generation import machine  # noqa: E402

from standin.evaluation.comparisons import holm  # noqa: E402
from standin.evaluation.intervals import Examined, Resampled, bootstrap  # noqa: E402
from standin.evaluation.uncertainty import Estimate, estimate  # noqa: E402
from standin.studies.measuring import pooled  # noqa: E402

RESULT = ROOT / "benchmarks/results/evidence.json"
RESAMPLES, CONFIDENCE = 4000, 0.95


@dataclass(frozen=True, slots=True)
class Claim:
    """That the first arm's score less the second's has this sign; ``by`` is the paper that says so."""

    by: str
    first: str
    second: str
    sign: int

    @property
    def name(self) -> str:
        """As tables call it."""
        return f"{self.first} {'>' if self.sign > 0 else '<'} {self.second}"


ONE, NOT_LEARNED = "one base seed", "not learned"
LI, WAGNER = "Li 2023", "Wagner 2025"
CLAIMS = [
    Claim(LI, "synthetic", "real", -1),
    Claim(LI, "real_synthetic", "real", 1),
    Claim(WAGNER, "sqbc", "random", 1),
    Claim(WAGNER, "sqbc_synthetic", "random_synthetic", 1),
    Claim(WAGNER, "sqbc_synthetic", "sqbc", 1),
    Claim(WAGNER, "sqbc_synthetic", "real", 1),
    Claim("Margatina 2021", "cal", "random", 1),
    Claim("Margatina 2021", "cal_synthetic", "random_synthetic", 1),
    Claim(WAGNER, "synthetic", "warmstart_alone", 1),
    Claim(WAGNER, "sqbc_synthetic", "warmstart_alone", 1),
]
"""What the papers say, or what their method is for: CAL is Margatina et al.'s, a competitor in Wagner et al."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Macro-F1 of every arm on a task, and on resamples of its ``texts`` test texts.

    Shapes (draws,) and (draws, resamples). A draw is a base seed, a mean over training seeds; of one base seed it is a
    training seed.
    """

    by_draw: Mapping[str, np.ndarray]
    resamples: Mapping[str, np.ndarray]
    texts: int


def run(given: argparse.Namespace, folder: Path) -> list[str]:
    """All runs that are not there yet, seed by seed; returns the names of those that failed."""
    project, failed = Project(folder), []
    project.set_up(given.tasks)
    for shots, seed, task in product(given.shots, given.seeds, given.tasks):
        name = f"{task}-{shots}-{seed}"
        if (folder / "runs" / name / "figures.json").exists():
            continue
        if time.strftime("%H:%M") >= given.until:
            print(f"{given.until} is past: {name} and what follows is not run")
            break
        print(f"== {name}, begun at {time.strftime('%H:%M')}", flush=True)
        try:
            project.run(task, shots, seed, given.training_seeds)
        except subprocess.CalledProcessError as error:
            print(f"{name}: {error}", flush=True)
            failed.append(name)
    return failed


def scored(
    truth: Sequence[str], said: Mapping[str, Sequence[Sequence[Sequence[str]]]], only: Sequence[str] = ()
) -> Measured:
    """Score every arm on the same resamples of the test texts.

    Args:
        truth: labels of the n test texts.
        said: arm -> base seed -> training seed -> labels of the n texts; an arm with one training seed stands for each.
        only: labels that macro-F1 goes over; none names all.
    """
    labels = sorted(set(truth))
    code = {label: place for place, label in enumerate(labels)}
    bases = {len(of_arm) for of_arm in said.values()}
    seeds = max(len(of_base) for of_arm in said.values() for of_base in of_arm)
    assert len(bases) == 1, "every arm needs every base seed"
    bases_of = bases.pop()
    predicted = np.array([
        [[code[label] for label in answers] for of_base in of_arm for answers in _often(of_base, seeds)]
        for of_arm in said.values()
    ])  # fmt: skip
    examined = Examined(np.array([code[label] for label in truth]), predicted)
    draws = np.random.default_rng(0)
    found: Resampled = bootstrap(examined, len(labels), RESAMPLES, draws, [code[label] for label in only])["macro_f1"]
    shape = (len(said), bases_of, seeds) if bases_of > 1 else (len(said), seeds, 1)
    by_draw = found.by_seed.reshape(shape).mean(axis=2)
    drawn = found.resamples.reshape(*shape, -1).mean(axis=2)
    arms = (dict(zip(said, values, strict=True)) for values in (by_draw, drawn))
    return Measured(*arms, len(truth))


def _often(answers: Sequence[Any], seeds: int) -> Sequence[Any]:
    return answers * seeds if len(answers) == 1 else answers


def difference(measured: Measured, first: str, second: str) -> Estimate:
    """The first arm less the second, paired by base seed, training seed and resample."""
    by_draw, drawn = measured.by_draw, measured.resamples
    return estimate(by_draw[first] - by_draw[second], drawn[first] - drawn[second], measured.texts)


def share(measured: Measured, first: str, second: str) -> Estimate:
    """The first arm's score as a share of the second's."""
    by_draw, drawn = measured.by_draw, measured.resamples
    return estimate(by_draw[first] / by_draw[second], drawn[first] / drawn[second], measured.texts)


def judged(found: Mapping[Claim, Estimate], base_seeds: int, lost: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Difference, interval, p-values and verdict of each claim, Holm's correction being over those that are given.

    ``lost``: arms that had not learned in some run; a claim of one has no verdict, as in the product.
    """
    adjusted = holm([one.p_value() for one in found.values()])
    return {
        claim.name: {
            "by": claim.by,
            "difference": round(one.value, 4),
            "interval": [round(bound, 4) for bound in one.interval(CONFIDENCE, -1, 1)],
            "p": round(one.p_value(), 4),
            "p_holm": round(p, 4),
            "verdict": ONE
            if base_seeds < 2
            else NOT_LEARNED
            if {claim.first, claim.second} & {*lost}
            else verdict(claim.sign * one.value, one.p_value(), p),
        }
        for (claim, one), p in zip(found.items(), adjusted, strict=True)
    }


def verdict(towards: float, p: float, holm_p: float) -> str:
    """Of a claim. ``towards``: the difference in its direction. ``p``, ``holm_p``: before and after the correction.

    "holds": clear of 0 in the claim's direction; "the opposite": clear in the other one; "not clear": only before the
    correction; else "within the noise".
    """
    if p >= 1 - CONFIDENCE:
        return "within the noise"
    if holm_p >= 1 - CONFIDENCE:
        return "not clear"
    return "holds" if towards > 0 else "the opposite"


@dataclass(frozen=True, slots=True)
class Runs:
    """What was kept of a task's runs: scores, training seeds, the base seeds in which an arm had not learned."""

    measured: Measured
    training_seeds: int
    lost: dict[str, list[int]]
    figures: list[dict[str, Any]]


def read(folder: Path, task: str, shots: int, seeds: Sequence[int]) -> Runs:
    """Read a task's runs; of training seeds those that every run has."""
    truth: dict[str, str] = {}
    said: dict[str, list[list[list[str]]]] = {}
    lost: dict[str, list[int]] = {}
    figures = []
    for seed in seeds:
        kept = folder / "runs" / f"{task}-{shots}-{seed}"
        own = {row["id"]: row["label"] for row in records(kept / "truth.jsonl")}
        assert truth in ({}, own), f"{kept}: other test texts than those of the other base seeds"
        truth = truth or own  # whose order counts: every base seed draws the published test texts in another
        for arm in ARMS:
            if (kept / f"{arm}.jsonl").exists():
                answers: dict[int, dict[str, str]] = {}
                for row in records(kept / f"{arm}.jsonl"):
                    answers.setdefault(row["seed"], {})[row["id"]] = row["label"]
                said.setdefault(arm, []).append([[each[text] for text in truth] for _, each in sorted(answers.items())])
        figures.append(json.loads((kept / "figures.json").read_text("utf-8")))
        for arm in figures[-1]["evaluate"][0]["unlearned_arms"]:
            lost.setdefault(arm, []).append(seed)
    makers = {json.dumps(one["made_by"], sort_keys=True) for one in figures}
    assert len(makers) == 1, f"{task}: runs of different code or settings: {makers}"
    training = min(len(of_base) for of_base in said["real"])
    common = {arm: [of_base[:training] for of_base in of_arm] for arm, of_arm in said.items()}
    return Runs(scored(list(truth.values()), common, SCORED.get(task, ())), training, lost, figures)


def measure(folder: Path, shots: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Scores of every task and verdicts of every task and pool, over those base seeds that were run."""
    tasks, estimates, shares = {}, {}, {}
    for task in TASKS:
        done = [seed for seed in seeds if (folder / "runs" / f"{task}-{shots}-{seed}/figures.json").exists()]
        if not done:
            continue
        runs = read(folder, task, shots, done)
        scores = runs.measured.by_draw
        named = [claim for claim in CLAIMS if {claim.first, claim.second} <= scores.keys()]
        estimates[task] = {claim: difference(runs.measured, claim.first, claim.second) for claim in named}
        shares[task] = share(runs.measured, "sqbc_synthetic", "real")
        tasks[task] = {
            "base_seeds": done,
            "training_seeds": runs.training_seeds,
            "test_texts": runs.measured.texts,
            "synthetic_texts_kept": [one["curate"][0]["kept"] for one in runs.figures],
            "macro_f1": {
                arm: {"mean": round(float(values.mean()), 4), "by_draw": [round(float(one), 4) for one in values]}
                for arm, values in scores.items()
            },
            "not_learned": runs.lost,
            "claims": judged(estimates[task], len(done), runs.lost),
            "made_by": runs.figures[0]["made_by"],
            "retained": described(shares[task]),
            "seconds": [one["seconds"] for one in runs.figures],
        }
    pools = {}
    for name, members in {"stance": STANCE, "all": TASKS}.items():
        inside = [task for task in members if task in tasks and len(tasks[task]["base_seeds"]) > 1]
        common = [claim for claim in CLAIMS if all(claim in estimates[task] for task in inside)]
        if len(inside) > 1:
            over = {claim: pooled([estimates[task][claim] for task in inside]) for claim in common}
            lost = {arm for task in inside for arm in tasks[task]["not_learned"]}
            pools[name] = {"tasks": inside, "claims": judged(over, 2, lost)}
            pools[name]["retained"] = described(pooled([shares[task] for task in inside]))
    return {"tasks": tasks, "pools": pools}


def tables(found: Mapping[str, Any]) -> str:
    """Scores by task and arm, then claims by task and pool, as Markdown."""
    scores = [["task", "base seeds", "test texts", *ARMS]]
    for task, one in found["tasks"].items():
        means = [f"{one['macro_f1'][arm]['mean']:.3f}" if arm in one["macro_f1"] else "" for arm in ARMS]
        scores.append([task, str(len(one["base_seeds"])), str(one["test_texts"]), *means])
    places = {**found["tasks"], **{f"mean of {name}": one for name, one in found["pools"].items()}}
    claims = [["claim", "by", *places]]
    for claim in CLAIMS:
        cells = (one["claims"].get(claim.name) for one in places.values())
        claims.append([claim.name, claim.by, *(cell(one) if one else "" for one in cells)])
    kept = (one["retained"] for one in places.values())
    claims.append(["share of real that sqbc_synthetic keeps", "", *(
        f"{one['share']:.2f} ({one['interval'][0]:.2f} to {one['interval'][1]:.2f})" for one in kept
    )])  # fmt: skip
    return markdown(scores) + "\n" + markdown(claims)


def cell(one: Mapping[str, Any]) -> str:
    """Difference, interval, and the verdict where it is not the noise."""
    low, high = one["interval"]
    said = "" if one["verdict"] in ("within the noise", ONE) else f" {one['verdict']}"
    return f"{one['difference']:+.3f} ({low:.3f} to {high:.3f}){said}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown whose first row is its head."""
    lines = [" | ".join(row) for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]]]
    return "".join(f"| {line} |\n" for line in lines)


def described(found: Estimate) -> dict[str, Any]:
    """A share and its interval."""
    low, high = found.interval(CONFIDENCE, 0, 9)
    return {"share": round(found.value, 4), "interval": [round(low, 4), round(high, 4)]}


def main() -> None:
    """Run, or measure what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("run", "measure"))
    parser.add_argument("folder", type=Path, help="keeps the clone and what is read of its runs")
    parser.add_argument("--tasks", nargs="*", default=TASKS, choices=TASKS)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--training-seeds", type=int, default=5, help="finetune.seeds, from 1")
    parser.add_argument("--shots", nargs="*", type=int, default=[0])
    parser.add_argument("--until", default="24:00", help="begin no run after this time of the day")
    given = parser.parse_args()
    folder = given.folder.resolve()
    if given.part == "run":
        if not DATA.exists():
            sys.exit(f"{DATA}: the published data sets are not there")
        if failed := run(given, folder):
            sys.exit(f"failed: {', '.join(failed)}")
        return
    found = {f"{shots} shots": measure(folder, shots, given.seeds) for shots in given.shots}
    content = {"machine": machine(), "found": found}
    print("\n".join(tables(one) for one in found.values()))
    RESULT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
