/* array — growing arrays, and the hash of their content. */
#include "base/base.h"
#include <stdlib.h>

bool wg_reserve_(void **array, size_t *capacity, size_t count, size_t size) {
    size_t wanted = *capacity ? *capacity : 16;
    while (wanted < count)
        if (__builtin_mul_overflow(wanted, (size_t)2, &wanted)) return false;
    size_t bytes;
    if (__builtin_mul_overflow(wanted, size, &bytes)) return false;
    void *grown = realloc(*array, bytes);
    if (!grown) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

static inline uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t word_at(const unsigned char *bytes, size_t size) {
    uint64_t word = 0;
    memcpy(&word, bytes, size);
    return word;
}

uint64_t wg_hash(const void *data, size_t size, uint64_t seed) {
    /* Odd constants with about as many ones as zeros: digits of pi and of the golden ratio. */
    const uint64_t k0 = 0x9E3779B97F4A7C15u, k1 = 0x243F6A8885A308D3u;
    const unsigned char *bytes = data;
    uint64_t hash = seed ^ k0 ^ size;
    for (; size >= 16; size -= 16, bytes += 16)
        hash = mix(hash ^ word_at(bytes, 8), k1 ^ word_at(bytes + 8, 8));
    if (size >= 8) {
        hash = mix(hash ^ word_at(bytes, 8), k1);
        size -= 8;
        bytes += 8;
    }
    return mix(mix(hash ^ word_at(bytes, size), k1) ^ k0, k0 ^ seed);
}
