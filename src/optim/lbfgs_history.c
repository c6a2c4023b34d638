/* lbfgs_history — the pairs s = w' - w and y = g' - g of past iterations, and the direction that they make.
 *
 * H is never formed. The two loops of Nocedal & Wright's algorithm 7.4 need products of the vectors s, y and
 * g alone, and all that they make is a sum of these: d = -(sum_i a_i s_i + b_i y_i + c g). So the loops run
 * over a table of products, as Chen, Wang & Zhou 2014 (Large-scale L-BFGS using MapReduce, NIPS) have them,
 * and the vectors are read twice an iteration, as matrices: for the products of the latest, and for d. */
#include "optim/lbfgs.h"
#include <stdlib.h>
#include <wengert/op.h>
#include <wengert/ops.h>

/* --- The table: for rows i and j  s_i y_j,  y_i y_j,  and  s_i g,  y_i g ---------------------- */

static int64_t rows_of(const lbfgs_step *step) { return step->optimizer->rule.rows; }
static int64_t used_of(const lbfgs_step *step) {
    return step->pairs < rows_of(step) ? step->pairs : rows_of(step);
}

typedef struct table {
    double *sy, *yy, *sg, *yg;
    int64_t rows;
} table;

static table table_of(const lbfgs_step *step) {
    const int64_t rows = rows_of(step);
    double *at = step->optimizer->products;
    return (table){at, at + rows * rows, at + 2 * rows * rows, at + 2 * rows * rows + rows, rows};
}

static bool make_table(lbfgs_step *step) {
    const size_t rows = (size_t)rows_of(step);
    if (step->optimizer->products) return true;
    step->optimizer->products = calloc(2 * rows * rows + 2 * rows, sizeof(double));
    step->optimizer->products_are_old = true;
    return step->optimizer->products != NULL;
}

static wg_var flat(wg_var x) { return (wg_reshape)(x, WG_SHAPE(-1)); }

/* Of f32 the products are made of a piece of the vectors after the other: so what is f64 of the matrices at a
 * time is a small part of them. */
enum { LEAST_PIECE = 4096, MOST_PIECES = 64 };
static int64_t piece_of(const wg_type *vectors) {
    const int64_t length = vectors->extent[1], even = (length + MOST_PIECES - 1) / MOST_PIECES;
    return vectors->dtype == WG_F64 ? length : even > LEAST_PIECE ? even : LEAST_PIECE;
}

/* Adds to sums[0] and sums[1] the products [rows, k] of all s and all y of a part with k vectors, in f64: the
 * square of a number of f32 may be out of its range. */
static void add_products(wg_var sums[2], wg_var steps, wg_var differences, const wg_var *vectors) {
    const wg_matmul_options across = {.size_ = sizeof across, .transpose_b = true};
    const wg_var columns = wg_stack_list(0, vectors), of[2] = {steps, differences};
    const wg_type type = wg_type_of(columns);
    const int64_t length = type.extent[1], piece = piece_of(&type);
    for (int i = 0; i < 2; i++)
        for (int64_t begin = 0; begin < length; begin += piece) {
            const int64_t end = begin + piece < length ? begin + piece : length;
            const wg_var a = (wg_cast)((wg_slice)(of[i], 1, begin, end, NULL), WG_F64);
            const wg_var b = (wg_cast)((wg_slice)(columns, 1, begin, end, NULL), WG_F64);
            const wg_var products = (wg_matmul)(a, b, &across);
            sums[i] = sums[i].tape ? (wg_add)(sums[i], products) : products;
        }
}

/* The products of row `row`'s s and y with all others, and of all with g, as evaluated; those that are not
 * asked for stand at column -1. */
static void fill_table(const lbfgs_step *step, const wg_var sums[2], int64_t row, int s, int y, int g) {
    const table t = table_of(step);
    const wg_tensor *of_s = wg_value(sums[0]), *of_y = wg_value(sums[1]);
    const int64_t columns = wg_tensor_type(of_s).extent[1];
    for (int64_t j = 0; j < t.rows; j++) {
        if (s >= 0) t.sy[row * t.rows + j] = wg_tensor_get(of_y, j * columns + s);
        if (y >= 0) {
            t.sy[j * t.rows + row] = wg_tensor_get(of_s, j * columns + y);
            t.yy[j * t.rows + row] = t.yy[row * t.rows + j] = wg_tensor_get(of_y, j * columns + y);
        }
        if (g >= 0) {
            t.sg[j] = wg_tensor_get(of_s, j * columns + g);
            t.yg[j] = wg_tensor_get(of_y, j * columns + g);
        }
    }
}

/* --- Recall ----------------------------------------------------------------------------------- */

