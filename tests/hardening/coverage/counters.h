/* For each compiled module that counts: its counters are written before a signal ends the process,
   and where Python asks for it, see counters.py. Else gcc's own code does so at a process's end. */

#include <signal.h>
#include <unistd.h>

extern void __gcov_dump(void);
extern void __gcov_reset(void);

__attribute__((visibility("default"))) void write_counters(void) {
    __gcov_dump();
    __gcov_reset(); /* what has been written would be added once more, and a second time not at all */
}

/* What a handler of signals calls last. */
#define raise(number) (write_counters(), raise(number))
#define sigaction(number, action, former) (write_counters(), sigaction(number, action, former))
