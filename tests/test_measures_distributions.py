"""Histograms to be drawn: known answers by hand, and what happens with nothing, one value and a long tail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.measures.distributions import BINS, binned, nearest_cosines


def test_whole_numbers_have_a_bin_each_where_there_are_few() -> None:
    found = binned({"real": [3, 3, 4, 6], "synthetic": [4]}, whole=True)
    assert [(bar.kind, bar.low, bar.high, bar.share) for bar in found if bar.share] == [
        ("real", 3, 4, 0.5),
        ("real", 4, 5, 0.25),
        ("real", 6, 7, 0.25),
        ("synthetic", 4, 5, 1.0),
    ]


def test_the_last_bin_holds_the_tail() -> None:
    found = binned({"real": [*range(1, 200), 9000]}, whole=True)
    assert found[-1].high < 300
    assert sum(bar.share for bar in found) == pytest.approx(1)


@pytest.mark.parametrize("whole", [True, False])
@given(
    st.dictionaries(
        st.sampled_from(["real", "synthetic"]), st.lists(st.integers(0, 3000) | st.floats(-1, 1), max_size=30)
    )
)
def test_the_shares_of_every_kind_make_one_over_few_common_bins(whole: bool, values: dict[str, list[float]]) -> None:
    if whole:
        values = {kind: [float(int(abs(value))) for value in some] for kind, some in values.items()}
    found = binned(values, whole=whole)
    kinds = [kind for kind, some in values.items() if some]
    assert list(dict.fromkeys(bar.kind for bar in found)) == kinds
    edges = {kind: [(bar.low, bar.high) for bar in found if bar.kind == kind] for kind in kinds}
    assert len({tuple(edge) for edge in edges.values()}) <= 1
    for kind in kinds:
        assert sum(bar.share for bar in found if bar.kind == kind) == pytest.approx(1)
        assert len(edges[kind]) <= BINS


def test_equal_values_make_a_bin_and_none_make_nothing() -> None:
    assert [bar.share for bar in binned({"real": [0.5] * 4}) if bar.share] == [1.0]
    assert binned({"real": [], "synthetic": []}) == binned({}) == []


def test_the_nearest_other_by_hand() -> None:
    angles = np.radians([0, 60, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert nearest_cosines(vectors) == pytest.approx([0.5, np.cos(np.radians(30)), np.cos(np.radians(30))])
    assert nearest_cosines(vectors[:1], vectors[1:]) == pytest.approx([0.5])


def test_without_another_there_is_no_nearest() -> None:
    one = np.eye(1, 3)
    assert len(nearest_cosines(one)) == len(nearest_cosines(one, one[:0])) == len(nearest_cosines(one[:0], one)) == 0


def test_the_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(1).standard_normal((23, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = nearest_cosines(vectors)
    cosines = vectors @ vectors.T - 3 * np.eye(23)
    assert whole == pytest.approx(cosines.max(axis=1))
    monkeypatch.setattr("standin.measures.distributions.BLOCK_CELLS", 70)
    assert nearest_cosines(vectors) == pytest.approx(whole)
