/* values — the numbers that fill the inputs of a case: a function of seed, case, input and element,
 * the same on every machine and in every order of asking. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>

/* SplitMix64's finaliser: Steele, Lea & Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014, with Stafford's constants (variant 13). */
static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t wg_check_bits(uint64_t seed, uint64_t sample, uint64_t input, uint64_t index) {
    const uint64_t step = 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio, made odd */
    uint64_t z = mix(seed + step);
    z = mix(z + sample * step + 1);
    z = mix(z + input * step + 2);
    return mix(z + index * step + 3);
}

/* In (0, 1), never 0. */
static double unit(uint64_t bits) { return ((double)(bits >> 11) + 0.5) * 0x1p-53; }

/* The sum of twelve uniform numbers less six has mean 0 and variance 1, and unlike Box and Muller's
 * formula it calls no function that rounds differently elsewhere. */
double wg_check_normal(uint64_t seed, uint64_t sample, uint64_t input, uint64_t index) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += unit(wg_check_bits(seed, sample, input, 16 * index + (uint64_t)i));
    return sum;
}

typedef struct {
    uint64_t seed, sample, input;
    const wg_sample_input *what;
    wg_dtype dtype;
    wg_type type;
    int64_t count;
    int64_t *order; /* a permutation, for WG_DISTINCT */
} source;

/* Equally spaced numbers in random order. Without bounds they are 3/8 apart and start where no number
 * of this input, of the two before and after it, or 0 is closer than 1/16. */
static double distinct(const source *from, int64_t index) {
    const double place = (double)from->order[index];
    const double low = from->what->low, high = from->what->high;
    if (low < high) return low + (high - low) * (place + 0.5) / (double)from->count;
    const double shift = (2 * (double)(from->input % 3) + 1) / 16;
    return 0.375 * (place - (double)(from->count / 2)) + shift;
}

static double whole(const source *from, int64_t index, double low, double high) {
    const uint64_t bits = wg_check_bits(from->seed, from->sample, from->input, (uint64_t)index);
    return floor(low) + floor(unit(bits) * (floor(high) - floor(low) + 1));
}

/* n is the larger extent of a matrix, so that n - 1 numbers below 1/n lie beside each on the diagonal. */
static double of_matrix(const source *from, int64_t index, double u) {
    const int rank = from->type.rank;
    const int64_t columns = rank > 0 ? from->type.extent[rank - 1] : 1;
    const int64_t rows = rank > 1 ? from->type.extent[rank - 2] : 1, n = wg_max_int(rows, columns);
    const int64_t matrix = index / (rows * columns), row = index / columns % rows, column = index % columns;
    const bool moved = from->what->values == WG_INVERTIBLE;
    const uint64_t place = moved ? from->sample + (uint64_t)matrix : 0;
    return (row + (int64_t)(place % (uint64_t)rows)) % rows == column ? 1 + u : (2 * u - 1) / (double)n;
}

static double draw(const source *from, int64_t index) {
    const double low = from->what->low, high = from->what->high;
    const bool bounds = low < high;
    const uint64_t i = (uint64_t)index;
    switch (from->what->values) {
    case WG_UNIFORM: {
        const double u = unit(wg_check_bits(from->seed, from->sample, from->input, i));
        return bounds ? low + (high - low) * u : u;
    }
    case WG_DISTINCT:
        return distinct(from, index);
    case WG_TIES:
        return bounds ? whole(from, index, low, high) : whole(from, index, -2, 2);
    case WG_INTEGERS:
        return whole(from, index, low, high);
    case WG_ALL_EQUAL:
        return low;
    case WG_DOMINANT:
    case WG_INVERTIBLE:
        return of_matrix(from, index, unit(wg_check_bits(from->seed, from->sample, from->input, i)));
    case WG_NORMAL:
    default:
        return wg_check_normal(from->seed, from->sample, from->input, i);
    }
}

/* Normal numbers are rounded to whole ones that seldom are all alike, and for bool to their sign. */
static void store(const source *from, int64_t index, void *data) {
    const bool normal = from->what->values == WG_NORMAL;
    const double x = draw(from, index);
    const double integer = rint(normal ? 3 * x : x);
    switch (from->dtype) {
    case WG_F32:
        ((float *)data)[index] = (float)x;
        break;
    case WG_F64:
        ((double *)data)[index] = (float)x;
        break;
    case WG_I32:
        ((int32_t *)data)[index] = (int32_t)integer;
        break;
    case WG_I64:
        ((int64_t *)data)[index] = (int64_t)integer;
        break;
    case WG_U8:
        ((uint8_t *)data)[index] = (uint8_t)fmin(fabs(integer), 255);
        break;
    case WG_BOOL:
        ((uint8_t *)data)[index] = normal ? x > 0 : integer != 0;
        break;
    case WG_NO_DTYPE:
    case WG_BF16:
        break;
    }
}

/* Fisher and Yates' shuffle. */
static int64_t *permutation(const source *from) {
    int64_t *order = malloc((size_t)wg_max_int(from->count, 1) * sizeof *order);
    if (!order) return NULL;
    for (int64_t i = 0; i < from->count; i++) {
        const uint64_t bits = wg_check_bits(from->seed, from->sample, from->input, (uint64_t)i);
        const int64_t j = (int64_t)(bits % (uint64_t)(i + 1));
        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

wg_tensor *wg_case_tensor(const wg_case *sample, int input, wg_dtype real, uint64_t seed, wg_error *error) {
    if (!sample) {
        wg_error_set(error, WG_ERROR_TAPE, "wg_case_tensor: the case is NULL");
        return NULL;
    }
    if (input < 0 || input >= sample->input_count) {
        wg_error_set(error, WG_ERROR_ATTRIBUTE, "wg_case_tensor: the case has %d inputs, not one numbered %d",
                     sample->input_count, input);
        return NULL;
    }
    const wg_sample_input *what = &sample->inputs[input];
    if (what->absent) return NULL;
    const wg_dtype dtype = what->dtype ? what->dtype : real;
    wg_tensor *tensor = wg_tensor_new(dtype, what->shape ? what->shape : WG_SCALAR_SHAPE, error);
    if (!tensor) return NULL;
    source from = {.seed = seed,
                   .sample = (uint64_t)sample->number,
                   .input = (uint64_t)input,
                   .what = what,
                   .dtype = dtype,
                   .type = wg_tensor_type(tensor),
                   .count = wg_tensor_count(tensor)};
    if (what->values == WG_DISTINCT && !(from.order = permutation(&from))) {
        wg_error_set(error, WG_ERROR_MEMORY, "wg_case_tensor: no memory");
        wg_tensor_free(tensor);
        return NULL;
    }
    for (int64_t i = 0; i < from.count; i++) store(&from, i, wg_tensor_writable(tensor));
    free(from.order);
    return tensor;
}
