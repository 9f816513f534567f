"""No page has a fault that axe finds (WCAG 2.2 AA): in Chinese and light, in English and dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.office.desk.conftest import signed_in
from tests.office.desk.seed import person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = {
    "light": ("zh-hans", {"runOnly": {"type": "tag", "values": TAGS}}),
    # What another language and other colours can change.
    "dark": (
        "en",
        {
            "runOnly": {
                "type": "rule",
                "values": ["color-contrast", "link-in-text-block", "html-has-lang", "valid-lang"],
            }
        },
    ),
}
PAGES = (
    "/",
    "/centres/?sort=-name",
    "/centres/?q=%E6%B2%A1%E6%9C%89&stage=nix&class=x",
    "/centres/mini-0002/?party=unit@org-2",
    "/centres/mini-0001/",
    "/centres/mini-0001/record/1/",
    "/centres/mini-0002/acts/survey/?party=unit@org-2",
    "/centres/bulk/?centre=mini-0001&centre=mini-0002&party=boss&kind=start",
    "/due/",
    "/acts/",
    "/organisations/",
    "/search/?q=%E4%B8%AD%E8%AF%95",
    "/charts/",
    "/design/",
    "/programmes/",
    "/programmes/mini/2026/?party=boss",
    "/compare/",
    "/account/",
    "/account/sessions/",
    "/account/delegations/",
    "/account/second/",
    "/nowhere/",
)
OFFICES = {
    "system": ("/people/accounts/", "/people/organisations/"),
    "security": ("/people/approvals/", "/people/rights/", "/people/audit/"),
    "audit": ("/people/audit/",),
}
GROUPS = [PAGES[n : n + 6] for n in range(0, len(PAGES), 6)]


def faults(page: Any, address: str, scheme: str) -> list[str]:
    """What axe finds on a page: the rule and the place."""
    page.goto(address)
    found = Axe().run(page, options=LOOKS[scheme][1]).response["violations"]
    return [
        f"{address.split('/', 3)[3]}: {one['id']} {node['target']} {node['html'][:120]}"
        for one in found
        for node in one["nodes"]
    ]


def look(page: Any, at: str, scheme: str) -> None:
    language = LOOKS[scheme][0]
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.context.add_cookies([{"name": "django_language", "value": language, "url": at}])


@pytest.mark.parametrize("scheme", LOOKS)
@pytest.mark.parametrize("paths", GROUPS, ids=lambda paths: paths[0])
def test_no_page_has_a_fault(page: Any, office: str, paths: Any, scheme: str) -> None:
    look(page, office, scheme)
    found = [fault for path in paths for fault in faults(page, office + path, scheme)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", LOOKS)
def test_no_page_of_the_administrators_has_a_fault(page: Any, office: str, scheme: str) -> None:
    look(page, office, scheme)
    found = []
    for role, paths in OFFICES.items():
        visit = signed_in(person(f"the-{role}", role=role)).cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": visit, "url": office}])
        found += [fault for path in paths for fault in faults(page, office + path, scheme)]
    page.context.clear_cookies()
    look(page, office, scheme)
    found += faults(page, f"{office}/account/login/", scheme)
    assert not found, "\n".join(found)
