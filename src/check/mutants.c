/* mutants — an op's rule with every mistake that fits, one at a time, before the gradient check.
 *
 * A sample on which the mutant's cotangents are the original's to the bit (but for the sign of zeros) says
 * nothing of it; on the others the check runs, first order before second, and must fail on one of them. */
#include "check/mutate.h"
#include <math.h>
#include <stdlib.h>

typedef struct mutant {
    wg_mutation mutation;
    bool dead, differs; /* on some sample that was looked at */
    int sample;         /* where it differs */
} mutant;

typedef struct sample_size {
    int number;
    int64_t entries; /* of Jacobians, all outputs together */
} sample_size;

typedef struct hunt {
    wg_mutant_op op; /* the mutant at work */
    uint64_t seed;
    wg_engine *engine;
    WG_ARRAY(mutant) mutants;
    WG_ARRAY(sample_size) samples;
    int number, order; /* of the sample and the check asked for */
    int left;          /* mutants alive */
    bool sane;         /* does the original pass there? */
    wg_error error;
} hunt;

/* --- A case as a function --------------------------------------------------------------------- */

typedef struct output_of {
    wg_case sample;
    int output;
} output_of;

static wg_var record_output(wg_tape *tape, const wg_var *inputs, void *context) {
    const output_of *of = context;
    wg_var first = (wg_case_record)(tape, &of->sample, inputs);
    return of->output ? (wg_output)(first, of->output) : first;
}

/* The function of one output of a case at the case's inputs; to be closed in any case. */
static int open_point(hunt *h, wg_point *point, output_of *of) {
    const wg_case *sample = &of->sample;
    wg_tensor **inputs = calloc((size_t)sample->input_count + 1, sizeof *inputs);
    *point = (wg_point){0};
    if (!inputs) return wg_error_set(&h->error, WG_ERROR_MEMORY, "mutants: no memory");
    int status = WG_OK;
    for (int i = 0; i < sample->input_count && !status; i++) {
        inputs[i] = wg_case_tensor(sample, i, WG_F64, h->seed, &h->error);
        if (!inputs[i] && !sample->inputs[i].absent) status = h->error.status;
    }
    if (!status)
        status = wg_point_open(point, record_output, of, inputs, sample->input_count,
                               sample->op->blocked_inputs, h->engine, &h->error);
    for (int i = 0; i < sample->input_count; i++) wg_tensor_free(inputs[i]);
    free(inputs);
    return status;
}

/* Has this output a gradient there, of more than no elements? */
static bool has_gradient(hunt *h, wg_point *point) {
    return !wg_point_infer(point, &h->error) && wg_dtype_real(point->output.dtype) &&
           wg_type_count(&point->output) && wg_point_columns(point);
}

/* The gradient for a cotangent that is nowhere zero. */
static int dense_gradient(hunt *h, wg_point *point, double *gradient) {
    const int64_t count = wg_type_count(&point->output);
    double *seed = malloc((size_t)count * sizeof *seed);
    if (!seed) return wg_error_set(&h->error, WG_ERROR_MEMORY, "mutants: no memory");
    for (int64_t i = 0; i < count; i++) seed[i] = wg_check_normal(h->seed, 4, 0, (uint64_t)i);
    const int status = wg_point_gradient(point, seed, gradient, &h->error);
    free(seed);
    return status;
}

/* --- Finding what may be planted -------------------------------------------------------------- */

static void add_mutant(const wg_mutation *mutation, void *context) {
    hunt *h = context;
    for (size_t i = 0; i < h->mutants.count; i++) {
        const wg_mutation *known = &h->mutants.at[i].mutation;
        if (known->kind == mutation->kind && known->node == mutation->node &&
            known->before == mutation->before && known->input == mutation->input)
            return;
    }
    if (!WG_RESERVE(&h->mutants.at, &h->mutants.capacity, h->mutants.count + 1))
        wg_error_set(&h->error, WG_ERROR_MEMORY, "mutants: no memory");
    else
        h->mutants.at[h->mutants.count++] = (mutant){.mutation = *mutation};
}

