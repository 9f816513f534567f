"""The settings as the environment changes them, and the headers that every page carries."""

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from banfa.office.settings import database_from_url


@login_not_required
def greet(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>办法</p>")


urlpatterns = [path("hello", greet)]


def test_a_url_names_a_server_or_a_socket() -> None:
    far = database_from_url("postgres://li:p%40ss@db.example:6432/banfa?sslmode=require")
    assert (far["USER"], far["PASSWORD"], far["HOST"], far["PORT"]) == (
        "li",
        "p@ss",
        "db.example",
        "6432",
    )
    assert far["OPTIONS"]["sslmode"] == "require"  # type: ignore[index]
    near = database_from_url("postgresql://li:x@/banfa?host=%2Fvar%2Flib%2Fbanfa")
    assert (near["HOST"], near["NAME"], near["PORT"]) == ("/var/lib/banfa", "banfa", "")


@pytest.mark.parametrize(
    "url", ["sqlite:///x.db", "mysql://a@b/c", "banfa", "postgresql://host/", "postgresql://h:x/n"]
)
def test_what_is_not_postgres_or_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        database_from_url(url)


@pytest.mark.django_db
def test_tests_have_a_database_of_their_own() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone()[0].startswith("test_")


def test_every_page_carries_a_strict_policy() -> None:
    with override_settings(ROOT_URLCONF=greet.__module__):
        answer = Client().get("/hello", headers={"host": "localhost"})
    assert answer.content.decode() == "<p>办法</p>"
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Content-Language"] == "zh-CN"


def test_a_foreign_host_name_is_refused() -> None:
    with override_settings(ROOT_URLCONF=greet.__module__):
        assert Client().get("/hello", headers={"host": "evil.example"}).status_code == 400
