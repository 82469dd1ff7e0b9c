/* What PID 1 asks of Linux, and Python's os module does not offer. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static PyObject *mount_kind(PyObject *module, PyObject *arguments)
{
    const char *kind, *target;
    if (!PyArg_ParseTuple(arguments, "ss:mount", &kind, &target))
        return NULL;
    if (mount(kind, target, kind, 0, NULL) != 0)
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, target);
    Py_RETURN_NONE;
}

static PyObject *load_module(PyObject *module, PyObject *arguments)
{
    int descriptor;
    if (!PyArg_ParseTuple(arguments, "i:load_module", &descriptor))
        return NULL;
    if (syscall(SYS_finit_module, descriptor, "", 0) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static PyObject *power_off(PyObject *module, PyObject *nothing)
{
    /* Whoever imports this elsewhere must not lose the machine. */
    if (getpid() != 1) {
        PyErr_SetString(PyExc_PermissionError, "only PID 1 may power off");
        return NULL;
    }
    reboot(RB_POWER_OFF);
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyMethodDef functions[] = {
    {"mount", mount_kind, METH_VARARGS, "mount(kind, target): such as \"proc\" on \"/proc\"."},
    {"load_module", load_module, METH_VARARGS, "load_module(descriptor): of a .ko file."},
    {"power_off", power_off, METH_NOARGS, "power_off(): the machine, at once."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "kernel", "What PID 1 asks of Linux.", -1, functions,
};

PyMODINIT_FUNC PyInit_kernel(void)
{
    return PyModule_Create(&definition);
}
