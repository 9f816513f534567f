"""Strict YAML: read files, know where everything is written, report every error at once.

Programme files are written by people who are not programmers. So a file says one thing only:
whatever YAML would read in a surprising way is refused with what to write instead, and every
error carries file, line and column and is worded in Chinese and English.

    node = read_folder(Path("programmes/nitec"))    # data and positions, or LoadError
    programme = validate(node, Programme)           # a model, or LoadError
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

MAX_BYTES = 2_000_000
MAX_DEPTH = 40

Data: TypeAlias = "bool | int | Decimal | str | date | list[Data] | dict[str, Data] | None"
Loc: TypeAlias = tuple[str | int, ...]
Words: TypeAlias = tuple[str, str]  # the same words in Chinese and English
Language: TypeAlias = Literal["zh", "en"]
Model = TypeVar("Model", bound=BaseModel)

_Parser: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Bilingual(ValueError):
    """A ValueError that says what is wrong in Chinese and English; `str` gives the English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.zh = zh
        self.en = en

    def __str__(self) -> str:
        return self.en


class Place(NamedTuple):
    """Where something is written; line and column count from 1, a Chinese character is one."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error in a file: its place, a stable code, and the message in two languages."""

    path: Path
    line: int
    column: int
    code: str
    zh: str
    en: str

    def text(self, language: Language = "en") -> str:
        """Return `file:line:column: message` in the language asked for."""
        message = self.zh if language == "zh" else self.en
        return f"{self.path}:{self.line}:{self.column}: {message}"

    def __str__(self) -> str:
        return self.text()


class LoadError(Exception):
    """Everything that is wrong with what was read; `problems` are in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__(self.text())

    def text(self, language: Language = "en") -> str:
        """Return all problems, one a line, in the language asked for."""
        return "\n".join(problem.text(language) for problem in self.problems)


@dataclass(slots=True)
class Node:
    """What was read: plain data, and where every key and every value is written.

    Positions are found by the path of keys and list indexes that leads to the value; the empty
    path is the whole.
    """

    data: Data
    keys: dict[Loc, Place] = field(default_factory=dict)
    values: dict[Loc, Place] = field(default_factory=dict)

    def place(self, loc: Loc) -> Place:
        """Return where `loc` is written, or the nearest thing above it that is written.

        A scalar is found at its value, a mapping or list at its key.
        """
        while loc and loc not in self.values:
            loc = loc[:-1]
        if loc in self.keys and isinstance(_at(self.data, loc), dict | list):
            return self.keys[loc]
        return self.values[loc]

    def problem(self, loc: Loc, code: str, zh: str, en: str) -> Problem:
        """Return a problem placed at `loc`: for checks that come after loading."""
        return Problem(*self.place(loc), code, zh, en)


def read(path: Path) -> Node:
    """Read one YAML file. Raises LoadError with every problem found."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        zh, en = f"文件无法读取：{reason}", f"the file cannot be read: {reason}"
        raise LoadError([Problem(path, 1, 1, "unreadable", zh, en)]) from error
    return parse(raw, path)


def parse(raw: bytes, path: Path) -> Node:
    """Read YAML that is already in memory; `path` only names it in messages.

    Raises LoadError with every problem found.
    """
    reader = _Reader(path)
    node = reader.read(raw)
    if reader.problems:
        raise LoadError(reader.problems)
    return node


def read_folder(folder: Path, root: str = "programme.yaml") -> Node:
    """Read `root` and the other `*.yaml` beside it, subfolders left out, as one mapping.

    A top-level mapping or list may be spread over several files; a scalar, or a key within such
    a mapping, stands in one file only. Raises LoadError with the problems of all files.
    """
    stray = [_misnamed(path) for path in _visible(folder, "*.yml")]
    others = [path for path in _visible(folder, "*.yaml") if path.name != root]
    return _read_merged([folder / root, *others], stray)


def load_model(paths: Path | Sequence[Path], model: type[Model]) -> Model:
    """Read one file, a folder, or several files as one mapping, and validate it.

    Raises LoadError: the problems of the files, or, once these are sound, of the model.
    """
    if not isinstance(paths, Path):
        return validate(_read_merged(paths, []), model)
    return validate(read_folder(paths) if paths.is_dir() else read(paths), model)


