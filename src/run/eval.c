/* eval — what wg_eval does: roots, canonical order, plan (found again or made), run; and the same once more.
 */
#include "run/evaluation.h"
#include "run/float_mode.h"
#include <stdlib.h>

#define ROOM(tape, array, more) \
    (WG_RESERVE(&(array).at, &(array).capacity, (array).count + (more)) || wg_tape_no_memory(tape))

/* --- The tape's evaluation -------------------------------------------------------------------- */

static void forget(wg_evaluation *e) {
    for (size_t i = 0; i < e->states.count; i++) wg_state_free(e->states.at[i]);
    e->states.count = 0;
    wg_plan_free(e->plan);
    e->plan = NULL;
    e->ran = false;
}

static void free_evaluation(void *memory) {
    wg_evaluation *e = memory;
    forget(e);
    free(e->roots.at);
    free(e->order.at);
    free(e->states.at);
    free(e->spans.at);
    free(e->results.at);
    free(e->operands.at);
    free(e->jobs.at);
    wg_profile_free(e->profile);
    free(e);
}

wg_evaluation *wg_evaluation_of(wg_tape *tape) {
    if (!tape->scratch) {
        tape->scratch = calloc(1, sizeof(wg_evaluation));
        tape->free_scratch = free_evaluation;
        if (!tape->scratch) wg_tape_no_memory(tape);
    }
    return tape->scratch;
}

wg_evaluation *wg_evaluation_latest(const wg_tape *tape) {
    wg_evaluation *e = tape->scratch;
    return e && e->plan && e->epoch == tape->epoch ? e : NULL;
}

/* --- States ----------------------------------------------------------------------------------- */

/* States that the run reads must be as they were when they were read. */
static bool check_versions(wg_tape *tape) {
    for (size_t i = 0; i < tape->order.count; i++) {
        const wg_node *node = &tape->nodes.at[tape->order.at[i]];
        if (node->op != &wg_op_state || wg_at_hand(tape, node)) continue;
        const wg_read_entry *read =
            &tape->reads.at[((const input_attributes *)wg_node_attributes(tape, node))->index];
        if (atomic_load(&read->state->version) != read->version)
            return wg_tape_fail_at(tape, tape->order.at[i], WG_ERROR_STALE,
                                   "wg_eval: a state has been overwritten since it was read here; "
                                   "keep what you need of the old content (wg_keep), or record it again"),
                   false;
    }
    return true;
}

static wg_span span_of(const wg_tensor *tensor) {
    const size_t size = wg_dtype_size(tensor->type.dtype);
    wg_span s = {(uintptr_t)tensor->data, (uintptr_t)tensor->data + size};
    for (int i = 0; i < tensor->type.rank; i++) { /* an input may be strided, backwards too */
        if (tensor->type.extent[i] == 0) return (wg_span){0};
        const int64_t reach = (tensor->type.extent[i] - 1) * tensor->strides[i] * (int64_t)size;
        if (reach < 0)
            s.begin -= (uintptr_t)-reach;
        else
            s.end += (uintptr_t)reach;
    }
    return s;
}

/* By their beginnings (Shell 1959: in place, for a step that was planned allocates nothing). */
static void sort(wg_span *spans, size_t count) {
    for (size_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (size_t i = gap; i < count; i++) {
            const wg_span span = spans[i];
            size_t at = i;
            for (; at >= gap && spans[at - gap].begin > span.begin; at -= gap) spans[at] = spans[at - gap];
            spans[at] = span;
        }
}

/* Does it meet one of the spans, which are sorted and do not meet one another? */
static bool meets(wg_span input, const wg_span *spans, size_t count) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (spans[middle].end <= input.begin)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && spans[low].begin < input.end;
}

/* Does an input of the program's lie in a state that will change? Then it must change after all is over.
 * Without memory to find out: perhaps. */
