"""The encoder without padding: for every model it takes, what sentence-transformers computes; others are left alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoder import write_tiny_encoder

from standin.config import Runtime
from standin.embedded import resolve
from standin.errors import StandinError
from standin.measures import bert
from standin.measures.bert import read_bert
from standin.measures.embeddings import embed, load_encoder

TEXTS = [
    "the tram is late again",
    "  a tree  ",
    "",
    "TREE and Bus",
    "Straßenbahn 🚋 zu spät",
    "公园里的树 أشجار",
    "no " * 90,
    "a\x00b \u202e tree",
    "the <pad> tree [PAD] bus",
    "état ÉTAT",
    *(" ".join(["bus"] * k) for k in range(1, 12)),
]


def by_sentence_transformers(folder: Path) -> np.ndarray:
    return load_encoder(str(folder), "main", Runtime(threads=1)).encode(TEXTS, normalize_embeddings=True)


def of_bert(
    folder: Path, pooling: str = "mean", base: Callable[[Path], Path] = write_tiny_encoder, **said: Any
) -> Path:
    """A tiny encoder that pools in a named way, with what ``said`` says of cutting and case."""
    width = json.loads((base(folder) / "config.json").read_text())["hidden_size"]
    package = "sentence_transformers.models"
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    (folder / "modules.json").write_text(
        json.dumps(
            [{"idx": k, "name": str(k), "path": p, "type": f"{package}.{n}"} for k, (n, p) in enumerate(modules)]
        )
    )
    for _, place in modules[1:]:
        (folder / place).mkdir()
    ways = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    pooled = {f"pooling_mode_{name}": way == pooling for way, name in ways.items()}
    (folder / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": width} | pooled))
    if said:
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 30} | said))
    return folder


def of_roberta(folder: Path, kind: str = "roberta") -> Path:
    """A tiny RoBERTa or XLM-R, whose positions begin behind the padding's id."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    words = ["<s>", "<pad>", "</s>", "<unk>", "the", "a", "bus", "tram", "late", "again", "tree", "no", "is"]
    plain = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", unk_token="<unk>", model_max_length=30
    ).save_pretrained(folder)
    torch.manual_seed(1)
    config = AutoConfig.for_model(
        kind, vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=34, pad_token_id=1, type_vocab_size=1, initializer_range=0.3,
    )  # fmt: skip
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


MODELS: dict[str, Callable[[Path], Path]] = {
    "embedded": lambda _: Path(resolve("all-minilm-l6-v2")),
    "plain BERT": write_tiny_encoder,
    "[CLS]": lambda folder: of_bert(folder, "cls"),
    "mean, cut at 7 tokens": lambda folder: of_bert(folder, max_seq_length=7),
    "lower case": lambda folder: of_bert(folder, base=of_roberta, do_lower_case=True),
    "RoBERTa": of_roberta,
    "XLM-R": lambda folder: of_roberta(folder, "xlm-roberta"),
}


@pytest.mark.parametrize("name", MODELS)
def test_vectors_are_those_of_sentence_transformers(name: str, tmp_path: Path) -> None:
    folder = MODELS[name](tmp_path)
    encoder = read_bert(folder)
    assert encoder is not None
    told: list[int] = []
    found = encoder.encode(TEXTS, told.append)
    np.testing.assert_allclose(found, by_sentence_transformers(folder), atol=2e-6)
    assert sum(told) == len(TEXTS)


def test_the_size_of_a_batch_changes_nothing_but_last_bits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    encoder = read_bert(of_bert(tmp_path))
    assert encoder is not None
    whole = encoder.encode(TEXTS * 3, lambda _: None)
    monkeypatch.setattr(bert, "TOKENS", 5)
    np.testing.assert_allclose(encoder.encode(TEXTS * 3, lambda _: None), whole, atol=2e-6)


def changed(folder: Path, file: str, **values: Any) -> None:
    said = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
    (folder / file).write_text(json.dumps(said | values))


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("config.json", {"model_type": "mpnet"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("adapter_config.json", {"peft_type": "LORA"}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"strip_accents": False}),
        ("tokenizer_config.json", {"truncation_side": "left"}),
        ("sentence_roberta_config.json", {"max_seq_length": 8}),
        ("config_sentence_transformers.json", {"default_prompt_name": "query", "prompts": {"query": "query: "}}),
    ],
)
def test_a_model_built_otherwise_is_left_to_sentence_transformers(
    file: str, values: dict[str, Any], tmp_path: Path
) -> None:
    of_bert(tmp_path)
    assert read_bert(tmp_path) is not None
    changed(tmp_path, file, **values)
    assert read_bert(tmp_path) is None


def test_a_step_of_its_own_is_left_to_sentence_transformers(tmp_path: Path) -> None:
    steps = json.loads((of_bert(tmp_path) / "modules.json").read_text())
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (tmp_path / "modules.json").write_text(json.dumps([*steps, dense]))
    assert read_bert(tmp_path) is None


@pytest.mark.parametrize("missing", ["encoder.layer.1.output.dense.bias", "embeddings.LayerNorm.weight"])
def test_weights_under_other_names_are_left_to_sentence_transformers(missing: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = write_tiny_encoder(tmp_path) / "model.safetensors"
    weights = load_file(path)
    weights[f"{missing}.old"] = weights.pop(missing)
    save_file(weights, path, {"format": "pt"})
    assert read_bert(tmp_path) is None


def test_a_plain_transformer_is_not_cut_by_a_file_that_sentence_transformers_does_not_read(tmp_path: Path) -> None:
    changed(write_tiny_encoder(tmp_path), "sentence_bert_config.json", max_seq_length=7)
    encoder = read_bert(tmp_path)
    assert encoder is not None
    np.testing.assert_allclose(encoder.encode(TEXTS, lambda _: None), by_sentence_transformers(tmp_path), atol=2e-6)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("content", [None, b"broken"])
def test_a_file_that_is_missing_or_broken_is_an_error_that_names_the_setting(
    file: str, content: bytes | None, tmp_path: Path
) -> None:
    write_tiny_encoder(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    assert read_bert(tmp_path) is None
    if file == "model.safetensors":
        with pytest.raises(StandinError, match="cannot load"):
            embed(["a tree"], str(tmp_path), "main", Runtime(threads=1))


def test_neither_transformers_nor_sentence_transformers_is_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from standin.config import Runtime; from standin.measures.embeddings import embed;"
        "print(embed(['a tree'], 'all-minilm-l6-v2', 'main', Runtime(threads=1)).shape);"
        "print(sorted({'transformers', 'sentence_transformers', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["(1, 384)", "[]"]
