"""Each strategy against a slow reading of its definition, written here text by text."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_selection import THREE, generator, reordered, texts

from standin.corpus import ArmRow, Row, write_rows
from standin.errors import StandinError
from standin.labelling.labels import Labelled, digest, write_labels
from standin.selection import coverage, margin, neighbours, ranking, registry, sampled, sqbc, sqbc_diverse
from standin.selection.budgets import in_texts
from standin.selection.earlier import labelled_before
from standin.selection.pool import Settings, Texts

NOBODY = Texts(())


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine distance by its definition."""
    one, other = one.astype(float), other.astype(float)
    lengths = math.sqrt(sum(a * a for a in one)) * math.sqrt(sum(b * b for b in other))
    return 1 - sum(a * b for a, b in zip(one, other, strict=True)) / lengths


def at(*degrees: float, prefix: str = "p") -> Texts:
    angles = np.radians(degrees)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Texts(tuple(f"{prefix}{place}" for place in range(len(degrees))), vectors)


def budgeted(budget: int, *, balance: bool = False) -> Settings:
    return Settings(neighbours=3, balance=balance, budget=budget)


# Neighbours


def plainly(queries: np.ndarray, index: np.ndarray, k: int) -> list[list[int]]:
    """The k nearest by cosines in float64 to nine decimals, the earlier of equals first, row by row."""
    unit = index / np.linalg.norm(index, axis=1, keepdims=True)
    found = []
    for query in queries:
        cosines = np.round(unit @ (query / np.linalg.norm(query)), 9)
        found.append(sorted(np.lexsort((np.arange(len(index)), -cosines))[:k].tolist()))
    return found


@pytest.mark.parametrize("size", [30, 240, 603, 2017])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_cosines_that_float32_cannot_tell_apart_are_ranked_by_float64(size: int, k: int) -> None:
    """Texts in clusters a hundred-millionth wide: float32 sees each cluster as one place."""
    draw = generator(size + k)
    centres = draw.standard_normal((12, 40))
    index = centres[draw.integers(0, 12, size)] + 1e-8 * draw.standard_normal((size, 40))
    queries = centres[draw.integers(0, 12, 50)] + 0.3 * draw.standard_normal((50, 40))
    assert neighbours.nearest(queries, index, k).tolist() == plainly(queries, index, k)


def test_equal_texts_of_a_large_index_are_taken_from_the_front_also_in_the_last_columns() -> None:
    draw = generator(3)
    index = np.repeat(draw.standard_normal((7, 8)), [200, 150, 100, 90, 50, 10, 3], axis=0)[::-1]
    queries = draw.standard_normal((40, 8))
    assert neighbours.nearest(queries, index, 5).tolist() == plainly(queries, index, 5)


def test_the_margin_is_no_smaller_than_the_error_of_a_float32_product() -> None:
    draw = generator(4)
    one, other = (neighbours.unit_rows(np.abs(draw.standard_normal((300, 384)))) for _ in range(2))
    apart = np.abs(one.astype(np.float32) @ other.astype(np.float32).T - one @ other.T).max()
    assert 0 < apart < neighbours._margin(384) / 2 < 1e-4


def test_no_text_is_a_neighbour_of_its_own_not_even_among_equals() -> None:
    index = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    own = np.array([0, 1, 2, 3, -1])
    found = neighbours.nearest_others(np.vstack([index, [[1.0, 0.1]]]), index, 2, own)
    assert found.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]
    alike = np.ones((6, 2))
    assert neighbours.nearest_others(alike, alike, 2, np.arange(6)).tolist() == [[1, 2], [0, 2], *[[0, 1]] * 4]


def test_a_text_alone_has_no_others_to_be_neighbours() -> None:
    with pytest.raises(StandinError, match=r"select.neighbours is 2, but a text has only 1 others"):
        neighbours.nearest_others(np.eye(2), np.eye(2), 2, np.array([0, 1]))


@pytest.mark.parametrize("name", ["sqbc", "cal"])
def test_a_text_that_is_in_pool_and_labelled_scores_as_if_it_were_in_the_pool_alone(name: str) -> None:
    both, strategy = texts("s", 24, 2), registry.load(name)
    together = strategy(both, both, budgeted(0), generator())
    for place in range(24):
        others = reordered(both, np.delete(np.arange(24), place))
        alone = strategy(reordered(both, np.array([place])), others, budgeted(0), generator())
        assert together[place] == pytest.approx(alone[0])


# Margin


def test_margin_is_one_less_the_gap_of_the_two_likeliest_labels() -> None:
    pool = texts("p", 25, 5, classes=4)
    found = margin.scores(pool, NOBODY, THREE, generator())
    for row, score in zip(pool.probabilities.astype(float), found, strict=True):
        first, second = sorted(row / row.sum(), reverse=True)[:2]
        assert score == pytest.approx(1 - (first - second))


