"""The worked cases of every programme pass; the form of case files is held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from banfa.rules.cases import read_file, run_file
from banfa.rules.library import SHIPPED, ids
from banfa.rules.loading import LoadError

MINI = Path(__file__).parent.parent / "programmes" / "mini"
HEAD = "programme: ../mini/2026\nparties: {unit: {org: U, kind: firm, place: 山东}}\n"


@pytest.mark.parametrize("name", ids())
def test_every_worked_case_passes(name: str, capsys: Any) -> None:
    passed, failed, refused = 0, [], 0
    names: set[tuple[str, str]] = set()
    for path in sorted((SHIPPED / name / "cases").glob("*.yaml")):
        reader = read_file(path)
        for case, result in zip(reader.model.cases, run_file(path), strict=True):
            assert (path.name, case.id) not in names, "a case's id stands once in a file"
            names.add((path.name, case.id))
            passed += result.passed
            refused += case.expect is not None and case.expect.refused is not None
            if not result.passed:
                failed.append((path.name, case.id, result.faults))
    with capsys.disabled():
        print(f"\n{name}: {passed} cases passed, {refused} of them refusals")
    assert failed == []
    assert refused > 100


@pytest.mark.parametrize("name", ids())
def test_every_refused_case_has_an_accepted_twin(name: str) -> None:
    accepted: set[str] = set()
    refused: dict[str, tuple[str | None, list[str]]] = {}
    for path in sorted((SHIPPED / name / "cases").glob("*.yaml")):
        for case in read_file(path).model.cases:
            if case.expect is not None and case.expect.refused is not None:
                refused[case.id] = (case.twin, case.expect.refused)
            else:
                accepted.add(case.id)
    alone = [
        i
        for i, (twin, codes) in refused.items()
        if codes != ["NO_RULE"] and (twin is None or twin not in accepted)
    ]
    assert alone == []


def written(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    (tmp_path / "mini").symlink_to(MINI)
    path = folder / "c.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("act", "place", "said"),
    [
        ("{on: 2026-02-10, by: boss, act: notise, with: {fields: [a]}}", "3:41", "notice"),
        ("{on: 2026-02-10, by: bos, act: notice, with: {fields: [a]}}", "3:30", "boss"),
        ("{on: 2026-02-10, by: boss, act: notice, with: {field: [a]}}", "3:56", "fields"),
        ("{on: 2026-02-30, by: boss, act: notice, with: {fields: [a]}}", "3:14", "2026-02-30"),
        ("{on: 2026-02-10, act: notice, with: {fields: [a]}}", "3:9", "by"),
    ],
)
def test_unknown_names_are_errors_in_the_file(
    tmp_path: Path, act: str, place: str, said: str
) -> None:
    path = written(tmp_path, f"given: [{act}]\n")
    with pytest.raises(LoadError) as caught:
        run_file(path)
    (problem,) = caught.value.problems
    assert f"{problem.line}:{problem.column}" == place and said in problem.zh + problem.en


def test_a_given_act_that_is_refused_fails_the_case_and_says_why(tmp_path: Path) -> None:
    text = """
cases:
  - id: a
    given: [{on: 2026-02-20, by: unit, act: apply, with: {field_zh: 封装, team: [张]}}]
    ask: {on: 2026-03-01, state: {stage: planned}}
"""
    (result,) = run_file(written(tmp_path, text))
    assert not result.passed and "CONDITION_NOT_MET" in result.faults[0]
    assert ":6:" in result.faults[0]


@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        ("{accepted: true}", "refused"),
        ("{refused: [TOO_LATE]}", "codes"),
        ("{refused: [TOO_LONG], cite: ['3']}", "cites"),
        ("{refused: [TOO_LONG], conditions: [another]}", "conditions"),
    ],
)
def test_what_differs_from_an_expectation_is_told(tmp_path: Path, expect: str, fault: str) -> None:
    text = f"""
given:
  - {{on: 2026-02-10, by: boss, act: notice, with: {{fields: [封装]}}}}
  - {{on: 2026-02-20, by: unit, act: apply, with: {{field_zh: 封装, team: [张]}},
     documents: {{plan: complete}}}}
cases:
  - id: a
    try: {{on: 2026-03-16, by: boss, act: start, with: {{end: 2029-03-17}}}}
    expect: {expect}
"""
    (result,) = run_file(written(tmp_path, text))
    assert not result.passed and result.faults[0].startswith(fault)
