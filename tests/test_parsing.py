"""What counts as the text of an answer, what as a refusal, and what is never touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.generation.parsing import Parsed, parse, without_controls


@pytest.mark.parametrize(
    ("raw", "text", "changes"),
    [
        ("The tram was late.", "The tram was late.", ()),
        ('"The tram was late."', "The tram was late.", ("quotes",)),
        ('"Late" is a mild word for the "tram"', '"Late" is a mild word for the "tram"', ()),
        ("Here is a comment: The bins smell.", "The bins smell.", ("announcement",)),
        ("Sure! Here's one: The bins smell.", "The bins smell.", ("announcement",)),
        ("Comment: The bins smell.", "The bins smell.", ("label",)),
        ("1. The bins smell.\n2. The park is dark.", "The bins smell.", ("list_item",)),
        ("- The bins smell.", "The bins smell.", ("list_item",)),
        ("The bins smell.<|im_end|>\n<|im_start|>user\nMore", "The bins smell.", ("later_turns",)),
        ("The bins\n\nsmell.", "The bins smell.", ()),
        ("I'm sorry to say that the lift is broken again.", "I'm sorry to say that the lift is broken again.", ()),
        ("Sorry, but who mends the lift?", "Sorry, but who mends the lift?", ()),
        ("I cannot sleep because of the noise.", "I cannot sleep because of the noise.", ()),
    ],
)
def test_only_what_is_certainly_not_the_text_is_stripped(raw: str, text: str, changes: tuple[str, ...]) -> None:
    found = parse(raw, "stop")
    assert (found.text, found.changes, found.reason) == (text, changes, None)


@pytest.mark.parametrize(
    "raw",
    [
        "I'm sorry, but I cannot help with that request.",
        "I can\u2019t provide that.",
        "As an AI language model, I have no opinion.",
        "Unfortunately, I am unable to write this.",
        "I must decline to answer. We will not comply.",
        "I cannot create a tweet that attacks people.",
        "I'm sorry for any confusion, but as an AI chatbot, I have no feelings.",
        "I'm sorry, but I can't assist with creating such a comment.",
        "I'm sorry, I can't fulfill this request.",
        "Sorry, I can't help with that.",
        "I cannot provide information or guidance on illegal activities.",
        "I cannot generate hate speech.",
        "I can't assist with illegal activities.",
        "I can't help you create spam messages.",
        "I apologize, but I can't provide personal opinions on abortion.",
        "As an AI language model developed by somebody, I cannot say.",
        "As an AI, it's not possible for me to say.",
    ],
)
def test_refusals_are_more_than_the_word_sorry(raw: str) -> None:
    assert parse(raw, "stop").reason == "refused"


@pytest.mark.parametrize(
    "raw",
    [
        "I can't help but feel angry about the new parking rules.",
        "I can't help noticing that the bins overflow.",
        "We will not comply with a car ban in our street.",
        "I can't continue to pay 4 euros a ride.",
        "I won't answer calls from this number again.",
        "I cannot write this often enough: fix the lamp!",
        "I can't provide for my family if rents rise.",
        "I can't help, but wonder why the bus is late.",
        "I will not continue with this company after this.",
        "I won't provide my email in response to spam.",
        "I can't help with moving the sofa on Sunday.",
        "Sorry, I can't write much, am driving.",
        "Here is my opinion: cars out!",
        "Here is my answer to the mayor: no more cars.",
        "I'm sorry but I cannot provide for my family.",
        "I'm sorry, but I can't write much, am driving.",
        "I'm sorry, but I can't continue with a landlord like this.",
        "I'm sorry, but I won't comply with the new parking rules.",
        "I'm sorry, but I can't answer the phone right now.",
        "As an AI engineer I like buses.",
        "This is for the 8:30 bus, which never comes on time.",
        "Here are two links https://example.org/a and more.",
        "Here is my worry: who pays for the tram?",
        "Here is the phone: call me.",
        "Okay, this is ridiculous. The bus is late again.",
        "Absolutely, this is what the city needs!",
        "Sure, here is the 8:30 bus again. Late.",
    ],
)
def test_what_a_person_may_write_is_neither_refusal_nor_announcement(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(raw)


@pytest.mark.parametrize(
    "announcement",
    [
        "Here are three comments:\n1. ",
        "Here are 3 examples:\n- ",
        "Here's how the person writes their own response:\n\n",
        "Here is my response: ",
        'Here is a comment on the question "Should the square be closed to cars?":\n\n',
        "Here is a tweet about the new U.S. policy: ",
        "Sure, here is a tweet about the U.S. policy: ",
        "Sure, here is a comment on the No. 5 bus: ",
        "Here is a tweet (approx. 20 words): ",
        "Here's a possible reply: ",
        "Sure! I'd be happy to help. Here is a tweet: ",
        "Here's a news report on business and its relationship with the economy.\n\n",
        "Here\u2019s a sample tweet: ",
    ],
)
def test_what_announces_the_text_to_the_asker_goes(announcement: str) -> None:
    assert parse(f"{announcement}Love Mondays!", "stop").text == "Love Mondays!"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("公園の街灯が壊れています。早く直してください。夜は暗く", "公園の街灯が壊れています。早く直してください。"),
        ("बस देर से आई। फिर भी", "बस देर से आई।"),
    ],
)
def test_sentences_of_other_scripts_end_too(raw: str, text: str) -> None:
    assert parse(raw, "length").text == text


@pytest.mark.parametrize(
    "raw",
    [
        "Here's the bus again. Late as always. My advice to the mayor:\nresign.",
        "Here's what we need:\n1. more buses\n2. fewer cars",
        "Here's the story of my neighbour's dog.\nHe barks all night.",
        "Here is a message for the mayor!\nStop cutting trees.",
        "Here is my list:\nmore buses\nfewer cars",
    ],
)
def test_lines_that_may_be_a_person_s_stay(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(" ".join(raw.split()))


@pytest.mark.parametrize("raw", ["", "  \n", "...", '""', "\U0001f389\U0001f389"])
def test_an_answer_without_a_word_is_unparsable(raw: str) -> None:
    assert parse(raw, "stop").reason == "unparsable"


def test_the_open_sentence_of_a_cut_answer_is_dropped_and_a_cut_answer_without_an_end_is_none() -> None:
    assert parse("It is loud. Very loud! And then the", "length").text == "It is loud. Very loud!"
    assert parse("It is loud. And then the", "stop").text == "It is loud. And then the"
    assert parse("and then the next and the next", "length").reason == "unparsable"


@given(
    st.text(max_size=200).filter(lambda raw: "\\" not in raw), st.sampled_from(["stop", "length"])
)  # escapes of JSON
def test_parsing_never_invents_a_character_and_says_when_it_changed_something(raw: str, finish: str) -> None:
    found = parse(raw, finish)
    assert (found.text is None) == (found.reason is not None)
    if found.text is not None:
        left = iter("".join(raw.split()))
        assert all(character in left for character in "".join(found.text.split()))
        if not found.changes:
            assert found.text == " ".join(without_controls(raw).split())


PIECES = [
    " ", "\n", "\n\n", "1. ", "- ", '"', "\u201c", "\u201d", "Here is a comment: ", "Note: ", "The bus is late. ", "bus ", "```\n", '{"text": "',
    '"}', "<think>", "</think>", "<|im_end|>", "**", "# ", "> ", "One citizen says: ", "I cannot help. ", "a", ".",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.sampled_from(["stop", "length", "loop"]))
def test_a_text_is_never_longer_than_its_answer_and_stays_a_text_when_read_again(raw: str, finish: str) -> None:
    found = parse(raw, finish)
    if found.text is not None:
        assert len(found.text) <= len(raw)
        again = parse(found.text, "stop").text
        assert again is None or found.text.endswith(again) or found.text.startswith(again)


@pytest.mark.parametrize(
    "raw", ["The tram was late.", 'He said "no" and left.', 'Is it 5"?', "Bins: full. Park: dark."]
)
def test_a_parsed_text_is_its_own_parse(raw: str) -> None:
    wrapped = f"Sure! Here is a comment:\n\n\u201c{raw}\u201d\n\nLet me know if you need more!"
    assert parse(wrapped, "stop").text == raw
    assert parse(raw, "stop") == Parsed(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Sure, here is a report on world news (wars, elections). Oil rose to 40 dollars.", "Oil rose to 40 dollars."),
        ("Certainly! Here's a comment about parks: The bins are full.", "The bins are full."),
        ("Here is my street. Nobody cleans it.", "Here is my street. Nobody cleans it."),
        ("This is a scandal. Fix it.", "This is a scandal. Fix it."),
    ],
)
def test_an_announcement_goes_only_where_it_is_certainly_one(raw: str, text: str) -> None:
    assert parse(raw, "stop").text == text


@pytest.mark.parametrize("finish", ["length", "loop"])
def test_what_a_loop_repeats_stands_once(finish: str) -> None:
    found = parse("The bus is late. " + "We want a park. " * 9 + "We want a", finish)
    assert (found.text, "loop" in found.changes) == ("The bus is late. We want a park.", True)
    more = "No cars! No cars! No cars! And the mayor should live in this street."
    assert parse(f"{more} He never", finish).text == more
    long = "Nooooooooooooooooooooo! I loved the old park."
    assert parse(f"{long} It had", finish).text == long
    assert parse("No, no, no, never again. " * 2, finish).text == "No, no, no, never again. No, no, no, never again."


def test_an_answer_that_only_announces_is_no_text() -> None:
    assert parse("Sure, here is a report on world news.", "stop").reason == "unparsable"
