import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.neighbors import NearestNeighbors

from standin.measures import diversity as module
from standin.measures.diversity import Diversity, at_size, diversity, nearest_others, remote_clique_cosine

MEASURES = ("remote_clique_cosine", "chamfer_cosine")


def points(n: int, d: int = 8, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(n, d))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(dtype)


def measured(vectors: np.ndarray) -> Diversity:
    found = diversity(vectors)
    assert found is not None
    return found


sets = st.builds(points, st.integers(2, 40), st.integers(2, 12), st.integers(0, 10_000))


class TestKnownAnswers:
    def test_three_vectors_by_hand(self) -> None:
        # Right angle between a and b, half a right angle from c to both.
        half = math.sqrt(0.5)
        found = measured(np.array([[1, 0], [0, 1], [half, half]]))
        assert found.remote_clique_cosine == pytest.approx((1 + 2 * (1 - half)) / 3)
        assert found.chamfer_cosine == pytest.approx(1 - half)

    def test_opposite_vectors_are_as_far_apart_as_can_be(self) -> None:
        found = measured(np.array([[1.0, 0], [-1, 0]], dtype=np.float32))
        assert found.remote_clique_cosine == pytest.approx(2)
        assert found.chamfer_cosine == pytest.approx(2)

    def test_remote_clique_is_the_mean_of_scipys_pairwise_distances(self) -> None:
        vectors = points(60, dtype=np.float64)
        cosine = pdist(vectors, "cosine")
        found = measured(vectors)
        assert found.remote_clique_cosine == pytest.approx(cosine.mean(), abs=1e-12)

    def test_chamfer_is_the_mean_distance_to_sklearns_nearest_other(self) -> None:
        vectors = points(60, dtype=np.float64)
        distance, _ = NearestNeighbors(n_neighbors=2, metric="cosine").fit(vectors).kneighbors(vectors)
        found = measured(vectors)
        assert found.chamfer_cosine == pytest.approx(distance[:, 1].mean(), abs=1e-9)

    def test_chamfer_is_a_mean_and_not_the_single_smallest_distance(self) -> None:
        pair_and_eight = np.eye(10)[[0, 0, 1, 2, 3, 4, 5, 6, 7, 8]]
        assert pdist(pair_and_eight, "cosine").min() == 0
        assert measured(pair_and_eight).chamfer_cosine == pytest.approx(8 / 10)

    @pytest.mark.parametrize("n", [0, 1])
    def test_fewer_than_two_vectors_have_no_diversity(self, n: int) -> None:
        assert diversity(points(n)) is None
        assert remote_clique_cosine(points(n)) is None


