/* Wrong plans are made from real ones, one fault at a time and at every place where there is room for it.
 * Each is caught by the proof that every plan goes through before it runs, or, run with poisoned memory in a
 * process of its own, by the bits that it gives. Those that are caught by neither would be slips: there are
 * none. */
#include "run/evaluation.h"
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static wg_engine *engine;
static wg_tape *tape;

static void open_tape(void) {
    engine = wg_engine_new(NULL, .threads = 1, .poison = true);
    tape = wg_tape_new(.engine = engine);
}
static void close_tape(void) {
    wg_tape_free(tape);
    wg_engine_free(engine);
}

/* --- Real plans ------------------------------------------------------------------------------- */

enum { BATCH = 4, SIZE = 8, STATES = 64 };

typedef struct scene {
    wg_model *model;
    wg_optimizer *optimizer;
    wg_state *state[2];
    wg_tensor *strided;
    wg_var asked[8];
} scene;

static float numbers[BATCH * SIZE * SIZE];

static wg_var input_of(const wg_shape *shape) { return wg_array(tape, WG_F32, shape, numbers); }

static void network(scene *s) {
    int64_t classes[BATCH] = {1, 2, 3, 0};
    s->model = wg_model_new(.seed = 1);
    s->optimizer = wg_adamw(s->model, 1e-2, .clip_norm = 0.5);
    wg_var x = input_of(WG_SHAPE(BATCH, 1, SIZE, SIZE));
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(s->model, "conv", x, 4, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_dropout(s->model, "drop", wg_relu(wg_linear(s->model, "fc1", wg_flatten(x, 1), 16)), 0.3);
    wg_var loss = wg_softmax_cross_entropy(wg_linear(s->model, "fc2", x, 5),
                                           wg_array(tape, WG_I64, WG_SHAPE(BATCH), classes));
    wg_minimize(s->optimizer, loss);
    s->asked[0] = loss;
}

/* Weights are used twice; intermediate values are asked for, one of them under another shape too. */
static void shared_weights(scene *s) {
    s->model = wg_model_new(.seed = 2);
    s->optimizer = wg_sgd(s->model, 0.1, .momentum = 0.9);
    wg_var x = input_of(WG_SHAPE(16, 16));
    wg_var h = wg_tanh(wg_linear(s->model, "fc", x, 16)), g = wg_tanh(wg_linear(s->model, "fc", h, 16));
    wg_var loss = wg_mean(wg_square(g), WG_ALL_AXES);
    wg_minimize(s->optimizer, loss);
    s->asked[0] = loss;
    s->asked[1] = h;
    s->asked[2] = wg_reshape(h, WG_SHAPE(256));
    s->asked[3] = wg_exp(wg_sin(g));
}

/* What a region makes is computed again for the backward pass, dropout's numbers too. */
static void recomputed(scene *s) {
    s->model = wg_model_new(.seed = 3);
    s->optimizer = wg_sgd(s->model, 0.1);
    wg_var x = input_of(WG_SHAPE(16, 16));
    wg_recompute_begin(tape);
    for (int i = 0; i < 3; i++) {
        const char *const names[][2] = {{"a", "da"}, {"b", "db"}, {"c", "dc"}};
        x = wg_dropout(s->model, names[i][1], wg_tanh(wg_linear(s->model, names[i][0], x, 16)), 0.2);
    }
    wg_recompute_end(tape);
    s->asked[0] = wg_mean(wg_square(x), WG_ALL_AXES);
    wg_minimize(s->optimizer, s->asked[0]);
}

/* Memory is short, so that of two layers' values no more is kept than the backward pass needs. */
static void packed(scene *s) {
    s->model = wg_model_new(.seed = 4);
    s->optimizer = wg_sgd(s->model, 0.1);
    wg_var x = input_of(WG_SHAPE(BATCH, 1, SIZE, SIZE)), y[2];
    for (int i = 0; i < 2; i++)
        y[i] =
            wg_max_pool2d(wg_relu(wg_conv2d_layer(s->model, i ? "b" : "a", x, 4, .kernel = 3)), .kernel = 2);
    s->asked[0] = wg_mean(wg_square(wg_mul(y[0], y[1])), WG_ALL_AXES);
    wg_minimize(s->optimizer, s->asked[0]);
    if (engine->disabled) return;
    wg_plan_info info = {0};
    while (wg_prepare(s->asked[0]) == WG_OK && wg_plan_report(tape, &info) == WG_OK && info.packed < 3)
        wg_set_memory_budget(tape, info.peak - 1);
    ck_assert_msg(info.packed == 3, "%s", wg_tape_message(tape));
}

/* Pooling follows two convolutions run by run; one's output is never stored whole. */
static void followed(scene *s) {
    static float images[8 * 20 * 20];
    for (int i = 0; i < 8 * 20 * 20; i++) images[i] = (float)(i * 31 % 101) / 50 - 1;
    s->model = wg_model_new(.seed = 5);
    s->optimizer = wg_sgd(s->model, 0.1);
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(8, 1, 20, 20), images), y[2];
    for (int i = 0; i < 2; i++) {
        y[i] = wg_conv2d_layer(s->model, i ? "b" : "a", x, 2, .kernel = 3, .padding = 1);
        y[i] = wg_max_pool2d(i ? wg_relu(wg_neg(y[i])) : wg_neg(y[i]), .kernel = 2);
    }
    s->asked[0] = wg_mean(wg_square(wg_mul(y[0], y[1])), WG_ALL_AXES);
    wg_minimize(s->optimizer, s->asked[0]);
}

