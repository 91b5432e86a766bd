"""Curation: what counts as the same text, who survives, what is contaminated, and in which order rules apply."""

import math
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standin.config import Curate
from standin.corpus import Row, SyntheticRow
from standin.curation import copies, duplicates, pairs
from standin.curation import cosine as cosine_blocks
from standin.curation.contamination import contaminated
from standin.curation.copies import Words, copied, likeness
from standin.curation.cosine import AXES, Cosine
from standin.curation.duplicates import deduplicate, lexical_pairs, lexical_pairs_within, normalise
from standin.curation.jaccard import gram_matrix, grams
from standin.curation.reasons import invalidity
from standin.curation.rules import curate, tally
from standin.errors import StandinError

BUS = "The bus on line seven is late every single morning"
PARK = "Please plant more trees along the river bank"
RENT = "My landlord raised the rent twice within a year"
CLUB = "Our youth club has no heating since November"


def angles(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane: their cosines are the cosines of the angles between them."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def jaccard(a: str, b: str) -> float:
    """The definition, on sets, without the matrix."""

    def sets(text: str) -> set[str]:
        key = normalise(text)
        return {key[k : k + 5] for k in range(len(key) - 4)} or {key}

    return len(sets(a) & sets(b)) / len(sets(a) | sets(b))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("More bike lanes!", "more   bike lanes"),
        ("Don't build here.", "Don’t build here"),
        ("Straße gesperrt", "STRASSE GESPERRT"),
        ("café", "cafe\u0301"),
        ("ﬁne idea", "fine idea"),
        ("park\u00ading", "parking"),
        ("a\u00a0tree\n\tfalls", "a tree falls"),
    ],
)
def test_case_punctuation_spacing_and_unicode_form_make_no_second_text(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Trams 👍", "Trams 👎"), ("C++ course", "C course"), ("कि", "का"), ("line 7", "line 8")]
)
def test_symbols_vowel_signs_and_digits_do_make_a_second_text(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_jaccard_of_two_texts_by_hand() -> None:
    # abcdef: abcde, bcdef. abcdeg: abcde, bcdeg. One gram of three is shared.
    assert lexical_pairs(["abcdef"], ["abcdeg"], 0.3) == [(0, 0, 1 / 3)]
    assert lexical_pairs(["abcdef"], ["abcdeg"], 0.34) == []


def test_a_pair_exactly_at_the_threshold_counts() -> None:
    assert lexical_pairs(["abcdef"], ["abcdeg"], 1 / 3) == [(0, 0, 1 / 3)]


def test_texts_shorter_than_a_gram_resemble_only_themselves() -> None:
    assert lexical_pairs(["no", ""], ["No!", "not", "?"], 0.1) == [(0, 0, 1.0), (1, 2, 1.0)]


@given(st.lists(st.text(max_size=12), max_size=8))
def test_numbered_grams_are_those_of_the_texts_as_sets(texts: list[str]) -> None:
    sets = [grams(normalise(text)) for text in texts]
    matrix = gram_matrix([normalise(text) for text in texts])
    shared = [[len(one & other) for other in sets] for one in sets]
    assert (matrix @ matrix.T).toarray().tolist() == shared
    assert all(sorted(set(row.indices)) == row.indices.tolist() for row in (matrix[[k]] for k in range(len(texts))))


def test_grams_of_more_signs_than_a_number_holds_are_told_apart() -> None:
    """With 8,192 signs a gram's number has 65 bits: its first sign and the one 4,096 further would be the same one."""
    signs = "".join(chr(0x4E00 + k) for k in range(8192))
    one, other = signs[0] + signs[7:11], signs[4096] + signs[7:11]
    matrix = gram_matrix([signs, one, other])
    assert (matrix @ matrix.T).toarray().tolist() == [[8188, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_the_rarest_grams_come_first() -> None:
    matrix = gram_matrix(["abcdefg", "abcdef", "abcde"])
    counts = np.bincount(matrix.indices)
    assert counts.tolist() == sorted(counts.tolist()) == [1, 2, 3]


@pytest.mark.parametrize("lean", [0.0, 0.5, 3.0])
def test_the_first_comparison_by_few_axes_misses_no_pair(lean: float) -> None:
    draw = np.random.default_rng(3)
    vectors = draw.standard_normal((300, 4 * AXES)) + lean * draw.standard_normal(4 * AXES)
    near = vectors + np.linspace(0.05, 0.9, 300)[:, None] * draw.standard_normal((300, 4 * AXES))
    vectors = np.concatenate([vectors, near]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    everywhere = np.arange(len(vectors))
    found = pairs.similar_pairs(Cosine(vectors, 0.8), everywhere, everywhere)
    exact = np.round(vectors.astype(np.float64) @ vectors.astype(np.float64).T, 6)
    assert list(zip(found.left, found.right, strict=True)) == list(zip(*np.nonzero(exact >= 0.8), strict=True))
    assert 600 < len(found.left) < exact.size


def test_empty_lists_have_no_pairs() -> None:
    assert lexical_pairs([], [BUS], 0.5) == []
    assert lexical_pairs([BUS], [], 0.5) == []
    assert lexical_pairs_within([], 0.5) == []
    assert lexical_pairs_within([BUS], 0.5) == []
    assert deduplicate([], None, jaccard=0.7) == []


words = st.lists(st.sampled_from(["bus", "buses", "tram", "late", "again", "river", "the", "a"]), max_size=12)
phrases = st.lists(words.map(" ".join), max_size=14)
thresholds = st.floats(0.05, 1.0)


@given(phrases, phrases, thresholds)
def test_prefix_filtering_misses_no_pair(texts_a: list[str], texts_b: list[str], threshold: float) -> None:
    found = {(i, j): score for i, j, score in lexical_pairs(texts_a, texts_b, threshold)}
    every = {(i, j): jaccard(a, b) for i, a in enumerate(texts_a) for j, b in enumerate(texts_b)}
    assert found == {pair: score for pair, score in every.items() if score >= threshold}


@given(phrases, thresholds)
def test_pairs_within_a_list_are_those_of_the_list_with_itself_once(texts: list[str], threshold: float) -> None:
    once = [pair for pair in lexical_pairs(texts, texts, threshold) if pair[0] < pair[1]]
    assert lexical_pairs_within(texts, threshold) == once


@given(phrases, st.integers(0, 10_000), st.floats(0.3, 1.0), st.floats(0.3, 1.0))
def test_every_removed_text_resembles_its_survivor_and_no_two_kept_texts_resemble_each_other(
    texts: list[str], seed: int, lexical: float, cosine: float
) -> None:
    vectors = np.random.default_rng(seed).standard_normal((len(texts), 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def similar(i: int, j: int) -> dict[str, float]:
        dot = min(1.0, round(math.fsum(float(x) * float(y) for x, y in zip(vectors[i], vectors[j], strict=True)), 6))
        near = {"jaccard": jaccard(texts[i], texts[j]), "cosine": dot}
        return {measure: score for measure, score in near.items() if score >= {"jaccard": lexical}.get(measure, cosine)}

    matches = deduplicate(texts, vectors, jaccard=lexical, cosine=cosine)
    gone = {match.row for match in matches}
    kept = [row for row in range(len(texts)) if row not in gone]
    for match in matches:
        assert match.other in kept
        assert match.other < match.row
        expected = 1.0 if match.measure == "exact" else similar(match.other, match.row)[match.measure]
        assert match.score == pytest.approx(expected, abs=1e-6)
        assert match.measure != "exact" or normalise(texts[match.row]) == normalise(texts[match.other])
    for i, j in combinations(kept, 2):
        assert not similar(i, j)


def test_of_two_mutual_near_duplicates_the_first_survives() -> None:
    """distilabel 1.5.3 removed both (peers' defect D1): cosine 0.996 among two, two more unrelated."""
    vectors = angles(0, 5.12, 90, 180)
    found = deduplicate([BUS, PARK, RENT, CLUB], vectors, jaccard=0.7, cosine=0.95)
    assert [(match.row, match.other, match.measure) for match in found] == [(1, 0, "cosine")]
    assert found[0].score == pytest.approx(0.996, abs=1e-4)


def test_a_chain_of_near_duplicates_keeps_every_second_text() -> None:
    """semhash up to 0.3.3 dropped c, which no kept text resembled (D17): neighbours at 0.91, others below 0.66."""
    step = math.degrees(math.acos(0.91))
    found = deduplicate([BUS, PARK, RENT, CLUB], angles(0, step, 2 * step, 3 * step), jaccard=0.7, cosine=0.9)
    assert [(match.row, match.other) for match in found] == [(1, 0), (3, 2)]


def test_the_survivor_is_the_most_similar_kept_text_and_of_equals_the_first() -> None:
    found = deduplicate([BUS, PARK, RENT], angles(0, 30, 20), jaccard=0.7, cosine=0.9)
    assert [(match.row, match.other) for match in found] == [(2, 1)]
    found = deduplicate([BUS, PARK, RENT], angles(0, 40, 20), jaccard=0.7, cosine=0.9)
    assert [(match.row, match.other) for match in found] == [(2, 0)]


def test_an_exact_duplicate_is_named_as_such_before_the_other_measures() -> None:
    found = deduplicate([BUS, BUS.upper() + "!"], angles(0, 90), jaccard=0.7, cosine=0.9)
    assert [(match.row, match.other, match.measure, match.score) for match in found] == [(1, 0, "exact", 1.0)]


def test_equal_vectors_meet_a_cosine_threshold_of_one() -> None:
    vectors = np.random.default_rng(3).standard_normal((2, 384)).astype(np.float32)
    vectors[1] = vectors[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert [match.score for match in deduplicate([BUS, PARK], vectors, jaccard=1.0, cosine=1.0)] == [1.0]


def test_the_tiles_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(5)
    vocabulary = ["bus", "tram", "rent", "tree", "noise", "late", "school", "club"]
    texts = [" ".join(draw.choice(vocabulary, 6)) for _ in range(90)]
    vectors = draw.standard_normal((90, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = deduplicate(texts, vectors, jaccard=0.5, cosine=0.9)
    assert {match.measure for match in whole} == {"jaccard", "cosine"}
    for name, size in (("ROWS", 7), ("COLUMNS", 11), ("SCORED", 3)):
        monkeypatch.setattr(pairs, name, size)
    monkeypatch.setattr(duplicates, "ROWS", 7)
    monkeypatch.setattr(cosine_blocks, "BLOCK", (2, 3))
    assert deduplicate(texts, vectors, jaccard=0.5, cosine=0.9) == whole


def test_ten_thousand_equal_texts_have_one_survivor_and_take_no_square_of_memory() -> None:
    found = deduplicate([BUS] * 10_000, None, jaccard=0.7)
    assert len(found) == 9_999
    assert {match.other for match in found} == {0}


def test_contaminated_texts_name_the_most_similar_held_out_text() -> None:
    held_out = [RENT, BUS + " again", BUS]
    near = BUS.replace("seven", "eleven")
    far = angles(100, 190, 280)
    found = contaminated([PARK, BUS.lower(), near], angles(0, 1, 2), held_out, far, jaccard=0.6, cosine=0.9)
    assert [(match.row, match.other, match.measure) for match in found] == [(1, 2, "exact"), (2, 2, "jaccard")]
    assert found[1].score == jaccard(near, BUS)


def test_contamination_is_found_by_cosine_where_no_letters_are_shared() -> None:
    found = contaminated([PARK, CLUB], angles(0, 60), [RENT, BUS], angles(15, 10), jaccard=0.7, cosine=0.95)
    assert [(match.row, match.other, match.measure) for match in found] == [(0, 1, "cosine")]
    assert found[0].score == pytest.approx(math.cos(math.radians(10)), abs=1e-6)


def test_without_held_out_texts_nothing_is_contaminated() -> None:
    assert contaminated([PARK], angles(0), [], None, jaccard=0.7, cosine=0.9) == []
    assert contaminated([], None, [PARK], angles(0), jaccard=0.7, cosine=0.9) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" \n\u3000", "blank"),
        ("the tram � is late", "broken_character"),
        ("The tram is late<|im_end|>", "chat_marker"),
        ("12 345 6 :(", "no_letter"),
        ("trams late", "too_short"),
        ("one two three four five six", "too_long"),
        ("the tram is late", None),
        ("Σήμερα βρέχει πολύ", None),
    ],
)
def test_a_text_unfit_for_training_is_named_by_its_fault(text: str, expected: str | None) -> None:
    assert invalidity(text, least=3, most=5) == expected


def synthetic(number: int, text: str, label: str = "transport", question: str | None = None) -> SyntheticRow:
    return SyntheticRow(
        id=f"s{number}",
        text=text,
        label=label,
        question_id=question,
        plan_id=f"p{number}",
        shots=0,
        engine="e",
        model="m",
    )


def test_a_text_is_removed_by_the_first_rule_that_holds() -> None:
    rows = [
        synthetic(1, "bus"),  # invalid; also judged wrong
        synthetic(2, BUS),  # judged wrong; also contaminated
        synthetic(3, BUS + "!"),  # contaminated; the duplicate of row 2
        synthetic(4, PARK),
        synthetic(5, PARK.upper()),
        synthetic(6, RENT),
        synthetic(7, CLUB),  # under two labels
        synthetic(8, CLUB.replace("has", "got")),  # one word of an example changed
        synthetic(9, CLUB.lower() + ".", label="housing"),
    ]
    judged = {row.id: "transport" for row in rows} | {"s1": "housing", "s2": "housing", "s9": "housing"}
    shown = {"p8": [Row(id="x", text=PARK), Row(id="y", text=CLUB)]}
    found = curate(
        rows, None, [Row(id="t9", text=BUS)], None, judged, Curate(), remove_judged_wrong=True, examples=shown
    )
    assert [row.id for row in found.kept] == ["s4", "s6"]
    assert [(gone.row.id, gone.reason, gone.detail, gone.survivor, gone.score) for gone in found.removed] == [
        ("s1", "invalid", "too_short", None, None),
        ("s7", "invalid", "two_labels", None, None),
        ("s9", "invalid", "two_labels", None, None),
        ("s2", "judged_wrong", "housing", None, None),
        ("s3", "contaminated", "exact", "t9", 1.0),
        ("s8", "copied", "example", "y", 0.875),
        ("s5", "duplicate", "exact", "s4", 1.0),
    ]


def test_a_text_judged_wrong_stays_unless_removal_is_asked_for_and_keeps_both_labels() -> None:
    rows = [synthetic(1, BUS), synthetic(2, PARK)]
    found = curate(rows, None, [], None, {"s1": "housing"}, Curate(), remove_judged_wrong=False)
    assert [(row.label, row.judged_label) for row in found.kept] == [("transport", "housing"), ("transport", None)]


def test_a_text_under_two_labels_goes_under_both_and_names_no_survivor() -> None:
    rows = [
        synthetic(1, BUS, label="transport", question="trams"),
        synthetic(2, PARK, label="transport", question="trams"),
        synthetic(3, BUS.upper() + "!", label="housing", question="trams"),
        synthetic(4, BUS, label="housing", question="cars"),  # another question: another text
    ]
    found = curate(rows, None, [], None, {}, Curate(), remove_judged_wrong=False)
    assert [row.id for row in found.kept] == ["s2", "s4"]
    assert [(gone.row.id, gone.reason, gone.detail, gone.survivor) for gone in found.removed] == [
        ("s1", "invalid", "two_labels", None),
        ("s3", "invalid", "two_labels", None),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Our youth club has no heating since December", 1 - 1 / 8),  # changed
        ("our YOUTH club: no heating, since November!", 1 - 1 / 8),  # taken out
        ("Our old youth club has no heating since November", 1 - 1 / 9),  # put in
        ("Since November our youth club has no heating", 0.0),  # two moved words are four edits: 0.5 of eight
        ("The youth club needs new heating before winter comes", 0.0),  # the topic in own words
        ("Our youth club has had no working heating here since late November", 0.0),  # 4 of 12 words are its own
    ],
)
def test_a_copy_of_an_example_is_one_in_which_few_words_differ(text: str, found: float) -> None:
    expected = [(0, 1, pytest.approx(found, abs=1e-6))] if found else []
    assert copied([text], [[BUS, CLUB]], 0.8) == expected


def test_one_changed_word_of_eight_is_missed_by_character_grams() -> None:
    changed = "Our youth workshop has no heating since November"
    assert not lexical_pairs([changed], [CLUB], 0.7)
    assert copied([changed], [[CLUB]], 0.8) == [(0, 0, 0.875)]


def test_a_text_without_spaces_is_compared_by_characters() -> None:
    sentence = "市中心的公共汽车每天早上都会晚点到达"
    assert copies.words(sentence) == list(sentence)
    assert copied([sentence.replace("汽", "电")], [[sentence]], 0.8) == [(0, 0, pytest.approx(1 - 1 / 18, abs=1e-6))]


@settings(max_examples=60)
@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7), st.data())
def test_word_edits_are_a_distance_and_the_threshold_hides_only_what_lies_under_it(
    one: list[str], other: list[str], data: st.DataObject
) -> None:
    def edits(a: list[str], b: list[str]) -> int:  # the definition, as it is
        if not a or not b:
            return len(a) + len(b)
        return min(edits(a[1:], b) + 1, edits(a, b[1:]) + 1, edits(a[1:], b[1:]) + (a[0] != b[0]))

    expected = 1 - edits(one, other) / max(len(one), len(other)) if one or other else 0.0
    a, b = Words.of(one), Words.of(other)
    assert likeness(a, b) == pytest.approx(expected)
    least = data.draw(st.sampled_from([0.25, 0.5, 0.75, 1.0]))
    assert likeness(a, b, least) == pytest.approx(expected if expected >= least - 1e-9 else 0.0)


def test_the_same_text_may_answer_two_questions() -> None:
    rows = [synthetic(1, BUS, question="trams"), synthetic(2, BUS, question="cars"), synthetic(3, BUS, question="cars")]
    found = curate(rows, None, [], None, {}, Curate(), remove_judged_wrong=False)
    assert [(gone.row.id, gone.survivor) for gone in found.removed] == [("s3", "s2")]


def test_vectors_stay_with_their_rows_when_rows_are_taken_out_and_questions_alternate() -> None:
    rows = [
        synthetic(0, "bus", question="q"),
        synthetic(1, BUS, question="q"),
        synthetic(2, PARK, question="r"),
        synthetic(3, RENT, question="q"),
        synthetic(4, CLUB, question="r"),
    ]
    vectors = angles(0, 100, 0, 0, 5)  # 2 and 3 are equal across questions; 2 and 4 near within one
    found = curate(rows, vectors, [], None, {}, Curate(), remove_judged_wrong=False)
    assert [(gone.row.id, gone.survivor) for gone in found.removed if gone.reason == "duplicate"] == [("s4", "s2")]


def test_vectors_stay_with_their_rows_when_contamination_is_sought_after_other_removals() -> None:
    rows = [synthetic(0, "bus"), synthetic(1, BUS), synthetic(2, PARK)]
    found = curate(
        rows, angles(0, 90, 180), [Row(id="t", text=RENT)], angles(0), {}, Curate(), remove_judged_wrong=False
    )
    assert [(gone.row.id, gone.reason) for gone in found.removed] == [("s0", "invalid")]


@settings(max_examples=50)
@given(st.lists(st.sampled_from([BUS, BUS + " now", PARK, RENT, "bus", "", "bus tram late"]), max_size=12))
def test_every_row_is_kept_or_removed_once(texts: list[str]) -> None:
    rows = [synthetic(number, text) for number, text in enumerate(texts)]
    found = curate(rows, None, [Row(id="t", text=RENT)], None, {}, Curate(), remove_judged_wrong=False)
    assert sorted([row.id for row in found.kept] + [gone.row.id for gone in found.removed]) == sorted(
        row.id for row in rows
    )


def test_counts_that_do_not_add_up_are_an_error() -> None:
    with pytest.raises(StandinError, match=r"5 rows were planned, but 2 kept and 2 removed \(1 refused"):
        tally(5, 2, ["refused", "duplicate"])


def test_an_unknown_reason_is_an_error() -> None:
    with pytest.raises(StandinError, match="'boring'; known reasons: refused"):
        tally(1, 0, ["boring"])


def test_nothing_planned_is_answered_with_zeros() -> None:
    assert set(tally(0, 0, []).values()) == {0}


def test_comparing_texts_imports_neither_torch_nor_sklearn() -> None:
    code = (
        "import sys; from standin.curation.duplicates import lexical_pairs; lexical_pairs(['a tree'], ['a bus'], 0.5);"
        "print([name for name in ('torch', 'sklearn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[1] / "src")},
    )
    assert done.stdout.strip() == "[]"
