/* planes — the planes of an image copied to where zeros stand around them, so that a kernel's taps need not
 * ask whether they lie inside. */
#ifndef WG_KERNELS_PLANES_H
#define WG_KERNELS_PLANES_H

#include "kernels/cpu/blocks.h"
#include "kernels/cpu/vector.h"

/* Are the sizes such that memory is made for `channels` planes with zeros around, and that counting them
 * cannot overflow? What is beyond is left to the plain kernel. */
WG_INLINE bool planes_fit(const wg_convolution *c, int64_t channels) {
    double area = 1, phases = 1, weights = (double)c->channels * (double)c->filters;
    for (int i = 0; i < 2; i++) {
        const double padded = (double)c->in[i] + 2 * (double)c->padding[i];
        const double seen = (double)c->out[i] * (double)c->stride[i] + (double)c->taps[i] * (double)c->dilation[i];
        area *= (padded > seen ? padded : seen) + 2 * (double)c->stride[i];
        phases *= (double)c->stride[i];
        weights *= (double)c->taps[i];
    }
    return area * ((double)channels + 1) < 0x1p28 && phases <= 0x1p12 && weights < 0x1p30 &&
           (double)c->images * (double)c->groups < 0x1p40;
}

/* Memory of a call, cut off piece by piece; every piece begins at 64 bytes. */
WG_INLINE int64_t aligned_count(int64_t count) { return (count + 15) / 16 * 16; }

WG_INLINE void copy_run(real *to, const real *from, int64_t count) {
    if (count < VEC_LANES) {
        for (int64_t i = 0; i < count; i++) to[i] = from[i];
        return;
    }
    for (int64_t i = 0; i + VEC_LANES < count; i += VEC_LANES) vec_store(to + i, vec_load(from + i));
    vec_store(to + count - VEC_LANES, vec_load(from + count - VEC_LANES));
}

/* A plane of an image with zeros around it, of which every `step`-th row and column is taken: to[q][r] is
 * pixel (q step[0] + from[0], r step[1] + from[1]). The zeros must be there; only what lies inside is copied.
 */
WG_INLINE void pack_plane(real *to, const int64_t rows, const int64_t columns, const real *plane,
                          const int64_t extent[2], const int64_t from[2], const int64_t step[2]) {
    int64_t first[2], last[2]; /* what lies inside, in each axis */
    for (int i = 0; i < 2; i++) {
        first[i] = from[i] < 0 ? (-from[i] + step[i] - 1) / step[i] : 0;
        last[i] = extent[i] > from[i] ? (extent[i] - from[i] + step[i] - 1) / step[i] : 0;
    }
    if (last[0] > rows) last[0] = rows;
    if (last[1] > columns) last[1] = columns;
    for (int64_t q = first[0]; q < last[0]; q++) {
        const real *x = plane + (q * step[0] + from[0]) * extent[1] + first[1] * step[1] + from[1];
        if (step[1] == 1)
            copy_run(to + q * columns + first[1], x, last[1] - first[1]);
        else
            for (int64_t r = first[1]; r < last[1]; r++, x += step[1]) to[q * columns + r] = *x;
    }
}

#endif
