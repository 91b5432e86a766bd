"""What servers really answer, and what the run makes of it: refused fields, filters, reasoning, waits, addresses.

The kinds are those of ``cases/servers.jsonl``, in the words of the servers that say them.
"""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from chat_server import Server, serving

from standin.config import Generator, Params, Runtime
from standin.corpus import Removed, SyntheticRow, read_json_lines, read_rows
from standin.engines import openai, registry, retries, servers
from standin.engines.protocol import Answer, Request, Sampling
from standin.errors import StandinError
from standin.generation.store import AnswerStore
from standin.stages import generate
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]
TASK = load_task("city-topics", ROOT)
SAMPLING = Sampling(0.7, 0.9, 33)
FIELDS = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "random_seed")


def engine(url: str, **changes: Any) -> openai.OpenAIEngine:
    return openai.load("m", Runtime(base_url=url, **{"timeout": 5.0, "concurrency": 16, "attempts": 2, **changes}), "1")


def requests(number: int) -> list[Request]:
    return [Request((("user", f"Text {place}?"),), seed=place) for place in range(number)]


def asked(server: Server, number: int = 16, sampling: Sampling = SAMPLING, **changes: Any) -> list[Answer]:
    found = dict(engine(server.url, **changes).answer(requests(number), sampling))
    return [found[place] for place in range(number)]


def sent(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in FIELDS if name in body}


def params(url: str, texts: int = 6, generator: dict[str, Any] | None = None, **runtime: Any) -> Params:
    chosen = {"engine": "openai", "model": "m", "texts": texts, "conversation": 3, **(generator or {})}
    return Params(
        generator=Generator.model_validate(chosen),
        runtime=Runtime(base_url=url, **{"timeout": 5.0, "concurrency": 8, "attempts": 2, **runtime}),
    )


def outputs() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("data/generated").iterdir())}


def holding(*names: str) -> Any:
    """Whether a body holds all of the fields."""
    return lambda body: all(name in body for name in names)


# --- refused fields -----------------------------------------------------------------------------------------------

NO_MAX_TOKENS = [
    {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                          "'max_completion_tokens' instead.", "type": "invalid_request_error", "param": "max_tokens",
               "code": "unsupported_parameter"}},
    {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                          "'max_completion_tokens' instead.", "code": "unsupported_parameter"}},
    {"error": "max_tokens is deprecated, please use max_completion_tokens"},
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted"}]},
]  # fmt: skip
NO_SEED = [
    {"error": {"message": "Unrecognized request argument supplied: seed", "type": "invalid_request_error"}},
    {"object": "error", "message": {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}},
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted",
                 "input": {"temperature": 0.7, "top_p": 0.9, "content": "flagged"}}]},
    {"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'no', 'input': "
                                   "{'temperature': 1}}]", "code": 400},
    [{"error": {"code": 400, "message": "Invalid JSON payload received. Unknown name \"seed\": Cannot find field.",
                "status": "INVALID_ARGUMENT"}}],
    {"error": "seed: not supported"},
    "parameter `seed` is not accepted by this deployment",
]  # fmt: skip
UNNAMED = [{"detail": "Unprocessable Entity"}, {}, "", [], {"error": {"message": "Bad Request", "code": 422}}]


