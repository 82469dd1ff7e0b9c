"""The arguments of the command: what each parser takes, and what a call has given.

argparse would take a third of the time of `send -m`. From the same tables `manual` makes help, man
page and completions.
"""

import sys

from syslogfast._validation import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NoReturn


class ArgumentError(Exception):
    """An argument is wrong, and why."""


class Values:
    """What the arguments have come to, an attribute each."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


class Option:
    """One option, or the words that belong to none.

    names: such as "-m", "--message"; of words the one name that texts have for them.
    action: "store", "append" or "store_true". nargs: None, "?" for a value that may be left out and
    then is `const`, "*" for words. metavar: of the value; type: returns it, for its text.
    """

    def __init__(
        self,
        *names: str,
        dest: str | None = None,
        action: str = "store",
        nargs: str | None = None,
        const: object = None,
        default: object = None,
        choices: "Sequence[str]" = (),
        metavar: str | None = None,
        **others: "Any",
    ) -> None:
        self.names = names
        self.is_word = names[0][:1] != "-"
        long = [name for name in names if name[:2] == "--"]
        self.dest = dest or (long or names)[0].lstrip("-").replace("-", "_")
        self.has_value = action != "store_true"
        self.is_repeated = action == "append"
        self.is_optional = nargs == "?"
        self.const = const
        self.type: Callable[[str], Any] | None = others.pop("type", None)
        self.default = default if self.has_value else False
        self.choices = choices
        self.metavar = metavar or (self.dest.upper() if self.has_value else "")
        self.help: str = others.pop("help", "")
        assert not others

    def __str__(self) -> str:
        return self.metavar if self.is_word else "/".join(self.names)

    def describe(self) -> str:
        """Return its help, with the choices that there are."""
        if not self.choices:
            return self.help
        return f"{', '.join(self.choices)}{self.help and '; '}{self.help}"

    def read(self, text: str) -> "Any":
        """Return the value of a text; ArgumentError: it is none."""
        if self.choices and text not in self.choices:
            known = ", ".join([repr(choice) for choice in self.choices])
            raise ArgumentError(
                f"invalid choice: {describe(text)} (choose from {known}){ask(text, self.choices)}"
            )
        return text if self.type is None else self.type(text)

    def store(self, values: Values, value: object) -> None:
        if self.is_repeated:
            value = [*getattr(values, self.dest), value]
        setattr(values, self.dest, value)


def ask(text: str, names: "Iterable[str]") -> str:
    """Return the end of a message that proposes one of these names; empty if none is near."""
    from syslogfast._name_errors import ask, find_nearest

    return ask(find_nearest(text, names))


class Parser:
    """What one command takes.

    prog: how it is called. what: it does, in a sentence. examples: commands, and what they do.
    list_urls: returns the forms that its URLs may have.
    """

    list_urls: "Callable[[], list[str]] | None" = None

    def __init__(
        self,
        prog: str,
        what: str,
        epilog: str = "",
        examples: "Sequence[tuple[str, str]]" = (),
    ) -> None:
        self.prog = prog
        self.what = what
        self.epilog = epilog
        self.examples = examples
        self.words: Option | None = None
        self.options: list[Option] = []
        self._by_name: dict[str, Option] = {}
        self._defaults: dict[str, object] = {"parser": self}
        self.add_argument("-h", "--help", action="store_true", help="show this help, and end")

    def add_argument(self, *names: str, **properties: "Any") -> None:
        option = Option(*names, **properties)
        if option.is_word:
            self.words = option
        else:
            self.options.append(option)
            for name in names:
                self._by_name[name] = option

    def set_defaults(self, **values: object) -> None:
        self._defaults.update(values)

    def error(self, message: str) -> "NoReturn":
        """End the process: its arguments are wrong."""
        try:
            sys.stderr.write(f"{self.prog}: {message}\n")
        except (AttributeError, OSError, ValueError):
            pass  # it is closed
        raise SystemExit(2)

    def parse_args(self, arguments: "Sequence[str]") -> Values:
        """Return what these arguments say; wrong ones end the process."""
        values = Values()
        for option in (*self.options, *([self.words] if self.words else [])):
            setattr(values, option.dest, [] if option.is_repeated else option.default)
        for name, value in self._defaults.items():
            setattr(values, name, value)
        words: list[str] = []
        unknown: list[str] = []
        left = list(arguments)
        while left:
            argument = left.pop(0)
            if argument == "--":
                words += left
                break
            if argument[:1] != "-" or argument == "-":
                (words if self.words else unknown).append(argument)
            elif argument[:2] == "--":
                self._take_long(values, argument, left, unknown)
            else:
                self._take_short(values, argument, left, unknown)
        if values.help:
            from syslogfast.commands.manual import print_help

            raise SystemExit(print_help(self))
        if unknown or (words and not self.words):
            self._reject(unknown or words)
        if self.words:
            setattr(values, self.words.dest, [self._read(self.words, word) for word in words])
        return values

    def _take_long(
        self, values: Values, argument: str, left: list[str], unknown: list[str]
    ) -> None:
        """Take "--name", "--name value" or "--name=value"."""
        name, equals, text = argument.partition("=")
        option = self._by_name.get(name)
        if option is None:
            unknown.append(argument)
        elif not option.has_value:
            if equals:
                self.error(f"argument {option}: must have no value, got {describe(text)}")
            option.store(values, True)
        elif equals:
            option.store(values, self._read(option, text))
        elif option.is_optional:
            option.store(values, option.const)
        else:
            self._take_next(values, option, left)

    def _take_short(
        self, values: Values, argument: str, left: list[str], unknown: list[str]
    ) -> None:
        """Take "-a", "-abc" if these have no value, "-m value" or "-mvalue"."""
        for index in range(1, len(argument)):
            option = self._by_name.get(f"-{argument[index]}")
            if option is None:
                unknown.append(argument)
                return
            if not option.has_value:
                option.store(values, True)
                continue
            text = argument[index + 1 :]
            if text:
                option.store(values, self._read(option, text))
            else:
                self._take_next(values, option, left)
            return

    def _take_next(self, values: Values, option: Option, left: list[str]) -> None:
        """Take the next argument, whatever it begins with."""
        if not left:
            self.error(f"argument {option}: expected one argument, {option.metavar}")
        option.store(values, self._read(option, left.pop(0)))

    def _read(self, option: Option, text: str) -> "Any":
        try:
            return option.read(text)
        except (ArgumentError, ValueError) as error:
            self.error(f"argument {option}: {error}")

    def _reject(self, unknown: list[str]) -> "NoReturn":
        near = ask(unknown[0].partition("=")[0], self._by_name) or f"; see {self.prog} --help"
        self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
