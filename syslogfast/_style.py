"""What 10,000 encoders share, for the twin; in C, `record.pxd` has it in the Layout of each."""

from syslogfast._options import this_process
from syslogfast._structured_data import render_elements
from syslogfast._text import ESCAPES
from syslogfast._timestamp import FORMS, choose_renderer
from syslogfast.constants import NO_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from syslogfast._options import Settings
    from syslogfast._text import Escapes
    from syslogfast._timestamp import Form, Renderer

    Hot: TypeAlias = "tuple[list[bytes], Renderer, Form, int, bytes, Escapes, str | None]"


class SharedLayout:
    """What an encoder has in common with its siblings, who differ in their names alone."""

    __slots__ = (
        "attributes",
        "bom",
        "elements",
        "escapes",
        "form",
        "framing",
        "hot",
        "lead",
        "max_size",
        "msgid",
        "options",
        "param_escapes",
        "process",
        "protocol",
        "space",
        "starts",
        "timestamp",
    )

    def __init__(self, settings: "Settings") -> "None":
        self.options = settings.options
        self.protocol: str = self.options["protocol"]
        version = "1 " if self.protocol == "rfc5424" else ""
        # RFC 5424 6.2.1: PRI = "<" PRIVAL ">", without leading zeros
        self.starts = [
            settings.start + f"<{settings.lowest + code}>{version}".encode() for code in range(8)
        ]
        self.timestamp = choose_renderer(self.protocol)
        self.form = FORMS[settings.local_time, settings.precision]
        self.process = this_process()
        self.msgid = settings.msgid
        self.framing = self.options["framing"]
        self.escapes, self.param_escapes = ESCAPES[settings.rule]
        self.msg_separator = settings.msg_separator
        self.bom = len(settings.msg_separator) > 1
        self.max_size = settings.max_size
        # What the names may take, and the message, if there is no more in the header than can be.
        self.space = settings.max_size - settings.longest + len(settings.fields)
        self.elements = b""
        if self.options["structured_data"] is not None:
            self.elements = render_elements(self.options["structured_data"], self.param_escapes)
        if len(self.elements) > self.max_size:
            self.elements = b""  # no record holds it
        self.attributes = self.options["attributes"]
        self.hot = self.list_hot()

    def list_hot(self) -> "Hot":
        """Return what `encode` needs for each record: to unpack a tuple is fast."""
        return (
            self.starts,
            self.timestamp,
            self.form,
            self.max_size,
            self.msg_separator,
            self.escapes,
            self.framing,
        )

    def without_limit(self) -> "SharedLayout":
        """Return another style, of records of any size."""
        other: SharedLayout = object.__new__(SharedLayout)
        for name in SharedLayout.__slots__:
            setattr(other, name, getattr(self, name))
        other.max_size = NO_LIMIT
        other.hot = other.list_hot()
        return other
