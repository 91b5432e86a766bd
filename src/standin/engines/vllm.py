"""The vLLM engine, in this process: many sequences at once on a GPU; the CPU build serves tests."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.embedded import resolve
from standin.engines.prompting import check_window, prompt_tokens
from standin.engines.protocol import LOOP_COUNT, LOOP_PATTERN, Answer, Chat, Request, Sampling
from standin.errors import StandinError

FINISH: dict[str, Literal["stop", "length", "loop"]] = {"stop": "stop", "length": "length", "repetition": "loop"}
MOST_ON_CPU = 64
"""Sequences a call: the CPU build crashes with a seed of its own for each of 256 requests, 64 ran."""


class VllmEngine:
    """One model in ``vllm.LLM``. Prompts are tokenised here, so that they are those of the transformers engine.

    vLLM does not promise equal answers in other batches, nor on other cards: the answer store is what repeats a run.
    """

    name = "vllm"

    def __init__(self, llm: Any, most: int | None, version: str) -> None:
        self.llm = llm
        self.most = most
        self.version = version
        self.tokenizer = llm.get_tokenizer()
        self.window: int = llm.llm_engine.model_config.max_model_len

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats in one call, or in calls of ``most``.

        Raises StandinError where a prompt is too long, or vLLM cannot bind answers to the pattern.
        """
        from vllm import SamplingParams
        from vllm.exceptions import VLLMValidationError
        from vllm.sampling_params import RepetitionDetectionParams, StructuredOutputsParams

        assert sampling.max_tokens is not None  # the config gives engines of this machine every value
        least, most = LOOP_PATTERN
        prompts = [prompt_tokens(self.tokenizer, request.chat, sampling.begin) for request in requests]
        check_window(prompts, sampling.max_tokens, self.window)
        asked = [
            SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_tokens,
                seed=request.seed,
                stop=list(sampling.stop) or None,
                repetition_detection=RepetitionDetectionParams(most, least, LOOP_COUNT),
                structured_outputs=StructuredOutputsParams(regex=sampling.pattern) if sampling.pattern else None,
            )
            for request in requests
        ]
        try:
            outputs = self._generate(prompts, asked)
        except VLLMValidationError as error:
            if sampling.pattern is None:
                raise
            raise StandinError(
                f"params.yaml: vLLM cannot bind answers to generator.pattern {sampling.pattern!r}: {_first_line(error)}"
            ) from None
        for place, output in enumerate(outputs):
            said = output.outputs[0]
            if said.finish_reason not in FINISH:
                raise StandinError(
                    f"vLLM ended an answer with {said.finish_reason!r}, none of {', '.join(FINISH)}; run again: stored "
                    "answers are kept"
                )
            yield place, Answer(said.text, FINISH[said.finish_reason], len(prompts[place]), len(said.token_ids))

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each choice as the answer's beginning, natural log, shape (chats, choices)."""
        from vllm import SamplingParams

        lead = "" if self.tokenizer.chat_template else " "
        options = [self.tokenizer(lead + choice, add_special_tokens=False).input_ids for choice in choices]
        heads = [prompt_tokens(self.tokenizer, chat) for chat in chats]
        prompts = [[*head, *option] for head in heads for option in options]
        check_window(prompts, 1, self.window)
        asked = [SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0) for _ in prompts]
        outputs = self._generate(prompts, asked)
        scores = [
            sum(
                found[token].logprob
                for found, token in zip(output.prompt_logprobs[-len(option) :], option, strict=True)
            )
            for output, option in zip(outputs, [option for _ in heads for option in options], strict=True)
        ]
        return np.array(scores, dtype=np.float64).reshape(len(chats), len(choices))

    def _generate(self, prompts: Sequence[list[int]], asked: Sequence[Any]) -> list[Any]:
        size = self.most or len(prompts)
        outputs: list[Any] = []
        for start in range(0, len(prompts), size):
            given = [{"prompt_token_ids": prompt} for prompt in prompts[start : start + size]]
            outputs += self.llm.generate(given, list(asked[start : start + size]), use_tqdm=False)
        return outputs


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def load(model: str, revision: str, dtype: str, runtime: Runtime, version: str) -> VllmEngine:
    """Load a model by embedded name, folder or hub id. Raises StandinError where it cannot be had or does not fit."""
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # one process: seeds repeat, and Ctrl-C ends all of it
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    from vllm import LLM
    from vllm.platforms import current_platform

    cpu = current_platform.is_cpu()
    if runtime.device == "cuda" and cpu:
        raise StandinError("params.yaml: runtime.device is 'cuda', but this vLLM sees no GPU: set 'auto' or 'cpu'")
    place = resolve(model)
    options: dict[str, Any] = {} if cpu else {"gpu_memory_utilization": runtime.memory}
    if cpu:
        options["enforce_eager"] = True  # compiling takes minutes on a CPU
    if place == model and "/" in model:
        options["revision"] = revision
    if not cpu:
        options |= {"tensor_parallel_size": runtime.tensor_parallel, "data_parallel_size": runtime.data_parallel}
    try:
        llm = LLM(place, dtype=dtype, disable_log_stats=True, trust_remote_code=False, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise StandinError(
            f"vLLM cannot load {model!r} (revision {revision!r}): {_first_line(error)} "
            "Check the name and the network; where memory is short, lower runtime.memory, free the card, or take a "
            "smaller model."
        ) from None
    return VllmEngine(llm, MOST_ON_CPU if cpu else None, version)
