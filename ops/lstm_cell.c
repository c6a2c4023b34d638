/* lstm_cell, lstm_cell_grad — a step of an LSTM, its gates a = [a_i, a_f, a_g, a_o] before the activations
 * given
 *
 *     i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)      c' = f c + i g      h = o s,   s = tanh(c')
 *
 * Hochreiter & Schmidhuber 1997; gates in PyTorch's order (ONNX: i, o, f, g). With e = dc' + dh o (1 - s²)
 * and i' = i (1 - i) and so on, g' = 1 - g², grad is
 *
 *     da = [e g i',  e c f',  e i g',  dh s o']      dc = e f
 *
 * With cotangents u of da and v of dc, what they meet is e P + dh Q, where
 *     P = u_i g i' + u_f c f' + u_g i g' + v f       Q = u_o s o'
 * so that, with C = (1 - s²) dh (u_o o' - 2 s o P) what reaches c', the rule of grad is
 *
 *     d dh = P o (1 - s²) + Q      d dc' = P      d c = e u_f f' + C f
 *     d a_i = i' (e (u_i g (1 - 2 i) + u_g g') + C g)     d a_f = f' (e (u_f c (1 - 2 f) + v) + C c)
 *     d a_g = g' (e (u_i i' - 2 u_g i g) + C i)           d a_o = o' dh (P (1 - s²) + u_o s (1 - 2 o)) */
#include "gates.h"

#if WG_IS_REAL

/* A unit is a row. */
static void forward(const wg_call *call) {
    const int64_t size = call->inputs[1].type.extent[1];
    for (int64_t n = call->begin; n < call->end; n++) {
        const real *a = WG_IN(call, 0, real) + 4 * n * size, *c = WG_IN(call, 1, real) + n * size;
        real *h = WG_OUT(call, 0, real) + n * size, *next = WG_OUT(call, 1, real) + n * size;
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < size; j++) {
            const real i = wm_sigmoid(a[j]), f = wm_sigmoid(a[size + j]), g = wm_tanh(a[2 * size + j]);
            next[j] = f * c[j] + i * g;
        }
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < size; j++)
            h[j] = wm_sigmoid(a[3 * size + j]) * wm_tanh(next[j]);
    }
}
WG_KERNEL(lstm_cell, forward)

static void grad(const wg_call *call) {
    const int64_t size = call->inputs[3].type.extent[1];
    for (int64_t n = call->begin; n < call->end; n++) {
        const real *dh = WG_IN(call, 0, real) + n * size, *dnext = WG_IN(call, 1, real) + n * size;
        const real *a = WG_IN(call, 2, real) + 4 * n * size, *c = WG_IN(call, 3, real) + n * size;
        real *da = WG_OUT(call, 0, real) + 4 * n * size, *dc = WG_OUT(call, 1, real) + n * size;
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < size; j++) {
            const real i = wm_sigmoid(a[j]), f = wm_sigmoid(a[size + j]), g = wm_tanh(a[2 * size + j]);
            const real o = wm_sigmoid(a[3 * size + j]), s = wm_tanh(f * c[j] + i * g);
            const real e = dnext[j] + gate_scaled(dh[j], o * (1 - s * s));
            da[j] = gate_scaled(e, g * (i * (1 - i)));
            da[size + j] = gate_scaled(e, c[j] * (f * (1 - f)));
            da[2 * size + j] = gate_scaled(e, i * (1 - g * g));
            da[3 * size + j] = gate_scaled(dh[j], s * (o * (1 - o)));
            dc[j] = gate_scaled(e, f);
        }
    }
}
WG_KERNEL(lstm_cell_grad, grad)

#endif

#ifdef WG_RULES

static int infer(wg_infer *infer) {
    int status = wg_infer_real(infer);
    if (!status) status = gate_infer(infer, 0, "the gates", 4, &infer->inputs[1]);
    infer->outputs[0] = infer->outputs[1] = infer->inputs[1];
    return status;
}

