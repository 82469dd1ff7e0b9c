"""What `syslogfast listen` reads of records that devices, daemons and libraries really send.

PRI and text always; time, host, tag and process where a record has them; and the strict verdict,
for each of the forms.
"""

import doctest
import logging
import logging.handlers
import random
import socket

import pytest
from support import malicious_input
from support.each import try_each
from test_parse import SEEDS, mutate

from syslogfast.commands import lenient, render
from syslogfast.commands.lenient import read_record
from syslogfast.commands.parse import MalformedError, Parsed, parse_record

FORM = "PRI must be followed by VERSION 1 and a space, or by a month, Jan to Dec"
NO_PRI = "PRI must be <0> to <191>, without leading zeros"
HOUR = "the hour of TIMESTAMP must be followed by a colon"
DOMAIN = "HOSTNAME must be an address or have no domain"
HOSTNAME = "HOSTNAME must be 1 to 255 letters, digits or . _ : -"


def read(data: bytes) -> tuple[Parsed, str | None]:
    """Return the fields, and what is wrong."""
    try:
        return parse_record(data), None
    except MalformedError as error:
        return read_record(data), error.what


# Of each: the record, what is wrong; time, host, tag, process, text.
DEVICES = {
    "Cisco IOS": (
        b"<189>29: *Mar  1 00:00:12.345: %SYS-5-CONFIG_I: Configured from console by vty0",
        FORM, "Mar  1 00:00:12.345", None, None, None,
        "%SYS-5-CONFIG_I: Configured from console by vty0",
    ),
    "Cisco IOS, origin-id and two numbers": (
        b"<187>45: router1: 000046: .Oct 11 22:14:15.123 CEST: %LINK-3-UPDOWN: Interface Gi0/1",
        FORM, "Oct 11 22:14:15.123 CEST", "router1", None, None, "%LINK-3-UPDOWN: Interface Gi0/1",
    ),
    "Cisco IOS, year": (
        b"<190>Oct 11 2003 22:14:15.003 UTC: %SEC-6-IPACCESSLOGP: list 101 denied tcp",
        HOUR, "Oct 11 2003 22:14:15.003 UTC", None, None, None,
        "%SEC-6-IPACCESSLOGP: list 101 denied tcp",
    ),
    "Cisco ASA": (
        b"<166>%ASA-6-302013: Built outbound TCP connection 17 for outside:192.0.2.1/443",
        FORM, None, None, None, None,
        "%ASA-6-302013: Built outbound TCP connection 17 for outside:192.0.2.1/443",
    ),
    "Cisco ASA, time and device-id": (
        b"<163>Oct 11 2003 22:14:15 asa1 : %ASA-3-305006: regular translation failed",
        HOUR, "Oct 11 2003 22:14:15", "asa1", None, None,
        "%ASA-3-305006: regular translation failed",
    ),
    "Cisco ASA, EMBLEM": (
        b"<166>:Oct 11 22:14:15 UTC: %ASA-session-6-305012: Teardown dynamic",
        FORM, "Oct 11 22:14:15 UTC", None, None, None, "%ASA-session-6-305012: Teardown dynamic",
    ),
    "Cisco Nexus": (
        b"<189>: 2019 May  1 12:00:00 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
        FORM, "2019 May  1 12:00:00 UTC", None, None, None,
        "%ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
    ),
    "Cisco Meraki": (
        b"<134>1 1563249630.774247467 MX84 flows src=192.0.2.9 dst=192.0.2.1 protocol=udp",
        "the year of TIMESTAMP must be followed by a hyphen",
        "1563249630.774247467", "MX84", None, None,
        "flows src=192.0.2.9 dst=192.0.2.1 protocol=udp",
    ),
    "Juniper": (
        b"<28>Oct 11 22:14:15  srx1 mgd[3046]: UI_DBASE_LOGOUT_EVENT: User 'ann' exiting",
        HOSTNAME, "Oct 11 22:14:15", "srx1", "mgd", "3046",
        "UI_DBASE_LOGOUT_EVENT: User 'ann' exiting",
    ),
    "Juniper, structured": (
        b"<165>1 2007-02-15T09:17:15.719Z router1 mgd 3046 UI_DBASE_LOGOUT_EVENT"
        b' [junos@2636.1.1.1.2.18 username="ann"] User exiting',
        None, "2007-02-15T09:17:15.719Z", "router1", "mgd", "3046", "User exiting",
    ),
    "FortiGate": (
        b'<189>date=2020-01-02 time=12:34:56 devname="FG60" devid="FG6" type="event" msg="up"',
        FORM, "2020-01-02 12:34:56", "FG60", None, None,
        'date=2020-01-02 time=12:34:56 devname="FG60" devid="FG6" type="event" msg="up"',
    ),
    "SonicWall": (
        b'<134>id=firewall sn=0017 time="2020-01-02 12:34:56 UTC" fw=192.0.2.1 pri=6 m=98',
        FORM, "2020-01-02 12:34:56 UTC", None, None, None,
        'id=firewall sn=0017 time="2020-01-02 12:34:56 UTC" fw=192.0.2.1 pri=6 m=98',
    ),
    "Check Point": (
        b'<134>1 2018-03-21 17:25:25 MDS-72 CheckPoint 13752 - [action:"Update"; flags:"1"]',
        "the day of TIMESTAMP must be followed by T",
        "2018-03-21 17:25:25", "MDS-72", "CheckPoint", "13752", '[action:"Update"; flags:"1"]',
    ),
    "Palo Alto": (
        b"<14>Oct 11 22:14:15 PA-VM 1,2021/01/01 00:00:00,0123,TRAFFIC,end,192.0.2.1",
        None, "Oct 11 22:14:15", "PA-VM", None, None,
        "1,2021/01/01 00:00:00,0123,TRAFFIC,end,192.0.2.1",
    ),
    "pfSense": (
        b"<134>Oct 11 22:14:15 filterlog[54321]: 5,,,1000000103,igb0,match,block,in,4",
        None, "Oct 11 22:14:15", None, "filterlog", "54321",
        "5,,,1000000103,igb0,match,block,in,4",
    ),
    "MikroTik": (
        b"<30>system,info,account user ann logged in from 192.0.2.9 via winbox",
        FORM, None, None, None, None,
        "system,info,account user ann logged in from 192.0.2.9 via winbox",
    ),
    "MikroTik, bsd-syslog": (
        b"<30>Oct 11 22:14:15 MikroTik user ann logged in from 192.0.2.9 via winbox",
        None, "Oct 11 22:14:15", "MikroTik", None, None,
        "user ann logged in from 192.0.2.9 via winbox",
    ),
    "UniFi": (
        b"<30>Oct 11 22:14:15 U7LT,788a20,v4.0.80.10875: hostapd: ath1: STA 00:00 associated",
        "TAG must be 1 to 32 letters, digits or . _ / -",
        "Oct 11 22:14:15", None, "U7LT,788a20,v4.0.80.10875", None,
        "hostapd: ath1: STA 00:00 associated",
    ),
    "ProCurve": (
        b"<14> Oct 11 22:14:15 192.0.2.7 00076 ports: port 1 is now on-line",
        FORM, "Oct 11 22:14:15", "192.0.2.7", None, None, "00076 ports: port 1 is now on-line",
    ),
    "Huawei": (
        b"<188>Oct 11 2003 22:14:15 HUAWEI %%01IFNET/4/LINK_STATE(l)[0]:The line is down",
        HOUR, "Oct 11 2003 22:14:15", "HUAWEI", None, None,
        "%%01IFNET/4/LINK_STATE(l)[0]:The line is down",
    ),
    "Arista": (
        b"<189>Oct 11 22:14:15 switch1.example.com ConfigAgent: %SYS-5-CONFIG_I: Configured",
        DOMAIN, "Oct 11 22:14:15", "switch1.example.com", "ConfigAgent", None,
        "%SYS-5-CONFIG_I: Configured",
    ),
    "F5": (
        b"<134>Oct 11 22:14:15 bigip1.example.com info tmm1[17]: Rule /Common/x: done",
        DOMAIN, "Oct 11 22:14:15", "bigip1.example.com", None, None,
        "info tmm1[17]: Rule /Common/x: done",
    ),
    "VMware ESXi": (
        b"<166>2013-02-13T12:34:56.789Z esx01.example.com Hostd: info hostd[17] [sub=Vim] up",
        FORM, "2013-02-13T12:34:56.789Z", "esx01.example.com", "Hostd", None,
        "info hostd[17] [sub=Vim] up",
    ),
    "NetScaler": (
        b"<134> 10/11/2003:22:14:15 GMT ns1 0-PPE-0 : default TCP CONN_TERMINATE 17 0",
        FORM, "10/11/2003:22:14:15 GMT", "ns1", None, None,
        "0-PPE-0 : default TCP CONN_TERMINATE 17 0",
    ),
    "logback": (
        b"<14>Oct 11 22:14:15 web1 [main] INFO shop - sold",
        "TAG must be 1 to 32 letters, digits or . _ / -",
        "Oct 11 22:14:15", "web1", None, None, "[main] INFO shop - sold",
    ),
    "winston": (
        b'<14>Oct 11 22:14:15 web1.example.com shop[17]:{"level":"info"}',
        DOMAIN, "Oct 11 22:14:15", "web1.example.com", "shop", "17", '{"level":"info"}',
    ),
    "Windows, NXLog": (
        b"<14>Oct 11 22:14:15 WIN-7 Microsoft-Windows-Security-Auditing[4]: An account was",
        None, "Oct 11 22:14:15", "WIN-7", "Microsoft-Windows-Security-Auditing", "4",
        "An account was",
    ),
    "Windows, Snare": (
        b"<13>Oct 11 22:14:15 win7.example.com MSWinEventLog\t1\tSecurity\t42\tSat Oct 11",
        DOMAIN, "Oct 11 22:14:15", "win7.example.com", None, None,
        "MSWinEventLog\t1\tSecurity\t42\tSat Oct 11",
    ),
    "CEF": (
        b"<134>2003-10-11T22:14:15+02:00 host1 CEF:0|Vendor|Product|1|17|name|3|src=192.0.2.1",
        FORM, "2003-10-11T22:14:15+02:00", "host1", None, None,
        "CEF:0|Vendor|Product|1|17|name|3|src=192.0.2.1",
    ),
    "PAM": (
        b"<86>Oct 11 22:14:15 web1 su(pam_unix)[123]: session opened",
        None, "Oct 11 22:14:15", "web1", "su(pam_unix)", "123", "session opened",
    ),
    "kernel": (
        b"<6>Oct 11 22:14:15 web1 kernel: [    1.234567] usb 1-1: new device",
        None, "Oct 11 22:14:15", "web1", "kernel", None, "[    1.234567] usb 1-1: new device",
    ),
    "systemd, without a header": (
        b"<30>systemd[1]: Started Daily Cleanup",
        FORM, None, None, "systemd", "1", "Started Daily Cleanup",
    ),
    "busybox": (
        b"<13>Oct 11 22:14:15 root: restarted",
        None, "Oct 11 22:14:15", None, "root", None, "restarted",
    ),
    "BSD, repeated": (
        b"<13>Oct 11 22:14:15 last message repeated 3 times",
        None, "Oct 11 22:14:15", None, None, None, "last message repeated 3 times",
    ),
    "AIX, forwarded": (
        b"<37>Oct 11 22:14:15 Message forwarded from aix1: su[17]: BAD SU",
        None, "Oct 11 22:14:15", "aix1", "su", "17", "BAD SU",
    ),
    "macOS": (
        b"<29>Oct 11 22:14:15 mac1 com.example.launchd.domain.system.agent[1]: Service exited",
        None, "Oct 11 22:14:15", "mac1", "com.example.launchd.domain.system.agent", "1",
        "Service exited",
    ),
}  # fmt: skip
SENDERS = {
    "logging": (b"<14>sold 17\0", FORM, None, None, None, None, "sold 17"),
    "logging, ident": (b"<14>shop: sold 17\0", FORM, None, None, "shop", None, "sold 17"),
    "logging, asctime": (
        b"<14>2003-10-11 22:14:15,003 - shop - INFO - sold\0",
        FORM, "2003-10-11 22:14:15,003", None, None, None, "- shop - INFO - sold",
    ),
    "logging, asctime and level": (
        b"<14>2003-10-11 22:14:15,003 INFO sold\0",
        FORM, "2003-10-11 22:14:15,003", None, None, None, "INFO sold",
    ),
    "Go, network": (
        b"<28>2003-10-11T22:14:15+02:00 web1 shop[42]: sold\n",
        FORM, "2003-10-11T22:14:15+02:00", "web1", "shop", "42", "sold",
    ),
    "Go, local": (
        b"<28>Oct 11 22:14:15 shop[42]: sold\n",
        None, "Oct 11 22:14:15", None, "shop", "42", "sold\n",
    ),
    "loggen": (
        b"<38>2003-10-11T22:14:15 localhost prg00000[1234]: seq: 0000000000, thread: 0000",
        FORM, "2003-10-11T22:14:15", "localhost", "prg00000", "1234",
        "seq: 0000000000, thread: 0000",
    ),
    "loggen -P": (
        b"<38>1 2003-10-11T22:14:15+02:00 localhost prg00000 1234 - - \xef\xbb\xbfseq: 0",
        None, "2003-10-11T22:14:15+02:00", "localhost", "prg00000", "1234", "seq: 0",
    ),
    "RSYSLOG_ForwardFormat": (
        b"<155>2003-10-11T22:14:15.003123+00:00 web1 cron[17]: run",
        FORM, "2003-10-11T22:14:15.003123+00:00", "web1", "cron", "17", "run",
    ),
    "RSYSLOG_TraditionalForwardFormat": (
        b"<155>Oct 11 22:14:15 web1 cron[17]: run",
        None, "Oct 11 22:14:15", "web1", "cron", "17", "run",
    ),
    "RSYSLOG_FileFormat": (
        b"2003-10-11T22:14:15.003123+00:00 web1.example.com cron[17]: run\n",
        NO_PRI, "2003-10-11T22:14:15.003123+00:00", "web1.example.com", "cron", "17", "run",
    ),
    "RSYSLOG_TraditionalFileFormat": (
        b"Oct 11 22:14:15 web1 cron[17]: run\n",
        NO_PRI, "Oct 11 22:14:15", "web1", "cron", "17", "run",
    ),
    "RSYSLOG_SyslogProtocol23Format": (
        b"<155>1 2003-10-11T22:14:15.003123+00:00 web1 cron 17 - -  run\n",
        None, "2003-10-11T22:14:15.003123+00:00", "web1", "cron", "17", " run\n",
    ),
    "syslog-ng, network()": (
        b"<155>Oct 11 22:14:15 web1 cron[17]: run\n",
        None, "Oct 11 22:14:15", "web1", "cron", "17", "run\n",
    ),
    "syslog-ng, ts-format(iso)": (
        b"<155>2003-10-11T22:14:15+00:00 web1 cron[17]: run\n",
        FORM, "2003-10-11T22:14:15+00:00", "web1", "cron", "17", "run",
    ),
    "syslog-ng, syslog()": (
        b'<155>1 2003-10-11T22:14:15+00:00 web1 cron 17 - [meta sequenceId="1"] run',
        None, "2003-10-11T22:14:15+00:00", "web1", "cron", "17", "run",
    ),
    "text alone": (b"Use the BFG!", NO_PRI, None, None, None, None, "Use the BFG!"),
    "JSON": (b'<13>{"a": 1}', FORM, None, None, None, None, '{"a": 1}'),
    "CEE": (b'<13>@cee: {"a": 1}', FORM, None, None, None, None, '@cee: {"a": 1}'),
    "octet count in a datagram": (
        b"22 <13>1 - h a 1 m - x", NO_PRI, None, "h", "a", "1", "x",
    ),
    "VERSION 2": (b"<13>2 - h a 1 m - x", FORM, None, "h", "a", "1", "x"),
    "no STRUCTURED-DATA": (
        b"<13>1 2003-10-11T22:14:15Z h a 17 ID47 sold",
        "STRUCTURED-DATA must be - or begin with [",
        "2003-10-11T22:14:15Z", "h", None, None, "a 17 ID47 sold",
    ),
    "too few fields": (
        b"<13>1 2003-10-11T22:14:15Z h sold",
        "a record must not end here", "2003-10-11T22:14:15Z", "h", None, None, "sold",
    ),
}  # fmt: skip


