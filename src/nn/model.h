/* model — inside view of a model, for the files of this room. */
#ifndef WG_NN_MODEL_H
#define WG_NN_MODEL_H

#include "base/base.h"
#include "io/parcel.h"
#include <wengert/model.h>

/* A parameter's path has at most this many bytes, its end included. */
enum { WG_PATH_SIZE = 512 };

typedef struct wg_entry {
    wg_parameter_info info;
    char path[];
} wg_entry;

/* What wg_model_freeze was told about a path. */
typedef struct wg_freeze {
    char *path;
    bool frozen;
} wg_freeze;

struct wg_model {
    uint64_t seed;
    bool training;
    wg_state *step;
    wg_entry **entries; /* ordered by path */
    size_t entry_count, entry_capacity;
    wg_freeze *freezes; /* in the order of the calls */
    size_t freeze_count, freeze_capacity;
};

/* Puts the tape's scope and the name together. False, with an error on the tape, if that is no path. */
bool wg_path_join(char path[WG_PATH_SIZE], wg_tape *tape, const char *name);

/* The place of the path's entry or, where there is none, the place for it. */
size_t wg_model_place(const wg_model *model, const char *path, bool *found);

/* Adds an entry, which retains the state. A wg_status. */
int wg_model_add(wg_model *model, const char *path, wg_state *state, bool met, wg_error *error);

/* Takes all entries out again. */
void wg_model_empty(wg_model *model);

/* init.c: fills a tensor of f32 or f64 with initial values. */
int wg_init_fill(wg_tensor *tensor, wg_init init, double scale, uint64_t seed, const char *path,
                 wg_error *error);

/* --- save.c: models in files ------------------------------------------------------------------- */

/* Adds all parameters to the parcel. */
void wg_model_pack(const wg_model *model, wg_parcel *parcel, const char *prefix);

/* Loading in two halves. The first reads all that the file, a checkpoint or a model alone, has for the model
 * and holds it against the model: it can fail, and changes nothing. The second cannot fail. */
typedef struct wg_model_change {
    wg_model *model;
    wg_model loaded; /* parameters and seed to be */
    wg_tensor *step; /* NULL: the file has none */
} wg_model_change;
int wg_model_prepare(wg_model_change *change, wg_model *model, wg_safetensors *file, const char *path,
                     wg_error *error);
void wg_model_commit(wg_model_change *change);
void wg_model_discard(wg_model_change *change); /* after either half; of {0} harmless */

#endif
