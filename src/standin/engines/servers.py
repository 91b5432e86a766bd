"""The server behind ``runtime.base_url``: reaching it, what it is, and what can be done where it refuses."""

import ipaddress
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from standin.config import Runtime
from standin.engines import refusals
from standin.engines.fields import Fields
from standin.engines.refusals import api_key, from_environment, sentence
from standin.engines.replies import SHAPE
from standin.engines.retries import persist
from standin.errors import StandinError, nearest

SHORT = 10.0
"""Seconds that a question about the server itself may take."""
ASKED = 3
"""Tries of such a question."""
UNREACHABLE = ("ConnectError", "ProxyError")
"""httpx's errors, under openai's, where there is no way to a server."""
MOST_TIMEOUTS = 10
"""Times ``runtime.timeout`` that the whole of an answer may take, once it has begun."""
MOST_MODELS = 12
"""Models of a server that a message lists."""


_NO_MODEL = re.compile(
    r"model[^.]{0,80}(?:not (?:found|exist|loaded)|does ?n.t exist|is unknown|not a valid model)|no models? loaded"
    r"|invalid model|no such model|unknown model",
    re.IGNORECASE,
)


class Notes(Protocol):
    """Where what was found out of a server outlives the run: the answer store."""

    def note(self, name: str) -> Any:
        """What was kept under a name; None where nothing was."""

    def keep_note(self, name: str, value: Any) -> None:
        """Keep a value that JSON can hold."""


def connect(runtime: Runtime) -> Any:
    """A client of ``runtime.base_url``; nothing is sent yet. The key comes from the environment.

    A query, as Azure's ``?api-version=``, goes along with every request; with that one the key is also sent as Azure's
    deployments want it. Proxies of the environment are used for other machines, never for this one. Raises
    StandinError where a variable of the environment cannot be used.
    """
    import openai

    query = dict(parse_qsl(urlsplit(runtime.base_url).query))
    key = api_key()
    try:
        return openai.OpenAI(
            base_url=_without_query(runtime.base_url),
            default_query=query,
            default_headers={"api-key": key} if key and "api-version" in query else None,
            api_key=key or "none",
            organization=from_environment("OPENAI_ORG_ID", "organization") or None,
            project=from_environment("OPENAI_PROJECT_ID", "project") or None,
            timeout=runtime.timeout,
            max_retries=0,  # tried again here, where each try is told
            http_client=openai.DefaultHttpxClient(
                trust_env=not is_loopback(runtime.base_url), event_hooks={"response": [_ending(runtime.timeout)]}
            ),
        )
    except ImportError:  # httpx's, of socksio
        raise StandinError(
            f"the environment asks for a SOCKS proxy ({_proxies()}), which needs the package socksio: pip install "
            "socksio, or unset the variable, or name the server's host in NO_PROXY"
        ) from None
    except OSError as error:
        raise StandinError(
            f"the certificates cannot be read ({error}): SSL_CERT_FILE is {os.environ.get('SSL_CERT_FILE')!r}. Name a "
            "file that is there, or unset it."
        ) from None
    except ValueError as error:
        raise StandinError(f"the environment's proxy cannot be used ({_proxies()}): {sentence(error)}") from None


def _ending(timeout: float) -> Callable[[Any], None]:
    """What makes an answer's body end: httpx's timeout is that of one piece, and one that trickles in never ends.

    Servers that send blanks while they work may take ``MOST_TIMEOUTS`` times as long.
    """
    import httpx2

    class Ending(httpx2.SyncByteStream):
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            end = time.monotonic() + MOST_TIMEOUTS * timeout
            for piece in self.stream:
                if time.monotonic() > end:
                    raise httpx2.ReadTimeout(f"no whole answer within {MOST_TIMEOUTS * timeout:g} s")
                yield piece

        def close(self) -> None:
            self.stream.close()

    def end(response: Any) -> None:
        response.stream = Ending(response.stream)

    return end