def validate(node: Node, model: type[Model]) -> Model:
    """Build `model` from what was read. Raises LoadError with every error at its place."""
    try:
        return model.model_validate(node.data)
    except ValidationError as error:
        raise LoadError(_explain(error, node, model)) from None


def _at(data: Data, loc: Loc) -> Data:
    found: Any = data
    for step in loc:
        found = found[step]
    return found  # type: ignore[no-any-return]


# --- reading one file ---------------------------------------------------------------------------

_LINE_END = re.compile(r"\r\n|\r|\n")
# Tabs, control characters, and what no editor shows: zero-width space, stray byte order mark.
_UNSEEN = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ufffe\uffff]")
_ESCAPED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FULL_WIDTH = re.compile("[：，［］｛｝＃－“”]")
_SYNTAX_ZH = {
    "could not find expected ':'": "此处应有冒号“:”",
    "did not find expected ',' or ']'": "此处应有逗号“,”或“]”",
    "did not find expected ',' or '}'": "此处应有逗号“,”或“}”",
    "did not find expected key": "此处应有键；请检查缩进和引号",
    "did not find expected '-' indicator": "此处应有列表项“-”；请检查缩进",
    "did not find expected node content": "此处应有内容",
    "mapping values are not allowed in this context": "此处不能有“键: 值”；请检查缩进，或加引号",
    "block sequence entries are not allowed in this context": "此处不能有列表项；请检查缩进",
    "found unexpected end of stream": "引号没有闭合",
    "found character that cannot start any token": "不能以此字符开头；请加引号",
}


class _Stop(Exception):
    """Nothing more can be read after this problem."""


