/* einsum — sums of products of operands whose axes are named,  "ij,jk->ik":  y[i, k] = sum_j a[i, j] b[j, k]
 *
 * The equation is read in einsum_equation.c. Of each operand diagonals are taken first (an index that it
 * names twice), then sums over indices that it alone has and the result has not. Two values at a time are
 * multiplied, in the order of einsum_order.c: with indices of four kinds
 *
 *     batch       in both, and still needed           contracted  in both, and not needed any more
 *     left, right in one of them
 *
 * it is the matrix product [batch, left, contracted] × [batch, contracted, right], or without a contracted
 * index an elementwise one. Operands are transposed only where they do not lie in one of the orders that a
 * product reads. Gradients are those of the ops recorded. */
#include "rearrange.h"
#include "einsum.h"

typedef struct einsum_attributes {
    char equation[EINSUM_TEXT];
} einsum_attributes;

#ifdef WG_RULES

/* An operand or a product: its elements in row-major order of these labels, whatever shape x has. Labels of
 * extent 1 are left out. */
typedef struct factor {
    wg_var x;
    int count;
    uint8_t label[EINSUM_LABELS];
} factor;

typedef struct labels {
    int count;
    uint8_t label[EINSUM_LABELS];
} labels;

static uint64_t mask_of(const factor *f) {
    uint64_t mask = 0;
    for (int i = 0; i < f->count; i++) mask |= UINT64_C(1) << f->label[i];
    return mask;
}

static bool has(uint64_t mask, int label) { return mask >> label & 1; }

static int64_t count_of(const einsum_equation *e, const uint8_t *label, int count) {
    int64_t product = 1;
    for (int i = 0; i < count; i++) product *= e->extent[label[i]];
    return product;
}

/* --- Transposed ----------------------------------------------------------------------------------------- */

static int place_of(const factor *f, int label) {
    int at = 0;
    while (f->label[at] != label) at++;
    return at;
}

/* How many labels from `order` on lie in f one behind the other. */
static int run_length(const factor *f, const uint8_t *order, int left) {
    const int at = place_of(f, order[0]);
    int length = 1;
    while (length < left && at + length < f->count && f->label[at + length] == order[length]) length++;
    return length;
}

/* Moves a run of labels forward to `to`, whatever lies between going behind it. */
static void bring_forward(const einsum_equation *e, factor *f, int to, int from, int length) {
    const int64_t before = count_of(e, f->label, to), between = count_of(e, f->label + to, from - to),
                  run = count_of(e, f->label + from, length),
                  after = count_of(e, f->label + from + length, f->count - from - length);
    uint8_t moved[EINSUM_LABELS];
    memcpy(moved, f->label + from, (size_t)length);
    memmove(f->label + to + length, f->label + to, (size_t)(from - to));
    memcpy(f->label + to, moved, (size_t)length);
    f->x = REARRANGE_TRANSPOSE(REARRANGE_RESHAPE(f->x, before, between, run, after), 0, 2, 1, 3);
}

/* Brings f into the order: what stays together is one axis, so that one transposition does it unless that
 * makes more than 8; then run by run. */
static void reorder(const einsum_equation *e, factor *f, const uint8_t *order) {
    wg_type from = {.dtype = WG_NO_DTYPE};
    wg_axes axes;
    int runs = 0, begins[EINSUM_LABELS], length;
    for (int i = 0; i < f->count; i += length, runs++) {
        length = run_length(f, order + i, f->count - i);
        begins[runs] = place_of(f, order[i]);
    }
    if (runs <= 1) return;
    if (runs > WG_MAX_RANK) {
        for (int i = 0; i < f->count; i += length) {
            length = run_length(f, order + i, f->count - i);
            if (place_of(f, order[i]) != i) bring_forward(e, f, i, place_of(f, order[i]), length);
        }
        return;
    }
    from.rank = runs;
    for (int i = 0, run = 0; i < f->count; i += length, run++) {
        int rank = 0; /* the run's place in f */
        length = run_length(f, order + i, f->count - i);
        for (int k = 0; k < runs; k++) rank += begins[k] < begins[run];
        axes.axis[run] = rank;
        from.extent[rank] = count_of(e, order + i, length);
    }
    axes.axis[runs] = INT_MIN;
    f->x = (wg_transpose)(rearrange_reshape(f->x, &from), &axes);
    memcpy(f->label, order, (size_t)f->count);
}

