"""Chats as the tokens a local model reads: the same for every engine that runs a model itself.

Chat templates differ in what they take. Gemma and older Mistral raise on a system role, many on two turns of one role,
some models that also see images want a turn's content in parts and leave a string out without a word, and some
tokenizers have no template but a method of their own (Mistral's in vLLM, DeepSeek's). Each tokenizer is tried once with
a few words; chats are then put as it takes them.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import groupby
from typing import Any
from weakref import WeakKeyDictionary

from standin.engines.protocol import Chat, Message
from standin.engines.thinking import EFFORT, HARMONY, KNOWN, SWITCHES, closed, closing, opened, specials
from standin.errors import StandinError, first_line

Rendered = str | list[int]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model reads, and the reasoning that it finds opened: the answer's first words, put there by the prompt."""

    tokens: list[int]
    opened: str = ""


@dataclass(frozen=True, slots=True)
class Takes:
    """What a tokenizer's template takes."""

    system: bool
    """A system role, whose words the prompt then holds."""
    adjacent: bool
    """Two turns of one role in a row."""
    parts: bool
    """Content only as a list of parts."""


_TAKES: "WeakKeyDictionary[Any, Takes]" = WeakKeyDictionary()


def prompt_tokens(tokenizer: Any, chat: Chat, begin: str = "", template: Mapping[str, Any] | None = None) -> list[int]:
    """The tokens of :func:`prompt`."""
    return prompt(tokenizer, chat, begin, template).tokens


def prompt(
    tokenizer: Any, chat: Chat, begin: str = "", template: Mapping[str, Any] | None = None, answered: bool = False
) -> Prompt:
    """A chat by the model's chat template with the assistant's turn opened; plain text for a model without one.

    Args:
        tokenizer: of transformers, or with ``apply_chat_template`` of its own that gives tokens.
        chat: the conversation so far. Where the template takes no system role, it opens the first user turn.
        begin: how the assistant's turn begins. The answer follows it at once: reasoning that the template opens is
            closed empty before.
        template: options of the template, as ``enable_thinking``.
        answered: whether the answer follows at once even without ``begin``.

    Raises:
        StandinError: the template refuses the chat, or knows no such option.
    """
    options = dict(template or {})
    check_options(tokenizer, options)
    if not templated(tokenizer):
        return Prompt(list(tokenizer("\n\n".join(content for _, content in chat) + "\n\n" + begin).input_ids))
    try:
        rendered = _render(tokenizer, _messages(chat, _takes(tokenizer, options)), options)
    except Exception as error:  # a template is a program that came with the model: it may raise anything
        raise StandinError(f"the model's chat template refuses a conversation: {first_line(error)}") from None
    text = rendered if isinstance(rendered, str) else str(tokenizer.decode(rendered[-8:]))
    lead = closing(text, HARMONY in template_text(tokenizer)) + begin if begin or answered else ""
    if isinstance(rendered, str):  # the template has put the beginning of the text, so none is added
        tokens = list(tokenizer(rendered + lead, add_special_tokens=False).input_ids)
    else:
        tokens = [*rendered, *(tokenizer(lead, add_special_tokens=False).input_ids if lead else ())]
    return Prompt(tokens, "" if lead else opened(text))


def judge_tokens(tokenizer: Any, chat: Chat) -> list[int]:
    """A judge's prompt, after which its choice stands at once: thinking is turned off where the template can.

    Elsewhere an opened block is closed, and the channel of answers opened (ours).
    """
    off = _off(tokenizer) if template_text(tokenizer) else {}
    try:
        return prompt(tokenizer, chat, template=off, answered=True).tokens
    except StandinError:  # some know no effort "none"
        return prompt(tokenizer, chat, answered=True).tokens


def thinks(tokenizer: Any, template: Mapping[str, Any], begin: str = "") -> bool:
    """Whether a model's template knows thinking and it is on under these options.

    An answer that is begun for the model follows at once, without reasoning.
    """
    text = template_text(tokenizer)
    if begin or not templated(tokenizer) or (text and not KNOWN.search(text)):
        return False
    chat: Chat = (("user", "alpha"),)
    found = prompt(tokenizer, chat, template=template)
    if found.opened or HARMONY in text:
        return True
    if not (off := _off(tokenizer)):  # it mentions the marks and has no option
        return not closed(str(tokenizer.decode(found.tokens[-8:])))
    try:
        return found.tokens != prompt(tokenizer, chat, template={**template, **off}).tokens
    except StandinError:  # it refuses the effort "none": it cannot be turned off
        return True


def _off(tokenizer: Any) -> dict[str, Any]:
    """The options that turn a template's thinking off: a switch where it has one, else the effort "none"."""
    text = template_text(tokenizer)
    if not text:
        return {"thinking": False, "enable_thinking": False}
    known = variables(text)
    switches = {name: False for name in SWITCHES if name in known}
    return switches or ({EFFORT: "none"} if EFFORT in known and HARMONY not in text else {})


