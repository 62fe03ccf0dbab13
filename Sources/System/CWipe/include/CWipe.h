/// Clears heap memory before it returns to the allocator, for the whole program that links this target.
#ifndef GATE_CWIPE_H
#define GATE_CWIPE_H

/// 1 where freed memory is cleared, 0 where a sanitizer owns the allocator and it is not.
int gate_wipe_is_active(void);

#endif
