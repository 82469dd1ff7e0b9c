"""Signals, and what their handlers may call; in name only where no signal tells of a fault."""


cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    #include <stdint.h>
    #include <string.h>

    #ifdef _WIN32
    /* No signal tells of a fault there, and _platform.py says so: what follows is never called. */
    enum { SIGBUS = 0, SA_SIGINFO = 0, SA_ONSTACK = 0, SS_DISABLE = 0, POLLOUT = 0 };
    enum { MSG_DONTWAIT = 0, MSG_NOSIGNAL = 0 };
    typedef struct { int si_code; } siginfo_t;
    typedef struct { void *ss_sp; size_t ss_size; int ss_flags; } stack_t;
    struct sigaction {
        void (*sa_sigaction)(int, siginfo_t *, void *);
        void (*sa_handler)(int);
        int sa_flags;
    };
    enum { SO_TYPE = 0, SOL_SOCKET = 0, SOCK_DGRAM = 0, SA_NODEFER = 0 };
    enum { SO_SNDBUF = 0, AF_UNIX = 1 };
    typedef int socklen_t;
    struct pollfd { int fd; short events, revents; };
    #define sigaction(number, action, former) ((void)(number), (void)(former), -1)
    #define sigaltstack(stack, former) ((void)(former), -1)
    #define recv(fd, space, size, flags) ((void)(space), -1)
    #define send(fd, data, size, flags) ((void)(fd), (void)(data), (void)(size), -1)
    #define getsockopt(fd, level, name, value, size) ((void)(value), (void)(size), -1)
    #define setsockopt(fd, level, name, value, size) ((void)(value), -1)
    #define getpid() 0
    #define lseek(fd, offset, whence) ((void)(offset), (void)(whence), -1)
    typedef int sigset_t;
    enum { SIG_UNBLOCK = 0, SIG_SETMASK = 0 };
    #define sigemptyset(set) ((void)(set))
    #define sigaddset(set, number) ((void)(set), (void)(number))
    #define sigprocmask(how, set, before) ((void)(set), (void)(before))
    #define read(fd, space, size) ((void)(space), (void)(size), -1)
    #define poll(descriptors, count, milliseconds) ((void)(descriptors), 0)
    #else
    #include <poll.h>
    #include <sys/socket.h>
    #include <unistd.h>
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    #endif
    /* Linux has these, whose names other systems do not know. */
    #ifndef SO_DOMAIN
    #define SO_DOMAIN -1
    #endif
    #ifdef __linux__
    #define SYSLOGFAST_MEMINFO 55   /* SO_MEMINFO, since 4.12; glibc names it only in later ones */
    #else
    #define SYSLOGFAST_MEMINFO -1
    #endif

    /* send(), of datagrams that have `segment` bytes each, but for a shorter last. */
    static inline ssize_t syslogfast_send(
        int fd, const char *data, ssize_t size, ssize_t segment
    ) {
    #ifdef __linux__
        if (segment < size) {
            struct iovec part = {(void *)data, (size_t)size};
            union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(uint16_t))]; } with = {0};
            struct msghdr message = {0};
            uint16_t octets = (uint16_t)segment;
            message.msg_iov = &part;
            message.msg_iovlen = 1;
            message.msg_control = &with;
            message.msg_controllen = sizeof(with.space);
            with.header.cmsg_level = 17;    /* SOL_UDP */
            with.header.cmsg_type = 103;    /* UDP_SEGMENT */
            with.header.cmsg_len = CMSG_LEN(sizeof(octets));
            memcpy(CMSG_DATA(&with.header), &octets, sizeof(octets));
            return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    #endif
        (void)segment;
        return send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    """
    ctypedef struct Cause "siginfo_t":
        int si_code
    ctypedef struct SignalAction "struct sigaction":
        void (*sa_sigaction)(int, Cause *, void *) noexcept nogil
        void (*sa_handler)(int) noexcept nogil
        int sa_flags
    ctypedef struct SignalSet "sigset_t":
        pass
    ctypedef struct Stack "stack_t":
        void *ss_sp
        size_t ss_size
        int ss_flags
    ctypedef int socklen_t
    ctypedef struct Descriptor "struct pollfd":
        int fd
        short events, revents
    int SA_NODEFER, SA_ONSTACK, SA_SIGINFO, SS_DISABLE, SIGABRT
    int EAGAIN, ENOTSOCK, MSG_DONTWAIT, MSG_NOSIGNAL, POLLOUT, SOCK_DGRAM, SOL_SOCKET, SO_TYPE
    int AF_UNIX, SO_DOMAIN, SO_SNDBUF
    int SO_MEMINFO "SYSLOGFAST_MEMINFO"
    int errno
    int sigaction(int number, const SignalAction *action, SignalAction *former) nogil
    int SIG_SETMASK, SIG_UNBLOCK
    void sigemptyset(SignalSet *set) nogil
    void sigaddset(SignalSet *set, int number) nogil
    void sigprocmask(int how, const SignalSet *set, SignalSet *before) nogil
    int sigaltstack(const Stack *stack, Stack *former) nogil
    int raise_signal "raise"(int number) nogil
    ssize_t recv(int fd, void *space, size_t size, int flags) nogil
    ssize_t send(int fd, const void *data, size_t size, int flags) nogil
    ssize_t send_segments "syslogfast_send"(
        int fd, const char *data, ssize_t size, ssize_t segment
    ) nogil
    int getsockopt(int fd, int level, int name, void *value, socklen_t *size) nogil
    int setsockopt(int fd, int level, int name, const void *value, socklen_t size) nogil
    int getpid() nogil
    ssize_t lseek(int fd, ssize_t offset, int whence) nogil
    ssize_t read(int fd, void *space, size_t size) nogil
    ssize_t write(int fd, const void *data, size_t size) nogil
    int poll(Descriptor *descriptors, unsigned long count, int milliseconds) nogil
