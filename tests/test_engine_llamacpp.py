"""The llama.cpp engine against a stand-in for the model: which prompt it reads, and what becomes of an answer.

``make test-llamacpp`` runs the engine's other tests against the package itself.
"""

from typing import Any

import pytest
from test_prompting import GEMMA, QWEN3, R1
from tiny_models import tokenizer

from standin.engines.llamacpp import LlamaCppEngine
from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.errors import StandinError

ASKED: Chat = (("system", "You judge."), ("user", "Which one?"))


class Llm:
    """What the engine asks of ``llama_cpp.Llama``; it gives its answer and keeps the prompt's text."""

    said = "It is."

    def __init__(self, template: str | None) -> None:
        self.tokenizer = tokenizer(special=("[THINK]", "[/THINK]", "<|channel|>", "<|message|>"))
        self.metadata = {"tokenizer.chat_template": template} if template else {}
        self.read: list[str] = []

    def tokenize(self, text: bytes, add_bos: bool, special: bool) -> list[int]:
        assert special
        found = self.tokenizer(text.decode(), add_special_tokens=False).input_ids
        return [*([self.token_bos()] if add_bos else []), *found]

    def detokenize(self, tokens: list[int], prev_tokens: list[int] | None = None, special: bool = False) -> bytes:
        del prev_tokens
        return str(self.tokenizer.decode(tokens, skip_special_tokens=not special)).encode()

    def token_bos(self) -> int:
        return int(self.tokenizer.bos_token_id)

    def token_eos(self) -> int:
        return -1

    def create_completion(self, prompt: list[int], **_: Any) -> dict[str, Any]:
        self.read.append(self.tokenizer.decode(prompt))
        text = self.detokenize(self.tokenize(self.said.encode(), False, True)).decode()
        return {"choices": [{"text": text, "finish_reason": "stop"}], "usage": {"completion_tokens": 3}}


def answered(own: str | None, chat: Chat = ASKED[1:], said: str = "It is.", **chosen: Any) -> tuple[str, Answer]:
    """The prompt that was read and the answer."""
    llm = Llm(own)
    llm.said = said
    ((_, answer),) = LlamaCppEngine(llm, "1").answer([Request(chat, 1)], Sampling(0.8, 0.95, 8, **chosen))
    return llm.read[0], answer


def test_a_template_without_a_system_role_reads_its_words_in_the_users_turn() -> None:
    read, _ = answered(GEMMA, ASKED)
    assert read == "<s><start_of_turn>user\nYou judge.\n\nWhich one?<end_of_turn>\n<start_of_turn>model\n"


def test_reasoning_that_the_prompt_opens_stands_before_the_answer() -> None:
    read, answer = answered(R1)
    assert read.endswith("<think>\n")
    assert answer.text == "<think>\nIt is."
    assert answer.tokens_in == len(tokenizer()(read).input_ids)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("[THINK]Hm.[/THINK]It is.", "[THINK]Hm.[/THINK]It is."),
        ("<|channel|>final<|message|>It is.", "<|channel|>final<|message|>It is."),
        ("<|im_start|>It is.", "It is."),
    ],
)
def test_special_tokens_that_tell_reasoning_apart_stay(said: str, text: str) -> None:
    assert answered(R1.replace("<think>", ""), said=said)[1].text == text


def test_an_opening_closes_reasoning_that_the_prompt_opened() -> None:
    read, answer = answered(R1, begin='"')
    assert read.endswith('<think>\n\n</think>\n\n"')
    assert answer.text == "It is."


def test_options_reach_the_template_and_unknown_ones_are_refused() -> None:
    assert answered(QWEN3, template={"enable_thinking": False})[0].endswith("<think>\n\n</think>\n\n")
    with pytest.raises(StandinError, match=r"'enable_thinkin'.*did you mean 'enable_thinking'"):
        answered(QWEN3, template={"enable_thinkin": False})


def test_a_file_without_a_template_reads_plain_text() -> None:
    assert answered(None, ASKED, begin='"')[0] == '<s>You judge.\n\nWhich one?\n\n"'
