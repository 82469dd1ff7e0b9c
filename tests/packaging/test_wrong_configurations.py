"""What is typed wrong, and the error of its own that each gets: it names what is bad, and a cure.

Each expression is evaluated with both backends, where a program would write it; what it raises is
raised there, before there is a record that could be lost.
"""

import json
import os
import subprocess
import sys

from support.backends import load_backend
from support.each import try_each

import syslogfast
from syslogfast._rare_validation import describe_url

WORDS = {
    "FACILITIES": (
        "kern, user, mail, daemon, auth, security, syslog, lpr, news, uucp, cron, authpriv, "
        "ftp, ntp, audit, alert, console, clock, solaris-cron, local0, local1, local2, "
        "local3, local4, local5, local6, local7"
    ),
    "SEVERITIES": (
        "emerg, emergency, panic, alert, crit, critical, err, error, warn, warning, notice, "
        "info, debug"
    ),
    "SCHEMES": "udp://, tcp://, tls://, unix://, vsock://, relp://, relps://, fd://",
    "ADDRESSES": (
        "(host, port), with a port in 1..65535, the path of a socket, a URL such as "
        "udp://127.0.0.1:514, or a list of URLs"
    ),
}
# An expression, and what it raises, which may go on on the next line.
TABLE = """
# Keywords
Encoder(facility="loca0")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'loca0'. Did you mean
    'local0'?
Encoder(facility="local8")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'local8'. Did you mean
    'local0'?
Encoder(facility="kernel")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'kernel'. Did you mean
    'kern'?
Encoder(facility="16")
    ValueError: facility must be in 0..23 or one of FACILITIES, got '16'. Did you mean 16?
Encoder(facility="LOG_LOCAL9")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'LOG_LOCAL9'. Did you mean
    'local0'?
Encoder(facility="nonsense")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'nonsense'
Encoder(facility=24)
    ValueError: facility must be in 0..23 or a keyword, got 24
Encoder(facility=None)
    TypeError: facility must be an int or a str, got None
Encoder().encode("information", "x")
    ValueError: severity must be in 0..7 or one of SEVERITIES, got 'information'. Did you mean
    'info'?
Encoder().encode("dbg", "x")
    ValueError: severity must be in 0..7 or one of SEVERITIES, got 'dbg'. Did you mean
    'debug'?
Encoder().encode("fatal", "x")
    ValueError: severity must be in 0..7 or one of SEVERITIES, got 'fatal'
Encoder().encode(8, "x")
    ValueError: severity must be in 0..7 or a keyword, got 8
connect(UDP).emit("warnings", "x")
    ValueError: severity must be in 0..7 or one of SEVERITIES, got 'warnings'. Did you mean
    'warning'?
connect(UDP, level="informational")
    ValueError: level must be in 0..7 or one of SEVERITIES, got 'informational'. Did you mean
    'info'?
connect(UDP, facility="demon")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'demon'. Did you mean
    'daemon'?
Formatter(facility="authprivate")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'authprivate'. Did you
    mean 'authpriv'?

# Options
Encoder(appname="shop")
    TypeError: Encoder() got an unexpected keyword argument 'appname'. Did you mean
    'app_name'?
Encoder(hostnam="web1")
    TypeError: Encoder() got an unexpected keyword argument 'hostnam'. Did you mean
    'hostname'?
Encoder(structureddata={})
    TypeError: Encoder() got an unexpected keyword argument 'structureddata'. Did you mean
    'structured_data'?
Encoder(colour=1)
    TypeError: Encoder() got an unexpected keyword argument 'colour'
Encoder(linger=1)
    TypeError: Encoder() got an unexpected keyword argument 'linger'
Encoder().replace(appname="shop")
    TypeError: Encoder() got an unexpected keyword argument 'appname'. Did you mean
    'app_name'?
connect(UDP, appname="shop")
    TypeError: connect() got an unexpected keyword argument 'appname'. Did you mean
    'app_name'?
connect(UDP, host_name="web1")
    TypeError: connect() got an unexpected keyword argument 'host_name'. Did you mean
    'hostname'?
connect(UDP, structureddata={})
    TypeError: connect() got an unexpected keyword argument 'structureddata'. Did you mean
    'structured_data'?
connect(UDP, lingr=1)
    TypeError: connect() got an unexpected keyword argument 'lingr'. Did you mean 'linger'?
connect(UDP, queue_size=1)
    TypeError: connect() got an unexpected keyword argument 'queue_size'. Did you mean
    'queue_bytes'?
connect(UDP, loglevel="info")
    TypeError: connect() got an unexpected keyword argument 'loglevel'. Did you mean 'level'?
connect(UDP, onfailure=print)
    TypeError: connect() got an unexpected keyword argument 'onfailure'. Did you mean
    'on_failure'?
connect(UDP, sequence_id=True)
    TypeError: connect() got an unexpected keyword argument 'sequence_id'. Did you mean
    'sequence_ids'?
connect(UDP, colour=1)
    TypeError: connect() got an unexpected keyword argument 'colour'
connect(UDP, password="s3cr3t")
    TypeError: connect() got an unexpected keyword argument 'password'
connect(url=UDP)
    TypeError: connect() got an unexpected keyword argument 'url': URLs have no keyword, as in
    connect('udp://127.0.0.1:514')
connect(urls=[UDP])
    TypeError: connect() got an unexpected keyword argument 'urls': URLs have no keyword, as
    in connect('udp://127.0.0.1:514')
connect("tls://h", ca="/etc/ca.pem")
    TypeError: connect() got an unexpected keyword argument 'ca': it is an option of the URL,
    as in tls://collector?ca=...
connect(UDP).child(appname="till")
    TypeError: Emitter.child() got an unexpected keyword argument 'appname'. Did you mean
    'app_name'?
connect(UDP).child(colour=1)
    TypeError: Emitter.child() got an unexpected keyword argument 'colour'
Formatter(appname="shop")
    TypeError: Formatter() got an unexpected keyword argument 'appname'. Did you mean
    'app_name'?
Formatter(styl="{")
    TypeError: Formatter() got an unexpected keyword argument 'styl'. Did you mean 'style'?
Formatter(colour=1)
    TypeError: Formatter() got an unexpected keyword argument 'colour'
SysLogHandler(appname="shop")
    TypeError: SysLogHandler() got an unexpected keyword argument 'appname'. Did you mean
    'app_name'?
SysLogHandler(sock_type=2)
    TypeError: SysLogHandler() got an unexpected keyword argument 'sock_type'. Did you mean
    'socktype'?
SysLogHandler(UDP, lingr=1)
    TypeError: SysLogHandler() got an unexpected keyword argument 'lingr'. Did you mean
    'linger'?
SysLogHandler(UDP, Protocol="rfc5424")
    TypeError: SysLogHandler() got an unexpected keyword argument 'Protocol'. Did you mean
    'protocol'?
SysLogHandler(UDP, context=1)
    TypeError: SysLogHandler() got an unexpected keyword argument 'context'
SysLogHandler(linger=0, level="info")
    TypeError: SysLogHandler() got an unexpected keyword argument 'level'
services.loggly("s3cr3t", tag=["web"])
    TypeError: services.loggly() got an unexpected keyword argument 'tag'. Did you mean
    'tags'?
services.loggly("s3cr3t", appname="shop")
    TypeError: services.loggly() got an unexpected keyword argument 'appname'. Did you mean
    'app_name'?
services.papertrail("h", 5, overfow="block")
    TypeError: services.papertrail() got an unexpected keyword argument 'overfow'. Did you
    mean 'overflow'?
services.splunk("h", colour=1)
    TypeError: services.splunk() got an unexpected keyword argument 'colour'
services.datadog("s3cr3t", lingr=1)
    TypeError: services.datadog() got an unexpected keyword argument 'lingr'. Did you mean
    'linger'?

# URLs
connect("127.0.0.1:25140")
    ValueError: url must begin with one of SCHEMES, got '127.0.0.1:25140'. Did you mean
    'udp://127.0.0.1:25140'?
connect("collector")
    ValueError: url must begin with one of SCHEMES, got 'collector'. Did you mean
    'udp://collector'?
connect("localhost:514")
    ValueError: url must begin with one of SCHEMES, got 'localhost:514'. Did you mean
    'udp://localhost:514'?
connect("::1")
    ValueError: url must begin with one of SCHEMES, got '::1'. Did you mean 'udp://[::1]'?
connect("udp:127.0.0.1:514")
    ValueError: url must begin with one of SCHEMES, got 'udp:127.0.0.1:514'. Did you mean
    'udp://127.0.0.1:514'?
connect("udp:/h")
    ValueError: url must begin with one of SCHEMES, got 'udp:/h'. Did you mean 'udp://h'?
connect("udp//h")
    ValueError: url must begin with one of SCHEMES, got 'udp//h'. Did you mean 'udp://h'?
connect("unix:dev/log")
    ValueError: url must begin with one of SCHEMES, got 'unix:dev/log'. Did you mean
    'unix:///dev/log'?
connect("fd:1")
    ValueError: url must begin with one of SCHEMES, got 'fd:1'. Did you mean 'fd://1'?
connect("collector:514/path")
    ValueError: url must begin with one of SCHEMES, got 'collector:514/path'. Did you mean
    'udp://collector:514'?
connect("nonsense and more")
    ValueError: url must begin with one of SCHEMES, got 'nonsense and more'
connect("")
    ValueError: url must begin with one of SCHEMES, got ''
connect("udpp://h")
    ValueError: url must begin with one of SCHEMES, got 'udpp://h'. Did you mean 'udp://h'?
connect("upd://h:514")
    ValueError: url must begin with one of SCHEMES, got 'upd://h:514'. Did you mean
    'udp://h:514'?
connect("syslog://h")
    ValueError: url must begin with one of SCHEMES, got 'syslog://h'. Did you mean 'udp://h'?
connect("ssl://h?name=x")
    ValueError: url must begin with one of SCHEMES, got 'ssl://h?name=x'. Did you mean
    'tls://h?name=x'?
connect("http://h")
    ValueError: url must begin with one of SCHEMES, got 'http://h'. Did you mean 'tcp://h'?
connect("amqp://h")
    ValueError: url must begin with one of SCHEMES, got 'amqp://h'
connect(" udp://h")
    ValueError: url must begin with one of SCHEMES, got ' udp://h'. Did you mean 'udp://h'?
connect("tcp://user:s3cr3t@h")
    ValueError: url must have no user and no password, which no collector asks for, got
    'tcp://...@h'. Did you mean 'tcp://h'?
connect("tcp://user:s3cr3t@h:601?framing=lf")
    ValueError: url must have no user and no password, which no collector asks for, got
    'tcp://...@h:601?framing=lf'. Did you mean 'tcp://h:601?framing=lf'?
connect("tcp://s3cr3t@h")
    ValueError: url must have no user and no password, which no collector asks for, got
    'tcp://...@h'. Did you mean 'tcp://h'?
connect("tcp://user:s3/cr3t?s3cr3t#@h")
    ValueError: url must have options of the form name=value, each once, got 'tcp://...@h'
connect("http://user:s3cr3t@h")
    ValueError: url must begin with one of SCHEMES, got 'http://...@h'. Did you mean
    'tcp://h'?
connect("user:s3cr3t@h")
    ValueError: url must begin with one of SCHEMES, got '...@h'. Did you mean 'udp://h'?
connect("tls://user:s3cr3t@h?colour=1")
    ValueError: url must have no option 'colour', which tls does not know, got
    'tls://...@h?colour=1'
connect("tls://h?token=s3cr3t")
    ValueError: url must have no option 'token', which tls does not know, got
    'tls://h?token=...'
connect("tls://h?password=s3cr3t&name=x")
    ValueError: url must have no option 'password', which tls does not know, got
    'tls://h?password=...&name=x'
connect("tcp://a,tcp://b")
    ValueError: url must be one URL, each of several an argument of its own, got
    'tcp://a,tcp://b'. Did you mean 'tcp://a', 'tcp://b'?
connect("udp://a udp://b")
    ValueError: url must be one URL, each of several an argument of its own, got 'udp://a
    udp://b'. Did you mean 'udp://a', 'udp://b'?
connect("udp://a,b")
    ValueError: url must be one URL, each of several an argument of its own, got 'udp://a,b'.
    Did you mean 'udp://a', 'udp://b'?
connect("unix:///dev/log,udp://b")
    ValueError: url must be one URL, each of several an argument of its own, got
    'unix:///dev/log,udp://b'. Did you mean 'unix:///dev/log', 'udp://b'?
connect("tcp://user:s3cr3t@a,tcp://b")
    ValueError: url must be one URL, each of several an argument of its own, got
    'tcp://...@a,tcp://b'
connect(["tcp://a"])
    TypeError: url must be a str, each of several an argument of its own, as in
    connect(*urls), got ['tcp://a']
connect(("tcp://a", "tcp://user:s3cr3t@b"))
    TypeError: url must be a str, each of several an argument of its own, as in
    connect(*urls), got ('tcp://...@b')
connect("/dev/log")
    ValueError: url must begin with one of SCHEMES, got '/dev/log'. Did you mean
    'unix:///dev/log'?
connect("unix://dev/log")
    ValueError: url must have a path from / on, got 'unix://dev/log'
connect("udp://h:514/path")
    ValueError: url must have a host, and nothing after it but a port and options, got
    'udp://h:514/path'. Did you mean 'udp://h:514'?
connect("udp://h/")
    ValueError: url must have a host, and nothing after it but a port and options, got
    'udp://h/'. Did you mean 'udp://h'?
connect("udp:///h")
    ValueError: url must have a host, and nothing after it but a port and options, got
    'udp:///h'. Did you mean 'udp://h'?
connect("udp://h#fragment")
    ValueError: url must have a host, and nothing after it but a port and options, got
    'udp://h#fragment'. Did you mean 'udp://h'?
connect("udp://h:514#fragment")
    ValueError: url must have a host, and nothing after it but a port and options, got
    'udp://h:514#fragment'. Did you mean 'udp://h:514'?
connect("udp://h ")
    ValueError: url must have a host, and nothing after it but a port and options, got
    'udp://h '. Did you mean 'udp://h'?
connect("udp://h:0")
    ValueError: url must have a port in 1..65535, got 'udp://h:0'
connect("udp://h:70000")
    ValueError: url must have a port in 1..65535, got 'udp://h:70000'
connect("udp://h:syslog")
    ValueError: url must have a port in 1..65535, got 'udp://h:syslog'
connect("udp://h:")
    ValueError: url must have a port in 1..65535, got 'udp://h:'
connect("udp://:514")
    ValueError: url must have a host, as in udp://127.0.0.1:514, got 'udp://:514'
connect("udp://")
    ValueError: url must have a host, as in udp://127.0.0.1, got 'udp://'
connect("tcp://::1:601")
    ValueError: url must have an IPv6 address within [ and ], got 'tcp://::1:601'
connect(b"udp://h")
    TypeError: url must be a str such as udp://127.0.0.1:514, got b'udp://h'. Did you mean
    'udp://h'?
connect(b"tcp://user:s3cr3t@h")
    TypeError: url must be a str such as udp://127.0.0.1:514, got b'tcp://...@h'. Did you mean
    'tcp://h'?
connect(pathlib.Path("/dev/log"))
    TypeError: url must be a str such as udp://127.0.0.1:514, got PosixPath('/dev/log'). Did
    you mean 'unix:///dev/log'?
connect(None)
    TypeError: url must be a str such as udp://127.0.0.1:514, got None
connect(514)
    TypeError: url must be a str such as udp://127.0.0.1:514, got 514
connect(UDP, "h")
    ValueError: url must begin with one of SCHEMES, got 'h'. Did you mean 'udp://h'?
connect("tcp://h?framing=octets")
    ValueError: url must have a framing that tcp can use (lf, octet, nul), got
    'tcp://h?framing=octets'. Did you mean 'octet'?
connect("udp://h?framing=lf")
    ValueError: url must have a framing that udp can use (none), got 'udp://h?framing=lf'
connect("tls://h?certificate=x")
    ValueError: url must have no option 'certificate', which tls does not know, got
    'tls://h?certificate=x'. Did you mean 'cert'?
connect("tls://h?ca=/no/such/file")
    ValueError: url must have a ca that is a file and can be read, got
    'tls://h?ca=/no/such/file'

# Choices
Encoder(protocol="rfc5425")
    ValueError: protocol must be one of 'rfc5424', 'rfc3164', 'local', got 'rfc5425'. Did you
    mean 'rfc5424'?
Encoder(protocol="5424")
    ValueError: protocol must be one of 'rfc5424', 'rfc3164', 'local', got '5424'. Did you
    mean 'rfc5424'?
Encoder(framing="crlf")
    ValueError: framing must be one of None, 'octet', 'lf', 'nul', got 'crlf'
Encoder(controls="kep")
    ValueError: controls must be one of 'escape', 'keep', got 'kep'. Did you mean 'keep'?
connect(UDP, overflow="drop")
    ValueError: overflow must be one of 'drop-newest', 'drop-oldest', 'block', got 'drop'. Did
    you mean 'drop-newest'?
connect(UDP, overflow="oldest")
    ValueError: overflow must be one of 'drop-newest', 'drop-oldest', 'block', got 'oldest'.
    Did you mean 'drop-oldest'?
connect(UDP, overflow="wait")
    ValueError: overflow must be one of 'drop-newest', 'drop-oldest', 'block', got 'wait'
connect("tcp://h", framing="octets")
    ValueError: framing must be one of None, 'octet', 'lf', 'nul', got 'octets'. Did you mean
    'octet'?
connect("tcp://h", framing="newline")
    ValueError: framing must be one of None, 'octet', 'lf', 'nul', got 'newline'
connect(UDP, framing="lf")
    ValueError: url must have the framing lf, as is asked for elsewhere, got
    'udp://127.0.0.1:9'
connect(UDP, protocol="RFC-5424")
    ValueError: protocol must be one of 'rfc5424', 'rfc3164', 'local', got 'RFC-5424'. Did you
    mean 'rfc5424'?
Formatter(pri=True, framing="octets")
    ValueError: framing must be one of None, 'octet', 'lf', 'nul', got 'octets'. Did you mean
    'octet'?
SysLogHandler(UDP, protocol="rfc3146")
    ValueError: protocol must be one of 'rfc5424', 'rfc3164', 'local', got 'rfc3146'. Did you
    mean 'rfc3164'?
SysLogHandler(overflow="drop oldest")
    ValueError: overflow must be one of 'drop-newest', 'drop-oldest', 'block', got 'drop
    oldest'. Did you mean 'drop-oldest'?
format_timestamp(0, protocol="rfc3146")
    ValueError: protocol must be one of 'rfc5424', 'rfc3164', 'local', got 'rfc3146'. Did you
    mean 'rfc3164'?
services.datadog("s3cr3t", region="eur")
    ValueError: region must be one of 'us', 'eu', got 'eur'. Did you mean 'eu'?

# SysLogHandler
SysLogHandler("tls://h", tls={"ca": "/etc/ca.pem"})
    ValueError: tls must be an ssl.SSLContext for tls:// URLs, or left out with URLs: its
    options go into the URL, got 'tls://h'. Did you mean 'tls://h?ca=/etc/ca.pem'?
SysLogHandler("tcp://h:601", tls={"ca": "/etc/ca.pem", "insecure": True})
    ValueError: tls must be an ssl.SSLContext for tls:// URLs, or left out with URLs: its
    options go into the URL, got 'tcp://h:601'. Did you mean
    'tls://h:601?ca=/etc/ca.pem&insecure=yes'?
SysLogHandler("tls://h", tls={"password": "s3cr3t"})
    ValueError: tls must be an ssl.SSLContext for tls:// URLs, or left out with URLs: its
    options go into the URL, got 'tls://h'
SysLogHandler("tls://h", tls=True)
    ValueError: tls must be an ssl.SSLContext for tls:// URLs, or left out with URLs: its
    options go into the URL, got 'tls://h'
SysLogHandler("tcp://h", tls=True)
    ValueError: tls must be an ssl.SSLContext for tls:// URLs, or left out with URLs: its
    options go into the URL, got 'tcp://h'. Did you mean 'tls://h'?
SysLogHandler(("h", 6514), tls=True, socktype=socket.SOCK_DGRAM)
    ValueError: socktype must be SOCK_STREAM with tls, got <SocketKind.SOCK_DGRAM: 2>
SysLogHandler(("h", 6514), tls={"caa": "/etc/ca.pem"})
    ValueError: tls option must be one of 'ca', 'cert', 'key', 'insecure', 'name', got 'caa'.
    Did you mean 'ca'?
SysLogHandler("/dev/log", tls=True)
    ValueError: tls must be left out with a path, got '/dev/log'
SysLogHandler([], protocol="rfc5424")
    ValueError: address must be ADDRESSES, got []
SysLogHandler([], linger=0)
    ValueError: address must be ADDRESSES, got []
SysLogHandler(("h",), protocol="rfc5424")
    ValueError: address must be ADDRESSES, got ('h',)
SysLogHandler(("h", "x"), protocol="rfc5424")
    ValueError: address must be ADDRESSES, got ('h', 'x')
SysLogHandler(("h", 70000), protocol="rfc5424")
    ValueError: address must be ADDRESSES, got ('h', 70000)
SysLogHandler((None, 514), protocol="rfc5424")
    ValueError: address must be ADDRESSES, got (None, 514)
SysLogHandler(None, protocol="rfc5424")
    TypeError: address must be ADDRESSES, got None
SysLogHandler(5, protocol="rfc5424")
    TypeError: address must be ADDRESSES, got 5
SysLogHandler("localhost:514", protocol="rfc5424")
    ValueError: address must be ADDRESSES, got 'localhost:514'. Did you mean
    'udp://localhost:514'?
SysLogHandler("collector", linger=0)
    ValueError: address must be ADDRESSES, got 'collector'. Did you mean 'udp://collector'?
SysLogHandler(pathlib.Path("/dev/log"), protocol="rfc5424")
    TypeError: address must be ADDRESSES, got PosixPath('/dev/log'). Did you mean '/dev/log'?
SysLogHandler("tcp://user:s3cr3t@h")
    ValueError: url must have no user and no password, which no collector asks for, got
    'tcp://...@h'. Did you mean 'tcp://h'?
SysLogHandler(["tcp://a", "b"])
    ValueError: url must begin with one of SCHEMES, got 'b'. Did you mean 'udp://b'?
SysLogHandler("tcp://a,tcp://b")
    ValueError: url must be one URL, each of several an argument of its own, got
    'tcp://a,tcp://b'. Did you mean 'tcp://a', 'tcp://b'?
SysLogHandler(UDP, facility="loca0")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'loca0'. Did you mean
    'local0'?
SysLogHandler(facility="loca0", protocol="rfc5424")
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'loca0'. Did you mean
    'local0'?
SysLogHandler(facility="loca0", linger=0)
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'loca0'. Did you mean
    'local0'?
SysLogHandler(facility="loca0", queue_bytes=9999)
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'loca0'. Did you mean
    'local0'?
SysLogHandler(facility="loca0", tls=True)
    ValueError: facility must be in 0..23 or one of FACILITIES, got 'loca0'. Did you mean
    'local0'?
SysLogHandler(facility=[], linger=0)
    TypeError: facility must be an int or a str, got []
SysLogHandler(framing="lf")
    ValueError: socktype must be SOCK_STREAM with framing, got None
SysLogHandler(hostname="web1")
    ValueError: hostname must be left out unless protocol is given: it is of the header

# By other ways
with_variable("collector:514")
    ValueError: SYSLOGFAST_URL must begin with one of SCHEMES, got 'collector:514'. Did you
    mean 'udp://collector:514'?
with_variable("udpp://h")
    ValueError: SYSLOGFAST_URL must begin with one of SCHEMES, got 'udpp://h'. Did you mean
    'udp://h'?
with_variable("tcp://user:s3cr3t@h")
    ValueError: SYSLOGFAST_URL must have no user and no password, which no collector asks for,
    got 'tcp://...@h'. Did you mean 'tcp://h'?
with_variable("tcp://a,tcp://b")
    ValueError: SYSLOGFAST_URL must have spaces between its URLs, got 'tcp://a,tcp://b'
with_variable("udp://h:0")
    ValueError: SYSLOGFAST_URL must have a port in 1..65535, got 'udp://h:0'
with_variable("")
    ValueError: urls must not be empty unless SYSLOGFAST_URL is set, got none
lifecycle.install("udp://user:s3cr3t@h")
    TypeError: emitter must be an Emitter, as of connect(), got 'udp://...@h'
lifecycle.install(None)
    TypeError: emitter must be an Emitter, as of connect(), got None
lifecycle.install(connect(UDP), fatal_url="h:514")
    ValueError: fatal_url must begin with one of SCHEMES, got 'h:514'. Did you mean
    'udp://h:514'?
lifecycle.install(connect(UDP), fatal_url="tls://h")
    ValueError: fatal_url must be one that opens at once, udp:// with an address, unix:// or
    fd://, got 'tls://h'
lifecycle.install(connect(UDP), fatal_url=["udp://h"])
    TypeError: fatal_url must be a str, got ['udp://h']
lifecycle.install(connect(UDP), network_timeout="5")
    TypeError: network_timeout must be a number of seconds, got '5'
lifecycle.install(connect(UDP), software=5)
    TypeError: software must be a str, got 5
with_loggers("no")
    ValueError: SYSLOGFAST_LOGGERS must be one of '', 'on', 'off', got 'no'
services.loggly("s3cr3t@h")
    ValueError: token must be printable ASCII characters other than @ = ] " and space, got str
services.loggly(b"s3cr3t")
    TypeError: token must be a str, got bytes
services.loggly("s3cr3t", tags="web")
    TypeError: tags must be a list or a tuple of str, got 'web'
services.loggly("s3cr3t", url="h:514")
    ValueError: url must begin with one of SCHEMES, got 'h:514'. Did you mean 'udp://h:514'?
services.loggly("s3cr3t", url="tcp://user:s3cr3t@h")
    ValueError: url must have no user and no password, which no collector asks for, got
    'tcp://...@h'. Did you mean 'tcp://h'?
services.loggly("s3cr3t", prefix=b"x")
    ValueError: prefix must be left out: it is the service's
services.graylog()
    TypeError: host must be a str unless url is given, got None
services.graylog("tcp://h")
    ValueError: host must be a name or an address, got 'tcp://h'
services.graylog("h:514")
    ValueError: host must be a name or an address, got 'h:514'
services.graylog("user:s3cr3t@h")
    ValueError: host must be a name or an address, got '...@h'
services.graylog("h", 70000)
    ValueError: port must be in 1..65535, got 70000
services.graylog("h", "514")
    TypeError: port must be an int unless url is given, got '514'
services.papertrail("logs7.papertrailapp.com")
    TypeError: port must be an int unless url is given, got None
"""
# What is plain, and done.
RIGHT = """
Encoder(facility="LOG_LOCAL7")
Encoder(facility="Warn".replace("Warn", "LOCAL0"))
Encoder().encode("Warn", "x")
Encoder(protocol="RFC5424", framing="OCTET", controls="Keep")
Encoder(header_attributes={"App-Name": "app"})
format_timestamp(0, protocol="RFC3164")
connect("UDP://127.0.0.1:9")
connect("Tcp://127.0.0.1:9?framing=OCTET")
connect(UDP, overflow="DROP-OLDEST")
connect(UDP, overflow="drop_oldest")
connect("tcp://127.0.0.1:9", framing="LF", protocol="RFC3164")
connect(UDP, controls="ESCAPE").child(controls="Keep", structured_data={"a@1": {}})
Formatter(pri=True, framing="Nul", protocol="RFC3164")
SysLogHandler(("127.0.0.1", 9), protocol="RFC5424", facility="LOCAL3")
SysLogHandler(("127.0.0.1", "9"), linger=0)
SysLogHandler(UDP, overflow="Drop_Oldest", level="info", sequence_ids=True)
SysLogHandler(("127.0.0.1", 9), tls=True)
services.logentries("s3cr3t", region="EU", controls="KEEP", framing="LF")
services.solarwinds("s3cr3t", region="EU_01")
with_loggers("OFF")
"""
PRELUDE = """
import json, logging.handlers, os, pathlib, socket, sys
from syslogfast import Encoder, Formatter, SysLogHandler, connect, format_timestamp
from syslogfast import lifecycle, loggers, services

UDP = "udp://127.0.0.1:9"


def with_variable(urls):
    os.environ["SYSLOGFAST_URL"] = urls
    return connect()


def with_loggers(setting):
    os.environ["SYSLOGFAST_LOGGERS"] = setting
    return loggers.install()


def list_errors(error):
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__


def evaluate(expression):
    try:
        return [], repr(eval(expression))
    except Exception as error:
        return list(list_errors(error)), ""


print(json.dumps([evaluate(expression) for expression in json.load(sys.stdin)]))
"""


