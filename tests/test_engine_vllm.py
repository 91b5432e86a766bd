"""The vLLM engine against a stand-in for vLLM: lengths, options, copies, messages. `make test-vllm` runs the real one."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tiny_models import model, tokenizer

from standin.config import Runtime
from standin.engines import vllm as engine_module
from standin.engines.protocol import Answer, Request, Sampling
from standin.engines.vllm import VllmEngine
from standin.errors import StandinError

pytestmark = pytest.mark.xdist_group("vllm_double")
CHAT = (("user", "The bus"),)
SAMPLING = Sampling(0.8, 0.95, 24)
R1 = tokenizer().chat_template.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    before = {name: found for name, found in sys.modules.items() if name.split(".")[0] == "vllm"}
    for name in before:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "vllm_double"))
    import vllm as double

    yield double
    for name in [name for name in sys.modules if name.split(".")[0] == "vllm"]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("checkpoint") / "m"
    model("llama").save_pretrained(place)
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 2000}))
    tokenizer().save_pretrained(place)
    return place


def load(place: Path | str, **runtime: object) -> VllmEngine:
    return engine_module.load(str(place), "c0ffee", "bfloat16", Runtime(**runtime), "test")  # type: ignore[arg-type]


def said(engine: VllmEngine, requests: list[Request], sampling: Sampling = SAMPLING) -> list[Answer]:
    return [answer for _, answer in engine.answer(requests, sampling)]


def words(engine: VllmEngine, tokens: int) -> Request:
    """A chat whose prompt has so many tokens."""
    text = "a"
    while len(engine_module.prompt(engine.tokenizer, (("user", text),)).tokens) < tokens:
        text += "!"
    return Request((("user", text),), 1)


def test_vllm_is_made_for_twice_the_longest_prompt_with_its_answer(vllm: ModuleType, folder: Path) -> None:
    engine = load(folder)
    assert vllm.MADE == [], "a stage whose answers are stored reads no weights"
    said(engine, [words(engine, 110), words(engine, 60)])
    assert [made["max_model_len"] for made in vllm.MADE] == [512], "2 (110 + 24) = 268, and the next multiple of 256"
    said(engine, [words(engine, 512 - 24)])
    assert len(vllm.MADE) == 1, "it just fits"
    said(engine, [words(engine, 513 - 24)])
    assert [made["max_model_len"] for made in vllm.MADE] == [512, 1280]
    assert vllm.SHUT == [1], "the first one gave the card back"
    said(engine, [words(engine, 1700)])
    assert vllm.MADE[-1]["max_model_len"] == 2000, "the model's own window is the most"
    with pytest.raises(StandinError, match=r"exceed the model's window of 2000: lower generator\.shots"):
        said(engine, [words(engine, 1990)])


def test_runtime_and_revision_reach_vllm(vllm: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB", str(folder))
    engine = load("gpt2", tensor_parallel=2, memory=0.7)
    said(engine, [Request(CHAT, 1)])
    assert vllm.MADE == [
        {"model": "gpt2", "max_model_len": 256, "dtype": "bfloat16", "trust_remote_code": False, "revision": "c0ffee",
         "disable_log_stats": True, "gpu_memory_utilization": 0.7, "tensor_parallel_size": 2}
    ]  # fmt: skip
    said(load(folder), [Request(CHAT, 1)])
    assert "revision" not in vllm.MADE[1], "a folder has none"


def test_the_cpu_build_gets_no_settings_of_cards(
    vllm: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDS", "0")
    said(load(folder), [Request(CHAT, 1)])
    assert vllm.MADE[0]["enforce_eager"]
    assert "gpu_memory_utilization" not in vllm.MADE[0]
    with pytest.raises(StandinError, match="sees no GPU"):
        load(folder, device="cuda")


@pytest.mark.parametrize(
    ("fault", "says", "says_not"),
    [
        (
            "To serve at least one request with the model's max seq len ({}), 2.0 GiB KV cache is needed, which is larger "
            "than the available KV cache memory (1.0 GiB).",
            r"The model and 256 tokens of prompt and answer do not fit the card. What helps: a smaller or quantised model, "
            r"generator.dtype bfloat16, more cards \(runtime.tensor_parallel\).*a higher runtime.memory \(now 0.9\)",
            "lower runtime.memory",
        ),
        ("CUDA out of memory. Tried to allocate 20 GiB.", "do not fit the card", "lower runtime.memory"),
        (
            "Free memory on device (3.0/24.0 GiB) on startup is less than desired GPU memory utilization (0.9, 21.6 GiB).",
            r"Something else holds memory of the card: free it, or lower runtime.memory \(now 0.9\)",
            "a higher runtime.memory",
        ),
        (
            "The repository contains custom code: pass trust_remote_code=True",
            "code of its own, which is never run",
            "memory",
        ),
        ("World size (2) is larger than the number of available GPUs (1)", "Check the name", "memory"),
    ],
)
def test_what_does_not_load_says_what_helps(
    vllm: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, says: str, says_not: str
) -> None:
    engine = load(folder)
    monkeypatch.setenv("CARD", fault)
    with pytest.raises(StandinError, match=says) as found:
        said(engine, [Request(CHAT, 1)])
    assert says_not not in str(found.value)
    assert "\n" not in str(found.value)


def test_a_model_that_is_nowhere_is_told_before_any_weights(
    vllm: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUB", str(tmp_path / "nothing"))
    with pytest.raises(StandinError, match=r"vLLM cannot load 'nobody/nothing' \(revision 'c0ffee'\): Can't load"):
        load("nobody/nothing")


def test_strings_and_marks_that_end_a_turn_end_answers(
    vllm: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(vllm.LLM, "generate", lambda _self, _prompts, params, **_: asked.extend(params) or [])
    engine = load(folder)
    with pytest.raises(ValueError, match="zip"):
        said(engine, [Request(CHAT, 7)], Sampling(0.8, 0.95, 24, stop=("END",)))
    assert (asked[0].stop, asked[0].stop_token_ids, asked[0].seed) == (
        ["END"], [engine.tokenizer.convert_tokens_to_ids("<|im_end|>")], 7
    )  # fmt: skip


def test_reasoning_that_the_prompt_opens_or_special_tokens_mark_stays_marked(
    vllm: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = load(folder)
    engine.tokenizer.chat_template = R1
    monkeypatch.setenv("SAYS", "The bus")
    assert said(engine, [Request(CHAT, 1)])[0].text == "<think>\nThe bus"
    engine.tokenizer = tokenizer(special=("[THINK]", "[/THINK]"))
    tokens = engine.tokenizer("[THINK]The bus[/THINK]Late. END now").input_ids
    monkeypatch.setenv("TOKENS", json.dumps(tokens))
    assert said(engine, [Request(CHAT, 1)])[0].text == "[THINK]The bus[/THINK]Late. END now"
    assert said(engine, [Request(CHAT, 1)], Sampling(0.8, 0.95, 24, stop=("END",)))[0].text == (
        "[THINK]The bus[/THINK]Late. "
    )


def test_choices_are_sums_over_their_tokens_and_overlong_texts_lose_their_middle(
    vllm: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = load(folder)
    head = engine_module.judge_tokens(engine.tokenizer, CHAT)
    found = engine.choose([CHAT, words(engine, 2500).chat], ["bus", "housing please"])
    for column, choice in enumerate(("bus", "housing please")):
        tokens = [*head, *engine.tokenizer(choice).input_ids]
        pairs = zip(tokens[len(head) - 1 :], tokens[len(head) :], strict=False)
        assert found[0, column] == pytest.approx(sum(vllm.log(a, b) for a, b in pairs))
    assert found.shape == (2, 2)
    assert "1 of 2 prompts to judge are longer than" in capsys.readouterr().err


def test_a_pattern_that_vllm_cannot_bind_is_named(vllm: ModuleType, folder: Path) -> None:
    with pytest.raises(StandinError, match=r"cannot bind answers to generator.pattern .*Grammar error"):
        said(load(folder), [Request(CHAT, 1)], Sampling(0.8, 0.95, 24, r"(?<=a)b"))


def test_copies_share_the_prompts_and_answer_in_order(vllm: ModuleType, folder: Path) -> None:
    engine = load(folder, data_parallel=2)
    asked = [Request((("user", f"Text {number}"),), number) for number in range(5)]
    try:
        found = said(engine, asked)
    finally:
        if engine.copies is not None:
            engine.copies.close()
    alone = said(load(folder), asked)
    strip = [answer.text.split(" on card ")[0] for answer in found]
    assert strip == [answer.text.split(" on card ")[0] for answer in alone]
    assert [answer.text[-1] for answer in found] == ["0", "0", "1", "1", "1"], "each copy sees a card of its own"
    assert all(process.exitcode is not None for process in engine.copies.processes), "and ends"


def test_copies_take_the_cards_that_are_there(vllm: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StandinError, match="are 6 GPUs, and this machine has 2: lower one of them"):
        said(load(folder, data_parallel=3, tensor_parallel=2), [Request(CHAT, 1)])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7,9")
    assert engine_module._cards(2) == ["4", "7"]


def test_a_copy_that_fails_is_told_as_vllm_itself(
    vllm: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARD", "CUDA out of memory.")
    with pytest.raises(StandinError, match=r"CUDA out of memory.*do not fit the card"):
        said(load(folder, data_parallel=2), [Request(CHAT, 1)])
