/* correlate — the sum that a convolution and its gradient for the image are, once their source lies in planes
 * with zeros around:
 *
 *     y[f, q, r] = sum_t source[offset[t] + q pitch + r] weight[f, t]   (+ bias[f])
 *
 * A tile of sums stays in registers over a block of terms. Either its vectors run along places (q pitch + r,
 * counted through): TILE_FILTERS filters by TILE_VECTORS vectors, where the places between two rows are
 * computed too and dropped. Or they run along filters: TILE_PIXELS places by FILTER_VECTORS vectors, where
 * every sum is wanted if the filters fill their vectors, and storing costs more. Whichever has less to do is
 * taken: the sums are the same, those of blocks.h: blocks of WG_K_BLOCK terms, each a chain from zero, added
 * in order. */
#ifndef WG_KERNELS_CORRELATE_H
#define WG_KERNELS_CORRELATE_H

#include "kernels/cpu/blocks.h"
#include "kernels/cpu/planes.h"

enum {
    TILE_FILTERS = VEC_REGISTERS == 32 ? 8 : 4,
    TILE_VECTORS = 3,
    TILE_PLACES = TILE_VECTORS * VEC_LANES,
    TILE_PIXELS = VEC_REGISTERS == 32 ? 12 : 6,
    FILTER_VECTORS = 2,
    FILTER_LANES = FILTER_VECTORS * VEC_LANES,
    SLACK = 64 /* elements behind the source that a tile may read and drop */
};

typedef struct correlation {
    int64_t terms, filters, rows, columns, pitch;
    const real *source;
    const int64_t *offset; /* of each term */
    const real *weight;    /* [f / pack][t][f % pack], zeros behind the last filter */
    int64_t pack;          /* of correlation_pack */
    const real *bias;      /* NULL: none */
    real *sums;            /* room for correlation_sums elements */
    real *y;
    int64_t y_filter, y_row, y_column; /* strides */
} correlation;

WG_INLINE int64_t whole(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

/* How many filters' weights lie side by side: FILTER_LANES if vectors are to run along filters, else
 * TILE_FILTERS. The work is counted in terms; storing a sum costs as much as so many more (measured). */
WG_INLINE int64_t correlation_pack(int64_t terms, int64_t filters, int64_t rows, int64_t columns,
                                   int64_t pitch) {
    const int64_t along_filters =
        whole(filters, FILTER_LANES) * whole(rows * columns, TILE_PIXELS) * (terms + 14);
    const int64_t along_places =
        whole(filters, TILE_FILTERS) * whole((rows - 1) * pitch + columns, TILE_PLACES) * (terms + 22);
    return along_filters < along_places ? FILTER_LANES : TILE_FILTERS;
}

/* Images of a unit, of so many places each: packing the weights is to cost little beside using them. */
WG_INLINE int64_t correlation_images(int64_t places) {
    enum { PLACES_FOR_A_PACKING = 768 };
    return (PLACES_FOR_A_PACKING + places) / (places + 1);
}

/* Elements that are collected before they are stored, filters side by side. */
WG_INLINE int64_t correlation_sums(int64_t pack, int64_t rows, int64_t columns) {
    return pack == FILTER_LANES ? whole(rows * columns, TILE_PIXELS) * FILTER_LANES : 0;
}

/* Writes y. */
#define wg_correlate WG_VARIANT(wg_correlate)
void wg_correlate(const correlation *c);

#endif
