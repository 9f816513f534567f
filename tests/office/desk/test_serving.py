"""Serving forks: what the worker inherits must hold no connection to the database."""

from __future__ import annotations

import os
import subprocess
import sys

CHECK = """
import os
from banfa.cli import office

def sockets():
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            pass
    return {link for link in links if link.startswith("socket:")}

before = sockets()
office._set_up(tables=False)
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
held = sockets() - before
assert held, "a connection was open"

class Server:
    def __init__(self, *args, **more):
        pass

    def serve(self):
        print("shared:", len(sockets() - before))

import granian
granian.Granian = Server
office._serve(8000)
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    print("again:", cursor.fetchone()[0])
office._let_go()
"""


def test_the_server_forks_with_no_connection_open() -> None:
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "banfa.office.settings"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "shared: 0" in done.stdout and "again: 1" in done.stdout
