import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standin.measures.wording import distinct, grams, self_bleu, tokens

texts_of_few_words = st.lists(st.lists(st.sampled_from("abc"), max_size=9), min_size=2, max_size=9)


def bleu(hypothesis: list[str], references: list[list[str]]) -> float:
    """Sentence BLEU-4 by its definition, method 1 of smoothing."""
    product = 1.0
    for order in range(1, 5):
        runs = [tuple(hypothesis[i : i + order]) for i in range(len(hypothesis) - order + 1)]
        matched = 0
        for run in set(runs):
            most = max(
                sum(tuple(other[i : i + order]) == run for i in range(len(other) - order + 1)) for other in references
            )
            matched += min(runs.count(run), most)
        if order == 1 and not matched:
            return 0.0
        product *= (matched or 0.1) / max(1, len(runs))
    closest = min((len(other) for other in references), key=lambda n: (abs(n - len(hypothesis)), n))
    penalty = 1.0 if len(hypothesis) > closest else math.exp(1 - closest / len(hypothesis))
    return float(penalty * product**0.25)


class TestTokens:
    def test_case_is_folded_and_punctuation_stands_alone(self) -> None:
        assert tokens("The bus, the BUS!") == ["the", "bus", ",", "the", "bus", "!"]
        assert tokens("") == tokens(" \n") == []

    def test_marks_stay_with_their_letter_and_emoji_are_tokens(self) -> None:
        assert tokens("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
        assert tokens("مرحبا، يا") == ["مرحبا", "،", "يا"]
        assert tokens("ok👍ok") == ["ok", "👍", "ok"]

    def test_unspaced_languages_are_read_by_character(self) -> None:
        assert tokens("駅前 です。", "characters") == ["駅", "前", "で", "す", "。"]


class TestDistinct:
    def test_by_hand(self) -> None:
        said = [["a", "b", "a", "b"], ["a", "b", "c"]]
        assert distinct(said, 1) == 3 / 7
        assert distinct(said, 2) == 3 / 5  # ab, ba, bc of ab ba ab ab bc
        assert distinct(said, 3) == 3 / 3

    def test_texts_without_such_a_run_have_none(self) -> None:
        assert distinct([["a"], ["b"]], 2) is None
        assert distinct([], 1) is None
        assert distinct([[], ["a", "b"]], 2) == 1

    def test_runs_do_not_cross_texts(self) -> None:
        assert distinct([["a", "b"], ["c", "d"]], 2) == 1
        assert grams(["a", "b", "a", "b"], 2) == {("a", "b"): 2, ("b", "a"): 1}


class TestSelfBleu:
    def test_equal_texts_have_one_and_unlike_ones_none(self) -> None:
        assert self_bleu([["a", "b", "c", "d", "e"]] * 3) == pytest.approx(1)
        assert self_bleu([["a", "b", "c", "d"], ["e", "f", "g", "h"]]) == 0

    def test_by_hand(self) -> None:
        # "a b c d" against "a b c e f": 3/4, 2/3, 1/2 and 0.1/1, shorter by one; back: 3/5, 2/4, 1/3, 0.1/2.
        one = (3 / 4 * 2 / 3 * 1 / 2 * 0.1) ** 0.25 * math.exp(1 - 5 / 4)
        other = (3 / 5 * 2 / 4 * 1 / 3 * 0.1 / 2) ** 0.25
        assert self_bleu([["a", "b", "c", "d"], ["a", "b", "c", "e", "f"]]) == pytest.approx((one + other) / 2)

    @given(texts_of_few_words)
    @settings(max_examples=200)
    def test_it_is_the_mean_of_every_text_against_all_others(self, texts: list[list[str]]) -> None:
        scores = [bleu(text, texts[:i] + texts[i + 1 :]) if text else 0.0 for i, text in enumerate(texts)]
        assert self_bleu(texts) == pytest.approx(float(np.mean(scores)), abs=1e-12)

    @given(texts_of_few_words, st.randoms(use_true_random=False))
    def test_it_does_not_depend_on_the_order_of_texts(self, texts: list[list[str]], draws: random.Random) -> None:
        """BLEU is not symmetric: each pair counts in both directions, so no order of the texts is another figure."""
        turned = draws.sample(texts, len(texts))
        assert self_bleu(turned) == pytest.approx(self_bleu(texts), abs=1e-12)

    def test_all_other_texts_are_the_references_at_once(self) -> None:
        """A text put together from two others is found whole; the mean over pairs of texts would miss it."""
        one, other = ["a", "b", "c", "d", "e"], ["f", "g", "h", "i", "j"]
        joined = ["a", "b", "c", "d", "f", "g", "h", "i"]  # d f, c d f, d f g, b c d f, c d f g, d f g h are new
        by_hand = (8 / 8 * 6 / 7 * 4 / 6 * 2 / 5) ** 0.25
        back = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25  # nearest in length is the other of five tokens: no penalty
        assert self_bleu([one, other, joined]) == pytest.approx((by_hand + 2 * back) / 3)

    def test_it_is_that_of_nltk(self) -> None:
        found = pytest.importorskip("nltk.translate.bleu_score")
        rng = np.random.default_rng(1)
        texts = [[str(word) for word in rng.integers(0, 6, size=rng.integers(1, 12))] for _ in range(20)]
        smooth = found.SmoothingFunction().method1
        scores = [
            found.sentence_bleu(texts[:i] + texts[i + 1 :], text, smoothing_function=smooth)
            for i, text in enumerate(texts)
        ]
        assert self_bleu(texts) == pytest.approx(float(np.mean(scores)))

    def test_one_text_has_none_and_empty_ones_have_zero(self) -> None:
        assert self_bleu([["a"]]) is None
        assert self_bleu([[], []]) == 0
