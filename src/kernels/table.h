/* table — the kernels of a device: the plain one of every op for every type and instruction set, and
 * the tuned ones that take its place where they apply.
 *
 * The lowering asks once a node (wg_kernel_pick) and the plan keeps the answer. Private: an op of the
 * program's own brings its plain kernel along in its struct. */
#ifndef WG_KERNELS_TABLE_H
#define WG_KERNELS_TABLE_H

#include <wengert/op.h>

typedef enum wg_isa { WG_ISA_PORTABLE = 0, WG_ISA_AVX2, WG_ISA_AVX512, WG_ISA_NEON, WG_ISA_COUNT } wg_isa;

const char *wg_isa_name(wg_isa isa);
/* Can this build and this machine run it? */
bool wg_isa_available(wg_isa isa);
/* The one named; with NULL the one that WG_ISA names, else the best there is. A wg_status. */
int wg_isa_choose(const char *name, wg_isa *isa, wg_error *error);

/* A way to compute a node. Which one is taken depends on op, types and attributes alone, never on the
 * instruction set: every set has every kernel, and they give the same bits. */
typedef struct wg_kernel {
    const char *name;                      /* "conv2d: direct" */
    bool (*applies)(const wg_call *call);  /* NULL: always */
    int64_t (*units)(const wg_call *call); /* as in wg_op */
    size_t (*workspace)(const wg_call *call);
    /* Where in output 0 begins what `unit` writes, in elements; it ends where the next unit's begins. NULL, or -1 for
     * these shapes: units do not write such runs, one after the other. */
    int64_t (*begins)(const wg_call *call, int64_t unit);
    void (*run)(const wg_call *call);
} wg_kernel;

/* The kernel for a call whose types and attributes are filled in (data may be NULL). */
wg_kernel wg_kernel_pick(const wg_call *call, wg_isa isa);

#endif
