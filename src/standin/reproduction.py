"""How the figures of a run differ from the committed ones, said at its end: on another processor they differ a little.

Docs/science.md says what depends on the machine. Only a run of the committed parameters and task reproduces anything.
"""

from collections.abc import Mapping
from pathlib import Path

from standin.config import repository_root
from standin.corpus import json_objects
from standin.errors import StandinError
from standin.sheets import sheet_rows
from standin.tracking import trees
from standin.tracking.evaluated import Evaluated, altered, read_evaluated, read_made
from standin.tracking.states import State, md5
from standin.tracking.trees import Commit, Workspace

TEXTS = "data/synthetic/texts.jsonl"
STORES = (".dvc/cache/files/md5", "dvcstore/files/md5")
"""Where this machine may hold an earlier version of the texts: DVC's cache, and the data released with the code."""
MEASURE = "macro_f1"

Key = tuple[str, ...]


def against_committed() -> list[str]:
    """A few lines for a person; none where there is nothing to compare with, or where that cannot be read.

    Nothing is said outside git, of a run with other parameters or another task, and where HEAD holds no scores that
    belong to HEAD's own parameters and code.
    """
    try:
        head = trees.head()
        made = read_made(Workspace())
        committed = read_made(Commit(head)) if head else None
        if made is None or committed is None or (made.recipe, made.seed) != (committed.recipe, committed.seed):
            return []
        return compared(read_evaluated(Workspace()), read_evaluated(Commit(head)))
    except (StandinError, OSError, ValueError, KeyError):  # a comparison is a courtesy: it fails no run
        return []


def compared(now: Evaluated, committed: Evaluated) -> list[str]:
    """What differs, and why that may be."""
    if (now.scores, now.comparisons) == (committed.scores, committed.comparisons):
        return ["Figures:  equal to the committed ones."]
    lines = [f"Figures:  {'; '.join(filter(None, (largest(now.scores, committed.scores), texts(committed.state))))}."]
    if flips := flipped(now.comparisons, committed.comparisons):
        lines.append(f"          Verdicts (Holm) that changed: {'; '.join(flips)}.")
    if changed := altered(committed.state):
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        lines.append(f"          They were made from another {changed[0]}{more}, so this is no reproduction of them.")
    else:
        lines.append(
            "          On another machine a changed dvc.lock and reports are expected (docs/science.md, What depends "
            "on the machine); `git checkout HEAD -- dvc.lock reports` takes them back."
        )
    return lines


def largest(now: bytes, committed: bytes) -> str:
    """The arm whose macro-F1 differs most from its committed value, in words."""
    new, old = _by_key(now, "arm", "budget"), _by_key(committed, "arm", "budget")
    apart = {key: float(new[key]["value"]) - float(old[key]["value"]) for key in new.keys() & old.keys()}
    if not apart:
        return "no arm has a committed macro-F1"
    key = max(sorted(apart), key=lambda each: abs(apart[each]))
    if not round(abs(apart[key]), 3):
        return "macro-F1 equal to the committed ones to three decimals"
    value, row = float(new[key]["value"]), old[key]
    inside = float(row["low"]) <= value <= float(row["high"])
    return (
        f"largest difference from the committed macro-F1 {abs(apart[key]):.3f} ({_named(key)}: {value:.3f}, committed "
        f"{float(row['value']):.3f}), {'within' if inside else 'outside'} its interval"
    )


def flipped(now: bytes, committed: bytes) -> list[str]:
    """The pairs whose corrected verdict on macro-F1 is another one than the committed."""
    columns = ("arm_a", "arm_b", "budget")
    new, old = _by_key(now, *columns), _by_key(committed, *columns)
    return [
        f"{a} - {_named((b, budget))} {row['verdict_holm']}, committed {old[a, b, budget]['verdict_holm']}"
        for (a, b, budget), row in new.items()
        if (a, b, budget) in old and row["verdict_holm"] != old[a, b, budget]["verdict_holm"]
    ]


def texts(committed: State) -> str:
    """How many of the committed synthetic texts the workspace holds too; only whether, where this machine lacks them.

    Texts are known by their place in the plan, so a text that moved counts as another one.
    """
    path = Path(TEXTS)
    known = next((str(stage.deps[TEXTS]["md5"]) for stage in committed.stages if TEXTS in stage.deps), "")
    if not known or not path.is_file():
        return ""
    mine = path.read_bytes()
    if md5(mine) == known:
        return "the synthetic texts are equal"
    stored = [repository_root() / store / known[:2] / known[2:] for store in STORES]
    theirs = next((file.read_bytes() for file in stored if file.is_file()), None)
    if theirs is None:
        return "the synthetic texts differ"
    new, old = _texts(mine), _texts(theirs)
    equal = sum(new.get(place) == text for place, text in old.items())
    return f"{equal} of the {len(old)} committed synthetic texts are equal, {len(new)} there are now"


def _texts(content: bytes) -> dict[str, str]:
    return {str(row["plan_id"]): str(row["text"]) for _, row in json_objects(Path(TEXTS), content.split(b"\n"))}


def _by_key(table: bytes, *columns: str) -> dict[Key, Mapping[str, str]]:
    rows = sheet_rows(table, "reports/evaluate")
    return {tuple(row[name] for name in columns): row for row in rows if row["measure"] == MEASURE}


def _named(key: Key) -> str:
    return f"{key[0]} at {key[1]}" if key[1] else key[0]
