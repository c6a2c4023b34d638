/* gru_cell, gru_cell_grad — a step of a GRU, given what x and h make of its gates, [r, z, n] each
 *
 *     r = σ(x_r + g_r)   z = σ(x_z + g_z)   n = tanh(x_n + r g_n)      h' = (1 - z) n + z h
 *
 * Cho et al. 2014, arXiv:1406.1078; as in PyTorch the reset gate r acts after the product with the hidden
 * state (in ONNX so with linear_before_reset = 1; its gates come in the order z, r, n). With the cotangent d
 * of h', r' = r (1 - r) and so on, n' = 1 - n², grad is
 *
 *     dn = d (1 - z) n'    dr = dn g_n r'       dz = d (h - n) z'
 *     dx = [dr, dz, dn]    dg = [dr, dz, dn r]  dh = d z
 *
 * With cotangents p of dx, q of dg and w of dh, what they meet is d K, where
 *     E = p_r + q_r     B = p_z + q_z     A = E g_n r' + p_n + q_n r
 *     K = A (1 - z) n' + B (h - n) z' + w z
 * so that, with S = d (1 - z) n' and N = d n' (-2 n A (1 - z) - B z') what reaches x_n, the rule of grad is
 *
 *     d d = K     d x_r = d g_r = r' (S (E g_n (1 - 2 r) + q_n) + N g_n)     d x_n = N
 *     d g_n = S E r' + N r
 *     d x_z = d g_z = d z' (w - A n' + B (h - n) (1 - 2 z))                  d h = d B z' */
#include "gates.h"

#if WG_IS_REAL

/* A unit is a row. */
static void forward(const wg_call *call) {
    const int64_t size = call->inputs[2].type.extent[1];
    for (int64_t row = call->begin; row < call->end; row++) {
        const real *x = WG_IN(call, 0, real) + 3 * row * size, *g = WG_IN(call, 1, real) + 3 * row * size;
        const real *h = WG_IN(call, 2, real) + row * size;
        real *y = WG_OUT(call, 0, real) + row * size;
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < size; j++) {
            const real r = wm_sigmoid(x[j] + g[j]), z = wm_sigmoid(x[size + j] + g[size + j]);
            const real n = wm_tanh(x[2 * size + j] + r * g[2 * size + j]);
            y[j] = (1 - z) * n + z * h[j];
        }
    }
}
WG_KERNEL(gru_cell, forward)

static void grad(const wg_call *call) {
    const int64_t size = call->inputs[3].type.extent[1];
    for (int64_t row = call->begin; row < call->end; row++) {
        const real *d = WG_IN(call, 0, real) + row * size, *h = WG_IN(call, 3, real) + row * size;
        const real *x = WG_IN(call, 1, real) + 3 * row * size, *g = WG_IN(call, 2, real) + 3 * row * size;
        real *dx = WG_OUT(call, 0, real) + 3 * row * size, *dg = WG_OUT(call, 1, real) + 3 * row * size;
        real *dh = WG_OUT(call, 2, real) + row * size;
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < size; j++) {
            const real r = wm_sigmoid(x[j] + g[j]), z = wm_sigmoid(x[size + j] + g[size + j]);
            const real n = wm_tanh(x[2 * size + j] + r * g[2 * size + j]);
            const real dn = gate_scaled(d[j], (1 - z) * (1 - n * n));
            dx[j] = dg[j] = gate_scaled(dn, g[2 * size + j] * (r * (1 - r)));
            dx[size + j] = dg[size + j] = gate_scaled(d[j], (h[j] - n) * (z * (1 - z)));
            dx[2 * size + j] = dn;
            dg[2 * size + j] = gate_scaled(dn, r);
            dh[j] = gate_scaled(d[j], z);
        }
    }
}
WG_KERNEL(gru_cell_grad, grad)

#endif

#ifdef WG_RULES

