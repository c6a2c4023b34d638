/* nodes — runs a lowered graph node by node on one thread, every value in memory of its own that is filled
 * with signalling NaNs before: no fusion, no placement, nothing shared. Slow, and simple enough to be
 * believed. */
#include "run/run.h"
#include <math.h>
#include <stdlib.h>

typedef struct by_node {
    wg_run *run;
    void **memory; /* by value, of those that own bytes; of a dense leaf: not its own */
    bool *own;
} by_node;

void wg_poison(void *memory, size_t bytes) {
    const uint64_t nan = 0x7FF4DEAD7FA4DEADu;
    for (size_t i = 0; i < bytes; i += 8) memcpy((char *)memory + i, &nan, bytes - i < 8 ? bytes - i : 8);
}

static void *poisoned(const wg_type *type) {
    const size_t bytes = wg_round_up(wg_type_bytes(type) + 1, WG_ALIGNMENT);
    void *memory = NULL;
    if (posix_memalign(&memory, WG_ALIGNMENT, bytes)) return NULL;
    wg_poison(memory, bytes);
    return memory;
}

static bool all_finite(const void *data, const wg_type *type) {
    const int64_t count = wg_type_count(type);
    for (int64_t i = 0; i < count; i++) {
        const double x = type->dtype == WG_F32   ? (double)((const float *)data)[i]
                         : type->dtype == WG_F64 ? ((const double *)data)[i]
                                                 : 0.0;
        if (!isfinite(x)) return false;
    }
    return true;
}

static void *memory_of(const by_node *b, uint32_t value) {
    return b->memory[wg_bytes_of(&b->run->plan->low, value)];
}

/* An operand of an elementwise kernel, spread out to the shape of its output; *spread is to be freed. */
static wg_operand spread_out(by_node *b, uint32_t value, const wg_type *to, void **spread) {
    const wg_type *type = &b->run->plan->low.values.at[value].type;
    wg_operand operand = {memory_of(b, value), *to};
    operand.type.dtype = type->dtype;
    if (!wg_shape_equal(type, to)) {
        operand.data = *spread = poisoned(&operand.type);
        if (*spread) wg_gather_run(*spread, memory_of(b, value), type, to, 0, wg_type_count(to));
    }
    return operand;
}

static int run_kernel(by_node *b, const wg_low_node *node, wg_operand *operands, void **spread) {
    wg_run *run = b->run;
    const wg_lowered *low = &run->plan->low;
    struct wg_call_state state = {run->failure, &run->order[node->source]};
    wg_call call;
    wg_low_call(low, node, wg_run_attributes(run, node), operands, &call);
    call.state_ = &state;
    for (uint32_t i = 0; i < wg_op_inputs(node); i++) {
        const uint32_t value = low->edges.at[node->inputs + i];
        if (value == WG_ABSENT) continue;
        if (wg_is_tiled(node))
            operands[i] = spread_out(b, value, &low->values.at[node->outputs].type, &spread[i]);
        else
            operands[i].data = memory_of(b, value);
        if (!operands[i].data) return WG_ERROR_MEMORY;
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        const uint32_t value = node->outputs + i;
        operands[wg_op_inputs(node) + i].data = b->memory[value] = poisoned(&low->values.at[value].type);
        b->own[value] = true;
        if (!b->memory[value]) return WG_ERROR_MEMORY;
    }
    if (node->accumulates) {
        const uint32_t sum = wg_sum_of(low, node);
        memcpy(b->memory[node->outputs], memory_of(b, sum), wg_type_bytes(&low->values.at[sum].type));
    }
    call.end = wg_is_tiled(node)    ? wg_type_count(&low->values.at[node->outputs].type)
               : node->kernel.units ? node->kernel.units(&call)
                                    : 1;
    const size_t workspace = node->kernel.workspace ? node->kernel.workspace(&call) : 0;
    if (posix_memalign(&call.workspace, WG_ALIGNMENT, wg_round_up(workspace + 1, WG_ALIGNMENT)))
        return WG_ERROR_MEMORY;
    if (call.end > 0) node->kernel.run(&call);
    free(call.workspace);
    return atomic_load(&run->failure->status);
}

static int run_leaf(by_node *b, const wg_low_node *node) {
    const wg_tensor *tensor = wg_leaf_tensor(b->run, node);
    void **memory = &b->memory[node->outputs];
    if (node->dense) {
        *memory = tensor->data;
        return WG_OK;
    }
    *memory = poisoned(&tensor->type);
    b->own[node->outputs] = true;
    if (!*memory) return WG_ERROR_MEMORY;
    wg_tensor_gather(tensor, *memory);
    return WG_OK;
}