static wg_state *state_of(const double *content) {
    wg_tensor *tensor = wg_tensor_new(WG_F64, WG_SHAPE(4), NULL);
    memcpy(wg_tensor_writable(tensor), content, 32);
    wg_state *state = wg_state_new(tensor, NULL);
    wg_tensor_free(tensor);
    return state;
}

/* u, v <- v, u + 10 v, and what lies apart in memory. */
static void swapped_states(scene *s) {
    static float apart[64];
    for (int i = 0; i < 64; i++) apart[i] = (float)i / 7;
    s->state[0] = state_of((const double[]){1, 2, 3, 4});
    s->state[1] = state_of((const double[]){5, 6, 7, 8});
    s->strided = wg_tensor_over(WG_F32, WG_SHAPE(4, 4), apart, NULL, .strides = (const int64_t[]){2, 16});
    wg_var u = wg_read(tape, s->state[0]), v = wg_read(tape, s->state[1]), x = wg_input(tape, s->strided);
    wg_assign(s->state[0], v);
    wg_assign(s->state[1], wg_add(u, wg_mul(v, wg_scalar(tape, 10))));
    s->asked[0] = u;
    s->asked[1] = wg_softmax(wg_matmul(wg_exp(wg_neg(x)), x), 1);
    s->asked[2] = wg_sum(wg_mul(x, wg_sin(x)), WG_AXES(0));
}

typedef void record(scene *s);
static record *const scenes[] = {network, shared_weights, swapped_states, recomputed, packed, followed};
static const char *const scene_names[] = {"cnn, dropout, adamw with clipping",
                                          "shared weights, aliasing results",
                                          "swapped states, strided input",
                                          "recomputed, with dropout",
                                          "packed",
                                          "followed"};
enum { SCENES = sizeof scenes / sizeof *scenes };

static void open_scene(scene *s, int number) {
    *s = (scene){0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) numbers[i] = (float)(i % 17) / 17 - 0.3f;
    for (int i = 0; i < 8; i++) s->asked[i] = (wg_var)WG_END_;
    scenes[number](s);
}

static void close_scene(scene *s) {
    wg_tape_clear(tape);
    wg_set_memory_budget(tape, 0);
    wg_optimizer_free(s->optimizer);
    wg_model_free(s->model);
    for (int i = 0; i < 2; i++) wg_state_free(s->state[i]);
    wg_tensor_free(s->strided);
}

/* A hash of all results and of all that states hold. */
static uint64_t hash_of(const scene *s, const wg_evaluation *e) {
    uint64_t hash = 0;
    for (int i = 0; s->asked[i].tape; i++) {
        const wg_tensor *value = wg_value(s->asked[i]);
        if (value) hash = wg_hash(value->data, wg_type_bytes(&value->type), hash);
    }
    for (size_t i = 0; i < e->states.count; i++)
        hash = wg_hash(e->states.at[i]->tensor->data, wg_type_bytes(&e->states.at[i]->tensor->type), hash);
    return hash;
}

/* --- Faults ----------------------------------------------------------------------------------- */

/* Puts fault number `at` into the plan. False: there is no such place; `skip`: here it would be none, and the
 * plan is as it was. */
typedef struct fault {
    const char *name;
    bool (*make)(wg_plan *plan, size_t at, bool *skip);
} fault;

#define NEXT(array) (at < plan->array.count)

static void sync_operands(wg_plan *plan) { /* the program follows the places */
    for (size_t i = 0; i < plan->tile_operands.count; i++) {
        wg_tile_operand *o = &plan->tile_operands.at[i];
        if (o->value == WG_ABSENT) continue;
        const wg_place place = plan->places[wg_bytes_of(&plan->low, o->value)];
        o->kind = (uint8_t)place.kind;
        o->offset = place.offset;
    }
}

/* From when to when the value is there, in waves, or, in its own step, in members: what it is made by, and
 * who reads it last; results and assigned values to the end. */
static void life_of(const wg_plan *plan, uint32_t own, bool in_members, uint32_t *first, uint32_t *last) {
    const wg_lowered *low = &plan->low;
    *first = *last = 0;
    for (uint32_t at = 0; at < plan->members.count; at++) {
        const wg_low_node *node = &low->nodes.at[plan->members.at[at]];
        const uint32_t now = in_members ? at : plan->steps.at[plan->step_of[plan->members.at[at]]].wave;
        if (plan->members.at[at] == low->values.at[own].node) *first = *last = now;
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value != WG_ABSENT && wg_bytes_of(low, value) == own) *last = now;
        }
    }
    for (size_t i = 0; !in_members && i < low->count.results + low->count.assigns; i++)
        if (wg_bytes_of(low, low->roots[i]) == own) *last = (uint32_t)plan->waves.count;
}

/* May `next` be made in place of `value`? It is made in the step that reads the value last, elementwise, and
 * all who read the value in that wave do so there, no later, the same elements of the same size. */
