/* max_pool2d_offset — the places of max_pool2d's largest elements, each within its window instead of in the plane
 *
 *     offset = (row - (s i - p)) / d kernel_width + (column - (s j - p)) / d,      index = row width + column
 *
 * for window (i, j) of stride s, padding p and dilation d, per axis. A byte instead of four, for windows of at most 256 elements:
 * what max_pool2d_scatter and max_pool2d_gather can do with where memory is short. No gradient. */
#include "pool.h"

#ifdef WG_RULES

static void forward(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    const int64_t *windows = call->inputs[0].type.extent + 2;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int32_t *index = WG_IN(call, 0, int32_t) + unit * windows[0] * windows[1];
        uint8_t *offset = WG_OUT(call, 0, uint8_t) + unit * windows[0] * windows[1];
        for (int64_t i = 0; i < windows[0]; i++)
            for (int64_t j = 0; j < windows[1]; j++) {
                const int64_t at = *index++, row = at / a->size[1] - (i * a->stride[0] - a->padding[0]),
                              column = at % a->size[1] - (j * a->stride[1] - a->padding[1]);
                const int64_t u = row / a->dilation[0], v = column / a->dilation[1];
                if (at < 0 || row < 0 || column < 0 || u >= a->kernel[0] || v >= a->kernel[1] ||
                    row % a->dilation[0] || column % a->dilation[1]) {
                    wg_call_fail(call, WG_ERROR_INDEX, "index %lld is not in window (%lld, %lld)", (long long)at,
                                 (long long)i, (long long)j);
                    return;
                }
                *offset++ = (uint8_t)(u * a->kernel[1] + v);
            }
    }
}
WG_BYTES_KERNEL(max_pool2d_offset, forward)

static const wg_attribute attributes[] = {POOL_ATTRIBUTES(2), POOL_SIZE(2), WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *index = &infer->inputs[0];
    wg_type image;
    const int status = pool_infer_image(infer, 2, index, &image);
    if (status) return status;
    if (index->dtype != WG_I32)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "the indices are %s; they must be i32",
                             wg_infer_text(infer, index));
    infer->outputs[0] = *index;
    infer->outputs[0].dtype = WG_U8;
    return pool2d_infer_offsets(infer);
}

/* Windows that reach over the whole image, so that any index will do. */
static void samples(wg_sampler *s) {
    static const pool_attributes cases[] = {
        {.kernel = {2, 3}, .stride = {1, 1}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {2, 3}}, {.kernel = {1, 1}, .stride = {1, 1}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {1, 1}}, {.kernel = {4, 4}, .stride = {1, 1}, .padding = {1, 1, 1, 1}, .dilation = {1, 1}, .size = {2, 3}},
        {.kernel = {5, 7}, .stride = {3, 2}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {5, 7}}, {.kernel = {16, 16}, .stride = {1, 1}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {16, 16}}, {.kernel = {1, 9}, .stride = {2, 2}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {1, 9}},
        {.kernel = {9, 1}, .stride = {1, 1}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {9, 1}}, {.kernel = {6, 4}, .stride = {2, 1}, .padding = {2, 1, 2, 1}, .dilation = {1, 1}, .size = {4, 2}}, {.kernel = {4, 6}, .stride = {1, 2}, .padding = {1, 2, 1, 2}, .dilation = {1, 1}, .size = {3, 4}},
        {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 1, 1}, .dilation = {1, 1}, .size = {2, 2}}, {.kernel = {2, 2}, .stride = {2, 2}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {2, 2}}, {.kernel = {8, 3}, .stride = {1, 1}, .padding = {0, 0, 0, 0}, .dilation = {1, 1}, .size = {8, 3}}};
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
        const pool_attributes *a = &cases[i];
        int64_t windows[2];
        for (int k = 0; k < 2; k++) windows[k] = (a->size[k] + 2 * a->padding[k] - a->kernel[k]) / a->stride[k] + 1;
        WG_SAMPLE(s, a, {.dtype = WG_I32, .shape = WG_SHAPE(i % 3 + 1, i % 2 + 1, windows[0], windows[1]),
                         .values = WG_INTEGERS, .high = (double)(a->size[0] * a->size[1] - 1)});
    }
    WG_SAMPLE(s, &cases[0], {.dtype = WG_I32, .shape = WG_SHAPE(0, 2, 1, 1), .values = WG_INTEGERS, .high = 5});
}

const wg_op wg_op_max_pool2d_offset = {
    .name = "max_pool2d_offset",
    .formula = "offset[n, c, i, j] = (row - (s i - p)) kernel_width + column - (s j - p)",
    .shapes = "index [N, C, H', W'] -> offset [N, C, H', W']",
    .inputs = 1, .outputs = 1, .flags = WG_BLOCKS | WG_CAN_FAIL | WG_EVEN_UNITS | WG_HELPER,
    .attributes = attributes, .attributes_size = sizeof(pool_attributes),
    .infer = infer, .forward = WG_FORWARD(max_pool2d_offset), .units = pool_units, .samples = samples,
};

#endif
