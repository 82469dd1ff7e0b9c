# cython: binding=False
"""Counts heap allocations: each malloc, calloc and realloc of CPython's three allocators."""

cdef extern from "Python.h":
    ctypedef struct Allocator "PyMemAllocatorEx":
        void *ctx
        void *(*malloc)(void *ctx, size_t size) noexcept nogil
        void *(*calloc)(void *ctx, size_t count, size_t size) noexcept nogil
        void *(*realloc)(void *ctx, void *memory, size_t size) noexcept nogil
        void (*free)(void *ctx, void *memory) noexcept nogil

    ctypedef enum Domain "PyMemAllocatorDomain":
        PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ

    void PyMem_GetAllocator(Domain domain, Allocator *allocator)
    void PyMem_SetAllocator(Domain domain, Allocator *allocator)

cdef Domain[3] domains = [PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ]
cdef Allocator[3] own
cdef Py_ssize_t allocations, octets
cdef int depth = 0      # a large object's allocator asks the raw one: that is one allocation


cdef inline void note(size_t size) noexcept nogil:
    global allocations, octets
    if depth == 1:
        allocations += 1
        octets += size


cdef void *count_malloc(void *ctx, size_t size) noexcept nogil:
    global depth
    cdef Allocator *allocator = <Allocator *>ctx
    depth += 1
    note(size)
    memory = allocator.malloc(allocator.ctx, size)
    depth -= 1
    return memory


cdef void *count_calloc(void *ctx, size_t count, size_t size) noexcept nogil:
    global depth
    cdef Allocator *allocator = <Allocator *>ctx
    depth += 1
    note(count * size)
    memory = allocator.calloc(allocator.ctx, count, size)
    depth -= 1
    return memory


cdef void *count_realloc(void *ctx, void *memory, size_t size) noexcept nogil:
    global depth
    cdef Allocator *allocator = <Allocator *>ctx
    depth += 1
    note(size)
    memory = allocator.realloc(allocator.ctx, memory, size)
    depth -= 1
    return memory


cdef void pass_free(void *ctx, void *memory) noexcept nogil:
    cdef Allocator *allocator = <Allocator *>ctx
    allocator.free(allocator.ctx, memory)


def count_allocations(run, argument):
    """Return how many allocations `run(argument)` makes, and of how many bytes together.

    No other thread may run meanwhile.
    """
    global allocations, octets
    cdef Allocator counting
    cdef int i
    allocations = octets = 0
    counting.malloc = count_malloc
    counting.calloc = count_calloc
    counting.realloc = count_realloc
    counting.free = pass_free
    for i in range(3):
        PyMem_GetAllocator(domains[i], &own[i])
        counting.ctx = &own[i]
        PyMem_SetAllocator(domains[i], &counting)
    try:
        run(argument)
    finally:
        for i in range(3):
            PyMem_SetAllocator(domains[i], &own[i])
    return allocations, octets
