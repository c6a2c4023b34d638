/* What does not count makes no NaN: where the cotangent of a result is 0, as behind a mask, so are the
 * gradients, at singular points and of infinities and NaN, too. To the second order; each in f32 and in f64.
 */
#include "tape_suite.h"
#include <math.h>
#include <stdlib.h>
#include <wengert/op.h>

enum { MOST_INPUTS = 3 };

/* The value where the mask has a 1: nowhere. */
static wg_var masked(wg_var y) {
    wg_var zero = wg_full(tape, wg_type_of(y).dtype, WG_SCALAR_SHAPE, 0);
    return wg_sum(wg_where(wg_not_equal(zero, zero), y, zero), WG_ALL_AXES);
}

static bool is_all_zero(wg_var x) {
    const wg_tensor *tensor = wg_value(x);
    bool zero = tensor != NULL;
    for (int64_t i = 0; zero && i < wg_tensor_count(tensor); i++) zero = wg_tensor_get(tensor, i) == 0;
    return zero;
}

/* Are all gradients of y, masked, and all gradients of their sums 0? */
static void assert_masked(const char *name, wg_var y, const wg_var *inputs, int count) {
    wg_var all[MOST_INPUTS + MOST_INPUTS * MOST_INPUTS + 1];
    int places = 0;
    ck_assert_msg(!wg_grad_list(masked(y), WG_NONE, inputs, count, all), "%s", wg_tape_message(tape));
    for (places = count; places < count + count * count; places += count)
        wg_grad_list(wg_sum(all[places / count - 1], WG_ALL_AXES), WG_NONE, inputs, count, all + places);
    all[places] = (wg_var)WG_END_;
    ck_assert_msg(!wg_eval_list(all), "%s: %s", name, wg_tape_message(tape));
    for (int i = 0; i < places; i++)
        if (!is_all_zero(all[i])) ck_abort_msg("%s: gradient %d of %d inputs is not 0", name, i, count);
}

/* --- Elementwise ------------------------------------------------------------------------------ */

static const double points[] = {0, -0.0,   1,     -1,   2,     -2,    0.5,      -0.5,      -3,
                                3, 1e-310, 1e-40, 1e30, -1e30, 1e300, INFINITY, -INFINITY, NAN};
enum { POINTS = sizeof points / sizeof *points };

/* All combinations of the points, as `count` vectors. */
static void make_points(wg_var *inputs, int count, wg_dtype dtype) {
    int64_t length = 1, stride = 1;
    for (int i = 0; i < count; i++) length *= POINTS;
    double *values = malloc((size_t)length * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int i = 0; i < count; i++, stride *= POINTS) {
        for (int64_t at = 0; at < length; at++) values[at] = points[at / stride % POINTS];
        inputs[i] = wg_cast(wg_array(tape, WG_F64, WG_SHAPE(length), values), dtype);
    }
    inputs[count] = (wg_var)WG_END_;
    free(values);
}

static bool has_gradients(wg_var y, const wg_var *inputs, int count) {
    bool has = wg_valid(y);
    for (int i = 0; has && i < count; i++) has = wg_connection_of(y, inputs[i]) == WG_CONNECTED;
    return has;
}

START_TEST(every_elementwise_op_has_gradient_zero_where_it_does_not_count) {
    int seen = 0;
    for (int i = 0; i < wg_op_count(); i++)
        for (wg_dtype dtype = WG_F32; dtype <= WG_F64; dtype++) {
            const wg_op *op = wg_op_at(i);
            wg_var inputs[MOST_INPUTS + 1];
            if (!(op->flags & WG_ELEMENTWISE) || op->inputs < 1 || op->inputs > MOST_INPUTS) continue;
            make_points(inputs, op->inputs, dtype);
            wg_var y = wg_apply_named(tape, op->name, inputs, "");
            if (has_gradients(y, inputs, op->inputs)) {
                assert_masked(op->name, y, inputs, op->inputs);
                seen++;
            }
            wg_tape_recover(tape, NULL);
            wg_tape_clear(tape);
        }
    printf("%d\n", seen);
    ck_assert_int_ge(seen, 2 * 60);
}
END_TEST

START_TEST(pow_of_a_negative_number_has_no_gradient_for_its_exponent_but_where_it_does_not_count) {
    const double base[] = {-2, -2, 3}, exponent[] = {2, 0.5, 2};
    const bool counts[] = {false, false, true};
    wg_var a = wg_array(tape, WG_F64, WG_SHAPE(3), base), b = wg_array(tape, WG_F64, WG_SHAPE(3), exponent);
    wg_var mask = wg_array(tape, WG_BOOL, WG_SHAPE(3), counts), y = wg_pow(a, b);
    assert_values(wg_grad(wg_sum(wg_where(mask, y, b), WG_ALL_AXES), b), 1e-14, 1, 1, 9 * log(3));
    assert_values(wg_grad(wg_sum(wg_where(mask, y, a), WG_ALL_AXES), a), 1e-14, 1, 1, 6);
    assert_values(wg_grad(wg_sum(y, WG_ALL_AXES), b), 1e-14, NAN, NAN, 9 * log(3));
}
END_TEST

