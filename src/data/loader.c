/* loader — gives out batches; with `prefetch` a thread makes them ahead, through epoch after epoch.
 *
 * The thread alone touches the wg_batches, but for the `busy` of its slots; the caller alone touches what
 * says how far it has come. Between them, under the lock: the queue of filled slots, `busy`, and the error
 * at which the thread stopped. An error waits behind the batches that were made before it. To go elsewhere
 * the caller sets `paused`, and the wg_batches are its own once the thread is no longer `filling`. */
#include "data/loader.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct wg_loader {
    wg_batches batches;
    wg_slot *given; /* the batch that the caller has; NULL: none */
    int64_t position, epoch;
    wg_error error; /* that the caller has met */

    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled, wanted; /* a batch has been made, or an error; something to do */
    wg_slot **queue;               /* a ring of `prefetch` */
    int prefetch, first, waiting;
    wg_error failure; /* at which the thread stopped, until it is told to go on */
    bool filling, paused, stop;
};

/* --- The thread ------------------------------------------------------------------------------- */

/* Makes one batch. The lock is held, but not while the batch is filled. */
static void prepare(wg_loader *loader) {
    wg_error error;
    wg_slot *slot = wg_batches_take(&loader->batches);
    loader->filling = true;
    pthread_mutex_unlock(&loader->lock);
    const int status = wg_batches_fill(&loader->batches, slot, &error);
    pthread_mutex_lock(&loader->lock);
    loader->filling = false;
    if (status) {
        slot->busy = false;
        loader->failure = error;
    } else
        loader->queue[(loader->first + loader->waiting++) % loader->prefetch] = slot;
    pthread_cond_signal(&loader->filled);
}

