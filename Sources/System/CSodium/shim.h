#ifndef GATE_CSODIUM_SHIM_H
#define GATE_CSODIUM_SHIM_H

#include <sodium.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

// The few calls about the process itself that protected memory needs, here so that Core imports no C library.

// No core file, and no reading of this process's memory by others of the same user. 0 where both were done.
static inline int gate_forbid_core_dumps(void) {
    struct rlimit none = {0, 0};
    int failed = setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
    failed |= prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    return failed;
}

// Whether the system would write core files of this process and let others of its user attach: 1, 0, or -1 if unknown.
static inline int gate_is_dumpable(void) {
#ifdef __linux__
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
#else
    return -1;
#endif
}

// Raises the limit of open descriptors to the hard limit; what holds then, or -1.
static inline long long gate_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    if (limit.rlim_cur != limit.rlim_max) {
        struct rlimit wanted = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
    }
    return limit.rlim_cur == RLIM_INFINITY ? 0x7fffffffffffffffLL : (long long)limit.rlim_cur;
}

// Bytes that this process may lock into memory; the largest number where there is no limit, -1 where unknown.
static inline long long gate_locked_memory_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return -1;
    return limit.rlim_cur == RLIM_INFINITY ? 0x7fffffffffffffffLL : (long long)limit.rlim_cur;
}

#endif
