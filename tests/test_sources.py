"""Reading the files that people have, and drawing splits from them."""

import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standin.corpus import Row
from standin.errors import StandinError
from standin.sources.files import RawRows, Reading, read_raw
from standin.sources.proportions import equal, proportional, shares
from standin.sources.splits import Sizes, Splits, distinct, draw, normalised, set_apart
from standin.task import Columns, Question

ROWS = [
    {"id": "m1", "text": "Shall we meet at the pool at six?", "label": "ham"},
    {"id": "m2", "text": 'WIN a "cruise", text YES to 80808 – now', "label": "spam"},
    {"id": "m3", "text": "Grüße aus Köln, 我到了 🙂", "label": "ham"},
]


def reading(**changes: object) -> Reading:
    given = {"columns": Columns(), "labels": ["ham", "spam"]} | changes
    return Reading(**given)  # type: ignore[arg-type]


def read(path: Path, **changes: object) -> RawRows:
    return read_raw(path, reading(**changes), "train")


def json_lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def written(folder: Path, suffix: str) -> Path:
    """The three rows in one of the formats, written by pandas where it can."""
    import pandas as pd

    path = folder / f"train{suffix}"
    frame = pd.DataFrame(ROWS)
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif "jsonl" in suffix:
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    found = read(written(tmp_path, suffix))
    assert found.rows == tuple(Row(**row) for row in ROWS)  # type: ignore[arg-type]
    assert (found.empty_texts, found.unwanted_labels, found.questions_not_asked) == (0, 0, 0)


def test_texts_keep_their_line_breaks_quotes_and_byte_order_marks_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes('\ufeffid,text,label\r\n1,"two\nlines, one ""quote""",ham\r\n\r\n'.encode())
    assert read(path).rows == (Row(id="1", text='two\nlines, one "quote"', label="ham"),)


def test_a_file_without_ids_gets_them_from_its_part_and_line_numbers(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", {"text": "one", "label": "ham"}, {"text": "two", "label": "spam"})
    assert [row.id for row in read(path, columns=Columns(id=None)).rows] == ["train-00001", "train-00002"]


def test_label_values_of_the_file_are_mapped_and_unwanted_ones_left_out(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "one", "label": 0},
        {"id": 2, "text": "two", "label": 1.0},
        {"id": 3, "text": "three", "label": "unsure"},
    )
    found = read(path, values={"0": "ham", "1": "spam", "unsure": ""})
    assert [(row.id, row.label) for row in found.rows] == [("1", "ham"), ("2", "spam")]
    assert found.unwanted_labels == 1


def test_texts_of_blanks_and_missing_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = ({"id": n, "text": text, "label": "ham"} for n, text in enumerate(["yes", " \n ", None, ""]))
    found = read(json_lines(tmp_path / "a.jsonl", *rows, {"id": 9, "label": "spam"}))
    assert [row.text for row in found.rows] == ["yes"]
    assert found.empty_texts == 4


def test_a_file_whose_label_column_is_empty_is_a_file_without_labels(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "a.jsonl", {"id": 1, "text": "one", "label": None}, {"id": 2, "text": "b", "label": ""}
    )
    assert [row.label for row in read(path).rows] == [None, None]


def test_rows_of_further_labels_and_of_several_are_left_out_where_the_task_says_so(tmp_path: Path) -> None:
    given = [["ham"], ["ham", "spam"], ["offer"], [], "spam", "ham|spam", "offer|spam", "SPAM"]
    path = json_lines(
        tmp_path / "a.jsonl", *({"id": n, "text": f"t{n}", "label": each} for n, each in enumerate(given))
    )
    found = read(path, leave_out=True, values={"SPAM": "spam"})
    assert [(row.id, row.label) for row in found.rows] == [("0", "ham"), ("4", "spam"), ("7", "spam")]
    assert found.unwanted_labels == 5
    with pytest.raises(StandinError, match="label 'offer' is not in the task"):
        read(json_lines(tmp_path / "b.jsonl", {"id": 1, "text": "t", "label": "offer"}))


