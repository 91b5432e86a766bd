import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from standin.corpus import Row, read_rows, write_rows
from standin.errors import StandinError
from standin.sources.files import RawRows, Reading, read_raw
from standin.task import Columns, Task, load_task, parse_task

ROOT = Path(__file__).resolve().parents[1]


def read(tmp_path: Path, rows: list[dict[str, Any]], values: dict[str, str] | None = None, **columns: Any) -> RawRows:
    path = tmp_path / "a.jsonl"
    given = [{"id": str(place), "text": f"text {place}", "label": "joy"} | row for place, row in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    return read_raw(path, Reading(Columns(**columns), ["joy", "anger"], (), values or {}), "train")


def votes(found: RawRows) -> list[tuple[str, ...] | None]:
    return [row.annotations for row in found.rows]


COUNTS = {"joy": "n_joy", "anger": "n_anger"}


class TestCounts:
    def test_a_column_for_each_label_is_as_many_votes(self, tmp_path: Path) -> None:
        rows = [{"n_joy": 2, "n_anger": "1"}, {"n_joy": 0.0, "n_anger": 3.0}, {"n_joy": None, "n_anger": ""}]
        found = read(tmp_path, rows, annotations=COUNTS)
        assert votes(found) == [("joy", "joy", "anger"), ("anger",) * 3, None]

    def test_counts_as_pandas_writes_them_are_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        pd.DataFrame({"id": ["a", "b"], "text": ["x", "y"], "label": ["joy", "joy"], "n_joy": [3.0, None],
                      "n_anger": [0.0, 2.0]}).to_csv(path, index=False)  # fmt: skip
        assert votes(read_raw(path, Reading(Columns(annotations=COUNTS), ["joy", "anger"]), "train")) == [
            ("joy",) * 3, ("anger",) * 2,
        ]  # fmt: skip

    @pytest.mark.parametrize("as_json", [False, True])
    def test_a_mapping_in_one_column_is_counts(self, tmp_path: Path, as_json: bool) -> None:
        cells: list[Any] = [{"anger": 1, "joy": 2}, {"joy": None, "anger": 2}, {}]
        rows = [{"votes": json.dumps(cell) if as_json else cell} for cell in cells]
        assert votes(read(tmp_path, rows, annotations="votes")) == [("anger", "joy", "joy"), ("anger", "anger"), None]

    def test_parquet_mappings_are_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pd.DataFrame({"id": ["a", "b"], "text": ["x", "y"], "label": ["joy", "joy"],
                      "votes": [{"joy": 1, "anger": 2}, {"joy": 4}]}).to_parquet(path)  # fmt: skip
        found = read_raw(path, Reading(Columns(annotations="votes"), ["joy", "anger"]), "train")
        assert votes(found) == [("joy", "anger", "anger"), ("joy",) * 4]

    def test_labels_go_by_the_tasks_names_and_those_left_out_stay_votes(self, tmp_path: Path) -> None:
        values = {"J": "joy", "none": ""}
        found = read(tmp_path, [{"votes": {"J": 1, "none": 2}}], values, annotations="votes")
        assert votes(found) == [("joy", "none", "none")]

    @pytest.mark.parametrize("cell", ["x", -1, 1.5, "0.33", True, [1], "²"])
    def test_what_is_no_count_is_named_with_row_and_column(self, tmp_path: Path, cell: Any) -> None:
        with pytest.raises(
            StandinError, match=r"a\.jsonl, line 2: column 'n_anger' holds .* for 'anger', expected how"
        ):
            read(tmp_path, [{"n_joy": 1, "n_anger": 0}, {"n_joy": 1, "n_anger": cell}], annotations=COUNTS)

    def test_more_votes_than_there_are_annotators_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StandinError, match=r"line 1: column 'n_anger' brings the votes for one text above 1,000"):
            read(tmp_path, [{"n_joy": 600, "n_anger": 401}], annotations=COUNTS)

    def test_a_count_of_what_is_no_label_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StandinError, match=r"line 1: annotation 'angre' is not in the task: did you mean 'anger'"):
            read(tmp_path, [{"n": 1}], annotations={"angre": "n"})

    def test_a_broken_mapping_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(StandinError, match=r"line 1: column 'votes' begins as a mapping .* no JSON of one"):
            read(tmp_path, [{"votes": "{'joy': 3}"}], annotations="votes")

    def test_a_column_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(StandinError, match=r"there is no annotations column 'n_anger': did you mean 'n_ange'"):
            read(tmp_path, [{"n_joy": 1, "n_ange": 1}], annotations=COUNTS)


