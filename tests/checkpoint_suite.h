/* checkpoint_suite.h — a small training with everything that a checkpoint has to bring back: shuffled batches
 * made ahead, the last one of an epoch smaller, dropout, AdamW along a schedule, clipping.
 *
 * Nothing here asserts, so that calls may be made to fail: `begin` and `walk` return a wg_status. */
#ifndef WG_TESTS_CHECKPOINT_SUITE_H
#define WG_TESTS_CHECKPOINT_SUITE_H

#include "io_suite.h"

enum { SAMPLES = 22, FEATURES = 5, CLASSES = 3, BATCH = 4, EPOCH = 6, STEPS = 15 }; /* 2.5 epochs */

typedef struct training {
    wg_model *model;
    wg_optimizer *optimizer;
    wg_loader *loader;
    wg_tape *tape;
} training;

typedef wg_optimizer *(*optimizer_maker)(wg_model *model);
typedef struct way {
    uint64_t seed;
    optimizer_maker optimizer;          /* NULL: adamw */
    int64_t samples, batch_size, units; /* 0: as above; 8 */
    bool in_order, drop_last;
    int prefetch;
    wg_dtype dtype; /* of samples and parameters; none: f32 */
} way;

static wg_error error;

static inline int give_sample(void *context, int64_t index, void *x, void *y, wg_error *told) {
    const int64_t class = index % CLASSES;
    (void)told;
    for (int i = 0; i < FEATURES; i++) {
        const double number = (double)(class == i) + (double)(7 * index % 11 + i) / 16;
        if (*(const wg_dtype *)context == WG_F64)
            ((double *)x)[i] = number;
        else
            ((float *)x)[i] = (float)number;
    }
    memcpy(y, &class, sizeof class);
    return WG_OK;
}

static inline wg_optimizer *make_adamw(wg_model *model) {
    wg_optimizer *adamw = wg_adamw(model, 0.02, .clip_norm = 0.5);
    wg_set_schedule(adamw, WG_COSINE, .warm_up = 4, .steps = STEPS);
    return adamw;
}

/* In whatever way it fails, `end` is due. */
static inline int begin(training *t, const way *how) {
    static wg_dtype dtypes[] = {WG_F32, WG_F64};
    const bool wide = how->dtype == WG_F64;
    const wg_type x = {.dtype = dtypes[wide], .rank = 1, .extent = {FEATURES}}, y = {.dtype = WG_I64};
    *t = (training){.model = wg_model_new(.seed = how->seed), .tape = wg_tape_new()};
    t->optimizer = how->optimizer ? how->optimizer(t->model) : make_adamw(t->model);
    wg_dataset *set = wg_dataset_of_function(how->samples ? how->samples : SAMPLES, &x, &y, give_sample,
                                             &error, .context = &dtypes[wide]);
    if (set)
        t->loader =
            wg_loader_new(set, how->batch_size ? how->batch_size : BATCH, &error, .seed = how->seed,
                          .shuffle = !how->in_order, .prefetch = how->prefetch, .drop_last = how->drop_last);
    wg_dataset_free(set);
    return t->model && t->tape && t->optimizer && t->loader ? WG_OK : WG_ERROR_MEMORY;
}

static inline void end(training *t) {
    wg_tape_free(t->tape);
    wg_optimizer_free(t->optimizer);
    wg_loader_free(t->loader);
    wg_model_free(t->model);
}

/* So many steps from where it is. */
static inline int walk(training *t, int steps, const way *how) {
    const int64_t units = how->units ? how->units : 8;
    for (wg_batch b; steps > 0;) {
        if (!wg_loader_next(t->loader, &b)) {
            if (wg_loader_status(t->loader, &error)) return error.status;
            continue; /* the next epoch */
        }
        wg_var hidden = wg_relu(wg_linear(t->model, "hidden", wg_input(t->tape, b.x), units));
        wg_var logits = wg_linear(t->model, "output", wg_dropout(t->model, "drop", hidden, 0.3), CLASSES);
        wg_var loss = wg_softmax_cross_entropy(logits, wg_input(t->tape, b.y));
        wg_minimize(t->optimizer, loss);
        if (wg_eval(loss)) return wg_tape_recover(t->tape, &error);
        wg_tape_clear(t->tape);
        steps--;
    }
    return WG_OK;
}

static inline int save(const char *path, const training *t) {
    return wg_checkpoint_save(path, &error, .model = t->model, .optimizer = t->optimizer,
                              .loader = t->loader);
}
static inline int load(const char *path, const training *t) {
    return wg_checkpoint_load(path, &error, .model = t->model, .optimizer = t->optimizer,
                              .loader = t->loader);
}

static inline bool same_tensor(const wg_state *a, const wg_state *b) {
    const wg_type type = wg_tensor_type(wg_state_tensor(a)), other = wg_tensor_type(wg_state_tensor(b));
    return !memcmp(&type, &other, sizeof type) &&
           !memcmp(wg_tensor_data(wg_state_tensor(a)), wg_tensor_data(wg_state_tensor(b)),
                   (size_t)wg_tensor_count(wg_state_tensor(a)) * wg_dtype_size(type.dtype));
}

/* The bits of every parameter, of the optimizer's memory, the step, the seed, the rate; the loader's place.
 */
static inline bool same_training(const training *a, const training *b) {
    bool same = wg_model_count(a->model) == wg_model_count(b->model) &&
                wg_optimizer_count(a->optimizer) == wg_optimizer_count(b->optimizer) &&
                wg_model_step(a->model) == wg_model_step(b->model) &&
                wg_model_seed(a->model) == wg_model_seed(b->model) &&
                wg_learning_rate(a->optimizer) == wg_learning_rate(b->optimizer) &&
                wg_loader_epoch(a->loader) == wg_loader_epoch(b->loader) &&
                wg_loader_position(a->loader) == wg_loader_position(b->loader);
    for (int i = 0; same && i < wg_model_count(a->model); i++)
        same = same_tensor(wg_model_parameter(a->model, i)->state, wg_model_parameter(b->model, i)->state);
    for (int i = 0; same && i < wg_optimizer_count(a->optimizer); i++) {
        const wg_optimizer_memory one = wg_optimizer_state(a->optimizer, i);
        const wg_optimizer_memory other = wg_optimizer_state(b->optimizer, i);
        same = !strcmp(one.parameter, other.parameter) && !strcmp(one.name, other.name) &&
               same_tensor(one.state, other.state);
    }
    return same;
}

#endif
