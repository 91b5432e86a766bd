"""Answers as models really send them: what surrounds the text goes, by kinds; what a person may write stays."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from standin.curation.reasons import invalidity
from standin.generation.parsing import Parsed, parse

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
LATE = "The bus was late again."
"""The text in every answer below, where the answer's own words do not matter."""


def texts(raw: str, finish: str = "stop") -> str | None:
    return parse(raw, finish).text


def test_every_recorded_answer_gives_its_text_or_none() -> None:
    cases = SHARED / "cases" / "answers.jsonl"
    if not cases.exists():
        pytest.skip("../shared/cases is not there")
    for case in map(json.loads, cases.read_text(encoding="utf-8").splitlines()):
        found = parse(case["raw"], case["finish"])
        assert found.text == case["text"], case
        assert case["text"] is not None or found.reason in case["reason"], case


# --- reasoning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        f"<think>\nThe user wants a complaint.\n</think>\n\n{LATE}",  # Qwen3, DeepSeek R1, GLM
        f"The template opened the block.\n</think>\n\n{LATE}",  # Qwen3 2507, QwQ: only the end arrives
        f"<think>One.</think><think>Two.</think>{LATE}",
        f"<think>How does </think> work? Hm.</think>{LATE}",
        f"<thinking>Plan.<reflection>Good.</reflection></thinking>\n<output>{LATE}</output>",
        f"<reasoning>Hm.</reasoning><answer>{LATE}</answer>",
        f"[THINK]Hm.[/THINK]{LATE}",  # Magistral
        f"<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>{LATE}<|END_RESPONSE|>",  # Command A
        f"<seed:think>Hm.</seed:think>{LATE}",  # Seed-OSS
        f"\u25c1think\u25b7Hm.\u25c1/think\u25b7{LATE}",  # Kimi
        f"<unused94>thought\nHm.<unused95>{LATE}",  # MedGemma
        f"<|channel>thought\nHm.<channel|>{LATE}",  # Gemma 4
        f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{LATE}<|return|>",
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>Hm.<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{LATE}",
        f"analysisUser wants a complaint.assistantfinal{LATE}",  # gpt-oss, special tokens skipped
        f"analysis\nUser wants one.\nassistantfinal\n{LATE}",
        f"Here is my thought process:\nHm.\n\nHere is my response:\n{LATE}",  # Granite
        f"Thinking...\nHm.\n...done thinking.\n\n{LATE}",  # ollama
    ],
)
def test_what_follows_the_last_end_of_reasoning_is_the_answer(raw: str) -> None:
    found = parse(raw, "stop")
    assert (found.text, found.changes[0]) == (LATE, "reasoning")


