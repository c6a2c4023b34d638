/* rowwise.h — what softmax and the losses made of it share: a row's largest number, and the sum of a row over
 * WG_LANES lanes and one tree. */
#ifndef WG_OPS_ROWWISE_H
#define WG_OPS_ROWWISE_H

#include "op.h"

#if WG_IS_REAL

/* NaN is passed over: exp(x - max) makes NaN of it all the same. */
WG_INLINE real row_max(const real *x, int64_t count) {
    real lanes[WG_LANES], most = -(real)__builtin_inf();
    int64_t i = 0;
    for (int lane = 0; lane < WG_LANES; lane++) lanes[lane] = most;
    for (; i + WG_LANES <= count; i += WG_LANES)
        for (int lane = 0; lane < WG_LANES; lane++)
            lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
    for (; i < count; i++) lanes[i % WG_LANES] = x[i] > lanes[i % WG_LANES] ? x[i] : lanes[i % WG_LANES];
    for (int lane = 0; lane < WG_LANES; lane++) most = lanes[lane] > most ? lanes[lane] : most;
    return most;
}

WG_INLINE real row_sum(const real *x, int64_t count) {
    real lanes[WG_LANES] = {0};
    int64_t i = 0;
    for (; i + WG_LANES <= count; i += WG_LANES)
        for (int lane = 0; lane < WG_LANES; lane++) lanes[lane] += x[i + lane];
    for (; i < count; i++) lanes[i % WG_LANES] += x[i];
    for (int half = WG_LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

/* e[i] = exp(x[i] - most); returns their sum. e may be x. */
WG_INLINE real row_exp(const real *x, int64_t count, real most, real *e) {
    WG_INDEPENDENT_LOOP for (int64_t i = 0; i < count; i++) e[i] = wm_exp(x[i] - most);
    return row_sum(e, count);
}

#endif
#endif
