"""Generation: our engine against plain ``generate``, and the pipeline against the bare engine.

    python benchmarks/generation.py [--engine transformers|vllm] [--repeats 3] [--rows 64] [--tokens 32]
    python benchmarks/generation.py --turns [--repeats 3]
    python benchmarks/generation.py --default [--repeats 3]

Two things are compared in one run, alternating; the ratio of medians counts, as machines are shared. Writes
``benchmarks/results/generation-<engine>.json`` with the machine's description; ``--turns`` and ``--default`` write
files of their own.
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
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from standin.config import Generator, Params, Prepare, Runtime  # noqa: E402
from standin.embedded import GENERATOR  # noqa: E402
from standin.engines import registry  # noqa: E402
from standin.engines.protocol import Request, Sampling  # noqa: E402
from standin.generation.answering import answer_plan  # noqa: E402
from standin.generation.store import AnswerStore  # noqa: E402
from standin.planning import plan_of  # noqa: E402
from standin.stages.generate import drawn  # noqa: E402
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
    """Tokens read when what prompts share is read once, and new tokens a second at the least seconds for them."""
    read = read_once(chats)
    seconds = least_seconds(decoder, len(chats), read, len(chats) * tokens)
    return {"tokens_read": read, "floor_tokens_per_second": round(len(chats) * tokens / seconds, 1)}


def read_once(chats: list[list[int]]) -> int:
    """Tokens of prompts, those of a beginning that several share counted once."""
    from standin.engines.decoding import shared_prefixes

    shared = shared_prefixes(chats)
    return sum(map(len, shared.groups)) + sum(
        len(prompt) - len(shared.groups[group]) for prompt, group in zip(shared.prompts, shared.group, strict=True)
    )


def least_seconds(decoder: Any, rows: int, read: int, drawn: int) -> float:
    """The FLOPs of reading and drawing so many tokens, over the rates of matrix products of the shapes that occur."""
    read_rate, draw_rate, body, head = rates(decoder, rows)
    return 2 * body * read / read_rate + 2 * (body + head) * drawn / draw_rate


def rates(decoder: Any, rows: int) -> tuple[float, float, int, int]:
    """FLOPs a second of matrix products of 2,048 rows and of ``rows``, and the weights of body and head."""
    import torch

    config = decoder.model.config
    head = config.vocab_size * config.hidden_size
    body = sum(weight.numel() for weight in decoder.model.base_model.parameters()) - head
    weights = torch.randn(config.hidden_size, config.intermediate_size)

    def rate(rows: int) -> float:
        values = torch.randn(rows, config.hidden_size)
        times = []
        for _ in range(30):
            started = time.perf_counter()
            torch.mm(values, weights)
            times.append(time.perf_counter() - started)
        return 2 * rows * weights.numel() / statistics.median(times)

    return rate(2048), rate(rows), body, head


def between_turns(engine: Any, repeats: int) -> dict[str, Any]:
    """The default task with five shots, three texts a chat: going on from kept keys and values, or reading all again.

    Both give the same answers but for rounding; ``equal_answers`` counts. The floor reads every token once.
    """
    from standin.engines import decoding

    chosen = Generator(shots=5, conversation=3)
    plan, say = plan_of(Params(generator=chosen), load_task("city-topics"))
    sampling = Sampling(chosen.temperature, chosen.top_p, chosen.max_tokens)
    identity = {"engine": "transformers", "model": GENERATOR}
    kept_bytes = decoding.KEPT_BYTES
    seconds: dict[str, list[float]] = {"kept": [], "read again": []}
    answers: dict[str, list[str]] = {}
    for _ in range(repeats):
        for name, allowed in (("kept", kept_bytes), ("read again", 0)):
            decoding.KEPT_BYTES = allowed
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder, AnswerStore(Path(folder) / "answers.db") as store:
                found = answer_plan(plan, say, identity, sampling, chosen.chunk, store, lambda: engine, lambda _: None)
            seconds[name].append(time.perf_counter() - started)
            answers[name] = [each.answer.text for each in found]
            print(name, round(seconds[name][-1], 1), flush=True)
    decoding.KEPT_BYTES = kept_bytes
    lengths: dict[str, int] = {}
    whole = new = 0
    for each in found:  # in plan order, so that a chat's turns follow each other
        whole += each.answer.tokens_in
        new += each.answer.tokens_in - lengths.get(each.row.conversation, 0)
        lengths[each.row.conversation] = each.answer.tokens_in
    new_tokens = sum(each.answer.tokens_out for each in found)
    floor_seconds = least_seconds(engine.decoder, chosen.chunk, new, new_tokens)
    kept, again = (statistics.median(seconds[name]) for name in ("kept", "read again"))
    return {
        "texts": len(plan),
        "prompt_tokens_of_all_turns": whole,
        "prompt_tokens_read_once": new,
        "new_tokens": new_tokens,
        "seconds_kept": round(kept, 1),
        "seconds_read_again": round(again, 1),
        "ratio": round(again / kept, 2),
        "floor_seconds": round(floor_seconds, 1),
        "times_the_floor": round(kept / floor_seconds, 2),
        "equal_answers": sum(a == b for a, b in zip(*answers.values(), strict=True)),
        "runs": {name: [round(value, 1) for value in own] for name, own in seconds.items()},
    }


def default_plan(engine: Any, repeats: int) -> dict[str, Any]:
    """Stage generate of the default task, zero-shot and five-shot in turn, with no answer stored before."""
    task = load_task("city-topics")
    identity = {"engine": "transformers", "model": GENERATOR}
    plans = {f"{shots} shots": Generator(shots=shots) for shots in (0, 5)}
    seconds: dict[str, list[float]] = {name: [] for name in plans}
    found: dict[str, dict[str, Any]] = {}
    for repeat in range(repeats):
        for name, chosen in plans.items():
            plan, say = plan_of(Params(generator=chosen), task)
            sampling = drawn(chosen, task.prompts.begin)
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder, AnswerStore(Path(folder) / "answers.db") as store:
                answered = answer_plan(
                    plan, say, identity, sampling, chosen.chunk, store, lambda: engine, lambda _: None
                )
            seconds[name].append(time.perf_counter() - started)
            print(name, round(seconds[name][-1], 1), flush=True)
            if repeat == 0:
                chats = [engine.tokens((("user", say(row)),)) for row in plan]
                read = sum(read_once(chats[at : at + chosen.chunk]) for at in range(0, len(chats), chosen.chunk))
                new = sum(each.answer.tokens_out for each in answered)
                found[name] = {"texts": len(plan), "tokens_read": read, "new_tokens": new}
                found[name]["floor_seconds"] = round(least_seconds(engine.decoder, chosen.chunk, read, new), 1)
    for name, own in seconds.items():
        median = statistics.median(own)
        found[name] |= {
            "seconds": round(median, 1),
            "times_the_floor": round(median / found[name]["floor_seconds"], 2),
            "runs": [round(value, 1) for value in own],
        }
    return found


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
    parser.add_argument("--turns", action="store_true", help="only the turns of a chat, into generation-turns.json")
    parser.add_argument("--default", action="store_true", help="only the default plan, into generation-default.json")
    given = parser.parse_args()
    os.chdir(ROOT)
    engine = registry.load(given.engine, GENERATOR, "main", "float32", Runtime(threads=THREADS, device="cpu"))
    found: dict[str, Any] = {
        "machine": machine(),
        "rows": given.rows,
        "new_tokens": given.tokens,
        "repeats": given.repeats,
    }
    for name, chosen, measure in (
        ("turns", given.turns, between_turns),
        ("default", given.default, default_plan),
    ):
        if chosen:
            result = {"machine": machine(), "repeats": given.repeats, **measure(engine, given.repeats)}
            (RESULTS / f"generation-{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            print(result)
    if given.turns or given.default:
        return
    found["pipeline against bare engine"] = against_bare_engine(
        engine, given.engine, given.rows, given.tokens, max(given.repeats, 5)
    )
    if given.engine == "transformers":
        found["our engine against generate"] = against_generate(engine, given.rows, given.tokens, given.repeats)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"generation-{given.engine}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
