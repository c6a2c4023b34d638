/* record — puts an operation on the tape: inputs checked, weak scalars converted, shapes and dtypes
 * inferred, attributes copied. The first room. */
#include "tape/tape.h"
#include <stdlib.h>
#include <wengert/ops.h>

enum { MAX_OUTPUTS = 4, FEW_INPUTS = 64, ATTRIBUTE_WORDS = 64, MAX_ELEMENTWISE = 16 };

/* Everything about the node to be recorded. */
typedef struct pending {
    wg_tape *tape;
    const wg_op *op;
    uint32_t *inputs;
    wg_type *types, *outputs;
    uint64_t *attributes;
    int count;
    bool weak;
} pending;

/* Has it no kernel of its own? */
static bool is_composed(const wg_op *op) { return op->expand && !op->forward; }

struct wg_infer_state {
    wg_tape *tape;
    char text[8][WG_TEXT_SIZE];
    int next_text;
};

int wg_infer_fail(wg_infer *infer, int status, const char *format, ...) {
    char text[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return wg_tape_fail(infer->state_->tape, status, "%s: %s", infer->op->name, text);
}

static char *next_text(wg_infer *infer) { return infer->state_->text[infer->state_->next_text++ % 8]; }
const char *wg_infer_text(wg_infer *infer, const wg_type *type) {
    return wg_type_text(next_text(infer), type, true);
}
const char *wg_infer_shape_text(wg_infer *infer, const wg_type *type) {
    return wg_type_text(next_text(infer), type, false);
}

/* The weak scalar as this dtype, recorded when it is first wanted: a scalar that meets many tensors is one
 * node. */
static uint32_t cast_of(wg_tape *tape, uint32_t scalar, wg_dtype dtype) {
    const uint64_t hash = ((uint64_t)scalar << 8 | (uint64_t)dtype) * 0x9E3779B97F4A7C15u;
    size_t probe = 0;
    for (uint32_t id; (id = wg_table_next(&tape->cast_table, hash, &probe)) != UINT32_MAX;) {
        const wg_node *node = &tape->nodes.at[id];
        if (wg_edge(tape, node, 0) == scalar && node->dtype == (uint8_t)dtype) return id;
    }
    const uint32_t id = (wg_cast)(wg_var_of(tape, scalar), dtype).id;
    if (id != WG_INVALID_ID && !wg_table_add(&tape->cast_table, hash, id)) wg_tape_no_memory(tape);
    return tape->error.status ? WG_INVALID_ID : id;
}

/* Weak scalars take the dtype of the first real input that is not weak; without one the result is weak. */
static bool convert_weak(pending *p) {
    const wg_node *nodes = p->tape->nodes.at;
    wg_dtype dtype = WG_NO_DTYPE;
    bool any_weak = false;
    for (int i = 0; i < p->count; i++) {
        if (p->inputs[i] == WG_ABSENT) continue;
        const wg_node *node = &nodes[p->inputs[i]];
        if (node->flags & WG_NODE_WEAK)
            any_weak = true;
        else if (!dtype && wg_dtype_real((wg_dtype)node->dtype))
            dtype = (wg_dtype)node->dtype;
    }
    p->weak = any_weak && !dtype;
    if (!any_weak || !dtype) return true;
    for (int i = 0; i < p->count; i++) {
        if (p->inputs[i] == WG_ABSENT || !(p->tape->nodes.at[p->inputs[i]].flags & WG_NODE_WEAK)) continue;
        p->inputs[i] = cast_of(p->tape, p->inputs[i], dtype);
        if (p->inputs[i] == WG_INVALID_ID) return false;
    }
    return true;
}

/* The engine relies on what the flags promise of shapes: it would read and write past the ends otherwise. */
static bool keeps_promises(const pending *p) {
    const wg_op *op = p->op;
    bool good = true;
    if (op->flags & WG_VIEW)
        good = p->count > 0 && p->inputs[0] != WG_ABSENT &&
               wg_type_bytes(&p->outputs[0]) == wg_type_bytes(&p->types[0]);
    if (op->flags & WG_ELEMENTWISE) {
        for (int i = 1; good && i < op->outputs; i++) good = wg_shape_equal(&p->outputs[i], &p->outputs[0]);
        for (int i = 0; good && i < p->count; i++)
            good = p->inputs[i] == WG_ABSENT || wg_broadcasts_to(&p->types[i], &p->outputs[0]);
    }
    char text[WG_TEXT_SIZE];
    if (!good)
        wg_tape_fail(p->tape, WG_ERROR_SHAPE, "%s: its shape rule gives %s, which %s cannot have", op->name,
                     wg_type_text(text, &p->outputs[0], true),
                     op->flags & WG_VIEW
                         ? "a view of input 0 (WG_VIEW)"
                         : "the result of these inputs, element by element (WG_ELEMENTWISE),");
    return good;
}

static bool infer(pending *p) {
    struct wg_infer_state state; /* its text is written before it is read */
    state.tape = p->tape;
    state.next_text = 0;
    for (int i = 0; i < p->count; i++) {
        if (p->inputs[i] == WG_ABSENT)
            p->types[i] = (wg_type){0};
        else
            wg_node_type_to(&p->types[i], p->tape, &p->tape->nodes.at[p->inputs[i]]);
    }
    for (int i = 0; i < p->op->outputs; i++) p->outputs[i] = (wg_type){0};
    wg_infer rule = {p->op, p->count, p->op->outputs, p->types, p->attributes, p->outputs, &state};
    if (p->op->infer(&rule)) {
        if (!p->tape->error.status) /* the rule returned a failure without saying what */
            wg_tape_fail(p->tape, WG_ERROR_SHAPE, "%s: its shape rule refuses these inputs", p->op->name);
        return false;
    }
    char text[WG_TEXT_SIZE];
    for (int i = 0; i < p->op->outputs; i++) {
        const wg_type *type = &p->outputs[i];
        const bool as_input = p->count > 0 && p->inputs[0] != WG_ABSENT && wg_type_equal(type, &p->types[0]);
        if (as_input) continue; /* which has been looked at */
        bool good = type->rank >= 0 && type->rank <= WG_MAX_RANK && wg_dtype_size(type->dtype) > 0;
        for (int k = 0; good && k < type->rank; k++) good = type->extent[k] >= 0;
        if (!good)
            return wg_tape_fail(p->tape, WG_ERROR_SHAPE,
                                "%s: its shape rule left output %d without a valid type", p->op->name, i),
                   false;
        if (!wg_type_fits(type))
            return wg_tape_fail(p->tape, WG_ERROR_SHAPE,
                                "%s: the result %s has more bytes than 64 bits can count", p->op->name,
                                wg_type_text(text, type, true)),
                   false;
    }
    return keeps_promises(p);
}

/* Where the type's extents begin: often those of an input. */
static uint32_t place_extents(const pending *p, const wg_type *type) {
    wg_tape *tape = p->tape;
    for (int i = 0; i < p->count && i < 2; i++)
        if (p->inputs[i] != WG_ABSENT && wg_shape_equal(type, &p->types[i]))
            return tape->nodes.at[p->inputs[i]].extents;
    const uint32_t at = (uint32_t)tape->extents.count;
    if (type->rank) memcpy(tape->extents.at + at, type->extent, (size_t)type->rank * sizeof *type->extent);
    tape->extents.count += (size_t)type->rank;
    return at;
}

/* All memory first, so that a node is recorded whole or not at all. */
static wg_var append(const pending *p) {
    wg_tape *tape = p->tape;
    const size_t words = (p->op->attributes_size + 7) / 8;
    if (tape->nodes.count + MAX_OUTPUTS >= WG_INVALID_ID)
        return wg_fail(tape, WG_ERROR_MEMORY, "%s: a tape holds at most %u nodes", p->op->name,
                       WG_INVALID_ID);
    if (!WG_TAPE_ROOM(tape, nodes, MAX_OUTPUTS) || !WG_TAPE_ROOM(tape, edges, (size_t)p->count) ||
        !WG_TAPE_ROOM(tape, attributes, words) || !WG_TAPE_ROOM(tape, extents, MAX_OUTPUTS * WG_MAX_RANK))
        return wg_invalid(tape);
    const uint32_t id = (uint32_t)tape->nodes.count;
    wg_node node = {.op = p->op,
                    .inputs = (uint32_t)tape->edges.count,
                    .attributes = (uint32_t)tape->attributes.count,
                    .site = tape->site_now,
                    .scope = tape->scope_now,
                    .input_count = (uint16_t)p->count,
                    .output_count = (uint8_t)p->op->outputs};
    for (int i = 0; i < p->count; i++) tape->edges.at[tape->edges.count++] = p->inputs[i];
    if (words) memcpy(tape->attributes.at + tape->attributes.count, p->attributes, words * 8);
    tape->attributes.count += words;
    for (int i = 0; i < p->op->outputs; i++) {
        const wg_type *type = &p->outputs[i];
        node.output = (uint8_t)i;
        node.rank = (uint8_t)type->rank;
        node.dtype = (uint8_t)type->dtype;
        node.extents = place_extents(p, type);
        const bool weak = p->weak && wg_dtype_real(type->dtype) && p->op != &wg_op_state;
        node.flags = (uint8_t)(tape->flags_now | (weak ? WG_NODE_WEAK : 0));
        tape->nodes.at[tape->nodes.count++] = node;
        node.input_count = 0;
    }
    return wg_var_of(tape, id);
}

/* An error in what the op is composed of is the op's: its name comes first. */
static void name_in_error(wg_tape *tape, const wg_op *op) {
    char text[sizeof tape->error.message];
    memcpy(text, tape->error.message, sizeof text);
    snprintf(tape->error.message, sizeof tape->error.message, "%.80s: %.900s", op->name, text);
}

/* What the op is composed of, recorded on inputs that its shape rule has accepted. */
static wg_var record_expansion(const pending *p) {
    wg_tape *tape = p->tape;
    wg_var few[FEW_INPUTS + 1], *inputs = few;
    if (p->count > FEW_INPUTS && !(inputs = malloc(((size_t)p->count + 1) * sizeof *inputs)))
        return wg_tape_no_memory(tape), wg_invalid(tape);
    for (int i = 0; i < p->count; i++)
        inputs[i] = p->inputs[i] == WG_ABSENT ? WG_NONE : wg_var_of(tape, p->inputs[i]);
    inputs[p->count] = (wg_var)WG_END_;
    const bool within = wg_inner_begin(tape), is_part = tape->composing;
    tape->composing = true;
    const uint32_t begin = (uint32_t)tape->nodes.count;
    const wg_var result = p->op->expand(tape, inputs, p->attributes);
    tape->composing = is_part;
    wg_inner_end(tape, within);
    if (inputs != few) free(inputs);
    if (tape->error.status) return name_in_error(tape, p->op), wg_invalid(tape);
    if (!wg_is_on(tape, result))
        return wg_fail(tape, WG_ERROR_TAPE, "%s: its expansion is no var of this tape", p->op->name);
    if (!within) tape->nodes.at[result.id].flags &= (uint8_t)~WG_NODE_INNER;
    if (!is_part) {
        if (!WG_TAPE_ROOM(tape, compositions, 1)) return wg_invalid(tape);
        tape->compositions.at[tape->compositions.count++] =
            (wg_composition){begin, (uint32_t)tape->nodes.count, p->op};
    }
    wg_type type;
    char got[WG_TEXT_SIZE], promised[WG_TEXT_SIZE];
    wg_node_type_to(&type, tape, &tape->nodes.at[result.id]);
    if (wg_type_equal(&type, &p->outputs[0])) return result;
    return wg_fail(tape, WG_ERROR_SHAPE, "%s: it expands to %s, and its shape rule says %s", p->op->name,
                   wg_type_text(got, &type, true), wg_type_text(promised, &p->outputs[0], true));
}

const wg_op *wg_composed_of(const wg_tape *tape, uint32_t id) {
    size_t low = 0, high = tape->compositions.count; /* the first that ends behind the node is in between */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (tape->compositions.at[middle].end <= id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == tape->compositions.count || tape->compositions.at[low].begin > id) return NULL;
    return tape->compositions.at[low].op;
}

static wg_var record_with(pending *p, const void *attributes) {
    const wg_op *op = p->op;
    const size_t size = op->attributes_size;
    if (size > ATTRIBUTE_WORDS * sizeof *p->attributes)
        return wg_fail(p->tape, WG_ERROR_ATTRIBUTE, "%s: its attributes take %zu bytes; at most %zu",
                       op->name, size, ATTRIBUTE_WORDS * sizeof *p->attributes);
    if (size) {
        p->attributes[(size - 1) / 8] = 0; /* the tail of the last word */
        if (!attributes)
            return wg_fail(p->tape, WG_ERROR_ATTRIBUTE, "%s: needs its attributes; use wg_apply_with",
                           op->name);
        memcpy(p->attributes, attributes, size);
        if (wg_attributes_check(p->tape, op, p->attributes)) return wg_invalid(p->tape);
    }
    if (!convert_weak(p) || !infer(p)) return wg_invalid(p->tape);
    if (is_composed(op)) return record_expansion(p);
    if (op == &wg_op_scalar) p->weak = true;
    if (op->flags & WG_NAMES_DTYPE) p->weak = false;
    return append(p);
}

wg_var wg_record(wg_tape *tape, const wg_op *op, const void *attributes, uint32_t *inputs, int count) {
    if (tape->error.status) return wg_invalid(tape);
    const int most = op->inputs_max ? op->inputs_max : op->inputs;
    if (count < op->inputs || (most >= 0 && count > most) || count > UINT16_MAX)
        return wg_fail(tape, WG_ERROR_TAPE, "%s: %d inputs given; it takes %d%s", op->name, count, op->inputs,
                       most < 0            ? " or more"
                       : most > op->inputs ? " or some more"
                                           : "");
    if (op->flags & WG_ELEMENTWISE && count + op->outputs > MAX_ELEMENTWISE)
        return wg_fail(tape, WG_ERROR_TAPE, "%s: an elementwise op has at most %d inputs and outputs",
                       op->name, MAX_ELEMENTWISE);
    /* Beside p, not in it: to clear them would take longer than to record. */
    wg_type few_types[FEW_INPUTS], outputs[MAX_OUTPUTS];
    uint64_t words[ATTRIBUTE_WORDS];
    pending p = {.tape = tape,
                 .op = op,
                 .inputs = inputs,
                 .types = few_types,
                 .outputs = outputs,
                 .attributes = words,
                 .count = count};
    if (count > FEW_INPUTS && !(p.types = malloc((size_t)count * sizeof *p.types)))
        return wg_tape_no_memory(tape), wg_invalid(tape);
    const wg_var result = record_with(&p, attributes);
    if (p.types != few_types) free(p.types);
    return result;
}

/* --- From vars -------------------------------------------------------------------------------- */

static bool sound(wg_tape *tape, const wg_op *op, size_t op_size) {
    if (!op || op_size < sizeof(wg_op))
        return wg_tape_fail(tape, WG_ERROR_UNSUPPORTED,
                            "wg_apply: the op is NULL or was built against another version of the library"),
               false;
    if (!op->name || !*op->name)
        return wg_tape_fail(tape, WG_ERROR_NAME, "wg_apply: the op has no name"), false;
    if (!op->infer)
        return wg_tape_fail(tape, WG_ERROR_UNSUPPORTED, "%s: the op has no shape rule (infer)", op->name),
               false;
    if (!op->forward && !op->expand && !(op->flags & WG_VIEW) && !wg_is_leaf(op))
        return wg_tape_fail(tape, WG_ERROR_UNSUPPORTED,
                            "%s: the op has neither a kernel (forward) nor an expansion (expand)", op->name),
               false;
    if (is_composed(op) && op->outputs != 1)
        return wg_tape_fail(
                   tape, WG_ERROR_UNSUPPORTED,
                   "%s: an op that is composed of others (expand without forward) has one output, not %d",
                   op->name, op->outputs),
               false;
    if (op->outputs < 1 || op->outputs > MAX_OUTPUTS)
        return wg_tape_fail(tape, WG_ERROR_UNSUPPORTED,
                            "%s: the op says it has %d outputs; 1 to %d are possible", op->name, op->outputs,
                            MAX_OUTPUTS),
               false;
    if (op->typed_by < 0)
        return wg_tape_fail(tape, WG_ERROR_UNSUPPORTED,
                            "%s: the op says that input %d names its kernel's dtype", op->name, op->typed_by),
               false;
    return true;
}

/* The tape that the vars are of; the first one that names any. */
static wg_tape *tape_of(const wg_var *vars, int *count) {
    wg_tape *tape = NULL;
    for (*count = 0; vars && (vars[*count].tape || vars[*count].id != UINT32_MAX); ++*count)
        if (!tape) tape = vars[*count].tape;
    return tape;
}

static bool is_none(wg_var var) { return !var.tape; }

wg_var wg_apply_list(const wg_op *op, size_t op_size, const void *attributes, const wg_var *inputs) {
    int count;
    wg_tape *tape = tape_of(inputs, &count);
    if (!tape) return wg_invalid(NULL);
    if (!sound(tape, op, op_size)) return wg_invalid(tape);
    while (count > op->inputs && is_none(inputs[count - 1])) count--;
    uint32_t few[FEW_INPUTS], *ids = few;
    if (count > FEW_INPUTS && !(ids = malloc((size_t)count * sizeof *ids)))
        return wg_tape_no_memory(tape), wg_invalid(tape);
    bool good = true;
    for (int i = 0; i < count && good; i++) {
        const bool optional = op->inputs_max >= 0 && i >= op->inputs;
        ids[i] = inputs[i].id;
        if (optional && is_none(inputs[i])) {
            ids[i] = WG_ABSENT;
        } else if (!wg_is_on(tape, inputs[i])) {
            char what[80];
            snprintf(what, sizeof what, "%.40s: input %d", op->name, i);
            good = wg_tape_owns(tape, inputs[i], what);
        }
    }
    const wg_var result = good ? wg_record(tape, op, attributes, ids, count) : wg_invalid(tape);
    if (ids != few) free(ids);
    return result;
}

wg_var (wg_output)(wg_var var, int index) {
    wg_tape *tape = var.tape;
    if (!tape || !wg_tape_owns(tape, var, "wg_output: the argument")) return wg_invalid(tape);
    const wg_node *node = &tape->nodes.at[var.id];
    if (node->output != 0 || index < 0 || index >= node->output_count)
        return wg_fail(tape, WG_ERROR_ATTRIBUTE, "wg_output: %s has outputs 0 to %d; %d was asked for",
                       node->op->name, node->output_count - 1, index);
    return wg_var_of(tape, var.id + (uint32_t)index);
}
