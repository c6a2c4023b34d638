/* depth_to_space, space_to_depth, pixel_shuffle, pixel_unshuffle — channels of x [..., C, H, W] become blocks of
 * b × b pixels, or such blocks become channels
 *
 *   y[…, c, h b + u, w b + v] = x[…, k, h, w]  with C' = C / b²
 *   DCR: k = (u b + v) C' + c      CRD: k = (c b + u) b + v
 *
 * and space_to_depth is the inverse. Composed of reshape and transpose, so that one copy is made; their gradients
 * are the inverse. pixel_shuffle and pixel_unshuffle are PyTorch's names for CRD. */
#include "rearrange.h"

typedef struct depth_to_space_attributes {
    int64_t block, mode;
} depth_to_space_attributes;
typedef depth_to_space_attributes space_to_depth_attributes;

typedef struct pixel_shuffle_attributes {
    int64_t factor;
} pixel_shuffle_attributes;
typedef pixel_shuffle_attributes pixel_unshuffle_attributes;

#ifdef WG_RULES

enum { CRD = 1 };

static int infer_images(wg_infer *infer, const char *what, int64_t block) {
    if (infer->inputs[0].rank < 3)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must be [..., channels, height, width]",
                             wg_infer_shape_text(infer, &infer->inputs[0]));
    if (block >= 1 && block < INT32_MAX) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "%s is %lld; it must be at least 1", what, (long long)block);
}

static int infer_to_space(wg_infer *infer, const char *what, int64_t b) {
    int status = infer_images(infer, what, b);
    if (status) return status;
    wg_type y = infer->inputs[0];
    int64_t *const c = &y.extent[y.rank - 3];
    if (*c % (b * b))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x %s has %lld channels; they must be a multiple of %lld squared",
                             wg_infer_shape_text(infer, &infer->inputs[0]), (long long)*c, (long long)b);
    *c /= b * b;
    for (int i = 1; i < 3 && !status; i++) status = rearrange_infer_times(infer, &c[i], b);
    infer->outputs[0] = y;
    return status;
}

static int infer_to_depth(wg_infer *infer, const char *what, int64_t b) {
    const int status = infer_images(infer, what, b);
    if (status) return status;
    wg_type y = infer->inputs[0];
    int64_t *const c = &y.extent[y.rank - 3];
    if (c[1] % b || c[2] % b)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; height and width must be multiples of %lld",
                             wg_infer_shape_text(infer, &infer->inputs[0]), (long long)b);
    c[1] /= b, c[2] /= b;
    infer->outputs[0] = y;
    return rearrange_infer_times(infer, &infer->outputs[0].extent[y.rank - 3], b * b);
}

static wg_var to_space(wg_var x, int64_t b, bool crd) {
    wg_type y = wg_type_of(x);
    const int64_t outer = rearrange_product(&y, 0, y.rank - 3), *e = &y.extent[y.rank - 3];
    const int64_t c = e[0] / (b * b), h = e[1], w = e[2];
    x = crd ? REARRANGE_TRANSPOSE(REARRANGE_RESHAPE(x, outer, c, b, b, h, w), 0, 1, 4, 2, 5, 3)
            : REARRANGE_TRANSPOSE(REARRANGE_RESHAPE(x, outer, b, b, c, h, w), 0, 3, 4, 1, 5, 2);
    y.extent[y.rank - 3] = c, y.extent[y.rank - 2] = h * b, y.extent[y.rank - 1] = w * b;
    return rearrange_reshape(x, &y);
}

static wg_var to_depth(wg_var x, int64_t b, bool crd) {
    wg_type y = wg_type_of(x);
    const int64_t outer = rearrange_product(&y, 0, y.rank - 3), *e = &y.extent[y.rank - 3];
    const int64_t c = e[0], h = e[1] / b, w = e[2] / b;
    x = REARRANGE_RESHAPE(x, outer, c, h, b, w, b);
    x = crd ? REARRANGE_TRANSPOSE(x, 0, 1, 3, 5, 2, 4) : REARRANGE_TRANSPOSE(x, 0, 3, 5, 1, 2, 4);
    y.extent[y.rank - 3] = c * b * b, y.extent[y.rank - 2] = h, y.extent[y.rank - 1] = w;
    return rearrange_reshape(x, &y);
}

