"""The vLLM engine, in this process: many sequences at once on a GPU; the CPU build serves tests."""

import gc
import multiprocessing
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.embedded import resolve
from standin.engines.prompting import check_window, fitting, judge_tokens, prompt, templated, turn_ends
from standin.engines.protocol import LOOP_COUNT, LOOP_PATTERN, Answer, Chat, Request, Sampling
from standin.engines.thinking import aside, spoken
from standin.errors import StandinError, first_line

FINISH: dict[str, Literal["stop", "length", "loop"]] = {"stop": "stop", "length": "length", "repetition": "loop"}
MOST_ON_CPU = 64
"""Sequences a call: the CPU build crashes with a seed of its own for each of 256 requests, 64 ran."""
STEP = 256
"""The length that vLLM is made for is a multiple of so many tokens."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is taken of vLLM's output: plain values, which pass between processes."""

    text: str
    finish: str
    tokens: tuple[int, ...]
    prompt: tuple[Mapping[int, float], ...]
    """Log-probabilities after each prompt token, by token; empty where they were not asked for."""


class VllmEngine:
    """One model in ``vllm.LLM``. Prompts are tokenised here, so that they are those of the transformers engine.

    vLLM is made at the first call, for twice the longest prompt with its answer: made for a model's whole window of
    128k tokens, an 8B model does not fit a card of 24 GB. A longer prompt makes it anew, twice as long.

    vLLM does not promise equal answers in other batches, nor on other cards: the answer store is what repeats a run.
    """

    name = "vllm"

    def __init__(self, make: Callable[[int], Any], tokenizer: Any, window: int, most: int | None, version: str) -> None:
        self.make = make
        self.tokenizer = tokenizer
        self.window = window
        self.most = most
        self.version = version
        self.length = 0
        self.copies: Any = None

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats in one call, or in calls of ``most``.

        Raises StandinError where a prompt is too long, or vLLM cannot bind answers to the pattern.
        """
        from vllm import SamplingParams
        from vllm.exceptions import VLLMValidationError
        from vllm.sampling_params import RepetitionDetectionParams, StructuredOutputsParams

        assert sampling.max_tokens is not None  # the config gives engines of this machine every value
        least, most = LOOP_PATTERN
        prompts = [prompt(self.tokenizer, request.chat, sampling.begin, sampling.template) for request in requests]
        check_window([each.tokens for each in prompts], sampling.max_tokens, self.window)
        ends = sorted(turn_ends(self.tokenizer)) or None
        asked = [
            SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_tokens,
                seed=request.seed,
                stop=list(sampling.stop) or None,
                stop_token_ids=ends,
                repetition_detection=RepetitionDetectionParams(most, least, LOOP_COUNT),
                structured_outputs=StructuredOutputsParams(regex=sampling.pattern) if sampling.pattern else None,
            )
            for request in requests
        ]
        try:
            outputs = self._generate([each.tokens for each in prompts], asked, sampling.max_tokens)
        except VLLMValidationError as error:
            if sampling.pattern is None:
                raise
            raise StandinError(
                f"params.yaml: vLLM cannot bind answers to generator.pattern {sampling.pattern!r}: {first_line(error)}"
            ) from None
        for place, (said, read) in enumerate(zip(outputs, prompts, strict=True)):
            if said.finish not in FINISH:
                raise StandinError(
                    f"vLLM ended an answer with {said.finish!r}, none of {', '.join(FINISH)}; run again: stored "
                    "answers are kept"
                )
            text = read.opened + self._text(said, sampling.stop)
            yield place, Answer(text, FINISH[said.finish], len(read.tokens), len(said.tokens))

    def _text(self, said: Said, stop: Sequence[str]) -> str:
        """What was said; vLLM leaves special tokens out, also those that tell reasoning apart."""
        if not set(said.tokens) & set(aside(self.tokenizer)):
            return said.text
        text = spoken(self.tokenizer, said.tokens)
        ends = [place for string in stop if (place := text.find(string)) >= 0]
        return text[: min(ends)] if ends else text

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each choice as the answer's beginning, natural log, shape (chats, choices).

        Prompts longer than the model's window lose their middle, which is said.
        """
        from vllm import SamplingParams

        lead = "" if templated(self.tokenizer) else " "
        options = [list(self.tokenizer(lead + choice, add_special_tokens=False).input_ids) for choice in choices]
        longest = max(map(len, options))
        heads = fitting([judge_tokens(self.tokenizer, chat) for chat in chats], longest + 1, self.window)
        prompts = [[*head, *option] for head in heads for option in options]
        asked = [SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0) for _ in prompts]
        outputs = self._generate(prompts, asked, 1)
        scores = [
            sum(found[token] for found, token in zip(said.prompt[-len(option) :], option, strict=True))
            for said, option in zip(outputs, [option for _ in heads for option in options], strict=True)
        ]
        return np.array(scores, dtype=np.float64).reshape(len(chats), len(choices))

    def _generate(self, prompts: Sequence[list[int]], asked: Sequence[Any], new: int) -> list[Said]:
        needed = max(map(len, prompts)) + new
        if needed > self.length:
            if self.copies is not None:
                self.copies.close()
            self.length = min(self.window, -(-2 * needed // STEP) * STEP)
            self.copies = self.make(self.length)
        size = self.most or len(prompts)
        outputs: list[Said] = []
        for start in range(0, len(prompts), size):
            outputs += self.copies.generate(prompts[start : start + size], list(asked[start : start + size]))
        return outputs


class One:
    """vLLM in this process."""

    def __init__(self, place: str, options: Mapping[str, Any]) -> None:
        from vllm import LLM

        self.llm = LLM(place, **options)

    def generate(self, prompts: Sequence[list[int]], asked: Sequence[Any]) -> list[Said]:
        """What the model says to each prompt."""
        outputs = self.llm.generate([{"prompt_token_ids": list(each)} for each in prompts], asked, use_tqdm=False)
        return [
            Said(
                text=output.outputs[0].text,
                finish=str(output.outputs[0].finish_reason),
                tokens=tuple(output.outputs[0].token_ids),
                prompt=tuple(
                    {token: float(value.logprob) for token, value in (found or {}).items()}
                    for found in output.prompt_logprobs or ()
                ),
            )
            for output in outputs
        ]

    def close(self) -> None:
        """Give the card's memory back, as vLLM's own tests do between models."""
        from vllm.distributed import cleanup_dist_env_and_memory

        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        gc.collect()
        cleanup_dist_env_and_memory()


class Several:
    """Copies of a model side by side, each in a process and on cards of its own; vLLM has no such mode in one process.

    Each copy answers a run of consecutive prompts.
    """

    def __init__(self, place: str, options: Mapping[str, Any], number: int) -> None:
        self.pipes: list[Any] = []
        self.processes: list[Any] = []
        context = multiprocessing.get_context("spawn")
        cards = _cards(number * int(options.get("tensor_parallel_size", 1)))
        share = len(cards) // number
        for copy in range(number):
            ours, theirs = context.Pipe()
            visible = ",".join(cards[copy * share : (copy + 1) * share])
            process = context.Process(target=_serve, args=(theirs, place, dict(options), visible))
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)
        self._answers()

    def generate(self, prompts: Sequence[list[int]], asked: Sequence[Any]) -> list[Said]:
        """What the copies say to each prompt, in order."""
        number = len(self.pipes)
        bounds = [len(prompts) * copy // number for copy in range(number + 1)]
        for pipe, start, stop in zip(self.pipes, bounds, bounds[1:], strict=False):
            pipe.send((list(prompts[start:stop]), list(asked[start:stop])))
        return [said for part in self._answers() for said in part]

    def _answers(self) -> list[list[Said]]:
        """What every copy sends, in order; the first failure is raised once all have answered."""
        found = []
        for copy, pipe in enumerate(self.pipes):
            try:
                found.append(pipe.recv())
            except EOFError:
                found.append(RuntimeError(f"copy {copy + 1} of {len(self.pipes)} ended (runtime.data_parallel)"))
        for each in found:
            if isinstance(each, Exception):
                self.close()
                raise each
        return found

    def close(self) -> None:
        """End the copies."""
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join(timeout=30)
            if process.is_alive():
                process.terminate()

    def __del__(self) -> None:
        self.close()


def _cards(number: int) -> list[str]:
    """The first ``number`` GPUs that this process may use."""
    from vllm.platforms import current_platform

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = visible.split(",") if visible else [str(card) for card in range(current_platform.device_count())]
    if len(cards) < number:
        raise StandinError(
            f"params.yaml: runtime.data_parallel times runtime.tensor_parallel are {number} GPUs, and this machine has "
            f"{len(cards)}: lower one of them"
        )
    return cards[:number]


def _serve(pipe: Any, place: str, options: Mapping[str, Any], cards: str) -> None:
    """One copy's process: make vLLM, then answer until the pipe closes. Failures are sent, to be raised there."""
    os.environ["CUDA_VISIBLE_DEVICES"] = cards
    try:
        one = One(place, options)
        pipe.send([])
        while True:
            pipe.send(one.generate(*pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # of whatever kind: the engine's process tells it
        pipe.send(error if type(error).__module__.startswith(("builtins", "vllm")) else RuntimeError(first_line(error)))


def load(model: str, revision: str, dtype: str, runtime: Runtime, version: str) -> VllmEngine:
    """Read a model's configuration and tokenizer, by embedded name, folder or hub id; weights at the first call.

    Raises StandinError where it cannot be had.
    """
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # one process: seeds repeat, and Ctrl-C ends all of it
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    from vllm import EngineArgs
    from vllm.platforms import current_platform
    from vllm.tokenizers import cached_tokenizer_from_config

    cpu = current_platform.is_cpu()
    if runtime.device == "cuda" and cpu:
        raise StandinError("params.yaml: runtime.device is 'cuda', but this vLLM sees no GPU: set 'auto' or 'cpu'")
    place = resolve(model)
    shape: dict[str, Any] = {"dtype": dtype, "trust_remote_code": False}
    if place == model and not Path(model).exists():  # a hub id, with or without an owner
        shape["revision"] = revision
    options = {**shape, "disable_log_stats": True}
    if cpu:
        options["enforce_eager"] = True  # compiling takes minutes on a CPU
    else:
        options |= {"gpu_memory_utilization": runtime.memory, "tensor_parallel_size": runtime.tensor_parallel}
    try:
        config = EngineArgs(model=place, **shape).create_model_config()
        tokenizer = cached_tokenizer_from_config(config)
    except Exception as error:  # it raises what transformers, the hub and pydantic raise
        raise _unloadable(model, revision, error, 0, runtime) from None

    def make(length: int) -> Any:
        given = {**options, "max_model_len": length}
        try:
            return One(place, given) if runtime.data_parallel == 1 else Several(place, given, runtime.data_parallel)
        except StandinError:
            raise
        except Exception as error:  # CUDA's, vLLM's, the hub's
            raise _unloadable(model, revision, error, length, runtime) from None

    return VllmEngine(make, tokenizer, int(config.max_model_len), MOST_ON_CPU if cpu else None, version)


def _unloadable(model: str, revision: str, error: Exception, length: int, runtime: Runtime) -> StandinError:
    """What to say where vLLM cannot be made, with what helps."""
    said = str(error)
    if re.search(r"less than desired GPU memory utilization|[Ff]ree memory on device", said):
        advice = (
            f"Something else holds memory of the card: free it, or lower runtime.memory (now {runtime.memory}) to what "
            "is free."
        )
    elif re.search(r"out of memory|KV cache|memory", said, re.IGNORECASE):
        advice = (
            f"The model and {length} tokens of prompt and answer do not fit the card. What helps: a smaller or "
            "quantised model, generator.dtype bfloat16, more cards (runtime.tensor_parallel), lower generator.shots, "
            "conversation or max_tokens; and where nothing else uses the card, a higher runtime.memory "
            f"(now {runtime.memory})."
        )
    elif "trust_remote_code" in said:
        advice = "It brings program code of its own, which is never run here: take a model that vLLM knows."
    else:
        advice = "Check the name, the network and the installed packages."
    return StandinError(f"vLLM cannot load {model!r} (revision {revision!r}): {first_line(error)} {advice}")
