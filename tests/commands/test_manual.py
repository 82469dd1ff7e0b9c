"""Arguments of the command, and what is made of their tables: help, man page, completions."""

import io
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from support.each import try_each

from syslogfast.cli import make_parsers
from syslogfast.commands import manual
from syslogfast.commands.arguments import Parser

PARSERS = make_parsers()
NAMES = [name for parser in PARSERS.values() for option in parser.options for name in option.names]


def render(shell: str | None, monkeypatch: pytest.MonkeyPatch) -> str:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert manual.write_manual(PARSERS, shell, "send lines") == 0
    monkeypatch.undo()
    return out.getvalue()


def make_parser() -> Parser:
    parser = Parser("prog", "do it")
    add = parser.add_argument
    add("words", nargs="*", metavar="WORD")
    add("-a", "--all", action="store_true")
    add("-b", action="store_true")
    add("-n", "--number", type=int, metavar="N")
    add("--id", nargs="?", const="", metavar="ID")
    add("--to", action="append", metavar="URL")
    return parser


@try_each(
    "arguments, expected",
    [
        ([], {"words": [], "all": False, "number": None, "to": [], "id": None}),
        (["x", "-a", "y"], {"words": ["x", "y"], "all": True}),
        (["-ab", "-n5"], {"all": True, "b": True, "number": 5}),
        (["-abn", "-5"], {"all": True, "b": True, "number": -5}),
        (["--number=5", "--to", "a", "--to=b"], {"number": 5, "to": ["a", "b"]}),
        (["--id", "x"], {"id": "", "words": ["x"]}),
        (["--id=x", "-", "--", "-a"], {"id": "x", "words": ["-", "-a"], "all": False}),
        (["--to", "--all"], {"to": ["--all"], "all": False}),
        (["--to="], {"to": [""]}),
    ],
)
def test_arguments(arguments: list[str], expected: dict[str, object]) -> None:
    """As getopt_long(3) takes them, in any order."""
    values = make_parser().parse_args(arguments)
    assert {name: getattr(values, name) for name in expected} == expected


@try_each(
    "arguments, message",
    [
        (["--n"], "unrecognized arguments: --n. Did you mean '-n'?"),
        (
            ["--numbr=1", "-x", "w"],
            "unrecognized arguments: --numbr=1 -x. Did you mean '--number'?",
        ),
        (["-ax"], "unrecognized arguments: -ax; see prog --help"),
        (["-n"], "argument -n/--number: expected one argument, N"),
        (["-n", "x"], "argument -n/--number: invalid literal for int() with base 10: 'x'"),
        (["--all="], "argument -a/--all: must have no value, got ''"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_args(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", f"prog: {message}\n")


@pytest.mark.parametrize("width", [1, 40, 80, 1000])
def test_help_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    """In a terminal of any width; what cannot be broken stays whole."""
    monkeypatch.setattr(manual, "find_width", lambda: max(40, min(width, 100)) - 2)
    for parser in PARSERS.values():
        assert manual.print_help(parser) == 0
        printed = capsys.readouterr().out
        for option in parser.options:
            assert re.search(rf"^  {re.escape(manual.name_option(option))}($|  )", printed, re.M)
        lines = printed.partition("options:")[2].partition("\n\n")[0].splitlines()
        long = [line for line in lines if len(line) > max(40, width) and line.startswith("   ")]
        assert long == []


def test_every_option_has_help_and_every_command_examples() -> None:
    for parser in PARSERS.values():
        assert [str(option) for option in parser.options if not option.describe()] == []
        assert parser.examples


def test_man_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option, environment variable and example is there; man has nothing to complain of."""
    page = render(None, monkeypatch)
    for name in NAMES:
        assert f"\\fB{manual.escape(name)}\\fR" in page
    for parser in PARSERS.values():
        for command, _ in parser.examples:
            assert f"\n{manual.escape(command)}\n" in page
    assert "SYSLOGFAST_URL" in page
    assert not re.search(r"^\.(?![A-Z]|br|ad|nf|fi)|^'", page, re.MULTILINE)
    if shutil.which("groff"):
        command = ["groff", "-man", "-Tutf8", "-ww"]
        done = subprocess.run(command, input=page, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_have_each_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, shell: str
) -> None:
    """And the shell can read them, where it is."""
    text = render(shell, monkeypatch)
    for parser in PARSERS.values():
        for option in parser.options:
            for name in option.names:
                fish = f" -l {name[2:]}" if name[:2] == "--" else f" -s {name[1:]}"
                assert re.search(rf"{re.escape(fish if shell == 'fish' else name)}[ ='\[|)]", text)
    if shutil.which(shell):
        (tmp_path / "completion").write_text(text)
        command = [shell, "-n", str(tmp_path / "completion")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


BASH = """
. ./completion
complete_words() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _syslogfast
    echo "${COMPREPLY[*]}"
}
"""


def test_bash_completes(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    cases = {
        "syslogfast s": "send",
        "syslogfast send --pr": "--priority --prio-prefix --protocol",
        "syslogfast send --protocol rfc": "rfc5424 rfc3164",
        "syslogfast send --protocol = rfc5": "rfc5424",
        "syslogfast send -p no": "notice",
        "syslogfast send fil": "file",
        "syslogfast send -f fil": "file",
        "syslogfast send -t x": "",
        "syslogfast demo --em": "--emitters",
        "syslogfast manual --completion z": "zsh",
    }
    (tmp_path / "completion").write_text(render("bash", monkeypatch))
    (tmp_path / "file").touch()
    program = BASH + "\n".join(f"complete_words {words}" for words in cases)
    done = subprocess.run(
        ["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.splitlines(), done.stderr) == (list(cases.values()), "")


def test_examples_are_understood() -> None:
    """Each of them is one command, after a pipe perhaps, with arguments that it takes."""
    for name, parser in PARSERS.items():
        for command, _ in parser.examples:
            words = shlex.split(command.partition(" | man")[0].partition(" >")[0])
            words = words[words.index("syslogfast") :]
            assert words[1] == name
            parser.parse_args(words[2:])


SHOW_LOADED = """
import sys
from syslogfast.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("target", ["fd://1", "udp://127.0.0.1:9"])
def test_one_record_loads_little(target: str) -> None:
    """What a run does not need is not imported: half of the time of a start was that."""
    command = [sys.executable, "-IS", "-c", SHOW_LOADED, "send", "--to", target, "x"]
    folder = pathlib.Path(manual.__file__).parents[2]
    command[3] = f"import sys; sys.path.insert(0, {str(folder)!r})\n{SHOW_LOADED}"
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "syslogfast.commands.send" in loaded
    needless = {"argparse", "re", "enum", "signal", "gettext", "locale", "socket", "threading"}
    assert loaded & needless == set()
    ours = {name for name in loaded if name.startswith("syslogfast.commands.")}
    assert ours & {f"syslogfast.commands.{name}" for name in ("lines", "follow", "manual")} == set()


def test_the_script_imports_no_more() -> None:
    """It is a file of ours: pip's own, for an entry point, imports `re`."""
    script = pathlib.Path(sys.executable).with_name("syslogfast")
    assert re.findall(r"^(?:import|from) (\S+)", script.read_text(), re.MULTILINE) == [
        "_signal",
        "syslogfast.cli",
    ]
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("syslogfast ")
