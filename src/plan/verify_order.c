/* verify_order — every node with work runs exactly once, in a step that fits it and after all that it reads;
 * what is computed again is the same; and from the commit on nothing can fail. */
#include "plan/verify.h"
#include <stdlib.h>

/* --- Waves, steps and members follow one another without a gap -------------------------------- */

static bool prove_partition(const wg_proof *p) {
    const wg_plan *plan = p->plan;
    size_t step = 0, member = 0;
    for (uint32_t i = 0; i < plan->waves.count; i++) {
        const wg_wave *wave = &plan->waves.at[i];
        if (wave->first != step || wave->count == 0 || wave->count > plan->steps.count - step)
            return wg_refute(p, WG_ABSENT, "wave %u has steps %u and %u more; step %zu is next", i,
                             wave->first, wave->count, step);
        step += wave->count;
        for (uint32_t s = wave->first; s < wave->first + wave->count; s++) {
            const wg_step *at = &plan->steps.at[s];
            if (at->wave != i || at->first != member || at->count == 0 ||
                at->count > plan->members.count - member)
                return wg_refute(p, WG_ABSENT, "step %u of wave %u says wave %u, members %u and %u more", s,
                                 i, at->wave, at->first, at->count);
            member += at->count;
        }
    }
    return (step == plan->steps.count && member == plan->members.count) ||
           wg_refute(p, WG_ABSENT, "%zu of %zu steps and %zu of %zu members are in waves", step,
                     plan->steps.count, member, plan->members.count);
}

/* --- Each node once --------------------------------------------------------------------------- */

static bool prove_step(const wg_proof *p, uint32_t index) {
    const wg_plan *plan = p->plan;
    const wg_step *step = &plan->steps.at[index];
    const uint32_t first = plan->members.at[step->first];
    for (uint32_t m = step->first; m < step->first + step->count; m++) {
        const uint32_t at = plan->members.at[m];
        if (at >= p->low->nodes.count || !wg_has_work(&p->low->nodes.at[at]))
            return wg_refute(p, at, "is in step %u and has nothing to do", index);
        if (p->member[at] != WG_ABSENT)
            return wg_refute(p, at, "runs twice, the second time in step %u", index);
        if (plan->step_of[at] != index)
            return wg_refute(p, at, "is in step %u and is said to be in step %u", index, plan->step_of[at]);
        p->member[at] = m;
        const wg_low_node *node = &p->low->nodes.at[at];
        const bool follows = step->followed && m == step->first + step->count - 1;
        const bool tiled =
            step->kind == WG_STEP_TILES || (step->kind == WG_STEP_KERNEL && m > step->first && !follows);
        if (tiled != wg_is_tiled(node) || (step->kind == WG_STEP_GATHER) != (bool)node->leaf)
            return wg_refute(p, at, "does not fit in step %u, which is of another kind", index);
        if (tiled && wg_type_count(&p->low->values.at[node->outputs].type) != step->elements)
            return wg_refute(p, at, "is in step %u, which has %lld elements", index,
                             (long long)step->elements);
        for (uint32_t v = node->outputs; tiled && v < node->outputs + node->output_count; v++)
            if (step->elements != 1 &&
                !wg_shape_equal(&p->low->values.at[v].type,
                                &p->low->values.at[p->low->nodes.at[first].outputs].type))
                return wg_refute(p, at, "is in step %u, whose first member has another shape", index);
    }
    if (step->followed && (step->kind != WG_STEP_KERNEL || step->count < 2))
        return wg_refute(p, first, "is followed in step %u by nothing", index);
    if (step->kind == WG_STEP_GATHER && step->count > 1)
        return wg_refute(p, first, "shares step %u, which copies one leaf", index);
    if (step->kind == WG_STEP_KERNEL && step->count > 1 &&
        (!p->low->nodes.at[first].in_runs ||
         wg_type_count(&p->low->values.at[p->low->nodes.at[first].outputs].type) != step->elements))
        return wg_refute(p, first, "shares step %u, though its kernel does not write runs of it", index);
    return true;
}

static bool prove_once(const wg_proof *p) {
    const wg_plan *plan = p->plan;
    for (size_t i = 0; i < p->low->nodes.count; i++) p->member[i] = WG_ABSENT;
    for (uint32_t s = 0; s < plan->steps.count; s++)
        if (!prove_step(p, s)) return false;
    for (uint32_t i = 0; i < p->low->nodes.count; i++)
        if (wg_has_work(&p->low->nodes.at[i]) && p->member[i] == WG_ABSENT)
            return wg_refute(p, i, "is in no step");
    return true;
}

static const void *attributes_of(const wg_proof *p, const wg_low_node *node) {
    return wg_low_attributes(p->low, node, p->tape, p->order);
}

