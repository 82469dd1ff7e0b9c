"""The calls whose heap allocations and instructions are counted, each of one record.

It runs under valgrind, too, so it imports little.
"""

import logging
from dataclasses import dataclass

from syslogfast import Formatter, _encoder_c

MANY = 100  # records in one call of encode_many_into


@dataclass
class Call:
    """statement: what is run; names: what it names; records: how many it makes."""

    statement: str
    names: "dict[str, object]"
    records: int = 1

    def compile(self):
        """Return a function that runs the statement so many times, and allocates nothing itself."""
        code = f"def run(times):\n for _ in times: {self.statement}\n"
        exec(code, self.names)
        return self.names["run"]


class IdleSender:
    """Sends nothing: what is emitted stays in the queue."""

    def start_lingering(self) -> None:
        pass


def make_emitter(encoder: _encoder_c.Encoder) -> _encoder_c.EmitterBase:
    """Return what is below an Emitter: an encoder and a queue that lingers."""
    queue = _encoder_c.Queue(1 << 30)
    queue.threshold = 1 << 30
    return _encoder_c.EmitterBase(encoder, queue, IdleSender())


def list_calls(identity, message, template, args) -> "dict[str, Call]":
    """Return our own calls by name; the message, and the template with its args, are ASCII."""
    encoder = _encoder_c.Encoder(**identity)
    framed = encoder.replace(framing="lf")
    buffer = bytearray(4096)
    logger = logging.Logger(identity["app_name"])
    start = (logger.name, logging.INFO, __file__, 1)
    plain = logger.makeRecord(*start, message, (), None)
    formatted = logger.makeRecord(*start, template, tuple(args), None)
    own = {"hostname": identity["hostname"], "app_name": identity["app_name"]}
    records = {"record": plain, "encode_record": _encoder_c.Encoder(**own).encode_record}
    return {
        "encode": Call("encode(6, message)", {"encode": encoder.encode, "message": message}),
        "encode_into": Call(
            "encode_into(buffer, 6, message)",
            {"encode_into": framed.encode_into, "buffer": buffer, "message": message},
        ),
        "encode_many_into": Call(
            "encode_many_into(buffer, 6, messages)",
            {
                "encode_many_into": framed.encode_many_into,
                "buffer": bytearray(1 << 17),
                "messages": [message] * MANY,
            },
            MANY,
        ),
        "header": Call("header(6)", {"header": encoder.header}),
        "format_timestamp": Call(
            "format_timestamp()", {"format_timestamp": _encoder_c.format_timestamp}
        ),
        "Formatter.format": Call(
            "format(record)", {"format": Formatter(**own).format, "record": plain}
        ),
        "encode_record": Call("encode_record(record)", records),
        "encode_record, 4 args": Call("encode_record(record)", {**records, "record": formatted}),
        "emit": Call("emit(6, message)", {"emit": make_emitter(framed).emit, "message": message}),
    }
