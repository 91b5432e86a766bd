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
from standin.measures.embeddings import DESCRIPTIONS, PAIRS, Embeddings, embed, pair, write_embeddings
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
    texts = [row.text for row in rows] + [pair(str(row.question), row.text) for row in paired]
    vectors = embed([*texts, *said.values()], params.embed.model, params.embed.revision, params.runtime)
    folder = Path("data/embeddings") / item
    shutil.rmtree(folder, ignore_errors=True)
    write_embeddings(folder, Embeddings(tuple(row.id for row in rows), vectors[: len(rows)]))
    if paired:
        write_embeddings(folder / PAIRS, Embeddings(tuple(row.id for row in paired), vectors[len(rows) : len(texts)]))
    if said:
        write_embeddings(folder / DESCRIPTIONS, Embeddings(tuple(said), vectors[len(texts) :]))
    what = counted(len(rows), "text") + (f", {len(paired)} of them also with their question" if paired else "")
    print(f"embed {item}: {what}, {vectors.shape[1]} dimensions, {params.embed.model}")  # noqa: T201
    return {"texts": len(rows), "dimension": vectors.shape[1]} | ({"pairs": len(paired)} if paired else {})
