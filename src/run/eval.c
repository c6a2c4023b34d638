/* eval — what wg_eval does: roots, canonical order, plan (found again or made), run, then the assigns. */
#include "run/float_mode.h"
#include "run/run.h"
#include <stdlib.h>
#include <time.h>

/* Memory of a tape's evaluations, kept from one to the next. */
typedef struct scratch {
    WG_ARRAY(uint32_t) roots; /* results, then assigned values, then guards */
    WG_ARRAY(wg_tensor *) results;
    WG_ARRAY(wg_operand) operands;
    WG_ARRAY(void *) assigned; /* where the assigned values' bytes are, after the run */
    WG_ARRAY(void *) aside;    /* copies of those that another assign would overwrite; else NULL */
} scratch;

static void free_scratch(void *memory) {
    scratch *s = memory;
    free(s->roots.at);
    free(s->results.at);
    free(s->operands.at);
    free(s->assigned.at);
    free(s->aside.at);
    free(s);
}

#define ROOM(tape, array, more) \
    (WG_RESERVE(&(array).at, &(array).capacity, (array).count + (more)) || wg_tape_no_memory(tape))

/* --- Values of earlier evaluations ------------------------------------------------------------ */

/* Drops values that were not to be kept; their tensors may serve again. */
static bool drop_values(wg_tape *tape) {
    if (!WG_TAPE_ROOM(tape, spare, tape->values.count)) return false;
    size_t left = 1;
    for (size_t i = 1; i < tape->values.count; i++) {
        wg_value_entry entry = tape->values.at[i];
        if (entry.kept) {
            tape->nodes.at[entry.id].value = (uint32_t)left;
            tape->values.at[left++] = entry;
            continue;
        }
        tape->nodes.at[entry.id].value = 0;
        if (wg_tensor_owners(entry.tensor) > 1)
            wg_tensor_free(entry.tensor);
        else if (entry.tensor)
            tape->spare.at[tape->spare.count++] = entry.tensor;
    }
    tape->values.count = left;
    return true;
}

static wg_tensor *result_tensor(wg_tape *tape, const wg_type *type) {
    for (size_t i = tape->spare.count; i-- > 0;) {
        wg_tensor *tensor = tape->spare.at[i];
        if (!wg_type_equal(&tensor->type, type)) continue;
        tape->spare.at[i] = tape->spare.at[--tape->spare.count];
        return tensor;
    }
    wg_error error;
    wg_tensor *tensor = wg_tensor_of_type(type, &error);
    if (!tensor) wg_tape_fail(tape, error.status, "%s", error.message);
    return tensor;
}

enum { SPARE_TENSORS = 64 };

static void trim_spare(wg_tape *tape) {
    while (tape->spare.count > SPARE_TENSORS) wg_tensor_free(tape->spare.at[--tape->spare.count]);
}

/* --- Roots ------------------------------------------------------------------------------------ */

static bool add_root(wg_tape *tape, scratch *s, uint32_t id) {
    if (!ROOM(tape, s->roots, 1)) return false;
    s->roots.at[s->roots.count++] = id;
    return true;
}

/* The vars asked for, each once; those whose value is kept need nothing. */
static bool add_vars(wg_tape *tape, scratch *s, const wg_var *vars) {
    for (const wg_var *var = vars; var->tape || var->id != UINT32_MAX; var++) {
        if (!wg_tape_owns(tape, *var, "wg_eval: an argument")) return false;
        wg_node *node = &tape->nodes.at[var->id];
        if (node->value && tape->values.at[node->value].tensor) continue;
        bool known = false;
        for (size_t i = 0; i < s->roots.count && !known; i++) known = s->roots.at[i] == var->id;
        if (!known && !add_root(tape, s, var->id)) return false;
    }
    return true;
}

/* Fills s->roots and tape->order; *results says how many of the roots are results. */
static bool find_roots(wg_tape *tape, scratch *s, const wg_var *vars, bool assign, size_t *results) {
    s->roots.count = 0;
    if (!add_vars(tape, s, vars)) return false;
    const size_t asked = s->roots.count;
    for (size_t i = 0; assign && i < tape->assigns.count; i++)
        if (!add_root(tape, s, tape->assigns.at[i].value)) return false;
    for (size_t i = 0; assign && i < tape->guards.count; i++)
        if (!add_root(tape, s, tape->guards.at[i])) return false;
    if (!wg_order(tape, s->roots.at, s->roots.count, true)) return false;
    /* What is to be kept and is computed on the way is a result as well: it goes behind those asked for. */
    *results = asked;
    for (size_t i = 1; i < tape->values.count; i++) {
        const wg_value_entry *entry = &tape->values.at[i];
        if (entry->tensor || wg_rank(tape, entry->id) == WG_UNRANKED) continue;
        bool known = false;
        for (size_t k = 0; k < asked && !known; k++) known = s->roots.at[k] == entry->id;
        if (known) continue;
        if (!add_root(tape, s, entry->id)) return false;
        memmove(s->roots.at + *results + 1, s->roots.at + *results,
                (s->roots.count - 1 - *results) * sizeof *s->roots.at);
        s->roots.at[(*results)++] = entry->id;
    }
    return true;
}

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

