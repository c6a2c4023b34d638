/* save — the place of a loader, into a checkpoint and out of one. */
#ifndef WG_DATA_SAVE_H
#define WG_DATA_SAVE_H

#include "io/parcel.h"
#include <wengert/data.h>

/* Adds place and seed of the loader to the parcel, and what they are good for. */
void wg_loader_pack(const wg_loader *loader, wg_parcel *parcel);

/* Loading in two halves: see wg_model_change. */
typedef struct wg_loader_change {
    wg_loader *loader;
    uint64_t seed;
    int64_t epoch, position;
} wg_loader_change;
int wg_loader_prepare(wg_loader_change *change, wg_loader *loader, const wg_safetensors *file,
                      const char *path, wg_error *error);
void wg_loader_commit(const wg_loader_change *change);

#endif
