/* fork — keeps engines whole over a fork: whatever other threads are doing, the child finds every lock free
 * and what it protects as it should be. Only the forking thread comes along; the workers of a pool start
 * again with the child's first job, and evaluations that other threads had begun are no more.
 *
 * For this a process lists its engines. Locks are taken in one order: that of the default engine, that of the
 * list, those of the engines. */
#include "run/engine.h"

pthread_mutex_t wg_default_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    pthread_mutex_t lock;
    wg_engine *first;
    bool watched; /* the handlers are in place */
} list = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void before_fork(void) {
    pthread_mutex_lock(&wg_default_lock);
    pthread_mutex_lock(&list.lock);
    for (wg_engine *engine = list.first; engine; engine = engine->after) pthread_mutex_lock(&engine->lock);
}

static void unlock_all(void) {
    for (wg_engine *engine = list.first; engine; engine = engine->after) pthread_mutex_unlock(&engine->lock);
    pthread_mutex_unlock(&list.lock);
    pthread_mutex_unlock(&wg_default_lock);
}

static void in_child(void) {
    for (wg_engine *engine = list.first; engine; engine = engine->after) {
        engine->running = 0;
        wg_pool_forked(engine->pool);
    }
    unlock_all();
}

bool wg_fork_watch(wg_engine *engine) {
    pthread_mutex_lock(&list.lock);
    if (!list.watched) list.watched = pthread_atfork(before_fork, unlock_all, in_child) == 0;
    const bool watched = list.watched;
    if (watched) {
        engine->after = list.first;
        if (list.first) list.first->before = engine;
        list.first = engine;
    }
    pthread_mutex_unlock(&list.lock);
    return watched;
}

void wg_fork_forget(wg_engine *engine) {
    pthread_mutex_lock(&list.lock);
    if (engine->after) engine->after->before = engine->before;
    if (engine->before) engine->before->after = engine->after;
    if (list.first == engine) list.first = engine->after;
    pthread_mutex_unlock(&list.lock);
}
