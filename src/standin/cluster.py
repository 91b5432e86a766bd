"""Heavy work over a Ray cluster (``runtime.cluster``): what is done to each of many items is done by its workers.

Ray Data places the work, streams it and does it again where a worker, or its node, is lost; nothing of that is ours.
What comes back comes in any order, each item once, and is kept by whoever asked: a stage that was killed asks only for
what is missing. Without ``runtime.cluster`` nothing here is imported.
"""

import logging
import os
import pickle
import re
import socket
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from standin.errors import StandinError, first_line
from standin.machine import Runtime

Work = Callable[[Any], Any]
Sent = list[tuple[int, bytes]]
Resources = dict[str, float]
SHARE, MOST = 0.25, 2**30
"""Of the cluster's object store, what is filled with items at a time, and bytes at most: one node holds them first."""
TRIES = 5
"""How often a work is begun at most, where its worker is lost each time, by a node that goes or for want of memory;
and how often a cluster is asked for a connection, where it answers and cannot give one, being busy perhaps."""
REACHED = 10.0
"""Seconds within which a cluster's address takes a connection."""


class UnfitError(StandinError):
    """A worker could not begin: its node, not an item, has to be changed."""


def alone(runtime: Runtime) -> Runtime:
    """The runtime of a worker, which does its work by itself."""
    return runtime.model_copy(update={"cluster": None, "processes": 1})


def placed(name: str) -> str:
    """A model as workers find it: a folder or file of this machine by its whole path, which they need to have too."""
    return str(Path(name).absolute()) if Path(name).exists() else name


def spread(
    runtime: Runtime, items: Iterable[Any], begin: Callable[[], Work], gpus: int = 1, *, fails: bool = True
) -> Iterator[tuple[int, Any]]:
    """Do a work to every item, on the workers of the cluster.

    Args:
        runtime: the cluster's address; ``threads`` are the processors of a worker.
        items: what is worked on; what pickle reads. They are taken as they are sent, some of them at a time, so that
            neither this process nor the cluster's object store holds all of many.
        begin: called once by each worker, on its node, to load what the work needs; it gives the work.
        gpus: that a worker takes where the cluster has any and ``device`` is not cpu.
        fails: whether a StandinError of one item ends all; else it is what came of that item. One of ``begin`` does.

    Yields:
        The place of an item and what came of it, as they come.

    Raises:
        StandinError: Ray is not installed, the cluster is not there or too small, or the work itself raised one.
    """
    todo = enumerate(items)
    if (first := next(todo, None)) is None:
        return
    ray = _connected(str(runtime.cluster))
    there = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needs = _needs(there, runtime, gpus)
    places = _places(there, needs)
    most = min(MOST, int(sum(node.get("object_store_memory", 0) for node in there) * SHARE))
    try:
        for sent in _parts(chain([first], todo), most):
            asked = (sent, begin, min(len(sent), places), needs)
            for place, result in _from_afar(ray, *asked) if ray.util.client.ray.is_connected() else _streamed(*asked):
                found = pickle.loads(result)
                if isinstance(found, StandinError) and (fails or isinstance(found, UnfitError)):
                    raise found
                yield place, found
    except (ray.exceptions.RayError, ConnectionError) as error:
        advice = f". If nothing else ended it: {_token_advice()}" if "never ran" in str(error) else ""
        raise StandinError(f"runtime.cluster {runtime.cluster!r}: {_told(error)}{advice}") from error


def _parts(items: Iterable[tuple[int, Any]], most: int) -> Iterator[Sent]:
    """Items with their places, as many at a time as have ``most`` bytes, and one at least."""
    part: Sent = []
    held = 0
    for place, item in items:
        one = pickle.dumps(item)
        if part and held + len(one) > most:
            yield part
            part, held = [], 0
        part.append((place, one))
        held += len(one)
    yield part


def _streamed(
    sent: Sent, begin: Callable[[], Work], workers: int, needs: dict[str, Any]
) -> Iterator[tuple[int, bytes]]:
    """Places and results, as Ray Data brings them to this process, which is on a node of the cluster."""
    import ray.data
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    _quiet()
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    tally = ray.remote(num_cpus=0, scheduling_strategy=here)(_Tally).remote()
    rows = [{"place": place, "item": item} for place, item in sent]
    made = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Worker,
        fn_constructor_args=(begin, tally, TRIES),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),  # else the first takes all
        **needs,
    )
    yield from ((int(row["place"]), row["result"]) for row in made.iter_rows())


def _from_afar(ray: Any, *asked: Any) -> Iterator[tuple[int, bytes]]:
    """The same for a process that is on no node: Ray Data runs in an actor, whose results are fetched one by one."""
    afar = ray.remote(num_cpus=0)(_Afar).remote(*asked)
    while (found := ray.get(afar.following.remote())) is not None:
        yield found


class _Afar:
    """Results, held on a node until they are fetched."""

    def __init__(self, *asked: Any) -> None:
        self.results = _streamed(*asked)

    def following(self) -> tuple[int, bytes] | None:
        """The next one; None at the end."""
        return next(self.results, None)


