"""Fine-tuning with the Hugging Face Trainer: one classifier per call, everything random drawn from its seed."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from standin.classifier import processes
from standin.classifier.encoders import Classifier, Start
from standin.classifier.inputs import Inputs, collate
from standin.classifier.prediction import features
from standin.classifier.probe import constant_head, linear_probe
from standin.config import Length
from standin.errors import StandinError

WINDOW = 8  # batches sorted together by length: city-topics is padded to 53 tokens instead of 94 (47 without padding)
RECORDED = 100  # points of the loss curve at most


@dataclass(frozen=True, slots=True)
class Step:
    """A point of the loss curve: mean loss (nats) over the steps since the last point, and the learning rate."""

    step: int
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A classifier, its loss curve (at most 100 points), its steps, and the rows it read, repeats counted."""

    classifier: Classifier
    history: list[Step]
    steps: int
    rows_seen: int


def fine_tune(
    start: Start,
    inputs: Inputs,
    classes: npt.NDArray[np.intp],
    seed: int,
    on_step: Callable[[int], None],
    length: Length | None = None,
    read: npt.NDArray[np.float32] | None = None,
) -> Trained:
    """Train with AdamW on cross-entropy, with linear warm-up and decay, from a linear probe (``finetune.probe``).

    Where the GPU's memory does not hold a batch, the training starts anew with smaller micro-batches and the gradients
    of a whole batch accumulated, which changes the result by rounding and by the draws of dropout only. So do several
    processes (``runtime.processes``), each with its part of every batch; a last batch that is smaller is filled up with
    the first rows.

    The Trainer seeds the process's global generators of Python, NumPy and torch; dropout and a head without a probe
    draw from torch's. The order of the texts comes from a generator of its own.

    Args:
        start: the encoder or classifier to begin from; a classifier keeps its head, and no probe is fitted.
        inputs: the training texts, at least one.
        classes: place of each text's label in ``start.labels``, shape (n,).
        seed: of head, order and dropout.
        on_step: told the number of steps done, 1 at a time.
        length: of the training; default: that of ``start.settings``.
        read: what the head reads of each text at the start (``features``), shape (n, d); computed where it is None.

    Raises:
        StandinError: a single text does not fit into the GPU's memory; or several processes cannot share a batch, or
            hold their part of it.
    """
    import torch

    settings = start.settings
    micro_batch = processes.share_of(settings.batch)
    rows = rows_seen(len(inputs), length or settings, settings.batch)
    order = training_order(inputs.lengths(), rows, settings.batch, np.random.default_rng(seed))
    head = None
    if settings.probe and not start.warm:
        read = features(start.classifier(seed), inputs) if read is None else read
        head = linear_probe(read, classes, len(start.labels), settings.class_weights)
    while True:
        given = (start, inputs, classes, order, head, micro_batch, seed)
        processes.tell(given)
        try:
            classifier, history = _train(on_step, *given)
            return Trained(classifier, history, steps_of(rows, settings.batch), rows)
        except torch.OutOfMemoryError:
            if processes.world() > 1:  # the others are in the middle of a step, and wait for this one
                raise StandinError(
                    f"params.yaml: {micro_batch} texts of a batch do not fit into a GPU's memory: raise "
                    "runtime.processes where there are more GPUs, lower finetune.max_tokens or raise "
                    "finetune.frozen_layers; one process (runtime.processes=1) finds a smaller part by itself"
                ) from None
            if micro_batch == 1:
                raise StandinError(
                    f"params.yaml: finetune.encoder {settings.encoder!r} with one text of {settings.max_tokens} tokens "
                    "does not fit into the GPU's memory: lower finetune.max_tokens or raise finetune.frozen_layers"
                ) from None
        gc.collect()  # the Trainer holds itself, and with it the model, in a cycle
        torch.cuda.empty_cache()
        micro_batch = smaller(micro_batch, settings.batch)


def take_part() -> None:
    """In a process that ``torchrun`` started beside rank 0: train with it whatever it trains, until it lets go."""
    while (given := processes.hear()) is not None:
        _train(lambda _: None, *given)


def probed(
    start: Start,
    inputs: Inputs,
    classes: npt.NDArray[np.intp],
    seed: int,
    on_step: Callable[[int], None],
    read: npt.NDArray[np.float32] | None = None,
) -> Trained:
    """A linear probe on the encoder as it is, which learns nothing: no step; arguments as in ``fine_tune``.

    Where all texts have one label it gives every text that label.
    """
    classifier = start.classifier(seed)
    found = features(classifier, inputs) if read is None else read
    head = linear_probe(found, classes, len(start.labels), start.settings.class_weights)
    _take(classifier, head or constant_head(int(classes[0]), len(start.labels), found.shape[1]))
    on_step(1)
    return Trained(classifier, [], 0, len(inputs))


def _take(classifier: Classifier, head: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]) -> None:
    """Give the classifier the weights and biases of a head."""
    import torch

    with torch.no_grad():
        classifier.head.weight.copy_(torch.from_numpy(head[0]))
        classifier.head.bias.copy_(torch.from_numpy(head[1]))