def check(data: bytes, wrong: str | None, *expected: "str | None") -> None:
    record, found = read(data)
    fields = (record.timestamp, record.hostname, record.app_name, record.procid, record.message)
    assert (found, *fields) == (wrong, *expected), data
    digits = data[data.find(b"<") + 1 : data.find(b">")]
    prival = int(digits) if b"<" in data[:4] else 13  # RFC 3164 4.3.3
    assert record.facility * 8 + record.severity == prival


def test_devices() -> None:
    assert len(DEVICES) >= 33
    for case in DEVICES.values():
        check(*case)


def test_libraries_and_daemons() -> None:
    for case in SENDERS.values():
        check(*case)


def test_the_handler_of_logging() -> None:
    """What the standard library's handler really sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        handler = logging.handlers.SysLogHandler(receiver.getsockname())
        try:
            handler.handle(logging.makeLogRecord({"msg": "sold %d", "args": (17,), "levelno": 40}))
        finally:
            handler.close()
        record, _ = read(receiver.recv(1000))
    assert (record.facility, record.message) == (1, "sold 17")


@try_each(
    "rest, elements, message",
    [
        (b'[x@ a="b"] t', [("x@", [("a", "b")])], "t"),
        (b'[a b="c"][a d="e"] t', [("a", [("b", "c")]), ("a", [("d", "e")])], "t"),
        (b'[a b="c]d"] t', [("a", [("b", "c]d")])], "t"),
        (b'[a  b="c" ] t', [("a", [("b", "c")])], "t"),
        (b'[a b="\\"\\\\\\]\\n"]t', [("a", [("b", '"\\]\\n')])], "t"),
        (b'[a b="c"][d e="f', [("a", [("b", "c")])], '[d e="f'),
        (b"[a b=c] t", [], "[a b=c] t"),
        (b"[a", [], "[a"),
        (b"-t", [], "a 1 m -t"),  # no NILVALUE: the fields before it may be text, too
    ],
)
def test_elements(rest: bytes, elements: list[object], message: str) -> None:
    """Those that are whole are read, and the rest is text."""
    record = read_record(b"<13>1 - h a 1 m " + rest)
    assert (record.structured_data, record.message) == (elements, message)


@try_each(
    "text, hostname, message",
    [
        (b"last message repeated 3 times", None, "last message repeated 3 times"),
        (b"Message forwarded from web1: su: x", "web1", "x"),
        (b"su: x", None, "x"),
        (b"web1: x", None, "x"),
        (b"web1: %ASA-3: x", "web1", "%ASA-3: x"),
        (b"web1 x", "web1", "x"),
        (b"INFO x", None, "INFO x"),
        (b"%ASA-3: x", None, "%ASA-3: x"),
    ],
)
def test_hosts_before_a_text(text: bytes, hostname: str | None, message: str) -> None:
    """After a time that nothing else is wrong with but how its record goes on."""
    record = read_record(b"<13>Oct 11 22:14:15 " + text)
    assert (record.hostname, record.message) == (hostname, message)


@pytest.mark.parametrize("prival", [192, 999])
def test_priorities_that_there_are_not(prival: int) -> None:
    """Facilities above 23 have no name, and are shown as they are."""
    record, wrong = read(b"<%d>Oct 11 22:14:15 h a: x" % prival)
    assert (wrong, record.message) == (NO_PRI, "x")
    shown = render.TextRenderer(coloured=False).render(record, "", None)
    severity = render.SEVERITY_NAMES[prival & 7]
    assert f"  {prival >> 3}.{severity}  " in shown
    assert f'"facility": "{prival >> 3}"' in render.JsonRenderer().render(record, "", None)


@pytest.mark.slow
def test_whatever_comes() -> None:
    """No input raises, none is shown with a control character, and no text is lost."""
    chance = random.Random(3164)
    seeds = [*SEEDS, *[case[0] for case in (*DEVICES.values(), *SENDERS.values())]]
    seeds += [text.encode(errors="surrogatepass") for text in malicious_input.TEXTS]
    renderers = [render.TextRenderer(coloured=False), render.JsonRenderer()]
    for number in range(3000):
        data = mutate(seeds[number % len(seeds)], chance)
        try:
            record = parse_record(data)
            malformed = None
        except MalformedError as error:
            record, malformed = read_record(data), error
        for renderer in renderers:
            line = renderer.render(record, "", malformed, data)
            assert line.isprintable() or not set(line) & {"\n", "\r", "\t", "\x1b", "\0", "\x9b"}
            line.encode()
        words = record.message.encode(errors="surrogateescape")
        assert words in data


def test_hostile_texts_take_no_time() -> None:
    """No pattern is worse than linear: each of these is read at once, or the test never ends."""
    size = 300_000
    for unit in (b"a", b"1:", b"a.", b"<", b"[", b"[a ", b'[a b="', b"\\", b'\\"', b" ", b"a: "):
        for start in (b"", b"<13>", b"<13>1 - h a 1 m ", b'<13>1 - h a 1 m [a b="', b"<13>1: "):
            read(start + unit * (size // len(unit)))


def test_doctests() -> None:
    results = [doctest.testmod(module) for module in (lenient, render)]
    assert sum(result.attempted for result in results) >= 5
    assert [result.failed for result in results] == [0, 0]
