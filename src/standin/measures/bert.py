"""Sentence encoders of BERT's and RoBERTa's build on a CPU, without padding and without a second's worth of imports.

Texts of equally many tokens run together, so nothing is padded and nothing masked; queries, keys and values are one
product. It computes what sentence-transformers computes (the same to about 1e-6), which loads every other model.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

TOKENS = 4096
"""Tokens that run together: more of them leave the cache and are no faster."""
BUILT_ALIKE = {"bert": False, "roberta": True, "xlm-roberta": True, "camembert": True}
"""Model type -> whether positions begin behind the padding's id; BERT counts from 0."""
STEPS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
OTHERWISE = {"is_decoder", "add_cross_attention", "embedding_size"}
"""Settings that stand for another computation wherever they are set."""
NEEDED = {
    "num_hidden_layers", "num_attention_heads", "layer_norm_eps", "max_position_embeddings", "pad_token_id"
}  # fmt: skip

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bert:
    """Weights by name, without the model's prefix; ``heads``: of attention.

    ``padding``: RoBERTa's id of the padding, behind which its positions begin; None where they begin at 0.
    """

    weights: Mapping[str, Any]
    tokenizer: Any
    layers: int
    heads: int
    epsilon: float
    padding: int | None
    pooling: str
    lower: bool

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return int(self.weights["embeddings.word_embeddings.weight"].shape[1])

    def encode(self, texts: Sequence[str], done: Callable[[int], None]) -> Vectors:
        """Unit vectors of texts, shape (n, dimension); ``done`` is told of every batch.

        The batches are made of the texts alone, in an order of their own, so equal texts give equal bytes.
        """
        import torch

        cleaned = [text.strip().lower() if self.lower else text.strip() for text in texts]
        ids = [found.ids for found in self.tokenizer.encode_batch(cleaned)]
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        with torch.inference_mode():
            for batch in _of_one_length([len(found) for found in ids]):
                vectors[batch] = self._vectors(torch.tensor([ids[place] for place in batch])).numpy()
                done(len(batch))
        return vectors

    def _vectors(self, ids: Any) -> Any:
        """Unit vectors of token ids, shape (texts, tokens)."""
        from torch.nn import functional

        count, tokens = ids.shape
        hidden = self._embedded(ids)
        for layer in range(self.layers):
            at = f"encoder.layer.{layer}."
            mixed = self._attention(hidden, at, count, tokens)
            hidden = self._normed(self._linear(mixed, f"{at}attention.output.dense") + hidden, f"{at}attention.output")
            wide = functional.gelu(self._linear(hidden, f"{at}intermediate.dense"))
            hidden = self._normed(self._linear(wide, f"{at}output.dense") + hidden, f"{at}output")
        states = hidden.view(count, tokens, -1)
        pooled = states[:, 0] if self.pooling == "cls" else states.mean(dim=1)
        return functional.normalize(pooled, dim=-1)

    def _embedded(self, ids: Any) -> Any:
        count, tokens = ids.shape
        words, places, kinds = (
            self.weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        found = words[ids] + kinds[0] + (places[:tokens] if self.padding is None else places[self._positions(ids)])
        return self._normed(found.view(count * tokens, -1), "embeddings")

    def _positions(self, ids: Any) -> Any:
        """RoBERTa counts the tokens from behind its padding's id, but not the padding that a text may name."""
        counted = (ids != self.padding).int()
        return counted.cumsum(1) * counted + self.padding

    def _attention(self, hidden: Any, at: str, count: int, tokens: int) -> Any:
        from torch.nn import functional

        joined = self._linear(hidden, f"{at}attention.joined").view(count, tokens, 3, self.heads, -1)
        mixed = functional.scaled_dot_product_attention(*joined.permute(2, 0, 3, 1, 4).unbind(0))
        return mixed.transpose(1, 2).reshape(count * tokens, -1)

    def _linear(self, hidden: Any, name: str) -> Any:
        from torch.nn import functional

        return functional.linear(hidden, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _normed(self, hidden: Any, name: str) -> Any:
        from torch.nn import functional

        weight, bias = self.weights[f"{name}.LayerNorm.weight"], self.weights[f"{name}.LayerNorm.bias"]
        return functional.layer_norm(hidden, weight.shape, weight, bias, self.epsilon)


def _of_one_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts with equally many tokens, the longest first, ``TOKENS`` tokens (or one text) at a time."""
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    start = 0
    for end in range(1, len(order) + 1):
        long = lengths[order[start]]
        full = end - start >= max(1, TOKENS // max(long, 1))
        if end == len(order) or full or lengths[order[end]] != long:
            yield order[start:end]
            start = end


def read_bert(folder: Path) -> Bert | None:
    """Read a sentence encoder from its folder; None where it is built otherwise, or its files are not what they seem.

    sentence-transformers, which is asked then, says what is wrong with a broken file.
    """
    config, pooled = _json(folder / "config.json"), _pooling(folder)
    shift = BUILT_ALIKE.get(config.get("model_type", ""))
    alike = config.get("hidden_act") == "gelu" and config.get("position_embedding_type", "absolute") == "absolute"
    otherwise = bool(NEEDED - config.keys()) or any(config.get(name) for name in OTHERWISE)
    otherwise |= (folder / "adapter_config.json").exists()  # its weights are added to the model's
    if shift is None or not alike or pooled is None or otherwise:
        return None
    try:
        tokenizer = _tokenizer(folder, config, shift)
        weights = _weights(folder / "model.safetensors", config["num_hidden_layers"])
    except Exception:  # safetensors and tokenizers raise kinds of their own, and plain Exception
        return None
    if tokenizer is None or weights is None:
        return None
    return Bert(
        weights=weights,
        tokenizer=tokenizer,
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
        padding=config["pad_token_id"] if shift else None,
        pooling=pooled,
        lower=bool(_said(folder).get("do_lower_case")),
    )


def _json(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where there is none or it holds no object."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _said(folder: Path) -> dict[str, Any]:
    """How sentence-transformers is told to cut and to lower case; a plain transformer is told nothing."""
    return _json(folder / "sentence_bert_config.json") if (folder / "modules.json").exists() else {}


def _pooling(folder: Path) -> str | None:
    """``mean`` or ``cls``; None for any other pooling, a step beside it, or a prompt that goes before texts.

    A plain transformer is pooled by the mean, as sentence-transformers does.
    """
    if not (folder / "modules.json").exists():
        return "mean"
    try:
        steps = json.loads((folder / "modules.json").read_text("utf-8"))
        names = [str(step["type"]).rsplit(".", 1)[-1] for step in steps]
        said = _json(folder / steps[1]["path"] / "config.json")
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    if (
        names not in STEPS
        or steps[0].get("path")
        or _json(folder / "config_sentence_transformers.json").get("default_prompt_name")
    ):
        return None
    ways = [name for name, value in said.items() if name.startswith("pooling_mode") and value is True]
    return (
        {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}.get(ways[0]) if len(ways) == 1 else None
    )


def _tokenizer(folder: Path, config: Mapping[str, Any], shift: bool) -> Any:
    """The tokenizer, cutting where sentence-transformers cuts; None where it is in no file of its own."""
    from tokenizers import Tokenizer

    positions = config["max_position_embeddings"] - (config["pad_token_id"] + 1 if shift else 0)
    said = _json(folder / "tokenizer_config.json").get("model_max_length", positions)
    most = _said(folder).get("max_seq_length") or min(positions, said)
    others = [path.name for path in folder.glob("sentence_*_config.json") if path.name != "sentence_bert_config.json"]
    if not (folder / "tokenizer.json").exists() or most > positions or others or _differs(folder):
        return None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(most)
    tokenizer.no_padding()
    return tokenizer if tokenizer.encode("").ids else None


def _differs(folder: Path) -> bool:
    """Whether ``tokenizer_config.json``, which transformers obeys, says otherwise than ``tokenizer.json``."""
    said, normalizer = (_json(folder / name) for name in ("tokenizer_config.json", "tokenizer.json"))
    own = normalizer.get("normalizer") or {}
    names = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"} | {
        "tokenize_chinese_chars": "handle_chinese_chars"
    }
    changed = any(said[name] != own.get(known) for name, known in names.items() if name in said and known in own)
    cased = own.get("type") != "BertNormalizer" and bool(said.get("do_lower_case"))
    return changed or cased or said.get("truncation_side", "right") != "right"


def _weights(path: Path, layers: int) -> dict[str, Any] | None:
    """The weights in float32, with queries, keys and values of a layer joined; None where they are not all there."""
    import torch
    from safetensors.torch import load_file

    if not path.exists():
        return None
    found = {}
    for name, value in load_file(path).items():
        found[name.removeprefix("bert.").removeprefix("roberta.")] = value.float()
    try:
        for layer in range(layers):
            at = f"encoder.layer.{layer}.attention."
            for part in ("weight", "bias"):
                three = [found.pop(f"{at}self.{name}.{part}") for name in ("query", "key", "value")]
                found[f"{at}joined.{part}"] = torch.cat(three)
    except KeyError:
        return None
    return found if _needed(layers) <= found.keys() else None


def _needed(layers: int) -> set[str]:
    """Names of all weights that a vector is computed from."""
    parts = ("attention.joined", "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",
             "output.dense", "output.LayerNorm")  # fmt: skip
    within = [f"encoder.layer.{layer}.{part}" for layer in range(layers) for part in parts]
    tables = {f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type")}
    return tables | {f"{name}.{half}" for name in (*within, "embeddings.LayerNorm") for half in ("weight", "bias")}