class _Reader:
    """Builds one Node from parser events and gathers every problem on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.node = Node(None)
        self.lines: list[str] = []
        self.events: Iterator[Any] = iter(())

    def read(self, raw: bytes) -> Node:
        try:
            text = self._without_unseen(self._decoded(raw))
            self.events = iter(yaml.parse(text, Loader=_Parser))
            self._document()
        except _Stop:
            pass
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self._broken(error)
        return self.node

    def _refuse(self, line: int, column: int, code: str, zh: str, en: str) -> None:
        self.problems.append(Problem(self.path, line, column, code, zh, en))

    def _refuse_at(self, mark: Any, code: str, words: Words) -> None:
        self._refuse(mark.line + 1, mark.column + 1, code, *words)

    def _decoded(self, raw: bytes) -> str:
        if len(raw) > MAX_BYTES:
            size = MAX_BYTES // 1_000_000
            words = f"文件超过 {size} MB", f"the file is larger than {size} MB"
            self._refuse(1, 1, "too_large", *words)
            raise _Stop
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = _LINE_END.split(error.object[: error.start].decode("utf-8", "replace"))
            zh = "不是 UTF-8 编码；请用 UTF-8 编码另存此文件"
            en = "this is not UTF-8; save the file with the encoding UTF-8"
            self._refuse(len(before), len(before[-1]) + 1, "not_utf8", zh, en)
            raise _Stop from None

    def _without_unseen(self, text: str) -> str:
        """Refuse tabs and invisible characters, one a line, and go on as if they were spaces."""
        self.lines = _LINE_END.split(text)
        if not _UNSEEN.search(text):
            return text
        for number, line in enumerate(self.lines, 1):
            if found := _UNSEEN.search(line):
                column, code = found.start() + 1, ord(found[0])
                if code == 9:
                    zh, en = "不能用制表符（Tab），请改用空格", "a tab is not allowed; use spaces"
                else:
                    zh = f"有不可见字符 U+{code:04X}，请删除"
                    en = f"an invisible character, U+{code:04X}; delete it"
                self._refuse(number, column, "tab" if code == 9 else "invisible", zh, en)
        return _UNSEEN.sub(" ", text)

    def _broken(self, error: Exception) -> None:
        """Report what the parser could not read; it stops at the first such place."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = getattr(error, "problem", None) or str(error)
        zh = _SYNTAX_ZH.get(problem, f"不是合法的 YAML（{problem}）")
        en = f"not valid YAML: {problem}"
        context = getattr(error, "context_mark", None)
        for number in {line, context.line + 1 if context else line}:
            if number <= len(self.lines) and (found := _FULL_WIDTH.search(self.lines[number - 1])):
                zh += f"；第 {number} 行有全角符号“{found[0]}”"
                en += f"; line {number} has the full-width character {found[0]}"
        self._refuse(line, column, "syntax", zh, en)

    def _document(self) -> None:
        next(self.events)  # the stream's start
        event = next(self.events)
        if not isinstance(event, yaml.DocumentStartEvent):
            self._refuse(1, 1, "empty", "文件为空", "the file is empty")
            return
        if event.version or event.tags:
            words = "不能用 % 指令，请删除", "a % directive is not allowed; delete it"
            self._refuse_at(event.start_mark, "directive", words)
        first = next(self.events)
        if isinstance(first, yaml.ScalarEvent) and not first.value and not first.style:
            self._refuse(1, 1, "empty", "文件为空", "the file is empty")
        else:
            self.node.data = self._value(first, ())
        next(self.events)  # the document's end
        event = next(self.events)
        if isinstance(event, yaml.DocumentStartEvent):
            words = (
                "一个文件只能有一份文档，请删除“---”",
                "a file holds one document; take out the second '---'",
            )
            self._refuse_at(event.start_mark, "documents", words)

    def _value(self, event: Any, loc: Loc) -> Data:
        mark = event.start_mark
        self.node.values[loc] = Place(self.path, mark.line + 1, mark.column + 1)
        self._refuse_references(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return None
        if len(loc) >= MAX_DEPTH:
            words = f"嵌套超过 {MAX_DEPTH} 层", f"nested more than {MAX_DEPTH} levels deep"
            self._refuse_at(mark, "too_deep", words)
            raise _Stop
        is_list = isinstance(event, yaml.SequenceStartEvent)
        return self._list(loc) if is_list else self._mapping(loc)

    def _refuse_references(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            words = (
                f"不能用引用 *{event.anchor}；请写出内容，或给文字加引号",
                f"an alias (*{event.anchor}) is not allowed; write it out, or quote the text",
            )
            self._refuse_at(event.start_mark, "alias", words)
        elif event.anchor is not None:
            words = (
                f"不能用锚点 &{event.anchor}；请删除，或给文字加引号",
                f"an anchor (&{event.anchor}) is not allowed; delete it, or quote the text",
            )
            self._refuse_at(event.start_mark, "anchor", words)
        if getattr(event, "tag", None) is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            words = (
                f"不能用标签 {tag}；请删除，或给文字加引号",
                f"a tag ({tag}) is not allowed; delete it, or quote the text",
            )
            self._refuse_at(event.start_mark, "tag", words)

    def _list(self, loc: Loc) -> list[Data]:
        items: list[Data] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*loc, len(items))))
        return items

    def _mapping(self, loc: Loc) -> dict[str, Data]:
        items: dict[str, Data] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, loc)
            mark, place = event.start_mark, (*loc, key)
            if key in items:
                first = self.node.keys[place]
                self._refuse_at(mark, "duplicate_key", _written_twice(key, f"{first.line}"))
            else:
                self.node.keys[place] = Place(self.path, mark.line + 1, mark.column + 1)
            items[key] = self._value(next(self.events), place)
        return items

    def _key(self, event: Any, loc: Loc) -> str:
        """Return a key as the text that is written: `on`, `8` and `true` are plain words here."""
        if not isinstance(event, yaml.ScalarEvent):
            words = "键须为文字", "a key must be plain text"
            self._refuse_at(event.start_mark, "key", words)
            self._value(event, (*loc, ""))
            return ""
        self._refuse_references(event)
        if not event.style and event.value == "<<":
            words = "不能用合并键 <<；请写出内容", "a merge key (<<) is not allowed; write it out"
            self._refuse_at(event.start_mark, "merge_key", words)
        elif not event.value:
            self._refuse_at(event.start_mark, "key", ("冒号前缺少键", "a key is missing here"))
        return str(event.value)

    def _scalar(self, event: Any) -> Data:
        text: str = event.value
        if event.style:
            if event.style == '"' and _ESCAPED.search(text):
                words = "文字中不能有控制字符", "text must not contain control characters"
                self._refuse_at(event.start_mark, "invisible", words)
            return text
        if text and text[0] not in _NUMBER_STARTS and text.lower() not in _LOADED_WORDS:
            return text
        try:
            return _plain(text)
        except Bilingual as refusal:
            self._refuse_at(event.start_mark, "ambiguous", (refusal.zh, refusal.en))
            return text


