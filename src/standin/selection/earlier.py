"""The labels so far: which texts of the pool earlier rounds had labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from standin.corpus import ArmRow, Row, read_json_lines, read_rows
from standin.errors import StandinError


def labelled_before(path: Path, pool: Mapping[str, Row], seeds: Sequence[int]) -> dict[int, list[Row]]:
    """The pool's texts that ``path`` labels, with their labels, in the file's order, for each seed.

    A file of labelled rows (what people answered) holds for every seed. A file of an arm's rows (a copy of
    ``data/arms/<arm>.jsonl``, where earlier rounds were played through) has rows of their own for each seed: those of
    its largest budget count. Rows of texts that are not in the pool, as synthetic ones, are passed over.

    pool: the pool's rows by id.

    Raises StandinError where a text has another wording in the pool, or a seed has no labelled text of the pool.
    """
    first = next((value for _, value in read_json_lines(path)), {})
    if "seed" in first:
        rows = read_rows(path, ArmRow)
        found = {seed: _known(path, pool, _largest(rows, seed)) for seed in seeds}
    else:
        own = [(row.id, row.text, row.label) for row in read_rows(path, Row) if row.label is not None]
        found = dict.fromkeys(seeds, _known(path, pool, own))
    if lacking := [seed for seed in seeds if not found[seed]]:
        raise StandinError(
            f"{path}: labels no text of the pool (seed {lacking[0]}): select.labelled names the labels so far, "
            "or data/synthetic/texts.jsonl where there are none yet"
        )
    return found


def _largest(rows: Sequence[ArmRow], seed: int) -> list[tuple[str, str, str]]:
    own = [row for row in rows if row.seed == seed]
    budget = max((row.budget or 0 for row in own), default=0)
    return [(row.id, row.text, row.label) for row in own if (row.budget or 0) == budget]


def _known(path: Path, pool: Mapping[str, Row], rows: Sequence[tuple[str, str, str | None]]) -> list[Row]:
    found: dict[str, Row] = {}
    for identifier, text, label in rows:
        if identifier not in pool:
            continue
        if pool[identifier].text != text:
            raise StandinError(
                f"{path}: id {identifier!r} is {text!r} there but {pool[identifier].text!r} in the pool: "
                "the labels were given to other texts. Export the texts again and label those."
            )
        found.setdefault(identifier, replace(pool[identifier], label=label))
    return list(found.values())
