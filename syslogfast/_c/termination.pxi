# SIGTERM and SIGHUP, where their action is the default one, which ends the process: what lingers in
# queues is sent before, within two seconds where a collector reads slowly. PID 1 lives on, as the
# kernel has it, and so does what is installed here. A sender that this thread has interrupted goes
# on first: the signal is left to Python, which calls `end_by_signal` of termination.py.
ctypedef struct Lingering:
    PyObject *queues        # a tuple of them
    int process             # whose they are: a child of a C host inherits the handler
    Py_ssize_t is_handled   # a signal, now

cdef Lingering lingering    # set by `drain_at_termination`


cdef void on_termination(int number, Cause *cause, void *context) noexcept nogil:
    """Send what lingers, then have the signal do what it does by default."""
    global errno
    cdef int error = errno
    cdef Py_ssize_t index
    cdef PyObject *queue
    cdef SignalAction action
    cdef int64_t last = find_second() + LAST_WORDS
    if getpid() == lingering.process and swap(&lingering.is_handled, 0, 1):
        for index in range(get_size(lingering.queues)):
            queue = get_item(lingering.queues, index)
            if (<Queue>queue).descriptor < 0:
                continue
            if take_queue(<Queue>queue):
                send_backlog(<Queue>queue, (<Queue>queue).descriptor, last)
                swap(&(<Queue>queue).pinned, CRASH_OWNED, 0)
            elif (<Queue>queue).pinned_by == &errno and PyErr_SetInterruptEx(number) == 0:
                lingering.is_handled = 0
                errno = error
                return  # Python calls again, where the send is over
        lingering.is_handled = 0
    memset(&action, 0, sizeof(action))
    sigaction(number, &action, NULL)
    raise_signal(number)
    watch_termination(number)
    errno = error


cdef void watch_termination(int number) noexcept nogil:
    cdef SignalAction action
    memset(&action, 0, sizeof(action))
    action.sa_sigaction = on_termination
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER
    sigaction(number, &action, NULL)


# Have SIGTERM or SIGHUP send what lingers in these queues, of this process, before they end it.
# To be called where the action is the default one, or this, in the main interpreter. What only this
# package calls has no docstring: the module is to be small.
def drain_at_termination(number, queues, /):
    cdef PyObject *former = lingering.queues
    cold_path()
    Py_INCREF(queues)
    lingering.queues = <PyObject *>queues
    lingering.process = getpid()
    while lingering.is_handled:
        poll(NULL, 0, 1)    # it may have the former ones
    Py_XDECREF(former)
    watch_termination(PyLong_AsLong(number))
