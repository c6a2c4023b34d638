/* init — initial values of parameters, each a function of (seed, path, place of the element): the same
 * whatever else a program records, and on every machine, since none of it calls the C library's
 * mathematics. */
#define WG_VARIANT_ISA portable
#define WG_VARIANT_TYPE f64
#include "kernels/maths.h"

#include "base/random.h"
#include "nn/model.h"

/* Counters of the generator have two halves: the element's place, and what the numbers are for. */
enum { FOR_INITIAL_VALUES = 1 };

/* fan_in and fan_out, as wg_init describes them. */
static void count_fans(const wg_type *type, double *fan_in, double *fan_out) {
    *fan_in = *fan_out = 1;
    if (type->rank < 2) return;
    double window = 1;
    for (int i = 2; i < type->rank; i++) window *= (double)type->extent[i];
    *fan_in = (double)type->extent[1] * window;
    *fan_out = (double)type->extent[0] * window;
}

static double variance_of(wg_init init, const wg_type *type) {
    double fan_in, fan_out;
    count_fans(type, &fan_in, &fan_out);
    return init == WG_HE_UNIFORM || init == WG_HE_NORMAL ? 2 / fan_in : 2 / (fan_in + fan_out);
}

/* Uniform between -1 and 1, symmetric about 0: its variance is 1/3. */
static double draw_uniform(wg_random4 bits) {
    return 2 * (wg_uniform_f64(bits.word[0], bits.word[1]) + 0x1p-54) - 1;
}

/* Standard normal: Box & Muller 1958, Ann. Math. Statist. 29, of which one of two results is used. */
static double draw_normal(wg_random4 bits) {
    const double u = wg_uniform_f64(bits.word[0], bits.word[1]) + 0x1p-54;
    const double angle = wg_uniform_f64(bits.word[2], bits.word[3]) * 0x1.921fb54442d18p+2; /* 2 pi */
    return wg_sqrt_f64(-2 * wg_log_f64(u)) * wg_cos_f64(angle);
}

static void store(wg_tensor *tensor, int64_t index, double value) {
    void *data = wg_tensor_writable(tensor);
    if (wg_tensor_type(tensor).dtype == WG_F32)
        ((float *)data)[index] = (float)value;
    else
        ((double *)data)[index] = value;
}

void wg_init_fill(wg_tensor *tensor, wg_init init, uint64_t seed, const char *path) {
    const wg_type type = wg_tensor_type(tensor);
    const bool is_drawn = init >= WG_HE_UNIFORM, is_normal = init == WG_HE_NORMAL || init == WG_GLOROT_NORMAL;
    const double deviation = is_drawn ? wg_sqrt_f64(variance_of(init, &type)) : 0;
    const double limit = deviation * wg_sqrt_f64(3);
    const uint64_t key = wg_random_key(seed, path);
    for (int64_t i = 0, count = wg_tensor_count(tensor); i < count; i++) {
        double value = init == WG_INIT_ONES;
        if (is_drawn) {
            const wg_random4 bits = wg_philox(key, (uint64_t)i, FOR_INITIAL_VALUES);
            value = is_normal ? deviation * draw_normal(bits) : limit * draw_uniform(bits);
        }
        store(tensor, i, value);
    }
}
