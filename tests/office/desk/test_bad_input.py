"""Bad input of every kind at every address: never a 500, always a clear word in Chinese.

The addresses come from urls.py, the names of fields from the templates, so that new pages are tried
as soon as they are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

import banfa
from banfa.office.people import accounts
from banfa.office.people.models import User
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in

pytestmark = pytest.mark.django_db
TEMPLATES = sorted((Path(banfa.__file__).parent / "office").rglob("*.html"))
GOOD = {
    "centre": "mini-0002",
    "programme": "mini",
    "edition": "2026",
    "kind": "survey",
    "seq": "1",
    "format": "xlsx",
    "organisation": "org-1",
}
TEXTS = {
    "empty": "",
    "giant": "长" * 300,
    "emoji": "👩‍🔬🏳️‍🌈",
    "nul": "a\0b",
    "control": "\x01\x1b[2J\u202e\ufffe",
    "number": "99999999999999999999999999",
    "minus": "-1",
    "date": "2030-02-30",
    "old date": "0000-00-00",
    "markup": "'\"><script>alert(1)</script>%s{{ 7*7 }}",
    "query": "') OR 1=1; --",
    "list": "[1, {}]",
    "formula": "=1+1",
    "digits": "１２",
    "superscript": "²",
}
WRONG_PATHS = {
    "str": ["x", "长" * 300, "👩‍🔬", "a\0b", "..%2f", "'", "²"],
    "slug": ["x", "x" * 300, "0", "-"],
    "int": ["0", "2147483648", "99999999999999999999999999"],
    "path": ["x", "../../etc/passwd"],
    "uuid": ["00000000-0000-0000-0000-000000000000"],
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def patterns() -> list[URLPattern]:
    """All addresses, in the order of urls.py."""

    def within(resolver: URLResolver) -> Iterator[URLPattern]:
        for one in resolver.url_patterns:
            if isinstance(one, URLResolver):
                yield from within(one)
            else:
                yield one

    return list(within(get_resolver()))


def address(pattern: URLPattern, given: dict[str, str]) -> str:
    """A pattern's address with its parts filled in."""
    return "/" + re.sub(
        r"<(?:(\w+):)?(\w+)>", lambda found: given[found.group(2)], str(pattern.pattern)
    )


def parts(pattern: URLPattern) -> dict[str, str]:
    """The parts of a pattern and their types."""
    found = re.findall(r"<(?:(\w+):)?(\w+)>", str(pattern.pattern))
    return {name: kind or "str" for kind, name in found}


def usual(pattern: URLPattern) -> dict[str, str]:
    """Parts as they should be."""
    return {n: GOOD.get(n, "1" if kind == "int" else "x") for n, kind in parts(pattern).items()}


def names() -> list[str]:
    """The names of all fields in all templates, and of those that act forms make."""
    found = {"with.title", "with.rows.0.name", "with.rows.99999999999.name", "with.day", "key"}
    found |= {"with.count", "with.partner", "with.people", "documents.plan.goals", "exception.rule"}
    for path in TEMPLATES:
        found.update(re.findall(r'\bname="([\w.-]+)"', path.read_text(encoding="utf-8")))
    return sorted(found - {"csrfmiddlewaretoken"})


class Told(list[str]):
    """What went wrong, all of it; the test fails at its end."""

    def clear(self, answer: Any, where: str) -> None:
        """No fault of ours; what is refused is told in Chinese, without a trace."""
        html = answer.get("Content-Type", "").startswith("text/html")
        if answer.status_code >= 500:
            self.append(f"{answer.status_code} {where}")
        elif html and answer.status_code >= 400 and not answer.streaming and answer.content:
            text = answer.content.decode()
            if not CHINESE.search(text) or "Traceback" in text:
                self.append(f"{answer.status_code}, not told in Chinese: {where}")


@pytest.fixture
def told() -> Iterator[Told]:
    """A list of what went wrong, which must be empty in the end."""
    found = Told()
    yield found
    assert not found, "\n".join(found)


