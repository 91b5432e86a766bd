"""A key-value cache whose rows have lengths of their own, and attention that reads it without copies.

A buffer of the final size, into which each row writes at its own length: no padding on the left, positions stay those
of the row alone. In grouped-query attention the query heads of a group become query rows of one product.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin

ATTENTION = "standin_grouped"
BATCH_BYTES = 4 << 30
"""Memory for keys and values of rows side by side: 64 chats of 1,400 tokens of SmolLM2-135M. More rows take turns."""


def grouped_attention(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of query (b, h, s, d) over key and value (b, h / groups, t, d) without repeating either.

    ``attention_mask`` is added, (b, 1, s, t), or the same repeated for the groups, (b, 1, groups * s, t): every layer
    reads the same one, so that whoever makes it repeats it once.

    Raises NotImplementedError where a model caps its attention or gives it sinks.
    """
    if softcap is not None or s_aux is not None:
        raise NotImplementedError("capped attention and sinks are left to the model's own code")
    batch, heads, length, width = query.shape
    shared = key.shape[1]
    groups = heads // shared
    folded = query.reshape(batch, shared, groups * length, width)
    if attention_mask is not None and attention_mask.shape[2] != groups * length:
        attention_mask = attention_mask.repeat(1, 1, groups, 1)
    if length == 1 and key.device.type == "cpu":  # torch's fused kernel takes 1.4 to 1.8 times as long for one token
        scores = torch.matmul(folded, key.transpose(-1, -2)).mul_(width**-0.5 if scaling is None else scaling)
        if attention_mask is not None:
            scores += attention_mask
        out = torch.matmul(scores.softmax(-1), value)
    else:
        out = torch.nn.functional.scaled_dot_product_attention(
            folded, key, value, attn_mask=attention_mask, scale=scaling
        )
    return out.reshape(batch, heads, length, value.shape[-1]).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, grouped_attention)


def cache_bytes(cache: Any) -> int:
    """Memory of a cache's keys and values; state-space layers have none, and no other state is counted."""
    held = (getattr(layer, name, None) for layer in getattr(cache, "layers", ()) for name in ("keys", "values"))
    return sum(one.nbytes for one in held if isinstance(one, torch.Tensor))


def side_by_side(lengths: Sequence[int], token_bytes: int, device: torch.device) -> list[slice]:
    """Runs of consecutive rows whose keys and values take no more than their memory together; one row at least.

    That is ``BATCH_BYTES``, on a CUDA device a quarter of what it has where that is more. Counted is a cache that has
    all tokens in every layer, which windows bound; rows that share beginnings of very unlike lengths take up to twice
    that while they are read, and what a model takes beside it comes on top.

    Args:
        lengths: tokens of each row, those to come too.
        token_bytes: of the keys and values of one token, over all layers.
        device: where they are.
    """
    most = BATCH_BYTES
    if device.type == "cuda":
        most = max(most, torch.cuda.get_device_properties(device).total_memory // 4)
    bounds, widest = [0], 0
    for place, length in enumerate(lengths):
        widest = max(widest, length)
        if place > bounds[-1] and widest * (place + 1 - bounds[-1]) * token_bytes > most:
            bounds.append(place)
            widest = length
    return [slice(start, stop) for start, stop in pairwise([*bounds, len(lengths)])]


class _RowLayer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values of one layer, shape (rows, heads, capacity, width); ``owner`` says where each row writes."""

    def __init__(self, owner: RowCache) -> None:
        super().__init__()
        # A circle would keep the tensors until Python collects its garbage.
        self.owner = cast("RowCache", weakref.proxy(owner))

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        rows, heads, width = len(self.owner.lengths), key_states.shape[1], key_states.shape[3]
        self.keys = key_states.new_zeros(rows, heads, self.owner.capacity, width)
        self.values = value_states.new_zeros(rows, heads, self.owner.capacity, value_states.shape[-1])
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        owner = self.owner
        keys, values = self.keys[owner.part], self.values[owner.part]
        if owner.start is not None:
            keys[:, :, owner.start : owner.reach] = key_states
            values[:, :, owner.start : owner.reach] = value_states
        else:
            keys[owner.rows, :, owner.positions] = key_states.transpose(1, 2)
            values[owner.rows, :, owner.positions] = value_states.transpose(1, 2)
        return keys[:, :, : owner.reach], values[:, :, : owner.reach]

    def get_mask_sizes(self, _query_length: int) -> tuple[int, int]:
        return self.owner.reach, 0

    def get_seq_length(self) -> int:
        return self.owner.reach

    def get_max_length(self) -> int:
        return self.owner.capacity


class RowCache(Cache):  # type: ignore[misc]
    """A key-value cache whose rows have lengths of their own."""

    def __init__(self, layers: int, rows: int, capacity: int, device: torch.device) -> None:
        self.capacity = capacity
        self.lengths = torch.zeros(rows, dtype=torch.long, device=device)
        self.reach = 0
        self.start: int | None = 0
        self.part = slice(None)
        super().__init__(layers=[_RowLayer(self) for _ in range(layers)])

    def place(self, width: int, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (rows, width) of the next tokens of some rows, and what each may see (rows, 1, width, reach)."""
        self.part = part
        lengths = self.lengths[part]
        self.positions = lengths[:, None] + torch.arange(width, device=lengths.device)
        self.rows = torch.arange(len(lengths), device=lengths.device)[:, None]
        first, last = int(lengths.min()), int(lengths.max())
        self.reach = last + width
        self.start = first if first == last else None
        seen = torch.arange(self.reach, device=lengths.device)
        return self.positions, seen[None, None, None, :] <= self.positions[:, None, :, None]

    def grow(self, tokens: torch.Tensor) -> None:
        """Say how many tokens, shape (rows,), the rows last placed have gained."""
        self.lengths = self.lengths.clone()
        self.lengths[self.part] += tokens

    def take(self, rows: torch.Tensor, capacity: int | None = None) -> None:
        """Keep the rows named, in this order (repeats allowed), with room for ``capacity`` tokens."""
        self.capacity = capacity or self.capacity
        used = int(self.lengths.max())
        for layer in self.layers:
            for name in ("keys", "values"):
                old = getattr(layer, name)
                new = old.new_zeros(len(rows), old.shape[1], self.capacity, old.shape[3])
                new[:, :, :used] = old[rows, :, :used]
                setattr(layer, name, new)
        self.lengths = self.lengths[rows]
