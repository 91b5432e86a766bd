"""What reading a large file takes: a small multiple of its size, and the same values as a record of its own each."""

import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standin.corpus import Row
from standin.curation import duplicates
from standin.curation.duplicates import lexical_pairs, normalise
from standin.curation.jaccard import grams
from standin.curation.language import language_of
from standin.curation.lengths import unit_of_texts
from standin.sources.files import Reading, read_raw
from standin.sources.kept import MOST_SHARED, SHORT, Kept
from standin.sources.splits import distinct
from standin.task import Columns

ROWS = 12_000
READING = Reading(Columns(), ["ham", "spam"])
WORDS = [f"word{number}" for number in range(400)]


def texts(number: int, seed: int = 1) -> list[str]:
    """Texts of 20 words."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=20)) for _ in range(number)]


def written(folder: Path, suffix: str) -> Path:
    """A file of texts of 150 characters with ids and labels."""
    path = folder / f"texts{suffix}"
    rows = [(f"{n}", text, ("ham", "spam")[n % 2]) for n, text in enumerate(texts(ROWS))]
    if suffix == ".csv":
        path.write_text("".join(",".join(row) + "\n" for row in [("id", "text", "label"), *rows]))
    else:
        path.write_text(
            "".join(json.dumps(dict(zip(("id", "text", "label"), row, strict=True))) + "\n" for row in rows)
        )
    return path


def taken(call: Callable[[], Any]) -> int:
    """Bytes that Python's objects take at most while something is called."""
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1] if result is not None else 0
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_the_rows_of_a_file_take_less_than_three_times_its_size(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix)
    assert taken(lambda: read_raw(path, READING, "train")) < 3 * path.stat().st_size


def test_looking_at_all_texts_copies_none_of_them() -> None:
    many = texts(ROWS)
    size = sum(map(len, many))
    language_of(many[:10])  # loads its model
    assert taken(lambda: unit_of_texts(many)) < size / 10
    assert taken(lambda: language_of(many) or "") < size / 10
    rows = [Row(id=str(n), text=text, label="ham") for n, text in enumerate(many)]
    assert taken(lambda: distinct(rows)) < 2 * size, "30 bytes of sums and places for each text of 150"
    assert unit_of_texts([*many, "字" * 10]) == "words"
    assert unit_of_texts([many[0], "字" * 500]) == "characters"


def test_pairs_of_texts_are_found_in_parts_and_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    many, few = texts(4000), texts(5, seed=2)
    monkeypatch.setattr(duplicates, "COMPARED", 100)
    assert taken(lambda: lexical_pairs(many, few, 0.7)) < 20 * sum(map(len, many)), "their grams take 60 times as much"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text("abcd -é", max_size=14), max_size=9), st.lists(st.text("abcd -é", max_size=14), max_size=5),
    st.sampled_from([0.1, 0.5, 0.7, 1.0]), st.integers(1, 4),
)  # fmt: skip
def test_pairs_found_in_parts_are_those_of_the_definition(
    one: list[str], other: list[str], threshold: float, part: int
) -> None:
    expected = []
    for i, a in enumerate(grams(normalise(text)) for text in one):
        for j, b in enumerate(grams(normalise(text)) for text in other):
            if len(a & b) / len(a | b) >= threshold:
                expected.append((i, j, len(a & b) / len(a | b)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "COMPARED", part)
        assert lexical_pairs(one, other, threshold) == expected


CELLS = (
    st.none()
    | st.integers()
    | st.text(max_size=4)
    | st.text(min_size=SHORT - 1, max_size=SHORT + 1)
    | st.lists(st.none())
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**40), st.dictionaries(st.sampled_from("abcd"), CELLS)), max_size=8))
def test_records_come_back_as_they_were(rows: list[tuple[int, dict[str, Any]]]) -> None:
    kept = Kept(rows)
    assert list(kept) == rows
    assert [kept[place] for place in range(-len(rows), len(rows))] == rows * 2
    assert kept[1:5] == rows[1:5]
    assert len(kept) == len(rows)
    assert [list(record) for _, record in kept] == [list(record) for _, record in rows], "keys in their order"
    assert kept.columns == tuple(dict.fromkeys(key for _, record in rows for key in record))
    with pytest.raises(IndexError):
        kept[len(rows)]


def test_a_value_that_stands_often_is_kept_once() -> None:
    kept = Kept((n, {"id": f"{n:09}", "label": "".join(["sp", "am"])}) for n in range(MOST_SHARED * 2))
    assert len({id(record["label"]) for _, record in kept}) == 1
    assert [record["id"] for _, record in kept] == [f"{n:09}" for n in range(MOST_SHARED * 2)]
