/* window.h — windows that move along an axis, of convolution and of pooling: what `auto_pad` pads. */
#ifndef WG_OPS_WINDOW_H
#define WG_OPS_WINDOW_H

#include "op.h"

#ifdef WG_RULES
/* ONNX's rule: windows of `reach` pixels (dilation * (kernel - 1) + 1) such that there are ceil(in / stride) of
 * them for WG_PAD_SAME_…, the odd pixel at the end or at the front; none for WG_PAD_VALID. Overflow is left to
 * the check that follows. */
static inline void window_auto_pad(int64_t mode, int64_t in, int64_t reach, int64_t stride, int64_t *front,
                                   int64_t *back) {
    if (mode == WG_PAD_AS_GIVEN) return;
    *front = *back = 0;
    if (mode == WG_PAD_VALID || in < 1) return;
    int64_t covered;
    if (__builtin_add_overflow((in - 1) / stride * stride, reach, &covered)) return;
    const int64_t pad = covered > in ? covered - in : 0, less = pad / 2;
    *front = mode == WG_PAD_SAME_LOWER ? pad - less : less;
    *back = pad - *front;
}

/* Is padding given in more than one way? Then false, with an error on the tape. */
static inline bool window_one_padding(wg_tape *tape, const char *op, int64_t auto_pad, const int64_t *numbers,
                                      int count) {
    if (auto_pad < WG_PAD_AS_GIVEN || auto_pad > WG_PAD_VALID) {
        wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: auto_pad is %lld; it must be one of wg_auto_pad", op,
                (long long)auto_pad);
        return false;
    }
    for (int i = 0; i < count && auto_pad; i++)
        if (numbers[i]) {
            wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: both auto_pad and padding are given; give one of them", op);
            return false;
        }
    return true;
}

/* An option for all axes or one for each; false, with an error on the tape, if both are given. */
static inline bool window_read_each(wg_tape *tape, const char *op, const char *name, int all, const int *each, int axes,
                                    int64_t preset, int64_t *chosen) {
    bool any = false;
    for (int i = 0; i < axes && each; i++) any |= each[i] != 0;
    if (all && any) {
        wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: %s is given both for all axes and for each; give one of them", op, name);
        return false;
    }
    for (int i = 0; i < axes; i++) chosen[i] = each && each[i] ? each[i] : all ? all : preset;
    return true;
}

/* Padding as numbers for `axes` axes, {front of each…, back of each…}: the same on both sides, or `pads`. */
static inline bool window_read_padding(wg_tape *tape, const char *op, int both, const int *each, const int *pads,
                                       int64_t auto_pad, int axes, int64_t *padding) {
    bool by_pads = false, by_each = false;
    for (int i = 0; i < 2 * axes; i++) by_pads |= pads[i] != 0;
    for (int i = 0; i < axes && each; i++) by_each |= each[i] != 0;
    if (by_pads + by_each + (both != 0) > 1) {
        wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: padding is given in two ways; give one of them", op);
        return false;
    }
    for (int i = 0; i < 2 * axes; i++)
        padding[i] = by_pads ? pads[i] : both ? both : each ? each[i % axes] : 0;
    return window_one_padding(tape, op, auto_pad, padding, 2 * axes);
}
#endif

#endif
