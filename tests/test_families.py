"""Tiny random models of many families write, choose and repeat by seed, through the fast decoder or their own code."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import FAMILIES, model, tokenizer

from standin.config import Runtime
from standin.engines import plain, registry
from standin.engines.decoding import Decoder, top_p_draw
from standin.engines.families import ENDLESS, seen, window
from standin.engines.plain import PlainDecoder
from standin.engines.protocol import Answer, Request, Sampling
from standin.engines.rowcache import cache_bytes
from standin.engines.transformers import TransformersEngine

FAST, OWN = "fast decoder", "its own code"
TABLE = {
    "llama": FAST, "qwen2": FAST, "qwen3": FAST, "gemma": FAST, "gpt2": FAST, "gpt_neox": FAST, "opt": FAST,
    "phi": FAST, "olmo2": FAST, "smollm3": FAST, "glm4": FAST, "mixtral": FAST, "qwen2_moe": FAST, "deepseek_v3": FAST,
    # up to the window, here 12 tokens, the fast decoder; beyond it, their own code
    "mistral_window": 12, "gemma3": 12, "gemma4": 12, "phi3": 12, "olmo3": 12, "ministral": 12,
    # capped or scaled logits, attention sinks, positions as biases, attention that takes no other function
    "gemma2": OWN, "granite": OWN, "cohere": OWN, "cohere2": OWN, "gpt_oss": OWN, "llama4": OWN, "falcon": OWN,
    "bloom": OWN, "gpt_neo": OWN, "gptj": OWN,
    # state-space, convolution, linear attention
    "jamba": OWN, "bamba": OWN, "lfm2": OWN, "falcon_h1": OWN, "qwen3_next": OWN, "mamba": OWN, "mamba2": OWN,
    "recurrent_gemma": OWN,
}  # fmt: skip
LONG = "Parks, schools, housing and the environment are what people write about, and the bus is late again."
CHATS = [(("user", text),) for text in ("Write a comment about the trams.", "The bus", LONG, "The bus")]
SAMPLING = Sampling(1.0, 0.95, 12)


@cache
def engine(family: str) -> TransformersEngine:
    return TransformersEngine(model(family), tokenizer(), "test")


def said(asked_of: TransformersEngine, requests: list[Request], sampling: Sampling = SAMPLING) -> list[Answer]:
    return [answer for _, answer in asked_of.answer(requests, sampling)]


def asked() -> list[Request]:
    return [Request(chat, seed) for seed, chat in enumerate(CHATS)]


EVERY_TIME = {
    "llama", "qwen2", "qwen3", "mistral_window", "gemma2", "gemma3", "gpt2", "gpt_neox", "phi3", "olmo2", "granite",
    "mixtral", "jamba", "mamba", "recurrent_gemma",
}  # fmt: skip
pytestmark = pytest.mark.xdist_group("families")
families = pytest.mark.parametrize(
    "family", [name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
)


def test_the_table_names_every_family() -> None:
    assert set(TABLE) == set(FAMILIES)
    assert len(FAMILIES) >= 12


@families
def test_each_family_goes_the_way_of_the_table(family: str) -> None:
    found = engine(family)
    way = FAST if found.plain is None else OWN if found.decoder is None else found.reach
    assert way == TABLE[family]


@families
def test_a_row_writes_the_same_wherever_and_beside_whatever_it_stands(family: str) -> None:
    found = said(engine(family), asked())
    assert found == said(engine(family), asked()[::-1])[::-1]
    assert found == [said(engine(family), [request])[0] for request in asked()]
    assert found == said(engine(family), asked())
    assert len({answer.text for answer in found}) == 4, "other prompts and other seeds, other texts"


@families
def test_answers_are_drawn_from_the_models_own_logits_by_the_rows_seed(family: str) -> None:
    """A loop over plain forward calls on the growing text, without batch, padding or cache, writes the same."""
    made, request = model(family), asked()[0]
    text = list(engine(family).tokens(request.chat))
    start = len(text)
    uniform = torch.tensor(np.random.Generator(np.random.Philox(request.seed)).random(12))
    for step in range(12):
        with torch.no_grad():
            logits = made(torch.tensor([text]), use_cache=False).logits[:, -1]
        text.append(int(top_p_draw(logits, uniform[step : step + 1], 1.0, 0.95)))
        if text[-1] in engine(family).ends:
            break
    answer = said(engine(family), asked())[0]
    assert answer.tokens_out == len(text) - start
    assert answer.text == tokenizer().decode(text[start:], skip_special_tokens=True)


@families
def test_choices_score_as_the_models_own_logits_say(family: str) -> None:
    choices = ["bus", "housing", "the environment", "bush"]
    found = engine(family).choose(CHATS, choices)
    made = model(family)
    for row, chat in enumerate(CHATS):
        head = engine(family).tokens(chat)
        for column, choice in enumerate(choices):
            tokens = tokenizer()(choice).input_ids
            with torch.no_grad():
                logits = made(torch.tensor([head + tokens]), use_cache=False).logits[0].log_softmax(-1)
            expected = sum(float(logits[len(head) - 1 + place, token]) for place, token in enumerate(tokens))
            assert found[row, column] == pytest.approx(expected, abs=2e-3), (row, choice)


@families
def test_stop_tokens_stop_strings_and_the_limit_end_answers(family: str) -> None:
    whole = said(engine(family), asked(), Sampling(1.0, 0.95, 30))
    for answer in whole:
        assert answer.tokens_out == 30 or answer.finish in ("stop", "loop")
    row = max(range(4), key=lambda row: len(whole[row].text))
    string = whole[row].text[2:4]
    ended = said(engine(family), asked(), Sampling(1.0, 0.95, 30, stop=(string,)))[row]
    assert (ended.text, ended.finish) == (whole[row].text[: whole[row].text.index(string)], "stop")
    made = engine(family).plain or PlainDecoder(model(family), frozenset())
    prompts = [engine(family).tokens(chat) for chat in CHATS]
    engine(family)._for(1 << 20)
    free = PlainDecoder(made.model, frozenset()).generate(prompts, [0, 1, 2, 3], 1.0, 0.95, 20)
    stop = free[1][4]
    bound = PlainDecoder(made.model, frozenset([stop])).generate(prompts, [0, 1, 2, 3], 1.0, 0.95, 20)
    for long, short in zip(free, bound, strict=True):
        assert short == (long[: long.index(stop) + 1] if stop in long else long)


@pytest.mark.parametrize("family", ["gemma2", "mamba"])
def test_a_model_s_recommendations_do_not_change_what_is_drawn(family: str) -> None:
    made = model(family)
    found = TransformersEngine(made, tokenizer(), "test")
    made.generation_config.repetition_penalty = 5.0
    made.generation_config.top_k = 1
    made.generation_config.do_sample = True
    assert said(found, asked()) == said(engine(family), asked())


def test_the_slower_way_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = TransformersEngine(model("mistral_window"), tokenizer(), "test")
    said(found, asked())
    said(found, asked())
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "mistral is decoded by transformers' own generate" in told
    said(TransformersEngine(model("llama"), tokenizer(), "test"), asked())
    assert capsys.readouterr().err == ""


def test_within_its_window_a_model_takes_the_fast_decoder_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = TransformersEngine(model("mistral_window"), tokenizer(None), "test")
    short = [Request((("user", "bus"),), 1)]
    assert len(found.tokens(short[0].chat)) + 4 <= 12
    answers = said(found, short, Sampling(1.0, 0.95, 4))
    assert capsys.readouterr().err == ""
    found.reach = 0
    found.decoder = None
    assert answers == said(found, short, Sampling(1.0, 0.95, 4))


@families
def test_the_memory_of_a_token_is_that_of_its_keys_and_values(family: str) -> None:
    found = engine(family)
    made, ids = model(family), torch.tensor([list(range(3, 10))])
    with torch.no_grad():
        past = getattr(made(ids, use_cache=True), "past_key_values", None)
    ways = [one for one in (found.decoder, found.plain) if one is not None and getattr(one, "pads", True)]
    assert bool(ways) == (family != "recurrent_gemma"), "whose rows go one by one"
    if family == "llama":
        found._for(7)
        assert ways[0].token_bytes == 2 * 2 * 2 * 8 * 4, "keys and values, layers, heads of them, width, float32"
    for decoder in ways:
        found._for(7 if decoder is found.decoder else found.reach + 1)  # the attention that it needs
        assert decoder.token_bytes == cache_bytes(past) // ids.numel()
        assert (decoder.token_bytes > 0) == (family not in {"mamba", "mamba2"})


@families
def test_rows_that_memory_does_not_hold_side_by_side_write_the_same(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of RecurrentGemma go one by one anyway; Mamba has no keys and values."""
    expected = said(engine(family), asked())
    rows: list[int] = []
    go_on, padded = Decoder.go_on, PlainDecoder._padded
    monkeypatch.setattr(Decoder, "go_on", lambda self, own, *more: rows.append(len(own)) or go_on(self, own, *more))
    monkeypatch.setattr(PlainDecoder, "_padded", lambda self, own: rows.append(len(own)) or padded(self, own))
    monkeypatch.setattr("standin.engines.rowcache.BATCH_BYTES", 1)
    assert said(engine(family), asked()) == expected
    assert set(rows) == {4 if family in {"mamba", "mamba2"} else 1}


