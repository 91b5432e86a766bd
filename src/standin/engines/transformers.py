"""The transformers engine: any causal language model, on CPU or GPU; the embedded default."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.embedded import resolve
from standin.engines.prompting import (
    Prompt,
    check_window,
    fitting,
    judge_tokens,
    prompt,
    prompt_tokens,
    templated,
    turn_ends,
)
from standin.engines.protocol import Answer, Chat, Finish, Request, Sampling, loops
from standin.engines.stops import Stops
from standin.machine import torch_device


class TransformersEngine:
    """One causal language model. Models without a chat template get the messages as plain text to continue.

    Rows up to :attr:`reach` tokens go through the fast decoder, longer ones through the model's own code.
    """

    name = "transformers"

    def __init__(self, model: Any, tokenizer: Any, version: str) -> None:
        from standin.engines.decoding import Decoder
        from standin.engines.families import reach, window
        from standin.engines.plain import PlainDecoder

        self.version = version
        self.tokenizer = tokenizer
        self.model = model
        self.window = window(model.config)
        self.own_attention = model.config._attn_implementation
        self.ends = _ends(model, tokenizer)
        self.reach = reach(model)
        self.decoder = Decoder(model, self.ends) if self.reach else None
        self.plain = PlainDecoder(model, self.ends) if self.reach < self.window else None
        self._told = False
        self._stops = Stops(tokenizer, ())

    def tokens(self, chat: Chat) -> list[int]:
        """The prompt's token ids, the assistant's turn opened."""
        return prompt_tokens(self.tokenizer, chat)

    def _for(self, longest: int) -> Any:
        """The decoder for rows of at most so many tokens, the model put to the attention that it needs."""
        from standin.engines.rowcache import ATTENTION

        if self.plain is None or (self.decoder is not None and longest <= self.reach):
            self.model.set_attn_implementation(ATTENTION)
            return self.decoder
        self.model.set_attn_implementation(self.own_attention)
        if not self._told:
            self._told = True
            how = "" if self.plain.pads else ", row by row,"
            print(  # noqa: T201
                f"transformers: {self.model.config.model_type} is decoded by transformers' own generate{how} instead "
                "of the fast decoder, which takes several times as long; on a GPU generator.engine: vllm is fast",
                file=sys.stderr,
            )
        return self.plain

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats as one batch; those with earlier turns go on from the batch before, where it read these.

        Raises StandinError where a prompt leaves no room in the model's window.
        """
        assert sampling.temperature is not None  # the config gives engines of this machine every value
        assert sampling.top_p is not None
        assert sampling.max_tokens is not None
        prompts = [prompt(self.tokenizer, request.chat, sampling.begin, sampling.template) for request in requests]
        tokens = [each.tokens for each in prompts]
        check_window(tokens, sampling.max_tokens, self.window)
        if sampling.stop != self._stops.strings:  # it looks through the vocabulary once
            self._stops = Stops(self.tokenizer, sampling.stop)
        stops = self._stops
        drawn = self._for(max(map(len, tokens)) + sampling.max_tokens).generate(
            tokens,
            [request.seed for request in requests],
            sampling.temperature,
            sampling.top_p,
            sampling.max_tokens,
            continued=[len(request.chat) > 1 for request in requests],
            ended=stops.ended,
        )
        yield from enumerate(
            self._answer(each, row, stops, bool(sampling.begin)) for each, row in zip(prompts, drawn, strict=True)
        )

    def _answer(self, asked: Prompt, tokens: list[int], stops: Stops, begun: bool = False) -> Answer:
        finish: Finish = "loop" if loops(tokens) else "length"
        text = stops.text(tokens)
        if begun:  # decoded alone, an answer's first token loses its blank with some tokenizers
            last, both = stops.text(asked.tokens[-1:]), stops.text([*asked.tokens[-1:], *tokens])
            text = both.removeprefix(last) if both.startswith(last) else text
        before = stops.cut(text)
        if tokens[-1] in self.ends or before is not None:
            finish = "stop"
        text = text if before is None else before
        return Answer(text=asked.opened + text, finish=finish, tokens_in=len(asked.tokens), tokens_out=len(tokens))

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each choice as the answer's beginning, natural log, shape (chats, choices).

        Prompts longer than the model's window lose their middle, which is said.
        """
        lead = "" if templated(self.tokenizer) else " "
        options = [list(self.tokenizer(lead + choice, add_special_tokens=False).input_ids) for choice in choices]
        most = max(map(len, options))
        prompts = fitting([judge_tokens(self.tokenizer, chat) for chat in chats], most, self.window)
        scores = self._for(max(map(len, prompts)) + most).choose(prompts, options)
        return np.asarray(scores.cpu().numpy(), dtype=np.float64)


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: the tokenizer's, the checkpoint's, and what its template ends a turn with."""
    ends = {tokenizer.eos_token_id} | turn_ends(tokenizer)
    for config in (getattr(model, "generation_config", None), model.config, model.config.get_text_config()):
        found = getattr(config, "eos_token_id", None)
        ends |= set(found) if isinstance(found, list | tuple) else {found}
    return frozenset(int(end) for end in ends if end is not None)


def load(model: str, revision: str, dtype: str, runtime: Runtime, version: str) -> TransformersEngine:
    """Load a model by embedded name, folder or hub id. Raises StandinError where it cannot be had or used."""
    from standin.engines.checkpoints import read

    loaded, tokenizer = read(resolve(model), model, revision, dtype, torch_device(runtime))
    return TransformersEngine(loaded, tokenizer, version)