/* Does the value hold only finite numbers? Else that is the failure. */
static int check_finite(const by_node *b, uint32_t value) {
    const wg_lowered *low = &b->run->plan->low;
    const wg_type *type = &low->values.at[value].type;
    if (all_finite(memory_of(b, value), type)) return WG_OK;
    char text[WG_TEXT_SIZE];
    wg_failure *failure = b->run->failure;
    const wg_low_node *node = wg_maker(low, value);
    failure->node = wg_tape_node(b->run, node);
    snprintf(failure->message, sizeof failure->message,
             "%.60s: the result %s holds NaN or infinity; nothing was assigned", node->op->name,
             wg_type_text(text, type, true));
    atomic_store(&failure->status, WG_ERROR_NOT_FINITE);
    return WG_ERROR_NOT_FINITE;
}

static int run_node(by_node *b, const wg_low_node *node) {
    if (node->leaf) return run_leaf(b, node);
    void *few[64] = {0}, **spread = node->input_count > 64 ? calloc(node->input_count, sizeof *spread) : few;
    const int status = spread ? run_kernel(b, node, b->run->operands, spread) : WG_ERROR_MEMORY;
    for (uint32_t i = 0; spread && i < node->input_count; i++) free(spread[i]);
    if (spread != few) free(spread);
    return status;
}

/* The node, and a look at the leaves that it reads and at what it makes. */
static int run_checked(by_node *b, const wg_low_node *node) {
    const wg_lowered *low = &b->run->plan->low;
    int status = WG_OK;
    for (uint32_t i = 0; !status && i < node->input_count; i++) {
        const uint32_t value = low->edges.at[node->inputs + i];
        if (value != WG_ABSENT && wg_maker(low, wg_bytes_of(low, value))->leaf)
            status = check_finite(b, value);
    }
    if (status) return status;
    status = run_node(b, node);
    for (uint32_t i = 0; i < node->output_count && (!status || status == WG_ERROR_NOT_FINITE); i++)
        if (check_finite(b, node->outputs + i)) return WG_ERROR_NOT_FINITE;
    return status;
}

static int run_all(by_node *b, bool finite_only) {
    const wg_plan *plan = b->run->plan;
    int status = WG_OK;
    for (size_t i = 0; !status && i < plan->low.nodes.count; i++) {
        const wg_low_node *node = &plan->low.nodes.at[i];
        if (node->leaf && node->dense) status = run_leaf(b, node);
    }
    for (size_t i = 0; !status && i < plan->order.count; i++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->order.at[i]];
        if (!finite_only) status = wg_run_stopped(b->run);
        if (!status) status = finite_only ? run_checked(b, node) : run_node(b, node);
    }
    return status || finite_only ? status : wg_run_stopped(b->run);
}

/* Copies what was asked for. What states get is copied once more before the first of them changes, for it may
 * lie in another one. */
static int hand_over(const by_node *b) {
    const wg_run *run = b->run;
    const wg_lowered *low = &run->plan->low;
    const uint32_t *assigned = low->roots + low->count.results;
    void **content = calloc(low->count.assigns + 1, sizeof *content);
    int status = content ? WG_OK : WG_ERROR_MEMORY;
    for (size_t i = 0; !status && i < low->count.results; i++) {
        const size_t bytes = wg_type_bytes(&run->results[i]->type);
        if (bytes) memcpy(run->results[i]->data, memory_of(b, low->roots[i]), bytes);
    }
    for (size_t i = 0; !status && i < low->count.assigns; i++) {
        const size_t bytes = wg_type_bytes(&low->values.at[assigned[i]].type);
        if (!(content[i] = poisoned(&low->values.at[assigned[i]].type))) status = WG_ERROR_MEMORY;
        if (content[i] && bytes) memcpy(content[i], memory_of(b, assigned[i]), bytes);
    }
    for (size_t i = 0; content && i < low->count.assigns; i++) {
        const size_t bytes = wg_type_bytes(&low->values.at[assigned[i]].type);
        if (!status && bytes) memcpy(run->states[i]->tensor->data, content[i], bytes);
        free(content[i]);
    }
    free(content);
    return status;
}

int wg_run_nodes(wg_run *run, bool finite_only) {
    const wg_plan *plan = run->plan;
    const size_t values = plan->low.values.count;
    by_node b = {
        .run = run, .memory = calloc(values + 1, sizeof *b.memory), .own = calloc(values + 1, sizeof *b.own)};
    int status = b.memory && b.own ? WG_OK : WG_ERROR_MEMORY;
    if (!status) status = run_all(&b, finite_only);
    if (!status && !finite_only) status = hand_over(&b);
    for (size_t i = 0; b.memory && b.own && i < values; i++)
        if (b.own[i]) free(b.memory[i]);
    free(b.memory);
    free(b.own);
    return status;
}