def _written_twice(key: str, first: str) -> Words:
    return (
        f"“{key}”重复：第 {first} 行已有",
        f"{_quoted(key)} is written twice: it already stands in line {first}",
    )


# --- plain scalars ------------------------------------------------------------------------------

_NUMBER_STARTS = frozenset("0123456789+-.~")
_EXACT_WORDS: dict[str, Data] = {"true": True, "false": False, "null": None}
_LOADED_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?:[Tt]| +)[0-9]{1,2}:[0-9]{2}.*")
_NUMBERLIKE = re.compile(
    r"[-+]?(?:0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|\.[0-9_]+(?:e[-+]?[0-9]+)?"
    r"|\.inf|\.nan|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)",
    re.IGNORECASE,
)


def _plain(text: str) -> Data:
    """Give the one meaning of an unquoted value. Raises Bilingual where YAML knows several."""
    if text in _EXACT_WORDS:
        return _EXACT_WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if found := _DATE.fullmatch(text):
        return _day(text, *map(int, found.groups()))
    if found := _MOMENT.fullmatch(text):
        zh, en = f"只写日期，不写时刻：{found[1]}", f"write the date alone, {found[1]}"
        raise Bilingual(f"{zh}，或加引号", f"{en}, or quote it")
    if not text:
        raise Bilingual("缺少值；请写出值，或写 null", "a value is missing: write it, or null")
    if (instead := _instead(text)) is not None:
        zh = f"请写 {instead[0]}，或加引号" if instead[0] else "请加引号"
        en = f"write {instead[1]}, or quote it" if instead[1] else "quote it"
        raise Bilingual(f"{text} 有多种读法；{zh}", f"{text} can be read in several ways: {en}")
    return text


def _day(text: str, year: int, month: int, day: int) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise Bilingual(f"没有 {text} 这一天", f"there is no such day as {text}") from None
    if found.isoformat() != text:
        raise Bilingual(f"日期请写 {found}，或加引号", f"write the date as {found}, or quote it")
    return found


def _instead(text: str) -> Words | None:
    """Return what to write for an ambiguous value, empty if only quotes help; None if clear."""
    word = text.lower()
    if word in _EXACT_WORDS:
        return word, word
    if word in _LOADED_WORDS:
        return "true 或 false", "true or false"
    if word == "~":
        return "null", "null"
    if not _NUMBERLIKE.fullmatch(text):
        return None
    number = _as_decimal(word.replace("_", ""))
    plain = "" if number is None else format(number, "f")
    return ("", "") if plain == text else (plain, plain)


def _as_decimal(word: str) -> Decimal | None:
    """Return the number meant, or None where it is none or too long to be written out."""
    try:
        based = word.lstrip("+-").startswith(("0x", "0o", "0b"))
        number = Decimal(int(word, 0)) if based else Decimal(word)
    except (InvalidOperation, ValueError):
        return None
    if not number.is_finite() or abs(number.adjusted()) > 17:
        return None
    return number or Decimal(0)


# --- several files as one mapping ---------------------------------------------------------------


