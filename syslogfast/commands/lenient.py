"""The fields of a record that is malformed: as much as devices, daemons and libraries tell.

What is not recognized stays in the message, so that no text is lost. Each pattern has bounds, or
is possessive: what comes may be malicious.
"""

import re

from syslogfast.commands.parse import (
    MAX_PAIRS,
    MONTH,
    PARAM_VALUE,
    RELAYED,
    Parsed,
    remove_escapes,
)
from syslogfast.constants import BOM, NILVALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.commands.parse import Elements

DEFAULT_PRIVAL = 13  # RFC 3164 4.3.3, where there is no PRI: user.notice
LOOKED_AT = 2048  # characters of a text in which its time and host are looked for

# An octet count may precede PRI in a datagram, spaces may, and RELP's header in half a frame.
PRI = re.compile(r"[\s\ufeff]{0,8}(?:[0-9]{1,9} (?:syslog [0-9]{1,9} )?)?<([0-9]{1,3})> {0,8}")

CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:[.,:][0-9]{1,9})?"
YEAR = "(?:19|20)[0-9]{2}"
ISO = (
    rf"[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}(?:[Tt_]| {{1,2}}){CLOCK}"
    r"(?: ?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2}|UTC|GMT))?"
)
ZONE = r" (?:UTC|GMT|Z|[ECMPAJI][SDE]T|CES?T|BST|MSK|[A-Z]{3,5}(?=:| [12][0-9]{3}[ :]))"
BSD = (
    rf"(?:[A-Z][a-z]{{2}},? )?(?:{YEAR} )?{MONTH} {{1,2}}[0-9]{{1,2}},? {{1,2}}(?:{YEAR},? )?"
    rf"{CLOCK}(?:{ZONE}(?=[ :]))?(?: {YEAR}(?=[ :]))?"
)
OTHER = (  # 10/11/2003 10:14:15 PM; Meraki's VERSION 1 with seconds since the epoch
    rf"[0-9]{{1,2}}[/.][0-9]{{1,2}}[/.][0-9]{{4}}(?:,? {{1,2}}|:){CLOCK}(?: [AaPp][Mm]| GMT)?"
    r"|(?:1 )?1[0-9]{9}\.[0-9]{1,9}"
)
HOST = r"[\w.:%/@+$~-]{1,255}"
# VERSION, TIMESTAMP, HOSTNAME; then APP-NAME, PROCID and MSGID if STRUCTURED-DATA follows.
VERSIONED = re.compile(rf"[0-9]{{1,3}} {{1,4}}({ISO}|-) {{1,4}}([^ ]{{1,1024}})(?: |\Z)")
THREE = re.compile(
    r" {0,4}([^ ]{1,1024}) {1,4}([^ ]{1,1024}) {1,4}([^ ]{1,1024}) {1,4}(?=-(?: |\Z)|\[)"
)
# Cisco: "29: router1: *Mar  1 00:00:12.345: %SYS-5-CONFIG_I: ...", ":Oct 11 2003 22:14:15 UTC: ..."
DATED = re.compile(
    r":? ?(?:([0-9]{1,10}): )?"
    rf"(?:({HOST}?) ?: (?=(?:[0-9]{{1,10}}: )?[*.;]?(?:{YEAR} )?{MONTH} )(?:[0-9]{{1,10}}: )?)?"
    rf"[*.;]?({ISO}|{BSD}|{OTHER})(?:(:)(?: |\Z)| |\Z|(?=[^\w.]))"
)
HOSTED = re.compile(rf"({HOST}?)( : |: (?=%)| )")
# A log's own fields after its time: "2003-10-11 22:14:15,003 - shop - INFO - sold"
OWN_FIELDS = re.compile(
    "(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL) |[-:/]+ |%"
)
TAGGED = re.compile(
    r"(?![0-9]{1,255}:)([^\s:\[\]=\"|;<>{}%@]{1,255})"
    r"(?:\[([^\s\[\]]{1,128})\](?::(?:[ \t]|\Z)|:| |\Z)|:(?:[ \t]|\Z))"
)
# FortiGate, SonicWall and others: name=value, or name="value".
KEYED = re.compile(r"[A-Za-z_]{1,32}=")
DATE = re.compile(
    r'\bdate="?([0-9]{4}-[0-9]{2}-[0-9]{2})"?[ ,]{1,2}time="?([0-9]{2}:[0-9:.]{3,12})'
)
TIME = re.compile(
    r'\b(?:time|timestamp)="?([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}(?: ?UTC|Z)?)'
)
NAME = re.compile(r'\b(?:devname|device_name|hostname|host)="?([^\s",=]{1,255})')
ELEMENT = re.compile(r'\[([^\s=\]"\[]{1,255})')
PARAM = re.compile(r' {0,4}([^\s=\]"]{1,255})="')


def has_pri(data: bytes) -> bool:
    """Return True if a frame that is not whole has the start of a record."""
    return PRI.match(data[:LOOKED_AT].decode(errors="replace")) is not None


