"""A component of WASI that tells of its life: to SYSLOGFAST_URL, else on standard output."""

import os
import sys

from wit_world import exports

import syslogfast
from syslogfast import lifecycle

syslogfast.preload()  # now, while the component is made: when it runs there are no files


class Run(exports.Run):
    """What `wasi:cli/run` asks for."""

    def run(self) -> None:
        # Not before: the component would have the time and the variables of its making.
        url = os.environ.get("SYSLOGFAST_URL", "fd://1")
        log = syslogfast.connect(
            url, hostname="guest", app_name="shop", procid="-", sequence_ids=True
        )
        lifecycle.install(log, version="1.2")
        try:
            sell(log, int(os.environ.get("BOOKS", "3")))
        except Exception as error:  # no hook of Python's is called for it
            lifecycle.crashed(log, error)
            raise
        finally:  # the interpreter is dropped, not ended
            lifecycle.ended(log)
            log.close()
            if log.stats["dropped"]:
                print(log.stats, file=sys.stderr)


def sell(log: syslogfast.Emitter, count: int) -> None:
    each = 60 / count
    log.info("%d books sold", count, msgid="SALE", each=each)