@pytest.mark.parametrize(
    "raw", [f"<think>\n\n</think>\n\n{LATE}", f"<|channel|>final<|message|>{LATE}", f"final{LATE}"]
)
def test_reasoning_that_was_left_out_counts_as_a_mark_only(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(LATE, None, ("chat_marker",))


@pytest.mark.parametrize("finish", ["length", "stop", "loop"])
@pytest.mark.parametrize(
    "raw",
    [
        "<think>\nOkay, a complaint. It should be short. I will",
        "<think>Hm.</think>",
        "<think>Hm.</think>\n\n",
        f"{LATE}\n<think>Was that good? I",
        "analysisWe need to write a complaint. It should",
        "<|channel|>analysis<|message|>User wants a complaint. It",
        "\u25c1think\u25b7Okay. I",
        "[THINK]Okay. I",
        "Okay, the user wants a comment about buses. It should be",  # the template opened the block in the prompt
        "We need to produce one comment about buses. It",
        "Thinking Process:\n\n1.  **Analyze the Request:** a comment. The",
        '"<think>\nOkay, a complaint. It',  # behind an opening of the task's
        '"analysisUser wants a complaint. It',
    ],
)
def test_reasoning_without_an_end_or_an_answer_is_unparsable_under_a_name_of_its_own(raw: str, finish: str) -> None:
    found = parse(raw, finish)
    assert (found.text, found.reason, found.detail) == (None, "unparsable", "reasoning")


@pytest.mark.parametrize(
    "raw",
    [
        "analysis of the bus lines shows that they are late.",
        "analysis: the bus is late.",
        "analysis paralysis at city hall again",
        "Analysis shows nothing, says the user of a bus.",
        "final score: buses 0, rain 1",
        "The final stop is closed, said my assistant. Final answer from the city: no.",
        "@user wants a bus lane",
        "OK, I think I can live without a car.",
        "Okay, let's start with the bus lanes.",
        "We need to write to the mayor.",
    ],
)
def test_words_that_only_sound_like_reasoning_are_text(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(raw)


# --- fences, JSON, elements ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "change"),
    [
        (f"```\n{LATE}\n```", "fence"),
        (f"```text\n{LATE}\n```\nLet me know!", "fence"),
        (f"```{LATE}```", "fence"),
        (f"~~~\n{LATE}", "fence"),
        (f"Here is the comment:\n\n```\n{LATE}\n```", "fence"),
        (f"Here is the comment.\n```\n{LATE}\n```", "fence"),
        (f'json\n{{"text": "{LATE}"}}', "json"),
        (f"```\n{LATE}\n```\n\n```\nThe lift is broken.\n```", "fence"),
        (f'{{"text": "{LATE}"}}', "json"),
        (f'```json\n{{\n  "comment": "{LATE}",\n  "label": "transport"\n}}\n```', "json"),
        (f'Here is the JSON:\n{{"label": "transport", "text": "{LATE}"}}\n\nNote: valid JSON.', "json"),
        (f'{{"comments": ["{LATE}", "The lift is broken."]}}', "json"),
        (f'{{"data": {{"comment": "{LATE}"}}}}', "json"),
        (f'{{"comment_1": "{LATE}", "comment_2": "The lift is broken."}}', "json"),
        (f'{{"1": "{LATE}", "2": "The lift is broken."}}', "json"),
        (f'{{"kommentar": "{LATE}", "kategorie": "Verkehr"}}', "json"),
        (f'["{LATE}", "The lift is broken."]', "json"),
        (f'[{{"text": "{LATE}"}}, {{"text": "The lift is broken."}}]', "json"),
        (f'{{"text": "{LATE}"}}\n{{"text": "The lift is broken."}}', "json"),
        (f"{{'text': '{LATE}'}}", "json"),
        (f'"text": "{LATE}"', "json"),
        (f'{{"anything": "{LATE}"}}', "json"),
        (f"<answer>{LATE}</answer>", "element"),
        (f"<comment>\n{LATE}\n</comment>\nI kept it short.", "element"),
        (f"{LATE}</response>", "element"),
    ],
)
def test_the_text_is_taken_out_of_what_holds_it(raw: str, change: str) -> None:
    found = parse(raw, "stop")
    assert (found.text, change in found.changes) == (LATE, True)


def test_escapes_of_json_become_the_characters_they_stand_for() -> None:
    raw = '{"text": "He said \\"no\\".\\nThe caf\\u00e9 is closed."}'
    assert texts(raw) == 'He said "no". The caf\u00e9 is closed.'


def test_of_cut_json_the_whole_sentences_of_the_readable_string_remain() -> None:
    assert texts(f'{{"text": "{LATE} It alw', "length") == LATE
    assert texts(f'```json\n{{"text": "{LATE} It alw', "length") == LATE
    assert texts('{"text": "The bus was late", "label": "tra', "length") == "The bus was late", "the string is whole"
    assert parse('{"text": "The bus was', "length").reason == "unparsable"
    assert texts(f'{{"text": "{LATE} It alw', "stop") == LATE, "an open string is cut, whatever the server says"


def test_json_without_an_obvious_text_is_unparsable_under_a_name_of_its_own() -> None:
    assert parse('{"a": "x", "b": "y"}', "stop") == Parsed(None, "unparsable", (), "json")
    assert parse('{"count": 3}', "stop").detail == "json"


@pytest.mark.parametrize(
    "raw",
    [
        "{city} needs buses.",
        "[NAME] is late.",
        "[1] is where it says so.",
        '["Breaking"] The bus is late.',
        "I told <PERSON> to call <PHONE_NUMBER>.",
        "@user this is <user> talk, see <URL>",
        "<b>Great</b> film.",
        "<p>Great film.</p>",
        "x = 3\n```\nprint(x)\n```\nprints 3",
        "An <unk> word.",
    ],
)
def test_placeholders_markup_and_code_are_the_text_s_own(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(" ".join(raw.split()))


# --- several answers, titles, fields ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        f"1. {LATE}\n2. The lift is broken.\n3. The park is dark.",
        f"1) {LATE}\n\n2) The lift is broken.",
        f"(1) {LATE}\n(2) The lift is broken.",
        f"**1.** {LATE}\n\n**2.** The lift is broken.",
        f"1.\n{LATE}\n\n2.\nThe lift is broken.",
        f"a) {LATE}\nb) The lift is broken.",
        f"First comment: {LATE}\nSecond comment: The lift is broken.",
        f"1. **Buses:** {LATE}\n2. **Lifts:** Broken.",
        f'1. "{LATE}" 2. "The lift is broken."',
        f"Comment 1: {LATE}\nComment 2: The lift is broken.",
        f"Comment 1: {LATE} Comment 2: The lift is broken.",
        f"Comment 1:\n{LATE}\n\nComment 2:\nThe lift is broken.",
        f"### Comment 1\n{LATE}\n\n### Comment 2\nThe lift is broken.",
        f"**Tweet #1:** {LATE}\n\n**Tweet #2:** The lift is broken.",
        f"**Comment 1 (annoyed):** {LATE}\n\n**Comment 2 (calm):** The lift is broken.",
        f"Option A: {LATE}\n\nOption B: The lift is broken.",
        f"Here are two comments:\n\n{LATE}\n\n---\n\nThe lift is broken.",
        f"{LATE}\n\n---\n\nLet me know if you want changes.",
        f'"{LATE}"\n\n"The lift is broken."',
        f'Here are two comments:\n"{LATE}"\n"The lift is broken."',
    ],
)
def test_of_several_answers_the_first_is_taken(raw: str) -> None:
    assert texts(raw) == LATE


