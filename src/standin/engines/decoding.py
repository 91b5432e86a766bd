"""Batched decoding for the transformers engine: rows of any length side by side, each with its own random stream.

What costs most on a CPU in plain ``generate`` at batch 64, and what is done instead:
- a cache that grows by concatenation copies all keys and values at each step, and grouped-query attention repeats them
  for every query head: see :mod:`standin.engines.rowcache`;
- sorting 49k logits for top-p costs more than the model: here the 256 largest decide, and the whole vocabulary is
  sorted only for rows whose 256 largest do not reach ``top_p``; both give exactly the same distribution;
- rows that begin alike are computed once (:func:`shared_prefixes`);
- the next turn of a chat goes on from the keys and values of the turn before (:class:`Kept`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from standin.engines.protocol import loops
from standin.engines.rowcache import BATCH_BYTES, RowCache, cache_bytes, side_by_side

TOP = 256
"""Candidates looked at before the whole vocabulary is sorted."""
PART = 2048
"""Prompt tokens that pass the model at a time on a CPU."""
KEPT_BYTES = BATCH_BYTES
"""Most memory that keys and values may take between the turns of a chat."""
COMPACT = 0.75
"""Share of unfinished rows below which finished rows leave the batch."""


def top_p_draw(logits: torch.Tensor, uniform: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """Draw one token per row by inverting the distribution function of its nucleus (Holtzman et al. 2020).

    ``logits`` (rows, vocabulary), ``uniform`` (rows,) in [0, 1). The nucleus is the smallest set of most probable
    tokens whose mass reaches ``top_p``. Returns token ids (rows,). Temperature 0 takes the most probable token.
    """
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits.float() / temperature
    mass = torch.logsumexp(logits, -1, keepdim=True)
    top, tokens = logits.topk(min(TOP, logits.shape[-1]), dim=-1)
    probabilities = (top - mass).exp().double()
    result = tokens.gather(1, _invert(probabilities, uniform, top_p))[:, 0]
    short = probabilities.sum(-1) < top_p
    if logits.shape[-1] > TOP and bool(short.any()):
        ordered, tokens = logits[short].sort(-1, descending=True)
        drawn = _invert((ordered - mass[short]).exp().double(), uniform[short], top_p)
        result[short] = tokens.gather(1, drawn)[:, 0]
    return result


def uniforms(seeds: Sequence[int], count: int) -> torch.Tensor:
    """The first ``count`` numbers of each row's own random stream, uniform in [0, 1), shape (rows, count)."""
    return torch.tensor(np.stack([np.random.Generator(np.random.Philox(seed)).random(count) for seed in seeds]))


def _invert(probabilities: torch.Tensor, uniform: torch.Tensor, top_p: float) -> torch.Tensor:
    """Index (rows, 1) of the token drawn from the nucleus of falling probabilities (rows, n)."""
    cumulated = probabilities.cumsum(-1)
    last = ((cumulated - probabilities) < top_p).sum(-1, keepdim=True).clamp(min=1) - 1
    target = uniform[:, None].double() * cumulated.gather(1, last)
    return torch.searchsorted(cumulated, target, right=True).minimum(last)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """How prompts share their beginnings: ``prompts`` are distinct, ``row`` points from each row into them."""

    prompts: list[list[int]]
    row: list[int]
    groups: list[list[int]]
    """Beginnings that several prompts share."""
    group: list[int]
    """For each prompt, its beginning in ``groups``."""


