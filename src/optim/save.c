/* save — what an optimizer remembers, into a checkpoint and out of one; io/checkpoint.h has the names. */
#include "io/checkpoint.h"
#include "optim/optimizer.h"
#include <stdlib.h>

enum { KIND_SIZE = 128, NAME_SIZE = 1024 };

static const char *kind_text(char text[KIND_SIZE], const wg_update_rule *rule) {
    int length = snprintf(text, KIND_SIZE, "%s", rule->name);
    for (int k = 0; k < rule->memory_count; k++)
        length += snprintf(text + length, (size_t)(KIND_SIZE - length), " %s", rule->memory[k].name);
    return text;
}

/* The name under which a slot's content stands in the file: 0 its state, 1 … its memory. */
static const char *content_name(const wg_update_rule *rule, int content) {
    return content ? rule->memory[content - 1].name : WG_OPTIMIZER_STATE;
}

void wg_optimizer_pack(const wg_optimizer *optimizer, wg_parcel *parcel) {
    const wg_update_rule *rule = &optimizer->rule;
    char kind[KIND_SIZE];
    int64_t step;
    uint64_t bits;
    memcpy(&step, wg_tensor_data(wg_state_tensor(optimizer->step)), sizeof step);
    memcpy(&bits, &optimizer->rate, sizeof bits);
    wg_parcel_text(parcel, WG_OPTIMIZER_KIND, "%s", kind_text(kind, rule));
    wg_parcel_number(parcel, WG_OPTIMIZER_STEP, (uint64_t)step);
    wg_parcel_number(parcel, WG_OPTIMIZER_RATE, bits);
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const wg_slot *slot = &optimizer->slots[i];
        for (int content = 0; content <= rule->memory_count; content++) {
            const wg_state *plain = optimizer->model ? NULL : slot->state; /* the model's are packed by it */
            const wg_state *state = content ? slot->memory[content - 1] : plain;
            if (state)
                wg_parcel_tensor(parcel, wg_state_tensor(state), WG_OPTIMIZER_PREFIX "%s/%s",
                                 content_name(rule, content), slot->path);
        }
    }
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* A file while an optimizer's part of it is read. */
typedef struct source {
    wg_safetensors *file;
    const char *path;
    bool model_is_known; /* a layer has met parameters: others are unknown */
} source;

#define MISFIT(from, error, status, format, ...) \
    wg_error_set(error, status, "%.400s does not fit the optimizer: " format, (from)->path, __VA_ARGS__)

static wg_slot *find_slot(const wg_optimizer *optimizer, const char *path) {
    for (size_t i = 0; i < optimizer->slot_count; i++)
        if (!strcmp(optimizer->slots[i].path, path)) return &optimizer->slots[i];
    return NULL;
}

static wg_slot_change *find_change(const wg_optimizer_change *change, const char *path) {
    for (size_t i = 0; i < change->slot_count; i++)
        if (!strcmp(change->slots[i].path, path)) return &change->slots[i];
    return NULL;
}

static wg_slot_change *add_change(wg_optimizer_change *change, const char *path, wg_error *error) {
    const size_t size = strlen(path) + 1;
    char *copy = malloc(size);
    if (!copy || !WG_RESERVE(&change->slots, &change->slot_capacity, change->slot_count + 1)) {
        free(copy);
        wg_error_set(error, WG_ERROR_MEMORY, "optimizer: out of memory for \"%.400s\"", path);
        return NULL;
    }
    memcpy(copy, path, size);
    change->slots[change->slot_count] = (wg_slot_change){.path = copy};
    return &change->slots[change->slot_count++];
}

/* The type of the parameter of that path; no dtype: it is neither in the model nor in the file, and its
 * memory is looked at when it is met. */
static int parameter_type(const wg_optimizer *optimizer, const source *from, const char *path, wg_type *type,
                          wg_error *error) {
    char name[NAME_SIZE];
    const wg_slot *slot = find_slot(optimizer, path);
    const wg_parameter_info *info = wg_model_find(optimizer->model, path);
    const wg_state *state = slot ? slot->state : NULL;
    if (!state && from->model_is_known && info) state = info->state;
    if (!state && (from->model_is_known || !optimizer->model))
        return MISFIT(from, error, WG_ERROR_NAME, "\"%.400s\" is unknown to it", path);
    snprintf(name, sizeof name, WG_MODEL_PREFIX "%s", path);
    *type = state ? wg_tensor_type(wg_state_tensor(state))
                  : wg_safetensors_type(from->file, wg_safetensors_find(from->file, name));
    return WG_OK;
}

