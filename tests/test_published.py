"""Numbers that papers report for a task, as the task file holds them."""

from pathlib import Path
from typing import Any

import pytest

from standin.checked import read_yaml
from standin.errors import StandinError
from standin.published import Published
from standin.task import Task, parse_task

ROOT = Path(__file__).resolve().parents[1]
SOUND = {"paper": "Someone 2023", "mark": "recalled", "scores": {"bert": {"real": {"macro_f1": 0.9, "accuracy": 0.95}}}}


def task(published: dict[str, Any]) -> Task:
    path = ROOT / "tasks/city-topics.yaml"
    return parse_task(read_yaml(path, as_dvc=True) | {"published": published}, path)


def test_every_number_of_a_report_carries_its_mark() -> None:
    found = Published.model_validate(
        {**SOUND, "generator": "gpt", "subjectivity_stars": 2, "krippendorff_alpha": -0.03}
    )
    assert found.lines == [
        ("paper", "Someone 2023"), ("generator", "gpt (recalled)"), ("stars of subjectivity", "2 (recalled)"),
        ("Krippendorff's alpha", "-0.03 (recalled)"), ("bert, real", "macro-F1 0.900, accuracy 0.950 (recalled)"),
    ]  # fmt: skip


def test_a_task_without_published_numbers_says_so_by_an_empty_group() -> None:
    assert task({}).published == {}
    assert set(task({"li2023": SOUND}).published) == {"li2023"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mark": "remembered"}, r"published.li2023.mark is 'remembered': input should be 'published' or 'recalled'"),
        ({"mark": None}, r"published.li2023.mark is None"),
        ({"paper": ""}, r"published.li2023.paper is ''"),
        ({"subjectivity_stars": 6}, r"published.li2023.subjectivity_stars is 6"),
        ({"scores": {"bert": {"real": {"macro_f1": 95.3}}}}, r"scores.bert.real.macro_f1 is 95.3: .*less than or equal to 1"),
        ({"scores": {"bert": {"real": {}}}}, r"scores.bert.real: neither macro_f1 nor accuracy is there"),
        ({"scores": {"bert": {"real": {"f1": 0.9}}}}, r"unknown key 'published.li2023.scores.bert.real.f1'"),
        ({"recaled": True}, r"unknown key 'published.li2023.recaled'"),
    ],
)  # fmt: skip
def test_numbers_without_a_source_mark_or_scale_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StandinError, match=message):
        task({"li2023": SOUND | change})