def shared_prefixes(rows: Sequence[Sequence[int]]) -> Prefixes:
    """Group token sequences by shared beginnings; a beginning always leaves at least one token of its prompt.

    Of all ways to cut the sorted prompts into runs the one that computes the fewest tokens: a run of n prompts that
    share s tokens saves (n - 1) s. O(p^2) for p distinct prompts.
    """
    distinct = sorted({tuple(row) for row in rows})
    place = {prompt: index for index, prompt in enumerate(distinct)}
    shared = [min(_common(a, b), len(a) - 1, len(b) - 1) for a, b in pairwise(distinct)]
    saved = [0] * (len(distinct) + 1)  # most tokens saved among the first n prompts, and where their last run starts
    cut = list(range(-1, len(distinct)))
    for end in range(1, len(distinct) + 1):
        saved[end] = saved[end - 1]
        common = len(distinct[end - 1])
        for start in range(end - 2, -1, -1):
            common = min(common, shared[start])
            if common == 0:
                break
            if (gain := saved[start] + (end - start - 1) * common) > saved[end]:
                saved[end], cut[end] = gain, start
    groups: list[list[int]] = []
    group = [0] * len(distinct)
    end = len(distinct)
    while end > 0:
        start = cut[end]
        length = min(shared[start : end - 1], default=len(distinct[start]) - 1)
        group[start:end] = [len(groups)] * (end - start)
        groups.append(list(distinct[start][:length]))
        end = start
    return Prefixes([list(prompt) for prompt in distinct], [place[tuple(row)] for row in rows], groups, group)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    return next(
        (length for length, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), min(len(a), len(b))
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """What a batch has read: each row's tokens, and their keys and values as (rows, heads, capacity, width) a layer."""

    tokens: list[list[int]]
    layers: list[tuple[torch.Tensor, torch.Tensor]]

    def nearest(self, prompt: Sequence[int]) -> tuple[int, int]:
        """The row that begins most like a prompt, and how many tokens they share; at least one is left to read."""
        shared = [min(_common(row, prompt), len(prompt) - 1) for row in self.tokens]
        row = max(range(len(shared)), key=shared.__getitem__)
        return row, shared[row]


class Decoder:
    """A causal language model whose layers all see everything before; :mod:`standin.engines.plain` runs the others."""

    def __init__(self, model: Any, stop: frozenset[int]) -> None:
        self.model = model
        self.head = model.get_output_embeddings()
        self.stop = stop
        self.kept: Kept | None = None
        self.device = model.device
        config = model.config.get_text_config()
        self.layers = config.num_hidden_layers
        heads = config.num_attention_heads
        self.groups = heads // (getattr(config, "num_key_value_heads", None) or heads)
        self.part_tokens = PART if model.device.type == "cpu" else 32 * PART

    @cached_property
    @torch.inference_mode()
    def token_bytes(self) -> int:
        """Memory of one token's keys and values, as a cache of one token has it: configurations do not tell for all."""
        cache = RowCache(self.layers, 1, 1, self.device)
        self.forward([[0]], cache)
        return cache_bytes(cache)

    def forward(self, tokens: Sequence[Sequence[int]], cache: RowCache) -> torch.Tensor:
        """Append tokens to the rows of the cache; the logits after each row's last token, (rows, vocabulary).

        Rows pass the model in parts of about ``self.part_tokens``: the mask and the activations of a part stay small,
        and a short row is padded to the width of its part only.
        """
        logits = []
        start = 0
        while start < len(tokens):
            stop, width = start + 1, len(tokens[start])
            while stop < len(tokens) and max(width, len(tokens[stop])) * (stop + 1 - start) <= self.part_tokens:
                width = max(width, len(tokens[stop]))
                stop += 1
            rows = tokens[start:stop]
            ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=self.device)
            lengths = torch.tensor([len(row) for row in rows], device=self.device)
            logits.append(self._step(ids, lengths, cache, slice(start, stop)))
            start = stop
        return torch.cat(logits)

    def _step(self, ids: torch.Tensor, lengths: torch.Tensor, cache: RowCache, part: slice) -> torch.Tensor:
        positions, seen = cache.place(ids.shape[1], part)
        mask = torch.zeros(seen.shape, dtype=self.model.dtype, device=self.device).masked_fill_(~seen, float("-inf"))
        mask = mask.repeat(1, 1, self.groups, 1)  # once, not in every layer
        hidden = self.model.base_model(
            input_ids=ids, position_ids=positions, attention_mask=mask, past_key_values=cache, use_cache=True
        ).last_hidden_state
        cache.grow(lengths)
        last = hidden[torch.arange(len(ids), device=self.device), lengths - 1]
        logits: torch.Tensor = self.head(last)
        return logits

    def prefill(self, rows: Sequence[Sequence[int]], room: int) -> tuple[RowCache, torch.Tensor]:
        """Read prompts, what they share only once; a cache with ``room`` more tokens a row, and the next logits."""
        shared = shared_prefixes(rows)
        rest = [prompt[len(shared.groups[group]) :] for prompt, group in zip(shared.prompts, shared.group, strict=True)]
        by_length = sorted(range(len(rest)), key=lambda prompt: len(rest[prompt]))  # parts of like lengths: no padding
        # A short row is padded to the widest rest, so writes reach past the longest prompt.
        capacity = max(len(group) for group in shared.groups) + max(len(tokens) for tokens in rest)
        cache = RowCache(self.layers, len(shared.groups), capacity, self.device)
        self.forward([group or [0] for group in shared.groups], cache)  # a lone token shares nothing: overwritten
        cache.lengths = torch.tensor([len(group) for group in shared.groups], device=self.device)
        groups = [shared.group[prompt] for prompt in by_length]
        if groups != list(range(len(shared.groups))):  # groups stand in an order of their own
            cache.take(torch.tensor(groups, device=self.device))
        logits = self.forward([rest[prompt] for prompt in by_length], cache)
        place = {prompt: place for place, prompt in enumerate(by_length)}
        order = torch.tensor([place[prompt] for prompt in shared.row], device=self.device)
        cache.take(order, capacity=max(len(prompt) for prompt in shared.prompts) + room)
        return cache, logits[order]

    def go_on(
        self, rows: Sequence[Sequence[int]], room: int, continued: Sequence[bool]
    ) -> tuple[RowCache, torch.Tensor]:
        """As :meth:`prefill`, where rows that continue a chat start from what was kept of the batch before."""
        if self.kept is None or not any(continued):
            return self.prefill(rows, room)
        found = [self.kept.nearest(row) if goes_on else (0, 0) for row, goes_on in zip(rows, continued, strict=True)]
        rest = [row[shared:] for row, (_, shared) in zip(rows, found, strict=True)]
        lengths = torch.tensor([shared for _, shared in found], device=self.device)
        used = int(lengths.max())
        cache = RowCache(self.layers, len(rows), used + max(map(len, rest)) + room, self.device)
        order = torch.tensor([place for place, _ in found], device=self.device)
        for layer, (keys, values) in zip(cache.layers, self.kept.layers, strict=True):
            layer.lazy_initialization(keys, values)
            layer.keys[:, :, :used] = keys[order, :, :used]
            layer.values[:, :, :used] = values[order, :, :used]
        cache.lengths = lengths
        return cache, self.forward(rest, cache)

    def _keep(self, prompts: Sequence[Sequence[int]], cache: RowCache) -> None:
        """Remember the batch's prompts for the next turn, unless that takes too much memory.

        The tensors are shared with the decoding that follows, which writes behind each row's prompt only, and copies
        when rows leave.
        """
        layers = [(layer.keys, layer.values) for layer in cache.layers]
        self.kept = Kept([list(prompt) for prompt in prompts], layers) if cache_bytes(cache) <= KEPT_BYTES else None

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        temperature: float,
        top_p: float,
        max_tokens: int,
        continued: Sequence[bool] | None = None,
        ended: Callable[[list[int]], bool] | None = None,
    ) -> list[list[int]]:
        """Continue each prompt until a stop token, ``max_tokens`` or a loop; the stop token is part of the result.

        Rows whose keys and values memory does not hold side by side take turns, and nothing of them is kept.

        Args:
            prompts: token ids, at least one a prompt.
            seeds: one a prompt, of its own random stream.
            temperature: 0 is greedy.
            top_p: mass of the nucleus.
            max_tokens: most new tokens a prompt.
            continued: which prompts continue a chat of the call before; its keys and values are kept.
            ended: whether a row's new tokens hold a string that ends it.
        """
        goes_on = continued or [False] * len(prompts)
        parts = side_by_side([len(prompt) + max_tokens for prompt in prompts], self.token_bytes, self.device)
        found: list[list[int]] = []
        if len(parts) > 1 and not any(goes_on):
            self.kept = None  # it would stand beside every part
        for part in parts:
            cache, logits = self.go_on(prompts[part], max_tokens, goes_on[part])
            if len(parts) == 1:
                self._keep(prompts, cache)
            found += self._continued(cache, logits, seeds[part], temperature, top_p, max_tokens, ended)
            del cache
        if len(parts) > 1:
            self.kept = None
        return found

    def _continued(
        self,
        cache: RowCache,
        logits: torch.Tensor,
        seeds: Sequence[int],
        temperature: float,
        top_p: float,
        max_tokens: int,
        ended: Callable[[list[int]], bool] | None,
    ) -> list[list[int]]:
        """As :meth:`generate`, from what the rows' prompts gave."""
        uniform = uniforms(seeds, max_tokens).to(self.device)
        stop = torch.tensor(sorted(self.stop), device=self.device)
        alive = torch.arange(len(seeds), device=self.device)
        results: list[list[int]] = [[] for _ in seeds]
        running = list(range(len(seeds)))
        for step in range(max_tokens):
            tokens = top_p_draw(logits, uniform[alive, step], temperature, top_p)
            done = torch.isin(tokens, stop).tolist()
            for place, token in enumerate(tokens.tolist()):
                row = running[place]
                if row >= 0:
                    results[row].append(token)
                    if done[place] or loops(results[row]) or (ended and ended(results[row])):
                        running[place] = -1
            left = [place for place, row in enumerate(running) if row >= 0]
            if not left or step == max_tokens - 1:
                break
            if len(left) < COMPACT * len(running):
                keep = torch.tensor(left, device=self.device)
                cache.take(keep)
                tokens, alive = tokens[keep], alive[keep]
                running = [running[place] for place in left]
            logits = self._step(tokens[:, None], torch.ones_like(tokens), cache, slice(None))
        return results

    @torch.inference_mode()
    def choose(self, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> torch.Tensor:
        """Log-probability of each choice's tokens after each prompt, natural log, shape (prompts, choices)."""
        room = max(len(choice) for choice in choices)
        parts = side_by_side([len(prompt) + room for prompt in prompts], self.token_bytes, self.device)
        return torch.cat([self._chosen(prompts[part], choices, room) for part in parts])

    def _chosen(self, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]], room: int) -> torch.Tensor:
        cache, logits = self.prefill(prompts, room)
        lengths = cache.lengths
        first = logits.float().log_softmax(-1)
        columns = []
        for choice in choices:
            score = first[:, choice[0]].double()
            cache.lengths = lengths
            for before, after in pairwise(choice):
                step = self.forward([[before]] * len(prompts), cache).float().log_softmax(-1)
                score = score + step[:, after]
            columns.append(score)
        return torch.stack(columns, 1)
