/* naive_products — sums of products: matrix products, convolution and its transposes. */
#include "naive.h"
#include "kernels/cpu/blocks.h"
#include <string.h>

/* Adds a * b to element `at`; a fused or a rounded product make no difference to the bound. */
static void add_product(naive_array *y, int64_t at, naive_real a, naive_real b) { naive_add(y, at, a * b); }

/* --- matmul, as numpy.matmul ---------------------------------------------------------------------------- */

/* An operand as a stack of matrices: a vector gets the axis that it lacks. */
typedef struct {
    const naive_array *x;
    wg_type type; /* of rank 2 at least */
    bool transposed;
} matrices;

static matrices operand(const naive_array *x, bool transposed, bool column) {
    matrices m = {.x = x, .type = x->type, .transposed = transposed && x->type.rank > 1};
    if (x->type.rank == 1) {
        m.type.rank = 2;
        m.type.extent[column ? 1 : 0] = 1;
        m.type.extent[column ? 0 : 1] = x->type.extent[0];
    }
    return m;
}

static int64_t extent(const matrices *m, int row_or_column) {
    return m->type.extent[m->type.rank - 2 + (m->transposed ? 1 - row_or_column : row_or_column)];
}

/* Element (row, column) of the matrix that batch index `at` (of `batch` axes) broadcasts to. */
static naive_real element(const matrices *m, const int64_t *at, int batch, int64_t i, int64_t j) {
    int64_t index[WG_MAX_RANK];
    const int own = m->type.rank - 2;
    for (int axis = 0; axis < own; axis++)
        index[axis] = m->type.extent[axis] == 1 ? 0 : at[batch - own + axis];
    index[own] = m->transposed ? j : i;
    index[own + 1] = m->transposed ? i : j;
    return m->x->value[naive_at(&m->type, index)];
}

static void matmul(naive_call *call) {
    const matrices a = operand(&call->inputs[0], naive_bool(call, "transpose_a"), false);
    const matrices b = operand(&call->inputs[1], naive_bool(call, "transpose_b"), true);
    const int batch = (a.type.rank > b.type.rank ? a.type.rank : b.type.rank) - 2;
    wg_type whole = {.dtype = a.x->type.dtype, .rank = batch + 2}, type = {.dtype = whole.dtype};
    for (int axis = 0; axis < batch; axis++) {
        const int in_a = axis - (batch + 2 - a.type.rank), in_b = axis - (batch + 2 - b.type.rank);
        const int64_t ea = in_a < 0 ? 1 : a.type.extent[in_a], eb = in_b < 0 ? 1 : b.type.extent[in_b];
        whole.extent[axis] = ea == 1 ? eb : ea;
    }
    whole.extent[batch] = extent(&a, 0);
    whole.extent[batch + 1] = extent(&b, 1);
    for (int axis = 0; axis < batch + 2; axis++)
        if (!(axis == batch && a.x->type.rank == 1) && !(axis == batch + 1 && b.x->type.rank == 1))
            type.extent[type.rank++] = whole.extent[axis];
    naive_array *y = naive_output(call, 0, type);
    const int64_t inner = extent(&a, 1);
    call->roundings = (naive_real)inner + 1;
    for (naive_index i = naive_first(&whole); i.more; naive_next(&i))
        for (int64_t k = 0; k < inner; k++)
            add_product(y, i.number, element(&a, i.at, batch, i.at[batch], k),
                        element(&b, i.at, batch, k, i.at[batch + 1]));
}

/* --- conv2d --------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t stride[2], padding[4], dilation[2], groups;
} geometry;

static geometry read_geometry(const naive_call *call) {
    geometry g = {.groups = naive_int(call, "groups", 0)};
    for (int i = 0; i < 2; i++) {
        g.stride[i] = naive_int(call, "stride", i);
        g.padding[i] = naive_int(call, "padding", i);
        g.padding[2 + i] = naive_int(call, "padding", 2 + i);
        g.dilation[i] = naive_int(call, "dilation", i);
    }
    return g;
}

/* Calls visit for every product x[n, c, h, w] weight[k, c', u, v] that is part of y[n, k, i, j], with the
 * places of the three in row-major order. */
typedef void visitor(naive_call *call, int64_t x, int64_t weight, int64_t y);

static void each_product(naive_call *call, const wg_type *x, const wg_type *weight, const wg_type *y,
                         visitor *visit) {
    const geometry g = read_geometry(call);
    const int64_t filters = y->extent[1] / g.groups; /* of a group */
    for (naive_index i = naive_first(y); i.more; naive_next(&i)) {
        const int64_t group = i.at[1] / filters;
        for (int64_t c = 0; c < weight->extent[1]; c++)
            for (int64_t u = 0; u < weight->extent[2]; u++)
                for (int64_t v = 0; v < weight->extent[3]; v++) {
                    const int64_t h = i.at[2] * g.stride[0] + u * g.dilation[0] - g.padding[0];
                    const int64_t w = i.at[3] * g.stride[1] + v * g.dilation[1] - g.padding[1];
                    if (h < 0 || h >= x->extent[2] || w < 0 || w >= x->extent[3]) continue;
                    const int64_t x_at[] = {i.at[0], group * weight->extent[1] + c, h, w};
                    const int64_t weight_at[] = {i.at[1], c, u, v};
                    visit(call, naive_at(x, x_at), naive_at(weight, weight_at), i.number);
                }
    }
}

