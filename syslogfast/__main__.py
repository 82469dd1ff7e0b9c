"""`python -m syslogfast` is the command `syslogfast`."""

import _signal  # type: ignore[import-not-found]

# Until there is a command to end, Ctrl-C ends the process without a traceback.
if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

from syslogfast.cli import run

run()
