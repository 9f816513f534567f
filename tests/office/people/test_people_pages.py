"""The pages of the administrators and of one's own account, as they are used."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest

from banfa.office import clock
from banfa.office.desk import exports
from banfa.office.ledger import queries
from banfa.office.notices.models import Notice
from banfa.office.people import accounts
from banfa.office.people.models import AuditEvent, Capacity, Delegation, Membership, User
from tests.office.desk import seed
from tests.office.desk.conftest import signed_in
from tests.office.desk.test_acts import SURVEY
from tests.office.desk.test_pages import text_of

pytestmark = pytest.mark.django_db
SURE = {"sure": "yes", "reason": "已调离"}
"""The answer to the page that asks before something is ended."""


@pytest.fixture(autouse=True)
def no_second_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a second factor stands in the way of has tests of its own."""
    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)


def test_from_an_organisation_to_an_act(administrators: Any, centres: Any) -> None:
    """System creates a manager, security approves; the manager invites; security approves all."""
    system, security = (signed_in(administrators[r]) for r in ("system", "security"))
    new = {"what": "create", "username": "guan", "name": "管某", "organisation": "org-1"}
    page = system.post("/people/accounts/", {**new, "administrator": "yes"})
    assert re.search(r"http://localhost/account/invitations/[\w-]+/", page.content.decode())
    manager = User.objects.get(username="guan")
    assert "管某" in text_of(security.get("/people/approvals/"))
    approve = {"what": "approve_account", "user": manager.pk}
    assert system.post("/people/approvals/", approve).status_code == 403
    assert security.post("/people/approvals/", approve).status_code == 302
    manager.refresh_from_db()
    desk = signed_in(manager)
    assert desk.get("/people/")["Location"] == "/people/organisations/org-1/"
    at = "/people/organisations/org-1/"
    desk.post(at, {"what": "invite", "username": "zhang", "name": "张某"})
    zhang = User.objects.get(username="zhang")
    asked = {"what": "ask_capacity", "user": zhang.pk, "party": "mini:unit"}
    assert desk.post(at, {**asked, "party": "mini:boss"}).status_code == 422
    assert desk.post(at, asked).status_code == 302
    capacity = Capacity.objects.get(user=zhang)
    security.post("/people/approvals/", {"what": "approve_account", "user": zhang.pk})
    security.post("/people/approvals/", {"what": "approve_capacity", "capacity": capacity.pk})
    zhang.refresh_from_db()
    person = signed_in(zhang)
    centre = f"/centres/{centres[0]}/"
    assert "依托单位·甲新材料股份有限公司" in text_of(person.get(centre))
    done = person.post(f"{centre}acts/survey/?party=unit", SURVEY)
    assert done.status_code == 302, text_of(done)
    assert queries.centre(centres[0]).timeline[-1].act.person == "张某（zhang）"
    assert "张某（zhang）" in text_of(person.get(done["Location"]))
    # the end: the manager lets the person go
    gone = Membership.objects.get(user=zhang)
    assert desk.post(at, {"what": "end_member", "membership": gone.pk, **SURE}).status_code == 302
    assert person.get(centre).status_code == 302


def test_other_organisations_are_not_there(centres: Any) -> None:
    manager = seed.person("guan")
    Membership.objects.create(user=manager, organisation_id="org-1", administrator=True)
    other = seed.person("other", ("unit", "org-2"))
    desk = signed_in(manager)
    assert desk.get("/people/organisations/org-2/").status_code == 404
    at = "/people/organisations/org-1/"
    for what, name, pk in (
        ("end_member", "membership", other.memberships.get().pk),
        ("end_capacity", "capacity", other.capacities.get().pk),
        ("ask_capacity", "user", other.pk),
    ):
        assert desk.post(at, {"what": what, name: pk, "party": "mini:unit"}).status_code == 404


