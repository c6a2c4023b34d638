/* loader — the two halves of a wg_loader: what makes a batch, and what gives it out.
 *
 *     batches.c   order of samples, memory for batches, filling them: knows no threads
 *     loader.c    the queue between the thread that fills and the thread that asks */
#ifndef WG_DATA_LOADER_H
#define WG_DATA_LOADER_H

#include "data/dataset.h"

/* Memory for a batch. The loader is one owner; others may have joined it. */
typedef struct wg_slot {
    wg_tensor *x, *y;
    int64_t rows; /* 0: nothing there yet */
    bool busy;    /* being filled, waiting, or given out */
} wg_slot;

typedef struct wg_batches {
    wg_dataset *dataset;
    int64_t batch_size, count; /* `count` batches an epoch */
    int64_t *order;            /* of this epoch; NULL: 0, 1, 2, … */
    uint64_t seed;
    double *mean, *std; /* `channels` of each; NULL: numbers as they are */
    int64_t channels;
    int64_t epoch, next; /* the batch to be made next */
    wg_slot *slots;
    int slot_count;
} wg_batches;

/* `ahead` batches may be busy at a time beside the one being filled and the one given out. */
int wg_batches_init(wg_batches *batches, wg_dataset *dataset, int64_t batch_size, int ahead,
                    const wg_loader_options *options, wg_error *error);
void wg_batches_free(wg_batches *batches);

/* A slot that is not busy for the next batch: one of its size of which the loader is the only owner, if there
 * is one. Makes it busy. */
wg_slot *wg_batches_take(wg_batches *batches);

/* Fills the slot with the next batch, taking memory if it has none of the size; moves on where that went
 * well. */
int wg_batches_fill(wg_batches *batches, wg_slot *slot, wg_error *error);

/* Batch `next` of `epoch` is made next. */
void wg_batches_seek(wg_batches *batches, int64_t epoch, int64_t next);

/* loader.c: wg_loader_seek in two halves, with another seed as well. The second needs a place that the first
 * has let pass, and cannot fail. */
int wg_loader_check_place(const wg_loader *loader, int64_t epoch, int64_t position, wg_error *error);
void wg_loader_go(wg_loader *loader, uint64_t seed, int64_t epoch, int64_t position);

/* To read what the thread never changes: data set, sizes, seed, and whether there is an order. */
const wg_batches *wg_loader_inside(const wg_loader *loader);

#endif
