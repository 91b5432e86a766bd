"""Workbooks and archives for tests, written as people's programs write them."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def sheet(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    """An Excel workbook with the rows of each sheet."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        made = book.create_sheet(name)
        for row in rows:
            made.append(list(row))
    book.save(path)
    return path


def archive(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """A zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path
