/* hash_train — one training under one setting: the weights' hash, and what shows that the setting was in
 * force. */
#include "cli/hash.h"
#include <unistd.h>

enum { STEPS = 10, STOP = 6 /* steps, in the middle of an epoch */ };

/* All that one training needs. */
typedef struct training {
    const hash_model *which;
    const hash_setting *setting;
    const hash_plan *plain;
    hash_result *result;
    wg_dtype dtype;
    wg_engine *engine;
    wg_tape *tape, *other;
    wg_dataset *data;
    wg_loader *loader;
    wg_model *model;
    wg_optimizer *optimizer;
    hash_network network; /* as recorded last */
    size_t budget;        /* in bytes; 0: none */
    int64_t rows;         /* of the batch that it was recorded for; 0: nothing is recorded */
    atomic_int elsewhere; /* samples that another thread made */
    int64_t resumed_at;   /* the model's step when it had been loaded */
    int reruns;           /* steps that were not recorded */
    int kept;             /* values that could be read although nobody had asked for them */
} training;

static int fail(training *t, int status, const char *message) {
    t->result->status = status;
    snprintf(t->result->proof, sizeof t->result->proof, "%.199s", message);
    return status;
}

static int tape_status(training *t) {
    wg_error error = {0};
    if (!wg_tape_recover(t->tape, &error)) return WG_OK;
    return fail(t, error.status, error.message);
}

/* --- Life ------------------------------------------------------------------------------------------- */

static int out_of_memory(training *t) { return fail(t, WG_ERROR_MEMORY, "out of memory"); }

/* What a training that goes on in another process makes anew. */
static int make_objects(training *t) {
    wg_error error;
    const int prefetch = t->setting->prefetch;
    t->loader =
        wg_loader_new(t->data, t->which->batch, &error, .shuffle = true, .seed = 5, .prefetch = prefetch);
    if (!t->loader) return fail(t, error.status, error.message);
    t->tape = wg_tape_new(.engine = t->engine);
    t->model = wg_model_new(.seed = 3);
    t->optimizer = t->which->optimizer(t->model);
    return t->tape && t->model && t->optimizer ? WG_OK : out_of_memory(t);
}

static void free_objects(training *t) {
    wg_tape_free(t->tape);
    wg_optimizer_free(t->optimizer);
    wg_model_free(t->model);
    wg_loader_free(t->loader);
}

static int begin(training *t) {
    wg_error error = {.status = WG_ERROR_MEMORY, .message = "out of memory"};
    const hash_setting *s = t->setting;
    if (s->isa) setenv("WG_ISA", s->isa, 1);
    t->engine = wg_engine_new(&error, .threads = s->threads, .executor = s->executor, .disable = s->disable,
                              .cached_plans = s->fresh ? 1 : 0);
    if (t->engine) t->data = hash_data(t->which, t->dtype, &t->elsewhere, &error);
    if (!t->data) return fail(t, error.status, error.message);
    t->other = wg_tape_new(.engine = t->engine);
    return t->other ? make_objects(t) : out_of_memory(t);
}

static void end(training *t) {
    free_objects(t);
    wg_tape_free(t->other);
    wg_dataset_free(t->data);
    wg_engine_free(t->engine);
}

/* --- Steps ------------------------------------------------------------------------------------------ */

/* Another structure on the same engine: with room for one plan, it pushes out that of the step. */
static int push_out(training *t) {
    wg_var x = wg_scalar(t->other, 2);
    const int status = wg_eval(wg_mul(x, x));
    wg_tape_clear(t->other);
    return status ? fail(t, status, "an evaluation beside the training failed") : WG_OK;
}

/* A budget between the least that the step can do with and what the plain way takes. */
static void set_budget(training *t) {
    wg_set_memory_budget(t->tape, 1);
    wg_prepare(t->network.loss);
    const size_t least = cli_least_budget(t->tape);
    t->budget = least + (t->plain->info.peak - least) * (size_t)t->setting->budget / 100;
    wg_set_memory_budget(t->tape, t->budget);
}

