/* cumsum, cumprod, linear_scan — along one axis; i counts its elements in the order of the scan, which `reverse`
 * turns round. `exclusive`: the result at i is that of i - 1, and 0 (cumprod: 1) at the first.
 *
 *     cumsum:       y[i] = y[i-1] + x[i]               dx = cumsum(dy), the other way
 *     cumprod:      y[i] = y[i-1] x[i]                 dx[i] = P[i] g[i],  P the exclusive cumprod
 *     linear_scan:  y[i] = a[i] y[i-1] + b[i]          db = g,  da[i] = g[i] y[i-1]
 *
 * where g is the cotangent of a state, its own and what comes of all later ones:
 *
 *     g[i] = dy[i] + f[i+1] g[i+1]     f: x or a; dy[i+1] instead where the scan is exclusive
 *
 * itself a linear_scan, the other way. Nothing is divided, so zeros are as good as other numbers, at every order.
 * ONNX CumSum; of torch the same without exclusive and reverse. f32 is accumulated in f64. */
#include "rows.h"

typedef struct {
    int64_t axis;
    bool exclusive, reverse;
} scan_attributes;

/* A unit: up to so many scans side by side. */
enum { SIDE_BY_SIDE = 64 };

#if WG_IS_REAL
typedef double state;
#else
typedef wrapping state;
#endif

/* One row of states moves on; y takes them before or after. */
#define SCAN(op, first, next)                                                                              \
    static void op##_forward(const wg_call *call) {                                                        \
        const scan_attributes *at = WG_ATTRIBUTES(call, scan);                                             \
        const rows_split s = rows_split_at(&call->outputs[0].type, at->axis);                              \
        const int64_t blocks = (s.inner + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE;                                \
        for (int64_t unit = call->begin; unit < call->end; unit++) {                                       \
            const int64_t begin = unit % blocks * SIDE_BY_SIDE, left = s.inner - begin;                    \
            const int64_t width = left < SIDE_BY_SIDE ? left : SIDE_BY_SIDE;                               \
            const int64_t origin = unit / blocks * s.extent * s.inner + begin;                             \
            state h[SIDE_BY_SIDE];                                                                         \
            for (int64_t j = 0; j < width; j++) h[j] = first;                                              \
            for (int64_t i = 0; i < s.extent; i++) {                                                       \
                const int64_t row = origin + (at->reverse ? s.extent - 1 - i : i) * s.inner;               \
                const number *x = WG_IN(call, 0, number) + row;                                            \
                const number *b = WG_IN(call, (call->input_count - 1), number) + row;                      \
                number *y = WG_OUT(call, 0, number) + row;                                                 \
                (void)b;                                                                                   \
                for (int64_t j = 0; j < width; j++) {                                                      \
                    const state before = h[j];                                                             \
                    h[j] = next;                                                                           \
                    y[j] = (number)(at->exclusive ? before : h[j]);                                        \
                }                                                                                          \
            }                                                                                              \
        }                                                                                                  \
    }                                                                                                      \
    WG_KERNEL(op, op##_forward)

SCAN(cumsum, 0, before + (state)x[j])
SCAN(cumprod, 1, before * (state)x[j])
#if WG_IS_REAL
SCAN(linear_scan, 0, (state)x[j] * before + (state)b[j])
#endif

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(scan_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "that is gone along"),
    WG_ATTRIBUTE(scan_attributes, exclusive, .kind = WG_ATTRIBUTE_BOOL, .meaning = "each without itself"),
    WG_ATTRIBUTE(scan_attributes, reverse, .kind = WG_ATTRIBUTE_BOOL, .meaning = "from the last to the first"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0];
    const int status = wg_infer_one_number(infer, 0, "x");
    if (status) return status;
    infer->outputs[0] = *x;
    return wg_infer_axis(infer, &((scan_attributes *)infer->attributes)->axis, x->rank);
}

static int infer_linear(wg_infer *infer) {
    const int status = wg_infer_real(infer);
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    if (status) return status;
    if (!wg_shape_equal(a, b))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "a is %s, b is %s; they must be alike",
                             wg_infer_shape_text(infer, a), wg_infer_shape_text(infer, b));
    infer->outputs[0] = *a;
    return wg_infer_axis(infer, &((scan_attributes *)infer->attributes)->axis, a->rank);
}

static scan_attributes scan_of(int64_t axis, bool exclusive, bool reverse) {
    scan_attributes at;
    memset(&at, 0, sizeof at);
    at.axis = axis;
    at.exclusive = exclusive;
    at.reverse = reverse;
    return at;
}

static void cumsum_backward(wg_rule *rule) {
    const scan_attributes *at = WG_ATTRIBUTES(rule, scan), back = scan_of(at->axis, at->exclusive, !at->reverse);
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_cumsum, &back, rule->cotangents[0]));
}

/* g of the comment above. */
static wg_var state_cotangent(const wg_rule *rule, wg_var factor) {
    const scan_attributes *at = WG_ATTRIBUTES(rule, scan), back = scan_of(at->axis, true, !at->reverse);
    wg_var dy = rule->cotangents[0];
    if (at->exclusive) return WG_RECORD(&wg_op_linear_scan, &back, factor, dy);
    return wg_add(dy, WG_RECORD(&wg_op_linear_scan, &back, factor, wg_scale_cotangent(dy, factor)));
}

