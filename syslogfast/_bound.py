"""Fields of a context, such as a request: `bound`, for all emitters."""

from contextvars import ContextVar

from syslogfast._message import print_value
from syslogfast._rare_validation import reject_entered
from syslogfast._structured_data import bind_fields
from syslogfast._validation import find_option
from syslogfast.constants import FIELDS
from syslogfast.emitter import name_own_element, watch_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from typing import Any

    from syslogfast._backend import Encoder

    # By an emitter's encoder how many records it had in a context, then the encoder for the others.
    Encoders = dict[Encoder, "int | Encoder"]

# The fields of all `with` statements around, and what the compiled core keeps of them.
_fields: "ContextVar[tuple[dict[str, object], Encoders]]" = ContextVar("syslogfast.bound")
PLAIN = (str, int, float, bool, type(None))


def make_encoder(encoder: "Encoder", own: "dict[str, object] | None") -> "Encoder":
    """Return an encoder for a context of many records, with these fields of `bind`, and keep it.

    It takes as long to make as some 20 records, which it makes as cheap as those without fields.
    """
    fields, encoders = _fields.get()
    sd_id = name_own_element(encoder, FIELDS)
    made: Encoder = bind_fields(encoder, sd_id, {**fields, **(own or {})})
    encoders[encoder] = made
    return made


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
            find_option(name)
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


watch_bound(_fields, make_encoder)
