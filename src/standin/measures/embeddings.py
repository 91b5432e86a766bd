"""Sentence embeddings of texts: one unit vector a text, computed once and read by curation, diversity and SQBC."""

from collections.abc import Callable, Iterator, Sequence
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
Places = npt.NDArray[np.intp]
Encode = Callable[[Sequence[str], Callable[[int], None]], Vectors]
PART = 16_384
"""Different texts whose vectors are held at a time where they go to files: 25 MB of 384 numbers."""
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
        rows = np.array([place[name] for name in ids], dtype=np.intp)
        if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
            return self.vectors[rows[0] : rows[0] + len(rows)]  # no copy, of a million texts 1.5 GB
        return self.vectors[rows]


def write_embeddings(folder: Path, embeddings: Embeddings) -> None:
    """Write ``vectors.npy`` (float32) and ``ids.jsonl`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vectors.npy", embeddings.vectors.astype(np.float32, copy=False), allow_pickle=False)
    write_json_lines(folder / "ids.jsonl", ({"id": name} for name in embeddings.ids))


def read_embeddings(folder: Path) -> Embeddings:
    """Read a folder of embeddings; the vectors stay in their file, and what is looked at is read from it.

    Raises StandinError where a file is missing or broken, the two do not fit, or a vector has no direction: it holds
    NaN, infinity or zeros alone. Every measure that counts it would be NaN or a number that means nothing.
    """
    ids = tuple(str(value["id"]) for _, value in read_json_lines(folder / "ids.jsonl"))
    path = folder / "vectors.npy"
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise StandinError(f"{path}: there is no such file; `dvc repro` or `dvc pull` brings it.") from None
    except (ValueError, EOFError) as error:
        raise StandinError(f"{path}: no array of numbers ({error}); `dvc repro embed` writes it anew.") from None
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise StandinError(
            f"{path}: vectors of shape {vectors.shape}, but {folder / 'ids.jsonl'} names {len(ids)} texts; "
            "`dvc repro embed` writes both anew."
        )
    _check_directions(path, ids, vectors)
    return Embeddings(ids, vectors)


def _check_directions(path: Path, ids: Sequence[str], vectors: Vectors) -> None:
    """Raise StandinError where a vector holds NaN, infinity or zeros alone."""
    greatest = np.empty(len(vectors), dtype=np.float32)  # NaN where a row holds one
    for start in range(0, len(vectors), PART):
        part = slice(start, start + PART)
        greatest[part] = np.abs(vectors[part]).max(axis=1, initial=0)
    unfit = np.flatnonzero(~((greatest > 0) & (greatest < np.inf)))
    if vectors.size and len(unfit):
        row = int(unfit[0])
        what = "only zeros" if greatest[row] == 0 else "NaN or infinity"
        more = f", as do {len(unfit) - 1} more" if len(unfit) > 1 else ""
        raise StandinError(
            f"{path}: row {row} (counted from 0), the vector of text {ids[row]!r}, holds {what}{more}.\n"
            "`dvc repro --single-item --force embed` writes it anew; "
            "if it comes back, embed.model cannot read that text."
        )


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
    found: Vectors | None = None
    for places, vectors in _parts(texts, model, revision, runtime):
        if found is None:
            found = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
        found[places] = vectors
    return _encoder(model, revision, runtime)([], lambda _: None) if found is None else found


def embed_to(
    groups: Sequence[tuple[Path, Sequence[str], Sequence[str]]], model: str, revision: str, runtime: Runtime
) -> int:
    """Embed texts as ``embed`` does, all groups together, straight into files: memory does not grow with them.

    Args:
        groups: folder, ids and texts of each.
        model: see ``embed``.
        revision: see ``embed``.
        runtime: see ``embed``.

    Returns:
        d, the length of a vector.

    Raises:
        StandinError: where the model cannot be loaded, or an id stands twice in a group.
    """
    bounds = np.cumsum([0, *(len(texts) for _, _, texts in groups)])
    files: list[Vectors] = []
    for places, vectors in _parts([text for _, _, texts in groups for text in texts], model, revision, runtime):
        if not files:
            files = [_opened(folder, ids, vectors.shape[1]) for folder, ids, _ in groups]
        group = np.searchsorted(bounds, places, side="right") - 1
        for number, file in enumerate(files):
            if (own := group == number).any():
                file[places[own] - bounds[number]] = vectors[own]
    if not files:
        dimension = embed([], model, revision, runtime).shape[1]
        files = [_opened(folder, ids, dimension) for folder, ids, _ in groups]
    return int(files[0].shape[1])


def _opened(folder: Path, ids: Sequence[str], dimension: int) -> Vectors:
    """A folder of embeddings of which only the vectors are still to be written, into what is returned."""
    empty = np.broadcast_to(np.float32(0), (len(ids), dimension))
    write_embeddings(folder, Embeddings(tuple(ids), empty))
    if not len(ids):
        return empty
    opened: Vectors = np.load(folder / "vectors.npy", mmap_mode="r+", allow_pickle=False)
    return opened


def _parts(texts: Sequence[str], model: str, revision: str, runtime: Runtime) -> Iterator[tuple[Places, Vectors]]:
    """Vectors, and where in ``texts`` they belong, a part at a time; nothing where there are no texts."""
    unique = sorted(set(texts), key=lambda text: (-len(text), text))
    if not unique:
        return
    place = {text: row for row, text in enumerate(unique)}
    rows = np.array([place[text] for text in texts], dtype=np.intp)
    del place
    order = np.argsort(rows, kind="stable")
    of = rows[order]
    with progress("embed", len(unique), "texts") as done:
        for start, vectors in _blocks(unique, model, revision, runtime, done):
            low, high = np.searchsorted(of, (start, start + len(vectors)))
            yield order[low:high], vectors[of[low:high] - start]


def _blocks(
    texts: Sequence[str], model: str, revision: str, runtime: Runtime, done: Callable[[int], None]
) -> Iterator[tuple[int, Vectors]]:
    """Where a block of texts begins, and its vectors."""
    if runtime.cluster:
        yield from _spread(texts, model, revision, runtime, done)
        return
    encode = _encoder(model, revision, runtime)
    for start in range(0, len(texts), PART):
        yield start, encode(texts[start : start + PART], done)


def _spread(
    texts: Sequence[str], model: str, revision: str, runtime: Runtime, done: Callable[[int], None]
) -> Iterator[tuple[int, Vectors]]:
    """The same by the workers of a cluster, ``BLOCK`` texts at a time, in any order."""
    blocks = (texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK))
    for place, vectors in spread(runtime, blocks, partial(_worker, placed(model), revision, alone(runtime))):
        yield place * BLOCK, vectors
        done(len(vectors))


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
