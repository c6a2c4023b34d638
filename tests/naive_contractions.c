/* naive_contractions — dot, outer, kron, linear, bilinear, and einsum as one loop over all indices. */
#include "naive.h"
#include <check.h>
#include <ctype.h>
#include <string.h>

static void dot(naive_call *call) {
    const naive_array *a = &call->inputs[0], *b = &call->inputs[1];
    const bool scaled = !a->type.rank || !b->type.rank;
    const int inner = b->type.rank > 1 ? b->type.rank - 2 : 0, own = scaled ? a->type.rank : a->type.rank - 1;
    const int64_t terms = scaled ? 1 : b->type.extent[inner];
    wg_type type = {.dtype = a->type.dtype};
    for (int i = 0; i < own; i++) type.extent[type.rank++] = a->type.extent[i];
    for (int i = 0; i < b->type.rank; i++)
        if (scaled || i != inner) type.extent[type.rank++] = b->type.extent[i];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = (naive_real)terms + 1;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i))
        for (int64_t k = 0; k < terms; k++) {
            int64_t at_a[WG_MAX_RANK + 1], at_b[WG_MAX_RANK + 1];
            memcpy(at_a, i.at, (size_t)own * sizeof *at_a);
            at_a[own] = k;
            for (int axis = 0, from = own; axis < b->type.rank; axis++)
                at_b[axis] = !scaled && axis == inner ? k : i.at[from++];
            naive_add(y, i.number, a->value[naive_at(&a->type, at_a)] * b->value[naive_at(&b->type, at_b)]);
        }
}

static void outer(naive_call *call) {
    const naive_array *a = &call->inputs[0], *b = &call->inputs[1];
    naive_array *y =
        naive_output(call, 0, (wg_type){.dtype = a->type.dtype, .rank = 2, .extent = {a->count, b->count}});
    for (int64_t i = 0; i < y->count; i++) naive_set(y, i, a->value[i / b->count] * b->value[i % b->count]);
}

static void kron(naive_call *call) {
    const naive_array *a = &call->inputs[0], *b = &call->inputs[1];
    const int rank = a->type.rank > b->type.rank ? a->type.rank : b->type.rank;
    const int fewer_a = rank - a->type.rank, fewer_b = rank - b->type.rank;
    wg_type type = {.dtype = a->type.dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.extent[i] =
            (i < fewer_a ? 1 : a->type.extent[i - fewer_a]) * (i < fewer_b ? 1 : b->type.extent[i - fewer_b]);
    naive_array *y = naive_output(call, 0, type);
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        int64_t at_a[WG_MAX_RANK], at_b[WG_MAX_RANK];
        for (int axis = 0; axis < rank; axis++) {
            const int64_t n = axis < fewer_b ? 1 : b->type.extent[axis - fewer_b];
            if (axis >= fewer_a) at_a[axis - fewer_a] = i.at[axis] / n;
            if (axis >= fewer_b) at_b[axis - fewer_b] = i.at[axis] % n;
        }
        naive_set(y, i.number, a->value[naive_at(&a->type, at_a)] * b->value[naive_at(&b->type, at_b)]);
    }
}

/* Rows of x by rows of the weight; a weight of one axis is a single row, of which no axis is left. */
static void linear(naive_call *call) {
    const naive_array *x = &call->inputs[0], *weight = &call->inputs[1], *bias = &call->inputs[2];
    const int64_t in = x->type.extent[x->type.rank - 1],
                  out = weight->type.rank == 2 ? weight->type.extent[0] : 1;
    wg_type type = x->type;
    type.rank--;
    if (weight->type.rank == 2) type.extent[type.rank++] = out;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = (naive_real)in + 2;
    for (int64_t i = 0; i < y->count; i++) {
        for (int64_t k = 0; k < in; k++)
            naive_add(y, i, x->value[i / out * in + k] * weight->value[i % out * in + k]);
        if (bias->type.dtype) naive_add(y, i, bias->value[i % out]);
    }
}

static void bilinear(naive_call *call) {
    const naive_array *x1 = &call->inputs[0], *x2 = &call->inputs[1], *weight = &call->inputs[2],
                      *bias = &call->inputs[3];
    const int64_t out = weight->type.extent[0], in1 = weight->type.extent[1], in2 = weight->type.extent[2];
    wg_type type = x1->type;
    type.extent[type.rank - 1] = out;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = (naive_real)(in1 * in2) + 3;
    for (int64_t i = 0; i < y->count; i++) {
        for (int64_t j = 0; j < in1; j++)
            for (int64_t k = 0; k < in2; k++)
                naive_add(y, i,
                          x1->value[i / out * in1 + j] * weight->value[(i % out * in1 + j) * in2 + k] *
                              x2->value[i / out * in2 + k]);
        if (bias->type.dtype) naive_add(y, i, bias->value[i % out]);
    }
}

