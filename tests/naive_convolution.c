/* naive_convolution — convolutions along one and three axes, and the transposes, product by product. */
#include "naive.h"

typedef struct {
    int axes;
    int64_t stride[3], front[3], back[3], dilation[3], more[3], groups;
} geometry;

/* Attributes as numbers, after ONNX Conv and ConvTranspose; x and weight say what auto_pad stands for. */
static geometry read_geometry(const naive_call *call, bool transposed) {
    const wg_type *x = &call->inputs[0].type, *weight = &call->inputs[1].type;
    geometry g = {.axes = x->rank - 2, .groups = naive_int(call, "groups", 0)};
    const int64_t mode = naive_int(call, "auto_pad", 0);
    for (int i = 0; i < g.axes; i++) {
        g.stride[i] = naive_int(call, "stride", i), g.dilation[i] = naive_int(call, "dilation", i);
        g.front[i] = naive_int(call, "padding", i), g.back[i] = naive_int(call, "padding", g.axes + i);
        g.more[i] = transposed ? naive_int(call, "output_padding", i) : 0;
        if (!mode) continue;
        const int64_t in = x->extent[2 + i], reach = g.dilation[i] * (weight->extent[2 + i] - 1) + 1;
        const int64_t strides = (in + g.stride[i] - 1) / g.stride[i];
        int64_t total = transposed ? g.stride[i] * (in - 1) + reach + g.more[i] - in * g.stride[i]
                                   : (strides - 1) * g.stride[i] + reach - in;
        if (total < 0 || mode == 3) total = 0;
        g.front[i] = mode == 2 ? (total + 1) / 2 : total / 2;
        g.back[i] = total - g.front[i];
    }
    return g;
}

/* Every product of an element of the small side (windows) with a tap: large[s i + d u - p] belongs to it. For a
 * convolution y is the small side and x the large one, for a transpose x is the small one. */
static void each_product(naive_call *call, const geometry *g, const wg_type *small, const wg_type *large,
                         bool transposed) {
    naive_array *y = &call->outputs[0];
    const naive_array *x = &call->inputs[0], *weight = &call->inputs[1];
    const int64_t filters = small->extent[1] / g->groups;
    for (naive_index i = naive_first(small); i.more; naive_next(&i))
        for (naive_index w = naive_first(&weight->type); w.more; naive_next(&w)) {
            if (w.at[0] != i.at[1]) continue;
            int64_t at[WG_MAX_RANK] = {i.at[0], i.at[1] / filters * weight->type.extent[1] + w.at[1]};
            bool inside = true;
            for (int axis = 0; axis < g->axes; axis++) {
                at[2 + axis] = i.at[2 + axis] * g->stride[axis] + w.at[2 + axis] * g->dilation[axis] - g->front[axis];
                inside = inside && at[2 + axis] >= 0 && at[2 + axis] < large->extent[2 + axis];
            }
            if (!inside) continue;
            const int64_t there = naive_at(large, at), from = transposed ? i.number : there;
            naive_add(y, transposed ? there : i.number, x->value[from] * weight->value[w.number]);
        }
}

static void convolve(naive_call *call, bool transposed) {
    const geometry g = read_geometry(call, transposed);
    const naive_array *x = &call->inputs[0], *weight = &call->inputs[1], *bias = &call->inputs[2];
    wg_type type = x->type;
    type.extent[1] = transposed ? weight->type.extent[1] * g.groups : weight->type.extent[0];
    call->roundings = 4 + (naive_real)(weight->type.extent[0] + weight->type.extent[1]);
    for (int i = 0; i < g.axes; i++) {
        const int64_t in = x->type.extent[2 + i], reach = g.dilation[i] * (weight->type.extent[2 + i] - 1) + 1;
        type.extent[2 + i] = transposed
                                 ? (in - 1) * g.stride[i] + reach + g.more[i] - g.front[i] - g.back[i]
                                 : (in + g.front[i] + g.back[i] - reach) / g.stride[i] + 1;
        call->roundings *= (naive_real)weight->type.extent[2 + i];
    }
    naive_array *y = naive_output(call, 0, type);
    for (naive_index i = naive_first(&type); i.more && bias->type.dtype; naive_next(&i))
        naive_add(y, i.number, bias->value[i.at[1]]);
    each_product(call, &g, transposed ? &x->type : &type, transposed ? &type : &x->type, transposed);
}
static void convolution(naive_call *call) { convolve(call, false); }
static void transpose(naive_call *call) { convolve(call, true); }

const naive_entry naive_convolution[] = {
    {"conv1d", convolution},         {"conv3d", convolution},         {"conv_transpose1d", transpose},
    {"conv_transpose2d", transpose}, {"conv_transpose3d", transpose}, {NULL, NULL},
};
