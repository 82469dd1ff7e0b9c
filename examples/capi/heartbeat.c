/* A thread that Python does not know of says that the process lives, and goes on where Python
   hangs: it needs neither the GIL nor memory. */

#include <Python.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "syslogfast.h"

enum { INFO = 6, CAPACITY = 1024 };

static const syslogfast_api *api;

static struct {
    PyObject *encoder;                  /* keeps the layout alive */
    const syslogfast_layout *layout;
    int fd;
    double interval;                    /* seconds */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int is_ending;
} heart = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

static void beat(unsigned long number)
{
    char text[64], record_text[CAPACITY];
    int size = snprintf(text, sizeof text, "alive, beat %lu", number);
    syslogfast_record record = {.severity = INFO, .message = {text, size}};
    api->read_clock(&record.time);
    Py_ssize_t record_size = api->encode(record_text, CAPACITY, heart.layout, &record);
    if (record_size <= CAPACITY && write(heart.fd, record_text, record_size) < 0)
        return;                         /* whoever misses the beats will look why */
}

static void *run(void *unused)
{
    struct timespec next;
    clock_gettime(CLOCK_REALTIME, &next);
    pthread_mutex_lock(&heart.lock);
    for (unsigned long number = 1; !heart.is_ending; number++) {
        beat(number);
        long long nanoseconds = next.tv_nsec + (long long)(heart.interval * 1e9);
        next.tv_sec += nanoseconds / 1000000000;
        next.tv_nsec = nanoseconds % 1000000000;
        while (!heart.is_ending && !pthread_cond_timedwait(&heart.ended, &heart.lock, &next))
            continue;
    }
    pthread_mutex_unlock(&heart.lock);
    return unused;
}

static PyObject *start(PyObject *module, PyObject *args)
{
    PyObject *encoder;
    int fd;
    double interval;
    if (!PyArg_ParseTuple(args, "Oid:start", &encoder, &fd, &interval))
        return NULL;
    if (heart.encoder != NULL || !(interval >= 0.001 && interval <= 86400)) {
        PyErr_SetString(PyExc_ValueError, "it beats already, or interval is not 0.001 to 86400");
        return NULL;
    }
    const syslogfast_layout *layout = api->get_layout(encoder);
    if (layout == NULL)
        return NULL;
    heart.layout = layout;
    heart.fd = fd;
    heart.interval = interval;
    heart.is_ending = 0;
    if (pthread_create(&heart.thread, NULL, run, NULL) != 0) {
        PyErr_SetString(PyExc_OSError, "there is no thread to be had");
        return NULL;
    }
    Py_INCREF(encoder);
    heart.encoder = encoder;
    Py_RETURN_NONE;
}

static PyObject *stop(PyObject *module, PyObject *unused)
{
    if (heart.encoder == NULL)
        Py_RETURN_NONE;
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&heart.lock);
    heart.is_ending = 1;
    pthread_cond_signal(&heart.ended);
    pthread_mutex_unlock(&heart.lock);
    pthread_join(heart.thread, NULL);
    Py_END_ALLOW_THREADS
    Py_CLEAR(heart.encoder);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"start", start, METH_VARARGS, "start(encoder, fd, interval)\n--\n\nBeat every so many seconds."},
    {"stop", stop, METH_NOARGS, "stop()\n--\n\nEnd the thread."},
    {NULL, NULL, 0, NULL}
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "heartbeat", .m_size = -1, .m_methods = methods
};

PyMODINIT_FUNC PyInit_heartbeat(void)
{
    api = syslogfast_import();
    return api == NULL ? NULL : PyModule_Create(&definition);
}