def _visible(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    return [path for path in found if path.is_file() and not path.name.startswith(".")]


def _misnamed(path: Path) -> Problem:
    zh, en = "文件名须以 .yaml 结尾", "the file's name must end in .yaml"
    return Problem(path, 1, 1, "file_name", zh, en)


def _read_merged(paths: Sequence[Path], problems: list[Problem]) -> Node:
    merged = Node({})
    for path in paths:
        try:
            node = read(path)
        except LoadError as error:
            problems.extend(error.problems)
            continue
        if isinstance(node.data, dict):
            problems.extend(_merge(merged, node))
        else:
            zh, en = "文件应是一组“键: 值”", "the file must be a mapping (key: value)"
            problems.append(node.problem((), "not_a_mapping", zh, en))
    if problems or not paths:
        raise LoadError(problems)
    return merged


def _merge(whole: Node, part: Node) -> Iterator[Problem]:
    """Add the keys of one file to the whole, and yield what stands in two files."""
    assert isinstance(whole.data, dict) and isinstance(part.data, dict)
    whole.values.setdefault((), part.values[()])
    moved: dict[str, int] = {}
    for key, value in part.data.items():
        known = whole.data.get(key)
        if key not in whole.data:
            whole.data[key] = value
        elif isinstance(known, list) and isinstance(value, list):
            moved[key] = len(known)
            known.extend(value)
        elif isinstance(known, dict) and isinstance(value, dict):
            for sub in known.keys() & value.keys():
                yield _in_two_files(whole, part, (key, sub))
            whole.data[key] = {**known, **value}
        else:
            yield _in_two_files(whole, part, (key,))
    for ours, theirs in ((whole.keys, part.keys), (whole.values, part.values)):
        for loc, place in theirs.items():
            ours.setdefault(_moved(loc, moved), place)


def _moved(loc: Loc, moved: Mapping[str, int]) -> Loc:
    """Return the path after lists were joined: the second file's items come later."""
    if len(loc) > 1 and moved and (by := moved.get(str(loc[0]))) and isinstance(loc[1], int):
        return (loc[0], loc[1] + by, *loc[2:])
    return loc


def _in_two_files(whole: Node, part: Node, loc: Loc) -> Problem:
    first, second = whole.keys[loc], part.keys[loc]
    key = ".".join(map(str, loc))
    zh, en = f"“{key}”重复：{first} 已有", f"{_quoted(key)} is written twice: see {first}"
    return Problem(*second, "duplicate_key", zh, en)


# --- wording what the model refuses -------------------------------------------------------------

_KINDS: dict[str, Words] = {
    "string": ("文字", "text"),
    "int": ("整数", "an integer"),
    "bool": ("true 或 false", "true or false"),
    "decimal": ("数", "a number"),
    "float": ("数", "a number"),
    "date": ("日期（如 2026-02-10）", "a date such as 2026-02-10"),
    "model": ("一组“键: 值”", "a mapping (key: value)"),
    "dict": ("一组“键: 值”", "a mapping (key: value)"),
    "mapping": ("一组“键: 值”", "a mapping (key: value)"),
    "list": ("列表", "a list"),
    "tuple": ("列表", "a list"),
    "set": ("列表", "a list"),
    "frozen": ("列表", "a list"),
    "none": ("null", "null"),
}
_LIMITS: dict[str, Words] = {
    "greater_than": ("须大于 {gt}", "must be more than {gt}"),
    "greater_than_equal": ("不得小于 {ge}", "must be at least {ge}"),
    "less_than": ("须小于 {lt}", "must be less than {lt}"),
    "less_than_equal": ("不得大于 {le}", "must be at most {le}"),
    "string_too_short": ("至少 {min_length} 个字", "must have at least {min_length} characters"),
    "string_too_long": ("至多 {max_length} 个字", "must have at most {max_length} characters"),
    "too_short": ("至少 {min_length} 项", "must have at least {min_length} entries"),
    "too_long": ("至多 {max_length} 项", "must have at most {max_length} entries"),
    "string_pattern_mismatch": ("写法不符（{pattern}）", "is not of the form {pattern}"),
}
_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_key",
    "literal_error": "not_a_choice",
    "enum": "not_a_choice",
    "union_tag_invalid": "not_a_choice",
    "union_tag_not_found": "not_a_choice",
    "value_error": "wrong_value",
    "assertion_error": "wrong_value",
}
_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class _Trail:
    """Where an error's location leads: in the data, and in the model's schema."""

    loc: Loc
    schema: Mapping[str, Any]
    forks: tuple[int, ...] = ()  # indexes of the location's labels of plain unions
    steps: int = 0  # elements of the location passed so far
    lost: int = 0  # elements that neither data nor schema knows
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of the validation and where it leads."""

    error: Mapping[str, Any]
    trail: _Trail

    def code(self) -> str:
        kind = self.error["type"]
        return _CODES.get(kind, "wrong_value" if kind in _LIMITS else "wrong_type")


def _explain(error: ValidationError, node: Node, model: type[BaseModel]) -> list[Problem]:
    follow = _Schema(model).follow
    faults = [_Fault(one, follow(one["loc"], node.data)) for one in error.errors()]
    return [_worded_problem(group, node) for group in _settled(faults, 0)]


def _settled(faults: Sequence[_Fault], fork: int) -> list[list[_Fault]]:
    """Keep, of what the branches of each union say, what the branch says that was meant.

    Each group becomes one problem. A group of several means that no branch fits the kind of value
    that was written.
    """
    settled = [[fault] for fault in faults if len(fault.trail.forks) <= fork]
    unions: dict[tuple[Any, ...], dict[Any, list[_Fault]]] = {}
    for fault in faults:
        if len(fault.trail.forks) > fork:
            loc, at = fault.error["loc"], fault.trail.forks[fork]
            unions.setdefault(loc[:at], {}).setdefault(loc[at], []).append(fault)
    for branches in unions.values():
        best = min(branches.values(), key=lambda branch: (_misfits(branch, fork), len(branch)))
        if _misfits(best, fork):
            settled.append([fault for branch in branches.values() for fault in branch])
        else:
            settled.extend(_settled(best, fork + 1))
    return settled


def _misfits(branch: Sequence[_Fault], fork: int) -> bool:
    """Tell whether a union's branch refuses the value as a whole, as text is not a list."""
    return any(
        len(fault.error["loc"]) == fault.trail.forks[fork] + 1
        and fault.code() in ("wrong_type", "not_a_choice")
        for fault in branch
    )


