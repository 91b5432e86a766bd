"""The llama.cpp engine: GGUF files, one answer after the other. Optional: the package is compiled when installed."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.embedded import GENERATOR, gguf_file
from standin.engines.prompting import Prompt, prompt
from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.engines.thinking import tells_apart
from standin.errors import StandinError


class GgufTokenizer:
    """A GGUF file's tokenizer and chat template, as far as ``prompting`` asks for them."""

    def __init__(self, llm: Any, template: str) -> None:
        self.llm = llm
        self.chat_template = template

    def __call__(self, text: str, add_special_tokens: bool = False) -> SimpleNamespace:
        """``input_ids`` of a text, whose special tokens are read as such."""
        return SimpleNamespace(input_ids=self.llm.tokenize(text.encode(), add_bos=add_special_tokens, special=True))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones included; empty for a token that the model does not have."""
        known = [token for token in tokens if token >= 0]
        return str(self.llm.detokenize(known, special=True).decode(errors="replace"))

    def apply_chat_template(self, messages: list[dict[str, str]], tokenize: bool, **options: Any) -> str:
        """A chat as the file's template puts it: always as text, as for every tokenizer with a template."""
        assert not tokenize
        from transformers.utils.chat_template_utils import render_jinja_template

        marks = {"bos_token": self.decode([self.llm.token_bos()]), "eos_token": self.decode([self.llm.token_eos()])}
        return str(render_jinja_template([messages], chat_template=self.chat_template, **marks, **options)[0][0])


class LlamaCppEngine:
    """One GGUF model, with the chat template that the file holds."""

    name = "llamacpp"

    def __init__(self, llm: Any, version: str) -> None:
        self.llm = _with_reasoning_marks(llm)
        self.version = version
        template = llm.metadata.get("tokenizer.chat_template")
        self.tokenizer = GgufTokenizer(llm, template) if template else None

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats one by one, each with its own seed. Raises StandinError where a prompt is too long."""
        for place, request in enumerate(requests):
            try:
                asked = self._prompt(request.chat, sampling)
                said = self.llm.create_completion(
                    prompt=asked.tokens,
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    top_k=0,
                    min_p=0.0,
                    repeat_penalty=1.0,
                    max_tokens=sampling.max_tokens,
                    stop=list(sampling.stop),
                    seed=request.seed % (1 << 31),
                )
            except ValueError as error:
                raise StandinError(f"llama.cpp: {error}: lower generator.shots or generator.conversation") from None
            choice, usage = said["choices"][0], said["usage"]
            yield (
                place,
                Answer(
                    asked.opened + choice["text"],
                    "length" if choice["finish_reason"] == "length" else "stop",
                    len(asked.tokens),
                    usage["completion_tokens"],
                ),
            )

    def _prompt(self, chat: Chat, sampling: Sampling) -> Prompt:
        """A chat by the file's own template with the assistant's turn opened; plain text for a file without one."""
        if self.tokenizer:
            return prompt(self.tokenizer, chat, sampling.begin, sampling.template)
        text = "\n\n".join(content for _, content in chat) + "\n\n" + sampling.begin
        return Prompt(self.llm.tokenize(text.encode(), add_bos=self.llm.token_bos() >= 0, special=True))

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """llama.cpp gives no log-probabilities of closed choices: raises StandinError."""
        raise StandinError("the llamacpp engine cannot judge: set verify.by to classifier or none")


def _with_reasoning_marks(llm: Any) -> Any:
    """llama.cpp leaves all special tokens out of its texts: where some tell reasoning apart, they stay in."""
    plain = llm.detokenize

    @cache
    def told_apart(token: int) -> bool:
        return tells_apart(plain([token], special=True).decode(errors="replace")) and not plain([token])

    def detokenize(tokens: list[int], prev_tokens: list[int] | None = None, special: bool = False) -> bytes:
        marked = any(map(told_apart, tokens))
        return bytes(plain(tokens, prev_tokens=prev_tokens, special=special or marked))

    llm.detokenize = detokenize
    return llm


def load(model: str, runtime: Runtime, version: str) -> LlamaCppEngine:
    """Load a GGUF file, or the embedded model. Raises StandinError where there is no such file or it is none."""
    import llama_cpp

    path = gguf_file() if model == GENERATOR else Path(model)
    if not path.is_file():
        raise StandinError(f"params.yaml: generator.model is {model!r}: the llamacpp engine reads a GGUF file")
    try:
        llm = llama_cpp.Llama(
            str(path),
            n_ctx=0,
            n_threads=runtime.threads,
            n_gpu_layers=0 if runtime.device == "cpu" else -1,
            verbose=False,
        )
    except (ValueError, OSError) as error:
        raise StandinError(f"{path}: llama.cpp cannot load it: {error}") from None
    return LlamaCppEngine(llm, version)