def read_table() -> dict[str, str]:
    """Return {expression: error}, with the words that stand for lists written out."""
    table: dict[str, str] = {}
    expression = ""
    for line in TABLE.splitlines():
        if line.startswith("    "):
            table[expression] = f"{table[expression]} {line.strip()}".strip()
        elif line and line[0] != "#":
            expression = line
            assert expression not in table
            table[expression] = ""
    for expression in table:
        for word in WORDS:
            table[expression] = table[expression].replace(word, WORDS[word])
    return table


def evaluate_each(expressions: list[str], backend: str) -> list[tuple[list[str], str]]:
    """Return what each raises in a fresh interpreter, with what had been raised, and its repr."""
    result = subprocess.run(
        [sys.executable, "-I", "-c", PRELUDE],
        input=json.dumps(expressions),
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return [(errors, value) for errors, value in json.loads(result.stdout)]


def test_each_has_an_error_of_its_own(backend: str) -> None:
    """It is the one of the table, to the letter, and nothing in it was a secret."""
    table = read_table()
    assert len(table) > 150
    for expression, (errors, _) in zip(table, evaluate_each([*table], backend), strict=True):
        assert errors[:1] == [table[expression]], expression
        for error in errors:
            assert "s3" not in error, expression
            assert "cr3t" not in error, expression
            assert "user:" not in error, expression


def test_what_is_plain_is_done(backend: str) -> None:
    expressions = RIGHT.split("\n")[1:-1]
    results = evaluate_each(expressions, backend)
    for expression, (errors, value) in zip(expressions, results, strict=True):
        assert errors == [], expression
        assert "s3cr3t" not in value, expression


def test_tls_of_a_handler_is_a_stream() -> None:
    """It was not asked for, but there is no TLS without it."""
    handler = syslogfast.SysLogHandler(("127.0.0.1", 9), tls=True)
    assert handler.socktype == 1
    assert "tls://127.0.0.1:9" in repr(handler._emitter)
    handler.close()


DROP_IN = [
    "{}([])",
    "{}(('127.0.0.1',))",
    "{}(None)",
    "{}(5)",
    "{}(('127.0.0.1', 'x'))",
    "{}(facility='loca0').facility",
    "{}(facility='loca0').encodePriority('loca0', 'info')",
    "{}('collector:514').unixsocket",
    "{}(facility=None).facility",
]


def test_without_an_option_of_ours_it_is_the_standard_library(backend: str) -> None:
    """What is wrong there is wrong in the same way, and what is not is not."""
    ours, theirs = (
        evaluate_each([expression.format(name) for expression in DROP_IN], backend)
        for name in ("SysLogHandler", "logging.handlers.SysLogHandler")
    )
    for expression, result, expected in zip(DROP_IN, ours, theirs, strict=True):
        assert result == expected, expression
    assert sum(bool(errors) for errors, _ in ours) >= 5


def test_a_choice_is_kept_as_it_is_listed(backend: str) -> None:
    module = load_backend(backend)
    encoder = module.Encoder(protocol="RFC3164", framing="Octet", controls="KEEP")
    options = encoder._list_options()
    assert [options[name] for name in ("protocol", "framing", "controls")] == [
        *("rfc3164", "octet", "keep")
    ]
    expected = module.Encoder(protocol="rfc3164", framing="octet", controls="keep")
    assert encoder.encode(6, "a\x01", time_ns=0) == expected.encode(6, "a\x01", time_ns=0)


@try_each("form", ["tcp://u:{}@h", "{}@h", "u:{}@h", "//{}@h", "{}//@h", "tcp://{}?@h", "u:/{}#@h"])
@try_each("secret", ["s3cr3t", "s3cr3t@s3cr3t", "s3cr3t//s3cr3t", "s3cr3t?a=s3cr3t", "s3cr3t" * 99])
def test_what_stands_before_a_host_is_hidden(form: str, secret: str) -> None:
    """It is taken out before a long text is made shorter."""
    text = form.format(secret)
    for value in (text, [text], (text, 5), text.encode()):
        for call in (lambda v=value: syslogfast.connect(v), lambda v=value: describe_url(v)):
            try:
                shown = call()
            except (TypeError, ValueError) as error:
                shown = str(error)
            assert "s3cr3t" not in shown
            assert "@h" in shown
