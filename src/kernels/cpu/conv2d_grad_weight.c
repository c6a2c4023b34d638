/* conv2d_grad_weight, tuned — for a strip of STRIP filters at once,
 *
 *     dw[k, t] = sum_n sum_ij dy[n, ij, k] x[n, ij + tap t]
 *
 * dy is turned so that the filters of a pixel lie side by side and fill vectors; x lies in planes with zeros
 * around. A tile of TILE_TERMS taps by TILE_VECTORS vectors of filters stays in registers over a block of
 * pixels; the blocks of an image, the images of a part, and the parts are added in order (blocks.h).
 *
 * A unit is a strip of filters of a group and a share of its terms. */
#include "kernels/cpu/blocks.h"
#include "kernels/cpu/planes.h"
#include "kernels/cpu/swap.h"
#include "kernels/table.h"

enum {
    STRIP = 16,
    SHARE = 144, /* terms of a unit: dy is turned anew in each */
    TILE_TERMS = VEC_REGISTERS == 32 ? 12 : 6,
    TILE_VECTORS = STRIP / VEC_LANES < 2 ? 1 : 2,
    TILE_FILTERS = TILE_VECTORS * VEC_LANES
};

typedef struct layout {
    wg_convolution c;
    int64_t rows, columns, plane; /* of x with zeros around */
    int64_t pixels, taps, terms;
    int64_t strips, shares; /* of a group; shares of the terms */
    int64_t channels;       /* whose planes a share of terms reads, at most */
} layout;

static layout layout_of(const wg_call *call) {
    const wg_operand *in = call->inputs;
    layout l = {.c = wg_convolution_of(call, &in[0].type, &call->outputs[0].type, &in[1].type)};
    const wg_convolution *c = &l.c;
    l.rows = (c->out[0] - 1) * c->stride[0] + (c->taps[0] - 1) * c->dilation[0] + 1;
    l.columns = (c->out[1] - 1) * c->stride[1] + (c->taps[1] - 1) * c->dilation[1] + 1;
    l.plane = l.rows * l.columns;
    l.pixels = c->out[0] * c->out[1];
    l.taps = c->taps[0] * c->taps[1];
    l.terms = c->channels * l.taps;
    l.strips = (c->filters + STRIP - 1) / STRIP;
    l.shares = (l.terms + SHARE - 1) / SHARE;
    const int64_t most = (SHARE + l.taps - 2) / l.taps + 1;
    l.channels = most < c->channels ? most : c->channels;
    return l;
}

static bool applies(const wg_call *call) {
    const wg_operand *in = call->inputs;
    const wg_convolution c = wg_convolution_of(call, &in[0].type, &call->outputs[0].type, &in[1].type);
    return planes_fit(&c, c.channels);
}

static int64_t units(const wg_call *call) {
    const layout l = layout_of(call);
    return l.c.groups * l.strips * l.shares;
}

/* Planes of x, dy turned, the sums of a unit's terms, and where each pixel lies in a plane. */
static size_t workspace(const wg_call *call) {
    const layout l = layout_of(call);
    const int64_t sums = (SHARE + TILE_TERMS) * STRIP;
    return (size_t)(aligned_count(l.channels * l.plane) + l.pixels * STRIP + sums) * sizeof(real) +
           (size_t)l.pixels * sizeof(int64_t);
}

static void pack_x(const layout *l, const real *x, int64_t channels, real *to) {
    static const int64_t step[2] = {1, 1};
    const int64_t from[2] = {-l->c.padding[0], -l->c.padding[1]};
    for (int64_t channel = 0; channel < channels; channel++, x += l->c.in[0] * l->c.in[1], to += l->plane)
        pack_plane(to, l->rows, l->columns, x, l->c.in, from, step);
}

/* to[pixel][k] = dy[k][pixel] for the strip's filters, zeros behind the last one. */
static void turn_dy(const layout *l, const real *dy, int64_t filters, real *to) {
    wg_swap(to, STRIP, dy, l->pixels, l->pixels, filters);
    for (int64_t pixel = 0; filters < STRIP && pixel < l->pixels; pixel++)
        for (int64_t k = filters; k < STRIP; k++) to[pixel * STRIP + k] = 0;
}

/* A block of `count` pixels for TILE_TERMS terms: x of pixel i and term t lies at x[pixel[i] + offset[t]]. */
WG_INLINE void sum_block(const real *x, const int64_t *pixel, const int64_t *offset, const real *dy,
                         int64_t count, vec sum[TILE_TERMS][TILE_VECTORS]) {
    vec chain[TILE_TERMS][TILE_VECTORS]; /* apart from `sum`, so that it stays in registers */
    for (int t = 0; t < TILE_TERMS; t++)
        for (int v = 0; v < TILE_VECTORS; v++) chain[t][v] = (vec){0};
    for (int64_t i = 0; i < count; i++, dy += STRIP) {
        const real *at = x + pixel[i];
        vec d[TILE_VECTORS];
        for (int v = 0; v < TILE_VECTORS; v++) d[v] = vec_load(dy + v * VEC_LANES);
        for (int t = 0; t < TILE_TERMS; t++) {
            const vec value = vec_all(at[offset[t]]);
            for (int v = 0; v < TILE_VECTORS; v++) chain[t][v] = vec_fma(value, d[v], chain[t][v]);
        }
    }
    for (int t = 0; t < TILE_TERMS; t++)
        for (int v = 0; v < TILE_VECTORS; v++) sum[t][v] = chain[t][v];
}

