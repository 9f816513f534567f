"""The ordinary settings over a database of the tests' own, in a folder that goes when they end.

It is a settings module, not a fixture, because Django's settings are loaded before any conftest.
DATABASE_URL, when set, is used instead; pytest-django makes its test databases there.
"""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

from banfa.office import postgres

if not os.environ.get("DATABASE_URL"):
    # Short, because a socket's path is; below /tmp also for root, whose home others cannot enter.
    _folder = Path(tempfile.mkdtemp(prefix="banfa-", dir="/tmp"))
    _server = postgres.start(_folder, fast=True)

    def _remove(process: int = os.getpid()) -> None:
        if os.getpid() == process:
            _server.stop()
            shutil.rmtree(_folder, ignore_errors=True)

    atexit.register(_remove)
    # Also when a time limit ends the run.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # For the workers of xdist, and for commands that tests run: one server for all.
    os.environ["DATABASE_URL"] = _server.url
os.environ.setdefault("BANFA_SECRET_KEY", "only-for-tests")

from banfa.office.settings import *  # noqa: F403
from banfa.office.settings import DATABASES, LOGGING

# Test databases are dropped at the end; a pool would still hold connections to them.
DATABASES["default"]["OPTIONS"].pop("pool")  # type: ignore[attr-defined]

# Refused requests are what many tests are about; a line for each would bury a failure's own.
LOGGING["loggers"]["django.request"] = {"level": "ERROR", "propagate": True}  # type: ignore[index]
