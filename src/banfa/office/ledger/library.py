"""The programmes of this installation: those that come with Banfa, or those in PROGRAMMES_DIR."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from banfa.office.ledger.errors import NotOnFile
from banfa.rules import library
from banfa.rules.history import Editions
from banfa.rules.loading import LoadError
from banfa.rules.proposals import nearest


def root() -> Path:
    """The folder of programmes in use."""
    return Path(getattr(settings, "PROGRAMMES_DIR", None) or library.SHIPPED)


def ids() -> list[str]:
    """The programmes' ids."""
    return library.ids(root())


@lru_cache(maxsize=64)
def _loaded(folder: Path, programme: str) -> Editions:
    return library.find(programme, folder)


def editions(programme: str) -> Editions:
    """A programme's editions, loaded once a process. Raises NotOnFile, or LoadError."""
    known = ids()
    if programme not in known:
        like = nearest(programme, known)
        raise NotOnFile(
            f"没有编号为“{programme}”的办法" + (f"；是否指“{like}”？" if like else ""),
            f"no programme '{programme}'" + (f"; did you mean '{like}'?" if like else ""),
        )
    return _loaded(root(), programme)


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
    _loaded.cache_clear()
