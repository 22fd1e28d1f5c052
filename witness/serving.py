"""The witness over HTTP. A few requests at a time, small ones, none for long."""

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from witness.witnessing import TEXT, Answer, Witness

MOST_BYTES = 65_536
SECONDS = 10.0
"""For a pause; a whole connection has three times as long."""
AT_ONCE = 32


class Server(ThreadingHTTPServer):
    """Listens from the start; `serve_forever` answers."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness, verifier_key: str) -> None:
        self.witness = witness
        self.verifier_key = verifier_key
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Whoever comes as one too many is hung up on: logs ask again."""
        if self._turns.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._turns.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away, or a disk that failed: it got no cosignature, which is all there is to say."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = SECONDS
    server: Server

    def handle(self) -> None:
        # A byte now and then passes every timeout for a pause: enough of such callers would hold all turns.
        ending = threading.Timer(3 * SECONDS, self._hang_up)
        ending.daemon = True
        ending.start()
        try:
            super().handle()
        finally:
            ending.cancel()

    def _hang_up(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/add-checkpoint":
            self._answer(Answer(404, "only add-checkpoint is here\n"))
        elif not length.isdigit() or int(length) > MOST_BYTES:
            self._answer(Answer(413, "too large\n"))
        else:
            try:
                answer = self.server.witness.add_checkpoint(self.rfile.read(int(length)))
            except Exception:  # a disk that failed, a memory that is spoilt: nothing is signed
                answer = Answer(500, "this witness cannot sign now\n")
            self._answer(answer)

    def do_GET(self) -> None:
        """Its verifier key, for whoever sets up a log; it is checked elsewhere before it is believed."""
        known = self.path == "/key"
        self._answer(Answer(200, f"{self.server.verifier_key}\n") if known else Answer(404, "\n"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: what it signed is in its memory."""

    def version_string(self) -> str:
        return "witness"

    def _answer(self, answer: Answer) -> None:
        body = answer.body.encode()
        # One request a line: what a refused one left unread would be taken for the next.
        self.close_connection = True
        with suppress(TimeoutError, ConnectionError):
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type or TEXT)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
