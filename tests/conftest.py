"""Set before anything imports torch or huggingface_hub: tests run side by side, so waiting OpenMP threads must sleep;
no test asks the network, and retries would take a minute.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
settings.register_profile("standin", deadline=None)  # no test asserts a time on a shared machine
settings.load_profile("standin")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of stage generate on the first task: one real shot a label, an answer store of its own."""
    from standin.corpus import Row, write_rows
    from standin.task import load_task

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    labels = load_task("city-topics", Path(__file__).resolve().parents[1]).label_names
    write_rows(Path("data/real/shots.jsonl"), [Row(id=f"{label}1", text="a", label=label) for label in labels])
    return tmp_path
