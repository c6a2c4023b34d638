/* naive_pool — pooling along one to three axes, and its transposes, tap by tap. */
#include "naive.h"
#include <math.h>
#include <string.h>

typedef struct {
    int axes;
    int64_t kernel[3], stride[3], front[3], back[3], dilation[3];
    bool ceil_mode;
} window;

/* The attributes for an image, with numbers for auto_pad, as ONNX MaxPool says. */
static window read_window(const naive_call *call, const wg_type *x) {
    window w = {.axes = x->rank - 2, .ceil_mode = naive_bool(call, "ceil_mode")};
    const int64_t mode = naive_int(call, "auto_pad", 0);
    for (int i = 0; i < w.axes; i++) {
        w.kernel[i] = naive_int(call, "kernel", i), w.stride[i] = naive_int(call, "stride", i);
        w.front[i] = naive_int(call, "padding", i), w.back[i] = naive_int(call, "padding", w.axes + i);
        w.dilation[i] = naive_int(call, "dilation", i);
        if (!mode) continue;
        const int64_t in = x->extent[2 + i], strides = (in + w.stride[i] - 1) / w.stride[i];
        int64_t total = (strides - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1 - in;
        if (total < 0 || mode == 3) total = 0;
        w.front[i] = mode == 2 ? (total + 1) / 2 : total / 2;
        w.back[i] = total - w.front[i];
    }
    return w;
}

/* Windows begin in the image or in the padding in front, and end in the padding behind at most, or, by
 * ceil_mode, begin before that. */
static wg_type windows_of(const wg_type *x, const window *w) {
    wg_type type = *x;
    for (int i = 0; i < w->axes; i++) {
        const int64_t end = x->extent[2 + i] + w->back[i], reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
        int64_t count = 0;
        for (int64_t start = -w->front[i]; start < x->extent[2 + i]; start += w->stride[i], count++) {
            const int64_t before = start - w->stride[i] + reach; /* the end of the window before */
            if (start + reach > end && !(w->ceil_mode && before < end && count)) break;
        }
        type.extent[2 + i] = count;
    }
    return type;
}

static bool is_adaptive(const naive_call *call) { return strncmp(call->op->name, "adaptive", 8) == 0; }

/* Any element of the image may be a tap of an adaptive window. */
wg_type naive_taps(const naive_call *call, const wg_type *x) {
    wg_type taps = {.dtype = WG_F64, .rank = x->rank - 2};
    for (int i = 0; i < taps.rank; i++)
        taps.extent[i] = is_adaptive(call) ? x->extent[2 + i] : naive_int(call, "kernel", i);
    return taps;
}

/* Is the element of the image in window `at`: floor(i in / out) <= element < ceil((i + 1) in / out)? */
static int64_t adaptive_tap(const naive_call *call, const wg_type *x, const int64_t *at, const int64_t *element) {
    int64_t place[WG_MAX_RANK] = {at[0], at[1]};
    for (int i = 0; i < x->rank - 2; i++) {
        const int64_t in = x->extent[2 + i], out = naive_int(call, "size", i);
        place[2 + i] = element[i];
        if ((element[i] + 1) * out <= at[2 + i] * in || element[i] * out >= (at[2 + i] + 1) * in) return -1;
    }
    return naive_at(x, place);
}

int64_t naive_tap(const naive_call *call, const wg_type *x, const int64_t *at, const int64_t *tap) {
    if (is_adaptive(call)) return adaptive_tap(call, x, at, tap);
    const window w = read_window(call, x);
    int64_t place[WG_MAX_RANK] = {at[0], at[1]};
    for (int i = 0; i < w.axes; i++) {
        place[2 + i] = at[2 + i] * w.stride[i] + tap[i] * w.dilation[i] - w.front[i];
        if (place[2 + i] < 0 || place[2 + i] >= x->extent[2 + i]) return -1;
    }
    return naive_at(x, place);
}

static int64_t pixels_of(const wg_type *x) {
    int64_t pixels = 1;
    for (int i = 2; i < x->rank; i++) pixels *= x->extent[i];
    return pixels;
}

static void max_pool(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const wg_type taps = naive_taps(call, &x->type);
    wg_type type = x->type;
    if (is_adaptive(call)) {
        for (int i = 2; i < type.rank; i++) type.extent[i] = naive_int(call, "size", i - 2);
    } else {
        const window w = read_window(call, &x->type);
        type = windows_of(&x->type, &w);
    }
    wg_type place_type = type;
    place_type.dtype = WG_I32;
    naive_array *y = naive_output(call, 0, type), *places = naive_output(call, 1, place_type);
    call->roundings = 0;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        bool found = false;
        for (naive_index tap = naive_first(&taps); tap.more; naive_next(&tap)) {
            const int64_t at = naive_tap(call, &x->type, i.at, tap.at);
            if (at < 0) continue;
            const naive_real best = y->value[i.number], candidate = x->value[at];
            if (found && (isnan(best) || !(candidate > best || isnan(candidate)))) continue;
            naive_set(y, i.number, candidate);
            naive_set(places, i.number, (naive_real)(at % pixels_of(&x->type)));
            found = true;
        }
    }
}

