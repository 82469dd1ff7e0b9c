"""Help, man page and completions: all of them from the parsers of the commands."""

import os

from syslogfast.commands.progress import write_error
from syslogfast.constants import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syslogfast.commands.arguments import Option, Parser

PROG = "syslogfast"
INDENT = 24  # columns before the help of an option
WIDEST = 100  # columns that help takes at most
NARROWEST = 40
ENVIRONMENT = [
    ("SYSLOGFAST_URL", "URLs of collectors, with spaces between them, where --to is not given"),
    ("SYSLOGFAST_BACKEND", "c or python: the encoder that is to be used"),
]


def name_option(option: "Option", separator: str = ", ") -> str:
    """Return how an option is given, such as "-m, --message TEXT"."""
    names = separator.join(option.names)
    if not option.has_value:
        return names
    return f"{names}[={option.metavar}]" if option.is_optional else f"{names} {option.metavar}"


def describe_call(parser: "Parser") -> str:
    words = f" [{parser.words}]..." if parser.words else ""
    return f"{parser.prog} [OPTION]...{words}"


def end_sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def write(lines: list[str]) -> int:
    """Write lines to standard output; return the exit status."""
    try:
        print("\n".join(lines), flush=True)
    except OSError as error:
        return tell_of_output(error)
    return 0


def tell_of_output(error: OSError) -> int:
    """Tell that standard output takes no more; return the exit status."""
    try:
        # Or Python would try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError:
        pass
    if isinstance(error, BrokenPipeError):
        return 0  # whoever read it has had enough
    write_error(f"{PROG}: cannot write to standard output: {error.strerror}\n")
    return 1


# --- help ----------------------------------------------------------------------------------------


def find_width() -> int:
    try:
        width = os.get_terminal_size(1).columns
    except OSError:
        width = 0
    return max(NARROWEST, min(width or WIDEST, WIDEST)) - 2


