/* ops/linear_algebra — products and factorizations of matrices. See wengert/ops.h. */
#ifndef WENGERT_OPS_LINEAR_ALGEBRA_H
#define WENGERT_OPS_LINEAR_ALGEBRA_H

#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_matmul_options {
    WG_OPTIONS_HEAD;
    bool transpose_a WG_DEFAULT_, transpose_b WG_DEFAULT_; /* swap the operand's last two axes first */
} wg_matmul_options;
/* Matrix product over the last two axes, earlier ones broadcast; vectors as numpy.matmul has
 * them: one on the left is a row, one on the right a column, and the axis so added is dropped again. */
WG_API wg_var wg_matmul(wg_var a, wg_var b, const wg_matmul_options *options);

/* --- Products, composed of matmul, mul and sum; f32, f64, i32 and i64 -------------------------------- */

/* As numpy.dot: over the last axis of a and the last but one of b (the only one of a vector), [..., k] and
 * [..., k, n] to [..., ..., n], no axis broadcasting; of a scalar its multiple. torch.dot is that of two
 * vectors. */
WG_API wg_var wg_dot(wg_var a, wg_var b);
/* All products of an element of a and one of b, [n] and [m] to [n, m]; others are read as vectors, as
 * numpy.outer does (torch.outer takes vectors). */
WG_API wg_var wg_outer(wg_var a, wg_var b);
/* Each element of a times b as a block: an axis of extent m in a and n in b has m n. Axes of extent 1 are put
 * before those of the one that has fewer. numpy.kron, torch.kron. */
WG_API wg_var wg_kron(wg_var a, wg_var b);

/* x weight^T + bias, x [..., in], weight [out, in], bias [out] (WG_NONE: none), y [..., out]; a weight [in]
 * makes y [...]. Op `linear`, torch.nn.functional.linear; wg_linear is the layer that has the two. */
WG_API wg_var wg_affine(wg_var x, wg_var weight, wg_var bias);
/* y[..., o] = x1[..., i] weight[o, i, j] x2[..., j] + bias[o], x1 and x2 alike but for their last axes, no
 * bias with WG_NONE. torch.nn.functional.bilinear. */
WG_API wg_var wg_bilinear(wg_var x1, wg_var x2, wg_var weight, wg_var bias);

/* Sums of products by names of axes, "ij,jk->ik": y[i, k] = sum_j a[i, j] b[j, k]. Letters A … Z and a … z
 * name the axes of each operand; an index named twice in an operand is a diagonal, one that the result has
 * not is summed. "..." stands for further axes, which broadcast. Without "->" the result has those, then the
 * indices that are met once, in the order of the alphabet. An extent of 1 broadcasts to others of its index,
 * as in NumPy and PyTorch; axes of an ellipsis that the result has not are summed, as in PyTorch (NumPy
 * refuses). Up to 32 operands, a list closed by WG_END_: up to 8 in the cheapest order there is, more in one
 * found greedily. ONNX Einsum, torch.einsum. */
WG_API wg_var wg_einsum_list(const char *equation, const wg_var *operands);

/* --- Factorizations ------------------------------------------------------------------------------------
 *
 * Of the square matrices in the last two axes; axes before those are batches. f32 or f64. A matrix that has
 * no such factor or inverse fails the run with WG_ERROR_SINGULAR, and the message tells which one and its
 * column. */

typedef struct wg_cholesky_options {
    WG_OPTIONS_HEAD;
    bool upper WG_DEFAULT_;
} wg_cholesky_options;
/* The lower triangular y of a = y y^T, a symmetric and positive definite; or with `upper` the upper
 * triangular y of a = y^T y. Only that triangle of a is read, and only there is its gradient: elements off
 * the diagonal have the sum of what PyTorch gives half to a[i, j] and half to a[j, i].
 * numpy.linalg.cholesky, torch.linalg.cholesky. */
WG_API wg_var wg_cholesky(wg_var a, const wg_cholesky_options *options);

