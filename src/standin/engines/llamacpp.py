"""The llama.cpp engine: GGUF files, one answer after the other. Optional: the package is compiled when installed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.embedded import GENERATOR, gguf_file
from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.errors import StandinError


class LlamaCppEngine:
    """One GGUF model, with the chat template that the file holds."""

    name = "llamacpp"

    def __init__(self, llm: Any, version: str) -> None:
        self.llm = llm
        self.version = version

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats one by one, each with its own seed. Raises StandinError where a prompt is too long."""
        for place, request in enumerate(requests):
            try:
                prompt = self._prompt(request.chat, sampling)
                said = self.llm.create_completion(
                    prompt=prompt,
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
                    choice["text"],
                    "length" if choice["finish_reason"] == "length" else "stop",
                    len(prompt),
                    usage["completion_tokens"],
                ),
            )

    def _prompt(self, chat: Chat, sampling: Sampling) -> list[int]:
        """A chat by the file's own template with the assistant's turn opened; plain text for a file without one."""
        if template := self.llm.metadata.get("tokenizer.chat_template"):
            from transformers.utils.chat_template_utils import render_jinja_template

            messages = [{"role": role, "content": content} for role, content in chat]
            marks = {"bos_token": self._text(self.llm.token_bos()), "eos_token": self._text(self.llm.token_eos())}
            options = {"add_generation_prompt": True, **marks, **sampling.template}
            text = render_jinja_template([messages], chat_template=template, **options)[0][0]
        else:
            text = self._text(self.llm.token_bos()) + "\n\n".join(content for _, content in chat) + "\n\n"
        return list(self.llm.tokenize((text + sampling.begin).encode(), add_bos=False, special=True))

    def _text(self, token: int) -> str:
        """A special token's text; empty where the model has none."""
        return "" if token < 0 else str(self.llm.detokenize([token], special=True).decode(errors="replace"))

    def stop(self) -> None:
        """Nothing is under way between answers."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """llama.cpp gives no log-probabilities of closed choices: raises StandinError."""
        raise StandinError("the llamacpp engine cannot judge: set verify.by to classifier or none")


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
