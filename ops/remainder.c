/* fmod, remainder — what is left of a once b has been taken from it as often as it goes
 *
 *     fmod:       y = a - b trunc(a / b)     the sign of a:  C's fmod and %, ONNX Mod with fmod = 1
 *     remainder:  y = a - b floor(a / b)     the sign of b:  Python's %, ONNX Mod with fmod = 0, torch.remainder
 *
 * With cotangent dy:  da = dy,  db = -dy n,  where n = (a - y) / b is the whole quotient, a constant to further
 * derivatives. The jumps, at whole quotients, count as 0.
 *
 * fmod is exact; remainder adds b to it where the signs differ, which rounds. Whole numbers by 0 fail the run; of
 * real ones the result is NaN. Far quotients are rare and do not vectorise, so the kernel asks block by block
 * whether there are any (kernels/maths/remainder.h). */
#include "op.h"

WG_INLINE number with_sign_of(number left, number b) {
    return ((left != 0) & ((left < 0) != (b < 0))) ? left + b : left;
}

#if WG_IS_REAL

enum { BLOCK = 256 };

#define REMAINDER(op, FINISH)                                                                      \
    static void op##_forward(const wg_call *call) {                                                \
        const real *a = WG_IN(call, 0, real), *b = WG_IN(call, 1, real);                           \
        real *y = WG_OUT(call, 0, real);                                                           \
        for (int64_t begin = call->begin, end; begin < call->end; begin = end) {                   \
            end = call->end - begin > BLOCK ? begin + BLOCK : call->end;                           \
            unsigned far = 0;                                                                      \
            for (int64_t i = begin; i < end; i++) far |= !wm_fmod_is_near(a[i], b[i]);             \
            if (far)                                                                               \
                for (int64_t i = begin; i < end; i++) y[i] = FINISH(wm_fmod(a[i], b[i]), b[i]);    \
            else                                                                                   \
                WG_INDEPENDENT_LOOP for (int64_t i = begin; i < end; i++)                          \
                    y[i] = FINISH(wm_fmod_near(a[i], b[i]), b[i]);                                 \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)

#else

/* By -1 nothing is left; the processor would trap at the least number. */
#define REMAINDER(op, FINISH)                                                                      \
    static void op##_forward(const wg_call *call) {                                                \
        const number *a = WG_IN(call, 0, number), *b = WG_IN(call, 1, number);                     \
        number *y = WG_OUT(call, 0, number);                                                       \
        for (int64_t i = call->begin; i < call->end; i++) {                                        \
            if (b[i] == 0) {                                                                       \
                wg_call_fail(call, WG_ERROR_INDEX, "a whole number is divided by 0");              \
                return;                                                                            \
            }                                                                                      \
            y[i] = b[i] == -1 ? 0 : FINISH(a[i] % b[i], b[i]);                                     \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)

#endif

#define AS_IT_IS(left, b) (left)
REMAINDER(fmod, AS_IT_IS)
REMAINDER(remainder, with_sign_of)

#ifdef WG_RULES

static void backward(wg_rule *rule) {
    wg_var a = rule->inputs[0], b = rule->inputs[1], y = rule->outputs[0], dy = rule->cotangents[0];
    wg_rule_set(rule, 0, dy);
    if (!wg_rule_wants(rule, 1)) return;
    wg_var quotient = wg_stop_gradient(wg_div(wg_sub(y, a), b));
    wg_rule_set(rule, 1, wg_scale_cotangent(dy, quotient));
}

static void samples(wg_sampler *s) {
    wg_sample_binary(s, WG_UNIFORM, 0.5, 4);
    wg_sample_binary(s, WG_UNIFORM, -20, -1);
#define MIXED(a_low, a_high, b_low, b_high)                                                        \
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = a_low, .high = a_high}, \
              {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = b_low, .high = b_high})
    MIXED(-9, 9, 1, 2);
    MIXED(-9, 9, -2, -1);
    MIXED(-1, 1, 3, 5);
#undef MIXED
    WG_SAMPLE(s, NULL, {.dtype = WG_I32, .shape = WG_SHAPE(23), .values = WG_INTEGERS, .low = -20, .high = 20},
              {.dtype = WG_I32, .shape = WG_SHAPE(23), .values = WG_INTEGERS, .low = 1, .high = 7});
    WG_SAMPLE(s, NULL, {.dtype = WG_I64, .shape = WG_SHAPE(23), .values = WG_INTEGERS, .low = -20, .high = 20},
              {.dtype = WG_I64, .shape = WG_SHAPE(23), .values = WG_INTEGERS, .low = -7, .high = -1});
}

static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 8); }

const wg_op wg_op_fmod = {
    .name = "fmod", .formula = "y = a - b * trunc(a / b)", .onnx = "Mod", .torch = "fmod",
    .gradient = "da = dy, db = -dy trunc(a / b)",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_INTEGERS_FAIL,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(fmod), .backward = backward, .cost = cost,
    .samples = samples,
};

const wg_op wg_op_remainder = {
    .name = "remainder", .formula = "y = a - b * floor(a / b)", .onnx = "Mod", .torch = "remainder",
    .gradient = "da = dy, db = -dy floor(a / b)",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_INTEGERS_FAIL,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(remainder), .backward = backward, .cost = cost,
    .samples = samples,
};

wg_var (wg_fmod)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_fmod, NULL, a, b); }
wg_var (wg_remainder)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_remainder, NULL, a, b); }

#endif
