"""Generation: our engine against plain ``generate``, and the pipeline against the bare engine.

    python benchmarks/generation.py [--engine transformers|vllm] [--repeats 3] [--rows 64] [--tokens 32]

Two things are compared in one run, alternating; the ratio of medians counts, as machines are shared. Writes
``benchmarks/results/generation-<engine>.json`` with the machine's description.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from standin.config import Generator, Params, Prepare, Runtime  # noqa: E402
from standin.embedded import GENERATOR  # noqa: E402
from standin.engines import registry  # noqa: E402
from standin.engines.protocol import Request, Sampling  # noqa: E402
from standin.generation.answering import answer_plan  # noqa: E402
from standin.generation.store import AnswerStore  # noqa: E402
from standin.planning import plan_of  # noqa: E402
from standin.task import load_task  # noqa: E402

RESULTS = ROOT / "benchmarks/results"
THREADS = 2


def prompts(shots: int, redraw: str, rows: int) -> tuple[list[Any], Callable[[Any], str]]:
    """The first turns of ``rows`` conversations of the example task; with ``redraw`` label, all of one label."""
    task = load_task("city-topics")
    labels = 1 if redraw == "label" else len(task.labels)
    chosen = Generator(texts=rows // labels, shots=shots, redraw=redraw, conversation=1)
    plan, say = plan_of(Params(generator=chosen, prepare=Prepare()), task)
    return [row for row in plan if labels > 1 or row.label == task.labels[0].name][:rows], say


def alternating(first: Callable[[], int], second: Callable[[], int], repeats: int) -> dict[str, Any]:
    """Tokens a second of both, run in turn; each callable returns its number of new tokens."""
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for rate, run in zip(rates, (first, second), strict=True):
            started = time.perf_counter()
            tokens = run()
            rate.append(tokens / (time.perf_counter() - started))
    ours, theirs = (statistics.median(rate) for rate in rates)
    return {"ours": round(ours, 1), "theirs": round(theirs, 1), "ratio": round(ours / theirs, 2),
            "runs": [[round(value, 1) for value in rate] for rate in rates]}  # fmt: skip


def against_generate(engine: Any, rows: int, tokens: int, repeats: int) -> dict[str, Any]:
    """Equal prompts, equal lengths, the same distribution (temperature 0.8, top-p 0.95)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from standin.embedded import resolve
    from standin.engines.decoding import Decoder

    folder = resolve(GENERATOR)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    decoder = Decoder(engine.decoder.model, frozenset())
    found = {}
    for name, shots, redraw in (("zero-shot", 0, "text"), ("five-shot, examples per text", 5, "text"),
                                ("five-shot, examples shared", 5, "label")):  # fmt: skip
        plan, say = prompts(shots, redraw, rows)
        chats = [engine.tokens((("user", say(row)),)) for row in plan]
        padded = tokenizer.pad({"input_ids": chats}, return_tensors="pt")

        def ours(chats: list[list[int]] = chats, plan: list[Any] = plan) -> int:
            made = decoder.generate(chats, [row.seed for row in plan], 0.8, 0.95, tokens)
            return sum(len(row) for row in made)

        def theirs(padded: Any = padded) -> int:
            with torch.inference_mode():
                made = plain.generate(**padded, do_sample=True, temperature=0.8, top_p=0.95, top_k=0,
                                      max_new_tokens=tokens, min_new_tokens=tokens)  # fmt: skip
            return int(made.shape[0] * (made.shape[1] - padded["input_ids"].shape[1]))

        length = sum(map(len, chats)) / len(chats)
        found[name] = {
            "prompt_tokens": round(length, 1),
            **alternating(ours, theirs, repeats),
            **floor(chats, tokens, decoder),
        }
        print(name, found[name], flush=True)
    return found


def floor(chats: list[list[int]], tokens: int, decoder: Any) -> dict[str, Any]:
    """Least seconds: the FLOPs that must be done, over the rates of matrix products of the shapes that occur."""
    import torch

    from standin.engines.decoding import shared_prefixes

    config = decoder.model.config
    head = config.vocab_size * config.hidden_size
    body = sum(weight.numel() for weight in decoder.model.base_model.parameters()) - head
    shared = shared_prefixes(chats)
    read = sum(map(len, shared.groups)) + sum(
        len(prompt) - len(shared.groups[group]) for prompt, group in zip(shared.prompts, shared.group, strict=True)
    )
    weights = torch.randn(config.hidden_size, config.intermediate_size)

    def rate(rows: int) -> float:
        values = torch.randn(rows, config.hidden_size)
        times = []
        for _ in range(30):
            started = time.perf_counter()
            torch.mm(values, weights)
            times.append(time.perf_counter() - started)
        return 2 * rows * weights.numel() / statistics.median(times)

    seconds = 2 * body * read / rate(2048) + 2 * (body + head) * len(chats) * tokens / rate(len(chats))
    return {"tokens_read": read, "floor_tokens_per_second": round(len(chats) * tokens / seconds, 1)}


def against_bare_engine(engine: Any, name: str, rows: int, tokens: int, repeats: int) -> dict[str, Any]:
    """Plan, store and parsing around the engine against the engine alone, on the same prompts."""
    plan, say = prompts(0, "text", rows)
    sampling = Sampling(0.8, 0.95, tokens)
    identity = {"engine": name, "version": engine.version, "model": GENERATOR, "revision": "main", "dtype": "float32"}

    def bare() -> int:
        asked = [Request((("user", say(row)),), row.seed) for row in plan]
        return sum(answer.tokens_out for _, answer in engine.answer(asked, sampling))

    def whole() -> int:
        with tempfile.TemporaryDirectory() as folder, AnswerStore(Path(folder) / "answers.db") as store:
            found = answer_plan(plan, say, identity, sampling, rows, store, lambda: engine, lambda _: None)
        return sum(each.answer.tokens_out for each in found)

    bare()
    found = alternating(whole, bare, repeats)
    print("pipeline against bare engine", found, flush=True)
    return found


def machine() -> dict[str, Any]:
    """What this ran on."""
    import torch

    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return {
        "cpu": cpu,
        "cores_allowed": len(os.sched_getaffinity(0)),
        "threads": THREADS,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "note": "a shared machine, other work on other cores",
    }


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="transformers", choices=["transformers", "vllm"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32)
    given = parser.parse_args()
    os.chdir(ROOT)
    engine = registry.load(given.engine, GENERATOR, "main", "float32", Runtime(threads=THREADS, device="cpu"))
    found: dict[str, Any] = {
        "machine": machine(),
        "rows": given.rows,
        "new_tokens": given.tokens,
        "repeats": given.repeats,
    }
    found["pipeline against bare engine"] = against_bare_engine(
        engine, given.engine, given.rows, given.tokens, max(given.repeats, 5)
    )
    if given.engine == "transformers":
        found["our engine against generate"] = against_generate(engine, given.rows, given.tokens, given.repeats)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"generation-{given.engine}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
