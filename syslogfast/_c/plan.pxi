# What is done with a logger's calls, for as long as nothing changes.

ctypedef struct Known:
    PyObject *path
    PyObject *function
    PyObject *thread_name
    long process
    int line


cdef class Plan:
    """What is done with a logger's calls."""

    cdef uint64_t generation, levels
    cdef object cache       # the logger's own, or None: what it says is not to be relied on
    cdef list kept          # lists, emitters and severities
    cdef tuple record_parts     # what its LogRecords have in common, or None
    cdef Known known[LEVELS]    # what the template in that has of the last record; it keeps that
    cdef int off, on        # a bit for each level: the cache says so
    cdef int list_count, item_count, slow_calls
    cdef PyObject *lists[MAX_LISTS]
    cdef Py_ssize_t sizes[MAX_LISTS]
    cdef PyObject *items[MAX_ITEMS]     # of all the lists; not referenced, and only compared
    cdef bint is_fast       # all items are our handlers
    cdef char ways[LEVELS]
    cdef int takers[LEVELS]     # a bit for each item: that handler gets the records
    cdef PyObject *targets[LEVELS]      # emitter and severity of each
    cdef PyObject *pieces[LEVELS]       # of the formatter's text; NULL: it is the message
    cdef PyObject *parts[LEVELS]        # objects, and what has to be in their `__dict__`
    cdef uint64_t versions[MAX_PARTS]   # of such dicts that were found to have it, last


cdef inline bint is_current(Plan plan) noexcept:
    """Return True if nothing has changed that a plan was made of."""
    cdef Py_ssize_t i, j, item = 0
    cdef PyObject *items
    if plan.generation != generation or is_world_changed():
        return False
    for i in range(plan.list_count):
        items = plan.lists[i]
        if get_size(items) != plan.sizes[i]:
            return False
        for j in range(plan.sizes[i]):
            if PyList_GET_ITEM(items, j) != plan.items[item]:
                return False
            # Another may have come to be at that address.
            if plan.is_fast and get_type(plan.items[item]) != handler_type:
                return False
            item += 1
    return True


cdef inline void note_slow_call(Plan plan) noexcept:
    """Have a slow plan made anew now and then: it may be slow for what nobody tells of, such as a
    formatter's attribute, or a `__dict__` that was held."""
    plan.slow_calls += 1
    if plan.slow_calls == LONG_SLOW:
        plan.generation = 0


cdef bint has_parts(Plan plan, int level) noexcept:
    """Return True if the attributes of a formatter, which nobody watches, are what they were."""
    cdef PyObject *parts = plan.parts[level]
    cdef PyObject *items
    cdef PyObject *key
    cdef PyObject *value
    cdef uint64_t version
    cdef Py_ssize_t i, j, position
    for i in range(0, PyTuple_GET_SIZE(<object>parts), 2):
        items = PyTuple_GET_ITEM(<object>parts, i + 1)
        attributes = read_dict(<object>PyTuple_GET_ITEM(<object>parts, i))
        if attributes is None:
            return False
        version = get_version(<PyObject *>attributes)
        if version != 0 and version == plan.versions[i]:
            continue
        position = j = 0
        while PyDict_Next(attributes, &position, &key, &value):
            # The names are interned, and stand where they stood, or it is not the same dict.
            if (
                j == PyTuple_GET_SIZE(<object>items)
                or PyTuple_GET_ITEM(<object>items, j) != key
                or PyTuple_GET_ITEM(<object>items, j + 1) != value
            ):
                return False
            j += 2
        if j != PyTuple_GET_SIZE(<object>items):
            return False
        plan.versions[i] = version
    return True


cdef int read_levels(Plan plan) noexcept:
    """Take from the logger's cache what it knows; what it does not know `isEnabledFor` finds."""
    cdef int i
    cdef PyObject *value
    plan.levels = get_levels(<PyObject *>plan.cache)
    plan.on = plan.off = 0
    for i in range(1, LEVELS):
        try:
            value = PyDict_GetItemWithError(
                plan.cache, <object>PyTuple_GET_ITEM(<object>level_numbers, i)
            )
        except Exception:
            continue    # a key's own, or it would have been there
        if value == PY_TRUE:
            plan.on |= 1 << i
        elif value == PY_FALSE:
            plan.off |= 1 << i
    return 0


cdef void purge() noexcept:
    """Let go of plans that nobody can use any more, and so of the lists that they hold."""
    global purged, live_plans
    cdef size_t i
    cdef list stale = []
    for i in range(table_size):
        if table[i].plan != NULL and (<Plan>table[i].plan).generation != generation:
            stale.append(<object>table[i].plan)
            Py_DECREF(<object>table[i].plan)    # the list has it: nothing is freed
            table[i].plan = NULL
            live_plans -= 1
    purged = generation


cdef Plan make_plan(object logger, Entry *entry):
    """Return a new plan; None if it is too early, or cannot be done."""
    global plans_made, live_plans
    cdef Plan plan = Plan.__new__(Plan)
    cdef Py_ssize_t i, j
    cdef tuple ways, snapshot, targets, pieces, parts
    cdef list lists
    cdef PyObject *old
    if entry == NULL:
        entry = mark_entry(<PyObject *>logger, FULL_CREDIT)
        if entry == NULL:
            return None
    entry.credit += 1
    if entry.credit < plan_cost:
        return None
    entry.credit = min(entry.credit - plan_cost, <int>FULL_CREDIT)
    plans_made += 1
    if purged != generation:
        purge()
    is_refreshed = refresh_versions()
    plan.generation = generation
    try:
        plan.cache, lists, ways, plan.record_parts = (<object>find_plan)(logger, is_refreshed)
    except Exception:
        return None     # such as too deep a recursion, which the method of `logging` has, too
    if not is_active:
        return None     # another thread has uninstalled: there are no watchers any more
    plan.kept = []
    plan.is_fast = True
    for items, snapshot in lists:
        if plan.list_count == MAX_LISTS or plan.item_count + len(snapshot) > MAX_ITEMS:
            ways = (None,) * LEVELS
            break
        plan.kept.append(items)
        plan.lists[plan.list_count] = <PyObject *>items
        plan.sizes[plan.list_count] = len(snapshot)
        plan.list_count += 1
        for j in range(len(snapshot)):
            plan.items[plan.item_count] = PyTuple_GET_ITEM(snapshot, j)
            plan.item_count += 1
    for i in range(1, LEVELS):
        way = ways[i]
        if way is None:
            plan.is_fast = False
        elif way == ():
            plan.ways[i] = MUTED
        else:
            plan.takers[i], targets, pieces, parts = way
            plan.ways[i] = FAST
            plan.kept.extend((targets, pieces, parts))
            plan.targets[i] = <PyObject *>targets
            if pieces is not None:
                plan.pieces[i] = <PyObject *>pieces
            plan.parts[i] = <PyObject *>parts
    if not plan.is_fast:
        memset(plan.ways, SLOW, sizeof(plan.ways))
    if plan.cache is not None:
        watch_levels(<PyObject *>plan.cache)
        read_levels(plan)
    entry = find_entry(<PyObject *>logger)      # the table may have grown
    old = entry.plan
    Py_INCREF(plan)
    entry.plan = <PyObject *>plan
    live_plans += 1
    if old != NULL:
        live_plans -= 1
        Py_DECREF(<object>old)
    return plan
