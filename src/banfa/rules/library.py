"""Finding and loading programmes: by id among those that come with Banfa, or by folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from banfa.rules.history import Editions
from banfa.rules.loading import read_folder, validate
from banfa.rules.programme import Programme
from banfa.rules.proposals import nearest
from banfa.rules.ruleset import Ruleset

SHIPPED = Path(__file__).resolve().parent.parent / "programmes"


class NoSuchProgramme(Exception):
    """No programme of that name or folder; the text says what there is."""


def ids(root: Path = SHIPPED) -> list[str]:
    """The ids of the programmes in a folder of programmes."""
    return sorted({f.parent.parent.name for f in root.glob("*/*/programme.yaml")})


def edition_folders(programme: str, root: Path = SHIPPED) -> list[Path]:
    """The folders of a programme's editions, by name."""
    return sorted(f.parent for f in (root / programme).glob("*/programme.yaml"))


def system_files(programme: str, root: Path = SHIPPED) -> list[Path]:
    """The files of a programme's indicator systems, by name."""
    return sorted((root / programme / "indicators").glob("*.yaml"))


def load(folder: Path) -> Programme:
    """One edition from its folder. Raises LoadError with every problem and its place."""
    return validate(read_folder(folder), Programme)


@lru_cache(maxsize=64)
def _compiled(folder: Path, stamp: tuple[tuple[str, int], ...]) -> Ruleset:
    return Ruleset(load(folder))


def ruleset(folder: Path) -> Ruleset:
    """One edition, loaded and compiled; kept until a file of it changes."""
    folder = folder.resolve()
    files = sorted(folder.glob("*.yaml"))
    return _compiled(folder, tuple((f.name, f.stat().st_mtime_ns) for f in files))


def find(name: str | Path, root: Path = SHIPPED, base: Path | None = None) -> Editions:
    """The editions of a programme named by id, or of the folder at a path.

    A path may be an edition's folder or one with editions in it; relative paths are taken from
    `base`. Raises NoSuchProgramme.
    """
    text = str(name)
    if text in ids(root):
        return Editions([ruleset(f) for f in edition_folders(text, root)])
    folder = Path(text) if Path(text).is_absolute() or base is None else base / text
    if (folder / "programme.yaml").is_file():
        return Editions([ruleset(folder)])
    inside = sorted(f.parent for f in folder.glob("*/programme.yaml"))
    if inside:
        return Editions([ruleset(f) for f in inside])
    like = nearest(text, ids(root))
    raise NoSuchProgramme(
        f"没有名为“{text}”的项目办法或文件夹"
        + (f"；是否指“{like}”？" if like else "")
        + f" / no programme or folder '{text}'; known: {', '.join(ids(root))}"
    )
