"""Stage embed, foreach real and generated: one vector a text, for curation, diversity and SQBC."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import Row, SyntheticRow, read_rows
from standin.errors import StandinError
from standin.measures.embeddings import Embeddings, embed, write_embeddings
from standin.task import Task

REAL = tuple(Path(f"data/real/{split}.jsonl") for split in ("shots", "pool", "validation", "test"))
GENERATED = Path("data/translated/texts.jsonl")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Embed the texts of ``item`` and write ``data/embeddings/<item>``."""
    if item == "real":
        rows: list[Row] = [row for path in REAL for row in read_rows(path, Row)]
    elif item == "generated":
        rows = list(read_rows(GENERATED, SyntheticRow))
    else:
        raise StandinError(f"embed: no texts named {item!r}; known: real, generated")
    vectors = embed([row.text for row in rows], params.embed.model, params.embed.revision, params.runtime)
    write_embeddings(Path("data/embeddings") / item, Embeddings(tuple(row.id for row in rows), vectors))
    print(f"embed {item}: {len(rows)} texts, {vectors.shape[1]} dimensions, {params.embed.model}")  # noqa: T201
    return {"texts": len(rows), "dimension": vectors.shape[1]}
