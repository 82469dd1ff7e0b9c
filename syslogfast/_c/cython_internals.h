/* What is done to Cython's own code, and why.

   The module asks Cython for a state of its own in each interpreter (setup.py defines
   CYTHON_USE_MODULE_STATE). Cython 3.3 supports that, but slowly, and not to the end: two parts
   of its code are overridden here, by name, before it uses them; and a third, for its size, in the
   small build. Names that begin with __Pyx are private to Cython and may change with any minor
   version: so the build fails with one that is not known here, below and in setup.py.

   1. COST OF A CONSTANT. `__pyx_mstate_global`, which stands before every constant, global and
      type that the generated code uses, is __Pyx_PyModule_GetState(__Pyx_State_FindModule(...)):
      three calls into Python and a search in a table of interpreters, each time. It is a macro,
      and is replaced by one load and one comparison: as long as a single interpreter has imported
      the module, the state is a static pointer; from the second one on, Cython's way is used.
      Without: `encode` executes 527 instructions of this module and not 396, `emit` 808 and not
      650, `format_timestamp` 572 and not 334; nearly as many more are executed in Python's library.
      Proof: benchmarks/questions/bench_footprint.py::test_instructions for the cost;
      tests/embedding/test_interpreters.py::test_eight_at_a_time for the states being told apart.
      It can go: when a constant costs a load in Cython itself. Delete, count, compare.
      What the collector calls, `__pyx_m_traverse` and `__pyx_m_clear`, uses the same macro with
      the argument `m`, and gets what Cython would give it. That this may happen amid the import
      is due to CYTHON_USE_TYPE_SPECS in setup.py: the state holds no type that is not ready
      (tests/packaging/test_package.py::test_garbage_is_collected_during_the_import).

   2. INTERPRETERS THAT END. Cython's table of interpreters keeps the module of one that has
      ended, and a reference to it, so that it is never cleared. After Py_FinalizeEx and
      Py_Initialize the next main interpreter has the same number, 0, and `__pyx_pymod_create`
      finds that "Module '_encoder_c' has already been imported into this interpreter".
      `PyModule_NewObject`, by which that function makes the module, is replaced by one that first
      leaves a capsule in the interpreter's dict: its destructor is the last thing that runs of
      the interpreter, and takes the module off the table, but leaves that reference: what is
      deleted still later may encode, with the constants of the module.
      Without: a program that embeds Python cannot import the package a second time.
      Proof: tests/embedding/test_embed.py::test_lives, and in test_interpreters.py
      test_lives, test_many_one_after_the_other and test_what_is_deleted_last_may_encode.
      It can go: when those tests pass without it.

   3. TRACEBACKS, IN THE SMALL BUILD ALONE. What raises calls __Pyx_AddTraceback, in 150 places.
      Declared pure, as it is not, it is called by no gcc: it returns nothing. With the calls go
      the lines of this module in tracebacks; the exceptions stay as they are.
      Without: the small module is a tenth larger, 136 KB and not 124 with gcc 12.
      Proof: tests/packaging/test_package.py::test_small_build.
      It can go at any time, for its price in bytes.

   A new minor version of Cython: change the number here, in setup.py and in pyproject.toml (a test
   compares them), look up in the C that it generates the names above, run the tests above and the
   benchmark, and compare its instruction counts and the size with those kept. Then either adapt
   this, or delete the part that it does itself. */

#if CYTHON_HEX_VERSION >> 16 == 0x0303

#if CYTHON_USE_MODULE_STATE
static PyObject *__Pyx_State_FindModule(void *);
static int __Pyx_State_RemoveModule(void *);

/* 1: cost of a constant. */

#ifdef __GNUC__
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
#define SYSLOGFAST_GET_STATE() syslogfast_get_state()
#define SYSLOGFAST_NOTE_INTERPRETER() syslogfast_note_interpreter()
/* Of an interpreter that ends: what is deleted after its module still finds it. */
#define SYSLOGFAST_KEEP_STATE(module) \
    ((void)(syslogfast_sole_state = __Pyx__PyModule_GetState(module)))
#else
#define SYSLOGFAST_GET_STATE() __Pyx__PyModule_GetState(__Pyx_State_FindModule(NULL))
#define SYSLOGFAST_NOTE_INTERPRETER() ((void)0)
#define SYSLOGFAST_KEEP_STATE(module) ((void)0)
#endif
#undef __Pyx_PyModule_GetState
#define __Pyx_PyModule_GetState(module) ((__pyx_mstatetype *)SYSLOGFAST_STATE_OF_##module)
#define SYSLOGFAST_STATE_OF___Pyx_State_FindModule(definition) SYSLOGFAST_GET_STATE()
#define SYSLOGFAST_STATE_OF_m __Pyx__PyModule_GetState(m)

/* 2: interpreters that end. */

static void syslogfast_note_end(void);  /* in fatal_signals.pxi */
static void syslogfast_leave_interpreter(PyObject *capsule) {
    PyObject *module = __Pyx_State_FindModule(NULL);
    (void)capsule;
    if (module == NULL)
        return;
    syslogfast_note_end();
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) {
        SYSLOGFAST_KEEP_STATE(module);
        __Pyx_State_RemoveModule(NULL);
    }
}
static PyObject *syslogfast_make_module(PyObject *name) {
    PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get()); /* to its end */
    PyObject *leave = PyCapsule_New((void *)kept, NULL, syslogfast_leave_interpreter);
    PyObject *module = NULL;
    SYSLOGFAST_NOTE_INTERPRETER();
    if (leave && PyDict_SetItem(kept, name, leave) == 0)
        module = PyModule_NewObject(name);
    Py_XDECREF(leave);
    return module;
}
#define PyModule_NewObject syslogfast_make_module
#endif

/* 3: tracebacks, in the small build alone. */

#ifdef SYSLOGFAST_SMALL
/* Where size counts most there are no docstrings, either. */
#undef PyDoc_STR
#define PyDoc_STR(text) ""
#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wattributes"
static void __Pyx_AddTraceback(const char *, int, int, const char *) __attribute__((pure));
#endif
#endif

/* Our own functions. What calls syslogfast_cold_path() first is compiled for size; the others are
   called in few places, where they would only be in the way. */

#ifdef __GNUC__
static void __attribute__((cold, noinline)) syslogfast_cold_path(void) {
    __asm__ volatile ("");
}
static char *syslogfast_write_timestamp_apart(char *, const void *, const void *)
    __attribute__((noinline));
static Py_ssize_t syslogfast_encode_apart(char *, Py_ssize_t, const void *, const void *)
    __attribute__((noinline));
#else
#define syslogfast_cold_path()
#endif

#else
#error "syslogfast: cython_internals.h knows the internals of Cython 3.3 alone: build with \
'cython>=3.3,<3.4', or do what its first comment says for a new version of Cython"
#endif
