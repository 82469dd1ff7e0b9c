/* A UDP socket of Linux: `transports/datagram_socket.py` is the specification. With it, a program
   that sends over UDP does without CPython's own module of sockets, which takes 180 KB. It is
   written in C, for a class of Cython's would take 6 KB. */

#ifdef __linux__
#include <arpa/inet.h>
#include <netinet/in.h>

#define SYSLOGFAST_NO_SEGMENTS PY_SSIZE_T_MAX

typedef struct {
    PyObject_HEAD
    int fd; /* -1: it is closed */
} syslogfast_datagram_socket;

typedef union {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
} syslogfast_address;

/* Return the size of a literal address that is written down; 0: it is none. */
static SYSLOGFAST_COLD socklen_t syslogfast_read_address(
    syslogfast_address *address, const char *host, Py_ssize_t port
) {
    memset(address, 0, sizeof(*address));
    address->ipv4.sin_port = htons((uint16_t)port); /* IPv6 has it in the same place */
    address->any.sa_family = AF_INET;
    if (inet_pton(AF_INET, host, &address->ipv4.sin_addr) == 1)
        return sizeof(address->ipv4);
    address->any.sa_family = AF_INET6;
    return inet_pton(AF_INET6, host, &address->ipv6.sin6_addr) == 1 ? sizeof(*address) : 0;
}

static SYSLOGFAST_COLD PyObject *syslogfast_return(Py_ssize_t result) {
    return result < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromSsize_t(result);
}

static SYSLOGFAST_COLD PyObject *syslogfast_socket_close(PyObject *self, PyObject *nothing) {
    syslogfast_datagram_socket *datagrams = (syslogfast_datagram_socket *)self;
    (void)nothing;
    if (datagrams->fd >= 0)
        close(datagrams->fd);
    datagrams->fd = -1;
    return Py_NewRef(Py_None);
}

static SYSLOGFAST_COLD void syslogfast_socket_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(syslogfast_socket_close(self, NULL));
    type->tp_free(self);
    Py_DECREF(type);
}

static SYSLOGFAST_COLD PyObject *syslogfast_socket_new(
    PyTypeObject *type, PyObject *args, PyObject *options
) {
    syslogfast_address address;
    syslogfast_datagram_socket *self;
    const char *host, *source = NULL;
    PyObject *given, *rest;
    Py_ssize_t port;
    socklen_t size;
    int result;
    (void)options;
    if (!PyArg_ParseTuple(args, "O!|z", &PyTuple_Type, &given, &source) ||
        !PyArg_ParseTuple(given, "sn|OO", &host, &port, &rest, &rest))
        return NULL;
    self = (syslogfast_datagram_socket *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->fd = -1;
    if (PySys_Audit("socket.connect", "OO", self, given) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    size = syslogfast_read_address(&address, source ? source : host, 0);
    result = self->fd = socket(
        address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0
    );
    if (result >= 0 && source)
        result = bind(self->fd, &address.any, size);
    if (result >= 0) {
        size = syslogfast_read_address(&address, host, port);
        result = connect(self->fd, &address.any, size);
    }
    if (result < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static SYSLOGFAST_COLD PyObject *syslogfast_socket_fileno(PyObject *self, PyObject *nothing) {
    (void)nothing;
    return PyLong_FromLong(((syslogfast_datagram_socket *)self)->fd);
}

static SYSLOGFAST_COLD PyObject *syslogfast_socket_send(PyObject *self, PyObject *args) {
    Py_buffer view;
    Py_ssize_t sent, segment = SYSLOGFAST_NO_SEGMENTS;
    int error;
    if (!PyArg_ParseTuple(args, "y*|n", &view, &segment))
        return NULL;
    sent = syslogfast_send(((syslogfast_datagram_socket *)self)->fd, view.buf, view.len, segment);
    error = errno;
    PyBuffer_Release(&view);
    errno = error;
    return syslogfast_return(sent);
}

/* Without arguments: the error of a datagram before. */
static SYSLOGFAST_COLD PyObject *syslogfast_socket_get_option(PyObject *self, PyObject *args) {
    Py_ssize_t level = SOL_SOCKET, option = SO_ERROR;
    int value = 0;
    socklen_t size = sizeof(value);
    if (!PyArg_ParseTuple(args, "|nn", &level, &option))
        return NULL;
    if (getsockopt(
            ((syslogfast_datagram_socket *)self)->fd, (int)level, (int)option, &value, &size
        ) < 0)
        value = -1;
    return syslogfast_return(value);
}

static SYSLOGFAST_COLD PyObject *syslogfast_socket_find_source(PyObject *self, PyObject *nothing) {
    syslogfast_address address;
    socklen_t size = sizeof(address);
    (void)nothing;
    if (getsockname(((syslogfast_datagram_socket *)self)->fd, &address.any, &size) < 0)
        return syslogfast_return(-1);
    address.ipv4.sin_port = 0;
    return PyBytes_FromStringAndSize((const char *)&address, size);
}

/* What each does stands in the specification. */
static const PyMethodDef syslogfast_socket_methods[] = {
    {"close", syslogfast_socket_close, METH_NOARGS, NULL},
    {"fileno", syslogfast_socket_fileno, METH_NOARGS, NULL},
    {"find_source", syslogfast_socket_find_source, METH_NOARGS, NULL},
    {"getsockopt", syslogfast_socket_get_option, METH_VARARGS, NULL},
    {"send", syslogfast_socket_send, METH_VARARGS, NULL},
    {"send_segments", syslogfast_socket_send, METH_VARARGS, NULL},
    {"take_error", syslogfast_socket_get_option, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}
};
static const PyType_Slot syslogfast_socket_slots[] = {
    {Py_tp_new, (void *)syslogfast_socket_new},
    {Py_tp_dealloc, (void *)syslogfast_socket_dealloc},
    {Py_tp_methods, (void *)syslogfast_socket_methods},
    {0, NULL}
};
static const PyType_Spec syslogfast_socket_spec = {
    "syslogfast._encoder_c.DatagramSocket", sizeof(syslogfast_datagram_socket), 0,
    Py_TPFLAGS_DEFAULT, (PyType_Slot *)syslogfast_socket_slots
};
#define SYSLOGFAST_MAKE_SOCKET_TYPE() PyType_FromSpec((PyType_Spec *)&syslogfast_socket_spec)
#else
#define SYSLOGFAST_MAKE_SOCKET_TYPE() Py_NewRef(Py_None)
#endif
