/* The smallest program against an installed copy: d(x sin x)/dx at 3 is sin 3 + 3 cos 3. */
#include <math.h>
#include <stdio.h>
#include <wengert.h>

int main(void) {
    wg_tape *tape = wg_tape_new();
    wg_var x = wg_scalar(tape, 3.0), y = wg_mul(x, wg_sin(x)), dy = wg_grad(y, x);
    if (wg_eval(y, dy)) return wg_report(stderr, tape);
    const double error = fabs(wg_item(dy) - (sin(3.0) + 3.0 * cos(3.0)));
    wg_tape_free(tape);
    printf("%g\n", error);
    return error < 1e-14 ? 0 : 1;
}
