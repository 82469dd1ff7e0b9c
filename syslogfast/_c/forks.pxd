"""Forks, counted in C, and a moment for them: a host in C may fork without a word to Python."""


cdef extern from "cython_internals.h":
    """
    /* Between the process that has loaded this and the present one, for all interpreters. */
    static int syslogfast_forks;
    /* Threads of ours that may have the GIL or wait for it; less than 0 while Python itself forks,
       for which what follows is not needed. */
    static int syslogfast_at_work;

    #if defined(_WIN32) || defined(__wasm__)
    #define SYSLOGFAST_COUNT_FORKS() ((void)0)  /* there are none */
    #define SYSLOGFAST_ADD(number, change) ((void)((number) += (change)))
    #else
    #include <pthread.h>
    #include <time.h>
    #if PY_VERSION_HEX >= 0x030d0000
    #define SYSLOGFAST_GET_STATE() PyThreadState_GetUnchecked()
    #else
    #define SYSLOGFAST_GET_STATE() _PyThreadState_UncheckedGet()
    #endif
    #define SYSLOGFAST_ADD(number, change) ((void)__sync_add_and_fetch(&(number), change))

    /* In the child nobody releases a GIL that a thread of ours has got; and where one waits for it,
       glibc before 2.41 waits for that one as soon as two of the child's own want it. So each is
       given time to come to rest. It has that even if this thread has the GIL. */
    static void syslogfast_await_rest(void) {
        const struct timespec pause = {0, 1000000};
        PyThreadState *state = PyGILState_GetThisThreadState();
        int tries = 100;
        if (syslogfast_at_work <= 0)
            return;
        state = state != NULL && state == SYSLOGFAST_GET_STATE() ? PyEval_SaveThread() : NULL;
        while (*(volatile int *)&syslogfast_at_work > 0 && tries--)
            nanosleep(&pause, NULL);
        nanosleep(&pause, NULL);    /* it says so a moment before */
        if (state != NULL)
            PyEval_RestoreThread(state);
    }

    /* The child has one thread as yet, and any lock may be another's for ever. */
    static void syslogfast_count_fork(void) {
        syslogfast_forks++;
        syslogfast_at_work = 0;
    }

    /* Where there is no memory for that, a fork is noticed only if Python is told of it. */
    static inline void syslogfast_start_counting(void) {
        static Py_ssize_t is_counting;
        if (SYSLOGFAST_SWAP(&is_counting, 0, 1))    /* else another interpreter has done so */
            pthread_atfork(syslogfast_await_rest, NULL, syslogfast_count_fork);
    }
    #define SYSLOGFAST_COUNT_FORKS() syslogfast_start_counting()
    #endif
    """
    int forks "syslogfast_forks"
    int at_work "syslogfast_at_work"
    void add "SYSLOGFAST_ADD"(int number, int change)
    # Have them counted from now on.
    void start_counting_forks "SYSLOGFAST_COUNT_FORKS"()
