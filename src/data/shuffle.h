/* shuffle — the order of an epoch. */
#ifndef WG_DATA_SHUFFLE_H
#define WG_DATA_SHUFFLE_H

#include <stdint.h>

/* Writes a permutation of 0 … count-1, a pure function of count, seed and epoch. */
void wg_shuffle(int64_t *order, int64_t count, uint64_t seed, uint64_t epoch);

#endif