def fill(text: str, width: int, indent: str) -> list[str]:
    """Return the lines of a text; a word that is longer than a line stays whole."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(indent) + len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return [indent + line for line in lines]


def list_rows(rows: "Iterable[tuple[str, str]]", width: int) -> list[str]:
    """Return two columns; one text above the other where there is no space for that."""
    lines = []
    column = INDENT if width >= 2 * INDENT else 6
    for left, right in rows:
        texts = fill(right, width, " " * column)
        head = f"  {left}"
        if len(head) + 2 <= column:
            texts[0] = head + texts[0][len(head) :]
        else:
            lines.append(head)
        lines += texts if right else []
    return lines


def list_examples(examples: "Sequence[tuple[str, str]]") -> list[str]:
    lines = []
    for command, what in examples:
        lines += [f"  # {what}", f"  {command}"]
    return lines


def print_help(parser: "Parser") -> int:
    width = find_width()
    lines = [f"usage: {describe_call(parser)}", ""]
    lines += [*fill(end_sentence(parser.what), width, ""), ""]
    given = [*([parser.words] if parser.words else []), *parser.options]
    lines += ["options:"]
    for option in given:
        name = str(option) if option.is_word else name_option(option)
        lines += list_rows([(name, option.describe())], width)
    if parser.list_urls:
        lines += ["", "URLs:", *[f"  {form}" for form in parser.list_urls()]]
    if parser.examples:
        lines += ["", "examples:", *list_examples(parser.examples)]
    if parser.epilog:
        lines += ["", *fill(parser.epilog, width, "")]
    return write(lines)


def print_overview(parser: "Parser", commands: "dict[str, Parser]") -> int:
    width = find_width()
    lines = [f"usage: {PROG} COMMAND [OPTION]...", ""]
    lines += [*fill(end_sentence(parser.what), width, ""), "", "commands:"]
    lines += list_rows([(name, command.what) for name, command in commands.items()], width)
    lines += ["", "options:"]
    lines += list_rows([(name_option(o), o.describe()) for o in parser.options], width)
    lines += ["", f"{PROG} COMMAND --help tells the rest; {PROG} manual writes the man page."]
    return write(lines)


# --- man page ------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Return a text as roff has it: nothing in it is a request, and a hyphen is one to copy."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def list_man_options(options: "Iterable[Option]") -> list[str]:
    lines = []
    for option in options:
        names = [f"\\fB{escape(name)}\\fR" for name in option.names]
        value = f"\\fI{escape(option.metavar)}\\fR" if option.has_value else ""
        if value:
            names[-1] += f"[={value}]" if option.is_optional else f" {value}"
        lines += [".TP", ", ".join(names), escape(option.describe())]
    return lines


def render_man_page(commands: "dict[str, Parser]", what: str) -> list[str]:
    lines = [f'.TH SYSLOGFAST 1 "" "syslogfast {VERSION}" "User Commands"', ".ad l"]
    lines += [".SH NAME"]
    lines += [f"syslogfast \\- {escape(what)}", ".SH SYNOPSIS"]
    for parser in commands.values():
        lines += [f"\\fB{escape(parser.prog)}\\fR [\\fIOPTION\\fR]..."]
        lines[-1] += f" [\\fI{escape(str(parser.words))}\\fR]..." if parser.words else ""
        lines += [".br"]
    for name, parser in commands.items():
        lines += [f'.SH "{name.upper()}"', escape(end_sentence(parser.what))]
        if parser.words:
            lines += [".TP", f"\\fI{escape(str(parser.words))}\\fR"]
            lines += [escape(parser.words.describe())]
        lines += list_man_options(parser.options)
        if parser.epilog:
            lines += [".PP", escape(parser.epilog)]
        if parser.list_urls:
            lines += [".PP", "URLs:"]
            lines += [line for form in parser.list_urls() for line in (".br", escape(form))]
        for command, effect in parser.examples:
            lines += [".PP", escape(end_sentence(effect))]
            lines += [".RS", ".nf", escape(command), ".fi", ".RE"]
    lines += [".SH ENVIRONMENT"]
    for variable, use in ENVIRONMENT:
        lines += [".TP", f"\\fB{variable}\\fR", escape(use)]
    lines += [".SH SEE ALSO", "\\fBlogger\\fR(1), \\fBsyslog\\fR(3)"]
    return lines


# --- completions ---------------------------------------------------------------------------------


def list_values(option: "Option") -> "Sequence[str]":
    """Return the values of an option, where they are few."""
    if option.dest == "priority":
        from syslogfast.constants import SEVERITIES

        return list(SEVERITIES)
    return option.choices


def takes_file(option: "Option") -> bool:
    return option.metavar.startswith("FILE")


def render_bash(commands: "dict[str, Parser]") -> list[str]:
    lines = ["# syslogfast manual --completion bash", "_syslogfast() {"]
    lines += ["    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}"]
    lines += ["    local words=", "    COMPREPLY=()"]
    lines += ['    [[ $before == "=" ]] && before=${COMP_WORDS[COMP_CWORD-2]}']
    lines += ['    [[ $current == "=" ]] && current=', "    if ((COMP_CWORD == 1)); then"]
    lines += [f"        words='{' '.join(commands)} --help --version'", "    else"]
    lines += ["        case ${COMP_WORDS[1]} in"]
    for name, parser in commands.items():
        names = " ".join([option for each in parser.options for option in each.names])
        lines += [f"        {name})", f"            words='{names}'"]
        lines += ["            case $before in"]
        for option in parser.options:
            if not option.has_value or option.is_optional:
                continue
            pattern = "|".join(option.names)
            if takes_file(option):
                action = 'COMPREPLY=($(compgen -f -- "$current")); return'
            else:
                action = f"words='{' '.join(list_values(option))}'"
            lines += [f"            {pattern}) {action} ;;"]
        lines += ["            esac"]
        if parser.words and takes_file(parser.words):
            lines += ["            if [[ $current != -* && $words == *--* ]]; then"]
            lines += ['                COMPREPLY=($(compgen -f -- "$current")); return']
            lines += ["            fi"]
        lines += ["            ;;"]
    lines += ["        esac", "    fi"]
    lines += ['    COMPREPLY=($(compgen -W "$words" -- "$current"))', "}"]
    lines += ["complete -o filenames -F _syslogfast syslogfast"]
    return lines


def quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def quote_for_zsh(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, f"\\{character}")
    return text


def render_zsh(commands: "dict[str, Parser]") -> list[str]:
    lines = ["#compdef syslogfast", "# syslogfast manual --completion zsh", "_syslogfast() {"]
    lines += ["    if ((CURRENT == 2)); then", "        local -a commands=("]
    lines += [
        f"            {quote(f'{name}:{quote_for_zsh(parser.what)}')}"
        for name, parser in commands.items()
    ]
    lines += ["        )", "        _describe command commands", "        return", "    fi"]
    lines += ["    case ${words[2]} in"]
    for name, parser in commands.items():
        lines += [f"    {name})", "        shift words; ((CURRENT--))", "        _arguments \\"]
        for option in parser.options:
            values = list_values(option)
            kind = "_files" if takes_file(option) else f"({' '.join(values)})" if values else " "
            value = ""
            if option.has_value:
                value = f"{':' * (1 + option.is_optional)}{quote_for_zsh(option.metavar)}:{kind}"
            what = quote_for_zsh(option.describe().split(";")[0])
            for each in option.names:
                equals = "=" if option.has_value and each[:2] == "--" else ""
                equals = "=-" if equals and option.is_optional else equals
                star = "*" if option.is_repeated else ""
                lines += [f"            {quote(f'{star}{each}{equals}[{what}]{value}')} \\"]
        words = "'*:file:_files'" if parser.words and takes_file(parser.words) else ""
        lines[-1:] = [f"{lines[-1]}", f"            {words}"] if words else [lines[-1][:-2]]
        lines += ["        ;;"]
    lines += ["    esac", "}", '_syslogfast "$@"']
    return lines


def render_fish(commands: "dict[str, Parser]") -> list[str]:
    lines = ["# syslogfast manual --completion fish", "complete -c syslogfast -f"]
    for name, parser in commands.items():
        first = f"complete -c syslogfast -n __fish_use_subcommand -a {name}"
        lines += [f"{first} -d {quote(parser.what)}"]
        condition = quote(f"__fish_seen_subcommand_from {name}")
        for option in parser.options:
            line = f"complete -c syslogfast -n {condition}"
            for each in option.names:
                line += f" -l {each[2:]}" if each[:2] == "--" else f" -s {each[1:]}"
            if option.has_value and not option.is_optional:
                line += " -r"
            values = list_values(option)
            if values:
                line += f" -a {quote(' '.join(values))}"
            elif takes_file(option):
                line += " -F"
            lines += [f"{line} -d {quote(option.describe().split(';')[0])}"]
        if parser.words and takes_file(parser.words):
            lines += [f"complete -c syslogfast -n {condition} -F"]
    return lines


COMPLETIONS = {"bash": render_bash, "zsh": render_zsh, "fish": render_fish}


def write_manual(commands: "dict[str, Parser]", shell: str | None, what: str) -> int:
    """Do what `syslogfast manual` says; return the exit status."""
    return write(COMPLETIONS[shell](commands) if shell else render_man_page(commands, what))
