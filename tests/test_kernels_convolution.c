/* The tuned convolutions give the bits of the plain ones, on every instruction set that this machine has and
 * however the units are cut: over all attributes, and with numbers that are not finite. */
#include "kernels/table.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct shape {
    int64_t images, groups, channels, filters; /* channels and filters of one group */
    int64_t in[2], taps[2], stride[2], padding[2], dilation[2];
    int64_t behind[2]; /* so much more padding below and right */
} shape;

static const shape shapes[] = {
    {2, 1, 3, 5, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
    {3, 1, 1, 32, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},  /* a first layer */
    {2, 1, 32, 64, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}}, /* more terms than a block has */
    {520, 1, 2, 3, {3, 4}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},   /* more images than two parts of a sum */
    {1, 1, 64, 17, {5, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
    {1, 1, 300, 9, {3, 4}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {0, 0}}, /* products of matrices */
    {7, 1, 5, 3, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {0, 0}},
    {2, 1, 4, 8, {11, 10}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 0}},
    {2, 1, 3, 6, {12, 9}, {1, 1}, {2, 2}, {0, 0}, {1, 1}, {0, 0}}, /* whole phases without a tap */
    {1, 1, 2, 4, {13, 17}, {2, 5}, {3, 2}, {0, 2}, {1, 1}, {0, 0}},
    {1, 1, 2, 3, {15, 14}, {3, 2}, {1, 1}, {2, 1}, {2, 3}, {0, 0}},
    {1, 1, 2, 3, {15, 14}, {3, 3}, {2, 3}, {2, 4}, {3, 2}, {0, 0}},
    {1, 1, 2, 2, {9, 8}, {3, 3}, {4, 5}, {3, 2}, {1, 1}, {0, 0}}, /* gaps between windows */
    {2, 4, 1, 1, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}}, /* depthwise */
    {2, 3, 2, 5, {6, 7}, {3, 1}, {1, 2}, {1, 0}, {1, 1}, {0, 0}},
    {1, 1, 1, 1, {1, 40}, {1, 7}, {1, 1}, {0, 3}, {1, 1}, {0, 0}},
    {1, 1, 1, 20, {40, 1}, {5, 1}, {1, 1}, {2, 0}, {1, 1}, {0, 0}},
    {1, 1, 3, 2, {2, 2}, {3, 3}, {1, 1}, {4, 4}, {1, 1}, {0, 0}},    /* windows in the padding alone */
    {1, 1, 2, 40, {20, 30}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {0, 0}}, /* an image of more pixels than a block has */
    {2, 1, 3, 4, {7, 8}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {1, 2}}, /* more padding behind than in front */
    {1, 2, 3, 4, {9, 8}, {2, 3}, {2, 3}, {1, 0}, {1, 1}, {3, 2}},
    {1, 1, 3, 4, {3, 4}, {2, 2}, {1, 2}, {0, 0}, {2, 1}, {6, 5}},
    {2, 1, 3, 4, {7, 8}, {3, 3}, {1, 1}, {2, 3}, {1, 1}, {-2, -3}}, /* and less */
    {1, 1, 2, 40, {1, 300}, {1, 5}, {1, 1}, {0, 4}, {1, 1}, {0, -4}}, /* causal, along one axis */
    {0, 1, 2, 3, {5, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
    {2, 1, 0, 3, {5, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct attributes { /* as the ops' own */
    int64_t stride[2], padding[4], dilation[2], groups, size[2], auto_pad;
} attributes;

/* One op on one shape: operands with memory, in the order of the op's inputs and outputs. */
typedef struct problem {
    const wg_op *op;
    attributes with;
    wg_operand operands[4];
    int inputs;
} problem;

static double number(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (1 << 23) - 1;
}

static wg_operand operand(wg_dtype dtype, int rank, const int64_t *extent, uint64_t *state) {
    wg_operand o = {.type = {.dtype = dtype, .rank = rank}};
    for (int i = 0; i < rank; i++) o.type.extent[i] = extent[i];
    const int64_t count = wg_type_count(&o.type);
    o.data = malloc((size_t)count * wg_dtype_size(dtype) + 1);
    ck_assert_ptr_nonnull(o.data);
    for (int64_t i = 0; i < count; i++)
        if (dtype == WG_F32)
            ((float *)o.data)[i] = (float)number(state);
        else
            ((double *)o.data)[i] = number(state);
    return o;
}

enum { FORWARD, GRAD_INPUT, GRAD_WEIGHT, OPS };

static problem problem_of(const shape *s, int kind, wg_dtype dtype, bool bias) {
    static const char *const names[] = {"conv2d", "conv2d_grad_input", "conv2d_grad_weight"};
    uint64_t state = (uint64_t)kind + 1;
    problem p = {.op = wg_op_find(names[kind]), .with = {.groups = s->groups}};
    int64_t out[2];
    for (int i = 0; i < 2; i++) {
        p.with.stride[i] = s->stride[i], p.with.padding[i] = s->padding[i],
        p.with.padding[2 + i] = s->padding[i] + s->behind[i], p.with.dilation[i] = s->dilation[i];
        p.with.size[i] = kind == GRAD_INPUT ? s->in[i] : kind == GRAD_WEIGHT ? s->taps[i] : 0;
        out[i] = (s->in[i] + 2 * s->padding[i] + s->behind[i] - s->dilation[i] * (s->taps[i] - 1) - 1) / s->stride[i] + 1;
    }
    const int64_t x[] = {s->images, s->groups * s->channels, s->in[0], s->in[1]};
    const int64_t weight[] = {s->groups * s->filters, s->channels, s->taps[0], s->taps[1]};
    const int64_t y[] = {s->images, s->groups * s->filters, out[0], out[1]};
    const int64_t *const order[OPS][3] = {{x, weight, y}, {y, weight, x}, {x, y, weight}};
    for (int i = 0; i < 2; i++) p.operands[p.inputs++] = operand(dtype, 4, order[kind][i], &state);
    if (kind == FORWARD && bias) p.operands[p.inputs++] = operand(dtype, 1, weight, &state);
    p.operands[p.inputs] = operand(dtype, 4, order[kind][2], &state);
    return p;
}

static void free_problem(problem *p) {
    for (int i = 0; i <= p->inputs; i++) free(p->operands[i].data);
}

static size_t result_bytes(const problem *p) { return wg_type_bytes(&p->operands[p->inputs].type); }

static wg_call call_of(const problem *p) {
    return (wg_call){.op = p->op,
                     .attributes = &p->with,
                     .input_count = p->inputs,
                     .output_count = 1,
                     .inputs = p->operands,
                     .outputs = p->operands + p->inputs,
                     .dtype = p->operands[0].type.dtype,
                     .end = 1};
}

/* Runs a kernel with its units cut into runs of `cut`; the result is handed out. */
static void *result_of(const problem *p, const wg_kernel *kernel, int64_t cut) {
    wg_call call = call_of(p);
    const size_t bytes = result_bytes(p);
    void *result = malloc(bytes + 1);
    const size_t room = kernel->workspace ? kernel->workspace(&call) : 0;
    static _Alignas(64) char memory[1 << 22];
    ck_assert(result && room <= sizeof memory);
    memset(p->operands[p->inputs].data, 0xff, bytes); /* NaN: everything must be written */
    memset(memory, 0xff, room);
    call.workspace = memory;
    const int64_t units = kernel->units ? kernel->units(&call) : 1;
    for (call.begin = 0; call.begin < units; call.begin = call.end) {
        call.end = call.begin + cut < units ? call.begin + cut : units;
        kernel->run(&call);
    }
    memcpy(result, p->operands[p->inputs].data, bytes);
    return result;
}

/* NaN is one number here: which of two NaNs a sum hands on is the processor's business. */
static void assert_same(const problem *p, const void *a, const void *b, const char *isa, int number_of) {
    const int64_t count = wg_type_count(&p->operands[p->inputs].type);
    const bool single = p->operands[0].type.dtype == WG_F32;
    for (int64_t i = 0; i < count; i++) {
        const double one = single ? (double)((const float *)a)[i] : ((const double *)a)[i];
        const double other = single ? (double)((const float *)b)[i] : ((const double *)b)[i];
        const bool same = (one == other && signbit(one) == signbit(other)) || (isnan(one) && isnan(other));
        if (!same) /* an assertion each would take longer */
            ck_abort_msg("%s, %s, %s, shape %d: element %lld is %.17g, not %.17g", p->op->name,
                         single ? "f32" : "f64", isa, number_of, (long long)i, one, other);
    }
}

static wg_kernel plain_kernel(const wg_op *op) {
    return (wg_kernel){.name = "plain", .units = op->units, .workspace = op->workspace, .run = op->forward};
}

/* Every kernel against the plain one, portable; returns how many there were. */
static int hold(const problem *p, int number_of) {
    const wg_kernel plain = plain_kernel(p->op);
    const wg_call call = call_of(p);
    void *expected = result_of(p, &plain, INT64_MAX / 2);
    int met = 0;
    for (int isa = 0; isa < WG_ISA_COUNT; isa++) {
        if (!wg_isa_available((wg_isa)isa)) continue;
        const wg_kernel tuned = wg_kernel_pick(&call, (wg_isa)isa);
        ck_assert_msg(tuned.run != plain.run && strchr(tuned.name, ':'), "%s has no tuned kernel",
                      p->op->name);
        for (int64_t cut = 1; cut < 100; cut *= 9, met++) {
            void *got = result_of(p, &tuned, cut);
            assert_same(p, got, expected, wg_isa_name((wg_isa)isa), number_of);
            free(got);
        }
    }
    free(expected);
    return met;
}

START_TEST(tuned_kernels_give_the_bits_of_plain_ones) {
    int met = 0;
    for (int i = 0; i < SHAPES; i++)
        for (int kind = 0; kind < OPS; kind++)
            for (wg_dtype dtype = WG_F32; dtype <= WG_F64; dtype++) {
                problem p = problem_of(&shapes[i], kind, dtype, i % 2);
                met += hold(&p, i);
                free_problem(&p);
            }
    ck_assert_int_ge(met, SHAPES * OPS * 2 * 3);
    printf("%d runs of tuned kernels against plain ones\n", met);
}
END_TEST

/* An infinity or a NaN reaches what sees it and nothing else. */
START_TEST(numbers_that_are_not_finite_reach_what_sees_them) {
    for (int i = 0; i < SHAPES; i++)
        for (int kind = 0; kind < OPS; kind++)
            for (int at = 0; at < 2; at++) {
                problem p = problem_of(&shapes[i], kind, WG_F32, false);
                const int64_t count = wg_type_count(&p.operands[at].type);
                if (count > 0) {
                    float *data = p.operands[at].data;
                    data[count / 2] = INFINITY;
                    data[count - 1] = NAN;
                    hold(&p, i);
                }
                free_problem(&p);
            }
}
END_TEST

/* A stride of 2^31 would make 2^62 phases: the plain kernel serves, and at once. */
START_TEST(sizes_beyond_all_bounds_are_left_to_the_plain_kernel) {
    const shape vast = {1, 1, 1, 2, {5, 4}, {1, 1}, {INT32_MAX, INT32_MAX}, {0, 0}, {1, 1}, {0, 0}};
    for (int kind = 0; kind < OPS; kind++) {
        problem p = problem_of(&vast, kind, WG_F32, false);
        const wg_call call = call_of(&p);
        const wg_kernel kernel = wg_kernel_pick(&call, WG_ISA_PORTABLE);
        ck_assert_msg(strchr(kernel.name, ':') == NULL, "%s is taken", kernel.name);
        free(result_of(&p, &kernel, 1));
        free_problem(&p);
    }
}
END_TEST

WG_SUITE("kernels/convolution", tuned_kernels_give_the_bits_of_plain_ones,
         numbers_that_are_not_finite_reach_what_sees_them,
         sizes_beyond_all_bounds_are_left_to_the_plain_kernel)
