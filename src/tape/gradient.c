/* gradient — what a program asks of the driver in differentiate.c: arguments checked, the seed made where
 * none was given, and an answer where no cotangent arrived: zero, or why there is no gradient. */
#include "tape/path.h"
#include <wengert/ops.h>

static wg_var full_like(wg_tape *tape, uint32_t id, double value) {
    const wg_node *node = &tape->nodes.at[id];
    if (node->flags & WG_NODE_WEAK && node->rank == 0) return (wg_scalar)(tape, value);
    const wg_type type = wg_node_type(tape, node);
    wg_shape shape;
    memcpy(shape.extent, type.extent, sizeof type.extent);
    shape.extent[type.rank] = INT64_MIN;
    return (wg_full)(tape, type.dtype, &shape, value);
}

/* Checks y and seed; the seed, made where none was given. */
static wg_var seed_for(wg_tape *tape, wg_var y, wg_var seed) {
    const wg_type type = wg_type_of(y), have = wg_type_of(seed);
    char text[WG_TEXT_SIZE], seed_text[WG_TEXT_SIZE];
    wg_type_text(text, &type, true);
    if (!wg_dtype_real(type.dtype))
        return wg_fail(tape, WG_ERROR_GRADIENT, "wg_grad: y is %s; only f32 and f64 have gradients", text);
    if (!seed.tape) {
        if (wg_type_count(&type) == 1) return full_like(tape, y.id, 1.0);
        return wg_fail(tape, WG_ERROR_GRADIENT,
                       "wg_grad: y is %s; the gradient of more than one element needs a seed (wg_grad_list), "
                       "or reduce y first",
                       text);
    }
    if (!wg_tape_owns(tape, seed, "wg_grad: the seed")) return wg_invalid(tape);
    if (!wg_shape_equal(&have, &type) ||
        (have.dtype != type.dtype && !(tape->nodes.at[seed.id].flags & WG_NODE_WEAK)))
        return wg_fail(tape, WG_ERROR_GRADIENT, "wg_grad: the seed is %s, y is %s; they must be alike",
                       wg_type_text(seed_text, &have, true), text);
    return have.dtype == type.dtype ? seed : (wg_cast)(seed, type.dtype);
}

/* No cotangent arrived at x: zeros, unless that is because something stands in the way. */
static wg_var gradient_of_none(wg_tape *tape, wg_var y, wg_var x) {
    uint32_t blocker;
    const int path = wg_find_paths(tape, y.id, &x, 1, &blocker);
    if (path < 0) return wg_invalid(tape);
    if (path != PATH_BLOCKED) return full_like(tape, x.id, 0.0);
    const wg_node *node = &tape->nodes.at[blocker];
    const wg_site site = tape->sites.at[node->site];
    return wg_fail(
        tape, WG_ERROR_GRADIENT,
        "wg_grad: every path from x to y is blocked by an op without gradient: %s, recorded at %s:%d",
        node->op->name, site.file ? site.file : "a line not known", site.line);
}

int wg_grad_list(wg_var y, wg_var seed, const wg_var *inputs, int count, wg_var *gradients) {
    wg_tape *tape = y.tape;
    if (count > 0 && (!inputs || !gradients))
        return wg_fail(tape, WG_ERROR_TAPE, "wg_grad_list: the list of %s is NULL",
                       inputs ? "gradients" : "inputs"),
               WG_ERROR_TAPE;
    for (int i = 0; i < count; i++) gradients[i] = wg_invalid(tape);
    if (!tape) return WG_ERROR_TAPE;
    bool good = wg_tape_owns(tape, y, "wg_grad: y");
    for (int i = 0; i < count && good; i++) {
        char text[WG_TEXT_SIZE];
        good = wg_tape_owns(tape, inputs[i], "wg_grad: x");
        const wg_type type = wg_type_of(inputs[i]);
        if (good && !wg_dtype_real(type.dtype))
            good = !wg_tape_fail(tape, WG_ERROR_GRADIENT, "wg_grad: x is %s; only f32 and f64 have gradients",
                                 wg_type_text(text, &type, true));
    }
    if (good) seed = seed_for(tape, y, seed);
    uint32_t blocker;
    if (tape->error.status || wg_find_paths(tape, y.id, inputs, count, &blocker) < 0 ||
        !wg_reverse(tape, y, seed))
        return tape->error.status;
    for (int i = 0; i < count; i++) {
        const uint32_t place = wg_rank(tape, inputs[i].id);
        const uint32_t cotangent = place == WG_UNRANKED || tape->paths.at[place] != PATH_OPEN
                                       ? WG_ABSENT
                                       : tape->cotangents.at[place];
        gradients[i] = cotangent == WG_ABSENT ? WG_NONE : wg_var_of(tape, cotangent);
    }
    for (int i = 0; i < count; i++) /* after all have been read: it walks anew */
        if (!gradients[i].tape) gradients[i] = gradient_of_none(tape, y, inputs[i]);
    for (int i = 0; i < count && tape->error.status; i++) gradients[i] = wg_invalid(tape);
    return tape->error.status;
}

wg_var (wg_grad)(wg_var y, wg_var x) {
    wg_var gradient;
    wg_grad_list(y, WG_NONE, &x, 1, &gradient);
    return gradient;
}

int wg_grad_list_at_(wg_var y, wg_var seed, const wg_var *inputs, int count, wg_var *gradients,
                     const char *file, int line) {
    const int status = wg_grad_list(y, seed, inputs, count, gradients);
    wg_at_(y, file, line);
    return status;
}
