/* cache — plans by the structure that they were made for. A hit is confirmed by comparing the keys in
 * full: a hash alone would one day run the wrong plan. Bounded; least recently used out. The engine
 * locks around it. */
#include "plan/plan.h"
#include <stdlib.h>

wg_plan *wg_cache_find(wg_cache *cache, const uint64_t *key, size_t key_count, uint64_t hash) {
    for (size_t i = 0; i < cache->plans.count; i++) {
        wg_plan *plan = cache->plans.at[i];
        if (plan->hash != hash || plan->key_count != key_count) continue;
        if (memcmp(plan->key, key, key_count * sizeof *key) != 0) continue;
        plan->used = ++cache->clock;
        cache->found++;
        return wg_plan_retain(plan);
    }
    return NULL;
}

static void drop_oldest(wg_cache *cache) {
    size_t oldest = 0;
    for (size_t i = 1; i < cache->plans.count; i++)
        if (cache->plans.at[i]->used < cache->plans.at[oldest]->used) oldest = i;
    wg_plan_free(cache->plans.at[oldest]);
    cache->plans.at[oldest] = cache->plans.at[--cache->plans.count];
    cache->dropped++;
}

void wg_cache_add(wg_cache *cache, wg_plan *plan) {
    cache->made++;
    if (cache->plans.count >= cache->bound) drop_oldest(cache);
    if (!WG_RESERVE(&cache->plans.at, &cache->plans.capacity, cache->plans.count + 1)) return;
    plan->used = ++cache->clock;
    cache->plans.at[cache->plans.count++] = wg_plan_retain(plan);
}

void wg_cache_free(wg_cache *cache) {
    for (size_t i = 0; i < cache->plans.count; i++) wg_plan_free(cache->plans.at[i]);
    free(cache->plans.at);
    *cache = (wg_cache){0};
}