/* --- One operand ---------------------------------------------------------------------------------------- */

/* Diagonals taken, axes of extent 1 left out. */
static factor prepare(const einsum_term *term, wg_var x) {
    einsum_term t = *term;
    for (int second = 1; second < t.rank; second++) {
        int first = 0;
        while (t.label[first] != t.label[second]) first++;
        if (first == second) continue;
        const uint8_t label = t.label[first];
        x = wg_diagonal(x, .axis1 = first, .axis2 = second); /* which becomes the last axis */
        int kept = 0;
        for (int i = 0; i < t.rank; i++)
            if (i != first && i != second) t.label[kept++] = t.label[i];
        t.label[kept++] = label;
        t.rank = kept;
        second = 0;
    }
    factor f = {.x = x};
    const wg_type type = wg_type_of(x);
    for (int i = 0; i < t.rank; i++)
        if (type.extent[i] != 1) f.label[f.count++] = t.label[i];
    return f;
}

/* Sums over what is not needed. */
static void sum_out(const einsum_equation *e, factor *f, uint64_t needed) {
    wg_type type = {.dtype = WG_NO_DTYPE, .rank = f->count};
    wg_axes axes;
    int summed = 0, kept = 0;
    for (int i = 0; i < f->count; i++) {
        type.extent[i] = e->extent[f->label[i]];
        if (has(needed, f->label[i])) f->label[kept++] = f->label[i];
        else axes.axis[summed++] = i;
    }
    f->count = kept;
    if (!summed) return;
    axes.axis[summed] = INT_MIN;
    f->x = (wg_sum)(rearrange_reshape(f->x, &type), &axes, NULL);
}

/* --- Two ------------------------------------------------------------------------------------------------ */

/* The labels of f that are in `in`. */
static labels labels_in(const factor *f, uint64_t in) {
    labels found = {0};
    for (int i = 0; i < f->count; i++)
        if (has(in, f->label[i])) found.label[found.count++] = f->label[i];
    return found;
}

static void append(factor *to, const labels *more) {
    memcpy(to->label + to->count, more->label, (size_t)more->count);
    to->count += more->count;
}

/* f as matrices [batch, rows, columns]; as [batch, columns, rows] where it lies like that, and *transposed is
 * then true. */
static wg_var as_matrices(const einsum_equation *e, factor f, const labels *batch, const labels *rows,
                          const labels *columns, bool *transposed) {
    factor plain = {0}, turned = {0};
    append(&plain, batch), append(&plain, rows), append(&plain, columns);
    append(&turned, batch), append(&turned, columns), append(&turned, rows);
    *transposed = memcmp(f.label, plain.label, (size_t)f.count) != 0 &&
                  memcmp(f.label, turned.label, (size_t)f.count) == 0;
    if (!*transposed) reorder(e, &f, plain.label);
    const int64_t count = count_of(e, batch->label, batch->count),
                  m = count_of(e, rows->label, rows->count), n = count_of(e, columns->label, columns->count);
    if (!batch->count) return REARRANGE_RESHAPE(f.x, *transposed ? n : m, *transposed ? m : n);
    return REARRANGE_RESHAPE(f.x, count, *transposed ? n : m, *transposed ? m : n);
}

/* The product of a and b, summed over what is in both and not needed. */
static factor contract(const einsum_equation *e, const factor *a, const factor *b, uint64_t needed) {
    const uint64_t both = mask_of(a) & mask_of(b);
    const bool a_is_larger = count_of(e, a->label, a->count) >= count_of(e, b->label, b->count);
    const factor *larger =
        a_is_larger ? a : b; /* shared labels are taken in its order: it is costlier to transpose */
    const labels batch = labels_in(larger, both & needed), inner = labels_in(larger, both & ~needed);
    const labels left = labels_in(a, ~both), right = labels_in(b, ~both);
    wg_matmul_options turned = {.size_ = sizeof turned};
    wg_var x = as_matrices(e, *a, &batch, &left, &inner, &turned.transpose_a);
    wg_var y = as_matrices(e, *b, &batch, &inner, &right, &turned.transpose_b);
    factor product = {0};
    append(&product, &batch), append(&product, &left), append(&product, &right);
    product.x = inner.count ? (wg_matmul)(x, y, &turned) : wg_mul(x, y);
    return product;
}

