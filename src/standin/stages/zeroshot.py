"""What the LLM says of the test texts, asked as it is: the answers of every arm ``[llm]``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import Prediction, Row, read_json, read_rows, write_rows
from standin.errors import counted
from standin.task import Task

ASKED = Path("data/zeroshot/asked.json")
TEST = Path("data/real/test.jsonl")
PREDICTIONS = Path("data/zeroshot/predictions.jsonl")
ARM = "llm"


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Write ``data/zeroshot/predictions.jsonl``: a label and probabilities for every test text; empty if no arm asks.

    The label is the most probable name, after contextual calibration (Zhao et al. 2021), as a judge of ``verify`` says
    it: the stance paper's comparison with the LLM itself (Wagner et al. 2025).
    """
    test = read_rows(TEST, Row) if read_json(ASKED)["asked"] else []
    if not test:
        write_rows(PREDICTIONS, [])
        print("zeroshot: no arm asks the LLM for test labels (an arm [llm] would)")  # noqa: T201
        return {"zeroshot_texts": 0}
    from standin.curation.verification import agreement, judge_by_llm
    from standin.engines.registry import load

    given = params.zeroshot
    engine = load(given.engine, given.model, given.revision, given.dtype, params.runtime)
    said = judge_by_llm(test, engine, task.prompts, task.label_names, params.runtime.batch)
    write_rows(
        PREDICTIONS,
        (
            Prediction(
                arm=ARM, budget=None, seed=0, question_id=row.question_id, id=row.id, label=one.judged_label, p=one.p
            )
            for row, one in zip(test, said, strict=True)
        ),
    )
    right = agreement(said, task.label_names).overall
    print(f"zeroshot: {given.model} labelled {counted(len(test), 'test text')}, {right:.1%} rightly")  # noqa: T201
    return {"zeroshot_texts": len(test), "zeroshot_accuracy": right}