static bool may_follow(const wg_plan *plan, uint32_t value, uint32_t next) {
    const wg_lowered *low = &plan->low;
    const wg_low_value *v = &low->values.at[value], *n = &low->values.at[next];
    const uint32_t step = plan->step_of[n->node], wave = plan->steps.at[step].wave;
    uint32_t made = 0;
    while (plan->members.at[made] != n->node) made++;
    if (!wg_is_tiled(&low->nodes.at[n->node]) || !wg_shape_equal(&v->type, &n->type) ||
        wg_dtype_size(v->type.dtype) != wg_dtype_size(n->type.dtype))
        return false;
    for (uint32_t at = 0; at < plan->members.count; at++) {
        const wg_low_node *node = &low->nodes.at[plan->members.at[at]];
        const uint32_t reader = plan->step_of[plan->members.at[at]];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t input = low->edges.at[node->inputs + k];
            if (input == WG_ABSENT || wg_bytes_of(low, input) != value || plan->steps.at[reader].wave < wave)
                continue;
            if (reader != step || at > made || !wg_is_tiled(node) ||
                !wg_shape_equal(&low->values.at[input].type, &low->values.at[node->outputs].type))
                return false;
        }
    }
    return true;
}

/* Could the value just as well lie there? Nothing else does during its life, and a buffer is there for all of
 * it. */
static bool may_lie_in(const wg_plan *plan, uint32_t value, bool tile, uint32_t there) {
    uint32_t first, last, begin, end;
    life_of(plan, value, tile, &first, &last);
    const wg_buffer *buffer = &plan->buffers.at[there];
    if (!tile && (buffer->first > first || buffer->last < last ||
                  buffer->bytes < wg_type_bytes(&plan->low.values.at[value].type)))
        return false;
    for (uint32_t v = 0; v < plan->low.values.count; v++) {
        const wg_place place = plan->places[v];
        const bool lies = tile ? place.kind == WG_PLACE_TILE && place.offset == there &&
                                     plan->step_of[plan->low.values.at[v].node] ==
                                         plan->step_of[plan->low.values.at[value].node]
                               : place.kind == WG_PLACE_ARENA && plan->buffer_of[v] == there;
        if (!lies || v == value) continue;
        life_of(plan, v, tile, &begin, &end);
        const bool follows = !tile && ((begin == last && may_follow(plan, value, v)) ||
                                       (end == first && may_follow(plan, v, value)));
        if (begin <= last && first <= end && !follows) return false;
    }
    return true;
}

/* Moves the buffer, and whatever lies in it. */
static void move_buffer(wg_plan *plan, size_t index, uint64_t offset) {
    for (size_t v = 0; v < plan->low.values.count; v++)
        if (plan->places[v].kind == WG_PLACE_ARENA && plan->buffer_of[v] == index)
            plan->places[v].offset = offset;
    for (size_t i = 0; i < plan->copies.count; i++) {
        wg_copy *c = &plan->copies.at[i];
        if (c->from.kind == WG_PLACE_ARENA && c->from.offset == plan->buffers.at[index].offset)
            c->from.offset = offset;
        if (c->to.kind == WG_PLACE_ARENA && c->to.offset == plan->buffers.at[index].offset)
            c->to.offset = offset;
    }
    plan->buffers.at[index].offset = offset;
    if (plan->arena_bytes < offset + plan->buffers.at[index].bytes)
        plan->arena_bytes = offset + plan->buffers.at[index].bytes;
    sync_operands(plan);
}

