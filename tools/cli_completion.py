"""Completions of bash, zsh and fish from the command lines (tools/cli_model)."""
import re

NOTE = "made by tools/cli_docs.py from the definition of the command line; change that, not this file."
# The names that `campush retry` takes, from the configuration that was named on the line so far.
SESSIONS_AWK = "NR > 1 && NF > 4 { name = $1 \"/\" $2 \"/\" $3; if (!seen[name]++) print name }"


def kind_of(option):
    """What completes a value: files, folders, sessions, a list of words, or nothing."""
    value = option["value"]
    if value in ("FILE", "DIR", "SESSION"):
        return value
    return value.split("|") if re.fullmatch(r"[a-z0-9-]+(\|[a-z0-9-]+)+", value) else ""


def visible(command):
    return [option for option in command["options"] if option["names"]]


def positionals(command):
    return [option for option in command["options"] if not option["names"]]


def function_name(program):
    return "_" + program["name"].replace("-", "_")


def has_sessions(program):
    return any(kind_of(option) == "SESSION" for command in program["commands"] for option in command["options"])


def levels(program):
    """Each command with the name that stands before its options; the program itself has none."""
    return [("", program), *((command["name"], command) for command in program["commands"])]


# bash: without the package bash-completion too, which devices lack.

def bash_reply(option):
    kind = kind_of(option)
    calls = {"FILE": "files", "DIR": "folders", "SESSION": "sessions"}
    return f"{{prefix}}_words '{' '.join(kind)}'" if isinstance(kind, list) else f"{{prefix}}_{calls[kind]}" if kind else ":"


def bash_values(program):
    lines = []
    for name, command in levels(program):
        for option in visible(command):
            if option["value"]:
                patterns = "|".join(f"'{name} {word}'" for word in option["names"])
                lines.append(f"        {patterns}) {bash_reply(option)}; return ;;")
    return lines


def bash_options(program):
    lines = []
    for name, command in levels(program):
        words = [word for option in visible(command) for word in option["names"] if word.startswith("--")]
        words += [below["name"] for below in command["commands"]]
        lines.append(f"        '{name}') words='{' '.join(words)}' ;;")
    return lines


def bash_positionals(program):
    return [f"        '{name}') {bash_reply(option)} ;;"
            for name, command in levels(program) for option in positionals(command)[:1]]


BASH = r"""# bash completion of {name}: {note}
# shellcheck shell=bash

{prefix}_words() {{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}}
{prefix}_files() {{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}}
{prefix}_folders() {{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}}
{sessions}
{prefix}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command='' words='' i
    COMPREPLY=()
    # --config=FILE comes as three words.
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $prev == '=' && $COMP_CWORD -gt 1 ]]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
        {commands}) command=${{COMP_WORDS[i]}}; break ;;
        esac
    done
    case "$command $prev" in
{values}
        *) ;;
    esac
    if [[ $cur != -* ]]; then
        case $command in
{positionals}
        *) ;;
        esac
        [[ ${{#COMPREPLY[@]}} -eq 0 ]] || return
    fi
    case $command in
{options}
    esac
    {prefix}_words "$words"
}}

complete -F {prefix} {name}
"""

BASH_SESSIONS = r"""{prefix}_sessions() {{
    local i config=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            -c|--config)
                [[ ${{COMP_WORDS[i + 1]}} == '=' ]] && i=$((i + 1))
                config=(--config "${{COMP_WORDS[i + 1]/#\~/$HOME}}")
                ;;
        esac
    done
    {prefix}_words "$("${{COMP_WORDS[0]}}" urls "${{config[@]}}" 2>/dev/null | awk '{awk}')"
}}
"""


def bash(program):
    prefix = function_name(program)
    fill = {"name": program["name"], "prefix": prefix, "note": NOTE, "awk": SESSIONS_AWK}
    text = BASH.format(
        **fill, sessions=BASH_SESSIONS.format(**fill) if has_sessions(program) else "",
        commands="|".join(command["name"] for command in program["commands"]) or "''",
        values="\n".join(bash_values(program)).replace("{prefix}", prefix),
        positionals="\n".join(bash_positionals(program)).replace("{prefix}", prefix),
        options="\n".join(bash_options(program)))
    # Nothing of what a program has no use for.
    for name in ("folders", "files"):
        if text.count(f"{prefix}_{name}") == 1:
            text = re.sub(rf"{prefix}_{name}\(\) {{\n.*?\n}}\n", "", text, flags=re.DOTALL)
    text = re.sub(r"    for \(\(i = 1; i < COMP_CWORD; i\+\+\)\); do\n        case [^\n]* in\n        ''\).*?    done\n", "", text, flags=re.DOTALL)
    if not program["commands"]:
        text = text.replace(" words='' i\n", " words=''\n")
    return re.sub(r"\n{3,}", "\n\n", text)


