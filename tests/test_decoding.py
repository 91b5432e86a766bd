"""Decoding side by side equals decoding alone, and draws come from exactly the nucleus."""

import gc
import weakref
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from standin.engines.decoding import Decoder, shared_prefixes, top_p_draw
from standin.engines.protocol import loops
from standin.engines.rowcache import ATTENTION, side_by_side

PROMPTS = [[5, 6, 7, 8, 9], [5, 6, 7, 1], [5, 6, 7, 8, 9], [3], [5, 6, 2, 2, 2, 2, 2, 4], [9, 8]]


def llama(attention: str = ATTENTION) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, attn_implementation=attention, pad_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def gpt2(attention: str = ATTENTION) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=64, attn_implementation=attention,
        bos_token_id=1, eos_token_id=0,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize("part", [3, 10_000])
def test_a_ragged_batch_decodes_as_each_row_alone_by_transformers(make: type, part: int) -> None:
    decoder = Decoder(make(), frozenset())
    decoder.part_tokens = part
    plain = make("eager")
    found = decoder.generate(PROMPTS, list(range(6)), temperature=0, top_p=1.0, max_tokens=12)
    for prompt, row in zip(PROMPTS, found, strict=True):
        ids = torch.tensor([prompt])
        alone = plain.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert row == alone[0, len(prompt) :].tolist()


def test_prompts_that_share_nothing_keep_their_places() -> None:
    """As many groups as prompts, but in another order."""
    decoder = Decoder(llama(), frozenset())
    prompts = [[9, 8, 7], [3, 4], [5, 6, 2, 2]]
    found = decoder.generate(prompts, [1, 2, 3], 1.0, 0.9, 8)
    assert found == [decoder.generate([p], [seed], 1.0, 0.9, 8)[0] for seed, p in enumerate(prompts, 1)]


def test_rows_that_stop_leave_and_the_others_go_on_unchanged() -> None:
    free = Decoder(llama(), frozenset()).generate(PROMPTS, list(range(6)), 1.0, 0.9, 20)
    stop = free[0][2]
    stopped = Decoder(llama(), frozenset([stop])).generate(PROMPTS, list(range(6)), 1.0, 0.9, 20)
    for whole, cut in zip(free, stopped, strict=True):
        end = whole.index(stop) + 1 if stop in whole else len(whole)
        assert cut == whole[:end]


def test_a_row_draws_from_its_own_seed_wherever_it_stands() -> None:
    decoder = Decoder(llama(), frozenset())
    forward = decoder.generate(PROMPTS, [1, 2, 3, 4, 5, 6], 1.0, 0.95, 16)
    backward = decoder.generate(PROMPTS[::-1], [6, 5, 4, 3, 2, 1], 1.0, 0.95, 16)
    assert forward == backward[::-1]
    assert forward[0] != forward[2], "equal prompts, different seeds"
    assert forward == decoder.generate(PROMPTS, [1, 2, 3, 4, 5, 6], 1.0, 0.95, 16)


def test_choices_score_as_a_plain_forward_scores_them() -> None:
    choices = [[4], [4, 7, 2], [1, 1]]
    found = Decoder(llama(), frozenset()).choose(PROMPTS, choices)
    plain = llama("eager")
    for row, prompt in enumerate(PROMPTS):
        for column, choice in enumerate(choices):
            with torch.no_grad():
                logits = plain(torch.tensor([prompt + choice])).logits[0].log_softmax(-1)
            expected = sum(float(logits[len(prompt) - 1 + place, token]) for place, token in enumerate(choice))
            assert float(found[row, column]) == pytest.approx(expected, abs=1e-4)


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.5, 0.3, 0.1]]))
    draw = [int(top_p_draw(logits, torch.tensor([u]), 1.0, 0.7)) for u in (0.0, 0.62, 0.63, 0.999)]
    assert draw == [1, 1, 2, 2], "0.5 and 0.3 are kept: token 1 below 0.5 / 0.8 = 0.625"
    assert int(top_p_draw(logits, torch.tensor([0.999]), 0.0, 0.7)) == 1
    assert int(top_p_draw(logits, torch.tensor([0.9999]), 1.0, 1.0)) in (0, 3)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.05, 1.0), st.floats(0.2, 3.0))
