/* rotary_table — cosines and sines of the angles that rotary_embedding turns by
 *
 *     cos[p, i] = cos(id[p] / base^(i / half)),   sin[p, i] alike
 *
 * Angles are computed in f64, whatever the table is of: in f32 that of place 10000 is off by up to 1/1000
 * of a radian. */
#include "rotary.h"

#ifdef WG_RULES

WG_INLINE double place_at(const wg_operand *ids, int64_t i) {
    return ids->type.dtype == WG_I32 ? (double)((const int32_t *)ids->data)[i]
                                     : (double)((const int64_t *)ids->data)[i];
}

/* A unit is a row: one place. */
static void rotary_table_forward(const wg_call *call) {
    const rotary_table_attributes *a = WG_ATTRIBUTES(call, rotary_table);
    const wg_operand *ids = &call->inputs[0];
    for (int64_t i = 0; i < a->half; i++) {
        const double frequency = wg_pow_f64(a->base, -(double)i / (double)a->half);
        for (int64_t p = call->begin, at = p * a->half + i; p < call->end; p++, at += a->half) {
            const double angle = place_at(ids, p) * frequency;
            const double c = wg_cos_f64(angle), s = wg_sin_f64(angle);
            if (a->dtype == WG_F32) {
                WG_OUT(call, 0, float)[at] = (float)c;
                WG_OUT(call, 1, float)[at] = (float)s;
            } else {
                WG_OUT(call, 0, double)[at] = c;
                WG_OUT(call, 1, double)[at] = s;
            }
        }
    }
}
WG_BYTES_KERNEL(rotary_table, rotary_table_forward)

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(rotary_table_attributes, base, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 0x1p-1022,
                 .high = 0x1p1023, .preset = 1e4, .meaning = "of the wavelengths, 2 pi to 2 pi base"),
    WG_ATTRIBUTE(rotary_table_attributes, half, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 0x1p62,
                 .meaning = "pairs that are turned: extent of the new last axis"),
    WG_ATTRIBUTE(rotary_table_attributes, dtype, .kind = WG_ATTRIBUTE_DTYPE, .preset = WG_F32,
                 .meaning = "of the table, f32 or f64"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const rotary_table_attributes *a = WG_ATTRIBUTES(infer, rotary_table);
    wg_type table = infer->inputs[0];
    if (table.dtype != WG_I32 && table.dtype != WG_I64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "position_ids is %s; it must be i32 or i64 (wg_cast converts)",
                             wg_infer_text(infer, &table));
    if (a->dtype != WG_F32 && a->dtype != WG_F64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "the table is to be of f32 or f64");
    if (table.rank == WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "position_ids is %s; there is no room for one axis more",
                             wg_infer_shape_text(infer, &table));
    table.dtype = a->dtype;
    table.extent[table.rank++] = a->half;
    infer->outputs[0] = infer->outputs[1] = table;
    return WG_OK;
}

static int64_t units(const wg_call *call) { return wg_type_count(&call->inputs[0].type); }
static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 40); }

static void samples(wg_sampler *s) {
    static const double bases[] = {1e4, 5e5, 100, 1};
    for (int i = 0; i < 8; i++) {
        const rotary_table_attributes with = {bases[i % 4], i, i < 4 ? WG_F32 : WG_F64};
#define TABLE(...)                                                                                 \
    WG_SAMPLE(s, &with, {.dtype = i % 3 ? WG_I64 : WG_I32, .shape = __VA_ARGS__, .values = WG_INTEGERS, \
                         .low = -3, .high = 5000})
        TABLE(WG_SCALAR_SHAPE);
        TABLE(WG_SHAPE(5));
        TABLE(WG_SHAPE(2, 3));
        TABLE(WG_SHAPE(0, 3));
        TABLE(WG_SHAPE(1, 2, 1, 1, 2, 1, 1));
#undef TABLE
    }
}

const wg_op wg_op_rotary_table = {
    .name = "rotary_table", .formula = "cos[p, i] = cos(id[p] / base^(i / half)), sin alike",
    .shapes = "position_ids [...] -> cos [..., half], sin [..., half]",
    .inputs = 1, .outputs = 2, .flags = WG_EVEN_UNITS | WG_HELPER | WG_NAMES_DTYPE | WG_BLOCKS,
    .blocked_inputs = 1,
    .attributes = schema, .attributes_size = sizeof(rotary_table_attributes),
    .infer = infer, .forward = WG_FORWARD(rotary_table), .units = units, .cost = cost, .samples = samples,
};

#endif
