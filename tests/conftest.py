"""What all tests share: the browser. The database is started by tests/settings.py."""

import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.db.backends.postgresql.operations import DatabaseOperations

# Playwright's synchronous API runs an event loop in this thread, for which Django takes us for
# asynchronous code and would refuse every query.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
# For the same reason Django would give the thread a second connection as soon as the browser runs:
# outside the test's transaction, and still open when the database is dropped. One for each thread.
connections._connections = threading.local()

# Tests with several connections end by emptying all tables, which the ledger's triggers refuse.
_emptying = DatabaseOperations.sql_flush


def _without_triggers(self: DatabaseOperations, *args: Any, **more: Any) -> list[str]:
    statements: list[str] = _emptying(self, *args, **more)
    off, on = "replica", "DEFAULT"
    return [
        f"SET session_replication_role = {off}",
        *statements,
        # The job library's own tables are no models of Django's, which would leave them filled.
        "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers CASCADE",
        f"SET session_replication_role = {on}",
    ]


DatabaseOperations.sql_flush = _without_triggers

CHROMIUM_ARGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def browser_required() -> bool:
    """In CI a browser test that would be skipped fails."""
    return os.environ.get("BANFA_REQUIRE_BROWSER") == "1"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright, which never downloads one of its own."""
    executable = os.environ.get("BANFA_CHROMIUM") or shutil.which("chromium")
    if executable is None:
        message = "Chromium is missing: run `make system-deps`, or set BANFA_CHROMIUM to its path"
        if browser_required():
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page, 1280 × 800, of a reader of Chinese in China. No cookies, nothing stored."""
    context = browser.new_context(
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        viewport={"width": 1280, "height": 800},
        service_workers="block",
    )
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        uses_browser = item.get_closest_marker("browser") or "browser" in item.fixturenames
        if uses_browser and browser_required():
            report.outcome = "failed"
            report.longrepr = f"a browser test was skipped although one is required: {item.nodeid}"
    return report
