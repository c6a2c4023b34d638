/* isa — which instruction sets there are, which this machine can run, and which one is taken. */
#include "base/base.h"
#include "kernels/table.h"
#include "wg_config.h"
#include <stdlib.h>

static const char *const names[WG_ISA_COUNT] = {"portable", "avx2", "avx512", "neon"};

const char *wg_isa_name(wg_isa isa) { return (unsigned)isa < WG_ISA_COUNT ? names[isa] : "none"; }

static bool built(wg_isa isa) {
    switch (isa) {
    case WG_ISA_PORTABLE:
        return true;
#ifdef WG_BUILT_AVX2
    case WG_ISA_AVX2:
        return true;
#endif
#ifdef WG_BUILT_AVX512
    case WG_ISA_AVX512:
        return true;
#endif
#ifdef WG_BUILT_NEON
    case WG_ISA_NEON:
        return true;
#endif
    default:
        return false;
    }
}

static bool machine_has(wg_isa isa) {
#if defined(__x86_64__)
    if (isa == WG_ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == WG_ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
    return isa == WG_ISA_PORTABLE;
#elif defined(__aarch64__)
    return isa == WG_ISA_PORTABLE || isa == WG_ISA_NEON;
#else
    return isa == WG_ISA_PORTABLE;
#endif
}

bool wg_isa_available(wg_isa isa) { return built(isa) && machine_has(isa); }

/* Best first. */
static const wg_isa preference[] = {WG_ISA_AVX512, WG_ISA_AVX2, WG_ISA_NEON, WG_ISA_PORTABLE};

int wg_isa_choose(const char *name, wg_isa *isa, wg_error *error) {
    if (!name) name = getenv("WG_ISA");
    for (size_t i = 0; i < sizeof preference / sizeof *preference; i++) {
        const wg_isa candidate = preference[i];
        if (name && *name ? strcmp(name, names[candidate]) != 0 : !wg_isa_available(candidate)) continue;
        if (wg_isa_available(candidate)) return *isa = candidate, WG_OK;
        return wg_error_set(error, WG_ERROR_UNSUPPORTED, "instruction set \"%s\" was asked for; this %s",
                            name, built(candidate) ? "machine lacks it" : "build has no kernels for it");
    }
    return wg_error_set(error, WG_ERROR_UNSUPPORTED,
                        "there is no instruction set \"%.40s\"; known are avx512, avx2, neon and portable",
                        name);
}
