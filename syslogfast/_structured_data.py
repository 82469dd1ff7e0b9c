"""STRUCTURED-DATA (RFC 5424 6.3): for the twin, and where it is not about speed."""

from syslogfast._text import ESCAPES, Escapes, escape_text, read_text
from syslogfast._validation import (
    check_enterprise_id,
    check_sd_name,
    complete_sd_id,
    reject_parameters,
    reject_structured_data,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def render_parameter(name: "object", value: "object", escapes: "Escapes") -> "bytes":
    """RFC 5424 6.3.3: SD-PARAM = PARAM-NAME "=" %d34 PARAM-VALUE %d34, with an SP before it.

    A value that is None has no parameter.
    """
    name = check_sd_name("PARAM-NAME", name)
    if value is None:
        return b""
    if not issubclass(type(value), (str, bytes, bytearray, memoryview)):
        value = str(value)
    data = escape_text(read_text(value) or "", escapes)
    return f' {name}="'.encode() + data + b'"'


def list_parameters(parameters: "object") -> "object":
    """Return a list of (name, value) pairs, none for None; what cannot be one, as it is."""
    if parameters is None:
        return []
    if issubclass(type(parameters), dict):
        return list(parameters.items())  # type: ignore[attr-defined]
    if issubclass(type(parameters), (list, tuple)):
        return list(parameters)  # type: ignore[call-overload]
    return parameters


def read_sd_id(sd_id: "object") -> "object":
    """Return a key as the text that it is, whatever a subclass of str pretends."""
    if type(sd_id) is not str and issubclass(type(sd_id), str):
        return "".join([sd_id])  # type: ignore[list-item]
    return sd_id


def render_elements(
    structured_data: "Any", escapes: "Escapes", enterprise_id: "str" = ""
) -> "bytes":
    """Return SD-ELEMENTs (RFC 5424 6.3.1); those that are already rendered, as they are."""
    if issubclass(type(structured_data), bytes):
        elements = b"".join([structured_data])
        return b"" if elements == b"-" else elements
    if not issubclass(type(structured_data), dict):
        reject_structured_data(structured_data)
    # Read before any value's __str__ is called, which may change what is being read; or another
    # thread does, between two steps.
    read: dict[Any, Any] = {
        read_sd_id(sd_id): list_parameters(parameters)
        for sd_id, parameters in list(structured_data.items())
    }
    pieces = []
    for sd_id, parameters in read.items():
        sd_id = complete_sd_id(check_sd_name("SD-ID", sd_id), enterprise_id, read)
        pieces.append(f"[{sd_id}".encode())
        if not issubclass(type(parameters), list):
            reject_parameters(parameters)
        for pair in parameters:
            if not issubclass(type(pair), (list, tuple)) or len(pair) != 2:
                reject_parameters(pair)
            pieces.append(render_parameter(pair[0], pair[1], escapes))
        pieces.append(b"]")
    return b"".join(pieces)


def split_elements(elements: "bytes") -> "list[tuple[bytes, bytes]]":
    """Return each SD-ELEMENT with its SD-ID; what is not one has none."""
    split = []
    start = 0
    while start < len(elements):
        end = start
        # A "]" that is part of a value has a backslash before it.
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
    escapes = ESCAPES["escape" if controls == "escape" else framing][1]
    number = check_enterprise_id(enterprise_id)
    elements = [
        b"" if data is None else render_elements(data, escapes, number)
        for data in (constant, given)
    ]
    return join_elements(*elements)
