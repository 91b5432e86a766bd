"""A server with OpenAI's chat completions on loopback, for tests: scripted answers, and faults on demand."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("429", "500", "malformed", "latin-1", "empty", "truncated", "stall")
Fault = Callable[[dict[str, Any], int], str | None]
"""What goes wrong with a request, from its body and how often this very body came before; None: nothing."""
Refuse = Callable[[dict[str, Any]], "tuple[int, Any] | tuple[int, Any, dict[str, str]] | None"]
"""What the server says instead of an answer: status, body (JSON, or text as it is) and headers; None: it answers."""


def echo(body: dict[str, Any]) -> str:
    """An answer that only this chat and seed get."""
    said = json.dumps([body["messages"], body.get("seed")]).encode()
    return f"The answer is {hashlib.sha256(said).hexdigest()[:8]}, in words."


class Server(ThreadingHTTPServer):
    """``seen`` counts the requests by body, ``faults`` what went wrong, ``most`` how many were served at once.

    ``message`` is laid over the answer's message, ``usage`` over its counts; ``pages`` are what GET finds by path.
    """

    daemon_threads = True
    request_queue_size = 64

    finish: str | None = "stop"
    counts = True
    first = " Pro"
    """The most probable first token of a judge."""

    def __init__(self, fault: Fault, say: Callable[[dict[str, Any]], str], stall: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault, self.say, self.stall = fault, say, stall
        self.seen: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.refuse: Refuse = lambda _: None
        self.refused = 0
        self.message: dict[str, Any] = {}
        self.usage: dict[str, Any] = {}
        self.pages: dict[str, Any] = {}
        self.headers: list[dict[str, str]] = []
        self.keys: set[str | None] = set()
        self.paths: set[str] = set()
        self.now = self.most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        """Silent."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(raw)
        server = self.server
        with server.lock:
            times = server.seen[raw.decode()]
            server.seen[raw.decode()] += 1
            server.bodies.append(body)
            server.keys.add(self.headers.get("Authorization"))
            server.headers.append(dict(self.headers))
            server.paths.add(self.path)
            fault = server.fault(body, times)
            server.faults[str(fault)] += 1
            server.now += 1
            server.most = max(server.most, server.now)
        try:
            said = server.refuse(body) if fault is None else None
            if said is None:
                self.respond(body, fault)
            else:
                server.refused += 1
                self.reply(*said)
        finally:
            with server.lock:
                server.now -= 1

    def do_GET(self) -> None:
        found = self.server.pages.get(self.path)
        self.reply(*((404, {"detail": "Not Found"}) if found is None else (200, found)))

    def reply(self, status: int, said: Any, headers: dict[str, str] | None = None) -> None:
        """A body of JSON, or a page where it is text."""
        content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        kind = "application/json" if not isinstance(said, str) else "text/html" if said[:1] == "<" else "text/plain"
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def respond(self, body: dict[str, Any], fault: str | None) -> None:
        choice: dict[str, Any] = {"index": 0, "finish_reason": self.server.finish}
        choice["message"] = {"role": "assistant", "content": self.server.say(body)} | self.server.message
        if body.get("logprobs"):
            tokens = [
                {"token": token, "logprob": logprob, "bytes": None}
                for token, logprob in ((self.server.first, -0.1), ("con", -3.0), ("maybe", -5.0))
            ]
            choice["logprobs"] = {"content": [{**tokens[0], "top_logprobs": tokens}]}
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12} | self.server.usage
        made = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
            "usage": usage if self.server.counts else None,
        }
        whole = json.dumps(made).encode()
        half = whole[: len(whole) // 2]
        status, content = {
            "429": (429, b'{"error": {"message": "slow down"}}'),
            **{code: (int(code), b'{"error": {"message": "no luck"}}') for code in ("500", "401", "404")},
            "malformed": (200, half),
            "truncated": (200, half),
            "latin-1": (200, whole.replace(b"The answer", "Café".encode("latin-1"))),
            "empty": (200, b""),
        }.get(str(fault), (200, whole))
        headers = {"Content-Type": "application/json"} | ({"Retry-After": "0.05"} if fault == "429" else {})
        length = len(whole) if fault == "truncated" else len(content)
        if fault == "stall":
            time.sleep(self.server.stall)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)
        if fault == "truncated":
            self.connection.close()


@contextmanager
def serving(
    fault: Fault = lambda *_: None, say: Callable[[dict[str, Any]], str] = echo, stall: float = 5.0
) -> Iterator[Server]:
    """Serve until the block ends."""
    server = Server(fault, say, stall)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