/* --- The plan --------------------------------------------------------------------------------- */

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static wg_plan *find_plan(wg_tape *tape, const scratch *s, size_t results) {
    wg_engine *engine = tape->engine;
    if (!wg_write_key(tape, s->roots.at, s->roots.count, results)) return NULL;
    const uint64_t hash = wg_hash(tape->key.at, tape->key.count * sizeof *tape->key.at, 0);
    pthread_mutex_lock(&engine->lock);
    wg_plan *plan = wg_cache_find(&engine->cache, tape->key.at, tape->key.count, hash);
    pthread_mutex_unlock(&engine->lock);
    if (plan) return plan;
    const uint64_t start = now_ns();
    plan = wg_plan_make(tape, engine->isa, s->roots.at, s->roots.count, results);
    if (!plan) return NULL;
    pthread_mutex_lock(&engine->lock);
    wg_cache_add(&engine->cache, plan);
    engine->planning_ns += now_ns() - start;
    pthread_mutex_unlock(&engine->lock);
    return plan;
}

/* --- The run ---------------------------------------------------------------------------------- */

/* Which node made the number that is not finite? Runs again, node by node: nothing has been assigned, so
 * everything is as it was. Without memory for it the check's own message stays. */
static void name_culprit(wg_run *run) {
    wg_failure *failure = run->failure;
    wg_failure found = {.lock = PTHREAD_MUTEX_INITIALIZER};
    run->failure = &found;
    if (wg_run_nodes(run, true, NULL) == WG_ERROR_NOT_FINITE) {
        memcpy(failure->message, found.message, sizeof found.message);
        failure->node = found.node;
    }
    run->failure = failure;
    pthread_mutex_destroy(&found.lock);
}

/* Runs the plan; afterwards s->assigned points at what is to be assigned. */
static int carry_out(wg_tape *tape, scratch *s, const wg_plan *plan, wg_arena *arena) {
    wg_engine *engine = tape->engine;
    wg_failure failure = {.lock = PTHREAD_MUTEX_INITIALIZER};
    wg_run run = {.tape = tape,
                  .engine = engine,
                  .plan = plan,
                  .results = s->results.at,
                  .operands = s->operands.at,
                  .arena = arena->memory,
                  .workspace = (char *)arena->memory + plan->arena_bytes,
                  .failure = &failure};
    const uint64_t mode = wg_float_mode_get();
    wg_float_mode_set(WG_FLOAT_MODE_DEFAULT);
    int status =
        engine->executor == WG_NODE_BY_NODE ? wg_run_nodes(&run, false, s->assigned.at) : wg_run_steps(&run);
    if (status == WG_ERROR_NOT_FINITE) name_culprit(&run);
    wg_float_mode_set(mode);
    if (status && !atomic_load(&failure.status))
        wg_tape_no_memory(tape);
    else if (status)
        wg_tape_fail_at(tape, failure.node, status, "%s", failure.message);
    for (size_t i = 0;
         !status && engine->executor == WG_PLANNED && i < plan->low.root_count - plan->result_count; i++)
        s->assigned.at[i] = wg_value_address(&run, plan->low.roots[plan->result_count + i]);
    pthread_mutex_destroy(&failure.lock);
    return status;
}

/* A state may get what another one holds that is assigned too: such content is set aside first. */
static int set_aside(wg_tape *tape, scratch *s) {
    for (size_t i = 0; i < tape->assigns.count; i++)
        for (size_t k = 0; k < tape->assigns.count && !s->aside.at[i]; k++) {
            const wg_tensor *tensor = tape->assigns.at[k].state->tensor;
            const size_t bytes = wg_type_bytes(&tensor->type);
            if (k == i || s->assigned.at[i] != tensor->data || !bytes) continue;
            if (!(s->aside.at[i] = malloc(bytes))) return wg_tape_no_memory(tape), WG_ERROR_MEMORY;
            s->assigned.at[i] = memcpy(s->aside.at[i], tensor->data, bytes);
        }
    return WG_OK;
}