@pytest.mark.parametrize(
    ("raw", "change"),
    [
        (f"## Comment\n{LATE}", "label"),
        (f"**Comment:**\n\n{LATE}", "label"),
        (f"Comment\n{LATE}", "label"),
        (f"Sample tweet: {LATE}", "label"),
        (f"**Late buses**\n\n{LATE}", "heading"),
        (f"# Late buses\n\n{LATE}", "heading"),
        (f"Label: transport\nComment: {LATE}", "fields"),
        (f"{LATE}\nSentiment: negative", "fields"),
        (f"**Title:** Late buses\n\n**Comment:** {LATE}", "fields"),
        (f"Reasoning: it should sound annoyed.\nAnd short.\n\nComment: {LATE}", "fields"),
        (f"**{LATE}**", "emphasis"),
        (f"Here is a comment:\n\n> {LATE}", "emphasis"),
    ],
)
def test_titles_headings_and_fields_beside_the_text_go(raw: str, change: str) -> None:
    found = parse(raw, "stop")
    assert (found.text, change in found.changes) == (LATE, True)


def test_the_first_of_several_is_whole_although_the_last_is_cut() -> None:
    assert texts("1. The bins smell\n2. The park is", "length") == "The bins smell"
    assert texts("The bins smell\n\nNote: I kept it inf", "length") == "The bins smell"


