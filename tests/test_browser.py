"""The browser itself: that it is there, in Chinese, and draws Chinese characters."""

import os
from typing import Any

import pytest
from django.db import connection

pytestmark = pytest.mark.browser


def test_the_browser_reads_chinese_first(page: Any) -> None:
    page.set_content("<html lang='zh-CN'><title>办法</title><p>国家技术创新中心</p></html>")
    assert page.title() == "办法"
    assert page.evaluate("navigator.language") == "zh-CN"
    assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == "Asia/Shanghai"


@pytest.mark.skipif(
    not os.path.isdir("/usr/share/fonts/opentype/noto"), reason="no Chinese font: make system-deps"
)
def test_chinese_characters_are_drawn_not_boxed(page: Any) -> None:
    page.set_content("<html lang='zh-CN'><p id='a'>龘</p><p id='b'>办</p></html>")
    assert page.locator("#a").screenshot() != page.locator("#b").screenshot()


@pytest.mark.django_db
def test_the_browser_leaves_the_tests_transaction_alone(request: pytest.FixtureRequest) -> None:
    before = connection.cursor().connection
    page = request.getfixturevalue("page")
    page.set_content("<p>1</p>")
    with connection.cursor() as cursor:
        assert cursor.connection is before
        assert connection.in_atomic_block
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone()[0].startswith("test_")
