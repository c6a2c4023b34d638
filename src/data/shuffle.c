/* shuffle — a permutation from (seed, epoch): Fisher and Yates' exchange (Knuth, TAOCP 2, algorithm 3.4.2P)
 * with draws that are a function of (seed, epoch, place), so that no state runs from one epoch to the next.
 */
#include "data/shuffle.h"

/* The finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"),
 * a bijection in which each bit of the input moves half of the output's. */
static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The stream of an epoch is SplitMix64 itself, begun at a place mixed from seed and epoch. */
void wg_shuffle(int64_t *order, int64_t count, uint64_t seed, uint64_t epoch) {
    const uint64_t golden = 0x9e3779b97f4a7c15u; /* 2^64 / the golden ratio, odd */
    const uint64_t begin = mix(mix(seed + golden) + (epoch + 1) * golden);
    for (int64_t i = 0; i < count; i++) order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        const uint64_t bits = mix(begin + (uint64_t)i * golden);
        const int64_t j = (int64_t)(bits % ((uint64_t)i + 1)); /* uneven by less than count / 2^64 */
        const int64_t other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
}
