"""What the ledger lets others know, in the transaction in which it happens."""

from __future__ import annotations

from django.dispatch import Signal

owed = Signal()
"""Sent after outbox rows were added, so that whoever takes them up begins when they are there."""
