"""The examples of RFC 5424 6.5, and what they mean."""

from support.grammar import Rfc5424Record

EVENT = 'exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"'
EVENT_PARSED = (
    "exampleSDID@32473",
    [("iut", "3"), ("eventSource", "Application"), ("eventID", "1011")],
)
HIGH_PARSED = ("examplePriority@32473", [("class", "high")])

RFC5424_EXAMPLES = [
    (
        b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - "
        b"\xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8",
        Rfc5424Record(
            34, "2003-10-11T22:14:15.003Z", "mymachine.example.com", "su", "-", "ID47", [],
            "'su root' failed for lonvick on /dev/pts/8", True,
        ),
    ),
    (
        b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - "
        b"%% It's time to make the do-nuts.",
        Rfc5424Record(
            165, "2003-08-24T05:14:15.000003-07:00", "192.0.2.1", "myproc", "8710", "-", [],
            "%% It's time to make the do-nuts.", False,
        ),
    ),
    (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] '
        b"\xef\xbb\xbfAn application event log entry...",
        Rfc5424Record(
            165, "2003-10-11T22:14:15.003Z", "mymachine.example.com", "evntslog", "-", "ID47",
            [EVENT_PARSED], "An application event log entry...", True,
        ),
    ),
    (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]'
        b'[examplePriority@32473 class="high"]',
        Rfc5424Record(
            165, "2003-10-11T22:14:15.003Z", "mymachine.example.com", "evntslog", "-", "ID47",
            [EVENT_PARSED, HIGH_PARSED], None, False,
        ),
    ),
]  # fmt: skip
