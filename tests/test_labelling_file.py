"""The labels file: what is read of it, and what is said where it is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from standin.errors import StandinError
from standin.labelling.labels import Labelled, majority, read_labels, write_labels

LINE = {"id": "p1", "label": "housing", "digest": "d1", "votes": {"anna": "housing"}}


def write(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_what_is_written_is_read_again_in_the_order_of_ids(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    found = [
        Labelled(id="p2", digest="b", votes={"ben": "housing", "anna": "transport"}),
        Labelled(id="p1", digest="a", votes={"anna": "Grün", "cy": None}, round=2),
    ]
    write_labels(path, found)
    assert read_labels(path) == {each.id: each for each in found}
    assert path.read_text(encoding="utf-8").splitlines() == [
        '{"id": "p1", "label": "Grün", "round": 2, "digest": "a", "votes": {"anna": "Grün", "cy": null}}',
        '{"id": "p2", "label": null, "digest": "b", "votes": {"anna": "transport", "ben": "housing"}}',
    ]


@pytest.mark.parametrize(
    ("votes", "label"), [([], None), (["a"], "a"), (["a", "b"], None), (["a", "b", "a"], "a"), (["a", "b", "c"], None)]
)
def test_the_label_is_what_most_say_and_none_where_they_are_divided(votes: list[str], label: str | None) -> None:
    assert majority(votes) == label


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 7}, "line 1: 'id' and 'digest' must be texts"),
        ({"votes": {}}, "line 1: 'votes' must name annotators"),
        ({"votes": {"anna": 1}}, "line 1: 'votes' must name annotators"),
        ({"round": 0}, "line 1: 'round' is 0; it is a whole number from 1"),
        ({"label": "transport"}, "the label is 'transport', and the votes make it 'housing': correct the votes"),
        ({"lable": "x"}, "line 1: unknown key 'lable': did you mean 'label'"),
        ({"label": "hosing", "votes": {"anna": "hosing"}}, "id 'p1' has the label 'hosing': did you mean 'housing'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "labels.jsonl", LINE | change)
    with pytest.raises(StandinError) as caught:
        read_labels(path, ["housing", "transport"])
    assert said in str(caught.value)


def test_an_id_twice_another_kind_of_file_and_none_are_said(tmp_path: Path) -> None:
    with pytest.raises(StandinError, match="line 2: id 'p1' stands twice"):
        read_labels(write(tmp_path / "labels.jsonl", LINE, LINE))
    with pytest.raises(StandinError, match=r"`standin label import .*labels.csv` checks its answers"):
        read_labels(tmp_path / "labels.csv")
    with pytest.raises(StandinError, match=r"there is no such file .*`standin label` asks for labels"):
        read_labels(tmp_path / "none.jsonl")