@pytest.mark.parametrize(
    "raw",
    [
        "1. Mai ist Feiertag und kein Bus f\u00e4hrt.",
        "#1 rule: never take this bus.",
        "(5) California 42 Washington 12",
        "This review has spoilers.\n\n---\n\nI loved it.",
        "\u201cYou like buses?\u201d\n\u201cYes.\u201d\n\u201cThen wait for one.\u201d",
        "> a quotation\nmy answer",
        "# LATE AGAIN",
        "He said **no** and left.",
        "Comments are closed. Why?",
        "Text me: 555",
        "Analysis: the bus is late.\nAlways.",
    ],
)
def test_what_a_person_may_lay_out_so_stays(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(" ".join(raw.split()))


# --- remarks to the asker -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "remark",
    [
        "\n\nLet me know if you'd like another one!",
        "\n\nNote: I kept it informal.",
        "\n\n(Note: I kept it informal.)",
        "\n\n*Note: This is a fictional comment.*",
        " (Note: This comment is fictional.)",
        "\n\nI hope this helps! Let me know if you need anything else.",
        " I hope this meets your requirements!",
        "\n\nFeel free to ask for more.",
        "\n\nHope this helps!",
        "\n\nWould you like me to write another?",
        "\n\nExplanation: It is short.\n\n- informal\n- angry",
        "\n\nThis comment expresses frustration with the bus service.",
        "\n\n[Your name]",
        "\n\nHinweis: Ich habe es kurz gehalten.",
        "\n\nIch hoffe, das hilft dir weiter!",
        "\n\nN'h\u00e9sitez pas \u00e0 me demander d'autres commentaires.",
        "\n\nEspero que esto te sirva.",
        "\n\nSpero che questo ti sia utile.",
        "\n\nLaat me weten als je nog iets nodig hebt.",
        "\n\nEspero que isso ajude!",
        "\n\nMam nadziej\u0119, \u017ce to pomo\u017ce.",
        "\n\n\uff08\u6ce8\uff1a\u8fd9\u662f\u865a\u6784\u7684\u3002\uff09",
    ],
)
def test_remarks_to_the_asker_go(remark: str) -> None:
    found = parse(LATE + remark, "stop")
    assert (found.text, found.changes) == (LATE, ("closing",))


@pytest.mark.parametrize(
    "rest", [" This comment expresses frustration.", "\n\nNote: I kept it informal.", " (5 words)"]
)
def test_remarks_after_a_quotation_go_with_its_marks(rest: str) -> None:
    assert texts(f'"{LATE}"{rest}') == LATE


@pytest.mark.parametrize(
    "count",
    [" (5 words)", " [5 words]", " (Word count: 5)", "\n\nWord count: 5", "\n(23 characters)", " (approx. 5 words)",
     " (5 W\u00f6rter)", " (5 mots)", "\uff085\u5b57\uff09"],
)  # fmt: skip
def test_counts_of_words_go(count: str) -> None:
    found = parse(LATE + count, "stop")
    assert (found.text, found.changes) == (LATE, ("word_count",))


@pytest.mark.parametrize(
    "raw",
    [
        "Let me know if the bus is late.",
        "Note: the bus stop is closed.",
        "The stop is closed. Note the sign on the door.",
        "The stop is closed (see the note).",
        "Feel free to call me about the lamp.",
        "The lamp is broken. Let me know if you need photos of it.",
        "The lamp is broken.\nLet me know if you need photos of it.",
        "A) nobody cares.",
        "I waited for 25 minutes (25 minutes!)",
        "In two words: fix it.",
    ],
)
def test_a_person_s_own_notes_and_offers_stay(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(" ".join(raw.split()))


@pytest.mark.parametrize(
    "raw",
    [
        f'One citizen should write: "{LATE}',
        f'One resident would say: "{LATE}"',
        f'One citizen says, "{LATE}"',
        f'A concerned citizen: "{LATE}"',
        f'The person writes: "{LATE}',
        f'A citizen might write:\n\n"{LATE}"',
        f"Ein B\u00fcrger k\u00f6nnte schreiben: \u201e{LATE}\u201c",
        f'"{LATE}',
        f"\u201c{LATE}",
        f"\u201e{LATE}\u201c",
        f"\u00ab {LATE} \u00bb",
        f"\u300c{LATE}\u300d",
    ],
)
def test_a_speaker_and_quotation_marks_around_the_whole_go(raw: str) -> None:
    assert texts(raw) == LATE


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('"I told him "no" and left.', 'I told him "no" and left.'),  # the task's opening, ended by a stop string
        ('"I told him "no" and left."', 'I told him "no" and left.'),
        ('"Never" they said, "never."', '"Never" they said, "never."'),
        ('My neighbour said: "They close the road," and I laughed.', None),
        ('The mayor says: "No more cars."', None),
        ("'Tis late, and the bus isn't here'", "'Tis late, and the bus isn't here'"),
        ('It is 5" wide', None),
    ],
)
def test_quotations_inside_a_text_stay(raw: str, text: str | None) -> None:
    assert texts(raw) == (text or raw)


