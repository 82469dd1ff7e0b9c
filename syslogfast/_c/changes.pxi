# How it is noticed that something has changed; the head of _logger_c.pyx says what.

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define SYSLOGFAST_HAS_GIL 0
    #else
    #define SYSLOGFAST_HAS_GIL 1
    #endif

    static uint64_t syslogfast_generation = 1;      /* of all but the levels */
    static int syslogfast_is_active;

    #define SYSLOGFAST_MOST_WATCHED 8
    static PyObject *syslogfast_dicts[SYSLOGFAST_MOST_WATCHED];
    static PyObject *syslogfast_types[SYSLOGFAST_MOST_WATCHED];
    static int syslogfast_dict_count, syslogfast_type_count;

    #if PY_VERSION_HEX >= 0x030c0000
    #define SYSLOGFAST_HAS_WATCHERS 1
    static uint64_t syslogfast_levels = 1;
    static int syslogfast_dict_watcher = -1, syslogfast_level_watcher = -1;
    static int syslogfast_type_watcher = -1;

    static int syslogfast_note_dict(
        PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value
    ) {
        (void)event, (void)dict, (void)key, (void)value;
        syslogfast_generation++;
        return 0;
    }
    static int syslogfast_note_levels(
        PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value
    ) {
        (void)event, (void)dict, (void)key, (void)value;
        syslogfast_levels++;
        return 0;
    }
    static int syslogfast_note_type(PyTypeObject *type) {
        (void)type;
        syslogfast_generation++;
        return 0;
    }
    /* 0 if CPython has no watcher left. */
    static int syslogfast_add_watchers(void) {
        if (syslogfast_dict_watcher < 0)
            syslogfast_dict_watcher = PyDict_AddWatcher(syslogfast_note_dict);
        if (syslogfast_level_watcher < 0)
            syslogfast_level_watcher = PyDict_AddWatcher(syslogfast_note_levels);
        if (syslogfast_type_watcher < 0)
            syslogfast_type_watcher = PyType_AddWatcher(syslogfast_note_type);
        PyErr_Clear();
        return syslogfast_dict_watcher >= 0 && syslogfast_level_watcher >= 0
            && syslogfast_type_watcher >= 0;
    }
    static void syslogfast_clear_watchers(void) {
        if (syslogfast_dict_watcher >= 0)
            PyDict_ClearWatcher(syslogfast_dict_watcher);
        if (syslogfast_level_watcher >= 0)
            PyDict_ClearWatcher(syslogfast_level_watcher);
        if (syslogfast_type_watcher >= 0)
            PyType_ClearWatcher(syslogfast_type_watcher);
        syslogfast_dict_watcher = syslogfast_level_watcher = syslogfast_type_watcher = -1;
        PyErr_Clear();
    }
    static int syslogfast_watch_dict(PyObject *dict) {
        return PyDict_Watch(syslogfast_dict_watcher, dict);
    }
    static void syslogfast_unwatch_dict(PyObject *dict) {
        if (syslogfast_dict_watcher < 0 || PyDict_Unwatch(syslogfast_dict_watcher, dict))
            PyErr_Clear();
    }
    static int syslogfast_watch_type(PyObject *type) {
        return PyType_Watch(syslogfast_type_watcher, type);
    }
    static void syslogfast_unwatch_type(PyObject *type) {
        if (syslogfast_type_watcher < 0 || PyType_Unwatch(syslogfast_type_watcher, type))
            PyErr_Clear();
    }
    static int syslogfast_watch_levels(PyObject *dict) {
        return PyDict_Watch(syslogfast_level_watcher, dict);
    }
    static void syslogfast_unwatch_levels(PyObject *dict) {
        if (syslogfast_level_watcher < 0 || PyDict_Unwatch(syslogfast_level_watcher, dict))
            PyErr_Clear();
    }
    /* Of a class without a version CPython tells nothing. 0: it gives out no more of them. */
    static int syslogfast_refresh(void) {
        int i;
        for (i = 0; i < syslogfast_type_count; i++)
            if (!PyUnstable_Type_AssignVersionTag((PyTypeObject *)syslogfast_types[i]))
                return 0;
        return 1;
    }
    static inline int syslogfast_is_changed(void) { return 0; }
    static inline uint64_t syslogfast_get_levels(PyObject *cache) {
        (void)cache;
        return syslogfast_levels;
    }
    static inline uint64_t syslogfast_get_version(PyObject *dict) { (void)dict; return 0; }
    #else
    #define SYSLOGFAST_HAS_WATCHERS 0
    static uint64_t syslogfast_dict_versions[SYSLOGFAST_MOST_WATCHED];
    static unsigned int syslogfast_type_versions[SYSLOGFAST_MOST_WATCHED];
    /* Where the present versions are; where nothing is watched, those above, so that the loops of
       each call have a fixed number of turns, of which compilers make straight code. */
    static uint64_t *syslogfast_dict_places[SYSLOGFAST_MOST_WATCHED];
    static unsigned int *syslogfast_type_places[SYSLOGFAST_MOST_WATCHED];

    static int syslogfast_add_watchers(void) { return 1; }
    static void syslogfast_clear_watchers(void) {}
    static int syslogfast_watch_dict(PyObject *dict) { (void)dict; return 0; }
    static void syslogfast_unwatch_dict(PyObject *dict) { (void)dict; }
    static int syslogfast_watch_type(PyObject *type) { (void)type; return 0; }
    static void syslogfast_unwatch_type(PyObject *type) { (void)type; }
    static int syslogfast_watch_levels(PyObject *dict) { (void)dict; return 0; }
    static void syslogfast_unwatch_levels(PyObject *dict) { (void)dict; }
    static inline uint64_t syslogfast_get_levels(PyObject *dict) {
        return ((PyDictObject *)dict)->ma_version_tag;
    }
    #define syslogfast_get_version syslogfast_get_levels
    static inline int syslogfast_is_changed(void) {
        int i;
    #ifdef __GNUC__
    #pragma GCC unroll 8
    #endif
        for (i = 0; i < SYSLOGFAST_MOST_WATCHED; i++)
            if (*syslogfast_dict_places[i] != syslogfast_dict_versions[i])
                return 1;
    #ifdef __GNUC__
    #pragma GCC unroll 8
    #endif
        for (i = 0; i < SYSLOGFAST_MOST_WATCHED; i++)
            if (*syslogfast_type_places[i] != syslogfast_type_versions[i])
                return 1;
        return 0;
    }
    static void syslogfast_find_places(void) {
        int i;
        for (i = 0; i < SYSLOGFAST_MOST_WATCHED; i++) {
            syslogfast_dict_places[i] = i < syslogfast_dict_count
                ? &((PyDictObject *)syslogfast_dicts[i])->ma_version_tag
                : &syslogfast_dict_versions[i];
            syslogfast_type_places[i] = i < syslogfast_type_count
                ? &((PyTypeObject *)syslogfast_types[i])->tp_version_tag
                : &syslogfast_type_versions[i];
        }
    }
    /* A class gets a version where something is looked up in it. */
    static int syslogfast_refresh(void) {
        int i;
        PyObject *name;
        syslogfast_find_places();
        if (!syslogfast_is_changed())
            return 1;
        name = PyUnicode_FromString("handle");
        if (name == NULL) {
            PyErr_Clear();
            return 0;
        }
        syslogfast_generation++;
        for (i = 0; i < syslogfast_dict_count; i++)
            syslogfast_dict_versions[i] = syslogfast_get_levels(syslogfast_dicts[i]);
        for (i = 0; i < syslogfast_type_count; i++) {
            PyTypeObject *type = (PyTypeObject *)syslogfast_types[i];
            _PyType_Lookup(type, name);
            syslogfast_type_versions[i] = type->tp_version_tag;
            if (!type->tp_version_tag) {
                Py_DECREF(name);
                syslogfast_type_versions[i] = (unsigned int)-1;     /* of none */
                return 0;
            }
        }
        Py_DECREF(name);
        return 1;
    }
    #endif

    static inline void syslogfast_count_change(void) { syslogfast_generation++; }

    /* Loggers and handlers by address, and the plans of loggers. An address is never taken off:
       what comes to have it sets attributes, and so counts as a change. */
    typedef struct {
        PyObject *object;   /* not referenced */
        PyObject *plan;     /* or NULL */
        int credit;
    } syslogfast_entry;
    static syslogfast_entry *syslogfast_table;
    static size_t syslogfast_table_size, syslogfast_table_used;

    static inline size_t syslogfast_hash(const void *object) {
        return (size_t)(((uint64_t)(uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> 32);
    }
    /* More than half of the table is free, so this ends. */
    static inline syslogfast_entry *syslogfast_probe(PyObject *object) {
        size_t mask = syslogfast_table_size - 1, i = syslogfast_hash(object) & mask;
        while (syslogfast_table[i].object != NULL && syslogfast_table[i].object != object)
            i = (i + 1) & mask;
        return &syslogfast_table[i];
    }
    static inline syslogfast_entry *syslogfast_find(PyObject *object) {
        syslogfast_entry *entry;
        if (syslogfast_table_size == 0)
            return NULL;
        entry = syslogfast_probe(object);
        return entry->object == NULL ? NULL : entry;
    }
    /* Find an entry, or make one; NULL without memory. */
    static syslogfast_entry *syslogfast_mark(PyObject *object, int credit) {
        syslogfast_entry *entry = syslogfast_find(object);
        if (entry != NULL)
            return entry;
        if (2 * (syslogfast_table_used + 1) > syslogfast_table_size) {
            syslogfast_entry *old = syslogfast_table;
            size_t i, old_size = syslogfast_table_size;
            size_t size = old_size ? 2 * old_size : 64;
            syslogfast_entry *table = PyMem_RawCalloc(size, sizeof(*table));
            if (table == NULL)
                return NULL;
            syslogfast_table = table;
            syslogfast_table_size = size;
            for (i = 0; i < old_size; i++)
                if (old[i].object != NULL)
                    *syslogfast_probe(old[i].object) = old[i];
            PyMem_RawFree(old);
        }
        entry = syslogfast_probe(object);
        entry->object = object;
        entry->credit = credit;
        syslogfast_table_used++;
        return entry;
    }

    /* Who has read `__dict__` may change it at any time, for as long as it is held. What reads and
       sets it is the original: it knows where an object keeps its attributes, which the functions
       of the API of that name do not on 3.13.0. */
    static PyGetSetDef *syslogfast_original_dict;   /* of logging.Filterer, which lives on */
    static PyObject *syslogfast_get_dict(PyObject *self, void *closure) {
        PyObject *dict = syslogfast_original_dict->get(self, syslogfast_original_dict->closure);
        (void)closure;
        syslogfast_generation++;
        return dict;
    }
    static int syslogfast_set_dict(PyObject *self, PyObject *value, void *closure) {
        int result;
        (void)closure;
        syslogfast_generation++;
        result = syslogfast_original_dict->set(self, value, syslogfast_original_dict->closure);
        syslogfast_generation++;
        return result;
    }
    static int syslogfast_keep_dict(PyObject *descriptor) {
        if (!Py_IS_TYPE(descriptor, &PyGetSetDescr_Type)) {
            PyErr_SetString(PyExc_TypeError, "the __dict__ of logging.Filterer is another's");
            return -1;
        }
        syslogfast_original_dict = ((PyGetSetDescrObject *)descriptor)->d_getset;
        return 0;
    }
    static PyGetSetDef syslogfast_dict = {
        "__dict__", syslogfast_get_dict, syslogfast_set_dict, NULL, NULL
    };

    /* The dict of a class itself, for `__dict__` is no attribute that a class lets one set. */
    static PyObject *syslogfast_get_namespace(PyObject *type) {
    #if PY_VERSION_HEX >= 0x030c0000
        return PyType_GetDict((PyTypeObject *)type);
    #else
        return Py_NewRef(((PyTypeObject *)type)->tp_dict);
    #endif
    }
    static int syslogfast_show_dict(PyObject *type) {
        PyObject *namespace = syslogfast_get_namespace(type);
        PyObject *descriptor = PyDescr_NewGetSet((PyTypeObject *)type, &syslogfast_dict);
        int result = namespace && descriptor
            ? PyDict_SetItemString(namespace, "__dict__", descriptor) : -1;
        PyType_Modified((PyTypeObject *)type);
        Py_XDECREF(descriptor);
        Py_XDECREF(namespace);
        return result;
    }
    static int syslogfast_hide_dict(PyObject *type) {
        PyObject *namespace = syslogfast_get_namespace(type);
        int result = namespace ? PyDict_DelItemString(namespace, "__dict__") : -1;
        PyType_Modified((PyTypeObject *)type);
        Py_XDECREF(namespace);
        return result;
    }
    /* The dict of any object that has one; None if it cannot be had. */
    static PyObject *syslogfast_read_dict(PyObject *object) {
        PyObject *dict = syslogfast_original_dict->get(
            object, syslogfast_original_dict->closure);
        if (dict != NULL && PyDict_CheckExact(dict))
            return dict;
        PyErr_Clear();
        Py_XDECREF(dict);
        return Py_NewRef(Py_None);
    }
    static int syslogfast_is_held(PyObject *object) {
        PyObject *dict = syslogfast_original_dict->get(
            object, syslogfast_original_dict->closure);
        int is_held = dict == NULL || Py_REFCNT(dict) > 2;      /* the object's, and this one */
        PyErr_Clear();
        Py_XDECREF(dict);
        return is_held;
    }

    /* Called at the end of an interpreter: nothing of it is there any more. */
    static void syslogfast_note_end(void) {
        if (PyInterpreterState_Get() != PyInterpreterState_Main())
            return;
        PyMem_RawFree(syslogfast_table);
        syslogfast_table = NULL;
        syslogfast_table_size = syslogfast_table_used = 0;
        memset(syslogfast_lines, 0, sizeof(syslogfast_lines));
        syslogfast_dict_count = syslogfast_type_count = 0;
        syslogfast_generation++;
        syslogfast_is_active = 0;
    #if SYSLOGFAST_HAS_WATCHERS
        syslogfast_dict_watcher = syslogfast_level_watcher = syslogfast_type_watcher = -1;
    #endif
    }

    #define SYSLOGFAST_IS_MAIN() (PyInterpreterState_Get() == PyInterpreterState_Main())
    #define SYSLOGFAST_GET_TYPE(object) ((PyObject *)Py_TYPE(object))
    #define SYSLOGFAST_GET_BASE(type) ((PyObject *)((PyTypeObject *)(type))->tp_base)
    #define SYSLOGFAST_SETS_PLAINLY(type) \
        (((PyTypeObject *)(type))->tp_setattro == PyObject_GenericSetAttr)
    #define SYSLOGFAST_GETS_PLAINLY(type) \
        (((PyTypeObject *)(type))->tp_getattro == PyObject_GenericGetAttr)
    #define SYSLOGFAST_IS_DICT(thing) ((thing) != NULL && PyDict_CheckExact(thing))
    #define SYSLOGFAST_LOOK_UP(type, name) _PyType_Lookup((PyTypeObject *)(type), name)
    """
    bint HAS_GIL "SYSLOGFAST_HAS_GIL"
    bint IS_MAIN "SYSLOGFAST_IS_MAIN()"
    uint64_t generation "syslogfast_generation"
    bint is_active "syslogfast_is_active"
    void count_change "syslogfast_count_change"()
    int MOST_WATCHED "SYSLOGFAST_MOST_WATCHED"
    PyObject **dicts "syslogfast_dicts"
    PyObject **types "syslogfast_types"
    int dict_count "syslogfast_dict_count"
    int type_count "syslogfast_type_count"
    bint add_watchers "syslogfast_add_watchers"()
    void clear_watchers "syslogfast_clear_watchers"()
    int watch_dict "syslogfast_watch_dict"(PyObject *dict) except -1
    void unwatch_dict "syslogfast_unwatch_dict"(PyObject *dict)
    int watch_type "syslogfast_watch_type"(PyObject *type) except -1
    void unwatch_type "syslogfast_unwatch_type"(PyObject *type)
    int watch_levels "syslogfast_watch_levels"(PyObject *dict) except -1
    void unwatch_levels "syslogfast_unwatch_levels"(PyObject *dict)
    bint refresh_versions "syslogfast_refresh"()
    bint is_world_changed "syslogfast_is_changed"()
    uint64_t get_levels "syslogfast_get_levels"(PyObject *cache)
    uint64_t get_version "syslogfast_get_version"(PyObject *dict)   # 0: it has none
    ctypedef struct Entry "syslogfast_entry":
        PyObject *object
        PyObject *plan
        int credit
    Entry *table "syslogfast_table"
    size_t table_size "syslogfast_table_size"
    Entry *find_entry "syslogfast_find"(PyObject *object)
    Entry *mark_entry "syslogfast_mark"(PyObject *object, int credit)
    int keep_dict "syslogfast_keep_dict"(object descriptor) except -1
    int show_dict "syslogfast_show_dict"(object type) except -1
    int hide_dict "syslogfast_hide_dict"(object type) except -1
    object read_dict "syslogfast_read_dict"(object thing)
    bint is_dict_held "syslogfast_is_held"(object thing)
    PyObject *get_type "SYSLOGFAST_GET_TYPE"(PyObject *thing)
    PyObject *get_base "SYSLOGFAST_GET_BASE"(PyObject *type)
    bint sets_plainly "SYSLOGFAST_SETS_PLAINLY"(PyObject *type)
    PyObject *look_up "SYSLOGFAST_LOOK_UP"(PyObject *type, object name)


cdef inline bint note_change(object self) noexcept:
    """Count a change of a logger or handler that matters."""
    if find_entry(<PyObject *>self) == NULL:
        return False
    count_change()
    return True


cdef object find_method(object self, PyObject *owner, object name):
    """Return the method behind that of a class of ours; of an object that is of that class no more,
    for somebody has kept our method from before uninstall(), that of the class it has now."""
    if isinstance(self, <type><object>owner):
        return getattr(super(<type><object>owner, self), name)
    return getattr(type(self), name).__get__(self)


cdef object change_attribute(
    object self, PyObject *owner, object method, PyObject **args, Py_ssize_t count, bint is_plain
):
    """Set or delete an attribute. It is a change before, and after: code may run in between, where
    the old value is freed."""
    cdef PyObject *kind = get_type(<PyObject *>self)
    note_change(self)
    try:
        if is_plain and kind == owner and sets_plainly(get_base(owner)):
            PyObject_GenericSetAttr(self, <object>args[0], args[1] if count == 2 else NULL)
            return None
        return PyObject_Vectorcall(find_method(self, owner, method), args, count, NULL)
    finally:
        if note_change(self) and live_plans:
            purge()     # what they hold is freed when it would be without them


cdef object set_attribute "syslogfast_set_attribute"(
    object self, PyObject **args, Py_ssize_t count
):
    return change_attribute(self, logger_type, "__setattr__", args, count, count == 2)


cdef object delete_attribute "syslogfast_delete_attribute"(
    object self, PyObject **args, Py_ssize_t count
):
    return change_attribute(self, logger_type, "__delattr__", args, count, count == 1)


cdef object set_of_handler "syslogfast_set_of_handler"(
    object self, PyObject **args, Py_ssize_t count
):
    return change_attribute(self, handler_type, "__setattr__", args, count, count == 2)


cdef object delete_of_handler "syslogfast_delete_of_handler"(
    object self, PyObject **args, Py_ssize_t count
):
    return change_attribute(self, handler_type, "__delattr__", args, count, count == 1)