/* The products of one row, which is gathered, so that each row has the same plan. */
static int look_at_row(lbfgs_step *step, int64_t row) {
    wg_var sums[2] = {WG_NONE, WG_NONE};
    wg_tape_clear(step->tape);
    const wg_var index = (wg_array)(step->tape, WG_I64, WG_SCALAR_SHAPE, &row);
    for (int i = 0; i < step->count; i++) {
        wg_state *const *memory = step->parts[i].slot->memory;
        const wg_var steps = (wg_read)(step->tape, memory[LBFGS_STEPS]);
        const wg_var differences = (wg_read)(step->tape, memory[LBFGS_DIFFERENCES]);
        const wg_var vectors[] = {(wg_gather)(steps, index, 0), (wg_gather)(differences, index, 0), WG_END_};
        add_products(sums, steps, differences, vectors);
    }
    if (wg_eval_list((const wg_var[]){sums[0], sums[1], WG_END_})) return wg_tape_status(step->tape);
    fill_table(step, sums, row, 0, 1, -1);
    return WG_OK;
}

static int look_at_gradient(lbfgs_step *step) {
    wg_var sums[2] = {WG_NONE, WG_NONE};
    wg_tape_clear(step->tape);
    for (int i = 0; i < step->count; i++) {
        const lbfgs_part *part = &step->parts[i];
        const wg_var steps = (wg_read)(step->tape, part->slot->memory[LBFGS_STEPS]);
        const wg_var differences = (wg_read)(step->tape, part->slot->memory[LBFGS_DIFFERENCES]);
        add_products(sums, steps, differences,
                     (const wg_var[]){flat((wg_input)(step->tape, part->gradient)), WG_END_});
    }
    if (wg_eval_list((const wg_var[]){sums[0], sums[1], WG_END_})) return wg_tape_status(step->tape);
    fill_table(step, sums, 0, -1, -1, 0);
    return WG_OK;
}

int wg_lbfgs_recall(lbfgs_step *step) {
    const wg_optimizer *optimizer = step->optimizer;
    bool good = make_table(step);
    for (int i = 0; i < step->count && good; i++) {
        wg_slot *slot = step->parts[i].slot;
        good = wg_slot_make_memory(&optimizer->rule, slot);
        if (!good) break;
        const int64_t pairs = (int64_t)wg_tensor_get(wg_state_tensor(slot->memory[LBFGS_PAIRS]), 0);
        if (i == 0) step->pairs = pairs;
        if (pairs != step->pairs || pairs < 0) step->pairs = INT64_MIN; /* not of the same iterations */
    }
    if (!good) {
        wg_fail(step->tape, WG_ERROR_MEMORY, "%s: out of memory for its pairs", optimizer->rule.name);
        return wg_tape_status(step->tape);
    }
    if (step->pairs < 0) step->pairs = 0;
    const int64_t used = used_of(step);
    for (int64_t row = 0; row < used && optimizer->products_are_old; row++)
        if (look_at_row(step, row)) return wg_tape_status(step->tape);
    step->optimizer->products_are_old = false;
    return used ? look_at_gradient(step) : WG_OK;
}

/* --- Advance ---------------------------------------------------------------------------------- */

/* The matrix with the vector in one row. */
static wg_var with_row(wg_var matrix, wg_var is_row, wg_var vector) {
    return (wg_where)(is_row, (wg_unsqueeze)(vector, WG_AXES(0)), matrix);
}

static int remember_pair(lbfgs_step *step) {
    const int64_t rows = rows_of(step), row = step->pairs % rows;
    wg_tape *tape = step->tape;
    wg_var sums[2] = {WG_NONE, WG_NONE};
    wg_tape_clear(tape);
    for (int64_t i = 0; i < rows; i++) step->numbers[i] = (double)i;
    const wg_var numbers = (wg_array)(tape, WG_F64, WG_SHAPE(rows, 1), step->numbers);
    const wg_var is_row = (wg_equal)(numbers, (wg_scalar)(tape, (double)row));
    const wg_var count = (wg_scalar)(tape, (double)(step->pairs + 1));
    for (int i = 0; i < step->count; i++) {
        const lbfgs_part *part = &step->parts[i];
        wg_state *const *memory = part->slot->memory;
        const wg_var w = (wg_read)(tape, part->state), g = (wg_input)(tape, part->latest);
        const wg_var s = flat((wg_sub)(w, (wg_input)(tape, part->base)));
        const wg_var y = flat((wg_sub)(g, (wg_input)(tape, part->gradient)));
        const wg_var steps = with_row((wg_read)(tape, memory[LBFGS_STEPS]), is_row, s);
        const wg_var differences = with_row((wg_read)(tape, memory[LBFGS_DIFFERENCES]), is_row, y);
        add_products(sums, steps, differences, (const wg_var[]){s, y, flat(g), WG_END_});
        (wg_assign)(memory[LBFGS_STEPS], steps);
        (wg_assign)(memory[LBFGS_DIFFERENCES], differences);
        (wg_assign)(memory[LBFGS_PAIRS], count);
    }
    if (wg_eval_list((const wg_var[]){sums[0], sums[1], WG_END_})) return wg_tape_status(tape);
    fill_table(step, sums, row, 0, 1, 2);
    step->pairs++;
    step->new_pairs++;
    return WG_OK;
}