def test_words_that_are_not_wanted_are_taken_out_of_texts(tmp_path: Path) -> None:
    texts = ["#mark one  two", "three #mark four #mark", "five\nsix", "#mark"]
    path = json_lines(tmp_path / "a.jsonl", *({"id": n, "text": t, "label": "ham"} for n, t in enumerate(texts)))
    found = read(path, remove=["#mark"])
    assert [row.text for row in found.rows] == ["one two", "three four", "five\nsix"]
    assert found.empty_texts == 1


def test_questions_are_found_by_what_the_file_calls_them(tmp_path: Path) -> None:
    asked = [
        Question(id="tax", text="Should taxes rise?", value="3427"),
        Question(id="rent", text="Should rents rise?"),
    ]
    given = [3427, "tax", "Should rents rise?", 3428]
    path = json_lines(
        tmp_path / "a.jsonl", *({"id": n, "text": f"t{n}", "label": "ham", "about": q} for n, q in enumerate(given))
    )
    found = read(path, columns=Columns(question_id="about"), questions=asked)
    assert [row.question_id for row in found.rows] == ["tax", "tax", "rent"]
    others = read(path, columns=Columns(question_id="about"), questions=asked, others=True)
    assert [row.question_id for row in others.rows] == ["3428"]


def test_a_file_without_questions_answers_the_only_one_and_no_warm_start_does(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", *ROWS)
    tax, rent = Question(id="tax", text="Should taxes rise?"), Question(id="rent", text="Should rents rise?")
    columns = Columns(question_id="about")
    assert {row.question_id for row in read(path, columns=columns, questions=[tax]).rows} == {"tax"}
    for change in ({"questions": [tax, rent]}, {"questions": [tax], "others": True}):
        with pytest.raises(StandinError, match="there is no question_id column 'about'"):
            read(path, columns=columns, **change)


def test_annotations_are_lists_or_joined_by_bars(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "one", "label": "ham", "votes": [1, 0, None, ""]},
        {"id": 2, "text": "two", "label": "ham", "votes": "1 | 1"},
        {"id": 3, "text": "three", "label": "ham", "votes": None},
    )
    found = read(path, columns=Columns(annotations="votes"), values={"0": "ham", "1": "spam"})
    assert [row.annotations for row in found.rows] == [("spam", "ham"), ("spam", "spam"), None]
    with pytest.raises(StandinError, match=r"line 1: annotation '1' is not in the task"):
        read(path, columns=Columns(annotations="votes"))


def test_a_vote_for_a_label_that_the_task_leaves_out_stays_a_vote(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "one", "label": "FAVOR", "stances": ["FAVOR", "FAVOR", "NONE", "NONE"]},
        {"id": 2, "text": "two", "label": "NONE", "stances": "NONE|NONE|FAVOR"},
    )
    stances = {"FAVOR": "ham", "NONE": ""}
    found = read(path, columns=Columns(annotations="stances"), values=stances)
    assert [row.annotations for row in found.rows] == [("ham", "ham", "NONE", "NONE")]
    assert found.unwanted_labels == 1


ASKED = (Question(id="cars", text="Should cars stay out?"), Question(id="rent", text="Should rents be capped?"))


def test_questions_are_matched_by_id_or_by_wording_and_others_are_counted(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "one", "label": "ham", "q": "cars"},
        {"id": 2, "text": "two", "label": "spam", "q": "Should rents be capped?"},
        {"id": 3, "text": "three", "label": "other", "q": "dogs"},
    )
    found = read(path, columns=Columns(question_id="q"), questions=ASKED)
    assert [(row.question_id, row.question) for row in found.rows] == [
        ("cars", "Should cars stay out?"),
        ("rent", "Should rents be capped?"),
    ]
    assert found.questions_not_asked == 1


