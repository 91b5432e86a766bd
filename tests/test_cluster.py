"""A Ray cluster of three nodes on this machine: equal results, lost nodes and workers, errors that say what to change."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import pytest

from standin import cluster, embedded
from standin.engines import registry
from standin.engines.protocol import Answer, Chat, Request, Sampling
from standin.engines.spreading import SpreadEngine, chosen
from standin.errors import StandinError
from standin.generation.answering import answer_plan
from standin.generation.budget import Budget
from standin.generation.plan import PlanRow
from standin.generation.spreading import fill
from standin.generation.store import AnswerStore
from standin.machine import Runtime
from standin.measures.embeddings import embed
from standin.selection import spreading, sqbc
from standin.selection.neighbours import nearest_others
from standin.selection.pool import Settings, Texts

ray = pytest.importorskip("ray", reason="Ray is not installed: `make test-ray` does that")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
STORE, PORT = 100_000_000, 23471


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A head without processors and two nodes with one each."""
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    made = Cluster(head_node_args={"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False,
                                   "ray_client_server_port": PORT},
                   initialize_head=True)  # fmt: skip
    for _ in range(2):
        made.add_node(num_cpus=1, object_store_memory=STORE)
    yield made
    ray.shutdown()
    made.shutdown()
    cluster._connected.cache_clear()


@pytest.fixture
def runtime(nodes: Any) -> Iterator[Runtime]:
    """One processor a worker. Nodes that a test lost are replaced after it."""
    yield Runtime(threads=1, device="cpu", cluster=nodes.address)
    while len(nodes.worker_nodes) < 2:
        nodes.add_node(num_cpus=1, object_store_memory=STORE)


def losing(nodes: Any, after: float) -> threading.Thread:
    """A node goes after so many seconds."""
    thread = threading.Timer(after, lambda: nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False))
    thread.start()
    return thread


# Work


def slowly(item: int) -> tuple[int, int]:
    time.sleep(0.25)
    return item * item, os.getpid()


def test_every_item_comes_once_from_several_workers(runtime: Runtime) -> None:
    found = list(cluster.spread(runtime, list(range(12)), lambda: slowly))
    assert sorted((place, squared) for place, (squared, _) in found) == [(n, n * n) for n in range(12)]
    assert len({pid for _, (_, pid) in found}) == 2
    assert list(cluster.spread(runtime, [], lambda: slowly)) == []


def test_what_is_done_is_there_before_the_rest_is(runtime: Runtime) -> None:
    began = time.monotonic()
    came = [time.monotonic() - began for _ in cluster.spread(runtime, list(range(24)), lambda: slowly)]
    assert came[0] < came[-1] - 1


def test_few_long_items_are_not_all_kept_by_the_worker_that_is_there_first(runtime: Runtime, tmp_path: Path) -> None:
    def work(item: int) -> bool:
        """The first item waits for the second one."""
        until = time.monotonic() + 60
        (tmp_path / str(item)).touch()
        while not (tmp_path / "2").exists() and time.monotonic() < until:
            time.sleep(0.1)
        return (tmp_path / "2").exists()

    assert [done for _, done in cluster.spread(runtime, [1, 2], lambda: work)] == [True, True]


def test_a_lost_node_costs_no_item_and_brings_none_twice(nodes: Any, runtime: Runtime) -> None:
    list(cluster.spread(runtime, [1], lambda: slowly))  # the code is there
    lost = losing(nodes, 3)
    found = [place for place, _ in cluster.spread(runtime, list(range(40)), lambda: slowly)]
    lost.join()
    assert sorted(found) == list(range(40))
    assert len(nodes.worker_nodes) == 1


def test_a_worker_that_dies_is_replaced(runtime: Runtime, tmp_path: Path) -> None:
    def begin() -> Callable[[int], int]:
        def work(item: int) -> int:
            if item == 3 and not (tmp_path / "died").exists():
                (tmp_path / "died").touch()
                os._exit(137)  # as the kernel ends one that has taken too much memory
            return item

        return work

    assert sorted(found for _, found in cluster.spread(runtime, list(range(8)), begin)) == list(range(8))
    assert (tmp_path / "died").exists()


