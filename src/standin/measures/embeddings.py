"""Sentence embeddings of texts: one unit vector a text, computed once and read by curation, diversity and SQBC."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from standin.cluster import alone, placed, spread
from standin.config import Runtime
from standin.corpus import read_json_lines, write_json_lines
from standin.embedded import names_folder, resolve
from standin.errors import StandinError
from standin.machine import torch_device
from standin.measures.bert import read_bert
from standin.progress import progress

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str], Callable[[int], None]], Vectors]
BLOCK = 2048
"""Texts that a worker of a cluster embeds at a time: 3 MB of vectors of 384 numbers come back."""
PAIRS = "pairs"
"""Folder beside ``vectors.npy`` with the vectors of question and text together, where texts have a question."""
DESCRIPTIONS = "descriptions"
"""Folder beside the real texts' ``vectors.npy`` with the vectors of what the task says of its labels and questions."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Unit vectors, shape (n, d), and the id of each row's text. Raises StandinError where an id stands twice."""

    ids: tuple[str, ...]
    vectors: Vectors

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.ids) != len(self.vectors):
            raise StandinError(f"embeddings: {len(self.ids)} ids for vectors of shape {self.vectors.shape}")
        seen: set[str] = set()
        for name in self.ids:
            if name in seen:
                raise StandinError(f"embeddings: the id {name!r} stands twice; every text needs an id of its own")
            seen.add(name)

    def of(self, ids: Sequence[str]) -> Vectors:
        """The vectors of ``ids``, in the order asked, shape (len(ids), d). Raises StandinError naming a missing id."""
        place = {name: row for row, name in enumerate(self.ids)}
        for name in ids:
            if name not in place:
                raise StandinError(
                    f"no embedding for the text with id {name!r} among {len(place)} embedded texts: "
                    "the embeddings are older than the texts; `dvc repro` brings them up to date"
                )
        return self.vectors[np.array([place[name] for name in ids], dtype=np.intp)]


def write_embeddings(folder: Path, embeddings: Embeddings) -> None:
    """Write ``vectors.npy`` (float32) and ``ids.jsonl`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vectors.npy", embeddings.vectors.astype(np.float32, copy=False), allow_pickle=False)
    write_json_lines(folder / "ids.jsonl", ({"id": name} for name in embeddings.ids))


def read_embeddings(folder: Path) -> Embeddings:
    """Read a folder of embeddings.

    Raises StandinError where a file is missing or broken, the two do not fit, or a vector has no direction: it holds
    NaN, infinity or zeros alone. Every measure that counts it would be NaN or a number that means nothing.
    """
    ids = tuple(str(value["id"]) for _, value in read_json_lines(folder / "ids.jsonl"))
    path = folder / "vectors.npy"
    try:
        vectors = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise StandinError(f"{path}: there is no such file; `dvc repro` or `dvc pull` brings it.") from None
    except (ValueError, EOFError) as error:
        raise StandinError(f"{path}: no array of numbers ({error}); `dvc repro embed` writes it anew.") from None
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise StandinError(
            f"{path}: vectors of shape {vectors.shape}, but {folder / 'ids.jsonl'} names {len(ids)} texts; "
            "`dvc repro embed` writes both anew."
        )
    if vectors.size:
        greatest = np.abs(vectors).max(axis=1)  # NaN where a row holds one
        unfit = np.flatnonzero(~((greatest > 0) & (greatest < np.inf)))
        if len(unfit):
            row = int(unfit[0])
            what = "only zeros" if greatest[row] == 0 else "NaN or infinity"
            more = f", as do {len(unfit) - 1} more" if len(unfit) > 1 else ""
            raise StandinError(
                f"{path}: row {row} (counted from 0), the vector of text {ids[row]!r}, holds {what}{more}.\n"
                "`dvc repro --single-item --force embed` writes it anew; "
                "if it comes back, embed.model cannot read that text."
            )
    return Embeddings(ids, vectors)


def pair(question: str, text: str) -> str:
    """What the encoder reads of a question and a text together: one text after the other, with a blank (ours).

    How g(q, x) takes the pair is not given; the paper's classifier reads "[CLS] q [SEP] x [SEP]". Mean-pooled sentence
    encoders were trained on single texts: a second segment's type embedding is unknown to them, and many have none.
    """
    return f"{question} {text}"


def embed(texts: Sequence[str], model: str, revision: str, runtime: Runtime) -> Vectors:
    """Embed texts with a sentence encoder; the pooling is the model's own, as sentence-transformers applies it.

    Equal texts are embedded once. Batches are made of texts of similar length, sorted independently of the order
    given, so that a text's vector is the same to about 1e-6 whatever stands beside it. On a CPU, encoders in a folder
    that are built like BERT are read by ``standin.measures.bert``; sentence-transformers computes the others.

    Args:
        texts: n texts.
        model: an embedded model's name, a folder or a hub id; of a plain transformer the mean of the tokens is taken.
        revision: commit, tag or branch of a hub model.
        runtime: threads, device and batch (texts).

    Returns:
        Unit vectors, shape (n, d), in the order of ``texts``; shape (0, d) for no texts.

    Raises:
        StandinError: where the model cannot be loaded.
    """
    unique = sorted(set(texts), key=lambda text: (-len(text), text))
    with progress("embed", len(unique), "texts") as done:
        if runtime.cluster and unique:
            vectors = _spread(unique, model, revision, runtime, done)
        else:
            vectors = _encoder(model, revision, runtime)(unique, done)
    place = {text: row for row, text in enumerate(unique)}
    return vectors[np.array([place[text] for text in texts], dtype=np.intp)]


def _spread(texts: Sequence[str], model: str, revision: str, runtime: Runtime, done: Callable[[int], None]) -> Vectors:
    """Unit vectors by the workers of a cluster, ``BLOCK`` texts at a time."""
    found: dict[int, Vectors] = {}
    blocks = [texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK)]
    for place, vectors in spread(runtime, blocks, partial(_worker, placed(model), revision, alone(runtime))):
        found[place] = vectors
        done(len(vectors))
    return np.concatenate([found[place] for place in range(len(blocks))])


def _worker(model: str, revision: str, runtime: Runtime) -> Callable[[Sequence[str]], Vectors]:
    encode = _encoder(model, revision, runtime)
    return lambda texts: encode(texts, lambda _: None)


def _encoder(model: str, revision: str, runtime: Runtime) -> Encode:
    """What gives unit vectors of texts: our own reader of BERT on a CPU where it fits, else sentence-transformers."""
    folder = Path(resolve(model))
    bert = read_bert(folder) if torch_device(runtime) == "cpu" and folder.is_dir() else None
    return bert.encode if bert else partial(_encoded, load_encoder(model, revision, runtime), runtime.batch)


def _encoded(encoder: "SentenceTransformer", size: int, texts: Sequence[str], done: Callable[[int], None]) -> Vectors:
    """Unit vectors by sentence-transformers, ``size`` texts at a time."""
    vectors = np.empty((len(texts), encoder.get_embedding_dimension()), dtype=np.float32)
    for start in range(0, len(texts), size):
        batch = texts[start : start + size]
        vectors[start : start + len(batch)] = encoder.encode(
            batch, batch_size=len(batch), normalize_embeddings=True, show_progress_bar=False
        )
        done(len(batch))
    return vectors


def load_encoder(model: str, revision: str, runtime: Runtime) -> "SentenceTransformer":
    """Load a sentence encoder in float32. Raises StandinError naming ``embed.model`` where it cannot be loaded."""
    folder = resolve(model)
    if not Path(folder).is_dir():
        _check_hub(model, revision)
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = torch_device(runtime)
    weights: dict[str, Any] = {"use_safetensors": True, "dtype": torch.float32}
    try:
        return SentenceTransformer(
            folder, revision=revision, device=device, trust_remote_code=False, model_kwargs=weights
        )
    except Exception as error:  # the libraries raise OSError, ValueError, KeyError, RuntimeError and their own kinds
        raise StandinError(_refusal(model, revision, error)) from error


def _check_hub(model: str, revision: str) -> None:
    """Ask the hub once for a model that is not in the cache: the loader would retry for 70 seconds before it gives up.

    A name that looks like a folder never reaches the hub.
    """
    if names_folder(model):
        raise StandinError(
            f"params.yaml, embed.model: there is no folder {model!r}. "
            "Give an existing folder, a hub id, or 'all-minilm-l6-v2', which is installed with Standin."
        )
    from huggingface_hub import HfApi, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model, "config.json", revision=revision), str):
        return
    try:
        HfApi().model_info(model, revision=revision, timeout=20)
    except Exception as error:  # httpx's connection errors and the hub's own kinds have no common base but this
        raise StandinError(_refusal(model, revision, error)) from error


def _refusal(model: str, revision: str, error: Exception) -> str:
    first = str(error).strip().split("\n", 1)[0]
    return (
        f"params.yaml, embed.model: cannot load {model!r}, revision {revision!r}: {type(error).__name__}: {first}\n"
        "Check the spelling and whether this machine reaches the hub; 'all-minilm-l6-v2' is installed with Standin "
        "and needs no hub."
    )
