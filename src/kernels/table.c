/* table — see table.h. Built from ops.def and tuned.def: a line there is a row here. */
#include "kernels/table.h"
#include "base/base.h"
#include "wg_config.h"

typedef void plain(const wg_call *call);

#define WG_COMPOSED_OP(op) /* has no kernel */

/* --- Plain kernels: ops.def ------------------------------------------------------------------- */

#define DECLARE_portable(op) extern plain wg_kernel_##op##_portable_f32, wg_kernel_##op##_portable_f64;
#define DECLARE_avx2(op) extern plain wg_kernel_##op##_avx2_f32, wg_kernel_##op##_avx2_f64;
#define DECLARE_avx512(op) extern plain wg_kernel_##op##_avx512_f32, wg_kernel_##op##_avx512_f64;
#define DECLARE_neon(op) extern plain wg_kernel_##op##_neon_f32, wg_kernel_##op##_neon_f64;

#define WG_REAL_OP(op) \
    DECLARE_portable(op) DECLARE_avx2(op) DECLARE_avx512(op) DECLARE_neon(op) extern plain wg_forward_##op;
#define WG_NUMERIC_OP(op) \
    WG_REAL_OP(op) extern plain wg_kernel_##op##_portable_i32, wg_kernel_##op##_portable_i64;
#define WG_BYTES_OP(op) extern plain wg_kernel_##op, wg_forward_##op;
#include "ops.def"
#undef WG_REAL_OP
#undef WG_NUMERIC_OP
#undef WG_BYTES_OP

/* The row of an op: its kernels by instruction set and dtype; a kernel of bytes serves all. */
typedef struct row {
    plain *forward; /* what the op's struct has; by which the row is found */
    plain *bytes;
    plain *by_type[WG_ISA_COUNT][WG_DTYPE_COUNT];
} row;

