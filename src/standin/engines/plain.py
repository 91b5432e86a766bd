"""Decoding by transformers' own ``generate``, for models whose attention or cache the fast decoder does not follow.

Sliding, chunked and mixed attention, state-space layers, capped or scaled logits, attention sinks: the model runs as
its authors wrote it, with the cache that transformers gives it. Tokens are drawn as in
:mod:`standin.engines.decoding`, each row from a random stream of its own, so they do not depend on where a row
stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria

from standin.engines.decoding import Decoder, top_p_draw, uniforms
from standin.engines.protocol import loops
from standin.engines.rowcache import cache_bytes, side_by_side

PART = 4096
"""Prompt tokens, padding among them, that pass the model at a time on a CPU when choices are scored."""
EXACT = {torch.float32: 1e-3, torch.float16: 0.02, torch.bfloat16: 0.06}
"""How far logits may be from the model's own, as a share of the largest: rounding is 1e-5, 3e-3 and 2e-2."""


class _Draws(LogitsProcessor):  # type: ignore[misc]
    """Leaves one token of each row: the one drawn from the row's own stream."""

    def __init__(self, uniform: torch.Tensor, start: int, temperature: float, top_p: float) -> None:
        self.uniform, self.start = uniform, start
        self.temperature, self.top_p = temperature, top_p

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step = input_ids.shape[1] - self.start
        tokens = top_p_draw(scores, self.uniform[:, step], self.temperature, self.top_p)
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens[:, None], 0.0)


class _Ends(StoppingCriteria):  # type: ignore[misc]
    """Ends the rows that loop or hold a string that ends them."""

    def __init__(self, start: int, ended: Callable[[list[int]], bool]) -> None:
        self.start, self.ended = start, ended

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:  # noqa: ARG002
        rows = input_ids[:, self.start :].tolist()
        return torch.tensor([self.ended(row) for row in rows], dtype=torch.bool, device=input_ids.device)


