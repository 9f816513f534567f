"""The hash chain: what of an act is hashed, in which form, and with what.

Parts of a payload are digested each with a salt of its own, so that an erased part cannot be
guessed from its digest. The algorithm's name stands beside every hash.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from banfa.office import hashing
from banfa.office.hashing import hashed
from banfa.office.ledger.errors import LedgerError
from banfa.rules.life import canonical

if TYPE_CHECKING:
    from banfa.office.ledger.models import ActPayload, ActRecord

WHOLE = ("organisation", "person", "on_behalf_of", "exception", "answers", "words")
SPLIT = ("data", "documents")


def algorithm() -> str:
    """The algorithm for new acts: the setting CHAIN_ALGORITHM, SHA-256 unless it is set."""
    try:
        return hashing.algorithm()
    except hashing.NoSuchAlgorithm as error:
        raise LedgerError(
            f"本机不支持摘要算法“{error}”；可用：sha256，sm3（视系统而定）",
            f"the digest algorithm '{error}' is not available here",
        ) from None


def new_salt() -> str:
    """A salt for one part."""
    return secrets.token_hex(8)


def parts_of(payload: ActPayload) -> dict[str, Any]:
    """The parts that the payload holds now, by name; empty ones are left out."""
    parts = {n: getattr(payload, n) for n in WHOLE}
    for name in SPLIT:
        parts |= {f"{name}.{k}": v for k, v in (getattr(payload, name) or {}).items()}
    return {k: v for k, v in parts.items() if v is not None}


def part_digest(name: str, salt: str, value: Any) -> str:
    """The digest of one part with its salt."""
    return hashed(name, f"{salt}\n{canonical(value)}")


def payload_digest(name: str, parts: Mapping[str, str]) -> str:
    """The digest over the parts' digests."""
    return hashed(name, canonical(dict(parts)))


def link(act: ActRecord) -> str:
    """The hash of an act: over the one before it and all that the act's row holds."""
    content = {
        "book": act.book_id,
        "centre": act.centre_id,
        "seq": act.seq,
        "kind": act.kind,
        "on": act.on,
        "recorded": act.recorded.astimezone(dt.UTC).isoformat(),
        "party": act.party,
        "saw": act.saw,
        "used": act.used,
        "caused_by": act.caused_by,
        "about": act.about,
        "edition": act.edition,
        "ruleset": act.ruleset,
        "findings": act.findings,
        "payload": act.payload_digest,
        "previous": act.previous,
    }
    return hashed(act.algorithm, canonical(content))
