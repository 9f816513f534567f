"""`banfa new`: a skeleton that checks, whose case passes, and that overwrites nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from banfa.cli import main
from banfa.rules.lint import check_folder
from banfa.rules.skeleton import files

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("BANFA_LANG", "BANFA_DEBUG", "BANFA_PROGRAMMES"):
        monkeypatch.delenv(name, raising=False)

    def call(*args: object) -> tuple[int, str, str]:
        status = main([str(a) for a in args])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def test_the_skeleton_checks_and_its_case_passes(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("new", "pilots", "--folder", tmp_path, "--edition", 2026, "--lang", "en")
    assert status == 0 and f"banfa check {tmp_path}/pilots" in out
    assert {str(p.relative_to(tmp_path / "pilots")) for p in tmp_path.rglob("*.yaml")} == set(
        files("pilots", "2026")
    )
    status, out, _ = run("check", tmp_path / "pilots", "--lang", "en")
    assert status == 0 and "0 error(s), 12 warning(s)" in out
    assert "acts.yaml:21:20: warning: still to write: the condition in one sentence" in out
    assert "still to write: document number" in out
    assert "尚未填写：办法全称" in run("check", tmp_path / "pilots")[1]
    assert run("cases", tmp_path / "pilots")[1] == "1 passed, 0 failed\n"
    status, out, _ = run("coverage", tmp_path / "pilots", "--lang", "en")
    assert status == 1 and "no refusing case" in out
    assert run("diagram", tmp_path / "pilots")[1].startswith("<svg")


def test_its_second_case_only_waits_to_be_uncommented(run: Run, tmp_path: Path) -> None:
    run("new", "pilots", "--folder", tmp_path, "--edition", 2026)
    case = tmp_path / "pilots" / "cases" / "first.yaml"
    head, mark, rest = case.read_text().partition("  # - id")
    case.write_text(head + (mark + rest).replace("  # ", "  "))
    assert run("cases", case)[1] == "2 passed, 0 failed\n"
    assert run("coverage", tmp_path / "pilots")[0] == 0


def test_what_is_filled_in_is_no_longer_missed(tmp_path: Path) -> None:
    for path, text in files("pilots", "2026").items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("待填：", ""))
    assert check_folder(tmp_path / "2026")[1] == []


def test_json_names_the_files(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("new", "pilots", "--folder", tmp_path, "--edition", "2026", "--json")
    answer = json.loads(out)
    assert answer["folder"] == str(tmp_path / "pilots") and len(answer["files"]) == 5


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pilots").mkdir()
    (tmp_path / "pilots" / "notes.txt").write_text("mine")
    status, _, err = run("new", "pilots", "--folder", tmp_path)
    assert status == 2 and "不予覆盖" in err
    assert "nothing is overwritten" in run("new", "pilots", "--folder", tmp_path, "--lang", "en")[2]
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("args", "zh", "en"),
    [
        (("Pilots",), "不能作编号", "cannot be an id"),
        (("../pilots",), "不能作编号", "cannot be an id"),
        (("中试基地",), "不能作编号", "cannot be an id"),
        (("p" * 41,), "至多40个字符", "at most 40"),
        (("pilots", "--edition", "first"), "不能作版本", "cannot be an edition"),
    ],
)
def test_bad_names_are_refused_in_both_languages(
    run: Run, tmp_path: Path, args: tuple[str, ...], zh: str, en: str
) -> None:
    status, out, err = run("new", *args, "--folder", tmp_path)
    assert (status, out) == (2, "") and zh in err
    assert en in run("new", *args, "--folder", tmp_path, "--lang", "en")[2]
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_and_a_place_that_is_a_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programmes = tmp_path / "all" / "pilots" / "2026"
    programmes.mkdir(parents=True)
    (programmes / "programme.yaml").touch()
    monkeypatch.setenv("BANFA_PROGRAMMES", str(tmp_path / "all"))
    assert "already" in run("new", "pilots", "--folder", tmp_path, "--lang", "en")[2]
    (tmp_path / "bases").touch()
    assert "不是文件夹" in run("new", "bases", "--folder", tmp_path)[2]
    assert "不是文件夹" in run("new", "labs", "--folder", tmp_path / "bases")[2]
