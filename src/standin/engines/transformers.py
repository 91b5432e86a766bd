"""The transformers engine: any causal language model with full attention, on CPU or GPU; the embedded default."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.embedded import resolve, unavailable
from standin.engines.prompting import check_window, prompt_tokens
from standin.engines.protocol import Answer, Chat, Finish, Request, Sampling, loops
from standin.engines.stops import Stops
from standin.errors import StandinError


class TransformersEngine:
    """One causal language model. Models without a chat template get the messages as plain text to continue."""

    name = "transformers"

    def __init__(self, model: Any, tokenizer: Any, version: str) -> None:
        from standin.engines.decoding import Decoder

        ends = {tokenizer.eos_token_id}
        configured = model.generation_config.eos_token_id
        ends |= set(configured) if isinstance(configured, list) else {configured}
        self.version = version
        self.tokenizer = tokenizer
        self.decoder = Decoder(model, frozenset(end for end in ends if end is not None))
        self.window: int = getattr(model.config.get_text_config(), "max_position_embeddings", 1 << 30)

    def tokens(self, chat: Chat) -> list[int]:
        """The prompt's token ids, the assistant's turn opened."""
        return prompt_tokens(self.tokenizer, chat)

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats as one batch; those with earlier turns go on from the batch before, where it read these.

        Raises StandinError where a prompt leaves no room in the model's window.
        """
        assert sampling.temperature is not None  # the config gives engines of this machine every value
        assert sampling.top_p is not None
        assert sampling.max_tokens is not None
        prompts = [prompt_tokens(self.tokenizer, request.chat, sampling.begin) for request in requests]
        check_window(prompts, sampling.max_tokens, self.window)
        stops = Stops(self.tokenizer, sampling.stop)
        drawn = self.decoder.generate(
            prompts,
            [request.seed for request in requests],
            sampling.temperature,
            sampling.top_p,
            sampling.max_tokens,
            continued=[len(request.chat) > 1 for request in requests],
            ended=stops.ended,
        )
        yield from enumerate(self._answer(prompt, tokens, stops) for prompt, tokens in zip(prompts, drawn, strict=True))

    def _answer(self, prompt: list[int], tokens: list[int], stops: Stops) -> Answer:
        finish: Finish = "loop" if loops(tokens) else "length"
        text = stops.text(tokens)
        before = stops.cut(text)
        if tokens[-1] in self.decoder.stop or before is not None:
            finish = "stop"
        return Answer(
            text=text if before is None else before, finish=finish, tokens_in=len(prompt), tokens_out=len(tokens)
        )

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each choice as the answer's beginning, natural log, shape (chats, choices)."""
        lead = "" if self.tokenizer.chat_template else " "
        options = [self.tokenizer(lead + choice, add_special_tokens=False).input_ids for choice in choices]
        scores = self.decoder.choose([self.tokens(chat) for chat in chats], options)
        return np.asarray(scores.cpu().numpy(), dtype=np.float64)


def load(model: str, revision: str, dtype: str, runtime: Runtime, version: str) -> TransformersEngine:
    """Load a model by embedded name, folder or hub id. Raises StandinError where it cannot be had or used."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    from standin.engines.rowcache import ATTENTION

    logging.disable_progress_bar()
    torch.set_num_threads(runtime.threads)
    cuda = runtime.device == "cuda" or (runtime.device == "auto" and torch.cuda.is_available())
    place = resolve(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision)
        read = partial(AutoModelForCausalLM.from_pretrained, place, revision=revision, use_safetensors=True)
        loaded = read(dtype=getattr(torch, dtype), attn_implementation=ATTENTION)
    except (OSError, ValueError) as error:
        raise unavailable(model, revision, error) from None
    kinds = set(getattr(loaded.config.get_text_config(), "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        raise StandinError(
            f"model {model!r} mixes layer types ({', '.join(sorted(kinds))}); the transformers engine decodes models "
            "with full attention in every layer: use generator.engine: vllm for this one"
        )
    engine = TransformersEngine(loaded.eval().to("cuda" if cuda else "cpu"), tokenizer, version)
    if not engine.decoder.is_exact():
        raise StandinError(
            f"model {model!r} ({loaded.config.model_type}) changes its logits after the last layer, which the "
            "transformers engine does not follow: use generator.engine: vllm for this one"
        )
    return engine
