"""The openai engine against a server on loopback: order, seeds, retries, budgets, and faults that must lose nothing."""

import hashlib
import json
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_server import FAULTS, echo, serving
from openai import APITimeoutError

from standin.config import Generator, Params, Runtime
from standin.corpus import SyntheticRow, read_rows
from standin.engines import openai, registry, retries, servers
from standin.engines.protocol import Answer, Request, Sampling
from standin.engines.refusals import sentence
from standin.errors import StandinError
from standin.stages import generate
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]
TASK = load_task("city-topics", ROOT)
SAMPLING = Sampling(0.7, 0.9, 33)


def engine(url: str, **changes: Any) -> openai.OpenAIEngine:
    return openai.load("m", Runtime(base_url=url, **{"timeout": 1.0, "concurrency": 4, **changes}), "1")


def requests(number: int) -> list[Request]:
    return [
        Request((("system", "Be kind."), ("user", f"Text {place}?")), seed=(1 << 62) + place) for place in range(number)
    ]


def answers(found: openai.OpenAIEngine, number: int) -> dict[int, Answer]:
    return dict(found.answer(requests(number), SAMPLING))


def test_every_request_gets_its_own_answer_with_its_counts() -> None:
    with serving() as server:
        found = answers(engine(server.url), 12)
        expected = {json.dumps(body["messages"]): echo(body) for body in server.bodies}
    assert sorted(found) == list(range(12))
    for place, request in enumerate(requests(12)):
        messages = [{"role": role, "content": content} for role, content in request.chat]
        assert found[place] == Answer(expected[json.dumps(messages)], "stop", 7, 5)
    assert server.most <= 4


def test_sampling_and_the_row_seed_are_sent() -> None:
    with serving() as server:
        answers(engine(server.url), 2)
    for body in server.bodies:
        assert (body["temperature"], body["top_p"], body["max_tokens"], body["model"]) == (0.7, 0.9, 33, "m")
    assert {body["seed"] for body in server.bodies} == {request.seed % (1 << 31) for request in requests(2)}


def test_a_pattern_is_sent_as_vllm_s_server_reads_it() -> None:
    with serving() as server:
        list(engine(server.url).answer(requests(2), replace(SAMPLING, pattern="[a-z]+")))
        answers(engine(server.url), 2)
    assert [body.get("structured_outputs") for body in server.bodies] == [{"regex": "[a-z]+"}] * 2 + [None] * 2


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_tried_again(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda _, times: fault if times == 0 else None, stall=1.5) as server:
        found = answers(engine(server.url, timeout=0.5), 3)
    assert sorted(found) == [0, 1, 2]
    assert all(answer.attempts >= 2 for answer in found.values())
    assert server.faults[fault] == 3
    assert capsys.readouterr().err.count("trying again in") >= 3