# --- announcements ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "announcement",
    [
        "Hier ist ein Kommentar: ",
        "Gerne! Hier ist ein Beispielkommentar eines B\u00fcrgers:\n\n",
        "Nat\u00fcrlich, hier ist ein weiterer Kommentar:\n\n",
        "Voici un commentaire :\n\n",
        "Bien s\u00fbr ! Voici un exemple de commentaire :\n\n",
        "Aqu\u00ed tienes un comentario:\n\n",
        "\u00a1Claro! Aqu\u00ed tienes un ejemplo de comentario:\n\n",
        "Certo! Ecco un esempio di commento:\n\n",
        "Natuurlijk! Hier is een voorbeeld van een reactie:\n\n",
        "Claro! Aqui est\u00e1 um exemplo de coment\u00e1rio:\n\n",
        "Oczywi\u015bcie! Oto przyk\u0142adowy komentarz mieszka\u0144ca:\n\n",
        "Tabii! \u0130\u015fte bir \u00f6rnek yorum:\n\n",
        "\u597d\u7684\uff0c\u4ee5\u4e0b\u662f\u4e00\u6761\u5173\u4e8e\u4ea4\u901a\u7684\u8bc4\u8bba\uff1a\n\n",
        "\u4ee5\u4e0b\u662f\u4e00\u6761\u8bc4\u8bba\uff1a",
        "\u4ee5\u4e0b\u306f\u30b3\u30e1\u30f3\u30c8\u306e\u4f8b\u3067\u3059\uff1a\n\n",
        "\u306f\u3044\u3001\u4ee5\u4e0b\u306f\u30b3\u30e1\u30f3\u30c8\u3067\u3059\u3002\n\n",
        "\ub2e4\uc74c\uc740 \ub313\uae00\uc785\ub2c8\ub2e4:\n\n",
        "\u0412\u043e\u0442 \u043a\u043e\u043c\u043c\u0435\u043d\u0442\u0430\u0440\u0438\u0439:\n\n",
        "Sure!\n\n",
        "Sure!\t\n \n",
        "Here you go:\n\n",
        "Thank you for your request! Here is a comment: ",
        "**Here is a comment:**\n\n",
        "Okay, here's a comment from a different person:\n\n",
        "Here is a comment:" + "\n" * 20_000,
    ],
)
def test_announcements_go_in_every_language(announcement: str) -> None:
    found = parse(f"{announcement}{LATE}", "stop")
    assert (found.text, found.changes) == (LATE, ("announcement",))


