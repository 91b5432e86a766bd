"""Zip archives, and the spreadsheets that are such: unpacked within limits, before any library opens them."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from standin.errors import StandinError
from standin.sources.streams import BLOCK, LARGEST, MOST_UNPACKED, SUSPECT

MOST_MEMBERS = 10_000
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, lzma.LZMAError, EOFError, OSError, ValueError, LookupError,
    ArithmeticError, NotImplementedError,
)  # fmt: skip
"""What zipfile and its decompressors raise of broken archives, by where the broken bytes are."""
ENTITY = b"<!ENTITY"
"""What grows when it is read: a workbook's XML defines none."""


def only_table(path: Path, shown: Path, formats: Sequence[str], folder: Path) -> Path:
    """Unpack the one file of texts in an archive.

    Args:
        path: the archive.
        shown: how messages call it.
        formats: the endings of files that are read.
        folder: where it goes.

    Raises:
        StandinError: no archive, an encrypted or a broken one, none or several files of texts, more than the limits.
    """
    with _opened(path, shown) as archive:
        files = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
        tables = [one for one in files if one.filename.lower().endswith(tuple(formats))]
        if len(tables) != 1:
            names = [one.filename for one in (tables or files)]
            said = f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" or "nothing"
            raise StandinError(
                f"{shown}: {'several files' if tables else 'no file'} of texts in the archive; it holds {said}. "
                f"Unpack it (`unzip {path.name}`), and name the file{' you want' if tables else ''}."
            )
        target = folder / Path(tables[0].filename).name
        with _member(archive, tables[0], shown) as source, target.open("wb") as file:
            _copied(source, file, path, shown, 0)
        return target


def check_workbook(path: Path, shown: Path) -> None:
    """Raise StandinError where a workbook is none, unpacks to more than the limits, or defines XML entities."""
    size = 0
    with _opened(path, shown) as archive:
        if not any(name.startswith(("xl/", "docProps/")) for name in archive.namelist()):
            raise StandinError(f"{shown}: not an Excel workbook. Save the sheet as .xlsx or .csv.")
        for one in archive.infolist():
            with _member(archive, one, shown) as source:
                size = _copied(source, None, path, shown, size, one.filename.endswith((".xml", ".rels")))


def _opened(path: Path, shown: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN as error:
        with path.open("rb") as file:
            locked = file.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        said = "an old .xls file, or one protected by a password" if locked else f"{error}"
        raise StandinError(
            f"{shown}: not a zip archive or workbook that can be read ({said}). Save it again, without a password; "
            "a sheet as .xlsx or .csv."
        ) from None
    if len(archive.infolist()) > MOST_MEMBERS:
        archive.close()
        raise StandinError(f"{shown}: more than {MOST_MEMBERS} files in the archive. Unpack it and name the file.")
    return archive


def _member(archive: zipfile.ZipFile, one: zipfile.ZipInfo, shown: Path) -> IO[bytes]:
    try:
        return archive.open(one)
    except BROKEN as error:
        raise StandinError(f"{shown}: {one.filename} cannot be unpacked ({error}). Copy the file again.") from None
    except RuntimeError:  # what zipfile raises of a password
        raise StandinError(f"{shown}: protected by a password. Save it without one.") from None


def _copied(
    source: IO[bytes], target: IO[bytes] | None, path: Path, shown: Path, before: int, xml: bool = False
) -> int:
    """Unpack, perhaps into a file; returns the bytes so far. Raises StandinError past the limits."""
    packed, size, tail = path.stat().st_size, before, b""
    most = min(LARGEST, max(SUSPECT, MOST_UNPACKED * packed))
    try:
        while block := source.read(BLOCK):
            size += len(block)
            if size > most:
                raise StandinError(
                    f"{shown}: {packed} bytes unpack to more than {most}: no file of texts packs that well, or it is "
                    "too large. Save the sheet or the part that you need as CSV."
                )
            if xml and ENTITY in tail + block:
                raise StandinError(f"{shown}: its XML defines entities, as no spreadsheet does. Save it anew as .csv.")
            tail = block[-len(ENTITY) :]
            if target is not None:
                target.write(block)
    except BROKEN as error:
        raise StandinError(f"{shown}: broken archive ({error}). Copy or download it again.") from None
    return size