def test_a_work_that_kills_its_worker_time_and_again_is_given_up(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "TRIES", 2)

    def work(item: int) -> int:
        os._exit(137)

    with pytest.raises(
        StandinError, match=r"^on node \S+: 2 workers of the cluster were lost over the same work, for want of memory"
    ):
        list(cluster.spread(runtime, [1], lambda: work))


def test_a_node_with_another_engine_is_told(
    runtime: Runtime, tmp_path: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IDENTITY, "version", "2")
    with (
        AnswerStore(tmp_path / "many.db") as many,
        pytest.raises(StandinError, match=r"a node has 1, and this machine 2: install requirements\.lock"),
    ):
        filled(runtime, many, folders[0], Budget())


def test_what_is_wrong_is_told(runtime: Runtime) -> None:
    def wrong(item: int) -> int:
        raise StandinError("params.yaml: no such model")

    def broken(item: int) -> int:
        raise ValueError("out of paper")

    with pytest.raises(StandinError, match=r"^on node \S+: params\.yaml: no such model$"):
        list(cluster.spread(runtime, [1, 2], lambda: wrong))
    found = list(cluster.spread(runtime, [1, 2], lambda: wrong, fails=False))
    assert sorted((place, str(error).split(": ", 1)[1]) for place, error in found) == [
        (place, "params.yaml: no such model") for place in (0, 1)
    ]

    def unfit() -> Callable[[int], int]:
        raise StandinError("the folder is not there")

    with pytest.raises(StandinError, match=r"^on node \S+: the folder is not there"):
        list(cluster.spread(runtime, [1, 2], unfit, fails=False))
    with pytest.raises(StandinError, match=r"on node \S+: a worker of the cluster failed: ValueError: out of paper"):
        list(cluster.spread(runtime, [1, 2], lambda: broken))
    with pytest.raises(
        StandinError, match=r"a worker takes 2 processors \(runtime\.threads\) of one node, and no node"
    ):
        list(cluster.spread(runtime.model_copy(update={"threads": 2}), [1], lambda: slowly))


def test_a_machine_that_is_no_node_asks_the_cluster_too(nodes: Any, runtime: Runtime, tmp_path: Path) -> None:
    """By Ray's client, in a process of its own, as one process is a node or is none."""
    (tmp_path / "afar.py").write_text(
        "from standin.cluster import spread\n"
        "from standin.errors import StandinError\n"
        "from standin.machine import Runtime\n\n"
        "def wrong(item):\n    raise StandinError(f'{item} is wrong')\n\n"
        f"runtime = Runtime(threads=1, device='cpu', cluster='ray://127.0.0.1:{PORT}')\n"
        "print(sorted(spread(runtime, list(range(9)), lambda: lambda item: item * item)))\n"
        "try:\n    list(spread(runtime, [7], lambda: wrong))\n"
        "except StandinError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "afar.py"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.splitlines() == [
        str([(n, n * n) for n in range(9)]),
        f"on node {socket.gethostname()}: 7 is wrong",
    ], done.stderr


@pytest.mark.parametrize(
    ("failures", "said"), [(4, ""), (9, r"no Ray cluster answers there \(RuntimeError: too slow\)")]
)
def test_a_busy_head_is_asked_again(monkeypatch: pytest.MonkeyPatch, failures: int, said: str) -> None:
    """What Ray's client raises where the process that a head starts for it is not up in time."""
    asked: list[str] = []

    def init(address: str, **settings: Any) -> None:
        asked.append(address)
        if len(asked) <= failures:
            raise ConnectionAbortedError("Initialization failure from server:\nTraceback:\nRuntimeError: too slow\n\n")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(cluster, "_reach", lambda _: None)
    with pytest.raises(StandinError, match=said) if said else nullcontext():
        cluster._connected.__wrapped__("ray://head:10001")
    assert asked == ["ray://head:10001"] * 5


@pytest.mark.parametrize(
    "address", ["ray://127.0.0.1:{}", "127.0.0.1:{}", "ray://localhost:{}", "[::1]:{}", "no-such.invalid:{}", "auto"]
)
def test_where_nothing_listens_ray_is_not_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """It would ask on for minutes. auto is what the environment names."""
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("asked"))
    monkeypatch.setattr(cluster, "REACHED", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"ray://127.0.0.1:{port}")
    with pytest.raises(
        StandinError, match=r"^params\.yaml: runtime\.cluster is '.*', and no Ray cluster answers"
    ) as told:
        cluster._connected.__wrapped__(address.format(port))
    assert "RAY_AUTH_MODE" not in str(told.value)
    assert "invalid" in address or "refused" in str(told.value)


