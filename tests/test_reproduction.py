"""Read from git: the end of a run against the committed figures, and the runs of several base seeds."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from standin import seeds
from standin.errors import StandinError
from standin.reproduction import against_committed

ROOT = Path(__file__).resolve().parents[1]
SCORES = "arm,budget,measure,value,low,high\nreal,,macro_f1,{},0.7,0.8\nsqbc,48,macro_f1,0.566,0.503,0.624\n"
PAIRS = "arm_a,arm_b,budget,measure,difference,verdict,verdict_holm\nreal,sqbc,48,macro_f1,{},higher,{}\n"
TEXTS = [{"plan_id": str(place), "text": f"text {place}"} for place in range(3)]


def git(*words: str) -> str:
    who = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout.strip()


def ran(real: float = 0.75, verdict: str = "higher", seed: int = 1, texts: list[dict[str, str]] = TEXTS) -> None:
    """What a run leaves of stage evaluate, with a dvc.lock that fits."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["base"]["seed"] = seed
    contents = {
        "params.yaml": yaml.safe_dump(params),
        "dvc.yaml": "stages:\n  curate:\n    cmd: x\n  evaluate:\n    cmd: x\n",
        "tasks/city-topics.yaml": (ROOT / "tasks/city-topics.yaml").read_text(),
        "src/code.py": "one = 1\n",
        "data/synthetic/texts.jsonl": "".join(json.dumps(row) + "\n" for row in texts),
        "reports/evaluate/scores.csv": SCORES.format(real),
        "reports/evaluate/comparisons.csv": PAIRS.format(real - 0.566, verdict),
    }
    for name, text in contents.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    entries = [{"path": name, "md5": hashlib.md5(text.encode()).hexdigest()} for name, text in contents.items()]
    stage = {"cmd": "x", "deps": entries[3:5], "outs": entries[5:], "params": {"params.yaml": {"base.seed": seed}}}
    curate = {"cmd": "x", "outs": [entries[4]]}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"curate": curate, "evaluate": stage}}))


@pytest.fixture(autouse=True)
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    ran()
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "results")


def experiment(name: str, **result: object) -> None:
    """A DVC experiment: a commit on HEAD under refs/exps."""
    head = git("rev-parse", "HEAD")
    ran(**result)  # type: ignore[arg-type]
    git("add", "-A")
    tree = git("write-tree")
    commit = git("commit-tree", tree, "-p", head, "-m", name)
    git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", commit)
    git("reset", "-q", "--hard", head)


def test_equal_figures_are_said_to_be_equal() -> None:
    assert against_committed() == ["Figures:  equal to the committed ones."]


def test_other_figures_are_told_with_their_interval_the_equal_texts_and_the_flipped_verdict() -> None:
    old = Path("data/synthetic/texts.jsonl").read_bytes()
    store = hashlib.md5(old).hexdigest()
    released = Path("dvcstore/files/md5", store[:2], store[2:])
    released.parent.mkdir(parents=True)
    released.write_bytes(old)
    ran(0.71, "no difference", texts=[*TEXTS[:2], {"plan_id": "2", "text": "another"}])
    first, second, third = against_committed()
    assert "0.040 (real: 0.710, committed 0.750), within its interval" in first
    assert "2 of the 3 committed synthetic texts are equal" in first
    assert "real - sqbc at 48 no difference, committed higher" in second
    assert "`git checkout HEAD -- dvc.lock reports` takes them back" in third


def test_a_value_beyond_the_committed_interval_is_said_to_be_outside() -> None:
    ran(0.69)
    assert "outside its interval; the synthetic texts are equal" in against_committed()[0]


def test_other_code_is_no_other_machine() -> None:
    ran(0.71)
    Path("src/code.py").write_text("two = 2\n")
    lock = Path("dvc.lock")
    lock.write_text(
        lock.read_text().replace(hashlib.md5(b"one = 1\n").hexdigest(), hashlib.md5(b"two = 2\n").hexdigest())
    )
    assert "made from another src/code.py" in against_committed()[-1]


def test_of_other_parameters_and_outside_git_nothing_is_said() -> None:
    ran(0.71, seed=2)
    assert against_committed() == []
    ran(0.71)
    Path(".git").rename("gone")
    assert against_committed() == []


def test_runs_that_differ_in_the_base_seed_alone_are_put_into_one_table() -> None:
    experiment("second", real=0.76, seed=2)
    experiment("third", real=0.77, seed=3)
    experiment("again", real=0.70, seed=2)
    found = seeds.collect()
    assert sorted(found.runs) == [1, 2, 3]
    assert sum("has that seed, with other figures" in reason for reason in found.left_out) == 1
    seeds.write(found)
    said = json.loads(Path("reports/seeds/scope.json").read_text())
    assert said["seeds"] == [1, 2, 3]
    assert "all labelled texts" in "\n".join(seeds.lines(found))


def test_one_base_seed_is_too_few_and_the_commands_are_named() -> None:
    with pytest.raises(StandinError, match=r"one run \(base seed 1\).*\n.*base.seed=1,2,3"):
        seeds.write(seeds.collect())


def test_an_experiment_made_by_other_code_is_left_out_by_name() -> None:
    experiment("old", real=0.76, seed=2)
    ran()
    Path("src/code.py").write_text("two = 2\n")
    found = seeds.collect()
    assert "experiment old (base seed 2): made from another src/code.py" in found.left_out
