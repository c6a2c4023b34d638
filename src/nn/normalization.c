/* normalization — the layers that normalise: a weight of ones and a bias of zeros, and of batches the running
 * statistics, which the layer itself assigns and no gradient reaches. */
#include "base/options.h"
#include "nn/layer.h"

/* The parameters of a layer whose weight and bias have this shape; one left out is WG_NONE. */
typedef struct affine {
    wg_var weight, bias;
} affine;

static affine make_affine(wg_model *model, wg_var x, const char *name, const wg_shape *shape, bool no_weight,
                          bool no_bias) {
    const wg_dtype dtype = wg_type_of(x).dtype;
    affine made = {WG_NONE, WG_NONE};
    if (!no_weight)
        made.weight = wg_layer_parameter(model, x.tape, name, "weight", shape, dtype, WG_INIT_ONES);
    if (!no_bias) made.bias = wg_layer_parameter(model, x.tape, name, "bias", shape, dtype, WG_INIT_ZEROS);
    return made;
}

static wg_norm_options norm_options(double epsilon) {
    return (wg_norm_options){.size_ = sizeof(wg_norm_options), .epsilon = epsilon};
}

/* --- Over the last axes --------------------------------------------------------------------------- */

/* x's extents from `axis` on, which is counted from the front or the back; false, with an error on the tape.
 */
static bool last_extents(wg_var x, const char *layer, const char *name, int axis, wg_shape *shape) {
    const wg_type type = wg_type_of(x);
    const int from = axis < 0 ? axis + type.rank : axis;
    if (from < 0 || from >= type.rank) {
        wg_fail(x.tape, WG_ERROR_AXIS, "%s \"%s\": axis is %d, and x has %d axes", layer, name, axis,
                type.rank);
        return false;
    }
    for (int i = from; i < type.rank; i++) shape->extent[i - from] = type.extent[i];
    shape->extent[type.rank - from] = INT64_MIN;
    return true;
}

static wg_var over_last(wg_model *model, const char *name, wg_var x, int axis, bool is_centered,
                        const wg_norm_layer_options *given) {
    WG_OPTIONS_READ(wg_norm_layer_options, options, given);
    const char *layer = is_centered ? "layer_norm_layer" : "rms_norm_layer";
    const wg_norm_options norm = norm_options(options.epsilon);
    wg_shape shape;
    wg_var y;
    if (!name) name = "";
    if (!wg_layer_takes(x, layer, name, 1, true, &y)) return y;
    if (!last_extents(x, layer, name, axis, &shape))
        return wg_fail(x.tape, WG_ERROR_AXIS, "a layer was refused"); /* the first error stays */
    const affine a = make_affine(model, x, name, &shape, options.no_weight, options.no_bias || !is_centered);
    wg_scope(x.tape, name);
    y = is_centered ? (wg_layer_norm)(x, a.weight, a.bias, axis, &norm)
                    : (wg_rms_norm)(x, a.weight, axis, &norm);
    wg_scope_end(x.tape);
    return y;
}

wg_var (wg_layer_norm_layer)(wg_model *model, const char *name, wg_var x, int axis,
                            const wg_norm_layer_options *options) {
    return over_last(model, name, x, axis, true, options);
}

wg_var (wg_rms_norm_layer)(wg_model *model, const char *name, wg_var x, int axis,
                          const wg_norm_layer_options *options) {
    return over_last(model, name, x, axis, false, options);
}

/* --- Over channels -------------------------------------------------------------------------------- */

wg_var (wg_group_norm_layer)(wg_model *model, const char *name, wg_var x, int64_t num_groups,
                            const wg_norm_layer_options *given) {
    WG_OPTIONS_READ(wg_norm_layer_options, options, given);
    const wg_norm_options norm = norm_options(options.epsilon);
    wg_var y;
    if (!name) name = "";
    if (!wg_layer_takes(x, "group_norm_layer", name, 2, true, &y)) return y;
    const int64_t channels = wg_type_of(x).extent[1];
    if (num_groups < 1 || channels % num_groups)
        return wg_fail(x.tape, WG_ERROR_ATTRIBUTE,
                       "group_norm_layer \"%s\": %lld channels in %lld groups; the groups must divide them",
                       name, (long long)channels, (long long)num_groups);
    const affine a = make_affine(model, x, name, WG_SHAPE(channels), options.no_weight, options.no_bias);
    wg_scope(x.tape, name);
    y = (wg_group_norm)(x, a.weight, a.bias, num_groups, &norm);
    wg_scope_end(x.tape);
    return y;
}

/* --- Over batches --------------------------------------------------------------------------------- */

/* A running statistic: the parameter as a var, and the state that holds it. */
typedef struct running {
    wg_var value;
    wg_state *state;
} running;