static int infer_grad(wg_infer *infer) {
    const wg_type *c = &infer->inputs[3];
    int status = wg_infer_real(infer);
    if (!status) status = gate_infer(infer, 2, "the gates", 4, c);
    if (!status) status = gate_infer(infer, 0, "dh", 1, c);
    if (!status) status = gate_infer(infer, 1, "dc", 1, c);
    infer->outputs[0] = infer->inputs[2];
    infer->outputs[1] = *c;
    return status;
}

/* The letters of the formulas. */
typedef struct lstm_terms {
    wg_var i, f, g, o, next, s;
} lstm_terms;

static lstm_terms terms_of(wg_var a, wg_var c) {
    const int64_t size = wg_type_of(c).extent[1];
    lstm_terms t = {.i = wg_sigmoid(gate_at(a, 0, size)), .f = wg_sigmoid(gate_at(a, 1, size)),
                    .g = wg_tanh(gate_at(a, 2, size)), .o = wg_sigmoid(gate_at(a, 3, size))};
    t.next = wg_add(wg_mul(t.f, c), wg_mul(t.i, t.g));
    t.s = wg_tanh(t.next);
    return t;
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    const lstm_terms t = terms_of(inputs[0], inputs[1]);
    return wg_mul(t.o, t.s);
}

static wg_var reaching_next(const lstm_terms *t, wg_var dh, wg_var dnext) {
    return wg_add(dnext, wg_mul(dh, wg_mul(t->o, gate_tanh_slope(t->s))));
}

static wg_var expand_grad(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    wg_var dh = inputs[0], c = inputs[3];
    const lstm_terms t = terms_of(inputs[2], c);
    wg_var e = reaching_next(&t, dh, inputs[1]);
    return wg_concat(
        1, wg_mul(e, wg_mul(t.g, gate_sigmoid_slope(t.i))), wg_mul(e, wg_mul(c, gate_sigmoid_slope(t.f))),
        wg_mul(e, wg_mul(t.i, gate_tanh_slope(t.g))), wg_mul(dh, wg_mul(t.s, gate_sigmoid_slope(t.o))));
}

static void backward(wg_rule *rule) {
    wg_var a = rule->inputs[0], c = rule->inputs[1];
    wg_var dh = wg_rule_cotangent(rule, 0), dnext = wg_rule_cotangent(rule, 1);
    wg_var da = WG_RECORD(&wg_op_lstm_cell_grad, NULL, dh, dnext, a, c);
    wg_rule_set(rule, 0, da);
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_output(da, 1));
}

/* What reaches the gates from e P and dh Q. */
static wg_var second_of_gates(const lstm_terms *t, const wg_var u[4], wg_var v, wg_var c, wg_var dh, wg_var e,
                              wg_var P, wg_var C) {
    wg_var slope = gate_tanh_slope(t->g), ui_g = wg_mul(u[0], t->g), uf_c = wg_mul(u[1], c);
    wg_var of_i = wg_add(wg_mul(ui_g, gate_complement(gate_times(t->i, 2))), wg_mul(u[2], slope));
    wg_var of_f = wg_add(wg_mul(uf_c, gate_complement(gate_times(t->f, 2))), v);
    wg_var of_g =
        wg_sub(wg_mul(u[0], gate_sigmoid_slope(t->i)), gate_times(wg_mul(u[2], wg_mul(t->i, t->g)), 2));
    wg_var of_o = wg_add(wg_mul(P, gate_tanh_slope(t->s)),
                         wg_mul(wg_mul(u[3], t->s), gate_complement(gate_times(t->o, 2))));
    return wg_concat(1, wg_mul(gate_sigmoid_slope(t->i), wg_add(wg_mul(e, of_i), wg_mul(C, t->g))),
                     wg_mul(gate_sigmoid_slope(t->f), wg_add(wg_mul(e, of_f), wg_mul(C, c))),
                     wg_mul(slope, wg_add(wg_mul(e, of_g), wg_mul(C, t->i))),
                     wg_mul(gate_sigmoid_slope(t->o), wg_mul(dh, of_o)));
}