static bool shift_by_a_byte(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    (void)skip;
    move_buffer(plan, at, plan->buffers.at[at].offset + 1);
    return true;
}
/* Onto another one that is alive in one of its waves. */
static bool onto_another(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    const wg_buffer *b = &plan->buffers.at[at];
    for (size_t n = 1; n < plan->buffers.count; n++) {
        const wg_buffer *o = &plan->buffers.at[(at + n) % plan->buffers.count];
        if (o->first > b->last || b->first > o->last || !o->bytes || !b->bytes) continue;
        return move_buffer(plan, at, o->offset), true;
    }
    return *skip = true;
}
static bool value_shifted(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_ARENA || !wg_type_bytes(&plan->low.values.at[at].type))
        return *skip = true;
    plan->places[at].offset += 64;
    sync_operands(plan);
    return true;
}
static bool value_in_a_buffer_to_come(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_ARENA || plan->buffers.count < 2) return *skip = true;
    const uint32_t other = (plan->buffer_of[at] + 1) % (uint32_t)plan->buffers.count;
    if (may_lie_in(plan, (uint32_t)at, false, other)) return *skip = true; /* as good a plan as before */
    plan->buffer_of[at] = other;
    plan->places[at].offset = plan->buffers.at[plan->buffer_of[at]].offset;
    sync_operands(plan);
    return true;
}
static bool life_cut_at_its_end(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    if (plan->buffers.at[at].last == plan->buffers.at[at].first) return *skip = true;
    uint32_t first, last, end = 0;
    for (uint32_t v = 0; v < plan->low.values.count; v++) {
        if (plan->places[v].kind != WG_PLACE_ARENA || plan->buffer_of[v] != at) continue;
        life_of(plan, v, false, &first, &last);
        if (end < last) end = last;
    }
    const bool set_aside = !wg_has_work(wg_maker(&plan->low, plan->buffers.at[at].value));
    if (end < plan->buffers.at[at].last && !set_aside) return *skip = true; /* longer than it has to be */
    plan->buffers.at[at].last--;
    return true;
}
static bool born_late(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    if (plan->buffers.at[at].last == plan->buffers.at[at].first) return *skip = true;
    plan->buffers.at[at].first++;
    return true;
}
static bool buffer_shrunk(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    if (!plan->buffers.at[at].bytes) return *skip = true;
    plan->buffers.at[at].bytes--;
    return true;
}
static bool arena_shrunk(wg_plan *plan, size_t at, bool *skip) {
    (void)skip;
    return at < 1 && plan->arena_bytes > 0 && (plan->arena_bytes--, true);
}
/* A member and the next one of its step change places, the second reading the first. */
static bool members_swapped(wg_plan *plan, size_t at, bool *skip) {
    if (at + 1 >= plan->members.count) return false;
    const uint32_t a = plan->members.at[at], b = plan->members.at[at + 1];
    const wg_low_node *one = &plan->low.nodes.at[a], *two = &plan->low.nodes.at[b];
    bool reads = false;
    for (uint32_t k = 0; k < two->input_count; k++) {
        const uint32_t value = plan->low.edges.at[two->inputs + k];
        if (value != WG_ABSENT && plan->low.values.at[wg_bytes_of(&plan->low, value)].node == a) reads = true;
    }
    if (!reads || plan->step_of[a] != plan->step_of[b] || !wg_is_tiled(one)) return *skip = true;
    plan->members.at[at] = b;
    plan->members.at[at + 1] = a;
    const wg_tile_member member = plan->program[at];
    plan->program[at] = plan->program[at + 1];
    plan->program[at + 1] = member;
    return true;
}
/* Waves behind it move up; what was in it is in the one before. */
static void forget_wave(wg_plan *plan, uint32_t wave) {
    memmove(&plan->waves.at[wave], &plan->waves.at[wave + 1],
            (--plan->waves.count - wave) * sizeof *plan->waves.at);
    for (size_t i = 0; i < plan->steps.count; i++)
        plan->steps.at[i].wave -= plan->steps.at[i].wave >= wave && plan->steps.at[i].wave > 0;
    for (size_t i = 0; i < plan->buffers.count; i++) {
        wg_buffer *buffer = &plan->buffers.at[i];
        buffer->first -= buffer->first >= wave && buffer->first > 0;
        buffer->last -= buffer->last >= wave && buffer->last > 0;
    }
    plan->commit -= plan->commit >= wave && plan->commit > 0;
}
/* The first step of a wave runs in the wave before it, which it does not if it could: it reads something made
 * there. */
static bool wave_merged(wg_plan *plan, size_t at, bool *skip) {
    if (at + 1 >= plan->waves.count) return false;
    wg_wave *wave = &plan->waves.at[at], *next = wave + 1;
    bool reads = false;
    for (uint32_t s = next->first; s < next->first + next->count; s++)
        for (uint32_t m = 0; m < plan->steps.at[s].count; m++) {
            const wg_low_node *node = &plan->low.nodes.at[plan->members.at[plan->steps.at[s].first + m]];
            for (uint32_t k = 0; k < node->input_count; k++) {
                const uint32_t value = plan->low.edges.at[node->inputs + k];
                const uint32_t made =
                    value == WG_ABSENT
                        ? value
                        : plan->step_of[plan->low.values.at[wg_bytes_of(&plan->low, value)].node];
                reads |= made != WG_ABSENT && plan->steps.at[made].wave == at;
            }
        }
    if (!reads) return *skip = true; /* steps that need nothing of one another may share a wave */
    wave->count += next->count;
    forget_wave(plan, (uint32_t)at + 1);
    if (plan->most_steps < wave->count) plan->most_steps = wave->count;
    plan->most_operands *= 2;
    return true;
}
static bool node_twice(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(members)) return false;
    if (plan->members.count < 2) return *skip = true;
    plan->members.at[at] = plan->members.at[(at + 1) % plan->members.count];
    return true;
}
static bool slot_shared(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_TILE) return *skip = true;
    const wg_step *step = &plan->steps.at[plan->step_of[plan->low.values.at[at].node]];
    if (step->slots < 2) return *skip = true;
    const uint32_t other = (uint32_t)(plan->places[at].offset + 1) % step->slots;
    if (may_lie_in(plan, (uint32_t)at, true, other)) return *skip = true; /* as good a plan as before */
    plan->places[at].offset = other;
    sync_operands(plan);
    return true;
}
static bool slot_beyond(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_TILE) return *skip = true;
    plan->places[at].offset = plan->steps.at[plan->step_of[plan->low.values.at[at].node]].slots;
    sync_operands(plan);
    return true;
}
static bool units_left_out(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].units) return *skip = true;
    plan->steps.at[at].units--;
    return true;
}
static bool grain_none(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    (void)skip;
    plan->steps.at[at].grain = 0;
    return true;
}
static bool workspace_shrunk(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].workspace) return *skip = true;
    plan->steps.at[at].workspace = plan->steps.at[at].kernel_workspace = 0;
    return true;
}
static bool copy_dropped(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    memmove(&plan->copies.at[at], &plan->copies.at[at + 1],
            (--plan->copies.count - at) * sizeof *plan->copies.at);
    if (at < plan->early_copies) plan->early_copies--;
    return true;
}
static bool copy_doubled(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    if (!WG_RESERVE(&plan->copies.at, &plan->copies.capacity, plan->copies.count + 1)) return false;
    plan->copies.at[plan->copies.count++] = plan->copies.at[at];
    return true;
}
static bool copy_to_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    wg_place *to = &plan->copies.at[at].to;
    to->offset += to->kind == WG_PLACE_ARENA ? 64 : 1;
    return true;
}
static bool copy_cut(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    plan->copies.at[at].bytes--;
    return true;
}
static bool copy_from_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    if (plan->copies.count < 2) return *skip = true;
    const wg_place other = plan->copies.at[(at + 1) % plan->copies.count].from;
    if (other.kind == plan->copies.at[at].from.kind && other.offset == plan->copies.at[at].from.offset)
        return *skip = true;
    plan->copies.at[at].from = other;
    return true;
}
static bool copies_one_late(wg_plan *plan, size_t at, bool *skip) {
    (void)skip;
    return at < 1 && plan->early_copies > 0 && (plan->early_copies--, true);
}
static bool commit_moved(wg_plan *plan, size_t at, bool *skip) {
    if (at > 1) return false;
    if (at ? plan->commit >= plan->waves.count : !plan->commit) return *skip = true;
    plan->commit += at ? 1 : UINT32_MAX;
    return true;
}
static bool reader_forgotten(wg_plan *plan, size_t at, bool *skip) {
    if (at >= plan->low.count.assigns) return false;
    if (plan->low.read_by[at] == WG_ABSENT) return *skip = true;
    plan->low.read_by[at] = WG_ABSENT;
    return true;
}
/* The next value of the type of this one that is no view; itself where there is none. */
static uint32_t another_like(const wg_plan *plan, uint32_t value) {
    for (uint32_t i = 1; i < plan->low.values.count; i++) {
        const uint32_t v = (value + i) % (uint32_t)plan->low.values.count;
        const wg_low_value *at = &plan->low.values.at[v];
        if (at->view_of == WG_ABSENT && wg_type_equal(&at->type, &plan->low.values.at[value].type)) return v;
    }
    return value;
}

