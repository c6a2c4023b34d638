/* Every op of the registry gives the same bits on each of its samples: on every instruction set of this
 * machine, by plans on three threads and node by node. What does not stands in docs/determinism.md by name,
 * and nothing else does.
 */
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 31, INPUTS = 64, OUTPUTS = 8, ENGINES = 8, DIFFERING = 2000 };

/* The first is what the others are held against: portable kernels, node by node. */
typedef struct ways {
    wg_engine *engines[ENGINES];
    wg_tape *tapes[ENGINES];
    char names[ENGINES][40];
    int count;
} ways;

static void add_way(ways *w, const char *isa, wg_executor executor) {
    wg_engine *engine = wg_engine_new(NULL, .isa = isa, .threads = 3, .executor = executor);
    if (!engine) return; /* this build or machine lacks the instruction set */
    w->engines[w->count] = engine;
    w->tapes[w->count] = wg_tape_new(.engine = engine);
    ck_assert_ptr_nonnull(w->tapes[w->count]);
    snprintf(w->names[w->count], sizeof w->names[0], "%s%s", isa,
             executor == WG_NODE_BY_NODE ? " by node" : "");
    w->count++;
}

static void begin(ways *w) {
    static const char *const isas[] = {"portable", "avx2", "avx512", "neon"};
    w->count = 0;
    for (int i = 0; i < 4; i++) {
        add_way(w, isas[i], WG_NODE_BY_NODE);
        add_way(w, isas[i], WG_PLANNED);
    }
    for (int i = 0; i < w->count; i++) printf("%s%s", i ? ", " : "held against each other: ", w->names[i]);
    printf("\n");
}

static void end(ways *w) {
    for (int i = 0; i < w->count; i++) {
        wg_tape_free(w->tapes[i]);
        wg_engine_free(w->engines[i]);
    }
}

/* --- One op ------------------------------------------------------------------------------------ */

typedef struct trial {
    ways *ways;
    wg_dtype real;
    int compared; /* samples */
    int64_t elements;
    char differs[100]; /* where first; empty: nowhere */
} trial;

/* Where two are both not a number they are alike: which one is the processor's choice. */
static int64_t first_difference(const wg_tensor *a, const wg_tensor *b) {
    const wg_type type = wg_tensor_type(a);
    const size_t size = wg_dtype_size(type.dtype);
    const char *x = wg_tensor_data(a), *y = wg_tensor_data(b);
    for (int64_t i = 0; i < wg_tensor_count(a); i++)
        if (memcmp(x + (size_t)i * size, y + (size_t)i * size, size) != 0 &&
            !(isnan(wg_tensor_get(a, i)) && isnan(wg_tensor_get(b, i))))
            return i;
    return -1;
}

/* The sample on a tape, all its outputs evaluated; the status. */
static int evaluate(const wg_case *sample, wg_tape *tape, wg_tensor *const *inputs, wg_var *outputs) {
    wg_var vars[INPUTS + 1];
    for (int i = 0; i < sample->input_count; i++) vars[i] = inputs[i] ? wg_input(tape, inputs[i]) : WG_NONE;
    vars[sample->input_count] = (wg_var)WG_END_;
    outputs[0] = wg_case_record(tape, sample, vars);
    for (int k = 1; k < sample->op->outputs; k++) outputs[k] = wg_output(outputs[0], k);
    outputs[sample->op->outputs] = (wg_var)WG_END_;
    return wg_eval_list(outputs);
}

