"""Strict YAML: what is read, what is refused, and where the error is said to be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from banfa.rules.loading import (
    MAX_BYTES,
    MAX_DEPTH,
    Bilingual,
    LoadError,
    Node,
    Problem,
    load_model,
    parse,
    read,
    read_folder,
    validate,
)

FILE = Path("p.yaml")


def data_of(text: str) -> Any:
    return parse(text.encode(), FILE).data


def problems_of(text: str | bytes) -> list[str]:
    """Return the problems of a text as `line:column: message`."""
    with pytest.raises(LoadError) as refusal:
        parse(text.encode() if isinstance(text, str) else text, FILE)
    assert all(problem.zh and problem.en for problem in refusal.value.problems)
    return [str(problem).removeprefix("p.yaml:") for problem in refusal.value.problems]


# --- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *(("0", 0), ("12", 12), ("-5", -5), ("999999999999999999", 10**18 - 1)),
        *(("18.1", Decimal("18.1")), ("18.10", Decimal("18.10")), ("-0.5", Decimal("-0.5"))),
        *(("true", True), ("false", False), ("null", None), ("2026-02-10", date(2026, 2, 10))),
        *(
            ("2028-02-29", date(2028, 2, 29)),
            ("plain words", "plain words"),
            ("3 years", "3 years"),
        ),
        *(('"yes"', "yes"), ("'012'", "012"), ('"2026-02-30"', "2026-02-30"), ("'~'", "~")),
        *(("2.5.2", "2.5.2"), ("2016-2020", "2016-2020"), ("2.5.2(1)", "2.5.2(1)"), ("-x", "-x")),
        *(("中心", "中心"), ("'it''s'", "it's"), ('""', ""), ("[]", []), ("{}", {})),
        *(("yes please", "yes please"), ("1,000", "1,000"), ("[1, a]", [1, "a"])),
    ],
)
def test_values(written: str, value: object) -> None:
    read_value = data_of(f"a: {written}\n")["a"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_a_decimal_keeps_its_digits() -> None:
    assert str(data_of("a: 18.10")["a"]) == "18.10"


def test_keys_are_always_text() -> None:
    text = 'on: 2026-02-10\n8: a\n"9": b\n18.1: c\ntrue: d\n2026-01-01: e\n012: f\n'
    assert list(data_of(text)) == ["on", "8", "9", "18.1", "true", "2026-01-01", "012"]


def test_block_text_and_comments() -> None:
    assert data_of("a: |\n  one\n  two\n# end\n") == {"a": "one\ntwo\n"}


def test_a_byte_order_mark_and_other_line_ends_are_read() -> None:
    node = parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", FILE)
    assert node.data == {"a": 1, "b": 2}
    assert str(node.keys[("b",)]) == "p.yaml:2:1"


def test_one_document_may_be_marked() -> None:
    assert data_of("---\na: 1\n...\n") == {"a": 1}


def test_positions_of_keys_and_values() -> None:
    node = parse("# 注释\n中心: {zh: 申请, en: [x, z]}\nb:\n  - c: 1\n".encode(), FILE)
    assert node.keys[("中心", "en")][1:] == (2, 14)
    assert node.values[("中心", "en", 1)][1:] == (2, 22)
    assert node.values[()][1:] == (2, 1)
    assert node.place(("b", 0, "c"))[1:] == (4, 8)
    assert node.place(("b",))[1:] == (3, 1)
    assert node.place(("b", 0, "missing", "deeper"))[1:] == (4, 5)
    assert str(node.problem(("b",), "code", "错", "wrong")) == "p.yaml:3:1: wrong"


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        *((word, "write true or false, or quote it") for word in ("yes", "No", "ON", "off", "y")),
        *((word, "write true or false, or quote it") for word in ("N", "n", "Yes", "Off", "no")),
        *(("True", "write true, or quote it"), ("FALSE", "write false, or quote it")),
        *(("~", "write null, or quote it"), ("Null", "write null, or quote it")),
        *(("012", "write 12, or quote it"), ("0o14", "write 12, or quote it")),
        *(("1_000", "write 1000, or quote it"), ("0x1F", "write 31, or quote it")),
        *((".5", "write 0.5, or quote it"), ("1e3", "write 1000, or quote it")),
        *(("+5", "write 5, or quote it"), ("5.", "write 5, or quote it"), ("-0", "write 0,")),
        *(("22:30", "quote it"), (".inf", "quote it"), ("-.INF", "quote it"), (".nan", "quote it")),
        *(("1e400", "quote it"), ("1234567890123456789", "quote it"), ("0b11", "write 3,")),
        ("2026-02-30", "there is no such day as 2026-02-30"),
        ("2027-02-29", "there is no such day as 2027-02-29"),
        ("0000-01-01", "there is no such day as 0000-01-01"),
        ("2026-2-1", "write the date as 2026-02-01, or quote it"),
        ("2026-02-10 10:00", "write the date alone, 2026-02-10, or quote it"),
        ("2026-02-10T10:00:00Z", "write the date alone, 2026-02-10, or quote it"),
        ("", "a value is missing: write it, or null"),
        ("&x 1", "an anchor (&x) is not allowed"),
        ("*x", "an alias (*x) is not allowed"),
        ("!!str 1", "a tag (!!str) is not allowed"),
        ("!own 1", "a tag (!own) is not allowed"),
        ("! 1", "a tag (!) is not allowed"),
        ("!!python/name:os.system x", "a tag (!!python/name:os.system) is not allowed"),
        ('"\\0"', "text must not contain control characters"),
    ],
)
def test_refused_values(written: str, advice: str) -> None:
    (problem,) = problems_of(f"first: 1\nkey: {written}\n")
    assert problem.startswith("2:5: " if not written else "2:6: ")
    assert advice in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: 'a' is written twice: it already stands in line 1"),
        ('a: {8: x, "8": z}\n', "1:11: '8' is written twice: it already stands in line 1"),
        ("a:\n  <<: {b: 1}\n", "2:3: a merge key (<<) is not allowed; write it out"),
        ("&k a: 1\n", "1:1: an anchor (&k) is not allowed; delete it, or quote the text"),
        ("!!str a: 1\n", "1:1: a tag (!!str) is not allowed; delete it, or quote the text"),
        ("[a]: 1\n", "1:1: a key must be plain text"),
        ("? {a: 1}\n: 2\n", "1:3: a key must be plain text"),
        ("? \n: 1\n", "1:2: a key is missing here"),
        ("a: 1\n---\nb: 2\n", "2:1: a file holds one document; take out the second '---'"),
        ("%YAML 1.1\n---\na: 1\n", "1:1: a % directive is not allowed; delete it"),
        ("a:\n  中\tb\n", "2:4: a tab is not allowed; use spaces"),
        ("a: x # b\tc\n", "1:9: a tab is not allowed; use spaces"),
        ("a: b\u200bc\n", "1:5: an invisible character, U+200B; delete it"),
        ("a: b\x00\n", "1:5: an invisible character, U+0000; delete it"),
        ("", "1:1: the file is empty"),
        ("# only a comment\n", "1:1: the file is empty"),
        ("---\n", "1:1: the file is empty"),
        ("a: [1, 2\nb: 3\n", "2:2: not valid YAML: did not find expected ',' or ']'"),
        ("a: b: c\n", "1:5: not valid YAML: mapping values are not allowed in this context"),
    ],
)
def test_refused_files(text: str, problem: str) -> None:
    assert problems_of(text) == [problem]


def test_full_width_punctuation_is_pointed_out() -> None:
    (problem,) = problems_of("a: 1\nzh：申请\nb: 2\n")
    assert "line 2 has the full-width character ：" in problem


def test_a_file_in_another_encoding() -> None:
    (problem,) = problems_of("a: 1\nname: 中心\n".encode("gb18030"))
    assert problem == "2:7: this is not UTF-8; save the file with the encoding UTF-8"
    assert problems_of("a: 1".encode("utf-16"))[0].startswith("1:1: this is not UTF-8")


def test_limits() -> None:
    assert data_of("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert problems_of("[" * 5000) == ["1:41: nested more than 40 levels deep"]
    assert problems_of(b"a" * (MAX_BYTES + 1)) == ["1:1: the file is larger than 2 MB"]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"none\.yaml:1:1: the file cannot be read: No such file"):
        read(tmp_path / "none.yaml")
    with pytest.raises(LoadError, match="cannot be read"):
        read(tmp_path)


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("a: yes\nb:\n  - 012\n  - *x\na: 2026-02-30\nc:\tz\n", encoding="utf-8")
    with pytest.raises(LoadError) as refusal:
        read(path)
    assert [(p.line, p.column, p.code) for p in refusal.value.problems] == [
        (1, 4, "ambiguous"),
        (3, 5, "ambiguous"),
        (4, 5, "alias"),
        (5, 1, "duplicate_key"),
        (5, 4, "ambiguous"),
        (6, 3, "tab"),
    ]
    assert str(refusal.value).startswith(f"{path}:1:4: yes can be read in several ways")
    assert refusal.value.text("zh").splitlines()[1] == (
        f"{path}:3:5: 012 有多种读法；请写 12，或加引号"
    )


# --- models -------------------------------------------------------------------------------------


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Words(Strict):
    zh: str
    en: str


class Before(Strict):
    on_or_before: str
    cite: str | None = None


class Every(Strict):
    all: list[Condition]


def _kind(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else ()
    return next((key for key in ("on_or_before", "all") if key in keys), None)


Condition = Annotated[
    Annotated[Before, Tag("on_or_before")] | Annotated[Every, Tag("all")], Discriminator(_kind)
]


class Deviation(Enum):
    REFUSE = "refuse"
    WARN = "warn"


class Act(Strict):
    name: Words
    by: str | list[str] = "x"
    when: list[Condition] = []
    deviation: Deviation = Deviation.WARN
    strength: Literal["must", "usual", "principle"] = "must"
    term: bool | int | Decimal | date | str | Words = 1
    choice: Literal["first", "second"] | Words = "first"
    from_: date | None = Field(default=None, alias="from")
    count: int = Field(default=1, ge=1, le=5)
    pair: tuple[int, str] = (1, "a")
    ratio: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] = {}

    @model_validator(mode="after")
    def _checked(self) -> Act:
        if self.count == 5:
            raise Bilingual("不能是五", "five will not do")
        if self.count == 4:
            raise ValueError("four neither")
        return self


class Programme(Strict):
    in_force: date
    title: str = ""
    acts: dict[str, Act] = {}
    by_number: dict[int, Words] = {}


Every.model_rebuild()
HEAD = "in_force: 2026-02-01\nacts:\n  one:\n    name: {zh: 甲, en: a}\n"


def load(tmp_path: Path, text: str) -> Programme:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return load_model(path, Programme)


def test_a_sound_file_becomes_a_model(tmp_path: Path) -> None:
    programme = load(tmp_path, f"{HEAD}    from: 2026-03-01\n    term: 0.5\n")
    assert programme.acts["one"].from_ == date(2026, 3, 1)
    assert programme.acts["one"].term == Decimal("0.5")


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("bye: x", "5:5", "unknown key 'bye'; did you mean 'by'?"),
        ("qqq: x", "5:5", "unknown key 'qqq'; allowed: name, by, when, deviation, strength, "),
        ("form: 2026-01-01", "5:5", "unknown key 'form'; did you mean 'from'?"),
        ("by: 5", "5:9", "'by' must be text or a list, not the number 5"),
        ("by: [a, 3]", "5:13", "item 2 of 'by' must be text, not the number 3; put it in quotes"),
        ("deviation: refuze", "5:16", "'deviation' cannot be the text 'refuze'; did you mean 'ref"),
        ("strength: principal", "5:15", "'strength' cannot be the text 'principal'; did you mean "),
        (
            "strength: zzz",
            "5:15",
            "'strength' cannot be the text 'zzz'; allowed: must, usual, prin",
        ),
        ("when: [{on_or_before: a, sight: b}]", "5:30", "unknown key 'sight'; allowed: on_or_bef"),
        ("when: [{on_or_befor: a}]", "5:12", "cannot tell which kind item 1 of 'when' is; did yo"),
        ("when: [{all: [{on_or_before: [a]}]}]", "5:20", "'on_or_before' must be text, not a list"),
        ("when: word", "5:11", "'when' must be a list, not the text 'word'"),
        ("term: {zh: a, en: 1}", "5:23", "'en' must be text, not the number 1; put it in quotes"),
        ("term: {zh: a}", "5:5", "'en' is missing in 'term'"),
        ("term: [1]", "5:5", "'term' must be true or false or an integer or a number or a date "),
        ("choice: secnd", "5:13", "'choice' must be one of first, second or a mapping (key: value"),
        ("choice: secnd", "5:13", "not the text 'secnd'; did you mean 'second'?"),
        ("choice: {zh: a}", "5:5", "'en' is missing in 'choice'"),
        ('from: "2026"', "5:11", "'from' must be a date such as 2026-02-10, not the text '2026'"),
        ("count: two", "5:12", "'count' must be an integer, not the text 'two'"),
        ("count: 9", "5:12", "'count' must be at most 5"),
        ("count: 2.5", "5:12", "'count' must be an integer, not the number 2.5"),
        ("count: 5", "3:3", "five will not do"),
        ("count: 4", "3:3", "four neither"),
        ("pair: [1]", "5:5", "item 2 of 'pair' is missing"),
        ("ratio: {A1: 2}", "5:13", "'A1' is not of the form ^[a-z]+$"),
        ("ratio: {a: null}", "5:16", "'a' must be an integer, not null"),
        ("ratio: {a: 2026-01-01}", "5:16", "'a' must be an integer, not the date 2026-01-01"),
    ],
)
def test_what_the_model_refuses(tmp_path: Path, line: str, place: str, message: str) -> None:
    with pytest.raises(LoadError) as refusal:
        load(tmp_path, f"{HEAD}    {line}\n")
    (problem,) = refusal.value.problems
    assert str(problem).startswith(f"{tmp_path / 'p.yaml'}:{place}: ")
    assert message in problem.en


def test_model_errors_come_together_and_in_chinese(tmp_path: Path) -> None:
    text = "in_froce: 2026-02-01\ntitle: 18.1\nacts:\n  one:\n    name: {zh: 甲, eng: a}\n"
    with pytest.raises(LoadError) as refusal:
        load(tmp_path, f"{text}    count: 5\n    pair: [x, a]\nby_number:\n  8: x\n")
    lines = refusal.value.text("zh").replace(str(tmp_path), "").splitlines()
    assert lines == [
        "/p.yaml:1:1: 缺少“in_force”",
        "/p.yaml:1:1: 没有“in_froce”这个键；是不是“in_force”？",
        '/p.yaml:2:8: “title”应是文字，不是数 18.1；请加引号："18.1"',
        "/p.yaml:5:5: “name”缺少“en”",
        "/p.yaml:5:19: 没有“eng”这个键；是不是“en”？",
        "/p.yaml:7:12: “pair”的第 1 项应是整数，不是文字“x”",
        "/p.yaml:9:6: “8”应是一组“键: 值”，不是文字“x”",
    ]
    assert [problem.code for problem in refusal.value.problems[:3]] == [
        "missing",
        "unknown_key",
        "wrong_type",
    ]


def test_a_bilingual_error_keeps_both_languages(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as refusal:
        load(tmp_path, f"{HEAD}    count: 5\n")
    assert (refusal.value.problems[0].zh, refusal.value.problems[0].en) == (
        "不能是五",
        "five will not do",
    )


def test_problems_sort_by_place() -> None:
    late, early = (Problem(FILE, line, 1, "c", "错", "wrong") for line in (10, 9))
    assert LoadError([late, early, late]).problems == (early, late)


# --- folders ------------------------------------------------------------------------------------


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_is_read_as_one_mapping(tmp_path: Path) -> None:
    write(
        tmp_path,
        programme="id: x\nacts:\n  a: 1\ncases:\n  - one\n",
        acts="acts:\n  b: 2\n",
        cases="# more\ncases:\n  - two\n  - {c: 3}\n",
    )
    (tmp_path / "cases").mkdir()
    write(tmp_path / "cases", other="id: not read\n")
    (tmp_path / ".hidden.yaml").write_text("id: not read\n")
    node = read_folder(tmp_path)
    assert node.data == {"id": "x", "acts": {"a": 1, "b": 2}, "cases": ["one", "two", {"c": 3}]}
    assert node.place(("acts", "b")) == (tmp_path / "acts.yaml", 2, 6)
    assert node.place(("cases", 0)) == (tmp_path / "programme.yaml", 5, 5)
    assert node.place(("cases", 2, "c")) == (tmp_path / "cases.yaml", 4, 9)
    assert node.place(()) == (tmp_path / "programme.yaml", 1, 1)


def test_a_key_in_two_files_names_both_places(tmp_path: Path) -> None:
    write(
        tmp_path,
        programme="id: x\nacts:\n  a: 1\nlist: [1]\n",
        zz="acts:\n  b: 1\n  a: 2\nid: z\nlist: {a: 1}\n",
    )
    with pytest.raises(LoadError) as refusal:
        read_folder(tmp_path)
    root, other = tmp_path / "programme.yaml", tmp_path / "zz.yaml"
    assert str(refusal.value).splitlines() == [
        f"{other}:3:3: 'acts.a' is written twice: see {root}:3:3",
        f"{other}:4:1: 'id' is written twice: see {root}:1:1",
        f"{other}:5:1: 'list' is written twice: see {root}:4:1",
    ]


def test_the_problems_of_all_files_come_together(tmp_path: Path) -> None:
    write(tmp_path, programme="a: yes\n", b="- x\n", c="c: [\n")
    (tmp_path / "d.yml").write_text("a: 1\n")
    with pytest.raises(LoadError) as refusal:
        read_folder(tmp_path)
    found = [(problem.path.name, problem.code) for problem in refusal.value.problems]
    assert found == [
        ("b.yaml", "not_a_mapping"),
        ("c.yaml", "syntax"),
        ("d.yml", "file_name"),
        ("programme.yaml", "ambiguous"),
    ]


def test_a_folder_without_its_root_file(tmp_path: Path) -> None:
    write(tmp_path, acts="acts: {}\n")
    with pytest.raises(LoadError, match=r"programme\.yaml:1:1: the file cannot be read"):
        read_folder(tmp_path)


def test_a_model_error_names_the_file_it_stands_in(tmp_path: Path) -> None:
    write(tmp_path, programme="in_force: 2026-02-01\nacts: {}\n", acts="acts:\n  one:\n    by: x\n")
    expected = f"{tmp_path / 'acts.yaml'}:2:3: 'name' is missing in 'one'"
    files = [tmp_path / "programme.yaml", tmp_path / "acts.yaml"]
    for paths in (tmp_path, files):
        with pytest.raises(LoadError) as refusal:
            load_model(paths, Programme)
        assert str(refusal.value) == expected


# --- properties ---------------------------------------------------------------------------------

FRAGMENTS = st.lists(
    st.one_of(
        st.sampled_from(
            [": ", "- ", "\n", "\n  ", "{", "}", "[", "]", ",", "|", ">", "?", "%", "#"]
        ),
        st.sampled_from(
            ["&a ", "*a", "!!str ", "<<", "'", '"', "\\x", "---", "...", "\t", "@", "`"]
        ),
        st.sampled_from(
            ["a", "yes", "012", "1e3", "2026-02-30", "~", "22:30", "：", "\ufeff", "\r"]
        ),
        st.text(max_size=3),
    ),
    max_size=30,
).map("".join)


@pytest.fixture(params=["fast", "pure"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run with the C parser, where there is one, and with PyYAML's own."""
    if request.param == "pure":
        monkeypatch.setattr("banfa.rules.loading._Parser", yaml.SafeLoader)


