"""Texts as classifiers read them, chunk by chunk, and what of them a run that was stopped has read already."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from functools import partial as bound
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from standin.cluster import alone, spread
from standin.config import Runtime, repository_root
from standin.corpus import Row
from standin.errors import StandinError
from standin.predicting.classifiers import Reader, version_of

if TYPE_CHECKING:
    from standin.classifier.encoders import Classifier

CHUNK, CHARACTERS = 1024, 65536
"""The most that is predicted and kept at a time, all longest first: a run that is stopped loses one chunk. Smaller ones
cost padding (of 5,000 SMS chunks of 256 are 4 % more tokens than chunks of 1,024)."""
LEAST = 32
"""Texts of a chunk, however long they are: fewer would be no whole batch."""

Asked = tuple[Path, str, Sequence[tuple[str, str | None]]]
"""A classifier's folder and version, and the texts with their questions that it reads."""
Shares = npt.NDArray[np.float64]
"""Probabilities of the labels, shape (texts, labels)."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Different (text, question) that one classifier reads, the question in words, and the rows that hold each."""

    reader: Reader
    pairs: Sequence[tuple[str, str | None]]
    rows: Sequence[Sequence[int]]

    @property
    def size(self) -> int:
        """How many rows it is about."""
        return sum(map(len, self.rows))


def planned(found: Mapping[str | None, Reader], texts: Sequence[str], asked: Sequence[str | None]) -> list[Chunk]:
    """All that is to be read, in an order that the texts alone decide; blank texts are not.

    Args:
        found: the classifiers by question.
        texts: n texts; equal ones are read once a question.
        asked: the question each answers, a key of ``found``.
    """
    places: dict[Path, dict[tuple[str, str | None], list[int]]] = {}
    readers: dict[Path, Reader] = {}
    for place, (text, question) in enumerate(zip(texts, asked, strict=True)):
        if text.strip():
            reader = found[question]
            readers.setdefault(reader.folder, reader)
            places.setdefault(reader.folder, {}).setdefault((text, reader.words), []).append(place)
    chunks: list[Chunk] = []
    for folder, own in places.items():
        order = sorted(own, key=lambda pair: len(pair[0]) + len(pair[1] or ""), reverse=True)
        chunks += [Chunk(readers[folder], pairs, [own[pair] for pair in pairs]) for pairs in _parted(order)]
    return chunks