/* --- Along an axis ---------------------------------------------------------------------------- */

static const double rows[][3] = {{0, 0, 0},        {-INFINITY, -INFINITY, -INFINITY},
                                 {2, 2, 2},        {INFINITY, INFINITY, INFINITY},
                                 {0, 0, 1},        {INFINITY, 1, 2},
                                 {NAN, 1, 2},      {-INFINITY, 1, 2},
                                 {0, INFINITY, 1}, {1e300, 1e300, 1},
                                 {-1, -2, -3}};
enum { ROWS = sizeof rows / sizeof *rows };

#define OF(name, expression) \
    static wg_var name(wg_var x) { return expression; }
OF(softmax, wg_softmax(x, 1))
OF(softmin, wg_softmin(x, 1))
OF(log_softmax, wg_log_softmax(x, 1))
OF(softmax_of_columns, wg_softmax(wg_transpose(x, WG_AXES(1, 0)), 0))
OF(logsumexp, wg_logsumexp(x, WG_AXES(1)))
OF(norm_0, wg_norm(x, 0, WG_AXES(1)))
OF(norm_half, wg_norm(x, 0.5, WG_AXES(1)))
OF(norm_1, wg_norm(x, 1, WG_AXES(1)))
OF(norm_2, wg_norm(x, 2, WG_AXES(1)))
OF(norm_3, wg_norm(x, 3, WG_AXES(1)))
OF(norm_infinite, wg_norm(x, INFINITY, WG_AXES(1)))
OF(variance, wg_variance(x, WG_AXES(1)))
OF(deviation, wg_std(x, WG_AXES(1)))
OF(whole_deviation, wg_std(x, WG_AXES(1), .correction = WG_ZERO))
OF(layer_norm, wg_layer_norm(x, WG_NONE, WG_NONE, 1))
OF(bare_layer_norm, wg_layer_norm(x, WG_NONE, WG_NONE, 1, .epsilon = WG_ZERO))
OF(rms_norm, wg_rms_norm(x, WG_NONE, 1, .epsilon = WG_ZERO))
OF(norm_of_columns, wg_standardize(wg_transpose(x, WG_AXES(1, 0)), 1, 2, .epsilon = WG_ZERO))
OF(moment, wg_output(wg_standardize(x, 0, 1, .epsilon = WG_ZERO), 2))
OF(spread, wg_output(wg_standardize(x, 0, 1, .epsilon = WG_ZERO), 3))
OF(median, wg_median(x, WG_AXES(1)))
OF(cosine, wg_cosine_similarity(x, wg_flip(x, WG_AXES(1)), 1))
OF(kl_div, wg_kl_div(x, x, .reduction = WG_NO_REDUCTION))
OF(bce, wg_bce_loss(x, x, WG_NONE, .reduction = WG_NO_REDUCTION))
OF(gaussian, wg_gaussian_nll_loss(x, x, x, .reduction = WG_NO_REDUCTION))
OF(cross_entropy, wg_softmax_cross_entropy(x, wg_full(tape, WG_I64, WG_SHAPE(ROWS), 0),
                                           .reduction = WG_NO_REDUCTION, .label_smoothing = 0.1))

START_TEST(rows_that_do_not_count_have_gradient_zero) {
    const struct {
        const char *name;
        wg_var (*of)(wg_var x);
    } cases[] = {
#define CASE(name) {#name, name}
        CASE(softmax),   CASE(softmin),         CASE(log_softmax),   CASE(softmax_of_columns),
        CASE(logsumexp), CASE(norm_0),          CASE(norm_half),     CASE(norm_1),
        CASE(norm_2),    CASE(norm_3),          CASE(norm_infinite), CASE(variance),
        CASE(deviation), CASE(whole_deviation), CASE(layer_norm),    CASE(bare_layer_norm),
        CASE(rms_norm),  CASE(norm_of_columns), CASE(moment),        CASE(spread),
        CASE(median),    CASE(cosine),          CASE(kl_div),        CASE(bce),
        CASE(gaussian),  CASE(cross_entropy)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (wg_dtype dtype = WG_F32; dtype <= WG_F64; dtype++)
            for (int length = 1; length <= 3; length += 2) {
                double values[ROWS * 3];
                for (int at = 0; at < ROWS * length; at++) values[at] = rows[at / length][at % length];
                wg_var x = wg_cast(wg_array(tape, WG_F64, WG_SHAPE(ROWS, length), values), dtype);
                assert_masked(cases[i].name, cases[i].of(x), &x, 1);
                wg_tape_clear(tape);
            }
}
END_TEST

WG_TAPE_SUITE("numerics/masked", every_elementwise_op_has_gradient_zero_where_it_does_not_count,
              pow_of_a_negative_number_has_no_gradient_for_its_exponent_but_where_it_does_not_count,
              rows_that_do_not_count_have_gradient_zero)
