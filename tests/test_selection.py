import ast
import inspect
import math
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.neighbors import NearestNeighbors

import standin.selection
from standin.config import STRATEGY_EVIDENCE
from standin.errors import StandinError
from standin.selection import cal, neighbours, ranking, registry, sqbc
from standin.selection.pool import Settings, Texts

STRATEGIES = sorted(STRATEGY_EVIDENCE)
DRAWN = {name for name in STRATEGIES if name.endswith("_sampled")} | {"sqbc_diverse"}
"""Strategies in which chance has its part: of equal votes the first text is drawn, and others hang on it."""
THREE = Settings(neighbours=3, balance=True)


def generator(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def distributions(size: int, classes: int, draw: np.random.Generator) -> np.ndarray:
    return draw.dirichlet(np.ones(classes), size=size).astype(np.float32)


def texts(prefix: str, size: int, seed: int, classes: int = 3) -> Texts:
    draw = generator(seed)
    return Texts(
        tuple(f"{prefix}{number}" for number in range(size)),
        draw.standard_normal((size, 5)).astype(np.float32),
        np.arange(size) % classes,
        distributions(size, classes, draw),
    )


def reordered(given: Texts, order: np.ndarray) -> Texts:
    return Texts(
        tuple(given.ids[position] for position in order),
        given.embeddings[order],
        given.labels[order],
        given.probabilities[order],
    )


def select(name: str, pool: Texts, budget: int = 4, seed: int = 7) -> ranking.Ranking:
    return ranking.ranked(registry.load(name), pool, texts("synthetic", 24, 2), THREE, [budget], generator(seed))


# Every strategy


@pytest.mark.parametrize("name", STRATEGIES)
class TestEveryStrategy:
    def test_one_seed_always_gives_one_ranking(self, name: str) -> None:
        pool = texts("pool", 30, 1)
        first, second = select(name, pool), select(name, pool)
        assert first.order.tolist() == second.order.tolist()
        assert first.scores.tolist() == second.scores.tolist()

    def test_every_pool_text_has_a_score_and_one_rank(self, name: str) -> None:
        found = select(name, texts("pool", 30, 1))
        assert found.scores.shape == (30,)
        assert np.isfinite(found.scores).all()
        assert sorted(found.order.tolist()) == list(range(30))

    def test_scores_never_rise_along_the_ranking(self, name: str) -> None:
        found = select(name, texts("pool", 30, 1))
        assert (np.diff(found.scores[found.order]) <= 0).all()

    def test_a_budget_of_the_whole_pool_is_allowed(self, name: str) -> None:
        assert len(select(name, texts("pool", 9, 1), budget=9).order) == 9

    def test_a_budget_beyond_the_pool_names_both_numbers(self, name: str) -> None:
        with pytest.raises(StandinError, match=r"budgets holds 31, but the pool has 30 texts"):
            select(name, texts("pool", 30, 1), budget=31)

    def test_an_empty_pool_is_refused(self, name: str) -> None:
        with pytest.raises(StandinError, match="pool is empty"):
            select(name, texts("pool", 0, 1), budget=1)

    def test_one_text_is_a_pool(self, name: str) -> None:
        assert select(name, texts("pool", 1, 1), budget=1).order.tolist() == [0]

    def test_scores_stay_with_their_texts_when_the_pool_is_shuffled(self, name: str) -> None:
        pool = texts("pool", 30, 1)
        shuffled = reordered(pool, generator(5).permutation(30))
        before = dict(zip(pool.ids, select(name, pool).scores, strict=True))
        after = dict(zip(shuffled.ids, select(name, shuffled).scores, strict=True))
        if name == "random":  # a draw belongs to a place, not to a text: the scores are the same set
            assert sorted(before.values()) == sorted(after.values())
        elif name in DRAWN:
            assert set(before) == set(after)
        else:
            assert before == pytest.approx(after, rel=1e-12)

    def test_inputs_are_left_as_they_were(self, name: str) -> None:
        pool = texts("pool", 30, 1)
        embeddings, probabilities = pool.embeddings.copy(), pool.probabilities.copy()
        select(name, pool)
        assert (pool.embeddings == embeddings).all()
        assert (pool.probabilities == probabilities).all()

    def test_the_global_random_state_is_neither_read_nor_moved(self, name: str) -> None:
        pool = texts("pool", 30, 1)
        np.random.seed(1)  # noqa: NPY002
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        first = select(name, pool)
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
        np.random.seed(2)  # noqa: NPY002
        assert select(name, pool).order.tolist() == first.order.tolist()

    def test_a_pool_of_the_labelled_texts_themselves_is_ranked(self, name: str) -> None:
        found = select(name, texts("synthetic", 24, 2))
        assert sorted(found.order.tolist()) == list(range(24))
        assert np.isfinite(found.scores).all()

    def test_a_budget_of_nothing_still_ranks_the_pool(self, name: str) -> None:
        found = select(name, texts("pool", 30, 1), budget=0)
        assert sorted(found.order.tolist()) == list(range(30))
        assert ranking.tie_share(found.scores, 0) == 0

    def test_equal_texts_score_as_one_would_and_none_is_lost(self, name: str) -> None:
        single = texts("pool", 12, 1)
        twice = reordered(single, np.arange(24) % 12)
        twice = Texts(tuple(f"p{place}" for place in range(24)), twice.embeddings, twice.labels, twice.probabilities)
        found = select(name, twice, budget=0)
        assert sorted(found.order.tolist()) == list(range(24))
        assert np.isfinite(found.scores).all()
        if name not in DRAWN | {"random"}:
            assert found.scores[:12].tolist() == found.scores[12:].tolist()

    def test_of_one_label_a_committee_is_refused_and_nothing_else_is(self, name: str) -> None:
        pool, labelled = (
            Texts(given.ids, given.embeddings, np.zeros(len(given), int), np.ones((len(given), 1)))
            for given in (texts("pool", 9, 1), texts("synthetic", 24, 2))
        )
        if name.startswith("sqbc"):
            with pytest.raises(StandinError, match="24 synthetic texts hold 1 label"):
                ranking.ranked(registry.load(name), pool, labelled, THREE, [4], generator())
        else:
            found = ranking.ranked(registry.load(name), pool, labelled, THREE, [4], generator())
            assert sorted(found.order.tolist()) == list(range(9))

    def test_several_seeds_do_not_all_agree(self, name: str) -> None:
        tied = texts("pool", 30, 1)  # one embedding for all: nothing but the seed tells the texts apart
        tied = Texts(tied.ids, np.ones((30, 5)), tied.labels, np.full((30, 3), 1 / 3))
        assert len({tuple(select(name, tied, seed=seed).order.tolist()) for seed in range(5)}) == 5


def test_an_unknown_strategy_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(StandinError, match="did you mean 'sqbc'"):
        registry.load("sqcb")


def test_no_module_of_the_package_calls_numpys_global_random_functions() -> None:
    for path in Path(inspect.getfile(standin.selection)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np.random":
                assert node.attr in {"Generator", "default_rng"}, f"{path.name}: np.random.{node.attr}"


def test_random_needs_nothing_but_the_number_of_texts() -> None:
    pool = Texts(("a", "b", "c"))
    found = ranking.ranked(registry.load("random"), pool, Texts(()), THREE, [2], generator(3))
    assert found.scores.tolist() == generator(3).random(3).tolist()


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "random"])
def test_missing_evidence_is_named(name: str) -> None:
    with pytest.raises(StandinError, match=r"needs .* of the"):
        ranking.ranked(registry.load(name), Texts(("a",)), Texts(("b",)), THREE, [1], generator())


