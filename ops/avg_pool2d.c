/* avg_pool2d, avg_pool2d_grad — the mean of each window of each plane, and its transpose
 *
 *   avg_pool2d:       y[n, c, i, j]  = 1 / (kh kw)  sum_{u, v} x[n, c, s i + u - p, s j + v - p]
 *   avg_pool2d_grad:  dx[n, c, h, w] = 1 / (kh kw)  sum dy[n, c, i, j]  over the windows that hold (h, w)
 *
 * Padding counts as zeros and the divisor is always kh kw (ONNX count_include_pad = 1, PyTorch's
 * default). Both are linear, each is the other's rule. Sums run in the order of their indices. */
#include "pool2d.h"

typedef pool2d_attributes avg_pool2d_attributes;

static void forward_plane(const pool2d_attributes *a, const real *x, const int64_t in[2], real *y,
                          const int64_t out[2]) {
    const real scale = (real)1 / (real)(a->kernel[0] * a->kernel[1]);
    for (int64_t i = 0; i < out[0]; i++) {
        for (int64_t j = 0; j < out[1]; j++) {
            const int64_t top = i * a->stride[0] - a->padding[0], left = j * a->stride[1] - a->padding[1];
            int64_t u0, u1, v0, v1;
            pool2d_window(top, a->kernel[0], in[0], &u0, &u1);
            pool2d_window(left, a->kernel[1], in[1], &v0, &v1);
            real sum = 0;
            for (int64_t u = u0; u < u1; u++)
                for (int64_t v = v0; v < v1; v++) sum += x[(top + u) * in[1] + left + v];
            y[i * out[1] + j] = sum * scale;
        }
    }
}

static void forward(const wg_call *call) {
    const int64_t *in = call->inputs[0].type.extent + 2, *out = call->outputs[0].type.extent + 2;
    for (int64_t unit = call->begin; unit < call->end; unit++)
        forward_plane(WG_ATTRIBUTES(call, avg_pool2d), WG_IN(call, 0, real) + unit * in[0] * in[1], in,
                      WG_OUT(call, 0, real) + unit * out[0] * out[1], out);
}
WG_KERNEL(avg_pool2d, forward)

static void grad_plane(const pool2d_attributes *a, const real *dy, const int64_t in[2], real *dx,
                       const int64_t out[2]) {
    const real scale = (real)1 / (real)(a->kernel[0] * a->kernel[1]);
    for (int64_t i = 0; i < out[0] * out[1]; i++) dx[i] = 0;
    for (int64_t i = 0; i < in[0]; i++) {
        for (int64_t j = 0; j < in[1]; j++) {
            const int64_t top = i * a->stride[0] - a->padding[0], left = j * a->stride[1] - a->padding[1];
            int64_t u0, u1, v0, v1;
            pool2d_window(top, a->kernel[0], out[0], &u0, &u1);
            pool2d_window(left, a->kernel[1], out[1], &v0, &v1);
            for (int64_t u = u0; u < u1; u++)
                for (int64_t v = v0; v < v1; v++)
                    dx[(top + u) * out[1] + left + v] += dy[i * in[1] + j] * scale;
        }
    }
}

static void grad(const wg_call *call) {
    const int64_t *in = call->inputs[0].type.extent + 2, *out = call->outputs[0].type.extent + 2;
    for (int64_t unit = call->begin; unit < call->end; unit++)
        grad_plane(WG_ATTRIBUTES(call, avg_pool2d), WG_IN(call, 0, real) + unit * in[0] * in[1], in,
                   WG_OUT(call, 0, real) + unit * out[0] * out[1], out);
}
WG_KERNEL(avg_pool2d_grad, grad)

#ifdef WG_RULES

static const wg_attribute attributes[] = {POOL2D_ATTRIBUTES, WG_NO_MORE_ATTRIBUTES};
static const wg_attribute grad_attributes[] = {POOL2D_ATTRIBUTES, POOL2D_SIZE, WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    int status = pool2d_infer_rank(infer, &infer->inputs[0], "x [N, C, H, W]");
    if (status || (status = wg_infer_real(infer))) return status;
    return pool2d_infer(infer, &infer->inputs[0], &infer->outputs[0]);
}

static int infer_grad(wg_infer *infer) {
    const int status = wg_infer_real(infer);
    return status ? status : pool2d_infer_image(infer, &infer->inputs[0], &infer->outputs[0]);
}

static void backward(wg_rule *rule) {
    pool2d_attributes chosen = *WG_ATTRIBUTES(rule, avg_pool2d);
    const wg_type x = wg_type_of(rule->inputs[0]);
    chosen.size[0] = x.extent[2], chosen.size[1] = x.extent[3];
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_avg_pool2d_grad, &chosen, rule->cotangents[0]));
}

static void backward_of_grad(wg_rule *rule) {
    pool2d_attributes chosen = *WG_ATTRIBUTES(rule, avg_pool2d);
    chosen.size[0] = chosen.size[1] = 0;
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_avg_pool2d, &chosen, rule->cotangents[0]));
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < POOL2D_CASES; i++) {
        const pool2d_case *at = &pool2d_cases[i];
        WG_SAMPLE(s, &at->with, {.shape = WG_SHAPE(at->n, at->channels, at->in[0], at->in[1])});
    }
}

static void samples_of_grad(wg_sampler *s) {
    for (int i = 0; i < POOL2D_CASES; i++) {
        const pool2d_case *at = &pool2d_cases[i];
        pool2d_attributes with = at->with;
        with.size[0] = at->in[0], with.size[1] = at->in[1];
        WG_SAMPLE(s, &with,
                  {.shape = WG_SHAPE(at->n, at->channels, pool2d_windows(at, 0), pool2d_windows(at, 1))});
    }
}

const wg_op wg_op_avg_pool2d = {
    .name = "avg_pool2d",
    .formula = "y[n, c, i, j] = mean_{u, v} x[n, c, s i + u - p, s j + v - p]",
    .onnx = "AveragePool",
    .torch = "avg_pool2d",
    .inputs = 1,
    .outputs = 1,
    .linear_in = 1,
    .attributes = attributes,
    .attributes_size = sizeof(pool2d_attributes),
    .infer = infer,
    .forward = WG_FORWARD(avg_pool2d),
    .backward = backward,
    .flags = WG_EVEN_UNITS | WG_EVEN_READS,
    .units = pool2d_units,
    .cost = pool2d_cost,
    .samples = samples,
};

const wg_op wg_op_avg_pool2d_grad = {
    .name = "avg_pool2d_grad",
    .formula = "dx = the transpose of avg_pool2d, applied to dy",
    .inputs = 1,
    .outputs = 1,
    .linear_in = 1,
    .attributes = grad_attributes,
    .attributes_size = sizeof(pool2d_attributes),
    .infer = infer_grad,
    .forward = WG_FORWARD(avg_pool2d_grad),
    .backward = backward_of_grad,
    .flags = WG_EVEN_UNITS,
    .units = pool2d_units,
    .cost = pool2d_cost,
    .samples = samples_of_grad,
};

wg_var (wg_avg_pool2d)(wg_var x, const wg_pool2d_options *options) {
    pool2d_attributes chosen;
    if (!pool2d_options(x.tape, "avg_pool2d", options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_avg_pool2d, &chosen, x);
}
#endif