/* --- The four --------------------------------------------------------------------------------------------- */

#define BLOCK(name, member)                                                                        \
    WG_ATTRIBUTE(name##_attributes, member, .kind = WG_ATTRIBUTE_INT, .preset = 1,                 \
                 .meaning = "pixels of a block, in height and width")
#define MODE(name)                                                                                 \
    WG_ATTRIBUTE(name##_attributes, mode, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = CRD,  \
                 .meaning = "of the channels: 0 DCR (the block's first), 1 CRD (the block's last)")
static const wg_attribute depth_to_space_schema[] = {BLOCK(depth_to_space, block), MODE(depth_to_space),
                                                     WG_NO_MORE_ATTRIBUTES};
static const wg_attribute space_to_depth_schema[] = {BLOCK(space_to_depth, block), MODE(space_to_depth),
                                                     WG_NO_MORE_ATTRIBUTES};
static const wg_attribute pixel_shuffle_schema[] = {BLOCK(pixel_shuffle, factor), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute pixel_unshuffle_schema[] = {BLOCK(pixel_unshuffle, factor), WG_NO_MORE_ATTRIBUTES};

/* Shape rule and expansion of one of the four. */
#define RULES(name, direction, member, crd)                                                        \
    static int infer_##name(wg_infer *infer) {                                                     \
        return infer_##direction(infer, #member, WG_ATTRIBUTES(infer, name)->member);              \
    }                                                                                              \
    static wg_var expand_##name(wg_tape *tape, const wg_var *inputs, const void *attributes) {     \
        const name##_attributes *a = attributes;                                                   \
        (void)tape;                                                                                \
        return direction(inputs[0], a->member, crd);                                               \
    }
RULES(depth_to_space, to_space, block, a->mode == CRD)
RULES(space_to_depth, to_depth, block, a->mode == CRD)
RULES(pixel_shuffle, to_space, factor, true)
RULES(pixel_unshuffle, to_depth, factor, true)

/* Shapes that have blocks of b × b both in their channels and in their pixels. */
static const wg_shape *block_case(int k, int64_t b) {
    static _Thread_local wg_shape shape;
    const wg_shape shapes[] = {
        {{b * b, b, b, INT64_MIN}},           {{2 * b * b, b, 2 * b, INT64_MIN}}, {{1, b * b, 2 * b, b, INT64_MIN}},
        {{2, b * b, b, b, INT64_MIN}},        {{0, b * b, b, b, INT64_MIN}},      {{2, 0, b, b, INT64_MIN}},
        {{b * b, 0, 2 * b, INT64_MIN}},       {{1, 2, 1, b * b, b, b, INT64_MIN}}, {{3 * b * b, b, b, INT64_MIN}},
        {{1, 1, 1, 1, 1, b * b, b, b, INT64_MIN}},
    };
    shape = shapes[k];
    return &shape;
}
enum { BLOCK_CASES = 10 };

