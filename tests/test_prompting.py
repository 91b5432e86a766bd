"""Chats as every template takes them, thinking that is told from answers, and tokenizers that have no template."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tiny_models import CHATML, model, tokenizer

from standin.engines.prompting import judge_tokens, prompt, prompt_tokens, thinks, turn_ends
from standin.engines.protocol import Request, Sampling
from standin.engines.thinking import spoken
from standin.engines.transformers import TransformersEngine
from standin.errors import StandinError
from standin.measures.panel import ask_panel

# The parts of published templates that matter here, in our own words.
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL_OLD = (
    "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% elif m['role'] == 'assistant' %}"
    "{{ m['content'] }}{{ eos_token }}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}"
    "{% endif %}{% endfor %}"
)
SILENT = "{% for m in messages if m['role'] != 'system' %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
PARTS = (
    "{% for m in messages %}{{ m['role'] }}: {% for part in m['content'] %}{% if part['type'] == 'text' %}"
    "{{ part['text'] }}{% endif %}{% endfor %}{{ '\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
QWEN3 = CHATML.replace(
    "<|im_start|>assistant\n{% endif %}",
    "<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}",
)
R1 = CHATML.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>assistant\n<think>\n{% endif %}")
DEEPSEEK31 = CHATML.replace(
    "<|im_start|>assistant\n{% endif %}",
    "<|im_start|>assistant\n{% if not thinking is defined %}{% set thinking = false %}{% endif %}"
    "{{ '<think>' if thinking else '</think>' }}{% endif %}",
)
HARMONY = (
    "{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}"
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort }}<|end|>{% for m in messages %}<|start|>{{ m['role'] }}"
    "{% if m['role'] == 'assistant' %}<|channel|>final{% endif %}<|message|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
HARMONY_MARKS = ("<|start|>", "<|message|>", "<|end|>", "<|channel|>")
EFFORT = (
    "{% set effort = reasoning_effort or 'none' %}{% if effort not in ['none', 'high'] %}"
    "{{ raise_exception('reasoning_effort must be none or high') }}{% endif %}[SETTINGS]{{ effort }}[/SETTINGS]"
    "{% for m in messages %}[INST]{{ m['content'] }}[/INST]{% endfor %}{# [THINK] #}"
)
JUDGE = (("system", "You sort texts."), ("user", "The bus is late."))
CHAT = (("user", "one"), ("assistant", "two"), ("user", "three"))


def text(jinja: str, chat: Any, special: tuple[str, ...] = (), **given: Any) -> str:
    made = tokenizer(jinja, special)
    return str(made.decode(prompt_tokens(made, chat, **given)))


def test_a_system_role_is_folded_into_the_user_turn_where_the_template_refuses_it() -> None:
    folded = "You sort texts.\n\nThe bus is late."
    assert text(GEMMA, JUDGE) == f"<s><start_of_turn>user\n{folded}<end_of_turn>\n<start_of_turn>model\n"
    assert text(MISTRAL_OLD, JUDGE) == f"<s>[INST] {folded} [/INST]"
    assert text(CHATML, JUDGE).startswith("<|im_start|>system\nYou sort texts.<|im_end|>\n"), "kept where it is taken"


def test_a_system_role_that_would_be_left_out_without_a_word_is_folded_too() -> None:
    assert text(SILENT, JUDGE) == "user: You sort texts.\n\nThe bus is late.\n"


def test_turns_of_one_role_are_joined_where_roles_must_alternate() -> None:
    """A chat whose empty answer was left out."""
    chat = (("user", "one"), ("user", "two"))
    assert text(MISTRAL_OLD, chat) == "<s>[INST] one\n\ntwo [/INST]"
    assert text(CHATML, chat).count("user\n") == 2
    assert text(MISTRAL_OLD, CHAT) == "<s>[INST] one [/INST]two</s>[INST] three [/INST]"


def test_content_is_given_in_parts_where_a_string_would_be_left_out() -> None:
    assert text(PARTS, JUDGE) == "system: You sort texts.\nuser: The bus is late.\nassistant: "


def test_the_beginning_of_the_text_is_there_once() -> None:
    made = tokenizer(GEMMA)
    assert prompt_tokens(made, CHAT).count(made.bos_token_id) == 1


def test_a_template_that_raises_for_another_reason_is_one_message() -> None:
    for template in ("{{ raise_exception('No.') }}", "{{ messages[9]['content'] + 1 }}", "{% if %}"):
        with pytest.raises(StandinError, match="chat template refuses a conversation"):
            prompt_tokens(tokenizer(template), CHAT)


def test_each_tokenizer_is_tried_once() -> None:
    made = tokenizer(GEMMA)
    rendered: list[int] = []
    method = made.apply_chat_template
    made.apply_chat_template = lambda *args, **given: rendered.append(1) or method(*args, **given)
    prompt_tokens(made, JUDGE)
    first = len(rendered)
    prompt_tokens(made, JUDGE)
    assert len(rendered) == first + 1


def test_an_opening_follows_the_assistants_turn() -> None:
    assert text(CHATML, CHAT, begin='"').endswith('<|im_start|>assistant\n"')
    plain = tokenizer(None)
    assert plain.decode(prompt_tokens(plain, CHAT, begin='"')) == 'one\n\ntwo\n\nthree\n\n"'


def test_options_reach_the_template_and_an_unknown_one_is_refused() -> None:
    assert text(QWEN3, CHAT, template={"enable_thinking": False}).endswith("assistant\n<think>\n\n</think>\n\n")
    assert text(HARMONY, CHAT, HARMONY_MARKS, template={"reasoning_effort": "low"}).startswith(
        "<|start|>system<|message|>Reasoning: low"
    )
    with pytest.raises(StandinError, match=r"'enable_thinkin', which .* does not know: did you mean 'enable_thinking'"):
        text(QWEN3, CHAT, template={"enable_thinkin": False})
    with pytest.raises(StandinError, match="the model has no chat template: take it out"):
        prompt_tokens(tokenizer(None), CHAT, template={"enable_thinking": False})


@pytest.mark.parametrize(
    ("template", "options", "on"),
    [
        (CHATML, {}, False),
        (QWEN3, {}, True),
        (QWEN3, {"enable_thinking": True}, True),
        (QWEN3, {"enable_thinking": False}, False),
        (R1, {}, True),
        (DEEPSEEK31, {}, False),
        (DEEPSEEK31, {"thinking": True}, True),
        (HARMONY, {}, True),
        (HARMONY, {"reasoning_effort": "low"}, True),
        (EFFORT, {}, False),
        (EFFORT, {"reasoning_effort": "high"}, True),
        (CHATML + "{# </think> is cut from earlier turns #}", {}, True),
    ],
)
def test_it_is_known_whether_a_model_thinks(template: str, options: Mapping[str, Any], on: bool) -> None:
    made = tokenizer(template, HARMONY_MARKS)
    assert thinks(made, options) == on
    assert not thinks(made, options, begin='"'), "an answer that is begun follows at once"
    assert not thinks(tokenizer(None), {})


def test_a_block_that_the_prompt_opens_is_part_of_the_answer() -> None:
    made = tokenizer(R1)
    assert prompt(made, CHAT).opened == "<think>\n"
    assert prompt(tokenizer(QWEN3), CHAT).opened == ""
    assert prompt(tokenizer(QWEN3), CHAT, template={"enable_thinking": False}).opened == "", "opened and closed"
    found = TransformersEngine(model("llama"), made, "test")
    ((_, answer),) = found.answer([Request(CHAT, 1)], Sampling(1.0, 1.0, 6))
    ((_, same),) = TransformersEngine(model("llama"), tokenizer(R1.replace("<think>", "<thunk>")), "test").answer(
        [Request(CHAT, 1)], Sampling(1.0, 1.0, 6)
    )
    assert answer.text.startswith("<think>\n")
    assert not same.text.startswith("<thunk>")


def test_an_opening_closes_what_the_template_opened() -> None:
    assert text(R1, CHAT, begin='"').endswith('<think>\n\n</think>\n\n"')
    assert prompt(tokenizer(R1), CHAT, begin='"').opened == ""
    assert text(HARMONY, CHAT, HARMONY_MARKS, begin='"').endswith('<|start|>assistant<|channel|>final<|message|>"')


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (CHATML, "<|im_start|>assistant\n"),
        (QWEN3, "assistant\n<think>\n\n</think>\n\n"),
        (R1, "assistant\n<think>\n\n</think>\n\n"),
        (DEEPSEEK31, "assistant\n</think>"),
        (HARMONY, "<|start|>assistant<|channel|>final<|message|>"),
        (EFFORT, "[SETTINGS]none[/SETTINGS][INST]You sort texts.[/INST][INST]The bus is late.[/INST]"),
        (GEMMA, "You sort texts.\n\nThe bus is late.<end_of_turn>\n<start_of_turn>model\n"),
    ],
)
def test_a_judge_answers_at_once(template: str, end: str) -> None:
    made = tokenizer(template, HARMONY_MARKS)
    assert made.decode(judge_tokens(made, JUDGE)).endswith(end)


def test_a_panel_of_judges_works_with_a_template_without_system_role() -> None:
    found = TransformersEngine(model("llama"), tokenizer(GEMMA), "test")
    verdicts = ask_panel(found, ["The bus is late."], ["bus", "parks"], "Sort: {text}", "", judges=3, batch=4)
    assert np.isfinite(verdicts.raw).all()


def test_marks_of_reasoning_stay_in_the_text_though_the_tokenizer_calls_them_special() -> None:
    made = tokenizer(CHATML, ("[THINK]", "[/THINK]"))
    tokens = made("[THINK]The bus[/THINK]Late.<|im_end|></s>").input_ids
    assert spoken(made, tokens) == "[THINK]The bus[/THINK]Late."
    assert spoken(tokenizer(), tokenizer()("The bus<|im_end|>").input_ids) == "The bus"
    harmony = tokenizer(HARMONY, HARMONY_MARKS)
    said = "<|channel|>analysis<|message|>The bus.<|end|><|start|>assistant<|channel|>final<|message|>Late."
    assert spoken(harmony, harmony(said).input_ids) == said


def test_what_a_template_ends_a_turn_with_ends_an_answer() -> None:
    """Checkpoints without generation_config.json name the end of a document only."""
    made = tokenizer(GEMMA, ("<start_of_turn>", "<end_of_turn>"))
    assert turn_ends(made) == {made.convert_tokens_to_ids("<end_of_turn>")}
    assert turn_ends(tokenizer()) == {tokenizer().convert_tokens_to_ids("<|im_end|>")}
    assert turn_ends(tokenizer(None)) == set()
    assert turn_ends(tokenizer(HARMONY, HARMONY_MARKS)) == set(), "there <|end|> ends the reasoning too"


class MistralTokenizer:
    """With the interface of ``vllm.tokenizers.mistral.MistralTokenizer`` (vLLM 0.32): no ``chat_template``."""

    all_special_ids = (0, 1, 2, 3)
    all_special_tokens = ("<unk>", "<s>", "</s>", "[INST]")
    eos_token_id = 2

    def __init__(self, efforts: bool = False) -> None:
        self.efforts = efforts
        self.words = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]

    def _ids(self, said: str) -> list[int]:
        for word in said.split():
            if word not in self.words:
                self.words.append(word)
        return [self.words.index(word) for word in said.split()]

    def __call__(
        self, text: str | list[str], text_pair: str | None = None, add_special_tokens: bool = True,
        truncation: bool = False, max_length: int | None = None,
    ) -> Any:  # fmt: skip
        assert isinstance(text, str)
        found = ModuleType("BatchEncoding")
        found.input_ids = [*([1] if add_special_tokens else []), *self._ids(text)]  # type: ignore[attr-defined]
        return found

    def decode(self, ids: Sequence[int] | int, skip_special_tokens: bool = False) -> str:
        assert not isinstance(ids, int)
        return " ".join(self.words[token] for token in ids if not skip_special_tokens or token > 3)

    def apply_chat_template(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> list[int]:
        assert not (kwargs.get("add_generation_prompt") and messages[-1]["role"] == "assistant")
        assert kwargs.get("tokenize", True)
        if kwargs.get("reasoning_effort") not in (None, "none", "high"):
            raise ValueError("Unknown reasoning effort")
        marks = {"user": "[INST] {} [/INST]", "system": "[SYSTEM_PROMPT] {} [/SYSTEM_PROMPT]", "assistant": "{} </s>"}
        said = [marks[message["role"]].format(message["content"]) for message in messages]
        thinking = "HIGH " if self.efforts and kwargs.get("reasoning_effort") == "high" else ""
        return self._ids(f"<s> {thinking}" + " ".join(said))


def test_a_tokenizer_without_a_template_is_asked_by_its_own_method() -> None:
    made = MistralTokenizer()
    assert made.decode(prompt_tokens(made, JUDGE)) == (
        "<s> [SYSTEM_PROMPT] You sort texts. [/SYSTEM_PROMPT] [INST] The bus is late. [/INST]"
    )
    assert made.decode(prompt_tokens(made, CHAT, begin="Well")) == (
        "<s> [INST] one [/INST] two </s> [INST] three [/INST] Well"
    )
    assert made.decode(judge_tokens(made, JUDGE)).endswith("late. [/INST]")
    assert not thinks(made, {})
    assert turn_ends(made) == set()
    assert spoken(made, prompt_tokens(made, CHAT)) == "one [/INST] two three [/INST]"


def test_what_such_a_tokenizer_refuses_is_one_message() -> None:
    with pytest.raises(StandinError, match="refuses a conversation: Unknown reasoning effort"):
        prompt_tokens(MistralTokenizer(), CHAT, template={"reasoning_effort": "much"})
