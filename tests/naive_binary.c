/* naive_binary — remainders, lengths, signs, logic and blends of two or three numbers. */
#include "naive.h"
#include <math.h>

typedef naive_real of_numbers(const naive_call *call, const naive_real *x, naive_real *size);

static void each(naive_call *call, of_numbers *f, int roundings, wg_dtype dtype) {
    naive_array *y = naive_output(call, 0, naive_broadcast_type(call, dtype));
    call->roundings = roundings;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        naive_real x[3] = {0}, size = -1;
        for (int k = 0; k < call->input_count; k++)
            x[k] = call->inputs[k].value[naive_broadcast_at(&call->inputs[k], i.at, y->type.rank)];
        naive_set(y, i.number, f(call, x, &size));
        if (size >= 0) y->size[i.number] = size;
    }
}
#define NUMBERS(name) static naive_real name(const naive_call *call, const naive_real *x, naive_real *size)
#define UNUSED (void)call, (void)x, (void)size
#define DEFINE(name, f, roundings, dtype) \
    static void name(naive_call *call) { each(call, f, roundings, dtype); }
#define SAME call->inputs[0].type.dtype

NUMBERS(fmod_of) {
    UNUSED;
    return fmodl(x[0], x[1]);
}
NUMBERS(remainder_of) {
    UNUSED;
    const naive_real left = fmodl(x[0], x[1]);
    return left != 0 && (left < 0) != (x[1] < 0) ? left + x[1] : left;
}
NUMBERS(hypot_of) {
    UNUSED;
    return hypotl(x[0], x[1]);
}
NUMBERS(atan2_of) {
    UNUSED;
    return atan2l(x[0], x[1]);
}
NUMBERS(copysign_of) {
    UNUSED;
    return copysignl(x[0], x[1]);
}
NUMBERS(logaddexp_of) {
    UNUSED;
    if (x[0] == x[1] && isinf(x[0])) return x[0];
    const naive_real m = x[0] > x[1] ? x[0] : x[1];
    *size = fabsl(m) + 1;
    return m + log1pl(expl(-fabsl(x[0] - x[1])));
}
NUMBERS(and_of) {
    UNUSED;
    return x[0] != 0 && x[1] != 0;
}
NUMBERS(or_of) {
    UNUSED;
    return x[0] != 0 || x[1] != 0;
}
NUMBERS(xor_of) {
    UNUSED;
    return (x[0] != 0) != (x[1] != 0);
}
NUMBERS(lerp_of) {
    UNUSED;
    *size = (fabsl(x[0]) + fabsl(x[1])) * (2 + fabsl(x[2]));
    return x[0] + x[2] * (x[1] - x[0]);
}
NUMBERS(addcmul_of) {
    const naive_real product = naive_number(call, "value") * x[1] * x[2];
    *size = fabsl(x[0]) + fabsl(product);
    return x[0] + product;
}
NUMBERS(xlogy_of) {
    UNUSED;
    return isnan(x[1]) ? x[1] : x[0] == 0 ? 0 : x[0] * logl(x[1]);
}

DEFINE(fmod_, fmod_of, 0, SAME)
DEFINE(remainder_, remainder_of, 1, SAME)
DEFINE(hypot_, hypot_of, 4, SAME)
DEFINE(atan2_, atan2_of, 4, SAME)
DEFINE(copysign_, copysign_of, 0, SAME)
DEFINE(logaddexp_, logaddexp_of, 8, SAME)
DEFINE(logical_and, and_of, 0, WG_BOOL)
DEFINE(logical_or, or_of, 0, WG_BOOL)
DEFINE(logical_xor, xor_of, 0, WG_BOOL)
DEFINE(lerp_, lerp_of, 4, SAME)
DEFINE(addcmul_, addcmul_of, 4, SAME)
DEFINE(xlogy_, xlogy_of, 5, SAME)

const naive_entry naive_binary[] = {
    {"fmod", fmod_},
    {"remainder", remainder_},
    {"hypot", hypot_},
    {"atan2", atan2_},
    {"copysign", copysign_},
    {"logaddexp", logaddexp_},
    {"logical_and", logical_and},
    {"logical_or", logical_or},
    {"logical_xor", logical_xor},
    {"lerp", lerp_},
    {"addcmul", addcmul_},
    {"xlogy", xlogy_},
    {NULL, NULL},
};