@pytest.fixture(autouse=True)
def no_second_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it stands before is tried, too."""
    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)


def visitor(user: User | None) -> Client:
    """A browser that shows a fault as a page, as in production."""
    client = signed_in(user) if user is not None else Client(headers={"host": "localhost"})
    client.raise_request_exception = False
    return client


@pytest.fixture
def everybody(centres: Any) -> User:
    return seed.everybody()


def test_there_is_much_to_try() -> None:
    assert len(patterns()) > 50 and len(names()) > 60


WORST = ("nul", "number", "date", "giant", "superscript")
"""Each at every name by itself; the others are mixed."""


def wrong_ones(name: str) -> dict[str, str]:
    """Every field with the same wrong text, or (`mixed`) with all of them in turn."""
    texts = list(TEXTS.values()) if name == "mixed" else [TEXTS[name]]
    return {field: texts[n % len(texts)] for n, field in enumerate(names())}


@pytest.mark.parametrize("name", [*WORST, "mixed"])
def test_wrong_parameters(everybody: User, name: str, told: Told) -> None:
    client, wrong = visitor(everybody), wrong_ones(name)
    for pattern in patterns():
        if pattern.name == "account_logout":
            continue
        at = address(pattern, usual(pattern))
        told.clear(client.get(at, wrong), f"GET {at} with {name}")


@pytest.mark.parametrize("name", ["nul", "number", "mixed"])
def test_wrong_forms(everybody: User, name: str, told: Told) -> None:
    given = wrong_ones(name)
    client = visitor(everybody)
    for pattern in patterns():
        at = address(pattern, usual(pattern))
        told.clear(client.post(at, given), f"POST {at} with {name}")
        if not Session.objects.exists():
            client = visitor(everybody)


@pytest.mark.parametrize("role", ["system", "security", "audit"])
def test_wrong_input_to_administrators(centres: Any, role: str, told: Told) -> None:
    user = seed.person(f"a-{role}", role=role)
    for name in ("nul", "number"):
        client, wrong = visitor(user), dict.fromkeys(names(), TEXTS[name])
        for pattern in patterns():
            if str(pattern.pattern).startswith("people/"):
                at = address(pattern, usual(pattern))
                told.clear(client.get(at, wrong), f"GET {at} with {name}")
                for what in ("x", *re.findall(r'name="what" value="(\w+)"', _all_templates())):
                    told.clear(client.post(at, {**wrong, "what": what}), f"POST {at} {what} {name}")


def _all_templates() -> str:
    return "".join(p.read_text(encoding="utf-8") for p in TEMPLATES if p.parent.name == "desk")


def test_wrong_addresses(everybody: User, told: Told) -> None:
    client, nobody = visitor(everybody), visitor(None)
    for pattern in patterns():
        for part, kind in parts(pattern).items():
            for value in WRONG_PATHS[kind]:
                at = address(pattern, {**usual(pattern), part: value})
                told.clear(client.get(at), f"GET {at[:200]}")
        told.clear(nobody.get(address(pattern, usual(pattern))), f"{pattern} for nobody")
    for odd in (
        "/%ff%fe/",
        "/centres/%00/",
        "/programmes/mini/2026/?on=%ff",
        "/?q=%80",
        "//",
        "/..;/",
    ):
        told.clear(client.get(odd), odd)


def test_a_form_that_is_too_large_is_told_its_limit(everybody: User, told: Told) -> None:
    client = visitor(everybody)
    at = "/centres/mini-0002/acts/survey/?party=unit"
    answer = client.post(at, {"with.reason": "长" * 3_000_000})
    assert answer.status_code == 413 and "一次提交不得超过" in answer.content.decode()
    answer = client.post(at, {f"f{n}": "" for n in range(20_500)})
    told.clear(answer, "too many fields")
    assert answer.status_code in (400, 413)


def test_a_forged_token_and_a_strange_body(everybody: User, told: Told) -> None:
    client = signed_in(everybody)
    client.handler.enforce_csrf_checks = True
    client.raise_request_exception = False
    for pattern in patterns():
        at = address(pattern, usual(pattern))
        answer = client.post(at, {"csrfmiddlewaretoken": "伪造" * 16})
        told.clear(answer, at)
        assert answer.status_code in (400, 403, 404, 405), (at, answer.status_code)
    free = visitor(everybody)
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain; charset=nope"):
        for pattern in patterns():
            at = address(pattern, usual(pattern))
            answer = free.generic("POST", at, b"\xff\x00{", content_type=kind)
            told.clear(answer, f"{kind} {at}")


def test_an_ended_session_leads_to_the_sign_in_page(everybody: User, told: Told) -> None:
    client = visitor(everybody)
    Session.objects.all().delete()
    for pattern in patterns():
        if str(pattern.pattern).startswith("account/"):
            continue
        at = address(pattern, usual(pattern))
        for answer in (client.get(at), client.post(at, {"x": "1"})):
            told.clear(answer, at)
            kept = answer.status_code == 403 and "再次发送" in answer.content.decode()
            assert kept or answer.status_code in (200, 302, 404, 405), (at, answer.status_code)
            if answer.status_code == 302:
                assert "/account/login/" in answer["Location"] or pattern.name == "language"
