# cython: binding=False, autotestdict=False, auto_pickle=False
# cython: freethreading_compatible=True
# The methods of `loggers.Logger` in C: a call that is known to be plain becomes a record at once.
#
# For each logger there is a Plan, which `loggers/plan.py` makes: who gets the records of each
# level, and with which severity. It holds as long as nothing changes that it was made of. Where
# somebody else gets them, too, there is a LogRecord after all, but one that is made here. Whatever
# else a call is, the method of `logging` gets it, with the very arguments, before any of them has
# been looked into further than its type.
#
# WHAT CHANGES, and how that is noticed. `generation` counts the changes; a plan has the number that
# it was made at.
# - Attributes of our loggers and handlers: `__setattr__` and `__delattr__` are functions of this
#   module while loggers are installed; and whoever reads `__dict__` counts as a change, too. A plan
#   for a logger of whose `__dict__` somebody else has a reference is slow.
# - Classes, modules, and dicts that are changed in place: from Python 3.12 on CPython tells of it
#   (watchers); before, each call compares their versions.
# - Lists (`handlers`, `filters`): each call compares them.
# - Levels: `Logger._cache` is what decides, here as in `logging`. It has a counter of its own, and
#   is read anew when that has moved.
# Dicts of instances are not watched: CPython 3.13.0 does not tell of all their changes.
#
# All this is one interpreter's, the main one, with the GIL as its lock.

from cpython.dict cimport PyDict_CheckExact
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.mem cimport PyMem_Free
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.unicode cimport PyUnicode_DecodeUTF8, PyUnicode_GET_LENGTH
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcpy, memmove, memset, strlen
cimport cython

from syslogfast._c.digits cimport write_decimal
from syslogfast._c.platform cimport read_realtime, timespec
from syslogfast._c.record cimport write_bytes


cdef extern from "cython_internals.h":
    pass


cdef extern from *:
    """
    /* The docstrings of functions that only this package calls stay in the source. */
    #undef PyDoc_STR
    #define PyDoc_STR(text) ""
    """


cdef extern from "Python.h":
    PyObject *PY_TRUE "Py_True"     # `<PyObject *>True` would be the number 1
    PyObject *PY_FALSE "Py_False"
    bint PyUnicode_IS_ASCII(object text)
    void *PyUnicode_DATA(object text)
    bint PyUnicode_CheckExact(object text)
    bint PyFunction_Check(object value)
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 highest)
    long PyLong_AsLong(object value) except? -1
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    int Py_DTSF_ADD_DOT_0
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *type)
    const char *as_utf8 "PyUnicode_AsUTF8AndSize"(PyObject *text, Py_ssize_t *size)
    void PyErr_Clear()
    PyObject *PyList_GET_ITEM(PyObject *items, Py_ssize_t index)
    Py_ssize_t get_size "Py_SIZE"(PyObject *items)
    PyObject *PyDict_GetItemWithError(object dict, object key) except? NULL
    bint PyDict_Next(object dict, Py_ssize_t *position, PyObject **key, PyObject **value)
    bint PySet_Contains(object names, object name) except -1
    object PyObject_Vectorcall(object function, PyObject **args, size_t count, PyObject *names)
    int PyObject_GenericSetAttr(object self, object name, PyObject *value) except -1


cdef extern from *:
    """
    /* The function in C of a method that takes positional arguments and keywords. */
    typedef PyObject *(*syslogfast_function)(PyObject *, PyObject **, Py_ssize_t, PyObject *);
    static syslogfast_function syslogfast_find_function(PyObject *method) {
        return (syslogfast_function)(void (*)(void))
            ((PyMethodDescrObject *)method)->d_method->ml_meth;
    }
    """
    ctypedef PyObject *(*CFunction "syslogfast_function")(
        PyObject *, PyObject **, Py_ssize_t, PyObject *
    )
    CFunction find_function "syslogfast_find_function"(object method)


cdef enum:
    LEVELS = 6          # DEBUG to CRITICAL by level / 10, from 1 on
    MAX_LISTS = 16      # that a plan compares
    MAX_PARTS = 4       # objects and attributes of a formatter and its style
    MAX_ITEMS = 16      # in them
    MAX_ARGUMENTS = 14  # that are handed on without an object
    LOG = 6             # the method whose first argument is the level
    FULL_CREDIT = 64    # calls' worth of plans
    LONG_SLOW = 1000    # calls
    PIECES_SPACE = 3072     # octets: of a formatter's text
    TEXT = -1           # the pieces of a formatter's text; the numbers are those of plan.py
    MESSAGE = 0
    LINE = 1
    FUNCTION = 2
    PATH = 3
    FILE = 4
    SLOW = 0            # what becomes of a level's records
    MUTED = 1
    FAST = 2