/* Reads tensor number `index`, the content of a slot. */
static int read_content(wg_optimizer_change *change, const source *from, int index, int content,
                        wg_slot_change *slot, wg_error *error) {
    const wg_update_rule *rule = &change->optimizer->rule;
    wg_type parameter, has = wg_safetensors_type(from->file, index);
    int status = parameter_type(change->optimizer, from, slot->path, &parameter, error);
    if (status) return status;
    const wg_type expected = content ? wg_memory_type(rule, content - 1, &parameter) : parameter;
    char has_text[WG_TEXT_SIZE], expected_text[WG_TEXT_SIZE];
    if (expected.dtype && !wg_type_equal(&has, &expected))
        return MISFIT(from, error, has.dtype == expected.dtype ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                      "%s of \"%.300s\" is %s in the file, %s is expected", content_name(rule, content),
                      slot->path, wg_type_text(has_text, &has, true),
                      wg_type_text(expected_text, &expected, true));
    wg_error own = {0};
    wg_tensor *tensor = wg_safetensors_read(from->file, index, &own);
    slot->next[content] = tensor ? wg_state_new(tensor, &own) : NULL;
    wg_tensor_free(tensor);
    return own.status ? wg_error_set(error, own.status, "%s", own.message) : WG_OK;
}

/* All tensors of one kind: those of the first make the changes, unless the states without a model have. */
static int read_kind(wg_optimizer_change *change, const source *from, int content, wg_error *error) {
    char prefix[NAME_SIZE];
    const int length = snprintf(prefix, sizeof prefix, WG_OPTIMIZER_PREFIX "%s/",
                                content_name(&change->optimizer->rule, content));
    for (int i = 0; i < wg_safetensors_count(from->file); i++) {
        const char *name = wg_safetensors_name(from->file, i), *path = name + length;
        if (strncmp(name, prefix, (size_t)length)) continue;
        wg_slot_change *slot = find_change(change, path);
        if (!slot && content <= 1 && !(slot = add_change(change, path, error))) return WG_ERROR_MEMORY;
        if (!slot)
            return wg_error_set(error, WG_ERROR_FORMAT, "%.400s: \"%.400s\" without the memory before it",
                                from->path, name);
        const int status = read_content(change, from, i, content, slot, error);
        if (status) return status;
    }
    return WG_OK;
}

/* Does the optimizer have something of that name? */
static bool is_known(const wg_optimizer *optimizer, const char *name) {
    const char *kind = name + strlen(WG_OPTIMIZER_PREFIX);
    for (int content = optimizer->model ? 1 : 0; content <= optimizer->rule.memory_count; content++) {
        const char *known = content_name(&optimizer->rule, content);
        const size_t length = strlen(known);
        if (!strncmp(kind, known, length) && kind[length] == '/') return true;
    }
    return false;
}

static int check_names(const wg_optimizer *optimizer, const source *from, wg_error *error) {
    for (int i = 0; i < wg_safetensors_count(from->file); i++) {
        const char *name = wg_safetensors_name(from->file, i);
        if (!strncmp(name, WG_OPTIMIZER_PREFIX, strlen(WG_OPTIMIZER_PREFIX)) && !is_known(optimizer, name))
            return wg_error_set(error, WG_ERROR_FORMAT, "%.400s: \"%.400s\" is nothing that %s has",
                                from->path, name, optimizer->rule.name);
    }
    return WG_OK;
}

/* Memory is there for a whole slot or not at all; a plain state is there. */
static int check_whole(const wg_optimizer_change *change, const source *from, wg_error *error) {
    const wg_optimizer *optimizer = change->optimizer;
    for (size_t i = 0; i < change->slot_count; i++) {
        const wg_slot_change *slot = &change->slots[i];
        for (int content = 2; content <= optimizer->rule.memory_count; content++)
            if (slot->next[1] && !slot->next[content])
                return wg_error_set(error, WG_ERROR_FORMAT, "%.400s: no %s of \"%.400s\"", from->path,
                                    content_name(&optimizer->rule, content), slot->path);
    }
    for (size_t i = 0; i < optimizer->slot_count && !optimizer->model; i++) {
        const wg_slot_change *slot = find_change(change, optimizer->slots[i].path);
        if (!slot || !slot->next[0])
            return MISFIT(from, error, WG_ERROR_NAME, "\"%.400s\" is missing", optimizer->slots[i].path);
    }
    return WG_OK;
}

/* Memory that the file does not have had not been made then: it is zeros again. */
static int forget_others(wg_optimizer_change *change, wg_error *error) {
    const wg_optimizer *optimizer = change->optimizer;
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const wg_slot *slot = &optimizer->slots[i];
        if (!slot->state || !slot->memory[0]) continue;
        wg_slot_change *changed = find_change(change, slot->path);
        if (changed && changed->next[1]) continue;
        if (!changed) changed = add_change(change, slot->path, error);
        if (!changed) return WG_ERROR_MEMORY;
        for (int k = 0; k < optimizer->rule.memory_count; k++) {
            const wg_type type = wg_tensor_type(wg_state_tensor(slot->memory[k]));
            wg_error own = {0};
            wg_tensor *zeros = wg_tensor_of_type(&type, &own);
            changed->next[1 + k] = zeros ? wg_state_new(zeros, &own) : NULL;
            wg_tensor_free(zeros);
            if (own.status) return wg_error_set(error, own.status, "%s", own.message);
        }
    }
    return WG_OK;
}