/* --- All ------------------------------------------------------------------------------------------------ */

/* May the last product be b a as well, and lies so in the order of the result? */
static bool better_swapped(const factor *a, const factor *b, const einsum_term *result) {
    const uint64_t both = mask_of(a) & mask_of(b), right = mask_of(b) & ~both, left = mask_of(a) & ~both;
    for (int i = 0; i < result->rank; i++)
        if (has(left | right, result->label[i])) return has(right, result->label[i]);
    return false;
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    einsum_equation e;
    wg_type types[EINSUM_OPERANDS] = {{.dtype = WG_NO_DTYPE}}, y = types[0];
    factor factors[2 * EINSUM_OPERANDS];
    einsum_step steps[EINSUM_OPERANDS];
    uint64_t masks[EINSUM_OPERANDS], kept = 0;
    int count = 0;
    for (; inputs[count].tape; count++) types[count] = wg_type_of(inputs[count]);
    wg_einsum_read(&e, ((const einsum_attributes *)attributes)->equation, types, count, NULL);
    for (int i = 0; i < e.result.rank; i++) kept |= UINT64_C(1) << e.result.label[i];
    for (int i = 0; i < count; i++) factors[i] = prepare(&e.operand[i], inputs[i]);
    for (int i = 0; i < count; i++) {
        uint64_t needed = kept;
        for (int k = 0; k < count; k++) needed |= k == i ? 0 : mask_of(&factors[k]);
        sum_out(&e, &factors[i], needed);
        masks[i] = mask_of(&factors[i]);
    }
    wg_einsum_order(count, masks, kept, e.extent, steps);
    for (int k = 0; k < count - 1; k++) {
        factor *a = &factors[steps[k].left], *b = &factors[steps[k].right];
        uint64_t needed = kept;
        for (int later = k + 1; later < count - 1; later++) {
            if (steps[later].left < count + k) needed |= mask_of(&factors[steps[later].left]);
            if (steps[later].right < count + k) needed |= mask_of(&factors[steps[later].right]);
        }
        const bool swap = k == count - 2 && better_swapped(a, b, &e.result);
        factors[count + k] = swap ? contract(&e, b, a, needed) : contract(&e, a, b, needed);
    }
    factor *last = &factors[count > 1 ? 2 * count - 2 : 0];
    labels order = {0};
    for (int i = 0; i < e.result.rank; i++) {
        const uint8_t label = e.result.label[i];
        y.extent[y.rank++] = e.extent[label];
        if (e.extent[label] != 1) order.label[order.count++] = label;
    }
    reorder(&e, last, order.label);
    return rearrange_reshape(last->x, &y);
}

static int infer(wg_infer *infer) {
    const einsum_attributes *a = infer->attributes;
    einsum_equation e;
    if (infer->input_count > EINSUM_OPERANDS)
        return wg_infer_fail(infer, WG_ERROR_UNSUPPORTED, "%d operands; at most %d are taken",
                             infer->input_count, EINSUM_OPERANDS);
    int status = wg_infer_numbers(infer);
    if (status || (status = wg_einsum_read(&e, a->equation, infer->inputs, infer->input_count, infer)))
        return status;
    wg_type *y = &infer->outputs[0];
    *y = (wg_type){.dtype = infer->inputs[0].dtype, .rank = e.result.rank};
    for (int i = 0; i < y->rank; i++) y->extent[i] = e.extent[e.result.label[i]];
    return WG_OK;
}

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(einsum_attributes, equation, .kind = WG_ATTRIBUTE_TEXT, .count = EINSUM_TEXT,
                 .meaning = "the operands' indices, between commas, and behind -> those of the result"),
    WG_NO_MORE_ATTRIBUTES};

#define ONE(equation, a) WG_SAMPLE(s, (&(einsum_attributes){equation}), {.shape = a})
#define TWO(equation, a, b) WG_SAMPLE(s, (&(einsum_attributes){equation}), {.shape = a}, {.shape = b})
#define THREE(equation, a, b, c)                                                                             \
    WG_SAMPLE(s, (&(einsum_attributes){equation}), {.shape = a}, {.shape = b}, {.shape = c})

