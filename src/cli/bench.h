/* bench — what the files of `wengert bench` share: its options, and steps that are timed. */
#ifndef WG_CLI_BENCH_H
#define WG_CLI_BENCH_H

#include "cli/cli.h"
#include "cli/models.h"

enum { MOST_MODELS = 32 };

typedef struct bench_options {
    const reference_model *models[MOST_MODELS];
    int model_count;
    wg_dtype dtype;
    int threads; /* 0: the engine's default */
    const char *disable;
    size_t budget;
    int runs; /* timed steps; 0: as many as fit into `seconds`, and at least 5 */
    double seconds;
    const char *export; /* where the weights and the batch are written before the first step; NULL: nowhere */
} bench_options;

/* A step that is timed, and what was found. */
typedef struct bench_run {
    const char *variant;
    const char *disable;
    size_t budget;
    int distinct;  /* peaks that there are under all budgets; 0: not known */
    bool replays;  /* wg_rerun instead of recording anew */
    bool recorded; /* there is a step to replay */
    wg_engine *engine;
    reference_step step;
    wg_plan_info plan;
    double *milliseconds; /* of each timed step */
    size_t count, capacity;
    double grown;    /* bytes that became resident at the most, beyond model and batch */
    double files;    /* of these, pages of files: code that was used for the first time */
    double measured; /* the same since the step was planned, which foretold plan.peak */
    double ratio;    /* its median by that of the run that it is held against; 0: it is held against none */
    double quickest; /* the same of the quickest steps, which what else the machine does leaves alone */
} bench_run;

/* --- bench_run.c ------------------------------------------------------------------------------------ */

/* Makes engine, model and batch; `shared` is an engine that outlives the run, NULL: it gets one of its own.
 * bench_close takes what a failure left too. Returns a wg_status. */
int bench_open(bench_run *run, const bench_options *options, const reference_model *model, wg_engine *shared,
               wg_error *error);
void bench_close(bench_run *run, const wg_engine *shared);

/* Plans the step and takes the first few, looking at memory. Returns a wg_status. */
int bench_warm(bench_run *run, wg_error *error);

/* Takes `count` steps, timed or not. Returns a wg_status. */
int bench_take(bench_run *run, int count, bool timed, wg_error *error);

/* Takes as many timed steps as the options say of each run, a short block of one after a short block of the
 * other, so that what slows the machine down for a while slows all of them. Returns a wg_status. */
int bench_race(bench_run *runs, int count, const bench_options *options, wg_error *error);

/* Sets the ratios. */
void bench_hold_against(bench_run *run, const bench_run *other);

/* The run as one line of JSON; with what its process took of memory where it was `alone` in it. */
void bench_print(const bench_run *run, bool alone);

/* A number of JSON, which knows no NaN: then null. `form` is for printf. */
const char *bench_number(const char *form, double value);

/* --- bench_modes.c ---------------------------------------------------------------------------------- */

/* Each gives an exit status. */
int bench_plain(const bench_options *options, const reference_model *model, const char *variant);
int bench_paced(const bench_options *options, const reference_model *model, const char *variant);
int bench_passes(const bench_options *options, const reference_model *model, const char *variant);
int bench_sweep(const bench_options *options, const reference_model *model, const char *variant);

#endif
