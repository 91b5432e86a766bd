"""What a server says in refusing a request: the sentence, the fields it names, whether a content filter speaks.

Servers share the status and little else. Bodies that were read for this: OpenAI, Azure, Mistral, Google's and
Anthropic's compatible endpoints, Bedrock, DeepSeek, OpenRouter, vLLM, SGLang, Ollama, llama.cpp, LM Studio.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from standin.errors import StandinError, visible

REFUSING = (400, 422)
"""Statuses of a request that the server understood and will not take as it is."""
MOST = 200
"""Characters of a server's sentence that are repeated."""

_FILTER = re.compile(
    r"content_?filter|content[_ -]policy|content management policy|responsible_?ai|data_inspection_failed|moderation"
    r"|safety (?:system|filter|polic|guideline|setting)|flagged|inappropriate content|prohibited_content|usage polic"
    r"|guardrail|sensitive content|content_blocked|violat\w+ [^.]{0,60}polic",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"context[_ ](?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens"
    r"|input is too long",
    re.IGNORECASE,
)
_SPENT = re.compile(r"max_(?:completion_)?tokens or model output limit was reached", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"unsupported|not support|n't support|unrecognized|unrecognised|unknown|unexpected|extra (?:inputs|fields|keys)"
    r"|extra_forbidden|not permitted|not allowed|forbidden|no longer|deprecated|additional propert|not a valid|invalid "
    r"(?:argument|parameter|field)|cannot be (?:set|used|specified)|not accepted|not recognized|not available|removed",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"too (?:large|small|long|high|low|big)|at (?:most|least)|exceed|(?:less|greater|more) than|between|out of range"
    r"|maximum|minimum",
    re.IGNORECASE,
)
_VAGUE = re.compile(r"\W*(?:bad request|invalid request|unprocessable(?: entity| content)?|error|)\W*", re.IGNORECASE)
_LOC = re.compile(r"""["']?loc["']?: *[(\[]([^)\]]*)[)\]]""")
_ALIASES = {
    "top_p": ("topP", "top-p"),
    "max_tokens": ("maxTokens", "maxOutputTokens", "max_output_tokens"),
    "stop": ("stop_sequences", "stopSequences"),
}


def sentence(error: BaseException | None) -> str:
    """What a server or the connection says of a fault in a line, without the API key, at most 200 characters."""
    said = _message(getattr(error, "body", None)) or str(error or "")
    if _is_page(said):
        said = "a page of HTML"
    lines = said.strip().splitlines()
    return shown(lines[0] if lines else type(error).__name__)


def shown(line: str) -> str:
    """A server's line as a message repeats it: without the key, at most 200 characters, steering no terminal."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    return visible((line.replace(key, "[key]") if key else line)[:MOST])


def api_key() -> str:
    """The key from the environment; empty where there is none. Raises StandinError where it cannot be a key."""
    return from_environment("OPENAI_API_KEY", "key")


def from_environment(name: str, kind: str) -> str:
    """A variable that goes into a header; empty where it is not set. Raises StandinError where none can hold it."""
    value = os.environ.get(name, "").strip()
    if not value.isascii() or not value.isprintable():
        raise StandinError(f"{name} holds characters that no {kind} has, quotation marks perhaps: set it again")
    return value


def filtered(error: Any) -> bool:
    """Whether a content filter refused the prompt: that row has no answer, the others are not concerned."""
    said = _whole(error)
    if error.status_code not in (*REFUSING, 403, 451) or _is_page(said) or any(_places(error.body)):
        return False  # where fields are named by their places, what was sent may be repeated
    return bool(_FILTER.search(said))


def too_long(error: Any) -> bool:
    """Whether the prompt does not fit the model's window."""
    return bool(_WINDOW.search(_whole(error)))


def spent(error: Any) -> bool:
    """Whether the model used its tokens up before the answer began, which other servers tell by finish "length"."""
    return bool(_SPENT.search(_whole(error)))


