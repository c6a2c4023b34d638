/* correlate — see correlate.h. */
#include "kernels/cpu/correlate.h"
#include "kernels/cpu/swap.h"

/* --- Vectors along places ----------------------------------------------------------------------- */

/* One block of terms for a tile of filters and places. */
WG_INLINE void sum_block(const real *source, const int64_t *offset, const real *weight, int64_t terms,
                         vec sum[TILE_FILTERS][TILE_VECTORS]) {
    vec chain[TILE_FILTERS][TILE_VECTORS]; /* apart from `sum`, so that it stays in registers */
    for (int f = 0; f < TILE_FILTERS; f++)
        for (int v = 0; v < TILE_VECTORS; v++) chain[f][v] = (vec){0};
    for (int64_t t = 0; t < terms; t++, weight += TILE_FILTERS) {
        const real *at = source + offset[t];
        vec x[TILE_VECTORS];
        for (int v = 0; v < TILE_VECTORS; v++) x[v] = vec_load(at + v * VEC_LANES);
        for (int f = 0; f < TILE_FILTERS; f++) {
            const vec w = vec_all(weight[f]);
            for (int v = 0; v < TILE_VECTORS; v++) chain[f][v] = vec_fma(x[v], w, chain[f][v]);
        }
    }
    for (int f = 0; f < TILE_FILTERS; f++)
        for (int v = 0; v < TILE_VECTORS; v++) sum[f][v] = chain[f][v];
}

/* All terms, block after block; of none of them the sum is 0. */
WG_INLINE void sum_tile(const correlation *c, const real *source, const real *weight,
                        vec total[TILE_FILTERS][TILE_VECTORS]) {
    int64_t t = 0;
    do {
        vec block[TILE_FILTERS][TILE_VECTORS];
        sum_block(source, c->offset + t, weight + t * TILE_FILTERS,
                  c->terms - t < WG_K_BLOCK ? c->terms - t : WG_K_BLOCK, block);
        for (int f = 0; f < TILE_FILTERS; f++)
            for (int v = 0; v < TILE_VECTORS; v++) total[f][v] = t ? total[f][v] + block[f][v] : block[f][v];
        t += WG_K_BLOCK;
    } while (t < c->terms);
}

/* A run of places of one row, for one filter. */
static void put_run(real *y, int64_t step, const real *sum, int64_t count, const real *bias) {
    const real shift = bias ? *bias : 0;
    if (step == 1 && bias)
        for (int64_t i = 0; i < count; i++) y[i] = sum[i] + shift;
    else if (step == 1)
        for (int64_t i = 0; i < count; i++) y[i] = sum[i];
    else
        for (int64_t i = 0; i < count; i++) y[i * step] = bias ? sum[i] + shift : sum[i];
}

/* Writes the tile's places first … first + count - 1 that lie in a row, for filters f … of the tile. */
static void put_tile(const correlation *c, int64_t filter, int64_t first, int64_t count,
                     const vec total[TILE_FILTERS][TILE_VECTORS]) {
    const int64_t left = c->filters - filter, filters = left < TILE_FILTERS ? left : TILE_FILTERS;
    for (int64_t at = first; at < first + count;) {
        const int64_t row = at / c->pitch, column = at % c->pitch;
        const int64_t end = row * c->pitch + c->columns, stop = end < first + count ? end : first + count;
        for (int64_t f = 0; f < filters && at < stop; f++)
            put_run(c->y + (filter + f) * c->y_filter + row * c->y_row + column * c->y_column, c->y_column,
                    (const real *)total[f] + (at - first), stop - at, c->bias ? c->bias + filter + f : NULL);
        at = (row + 1) * c->pitch;
    }
}

static void correlate_along_places(const correlation *c) {
    const int64_t places = (c->rows - 1) * c->pitch + c->columns;
    for (int64_t first = 0; first < places; first += TILE_PLACES) {
        const int64_t count = places - first < TILE_PLACES ? places - first : TILE_PLACES;
        for (int64_t filter = 0; filter < c->filters; filter += TILE_FILTERS) {
            vec total[TILE_FILTERS][TILE_VECTORS];
            sum_tile(c, c->source + first, c->weight + filter * c->terms, total);
            put_tile(c, filter, first, count, (const vec(*)[TILE_VECTORS])total);
        }
    }
}

/* --- Vectors along filters ---------------------------------------------------------------------- */

