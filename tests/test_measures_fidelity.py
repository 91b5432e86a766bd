import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from standin.measures import fidelity as module
from standin.measures.fidelity import principal_plane, similarity


def points(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(n, d))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


class TestSimilarity:
    def test_by_hand(self) -> None:
        real = np.array([[1, 0], [0, 1]], dtype=np.float32)
        synthetic = np.array([[1, 0], [0.6, 0.8], [-1, 0]], dtype=np.float32)
        # The two most similar: to the first 1 and 0.6, to the second 0.8 and 0.
        assert similarity(real, synthetic, 2) == pytest.approx(((1 + 0.6) / 2 + (0.8 + 0) / 2) / 2)
        # The other way, nearest 1: 1, 0.8 and 0.
        assert similarity(synthetic, real, 1) == pytest.approx((1 + 0.8 + 0) / 3)

    @pytest.mark.parametrize("nearest", [1, 5, 17])
    def test_it_is_the_mean_cosine_of_sklearns_neighbours(self, nearest: int) -> None:
        real, synthetic = points(40, seed=1), points(50, seed=2)
        distance, _ = NearestNeighbors(n_neighbors=nearest, metric="cosine").fit(synthetic).kneighbors(real)
        assert similarity(real, synthetic, nearest) == pytest.approx((1 - distance).mean(), abs=1e-6)

    def test_where_there_are_fewer_than_asked_all_count(self) -> None:
        real, synthetic = points(4, seed=1), points(3, seed=2)
        assert similarity(real, synthetic, 5) == pytest.approx(float((real @ synthetic.T).mean()), abs=1e-6)

    @pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
    def test_an_empty_side_has_no_similarity(self, n: int, m: int) -> None:
        assert similarity(points(n), points(m), 5) is None

    @pytest.mark.parametrize("cells", [1, 50, 333])
    def test_the_size_of_blocks_changes_nothing(self, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
        real, synthetic = points(40, seed=1), points(50, seed=2)
        whole = similarity(real, synthetic, 5)
        monkeypatch.setattr(module, "BLOCK_CELLS", cells)
        assert similarity(real, synthetic, 5) == pytest.approx(whole, abs=1e-6)

    @given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 8))
    @settings(max_examples=30, deadline=None)
    def test_a_copy_of_the_real_texts_covers_them_fully_and_more_neighbours_lower_it(
        self, n: int, m: int, nearest: int
    ) -> None:
        real = points(n)
        assert similarity(real, np.concatenate([real, points(m, seed=3)]), 1) == pytest.approx(1, abs=1e-6)
        fewer, more = similarity(real, points(m, seed=3), nearest), similarity(real, points(m, seed=3), nearest + 1)
        assert fewer is not None
        assert more is not None
        assert more <= fewer + 1e-6


class TestPrincipalPlane:
    def test_it_is_sklearns_pca_up_to_the_direction_of_an_axis(self) -> None:
        vectors = points(50)
        np.testing.assert_allclose(
            np.abs(principal_plane(vectors)), np.abs(PCA(2).fit_transform(vectors.astype(np.float64))), atol=1e-6
        )

    def test_the_largest_component_of_each_axis_points_up(self) -> None:
        vectors = np.array([[0, 0], [3, 0.1], [-3, -0.1], [0, 1], [0, -1]])
        plane = principal_plane(vectors)
        assert plane[1, 0] > 0
        assert plane[3, 1] > 0

    def test_equal_vectors_give_equal_bytes(self) -> None:
        assert principal_plane(points(20)).tobytes() == principal_plane(points(20)).tobytes()

    def test_few_vectors_or_dimensions_still_have_a_place(self) -> None:
        assert principal_plane(np.empty((0, 5))).shape == (0, 2)
        np.testing.assert_array_equal(principal_plane(points(1)), [[0, 0]])
        np.testing.assert_allclose(principal_plane(np.array([[1.0], [3.0]])), [[-1, 0], [1, 0]])