def test_rows_of_a_model_that_cannot_be_padded_go_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """RecurrentGemma reads the padding."""
    found = engine("recurrent_gemma")
    assert found.plain is not None
    assert not found.plain.pads
    sizes = []
    padded = PlainDecoder._padded
    monkeypatch.setattr(PlainDecoder, "_padded", lambda self, rows: sizes.append(len(rows)) or padded(self, rows))
    said(found, asked())
    assert set(sizes) == {1}


def test_an_encoder_with_a_head_is_told_from_a_model_that_writes() -> None:
    from transformers import BertConfig, BertLMHeadModel

    sizes: dict[str, Any] = {"vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    encoder = BertLMHeadModel(BertConfig(**sizes, intermediate_size=32)).eval()
    assert not plain.causal(encoder)
    assert plain.causal(model("gpt2"))


def test_windows_come_from_the_configuration() -> None:
    assert window(model("gpt2").config) == 256
    assert window(model("mamba").config) == ENDLESS
    assert seen(model("llama").config) == ENDLESS
    assert seen(model("mistral_window").config) == 12
    assert seen(model("gpt_neo").config) == 12
    assert seen(model("jamba").config) == 0
    assert seen(model("gemma2").config) == 0, "capped logits differ little from others where they are small"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", ["llama", "gemma3", "granite", "falcon_h1"])
def test_half_precision_goes_the_same_way(family: str, dtype: str) -> None:
    made = model(family).to(getattr(torch, dtype))
    found = TransformersEngine(made, tokenizer(), "test")
    assert (found.reach, found.decoder is None) == (engine(family).reach, engine(family).decoder is None)
    assert said(found, asked()) == said(found, asked())


@families
def test_a_saved_checkpoint_is_read_whole(family: str, tmp_path: Path) -> None:
    model(family).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    loaded = registry.load("transformers", str(tmp_path), "main", "float32", Runtime(threads=1, device="cpu"))
    assert said(loaded, asked()[:2]) == said(engine(family), asked()[:2])  # type: ignore[arg-type]
