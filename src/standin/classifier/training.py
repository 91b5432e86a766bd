"""Fine-tuning with the Hugging Face Trainer: one classifier per call, everything random drawn from its seed."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier.encoders import Classifier, Encoding, Start
from standin.errors import StandinError

WINDOW = 4  # batches sorted together by length: city-topics is padded to 57 tokens instead of 94 (47 without padding)
RECORDED = 100  # points of the loss curve at most


@dataclass(frozen=True, slots=True)
class Step:
    """A point of the loss curve: mean loss (nats) over the steps since the last point, and the learning rate."""

    step: int
    loss: float
    learning_rate: float


def fine_tune(
    start: Start,
    encodings: Sequence[Encoding],
    classes: npt.NDArray[np.intp],
    seed: int,
    on_step: Callable[[int], None],
) -> tuple[Classifier, list[Step]]:
    """Train ``finetune.steps`` steps of AdamW on cross-entropy, with linear warm-up and decay.

    Where the GPU's memory does not hold a batch, the training starts anew with smaller micro-batches and the gradients
    of a whole batch accumulated, which changes the result by rounding and by the draws of dropout only.

    The Trainer seeds the process's global generators of Python, NumPy and torch; dropout and the head draw from
    torch's. The order of the texts comes from a generator of its own.

    Args:
        start: the encoder or classifier to begin from.
        encodings: the training texts, at least one; fewer texts than a batch are repeated.
        classes: place of each text's label in ``start.labels``, shape (n,).
        seed: of head, order and dropout.
        on_step: told the number of steps done, 1 at a time.

    Returns:
        The classifier and its loss curve, at most 100 points.

    Raises:
        StandinError: a single text does not fit into the GPU's memory.
    """
    import torch

    settings = start.settings
    lengths = np.array([len(encoding["input_ids"]) for encoding in encodings])
    order = training_order(lengths, settings.steps, settings.batch, np.random.default_rng(seed))
    rows = [{**encodings[place], "labels": int(classes[place])} for place in order]
    micro_batch = settings.batch
    while True:
        try:
            return _train(start, rows, micro_batch, seed, on_step)
        except torch.OutOfMemoryError:
            if micro_batch == 1:
                raise StandinError(
                    f"params.yaml: finetune.encoder {settings.encoder!r} with one text of {settings.max_tokens} tokens "
                    "does not fit into the GPU's memory: lower finetune.max_tokens or raise finetune.frozen_layers"
                ) from None
        gc.collect()  # the Trainer holds itself, and with it the model, in a cycle
        torch.cuda.empty_cache()
        micro_batch = smaller(micro_batch, settings.batch)


def training_order(
    lengths: npt.NDArray[np.intp], steps: int, batch: int, generator: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Which text stands where in ``steps`` batches: epochs in random order, alike lengths together.

    Every text comes once before any comes twice, up to the batches sorted together: within each ``WINDOW`` of batches
    texts are sorted by length, cut into batches, and the batches shuffled, which saves padding.

    Args:
        lengths: tokens of each text, shape (n,).
        steps: batches.
        batch: texts in each.
        generator: draws everything.

    Returns:
        Places in ``lengths``, shape (steps * batch,).
    """
    wanted = steps * batch
    epochs = [generator.permutation(len(lengths)) for _ in range(-(-wanted // len(lengths)))]
    drawn = np.concatenate(epochs)[:wanted]
    batches = []
    for begin in range(0, wanted, WINDOW * batch):
        window = drawn[begin : begin + WINDOW * batch]
        by_length = window[np.argsort(lengths[window], kind="stable")].reshape(-1, batch)
        batches.append(generator.permutation(by_length))
    order: npt.NDArray[np.intp] = np.concatenate(batches).ravel()
    return order


def smaller(micro_batch: int, batch: int) -> int:
    """The next smaller micro-batch, at most half as large, that divides the batch."""
    return max(size for size in range(1, micro_batch // 2 + 1) if batch % size == 0)


def _train(
    start: Start, rows: list[dict[str, Any]], micro_batch: int, seed: int, on_step: Callable[[int], None]
) -> tuple[Classifier, list[Step]]:
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            on_step(1)

    settings = start.settings
    classifier = start.classifier(seed)
    with TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=settings.steps,
            per_device_train_batch_size=micro_batch,
            gradient_accumulation_steps=settings.batch // micro_batch,
            learning_rate=settings.learning_rate,
            warmup_steps=round(settings.warmup * settings.steps),
            lr_scheduler_type="linear",
            optim="adamw_torch",
            weight_decay=settings.weight_decay,
            seed=seed,
            train_sampling_strategy="sequential",  # the rows are in training order already
            use_cpu=start.device == "cpu",
            bf16=settings.dtype == "bfloat16",
            dataloader_pin_memory=start.device == "cuda",
            logging_steps=max(1, settings.steps // RECORDED),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            log_level="error",
        )
        arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel over all cards would multiply the batch
        collator = DataCollatorWithPadding(classifier.tokenizer)
        trainer = Trainer(classifier.model, arguments, collator, train_dataset=rows, callbacks=[Told()])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        points = [point for point in trainer.state.log_history if "loss" in point]
    return classifier, [Step(point["step"], point["loss"], point["learning_rate"]) for point in points]