class TestInvariants:
    @given(sets)
    @settings(max_examples=50)
    def test_the_closed_form_is_the_definition(self, vectors: np.ndarray) -> None:
        exact = vectors.astype(np.float64)
        distances = 1 - exact @ exact.T
        np.fill_diagonal(distances, 0)
        n = len(vectors)
        by_definition = sum(distances[i].sum() / (n - 1) for i in range(n)) / n
        assert remote_clique_cosine(vectors) == pytest.approx(by_definition, abs=1e-6)

    @given(sets, st.integers(0, 100))
    @settings(max_examples=30)
    def test_the_order_of_texts_does_not_matter(self, vectors: np.ndarray, seed: int) -> None:
        shuffled = np.random.default_rng(seed).permutation(vectors)
        for name in MEASURES:
            assert getattr(measured(shuffled), name) == pytest.approx(getattr(measured(vectors), name), abs=1e-5)

    @given(sets)
    @settings(max_examples=30)
    def test_writing_every_text_twice_leaves_no_distance_to_the_nearest_other(self, vectors: np.ndarray) -> None:
        found = measured(np.concatenate([vectors, vectors]))
        assert found.chamfer_cosine == pytest.approx(0, abs=1e-7)

    @given(sets)
    @settings(max_examples=30)
    def test_the_nearest_other_is_nearer_than_the_mean_other(self, vectors: np.ndarray) -> None:
        found = measured(vectors)
        assert found.chamfer_cosine <= found.remote_clique_cosine + 1e-6

    @pytest.mark.parametrize("block", [1, 7, 32, 33, 34])
    def test_the_size_of_blocks_changes_nothing(self, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
        vectors = points(33)
        whole = measured(vectors)
        monkeypatch.setattr(module, "BLOCK", block)
        for name in MEASURES:
            assert getattr(measured(vectors), name) == pytest.approx(getattr(whole, name), abs=1e-6)

    @given(sets, st.integers(1, 45))
    @settings(max_examples=60)
    def test_the_nearest_other_is_that_of_a_plain_loop(self, vectors: np.ndarray, block: int) -> None:
        exact = vectors.astype(np.float64)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "BLOCK", block)
            found = nearest_others(exact)
        for i, nearest in enumerate(found):
            others = [float(exact[i] @ exact[j]) for j in range(len(exact)) if j != i]
            assert nearest != i
            assert float(exact[i] @ exact[nearest]) == pytest.approx(max(others), abs=1e-12)

    @pytest.mark.parametrize("block", [2, 1024])
    def test_equal_vectors_have_no_diversity_and_each_another_one_as_nearest(
        self, block: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "BLOCK", block)
        equal = np.tile(points(1), (7, 1))
        found = measured(equal)
        assert (found.remote_clique_cosine, found.chamfer_cosine) == pytest.approx((0, 0), abs=1e-6)
        assert all(nearest != i for i, nearest in enumerate(nearest_others(equal)))

    def test_a_vector_that_is_no_number_is_not_passed_over(self) -> None:
        vectors = points(9)
        vectors[4, 2] = np.nan
        assert math.isnan(measured(vectors).remote_clique_cosine)
        assert math.isnan(measured(vectors).chamfer_cosine)

    def test_distances_too_small_for_float32_cosines_are_told_apart(self) -> None:
        angle = 2e-4  # its cosine rounds to 1 in float32
        near = np.array([[1, 0], [math.cos(angle), math.sin(angle)]], dtype=np.float32)
        assert measured(near).chamfer_cosine == pytest.approx(angle**2 / 2, rel=1e-3)


class TestEqualSize:
    def test_a_set_of_the_asked_size_is_measured_once_and_whole(self) -> None:
        vectors = points(12)
        found = at_size(vectors, 12, 20, np.random.default_rng(1))
        assert found is not None
        for name in MEASURES:
            whole = getattr(measured(vectors), name)
            assert (found[name].mean, found[name].low, found[name].high) == pytest.approx((whole, whole, whole))

    def test_draws_are_subsets_of_the_size_without_replacement(self) -> None:
        # Twelve orthogonal vectors: a repeated one would bring a distance of 0.
        found = at_size(np.eye(12, dtype=np.float32), 5, 30, np.random.default_rng(1))
        assert found is not None
        assert (found["chamfer_cosine"].low, found["chamfer_cosine"].high) == pytest.approx((1, 1))

    def test_mean_and_range_are_those_of_the_draws(self) -> None:
        vectors = points(30)
        found = at_size(vectors, 10, 40, np.random.default_rng(7))
        rng = np.random.default_rng(7)
        values = [measured(vectors[rng.choice(30, 10, replace=False)]).chamfer_cosine for _ in range(40)]
        assert found is not None
        spread = found["chamfer_cosine"]
        assert spread.mean == pytest.approx(np.mean(values))
        assert (spread.low, spread.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))
        assert spread.low < spread.mean < spread.high

    def test_equal_seeds_draw_equal_subsets_and_others_do_not(self) -> None:
        vectors = points(30)
        first, again, other = (at_size(vectors, 10, 5, np.random.default_rng(seed)) for seed in (3, 3, 4))
        assert first == again
        assert first != other

    def test_chamfer_of_the_larger_set_rises_when_it_is_cut_to_the_smaller(self) -> None:
        vectors = points(300)
        found = at_size(vectors, 20, 10, np.random.default_rng(1))
        assert found is not None
        assert found["chamfer_cosine"].low > measured(vectors).chamfer_cosine

    @pytest.mark.parametrize("size", [0, 1])
    def test_nothing_can_be_said_of_fewer_than_two(self, size: int) -> None:
        assert at_size(points(5), size, 3, np.random.default_rng(1)) is None
