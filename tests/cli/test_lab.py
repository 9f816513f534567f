"""diff, make-histories and rejudge on real programmes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from banfa.cli import main
from banfa.rules.compare import Report, differences, rejudge
from banfa.rules.history import Editions
from banfa.rules.library import SHIPPED, find, load, ruleset
from banfa.rules.lives import make, make_file, rejudge_file
from banfa.rules.world import World

NITEC = SHIPPED / "nitec" / "2026"


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """A draft: confirmation applied for within a month, preparation of half a year at most."""
    folder = tmp_path / "draft"
    shutil.copytree(NITEC, folder)
    acts = folder / "acts_preparation.yaml"
    text = acts.read_text(encoding="utf-8")
    changed = text.replace(
        "{from: period.preparation.end, plus: 3 months}",
        "{from: period.preparation.end, plus: 1 month}",
        1,
    )
    assert changed != text
    acts.write_text(changed, encoding="utf-8")
    entry = folder / "acts_entry.yaml"
    text = entry.read_text(encoding="utf-8")
    changed = text.replace("{from: act.on, plus: 3 years}", "{from: act.on, plus: 6 months}")
    assert changed != text
    entry.write_text(changed, encoding="utf-8")
    root = folder / "programme.yaml"
    lines = root.read_text(encoding="utf-8").splitlines()
    lines = ['edition: "2028"' if line.startswith("edition:") else line for line in lines]
    root.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def run(capsys: Any, *args: str) -> tuple[int, str, str]:
    status = main(list(args))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_an_edition_does_not_differ_from_itself() -> None:
    assert differences(load(NITEC), load(NITEC)) == []


def test_diff_names_article_and_both_readings(draft: Path, capsys: Any) -> None:
    status, out, _ = run(capsys, "diff", "nitec", str(draft))
    assert status == 0
    assert "第十八条第一款" in out and "confirmation_late" in out
    assert '{"months": 3}' in out and '{"months": 1}' in out
    assert "修改 2" in out and "新增 0" in out
    status, out, _ = run(capsys, "diff", "nitec@2026", str(draft), "--json", "--lang", "en")
    one = next(d for d in json.loads(out) if d["what"].endswith("confirmation_late"))
    assert one["kind"] == "changed" and one["articles"] == ["18.1"]


def test_diff_shows_what_is_added_and_removed() -> None:
    old = load(NITEC)
    duties = dict(old.duties)
    name, duty = duties.popitem()
    new = old.model_copy(update={"duties": {**duties, "another": duty}})
    kinds = {(d.what, d.kind) for d in differences(old, new)}
    assert (f"duties.{name}", "removed") in kinds and ("duties.another", "added") in kinds


def test_made_up_lives_are_the_same_for_the_same_seed_and_stand(tmp_path: Path) -> None:
    editions = Editions([ruleset(NITEC)])
    one, two = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    make_file(one, editions, 7, 120)
    make_file(two, editions, 7, 120)
    first, second = (rejudge_file(p, editions, editions.latest) for p in (one, two))
    assert first.lives == second.lives == 120
    assert first.acts == second.acts > 1000
    assert first.otherwise == 0 and first.rules == {}


@pytest.mark.parametrize("name", ["jliic", "ncti", "neiic", "nmic"])
def test_made_up_lives_of_every_programme_are_written_and_read_without_loss(
    name: str, tmp_path: Path
) -> None:
    """What is typed when a life is made is typed the same when it is read."""
    editions = find(name)
    lives = tmp_path / "lives.jsonl"
    make_file(lives, editions, 11, 64)
    report = rejudge_file(lives, editions, editions.latest)
    assert report.lives == 64 and report.acts > 500
    assert report.otherwise == 0 and report.rules == {} and not report.unknown


def test_rejudging_under_a_stricter_draft_counts_by_article(
    tmp_path: Path, draft: Path, capsys: Any
) -> None:
    lives = tmp_path / "lives.jsonl"
    status, out, _ = run(
        capsys, "make-histories", "nitec", "-o", str(lives), "-n", "150", "--seed", "3"
    )
    assert status == 0 and "150" in out
    status, out, _ = run(capsys, "rejudge", str(lives), "--under", str(draft), "--json")
    report = json.loads(out)
    late = [r for r in report["rules"] if r["code"] == "TOO_LONG"]
    assert status == 0 and report["lives"] == 150
    assert late and late[0]["article"] == "18.1" and late[0]["act"] == "approve_formation_start"
    assert late[0]["count"] >= 1 and late[0]["examples"]
    counted = {r["condition"] for r in report["rules"]}
    assert report["otherwise"] >= late[0]["count"] and counted


def test_a_refused_act_is_left_out_of_the_state_that_follows() -> None:
    rs = ruleset(NITEC)
    life = next(make(Editions([rs]), 5, 1))
    report = Report()
    begun = [a for a in life.acts if "none" in (rs.models[a.kind].from_ or [])]
    rest = [a for a in life.acts if a not in begun]
    rejudge(rs, rest, World(life.world), report)  # without what began it
    assert report.otherwise > 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "第1行"),
        ("not json\n", "第1行"),
        ('{"programme": "nitec"}\n', "第1行"),
        ('{"programme": "nitec", "name": "x", "world": [], "acts": [{"act": "apply"}]}\n', "第1行"),
    ],
)
def test_a_bad_file_of_lives_is_told_in_a_line(
    tmp_path: Path, content: str, said: str, capsys: Any
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content, encoding="utf-8")
    status, _, err = run(capsys, "rejudge", str(path), "--under", "nitec")
    assert status == 2 and said in err and "Traceback" not in err


def test_histories_in_yaml_are_judged_again_too(capsys: Any) -> None:
    demo = SHIPPED.parent / "office" / "demo" / "nitec.yaml"
    status, out, _ = run(capsys, "rejudge", str(demo), "--under", "nitec@2026", "--json")
    report = json.loads(out)
    assert status == 0 and report["lives"] >= 3 and report["otherwise"] == 0


def test_an_edition_that_is_not_there(capsys: Any) -> None:
    status, _, err = run(capsys, "diff", "nitec@1999", "nitec")
    assert status == 2 and "1999" in err and "2026" in err