def test_warm_start_rows_are_those_of_other_questions(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "one", "label": "ham", "q": "cars", "question": "Should cars stay out?"},
        {"id": 2, "text": "two", "label": "spam", "q": "17", "question": "More dogs?"},
        {"id": 3, "text": "three", "label": "spam", "q": "More cats?"},
    )
    found = read(path, columns=Columns(question_id="q"), questions=ASKED, others=True)
    assert [(row.question_id, row.question) for row in found.rows] == [
        ("17", "More dogs?"),
        ("More cats?", "More cats?"),
    ]


def test_the_only_question_needs_no_column(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", {"id": 1, "text": "one", "label": "ham"})
    assert read(path, questions=ASKED[:1]).rows[0].question_id == "cars"
    with pytest.raises(StandinError, match=r"2 questions; name the column .* source\.columns\.question_id"):
        read(path, questions=ASKED)


GOOD = '{"id": 1, "text": "one", "label": "ham"}\n'
BROKEN = {
    "no rows": ("a.jsonl", "\n \n", r"a\.jsonl: the file holds no rows"),
    "broken JSON": ("a.jsonl", GOOD + "{oops}\n", r"a\.jsonl, line 2: broken JSON: .* One JSON object a line"),
    "no object": ("a.jsonl", GOOD + "[1]\n", r"line 2: expected a JSON object, found list"),
    "a cut gzip file": ("a.jsonl.gz", "no gzip", r"a\.jsonl\.gz: broken gzip file"),
    "no text column": (
        "a.jsonl",
        '{"id": 1, "txt": "x", "label": "ham"}',
        r"no text column 'text': did you mean 'txt'",
    ),
    "no label column": ("a.csv", "id,text\n1,one\n", r"no label column 'label'.*source\.columns\.label, or null"),
    "no id column": ("a.csv", "text,label\none,ham\n", r"no id column 'id'.*source\.columns\.id, or null"),
    "an unknown label": (
        "a.csv",
        "id,text,label\n1,one,Spam\n2,two,Spam\n3,three,??\n",
        r"a\.csv, row 2: label 'Spam' is not in the task: did you mean 'spam'\? Known: ham, spam\. "
        r"3 such rows: 'Spam' 2, '\?\?' 1\. Say in source\.values",
    ),
    "some rows without label": (
        "a.csv",
        "id,text,label\n1,one,ham\n2,two,\n",
        r"row 3: no label in column 'label'; 1 of 2 rows have none",
    ),
    "a list of labels": (
        "a.jsonl",
        '{"id": 1, "text": "x", "label": ["ham", "spam"]}',
        r"line 1: 2 labels \(ham, spam\)",
    ),
    "labels joined by a bar": ("a.csv", "id,text,label\n1,x,ham|spam\n", r"row 2: 2 labels .*exactly one label here"),
    "equal ids": ("a.csv", "id,text,label\n7,one,ham\n7,two,ham\n", r"id '7' stands more than once .*line numbers"),
    "a missing id": ("a.csv", "id,text,label\n,one,ham\n", r"row 2: no id in column 'id'"),
    "a field too many": ("a.csv", "id,text,label\n1,well, yes,ham\n", r"row 2: 4 fields, but .* names 3 columns"),
    "a lone quote": ("a.tsv", 'id\ttext\tlabel\n1\t"so\tham\n2\t"b" c\tham\n', r"a\.tsv, row 2: .*written twice"),
    "an open quote": ("a.csv", 'id,text,label\n1,"so,ham\n', r"a\.csv, row 2: unexpected end of data"),
    "a column twice": ("a.csv", "id,text,text\n1,a,b\n", r"column 'text' stands twice"),
    "a text that is a list": ("a.jsonl", '{"id": 1, "text": ["x"], "label": "ham"}', r"line 1: the text is a list"),
    "half a character": (
        "a.jsonl",
        '{"id": 1, "text": "a\\ud83d", "label": "ham"}',
        r"line 1: .*half a character.*place 2",
    ),
    "another kind of file": ("a.xlsx", "x", r"a\.xlsx: files of this kind are not read. Allowed: \.jsonl, "),
    "no Parquet": ("a.parquet", "x", r"a\.parquet: not a Parquet file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_file_is_said_with_its_place(tmp_path: Path, case: str) -> None:
    name, content, message = BROKEN[case]
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(StandinError, match=message):
        read(tmp_path / name)


def test_a_missing_file_names_both_ways_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(StandinError, match=r"a\.csv: there is no such file.*dvc pull.*standin data add"):
        read(tmp_path / "a.csv")


def test_a_file_in_another_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("id,text,label\n1,one,ham\n2,schön,ham\n".encode("latin-1")))
    with pytest.raises(StandinError, match=r"a\.csv\.gz, line 3: not UTF-8"):
        read(path)


def test_values_mapped_to_no_label_of_the_task_are_refused(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", {"id": 1, "text": "one", "label": "x"})
    with pytest.raises(StandinError, match=r"source\.values: 'x' is mapped to 'hamm'.*did you mean 'ham'"):
        read(path, values={"x": "hamm"})


# --- splits


def rows(**counts: int) -> list[Row]:
    """So many rows per label, each with a text of its own."""
    return [
        Row(id=f"{label}{n}", text=f"{label} text {n}", label=label) for label in counts for n in range(counts[label])
    ]


def drawn(given: list[Row], sizes: Sizes, test: list[Row] | None = None, seed: int = 1) -> Splits:
    return draw(given, test, sizes, np.random.default_rng(seed), "train.jsonl")


def labels(part: tuple[Row, ...]) -> dict[str | None, int]:
    return dict(Counter(row.label for row in part))


def test_largest_remainder_by_hand() -> None:
    # 10 seats for 47, 16, 37: quotas 4.7, 1.6, 3.7; floors 4, 1, 3; the two seats left go to the remainders .7 and .7
    assert proportional(10, {"a": 47, "b": 16, "c": 37}) == {"a": 5, "b": 1, "c": 4}
    assert proportional(7, {"a": 98, "b": 1, "c": 1}) == {"a": 5, "b": 1, "c": 1}, "every label once"
    assert proportional(2, {"a": 98, "b": 1, "c": 1}) == {"a": 2, "b": 0, "c": 0}, "where the size does not allow it"
    assert proportional(6, {"a": 6, "b": 6}, {"a": 6, "b": 1}) == {"a": 5, "b": 1}, "never more than there are"


def test_equal_shares_by_hand() -> None:
    assert equal(10, {"a": 100, "b": 2, "c": 100}) == {"a": 4, "b": 2, "c": 4}
    assert equal(2, {"a": 1, "b": 1, "c": 1}) == {"a": 1, "b": 1, "c": 0}


def test_natural_proportions_everywhere_but_in_the_shots() -> None:
    found = drawn(rows(ham=870, spam=130), Sizes(shots=20, validation=100, pool=300, test=200))
    assert labels(found.test) == {"ham": 174, "spam": 26}
    assert labels(found.validation) == {"ham": 87, "spam": 13}
    assert labels(found.pool) == {"ham": 261, "spam": 39}
    assert labels(found.shots) == {"ham": 10, "spam": 10}


def test_the_shots_have_an_example_of_a_label_that_exists_twice() -> None:
    found = drawn(rows(ham=98, rare=2), Sizes(shots=4, validation=20, pool=40, test=20))
    assert labels(found.shots) == {"rare": 1, "ham": 3}
    assert labels(found.test)["rare"] == 1


COUNTS = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 40), min_size=1)


@settings(max_examples=150)
@given(COUNTS, st.integers(0, 30), st.integers(0, 30), st.integers(0, 60), st.integers(0, 30), st.integers(0, 5))
def test_splits_are_disjoint_as_large_as_asked_and_of_one_text_once(
    counts: dict[str, int], shots: int, validation: int, pool: int, test: int, seed: int
) -> None:
    given_rows = rows(**counts)
    sizes = Sizes(shots, validation, pool, test)
    if shots + validation + pool + test > len(given_rows):
        with pytest.raises(StandinError, match=r"prepare\.\w+ asks for \d+ texts?, but \d+ (is|are) there"):
            drawn(given_rows, sizes, seed=seed)
        return
    found = drawn(given_rows, sizes, seed=seed)
    parts = (found.shots, found.validation, found.pool, found.test)
    assert tuple(len(part) for part in parts) == (shots, validation, pool, test)
    ids = [row.id for part in parts for row in part]
    assert len(set(ids)) == len(ids)
    if shots >= len(counts):
        assert set(labels(found.shots)) == set(counts)


@given(COUNTS, st.data())
def test_shares_never_exceed_what_is_there(counts: dict[str, int], data: st.DataObject) -> None:
    left = sum(counts.values())
    asked = {}
    for split in ("test", "validation", "shots", "pool"):
        asked[split] = data.draw(st.integers(0, left))
        left -= asked[split]
    found = shares(asked, counts)  # type: ignore[arg-type]
    for split, size in asked.items():
        assert sum(found[split].values()) == size
    assert all(sum(found[split][label] for split in asked) <= counts[label] for label in counts)


def test_equal_seeds_give_equal_splits_and_the_order_of_the_file_does_not_matter() -> None:
    given_rows, sizes = rows(a=40, b=60), Sizes(10, 10, 30, 20)
    first = drawn(given_rows, sizes)
    assert drawn(given_rows[::-1], sizes) == first
    assert drawn(given_rows, sizes, seed=2) != first


def test_a_larger_pool_holds_the_smaller_one_and_leaves_test_and_validation_alone() -> None:
    given_rows = rows(a=60, b=60)
    small, large = (drawn(given_rows, Sizes(8, 10, pool, 20)) for pool in (20, 60))
    assert {row.id for row in small.pool} < {row.id for row in large.pool}
    assert (small.test, small.validation) == (large.test, large.validation)


def test_more_shots_leave_every_other_split_alone() -> None:
    given_rows = rows(a=60, b=60)
    few, many = (drawn(given_rows, Sizes(shots, 10, 40, 20)) for shots in (4, 30))
    assert {row.id for row in few.shots} < {row.id for row in many.shots}
    assert (few.pool, few.test, few.validation) == (many.pool, many.test, many.validation)


def test_one_row_more_in_the_file_moves_hardly_any_other() -> None:
    sizes = Sizes(8, 10, 40, 20)
    before, after = drawn(rows(a=60, b=60), sizes), drawn(rows(a=61, b=60), sizes)
    moved = {row.id for row in before.pool} ^ {row.id for row in after.pool}
    assert len(moved) <= 4


def test_labels_are_mixed_in_the_order_of_a_split() -> None:
    pool = drawn(rows(a=100, b=100), Sizes(0, 0, 100, 0)).pool
    first_half = Counter(row.label for row in pool[:50])
    assert 10 < first_half["a"] < 40


def test_texts_without_labels_are_the_pool_all_of_them() -> None:
    given_rows = [Row(id=str(n), text=f"text {n}") for n in range(30)]
    found = drawn(given_rows, Sizes(shots=64, validation=48, pool=20, test=288))
    assert (len(found.pool), found.shots, found.validation, found.test) == (30, (), (), ())


def test_sizes_that_do_not_fit_name_split_numbers_and_key() -> None:
    with pytest.raises(
        StandinError,
        match=r"prepare\.pool asks for 90 texts, but 60 are there: train\.jsonl holds 100 usable texts; "
        r"test 20, validation 10, shots 10 go first\. Lower prepare\.pool",
    ):
        drawn(rows(a=50, b=50), Sizes(10, 10, 90, 20))


SUBJECTS = ("buses and trams", "parks and trees", "rents and flats", "schools and clubs", "bins and lamps")


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(SUBJECTS), st.sampled_from("abx")), min_size=8, max_size=30), st.integers(0, 9)
)
def test_sizes_hold_and_no_held_out_text_has_a_likeness_elsewhere_or_the_error_says_how_many_are_missing(
    given_texts: list[tuple[str, str]], seed: int
) -> None:
    """Texts on one subject are nearly equal, whatever their number; those of different subjects are not."""
    given_rows = [
        Row(id=str(n), text=f"We all wait for {subject} in town {n}", label=label)
        for n, (subject, label) in enumerate(given_texts)
    ]
    of = {row.id: subject for row, (subject, _) in zip(given_rows, given_texts, strict=True)}
    sizes = Sizes(shots=2, validation=1, pool=3, test=1)
    found, message = None, ""
    try:
        found = draw(given_rows, None, sizes, np.random.default_rng(seed), "train.jsonl", 0.7)
    except StandinError as error:
        message = str(error)
    if found is None:
        assert re.search(r"near-duplicates left out: \d+ of (test|validation)", message)
        return
    parts = {split: {of[row.id] for row in getattr(found, split)} for split in ("shots", "validation", "pool", "test")}
    assert [len(getattr(found, split)) for split in parts] == [2, 1, 3, 1]
    assert not parts["test"] & (parts["validation"] | parts["shots"] | parts["pool"])
    assert not parts["validation"] & (parts["shots"] | parts["pool"])
    assert {each.row.id for each in found.left_out} == {
        row.id for row in given_rows if of[row.id] in parts["test"] | parts["validation"]
    } - {row.id for row in (*found.test, *found.validation)}


