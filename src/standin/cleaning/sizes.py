"""Sizes of files and folders, and as people read them."""

from collections.abc import Iterable
from pathlib import Path

UNITS = ("B", "kB", "MB", "GB")


def measured(paths: Iterable[Path]) -> int:
    """Bytes of files and folders with all that is in them; links are not followed, what is gone counts nothing."""
    total = 0
    for path in paths:
        for file in [path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else ())]:
            try:
                total += 0 if file.is_dir() and not file.is_symlink() else file.lstat().st_size
            except OSError:  # another process took it away
                continue
    return total


def readable(size: int) -> str:
    """Bytes as 0 B, 12 kB, 3.4 MB or 1.2 GB: powers of ten, as disks are sold."""
    value = float(size)
    for unit in UNITS:
        if value < 999.5 or unit == UNITS[-1]:
            break
        value /= 1000
    return f"{value:.1f} {unit}" if unit in UNITS[2:] else f"{value:.0f} {unit}"
