"""PID 1 of the microVM: a service that tells of its boot, its network, its work and its end."""

import atexit
import time

import system

import syslogfast
from syslogfast import lifecycle

REQUEST_TIME = 0.1  # seconds
RECORDER_BYTES = 1 << 16  # for what is sent only if it crashes


def main() -> "None":
    atexit.register(system.power_off)  # the first, so that it is the last to run
    system.start()
    words = system.read_words()
    log = syslogfast.connect(
        words["log"],
        app_name="microvm",
        facility="daemon",
        level="info",
        recorder_bytes=RECORDER_BYTES,
    )
    # There is no network yet: that it has booted waits in the queue, with the time of now.
    lifecycle.install(log, software="microvm", version=syslogfast.__version__)
    system.show("booted")
    address = system.bring_up_network()  # which the lifecycle sees by itself
    system.show(f"up with {address}")
    work(log, words.get("crash"))
    system.show("done")


def work(log: "syslogfast.Emitter", crash: "str | None") -> "None":
    """Serve three requests; then end, or crash as the kernel's command line says."""
    for number in range(1, 4):
        log.debug("request %d read", number, msgid="STEP")
        time.sleep(REQUEST_TIME)
        log.debug("request %d answered", number, msgid="STEP")
        log.info("request %d served", number, msgid="WORK")
    memory = system.read_memory()
    log.info(
        "resident memory %d KB, of which %d KB are no file's, %.3f s after boot",
        *(memory["VmRSS"], memory["RssAnon"], system.read_uptime()),
        msgid="MEASURED",
    )
    if crash == "exception":
        raise RuntimeError("the fourth request cannot be served")
    if crash == "segv":
        import faulthandler

        faulthandler._read_null()  # a real one: what is sent to PID 1 would be ignored


if __name__ == "__main__":
    main()