def read_record(data: bytes) -> Parsed:
    """Return what can be told of a record, however malformed it is.

    >>> record = read_record(b"<13>2003-10-11T22:14:15+02:00 web1.example.com shop[42]: sold\\n")
    >>> record.hostname, record.timestamp, record.app_name, record.procid, record.message
    ('web1.example.com', '2003-10-11T22:14:15+02:00', 'shop', '42', 'sold')
    >>> record = read_record(b"sold out\\0")
    >>> record.facility, record.severity, record.message
    (1, 5, 'sold out')
    """
    text = data.decode(errors="surrogateescape")
    prival, index = DEFAULT_PRIVAL, 0
    pri = PRI.match(text)
    if pri:
        prival, index = int(pri[1]), pri.end()
    text = text[index:].rstrip("\r\n\0")
    versioned = VERSIONED.match(text)
    if versioned:
        timestamp, hostname = (None if field == NILVALUE else field for field in versioned.groups())
        return read_versioned(prival, timestamp, hostname, text, versioned.end())
    return read_legacy(prival, text)


def read_versioned(
    prival: int, timestamp: str | None, hostname: str | None, text: str, index: int
) -> Parsed:
    """RFC 5424 6, but for the rules that its fields break."""
    three = THREE.match(text, index)
    if not three:
        return finish("rfc5424", prival, timestamp, hostname, text[index:])
    app_name, procid, msgid = (None if field == NILVALUE else field for field in three.groups())
    index = three.end()
    elements: Elements = []
    if text.startswith("-", index):
        index += 1
    else:
        elements, index = read_elements(text, index)
    message = text[index:].removeprefix(" ")
    bom = message.startswith(BOM)
    message = message.removeprefix(BOM)
    return Parsed(
        *("rfc5424", prival, timestamp, hostname, app_name, procid, msgid),
        *(elements, message, bom),
    )


def read_elements(text: str, index: int) -> tuple["Elements", int]:
    """Return those SD-ELEMENTs that are whole, and where they end."""
    elements: Elements = []
    left = MAX_PAIRS
    while left > 0 and (opening := ELEMENT.match(text, index)):
        parameters: list[tuple[str, str]] = []
        end = opening.end()
        while left > 0 and (name := PARAM.match(text, end)):
            value = PARAM_VALUE.match(text, name.end())
            assert value
            end = value.end()
            while text.startswith("]", end):  # it should have been escaped
                value = PARAM_VALUE.match(text, end + 1)
                assert value
                end = value.end()
            if not text.startswith('"', end):
                return elements, index
            parameters.append((name[1], remove_escapes(text[name.end() : end])))
            end += 1
            left -= 1
        closing = re.compile(" {0,4}\\]").match(text, end)
        if not closing:
            break
        elements.append((opening[1], parameters))
        index = closing.end()
        left -= 1
    return elements, index


def read_legacy(prival: int, text: str) -> Parsed:
    """RFC 3164 and what came before and after it: a time in any form, or none."""
    elements: Elements = []
    dated = DATED.match(text)
    if not dated:
        timestamp, hostname = read_pairs(text)
        return finish("rfc3164", prival, timestamp, hostname, text)
    number, hostname, timestamp, colon = dated.groups()
    if number:  # RFC 5424 7.3.1
        elements = [("meta", [("sequenceId", number)])]
    text = text[dated.end() :].lstrip(" ")
    if not hostname and not colon:
        hostname, text = read_host(text)
    return finish("rfc3164", prival, timestamp.removeprefix("1 "), hostname, text, elements)


def read_host(text: str) -> tuple[str | None, str]:
    """Return the HOSTNAME that a text begins with, if it does, and the rest."""
    relayed = RELAYED.match(text)
    if relayed:
        return relayed[1], text[relayed.end() :] if relayed[1] else text
    found = HOSTED.match(text)
    if not found or OWN_FIELDS.match(text):
        return None, text
    host, separator = found.groups()
    if separator == " " and (TAGGED.match(text) or (host[-1] == ":" and host[-2:] != "::")):
        return None, text
    return host, text[found.end() :].lstrip(" ")


def read_pairs(text: str) -> tuple[str | None, str | None]:
    """Return time and host of a text that is all names and values; it stays whole."""
    if not KEYED.match(text):
        return None, None
    start = text[:LOOKED_AT]
    date, time, name = DATE.search(start), TIME.search(start), NAME.search(start)
    timestamp = " ".join(date.groups()) if date else time[1] if time else None
    return timestamp, name[1] if name else None


def finish(
    protocol: str,
    prival: int,
    timestamp: str | None,
    hostname: str | None,
    text: str,
    elements: "Elements | tuple[()]" = (),
) -> Parsed:
    """Take a TAG off a text, if it has one."""
    tag = pid = None
    tagged = TAGGED.match(text)
    if tagged:
        tag, pid = tagged.groups()
        text = text[tagged.end() :]
    return Parsed(
        *(protocol, prival, timestamp, hostname, tag, pid, None), list(elements), text, False
    )
