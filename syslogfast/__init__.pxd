"""What other Cython code may cimport: the encoder, and what it is made of, all without the GIL.

    from syslogfast cimport Encoder, Record, measure_record, read_clock, write_record
"""

from syslogfast._encoder_c cimport Encoder
from syslogfast._record cimport (
    Layout,
    Record,
    Span,
    measure_header,
    measure_record,
    write_header,
    write_record,
)
from syslogfast._text cimport Measure, measure_text, write_text
from syslogfast._timestamp cimport (
    Timestamp,
    read_clock,
    write_rfc3164_timestamp,
    write_rfc5424_timestamp,
)
