/* hash — what the files of `wengert hash` share: models, settings, and what a training under a setting gives.
 */
#ifndef WG_CLI_HASH_H
#define WG_CLI_HASH_H

#include "cli/cli.h"
#include <stdatomic.h>
#include "cli/sha256.h"

/* --- Models: hash_models.c -------------------------------------------------------------------------- */

enum { HASH_MODELS = 4, HASH_HIDDEN = 6 };

/* What a model records: the loss, and values on the way to it. */
typedef struct hash_network {
    wg_var x, y, loss, hidden[HASH_HIDDEN];
    int hidden_count;
    bool recompute; /* shall the first layers be computed again for the backward pass? */
} hash_network;

typedef struct hash_model {
    const char *name;
    int64_t features[3]; /* of a sample; 0: no such axis */
    int64_t samples, batch;
    wg_var (*record)(wg_model *model, wg_var x, hash_network *network); /* gives the logits */
    wg_optimizer *(*optimizer)(wg_model *model);
} hash_model;

extern const hash_model hash_models[HASH_MODELS];

/* The network over network->x and y, its loss and what lies between. */
void hash_record(const hash_model *which, wg_model *model, hash_network *network);

/* Numbers that are the same everywhere, in samples of the model's shape. Counts in *elsewhere the samples
 * that were made by another thread than the one that called this. NULL on failure. */
wg_dataset *hash_data(const hash_model *which, wg_dtype dtype, atomic_int *elsewhere, wg_error *error);

/* --- A training under a setting: hash_train.c -------------------------------------------------------- */

/* How a training is carried out. All zeros but for the threads: the plain way. */
typedef struct hash_setting {
    char name[56];
    const char *isa;             /* forced by WG_ISA */
    const char *disable;         /* a pass */
    int threads, most_elsewhere; /* and the most that a setting with fewer threads has */
    int prefetch;
    wg_executor executor;
    int budget;     /* percent of the way from the least memory to what the plain way takes; 0: none */
    bool fresh;     /* every step plans anew */
    bool rerun;     /* a step of the same shape is not recorded again */
    bool split;     /* the forward pass is evaluated, and then the rest */
    bool keep;      /* values on the way are kept */
    bool recompute; /* the first layers are computed again for the backward pass */
    bool resume;    /* stops half-way, saves all, and goes on with what it loads into new objects */
} hash_setting;

/* A plan as it is told of, and how many pieces of the arena it has. */
typedef struct hash_plan {
    wg_plan_info info;
    size_t buffers;
} hash_plan;

typedef struct hash_result {
    int status;      /* wg_status; a setting that this machine or build lacks is WG_ERROR_UNSUPPORTED */
    bool is_proved;  /* did it differ from the plain way as its setting says? */
    char proof[200]; /* what shows it; of a failure: the message */
    char hash[SHA256_TEXT];
    hash_plan plan; /* of the last step */
} hash_result;

/* Trains, hashes the weights, and gathers what shows how it was done; `plain` is the plan of the plain way,
 * which some settings are held against. Sets environment variables: one setting in a process. */
void hash_train(const hash_model *which, wg_dtype dtype, const hash_setting *setting, const hash_plan *plain,
                hash_result *result);

#endif
