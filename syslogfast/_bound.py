"""Fields of a context, such as a request: `bound`, for all emitters."""

from contextvars import ContextVar

from syslogfast._message import print_value
from syslogfast._rare_validation import reject_entered
from syslogfast._validation import find_option
from syslogfast.emitter import watch_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from typing import Any

# The fields of all `with` statements around, and what the compiled core has made of them by now, by
# the emitters' encoders.
_fields: "ContextVar[tuple[dict[str, object], dict[Any, bytes]]]" = ContextVar("syslogfast.bound")
PLAIN = frozenset((str, int, float, bool, type(None)))
KNOWN_NAMES = 1000  # the most that are kept of those that have been found to be no option

_names: "set[str]" = set()


class bound:  # noqa: N801  # as contextlib has it: it stands in a `with` statement
    """Give each record of a context these fields, whoever emits it; a context manager.

    A context is that of `contextvars`: a task of asyncio, a thread, a call of Context.run. They
    stand in one element with those of `Emitter.bind` and of `emit`, which go before them; of two
    statements the inner one goes before the outer. Values are read once, here. TypeError: as in
    `emit`. RuntimeError: each `with` statement needs an object of its own while it lasts.

    >>> log = connect("udp://127.0.0.1:5514")
    >>> with bound(request="r-17"):
    ...     log.info("sold")  # [fields@32473 request="r-17"]
    """

    __slots__ = ("_given", "_token")

    def __init__(self, /, **fields: object) -> None:
        for name, value in fields.items():
            if name not in _names:
                find_option(name)
                if len(_names) < KNOWN_NAMES:
                    _names.add(name)
            if type(value) not in PLAIN:
                fields[name] = print_value(value)
        self._given = fields
        self._token: Token[Any] | None = None

    def __enter__(self) -> None:
        if self._token is not None:
            reject_entered()
        outer = _fields.get(({}, {}))[0]
        self._token = _fields.set(({**outer, **self._given}, {}))

    def __exit__(self, *exc_info: object) -> None:
        if self._token is not None:
            _fields.reset(self._token)
            self._token = None


watch_bound(_fields)
