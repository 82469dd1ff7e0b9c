/* Calls a function of the table in a thread that Python does not know of, and shows what it wrote. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

#include "syslogfast.h"

#define JOIN_AGAIN(a, b) a##b
#define JOIN(a, b) JOIN_AGAIN(a, b)
#define TEXT_AGAIN(name) #name
#define TEXT(name) TEXT_AGAIN(name)

static const syslogfast_api *api;

typedef struct {
    int function;                       /* of call's argument */
    const syslogfast_layout *layout;
    syslogfast_record record;
    char *dst;
    Py_ssize_t space, size;
    int is_unknown;                     /* the thread had no interpreter state */
} job;

static void *run(void *argument)
{
    job *work = argument;
    work->is_unknown = PyGILState_GetThisThreadState() == NULL;
    if (work->function == 'e')
        work->size = api->encode(work->dst, work->space, work->layout, &work->record);
    else if (work->function == 'h')
        work->size = api->write_header(work->dst, work->space, work->layout, &work->record);
    else if (work->function == 't')
        work->size = api->write_timestamp(work->dst, work->layout, &work->record.time);
    else
        api->read_clock(&work->record.time);
    return NULL;
}

static int run_apart(job *work, int keep_gil)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, work) != 0)
        return 0;
    if (keep_gil)
        pthread_join(thread, NULL);
    else {
        Py_BEGIN_ALLOW_THREADS
        pthread_join(thread, NULL);
        Py_END_ALLOW_THREADS
    }
    return work->is_unknown;
}

/* call(function, encoder, severity, seconds, nanoseconds, message, msgid, elements, buffer, space,
   keep_gil): the size that is returned */
static PyObject *call(PyObject *module, PyObject *args)
{
    job work = {0};
    PyObject *encoder;
    Py_buffer buffer;
    syslogfast_record *record = &work.record;
    long long seconds;
    int keep_gil;
    if (!PyArg_ParseTuple(args, "COBLIy#y#y#w*np", &work.function, &encoder, &record->severity,
                          &seconds, &record->time.nanoseconds,
                          &record->message.start, &record->message.size,
                          &record->msgid.start, &record->msgid.size,
                          &record->elements.start, &record->elements.size,
                          &buffer, &work.space, &keep_gil))
        return NULL;
    record->time.seconds = seconds;
    work.dst = work.space ? buffer.buf : NULL;
    work.layout = api->get_layout(encoder);
    if (work.layout != NULL && !run_apart(&work, keep_gil))
        PyErr_SetString(PyExc_AssertionError, "no thread, or one that Python knows");
    PyBuffer_Release(&buffer);
    return PyErr_Occurred() ? NULL : PyLong_FromSsize_t(work.size);
}

static PyObject *read_clock(PyObject *module, PyObject *unused)
{
    job work = {.function = 'c'};
    if (!run_apart(&work, 1))
        return NULL;
    return Py_BuildValue("LI", (long long)work.record.time.seconds, work.record.time.nanoseconds);
}

static PyMethodDef methods[] = {
    {"call", call, METH_VARARGS, NULL}, {"read_clock", read_clock, METH_NOARGS, NULL}, {NULL}
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = TEXT(NAME), .m_size = -1, .m_methods = methods
};

PyMODINIT_FUNC JOIN(PyInit_, NAME)(void)
{
    api = syslogfast_import();
    return api == NULL ? NULL : PyModule_Create(&definition);
}
