/* conv2d, tuned — the image's planes are copied with zeros around them, split by the stride's phases, so that
 * tap (c, u, v) of output (i, j) lies at a fixed distance from that of the output before it; see correlate.h.
 *
 *     pixel (s i + d u - p, s j + d v - p) of channel c is element [i + d u / s][j + d v / s] of the plane of
 *     phase (d u mod s, d v mod s), whose element [q][r] is pixel (s q + phase - p, s r + phase - p)
 *
 * A unit is a group of filters on so many images that packing the weights costs little beside using them. */
#include "kernels/cpu/correlate.h"
#include "kernels/cpu/swap.h"
#include "kernels/table.h"

typedef struct layout {
    wg_convolution c;
    int64_t rows, columns, plane, planes; /* a phase's plane; planes of a channel */
    int64_t terms, source, weights, sums; /* elements, aligned */
    int64_t pack;                         /* filters side by side */
    int64_t images;                       /* of a unit */
} layout;

static layout layout_of(const wg_call *call) {
    const wg_operand *in = call->inputs;
    layout l = {.c = wg_convolution_of(call, &in[0].type, &in[1].type, &call->outputs[0].type)};
    const wg_convolution *c = &l.c;
    l.rows = c->out[0] + (c->taps[0] - 1) * c->dilation[0] / c->stride[0];
    l.columns = c->out[1] + (c->taps[1] - 1) * c->dilation[1] / c->stride[1];
    l.plane = l.rows * l.columns;
    l.planes = c->stride[0] * c->stride[1];
    l.terms = c->channels * c->taps[0] * c->taps[1];
    l.source = aligned_count(c->channels * l.planes * l.plane + SLACK);
    l.pack = correlation_pack(l.terms, c->filters, c->out[0], c->out[1], l.columns);
    l.weights = aligned_count(whole(c->filters, l.pack) * l.terms);
    l.sums = aligned_count(correlation_sums(l.pack, c->out[0], c->out[1]));
    l.images = correlation_images(c->out[0] * c->out[1]);
    return l;
}

static bool applies(const wg_call *call) {
    const wg_operand *in = call->inputs;
    const wg_convolution c = wg_convolution_of(call, &in[0].type, &in[1].type, &call->outputs[0].type);
    return planes_fit(&c, c.channels);
}

static int64_t units(const wg_call *call) {
    const layout l = layout_of(call);
    return l.c.groups * ((l.c.images + l.images - 1) / l.images);
}

/* Of several groups the units come one after the other, and what they write does not. */
static int64_t begins(const wg_call *call, int64_t unit) {
    const layout l = layout_of(call);
    return l.c.groups == 1 ? unit * l.images * l.c.filters * l.c.out[0] * l.c.out[1] : -1;
}

static size_t workspace(const wg_call *call) {
    const layout l = layout_of(call);
    return (size_t)(l.source + l.weights + l.sums) * sizeof(real) + (size_t)l.terms * sizeof(int64_t);
}

/* In the order of terms: channel, row and column of the tap. */
static void place_terms(const layout *l, int64_t *offset) {
    const wg_convolution *c = &l->c;
    for (int64_t channel = 0; channel < c->channels; channel++)
        for (int64_t u = 0; u < c->taps[0]; u++)
            for (int64_t v = 0; v < c->taps[1]; v++) {
                const int64_t down = u * c->dilation[0], right = v * c->dilation[1];
                const int64_t phase = down % c->stride[0] * c->stride[1] + right % c->stride[1];
                *offset++ = (channel * l->planes + phase) * l->plane + down / c->stride[0] * l->columns +
                            right / c->stride[1];
            }
}

/* to[f / pack][t][f % pack] = weight[f][t], zeros behind the last filter. */
static void pack_weights(const layout *l, const real *weight, real *to) {
    for (int64_t first = 0; first < l->c.filters; first += l->pack, to += l->pack * l->terms) {
        const int64_t left = l->c.filters - first, filled = left < l->pack ? left : l->pack;
        wg_swap(to, l->pack, weight + first * l->terms, l->terms, l->terms, filled);
        for (int64_t t = 0; t < l->terms && filled < l->pack; t++)
            for (int64_t f = filled; f < l->pack; f++) to[t * l->pack + f] = 0;
    }
}

static void pack_image(const layout *l, const real *image, real *to) {
    const wg_convolution *c = &l->c;
    for (int64_t channel = 0; channel < c->channels; channel++, image += c->in[0] * c->in[1])
        for (int64_t a = 0; a < c->stride[0]; a++)
            for (int64_t b = 0; b < c->stride[1]; b++, to += l->plane) {
                const int64_t from[2] = {a - c->padding[0], b - c->padding[1]};
                pack_plane(to, l->rows, l->columns, image, c->in, from, c->stride);
            }
}

static void run(const wg_call *call) {
    const layout l = layout_of(call);
    const wg_convolution *c = &l.c;
    const real *bias = call->input_count > 2 ? WG_IN(call, 2, real) : NULL;
    const int64_t in = c->channels * c->in[0] * c->in[1], out = c->out[0] * c->out[1];
    const int64_t runs = (c->images + l.images - 1) / l.images;
    real *source = call->workspace, *weights = source + l.source, *sums = weights + l.weights;
    int64_t *offset = (int64_t *)(void *)(sums + l.sums), packed = -1;
    place_terms(&l, offset);
    memset(source, 0, (size_t)l.source * sizeof(real)); /* what is not overwritten stays 0 */
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t group = unit / runs, first = unit % runs * l.images;
        const int64_t last = first + l.images < c->images ? first + l.images : c->images;
        if (packed != group) pack_weights(&l, WG_IN(call, 1, real) + group * c->filters * l.terms, weights);
        packed = group;
        for (int64_t n = first; n < last; n++) {
            pack_image(&l, WG_IN(call, 0, real) + (n * c->groups + group) * in, source);
            wg_correlate(
                &(correlation){.terms = l.terms,
                               .filters = c->filters,
                               .rows = c->out[0],
                               .columns = c->out[1],
                               .pitch = l.columns,
                               .source = source,
                               .offset = offset,
                               .weight = weights,
                               .pack = l.pack,
                               .sums = sums,
                               .bias = bias ? bias + group * c->filters : NULL,
                               .y = WG_OUT(call, 0, real) + (n * c->groups + group) * c->filters * out,
                               .y_filter = out,
                               .y_row = c->out[1],
                               .y_column = 1});
        }
    }
}

const wg_kernel WG_VARIANT(wg_tuned_conv2d_planes) = {
    .name = "conv2d: planes", .applies = applies, .units = units, .begins = begins, .workspace = workspace, .run = run};
