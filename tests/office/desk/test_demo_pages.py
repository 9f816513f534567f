"""The demonstration's pages as a Chinese reader meets them: no identifiers in the text."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from banfa.office import demo
from banfa.office.demo import loader
from banfa.office.ledger import library, queries

pytestmark = pytest.mark.django_db


def visible(page: Any) -> str:
    """The text of a page without what is not read: tags, code, scripts, digests."""
    content = page.content.decode()
    content = re.sub(r"(?s)<(code|script|style|svg)\b.*?</\1>", "", content)
    content = re.sub(r'(?s)<ul class="findings">.*', "", content)  # worded by the engine
    content = re.sub(r'(?s)<(dd|span) class="mono">.*?</\1>', "", content)
    content = re.sub(r"示例-\w+", "", content)  # a made-up registration number
    return html.unescape(re.sub(r"<[^>]+>", " ", content))


def identifiers(page: Any) -> set[str]:
    return set(re.findall(r"\b[a-z]+_[a-z_]+\b", visible(page)))


def test_chinese_pages_show_no_identifiers(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PROGRAMMES_DIR = None
    monkeypatch.setenv("BANFA_TODAY", demo.TODAY.isoformat())
    library.forget()
    centres = loader.load().centres.values()
    client = Client(headers={"host": "localhost"})
    paths = ["/", "/programmes/"]
    for row in queries.programmes():
        page = f"/programmes/{row.id}/{row.model.edition}/"
        paths += [page, *(f"{page}?party={party}" for party in row.model.authority)]
    stages: set[tuple[str, str]] = set()
    for centre in sorted(centres):
        page_of = queries.centre(centre)
        model, stage = page_of.programme, page_of.centre.stage or ""
        if (model.programme, stage) in stages:
            continue  # one centre at each stage is enough
        stages.add((model.programme, stage))
        paths += [f"/centres/{centre}/?party={model.authority[0]}", f"/centres/{centre}/record/1/"]
    wrong = {path: found for path in paths if (found := identifiers(client.get(path)))}
    assert not wrong, "; ".join(f"{path} {sorted(found)}" for path, found in wrong.items())
