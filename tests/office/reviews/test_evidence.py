"""The files beside the sheet: who may open what a dossier was submitted with, and until when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from banfa.office.dossiers import verbs as dossiers
from banfa.office.ledger.models import Centre, DocumentVersion
from banfa.office.people.models import Organisation, User
from banfa.office.reviews import recusal, verbs
from banfa.office.reviews.models import Answer, Review, Verdict
from tests.office.desk.conftest import signed_in
from tests.office.dossiers.seed import PDF
from tests.office.reviews import seed

pytestmark = pytest.mark.django_db
TYPED = {
    "with.field_zh": "量子测量",
    "with.team": ["孙某"],
    "documents.plan.goals": "建成测量平台。",
    "documents.plan.money.total": "9000",
}


@pytest.fixture
def unit(settings: Any, tmp_path: Path, centres: list[Centre]) -> User:
    """A clerk of the unit that submits; files go to a folder of the test."""
    settings.STORAGES = {
        **settings.STORAGES,
        "dossiers": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    return seed.person("clerk", ("unit", "org-3"), name="填报人")


def attached(user: User, dossier: int, name: str, path: str) -> str:
    """Attaches a file of its own content; gives its digest without its algorithm."""
    upload = SimpleUploadedFile(name, PDF + name.encode())
    return str(dossiers.attach(user, dossier, upload, path).blob_id).partition(":")[2]


@pytest.fixture
def submitted(unit: User) -> dict[str, str]:
    """An application with a proof of the sum, a file of its own, and one of the inputs."""
    dossier = dossiers.start(unit, "panel", "apply", "unit")
    dossiers.save(unit, dossier.pk, TYPED, dossier.version)
    found = {
        "proof": attached(unit, dossier.pk, "验资报告.pdf", "documents.plan.money.total"),
        "loose": attached(unit, dossier.pk, "其他说明.pdf", ""),
        "input": attached(unit, dossier.pk, "团队简历.pdf", "with.team"),
    }
    dossier.refresh_from_db()
    done = dossiers.submit(unit, dossier.pk, dossier.version)
    assert done.version is not None, done.check
    centre = str(done.dossier.centre_id)
    seed.do("unit", "seek", "2030-11-15", centre)
    return {**found, "centre": centre, "dossier": str(dossier.pk)}


def opened(boss: User, submitted: dict[str, str], **terms: Any) -> tuple[Review, list[User]]:
    """A review of the centre under way, its plan put to two experts who have signed."""
    centre = Centre.objects.get(pk=submitted["centre"])
    experts = [seed.expert("钱某"), seed.expert("吴某")]
    review = seed.called(boss, [centre], experts, **terms)
    plan = DocumentVersion.objects.get(centre=centre, type="plan")
    review = verbs.set_materials(review, review.version, [plan.pk])
    seed.accepted(review)
    return review, [e.user for e in experts if e.user is not None]


def at(review: Review, submitted: dict[str, str], name: str) -> str:
    return f"/reviews/{review.pk}/centres/{submitted['centre']}/files/{submitted[name]}/"


def test_the_expert_opens_the_evidence_beside_the_sheet(
    boss: User, submitted: dict[str, str]
) -> None:
    review, users = opened(boss, submitted)
    own = signed_in(users[0])
    sheet = own.get(f"/reviews/{review.pk}/centres/{submitted['centre']}/").content.decode()
    plan = DocumentVersion.objects.get(centre=submitted["centre"], type="plan")
    paper = f"/reviews/{review.pk}/centres/{submitted['centre']}/material/{plan.pk}/"
    assert paper in sheet and 'id="viewer"' in sheet
    page = own.get(paper).content.decode()
    beside = page.partition("总投资")[2].partition("</dd>")[0]
    assert "9,000" in beside and "验资报告.pdf" in beside
    assert at(review, submitted, "proof") in beside
    assert "其他说明.pdf" in page and "团队简历.pdf" not in page
    answer = own.get(at(review, submitted, "proof"))
    assert answer.status_code == 200 and answer["Content-Type"] == "application/pdf"
    assert b"".join(answer.streaming_content) == PDF + "验资报告.pdf".encode()
    assert answer["X-Frame-Options"] == "SAMEORIGIN" and "no-store" in answer["Cache-Control"]
    assert own.get(at(review, submitted, "loose")).status_code == 200
    assert own.get(at(review, submitted, "input")).status_code == 404, "no part of the plan"
    assert own.get(f"/dossiers/{submitted['dossier']}/").status_code == 404, "only in the review"
    for wrong in ("x", "0" * 64, "%00"):
        path = f"/reviews/{review.pk}/centres/{submitted['centre']}/files/{wrong}/"
        assert own.get(path).status_code == 404


def test_evidence_closes_with_recusal_with_the_review_and_to_everybody_else(
    boss: User, centres: list[Centre], submitted: dict[str, str]
) -> None:
    review, users = opened(boss, submitted)
    other = seed.expert("郑某")
    elsewhere = seed.called(boss, centres[:1], [other, seed.expert("冯某")])
    seed.accepted(elsewhere)
    assert other.user is not None
    doors = [at(review, submitted, "proof"), at(elsewhere, submitted, "proof")]
    for user in (other.user, seed.person("stranger")):
        assert [signed_in(user).get(door).status_code for door in doors] == [404, 404]
    first, second = (signed_in(user) for user in users)
    assert first.get(doors[0]).status_code == second.get(doors[0]).status_code == 200
    verbs.recuse(users[0], review.assignments.get(expert__user=users[0]), "师生")
    assert first.get(doors[0]).status_code == 404
    assert second.get(doors[0]).status_code == 200
    review.refresh_from_db()
    verbs.cancel(boss, review, review.version, "改期")
    assert second.get(doors[0]).status_code == 404


def test_the_third_party_reads_while_the_review_is_under_way(
    boss: User, submitted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from banfa.office.people import accounts

    monkeypatch.setattr(accounts, "must_have_second_factor", lambda reach: False)
    agency = Organisation.objects.get(id="agency")
    review, _users = opened(boss, submitted, agency=agency, agency_party="third_party")
    reader = signed_in(seed.person("agency-1", ("third_party", "agency")))
    page = reader.get(f"/reviews/{review.pk}/").content.decode()
    plan = DocumentVersion.objects.get(centre=submitted["centre"], type="plan")
    paper = f"/reviews/{review.pk}/centres/{submitted['centre']}/material/{plan.pk}/"
    assert paper in page and "验资报告.pdf" in reader.get(paper).content.decode()
    assert reader.get(at(review, submitted, "proof")).status_code == 200
    review.refresh_from_db()
    verbs.cancel(boss, review, review.version, "改期")
    assert reader.get(paper).status_code == reader.get(at(review, submitted, "proof")).status_code
    assert reader.get(paper).status_code == 404


def test_what_was_withdrawn_or_is_only_half_shown_stays_closed(
    boss: User, unit: User, submitted: dict[str, str]
) -> None:
    from banfa.office.dossiers import queries
    from banfa.office.dossiers.models import Version

    plan = DocumentVersion.objects.get(centre=submitted["centre"], type="plan")
    found = queries.evidence([plan])
    assert [f["name"] for f in found.of[plan.pk]] == ["验资报告.pdf"]
    assert [f["name"] for f in found.loose] == ["其他说明.pdf"]
    payload = Version.objects.get().act.payload
    assert set(payload.documents) == {"plan"}
    Version.objects.update(withdrawn=plan.stored)
    found = queries.evidence([plan])
    assert found.of == {plan.pk: []} and found.loose == []
    assert queries.evidence([]).of == {}


def test_who_wrote_in_the_dossier_is_recused(
    boss: User, unit: User, submitted: dict[str, str]
) -> None:
    """Also the one of several editors who was not the last."""
    colleague = seed.person("colleague", ("unit", "org-3"), name="原同事")
    draft = dossiers.start(unit, "panel", "apply", "unit")
    dossiers.save(colleague, draft.pk, TYPED, draft.version)
    draft.refresh_from_db()
    attached(unit, draft.pk, "证明.pdf", "")
    draft.refresh_from_db()
    done = dossiers.submit(unit, draft.pk, draft.version).dossier
    assert set(done.editors.all()) == {unit, colleague}
    entry = seed.expert("原同事", account=False)
    entry.user = colleague
    entry.save()
    own, other = Centre.objects.get(pk=done.centre_id), Centre.objects.get(pk=submitted["centre"])
    found = recusal.of_experts([entry], [own, other])[entry.pk]
    wrote = [(g.centre, g.verdict) for g in found if g.rule == "draft"]
    assert wrote == [(own, Verdict.STANDS)]
    review = seed.begun(boss, [own])
    verbs.choose(boss, review, review.version, [entry, seed.expert("钱某")], "相符")
    assert review.assignments.get(expert=entry).answer == Answer.RECUSED
    assert review.assignments.get(expert__name="钱某").takes_part
