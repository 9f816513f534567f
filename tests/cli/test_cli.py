"""The `banfa` command: every command, its JSON, both languages, and what it says to bad input."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from banfa.cli import main

ROOT = Path(__file__).parent.parent / "programmes"
CENTRE = ROOT / "good" / "centre"
HISTORY = CENTRE / "history.yaml"
START = (
    '{"on": "2026-04-02", "by": "unit", "act": "apply_extension", "with": {"until": "2030-04-01"}}'
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BANFA_LANG", "BANFA_DEBUG", "BANFA_PROGRAMMES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: exit status, output, error output."""

    def call(*args: object) -> tuple[int, str, str]:
        status = main([str(a) for a in args])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def answer(run: Run, *args: object) -> Any:
    """What a command says in JSON."""
    _, out, _ = run(*args, "--json")
    return json.loads(out)


# --- help and calls -----------------------------------------------------------------------------


def spawn(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "banfa", *args],
        capture_output=True,
        text=True,
        env={**os.environ, **more},
        check=False,
    )


def test_help_answers_at_once() -> None:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    times = []
    for _ in range(5):
        begun = spent()
        assert spawn("--help").returncode == 0
        times.append(spent() - begun)
    assert min(times) < 0.3  # of the processor's time, so that a busy machine does not matter


def test_help_loads_no_library() -> None:
    code = (
        "import sys; from banfa.cli import main; main(['--help']);"
        "heavy = {'pydantic', 'yaml', 'django', 'psycopg', 'banfa.rules.programme'};"
        "loaded = heavy & set(sys.modules); print(loaded, file=sys.stderr); sys.exit(len(loaded))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("programmes", "check", "cases", "state", "permitted", "duties"),
        *("judge", "explain", "coverage", "diagram", "schema", "systems", "score"),
    ],
)
def test_every_command_explains_itself_in_both_languages(command: str, run: Run) -> None:
    status, zh, _ = run(command, "--help")
    assert status == 0
    assert "选项" in zh
    _, en, _ = run(command, "--help", "--lang", "en")
    assert "选项" not in en and "--json" in en


def test_a_misspelt_command_is_answered_with_the_nearest(run: Run) -> None:
    status, _, err = run("chek", "nitec")
    assert status == 2
    assert "是否指“check”" in err
    assert run("chek", "nitec", "--lang=en")[2].count("did you mean 'check'?") == 1


@pytest.mark.parametrize(
    ("args", "zh", "en"),
    [
        ((), "缺少", "required"),
        (("check",), "缺少：PROGRAMME", "required: PROGRAMME"),
        (("state", HISTORY), "缺少：--on", "required: --on"),
        (("check", "x", "--jsno"), "不认识：--jsno", "unrecognized arguments: --jsno"),
        (("state", HISTORY, "--on"), "--on 之后缺少内容", "expected one argument"),
        (("state", HISTORY, "--on", "2026-02-30"), "“2026-02-30”不是日期", "write 2026-02-10"),
        (("state", HISTORY, "--on", "soon"), "“soon”不是日期", "not a date"),
    ],
)
def test_a_wrong_call_gets_one_line_and_the_way_to_help(
    args: tuple[object, ...], zh: str, en: str, run: Run
) -> None:
    status, out, err = run(*args)
    assert (status, out) == (2, "")
    assert zh in err
    assert len(err.splitlines()) == 2
    assert "--help" in err
    assert en in run(*args, "--lang", "en")[2] + run("--lang", "en", *args)[2]