/* What is asked for, or assigned, is another value. */
static bool wrong_root(wg_plan *plan, size_t at, bool *skip) {
    if (at >= plan->low.count.results + plan->low.count.assigns) return false;
    const uint32_t root = plan->low.roots[at], own = wg_bytes_of(&plan->low, root),
                   another = another_like(plan, own);
    if (own == another) return *skip = true;
    plan->low.roots[at] = another;
    return true;
}
static bool result_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_RESULT || plan->low.count.results < 2) return *skip = true;
    plan->places[at].offset = (plan->places[at].offset + 1) % plan->low.count.results;
    sync_operands(plan);
    return true;
}
/* A leaf that lies apart in memory is not copied together. */
static bool gather_dropped(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    const wg_step step = plan->steps.at[at];
    if (step.kind != WG_STEP_GATHER) return *skip = true;
    plan->step_of[plan->members.at[step.first]] = WG_ABSENT;
    memmove(&plan->members.at[step.first], &plan->members.at[step.first + 1],
            (--plan->members.count - step.first) * sizeof *plan->members.at);
    memmove(&plan->program[step.first], &plan->program[step.first + 1],
            (plan->members.count - step.first) * sizeof *plan->program);
    memmove(&plan->steps.at[at], &plan->steps.at[at + 1],
            (--plan->steps.count - at) * sizeof *plan->steps.at);
    for (size_t i = at; i < plan->steps.count; i++) {
        wg_step *later = &plan->steps.at[i];
        later->first--;
        for (uint32_t m = later->first; m < later->first + later->count; m++)
            plan->step_of[plan->members.at[m]]--;
    }
    for (size_t i = step.wave + 1; i < plan->waves.count; i++) plan->waves.at[i].first--;
    if (--plan->waves.at[step.wave].count == 0) forget_wave(plan, step.wave);
    return true;
}
/* It is copied together once more at the end, to where other values lie by then. */
static bool gather_doubled(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    wg_step again = plan->steps.at[at];
    if (again.kind != WG_STEP_GATHER) return *skip = true;
    if (!WG_RESERVE(&plan->steps.at, &plan->steps.capacity, plan->steps.count + 1) ||
        !WG_RESERVE(&plan->members.at, &plan->members.capacity, plan->members.count + 1))
        return false;
    wg_wave *last = &plan->waves.at[plan->waves.count - 1];
    plan->members.at[plan->members.count] = plan->members.at[again.first];
    again.first = (uint32_t)plan->members.count++;
    again.wave = (uint32_t)plan->waves.count - 1;
    plan->steps.at[plan->steps.count++] = again;
    if (plan->most_steps < ++last->count) plan->most_steps = last->count;
    plan->most_operands *= 2;
    return true;
}
/* The output is written over an input that is still to be read, or that a kernel reads in another order. */
static bool in_place_forced(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    const wg_low_node *node = &plan->low.nodes.at[at];
    const uint32_t output = node->outputs;
    for (uint32_t k = 0; k < node->input_count && wg_has_work(node); k++) {
        const uint32_t value = plan->low.edges.at[node->inputs + k];
        const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(&plan->low, value);
        if (own == WG_ABSENT || plan->places[own].kind != WG_PLACE_ARENA ||
            plan->places[output].kind != WG_PLACE_ARENA || plan->buffer_of[own] == plan->buffer_of[output] ||
            wg_type_bytes(&plan->low.values.at[own].type) <
                wg_type_bytes(&plan->low.values.at[output].type) ||
            plan->buffers.at[plan->buffer_of[own]].last <= plan->steps.at[plan->step_of[at]].wave)
            continue;
        plan->places[output] = plan->places[own];
        plan->buffer_of[output] = plan->buffer_of[own];
        return sync_operands(plan), true;
    }
    return *skip = true;
}
static bool kind_changed(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    (void)skip;
    plan->steps.at[at].kind = plan->steps.at[at].kind == WG_STEP_GATHER ? WG_STEP_KERNEL : WG_STEP_GATHER;
    return true;
}
static bool operand_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(tile_operands)) return false;
    if (plan->tile_operands.at[at].value == WG_ABSENT) return *skip = true;
    plan->tile_operands.at[at].offset += 64;
    return true;
}

