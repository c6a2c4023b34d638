/* peak — as many fused multiply-adds as the machine is able to: a loop without memory, the rate that others
 * are measured by. Each sum waits for its own last addition only, and there are more of them than a processor
 * of two units and four cycles' delay can have under way. */
#include "kernels/cpu/vector.h"
#include "kernels/peak.h"

enum { SUMS = 12 };

double WG_VARIANT(wg_peak_work)(int64_t rounds) {
    const vec factor = vec_all((real)0.5), term = vec_all((real)1);
    vec sums[SUMS];
    for (int i = 0; i < SUMS; i++) sums[i] = vec_all((real)i);
    for (int64_t round = 0; round < rounds; round++)
        for (int i = 0; i < SUMS; i++) sums[i] = vec_fma(sums[i], factor, term);
    for (int i = 1; i < SUMS; i++) sums[0] += sums[i];
    volatile real used = sums[0][0]; /* or all of it would be left out */
    (void)used;
    return 2.0 * SUMS * VEC_LANES * (double)rounds;
}