@pytest.mark.usefixtures("_parser")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(FRAGMENTS, st.text()).map(lambda text: text.encode("utf-8", "replace")))
@example(b'"\\UFFFFFFFF"')
@example(b'a: "\\uD800"')
@example(b"%YAML 1.9999999999\n---\na")
@example(b"\xff\xfe")
def test_any_text_is_data_or_a_load_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(raw)
    try:
        node = read(path)
    except LoadError as error:
        lines = raw.count(b"\n") + raw.count(b"\r") + 2
        assert error.problems and str(error) and error.text("zh")
        assert all(1 <= p.line <= lines and p.column >= 1 for p in error.problems)
    else:
        assert node.place(()).line >= 1


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(), st.dates(), st.text(max_size=4)
)
KEYS = st.one_of(
    st.sampled_from(["acts", "in_force", "a", "zh", "en", "name", "by", "when", "all", "term"]),
    st.sampled_from(["on_or_before", "choice", "from", "pair", "ratio", "by_number", "8"]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, ANYTHING), ANYTHING)
def test_any_data_is_a_model_or_a_load_error(top: dict[str, Any], act: Any) -> None:
    data = {"in_force": date(2026, 2, 1), **top, "acts": {"a": act}}
    node = Node(data, values={(): parse(b"a: 1", FILE).values[()]})
    try:
        validate(node, Programme)
    except LoadError as error:
        assert error.problems and all(problem.zh and problem.en for problem in error.problems)


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML has no C parser here")
def test_reading_is_fast(tmp_path: Path) -> None:
    act = "  a{}:\n    name: {{zh: 甲, en: a}}\n    by: [x, z]\n    count: 3\n    cite: '18.1'\n"
    path = tmp_path / "long.yaml"
    path.write_text("acts:\n" + "".join(act.format(number) for number in range(300)))
    times = []
    for _ in range(5):
        started = perf_counter()
        read(path)
        times.append(perf_counter() - started)
    assert min(times) < 0.06  # seconds for 1,500 lines
