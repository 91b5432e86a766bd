"""Several processes that fine-tune together: the classifiers of one process, and what is said where one ends early."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tiny_classifier import started, trained
from tiny_encoder import write_tiny_encoder

from standin.classifier import processes, training
from standin.config import Runtime
from standin.corpus import ArmRow, Prediction, Row, read_rows, write_json, write_rows
from standin.errors import StandinError
from standin.machine import torch_device

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [("the bus is late", "transport"), ("tram late again", "transport"), ("a late bus", "transport"),
         ("the park is green", "environment"), ("a dead tree", "environment"), ("green tree", "environment")]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stage finetune reads: an arm of two seeds, held-out texts, no warm start, an encoder without dropout."""
    monkeypatch.chdir(tmp_path)
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    Path("tasks").mkdir()
    shutil.copy(ROOT / "tasks/city-topics.yaml", "tasks")
    write_tiny_encoder(tmp_path / "encoder", dropout=0.0)
    arm = [ArmRow(id=f"r{place}", text=text, label=label, seed=seed, budget=None)
           for seed in (1, 2) for place, (text, label) in enumerate(TEXTS)]  # fmt: skip
    write_rows(Path("data/arms/real.jsonl"), arm)
    held = [Row(id=f"h{place}", text=text, label=label) for place, (text, label) in enumerate(TEXTS)]
    for split in ("validation", "test"):
        write_rows(Path(f"data/real/{split}.jsonl"), held)
    write_json(Path("models/warmstart/none.json"), {"reason": "no other questions"})
    return tmp_path


def finetune(together: int, stage: str = "finetune", **settings: object) -> subprocess.CompletedProcess[str]:
    """Run the stage as dvc.yaml does, in so many processes."""
    usual = {"encoder": str(Path("encoder").resolve()), "batch": 4, "learning_rate": 5e-3, "frozen_layers": 0,
             "max_tokens": 16, "epochs": 1.0, "min_steps": 12, "max_steps": 12}  # fmt: skip
    runtime = {"threads": 1, "device": "cpu", "processes": together}
    content = {"base": {"task": "city-topics"}, "finetune": usual | settings, "runtime": runtime}
    Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    words = [sys.executable, str(ROOT / "src/pipeline.py"), stage, *(["real"] if stage == "finetune" else [])]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, env=os.environ, check=False)


def probabilities() -> list[float]:
    return [share for row in read_rows(Path("data/predictions/real.jsonl"), Prediction) for share in row.p.values()]


@pytest.mark.slow
def test_two_processes_train_the_classifiers_that_one_trains(project: Path) -> None:
    assert finetune(1).returncode == 0
    alone, metrics = probabilities(), Path("reports/finetune/real/metrics.json").read_bytes()
    found = finetune(2)
    assert (found.returncode, found.stdout.count("2 classifiers on 6 texts each")) == (0, 1)
    assert probabilities() == pytest.approx(alone, abs=2e-4)
    assert max(alone) > 0.6  # of four labels: something was learned
    assert Path("reports/finetune/real/metrics.json").read_bytes() == metrics
    assert Path("models/real/config.json").exists()


@pytest.mark.slow
def test_a_last_batch_smaller_than_the_processes_is_trained_and_ends(project: Path) -> None:
    found = finetune(2, epochs=1.5, min_steps=1)  # 9 rows: the last batch holds one
    assert (found.returncode, len(probabilities())) == (0, 2 * 6 * 4)


@pytest.mark.slow
def test_a_batch_that_the_processes_cannot_share_ends_all_of_them_with_one_message(project: Path) -> None:
    found = finetune(2, batch=5)
    assert found.returncode == 1
    assert found.stderr == (
        "finetune: params.yaml: finetune.batch is 5, which 2 processes cannot share equally: set runtime.processes to "
        "1, or finetune.batch to 6\n"
    )


@pytest.mark.parametrize(("batch", "together", "said"), [(9, 6, "to 1 or 3, or finetune.batch to 12"), (2, 4, "to 4")])
def test_what_to_set_where_a_batch_cannot_be_shared(
    batch: int, together: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(together))
    with pytest.raises(StandinError, match=said):
        processes.share_of(batch)
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert processes.share_of(9) == 3


@pytest.mark.parametrize(("does", "status"), [("sys.exit(3 * (rank == 1))", 3), ("pass", 0)])
def test_the_status_of_the_process_that_fails_is_that_of_all(does: str, status: int, tmp_path: Path) -> None:
    assert processes.start_together([written(tmp_path, does)], 2) == status


def test_a_process_that_the_system_ends_is_named_with_what_may_help(tmp_path: Path) -> None:
    with pytest.raises(StandinError, match=r"process 1 of 2 was ended by SIGKILL.*lower runtime\.processes"):
        processes.start_together([written(tmp_path, "if rank == 1: os.kill(os.getpid(), 9)")], 2)


def written(folder: Path, does: str) -> str:
    """A program whose process knows its ``rank``."""
    path = folder / "program.py"
    path.write_text(f"import os, sys\nrank = int(os.environ['RANK'])\n{does}\n", encoding="utf-8")
    return str(path)


def test_other_stages_are_refused_by_torchrun_before_they_write(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    found = finetune(1, "curate")
    assert (found.returncode, found.stderr) == (
        1, "curate: torchrun: only warmstart, learner, finetune run in several processes: call this stage alone\n"
    )  # fmt: skip


def test_no_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(StandinError, match=r"runtime.processes is 2, and torch sees 1 GPU: one process takes one"):
        torch_device(Runtime(processes=2))
    assert torch_device(Runtime(processes=2, device="cpu")) == "cpu"


def test_a_gpu_of_several_that_runs_out_of_memory_ends_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other processes wait in the middle of a step, so nothing is tried anew."""
    told: list[int] = []

    def full(*_: object) -> None:
        told.append(1)
        raise torch.OutOfMemoryError("out of memory")

    start = started(write_tiny_encoder(tmp_path))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(training, "_train", full)
    monkeypatch.setattr(processes, "_broadcast", lambda held: told.append(len(held)))
    with pytest.raises(StandinError, match=r"4 texts of a batch do not fit .*runtime\.processes=1"):
        trained(start)
    assert told == [1, 1]
