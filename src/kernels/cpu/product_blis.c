/* product_blis — the one file that knows BLIS (https://github.com/flame/blis): its micro-kernels, taken
 * through its query interface. Its own gemm is not called: it asks for memory, aborts where there is none,
 * and splits k by the processor.
 *
 * BLIS has one instruction set in a process, chosen before its first call by the processor's brand, which
 * virtual machines hide. BLIS_ARCH_TYPE overrules that; what the user has set stays. A kernel is taken only
 * if a small product shows that it sums as product.h says. */
#include "kernels/cpu/product.h"
#include "wg_config.h"

#if WG_HAVE_BLIS

#if __has_include(<blis.h>)
#include <blis.h>
#else
#include <blis/blis.h>
#endif
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Of which instruction set are the kernels of that architecture? WG_ISA_COUNT: of none that we name. */
static wg_isa isa_of(arch_t architecture) {
    switch (architecture) {
    case BLIS_ARCH_SKX:
        return WG_ISA_AVX512;
    case BLIS_ARCH_HASWELL:
    case BLIS_ARCH_ZEN:
    case BLIS_ARCH_ZEN2:
    case BLIS_ARCH_ZEN3:
        return WG_ISA_AVX2;
    default:
        return WG_ISA_COUNT;
    }
}

#define RUN(T, ch)                                                                                       \
    static void run_##ch(const wg_micro_kernel *kernel, int64_t m, int64_t n, int64_t k, const void *a,  \
                         const void *b, void *c, int64_t row_step, int64_t column_step, bool add) {      \
        ch##gemm_ukr_ft product;                                                                         \
        memcpy(&product, &kernel->blis[0], sizeof product);                                              \
        T one = 1, beta = add;                                                                           \
        auxinfo_t next = {0}; /* what it may fetch ahead */                                              \
        bli_auxinfo_set_next_a((void *)a, &next);                                                        \
        bli_auxinfo_set_next_b((void *)b, &next);                                                        \
        product(m, n, k, &one, (T *)a, (T *)b, &beta, c, row_step, column_step, &next, kernel->blis[1]); \
    }
RUN(float, s)
RUN(double, d)

enum { MOST = 64, DEPTH = 13 };

/* Numbers whose products need all of a fused multiply-add's bits; a whole tile and one cut short, begun and
 * added to, with c turned as the kernel likes it. */
#define SUMS_AS_PROMISED(T, fused)                                                                         \
    static bool sums_as_promised_##T(const wg_micro_kernel *kernel) {                                      \
        static _Alignas(64) T a[DEPTH * MOST], b[DEPTH * MOST], c[MOST * MOST];                            \
        const int rows = kernel->rows, columns = kernel->columns;                                          \
        const int row_step = kernel->turned ? 1 : MOST, column_step = kernel->turned ? MOST : 1;           \
        for (int i = 0; i < DEPTH * MOST; i++)                                                             \
            a[i] = (T)1 / (T)(i % 89 + 3), b[i] = (T)-1 / (T)(i % 83 + 7);                                 \
        for (int way = 0; way < 4; way++) {                                                                \
            const bool add = way & 1;                                                                      \
            const int m = way & 2 && rows > 1 ? rows - 1 : rows,                                           \
                      n = way & 2 && columns > 1 ? columns - 1 : columns;                                  \
            for (int i = 0; i < MOST * MOST; i++) c[i] = (T)(i % 7) / 3;                                   \
            kernel->run(kernel, m, n, DEPTH, a, b, c, row_step, column_step, add);                         \
            for (int i = 0; i < rows; i++)                                                                 \
                for (int j = 0; j < columns; j++) {                                                        \
                    const int at = i * row_step + j * column_step;                                         \
                    const T before = (T)(at % 7) / 3;                                                      \
                    T sum = 0;                                                                             \
                    for (int t = 0; t < DEPTH; t++) sum = fused(a[t * rows + i], b[t * columns + j], sum); \
                    if (c[at] != (i >= m || j >= n ? before : add ? before + sum : sum)) return false;     \
                }                                                                                          \
        }                                                                                                  \
        return true;                                                                                       \
    }
SUMS_AS_PROMISED(float, fmaf)
SUMS_AS_PROMISED(double, fma)

static struct {
    wg_isa isa;
    wg_micro_kernel single, twice;
    bool single_is_good, twice_is_good;
} found;

static wg_micro_kernel kernel_of(num_t type, cntx_t *context) {
    return (wg_micro_kernel){.rows = (int)bli_cntx_get_blksz_def_dt(type, BLIS_MR, context),
                             .columns = (int)bli_cntx_get_blksz_def_dt(type, BLIS_NR, context),
                             .turned = !bli_cntx_l3_nat_ukr_prefers_rows_dt(type, BLIS_GEMM_UKR, context),
                             .run = type == BLIS_FLOAT ? run_s : run_d,
                             .blis = {bli_cntx_get_l3_nat_ukr_dt(type, BLIS_GEMM_UKR, context), context}};
}

static bool is_usable(const wg_micro_kernel *kernel) {
    return kernel->blis[0] && kernel->rows > 0 && kernel->rows <= MOST && kernel->columns > 0 &&
           kernel->columns <= MOST;
}

static void find(void) {
    bool chosen = false;
#ifdef BLIS_CONFIG_SKX
    if (wg_isa_available(WG_ISA_AVX512) && !getenv("BLIS_ARCH_TYPE")) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)BLIS_ARCH_SKX);
        chosen = setenv("BLIS_ARCH_TYPE", number, 0) == 0;
    }
#endif
    bli_init();
    if (chosen) unsetenv("BLIS_ARCH_TYPE");
    cntx_t *context = bli_gks_query_cntx();
    found.isa = isa_of(bli_arch_query_id());
    if (!context || found.isa == WG_ISA_COUNT || !wg_isa_available(found.isa)) return;
    found.single = kernel_of(BLIS_FLOAT, context);
    found.twice = kernel_of(BLIS_DOUBLE, context);
    found.single_is_good = is_usable(&found.single) && sums_as_promised_float(&found.single);
    found.twice_is_good = is_usable(&found.twice) && sums_as_promised_double(&found.twice);
}

const wg_micro_kernel *wg_blis_micro_kernel(wg_isa isa, wg_dtype dtype) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find);
    if (isa != found.isa) return NULL;
    if (dtype == WG_F32) return found.single_is_good ? &found.single : NULL;
    return dtype == WG_F64 && found.twice_is_good ? &found.twice : NULL;
}

#else

const wg_micro_kernel *wg_blis_micro_kernel(wg_isa isa, wg_dtype dtype) {
    (void)isa, (void)dtype;
    return NULL;
}

#endif
