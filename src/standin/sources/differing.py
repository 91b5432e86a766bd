"""``standin data diff``: how the synthetic texts of one version differ from those of another."""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.corpus import json_value, read_json_lines, unlisted
from standin.errors import StandinError, counted

WORKSPACE = "workspace"
TEXTS, DIVERSITY = "data/synthetic/texts.jsonl", "reports/diversity/metrics.json"
MEASURES = {"remote_clique_cosine": "remote clique (cosine)", "chamfer_cosine": "Chamfer (cosine)"}


@dataclass(frozen=True, slots=True)
class Version:
    """Texts of one version: id -> (text, label), and the diversity measures where the version has them."""

    name: str
    texts: Mapping[str, tuple[str, str]]
    diversity: Mapping[str, Any]

    @property
    def shares(self) -> dict[str, float]:
        """Label -> its share of the texts."""
        counts = Counter(label for _, label in self.texts.values())
        return {label: count / len(self.texts) for label, count in sorted(counts.items())}


def version(rev: str) -> Version:
    """The texts of a commit, tag or experiment, or of the ``workspace``.

    Raises StandinError where there is no such version, or where its texts are neither here nor on the default remote.
    """
    if rev == WORKSPACE:
        if not Path(TEXTS).exists():
            raise StandinError(f"{TEXTS} is not here: `dvc pull data/synthetic` or `standin run` brings it")
        report = Path(DIVERSITY)
        return _version(rev, Path(TEXTS), report.read_bytes() if report.exists() else b"")
    commit = _experiment(rev) or rev
    if not _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") or rev.startswith("-"):
        raise StandinError(f"{rev!r} is no commit, tag, branch or experiment; `git tag` and `dvc exp list` name some")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.jsonl"
        words = ["get", ".", TEXTS, "--rev", commit, "--out", str(file), "--quiet"]
        done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise StandinError(
                f"{rev}: its texts are neither in DVC's cache nor on the default remote. Whoever made them runs "
                f"`dvc push`. {done.stderr.strip()}".strip()
            )
        return _version(rev, file, _git("show", f"{commit}:./{DIVERSITY}"))


def lines(one: Version, other: Version) -> list[str]:
    """The differences for a terminal. A text has changed where the same row of the plan gave another one."""
    added, removed = other.texts.keys() - one.texts.keys(), one.texts.keys() - other.texts.keys()
    both = one.texts.keys() & other.texts.keys()
    changed = sum(one.texts[key] != other.texts[key] for key in both)
    counts = f"{len(added)} added, {len(removed)} removed, {changed} changed, {len(both) - changed} the same"
    found = [
        f"data/synthetic: {one.name} -> {other.name}",
        f"  {len(one.texts)} -> {counted(len(other.texts), 'text')}: {counts}",
        "share of labels",
    ]
    labels = sorted({*one.shares, *other.shares})
    width = max([*map(len, labels), *map(len, MEASURES.values())])
    found += [
        f"  {label:<{width}}  {one.shares.get(label, 0):6.1%} -> {other.shares.get(label, 0):6.1%}" for label in labels
    ]
    found.append("diversity (in brackets where 95 % of the random subsets lie)")
    found += [
        f"  {name:<{width}}  {measured(one.diversity, key)} -> {measured(other.diversity, key)}"
        for key, name in MEASURES.items()
    ]
    return found


def _version(name: str, file: Path, report: bytes) -> Version:
    texts = {}
    for number, row in read_json_lines(file):
        if not {"id", "text", "label"} <= row.keys():
            raise StandinError(f"{name}: {TEXTS}, line {number}: id, text and label are wanted")
        texts[str(row["id"])] = (str(row["text"]), str(row["label"]))
    metrics = unlisted(json_value(Path(f"{DIVERSITY} of {name}"), report)) if report else {}
    return Version(name, texts, metrics.get("synthetic", {}))


def measured(diversity: Mapping[str, Any], key: str) -> str:
    """A measure with its range over subsets, if there are several; "not measured" without a report of it."""
    if key not in diversity:
        return "not measured"
    low, high = (diversity.get(f"{key}_{end}") for end in ("low", "high"))
    interval = "" if low is None or high is None or low == high else f" ({low:.3f} to {high:.3f})"
    return f"{diversity[key]:.3f}{interval}"


def _experiment(name: str) -> str:
    """The commit of a DVC experiment; empty where there is none of that name."""
    if not re.fullmatch(r"\w[\w-]*", name):
        return ""
    return _git("for-each-ref", "--count=1", "--format=%(objectname)", f"refs/exps/*/*/{name}").decode().strip()


def _git(*words: str) -> bytes:
    """What Git prints; nothing where it fails."""
    return subprocess.run(["git", *words], capture_output=True, check=False).stdout