static bool states_are_inputs(const wg_tape *tape, wg_evaluation *e) {
    e->spans.count = 0;
    if (tape->inputs.count == 0) return false;
    if (!WG_RESERVE(&e->spans.at, &e->spans.capacity, e->states.count)) return true;
    for (size_t i = 0; i < e->states.count; i++) {
        const wg_span span = span_of(e->states.at[i]->tensor);
        if (span.begin < span.end) e->spans.at[e->spans.count++] = span;
    }
    sort(e->spans.at, e->spans.count);
    for (size_t i = 0; i < tape->inputs.count; i++)
        if (meets(span_of(tape->inputs.at[i]), e->spans.at, e->spans.count)) return true;
    return false;
}

/* --- The plan --------------------------------------------------------------------------------- */

/* Only a plan within a budget depends on the number of threads: each has a workspace. */
static bool add_budget(wg_tape *tape, const wg_plan_settings *settings) {
    if (!WG_TAPE_ROOM(tape, key, 2)) return false;
    tape->key.at[tape->key.count++] = settings->budget;
    tape->key.at[tape->key.count++] = settings->budget ? (uint64_t)settings->threads : 0;
    return true;
}

static wg_plan *find_plan(wg_tape *tape, wg_evaluation *e) {
    wg_engine *engine = tape->engine;
    wg_plan_settings settings = {.lower = {engine->isa, engine->disabled},
                                 .budget = engine->executor == WG_PLANNED ? tape->budget : 0,
                                 .threads = wg_pool_threads(engine->pool)};
    if (states_are_inputs(tape, e)) settings.lower.disabled |= 1u << WG_PASS_UPDATE;
    if (!wg_write_key(tape, e->roots.at, &e->count, &settings.lower) || !add_budget(tape, &settings))
        return NULL;
    const uint64_t hash = wg_hash(tape->key.at, tape->key.count * sizeof *tape->key.at, 0);
    pthread_mutex_lock(&engine->lock);
    wg_plan *plan = wg_cache_find(&engine->cache, tape->key.at, tape->key.count, hash);
    pthread_mutex_unlock(&engine->lock);
    if (plan) return plan;
    const uint64_t start = wg_clock_ns();
    plan = wg_plan_make(tape, &settings, e->roots.at, &e->count);
    if (!plan) return NULL;
    pthread_mutex_lock(&engine->lock);
    wg_cache_add(&engine->cache, plan);
    engine->planning_ns += wg_clock_ns() - start;
    engine->verifying_ns += plan->verifying_ns;
    pthread_mutex_unlock(&engine->lock);
    return plan;
}

/* The plan's nodes name the tape's by their place in the canonical order: it is kept beside the plan. */
static void keep_order(wg_tape *tape, wg_evaluation *e) {
    uint32_t *at = e->order.at;
    const size_t capacity = e->order.capacity;
    e->order.at = tape->order.at;
    e->order.capacity = tape->order.capacity;
    e->order.count = tape->order.count;
    tape->order.at = at;
    tape->order.capacity = capacity;
    tape->order.count = 0;
}

/* The tape of the first var that is on one: it is told of those that are not. */
static wg_tape *tape_of(const wg_var *vars) {
    while (vars && !vars->tape && vars->id != UINT32_MAX) vars++;
    return vars ? vars->tape : NULL;
}

/* What is to be run for these vars; NULL: error on the tape. */
static wg_evaluation *prepare(wg_tape *tape, const wg_var *vars, bool assign) {
    wg_evaluation *e = tape->error.status ? NULL : wg_evaluation_of(tape);
    if (!e) return NULL;
    forget(e);
    if (!wg_drop_values(tape) || !wg_find_roots(tape, e, vars, assign) || !check_versions(tape)) return NULL;
    e->plan = find_plan(tape, e);
    e->epoch = tape->epoch;
    keep_order(tape, e);
    return e->plan ? e : NULL;
}

/* --- The run ---------------------------------------------------------------------------------- */

/* Which node made the number that is not finite? Runs again, node by node: nothing has been assigned, so
 * everything is as it was. Without memory for it the check's own message stays. */
