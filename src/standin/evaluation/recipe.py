"""What two runs must share to be runs of one method: everything that shapes a result but the base seed."""

import hashlib
import json

from pydantic import BaseModel

from standin.choices import UNSETTLED
from standin.config import Params
from standin.task import Task


def recipe(params: Params, task: Task) -> str:
    """A hash of parameters and task, equal for runs that differ in ``base.seed``, ``runtime`` or ``tracking`` alone.

    It is made from checked values, so spelling (``5e-4``, ``0.0005``), comments and left-out defaults do not count.
    """
    groups = {info.alias or name: getattr(params, name) for name, info in Params.model_fields.items()
              if name not in UNSETTLED}  # fmt: skip
    values = {name: group.model_dump(mode="json", by_alias=True) if isinstance(group, BaseModel) else group
              for name, group in groups.items()}  # fmt: skip
    del values["base"]["seed"]
    text = json.dumps([values, task.model_dump(mode="json", by_alias=True)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def evaluated(scores: bytes, comparisons: bytes) -> str:
    """A hash of the tables of one run, by which a table over several runs knows the runs it was made from."""
    return hashlib.sha256(b"\0".join((scores, comparisons))).hexdigest()[:32]