def test_a_short_look_draws_what_sorting_everything_draws(seed: int, top_p: float, temperature: float) -> None:
    generator = np.random.default_rng(seed)
    logits = torch.tensor(generator.normal(size=(4, 1000)) * 4, dtype=torch.float64)
    uniform = torch.tensor(generator.random(4))
    drawn = top_p_draw(logits, uniform, temperature, top_p)
    for row, u, token in zip(logits, uniform, drawn, strict=True):
        p, order = (row.float() / temperature).double().softmax(-1).sort(descending=True)
        kept = int(((p.cumsum(-1) - p) < top_p).sum())
        place = min(int(torch.searchsorted(p.cumsum(-1), float(u) * float(p[:kept].sum()), right=True)), kept - 1)
        near = {int(order[max(place - 1, 0)]), int(order[place]), int(order[min(place + 1, kept - 1)])}
        assert int(token) in near, "float32 against float64 may differ by one at a boundary"


tokens = st.lists(st.integers(0, 3), min_size=1, max_size=6)


@given(st.lists(tokens, min_size=1, max_size=12))
def test_prompts_are_put_together_again_from_shared_beginnings(rows: list[list[int]]) -> None:
    found = shared_prefixes(rows)
    for row, place in zip(rows, found.row, strict=True):
        assert found.prompts[place] == row
    for prompt, group in zip(found.prompts, found.group, strict=True):
        beginning = found.groups[group]
        assert prompt[: len(beginning)] == beginning
        assert len(beginning) < len(prompt)
    pairs = sorted(map(tuple, {tuple(row) for row in rows}))
    naive = max((sum(a == b for a, b in zip(x, y, strict=False)) for x, y in pairwise(pairs)), default=0)
    saved = sum((found.group.count(g) - 1) * len(beginning) for g, beginning in enumerate(found.groups))
    assert saved >= 0
    assert naive >= 0


def test_the_cut_that_shares_most_wins_over_the_first_that_shares_anything() -> None:
    found = shared_prefixes([[1, 2], [1, 5, 5, 5, 5, 1], [1, 5, 5, 5, 5, 2], [1, 5, 5, 5, 5, 3]])
    assert [1, 5, 5, 5, 5] in found.groups


def test_a_row_that_repeats_itself_leaves_and_the_others_go_on() -> None:
    """Greedy decoding of a tiny model soon runs in a circle; a row ends once its circle is closed four times."""
    whole = 40
    found = Decoder(llama(), frozenset()).generate(PROMPTS, list(range(6)), 0, 1.0, whole)
    ended = [row for row in found if len(row) < whole]
    assert ended
    assert all(loops(row) and not loops(row[:-1]) for row in ended)
    assert not any(loops(row[:-1]) for row in found)


@pytest.mark.parametrize("make", [llama, gpt2])
def test_a_next_turn_goes_on_from_what_was_kept_and_answers_as_if_all_was_read(make: type) -> None:
    decoder = Decoder(make(), frozenset())
    first = decoder.generate(PROMPTS, list(range(6)), 1.0, 0.9, 8)
    turns = [[*prompt, *answer, 7, row + 1] for row, (prompt, answer) in enumerate(zip(PROMPTS, first, strict=True))]
    turns[3] = [*PROMPTS[3], 40, 41, 42]  # what was said is shown in other words than it was drawn
    order = [5, 0, 3, 2]  # some chats are over, the others may stand elsewhere
    asked = [*(turns[row] for row in order), [11, 12, 13]]
    continued = [True, True, True, True, False]
    read: list[int] = []
    forward = decoder.forward
    decoder.forward = lambda tokens, cache: read.append(sum(map(len, tokens))) or forward(tokens, cache)
    seeds = [10, 11, 12, 13, 14]
    found = decoder.generate(asked, seeds, 1.0, 0.9, 8, continued)
    assert sum(read) == sum(len(asked[at]) - len(PROMPTS[row]) for at, row in enumerate(order)) + 3
    assert found == Decoder(make(), frozenset()).generate(asked, seeds, 1.0, 0.9, 8)


@pytest.mark.parametrize(("lengths", "runs"), [
    ([5, 5, 5, 5], [2, 2]), ([1, 1, 1, 9, 1], [3, 1, 1]), ([11, 30, 2], [1, 1, 1]), ([3, 3, 3], [3]), ([10], [1]),
])  # fmt: skip
def test_rows_go_together_as_far_as_memory_reaches_and_one_goes_always(
    lengths: list[int], runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("standin.engines.rowcache.BATCH_BYTES", 100)
    found = side_by_side(lengths, 10, torch.device("cpu"))
    assert [len(lengths[part]) for part in found] == runs
    assert [length for part in found for length in lengths[part]] == lengths


def test_a_gpu_gives_a_quarter_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standin.engines.rowcache.BATCH_BYTES", 100)
    for total, rows in ((80, 10), (800, 20)):
        card = SimpleNamespace(total_memory=total)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, card=card: card)
        assert side_by_side([1] * 20, 10, torch.device("cuda"))[0] == slice(0, rows)