static int read_numbers(wg_optimizer_change *change, const source *from, wg_error *error) {
    char kind[KIND_SIZE];
    uint64_t bits = 0;
    const char *in_file = wg_safetensors_metadata(from->file, WG_OPTIMIZER_KIND);
    if (!in_file)
        return wg_error_set(error, WG_ERROR_NAME, "%.400s: a checkpoint without an optimizer", from->path);
    if (strcmp(in_file, kind_text(kind, &change->optimizer->rule)))
        return MISFIT(from, error, WG_ERROR_NAME, "it is of \"%.128s\", the optimizer is \"%s\"", in_file,
                      kind);
    int status = wg_file_scalar(from->file, from->path, WG_OPTIMIZER_STEP, &change->step, error);
    if (!status) status = wg_file_number(from->file, from->path, WG_OPTIMIZER_RATE, UINT64_MAX, &bits, error);
    memcpy(&change->rate, &bits, sizeof bits);
    return status;
}

/* --- The two halves --------------------------------------------------------------------------- */

int wg_optimizer_prepare(wg_optimizer_change *change, wg_optimizer *optimizer, wg_safetensors *file,
                         const char *path, wg_error *error) {
    source from = {.file = file, .path = path};
    *change = (wg_optimizer_change){.optimizer = optimizer};
    if (optimizer->is_asking)
        return wg_error_set(error, WG_ERROR_TAPE,
                            "%s: its loss function may only record the loss, not load it",
                            optimizer->rule.name);
    for (int i = 0; i < wg_model_count(optimizer->model); i++)
        from.model_is_known |= wg_model_parameter(optimizer->model, i)->met;
    int status = read_numbers(change, &from, error);
    if (!status) status = check_names(optimizer, &from, error);
    for (int content = optimizer->model ? 1 : 0; content <= optimizer->rule.memory_count && !status;
         content++)
        status = read_kind(change, &from, content, error);
    if (!status) status = check_whole(change, &from, error);
    if (!status) status = forget_others(change, error);
    if (status) return status;
    const size_t most = optimizer->slot_count + change->slot_count; /* for those that will wait */
    if (WG_RESERVE(&optimizer->slots, &optimizer->slot_capacity, most)) return WG_OK;
    return wg_error_set(error, WG_ERROR_MEMORY, "%s: out of memory", optimizer->rule.name);
}

static void free_waiting(wg_optimizer *optimizer) {
    size_t kept = 0;
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        wg_slot *slot = &optimizer->slots[i];
        if (slot->state)
            optimizer->slots[kept++] = *slot;
        else
            wg_slot_free(slot);
    }
    optimizer->slot_count = kept;
}

/* A slot that waits for its parameter; takes the change's path. There is room for it. */
static wg_slot *add_waiting(wg_optimizer *optimizer, wg_slot_change *changed) {
    size_t place = 0;
    while (place < optimizer->slot_count && strcmp(optimizer->slots[place].path, changed->path) < 0) place++;
    wg_slot *slot = wg_slot_insert(optimizer, place);
    slot->path = changed->path;
    changed->path = NULL;
    return slot;
}

/* States that are there keep their identity: tapes have read them, programs may hold them. */
void wg_optimizer_commit(wg_optimizer_change *change) {
    wg_optimizer *optimizer = change->optimizer;
    free_waiting(optimizer);
    for (size_t i = 0; i < change->slot_count; i++) {
        wg_slot_change *changed = &change->slots[i];
        wg_slot *slot = find_slot(optimizer, changed->path);
        if (!slot) slot = add_waiting(optimizer, changed);
        if (changed->next[0]) wg_state_set(slot->state, wg_state_tensor(changed->next[0]), NULL);
        for (int k = 0; k < optimizer->rule.memory_count; k++) {
            wg_state **next = &changed->next[1 + k];
            if (slot->memory[k] && *next) {
                wg_state_set(slot->memory[k], wg_state_tensor(*next), NULL);
            } else if (*next) {
                slot->memory[k] = *next;
                *next = NULL;
            }
        }
    }
    wg_state_set(optimizer->step, change->step, NULL);
    optimizer->rate = change->rate;
    optimizer->products_are_old = true;
}

void wg_optimizer_discard(wg_optimizer_change *change) {
    for (size_t i = 0; i < change->slot_count; i++) {
        for (int content = 0; content <= WG_MEMORY_MAX; content++)
            wg_state_free(change->slots[i].next[content]);
        free(change->slots[i].path);
    }
    free(change->slots);
    wg_tensor_free(change->step);
    *change = (wg_optimizer_change){0};
}
