"""A worker run until nothing waits, and a mail server that answers or stays silent."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Q
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateJob

from banfa.cli import worker


def work() -> None:
    """Runs the waiting jobs in a thread, as `banfa worker` would, until none is left.

    In a thread, because a browser's driver may run an event loop in the test's own.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            worker._work(2, wait=False, listen_notify=False, install_signal_handlers=False)
        except BaseException as error:
            failed.append(error)

    for _round in range(5):  # a job may queue others when the worker is about to leave
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(30)
        assert not thread.is_alive() and not failed, failed
        due = Q(scheduled_at__isnull=True) | Q(scheduled_at__lte=Now())
        if not ProcrastinateJob.objects.filter(due, status="todo").exists():
            break


@dataclass
class Post:
    """A mail server on this machine: what it took, and whether it answers."""

    url: str = ""
    silent: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    taken: list[str] = field(default_factory=list)


@contextlib.contextmanager
def post() -> Iterator[Post]:
    """A mail server that speaks just enough SMTP."""
    office = Post()

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            office.reached.set()
            if office.silent:
                self.rfile.read(1)
                return
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    kept = list(iter(self.rfile.readline, b".\r\n"))
                    office.taken.append(b"".join(kept).decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 good\r\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address, daemon_threads = True, True

    with Server(("127.0.0.1", 0), Talk) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        office.url = f"smtp://127.0.0.1:{server.server_address[1]}"
        yield office
        server.shutdown()
