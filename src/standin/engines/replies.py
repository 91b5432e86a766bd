"""Reading what a server answers: the text and nothing else, how it ended, and what stands where no answer is."""

import math
from typing import Any

from standin.engines.protocol import Finish
from standin.engines.refusals import is_page, shown
from standin.errors import StandinError

SHAPE = "runtime.base_url should end in /v1, as http://127.0.0.1:8000/v1"
STANDARD: dict[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "filter", "repetition": "loop"}
"""Finish reasons of the API, and vLLM's of a loop."""
OTHERS: dict[str, Finish] = {
    **dict.fromkeys(("max_tokens", "max_length", "max_output_tokens", "model_length", "token_limit"), "length"),
    **dict.fromkeys(("refusal", "safety", "recitation", "blocklist", "prohibited_content", "sensitive"), "filter"),
    **dict.fromkeys(("content_filtered", "guardrail_intervened"), "filter"),
}
"""What other servers say instead, in lower case; everything else that an answer may end with is a stop."""
BROKEN_OFF = {"abort", "aborted", "error", "cancelled", "canceled", "network_error", "insufficient_system_resource"}
"""Reasons, in lower case, of answers that the server did not finish."""
THINKING = ("<think", "<|channel", "<thought", "<reason", "[think", "<seed:think", "<|begin_of_thought", "\u25c1think")
"""How a model's reasoning begins, in lower case."""


class UnusableError(Exception):
    """An answer that came and is none: no JSON, without a message, or broken off by the server."""


def checked(said: Any, url: str) -> Any:
    """The answer, if it holds one. A body that is not JSON arrives as text; some errors come with status 200.

    Raises UnusableError where another try may give one, StandinError where it will not.
    """
    if is_page(said):
        raise StandinError(f"the server at {url} answers with a page of HTML: the address looks wrong: {SHAPE}")
    choices = getattr(said, "choices", None)
    if not choices or not isinstance(choices, list) or not hasattr(getattr(choices[0], "message", None), "content"):
        raise _no_answer(getattr(said, "error", None), url)
    if str(choices[0].finish_reason).lower() in BROKEN_OFF:
        raise UnusableError(f"an answer that ended with {choices[0].finish_reason!r}")
    return said


def _no_answer(error: Any, url: str) -> Exception:
    if not error:
        return UnusableError("an answer without content")
    told, code = (error.get("message"), error.get("code")) if isinstance(error, dict) else (error, None)
    said = f"an error instead of an answer ({shown(str(told))})"
    if isinstance(error, str) and "endpoint" in error:  # LM Studio, of an address without /v1
        return StandinError(f"the server at {url} gives {said}: {SHAPE}")
    if isinstance(code, int) and 400 <= code < 500 and code not in (408, 409, 425, 429):
        return StandinError(f"the server at {url} gives {said}, code {code}: mend what it names and run again")
    return UnusableError(said)


def finish(choice: Any, written: int, most: int | None) -> tuple[Finish, str | None]:
    """How an answer ended, and what to say of a reason that the API does not know.

    Args:
        choice: the reply's first.
        written: its tokens, 0 where they are not counted.
        most: ``max_tokens``.
    """
    reason = None if choice.finish_reason is None else str(choice.finish_reason)
    if reason in STANDARD:
        return ("filter" if getattr(choice.message, "refusal", None) else STANDARD[reason]), None
    taken = OTHERS.get(str(reason).lower(), "stop")
    if reason is None and most and written >= most:
        taken = "length"
    return taken, f"an answer ended with finish reason {reason!r}, which the API does not know: taken as {taken}"


def number(counts: Any, name: str) -> int:
    """A count of a server; 0 where it gives none."""
    value = counts.get(name) if isinstance(counts, dict) else getattr(counts, name, None)
    return int(value) if isinstance(value, int | float) and 0 < value < math.inf else 0


def first_tokens(choice: Any) -> tuple[str, list[tuple[str, float]]]:
    """The first token of a judge, and the most probable ones in its place with their log-probabilities.

    Tokens are in lower case without blanks. The list is empty where the server gives none that can be read.
    """
    content = getattr(choice.logprobs, "content", None)
    first = content[0] if isinstance(content, list) and content else None
    top = getattr(first, "top_logprobs", None)
    pairs = [(getattr(each, "token", 0), getattr(each, "logprob", "")) for each in top] if isinstance(top, list) else []
    read = [(token.strip().lower(), float(value)) for token, value in pairs
            if isinstance(token, str) and isinstance(value, int | float)]  # fmt: skip
    token = getattr(first, "token", None)
    return (token.strip().lower() if isinstance(token, str) else ""), read


def texts(said: Any, written: int) -> tuple[str, int, bool]:
    """The text of a reply, its tokens of reasoning, and whether there was reasoning.

    A refusal in a field of its own, and what stands before a refusal, is no text. Reasoning that the server does not
    count apart gets its share of the ``written`` tokens by characters (ours).
    """
    message, usage = said.choices[0].message, said.usage
    refuses = getattr(message, "refusal", None) or str(said.choices[0].finish_reason).lower() == "refusal"
    text = "" if refuses else _parts(message.content, "text")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a character can be sent
    reasoning = thought(message)
    details = getattr(usage, "completion_tokens_details", None)
    counted = number(details, "reasoning_tokens") or number(usage, "reasoning_tokens")
    shared = round(written * len(reasoning) / len(reasoning + text)) if reasoning else 0
    return text, counted or shared, bool(reasoning or counted)


def thought(message: Any) -> str:
    """The reasoning that a server sends beside the text; never a text."""
    for name in ("reasoning_content", "reasoning", "thinking"):
        said = getattr(message, name, None)
        if isinstance(said, str) and said:
            return said
    return _parts(message.content, "thinking")


def _parts(content: Any, kind: str) -> str:
    """A message's content of a kind, "text" or "thinking": it is a string, or a list of parts that name their kind."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    found = []
    for part in content if isinstance(content, list) else []:
        named = part.get("type", "text") if isinstance(part, dict) else "text"
        if named in (kind, f"output_{kind}"):
            inner = part.get(kind) if isinstance(part, dict) else part
            found.append(inner if isinstance(inner, str) else _parts(inner, "text"))
    return "".join(found)
