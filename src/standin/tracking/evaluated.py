"""The scores that a state holds, where they belong to its parameters, task, code and data."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from standin.checked import parse_yaml
from standin.config import Params, parse_params
from standin.errors import StandinError
from standin.evaluation.recipe import evaluated, recipe
from standin.task import Task
from standin.tracking.states import State, md5, read_params, read_state, sources, stale
from standin.tracking.trees import Tree, Workspace

STAGE = "evaluate"
SCORES = "reports/evaluate/scores.csv"
COMPARISONS = "reports/evaluate/comparisons.csv"


@dataclass(frozen=True, slots=True)
class Made:
    """What a run was made by: ``recipe`` is a hash of task and parameters but for the base seed."""

    recipe: str
    seed: int
    params: Params


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The tables of the stage evaluate in one state."""

    state: State
    scores: bytes
    comparisons: bytes

    @property
    def digest(self) -> str:
        """A hash of the tables."""
        return evaluated(self.scores, self.comparisons)


def read_made(tree: Tree) -> Made | None:
    """What a tree's parameters and task file ask for; None where they do not fit today's groups."""
    try:
        params = parse_params(read_params(tree))
        task: Any = parse_yaml(tree.read(f"tasks/{params.base.task}.yaml") or b"", "its task file", as_dvc=True)
        return Made(recipe(params, Task.model_validate(task)), params.base.seed, params)
    except (StandinError, ValidationError):
        return None


def read_evaluated(tree: Tree) -> Evaluated:
    """The scores of a tree. Raises StandinError with the reason where it holds none that belong to it."""
    state = read_state(tree)
    if state is None:
        raise StandinError("no stage has run yet")
    if reason := stale(state).get(STAGE, "" if any(stage.address == STAGE for stage in state.stages) else "is missing"):
        raise StandinError(f"{STAGE}: {reason}")
    found = {path: tree.read(path) for path in (SCORES, COMPARISONS)}
    for path, content in found.items():
        if content is None or md5(content) != state.md5(path):
            raise StandinError(f"{path} is not the file that dvc.lock names")
    return Evaluated(state, found[SCORES] or b"", found[COMPARISONS] or b"")


def altered(state: State) -> list[str]:
    """The code and data a state's scores were made from that are other ones in the workspace, sorted.

    A folder, as of raw data, is compared by the md5 in the workspace's dvc.lock, and passes where that names none.
    """
    here = Workspace()
    current = read_state(here)
    locked = sources(current, STAGE) if current else {}
    found = []
    for path, known in sources(state, STAGE).items():
        content = here.read(path)
        now = md5(content) if content is not None else locked.get(path)
        if now != known and (now is not None or path.startswith("src/")):
            found.append(path)
    return sorted(found)
