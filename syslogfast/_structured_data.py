"""STRUCTURED-DATA (RFC 5424 6.3): for the twin, and where it is not about speed.

What a program writes is refused if it is wrong; what comes with a record is made to fit, which the
compiled encoder leaves to this module, too.
"""

import sys

from syslogfast._message import describe_unprintable, print_value, read_attribute
from syslogfast._text import ESCAPES, Escapes, escape_text, read_text
from syslogfast._validation import (
    check_choice,
    check_enterprise_id,
    check_sd_name,
    complete_sd_id,
    is_a,
    is_enterprise_id,
    read_bytes,
    read_str,
    reject_parameters,
    reject_structured_data,
)
from syslogfast.constants import CONTROLS, MAX_SD_NAME, REGISTERED_SD_IDS, SD_NAME_CHARACTERS

# What a LogRecord of Python 3.9 to 3.15 has, or gets from a Formatter; and what an encoder takes.
RECORD_NAMES = {
    "args", "asctime", "created", "exc_info", "exc_text", "filename", "funcName", "levelname",
    "levelno", "lineno", "message", "module", "msecs", "msg", "name", "pathname", "process",
    "processName", "relativeCreated", "stack_info", "taskName", "thread", "threadName",
    "msgid", "structured_data",
}  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping
    from typing import Any

    from syslogfast._emitter_py import Sequence

    Elements = dict[str, list[tuple[str, str]]]


def render_parameter(name: "object", value: "object", escapes: "Escapes") -> "bytes":
    """RFC 5424 6.3.3: SD-PARAM = PARAM-NAME "=" %d34 PARAM-VALUE %d34, with an SP before it.

    A value that is None has no parameter.
    """
    name = check_sd_name("PARAM-NAME", name)
    if value is None:
        return b""
    if not is_a(value, str, bytes, bytearray, memoryview):
        value = str(value)
    data = escape_text(read_text(value) or "", escapes)
    return f' {name}="'.encode() + data + b'"'


def list_parameters(parameters: "Any") -> "object":
    """Return a list of (name, value) pairs, none for None; what cannot be one, as it is."""
    if parameters is None:
        return []
    if is_a(parameters, dict):
        return list(parameters.items())
    if is_a(parameters, list, tuple):
        return list(parameters)
    return parameters


def read_sd_id(sd_id: "object") -> "object":
    """Return a key as the text that it is, whatever a subclass of str pretends."""
    return read_str(sd_id) if is_a(sd_id, str) else sd_id


def is_pair(value: "Any") -> "bool":
    return is_a(value, list, tuple) and len(value) == 2


def render_elements(
    structured_data: "Any", escapes: "Escapes", enterprise_id: "str" = ""
) -> "bytes":
    """Return SD-ELEMENTs (RFC 5424 6.3.1); those that are already rendered, as they are."""
    if is_a(structured_data, bytes):
        elements = read_bytes(structured_data)
        return b"" if elements == b"-" else elements
    if not is_a(structured_data, dict):
        reject_structured_data(structured_data)
    # Read before any value's __str__ is called, which may change what is being read; or another
    # thread does, between two steps.
    read: dict[Any, Any] = {}
    for item in list(structured_data.items()):
        if not is_pair(item):
            reject_structured_data(item)
        read[read_sd_id(item[0])] = list_parameters(item[1])
    pieces = []
    for sd_id, parameters in read.items():
        sd_id = complete_sd_id(check_sd_name("SD-ID", sd_id), enterprise_id, read)
        pieces.append(f"[{sd_id}".encode())
        if not is_a(parameters, list):
            reject_parameters(parameters)
        for pair in parameters:
            if not is_pair(pair):
                reject_parameters(pair)
            pieces.append(render_parameter(pair[0], pair[1], escapes))
        pieces.append(b"]")
    return b"".join(pieces)


def split_elements(elements: "bytes") -> "list[tuple[bytes, bytes]]":
    """Return each SD-ELEMENT with its SD-ID; what is not one has none."""
    split = []
    start = 0
    while start < len(elements):
        # A "]" that is part of a value has a backslash before it; an SD-ID may end in one.
        end = start
        while end < len(elements) and elements[end] not in b" ]":
            end += 1
        while end < len(elements) and elements[end] != 0x5D:
            end += 2 if elements[end] == 0x5C else 1
        element = elements[start : end + 1]
        sd_id = element[1:].split(b" ")[0].split(b"]")[0] if element[:1] == b"[" else b""
        split.append((sd_id, element))
        start = end + 1
    return split


def join_elements(constant: "bytes", given: "bytes") -> "bytes":
    """Return the constant elements, but for those that the record gives anew, and the record's."""
    if not constant or not given:
        return constant + given
    given_ids = [sd_id for sd_id, _ in split_elements(given)]
    kept = [
        element
        for sd_id, element in split_elements(constant)
        if not sd_id or sd_id not in given_ids
    ]
    return b"".join(kept) + given