def _worded_problem(group: Sequence[_Fault], node: Node) -> Problem:
    fault = group[0]
    trail, code = fault.trail, fault.code()
    if len(group) > 1:
        # The value stands where the union does, whatever deeper place the first branch saw.
        own = min(group, key=lambda one: len(one.trail.loc))
        trail, code = own.trail, "wrong_type"
        zh, en = _no_branch_fits(group, own)
    else:
        zh, en = _message(fault)
    if trail.at_key or code == "unknown_key":
        place = node.keys.get(trail.loc) or node.place(trail.loc)
    else:
        place = node.place(trail.loc)
    return Problem(*place, code, zh, en)


def _message(fault: _Fault) -> Words:
    error, loc = fault.error, fault.trail.loc
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return _missing(loc)
    if kind == "extra_forbidden":
        hint = _nearest(loc[-1], _field_names(fault.trail.schema))
        return f"没有“{loc[-1]}”这个键{hint[0]}", f"unknown key {_quoted(loc[-1])}{hint[1]}"
    if kind in ("value_error", "assertion_error"):
        cause = context.get("error")
        if isinstance(cause, Bilingual):
            return cause.zh, cause.en
        return str(cause), str(cause)
    zh, en = _subject(loc)
    if kind in _LIMITS:
        limit_zh, limit_en = _LIMITS[kind]
        return f"{zh}{limit_zh.format(**context)}", f"{en} {limit_en.format(**context)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tags = [str(tag) for tag in fault.trail.schema.get("choices", ())]
        hint = _nearest(context.get("tag", given), tags)
        return f"看不出{zh}是哪一种{hint[0]}", f"cannot tell which kind {en} is{hint[1]}"
    found, wanted = _found(given), _wanted(error)
    if kind in ("literal_error", "enum"):
        hint = _nearest(given, _choices(error))
        return f"{zh}不能是{found[0]}{hint[0]}", f"{en} cannot be {found[1]}{hint[1]}"
    if wanted is None:
        return f"{zh}不合要求：{error['msg']}", f"{en} is not accepted: {error['msg']}"
    hint = _quoting_hint(kind, given)
    return (
        f"{zh}应是{wanted[0]}，不是{found[0]}{hint[0]}",
        f"{en} must be {wanted[1]}, not {found[1]}{hint[1]}",
    )


def _no_branch_fits(group: Sequence[_Fault], own: _Fault) -> Words:
    """Word a value that fits no branch of a union: all that it might have been."""
    zh, en = _subject(own.trail.loc)
    given = own.error["input"]
    here = [fault.error for fault in group if fault.trail.loc == own.trail.loc]
    wanted = list(dict.fromkeys(filter(None, map(_wanted, here))))
    choices = [choice for error in here for choice in _choices(error)]
    every_zh = "、".join(words[0] for words in wanted)
    every_en = " or ".join(words[1] for words in wanted)
    found, hint = _found(given), _did_you_mean(given, choices)
    return (
        f"{zh}应是：{every_zh}；不是{found[0]}{hint[0]}",
        f"{en} must be {every_en}, not {found[1]}{hint[1]}",
    )


def _missing(loc: Loc) -> Words:
    key, owner = loc[-1], loc[:-1]
    if not owner:
        return f"缺少“{key}”", f"{_quoted(key)} is missing"
    if isinstance(key, int):
        zh, en = _subject(loc)
        return f"缺少{zh}", f"{en} is missing"
    zh, en = _subject(owner)
    return f"{zh}缺少“{key}”", f"{_quoted(key)} is missing in {en}"


