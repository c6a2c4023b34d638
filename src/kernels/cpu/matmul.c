/* matmul, tuned — products of packed panels, tile by tile: BLIS's micro-kernel where it has one for the
 * instruction set, else the one here, which gives the same bits.
 *
 * A unit is a block of the result, `height` rows by `width` columns. For each block of WG_K_BLOCK terms its
 * part of a and b is copied so that a micro-kernel reads it through, and each tile is added to what the
 * blocks before it made. */
#include "kernels/cpu/blocks.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/swap.h"
#include "kernels/cpu/vector.h"

enum { MOST_ROWS = 144, ROW_STEP = 12, WIDE = 256, NARROW = 64, MANY = 8, SPARE = 64 };

/* --- The micro-kernel ---------------------------------------------------------------------------- */

enum { TILE_ROWS = VEC_REGISTERS == 32 ? 12 : 6, TILE_VECTORS = 2, TILE_COLUMNS = TILE_VECTORS * VEC_LANES };

static void put_row(real *c, const vec sum[TILE_VECTORS], int64_t n, int64_t step, bool add) {
    if (n == TILE_COLUMNS && step == 1) {
        for (int v = 0; v < TILE_VECTORS; v++)
            vec_store(c + v * VEC_LANES, add ? vec_load(c + v * VEC_LANES) + sum[v] : sum[v]);
        return;
    }
    real row[TILE_COLUMNS];
    for (int v = 0; v < TILE_VECTORS; v++) vec_store(row + v * VEC_LANES, sum[v]);
    for (int64_t j = 0; j < n; j++) c[j * step] = add ? c[j * step] + row[j] : row[j];
}

static void run_tile(const wg_micro_kernel *kernel, int64_t m, int64_t n, int64_t k, const void *a_panel,
                     const void *b_panel, void *c, int64_t row_step, int64_t column_step, bool add) {
    (void)kernel;
    const real *a = a_panel, *b = b_panel;
    vec sum[TILE_ROWS][TILE_VECTORS];
    for (int i = 0; i < TILE_ROWS; i++)
        for (int v = 0; v < TILE_VECTORS; v++) sum[i][v] = (vec){0};
    for (int64_t t = 0; t < k; t++, a += TILE_ROWS, b += TILE_COLUMNS) {
        vec y[TILE_VECTORS];
        for (int v = 0; v < TILE_VECTORS; v++) y[v] = vec_load(b + v * VEC_LANES);
        for (int i = 0; i < TILE_ROWS; i++) {
            const vec x = vec_all(a[i]);
            for (int v = 0; v < TILE_VECTORS; v++) sum[i][v] = vec_fma(x, y[v], sum[i][v]);
        }
    }
    for (int i = 0; i < TILE_ROWS; i++)
        if (i < m) put_row((real *)c + i * row_step, sum[i], n, column_step, add);
}

static const wg_micro_kernel own = {.rows = TILE_ROWS, .columns = TILE_COLUMNS, .run = run_tile};

static const wg_micro_kernel *micro_kernel(void) {
#if defined(__AVX512F__)
    const wg_micro_kernel *blis = wg_blis_micro_kernel(WG_ISA_AVX512, sizeof(real) == 4 ? WG_F32 : WG_F64);
#elif defined(__AVX2__)
    const wg_micro_kernel *blis = wg_blis_micro_kernel(WG_ISA_AVX2, sizeof(real) == 4 ? WG_F32 : WG_F64);
#else
    const wg_micro_kernel *blis = NULL;
#endif
    return blis ? blis : &own;
}

/* --- Blocks -------------------------------------------------------------------------------------- */

typedef struct layout {
    wg_product p;
    int64_t height, width, row_blocks, column_blocks;
} layout;

static layout layout_of(const wg_call *call) {
    layout l = {.p = wg_product_of(call)};
    l.row_blocks = (l.p.m + MOST_ROWS - 1) / MOST_ROWS;
    l.height = (l.p.m + l.row_blocks - 1) / (l.row_blocks ? l.row_blocks : 1); /* blocks alike in size */
    l.height = (l.height + ROW_STEP - 1) / ROW_STEP * ROW_STEP;
    l.row_blocks = l.height ? (l.p.m + l.height - 1) / l.height : 0;
    const int64_t wide = (l.p.n + WIDE - 1) / WIDE;
    l.width = l.p.batches * l.row_blocks * wide >= MANY ? WIDE : NARROW;
    l.column_blocks = (l.p.n + l.width - 1) / l.width;
    return l;
}

/* Too small a product, or a vector, is not worth the copying. */
static bool applies(const wg_call *call) {
    const wg_product p = wg_product_of(call);
    return p.m >= 4 && p.n >= 8 && p.k >= 1 && (double)p.m * (double)p.n * (double)p.k >= 8192;
}

