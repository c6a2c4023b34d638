/* pass — the passes of lowering and planning by name: each can be switched off, to find out what it is worth
 * and whether it is to blame. */
#ifndef WG_LOWER_PASS_H
#define WG_LOWER_PASS_H

#include "base/base.h"

/* In the order in which they work. */
typedef enum wg_pass {
    WG_PASS_IDENTITIES, /* lower: what is an earlier value as it is, is not computed */
    WG_PASS_MERGE,      /* lower: equal nodes are computed once */
    WG_PASS_TRANSPOSES, /* lower: products read transposed matrices as they lie */
    WG_PASS_ACCUMULATE, /* lower: products are added to sums by their kernels */
    WG_PASS_ORDER,      /* plan: nodes that free memory run as soon as they can, updates of states last */
    WG_PASS_RECOMPUTE,  /* plan: what a budget or a region asks for is computed twice */
    WG_PASS_FUSE,       /* plan: elementwise nodes share a step */
    WG_PASS_EPILOGUE,   /* plan: elementwise nodes work on a kernel's output run by run */
    WG_PASS_GROUP,      /* plan: small independent steps share a wave */
    WG_PASS_UPDATE,     /* plan: a state's new content is written where the old one lies */
    WG_PASS_OVERWRITE,  /* plan: an output takes over the buffer of an input read for the last time */
    WG_PASS_REUSE,      /* plan: buffers whose lives do not overlap share memory */
    WG_PASS_COUNT
} wg_pass;

/* Bit i: pass i is switched off. */
static inline bool wg_pass_on(uint32_t disabled, wg_pass pass) { return !(disabled >> pass & 1); }

/* All passes of planning, as bits. */
uint32_t wg_planning_passes(void);

/* The passes named in text, "fuse,group", as bits; an unknown name is an error. `source` is what gave the
 * text. */
int wg_passes_parse(const char *text, const char *source, uint32_t *disabled, wg_error *error);

#endif
