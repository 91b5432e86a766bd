"""Nearest neighbours over a cluster: its workers hold what is searched, and search for a part of the queries each."""

from collections.abc import Callable
from functools import partial

import numpy as np

from standin.cluster import alone, spread
from standin.machine import Runtime
from standin.selection.neighbours import Places, Reals, Search, nearest

ROWS = 16_384
"""Queries that are sent at a time: 25 MB of 384 numbers in float32."""


def search_of(runtime: Runtime) -> Search:
    """What ``nearest`` finds, by the workers of ``runtime.cluster`` where it names one."""
    return partial(_search, runtime) if runtime.cluster else nearest


def _search(runtime: Runtime, queries: Reals, index: Reals, k: int, more: str) -> Places:
    """As ``nearest``; what stands beside a query changes nothing of its neighbours."""
    nearest(queries[:0], index, k, more)  # k that the index cannot give is told before anything is sent
    found = np.empty((len(queries), k), dtype=np.intp)
    parts = (queries[start : start + ROWS] for start in range(0, len(queries), ROWS))
    for place, own in spread(runtime, parts, partial(_worker, index, k, more, alone(runtime)), gpus=0):
        found[place * ROWS : place * ROWS + len(own)] = own
    return found


def _worker(index: Reals, k: int, more: str, runtime: Runtime) -> Callable[[Reals], Places]:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    def work(queries: Reals) -> Places:
        with threadpool_limits(runtime.threads):
            return nearest(queries, index, k, more)

    return work