WG_INLINE void sum_pixels(const real *const at[TILE_PIXELS], const int64_t *offset, const real *weight,
                          int64_t terms, vec sum[TILE_PIXELS][FILTER_VECTORS]) {
    vec chain[TILE_PIXELS][FILTER_VECTORS]; /* apart from `sum`, so that it stays in registers */
    for (int i = 0; i < TILE_PIXELS; i++)
        for (int v = 0; v < FILTER_VECTORS; v++) chain[i][v] = (vec){0};
    for (int64_t t = 0; t < terms; t++, weight += FILTER_LANES) {
        vec w[FILTER_VECTORS];
        for (int v = 0; v < FILTER_VECTORS; v++) w[v] = vec_load(weight + v * VEC_LANES);
        for (int i = 0; i < TILE_PIXELS; i++) {
            const vec x = vec_all(at[i][offset[t]]);
            for (int v = 0; v < FILTER_VECTORS; v++) chain[i][v] = vec_fma(x, w[v], chain[i][v]);
        }
    }
    for (int i = 0; i < TILE_PIXELS; i++)
        for (int v = 0; v < FILTER_VECTORS; v++) sum[i][v] = chain[i][v];
}

/* All terms, block after block; of none of them the sum is 0. */
WG_INLINE void sum_all_pixels(const correlation *c, const real *const at[TILE_PIXELS], const real *weight,
                              vec total[TILE_PIXELS][FILTER_VECTORS]) {
    int64_t t = 0;
    do {
        vec block[TILE_PIXELS][FILTER_VECTORS];
        sum_pixels(at, c->offset + t, weight + t * FILTER_LANES,
                   c->terms - t < WG_K_BLOCK ? c->terms - t : WG_K_BLOCK, block);
        for (int i = 0; i < TILE_PIXELS; i++)
            for (int v = 0; v < FILTER_VECTORS; v++)
                total[i][v] = t ? total[i][v] + block[i][v] : block[i][v];
        t += WG_K_BLOCK;
    } while (t < c->terms);
}

/* sums[pixel][filter] of filters `filter` … goes where it belongs. */
static void put_sums(const correlation *c, int64_t filter) {
    const int64_t left = c->filters - filter, filters = left < FILTER_LANES ? left : FILTER_LANES;
    real *y = c->y + filter * c->y_filter;
    if (c->y_column == 1 && c->y_row == c->columns) {
        wg_swap(y, c->y_filter, c->sums, FILTER_LANES, filters, c->rows * c->columns);
        return;
    }
    const real *sum = c->sums;
    for (int64_t row = 0; row < c->rows; row++)
        for (int64_t column = 0; column < c->columns; column++, sum += FILTER_LANES)
            for (int64_t f = 0; f < filters; f++)
                y[f * c->y_filter + row * c->y_row + column * c->y_column] = sum[f];
}

static void correlate_along_filters(const correlation *c) {
    const int64_t pixels = c->rows * c->columns;
    for (int64_t filter = 0; filter < c->filters; filter += FILTER_LANES) {
        const int64_t left = c->filters - filter;
        vec bias[FILTER_VECTORS] = {{0}};
        for (int v = 0; v < FILTER_VECTORS && c->bias; v++) {
            const int64_t lanes = left - v * VEC_LANES;
            bias[v] = lanes > 0 ? vec_load_some(c->bias + filter + v * VEC_LANES,
                                                lanes < VEC_LANES ? lanes : VEC_LANES)
                                : (vec){0};
        }
        int64_t row = 0, column = 0;
        for (int64_t first = 0; first < pixels; first += TILE_PIXELS) {
            const real *at[TILE_PIXELS];
            for (int i = 0; i < TILE_PIXELS; i++) { /* behind the last one: that one again */
                at[i] = c->source + row * c->pitch + column;
                if (first + i + 1 < pixels && ++column == c->columns) column = 0, row++;
            }
            vec total[TILE_PIXELS][FILTER_VECTORS];
            sum_all_pixels(c, at, c->weight + filter * c->terms, total);
            for (int i = 0; i < TILE_PIXELS; i++)
                for (int v = 0; v < FILTER_VECTORS; v++)
                    vec_store(c->sums + (first + i) * FILTER_LANES + v * VEC_LANES,
                              c->bias ? total[i][v] + bias[v] : total[i][v]);
        }
        put_sums(c, filter);
    }
}

void wg_correlate(const correlation *c) {
    if (c->rows < 1 || c->columns < 1) return;
    if (c->pack == FILTER_LANES)
        correlate_along_filters(c);
    else
        correlate_along_places(c);
}
