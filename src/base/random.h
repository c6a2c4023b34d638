/* random — numbers that are a function of (key, counter): no state, so the same however the work is
 * cut, in whatever order it is done, and when it is done again.
 *
 * Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef WG_BASE_RANDOM_H
#define WG_BASE_RANDOM_H

#include <stdint.h>

typedef struct wg_random4 {
    uint32_t word[4];
} wg_random4;

/* Four words that look random, from a 64-bit key and a 128-bit counter. */
static inline wg_random4 wg_philox(uint64_t key, uint64_t counter_low, uint64_t counter_high) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)counter_low, c1 = (uint32_t)(counter_low >> 32);
    uint32_t c2 = (uint32_t)counter_high, c3 = (uint32_t)(counter_high >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; /* the golden ratio's and the square root of three's digits */
        k1 += 0xBB67AE85u;
    }
    return (wg_random4){{c0, c1, c2, c3}};
}

/* Uniform in [0, 1), every multiple of 2^-24, or of 2^-53, equally likely. */
static inline float wg_uniform_f32(uint32_t word) { return (float)(word >> 8) * 0x1p-24f; }
static inline double wg_uniform_f64(uint32_t high, uint32_t low) {
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

/* Every bit of the result depends on every bit of x, and no two x give the same: the finaliser of
 * SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t wg_random_mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* The key of what stands at `path` ("block1/conv.weight") in a model of this seed: FNV-1a over the
 * path's bytes, mixed with the seed. */
static inline uint64_t wg_random_key(uint64_t seed, const char *path) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (const char *c = path ? path : ""; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001B3u;
    return wg_random_mix(hash ^ wg_random_mix(seed + 0x9E3779B97F4A7C15u));
}

#endif
