/* init — initial values of parameters, each a function of (seed, path, place of the element): the same
 * whatever else a program records, and on every machine, since none of it calls the C library's
 * mathematics. */
#define WG_VARIANT_ISA portable
#define WG_VARIANT_TYPE f64
#include "kernels/maths.h"

#include "base/random.h"
#include "nn/model.h"
#include <stdlib.h>

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
    switch (init) {
    case WG_HE_UNIFORM:
    case WG_HE_NORMAL:
        return 2 / fan_in;
    case WG_GLOROT_UNIFORM:
    case WG_GLOROT_NORMAL:
        return 2 / (fan_in + fan_out);
    case WG_LECUN_UNIFORM:
    case WG_LECUN_NORMAL:
        return 1 / fan_in;
    case WG_INIT_UNIFORM:
        return 1.0 / 3;
    default:
        return 1;
    }
}

static bool is_uniform(wg_init init) {
    return init == WG_HE_UNIFORM || init == WG_GLOROT_UNIFORM || init == WG_LECUN_UNIFORM ||
           init == WG_INIT_UNIFORM;
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

static void fill(wg_tensor *tensor, double value) {
    for (int64_t i = 0, count = wg_tensor_count(tensor); i < count; i++) store(tensor, i, value);
}

/* Normal numbers beyond 2 are drawn again, with the next counter. */
static double draw(wg_init init, uint64_t key, int64_t element) {
    for (uint64_t again = 0;; again++) {
        const wg_random4 bits = wg_philox(key, (uint64_t)element, FOR_INITIAL_VALUES + (again << 32));
        const double value = is_uniform(init) ? draw_uniform(bits) : draw_normal(bits);
        if (init != WG_INIT_TRUNCATED || (value >= -2 && value <= 2)) return value;
    }
}

static double product(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* Gram-Schmidt, in which each vector is freed of those before it twice: once leaves what rounding makes
 * (Giraud, Langou & Rozloznik 2005, Comput. Math. Appl. 50). Vectors of normal numbers leave each direction
 * alike. */
static void orthonormalise(double *vectors, int64_t count, int64_t length) {
    for (int64_t i = 0; i < count; i++) {
        double *v = vectors + i * length;
        for (int64_t pass = 0; pass < 2; pass++)
            for (int64_t k = 0; k < i; k++) {
                const double *u = vectors + k * length, part = product(u, v, length);
                for (int64_t j = 0; j < length; j++) v[j] -= part * u[j];
            }
        const double norm = wg_sqrt_f64(product(v, v, length));
        for (int64_t j = 0; j < length; j++) v[j] /= norm;
    }
}

static int fill_orthogonal(wg_tensor *tensor, double scale, uint64_t key, wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    const int64_t elements = wg_tensor_count(tensor);
    if (!elements) return WG_OK;
    const int64_t rows = type.rank ? type.extent[0] : 1, columns = elements / rows;
    const bool by_rows = rows <= columns;
    const int64_t count = by_rows ? rows : columns, length = by_rows ? columns : rows;
    double *vectors = malloc((size_t)elements * sizeof *vectors);
    if (!vectors) return wg_error_set(error, WG_ERROR_MEMORY, "out of memory");
    for (int64_t i = 0; i < elements; i++) vectors[i] = draw(WG_ORTHOGONAL, key, i);
    orthonormalise(vectors, count, length);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column++) {
            const int64_t at = by_rows ? row * length + column : column * length + row;
            store(tensor, row * columns + column, scale * vectors[at]);
        }
    free(vectors);
    return WG_OK;
}

int wg_init_fill(wg_tensor *tensor, wg_init init, double scale, uint64_t seed, const char *path,
                 wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    const uint64_t key = wg_random_key(seed, path);
    if (init == WG_ORTHOGONAL) return fill_orthogonal(tensor, scale, key, error);
    if (init < WG_HE_UNIFORM) return fill(tensor, init == WG_INIT_ONES ? scale : 0), WG_OK;
    const double deviation = wg_sqrt_f64(variance_of(init, &type)) * scale;
    const double factor = is_uniform(init) ? deviation * wg_sqrt_f64(3) : deviation;
    for (int64_t i = 0, count = wg_tensor_count(tensor); i < count; i++)
        store(tensor, i, factor * draw(init, key, i));
    return WG_OK;
}
