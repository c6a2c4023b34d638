/* clip_grad — how the rules of piecewise linear functions let a cotangent pass or not: see clip.c. */
#ifndef WG_OPS_CLIP_GRAD_H
#define WG_OPS_CLIP_GRAD_H

#include "op.h"

/* a where low <= x <= high, else 0; `open`: low < x < high; `outside`: where it is not so. */
#ifdef WG_RULES
extern wg_var wg_clip_grad_(wg_var a, wg_var x, double low, double high, bool open, bool outside);
#endif

#endif
