/* executor — carries out a plan wave by wave, each on all threads. */
#include "run/profile.h"

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
        failure->node = *state->node;
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

void *wg_place_address(const wg_run *run, wg_place place) {
    switch (place.kind) {
    case WG_PLACE_ARENA:
        return run->arena + place.offset;
    case WG_PLACE_RESULT:
        return run->results[place.offset]->data;
    case WG_PLACE_STATE:
        return run->states[place.offset]->tensor->data;
    case WG_PLACE_LEAF:
        return wg_leaf_tensor(run, &run->plan->low.nodes.at[place.offset])->data;
    case WG_PLACE_NONE:
    case WG_PLACE_TILE:
    case WG_PLACE_RUN:
        break;
    }
    return NULL;
}

/* --- A wave ----------------------------------------------------------------------------------- */

/* A kernel's call, its operands where they lie; returns how many operands it took. */
static size_t prepare_call(const wg_run *run, uint32_t member, wg_call *call, struct wg_call_state *state,
                           wg_operand *operands) {
    const wg_plan *plan = run->plan;
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[member]];
    *state = (struct wg_call_state){run->failure, &run->order[node->source]};
    wg_low_call(&plan->low, node, wg_run_attributes(run, node), operands, call);
    call->state_ = state;
    const uint32_t inputs = wg_op_inputs(node);
    for (uint32_t i = 0; i < inputs; i++) {
        const uint32_t value = plan->low.edges.at[node->inputs + i];
        if (value != WG_ABSENT) operands[i].data = wg_value_address(run, value);
    }
    for (uint32_t i = 0; i < node->output_count; i++)
        operands[inputs + i].data = wg_value_address(run, node->outputs + i);
    if (node->accumulates) { /* to a copy of the sum, unless it could be had in place */
        const void *sum = wg_value_address(run, wg_sum_of(&plan->low, node));
        const size_t bytes = wg_type_bytes(&operands[inputs].type);
        if (bytes && operands[inputs].data != sum) memcpy(operands[inputs].data, sum, bytes);
    }
    return (size_t)inputs + node->output_count;
}

static size_t prepare_kernel(const wg_run *run, wg_job *job, wg_operand *operands) {
    const wg_step *step = job->step;
    size_t count = prepare_call(run, step->first, &job->call, &job->state, operands);
    if (step->followed)
        count +=
            prepare_call(run, step->first + step->count - 1, &job->next, &job->next_state, operands + count);
    return count;
}

/* Runs the kernel with operands of which only a run is there, from element `begin` on: seen as if the rest
 * were before and behind it. */
static void call_on_run(const wg_run *run, const wg_step *step, uint32_t member, wg_call call, char *runs,
                        int64_t begin) {
    const wg_plan *plan = run->plan;
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[member]];
    wg_operand operands[WG_FOLLOW_OPERANDS];
    const int count = call.input_count + call.output_count;
    memcpy(operands, call.inputs, (size_t)count * sizeof *operands);
    for (int i = 0; i < count; i++) {
        const uint32_t value = i < call.input_count ? plan->low.edges.at[node->inputs + (uint32_t)i]
                                                    : node->outputs + (uint32_t)(i - call.input_count);
        if (value == WG_ABSENT || plan->places[value].kind != WG_PLACE_RUN) continue;
        const size_t before = (size_t)begin * wg_dtype_size(operands[i].type.dtype);
        operands[i].data =
            (void *)((uintptr_t)(runs + plan->places[value].offset * step->run_bytes) - before);
    }
    call.inputs = operands;
    call.outputs = operands + call.input_count;
    node->kernel.run(&call);
}

/* Run by run: the first kernel, elementwise members, the kernel that follows. */
static void do_followed(const wg_run *run, const wg_job *job, int worker, int64_t begin, int64_t end) {
    const wg_step *step = job->step;
    const wg_low_node *first = &run->plan->low.nodes.at[run->plan->members.at[step->first]],
                      *last = &run->plan->low.nodes.at[run->plan->members.at[step->first + step->count - 1]];
    char *workspace = run->workspace + (size_t)worker * run->plan->workspace_bytes;
    wg_call call = job->call, next = job->next;
    call.workspace = next.workspace = workspace;
    const int64_t part = step->elements / last->kernel.units(&next);
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t from = first->kernel.begins(&call, unit),
                      to = unit + 1 < step->units ? first->kernel.begins(&call, unit + 1) : step->elements;
        call.begin = unit;
        call.end = unit + 1;
        call_on_run(run, step, step->first, call, workspace + wg_runs_at(step), from);
        if (wg_first_tiled(step) < wg_tiled_end(step)) wg_run_tiles(run, step, worker, from, to);
        next.begin = from / part;
        next.end = to / part;
        call_on_run(run, step, step->first + step->count - 1, next, workspace + wg_runs_at(step), from);
    }
}

static void do_units(const wg_run *run, const wg_job *job, int worker, int64_t begin, int64_t end) {
    const wg_low_node *node = &run->plan->low.nodes.at[run->plan->members.at[job->step->first]];
    switch (job->step->kind) {
    case WG_STEP_TILES:
        wg_run_tiles(run, job->step, worker, begin * WG_TILE, wg_smaller(end * WG_TILE, job->step->elements));
        break;
    case WG_STEP_KERNEL: {
        if (job->step->followed) {
            do_followed(run, job, worker, begin, end);
            break;
        }
        wg_call call = job->call;
        call.begin = begin;
        call.end = end;
        call.workspace = run->workspace + (size_t)worker * run->plan->workspace_bytes;
        node->kernel.run(&call);
        if (job->step->count > 1)
            wg_run_tiles(run, job->step, worker, node->kernel.begins(&call, begin),
                         end == job->step->units ? job->step->elements : node->kernel.begins(&call, end));
        break;
    }
    case WG_STEP_GATHER:
        wg_tensor_gather(wg_leaf_tensor(run, node), wg_value_address(run, node->outputs));
        break;
    }
}