static void samples_of_one(wg_sampler *s) {
    ONE("", WG_SCALAR_SHAPE);
    ONE("i->i", WG_SHAPE(5));
    ONE("i ->", WG_SHAPE(4));
    ONE("ji", WG_SHAPE(2, 3));
    ONE("ij->ji", WG_SHAPE(2, 3));
    ONE("ij->", WG_SHAPE(2, 0));
    ONE("ii", WG_SHAPE(3, 3));
    ONE("ii->i", WG_SHAPE(4, 4));
    ONE("ii->i", WG_SHAPE(1, 1));
    ONE("iji->j", WG_SHAPE(2, 3, 2));
    ONE("iijj->ij", WG_SHAPE(2, 2, 3, 3));
    ONE("iii->i", WG_SHAPE(2, 2, 2));
    ONE("ij->i", WG_SHAPE(0, 3));
    ONE("...ij->...ji", WG_SHAPE(2, 1, 3));
    ONE("i...->...", WG_SHAPE(2, 3));
    ONE("...ii->...", WG_SHAPE(2, 3, 3));
    ONE("... -> ...", WG_SCALAR_SHAPE);
    ONE("...i->i", WG_SHAPE(2, 2, 2));
    ONE("Zza", WG_SHAPE(2, 3, 1));
    ONE("abcdefgh->hgfedcba", WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1));
    ONE("abcdefgh->cgaebfdh", WG_SHAPE(2, 2, 2, 1, 2, 1, 2, 1));
}

static void samples_of_two(wg_sampler *s) {
    TWO("i,i", WG_SHAPE(7), WG_SHAPE(7));
    TWO("i,j", WG_SHAPE(3), WG_SHAPE(2));
    TWO(",", WG_SCALAR_SHAPE, WG_SCALAR_SHAPE);
    TWO(",ij", WG_SCALAR_SHAPE, WG_SHAPE(2, 3));
    TWO("ij, jk -> ik", WG_SHAPE(2, 3), WG_SHAPE(3, 4));
    TWO("ij,jk->ki", WG_SHAPE(2, 3), WG_SHAPE(3, 2));
    TWO("ji,kj", WG_SHAPE(3, 2), WG_SHAPE(2, 3));
    TWO("ij,kj->ik", WG_SHAPE(2, 0), WG_SHAPE(3, 0));
    TWO("ij,ij->ij", WG_SHAPE(2, 3), WG_SHAPE(2, 3));
    TWO("ij,ij->", WG_SHAPE(2, 3), WG_SHAPE(2, 3));
    TWO("ij,ji->i", WG_SHAPE(2, 3), WG_SHAPE(3, 2));
    TWO("ij,ij->ij", WG_SHAPE(1, 3), WG_SHAPE(2, 1));
    TWO("ij,jk->ik", WG_SHAPE(2, 1), WG_SHAPE(3, 2));
    TWO("ij,i->j", WG_SHAPE(2, 3), WG_SHAPE(2));
    TWO("ijk,k->ij", WG_SHAPE(2, 2, 3), WG_SHAPE(3));
    TWO("bij,bjk->bik", WG_SHAPE(2, 2, 3), WG_SHAPE(2, 3, 2));
    TWO("bqhd,bkhd->bhqk", WG_SHAPE(1, 2, 2, 2), WG_SHAPE(1, 3, 2, 2));
    TWO("...ij,...jk->...ik", WG_SHAPE(2, 1, 2, 2), WG_SHAPE(3, 2, 1));
    TWO("...i,i...", WG_SHAPE(2, 3), WG_SHAPE(3, 1));
    TWO("i...,...->...i", WG_SHAPE(3, 1, 2), WG_SHAPE(2, 1));
    TWO("ii,ij->j", WG_SHAPE(2, 2), WG_SHAPE(2, 3));
    TWO("ik,jl->ij", WG_SHAPE(2, 3), WG_SHAPE(2, 2));
    TWO("abcd,cdab->ac", WG_SHAPE(2, 1, 2, 2), WG_SHAPE(2, 2, 2, 1));
    TWO("abcd,efgh->", WG_SHAPE(2, 1, 2, 1), WG_SHAPE(1, 2, 1, 2));
    TWO("abcd,efgh->hdgcfbea", WG_SHAPE(2, 2, 1, 2), WG_SHAPE(1, 2, 2, 1));
}

