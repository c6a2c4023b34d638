/* save — see save.h; io/checkpoint.h says how things are named. */
#include "data/save.h"
#include "data/loader.h"
#include "io/checkpoint.h"

/* What a place means something for: equal numbers, equal places. */
enum { SIZES = 4 };
typedef struct size {
    const char *key, *what;
    int64_t number;
} size;

static void read_sizes(size sizes[SIZES], const wg_loader *loader) {
    const wg_batches *batches = wg_loader_inside(loader);
    sizes[0] = (size){WG_LOADER_LENGTH, "samples", wg_dataset_length(batches->dataset)};
    sizes[1] = (size){WG_LOADER_BATCH_SIZE, "samples a batch", batches->batch_size};
    sizes[2] = (size){WG_LOADER_BATCHES, "batches an epoch", batches->count};
    sizes[3] = (size){WG_LOADER_SHUFFLE, "for shuffle", batches->order != NULL};
}

void wg_loader_pack(const wg_loader *loader, wg_parcel *parcel) {
    size sizes[SIZES];
    read_sizes(sizes, loader);
    for (int i = 0; i < SIZES; i++) wg_parcel_number(parcel, sizes[i].key, (uint64_t)sizes[i].number);
    wg_parcel_number(parcel, WG_LOADER_SEED, wg_loader_inside(loader)->seed);
    wg_parcel_number(parcel, WG_LOADER_EPOCH, (uint64_t)wg_loader_epoch(loader));
    wg_parcel_number(parcel, WG_LOADER_POSITION, (uint64_t)wg_loader_position(loader));
}

static int check_sizes(const wg_loader *loader, const wg_safetensors *file, const char *path,
                       wg_error *error) {
    size sizes[SIZES];
    read_sizes(sizes, loader);
    for (int i = 0; i < SIZES; i++) {
        uint64_t number;
        const int status = wg_file_number(file, path, sizes[i].key, INT64_MAX, &number, error);
        if (status) return status;
        if ((int64_t)number != sizes[i].number)
            return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                                "%.400s does not fit the loader: it has %lld %s, the loader %lld", path,
                                (long long)number, sizes[i].what, (long long)sizes[i].number);
    }
    return WG_OK;
}

int wg_loader_prepare(wg_loader_change *change, wg_loader *loader, const wg_safetensors *file,
                      const char *path, wg_error *error) {
    uint64_t seed = 0, epoch = 0, position = 0;
    if (!wg_safetensors_metadata(file, WG_LOADER_LENGTH))
        return wg_error_set(error, WG_ERROR_NAME, "%.400s: a checkpoint without a loader", path);
    int status = check_sizes(loader, file, path, error);
    if (!status) status = wg_file_number(file, path, WG_LOADER_SEED, UINT64_MAX, &seed, error);
    if (!status) status = wg_file_number(file, path, WG_LOADER_EPOCH, INT64_MAX, &epoch, error);
    if (!status) status = wg_file_number(file, path, WG_LOADER_POSITION, INT64_MAX, &position, error);
    *change = (wg_loader_change){loader, seed, (int64_t)epoch, (int64_t)position};
    if (!status && wg_loader_check_place(loader, change->epoch, change->position, NULL))
        status = wg_error_set(error, WG_ERROR_FORMAT, "%.400s: no loader is at epoch %lld, position %lld",
                              path, (long long)change->epoch, (long long)change->position);
    return status;
}

void wg_loader_commit(const wg_loader_change *change) {
    wg_loader_go(change->loader, change->seed, change->epoch, change->position);
}
