"""The records of a file in little memory: their values in one list, the names of columns once."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, overload

Numbered = tuple[int, Mapping[str, Any]]
"""A record with its line or row."""

SHORT = 64
"""Characters up to which a value may be kept once for all records that hold it, as a label."""
MOST_SHARED = 1000
"""Values of one column that are kept so: a column with more of them holds ids or texts."""


class Kept(Sequence[Numbered]):
    """Records with their numbers, in order; each is made when it is asked for, with its keys as they stood in it.

    Records of one dict each take 350 bytes beside their texts (three columns); here they take 50 to 80.
    """

    def __init__(self, rows: Iterable[Numbered] = ()) -> None:
        self._numbers = array("q")
        self._starts = array("q", [0])
        self._cells: list[Any] = []
        self._keys: list[tuple[str, ...]] = []
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._shared: dict[str, dict[str, str]] = {}
        for number, record in rows:
            self.append(number, record)

    def append(self, number: int, record: Mapping[str, Any]) -> None:
        """Add a record at the end."""
        keys = tuple(record)
        self._keys.append(self._known.setdefault(keys, keys))
        self._cells += (
            self._once(key, cell) if isinstance(cell, str) and len(cell) <= SHORT else cell
            for key, cell in record.items()
        )
        self._numbers.append(number)
        self._starts.append(len(self._cells))

    def _once(self, key: str, cell: str) -> str:
        shared = self._shared.setdefault(key, {})
        return shared.setdefault(cell, cell) if len(shared) < MOST_SHARED else shared.get(cell, cell)

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of all records, in the order in which they first stand."""
        return tuple(dict.fromkeys(key for keys in self._known for key in keys))

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Numbered: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Numbered]: ...
    def __getitem__(self, place: int | slice) -> Numbered | Sequence[Numbered]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        start, end = self._starts[place], self._starts[place + 1]
        return self._numbers[place], dict(zip(self._keys[place], self._cells[start:end], strict=True))

    def __iter__(self) -> Iterator[Numbered]:
        start = 0
        for number, keys, end in zip(self._numbers, self._keys, islice(self._starts, 1, None), strict=True):
            yield number, dict(zip(keys, self._cells[start:end], strict=True))
            start = end
