"""Encoders with a classification head: loaded from a package, a folder or the hub, frozen, saved, encoded for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from standin.config import Finetune, Runtime
from standin.corpus import write_json
from standin.embedded import resolve
from standin.errors import StandinError

Encoding = dict[str, list[int]]
"""One text, or one pair of question and text, as token ids (``input_ids``, ``token_type_ids``, ...)."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model with a classification head. ``labels`` is the order of its probabilities."""

    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    max_tokens: int
    dtype: str
    device: str

    def encode(self, texts: Sequence[str], questions: Sequence[str | None]) -> list[Encoding]:
        """Texts as the model reads them; see ``encode``."""
        return encode(self.tokenizer, texts, questions, self.max_tokens)


@dataclass(frozen=True, slots=True)
class Start:
    """Where every training of a stage begins: an encoder without a head, or a classifier fine-tuned before."""

    source: str
    labels: tuple[str, ...]
    settings: Finetune
    device: str
    tokenizer: Any

    def classifier(self, seed: int) -> Classifier:
        """A fresh classifier; a head that the source does not hold is drawn from ``seed``.

        Raises StandinError where the source holds no encoder or has fewer than ``finetune.frozen_layers`` layers.
        """
        import torch
        from transformers import AutoModelForSequenceClassification

        torch.manual_seed(seed)
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                self.source,
                revision=self.settings.revision,
                num_labels=len(self.labels),
                id2label=dict(enumerate(self.labels)),
                label2id={label: code for code, label in enumerate(self.labels)},
                ignore_mismatched_sizes=True,  # a hub classifier's head of other labels gives way to a new one
                dtype=torch.float32,  # a checkpoint saved in half precision would else be trained in it
                use_safetensors=True,
            )
        except (OSError, ValueError) as error:
            raise _unloadable(self.settings.encoder, error) from None
        settings = self.settings
        positions = getattr(model.config, "max_position_embeddings", settings.max_tokens)
        if settings.max_tokens > positions:  # not every tokenizer knows how much its model reads
            raise _too_long(settings, positions)
        model.config.problem_type = "single_label_classification"
        freeze(model, settings.frozen_layers)
        return Classifier(model, self.tokenizer, self.labels, settings.max_tokens, settings.dtype, self.device)

    def encode(self, texts: Sequence[str], questions: Sequence[str | None]) -> list[Encoding]:
        """Texts as the model reads them; see ``encode``."""
        return encode(self.tokenizer, texts, questions, self.settings.max_tokens)


def begin(settings: Finetune, labels: Sequence[str], runtime: Runtime, warm: Path | None = None) -> Start:
    """Prepare the trainings of a stage: threads, device, and the tokenizer of ``warm`` or of ``finetune.encoder``.

    ``warm``: the folder of a classifier fine-tuned before. Raises StandinError where the encoder cannot
    be loaded or ``finetune.max_tokens`` is more than it reads.
    """
    source = str(warm) if warm else resolve(settings.encoder)
    device = prepare(runtime)
    return Start(source, tuple(labels), settings, device, _tokenizer(source, settings))


def load(folder: Path, runtime: Runtime) -> Classifier:
    """A classifier that ``save`` wrote. Raises StandinError where the folder holds none."""
    if not tuned(folder):
        raise StandinError(f"{folder}: there is no classifier; `dvc repro finetune` or `dvc pull` brings it.")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    device = prepare(runtime)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
    labels = tuple(model.config.id2label[code] for code in range(model.config.num_labels))
    return Classifier(model, tokenizer, labels, tokenizer.model_max_length, "float32", device)


def tuned(folder: Path) -> Path | None:
    """The folder where it holds a classifier; None where it does not (its stage had nothing to do)."""
    return folder if (folder / "config.json").exists() else None


