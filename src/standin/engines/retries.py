"""Trying again what may pass: how long to wait, what is said of it, when to give up."""

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Any, TypeVar

from standin.engines.refusals import sentence
from standin.engines.replies import UnusableError

LONGEST_WAIT = 60.0

Said = TypeVar("Said")


def persist(
    call: Callable[[], Said], attempts: int, stopped: Event, hopeless: Callable[[Any], bool]
) -> tuple[int, Said] | None:
    """The number of the try that went well and what came of it; None where asking was stopped meanwhile.

    Args:
        call: asks once; faults of the connection and the server, and ``UnusableError``, may pass.
        attempts: most tries.
        stopped: set where nothing more is wanted; a wait ends then.
        hopeless: whether a failed try says that there is no use in another.

    Raises:
        tenacity.RetryError: the last try failed; its error is ``last_attempt.exception()``.
        openai.APIStatusError: what will not pass.
    """
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
    given_up: Any = hopeless  # any callable is a stop to tenacity, not to its types
    tries = Retrying(
        retry=retry_if_exception_type(passing),
        stop=stop_any(stop_after_attempt(attempts), stop_when_event_set(stopped), given_up),
        sleep=sleep_using_event(stopped),
        wait=wait,
        before_sleep=say,
    )
    try:
        for attempt in tries:
            if stopped.is_set():
                return None
            with attempt:
                said = call()
                return attempt.retry_state.attempt_number, said
    except RetryError:
        if stopped.is_set():
            return None
        raise
    raise AssertionError("tenacity returned without an answer")


def wait(state: Any) -> float:
    """Seconds to wait: what the server says, otherwise 0.5 doubled with every attempt; a minute at most."""
    error = state.outcome.exception()
    told = asked_wait(getattr(getattr(error, "response", None), "headers", {}))
    return min(0.5 * 2 ** (state.attempt_number - 1) if told is None else told, LONGEST_WAIT)


def asked_wait(headers: Any) -> float | None:
    """Seconds that a server asks to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as an HTTP date.

    None where it asks for nothing, or for what is no time to come.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        said = str(headers.get(name, "")).strip()
        try:
            seconds = float(said) * unit
        except ValueError:
            seconds = _until(said)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _until(date: str) -> float:
    """Seconds until an HTTP date (RFC 9110, section 10.2.3); nan where it is none."""
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def say(state: Any) -> None:
    """Tell of a failed try on stderr."""
    print(  # noqa: T201
        f"openai: attempt {state.attempt_number} failed ({sentence(state.outcome.exception())}); trying again in "
        f"{state.next_action.sleep:.1f} s",
        file=sys.stderr,
    )