static void into_y(naive_call *call, int64_t x, int64_t weight, int64_t y) {
    add_product(&call->outputs[0], y, call->inputs[0].value[x], call->inputs[1].value[weight]);
}
static void into_x(naive_call *call, int64_t x, int64_t weight, int64_t y) {
    add_product(&call->outputs[0], x, call->inputs[0].value[y], call->inputs[1].value[weight]);
}
static void into_weight(naive_call *call, int64_t x, int64_t weight, int64_t y) {
    add_product(&call->outputs[0], weight, call->inputs[0].value[x], call->inputs[1].value[y]);
}

/* The numbers that auto_pad stands for, into the call's attributes, as ONNX Conv has them. */
static void resolve_auto_pad(naive_call *call) {
    static wg_conv2d_attributes resolved;
    const geometry g = read_geometry(call);
    const int64_t mode = naive_int(call, "auto_pad", 0);
    if (!mode) return;
    memcpy(&resolved, call->attributes, sizeof resolved);
    for (int i = 0; i < 2; i++) {
        const int64_t in = call->inputs[0].type.extent[2 + i];
        const int64_t out = (in + g.stride[i] - 1) / g.stride[i];
        int64_t total =
            (out - 1) * g.stride[i] + g.dilation[i] * (call->inputs[1].type.extent[2 + i] - 1) + 1 - in;
        if (total < 0 || mode == 3) total = 0;
        resolved.padding[i] = mode == 2 ? (total + 1) / 2 : total / 2;
        resolved.padding[2 + i] = total - resolved.padding[i];
    }
    resolved.auto_pad = 0;
    call->attributes = &resolved;
}

static void conv2d(naive_call *call) {
    resolve_auto_pad(call);
    const geometry g = read_geometry(call);
    const naive_array *x = &call->inputs[0], *weight = &call->inputs[1], *bias = &call->inputs[2];
    wg_type type = {.dtype = x->type.dtype, .rank = 4, .extent = {x->type.extent[0], weight->type.extent[0]}};
    for (int i = 0; i < 2; i++)
        type.extent[2 + i] = (x->type.extent[2 + i] + g.padding[i] + g.padding[2 + i] -
                              g.dilation[i] * (weight->type.extent[2 + i] - 1) - 1) /
                                 g.stride[i] +
                             1;
    naive_array *y = naive_output(call, 0, type);
    for (naive_index i = naive_first(&type); i.more && bias->type.dtype; naive_next(&i))
        naive_add(y, i.number, bias->value[i.at[1]]);
    each_product(call, &x->type, &weight->type, &type, into_y);
    call->roundings =
        2 + (naive_real)(weight->type.extent[1] * weight->type.extent[2] * weight->type.extent[3]);
}

static void conv2d_grad_input(naive_call *call) {
    const geometry g = read_geometry(call);
    const naive_array *dy = &call->inputs[0], *weight = &call->inputs[1];
    const wg_type type = {.dtype = dy->type.dtype,
                          .rank = 4,
                          .extent = {dy->type.extent[0], weight->type.extent[1] * g.groups,
                                     naive_int(call, "size", 0), naive_int(call, "size", 1)}};
    naive_output(call, 0, type);
    each_product(call, &type, &weight->type, &dy->type, into_x);
    call->roundings =
        2 + (naive_real)(weight->type.extent[0] * weight->type.extent[2] * weight->type.extent[3]);
}

static void conv2d_grad_weight(naive_call *call) {
    const geometry g = read_geometry(call);
    const naive_array *x = &call->inputs[0], *dy = &call->inputs[1];
    const wg_type type = {.dtype = x->type.dtype,
                          .rank = 4,
                          .extent = {dy->type.extent[1], x->type.extent[1] / g.groups,
                                     naive_int(call, "size", 0), naive_int(call, "size", 1)}};
    naive_output(call, 0, type);
    each_product(call, &x->type, &type, &dy->type, into_weight);
    call->roundings = 2 + (naive_real)(dy->type.extent[0] * dy->type.extent[2] * dy->type.extent[3]);
}

const naive_entry naive_products[] = {
    {"matmul", matmul},
    {"conv2d", conv2d},
    {"conv2d_grad_input", conv2d_grad_input},
    {"conv2d_grad_weight", conv2d_grad_weight},
    {NULL, NULL},
};
