/* Where size counts most there are no docstrings; and as no compiler calls what is pure and
   returns nothing, tracebacks do not show this file. */
#ifdef SYSLOGFAST_SMALL
#undef PyDoc_STR
#define PyDoc_STR(text) ""
#pragma GCC diagnostic ignored "-Wattributes"
#define SYSLOGFAST_TRACEBACK __attribute__((pure))
#else
#define SYSLOGFAST_TRACEBACK __attribute__((cold))
#endif

/* What surely leads to a cold function, or comes from it, is compiled for size, not speed:
   errors, by Cython's own functions as they are in this version, and what calls cold_path(). */
#ifdef __GNUC__
#if CYTHON_HEX_VERSION >> 16 == 0x0303
static void __Pyx_AddTraceback(const char *, int, int, const char *) SYSLOGFAST_TRACEBACK;
static void __Pyx_RaiseArgtupleInvalid(const char *, int, Py_ssize_t, Py_ssize_t, Py_ssize_t)
    __attribute__((cold));
#endif
static void __attribute__((cold, noinline)) syslogfast_cold_path(void) {
    __asm__ volatile ("");
}
static char *syslogfast_write_timestamp_apart(char *, const void *, const void *)
    __attribute__((noinline));
static Py_ssize_t syslogfast_encode_apart(char *, Py_ssize_t, const void *, const void *)
    __attribute__((noinline));

/* Each interpreter has its own state of this module. Cython, in this version, looks it up
   whenever it needs a constant, by three calls: a quarter of what a record takes. As long as
   there is one interpreter only, it is this one. */
#if CYTHON_USE_MODULE_STATE && CYTHON_HEX_VERSION >> 16 == 0x0303
static void *syslogfast_sole_state;     /* NULL: not known, or there were others */
static int64_t syslogfast_sole_interpreter = -1;
#ifdef Py_GIL_DISABLED
static PyMutex syslogfast_state_mutex;
#define SYSLOGFAST_LOCK_STATE() PyMutex_Lock(&syslogfast_state_mutex)
#define SYSLOGFAST_UNLOCK_STATE() PyMutex_Unlock(&syslogfast_state_mutex)
#define SYSLOGFAST_LOAD(pointer) __atomic_load_n(&(pointer), __ATOMIC_RELAXED)
#else
#define SYSLOGFAST_LOCK_STATE()
#define SYSLOGFAST_UNLOCK_STATE()
#define SYSLOGFAST_LOAD(pointer) (pointer)
#endif
static PyObject *__Pyx_State_FindModule(void *);
static __attribute__((cold, noinline)) void *syslogfast_find_state(void) {
    void *state = __Pyx__PyModule_GetState(__Pyx_State_FindModule(NULL));
    SYSLOGFAST_LOCK_STATE();
    if (syslogfast_sole_interpreter >= 0)
        syslogfast_sole_state = state;
    SYSLOGFAST_UNLOCK_STATE();
    return state;
}
static inline void *syslogfast_get_state(void) {
    void *state = SYSLOGFAST_LOAD(syslogfast_sole_state);   /* once: it may change */
    return __builtin_expect(state != NULL, 1) ? state : syslogfast_find_state();
}
/* Called before an interpreter has any use for a state. */
static __attribute__((cold, noinline)) void syslogfast_note_interpreter(void) {
    int64_t present = PyInterpreterState_GetID(PyInterpreterState_Get());
    SYSLOGFAST_LOCK_STATE();
    if (syslogfast_sole_interpreter == -1)
        syslogfast_sole_interpreter = present;
    else if (syslogfast_sole_interpreter != present)
        syslogfast_sole_interpreter = -2;   /* never again */
    syslogfast_sole_state = NULL;           /* of one that is going, too */
    SYSLOGFAST_UNLOCK_STATE();
}
#define SYSLOGFAST_NOTE_INTERPRETER() syslogfast_note_interpreter()
#undef __Pyx_PyModule_GetState
#define __Pyx_PyModule_GetState(module) ((__pyx_mstatetype *)SYSLOGFAST_STATE_OF_##module)
#define SYSLOGFAST_STATE_OF___Pyx_State_FindModule(definition) syslogfast_get_state()
/* The garbage collector gets none: no state is ever freed, and during the import it may hold
   types that are not ready, at which that would crash. */
#define SYSLOGFAST_STATE_OF_m NULL
#endif
#else
#define syslogfast_cold_path()
#endif

/* Cython, in this version, finds the module of an interpreter beyond its end: after finalize
   and initialize the next main one, which has the same number, could not import it. What is
   deleted last may still encode, and does not keep the module: so that is never deleted. */
#if CYTHON_USE_MODULE_STATE && CYTHON_HEX_VERSION >> 16 == 0x0303
static PyObject *__Pyx_State_FindModule(void *);
static int __Pyx_State_RemoveModule(void *);
static void syslogfast_note_end(void);
static void syslogfast_leave_interpreter(PyObject *capsule) {
    PyObject *module = __Pyx_State_FindModule(NULL);
    (void)capsule;
    if (module == NULL)
        return;
    syslogfast_note_end();
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) {
#ifdef SYSLOGFAST_NOTE_INTERPRETER
        syslogfast_sole_state = __Pyx__PyModule_GetState(module);   /* by now it is */
#endif
        __Pyx_State_RemoveModule(NULL);
    }
}
static PyObject *syslogfast_make_module(PyObject *name) {
    PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get()); /* to its end */
    PyObject *leave = PyCapsule_New((void *)kept, NULL, syslogfast_leave_interpreter);
    PyObject *module = NULL;
    if (leave && PyDict_SetItem(kept, name, leave) == 0)
        module = PyModule_NewObject(name);
    Py_XDECREF(leave);
    return module;
}
#ifdef SYSLOGFAST_NOTE_INTERPRETER
#define PyModule_NewObject(name) (SYSLOGFAST_NOTE_INTERPRETER(), syslogfast_make_module(name))
#else
#define PyModule_NewObject syslogfast_make_module
#endif
#endif
