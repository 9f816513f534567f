"""The digest algorithms of the office: the algorithm's name stands before every digest."""

from __future__ import annotations

import hashlib

from django.conf import settings

ALGORITHMS = ("sha256", "sm3")
DEFAULT = "sha256"


class NoSuchAlgorithm(ValueError):
    """CHAIN_ALGORITHM names one that is not available on this machine."""


def algorithm() -> str:
    """The algorithm for what is new: the setting CHAIN_ALGORITHM, SHA-256 unless it is set."""
    chosen = getattr(settings, "CHAIN_ALGORITHM", DEFAULT)
    if chosen not in ALGORITHMS or chosen not in hashlib.algorithms_available:
        raise NoSuchAlgorithm(chosen)
    return str(chosen)


def hashed(name: str, text: str) -> str:
    """The hash of a text, with the algorithm's name in front."""
    return f"{name}:{hashlib.new(name, text.encode()).hexdigest()}"
