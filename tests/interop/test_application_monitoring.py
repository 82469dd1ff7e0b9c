"""What watches programs by hooking into `logging`, while `loggers.install()` is in force.

Each of the real packages gets every record that it gets without us, and so does our handler,
whichever came first; `explain` names it; and when it has gone the calls are fast again. Nothing of
them sends anything to a network.
"""

import os
import pathlib
import sys
import sysconfig

import pytest
from support.watched_calls import check_watched, run_watched

from syslogfast import loggers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.surroundings,
    pytest.mark.skipif(loggers.compiled is None, reason=loggers.refusal),
]

FOLDER = os.environ.get("SYSLOGFAST_APM") or ""

# Each that cannot be undone is taken off as its author would: the original is put back.
SENTRY = """
import logging
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration

def note(kind):
    def take(event, hint):
        seen.append([kind, event.get("message"), describe(hint["log_record"])])
    return take

def note_log(log, hint):
    seen.append(["log", log["body"], log["severity_text"]])

ORIGINAL = logging.Logger.callHandlers
patched = None

def enter():
    global patched
    if patched is None:
        sentry_sdk.init(
            dsn="http://nobody@127.0.0.1:1/1", transport=lambda event: None,
            default_integrations=False, integrations=[LoggingIntegration()], enable_logs=True,
            before_send=note("event"), before_breadcrumb=note("breadcrumb"),
            before_send_log=note_log,
        )
        patched = logging.Logger.callHandlers
    logging.Logger.callHandlers = patched

def leave():
    logging.Logger.callHandlers = ORIGINAL
"""

NEW_RELIC = """
import logging, tempfile
import newrelic.agent

CONFIG = '''[newrelic]
license_key = 0123456789012345678901234567890123456789
app_name = shop
developer_mode = true
log_file = stderr
log_level = critical
application_logging.forwarding.context_data.enabled = true
utilization.detect_aws = false
utilization.detect_azure = false
utilization.detect_gcp = false
utilization.detect_pcf = false
'''
LEFT_OUT = ("created", "msecs", "relativeCreated", "thread", "process", "exc_info")
ORIGINAL = logging.Logger.callHandlers
patched = None

def enter():
    global patched, transaction
    if patched is None:
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
            file.write(CONFIG)
            file.flush()
            newrelic.agent.initialize(file.name)
        application = newrelic.agent.register_application(timeout=20)
        assert application.enabled
        transaction = newrelic.agent.BackgroundTask(application, "calls")
        transaction.__enter__()
        patched = vars(logging.Logger)["callHandlers"]
    logging.Logger.callHandlers = patched

def leave():
    logging.Logger.callHandlers = ORIGINAL

def collect():
    seen.extend(sorted(
        [event.message, event.level, sorted(
            [key, str(value)] for key, value in event.attributes.items()
            if key.startswith("context.") and key[8:] not in LEFT_OUT
        )]
        for event in transaction._log_events.samples
    ))
    transaction._log_events.reset()
"""

DATADOG = """
import os
for name in ("TRACE_ENABLED", "INSTRUMENTATION_TELEMETRY_ENABLED", "REMOTE_CONFIGURATION_ENABLED",
        "CRASHTRACKING_ENABLED"):
    os.environ[f"DD_{name}"] = "false"
os.environ.update(DD_SERVICE="shop", DD_TRACE_AGENT_URL="http://127.0.0.1:1")
import ddtrace
from ddtrace.contrib.internal.logging.patch import patch, unpatch

FIELD = "%(dd.service)s %(dd.trace_id)s"
original = ddtrace.tracer.get_log_correlation_context

def note():
    seen.append(original())
    return original()

def enter():
    ddtrace.tracer.get_log_correlation_context = note
    patch()

leave = unpatch
"""

