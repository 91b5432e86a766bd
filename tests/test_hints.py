"""What people should look at: label suspects, personal data and insults, with known answers and planted errors."""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.corpus import Row, SyntheticRow
from standin.curation import suspects as module
from standin.curation.hints import hints
from standin.curation.insults import insults, kinds
from standin.curation.personal import LENGTHS, personal
from standin.curation.suspects import confident_errors, out_of_fold, suspects


def row(number: int, label: str, text: str = "a text of some words", **more: Any) -> SyntheticRow:
    return SyntheticRow(
        id=f"s{number}", text=text, label=label, plan_id=f"p{number}", shots=0, engine="e", model="m", **more
    )


def clouds(
    texts: int, labels: int, spread: float = 0.35, seed: int = 1, dimensions: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one centre a label, and their labels in turn."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0][:labels]
    given = np.arange(texts) % labels
    vectors = centres[given] + spread * rng.normal(size=(texts, dimensions)) / np.sqrt(dimensions)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), given


# Label suspects


def test_a_text_counts_as_the_most_probable_label_that_reaches_its_threshold() -> None:
    # Thresholds: label 0: (0.9 + 0.7 + 0.2) / 3 = 0.6; label 1: (0.8 + 0.4) / 2 = 0.6.
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8], [0.6, 0.4]])
    given = np.array([0, 0, 0, 1, 1])
    assert confident_errors(p, given) == {2: 1, 4: 0}, "a probability at the threshold reaches it"
    p[4] = [0.55, 0.45]  # label 1: 0.625, label 0 is unchanged: neither is reached
    assert confident_errors(p, given) == {2: 1}


def test_thresholds_are_each_label_s_own() -> None:
    # Label 2 is learned badly: its texts have 0.3 on average, so 0.35 of it counts though 0.45 speaks for label 1.
    p = np.array([[0.9, 0.05, 0.05], [0.9, 0.05, 0.05], [0.2, 0.45, 0.35], [0.1, 0.8, 0.1], [0.35, 0.35, 0.3]])
    given = np.array([0, 0, 0, 1, 2])
    assert confident_errors(p, given) == {2: 2}


def test_a_text_whose_own_label_is_the_most_probable_is_no_suspect() -> None:
    # 0.4 reaches label 1's threshold of 0.3, and 0.6 not label 0's of 0.8; the classifier says label 0 all the same.
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.7, 0.3]])
    assert confident_errors(p, np.array([0, 0, 0, 1, 1])) == {}


@pytest.mark.parametrize(("labels", "seed"), [(2, 1), (2, 2), (3, 3), (4, 4), (7, 5), (20, 6)])
def test_suspects_and_their_ranking_are_those_of_the_definition(
    labels: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Northcutt, Jiang and Chuang 2021, sections 3.1 and 3.2: the sets of the confident joint, one loop a cell; without
    # texts that the classifier gives their own label, as in cleanlab.
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(labels, 0.7), 300)
    given = np.concatenate([np.repeat(np.arange(labels), 5), rng.integers(0, labels, 300 - 5 * labels)])
    thresholds = [np.mean([p[k, j] for k in range(300) if given[k] == j]) for j in range(labels)]
    joint: dict[tuple[int, int], list[int]] = {(i, j): [] for i in range(labels) for j in range(labels)}
    for k in range(300):
        if confident := [j for j in range(labels) if p[k, j] >= thresholds[j]]:
            joint[int(given[k]), max(confident, key=lambda j: p[k, j])].append(k)
    wanted = {k: j for (i, j), cell in joint.items() if i != j for k in cell if p[k].argmax() != i}
    assert wanted
    assert confident_errors(p, given) == wanted
    # ranked by the normalised margin, rounded as it is written, the lowest first
    margin = {k: p[k, given[k]] - max(p[k, j] for j in range(labels) if j != given[k]) for k in wanted}
    score = {k: round(float((margin[k] + 1) / 2), module.DIGITS) for k in wanted}
    monkeypatch.setattr(module, "out_of_fold", lambda *_: p)
    rows = [row(k, f"label {label:02}") for k, label in enumerate(given)]
    found = [(each.id, each.score, each.suggested) for each in suspects(rows, np.zeros((300, 1), np.float32)).ranked]
    ranked = sorted(wanted, key=lambda k: (score[k], k))
    assert found == [(f"s{k}", score[k], f"label {wanted[k]:02}") for k in ranked]


