/* cache — plans by the structure that they were made for. A hit is confirmed by comparing the keys in
 * full: a hash alone would one day run the wrong plan. Bounded; least recently used out. The engine
 * locks around it.
 *
 * A plan hangs in two lists: that of its bucket, which its hash names, and that of all plans by when they
 * were used last. */
#include "plan/plan.h"
#include <stdlib.h>

static wg_plan **bucket_of(const wg_cache *cache, uint64_t hash) {
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

/* --- By when they were used ------------------------------------------------------------------- */

static void unlink_use(wg_cache *cache, wg_plan *plan) {
    *(plan->newer ? &plan->newer->older : &cache->newest) = plan->older;
    *(plan->older ? &plan->older->newer : &cache->oldest) = plan->newer;
}

static void link_newest(wg_cache *cache, wg_plan *plan) {
    plan->newer = NULL;
    plan->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = plan;
    cache->newest = plan;
}

/* --- By hash ---------------------------------------------------------------------------------- */

static void link_bucket(wg_cache *cache, wg_plan *plan) {
    wg_plan **bucket = bucket_of(cache, plan->hash);
    plan->chain = *bucket;
    *bucket = plan;
}

static void unlink_bucket(wg_cache *cache, const wg_plan *plan) {
    wg_plan **at = bucket_of(cache, plan->hash);
    while (*at != plan) at = &(*at)->chain;
    *at = plan->chain;
}

/* Keeps as many buckets as plans at least. */
static bool grow(wg_cache *cache) {
    const size_t count = cache->bucket_count ? 2 * cache->bucket_count : 64;
    wg_plan **buckets = calloc(count, sizeof(wg_plan *));
    if (!buckets) return false;
    free(cache->buckets);
    cache->buckets = buckets;
    cache->bucket_count = count;
    for (wg_plan *plan = cache->newest; plan; plan = plan->older) link_bucket(cache, plan);
    return true;
}

/* --- The cache -------------------------------------------------------------------------------- */

wg_plan *wg_cache_find(wg_cache *cache, const uint64_t *key, size_t key_count, uint64_t hash) {
    if (!cache->count) return NULL;
    for (wg_plan *plan = *bucket_of(cache, hash); plan; plan = plan->chain) {
        if (plan->hash != hash || plan->key_count != key_count) continue;
        if (memcmp(plan->key, key, key_count * sizeof *key) != 0) continue;
        unlink_use(cache, plan);
        link_newest(cache, plan);
        cache->found++;
        return wg_plan_retain(plan);
    }
    return NULL;
}

static void drop_oldest(wg_cache *cache) {
    wg_plan *oldest = cache->oldest;
    unlink_use(cache, oldest);
    unlink_bucket(cache, oldest);
    wg_plan_free(oldest);
    cache->count--;
}

void wg_cache_add(wg_cache *cache, wg_plan *plan) {
    cache->made++;
    if (cache->count >= cache->bound) {
        drop_oldest(cache);
        cache->dropped++;
    }
    if (cache->count >= cache->bucket_count && !grow(cache)) return;
    link_bucket(cache, plan);
    link_newest(cache, wg_plan_retain(plan));
    cache->count++;
}

void wg_cache_free(wg_cache *cache) {
    while (cache->oldest) drop_oldest(cache);
    free(cache->buckets);
    *cache = (wg_cache){0};
}