static void name_culprit(wg_run *run) {
    wg_failure *failure = run->failure;
    wg_failure found = {.lock = PTHREAD_MUTEX_INITIALIZER};
    run->failure = &found;
    if (wg_run_nodes(run, true) == WG_ERROR_NOT_FINITE) {
        memcpy(failure->message, found.message, sizeof found.message);
        failure->node = found.node;
    }
    run->failure = failure;
    pthread_mutex_destroy(&found.lock);
}

/* What a user called comes first, where the node is a part of it. */
static void fail_at_node(wg_tape *tape, const wg_failure *failure, int status) {
    const wg_op *composed = wg_composed_of(tape, failure->node);
    wg_tape_fail_at(tape, failure->node, status, "%.60s%s%s", composed ? composed->name : "",
                    composed ? ": " : "", failure->message);
}

static int carry_out(wg_tape *tape, wg_evaluation *e, const wg_arena *arena) {
    wg_failure failure = {.lock = PTHREAD_MUTEX_INITIALIZER};
    wg_run run = {.tape = tape,
                  .engine = tape->engine,
                  .plan = e->plan,
                  .order = e->order.at,
                  .results = e->results.at,
                  .states = e->states.at,
                  .operands = e->operands.at,
                  .jobs = e->jobs.at,
                  .workspace = arena->memory,
                  .arena =
                      (char *)arena->memory + wg_plan_workspace(e->plan, wg_pool_threads(tape->engine->pool)),
                  .failure = &failure};
    run.profile = wg_profile_begin(e->profile, tape, e->plan, wg_pool_threads(tape->engine->pool));
    const uint64_t mode = wg_float_mode_get();
    wg_float_mode_set(WG_FLOAT_MODE_DEFAULT);
    const int status =
        tape->engine->executor == WG_NODE_BY_NODE ? wg_run_nodes(&run, false) : wg_run_plan(&run);
    wg_profile_end(run.profile);
    if (status == WG_ERROR_NOT_FINITE) name_culprit(&run);
    wg_float_mode_set(mode);
    if (status && !atomic_load(&failure.status))
        wg_tape_no_memory(tape);
    else if (status == WG_ERROR_STOPPED)
        wg_tape_fail(tape, status, "%s", failure.message);
    else if (status)
        fail_at_node(tape, &failure, status);
    pthread_mutex_destroy(&failure.lock);
    return status;
}

static bool take_memory(wg_tape *tape, wg_evaluation *e, wg_arena *arena) {
    const wg_plan *plan = e->plan;
    e->operands.count = e->jobs.count = 0;
    if (!wg_make_results(tape, e) || !ROOM(tape, e->operands, plan->most_operands + 1) ||
        !ROOM(tape, e->jobs, plan->most_steps + 1))
        return false;
    if (wg_arena_take(tape->engine, wg_plan_bytes(plan, wg_pool_threads(tape->engine->pool)), arena))
        return true;
    wg_tape_fail(tape, WG_ERROR_MEMORY, "wg_eval: no memory for %zu bytes of buffers", plan->arena_bytes);
    return false;
}

static int run(wg_tape *tape, wg_evaluation *e) {
    wg_arena arena = {0};
    const bool good = take_memory(tape, e, &arena) && carry_out(tape, e, &arena) == WG_OK;
    wg_arena_return(tape->engine, &arena);
    wg_hand_over_results(tape, e, good);
    for (size_t i = 0; good && i < e->states.count; i++) atomic_fetch_add(&e->states.at[i]->version, 1);
    if (good) e->ran = true;
    return good ? WG_OK : tape->error.status;
}

enum { SPARE_TENSORS = 64 };

static void trim_spare(wg_tape *tape) {
    while (tape->spare.count > SPARE_TENSORS) wg_tensor_free(tape->spare.at[--tape->spare.count]);
}

static bool may_evaluate(wg_tape *tape, const char *function) {
    if (tape->only_recorder)
        wg_tape_fail(tape, WG_ERROR_TAPE, "%s: %.200s may only record on this tape, not evaluate it",
                     function, tape->only_recorder);
    return !tape->error.status;
}

