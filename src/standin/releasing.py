"""``standin release``: a version of the synthetic texts by name: a data card, a commit, and a git tag as GTO writes it.

`dvc get . data/synthetic --rev NAME@vX.Y.Z` gives the texts, and so does `dvc artifacts get . NAME --rev vX.Y.Z`: DVC
3.67.1 looks for an annotated tag of that form, and for NAME among the artifacts of dvc.yaml at the tag.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from standin.help import examples

TEXTS = "data/synthetic"
ARTIFACT = "synthetic-texts"
CARDS = Path("releases")
NUMBER = r"(0|[1-9]\d*)"
VERSION = re.compile(rf"v?(?P<plain>{NUMBER}\.{NUMBER}\.{NUMBER})(?P<rest>(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?)")
LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")
OF_RESULTS = ("src", "tasks", "data", "reports")
REPORTS = ("generate", "curate", "validate", "diversity")
SHOWN = 3
"""Files that a message names."""

EXAMPLES = (
    "standin release",
    "standin release --version 1.0.0 -m 'every text read by two people'",
    "standin release --dry-run --license cc-by-4.0",
)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("release", epilog=examples(*EXAMPLES))(release)


def release(
    name: Annotated[str, typer.Argument(help=f"The artifact of dvc.yaml that stands for {TEXTS}.")] = ARTIFACT,
    version: Annotated[
        str | None, typer.Option(help="As in 1.2.0. Without it the next minor one, v0.1.0 at first.")
    ] = None,
    message: Annotated[str, typer.Option("--message", "-m", help="What is new: for the card and the tag.")] = "",
    chosen: Annotated[
        str | None, typer.Option("--license", help="Licence of the texts, as in cc-by-4.0; else that of the last card.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the card, and what is missing; change nothing.")
    ] = False,
) -> None:
    """Name this version of the synthetic texts: write their data card, commit it, and tag the commit.

    Example: standin release --version 1.0.0 -m "first texts that passed every check"
    """
    from standin.errors import StandinError, counted
    from standin.stores import settle

    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    settle(Path())
    named = _version(name, version)
    if chosen and not LICENSE.fullmatch(chosen):
        raise StandinError(f"--license {chosen!r}: a name as the hub's data sets have it: cc-by-4.0, odc-by, other")
    lacking = list(_missing(name))
    if dry_run and Path("dvc.lock").exists():
        try:
            typer.echo(_card(name, named, chosen, message), nl=False)
        except StandinError as error:
            lacking.append(str(error))
    if lacking:
        found = "\n".join(f"- {one}" for one in lacking)
        raise StandinError(f"{name} {named} is not released: {counted(len(lacking), 'thing')} missing\n{found}")
    if not dry_run:
        _publish(name, named, chosen, message)


def _version(name: str, asked: str | None) -> str:
    """The version as the tag has it. Raises StandinError for one that is none, or that there is already."""
    from standin.errors import StandinError

    there = [
        found
        for tag in _git("tag", "--list", f"{name}@v*").split()
        if (found := VERSION.fullmatch(tag.partition("@")[2]))
    ]
    plain = [tuple(map(int, found["plain"].split("."))) for found in there]
    newest = max(plain, default=(0, 0, 0))
    following = f"v{newest[0]}.{newest[1] + 1}.0"
    if asked is None:
        return following
    if not (found := VERSION.fullmatch(asked)):
        raise StandinError(f"--version {asked!r}: three numbers, as in {following[1:]}; 1.0.0-rc.1 before 1.0.0")
    named = f"v{found['plain']}{found['rest']}"
    if named in {one[0] for one in there}:
        raise StandinError(f"{name} {named} is there already, and versions stay what they are. Next: {following[1:]}")
    return named


def _missing(name: str) -> Iterator[str]:
    """What a release lacks, each with what to do."""
    from standin.checked import read_yaml
    from standin.tracking.states import read_state, stale
    from standin.tracking.trees import Workspace

    declared = (read_yaml(Path("dvc.yaml")).get("artifacts") or {}).get(name)
    if not isinstance(declared, dict) or declared.get("path") != TEXTS:
        yield (
            f"dvc.yaml: there is no artifact {name!r} with path {TEXTS}, by which `dvc artifacts get` would find it. "
            f"Below `artifacts:` add `{name}: {{path: {TEXTS}, type: dataset}}`"
        )
    if not _git("rev-parse", "--verify", "--quiet", "HEAD"):
        yield "git: there is no commit to name: `git add -A`, then `git commit`"
        return
    if not _git("var", "GIT_COMMITTER_IDENT"):
        yield "git does not know who you are: `git config user.name` and `git config user.email`"
    if changed := _changed():
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        yield f"not committed: {', '.join(changed[:SHOWN])}{more}. `git add` and `git commit` them"
    state = read_state(Workspace())
    if state is None:
        yield "dvc.lock: nothing has run here: `standin run`, then commit dvc.lock and reports"
        return
    if reasons := stale(state):
        address, reason = next(iter(reasons.items()))
        more = f", and {len(reasons) - 1} more stages" if len(reasons) > 1 else ""
        yield f"the results are older than code or parameters ({address}: {reason}{more}): `standin run`, then commit"
    if digest := state.md5(TEXTS):
        yield from _unsent(digest)


def _changed() -> list[str]:
    """Files that differ from the commit, and files that git does not know where results come from."""
    said = _git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", ".")
    below = _git("rev-parse", "--show-prefix")  # paths are those from the repository's root
    entries = [(entry[:2], entry[3:].removeprefix(below)) for entry in said.split("\0") if entry]
    return [path for kind, path in entries if kind != "??" or path.partition("/")[0] in OF_RESULTS]


def _unsent(digest: str) -> Iterator[str]:
    """Whether the default remote lacks the folder with this md5: DVC sends what is in a folder before the folder."""
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    from standin.errors import first_line

    try:
        with Repo() as repo:
            found = repo.cloud.status([HashInfo("md5", digest)])
    except Exception as error:  # every kind of storage raises its own
        yield f"the default remote cannot be asked: {first_line(error)}. `dvc status --cloud` says more"
    else:
        if found.missing:
            yield f"{TEXTS} is neither here nor on the default remote: `standin run` makes the texts again"
        elif found.new:
            yield f"{TEXTS} is not on the default remote, where others take it from: `dvc push`"


def _card(name: str, version: str, chosen: str | None, message: str) -> str:
    from standin.cards import Release, card
    from standin.config import load_params
    from standin.corpus import read_json
    from standin.task import load_task, task_path
    from standin.tracking.trees import origin

    params = load_params()
    task = load_task(params.base.task)
    reports = {stage: read_json(Path("reports") / stage / "metrics.json") for stage in REPORTS}
    reports["headline"] = read_json(Path("reports/headline.json"))
    made = Release(
        name,
        version,
        commit=_git("rev-parse", "HEAD"),
        task_object=_git("rev-parse", "--short=12", f"HEAD:./{task_path(task.name).as_posix()}"),
        repository=origin().get("mlflow.source.git.repoURL", "REPOSITORY"),
        license=chosen or _license(CARDS / f"{name}.md"),
        note=message,
    )
    return card(made, params, task, reports)


def _license(path: Path) -> str | None:
    """The licence that the last card names."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^license: *([a-z0-9.-]+) *$", text.partition("\n---\n")[0], re.MULTILINE)
    return found[1] if found else None


