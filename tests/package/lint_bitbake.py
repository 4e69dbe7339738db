#!/usr/bin/env python3
"""The form of BitBake files, as far as it can be judged without BitBake: every line is an assignment, a directive, a comment or part of a
function; quotes are closed; variables of the new syntax (`:append`, not `_append`); what a recipe must have; shell functions parse.

usage: lint_bitbake.py FOLDER
"""

import pathlib
import re
import subprocess
import sys

ASSIGNMENT = re.compile(r"^(export )?[A-Za-z0-9_+.${}:/-]+(\[[A-Za-z0-9_-]+\])?\s*(\?\?=|\?=|:=|\+=|=\+|\.=|=\.|=)\s*(?P<value>.*)$", re.S)
DIRECTIVE = re.compile(r"^(inherit|require|include|addtask|deltask|EXPORT_FUNCTIONS) ")
FUNCTION = re.compile(r"^(?P<python>python )?(?P<name>[A-Za-z0-9_:${}-]+)\s*\(\)\s*\{$")
OLD_STYLE = re.compile(r"^[A-Za-z0-9]+_(append|prepend|remove)\b|^(FILES|RDEPENDS|SYSTEMD_SERVICE|USERADD_PARAM|CONFFILES)_\$\{PN\}")
REQUIRED = ("SUMMARY", "LICENSE", "LIC_FILES_CHKSUM")


def logical_lines(text):
    """Line number and text, continued lines joined."""
    number, held = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        yield number, held + line
        held = ""
    if held:
        yield number, held + "\0"


def check_shell(name, body):
    """BitBake's own expansions are words to a shell."""
    plain = re.sub(r"\$\{@[^\n]*?\}(?=[;\s]|$)", "true", "\n".join(body))
    done = subprocess.run(["sh", "-n"], input=re.sub(r"\$\{[^}]*\}", "x", plain), capture_output=True, text=True, check=False)
    return [f"{name}: {done.stderr.strip()}"] if done.returncode else []


def check(path):
    found, names, function, body = [], set(), None, []
    for number, line in logical_lines(path.read_text(encoding="utf-8")):
        at = f"{path.name}:{number}"
        if function:
            if line == "}":
                if not function["python"]:
                    found += check_shell(f"{at}: {function['name']}", body)
                function, body = None, []
            else:
                body.append(line)
            continue
        if not line.strip() or line.startswith("#") or DIRECTIVE.match(line):
            continue
        if OLD_STYLE.match(line):
            found.append(f"{at}: override syntax of before kirkstone: {line}")
        if match := FUNCTION.match(line):
            function = match.groupdict()
        elif match := ASSIGNMENT.match(line):
            names.add(re.match(r"(?:export )?([A-Za-z0-9_]+)", line).group(1))
            value = match.group("value").strip()
            if len(value) < 2 or value[0] not in "\"'" or value[-1] != value[0]:
                found.append(f"{at}: the value is not in quotes: {line}")
        else:
            found.append(f"{at}: neither assignment nor directive: {line}")
    if function:
        found.append(f"{path.name}: {function['name']} is not closed")
    if path.suffix == ".bb":
        found += [f"{path.name}: no {name}" for name in REQUIRED if name not in names]
    return found


def main():
    files = [path for pattern in ("*.bb", "*.conf") for path in sorted(pathlib.Path(sys.argv[1]).rglob(pattern))]
    found = [line for path in files for line in check(path)]
    print("\n".join(found))
    sys.exit(1 if found or not files else 0)


if __name__ == "__main__":
    main()