/* The one place where state changes. Nothing here can fail once the first state has been touched. */
static void apply_assigns(wg_tape *tape, scratch *s) {
    for (size_t i = 0; i < tape->assigns.count; i++) {
        wg_state *state = tape->assigns.at[i].state;
        const size_t bytes = wg_type_bytes(&state->tensor->type);
        if (bytes && s->assigned.at[i] != state->tensor->data)
            memcpy(state->tensor->data, s->assigned.at[i], bytes);
        atomic_fetch_add(&state->version, 1);
        wg_state_free(state);
    }
    tape->assigns.count = tape->guards.count = 0;
}

static int assign_all(wg_tape *tape, scratch *s) {
    const size_t count = tape->assigns.count;
    if (!ROOM(tape, s->aside, count)) return tape->error.status;
    for (size_t i = 0; i < count; i++) s->aside.at[i] = NULL;
    const int status = set_aside(tape, s);
    if (!status) apply_assigns(tape, s);
    for (size_t i = 0; i < count; i++) free(s->aside.at[i]);
    return status;
}

static bool make_results(wg_tape *tape, scratch *s, size_t count) {
    s->results.count = 0;
    if (!ROOM(tape, s->results, count) || !WG_TAPE_ROOM(tape, values, count) ||
        !WG_TAPE_ROOM(tape, spare, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        const wg_type type = wg_node_type(tape, &tape->nodes.at[s->roots.at[i]]);
        wg_tensor *tensor = result_tensor(tape, &type);
        if (!tensor) return false;
        s->results.at[s->results.count++] = tensor;
    }
    return true;
}

/* Results become values, or, after a failure, spare tensors. */
static void hand_over_results(wg_tape *tape, scratch *s, bool success) {
    for (size_t i = 0; i < s->results.count; i++) {
        wg_node *node = &tape->nodes.at[s->roots.at[i]];
        if (!success) {
            tape->spare.at[tape->spare.count++] = s->results.at[i];
        } else if (node->value) {
            tape->values.at[node->value].tensor = s->results.at[i];
        } else {
            node->value = (uint32_t)tape->values.count;
            tape->values.at[tape->values.count++] =
                (wg_value_entry){.id = s->roots.at[i], .tensor = s->results.at[i]};
        }
    }
    s->results.count = 0;
}

static int run_plan(wg_tape *tape, scratch *s, const wg_plan *plan, size_t results, bool assign) {
    wg_engine *engine = tape->engine;
    wg_arena arena = {0};
    const size_t others = s->roots.count - results;
    bool good = make_results(tape, s, results) && ROOM(tape, s->operands, plan->most_operands + 1) &&
                ROOM(tape, s->assigned, others + 1);
    const bool room = good;
    if (good) memset(s->assigned.at, 0, (others + 1) * sizeof *s->assigned.at);
    if (good &&
        !wg_arena_take(engine,
                       plan->arena_bytes + (size_t)wg_pool_threads(engine->pool) * plan->workspace_bytes + 1,
                       &arena)) {
        wg_tape_fail(tape, WG_ERROR_MEMORY, "wg_eval: no memory for %zu bytes of buffers", plan->arena_bytes);
        good = false;
    }
    good = good && carry_out(tape, s, plan, &arena) == WG_OK;
    good = good && (!assign || assign_all(tape, s) == WG_OK);
    for (size_t i = 0; room && engine->executor == WG_NODE_BY_NODE && i < others; i++)
        free(s->assigned.at[i]); /* its copies */
    wg_arena_return(engine, &arena);
    hand_over_results(tape, s, good);
    return good ? WG_OK : tape->error.status;
}

/* The tape of the first var that is on one: it is told of those that are not. */
static wg_tape *tape_of(const wg_var *vars) {
    while (vars && !vars->tape && vars->id != UINT32_MAX) vars++;
    return vars ? vars->tape : NULL;
}

static int evaluate(const wg_var *vars, bool assign) {
    wg_tape *tape = tape_of(vars);
    if (!tape) return WG_ERROR_TAPE;
    if (tape->error.status) return tape->error.status;
    if (!tape->scratch) {
        tape->scratch = calloc(1, sizeof(scratch));
        tape->free_scratch = free_scratch;
        if (!tape->scratch) return wg_tape_no_memory(tape), tape->error.status;
    }
    scratch *s = tape->scratch;
    size_t results;
    if (!drop_values(tape) || !find_roots(tape, s, vars, assign, &results) || !check_versions(tape))
        return tape->error.status;
    wg_plan *plan = find_plan(tape, s, results);
    if (!plan) return tape->error.status;
    const int status = run_plan(tape, s, plan, results, assign);
    wg_plan_free(plan);
    trim_spare(tape);
    return status;
}

int wg_eval_list(const wg_var *vars) { return evaluate(vars, true); }
int wg_peek_list(const wg_var *vars) { return evaluate(vars, false); }
