"""Types of options and statistics, for type checkers: at run time no other module imports this.

Of OPTIONS, as in Encoder.__init__, each function that takes `**options` has those that it allows.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    import ssl

    from syslogfast.transports.failure_report import OnFailure

Parameters: TypeAlias = Mapping[str, object] | Sequence[tuple[str, object]]
StructuredData: TypeAlias = Mapping[str, Parameters] | bytes
Protocol: TypeAlias = Literal["rfc5424", "rfc3164", "local"]
Framing: TypeAlias = Literal["octet", "lf", "nul"] | None
Controls: TypeAlias = Literal["escape", "keep"]
Overflow: TypeAlias = Literal["drop-newest", "drop-oldest", "block"]
Oversize: TypeAlias = Literal["truncate", "mark", "split"]
Multiline: TypeAlias = Literal["escape", "split"]


class CommonOptions(TypedDict, total=False):
    """What they all take."""

    hostname: str | None
    app_name: str | None
    procid: str | int | None
    msgid: str | None
    structured_data: StructuredData | None
    local_time: bool | None
    precision: int
    controls: Controls
    bom: bool
    max_size: int | None
    attributes: Mapping[str, Mapping[str, str] | Literal["extra"]] | None
    header_attributes: Mapping[str, str | Sequence[str]] | None
    enterprise_id: int | str | None
    fqdn: bool


class IdentityOptions(CommonOptions, total=False):
    """Those of `Emitter.child`, whose transport has a protocol and a framing already."""

    facility: int | str
    prefix: bytes


class EncoderOptions(IdentityOptions, total=False):
    """All of them: `Encoder.replace` and `Formatter`."""

    protocol: Protocol
    framing: Framing


class ConnectOptions(IdentityOptions, total=False):
    """Options of Encoder that `connect` takes; None: what the URLs say."""

    protocol: Protocol | None
    framing: Framing


class QueueOptions(TypedDict, total=False):
    """Options of `connect` that a SysLogHandler takes, too."""

    linger: float | None
    queue_bytes: int
    overflow: Overflow
    trace: bool
    on_failure: "OnFailure"
    oversize: Oversize
    multiline: Multiline


class RecordOptions(TypedDict, total=False):
    """Options of `connect` that a SysLogHandler takes, too, if it writes a header."""

    level: int | str | None
    recorder_bytes: int
    dump_level: int | str | None
    sequence_ids: bool


class DeliveryOptions(QueueOptions, RecordOptions, total=False):
    """All options of `connect` but those of Encoder, for functions that call it."""

    timeout: float
    context: "ssl.SSLContext | None"


class HandlerOptions(CommonOptions, QueueOptions, RecordOptions, total=False):
    """Those of SysLogHandler that are no parameters of its own."""

    prefix: bytes


class Counts(TypedDict):
    """What became of all records."""

    offered: int
    sent: int
    queued: int
    dropped: dict[str, int]  # by reason
    truncated: int
    bytes: int


class Stats(Counts):
    """What `Emitter.stats` returns."""

    reconnects: int
    failure: str | None
    recorder: Counts | None  # of the flight recorder
