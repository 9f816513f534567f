"""The programmes of this installation: those that come with Banfa, or those in PROGRAMMES_DIR."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from banfa.office.ledger.errors import NotOnFile
from banfa.office.ledger.models import EditionData
from banfa.rules import library
from banfa.rules.history import Editions
from banfa.rules.loading import LoadError
from banfa.rules.programme import Act, Programme
from banfa.rules.proposals import nearest
from banfa.rules.ruleset import Ruleset


def root() -> Path:
    """The folder of programmes in use."""
    return Path(getattr(settings, "PROGRAMMES_DIR", None) or library.SHIPPED)


def ids() -> list[str]:
    """The programmes' ids; the disk is looked at again when their folder has changed."""
    folder = root()
    return list(_ids(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0))


@lru_cache(maxsize=16)
def _ids(folder: Path, changed: int) -> tuple[str, ...]:
    return tuple(library.ids(folder))


_files: dict[str, dict[str, str]] = {}
"""The files of each edition loaded in this process, by the edition's digest."""


_ready: dict[tuple[Any, str], Editions] = {}
"""What is loaded, found without a look at the disk: every row of a list asks for it."""


@lru_cache(maxsize=64)
def _loaded(folder: Path, programme: str) -> Editions:
    rulesets = []
    for edition in library.edition_folders(programme, folder):
        files = {f.name: f.read_text(encoding="utf-8") for f in sorted(edition.glob("*.yaml"))}
        rs = library.ruleset(edition)
        _files[rs.digest] = files
        rulesets.append(rs)
    return Editions(rulesets)


_stored: set[str] = set()
"""The digests of the editions that this process knows to be on file."""


def keep(rs: Ruleset, now: dt.datetime) -> None:
    """Stores the files of an edition by which an act was judged, once."""
    if rs.digest in _stored:
        return
    # Only what is committed is there for good.
    transaction.on_commit(lambda: _stored.add(rs.digest))
    if EditionData.objects.filter(digest=rs.digest).exists():
        return
    EditionData.objects.get_or_create(
        digest=rs.digest,
        defaults={
            "programme": rs.programme.programme,
            "edition": rs.programme.edition,
            "files": _files.get(rs.digest, {}),
            "stored": now,
        },
    )


def as_judged(programme: str, digest: str) -> Editions | None:
    """A programme's editions with the one that has this digest; None when it is not on file."""
    current = editions(programme)
    if any(rs.digest == digest for rs in current.rulesets):
        return current
    kept = EditionData.objects.filter(digest=digest, programme=programme).first()
    old = _compiled(digest, tuple(sorted(kept.files.items()))) if kept and kept.files else None
    if old is None or old.digest != digest:
        return None
    others = [r for r in current.rulesets if r.programme.edition != old.programme.edition]
    return Editions([*others, old])


@lru_cache(maxsize=16)
def _compiled(digest: str, files: tuple[tuple[str, str], ...]) -> Ruleset:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files:
            (Path(folder) / Path(name).name).write_text(text, encoding="utf-8")
        return Ruleset(library.load(Path(folder)))


def editions(programme: str) -> Editions:
    """A programme's editions, loaded once a process. Raises NotOnFile, or LoadError."""
    chosen = getattr(settings, "PROGRAMMES_DIR", None)
    if (chosen, programme) in _ready:
        return _ready[chosen, programme]
    known = ids()
    if programme not in known:
        like = nearest(programme, known)
        raise NotOnFile(
            f"没有编号为“{programme}”的办法" + (f"；是否指“{like}”？" if like else ""),
            f"no programme '{programme}'" + (f"; did you mean '{like}'?" if like else ""),
        )
    _ready[chosen, programme] = _loaded(root(), programme)
    return _ready[chosen, programme]


def loadable() -> tuple[list[str], dict[str, LoadError]]:
    """The ids that load, and what is wrong with the others."""
    good, bad = [], {}
    for programme in ids():
        try:
            editions(programme)
            good.append(programme)
        except LoadError as error:
            bad[programme] = error
    return good, bad


def forget() -> None:
    """Loads the programmes anew when next asked for (a file was changed)."""
    _ready.clear()
    _stored.clear()
    _loaded.cache_clear()
    _ids.cache_clear()


def parties_and_acts() -> list[tuple[Programme, Mapping[str, Act]]]:
    """Every edition that loads with its acts: what rights are seeded from, latest first."""
    return [
        (rs.programme, rs.models)
        for name in loadable()[0]
        for rs in reversed(editions(name).rulesets)
    ]
