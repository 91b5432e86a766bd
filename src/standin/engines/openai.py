"""The openai engine: any server with OpenAI's chat completions (vLLM, llama.cpp, Ollama, hosted APIs).

The key is read from the environment (``OPENAI_API_KEY``) when the engine is loaded; it is written nowhere.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.errors import StandinError

LONGEST_WAIT = 60.0
UNANSWERED = 3
"""Refused connections after which a server that never answered is given up."""
TOP = 20
"""Most log-probabilities a token that the API gives."""


FINISH: dict[str, Literal["stop", "length"]] = {"stop": "stop", "length": "length", "content_filter": "length"}
"""How an answer may end; one that a filter broke off has an open last sentence, as one cut by length."""


class UnusableError(Exception):
    """An answer that came and is none: no JSON, without a message, or broken off by the server."""


class OpenAIEngine:
    """A model behind a server. Faults that pass are tried again, with growing waits or as long as the server says.

    Every request carries its row's seed; whether equal seeds give equal answers is up to the server.
    """

    name = "openai"

    def __init__(self, client: Any, model: str, runtime: Runtime, version: str) -> None:
        self.client = client
        self.model = model
        self.runtime = runtime
        self.version = version
        self.stopped = Event()
        self.reached = False

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats, ``runtime.concurrency`` at a time, as they come back.

        Raises StandinError where a request fails for good or for the last time, after all that was under way was
        yielded: it may have been paid for.
        """
        self.stopped.clear()
        failure: StandinError | None = None
        with ThreadPoolExecutor(self.runtime.concurrency) as pool:
            running = {pool.submit(self._answer, each, sampling): place for place, each in enumerate(requests)}
            try:
                for future in as_completed(running):
                    try:
                        answer = future.result()
                    except StandinError as error:
                        failure = failure or error
                        self.stopped.set()
                        continue
                    if answer is not None:
                        yield running[future], answer
            finally:
                self.stopped.set()
        if failure:
            raise failure

    def stop(self) -> None:
        """Ask for nothing more; answers under way are still yielded."""
        self.stopped.set()

    def _answer(self, request: Request, sampling: Sampling) -> Answer | None:
        """One answer; None where asking was stopped before its turn."""
        if self.stopped.is_set():
            return None
        bound = {"structured_outputs": {"regex": sampling.pattern}} if sampling.pattern else {}
        said = self._ask(
            request.chat,
            extra_body=bound,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=request.seed % (1 << 31),
        )
        if said is None:
            return None
        attempts, choice, usage = said[0], said[1].choices[0], said[1].usage
        if usage is None and (self.runtime.token_budget or self.runtime.money_budget):
            raise StandinError(
                f"the server at {self.client.base_url} counts no tokens, so no budget can be kept: set "
                "runtime.token_budget and runtime.money_budget to null"
            )
        text = choice.message.content
        if text is None:
            text = getattr(choice.message, "refusal", None) or ""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a character can be sent
        read, written = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        return Answer(text, FINISH[choice.finish_reason], read, written, attempts)

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each choice's first token as the answer, natural log, shape (chats, choices).

        A choice that is not among the 20 most probable tokens gets the least of them. Raises StandinError where two
        choices begin with the same token, or the server gives no log-probabilities.
        """
        self.stopped.clear()
        with ThreadPoolExecutor(self.runtime.concurrency) as pool:
            rows = list(pool.map(lambda chat: self._choose(chat, choices), chats))
        return np.array(rows, dtype=np.float64)

    def _choose(self, chat: Chat, choices: Sequence[str]) -> list[float]:
        _, said = self._ask(chat, temperature=0.0, max_tokens=1, logprobs=True, top_logprobs=TOP)
        found = getattr(said.choices[0].logprobs, "content", None)
        if not found:
            raise StandinError(
                f"the server at {self.client.base_url} gives no log-probabilities, which a judge needs: set verify.by "
                "to classifier or none"
            )
        tokens = {each.token.strip().lower(): float(each.logprob) for each in reversed(found[0].top_logprobs)}
        begun = [[token for token in tokens if token and choice.lower().startswith(token)] for choice in choices]
        longest = [max(mine, key=len, default=None) for mine in begun]
        named = [token for token in longest if token]
        if len(set(named)) < len(named):
            raise StandinError(
                f"labels {', '.join(choices)}: two of them begin with the same token for {self.model}, so that the "
                "first token does not tell them apart: rename one, or set verify.by to classifier"
            )
        least = min(tokens.values())
        return [tokens[token] if token else least for token in longest]

    def _ask(self, chat: Chat, **options: Any) -> Any:
        """Number of the try and its answer, at most ``runtime.attempts``; None where asking was stopped meanwhile."""
        import openai
        from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt
        from tenacity.nap import sleep_using_event
        from tenacity.stop import stop_any, stop_when_event_set

        passing = (
            openai.APIConnectionError,  # also a cut connection and a timeout
            openai.RateLimitError,
            openai.InternalServerError,
            openai.APIResponseValidationError,
            UnusableError,
        )
        messages = [{"role": role, "content": content} for role, content in chat]
        nobody_there: Any = self._nobody_there  # any callable is a stop to tenacity, not to its types
        tries = Retrying(
            retry=retry_if_exception_type(passing),
            stop=stop_any(stop_after_attempt(self.runtime.attempts), stop_when_event_set(self.stopped), nobody_there),
            sleep=sleep_using_event(self.stopped),
            wait=_wait,
            before_sleep=_say,
        )
        try:
            for attempt in tries:
                if self.stopped.is_set():
                    return None
                with attempt:
                    said = self._create(messages, options)
                    self.reached = True
                    return attempt.retry_state.attempt_number, _checked(said)
        except RetryError as error:
            if self.stopped.is_set():
                return None
            last = error.last_attempt.exception()
            if self._nobody_there(error.last_attempt):
                raise StandinError(
                    f"no server answers at {self.client.base_url}: start it, or set runtime.base_url to its address "
                    f"({_first_line(getattr(last, '__cause__', None))})"
                ) from None
            raise StandinError(
                f"the server at {self.client.base_url} failed {self.runtime.attempts} times in a row, last: "
                f"{_first_line(last).rstrip('.')}. Stored answers are kept: run again, or raise runtime.attempts or "
                "lower runtime.concurrency"
            ) from None
        except openai.APIStatusError as error:
            raise StandinError(self._refused(error)) from None
        raise AssertionError("tenacity returned without an answer")

    def _nobody_there(self, tried: Any) -> bool:
        """Whether the third try found no server at an address that never answered."""
        error = (getattr(tried, "outcome", None) or tried).exception()
        refused = type(getattr(error, "__cause__", None)).__name__ == "ConnectError"  # httpx, under openai
        return refused and not self.reached and tried.attempt_number >= UNANSWERED

    def _create(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Any:
        import openai

        try:
            return self.client.chat.completions.create(model=self.model, messages=messages, **options)
        except openai.APIStatusError:
            self.reached = True
            raise
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UnusableError(f"an answer that is no JSON ({_first_line(error)})") from None

    def _refused(self, error: Any) -> str:
        hint = {
            401: "set OPENAI_API_KEY to a valid key",
            403: "the key may not use this model",
            404: f"check runtime.base_url and generator.model ({self.model!r})",
        }.get(error.status_code, "check generator.model and the sampling parameters, which the server may not know")
        return f"the server at {self.client.base_url} refuses, status {error.status_code}: {_first_line(error)}: {hint}"


def _checked(said: Any) -> Any:
    """The answer, if it holds one. A body that is not JSON arrives as text."""
    choices = getattr(said, "choices", None)
    if not choices or getattr(choices[0], "message", None) is None:
        raise UnusableError("an answer without content")
    if choices[0].finish_reason not in FINISH:
        raise UnusableError(f"an answer that ended with {choices[0].finish_reason!r}")
    return said


def _wait(state: Any) -> float:
    """Seconds to wait: what the server says, otherwise 0.5 doubled with every attempt; a minute at most."""
    error = state.outcome.exception()
    said = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    try:
        return min(max(float(said), 0.0), LONGEST_WAIT)
    except ValueError:
        return float(min(0.5 * 2 ** (state.attempt_number - 1), LONGEST_WAIT))


def _say(state: Any) -> None:
    import sys

    print(  # noqa: T201
        f"openai: attempt {state.attempt_number} failed ({_first_line(state.outcome.exception())}); trying again in "
        f"{state.next_action.sleep:.1f} s",
        file=sys.stderr,
    )


def _first_line(error: BaseException | None) -> str:
    """What went wrong, without the body of an answer or a key."""
    said = str(error).strip().splitlines()
    key = api_key()
    line = said[0] if said else type(error).__name__
    return (line.replace(key, "[key]") if key else line)[:200]


def api_key() -> str:
    """The key from the environment; empty where there is none. Raises StandinError where it cannot be a key."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key.isascii():
        raise StandinError("OPENAI_API_KEY holds characters that no key has, quotation marks perhaps: set it again")
    return key


def load(model: str, runtime: Runtime, version: str) -> OpenAIEngine:
    """Connect to ``runtime.base_url``; nothing is sent yet."""
    import openai

    client = openai.OpenAI(
        base_url=runtime.base_url,
        api_key=api_key() or "none",
        timeout=runtime.timeout,
        max_retries=0,  # tried again here, where each try is told
    )
    return OpenAIEngine(client, model, runtime, version)