static void cumprod_backward(wg_rule *rule) {
    const scan_attributes *at = WG_ATTRIBUTES(rule, scan), others = scan_of(at->axis, true, at->reverse);
    wg_var x = rule->inputs[0];
    wg_var before = at->exclusive ? rule->outputs[0] : WG_RECORD(&wg_op_cumprod, &others, x);
    wg_rule_set(rule, 0, wg_scale_cotangent(state_cotangent(rule, x), before));
}

static void linear_scan_backward(wg_rule *rule) {
    const scan_attributes *at = WG_ATTRIBUTES(rule, scan), others = scan_of(at->axis, true, at->reverse);
    wg_var a = rule->inputs[0], b = rule->inputs[1], g = state_cotangent(rule, a);
    wg_rule_set(rule, 1, g);
    if (!wg_rule_wants(rule, 0)) return;
    wg_var before = at->exclusive ? rule->outputs[0] : WG_RECORD(&wg_op_linear_scan, &others, a, b);
    wg_rule_set(rule, 0, wg_scale_cotangent(g, before));
}

static int64_t units(const wg_call *call) {
    const rows_split s = rows_split_at(&call->outputs[0].type, WG_ATTRIBUTES(call, scan)->axis);
    return s.outer * ((s.inner + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE);
}

static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, call->input_count); }

typedef struct {
    wg_shape shape;
    int axis;
} scan_case;
#define S(...) {{__VA_ARGS__, INT64_MIN}}
static const scan_case cases[] = {
    {S(1), 0}, {S(7), 0}, {S(23), -1}, {S(3, 4), 0}, {S(3, 4), 1}, {S(5, 1), 1}, {S(2, 3, 4), -2},
    {S(1, 2, 1, 3, 1, 2), 3}, {S(2, 1, 2, 1, 2, 1, 2, 1), -4}, {S(2, 67), 0}, {S(0), 0}, {S(3, 0), 0}, {S(0, 3), 1},
};
#undef S

static void sample(wg_sampler *s, int inputs, wg_values drawn) {
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        for (int k = 0; k < 4; k++) {
            const scan_attributes at = scan_of(cases[i].axis, k & 1, k >> 1);
            const wg_sample_input list[] = {{.shape = &cases[i].shape, .values = drawn},
                                            {.shape = &cases[i].shape, .end_ = inputs == 1},
                                            {.end_ = true}};
            if (i % 2 == 0 || k == i / 2 % 4) wg_sample_list(s, &at, list);
        }
}
static void cumsum_samples(wg_sampler *s) { sample(s, 1, WG_NORMAL); }
static void cumprod_samples(wg_sampler *s) {
    sample(s, 1, WG_NORMAL);
    for (int k = 0; k < 4; k++) { /* zeros among them, several in a line */
        const scan_attributes at = scan_of(1, k & 1, k >> 1);
        WG_SAMPLE(s, &at, {.shape = WG_SHAPE(3, 6), .values = WG_TIES});
    }
}
static void linear_scan_samples(wg_sampler *s) { sample(s, 2, WG_NORMAL); }

#define SCAN_OP(op, text, shapes_text, gradient_text, onnx_name, torch_name, kind, count, linear,         \
                shape_rule)                                                                               \
    const wg_op wg_op_##op = {                                                                            \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = torch_name,                             \
        .shapes = shapes_text, .gradient = gradient_text,                                                 \
        .inputs = count, .outputs = 1, .flags = kind, .linear_in = linear, .attributes = attributes,      \
        .attributes_size = sizeof(scan_attributes), .infer = shape_rule, .forward = WG_FORWARD(op),       \
        .backward = op##_backward, .units = units, .cost = cost, .samples = op##_samples,                 \
    };
SCAN_OP(cumsum, "y[i] = sum_{j <= i} x[j]", "x [...] -> y [...]", "dx[i] = sum_{j >= i} dy[j]", "CumSum",
        "cumsum", 0, 1, 1, infer)
SCAN_OP(cumprod, "y[i] = prod_{j <= i} x[j]", "x [...] -> y [...]",
        "dx[i] = (prod_{j < i} x[j]) g[i], g[i] = dy[i] + x[i+1] g[i+1]", "CumProd", "cumprod", 0, 1, 0,
        infer)
SCAN_OP(linear_scan, "y[i] = a[i] * y[i-1] + b[i]", "a [...], b [...] -> y [...]",
        "da[i] = g[i] y[i-1], db = g, g[i] = dy[i] + a[i+1] g[i+1]", NULL, NULL, WG_HELPER, 2, 2,
        infer_linear)

#define RECORDER(op)                                                                               \
    wg_var (wg_##op)(wg_var x, int axis, const wg_scan_options *options) {                         \
        WG_READ_OPTIONS(wg_scan_options, given, options);                                          \
        const scan_attributes chosen = scan_of(axis, given.exclusive, given.reverse);              \
        return WG_RECORD(&wg_op_##op, &chosen, x);                                                 \
    }
RECORDER(cumsum)
RECORDER(cumprod)

#endif