def join_structured_data(
    constant: "Any",
    given: "Any",
    controls: "str",
    framing: "str | None",
    enterprise_id: "object" = None,
) -> "bytes":
    """Return what `join_elements` makes of both, which may be None, once they are rendered."""
    controls = check_choice("controls", controls, CONTROLS)
    escapes = ESCAPES["escape" if controls == "escape" else framing][1]
    number = check_enterprise_id(enterprise_id)
    elements = [
        b"" if data is None else render_elements(data, escapes, number)
        for data in (constant, given)
    ]
    return join_elements(*elements)


def join_attributes(
    given: "object",
    record: "logging.LogRecord",
    options: "dict[str, Any]",
    enterprise_id: "str",
) -> "object":
    """Return a record's structured data, joined with what `attributes` names, if it has that.

    An element of its own replaces one of the same SD-ID; bytes replace them all.
    """
    attributes: Mapping[str, Mapping[str, str] | str] | None = options["attributes"]
    if attributes is None or is_a(given, bytes):
        return given
    elements: dict[object, object] = {}
    own = list_sd_ids(given, enterprise_id)
    for sd_id, names in attributes.items():
        sd_id = clean_sd_id(sd_id, enterprise_id)
        if sd_id in own:
            continue
        parameters = {}
        pairs: Any = list_extra(record) if isinstance(names, str) else names.items()
        for name, attribute in pairs:
            value = read_attribute(record, attribute)
            if value is not None:
                parameters[name] = value
        if parameters:
            elements[sd_id] = parameters
    if is_a(given, dict):
        try:
            elements.update(given)  # type: ignore[call-overload]
        except Exception:
            return given  # to be cleaned
    return elements or None


def list_extra(record: "object") -> "list[tuple[str, str]]":
    """Return the names that a record has beside those of each record, twice: `extra` gave them."""
    names: Any = read_attribute(record, "__dict__")
    if not is_a(names, dict):
        return []
    names = [read_str(name) for name in list(names) if is_a(name, str)]
    return [(name, name) for name in names if name not in RECORD_NAMES]


def list_sd_ids(given: "object", enterprise_id: "str") -> "list[str]":
    """Return the SD-IDs of a record's structured data as they will be written."""
    try:
        if is_a(given, dict):
            return [clean_sd_id(sd_id, enterprise_id) for sd_id in list(given)]  # type: ignore[call-overload]
    except Exception:
        pass  # a dict of its own kind, which will be cleaned
    return []


def number_elements(given: "object", sequence: "Sequence", enterprise_id: "str") -> "object":
    """Return a record's structured data, whatever they are, with the next number in them."""
    try:
        own = given.get(sequence.element) if is_a(given, dict) else None  # type: ignore[attr-defined]
        if own is not None and not is_a(own, dict, list, tuple):
            given = clean_elements(given, enterprise_id)
        add_number(given, 1)  # before a number is taken that no record would have
    except Exception:  # a dict of its own kind, or names that cannot be compared
        given = clean_elements(given, enterprise_id)
    return sequence.number(given if is_a(given, dict, bytes) else {})  # type: ignore[arg-type]


def clean_sd_id(name: "object", enterprise_id: "str") -> "str":
    """Return an SD-ID (RFC 5424 6.3.2): a name of IANA's, or one with a number, if there is one.

    The name is what is shortened, and what loses each "@" but the last one.
    """
    text = print_value(name)
    if text in REGISTERED_SD_IDS:
        return text
    stem, _, number = text.rpartition("@")
    if not is_enterprise_id(number) or number == text:
        stem, number = text, enterprise_id
    end = f"@{number}" if number else ""
    return clean_sd_name(stem[: MAX_SD_NAME - len(end)]).replace("@", "_") + end


def clean_sd_name(name: "object") -> "str":
    """Return an SD-NAME (RFC 5424 6.3.3): other characters as "_", truncated, never empty."""
    text = print_value(name)[:MAX_SD_NAME]
    kept = [char if char in SD_NAME_CHARACTERS else "_" for char in text]
    return "".join(kept) or "_"


def clean_pairs(parameters: "object") -> "list[tuple[str, str]]":
    """Return parameters that any encoder takes; what is not a pair is the value of "value"."""
    pairs: list[tuple[str, str]] = []
    if parameters is None:
        return pairs
    try:
        if is_a(parameters, dict):
            parameters = list(parameters.items())  # type: ignore[attr-defined]
        if not is_a(parameters, list, tuple):
            parameters = [parameters]
        for pair in list(parameters):  # type: ignore[call-overload]
            if is_pair(pair):
                name, value = pair
            else:
                name, value = "value", pair
            if value is not None:
                pairs.append((clean_sd_name(name), print_value(value)))
    except MemoryError:
        raise
    except Exception as error:
        pairs.append(("value", describe_unprintable(parameters, error)))
    return pairs


