"""What an opening quotation mark, contrast between labels and examples are worth, on four tasks and several seeds.

    python benchmarks/opening.py generate FOLDER [--seeds 1 2 3] [--variants plain opened] [--modes 0 5] [--tasks ...]
    python benchmarks/opening.py measure FOLDER

``generate`` writes 40 texts a label, one chat a text (``opened-chat``: three a chat), by the embedded model, into
``FOLDER/<task>-<shots>-<variant>-<seed>.jsonl`` (label, text, raw answer). Answers are stored in ``FOLDER/answers.db``,
so it goes on where it stopped. A seed draws shots, prompts' examples and tokens. ``measure`` fits a logistic regression
on frozen embeddings of the texts and scores it on up to 800 real test texts (city-topics: the rest, 288); differences
are paired by seed, with 95 % t intervals. Writes ``benchmarks/results/opening.json``. Tasks other than city-topics need
``../shared/datasets``.
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from generation import machine  # noqa: E402
from probe_and_finetune import TASKS, _open, mean_and_interval, present, threads  # noqa: E402

from standin.config import Generator, Runtime  # noqa: E402
from standin.corpus import Row  # noqa: E402
from standin.curation.reasons import invalidity  # noqa: E402
from standin.embedded import ENCODER, GENERATOR  # noqa: E402
from standin.engines import registry  # noqa: E402
from standin.engines.protocol import Sampling, loops  # noqa: E402
from standin.evaluation.scores import score  # noqa: E402
from standin.generation.answering import answer_plan  # noqa: E402
from standin.generation.parsing import parse  # noqa: E402
from standin.generation.plan import make_plan  # noqa: E402
from standin.generation.prompts import turn  # noqa: E402
from standin.generation.store import AnswerStore  # noqa: E402
from standin.measures.embeddings import embed  # noqa: E402
from standin.task import load_task  # noqa: E402

RESULT = ROOT / "benchmarks/results/opening.json"
FOLDER: list[Path] = []
TEXTS = 40
SHOTS = 64
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "opened": {"begin": '"', "stop": ('"',)},
    "guided": {"begin": '"', "stop": ('"',)},
    "opened-chat": {"begin": '"', "stop": ('"',)},
    "opened-shared": {"begin": '"', "stop": ('"',)},
}
CONVERSATION = {"opened-chat": 3}
"""Texts a chat, with a diversity turn before each but the first; 1 elsewhere."""
REDRAW: dict[str, Any] = {"opened-shared": 3}
"""Texts that share examples; elsewhere every text has its own."""
GUIDANCE = {"guided": 1.0}
"""Weight of the contrast: log-probabilities under the asked label's prompt, plus so often their distance to those under
another label's prompt, each text another one in turn."""


