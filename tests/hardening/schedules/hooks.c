/* Switches threads amid the compiled core: what gcc's -fsanitize=thread calls at each access to
memory is here, in place of ThreadSanitizer. To be preloaded.

One thread is in the core, "the first"; another, or the first itself, gets a fatal signal there.
The first goes on until its access number `first_stop`; then the other is given its signal, and goes
on until its access number `other_stop`; then the first goes on to its end, and then the other. A
thread that pauses (poll without descriptors) has the other one go on, too. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY, FIRST, OTHER };

/* Volatile: glibc says of raise() that it calls nothing in here, which a handler does. */
static __thread volatile int me;    /* whose accesses are counted */
static volatile long seen[3], stop[3];
static sem_t turn[3];
static volatile int is_there, is_over;
static volatile int interrupts_itself, halves;
static volatile long returned;  /* times that a signal's former action was called */
static pthread_t other_thread;

static void give_turn(int to) {
    int before = me;
    sem_post(&turn[to]);
    while (sem_wait(&turn[before]))
        ;
}

static void point(void) {
    if (!me)
        return;
    if (++seen[me] != stop[me])
        return;
    if (me == FIRST && interrupts_itself) {
        me = NOBODY;
        raise(SIGABRT);
        me = FIRST;
    } else if (me == FIRST && is_there && !is_over)
        give_turn(OTHER);
    else if (me == OTHER)
        give_turn(FIRST);
}

static void *run_other(void *argument) {
    while (sem_wait(&turn[OTHER]))
        ;
    me = OTHER;
    raise(SIGABRT);
    me = NOBODY;
    is_over = 1;
    sem_post(&turn[FIRST]);
    return argument;
}

static void on_former(int number) {
    returned += number == SIGABRT;
}

/* Have a signal's former action be one that returns: the process lives on. */
void hooks_prepare(void) {
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_former;
    sigaction(SIGABRT, &action, NULL);
}

/* Begin to count; `first_stop` 0: nothing comes in between. `halved`: the kernel takes a half. */
void hooks_begin(long first_stop, long other_stop, int itself, int halved) {
    seen[FIRST] = seen[OTHER] = 0;
    stop[FIRST] = first_stop;
    stop[OTHER] = other_stop;
    interrupts_itself = itself;
    halves = halved;
    is_over = 0;
    sem_init(&turn[FIRST], 0, 0);
    sem_init(&turn[OTHER], 0, 0);
    is_there = first_stop && !itself && !pthread_create(&other_thread, NULL, run_other, NULL);
    me = FIRST;
}

/* End, when the other one has come to its end; it has not begun if the first had no such access. */
long hooks_end(void) {
    long count = seen[FIRST];
    while (is_there && !is_over && count >= stop[FIRST])
        give_turn(OTHER);   /* which gives it back when it pauses, too */
    me = NOBODY;
    halves = 0;
    return count;
}

long hooks_count_other(void) {
    return seen[OTHER];
}

long hooks_count_returned(void) {
    return returned;
}

/* --- what the core calls of the system -------------------------------------------------------- */

int poll(struct pollfd *descriptors, nfds_t count, int timeout) {
    if (me && !count) {
        int to = me == FIRST ? OTHER : FIRST;
        if (is_there && !is_over && (me == OTHER || seen[FIRST] >= stop[FIRST]))
            give_turn(to);
        return 0;
    }
    return (int)syscall(SYS_poll, descriptors, count, me ? 0 : timeout);
}

static size_t halve(size_t size) {
    return me == FIRST && halves && size > 1 ? size / 2 : size;
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    point();
    ssize_t sent = syscall(SYS_sendto, fd, data, halve(size), flags, NULL, 0);
    point();
    return sent;
}

/* --- what gcc calls --------------------------------------------------------------------------- */

#define ACCESS(name) void __tsan_##name(void *address) { (void)address; point(); }
#define SIZES(name) \
    ACCESS(name##1) ACCESS(name##2) ACCESS(name##4) ACCESS(name##8) ACCESS(name##16)
SIZES(read)
SIZES(write)
SIZES(unaligned_read)
SIZES(unaligned_write)
SIZES(volatile_read)
SIZES(volatile_write)
void __tsan_read_range(void *address, size_t size) { (void)address; (void)size; point(); }
void __tsan_write_range(void *address, size_t size) { (void)address; (void)size; point(); }
void __tsan_init(void) {}
void __tsan_func_entry(void *caller) { (void)caller; }
void __tsan_func_exit(void) {}
void __tsan_atomic_thread_fence(int order) { (void)order; __sync_synchronize(); }
void __tsan_atomic_signal_fence(int order) { (void)order; }

#define ATOMIC(bits, type) \
    type __tsan_atomic##bits##_load(const volatile type *a, int order) { \
        (void)order; point(); return __atomic_load_n(a, __ATOMIC_SEQ_CST); } \
    void __tsan_atomic##bits##_store(volatile type *a, type v, int order) { \
        (void)order; point(); __atomic_store_n(a, v, __ATOMIC_SEQ_CST); } \
    type __tsan_atomic##bits##_exchange(volatile type *a, type v, int order) { \
        (void)order; point(); return __atomic_exchange_n(a, v, __ATOMIC_SEQ_CST); } \
    type __tsan_atomic##bits##_fetch_add(volatile type *a, type v, int order) { \
        (void)order; point(); return __atomic_fetch_add(a, v, __ATOMIC_SEQ_CST); } \
    type __tsan_atomic##bits##_fetch_sub(volatile type *a, type v, int order) { \
        (void)order; point(); return __atomic_fetch_sub(a, v, __ATOMIC_SEQ_CST); } \
    type __tsan_atomic##bits##_fetch_or(volatile type *a, type v, int order) { \
        (void)order; point(); return __atomic_fetch_or(a, v, __ATOMIC_SEQ_CST); } \
    type __tsan_atomic##bits##_fetch_and(volatile type *a, type v, int order) { \
        (void)order; point(); return __atomic_fetch_and(a, v, __ATOMIC_SEQ_CST); } \
    int __tsan_atomic##bits##_compare_exchange_strong( \
        volatile type *a, type *c, type v, int order, int failure) { \
        (void)order; (void)failure; point(); \
        return __atomic_compare_exchange_n(a, c, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); } \
    int __tsan_atomic##bits##_compare_exchange_weak( \
        volatile type *a, type *c, type v, int order, int failure) { \
        return __tsan_atomic##bits##_compare_exchange_strong(a, c, v, order, failure); }
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
