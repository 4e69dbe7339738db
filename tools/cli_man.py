"""Manual pages from the command lines (tools/cli_model)."""
import re

import roff

EXTRA = {
    "campush": [
        ("Files", "What is read and written.", [
            ("/etc/campush/system_config.json", "The configuration, see system_config.json(5)."),
            ("/opt/ceanic/etc/system_config.json", "Read where the first one does not exist."),
            ("/var/lib/campush", "system.state_dir: the lock of the running agent, and what is known of servers over restarts."),
            ("/usr/share/campush/system_config.schema.json", "The JSON Schema of the configuration, for editors."),
            ("/usr/share/campush/campush.rules.yml", "Example alert rules for Prometheus.")]),
        ("Environment", "Addresses may name any variable as {env:NAME}. Besides:", [
            ("XDG_STATE_HOME, TMPDIR", "Where the state folder goes if system.state_dir cannot be written."),
            ("SSL_CERT_DIR, SSL_CERT_FILE", "Trusted CAs instead of the system's."),
            ("RES_OPTIONS", "Options of the resolver; timeout:2 attempts:1 where it is not set.")]),
    ],
}
SEE_ALSO = {
    "campush": ["system_config.json(5)", "campush-sink(1)", "campush-hal-check(1)", "migrate_rtmp_config(1)"],
    "campush-sink": ["campush(1)"],
    "campush-hal-check": ["campush(1)", "system_config.json(5)"],
    "migrate_rtmp_config": ["campush(1)", "system_config.json(5)"],
}


def footer_parts(footer):
    """(paragraphs, [(title, [(term, meaning)])]) of a footer; its shape is described in src/app/cli_definition.h."""
    paragraphs, sections, target = [], [], None
    for block in re.split(r"\n{2,}", footer.strip("\n")):
        lines = block.split("\n")
        if not (len(lines) > 1 and lines[0].endswith(":") and lines[1].startswith("  ")):
            paragraphs.append(" ".join(text.strip() for text in lines))
            continue
        target = []
        sections.append((lines[0][:-1], target))
        for text in lines[1:]:
            if text.startswith("   ") and target:
                term, meaning = target[-1]
                target[-1] = (term, f"{meaning} {text.strip()}".strip())
            else:
                term, _, meaning = text.strip().partition("  ")
                target.append((term, meaning.strip()))
    return paragraphs, sections


def option_term(option):
    if not option["names"]:
        return roff.italic(option["positional"]) + (" ..." if option["is_repeated"] else "")
    names = ", ".join(roff.bold(name) for name in option["names"])
    return f"{names} {roff.italic(option['value'])}" if option["value"] else names


def option_text(option):
    text = option["text"][:1].upper() + option["text"][1:]
    text += f" ({option['range']})" if option["range"] else ""
    text += f" [{option['preset']}]" if option["preset"] else ""
    text += f" (with {', '.join(option['needs'])})" if option["needs"] else ""
    text += " (may be repeated)" if option["is_repeated"] and option["names"] else ""
    return roff.escape(text if text.endswith((".", ")", "]")) else text + ".")


def option_items(options):
    return [text for option in options for text in roff.item(option_term(option), option_text(option))]


def section_items(items):
    return [text for term, meaning in items for text in roff.item(roff.bold(term), roff.escape(meaning))]


def usage(command, prefix):
    """The synopsis after .SY, on one line."""
    words = [roff.bold(f"{prefix}{command['name']}"), "[" + roff.italic("options") + "]"]
    words += [roff.italic("command") + " ..."] if command["commands"] else []
    for option in command["options"]:
        if not option["names"]:
            words.append(option_term(option) if option["is_required"] else f"[{option_term(option)}]")
    return " ".join(words)


def command_page(command, prefix):
    """One command as a subsection of its program's page."""
    paragraphs, sections = footer_parts(command["footer"])
    lines = [f".SS {roff.quoted(prefix + command['name'])}", roff.line(usage(command, prefix)),
             ".PP", roff.line(roff.escape(command["summary"] + "."))]
    for text in paragraphs:
        lines += [".PP", roff.line(roff.escape(text))]
    lines += option_items(option for option in command["options"] if option["names"][:1] != ["-h"])
    for name, items in sections:
        lines += [".PP", roff.bold(name + ":"), ".RS 4", *section_items(items), ".RE"]
    return lines


def groups_of(options):
    groups = {}
    for option in options:
        groups.setdefault("Options" if not option["names"] else option["group"], []).append(option)
    return groups


def reason_section(operations):
    lines = [roff.heading("Reasons"), "Why a session does not publish, or a picture was not sent: the words of status, API, metrics and log, "
             "and what to do."]
    for name, meaning, *_, remedy in roff.table_rows(operations, "reason"):
        lines += roff.item(", ".join(roff.bold(word) for word in re.findall(r"`([^`]*)`", name)),
                           roff.inline(f"{meaning[:1].upper()}{meaning[1:]}. {remedy[:1].upper()}{remedy[1:]}."))
    return lines


def program_page(program, operations):
    name = program["name"]
    paragraphs, sections = footer_parts(program["footer"])
    lines = roff.title(name, 1, "User Commands")
    summary = program["summary"].rstrip(".")
    lines += [roff.heading("Name"), f"{roff.escape(name)} \\- {roff.escape(re.sub(f'^{name} ', '', summary))}"]
    lines += [roff.heading("Synopsis"), roff.line(usage(program, ""))]
    lines += [roff.heading("Description"), roff.line(roff.escape(program["summary"]))]
    for text in paragraphs:
        lines += [".PP", roff.line(roff.escape(text))]
    for group, options in groups_of(program["options"]).items():
        lines += [roff.heading(group) if group == "Options" else f".SS {roff.quoted(roff.escape(group))}"]
        lines += option_items(options)
    if program["commands"]:
        lines.append(roff.heading("Commands"))
        for command in program["commands"]:
            lines += command_page(command, name + " ")
        lines += reason_section(operations)
    for title, text, items in EXTRA.get(name, []):
        lines += [roff.heading(title), roff.escape(text), *section_items(items)]
    for title, items in sections:
        lines += [roff.heading(title), *section_items(items)]
    return "\n".join(lines + roff.see_also(*SEE_ALSO[name])) + "\n"