/* --- einsum --------------------------------------------------------------------------------------------- */

enum { NAMES = 256, DOTS = 8 }; /* the axes of an ellipsis are named 1 … 8, the last one 8 */

/* One term with its spaces left out and its dots spelt as names; `axes` of them. */
static const char *spell(const char *text, int axes, char *names) {
    int count = 0;
    for (; *text && *text != ',' && *text != '-'; text++) {
        if (*text == '.') {
            for (int i = 0; i < axes; i++) names[count++] = (char)(DOTS - axes + 1 + i);
            text += 2;
        } else if (*text != ' ') {
            names[count++] = *text;
        }
    }
    names[count] = 0;
    return text;
}

typedef struct sum_of_products {
    char operand[NAIVE_INPUTS][WG_MAX_RANK + 1], result[NAMES];
    int64_t extent[NAMES], at[NAMES];
} sum_of_products;

/* The names of the result: those behind the arrow, or the dots' and then what is met once. */
static void find_result(sum_of_products *s, const char *text, const int *met) {
    int dots = 0, count = 0;
    for (int name = 1; name <= DOTS; name++) dots += met[name] > 0;
    if (*text) {
        spell(text + 2, dots, s->result);
        return;
    }
    for (int name = 1; name < NAMES; name++)
        if (met[name] && (name <= DOTS || met[name] == 1)) s->result[count++] = (char)name;
}

static naive_real factor(const naive_call *call, const sum_of_products *s, int operand) {
    const naive_array *x = &call->inputs[operand];
    int64_t at[WG_MAX_RANK];
    for (int axis = 0; axis < x->type.rank; axis++)
        at[axis] = x->type.extent[axis] == 1 ? 0 : s->at[(int)s->operand[operand][axis]];
    return x->value[naive_at(&x->type, at)];
}

/* The next combination of all indices; false after the last. */
static bool advance(sum_of_products *s) {
    for (int name = 1; name < NAMES; name++) {
        if (s->extent[name] < 0) continue;
        if (++s->at[name] < s->extent[name]) return true;
        s->at[name] = 0;
    }
    return false;
}

static void einsum(naive_call *call) {
    sum_of_products s = {.result = ""};
    int met[NAMES] = {0};
    int64_t combinations = 1, kept = 1;
    const char *text = naive_text(call, "equation");
    memset(s.extent, -1, sizeof s.extent);
    for (int i = 0; i < call->input_count; i++) {
        const wg_type *x = &call->inputs[i].type;
        int letters = 0;
        for (const char *c = text; *c && *c != ',' && *c != '-'; c++)
            letters += isalpha((unsigned char)*c) != 0;
        text = spell(text, x->rank - letters, s.operand[i]);
        if (*text == ',') text++;
        for (int axis = 0; axis < x->rank; axis++) {
            const int name = s.operand[i][axis];
            met[name]++;
            if (s.extent[name] < 0 || s.extent[name] == 1) s.extent[name] = x->extent[axis];
        }
    }
    find_result(&s, text, met);
    wg_type type = {.dtype = call->inputs[0].type.dtype, .rank = (int)strlen(s.result)};
    for (int i = 0; i < type.rank; i++) kept *= type.extent[i] = s.extent[(int)s.result[i]];
    for (int name = 1; name < NAMES; name++) combinations *= s.extent[name] < 0 ? 1 : s.extent[name];
    naive_array *y = naive_output(call, 0, type);
    if (!combinations) return;
    call->roundings = (naive_real)(combinations / kept + 2 * call->input_count);
    do {
        int64_t at[WG_MAX_RANK];
        naive_real product = 1;
        for (int i = 0; i < type.rank; i++) at[i] = s.at[(int)s.result[i]];
        for (int i = 0; i < call->input_count; i++) product *= factor(call, &s, i);
        naive_add(y, naive_at(&type, at), product);
    } while (advance(&s));
}

const naive_entry naive_contractions[] = {
    {"dot", dot},           {"outer", outer},   {"kron", kron}, {"linear", linear},
    {"bilinear", bilinear}, {"einsum", einsum}, {NULL, NULL},
};
