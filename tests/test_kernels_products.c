/* The packed product gives the bits of the plain one, with BLIS's micro-kernels and with our own, however the
 * units are cut: over shapes, transpositions, batches and numbers that are not finite. */
#include "kernels/cpu/product.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct shape {
    int rank_a, rank_b;
    int64_t a[4], b[4]; /* as the untransposed product has them */
} shape;

static const shape shapes[] = {
    {2, 2, {64, 64}, {64, 64}},          {2, 2, {6, 256}, {256, 16}},   {2, 2, {7, 257}, {257, 17}},
    {2, 2, {97, 100}, {100, 65}},        {2, 2, {64, 784}, {784, 40}},  {2, 2, {100, 30}, {30, 300}},
    {2, 2, {4, 700}, {700, 8}},          {2, 2, {200, 1}, {1, 200}},    {2, 2, {33, 512}, {512, 31}},
    {3, 3, {3, 20, 40}, {3, 40, 24}},    {3, 2, {4, 20, 40}, {40, 24}}, {2, 3, {20, 40}, {4, 40, 24}},
    {4, 3, {2, 1, 16, 24}, {3, 24, 32}}, {2, 2, {500, 20}, {20, 600}},  {2, 2, {12, 12}, {12, 1100}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct attributes {
    bool transpose_a, transpose_b;
} attributes;

typedef struct problem {
    attributes with;
    wg_operand operands[3];
} problem;

static wg_operand operand(wg_dtype dtype, int rank, const int64_t *extent, bool transposed, uint64_t state) {
    wg_operand o = {.type = {.dtype = dtype, .rank = rank}};
    memcpy(o.type.extent, extent, (size_t)rank * sizeof *extent);
    if (transposed) {
        o.type.extent[rank - 1] = extent[rank - 2];
        o.type.extent[rank - 2] = extent[rank - 1];
    }
    const int64_t count = wg_type_count(&o.type);
    o.data = malloc((size_t)count * wg_dtype_size(dtype) + 1);
    ck_assert_ptr_nonnull(o.data);
    for (int64_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double number = (double)(state >> 40) / (1 << 23) - 1;
        if (dtype == WG_F32)
            ((float *)o.data)[i] = (float)number;
        else
            ((double *)o.data)[i] = number;
    }
    return o;
}

static problem problem_of(const shape *s, wg_dtype dtype, int transposed) {
    problem p = {.with = {transposed & 1, transposed >> 1}};
    p.operands[0] = operand(dtype, s->rank_a, s->a, p.with.transpose_a, 1);
    p.operands[1] = operand(dtype, s->rank_b, s->b, p.with.transpose_b, 2);
    const int rank = s->rank_a > s->rank_b ? s->rank_a : s->rank_b;
    int64_t y[4];
    for (int i = 0; i < rank - 2; i++) {
        const int a = i - (rank - s->rank_a), b = i - (rank - s->rank_b);
        const int64_t one = a >= 0 ? s->a[a] : 1, other = b >= 0 ? s->b[b] : 1;
        y[i] = one > other ? one : other;
    }
    y[rank - 2] = s->a[s->rank_a - 2], y[rank - 1] = s->b[s->rank_b - 1];
    p.operands[2] = operand(dtype, rank, y, false, 3);
    return p;
}

static void free_problem(problem *p) {
    for (int i = 0; i < 3; i++) free(p->operands[i].data);
}

static wg_call call_of(const problem *p) {
    return (wg_call){.op = wg_op_find("matmul"),
                     .attributes = &p->with,
                     .input_count = 2,
                     .output_count = 1,
                     .inputs = p->operands,
                     .outputs = p->operands + 2,
                     .dtype = p->operands[0].type.dtype,
                     .end = 1};
}

static void *result_of(const problem *p, const wg_kernel *kernel, int64_t cut) {
    wg_call call = call_of(p);
    const size_t bytes = wg_type_bytes(&p->operands[2].type);
    void *result = malloc(bytes + 1);
    const size_t room = (kernel->workspace ? kernel->workspace(&call) : 0) / 64 * 64 + 128;
    static _Alignas(64) char memory[1 << 21];
    ck_assert(result && room <= sizeof memory);
    memset(p->operands[2].data, 0xff, bytes);
    memset(memory, 0xff, room);
    call.workspace = memory;
    const int64_t units = kernel->units(&call);
    for (call.begin = 0; call.begin < units; call.begin = call.end) {
        call.end = call.begin + cut < units ? call.begin + cut : units;
        kernel->run(&call);
    }
    memcpy(result, p->operands[2].data, bytes);
    return result;
}

/* Every kernel against the plain one, portable; returns how many there were. */
static int hold(const problem *p, int number) {
    const wg_call call = call_of(p);
    const wg_kernel plain = {.units = call.op->units, .run = call.op->forward};
    void *expected = result_of(p, &plain, INT64_MAX / 2);
    const int64_t count = wg_type_count(&p->operands[2].type);
    const bool single = call.dtype == WG_F32;
    int met = 0;
    for (int isa = 0; isa < WG_ISA_COUNT; isa++) {
        if (!wg_isa_available((wg_isa)isa)) continue;
        const wg_kernel tuned = wg_kernel_pick(&call, (wg_isa)isa);
        for (int64_t cut = 1; cut < 100; cut *= 7, met++) {
            void *got = result_of(p, &tuned, cut);
            for (int64_t i = 0; i < count; i++) {
                const double one = single ? (double)((float *)got)[i] : ((double *)got)[i];
                const double other = single ? (double)((float *)expected)[i] : ((double *)expected)[i];
                if ((one != other || signbit(one) != signbit(other)) &&
                    !(isnan(one) && isnan(other))) /* an assertion each would take longer */
                    ck_abort_msg("%s, %s, shape %d, transposed %d %d: element %lld is %.17g, not %.17g",
                                 tuned.name, wg_isa_name((wg_isa)isa), number, p->with.transpose_a,
                                 p->with.transpose_b, (long long)i, one, other);
            }
            free(got);
        }
    }
    free(expected);
    return met;
}

START_TEST(packed_products_give_the_bits_of_plain_ones) {
    int met = 0, packed = 0;
    for (int i = 0; i < SHAPES; i++)
        for (wg_dtype dtype = WG_F32; dtype <= WG_F64; dtype++)
            for (int transposed = 0; transposed < 4; transposed++) {
                problem p = problem_of(&shapes[i], dtype, transposed);
                const wg_call call = call_of(&p);
                packed += strcmp(wg_kernel_pick(&call, WG_ISA_PORTABLE).name, "matmul: packed") == 0;
                met += hold(&p, i);
                free_problem(&p);
            }
    ck_assert_int_ge(packed, SHAPES * 2 * 4 - 8);
    printf("%d runs of packed products against plain ones; BLIS's micro-kernels:", met);
    for (int isa = 0; isa < WG_ISA_COUNT; isa++)
        if (!wg_isa_available((wg_isa)isa)) {
            printf(" (no %s here)", wg_isa_name((wg_isa)isa));
        } else if (wg_blis_micro_kernel((wg_isa)isa, WG_F32)) {
            const wg_micro_kernel *kernel = wg_blis_micro_kernel((wg_isa)isa, WG_F32);
            printf(" %s %dx%d", wg_isa_name((wg_isa)isa), kernel->rows, kernel->columns);
        }
    printf("\n");
}
END_TEST

START_TEST(numbers_that_are_not_finite_stay_in_their_row_and_column) {
    problem p = problem_of(&shapes[3], WG_F32, 0);
    ((float *)p.operands[0].data)[150] = INFINITY;
    ((float *)p.operands[1].data)[70] = NAN;
    ck_assert_int_gt(hold(&p, 3), 0);
    /* row 1 has the infinity, column 5 the NaN; all else is finite */
    const float *y = p.operands[2].data;
    int finite = 0;
    for (int i = 0; i < 97; i++)
        for (int j = 0; j < 65; j++) finite += (i == 1 || j == 5) != (isfinite(y[i * 65 + j]) != 0);
    ck_assert_int_eq(finite, 97 * 65);
    free_problem(&p);
}
END_TEST

WG_SUITE("kernels/products", packed_products_give_the_bits_of_plain_ones,
         numbers_that_are_not_finite_stay_in_their_row_and_column)