def clean_elements(structured_data: "object", enterprise_id: "str") -> "Elements | None":
    """Return structured data that any encoder takes, made of what one has refused."""
    elements: Elements = {}
    try:
        if is_a(structured_data, dict):
            for sd_id, parameters in list(structured_data.items()):  # type: ignore[attr-defined]
                sd_id = clean_sd_id(sd_id, enterprise_id)
                elements.setdefault(sd_id, []).extend(clean_pairs(parameters))
    except MemoryError:
        raise  # else a child of `bind` would lack its fields for good
    except Exception:
        pass  # what can be read of it has been
    return elements or None


def join_for_encoder(encoder: "Any", constant: "Any", given: "Any") -> "bytes":
    """Return both, rendered and joined as this encoder writes them."""
    options = encoder._list_options()
    return join_structured_data(
        constant, given, options["controls"], options["framing"], options["enterprise_id"]
    )


# --- fields: the keywords of `emit`, and those of `bind` and `bound` ------------------------------


def add_fields(
    structured_data: "Any", sd_id: "str", fields: "dict[str, object]", encoder: "Any"
) -> "Any":
    """Return a record's structured data with fields in this element; those it has there are kept.

    What is no structured data is returned as it is.
    """
    if is_a(structured_data, bytes):
        return join_for_encoder(encoder, clean_elements({sd_id: fields}, ""), structured_data)
    if not is_a(structured_data, dict):
        return structured_data
    joined: dict[Any, Any] = {sd_id: fields}  # the first one, as of an encoder's constant elements
    joined.update(structured_data)
    own = joined[sd_id] if sd_id in structured_data else None
    if is_a(own, list, tuple):
        names = list_names(own)
        joined[sd_id] = [pair for pair in fields.items() if pair[0] not in names]
        joined[sd_id].extend(own)
    elif own is None or is_a(own, dict):
        joined[sd_id] = dict(fields)
        joined[sd_id].update(own or {})
    return joined


def bind_fields(encoder: "Any", sd_id: "str", fields: "dict[str, object]") -> "Any":
    """Return an encoder with these fields among its constant structured data."""
    constant = encoder._list_options()["structured_data"]
    elements = join_for_encoder(encoder, constant, clean_elements({sd_id: fields}, ""))
    return encoder.replace(structured_data=elements)


class TraceElement:
    """Adds OpenTelemetry's trace and span to a record's structured data, where its API is loaded.

    [trace@32473 trace_id="..." span_id="..."], in lower-case hexadecimal as W3C's Trace Context has
    them; nothing where there is no span.
    """

    def __init__(self, sd_id: "str") -> "None":
        self._sd_id = sd_id

    def __call__(self, structured_data: "Any", encoder: "Any") -> "Any":
        try:
            api: Any = sys.modules["opentelemetry.trace"]
            context = api.get_current_span().get_span_context()
            if not context.is_valid:
                return structured_data
            ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        except Exception:  # it is not there, or somebody has replaced a part of it
            return structured_data
        if structured_data is None:
            return {self._sd_id: ids}
        if is_a(structured_data, bytes):
            return join_for_encoder(encoder, structured_data, {self._sd_id: ids})
        if not is_a(structured_data, dict):
            return structured_data
        joined: dict[Any, Any] = {}
        joined.update(structured_data)
        joined.setdefault(self._sd_id, ids)
        return joined


# --- numbers: [meta sequenceId="n"] (RFC 5424 7.3.1), where there is more in it -------------------


def add_number(
    structured_data: "Any", number: "int", sd_id: "str" = "meta", name: "str" = "sequenceId"
) -> "Any":
    """Return structured data with a number in one of their elements: RFC 5424 7.3.1's, or another.

    One that they have themselves is kept; what is no structured data is returned as it is.
    """
    if is_a(structured_data, bytes):
        elements = read_bytes(structured_data)
        return add_to_rendered(b"" if elements == b"-" else elements, number, sd_id, name)
    if not is_a(structured_data, dict):
        return structured_data
    own = structured_data.get(sd_id)
    numbered: Any = {name: number}
    if is_a(own, dict):
        numbered.update(own)
    elif is_a(own, list, tuple) and name not in list_names(own):
        numbered = [(name, number)]
        numbered.extend(own)
    elif own is not None:
        numbered = own
    joined: dict[Any, Any] = {}
    joined.update(structured_data)
    joined[sd_id] = numbered
    return joined


def list_names(pairs: "Any") -> "list[Any]":
    return [pair[0] for pair in pairs if is_a(pair, list, tuple) and pair]


def add_to_rendered(elements: "bytes", number: "int", sd_id: "str", name: "str") -> "bytes":
    """Do so with what is rendered already, which may have a "[meta" in a value, too."""
    wanted, name_text = sd_id.encode(), name.encode()
    start, parameter = b"[" + wanted, b' %b="%d"' % (name_text, number)
    if start in elements:
        for found, element in split_elements(elements):
            if found == wanted:
                if b' %b="' % name_text in element:
                    return elements
                rest = element[len(start) :]
                return elements.replace(element, b"%b%b%b" % (start, parameter, rest), 1)
    return b"%b%b%b]" % (elements, start, parameter)
