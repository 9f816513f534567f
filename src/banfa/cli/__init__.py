"""The `banfa` command."""

from __future__ import annotations

import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; gives the exit status."""
    args = sys.argv[1:] if argv is None else argv
    from banfa.rules.library import SHIPPED, edition_folders
    from banfa.rules.lint import check_folder, severity
    from banfa.rules.loading import LoadError

    errors = 0
    try:
        if args[:1] == ["check"]:
            for name in args[1:]:
                path = Path(name)
                if not path.is_dir():
                    folders = edition_folders(name)
                elif (path / "programme.yaml").is_file():
                    folders = [path]
                else:
                    folders = sorted(f.parent for f in path.glob("*/programme.yaml"))
                if not folders:
                    print(f"没有名为“{name}”的办法或文件夹 / no programme '{name}' in {SHIPPED}")
                    errors += 1
                for folder in folders:
                    problems = check_folder(folder)[1]
                    for problem in problems:
                        print(problem.text("zh"))
                    bad = sum(severity(p) == "error" for p in problems)
                    errors += bad
                    print(f"{folder}: {bad} errors, {len(problems) - bad} warnings")
            return 1 if errors else 0
        elif args[:1] == ["cases"]:
            from banfa.rules.cases import run_file

            passed = failed = 0
            for name in args[1:]:
                path = Path(name)
                if not path.exists() and (SHIPPED / name / "cases").is_dir():
                    path = SHIPPED / name / "cases"
                files = sorted(path.glob("**/*.yaml")) if path.is_dir() else [path]
                for file in files:
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