static int survey(const wg_case *sample, void *context) {
    hunt *h = context;
    sample_size size = {.number = sample->number};
    for (int output = 0; output < sample->op->outputs; output++) {
        output_of of = {*sample, output};
        wg_point point;
        int status = open_point(h, &point, &of);
        if (!status && has_gradient(h, &point)) {
            double *gradient = calloc((size_t)wg_point_columns(&point), sizeof *gradient);
            size.entries += wg_type_count(&point.output) * wg_point_columns(&point);
            status = gradient ? dense_gradient(h, &point, gradient) : WG_ERROR_MEMORY;
            free(gradient);
        }
        wg_point_close(&point);
        if (status == WG_ERROR_MEMORY) return status;
    }
    if (!size.entries) return WG_OK;
    if (!WG_RESERVE(&h->samples.at, &h->samples.capacity, h->samples.count + 1)) return WG_ERROR_MEMORY;
    h->samples.at[h->samples.count++] = size;
    return WG_OK;
}

/* Of more mistakes than this in the nodes of a rule so many are planted, drawn by the seed: what records a loop
 * over steps records the same again and again. */
enum { MOST_IN_NODES = 600 };

static void draw_mutants(hunt *h) {
    size_t kept = 0, left = 0, wanted = MOST_IN_NODES;
    for (size_t i = 0; i < h->mutants.count; i++) left += h->mutants.at[i].mutation.node != NULL;
    for (size_t i = 0; i < h->mutants.count; i++) {
        if (h->mutants.at[i].mutation.node) {
            if (wg_check_bits(h->seed, 6, 0, i) % left-- >= wanted) continue;
            wanted--;
        }
        h->mutants.at[kept++] = h->mutants.at[i];
    }
    h->mutants.count = kept;
}

static int by_entries(const void *a, const void *b) {
    const sample_size *x = a, *y = b;
    if (x->entries != y->entries) return x->entries < y->entries ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* --- One sample -------------------------------------------------------------------------------- */

/* The check of what is planted, on the sample at hand. */
static int check(hunt *h, wg_gradcheck_report *report) {
    const int status = wg_gradcheck_op(&h->op.op, report, .order = h->order, .seed = h->seed,
                                       .sample = h->number, .engine = h->engine);
    return status == WG_ERROR_GRADIENT ? WG_OK : status;
}

/* Zeros of another sign are no other numbers. */
static bool alike(const double *a, const double *b, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) && !(a[i] == 0 && b[i] == 0)) return false;
    return true;
}

/* Are the mutant's cotangents others than the original's? An error is another answer too. */
static int differs(hunt *h, wg_point *points, double *const *right, int outputs, bool *other) {
    *other = false;
    for (int output = 0; output < outputs && !*other; output++) {
        if (!right[output]) continue;
        const int64_t columns = wg_point_columns(&points[output]);
        double *gradient = malloc((size_t)columns * sizeof *gradient);
        if (!gradient) return WG_ERROR_MEMORY;
        const int status = dense_gradient(h, &points[output], gradient);
        *other = status || !alike(gradient, right[output], columns);
        free(gradient);
        if (status == WG_ERROR_MEMORY) return status;
    }
    return WG_OK;
}

/* Every mutant alive. */
static int hunt_on(hunt *h, wg_point *points, double *const *right, int outputs) {
    int status = WG_OK;
    for (size_t i = 0; i < h->mutants.count && !status; i++) {
        mutant *m = &h->mutants.at[i];
        if (m->dead) continue;
        wg_gradcheck_report report = {.failures = 0};
        bool other = false;
        h->op.planted = m->mutation;
        status = differs(h, points, right, outputs, &other);
        if (!status && other) {
            m->differs = true;
            m->sample = h->number;
        }
        if (!status && (other || h->order == 2)) status = check(h, &report);
        m->dead = report.failures > 0;
        h->left -= m->dead;
    }
    h->op.planted = (wg_mutation){0};
    return status;
}

enum { MOST_OUTPUTS = 4 };

static int hunt_on_sample(const wg_case *sample, void *context) {
    hunt *h = context;
    if (sample->number != h->number) return WG_OK;
    wg_point points[MOST_OUTPUTS] = {0};
    output_of of[MOST_OUTPUTS];
    double *right[MOST_OUTPUTS] = {NULL};
    const int outputs = sample->op->outputs;
    wg_gradcheck_report report;
    int status = check(h, &report);
    const bool compared = report.elements > 0; /* else it is all kinks, and every mutant would fail */
    h->sane = !report.failures || !compared;
    for (int output = 0; output < outputs && !status && compared && h->sane; output++) {
        of[output] = (output_of){*sample, output};
        status = open_point(h, &points[output], &of[output]);
        if (status || !has_gradient(h, &points[output])) continue;
        right[output] = calloc((size_t)wg_point_columns(&points[output]), sizeof(double));
        status = right[output] ? dense_gradient(h, &points[output], right[output]) : WG_ERROR_MEMORY;
    }
    if (!status && compared && h->sane) status = hunt_on(h, points, right, outputs);
    for (int output = 0; output < outputs; output++) {
        wg_point_close(&points[output]);
        free(right[output]);
    }
    return status ? status : 1; /* ends the walk */
}

