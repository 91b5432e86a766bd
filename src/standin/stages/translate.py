"""Generated texts in the task's language: data/generated/texts.jsonl -> data/drafts/texts.jsonl."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from standin.config import Params
from standin.corpus import SyntheticRow, read_rows, write_rows
from standin.errors import StandinError, counted
from standin.machine import torch_device
from standin.progress import progress
from standin.task import Task

GENERATED = Path("data/generated/texts.jsonl")
TRANSLATED = Path("data/drafts/texts.jsonl")


def run(params: Params, task: Task, item: str) -> Mapping[str, Any]:
    """Translate the generated texts, or copy them where prompts and task have one language."""
    if task.language == task.prompts.language:
        if not GENERATED.exists():
            raise StandinError(f"{GENERATED}: there is no such file; `dvc repro` or `dvc pull` brings it.")
        TRANSLATED.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GENERATED, TRANSLATED)
        print(f"translate: prompts and task are both {task.language!r}: nothing to translate, texts copied")  # noqa: T201
        return {"translated_texts": 0}
    rows = read_rows(GENERATED, SyntheticRow)
    if not rows:
        write_rows(TRANSLATED, [])
        print("translate: there are no texts")  # noqa: T201
        return {"translated_texts": 0}
    from standin.generation.translation import load_translator, sentence_count, translate

    device = torch_device(params.runtime)
    given = params.translate
    translator = load_translator(given.model, given.revision, task.prompts.language, task.language, device)
    texts = [row.text for row in rows]
    with progress("translate", sentence_count(texts), "sentences") as done:
        found = translate(texts, translator, given.max_tokens, given.chunk, done)
    write_rows(TRANSLATED, (replace(row, text=text) for row, text in zip(rows, found.texts, strict=True)))
    print(  # noqa: T201
        f"translate: {counted(len(rows), 'text')}, "
        f"{counted(found.sentences, 'sentence')}, {task.prompts.language} to {task.language} with "
        f"{given.model}; {found.cut} cut at {given.max_tokens} tokens"
    )
    return {"translated_texts": len(rows), "translated_sentences": found.sentences, "translations_cut": found.cut}
