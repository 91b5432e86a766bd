"""Our pipeline against distilabel's text generation: the same model, prompts and sampling, alternating.

    python benchmarks/against_distilabel.py FOLDER [--repeats 3] [--rows 32] [--tokens 32]

FOLDER holds distilabel and what it needs beside our own packages:
``pip install --target FOLDER --no-deps distilabel==1.5.3 portalocker tblib universal_pathlib pathlib_abc orjson nltk
httpx httpcore``. Its TransformersLLM passes one prompt at a time; it is also measured with a batch set from outside.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))

from generation import RESULTS, ROOT, THREADS, alternating, machine, prompts

from standin.config import Runtime
from standin.embedded import GENERATOR, resolve
from standin.engines import registry
from standin.engines.protocol import Sampling
from standin.generation.answering import answer_plan
from standin.generation.store import AnswerStore


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=32)
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path.append(given.folder)
    from distilabel.models.llms import TransformersLLM

    engine = registry.load("transformers", GENERATOR, "main", "float32", Runtime(threads=THREADS, device="cpu"))
    theirs_llm = TransformersLLM(model=resolve(GENERATOR), torch_dtype="float32", device="cpu")
    theirs_llm.load()
    tokenizer = theirs_llm._pipeline.tokenizer
    tokenizer.padding_side = "left"
    plan, say = prompts(0, "text", given.rows)
    identity = {"engine": "transformers", "version": "1", "model": GENERATOR, "revision": "main", "dtype": "float32"}
    sampling = Sampling(0.8, 0.95, given.tokens)

    def ours() -> int:
        with tempfile.TemporaryDirectory() as folder, AnswerStore(Path(folder) / "a.db") as store:
            found = answer_plan(plan, say, identity, sampling, given.rows, store, lambda: engine, lambda _: None)
        return sum(each.answer.tokens_out for each in found)

    def theirs() -> int:
        inputs = [[{"role": "user", "content": say(row)}] for row in plan]
        made = theirs_llm.generate(inputs=inputs, max_new_tokens=given.tokens, temperature=0.8, top_p=0.95, top_k=0)
        return sum(sum(output["statistics"]["output_tokens"]) for output in made)

    found: dict[str, Any] = {
        "machine": machine(),
        "rows": given.rows,
        "new_tokens": given.tokens,
        "distilabel": "1.5.3",
    }
    for name, batch in (("as it is", None), ("with a batch of all rows", given.rows)):
        theirs_llm._pipeline._batch_size = batch
        found[name] = alternating(ours, theirs, given.repeats)
        print(name, found[name], flush=True)
    (RESULTS / "against-distilabel.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
