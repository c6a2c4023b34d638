/* test_ops_nonsense — every op of the registry, given each kind of nonsense: what it refuses it says in
 * words, with its name and the line of the call, and leaves the tape in order; what it takes can be
 * evaluated, or fails with an error that is a value. */
#include "suite.h"
#include "tape/tape.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MOST_INPUTS = 16,
    SAMPLES = 2,             /* of each op, other ones for each seed */
    MOST_ELEMENTS = 1 << 14, /* of a node that is evaluated; larger ones are planned */
    MOST_SCRATCH = 1 << 24,  /* bytes */
    MOST_FAILURES = 30
};

typedef struct walk {
    wg_tape *tape;
    uint64_t seed;
    int samples; /* of the op */
    int ops, cases, refused, accepted, failed_at_run, failures;
} walk;

/* A case of an op, with something wrong about it. */
typedef struct trial {
    wg_case sample;
    wg_sample_input inputs[MOST_INPUTS + 2];
    wg_shape shapes[MOST_INPUTS];
    uint64_t attributes[64];
    bool huge;    /* inputs that nobody could hold: of one number, on the tape */
    int poisoned; /* the input whose elements are all `poison`; -1: none */
    double poison;
    const char *what;
    const char *member; /* of the attributes; or NULL, and of input */
    int input;
} trial;

static void complain(walk *so_far, const trial *t, const char *why, const char *message) {
    if (so_far->failures++ >= MOST_FAILURES) return;
    char text[400];
    wg_attributes_text(t->sample.op, t->attributes, text, sizeof text);
    printf("%s, sample %d, %s of %s %d: %s: \"%s\" (%s)\n", t->sample.op->name, t->sample.number, t->what,
           t->member ? t->member : "input", t->input, why, message, t->sample.attributes ? text : "");
}

/* The tape computes as ever. */
static void look_at_tape(walk *so_far, const trial *t) {
    wg_tape_recover(so_far->tape, NULL);
    wg_var two = wg_add(wg_scalar(so_far->tape, 1), wg_scalar(so_far->tape, 1));
    wg_eval(two);
    if (wg_item(two) != 2) complain(so_far, t, "the tape is of no use", wg_tape_message(so_far->tape));
    wg_tape_recover(so_far->tape, NULL);
}

static void look_at_refusal(walk *so_far, const trial *t, bool at_run) {
    const char *message = wg_tape_message(so_far->tape);
    if (!strstr(message, t->sample.op->name) && !at_run)
        complain(so_far, t, "the message does not name it", message);
    const bool of_all = !strncmp(message, "wg_eval: ", 9); /* no node is to blame */
    if (!of_all && !strstr(message, "test_ops_nonsense.c:"))
        complain(so_far, t, "the message does not name the line", message);
    if (wg_tape_status(so_far->tape) == WG_ERROR_PLAN)
        complain(so_far, t, "a mistake of the library", message);
    look_at_tape(so_far, t);
}

static wg_var poisoned(walk *so_far, const trial *t, wg_tensor *tensor) {
    const wg_type type = wg_tensor_type(tensor);
    void *data = wg_tensor_writable(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++) switch (type.dtype) {
        case WG_F32:
            ((float *)data)[i] = (float)t->poison;
            break;
        case WG_F64:
            ((double *)data)[i] = t->poison;
            break;
        case WG_I32:
            ((int32_t *)data)[i] = (int32_t)fmax(fmin(t->poison, INT32_MAX), INT32_MIN);
            break;
        case WG_I64:
            ((int64_t *)data)[i] = t->poison >= 0x1p63    ? INT64_MAX
                                   : t->poison <= -0x1p63 ? INT64_MIN
                                                          : (int64_t)t->poison;
            break;
        default:
            break;
        }
    return wg_input(so_far->tape, tensor);
}

static wg_var input_of(walk *so_far, const trial *t, int i) {
    const wg_sample_input *input = &t->inputs[i];
    if (input->absent) return WG_NONE;
    if (t->huge) return wg_full(so_far->tape, input->dtype ? input->dtype : WG_F64, input->shape, 1);
    wg_tensor *tensor = wg_case_tensor(&t->sample, i, WG_F64, so_far->seed, NULL);
    if (!tensor) ck_abort_msg("%s: no tensor", t->sample.op->name);
    wg_var var = i == t->poisoned ? poisoned(so_far, t, tensor) : wg_input(so_far->tape, tensor);
    wg_tensor_free(tensor);
    return var;
}

