"""What the ledger lets others know, in the transaction in which it happens."""

from __future__ import annotations

from django.dispatch import Signal

proposed = Signal()
"""Sent before a person's act is judged, with `programme`, `act`, `centre` (None where the act
begins one or is on none), `organisation` (the id of who acts), `documents` (whether it carries any)
and `dossier` (the number of the one it comes out of): a receiver that raises a LedgerError keeps it
from the record.
"""
recorded = Signal()
"""Sent when such an act was recorded, with `row`, `centre`, `organisation` and `user`."""
owed = Signal()
"""Sent after outbox rows were added, so that whoever takes them up begins when they are there."""