static int infer_gates(wg_infer *infer, int first) {
    const wg_type *h = &infer->inputs[first + 2];
    int status = wg_infer_real(infer);
    if (!status) status = gate_infer(infer, first, "x", 3, h);
    return status ? status : gate_infer(infer, first + 1, "g", 3, h);
}

static int infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[2];
    return infer_gates(infer, 0);
}

static int infer_grad(wg_infer *infer) {
    const int status = infer_gates(infer, 1);
    infer->outputs[0] = infer->outputs[1] = infer->inputs[1];
    infer->outputs[2] = infer->inputs[3];
    return status ? status : gate_infer(infer, 0, "the cotangent", 1, &infer->inputs[3]);
}

/* The letters of the formulas; m is g_n. */
typedef struct gru_terms {
    wg_var r, z, n, m;
} gru_terms;

static gru_terms terms_of(wg_var x, wg_var g, wg_var h) {
    const int64_t size = wg_type_of(h).extent[1];
    gru_terms t = {.r = wg_sigmoid(wg_add(gate_at(x, 0, size), gate_at(g, 0, size))),
                   .z = wg_sigmoid(wg_add(gate_at(x, 1, size), gate_at(g, 1, size))),
                   .m = gate_at(g, 2, size)};
    t.n = wg_tanh(wg_add(gate_at(x, 2, size), wg_mul(t.r, t.m)));
    return t;
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    const gru_terms t = terms_of(inputs[0], inputs[1], inputs[2]);
    return wg_add(wg_mul(gate_complement(t.z), t.n), wg_mul(t.z, inputs[2]));
}

static wg_var expand_grad(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    wg_var d = inputs[0], h = inputs[3];
    const gru_terms t = terms_of(inputs[1], inputs[2], h);
    wg_var dn = wg_mul(d, wg_mul(gate_complement(t.z), gate_tanh_slope(t.n)));
    return wg_concat(1, wg_mul(dn, wg_mul(t.m, gate_sigmoid_slope(t.r))),
                     wg_mul(d, wg_mul(wg_sub(h, t.n), gate_sigmoid_slope(t.z))), dn);
}

static void backward(wg_rule *rule) {
    wg_var dx = WG_RECORD(&wg_op_gru_cell_grad, NULL, rule->cotangents[0], rule->inputs[0], rule->inputs[1],
                          rule->inputs[2]);
    for (int i = 0; i < 3; i++)
        if (wg_rule_wants(rule, i)) wg_rule_set(rule, i, wg_output(dx, i));
}

static void backward_of_grad(wg_rule *rule) {
    wg_var d = rule->inputs[0], x = rule->inputs[1], g = rule->inputs[2], h = rule->inputs[3];
    const int64_t size = wg_type_of(h).extent[1];
    const gru_terms t = terms_of(x, g, h);
    wg_var p = wg_rule_cotangent(rule, 0), q = wg_rule_cotangent(rule, 1), w = wg_rule_cotangent(rule, 2);
    wg_var qn = gate_at(q, 2, size);
    wg_var r1 = gate_sigmoid_slope(t.r), z1 = gate_sigmoid_slope(t.z), n1 = gate_tanh_slope(t.n);
    wg_var open = gate_complement(t.z), apart = wg_sub(h, t.n);
    wg_var E = wg_add(gate_at(p, 0, size), gate_at(q, 0, size)),
           B = wg_add(gate_at(p, 1, size), gate_at(q, 1, size));
    wg_var A = wg_add(wg_mul(wg_mul(E, t.m), r1), wg_add(gate_at(p, 2, size), wg_mul(qn, t.r)));
    wg_var S = wg_mul(d, wg_mul(open, n1)), Bz = wg_mul(B, z1);
    wg_var N = wg_neg(wg_mul(wg_mul(d, n1), wg_add(gate_times(wg_mul(wg_mul(t.n, A), open), 2), Bz)));
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, wg_add(wg_add(wg_mul(A, wg_mul(open, n1)), wg_mul(Bz, apart)), wg_mul(w, t.z)));
    if (wg_rule_wants(rule, 3)) wg_rule_set(rule, 3, wg_mul(d, Bz));
    if (!wg_rule_wants(rule, 1) && !wg_rule_wants(rule, 2)) return;
    wg_var bent = wg_mul(wg_mul(E, t.m), gate_complement(gate_times(t.r, 2)));
    wg_var of_r = wg_mul(r1, wg_add(wg_mul(S, wg_add(bent, qn)), wg_mul(N, t.m)));
    wg_var of_z = wg_sub(w, wg_mul(A, n1));
    of_z = wg_mul(wg_mul(d, z1), wg_add(of_z, wg_mul(wg_mul(B, apart), gate_complement(gate_times(t.z, 2)))));
    wg_var of_m = wg_add(wg_mul(S, wg_mul(E, r1)), wg_mul(N, t.r));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_concat(1, of_r, of_z, N));
    if (wg_rule_wants(rule, 2)) wg_rule_set(rule, 2, wg_concat(1, of_r, of_z, of_m));
}