@pytest.mark.parametrize("name", ["sqbc", "cal"])
def test_more_neighbours_than_labelled_texts_is_an_error_with_both_numbers(name: str) -> None:
    with pytest.raises(StandinError, match=r"select.neighbours is 25, but.* only 24"):
        registry.load(name)(texts("p", 5, 1), texts("s", 24, 2), Settings(25, balance=True), generator())


@pytest.mark.parametrize("name", ["sqbc", "cal", "coverage", "sqbc_diverse"])
def test_an_embedding_that_is_not_a_number_is_refused(name: str) -> None:
    pool = texts("p", 5, 1)
    pool.embeddings[3, 0] = np.nan
    with pytest.raises(StandinError, match="row 4 holds NaN"):
        registry.load(name)(pool, texts("s", 24, 2), THREE, generator())


def test_arrays_of_another_length_than_the_ids_are_refused() -> None:
    with pytest.raises(StandinError, match="2 labels for 3 texts"):
        Texts(("a", "b", "c"), labels=np.array([0, 1]))


# Neighbours


def test_neighbours_are_the_nearest_by_angle_not_by_distance() -> None:
    index = np.array([[10.0, 1.0], [0.0, 1.0], [1.0, 1.0]])  # seen from (1, 0): 6, 90 and 45 degrees
    assert neighbours.nearest(np.array([[1.0, 0.0]]), index, 2).tolist() == [[0, 2]]


