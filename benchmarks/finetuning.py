"""Fine-tuning an arm's seeds against the plain Hugging Face Trainer: how many times as fast.

    python benchmarks/finetuning.py [--texts 320] [--seeds 3] [--repeats 3] [--all-layers]

The same encoder (the embedded MiniLM) with the same head, batches of 16, AdamW, learning rate and number of steps, two
epochs, for every seed. In turn, in one process:

- ``ours``: the texts are tokenised once, what the frozen layers put out for them is computed once, batches of alike
  length; the seeds share both;
- ``grouped``: the Trainer on its own: each seed loads the weights and tokenises, batches are padded to their longest
  text and grouped by length;
- ``fixed``: the same, all texts padded to ``finetune.max_tokens``.

Twice: with the default's frozen layers, which train in no variant, and with all layers trained (``--all-layers``, which
takes long). ``operations`` are those of our matrix products: per token 2 x weights forward, twice that backward where a
layer is trained. Texts: AG News of ``../shared/datasets`` where that is there, else the example task's pool.
Writes ``benchmarks/results/finetuning.json``.
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from generation import machine  # noqa: E402

from standin.classifier.encoders import Start, begin  # noqa: E402
from standin.classifier.inputs import inputs_of  # noqa: E402
from standin.classifier.training import fine_tune  # noqa: E402
from standin.config import Finetune, Runtime  # noqa: E402

THREADS, EPOCHS = 2, 2
NEWS = ROOT.parent / "shared/datasets/agnews/train.jsonl.gz"


def labelled(count: int) -> tuple[list[str], list[str]]:
    """Texts and their labels."""
    if NEWS.exists():
        with gzip.open(NEWS, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for _, line in zip(range(count), file, strict=False)]
    else:
        rows = [json.loads(line) for line in (ROOT / "data/real/oracle.jsonl").read_text("utf-8").splitlines()[:count]]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def ours(settings: Finetune, texts: list[str], codes: Any, labels: list[str], seeds: int) -> None:
    """All seeds as the stage finetune trains them; what is kept between runs goes into a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DVC_ROOT"] = folder
        start = begin(settings, labels, Runtime(threads=THREADS, device="cpu"))
        inputs = inputs_of(start, texts, [None] * len(texts))
        for seed in range(seeds):
            fine_tune(start, inputs, codes, seed, lambda _: None)


def plain(settings: Finetune, texts: list[str], codes: Any, labels: list[str], seeds: int, fixed: bool) -> None:
    """All seeds by the Trainer with its own sampling and padding."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    class Network(torch.nn.Module):
        def __init__(self, start: Start, seed: int) -> None:
            super().__init__()
            self.classifier = start.classifier(seed)
            self.model, self.head = self.classifier.model, self.classifier.head

        def forward(self, labels: Any = None, **batch: Any) -> dict[str, Any]:
            logits = self.classifier.forward(batch)[0]
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    for seed in range(seeds):
        start = begin(settings, labels, Runtime(threads=THREADS, device="cpu"))
        rows = [
            {**encoding, "labels": int(code), "length": len(encoding["input_ids"])}
            for encoding, code in zip(start.encode(texts, [None] * len(texts)), codes, strict=True)
        ]

        def batch_of(own: list[dict[str, Any]], tokenizer: Any = start.tokenizer) -> dict[str, Any]:
            given = [{name: row[name] for name in row if name not in ("labels", "length")} for row in own]
            padding = {"padding": "max_length", "max_length": settings.max_tokens} if fixed else {}
            return {
                **tokenizer.pad(given, return_tensors="pt", **padding),
                "labels": torch.tensor([row["labels"] for row in own]),
            }

        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder, num_train_epochs=settings.epochs, per_device_train_batch_size=settings.batch,
                learning_rate=settings.learning_rate, lr_scheduler_type="linear", seed=seed, use_cpu=True,
                train_sampling_strategy="random" if fixed else "group_by_length", remove_unused_columns=False,
                save_strategy="no", report_to="none", disable_tqdm=True, log_level="error", logging_steps=10**6,
            )  # fmt: skip
            trainer = Trainer(Network(start, seed), arguments, batch_of, train_dataset=rows)
            trainer.remove_callback(PrinterCallback)
            trainer.train()


def operations(settings: Finetune, texts: list[str], labels: list[str], seeds: int) -> int:
    """Those of ours in matrix products: frozen layers forward once, trained ones three times a reading."""
    start = begin(settings, labels, Runtime(threads=THREADS, device="cpu"))
    config = start.classifier(0).model.config
    width, wide, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    tokens = sum(len(encoding["input_ids"]) for encoding in start.encode(texts, [None] * len(texts)))
    layer = 4 * width * width + 2 * width * wide
    trained = (layers - settings.frozen_layers) * 3 * seeds * round(settings.epochs)
    return int(2 * layer * tokens * (settings.frozen_layers + trained))


def main() -> None:
    """Time the variants in turn, write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--texts", type=int, default=320)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--all-layers", action="store_true")
    asked = options.parse_args()
    texts, named = labelled(asked.texts)
    labels = sorted(set(named))
    codes = np.array([labels.index(name) for name in named], dtype=np.intp)
    result: dict[str, Any] = {
        "machine": machine(), "texts": len(texts), "seeds": asked.seeds, "epochs": EPOCHS,
        "source": "AG News" if NEWS.exists() else "city-topics", "settings": {},
    }  # fmt: skip
    plain(Finetune(epochs=1, frozen_layers=0), texts[:16], codes[:16], labels, 1, fixed=False)  # the imports
    for frozen in (Finetune().frozen_layers, *([0] if asked.all_layers else [])):
        settings = Finetune(epochs=EPOCHS, min_steps=1, frozen_layers=frozen)
        variants: dict[str, Callable[[], None]] = {
            "ours": lambda s=settings: ours(s, texts, codes, labels, asked.seeds),  # type: ignore[misc]
            "grouped": lambda s=settings: plain(s, texts, codes, labels, asked.seeds, False),  # type: ignore[misc]
            "fixed": lambda s=settings: plain(s, texts, codes, labels, asked.seeds, True),  # type: ignore[misc]
        }
        times: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(asked.repeats):
            for name, call in variants.items():
                started = time.perf_counter()
                call()
                times[name].append(round(time.perf_counter() - started, 2))
            print(frozen, {name: own[-1] for name, own in times.items()}, flush=True)
        median = {name: statistics.median(own) for name, own in times.items()}
        result["settings"][f"{frozen} layers frozen"] = {
            "seconds": times,
            "median": median,
            "over_ours": {name: round(median[name] / median["ours"], 2) for name in ("grouped", "fixed")},
            "operations": operations(settings, texts, labels, asked.seeds),
        }
        (ROOT / "benchmarks/results/finetuning.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
