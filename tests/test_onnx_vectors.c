/* The ONNX project's test vectors: what its operators give, computed by its own definition in NumPy, is what
 * our ops give. A line for each operator, its vectors passed, not passed and out of scope, and why. */
#include "onnx/onnx.h"
#include "suite.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_OPS = 300, MOST_REASONS = 400 };

/* What came of an operator's vectors. */
typedef struct row {
    char op[64];
    int counts[ONNX_FAILED + 1];
} row;

/* Why vectors of an operator did not pass, and how many. */
typedef struct reason {
    char op[64], text[ONNX_TEXT];
    onnx_outcome outcome;
    int count;
} reason;

typedef struct table {
    int rows, reasons;
    row row[MOST_OPS];
    reason reason[MOST_REASONS];
} table;

static const char *const outcomes[] = {"passed", "not passed", "out of scope", "FAILED"};

static row *row_of(table *t, const char *op) {
    for (int i = 0; i < t->rows; i++)
        if (!strcmp(t->row[i].op, op)) return &t->row[i];
    ck_assert_int_lt(t->rows, MOST_OPS);
    row *made = &t->row[t->rows++];
    snprintf(made->op, sizeof made->op, "%s", op);
    return made;
}

static void note_reason(table *t, const onnx_verdict *verdict) {
    for (int i = 0; i < t->reasons; i++) {
        reason *known = &t->reason[i];
        if (strcmp(known->op, verdict->op) || strcmp(known->text, verdict->reason)) continue;
        known->count++;
        return;
    }
    ck_assert_int_lt(t->reasons, MOST_REASONS);
    reason *made = &t->reason[t->reasons++];
    *made = (reason){.outcome = verdict->outcome, .count = 1};
    snprintf(made->op, sizeof made->op, "%s", verdict->op);
    snprintf(made->text, sizeof made->text, "%s", verdict->reason);
}

static void print_table(const table *t) {
    printf("%-44s %6s %10s %12s %6s\n", "operator", outcomes[0], outcomes[1], outcomes[2], outcomes[3]);
    for (int i = 0; i < t->rows; i++) {
        const row *r = &t->row[i];
        printf("%-44s %6d %10d %12d %6d\n", r->op, r->counts[0], r->counts[1], r->counts[2], r->counts[3]);
        for (int j = 0; j < t->reasons; j++)
            if (!strcmp(t->reason[j].op, r->op))
                printf("    %d %s: %s\n", t->reason[j].count, outcomes[t->reason[j].outcome],
                       t->reason[j].text);
    }
}

/* Runs every vector of the directory, in the order of their names; returns how many there are. */
static int run_all(const char *root, table *t) {
    struct dirent **entries;
    const int count = scandir(root, &entries, NULL, alphasort);
    int vectors = 0;
    for (int i = 0; i < count; i++) {
        char directory[1024];
        snprintf(directory, sizeof directory, "%s/%s", root, entries[i]->d_name);
        const bool is_vector = entries[i]->d_name[0] != '.';
        free(entries[i]);
        if (!is_vector) continue;
        onnx_verdict verdict;
        onnx_run(directory, &verdict);
        vectors++;
        row_of(t, verdict.op)->counts[verdict.outcome]++;
        if (verdict.outcome != ONNX_PASSED) note_reason(t, &verdict);
        if (verdict.outcome == ONNX_FAILED) printf("%s: %s: %s\n", directory, verdict.op, verdict.reason);
    }
    if (count >= 0) free(entries);
    return vectors;
}

/* No operator's vectors give anything else than expected, and at least 95 % of those in scope pass. A line
 * with a comma is not an operator's: a function written out in others. */
START_TEST(ops_give_what_onnx_expects) {
    static table t;
    const int vectors = run_all(ONNX_VECTORS, &t);
    print_table(&t);
    int counts[ONNX_FAILED + 1] = {0}, ops = 0;
    for (int i = 0; i < t.rows; i++) {
        ops += t.row[i].counts[ONNX_PASSED] > 0 && !strchr(t.row[i].op, ',');
        for (int j = 0; j <= ONNX_FAILED; j++) counts[j] += t.row[i].counts[j];
    }
    const int in_scope = vectors - counts[ONNX_OUT_OF_SCOPE];
    printf("onnx: %d vectors, %d in scope, %d passed (%.1f %%) of %d operators, %d not passed, %d failed\n",
           vectors, in_scope, counts[ONNX_PASSED], 100.0 * counts[ONNX_PASSED] / in_scope, ops,
           counts[ONNX_LACKING], counts[ONNX_FAILED]);
    fflush(stdout);
    ck_assert_int_gt(vectors, 900);
    ck_assert_int_eq(counts[ONNX_FAILED], 0);
    ck_assert_int_ge(100 * counts[ONNX_PASSED], 95 * in_scope);
}
END_TEST

/* So that no op is forgotten: where the registry names an operator, this suite records it, or says why not.
 */
START_TEST(operators_that_the_registry_names_are_recorded) {
    int named = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const char *name = wg_op_at(i)->onnx;
        if (!name) continue;
        named++;
        if (!onnx_op_find(name)) ck_abort_msg("%s: ONNX's %s is not recorded", wg_op_at(i)->name, name);
    }
    ck_assert_int_gt(named, 100);
}
END_TEST

static bool equal(wg_dtype dtype, double y, double expected) {
    wg_tensor *tensors[2];
    for (int i = 0; i < 2; i++) {
        const double value = i ? expected : y;
        tensors[i] = wg_tensor_new(i ? dtype : WG_F32, WG_SHAPE(2), NULL);
        if (wg_tensor_type(tensors[i]).dtype == WG_F32)
            ((float *)wg_tensor_writable(tensors[i]))[1] = (float)value;
    }
    char text[ONNX_TEXT];
    const bool result = onnx_equal(tensors[0], tensors[1], 0, text);
    for (int i = 0; i < 2; i++) wg_tensor_free(tensors[i]);
    return result;
}

/* The comparison sees what it is for. */
START_TEST(other_numbers_and_types_are_seen) {
    ck_assert(equal(WG_F32, 1, 1));
    ck_assert(equal(WG_F32, NAN, NAN));
    ck_assert(equal(WG_F32, 1, 1.000009));
    ck_assert(!equal(WG_F32, 1, 1.00002));
    ck_assert(!equal(WG_F32, 1e-12, -1e-12));
    ck_assert(!equal(WG_F32, NAN, 1));
    ck_assert(!equal(WG_F32, 1, INFINITY));
    ck_assert(!equal(WG_F32, INFINITY, -INFINITY));
    ck_assert(!equal(WG_F64, 0, 0));
    const int64_t large[] = {INT64_C(1) << 53, (INT64_C(1) << 53) + 1}; /* as doubles they are one number */
    wg_tensor *one = wg_tensor_over(WG_I64, WG_SCALAR_SHAPE, &large[0], NULL);
    wg_tensor *next = wg_tensor_over(WG_I64, WG_SCALAR_SHAPE, &large[1], NULL);
    char text[ONNX_TEXT];
    ck_assert(onnx_equal(one, one, 0, text));
    ck_assert(!onnx_equal(one, next, 0, text));
    wg_tensor_free(one);
    wg_tensor_free(next);
}
END_TEST

WG_SUITE("onnx_vectors", ops_give_what_onnx_expects, operators_that_the_registry_names_are_recorded,
         other_numbers_and_types_are_seen)