static int evaluate(const wg_var *vars, bool assign) {
    wg_tape *tape = tape_of(vars);
    if (!tape) return WG_ERROR_TAPE;
    if (!may_evaluate(tape, assign ? "wg_eval" : "wg_peek")) return tape->error.status;
    wg_run_begin(tape->engine);
    wg_evaluation *e = prepare(tape, vars, assign);
    const bool good = e && run(tape, e) == WG_OK;
    wg_run_end(tape->engine);
    if (!good) return tape->error.status;
    if (assign) { /* carried out */
        for (size_t i = 0; i < tape->assigns.count; i++) wg_state_free(tape->assigns.at[i].state);
        tape->assigns.count = tape->guards.count = 0;
    }
    trim_spare(tape);
    return WG_OK;
}

int wg_eval_list(const wg_var *vars) { return evaluate(vars, true); }
int wg_peek_list(const wg_var *vars) { return evaluate(vars, false); }

int wg_prepare_list(const wg_var *vars) {
    wg_tape *tape = tape_of(vars);
    if (!tape) return WG_ERROR_TAPE;
    wg_run_begin(tape->engine);
    const wg_evaluation *e = prepare(tape, vars, true);
    wg_run_end(tape->engine);
    return e ? WG_OK : tape->error.status;
}

/* --- Again ------------------------------------------------------------------------------------ */

int wg_rerun(wg_tape *tape) {
    if (!tape) return WG_ERROR_TAPE;
    if (!may_evaluate(tape, "wg_rerun")) return tape->error.status;
    wg_evaluation *e = wg_evaluation_latest(tape);
    if (!e || !e->ran)
        return wg_tape_fail(tape, WG_ERROR_STALE,
                            "wg_rerun: nothing has been evaluated on this tape since it was cleared");
    if (wg_plan_pass_on(e->plan, WG_PASS_UPDATE) && states_are_inputs(tape, e))
        return wg_tape_fail(
            tape, WG_ERROR_STALE,
            "wg_rerun: an input has been bound to the memory of a state that is assigned; expected "
            "memory of its own, or the step recorded anew");
    wg_run_begin(tape->engine);
    const int status = run(tape, e);
    wg_run_end(tape->engine);
    return status;
}

int wg_bind(wg_var input, wg_tensor *tensor) {
    wg_tape *tape = input.tape;
    if (!tape) return WG_ERROR_TAPE;
    if (!wg_tape_owns(tape, input, "wg_bind: the input")) return tape->error.status;
    const wg_node *node = &tape->nodes.at[input.id];
    if (node->op != &wg_op_input || !tensor)
        return wg_tape_fail_at(tape, input.id, WG_ERROR_TAPE,
                               tensor ? "wg_bind: the var is not an input but a %s"
                                      : "wg_bind: the tensor is NULL",
                               node->op->name);
    const input_attributes *a = wg_node_attributes(tape, node);
    const wg_type type = wg_node_type(tape, node);
    char have[WG_TEXT_SIZE], want[WG_TEXT_SIZE];
    if (!wg_type_equal(&type, &tensor->type))
        return wg_tape_fail_at(tape, input.id, WG_ERROR_SHAPE, "wg_bind: the tensor is %s, the input is %s",
                               wg_type_text(have, &tensor->type, true), wg_type_text(want, &type, true));
    if ((bool)a->dense != tensor->dense)
        return wg_tape_fail_at(tape, input.id, WG_ERROR_SHAPE,
                               "wg_bind: the tensor is %s, the one recorded is %s; they must be alike",
                               tensor->dense ? "dense" : "strided", a->dense ? "dense" : "strided");
    wg_tensor **bound = &tape->inputs.at[a->index];
    wg_tensor_retain(tensor);
    wg_tensor_free(*bound);
    *bound = tensor;
    return WG_OK;
}

const char *wg_record_only(wg_tape *tape, const char *who) {
    if (!tape) return NULL;
    const char *before = tape->only_recorder;
    tape->only_recorder = who;
    return before;
}

void wg_set_stop(wg_tape *tape, bool (*should_stop)(void *context), void *context) {
    if (!tape) return;
    tape->should_stop = should_stop;
    tape->stop_context = context;
}
