/* Wengert — reverse-mode automatic differentiation in C. This header includes all others. */
#ifndef WENGERT_H
#define WENGERT_H

#include <wengert/base.h>
#include <wengert/check.h>
#include <wengert/checkpoint.h>
#include <wengert/data.h>
#include <wengert/engine.h>
#include <wengert/io.h>
#include <wengert/lbfgs.h>
#include <wengert/metrics.h>
#include <wengert/model.h>
#include <wengert/op.h>
#include <wengert/ops.h>
#include <wengert/optim.h>
#include <wengert/plan.h>
#include <wengert/tape.h>
#include <wengert/tensor.h>
#include <wengert/trace.h>

#endif
