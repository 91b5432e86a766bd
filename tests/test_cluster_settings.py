"""``runtime.cluster`` without a cluster: which addresses are some, what is said where Ray or the cluster is missing."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from standin import cluster
from standin.errors import StandinError
from standin.machine import Runtime


@pytest.mark.parametrize(
    "address", ["auto", "ray://head:10001", "10.0.0.7:6379", "[::1]:6379", "head.example.org:6379"]
)
def test_an_address_of_a_cluster_is_taken(address: str) -> None:
    assert Runtime(cluster=address).cluster == address


@pytest.mark.parametrize(
    "address", ["", "head", "http://head:10001", "ray://user:word@head:10001", "head:port", "local"]
)
def test_what_is_no_address_is_refused_with_what_to_write(address: str) -> None:
    with pytest.raises(ValidationError, match=r"write auto, ray://HOST:10001, HOST:6379, or null"):
        Runtime(cluster=address)


def test_where_ray_is_not_installed_it_is_said_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    cluster._connected.cache_clear()
    with pytest.raises(StandinError, match=r"Ray is not installed: pip install --no-deps -r requirements-ray\.lock"):
        list(cluster.spread(Runtime(cluster="auto"), [1], lambda: len))


def test_without_a_cluster_nothing_of_ray_is_imported() -> None:
    code = (
        "import sys; import standin.stages.generate, standin.stages.embed, standin.stages.verify, standin.cluster; "
        "print([name for name in sys.modules if name.split('.')[0] == 'ray'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def node(cpus: float, gpus: float = 0) -> dict[str, float]:
    return {"CPU": cpus, "GPU": gpus}


@pytest.mark.parametrize(
    ("nodes", "runtime", "gpus", "needs", "places"),
    [
        ([node(4), node(3)], Runtime(threads=2), 1, {"num_cpus": 2}, 3),
        ([node(16, 4), node(16, 2)], Runtime(threads=2), 1, {"num_cpus": 2, "num_gpus": 1}, 6),
        ([node(16, 4), node(16, 2)], Runtime(threads=2), 4, {"num_cpus": 2, "num_gpus": 4}, 1),
        ([node(16, 4), node(16)], Runtime(threads=4), 0, {"num_cpus": 4}, 8),
        ([node(16, 4)], Runtime(threads=8, device="cpu"), 1, {"num_cpus": 8}, 2),
    ],
)
def test_a_worker_has_its_place_on_one_node(
    nodes: list[dict[str, float]], runtime: Runtime, gpus: int, needs: dict[str, int], places: int
) -> None:
    found = cluster._needs(nodes, runtime, gpus)
    assert found == needs
    assert cluster._places(nodes, found) == places


@pytest.mark.parametrize("nodes", [[node(1), node(1)], [node(0, 8), node(8)]])
def test_a_worker_for_which_no_node_is_large_enough_is_told(nodes: list[dict[str, float]]) -> None:
    with pytest.raises(StandinError, match=r"a worker takes 2 processors .* of one node, and no node has them"):
        cluster._places(nodes, cluster._needs(nodes, Runtime(threads=2), 1))


def test_a_worker_is_alone_and_finds_a_model_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models/llm").mkdir(parents=True)
    assert cluster.placed("models/llm") == str(tmp_path / "models/llm")
    assert cluster.placed("org/model") == "org/model"
    found = cluster.alone(Runtime(cluster="auto", processes=4, threads=3))
    assert (found.cluster, found.processes, found.threads) == (None, 1, 3)