/* What the node's kernel wants beside its operands. */
static size_t scratch_of(const wg_tape *tape, const wg_node *node) {
    wg_operand operands[MOST_INPUTS + 4] = {{0}};
    const wg_op *op = node->op;
    if (!op->workspace || node->output || node->input_count > MOST_INPUTS) return 0;
    for (int i = 0; i < node->input_count; i++)
        if (wg_edge(tape, node, i) != WG_ABSENT)
            operands[i].type = wg_node_type(tape, &tape->nodes.at[wg_edge(tape, node, i)]);
    for (int i = 0; i < op->outputs; i++) operands[MOST_INPUTS + i].type = wg_node_type(tape, node + i);
    return op->workspace(&(wg_call){.op = op,
                                    .attributes = wg_node_attributes(tape, node),
                                    .input_count = node->input_count,
                                    .output_count = op->outputs,
                                    .inputs = operands,
                                    .outputs = operands + MOST_INPUTS});
}

/* Is everything on the tape small enough to be computed in no time? */
static bool is_small(const wg_tape *tape) {
    if (tape->nodes.count > 2000) return false;
    for (uint32_t id = 0; id < tape->nodes.count; id++) {
        const wg_type type = wg_node_type(tape, &tape->nodes.at[id]);
        double elements = 1;
        for (int i = 0; i < type.rank; i++) elements *= (double)type.extent[i];
        if (elements > MOST_ELEMENTS) return false;
    }
    for (uint32_t id = 0; id < tape->nodes.count; id++)
        if (scratch_of(tape, &tape->nodes.at[id]) > MOST_SCRATCH) return false;
    return true;
}

static void attempt(walk *so_far, trial *t) {
    wg_tape *tape = so_far->tape;
    const wg_op *op = t->sample.op;
    wg_var vars[MOST_INPUTS + 3], outputs[5];
    wg_tape_clear(tape);
    t->sample.inputs = t->inputs;
    if (t->sample.attributes) t->sample.attributes = t->attributes;
    for (int i = 0; i < t->sample.input_count; i++) vars[i] = input_of(so_far, t, i);
    vars[t->sample.input_count] = (wg_var)WG_END_;
    so_far->cases++;
    if (wg_tape_status(tape)) { /* not even the inputs can be */
        wg_tape_recover(tape, NULL);
        return;
    }
    bool any = !t->sample.input_count;
    for (int i = 0; i < t->sample.input_count; i++) any |= wg_valid(vars[i]);
    if (!any) return; /* there is no telling on which tape */
    outputs[0] = wg_case_record(tape, &t->sample, vars);
    if (wg_tape_status(tape)) {
        so_far->refused++;
        look_at_refusal(so_far, t, false);
        return;
    }
    so_far->accepted++;
    for (int i = 1; i < op->outputs; i++) outputs[i] = wg_output(outputs[0], i);
    outputs[op->outputs] = (wg_var)WG_END_;
    const int status = !t->huge && is_small(tape) ? wg_eval_list(outputs) : wg_prepare_list(outputs);
    if (status != wg_tape_status(tape))
        complain(so_far, t, "the tape has another status", wg_tape_message(tape));
    if (!status) return;
    so_far->failed_at_run++;
    look_at_refusal(so_far, t, true);
}

/* --- Kinds of nonsense -------------------------------------------------------------------------- */

static trial trial_of(const wg_case *sample) {
    trial t = {.sample = *sample, .poisoned = -1, .what = "nothing"};
    for (int i = 0; i < sample->input_count; i++) t.inputs[i] = sample->inputs[i];
    if (sample->attributes) memcpy(t.attributes, sample->attributes, sample->op->attributes_size);
    return t;
}

static int rank_of(const wg_shape *shape) {
    int rank = 0;
    while (shape && shape->extent[rank] != INT64_MIN) rank++;
    return rank;
}

static void try_shape(walk *so_far, const wg_case *sample, int input, int rank, const int64_t *extent,
                      bool huge, const char *what) {
    trial t = trial_of(sample);
    wg_shape *shape = &t.shapes[input];
    for (int i = 0; i < rank; i++) shape->extent[i] = extent[i];
    shape->extent[rank] = INT64_MIN;
    t.inputs[input].shape = shape;
    t.input = input, t.what = what, t.huge = huge;
    if (t.inputs[input].values == WG_DOMINANT || t.inputs[input].values == WG_INVERTIBLE)
        t.inputs[input].values = WG_NORMAL; /* there may be no matrix */
    attempt(so_far, &t);
}