static int64_t units(const wg_call *call) {
    const layout l = layout_of(call);
    return l.p.batches * l.row_blocks * l.column_blocks;
}

/* Blocks of whole rows are runs. */
static int64_t begins(const wg_call *call, int64_t unit) {
    const layout l = layout_of(call);
    const int64_t row = unit % (l.row_blocks ? l.row_blocks : 1) * l.height, batch = unit / (l.row_blocks ? l.row_blocks : 1);
    return l.column_blocks == 1 ? (batch * l.p.m + row) * l.p.n : -1;
}

/* Both panels, each with room for the zeros of a last tile. */
static size_t workspace(const wg_call *call) {
    (void)call;
    return (size_t)(MOST_ROWS + WIDE + 2 * SPARE) * WG_K_BLOCK * sizeof(real);
}

/* to[i / tile][t][i % tile] = from[i step + t next], zeros behind the last i. */
static void pack(const real *from, int64_t count, int64_t k, int64_t step, int64_t next, int64_t tile,
                 real *to) {
    for (int64_t first = 0; first < count; first += tile, to += k * tile) {
        const int64_t filled = count - first < tile ? count - first : tile;
        const real *x = from + first * step;
        if (step == 1) {
            for (int64_t t = 0; t < k; t++)
                for (int64_t i = 0; i < filled; i++) to[t * tile + i] = x[t * next + i];
        } else if (next == 1) {
            wg_swap(to, tile, x, step, k, filled);
        } else {
            for (int64_t i = 0; i < filled; i++)
                for (int64_t t = 0; t < k; t++) to[t * tile + i] = x[i * step + t * next];
        }
        for (int64_t t = 0; t < k && filled < tile; t++)
            for (int64_t i = filled; i < tile; i++) to[t * tile + i] = 0;
    }
}

/* A block of the result: `left` is what the micro-kernel takes as its a, `right` as its b, and their steps in
 * c. */
static void multiply(const wg_micro_kernel *kernel, int64_t m, int64_t n, int64_t k, const real *left,
                     const real *right, real *c, int64_t row_step, int64_t column_step, bool add) {
    for (int64_t j = 0; j < n; j += kernel->columns)
        for (int64_t i = 0; i < m; i += kernel->rows)
            kernel->run(kernel, m - i < kernel->rows ? m - i : kernel->rows,
                        n - j < kernel->columns ? n - j : kernel->columns, k, left + i * k, right + j * k,
                        c + i * row_step + j * column_step, row_step, column_step, add);
}

static void run_unit(const wg_call *call, const layout *l, const wg_micro_kernel *kernel, int64_t unit) {
    const wg_product *p = &l->p;
    const int64_t batch = unit / (l->row_blocks * l->column_blocks);
    const int64_t row = unit / l->column_blocks % l->row_blocks * l->height,
                  column = unit % l->column_blocks * l->width;
    const int64_t m = p->m - row < l->height ? p->m - row : l->height;
    const int64_t n = p->n - column < l->width ? p->n - column : l->width;
    const real *a = WG_IN(call, 0, real) + wg_product_batch(p, batch, p->a_batch) + row * p->a_m;
    const real *b = WG_IN(call, 1, real) + wg_product_batch(p, batch, p->b_batch) + column * p->b_n;
    real *c = WG_OUT(call, 0, real) + (batch * p->m + row) * p->n + column;
    real *rows = call->workspace, *columns = rows + (MOST_ROWS + SPARE) * WG_K_BLOCK;
    for (int64_t t = 0; t < p->k; t += WG_K_BLOCK) {
        const int64_t k = p->k - t < WG_K_BLOCK ? p->k - t : WG_K_BLOCK;
        pack(a + t * p->a_k, m, k, p->a_m, p->a_k, kernel->turned ? kernel->columns : kernel->rows, rows);
        pack(b + t * p->b_k, n, k, p->b_n, p->b_k, kernel->turned ? kernel->rows : kernel->columns, columns);
        if (kernel->turned)
            multiply(kernel, n, m, k, columns, rows, c, 1, p->n, t > 0 || call->accumulate);
        else
            multiply(kernel, m, n, k, rows, columns, c, p->n, 1, t > 0 || call->accumulate);
    }
}

static void run(const wg_call *call) {
    const layout l = layout_of(call);
    const wg_micro_kernel *kernel = micro_kernel();
    for (int64_t unit = call->begin; unit < call->end; unit++) run_unit(call, &l, kernel, unit);
}

const wg_kernel WG_VARIANT(wg_tuned_matmul_packed) = {
    .name = "matmul: packed", .applies = applies, .units = units, .begins = begins, .workspace = workspace, .run = run};
