/* layers — a parameter or two, and an op on them. Ops are called as functions, (wg_matmul)(…), so that
 * the whole layer carries the line on which the program called it. */
#include "base/options.h"
#include "nn/layer.h"

wg_var wg_layer_parameter(wg_model *model, wg_tape *tape, const char *name, const char *part,
                          const wg_shape *shape, wg_dtype dtype, wg_init init) {
    char full[WG_PATH_SIZE];
    const int length = snprintf(full, sizeof full, "%s.%s", name, part);
    if (!*name || length >= (int)sizeof full)
        return wg_fail(tape, WG_ERROR_NAME, "a layer's name is empty or too long");
    const wg_parameter_options options = {.size_ = sizeof options, .init = init, .dtype = dtype};
    return (wg_parameter)(model, tape, full, shape, &options);
}

/* An invalid var, after an error that the tape has already. */
static wg_var refused(wg_tape *tape) { return wg_fail(tape, WG_ERROR_ATTRIBUTE, "a layer was refused"); }

wg_var wg_layer_not_valid(wg_var x, const char *layer, const char *name) {
    return wg_fail(
        x.tape, WG_ERROR_STALE,
        "%s \"%s\": x is stale: its tape has been cleared since, or an error has left it; record it "
        "again",
        layer, name);
}

bool wg_layer_takes(wg_var x, const char *layer, const char *name, int rank, bool or_more, wg_var *result) {
    const wg_type type = wg_type_of(x);
    *result = WG_NONE;
    if (!wg_valid(x)) {
        *result = wg_layer_not_valid(x, layer, name);
        return false;
    }
    char text[WG_TEXT_SIZE];
    if (!wg_dtype_real(type.dtype))
        *result =
            wg_fail(x.tape, WG_ERROR_DTYPE, "%s \"%s\": x is %s; f32 or f64 are taken (wg_cast converts)",
                    layer, name, wg_type_text(text, &type, true));
    else if (type.rank < rank || (type.rank > rank && !or_more))
        *result = wg_fail(x.tape, WG_ERROR_SHAPE, "%s \"%s\": x is %s; it must have %d ax%s%s", layer, name,
                          wg_type_text(text, &type, true), rank, rank == 1 ? "is" : "es",
                          or_more ? " or more" : "");
    return !result->tape;
}

wg_var (wg_linear)(wg_model *model, const char *name, wg_var x, int64_t out_features,
                  const wg_linear_options *given) {
    WG_OPTIONS_READ(wg_linear_options, options, given);
    wg_var y;
    if (!name) name = "";
    if (!wg_layer_takes(x, "linear", name, 1, true, &y)) return y;
    const wg_type type = wg_type_of(x);
    if (out_features < 1)
        return wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "linear \"%s\": out_features is %lld; at least 1", name,
                       (long long)out_features);

    const wg_shape *shape = WG_SHAPE(out_features, type.extent[type.rank - 1]);
    const wg_init init = options.init ? options.init : WG_HE_UNIFORM;
    const wg_var weight = wg_layer_parameter(model, x.tape, name, "weight", shape, type.dtype, init);
    const wg_matmul_options transposed = {.size_ = sizeof transposed, .transpose_b = true};
    const wg_var bias = options.no_bias
                            ? WG_NONE
                            : wg_layer_parameter(model, x.tape, name, "bias", WG_SHAPE(out_features),
                                                 type.dtype, WG_INIT_ZEROS);
    wg_scope(x.tape, name);
    y = (wg_matmul)(x, weight, &transposed);
    if (!options.no_bias) y = (wg_add)(y, bias);
    wg_scope_end(x.tape);
    return y;
}

/* Height and width of the kernel; false, with an error on the tape, where they cannot be used. */
static bool read_kernel(wg_tape *tape, const char *name, const wg_conv2d_layer_options *options,
                        int64_t size[2]) {
    const int both = options->kernel, *each = options->kernel_hw;
    const bool is_given_twice = both && (each[0] || each[1]);
    size[0] = both ? both : each[0];
    size[1] = both ? both : each[1];
    if (!is_given_twice && size[0] > 0 && size[1] > 0) return true;
    if (is_given_twice)
        wg_fail(tape, WG_ERROR_ATTRIBUTE,
                "conv2d_layer \"%s\": both kernel = %d and kernel_hw = {%d, %d} are given; give one of them",
                name, both, each[0], each[1]);
    else
        wg_fail(tape, WG_ERROR_ATTRIBUTE,
                "conv2d_layer \"%s\": the kernel is {%d, %d}; give .kernel or .kernel_hw, at least 1", name,
                (int)size[0], (int)size[1]);
    return false;
}

static wg_conv2d_options convolution_options(const wg_conv2d_layer_options *layer) {
    return (wg_conv2d_options){.size_ = sizeof(wg_conv2d_options),
                               .stride = layer->stride,
                               .stride_hw = {layer->stride_hw[0], layer->stride_hw[1]},
                               .padding = layer->padding,
                               .padding_hw = {layer->padding_hw[0], layer->padding_hw[1]},
                               .dilation = layer->dilation,
                               .dilation_hw = {layer->dilation_hw[0], layer->dilation_hw[1]},
                               .groups = layer->groups,
                               .pads = {layer->pads[0], layer->pads[1], layer->pads[2], layer->pads[3]},
                               .auto_pad = layer->auto_pad};
}

wg_var (wg_conv2d_layer)(wg_model *model, const char *name, wg_var x, int64_t out_channels,
                        const wg_conv2d_layer_options *given) {
    WG_OPTIONS_READ(wg_conv2d_layer_options, options, given);
    wg_var y;
    int64_t kernel[2];
    if (!name) name = "";
    if (!wg_layer_takes(x, "conv2d_layer", name, 4, false, &y)) return y;
    if (!read_kernel(x.tape, name, &options, kernel)) return refused(x.tape);
    const wg_type type = wg_type_of(x);
    const int64_t channels = type.extent[1], groups = options.groups ? options.groups : 1;
    if (out_channels < 1 || groups < 1 || channels % groups || out_channels % groups)
        return wg_fail(x.tape, WG_ERROR_ATTRIBUTE,
                       "conv2d_layer \"%s\": %lld channels to %lld in %lld groups; groups must divide both",
                       name, (long long)channels, (long long)out_channels, (long long)groups);

    const wg_shape *shape = WG_SHAPE(out_channels, channels / groups, kernel[0], kernel[1]);
    const wg_init init = options.init ? options.init : WG_HE_UNIFORM;
    const wg_var weight = wg_layer_parameter(model, x.tape, name, "weight", shape, type.dtype, init);
    const wg_var bias = options.no_bias
                            ? WG_NONE
                            : wg_layer_parameter(model, x.tape, name, "bias", WG_SHAPE(out_channels),
                                                 type.dtype, WG_INIT_ZEROS);
    const wg_conv2d_options convolution = convolution_options(&options);
    wg_scope(x.tape, name);
    y = (wg_conv2d)(x, weight, bias, &convolution);
    wg_scope_end(x.tape);
    return y;
}
