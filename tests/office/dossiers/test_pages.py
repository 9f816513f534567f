"""The pages of dossiers: nothing typed is lost, everybody sees what they may."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from docx import Document

from banfa.office.dossiers import content, verbs
from banfa.office.dossiers.models import Dossier, State, Version
from banfa.office.ledger import library
from banfa.office.ledger.models import ActRecord, Matter
from banfa.office.people.models import User
from tests.office.desk.conftest import signed_in
from tests.office.dossiers import seed

People = dict[str, User]


def form_of(dossier: Dossier, **changes: Any) -> dict[str, Any]:
    """What a browser would post for the dossier as it is on file."""
    rs = library.editions("mini").latest
    posted: dict[str, Any] = {"version": dossier.version, "complete": "1", "on": ""}
    for path, given in content.fields(rs, dossier.act).items():
        raw = changes.get(path, dossier.content.get(path))
        if raw in (None, "") or given.type == "file":
            continue
        if given.type == "rows":
            for number, row in enumerate(raw):
                posted |= {f"{path}.{number}.{c}": v for c, v in row.items()}
        elif given.type in ("texts", "people"):
            posted[path] = "\n".join(raw)
        else:
            posted[path] = raw
    return posted | {k: v for k, v in changes.items() if "." not in k}


def at(dossier: Dossier, rest: str = "") -> str:
    return f"/dossiers/{dossier.pk}/{rest}"


def again(dossier: Dossier) -> Dossier:
    return Dossier.objects.get(pk=dossier.pk)


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def writer(people: People) -> Client:
    return signed_in(people["writer"])


def test_from_the_programme_to_a_dossier(people: People, writer: Client) -> None:
    at_ = "/programmes/mini/acts/apply/dossier/?party=unit"
    page = writer.get(at_)
    assert page.status_code == 200 and "建设方案" in text(page) and "开始编写" in text(page)
    begun = writer.post(at_, {"party": "unit", "org": "org-1"}, follow=True)
    assert begun.status_code == 200
    shown = text(begun)
    assert "建议不超过 50 字" in shown and "万元" in shown and "写明三年内" in shown
    dossier = Dossier.objects.get()
    assert dossier.organisation_id == "org-1"
    assert "正在编写" in text(writer.get(at_))
    for name in ("guide", "manager"):
        assert signed_in(people[name]).get(at_).status_code in (403, 404)


def test_the_form_saves_what_was_typed(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    posted = form_of(dossier, **{"documents.plan.goals": "改后的目标"})
    saved = writer.post(at(dossier), {**posted, "do": "save"}, follow=True)
    assert "已暂存" in text(saved)
    kept = again(dossier).content
    assert kept == {**dossier.content, "documents.plan.goals": "改后的目标"}


def test_saving_while_typing_answers_with_the_time(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    posted = form_of(dossier, **{"documents.plan.goals": "改一"})
    answer = writer.post(at(dossier, "save/"), posted)
    assert answer.status_code == 200 and answer.json()["said"].startswith("已保存 ")
    assert answer.json()["version"] == dossier.version + 1
    stale = writer.post(at(dossier, "save/"), posted | {"documents.plan.goals": "改二"})
    assert stale.status_code == 409 and stale.json()["conflict"]
    assert "甲填写人" in stale.json()["said"]
    whole = writer.post(at(dossier, "save/"), {"version": dossier.version})
    assert whole.status_code == 400 and "未完整送达" in whole.json()["said"]
    assert again(dossier).content["documents.plan.goals"] == "改一"


def test_a_conflict_in_the_form_keeps_what_was_typed(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    verbs.save(people["colleague"], dossier.pk, {"documents.plan.goals": "对方的"}, dossier.version)
    posted = form_of(dossier, do="save", **{"documents.plan.goals": "我的目标"})
    answer = writer.post(at(dossier), posted)
    assert answer.status_code == 409
    shown = text(answer)
    assert "我的目标" in shown and "甲同事" in shown and "尚未保存" in shown
    assert again(dossier).content["documents.plan.goals"] == "对方的"
    second = form_of(again(dossier), do="save", **{"documents.plan.goals": "我的目标"})
    assert writer.post(at(dossier), second).status_code == 302
    assert again(dossier).content["documents.plan.goals"] == "我的目标"


def test_an_expired_session_loses_nothing(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    posted = form_of(dossier, do="save", **{"documents.plan.goals": "写了很久\n的目标"})
    writer.logout()
    answer = writer.post(at(dossier), posted)
    assert answer.status_code == 403
    shown = text(answer)
    assert "所填内容未丢失" in shown and "写了很久" in shown and "另开一页登录" in shown
    scripted = writer.post(at(dossier, "save/"), posted, headers={"accept": "application/json"})
    assert scripted.status_code == 401
    writer.force_login(people["writer"], "banfa.office.people.accounts.Backend")
    assert writer.post(at(dossier), posted).status_code == 302
    assert again(dossier).content["documents.plan.goals"].startswith("写了很久")


def test_a_stale_token_offers_to_send_again(people: People) -> None:
    dossier = seed.written(people["writer"])
    own = {"host": "localhost", "origin": "http://localhost"}
    strict = Client(enforce_csrf_checks=True, headers=own)
    strict.force_login(people["writer"], "banfa.office.people.accounts.Backend")
    posted = form_of(dossier, do="save", **{"documents.plan.goals": "<b>目标</b>"})
    answer = strict.post(at(dossier), posted)
    assert answer.status_code == 403 and "再次发送" in text(answer)
    assert "&lt;b&gt;目标" in text(answer) and "<b>目标" not in text(answer)
    assert again(dossier).content == dossier.content
    # another site's form is not offered: a click would do what that site wants
    other = strict.post(at(dossier), posted, headers={"origin": "http://example.org"})
    assert other.status_code == 403 and "再次发送" not in text(other)


def test_a_check_links_each_fault_to_its_place(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    wrong = {"documents.plan.goals": "", "documents.plan.basics.staff": "许多", "with.team": ["张"]}
    answer = writer.post(at(dossier), form_of(dossier, do="check", **wrong))
    shown = text(answer)
    assert answer.status_code == 200
    for place in ("#f-documents-plan-goals", "#f-documents-plan-basics-staff", "#f-with-team"):
        assert f'href="{place}"' in shown, place
        assert f'id="{place[1:]}"' in shown, place
    assert "团队不少于2人" in shown and ActRecord.objects.count() == 0


def test_a_refused_submission_keeps_all_and_an_accepted_one_shows_its_version(
    people: People, writer: Client
) -> None:
    dossier = seed.written(people["writer"])
    refused = writer.post(at(dossier), form_of(dossier, do="submit", **{"with.team": ["张某"]}))
    assert refused.status_code == 422 and "未予提交" in text(refused)
    kept = again(dossier)
    assert kept.content["with.team"] == ["张某"] and kept.state == State.DRAFT
    posted = form_of(kept, do="submit", **{"with.team": ["张某", "李某"]})
    done = writer.post(at(dossier), posted, follow=True)
    assert "已提交登记" in text(done) and "第 1 版已固定" in text(done)
    twice = writer.post(at(dossier), posted, follow=True)
    assert twice.status_code == 200 and Version.objects.count() == 1


def test_others_get_404_everywhere(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    upload = SimpleUploadedFile("证明.pdf", seed.PDF)
    kept = verbs.attach(people["writer"], dossier.pk, upload)
    number = kept.blob_id.partition(":")[2]
    places = ["", "compare/", "return/", f"files/{number}/", "versions/0/", "versions/0/print/",
              "versions/0/file.docx", "versions/0/files.zip", "versions/1/"]  # fmt: skip
    for name in ("stranger", "guide", "boss"):
        other = signed_in(people[name])
        for rest in places:
            assert other.get(at(dossier, rest)).status_code == 404, (name, rest)
        for rest in ("", "save/", "files/", "return/"):
            assert other.post(at(dossier, rest), {"do": "save"}).status_code == 404, (name, rest)
    assert writer.get(at(dossier, f"files/{number}/")).status_code == 200


def test_files_are_served_safely_and_only_with_their_dossier(
    people: People, writer: Client
) -> None:
    dossier = seed.written(people["writer"])
    answer = writer.post(
        at(dossier, "files/"),
        {
            "file": SimpleUploadedFile("审计 报告.pdf", seed.PDF),
            "path": "documents.plan.money.audit",
        },
        headers={"accept": "application/json"},
    )
    made = answer.json()["files"][0]
    assert made["shown"] and again(dossier).content["documents.plan.money.audit"] == made["kept"]
    served = writer.get(made["url"])
    assert b"".join(served.streaming_content) == seed.PDF
    assert served["Content-Type"] == "application/pdf"
    assert served["X-Content-Type-Options"] == "nosniff" and "no-store" in served["Cache-Control"]
    assert served["Content-Disposition"].startswith("inline; filename*=UTF-8''")
    assert served["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in served["Content-Security-Policy"]
    assert writer.get(f"{made['url']}?save=1")["Content-Disposition"].startswith("attachment")
    other = seed.written(people["writer"])
    number = made["url"].rstrip("/").rpartition("/")[2]
    assert writer.get(at(other, f"files/{number}/")).status_code == 404
    dossier = again(dossier)
    writer.post(at(dossier), {"do": "detach", "attachment": made["id"]})
    assert "documents.plan.money.audit" not in again(dossier).content
    bad = writer.post(
        at(dossier, "files/"),
        {"file": SimpleUploadedFile("报告.pdf", b"MZ\x90\0" + b"\0" * 60)},
        headers={"accept": "application/json"},
    )
    assert bad.status_code == 422 and "可执行程序" in bad.json()["faults"][0]


def test_without_a_script_files_come_with_the_form(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    posted = form_of(dossier, do="save")
    posted["documents.plan.money.audit"] = SimpleUploadedFile("审计.pdf", seed.PDF)
    posted["file"] = SimpleUploadedFile("其他.pdf", seed.PDF + b"\n")
    assert writer.post(at(dossier), posted).status_code == 302
    kept = again(dossier)
    assert kept.content["documents.plan.money.audit"]["name"] == "审计.pdf"
    assert sorted(kept.attachments.values_list("name", "path")) == [
        ("其他.pdf", ""),
        ("审计.pdf", "documents.plan.money.audit"),
    ]


def test_returned_and_corrected_on_the_pages(people: People, writer: Client) -> None:
    dossier = seed.submitted(people["writer"])
    guide = signed_in(people["guide"])
    assert "退回修改" in text(guide.get(at(dossier)))
    page = guide.get(at(dossier, "return/"))
    assert 'value="documents.plan.money"' in text(page)
    bad = guide.post(at(dossier, "return/"), {"reason": "总投资不符", "due": "2030-11-30"})
    assert bad.status_code == 422 and "总投资不符" in text(bad)
    sent = {"reason": "总投资不符", "due": "2030-11-30", "parts": ["documents.plan.money"]}
    assert guide.post(at(dossier, "return/"), sent).status_code == 302
    shown = text(writer.get(at(dossier)))
    assert "总投资不符" in shown and 'name="documents.plan.money.total"' in shown
    case = Matter.objects.get(centre=again(dossier).centre_id, sort="case")
    procedure = f"/centres/{case.centre_id}/cases/{case.key.replace('#', '-')}/"
    going_on = text(guide.get(procedure))
    assert "尚未补正" in going_on and "总投资不符" in going_on
    assert re.search(r'href="/centres/[^"]+/documents/[0-9a-f]{64}/"', going_on)
    assert f'href="/dossiers/{dossier.pk}/"' in going_on
    act = f"/centres/{case.centre_id}/acts/{case.acts[0]}/?party=guide"
    assert "尚未补正" in text(guide.get(act))
    assert 'name="documents.plan.goals"' not in shown and "三年内建成中试平台" in shown
    kept = again(dossier)
    items = [
        {"name": "设备", "price": "8500"},
        {"name": "厂房", "price": "4000"},
        {"name": "软件", "price": "500"},
    ]
    changes = {"documents.plan.money.total": "13000", "documents.plan.money.items": items}
    posted = form_of(kept, do="submit", **changes)
    done = writer.post(at(dossier), posted, follow=True)
    assert "第 2 版已固定" in text(done)
    corrected = text(guide.get(procedure))
    assert "尚未补正" not in corrected and "补正" in corrected
    compared = text(writer.get(at(dossier, "compare/?a=1&b=2")))
    assert "<del>8,000</del> <ins>8,500</ins>" in compared and "<ins>软件</ins>" in compared
    assert "13,000 万元" in compared and "建设目标" not in compared


def test_withdrawing_on_the_page(people: People, writer: Client) -> None:
    dossier = seed.submitted(people["writer"])
    assert "下一环节打开之前可以撤回" in text(writer.get(at(dossier)))
    writer.post(at(dossier), {"do": "withdraw", "reason": "数字有误"})
    assert again(dossier).state == State.WITHDRAWN
    resubmitted = form_of(again(dossier), do="submit")
    writer.post(at(dossier), resubmitted)
    signed_in(people["guide"]).get(at(dossier))
    assert "不能再撤回" in text(writer.get(at(dossier)))
    late = writer.post(at(dossier), {"do": "withdraw", "reason": "晚了"})
    assert late.status_code == 409 and "省委经办人" in text(late)


def test_the_chain_inside_on_the_pages(people: People, writer: Client) -> None:
    manager = signed_in(people["manager"])
    setting = "/people/organisations/org-1/review/"
    assert writer.get(setting).status_code == 404
    assert manager.get(setting).status_code == 200
    assert manager.post(setting, {"asked": "1"}).status_code == 302
    dossier = seed.written(people["writer"])
    assert "送内部审核" in text(writer.get(at(dossier)))
    writer.post(at(dossier), form_of(dossier, do="send"))
    assert "审核通过" in text(manager.get(at(dossier)))
    version = again(dossier).version
    manager.post(at(dossier), {"do": "review", "version": version, "verdict": "approve"})
    assert again(dossier).state == State.APPROVED
    writer.post(at(dossier), {"do": "submit", "version": again(dossier).version})
    assert again(dossier).state == State.SUBMITTED


def test_prints_carry_a_watermark_until_valid_and_then_digest_and_code(
    people: People, writer: Client
) -> None:
    dossier = seed.written(people["writer"])
    draft = writer.get(at(dossier, "versions/0/file.docx"))
    assert "%E8%8D%89%E7%A8%BF.docx" in draft["Content-Disposition"]
    kept = zipfile.ZipFile(io.BytesIO(draft.content))
    headers = [kept.read(n).decode() for n in kept.namelist() if "word/header" in n]
    assert any('string="草稿"' in h for h in headers)
    assert 'class="watermark"' in text(writer.get(at(dossier, "versions/0/print/")))
    writer.post(at(dossier), form_of(dossier, do="submit"))
    version = Version.objects.get()
    valid = Document(io.BytesIO(writer.get(at(dossier, "versions/1/file.docx")).content))
    words = [p.text for p in valid.paragraphs]
    assert "一、办理事项" in words and "二、建设方案" in words and "（一）建设目标" in words
    assert any(version.digest in w for w in words)
    assert [c.text for c in valid.tables[0].rows[0].cells] == ["名称", "金额（万元）"]
    assert [c.text for c in valid.tables[0].rows[1].cells] == ["设备", "8,000"]
    assert len(valid.inline_shapes) == 1
    shown = text(writer.get(at(dossier, "versions/1/print/")))
    assert 'class="watermark"' not in shown and "<svg" in shown and version.digest in shown
    verbs.withdraw(people["writer"], dossier.pk, "重写")
    gone = text(writer.get(at(dossier, "versions/1/print/")))
    assert 'class="watermark"' in gone and "已失效" in gone


def test_all_attachments_as_one_archive_named_by_rule(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    for name, where in (("审计.pdf", "documents.plan.money.audit"), ("=甲.pdf", "")):
        upload = SimpleUploadedFile(name, seed.PDF)
        writer.post(at(dossier, "files/"), {"file": upload, "path": where})
    answer = writer.get(at(dossier, "versions/0/files.zip"))
    packed = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert sorted(packed.namelist()) == [
        "00_清单.csv",
        "01_建设方案_审计.pdf",
        "02_其他附件_=甲.pdf",
    ]
    assert packed.read("01_建设方案_审计.pdf") == seed.PDF
    listed = packed.read("00_清单.csv").decode("utf-8-sig")
    assert "sha256:" in listed and ",'=甲.pdf," in listed


def test_the_material_of_a_centre_and_what_acts_rest_on(people: People, writer: Client) -> None:
    dossier = seed.submitted(people["writer"])
    seed.recommend("mini-0001")
    shown = text(writer.get("/centres/mini-0001/materials/"))
    assert "申请设立" in shown and "建设方案" in shown and "推荐函" in shown and "已提交" in shown
    basis = text(writer.get("/centres/mini-0001/record/2/basis/"))
    assert "建设方案" in basis and "推荐函" in basis
    row = Version.objects.get(dossier=dossier).act.payload.documents["plan"]["digest"]
    number = row.partition(":")[2]
    page = writer.get(f"/centres/mini-0001/record/1/documents/{number}/")
    assert "三年内建成中试平台" in text(page)
    assert writer.get(f"/centres/mini-0001/record/2/documents/{number}/").status_code == 404
    stranger = signed_in(people["stranger"])
    for at_ in ("materials/", "record/2/basis/", f"record/1/documents/{number}/"):
        assert stranger.get(f"/centres/mini-0001/{at_}").status_code == 404
    assert stranger.post("/centres/mini-0001/record/2/dossier/").status_code == 404
    adopted = signed_in(people["boss"]).post("/centres/mini-0001/record/2/dossier/")
    assert adopted.status_code == 302


def test_lists_ask_the_database_few_times(people: People, writer: Client) -> None:
    def queries(where: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert writer.get(where).status_code == 200
        return len(caught)

    seed.submitted(people["writer"])
    few = queries("/dossiers/"), queries("/centres/mini-0001/materials/")
    for _n in range(48):
        verbs.start(people["writer"], "mini", "apply", "unit")
    many = queries("/dossiers/"), queries("/centres/mini-0001/materials/")
    assert many == few and many[0] <= 12 and many[1] <= 20, many
    open_ = Dossier.objects.filter(state=State.DRAFT).first()
    assert open_ is not None
    assert queries(at(open_)) <= 20
    assert queries(at(Dossier.objects.get(state=State.SUBMITTED))) <= 30


def test_odd_input_gets_an_answer(people: People, writer: Client) -> None:
    dossier = seed.written(people["writer"])
    for odd in ("\0空", "😀" * 300, "=1+1", "<script>alert(1)</script>", "甲" * 2500):
        posted = form_of(again(dossier), do="save", **{"documents.plan.goals": odd})
        assert writer.post(at(dossier), posted).status_code == 302
        assert writer.get(at(dossier)).status_code == 200
        assert "<script>alert" not in text(writer.get(at(dossier)))
    for posted in ({"do": "nonsense"}, {"do": "detach", "attachment": "x"}):
        assert writer.post(at(dossier), posted).status_code in (404, 409)
    assert writer.post(at(dossier), {"do": "review", "version": "²"}).status_code == 409
    assert writer.get(at(dossier, "files/..%2f..%2fetc/")).status_code == 404
    assert writer.get(at(dossier, "compare/?a=x&b=99999999999")).status_code == 200
    assert json.loads(json.dumps(again(dossier).content))


ODD = ["", "a\0b", "\x01\x1b[2J\u202e", "👩‍🔬" * 50, "长" * 3000, "²", "９", "-1", "9" * 26,
       "0000-00-00", "2030-02-30", "[1, {}]", "'\"><script>alert(1)</script>{{ 7*7 }}"]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_values_everywhere_are_answered(people: People, writer: Client, odd: str) -> None:
    dossier = seed.written(people["writer"])
    names = ["on", "about", "with.guide", "documents.plan.money.items.0.price",
             "documents.plan.money.items.99999999999.price", "documents.plan.basics.tasks",
             "documents.plan.basics.since", "documents.plan.basics.members"]  # fmt: skip
    for do in ("save", "check"):
        posted = form_of(again(dossier), do=do) | dict.fromkeys(names, odd)
        posted["version"] = again(dossier).version
        answer = writer.post(at(dossier), posted)
        assert answer.status_code in (200, 302), (do, answer.status_code)
        assert "<script>alert(1)" not in text(answer)
    assert writer.post(at(dossier), {"do": "save", "version": odd}).status_code == 409
    for do, name in (("review", "note"), ("withdraw", "reason"), ("detach", "attachment")):
        assert writer.post(at(dossier), {"do": do, name: odd}).status_code in (404, 409)
    writer.post(at(dossier), form_of(dossier, do="save", version=again(dossier).version))
    kept = again(dossier)
    assert verbs.submit(people["writer"], kept.pk, kept.version).version is not None
    guide = signed_in(people["guide"])
    sent = {"reason": odd or "理由", "due": odd, "parts": [odd]}
    assert guide.post(at(dossier, "return/"), sent).status_code == 422
    sent |= {"due": "2030-11-30", "parts": ["documents.plan.money"]}
    assert guide.post(at(dossier, "return/"), sent).status_code == 302
    assert writer.get(at(dossier)).status_code == 200
    for rest in (f"compare/?a={odd}&b={odd}", f"versions/{'9' * 26}/"):
        assert writer.get(at(dossier, rest)).status_code in (200, 404)