def test_a_column_for_each_annotator_is_a_vote_each(tmp_path: Path) -> None:
    rows = [{"ann": "joy", "bo": "anger", "cy": ""}, {"ann": None, "bo": "joy", "cy": "joy"}, {"ann": "", "bo": None, "cy": None}]  # fmt: skip
    assert votes(read(tmp_path, rows, annotations=["ann", "bo", "cy"])) == [("joy", "anger"), ("joy", "joy"), None]
    with pytest.raises(StandinError, match=r"there is no annotations column 'dee'"):
        read(tmp_path, rows, annotations=["ann", "dee"])


class TestBounds:
    @pytest.mark.parametrize(
        ("cells", "expected"),
        [
            ([0.5, 0.66, 1, None], [0.5, 0.66, 1, None]),
            ([50, 66, 100, ""], [0.5, 0.66, 1, None]),
            (["50%", "66 %", "1%", "0"], [0.5, 0.66, 0.01, 0]),
            (["0.75", "1", "0", "1.0"], [0.75, 1, 0, 1]),
        ],
    )
    def test_shares_and_percent(self, tmp_path: Path, cells: list[Any], expected: list[float | None]) -> None:
        found = read(tmp_path, [{"sure": cell} for cell in cells], agreement="sure")
        assert [row.agreement for row in found.rows] == expected

    @pytest.mark.parametrize("cell", ["most", -0.5, 101, True, "nan%", [0.5]])
    def test_what_is_no_share_is_named_with_row_and_column(self, tmp_path: Path, cell: Any) -> None:
        with pytest.raises(StandinError, match=r"a\.jsonl, line 2: column 'sure' holds .*, expected the least share"):
            read(tmp_path, [{"sure": ""}, {"sure": cell}], agreement="sure")

    def test_a_share_among_percent_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(
            StandinError, match=r"line 1: column 'sure' holds 0\.75 as a share and percent in other rows"
        ):
            read(tmp_path, [{"sure": 0.75}, {"sure": 66}], agreement="sure")

    def test_it_is_kept_in_the_splits(self, tmp_path: Path) -> None:
        rows = [Row(id="a", text="x", label="joy", agreement=0.5), Row(id="b", text="y")]
        write_rows(tmp_path / "rows.jsonl", rows)
        assert read_rows(tmp_path / "rows.jsonl", Row) == rows
        assert "agreement" not in (tmp_path / "rows.jsonl").read_text().splitlines()[1]


class TestMeasurement:
    def task(self, measurement: str, *labels: tuple[str, float | None]) -> Task:
        given = load_task("city-topics", ROOT).model_dump()
        given["labels"] = [
            {"name": name, "phrase": name, "description": name, "value": value} for name, value in labels
        ]
        given["source"]["measurement"] = measurement
        given["prompts"]["attributes"] = {}
        return parse_task(given, Path("tasks/city-topics.yaml"))

    def test_labels_are_names_unless_the_task_says_more(self) -> None:
        assert load_task("city-topics", ROOT).label_values == {}

    def test_ordinal_is_the_order_of_the_file(self) -> None:
        assert self.task("ordinal", ("low", None), ("mid", None), ("high", None)).label_values == {
            "low": 0, "mid": 1, "high": 2,
        }  # fmt: skip

    def test_interval_is_the_names_numbers_or_values(self) -> None:
        assert self.task("interval", ("1", None), ("2.5", None), ("ten", 10)).label_values == {
            "1": 1, "2.5": 2.5, "ten": 10,
        }  # fmt: skip

    @pytest.mark.parametrize("name", ["high", "nan", "inf"])
    def test_interval_without_a_number_is_refused(self, name: str) -> None:
        with pytest.raises(StandinError, match=rf"interval needs a number for every label, and '{name}' has none"):
            self.task("interval", ("1", None), (name, None))

    def test_equal_values_are_refused(self) -> None:
        with pytest.raises(StandinError, match="two labels have the same value"):
            self.task("interval", ("1", None), ("one", 1))

    def test_another_level_is_refused_with_those_that_there_are(self) -> None:
        with pytest.raises(StandinError, match=r"source\.measurement is 'ratio': .*'nominal', 'ordinal' or 'interval'"):
            self.task("ratio", ("1", None), ("2", None))
