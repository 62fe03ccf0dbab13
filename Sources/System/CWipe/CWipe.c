// `free` and `realloc` that clear first, over glibc's own. Linked into programs only: a symbol of the program's own
// comes before the C library's for every library in the process. Sanitizers own the allocator, so it stays out there.
#define _GNU_SOURCE
#include "CWipe.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GATE_WIPE_OFF 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define GATE_WIPE_OFF 1
#endif

#ifdef GATE_WIPE_OFF

int gate_wipe_is_active(void) { return 0; }

void gate_wipe_freed(struct gate_wipe_freed *freed) { *freed = (struct gate_wipe_freed){0, 0}; }

#else

extern void __libc_free(void *pointer);
extern void *__libc_malloc(size_t size);

int gate_wipe_is_active(void) { return 1; }

// Buffers of records and reads come and go many thousand times a second. As shipped, glibc gives the top of a heap back
// to the kernel at 128 KiB, and each such round costs a system call and a page fault for every page.
enum {
    kept_free_bytes = 4 * 1024 * 1024,     // free memory at the top of an arena that is kept
    mapped_block_bytes = 1024 * 1024,      // blocks from this size on are mappings of their own, given back at once
};

__attribute__((constructor)) static void keep_free_memory(void) {
    mallopt(M_TRIM_THRESHOLD, kept_free_bytes);
    mallopt(M_MMAP_THRESHOLD, mapped_block_bytes);
}

static atomic_bool is_counting;
static atomic_uint_least64_t freed_blocks, freed_bytes;

void gate_wipe_freed(struct gate_wipe_freed *freed) {
    atomic_store_explicit(&is_counting, true, memory_order_relaxed);
    freed->blocks = atomic_load_explicit(&freed_blocks, memory_order_relaxed);
    freed->bytes = atomic_load_explicit(&freed_bytes, memory_order_relaxed);
}

void free(void *pointer) {
    if (pointer == NULL) return;
    int saved = errno;
    size_t held = malloc_usable_size(pointer);
    explicit_bzero(pointer, held);
    if (atomic_load_explicit(&is_counting, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&freed_blocks, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&freed_bytes, held, memory_order_relaxed);
    }
    __libc_free(pointer);
    errno = saved;
}

// Moves always, so that the old place is known and cleared; grows in place only within what the block already holds.
void *realloc(void *pointer, size_t size) {
    if (pointer == NULL) return __libc_malloc(size);
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    size_t held = malloc_usable_size(pointer);
    if (size <= held && size >= held / 2) {
        explicit_bzero((char *)pointer + size, held - size);
        return pointer;
    }
    void *moved = __libc_malloc(size);
    if (moved == NULL) return NULL;
    memcpy(moved, pointer, size < held ? size : held);
    free(pointer);
    return moved;
}

#endif
