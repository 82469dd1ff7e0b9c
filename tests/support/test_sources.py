"""The finder of definitions finds what is defined, and nothing that is only used."""

import pytest
from support.sources import find_cython_definition, find_definition

PYTHON = """
LIMIT: int = 7  # of calls

class Queue:
    size = 0

    def put(self, frame):
        return LIMIT
"""
CYTHON = '''
cdef enum:
    LIMIT = 7

cdef inline char *write(char *dst, const char *src) noexcept nogil:
    return read(src)

cdef Py_ssize_t measure(
    int size
) noexcept nogil:
    return size

ctypedef struct Layout "syslogfast_layout":
    int size

cdef class Queue:
    """Queue(limit)
--

What is queued."""

    def put(self, frame):
        return frame

    cdef int drop(self):
        return LIMIT
'''


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LIMIT", "LIMIT: int = 7  # of calls"),
        ("Queue.size", "    size = 0"),
        ("Queue.put", "    def put(self, frame):\n        return LIMIT"),
    ],
)
def test_python(name: str, expected: str) -> None:
    assert find_definition(PYTHON, name) == expected


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("LIMIT", "    LIMIT = 7", "    LIMIT = 7"),
        ("write", "cdef inline char *write(char *dst", "    return read(src)"),
        ("measure", "cdef Py_ssize_t measure(", "    return size"),
        ("Layout", "ctypedef struct Layout", "    int size"),
        ("Queue", "cdef class Queue:", "        return LIMIT"),
        ("Queue.put", "    def put(self, frame):", "        return frame"),
        ("Queue.drop", "    cdef int drop(self):", "        return LIMIT"),
    ],
)
def test_cython(name: str, first: str, last: str) -> None:
    found = find_cython_definition(CYTHON, name).rstrip()
    assert found.startswith(first)
    assert found.endswith(last)


@pytest.mark.parametrize("name", ["frame", "src", "read", "size", "Queue.write", "Queue.LIMIT"])
def test_what_is_not_defined(name: str) -> None:
    for find, source in ((find_definition, PYTHON), (find_cython_definition, CYTHON)):
        with pytest.raises(LookupError):
            find(source, name)
