"""People's edits in place of the texts they edited: data/drafts/texts.jsonl -> data/translated/texts.jsonl.

It stands before everything that reads a text (embedding, judging, curation), so that an edited text is embedded, judged
and compared by what it says now. Decisions that edit nothing leave its output as it was, and nothing after it runs
again for them but curation.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import SyntheticRow, read_rows, write_rows
from standin.curation.reviews import Reviews, check_labels, read_reviews
from standin.errors import StandinError, counted
from standin.task import Task

DRAFTS = Path("data/drafts/texts.jsonl")
TEXTS = Path("data/translated/texts.jsonl")
REVIEWS = Path("data/reviews")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Apply the edits of ``data/reviews/<task>.jsonl``; without any the texts are copied as they are."""
    if not DRAFTS.exists():
        raise StandinError(f"{DRAFTS}: there is no such file; `dvc repro` or `dvc pull` brings it.")
    path = REVIEWS / f"{task.name}.jsonl"
    decisions = read_reviews(path)
    TEXTS.parent.mkdir(parents=True, exist_ok=True)
    if not any(each.decision == "edit" for each in decisions.values()):
        shutil.copyfile(DRAFTS, TEXTS)
        print("edit: nobody edited a text, texts copied")  # noqa: T201
        return {"edited_texts": 0, "relabelled_texts": 0}
    before = read_rows(DRAFTS, SyntheticRow)
    after = Reviews(decisions).edited(before)
    check_labels(after, task.label_names, path)
    write_rows(TEXTS, after)
    pairs = list(zip(before, after, strict=True))
    edited = sum(old != new for old, new in pairs)
    relabelled = sum(old.label != new.label for old, new in pairs)
    print(f"edit: {counted(edited, 'text')} edited by people, {relabelled} of them with another label")  # noqa: T201
    return {"edited_texts": edited, "relabelled_texts": relabelled}