static void backward_of_grad(wg_rule *rule) {
    wg_var dh = rule->inputs[0], a = rule->inputs[2], c = rule->inputs[3], u[4];
    const int64_t size = wg_type_of(c).extent[1];
    const lstm_terms t = terms_of(a, c);
    wg_var v = wg_rule_cotangent(rule, 1), gates = wg_rule_cotangent(rule, 0);
    for (int k = 0; k < 4; k++) u[k] = gate_at(gates, k, size);
    wg_var e = reaching_next(&t, dh, rule->inputs[1]), slope = gate_tanh_slope(t.s);
    wg_var uf = wg_mul(u[1], gate_sigmoid_slope(t.f));
    wg_var P = wg_add(wg_add(wg_mul(u[0], wg_mul(t.g, gate_sigmoid_slope(t.i))), wg_mul(uf, c)),
                      wg_add(wg_mul(u[2], wg_mul(t.i, gate_tanh_slope(t.g))), wg_mul(v, t.f)));
    wg_var uo = wg_mul(u[3], gate_sigmoid_slope(t.o));
    wg_var C = wg_mul(wg_mul(slope, dh), wg_sub(uo, gate_times(wg_mul(t.s, wg_mul(t.o, P)), 2)));
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, wg_add(wg_mul(P, wg_mul(t.o, slope)), wg_mul(uo, t.s)));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, P);
    if (wg_rule_wants(rule, 2)) wg_rule_set(rule, 2, second_of_gates(&t, u, v, c, dh, e, P, C));
    if (wg_rule_wants(rule, 3)) wg_rule_set(rule, 3, wg_add(wg_mul(e, uf), wg_mul(C, t.f)));
}

static wg_cost cost(const wg_call *call) { return gate_cost(call, &call->outputs[1].type, 130); }
static wg_cost cost_of_grad(const wg_call *call) { return gate_cost(call, &call->outputs[1].type, 155); }

static void samples_with(wg_sampler *s, bool of_grad) {
    for (int i = 0; i < GATE_CASES; i++) {
        const gate_case c = gate_case_at(i, 4);
        if (of_grad)
            WG_SAMPLE(s, NULL, gate_input(&c.state, i / 2), {.shape = &c.state}, gate_input(&c.gates, i),
                      gate_input(&c.state, i));
        else WG_SAMPLE(s, NULL, gate_input(&c.gates, i), gate_input(&c.state, i));
    }
}
static void samples(wg_sampler *s) { samples_with(s, false); }
static void samples_of_grad(wg_sampler *s) { samples_with(s, true); }

const wg_op wg_op_lstm_cell = {
    .name = "lstm_cell",
    .formula = "c' = σ(a_f) c + σ(a_i) tanh(a_g), h = σ(a_o) tanh(c')",
    .shapes = "a [N, 4 H], c [N, H] -> h [N, H], c' [N, H]",
    .gradient = "da = [e g i', e c f', e i g', dh s o'], dc = e f, e = dc' + dh o (1 - s^2), s = tanh(c'), "
                "i' = i (1 - i), g' = 1 - g^2, ...",
    .torch = "lstm_cell",
    .inputs = 2,
    .outputs = 2,
    .infer = infer,
    .forward = WG_FORWARD(lstm_cell),
    .backward = backward,
    .expand = expand,
    .units = gate_units,
    .cost = cost,
    .samples = samples,
    .f32_cancelled = 1,
};

const wg_op wg_op_lstm_cell_grad = {
    .name = "lstm_cell_grad",
    .formula = "da = [e g i', e c f', e i g', dh s o'], dc = e f",
    .shapes = "dh [N, H], dc' [N, H], a [N, 4 H], c [N, H] -> da [N, 4 H], dc [N, H]",
    .gradient = "with cotangents u and v, P = u_i g i' + u_f c f' + u_g i g' + v f and Q = u_o s o': ddh = "
                "P o (1 - s^2) + Q, ddc' = P, and d_a, d_c the derivatives of e P + dh Q",
    .inputs = 4,
    .outputs = 2,
    .flags = WG_HELPER,
    .infer = infer_grad,
    .forward = WG_FORWARD(lstm_cell_grad),
    .backward = backward_of_grad,
    .expand = expand_grad,
    .units = gate_units,
    .cost = cost_of_grad,
    .samples = samples_of_grad,
    .f32_cancelled = 1,
};

#endif