# zsh

def zsh_quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh_text(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def zsh_action(option, program):
    kind = kind_of(option)
    if isinstance(kind, list):
        return f"({' '.join(kind)})"
    return {"FILE": "_files", "DIR": "_files -/", "SESSION": function_name(program) + "_sessions"}.get(kind, " ")


def zsh_specs(command, program):
    for option in visible(command):
        value = f":{zsh_text(option['value'])}:{zsh_action(option, program)}" if option["value"] else ""
        others = "*" if option["is_repeated"] else f"({' '.join(option['names'])})" if len(option["names"]) > 1 else ""
        for name in option["names"]:
            yield zsh_quote(f"{others}{name}[{zsh_text(option['text'])}]{value}")
    for place, option in enumerate(positionals(command), 1):
        yield zsh_quote(f"{'*' if option['is_repeated'] else place}:{option['positional']}:{zsh_action(option, program)}")


def zsh_arguments(command, program, indent):
    space = " " * indent
    return f"{space}_arguments -s \\\n" + " \\\n".join(f"{space}    {spec}" for spec in zsh_specs(command, program))


ZSH_SESSIONS = r"""{prefix}_sessions() {{
    local -a config names
    [[ -n ${{opt_args[--config]:-${{opt_args[-c]}}}} ]] && config=(--config ${{(Q)${{opt_args[--config]:-${{opt_args[-c]}}}}}})
    names=(${{(f)"$(campush urls $config 2>/dev/null | awk '{awk}')"}})
    compadd -a names
}}

"""

ZSH_COMMANDS = r"""{prefix}() {{
    local curcontext=$curcontext state line
    local -A opt_args
    _arguments -C \
{globals} \
        '1:command:->command' \
        '*::argument:->argument' && return
    case $state in
    command)
        local -a commands=(
{commands}
        )
        _describe -t commands command commands
        ;;
    argument)
        curcontext=${{curcontext%:*}}-$line[1]:
        case $line[1] in
{cases}
        esac
        ;;
    esac
}}
"""


def zsh(program):
    prefix = function_name(program)
    text = f"#compdef {program['name']}\n# zsh completion of {program['name']}: {NOTE}\n\n"
    if has_sessions(program):
        text += ZSH_SESSIONS.format(prefix=prefix, awk=SESSIONS_AWK)
    if program["commands"]:
        commands = [f"            {zsh_quote(command['name'] + ':' + zsh_text(command['summary']))}" for command in program["commands"]]
        cases = [f"        {command['name']})\n{zsh_arguments(command, program, 12)}\n            ;;" for command in program["commands"]]
        text += ZSH_COMMANDS.format(prefix=prefix, commands="\n".join(commands), cases="\n".join(cases),
                                    globals=" \\\n".join(f"        {spec}" for spec in zsh_specs(program, program)))
    else:
        text += f"{prefix}() {{\n{zsh_arguments(program, program, 4)}\n}}\n"
    return text + f"\n{prefix} \"$@\"\n"


# fish

def fish_quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_values(option):
    kind = kind_of(option)
    if isinstance(kind, list):
        return f" -x -a {fish_quote(' '.join(kind))}"
    return {"FILE": " -r -F", "DIR": " -x -a '(__fish_complete_directories)'"}.get(kind, " -x")


def fish_option(name, option, condition):
    flags = "".join(f" -s {word[1:]}" if not word.startswith("--") else f" -l {word[2:]}" for word in option["names"])
    values = fish_values(option) if option["value"] else ""
    return f"complete -c {name}{condition}{flags}{values} -d {fish_quote(option['text'])}"


FISH_SESSIONS = r"""function __fish_campush_sessions
    set -l words (commandline -opc)
    set -l config
    if set -l place (contains -i -- --config $words; or contains -i -- -c $words)
        set config --config $words[(math $place + 1)]
    end
    campush urls $config 2>/dev/null | awk '{awk}'
end

"""


def fish(program):
    name = program["name"]
    text = f"# fish completion of {name}: {NOTE}\n\n"
    text += FISH_SESSIONS.format(awk=SESSIONS_AWK) if has_sessions(program) else ""
    lines = [] if any(kind_of(option) == "FILE" for option in positionals(program)) else [f"complete -c {name} -f"]
    for command in program["commands"]:
        lines.append(f"complete -c {name} -n __fish_use_subcommand -a {command['name']} -d {fish_quote(command['summary'])}")
    for word, command in levels(program):
        condition = f" -n '__fish_seen_subcommand_from {word}'" if word else " -n __fish_use_subcommand" if program["commands"] else ""
        lines += [fish_option(name, option, condition) for option in visible(command)]
        lines += [f"complete -c {name}{condition} -a '(__fish_campush_sessions)'"
                  for option in positionals(command) if kind_of(option) == "SESSION"]
    return text + "\n".join(lines) + "\n"
