"""Chats as the tokens a local model reads: the same for every engine that runs a model itself."""

from collections.abc import Sequence
from typing import Any

from standin.engines.protocol import Chat
from standin.errors import StandinError


def prompt_tokens(tokenizer: Any, chat: Chat, begin: str = "") -> list[int]:
    """A chat by the model's chat template with the assistant's turn opened; plain text for a model without one.

    ``begin`` is how the assistant's turn begins.
    """
    if tokenizer.chat_template:
        messages = [{"role": role, "content": content} for role, content in chat]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(tokenizer(text + begin, add_special_tokens=False).input_ids)
    return list(tokenizer("\n\n".join(content for _, content in chat) + "\n\n" + begin).input_ids)


def check_window(prompts: Sequence[Sequence[int]], new: int, window: int) -> None:
    """Raise StandinError where a prompt leaves no room for ``new`` tokens in the model's window."""
    longest = max(len(prompt) for prompt in prompts)
    if longest + new > window:
        raise StandinError(
            f"a prompt of {longest} tokens and {new} new ones (generator.max_tokens) exceed the model's window of "
            f"{window}: lower generator.shots, generator.conversation or max_tokens"
        )