static wg_cost cost(const wg_call *call) { return gate_cost(call, &call->outputs[0].type, 80); }
static wg_cost cost_of_grad(const wg_call *call) { return gate_cost(call, &call->outputs[2].type, 100); }

static void samples_with(wg_sampler *s, bool of_grad) {
    for (int i = 0; i < GATE_CASES; i++) {
        const gate_case c = gate_case_at(i, 3);
        const wg_sample_input x = gate_input(&c.gates, i), g = gate_input(&c.gates, i / 2);
        if (of_grad) WG_SAMPLE(s, NULL, {.shape = &c.state}, x, g, gate_input(&c.state, i));
        else WG_SAMPLE(s, NULL, x, g, gate_input(&c.state, i));
    }
}
static void samples(wg_sampler *s) { samples_with(s, false); }
static void samples_of_grad(wg_sampler *s) { samples_with(s, true); }

const wg_op wg_op_gru_cell = {
    .name = "gru_cell",
    .formula = "h' = (1 - z) n + z h, n = tanh(x_n + r g_n)",
    .shapes = "x [N, 3 H], g [N, 3 H], h [N, H] -> h' [N, H]",
    .gradient = "dx = [dr, dz, dn], dg = [dr, dz, dn r], dh = d z, dn = d (1 - z) (1 - n^2), dr = dn g_n r "
                "(1 - r), dz = d (h - n) z (1 - z), d = dh'",
    .torch = "gru_cell",
    .inputs = 3,
    .outputs = 1,
    .infer = infer,
    .forward = WG_FORWARD(gru_cell),
    .backward = backward,
    .expand = expand,
    .units = gate_units,
    .cost = cost,
    .samples = samples,
    .f32_cancelled = 1,
};

const wg_op wg_op_gru_cell_grad = {
    .name = "gru_cell_grad",
    .formula = "dx = [dr, dz, dn], dg = [dr, dz, dn r], dh = d z",
    .shapes = "d [N, H], x [N, 3 H], g [N, 3 H], h [N, H] -> dx [N, 3 H], dg [N, 3 H], dh [N, H]",
    .gradient = "with cotangents p, q and w, K = A (1 - z) n' + B (h - n) z' + w z, A = (p_r + q_r) g_n r' "
                "+ p_n + q_n r, B = p_z + q_z: dd = K, and d_x, d_g, d_h the derivatives of d K",
    .inputs = 4,
    .outputs = 3,
    .flags = WG_HELPER,
    .linear_in = 1,
    .infer = infer_grad,
    .forward = WG_FORWARD(gru_cell_grad),
    .backward = backward_of_grad,
    .expand = expand_grad,
    .units = gate_units,
    .cost = cost_of_grad,
    .samples = samples_of_grad,
    .f32_cancelled = 1,
};

#endif
