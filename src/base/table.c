/* table — see table.h. Of the hash only the upper half counts: it is kept in the slot, so that the table
 * can grow without asking the owner. */
#include "base/table.h"
#include <stdlib.h>

static void put(uint64_t *slots, size_t capacity, uint64_t slot) {
    uint64_t at = slot >> 32;
    while (slots[at & (capacity - 1)]) at++;
    slots[at & (capacity - 1)] = slot;
}

static bool grow(wg_table *table) {
    const size_t capacity = table->capacity ? table->capacity * 2 : 64;
    uint64_t *slots = calloc(capacity, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->slots[i]) put(slots, capacity, table->slots[i]);
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

bool wg_table_add(wg_table *table, uint64_t hash, uint32_t id) {
    if (table->count * 2 >= table->capacity && !grow(table)) return false;
    put(table->slots, table->capacity, (hash & 0xFFFFFFFF00000000u) | ((uint64_t)id + 1));
    table->count++;
    return true;
}

void wg_table_clear(wg_table *table) {
    if (table->count) memset(table->slots, 0, table->capacity * sizeof *table->slots);
    table->count = 0;
}

void wg_table_free(wg_table *table) {
    free(table->slots);
    *table = (wg_table){0};
}