@pytest.mark.parametrize(
    "raw",
    [
        "Hier ist mein Vorschlag: mehr Busse!",
        "Hier ist der Bus wieder nicht gekommen.",
        "Voici mon avis : plus de bus.",
        "Ecco il mio commento: basta auto.",
        "Natürlich kommt der Bus zu spät.",
        "Oto moja opinia: mniej aut.",
    ],
)
def test_a_person_s_own_opening_is_no_announcement_in_other_languages(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(raw)


# --- refusals and talk to the asker -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        "This is a matter of importance and I am sorry for any misunderstanding, but I am not able to provide the "
        "required content.",
        "I'm not sure I can give you the ability to write anything beyond that.",
        "I'm not sure what you're looking for, but I will provide a variety of responses.",
        "I'm sorry for the misunderstanding, but as an AI, I am not capable of providing the requested information.",
        "I am an AI.",
        "This request goes against my guidelines.",
        "I'm not comfortable writing that kind of thing.",
        "I understand. I cannot write a comment that attacks people.",
        "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
        "Es tut mir leid. Ich kann diese Anfrage nicht erf\u00fcllen.",
        "Als KI-Sprachmodell kann ich keine Meinung haben.",
        "Je suis d\u00e9sol\u00e9, mais je ne peux pas vous aider avec cette demande.",
        "En tant qu\u2019IA, je n\u2019ai pas d\u2019opinion.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Como modelo de lenguaje, no tengo opiniones.",
        "Mi dispiace, ma non posso aiutarti con questa richiesta.",
        "Het spijt me, maar ik kan je daar niet bij helpen.",
        "Desculpe, mas n\u00e3o posso ajudar com isso.",
        "Przepraszam, ale nie mog\u0119 pom\u00f3c w tej sprawie.",
        "\u00dczg\u00fcn\u00fcm, ancak bu konuda yard\u0131mc\u0131 olamam.",
        "\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5\u63d0\u4f9b\u8fd9\u6837\u7684\u5185\u5bb9\u3002",
        "\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093\u304c\u3001\u305d\u306e\u5185\u5bb9\u306f\u4f5c\u6210\u3067\u304d\u307e\u305b\u3093\u3002",
        "\uc8c4\uc1a1\ud569\ub2c8\ub2e4. \uadf8\ub7f0 \ub0b4\uc6a9\uc740 \uc791\uc131\ud560 \uc218 \uc5c6\uc2b5\ub2c8\ub2e4.",
        "\u0418\u0437\u0432\u0438\u043d\u0438\u0442\u0435, \u043d\u043e \u044f \u043d\u0435 \u043c\u043e\u0433\u0443 \u043f\u043e\u043c\u043e\u0447\u044c \u0441 \u044d\u0442\u0438\u043c.",
    ],
)
def test_refusals_are_known_in_the_middle_and_in_other_languages(raw: str) -> None:
    assert parse(raw, "stop").reason == "refused"


@pytest.mark.parametrize(
    "raw",
    [
        "Can you please specify?",
        "I'm so sorry, but I'm sorry for the mistake",
        "I'm so sorry, but I'm sorry for the mistake. Can you please specify?",
        "Sure, I'd be happy to help! What would you like me to write about?",
        "How can I help you today?",
        "Please provide more details about the comment.",
        "K\u00f6nnten Sie das bitte genauer erkl\u00e4ren?",
        "Pouvez-vous pr\u00e9ciser votre demande ?",
    ],
)
def test_an_answer_that_only_speaks_to_the_asker_is_refused_as_such(raw: str) -> None:
    found = parse(raw, "stop")
    assert (found.reason, found.detail) == ("refused", "asker")


@pytest.mark.parametrize(
    "raw",
    [
        "Sorry, I can't help it: I love these trams.",
        "Can you please specify which bus stops are closed?",
        "Can you please fix the lamp?",
        "Can you explain this?",
        "I'm so sorry.",
        "Yes.",
        "Sorry for the inconvenience.",
        "I am not able to provide for my family with these rents.",
        "I'm an AI engineer and I like buses.",
        "I cannot answer the request of my landlord for more rent.",
        "Es tut mir leid, aber ich kann das nicht akzeptieren.",
        "Leider kann ich nicht Rad fahren, weil der Weg gesperrt ist.",
        "Je suis d\u00e9sol\u00e9, mais je ne peux pas dormir.",
        "Lo siento, pero no puedo aceptar este ruido.",
        "\u042f \u043d\u0435 \u043c\u043e\u0433\u0443 \u043f\u043e\u043c\u043e\u0447\u044c \u0431\u0430\u0431\u0443\u0448\u043a\u0435, \u043b\u0438\u0444\u0442 \u0441\u043b\u043e\u043c\u0430\u043d.",
    ],
)
def test_a_person_s_apologies_and_questions_are_text(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(raw)


def test_an_answer_that_a_filter_refused_is_refused() -> None:
    assert parse("", "filter") == Parsed(None, "refused", (), "filter")


# --- marks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "more"),
    [
        ("<|im_end|>", "\n<|im_start|>user\nMore"),  # ChatML
        ("</s>", "<s>[INST] More [/INST]"),  # Llama 2, Mistral
        ("<|eot_id|>", "<|start_header_id|>user<|end_header_id|>\n\nMore"),  # Llama 3
        ("<end_of_turn>", "\n<start_of_turn>user\nMore"),  # Gemma
        ("<|end|>", "<|user|>More"),  # Phi
        ("<\uff5cend\u2581of\u2581sentence\uff5c>", "<\uff5cUser\uff5c>More"),  # DeepSeek
        ("<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>More"),  # Command R
        ("<eos>", "More"),
        ("[/INST]", "More"),
    ],
)
def test_an_answer_ends_at_its_model_s_mark(mark: str, more: str) -> None:
    assert parse(f"{LATE}{mark}", "stop") == Parsed(LATE, None, ("chat_marker",))
    assert parse(f"{LATE}{mark}{more}", "stop") == Parsed(LATE, None, ("later_turns",))
    assert invalidity(f"{LATE}{mark}", 1, 100) == "chat_marker"


