"""``standin data remove``: take back what ``standin data add`` brought, after saying what goes and what stays."""

import subprocess
import sys
from pathlib import Path

from standin.config import TASK_NAME, load_params
from standin.errors import StandinError, counted, nearest
from standin.task import task_path


def leaving(name: str, root: Path = Path()) -> list[str]:
    """What ``remove`` takes away and what then still holds it, as lines.

    Raises StandinError for a name without added data, data that is kept in Git itself, and the task of params.yaml.
    """
    folder, pointer = root / "data/raw" / name, root / "data/raw" / f"{name}.dvc"
    if not TASK_NAME.fullmatch(name) or not pointer.exists():
        if TASK_NAME.fullmatch(name) and _git(root, "ls-files", f"data/raw/{name}"):
            raise StandinError(f"data/raw/{name}: these files are kept in Git itself, and `git rm -r` removes them")
        known = [found.stem for found in sorted((root / "data/raw").glob("*.dvc"))]
        raise StandinError(f"there is no added data {name!r}: {nearest(name, known) if known else 'none was added'}")
    if (root / "params.yaml").exists() and load_params(root).base.task == name:
        raise StandinError(f"params.yaml: base.task is {name!r}. Set another task first, then remove its data.")
    files = [file for file in folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    lines = [f"goes: data/raw/{name}/ ({counted(len(files), 'file')}, {size:.1f} MB) and data/raw/{name}.dvc"]
    task = task_path(name)
    if _own_task(root, name):
        lines.append(f"goes: {task}, which no commit holds: it is lost")
    elif (root / task).exists():
        lines.append(f"stays: {task}, which is committed")
    if committed := _git(root, "ls-tree", "HEAD", f"data/raw/{name}.dvc"):
        back = f"`git checkout HEAD -- data/raw/{name}.dvc`, then `dvc checkout data/raw/{name}.dvc`"
        changed = _git(root, "diff", "--name-only", "HEAD", "--", f"data/raw/{name}.dvc")
        lines.append(f"back: {back}" + (", to the data of the last commit, which are others" if changed else ""))
    if not committed or changed:
        lines.append("no commit names this data: the copy in DVC's cache goes with the next `dvc gc`")
    return lines


def remove(name: str, root: Path = Path()) -> None:
    """Remove the data, its pointer, and the task file where no commit holds it. Raises StandinError where DVC fails."""
    own_task = _own_task(root, name)
    pointer = f"data/raw/{name}.dvc"
    words = [sys.executable, "-m", "dvc", "remove", "--quiet", "--outs", pointer]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StandinError(f"`dvc remove --outs {pointer}` failed: {(done.stderr or done.stdout).strip()}")
    _git(root, "rm", "--quiet", "--cached", "--ignore-unmatch", pointer)
    ignore = root / "data/raw/.gitignore"
    if ignore.exists():
        _git(root, "add", "data/raw/.gitignore")
    else:
        _git(root, "rm", "--quiet", "--cached", "--ignore-unmatch", "data/raw/.gitignore")
    if own_task:
        _git(root, "rm", "--quiet", "--cached", "--ignore-unmatch", str(task_path(name)))
        (root / task_path(name)).unlink()


def _own_task(root: Path, name: str) -> bool:
    """Whether there is a task file that no commit holds."""
    return (root / task_path(name)).exists() and not _git(root, "ls-tree", "HEAD", str(task_path(name)))


def _git(root: Path, *words: str) -> str:
    """What Git prints; nothing where it fails, as in a repository without a commit."""
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False).stdout
