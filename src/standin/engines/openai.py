"""The openai engine: any server with OpenAI's chat completions (vLLM, llama.cpp, Ollama, hosted APIs).

The key is read from the environment (``OPENAI_API_KEY``) when the engine is loaded; it is written nowhere.
"""

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.config import Runtime
from standin.engines import refusals, replies, servers
from standin.engines.fields import MOST_STOPS, Fields, idle, wanted
from standin.engines.protocol import Answer, Chat, Finish, Request, Sampling
from standin.engines.replies import UnusableError
from standin.engines.retries import persist
from standin.errors import StandinError

UNANSWERED = 3
"""Refused connections after which a server that never answered is given up."""
TOP = 20
"""Most log-probabilities a token that the API gives."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said in the end, or how the answer ended ``without`` a word: "filter" or "length"."""

    said: Any
    attempts: int
    unsent: tuple[str, ...]
    without: Finish = "stop"


class OpenAIEngine:
    """A model behind a server. Faults that pass are tried again, with growing waits or as long as the server says.

    Every request carries its row's seed, if the server takes one; whether equal seeds give equal answers is up to the
    server.
    """

    name = "openai"

    def __init__(self, client: Any, model: str, runtime: Runtime, version: str) -> None:
        self.client = client
        self.model = model
        self.runtime = runtime
        self.version = version
        self.stopped = Event()
        self.reached = False
        self.fields = Fields(_tell, "mistral" in str(client.base_url.host))
        self.told: set[str] = set()
        self.lock = Lock()
        self.continues: bool | None = None

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        """Answer chats, ``runtime.concurrency`` at a time, as they come back.

        Raises StandinError where a request fails for good or for the last time, after all that was under way was
        yielded: it may have been paid for.
        """
        self.stopped.clear()
        self._check(sampling)
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

    def _check(self, sampling: Sampling) -> None:
        """Raise StandinError where the API, or this server, cannot do what is asked."""
        if len(sampling.stop) > MOST_STOPS:
            raise StandinError(
                f"params.yaml: generator.stop holds {len(sampling.stop)} strings, and the API takes {MOST_STOPS}: take "
                "some out"
            )
        if sampling.begin and self.continues is None:
            self.continues = servers.continues(self.runtime)
        if sampling.begin and not self.continues:
            raise StandinError(
                f"the server at {self.client.base_url} is no vLLM server, and no other is known to continue an answer "
                "begun for it: set generator.begin: never"
            )

    def _answer(self, request: Request, sampling: Sampling) -> Answer | None:
        """One answer; None where asking was stopped before its turn."""
        if self.stopped.is_set():
            return None
        chat = (*request.chat, ("assistant", sampling.begin)) if sampling.begin else request.chat
        fields = wanted(sampling, request.seed)
        reply = self._ask(chat, fields, idle(fields))
        if reply is None:
            return None
        if reply.said is None:
            return Answer("", reply.without, 0, 0, reply.attempts, unsent=reply.unsent)
        read, written, total = self._counts(reply.said, request.chat)
        text, reasoning, thought = replies.texts(reply.said, written)
        finish, odd = replies.finish(reply.said.choices[0], written, sampling.max_tokens)
        if odd:
            self._once(odd)
        if not text and finish == "length" and thought:
            self._once("all its tokens went into reasoning: raise generator.max_tokens, or set generator.template to "
                       "think less, as {reasoning_effort: low} or {enable_thinking: false}")  # fmt: skip
        return Answer(text, finish, read, total, reply.attempts, reasoning, reply.unsent)

    def _counts(self, said: Any, chat: Chat) -> tuple[int, int, int]:
        """Tokens read, tokens written as the server counts them, and all that were written.

        Some count reasoning only in the total. Raises StandinError where there is a budget and no count.
        """
        usage = said.usage
        read, written, total = (replies.number(usage, f"{name}_tokens") for name in ("prompt", "completion", "total"))
        counted = bool(read or written or total)
        if not counted and (self.runtime.token_budget or self.runtime.money_budget):
            raise StandinError(
                f"the server at {self.client.base_url} counts no tokens, so no budget can be kept: set "
                "runtime.token_budget and runtime.money_budget to null"
            )
        if not counted:
            self._once("the server counts no tokens: they stand as 0")
        if 0 < read < sum(len(content.split()) for _, content in chat):  # a word is a token or more
            self._once("the server counts fewer tokens than the prompt has words, so it seems to read a part: raise "
                       "its context, which Ollama sets to 4,096 or less (OLLAMA_CONTEXT_LENGTH)")  # fmt: skip
        return read, written, max(written, total - read)

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probability of each choice's first token as the answer, natural log, shape (chats, choices).

        A choice that is not among the 20 most probable tokens gets the least of them. Raises StandinError where two
        choices begin with the same token, the model thinks first, or the server gives no log-probabilities.
        """
        self.stopped.clear()
        with ThreadPoolExecutor(self.runtime.concurrency) as pool:
            running = [pool.submit(self._choose, chat, choices) for chat in chats]
            try:
                for future in as_completed(running):
                    future.result()
            finally:
                self.stopped.set()  # after a failure nothing more is asked
        return np.array([future.result() for future in running], dtype=np.float64)

    def _choose(self, chat: Chat, choices: Sequence[str]) -> list[float]:
        fields = {"temperature": 0.0, "max_tokens": 1, "logprobs": True, "top_logprobs": TOP}
        reply = self._ask(chat, fields, {"temperature"}, judging=True)  # what is drawn is not read
        if reply is None or reply.said is None:
            raise StandinError(
                f"the server at {self.client.base_url} does not judge a text: set verify.by to classifier"
            )
        choice = reply.said.choices[0]
        first, found = replies.first_tokens(choice)
        if replies.thought(choice.message) or first.startswith(replies.THINKING):
            raise StandinError(
                f"{self.model} thinks before it answers, so that its first token judges nothing: take a judge that "
                "does not think, or set verify.by to classifier or none"
            )
        if not found:
            raise StandinError(
                f"the server at {self.client.base_url} gives no log-probabilities, which a judge needs: set verify.by "
                "to classifier or none"
            )
        tokens = dict(reversed(found))
        begun = [[token for token in tokens if token and choice.lower().startswith(token)] for choice in choices]
        longest = [max(mine, key=len, default=None) for mine in begun]
        known = [token for token in longest if token]
        if len(set(known)) < len(known):
            raise StandinError(
                f"labels {', '.join(choices)}: two of them begin with the same token for {self.model}, so that the "
                "first token does not tell them apart: rename one, or set verify.by to classifier"
            )
        least = min(tokens.values())
        return [tokens[token] if token else least for token in longest]

    def _ask(self, chat: Chat, fields: Mapping[str, Any], free: Collection[str], judging: bool = False) -> Reply | None:
        """The server's reply, after at most ``runtime.attempts`` tries; None where asking was stopped meanwhile."""
        import openai
        from tenacity import RetryError

        messages = [{"role": role, "content": content} for role, content in chat]
        try:
            found = persist(
                lambda: self._create(messages, fields, free), self.runtime.attempts, self.stopped, self._nobody_there
            )
        except RetryError as error:
            last = error.last_attempt.exception()
            if self._nobody_there(error.last_attempt):
                raise StandinError(servers.nobody(str(self.client.base_url), last)) from None
            raise StandinError(
                f"the server at {self.client.base_url} failed {self.runtime.attempts} times in a row, last: "
                f"{refusals.sentence(last).rstrip('.')}. Stored answers are kept: run again, or raise runtime.attempts "
                "or lower runtime.concurrency"
            ) from None
        except openai.APIStatusError as error:
            unsent = self.fields.missing(fields)
            if refusals.filtered(error) and not judging:
                return Reply(None, 1, unsent, "filter")
            if refusals.spent(error) and not judging:
                return Reply(None, 1, unsent, "length")
            said = servers.refused(self.client, self.model, self.fields, fields, error, judging)
            raise StandinError(said) from None
        return None if found is None else Reply(found[1][0], found[0], found[1][1])

    def _nobody_there(self, tried: Any) -> bool:
        """Whether the third try found no server at an address that never answered, or the proxy refuses."""
        error = (getattr(tried, "outcome", None) or tried).exception()
        kind = type(getattr(error, "__cause__", None)).__name__
        return kind in servers.UNREACHABLE and not self.reached and tried.attempt_number >= UNANSWERED

    def _create(
        self, messages: list[dict[str, str]], fields: Mapping[str, Any], free: Collection[str]
    ) -> tuple[Any, tuple[str, ...]]:
        """One try: asked until the server takes the fields, which is no fault of the server and told once."""
        import openai

        while True:
            sent, missing = self.fields.body(fields), self.fields.missing(fields)
            try:
                return self._send(messages, sent), missing
            except openai.APIStatusError as error:
                if error.status_code not in refusals.REFUSING or refusals.filtered(error) or refusals.spent(error):
                    raise
                if self.fields.learn(fields, sent, error, free):
                    continue
                if refusals.named(error, sent) or not refusals.vague(error):
                    raise
                return self._without_one(messages, fields, free, error)

    def _without_one(
        self, messages: list[dict[str, str]], fields: Mapping[str, Any], free: Collection[str], error: Exception
    ) -> tuple[Any, tuple[str, ...]]:
        """Where a refusal names no field: without each that may go, until one is found. Raises ``error`` otherwise."""
        import openai

        for name in (name for name in ("seed", "top_p", "temperature") if name in free and name in fields):
            try:
                said = self._send(messages, self.fields.body(fields, without=name))
            except openai.APIStatusError as other:
                if other.status_code not in refusals.REFUSING:
                    raise
                continue
            self.fields.leave_out(name)
            return said, self.fields.missing(fields)
        raise error

    def _send(self, messages: list[dict[str, str]], body: Mapping[str, Any]) -> Any:
        import openai

        try:
            said = self.client.chat.completions.create(model=self.model, messages=messages, extra_body=dict(body))
        except openai.APIStatusError as error:
            self.reached = True
            if error.status_code == 402 or refusals.unpaid(error):
                raise StandinError(servers.unpaid(str(self.client.base_url), error)) from None
            raise
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UnusableError(f"an answer that is no JSON ({refusals.sentence(error)})") from None
        self.reached = True
        return replies.checked(said, str(self.client.base_url))

    def _once(self, said: str) -> None:
        with self.lock:
            if said in self.told:
                return
            self.told.add(said)
        _tell(said)


def _tell(said: str) -> None:
    print(f"openai: {said}", file=sys.stderr)  # noqa: T201


def load(model: str, runtime: Runtime, version: str) -> OpenAIEngine:
    """Connect to ``runtime.base_url``; nothing is sent yet."""
    return OpenAIEngine(servers.connect(runtime), model, runtime, version)