@pytest.mark.parametrize(
    "header",
    ["<s>", "<start_of_turn>model\n", "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|im_start|>assistant\n",
     "assistant\n\n", "Assistant: ", "### Response:\n", "[INST] Write one. [/INST] ", "<\uff5cAssistant\uff5c>"],
)  # fmt: skip
def test_the_header_of_a_turn_goes(header: str) -> None:
    assert parse(f"{header}{LATE}", "stop") == Parsed(LATE, None, ("chat_marker",))


def test_a_turn_of_another_speaker_goes_and_so_does_a_broken_mark() -> None:
    assert texts(f"{LATE}\nUser: Another one.\nAssistant: No.") == LATE
    assert texts(f"{LATE}\n\n### Instruction:\nMore") == LATE
    assert texts(f"{LATE}<|im_e", "length") == LATE


@pytest.mark.parametrize(
    "raw", ["I <s>hate</s> love buses.", "<s>old</s> new", "<PERSON>", "a < b and c > d", "[inst]"]
)
def test_markup_and_placeholders_are_no_marks(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(raw)
    assert invalidity(raw, 1, 100) is None


# --- other scripts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            "\u0531\u057e\u057f\u0578\u0562\u0578\u0582\u057d\u0568 \u0578\u0582\u0577\u0561\u0581\u0561\u057e\u0589 \u053b\u057d\u056f",
            "\u0531\u057e\u057f\u0578\u0562\u0578\u0582\u057d\u0568 \u0578\u0582\u0577\u0561\u0581\u0561\u057e\u0589",
        ),
        ("\u17a1\u17b6\u1793\u1799\u17ba\u178f\u17d4 \u17a0\u17be\u1799", "\u17a1\u17b6\u1793\u1799\u17ba\u178f\u17d4"),
        (
            "\u12a0\u12cd\u1276\u1261\u1235 \u12d8\u1308\u12e8\u1362 \u12a5\u1293",
            "\u12a0\u12cd\u1276\u1261\u1235 \u12d8\u1308\u12e8\u1362",
        ),
        (
            "\u0e23\u0e16\u0e21\u0e32\u0e0a\u0e49\u0e32 \u0e44\u0e1f\u0e40\u0e2a\u0e35\u0e22 \u0e41\u0e25\u0e30",
            "\u0e23\u0e16\u0e21\u0e32\u0e0a\u0e49\u0e32 \u0e44\u0e1f\u0e40\u0e2a\u0e35\u0e22",
        ),  # Thai: clauses end with a space
    ],
    ids=["Armenian", "Khmer", "Amharic", "Thai"],
)
def test_cut_texts_of_other_scripts_end_with_a_whole_sentence(raw: str, text: str) -> None:
    assert texts(raw, "length") == text


# --- real people's texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_texts_of_real_people_pass_nearly_untouched(step: int) -> None:
    files = sorted((SHARED / "datasets").glob("*/t[er]*.jsonl.gz"))
    if not files:
        pytest.skip("../shared/datasets is not there")
    seen, changed, lost = Counter(), Counter(), Counter()
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in list(lines)[::step]:
                found = parse(json.loads(line)["text"], "stop")
                seen[file.parent.name] += 1
                changed[file.parent.name] += bool(found.changes)
                lost[file.parent.name] += found.reason is not None
    assert sum(lost.values()) <= sum(seen.values()) / 5_000, lost
    assert sum(changed.values()) <= sum(seen.values()) / 250, changed
    assert all(changed[name] <= max(3, seen[name] / 50) for name in seen), changed
