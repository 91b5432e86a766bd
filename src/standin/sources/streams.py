"""The bytes of text files as a stream of lines, unpacked as they are read, within limits."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from standin.errors import StandinError

LARGEST = 1 << 30
"""Bytes of text a file may hold: rows take 2.5 to 3 times as much memory (docs/data.md)."""

SUSPECT = 1 << 26
"""Bytes below which a gzipped file may unpack to any multiple of its size: 64 MiB are soon read."""

MOST_UNPACKED = 200
"""Times its size that a larger gzipped file may unpack to. Texts pack to a third or a tenth, zeros to a thousandth."""

BLOCK = 1 << 17


def lines(path: Path) -> Iterator[bytes]:
    """Yield a file's lines with their line feeds; ``.gz`` files are unpacked, a byte order mark is taken off.

    Raises StandinError for a broken gzip file, and for one that holds or unpacks to more than the limits allow.
    """
    with _stream(path) as stream:
        for number, line in enumerate(stream):
            yield line if number else line.removeprefix(b"\xef\xbb\xbf")


def decoded(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a file in any encoding, line ends as they are, a byte order mark taken off.

    Raises StandinError as ``lines`` does, and naming the line that is no text in this encoding.
    """
    number = 0
    with _stream(path) as stream, io.TextIOWrapper(stream, encoding, newline="\n") as text:
        try:
            for number, line in enumerate(text, 1):
                yield line if number > 1 else line.removeprefix("\ufeff")
        except UnicodeError as error:
            raise StandinError(
                f"{path}, after line {number}: not {encoding} text ({getattr(error, 'reason', error)}). Name the "
                "encoding that it was saved in with --encoding, or save the file as UTF-8."
            ) from None


def _stream(path: Path) -> io.BufferedReader:
    """The bytes of a file, unpacked where it is gzipped."""
    size = path.stat().st_size
    if size > LARGEST:
        raise _too_large(path, f"{size} bytes")
    file = path.open("rb")
    return io.BufferedReader(_Unpacked(path, file, size), BLOCK) if path.name.lower().endswith(".gz") else file


class _Unpacked(io.RawIOBase):
    """What a gzipped file unpacks to, until that is too much."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path = path
        self.size = size
        self.file = file
        self.stream = gzip.GzipFile(fileobj=file)
        self.unpacked = 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.file.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            block = self.stream.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise StandinError(f"{self.path}: broken gzip file ({error}). Copy or pull it again.") from None
        self.unpacked += len(block)
        check_unpacked(self.path, self.unpacked)
        if self.unpacked > (most := max(SUSPECT, MOST_UNPACKED * self.size)):
            raise StandinError(
                f"{self.path}: {self.size} bytes unpack to more than {most}, over {MOST_UNPACKED} times as many: no "
                "file of texts packs that well. Look at it (`gzip -dc FILE | head -c 1000`), or give it unpacked."
            )
        buffer[: len(block)] = block
        return len(block)


def check_unpacked(path: Path, size: int) -> None:
    """Raise StandinError where more bytes were unpacked than a file may hold."""
    if size > LARGEST:
        raise _too_large(path, f"more than {LARGEST} bytes unpacked")


def _too_large(path: Path, found: str) -> StandinError:
    return StandinError(
        f"{path}: {found}; at most {LARGEST} (1 GiB) are read. Take a part of the rows: the splits need a few thousand."
    )