def rows_seen(texts: int, length: Length, batch: int) -> int:
    """Rows that a training of ``texts`` texts reads, repeats counted: ``epochs`` passes between floor and ceiling."""
    wanted = max(1, round(length.epochs * texts))
    return min(max(wanted, length.min_steps * batch), length.max_steps * batch)


def steps_of(rows: int, batch: int) -> int:
    """Batches that hold ``rows`` rows, the last one perhaps fewer."""
    return -(-rows // batch)


def training_order(
    lengths: npt.NDArray[np.intp], rows: int, batch: int, generator: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Which text stands where in a training of ``rows`` rows: epochs in random order, alike lengths together.

    Every text comes once before any comes twice, up to the batches sorted together: within each ``WINDOW`` of batches
    texts are sorted by length, cut into batches, and the batches shuffled, which saves padding.

    Args:
        lengths: tokens of each text, shape (n,).
        rows: how many.
        batch: texts in a batch; the last one holds the rest.
        generator: draws everything.

    Returns:
        Places in ``lengths``, shape (rows,).
    """
    epochs = [generator.permutation(len(lengths)) for _ in range(-(-rows // len(lengths)))]
    drawn = np.concatenate(epochs)[:rows]
    found: list[npt.NDArray[np.intp]] = []
    for begin in range(0, rows, WINDOW * batch):
        window = drawn[begin : begin + WINDOW * batch]
        by_length = window[np.argsort(lengths[window], kind="stable")]
        whole = len(window) // batch * batch
        found += [*generator.permutation(by_length[:whole].reshape(-1, batch)), by_length[whole:]]
    return np.concatenate(found)


def class_weights(classes: npt.NDArray[np.intp], labels: int) -> npt.NDArray[np.float32]:
    """Weights that give every label present the same share of the loss, their mean over the texts 1; shape (labels,).

    classes: place of each text's label, shape (n,), at least one.
    """
    counts = np.bincount(classes, minlength=labels)
    present = counts > 0
    weights = np.ones(labels, dtype=np.float32)
    weights[present] = len(classes) / (present.sum() * counts[present])
    return weights


def smaller(micro_batch: int, batch: int) -> int:
    """The next smaller micro-batch, at most half as large, that divides the batch."""
    return max(size for size in range(1, micro_batch // 2 + 1) if batch % size == 0)


def _train(
    on_step: Callable[[int], None],
    start: Start,
    inputs: Inputs,
    classes: npt.NDArray[np.intp],
    order: npt.NDArray[np.intp],
    head: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None,
    micro_batch: int,
    seed: int,
) -> tuple[Classifier, list[Step]]:
    import torch
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            on_step(1)

    class Network(torch.nn.Module):
        """The classifier as the Trainer calls it."""

        def __init__(self, classifier: Classifier) -> None:
            super().__init__()
            self.classifier, self.model, self.head = classifier, classifier.model, classifier.head

        def forward(self, states: Any = None, **batch: Any) -> dict[str, Any]:
            return {"logits": self.classifier.forward(batch, states, inputs.values)[0]}

    settings = start.settings
    classifier = start.classifier(seed)
    if head is not None:
        _take(classifier, head)
    weight = torch.from_numpy(class_weights(classes, len(start.labels))) if settings.class_weights else None

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        logits = outputs["logits"].float()
        own = None if weight is None else weight.to(logits.device)
        total = torch.nn.functional.cross_entropy(logits, labels, weight=own, reduction="sum")
        return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)

    def batch_of(places: Sequence[int]) -> dict[str, Any]:
        own = inputs.at(places)
        batch, states = collate(classifier.tokenizer, own.encodings, own.states)
        batch["labels"] = torch.from_numpy(classes[list(places)])
        return dict(batch) if states is None else {**batch, "states": states}

    steps = steps_of(len(order), settings.batch)
    with TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=micro_batch,
            gradient_accumulation_steps=settings.batch // (micro_batch * processes.world()),
            learning_rate=settings.learning_rate,
            warmup_steps=round(settings.warmup * steps),
            lr_scheduler_type="linear",
            optim="adamw_torch_fused",  # one pass over the weights: separate ones were 28 % of a step on 2 cores
            weight_decay=settings.weight_decay,
            seed=seed,
            train_sampling_strategy="sequential",  # the rows are in training order already
            use_cpu=start.device == "cpu",
            bf16=settings.dtype == "bfloat16",
            dataloader_pin_memory=start.device == "cuda",
            remove_unused_columns=False,
            logging_steps=max(1, steps // RECORDED),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            log_level="error",
        )
        arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel over all cards would multiply the batch
        trainer = Trainer(
            Network(classifier),
            arguments,
            batch_of,
            train_dataset=order.tolist(),
            callbacks=[Told()],
            compute_loss_func=loss,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        points = [point for point in trainer.state.log_history if "loss" in point]
    return classifier, [Step(point["step"], point["loss"], point["learning_rate"]) for point in points]