/* What the sum of a window is divided by: taps in the image, or in the padding too, or a number. */
static naive_real divisor(const naive_call *call, const wg_type *x, const window *w, const int64_t *at) {
    if (naive_int(call, "divisor_override", 0)) return (naive_real)naive_int(call, "divisor_override", 0);
    const bool padding = naive_bool(call, "count_include_pad");
    int64_t count = 1;
    for (int i = 0; i < w->axes; i++) {
        int64_t taps = 0;
        for (int64_t tap = 0; tap < w->kernel[i]; tap++) {
            const int64_t place = at[2 + i] * w->stride[i] + tap * w->dilation[i] - w->front[i];
            taps += place >= (padding ? -w->front[i] : 0) && place < x->extent[2 + i] + (padding ? w->back[i] : 0);
        }
        count *= taps;
    }
    return (naive_real)count;
}

/* Of the mean and of its transpose: adds x[tap] / m to y[window], or the other way round. */
static void each_tap(naive_call *call, const wg_type *image, const wg_type *windows, bool transposed) {
    const window w = read_window(call, image);
    const wg_type taps = naive_taps(call, image);
    const naive_array *x = &call->inputs[0];
    for (naive_index i = naive_first(windows); i.more; naive_next(&i)) {
        const naive_real m = divisor(call, image, &w, i.at);
        for (naive_index tap = naive_first(&taps); tap.more; naive_next(&tap)) {
            const int64_t at = naive_tap(call, image, i.at, tap.at);
            if (at < 0) continue;
            naive_add(&call->outputs[0], transposed ? at : i.number, x->value[transposed ? i.number : at] / m);
        }
    }
    call->roundings = 3;
    for (naive_index tap = naive_first(&taps); tap.more; naive_next(&tap)) call->roundings++;
}

static void avg_pool(naive_call *call) {
    const wg_type *x = &call->inputs[0].type;
    const window w = read_window(call, x);
    const wg_type windows = windows_of(x, &w);
    naive_output(call, 0, windows);
    each_tap(call, x, &windows, false);
}

static void avg_pool_grad(naive_call *call) {
    const wg_type *dy = &call->inputs[0].type;
    wg_type image = *dy;
    for (int i = 0; i < dy->rank - 2; i++) image.extent[2 + i] = naive_int(call, "size", i);
    naive_output(call, 0, image);
    each_tap(call, &image, dy, true);
}

/* Index or, of type u8, offset within the window. */
static int64_t place_in_plane(const naive_call *call, const naive_array *places, const naive_index *i) {
    const int64_t at = (int64_t)places->value[i->number];
    if (places->type.dtype != WG_U8) return at;
    const int64_t width = naive_int(call, "kernel", 1);
    return (naive_int(call, "stride", 0) * i->at[2] - naive_int(call, "padding", 0) +
            at / width * naive_int(call, "dilation", 0)) *
               naive_int(call, "size", 1) +
           naive_int(call, "stride", 1) * i->at[3] - naive_int(call, "padding", 1) +
           at % width * naive_int(call, "dilation", 1);
}

static void max_pool2d_offset(naive_call *call) {
    const naive_array *places = &call->inputs[0];
    wg_type type = places->type;
    type.dtype = WG_U8;
    naive_array *y = naive_output(call, 0, type);
    const int64_t size = naive_int(call, "size", 1);
    call->roundings = 0;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        const int64_t at = (int64_t)places->value[i.number];
        const int64_t u = at / size + naive_int(call, "padding", 0) - naive_int(call, "stride", 0) * i.at[2],
                      v = at % size + naive_int(call, "padding", 1) - naive_int(call, "stride", 1) * i.at[3];
        naive_set(y, i.number, (naive_real)(u / naive_int(call, "dilation", 0) * naive_int(call, "kernel", 1) + v / naive_int(call, "dilation", 1)));
    }
}

/* dx[n, c, index[n, c, i, j]] += dy[n, c, i, j] */
static void max_pool2d_scatter(naive_call *call) {
    const naive_array *dy = &call->inputs[0], *places = &call->inputs[1];
    wg_type image = dy->type;
    for (int i = 0; i < 2; i++) image.extent[2 + i] = naive_int(call, "size", i);
    naive_array *dx = naive_output(call, 0, image);
    call->roundings = (naive_real)pixels_of(&dy->type);
    for (naive_index i = naive_first(&dy->type); i.more; naive_next(&i))
        naive_add(dx, (i.at[0] * image.extent[1] + i.at[1]) * pixels_of(&image) + place_in_plane(call, places, &i),
                  dy->value[i.number]);
}

