"""Every page of the demonstration, as its readers meet it.

At 1280 px in light and at 390 px in dark: no fault that axe finds (WCAG 2.2 AA and good practice),
no scrolling sideways, and no identifier where words belong.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import get_resolver, resolve

from banfa.office import demo
from banfa.office.demo import figures, loader, rounds
from banfa.office.dossiers import verbs as dossiers
from banfa.office.evaluations import verbs as evaluated
from banfa.office.evaluations.models import Collection, Kind, Run
from banfa.office.jobs import verbs as jobs
from banfa.office.ledger import library
from banfa.office.ledger.models import Centre, DocumentVersion, ProgrammeBook
from banfa.office.lists import verbs as lists
from banfa.office.notices.verbs import tell
from banfa.office.people import rights
from banfa.office.people.models import Organisation, User
from banfa.office.queues.models import JointDraft
from banfa.office.reviews.models import Expert, Review, Stage
from banfa.rules.words import Text
from tests.office.desk.conftest import signed_in
from tests.office.dossiers.seed import PDF

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = (
    ("light", 1280, {"type": "tag", "values": TAGS}),
    # What other colours and less room can change.
    ("dark", 390, {"type": "rule", "values": [
        "color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable",
        "nested-interactive", "landmark-unique", "empty-table-header",
    ]}),
)  # fmt: skip
FAULTS = """(rules) => axe.run(document, {
  runOnly: rules, resultTypes: ["violations"], elementRef: false,
}).then((found) => found.violations.flatMap((one) => one.nodes.map(
  (node) => `${one.id} ${node.target} ${node.html.slice(0, 140)}`)))"""
# Words are what is read or read out: not code, digests, or what somebody types.
READ = """() => {
  const said = [];
  const kinds = NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT;
  const walk = document.createTreeWalker(document.body, kinds);
  const left = "script, style, code, pre, .mono, textarea";
  while (walk.nextNode()) {
    const node = walk.currentNode;
    const element = node.nodeType === 1 ? node : node.parentElement;
    if (element.closest(left)) continue;
    if (node.nodeType === 3) said.push(node.data);
    else for (const name of ["title", "aria-label", "placeholder", "alt", "data-label"])
      if (element.hasAttribute(name)) said.push(element.getAttribute(name));
  }
  const text = said.join("\\n").replace(/示例-\\w+/g, "");
  return [...new Set(text.match(/\\b[a-z]+_[a-z_]+\\b/g) ?? [])];
}"""
NO_PAGES = {
    "invitation", "demo_sign_in", "account_logout", "account_inactive", "account_signup",
    "account_set_password", "account_change_password", "account_reauthenticate",
    "mfa_authenticate", "mfa_reauthenticate", "mfa_deactivate_totp",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes",
    "mfa_list_webauthn", "mfa_add_webauthn", "mfa_reauthenticate_webauthn", "mfa_login_webauthn",
    "mfa_remove_webauthn", "mfa_edit_webauthn", "openid_connect_login", "openid_connect_callback",
    "socialaccount_connections", "socialaccount_login_error", "socialaccount_login_cancelled",
    "socialaccount_signup", "rights_export", "audit_export", "dossier_save", "dossier_attach",
    "dossier_file", "dossier_word", "dossier_zip", "adopt_dossier", "notices_read", "notice",
    "feed",    "review_workbook", "review_frozen", "review_file", "experts_template", "language",
    "import_preview", "import_report", "latest_edition", "save_view", "remove_view", "list_export",
    "bulk_receipt", "hurry", "job_stop", "job_file", "figure_export", "figure_template",
    "figure_preview", "figure_proof", "figure_upload", "report_hurry", "round_provisional",
    "round_publication", "import_blank_csv", "import_blank_xlsx",
}  # fmt: skip
"""Files, answers to forms, and steps that other tests walk through (sign-in, import, bulk)."""


@pytest.fixture
def office(
    transactional_db: None,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    page: Any,
) -> str:
    """The address of the running demonstration, with axe in every page."""
    monkeypatch.setenv("BANFA_TODAY", demo.TODAY.isoformat())
    settings.PROGRAMMES_DIR = None
    settings.DEMO = True
    settings.STORAGES = {
        **settings.STORAGES,
        "dossiers": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    library.forget()
    rights.seed(library.parties_and_acts())
    loader.load()
    evaluated.seed_samples()
    figures.make()
    rounds.make()
    page.context.add_init_script(AXE_SCRIPT)
    return str(live_server.url)


def who(username: str) -> User:
    return User.objects.get(username=username)


def holder(party: str, org: str) -> User:
    """Somebody who holds a capacity of that party for that organisation."""
    return User.objects.filter(
        capacities__party=party, capacities__organisation=org, capacities__ended=None,
        capacities__approved__isnull=False, role="",
    ).order_by("pk")[0]  # fmt: skip


def a_return() -> tuple[int, User, User]:
    """A dossier sent back and one submitted, with who writes and who checks them."""
    centre = Centre.objects.get(subject="水声探测装备")
    unit, chief = (
        centre.roles["supporting_unit"][0]["org"],
        centre.roles["supervising_unit"][0]["org"],
    )
    writer, checker = holder("supporting_unit", unit), holder("supervising_unit", chief)
    rows = DocumentVersion.objects.filter(centre=centre)
    digest = rows.get(type="preparation_summary_report").digest
    acts = centre.acts.filter(payload__documents__preparation_summary_report__digest=digest)
    dossier = dossiers.adopt(checker, centre.id, acts.get().seq)
    parts = ["documents.preparation_summary_report", "documents.evaluation_form"]
    dossiers.return_for_correction(
        checker, dossier.pk, "请补充验收结论", dt.date(2030, 11, 30), parts
    )
    return dossier.pk, writer, checker


def pages() -> Iterator[tuple[User | None, list[str]]]:
    """Each reader and the pages that they meet."""
    yield None, ["/account/login/", "/nowhere/"]
    officer = who("bao.jiming")
    book = ProgrammeBook.objects.get(pk="nitec")
    act = book.acts.filter(centre=None).order_by("seq")[0]
    cases = "/centres/nitec-0008/cases/confirmation-15/"
    lists.save_view(officer, "centres", "待复核", "stage=confirmation_with_ndrc")
    tell([officer], "todo", Text("新的待办", "New work"), link="/", key="k", urgent=True)
    yield officer, [
        "/", "/work/todo/", "/work/done/", "/work/begun/", "/work/copied/", "/work/others/",
        "/centres/", "/centres/?stage=nix&q=x&place=y", "/due/?sort=-due", "/acts/",
        "/organisations/", "/search/?q=%E8%BD%B4%E6%89%BF", "/charts/", "/design/",
        "/centres/bulk/?centre=nitec-0013&centre=nitec-0014&party=ndrc",
        *(f"/centres/nitec-0010/{tab}" for tab in (
            "", "parties/", "cases/", "materials/", "duties/", "money/", "results/", "reviews/",
            "timeline/", "notes/",
        )),
        "/centres/nitec-0008/acts/review_confirmation/?party=ndrc", cases,
        "/centres/nitec-0008/prepare/review_confirmation/",
        "/centres/nitec-0008/record/1/", "/centres/nitec-0008/record/13/basis/",
        "/programmes/", "/programmes/nitec/2026/?party=ndrc", "/compare/",
        f"/programmes/nitec/record/{act.seq}/", "/programmes/nitec/import/",
        "/programmes/nitec/acts/open_evaluation_round/?party=ndrc",
        "/programmes/nitec/acts/enter_existing_centre/?party=ndrc",
        "/notices/", "/notices/choices/", "/calendar/", "/account/", "/account/sessions/",
        "/account/delegations/", "/account/phrases/", "/account/second/", "/account/second/app/",
        
        "/reviews/", f"/reviews/{Review.objects.get(stage=Stage.OPEN).pk}/", "/experts/",
        "/experts/new/", "/experts/import/", f"/experts/{Expert.objects.order_by('pk')[0].pk}/",
    ]  # fmt: skip
    job = jobs.start(officer, "export", Text("导出", "export"), {}, "/centres/")
    yearly = Collection.objects.filter(book="nitec", kind=Kind.ANNUAL).order_by("year")[0]
    scored = Run.objects.select_related("collection").filter(collection__book="nitec")[0]
    one, own = scored.collection, scored.collection.entries.order_by("pk")[0].centre_id
    at = f"/rounds/nitec/{one.round}/"
    yield officer, [
        "/jobs/", f"/jobs/{job.pk}/", "/reports/?period=2029", "/reports/summary/?period=2029",
        "/reports/compare/", f"/figures/{yearly.pk}/",
        f"/figures/{yearly.pk}/{yearly.entries.order_by('pk')[0].centre_id}/",
        "/figures/new/nitec/?year=2020", f"/centres/{own}/reports/",
        "/rounds/", "/rounds/nitec/new/open_evaluation_round/", at, f"{at}figures/",
        f"{at}figures/{own}/", f"{at}scoring/", f"{at}runs/{scored.number}/",
        f"{at}runs/{scored.number}/{own}/", f"{at}results/",
    ]  # fmt: skip
    number, writer, checker = a_return()
    fresh = dossiers.start(writer, "nitec", "apply_formation", "supporting_unit")
    dossiers.attach(writer, fresh.pk, SimpleUploadedFile("章程.pdf", PDF))
    paper = DocumentVersion.objects.filter(centre="nitec-0009").order_by("pk")[0]
    pinned = paper.digest.partition(":")[2]
    first = paper.centre.acts.filter(payload__documents__has_key=paper.type).order_by("seq")[0]
    yield writer, [
        "/", "/dossiers/", f"/dossiers/{number}/", f"/dossiers/{fresh.pk}/",
        f"/dossiers/{number}/versions/1/", f"/dossiers/{number}/versions/1/print/",
        f"/dossiers/{number}/compare/",
        "/centres/nitec-0009/acts/annual_self_evaluation/dossier/?party=supporting_unit",
        "/programmes/nitec/acts/apply_formation/dossier/?party=supporting_unit",
        f"/centres/nitec-0009/record/{first.seq}/documents/{pinned}/",
    ]  # fmt: skip
    other = dossiers.adopt(checker, "nitec-0009", first.seq)
    yield checker, ["/", f"/dossiers/{number}/", f"/dossiers/{other.pk}/return/"]
    running = Review.objects.get(stage=Stage.OPEN)
    subject = running.subjects.get()
    at = f"/reviews/{running.pk}/"
    for name in ("gongsun.ce", "helian.yun"):
        yield who(name), ["/", "/reviews/", at]
    yield (
        who("gongsun.ce"),
        [
            f"{at}centres/{subject.centre_id}/",
            f"{at}centres/{subject.centre_id}/material/{subject.materials[0]}/",
        ],
    )
    done = Review.objects.get(stage=Stage.CLOSED)
    yield who("kong.qingyue"), ["/", f"/reviews/{done.pk}/summary/"]
    draft = Review.objects.get(stage=Stage.DRAFT)
    yield who("wen.yugui"), [
        "/reviews/new/", f"/reviews/{draft.pk}/", f"/reviews/{draft.pk}/sheet/",
        "/centres/jliic-0001/", "/",
    ]  # fmt: skip
    asked = JointDraft.objects.get(closed=None)
    yield officer, ["/joint/?which=sent", f"/joint/{asked.pk}/"]
    yield who("chang.yanqi"), [
        "/", "/centres/", "/due/", "/work/others/", "/joint/", "/joint/?which=ended",
        f"/joint/{asked.pk}/",
    ]  # fmt: skip
    leader = who("zou.zijin")
    org = Organisation.objects.get(name_zh__startswith="望海省", id="wanghai_drc")
    yield (
        leader,
        [
            "/people/",
            f"/people/organisations/{org.pk}/",
            f"/people/organisations/{org.pk}/review/",
            f"/people/organisations/{org.pk}/sign-off/",
        ],
    )
    yield who("demo-system"), ["/people/accounts/", "/people/organisations/", "/people/background/"]
    yield who("demo-security"), ["/people/approvals/", "/people/rights/", "/people/audit/"]
    yield who("demo-audit"), ["/people/audit/", "/people/rights/"]


def look(page: Any, address: str, path: str) -> Iterator[str]:
    """What is wrong with a page in each of its looks."""
    page.set_viewport_size({"width": LOOKS[0][1], "height": 900})
    page.emulate_media(color_scheme=LOOKS[0][0], reduced_motion="reduce")
    answer = page.goto(address + path)
    if answer.status not in (200, 404) or (answer.status == 404 and path != "/nowhere/"):
        yield f"{path}: {answer.status}"
        return
    page.locator("[hx-trigger=load]").wait_for(state="detached")
    yield from (f"{path}: {word}" for word in page.evaluate(READ))
    for number, (scheme, width, rules) in enumerate(LOOKS):
        if number:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        yield from (f"{path} {scheme} {width}: {one}" for one in page.evaluate(FAULTS, rules))
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            yield f"{path} {width}: {wide} px wide"


def test_every_page_is_sound_and_speaks_in_words(page: Any, office: str) -> None:
    wrong, met = [], set()
    for user, paths in pages():
        page.context.clear_cookies()
        if user is not None:
            visit = signed_in(user).cookies["sessionid"].value
            page.context.add_cookies([{"name": "sessionid", "value": visit, "url": office}])
        for path in paths:
            wrong += look(page, office, path)
            if path != "/nowhere/":
                met.add(resolve(path.partition("?")[0]).url_name)
    assert not wrong, "\n".join(dict.fromkeys(wrong))
    named = {str(pattern.name) for pattern in get_resolver().url_patterns}
    left = named - met - NO_PAGES
    assert not left, f"pages that nobody looks at; visit them here: {sorted(left)}"