int wg_lbfgs_advance(lbfgs_step *step, bool remember) {
    if (remember && remember_pair(step)) return wg_tape_status(step->tape);
    for (int i = 0; i < step->count; i++) {
        lbfgs_part *part = &step->parts[i];
        wg_tensor_free(part->base);
        wg_tensor_free(part->gradient);
        part->gradient = part->latest;
        part->latest = NULL;
        part->base = wg_lbfgs_copy(part->state);
        if (!part->base)
            wg_fail(step->tape, WG_ERROR_MEMORY, "%s: out of memory", step->optimizer->rule.name);
    }
    if (wg_tape_status(step->tape) || remember || !used_of(step)) return wg_tape_status(step->tape);
    return look_at_gradient(step);
}

/* --- Direct ----------------------------------------------------------------------------------- */

/* Algorithm 7.4 on the table: what -H g has of each s, y and of g, whose part is returned. Row k of those in
 * use is the k-th oldest. */
static double two_loops(const lbfgs_step *step, double *a, double *b, double *alpha) {
    const table t = table_of(step);
    const int64_t used = used_of(step), oldest = step->pairs - used, newest = (step->pairs - 1) % t.rows;
    memset(a, 0, (size_t)t.rows * sizeof *a);
    memset(b, 0, (size_t)t.rows * sizeof *b);
    for (int64_t k = used; k-- > 0;) {
        const int64_t i = (oldest + k) % t.rows;
        double q = t.sg[i];
        for (int64_t j = 0; j < t.rows; j++) q += b[j] * t.sy[i * t.rows + j];
        alpha[i] = t.sy[i * t.rows + i] > 0 ? q / t.sy[i * t.rows + i] : 0;
        b[i] -= alpha[i];
    }
    const double sy = t.sy[newest * t.rows + newest], yy = t.yy[newest * t.rows + newest];
    const double scale = sy > 0 && yy > 0 ? sy / yy : 1;
    for (int64_t i = 0; i < t.rows; i++) b[i] *= scale;
    for (int64_t k = 0; k < used; k++) {
        const int64_t i = (oldest + k) % t.rows;
        double r = scale * t.yg[i];
        for (int64_t j = 0; j < t.rows; j++) r += a[j] * t.sy[j * t.rows + i] + b[j] * t.yy[j * t.rows + i];
        if (t.sy[i * t.rows + i] > 0) a[i] += alpha[i] - r / t.sy[i * t.rows + i];
    }
    for (int64_t i = 0; i < t.rows; i++) a[i] = -a[i], b[i] = -b[i];
    return -scale;
}

/* a S + b Y + c g */
static wg_var combined(const lbfgs_step *step, const lbfgs_part *part, wg_var a, wg_var b, double c) {
    const wg_var g = (wg_input)(step->tape, part->gradient);
    const wg_var own = (wg_mul)((wg_scalar)(step->tape, c), g);
    if (!a.tape) return own;
    const wg_type type = wg_type_of(g);
    wg_shape shape = {{INT64_MIN}};
    for (int i = 0; i < type.rank; i++) shape.extent[i] = type.extent[i], shape.extent[i + 1] = INT64_MIN;
    const wg_var steps = (wg_read)(step->tape, part->slot->memory[LBFGS_STEPS]);
    const wg_var differences = (wg_read)(step->tape, part->slot->memory[LBFGS_DIFFERENCES]);
    const wg_var of_steps = (wg_matmul)((wg_cast)(a, type.dtype), steps, NULL);
    const wg_var of_differences = (wg_matmul)((wg_cast)(b, type.dtype), differences, NULL);
    return (wg_add)(own, (wg_reshape)((wg_add)(of_steps, of_differences), &shape));
}

int wg_lbfgs_direct(lbfgs_step *step) {
    const int64_t rows = rows_of(step);
    wg_var a = WG_NONE, b = WG_NONE, slope = WG_NONE, farthest = WG_NONE;
    double c = -1;
    wg_tape_clear(step->tape);
    if (used_of(step)) {
        c = two_loops(step, step->numbers, step->numbers + rows, step->numbers + 2 * rows);
        a = (wg_array)(step->tape, WG_F64, WG_SHAPE(rows), step->numbers);
        b = (wg_array)(step->tape, WG_F64, WG_SHAPE(rows), step->numbers + rows);
    }
    for (int i = 0; i < step->count; i++) {
        const lbfgs_part *part = &step->parts[i];
        const wg_var d = step->vars[2 + i] = combined(step, part, a, b, c);
        slope = wg_lbfgs_sum(slope, (wg_input)(step->tape, part->gradient), d);
        farthest = wg_lbfgs_largest(farthest, d);
    }
    step->vars[0] = slope;
    step->vars[1] = farthest;
    step->vars[2 + step->count] = (wg_var)WG_END_;
    if (wg_eval_list(step->vars)) return wg_tape_status(step->tape);
    step->slope = wg_item(slope);
    step->farthest = wg_item(farthest);
    for (int i = 0; i < step->count; i++) {
        lbfgs_part *part = &step->parts[i];
        wg_tensor_free(part->direction);
        part->direction = wg_tensor_retain((wg_tensor *)(uintptr_t)wg_value(step->vars[2 + i]));
    }
    return WG_OK;
}
