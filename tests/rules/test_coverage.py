"""Coverage: what becomes of every article; and no condition can go without a case noticing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from banfa.rules.cases import read_file, run_file
from banfa.rules.coverage import (
    EVERYTHING,
    ArticleCoverage,
    asked_about,
    coverage,
    mutants,
    survivors,
)
from banfa.rules.library import SHIPPED, edition_folders, ids, ruleset
from banfa.rules.ruleset import Ruleset

GOOD = Path(__file__).parent.parent / "programmes" / "good" / "centre"
CASES = sorted((GOOD / "cases").glob("*.yaml"))


@pytest.fixture(scope="module")
def centre() -> Ruleset:
    return ruleset(GOOD / "2026")


@pytest.fixture(scope="module")
def articles(centre: Ruleset) -> dict[str, ArticleCoverage]:
    found = coverage(centre, [r for file in CASES for r in run_file(file)])
    asked_about(found, [read_file(file) for file in CASES])
    return {a.key: a for a in found}


def test_articles_come_in_the_order_of_the_instrument(
    articles: dict[str, ArticleCoverage],
) -> None:
    assert list(articles) == ["1", "2", "3", "4", "4.2", "5", "6", "7", "8", "9"]


def test_an_executable_article_names_its_conditions_and_the_cases_that_show_it(
    articles: dict[str, ArticleCoverage],
) -> None:
    article = articles["4.2"]
    assert {str(c) for c in article.carriers} == {
        "act apply_extension",
        "condition apply_extension.in_time",
        "condition apply_extension.once",
        "act grant_extension",
        "procedure extension",
    }
    assert {"extension_in_time", "granted"} <= set(article.accepted)
    assert set(article.refused) == {"extension_late", "extension_open_ended", "granted_unasked"}
    assert article.gaps == []


def test_a_sub_key_does_not_lend_its_carriers_to_its_neighbours(
    articles: dict[str, ArticleCoverage],
) -> None:
    assert "act start" in {str(c) for c in articles["4"].carriers}
    assert "act start" not in {str(c) for c in articles["4.2"].carriers}


def test_a_ground_of_a_choice_is_a_condition_of_its_own(
    articles: dict[str, ArticleCoverage],
) -> None:
    assert "ground revoke.ground.idle" in {str(c) for c in articles["7"].carriers}
    assert "revoked_when_not_idle" in articles["7"].refused


def test_questions_about_a_duty_count_as_asked(articles: dict[str, ArticleCoverage]) -> None:
    assert {"report_owed", "reported"} <= set(articles["6"].asked)


def test_recorded_and_declaratory_articles_say_by_what_and_why(
    articles: dict[str, ArticleCoverage],
) -> None:
    assert articles["6"].by == ["record_visit"]
    assert articles["1"].because is not None
    assert articles["1"].carriers == []


def test_what_no_case_shows_is_a_gap(centre: Ruleset) -> None:
    gaps = {a.key: a.gaps for a in coverage(centre) if a.gaps}
    assert gaps["8"] == ["accepting case", "refusing case"]
    assert "1" not in gaps


def test_plain_data_has_one_shape(articles: dict[str, ArticleCoverage]) -> None:
    keys = {
        *("article", "zh", "en", "kind", "gist", "because", "by"),
        *("carriers", "accepted", "refused", "asked", "gaps"),
    }
    assert {frozenset(a.plain()) for a in articles.values()} == {frozenset(keys)}


# --- mutants ------------------------------------------------------------------------------------


def test_a_mutant_lacks_exactly_one_condition(centre: Ruleset) -> None:
    made = {m.name: m.ruleset for m in mutants(centre)}
    changed = made["apply_extension.when.in_time"]
    own = {r.id for r in centre.acts["apply_extension"].rules}
    assert own - {r.id for r in changed.acts["apply_extension"].rules} == {"in_time"}
    others = set(centre.acts) - {"apply_extension"}
    assert all(changed.acts[name] is centre.acts[name] for name in others)


def test_every_kind_of_condition_is_taken_out(centre: Ruleset) -> None:
    names = [m.name for m in mutants(centre)]
    assert len(names) == len(set(names))
    assert {
        "apply.when.field_published",
        "apply.document.plan",
        "apply.input.field",
        "apply.kind.supervisor.kind",
        "start.jointly.treasury",
        "grant_extension.about.case",
        "revoke.when.ground",
        "revoke.when.ground.idle",
        "record_visit.input.date",
        "party.unit.kinds",
        "duty.annual_report",
        "consequence.failed",
    } <= set(names)


def test_content_and_actors_can_be_taken_out_too(centre: Ruleset) -> None:
    names = {m.name for m in mutants(centre, EVERYTHING)}
    assert {"apply.content.plan.goals", "apply.by.actor", "apply.from.stage"} <= names


def test_the_ruleset_itself_is_not_changed(centre: Ruleset) -> None:
    before = {n: len(a.rules) for n, a in centre.acts.items()}
    list(mutants(centre))
    assert {n: len(a.rules) for n, a in centre.acts.items()} == before
    assert len(centre.duties) == 2


def test_the_cases_notice_every_condition(centre: Ruleset) -> None:
    found = survivors(centre, CASES)
    assert found.failing == []
    assert found.unnoticed == []
    assert len(found.tried) == 27


def test_without_the_case_that_tests_it_a_condition_goes_unnoticed(
    centre: Ruleset, tmp_path: Path
) -> None:
    (tmp_path / "2026").symlink_to(GOOD / "2026")
    (tmp_path / "cases").mkdir()
    for file in CASES:
        text = file.read_text()
        start, end = (
            text.find("  - id: extension_late\n"),
            text.find("  - id: extension_open_ended"),
        )
        text = text if start < 0 else text[:start] + text[end:]
        (tmp_path / "cases" / file.name).write_text(text)
    found = survivors(centre, sorted((tmp_path / "cases").glob("*.yaml")))
    assert found.unnoticed == ["apply_extension.when.in_time"]


def test_two_processes_find_the_same(centre: Ruleset) -> None:
    files = [f for f in CASES if f.name == "life.yaml"]
    one = survivors(centre, files, rules=EVERYTHING, processes=1)
    two = survivors(centre, files, rules=EVERYTHING, processes=2)
    assert one.unnoticed == two.unnoticed != []


def test_a_failing_case_is_named_and_notices_nothing(centre: Ruleset, tmp_path: Path) -> None:
    (tmp_path / "2026").symlink_to(GOOD / "2026")
    (tmp_path / "cases").mkdir()
    text = (
        (GOOD / "cases" / "life.yaml").read_text().replace("stage: turned_down", "stage: planned")
    )
    (tmp_path / "cases" / "life.yaml").write_text(text)
    found = survivors(centre, [tmp_path / "cases" / "life.yaml"])
    assert found.failing == ["life.yaml: declined"]


# --- the programmes that come with Banfa --------------------------------------------------------

SHIPPED_IDS = [p for p in ids() if any((SHIPPED / p / "cases").glob("*.yaml"))]


@pytest.mark.parametrize("programme", SHIPPED_IDS)
def test_no_condition_of_a_programme_can_go_unnoticed(programme: str) -> None:
    rs = ruleset(edition_folders(programme)[-1])
    files = sorted((SHIPPED / programme / "cases").glob("*.yaml"))
    begun = time.monotonic()
    found = survivors(rs, files, processes=1)
    assert found.failing == []
    assert found.unnoticed == []
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize("programme", SHIPPED_IDS)
def test_what_is_called_executable_is_executable_here(programme: str) -> None:
    rs = ruleset(edition_folders(programme)[-1])
    for article in coverage(rs):
        assert "carrier" not in article.gaps, article.key
        assert "record" not in article.gaps, article.key


@pytest.mark.parametrize("name", ["ncti", "nitec"])
def test_nor_any_content_actor_or_stage_of_the_first_two(name: str) -> None:
    """The two programmes whose cases go furthest: every single rule of every act is noticed."""
    folder = edition_folders(name)[-1]
    files = sorted((SHIPPED / name / "cases").glob("*.yaml"))
    found = survivors(ruleset(folder), files, rules=EVERYTHING, processes=1)
    assert len(found.tried) > 400
    assert found.unnoticed == []
