/* attention — a table of vectors, and attention of several heads with its projections. */
#include "base/options.h"
#include "nn/layer.h"

wg_var (wg_embedding_layer)(wg_model *model, const char *name, wg_var indices, int64_t rows, int64_t columns,
                           const wg_embedding_layer_options *given) {
    WG_OPTIONS_READ(wg_embedding_layer_options, options, given);
    if (!name) name = "";
    if (!wg_valid(indices)) return wg_layer_not_valid(indices, "embedding_layer", name);
    if (rows < 1 || columns < 1)
        return wg_fail(indices.tape, WG_ERROR_ATTRIBUTE,
                       "embedding_layer \"%s\": %lld rows of %lld numbers; at least 1", name, (long long)rows,
                       (long long)columns);
    const wg_init init = options.init ? options.init : WG_INIT_NORMAL;
    const wg_dtype dtype = options.dtype ? options.dtype : WG_F32;
    const wg_var weight =
        wg_layer_parameter(model, indices.tape, name, "weight", WG_SHAPE(rows, columns), dtype, init);
    const wg_embedding_options with = {
        .size_ = sizeof with, .padding_index = options.padding_index, .has_padding = options.has_padding};
    wg_scope(indices.tape, name);
    const wg_var y = (wg_embedding)(weight, indices, &with);
    wg_scope_end(indices.tape);
    return y;
}

typedef struct projections {
    wg_model *model;
    const char *name;
    const wg_multihead_attention_layer_options *options;
} projections;

/* wg_linear "NAME.part". */
static wg_var project(const projections *p, const char *part, wg_var x, int64_t out_features) {
    char full[WG_PATH_SIZE];
    const int length = snprintf(full, sizeof full, "%s.%s", p->name, part);
    if (!*p->name || length >= (int)sizeof full)
        return wg_fail(x.tape, WG_ERROR_NAME, "a layer's name is empty or too long");
    const wg_init init = p->options->init ? p->options->init : WG_GLOROT_UNIFORM;
    const wg_linear_options with = {.size_ = sizeof with, .no_bias = p->options->no_bias, .init = init};
    return (wg_linear)(p->model, full, x, out_features, &with);
}

/* Where weights are dropped: nowhere in evaluation mode. */
static void read_dropout(const projections *p, wg_tape *tape, wg_multi_head_options *with) {
    char full[WG_PATH_SIZE];
    if (p->options->dropout == 0 || !p->model || !wg_model_training(p->model)) return;
    snprintf(full, sizeof full, "%.400s.dropout", p->name);
    with->dropout = p->options->dropout;
    with->draw = (wg_model_draw)(p->model, tape, full);
}

wg_var (wg_multihead_attention_layer)(wg_model *model, const char *name, wg_var query, int64_t heads,
                                     const wg_multihead_attention_layer_options *given) {
    WG_OPTIONS_READ(wg_multihead_attention_layer_options, options, given);
    const projections p = {model, name ? name : "", &options};
    const char *layer = "multihead_attention_layer";
    const wg_var key = options.key.tape ? options.key : query,
                 value = options.value.tape ? options.value : key;
    wg_var refused;
    if (!wg_layer_takes(query, layer, p.name, 2, true, &refused) ||
        !wg_layer_takes(key, layer, p.name, 2, true, &refused) ||
        !wg_layer_takes(value, layer, p.name, 2, true, &refused))
        return refused;
    const wg_type type = wg_type_of(query);
    const int64_t numbers = type.extent[type.rank - 1],
                  kv_heads = options.kv_heads ? options.kv_heads : heads;
    if (heads < 1 || kv_heads < 1 || heads % kv_heads || numbers % heads)
        return wg_fail(
            query.tape, WG_ERROR_ATTRIBUTE,
            "%s \"%s\": %lld numbers, %lld heads, %lld of keys; heads must divide the numbers, and "
            "those of keys the heads",
            layer, p.name, (long long)numbers, (long long)heads, (long long)kv_heads);
    wg_multi_head_options with = {.size_ = sizeof with, .kv_heads = kv_heads, .is_causal = options.is_causal};
    const wg_var q = project(&p, "q_proj", query, numbers);
    const wg_var k = project(&p, "k_proj", key, numbers / heads * kv_heads);
    const wg_var v = project(&p, "v_proj", value, numbers / heads * kv_heads);
    if (wg_tape_status(query.tape)) return v;
    read_dropout(&p, query.tape, &with);
    wg_scope(query.tape, p.name);
    const wg_var y = (wg_multi_head_attention)(q, k, v, options.mask, heads, &with);
    wg_scope_end(query.tape);
    return wg_valid(y) ? project(&p, "out_proj", y, numbers) : y;
}