@pytest.mark.parametrize("labels", [2, 4])
def test_planted_errors_lead_the_ranking(labels: int) -> None:
    vectors, given = clouds(400, labels)
    rng = np.random.default_rng(2)
    planted = set(rng.choice(400, 20, replace=False).tolist())
    rows = [row(k, f"label {(given[k] + 1) % labels if k in planted else given[k]}") for k in range(400)]
    found = suspects(rows, vectors)
    first = {int(each.id[1:]) for each in found.ranked[:20]}
    assert len(first & planted) >= {2: 18, 4: 19}[labels], "recall of the planted ones among the first 20"
    assert len(first - planted) <= 1
    assert found.ranked[0].score < 0.3
    assert [each.score for each in found.ranked] == sorted(each.score for each in found.ranked)
    right = {int(each.id[1:]): each.suggested for each in found.ranked if int(each.id[1:]) in planted}
    assert all(said == f"label {given[k]}" for k, said in right.items()), "and their label is suggested"


def test_texts_that_fit_their_labels_are_no_suspects() -> None:
    vectors, given = clouds(200, 4, spread=0.1)
    assert suspects([row(k, f"label {label}") for k, label in enumerate(given)], vectors) == module.Suspects([], {})


def test_no_text_is_judged_by_a_classifier_that_learned_from_it() -> None:
    # Each text alone in its direction: nothing about it can be known from the others.
    vectors = np.eye(40, dtype=np.float32)
    given = np.arange(40) % 2
    assert np.allclose(out_of_fold(vectors, given), 0.5, atol=0.02)


def test_equal_texts_give_equal_suspects_whatever_came_before() -> None:
    vectors, given = clouds(200, 3)
    rows = [row(k, f"label {(label + (k % 20 == 0)) % 3}") for k, label in enumerate(given)]
    first = suspects(rows, vectors)
    np.random.default_rng().random(5)
    assert suspects(rows, vectors) == first
    assert first.ranked


def test_more_texts_than_are_learned_from_are_all_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, given = clouds(600, 3, spread=0.2)
    rows = [row(k, f"label {(given[k] + 1) % 3 if k % 50 == 0 else given[k]}") for k in range(600)]
    monkeypatch.setattr(module, "TAUGHT", 180)
    first, planted = {each.id for each in suspects(rows, vectors).ranked[:12]}, {f"s{k}" for k in range(0, 600, 50)}
    assert len(first & planted) >= 10
    assert first <= planted


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (["a"] * 12, "all texts have one label"),
        (["a"] * 9 + ["b"] * 4, "b has 4 texts, 5 are needed"),
        (["a"] * 9 + ["b"], "b has 1 text, 5 are needed"),
    ],
)
def test_too_few_texts_of_a_label_are_said_and_give_none(labels: list[str], why: str) -> None:
    rows = [row(k, label) for k, label in enumerate(labels)]
    assert suspects(rows, np.eye(len(rows), dtype=np.float32)) == module.Suspects([], {None: why})
    assert suspects([], np.zeros((0, 3), np.float32)) == module.Suspects([], {})


