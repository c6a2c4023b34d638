/* key — by what a plan is found again: the structure of what was recorded, as words.
 *
 * In it: ops, structural attributes, edges in canonical numbering, types of leaves, roots,
 * which leaf reads a state that is assigned. Not in it:
 * labels, lines, addresses of tensors and states, value attributes. Types of other nodes follow from
 * these through the shape rules, so they are left out. */
#include "lower/lower.h"

/* Each function writes its words at `at` and returns where the next ones go; add_node sees to the room. */
enum { SHAPE_WORDS = 1 + WG_MAX_RANK };

static uint64_t *add_type(uint64_t *at, const wg_tape *tape, const wg_node *node) {
    *at++ = (uint64_t)node->dtype << 8 | node->rank;
    for (int i = 0; i < node->rank; i++) *at++ = (uint64_t)tape->extents.at[node->extents + (uint32_t)i];
    return at;
}

/* One structural attribute; at most as many words as it has bytes. */
static uint64_t *add_attribute(uint64_t *at, const wg_attribute *a, const void *attributes) {
    const char *member = (const char *)attributes + a->offset;
    if (a->kind == WG_ATTRIBUTE_AXES) { /* what stands behind the sentinel is no part of it */
        const wg_axes *axes = (const void *)member;
        for (int i = 0; i <= WG_MAX_RANK; i++) {
            *at++ = (uint64_t)(int64_t)axes->axis[i];
            if (axes->axis[i] == INT_MIN) break;
        }
    } else if (a->kind == WG_ATTRIBUTE_SHAPE) {
        const wg_type *type = (const void *)member;
        *at++ = (uint64_t)type->rank;
        for (int i = 0; i < type->rank; i++) *at++ = (uint64_t)type->extent[i];
    } else {
        for (size_t size = wg_attribute_size(a), done = 0; done < size; done += 8) {
            uint64_t word = 0;
            memcpy(&word, member + done, size - done < 8 ? size - done : 8);
            *at++ = word;
        }
    }
    return at;
}

static uint64_t *add_attributes(uint64_t *at, const wg_tape *tape, const wg_node *node) {
    const wg_op *op = node->op;
    const void *attributes = wg_node_attributes(tape, node);
    if (!op->attributes && op->attributes_size) { /* no schema: all of it decides */
        const uint64_t *words = attributes;
        for (size_t i = 0; i < (op->attributes_size + 7) / 8; i++) *at++ = words[i];
    }
    for (const wg_attribute *a = op->attributes; a && a->name; a++)
        if (!a->is_value) at = add_attribute(at, a, attributes);
    return at;
}

/* Flags and number of inputs, then the inputs' places, two to a word. */
static uint64_t *add_inputs(uint64_t *at, const wg_tape *tape, const wg_node *node) {
    uint64_t word = (uint64_t)node->flags << 16 | node->input_count;
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t edge = wg_edge(tape, node, i);
        word = word << 32 | (edge == WG_ABSENT ? WG_ABSENT : wg_rank(tape, edge));
        if (i % 2 == 0) *at++ = word;
    }
    if (node->input_count % 2 == 0) *at++ = word;
    return at;
}

static bool add_node(wg_tape *tape, uint32_t id) {
    const wg_node *node = &tape->nodes.at[id];
    const size_t most = 4 + SHAPE_WORDS + node->input_count + node->op->attributes_size + 16;
    if (!WG_TAPE_ROOM(tape, key, most)) return false;
    uint64_t *at = tape->key.at + tape->key.count;
    if (wg_at_hand(tape, node)) {
        *at++ = 1;
        at = add_type(at, tape, node);
    } else if (node->output > 0) {
        *at++ = 2;
        *at++ = (uint64_t)wg_rank(tape, id - node->output) << 8 | node->output;
    } else {
        *at++ = (uint64_t)(uintptr_t)node->op;
        at = add_inputs(at, tape, node);
        at = add_attributes(at, tape, node);
    }
    tape->key.count = (size_t)(at - tape->key.at);
    return true;
}

/* Which leaf an assigned state is read by, if any: the plan may write the new content over the old. */
static uint64_t read_by(const wg_tape *tape, const wg_state *state) {
    const uint32_t id = wg_read_of(tape, state);
    const uint32_t place = id == WG_ABSENT ? WG_UNRANKED : wg_rank(tape, id);
    return place == WG_UNRANKED || wg_at_hand(tape, &tape->nodes.at[id]) ? WG_ABSENT : place;
}

bool wg_write_key(wg_tape *tape, const uint32_t *roots, const wg_root_counts *count,
                  const wg_lower_settings *settings) {
    tape->key.count = 0;
    for (size_t i = 0; i < tape->order.count; i++)
        if (!add_node(tape, tape->order.at[i])) return false;
    const size_t all = wg_root_count(count);
    if (!WG_TAPE_ROOM(tape, key, all + count->assigns + 4)) return false;
    uint64_t *at = tape->key.at + tape->key.count;
    for (size_t i = 0; i < all; i++) *at++ = wg_rank(tape, roots[i]);
    for (size_t i = 0; i < count->assigns; i++) *at++ = read_by(tape, tape->assigns.at[i].state);
    *at++ = count->results;
    *at++ = count->assigns;
    *at++ = count->guards;
    *at++ = settings->disabled;
    tape->key.count = (size_t)(at - tape->key.at);
    return true;
}