def split(task: str, seed: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Shots (64, the same number a label), pool (240) and test rows, drawn by the seed."""
    train, test = ([json.loads(line) for line in _open(path)] if path else None for path in TASKS[task])
    rng = np.random.default_rng(seed)
    names = [label.name for label in load_task(task, ROOT).labels]
    rows = [
        Row(id=f"{task}-{place}", text=train[place]["text"], label=train[place]["label"])
        for place in rng.permutation(len(train))
    ]
    own = {name: [row for row in rows if row.label == name][: SHOTS // len(names)] for name in names}
    shots = [row for name in names for row in own[name]]
    taken = {row.id for row in shots}
    rest = [row for row in rows if row.id not in taken]
    picked = rng.permutation(len(test))[:800] if test else []
    real = [Row(id="", text=test[p]["text"], label=test[p]["label"]) for p in picked] if test else rest[240:]
    return shots, rest[:240], real


def generate(folder: Path, task_name: str, shots: int, variant: str, seed: int) -> Path:
    """Write the texts of one combination."""
    path = folder / f"{task_name}-{shots}-{variant}-{seed}.jsonl"
    if path.exists():
        return path
    task = load_task(task_name, ROOT)
    known, _, _ = split(task_name, seed)
    redraw = REDRAW.get(variant, "text")
    chosen = Generator(texts=TEXTS, shots=shots, conversation=CONVERSATION.get(variant, 1), redraw=redraw)
    labels = {label.name: label for label in task.labels}
    by_id = {row.id: row for row in known}
    plan = make_plan(task.labels, (), known, chosen, seed, {})

    def say(row: Any) -> str:
        return turn(task.prompts, row.kind, labels[row.label], None, [by_id[shot] for shot in row.shots], {})

    assert chosen.temperature is not None
    sampling = Sampling(chosen.temperature, chosen.top_p, chosen.max_tokens, **VARIANTS[variant])
    about = {"task": task_name, "shots": shots, "variant": variant, "seed": seed}
    if variant in GUIDANCE:
        others = {row.plan_id: say(contrast(plan, row, list(labels))) for row in plan}
        answers = guided(plan, say, others, sampling, GUIDANCE[variant])
        return write(
            path, {"task": task_name, "shots": shots, "variant": variant, "seed": seed}, sampling, plan, answers
        )
    identity = {"engine": "transformers", "model": GENERATOR}
    with AnswerStore(folder / "answers.db") as store:
        found = answer_plan(plan, say, identity, sampling, 64, store, engine, lambda _: None)
    return write(path, about, sampling, plan, [each.answer for each in found])


def write(path: Path, about: dict[str, Any], sampling: Sampling, plan: list[Any], answers: list[Any]) -> Path:
    """One line a text."""
    lines = []
    for row, answer in zip(plan, answers, strict=True):
        raw = sampling.begin + answer.text
        own = {"label": row.label, "text": parse(raw, answer.finish).text, "raw": raw, "finish": answer.finish}
        lines.append(json.dumps({**about, **own}, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def contrast(plan: list[Any], row: Any, labels: list[str]) -> Any:
    """The planned row of another label with the same number, labels in turn."""
    own = [each for each in plan if each.label == row.label]
    number = own.index(row)
    others = [label for label in labels if label != row.label]
    return [each for each in plan if each.label == others[number % len(others)]][number]


def guided(plan: list[Any], say: Any, others: dict[str, str], sampling: Sampling, weight: float) -> list[Any]:
    """Answers under label-contrastive decoding (as classifier-free guidance, Sanchez et al. 2023), 64 at a time."""
    import torch

    from standin.engines.decoding import top_p_draw, uniforms
    from standin.engines.prompting import Prompt, prompt_tokens
    from standin.engines.stops import Stops

    loaded = engine()
    decoder, stops = loaded.decoder, Stops(loaded.tokenizer, sampling.stop)
    answers = []
    for start in range(0, len(plan), 64):
        rows = plan[start : start + 64]
        chats = [(("user", say(row)),) for row in rows] + [(("user", others[row.plan_id]),) for row in rows]
        prompts = [prompt_tokens(loaded.tokenizer, chat, sampling.begin) for chat in chats]
        n, most = len(rows), sampling.max_tokens or 64
        uniform = uniforms([row.seed for row in rows], most)
        drawn: list[list[int]] = [[] for _ in rows]
        done = [False] * n
        with torch.inference_mode():
            cache, logits = decoder.prefill(prompts, most)
            for step in range(most):
                logs = logits.float().log_softmax(-1)
                mixed = logs[:n] + weight * (logs[:n] - logs[n:])
                mixed[logs[:n] < logs[:n].max(-1, keepdim=True).values + np.log(0.05)] = -1e9  # plausible ones only
                tokens = top_p_draw(mixed, uniform[:, step], sampling.temperature or 0.0, sampling.top_p or 1.0)
                for place, token in enumerate(tokens.tolist()):
                    if not done[place]:
                        drawn[place].append(token)
                        done[place] = token in decoder.stop or loops(drawn[place]) or stops.ended(drawn[place])
                if all(done) or step == most - 1:
                    break
                both = torch.cat([tokens, tokens])
                logits = decoder._step(both[:, None], torch.ones_like(both), cache, slice(None))
        for prompt, own in zip(prompts[:n], drawn, strict=True):
            answers.append(loaded._answer(Prompt(prompt, ""), own, stops, begun=True))
    return answers


@cache
def engine() -> Any:
    """The embedded model."""
    return registry.load("transformers", GENERATOR, "main", "float32", Runtime(threads=threads()))


def probe(texts: list[str], labels: list[str], asked: list[str], gold: list[str]) -> float:
    """Macro-F1 of a logistic regression on frozen unit embeddings."""
    from sklearn.linear_model import LogisticRegression

    names = sorted(set(gold))
    x, y = (vectors(tuple(part)) for part in (texts, asked))
    said = LogisticRegression(max_iter=2000).fit(x, labels).predict(y)
    codes = ([names.index(label) for label in part] for part in (gold, said))
    return float(score(*map(np.array, codes), len(names))[0])


def vectors(texts: tuple[str, ...]) -> Any:
    """Unit embeddings (texts, 384), kept in the folder."""
    path = FOLDER[0] / f"{hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        np.save(path, embed(list(texts), ENCODER, "main", Runtime(threads=threads())))
    return np.load(path)


def measure(folder: Path) -> dict[str, Any]:
    """Scores of all files of the folder and paired differences to plain; runs that it lacks stay as they were."""
    scores: dict[str, dict[str, dict[str, float]]] = {}
    counts: dict[str, dict[str, list[int]]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.open(encoding="utf-8")]
        task, seed = rows[0]["task"], rows[0]["seed"]
        kept = {row["text"]: row["label"] for row in rows if row["text"] and not invalidity(row["text"], 3, 150)}
        name = f"{rows[0]['shots']}-shot {rows[0]['variant']}"
        shots, pool, test = split(task, seed)
        gold = [str(row.label) for row in test]
        asked = [row.text for row in test]
        own = scores.setdefault(task, {})
        own.setdefault(name, {})[seed] = probe(list(kept), list(kept.values()), asked, gold)
        counts.setdefault(task, {}).setdefault(name, []).append(len(kept))
        for real, part in (("shots", shots), ("pool", pool)):
            if seed not in own.setdefault(real, {}):
                own[real][seed] = probe([r.text for r in part], [str(r.label) for r in part], asked, gold)
    earlier = json.loads(RESULT.read_text(encoding="utf-8"))["found"] if RESULT.exists() else {}
    found: dict[str, Any] = {}
    for task in sorted({*scores, *earlier}):
        own: dict[str, dict[str, float]] = scores.get(task, {})
        texts = counts.get(task, {})
        for name, runs in earlier.get(task, {}).get("runs", {}).items():
            kept = {int(seed): value for seed, value in runs.items() if int(seed) not in own.get(name, {})}
            if name in earlier[task]["texts"]:
                texts.setdefault(name, []).extend([earlier[task]["texts"][name]] * len(kept))
            own[name] = {**kept, **own.get(name, {})}
        pairs = [(name, f"{name.split()[0]} plain") for name in own if "-shot" in name and not name.endswith("plain")]
        found[task] = {
            "macro_f1": {name: round(statistics.fmean(runs.values()), 4) for name, runs in own.items()},
            "texts": {name: round(statistics.fmean(number), 1) for name, number in texts.items()},
            "differences": {
                f"{one} - {other}": mean_and_interval([own[one][seed] - own[other][seed] for seed in both])
                for one, other in pairs
                if len(both := sorted(set(own[one]) & set(own.get(other, {})))) > 1
            },
            "runs": {
                name: {str(seed): round(value, 4) for seed, value in sorted(runs.items())} for name, runs in own.items()
            },
        }
    return found


def main() -> None:
    """Generate or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("generate", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--modes", type=int, nargs="+", default=[0, 5])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--tasks", nargs="+", default=present())
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    FOLDER.append(given.folder)
    if given.part == "measure":
        found = measure(given.folder)
        RESULT.write_text(json.dumps({"machine": machine(), "found": found}, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(found, indent=1))
        return
    for seed in given.seeds:
        for shots in given.modes:
            for task in given.tasks:
                for variant in given.variants:
                    print(generate(given.folder, task, shots, variant, seed), flush=True)


if __name__ == "__main__":
    main()
