"""The `banfa` command: check and ask programmes, run cases, look into histories.

Modules behind a command are imported when it runs, so that `banfa --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from banfa.cli.options import LANGUAGES, Parser, language_of

USAGE, UNEXPECTED = 2, 70


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit status.

    0: done; 1: the answer is no (problems, failing cases, a refusal); 2: the call or a file is
    wrong; 70: a fault in Banfa itself (BANFA_DEBUG=1 shows where).
    """
    args = list(sys.argv[1:] if argv is None else argv)
    language = language_of(args)
    try:
        options = parser(language).parse_args(args)
        status = options.run(options)
        sys.stdout.flush()
        return int(status or 0)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else USAGE
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - nobody reads on
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(error, language)


def _failed(error: Exception, language: str) -> int:
    from banfa.cli.options import told

    said = told(error, language)
    if said is not None:
        print(said, file=sys.stderr)
        return USAGE
    if os.environ.get("BANFA_DEBUG") == "1":
        raise error
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    zh = f"程序出错：{what}（设 BANFA_DEBUG=1 可看详情）"
    en = f"a fault in Banfa: {what} (BANFA_DEBUG=1 shows where)"
    print(zh if language == "zh" else en, file=sys.stderr)
    return UNEXPECTED


def parser(language: str) -> argparse.ArgumentParser:
    """The whole command line."""
    from importlib.util import find_spec

    from banfa import __version__
    from banfa.cli.options import add_commands

    zh = language == "zh"
    top = Parser(
        prog="banfa",
        language=language,
        description="使管理办法可执行。"
        if zh
        else "Regulations on innovation centres, executable.",
    )
    told = "显示版本" if zh else "show the version"
    top.add_argument("--version", action="version", version=f"banfa {__version__}", help=told)
    top.add_argument("--lang", choices=LANGUAGES, default=argparse.SUPPRESS, help="zh, en")
    commands = top.add_subparsers(
        dest="command",
        required=True,
        metavar="命令" if zh else "COMMAND",
        title="命令" if zh else "commands",
        parser_class=_parser_class(language),
    )
    add_commands(commands, language)
    if find_spec("banfa.cli.office") is not None:
        from importlib import import_module

        import_module("banfa.cli.office").add_commands(commands)
    return top


def _parser_class(language: str) -> type[Parser]:
    """The parser of commands that others add, in the language asked for."""

    class Spoken(Parser):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**{"language": language, **kwargs})

    return Spoken
