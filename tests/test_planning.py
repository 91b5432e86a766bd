"""``standin prompts show`` and ``standin generate --dry-run``: what will be sent, and what it will take."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from standin import planning
from standin.config import Params, Runtime
from standin.embedded import GENERATOR
from standin.engines import registry
from standin.engines.protocol import Answer, Request, Sampling
from standin.errors import StandinError
from standin.generation.estimate import Estimate, duration, estimate, lines, spread_over
from standin.generation.plan import PlanRow
from standin.generation.store import AnswerStore, Rate
from standin.overrides import load_params_with
from standin.planning import dry_run, dry_run_values, prompt_values, show_prompts
from standin.preview import preview, scratch
from standin.stages import generate, prepare
from standin.task import load_task

ROOT = Path(__file__).resolve().parents[1]


def row(number: int, turn: int) -> PlanRow:
    return PlanRow(f"p{number}-{turn}", None, None, "a", f"c{number}", turn, "opening", (), {}, number)


PLAN = [row(number, turn) for number in range(3) for turn in range(2)]


def test_tokens_grow_with_the_chat_and_prices_are_per_million() -> None:
    found = estimate(
        PLAN, lambda _: "x" * 40, lambda chat: 10 * len(chat), 50, None, Runtime(price_in=2e6, price_out=1e6)
    )
    # turn 0: one message; turn 1: three messages and the first answer, taken as 50 tokens long
    assert found.tokens_in == 3 * 10 + 3 * (30 + 50)
    assert found.tokens_out == 6 * 50
    assert found.money == 2 * found.tokens_in + found.tokens_out
    assert found.seconds is None
    said = "\n".join(lines(found))
    assert "6 in 3 conversations" in said
    assert "nothing was measured" in said
    assert "at most" in said


def test_what_was_measured_gives_time_and_length() -> None:
    found = estimate(PLAN, lambda _: "x" * 40, None, 50, Rate(8, 20.0, 0.5), Runtime())
    assert (found.tokens_out, found.seconds, found.exact) == (120, 3.0, False)
    said = "\n".join(lines(found))
    assert "about 3 s, at 40 tokens a second as measured" in said
    assert "guessed, four characters each" in said


def test_without_a_tokenizer_a_character_of_japanese_is_a_token() -> None:
    rows = [row(0, 0)]
    assert estimate(rows, lambda _: "駅前の道が暗い。", None, 50, None, Runtime()).tokens_in == 8
    assert estimate(rows, lambda _: "the street is so dark at night..", None, 50, None, Runtime()).tokens_in == 8


def test_the_store_knows_the_rate_of_each_engine_and_model(tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "a.db") as store:
        assert store.rate("e", "m") is None
        store.put(
            [{"engine": "e", "model": "m", "n": n} for n in range(2)],
            [Answer("t", "stop", 5, 10 + 10 * n) for n in range(2)],
            0.25,
        )
        store.put([{"engine": "e", "model": "other"}], [Answer("t", "stop", 5, 1)], 9.0)
        assert store.rate("e", "m") == Rate(2, 15.0, 0.25)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (9000, "2.5 h")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tasks", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.delenv("DVC_ROOT", raising=False)


@pytest.mark.usefixtures("project")
def test_what_is_shown_is_what_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Listening:
        name = version = "listening"

        def __init__(self) -> None:
            self.said: list[str] = []

        def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
            self.said += [request.chat[-1][1] for request in requests]
            return ((place, Answer("A text of its own.", "stop", 1, 1)) for place in range(len(requests)))

    changes = [
        "generator.shots=2",
        "generator.texts=4",
        "generator.conversation=2",
        "generator.attributes=[style, length]",
    ]
    params = load_params_with(changes)
    shown = "".join(show_prompts(params, None, 99, rendered=False))
    engine = Listening()
    monkeypatch.setattr(registry, "load", lambda *_: engine)
    with scratch(params):
        monkeypatch.setattr(generate, "repository_root", lambda: tmp_path / "elsewhere")  # an answer store of its own
        task = load_task(params.base.task)
        prepare.run(params, task, "")
        generate.run(params, task, "")
    turns = re.split(r"(?:--- .*?)?user, turn [0-9]+, seed [0-9]+:\n", shown, flags=re.DOTALL)[1:]
    said = [turn.split("--- ")[0].removesuffix("\n") for turn in turns]
    assert len(engine.said) == 16
    assert sorted(said) == sorted(engine.said)


@pytest.mark.usefixtures("project")
def test_the_prompts_shown_are_the_turns_of_a_chat_with_examples_of_the_label() -> None:
    said = "\n".join(
        show_prompts(load_params_with(["generator.shots=2", "generator.conversation=3"]), "housing", 1, rendered=False)
    )
    assert said.count("user, turn") == 3
    assert said.count("--- housing-") == 1
    assert "transport" not in said.split("\n")[0]
    assert "Imagine you live in a city" in said
    assert said.count("\n- ") == 6
    with pytest.raises(StandinError, match="did you mean 'housing'"):
        list(show_prompts(Params(), "housin", 1, rendered=False))


@pytest.mark.usefixtures("project")
def test_recorded_texts_have_no_chat_template(tmp_path: Path) -> None:
    with pytest.raises(StandinError, match="applies its chat template elsewhere"):
        list(show_prompts(load_params_with(["generator.engine=replay"]), None, 1, rendered=True))


@pytest.mark.parametrize("engine", ["transformers", "replay"])
def test_where_no_text_is_asked_for_there_is_none_to_show(engine: str) -> None:
    params = load_params_with(["generator.texts=0", f"generator.engine={engine}"], ROOT)
    task = load_task("city-topics", ROOT)
    shown: list[Callable[[], object]] = [
        lambda: list(dry_run(params, task)),
        lambda: dry_run_values(params, task),
        lambda: list(show_prompts(params, None, 1, False, task)),
        lambda: prompt_values(params, None, 1, task),
        lambda: preview(params, 3, task),
    ]
    for show in shown:
        with pytest.raises(StandinError, match=r"generator\.texts is 0, so no text is asked for"):
            show()


@pytest.mark.usefixtures("project")
def test_a_dry_run_of_a_server_needs_no_server_and_asks_nothing() -> None:
    params = load_params_with(
        ["generator.engine=openai", "generator.conversation=3", "runtime.price_in=1.5", "runtime.price_out=2"]
    )
    said = "\n".join(dry_run(params))
    assert "texts:         168 in 56 conversations" in said
    assert "price:         0." in said
    assert said.count("The first prompt:") == 4


@pytest.mark.parametrize(
    ("nodes", "chunk", "seconds"), [(1, 8, 120), (3, 8, 48), (5, 8, 24), (9, 8, 24), (2, 100, 120)]
)
def test_nodes_take_whole_chunks_each(nodes: int, chunk: int, seconds: float) -> None:
    """Forty conversations, three seconds each."""
    found = Estimate(40, 40, 400, 800, True, Rate(10, 20.0, 3.0), 120.0, 0.0)
    assert spread_over(found, chunk, nodes) == (-(-40 // chunk), pytest.approx(seconds))
    assert spread_over(replace(found, seconds=None), chunk, nodes)[1] is None


@pytest.mark.usefixtures("project")
def test_a_dry_run_says_what_several_nodes_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnswerStore, "rate", lambda *_: Rate(10, 50.0, 1.0))
    monkeypatch.setattr(planning, "_tokenizer", lambda _: None)
    params = load_params_with(["generator.chunk=24"])
    said = list(dry_run(params, nodes=4))
    assert (
        said[-1]
        == "on 4 nodes:    about 48 s, where each is as fast as this machine (7 chunks of generator.chunk, one node's each)"
    )
    task = load_task("city-topics")
    values = dry_run_values(params, task, 4)
    assert (values["nodes"], values["seconds_on_nodes"]) == (4, pytest.approx(48))
    assert not any(line.startswith("on ") for line in dry_run(params))
    with pytest.raises(StandinError, match=r"--nodes is for engines that run the model themselves .* is openai"):
        list(dry_run(load_params_with(["generator.engine=openai"]), nodes=4))


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_rendered_prompts_are_what_the_model_reads() -> None:
    chats = ["generator.conversation=3"]
    said = "\n".join(show_prompts(load_params_with([*chats, "generator.begin=never"]), "housing", 1, rendered=True))
    assert said.count("<|im_start|>user") == 3
    assert said.rstrip().endswith("<|im_start|>assistant")
    begun = "\n".join(show_prompts(load_params_with(chats), "housing", 1, rendered=True))
    assert begun.rstrip() == said.rstrip() + '\n"', "the task's opening stands where the answer goes on"
    assert load_params_with([]).generator.model == GENERATOR