def test_margin_ranks_by_the_gap_not_by_the_likeliest_label() -> None:
    given = np.array([[0.5, 0.25, 0.25], [0.45, 0.44, 0.11], [0.9, 0.1, 0.0], [0.51, 0.49, 0.0]])
    found = margin.scores(Texts(tuple("abcd"), probabilities=given), NOBODY, THREE, generator())
    assert ranking.rank(found, generator()).tolist() == [1, 3, 0, 2]


def test_of_one_label_there_is_no_margin() -> None:
    assert margin.scores(Texts(("a",), probabilities=np.ones((1, 1))), NOBODY, THREE, generator()).tolist() == [0.0]


# Coverage


@pytest.mark.parametrize("labelled", [1, 6])
@pytest.mark.parametrize("budget", [1, 5, 20])
def test_coverage_takes_the_text_farthest_from_all_centres_again_and_again(labelled: int, budget: int) -> None:
    pool, known = texts("p", 20, 3), texts("l", labelled, 4)
    found = ranking.ranked(coverage.scores, pool, known, THREE, [budget], generator())
    centres, left = list(known.embeddings), set(range(20))
    for rank in range(budget):
        away = {place: min(distance(pool.embeddings[place], centre) for centre in centres) for place in left}
        farthest = max(away, key=lambda place: away[place])
        assert found.order[rank] == farthest
        assert found.scores[farthest] == pytest.approx(away[farthest])
        centres.append(pool.embeddings[farthest])
        left.remove(farthest)
    for place in left:  # those not taken have what is left between them and the centres
        assert found.scores[place] == pytest.approx(min(distance(pool.embeddings[place], one) for one in centres))


def test_coverage_without_labelled_texts_begins_anywhere() -> None:
    pool = at(0, 10, 80, 90)
    firsts = set()
    for seed in range(30):
        found = ranking.ranked(coverage.scores, pool, NOBODY, THREE, [2], generator(seed))
        firsts.add(int(found.order[0]))
        assert found.scores[found.order[0]] == 2
        assert abs(int(found.order[0]) - int(found.order[1])) >= 2, "the second lies at the other end"
    assert firsts == {0, 1, 2, 3}


def test_coverage_never_takes_equal_texts_twice_as_long_as_others_are_left() -> None:
    pool = at(0, 0, 0, 60, 60, 60, 120, 120, 120)
    for seed in range(5):
        found = ranking.ranked(coverage.scores, pool, NOBODY, THREE, [3], generator(seed))
        assert {int(place) // 3 for place in found.order[:3]} == {0, 1, 2}
        assert (found.scores[found.order[3:]] == 0).all()


def test_coverage_is_within_twice_the_best_radius() -> None:
    """What Gonzalez (1985) proves of farthest-first; the best of all pairs of centres, by trying them."""
    pool = texts("p", 14, 8)
    vectors = neighbours.unit_rows(pool.embeddings)
    apart = np.sqrt(np.maximum(2 - 2 * vectors @ vectors.T, 0))  # Euclidean: a metric, as the proof needs
    found = ranking.ranked(coverage.scores, pool, NOBODY, THREE, [2], generator()).order[:2]
    radius = apart[:, found].min(axis=1).max()
    best = min(apart[:, [one, other]].min(axis=1).max() for one in range(14) for other in range(one))
    assert best <= radius <= 2 * best


# SQBC with diversity


def test_sqbc_with_diversity_multiplies_disagreement_by_distance_from_what_is_taken() -> None:
    pool, synthetic, settings = texts("p", 30, 3), texts("s", 24, 4), budgeted(8)
    weights = sqbc.scores(pool, synthetic, settings, generator())
    found = sqbc_diverse.scores(pool, synthetic, settings, generator())
    order = ranking.rank(found, generator()).tolist()
    assert weights[order[0]] == weights.max()
    assert found[order[0]] == pytest.approx(2 * weights.max())
    taken, left = [order[0]], set(range(30)) - {order[0]}
    for rank in range(1, 8):
        worth = {
            place: weights[place] * min(distance(pool.embeddings[place], pool.embeddings[one]) for one in taken)
            for place in left
        }
        assert worth[order[rank]] == pytest.approx(max(worth.values()))
        assert found[order[rank]] == pytest.approx(worth[order[rank]])
        taken.append(order[rank])
        left.remove(order[rank])


def test_sqbc_with_diversity_leaves_the_twin_of_a_taken_text_and_texts_whose_committee_agrees_to_the_end() -> None:
    committee = at(*range(0, 90, 5), prefix="s")
    labels = np.arange(18) % 2
    labels[:4] = 0  # at 0 to 15 degrees all agree
    synthetic = Texts(committee.ids, committee.embeddings, labels)
    pool = at(5, 40, 40, 70, 70)
    found = ranking.ranked(sqbc_diverse.scores, pool, synthetic, budgeted(0), [2], generator())
    assert {int(place) for place in found.order[:2]} in ({1, 3}, {1, 4}, {2, 3}, {2, 4})
    assert (found.scores[found.order[2:]] == 0).all()


# Sampling


def test_sampling_draws_ordered_pairs_with_the_chances_of_drawing_without_replacement() -> None:
    weights, draws = np.array([1.0, 2.0, 5.0]), 6000
    stream = generator(1)
    seen = Counter(tuple(np.argsort(-sampled.keys(weights, stream))[:2].tolist()) for _ in range(draws))
    for first in range(3):
        for second in {0, 1, 2} - {first}:
            chance = weights[first] / 8 * weights[second] / (8 - weights[first])
            spread = math.sqrt(chance * (1 - chance) / draws)
            assert seen[first, second] / draws == pytest.approx(chance, abs=4 * spread)


def test_texts_of_no_score_are_drawn_last_in_an_order_of_the_seed() -> None:
    weights = np.array([0.0, 1e-9, 0.0, 3.0])
    orders = {
        tuple(ranking.rank(sampled.keys(weights, generator(seed)), generator(seed)).tolist()) for seed in range(60)
    }
    assert {order[2:] for order in orders} == {(0, 2), (2, 0)}
    assert {frozenset(order[:2]) for order in orders} == {frozenset({1, 3})}
    assert sampled.keys(np.zeros(3), generator()).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["sqbc", "cal", "margin"])
