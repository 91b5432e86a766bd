"""Special tokens of chat templates: where an answer holds one, the model ran past the end of its turn."""

import re

MARKS = (
    r"<\|[^\s|<>]{1,40}\|>",  # ChatML, Llama 3, Phi, gpt-oss, Command R, Granite, GLM
    r"<\uff5c[^\uff5c<>\n]{1,40}\uff5c>",  # DeepSeek, with full-width bars
    r"<\|(?:turn|channel|think|tool)>|<(?:turn|channel|think|tool)\|>",  # Gemma 4
    r"</?s>",  # Llama 2, Mistral
    r"<(?:bos|eos|pad|sop|eop|eoa|eoh|eot|EOT)>",  # Gemma, GLM, InternLM, Code Llama
    r"</?(?:start|end)_of_(?:turn|utterance|text)>",  # Gemma 2 and 3, Idefics
    r"<(?:unused|extra_id_|reserved_)\d{1,4}>",
    r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|MODEL_SETTINGS)\]|<</?SYS>>",  # Mistral, Llama
    r"\[\|[a-z]{1,20}\|\]",  # EXAONE
    r"\[gMASK\]|\[UNUSED_TOKEN_\d{1,4}\]",  # GLM, InternLM
)
"""What the tokenizers of open models call special, as far as they write it out. ``<PERSON>``, ``<user>``, ``<b>``,
``<URL>``, ``<unk>`` are a text's own."""

_MARK = f"(?:{'|'.join(MARKS)})"
_FOUND = re.compile(rf"(?P<struck><s>[^<>\n]{{1,200}}</s>)|(?P<mark>{_MARK})")
_ROLE = r"(?i:assistant|model|user|system|bot)"
_HEADER = re.compile(
    rf"\s*(?:{_MARK}(?:[ \t]*{_ROLE}[ \t]*(?=\n|{_MARK}))?\s*)+"
    r"|(?i:assistant|user|system)[ \t]*\n|Assistant:\s|#{1,4} (?:Response|Assistant|Answer):?[ \t]*\n"
)
_TURN = re.compile(
    r"\n(?:user|assistant|system)[ \t]*\n|\n(?:(?-i:Human|User|Assistant|System|AI|Bot))[ \t]?:[ \t]"
    r"|\n#{1,4} (?:Instruction|Input|Response|User|Human|Assistant)\b",
    re.IGNORECASE,
)
_DIALOGUE = re.compile(r"(?:User|Human|Prompt)[ \t]?:[ \t]")
_ANSWERED = re.compile(r"\n(?:Assistant|AI)[ \t]?:\s")
_CALL = re.compile(
    r"\s*(?:<\|?(?:tool_calls?|function_calls?)\|?>|<\|python_tag\|>|\[TOOL_CALLS\]|<function[=_]\w"
    r"|<\|channel\|>commentary to=|commentary to=\w|<\uff5ctool\u2581calls?\u2581begin\uff5c>)",
    re.IGNORECASE,
)
"""A call of a tool: Qwen, Hermes, Granite, Llama 3.1, Mistral, gpt-oss, DeepSeek."""
_BROKEN = re.compile(r"<[|\uff5c][^\s|<>]{0,40}[|\uff5c]?\Z")


def first_mark(text: str) -> re.Match[str] | None:
    """The first special token of a text. ``<s>struck</s>`` inside a text is a person's own markup."""
    return next((found for found in _FOUND.finditer(text) if found.lastgroup == "mark"), None)


def calls_tool(raw: str) -> bool:
    """Whether an answer is the call of a tool that nobody offered, not a text."""
    return _CALL.match(raw) is not None


def without_header(text: str) -> str:
    """Without the marks and the role's name that open an answer, and without a prompt that is repeated before it."""
    if _DIALOGUE.match(text) and (answered := _ANSWERED.search(text)):
        text = text[answered.start() + 1 :]
    if text.startswith(("[INST]", "<s>[INST]", "<s> [INST]")) and "[/INST]" in text:
        text = text[text.index("[/INST]") :]
    found = None if _struck(text) else _HEADER.match(text)
    return text[found.end() :] if found else text


def _struck(text: str) -> bool:
    """Whether a text begins with words that a person struck out, and goes on."""
    found = _FOUND.match(text)
    after = text[found.end() :].lstrip() if found and found.lastgroup == "struck" else ""
    return bool(after) and not re.match(_MARK, after)


def first_turn(text: str) -> str:
    """What stands before the first mark, before another speaker's turn, before a mark that was broken off."""
    if found := first_mark(text):
        text = text[: found.start()]
    if found := _TURN.search(text):
        text = text[: found.start()]
    return _BROKEN.sub("", text[-50:]).join((text[:-50], "")) if "<" in text[-50:] else text