def test_a_head_that_is_starting_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    late: list[socket.socket] = []
    threading.Timer(1.5, lambda: late.append(socket.create_server(("127.0.0.1", port)))).start()
    cluster._reach(f"ray://127.0.0.1:{port}")
    late[0].close()


def test_why_a_worker_never_ran_and_what_versions_differ_are_told() -> None:
    """What Ray says of a token that one side has, and of another Python."""
    died = RuntimeError("The actor died.\n\tclass_name: W\nThe node has died.\nThe actor never ran - it was cancelled.")
    assert cluster._told(died) == "The node has died. The actor never ran - it was cancelled"
    differ = RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\nThis "
                          "process on node 10.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.12.3\n")  # fmt: skip
    said = str(cluster._unanswered("auto", differ, ". more"))
    assert "Python: 3.11.7 This process on node 10.0.0.2 was started with: Ray: 2.60.0 Python: 3.12.3: install" in said
    assert "more" not in said


@pytest.fixture
def guarded() -> Iterator[dict[str, str]]:
    """The environment of a cluster with a token, which listens at PORT + 1."""
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
    with TemporaryDirectory(prefix="ray") as folder:  # a path of pytest's is too long for a socket's
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={PORT + 1}",
                   "--num-cpus=1", f"--object-store-memory={STORE}", "--include-dashboard=false", "--disable-usage-stats",
                   f"--temp-dir={folder}", f"--ray-client-server-port={PORT + 2}"]  # fmt: skip
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as head:
            assert head.stdout is not None
            try:
                while "Ray runtime started" not in (line := head.stdout.readline()):
                    assert line, "the head did not start"
                yield environment
            finally:
                own = psutil.Process(head.pid).children(recursive=True)
                head.kill()  # asked to end, it takes 30 s
                for process in own:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                psutil.wait_procs(own, timeout=20)


