/* base_two — exp2 and log2, exact at whole numbers and powers of two; f32 is computed in f64.
 *
 * 2^x = 2^n exp(r ln 2), x = n + r, |r| <= 1/2, with ln 2 in two parts and exponential.h's polynomial;
 * log2(x) = log(x) / ln 2 from the logarithm in two parts. */
#ifndef WG_KERNELS_MATHS_BASE_TWO_H
#define WG_KERNELS_MATHS_BASE_TWO_H

#include "kernels/maths/power.h"

WG_INLINE double wg_exp2_f64(double x) {
    const double bounded = x > 1025 ? 1025 : x < -1080 ? -1080 : x;
    const double shifted = bounded + WG_SHIFTER_F64, r = bounded - (shifted - WG_SHIFTER_F64);
    const double h = r * 0x1.62e42fefa39efp-1,
                 h_low = wg_fma_f64(r, 0x1.abc9e3b39803fp-56, wg_fma_f64(r, 0x1.62e42fefa39efp-1, -h));
    const double tail = wg_fma_f64(h * h, wg_exp_tail_f64(h), wg_fma_f64(h, h_low, h_low));
    const double y = wg_scale_f64(1 + (h + tail), wg_shifted_f64(shifted));
    return x != x ? x : y;
}
WG_INLINE float wg_exp2_f32(float x) { return (float)wg_exp2_f64(x); }

WG_INLINE double wg_log2_f64(double x) {
    double low;
    const double high = wg_log_sum_f64(x, &low), y = high * 0x1.71547652b82fep+0;
    const double rest = wg_fma_f64(high, 0x1.777d0ffda0d24p-56, low * 0x1.71547652b82fep+0);
    return wg_log_special_f64(x, y + (wg_fma_f64(high, 0x1.71547652b82fep+0, -y) + rest));
}
WG_INLINE float wg_log2_f32(float x) { return (float)(wg_log_f64(x) * 0x1.71547652b82fep+0); }

#endif
