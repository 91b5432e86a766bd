"""What holds the text in JSON, what stands as a title over it, and the marks that belong to it."""

import pytest

from standin.generation.parsing import Parsed, parse

LATE = "The bus was late again."


def text(raw: str, finish: str = "stop") -> str | None:
    return parse(raw, finish).text


# --- JSON ---------------------------------------------------------------------------------------------------------

PAIRS = [
    ("question", "comment"), ("title", "body"), ("headline", "article_text"), ("summary", "text"), ("caption", "post"),
    ("option", "review"), ("version", "message"), ("id", "tweet"), ("subject", "email"), ("request", "response"),
    ("prompt", "output"), ("topic", "sentence"), ("stance", "customer_review"), ("label", "reviewText"),
    ("review_title", "review"), ("statement", "reply"), ("persona", "utterance"), ("reason", "comment"),
    ("type", "content"), ("notes", "tweet"), ("example", "comment"), ("rating", "review"), ("opinion", "comment"),
    ("explanation", "generated_text"), ("Titel", "Kommentar"), ("\u00dcberschrift", "Text"), ("titre", "commentaire"),
    ("t\u00edtulo", "rese\u00f1a"), ("\u6807\u9898", "\u8bc4\u8bba"), ("ot\u00e1zka", "koment\u00e1\u0159"),
]  # fmt: skip
"""A key that names something beside the text or a part of it, and the text's own."""


@pytest.mark.parametrize(("beside", "key"), PAIRS)
def test_the_surest_key_of_an_object_holds_the_text_wherever_it_stands(beside: str, key: str) -> None:
    for value in ("Late buses today", "1", ""):
        assert text(f'{{"{beside}": "{value}", "{key}": "{LATE}"}}') == LATE
        assert text(f'{{"{key}": "{LATE}", "{beside}": "{value}"}}') == LATE
    assert text(f'```json\n[{{"{beside}": "Late", "{key}": "{LATE}"}}]\n```') == LATE
    assert text(f'{{"{beside}": "Late buses today", "{key}": "{LATE} It alw', "length") == LATE


@pytest.mark.parametrize(("beside", "key"), PAIRS)
def test_json_that_is_cut_before_its_text_has_none(beside: str, key: str) -> None:
    for cut in (f'"{key[:3]}', f'"{key}"', f'"{key}": "', ""):
        found = parse(f'{{"{beside}": "Late buses today", {cut}', "length")
        assert (found.text, found.reason) == (None, "unparsable"), cut


@pytest.mark.parametrize(
    "raw",
    [
        '{"label": "against"}', '{"stance": "in favour of it all"}', '{"sentiment": "negative", "score": "high"}',
        '{"tone": "angry", "persona": "a tired nurse"}', '{"kategorie": "Verkehr"}', '{"rating": "2 of 5 stars"}',
        '{"label": {"name": "against"}}', '{"label"', '{"label": ', '{"label": "aga', '{"label": "against",',
        '{"tone": "angry", "stance": "against", "comm', '{"text', '{"text":', '[{"label": "against", "te',
    ],
)  # fmt: skip
def test_a_label_is_never_the_text(raw: str) -> None:
    assert parse(raw, "length" if raw[-1] not in "}]" else "stop").reason == "unparsable"


@pytest.mark.parametrize(
    ("raw", "held"),
    [
        ('{"headline": "Bus late again"}', "Bus late again"),
        ('{"headline": "Bus late again", "label": "sarcastic"}', "Bus late again"),
        ('{"question": "Why is the bus late?"}', "Why is the bus late?"),
        ('{"title": "Bus late", "category": "transport"}', "Bus late"),
        (f'{{"headline": "Late", "story": "{LATE}"}}', LATE),
        (f'{{"label": "against", "foo": "{LATE}"}}', LATE),
        (f'{{"comments": [{{"id": "1", "comment": "{LATE}"}}]}}', LATE),
        (f'{{"status": "success", "data": {{"title": "x", "text": "{LATE}"}}}}', LATE),
        (f'Here is the JSON: {{"text": "{LATE}"}}', LATE),
        (f'Hier ist das JSON: {{"label": "x", "kommentar": "{LATE}"}}', LATE),
        (f'Sure! The JSON object: {{"text": "{LATE}"}} Let me know!', LATE),
    ],
)
def test_a_title_or_an_unknown_key_holds_the_text_where_nothing_surer_does(raw: str, held: str) -> None:
    assert text(raw) == held


