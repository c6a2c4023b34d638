/* table — finds small ids by hash: open addressing, linear probing, nothing is ever taken out but all
 * at once. What an id stands for is the owner's business: it compares. */
#ifndef WG_BASE_TABLE_H
#define WG_BASE_TABLE_H

#include "base/base.h"

typedef struct wg_table {
    uint64_t *slots; /* upper half of the hash, then id + 1; 0: free */
    size_t capacity, count;
} wg_table;

/* Walks the ids that may have this hash: start with *probe = 0, go on until UINT32_MAX. */
static inline uint32_t wg_table_next(const wg_table *table, uint64_t hash, size_t *probe) {
    while (*probe < table->capacity) {
        const uint64_t slot = table->slots[((hash >> 32) + (*probe)++) & (table->capacity - 1)];
        if (slot == 0) break;
        if ((slot >> 32) == (hash >> 32)) return (uint32_t)slot - 1;
    }
    return UINT32_MAX;
}
/* False: no memory; the table is as before. */
bool wg_table_add(wg_table *table, uint64_t hash, uint32_t id);
void wg_table_clear(wg_table *table); /* keeps the memory */
void wg_table_free(wg_table *table);

#endif
