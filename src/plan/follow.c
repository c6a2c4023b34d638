/* follow — may a kernel follow another one in its step? The first writes its output run by run; the second
 * reads equal parts of it, one a unit, and whole numbers of them make up a run: so a thread that has made a
 * run, and done on it what elementwise members do, can go on while it is in the second-level cache. A value
 * that nobody else reads is then never stored whole. */
#include "plan/plan.h"

enum {
    MOST_RUN_BYTES = 1 << 18, /* what is worked on must stay in half of a second-level cache: 512 KiB here */
    LEAST_RUNS = 4            /* with fewer, a run in each thread's workspace would save no memory */
};

/* Does the node read as input 0 a value of the leader's output's shape that its step makes, and nothing else
 * of the step? */
static bool reads_step(const wg_plan *plan, uint32_t step, const wg_low_node *leader,
                       const wg_low_node *node) {
    const wg_lowered *low = &plan->low;
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t value = low->edges.at[node->inputs + k];
        if (value == WG_ABSENT && k > 0) continue;
        if (value == WG_ABSENT) return false;
        const wg_low_node *maker = wg_maker(low, wg_bytes_of(low, value));
        const uint32_t made = plan->step_of[low->values.at[wg_bytes_of(low, value)].node];
        if (k > 0 && made != WG_ABSENT && made >= step) return false;
        if (k > 0) continue;
        if (made != step || low->values.at[value].view_of != WG_ABSENT ||
            (!wg_is_tiled(maker) && value != leader->outputs) ||
            !wg_shape_equal(&low->values.at[value].type, &low->values.at[leader->outputs].type))
            return false;
    }
    return node->input_count > 0;
}

/* The most elements of a run, if each is made up of parts of so many elements; -1: not. */
static int64_t longest_run(const wg_call *call, const wg_kernel *kernel, int64_t elements, int64_t part) {
    const int64_t units = kernel->units ? kernel->units(call) : 1;
    int64_t longest = 0;
    if (units < LEAST_RUNS) return -1;
    for (int64_t u = 0; u < units; u++) {
        const int64_t begin = kernel->begins(call, u),
                      end = u + 1 < units ? kernel->begins(call, u + 1) : elements;
        if (begin % part || end % part || end < begin) return -1;
        if (longest < end - begin) longest = end - begin;
    }
    return longest;
}

int64_t wg_plan_follow(const wg_plan *plan, const wg_tape *tape, uint32_t step, uint32_t first,
                       uint32_t index, wg_operand *operands) {
    const wg_lowered *low = &plan->low;
    const wg_low_node *leader = &low->nodes.at[first], *node = &low->nodes.at[index];
    if (!leader->in_runs || leader->accumulates || node->leaf || !(node->op->flags & WG_EVEN_READS) ||
        node->accumulates || leader->input_count + leader->output_count > WG_FOLLOW_OPERANDS ||
        node->input_count + node->output_count > WG_FOLLOW_OPERANDS || !reads_step(plan, step, leader, node))
        return -1;
    wg_call call;
    wg_low_call(low, node, wg_low_attributes(low, node, tape, tape->order.at), operands, &call);
    const int64_t elements = wg_type_count(&call.inputs[0].type), units = node->kernel.units(&call);
    if (units <= 0 || elements == 0 || elements % units) return -1;
    wg_low_call(low, leader, wg_low_attributes(low, leader, tape, tape->order.at), operands, &call);
    const int64_t run = longest_run(&call, &leader->kernel, elements, elements / units);
    const size_t size = wg_dtype_size(low->values.at[leader->outputs].type.dtype);
    return run > 0 && (size_t)run * size <= MOST_RUN_BYTES ? run : -1;
}