def test_a_label_of_which_a_question_has_no_text_stops_nothing_and_is_never_suggested() -> None:
    # kept: the middle label of three in one question, the first and last in the other
    vectors, given = clouds(240, 3, spread=0.1)
    rows = []
    for k, label in enumerate(given):
        question = "p" if label < 2 else "q"
        rows.append(row(k, f"label {label}", question_id=question))
    rows[2] = replace(rows[2], question_id="q", label="label 0")
    more = [row(240 + k, "label 0", question_id="q") for k in range(20)]
    centre = np.repeat(vectors[given == 0][:1], 20, axis=0)
    found = suspects([*rows, *more], np.concatenate([vectors, centre]))
    assert found.off == {}
    assert [(each.id, each.question_id, each.label, each.suggested) for each in found.ranked] == [
        ("s2", "q", "label 0", "label 2")
    ]


def test_questions_are_judged_apart() -> None:
    vectors, given = clouds(120, 2, spread=0.1)
    rows = [row(k, f"label {label}", question_id="q1") for k, label in enumerate(given)]
    turned = [replace(each, id=f"t{k}", question_id="q2", label=f"label {1 - given[k]}") for k, each in enumerate(rows)]
    few = [row(900, "label 0", question_id="q3"), row(901, "label 1", question_id="q3")]
    found = suspects([*rows, *turned, *few], np.concatenate([vectors, vectors, vectors[:2]]))
    assert found == module.Suspects([], {"q3": "label 0 has 1 text, 5 are needed"})


# Personal data

BOUND = 1.5
"""Seconds of the processor for 100,000 characters, as in test_parsing_time.py; quadratic steps take minutes."""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to jo.smith+news@mail.example.org.", {"email": 1}),
        ("müller@exämple.de and a@b.co", {"email": 2}),
        ("me@example.com, you@example.com", {"email": 2}),
        ("Call +49 30 1234567 or 0171/1234567 now", {"phone": 2}),
        ("Ring 01632 960 123, tel. (030) 123 45 67-8", {"phone": 2}),
        ("Call 08712460324 to claim, or 0044 20 7946 0958", {"phone": 2}),
        ("(555) 867-5309 or 1-800-555-0199 hm: (415) 555-2671, 415-555-2671, 415.555.2671", {"phone": 5}),
        ("Mon numéro: 06 12 34 56 78 ou 01.23.45.67.89", {"phone": 2}),
        ("+1 (212) 555-0143", {"phone": 1}),
        ("اتصل بي على ٠٢٠٧٩٤٦٠٩٥٨", {"phone": 1}),
        ("फ़ोन +९१ ९८७६५ ४३२१० पर", {"phone": 1}),
        ("电话：０１０－１２３４５６７８ ", {"phone": 1}),
        ("DE89 3704 0044 0532 0130 00 is mine", {"iban": 1}),
        ("GB82WEST12345698765432, gb82 west 1234 5698 7654 32", {"iban": 2}),
        ("NO93 8601 1117 947 please", {"iban": 1}),
        ("card 4111 1111 1111 1111 and 5500-0000-0000-0004", {"card": 2}),
        ("378282246310005", {"card": 1}),
        ("from 8.8.8.8 and 203.0.114.7.", {"ip_address": 2}),
        ("thanks @city_council and @Jo!", {"handle": 2}),
        ("@me@social.example wrote", {"handle": 1}),
        ("mail a@b.org or @ab, 0171 1234567", {"email": 1, "phone": 1, "handle": 1}),
    ],
)  # fmt: skip
def test_what_has_the_form_of_personal_data_is_found(text: str, found: dict[str, int]) -> None:
    assert personal(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "In 2019-2020, 1999 and 2024 it cost 1,200,000 or 1 200 000 euros, 10.000.000 in all.",
        "On 12.03.2021, 2021-03-12, 03/12/2021 and 01.02.2023 10 of us met at 10:30 and 0930.",
        "from 2010 to 2015, 2016, 2017, 2018 and 100 200 300 400",
        "Line 7, room 0815, 0.123456789 percent, 3.14159265358979, 1e10, -0.00012345678",
        "Text YES to 80808 for 1000000 points; reference 202403121530",
        "See you @ 5pm, @5pm, @ home, @home, @noon; @user @USER @username",
        "#hashtag #2024 and C@T, a@b, user@localhost, foo@@bar, @ @a",
        "version 10.2.3.4, v8.8.8.8, 192.168.0.1, 127.0.0.1, 10.0.0.1, 999.1.1.1, 1.2.3.4.5, 1.2.3",
        "DE89 3704 0044 0532 0130 01 has a wrong digit, XX82 WEST 1234 5698 7654 32 no country, AB12CDEFGHIJKLMNOP",
        "4111 1111 1111 1112 fails, 0000 0000 0000 0000, 1234567890123456789",
        "ISBN 0-306-40615-2 and ISBN-13: 978-0-306-40615-7, ISBN: 0306406152",
        "Paragraph § 1.2.3.4, chapter 1-2-3, score 3:2, temperature -12 - -5, 24/7, 50/50",
        "12 34 56 78 90 12",
        "https://example.org/@someone/status/1234567890123 and x/@y",
        "",
    ],
)  # fmt: skip
def test_years_prices_dates_numbers_and_hashtags_are_none(text: str) -> None:
    assert personal(text) == {}


