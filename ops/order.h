/* order.h — what the ops share that put numbers in order: keys, and a stable sort and a selection of (key,
 * place).
 *
 * A number's key is a whole number without sign: of two numbers the larger has the larger key, 0 and -0 have
 * the same, and all NaN the largest that there is, as PyTorch and NumPy sort them. Equal keys keep the order
 * of their places. The digits of keys are bytes, so the result depends on no comparison's rounding and on no
 * instruction set. */
#ifndef WG_OPS_ORDER_H
#define WG_OPS_ORDER_H

#include "rows.h"

#if WG_TYPE_NUMBER == WG_TYPE_f32 || WG_TYPE_NUMBER == WG_TYPE_i32
typedef uint32_t order_key;
#else
typedef uint64_t order_key;
#endif

/* One element: `place` is its index along the axis, or its number among those reduced. */
typedef struct {
    order_key key;
    int64_t place;
} order_pair;
_Static_assert(sizeof(order_pair) == 16, "pairs of every dtype have one size, so a workspace has one too");

enum {
    ORDER_FEW = 48,    /* so many are sorted by insertion */
    ORDER_DIGITS = 256 /* values of a byte */
};

WG_INLINE order_key order_key_of(number x) {
    const order_key half = (order_key)1 << (8 * sizeof x - 1);
    order_key bits;
    memcpy(&bits, &x, sizeof x);
#if WG_IS_REAL
    const bool is_f32 = WG_TYPE_NUMBER == WG_TYPE_f32;
    const order_key infinity = is_f32 ? (order_key)0xff << 23 : (order_key)(0x7ffull << 52);
    const order_key size = bits & ~half, key = bits & half ? half - size : half + size;
    return size > infinity ? (order_key)-1 : key;
#else
    return bits ^ half;
#endif
}
WG_INLINE bool order_is_nan(order_key key) { return WG_IS_REAL && key == (order_key)-1; }

/* The pairs of n numbers that lie `step` apart; with all bits turned round the largest comes first. */
WG_INLINE void order_read(const number *x, int64_t n, int64_t step, bool descending, order_pair *pairs) {
    const order_key turn = descending ? (order_key)-1 : 0;
    for (int64_t i = 0; i < n; i++) pairs[i] = (order_pair){order_key_of(x[i * step]) ^ turn, i};
}

WG_INLINE void order_by_insertion(order_pair *pairs, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const order_pair moved = pairs[i];
        int64_t at = i;
        for (; at > 0 && pairs[at - 1].key > moved.key; at--) pairs[at] = pairs[at - 1];
        pairs[at] = moved;
    }
}

WG_INLINE int64_t order_digit(order_key key, int digit) { return key >> 8 * digit & 255; }

/* Sorts by the digits of the keys from the last to the first (Knuth, "The Art of Computer Programming" 3,
 * 5.2.5). The result is in one of the two arrays of n. */
static inline order_pair *order_sort(order_pair *pairs, order_pair *spare, int64_t n) {
    int64_t counts[sizeof(order_key)][ORDER_DIGITS];
    if (n <= ORDER_FEW) {
        order_by_insertion(pairs, n);
        return pairs;
    }
    memset(counts, 0, sizeof counts);
    for (int64_t i = 0; i < n; i++)
        for (int digit = 0; digit < (int)sizeof(order_key); digit++)
            counts[digit][order_digit(pairs[i].key, digit)]++;
    for (int digit = 0; digit < (int)sizeof(order_key); digit++) {
        int64_t *at = counts[digit], before = 0;
        if (at[order_digit(pairs[0].key, digit)] == n) continue; /* all alike */
        for (int value = 0; value < ORDER_DIGITS; value++) {
            const int64_t count = at[value];
            at[value] = before;
            before += count;
        }
        for (int64_t i = 0; i < n; i++) spare[at[order_digit(pairs[i].key, digit)]++] = pairs[i];
        order_pair *sorted = spare;
        spare = pairs;
        pairs = sorted;
    }
    return pairs;
}

