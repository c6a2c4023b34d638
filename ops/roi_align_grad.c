/* roi_align_grad — the transpose of roi_align's mean, or of the taps that win, in the image
 *
 *   dx[batch[r], c, p_t] += w_t dy[r, c, i, j], in the order of r, i, j
 *
 * with roi_align's taps; of a mean w_t is divided by the number of samples. */
#include "roi_align.h"

enum { UNIT_CHANNELS = 16 };

#if WG_IS_REAL
static void spread(const pooling *p, real dy, real *dx) {
    dy /= samples_of(p);
    for (int64_t i = 0; i < p->rows.count; i++)
        for (int64_t j = 0; j < p->columns.count; j++)
            dx[p->rows.taps[i].index * p->extent[3] + p->columns.taps[j].index] +=
                p->rows.taps[i].weight * p->columns.taps[j].weight * dy;
}

/* A unit is so many channels of an image. */
static void grad(const wg_call *call) {
    pooling p = pooling_of(call, &call->outputs[0].type);
    const int64_t channels = p.extent[1], blocks = (channels + UNIT_CHANNELS - 1) / UNIT_CHANNELS;
    const int64_t boxes = call->inputs[1].type.extent[0];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t n = unit / blocks, first = unit % blocks * UNIT_CHANNELS;
        const int64_t last = first + UNIT_CHANNELS < channels ? first + UNIT_CHANNELS : channels;
        real *dx = WG_OUT(call, 0, real) + n * channels * p.pixels;
        for (int64_t i = first * p.pixels; i < last * p.pixels; i++) dx[i] = 0;
        for (int64_t window = 0, r = 0; r < boxes; window = 0, r++) {
            const int64_t image = image_of(call, r, p.extent[0]);
            if (image < 0) return;
            for (; image == n && window < p.places; window++) {
                const bool good = look_at(&p, WG_IN(call, 1, real) + 4 * r, window);
                for (int64_t c = first; c < last && good; c++) {
                    const real dy = WG_IN(call, 0, real)[(r * channels + c) * p.places + window];
                    real *to = dx + c * p.pixels, weight = 0;
                    if (!p.a->maximum) {
                        spread(&p, dy, to);
                        continue;
                    }
                    const real *x = WG_IN(call, 3, real) + (n * channels + c) * p.pixels;
                    const int64_t at = winner(&p.rows, &p.columns, p.extent[3], x, &weight);
                    if (at >= 0) to[at] += weight * dy;
                }
            }
        }
    }
}
WG_KERNEL(roi_align_grad, grad)
#endif

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    ROI_ALIGN_ATTRIBUTES, ROI_ALIGN_WHOLE(size, 3, 0, INT32_MAX, 1, "images, rows, columns"), WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const roi_align_attributes *a = infer->attributes;
    const wg_type *dy = &infer->inputs[0], *boxes = &infer->inputs[1];
    const int status = roi_align_infer(infer);
    if (status) return status;
    const wg_type dx = {.dtype = dy->dtype, .rank = 4, .extent = {a->size[0], dy->extent[1], a->size[1], a->size[2]}};
    if (dy->extent[0] != boxes->extent[0] || dy->extent[2] != a->output[0] || dy->extent[3] != a->output[1] ||
        a->size[1] < 1 || a->size[2] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "dy is %s, boxes are %s, images are %lld x %lld; dy must be [boxes, C, %lld, %lld]",
                             wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, boxes), (long long)a->size[1],
                             (long long)a->size[2], (long long)a->output[0], (long long)a->output[1]);
    if (a->maximum && (infer->input_count < 4 || !wg_shape_equal(&infer->inputs[3], &dx)))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "of a maximum the images must be given: input 3 of shape %s",
                             wg_infer_shape_text(infer, &dx));
    infer->outputs[0] = dx;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    roi_align_attributes a = *WG_ATTRIBUTES(rule, roi_align);
    const wg_var ddx = rule->cotangents[0], boxes = rule->inputs[1], batch = rule->inputs[2];
    memset(a.size, 0, sizeof a.size);
    wg_rule_set(rule, 0, a.maximum ? WG_RECORD(&wg_op_roi_align_gather, &a, ddx, boxes, batch, rule->inputs[3])
                                   : WG_RECORD(&wg_op_roi_align, &a, ddx, boxes, batch));
}

static int64_t units(const wg_call *call) {
    const int64_t *extent = call->outputs[0].type.extent;
    return extent[0] * ((extent[1] + UNIT_CHANNELS - 1) / UNIT_CHANNELS);
}

static size_t workspace(const wg_call *call) { return roi_align_scratch(call, &call->outputs[0].type); }
static void samples(wg_sampler *s) { roi_align_sample(s, false, true); }

const wg_op wg_op_roi_align_grad = {
    .name = "roi_align_grad", .formula = "dx[batch[r], c, p_t] += w_t dy[r, c, i, j]", .inputs = 3, .inputs_max = 4,
    .shapes = "dy [B, C, H', W'], boxes [B, 4], batch [B], x [N, C, H, W]? -> dx [N, C, H, W]",
    .gradient = "ddy[r, c, i, j] = w_t ddx[batch[r], c, p_t], as roi_align's y of ddx",
    .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1 << 1 | 1 << 2, .linear_in = 1,
    .blocked_because = "boxes are taken for given, as in PyTorch",
    .attributes = attributes, .attributes_size = sizeof(roi_align_attributes), .infer = infer,
    .forward = WG_FORWARD(roi_align_grad), .backward = backward, .units = units, .workspace = workspace,
    .cost = roi_align_cost, .samples = samples};

#endif