# None of these has a value here: it would be given to it by each interpreter that imports this
# module, and so to the main one's. fit_logger and fit_record give them theirs.
cdef PyObject *logger_type          # ours, which has the methods
cdef PyObject *root_type
cdef PyObject *standard_type        # logging's
cdef PyObject *standard_root_type
cdef PyObject *handler_type
cdef PyObject *find_plan            # of loggers.py
cdef PyObject *report_error
cdef CFunction emit                 # EmitterBase.emit
cdef PyObject *reserved             # names that `extra` may not have, or that change a LogRecord
cdef PyObject *method_names
cdef PyObject *level_numbers        # 0, 10, to 50
cdef PyObject *emit_names
cdef PyObject *source               # the file of logging itself
cdef PyObject *record_type          # LogRecord
cdef PyObject *record_names         # of attributes that each has anew
cdef PyObject *record_functions     # of records.py
cdef PyObject *threading_names      # what the module `threading` has
cdef PyObject *module_names         # of those that may know more
cdef PyObject *process_names        # of the attribute for each
cdef PyObject *paths                # file and module of each
cdef Py_ssize_t live_plans          # in the table
cdef int plan_cost                  # in calls that go without one
cdef uint64_t purged                # the generation of which no older plan is left
cdef uint64_t fast_calls, muted_calls, slow_calls, plans_made, records_made


include "template.pxi"
include "caller.pxi"
include "changes.pxi"
include "plan.pxi"
include "new_record.pxi"
include "elements.pxi"
include "calls.pxi"


# What loggers.py calls. All by position: parameters with names would take 4 KB.

def check_interpreter():
    """Return why nothing can be fast in this interpreter; None if it can."""
    if not HAS_GIL:
        return "this Python has no GIL"
    if not IS_MAIN:
        return "this is not the main interpreter"
    return None


def fit_logger(kind, root, standard, standard_root, handler, functions, names, /):
    """Give the class of loggers its methods; `kind` and `root` are that of others and of root."""
    global logger_type, root_type, standard_type, standard_root_type, handler_type
    global find_plan, report_error, emit, reserved, method_names
    global level_numbers, emit_names, source
    global live_plans, plan_cost, purged, fast_calls, muted_calls, slow_calls, plans_made
    global records_made
    live_plans = purged = fast_calls = muted_calls = slow_calls = plans_made = records_made = 0
    plan_cost = 16
    logger_type = keep(kind)
    root_type = keep(root)
    standard_type = keep(standard)
    standard_root_type = keep(standard_root)
    handler_type = keep(handler)
    find, tell, emit_function, file = functions
    source = keep(<str?>file)
    find_plan = keep(find)
    report_error = keep(tell)
    emit = find_function(emit_function)
    reserved = keep(frozenset(names))
    method_names = keep(("debug", "info", "warning", "error", "critical", None, "log"))
    level_numbers = keep((0, 10, 20, 30, 40, 50))
    emit_names = keep(("msgid", "structured_data"))
    keep_dict(standard.__base__.__dict__["__dict__"])
    give(kind, calls)
    give(kind, changes)
    show_dict(kind)


def fit_record(
    kind, tuple names, tuple functions, dict threads, tuple modules, tuple processes, /
):
    """Give what it takes to make a LogRecord, of the class `kind`."""
    global record_type, record_names, record_functions, threading_names, paths
    global module_names, process_names
    record_type = keep(kind)
    record_names = keep(names)
    record_functions = keep(functions)
    threading_names = keep(threads)
    paths = keep({})
    module_names = keep(modules)
    process_names = keep(processes)
    note_forks()


def fit_handler(kind, /):
    """Have the class of handlers tell of changes."""
    give(kind, handler_changes)
    show_dict(kind)


def release_handler(kind, /):
    hide_dict(kind)


def activate(tuple watched_dicts, tuple watched_types, /):
    """Begin to watch these; False if CPython lets nobody else watch anything."""
    if not add_watchers():
        clear_watchers()
        return False
    for value in watched_dicts:
        watch_dict(<PyObject *>value)
        dicts[dict_count] = keep(value)
        (&dict_count)[0] += 1
    for value in watched_types:
        watch_type(<PyObject *>value)
        types[type_count] = keep(value)
        (&type_count)[0] += 1
    count_change()
    (&is_active)[0] = True
    return True


def deactivate(caches, /):
    """Watch nothing any more, and forget all plans."""
    cdef int i
    (&is_active)[0] = False
    count_change()
    purge()
    for cache in caches:
        unwatch_levels(<PyObject *>cache)
    for i in range(dict_count):
        unwatch_dict(dicts[i])
        Py_DECREF(<object>dicts[i])
    for i in range(type_count):
        unwatch_type(types[i])
        Py_DECREF(<object>types[i])
    (&dict_count)[0] = (&type_count)[0] = 0
    clear_watchers()


def refresh():
    """Have CPython tell of changes of classes again; False if it does not."""
    return refresh_versions()


def mark(thing, /):
    """Have changes of a logger or handler noticed from now on."""
    if mark_entry(<PyObject *>thing, FULL_CREDIT) == NULL:
        raise MemoryError


def note():
    """Count as a change what nobody else notices."""
    count_change()


def is_held(thing, /):
    """Return True if somebody else has the `__dict__` of a logger or handler, and may change it."""
    return is_dict_held(thing)


def count_calls():
    """Return how many calls became records, nothing, calls of `logging`; the plans made; and how
    many became a LogRecord, made here."""
    return fast_calls, muted_calls, slow_calls, plans_made, records_made


def set_plan_cost(int calls, /):
    """Have a plan made anew only for so many calls: for tests, which change things all the time."""
    global plan_cost
    plan_cost = calls


cdef PyObject *keep(object value):
    Py_INCREF(value)
    return <PyObject *>value