class _Tally:
    """How often each item was begun: Ray begins one again whenever its worker is lost, without end."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def begun(self, place: int) -> int:
        """Count one more time; returns how often it was."""
        self.counts[place] += 1
        return self.counts[place]


class _Worker:
    """What an actor of the cluster holds: the work, begun once."""

    def __init__(self, begin: Callable[[], Work], tally: Any, tries: int) -> None:
        self.begin, self.tally, self.tries = begin, tally, tries
        self.work: Work | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One item; an error is an answer, which no other worker would change. Ray's logs hold where it came from."""
        import ray

        try:
            if ray.get(self.tally.begun.remote(int(batch["place"][0]))) > self.tries:
                raise StandinError(
                    f"{self.tries} workers of the cluster were lost over the same work, for want of memory perhaps: "
                    "give nodes more of it, or let less be done at a time (generator.chunk, runtime.batch)"
                )
            self.work = self.work or self._begun()
            found = [self.work(pickle.loads(item)) for item in batch["item"]]
        except StandinError as error:
            kind = UnfitError if isinstance(error, UnfitError) else StandinError
            found = [kind(f"on node {socket.gethostname()}: {error}")]
        except Exception as error:
            traceback.print_exc()
            found = [
                StandinError(
                    f"on node {socket.gethostname()}: a worker of the cluster failed: {type(error).__name__}: {error} "
                    "(more in its /tmp/ray/session_latest/logs)"
                )
            ]
        return {"place": batch["place"], "result": [pickle.dumps(one) for one in found]}

    def _begun(self) -> Work:
        try:
            return self.begin()
        except StandinError as error:
            raise UnfitError(str(error)) from None


@cache
def _connected(address: str) -> Any:
    """Ray, connected to the cluster once a process; the workers get this package as it is here."""
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
        import ray.exceptions
        import ray.util.client
    except ImportError:
        raise StandinError(
            "params.yaml, runtime.cluster: Ray is not installed: pip install --no-deps -r requirements-ray.lock"
        ) from None
    try:
        _reach(address)
    except (OSError, ValueError) as error:
        raise _unanswered(address, error) from None
    # Ray's client alone says that it was aborted: what the head starts for each client did not answer in time.
    again = retry_if_exception_type(ConnectionAbortedError)
    try:
        Retrying(retry=again, stop=stop_after_attempt(TRIES), reraise=True)(
            ray.init,
            address=address,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.WARNING,
            runtime_env={"py_modules": [str(Path(__file__).parent)]},
        )
    except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
        raise _unanswered(address, error, f". {_token_advice()}") from None
    return ray


def _unanswered(address: str, error: Exception, advice: str = "") -> StandinError:
    """What to say where no connection came about."""
    if "Version mismatch" in str(error):
        return StandinError(
            f"runtime.cluster {address!r}: {' '.join(str(error).split())}: install the same here and there"
        )
    return StandinError(
        f"params.yaml: runtime.cluster is {address!r}, and no Ray cluster answers there ({_told(error)}). "
        "`ray status` shows whether one runs. auto or HOST:6379 is for a machine that is a node of it, "
        f"ray://HOST:10001 for any other; null works on this machine alone{advice}"
    )


def _token_advice() -> str:
    """Of a missing or needless token Ray says that no node is there, or that a worker did not run."""
    return (
        "a cluster with a token asks for RAY_AUTH_MODE=token and the token (~/.ray/auth_token or RAY_AUTH_TOKEN), one "
        f"without for RAY_AUTH_MODE=disabled; here it is {os.environ.get('RAY_AUTH_MODE', 'not set')}"
    )


def _reach(address: str) -> None:
    """Raise OSError or ValueError where nothing listens at an address, or begins to: Ray itself asks on for minutes."""
    import ray._private.services as services
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

    if address == "auto":  # as Ray finds it
        address = os.environ.get("RAY_ADDRESS") or "auto"
    if address == "auto":
        address = services.canonicalize_bootstrap_address("auto") or ""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        again = retry_if_exception_type(ConnectionRefusedError)
        attempts = Retrying(retry=again, wait=wait_fixed(1), stop=stop_after_delay(REACHED), reraise=True)
        attempts(socket.create_connection, (host.strip("[]"), int(port)), REACHED).close()


def _quiet() -> None:
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _told(error: Exception) -> str:
    """What a person needs of Ray's errors, which say first where and last why."""
    if isinstance(cause := getattr(error, "cause", None), Exception):
        return f"{type(cause).__name__}: {first_line(cause)}"
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines() if line.strip()]
    last = lines[-2:] if lines and "never ran" in lines[-1] else lines[-1:]  # before which stands why
    return " ".join(last).rstrip(".") or type(error).__name__


def _needs(there: Sequence[Resources], runtime: Runtime, gpus: int) -> dict[str, Any]:
    """What a worker takes."""
    any_gpu = runtime.device != "cpu" and any(node.get("GPU", 0) for node in there)
    return {"num_cpus": runtime.threads} | ({"num_gpus": gpus} if any_gpu and gpus else {})


def _places(there: Sequence[Resources], needs: dict[str, Any]) -> int:
    """How many workers the nodes have room for, each on one of them. Raises StandinError where no node has any."""
    kinds = [(kind, needs[key]) for kind, key in (("CPU", "num_cpus"), ("GPU", "num_gpus")) if key in needs]
    found = sum(min(int(node.get(kind, 0) // needed) for kind, needed in kinds) for node in there)
    if not found:
        gpus = f" and {needs['num_gpus']} GPUs" if "num_gpus" in needs else ""
        most = ", ".join(f"{node.get('CPU', 0):g} and {node.get('GPU', 0):g}" for node in there)
        raise StandinError(
            f"runtime.cluster: a worker takes {needs['num_cpus']} processors (runtime.threads){gpus} of one node, and "
            f"no node has them (processors and GPUs of each: {most}): wait until its nodes are there (`ray status`), "
            "start larger ones, or lower runtime.threads (GPUs: tensor_parallel, data_parallel)"
        )
    return found