def save(classifier: Classifier, folder: Path, settings: Finetune, noted: Mapping[str, Any], card: str) -> None:
    """Write weights (safetensors), configuration, tokenizer (with ``max_tokens``), training.json and README.md.

    ``noted``: what training.json says beside the settings. ``card``: the model card.
    """
    classifier.model.save_pretrained(folder)
    tokenizer = classifier.tokenizer
    tokenizer.model_max_length = classifier.max_tokens
    tokenizer.save_pretrained(folder)
    write_json(folder / "training.json", {**settings.model_dump(exclude={"seeds", "save"}), **noted})
    (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")


def prepare(runtime: Runtime) -> str:
    """Set the number of threads and choose "cuda" or "cpu". Raises StandinError for a GPU that is not there."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(runtime.threads)
    available = torch.cuda.is_available()
    if runtime.device == "cuda" and not available:
        raise StandinError("params.yaml: runtime.device is 'cuda', and torch sees no GPU: take 'auto' or 'cpu'")
    return "cuda" if available and runtime.device != "cpu" else "cpu"


def encode(tokenizer: Any, texts: Sequence[str], questions: Sequence[str | None], max_tokens: int) -> list[Encoding]:
    """Token ids of each text, as "[CLS] question [SEP] text [SEP]" where it answers a question; longer ones are cut.

    Too long a pair loses tokens of the longer of the two.
    """
    encodings: dict[int, Encoding] = {}
    for paired in (False, True):
        places = [place for place, question in enumerate(questions) if (question is not None) == paired]
        if places:
            first = [str(questions[place]) for place in places] if paired else [texts[place] for place in places]
            second = [texts[place] for place in places] if paired else None
            found = tokenizer(first, second, truncation=True, max_length=max_tokens)
            for row, place in enumerate(places):
                encodings[place] = {name: values[row] for name, values in found.items()}
    return [encodings[place] for place in range(len(texts))]


def freeze(model: Any, layers: int) -> None:
    """Keep the embeddings and the lowest ``layers`` encoder layers as they are; 0 trains everything.

    Frozen layers run without dropout: it would disturb features that nothing adapts to, and drawing its random numbers
    is a fifth of a training step on a CPU. (ours)

    Raises StandinError where the model has fewer layers or keeps them in no list.
    """
    if layers == 0:
        return
    import torch

    base, count = model.base_model, model.config.num_hidden_layers
    if layers > count:
        raise StandinError(
            f"params.yaml: finetune.frozen_layers is {layers}, and the encoder has {count} layers: take 0 to {count}"
        )
    layer_list = next(
        (part for part in base.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == count), None
    )
    if layer_list is None:
        raise StandinError(
            f"params.yaml: finetune.frozen_layers is {layers}, but the layers of {type(base).__name__} were not found "
            f"(no list of {count}): take 0, or another finetune.encoder"
        )
    frozen = list(takewhile(lambda part: part is not layer_list, base.modules()))  # embeddings, their projections
    frozen += [part for layer in layer_list[:layers] for part in layer.modules()]
    for part in frozen:
        for parameter in part.parameters(recurse=False):
            parameter.requires_grad = False
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0


def _tokenizer(source: str, settings: Finetune) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=settings.revision)
    except (OSError, ValueError) as error:
        raise _unloadable(settings.encoder, error) from None
    if tokenizer.pad_token is None:
        raise StandinError(
            f"params.yaml: finetune.encoder {settings.encoder!r} has no padding token: take an encoder such as "
            "'roberta-base'"
        )
    if settings.max_tokens > tokenizer.model_max_length:
        raise _too_long(settings, tokenizer.model_max_length)
    return tokenizer


def _too_long(settings: Finetune, most: int) -> StandinError:
    return StandinError(
        f"params.yaml: finetune.max_tokens is {settings.max_tokens}, and {settings.encoder} reads {most} tokens at "
        "most: lower it"
    )


def _unloadable(encoder: str, error: Exception) -> StandinError:
    first = str(error).strip().splitlines()[0]
    return StandinError(
        f"params.yaml: finetune.encoder {encoder!r} cannot be loaded: {first} "
        "Name 'all-minilm-l6-v2', a folder, or a hub id whose weights are safetensors."
    )
