/* recurrent — layers of rnn, lstm and gru upon each other, with parameters that have PyTorch's names and
 * initial values. */
#include "base/options.h"
#include "nn/layer.h"
#include <math.h>

typedef wg_recurrent record(wg_var x, wg_var weight_ih, wg_var weight_hh,
                            const wg_recurrent_options *options);

typedef struct recurrent_kind {
    const char *layer;
    int gates;
    record *record;
} recurrent_kind;

static wg_recurrent refuse(wg_var invalid) { return (wg_recurrent){invalid, invalid, invalid}; }

/* Parameter `part` of layer `level`, the directions one above the other: [D, …]. */
static wg_var part_of(wg_model *model, wg_var x, const char *name, const char *part, int level,
                      const wg_shape *shape, int directions, int64_t hidden_size) {
    wg_var parts[3];
    for (int d = 0; d < directions; d++) {
        char full[WG_PATH_SIZE];
        const int length = snprintf(full, sizeof full, "%s.%s_l%d%s", name, part, level, d ? "_reverse" : "");
        if (!*name || length >= (int)sizeof full)
            return wg_fail(x.tape, WG_ERROR_NAME, "a layer's name is empty or too long");
        const wg_parameter_options options = {.size_ = sizeof options,
                                              .init = WG_INIT_UNIFORM,
                                              .dtype = wg_type_of(x).dtype,
                                              .scale = 1 / sqrt((double)hidden_size)};
        parts[d] = (wg_parameter)(model, x.tape, full, shape, &options);
    }
    parts[directions] = (wg_var)WG_END_;
    return wg_tape_status(x.tape) ? parts[0] : wg_stack_list(0, parts);
}

/* Rows level D … of states [layers D, N, H]. */
static wg_var states_of(wg_var states, int level, int directions) {
    if (!states.tape) return WG_NONE;
    return (wg_slice)(states, 0, level * directions, (level + 1) * directions, NULL);
}

static wg_recurrent one_layer(wg_model *model, const recurrent_kind *kind, const char *name, wg_var x,
                              int level, int64_t hidden_size, const wg_recurrent_layer_options *options) {
    const int directions = options->bidirectional ? 2 : 1;
    const int64_t rows = kind->gates * hidden_size, inputs = wg_type_of(x).extent[2];
    wg_recurrent_options with = {.size_ = sizeof with,
                                 .direction = options->bidirectional ? WG_DIRECTION_BIDIRECTIONAL
                                                                     : WG_DIRECTION_FORWARD,
                                 .h0 = states_of(options->h0, level, directions),
                                 .c0 = states_of(options->c0, level, directions),
                                 .lengths = options->lengths,
                                 .relu = options->relu};
    const wg_var weight_ih =
        part_of(model, x, name, "weight_ih", level, WG_SHAPE(rows, inputs), directions, hidden_size);
    const wg_var weight_hh =
        part_of(model, x, name, "weight_hh", level, WG_SHAPE(rows, hidden_size), directions, hidden_size);
    if (!options->no_bias) {
        with.bias_ih = part_of(model, x, name, "bias_ih", level, WG_SHAPE(rows), directions, hidden_size);
        with.bias_hh = part_of(model, x, name, "bias_hh", level, WG_SHAPE(rows), directions, hidden_size);
    }
    if (wg_tape_status(x.tape)) return refuse(weight_ih);
    return kind->record(x, weight_ih, weight_hh, &with);
}

static wg_var joined(wg_var before, wg_var states) {
    if (!wg_valid(before) || !wg_valid(states)) return states;
    return wg_concat_list(0, (const wg_var[]){before, states, WG_END_});
}

static wg_recurrent all_layers(wg_model *model, const recurrent_kind *kind, const char *name, wg_var x,
                               int64_t hidden_size, const wg_recurrent_layer_options *options) {
    const int layers = options->layers ? options->layers : 1;
    wg_recurrent result = {x, WG_NONE, WG_NONE};
    for (int level = 0; level < layers; level++) {
        const wg_recurrent r = one_layer(model, kind, name, result.output, level, hidden_size, options);
        if (!wg_valid(r.output)) return refuse(r.output);
        result = (wg_recurrent){r.output, joined(result.h, r.h), joined(result.c, r.c)};
        if (level + 1 == layers || options->dropout == 0) continue;
        char dropout[WG_PATH_SIZE];
        snprintf(dropout, sizeof dropout, "%.400s.dropout_l%d", name, level);
        result.output = (wg_dropout)(model, dropout, result.output, options->dropout);
        if (!wg_valid(result.output)) return refuse(result.output);
    }
    return result;
}

static wg_recurrent recurrent_layer(wg_model *model, const recurrent_kind *kind, const char *name, wg_var x,
                                    int64_t hidden_size, const wg_recurrent_layer_options *given) {
    WG_OPTIONS_READ(wg_recurrent_layer_options, options, given);
    wg_var refused;
    if (!name) name = "";
    if (!wg_layer_takes(x, kind->layer, name, 3, false, &refused)) return refuse(refused);
    if (hidden_size < 1 || options.layers < 0)
        return refuse(wg_fail(x.tape, WG_ERROR_ATTRIBUTE,
                              "%s \"%s\": hidden_size is %lld, layers %d; at least 1", kind->layer, name,
                              (long long)hidden_size, options.layers));
    if (options.batch_first) x = (wg_transpose)(x, WG_AXES(1, 0, 2));
    wg_recurrent result = all_layers(model, kind, name, x, hidden_size, &options);
    if (options.batch_first && wg_valid(result.output))
        result.output = (wg_transpose)(result.output, WG_AXES(1, 0, 2));
    return result;
}

#define RECURRENT_LAYER(op, gates)                                                                   \
    wg_recurrent (wg_##op##_layer)(wg_model *model,  const char *name, wg_var x, int64_t hidden_size, \
                                  const wg_recurrent_layer_options *options) {                       \
        static const recurrent_kind kind = {#op "_layer", gates, (wg_##op)};                         \
        return recurrent_layer(model, &kind, name, x, hidden_size, options);                         \
    }
RECURRENT_LAYER(rnn, 1)
RECURRENT_LAYER(lstm, 4)
RECURRENT_LAYER(gru, 3)
