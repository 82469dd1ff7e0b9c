"""Python hangs for a second, with the GIL; the beats go on."""

import ctypes
import sys

import heartbeat

import syslogfast

encoder = syslogfast.Encoder(app_name="heartbeat", framing="lf")

heartbeat.start(encoder, sys.stdout.fileno(), 0.1)
# PyDLL keeps the GIL: no thread of Python's runs meanwhile.
ctypes.PyDLL(None).usleep(950_000)
heartbeat.stop()
