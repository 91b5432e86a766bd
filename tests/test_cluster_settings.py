"""``runtime.cluster`` without a cluster: which addresses are some, what is said where Ray or the cluster is missing."""

import subprocess
import sys

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