/* --- After what it reads ---------------------------------------------------------------------- */

/* A kernel that follows reads by input 0 alone what its step makes, equal parts of it, of which each run has
 * a whole number. */
static bool prove_following(const wg_proof *p, uint32_t node, uint32_t value) {
    const wg_lowered *low = p->low;
    const wg_step *step = &p->plan->steps.at[p->plan->step_of[node]];
    const uint32_t first = p->plan->members.at[step->first];
    const wg_low_node *at = &low->nodes.at[node], *leader = &low->nodes.at[first];
    bool others = false;
    for (uint32_t k = 1; k < at->input_count; k++) {
        const uint32_t other = low->edges.at[at->inputs + k];
        others |= other != WG_ABSENT && wg_step_of_member(p, low->values.at[wg_bytes_of(low, other)].node) ==
                                            p->plan->step_of[node];
    }
    if (!step->followed || others || low->edges.at[at->inputs] != value || !(at->op->flags & WG_EVEN_READS) ||
        leader->accumulates || at->accumulates || at->input_count + at->output_count > WG_FOLLOW_OPERANDS ||
        leader->input_count + leader->output_count > WG_FOLLOW_OPERANDS ||
        wg_type_count(&low->values.at[value].type) != step->elements)
        return wg_refute(p, node, "cannot follow node %u run by run", first);
    wg_operand operands[WG_FOLLOW_OPERANDS];
    wg_call call;
    wg_low_call(low, at, attributes_of(p, at), operands, &call);
    const int64_t units = at->kernel.units ? at->kernel.units(&call) : 1;
    wg_low_call(low, leader, attributes_of(p, leader), operands, &call);
    int64_t begin = 0;
    for (int64_t u = 1; units > 0 && u <= step->units; u++) {
        const int64_t end = u < step->units ? leader->kernel.begins(&call, u) : step->elements;
        if (end < begin || end - begin > step->run_elements || end % (step->elements / units)) break;
        begin = end;
        if (u == step->units) return step->elements % units == 0;
    }
    return wg_refute(p, node, "follows node %u, whose runs are no whole numbers of its parts", first);
}

/* An input made in the node's own step must be made there by the tile: by an earlier elementwise member, or
 * as output 0 of its kernel; of the same shape, and not through a view. */
static bool prove_within(const wg_proof *p, uint32_t node, uint32_t value) {
    const wg_lowered *low = p->low;
    const uint32_t own = wg_bytes_of(low, value), maker = low->values.at[own].node;
    const wg_step *step = &p->plan->steps.at[p->plan->step_of[node]];
    if (p->member[maker] >= p->member[node])
        return wg_refute(p, node, "runs before node %u, which it reads", maker);
    if (own != value || (!wg_is_tiled(&low->nodes.at[maker]) && own != low->nodes.at[maker].outputs))
        return wg_refute(p, node, "reads of node %u what is not there tile by tile", maker);
    if (!wg_is_tiled(&low->nodes.at[node])) return prove_following(p, node, value);
    return step->elements == 1 ||
           wg_shape_equal(&low->values.at[value].type, &low->values.at[low->nodes.at[node].outputs].type) ||
           wg_refute(p, node, "reads other elements of node %u than those of its tile", maker);
}

static bool prove_inputs(const wg_proof *p, uint32_t node) {
    const wg_lowered *low = p->low;
    const wg_low_node *at = &low->nodes.at[node];
    const uint32_t step = p->plan->step_of[node];
    for (uint32_t k = 0; k < at->input_count; k++) {
        const uint32_t value = low->edges.at[at->inputs + k];
        if (value == WG_ABSENT) continue;
        const uint32_t maker = low->values.at[wg_bytes_of(low, value)].node;
        if (!wg_has_work(&low->nodes.at[maker])) {
            if (low->nodes.at[maker].dead) return wg_refute(p, node, "reads node %u, which is dead", maker);
            continue;
        }
        const uint32_t made = p->plan->step_of[maker];
        if (made == step) {
            if (!prove_within(p, node, value)) return false;
        } else if (p->plan->steps.at[made].wave >= p->plan->steps.at[step].wave) {
            return wg_refute(p, node, "runs in step %u of wave %u and reads node %u of step %u, wave %u",
                             step, p->plan->steps.at[step].wave, maker, made, p->plan->steps.at[made].wave);
        }
    }
    return true;
}