OPENTELEMETRY = """
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

FIELD = "%(otelTraceID)s"
exporter = InMemoryLogRecordExporter()
provider = LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
set_logger_provider(provider)
span = trace.use_span(trace.NonRecordingSpan(trace.SpanContext(17, 18, False, trace.TraceFlags(1))))
span.__enter__()

def enter():
    LoggingInstrumentor().instrument(
        inject_trace_context=True, log_code_attributes=True,
        log_hook=lambda span, record: seen.append(describe(record)),
    )

def leave():
    LoggingInstrumentor().uninstrument()

def collect():
    for exported in exporter.get_finished_logs():
        record = exported.log_record
        seen.append(
            [record.body, record.severity_text, record.trace_id, repr(sorted(record.attributes))]
        )
    exporter.clear()
"""

ELASTIC = """
import logging
import elasticapm
import elasticapm.handlers.logging

FIELD = "%(elasticapm_service_name)s"
ORIGINAL = logging.getLogRecordFactory()
original = elasticapm.handlers.logging._add_attributes_to_log_record
client = None

def note(record):
    original(record)
    if record.name.startswith("shop") or record.name == "root":
        seen.append(describe(record))
    return record

elasticapm.handlers.logging._add_attributes_to_log_record = note

def enter():
    global client
    client = elasticapm.Client(
        service_name="shop", disable_send=True, central_config=False, cloud_provider="none",
        metrics_interval="0ms", instrument=False, server_version=(8, 0, 0),
    )

def leave():
    client.close()
    logging.setLogRecordFactory(ORIGINAL)
"""

ABSL = """
import io, logging, re
import absl.flags, absl.logging

stream = io.StringIO()

def enter():
    absl.flags.FLAGS.mark_as_parsed()  # or all goes to standard error
    absl.logging.use_absl_handler()
    absl.logging.get_absl_handler().python_handler.stream = stream
    absl.logging.set_verbosity(absl.logging.INFO)

def leave():
    logging.root.removeHandler(absl.logging.get_absl_handler())

def more():
    absl.logging.info("of %s", "absl")
    absl.logging.warning("of absl")

def collect():
    time_and_thread = re.compile(r"^([A-Z])[0-9]{4} \\S+ +[0-9]+ ")
    seen.extend(time_and_thread.sub(r"\\1 ", line) for line in stream.getvalue().splitlines())
    stream.seek(0)
    stream.truncate()
"""

TEXTS = ["3 of four sold", "café", "by the module", "of root", "by an adapter", "failed"]
LINES = ["3 of four sold", "watched_calls.py", "OSError: refused"]

PACKAGES = {
    "sentry-sdk": (SENTRY, "callHandlers is sentry_sdk.integrations.logging.", TEXTS),
    "newrelic": (
        NEW_RELIC,
        "callHandlers is newrelic.hooks.logger_logging.wrap_callHandlers",
        TEXTS,
    ),
    "ddtrace": (
        DATADOG,
        "makeRecord is ddtrace.contrib.internal.logging.patch._w_makeRecord",
        ["shop"],
    ),
    "opentelemetry": (OPENTELEMETRY, "factory is opentelemetry.instrumentation.logging.", TEXTS),
    "elastic-apm": (
        ELASTIC,
        "factory is elasticapm.handlers.logging.log_record_factory",
        ["'shop'", "by an %s"],
    ),
    "absl": (ABSL, "a handler is a absl.logging.ABSLHandler", [*LINES, "of absl"]),
}


@pytest.fixture
def folder() -> str:
    """Where the packages are, which patch more than a test's own process could bear."""
    if not FOLDER:
        pytest.skip("SYSLOGFAST_APM names no folder with sentry-sdk, newrelic, ddtrace and others")
    (wheel,) = pathlib.Path(FOLDER).glob("ddtrace-*.dist-info/WHEEL")
    tag = f"cp{sysconfig.get_config_var('py_version_nodot')}"
    if f"Tag: {tag}-{tag}-" not in wheel.read_text(encoding="utf-8"):
        pytest.skip(f"{FOLDER} is not for Python {sys.version_info.major}.{sys.version_info.minor}")
    return FOLDER


@pytest.mark.parametrize("name", PACKAGES)
def test_each_record_is_seen(folder: str, name: str) -> None:
    code, reason, texts = PACKAGES[name]
    check_watched(run_watched(code, folder), reason, texts)