static void samples_blocks(wg_sampler *s) {
    for (int64_t b = 1; b < 3; b++)
        for (int k = 0; k < 2 * BLOCK_CASES; k++)
            if (b < 2 || k % BLOCK_CASES != 1)
                WG_SAMPLE(s, (&(depth_to_space_attributes){b, k / BLOCK_CASES}),
                          {.shape = block_case(k % BLOCK_CASES, b)});
    for (int mode = 0; mode < 2; mode++)
        WG_SAMPLE(s, (&(depth_to_space_attributes){3, mode}), {.shape = WG_SHAPE(9, 3, 3)});
    WG_SAMPLE(s, (&(depth_to_space_attributes){2, 0}), {.shape = WG_SHAPE(8, 2, 2)});
    WG_SAMPLE(s, (&(depth_to_space_attributes){2, 1}), {.dtype = WG_U8, .shape = WG_SHAPE(8, 2, 4)});
}
static void samples_factors(wg_sampler *s) {
    for (int64_t b = 1; b < 4; b++)
        for (int k = 0; k < BLOCK_CASES; k++)
            if (b == 1 || (b == 2 && k != 1) || k == 0 || (k >= 4 && k <= 6))
                WG_SAMPLE(s, (&(pixel_shuffle_attributes){b}), {.shape = block_case(k, b)});
    for (int64_t c = 1; c < 6; c++)
        WG_SAMPLE(s, (&(pixel_shuffle_attributes){1}), {.shape = WG_SHAPE(c, 6 - c, 3)});
    for (int64_t w = 1; w < 6; w++)
        WG_SAMPLE(s, (&(pixel_shuffle_attributes){2}), {.shape = WG_SHAPE(4, 2, 2 * w)});
}

#define OP(of, says, shapes_text, gradient_text, onnx_name, torch_name, cases)                     \
    const wg_op wg_op_##of = {                                                                     \
        .name = #of, .formula = says, .onnx = onnx_name, .torch = torch_name,                      \
        .shapes = shapes_text, .gradient = gradient_text,                                          \
        .inputs = 1, .outputs = 1, .linear_in = 1,                                                 \
        .attributes = of##_schema, .attributes_size = sizeof(of##_attributes),                     \
        .infer = infer_##of, .expand = expand_##of, .samples = cases,                              \
    }
OP(depth_to_space, "y[c, h b + u, w b + v] = x[(u b + v) C' + c, h, w]",
   "x [..., C, H, W] -> y [..., C / b b, H b, W b]", "dx = space_to_depth(dy)", "DepthToSpace", NULL,
   samples_blocks);
OP(space_to_depth, "y[(u b + v) C + c, h, w] = x[c, h b + u, w b + v]",
   "x [..., C, H, W] -> y [..., C b b, H / b, W / b]", "dx = depth_to_space(dy)", "SpaceToDepth", NULL,
   samples_blocks);
OP(pixel_shuffle, "y[c, h r + u, w r + v] = x[(c r + u) r + v, h, w]",
   "x [..., C, H, W] -> y [..., C / r r, H r, W r]", "dx = pixel_unshuffle(dy)", NULL, "pixel_shuffle",
   samples_factors);
OP(pixel_unshuffle, "y[(c r + u) r + v, h, w] = x[c, h r + u, w r + v]",
   "x [..., C, H, W] -> y [..., C r r, H / r, W / r]", "dx = pixel_shuffle(dy)", NULL, "pixel_unshuffle",
   samples_factors);

wg_var (wg_depth_to_space)(wg_var x, int64_t block, const wg_depth_to_space_options *options) {
    WG_READ_OPTIONS(wg_depth_to_space_options, o, options);
    const depth_to_space_attributes chosen = {block, o.mode};
    return WG_RECORD(&wg_op_depth_to_space, &chosen, x);
}
wg_var (wg_space_to_depth)(wg_var x, int64_t block, const wg_depth_to_space_options *options) {
    WG_READ_OPTIONS(wg_depth_to_space_options, o, options);
    const space_to_depth_attributes chosen = {block, o.mode};
    return WG_RECORD(&wg_op_space_to_depth, &chosen, x);
}
wg_var (wg_pixel_shuffle)(wg_var x, int64_t factor) {
    const pixel_shuffle_attributes chosen = {factor};
    return WG_RECORD(&wg_op_pixel_shuffle, &chosen, x);
}
wg_var (wg_pixel_unshuffle)(wg_var x, int64_t factor) {
    const pixel_unshuffle_attributes chosen = {factor};
    return WG_RECORD(&wg_op_pixel_unshuffle, &chosen, x);
}

#endif
