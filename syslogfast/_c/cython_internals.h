/* What is done to Cython's own code, and why.

   The module asks Cython for a state of its own in each interpreter (setup.py defines
   CYTHON_USE_MODULE_STATE). Cython 3.3 supports that, but slowly, and not to the end: three parts
   of its code are overridden here, by name, before it uses them; a fourth, for its size, in the
   small build; and a fifth, for want of memory.
   Names that begin with __Pyx are private to Cython and may change with any minor
   version: so the build fails with one that is not known here, below and in setup.py.

   1. COST OF A CONSTANT. `__pyx_mstate_global`, which stands before every constant, global and
      type that the generated code uses, is __Pyx_PyModule_GetState(__Pyx_State_FindModule(...)):
      three calls into Python and a search in a table of interpreters, each time; and all readers
      of that table count themselves in one variable, for which the processors of interpreters
      with their own GILs queue. It is a macro, and is replaced by one function: it finds the state
      by the present interpreter, the main one's at once, the others' in a small table of ours. No
      state is ever that of another interpreter, whoever runs beside it. The function is declared
      const, as it is for as long as one of ours runs: so each of ours calls it at most once.
      Without: `encode` executes 527 instructions of this module and not 400, `emit` 808 and not
      650, `format_timestamp` 572 and not 338; nearly as many more are executed in Python's library.
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

   3. A SEARCH PAST THE END. From its 33rd interpreter on, Cython's table is sorted, and searched
      by `__Pyx_State_FindModuleStateLookupTableLowerBound`. For a number that is above all others
      it returns the entry after the last one, which nobody has written since `realloc` gave the
      memory. Where that comes from another module's table, which has the same form, it may hold
      just that number: the module is another's, or "has already been imported". `realloc`, which
      is called for that table alone, is replaced by one that clears what it adds.
      Without: of 160 interpreters in a pool one failed to import a second module, in one run of 8.
      Proof: tests/embedding/test_interpreters.py::test_memory_that_looks_like_a_module.
      It can go: when that test passes without it.

   4. TRACEBACKS, IN THE SMALL BUILD ALONE. What raises calls __Pyx_AddTraceback, in 150 places.
      Declared pure, as it is not, it is called by no gcc: it returns nothing. With the calls go
      the lines of this module in tracebacks; the exceptions stay as they are.
      Without: the small module is a tenth larger, 136 KB and not 124 with gcc 12.
      Proof: tests/packaging/test_package.py::test_small_build.
      It can go at any time, for its price in bytes.

   5. AN ERROR WITHOUT AN EXCEPTION. A function in Python that raises may return with no exception
      set: CPython clears it where there is no memory for the frame of a caller (3.11:
      `take_ownership` in Python/frame.c; 3.13.0, too). `__Pyx_GetException`, which `finally` and
      `except` begin with on 3.11, and `__Pyx_AddTraceback` on later ones then give a traceback to
      an exception that is NULL. It is given a MemoryError.
      Without: a wrong argument of Encoder, where one allocation fails, ends the process (SIGSEGV).
      Proof: tests/encoder/test_memory.py::test_an_exception_is_lost.
      It can go: with Python 3.13.

   A new minor version of Cython: change the number here, in setup.py and in pyproject.toml (a test
   compares them), look up in the C that it generates the names above, run the tests above and the
   benchmark, and compare its instruction counts and the size with those kept. Then either adapt
   this, or delete the part that it does itself. */

#if CYTHON_HEX_VERSION >> 16 == 0x0303

/* What is ours in an interpreter. Its own threads alone write to it, but for `interpreter`, which
   is taken and given back by compare and swap; who has another interpreter only compares that. */
typedef struct {
    void *interpreter;          /* NULL: free */
    void *state;                /* NULL: not known yet */
    const void *plain_kind;     /* see log_record.pxi */
    unsigned int plain_version;
} syslogfast_place;

#ifdef _MSC_VER
#include <intrin.h>
#define SYSLOGFAST_SWAP(address, before, after) (_InterlockedCompareExchangePointer( \
    (void *volatile *)(address), (void *)(after), (void *)(before)) == (void *)(before))
