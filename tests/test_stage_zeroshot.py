"""The stage that lets an LLM label the test texts; it judges texts as verify does (tests/test_verification.py)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from standin.config import Params, parse_params
from standin.corpus import Prediction, Row, read_rows, write_json, write_rows
from standin.engines import registry
from standin.engines.protocol import Chat
from standin.stages import evaluate, zeroshot
from standin.stages.runner import restrict, restrict_task
from standin.task import Task, load_task

ROWS = [
    Row(id="t1", text="the transport is late", label="transport"),
    Row(id="t2", text="housing is dear", label="environment"),
]


class Named:
    """An engine that finds each choice the likelier, the oftener its name stands in the text."""

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> npt.NDArray[np.float64]:
        return np.array([[2.0 * chat[-1][1].count(choice) for choice in choices] for chat in chats])


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(Path("data/real/test.jsonl"), ROWS)


def params(**groups: object) -> Params:
    raw = {"arms": {"model": ["llm"]}, "evaluate": {"references": [], "resamples": 100}, "finetune": {"seeds": [1, 2]}}
    return parse_params(raw | groups)


def task(*parts: str) -> Task:
    return restrict_task(load_task("city-topics", Path(__file__).parents[1]), set(parts))


def run(**group: str) -> object:
    given = restrict(params(zeroshot=group), {"zeroshot", "runtime"})
    return zeroshot.run(given, task("labels", "prompts"), "")


def test_where_no_arm_asks_no_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda *_: pytest.fail("a model was loaded"))
    write_json(Path("data/zeroshot/asked.json"), {"asked": False})
    assert run() == {"zeroshot_texts": 0}
    assert read_rows(zeroshot.PREDICTIONS, Prediction) == []


def test_the_model_labels_every_test_text_and_evaluate_scores_it_as_an_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(registry, "load", lambda *given: asked.append(given) or Named())  # type: ignore[func-returns-value]
    write_json(Path("data/zeroshot/asked.json"), {"asked": True})
    assert run(model="other/model", dtype="bfloat16") == {"zeroshot_texts": 2, "zeroshot_accuracy": 0.5}
    assert asked[0][:4] == ("transformers", "other/model", "main", "bfloat16")
    found = read_rows(zeroshot.PREDICTIONS, Prediction)
    assert [(one.id, one.label) for one in found] == [("t1", "transport"), ("t2", "housing")]
    assert all(sum(one.p.values()) == pytest.approx(1, abs=1e-5) for one in found)
    write_rows(Path("data/agreement/agreement.jsonl"), [])
    given = restrict(params(), {"arms", "evaluate", "select.labels", "select.pool", "finetune.seeds"})
    evaluate.run(given, task("labels"), "")
    rows = Path("reports/evaluate/scores.csv").read_text().splitlines()
    accuracy = next(row.split(",") for row in rows if row.startswith("model,") and ",accuracy," in row)
    assert "0.5" in accuracy