/* plan->order, which runs node by node where that is asked for: the same nodes, inputs before users. */
static bool prove_list(const wg_proof *p) {
    const wg_lowered *low = p->low;
    uint8_t *done = calloc(low->nodes.count + 1, 1);
    bool good = done || wg_tape_no_memory(p->tape);
    if (good && p->plan->order.count != p->plan->members.count)
        good = wg_refute(p, WG_ABSENT, "%zu nodes are in order, %zu run", p->plan->order.count,
                         p->plan->members.count);
    for (size_t i = 0; good && i < p->plan->order.count; i++) {
        const uint32_t node = p->plan->order.at[i];
        if (node >= low->nodes.count || p->member[node] == WG_ABSENT || done[node])
            good = wg_refute(p, node, "is out of order");
        for (uint32_t k = 0; good && k < low->nodes.at[node].input_count; k++) {
            const uint32_t value = low->edges.at[low->nodes.at[node].inputs + k];
            const uint32_t maker = value == WG_ABSENT ? value : low->values.at[wg_bytes_of(low, value)].node;
            if (maker != WG_ABSENT && p->member[maker] != WG_ABSENT && !done[maker])
                good = wg_refute(p, node, "stands before node %u, which it reads", maker);
        }
        if (good) done[node] = true;
    }
    free(done);
    return good;
}

/* --- Computed again --------------------------------------------------------------------------- */

/* The value of the graph as it was lowered that this one is. */
static uint32_t original(const wg_lowered *low, uint32_t value) {
    if (value == WG_ABSENT) return value;
    const uint32_t node = low->values.at[value].node, of = low->nodes.at[node].clone_of;
    return of == WG_ABSENT ? value : low->nodes.at[of].outputs + (value - low->nodes.at[node].outputs);
}

/* What packs has the one input that it is said to pack, a value of the graph as it was lowered, and the
 * kernel for it: lowering picked that of every other node. */
static bool prove_packing(const wg_proof *p, uint32_t index) {
    const wg_lowered *low = p->low;
    const wg_low_node *node = &low->nodes.at[index];
    if (node->leaf || node->clone_of != WG_ABSENT || node->input_count != 1 || node->output_count != 1 ||
        node->pack_of >= low->values.count || low->edges.at[node->inputs] != node->pack_of)
        return wg_refute(p, index, "does not pack value %u", node->pack_of);
    const wg_low_value *from = &low->values.at[node->pack_of], *to = &low->values.at[node->outputs];
    const wg_low_node *maker = &low->nodes.at[from->node];
    if (from->view_of != WG_ABSENT || to->view_of != WG_ABSENT || !wg_shape_equal(&from->type, &to->type) ||
        maker->clone_of != WG_ABSENT || maker->pack_of != WG_ABSENT)
        return wg_refute(p, index, "packs value %u into another shape", node->pack_of);
    wg_operand operands[2];
    wg_call call;
    wg_low_call(low, node, attributes_of(p, node), operands, &call);
    return (node->dtype == from->type.dtype && node->kernel.run == wg_kernel_pick(&call, low->isa).run) ||
           wg_refute(p, index, "packs value %u by another kernel than that for it", node->pack_of);
}

/* Does the reader's operation take its input packed with these types and attributes? */
static bool takes_packed(const wg_proof *p, const wg_low_node *node) {
    if (!node->op->may_pack) return true;
    wg_low_node as_given = *node;
    as_given.inputs = node->given;
    wg_operand *operands = malloc(((size_t)node->input_count + node->output_count) * sizeof *operands);
    if (!operands) return wg_tape_no_memory(p->tape);
    wg_call call;
    wg_low_call(p->low, &as_given, attributes_of(p, node), operands, &call);
    const bool takes = node->op->may_pack(&call);
    free(operands);
    return takes;
}

/* The value may be read packed in place of `given` if the reader's operation says so, and of just this: */
static bool reads_packed(const wg_proof *p, const wg_low_node *node, uint32_t k, uint32_t given) {
    const wg_lowered *low = p->low;
    const uint32_t value = low->edges.at[node->inputs + k];
    const wg_low_node *maker = &low->nodes.at[low->values.at[value].node];
    return given != WG_ABSENT && !node->leaf && node->clone_of == WG_ABSENT && node->op->pack == maker->op &&
           node->op->packed_input == (int)k && wg_bytes_of(low, given) == maker->pack_of &&
           low->values.at[value].type.dtype == node->op->packed_dtype &&
           wg_type_equal(&low->values.at[given].type, &low->values.at[maker->pack_of].type) &&
           (!maker->op->attributes_size ||
            !memcmp(attributes_of(p, maker), attributes_of(p, node), maker->op->attributes_size)) &&
           takes_packed(p, node);
}

static bool prove_input(const wg_proof *p, const wg_low_node *node, uint32_t k, uint32_t given) {
    const uint32_t value = p->low->edges.at[node->inputs + k];
    if (value != WG_ABSENT && wg_maker(p->low, value)->pack_of != WG_ABSENT)
        return reads_packed(p, node, k, given);
    return original(p->low, value) == original(p->low, given);
}

