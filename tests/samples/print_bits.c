/* Prints the bits of results among which are numbers too small for a program whose compiler flushes them to
 * zero; fails where the library leaves the program's own floating-point mode otherwise than it found it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <wengert.h>

static volatile double smallest_normal = 2.2250738585072014e-308;

static int flushes_to_zero(void) {
    const volatile double half = smallest_normal / 2;
    uint64_t bits;
    memcpy(&bits, (const void *)&half, sizeof bits);
    return bits == 0;
}

static void print(wg_var var) {
    const wg_tensor *value = wg_value(var);
    uint64_t bits[8];
    const size_t count = (size_t)wg_tensor_count(value);
    memcpy(bits, wg_tensor_data(value), count * sizeof bits[0]);
    for (size_t i = 0; i < count; i++) printf("%016" PRIx64 "\n", bits[i]);
}

int main(void) {
    const int before = flushes_to_zero();
    static const double data[8] = {3e-308, 1e-160, -4e-320, 0.1, 1e300, -7.5, 2e-310, 1e-5};
    wg_tape *tape = wg_tape_new();
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(8), data);
    wg_var square = wg_mul(x, x), half = wg_mul(x, wg_scalar(tape, 0.5)),
           small = wg_exp(wg_mul(x, wg_scalar(tape, 99.0)));
    wg_var total = wg_sum(half, WG_ALL_AXES), gradient = wg_grad(total, x);
    if (wg_eval(square, half, small, total, gradient)) return wg_report(stderr, tape);
    print(square), print(half), print(small), print(total), print(gradient);
    wg_tape_free(tape);
    return flushes_to_zero() != before;
}