static void try_shapes(walk *so_far, const wg_case *sample, int input) {
    const wg_shape *given = sample->inputs[input].shape;
    const int rank = rank_of(given);
    int64_t extent[2 * WG_MAX_RANK];
    for (int more = 1; rank + more <= WG_MAX_RANK;
         more += WG_MAX_RANK - rank - 1 ? WG_MAX_RANK - rank - 1 : 1) {
        for (int i = 0; i < more; i++) extent[i] = 3 - 2 * (i > 0);
        for (int i = 0; i < rank; i++) extent[more + i] = given->extent[i];
        try_shape(so_far, sample, input, rank + more, extent, false, "more axes");
        if (rank + more == WG_MAX_RANK) break;
    }
    if (rank) try_shape(so_far, sample, input, rank - 1, given->extent + 1, false, "the first axis left out");
    if (rank > 1) try_shape(so_far, sample, input, rank - 1, given->extent, false, "the last axis left out");
    if (rank > 1) try_shape(so_far, sample, input, 0, extent, false, "no axis");
    static const int64_t huge[] = {(int64_t)1 << 33, (int64_t)1 << 59};
    for (int axis = 0; axis < rank; axis++) {
        for (int i = 0; i < rank; i++) extent[i] = given->extent[i];
        extent[axis] = given->extent[axis] + 1;
        try_shape(so_far, sample, input, rank, extent, false, "an extent more");
        extent[axis] = 0;
        try_shape(so_far, sample, input, rank, extent, false, "an extent 0");
        for (int i = 0; i < 2; i++) {
            extent[axis] = huge[i];
            try_shape(so_far, sample, input, rank, extent, true, "a huge extent");
        }
    }
}

static void try_dtypes(walk *so_far, const wg_case *sample, int input) {
    for (int dtype = WG_F32; dtype <= WG_BOOL; dtype++) {
        trial t = trial_of(sample);
        if (dtype == (int)t.inputs[input].dtype) continue;
        t.inputs[input].dtype = (wg_dtype)dtype;
        t.input = input, t.what = wg_dtype_name((wg_dtype)dtype);
        attempt(so_far, &t);
    }
}

static void try_numbers(walk *so_far, const wg_case *sample, int input) {
    static const double numbers[] = {NAN, INFINITY, -INFINITY, 1e300, -1, 0, 0x1p40, -0x1p31, 1e3, -1e3};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        trial t = trial_of(sample);
        const wg_dtype dtype = t.inputs[input].dtype;
        if (isnan(numbers[i]) && dtype && dtype != WG_F32 && dtype != WG_F64) continue;
        t.poisoned = t.input = input, t.poison = numbers[i], t.what = "a strange number";
        attempt(so_far, &t);
    }
}

static void try_counts(walk *so_far, const wg_case *sample) {
    for (int count = 0; count <= MOST_INPUTS + 1; count += count < sample->input_count + 1 ? 1 : 5) {
        trial t = trial_of(sample);
        if (count == sample->input_count || !sample->input_count) continue;
        for (int i = sample->input_count; i < count; i++) t.inputs[i] = t.inputs[0];
        t.sample.input_count = t.input = count, t.what = "another number";
        attempt(so_far, &t);
    }
    for (int i = 0; i < sample->input_count; i++) {
        trial t = trial_of(sample);
        t.inputs[i].absent = !t.inputs[i].absent;
        if (!t.inputs[i].absent && !t.inputs[i].shape) t.inputs[i].shape = WG_SHAPE(2, 3);
        t.input = i, t.what = "the absence";
        attempt(so_far, &t);
    }
}