typedef struct wave_work {
    const wg_run *run;
    const wg_wave *wave;
} wave_work;

static void do_only_step(void *context, int worker, int64_t begin, int64_t end) {
    const wave_work *work = context;
    do_units(work->run, &work->run->jobs[0], worker, begin, end);
}

/* Pieces of all steps, one after the other. */
static void do_pieces(void *context, int worker, int64_t begin, int64_t end) {
    const wave_work *work = context;
    const wg_job *job = work->run->jobs, *last = job + work->wave->count - 1;
    for (int64_t piece = begin; piece < end; piece++) {
        while (job < last && job[1].first_piece <= piece) job++;
        const int64_t unit = (piece - job->first_piece) * job->step->grain;
        do_units(work->run, job, worker, unit, wg_smaller(unit + job->step->grain, job->step->units));
    }
}

/* The same, and for how long it was at each of them. */
static void do_timed_pieces(void *context, int worker, int64_t begin, int64_t end) {
    const wave_work *work = context;
    const wg_job *first = work->run->jobs, *job = first, *last = job + work->wave->count - 1;
    uint64_t since = wg_clock_ns();
    while (begin < end) {
        while (job < last && job[1].first_piece <= begin) job++;
        const int64_t behind = job < last ? wg_smaller(end, job[1].first_piece) : end;
        const int64_t unit = (begin - job->first_piece) * job->step->grain,
                      unit_behind = (behind - job->first_piece) * job->step->grain;
        do_units(work->run, job, worker, unit, wg_smaller(unit_behind, job->step->units));
        const uint64_t now = wg_clock_ns();
        const uint32_t number = (uint32_t)(job - first);
        wg_profile_piece(work->run->profile, worker, number, work->wave->first + number, since, now);
        since = now;
        begin = behind;
    }
}

static void run_wave(const wg_run *run, const wg_wave *wave) {
    const wg_plan *plan = run->plan;
    size_t operands = 0;
    int64_t pieces = 0;
    for (uint32_t i = 0; i < wave->count; i++) {
        wg_job *job = &run->jobs[i];
        job->step = &plan->steps.at[wave->first + i];
        job->first_piece = pieces;
        pieces += (job->step->units + job->step->grain - 1) / job->step->grain;
        if (job->step->kind == WG_STEP_KERNEL) operands += prepare_kernel(run, job, run->operands + operands);
    }
    wave_work work = {run, wave};
    if (wave->count == 1)
        wg_pool_run(run->engine->pool, do_only_step, &work, run->jobs[0].step->units,
                    run->jobs[0].step->grain);
    else
        wg_pool_run(run->engine->pool, run->profile ? do_timed_pieces : do_pieces, &work, pieces,
                    wave->grain);
}

/* --- The plan --------------------------------------------------------------------------------- */

static void copy(const wg_run *run, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        const wg_copy *copy = &run->plan->copies.at[i];
        memcpy(wg_place_address(run, copy->to), wg_place_address(run, copy->from), copy->bytes);
    }
    if (run->profile && begin < end) wg_profile_wave(run->profile, (uint32_t)run->plan->waves.count);
}

/* What the wave was the last to use holds no live value from here on. */
static void poison_dead(const wg_run *run, uint32_t wave) {
    for (size_t i = 0; i < run->plan->buffers.count; i++) {
        const wg_buffer *buffer = &run->plan->buffers.at[i];
        if (buffer->last == wave) wg_poison(run->arena + buffer->offset, buffer->bytes);
    }
}

int wg_run_stopped(const wg_run *run) {
    const wg_tape *tape = run->tape;
    const int status = atomic_load_explicit(&run->failure->status, memory_order_relaxed);
    if (status || !tape->should_stop || !tape->should_stop(tape->stop_context)) return status;
    snprintf(run->failure->message, sizeof run->failure->message, "wg_eval: stopped; nothing was assigned");
    run->failure->node = WG_ABSENT;
    atomic_store(&run->failure->status, WG_ERROR_STOPPED);
    return WG_ERROR_STOPPED;
}

int wg_run_plan(wg_run *run) {
    const wg_plan *plan = run->plan;
    if (run->engine->poison) {
        wg_poison(run->arena, plan->arena_bytes);
        for (size_t i = 0; i < plan->low.count.results; i++)
            wg_poison(run->results[i]->data, wg_type_bytes(&run->results[i]->type));
    }
    wg_profile *profile = run->profile;
    const bool marks = profile && (run->tape->should_stop || run->engine->poison); /* no step's time */
    for (uint32_t i = 0; i <= plan->waves.count; i++) {
        const int status = i <= plan->commit ? wg_run_stopped(run) : WG_OK;
        if (status) return status;
        if (marks) wg_profile_mark(profile);
        if (i == plan->commit) copy(run, 0, plan->early_copies);
        if (i == plan->waves.count) break;
        run_wave(run, &plan->waves.at[i]);
        if (profile) wg_profile_wave(profile, i);
        if (run->engine->poison) poison_dead(run, i);
    }
    copy(run, plan->early_copies, plan->copies.count);
    return WG_OK;
}
