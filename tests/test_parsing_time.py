"""No answer takes long: 100,000 characters of any shape, and what is repeated is found as by trying every period."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.generation.endings import LONGEST, SHORTEST, TIMES, once
from standin.generation.parsing import parse

SIZE = 100_000
BOUND = 1.5
"""Seconds of the processor for one answer; 0.02 to 0.2 on two unloaded cores. Quadratic steps take minutes."""
UNITS = [
    " ", "\n", "\t", "\u00a0", '"', "\u201c", "\u201e", "'", '"a" ', ' "a', "`", "```", "``` ", "(", ")", "[", "]", "{", "}", "<", "<|",
    "1", "1. ", "\n1. ", "\n- ", "- ", "# ", "\n# a\n", "*", "**", "** a", "__a", "---\n\n", "\n\n---", "> a\n", ".", "!", '!"', "a. ", "\u3002",
    "\uff1a", ": ", "Here is a text", "Here is a text: ", "Here is a text. ", "here is a text\n", "Sure! ", "Sure, here is ", "hier ist ein Text ",
    "voici un texte : ", "oto nowy ", "\u4ee5\u4e0b\u662f\u8bc4\u8bba", "\u3053\u3061\u3089\u306f", "Note: ", "\nNote: ", "\n\nNote: a", "\n\nNote: ",
    "Let me know if you need more. ", "<think>", "</think>", "<think></think>", "[THINK]", "analysis", "assistantfinal",
    "<|im_end|>", "<s>", "</s>", "<s>a", "[INST]", '{"a":', '{"text": "', '{"text": "a", ', "[[", '["a",', '"a": "b\\', "\\", '"a":"\\"', "{'a': '",
    "(5 words)", "5 words ", "Comment 1: a\n", "Comment: ", "Comment 1: a ", "Topic: a\n", 'One citizen says: "', "one citizen ",
    "I cannot ", "I cannot help. ", "I'm sorry, but I'm sorry. ", "As an AI ", "an ai ", "Can you please specify? ", "<text>", "<text>a</text>",
    "\nuser\n", "\nUser: ", "the user wants ", "\u0e01 ", "\u0e01", "a\u0301", "\u0130", "\r", "\x85", "\u200b",
    "**Option 1: a**\n\n", "**a**\n", "**a:** b\n\n", "Or:\n\n", "Comment 1 - a ", "a\n\nComment 2: ", "Happy to help! ", "Based on the ",
    "Her er en ", "<plan></plan>", "<plan>\n", "\u3010a\u3011", "This comment shows. ", "I can also write ", '{"title": "a", ', '{"a": "b", ',
    'a: {"a": "b"} ', "* * ", "*a", "\ufeff", "a\x00", "(500 words) ", 'a:\n\n"', "okay, so, hmm, ", "I need to write a comment ",
]  # fmt: skip


def seconds(raw: str, finish: str) -> float:
    started = time.process_time()
    parse(raw, finish)
    return time.process_time() - started


@pytest.mark.parametrize("unit", UNITS, ids=repr)
def test_no_shape_of_text_takes_long(unit: str) -> None:
    run = (unit * (SIZE // len(unit) + 1))[:SIZE]
    for raw, finish in (
        (run, "stop"),
        (f"{run} and an end.", "length"),
        (f"Sure, here is a text:{run}x", "loop"),
        (f'"The bus.{run}', "length"),
    ):
        assert seconds(raw, finish) < BOUND, (raw[:40], finish)


@pytest.mark.parametrize("finish", ["stop", "length", "loop"])
@pytest.mark.parametrize("period", [*range(1, 12), 13, 16, 17, 31, 32, 50, 64, 77, 99, 100])
def test_no_repeat_with_another_tail_takes_long(period: int, finish: str) -> None:
    unit = "".join(chr(97 + place * 7 % 26) for place in range(period))
    assert seconds((unit * (SIZE // period))[: SIZE - 30] + " and quite another tail", finish) < BOUND


def by_trying(text: str) -> str:
    """Texts without white space and sentence ends: the longest repeat at the end by trying every period and start."""
    best = None
    for period in range(SHORTEST, min(LONGEST, len(text)) + 1):
        length = period
        while length < len(text) and text[-length - 1] == text[-length - 1 + period]:
            length += 1
        if length >= TIMES * period and (best is None or length > best[0]):
            best = (length, period)
    return text if best is None else text[: len(text) - best[0] + best[1]]


@given(st.text("ab", max_size=8), st.text("abc", min_size=1, max_size=14), st.integers(0, 9), st.text("ab", max_size=5))
def test_repeats_are_those_that_trying_every_period_finds(before: str, unit: str, times: int, after: str) -> None:
    text = before + unit * times + after
    assert once(text) == by_trying(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("The bus is late. " + "We want a park. " * 5 + "We want", "The bus is late. We want a park."),
        ("Fix the lamp! Fix the lamp!  Fix the lamp!\nFix the lamp!", "Fix the lamp!"),  # white space may differ
        ("It is loud. No, no. " * 2, "It is loud. No, no. It is loud. No, no."),  # twice is no loop
        ("We want a park. We want a park. We want a park. Really.", None),  # a loop stands at the end
    ],
)
def test_of_what_a_cut_answer_repeats_at_its_end_one_remains(raw: str, text: str | None) -> None:
    assert parse(raw, "loop").text == (text or raw)