def test_a_row_left_out_moves_no_other() -> None:
    unlike = [Row(id=f"r{n}", text=Random(n).randbytes(15).hex(), label="ab"[n % 2]) for n in range(60)]
    sizes = Sizes(4, 6, 20, 10)
    plain = drawn(unlike, sizes)
    held_out, taken = plain.test[0], plain.pool[0]
    like = [replace(row, text=held_out.text[:-1]) if row.id == taken.id else row for row in unlike]
    found = draw(like, None, sizes, np.random.default_rng(1), "train.jsonl", 0.7)
    assert [(each.row.id, each.split, each.other.id) for each in found.left_out] == [(taken.id, "test", held_out.id)]
    assert ({row.id for row in plain.pool} - {row.id for row in found.pool}) == {taken.id}
    assert (found.shots, found.validation, found.test) == (plain.shots, plain.validation, plain.test)


def test_a_published_test_file_gives_a_stratified_subset_with_its_repetitions() -> None:
    published = [
        Row(id=f"t{n}", text="WIN" if n < 10 else f"mail {n}", label="spam" if n < 10 else "ham") for n in range(40)
    ]
    found = drawn(rows(ham=30, spam=30), Sizes(4, 4, 10, 20), published)
    assert labels(found.test) == {"ham": 15, "spam": 5}
    assert {row.id for row in found.test} <= {row.id for row in published}
    assert len(drawn(rows(ham=30, spam=30), Sizes(4, 4, 10, 40), published).test) == 40
    with pytest.raises(StandinError, match=r"prepare\.test asks for 41 texts, but the test file holds 40"):
        drawn(rows(ham=30, spam=30), Sizes(4, 4, 10, 41), published)