@cache
def variables(template: str) -> frozenset[str]:
    """The names that a chat template reads."""
    from jinja2 import Environment, TemplateError, nodes

    plain = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)  # a tag of transformers' own
    try:
        tree = Environment(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"], autoescape=False).parse(plain)
    except TemplateError:
        return frozenset(re.findall(r"\w+", template))
    return frozenset(name.name for name in tree.find_all(nodes.Name) if name.ctx == "load")


def templated(tokenizer: Any) -> bool:
    """Whether a tokenizer puts chats: by a template, or by a method of its own."""
    from transformers import PreTrainedTokenizerBase

    method = getattr(type(tokenizer), "apply_chat_template", None)
    return bool(getattr(tokenizer, "chat_template", None)) or (
        method is not None and method is not PreTrainedTokenizerBase.apply_chat_template
    )


def template_text(tokenizer: Any) -> str:
    """A tokenizer's chat template; empty where it has none."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default") or next(iter(template.values()), "")
    return str(template or "")


def check_options(tokenizer: Any, options: Mapping[str, Any]) -> None:
    """Raise StandinError where a chat template knows no such option: it would be left out without a word."""
    text = template_text(tokenizer)
    for name in options:
        if text and name not in variables(text):
            near = get_close_matches(name, variables(text), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "take it out"
            raise StandinError(
                f"params.yaml: generator.template sets {name!r}, which the model's chat template does not know: {hint}"
            )
        if not templated(tokenizer):
            raise StandinError(
                f"params.yaml: generator.template sets {name!r}, and the model has no chat template: take it out"
            )


def _takes(tokenizer: Any, options: Mapping[str, Any]) -> Takes:
    if tokenizer not in _TAKES:
        parts = not _holds(tokenizer, [("user", "alpha")], False, options) and _holds(
            tokenizer, [("user", "alpha")], True, options
        )
        _TAKES[tokenizer] = Takes(
            system=_holds(tokenizer, [("system", "beta"), ("user", "alpha")], parts, options),
            adjacent=_holds(tokenizer, [("user", "alpha"), ("user", "beta")], parts, options),
            parts=parts,
        )
    return _TAKES[tokenizer]


def _holds(tokenizer: Any, chat: Sequence[Message], parts: bool, options: Mapping[str, Any]) -> bool:
    """Whether a template takes a chat and all that was said stands in the prompt."""
    try:
        rendered = _render(tokenizer, _messages(tuple(chat), Takes(True, True, parts)), options)
    except Exception:  # a template is a program that came with the model: it may raise anything
        return False
    text = rendered if isinstance(rendered, str) else tokenizer.decode(rendered)
    return all(content in text for _, content in chat)


def _messages(chat: Chat, takes: Takes) -> list[dict[str, Any]]:
    """A chat as a template takes it."""
    said = [(role if takes.system or role != "system" else "user", content) for role, content in chat]
    if not takes.adjacent or not takes.system:
        said = [
            (role, "\n\n".join(content for _, content in turns))
            for role, turns in groupby(said, key=lambda message: message[0])
        ]
    return [
        {"role": role, "content": [{"type": "text", "text": content}] if takes.parts else content}
        for role, content in said
    ]


def _render(tokenizer: Any, messages: list[dict[str, Any]], options: Mapping[str, Any]) -> Rendered:
    if template_text(tokenizer):
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options))
    found = tokenizer.apply_chat_template(
        messages, tokenize=True, add_generation_prompt=True, return_dict=False, **options
    )
    return found if isinstance(found, str) else list(found)


def check_window(prompts: Sequence[Sequence[int]], new: int, window: int) -> None:
    """Raise StandinError where a prompt leaves no room for ``new`` tokens in the model's window."""
    longest = max(len(prompt) for prompt in prompts)
    if longest + new > window:
        raise StandinError(
            f"a prompt of {longest} tokens and {new} new ones (generator.max_tokens) exceed the model's window of "
            f"{window}: lower generator.shots, generator.conversation or max_tokens"
        )


def fitting(prompts: Sequence[list[int]], new: int, window: int) -> list[list[int]]:
    """Judges' prompts with room for ``new`` tokens: of a longer one the middle is left out, which is told on stderr.

    Instructions stand at a prompt's ends, so a long text loses its middle.
    """
    room = max(window - new, 2)
    cut = sum(len(each) > room for each in prompts)
    if cut:
        print(  # noqa: T201
            f"{cut} of {len(prompts)} prompts to judge are longer than the {room} tokens that the model reads: the "
            "middle of their texts is left out",
            file=sys.stderr,
        )
    head = room // 2
    return [each if len(each) <= room else [*each[:head], *each[head - room :]] for each in prompts]


def turn_ends(tokenizer: Any) -> set[int]:
    """Special tokens that a chat template puts behind the assistant's words: checkpoints forget to name them."""
    if not template_text(tokenizer) or HARMONY in template_text(tokenizer):  # gpt-oss ends its reasoning with one too
        return set()
    messages = [{"role": "user", "content": "alpha"}, {"role": "assistant", "content": "beta"}]
    try:
        text = str(tokenizer.apply_chat_template(messages, tokenize=False))
    except Exception:  # a template is a program that came with the model: it may raise anything
        return set()
    behind = text.rpartition("beta")[2].strip()
    tokens = tokenizer(behind, add_special_tokens=False).input_ids[:1] if behind else []
    return set(tokens) & set(specials(tokenizer))
