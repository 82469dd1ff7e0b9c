"""A strict parser of the records that arrive (RFC 5424, RFC 3164).

The grammar is a table of steps, read from left to right. Joined, they are one regular expression
that takes an ordinary header apart at once; where it does not match, the steps are gone through
one by one, and the first that fails names what is wrong, and where. So no step may match in two
ways of which the one, but not the other, lets those after it match.
"""

import re

from syslogfast._options import is_address
from syslogfast.constants import (
    BOM,
    MAX_APP_NAME,
    MAX_HOSTNAME,
    MAX_MSGID,
    MAX_PROCID,
    MAX_SD_NAME,
    MAX_TAG,
    NILVALUE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    Steps = list[tuple[str, str]]
    Elements = list[tuple[str, list[tuple[str, str]]]]


class MalformedError(ValueError):
    """A record or frame that a sender must not send: what is wrong, and at which byte of it."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what, offset)
        self.what = what
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.what}, at byte {self.offset}"


class Parsed:
    """The fields of a record; None is NILVALUE, or a field that is not there."""

    __slots__ = (
        "app_name",
        "bom",
        "facility",
        "hostname",
        "message",
        "msgid",
        "procid",
        "protocol",
        "severity",
        "structured_data",
        "timestamp",
    )

    def __init__(
        self,
        protocol: str,
        prival: int,
        timestamp: str | None,
        hostname: str | None,
        app_name: str | None,
        procid: str | None,
        msgid: str | None,
        structured_data: "Elements",
        message: str,
        bom: bool,
    ) -> None:
        self.protocol = protocol  # "rfc5424" or "rfc3164"
        self.facility = prival >> 3
        self.severity = prival & 7
        self.timestamp = timestamp
        self.hostname = hostname
        self.app_name = app_name
        self.procid = procid
        self.msgid = msgid
        self.structured_data = structured_data  # PARAM-VALUEs without their escapes
        self.message = message  # without the BOM; "surrogateescape" for what is not UTF-8
        self.bom = bom

    def __repr__(self) -> str:
        fields = ", ".join([f"{name}={getattr(self, name)!r}" for name in self.__slots__])
        return f"{type(self).__name__}({fields})"


# --- the grammar ---------------------------------------------------------------------------------


def make_range(field: str, limit: int, characters: str) -> str:
    return f"{field} must be 1 to {limit} {characters}"


def make_field(field: str, limit: int) -> "Steps":
    """RFC 5424 6: NILVALUE, which is no group, or 1*limit PRINTUSASCII; then SP."""
    rule = make_range(field, limit, "printable ASCII characters")
    return [(rf"(?:-(?= )|([!-~]{{1,{limit}}}))", rule), (" ", rule)]


def join(steps: "Steps") -> str:
    return "".join([pattern for pattern, _ in steps])


# RFC 5424 6.2.1, RFC 3164 4.1.1
PRI_RULE = "PRI must be <0> to <191>, without leading zeros"
PRI: "Steps" = [
    ("<", PRI_RULE),
    ("((?:1[0-8][0-9]|19[01]|[1-9]?[0-9])(?![0-9]))", PRI_RULE),
    (">", PRI_RULE),
]

TIME_OF_DAY: "Steps" = [
    ("(?:[01][0-9]|2[0-3])", "the hour of TIMESTAMP must be 00 to 23"),
    (":", "the hour of TIMESTAMP must be followed by a colon"),
    ("[0-5][0-9]", "the minute of TIMESTAMP must be 00 to 59"),
    (":", "the minute of TIMESTAMP must be followed by a colon"),
    ("[0-5][0-9]", "the second of TIMESTAMP must be 00 to 59"),  # RFC 5424 6.2.3: no leap second
]
AFTER_TIMESTAMP = (" ", "TIMESTAMP must be followed by a space")

# RFC 5424 6.2.3. The look-behinds leave 29, 30 and 31 to the months, and years, that have them.
LEAP = "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
DAY = (
    "(?:0[1-9]|1[0-9]|2[0-8]"
    f"|29(?:(?<!-02-29)|(?<={LEAP}-02-29))|30(?<!-02-30)"
    "|31(?<=-(?:01|03|05|07|08|10|12)-31))"
)
OFFSET_RULE = "TIME-OFFSET must be Z, +hh:mm or -hh:mm"
FRACTION_RULE = "TIME-SECFRAC must be 1 to 6 digits"
TIMESTAMP: "Steps" = [
    ("[0-9]{4}", "TIMESTAMP must be - or begin with a year, 0000 to 9999"),
    ("-", "the year of TIMESTAMP must be followed by a hyphen"),
    ("(?:0[1-9]|1[0-2])", "the month of TIMESTAMP must be 01 to 12"),
    ("-", "the month of TIMESTAMP must be followed by a hyphen"),
    (DAY, "the day of TIMESTAMP must be one that its month has"),
    ("T", "the day of TIMESTAMP must be followed by T"),
    *TIME_OF_DAY,
    (r"\.?", FRACTION_RULE),
    (r"(?:(?<!\.)|(?<=\.)[0-9]{1,6})", FRACTION_RULE),
    ("(?![0-9])", FRACTION_RULE),
    ("[Z+-]", OFFSET_RULE),  # RFC 3339 4.3: -00:00, where the local offset is not known
    ("(?:(?<=Z)|(?<!Z)(?:[01][0-9]|2[0-3]))", OFFSET_RULE),
    ("(?:(?<=Z)|(?<!Z):)", OFFSET_RULE),
    ("(?:(?<=Z)|(?<!Z)[0-5][0-9])", OFFSET_RULE),
]
FIELDS: "Steps" = [
    *make_field("HOSTNAME", MAX_HOSTNAME),
    *make_field("APP-NAME", MAX_APP_NAME),
    *make_field("PROCID", MAX_PROCID),
    *make_field("MSGID", MAX_MSGID),
]
RFC5424 = re.compile(f"{join(PRI)}1 (?:-|({join(TIMESTAMP)})) {join(FIELDS)}")

# RFC 5424 6.3
SD_NAME = r"[!#-<>-\\^-~]"
SD_NAME_CHARACTERS = 'printable ASCII characters other than = ] " and space'
SD_ID_RULE = make_range("SD-ID", MAX_SD_NAME, SD_NAME_CHARACTERS)
PARAM_NAME_RULE = make_range("PARAM-NAME", MAX_SD_NAME, SD_NAME_CHARACTERS) + ", then ="
SD_ID_STEPS: "Steps" = [
    (r"\[", SD_ID_RULE),
    (f"({SD_NAME}{{1,{MAX_SD_NAME}}})", SD_ID_RULE),
    (f"(?!{SD_NAME})", SD_ID_RULE),
]
SD_ID = re.compile(join(SD_ID_STEPS))
NUMBERED_SD_ID = re.compile(r"[^@]+@\d+(?:\.\d+)*", re.ASCII)  # 6.3.2
SD_PARAM = re.compile(rf' ({SD_NAME}{{1,{MAX_SD_NAME}}})="([^"\\\]]*)"')
PARAM_START: "Steps" = [
    (" ", "an SD-ELEMENT must go on with a space or end with ]"),
    (f"{SD_NAME}{{1,{MAX_SD_NAME}}}", PARAM_NAME_RULE),
    ("=", PARAM_NAME_RULE),
    ('"', "PARAM-VALUE must be in quotes"),
]
# A backslash before any other character is one of the text. Possessive, and so without a memory
# of each step: a value may have millions of them.
PARAM_VALUE = re.compile(r'(?:[^"\\\]]++|\\["\\\]]|\\)*+')
MAX_PAIRS = 20_000  # SD-ELEMENTs and SD-PARAMs of a record, each of which takes memory
TOO_MANY = f"SD-ELEMENTs and SD-PARAMs must be {MAX_PAIRS:,} at most"
BACKSLASH = "\ud800"  # stands for one while a value is read: no text has it

# RFC 3164 4.1, with HOSTNAME, or without as it is written to /dev/log
MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DAY_RULE = "the day of TIMESTAMP must be one that its month has, in two characters"
STAMP: "Steps" = [
    (MONTH, "PRI must be followed by VERSION 1 and a space, or by a month, Jan to Dec"),
    (" ", "the month of TIMESTAMP must be followed by a space"),
    (" ?", DAY_RULE),
    (
        "(?:(?<=  )[1-9]|(?<!  )(?:[12][0-9]|30(?<!Feb 30)"
        "|31(?<=(?:Jan|Mar|May|Jul|Aug|Oct|Dec) 31)))",
        DAY_RULE,
    ),
    (" ", "the day of TIMESTAMP must be followed by a space"),
    *TIME_OF_DAY,
]
HOST_RULE = make_range("HOSTNAME", MAX_HOSTNAME, "letters, digits or . _ : -")
HOST: "Steps" = [
    (f"([A-Za-z0-9._:-]{{1,{MAX_HOSTNAME}}})", HOST_RULE),
    ("(?![A-Za-z0-9._:-])", HOST_RULE),
]
TAG_RULE = make_range("TAG", MAX_TAG, "letters, digits or . _ / -")
PID_RULE = make_range("PID", MAX_PROCID, "printable ASCII characters other than [ and ]")
COLON_RULE = "TAG must be followed by a colon and a space"
TAG = f"[A-Za-z0-9._/-]{{1,{MAX_TAG}}}"
PID = rf"[!-Z\\^-~]{{1,{MAX_PROCID}}}"
# On /dev/log, where a TAG with its colon follows TIMESTAMP.
LOCAL_TAG: "Steps" = [(TAG, TAG_RULE), (r"(?=[\[:])", TAG_RULE)]
LOCAL_PID: "Steps" = [(r"\[", TAG_RULE), (PID, PID_RULE), (r"\]", PID_RULE)]
COLON: "Steps" = [(": ", COLON_RULE)]
# After a HOSTNAME "any non-alphanumeric character will terminate the TAG field" (4.1.3), or any
# other than those that real ones have.
TAG_END: "Steps" = [(TAG, TAG_RULE), ("(?![A-Za-z0-9._/-])", TAG_RULE)]
SHORT_TAG = re.compile(f"[A-Za-z0-9]{{1,{MAX_TAG}}}(?![A-Za-z0-9])")
RFC3164 = re.compile(
    f"{join(PRI)}({join(STAMP)}) (?:(?={TAG}(?:\\[{PID}\\])?: )|{join(HOST)} )"
    f"(?={join(TAG_END)}|{SHORT_TAG.pattern})"
)
# What readers show as TAG and PID. One that ends by a space cannot be told from a word: 5.4 has
# "the entire message [...] treated as the CONTENT portion".
TAGGED = re.compile(
    rf"([A-Za-z0-9._/-]+(?:\([\w-]+\))?)(?:\[({PID})\])?(?::(?: |\Z)|(?<=\])(?::| |\Z))"
)

# What daemons write in the place of a HOSTNAME of their own: BSD's, and AIX's for other hosts.
RELAYED = re.compile(r"last message repeated |Message forwarded from ([^\s:]{1,255}): ")

UNEXPLAINED = "one of the steps must fail where what they are joined to does not match"


# --- records -------------------------------------------------------------------------------------


def fail(what: str, text: str, index: int) -> "NoReturn":
    """Raise with the byte at which the character `index` begins."""
    raise MalformedError(what, len(text[:index].encode(errors="surrogateescape")))


def walk(text: str, index: int, steps: "Steps") -> int:
    """Return where these steps lead from `index`; the first one that fails raises."""
    for pattern, rule in steps:
        found = re.compile(pattern).match(text, index)  # pos: look-behinds see what is before
        if not found:
            fail("a record must not end here" if index == len(text) else rule, text, index)
        index = found.end()
    return index


def has_domain(hostname: str) -> bool:
    """RFC 3164 4.1.2: "the Domain Name MUST NOT be included"; addresses have their dots."""
    # The zone of an IPv6 address has lost its %, which cannot be in a HOSTNAME.
    name = hostname.partition("_")[0] if ":" in hostname else hostname
    return "." in hostname and not is_address(name)


def reject_rfc5424(text: str, start: int) -> "NoReturn":
    """Find what is wrong with an RFC 5424 header; `start` is after VERSION and SP."""
    is_nil = text.startswith("-", start)
    index = start + 1 if is_nil else walk(text, start, TIMESTAMP)
    index = walk(text, index, [AFTER_TIMESTAMP])
    walk(text, index, FIELDS)
    raise AssertionError(UNEXPLAINED)


def reject_rfc3164(text: str, start: int) -> "NoReturn":
    """Find what is wrong with an RFC 3164 header; `start` is after PRI."""
    index = walk(text, start, [*STAMP, AFTER_TIMESTAMP])
    token = text[index:].partition(" ")[0]
    if not token.endswith(":") or token.endswith("::"):  # not a TAG: 2001:db8:: is an address
        end = walk(text, index, HOST)
        if has_domain(text[index:end]):
            fail("HOSTNAME must be an address or have no domain", text, text.index(".", index))
        index = walk(text, end, [(" ", HOST_RULE)])
        if not SHORT_TAG.match(text, index):
            walk(text, index, TAG_END)
        raise AssertionError(UNEXPLAINED)
    index = walk(text, index, LOCAL_TAG)
    if text.startswith("[", index):
        index = walk(text, index, LOCAL_PID)
    walk(text, index, COLON)
    raise AssertionError(UNEXPLAINED)


def parse_parameter(text: str, start: int) -> tuple[str, str, int]:
    """Return name and value of an SD-PARAM that has escapes, and its end; or say what is wrong."""
    index = walk(text, start, PARAM_START)
    value = PARAM_VALUE.match(text, index)
    assert value
    end = value.end()
    if not text.startswith('"', end):
        is_open = end == len(text)
        rule = (
            "PARAM-VALUE must end with a quote" if is_open else "] must be escaped in PARAM-VALUE"
        )
        fail(rule, text, end)
    return text[start + 1 : index - 2], remove_escapes(value[0]), end + 1


def remove_escapes(value: str) -> str:
    """RFC 5424 6.3.3: before any other character than " \\ and ] a backslash is a regular one."""
    if "\\" not in value:
        return value
    value = value.replace("\\\\", BACKSLASH).replace('\\"', '"').replace("\\]", "]")
    return value.replace(BACKSLASH, "\\")


def parse_elements(text: str, start: int) -> tuple["Elements", int]:
    """RFC 5424 6.3: return the SD-ELEMENTs that begin at `start`, and where they end."""
    elements: Elements = []
    known = set()
    index = start
    left = MAX_PAIRS
    while text.startswith("[", index):
        opening = SD_ID.match(text, index)
        if not opening:
            walk(text, index, SD_ID_STEPS)
            raise AssertionError(UNEXPLAINED)
        sd_id = opening[1]
        if "@" in sd_id and not NUMBERED_SD_ID.fullmatch(sd_id):
            fail(f"SD-ID {sd_id} must be NAME or NAME@NUMBER", text, index + 1)
        if sd_id in known:
            fail(f"SD-ID {sd_id} must occur once", text, index + 1)
        known.add(sd_id)
        index = opening.end()
        parameters: list[tuple[str, str]] = []
        while not text.startswith("]", index):
            parameter = SD_PARAM.match(text, index)
            if parameter:
                name, value = parameter.groups()
                index = parameter.end()
            else:
                name, value, index = parse_parameter(text, index)
            parameters.append((name, value))
            if len(parameters) > left:
                fail(TOO_MANY, text, index)
        elements.append((sd_id, parameters))
        left -= 1 + len(parameters)
        if left < 0:
            fail(TOO_MANY, text, index)
        index += 1
    return elements, index


def parse_text(text: str) -> Parsed:
    header = RFC5424.match(text)
    if not header:
        return parse_other(text)
    prival, timestamp, hostname, app_name, procid, msgid = header.groups()
    index = header.end()
    elements: Elements = []
    if text.startswith("-", index):
        index += 1
    elif text.startswith("[", index):
        elements, index = parse_elements(text, index)
    else:
        fail("STRUCTURED-DATA must be - or begin with [", text, index)
    bom = False
    message = ""
    if index < len(text):
        if text[index] != " ":
            fail("STRUCTURED-DATA must be followed by a space or by nothing", text, index)
        bom = text.startswith(BOM, index + 1)
        message = text[index + 1 + bom :]
    return Parsed(
        *("rfc5424", int(prival), timestamp, hostname, app_name, procid, msgid),
        *(elements, message, bom),
    )


def parse_other(text: str) -> Parsed:
    """Parse an RFC 3164 record, or say what is wrong with one of RFC 5424."""
    header = RFC3164.match(text)
    if not header:
        start = walk(text, 0, PRI)
        if text.startswith("1 ", start):
            reject_rfc5424(text, start + 2)
        reject_rfc3164(text, start)
    prival, timestamp, hostname = header.groups()
    if hostname and has_domain(hostname):
        reject_rfc3164(text, header.start(2))
    index = header.end()
    relayed = RELAYED.match(text, header.start(3)) if hostname else None
    if relayed:
        hostname = relayed[1]
        index = relayed.end() if hostname else header.start(3)
    tag = pid = None
    tagged = TAGGED.match(text, index)
    if tagged:
        tag, pid = tagged.groups()
        index = tagged.end()
    hostname, tag = (None if field == NILVALUE else field for field in (hostname, tag))
    message = text[index:]
    return Parsed("rfc3164", int(prival), timestamp, hostname, tag, pid, None, [], message, False)


def parse_record(data: bytes) -> Parsed:
    """Return the fields of one record, without its frame; MalformedError if it is malformed.

    A record whose PRI is followed by "1 " is of RFC 5424, section 6, any other of RFC 3164, section
    4.1: with HOSTNAME, or without as on /dev/log, where a TAG with its colon follows TIMESTAMP.
    Control characters are legal in a MSG and a PARAM-VALUE: to escape them is up to the caller. A
    MSG without BOM may be no UTF-8 (6.4, MSG-ANY); its octets are then as by "surrogateescape".

    >>> record = parse_record(b'<131>1 - web1 shop 42 - [order@32473 id="17"] sold')
    >>> record.facility, record.severity, record.hostname, record.timestamp, record.message
    (16, 3, 'web1', None, 'sold')
    >>> parse_record(b"<13>1 - web1 sh\\xc3\\xb6p - - - sold")
    Traceback (most recent call last):
      ...
    syslogfast.commands.parse.MalformedError: APP-NAME must be 1 to 48 printable ASCII characters, \
at byte 15
    """
    try:
        return parse_text(data.decode())
    except UnicodeDecodeError as error:
        start = error.start
    try:  # something before it may be wrong, too
        record = parse_text(data.decode(errors="surrogateescape"))
    except MalformedError as malformed:
        if malformed.offset <= start:
            raise
    else:
        # RFC 5424 6.4, MSG-ANY: without a BOM, MSG is any octets.
        message = len(record.message.encode(errors="surrogateescape"))
        if record.protocol == "rfc5424" and not record.bom and start >= len(data) - message:
            return record
    raise MalformedError("a record must be UTF-8", start)
