"""What a chat template knows of thinking: whether it is on, what its prompt opens, and which marks tell it apart.

Three kinds of models write reasoning before their answer. Some take an option of their template (Qwen3, SmolLM3, GLM:
``enable_thinking``; Granite, DeepSeek: ``thinking``; gpt-oss, Mistral: ``reasoning_effort``); some have the block
opened by the prompt itself (DeepSeek R1, QwQ); some always write it, in a channel of its own (gpt-oss).
"""

import re
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

SWITCHES = ("enable_thinking", "thinking")
"""Options that are false for no thinking."""
EFFORT = "reasoning_effort"
"""The option that is "none" for no thinking in some templates, and has no such value in others (gpt-oss)."""
KNOWN = re.compile(
    r"\b(?:enable_thinking|thinking|reasoning_effort)\b|</?think(?:ing)?>|\[/?THINK\]|<\|channel\|?>|_THINKING\|>"
)
"""What a template that knows thinking mentions."""
CLOSE = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
}
"""How reasoning is opened and closed."""
HARMONY = "<|channel|>"
"""Templates with this mark are gpt-oss's: reasoning and answer stand in channels."""
_OPENED = re.compile(rf"(?P<mark>{'|'.join(map(re.escape, CLOSE))})\s*\Z")
_ASIDE = re.compile(r"think|thought|reasoning|channel", re.IGNORECASE)
_ASIDES: "WeakKeyDictionary[Any, dict[int, str]]" = WeakKeyDictionary()
_HARMONY_MARKS = ("<|start|>", "<|message|>", "<|end|>")


def opened(prompt: str) -> str:
    """The block of reasoning that a prompt opens for the answer to close, as ``<think>``; empty for most models."""
    found = _OPENED.search(prompt)
    return found.group() if found else ""


def closed(prompt: str) -> bool:
    """Whether a prompt ends with a block of reasoning that is closed."""
    return prompt.rstrip().endswith(tuple(CLOSE.values()))


def closing(prompt: str, harmony: bool) -> str:
    """What a prompt needs so that the answer itself follows and no reasoning.

    An opened block is closed empty, the answer's channel is opened; mostly nothing is needed.
    """
    if found := _OPENED.search(prompt):
        return f"\n{CLOSE[found['mark']]}\n\n"
    return f"{HARMONY}final<|message|>" if harmony and prompt.endswith("<|start|>assistant") else ""


def spoken(tokenizer: Any, tokens: Sequence[int]) -> str:
    """The text of an answer's tokens, without the model's own marks but for those that tell reasoning apart.

    Tokenizers call some of these marks special, some not. Were they left out, the reasoning would stand in the text
    with nothing that shows where it ends.
    """
    marks = aside(tokenizer)
    if not marks:
        return str(tokenizer.decode(list(tokens), skip_special_tokens=True))
    pieces: list[str] = []
    part: list[int] = []
    for token in tokens:
        if token in marks:
            pieces += [str(tokenizer.decode(part, skip_special_tokens=True)), marks[token]]
            part = []
        else:
            part.append(token)
    return "".join([*pieces, str(tokenizer.decode(part, skip_special_tokens=True))])


def aside(tokenizer: Any) -> dict[int, str]:
    """Special tokens that tell reasoning apart, by their id."""
    if tokenizer not in _ASIDES:
        special = specials(tokenizer)
        harmony = HARMONY in special.values()
        _ASIDES[tokenizer] = {
            token: mark for token, mark in special.items() if tells_apart(mark) or (harmony and mark in _HARMONY_MARKS)
        }
    return _ASIDES[tokenizer]


def tells_apart(mark: str) -> bool:
    """Whether a special token's text is one that tells reasoning apart."""
    return bool(_ASIDE.search(mark))


def specials(tokenizer: Any) -> dict[int, str]:
    """A tokenizer's special tokens by their id: those with a role, and those that were added as special."""
    named = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=False))
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return named | {token: str(found) for token, found in added.items() if found.special}