def test_a_published_test_file_without_labels_is_refused() -> None:
    with pytest.raises(StandinError, match=r"no labelled text.*source\.test to null"):
        drawn(rows(ham=9, spam=9), Sizes(2, 2, 2, 2), [Row(id="t", text="x")])


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_labelled_file_beside_unlabelled_texts_may_lack_a_question_and_beside_labelled_ones_may_not(
    split: str,
) -> None:
    """Of texts without labels the pool takes all, whatever else there is; labelled ones need to be tested."""
    sizes = Sizes(shots=0, validation=2, pool=4, test=2)
    labelled = [
        Row(id=f"{question}{n}", text=f"{question} {n}", label="ab"[n % 2], question_id=question)
        for question in ("cars", "rent")
        for n in range(8)
    ]
    files = {"published_test": None, "published_validation": None} | {
        f"published_{split}": [replace(row, id=f"f{row.id}") for row in labelled if row.question_id == "cars"]
    }

    def found(given: list[Row]) -> Splits:
        return draw(given, sizes=sizes, rng=np.random.default_rng(1), where="train.jsonl", **files)  # type: ignore[arg-type]

    unlabelled = found([replace(row, label=None) for row in labelled])
    assert Counter(row.question_id for row in getattr(unlabelled, split)) == {"cars": 2}
    assert len(unlabelled.pool) == 16
    with pytest.raises(
        StandinError, match=rf"the {split} file holds no labelled text for .*'rent'.*source\.{split} to"
    ):
        found(labelled)