static void *prepare_ahead(void *context) {
    wg_loader *loader = context;
    pthread_mutex_lock(&loader->lock);
    while (!loader->stop) {
        if (loader->waiting < loader->prefetch && !loader->failure.status && !loader->paused)
            prepare(loader);
        else
            pthread_cond_wait(&loader->wanted, &loader->lock);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* Signals are the program's own business: none is delivered to this thread. */
static void start_thread(wg_loader *loader) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    loader->threaded = pthread_create(&loader->thread, NULL, prepare_ahead, loader) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void stop_thread(wg_loader *loader) {
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_signal(&loader->wanted);
    pthread_mutex_unlock(&loader->lock);
    pthread_join(loader->thread, NULL);
}

/* --- Life ------------------------------------------------------------------------------------- */

static int check_options(wg_dataset *dataset, int64_t batch_size, const wg_loader_options *options,
                         wg_error *error) {
    enum { MOST = 1 << 20 };
    if (!dataset) return wg_error_set(error, WG_ERROR_NAME, "a loader without a data set");
    if (batch_size < 1)
        return wg_error_set(error, WG_ERROR_ATTRIBUTE, "a loader of batches of %lld; expected at least 1",
                            (long long)batch_size);
    if (options->prefetch < 0 || options->prefetch > MOST)
        return wg_error_set(error, WG_ERROR_ATTRIBUTE, "a loader with prefetch %d; expected 0 to %d",
                            options->prefetch, MOST);
    return WG_OK;
}

static int start_queue(wg_loader *loader, int prefetch, wg_error *error) {
    loader->prefetch = prefetch;
    loader->queue = calloc((size_t)prefetch + 1, sizeof *loader->queue);
    if (!loader->queue) return wg_error_set(error, WG_ERROR_MEMORY, "no memory for a loader");
    if (prefetch > 0) start_thread(loader);
    return WG_OK;
}

wg_loader *(wg_loader_new)(wg_dataset *dataset, int64_t batch_size, wg_error *error,
                           const wg_loader_options *options) {
    wg_loader_options known = {0}; /* a program of an older library has fewer */
    if (options) memcpy(&known, options, options->size_ < sizeof known ? options->size_ : sizeof known);
    if (check_options(dataset, batch_size, &known, error)) return NULL;
    wg_loader *loader = calloc(1, sizeof *loader);
    if (!loader) {
        wg_error_set(error, WG_ERROR_MEMORY, "no memory for a loader");
        return NULL;
    }
    /* With default attributes these take nothing from the system and cannot fail. */
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->filled, NULL);
    pthread_cond_init(&loader->wanted, NULL);
    if (wg_batches_init(&loader->batches, dataset, batch_size, known.prefetch, &known, error) ||
        start_queue(loader, known.prefetch, error)) {
        wg_loader_free(loader);
        return NULL;
    }
    return loader;
}

void wg_loader_free(wg_loader *loader) {
    if (!loader) return;
    if (loader->threaded) stop_thread(loader);
    pthread_cond_destroy(&loader->wanted);
    pthread_cond_destroy(&loader->filled);
    pthread_mutex_destroy(&loader->lock);
    wg_batches_free(&loader->batches);
    free(loader->queue);
    free(loader);
}

/* --- Giving out ------------------------------------------------------------------------------- */

/* The next slot from the queue, or NULL and the error. Takes back the one given out before. */
static wg_slot *next_prepared(wg_loader *loader) {
    wg_slot *slot = NULL;
    pthread_mutex_lock(&loader->lock);
    if (loader->given) loader->given->busy = false;
    while (loader->waiting == 0 && !loader->failure.status) pthread_cond_wait(&loader->filled, &loader->lock);
    if (loader->waiting > 0) {
        slot = loader->queue[loader->first];
        loader->first = (loader->first + 1) % loader->prefetch;
        loader->waiting--;
        pthread_cond_signal(&loader->wanted);
    } else
        loader->error = loader->failure;
    pthread_mutex_unlock(&loader->lock);
    return slot;
}

/* The same without a thread. */
static wg_slot *next_made(wg_loader *loader) {
    if (loader->given) loader->given->busy = false;
    wg_slot *slot = wg_batches_take(&loader->batches);
    if (!wg_batches_fill(&loader->batches, slot, &loader->error)) return slot;
    slot->busy = false;
    return NULL;
}

bool wg_loader_next(wg_loader *loader, wg_batch *batch) {
    if (!batch) return false;
    *batch = (wg_batch){0};
    if (!loader || loader->error.status) return false;
    if (loader->position == loader->batches.count) {
        loader->position = 0;
        loader->epoch++;
        return false;
    }
    loader->given = loader->threaded ? next_prepared(loader) : next_made(loader);
    if (!loader->given) return false;
    *batch = (wg_batch){.x = loader->given->x, .y = loader->given->y};
    loader->position++;
    return true;
}

int wg_loader_status(const wg_loader *loader, wg_error *error) {
    if (!loader) return wg_error_set(error, WG_ERROR_MEMORY, "no loader");
    if (loader->error.status && error) *error = loader->error;
    return loader->error.status;
}

int wg_loader_recover(wg_loader *loader, wg_error *error) {
    const int status = wg_loader_status(loader, error);
    if (!loader || !status) return status;
    loader->error.status = WG_OK;
    pthread_mutex_lock(&loader->lock);
    loader->failure.status = WG_OK;
    pthread_cond_signal(&loader->wanted);
    pthread_mutex_unlock(&loader->lock);
    return status;
}

/* --- Going elsewhere -------------------------------------------------------------------------- */

#define MOST_EPOCHS (INT64_MAX / 2) /* no program ends so many */

/* What has been made ahead, or was given out, is for another place; so is what went wrong. */
static void drop_all(wg_loader *loader) {
    if (loader->given) loader->given->busy = false;
    loader->given = NULL;
    for (; loader->waiting > 0; loader->waiting--) {
        loader->queue[loader->first]->busy = false;
        loader->first = (loader->first + 1) % loader->prefetch;
    }
    loader->failure.status = loader->error.status = WG_OK;
}

void wg_loader_go(wg_loader *loader, uint64_t seed, int64_t epoch, int64_t position) {
    const int64_t count = loader->batches.count;
    pthread_mutex_lock(&loader->lock);
    loader->paused = true;
    while (loader->filling) pthread_cond_wait(&loader->filled, &loader->lock);
    drop_all(loader);
    loader->batches.seed = seed;
    wg_batches_seek(&loader->batches, epoch + (position == count), position % count);
    loader->paused = false;
    pthread_cond_signal(&loader->wanted);
    pthread_mutex_unlock(&loader->lock);
    loader->epoch = epoch;
    loader->position = position;
}

int wg_loader_check_place(const wg_loader *loader, int64_t epoch, int64_t position, wg_error *error) {
    const int64_t count = loader->batches.count;
    if (epoch >= 0 && epoch <= MOST_EPOCHS && position >= 0 && position <= count) return WG_OK;
    return wg_error_set(error, WG_ERROR_INDEX,
                        "epoch %lld, position %lld: no place in a loader of %lld batches", (long long)epoch,
                        (long long)position, (long long)count);
}

int wg_loader_seek(wg_loader *loader, int64_t epoch, int64_t position, wg_error *error) {
    if (!loader) return wg_error_set(error, WG_ERROR_MEMORY, "no loader");
    const int status = wg_loader_check_place(loader, epoch, position, error);
    if (!status) wg_loader_go(loader, loader->batches.seed, epoch, position);
    return status;
}

const wg_batches *wg_loader_inside(const wg_loader *loader) { return &loader->batches; }

int64_t wg_loader_batches(const wg_loader *loader) { return loader ? loader->batches.count : 0; }
int64_t wg_loader_position(const wg_loader *loader) { return loader ? loader->position : 0; }
int64_t wg_loader_epoch(const wg_loader *loader) { return loader ? loader->epoch : 0; }