def test_the_matrix_shows_changes_and_exports(administrators: Any, centres: Any) -> None:
    seed.person("boss-1", ("boss", "boss"))
    security, auditor = (signed_in(administrators[r]) for r in ("security", "audit"))
    at = "/people/rights/?programme=mini"
    said = text_of(security.get(at))
    assert "主管部门" in said and "启动筹建" in said and "act:start" in said and "收回" in said
    assert "收回" not in text_of(auditor.get(at))
    change = {"subject": "mini:boss", "thing": "act:start", "scope": "programme"}
    assert auditor.post(at, {**change, "what": "withdraw"}).status_code == 422
    assert security.post(at, {**change, "what": "withdraw"}).status_code == 302
    csv = auditor.get("/people/rights/file.csv?programme=mini").content.decode("utf-8-sig")
    assert "启动筹建,act:start,,," in csv
    xlsx = auditor.get("/people/rights/file.xlsx?programme=mini").content
    assert "xl/worksheets/sheet1.xml" in zipfile.ZipFile(io.BytesIO(xlsx)).namelist()
    assert AuditEvent.objects.filter(kind="exported").count() == 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"])
def test_formulas_leave_as_text(text: str) -> None:
    answer = exports.response("csv", "x", ["h"], [[text]])
    assert answer.content.decode("utf-8-sig").splitlines()[1].strip('"').startswith("'")


def test_the_auditor_reads_what_the_others_did(administrators: Any) -> None:
    system, auditor = (signed_in(administrators[r]) for r in ("system", "audit"))
    system.post("/people/accounts/", {"what": "create", "username": "zhang", "name": "张某"})
    said = text_of(auditor.get("/people/audit/?kind=account_created"))
    assert "创建账号" in said and "zhang" in said
    assert "zhang" in auditor.get("/people/audit/file.csv").content.decode()
    assert system.get("/people/audit/").status_code == 403


def test_delegating_and_acting_for_another(centres: Any) -> None:
    chief, deputy = seed.person("chief", ("boss", "boss"), name="赵某"), seed.person("deputy")
    Membership.objects.create(user=deputy, organisation_id="boss")
    desk = signed_in(chief)
    given = {
        "capacity": chief.capacities.get().pk,
        "to": deputy.pk,
        "since": "2030-11-15",
        "until": "2030-11-20",
        "scope": "some",
        "acts": ["start"],
    }
    at = "/account/delegations/"
    assert desk.post(at, {**given, "until": "昨天"}).status_code == 422
    assert desk.post(at, given).status_code == 302 and "启动筹建" in text_of(desk.get(at))
    other = signed_in(deputy)
    page = f"/centres/{centres[2]}/"
    assert "（代赵某）" in text_of(other.get(page))
    listed = other.get(f"{page}?party=boss").content.decode()
    assert "/acts/start/" in listed and "/acts/revoke/" not in listed
    assert other.get(f"{page}acts/revoke/?party=boss").status_code == 403
    form = {"party": "boss", "on": "2030-11-15", "with.end": "2032-01-01"}
    done = other.post(f"{page}acts/start/?party=boss", form)
    assert "受赵某（chief）委托" in text_of(other.get(done["Location"]))
    lent = Delegation.objects.get()
    stranger = signed_in(seed.person("stranger"))
    assert stranger.post(at, {"end": lent.pk}).status_code == 404
    assert other.post(at, {"end": lent.pk}).status_code == 302
    assert other.get(page).status_code == 404


def test_a_refused_act_says_why_and_is_noted(centres: Any) -> None:
    client = signed_in(seed.person("unit-1", ("unit", "org-1")))
    page = client.get(f"/centres/{centres[0]}/acts/revoke/?party=boss")
    assert page.status_code == 403 and "须以“主管部门”身份办理" in text_of(page)
    assert AuditEvent.objects.get(kind="denied").object == f"act:revoke {centres[0]}"