def unpaid(error: Any) -> bool:
    """Whether the account's credit is used up, which some tell by the status of a rate limit: no wait helps."""
    return str(error.code) in ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")


def lacks(error: Any, names: Iterable[str]) -> list[str]:
    """The fields among ``names`` that a server says it needs."""
    needed = re.search(r"required|missing|must be (?:set|given|provided)", _message(error.body), re.IGNORECASE)
    return sorted(named(error, names)) if needed else []


def vague(error: Any) -> bool:
    """Whether a refusal may be of a field though it names none: status 422 always is."""
    return error.status_code == 422 or bool(_VAGUE.fullmatch(_message(error.body)))


def unknown(error: Any) -> bool:
    """Whether a field itself is refused, rather than its size."""
    said = _message(error.body)
    return bool(_UNKNOWN.search(_whole(error))) and not _SIZE.search(said)


def replaced_by(error: Any, name: str) -> bool:
    """Whether a refusal says to use the field ``name`` instead."""
    said = _message(error.body)
    return bool(re.search(rf"\b{name}\b", said) and re.search(r"\binstead\b|\buse\b", said, re.IGNORECASE))


def named(error: Any, sent: Iterable[str]) -> set[str]:
    """The fields among ``sent`` that a refusal names: by its structure where it has one, else in its words.

    A body that repeats what was sent names every field, so a place (``loc``, ``param``) is believed first.
    """
    fields = set(sent)
    param = error.body.get("param") if isinstance(error.body, dict) else None
    places = [*_places(error.body), str(param or "")]
    if found := {part for place in places for part in re.split(r"\W+", place) if part in fields}:
        return found | ({"top_p", "temperature"} & fields if _names_pair(error) else set())
    said = _message(error.body)
    return {name for name in fields if any(_stands_in(word, said) for word in (name, *_ALIASES.get(name, ())))}


def _names_pair(error: Any) -> bool:
    said = _message(error.body)
    return all(_stands_in(name, said) for name in ("temperature", "top_p")) and "both" in said


def _stands_in(name: str, said: str) -> bool:
    """Whether a name stands in a sentence, by itself; ``stop`` and ``model`` are words too and must be quoted."""
    if name == "stop":
        return bool(re.search(r"""["'`]stop["'`]|\bstop (?:sequence|string|parameter)|: stop\b""", said))
    return bool(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said))


def _places(body: Any) -> Iterator[str]:
    """Every ``loc`` of pydantic's errors in a body, also of those that stand in a sentence as Python writes them."""
    if isinstance(body, dict):
        if isinstance(body.get("loc"), list):
            yield " ".join(map(str, body["loc"]))
        for value in body.values():
            yield from _places(value)
    elif isinstance(body, list):
        for value in body:
            yield from _places(value)
    elif isinstance(body, str):
        yield from _LOC.findall(body)


def _message(body: Any) -> str:
    """The sentence of an error's body, whatever its shape; empty where it has none."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(said for each in body if (said := _message(each)))
    if not isinstance(body, dict):
        return ""
    if "loc" in body and "msg" in body:
        place = body["loc"] if isinstance(body["loc"], list) else [body["loc"]]
        return f"{'.'.join(map(str, place))}: {body['msg']}"
    for key in ("message", "detail", "error", "errors", "msg", "error_msg", "error_message", "title"):
        if said := _message(body.get(key)):
            return said
    return ""


def _whole(error: Any) -> str:
    """All that a body says, codes too."""
    return error.body if isinstance(error.body, str) else json.dumps(error.body, ensure_ascii=False, default=str)


def _is_page(said: str) -> bool:
    return bool(re.match(r"\s*<(?:!doctype|html|head|body|\?xml|!--)", said, re.IGNORECASE))


def is_page(said: object) -> bool:
    """Whether a server's answer is a page of HTML: something else than an API lives at the address."""
    return isinstance(said, str) and _is_page(said)
