/* batches — which samples make the next batch, in which memory, and with which numbers. */
#include "data/loader.h"
#include "data/shuffle.h"
#include <math.h>
#include <stdlib.h>

/* So many batches a program may keep, to accumulate gradients over say, and the loader uses their memory
 * again once it has let go of them. What it keeps beyond is its own, and the loader takes new memory. */
enum { KEPT_SLOTS = 8 };

/* --- Beginning -------------------------------------------------------------------------------- */

static int no_memory(wg_error *error) {
    return wg_error_set(error, WG_ERROR_MEMORY, "no memory for a loader");
}

static int check_normalisation(const wg_batches *batches, const wg_loader_options *o, wg_error *error) {
    const wg_type type = wg_dataset_x(batches->dataset);
    const bool each = o->channel_mean || o->channel_std;
    if ((o->mean != 0 && o->channel_mean) || (o->std != 0 && o->channel_std))
        return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                            "a loader with both mean and channel_mean, or std and channel_std; give one");
    if (!wg_dtype_real(type.dtype))
        return wg_error_set(error, WG_ERROR_DTYPE, "a loader that normalises x of %s; expected f32 or f64",
                            wg_dtype_name(type.dtype));
    if (each && type.rank == 0)
        return wg_error_set(error, WG_ERROR_SHAPE,
                            "a loader with channel_mean or channel_std for scalars; expected mean and std");
    for (int64_t c = 0; c < (each ? type.extent[0] : 1); c++) {
        const double mean = o->channel_mean ? o->channel_mean[c] : o->mean;
        const double std = o->channel_std ? o->channel_std[c] : o->std != 0 ? o->std : 1;
        if (!isfinite(mean) || !isfinite(std) || !(std > 0))
            return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                                "a loader with mean %g and std %g; expected finite numbers, std above 0",
                                mean, std);
    }
    return WG_OK;
}

static int init_normalisation(wg_batches *batches, const wg_loader_options *o, wg_error *error) {
    const bool each = o->channel_mean || o->channel_std;
    if (!each && o->mean == 0 && o->std == 0) return WG_OK;
    const int status = check_normalisation(batches, o, error);
    if (status) return status;
    batches->channels = each ? wg_dataset_x(batches->dataset).extent[0] : 1;
    batches->mean = calloc((size_t)batches->channels + 1, sizeof *batches->mean);
    batches->std = calloc((size_t)batches->channels + 1, sizeof *batches->std);
    if (!batches->mean || !batches->std) return no_memory(error);
    for (int64_t c = 0; c < batches->channels; c++) {
        batches->mean[c] = o->channel_mean ? o->channel_mean[c] : o->mean;
        batches->std[c] = o->channel_std ? o->channel_std[c] : o->std != 0 ? o->std : 1;
    }
    return WG_OK;
}

static wg_type batch_type(const wg_type *sample, int64_t rows) {
    wg_type type = {.dtype = sample->dtype, .rank = sample->rank + 1, .extent = {rows}};
    for (int i = 0; i < sample->rank; i++) type.extent[i + 1] = sample->extent[i];
    return type;
}

/* --- Memory ----------------------------------------------------------------------------------- */

static void empty_slot(wg_slot *slot) {
    wg_tensor_free(slot->x);
    wg_tensor_free(slot->y);
    *slot = (wg_slot){.busy = slot->busy};
}

static int64_t next_rows(const wg_batches *batches) {
    const int64_t begin = batches->next * batches->batch_size;
    return wg_smaller(batches->batch_size, wg_dataset_length(batches->dataset) - begin);
}

static bool kept_by_others(const wg_slot *slot) {
    return wg_tensor_owners(slot->x) > 1 || wg_tensor_owners(slot->y) > 1;
}

/* At most ahead + 2 slots are busy, so that one is always found. */
wg_slot *wg_batches_take(wg_batches *batches) {
    const int64_t rows = next_rows(batches);
    wg_slot *empty = NULL, *kept = NULL, *other = NULL;
    for (int i = 0; i < batches->slot_count; i++) {
        wg_slot *slot = &batches->slots[i];
        if (slot->busy) continue;
        if (slot->rows == 0)
            empty = slot;
        else if (kept_by_others(slot))
            kept = slot;
        else if (slot->rows != rows)
            other = slot;
        else {
            slot->busy = true;
            return slot;
        }
    }
    wg_slot *slot = empty ? empty : kept ? kept : other;
    slot->busy = true;
    return slot;
}

static int provide(const wg_batches *batches, wg_slot *slot, int64_t rows, wg_error *error) {
    if (slot->rows == rows && !kept_by_others(slot)) return WG_OK;
    const wg_type x = wg_dataset_x(batches->dataset), y = wg_dataset_y(batches->dataset);
    const wg_type x_batch = batch_type(&x, rows), y_batch = batch_type(&y, rows);
    empty_slot(slot);
    slot->x = wg_tensor_of_type(&x_batch, error);
    if (slot->x && y.dtype) slot->y = wg_tensor_of_type(&y_batch, error);
    if (slot->x && (slot->y || !y.dtype)) {
        slot->rows = rows;
        return WG_OK;
    }
    empty_slot(slot);
    return WG_ERROR_MEMORY;
}

/* Takes all memory that batches need while nobody keeps one: of `busy` batches in a row, so that how far
 * ahead they are made, which is a matter of time, never asks for more. */
