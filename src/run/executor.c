/* executor — carries out a plan step by step, each step on all threads. */
#include "run/run.h"

void wg_call_fail(const wg_call *call, int status, const char *format, ...) {
    struct wg_call_state *state = call->state_;
    wg_failure *failure = state->failure;
    pthread_mutex_lock(&failure->lock);
    if (!atomic_load(&failure->status) || call->begin < failure->unit) {
        va_list arguments;
        va_start(arguments, format);
        const int head = snprintf(failure->message, sizeof failure->message, "%.60s: ", call->op->name);
        vsnprintf(failure->message + head, sizeof failure->message - (size_t)head, format, arguments);
        va_end(arguments);
        failure->unit = call->begin;
        failure->node = state->node;
        atomic_store(&failure->status, status ? status : WG_ERROR_INDEX);
    }
    pthread_mutex_unlock(&failure->lock);
}

const wg_tensor *wg_leaf_tensor(const wg_run *run, const wg_low_node *leaf) {
    const wg_tape *tape = run->tape;
    const wg_node *node = &tape->nodes.at[wg_tape_node(run, leaf)];
    if (leaf->leaf == WG_LEAF_VALUE) return tape->values.at[node->value].tensor;
    const input_attributes *a = wg_node_attributes(tape, node);
    return leaf->leaf == WG_LEAF_STATE ? tape->reads.at[a->index].state->tensor : tape->inputs.at[a->index];
}

void *wg_value_address(const wg_run *run, uint32_t value) {
    const wg_plan *plan = run->plan;
    const wg_place place = plan->places[wg_bytes_of(&plan->low, value)];
    switch (place.kind) {
    case WG_PLACE_ARENA:
        return run->arena + place.offset;
    case WG_PLACE_RESULT:
        return run->results[place.offset]->data;
    case WG_PLACE_LEAF:
        return wg_leaf_tensor(run, &plan->low.nodes.at[place.offset])->data;
    case WG_PLACE_NONE:
    case WG_PLACE_TILE:
        break;
    }
    return NULL;
}

typedef struct kernel_job {
    const wg_run *run;
    const wg_low_node *node;
    const wg_call *call;
    const wg_step *step;
} kernel_job;

static void do_units(void *context, int worker, int64_t begin, int64_t end) {
    const kernel_job *job = context;
    if (job->step->kind == WG_STEP_TILES) {
        wg_run_tiles(job->run, job->step, worker, begin, end);
        return;
    }
    wg_call call = *job->call;
    call.begin = begin;
    call.end = end;
    call.workspace = job->run->workspace + (size_t)worker * job->run->plan->workspace_bytes;
    job->node->kernel.run(&call);
}

static void run_kernel(wg_run *run, const wg_step *step) {
    const wg_plan *plan = run->plan;
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first]];
    struct wg_call_state state = {run->failure, wg_tape_node(run, node)};
    wg_call call;
    wg_low_call(&plan->low, node, wg_run_attributes(run, node), run->operands, &call);
    call.state_ = &state;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const uint32_t value = plan->low.edges.at[node->inputs + i];
        if (value != WG_ABSENT) run->operands[i].data = wg_value_address(run, value);
    }
    for (uint32_t i = 0; i < node->output_count; i++)
        run->operands[node->input_count + i].data = wg_value_address(run, node->outputs + i);
    kernel_job job = {run, node, &call, step};
    wg_pool_run(run->engine->pool, do_units, &job, step->units, step->grain);
}

int wg_run_steps(wg_run *run) {
    const wg_plan *plan = run->plan;
    for (size_t i = 0; i < plan->steps.count; i++) {
        const wg_step *step = &plan->steps.at[i];
        kernel_job tiles = {.run = run, .step = step};
        switch (step->kind) {
        case WG_STEP_KERNEL:
            run_kernel(run, step);
            break;
        case WG_STEP_TILES:
            wg_pool_run(run->engine->pool, do_units, &tiles, step->units, step->grain);
            break;
        case WG_STEP_GATHER: {
            const wg_low_node *leaf = &plan->low.nodes.at[plan->members.at[step->first]];
            wg_tensor_gather(wg_leaf_tensor(run, leaf), wg_value_address(run, leaf->outputs));
            break;
        }
        }
        const int status = atomic_load_explicit(&run->failure->status, memory_order_relaxed);
        if (status) return status;
    }
    for (size_t i = 0; i < plan->copies.count; i++) {
        const wg_copy copy = plan->copies.at[i];
        const size_t bytes = wg_type_bytes(&plan->low.values.at[copy.value].type);
        if (bytes) memcpy(run->results[copy.result]->data, wg_value_address(run, copy.value), bytes);
    }
    return WG_OK;
}
