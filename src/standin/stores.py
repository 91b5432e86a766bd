"""Where DVC keeps copies of results: every clone has a default remote of its own, the same for every door of DVC.

For the commit of an experiment DVC (3.67.1) reads ``.dvc/config`` out of that commit: a relative url there means a
folder at the root of the file system, and a remote that was configured later is unknown. ``.dvc/config.local`` it reads
from the workspace in every case, also in the copies of the queue. So the default remote stands there, too.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

RELEASED, OWN = "released", "storage"
COMMITTED, LOCAL = Path(".dvc/config"), Path(".dvc/config.local")


def settle(root: Path | None = None) -> None:
    """Write this clone's default remote to ``.dvc/config.local``, if it is not there yet.

    Where the project's default is the data released with the code, the clone's own is the folder ``storage``, which
    begins with a copy of them; a default that people have set and committed is repeated as it is. A default that
    somebody has chosen for this clone alone stays. ``root`` is the project's, by default the one that DVC names or the
    working directory. A folder that takes no writes is left as it is.
    """
    root = root or Path(os.environ.get("DVC_ROOT", "."))
    committed = _read(root / COMMITTED)
    default = committed.get("core", {}).get("remote")
    if default is None:
        return
    name = OWN if default == RELEASED else default
    section = {"url": f"../{OWN}"} if default == RELEASED else committed.get(_section(name), {})
    local = _read(root / LOCAL)
    if local.get("core", {}).get("remote") not in (None, OWN, name):
        return
    there = local.get(_section(name), {})
    moved = there.get("url") not in (None, section.get("url"))
    wanted = dict(section) if moved else {**section, **there}
    try:
        if name == OWN and not moved:
            _copy_missing(root / "dvcstore", root / OWN)
        if there != wanted or local.get("core", {}).get("remote") != name:
            local.setdefault("core", {})["remote"] = name
            local[_section(name)] = wanted
            _write(root / LOCAL, local)
    except OSError:
        return  # the run itself says what it cannot write


def default_of_clone(root: Path) -> str | None:
    """The default remote that ``.dvc/config.local`` names."""
    found = _read(root / LOCAL).get("core", {}).get("remote")
    return None if found is None else str(found)


def _section(name: str) -> str:
    """A remote's section, as ConfigObj names it."""
    return f'remote "{name}"'


def _read(path: Path) -> dict[str, Any]:
    """A config file of DVC, sections unquoted; empty where there is none. DVC itself explains a broken one."""
    from configobj import ConfigObj, ConfigObjError

    try:
        found = ConfigObj(str(path), encoding="utf-8", interpolation=False).dict()
    except (ConfigObjError, UnicodeDecodeError):
        return {}
    return {str(name).strip("'"): value for name, value in found.items()}


def _write(path: Path, values: dict[str, Any]) -> None:
    from configobj import ConfigObj

    content = ConfigObj(values, encoding="utf-8", interpolation=False)
    number, name = tempfile.mkstemp(dir=path.parent, prefix="config.", suffix=".tmp")
    with os.fdopen(number, "wb") as file:
        content.write(file)
    Path(name).replace(path)  # several workers of a queue may come at once


def _copy_missing(source: Path, target: Path) -> None:
    """Copy the files that are not there yet; the name of each says what is in it."""
    for file in sorted(source.glob("files/md5/*/*")):
        to = target / file.relative_to(source)
        if not to.exists():
            to.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=to.parent)
            os.close(number)
            shutil.copyfile(file, name)
            shutil.copymode(file, name)
            Path(name).replace(to)


if __name__ == "__main__":
    settle()
