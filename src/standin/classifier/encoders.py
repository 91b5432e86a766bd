"""Encoders with a classification head: loaded from a package, a folder or the hub, frozen, saved, encoded for."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.classifier.frozen import freeze, passed
from standin.config import Finetune, Runtime
from standin.corpus import read_json, write_json
from standin.embedded import resolve
from standin.errors import StandinError
from standin.machine import torch_device

Encoding = dict[str, list[int]]
"""One text, or one pair of question and text, as token ids (``input_ids``, ``token_type_ids``, ...)."""

HEAD = Path("2_Dense/model.safetensors")
"""Where a saved classifier of averaged token vectors keeps its head."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model with a linear head. ``labels`` is the order of its probabilities.

    ``model`` is an encoder whose token vectors are averaged for ``head`` (``pooling: mean``), or one with a head of its
    own (``pooling: cls``), whose last linear layer is then ``head``. ``frozen``: its frozen layers, lowest first.
    """

    model: Any
    head: Any
    pooling: str
    tokenizer: Any
    labels: tuple[str, ...]
    max_tokens: int
    dtype: str
    device: str
    frozen: tuple[Any, ...] = ()

    def encode(self, texts: Sequence[str], questions: Sequence[str | None]) -> list[Encoding]:
        """Texts as the model reads them; see ``encode``."""
        return encode(self.tokenizer, texts, questions, self.max_tokens)

    def forward(self, batch: Mapping[str, Any], states: Any = None, values: int = 0) -> tuple[Any, Any]:
        """Logits, shape (n, labels), and the vectors that stand for the texts, shape (n, width): the mean, or [CLS].

        ``states``: what the frozen layers put out for the batch, shape (n, tokens, width), where it is known;
        ``values``: see ``frozen.passed``.
        """
        with nullcontext() if states is None else passed(self.frozen, values, states):
            out = self.model(**batch, output_hidden_states=self.pooling == "cls")
        if self.pooling == "cls":
            return out.logits, out.hidden_states[-1][:, 0]
        vectors = mean_pooled(out.last_hidden_state, batch["attention_mask"])
        return self.head(dropped(vectors, self.model)), vectors


@dataclass(frozen=True, slots=True)
class Start:
    """Where every training of a stage begins: an encoder without a head, or a classifier fine-tuned before (warm)."""

    source: str
    labels: tuple[str, ...]
    settings: Finetune
    device: str
    tokenizer: Any
    warm: bool = False

    def classifier(self, seed: int) -> Classifier:
        """A fresh classifier; a head that the source does not hold is drawn from ``seed``.

        Raises StandinError where the source holds no encoder or has fewer than ``finetune.frozen_layers`` layers.
        """
        import torch

        torch.manual_seed(seed)
        settings = self.settings
        try:
            model, head, pooling = _model(self)
        except (OSError, ValueError) as error:
            raise _unloadable(settings.encoder, error) from None
        positions = getattr(model.config, "max_position_embeddings", settings.max_tokens)
        if settings.max_tokens > positions:  # not every tokenizer knows how much its model reads
            raise _too_long(settings, positions)
        frozen = freeze(model, settings.frozen_layers)
        return Classifier(
            model, head, pooling, self.tokenizer, self.labels, settings.max_tokens, settings.dtype, self.device, frozen
        )

    def encode(self, texts: Sequence[str], questions: Sequence[str | None]) -> list[Encoding]:
        """Texts as the model reads them; see ``encode``."""
        return encode(self.tokenizer, texts, questions, self.settings.max_tokens)


def _model(start: Start) -> tuple[Any, Any, str]:
    """Model, head and pooling: of a classifier that ``save`` wrote, else the encoder with a head to be learned."""
    import torch
    from transformers import AutoModel, AutoModelForSequenceClassification

    settings, source = start.settings, start.source
    named: dict[str, Any] = {
        "revision": settings.revision,
        "id2label": dict(enumerate(start.labels)),
        "label2id": {label: code for code, label in enumerate(start.labels)},
        "dtype": torch.float32,  # a checkpoint saved in half precision would else be trained in it
        "use_safetensors": True,
    }
    written = start.warm and (Path(source) / HEAD).exists()
    if written or (not start.warm and settings.pooling == "mean"):
        model = AutoModel.from_pretrained(source, **named)
        head = torch.nn.Linear(model.config.hidden_size, len(start.labels))
        if written:
            _read_head(head, Path(source))
        return model, head, "mean"
    model = AutoModelForSequenceClassification.from_pretrained(
        source,
        **named,
        num_labels=len(start.labels),
        ignore_mismatched_sizes=True,  # a hub classifier's head of other labels gives way to a new one
    )
    model.config.problem_type = "single_label_classification"
    return model, last_linear(model, len(start.labels)), "cls"


def last_linear(model: Any, labels: int) -> Any:
    """The linear layer that gives the logits: the last one with as many outputs as labels."""
    import torch

    found = [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part.out_features == labels]
    return found[-1]


def mean_pooled(hidden: Any, mask: Any) -> Any:
    """Mean of the token vectors that the mask keeps; hidden: (n, tokens, width), mask: (n, tokens)."""
    kept = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * kept).sum(dim=1) / kept.sum(dim=1)


def dropped(vectors: Any, model: Any) -> Any:
    """Vectors under the dropout of the model's configuration, in training."""
    import torch

    share = getattr(model.config, "hidden_dropout_prob", 0.1)
    return torch.nn.functional.dropout(vectors, share, training=model.training)


