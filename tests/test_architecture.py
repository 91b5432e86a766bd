"""The rules of the house: import directions, light imports, and code dependencies that match the imports."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from closure import closure, imports, module_file, module_name

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
PACKAGE = SRC / "standin"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "torch", "transformers", "vllm", "mlflow", "great_expectations", "sentence_transformers", "datasets", "dvc",
    "sklearn", "pandas", "altair", "vl_convert", "scipy", "openai", "ray",
}  # fmt: skip
FOUNDATION = {
    "cluster",
    "origins",
    "published",
    "config",
    "machine",
    "bounds",
    "selecting",
    "checked",
    "choices",
    "task",
    "corpus",
    "errors",
    "ingredients",
    "progress",
    "embedded",
    "languages",
    "language_codes",
    "names",
    "sheets",
}
PLUMBING = frozenset(
    {
        "standin/config.py", "standin/machine.py", "standin/bounds.py", "standin/selecting.py", "standin/checked.py", "standin/choices.py", "standin/errors.py", "standin/progress.py", "standin/cluster.py", "standin/tracking.py", "standin/__init__.py",
        "standin/stages/__init__.py", "standin/stages/runner.py",
    }
)  # fmt: skip


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_imports_run_one_way_and_third_parties_stay_at_home(path: Path) -> None:
    mine, names = layer(path), set(imports(read(path), "standin"))
    local = {name.split(".")[1] for name in names if name.startswith("standin.")}
    if mine in FOUNDATION:
        assert local <= FOUNDATION
    elif mine not in {
        "stages",
        "cli",
        "doctor",
        "preview",
        "planning",
        "seeds",
        "reproduction",
        "running",
        "releasing",
        "cleaning",
        "judging",
        "predicting",
        "__init__",
        "tracking",
        "compare",
        "studies",
    }:
        assert not local & {"stages", "cli", "tracking"}, "a domain package knows neither stages nor tracking"
    outside = {name.split(".")[0] for name in names}
    assert mine == "tracking" or "mlflow" not in outside
    assert mine == "validation" or "great_expectations" not in outside
    assert mine in {"quiet", "overrides", "doctor", "releasing", "cleaning", "studies"} or "dvc" not in outside, (
        "-S is read by DVC itself, its config by doctor, remote and cache by releasing, cleaning and studies"
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_domain_packages_know_neither_params_nor_data_folders(path: Path) -> None:
    if layer(path) in FOUNDATION | {
        "stages",
        "cli",
        "preview",
        "planning",
        "seeds",
        "reproduction",
        "running",
        "releasing",
        "cleaning",
        "judging",
        "__init__",
        "tracking",
        "sources",
        "compare",
        "completion",
        "predicting",
        "reviewing",
        "labelling",
        "studies",
    }:
        return
    tree = ast.parse(read(path))
    docs = {id(node.body[0].value) for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    opened = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Path", "open", "load_params"}
    ]  # fmt: skip
    for call in opened:
        said = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and id(arg) not in docs]
        assert not [word for word in said if re.match(r"(data|reports|models|params\.yaml)(/|$)", str(word))]
        assert ast.unparse(call.func) != "load_params"


@pytest.mark.parametrize("entry", ["cli.py", "stages/runner.py", *(f"stages/{path.name}" for path in (PACKAGE / "stages").glob("[a-z]*.py"))])  # fmt: skip
def test_nothing_heavy_is_imported_before_a_function_needs_it(entry: str) -> None:
    for path in closure(SRC, PACKAGE / entry, module_level=True):
        names = {name.split(".")[0] for name in imports(read(path), "standin", module_level=True)}
        assert not names & HEAVY, f"{path.relative_to(SRC)} imports {names & HEAVY} at module level"


def test_package_init_files_are_empty_and_imports_absolute() -> None:
    for path in MODULES:
        if path.name == "__init__.py":
            assert not read(path).strip(), path
        assert not [n for n in ast.walk(ast.parse(read(path))) if isinstance(n, ast.ImportFrom) and n.level], path


def test_no_module_uses_global_random_state() -> None:
    for path in MODULES:
        assert not re.search(r"np\.random\.(?!default_rng|Generator|Philox|SeedSequence)|\brandom\.(seed|random|choice|shuffle)\(", read(path)), path  # fmt: skip


ROOMS = (
    # what a run is: the files of a state, what dvc.lock says of them, what the stages did on the way there
    "trees", "states", "attempts", "evaluated",
    # what it holds
    "telling", "contents",
    # how it gets to MLflow: the database, the store and its runs, what is written, the experiment around it, the model
    "database", "runs", "deleted", "writing", "view", "furnishing", "models", "served",
    # who brings it there, and who looks at it
    "recording", "events", "ui", "commands",
)  # fmt: skip
"""The modules of tracking in the order in which they are read: each knows only those before it."""


def test_tracking_is_read_in_one_order() -> None:
    found = {path.stem: path for path in (PACKAGE / "tracking").glob("[a-z]*.py")}
    assert set(found) == set(ROOMS)
    for place, name in enumerate(ROOMS):
        known = {used.split(".")[2] for used in imports(read(found[name]), "standin.tracking")
                 if used.startswith("standin.tracking.")}  # fmt: skip
        assert known <= set(ROOMS[:place]), name


def test_files_have_one_subject() -> None:
    long = {path.name: lines for path in MODULES if (lines := len(read(path).splitlines())) > 340}
    assert not long


# --- dvc.yaml ------------------------------------------------------------------------------------------------------


@cache
def stages() -> dict[str, object]:
    """The pipeline as DVC resolves it: foreach unrolled, parameters put in."""
    from dvc.repo import Repo

    return {stage.addressing: stage for stage in Repo(str(ROOT)).index.stages if stage.is_data_source is False}


def stage_module(name: str) -> str:
    return name.split("@")[0]


def code_deps(stage: object) -> set[str]:
    return {str(dep) for dep in stage.deps if str(dep).startswith("src/")}


def package_data(paths: set[str]) -> set[str]:
    """Data files beside modules that name them, as in ``Path(__file__).with_name("tasks.yaml")``."""
    found = set()
    for path in paths:
        for name in re.findall(r'with_name\("([^"]+)"\)', read(ROOT / path)):
            found.add((Path(path).parent / name).as_posix())
    return found


def data_deps(stage: object) -> set[str]:
    return {str(dep) for dep in stage.deps if not str(dep).startswith("src/")}


def outs(stage: object) -> set[str]:
    return {str(out) for out in stage.outs}


def needed_code(root: Path, entry: Path, engine: str = "transformers") -> set[str]:
    """Files a stage's code dependency list must hold: its closure without plumbing, only the chosen engine."""
    engines = {"standin.engines." + name for name in ("vllm", "openai", "llamacpp", "replay", "transformers")}
    other = {name.replace(".", "/") + ".py" for name in engines - {f"standin.engines.{engine}"}}
    found = closure(root, entry, skip=PLUMBING | other)
    return {f"src/{path.relative_to(root).as_posix()}" for path in found if read(path).strip()}