@pytest.mark.parametrize("said", NO_MAX_TOKENS, ids=range(len(NO_MAX_TOKENS)))
def test_the_limit_goes_by_its_other_name_and_that_is_said_once(said: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        server.refuse = lambda body: (400, said) if "max_tokens" in body else None
        found = asked(server)
        assert server.refused <= 16, "each request under way at most once"
        assert {body["max_completion_tokens"] for body in server.bodies if "max_tokens" not in body} == {33}
    assert all((answer.attempts, answer.unsent) == (1, ()) for answer in found)
    assert capsys.readouterr().err == "openai: the server refuses max_tokens: it is sent as max_completion_tokens\n"


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("said", NO_SEED, ids=range(len(NO_SEED)))
def test_a_refused_seed_is_left_out(said: Any, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        server.refuse = lambda body: (status, said) if "seed" in body else None
        found = asked(server)
        answered = [sent(body) for body in server.bodies if "seed" not in body]
    assert answered == [{"temperature": 0.7, "top_p": 0.9, "max_tokens": 33}] * 16
    assert {answer.unsent for answer in found} == {("seed",)}
    assert capsys.readouterr().err.count("the server refuses seed: it is left out") == 1


@pytest.mark.parametrize("said", UNNAMED, ids=range(len(UNNAMED)))
def test_a_refusal_that_names_no_field_is_found_out(said: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        server.refuse = lambda body: (422, said) if "seed" in body else None
        assert {answer.unsent for answer in asked(server)} == {("seed",)}
        server.refuse = lambda _: (422, said)
        with pytest.raises(
            StandinError, match="it names no field; sent were temperature, top_p, max_tokens, seed: set those"
        ):
            asked(server, 1)
    assert capsys.readouterr().err.count("it is left out") == 1


def test_mistral_s_seed_goes_by_its_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        server.refuse = lambda body: (422, NO_SEED[1]) if "seed" in body else None
        mistral = engine(server.url)
        mistral.fields.seed_has_other_name = True
        assert {answer.unsent for _, answer in mistral.answer(requests(4), SAMPLING)} == {()}
        assert {body["random_seed"] for body in server.bodies if "seed" not in body} == {0, 1, 2, 3}
    assert engine("https://api.mistral.ai/v1").fields.seed_has_other_name
    assert not engine("https://api.example.org/v1").fields.seed_has_other_name


PAIR = [
    {"error": {"message": "`temperature` and `top_p` cannot both be specified for this model. Please use only one."}},
    {"message": "The model returned the following errors: temperature and top_p cannot both be specified"},
]


@pytest.mark.parametrize("said", PAIR, ids=range(len(PAIR)))
def test_of_a_refused_pair_the_idle_one_goes_or_the_key_is_named(said: Any) -> None:
    with serving() as server:
        server.refuse = lambda body: (400, said) if holding("temperature", "top_p")(body) else None
        with pytest.raises(StandinError, match=r"refuses, status 400: .*both.*: set generator\.top_p: null$"):
            asked(server)
        assert {answer.unsent for answer in asked(server, sampling=replace(SAMPLING, top_p=1.0))} == {("top_p",)}
        other = replace(SAMPLING, temperature=1.0)
        assert {answer.unsent for answer in asked(server, sampling=other)} == {("temperature",)}
        assert {answer.unsent for answer in asked(server, sampling=replace(SAMPLING, top_p=None))} == {()}


@pytest.mark.parametrize(
    ("field", "said", "advice"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) "
                        "value is supported.", "generator.temperature: null"),
        ("top_p", "Unsupported parameter: 'top_p' is not supported with this model.", "generator.top_p: null"),
        ("top_p", "topP: unknown field", "generator.top_p: null"),
        ("stop", "Unsupported parameter: 'stop' is not supported with this model.", r"generator.stop: \[\]"),
        ("reasoning_effort", "Unrecognized request argument supplied: reasoning_effort", "generator.template"),
        ("chat_template_kwargs", "chat_template_kwargs: Extra inputs are not permitted", r"generator.template: \{\}"),
        ("max_tokens", "max_tokens is too large: 33. This model supports at most 16 completion tokens.",
         "change generator.max_tokens"),
        ("max_tokens", "This model's maximum context length is 20 tokens. However, you requested 53 tokens. Please "
                       "reduce max_tokens.", "lower generator.shots, generator.conversation or generator.max_tokens"),
    ],
)  # fmt: skip
def test_a_refusal_that_only_a_person_can_decide_names_the_key(field: str, said: str, advice: str) -> None:
    sampling = replace(SAMPLING, stop=("\n",), template={"reasoning_effort": "low", "enable_thinking": False})
    with serving() as server:
        server.refuse = lambda body: (400, {"error": {"message": said}}) if field in body else None
        with pytest.raises(StandinError, match=rf"refuses, status 400: .*{advice}"):
            asked(server, 16, sampling)
        assert server.refused <= 16


def test_refusals_one_after_the_other_are_all_learned_and_no_try_is_spent(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(body: dict[str, Any]) -> tuple[int, Any] | None:
        for name in ("max_tokens", "seed", "temperature", "top_p"):
            if name in body:
                return 400, {"error": {"message": f"Unsupported parameter: '{name}'", "param": name}}
        return None

    with serving() as server:
        server.refuse = refuse
        found = asked(server, 16, replace(SAMPLING, temperature=1.0, top_p=1.0), attempts=1)
        assert [sent(body) for body in server.bodies][-1] == {"max_completion_tokens": 33}
    assert {answer.unsent for answer in found} == {("seed", "temperature", "top_p")}
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_null_is_not_sent_and_options_of_the_template_are() -> None:
    with serving() as server:
        asked(server, 1, Sampling(None, None, None, seeded=False))
        assert set(server.bodies[-1]) == {"model", "messages"}
        asked(
            server, 1, replace(SAMPLING, template={"reasoning_effort": "low", "enable_thinking": False}, stop=("\n",))
        )
        body = server.bodies[-1]
    assert (body["reasoning_effort"], body["chat_template_kwargs"]) == ("low", {"enable_thinking": False})
    assert body["stop"] == ["\n"]
    with pytest.raises(StandinError, match=r"generator\.stop holds 5 strings, and the API takes 4"):
        list(engine("http://127.0.0.1:9/v1").answer(requests(1), replace(SAMPLING, stop=tuple("abcde"))))


def test_a_field_that_the_server_needs_is_named() -> None:
    with serving() as server:
        server.refuse = lambda body: None if "max_tokens" in body else (400, {"error": "max_tokens: Field required"})
        with pytest.raises(StandinError, match=r"Field required: give generator\.max_tokens a value"):
            asked(server, 1, Sampling(0.7, None, None))


@pytest.mark.parametrize(("status", "code"), [(429, "insufficient_quota"), (402, None)])
def test_an_account_without_credit_is_not_asked_again(status: int, code: str | None) -> None:
    with serving() as server:
        server.refuse = lambda _: (status, {"error": {"message": "You exceeded your current quota.", "code": code}})
        with pytest.raises(StandinError, match=f"status {status}: You exceeded your current quota: the account has no"):
            asked(server, 1, attempts=8)
        assert server.refused == 1


def test_a_place_is_believed_before_words() -> None:
    """A body that repeats what was sent names every field."""
    echoed = "[{'type': 'extra_forbidden', 'loc': ('body', 'top_p'), 'msg': 'Extra inputs', 'input': {'seed': 1}}]"
    listed = {"detail": [{"loc": ["body", "top_p"], "msg": "no", "input": {"seed": 1}}], "message": "seed, top_p"}
    param = {"error": {"message": "With a seed, top_p is not supported.", "param": "top_p"}}
    for said in ({"message": echoed}, listed, param):
        with serving() as server:
            server.refuse = lambda body: (400, said) if "top_p" in body else None  # noqa: B023
            with pytest.raises(StandinError, match=r"set generator\.top_p: null$"):
                asked(server, 1)
            assert server.refused == 1, "the seed is no part of it"


# --- answers ------------------------------------------------------------------------------------------------------


def test_the_content_is_the_text_and_reasoning_is_counted_apart() -> None:
    with serving(say=lambda _: "Parking is awful.") as server:
        for name in ("reasoning_content", "reasoning"):
            server.message = {name: "The user wants a comment."}
            server.usage = {"completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 45}}
            assert asked(server, 1) == [Answer("Parking is awful.", "stop", 7, 50, reasoning=45)]
        server.usage = {"completion_tokens": 42}  # vLLM's counts no reasoning: 25 of 42 characters
        assert asked(server, 1)[0].reasoning == 25
        server.usage = {
            "completion_tokens": 5,
            "total_tokens": 57,
            "completion_tokens_details": {"reasoning_tokens": 45},
        }
        assert (asked(server, 1)[0].tokens_out, asked(server, 1)[0].reasoning) == (50, 45), "xAI's total has both"
        server.usage = {"completion_tokens": None, "total_tokens": None, "prompt_tokens": None}
        server.message = {}
        assert asked(server, 1) == [Answer("Parking is awful.", "stop", 0, 0)]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "The bus "}, {"type": "text", "text": "is late."}], "The bus is late."),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Late."}],
            "Late.",
        ),
        (["The bus."], "The bus."),
        ([], ""),
        (None, ""),
    ],
)
def test_a_content_of_parts_is_joined_without_the_reasoning(content: Any, text: str) -> None:
    with serving() as server:
        server.message = {"content": content}
        assert asked(server, 1)[0].text == text