# --- marks of emphasis --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    ["Here is a tweet:\n\n", "Sure! Here's one:\n\n", "Gerne! Hier ist ein Kommentar:\n\n", "Voici un avis :\n\n",
     "Comment:\n\n", "**Comment:**\n\n", "## Comment\n\n", "Sure!\n\n", "Okay, here you go:\n\n",
     "\u4ee5\u4e0b\u662f\u4e00\u6761\u8bc4\u8bba\uff1a\n\n"],
)  # fmt: skip
def test_what_stands_before_a_text_takes_no_mark_of_it(before: str) -> None:
    for whole in ("**{}**", "__{}__", "***{}***", "*{}*", "> {}", "- {}\n- The lift is broken.", "* {}\n* No lift."):
        assert text(before + whole.format(LATE)) == LATE, whole
    for part in ("*gasp* {}", "**Never again!** {}", "_Honestly_, {}"):
        assert text(before + part.format(LATE)) == part.format(LATE)


@pytest.mark.parametrize(
    "raw",
    [
        f"**Here is a comment:** {LATE}", f"**Here is a comment:** **{LATE}**", f"*Here is a comment:*\n{LATE}",
        f"**Here is a comment:\n\n{LATE}**", f"**Comment: {LATE}**", f"*Tweet:* *{LATE}*", f"**Text: **{LATE}",
        f"__Comment__: {LATE}", f"**Comment 1: {LATE}**\n\n**Comment 2: The lift is broken.**",
        f"**1. {LATE}**\n\n**2. The lift is broken.**",
    ],
)  # fmt: skip
def test_emphasis_that_a_title_opens_is_closed_with_it(raw: str) -> None:
    assert text(raw) == LATE


# --- titles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("**Option 1: Sarcastic**", "**Option 2: Angry**"), ("### Comment 1: The Nurse", "### Comment 2: The Driver"),
        ("## Option 1: Frustrated", "## Option 2: Calm"), ("**Option A \u2013 Bitter**", "**Option B \u2013 Calm**"),
        ("**1. Late buses**", "**2. Trams**"), ("**Frustrated:**", "**Sarcastic:**"), ("### 1. Angry", "### 2. Calm"),
        ("**Option 1 (Angry)**", "**Option 2 (Calm)**"), ("**Variante 1: Sachlich**", "**Variante 2: W\u00fctend**"),
        ("**Option 1 : Sarcastique**", "**Option 2 : Calme**"), ("**Tweet 1 \u2013 Angry:**", "**Tweet 2 \u2013 Calm:**"),
        ("__Version A: Kort__", "__Version B: Lang__"), ("**Example 1 - a commuter**", "**Example 2 - a nurse**"),
        ("**A) Angry**", "**B) Calm**"), ("#### Review 1: \u2605\u2605", "#### Review 2: \u2605"), ("**Angry**:", "**Calm**:"),
        ("**Opci\u00f3n 1: Enfadado**", "**Opci\u00f3n 2: Tranquilo**"),
        ("**\u8bc4\u8bba1\uff1a\u6124\u6012**", "**\u8bc4\u8bba2\uff1a\u5e73\u9759**"),
    ],
)  # fmt: skip
def test_a_title_on_its_line_goes_and_so_does_the_answer_under_the_next(first: str, second: str) -> None:
    for gap in ("\n", "\n\n"):
        assert text(f"{first}{gap}{LATE}") == LATE
        assert text(f"{first}{gap}{LATE}\n\n{second}{gap}The tram is full.") == LATE
        assert text(f'{first}{gap}"{LATE}"\n\n{second}{gap}"No."') == LATE
        options = f"Here are some options:\n\n{first}{gap}{LATE}\n\n{second}{gap}No.\n\nLet me know which one you like!"
        assert text(options) == LATE


