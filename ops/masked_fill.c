/* masked_fill, index_select — composed of where and of gather
 *
 *   masked_fill:   y[i] = value where mask[i] is true, else x[i]; the mask broadcasts to x
 *   index_select:  y[…, j, …] = x[…, index[j], …], the index a vector */
#include "rearrange.h"

typedef struct masked_fill_attributes {
    double value;
} masked_fill_attributes;

typedef struct index_select_attributes {
    int64_t axis;
} index_select_attributes;

#ifdef WG_RULES

static const wg_attribute masked_fill_schema[] = {
    WG_ATTRIBUTE(masked_fill_attributes, value, .kind = WG_ATTRIBUTE_REAL, .is_value = true,
                 .meaning = "where the mask is true"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_masked_fill(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *mask = &infer->inputs[1];
    if (mask->dtype != WG_BOOL)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "the mask is %s; it must be bool (a comparison, or wg_cast)",
                             wg_infer_text(infer, mask));
    const int status = wg_infer_one_number(infer, 0, "x");
    if (status) return status;
    infer->outputs[0] = *x;
    if (wg_broadcasts_to(mask, x)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, the mask %s; the mask must broadcast to x",
                         wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, mask));
}

static wg_var expand_masked_fill(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const double value = ((const masked_fill_attributes *)attributes)->value;
    return (wg_where)(inputs[1], (wg_scalar)(tape, value), inputs[0]);
}

static void samples_masked_fill(wg_sampler *s) {
#define FILL(number, x, mask)                                                                      \
    WG_SAMPLE(s, (&(masked_fill_attributes){number}), {.shape = x},                                \
              {.dtype = WG_BOOL, .shape = mask, .values = WG_INTEGERS, .low = 0, .high = 1})
    const double values[] = {0, -1.5, 1e30};
    for (int i = 0; i < 3; i++) {
        FILL(values[i], WG_SCALAR_SHAPE, WG_SCALAR_SHAPE);
        FILL(values[i], WG_SHAPE(1), WG_SHAPE(1));
        FILL(values[i], WG_SHAPE(17), WG_SHAPE(17));
        FILL(values[i], WG_SHAPE(3, 5), WG_SHAPE(3, 5));
        FILL(values[i], WG_SHAPE(3, 5), WG_SHAPE(5));
        FILL(values[i], WG_SHAPE(3, 5), WG_SHAPE(3, 1));
        FILL(values[i], WG_SHAPE(2, 3, 4), WG_SHAPE(1, 4));
        FILL(values[i], WG_SHAPE(2, 3, 4), WG_SCALAR_SHAPE);
        FILL(values[i], WG_SHAPE(0, 3), WG_SHAPE(3));
        FILL(values[i], WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), WG_SHAPE(2, 1, 2, 1));
    }
#undef FILL
}

const wg_op wg_op_masked_fill = {
    .name = "masked_fill", .formula = "y = mask ? value : x", .torch = "masked_fill",
    .shapes = "x [...], mask [*] -> y [...]; the mask broadcasts to x",
    .gradient = "dx = mask ? 0 : dy",
    .inputs = 2, .outputs = 1, .blocked_inputs = 1 << 1,
    .attributes = masked_fill_schema, .attributes_size = sizeof(masked_fill_attributes),
    .infer = infer_masked_fill, .expand = expand_masked_fill, .samples = samples_masked_fill,
};

wg_var (wg_masked_fill)(wg_var x, wg_var mask, double value) {
    const masked_fill_attributes chosen = {value};
    return WG_RECORD(&wg_op_masked_fill, &chosen, x, mask);
}

/* --- index_select ----------------------------------------------------------------------------------------------- */

static const wg_attribute index_select_schema[] = {
    WG_ATTRIBUTE(index_select_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "of x, whose rows are picked"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_index_select(wg_infer *infer) {
    index_select_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *index = &infer->inputs[1];
    const int status = wg_infer_axis(infer, &a->axis, x->rank);
    if (status) return status;
    if (index->dtype != WG_I32 && index->dtype != WG_I64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "the index is %s; it must be i32 or i64 (wg_cast converts)",
                             wg_infer_text(infer, index));
    if (index->rank != 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "the index is %s; it must be a vector (wg_gather takes any)",
                             wg_infer_shape_text(infer, index));
    infer->outputs[0] = *x;
    infer->outputs[0].extent[a->axis] = index->extent[0];
    return WG_OK;
}

static wg_var expand_index_select(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    return (wg_gather)(inputs[0], inputs[1], (int)((const index_select_attributes *)attributes)->axis);
}

static void samples_index_select(wg_sampler *s) {
#define SELECT(x, of_axis, extent, count, of_dtype)                                                \
    WG_SAMPLE(s, (&(index_select_attributes){of_axis}), {.shape = x},                              \
              {.dtype = of_dtype, .shape = WG_SHAPE(count), .values = WG_INTEGERS, .low = -(extent), \
               .high = (extent) - 1})
    for (int64_t count = 0; count < 5; count++) {
        SELECT(WG_SHAPE(5), 0, 5, count, WG_I64);
        SELECT(WG_SHAPE(1), -1, 1, count, WG_I32);
        SELECT(WG_SHAPE(3, 4), 0, 3, count, WG_I32);
        SELECT(WG_SHAPE(3, 4), 1, 4, count, WG_I64);
        SELECT(WG_SHAPE(2, 3, 2), -2, 3, count, WG_I64);
        SELECT(WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), 4, 2, count, WG_I64);
    }
    SELECT(WG_SHAPE(0, 3), 1, 3, 2, WG_I64);
#undef SELECT
}

const wg_op wg_op_index_select = {
    .name = "index_select", .formula = "y[..., j, ...] = x[..., index[j], ...]", .torch = "index_select",
    .shapes = "x [*], index [n] -> y [*]; alike but for the axis, of extent n in y",
    .gradient = "dx[..., r, ...] = sum over j with index[j] = r of dy[..., j, ...]",
    .inputs = 2, .outputs = 1, .blocked_inputs = 1 << 1, .linear_in = 1,
    .attributes = index_select_schema, .attributes_size = sizeof(index_select_attributes),
    .infer = infer_index_select, .expand = expand_index_select, .samples = samples_index_select,
};

wg_var (wg_index_select)(wg_var x, int axis, wg_var index) {
    const index_select_attributes chosen = {axis};
    return WG_RECORD(&wg_op_index_select, &chosen, x, index);
}

#endif
