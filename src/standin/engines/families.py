"""What a model's family asks of decoding: how many tokens the fast decoder may read, and the model's window."""

from __future__ import annotations

from typing import Any

from standin.engines.decoding import Decoder
from standin.engines.plain import exact, own_logits
from standin.engines.rowcache import ATTENTION

ENDLESS = 1 << 30
WINDOWS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx")
"""Names of the longest sequence in configurations; state-space models have none."""
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
    values = vars(text)
    if any("softcap" in name and value for name, value in values.items()):
        return 0
    bounds = [
        value
        for name, value in values.items()
        if ("window" in name or "attention_chunk" in name) and "pattern" not in name and name != "max_window_layers" and type(value) is int
    ]
    return min((value for value in bounds if value > 0), default=ENDLESS) if kinds != {"full_attention"} else ENDLESS


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
    followed = model.config._attn_implementation == ATTENTION and exact(Decoder(model, frozenset()), own)
    model.set_attn_implementation(before)
    return bound if followed else 0