/* What is computed again draws other numbers, or reads another value of the same type. */
static bool clone_differs(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->clone_of == WG_ABSENT) return *skip = true;
    for (uint32_t v = 0; v < plan->low.nodes.at[node->clone_of].outputs && node->input_count; v++) {
        uint32_t *edge = &plan->low.edges.at[node->inputs];
        if (*edge == v || !wg_type_equal(&plan->low.values.at[v].type, &plan->low.values.at[*edge].type))
            continue;
        if (plan->low.nodes.at[plan->low.values.at[*edge].node].clone_of == plan->low.values.at[v].node)
            continue;
        *edge = v;
        return true;
    }
    return *skip = true;
}
static bool clone_draws_anew(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->clone_of == WG_ABSENT || !(node->op->flags & WG_RANDOM)) return *skip = true;
    for (size_t i = 0; i < plan->low.nodes.count; i++)
        if (plan->low.nodes.at[i].op == node->op && plan->low.nodes.at[i].source != node->source)
            return node->source = plan->low.nodes.at[i].source, true;
    return *skip = true;
}

/* Something else is packed; the same, and it is said so; or another packed value is read. */
static bool packs_another(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->pack_of == WG_ABSENT) return *skip = true;
    plan->low.edges.at[node->inputs] = another_like(plan, node->pack_of);
    return true;
}
static bool packs_another_openly(wg_plan *plan, size_t at, bool *skip) {
    if (!packs_another(plan, at, skip)) return false;
    if (!*skip) plan->low.nodes.at[at].pack_of = plan->low.edges.at[plan->low.nodes.at[at].inputs];
    return true;
}
static bool reads_another_packed(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.edges)) return false;
    uint32_t *edge = &plan->low.edges.at[at];
    if (*edge == WG_ABSENT || wg_maker(&plan->low, *edge)->pack_of == WG_ABSENT) return *skip = true;
    const uint32_t another = another_like(plan, *edge);
    if (another == *edge) return *skip = true;
    *edge = another;
    return true;
}

/* Of a kernel that follows another one: runs elsewhere, too short, and no following. */
static bool run_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_RUN) return *skip = true;
    const wg_step *step = &plan->steps.at[plan->step_of[plan->low.values.at[at].node]];
    plan->places[at].offset = step->runs > 1 ? (plan->places[at].offset + 1) % step->runs : step->runs;
    return true;
}
static bool run_as_tile(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_RUN) return *skip = true;
    plan->places[at].kind = WG_PLACE_TILE;
    return true;
}
static bool run_shrunk(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].runs) return *skip = true;
    plan->steps.at[at].run_bytes -= WG_ALIGNMENT;
    return true;
}
static bool run_cut(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].followed) return *skip = true;
    plan->steps.at[at].run_elements--;
    return true;
}
static bool not_followed(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].followed) return *skip = true;
    plan->steps.at[at].followed = false;
    return true;
}
static bool followed_by_none(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (plan->steps.at[at].followed) return *skip = true;
    plan->steps.at[at].followed = true;
    return true;
}

/* Another op, like the right one in all but its name, packs; or another kernel does. */
static bool packs_by_another_op(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->pack_of == WG_ABSENT) return *skip = true;
    static wg_op another;
    another = *node->op;
    node->op = &another;
    for (size_t m = 0; m < plan->members.count; m++)
        if (plan->members.at[m] == at && wg_is_tiled(node)) plan->program[m].op = &another;
    return true;
}
static bool packs_by_another_kernel(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->pack_of == WG_ABSENT) return *skip = true;
    node->kernel.run = wg_op_find("full")->forward;
    for (size_t m = 0; m < plan->members.count; m++)
        if (plan->members.at[m] == at && wg_is_tiled(node)) plan->program[m].run = node->kernel.run;
    return true;
}
/* It stands in the order before the node that makes what it packs. */
static bool packs_early(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(order)) return false;
    const uint32_t node = plan->order.at[at];
    if (plan->low.nodes.at[node].pack_of == WG_ABSENT) return *skip = true;
    const uint32_t maker = plan->low.values.at[plan->low.nodes.at[node].pack_of].node;
    for (size_t i = 0; i < at; i++)
        if (plan->order.at[i] == maker) plan->order.at[i] = node;
    plan->order.at[at] = maker;
    return true;
}
static bool reads_packed(const wg_plan *plan, const wg_low_node *node) {
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t value = plan->low.edges.at[node->inputs + k];
        if (value != WG_ABSENT && wg_maker(&plan->low, value)->pack_of != WG_ABSENT) return true;
    }
    return false;
}
static void run_as(wg_plan *plan, size_t at, const wg_op *op) {
    plan->low.nodes.at[at].op = op;
    for (size_t m = 0; m < plan->members.count; m++)
        if (plan->members.at[m] == at && wg_is_tiled(&plan->low.nodes.at[at])) plan->program[m].op = op;
}
/* It is read by an op that takes nothing packed; or that does not with these types and attributes. */
static bool packed_for_another_reader(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    if (!reads_packed(plan, &plan->low.nodes.at[at])) return *skip = true;
    static wg_op another;
    another = *plan->low.nodes.at[at].op;
    another.pack = NULL;
    run_as(plan, at, &another);
    return true;
}
static bool never(const wg_call *call) { return !call; }
static bool packed_where_it_may_not(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    if (!reads_packed(plan, &plan->low.nodes.at[at])) return *skip = true;
    static wg_op another;
    another = *plan->low.nodes.at[at].op;
    another.may_pack = never;
    run_as(plan, at, &another);
    return true;
}