@pytest.mark.parametrize(
    "raw",
    [
        f"**Comment 1 \u2013 Angry resident:** {LATE}\n**Comment 2 \u2013 Calm:** No.",
        f"Option A \u2013 the nurse: {LATE}\nOption B \u2013 the driver: No.",
        f"Here are two:\n\n**Angry:** {LATE}\n\n**Calm:** It is fine.",
        f"Here are a few options:\n\n## Angry\n\n{LATE}\n\n## Calm\n\nNo.",
        f"Option 1: Sarcastic\n\n{LATE}\n\nOption 2: Angry\n\nNo.",
        f"**Option 1:** Sarcastic\n\n{LATE}\n\n**Option 2:** Angry\n\nNo.",
        f"\u3010\u8bc4\u8bba\u3011{LATE}",
        f"[Comment]\n{LATE}",
    ],
)
def test_titles_in_the_line_and_in_brackets_go(raw: str) -> None:
    assert text(raw) == LATE


@pytest.mark.parametrize(
    "raw",
    [
        "**Pros:**\n\nCheap.\n\n**Cons:**\n\nSlow.", "1. FC N\u00fcrnberg steigt ab", "1. Weltkrieg: Fund im Wald",
        "2. Advent im Regen", "18. Jahrhundert, meine Zeit", "1. september begynder skolen", "4. July was fun",
        "1. classe annullata", "1. Maj: ingen bus", "* * * * * five stars", "* * * worth seeing",
        "I see two plans.\n\nOption A: trams.\n\nOption B: buses.", "For fans of\n\n1) horror\n\nOR\n\n2) its actors.",
        "<plan> is a placeholder", "He said:\n\n\"No.\"\n\nI said nothing.",
    ],
)  # fmt: skip
def test_sections_ordinals_and_stars_of_a_person_stay(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(" ".join(raw.split()))


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b", "\u2060", "\ufeff\u200b", "\x00", "\x1f", "\u200e"])
def test_an_invisible_character_at_the_start_hides_nothing(mark: str) -> None:
    for raw in ("{}Here is a comment:\n\n" + LATE, "{}" + LATE, LATE + "{}", '{}"' + LATE + '"{}'):
        assert text(raw.replace("{}", mark)) == LATE
    assert text("The bus was\x00 late again.") == LATE


# --- Other things around a text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        '<tool_call>\n{"name": "post", "arguments": {"text": "The bus was late again."}}\n</tool_call>',
        '[TOOL_CALLS][{"name": "post", "arguments": {"text": "The bus was late again."}}]',
        '<|python_tag|>{"name": "post", "parameters": {}}', '<function=post>{"text": "The bus was late again."}</function>',
        'commentary to=functions.post\n{"text": "The bus was late again."}',
        '<think>I could post it.</think><tool_call>{"name": "post"}</tool_call>',
    ],
)  # fmt: skip
def test_the_call_of_a_tool_is_no_text(raw: str) -> None:
    found = parse(raw, "stop")
    assert (found.text, found.reason, found.detail) == (None, "unparsable", "tool")


@pytest.mark.parametrize(
    "raw",
    [
        "\\boxed{The bus was late again.}", "$\\boxed{\\text{The bus was late again.}}$",
        "Sure! Here's a comment:\n\n---\n\nThe bus was late again.\n\n---\n\nWould you like another one?",
        "---\n\nThe bus was late again.", "***\nThe bus was late again.",
        "User: Write a comment.\nAssistant: The bus was late again.",
        "Human: Write a comment.\n\nAssistant: The bus was late again.\n\nHuman: Another.",
        "The bus was late again. (label: transport)", "Okay, here goes: The bus was late again.",
        'Rewritten: "The bus was late again."', "Title: Late\nBody: The bus was late again.",
    ],
)  # fmt: skip
def test_what_stands_around_a_text_goes(raw: str) -> None:
    assert text(raw) == LATE


@pytest.mark.parametrize(
    "own",
    [
        "We met (mood: awful) and left early.", "User: be nice. That is what the sign said.",
        "Functions: none, this phone does nothing.", "Rewritten: the rules of our park.", "--- no comment ---",
        "My boxed set of films never came.",
    ],
)  # fmt: skip
def test_what_looks_like_it_inside_a_text_stays(own: str) -> None:
    assert text(own) == own
