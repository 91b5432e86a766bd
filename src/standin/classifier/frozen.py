"""What the frozen lower layers put out for a text, computed once for all arms, seeds and epochs.

Frozen layers have no dropout, so a text's hidden states after them are always the same: training and prediction begin
there. With 5 of 6 layers frozen a training step costs 3 layer passes a token (1 forward, 2 backward) instead of 8.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from standin.errors import StandinError

LARGEST = 2_000_000_000  # bytes of hidden states held in memory; texts beyond that run through all layers
LARGEST_FILE = 4_000_000_000
LABELLING = {"_name_or_path", "architectures", "id2label", "label2id", "problem_type", "transformers_version"}
"""Keys of a model's configuration that change no hidden state."""


@contextmanager
def passed(layers: Sequence[Any], values: int, states: Any) -> Iterator[None]:
    """Let a model begin after its frozen layers, with ``states``, shape (batch, tokens, width).

    layers: lowest first, at least one. values: how many each of them returns, 0 for a bare tensor.
    """

    def returned(hidden: Any, *_: Any, **__: Any) -> Any:
        return (hidden, *[None] * (values - 1)) if values else hidden

    for layer in layers[:-1]:
        layer.forward = returned
    layers[-1].forward = lambda *_, **__: returned(states)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own again


class _Enough(Exception):  # noqa: N818
    """Ends a forward pass after the last frozen layer."""


def freeze(model: Any, layers: int) -> tuple[Any, ...]:
    """Keep the embeddings, positions too, and the lowest ``layers`` encoder layers as they are; 0 trains everything.

    Frozen layers run without dropout: it would disturb features that nothing adapts to. (ours)

    Returns the frozen layers. Raises StandinError where the model has fewer layers or keeps them in no list.
    """
    if layers == 0:
        return ()
    import torch

    base, count = model.base_model, model.config.num_hidden_layers
    if layers > count:
        raise StandinError(
            f"params.yaml: finetune.frozen_layers is {layers}, and the encoder has {count} layers: take 0 to {count}"
        )
    layer_list = next(
        (part for part in base.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == count), None
    )
    if layer_list is None:
        raise StandinError(
            f"params.yaml: finetune.frozen_layers is {layers}, but the layers of {type(base).__name__} were not found "
            f"(no list of {count}): take 0, or another finetune.encoder"
        )
    frozen = list(takewhile(lambda part: part is not layer_list, base.modules()))  # embeddings, their projections
    home = next(part for part in base.modules() if any(child is layer_list for child in part.children()))
    if home is not base:  # what all layers read: DeBERTa's and MPNet's relative positions stand beside the list
        frozen += [part for child in home.children() if child is not layer_list for part in child.modules()]
    frozen += [part for layer in layer_list[:layers] for part in layer.modules()]
    for part in frozen:
        for parameter in part.parameters(recurse=False):
            parameter.requires_grad = False
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return tuple(layer_list[:layers])


def hidden_states(
    model: Any,
    layers: Sequence[Any],
    token_lists: Sequence[Mapping[str, list[int]]],
    dtype: str,
    device: str,
    file: Path,
) -> tuple[int, list[Any]] | None:
    """Each text's states after the frozen layers; every text runs alone, so that no other shapes its last bits.

    Args:
        model: in evaluation mode, on ``device``.
        layers: its frozen layers, lowest first; at least one.
        token_lists: at least one text, as the tokenizer gives it.
        dtype: "float32", or "bfloat16" for autocast.
        device: "cpu" or "cuda".
        file: the SQLite file that keeps states for other arms and runs; it is made, and begun anew where it grows past
            4 GB. A file that cannot be used is done without.

    Returns:
        How many values a layer returns (0: a bare tensor), and one float32 tensor of shape (tokens, width) a text, on
        the CPU; None where all of them would take more than 2 GB, or where a layer does not return (1, tokens, width).
    """
    width = model.config.hidden_size
    if 4 * width * sum(len(tokens["input_ids"]) for tokens in token_lists) > LARGEST:
        return None
    with _caught(layers[-1]) as out:
        first = _run(model, token_lists[0], dtype, device, out)
        if _states(first).shape != (1, len(token_lists[0]["input_ids"]), width):
            return None
        kept = _Kept(file, _named(model, layers, dtype, device), width)
        keys = [kept.key(tokens) for tokens in token_lists]
        known, new = kept.read(keys), {}
        for key, tokens in zip(keys, token_lists, strict=True):
            if key not in known:
                found = _states(_run(model, tokens, dtype, device, out))
                known[key] = new[key] = found[0].float().cpu().clone()
    kept.write(new)
    return len(first) if isinstance(first, tuple) else 0, [known[key] for key in keys]


@contextmanager
def _caught(layer: Any) -> Iterator[list[Any]]:
    """The list that takes what the layer returns; the forward pass ends there."""
    caught: list[Any] = []

    def catch(_: Any, __: Any, out: Any) -> None:
        caught[:] = [out]
        raise _Enough

    handle = layer.register_forward_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()


def _run(model: Any, tokens: Mapping[str, list[int]], dtype: str, device: str, caught: list[Any]) -> Any:
    import torch

    batch = {name: torch.tensor([values], device=device) for name, values in tokens.items()}
    with torch.inference_mode(), autocast(dtype, device), suppress(_Enough):
        model(**batch)
    return caught[0]


def _states(returned: Any) -> Any:
    return returned[0] if isinstance(returned, tuple) else returned


def autocast(dtype: str, device: str) -> Any:
    """Mixed precision where ``dtype`` is "bfloat16"."""
    import torch

    return torch.autocast(device, dtype=torch.bfloat16, enabled=dtype == "bfloat16")


def _named(model: Any, layers: Sequence[Any], dtype: str, device: str) -> str:
    """What shapes the states beside the tokens: configuration, frozen weights, precision, versions of the libraries."""
    import torch
    import transformers

    config = {name: value for name, value in model.config.to_dict().items() if name not in LABELLING}
    said = [config, len(layers), dtype, device, torch.__version__, transformers.__version__]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    for name, value in model.base_model.named_parameters():
        if not value.requires_grad:
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


class _Kept:
    """States of texts by key, in a file that several processes share. Nothing depends on what it holds."""

    def __init__(self, file: Path, model: str, width: int) -> None:
        self.file, self.model, self.width = file, model, width

    def key(self, tokens: Mapping[str, list[int]]) -> bytes:
        return hashlib.sha256(json.dumps([self.model, tokens], sort_keys=True).encode()).digest()

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """The states that are there, by key."""
        import torch

        found: dict[bytes, Any] = {}
        try:
            with closing(self._open()) as database:
                for key in dict.fromkeys(keys):
                    row = database.execute("SELECT states FROM states WHERE key = ?", (key,)).fetchone()
                    if row:
                        found[key] = torch.frombuffer(bytearray(row[0]), dtype=torch.float32).reshape(-1, self.width)
        except (sqlite3.Error, OSError):
            return {}
        return found

    def write(self, new: Mapping[bytes, Any]) -> None:
        try:
            if self.file.stat().st_size > LARGEST_FILE:
                self.file.unlink()
            with closing(self._open()) as database, database:
                database.executemany(
                    "INSERT OR IGNORE INTO states VALUES (?, ?)",
                    ((key, states.numpy().tobytes()) for key, states in new.items()),
                )
        except (sqlite3.Error, OSError):
            return

    def _open(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.file, timeout=60)
        database.execute("CREATE TABLE IF NOT EXISTS states (key BLOB PRIMARY KEY, states BLOB NOT NULL) WITHOUT ROWID")
        return database