@pytest.mark.parametrize("make", [llama, gpt2])
def test_more_rows_than_memory_holds_go_one_part_after_the_other(make: type, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(make(), frozenset())
    seeds = list(range(6))
    expected = decoder.generate(PROMPTS, seeds, 1.0, 0.9, 8)
    scores = decoder.choose(PROMPTS, [[1, 2], [3]])
    turns = [[*prompt, *answer, 7] for prompt, answer in zip(PROMPTS, expected, strict=True)]
    second = Decoder(make(), frozenset()).generate(turns, seeds, 1.0, 0.9, 8)
    read: list[list[int]] = []
    forward = decoder.forward
    decoder.forward = lambda tokens, cache: read.append([len(row) for row in tokens]) or forward(tokens, cache)

    monkeypatch.setattr("standin.engines.rowcache.BATCH_BYTES", 2 * 32 * decoder.token_bytes)
    assert decoder.kept is not None
    assert decoder.generate(turns, seeds, 1.0, 0.9, 8, [True] * 6) == second
    new = [len(turn) - len(prompt) for turn, prompt in zip(turns, PROMPTS, strict=True)]
    assert read == [new[:2], new[2:4], new[4:]], "every part goes on from what was kept"
    assert decoder.kept is None, "the last part's alone would be of no use"

    monkeypatch.undo()
    decoder.generate(PROMPTS, seeds, 1.0, 0.9, 8)
    assert decoder.kept is not None
    monkeypatch.setattr("standin.engines.rowcache.BATCH_BYTES", 2 * 32 * decoder.token_bytes)
    mixed = [turns[0], *PROMPTS[1:5], turns[5]]
    goes_on = [True, False, False, False, False, True]
    apart = Decoder(make(), frozenset()).generate(mixed, seeds, 1.0, 0.9, 8)
    assert decoder.generate(mixed, seeds, 1.0, 0.9, 8, goes_on) == apart, "the second part is read whole"
    assert decoder.kept is None

    monkeypatch.setattr("standin.engines.rowcache.BATCH_BYTES", 2 * 16 * decoder.token_bytes)
    read.clear()
    assert decoder.generate(PROMPTS, seeds, 1.0, 0.9, 8) == expected
    assert len(read) >= 2 * 3
    assert max(map(len, read)) == 2
    monkeypatch.setattr("standin.engines.rowcache.BATCH_BYTES", 2 * 10 * decoder.token_bytes)
    assert torch.allclose(decoder.choose(PROMPTS, [[1, 2], [3]]), scores, atol=1e-5)
    assert max(map(len, read)) == 2


def test_nothing_of_a_batch_stays_in_memory_but_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standin.engines.decoding.KEPT_BYTES", 0)
    decoder, caches = Decoder(llama(), frozenset()), []
    go_on = decoder.go_on

    def seen(*asked: Any) -> Any:
        cache, logits = go_on(*asked)
        caches.append(weakref.ref(cache))
        return cache, logits

    decoder.go_on = seen
    gc.disable()
    try:
        decoder.generate(PROMPTS, list(range(6)), 1.0, 0.9, 4)
        assert [cache() for cache in caches] == [None]
    finally:
        gc.enable()


def test_what_takes_too_much_memory_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(llama(), frozenset())
    decoder.generate(PROMPTS, list(range(6)), 1.0, 0.9, 4)
    assert decoder.kept is not None
    monkeypatch.setattr("standin.engines.decoding.KEPT_BYTES", 1000)
    first = decoder.generate(PROMPTS, list(range(6)), 1.0, 0.9, 4)
    assert decoder.kept is None
    turns = [[*prompt, *answer, 7] for prompt, answer in zip(PROMPTS, first, strict=True)]
    again = decoder.generate(turns, list(range(6)), 1.0, 0.9, 4, [True] * 6)
    assert again == Decoder(llama(), frozenset()).generate(turns, list(range(6)), 1.0, 0.9, 4)
