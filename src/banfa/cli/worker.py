"""`banfa worker`: runs the background jobs until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

CONCURRENCY = 4
GRACE_SECONDS = 60
"""A worker that is told to stop finishes the jobs at hand; what lasts longer is left to others."""
RECONNECT_SECONDS = 2

log = logging.getLogger("banfa.worker")


def run(concurrency: int, parent: int | None = None) -> int:
    """Runs jobs, so many at a time, until SIGTERM or Ctrl-C. The tables must be there.

    When the database is away it waits for it to come back. With `parent` it also stops when that
    process is no longer the one that began it.
    """
    from django.db import OperationalError
    from procrastinate.exceptions import ConnectorException

    if parent is not None:
        threading.Thread(target=_stop_with, args=(parent,), daemon=True).start()
    while True:
        try:
            _work(concurrency)
            return 0
        except KeyboardInterrupt:  # told to stop while it had no connection
            return 0
        except (ConnectorException, OperationalError) as error:
            log.warning("the database is away (%s); waiting for it", type(error).__name__)
            try:
                time.sleep(RECONNECT_SECONDS)
            except KeyboardInterrupt:
                return 0


def _work(concurrency: int, **more: Any) -> None:
    """One worker, over a connection of its own; what tasks defer goes through Django's."""
    from procrastinate.contrib.django import app

    from banfa.office.notices.tasks import STALLED_SECONDS

    # A second app over the same tasks: were the connector replaced in the one app, jobs that a task
    # defers would leave the transaction of that task.
    own = app.with_connector(app.connector.get_worker_connector())
    try:
        own.run_worker(
            **{
                "name": f"banfa-{os.getpid()}",
                "concurrency": concurrency,
                "shutdown_graceful_timeout": GRACE_SECONDS,
                "stalled_worker_timeout": STALLED_SECONDS,
                "delete_jobs": "successful",
                **more,
            }
        )
    finally:
        asyncio.run(_let_go())


async def _let_go() -> None:
    """Closes the connection by which periodic jobs are queued, which may be dead."""
    from asgiref.sync import sync_to_async
    from django.db import connections

    await sync_to_async(connections.close_all, thread_sensitive=True)()


def _stop_with(parent: int) -> None:
    import signal

    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def beside() -> Iterator[None]:
    """A worker in a process of its own, stopped at the end. For the demonstration."""
    command = [sys.executable, "-m", "banfa", "worker", "--jobs", "2", "--parent", str(os.getpid())]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
