/* blocks — what plain and tuned products and convolutions agree on: the order of their sums, and
 * how a call's shapes are read.
 *
 * Every sum runs in blocks of WG_K_BLOCK products: a block is a chain of fused multiply-adds from
 * zero in index order, and block sums are added in order. It is what the micro-kernels of BLIS do
 * when the packing loop hands them blocks of that size, so that every kernel on every instruction
 * set gives the same bits, however the work is cut. */
#ifndef WG_KERNELS_BLOCKS_H
#define WG_KERNELS_BLOCKS_H

#include <wengert/op.h>

enum { WG_K_BLOCK = 256 };

/* --- Products ------------------------------------------------------------------------------------- */

typedef struct wg_matmul_attributes {
    bool transpose_a, transpose_b;
} wg_matmul_attributes;

/* `batches` products of m×k by k×n; element (i, t) of a at i a_m + t a_k, y dense. A batch number
 * counts through batch_extent, of which each operand takes its own strides (0: broadcast). */
typedef struct wg_product {
    int64_t m, n, k, batches;
    int64_t a_m, a_k, b_k, b_n;
    int batch_rank;
    int64_t batch_extent[WG_MAX_RANK], a_batch[WG_MAX_RANK], b_batch[WG_MAX_RANK];
} wg_product;

static inline void wg_product_strides(const wg_type *operand, int matrix_rank, int batch_rank,
                                      int64_t *strides) {
    const int own = operand->rank > matrix_rank ? operand->rank - matrix_rank : 0;
    int64_t stride = 1;
    for (int i = operand->rank - 1; i >= own; i--) stride *= operand->extent[i];
    for (int i = batch_rank - 1; i >= 0; i--) {
        const int axis = i - (batch_rank - own);
        strides[i] = axis < 0 || operand->extent[axis] == 1 ? 0 : stride;
        if (axis >= 0) stride *= operand->extent[axis];
    }
}

/* A matmul call; vectors stand for [1, k] left and [k, 1] right. */
static inline wg_product wg_product_of(const wg_call *call) {
    const wg_matmul_attributes *flags = call->attributes;
    const wg_type *a = &call->inputs[0].type, *b = &call->inputs[1].type, *y = &call->outputs[0].type;
    wg_product p = {.batches = 1};
    const int64_t a_rows = a->rank > 1 ? a->extent[a->rank - 2] : 1, a_columns = a->extent[a->rank - 1];
    const int64_t b_rows = b->rank > 1 ? b->extent[b->rank - 2] : b->extent[0];
    const int64_t b_columns = b->rank > 1 ? b->extent[b->rank - 1] : 1;
    p.m = flags->transpose_a ? a_columns : a_rows;
    p.k = flags->transpose_a ? a_rows : a_columns;
    p.n = flags->transpose_b ? b_rows : b_columns;
    p.a_m = flags->transpose_a ? 1 : a_columns, p.a_k = flags->transpose_a ? a_columns : 1;
    p.b_k = flags->transpose_b ? 1 : b_columns, p.b_n = flags->transpose_b ? b_columns : 1;
    p.batch_rank = y->rank - (a->rank > 1) - (b->rank > 1);
    for (int i = 0; i < p.batch_rank; i++) p.batches *= p.batch_extent[i] = y->extent[i];
    wg_product_strides(a, a->rank > 1 ? 2 : 1, p.batch_rank, p.a_batch);
    wg_product_strides(b, b->rank > 1 ? 2 : 1, p.batch_rank, p.b_batch);
    return p;
}

/* Where batch number `batch` begins in the operand with these strides. */
static inline int64_t wg_product_batch(const wg_product *p, int64_t batch, const int64_t *strides) {
    int64_t offset = 0;
    for (int i = p->batch_rank - 1; i >= 0; i--) {
        offset += batch % p->batch_extent[i] * strides[i];
        batch /= p->batch_extent[i];
    }
    return offset;
}

/* --- Convolutions --------------------------------------------------------------------------------- */

/* Attributes of conv2d and of its two gradients; `size` is the height and width of what a gradient
 * is taken for: of the image (grad_input) or of the kernel (grad_weight). `padding` is above, left, below,
 * right, in numbers once the shape rule has seen `auto_pad`. */
typedef struct wg_conv2d_attributes {
    int64_t stride[2], padding[4], dilation[2], groups, size[2], auto_pad;
} wg_conv2d_attributes;

/* A convolution x [images, groups channels, in] -> y [images, groups filters, out] with kernels of
 * `taps`, whichever of the three tensors is the one computed. What is padded behind shows in `out` alone. */
typedef struct wg_convolution {
    int64_t images, groups, channels, filters; /* channels and filters of one group */
    int64_t in[2], out[2], taps[2], stride[2], padding[2], dilation[2];
} wg_convolution;

static inline wg_convolution wg_convolution_of(const wg_call *call, const wg_type *x, const wg_type *weight,
                                               const wg_type *y) {
    const wg_conv2d_attributes *attributes = call->attributes;
    wg_convolution c = {.images = x->extent[0],
                        .groups = attributes->groups,
                        .channels = weight->extent[1],
                        .filters = weight->extent[0] / attributes->groups};
    for (int i = 0; i < 2; i++) {
        c.in[i] = x->extent[2 + i], c.out[i] = y->extent[2 + i], c.taps[i] = weight->extent[2 + i];
        c.stride[i] = attributes->stride[i], c.padding[i] = attributes->padding[i];
        c.dilation[i] = attributes->dilation[i];
    }
    return c;
}

#endif
