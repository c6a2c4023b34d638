/* hello_gradient — y = x sin(x) and its derivatives to the third, beside what mathematics says they are:
 *
 *     y = x sin x,   y' = sin x + x cos x,   y'' = 2 cos x - x sin x,   y''' = -3 sin x - x cos x */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wengert.h>

static const char help[] =
    "hello_gradient\n"
    "Prints x sin(x) and its first three derivatives at x = 3, beside the closed forms.\n";

int main(int count, char **arguments) {
    if (count > 1) {
        const bool asked = !strcmp(arguments[1], "--help");
        return fputs(help, asked ? stdout : stderr), !asked;
    }
    wg_tape *tape = wg_tape_new();
    wg_var x = wg_scalar(tape, 3.0), y = wg_mul(x, wg_sin(x));
    wg_var dy = wg_grad(y, x), d2y = wg_grad(dy, x), d3y = wg_grad(d2y, x); /* gradients are ordinary vars */
    if (wg_eval(y, dy, d2y, d3y)) return wg_report(stderr, tape), wg_tape_free(tape), 1;

    const double s = sin(3.0), c = cos(3.0);
    const double found[] = {wg_item(y), wg_item(dy), wg_item(d2y), wg_item(d3y)};
    const double closed[] = {3 * s, s + 3 * c, 2 * c - 3 * s, -3 * s - 3 * c};
    double largest = 0;
    printf("order %20s %20s\n", "on the tape", "closed form");
    for (int i = 0; i < 4; i++) {
        printf("%5d %20.16f %20.16f\n", i, found[i], closed[i]);
        largest = fmax(largest, fabs(found[i] - closed[i]));
    }
    printf("largest difference %.1e\n", largest);
    wg_tape_free(tape);
    return largest > 1e-14;
}