/* Adds an image to the sums of `terms` terms, or begins them with it. */
static void add_image(const layout *l, const real *x, const int64_t *pixel, const int64_t *offset,
                      const real *dy, int64_t terms, bool begin, real *sums) {
    for (int64_t t = 0; t < terms; t += TILE_TERMS)
        for (int64_t k = 0; k < STRIP; k += TILE_FILTERS)
            for (int64_t first = 0; first < l->pixels; first += WG_K_BLOCK) {
                const int64_t count = l->pixels - first < WG_K_BLOCK ? l->pixels - first : WG_K_BLOCK;
                vec block[TILE_TERMS][TILE_VECTORS];
                sum_block(x, pixel + first, offset + t, dy + first * STRIP + k, count, block);
                for (int i = 0; i < TILE_TERMS; i++)
                    for (int v = 0; v < TILE_VECTORS; v++) {
                        real *sum = sums + (t + i) * STRIP + k + v * VEC_LANES;
                        vec_store(sum, begin && first == 0 ? block[i][v] : vec_load(sum) + block[i][v]);
                    }
            }
}

/* Adds the sums of a part to those of the parts before it, or begins with them. */
static void add_part(const layout *l, const real *sums, int64_t filters, int64_t terms, bool begin,
                     real *dw) {
    for (int64_t k = 0; k < filters; k++, dw += l->terms)
        for (int64_t t = 0; t < terms; t++) dw[t] = begin ? sums[t * STRIP + k] : dw[t] + sums[t * STRIP + k];
}

static void run_unit(const wg_call *call, const layout *l, int64_t unit) {
    const wg_convolution *c = &l->c;
    const int64_t group = unit / (l->strips * l->shares), strip = unit / l->shares % l->strips;
    const int64_t first = unit % l->shares * SHARE, left = l->terms - first,
                  terms = left < SHARE ? left : SHARE;
    const int64_t filter = strip * STRIP, filters = c->filters - filter < STRIP ? c->filters - filter : STRIP;
    const int64_t channel = first / l->taps, channels = (first + terms - 1) / l->taps + 1 - channel;
    real *x = call->workspace, *dy = x + aligned_count(l->channels * l->plane),
         *sums = dy + l->pixels * STRIP;
    int64_t offset[SHARE + TILE_TERMS];
    for (int64_t t = 0; t < terms + TILE_TERMS; t++) { /* behind the last one: any tap, the sum is dropped */
        const int64_t term = first + (t < terms ? t : 0), tap = term % l->taps;
        offset[t] = (term / l->taps - channel) * l->plane + tap / c->taps[1] * c->dilation[0] * l->columns +
                    tap % c->taps[1] * c->dilation[1];
    }
    int64_t *pixel = (int64_t *)(void *)(sums + (SHARE + TILE_TERMS) * STRIP);
    for (int64_t i = 0; i < l->pixels; i++)
        pixel[i] = i / c->out[1] * c->stride[0] * l->columns + i % c->out[1] * c->stride[1];
    memset(x, 0, (size_t)(l->channels * l->plane) * sizeof(real)); /* what is not overwritten stays 0 */
    memset(sums, 0, (size_t)(SHARE + TILE_TERMS) * STRIP * sizeof(real));
    real *dw = WG_OUT(call, 0, real) + (group * c->filters + filter) * l->terms + first;
    for (int64_t n = 0; n < c->images; n++) {
        pack_x(l,
               WG_IN(call, 0, real) + ((n * c->groups + group) * c->channels + channel) * c->in[0] * c->in[1],
               channels, x);
        turn_dy(l, WG_IN(call, 1, real) + ((n * c->groups + group) * c->filters + filter) * l->pixels,
                filters, dy);
        add_image(l, x, pixel, offset, dy, terms, n % WG_K_BLOCK == 0, sums);
        if (n + 1 == c->images || (n + 1) % WG_K_BLOCK == 0)
            add_part(l, sums, filters, terms, n < WG_K_BLOCK && !call->accumulate, dw);
    }
    if (c->images == 0 && !call->accumulate) add_part(l, sums, filters, terms, true, dw);
}

static void run(const wg_call *call) {
    const layout l = layout_of(call);
    for (int64_t unit = call->begin; unit < call->end; unit++) run_unit(call, &l, unit);
}

const wg_kernel WG_VARIANT(wg_tuned_conv2d_grad_weight_strips) = {.name = "conv2d_grad_weight: strips",
                                                                  .applies = applies,
                                                                  .units = units,
                                                                  .workspace = workspace,
                                                                  .run = run};
