"""``standin ui``: MLflow's page, opened at the saved view of this project's runs."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from standin.config import repository_root
from standin.errors import StandinError
from standin.tracking import runs, view
from standin.tracking.furnishing import furnish
from standin.tracking.states import experiment_name, read_params, read_state
from standin.tracking.trees import Workspace, redact

PORT, PORTS = 5000, 20
START_SECONDS = 120


def address(server: str) -> str:
    """Where the view of this project's runs is; it is brought up to date first. Raises TrackingError."""
    state = read_state(Workspace())
    with runs.opened(experiment_name(read_params(Workspace()))) as store:
        furnish(store, state)
        return view.address(server, store.experiment_id)


def own_server() -> str:
    """The address of the server that MLFLOW_TRACKING_URI names; empty where it names none."""
    uri = runs.tracking_uri()
    return uri if uri.startswith(("http://", "https://")) else ""


def command(port: int) -> list[str]:
    """The command that serves the runs. Raises StandinError where there is nothing to show."""
    uri = runs.tracking_uri()
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise StandinError(f"{uri.removeprefix('sqlite:///')}: nothing is recorded yet. Run `make repro`.")
    return [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port), "--workers", "1"]


def free_port(asked: int | None) -> int:
    """The port that was asked for, or the first free one from 5000. Raises StandinError where it is taken."""
    for port in [asked] if asked else range(PORT, PORT + PORTS):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    taken = f"port {asked} is" if asked else f"ports {PORT} to {PORT + PORTS - 1} are"
    raise StandinError(f"{taken} in use on this machine: name another one, `standin ui --port 8080`")


def serve(port: int, *, browser: bool) -> Iterator[str]:
    """Run MLflow's server until Ctrl-C; yields what to say: the address, once it answers. Raises StandinError.

    Its judges and schedulers for generative AI, seven processes of 180 MB, are left out.
    """
    words = command(port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server does not outlive this process
    place = address(f"http://127.0.0.1:{port}")
    lean = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    said = repository_root() / ".standin" / "mlflow-ui.log"
    with said.open("wb") as log:
        server = subprocess.Popen(words, env=lean | os.environ, stdout=log, stderr=log)
    try:
        if not _answers(server, f"http://127.0.0.1:{port}/health"):
            raise StandinError(f"MLflow's server did not start (status {server.poll()}); {said} holds what it said")
        yield redact(place)
        if browser:
            show(place)
        server.wait()
    except KeyboardInterrupt:  # the server has heard Ctrl-C as well, and ends its workers
        server.wait()
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()


def show(place: str) -> bool:
    """Open a browser with a window of its own; one in the terminal would take it from the server."""
    graphical = sys.platform in ("darwin", "win32") or any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))
    return (graphical or bool(os.environ.get("BROWSER"))) and webbrowser.open(place)


def _answers(server: "subprocess.Popen[bytes]", url: str) -> bool:
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except OSError:
            time.sleep(0.3)
    return False
