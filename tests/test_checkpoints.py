"""Checkpoints as people have them: read, or refused in one sentence that says what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from tiny_models import SIZES, gemma3, llama, model, tokenizer

from standin.config import Runtime
from standin.engines import registry
from standin.engines.protocol import Request, Sampling
from standin.engines.transformers import TransformersEngine
from standin.errors import StandinError

pytestmark = pytest.mark.xdist_group("checkpoints")
REQUEST = Request((("user", "Write a comment about the trams."),), 1)
VISION: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "m"
    model("llama").save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "m")
    return tmp_path / "m"


def load(folder: Path, dtype: str = "float32") -> TransformersEngine:
    found = registry.load("transformers", str(folder), "main", dtype, Runtime(threads=1, device="cpu"))
    assert isinstance(found, TransformersEngine)
    return found


def edit(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


def saved(folder: Path, made: Any) -> Path:
    made.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def refused(folder: Path, says: str) -> None:
    with pytest.raises(StandinError, match=says) as found:
        load(folder)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, r"quantised \(gptq\).*gptqmodel and optimum"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}, r"quantised \(awq\).*gptqmodel"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, r"quantised \(bitsandbytes\).*bitsandbytes"),
        ({"quant_method": "compressed-tensors", "format": "x"}, r"\(compressed-tensors\).*compressed-tensors"),
        ({"quant_method": "hqq"}, r"quantised \(hqq\).*hqq"),
        ({"quant_method": "aqlm", "in_group_size": 8}, r"quantised \(aqlm\).*aqlm"),
        ({"quant_method": "torchao"}, r"quantised \(torchao\).*torchao"),
        ({"quant_method": "auto-round", "bits": 4}, r"quantised \(auto-round\).*auto-round"),
        ({"quant_method": "quark"}, r"quantised \(quark\).*amd-quark"),
    ],
)
def test_a_quantised_checkpoint_names_the_package_it_needs(folder: Path, method: dict[str, Any], says: str) -> None:
    edit(folder, quantization_config=method)
    refused(folder, says + ".*unquantised weights")


def test_code_of_a_model_s_own_is_never_run(folder: Path) -> None:
    edit(folder, auto_map={"AutoConfig": "conf.C", "AutoModelForCausalLM": "mod.M"}, model_type="own")
    refused(folder, "brings program code of its own, which is never run here")


def test_an_architecture_that_is_not_known_names_the_version(folder: Path) -> None:
    edit(folder, model_type="own")
    refused(folder, f"transformers {hf.__version__} does not know its architecture")


def test_pickled_weights_are_not_read(folder: Path) -> None:
    weights = model("llama").state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    refused(folder, r"has no weights as safetensors: pickled files \(.bin, .pt\)")


def test_a_folder_without_tokenizer_or_with_an_adapter_only_says_so(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    refused(folder, "has no tokenizer: save it into the same folder")
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "a/b", "peft_type": "LORA"}))
    refused(folder, "is an adapter, no whole model: merge it")


def test_a_tokenizer_whose_package_is_missing_names_it(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(b"aGVsbG8= 0\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer"}))
    refused(folder, r"needs the package sentencepiece \(or tiktoken\).*pip install sentencepiece protobuf")
    (folder / "tokenizer.model").rename(folder / "tekken.json")
    edit(folder, model_type="mistral")
    refused(folder, r"Mistral's own \(tekken.json\).*pip install mistral-common")


def _bert() -> Any:
    return hf.BertForMaskedLM(hf.BertConfig(vocab_size=320, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                                            intermediate_size=48))  # fmt: skip


def _t5() -> Any:
    return hf.T5ForConditionalGeneration(hf.T5Config(vocab_size=320, d_model=32, d_kv=8, d_ff=48, num_layers=1,
                                                     num_heads=2))  # fmt: skip


def _classifier() -> Any:
    return hf.LlamaForSequenceClassification(llama())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_bert, "reads texts both ways: an encoder cannot write"),
        (_t5, "is an encoder-decoder model: the transformers engine runs causal language models"),
        (_classifier, r"its files hold no lm_head.weight, which would be random numbers"),
    ],
)
def test_a_model_that_does_not_write_is_refused(make: Callable[[], Any], says: str, tmp_path: Path) -> None:
    refused(saved(tmp_path, make()), says)


def _gemma3() -> Any:
    text = gemma3().to_dict()
    return hf.Gemma3ForConditionalGeneration(
        hf.Gemma3Config(text_config=text, vision_config=VISION, mm_tokens_per_image=1)
    )


def _mistral3() -> Any:
    text = llama().to_dict()
    return hf.Mistral3ForConditionalGeneration(
        hf.Mistral3Config(text_config=text, vision_config={**VISION, "model_type": "pixtral"})
    )


@pytest.mark.parametrize("make", [_gemma3, _mistral3])
def test_a_model_that_also_sees_images_writes(make: Callable[[], Any], tmp_path: Path) -> None:
    found = load(saved(tmp_path, make().eval()))
    ((_, answer),) = found.answer([REQUEST], Sampling(1.0, 1.0, 8))
    assert answer == next(found.answer([REQUEST, REQUEST], Sampling(1.0, 1.0, 8)))[1]


def test_what_a_checkpoint_leaves_out_does_not_matter(folder: Path) -> None:
    """No generation_config.json, no padding token, several end tokens."""
    ((_, expected),) = load(folder).answer([REQUEST], Sampling(1.0, 1.0, 8))
    (folder / "generation_config.json").unlink()
    edit(folder, eos_token_id=[2, 7])
    bare = hf.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), eos_token="</s>")
    bare.chat_template = tokenizer().chat_template
    bare.save_pretrained(folder)
    found = load(folder)
    assert found.ends == {2, 7, tokenizer().convert_tokens_to_ids("<|im_end|>")}
    assert next(found.answer([REQUEST], Sampling(1.0, 1.0, 8)))[1] == expected


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_computes_on_a_cpu(folder: Path, dtype: str) -> None:
    ((_, answer),) = load(folder, dtype).answer([REQUEST], Sampling(1.0, 1.0, 4))
    assert answer.tokens_out <= 4


def test_a_precision_that_the_machine_lacks_names_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*_: Any, **__: Any) -> None:
        raise RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'")

    monkeypatch.setattr(hf.LlamaForCausalLM, "forward", lacks)
    with pytest.raises(StandinError, match=r"cannot compute in float16 here: .* Set generator.dtype to float32"):
        load(folder, "float16")


def test_every_size_is_told_in_one_line_where_the_card_is_too_small(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(hf.LlamaForCausalLM, "forward", full)
    refused(folder, "in float32 does not fit the GPU's memory: free the card, take bfloat16")


def test_the_sizes_here_are_those_of_the_table() -> None:
    assert SIZES["vocab_size"] == len(tokenizer())
