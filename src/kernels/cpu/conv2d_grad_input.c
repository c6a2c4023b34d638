/* conv2d_grad_input, tuned — with h' = h + p = s q + a, the pixels of one phase a of the stride are
 *
 *     dx[c, s q + a - p] = sum_{k, u} dy[k, q + (a - d u) / s] w[k, c, u]      over d u = a mod s
 *
 * (in each of the two axes), which is the sum of correlate.h over planes of dy with zeros around them: the
 * filters there are the channels here. A unit is a group on so many images that packing the weights of
 * all phases costs little beside using them. */
#include "kernels/cpu/correlate.h"
#include "kernels/table.h"

typedef struct layout {
    wg_convolution c;
    int64_t before[2];             /* zeros in front of dy */
    int64_t rows, columns, plane;  /* of dy with zeros around */
    int64_t taps, terms;           /* of all phases together */
    int64_t source, weights, sums; /* elements, aligned */
    int64_t images;                /* of a unit */
} layout;

static layout layout_of(const wg_call *call) {
    const wg_operand *in = call->inputs;
    layout l = {.c = wg_convolution_of(call, &call->outputs[0].type, &in[1].type, &in[0].type)};
    const wg_convolution *c = &l.c;
    int64_t extent[2];
    for (int i = 0; i < 2; i++) {
        l.before[i] = ((c->taps[i] - 1) * c->dilation[i] + c->stride[i] - 1) / c->stride[i];
        extent[i] = l.before[i] + (c->in[i] - 1 + c->padding[i]) / c->stride[i] + 1;
    }
    l.rows = extent[0], l.columns = extent[1], l.plane = l.rows * l.columns;
    l.taps = c->taps[0] * c->taps[1];
    l.terms = c->filters * l.taps;
    l.source = aligned_count(c->filters * l.plane + SLACK);
    l.weights = aligned_count(whole(c->channels, FILTER_LANES > TILE_FILTERS ? FILTER_LANES : TILE_FILTERS) *
                              l.terms);
    l.sums = aligned_count(
        correlation_sums(FILTER_LANES, (c->in[0] - 1) / c->stride[0] + 1, (c->in[1] - 1) / c->stride[1] + 1));
    l.images = correlation_images(c->in[0] * c->in[1]);
    return l;
}

static bool applies(const wg_call *call) {
    const wg_operand *in = call->inputs;
    const wg_convolution c = wg_convolution_of(call, &call->outputs[0].type, &in[1].type, &in[0].type);
    return planes_fit(&c, c.filters);
}

static int64_t units(const wg_call *call) {
    const layout l = layout_of(call);
    return l.c.groups * ((l.c.images + l.images - 1) / l.images);
}

/* Of several groups the units come one after the other, and what they write does not. */
static int64_t begins(const wg_call *call, int64_t unit) {
    const layout l = layout_of(call);
    return l.c.groups == 1 ? unit * l.images * l.c.channels * l.c.in[0] * l.c.in[1] : -1;
}

static size_t workspace(const wg_call *call) {
    const layout l = layout_of(call);
    return (size_t)(l.source + l.weights + l.sums) * sizeof(real) + (size_t)l.terms * sizeof(int64_t);
}

/* The pixels of one phase: their terms, and where the phase begins. */
typedef struct phase {
    int64_t at[2];    /* a, in each axis */
    int64_t first[2]; /* the least q, and the pixel there */
    int64_t pixel[2];
    int64_t count[2]; /* of q */
    int64_t taps, terms;
    int64_t pack; /* channels side by side */
} phase;

static bool hits(const wg_convolution *c, const phase *p, int axis, int64_t tap) {
    return (p->at[axis] - tap * c->dilation[axis]) % c->stride[axis] == 0;
}

static phase phase_at(const layout *l, int64_t a, int64_t b) {
    const wg_convolution *c = &l->c;
    phase p = {.at = {a, b}, .taps = 1};
    for (int i = 0; i < 2; i++) {
        const int64_t short_of = c->padding[i] - p.at[i]; /* h >= 0:  s q >= p - a */
        p.first[i] = short_of > 0 ? (short_of + c->stride[i] - 1) / c->stride[i] : 0;
        p.pixel[i] = c->stride[i] * p.first[i] - short_of;
        p.count[i] = p.pixel[i] < c->in[i] ? (c->in[i] - p.pixel[i] + c->stride[i] - 1) / c->stride[i] : 0;
        int64_t taps = 0;
        for (int64_t tap = 0; tap < c->taps[i]; tap++) taps += hits(c, &p, i, tap);
        p.taps *= taps;
    }
    p.terms = c->filters * p.taps;
    p.pack = correlation_pack(p.terms, c->channels, p.count[0], p.count[1], l->columns);
    return p;
}