def test_banfa_lang_sets_the_language(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANFA_LANG", "en")
    assert "no programme" in run("check", "nowhere")[2]
    assert "没有名为" in run("check", "nowhere", "--lang", "zh")[2]
    monkeypatch.setenv("BANFA_LANG", "fr")
    assert "没有名为" in run("check", "nowhere")[2]


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_fault_in_banfa_is_one_line_and_70(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such luck\nsecond line")

    monkeypatch.setattr("banfa.cli.programmes.latest", broken)
    status, _, err = run("diagram", CENTRE)
    assert status == 70
    assert "RuntimeError: no such luck" in err
    assert len(err.splitlines()) == 1
    monkeypatch.setenv("BANFA_DEBUG", "1")
    with pytest.raises(RuntimeError, match="no such luck"):
        main(["diagram", str(CENTRE)])


BROKEN = {
    "not there": None,
    "empty": "",
    "not yaml": "programme: [",
    "not a mapping": "- 1\n",
    "no programme": "given: []\n",
    "unknown key": "programme: centre\nacts: []\n",
    "unknown programme": "programme: nowhere\n",
    "unknown edition": "programme: {centre}\nedition: 1999\n",
    "unknown act": "programme: {centre}\ngiven: [{{on: 2026-03-01, by: unit, act: aply}}]\n",
    "unknown party": "programme: {centre}\ngiven: [{{on: 2026-03-01, by: unt, act: apply}}]\n",
    "bad date": "programme: {centre}\ngiven: [{{on: 2026-02-30, by: unit, act: apply}}]\n",
    "refused": "programme: {centre}\ngiven: [{{on: 2026-03-01, by: unit, act: apply}}]\n",
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize(
    "command",
    [
        ("state", "--on", "2026-05-01"),
        ("duties", "--on", "2026-05-01"),
        ("permitted", "--on", "2026-05-01", "--party", "unit"),
        ("judge",),
        ("cases",),
    ],
    ids=lambda command: command[0],
)
def test_a_broken_file_is_told_with_its_place(
    command: tuple[str, ...], name: str, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "history.yaml"
    content = BROKEN[name]
    if content is not None:
        file.write_text(
            content.replace("{centre}", f'"{CENTRE}"').replace("{{", "{").replace("}}", "}")
        )
    more = [START] if command[0] == "judge" else []
    status, out, err = run(command[0], file, *more, *command[1:])
    assert status in (1, 2)
    said = out + err
    assert "history.yaml" in said
    if content is not None:
        assert f"{file}:" in said
    assert len(said.splitlines()) <= 4


@pytest.mark.parametrize(
    "args",
    [
        ("check", "nowhere"),
        ("cases", "nowhere"),
        ("coverage", "nowhere"),
        ("explain", "nowhere", "1"),
        ("diagram", "nowhere"),
        ("check", ROOT / "bad"),
        ("explain", CENTRE, "第一条"),
        ("explain", CENTRE, "99"),
        ("diagram", CENTRE, "-o", "/nowhere/at/all.svg"),
        ("judge", HISTORY, "nowhere.yaml"),
        ("judge", HISTORY, "{"),
        ("judge", HISTORY, '{"on": "soon", "by": "unit", "act": "apply"}'),
        ("judge", HISTORY, '{"on": "2026-05-01", "by": "unit"}'),
        ("judge", HISTORY, '{"on": "2026-05-01", "by": "unit", "act": "aply"}'),
        ("judge", HISTORY, '{"on": "2026-05-01", "by": "unt", "act": "apply"}'),
        ("permitted", HISTORY, "--on", "2026-05-01", "--party", "unt"),
        ("state", HISTORY, "--on", "2026-05-01", "--centre", "other"),
    ],
    ids=str,
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_wrong_name_gets_a_short_answer(args: tuple[object, ...], lang: str, run: Run) -> None:
    status, out, err = run(*args, "--lang", lang)
    assert status == 2
    assert out == ""
    assert 1 <= len(err.splitlines()) <= 3
    assert any("\u4e00" <= c <= "\u9fff" for c in err) == (lang == "zh") or "第一条" in str(args)


# --- programmes and check -----------------------------------------------------------------------


def test_programmes_lists_what_there_is(run: Run) -> None:
    listed = answer(run, "programmes")
    assert {one["id"] for one in listed} == {"jliic", "ncti", "neiic", "nitec", "nmic"}
    status, out, _ = run("programmes")
    assert status == 0
    assert "国家产业技术工程化中心" in out


def test_programmes_may_come_from_another_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANFA_PROGRAMMES", str(ROOT / "good"))
    [one] = answer(run, "programmes")
    assert one["id"] == "centre"
    assert (one["edition"], one["from"], one["until"]) == ("2026", "2026-02-01", "2031-01-31")
    assert run("check", "centre")[0] == 0


@pytest.mark.parametrize("folder", [CENTRE, CENTRE / "2026"], ids=["programme", "edition"])
def test_check_of_a_sound_programme(folder: Path, run: Run) -> None:
    status, out, _ = run("check", folder)
    assert status == 0
    assert "0 处错误，0 处提醒" in out
    [one] = answer(run, "check", folder)
    assert (one["errors"], one["warnings"], one["problems"]) == (0, 0, [])


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    text = (CENTRE / "2026" / "programme.yaml").read_text()
    (tmp_path / "programme.yaml").write_text(
        text.replace("contains: with.field}", "contains: with.feild}")
    )
    return tmp_path


def test_check_tells_each_problem_with_its_place_and_cure(spoilt: Path, run: Run) -> None:
    status, out, _ = run("check", spoilt, "--lang", "en")
    assert status == 1
    first = out.splitlines()[0]
    assert first.startswith(f"{spoilt / 'programme.yaml'}:")
    assert first.endswith("did you mean 'field'?")
    [one] = answer(run, "check", spoilt)
    assert one["errors"] == 1
    assert {*one["problems"][0]} == {
        *("file", "line", "column", "severity", "code", "zh", "en"),
    }


def test_warnings_alone_do_not_fail(tmp_path: Path, run: Run) -> None:
    text = (CENTRE / "2026" / "programme.yaml").read_text()
    more = "flags:\n  odd: {zh: 其他, en: other}\n"
    (tmp_path / "programme.yaml").write_text(text.replace("flags:\n", more))
    status, out, _ = run("check", tmp_path)
    assert status == 0
    assert "提醒：标记“odd”没有行为立起" in out


def test_a_programme_that_does_not_load_is_checked_too(tmp_path: Path, run: Run) -> None:
    (tmp_path / "programme.yaml").write_text("programme: x\nprogrammee: y\n")
    assert run("check", tmp_path)[0] == 1
    [one] = answer(run, "check", tmp_path)
    assert one["programme"] is None
    assert one["errors"] == len(one["problems"]) > 0


# --- cases --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what", [CENTRE, CENTRE / "2026", CENTRE / "cases", CENTRE / "cases" / "life.yaml"], ids=str
)
def test_cases_end_with_the_count(what: Path, run: Run) -> None:
    status, out, _ = run("cases", what)
    assert status == 0
    assert out.splitlines()[-1].endswith(" passed, 0 failed")


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    text = (CENTRE / "cases" / "life.yaml").read_text()
    text = text.replace("programme: ../2026", f"programme: {CENTRE / '2026'}")
    (tmp_path / "life.yaml").write_text(text.replace("[TOO_LONG]", "[TOO_LATE]"))
    return tmp_path / "life.yaml"


def test_a_failing_case_shows_the_findings_beside_what_was_expected(
    failing: Path, run: Run
) -> None:
    status, out, _ = run("cases", failing, "--lang", "en")
    assert status == 1
    assert f"{failing}:" in out.splitlines()[0] and "start_too_long" in out.splitlines()[0]
    assert "TOO_LATE" in out and "TOO_LONG 4 three_years" in out
    assert "cure:" in out
    assert out.splitlines()[-1] == "4 passed, 1 failed"


def test_cases_in_json(failing: Path, run: Run) -> None:
    said = answer(run, "cases", failing)
    assert (said["passed"], said["failed"], said["broken"]) == (4, 1, [])
    [bad] = [c for c in said["cases"] if not c["passed"]]
    assert bad["id"] == "start_too_long" and bad["faults"] and not bad["accepted"]
    [finding] = bad["findings"]
    assert (finding["code"], finding["cite"], finding["outcome"]) == ("TOO_LONG", "4", "not")
    assert set(finding["cure"]) == {"zh", "en"}


# --- histories ----------------------------------------------------------------------------------


def test_state_on_a_day(run: Run) -> None:
    said = answer(run, "state", HISTORY, "--on", "2026-05-01")
    assert said["stage"] == "preparing"
    assert said["periods"]["preparation"]["end"] == "2029-04-01"
    assert said["names"]["zh"] == "国家封装中心（筹）"
    assert said["roles"] == {"unit": "甲公司", "supervisor": "省发改委"}
    assert answer(run, "state", HISTORY, "--on", "2026-03-15")["stage"] == "planned"
    assert answer(run, "state", HISTORY, "--on", "2029-04-02")["stage"] == "prep_over"
    status, out, _ = run("state", HISTORY, "--on", "2026-05-01")
    assert status == 0
    assert "阶段: 筹建期 2026-04-01" in out
    assert "in preparation" in run("state", HISTORY, "--on", "2026-05-01", "--lang", "en")[1]


def test_state_as_known_earlier(run: Run) -> None:
    said = answer(run, "state", HISTORY, "--on", "2026-05-01", "--known-at", "2026-03-31")
    assert said["stage"] == "planned"


def test_permitted_says_what_stands_in_the_way(run: Run) -> None:
    said = {p["act"]: p for p in answer(
        run, "permitted", HISTORY, "--on", "2026-05-01", "--party", "unit")}  # fmt: skip
    assert said["apply_extension"]["standing"] == "open"
    assert said["apply"]["standing"] == "blocked"
    assert said["apply"]["findings"][0]["code"] == "WRONG_STAGE"
    status, out, _ = run("permitted", HISTORY, "--on", "2026-05-01", "--party", "ministry")
    assert status == 0
    assert "✓ confirm  正式确认" in out
    assert "publish_fields" in out


def test_duties_on_a_day(run: Run) -> None:
    said = {d["id"]: d for d in answer(run, "duties", HISTORY, "--on", "2027-03-01")}
    assert said["annual_report"]["due"] == "2027-02-28"
    assert said["annual_report"]["late"] is True
    assert set(said["approval_letter"]["name"]) == {"zh", "en"}
    status, out, _ = run("duties", HISTORY, "--on", "2027-03-01")
    assert status == 0
    assert "年度报告 2026: 甲公司，2027-02-28前（已逾期）  6" in out


def test_judge_accepts_with_0_and_refuses_with_1(run: Run) -> None:
    status, out, _ = run("judge", HISTORY, START)
    assert status == 0
    assert out.startswith("可予接受")
    late = START.replace("2026-04-02", "2029-04-02")
    status, out, _ = run("judge", HISTORY, late)
    assert status == 1
    assert "✗ TOO_LATE 第四条第二款 in_time" in out
    said = answer(run, "judge", HISTORY, late)
    assert (said["accepted"], said["codes"]) == (False, ["TOO_LATE"])
    assert {f["outcome"] for f in said["findings"]} == {"held", "not"}


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_judge_reads_the_act_from_a_file(suffix: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / f"act.{suffix}"
    yaml = "on: 2026-04-02\nby: unit\nact: apply_extension\nwith: {until: 2030-04-01}\n"
    file.write_text(yaml if suffix == "yaml" else START)
    assert run("judge", HISTORY, file)[0] == 0


def test_a_mistake_in_an_act_is_placed_in_the_act(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "act.yaml"
    file.write_text("on: 2026-04-02\nby: unit\nact: apply_extension\nwith: {untill: 2030-04-01}\n")
    status, _, err = run("judge", HISTORY, file)
    assert status == 2
    assert err.startswith(f"{file}:4:")
    assert "是否指“until”" in err


def test_judging_changes_nothing(run: Run) -> None:
    before = HISTORY.read_bytes()
    run("judge", HISTORY, START)
    assert HISTORY.read_bytes() == before


# --- explain, coverage, diagram, schema ---------------------------------------------------------


def test_explain_tells_what_an_article_does_here(run: Run) -> None:
    status, out, _ = run("explain", CENTRE, "4.2")
    assert status == 0
    assert "第四条第二款" in out
    assert "condition apply_extension.in_time" in out
    assert "extension_late" in out
    [said] = answer(run, "explain", CENTRE, "4.2")
    assert said["article"] == "4.2"
    assert all({"kind", "id", "cite", "zh", "en"} == set(r) for r in said["rules"])


def test_explain_takes_an_article_with_all_within_it(run: Run) -> None:
    assert [a["article"] for a in answer(run, "explain", CENTRE, "4")] == ["4", "4.2"]
    assert [a["article"] for a in answer(run, "explain", CENTRE, "7(1)")] == ["7"]


def test_coverage_article_by_article(run: Run) -> None:
    status, out, _ = run("coverage", CENTRE, "--mutants")
    assert status == 0
    assert "共 10 条款项" in out
    assert "逐一去掉 27 个条件，0 个无案例察觉" in out
    said = answer(run, "coverage", CENTRE)
    assert said["counts"] == {"declaratory": 1, "executable": 9, "recorded": 1}
    assert [a["article"] for a in said["articles"]][:3] == ["1", "2", "3"]


def test_diagram_to_a_file_or_to_the_screen(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "life.svg"
    assert run("diagram", CENTRE, "-o", file)[0] == 0
    assert ElementTree.parse(file).getroot().attrib["lang"] == "zh"
    status, out, _ = run("diagram", CENTRE, "--lang", "en")
    assert status == 0
    assert ElementTree.fromstring(out).attrib["lang"] == "en"
    said = answer(run, "diagram", CENTRE)
    assert {"from": "planned", "to": "turned_down"}.items() <= said["moves"][2].items()


@pytest.mark.parametrize("what", [(), ("--cases",), ("--systems",), ("--thresholds",)], ids=str)
def test_schema_is_a_json_schema(what: tuple[str, ...], run: Run) -> None:
    status, out, _ = run("schema", *what)
    assert status == 0
    made = json.loads(out)
    assert made["$schema"].endswith("2020-12/schema")
    assert made["additionalProperties"] is False


def test_a_reader_who_stops_reading_is_no_fault() -> None:
    code = f"{sys.executable} -m banfa schema | head -1"
    done = subprocess.run(code, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_the_schema_lets_one_name_stand_for_a_list_of_one(run: Run) -> None:
    made = json.loads(run("schema")[1])
    act = made["$defs"]["Act"]["properties"]
    for field in ("by", "cite", "from", "then"):
        kinds = {tuple(sorted(s)) for s in act[field]["anyOf"]}
        assert len(kinds) > 1, field
    assert {"type": "integer"} in made["properties"]["edition"]["anyOf"]


def test_the_reference_pages_are_up_to_date() -> None:
    docs = Path(__file__).parents[2]
    check = [sys.executable, "-m", "tools.docs", "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False, cwd=docs)
    assert done.returncode == 0, done.stderr