def test_a_cluster_with_a_token_asks_for_it(guarded: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(
        "from standin.cluster import spread\n"
        "from standin.errors import StandinError\n"
        "from standin.machine import Runtime\n\n"
        f"runtime = Runtime(threads=1, device='cpu', cluster='127.0.0.1:{PORT + 1}')\n"
        "try:\n    print(sorted(spread(runtime, [3, 4], lambda: abs)))\n"
        "except StandinError as error:\n    print(error)\n"
    )

    def said(**settings: str) -> str:
        command = [sys.executable, tmp_path / "driver.py"]
        done = subprocess.run(command, env=guarded | settings, capture_output=True, text=True, timeout=300, check=True)
        return done.stdout

    assert said() == "[(0, 3), (1, 4)]\n"
    without = said(RAY_AUTH_MODE="disabled")
    assert "no Ray cluster answers there" in without
    assert "a cluster with a token asks for RAY_AUTH_MODE=token" in without
    assert without.endswith("here it is disabled\n")
    unknown = said(RAY_AUTH_TOKEN="", RAY_AUTH_TOKEN_PATH="", HOME=str(tmp_path))
    assert "no Ray cluster answers there" in unknown
    assert "Token authentication is enabled" in unknown


def test_of_many_items_only_some_are_sent_at_a_time(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SHARE", 1e-4)  # of 300 MB: six items of 5,000 bytes
    taken: list[int] = []

    def items() -> Iterator[str]:
        for n in range(20):
            taken.append(n)
            yield f"{n:5}" * 1000

    found = cluster.spread(runtime, items(), lambda: lambda text: int(text[:5]))
    first = next(found)
    assert len(taken) <= 8
    assert sorted([first, *found]) == [(n, n) for n in range(20)]


# Embeddings

TEXTS = [f"text {n} about {('trams', 'parks', 'flats')[n % 3]}" for n in range(300)]


def test_vectors_are_those_of_one_machine_though_a_node_is_lost(
    nodes: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("standin.measures.embeddings.BLOCK", 16)
    here = embed(TEXTS, "all-minilm-l6-v2", "main", cluster.alone(runtime))
    lost = losing(nodes, 4)
    there = embed(TEXTS, "all-minilm-l6-v2", "main", runtime)
    lost.join()
    assert np.abs(there - here).max() < 1e-6
    assert embed([], "all-minilm-l6-v2", "main", runtime).shape == (0, 384)


# Selection


def test_neighbours_are_those_of_one_machine_though_a_node_is_lost(
    nodes: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "ROWS", 8)
    rng = np.random.default_rng(3)
    queries, index = rng.normal(size=(300, 16)).astype(np.float32), rng.normal(size=(60, 16)).astype(np.float32)
    queries[:60] = index
    settings = Settings(5, balance=True, search=spreading.search_of(runtime))
    pool = Texts(tuple(f"p{n}" for n in range(300)), embeddings=queries)
    synthetic = Texts(tuple(f"s{n}" for n in range(60)), labels=np.arange(60) % 3, embeddings=index)
    lost = losing(nodes, 3)
    found = sqbc.scores(pool, synthetic, settings, np.random.default_rng(1))
    lost.join()
    assert (found == sqbc.scores(pool, synthetic, Settings(5, balance=True), np.random.default_rng(1))).all()
    own = np.where(np.arange(300) < 60, np.arange(300), -1)
    others = nearest_others(queries, index, 5, own, search=settings.search)
    assert (others == nearest_others(queries, index, 5, own)).all()
    with pytest.raises(StandinError, match=r"select\.neighbours is 61, but there are only 60"):
        settings.search(queries, index, 61, "label more")


# Generation


class Counting:
    """An engine whose answers depend on the batch, and which leaves a mark for every batch that it answers."""

    name, version = "transformers", "1"

    def __init__(self, folder: Path, pause: float = 0.2) -> None:
        self.folder, self.pause = folder, pause

    def answer(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Answer]]:
        time.sleep(self.pause)
        (self.folder / f"{time.time_ns()}-{os.getpid()}").touch()
        batch = "+".join(str(request.seed) for request in requests)
        for place, request in enumerate(requests):
            yield place, Answer(f"Answer {len(request.chat)} of {request.seed} in {batch}", "stop", 5, 7)

    def stop(self) -> None:
        pass

    def choose(self, chats: Sequence[Chat], choices: Sequence[str]) -> Any:
        return np.array([[float(len(chat[0][1])), float(len(chats))] for chat in chats])


IDENTITY = {"engine": "transformers", "version": "1", "model": "m", "revision": "main", "dtype": "float32"}
SAMPLING = Sampling(0.8, 0.95, 64)


def plan(conversations: int, turns: int = 2) -> list[PlanRow]:
    return [
        PlanRow(
            plan_id=f"{talk}-{turn}", label="housing", question_id=None, question=None, shots=(),
            kind="opening" if turn == 0 else "generation", conversation=f"c{talk}", turn=turn, seed=100 * talk + turn,
            attributes={},
        )
        for talk in range(conversations)
        for turn in range(turns)
    ]  # fmt: skip


def say(row: PlanRow) -> str:
    return f"Write about {row.label}, turn {row.turn}"


def answered(store: AnswerStore, folder: Path, conversations: int = 12) -> list[Any]:
    """The plan as one machine answers it; what is stored is not asked again."""
    return answer_plan(
        plan(conversations), say, IDENTITY, SAMPLING, 2, store, lambda: Counting(folder, 0), lambda _: None
    )


def filled(runtime: Runtime, store: AnswerStore, folder: Path, budget: Budget, conversations: int = 12) -> int:
    """Let the cluster answer; how many answers came."""
    before = len(store.rows())
    fill(plan(conversations), say, IDENTITY, SAMPLING, 2, store, lambda _: Counting(folder), True, budget, runtime)
    return len(store.rows()) - before


def marks(folder: Path) -> int:
    return len(list(folder.iterdir()))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Where engines leave their marks: of the cluster, of this process."""
    made = tmp_path / "there", tmp_path / "here"
    for folder in made:
        folder.mkdir()
    return made


def test_answers_and_keys_are_those_of_one_machine(
    runtime: Runtime, tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    there, here = folders
    with AnswerStore(tmp_path / "one.db") as one, AnswerStore(tmp_path / "many.db") as many:
        expected = answered(one, here)
        alone = marks(here)
        spent = Budget(tokens=24 * 12)  # all of it, and no more
        assert filled(runtime, many, there, spent) == 24
        assert answered(many, here) == expected
        assert marks(here) == alone  # all was stored
        assert marks(there) == alone
        assert [row[0] for row in many.rows()] == [row[0] for row in one.rows()]
        assert (spent.tokens_in, spent.tokens_out, spent.answers) == (24 * 5, 24 * 7, 24)
        assert filled(runtime, many, there, Budget()) == 0


def test_a_node_that_is_lost_while_it_writes_loses_no_answer(
    nodes: Any, runtime: Runtime, tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    with AnswerStore(tmp_path / "one.db") as one, AnswerStore(tmp_path / "many.db") as many:
        lost = losing(nodes, 3.5)
        came = filled(runtime, many, folders[0], Budget(), 40)
        lost.join()
        assert came == 80
        assert answered(many, folders[1], 40) == answered(one, folders[1], 40)


def test_a_driver_that_was_stopped_asks_for_the_missing_chunks_alone(
    runtime: Runtime, tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    with AnswerStore(tmp_path / "many.db") as many:
        with pytest.raises(StandinError, match=r"stopped: 8 new answers took 96 tokens, .*run again to go on"):
            filled(runtime, many, folders[0], Budget(tokens=60))
        stored = len(many.rows())
        assert stored == 8  # two chunks of four texts of twelve tokens
        assert filled(runtime, many, folders[0], Budget()) == 16
        assert len(many.rows()) == 24


# Choices


def test_an_engine_on_the_cluster_chooses_as_one_here(runtime: Runtime, tmp_path: Path) -> None:
    engine = SpreadEngine("transformers", "1", lambda _: Counting(tmp_path, 0), runtime)
    chats: list[list[Chat]] = [[(("user", "x" * (n + 1)),)] * (n + 1) for n in range(3)]
    found = dict(chosen(engine, chats, ["a", "b"]))
    here = dict(chosen(Counting(tmp_path, 0), chats, ["a", "b"]))
    assert all((found[place] == here[place]).all() for place in range(3))
    assert engine.choose(chats[2], ["a", "b"]).tolist() == [[3, 3]] * 3
    request = Request((("user", "a"),), 5)
    assert [answer.text for _, answer in engine.answer([request], SAMPLING)] == ["Answer 1 of 5 in 5"]


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here: make test-vllm")
def test_vllm_on_a_cluster_writes_and_chooses_what_it_does_here(runtime: Runtime, tmp_path: Path) -> None:
    asked = "vllm", embedded.GENERATOR, "main", "float32"
    here = registry.load(*asked, cluster.alone(runtime))
    identity = IDENTITY | {"engine": "vllm", "version": registry.version("vllm", embedded.GENERATOR)}
    rows, short = plan(6), Sampling(0.8, 0.95, 16)
    with AnswerStore(tmp_path / "one.db") as one, AnswerStore(tmp_path / "many.db") as many:
        fill(rows, say, identity, short, 2, many, partial(registry.load, *asked), True, Budget(), runtime)
        expected = answer_plan(rows, say, identity, short, 2, one, lambda: here, lambda _: None)
        stored = answer_plan(rows, say, identity, short, 2, many, pytest.fail, lambda _: None)
    assert stored == expected
    assert len({row.answer.text for row in stored}) > 6
    chats: list[list[Chat]] = [[(("user", f"Is {word} a fruit?"),)] * 2 for word in ("an apple", "a car")]
    found = dict(chosen(registry.load(*asked, runtime), chats, ["Yes", "No"]))
    assert all((found[place] == here.choose(chats[place], ["Yes", "No"])).all() for place in range(2))


def test_only_engines_that_run_a_model_are_on_the_cluster(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standin.engines.openai.load", lambda *_: "here")
    assert isinstance(registry.load("transformers", "m", "main", "float32", runtime), SpreadEngine)
    assert registry.load("openai", "m", "main", "auto", runtime) == "here"