static int try_case(const wg_case *sample, void *context) {
    trial *t = context;
    ways *w = t->ways;
    wg_tensor *inputs[INPUTS] = {NULL};
    wg_var outputs[ENGINES][OUTPUTS + 1];
    int status[ENGINES] = {WG_OK};
    ck_assert_int_le(sample->input_count, INPUTS);
    ck_assert_int_le(sample->op->outputs, OUTPUTS);
    for (int i = 0; i < sample->input_count; i++) inputs[i] = wg_case_tensor(sample, i, t->real, SEED, NULL);
    for (int i = 0; i < w->count; i++) status[i] = evaluate(sample, w->tapes[i], inputs, outputs[i]);
    for (int i = 1; i < w->count && !t->differs[0]; i++) {
        int64_t at = status[i] == status[0] ? -1 : 0;
        for (int k = 0; at < 0 && !status[0] && k < sample->op->outputs; k++) {
            at = first_difference(wg_value(outputs[0][k]), wg_value(outputs[i][k]));
            t->elements += wg_tensor_count(wg_value(outputs[0][k]));
        }
        if (at >= 0)
            snprintf(t->differs, sizeof t->differs, "sample %d in %s, element %lld, on %s", sample->number,
                     wg_dtype_name(t->real), (long long)at, w->names[i]);
    }
    t->compared += status[0] == WG_OK;
    for (int i = 0; i < w->count; i++) {
        wg_tape_recover(w->tapes[i], NULL);
        wg_tape_clear(w->tapes[i]);
    }
    for (int i = 0; i < sample->input_count; i++) wg_tensor_free(inputs[i]);
    return 0;
}

/* --- All ops ----------------------------------------------------------------------------------- */

static int read_page(char *text, size_t size) {
    FILE *file = fopen(source_path("docs/determinism.md"), "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    return fclose(file);
}

START_TEST(every_op_gives_the_same_bits_everywhere_but_for_those_that_the_page_lists) {
    static char page[1 << 16], differing[DIFFERING], sentence[DIFFERING + 100];
    static const wg_dtype types[] = {WG_F32, WG_F64};
    ways w;
    begin(&w);
    int compared = 0;
    int64_t elements = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        trial t = {.ways = &w};
        for (int k = 0; k < 2; k++) {
            t.real = types[k];
            ck_assert_int_eq(wg_op_samples(op, try_case, &t), 0);
        }
        compared += t.compared;
        elements += t.elements;
        ck_assert_msg(t.compared > 0, "%s: none of its samples could be evaluated", op->name);
        if (!t.differs[0]) continue;
        printf("%s: %s\n", op->name, t.differs);
        snprintf(differing + strlen(differing), sizeof differing - strlen(differing), "%s`%s`",
                 differing[0] ? ", " : "", op->name);
    }
    printf("%d ops, %d samples, %lld comparisons of elements\n", wg_op_count(), compared,
           (long long)elements);
    snprintf(sentence, sizeof sentence, "Operations whose bits differ: %s.",
             differing[0] ? differing : "none");
    ck_assert_int_eq(read_page(page, sizeof page), 0);
    ck_assert_msg(strstr(page, sentence) != NULL, "docs/determinism.md does not say \"%s\"", sentence);
    end(&w);
}
END_TEST

START_TEST(the_comparison_sees_one_ulp_and_the_sign_of_zero_but_not_which_nan_it_is) {
    const float one[] = {1, 0, NAN, 2}, ulp[] = {1, 0, -NAN, 0x1.000002p1f}, zero[] = {1, -0.0f, NAN, 2};
    wg_tensor *a = wg_tensor_over(WG_F32, WG_SHAPE(4), one, NULL),
              *b = wg_tensor_over(WG_F32, WG_SHAPE(4), ulp, NULL),
              *c = wg_tensor_over(WG_F32, WG_SHAPE(4), zero, NULL);
    ck_assert_int_eq(first_difference(a, a), -1);
    ck_assert_int_eq(first_difference(a, b), 3);
    ck_assert_int_eq(first_difference(a, c), 1);
    wg_tensor_free(a);
    wg_tensor_free(b);
    wg_tensor_free(c);
}
END_TEST

WG_SUITE("ops/bits", every_op_gives_the_same_bits_everywhere_but_for_those_that_the_page_lists,
         the_comparison_sees_one_ulp_and_the_sign_of_zero_but_not_which_nan_it_is)
