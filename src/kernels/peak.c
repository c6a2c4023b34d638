/* peak — see peak.h: which of the variants. */
#include "kernels/peak.h"
#include "wg_config.h"

#define OF(set) dtype == WG_F64 ? wg_peak_work_##set##_f64 : wg_peak_work_##set##_f32

wg_peak_work *wg_peak_work_of(wg_isa isa, wg_dtype dtype) {
    switch (isa) {
#ifdef WG_BUILT_AVX2
    case WG_ISA_AVX2:
        return OF(avx2);
#endif
#ifdef WG_BUILT_AVX512
    case WG_ISA_AVX512:
        return OF(avx512);
#endif
#ifdef WG_BUILT_NEON
    case WG_ISA_NEON:
        return OF(neon);
#endif
    default:
        return OF(portable);
    }
}
