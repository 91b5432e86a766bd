import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from standin.measures.agreement import (
    Scale,
    agreement,
    exact_interval,
    krippendorff_alpha,
    majority_accuracy,
    majority_share,
)

votes = st.lists(st.sampled_from("abc"), min_size=1, max_size=9)


class TestMajorityShare:
    def test_by_hand(self) -> None:
        assert majority_share(["a", "b", "a", "c", "a"]) == pytest.approx(3 / 5)
        assert majority_share(["a", "a", "b", "b"]) == pytest.approx(1 / 2)
        assert majority_share(["ä"]) == 1

    @given(votes)
    def test_the_order_of_annotators_does_not_matter(self, given_votes: list[str]) -> None:
        assert majority_share(sorted(given_votes)) == majority_share(given_votes)
        assert 1 / 3 <= majority_share(given_votes) <= 1


class TestAgreement:
    @pytest.mark.parametrize("alone", [[], ["a"]])
    def test_one_annotator_agrees_with_nobody(self, alone: list[str]) -> None:
        assert agreement(alone) is None

    def test_votes_for_a_label_that_is_left_out_count_as_votes(self) -> None:
        assert agreement(["favor", "favor", "none", "none"]) == 0.5

    def test_two_votes_are_enough(self) -> None:
        assert (agreement(["a", "a"]), agreement(["a", "b"])) == (1, 0.5)


class TestExactInterval:
    @pytest.mark.parametrize("confidence", [0.9, 0.95])
    @pytest.mark.parametrize(("hits", "texts"), [(0, 12), (5, 12), (12, 12), (17, 60)])
    def test_it_is_that_of_scipys_binomial_test(self, hits: int, texts: int, confidence: float) -> None:
        expected = binomtest(hits, texts).proportion_ci(confidence, "exact")
        assert exact_interval(hits / texts, texts, confidence) == pytest.approx((expected.low, expected.high))

    def test_a_hit_shared_by_a_tie_lies_between_the_whole_numbers(self) -> None:
        lows, highs = zip(*(exact_interval(hits / 20, 20) for hits in (7, 7.5, 8)), strict=True)
        assert lows[0] < lows[1] < lows[2]
        assert highs[0] < highs[1] < highs[2]


class TestKrippendorffsAlpha:
    @pytest.mark.parametrize(
        ("scale", "alpha"),
        [
            (Scale(), 0.743),
            (Scale("ordinal", {str(value): place for place, value in enumerate(range(1, 6))}), 0.815),
            (Scale("interval", {str(value): value for value in range(1, 6)}), 0.849),
        ],
        ids=lambda given: getattr(given, "level", None),
    )
    def test_the_example_with_missing_values_of_krippendorff_2011(self, scale: Scale, alpha: float) -> None:
        # "Computing Krippendorff's alpha-reliability", four observers, twelve units: 0.743, 0.815 and 0.849.
        observers = [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
            [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
        ]
        units = [[str(vote) for vote in unit if vote is not None] for unit in zip(*observers, strict=True)]
        assert krippendorff_alpha(units, scale) == pytest.approx(alpha, abs=5e-4)

    def test_ordinal_alpha_looks_at_the_order_and_interval_alpha_at_the_numbers(self) -> None:
        units = [("low", "low"), ("mid", "high"), ("high", "high"), ("low", "mid"), ("mid", "mid")]
        ordinal = [krippendorff_alpha(units, Scale("ordinal", dict(zip(("low", "mid", "high"), places, strict=True))))
                   for places in ((0, 1, 2), (-7, 3, 900), (1, 0, 2))]  # fmt: skip
        assert ordinal[0] == ordinal[1] != ordinal[2]
        near, far = (krippendorff_alpha(units, Scale("interval", {"low": 0, "mid": mid, "high": 10})) for mid in (9, 5))
        assert near != far

    def test_interval_alpha_by_hand(self) -> None:
        # Pairs (0, 0) and (0, 3): observed 2 * 9 / 4; expected over 0, 0, 0, 3: 2 * 3 * 9 / (4 * 3).
        found = krippendorff_alpha([("no", "no"), ("no", "yes")], Scale("interval", {"yes": 3, "no": 0}))
        assert found == pytest.approx(1 - (18 / 4) / (54 / 12))

    def test_a_vote_without_a_place_on_the_scale_is_left_out_there_alone(self) -> None:
        units = [("1", "1", "unsure"), ("2", "2"), ("1", "2"), ("2", "unsure")]
        scale = Scale("interval", {"1": 1, "2": 2})
        assert krippendorff_alpha(units, scale) == krippendorff_alpha([("1", "1"), ("2", "2"), ("1", "2")], scale)
        assert krippendorff_alpha(units) != krippendorff_alpha([("1", "1"), ("2", "2"), ("1", "2")])

    def test_two_annotators_by_hand(self) -> None:
        # Coincidences: aa 2, bb 2, ab 1 + 1; n_a = n_b = 3 of 6. Observed 2/6, expected 2*3*3/(6*5).
        assert krippendorff_alpha([("a", "a"), ("b", "b"), ("a", "b")]) == pytest.approx(1 - (2 / 6) / (18 / 30))

    def test_full_agreement_on_several_labels_is_one(self) -> None:
        assert krippendorff_alpha([("a", "a"), ("b", "b", "b")]) == pytest.approx(1)

    def test_a_single_annotation_says_nothing_about_agreement(self) -> None:
        units = [("a", "a"), ("b", "b"), ("a", "b")]
        assert krippendorff_alpha([*units, ("c",), ("a",)]) == pytest.approx(krippendorff_alpha(units))

    @pytest.mark.parametrize("units", [[], [("a",)], [("a", "a"), ("a", "a")], [("a", "a"), ("b",)]])
    def test_it_is_undefined_without_two_labels_to_tell_apart(self, units: list[tuple[str, ...]]) -> None:
        assert krippendorff_alpha(units) is None


class TestMajorityAccuracy:
    def test_a_tie_counts_its_share(self) -> None:
        given_votes = [("a", "a", "b"), ("a", "b"), ("c", "b", "a"), ("b", "b", "a")]
        assert majority_accuracy(given_votes, ["a", "b", "c", "a"]) == pytest.approx((1 + 1 / 2 + 1 / 3 + 0) / 4)

    def test_no_gold_labels_no_accuracy(self) -> None:
        assert majority_accuracy([], []) is None
