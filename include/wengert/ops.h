/* ops — the operations that a program records. Each returns a new var, or an invalid one after
 * putting an error on the tape. Formulas, shape rules and gradients stand in ops/NAME.c.
 *
 * Elementwise operations of two or three inputs broadcast as NumPy does. Dtypes must be alike
 * (wg_cast converts); a wg_scalar takes the dtype of what it meets. */
#ifndef WENGERT_OPS_H
#define WENGERT_OPS_H

#include <wengert/ops/activations.h>
#include <wengert/ops/elementwise.h>
#include <wengert/ops/linear_algebra.h>
#include <wengert/ops/losses.h>
#include <wengert/ops/normalization.h>
#include <wengert/ops/random.h>
#include <wengert/ops/recurrent.h>
#include <wengert/ops/reductions.h>
#include <wengert/ops/sequence.h>
#include <wengert/ops/shape.h>
#include <wengert/ops/vision.h>

#endif
