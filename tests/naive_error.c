/* naive_error — the rules that many ops share, and which op has which. */
#include "naive_error.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

naive_real *naive_numbers(int64_t count) {
    naive_real *at = calloc((size_t)count + 1, sizeof *at);
    if (!at) ck_abort_msg("out of memory"); /* a ck_assert would write a file each time */
    return at;
}

naive_real naive_larger(naive_real a, naive_real b) { return a > b || isnan(a) ? a : b; }

/* --- The definition at other inputs ------------------------------------------------------------ */

/* The op's definition with some inputs replaced; `replaced[i]` NULL: as it is. To be freed. */
void naive_evaluate_at(const naive_call *call, naive_real *const *replaced, naive_call *other) {
    *other = *call;
    for (int i = 0; i < call->input_count; i++)
        if (replaced[i]) other->inputs[i].value = replaced[i];
    memset(other->outputs, 0, sizeof other->outputs);
    naive_find(call->op->name)(other);
}

void naive_free_outputs(naive_call *call) {
    for (int i = 0; i < NAIVE_OUTPUTS; i++) {
        free(call->outputs[i].value);
        free(call->outputs[i].size);
    }
}

bool naive_is_real(const naive_array *x) { return x->type.dtype == WG_F32 || x->type.dtype == WG_F64; }

/* f(E): the errors in place of the real inputs. */
void naive_error_linear(propagation *p) {
    naive_real *replaced[NAIVE_INPUTS] = {NULL};
    naive_call other;
    for (int i = 0; i < p->call->input_count; i++)
        if (naive_is_real(&p->call->inputs[i])) replaced[i] = (naive_real *)p->errors[i];
    naive_evaluate_at(p->call, replaced, &other);
    const naive_array *y = &other.outputs[0];
    for (int64_t i = 0; i < y->count; i++) p->outputs[0]->error[i] = fabsl(y->value[i]);
    naive_free_outputs(&other);
}

/* Linear in input 0 with weights of any sign, whose sizes the definition gives; real numbers after it, if
 * there are any, are places: where those are not known nothing can be said. */
void naive_error_weighted(propagation *p) {
    naive_real *replaced[NAIVE_INPUTS] = {(naive_real *)p->errors[0]};
    naive_call other;
    naive_evaluate_at(p->call, replaced, &other);
    bool known = true;
    for (int i = 1; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) known &= p->errors[i][k] == 0;
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->error[i] = known ? other.outputs[0].size[i] : INFINITY;
    naive_free_outputs(&other);
}

/* f(|x| + E) - f(|x|), both as sums of positive terms. */
void naive_error_product(propagation *p) {
    naive_real *low[NAIVE_INPUTS] = {NULL}, *high[NAIVE_INPUTS] = {NULL};
    naive_call at_low, at_high;
    for (int i = 0; i < p->call->input_count; i++) {
        const naive_array *x = &p->call->inputs[i];
        if (!naive_is_real(x)) continue;
        low[i] = naive_numbers(x->count);
        high[i] = naive_numbers(x->count);
        for (int64_t k = 0; k < x->count; k++) {
            low[i][k] = fabsl(x->value[k]);
            high[i][k] = low[i][k] + p->errors[i][k];
        }
    }
    naive_evaluate_at(p->call, low, &at_low);
    naive_evaluate_at(p->call, high, &at_high);
    for (int64_t i = 0; i < p->outputs[0]->count; i++) {
        const naive_real upper = fabsl(at_high.outputs[0].value[i]),
                         lower = fabsl(at_low.outputs[0].value[i]);
        p->outputs[0]->error[i] = upper == lower ? 0 : upper - lower + 0x1p-60L * upper;
    }
    naive_free_outputs(&at_low);
    naive_free_outputs(&at_high);
    for (int i = 0; i < NAIVE_INPUTS; i++) {
        free(low[i]);
        free(high[i]);
    }
}

/* The largest difference at the 2^n corners x ± E; infinite where a corner has no value. */
void naive_error_corners(propagation *p) {
    const naive_call *call = p->call;
    for (unsigned corner = 0; corner < 1u << call->input_count; corner++) {
        naive_real *moved[NAIVE_INPUTS] = {NULL};
        naive_call other;
        for (int i = 0; i < call->input_count; i++) {
            moved[i] = naive_numbers(call->inputs[i].count);
            for (int64_t k = 0; k < call->inputs[i].count; k++)
                moved[i][k] = call->inputs[i].value[k] + (corner >> i & 1 ? 1 : -1) * p->errors[i][k];
        }
        naive_evaluate_at(call, moved, &other);
        for (int64_t i = 0; i < p->outputs[0]->count; i++) {
            const naive_real y = call->outputs[0].value[i], off = fabsl(other.outputs[0].value[i] - y);
            naive_real *error = &p->outputs[0]->error[i];
            *error = other.outputs[0].value[i] == y ? *error
                     : isnan(off)                   ? INFINITY
                                                    : naive_larger(*error, off);
        }
        naive_free_outputs(&other);
        for (int i = 0; i < NAIVE_INPUTS; i++) free(moved[i]);
    }
}

/* Smooth, but not monotone everywhere, and with poles: infinite where the interval is not small against the
 * way to the next whole multiple of what may separate two poles. Next to an extremum one corner is farther
 * off than the extremum. */
void naive_error_smooth(propagation *p) {
    naive_error_corners(p);
    for (int64_t i = 0; i < p->outputs[0]->count; i++) {
        const naive_real x = p->call->inputs[0].value[i], e = p->errors[0][i];
        const naive_real pole = p->call->op->name[0] == 't' ? fabsl(cosl(x))
                                : x < 0.5L                  ? fabsl(x - rintl(x))
                                                            : x;
        if (e > 0 && p->call->op->name[0] != 'c' && e >= pole) p->outputs[0]->error[i] = INFINITY;
    }
}

/* --- By the element ---------------------------------------------------------------------------- */

element naive_element_at(const propagation *p, const naive_index *at) {
    element found = {{0}, {0}, {0}};
    for (int i = 0; i < p->call->input_count && i < 3; i++) {
        const naive_array *x = &p->call->inputs[i];
        const int64_t place = naive_broadcast_at(x, at->at, at->type->rank);
        found.x[i] = x->value[place];
        found.e[i] = p->errors[i][place];
        found.name[i] = p->names[i][place];
    }
    return found;
}

void naive_each_element(propagation *p, element_rule *error) {
    naive_value *out = p->outputs[0];
    for (naive_index i = naive_first(&out->type); i.more; naive_next(&i))
        out->error[i.number] = error(p, naive_element_at(p, &i), p->call->outputs[0].value[i.number]);
}

/* --- Which op has which ------------------------------------------------------------------------ */

static const struct {
    const char *op;
    naive_error_rule *rule;
    element_rule *of_element;
} rows[] = {
#define ERROR(op, rule) {#op, naive_error_##rule, NULL},
#define ELEMENT_ERROR(op, rule) {#op, NULL, naive_error_##rule},
#include "naive_error.def"
};

static size_t row_of(const char *op) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].op, op)) return i;
    ck_abort_msg("%s has no rule for the errors of its inputs", op);
}

naive_error_rule *naive_rule_of(const char *op) { return rows[row_of(op)].rule; }

void naive_propagate(propagation *p) {
    const size_t row = row_of(p->call->op->name);
    if (rows[row].rule)
        rows[row].rule(p);
    else
        naive_each_element(p, rows[row].of_element);
}