def begin(settings: Finetune, labels: Sequence[str], runtime: Runtime, warm: Path | None = None) -> Start:
    """Prepare the trainings of a stage: threads, device, and the tokenizer of ``warm`` or of ``finetune.encoder``.

    ``warm``: the folder of a classifier fine-tuned before. Raises StandinError where the encoder cannot
    be loaded or ``finetune.max_tokens`` is more than it reads.
    """
    source = str(warm) if warm else resolve(settings.encoder)
    device = prepare(runtime)
    return Start(source, tuple(labels), settings, device, _tokenizer(source, settings), warm is not None)


def load(folder: Path, runtime: Runtime) -> Classifier:
    """A classifier that ``save`` wrote, answering in the precision that it was trained in.

    Raises StandinError where the folder holds none.
    """
    if not tuned(folder):
        raise StandinError(f"{folder}: there is no classifier; `dvc repro finetune` or `dvc pull` brings it.")
    import torch
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    device = prepare(runtime)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pooled = (folder / HEAD).exists()
    kind = AutoModel if pooled else AutoModelForSequenceClassification
    model = kind.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    labels = tuple(model.config.id2label[code] for code in range(model.config.num_labels))
    head = torch.nn.Linear(model.config.hidden_size, len(labels)) if pooled else last_linear(model, len(labels))
    if pooled:
        _read_head(head, folder)
    pooling = "mean" if pooled else "cls"
    dtype = str(read_json(folder / "training.json").get("dtype", "float32"))
    return Classifier(model, head, pooling, tokenizer, labels, tokenizer.model_max_length, dtype, device)


def tuned(folder: Path) -> Path | None:
    """The folder where it holds a classifier; None where it does not (its stage had nothing to do)."""
    return folder if (folder / "config.json").exists() else None


def in_half(classifier: Classifier) -> None:
    """Round every weight to half precision, as ``save`` can write it: a classifier then says what its file says."""
    import torch

    with torch.no_grad():
        for part in (classifier.model, classifier.head):
            for weight in part.parameters():
                weight.copy_(weight.half())


def save(
    classifier: Classifier, folder: Path, settings: Finetune, noted: Mapping[str, Any], card: str, *, half: bool = False
) -> None:
    """Write weights (safetensors), configuration, tokenizer (with ``max_tokens``), training.json and README.md.

    A classifier of averaged token vectors is written as sentence-transformers lays it out, its head as the module
    ``Dense``, so that ``SentenceTransformer(folder).encode(texts)`` gives the logits; one with a head of its own as
    ``AutoModelForSequenceClassification`` reads it.

    ``noted``: what training.json says beside the settings. ``card``: the model card. ``half``: in half precision, half
    as large, the head but for ``pooling: cls`` as it is; it is read into float32.
    """
    state = classifier.model.state_dict()
    if half:
        state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    classifier.model.save_pretrained(folder, state_dict=state)
    if classifier.pooling == "mean":
        _write_head(classifier, folder)
    tokenizer = classifier.tokenizer
    tokenizer.model_max_length = classifier.max_tokens
    tokenizer.save_pretrained(folder)
    write_json(folder / "training.json", {**settings.model_dump(exclude={"seeds", "keep"}), **noted})
    (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")


def _write_head(classifier: Classifier, folder: Path) -> None:
    from safetensors.torch import save_file

    width, labels = classifier.head.in_features, classifier.head.out_features
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{name}"}
        for place, (path, name) in enumerate(
            (("", "Transformer"), ("1_Pooling", "Pooling"), (HEAD.parent.name, "Dense"))
        )
    ]
    pooling = {"word_embedding_dimension": width, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    dense = {
        "in_features": width,
        "out_features": labels,
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": classifier.max_tokens})
    write_json(folder / "1_Pooling/config.json", pooling)
    write_json(folder / HEAD.parent / "config.json", dense)
    save_file(
        {f"linear.{name}": value.detach().cpu().contiguous() for name, value in classifier.head.named_parameters()},
        folder / HEAD,
    )


def _read_head(head: Any, folder: Path) -> None:
    from safetensors.torch import load_file

    head.load_state_dict({name.removeprefix("linear."): value for name, value in load_file(folder / HEAD).items()})


def prepare(runtime: Runtime) -> str:
    """Set the number of threads and choose "cuda" or "cpu". Raises StandinError for a GPU that is not there."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return torch_device(runtime)


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
