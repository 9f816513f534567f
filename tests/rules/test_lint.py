"""Lints: good programmes pass in silence; each bad one is told what is wrong and how to mend it.

Files in tests/programmes/bad are added to the good programme `centre`, which they spoil in one way;
the comment they begin with says what must be found: the code, and how the message begins.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from banfa.rules.library import SHIPPED
from banfa.rules.lint import LINTS, check_folder, severity
from banfa.rules.loading import Problem

PROGRAMMES = Path(__file__).parent.parent / "programmes"
CENTRE = PROGRAMMES / "good" / "centre" / "2026"
BAD = sorted((PROGRAMMES / "bad").glob("*.yaml"))
EXPECTED = re.compile(r"# (\w+)\n#   zh: (.+)\n#   en: (.+)\n")
WARNINGS = {
    "flag_never_raised",
    "flag_never_read",
    "never_discharged",
    "notice_never_owed",
    "notice_never_served",
    "optional_input",
    "trapped_step",
    "unused_default",
}


def problems_with(tmp_path: Path, changes: dict[str, str]) -> list[Problem]:
    """What is found in `centre` after replacing text in it."""
    text = (CENTRE / "programme.yaml").read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (tmp_path / "programme.yaml").write_text(text)
    return check_folder(tmp_path)[1]


@pytest.mark.parametrize(
    "folder",
    sorted(f.parent for f in (PROGRAMMES / "good").glob("*/*/programme.yaml")),
    ids=lambda folder: folder.parent.name,
)
def test_a_good_programme_has_no_problem(folder: Path) -> None:
    assert [str(p) for p in check_folder(folder)[1]] == []


@pytest.mark.parametrize(
    "folder", sorted(f.parent for f in SHIPPED.glob("*/*/programme.yaml")), ids=str
)
def test_the_programmes_that_come_with_banfa_have_no_error(folder: Path) -> None:
    assert [str(p) for p in check_folder(folder)[1] if severity(p) == "error"] == []


@pytest.mark.parametrize("bad", BAD, ids=lambda path: path.stem)
def test_a_bad_programme_is_told_what_is_wrong(bad: Path, tmp_path: Path) -> None:
    shutil.copy(CENTRE / "programme.yaml", tmp_path)
    shutil.copy(bad, tmp_path)
    expected = EXPECTED.findall(bad.read_text())
    assert expected, "the file says what is expected"
    found = check_folder(tmp_path)[1]
    assert [p.code for p in found] == [code for code, _, _ in expected], found
    for problem, (code, zh, en) in zip(found, expected, strict=True):
        assert zh in problem.zh
        assert en in problem.en
        assert problem.path == tmp_path / bad.name
        assert severity(problem) == ("warning" if code in WARNINGS else "error")


def test_a_problem_is_placed_where_the_word_is_written(tmp_path: Path) -> None:
    change = {"from: planned\n    with: {end": "from: pland\n    with: {end"}
    problem = problems_with(tmp_path, change)[-1]
    line = (tmp_path / "programme.yaml").read_text().splitlines()[problem.line - 1]
    assert line[problem.column - 1 :] == "pland"
    assert str(problem).startswith(f"{tmp_path / 'programme.yaml'}:{problem.line}:")


def test_a_warning_says_that_it_is_one(tmp_path: Path) -> None:
    old = "defaults:\n"
    new = "defaults:\n  M-9: {gap: {zh: 无, en: none}, says: {zh: 无, en: none}}\n"
    [problem] = problems_with(tmp_path, {old: new})
    assert "warning: nothing rests on default 'M-9'" in problem.text("en")
    assert "提醒：缺省项“M-9”" in problem.text("zh")


SPOILT = [
    ({"bad: {name: {zh: 不合格, en: failed}}\nnames": "bad: {name: {zh: 不合格, en: failed}}\n    "
      "odd: {name: {zh: 其他, en: other}}\nnames"}, "grade_without_consequence"),
    ({'articles: ["1", "2"': 'articles: ["10", "1", "2"'}, "article_in_no_list"),
    ({'level: national': 'level: national\n  annexes: ["annex"]'}, "article_in_no_list"),
    ({"after: period.preparation.end}": "after: preparation.end}"}, "unknown_reference"),
    ({"strengths: {usual: exception, principle: warn}": "strengths: {usual: exception}"},
     "no_deviation"),
    ({"exceptions: {by: ministry, default: M-1}\n": ""}, "no_exceptions"),
    ({"annulment: {default: M-1}": "annulment: {}"}, "no_basis"),
    ({"until: 2031-01-31": "until: 2021-01-31"}, "contradiction"),
    ({"    key: with.year\n": ""}, "no_key"),
    ({"    done_by: report_year\n": ""}, "never_discharged"),
    ({"authority: ministry": "authority: minister"}, "unknown_name"),
    ({"alive: [preparing,": "alive: [prepared,"}, "unknown_name"),
    ({"record_visit]": "record_visits]"}, "unknown_name"),
    ({'terminal: true, cite: "7"}': 'cite: "7"}'}, "trapped_stage"),
    ({'confirmed: {name: {zh: 正式确认, en: confirmed}, cite':
      'confirmed: {name: {zh: 正式确认, en: confirmed}, lasting: {zh: 无, en: none}, cite'},
     "trapped_stage"),
    ({"kinds: [department]": "kinds: [departement]"}, "unknown_name"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), SPOILT, ids=lambda v: v if isinstance(v, str) else "")
def test_what_can_only_be_spoilt_in_place(
    changes: dict[str, str], code: str, tmp_path: Path
) -> None:
    found = problems_with(tmp_path, changes)
    assert code in {p.code for p in found}, found
    for problem in found:
        assert problem.zh and problem.en


def test_every_message_is_in_both_languages(tmp_path: Path) -> None:
    for bad in BAD:
        shutil.copy(CENTRE / "programme.yaml", tmp_path)
        shutil.copy(bad, tmp_path / "bad.yaml")
        for problem in check_folder(tmp_path)[1]:
            assert re.search("[\u4e00-\u9fff]", problem.zh), problem
            stripped = re.sub("'[^']*'|\\([^)]*\\)", "", problem.en)
            assert not re.search("[\u4e00-\u9fff]", stripped), problem


def test_several_mistakes_are_all_found_in_one_go(tmp_path: Path) -> None:
    changes = {
        "on_or_before: period.preparation.end}": "on_or_before: period.prep.end}",
        "contains: with.field}": "contains: with.feild}",
        "value: count.apply_extension": "value: count.apply_extention",
    }
    assert len(problems_with(tmp_path, changes)) == 3


def test_a_file_that_does_not_load_is_told_by_the_loader(tmp_path: Path) -> None:
    (tmp_path / "programme.yaml").write_text("programme: x\nprogramme: y\n")
    programme, found = check_folder(tmp_path)
    assert programme is None
    assert found[0].code == "duplicate_key"
    assert severity(found[0]) == "error"


def test_each_lint_has_a_name_and_a_sentence() -> None:
    for lint in LINTS:
        assert lint.__name__.startswith("lint_")
        assert lint.__doc__ and lint.__doc__.endswith(".")
