"""Stage embed, foreach real and generated: one vector a text, for curation, diversity and SQBC.

SQBC compares question and comment together, g(q, x) (Wagner et al. 2025). Where a task has questions, the texts that it
reads (the pool and the generated ones) get a second vector, of the pair, in ``data/embeddings/<item>/pairs``. Curation
and diversity keep to the comments alone: under one question all pairs would be alike.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import Row, SyntheticRow, read_rows
from standin.errors import StandinError, counted
from standin.measures.embeddings import DESCRIPTIONS, PAIRS, embed_to, pair
from standin.task import Task

REAL = {split: Path(f"data/real/{split}.jsonl") for split in ("shots", "pool", "validation", "test")}
GENERATED = Path("data/translated/texts.jsonl")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Embed the texts of ``item`` and write ``data/embeddings/<item>``; its ``pairs`` where they have questions.

    Beside real texts stand the ``descriptions`` of labels and questions, which curation compares texts with.
    """
    said: Mapping[str, str] = {}
    if item == "real":
        splits = {split: read_rows(path, Row) for split, path in REAL.items()}
        rows: list[Row] = [row for found in splits.values() for row in found]
        paired: list[Row] = [row for row in splits["pool"] if row.question is not None]
        said = task.descriptions
    elif item == "generated":
        rows = list(read_rows(GENERATED, SyntheticRow))
        paired = [row for row in rows if row.question is not None]
    else:
        raise StandinError(f"embed: no texts named {item!r}; known: real, generated")
    folder = Path("data/embeddings") / item
    shutil.rmtree(folder, ignore_errors=True)
    groups = [
        (folder, [row.id for row in rows], [row.text for row in rows]),
        (folder / PAIRS, [row.id for row in paired], [pair(str(row.question), row.text) for row in paired]),
        (folder / DESCRIPTIONS, list(said), list(said.values())),
    ]
    kept = [group for group in groups if group[0] == folder or group[1]]
    dimension = embed_to(kept, params.embed.model, params.embed.revision, params.runtime)
    what = counted(len(rows), "text") + (f", {len(paired)} of them also with their question" if paired else "")
    print(f"embed {item}: {what}, {dimension} dimensions, {params.embed.model}")  # noqa: T201
    return {"texts": len(rows), "dimension": dimension} | ({"pairs": len(paired)} if paired else {})