/* A clone has the operation, the attributes (so that random ones draw the same numbers) and the inputs of
 * what it is a clone of; and whoever reads a clone would read that. */
static bool prove_same(const wg_proof *p, uint32_t index) {
    const wg_lowered *low = p->low;
    const wg_low_node *node = &low->nodes.at[index], *of = node;
    if (node->clone_of != WG_ABSENT) {
        if (node->clone_of >= index || low->nodes.at[node->clone_of].clone_of != WG_ABSENT)
            return wg_refute(p, index, "is a clone of node %u", node->clone_of);
        of = &low->nodes.at[node->clone_of];
        if (node->op != of->op || node->source != of->source || node->attributes != of->attributes ||
            node->kernel.run != of->kernel.run || node->dtype != of->dtype || node->pack_of != WG_ABSENT ||
            node->accumulates != of->accumulates || node->input_count != of->input_count ||
            node->output_count != of->output_count)
            return wg_refute(p, index, "does not compute what node %u does", node->clone_of);
    }
    if (node->pack_of != WG_ABSENT && !prove_packing(p, index)) return false;
    for (uint32_t k = 0; k < node->input_count; k++)
        if (!prove_input(p, node, k, low->edges.at[of->given + k]))
            return wg_refute(p, index, "has another input %u than the lowered graph says", k);
    for (uint32_t v = 0; v < node->output_count; v++)
        if (low->values.at[node->outputs + v].node != index ||
            !wg_type_equal(&low->values.at[node->outputs + v].type, &low->values.at[of->outputs + v].type))
            return wg_refute(p, index, "has another output %u than the lowered graph says", v);
    return node->leaf || !(node->op->flags & WG_VIEW) ||
           low->values.at[node->outputs].view_of == low->edges.at[node->inputs] ||
           wg_refute(p, index, "is no view of its input");
}

/* --- The commit ------------------------------------------------------------------------------- */

static bool may_fail(const wg_low_node *node) {
    if (node->leaf) return false;
    return node->op->flags & WG_CAN_FAIL ||
           (node->op->flags & WG_INTEGERS_FAIL && !wg_dtype_real(node->dtype));
}

static bool prove_commit(const wg_proof *p) {
    const wg_plan *plan = p->plan;
    const bool tail = plan->tail_step < plan->steps.count;
    const uint32_t commit = tail ? plan->steps.at[plan->tail_step].wave : (uint32_t)plan->waves.count;
    if (plan->commit != commit || (tail && plan->waves.at[commit].first != plan->tail_step))
        return wg_refute(p, WG_ABSENT, "it commits at wave %u, the tail begins in wave %u", plan->commit,
                         commit);
    for (size_t m = tail ? plan->steps.at[plan->tail_step].first : plan->members.count;
         m < plan->members.count; m++)
        if (may_fail(&p->low->nodes.at[plan->members.at[m]]))
            return wg_refute(p, plan->members.at[m], "may fail, and runs when states may have changed");
    const wg_root_counts *count = &p->low->count;
    for (size_t i = count->results + count->assigns; i < wg_root_count(count); i++) {
        const uint32_t node = p->low->values.at[wg_bytes_of(p->low, p->low->roots[i])].node;
        if (p->member[node] != WG_ABSENT && plan->steps.at[plan->step_of[node]].wave >= commit)
            return wg_refute(p, node, "guards the commit, and runs after it");
    }
    return true;
}

/* What follows reads what its step makes. */
static bool prove_followers(const wg_proof *p) {
    for (uint32_t s = 0; s < p->plan->steps.count; s++) {
        const wg_step *step = &p->plan->steps.at[s];
        if (!step->followed) continue;
        const uint32_t node = p->plan->members.at[step->first + step->count - 1];
        const uint32_t value =
            p->low->nodes.at[node].input_count ? p->low->edges.at[p->low->nodes.at[node].inputs] : WG_ABSENT;
        if (value == WG_ABSENT ||
            wg_step_of_member(p, p->low->values.at[wg_bytes_of(p->low, value)].node) != s)
            return wg_refute(p, node, "follows in step %u what it does not read", s);
    }
    return true;
}

bool wg_prove_order(wg_proof *p) {
    if (!prove_partition(p) || !prove_once(p) || !prove_list(p) || !prove_followers(p)) return false;
    for (uint32_t i = 0; i < p->low->nodes.count; i++)
        if (!p->low->nodes.at[i].dead &&
            (!prove_same(p, i) || (p->member[i] != WG_ABSENT && !prove_inputs(p, i))))
            return false;
    return prove_commit(p);
}
