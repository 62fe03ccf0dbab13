/// Clears heap memory before it returns to the allocator, for the whole program that links this target.
#ifndef GATE_CWIPE_H
#define GATE_CWIPE_H

#include <stdint.h>

/// 1 where freed memory is cleared, 0 where a sanitizer owns the allocator and it is not.
int gate_wipe_is_active(void);

/// Blocks and bytes freed since the first call, which starts the count and gives zeros. While a program is in a steady
/// state this is what it allocates.
struct gate_wipe_freed {
    uint64_t blocks;
    uint64_t bytes;
};

void gate_wipe_freed(struct gate_wipe_freed *freed);

#endif
