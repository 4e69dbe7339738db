#!/usr/bin/env python3
"""Writes docs/configuration.md and docs/man/system_config.json.5 from etc/system_config.schema.json; with --check only says whether
they are up to date (exit 1)."""
import json
import pathlib
import re
import sys

import roff

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "etc" / "system_config.schema.json"
PAGE = ROOT / "docs" / "configuration.md"
MANUAL = ROOT / "docs" / "man" / "system_config.json.5"
EXAMPLE = ROOT / "etc" / "examples" / "usb_camera.json"

INTRODUCTION = """\
# Configuration

One JSON file, `system_config.json`. This page is made from
[etc/system_config.schema.json](../etc/system_config.schema.json) by `tools/config_docs.py`; change the schema, not the page.

- The file is plain JSON (no comments, no trailing commas), at most 1 MiB, nested at most 32 deep. Every mistake is one line with
  file, line, column, JSON pointer, what was found and what is allowed. `campush check` says it without starting anything.
- Paths are relative to the file they stand in, also those of `{file:PATH}` in addresses.
- The `rtmp` section at the top holds defaults. The one of a camera overrides it key by key, and the one of a stream overrides both.
  An address that stands nearer to the stream replaces those above it.
- Two enabled destinations must not push to the same address, fallback addresses included.
- What is valid but not in this build (sources; without CAMPUSH_WITH_LIBRTMP the backend `librtmp` and the schemes rtmpt, rtmpe, rtmpte
  and rtmpts) loads with a warning.
- Files of `tls` and `sign` that are not there yet, or cannot be used, are a warning in `campush run` (they may still come) and an error in
  `campush check`.
- Keys of the old firmware's other parts (`sensor`, `features`, `outputs.rtsp`, `outputs.mp4`) are ignored, with one warning that
  lists them; `outputs.rtmp` is read as `rtmp`. A file with only an `rtmp` section stands for camera 0 with a vendor source.
- An unknown section at the top is ignored with a warning; an unknown key inside a section is an error.
- SIGHUP loads the file again: only what changed restarts. `max_cameras`, `io_threads`, `state_dir`, `start_splay_s`, `reconnect_limit` and `seccomp` need a restart of the process.
"""

# Section of the page, definition of the schema.
SECTIONS = (("system", "system"), ("rtmp", "rtmp"), ("An entry of `rtmp.urls`", "keyed_url"), ("cameras[]", "camera"),
            ("cameras[].streams[]", "stream"), ("source, of a camera or a stream", "source"),
            ("audio, of a camera or a stream", "audio"), ("encoder, of a stream", "encoder"),
            ("fallback, of a stream", "fallback"), ("http", "http"))


def resolved(schema, root):
    """Follows $ref; the description beside it stays."""
    description = schema.get("description")
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return {**schema, "description": description} if description else schema


def number(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def allowed(schema, root):
    """What a key takes, in words."""
    if "allowed" in schema:
        return schema["allowed"]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "oneOf" in schema:
        return " or ".join(allowed(resolved(branch, root), root) for branch in schema["oneOf"])
    kind = schema["type"]
    if kind in ("integer", "number"):
        return f"{kind} {number(schema['minimum'])} to {number(schema['maximum'])}"
    if kind == "boolean":
        return "true, false"
    if kind == "array":
        return f"list of up to {schema['maxItems']}"
    return {"string": "text", "object": "object"}[kind]


def default(schema):
    if "default" not in schema:
        return ""
    return f"`{json.dumps(schema['default'])}`"


def keys_of(properties, root, prefix=""):
    """(full name, schema) of every key, those of an object of ours behind their object."""
    for key, schema in properties.items():
        schema = resolved(schema, root)
        yield prefix + key, schema
        if "properties" in schema and not prefix and "additionalProperties" in schema and key in (
                "log", "reconnect_limit", "retry", "failback", "queue", "adaptive_bitrate", "tls", "sign"):
            yield from keys_of(schema["properties"], root, f"{key}.")


def takes(schema, root):
    return " ".join(filter(None, (allowed(schema, root), schema.get("unit"))))


def rows(properties, root):
    for key, schema in keys_of(properties, root):
        text = schema.get("description", "").replace("|", "\\|")
        yield f"| `{key}` | {takes(schema, root)} | {default(schema)} | {text} |"


def page():
    root = json.loads(SCHEMA.read_text(encoding="utf-8"))
    lines = [INTRODUCTION]
    for title, name in SECTIONS:
        section = root["definitions"][name]
        lines += [f"## {title}", ""]
        if "description" in section:
            lines += [section["description"], ""]
        lines += ["| key | takes | default | meaning |", "|---|---|---|---|", *rows(section["properties"], root), ""]
    return "\n".join(lines)


def manual_key(key, schema, root):
    what = takes(schema, root)
    text = roff.inline(what[:1].upper() + what[1:] + ".")
    if default(schema):
        text += " Default: " + roff.inline(default(schema)) + "."
    if schema.get("description"):
        text += "\n.br\n" + roff.line(roff.inline(schema["description"]))
    return roff.item(roff.bold(key), text)


def manual():
    root = json.loads(SCHEMA.read_text(encoding="utf-8"))
    lines = roff.title("system_config.json", 5, "File Formats")
    lines += [roff.heading("Name"), "system_config.json \\- configuration of the camera push agent campush"]
    lines += [roff.heading("Description"), "What campush pushes, from where, and to which servers."]
    for rule in re.split(r"^- ", INTRODUCTION.split("\n\n", 2)[2], flags=re.MULTILINE)[1:]:
        lines += [".IP \\(bu 2", roff.line(roff.inline(" ".join(rule.split())))]
    lines += [roff.heading("Example"), *roff.code(EXAMPLE.read_text(encoding="utf-8").splitlines())]
    for title, name in SECTIONS:
        section = root["definitions"][name]
        lines.append(f".SH {roff.quoted(roff.escape(title.replace('`', '')))}")
        lines += [roff.line(roff.inline(section["description"]))] if "description" in section else []
        lines += (text for key, schema in keys_of(section["properties"], root) for text in manual_key(key, schema, root))
    return "\n".join([*lines, *roff.see_also("campush(1)", "migrate_rtmp_config(1)")]) + "\n"


def main(arguments):
    if arguments not in ([], ["--check"]):
        print("usage: config_docs.py [--check]", file=sys.stderr)
        return 2
    code = 0
    for path, text in ((PAGE, page()), (MANUAL, manual())):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if arguments:
            print(f"{path.relative_to(ROOT)} is not what the schema says: run tools/config_docs.py", file=sys.stderr)
            code = 1
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
