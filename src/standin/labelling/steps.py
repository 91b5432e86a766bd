"""What to do next with the labels, and with the round where texts are selected."""

from collections.abc import Mapping, Sequence

from standin.config import Params
from standin.corpus import Row, SelectedRow, read_rows
from standin.errors import counted
from standin.labelling.asked import POOL, SELECTED, Asked, union
from standin.labelling.labels import Labelled, astray_said, found_elsewhere, given_to
from standin.labelling.store import Store

ARM = "-S '+arms.mine=[labelled]'"
"""Makes an arm that always has a model: it trains on all that is labelled so far."""


def run_command(params: Params, store: Store) -> str:
    """The command that makes the stages obey the labels file."""
    path = store.path.as_posix()
    return "standin run" if params.select.labels == path else f"standin run -S select.labels={path}"


def held(pool: Sequence[Row], labels: Mapping[str, Labelled]) -> str:
    """How many texts are answered, as in ``23 texts of the pool (12 in closed rounds)``, and what else labels hold."""
    own = [found for row in pool if (found := given_to(row, labels))]
    closed = sum(each.round is not None for each in own)
    said = f"{counted(len(own), 'text')} of the pool" + (f" ({closed} in closed rounds)" if closed else "")
    others = len(labels) - len(own)
    return said + (f"; {counted(others, 'answer')} to texts that are not in it, as they are now" if others else "")


def whats_next(params: Params, store: Store, found: Asked | None) -> list[str]:
    """Sentences; none where nothing is answered. ``found``: the texts of the open round, where texts are selected."""
    labels, run = store.by_id, run_command(params, store)
    if not labels:
        return []
    pool = read_rows(POOL, Row) if POOL.exists() else []
    answered = {row.id: own for row in pool if (own := given_to(row, labels))}
    left = sum(row.id not in answered for row in found.rows) if found else 0
    lines = [
        f"{store.path} answers {held(pool, labels)}{f'; left in this round: {left}' if found else ''}. Commit the file."
    ]
    if astray := found_elsewhere(pool, labels):
        return [*lines, astray_said(astray, store.path, params.base.task)]
    if found is None:
        return [*lines, f"train on them: {run}"]
    whole = len(answered) == len(pool)
    ranked = {name: _selected(name) for name in params.select.strategies}
    chosen = {row.id for rows in ranked.values() for row in rows if row.rank <= row.budget}
    if any(answered[name].round is not None for name in chosen & answered.keys()) and not whole:
        return [*lines, f"these texts were selected before the last round was closed; select new ones: {run}"]
    if not left:
        more = "every text of the pool is answered" if whole else "new texts: standin label next"
        return [*lines, f"train on them: {run}", more]
    still = {
        name: min(len(set(union({name: rows}, budget)) - answered.keys()) for budget in {row.budget for row in rows})
        for name, rows in ranked.items()
        if rows
    }
    if ready := [name for name, texts in still.items() if not texts]:
        return [*lines, f"train on those of {', '.join(ready)}: {run}; or go on: standin label"]
    fewest = ", ".join(f"{name} {texts}" for name, texts in still.items())
    return [
        *lines,
        f"go on: standin label. A run now would skip the strategies' arms, as texts of each are unanswered ({fewest})",
        f"a model of what is labelled so far: {run}{'' if learns_so_far(params) else f' {ARM}'}",
    ]


def kept_said(params: Params, store: Store, number: int) -> list[str]:
    """What becomes of the models of a round that is closed; nothing where the last run did not train on its labels."""
    arms = [name for name, sources in params.arms.items() if set(sources) & set(params.select.strategies)]
    if not arms or params.select.labels != store.path.as_posix():
        return []
    tag, one = f"{params.base.task}-round-{number}", f"models/{arms[0]}"
    lines = [
        f"That run empties the models of {', '.join(arms)} until the new texts are answered. `git tag {tag}` names the "
        f"commit; `dvc get . {one} --rev {tag} -o {one}-{number}` then brings one back."
    ]
    if not learns_so_far(params):
        lines.append(f"An arm of all labels so far has a model all the time: {run_command(params, store)} {ARM}")
    return lines


def learns_so_far(params: Params) -> bool:
    """Whether an arm trains on all that is labelled so far."""
    return any("labelled" in sources for sources in params.arms.values())


def _selected(name: str) -> Sequence[SelectedRow]:
    path = SELECTED / f"{name}.jsonl"
    return read_rows(path, SelectedRow) if path.exists() else ()
