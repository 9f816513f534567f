"""`banfa systems` and `banfa score`: what they say, in JSON and to bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from banfa.cli import main
from banfa.rules.library import SHIPPED

Run = Callable[..., tuple[int, str, str]]
NITEC = SHIPPED / "nitec" / "indicators" / "operation.yaml"
THRESHOLDS = NITEC.parent / "thresholds" / "operation.yaml"
FIGURES = (
    "rd_spending,revenue,rd_staff,staff,equipment_value,pilot_projects,key_technology,"
    "transfer_income,firms_served,senior_experts,shared_hours,mechanism,standards,national_awards,"
    "late_reports,own_accounts,false_material"
)
GOOD = "6000,30000,100,150,20000,6,A 国际领先,3000,20,20,9000,a,3,1,0,是,否"
WEAK = "800,30000,100,400,1000,1,e,100,1,1,100,d,0,0,1,是,是"


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


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two centres over three years, one good and one weak."""
    path = tmp_path / "table.csv"
    rows = [f"centre,year,industry,{FIGURES}"]
    rows += [f"good,{year},materials,{GOOD}" for year in (2024, 2025, 2026)]
    rows += [f"weak,{year},biology,{WEAK}" for year in (2024, 2025, 2026)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def answer(run: Run, *args: object) -> Any:
    return json.loads(run(*args, "--json")[1])


def test_every_system_is_listed_as_the_sample_it_is(run: Run) -> None:
    status, out, _ = run("systems")
    assert status == 0
    assert out.count("样例") >= 5
    said = answer(run, "systems")
    assert {one["programme"] for one in said} == {"nitec", "neiic", "ncti", "nmic", "jliic"}
    assert all(one["problems"] == [] and one["sample"] for one in said)


def test_a_faulty_file_is_told_where(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(NITEC.read_text(encoding="utf-8").replace("total: 100", "total: 90"))
    status, out, _ = run("systems", path)
    assert status == 1
    assert f"{path}:" in out and "权数" in out
    assert run("score", path, path)[0] == 2


def test_a_table_is_scored_ranked_and_graded(run: Run, table: Path) -> None:
    status, out, _ = run("score", "nitec", table, "--thresholds", THRESHOLDS)
    assert status == 0
    assert out.startswith("样例：")
    said = answer(run, "score", NITEC, table, "--thresholds", THRESHOLDS)
    good, weak = said["centres"]
    # A fifth of two centres, rounded down, is none: nobody is excellent.
    assert (good["centre"], good["rank"], good["grade"]) == ("good", 1, "good")
    assert (weak["rank"], weak["grade"], weak["fails"]) == (2, "unqualified", ["false_material"])
    assert len(said["record"]["result"]) == 64
    again = answer(run, "score", NITEC, table, "--thresholds", THRESHOLDS)
    assert again["record"] == said["record"]


def test_a_figure_is_explained_in_both_languages(run: Run, table: Path) -> None:
    _, zh, _ = run("score", "nitec", table, "--explain", "good", "spending_per_head")
    assert "60.00 万元/人" in zh and "依据：第4(1)条" in zh
    _, en, _ = run("score", "nitec", table, "--explain", "good", "--lang", "en")
    assert en.count("\n") > 22 and "article 4(1)" in en
    said = answer(run, "score", "nitec", table, "--explain", "good", "spending_per_head")
    assert said[0]["points"] == 8


def test_a_system_that_scores_nothing_says_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("centre,year,technology_market_turnover\nx,2026,12.5\n")
    status, out, _ = run("score", "nmic", path)
    assert status == 0 and "不计分" in out
    _, out, _ = run("score", "nmic", path, "--explain", "x", "technology_market_turnover")
    assert "12.50 元" in out and "2.6b" in out


WRONG = {
    "unknown column": ("centre,year,rd_spendin\nx,2026,1\n", "rd_spending"),
    "no year": ("centre,rd_spending\nx,1\n", "year"),
    "not a year": ("centre,year,staff\nx,这年,1\n", ":2"),
    "not a number": ("centre,year,staff\nx,2026,很多\n", "很多"),
    "too many years": ("centre,year,staff\nx,2020,1\nx,2026,1\n", "7"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_is_told_and_not_scored(name: str, run: Run, tmp_path: Path) -> None:
    text, part = WRONG[name]
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    status, out, err = run("score", "nitec", path)
    assert (status, out) == (2, "")
    assert part in err


def test_values_that_cannot_be_are_told_with_their_centre(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("centre,year,industry,staff\nx,2026,nowhere,-1\ny,2026,,1.5\n")
    status, out, _ = run("score", "nitec", path)
    assert status == 1
    assert [line.split(": ")[1] for line in out.splitlines()] == ["x", "x 2026", "y 2026"]


@pytest.mark.parametrize(
    "args",
    [("score", "nitek", "t.csv"), ("score", "nitec", "no.csv"), ("systems", "no.yaml")],
    ids=" ".join,
)
def test_what_is_not_there_is_told(args: tuple[str, ...], run: Run) -> None:
    status, out, err = run(*args)
    assert (status, out) == (2, "")
    assert err


def test_an_unknown_centre_or_occasion_is_told(run: Run, table: Path) -> None:
    assert run("score", "nitec", table, "--explain", "nobody")[0] == 2
    assert run("score", "neiic", table, "--occasion", "confirmation")[0] == 2
