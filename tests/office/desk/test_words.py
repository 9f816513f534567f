"""Every string of the pages has its English."""

from __future__ import annotations

import ast
import gettext
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

import banfa
from banfa.office.desk.templatetags import desk

PACKAGE = Path(banfa.__file__).parent
CATALOGUES = sorted(PACKAGE.rglob("locale/en/LC_MESSAGES/django.mo"))
CALLS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "ngettext": 2}


def calls(source: str) -> Iterator[str]:
    """The literal strings given to gettext in Python source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            first = node.args[0]
            if node.func.id in CALLS and isinstance(first, ast.Constant):
                yield str(first.value)


def in_templates(path: Path) -> Iterator[str]:
    """The strings of a template, found by Django's own reader."""
    python = templatize(path.read_text(), origin=str(path))
    for found in re.finditer(
        r"\bn?gettext\((?:u)?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", python
    ):
        yield ast.literal_eval(found.group(1))


def all_strings() -> dict[str, str]:
    """Every string to be translated, with the file it stands in."""
    found = {}
    for path in sorted((PACKAGE / "office").rglob("*.py")):
        found.update(dict.fromkeys(calls(path.read_text()), path.name))
    for path in sorted((PACKAGE / "office").rglob("*.html")):
        found.update(dict.fromkeys(in_templates(path), path.name))
    return found


def test_every_string_has_its_english() -> None:
    catalogue = gettext.NullTranslations()
    for path in CATALOGUES:
        with path.open("rb") as file:
            catalogue.add_fallback(gettext.GNUTranslations(file))
    strings = all_strings()
    assert len(strings) > 200
    untranslated = [
        f"{name}: {text}"
        for text, name in strings.items()
        if catalogue.gettext(text) == text and catalogue.ngettext(text, text, 1) == text
    ]
    assert not untranslated, "run makemessages, translate, compilemessages: " + "; ".join(
        untranslated
    )
    chinese = [t for t in strings if re.search(r"[\u4e00-\u9fff]", catalogue.gettext(t))]
    assert not [t for t in chinese if catalogue.ngettext(t, t, 1) == t]


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="no gettext: make system-deps")
@pytest.mark.parametrize("kept", CATALOGUES, ids=lambda path: path.parents[3].name)
def test_the_compiled_catalogue_is_up_to_date(kept: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "django.mo"
    source = kept.with_suffix(".po")
    subprocess.run(["msgfmt", "--check-format", "-o", str(fresh), str(source)], check=True)
    with fresh.open("rb") as new, kept.open("rb") as old:
        new_words = gettext.GNUTranslations(new)._catalog  # type: ignore[attr-defined]
        assert new_words == gettext.GNUTranslations(old)._catalog  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "left"),
    [("样例：等级线为示例", "等级线为示例"), ("Sample: an example", "an example"), ("无", "无")],
)
def test_a_sentence_beside_the_samples_mark_does_not_begin_with_it_again(
    text: str, left: str
) -> None:
    assert desk.after_mark(text) == left
    for template in (PACKAGE / "office").rglob("templates/**/*.html"):
        marked = re.findall(r'{% trans "样例" %}</span> {{ ([^}]*) }}', template.read_text())
        assert all(shown.endswith("|after_mark") for shown in marked), template