static running make_running(wg_model *model, wg_var x, const char *name, const char *part, wg_init init) {
    const wg_type type = wg_type_of(x);
    char full[WG_PATH_SIZE], path[WG_PATH_SIZE];
    running made = {wg_layer_parameter(model, x.tape, name, part, WG_SHAPE(type.extent[1]), type.dtype, init),
                    NULL};
    if (wg_tape_status(x.tape)) return made;
    snprintf(full, sizeof full, "%s.%s", name, part);
    const wg_parameter_info *info = wg_path_join(path, x.tape, full) ? wg_model_find(model, path) : NULL;
    made.state = info ? info->state : NULL;
    return made;
}

/* (1 - momentum) of what it was and momentum of `batch`, [C] after reshaping. */
static void update(running *statistic, wg_var batch, double momentum) {
    wg_tape *tape = batch.tape;
    if (wg_tape_status(tape)) return;
    const wg_type type = wg_type_of(statistic->value);
    const wg_var kept = (wg_mul)(statistic->value, (wg_scalar)(tape, 1 - momentum));
    const wg_var flat = (wg_reshape)(batch, WG_SHAPE(type.extent[0]));
    wg_assign(statistic->state, (wg_add)(kept, (wg_mul)(flat, (wg_scalar)(tape, momentum))));
}

/* v [C] beside x: [C, 1, …] */
static wg_var per_channel(wg_var v, int rank) {
    if (!wg_valid(v)) return v;
    wg_shape shape = {{wg_type_of(v).extent[0]}};
    for (int axis = 1; axis < rank - 1; axis++) shape.extent[axis] = 1;
    shape.extent[rank - 1] = INT64_MIN;
    return (wg_reshape)(v, &shape);
}

/* By the statistics of x, n numbers a channel, which the running ones then follow: the variance as it is
 * estimated for all there is, divided by n - 1. */
static wg_var by_batch(wg_var x, const affine *a, running *mean, running *variance, double n,
                       const wg_batch_norm_layer_options *options) {
    const wg_standardize_options standard = {.size_ = sizeof standard, .epsilon = options->epsilon};
    const double given = options->momentum, momentum = given != 0 ? given : __builtin_signbit(given) ? 0 : 0.1;
    const int rank = wg_type_of(x).rank;
    const wg_var standardized = (wg_standardize)(x, 1, 2, &standard);
    wg_var y = standardized;
    if (wg_valid(a->weight)) y = (wg_mul)(y, per_channel(a->weight, rank));
    if (wg_valid(a->bias)) y = (wg_add)(y, per_channel(a->bias, rank));
    if (options->no_running || !wg_valid(y)) return y;
    update(mean, (wg_output)(standardized, 1), momentum);
    const wg_var spread = (wg_output)(standardized, 3);
    update(variance, (wg_mul)(spread, (wg_scalar)(x.tape, n / (n - 1))), momentum);
    return y;
}

static wg_var by_running(wg_var x, const affine *a, const running *mean, const running *variance,
                         double epsilon) {
    const wg_norm_options norm = norm_options(epsilon);
    if (wg_tape_status(x.tape)) return x;
    return (wg_batch_norm)(x, a->weight, a->bias, (wg_stop_gradient)(mean->value),
                           (wg_stop_gradient)(variance->value), &norm);
}

wg_var (wg_batch_norm_layer)(wg_model *model, const char *name, wg_var x,
                            const wg_batch_norm_layer_options *given) {
    WG_OPTIONS_READ(wg_batch_norm_layer_options, options, given);
    running mean = {0}, variance = {0};
    wg_var y;
    if (!name) name = "";
    if (!wg_layer_takes(x, "batch_norm_layer", name, 2, true, &y)) return y;
    const wg_type type = wg_type_of(x);
    const int64_t channels = type.extent[1];
    const double n = channels ? (double)wg_type_count(&type) / (double)channels : 0;
    const bool of_batch = options.no_running || wg_model_training(model);
    if (!(options.momentum >= 0 && options.momentum <= 1))
        return wg_fail(x.tape, WG_ERROR_ATTRIBUTE,
                       "batch_norm_layer \"%s\": momentum is %g; it is within 0 … 1", name, options.momentum);
    if (of_batch && n < 2)
        return wg_fail(x.tape, WG_ERROR_SHAPE,
                       "batch_norm_layer \"%s\": x has %g numbers a channel; statistics take at least 2",
                       name, n);
    const affine a = make_affine(model, x, name, WG_SHAPE(channels), options.no_weight, options.no_bias);
    if (!options.no_running) {
        mean = make_running(model, x, name, "running_mean", WG_INIT_ZEROS);
        variance = make_running(model, x, name, "running_var", WG_INIT_ONES);
    }
    wg_scope(x.tape, name);
    y = of_batch ? by_batch(x, &a, &mean, &variance, n, &options)
                 : by_running(x, &a, &mean, &variance, options.epsilon);
    wg_scope_end(x.tape);
    return y;
}