/* Each number of an attribute in turn takes each of some values. */
static void try_attribute(walk *so_far, const wg_case *sample, const wg_attribute *a) {
    static const int64_t whole[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -1,
                                    0,         -9,        9,         1 << 20,   (int64_t)1 << 40};
    static const double real[] = {NAN, INFINITY, -INFINITY, -1, 0, 1e308, -1e308, 1e-308};
    static const int dtypes[] = {0, 1, 3, 5, 6, 7, 8, 100, -1};
    static const wg_axes axes[] = {
        {{99, INT_MIN}},      {{-99, INT_MIN}},         {{0, 0, INT_MIN}}, {{0, -1, INT_MIN}},
        {{INT_MAX, INT_MIN}}, {{INT_MIN + 1, INT_MIN}}, {{INT_MIN}},       {{0, 1, 2, 3, 4, 5, 6, 7, 8}}};
    static const wg_type shapes[] = {{.rank = 1, .extent = {-1}},
                                     {.rank = 0},
                                     {.rank = 9},
                                     {.rank = -1},
                                     {.rank = 2, .extent = {INT64_MAX, INT64_MAX}},
                                     {.rank = 8, .extent = {1, 1, 2, 1, 1, 3, 0, 7}},
                                     {.rank = 2, .extent = {INT64_MIN, -2}}};
    static const char *const texts[] = {"", "->", "ij,jk->ikk", ",,,,", "i->i,", "....", "ab->c", "\x01\x7f"};
#define EACH(values) for (size_t v = 0; v < sizeof values / sizeof *values; v++)
#define WITH(statement)                                       \
    do {                                                      \
        trial t = trial_of(sample);                           \
        char *at = (char *)t.attributes + a->offset;          \
        t.member = a->name, t.input = i, t.what = "nonsense"; \
        statement;                                            \
        attempt(so_far, &t);                                  \
    } while (0)
    const int count = a->kind == WG_ATTRIBUTE_TEXT || !a->count ? 1 : a->count;
    for (int i = 0; i < count; i++) switch (a->kind) {
        case WG_ATTRIBUTE_INT:
            EACH(whole) WITH(((int64_t *)(void *)at)[i] = whole[v]);
            break;
        case WG_ATTRIBUTE_REAL:
            EACH(real) WITH(((double *)(void *)at)[i] = real[v]);
            break;
        case WG_ATTRIBUTE_BOOL:
            WITH(*(bool *)at = !*(bool *)at);
            break;
        case WG_ATTRIBUTE_DTYPE:
            EACH(dtypes) WITH(memcpy(at, &dtypes[v], sizeof(wg_dtype)));
            break;
        case WG_ATTRIBUTE_AXES:
            EACH(axes) WITH(*(wg_axes *)(void *)at = axes[v]);
            break;
        case WG_ATTRIBUTE_SHAPE:
            EACH(shapes) WITH(*(wg_type *)(void *)at = shapes[v]);
            break;
        case WG_ATTRIBUTE_BITS:
            WITH(memset(at, 0xff, 8));
            break;
        case WG_ATTRIBUTE_TEXT:
            EACH(texts) WITH(memset(at, 0, (size_t)a->count); memcpy(at, texts[v], strlen(texts[v]) + 1));
            WITH(memset(at, 'a', (size_t)a->count));
            break;
        }
}

static int try_case(const wg_case *sample, void *context) {
    walk *so_far = context;
    const uint64_t from = so_far->seed % (uint64_t)so_far->samples;
    if (((uint64_t)(sample->number - 1) + (uint64_t)so_far->samples - from) % (uint64_t)so_far->samples >=
        SAMPLES)
        return 0;
    if (sample->input_count > MOST_INPUTS) ck_abort_msg("%s: too many inputs", sample->op->name);
    for (int i = 0; i < sample->input_count; i++) {
        if (sample->inputs[i].absent) continue;
        try_shapes(so_far, sample, i);
        try_dtypes(so_far, sample, i);
        try_numbers(so_far, sample, i);
    }
    try_counts(so_far, sample);
    for (const wg_attribute *a = sample->op->attributes; a && a->name && sample->attributes; a++)
        try_attribute(so_far, sample, a);
    return 0;
}

static int count_case(const wg_case *sample, void *context) {
    (void)sample;
    ++*(int *)context;
    return 0;
}

START_TEST(nonsense_is_refused_in_words_or_evaluated) {
    const char *given = getenv("WG_NONSENSE_SEED"), *only = getenv("WG_NONSENSE_OP");
    walk so_far = {.tape = wg_tape_new(), .seed = given ? strtoull(given, NULL, 10) : 1};
    ck_assert_ptr_nonnull(so_far.tape);
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        if (only && strcmp(only, op->name)) continue;
        so_far.samples = 0;
        wg_op_samples(op, count_case, &so_far.samples);
        wg_op_samples(op, try_case, &so_far);
        so_far.ops++;
    }
    wg_tape_free(so_far.tape);
    printf("nonsense, seed %llu: %d ops, %d cases, %d refused, %d accepted, of which %d failed at run time\n",
           (unsigned long long)so_far.seed, so_far.ops, so_far.cases, so_far.refused, so_far.accepted,
           so_far.failed_at_run);
    ck_assert_int_gt(so_far.refused, so_far.ops);
    ck_assert_int_eq(so_far.failures, 0);
}
END_TEST

WG_SUITE("ops/nonsense", nonsense_is_refused_in_words_or_evaluated)
