from collections import Counter

import pytest

from standin.corpus import Row
from standin.subsets import misaligned, nested

ROWS = [Row(id=f"r{n}", text=f"text {n}", label="yes" if n % 4 else "no") for n in range(40)]


def ids(rows: list[Row]) -> list[str]:
    return [row.id for row in rows]


def test_smaller_subsets_lie_inside_larger_ones_and_keep_the_shares_of_the_labels() -> None:
    whole = ids(nested(ROWS, 40, 1, stratified=True))
    assert sorted(whole) == sorted(ids(ROWS))
    for size in (1, 4, 8, 20, 37):
        found = nested(ROWS, size, 1, stratified=True)
        assert ids(found) == whole[:size]
        share = Counter(row.label for row in found)["no"]
        assert abs(share - size / 4) <= 1, "10 of 40 rows are no"


def test_the_seed_draws_the_order() -> None:
    first, again, other = (ids(nested(ROWS, 10, seed, stratified=True)) for seed in (1, 1, 2))
    assert first == again
    assert set(first) != set(other)


def test_a_plain_draw_knows_no_labels() -> None:
    blind = [Row(id=row.id, text=row.text) for row in ROWS]
    assert ids(nested(ROWS, 12, 3, stratified=False)) == ids(nested(blind, 12, 3, stratified=False))
    shares = {Counter(row.label for row in nested(ROWS, 12, seed, stratified=False))["no"] for seed in range(20)}
    assert len(shares) > 2, "its labels fall as they fall"


def test_every_question_gets_the_size_and_an_order_of_its_own() -> None:
    rows = [Row(id=f"{q}{n}", text="t", label="yes", question_id=q) for q in "ab" for n in range(30)]
    found = nested(rows, 10, 1, stratified=True)
    assert Counter(row.question_id for row in found) == {"a": 10, "b": 10}
    assert [row.id[1:] for row in found[:10]] != [row.id[1:] for row in found[10:]]
    assert len(nested(rows[:35], 10, 1, stratified=True)) == 15, "all of a question that has fewer"


@pytest.mark.parametrize("stratified", [True, False])
def test_a_size_may_be_each_question_s_own(stratified: bool) -> None:
    rows = [Row(id=f"{q}{n}", text="t", label="ny"[n % 2], question_id=q) for n in range(20) for q in "abc"]
    found = nested(rows, {"a": 3, "c": 12, "d": 5}, 1, stratified=stratified)
    assert Counter(row.question_id for row in found) == {"a": 3, "c": 12}, "none of a question that has no size"
    alone = {q: nested([row for row in rows if row.question_id == q], 12, 1, stratified=stratified) for q in "ac"}
    assert found == [*alone["a"][:3], *alone["c"]], "each question's beginning is that of one size for all"
    assert ids(nested(ROWS, {None: 7}, 1, stratified=stratified)) == ids(nested(ROWS, 7, 1, stratified=stratified))


def test_misaligned_texts_are_those_of_the_next_question_at_most_as_many_as_its_own() -> None:
    sizes = {"a": 4, "b": 6, "c": 2}
    rows = [
        Row(id=f"{q}{n}", text=f"about {q}", label="yes" if n % 2 else "no", question_id=q, question=f"{q}?")
        for q, size in sizes.items()
        for n in range(size)
    ]
    found = misaligned(rows)
    assert Counter((row.question_id, row.question, row.text) for row in found) == {
        ("a", "a?", "about b"): 4,
        ("b", "b?", "about c"): 2,
        ("c", "c?", "about a"): 2,
    }
    assert Counter(row.label for row in found if row.question_id == "a") == {"yes": 2, "no": 2}
    assert len({row.id for row in found} | {row.id for row in rows}) == len(found) + len(rows)


def test_a_task_of_one_question_or_none_has_no_other_one() -> None:
    assert misaligned(ROWS) == []
    assert misaligned([Row(id="a", text="t", label="yes", question_id="q", question="q?")]) == []
