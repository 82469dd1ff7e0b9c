"""What other Cython code may cimport: the encoder, and what it is made of, all without the GIL.

    from syslogfast cimport Encoder, Record, Timestamp, encode, fill_record, get_layout, read_clock

All but `get_layout` are noexcept, and never allocate. A Layout is what is constant in the records
of an Encoder: it lives, unchanged, as long as that, to which the caller keeps a reference.
"""

from syslogfast._c.encode cimport MAX_TIMESTAMP, encode, fill_record, write_timestamp
from syslogfast._encoder_c cimport Encoder, get_layout
from syslogfast._c.record cimport (
    Layout,
    Record,
    Span,
    measure_header,
    measure_record,
    write_header,
    write_record,
)
from syslogfast._c.text cimport REPAIR_UTF8, Measure, measure_text, write_text
from syslogfast._c.timestamp cimport (
    Timestamp,
    move_to_rfc3164_zone,
    move_to_rfc5424_zone,
    read_clock,
    write_rfc3164_timestamp,
    write_rfc5424_timestamp,
)