def test_a_sampled_strategy_draws_by_the_scores_of_the_one_it_is_named_after(name: str) -> None:
    pool, labelled = texts("p", 30, 1), texts("l", 24, 2)
    stream = generator(5)
    expected = sampled.keys(registry.load(name)(pool, labelled, THREE, stream), stream)
    found = registry.load(f"{name}_sampled")(pool, labelled, THREE, generator(5))
    assert found.tolist() == expected.tolist()


# Budgets


def pool_of(**sizes: int) -> list[Row]:
    return [
        Row(id=f"{name}{number}", text="t", question_id=name) for name, size in sizes.items() for number in range(size)
    ]


def test_fractions_are_of_the_smallest_questions_pool_and_numbers_stay() -> None:
    assert in_texts([48], pool_of(a=10)) == [48]
    assert in_texts([0.1, 0.25, 30], pool_of(a=40, b=100)) == [4, 10, 30]
    assert in_texts([0.5, 3], pool_of(a=20)) == [3, 10]
    assert in_texts([0.001], pool_of(a=20)) == [1]


def test_two_budgets_that_come_to_the_same_are_named() -> None:
    with pytest.raises(StandinError, match=r"select.budgets: 0.2 and 8 are 8 texts alike of the pool's 40"):
        in_texts([0.2, 8], pool_of(a=40))


# Rounds


POOL = {name: Row(id=name, text=f"text {name}", question_id=None) for name in "abcd"}


def test_peoples_labels_hold_for_every_seed_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    rows = [("c", "yes"), ("x", "no"), ("a", "no"), ("b", None)]
    write_rows(path, [Row(id=name, text=f"text {name}", label=label) for name, label in rows])
    found = labelled_before(path, POOL, [1, 2])
    assert [(row.id, row.label) for row in found[1]] == [("c", "yes"), ("a", "no")]
    assert found[2] == found[1]


def test_an_arms_rows_give_each_seed_its_own_labels_of_the_largest_budget(tmp_path: Path) -> None:
    path = tmp_path / "round1.jsonl"
    rows = [(1, 1, "c"), (1, 2, "a"), (1, 2, "d"), (2, 1, "b"), (2, 2, "b"), (2, 2, "c"), (2, 2, "synthetic1")]
    write_rows(path, [ArmRow(seed=seed, budget=budget, id=name, text=f"text {name}", label="yes") for seed, budget, name in rows])  # fmt: skip
    found = labelled_before(path, POOL, [2, 1])
    assert {seed: [row.id for row in own] for seed, own in found.items()} == {2: ["b", "c"], 1: ["a", "d"]}
    with pytest.raises(StandinError, match=r"round1.jsonl: labels no text of the pool \(seed 3\)"):
        labelled_before(path, POOL, [1, 3])


def test_an_answer_of_a_closed_round_to_another_text_is_none_so_that_the_text_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    found = [
        Labelled(id=name, digest=digest(text), votes={"me": "yes"}, round=1)
        for name, text in (("a", "another"), ("c", "text c"))
    ]
    write_labels(path, found)
    assert [row.id for row in labelled_before(path, POOL, [1])[1]] == ["c"]
    write_labels(path, [replace(found[0], round=None)])
    with pytest.raises(StandinError, match="id 'a' was another text there but 'text a' in the pool"):
        labelled_before(path, POOL, [1])


def test_labels_that_were_given_to_other_texts_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "labels.jsonl", [Row(id="a", text="another", label="yes")])
    with pytest.raises(StandinError, match=r"id 'a' is 'another' there but 'text a' in the pool"):
        labelled_before(tmp_path / "labels.jsonl", POOL, [1])
