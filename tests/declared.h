/* declared.h — what the public headers declare. */
#ifndef WG_TESTS_DECLARED_H
#define WG_TESTS_DECLARED_H

#include "suite.h"

/* Do the public headers declare this function? op.h is for those who write rules. */
static inline bool is_declared(const char *name) {
    return run_command(NULL, 0, "grep -rqE --exclude=op.h '\\b%s\\)? *\\(' include", name) == 0;
}

#endif