#define SYSLOGFAST_LOAD(pointer) (*(void *volatile *)&(pointer))
#define SYSLOGFAST_STORE(pointer, value) ((void)(*(void *volatile *)&(pointer) = (value)))
#define SYSLOGFAST_CONST __declspec(noinline)
#define SYSLOGFAST_COLD __declspec(noinline)
#else
#define SYSLOGFAST_SWAP(address, before, after) \
    __sync_bool_compare_and_swap(address, before, after)
#define SYSLOGFAST_LOAD(pointer) __atomic_load_n(&(pointer), __ATOMIC_RELAXED)
#define SYSLOGFAST_STORE(pointer, value) __atomic_store_n(&(pointer), value, __ATOMIC_RELAXED)
#define SYSLOGFAST_CONST __attribute__((const, noinline))
#define SYSLOGFAST_COLD __attribute__((cold, noinline))
#endif

static syslogfast_place syslogfast_main_place;  /* its `interpreter` is set as soon as `state` is */

#if CYTHON_USE_MODULE_STATE
static PyObject *__Pyx_State_FindModule(void *);
static int __Pyx_State_RemoveModule(void *);

/* 1: cost of a constant. */

enum {
    SYSLOGFAST_PLACES = 256,    /* as many as a hash of 8 bits; without one all is only slower */
    SYSLOGFAST_PROBES = 16
};
static syslogfast_place syslogfast_places[SYSLOGFAST_PLACES];

/* Return the place of an interpreter other than the main one; NULL if there is none. `wanted` is
   that interpreter, or NULL for a free place. */
static syslogfast_place *syslogfast_find_place(void *interpreter, void *wanted) {
    size_t probe, first = (size_t)(((uint64_t)(uintptr_t)interpreter * 0x9E3779B97F4A7C15u) >> 56);
    for (probe = 0; probe < SYSLOGFAST_PROBES; probe++) {
        syslogfast_place *place = &syslogfast_places[(first + probe) % SYSLOGFAST_PLACES];
        if (SYSLOGFAST_LOAD(place->interpreter) == wanted)
            return place;
    }
    return NULL;
}
static SYSLOGFAST_COLD void *syslogfast_find_state(void *interpreter) {
    int is_main = interpreter == (void *)PyInterpreterState_Main();
    syslogfast_place *place =
        is_main ? &syslogfast_main_place : syslogfast_find_place(interpreter, interpreter);
    void *state = place == NULL ? NULL : SYSLOGFAST_LOAD(place->state);
    PyObject *module;
    if (state != NULL)
        return state;
    module = __Pyx_State_FindModule(NULL);
    state = module == NULL ? NULL : __Pyx__PyModule_GetState(module);
    if (place != NULL && state != NULL) {
        SYSLOGFAST_STORE(place->state, state);
        if (is_main)
            SYSLOGFAST_STORE(place->interpreter, interpreter);
    }
    return state;
}
static SYSLOGFAST_CONST void *syslogfast_get_state(void) {
    void *interpreter = (void *)PyInterpreterState_Get();
    if (SYSLOGFAST_LOAD(syslogfast_main_place.interpreter) == interpreter)
        return SYSLOGFAST_LOAD(syslogfast_main_place.state);
    return syslogfast_find_state(interpreter);
}
/* Return what is ours in the present interpreter; NULL if it found no place. */
static SYSLOGFAST_CONST syslogfast_place *syslogfast_get_place(void) {
    void *interpreter = (void *)PyInterpreterState_Get();
    if (SYSLOGFAST_LOAD(syslogfast_main_place.interpreter) == interpreter)
        return &syslogfast_main_place;
    return syslogfast_find_place(interpreter, interpreter);
}
/* Called before an interpreter has any use for a state: another may have had its address. */
static SYSLOGFAST_COLD void syslogfast_take_place(void) {
    void *interpreter = (void *)PyInterpreterState_Get();
    syslogfast_place *place = &syslogfast_main_place;
    if (interpreter == (void *)PyInterpreterState_Main())
        SYSLOGFAST_STORE(place->interpreter, NULL);     /* until its state is known */
    else if ((place = syslogfast_find_place(interpreter, interpreter)) == NULL) {
        do {
            place = syslogfast_find_place(interpreter, NULL);
        } while (place != NULL && !SYSLOGFAST_SWAP(&place->interpreter, NULL, interpreter));
    }
    if (place != NULL) {
        SYSLOGFAST_STORE(place->state, NULL);
        place->plain_kind = NULL;
    }
}
/* Called at the end of an interpreter other than the main one: what is deleted after that, and
   still encodes, has its state found by Cython. */