/* The pair that sorting would put at `rank`: of the digits from the first on, those that it has are kept. */
static inline order_pair order_select(order_pair *pairs, int64_t n, int64_t rank) {
    for (int digit = (int)sizeof(order_key) - 1; digit >= 0 && n > ORDER_FEW; digit--) {
        int64_t counts[ORDER_DIGITS] = {0}, value = 0, kept = 0;
        for (int64_t i = 0; i < n; i++) counts[order_digit(pairs[i].key, digit)]++;
        while (rank >= counts[value]) rank -= counts[value++];
        for (int64_t i = 0; i < n; i++) {
            pairs[kept] = pairs[i];
            kept += order_digit(pairs[i].key, digit) == value;
        }
        n = kept;
    }
    if (n <= ORDER_FEW) order_by_insertion(pairs, n);
    return pairs[rank];
}

#ifdef WG_RULES

/* --- What the ops along one axis share ------------------------------------------------------------------ */

/* Attributes that begin with the axis. Output 0 as input 0, and output 1, if there is one, its indices. */
static inline int order_infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0];
    const int status = wg_infer_one_number(infer, 0, "x");
    if (status) return status;
    infer->outputs[0] = infer->outputs[infer->output_count - 1] = *x;
    if (infer->output_count > 1) infer->outputs[1].dtype = WG_I64;
    return wg_infer_axis(infer, (int64_t *)infer->attributes, x->rank);
}

/* Each element came from one place of x along the axis: its cotangent goes there. The places do not move
 * with x: their gradient is zero, not missing. */
static inline void order_backward(wg_rule *rule) {
    const int axis = (int)*(const int64_t *)rule->attributes;
    const wg_type type = wg_type_of(rule->inputs[0]);
    wg_var zeros = wg_full_of(rule->tape, &type, 0);
    wg_var places = (wg_stop_gradient)(rule->outputs[1]);
    wg_rule_set(rule, 0, (wg_scatter_add)(zeros, places, rule->cotangents[0], axis));
}

/* A unit is a row along the axis. */
static inline int64_t order_units(const wg_call *call) {
    const rows_split s = rows_split_at(&call->inputs[0].type, *(const int64_t *)call->attributes);
    return s.outer * s.inner;
}

typedef struct {
    wg_shape shape;
    int axis;
    wg_values values;
} order_case;
#define ORDER_SHAPE(...) {{__VA_ARGS__, INT64_MIN}}
/* Ties of two are kinks. Between three equal elements there is no slope to be seen from either side, though
 * the rule has one: such are among the whole numbers, and in tests of their own. */
static const order_case order_cases[] = {
    {ORDER_SHAPE(1), 0, WG_NORMAL},
    {ORDER_SHAPE(7), 0, WG_DISTINCT},
    {ORDER_SHAPE(33), -1, WG_DISTINCT},
    {ORDER_SHAPE(2), 0, WG_ALL_EQUAL},
    {ORDER_SHAPE(3, 4), 0, WG_DISTINCT},
    {ORDER_SHAPE(3, 4), 1, WG_DISTINCT},
    {ORDER_SHAPE(2, 9), 0, WG_TIES},
    {ORDER_SHAPE(9, 2), -1, WG_TIES},
    {ORDER_SHAPE(4, 6), 1, WG_INTEGERS},
    {ORDER_SHAPE(17), 0, WG_INTEGERS},
    {ORDER_SHAPE(70), 0, WG_INTEGERS},
    {ORDER_SHAPE(5, 1), 1, WG_DISTINCT},
    {ORDER_SHAPE(1, 5), 1, WG_DISTINCT},
    {ORDER_SHAPE(2, 3, 4), -2, WG_DISTINCT},
    {ORDER_SHAPE(1, 2, 1, 3, 1, 2), 3, WG_DISTINCT},
    {ORDER_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), -4, WG_DISTINCT},
    {ORDER_SHAPE(61), 0, WG_DISTINCT}, /* more than a few */
    {ORDER_SHAPE(50, 2), 0, WG_DISTINCT},
    {ORDER_SHAPE(0), 0, WG_NORMAL},
    {ORDER_SHAPE(3, 0), 0, WG_NORMAL},
    {ORDER_SHAPE(0, 3), 1, WG_NORMAL},
};
enum { ORDER_CASES = sizeof order_cases / sizeof *order_cases };

static inline wg_sample_input order_input(const order_case *at) {
    const bool whole = at->values == WG_INTEGERS;
    return (wg_sample_input){.dtype = whole ? WG_I32 : WG_NO_DTYPE, .shape = &at->shape, .values = at->values,
                             .low = whole ? -2 : 1, .high = 2};
}

#endif
#endif
