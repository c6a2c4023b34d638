/* ops/linear_algebra — products of matrices. See wengert/ops.h. */
#ifndef WENGERT_OPS_LINEAR_ALGEBRA_H
#define WENGERT_OPS_LINEAR_ALGEBRA_H

#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_matmul_options {
    WG_OPTIONS_HEAD;
    bool transpose_a WG_DEFAULT_, transpose_b WG_DEFAULT_; /* swap the operand's last two axes first */
} wg_matmul_options;
/* Matrix product over the last two axes, earlier ones broadcast; vectors as numpy.matmul has them. */
WG_API wg_var wg_matmul(wg_var a, wg_var b, const wg_matmul_options *options);

WG_END_C

#define wg_matmul(...) WG_AT(wg_matmul_(__VA_ARGS__, ))
#define wg_matmul_(a, b, ...) (wg_matmul)(a, b, WG_OPTIONS_(wg_matmul_options, __VA_ARGS__))

#endif
