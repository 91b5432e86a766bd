"""``standin share``: a remote that other clones can reach, and everything that was made here sent there."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from standin.help import examples

NAME = "shared"
PLUGINS = {"s3": "dvc_s3", "gs": "dvc_gs", "ssh": "dvc_ssh", "azure": "dvc_azure"}
"""Kinds of remote that need a package of their own."""
PASSWORD = re.compile(r"^\w+://[^/@]*:[^@]*@")
SECRET = re.compile(
    r"^\s*(\w*password|secret_access_key|session_token|sas_token|account_key|connection_string|client_secret)\s*=",
    re.MULTILINE,
)
"""Settings of a remote that nobody should commit."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "share", epilog=examples("standin share s3://bucket/standin", "standin share /mnt/team/standin --no-push")
    )(share)


def share(
    url: Annotated[
        str, typer.Argument(help="s3://bucket/path, gs://..., ssh://..., azure://... or /an/absolute/folder.")
    ],
    endpoint: Annotated[
        str | None, typer.Option(help="Address of an S3 server other than Amazon's: https://minio.example.org.")
    ] = None,
    push: Annotated[bool, typer.Option("--push/--no-push", help="Send data and experiments there now.")] = True,
    git_remote: Annotated[str, typer.Option(help="Git remote that experiments are pushed to.")] = "origin",
) -> None:
    """Make URL the project's default remote, commit that, and push data and experiments.

    Example: standin share s3://my-bucket/standin
    """
    from standin.errors import StandinError
    from standin.stores import COMMITTED, LOCAL, default_of_clone, settle

    if not Path("dvc.yaml").exists():
        raise StandinError(f"{Path.cwd()}: no dvc.yaml here. Run from the project's root.")
    _check(url)
    if endpoint and PASSWORD.match(endpoint):
        raise StandinError("--endpoint holds a password, and it would be committed: leave it out of the address")
    if secret := SECRET.search(COMMITTED.read_text(encoding="utf-8") if COMMITTED.exists() else ""):
        raise StandinError(
            f"{COMMITTED} holds {secret[1]}, and it would be committed. Take the line out; "
            f"`dvc remote modify --local NAME {secret[1]} ...` writes it to {LOCAL}"
        )
    _dvc("remote", "add", "--quiet", "--force", "--default", NAME, url)
    if endpoint:
        _dvc("remote", "modify", "--quiet", NAME, "endpointurl", endpoint)
    settle(Path())
    if (chosen := default_of_clone(Path())) != NAME:
        raise StandinError(
            f"{LOCAL}: this clone has chosen the default remote {chosen!r} for itself, so nothing would go to {url}. "
            "`dvc remote default --local --unset`, then share again."
        )
    typer.echo(f"default remote: {url}")
    if push:
        _push(git_remote)
    if _git("diff", "--quiet", "HEAD", "--", str(COMMITTED)).returncode:
        done = _git("commit", "--quiet", "--message", f"Share results at {url}", "--", str(COMMITTED))
        if done.returncode:
            raise StandinError(
                f"{COMMITTED}: git does not commit it: {done.stderr.strip()}\nCommit it, then share again."
            )
        typer.echo(f"committed: {COMMITTED}")
    typer.echo(f"others see it after `git push {git_remote}`, with code and dvc.lock")


def _check(url: str) -> None:
    """Raise StandinError for an address that other clones or the commit of an experiment would read otherwise."""
    from standin.errors import StandinError

    scheme, mark, _ = url.partition("://")
    if PASSWORD.match(url):
        raise StandinError(
            "the address holds a password, and it would be committed. Leave it out; after sharing without a push "
            f"(--no-push): dvc remote modify --local {NAME} password ..."
        )
    if not mark and not Path(url).is_absolute():
        raise StandinError(
            f"{url or 'an empty address'}: a relative folder is another place to every clone. Give an absolute folder "
            f"({Path(url).resolve()}) or s3://, gs://, ssh://, azure://"
        )
    if mark and scheme not in PLUGINS:
        raise StandinError(f"{url}: not one of {', '.join(f'{known}://' for known in PLUGINS)}, nor an absolute folder")
    if mark and importlib.util.find_spec(PLUGINS[scheme]) is None:
        raise StandinError(f"{url}: DVC needs a package for it: pip install {PLUGINS[scheme].replace('_', '-')}")


def _push(git_remote: str) -> None:
    _dvc("push")
    if not _git("for-each-ref", "refs/exps", "--count=1").stdout:
        typer.echo("experiments: none here")
    elif _git("remote", "get-url", git_remote).returncode:
        typer.echo(f"experiments stay here: there is no git remote {git_remote!r}; `git remote add`, then share again")
    else:
        _dvc("exp", "push", "--all-commits", git_remote)


def _dvc(*words: str) -> None:
    """Run DVC, which says itself what is wrong; raises StandinError where it fails."""
    from standin.errors import StandinError

    if subprocess.run([sys.executable, "-m", "dvc", *words], check=False).returncode:
        raise StandinError(f"`dvc {' '.join(words)}` failed; nothing was committed. Mend it and run again.")


def _git(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *words], capture_output=True, text=True, check=False)
