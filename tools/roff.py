"""Text as man(7) macros: what the manual pages of tools/cli_docs.py are written with."""
import re

SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def escape(text):
    """Text that troff prints as it is. Not for the begin of a line: see line()."""
    return "".join(SPECIAL.get(letter) or (letter if ord(letter) < 128 else f"\\[u{ord(letter):04X}]") for letter in text)


def line(text):
    """An escaped text as a line of its own, which troff must not take for a request."""
    return f"\\&{text}" if text.startswith((".", "'")) else text


def bold(text):
    return f"\\fB{escape(text)}\\fR"


def italic(text):
    return f"\\fI{escape(text)}\\fR"


def inline(markdown):
    """One paragraph of Markdown: `code` becomes bold, a link its text."""
    markdown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("**", "")
    parts = re.split(r"`([^`]*)`", markdown)
    return "".join(bold(part) if place % 2 else escape(part) for place, part in enumerate(parts))


def quoted(text):
    """The argument of a macro."""
    return '"' + text.replace('"', "\\(dq") + '"'


def title(name, section, kind):
    return ['.\\" Made by tools/cli_docs.py; change what it is made from, not this page.',
            f".TH {quoted(escape(name.upper()))} {section} \"\" campush {quoted(kind)}", ".nh", ".ad l"]


def heading(text):
    return f".SH {quoted(escape(text.upper()))}"


def item(term, text):
    """A term and, indented below it, what it means; both are escaped already."""
    return [".TP", line(term), line(text)] if text else [".TP", line(term), "\\&"]


def code(lines):
    return [".PP", ".RS 4", ".nf", *(line(escape(text)) for text in lines), ".fi", ".RE"]


def see_also(*pages):
    """Pages as "campush(1)"."""
    links = (page.partition("(") for page in pages)
    return [heading("See also"), ", ".join(f"{bold(name)}({section}" for name, _, section in links)]


def table_rows(markdown, first_column):
    """The rows of every Markdown table whose first column has this title, each a list of cells."""
    is_inside = False
    for text in markdown.splitlines():
        if not text.startswith("|"):
            is_inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", text)[1:-1]]
        if cells[0] == first_column:
            is_inside = True
        elif is_inside and not set(cells[0]) <= set("-: "):
            yield cells
