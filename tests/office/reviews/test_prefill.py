"""What a review fills into the forms of the programmes that come with Banfa."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from banfa.office.desk import review_prefill
from banfa.rules import library

PROGRAMMES = library.ids()


def acts(programme: str) -> list[tuple[Any, str]]:
    """The acts that belong to a centre that is there, each with its ruleset."""
    rs = library.find(programme).latest
    return [
        (rs, kind)
        for kind in rs.programme.acts
        if rs.models[kind].level == "centre" and not rs.models[kind].probe
    ]


def filled(monkeypatch: pytest.MonkeyPatch, rs: Any, kind: str, blind: bool) -> dict[str, str]:
    review = SimpleNamespace(
        pk=1, blind=blind, title="论证", digest="sha256:00", summary={"centres": {}, "judges": {}},
        subjects=SimpleNamespace(filter=lambda **_: SimpleNamespace(
            values_list=lambda *_a, **_k: SimpleNamespace(first=lambda: "")
        )),
    )  # fmt: skip
    monkeypatch.setattr(review_prefill, "names", lambda _review: ["钱某", "吴某"])
    monkeypatch.setattr(
        review_prefill.queries, "conclusion_for", lambda review, _c: f"结论 {review.digest}"
    )
    return review_prefill.answers(review, "x", rs, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_only_fields_that_the_form_has_are_filled(
    programme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rs, kind in acts(programme):
        model = rs.models[kind]
        for name in filled(monkeypatch, rs, kind, blind=False):
            part, _dot, rest = name.partition(".")
            if part == "with":
                assert model.with_[rest].type in ("people", "long_text"), (kind, name)
            else:
                document, _dot, section = rest.partition(".")
                sections = rs.programme.documents[document].sections
                assert document in model.documents
                assert section in sections or (section.startswith("__") and not sections)


@pytest.mark.parametrize(
    ("programme", "kind", "wanted"),
    [
        ("neiic", "record_plan_appraisal", {"with.conclusion",
                                            "documents.appraisal_report.__file.kept"}),
        ("neiic", "third_party_opinion", {"documents.evaluation_opinion.__file.kept"}),
        ("nitec", "record_plan_appraisal", {"documents.appraisal_report.opinion"}),
        ("nitec", "evaluate_plan", {"with.opinion"}),
        ("ncti", "give_consultation_opinion", {"documents.consultation_opinion.opinion"}),
        ("jliic", "record_feasibility_review", {"with.experts", "with.opinion",
                                                "documents.feasibility_opinion.__file.kept"}),
        ("nmic", "expert_review", {"documents.expert_review_opinion.foundation"}),
    ],
)  # fmt: skip
def test_the_appraisals_of_the_five_pin_the_digest(
    programme: str, kind: str, wanted: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rs = library.find(programme).latest
    found = filled(monkeypatch, rs, kind, blind=False)
    assert wanted <= set(found)
    assert any("sha256:00" in value for value in found.values())
    secret = filled(monkeypatch, rs, kind, blind=True)
    assert not any("钱某" in value for value in secret.values())
