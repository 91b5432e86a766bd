"""The labels so far: which texts of the pool earlier rounds had labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from standin.corpus import ArmRow, Row, read_json_lines, read_rows
from standin.errors import StandinError
from standin.labelling.labels import check_label, digest, read_labels


def labelled_before(
    path: Path, pool: Mapping[str, Row], seeds: Sequence[int], names: Sequence[str] | None = None
) -> dict[int, list[Row]]:
    """The pool's texts that ``path`` labels, with their labels, in the file's order, for each seed.

    A file of labelled rows (what people answered) holds for every seed. A file of an arm's rows (a copy of
    ``data/arms/<arm>.jsonl``, where earlier rounds were played through) has rows of their own for each seed: those of
    its largest budget count. Rows of texts that are not in the pool, as synthetic ones, are passed over.

    pool: the pool's rows by id. names: the task's labels; None checks none.

    Raises StandinError where a text has another wording in the pool, but for those of closed rounds, which count as not
    labelled; where a label is none of the task's; and where a seed has no labelled text of the pool.
    """
    first = next((value for _, value in read_json_lines(path)), {})
    if "seed" in first:
        rows = read_rows(path, ArmRow)
        found = {seed: _known(path, pool, _largest(rows, seed), names) for seed in seeds}
    else:
        found = dict.fromkeys(seeds, _answered(path, pool, names))
    if lacking := [seed for seed in seeds if not found[seed]]:
        raise StandinError(
            f"{path}: labels no text of the pool (seed {lacking[0]}): select.labelled names the labels so far, "
            "or data/synthetic/texts.jsonl where there are none yet"
        )
    return found


def _answered(path: Path, pool: Mapping[str, Row], names: Sequence[str] | None) -> list[Row]:
    """What people answered; in closed rounds where the file knows rounds, as the open one must not move meanwhile."""
    labels = read_labels(path, names)
    rounds = any(each.round is not None for each in labels.values())
    found = []
    for name, each in labels.items():
        if name not in pool or each.label is None or (rounds and each.round is None):
            continue
        if each.digest != digest(pool[name].text):
            if each.round is not None:  # it is asked again, and until then the stage arms refuses to train
                continue
            raise _other_text(path, name, each.text, pool[name].text)
        found.append(replace(pool[name], label=each.label))
    return found


def _other_text(path: Path, name: str, there: str | None, here: str) -> StandinError:
    was = f"is {there!r} there" if there is not None else "was another text there"
    return StandinError(
        f"{path}: id {name!r} {was} but {here!r} in the pool: the labels were given to other texts. Take such lines "
        "out of the file, or name another one in select.labelled."
    )


def _largest(rows: Sequence[ArmRow], seed: int) -> list[tuple[str, str, str]]:
    own = [row for row in rows if row.seed == seed]
    budget = max((row.budget or 0 for row in own), default=0)
    return [(row.id, row.text, row.label) for row in own if (row.budget or 0) == budget]


def _known(
    path: Path, pool: Mapping[str, Row], rows: Sequence[tuple[str, str, str]], names: Sequence[str] | None
) -> list[Row]:
    found: dict[str, Row] = {}
    for identifier, text, label in rows:
        if identifier not in pool:
            continue
        if pool[identifier].text != text:
            raise _other_text(path, identifier, text, pool[identifier].text)
        if names is not None:
            check_label(path, identifier, label, names)
        found.setdefault(identifier, replace(pool[identifier], label=label))
    return list(found.values())