class PlainDecoder:
    """Any causal language model of transformers."""

    def __init__(self, model: Any, stop: frozenset[int]) -> None:
        self.model = model
        self.stop = stop
        self.device = model.device
        self.pad = min(stop, default=0)
        self.takes = set(inspect.signature(model.forward).parameters)
        self.token_bytes = 0
        self.pads = self._pads()

    @torch.inference_mode()
    def _pads(self) -> bool:
        """Whether a short row gives the same logits beside a longer one: where not, rows go one by one."""
        short, long = _trial(self.model)
        try:
            beside = self._first_logits([short, long])
        except Exception:  # some have no notion of a mask
            return False
        return close(beside, self._first_logits([short]))

    def _first_logits(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """Logits of the first row's next three tokens, shape (3, vocabulary): two of them with the cache.

        What that takes a token is noted; of layers that look at a window only it is all that they take at most.
        """
        self.model.generation_config = GenerationConfig()
        ids, mask = self._padded(rows)
        settings = GenerationConfig(
            do_sample=False, max_new_tokens=3, pad_token_id=self.pad, output_logits=True, return_dict_in_generate=True
        )
        found = self.model.generate(ids, attention_mask=mask, generation_config=settings)
        self.token_bytes = cache_bytes(getattr(found, "past_key_values", None)) // (ids.numel() + 2 * len(ids))
        return torch.stack([step[0] for step in found.logits])

    def _logits(self, rows: Sequence[Sequence[int]], last: int) -> tuple[torch.Tensor, int]:
        """Logits after each of the ``last`` tokens of every row, shape (rows, last, vocabulary)."""
        ids, mask = self._padded(rows)
        given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        given["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
        given["use_cache"] = False
        given["logits_to_keep"] = last
        found = self.model(**{name: value for name, value in given.items() if name in self.takes}).logits
        return found[:, -last:], ids.shape[1]

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask, shape (rows, longest), short rows padded on the left."""
        width = max(map(len, rows))
        ids = torch.tensor([[*[self.pad] * (width - len(row)), *row] for row in rows], device=self.device)
        mask = torch.tensor([[*[0] * (width - len(row)), *[1] * len(row)] for row in rows], device=self.device)
        return ids, mask

    def _together(self, rows: Sequence[Sequence[int]], room: int | None = None) -> Iterator[list[int]]:
        """Places of rows that pass the model together; with a cache, where it has ``room`` for more tokens."""
        if not self.pads:
            yield from ([place] for place in range(len(rows)))
        elif room is None:
            yield [*range(len(rows))]
        else:
            parts = side_by_side([len(row) + room for row in rows], self.token_bytes, self.device)
            yield from ([*range(len(rows))[part]] for part in parts)

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        temperature: float,
        top_p: float,
        max_tokens: int,
        continued: Sequence[bool] | None = None,  # noqa: ARG002
        ended: Callable[[list[int]], bool] | None = None,
    ) -> list[list[int]]:
        """As :meth:`standin.engines.decoding.Decoder.generate`; a chat's earlier turns are read again."""
        # What a checkpoint recommends (penalties, top-k, a cache of its own) is no part of the sampling asked for.
        self.model.generation_config = GenerationConfig()
        settings = GenerationConfig(
            do_sample=False,
            eos_token_id=sorted(self.stop) or None,
            pad_token_id=self.pad,
            max_new_tokens=max_tokens,
        )
        results: list[list[int]] = [[] for _ in prompts]
        for places in self._together(prompts, max_tokens):
            ids, mask = self._padded([prompts[place] for place in places])
            uniform = uniforms([seeds[place] for place in places], max_tokens).to(self.device)
            start = ids.shape[1]
            draws = _Draws(uniform, start, temperature, top_p)
            ends = _Ends(start, lambda row: loops(row) or bool(ended and ended(row)))
            if not self.pads:  # RecurrentGemma keeps the state of the row before, until a call without a cache
                self._logits([[self.pad]], 1)
            drawn = self.model.generate(
                ids,
                attention_mask=mask,
                generation_config=settings,
                logits_processor=[draws],
                stopping_criteria=[ends],
            )
            for place, row in zip(places, drawn[:, start:].tolist(), strict=True):
                results[place] = self._cut(row, ended)
        return results

    def _cut(self, row: list[int], ended: Callable[[list[int]], bool] | None) -> list[int]:
        """A row without what fills it up after its end."""
        for size in range(1, len(row) + 1):
            if row[size - 1] in self.stop or loops(row[:size]) or (ended and ended(row[:size])):
                return row[:size]
        return row

    @torch.inference_mode()
    def choose(self, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> torch.Tensor:
        """Log-probability of each choice's tokens after each prompt, natural log, shape (prompts, choices).

        Choices that differ in their last token only are read once.
        """
        found = torch.zeros(len(prompts), len(choices), dtype=torch.float64)
        part_tokens = PART if self.device.type == "cpu" else 32 * PART
        for beginning in sorted({tuple(choice[:-1]) for choice in choices}):
            mine = [place for place, choice in enumerate(choices) if tuple(choice[:-1]) == beginning]
            rows = [[*prompt, *beginning] for prompt in prompts]
            for places in self._together(rows):
                size = max(1, part_tokens // max(len(rows[place]) for place in places))
                for start in range(0, len(places), size):
                    part = places[start : start + size]
                    logits, _ = self._logits([rows[place] for place in part], len(beginning) + 1)
                    scores = logits.float().log_softmax(-1).double().cpu()
                    for column in mine:
                        tokens = torch.tensor(choices[column])
                        found[part, column] = scores[:, torch.arange(len(tokens)), tokens].sum(-1)
        return found


def _trial(model: Any) -> tuple[list[int], list[int]]:
    """Two short rows of tokens that every vocabulary has."""
    size = model.config.get_text_config().vocab_size
    return [size // 2, size // 3], [size // 5, size // 2, size // 3, size // 7, size // 4]


def close(ours: torch.Tensor, own: torch.Tensor) -> bool:
    """Whether logits are the model's own, but for rounding."""
    return bool((ours - own).abs().max() <= EXACT.get(own.dtype, 1e-3) * own.abs().max())


@torch.inference_mode()
def causal(model: Any) -> bool:
    """Whether a token's logits depend on nothing that follows: an encoder loaded with a head reads both ways."""
    _, row = _trial(model)
    whole = model(input_ids=torch.tensor([row], device=model.device)).logits[:, 0]
    alone = model(input_ids=torch.tensor([row[:1]], device=model.device)).logits[:, 0]
    return close(whole, alone)


@torch.inference_mode()
def exact(model: Any, own: Sequence[torch.Tensor]) -> bool:
    """Whether the fast decoder gives the model's own logits: two rows side by side, read and then continued.

    ``own`` is what :func:`own_logits` gave while the model had its own attention.
    """
    rows = _trial(model)
    try:
        decoder = Decoder(model, frozenset())
        cache, first = decoder.prefill([row[:-1] for row in rows], 1)
        second = decoder.forward([row[-1:] for row in rows], cache)
    except Exception:  # it hands the cache or the mask on in another way
        return False
    return all(
        close(ours[place], logits[step])
        for place, logits in enumerate(own)
        for step, ours in enumerate((first, second))
    )


@torch.inference_mode()
def own_logits(model: Any) -> list[torch.Tensor]:
    """For each of two short rows, the model's logits after its last two tokens, shape (2, vocabulary)."""
    return [model(input_ids=torch.tensor([row], device=model.device)).logits[0, -2:] for row in _trial(model)]