def test_of_equally_near_texts_the_earlier_is_taken() -> None:
    index = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    assert neighbours.nearest(np.array([[5.0, 0.0]]), index, 2).tolist() == [[1, 2]]
    assert neighbours.nearest(np.array([[5.0, 0.0]]), index[::-1], 2).tolist() == [[0, 1]]


def test_a_tie_does_not_hide_a_nearer_text_that_comes_later() -> None:
    index = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 0.0]])  # 45, 45 and 0 degrees
    assert neighbours.nearest(np.array([[1.0, 0.0]]), index, 2).tolist() == [[0, 2]]


def test_neighbours_agree_with_scikit_learn() -> None:
    draw = generator(11)
    queries, index = draw.standard_normal((60, 16)), draw.standard_normal((90, 16))
    judge = NearestNeighbors(n_neighbors=7, metric="cosine", algorithm="brute").fit(index)
    expected = np.sort(judge.kneighbors(queries, return_distance=False), axis=1)
    assert (neighbours.nearest(queries, index, 7) == expected).all()


def test_the_size_of_the_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = generator(12)
    queries, index = draw.standard_normal((23, 4)), draw.integers(-1, 2, (17, 4)) + 0.5
    whole = neighbours.nearest(queries, index, 5)
    for block in (1, 17, 18, 60, 17 * 23):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        assert (neighbours.nearest(queries, index, 5) == whole).all()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 3)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 3)), min_size=1, max_size=4),
    st.data(),
)
def test_neighbours_are_those_of_a_plain_sort_by_cosine_then_place(
    index: list[tuple[int, int]], queries: list[tuple[int, int]], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(index)))
    found = neighbours.nearest(np.array(queries, float), np.array(index, float), k)
    for query, row in zip(queries, found, strict=True):
        cosines = [
            round((query[0] * text[0] + query[1] * text[1]) / math.hypot(*query) / math.hypot(*text), 9)
            for text in index
        ]
        expected = sorted(range(len(index)), key=lambda place: (-cosines[place], place))[:k]
        assert row.tolist() == sorted(expected)


def test_an_embedding_of_zeros_has_no_neighbours() -> None:
    with pytest.raises(StandinError, match="all zeros"):
        neighbours.nearest(np.zeros((1, 2)), np.ones((3, 2)), 1)


# SQBC

# Seen from (1, 0), the synthetic texts lie at 0, 10, 20 degrees (against, against, favor) and at 70, 80, 90 (favor,
# favor, against).
DEGREES = np.array([0, 10, 20, 70, 80, 90])
COMMITTEE = Texts(
    tuple("abcdef"),
    np.stack([np.cos(np.radians(DEGREES)), np.sin(np.radians(DEGREES))], axis=1),
    np.array([0, 0, 1, 1, 1, 0]),
)


def at(*degrees: float) -> Texts:
    angles = np.radians(degrees)
    return Texts(
        tuple(f"p{place}" for place in range(len(degrees))), np.stack([np.cos(angles), np.sin(angles)], axis=1)
    )


def test_sqbc_counts_the_votes_of_the_three_nearest_synthetic_texts() -> None:
    # 5 degrees: a, b, c vote 2 : 1.  75 degrees: d, e and then f (15 degrees off) vote 2 : 1.
    found = sqbc.scores(at(5, 75), COMMITTEE, THREE, generator())
    assert found == pytest.approx(entropy([2, 1]))


def test_sqbc_puts_a_split_committee_before_a_unanimous_one() -> None:
    # k = 2.  2 degrees: a, b agree.  17 degrees: c, b are split.  72 degrees: d, e agree.  86 degrees: f, e are split.
    found = sqbc.scores(at(2, 17, 72, 86), COMMITTEE, Settings(2, balance=True), generator())
    assert found.tolist() == pytest.approx([0, math.log(2), 0, math.log(2)])
    assert set(ranking.rank(found, generator())[:2].tolist()) == {1, 3}


