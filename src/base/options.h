/* options — reads what a caller wrote into an options struct: as much of it as the caller knew of when it was
 * compiled, and 0, which is every option's default, for the rest. */
#ifndef WG_BASE_OPTIONS_H
#define WG_BASE_OPTIONS_H

#include <stddef.h>
#include <string.h>

static inline void wg_options_read(void *options, size_t size, const void *given) {
    memset(options, 0, size);
    if (!given) return;
    size_t known; /* the first member of each such struct */
    memcpy(&known, given, sizeof known);
    memcpy(options, given, known < size ? known : size);
}

/* Defines `name`, a copy of *given; given may be NULL. */
#define WG_OPTIONS_READ(type, name, given) \
    type name;                             \
    wg_options_read(&name, sizeof name, given)

#endif