@pytest.mark.parametrize(
    ("fault", "said"), [("401", "set OPENAI_API_KEY"), ("404", "check runtime.base_url and generator.model")]
)
def test_what_will_not_pass_is_said_at_once(fault: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    with serving(lambda *_: fault) as server, pytest.raises(StandinError, match=said) as error:
        answers(engine(server.url, concurrency=1), 1)
    assert sum(server.seen.values()) == 1
    assert server.keys == {"Bearer sk-very-secret"}
    assert "sk-very-secret" not in str(error.value)


def test_a_server_that_never_works_is_given_up_after_the_attempts() -> None:
    with (
        serving(lambda *_: "500") as server,
        pytest.raises(StandinError, match=r"failed 2 times in a row, last: .*no luck"),
    ):
        answers(engine(server.url, attempts=2), 1)
    assert sum(server.seen.values()) == 2


def test_an_answer_that_the_server_broke_off_is_tried_again() -> None:
    with serving() as server:
        server.finish = "abort"
        with pytest.raises(StandinError, match="an answer that ended with 'abort'"):
            answers(engine(server.url, attempts=1), 1)


def test_an_answer_that_trickles_in_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes within the timeout; the whole would take thirty times as long, and of a stuck server for ever."""
    monkeypatch.setattr(servers, "MOST_TIMEOUTS", 2)
    trickle = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    done = threading.Event()

    def serve(listening: socket.socket) -> None:
        while not done.is_set():
            with suppress(OSError):
                client, _ = listening.accept()
                client.recv(1 << 16)
                client.sendall(trickle)
                for _ in range(60):
                    client.sendall(b"1\r\n \r\n")
                    done.wait(0.1)
                client.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        client = servers.connect(Runtime(base_url=url, timeout=0.2))
        try:
            with pytest.raises(APITimeoutError) as error:
                client.chat.completions.create(model="m", messages=[])
            assert "no whole answer within 0.4 s" in str(error.value.__cause__)
        finally:
            done.set()


def test_certificates_that_are_not_there_are_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(StandinError, match=r"the certificates cannot be read .*SSL_CERT_FILE is '.*none\.pem'"):
        servers.connect(Runtime(base_url="https://models.example/v1"))


def test_half_a_character_is_replaced() -> None:
    with serving(say=lambda _: "late \ud83d bus") as server:
        assert answers(engine(server.url), 1)[0].text == "late \ufffd bus"


def test_a_budget_needs_a_server_that_counts() -> None:
    with serving() as server:
        server.counts = False
        assert len(answers(engine(server.url), 2)) == 2
        with pytest.raises(StandinError, match="counts no tokens, so no budget can be kept"):
            answers(engine(server.url, token_budget=100), 2)
        server.counts = True
        server.usage = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
        with pytest.raises(StandinError, match="counts no tokens, so no budget can be kept"):
            answers(engine(server.url, money_budget=1.0, price_in=1.0), 2)


def test_a_server_that_answers_with_errors_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "wait", lambda _: 0.0)
    with serving(lambda *_: "500") as server:
        asked = engine(server.url, attempts=3)
        with pytest.raises(StandinError, match="failed 3 times in a row"):
            answers(asked, 1)
    with pytest.raises(StandinError, match="failed 3 times in a row, last: Connection error"):
        answers(asked, 1)  # it went away


def test_stopping_does_not_wait_for_further_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(body: dict[str, Any], _: int) -> str | None:
        return None if "Text 0?" in json.dumps(body) else "500"

    failed = threading.Event()
    monkeypatch.setattr(retries, "wait", lambda _: 60.0)
    monkeypatch.setattr(retries, "say", lambda _: failed.set())
    with serving(fault) as server:
        asked = engine(server.url, attempts=8, concurrency=2, timeout=30)
        found = asked.answer(requests(2), SAMPLING)
        assert next(found)[0] == 0
        assert failed.wait(30)
        asked.stop()
        assert list(found) == []
        assert sum(server.seen.values()) == 2


def test_a_key_is_hidden_wherever_a_message_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-" + "k" * 160
    monkeypatch.setenv("OPENAI_API_KEY", key + "\n")
    said = sentence(ValueError(f"Error code: 401 - Incorrect API key provided: {key}, see your account"))
    assert "kkk" not in said
    assert "[key]" in said
    monkeypatch.setenv("OPENAI_API_KEY", "“sk-quoted”")
    with pytest.raises(StandinError, match="OPENAI_API_KEY holds characters that no key has"):
        engine("http://127.0.0.1:9/v1")


def test_no_server_at_all_is_one_message() -> None:
    with pytest.raises(
        StandinError, match=r"no server answers at http://127.0.0.1:9/v1/: start it, or set runtime.base"
    ):
        answers(engine("http://127.0.0.1:9/v1", concurrency=1), 2)


def test_labels_are_weighed_by_their_first_token() -> None:
    with serving() as server:
        found = engine(server.url).choose([(("user", "Which?"),)] * 2, ["pro", "contra", "other"])
        assert found.tolist() == [[-0.1, -3.0, -5.0]] * 2
        with pytest.raises(StandinError, match="begin with the same token"):
            engine(server.url).choose([(("user", "Which?"),)], ["pro", "problem"])


# --- the stage ----------------------------------------------------------------------------------------------------


def params(url: str, texts: int = 6, **runtime: Any) -> Params:
    chosen = Generator(engine="openai", model="m", texts=texts, conversation=3, chunk=16)
    return Params(generator=chosen, runtime=Runtime(base_url=url, **{"timeout": 0.6, "concurrency": 8, **runtime}))


def outputs() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("data/generated").iterdir())}


def test_thirty_per_cent_faults_lose_nothing_and_double_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(body: dict[str, Any], times: int) -> str | None:
        drawn = int(hashlib.sha256(f"{body['messages']}{body['seed']}{times}".encode()).hexdigest(), 16)
        return FAULTS[drawn // 100 % len(FAULTS)] if drawn % 100 < 30 else None

    with serving(fault, stall=1.0) as server:
        found = generate.run(params(server.url, texts=30), TASK, "")
        faulty = outputs()
        wrong = {name: count for name, count in server.faults.items() if name != "None"}
    assert (found["planned"], found["parsed"]) == (120, 120)
    assert server.faults["None"] >= 120  # on a busy machine the client also gives up on answers that were fine
    assert set(wrong) == set(FAULTS)
    assert capsys.readouterr().err.count("trying again in") >= sum(wrong.values())
    (project / ".standin/answers.db").unlink()
    with serving() as calm:
        quiet = params(server.url, texts=30).model_copy(update={"runtime": Runtime(base_url=calm.url)})
        generate.run(quiet, TASK, "")
    keys = "answers.jsonl"  # holds the store's keys, in which the server's address stands
    assert {name: text for name, text in outputs().items() if name != keys} == {
        n: t for n, t in faulty.items() if n != keys
    }


def test_answers_are_stored_as_they_come_and_paid_for_once(project: Path) -> None:
    with serving(lambda *_: "500" if len(server.bodies) > 10 else None) as server:
        with pytest.raises(StandinError, match="failed 1 times in a row"):
            generate.run(params(server.url, attempts=1, concurrency=1), TASK, "")
        assert server.faults["None"] == 10
        server.fault = lambda *_: None
        generate.run(params(server.url), TASK, "")
        assert server.faults["None"] == 24
    assert len(read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)) == 24


def test_the_chunk_is_no_part_of_an_answer_but_the_server_is(project: Path) -> None:
    with serving() as server:
        first = params(server.url)
        generate.run(first, TASK, "")
        other = first.model_copy(update={"generator": first.generator.model_copy(update={"chunk": 3})})
        generate.run(other, TASK, "")
        assert len(server.bodies) == 24
        with serving() as second:
            generate.run(params(second.url), TASK, "")
            assert len(second.bodies) == 24


@pytest.mark.parametrize(
    ("limits", "key"),
    [
        ({"token_budget": 60}, "runtime.token_budget"),
        ({"price_in": 1e6, "price_out": 2e6, "money_budget": 50.0}, "runtime.money_budget"),
    ],
)
def test_a_budget_stops_in_time_and_what_was_paid_stays(project: Path, limits: dict[str, Any], key: str) -> None:
    with serving() as server:
        with pytest.raises(StandinError, match=rf"stopped: [0-9]+ new answers took .*{key}"):
            generate.run(params(server.url, **limits), TASK, "")
        paid = len(server.bodies)
        assert paid < 24
        generate.run(params(server.url), TASK, "")
        assert len(server.bodies) == 24


def test_an_engine_whose_package_is_missing_says_how_to_install_it() -> None:
    for name, advice in (("vllm", "requirements-gpu.lock"), ("llamacpp", "pip install llama-cpp-python")):
        try:
            registry.version(name, "m")
        except StandinError as error:
            assert advice in str(error)  # noqa: PT017