@pytest.mark.parametrize(
    ("reason", "taken"),
    [
        ("eos", "stop"), ("eos_token", "stop"), (None, "stop"), ("end_turn", "stop"), ("stop_sequence", "stop"),
        ("STOP", "stop"), ("tool_calls", "stop"), ("", "stop"), ("whatever", "stop"), ("max_tokens", "length"),
        ("MAX_TOKENS", "length"), ("model_length", "length"), ("SAFETY", "filter"),
    ],
)  # fmt: skip
def test_a_finish_reason_outside_the_api_is_understood_and_said_once(
    reason: str | None, taken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        server.finish = reason
        found = asked(server)
        assert len(server.bodies) == 16, "no second try is paid"
    assert {(answer.finish, answer.attempts) for answer in found} == {(taken, 1)}
    assert capsys.readouterr().err == (
        f"openai: an answer ended with finish reason {reason!r}, which the API does not know: taken as {taken}\n"
    )


def test_no_reason_at_the_limit_is_its_length() -> None:
    with serving() as server:
        server.finish, server.usage = None, {"completion_tokens": 33}
        assert asked(server, 1)[0].finish == "length"


def test_what_an_answer_lacks_stands_as_nothing() -> None:
    bare = {"choices": [{"message": {"content": "The bus is late."}}]}
    with serving() as server:
        server.refuse = lambda _: (200, bare)
        assert asked(server, 1) == [Answer("The bus is late.", "stop", 0, 0)]
        server.refuse = lambda _: (200, {"choices": [{"message": {}}], "usage": {}})
        assert asked(server, 1) == [Answer("", "stop", 0, 0)]


def test_what_a_filter_or_the_model_refuses_is_no_text() -> None:
    with serving(say=lambda _: "Half a tex") as server:
        server.finish = "content_filter"
        assert asked(server, 1)[0] == Answer("Half a tex", "filter", 7, 5)
        server.finish = "refusal"
        assert asked(server, 1)[0] == Answer("", "filter", 7, 5)
        server.finish, server.message = "stop", {"content": None, "refusal": "That goes against my rules."}
        assert asked(server, 1)[0] == Answer("", "filter", 7, 5)


def test_a_server_that_counts_nothing_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        server.counts = False
        assert {(answer.tokens_in, answer.tokens_out) for answer in asked(server)} == {(0, 0)}
    assert capsys.readouterr().err == "openai: the server counts no tokens: they stand as 0\n"


def test_a_server_that_reads_a_part_of_the_prompt_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Ollama cuts what exceeds its context of 4,096 tokens or less, and answers with status 200."""
    long = [Request((("user", "word " * 41),), seed=1)]
    with serving() as server:
        server.usage = {"prompt_tokens": 41}
        list(engine(server.url).answer(long, SAMPLING))
        assert capsys.readouterr().err == ""
        server.usage = {"prompt_tokens": 40}
        list(engine(server.url).answer(long * 2, SAMPLING))
    said = capsys.readouterr().err
    assert said.count("seems to read a part") == 1
    assert "OLLAMA_CONTEXT_LENGTH" in said


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"choices": [{"message": {"content": "A text."}}]}, "A text."),
        ({"choices": [{"message": {"content": "A text."}, "finish_reason": ["stop"]}]}, "A text."),
        ({"choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]}, ""),
        ({"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}, ""),
        ({"choices": [{"message": {"content": "A text."}}], "usage": {"prompt_tokens": None}}, "A text."),
        ({"choices": [{"message": "A text."}]}, None),
        ({"choices": [{"text": "A text.", "finish_reason": "stop"}]}, None),
        ({"choices": ["A text."]}, None),
        ({"choices": None}, None),
        ({"choices": {"0": "A text."}}, None),
        ({"choices": [{"message": {"content": "A text."}}], "usage": {"prompt_tokens": float("inf")}}, "A text."),
        ([{"choices": []}], None),
    ],
)
def test_an_answer_of_another_shape_is_read_or_is_none(given: Any, text: str | None) -> None:
    with serving() as server:
        server.refuse = lambda _: (200, given)
        if text is None:
            with pytest.raises(StandinError, match="last: an answer without content"):
                asked(server, 1, attempts=1)
        else:
            assert (asked(server, 1)[0].text, asked(server, 1)[0].tokens_in) == (text, 0)


def test_a_query_of_the_address_goes_along_and_azure_gets_the_key_as_it_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    with serving() as server:
        list(engine(f"{server.url}/deployments/m?api-version=2024-10-21").answer(requests(1), SAMPLING))
        assert server.paths == {"/v1/deployments/m/chat/completions?api-version=2024-10-21"}
        assert server.headers[-1]["api-key"] == "sk-own"
        list(engine(f"{server.url}?tenant=a%20b").answer(requests(1), SAMPLING))
        assert "/v1/chat/completions?tenant=a+b" in server.paths
        assert "api-key" not in server.headers[-1]


def test_tokens_that_all_went_into_reasoning_get_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        server.finish, server.message = "length", {"content": None, "reasoning_content": "Okay, the user"}
        assert {(answer.text, answer.finish) for answer in asked(server)} == {("", "length")}
        server.message = {}
        spent = "Could not finish the message because max_tokens or model output limit was reached. Please try again."
        server.refuse = lambda _: (400, {"error": {"message": spent}})
        assert {(answer.text, answer.finish) for answer in asked(server)} == {("", "length")}
    assert capsys.readouterr().err.count("raise generator.max_tokens, or set generator.template") == 1


FILTERED = [
    (400, {"error": {"message": "The response was filtered due to the prompt triggering Azure OpenAI's content "
                                "management policy.", "type": None, "param": "prompt", "code": "content_filter",
                     "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
    (400, {"error": {"message": "Your request was rejected as a result of our safety system.",
                     "code": "content_policy_violation"}}),
    (400, {"error": {"message": "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
                     "code": "invalid_prompt"}}),
    (400, {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}}),
    (403, {"error": {"message": "m requires moderation on X. Your input was flagged for \"violence\"", "code": 403}}),
    (400, {"error": {"code": "content_filter"}}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "said"), FILTERED, ids=range(len(FILTERED)))
def test_a_filtered_prompt_is_a_refused_row_and_the_run_goes_on(status: int, said: Any, project: Path) -> None:
    with serving() as server:
        server.refuse = lambda body: (status, said) if "housing" in body["messages"][0]["content"] else None
        found = generate.run(params(server.url), TASK, "")
        first, refused = outputs(), server.refused
        generate.run(params(server.url), TASK, "")
        assert server.refused == refused, "stored: not asked again"
    assert (found["refused"], found["parsed"], found["planned"]) == (6, 18, 24)
    assert {(row.label, row.reason) for row in read_rows(Path("data/generated/removed.jsonl"), Removed)} == {
        ("housing", "refused")
    }
    assert outputs() == first


# --- waits --------------------------------------------------------------------------------------------------------


def test_a_server_says_how_long_to_wait_in_seconds_milliseconds_or_by_a_date() -> None:
    assert retries.asked_wait({"retry-after": "7"}) == 7.0
    assert retries.asked_wait({"retry-after-ms": "250", "retry-after": "7"}) == 0.25
    then = datetime.now(UTC) + timedelta(seconds=30)
    for date in (format_datetime(then, usegmt=True), then.strftime("%A, %d-%b-%y %H:%M:%S GMT"), then.ctime()):
        assert retries.asked_wait({"retry-after": date}) == pytest.approx(30, abs=3)
    for nothing in ("", "nan", "inf", "-3", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "Thu, 99 Foo 2015"):
        assert retries.asked_wait({"retry-after": nothing}) is None


def test_a_wait_is_a_minute_at_most_and_grows_where_nothing_is_said() -> None:
    class Failed:
        attempt_number = 3

        def __init__(self, said: str) -> None:
            self.response = self.outcome = self
            self.headers = {"retry-after": said}

        def exception(self) -> "Failed":
            return self

    assert [retries.wait(Failed(said)) for said in ("7", "3600", "", "nan", "-1")] == [7.0, 60.0, 2.0, 2.0, 2.0]


def test_a_date_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "say", lambda state: waits.append(state.next_action.sleep))
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    with serving() as server:
        server.refuse = lambda _: (
            (429, {"error": {"message": "slow down"}}, {"Retry-After": then}) if not waits else None
        )
        started = datetime.now(UTC)
        assert asked(server, 1)[0].attempts == 2
    assert 1.5 < waits[0] <= 3
    assert (datetime.now(UTC) - started).total_seconds() >= waits[0]


# --- addresses, keys, proxies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (200, "<!DOCTYPE html><html><body>Welcome</body></html>", "a page of HTML: the address looks wrong: "
                                                                  r"runtime\.base_url should end in /v1"),
        (200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}, r"should end in /v1"),
        (404, "404 page not found", r"check runtime\.base_url and generator\.model \('m'\).*should end in /v1"),
        (404, "<html><title>404</title></html>", r"status 404: a page of HTML: check runtime\.base_url"),
        (405, {"detail": "Method Not Allowed"}, r"should end in /v1"),
        (200, {"error": {"message": "No endpoints found for m", "code": 404}}, "No endpoints found for m.*code 404"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_told_at_once(status: int, said: Any, told: str) -> None:
    with serving() as server:
        server.refuse = lambda _: (status, said)
        with pytest.raises(StandinError, match=told):
            asked(server, 1)
        assert server.refused == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            404,
            {"error": {"message": "model 'm' not found", "type": "api_error", "param": None, "code": None}},
        ),  # Ollama
        (404, {"error": 'model "m" not found, try pulling it first'}),  # Ollama before 0.2
        (404, {"object": "error", "message": "The model `m` does not exist.", "code": 404}),  # vLLM
        (400, {"error": {"message": "Model Not Exist", "type": "invalid_request_error"}}),  # DeepSeek
        (400, {"error": "No models loaded. Please load a model in the developer page."}),  # LM Studio
        (400, {"object": "error", "message": "Invalid model: m", "type": "invalid_model", "code": "1500"}),  # Mistral
        (400, {"error": {"message": "m is not a valid model ID", "code": 400}}),  # OpenRouter
    ],
)
def test_a_model_that_is_not_there_is_answered_by_those_that_are(status: int, said: Any) -> None:
    with serving() as server:
        server.refuse = lambda _: (status, said)
        server.pages = {"/v1/models": {"object": "list", "data": [{"id": "mm", "object": "model"}, {"id": "llama"}]}}
        with pytest.raises(StandinError, match=r"generator.model is 'm': did you mean 'mm'\? Known: llama, mm"):
            asked(server, 1)


def test_faults_of_local_servers_pass() -> None:
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}  # llama.cpp
    overloaded = {"error": {"message": "Provider returned error", "code": 502}}  # OpenRouter, with status 200
    for status, said in ((503, loading), (200, overloaded)):
        with serving() as server:
            server.refuse = lambda _: (status, said) if server.refused == 0 else None  # noqa: B023
            assert asked(server, 1)[0].attempts == 2
    window = {"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it",
                        "type": "exceed_context_size_error", "n_prompt_tokens": 90, "n_ctx": 64}}  # fmt: skip
    with serving() as server:
        server.refuse = lambda _: (400, window)
        with pytest.raises(StandinError, match=r"a prompt does not fit the model's window: lower generator\.shots"):
            asked(server, 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("OPENAI_ORG_ID", {"error": {"message": "No such organization: org-x.", "code": "invalid_organization"}}),
        ("OPENAI_PROJECT_ID", {"error": {"message": "OpenAI-Project header should match project for API key",
                                         "code": "mismatched_project"}}),
    ],
)  # fmt: skip
def test_a_wrong_organization_or_project_names_its_variable(
    name: str, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x-1\n")
    with serving() as server:
        server.refuse = lambda _: (401, said)
        with pytest.raises(StandinError, match=f"status 401: .*{name} is set in the environment and sent along"):
            asked(server, 1)
        assert "x-1" in server.headers[0].values()
        monkeypatch.delenv(name)
        with pytest.raises(StandinError, match="set OPENAI_API_KEY to a valid key"):
            asked(server, 1)
    monkeypatch.setenv(name, "“x”")
    with pytest.raises(StandinError, match=f"{name} holds characters that no"):
        engine("http://127.0.0.1:9/v1")


def test_proxies_are_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://user:hidden@127.0.0.1:9")
    with serving() as server:
        assert len(asked(server, 2)) == 2
        local = server.url.replace("127.0.0.1", "localhost")
        assert len(dict(engine(local).answer(requests(2), SAMPLING))) == 2
    with pytest.raises(StandinError, match=r"no server answers at http://192\.0\.2\.1/v1/ through .*ALL_PROXY") as told:
        list(engine("http://192.0.2.1/v1", attempts=3).answer(requests(1), SAMPLING))
    assert "hidden" not in str(told.value)


def test_a_socks_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks5://user:hidden@127.0.0.1:1080")
    with pytest.raises(StandinError, match=r"SOCKS proxy \(ALL_PROXY\).*pip install socksio") as told:
        engine("https://api.example.org/v1")
    assert "hidden" not in str(told.value)
    monkeypatch.setenv("ALL_PROXY", "ftp://127.0.0.1:1080")
    with pytest.raises(StandinError, match=r"the environment's proxy cannot be used \(ALL_PROXY\)"):
        engine("https://api.example.org/v1")


# --- answers begun for the model ----------------------------------------------------------------------------------


def test_only_vllm_s_server_continues_and_is_told_so(tmp_path: Path) -> None:
    begun = replace(SAMPLING, begin='"')
    with serving(say=lambda _: "The bus is late.") as server:
        with pytest.raises(StandinError, match=r"is no vLLM server.*set generator\.begin: never"):
            asked(server, 1, begun)
        for page in ({"status": "ok"}, "<html>version</html>", "0.32", ["0.32"]):
            server.pages = {"/version": page}
            assert not registry.continues("openai", Runtime(base_url=server.url))
        server.pages = {"/version": {"version": "0.32.0"}}
        assert asked(server, 1, begun)[0].text == "The bus is late."
        body = server.bodies[-1]
        with AnswerStore(tmp_path / "a.db") as store:
            assert registry.continues("openai", Runtime(base_url=server.url), store)
    assert body["messages"][-1] == {"role": "assistant", "content": '"'}
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    with AnswerStore(tmp_path / "a.db") as store:
        assert servers.continues(Runtime(base_url=server.url), store), "it is away now"
        with pytest.raises(StandinError, match="no server answers at"):
            servers.continues(Runtime(base_url="http://127.0.0.1:9/v1"), store)
    assert registry.continues("llamacpp", Runtime())
    assert not registry.continues("replay", Runtime())


# --- judges -------------------------------------------------------------------------------------------------------


def judged(server: Server) -> list[list[float]]:
    return engine(server.url).choose([(("user", "Which?"),)] * 2, ["pro", "contra"]).tolist()


def test_a_judge_is_asked_with_the_fields_that_its_server_takes() -> None:
    with serving() as server:
        expected = judged(server)
        server.refuse = lambda body: (400, NO_MAX_TOKENS[0]) if "max_tokens" in body else None
        assert judged(server) == expected
        only = "Unsupported value: 'temperature' does not support 0.0 with this model."
        server.refuse = lambda body: (400, {"error": {"message": only}}) if "temperature" in body else None
        assert judged(server) == expected
        server.refuse = lambda _: (400, {"error": {"message": "logprobs are not supported with reasoning models"}})
        with pytest.raises(
            StandinError, match=r"cannot judge by log-probabilities: set verify\.by to classifier or none"
        ):
            judged(server)
        server.refuse = lambda _: (400, {"error": {"code": "content_filter", "message": "no"}})
        with pytest.raises(StandinError, match=r"a text that is to be judged: set verify\.by to classifier"):
            judged(server)
        server.refuse = lambda _: (404, {"error": {"message": "no"}})
        with pytest.raises(StandinError, match=r"check runtime\.base_url and the model of the judge"):
            judged(server)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        [{"token": "yes", "logprob": -0.1}],
        [{"token": "yes", "logprob": -0.1, "top_logprobs": []}],
        [{"token": "yes", "logprob": -0.1, "top_logprobs": None}],
        [{"token": "yes", "logprob": -0.1, "top_logprobs": {"yes": -0.1}}],
        [{"token": None, "logprob": None, "top_logprobs": [{"token": None, "logprob": None}]}],
        "yes",
    ],
)
def test_a_judge_without_log_probabilities_is_refused_in_words(content: Any) -> None:
    choice = {"message": {"content": "yes"}, "finish_reason": "stop", "logprobs": {"content": content}}
    with serving() as server:
        server.refuse = lambda _: (200, {"choices": [choice]})
        with pytest.raises(StandinError, match="gives no log-probabilities, which a judge needs"):
            engine(server.url).choose([(("user", "Pro or con?"),)], ["pro", "con"])


def test_a_judge_that_thinks_first_is_refused() -> None:
    with serving() as server:
        server.message = {"content": None, "reasoning_content": "Okay"}
        with pytest.raises(StandinError, match="m thinks before it answers, so that its first token judges nothing"):
            judged(server)
        server.message = {}
        for server.first in ("<think>", "<|channel|>", "[THINK]"):
            with pytest.raises(StandinError, match="m thinks before it answers"):
                judged(server)


# --- conversations ------------------------------------------------------------------------------------------------


def strict(body: dict[str, Any]) -> tuple[int, Any] | None:
    """As servers are that check a chat: no message is empty."""
    if all(message["content"] for message in body["messages"]):
        return None
    return 400, {"error": {"message": "messages: text content blocks must be non-empty"}}


def opens(body: dict[str, Any]) -> bool:
    return len(body["messages"]) == 1


@pytest.mark.parametrize("bad", [None, "", "I cannot help with that.", "..."])
def test_a_chat_goes_on_without_a_turn_that_gave_no_text(bad: str | None, project: Path) -> None:
    """Every conversation's opening fails once: the next turn opens in its place, the third follows it."""
    first: Counter[str] = Counter()

    def say(body: dict[str, Any]) -> str | None:
        first[body["messages"][0]["content"]] += 1
        return bad if body["seed"] in openings else f"Comment {body['seed']} is written."

    with serving(say=say) as server:  # type: ignore[arg-type]
        server.refuse = strict
        chosen = params(server.url, generator={"shots": 1, "redraw": "conversation"})
        plan, _ = generate.planned(chosen, TASK)
        openings = {row.seed % (1 << 31) for row in plan if row.turn == 0}
        found = generate.run(chosen, TASK, "")
        assert server.refused == 0, "no empty message was sent"
        assert Counter(len(body["messages"]) for body in server.bodies) == {1: 16, 3: 8}
        prompts = {body["messages"][0]["content"] for body in server.bodies}
        assert all(prompt.startswith(TASK.prompts.context.strip()[:20]) for prompt in prompts)
        assert len(prompts) == len(TASK.label_names), "the turn that opens instead shows the opening's examples"
        before, asked_for = outputs(), len(server.bodies)
        generate.run(chosen, TASK, "")
        assert (len(server.bodies), outputs()) == (asked_for, before)
    assert (found["planned"], found["parsed"], found["refused"] + found["unparsable"]) == (24, 16, 8)
    kinds = [(row["turn"], row["kind"]) for _, row in read_json_lines(Path("data/generated/plan.jsonl"))]
    assert set(kinds) == {(0, "opening"), (1, "diversity"), (2, "diversity")}, "the plan stays as it was"


def test_the_poisoned_chat_of_the_cases_ends_well(project: Path) -> None:
    with serving() as server:
        server.finish, server.message = "length", {"content": None}
        server.refuse = strict
        found = generate.run(params(server.url), TASK, "")
        assert (found["unparsable"], server.refused) == (24, 0)
        assert all(opens(body) for body in server.bodies)
        generate.run(params(server.url), TASK, "")
        assert len(server.bodies) == 24


# --- the stage ----------------------------------------------------------------------------------------------------


def test_a_rerun_asks_nothing_and_says_which_rows_have_no_seed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        server.refuse = lambda body: (422, NO_SEED[1]) if "seed" in body else None
        server.usage = {"completion_tokens_details": {"reasoning_tokens": 3}}
        found = generate.run(params(server.url), TASK, "")
        before, asked_for = outputs(), len(server.bodies)
        assert generate.run(params(server.url), TASK, "") == found
        assert (len(server.bodies), outputs()) == (asked_for, before)
        more = generate.run(params(server.url, texts=9), TASK, "")
        assert len(server.bodies) - asked_for <= 12 + 8, "the stored ones are found; the refusal is met once more"
    assert (found["without_seed"], found["reasoning_tokens"], more["without_seed"]) == (24, 72, 36)
    assert capsys.readouterr().err.count("the server refuses seed") == 2
    with AnswerStore(project / ".standin/answers.db") as store:
        assert store.unsent({"model": "m", "base_url": server.url}) == [("seed",)]
        assert store.unsent({"model": "other", "base_url": server.url}) == []


def test_answers_from_before_a_refusal_are_kept(project: Path) -> None:
    """A server that begins to refuse the seed does not make the stored answers worthless."""
    with serving() as server:
        generate.run(params(server.url), TASK, "")
        server.refuse = lambda body: (422, NO_SEED[1]) if "seed" in body else None
        found = generate.run(params(server.url, texts=9), TASK, "")
        assert len(server.bodies) - server.refused == 36
        assert generate.run(params(server.url, texts=9), TASK, "") == found
    assert found["without_seed"] == 12


def test_rows_without_a_seed_are_counted_where_a_person_wanted_none(project: Path) -> None:
    with serving() as server:
        chosen = params(server.url, generator={"seed": None, "temperature": None, "top_p": None})
        assert generate.run(chosen, TASK, "")["without_seed"] == 24
        assert len(server.bodies) == 24, "equal prompts are asked for each row"
    assert len(read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)) == 24


