"""Many records in one go: those that fit, as one."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from syslogfast._encoder_py import Buffer, Encoder


def encode_each(
    encoder: "Encoder",
    severity: "int | str",
    messages: "Sequence[str | Buffer]",
    time_ns: "int | None",
    space: "int | None",
) -> "tuple[bytes, int]":
    """Return the records that fit into `space`, if that is not None, and how many they are."""
    records = []
    for message in messages:
        record = encoder.encode(severity, message, time_ns=time_ns)
        if space is not None:
            space -= len(record)
            if space < 0:
                break
        records.append(record)
    return b"".join(records), len(records)