static void record(training *t, const wg_batch *batch) {
    const hash_setting *s = t->setting;
    hash_network *network = &t->network;
    wg_tape_clear(t->tape);
    t->rows = wg_tensor_type(batch->x).extent[0];
    *network = (hash_network){
        .x = wg_input(t->tape, batch->x), .y = wg_input(t->tape, batch->y), .recompute = s->recompute};
    hash_record(t->which, t->model, network);
    for (int i = 0; i < network->hidden_count && s->keep; i++) wg_keep(network->hidden[i]);
    if (s->split) {
        wg_keep(network->hidden[0]);
        wg_keep(network->loss);
        wg_eval(network->loss);
    }
    wg_minimize(t->optimizer, network->loss);
    if (s->budget && !t->budget) set_budget(t);
    wg_eval(s->split ? network->hidden[1] : network->loss);
}

static void run_again(training *t, const wg_batch *batch) {
    wg_bind(t->network.x, batch->x);
    wg_bind(t->network.y, batch->y);
    wg_rerun(t->tape);
    t->reruns++;
}

static int step(training *t, const wg_batch *batch) {
    const hash_setting *s = t->setting;
    if (s->rerun && t->rows == wg_tensor_type(batch->x).extent[0])
        run_again(t, batch);
    else
        record(t, batch);
    for (int i = 0; i < t->network.hidden_count && s->keep; i++)
        t->kept += wg_value(t->network.hidden[i]) != NULL;
    wg_plan_report(t->tape, &t->result->plan.info);
    t->result->plan.buffers = wg_plan_live(t->tape, SIZE_MAX, NULL, 0);
    const int status = tape_status(t);
    return status ? status : s->fresh ? push_out(t) : WG_OK;
}

/* Saves all there is to a file, lets go of it, and goes on with what new objects load from there. */
static int stop_and_go_on(training *t, const char *path) {
    wg_error error;
    int status =
        wg_checkpoint_save(path, &error, .model = t->model, .optimizer = t->optimizer, .loader = t->loader);
    if (status) return fail(t, status, error.message);
    free_objects(t);
    t->tape = NULL, t->optimizer = NULL, t->model = NULL, t->loader = NULL;
    if (make_objects(t)) return t->result->status;
    status =
        wg_checkpoint_load(path, &error, .model = t->model, .optimizer = t->optimizer, .loader = t->loader);
    if (status) return fail(t, status, error.message);
    t->resumed_at = wg_model_step(t->model);
    return WG_OK;
}

static int resume(training *t) {
    const char *folder = getenv("TMPDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/wengert-hash-XXXXXX", folder && *folder ? folder : "/tmp");
    const int file = mkstemp(path);
    if (file < 0) return fail(t, WG_ERROR_FILE, "no temporary file to save to");
    close(file);
    const int status = stop_and_go_on(t, path);
    unlink(path);
    return status;
}

static int train(training *t) {
    for (int done = 0; done < STEPS;) {
        wg_batch batch;
        wg_error error;
        if (!wg_loader_next(t->loader, &batch)) {
            if (wg_loader_status(t->loader, &error)) return fail(t, error.status, error.message);
            continue; /* the end of an epoch */
        }
        if (step(t, &batch)) return t->result->status;
        if (++done == STOP && t->setting->resume && resume(t)) return t->result->status;
    }
    return WG_OK;
}

/* --- What it gives ---------------------------------------------------------------------------------- */

/* Of all parameters, in the order of their paths: path, a zero byte, elements. */
static void hash_weights(training *t) {
    sha256 message;
    sha256_begin(&message);
    for (int i = 0; i < wg_model_count(t->model); i++) {
        const wg_parameter_info *info = wg_model_parameter(t->model, i);
        const wg_tensor *weight = wg_state_tensor(info->state);
        const size_t bytes = (size_t)wg_tensor_count(weight) * wg_dtype_size(t->dtype);
        sha256_add(&message, info->path, strlen(info->path) + 1);
        sha256_add(&message, wg_tensor_data(weight), bytes);
    }
    sha256_end(&message, t->result->hash);
}

