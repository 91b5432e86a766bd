"""The project's own MLflow database: made whole or not at all, and never at the cost of one that holds anything."""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from standin.tracking import database, runs
from standin.tracking.database import TrackingError, prepare

EVERY = 25
"""So many statements of MLflow's making between two copies of what is on disk."""


@pytest.fixture(scope="module")
def making(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What a kill would have left at moments of one making, journal included; the last is the whole database."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    root = tmp_path_factory.mktemp("making")
    path, copies, count = root / "mlflow.db", [], 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1
        if count % EVERY == 0 and path.exists():
            copies.append(root / f"{count}" / "mlflow.db")
            copies[-1].parent.mkdir()
            put(path, copies[-1])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        database.make(path)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(copies) > 20
    return [*copies, path]


@pytest.fixture
def made(making: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The databases that are asked of MLflow, which here are copies of one that it made: making takes it seconds."""
    asked: list[Path] = []

    def make(path: Path) -> None:
        asked.append(path)
        put(making[-1], path)

    monkeypatch.setattr("standin.tracking.database.make", make)
    return asked


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[Path]) -> Path:
    """Where the project's own database is to be."""
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "mlflow.db"


def put(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    if (journal := source.with_name("mlflow.db-journal")).exists():
        shutil.copyfile(journal, target.with_name(f"{target.name}-journal"))


def execute(path: Path, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def tables(path: Path) -> list[Any]:
    return execute(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")


def stands_untouched(path: Path, act: Callable[[], None]) -> bool:
    before = path.read_bytes(), path.stat().st_ino
    act()
    return (path.read_bytes(), path.stat().st_ino) == before and not path.with_name("mlflow.db.half-made").exists()


def test_a_new_database_is_made_under_another_name(own: Path, made: list[Path], making: list[Path]) -> None:
    prepare(own)
    assert made == [own.with_name("mlflow.db.new")]
    assert tables(own) == tables(making[-1])
    assert [path.name for path in own.parent.iterdir()] == ["mlflow.db"]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_where_a_kill_left_half_a_database_the_store_opens_and_says_so_in_one_line(
    own: Path, making: list[Path], capfd: pytest.CaptureFixture[str], share: float
) -> None:
    put(making[int(share * (len(making) - 2))], own)
    with runs.opened("toy") as store:
        store.client.create_run(store.experiment_id)
    said = capfd.readouterr().err
    assert (
        said
        == f"tracking: {own}: a kill left it half made and without a run; kept as mlflow.db.half-made, made anew.\n"
    )
    assert (own.parent / "mlflow.db.half-made").exists()
    with runs.opened("toy") as store:
        assert len(store.client.search_runs([store.experiment_id])) == 1
    assert capfd.readouterr().err == ""


def test_at_every_moment_of_the_making_a_kill_leaves_what_is_known_for_half_made(own: Path, making: list[Path]) -> None:
    for half in making[:-1]:
        put(half, own)
        prepare(own)
        assert tables(own) == tables(making[-1])
        assert execute(own, "PRAGMA integrity_check") == [("ok",)]
        own.unlink()


def test_an_empty_file_is_half_made(own: Path, making: list[Path]) -> None:
    own.touch()
    prepare(own)
    assert tables(own) == tables(making[-1])


def test_a_whole_database_is_untouched_with_runs_without_runs_and_without_an_experiment(
    own: Path, making: list[Path], made: list[Path]
) -> None:
    put(making[-1], own)
    assert stands_untouched(own, lambda: prepare(own))
    execute(own, "INSERT INTO experiments (name, workspace) VALUES ('Default', 'default')")
    made.clear()
    assert stands_untouched(own, lambda: prepare(own))
    execute(own, "INSERT INTO runs (run_uuid) VALUES ('one')")
    assert stands_untouched(own, lambda: prepare(own))
    assert made == []
    assert not own.with_name("mlflow.db.new").exists()


@pytest.mark.parametrize(
    "row", ["experiments (experiment_id, name) VALUES (1, 'mine')", "runs (run_uuid) VALUES ('one')"]
)
def test_what_lacks_tables_but_holds_a_row_is_never_replaced(own: Path, making: list[Path], row: str) -> None:
    put(making[1], own)
    execute(own, f"INSERT INTO {row}")
    assert stands_untouched(own, lambda: prepare(own))


def test_a_database_of_an_older_mlflow_is_left_to_mlflow_which_names_its_way(own: Path, making: list[Path]) -> None:
    put(making[-1], own)
    execute(own, "INSERT INTO experiments (name, workspace) VALUES ('Default', 'default')",
            "UPDATE alembic_version SET version_num = 'a1b2c3d4e5f6'")  # fmt: skip

    def opened() -> None:
        with pytest.raises(TrackingError, match="mlflow db upgrade"), runs.opened("toy"):
            pass

    assert stands_untouched(own, opened)


def refused(path: Path) -> str:
    with pytest.raises(TrackingError) as found, runs.opened("toy"):
        pass
    return str(found.value)


def test_a_database_of_another_program_is_untouched_and_named(own: Path) -> None:
    execute(own, "CREATE TABLE notes (text)")
    said: list[str] = []
    assert stands_untouched(own, lambda: said.append(refused(own)))
    assert said[0].startswith(f"{own}: a database of another program (it has a table 'notes')")


def test_a_file_that_is_no_database_is_untouched_and_named(own: Path) -> None:
    own.write_text("not a database, but long enough to be read as the head of one: " + "x" * 200)
    said: list[str] = []
    assert stands_untouched(own, lambda: said.append(refused(own)))
    assert said[0].startswith(f"{own}: file is not a database; move it away")


def test_what_a_person_brings_is_never_replaced_and_a_fault_of_it_is_one_line(
    own: Path, making: list[Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    brought = own.parent / "brought" / "mlflow.db"
    brought.parent.mkdir()
    put(making[len(making) // 2], brought)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{brought}")
    before = brought.stat().st_ino
    said = refused(brought)
    assert said.startswith(f"MLflow at sqlite:///{brought}: (sqlite3.OperationalError)")
    assert "\n" not in said
    assert capfd.readouterr().err == ""
    assert brought.stat().st_ino == before
    assert {path.name for path in brought.parent.iterdir()} <= {"mlflow.db", "mlflow.db-journal"}


def test_one_that_a_person_names_and_that_is_not_there_is_made_whole(
    own: Path, made: list[Path], making: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = own.parent / "deep" / "runs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{brought}")
    with runs.opened("toy") as store:
        store.client.create_run(store.experiment_id)
    assert [path.name.startswith("runs.db.") for path in made] == [True], "under another name"
    assert tables(brought) == tables(making[-1])
    assert [path.name for path in brought.parent.iterdir()] == ["runs.db"]


def test_a_kill_while_a_named_one_is_made_leaves_none(
    own: Path, making: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> None:
        put(making[len(making) // 2], path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("standin.tracking.database.make", killed)
        with pytest.raises(KeyboardInterrupt):
            database.begin(own)
    assert not own.exists()


def test_of_two_projects_that_make_a_named_one_the_first_stays(
    own: Path, making: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slower(path: Path) -> None:
        put(making[-1], path)
        put(making[-1], own)
        execute(own, "CREATE TABLE first (name TEXT)")

    monkeypatch.setattr("standin.tracking.database.make", slower)
    database.begin(own)
    assert ("first",) in tables(own)
    assert [path.name for path in own.parent.iterdir()] == ["mlflow.db"]


@pytest.mark.parametrize(
    "uri", ["http://user:secret@10.255.255.1:5000", "postgresql+psycopg2://u:secret@10.255.255.1/m"]
)
def test_a_server_that_never_answers_is_told_after_seconds(
    own: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    asked = []

    def never(address: Any, timeout: float) -> Any:
        asked.append((*address, timeout))
        raise TimeoutError

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("socket.create_connection", never)
    monkeypatch.setitem(sys.modules, "psycopg2", ModuleType("psycopg2"))
    with pytest.raises(TrackingError) as found:
        runs.knock(uri)
    assert asked == [("10.255.255.1", 5000 if uri.startswith("http") else 5432, 10)]
    assert str(found.value).endswith("no answer (none within 10 s)")
    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    "uri", ["databricks", "databricks://profile", "file:///x", "postgresql:///m?host=/run", "postgresql://a,b/m"]
)
def test_places_without_one_door_are_left_to_mlflow(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("knocked"))
    runs.knock(uri)


def test_what_goes_through_a_proxy_is_left_to_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("knocked"))
    runs.knock("http://mlflow.example:5000")


def test_a_fault_that_mlflow_tells_of_at_length_is_one_line(
    own: Path, making: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    put(making[-1], own)
    execute(own, "INSERT INTO experiments (name, workspace, lifecycle_stage) VALUES ('toy', 'default', 'active')",
            "ALTER TABLE runs RENAME COLUMN status TO state")  # fmt: skip
    with pytest.raises(TrackingError) as found, runs.opened("toy") as store:
        store.search("any", deleted=False)
    said = str(found.value)
    assert said.startswith(f"MLflow at sqlite:///{own}: (sqlite3.OperationalError) no such column: ")
    assert "\n" not in said
    assert capfd.readouterr().err == ""


def test_a_kill_while_it_is_made_leaves_none(own: Path, making: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path) -> None:
        put(making[len(making) // 2], path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("standin.tracking.database.make", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(own)
    assert not own.exists()
    prepare(own)
    assert tables(own) == tables(making[-1])
    assert [path.name for path in own.parent.iterdir()] == ["mlflow.db"]


def test_a_journal_that_outlived_its_database_is_not_played_back_into_the_new_one(
    own: Path, making: list[Path]
) -> None:
    gone = own.with_name("gone.db")
    execute(gone, "CREATE TABLE rows (text)", "INSERT INTO rows VALUES (zeroblob(200000))")
    with closing(sqlite3.connect(gone)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # so that pages, and before them the journal, reach the disk
        connection.execute("UPDATE rows SET text = randomblob(200000)")
        shutil.copyfile(f"{gone}-journal", f"{own}-journal")
    prepare(own)
    assert execute(own, "PRAGMA integrity_check") == [("ok",)]
    assert tables(own) == tables(making[-1])


def test_a_database_that_another_program_makes_meanwhile_is_kept(
    own: Path, making: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(path: Path) -> None:
        put(making[-1], path)
        put(making[-1], own)
        execute(own, "INSERT INTO runs (run_uuid) VALUES ('theirs')")

    monkeypatch.setattr("standin.tracking.database.make", make)
    prepare(own)
    assert execute(own, "SELECT run_uuid FROM runs") == [("theirs",)]


def test_a_link_stays_a_link(own: Path, making: list[Path]) -> None:
    (own.parent / "elsewhere").mkdir()
    own.symlink_to(own.parent / "elsewhere" / "runs.db")
    prepare(own)
    assert own.is_symlink()
    assert tables(own.parent / "elsewhere" / "runs.db") == tables(making[-1])