def test_sqbc_unlike_votes_of_three_labels_score_by_their_entropy() -> None:
    counts = np.array([[2, 2, 2], [4, 2, 0], [6, 0, 0], [5, 1, 0], [1, 0, 5]])
    expected = entropy(counts, axis=1)
    assert sqbc.vote_entropy(counts) == pytest.approx(expected)
    assert str(sqbc.vote_entropy(counts)[2]) == "0.0"


@given(st.integers(1, 40))
def test_for_two_labels_vote_entropy_ranks_as_the_papers_distance_to_a_tie(k: int) -> None:
    votes_for = np.arange(k + 1)
    scores = sqbc.vote_entropy(np.stack([votes_for, k - votes_for], axis=1))
    distance = np.abs(votes_for - k / 2)
    for one in range(k + 1):
        for other in range(k + 1):
            assert (scores[one] < scores[other]) == (distance[one] > distance[other])
    assert len(set(scores.tolist())) == k // 2 + 1


@given(st.lists(st.integers(0, 9), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_which_label_holds_which_votes_does_not_change_a_score_by_one_bit(counts: list[int], shuffler: Random) -> None:
    counts[0] += 1
    shuffled = list(counts)
    shuffler.shuffle(shuffled)
    assert sqbc.vote_entropy(np.array([counts])) == sqbc.vote_entropy(np.array([shuffled]))


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=40), st.integers(0, 99))
def test_balancing_keeps_the_rarest_label_whole_and_cuts_the_others_to_it(labels: list[int], seed: int) -> None:
    kept = sqbc.balanced(np.array(labels), generator(seed))
    assert len(set(kept.tolist())) == len(kept)
    assert Counter(labels[place] for place in kept) == dict.fromkeys(labels, min(Counter(labels).values()))


def test_without_balance_the_frequent_label_outvotes_the_rare_one() -> None:
    crowd = Texts(
        tuple("abcdefgh"), np.array([[1.0, place / 100] for place in range(8)]), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    )
    pool = Texts(("p",), np.array([[1.0, 0.0]]))
    assert sqbc.scores(pool, crowd, Settings(4, balance=False), generator()).tolist() == [0.0]
    # Balanced, two texts of each label are left, and all four are the committee.
    assert sqbc.scores(pool, crowd, Settings(4, balance=True), generator()) == pytest.approx(math.log(2))


def test_a_committee_of_one_label_cannot_disagree() -> None:
    alike = Texts(("a", "b"), np.eye(2), np.array([1, 1]))
    with pytest.raises(StandinError, match=r"2 synthetic texts hold 1 label"):
        sqbc.scores(at(5), alike, Settings(1, balance=True), generator())


def test_too_few_synthetic_texts_after_balancing_say_so() -> None:
    few = Texts(tuple("abcd"), np.ones((4, 2)), np.array([0, 0, 0, 1]))
    with pytest.raises(StandinError, match=r"neighbours is 3, but only 2 of the 4 .* after balancing"):
        sqbc.scores(at(5), few, THREE, generator())


# CAL


def test_cal_is_the_mean_divergence_of_the_candidate_from_its_labelled_neighbours() -> None:
    pool, labelled = texts("p", 20, 3, classes=4), texts("l", 30, 4, classes=4)
    found = cal.scores(pool, labelled, THREE, generator())
    judge = NearestNeighbors(n_neighbors=3, metric="cosine", algorithm="brute").fit(labelled.embeddings)
    for place, near in enumerate(judge.kneighbors(pool.embeddings, return_distance=False)):
        expected = [entropy(labelled.probabilities[one], pool.probabilities[place]) for one in near]
        assert found[place] == pytest.approx(np.mean(expected), rel=1e-5)


def test_cal_by_hand_takes_the_divergence_from_the_neighbour_to_the_candidate() -> None:
    labelled = Texts(("l",), np.array([[1.0, 0.0]]), probabilities=np.array([[0.5, 0.5]]))
    pool = Texts(("p",), np.array([[1.0, 1.0]]), probabilities=np.array([[0.9, 0.1]]))
    found = cal.scores(pool, labelled, Settings(1, balance=False), generator())
    # 0.5 ln(0.5 / 0.9) + 0.5 ln(0.5 / 0.1) = ln(0.5 / 0.3); the other way round it would be 0.368.
    assert found == pytest.approx(math.log(5 / 3))