static bool all_finite(const training *t) {
    for (int i = 0; i < wg_model_count(t->model); i++) {
        const wg_tensor *weight = wg_state_tensor(wg_model_parameter(t->model, i)->state);
        for (int64_t k = 0; k < wg_tensor_count(weight); k++)
            if (!(wg_tensor_get(weight, k) - wg_tensor_get(weight, k) == 0)) return false;
    }
    return true;
}

/* Says in words what shows that the setting was in force; `good`: does it? */
#define PROVE(t, good, ...)           \
    ((t)->result->is_proved = (good), \
     (void)snprintf((t)->result->proof, sizeof(t)->result->proof, __VA_ARGS__))

/* By the plan, which is to differ from that of the plain way. */
static void prove_by_plan(training *t) {
    const hash_setting *s = t->setting;
    const wg_plan_info *p = &t->result->plan.info, *q = &t->plain->info;
    const size_t buffers = t->result->plan.buffers, plain = t->plain->buffers;
    if (s->disable && s->recompute)
        PROVE(t, p->recomputed == 0, "%zu nodes recomputed of layers that were to be", p->recomputed);
    else if (s->budget)
        PROVE(t, p->peak < q->peak && p->peak <= t->budget,
              "peak %zu instead of %zu bytes, %zu nodes recomputed, %zu packed", p->peak, q->peak,
              p->recomputed, p->packed);
    else if (s->recompute)
        PROVE(t, p->recomputed > 0, "%zu nodes recomputed", p->recomputed);
    else
        PROVE(t, p->peak != q->peak || p->steps != q->steps || p->moments != q->moments || buffers != plain,
              "peak %zu instead of %zu bytes, steps %zu of %zu, moments %zu of %zu, buffers %zu of %zu",
              p->peak, q->peak, p->steps, q->steps, p->moments, q->moments, buffers, plain);
}

static void prove(training *t) {
    const hash_setting *s = t->setting;
    const wg_engine_counters c = wg_engine_count(t->engine);
    const int runs = (int)(c.plans_made + c.plans_found), elsewhere = atomic_load(&t->elsewhere);
    if (s->isa)
        PROVE(t, strcmp(c.isa, s->isa) == 0, "kernels of %s ran", c.isa);
    else if (s->executor == WG_NODE_BY_NODE)
        PROVE(t, c.threads_used == 0, "%d of %d threads were handed work", c.threads_used, c.threads);
    else if (s->disable || s->budget || s->recompute)
        prove_by_plan(t);
    else if (s->fresh)
        PROVE(t, c.plans_found == 0 && c.plans_made == 2 * STEPS, "%d plans made, %d found",
              (int)c.plans_made, (int)c.plans_found);
    else if (s->rerun)
        PROVE(t, t->reruns > 0 && runs == STEPS - t->reruns, "%d of %d steps not recorded, nor planned",
              t->reruns, STEPS);
    else if (s->split)
        PROVE(t, runs == 2 * STEPS, "%d evaluations in %d steps", runs, STEPS);
    else if (s->keep)
        PROVE(t, t->kept >= 2 * STEPS, "%d more values read", t->kept);
    else if (s->resume)
        PROVE(t, t->resumed_at == STOP && wg_model_step(t->model) == STEPS,
              "new objects went on from step %d to step %d", (int)t->resumed_at,
              (int)wg_model_step(t->model));
    else if (s->prefetch)
        PROVE(t, elsewhere > 0, "another thread made %d samples", elsewhere);
    else
        PROVE(t, c.threads_used > s->most_elsewhere && runs == STEPS,
              "%d of %d threads were handed work; %d plans made, %d found", c.threads_used, c.threads,
              (int)c.plans_made, (int)c.plans_found);
}

void hash_train(const hash_model *which, wg_dtype dtype, const hash_setting *setting, const hash_plan *plain,
                hash_result *result) {
    training t = {.which = which, .setting = setting, .plain = plain, .result = result, .dtype = dtype};
    if (!begin(&t) && !train(&t)) {
        hash_weights(&t);
        prove(&t);
        if (!all_finite(&t)) fail(&t, WG_ERROR_NOT_FINITE, "a weight is not finite");
    }
    end(&t);
}
