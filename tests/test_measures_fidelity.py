import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from standin.measures import fidelity as module
from standin.measures.fidelity import principal_plane, similarity, similarity_at_size, similarity_of_halves


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
    @settings(max_examples=30)
    def test_a_copy_of_the_real_texts_covers_them_fully_and_more_neighbours_lower_it(
        self, n: int, m: int, nearest: int
    ) -> None:
        real = points(n)
        assert similarity(real, np.concatenate([real, points(m, seed=3)]), 1) == pytest.approx(1, abs=1e-6)
        fewer, more = similarity(real, points(m, seed=3), nearest), similarity(real, points(m, seed=3), nearest + 1)
        assert fewer is not None
        assert more is not None
        assert more <= fewer + 1e-6


class TestSimilarityAtEqualNumber:
    def test_others_of_the_asked_number_are_compared_once_and_whole(self) -> None:
        real, synthetic = points(20, seed=1), points(12, seed=2)
        found = similarity_at_size(real, synthetic, 5, 12, 7, np.random.default_rng(1), 20)
        whole = similarity(real, synthetic, 5)
        assert found is not None
        assert (found.mean, found.low, found.high) == pytest.approx((whole, whole, whole))

    def test_it_is_the_mean_over_draws_of_the_others_alone(self) -> None:
        real, synthetic = points(20, seed=1), points(30, seed=2)
        found = similarity_at_size(real, synthetic, 5, 10, 40, np.random.default_rng(7), 20)
        rng = np.random.default_rng(7)
        values = [similarity(real, synthetic[rng.choice(30, 10, replace=False)], 5) for _ in range(40)]
        assert found is not None
        assert found.mean == pytest.approx(np.mean(np.array(values, dtype=float)))
        assert found.low < found.mean < found.high

    def test_sets_of_one_kind_are_equally_similar_both_ways_whatever_their_sizes(self) -> None:
        # Whole, the smaller set seems covered better: the larger one offers more to be like.
        few, many = points(60, seed=1), points(600, seed=2)
        whole = [similarity(many, few, 5), similarity(few, many, 5)]
        assert whole[1] is not None
        assert whole[0] is not None
        assert whole[1] - whole[0] > 0.1
        rng = np.random.default_rng(1)
        ways = [similarity_at_size(a, b, 5, 60, 20, rng, 600) for a, b in ((many, few), (few, many))]
        half = similarity_of_halves(many, 5, 60, 20, rng, 600)
        means = [found.mean for found in (*ways, half) if found is not None]
        assert means == pytest.approx([means[0]] * 3, abs=0.02)

    def test_each_draw_takes_no_more_than_the_most_vectors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[tuple[int, int]] = []
        monkeypatch.setattr(module, "similarity", lambda one, other, _: seen.append((len(one), len(other))) or 0.5)
        real, synthetic, rng = points(40, seed=1), points(8, seed=2), np.random.default_rng(1)
        similarity_at_size(real, synthetic, 5, 8, 3, rng, 6)
        similarity_of_halves(real, 5, 8, 2, rng, 6)
        assert seen == [(6, 8)] * 5, "the synthetic ones are all taken, and still three times other real ones"

    def test_equal_texts_are_as_similar_as_can_be(self) -> None:
        equal, rng = np.tile(points(1), (6, 1)), np.random.default_rng(1)
        for found in (similarity_at_size(equal, equal, 5, 3, 4, rng, 9), similarity_of_halves(equal, 5, 3, 4, rng, 9)):
            assert found is not None
            assert (found.mean, found.low, found.high) == pytest.approx((1, 1, 1))

    def test_halves_share_no_text(self) -> None:
        # Orthogonal vectors: only a text that stood in both halves would be like another.
        found = similarity_of_halves(np.eye(9, dtype=np.float32), 1, 5, 30, np.random.default_rng(1), 9)
        assert found is not None
        assert (found.low, found.high) == (0, 0)

    def test_one_text_has_no_halves_and_no_others_no_similarity(self) -> None:
        rng = np.random.default_rng(1)
        assert similarity_of_halves(points(1), 5, 1, 3, rng, 9) is None
        assert similarity_at_size(points(3), points(3), 5, 0, 3, rng, 9) is None
        assert similarity_at_size(points(0), points(3), 5, 2, 3, rng, 9) is None


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
