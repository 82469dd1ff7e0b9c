"""`python -m syslogfast` is the command `syslogfast`."""

from syslogfast.cli import main

raise SystemExit(main())
