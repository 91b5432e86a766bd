"""Where DVC keeps copies of results: every clone has a default remote of its own, the same for every door of DVC.

For the commit of an experiment DVC (3.67.1) reads ``.dvc/config`` out of that commit: a relative url there means a
folder at the root of the file system, and a remote that was configured later is unknown. ``.dvc/config.local`` it reads
from the workspace in every case, also in the copies of the queue. So the default remote stands there, too.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

RELEASED, OWN = "released", "storage"
COMMITTED, LOCAL = Path(".dvc/config"), Path(".dvc/config.local")
WRITTEN = Path(".standin/remote.json")
"""What ``settle`` wrote last: a setting of the section that differs from it is a person's."""


def settle(root: Path | None = None) -> None:
    """Write this clone's default remote to ``.dvc/config.local``, if it is not there yet.

    Where the project's default is the data released with the code, the clone's own is the folder ``storage``, which
    begins with a copy of them; a default that people have set and committed is repeated as it is. A default that
    somebody has chosen for this clone alone stays, and so does every other setting of the file: of the remote's section
    what was not written here. A file that cannot be read, and a folder that takes no writes, are left as they are.
    ``root`` is the project's, by default the one that DVC names or the working directory.
    """
    root = root or Path(os.environ.get("DVC_ROOT", "."))
    committed, local = _read(root / COMMITTED), _read(root / LOCAL)
    default = committed.get("core", {}).get("remote") if committed is not None else None
    if default is None or local is None:
        return
    name = OWN if default == RELEASED else default
    if local.get("core", {}).get("remote") not in (None, OWN, name):
        return
    section = {"url": f"../{OWN}"} if default == RELEASED else dict(committed.get(_section(name), {}))
    there = dict(local.get(_section(name), {}))
    before = _written(root, name)
    wanted = {**section, **{key: value for key, value in there.items() if before.get(key) != value}}
    try:
        if name == OWN and wanted["url"] == section["url"]:
            _copy_missing(root / "dvcstore", root / OWN)
        if there != wanted or local.get("core", {}).get("remote") != name:
            _fill(local, "core", {**local.get("core", {}), "remote": name})
            _fill(local, _section(name), wanted)
            _write(root / LOCAL, local)
        if before != section:
            (root / WRITTEN).parent.mkdir(exist_ok=True)
            (root / WRITTEN).write_text(json.dumps({"remote": name, "section": section}), encoding="utf-8")
    except OSError:
        return  # the run itself says what it cannot write


def release_lists(root: Path) -> int:
    """Copy to the released data what the cache lists of every folder in dvc.lock; returns how many lists.

    `dvc exp run` in a clone looks up the files of HEAD's folders, also of those whose content is not released; without
    the list a run whose stages come from the run cache fails ("failed to load directory", DVC 3.67.1). A list is some
    hundred bytes.
    """
    stages = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"].values()
    known = {str(out.get("md5")) for stage in stages for out in stage.get("outs", [])}
    lists = sorted(name for name in known if name.endswith(".dir"))
    for name in lists:
        target = root / "dvcstore/files/md5" / name[:2] / name[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / ".dvc/cache/files/md5" / name[:2] / name[2:], target)
    return len(lists)


def default_of_clone(root: Path) -> str | None:
    """The default remote that ``.dvc/config.local`` names."""
    found = (_read(root / LOCAL) or {}).get("core", {}).get("remote")
    return None if found is None else str(found)


def _section(name: str) -> str:
    """A remote's section, as ConfigObj names it."""
    return f'remote "{name}"'


def _written(root: Path, name: str) -> dict[str, Any]:
    """The section that was written last for a remote; empty where that is not known."""
    try:
        found = json.loads((root / WRITTEN).read_bytes())
        return dict(found["section"]) if found["remote"] == name else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _read(path: Path) -> Any:
    """A config file of DVC as ConfigObj has it, empty where there is none; None for a broken one: DVC explains that."""
    from configobj import ConfigObj, ConfigObjError

    try:
        return ConfigObj(str(path), encoding="utf-8", interpolation=False)
    except (ConfigObjError, UnicodeDecodeError):
        return None


def _fill(content: Any, name: str, wanted: dict[str, Any]) -> None:
    """Make a section hold exactly these settings; comments stay where they are."""
    if name not in content:
        content[name] = {}
    section = content[name]
    for key in set(section) - set(wanted):
        del section[key]
    for key, value in wanted.items():
        if section.get(key) != value:
            section[key] = value


def _write(path: Path, content: Any) -> None:
    content.filename = None
    content.indent_type = content.indent_type or "    "
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
    if sys.argv[1:] == ["release-lists"]:
        release_lists(Path())
    else:
        settle()