def test_two_organisations_of_one_party_are_told_apart(centres: Any) -> None:
    client = signed_in(seed.person("two", ("unit", "org-1"), ("unit", "org-4")))
    page = client.get("/programmes/mini/2026/").content.decode()
    assert 'value="unit@org-1"' in page and 'value="unit@org-4"' in page
    form = client.get("/programmes/mini/acts/apply/?party=unit@org-4").content.decode()
    assert "丁信息技术有限公司" in form and 'name="org"' not in form
    both = client.get("/programmes/mini/acts/apply/?party=unit").content.decode()
    assert '<option value="org-1"' in both and '<option value="org-2"' not in both


# --- ending: asked first, with a reason


def test_disabling_is_asked_first_and_keeps_the_search(administrators: Any, centres: Any) -> None:
    chief = seed.person("chief", ("boss", "boss"), name="赵某")
    deputy = seed.person("deputy", name="钱某")
    Delegation.objects.create(
        capacity=chief.capacities.get(), to=deputy, made=clock.now(),
        since=clock.today(), until=clock.today(),
    )  # fmt: skip
    system, at = signed_in(administrators["system"]), "/people/accounts/?q=chief"
    form = {"what": "disable", "user": chief.pk}
    asked = system.post(at, form)
    assert asked.status_code == 200 and User.objects.get(pk=chief.pk).standing == "active"
    said = text_of(asked)
    assert "赵某（chief）" in said and "主管部门" in said and "钱某（deputy）" in said
    missing = system.post(at, {**form, "sure": "yes", "reason": "  "})
    assert missing.status_code == 422 and "请填写原因" in text_of(missing)
    done = system.post(at, {**form, **SURE})
    assert done["Location"] == at and User.objects.get(pk=chief.pk).standing == "disabled"
    assert AuditEvent.objects.get(kind="account_disabled").after["reason"] == "已调离"
    page = system.get(at)
    assert "已停用账号：赵某（chief）" in text_of(page) and 'value="chief"' in page.content.decode()
    assert "已停用账号" not in text_of(system.get(at))


def test_refusing_tells_whoever_asked_why(administrators: Any, centres: Any) -> None:
    manager = seed.person("guan")
    Membership.objects.create(user=manager, organisation_id="org-1", administrator=True)
    signed_in(manager).post(
        "/people/organisations/org-1/", {"what": "invite", "username": "zhang", "name": "张某"}
    )
    zhang = User.objects.get(username="zhang")
    capacity = seed.capacity(zhang, "unit", "org-1", approved=None)
    Capacity.objects.filter(pk=capacity.pk).update(asked_by=manager)
    security, at = signed_in(administrators["security"]), "/people/approvals/"
    for form in (
        {"what": "end_capacity", "capacity": capacity.pk},
        {"what": "disable_account", "user": zhang.pk},
    ):
        assert "不批准" in text_of(security.post(at, form))
        assert security.post(at, {**form, **SURE}).status_code == 302
    told = Notice.objects.filter(to=manager).order_by("id")
    assert [n.subject_zh[:7] for n in told] == ["身份未获批准（", "账号未获批准："]
    assert {n.body_zh for n in told} == {"原因：已调离"}


def test_an_approved_capacity_ends_after_a_question(administrators: Any, centres: Any) -> None:
    capacity = seed.person("unit-1", ("unit", "org-1")).capacities.get()
    security, at = signed_in(administrators["security"]), "/people/approvals/"
    form = {"what": "end_capacity", "capacity": capacity.pk}
    assert "终止立即生效" in text_of(security.post(at, form))
    assert Capacity.objects.get(pk=capacity.pk).ended is None
    security.post(at, {**form, **SURE})
    assert Capacity.objects.get(pk=capacity.pk).ended is not None
    assert "已终止身份" in text_of(security.get(at))