def test_each_stage_depends_on_the_code_it_imports_and_on_no_other() -> None:
    for name, stage in stages().items():
        if name == "track":
            continue
        needed = needed_code(SRC, PACKAGE / "stages" / f"{stage_module(name)}.py")
        assert code_deps(stage) == needed | package_data(needed), name


@pytest.mark.parametrize(
    "statement",
    [
        "import pkg.measure",
        "from pkg import measure",
        "from pkg.measure import distance",
        "from . import measure",
        "from .measure import distance",
        "def late():\n    from pkg import measure",
    ],
)
def test_the_closure_sees_every_form_of_import(tmp_path: Path, statement: str) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "stage.py").write_text(statement)
    (package / "measure.py").write_text("import pkg.deep")
    (package / "deep.py").write_text("")
    names = {module_name(tmp_path, path) for path in closure(tmp_path, package / "stage.py")}
    assert {"pkg.stage", "pkg.measure", "pkg.deep"} <= names
    assert module_file(tmp_path, "numpy") is None


def test_whoever_reads_curated_texts_waits_for_the_gate() -> None:
    for name, stage in stages().items():
        if any(dep.startswith("data/synthetic") for dep in data_deps(stage)) and name != "validate":
            assert "reports/validate/gate.json" in data_deps(stage), name


def test_code_that_reads_curated_texts_declares_it() -> None:
    for name, stage in stages().items():
        text = read(PACKAGE / "stages" / f"{stage_module(name)}.py")
        if "data/synthetic" in text and not any(out.startswith("data/synthetic") for out in outs(stage)):
            reads = any(dep.startswith("data/synthetic") for dep in data_deps(stage))
            assert reads or name == "select@random", name


def test_no_plain_out_is_uncached_because_that_leaves_the_run_cache() -> None:
    for name, stage in stages().items():
        for out in stage.outs:
            assert out.use_cache or out.metric or out.plot, f"{name}: {out}"


def test_track_waits_for_every_report_and_has_no_outs() -> None:
    all_stages = stages()
    track = all_stages["track"]
    assert not track.outs
    assert "src/standin" in code_deps(track)
    waited = data_deps(track)
    for name, stage in all_stages.items():
        for out in stage.outs:
            if out.metric or out.plot:
                assert any(str(out) == dep or str(out).startswith(dep + "/") for dep in waited), f"{name}: {out}"


def test_runtime_and_tracking_are_listed_by_no_stage_but_track() -> None:
    for name, stage in stages().items():
        listed = {key.split(".")[0] for param in stage.params for key in param.params}
        assert name == "track" or not listed & {"runtime", "tracking"}, name