static const fault faults[] = {
    {"a run looked for elsewhere", run_elsewhere},
    {"a run taken for a tile", run_as_tile},
    {"a run slot shrunk", run_shrunk},
    {"runs cut by an element", run_cut},
    {"a kernel that follows, taken for elementwise", not_followed},
    {"a step said to be followed", followed_by_none},
    {"another op packs", packs_by_another_op},
    {"another kernel packs", packs_by_another_kernel},
    {"it packs before the value is made", packs_early},
    {"the reader takes nothing packed", packed_for_another_reader},
    {"the reader takes nothing packed of this kind", packed_where_it_may_not},
    {"what packs packs something else", packs_another},
    {"it packs something else, and says so", packs_another_openly},
    {"another packed value is read", reads_another_packed},
    {"a clone that reads something else", clone_differs},
    {"a clone that draws other numbers", clone_draws_anew},
    {"a buffer shifted by a byte", shift_by_a_byte},
    {"a buffer put onto another one that lives", onto_another},
    {"a value shifted by 64 bytes", value_shifted},
    {"a value made in another buffer", value_in_a_buffer_to_come},
    {"a life cut by one at its end", life_cut_at_its_end},
    {"a life begun a wave late", born_late},
    {"a buffer shrunk by a byte", buffer_shrunk},
    {"the arena shrunk by a byte", arena_shrunk},
    {"two members swapped", members_swapped},
    {"a wave merged with one that feeds it", wave_merged},
    {"a node left out, another run twice", node_twice},
    {"a tile's slot taken by another", slot_shared},
    {"a slot behind the last", slot_beyond},
    {"a unit left out", units_left_out},
    {"no grain", grain_none},
    {"no workspace", workspace_shrunk},
    {"a copy dropped", copy_dropped},
    {"a copy made twice", copy_doubled},
    {"a copy to another place", copy_to_elsewhere},
    {"a copy cut", copy_cut},
    {"a copy from another place", copy_from_elsewhere},
    {"an early copy made late", copies_one_late},
    {"the commit moved", commit_moved},
    {"a state's reader forgotten", reader_forgotten},
    {"two results swapped", result_elsewhere},
    {"another value asked for", wrong_root},
    {"a leaf not gathered", gather_dropped},
    {"a leaf gathered twice", gather_doubled},
    {"in place forced", in_place_forced},
    {"a step of another kind", kind_changed},
    {"an operand looked for elsewhere", operand_elsewhere},
};
enum { FAULTS = sizeof faults / sizeof *faults };

/* --- Who catches it --------------------------------------------------------------------------- */

typedef struct verdict {
    bool made, proved, same;
    size_t at;
} verdict;

/* Puts the fault into the first place from `at` on where it is one; in a process of its own: it may crash. */
static verdict try_fault(const scene *s, const fault *f, size_t at, uint64_t expected, verdict *shared) {
    *shared = (verdict){.at = at};
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        wg_evaluation *e = wg_evaluation_latest(tape);
        alarm(20);
        setrlimit(RLIMIT_AS,
                  &(struct rlimit){1u << 30, 1u << 30}); /* a wrong plan may ask for any number of bytes */
        for (bool skipped = true; skipped; shared->at += skipped) {
            skipped = false;
            shared->made = f->make(e->plan, shared->at, &skipped);
        }
        if (!shared->made) _exit(0);
        shared->proved = wg_plan_verify(e->plan, tape, e->order.at);
        wg_tape_recover(tape, NULL);
        e->ran = true;
        if (freopen("/dev/null", "w", stderr)) {
        }
        shared->same = wg_rerun(tape) == WG_OK && hash_of(s, e) == expected;
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status)) shared->same = false;
    return *shared;
}