def _subject(loc: Loc) -> Words:
    """Name the thing at `loc` as its reader would: by its key, or as an item of a list."""
    if not loc:
        return "文件", "the file"
    if isinstance(loc[-1], str):
        return f"“{loc[-1]}”", _quoted(loc[-1])
    zh, en = _subject(loc[:-1])
    return f"{zh}的第 {loc[-1] + 1} 项", f"item {loc[-1] + 1} of {en}"


def _wanted(error: Mapping[str, Any]) -> Words | None:
    """Say what kind of value an error asks for, or None if it asks for nothing of a kind."""
    kind: str = error["type"]
    if kind in ("literal_error", "enum"):
        listed = _listed(_choices(error))
        return " / ".join(listed), f"one of {', '.join(listed)}"
    known = kind.endswith(("_type", "_parsing", "_required")) or "_from_" in kind
    return _KINDS.get(kind.split("_")[0]) if known else None


def _found(value: Any) -> Words:
    """Say what was written instead."""
    if isinstance(value, Mapping):
        return "一组“键: 值”", "a mapping"
    if isinstance(value, list | tuple):
        return "列表", "a list"
    if isinstance(value, bool) or value is None:
        word = {True: "true", False: "false", None: "null"}[value]
        return f" {word}", word
    if isinstance(value, str):
        return f"文字“{_short(value)}”", f"the text {_quoted(value)}"
    if isinstance(value, date):
        return f"日期 {value}", f"the date {value}"
    return f"数 {value}", f"the number {value}"


def _quoting_hint(kind: str, value: Any) -> Words:
    if kind == "string_type" and isinstance(value, bool | int | Decimal | date):
        word = str(value).lower()
        return f'；请加引号："{word}"', f'; put it in quotes: "{word}"'
    return "", ""


def _choices(error: Mapping[str, Any]) -> list[str]:
    """Return the words that an error of a closed list allows; none for other errors."""
    expected = error.get("ctx", {}).get("expected")
    return [] if expected is None else re.findall(r"'([^']*)'", expected) or [expected]


def _field_names(schema: Mapping[str, Any]) -> list[str]:
    """Return the keys that a mapping may have, as its author writes them."""
    fields = schema.get("fields", {})
    items = fields.items() if isinstance(fields, Mapping) else ((f["name"], f) for f in fields)
    aliases = ((name, one.get("validation_alias")) for name, one in items)
    return [alias if isinstance(alias, str) else name for name, alias in aliases]


def _nearest(word: object, allowed: Sequence[str]) -> Words:
    """Suggest what was probably meant; failing that, list what may stand there."""
    close = _did_you_mean(word, allowed)
    if close[0] or not allowed:
        return close
    listed = _listed(allowed)
    return f"；可用：{'、'.join(listed)}", f"; allowed: {', '.join(listed)}"


def _did_you_mean(word: object, allowed: Sequence[str]) -> Words:
    """Suggest the allowed words that resemble a word, or one of a mapping's keys."""
    words = word if isinstance(word, Mapping) else [word]
    close = [near for one in words for near in difflib.get_close_matches(str(one), allowed, n=2)]
    zh, en = "”或“".join(close[:2]), "' or '".join(close[:2])
    return (f"；是不是“{zh}”？", f"; did you mean '{en}'?") if close else ("", "")


def _listed(words: Sequence[str]) -> list[str]:
    return [*words[:_MOST_LISTED], *["…"] * (len(words) > _MOST_LISTED)]


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _quoted(text: object) -> str:
    return f"'{_short(str(text))}'"


# --- following an error's location --------------------------------------------------------------

_INNER = {
    "default": "schema",
    "definitions": "schema",
    "nullable": "schema",
    "model": "schema",
    "dataclass": "schema",
    "function-before": "schema",
    "function-after": "schema",
    "function-wrap": "schema",
    "model-field": "schema",
    "dataclass-field": "schema",
    "lax-or-strict": "lax_schema",
    "json-or-python": "python_schema",
}


