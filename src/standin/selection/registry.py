"""Strategies by name. A new one is a branch here, and its evidence in ``config.STRATEGY_EVIDENCE``."""

from standin.config import STRATEGY_EVIDENCE
from standin.errors import StandinError, nearest
from standin.selection.pool import Strategy


def load(name: str) -> Strategy:
    """The strategy of that name. Raises StandinError naming the known ones."""
    if name == "random":
        from standin.selection.random import scores
    elif name == "sqbc":
        from standin.selection.sqbc import scores
    elif name == "cal":
        from standin.selection.cal import scores
    elif name == "margin":
        from standin.selection.margin import scores
    elif name == "coverage":
        from standin.selection.coverage import scores
    elif name == "sqbc_diverse":
        from standin.selection.sqbc_diverse import scores
    elif name.endswith("_sampled") and name in STRATEGY_EVIDENCE:
        from standin.selection.sampled import sampled

        return sampled(load(name.removesuffix("_sampled")))
    else:
        raise StandinError(f"no strategy {name!r}: {nearest(name, STRATEGY_EVIDENCE)}")
    return scores
