"""Which local modules a module imports: the basis of the tests on code dependencies and import directions."""

import ast
from collections.abc import Iterator
from pathlib import Path


def imports(source: str, package: str, module_level: bool = False) -> Iterator[str]:
    """Dotted names a module may import; ``from a import b`` gives both ``a`` and ``a.b``.

    ``package`` resolves relative imports. ``module_level`` leaves out what functions import when they run.
    """
    tree = ast.parse(source)
    nodes = list(_outside_functions(tree)) if module_level else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _outside_functions(child)


def module_file(root: Path, name: str) -> Path | None:
    """The file of a dotted module below ``root``, or None where it is no local module."""
    path = root.joinpath(*name.split("."))
    for found in (path.with_suffix(".py"), path / "__init__.py"):
        if found.exists():
            return found
    return None


def module_name(root: Path, path: Path) -> str:
    """The dotted name of a file below ``root``."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def closure(root: Path, entry: Path, module_level: bool = False, skip: frozenset[str] = frozenset()) -> set[Path]:
    """All local files that ``entry`` imports, directly or not, itself included; ``skip`` names files not followed."""
    seen: set[Path] = set()
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        name = module_name(root, path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for imported in imports(path.read_text(encoding="utf-8"), package, module_level):
            found = module_file(root, imported)
            if found is not None and found.relative_to(root).as_posix() not in skip:
                waiting.append(found)
    return seen