def test_cal_never_takes_a_pool_text_as_neighbour_not_even_itself() -> None:
    # Two candidates at one place, with opposite predictions; the labelled texts are far away and agree with the first.
    # Were the pool indexed too, either would find itself (divergence 0) or the other.
    pool = Texts(("p", "q"), np.array([[1.0, 0.0], [1.0, 0.0]]), probabilities=np.array([[0.8, 0.2], [0.2, 0.8]]))
    labelled = Texts(("l", "m"), np.array([[0.0, 1.0], [-1.0, 1.0]]), probabilities=np.array([[0.8, 0.2], [0.8, 0.2]]))
    found = cal.scores(pool, labelled, Settings(2, balance=False), generator())
    assert found == pytest.approx([0.0, entropy([0.8, 0.2], [0.2, 0.8])])


def test_cal_gives_a_text_the_same_score_alone_and_among_others() -> None:
    pool, labelled = texts("p", 20, 3), texts("l", 30, 4)
    together = cal.scores(pool, labelled, THREE, generator())
    alone = [cal.scores(reordered(pool, np.array([place])), labelled, THREE, generator())[0] for place in range(20)]
    assert together == pytest.approx(alone)


def test_cal_stays_finite_where_softmax_underflowed_to_zero() -> None:
    labelled = Texts(("l",), np.array([[1.0, 0.0]]), probabilities=np.array([[0.0, 1.0]], dtype=np.float32))
    pool = Texts(("p", "q"), np.eye(2) + 0.1, probabilities=np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32))
    found = cal.scores(pool, labelled, Settings(1, balance=False), generator())
    assert found.tolist() == pytest.approx([-math.log(np.finfo(np.float32).tiny), 0.0])


def test_cal_refuses_rows_that_are_no_distribution() -> None:
    pool = Texts(("p",), np.ones((1, 2)), probabilities=np.array([[0.7, 0.7]]))
    with pytest.raises(StandinError, match="probabilities of the pool: each row"):
        cal.scores(pool, pool, Settings(1, balance=False), generator())


def test_the_size_of_cals_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, labelled = texts("p", 20, 3), texts("l", 30, 4)
    whole = cal.scores(pool, labelled, THREE, generator())
    monkeypatch.setattr(cal, "BLOCK", 40)
    assert (cal.scores(pool, labelled, THREE, generator()) == whole).all()


# Ranking


def test_equal_scores_stand_in_every_order_over_seeds_and_never_before_higher_ones() -> None:
    scores = np.array([1.0, 2.0, 1.0, 1.0])
    orders = {tuple(ranking.rank(scores, generator(seed)).tolist()) for seed in range(100)}
    assert orders == {(1, *rest) for rest in [(0, 2, 3), (0, 3, 2), (2, 0, 3), (2, 3, 0), (3, 0, 2), (3, 2, 0)]}


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(StandinError, match="NaN or infinite"):
        ranking.rank(np.array([1.0, np.nan]), generator())


@pytest.mark.parametrize(
    ("budget", "share"),
    [
        (1, 0.0),  # 3 alone
        (2, 1 / 2),  # 3, then one of the three 2s
        (3, 2 / 3),
        (4, 0.0),  # 3 and all 2s
        (5, 1 / 5),  # and one of the two 1s
        (6, 0.0),
    ],
)
def test_the_tie_share_counts_places_that_the_score_left_open(budget: int, share: float) -> None:
    assert ranking.tie_share(np.array([2.0, 1.0, 2.0, 3.0, 2.0, 1.0]), budget) == pytest.approx(share)


def test_each_seed_question_and_strategy_has_a_stream_of_its_own() -> None:
    streams = {
        float(ranking.generator_for(seed, question, name).random())
        for seed in (1, 2)
        for question in (None, "q", "ü")
        for name in STRATEGIES
    }
    assert len(streams) == 2 * 3 * len(STRATEGIES)


def test_a_stream_does_not_change_from_run_to_run() -> None:
    # The first number of PCG64 seeded with the SHA-256 of '["select", 1, null, "sqbc"]', worked out apart.
    assert ranking.generator_for(1, None, "sqbc").random() == pytest.approx(0.7592554679609607)
