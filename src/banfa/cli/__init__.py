"""The `banfa` command."""

from __future__ import annotations

import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; gives the exit status."""
    args = sys.argv[1:] if argv is None else argv
    from banfa.rules.library import find, ruleset
    from banfa.rules.loading import LoadError

    try:
        if args[:1] == ["check"]:
            for name in args[1:]:
                rs = ruleset(Path(name)) if Path(name).is_dir() else find(name).latest
                print(f"{rs.id}: {len(rs.acts)} acts, {sum(len(a.rules) for a in rs.acts.values())} rules")
        elif args[:1] == ["cases"]:
            from banfa.rules.cases import run_file

            passed = failed = 0
            for name in args[1:]:
                path = Path(name)
                for file in sorted(path.glob("**/*.yaml")) if path.is_dir() else [path]:
                    for result in run_file(file):
                        if result.passed:
                            passed += 1
                        else:
                            failed += 1
                            print(f"{file}: {result.id}")
                            for fault in result.faults:
                                print("   ", fault)
            print(f"{passed} passed, {failed} failed")
            return 1 if failed else 0
    except LoadError as error:
        print(error.text("zh"), file=sys.stderr)
        return 2
    return 0