#define ENTRY(op, set, SET) \
    [SET] = {[WG_F32] = wg_kernel_##op##_##set##_f32, [WG_F64] = wg_kernel_##op##_##set##_f64},
#ifdef WG_BUILT_AVX2
#define ENTRY_AVX2(op) ENTRY(op, avx2, WG_ISA_AVX2)
#else
#define ENTRY_AVX2(op)
#endif
#ifdef WG_BUILT_AVX512
#define ENTRY_AVX512(op) ENTRY(op, avx512, WG_ISA_AVX512)
#else
#define ENTRY_AVX512(op)
#endif
#ifdef WG_BUILT_NEON
#define ENTRY_NEON(op) ENTRY(op, neon, WG_ISA_NEON)
#else
#define ENTRY_NEON(op)
#endif

#define WG_REAL_OP(op)           \
    {.forward = wg_forward_##op, \
     .by_type = {ENTRY(op, portable, WG_ISA_PORTABLE) ENTRY_AVX2(op) ENTRY_AVX512(op) ENTRY_NEON(op)}},
#define WG_NUMERIC_OP(op)                                                        \
    {.forward = wg_forward_##op,                                                 \
     .by_type = {[WG_ISA_PORTABLE] = {[WG_F32] = wg_kernel_##op##_portable_f32,  \
                                      [WG_F64] = wg_kernel_##op##_portable_f64,  \
                                      [WG_I32] = wg_kernel_##op##_portable_i32,  \
                                      [WG_I64] = wg_kernel_##op##_portable_i64}, \
                 ENTRY_AVX2(op) ENTRY_AVX512(op) ENTRY_NEON(op)}},
#define WG_BYTES_OP(op) {.forward = wg_forward_##op, .bytes = wg_kernel_##op},
static const row rows[] = {
#include "ops.def"
};
#undef WG_REAL_OP
#undef WG_NUMERIC_OP
#undef WG_BYTES_OP

enum { ROW_COUNT = sizeof rows / sizeof *rows };

/* Numbers of each row, in the order of ops.def. */
#define WG_REAL_OP(op) row_##op,
#define WG_NUMERIC_OP(op) row_##op,
#define WG_BYTES_OP(op) row_##op,
enum {
#include "ops.def"
};
#undef WG_REAL_OP
#undef WG_NUMERIC_OP
#undef WG_BYTES_OP

/* The best kernel that the row has for a set: the set's own, else the portable one (whole numbers). */
static plain *plain_kernel(const row *r, wg_isa isa, wg_dtype dtype) {
    if (r->bytes) return r->bytes;
    if ((unsigned)dtype >= WG_DTYPE_COUNT) return NULL;
    plain *kernel = r->by_type[isa][dtype];
    return kernel ? kernel : r->by_type[WG_ISA_PORTABLE][dtype];
}

/* What stands in a wg_op as `forward`: the portable kernel for the call's dtype. */
static void run_portable(int number, const wg_call *call) {
    plain *kernel = plain_kernel(&rows[number], WG_ISA_PORTABLE, call->dtype);
    if (kernel)
        kernel(call);
    else
        wg_call_fail(call, WG_ERROR_DTYPE, "there is no kernel for %s", wg_dtype_name(call->dtype));
}
#define FORWARD(op) \
    void wg_forward_##op(const wg_call *call) { run_portable(row_##op, call); }
#define WG_REAL_OP(op) FORWARD(op)
#define WG_NUMERIC_OP(op) FORWARD(op)
#define WG_BYTES_OP(op) FORWARD(op)
#include "ops.def"
#undef WG_REAL_OP
#undef WG_NUMERIC_OP
#undef WG_BYTES_OP

/* --- Tuned kernels: tuned.def ----------------------------------------------------------------- */

#define TUNED(kernel, set) \
    extern const wg_kernel wg_tuned_##kernel##_##set##_f32, wg_tuned_##kernel##_##set##_f64;
#define WG_TUNED(op, kernel) \
    TUNED(kernel, portable) TUNED(kernel, avx2) TUNED(kernel, avx512) TUNED(kernel, neon)
#include "kernels/tuned.def"
#undef TUNED
#undef WG_TUNED

typedef struct tuned {
    plain *forward; /* of the op that it is for */
    const wg_kernel *by_type[WG_ISA_COUNT][WG_DTYPE_COUNT];
} tuned;

#define TUNED(kernel, set) \
    { [WG_F32] = &wg_tuned_##kernel##_##set##_f32, [WG_F64] = &wg_tuned_##kernel##_##set##_f64 }
#ifdef WG_BUILT_AVX2
#define TUNED_AVX2(kernel) [WG_ISA_AVX2] = TUNED(kernel, avx2),
#else
#define TUNED_AVX2(kernel)
#endif
#ifdef WG_BUILT_AVX512
#define TUNED_AVX512(kernel) [WG_ISA_AVX512] = TUNED(kernel, avx512),
#else
#define TUNED_AVX512(kernel)
#endif
#ifdef WG_BUILT_NEON
#define TUNED_NEON(kernel) [WG_ISA_NEON] = TUNED(kernel, neon),
#else
#define TUNED_NEON(kernel)
#endif
#define WG_TUNED(op, kernel)                                  \
    {.forward = wg_forward_##op,                              \
     .by_type = {[WG_ISA_PORTABLE] = TUNED(kernel, portable), \
                 TUNED_AVX2(kernel) TUNED_AVX512(kernel) TUNED_NEON(kernel)}},
static const tuned tuned_rows[] = {
#include "kernels/tuned.def"
    {.forward = NULL}};
#undef WG_TUNED

/* --- Picking ---------------------------------------------------------------------------------- */

static int64_t begins_evenly(const wg_call *call, int64_t unit) {
    const int64_t units = call->op->units(call);
    return units ? wg_type_count(&call->outputs[0].type) / units * unit : 0;
}

wg_kernel wg_kernel_pick(const wg_call *call, wg_isa isa) {
    const wg_op *op = call->op;
    for (const tuned *candidate = tuned_rows; candidate->forward; candidate++) {
        const wg_kernel *own =
            candidate->forward == op->forward ? candidate->by_type[isa][call->dtype] : NULL;
        if (own && (!own->applies || own->applies(call))) return *own;
    }
    wg_kernel kernel = {.name = op->name,
                        .units = op->units,
                        .workspace = op->workspace,
                        .begins = op->flags & WG_EVEN_UNITS ? begins_evenly : NULL,
                        .run = op->forward};
    for (int i = 0; i < ROW_COUNT; i++)
        if (rows[i].forward == op->forward) {
            plain *own = plain_kernel(&rows[i], isa, call->dtype);
            if (own) kernel.run = own;
            break;
        }
    return kernel;
}