/* Packs the phase's weights behind `weights`, and says where dy of each term lies. */
static void place_terms(const layout *l, const phase *p, const real *weight, real *to, int64_t *offset) {
    const wg_convolution *c = &l->c;
    int64_t t = 0;
    for (int64_t k = 0; k < c->filters; k++)
        for (int64_t tap = 0; tap < l->taps; tap++) {
            const int64_t u = tap / c->taps[1], v = tap % c->taps[1];
            if (!hits(c, p, 0, u) || !hits(c, p, 1, v)) continue;
            const int64_t row = l->before[0] + p->first[0] + (p->at[0] - u * c->dilation[0]) / c->stride[0];
            const int64_t column =
                l->before[1] + p->first[1] + (p->at[1] - v * c->dilation[1]) / c->stride[1];
            offset[t] = k * l->plane + row * l->columns + column;
            const real *from = weight + k * c->channels * l->taps + tap;
            for (int64_t first = 0; first < c->channels; first += p->pack) {
                const int64_t left = c->channels - first, filled = left < p->pack ? left : p->pack;
                real *at = to + first * p->terms + t * p->pack;
                for (int64_t i = 0; i < filled; i++) at[i] = from[(first + i) * l->taps];
                for (int64_t i = filled; i < p->pack; i++) at[i] = 0;
            }
            t++;
        }
}

/* dy of one image and group with zeros around it. */
static void pack_image(const layout *l, const real *dy, real *to) {
    static const int64_t step[2] = {1, 1};
    const int64_t from[2] = {-l->before[0], -l->before[1]};
    for (int64_t k = 0; k < l->c.filters; k++, dy += l->c.out[0] * l->c.out[1], to += l->plane)
        pack_plane(to, l->rows, l->columns, dy, l->c.out, from, step);
}

static void run(const wg_call *call) {
    const layout l = layout_of(call);
    const wg_convolution *c = &l.c;
    const int64_t in = c->in[0] * c->in[1], out = c->filters * c->out[0] * c->out[1];
    const int64_t runs = (c->images + l.images - 1) / l.images;
    real *source = call->workspace, *weights = source + l.source, *sums = weights + l.weights;
    int64_t *offsets = (int64_t *)(void *)(sums + l.sums), packed = -1;
    memset(source, 0, (size_t)l.source * sizeof(real)); /* what is not overwritten stays 0 */
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t group = unit / runs, begin = unit % runs * l.images;
        const int64_t end = begin + l.images < c->images ? begin + l.images : c->images;
        for (int64_t n = begin; n < end; n++) {
            pack_image(&l, WG_IN(call, 0, real) + (n * c->groups + group) * out, source);
            real *weight = weights, *dx = WG_OUT(call, 0, real) + (n * c->groups + group) * c->channels * in;
            int64_t *offset = offsets;
            for (int64_t a = 0; a < c->stride[0]; a++)
                for (int64_t b = 0; b < c->stride[1]; b++) {
                    const phase p = phase_at(&l, a, b);
                    if (packed != group)
                        place_terms(&l, &p, WG_IN(call, 1, real) + group * c->filters * c->channels * l.taps,
                                    weight, offset);
                    wg_correlate(&(correlation){.terms = p.terms,
                                                .filters = c->channels,
                                                .rows = p.count[0],
                                                .columns = p.count[1],
                                                .pitch = l.columns,
                                                .source = source,
                                                .offset = offset,
                                                .weight = weight,
                                                .pack = p.pack,
                                                .sums = sums,
                                                .y = dx + p.pixel[0] * c->in[1] + p.pixel[1],
                                                .y_filter = in,
                                                .y_row = c->stride[0] * c->in[1],
                                                .y_column = c->stride[1]});
                    weight += whole(c->channels, p.pack) * p.terms;
                    offset += p.terms;
                }
            packed = group;
        }
    }
}

const wg_kernel WG_VARIANT(wg_tuned_conv2d_grad_input_planes) = {.name = "conv2d_grad_input: planes",
                                                                 .applies = applies,
                                                                 .units = units,
                                                                 .begins = begins,
                                                                 .workspace = workspace,
                                                                 .run = run};