def _parted(order: Sequence[tuple[str, str | None]]) -> Iterator[Sequence[tuple[str, str | None]]]:
    begin = characters = 0
    for end, (text, words) in enumerate(order, 1):
        characters += min(len(text) + len(words or ""), CHARACTERS // LEAST)
        if end - begin == CHUNK or characters >= CHARACTERS:
            yield order[begin:end]
            begin, characters = end, 0
    if begin < len(order):
        yield order[begin:]


class Partial:
    """What was read so far, a line a chunk, in ``.standin/predicting/``: it holds numbers and no text.

    The file's name is a hash of the texts, the questions and the classifiers with all that shapes how they read: what
    others read is another file's. Every line can be checked; a broken one is as if it were not there. A file that
    cannot be used is done without, and ``fault`` says why.
    """

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.path = repository_root() / ".standin" / "predicting" / f"{_key(chunks)}.jsonl"
        self.fault: OSError | None = None
        self._sizes = [chunk.size for chunk in chunks]
        self.known = dict(self._read(chunks))
        self.rows = sum(self._sizes[number] for number in self.known)
        """How many rows the file is about."""

    def _read(self, chunks: Sequence[Chunk]) -> Iterator[tuple[int, Shares]]:
        try:
            with self.path.open("rb") as file:
                for line in file:
                    try:
                        said = json.loads(line)
                        number, shares = int(said["chunk"]), np.array(said["p"], dtype=np.float64)
                        whole = said["crc"] == _crc(number, shares)
                        size = len(chunks[number].pairs), len(chunks[number].reader.labels)
                    except (ValueError, TypeError, LookupError, RecursionError, OverflowError):
                        continue
                    if whole and shares.shape == size:
                        yield number, shares
        except FileNotFoundError:
            return
        except OSError as error:
            self.fault = error

    def add(self, number: int, shares: Shares) -> None:
        """Keep a chunk; it is in the file before the next one is read."""
        if self.fault is not None:
            return
        line = json.dumps({"chunk": number, "crc": _crc(number, shares), "p": shares.tolist()})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                file.write(f"\n{line}".encode())  # the break goes before: a line that was cut off stays by itself
        except OSError as error:
            self.fault = error
        else:
            self.rows += self._sizes[number]

    def remove(self) -> None:
        """Take the file away: what it holds stands elsewhere now."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            self.fault = error


def _key(chunks: Sequence[Chunk]) -> str:
    found = hashlib.sha256()
    for folder in dict.fromkeys(chunk.reader.folder for chunk in chunks):
        for path in sorted(folder.glob("*.json")):  # labels, tokenizer, how many tokens are read
            found.update(hashlib.sha256(path.read_bytes()).digest())
    for chunk in chunks:
        found.update(json.dumps([chunk.reader.version, chunk.pairs]).encode())
    return found.hexdigest()


def _crc(number: int, shares: Shares) -> int:
    return zlib.crc32(shares.tobytes(), number)


def read(
    chunks: Sequence[Chunk],
    size: tuple[int, int],
    runtime: Runtime,
    done: Callable[[int], None],
    partial: Partial | None = None,
) -> Shares:
    """Probabilities of the labels for every row; NaN where its text is blank.

    Args:
        chunks: what is to be read.
        size: numbers of rows and of labels.
        runtime: threads and device, or the cluster whose workers read.
        done: told of rows that are read, those of ``partial`` left out.
        partial: what was read before and need not be read again; it takes what is read now.
    """
    shares = np.full(size, np.nan)
    known = partial.known if partial is not None else {}
    missing = [number for number in range(len(chunks)) if number not in known]

    def take(number: int, said: Shares) -> None:
        for rows, row in zip(chunks[number].rows, said, strict=True):
            shares[rows] = row

    for number, said in known.items():
        take(number, said)
    readers = [chunks[number].reader for number in missing]
    asked = ((one.folder.absolute(), one.version, chunks[number].pairs)
             for one, number in zip(readers, missing, strict=True))  # fmt: skip
    for place, said in _predicted(asked, runtime):
        number = missing[place]
        if partial is not None:
            partial.add(number, said)
        done(chunks[number].size)
        take(number, said)
    return shares


def _predicted(asked: Iterable[Asked], runtime: Runtime) -> Iterator[tuple[int, Shares]]:
    """What classifiers say of each part, with its place: in order here, as it comes from a cluster."""
    if runtime.cluster:
        yield from spread(runtime, asked, bound(_reading, alone(runtime)))
    else:
        yield from enumerate(map(_reading(runtime), asked))


def _reading(runtime: Runtime) -> Callable[[Asked], Shares]:
    """What reads a part; the classifier of the part before is kept."""
    from standin.classifier.encoders import load
    from standin.classifier.prediction import predict

    @lru_cache(maxsize=1)
    def loaded(folder: Path, version: str) -> "Classifier":
        if (there := version_of(folder)) != version:
            raise StandinError(f"{folder}: holds another classifier ({there}) than this one is to be ({version})")
        return load(folder, runtime)

    def work(asked: Asked) -> Shares:
        folder, version, pairs = asked
        return predict(loaded(folder, version), [text for text, _ in pairs], [words for _, words in pairs])

    return work


def known_errors(
    reader: Reader, test: Sequence[Row], runtime: Runtime, done: Callable[[int], None]
) -> npt.NDArray[np.intp]:
    """The labelled test texts of its question by true label (row) and by what it says (column): (labels, labels).

    Raises StandinError where a label is none of the classifier's.
    """
    own = [row for row in test if row.question_id == reader.question and row.label is not None]
    counts = np.zeros((len(reader.labels), len(reader.labels)), dtype=np.intp)
    if other := {str(row.label) for row in own} - set(reader.labels):
        raise StandinError(
            f"{reader.folder}: says {', '.join(reader.labels)}; the test texts have the label {min(other)!r} too: name "
            "a classifier of this task"
        )
    if own:
        chunks = planned({reader.question: reader}, [row.text for row in own], [reader.question] * len(own))
        shares = read(chunks, (len(own), len(reader.labels)), runtime, done)
        truth = [reader.labels.index(str(row.label)) for row in own]
        np.add.at(counts, (truth, shares.argmax(axis=1)), 1)
    return counts