/* --- The op ------------------------------------------------------------------------------------ */

enum { SECOND_ORDER_SAMPLES = 4, SECOND_ORDER_ENTRIES = 1000 };

static int hunt_on_all(hunt *h) {
    for (h->order = 1; h->order <= 2; h->order++) {
        for (size_t i = 0; i < h->samples.count && h->left; i++) {
            if (h->order == 2 &&
                (i >= SECOND_ORDER_SAMPLES || h->samples.at[i].entries > SECOND_ORDER_ENTRIES))
                break;
            h->number = h->samples.at[i].number;
            const int status = wg_op_samples(&h->op.op, hunt_on_sample, h);
            if (status != 1) return status ? status : WG_ERROR_TAPE;
            if (!h->sane)
                return wg_error_set(&h->error, WG_ERROR_GRADIENT,
                                    "%s: sample %d fails the gradient check as it is", h->op.op.name,
                                    h->number);
        }
    }
    return WG_OK;
}

static const char *why_equivalent(const wg_mutation *mutation) {
    switch (mutation->kind) {
    case WG_ELEMENTS_SWAPPED:
    case WG_SHIFTED:
    case WG_TRANSPOSED:
    case WG_OPERAND_TRANSPOSED:
        return "what it moves is equal, or is summed";
    case WG_OPERAND_REPLACED:
        return "the neighbour is equal, or counts for nothing";
    default:
        return "what it changes is zero, or counts for nothing";
    }
}

static int judge(const hunt *h, const wg_op *op, wg_mutants_report *report, wg_mutant_visitor *visit,
                 void *context) {
    for (size_t i = 0; i < h->mutants.count; i++) {
        const mutant *m = &h->mutants.at[i];
        const wg_mutant_fate fate = m->dead      ? WG_MUTANT_KILLED
                                    : m->differs ? WG_MUTANT_SURVIVED
                                                 : WG_MUTANT_EQUIVALENT;
        char reason[120];
        report->planted++;
        report->fates[fate]++;
        if (fate == WG_MUTANT_SURVIVED)
            snprintf(reason, sizeof reason, "sample %d", m->sample);
        else
            snprintf(reason, sizeof reason, "%s", why_equivalent(&m->mutation));
        if (fate != WG_MUTANT_KILLED && visit) visit(op, &m->mutation, fate, reason, context);
    }
    return report->fates[WG_MUTANT_SURVIVED] ? WG_ERROR_GRADIENT : WG_OK;
}

/* The engine must not outlive the mutant, by whose address its plans know it; the values are small: threads
 * would only wait. */
int wg_check_mutants(const wg_op *op, uint64_t seed, wg_mutants_report *report, wg_mutant_visitor *visit,
                     void *context, wg_error *error) {
    *report = (wg_mutants_report){0};
    if (!wg_has_rule(op)) return WG_OK;
    hunt h = {.seed = seed, .engine = wg_engine_new(error, .threads = 1)};
    if (!h.engine) return error ? error->status : WG_ERROR_MEMORY;
    wg_mutant_of(&h.op, op);
    h.op.found = add_mutant;
    h.op.context = &h;
    int status = wg_op_samples(&h.op.op, survey, &h);
    h.op.found = NULL;
    draw_mutants(&h);
    h.left = (int)h.mutants.count;
    if (h.samples.count) qsort(h.samples.at, h.samples.count, sizeof *h.samples.at, by_entries);
    h.error = (wg_error){0};
    if (!status) status = hunt_on_all(&h);
    if (status) {
        if (h.error.status != status)
            wg_error_set(&h.error, status, "%s: the check could not be carried out", op->name);
        if (error) *error = h.error;
    } else {
        status = judge(&h, op, report, visit, context);
        if (status)
            wg_error_set(error, status, "%s: %d mutants survived", op->name,
                         report->fates[WG_MUTANT_SURVIVED]);
    }
    free(h.mutants.at);
    free(h.samples.at);
    wg_engine_free(h.engine);
    return status;
}
