"""Facility and Severity for those who like names better than numbers and keywords."""

from enum import IntEnum


class Severity(IntEnum):
    """How grave a record is, 0 the gravest (RFC 5424 6.2.1, table 2)."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7

    EMERG = EMERGENCY  # syslog.h's names
    CRIT = CRITICAL
    ERR = ERROR


class Facility(IntEnum):
    """What part of a system speaks (RFC 5424 6.2.1, table 1)."""

    KERN = 0
    USER = 1
    MAIL = 2
    DAEMON = 3
    AUTH = 4
    SYSLOG = 5
    LPR = 6
    NEWS = 7
    UUCP = 8
    CRON = 9
    AUTHPRIV = 10
    FTP = 11
    NTP = 12
    AUDIT = 13
    ALERT = 14
    CLOCK = 15
    LOCAL0 = 16
    LOCAL1 = 17
    LOCAL2 = 18
    LOCAL3 = 19
    LOCAL4 = 20
    LOCAL5 = 21
    LOCAL6 = 22
    LOCAL7 = 23