static void max_pool2d_gather(naive_call *call) {
    const naive_array *x = &call->inputs[0], *places = &call->inputs[1];
    wg_type type = places->type;
    type.dtype = x->type.dtype;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i))
        naive_set(y, i.number,
                  x->value[(i.at[0] * type.extent[1] + i.at[1]) * pixels_of(&x->type) +
                           place_in_plane(call, places, &i)]);
}

static void lp_pool(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const window w = read_window(call, &x->type);
    const wg_type taps = naive_taps(call, &x->type), windows = windows_of(&x->type, &w);
    const naive_real p = naive_number(call, "p");
    naive_array *y = naive_output(call, 0, windows);
    for (naive_index i = naive_first(&windows); i.more; naive_next(&i)) {
        naive_real sum = 0;
        for (naive_index tap = naive_first(&taps); tap.more; naive_next(&tap)) {
            const int64_t at = naive_tap(call, &x->type, i.at, tap.at);
            if (at >= 0) sum += powl(fabsl(x->value[at]), p);
        }
        naive_set(y, i.number, powl(sum, 1 / p));
    }
    call->roundings = 12; /* pow is within 4; means have few terms */
    for (naive_index tap = naive_first(&taps); tap.more; naive_next(&tap)) call->roundings++;
}

/* Everything in a plane is summed or compared. */
static void global_pool(naive_call *call, naive_real p) {
    const naive_array *x = &call->inputs[0];
    wg_type type = x->type;
    for (int i = 2; i < type.rank; i++) type.extent[i] = 1;
    naive_array *y = naive_output(call, 0, type);
    const int64_t pixels = pixels_of(&x->type);
    for (int64_t i = 0; i < x->count; i++) {
        const naive_real size = fabsl(x->value[i]);
        naive_real *sum = &y->value[i / pixels];
        if (isinf(p))
            *sum = i % pixels == 0 || x->value[i] > *sum ? x->value[i] : *sum;
        else
            *sum += p > 0 ? powl(size, p) : x->value[i] / (naive_real)pixels;
        y->size[i / pixels] += p > 0 ? 0 : size / (naive_real)pixels;
    }
    for (int64_t i = 0; i < y->count && p > 0 && !isinf(p); i++) naive_set(y, i, powl(y->value[i], 1 / p));
    call->roundings = isinf(p) ? 0 : 12 + (naive_real)pixels;
}
static void global_avg_pool(naive_call *call) { global_pool(call, 0); }
static void global_max_pool(naive_call *call) { global_pool(call, INFINITY); }
static void global_lp_pool(naive_call *call) { global_pool(call, naive_number(call, "p")); }

static void max_unpool(naive_call *call) {
    const naive_array *x = &call->inputs[0], *places = &call->inputs[1];
    wg_type image = x->type;
    const int axes = image.rank - 2;
    for (int i = 0; i < axes; i++) {
        const int64_t size = naive_int(call, "size", i);
        image.extent[2 + i] = size ? size
                                   : (image.extent[2 + i] - 1) * naive_int(call, "stride", i) +
                                         naive_int(call, "kernel", i) - naive_int(call, "padding", i) -
                                         naive_int(call, "padding", axes + i);
    }
    naive_array *y = naive_output(call, 0, image);
    const int64_t windows = pixels_of(&x->type), pixels = pixels_of(&image);
    call->roundings = (naive_real)windows;
    for (int64_t i = 0; i < x->count; i++)
        naive_add(y, i / windows * pixels + (int64_t)places->value[i], x->value[i]);
}

const naive_entry naive_pool[] = {
    {"lp_pool1d", lp_pool},
    {"lp_pool2d", lp_pool},
    {"lp_pool3d", lp_pool},
    {"global_avg_pool", global_avg_pool},
    {"global_max_pool", global_max_pool},
    {"global_lp_pool", global_lp_pool},
    {"max_unpool1d", max_unpool},
    {"max_unpool2d", max_unpool},
    {"max_unpool3d", max_unpool},
    {"adaptive_max_pool1d", max_pool},
    {"adaptive_max_pool2d", max_pool},
    {"adaptive_max_pool3d", max_pool},
    {"max_pool1d", max_pool},
    {"max_pool2d", max_pool},
    {"max_pool3d", max_pool},
    {"max_pool2d_scatter", max_pool2d_scatter},
    {"max_pool2d_gather", max_pool2d_gather},
    {"max_pool2d_offset", max_pool2d_offset},
    {"avg_pool1d", avg_pool},
    {"avg_pool2d", avg_pool},
    {"avg_pool3d", avg_pool},
    {"avg_pool1d_grad", avg_pool_grad},
    {"avg_pool2d_grad", avg_pool_grad},
    {"avg_pool3d_grad", avg_pool_grad},
    {NULL, NULL},
};
