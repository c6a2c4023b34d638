/* roi_align, roi_align_gather — images pooled over boxes (He et al. 2017, arXiv:1703.06870)
 *
 *   roi_align:         y[r, c, i, j] = mean or max over the taps t of window (i, j) of box r of w_t x[batch[r], c, p_t]
 *   roi_align_gather:  mean as above; max: w_t v[batch[r], c, p_t], t the tap that wins in x
 *
 * A box (x1, y1, x2, y2), times spatial_scale, less half a pixel if `aligned` (ONNX's half_pixel; without it boxes
 * are at least a pixel wide), is cut into as many windows as y has, and a window into sampling_ratio samples each way,
 * or with 0 as many as it has pixels, rounded up. A sample between pixels has four taps, of bilinear weights; up to
 * a pixel outside the image it is taken at the border, farther off it is 0, as torchvision has it. The maximum is
 * that of single taps w_t x_t, which is how ONNX's own evaluation reads its definition; its gradient goes to the first
 * tap that wins. A window without samples is 0.
 *
 * No gradient passes boxes: samples jump with their number, and torchvision has none. NaN in a box makes NaN;
 * corners count as 2^30 pixels away at most. */
#include "roi_align.h"

#if WG_IS_REAL
static real mean_of(const pooling *p, const real *x) {
    real sum = 0;
    for (int64_t i = 0; i < p->rows.count; i++) {
        const real *row = x + p->rows.taps[i].index * p->extent[3];
        real part = 0;
        for (int64_t j = 0; j < p->columns.count; j++) part += p->columns.taps[j].weight * row[p->columns.taps[j].index];
        sum += p->rows.taps[i].weight * part;
    }
    return sum / samples_of(p);
}

/* A unit is a box. The last input says which tap wins. */
static void forward(const wg_call *call) {
    pooling p = pooling_of(call, &call->inputs[0].type);
    const int64_t channels = p.extent[1];
    for (int64_t r = call->begin; r < call->end; r++) {
        const int64_t n = image_of(call, r, p.extent[0]);
        if (n < 0) return;
        const real *given = WG_IN(call, 1, real) + 4 * r, *v = WG_IN(call, 0, real) + n * channels * p.pixels;
        const real *x = call->input_count > 3 ? WG_IN(call, 3, real) + n * channels * p.pixels : v;
        real *y = WG_OUT(call, 0, real) + r * channels * p.places;
        for (int64_t window = 0; window < p.places; window++) {
            const bool good = look_at(&p, given, window);
            for (int64_t c = 0; c < channels; c++) {
                real weight = 0, value = (real)__builtin_nan("");
                if (good && !p.a->maximum) {
                    value = mean_of(&p, v + c * p.pixels);
                } else if (good) {
                    const int64_t at = winner(&p.rows, &p.columns, p.extent[3], x + c * p.pixels, &weight);
                    value = at < 0 ? 0 : weight * v[c * p.pixels + at];
                }
                y[c * p.places + window] = value;
            }
        }
    }
}
WG_KERNEL(roi_align, forward)
WG_KERNEL(roi_align_gather, forward)
#endif

#ifdef WG_RULES

static const wg_attribute attributes[] = {ROI_ALIGN_ATTRIBUTES, WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const roi_align_attributes *a = infer->attributes;
    const wg_type *v = &infer->inputs[0], *boxes = &infer->inputs[1];
    const int status = roi_align_infer(infer);
    if (status) return status;
    if (v->extent[2] < 1 || v->extent[3] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; there is nothing in its images",
                             wg_infer_shape_text(infer, v));
    if (infer->input_count > 3 && !wg_shape_equal(v, &infer->inputs[3]))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "v is %s, x is %s; they must be alike",
                             wg_infer_shape_text(infer, v), wg_infer_shape_text(infer, &infer->inputs[3]));
    infer->outputs[0] = (wg_type){.dtype = v->dtype, .rank = 4,
                                  .extent = {boxes->extent[0], v->extent[1], a->output[0], a->output[1]}};
    return WG_OK;
}

/* From dy to what was pooled; x says which tap wins. */
static void set_pooled(wg_rule *rule, wg_var x) {
    roi_align_attributes a = *WG_ATTRIBUTES(rule, roi_align);
    const wg_type image = wg_type_of(rule->inputs[0]);
    a.size[0] = image.extent[0], a.size[1] = image.extent[2], a.size[2] = image.extent[3];
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_roi_align_grad, &a, rule->cotangents[0], rule->inputs[1], rule->inputs[2],
                                   a.maximum ? x : WG_NONE));
}
static void backward(wg_rule *rule) { set_pooled(rule, rule->inputs[0]); }
static void backward_of_gather(wg_rule *rule) { set_pooled(rule, rule->inputs[3]); }

static int64_t units(const wg_call *call) {
    return wg_type_count(&call->outputs[0].type) ? call->inputs[1].type.extent[0] : 0;
}
static size_t workspace(const wg_call *call) { return roi_align_scratch(call, &call->inputs[0].type); }
static void samples(wg_sampler *s) { roi_align_sample(s, true, false); }
static void samples_of_gather(wg_sampler *s) { roi_align_sample(s, true, true); }

const wg_op wg_op_roi_align = {
    .name = "roi_align", .formula = "y[r, c, i, j] = mean or max over t of w_t x[batch[r], c, p_t]", .onnx = "RoiAlign",
    .shapes = "x [N, C, H, W], boxes [B, 4], batch [B] -> y [B, C, H', W']",
    .gradient = "dx[batch[r], c, p_t] += w_t dy[r, c, i, j] / samples, or of the tap that wins",
    .torch = "roi_align", .inputs = 3, .outputs = 1, .flags = WG_CAN_FAIL, .blocked_inputs = 1 << 1 | 1 << 2,
    .blocked_because = "boxes are taken for given, as in PyTorch",
    .attributes = attributes, .attributes_size = sizeof(roi_align_attributes), .infer = infer,
    .forward = WG_FORWARD(roi_align), .backward = backward, .units = units, .workspace = workspace, .cost = roi_align_cost,
    .samples = samples};

const wg_op wg_op_roi_align_gather = {
    .name = "roi_align_gather", .formula = "y[r, c, i, j] = w_t v[batch[r], c, p_t], t the tap that wins in x",
    .shapes = "v [N, C, H, W], boxes [B, 4], batch [B], x [N, C, H, W] -> y [B, C, H', W']",
    .gradient = "dv[batch[r], c, p_t] += w_t dy[r, c, i, j], t the tap that wins in x",
    .inputs = 4, .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1 << 1 | 1 << 2,
    .blocked_because = "boxes are taken for given, as in PyTorch", .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(roi_align_attributes), .infer = infer,
    .forward = WG_FORWARD(roi_align_gather), .backward = backward_of_gather, .units = units, .workspace = workspace,
    .cost = roi_align_cost, .samples = samples_of_gather};

wg_var (wg_roi_align)(wg_var x, wg_var boxes, wg_var batch, const wg_shape *extents,
                      const wg_roi_align_options *options) {
    WG_READ_OPTIONS(wg_roi_align_options, given, options);
    roi_align_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.output[0] = chosen.output[1] = 1;
    chosen.sampling_ratio = given.sampling_ratio;
    chosen.spatial_scale = wg_read_number(given.spatial_scale, 1);
    chosen.aligned = given.aligned;
    chosen.maximum = given.maximum;
    if (!wg_read_extents(x.tape, "roi_align", extents, 2, chosen.output)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_roi_align, &chosen, x, boxes, batch);
}
#endif