RUN = """
import os, sys
from standin.config import Params
from standin.stages import generate
from standin.task import load_task
task = load_task("city-topics", __import__("pathlib").Path(sys.argv[1]))
generate.run(Params.model_validate_json(sys.argv[2]), task, "")
"""


def test_two_runs_at_once_end_with_the_same_texts(project: Path) -> None:
    barrier = threading.Lock()

    def refuse(body: dict[str, Any]) -> tuple[int, Any] | None:
        with barrier:
            if "max_tokens" in body:
                return 400, NO_MAX_TOKENS[0]
            return (422, NO_SEED[1]) if "seed" in body else None

    with serving(say=lambda body: f"Comment on {len(body['messages'])} turns.") as server:
        server.refuse = refuse
        chosen = params(server.url).model_dump_json(by_alias=True)
        runs = []
        for number in range(2):
            folder = project / str(number)
            (folder / "data/real").mkdir(parents=True)
            (folder / "data/real/shots.jsonl").write_bytes(Path("data/real/shots.jsonl").read_bytes())
            command = [sys.executable, "-c", RUN, str(ROOT), chosen]
            runs.append(subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}))
        assert [run.wait(60) for run in runs] == [0, 0]
        asked_for = len(server.bodies)
        generate.run(params(server.url), TASK, "")
        assert len(server.bodies) == asked_for
    texts = [(project / str(number) / "data/generated/texts.jsonl").read_bytes() for number in range(2)]
    assert texts[0] == texts[1] == Path("data/generated/texts.jsonl").read_bytes()


# --- the cases ----------------------------------------------------------------------------------------------------

CASES = ROOT.parent / "shared/cases/servers.jsonl"
COVERED = {
    "renamed field": test_the_limit_goes_by_its_other_name_and_that_is_said_once,
    "refused field": test_a_rerun_asks_nothing_and_says_which_rows_have_no_seed,
    "refused pair": test_of_a_refused_pair_the_idle_one_goes_or_the_key_is_named,
    "empty answer": test_the_poisoned_chat_of_the_cases_ends_well,
    "filtered prompt": test_a_filtered_prompt_is_a_refused_row_and_the_run_goes_on,
    "finish reason": test_a_finish_reason_outside_the_api_is_understood_and_said_once,
    "date": test_a_date_is_obeyed,
    "reasoning": test_the_content_is_the_text_and_reasoning_is_counted_apart,
}


def test_every_case_has_its_test() -> None:
    if not CASES.is_file():
        pytest.skip("the folder of cases is not here")
    kinds = [json.loads(line)["kind"] for line in CASES.read_text(encoding="utf-8").splitlines()]
    assert set(kinds) == set(COVERED)