def test_a_delegation_has_bounds_and_says_what_is_wrong_beside_it(centres: Any) -> None:
    chief, deputy = seed.person("chief", ("boss", "boss"), name="赵某"), seed.person("deputy")
    Membership.objects.create(user=deputy, organisation_id="boss")
    gone = seed.person("gone", standing="disabled")
    Membership.objects.create(user=gone, organisation_id="boss")
    desk, at = signed_in(chief), "/account/delegations/"
    page = desk.get(at).content.decode()
    assert '<option value="">请选择' in page and "selected" not in page and "（gone）" not in page
    good = {
        "capacity": str(chief.capacities.get().pk), "to": str(deputy.pk),
        "since": "2030-11-15", "until": "2031-11-15", "scope": "all",
    }  # fmt: skip
    for wrong, field, said in (
        ({"since": "2020-01-01"}, "since", "起日不得早于今日"),
        ({"until": "2099-12-31"}, "until", "委托至多一年"),
        ({"since": "2035-01-01", "until": "2035-02-01"}, "since", "一年之内"),
        ({"until": "2030-11-14"}, "until", "早于起日"),
        ({"until": "x"}, "until", "不是有效日期"),
        ({"to": ""}, "to", "请选择受托人"),
        ({"scope": ""}, "acts", "请选择全部事项"),
        ({"scope": "some"}, "acts", "至少选一项"),
        ({"scope": "some", "acts": ["nothing"]}, "acts", "至少选一项"),
    ):
        answer = desk.post(at, good | wrong)
        shown = answer.content.decode()
        assert answer.status_code == 422, wrong
        assert re.search(rf'id="{field}-wrong" role="alert"><p>[^<]*{said}', shown), wrong
        if "to" not in wrong:
            assert f'<option value="{deputy.pk}" selected>' in shown
    assert not Delegation.objects.exists()
    assert desk.post(at, good).status_code == 302
    assert "已委托" in text_of(desk.get(at)) and Delegation.objects.get().acts == []


# --- the log in words


def test_the_log_speaks_in_words_and_is_filtered_by_day(administrators: Any, centres: Any) -> None:
    system, auditor = (signed_in(administrators[r]) for r in ("system", "audit"))
    person = seed.person("zhang", ("unit", "org-1"), name="张某")
    system.post("/people/accounts/", {"what": "disable", "user": person.pk, **SURE})
    system.get("/people/audit/")
    page = auditor.get("/people/audit/")
    said = text_of(page)
    assert "状态：有效→已停用" in said and "原因：已调离" in said and "查看审计日志" in said
    assert '"standing"' not in page.content.decode() and f"账号{person.pk}zhang" in said
    today = clock.today().isoformat()
    for asked, count in (
        (f"since={today}&until={today}", 1), ("since=2031-01-01", 0), ("until=2030-01-01", 0),
        ("since=x&until=9999-12-31", 1),
    ):  # fmt: skip
        shown = text_of(auditor.get(f"/people/audit/?kind=account_disabled&{asked}"))
        assert shown.count("状态：有效") == count, asked
    denied = seed.person("unit-1", ("unit", "org-1"))
    signed_in(denied).get(f"/centres/{centres[0]}/acts/revoke/?party=boss")
    shown = text_of(signed_in(administrators["security"]).get("/people/audit/?kind=denied"))
    assert "act:revoke" not in shown and f"撤销{centres[0]}" in shown.replace("资格", "")


def test_what_is_wrong_with_a_new_account_is_said_beside_it(administrators: Any) -> None:
    system = signed_in(administrators["system"])
    page = system.post("/people/accounts/", {"what": "create", "username": "A B", "name": "张某"})
    shown = page.content.decode()
    assert page.status_code == 422 and 'id="create" open' in shown and 'value="张某"' in shown
    form = shown[shown.index('id="create"') : shown.index("</details>")]
    assert "账号须为" in form and shown.index('id="create"') < shown.index("<table")
    assert 'class="notice bad"' not in shown


def test_acts_of_one_name_are_told_apart(centres: Any) -> None:
    desk = signed_in(seed.person("chief", ("boss", "boss")))
    deputy = seed.person("deputy")
    Membership.objects.create(user=deputy, organisation_id="boss")
    for at in ("/acts/", "/account/delegations/"):
        said = text_of(desk.get(at))
        assert said.count("撤回误记的行为") == 2, at
        assert said.count("撤回误记的行为（办法层面）") == 1, at
