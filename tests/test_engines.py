"""The same tests over every engine that runs the embedded model here: transformers, vLLM, llama.cpp, and a vLLM server.

`make test-vllm` runs them in an environment with vLLM's CPU build; elsewhere the engines that are installed run.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from vllm_server import MODEL, vllm_server

from standin import embedded
from standin.choices import PATTERN_ENGINES
from standin.config import Generator, Params, Runtime
from standin.corpus import Row, SyntheticRow, read_rows, write_rows
from standin.engines import registry
from standin.engines.protocol import Answer, Engine, Request, Sampling
from standin.errors import StandinError
from standin.stages import generate
from standin.task import load_task

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engines")]
ROOT = Path(__file__).resolve().parents[1]
TASK = load_task("city-topics", ROOT)
NEEDS = {"transformers": "transformers", "vllm": "vllm", "llamacpp": "llama_cpp", "openai": "vllm"}
SAMPLING = Sampling(0.8, 0.95, 24)


def requests(number: int, seed: int = 1) -> list[Request]:
    subjects = ("buses", "parks", "rents", "schools")
    return [Request((("user", f"Write one sentence about {subjects[n % 4]}."),), seed + n) for n in range(number)]


def said(engine: Engine, asked: list[Request], sampling: Sampling = SAMPLING) -> list[Answer]:
    return [answer for _, answer in sorted(engine.answer(asked, sampling))]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with vllm_server() as url:
        yield url


@pytest.fixture(scope="module", params=["transformers", "vllm", "llamacpp", "openai"])
def engine(request: pytest.FixtureRequest) -> Engine:
    name = request.param
    if find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed here")
    runtime = Runtime(threads=2, device="cpu")
    if name == "openai":
        runtime = Runtime(base_url=request.getfixturevalue("server"), concurrency=4, timeout=120)
    model = MODEL if name == "openai" else embedded.GENERATOR
    return registry.load(name, model, "main", "float32", runtime)


def test_answers_come_in_order_with_their_counts(engine: Engine) -> None:
    asked = requests(8)
    found = said(engine, asked)
    assert len(found) == 8
    for answer in found:
        assert 0 < answer.tokens_out <= 24
        assert answer.tokens_in > 10
        assert answer.text.strip()
        assert "<|im_" not in answer.text
        assert answer.finish == "length" or answer.tokens_out <= 24
    prompts = {answer.tokens_in for answer in found}
    assert max(prompts) - min(prompts) <= 3  # equal but for one word


def test_equal_seeds_repeat_and_other_seeds_differ(engine: Engine) -> None:
    first = said(engine, requests(4))
    assert said(engine, requests(4)) == first
    assert said(engine, requests(4, seed=900)) != first
    same = [Request(requests(1)[0].chat, seed) for seed in (5, 6, 7, 8)]
    assert len({answer.text for answer in said(engine, same)}) > 1


def test_greedy_answers_need_no_seed(engine: Engine) -> None:
    greedy = Sampling(0.0, 1.0, 12)
    assert said(engine, requests(2), greedy) == said(engine, requests(2, seed=77), greedy)


def test_the_token_limit_is_kept_and_told(engine: Engine) -> None:
    for answer in said(engine, requests(4), Sampling(0.8, 0.95, 3)):
        assert (answer.finish, answer.tokens_out) == ("length", 3)


def test_an_answer_goes_on_from_its_opening_and_ends_before_a_stop_string(engine: Engine) -> None:
    greedy = Sampling(0.0, 1.0, 16)
    for request, whole in zip(requests(2), said(engine, requests(2), greedy), strict=True):
        words = whole.text.split(" ")
        begin, stop = " ".join(words[:2]), " " + words[5]
        (rest,) = said(engine, [request], replace(greedy, begin=begin, max_tokens=4))
        assert rest.text
        assert whole.text.startswith(begin + rest.text)
        (cut,) = said(engine, [request], replace(greedy, stop=(stop,)))
        assert (cut.text, cut.finish) == (whole.text[: whole.text.index(stop)], "stop")
        assert cut.tokens_out < whole.tokens_out


def test_a_chat_of_several_turns_is_understood(engine: Engine) -> None:
    chat = (("user", "Say one word."), ("assistant", "Bus."), ("user", "Another word, please."))
    (answer,) = said(engine, [Request(chat, 3)])
    assert answer.tokens_in > said(engine, [Request(chat[:1], 3)])[0].tokens_in


def test_a_prompt_beyond_the_window_is_an_error_that_names_the_fix(engine: Engine) -> None:
    with pytest.raises(StandinError, match=r"lower generator|check generator|window"):
        said(engine, [Request((("user", "word " * 12_000),), 1)])


def test_answers_keep_to_a_pattern(engine: Engine) -> None:
    if engine.name not in PATTERN_ENGINES:
        pytest.skip("not one of the engines that can be bound: test_errors has what is said then")
    bound = Sampling(0.8, 0.95, 40, r"[A-Z][a-z ]{10,30}\.")
    for answer in said(engine, requests(6), bound):
        assert answer.finish == "stop"
        assert re.fullmatch(r"[A-Z][a-z ]{10,30}\.", answer.text)
    with pytest.raises(StandinError, match=r"pattern|refuses"):
        said(engine, requests(1), Sampling(0.8, 0.95, 40, r"(?<=a)b"))


def test_closed_choices_agree_with_the_transformers_engine(engine: Engine) -> None:
    if engine.name in ("llamacpp", "openai"):
        pytest.skip("gives no log-probabilities of whole choices")
    reference = registry.load("transformers", embedded.GENERATOR, "main", "float32", Runtime(device="cpu"))
    chats = [request.chat for request in requests(3)]
    choices = ["transport", "housing", "the environment"]
    assert engine.choose(chats, choices) == pytest.approx(reference.choose(chats, choices), abs=2e-3)


def test_a_small_generation_runs_through_the_engine_and_is_stored(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(registry, "load", lambda *_: engine)
    shots = [
        Row(id=f"{label.name}{n}", text=f"Nothing works at {label.name} {n}.", label=label.name)
        for label in TASK.labels
        for n in range(2)
    ]
    write_rows(Path("data/real/shots.jsonl"), shots)
    chosen: dict[str, Any] = {
        "engine": engine.name,
        "model": embedded.GENERATOR,
        "texts": 2,
        "shots": 1,
        "conversation": 2,
    }
    runtime = getattr(engine, "runtime", Runtime())  # the server is asked whether it goes on from an opening
    params = Params(generator=Generator(**chosen, max_tokens=40, chunk=8), runtime=runtime)
    found = generate.run(params, TASK, "")
    assert found["planned"] == 8
    assert found["parsed"] + found["refused"] + found["unparsable"] == 8
    texts = read_rows(Path("data/generated/texts.jsonl"), SyntheticRow)
    assert len(texts) == found["parsed"] > 0
    before = {path.name: path.read_bytes() for path in Path("data/generated").iterdir()}
    monkeypatch.setattr(registry, "load", lambda *_: pytest.fail("everything is stored"))
    generate.run(params, TASK, "")
    assert {path.name: path.read_bytes() for path in Path("data/generated").iterdir()} == before
