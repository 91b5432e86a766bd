"""What a model's family asks of decoding: how many tokens the fast decoder may read, and the model's window."""

from __future__ import annotations

import re
from typing import Any

from standin.engines.plain import exact, own_logits
from standin.engines.rowcache import ATTENTION

ENDLESS = 1 << 30
WINDOWS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx")
"""Names of the longest sequence in configurations; state-space models have none."""
BOUND = re.compile(r"(?<!max_)window(?!_pattern|_layers)|attention_chunk")
"""Settings that bound how far back a layer sees: ``sliding_window``, ``window_size``, ``attention_chunk_size``."""
FOLLOWED = {"full_attention", "sliding_attention", "chunked_attention"}
"""Kinds of layers that see everything before as long as a row is short."""


def window(config: Any) -> int:
    """The longest sequence, in tokens, that a model's configuration allows."""
    text = config.get_text_config()
    found = [getattr(text, name, None) for name in WINDOWS]
    return next((value for value in found if isinstance(value, int) and value > 0), ENDLESS)


def seen(config: Any) -> int:
    """The most tokens back that every layer sees: a sliding window or chunk bounds it, other kinds of layers give 0."""
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or FOLLOWED)
    if not kinds <= FOLLOWED:
        return 0
    if any("softcap" in name and value for name, value in vars(text).items()):
        return 0
    if kinds == {"full_attention"}:
        return ENDLESS
    bounds = [value for name, value in vars(text).items() if BOUND.search(name) and type(value) is int and value > 0]
    return min(bounds, default=ENDLESS)


def reach(model: Any) -> int:
    """Up to how many tokens a row's logits are the model's own in the fast decoder; 0 where they never are.

    Its attention is tried on two short rows and compared with the model's own, which is put back.
    """
    bound = seen(model.config)
    if bound == 0:
        return 0
    before = model.config._attn_implementation
    own = own_logits(model)
    model.set_attn_implementation(ATTENTION)
    followed = model.config._attn_implementation == ATTENTION and exact(model, own)
    model.set_attn_implementation(before)
    return bound if followed else 0
