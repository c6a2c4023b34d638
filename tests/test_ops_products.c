/* Products by names of axes: what an equation must be, and what a good order of contractions saves. */
#include "tape_suite.h"
#include <wengert/plan.h>

static wg_var ones_of(const wg_shape *shape) { return wg_full(tape, WG_F64, shape, 1); }
#define ONES(...) ones_of(WG_SHAPE(__VA_ARGS__))

START_TEST(a_malformed_equation_is_refused_with_its_place) {
    wg_einsum("ij,j?->i", ONES(2, 3), ONES(3, 4));
    assert_error(
        tape, WG_ERROR_SHAPE,
        "einsum: equation \"ij,j?->i\": operand 1 is [3, 4]; its term \"j\", character 4, names 1 axes "
        "(\"...\" stands for the others)");
    wg_einsum("ij,jk?->i", ONES(2, 3), ONES(3, 4));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "character 6: '?' is neither an index nor a comma nor \"->\"");
    wg_einsum("ij,jk->il", ONES(2, 3), ONES(3, 4));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "index 'l' of the result is in no operand");
    wg_einsum("ij,jk->ii", ONES(2, 3), ONES(3, 4));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "index 'i' is twice in the result");
    wg_einsum("ij,jk->i,k", ONES(2, 3), ONES(3, 4));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "character 9: ',' is no index of the result");
    wg_einsum("ij,jk-ik", ONES(2, 3), ONES(3, 4));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "character 6: '-' is no \"->\"");
    wg_einsum("i.j", ONES(2, 3));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "character 2: \".\" is no index");
    wg_einsum("...i...", ONES(2, 3));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "character 5: a second \"...\" in one term");
    wg_einsum("ij,jk,kl", ONES(2, 3), ONES(3, 4));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "character 6: a term more than there are operands, 2");
    wg_einsum("ij", ONES(2, 3), ONES(3, 4));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "1 terms for 2 operands");
    wg_einsum("abcdefghi", ONES(1, 1));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "character 9: a term names more than 8 axes");
    wg_einsum(NULL, ONES(1));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "einsum: the equation is NULL");
}
END_TEST

START_TEST(extents_that_differ_are_refused_with_both_shapes) {
    wg_einsum("ij,jk->ik", ONES(2, 3), ONES(4, 5));
    assert_error(
        tape, WG_ERROR_SHAPE,
        "index 'j' is 3 in operand 0, [2, 3], and 4 in operand 1, [4, 5]; they must be equal, or one of "
        "them 1");
    wg_einsum("...i,...i", ONES(2, 3), ONES(4, 3));
    assert_error(tape, WG_ERROR_SHAPE, "index '...' is 2 in operand 0, [2, 3], and 4 in operand 1, [4, 3]");
    wg_einsum("ii", ONES(2, 1));
    assert_error(tape, WG_ERROR_SHAPE,
                 "index 'i' is 2 and 1 in operand 0, [2, 1]; the axes of a diagonal must be");
    wg_einsum("abcd,efghi", ONES(1, 1, 1, 2), ONES(1, 1, 1, 1, 2));
    assert_error(tape, WG_ERROR_SHAPE, "the result would have 9 axes; at most 8");
}
END_TEST

START_TEST(operands_that_do_not_fit_are_refused_with_their_shapes) {
    wg_dot(ONES(2, 3), ONES(2, 4));
    assert_error(tape, WG_ERROR_SHAPE, "dot: a is [2, 3], b is [2, 4]; a's last must equal b's last but one");
    wg_affine(ONES(2, 3), ONES(4, 2), WG_NONE);
    assert_error(tape, WG_ERROR_SHAPE, "linear: x is [2, 3], weight is [4, 2]; they must be [..., in] and");
    wg_affine(ONES(2, 3), ONES(4, 3), ONES(3));
    assert_error(tape, WG_ERROR_SHAPE, "linear: weight is [4, 3], bias is [3]; the bias must be a vector");
    wg_bilinear(ONES(2, 3), ONES(3, 3), ONES(1, 3, 3), WG_NONE);
    assert_error(tape, WG_ERROR_SHAPE,
                 "bilinear: x1 is [2, 3], x2 is [3, 3]; all but the last axis must be alike");
    wg_bilinear(ONES(2, 3), ONES(2, 3), ONES(1, 3, 2), WG_NONE);
    assert_error(tape, WG_ERROR_SHAPE, "x1 is [2, 3], x2 is [2, 3], weight is [1, 3, 2]; they must be");
    wg_kron(ONES(2), wg_cast(ONES(2), WG_I32));
    assert_error(tape, WG_ERROR_DTYPE, "kron: dtypes differ");
}
END_TEST

/* Floating-point operations of its evaluation. */
static double planned_flops(wg_var y) {
    wg_plan_info plan;
    ck_assert_int_eq(wg_prepare(y), WG_OK);
    ck_assert_int_eq(wg_plan_report(tape, &plan), WG_OK);
    return plan.flops;
}

/* From the left a chain of n×n, n×n, n×2 costs 2 n³ + 4 n² operations; from the right 8 n². Filling the
 * operands is at most one an element. */
START_TEST(a_chain_is_contracted_in_the_cheapest_order) {
    wg_var y = wg_einsum("ij,jk,kl->il", ONES(64, 64), ONES(64, 64), ONES(64, 2));
    ck_assert_double_le(planned_flops(y), 8.0 * 64 * 64 + 2 * 64 * 64 + 2 * 64);
}
END_TEST

START_TEST(an_equation_is_written_and_read_as_text) {
    wg_var x[] = {wg_array(tape, WG_F64, WG_SHAPE(2, 2), (const double[]){1, 2, 3, 4}), WG_END_};
    assert_values(wg_apply_named(tape, "einsum", x, "equation=ij->ji"), 0, 1, 3, 2, 4);
    assert_values(wg_apply_named(tape, "einsum", x, "equation='i j -> j'"), 0, 4, 6);
    const wg_op *einsum = wg_op_find("einsum");
    char attributes[256] = "ij -> i", text[64];
    ck_assert_uint_eq(einsum->attributes_size, sizeof attributes);
    wg_attributes_text(einsum, attributes, text, sizeof text);
    ck_assert_str_eq(text, "equation='ij -> i'");
    assert_values(wg_apply_named(tape, "einsum", x, text), 0, 3, 7);
    memset(attributes, 'i', sizeof attributes);
    wg_apply_with(einsum, attributes, x[0]);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "einsum: equation is longer than 255 characters");
}
END_TEST

WG_TAPE_SUITE("ops/products", a_malformed_equation_is_refused_with_its_place,
              extents_that_differ_are_refused_with_both_shapes,
              operands_that_do_not_fit_are_refused_with_their_shapes,
              a_chain_is_contracted_in_the_cheapest_order, an_equation_is_written_and_read_as_text)