class _Schema:
    """A model's core schema, walked to tell data keys from union labels in error locations."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.root: Mapping[str, Any] = model.__pydantic_core_schema__
        listed = self.root.get("definitions", ())
        self.definitions: dict[str, Mapping[str, Any]] = {one["ref"]: one for one in listed}

    def follow(self, rest: Sequence[str | int], data: Any) -> _Trail:
        """Return where a location leads in the data; labels of unions are not part of it."""
        return self._follow(tuple(rest), data, _Trail((), self._core(self.root)))

    def _core(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Unwrap what adds nothing to a location."""
        while True:
            if schema["type"] == "definition-ref":
                schema = self.definitions[schema["schema_ref"]]
            elif schema["type"] in _INNER:
                schema = schema[_INNER[schema["type"]]]
            else:
                return schema

    def _follow(self, rest: Loc, data: Any, trail: _Trail) -> _Trail:
        if not rest:
            return trail
        head, tail = rest[0], rest[1:]
        passed = replace(trail, steps=trail.steps + 1)
        kind = trail.schema["type"]
        if kind == "union":
            passed = replace(passed, forks=(*trail.forks, trail.steps))
            branches = [replace(passed, schema=s) for s in self._branches(trail.schema, head)]
            trails = [self._follow(tail, data, branch) for branch in branches]
            return min(trails, key=lambda one: one.lost)
        if kind == "tagged-union":
            choices = {str(tag): schema for tag, schema in trail.schema["choices"].items()}
            if str(head) in choices:
                inner = self._core(choices[str(head)])
                return self._follow(tail, data, replace(passed, schema=inner))
        if head == "[key]":
            return self._follow(tail, data, replace(passed, at_key=True))
        return self._descend(head, tail, data, passed)

    def _descend(self, head: str | int, tail: Loc, data: Any, trail: _Trail) -> _Trail:
        child = self._child(trail.schema, head)
        if isinstance(data, Mapping) and str(head) in data:
            key: str | int = str(head)
        elif isinstance(data, list) and isinstance(head, int) and head < len(data):
            key = head
        elif child is not None or not tail:
            # A key that should be there, or an item of a list that was written as a scalar.
            reached = replace(trail, loc=(*trail.loc, head), schema=child or trail.schema)
            return self._follow(tail, None, reached)
        else:
            return self._follow(tail, data, replace(trail, lost=trail.lost + 1))
        reached = replace(trail, loc=(*trail.loc, key), schema=child or trail.schema)
        lost = 0 if child is not None or not tail else 1
        return self._follow(tail, data[key], replace(reached, lost=trail.lost + lost))

    def _child(self, schema: Mapping[str, Any], head: str | int) -> Mapping[str, Any] | None:
        """Return the schema of a field or item, or None if there is no such thing."""
        kind = schema["type"]
        found: Any = None
        if "fields" in schema:
            found = _field(schema["fields"], head)
        elif kind == "dict":
            found = schema.get("values_schema")
        elif kind == "tuple":
            items = schema["items_schema"]
            found = items[min(int(head), len(items) - 1)] if items else None
        else:
            found = schema.get("items_schema")
        return None if found is None else self._core(found)

    def _branches(self, union: Mapping[str, Any], label: object) -> list[Mapping[str, Any]]:
        """Return the choices of a plain union that a label may stand for."""
        pairs = [c if isinstance(c, tuple) else (c, None) for c in union["choices"]]
        named = [(self._name(schema, given), schema) for schema, given in pairs]
        word = str(label)
        chosen = (
            [schema for name, schema in named if name == word]
            or [schema for name, schema in named if word.startswith(f"{name}[")]
            or [schema for _, schema in named]
        )
        return [self._core(schema) for schema in chosen]

    def _name(self, schema: Mapping[str, Any], given: str | None) -> str:
        if given is not None:
            return given
        while schema["type"] in ("definition-ref", "default", "definitions"):
            is_ref = schema["type"] == "definition-ref"
            schema = self.definitions[schema["schema_ref"]] if is_ref else schema["schema"]
        named = schema.get("cls") if schema["type"] in ("model", "dataclass") else None
        return named.__name__ if named else str(schema["type"])


def _field(fields: Any, head: str | int) -> Any:
    """Find a field by its alias, or by its name when it has none."""
    items = fields.items() if isinstance(fields, Mapping) else ((f["name"], f) for f in fields)
    for name, one in items:
        if head in (one.get("validation_alias"), name):
            return one["schema"]
    return None