def test_a_place_counts_once() -> None:
    assert personal("DE89370400440532013000 4111111111111111 jo@0171-1234567.example.org") == {
        "email": 1, "iban": 1, "card": 1
    }  # fmt: skip


def test_the_table_of_countries_was_read_whole() -> None:
    assert (len(LENGTHS), LENGTHS["AD"], LENGTHS["MT"], LENGTHS["XK"]) == (78, 24, 31, 20)
    assert all(15 <= length <= 32 for length in LENGTHS.values())


@given(st.text(max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    assert set(personal(text).values()) <= set(range(1, 200))


@pytest.mark.parametrize(
    "piece",
    ["a", "a.", "a@", "@a", "1", "1 ", "+1", "0171-", "DE89 ", "DE89", "1.1.", "(0", "a@b.", "-", "you are so "],
)
def test_no_shape_of_text_takes_long(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    personal(text)
    insults(text, "en")
    assert time.process_time() - started < BOUND


# Insults


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("You IDIOT, and you two morons", {"insult": 2}),
        ("What a piece\nof shit", {"insult": 1}),
        ("You\u2019re so stupid. Go to hell!", {"insult": 2}),
        ("I will kill you, I'll find you", {"threat": 2}),
        ("I hope they all die", {"threat": 1}),
        ("kill yourself, asshole", {"insult": 1, "threat": 1}),
        ("the vidiots, an oxymoron, an idiotic plan, shitake, Scunthorpe, a stupid rule, kill the process", {}),
        ("fucking great, damn, shit happens, vermin in the cellar, that is crap, the bus will kill the street", {}),
    ],
)  # fmt: skip
def test_words_of_the_list_are_counted_as_whole_words(text: str, found: dict[str, int]) -> None:
    assert insults(text, "en") == found
    assert insults(text, "eng_Latn") == found


def test_languages_without_a_list_are_not_counted() -> None:
    assert kinds("en") == ("insult", "threat")
    assert kinds("de") == ()
    assert insults("idiot", "de") == {}


def test_every_phrase_is_a_pattern_that_finds_something_bounded() -> None:
    import yaml

    text = (Path(module.__file__).with_name("insults.yaml")).read_text(encoding="utf-8")
    phrases = [phrase for found in yaml.safe_load(text).values() for group in found.values() for phrase in group]
    assert len(phrases) == len(set(phrases))
    for phrase in phrases:
        assert not re.search(r"[*+]|\.|\{", phrase), "no repetition without a bound"
        re.compile(phrase)


# All together


def test_counts_stand_beside_those_of_real_texts_and_tables_hold_no_text() -> None:
    vectors, given = clouds(40, 2, spread=0.1)
    kept = [row(k, f"label {(1 - label) if k == 7 else label}") for k, label in enumerate(given)]
    kept[3] = replace(kept[3], text="Mail me@example.org or me2@example.org, you idiot")
    kept[4] = replace(kept[4], text="Call 0171 1234567")
    real = [Row(id="r1", text="write to a@example.org"), Row(id="r2", text="nothing"), Row(id="r3", text="fuck you"), Row(id="r4", text="x")]  # fmt: skip
    found = hints(kept, vectors, real, "en")
    assert found.metrics["label_suspects"] == 1
    assert found.suspects[0][:4] == ("s7", None, "label 0", "label 1")
    assert found.metrics["personal_data"] == {
        "texts": 2, "share": 2 / 40, "email": 1, "phone": 1, "iban": 0, "card": 0, "ip_address": 0, "handle": 0
    }  # fmt: skip
    assert found.metrics["real_personal_data"]["share"] == 1 / 4
    assert found.metrics["insults"] == {"texts": 1, "share": 1 / 40, "insult": 1, "threat": 0}
    assert found.metrics["real_insults"]["insult"] == 1
    assert found.places == [("s3", "email", 2), ("s3", "insult", 1), ("s4", "phone", 1)]
    assert list(found.lines) == [
        "the labels of 1 of 40 kept texts look wrong to a classifier of the others (reports/curate/suspects.csv); they "
        "stay, `standin review` shows them first",
        "2 of 40 kept texts look like they hold personal data (email 1, phone 1), 5.0% against 25.0% of real "
        "texts; they stay, places are in reports/curate/personal.csv",
        "1 of 40 kept texts hold words of insult or threat (insult 1), 2.5% against 25.0% of real texts; they stay, places "
        "are in reports/curate/personal.csv",
    ]


def test_where_there_is_nothing_nothing_is_said_but_why_suspects_were_not_sought() -> None:
    found = hints([row(1, "a")], np.eye(1, dtype=np.float32), [], "de")
    assert found.lines == ["label suspects were not sought: all texts have one label"]
    assert found.metrics == {
        "label_suspects": 0,
        "label_suspects_off": {"all": "all texts have one label"},
        "personal_data": {"texts": 0, "share": 0.0, **dict.fromkeys(("email", "phone", "iban", "card", "ip_address", "handle"), 0)},
        "real_personal_data": {"texts": 0, "share": None, **dict.fromkeys(("email", "phone", "iban", "card", "ip_address", "handle"), 0)},
    }  # fmt: skip
    assert hints([], np.zeros((0, 2), np.float32), [], "en").lines == []


def test_the_page_says_what_people_decided_and_should_look_at() -> None:
    from standin.report.counts import curation_notes

    vectors, given = clouds(40, 2, spread=0.1)
    kept = [row(k, f"label {(1 - label) if k == 7 else label}") for k, label in enumerate(given)]
    metrics = hints(kept, vectors, [Row(id="r1", text="write to a@example.org"), Row(id="r2", text="x")], "en").metrics
    reviewed = {"accepted": 1200, "rejected": 3, "edited": 2, "accepted_removed": 0, "of_other_texts": 0}
    assert curation_notes({"kept": 40, "reviewed": reviewed, **metrics}) == [
        "People read some of the texts: 1,200 accepted, 3 rejected, 2 edited.",
        "Of 40 kept texts 1 looks mislabelled to a classifier of the others (confident learning); nothing was removed for "
        "that.",
        "0 of 40 kept texts hold the form of personal data (addresses, numbers, handles), as 50.0% of the real ones: a "
        "hint, no finding.",
        "0 of 40 kept texts hold words of insult or threat, by a short list, as 0.0% of the real ones: a hint, no finding.",
    ]
    (said,) = curation_notes({"kept": 40, "reviewed": reviewed | {"accepted_removed": 4}})
    assert said.endswith("2 edited, 4 accepted in vain (invalid, contaminated, copied or equal).")