def _publish(name: str, version: str, chosen: str | None, message: str) -> None:
    """Write the card, commit it alone, tag the commit. Where git refuses the card goes back: StandinError."""
    from standin.errors import StandinError
    from standin.stores import OWN, default_of_clone

    path, tag = CARDS / f"{name}.md", f"{name}@{version}"
    before = path.read_bytes() if path.exists() else None
    text = _card(name, version, chosen, message)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    words = f"Release {name} {version}"
    for command in (["add", "--", str(path)], ["commit", "--quiet", "-m", words, "--", str(path)],
                    ["tag", "--annotate", tag, "-m", message or words]):  # fmt: skip
        done = subprocess.run(["git", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            if command[0] != "tag":
                _git("reset", "--quiet", "--", str(path))
                path.unlink() if before is None else path.write_bytes(before)
            raise StandinError(
                f"`git {command[0]}` refuses: {(done.stderr or done.stdout).strip()}\n{tag} is not made."
            )
    typer.echo(f"released: {tag}")
    typer.echo(f"card:     {path}" + ("" if _license(path) else "; it names no licence yet (--license)"))
    typer.echo(f"get it:   dvc get . {TEXTS} --rev {tag}")
    branch = "HEAD " if _git("branch", "--show-current") else ""
    typer.echo(f"publish:  git push origin {branch}{tag}")
    if default_of_clone(Path()) == OWN and not _comes_with_git():
        typer.echo(f"note:     the texts are in this clone's folder {OWN}; others get them after `standin share URL`")


def _comes_with_git() -> bool:
    """Whether the store that is kept in git holds the texts."""
    from standin.tracking.states import read_state
    from standin.tracking.trees import Workspace

    state = read_state(Workspace())
    digest = (state.md5(TEXTS) if state else None) or "none"
    return Path(f"dvcstore/files/md5/{digest[:2]}/{digest[2:]}").exists()


def _git(*words: str) -> str:
    """What git prints; nothing where it fails."""
    from standin.tracking.trees import git

    return git(*words).decode(errors="surrogateescape").rstrip("\n")