static SYSLOGFAST_COLD void syslogfast_leave_place(void) {
    void *interpreter = (void *)PyInterpreterState_Get();
    syslogfast_place *place = syslogfast_find_place(interpreter, interpreter);
    if (place != NULL)
        SYSLOGFAST_STORE(place->interpreter, NULL);
}
#undef __Pyx_PyModule_GetState
#define __Pyx_PyModule_GetState(module) ((__pyx_mstatetype *)SYSLOGFAST_STATE_OF_##module)
#define SYSLOGFAST_STATE_OF___Pyx_State_FindModule(definition) syslogfast_get_state()
#define SYSLOGFAST_STATE_OF_m __Pyx__PyModule_GetState(m)

/* 2: interpreters that end. */

static void syslogfast_note_end(void);  /* in each .pyx */
static void syslogfast_leave_interpreter(PyObject *capsule) {
    PyObject *module = __Pyx_State_FindModule(NULL);
    (void)capsule;
    if (module == NULL)
        return;
    syslogfast_note_end();
    if (PyInterpreterState_Get() == PyInterpreterState_Main())
        __Pyx_State_RemoveModule(NULL);     /* its place has the state: for what is deleted later */
    else
        syslogfast_leave_place();
}
static PyObject *syslogfast_make_module(PyObject *name) {
    PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get()); /* to its end */
    PyObject *leave = PyCapsule_New((void *)kept, NULL, syslogfast_leave_interpreter);
    PyObject *module = NULL;
    if (leave && PyDict_SetItem(kept, name, leave) == 0) {
        syslogfast_take_place();
        module = PyModule_NewObject(name);
    }
    Py_XDECREF(leave);
    return module;
}
#define PyModule_NewObject syslogfast_make_module

/* 3: a search past the end. */

typedef struct {    /* as Cython declares it, further down */
    char interpreter_id_as_index;
    Py_ssize_t count;
    Py_ssize_t allocated;
    struct {
        int64_t id;
        PyObject *module;
    } table[1];
} syslogfast_modules;
static SYSLOGFAST_COLD void *syslogfast_grow_table(void *table, size_t size) {
    size_t entries = (size_t)((syslogfast_modules *)table)->allocated;
    size_t before = offsetof(syslogfast_modules, table)
        + entries * sizeof(((syslogfast_modules *)table)->table[0]);
    char *grown = (char *)realloc(table, size);
    if (grown != NULL && size > before)
        memset(grown + before, 0, size - before);
    return grown;
}
#define realloc(table, size) syslogfast_grow_table(table, size)
#else
static syslogfast_place *syslogfast_get_place(void) {
    return &syslogfast_main_place;
}
#endif

/* 4: tracebacks, in the small build alone. */

#ifdef SYSLOGFAST_SMALL
/* Where size counts most there are no docstrings, either. */
#undef PyDoc_STR
#define PyDoc_STR(text) ""
#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wattributes"
static void __Pyx_AddTraceback(const char *, int, int, const char *) __attribute__((pure));
#endif
#endif

/* 5: an error without an exception. */

#if PY_VERSION_HEX < 0x030C0000
#define PyException_SetTraceback(value, trace) \
    ((value) ? (PyException_SetTraceback)(value, trace) : (PyErr_NoMemory(), -1))
#else
#define PyTraceBack_Here(frame) \
    (PyErr_Occurred() ? (PyTraceBack_Here)(frame) : (PyErr_NoMemory(), -1))
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
