/* Syslog records from C: no GIL, no interpreter, no allocation.

   With the GIL, once:

       const syslogfast_api *api = syslogfast_import();
       const syslogfast_layout *layout = api->get_layout(encoder);

   Then in any thread, also in one that Python has never seen:

       syslogfast_record record = {.severity = 6, .message = {text, size}};
       api->read_clock(&record.time);
       size = api->encode(dst, capacity, layout, &record);
*/

#ifndef SYSLOGFAST_H
#define SYSLOGFAST_H

#include <Python.h>
#include <stdint.h>

#define SYSLOGFAST_API_VERSION 1    /* another one: what is below means something else */
#define SYSLOGFAST_API_MODULE "syslogfast._encoder_c"
#define SYSLOGFAST_API_NAME SYSLOGFAST_API_MODULE ".C_API"
#define SYSLOGFAST_MAX_TIMESTAMP 32 /* octets */

/* What is constant in the records of an Encoder. It lives, unchanged, as long as that. */
typedef struct syslogfast_layout syslogfast_layout;

typedef struct {
    int64_t seconds;                /* since the epoch, UTC; out of years 0001 to 9999: unknown */
    uint32_t nanoseconds;           /* < 1,000,000,000 */
} syslogfast_time;

typedef struct {
    const char *start;              /* any address if size is 0 */
    Py_ssize_t size;                /* >= 0 */
} syslogfast_span;

typedef struct {
    syslogfast_time time;
    uint8_t severity;               /* 0 to 7 */
    syslogfast_span message;        /* any octets; ill-formed UTF-8 becomes U+FFFD */
    syslogfast_span msgid;          /* size 0: the encoder's; what does not fit becomes "_" */
    syslogfast_span elements;       /* after the encoder's: SD-ELEMENTs as they are to be written,
                                       no SD-ID twice; they are trusted */
} syslogfast_record;

/* The functions return octets. Those with a `capacity` write all, or nothing if it is too small:
   a capacity of 0 measures, and dst may then be NULL. What they read does not change meanwhile
   and does not overlap what they write. Of an encoder with local time, they ask the C library for the zone:
   it reads TZ and files of its own, under a lock. */
typedef struct {
    uint32_t version;
    uint32_t size;                  /* of this table, which may grow at its end */

    /* The layout of a syslogfast.Encoder, or NULL with an exception. With the GIL; the caller keeps
       a reference to the encoder as long as the layout is used. */
    const syslogfast_layout *(*get_layout)(PyObject *encoder);

    void (*read_clock)(syslogfast_time *time);

    /* One record, framed. */
    Py_ssize_t (*encode)(char *dst, Py_ssize_t capacity, const syslogfast_layout *layout,
                         const syslogfast_record *record);

    /* All that precedes the message, without a frame, for who writes the message itself. */
    Py_ssize_t (*write_header)(char *dst, Py_ssize_t capacity, const syslogfast_layout *layout,
                               const syslogfast_record *record);

    /* The TIMESTAMP alone, as the records have it; SYSLOGFAST_MAX_TIMESTAMP octets. */
    Py_ssize_t (*write_timestamp)(char *dst, const syslogfast_layout *layout,
                                  const syslogfast_time *time);
} syslogfast_api;

/* The table of the installed package, or NULL with an exception: an ImportError if it is of another
   version. With the GIL. The table is valid as long as the module is loaded, which is until the
   interpreter ends. */
static inline const syslogfast_api *syslogfast_import(void)
{
    const syslogfast_api *api;
    PyObject *module = PyImport_ImportModule(SYSLOGFAST_API_MODULE);
    if (module == NULL)
        return NULL;
    Py_DECREF(module);
    api = (const syslogfast_api *)PyCapsule_Import(SYSLOGFAST_API_NAME, 0);
    if (api == NULL)
        return NULL;
    if (api->version != SYSLOGFAST_API_VERSION || api->size < sizeof(syslogfast_api)) {
        PyErr_Format(PyExc_ImportError,
                     "compiled for version %d of " SYSLOGFAST_API_NAME " (%d bytes), "
                     "installed is version %u (%u bytes)",
                     SYSLOGFAST_API_VERSION, (int)sizeof(syslogfast_api),
                     (unsigned)api->version, (unsigned)api->size);
        return NULL;
    }
    return api;
}

#endif
