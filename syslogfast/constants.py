"""Facilities, severities and limits as plain numbers, each with the section that sets it."""

VERSION = "0.2.0"

# RFC 5424 6.2.1, table 1. The keywords are those of syslog.h and logger(1); 12 to 15 have no
# keyword there, so each has the one that is most used and the standard library's beside it.
FACILITIES = {
    "kern": 0,
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "security": 4,  # syslog.h: the old name of auth
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "ftp": 11,
    "ntp": 12,
    "audit": 13,
    "alert": 14,
    "console": 14,
    "clock": 15,
    "solaris-cron": 15,
    "local0": 16,
    "local1": 17,
    "local2": 18,
    "local3": 19,
    "local4": 20,
    "local5": 21,
    "local6": 22,
    "local7": 23,
}

# RFC 5424 6.2.1, table 2. The RFC's keyword, then the other spellings that programs use.
SEVERITIES = {
    "emerg": 0,
    "emergency": 0,
    "panic": 0,
    "alert": 1,
    "crit": 2,
    "critical": 2,
    "err": 3,
    "error": 3,
    "warning": 4,
    "warn": 4,
    "notice": 5,
    "info": 6,
    "debug": 7,
}

MAX_FACILITY, MAX_SEVERITY = 23, 7  # RFC 5424 6.2.1

NILVALUE = "-"  # RFC 5424 6
DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PRINTUSASCII = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" + DIGITS + LETTERS  # RFC 5424 6
SD_NAME_CHARACTERS = PRINTUSASCII.replace("=", "").replace("]", "").replace('"', "")  # 6.3.3

PROTOCOLS = ("rfc5424", "rfc3164", "local")
FRAMINGS = (None, "octet", "lf", "nul")
CONTROLS = ("escape", "keep")
OVERFLOWS = ("drop-newest", "drop-oldest", "block")
IDENTITY = ("hostname", "app_name", "procid")  # the options in which 10,000 emitters differ
HEADER_FIELDS = ("hostname", "app_name", "procid", "msgid")

MAX_HOSTNAME = 255  # RFC 5424 6, the ABNF of each field
MAX_APP_NAME = 48
MAX_PROCID = 128
MAX_MSGID = 32
MAX_SD_NAME = 32
MAX_ENTERPRISE_ID = MAX_SD_NAME - 2  # with a letter and "@" before it
MAX_TAG = 32  # RFC 3164 4.1.3

# RFC 5424 6.3.2, 9.2: SD-IDs without "@" are IANA's. These are all that its registry "syslog
# Structured Data ID Values" has (iana.org/assignments/syslog-parameters, of 2016-04-26).
REGISTERED_SD_IDS = {
    "timeQuality",  # RFC 5424 7
    "origin",
    "meta",
    "alarm",  # RFC 5674
    "snmp",  # RFC 5675
    "ssign",  # RFC 5848
    "ssign-cert",
    "PCNNode",  # RFC 6661
    "PCNTerm",
}
EXAMPLE_ENTERPRISE_ID = "32473"  # RFC 5612: for whoever has no number
# Those of services (RFC 5424 7.2.2) that have a token before them; SolarWinds took Loggly's over.
LOGGLY_NUMBER = 41058
SUMOLOGIC_NUMBER = 41123

EMIT_OPTIONS = ("msgid", "structured_data", "time_ns", "exc_info")  # all other keywords are fields
FIELDS = "fields"  # the SD-NAME of the element that has them

MAX_SIZE_RFC3164 = 1024  # RFC 3164 4.1
MAX_SIZE = 8192  # RFC 5424 6.1 leaves it open; stock rsyslog stores no more
MAX_SIZE_UDP = 2048  # RFC 5424 6.1: what a receiver SHOULD take

FRAMING_SIZE = 24  # octets: more than a count and a space, or a delimiter, take
BOM = "\ufeff"  # RFC 5424 6.4
WIDEST = 12  # octets that a character of a text can take: U+2028 as "#342#200#250"

MAX_SEQUENCE_ID = 2147483647  # RFC 5424 7.3.1; after that comes 1

GATHER_TIME = 0.01  # seconds that records of a flood wait for others to go with them
AT_ONCE = 32  # records within that time that are no flood yet
URGENT = 3  # severity (RFC 5424 6.2.1) of records that never linger, with those below it
NO_SPACE, QUEUED, FIRST = 0, 1, 2  # what becomes of a record that is put into a queue
PUT_TRIES = 1000  # to get the space that was made before another thread takes it

FIRST_DELAY = 0.1  # seconds from a failure of a transport to the next try, doubled each time
FOREVER = float("inf")  # seconds
LONGEST_WAIT = 1e6  # seconds: what locks, poll() and sockets take for a timeout

MAX_PRECISION = 6  # RFC 5424 6: TIME-SECFRAC has 1 to 6 digits

# Years 0001 to 9999, as seconds since the epoch: what RFC 3339 can write.
MIN_SECONDS = -62135596800
MAX_SECONDS = 253402300799