def _without_query(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own, which no proxy knows."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _proxies() -> str:
    """The variables that name a proxy, without their values, which may hold a password."""
    return ", ".join(_named_proxies()) or "the system's settings"


def _named_proxies() -> list[str]:
    names = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
    return [name for each in names for name in (each, each.lower()) if os.environ.get(name)]


def continues(runtime: Runtime, notes: Notes | None = None) -> bool:
    """Whether the server goes on from an answer begun for it, as only vLLM's is known to: it gives its version.

    Where nobody answers, what was found the last time is taken from ``notes``, so that a run of stored answers needs no
    server. Raises StandinError where that is not known either.
    """
    import openai
    from tenacity import RetryError

    name = f"continues {runtime.base_url}"
    root = re.sub(r"(/v1)?/?\Z", "", _without_query(runtime.base_url))
    client = connect(runtime).with_options(base_url=root, timeout=min(SHORT, runtime.timeout))
    said: Any = None
    try:
        tried = persist(lambda: client.get("/version", cast_to=object), ASKED, Event(), _unreachable)
        said = tried and tried[1]
    except RetryError as error:
        last = error.last_attempt.exception()
        if isinstance(last, openai.APIConnectionError):
            if notes is not None and (known := notes.note(name)) is not None:
                return bool(known)
            raise StandinError(nobody(runtime.base_url, last)) from None
    except (openai.APIStatusError, ValueError):  # it has no such address, or answers what is neither JSON nor text
        pass
    found = isinstance(said, dict) and isinstance(said.get("version"), str)
    if notes is not None:
        notes.keep_note(name, found)
    return found


def _unreachable(tried: Any) -> bool:
    """Whether a try found nobody at the address."""
    return type(getattr(tried.outcome.exception(), "__cause__", None)).__name__ in UNREACHABLE


def unpaid(url: str, error: Any) -> str:
    """What to say where the account has no credit left."""
    return (
        f"the server at {url} refuses, status {error.status_code}: {sentence(error).rstrip('.')}: the account has no "
        "credit left. Stored answers are kept: run again once it has"
    )


def nobody(url: str, error: BaseException | None) -> str:
    """What to say where no server answers."""
    cause = getattr(error, "__cause__", None)
    if type(cause).__name__ == "ProxyError":
        return (
            f"the proxy of the environment ({_proxies()}) does not lead to {url} ({sentence(cause)}): mend or unset it"
        )
    through = "" if is_loopback(url) or not _named_proxies() else f" through the environment's proxy ({_proxies()})"
    return (
        f"no server answers at {url}{through}: start it, or set runtime.base_url to its address "
        f"({sentence(cause or error)})"
    )


def refused(client: Any, model: str, fields: Fields, wanted: Mapping[str, Any], error: Any, judging: bool) -> str:
    """The message for a refusal that nothing here can mend.

    Args:
        client: of ``connect``.
        model: the model asked for.
        fields: what the server takes.
        wanted: the fields of the request.
        error: an ``openai.APIStatusError``.
        judging: whether a judge was asked, whose fields stand in no file.
    """
    said = f"the server at {client.base_url} refuses, status {error.status_code}: {sentence(error).rstrip('.:')}"
    if error.status_code in (401, 403) and (place := _membership(error)):
        return f"{said}: {place}"
    if error.status_code == 401:
        return f"{said}: set OPENAI_API_KEY to a valid key"
    if error.status_code == 403:
        return f"{said}: the key may not use this model"
    if error.status_code in (404, 405) or _speaks_of_model(error, model):
        return f"{said}: {_which(client, model, 'the model of the judge' if judging else 'generator.model')}"
    if judging and (refusals.too_long(error) or refusals.filtered(error)):
        return f"{said}: a text that is to be judged: set verify.by to classifier or none, or take another model"
    if judging:
        return (
            f"{said}: this model cannot judge by log-probabilities: set verify.by to classifier "
            "or none, or take another model"
        )
    return f"{said}: {fields.advice(wanted, error)}"


def _membership(error: Any) -> str | None:
    """What to do about a wrong organization or project, which the client sends along from the environment."""
    said = f"{error.code} {error.message}".lower()
    for word, name in (("organization", "OPENAI_ORG_ID"), ("project", "OPENAI_PROJECT_ID")):
        if word in said and os.environ.get(name):
            return (
                f"{name} is set in the environment and sent along: unset it, or set it to one that the key belongs to"
            )
    return None


def _speaks_of_model(error: Any, model: str) -> bool:
    """Whether a refusal with another status says that there is no such model."""
    if error.status_code not in refusals.REFUSING:
        return False
    said = re.sub(rf"(?<!\w){re.escape(model)}(?!\w)", "model", sentence(error))  # so that its dots end no sentence
    return error.code in ("model_not_found", "invalid_model") or bool(_NO_MODEL.search(said))


def _which(client: Any, model: str, key: str) -> str:
    """The models that the server has, where it tells; else what may be wrong. ``key`` names the model's."""
    import openai

    try:
        listed = client.with_options(timeout=SHORT).models.list().data
        known = [str(each.id) for each in listed]
    except (openai.APIError, ValueError, AttributeError, TypeError):  # a page, or another API's list
        known = []
    if not known:
        return f"check runtime.base_url and {key} ({model!r}); {SHAPE}"
    if model in known:
        return f"the server lists {model!r}, but not for chats: check runtime.base_url and {key}"
    more = f" and {len(known) - MOST_MODELS} more" if len(known) > MOST_MODELS else ""
    shown = sorted(known, key=lambda name: (nearest(model, [name]).startswith("did"), name), reverse=True)[:MOST_MODELS]
    return f"{key} is {model!r}: {nearest(model, shown)}{more}"
