/* peak — the fastest arithmetic of an instruction set, for measuring what a machine is able to. */
#ifndef WG_KERNELS_PEAK_H
#define WG_KERNELS_PEAK_H

#include "kernels/table.h"

/* Does rounds of fused multiply-adds in registers; returns how many operations they were, two for each. */
typedef double wg_peak_work(int64_t rounds);

/* Of an instruction set and f32 or f64. */
wg_peak_work *wg_peak_work_of(wg_isa isa, wg_dtype dtype);

#define WG_PEAK_WORK(set) wg_peak_work wg_peak_work_##set##_f32, wg_peak_work_##set##_f64;
WG_PEAK_WORK(portable) WG_PEAK_WORK(avx2) WG_PEAK_WORK(avx512) WG_PEAK_WORK(neon)
#undef WG_PEAK_WORK

#endif
