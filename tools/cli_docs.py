#!/usr/bin/env python3
"""Writes the manual pages (docs/man) and the completions (packaging/completion) of every program from the definitions of their
command lines, and the reasons in campush(1) from docs/operations.md.

usage: cli_docs.py [--check] MODEL

MODEL is the built program campush-cli-model. --check writes nothing and says what is not up to date (exit 1).
docs/man/system_config.json.5 is made by tools/config_docs.py.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import cli_completion
import cli_man
import migrate_rtmp_config

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPERATIONS = ROOT / "docs" / "operations.md"


def option_of(action):
    """An option of argparse as tools/cli_model prints one of CLI11."""
    return {"names": sorted(action.option_strings, key=len), "positional": "" if action.option_strings else action.dest,
            "value": action.metavar or "", "range": "", "preset": "", "text": action.help, "group": "Options", "needs": [],
            "is_required": action.required, "is_repeated": False}


def python_program(parser, name):
    # pylint: disable=protected-access
    return {"name": name, "summary": parser.description, "footer": parser.epilog, "commands": [],
            "options": [option_of(action) for action in parser._actions]}


def programs_of(model):
    done = subprocess.run([model], capture_output=True, text=True, check=True)
    return [*json.loads(done.stdout), python_program(migrate_rtmp_config.make_parser(), "migrate_rtmp_config")]


def files_of(programs, operations):
    completion = ROOT / "packaging" / "completion"
    for program in programs:
        name = program["name"]
        yield ROOT / "docs" / "man" / f"{name}.1", cli_man.program_page(program, operations)
        yield completion / "bash" / name, cli_completion.bash(program)
        yield completion / "zsh" / f"_{name}", cli_completion.zsh(program)
        yield completion / "fish" / f"{name}.fish", cli_completion.fish(program)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("model")
    arguments = parser.parse_args()
    code = 0
    for path, text in files_of(programs_of(arguments.model), OPERATIONS.read_text(encoding="utf-8")):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if arguments.check:
            print(f"{path.relative_to(ROOT)} is not up to date: run tools/cli_docs.py {arguments.model}", file=sys.stderr)
            code = 1
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
