"""What the shell offers after Tab: parameters, tasks, labels. Quick, and silent about broken files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from standin.errors import check_ordinary


def in_bash(app: Callable[[], Any]) -> Callable[[], Any]:
    """The app, or where bash asks for the end of ``base.task=x``, one that answers as bash wants it.

    Bash parts words at equals signs: it sends ``base.task``, ``=`` and ``x``, and completes ``x``. Typer gets them
    as one word, and its answers lose what stands before ``x``.
    """
    import os

    if os.environ.get("_STANDIN_COMPLETE") != "complete_bash":
        return app
    words, at = os.environ.get("COMP_WORDS", "").split(), int(os.environ.get("COMP_CWORD", "0"))
    words += [""] * (at + 1 - len(words))
    first = at - 1 if words[at] == "=" else at - 2
    if first < 1 or words[first + 1] != "=":
        return app
    os.environ |= {"COMP_WORDS": " ".join([*words[:first], "".join(words[first : at + 1])]), "COMP_CWORD": str(first)}

    def answer() -> None:
        from contextlib import redirect_stdout, suppress
        from io import StringIO

        found = StringIO()
        with redirect_stdout(found), suppress(SystemExit):
            app()
        for line in found.getvalue().splitlines():
            print(line.removeprefix(f"{words[first]}="))  # noqa: T201

    return answer


def _quiet(find: Callable[[], Iterator[str]]) -> Callable[[str], list[str]]:
    """Those that begin as the word does; none where anything is wrong, because a shell has no place for a message."""

    def complete(incomplete: str) -> list[str]:
        try:
            return [word for word in find() if word.startswith(incomplete)]
        except Exception:
            return []

    return complete


def _values(path: str) -> Any:
    import yaml

    check_ordinary(Path(path))
    return yaml.load(Path(path).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _tasks() -> Iterator[str]:
    yield from sorted(path.stem for path in Path("tasks").glob("*.yaml"))


def _labels() -> Iterator[str]:
    task = _values("params.yaml")["base"]["task"]
    yield from (str(label["name"]) for label in _values(f"tasks/{task}.yaml")["labels"])


def _changes() -> Iterator[str]:
    yield from (f"{key}=" for key in _keys(_values("params.yaml"), ""))
    yield from (f"base.task={name}" for name in _tasks())


def _keys(group: dict[str, Any], before: str) -> Iterator[str]:
    for key, value in group.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def _models() -> Iterator[str]:
    yield from sorted(path.as_posix() for path in Path("models").iterdir() if path.is_dir())


def _studies() -> Iterator[str]:
    yield from sorted(path.stem for path in Path("studies").glob("*.yaml"))


tasks, labels, changes = _quiet(_tasks), _quiet(_labels), _quiet(_changes)
models, studies = _quiet(_models), _quiet(_studies)