static void samples_of_more(wg_sampler *s) {
    THREE("ij,jk,kl->il", WG_SHAPE(2, 3), WG_SHAPE(3, 2), WG_SHAPE(2, 2));
    THREE("ij,jk,kl->il", WG_SHAPE(1, 2), WG_SHAPE(2, 5), WG_SHAPE(5, 1));
    THREE("i,j,k->kji", WG_SHAPE(2), WG_SHAPE(3), WG_SHAPE(2));
    THREE("ni,oij,nj->no", WG_SHAPE(2, 2), WG_SHAPE(2, 2, 3), WG_SHAPE(2, 3));
    THREE("i,i,i->i", WG_SHAPE(3), WG_SHAPE(3), WG_SHAPE(3));
    THREE("ij,,j", WG_SHAPE(2, 2), WG_SCALAR_SHAPE, WG_SHAPE(2));
    THREE("...a,...b,...c->...", WG_SHAPE(2, 2), WG_SHAPE(1, 2), WG_SHAPE(3));
    THREE("ab,bc,ca->", WG_SHAPE(2, 3), WG_SHAPE(3, 2), WG_SHAPE(2, 2));
    THREE("ijk,ilm,mjn->kln", WG_SHAPE(2, 2, 1), WG_SHAPE(2, 2, 2), WG_SHAPE(2, 2, 2));
    THREE("abcde,fghij,jaifch->bdeg", WG_SHAPE(2, 1, 2, 1, 2), WG_SHAPE(2, 2, 1, 2, 1),
          WG_SHAPE(1, 2, 2, 2, 2, 1));
    THREE("abcde,fghij,baedc->jihgf", WG_SHAPE(2, 1, 2, 1, 1), WG_SHAPE(2, 1, 2, 1, 2),
          WG_SHAPE(1, 2, 1, 1, 2));
    WG_SAMPLE(s, (&(einsum_attributes){"ab,bc,cd,de,ea->"}), {.shape = WG_SHAPE(2, 2)},
              {.shape = WG_SHAPE(2, 2)}, {.shape = WG_SHAPE(2, 1)}, {.shape = WG_SHAPE(1, 2)},
              {.shape = WG_SHAPE(2, 2)});
    WG_SAMPLE(s, (&(einsum_attributes){"ab,bc,cd,de,ef,fg,gh,hi,ij->aj"}), {.shape = WG_SHAPE(2, 2)},
              {.shape = WG_SHAPE(2, 1)}, {.shape = WG_SHAPE(1, 2)}, {.shape = WG_SHAPE(2, 2)},
              {.shape = WG_SHAPE(2, 1)}, {.shape = WG_SHAPE(1, 2)}, {.shape = WG_SHAPE(2, 1)},
              {.shape = WG_SHAPE(1, 2)}, {.shape = WG_SHAPE(2, 2)});
}

static void samples(wg_sampler *s) {
    samples_of_one(s);
    samples_of_two(s);
    samples_of_more(s);
}

const wg_op wg_op_einsum = {
    .name = "einsum", .formula = "y[result's indices] = sum of the operands' product over all other indices",
    .shapes = "x [*]... -> y [*]; as the equation says",
    .gradient = "dx_k = einsum of dy and all other operands, to x_k's indices",
    .onnx = "Einsum", .torch = "einsum",
    .inputs = 1, .inputs_max = -1, .outputs = 1,
    .attributes = schema, .attributes_size = sizeof(einsum_attributes),
    .infer = infer, .expand = expand, .samples = samples,
};

wg_var wg_einsum_list(const char *equation, const wg_var *operands) {
    einsum_attributes chosen = {""};
    wg_tape *tape = operands ? operands[0].tape : NULL;
    if (!equation || strlen(equation) >= sizeof chosen.equation)
        return wg_fail(tape, WG_ERROR_ATTRIBUTE, "einsum: the equation %s",
                       equation ? "has more than 255 characters" : "is NULL");
    memcpy(chosen.equation, equation, strlen(equation));
    return wg_apply_list(&wg_op_einsum, sizeof(wg_op), &chosen, operands);
}

#endif
