#ifndef GATE_CPOSTGRES_SHIM_H
#define GATE_CPOSTGRES_SHIM_H

// Debian's place, so that a machine without pkg-config and pg_config builds too; elsewhere the compiler's own path.
#if __has_include("/usr/include/postgresql/libpq-fe.h")
#include "/usr/include/postgresql/libpq-fe.h"
#else
#include <libpq-fe.h>
#endif

#endif