typedef struct wg_triangular_solve_options {
    WG_OPTIONS_HEAD;
    bool upper WG_DEFAULT_;         /* a is upper triangular, else lower; the other triangle is not read */
    bool transpose WG_DEFAULT_;     /* a^T in the place of a */
    bool unitriangular WG_DEFAULT_; /* a's diagonal counts as 1 and is not read */
    bool right WG_DEFAULT_;         /* y a = b, where PyTorch says left=False */
} wg_triangular_solve_options;
/* The y of a y = b, a [..., n, n] triangular, b [..., n, m] (right: [..., m, n]).
 * torch.linalg.solve_triangular. */
WG_API wg_var wg_triangular_solve(wg_var a, wg_var b, const wg_triangular_solve_options *options);

/* The y of a y = b, b [..., n, m] or a vector [n]: as in NumPy 2, b is a vector where its rank is 1, so a
 * batch of vectors is [..., n, 1]. Batches broadcast. numpy.linalg.solve, torch.linalg.solve. */
WG_API wg_var wg_solve(wg_var a, wg_var b);

WG_API wg_var wg_inverse(wg_var a); /* torch.linalg.inv; better than it times b is wg_solve(a, b) */

/* The determinant, 0 of a singular matrix, whose gradient is right too; but gradients of that gradient fail
 * there. */
WG_API wg_var wg_det(wg_var a);
/* The determinant's sign (-1, 0 or 1), and as wg_output(…, 1) the logarithm of its magnitude (-inf for 0),
 * whose gradient fails where a is singular. numpy.linalg.slogdet, torch.linalg.slogdet. */
WG_API wg_var wg_slogdet(wg_var a);

WG_API wg_var wg_matrix_exp(wg_var a); /* I + a + a a / 2 + … torch.linalg.matrix_exp */

WG_END_C

#define wg_dot(...) WG_AT((wg_dot)(__VA_ARGS__))
#define wg_outer(...) WG_AT((wg_outer)(__VA_ARGS__))
#define wg_kron(...) WG_AT((wg_kron)(__VA_ARGS__))
#define wg_affine(...) WG_AT((wg_affine)(__VA_ARGS__))
#define wg_bilinear(...) WG_AT((wg_bilinear)(__VA_ARGS__))
#ifdef __cplusplus
template <class... V> static inline wg_var wg_einsum(const char *equation, V... operands) {
    const wg_var list[] = {operands..., WG_END_};
    return wg_einsum_list(equation, list);
}
#else
#define wg_einsum(equation, ...) WG_AT(wg_einsum_list(equation, WG_VARS(__VA_ARGS__)))
#endif
#define wg_matmul(...) WG_AT(wg_matmul_(__VA_ARGS__, ))
#define wg_matmul_(a, b, ...) (wg_matmul)(a, b, WG_OPTIONS_(wg_matmul_options, __VA_ARGS__))

#define wg_cholesky(...) WG_AT(wg_cholesky_(__VA_ARGS__, ))
#define wg_cholesky_(a, ...) (wg_cholesky)(a, WG_OPTIONS_(wg_cholesky_options, __VA_ARGS__))
#define wg_triangular_solve(...) WG_AT(wg_triangular_solve_(__VA_ARGS__, ))
#define wg_triangular_solve_(a, b, ...)                                                            \
    (wg_triangular_solve)(a, b, WG_OPTIONS_(wg_triangular_solve_options, __VA_ARGS__))
#define wg_solve(...) WG_AT((wg_solve)(__VA_ARGS__))
#define wg_inverse(...) WG_AT((wg_inverse)(__VA_ARGS__))
#define wg_det(...) WG_AT((wg_det)(__VA_ARGS__))
#define wg_slogdet(...) WG_AT((wg_slogdet)(__VA_ARGS__))
#define wg_matrix_exp(...) WG_AT((wg_matrix_exp)(__VA_ARGS__))

#endif
