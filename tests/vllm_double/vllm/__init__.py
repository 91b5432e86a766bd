"""A stand-in for vLLM 0.32 with the calls that the engine makes, where vLLM is not installed. It runs no model."""

import json
import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vllm.exceptions import VLLMValidationError

MADE: list[dict[str, Any]] = []
SHUT: list[int] = []


@dataclass
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 16
    seed: int | None = None
    stop: list[str] | None = None
    stop_token_ids: list[int] | None = None
    repetition_detection: Any = None
    structured_outputs: Any = None
    prompt_logprobs: int | None = None


@dataclass
class EngineArgs:
    model: str
    dtype: str
    trust_remote_code: bool
    revision: str | None = None

    def create_model_config(self) -> SimpleNamespace:
        """As vLLM does, the longest sequence from the model's configuration. A hub id stands for the folder in HUB."""
        folder = Path(self.model) if Path(self.model).is_dir() else Path(os.environ["HUB"])
        if not folder.is_dir():
            raise ValueError(f"Can't load the configuration of '{self.model}'.")
        longest = json.loads((folder / "config.json").read_text())["max_position_embeddings"]
        return SimpleNamespace(max_model_len=longest, tokenizer=str(folder))


@dataclass
class _Completion:
    text: str
    token_ids: list[int]
    finish_reason: str = "stop"


@dataclass
class _Output:
    outputs: list[_Completion]
    prompt_logprobs: list[dict[int, SimpleNamespace] | None] | None = field(default=None)


class LLM:
    def __init__(self, model: str, *, max_model_len: int, **options: Any) -> None:
        if options.get("data_parallel_size", 1) > 1:
            raise ValueError("LLM(data_parallel_size=2) is not supported for single-process usage and may hang.")
        if fault := os.environ.get("CARD"):
            raise ValueError(fault.format(max_model_len))
        MADE.append({"model": model, "max_model_len": max_model_len, **options})
        self.longest = max_model_len
        number = len(MADE)
        self.llm_engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=lambda: SHUT.append(number)))

    def generate(
        self, prompts: list[dict[str, list[int]]], params: list[SamplingParams], use_tqdm: bool
    ) -> list[_Output]:
        assert not use_tqdm
        found = []
        for prompt, asked in zip(prompts, params, strict=True):
            tokens = prompt["prompt_token_ids"]
            assert len(tokens) + asked.max_tokens <= self.longest
            if asked.structured_outputs is not None and "(?<" in asked.structured_outputs.regex:
                raise VLLMValidationError("Grammar error: lookbehind")
            said = (
                os.environ.get("SAYS") or f"{sum(tokens)} {asked.seed} on card {os.environ.get('CUDA_VISIBLE_DEVICES')}"
            )
            ids = json.loads(os.environ.get("TOKENS", "[5, 6]"))
            logs = [None, *({b: SimpleNamespace(logprob=log(a, b))} for a, b in pairwise(tokens))]
            found.append(_Output([_Completion(said, ids)], logs if asked.prompt_logprobs == 0 else None))
        return found


def log(before: int, token: int) -> float:
    """The log-probability that the stand-in gives a token after another."""
    return -((before * 7 + token) % 13) / 10 - 0.1