/* What the plan gives node by node, in a process of its own: states stay as they are. */
static uint64_t expected_of(const scene *s, uint64_t *shared) {
    const pid_t child = fork();
    if (child == 0) {
        wg_evaluation *e = wg_evaluation_latest(tape);
        engine->executor = WG_NODE_BY_NODE;
        e->ran = true;
        *shared = wg_rerun(tape) == WG_OK ? hash_of(s, e) : 0;
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return *shared;
}

START_TEST(no_wrong_plan_slips_through) {
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    int count[FAULTS] = {0}, proof[FAULTS] = {0}, bits[FAULTS] = {0}, all = 0, slipped = 0, by_proof = 0,
        by_bits = 0;
    for (int n = 0; n < SCENES; n++) {
        scene s;
        open_scene(&s, n);
        ck_assert_msg(wg_prepare_list(s.asked) == WG_OK, "%s: %s", scene_names[n], wg_tape_message(tape));
        const uint64_t expected = expected_of(&s, shared);
        ck_assert_uint_ne(expected, 0);
        for (int f = 0; f < FAULTS; f++)
            for (size_t at = 0;; at++) {
                const verdict v = try_fault(&s, &faults[f], at, expected, shared);
                if (!v.made) break;
                at = v.at;
                count[f]++;
                proof[f] += !v.proved;
                bits[f] += !v.same;
                slipped += v.proved && v.same;
                if (v.proved && v.same)
                    printf("SLIPPED: %s: %s, place %zu\n", scene_names[n], faults[f].name, at);
            }
        close_scene(&s);
    }
    printf("%-42s %6s %9s %9s\n", "fault", "plans", "by proof", "by bits");
    for (int f = 0; f < FAULTS; f++) {
        printf("%-42s %6d %9d %9d\n", faults[f].name, count[f], proof[f], bits[f]);
        all += count[f], by_proof += proof[f], by_bits += bits[f];
    }
    printf("%-42s %6d %9d %9d, %d slipped\n", "together", all, by_proof, by_bits, slipped);
    for (int f = 0; f < FAULTS; f++) ck_assert_msg(count[f] > 0, "nowhere: %s", faults[f].name);
    ck_assert_int_eq(slipped, 0);
    ck_assert_int_ge(all, 300);
}
END_TEST

/* The proof accepts plans with any passes off, each alone, all together, and none. */
START_TEST(plans_without_any_pass_are_proved) {
    for (uint32_t pass = 0; pass <= WG_PASS_COUNT + 1; pass++)
        for (int n = 0; n < SCENES; n++) {
            scene s;
            engine->disabled = pass < WG_PASS_COUNT    ? 1u << pass
                               : pass == WG_PASS_COUNT ? wg_planning_passes()
                                                       : 0;
            open_scene(&s, n);
            ck_assert_msg(wg_eval_list(s.asked) == WG_OK, "%s, pass %u: %s", scene_names[n], pass,
                          wg_tape_message(tape));
            close_scene(&s);
        }
    ck_assert_uint_gt(wg_engine_count(engine).verifying_ns, 0);
}
END_TEST

/* --- An op that breaks its contract ----------------------------------------------------------- */

static int64_t other_units(const wg_call *call) {
    static int64_t asked;
    (void)call;
    return 1 + asked++;
}
static void nothing(const wg_call *call) { *(double *)call->outputs[0].data = 1; }

static const wg_op fickle = {.name = "fickle",
                             .formula = "y = 1",
                             .inputs = 1,
                             .outputs = 1,
                             .infer = wg_infer_same,
                             .forward = nothing,
                             .units = other_units};

START_TEST(a_plan_that_cannot_be_proved_is_an_error_and_not_kept) {
    wg_var y = wg_apply(&fickle, wg_scalar(tape, 1));
    ck_assert_int_eq(wg_eval(y), WG_ERROR_PLAN);
    ck_assert_ptr_null(wg_value(y));
    printf("%s\n", wg_tape_message(tape));
    ck_assert_message_contains(wg_tape_message(tape), "fickle");
    ck_assert_message_contains(wg_tape_message(tape), "test_plan_faults.c:");
    ck_assert_uint_eq(wg_engine_count(engine).plans_held, 0);
    wg_tape_recover(tape, NULL);
}
END_TEST

/* --- Its share of planning -------------------------------------------------------------------- */

static void tell_share(const char *name, wg_engine_counters before) {
    const wg_engine_counters now = wg_engine_count(engine);
    const double all = (double)(now.planning_ns - before.planning_ns),
                 proof = (double)(now.verifying_ns - before.verifying_ns);
    printf("%s: planned in %.3f ms, of which the proof took %.1f %%\n", name, all * 1e-6, 100 * proof / all);
    ck_assert_double_gt(proof, 0);
}

START_TEST(the_share_of_the_proof_is_told) {
    scene s;
    wg_engine_counters before = wg_engine_count(engine);
    open_scene(&s, 0);
    ck_assert_int_eq(wg_prepare_list(s.asked), WG_OK);
    tell_share(scene_names[0], before);
    close_scene(&s);
    before = wg_engine_count(engine);
    wg_var x = wg_scalar(tape, 0.5);
    for (int i = 0; i < 1000000; i++) x = wg_sin(x);
    ck_assert_int_eq(wg_prepare(x), WG_OK);
    tell_share("a chain of 1,000,000 scalars", before);
}
END_TEST

WG_SUITE_WITH("plan/faults", open_tape, close_tape, no_wrong_plan_slips_through,
              plans_without_any_pass_are_proved, a_plan_that_cannot_be_proved_is_an_error_and_not_kept,
              the_share_of_the_proof_is_told)
