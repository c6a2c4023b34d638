/* Every way in which the public headers spell a call, in the language that C and C++20 share: compiled in each
 * dialect without a warning. */
#include <wengert.h>

static wg_var all_spellings(wg_tape *tape) {
    wg_var x = wg_scalar(tape, 3.0), y = wg_mul(x, wg_sin(wg_neg(x)));        /* no options, nested */
    y = wg_sum(y, WG_ALL_AXES);                                               /* options left out */
    y = wg_sum(wg_reshape(y, WG_SHAPE(1, -1)), WG_AXES(0, -1), .keepdims = true);
    y = wg_conv2d(y, x, WG_NONE, .stride = 2, .padding = 1);
    y = wg_max_pool2d(y, .kernel = 2);
    y = wg_concat(0, y, wg_slice(x, 0, 1, WG_SLICE_TO_END));                  /* a list */
    wg_var dy = wg_grad(y, x);
    return wg_eval(y, dy) == WG_OK ? dy : WG_NONE;
}
