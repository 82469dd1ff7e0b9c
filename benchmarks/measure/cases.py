"""What the encoders are given: contents and forms of a record, each of which is checked."""

from dataclasses import dataclass, field
from types import ModuleType

from measure import strict
from measure.record import IDENTITY, MESSAGE
from measure.rounds import Run, repeat_call
from measure.strict import expect_now

from syslogfast import Severity

LONG = 1000  # bytes


def fit(pattern: str, size: int = len(MESSAGE)) -> str:
    """Return a text of so many bytes, or up to three less."""
    return (pattern * size).encode()[:size].decode(errors="ignore")


@dataclass
class Case:
    """What is encoded: with which options, and what the record has to have then."""

    message: "str | bytes" = MESSAGE
    options: dict[str, object] = field(default_factory=dict)
    names: dict[str, object] = field(default_factory=dict)  # arguments of each call
    fields: dict[str, object] = field(default_factory=dict)
    severity: object = 6

    def make_run(self, module: ModuleType) -> Run:
        encode = module.Encoder(**IDENTITY, **self.options).encode
        given = {"severity": self.severity, "message": self.message}
        names = {"encode": encode, **given, **self.names}
        arguments = ["severity", "message", *[f"{name}={name}" for name in self.names]]
        text = self.message if isinstance(self.message, str) else self.message.decode()
        expected = expect_now(text.rstrip("\n").replace("\n", "#012"), **self.fields)
        data = encode(self.severity, self.message, **self.names)
        if self.options.get("framing") == "octet":
            count, _, data = data.partition(b" ")
            assert int(count) == len(data)
        strict.check(data.removesuffix(b"\n"), expected)
        return repeat_call(f"encode({', '.join(arguments)})", **names)


ELEMENTS = {"order@32473": {"id": "17", "shop": "web"}}
PAIRS = {sd_id: list(parameters.items()) for sd_id, parameters in ELEMENTS.items()}
RENDERED = b'[order@32473 id="17" shop="web"]'
PARSED = {"structured_data": [("order@32473", [("id", "17"), ("shop", "web")])]}
TIMESTAMP = 1_065_910_455_003_000_000
OLD = {"protocol": "rfc3164", "hostname": IDENTITY["hostname"].partition(".")[0], "slack": 2}
CASES = {
    "ASCII": Case(),
    "severity: keyword": Case(severity="info"),
    "severity: in capitals": Case(severity="INFO"),
    "severity: of syslog.h": Case(severity="LOG_INFO"),
    "severity: enum": Case(severity=Severity.INFO),
    "bytes, ASCII": Case(MESSAGE.encode()),
    "Latin, with accents": Case(fit("Crème brûlée à l'hôtel, déjà servie. ")),
    "Cyrillic": Case(fit("Заказ принят и оплачен. ")),
    "Japanese": Case(fit("注文は受け付けられました。")),
    "emoji": Case(fit("\U0001f6d2\U0001f4b3\U0001f4e6")),
    "bytes, Japanese": Case(fit("注文は受け付けられました。").encode()),
    "a newline in 10 characters": Case(fit("sold item\n")),
    "own MSGID": Case(names={"msgid": "ORDER"}, fields={"msgid": "ORDER"}),
    "constant structured data": Case(options={"structured_data": ELEMENTS}, fields=PARSED),
    "own structured data": Case(names={"structured_data": ELEMENTS}, fields=PARSED),
    "own structured data, pairs": Case(names={"structured_data": PAIRS}, fields=PARSED),
    "own structured data, bytes": Case(names={"structured_data": RENDERED}, fields=PARSED),
    "own structured data, enterprise_id": Case(
        options={"enterprise_id": 32473},
        names={"structured_data": {"order": ELEMENTS["order@32473"]}},
        fields=PARSED,
    ),
    "given time_ns": Case(names={"time_ns": TIMESTAMP}, fields={"created": TIMESTAMP / 1e9}),
    "local time": Case(options={"local_time": True}),
    "framing: octet": Case(options={"framing": "octet"}),
    "framing: lf": Case(options={"framing": "lf"}),
    "RFC 3164": Case(options={"protocol": "rfc3164"}, fields=OLD),
    "/dev/log": Case(options={"protocol": "local"}, fields={**OLD, "hostname": None}),
}
TEXTS = {
    "ASCII": MESSAGE,
    "Latin, with accents": "Crème brûlée à l'hôtel, déjà servie. ",
    "Cyrillic": "Заказ принят и оплачен. ",
    "Japanese": "注文は受け付けられました。",
    "Japanese and ASCII": "注文 1234 は web1 で受け付けられました。",
    "emoji and ASCII": "order 1234 is paid \U0001f4b3, ",
    "a newline in 10 characters": "sold item\n",
}
LONG_CASES = {
    **{row: Case(fit(pattern, LONG)) for row, pattern in TEXTS.items()},
    **{f"bytes, {row}": Case(fit(pattern, LONG).encode()) for row, pattern in TEXTS.items()},
}
