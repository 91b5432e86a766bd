import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from scipy.stats import entropy
from sklearn.neighbors import NearestNeighbors

from standin.measures import further as module
from standin.measures.further import other_distances, precision_and_recall, two_sample_accuracy, vendi


def points(n: int, d: int = 8, seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(n, d))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(dtype)


class TestOtherDistances:
    def test_three_vectors_by_hand(self) -> None:
        # Right angle between a and b, half a right angle from c to both.
        half = math.sqrt(0.5)
        found = other_distances(np.array([[1, 0], [0, 1], [half, half]]))
        near = math.sqrt(2 - 2 * half)
        assert found == pytest.approx(
            {
                "remote_clique_angular": (math.pi / 2 + 2 * math.pi / 4) / 3,
                "chamfer_angular": math.pi / 4,
                "remote_clique_euclidean": (math.sqrt(2) + 2 * near) / 3,
                "chamfer_euclidean": near,
            }
        )

    def test_opposite_vectors_are_as_far_apart_as_can_be(self) -> None:
        found = other_distances(np.array([[1.0, 0], [-1, 0]], dtype=np.float32))
        assert list(found.values()) == pytest.approx([math.pi, math.pi, 2, 2])

    @pytest.mark.parametrize("block", [7, 1024])
    def test_they_are_those_of_scipys_pairs_and_sklearns_neighbours(
        self, block: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "BLOCK", block)
        vectors = points(60)
        near = NearestNeighbors(n_neighbors=2).fit(vectors).kneighbors(vectors)[0][:, 1]
        found = other_distances(vectors)
        assert found["remote_clique_euclidean"] == pytest.approx(pdist(vectors).mean(), abs=1e-9)
        assert found["remote_clique_angular"] == pytest.approx(np.arccos(1 - pdist(vectors, "cosine")).mean(), abs=1e-9)
        assert found["chamfer_euclidean"] == pytest.approx(near.mean(), abs=1e-9)
        assert found["chamfer_angular"] == pytest.approx(np.arccos(1 - near**2 / 2).mean(), abs=1e-9)

    def test_equal_vectors_are_no_distance_apart(self) -> None:
        assert list(other_distances(np.tile(points(1, 50, dtype=np.float32), (9, 1))).values()) == pytest.approx(
            [0] * 4, abs=1e-6
        )

    def test_distances_too_small_for_float32_cosines_are_told_apart(self) -> None:
        angle = 2e-4  # its cosine rounds to 1 in float32
        near = np.array([[1, 0], [math.cos(angle), math.sin(angle)]], dtype=np.float32)
        assert list(other_distances(near).values()) == pytest.approx([angle] * 4, rel=1e-3)


class TestVendi:
    def test_it_counts_orthogonal_vectors_and_takes_equal_ones_for_one(self) -> None:
        assert vendi(np.eye(5)) == pytest.approx(5)
        assert vendi(np.tile(np.eye(3)[:1], (7, 1))) == pytest.approx(1)
        assert vendi(np.eye(3)[[0, 0, 1, 1, 2, 2]]) == pytest.approx(3)
        assert vendi(points(1)) == pytest.approx(1)

    def test_two_clusters_of_unequal_size_by_hand(self) -> None:
        # Eigenvalues 3/4 and 1/4.
        expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
        assert vendi(np.eye(2)[[0, 0, 0, 1]]) == pytest.approx(expected)

    @given(st.integers(1, 30), st.integers(2, 30), st.integers(0, 999))
    @settings(max_examples=40)
    def test_it_is_the_entropy_of_the_kernels_eigenvalues(self, n: int, d: int, seed: int) -> None:
        vectors = points(n, d, seed)
        values = np.clip(np.linalg.svd(vectors @ vectors.T / n, compute_uv=False), 0, None)
        assert vendi(vectors) == pytest.approx(math.exp(entropy(values)), rel=1e-6)
        assert vendi(vectors) <= min(n, d) + 1e-6


class TestPrecisionAndRecall:
    def test_a_cluster_that_synthetic_texts_miss_lowers_recall_alone(self) -> None:
        rng = np.random.default_rng(0)
        one, other = np.eye(6)[[0] * 40], np.eye(6)[[1] * 40]
        near = [group + rng.normal(scale=0.05, size=group.shape) for group in (one, other, one)]
        real, synthetic = np.concatenate(near[:2]), np.concatenate([near[2], near[2][::-1] + 0.0])
        real, synthetic = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (real, synthetic))
        found = precision_and_recall(real, synthetic[:40])
        assert found is not None
        precision, recall = found
        assert precision > 0.7
        assert 0.3 < recall <= 0.5

    @pytest.mark.parametrize(("k", "block"), [(1, 1024), (3, 1024), (3, 7), (5, 10)])
    def test_they_are_those_of_a_plain_computation(self, k: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "BLOCK", block)
        real, synthetic = points(30, seed=1), points(25, seed=2)
        expected = []
        for vectors, others in ((synthetic, real), (real, synthetic)):
            radius = np.sort(cdist(others, others), axis=1)[:, k]
            expected.append(np.mean([(np.linalg.norm(v - others, axis=1) <= radius).any() for v in vectors]))
        assert precision_and_recall(real, synthetic, k) == pytest.approx(tuple(expected))

    def test_copies_are_inside_and_opposite_texts_outside(self) -> None:
        vectors = points(20)
        assert precision_and_recall(vectors, vectors) == (1, 1)
        equal = np.tile(points(1, 50, dtype=np.float32), (9, 1))
        assert precision_and_recall(equal, equal) == (1, 1)
        assert precision_and_recall(equal, -equal) == (0, 0)

    @pytest.mark.parametrize(("n", "m"), [(3, 9), (9, 3), (0, 9)])
    def test_a_side_without_so_many_neighbours_has_none(self, n: int, m: int) -> None:
        assert precision_and_recall(points(n), points(m)) is None


class TestTwoSampleAccuracy:
    def test_sets_apart_are_told_apart_and_sets_of_one_kind_are_not(self) -> None:
        one, other = points(100, seed=1), points(100, seed=2)
        accuracy, low, high = two_sample_accuracy(one, other, 1)
        assert low < 0.5 < high
        assert low < accuracy < high
        assert two_sample_accuracy(np.abs(one), -np.abs(other), 1)[0] == 1

    def test_the_interval_is_wilsons(self) -> None:
        accuracy, low, high = two_sample_accuracy(points(40, seed=1), points(40, seed=2), 1)
        z, n = 1.959963984540054, 80
        middle = (accuracy + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
        assert (low, high) == pytest.approx((middle - half, middle + half))

    def test_it_is_fitted_on_other_texts_than_it_judges(self) -> None:
        # In 60 dimensions 20 texts a side are separable, so a fit on all of them would be right on all.
        assert two_sample_accuracy(points(20, 60, 1), points(20, 60, 2), 1)[0] < 0.8

    def test_two_texts_a_side_and_equal_texts_have_an_answer(self) -> None:
        assert 0 <= two_sample_accuracy(points(2, seed=1), points(2, seed=2), 1)[0] <= 1
        equal = np.tile(points(1), (10, 1))
        assert two_sample_accuracy(equal, equal, 1)[0] == 0.5