def test_every_question_gets_splits_of_the_full_size() -> None:
    given_rows = [
        Row(id=f"{question}{n}", text=f"{question} {n}", label="ab"[n % 2], question_id=question)
        for question in ("cars", "rent")
        for n in range(40)
    ]
    found = drawn(given_rows, Sizes(4, 6, 10, 8))
    assert Counter(row.question_id for row in found.pool) == {"cars": 10, "rent": 10}
    assert [row.question_id for row in found.test] == ["cars"] * 8 + ["rent"] * 8


def test_equal_texts_stay_once_contradicting_ones_go_and_those_of_the_test_file_too() -> None:
    given_rows = [
        Row(id="1", text="Free  PRIZE", label="spam"),
        Row(id="2", text="free prize", label="spam"),
        Row(id="3", text="Call me", label="ham"),
        Row(id="4", text="call\nme ", label="spam"),
        Row(id="5", text="On my way", label="ham"),
        Row(id="6", text="STRASSE", label="ham"),
        Row(id="7", text="straße", label="ham"),
    ]
    found = distinct(given_rows, taken=[Row(id="t", text="on MY way")])
    assert [row.id for row in found.rows] == ["1", "6"]
    assert (found.equal, found.contradicting, found.shared) == (2, 2, 1)


def test_files_are_set_apart_and_test_goes_before_validation_and_both_before_train() -> None:
    def of(part: str, *texts: str) -> list[Row]:
        return [Row(id=f"{part}{n}", text=text, label="ham") for n, text in enumerate(texts)]

    said_otherwise = replace(of("other", "six")[0], label="spam")
    parts = {
        "train": of("t", "one", "two", "three", "six"),
        "test": of("x", "one", "four", "four"),
        "validation": [*of("v", "four", "two", "five", "Five", "six"), said_otherwise],
    }
    clean, test, validation = set_apart(parts)
    assert [row.id for row in clean] == ["t2", "t3"], "six contradicts itself in validation, and is no text of it"
    assert test == parts["test"], "published files stay as they are"
    assert validation is not None
    assert [row.id for row in validation] == ["v1", "v2"]
    assert set_apart({"train": parts["train"]}) == (tuple(parts["train"]), None, None)


def test_one_text_may_have_different_labels_for_different_questions_but_stays_once() -> None:
    given_rows = [
        Row(id="1", text="Of course!", label="for", question_id="cars"),
        Row(id="2", text="of course!", label="against", question_id="rent"),
    ]
    found = distinct(given_rows)
    assert [row.id for row in found.rows] == ["1"]
    assert (found.equal, found.contradicting) == (1, 0)


@given(st.lists(st.tuples(st.sampled_from(["a", "A", " a", "b", "b b", "B  b", "ß", "ss"]), st.sampled_from("xy"))))
def test_no_two_rows_share_a_text_and_every_row_is_accounted_for(pairs: list[tuple[str, str]]) -> None:
    given_rows = [Row(id=str(n), text=text, label=label) for n, (text, label) in enumerate(pairs)]
    found = distinct(given_rows)
    texts = [normalised(row.text) for row in found.rows]
    assert len(set(texts)) == len(texts)
    assert len(found.rows) + found.equal + found.contradicting + found.shared == len(given_rows)