static int reserve(wg_batches *batches, bool drop_last, int busy, wg_error *error) {
    const int64_t length = wg_dataset_length(batches->dataset), size = batches->batch_size;
    const int64_t rest = drop_last ? 0 : length % size, epochs = (busy + batches->count - 1) / batches->count;
    int slot = 0, status = WG_OK;
    for (int i = 0; i < busy && length >= size && !status; i++)
        status = provide(batches, &batches->slots[slot++], size, error);
    for (int64_t i = 0; i < epochs && rest && !status; i++)
        status = provide(batches, &batches->slots[slot++], rest, error);
    return status;
}

/* --- Life ------------------------------------------------------------------------------------- */

/* Batches of an epoch, and does one fit in memory that can be addressed? */
static int count_batches(wg_batches *batches, bool drop_last, wg_error *error) {
    const int64_t length = wg_dataset_length(batches->dataset), size = batches->batch_size;
    const wg_type x = wg_dataset_x(batches->dataset), y = wg_dataset_y(batches->dataset);
    const wg_type x_batch = batch_type(&x, wg_smaller(size, length)),
                  y_batch = batch_type(&y, wg_smaller(size, length));
    char text[WG_TEXT_SIZE];
    const wg_type *large = !wg_type_fits(&x_batch) ? &x_batch : !wg_type_fits(&y_batch) ? &y_batch : NULL;
    if (large)
        return wg_error_set(error, WG_ERROR_SHAPE, "a batch is %s, more than 2^63 bytes",
                            wg_type_text(text, large, true));
    batches->count = length / size + (!drop_last && length % size ? 1 : 0);
    if (batches->count > 0) return WG_OK;
    return wg_error_set(error, WG_ERROR_SHAPE, "a loader without a batch: %lld samples in batches of %lld%s",
                        (long long)length, (long long)size, drop_last ? ", the last one dropped" : "");
}

int wg_batches_init(wg_batches *batches, wg_dataset *dataset, int64_t batch_size, int ahead,
                    const wg_loader_options *options, wg_error *error) {
    *batches =
        (wg_batches){.dataset = wg_dataset_retain(dataset), .batch_size = batch_size, .seed = options->seed};
    int status = count_batches(batches, options->drop_last, error);
    if (!status) status = init_normalisation(batches, options, error);
    if (status) return status;
    if (options->shuffle) {
        batches->order = calloc((size_t)wg_dataset_length(dataset), sizeof *batches->order);
        if (!batches->order) return no_memory(error);
    }
    /* Full batches and last ones have memory of their own. */
    batches->slot_count = 2 * (ahead + 2) + KEPT_SLOTS;
    batches->slots = calloc((size_t)batches->slot_count, sizeof *batches->slots);
    return batches->slots ? reserve(batches, options->drop_last, ahead + 2, error) : no_memory(error);
}

void wg_batches_free(wg_batches *batches) {
    for (int i = 0; batches->slots && i < batches->slot_count; i++) empty_slot(&batches->slots[i]);
    free(batches->slots);
    free(batches->order);
    free(batches->mean);
    free(batches->std);
    wg_dataset_free(batches->dataset);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

#define NORMALISE(T)                                                            \
    static void normalise_##T(const wg_batches *batches, T *x, int64_t inner) { \
        for (int64_t c = 0; c < batches->channels; c++, x += inner) {           \
            const T mean = (T)batches->mean[c], std = (T)batches->std[c];       \
            for (int64_t i = 0; i < inner; i++) x[i] = (x[i] - mean) / std;     \
        }                                                                       \
    }
NORMALISE(float)
NORMALISE(double)

static void normalise(const wg_batches *batches, void *x, const wg_type *sample) {
    if (batches->channels == 0) return;
    const int64_t inner = wg_type_count(sample) / batches->channels;
    if (sample->dtype == WG_F32)
        normalise_float(batches, x, inner);
    else
        normalise_double(batches, x, inner);
}

static void put_in_order(wg_batches *batches) {
    if (!batches->order) return;
    wg_shuffle(batches->order, wg_dataset_length(batches->dataset), batches->seed, (uint64_t)batches->epoch);
}

void wg_batches_seek(wg_batches *batches, int64_t epoch, int64_t next) {
    batches->epoch = epoch;
    batches->next = next;
    if (next > 0) put_in_order(batches); /* else the first batch does it */
}

int wg_batches_fill(wg_batches *batches, wg_slot *slot, wg_error *error) {
    const int64_t rows = next_rows(batches), begin = batches->next * batches->batch_size;
    int status = provide(batches, slot, rows, error);
    if (status) return status;
    if (batches->next == 0) put_in_order(batches);
    const wg_type x_type = wg_dataset_x(batches->dataset), y_type = wg_dataset_y(batches->dataset);
    char *x = wg_tensor_writable(slot->x), *y = wg_tensor_writable(slot->y);
    const size_t x_bytes = wg_type_bytes(&x_type), y_bytes = wg_type_bytes(&y_type);
    for (int64_t row = 0; row < rows && !status; row++, x += x_bytes) {
        const int64_t index = batches->order ? batches->order[begin + row] : begin + row;
        status = wg_dataset_get(batches->dataset, index, x, y, error);
        if (!status) normalise(batches, x, &x_type);
        if (y) y += y_bytes;
    }
    if (!status && ++batches->next == batches->count) {
        batches->next = 0;
        batches->epoch++;
    }
    return status;
}
