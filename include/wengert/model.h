/* model — parameters with names, and the layers that make them.
 *
 *     wg_model *model = wg_model_new(.seed = 1);
 *     wg_var hidden = wg_relu(wg_linear(model, "fc1", wg_input(tape, x), 128));
 *     wg_var logits = wg_linear(model, "fc2", hidden, 10);
 *
 * A layer creates its parameters when its name is first met and shares them when it is met again,
 * on this tape or another. A parameter's path is the tape's scope and the name: "fc1.weight",
 * inside wg_scope(tape, "block1") "block1/fc1.weight".
 *
 * A model belongs to one thread at a time. Tapes and optimizers that use it go before it. */
#ifndef WENGERT_MODEL_H
#define WENGERT_MODEL_H

#include <wengert/ops.h>
#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_model wg_model;

typedef struct wg_model_options {
    WG_OPTIONS_HEAD;
    uint64_t seed WG_DEFAULT_; /* of the initial values and of random ops */
} wg_model_options;

WG_API wg_model *wg_model_new(const wg_model_options *options) WG_MUST_USE; /* NULL: no memory */
WG_API void wg_model_free(wg_model *model);                                 /* NULL is harmless */
WG_API uint64_t wg_model_seed(const wg_model *model);

/* A new model is in training mode; in evaluation mode random layers are the identity. */
WG_API void wg_model_train(wg_model *model, bool training);
WG_API bool wg_model_training(const wg_model *model);

/* How many times an optimizer has updated the model; part of every random op's bits. The state is an
 * i64 scalar and belongs to the model. */
WG_API int64_t wg_model_step(const wg_model *model);
WG_API wg_state *wg_model_step_state(const wg_model *model);

/* --- Parameters ------------------------------------------------------------------------------- */

/* How initial values are drawn. fan_in is the count of inputs that one output sums over, fan_out the
 * count of outputs that one input reaches; of a weight [K, C, kh, kw] they are C kh kw and K kh kw, of a
 * weight [K, C] they are C and K. Of any other shape both are 1. */
typedef enum wg_init {
    WG_INIT_DEFAULT = 0,   /* of wg_parameter: zeros; of a layer's weight: WG_HE_UNIFORM */
    WG_INIT_ZEROS,
    WG_INIT_ONES,
    WG_HE_UNIFORM,         /* variance 2 / fan_in, which relu keeps: He et al. 2015, arXiv:1502.01852 */
    WG_HE_NORMAL,
    WG_GLOROT_UNIFORM,     /* variance 2 / (fan_in + fan_out): Glorot & Bengio 2010, AISTATS */
    WG_GLOROT_NORMAL,
    WG_LECUN_UNIFORM,      /* variance 1 / fan_in, for selu and tanh: LeCun et al. 1998, Efficient BackProp */
    WG_LECUN_NORMAL,
    WG_ORTHOGONAL,         /* rows orthonormal (first axis by all others), or columns where there are fewer of them:
                              Saxe, McClelland & Ganguli 2014, arXiv:1312.6120 */
    WG_INIT_UNIFORM,       /* between -1 and 1 */
    WG_INIT_NORMAL,        /* variance 1 */
    WG_INIT_TRUNCATED      /* the same, drawn from what lies within 2 of 0 */
} wg_init;

typedef struct wg_parameter_options {
    WG_OPTIONS_HEAD;
    wg_init init WG_DEFAULT_;
    wg_dtype dtype WG_DEFAULT_; /* f32 (the default) or f64 */
    double scale WG_DEFAULT_;   /* a factor on the initial values; default 1 */
} wg_parameter_options;

/* The parameter of that name within the tape's scope, as a var of this tape. Its initial values depend
 * on the model's seed, its path and the place of each element, on nothing else: not on what was
 * recorded before, and not on the machine. A shape or dtype other than the one it has is an error. */
WG_API wg_var wg_parameter(wg_model *model, wg_tape *tape, const char *name, const wg_shape *shape,
                           const wg_parameter_options *options);

/* What there is to know of a parameter; belongs to the model. */
typedef struct wg_parameter_info {
    const char *path;
    wg_state *state;
    bool frozen;
    bool met; /* false: loaded from a file, and no layer has asked for it yet */
} wg_parameter_info;

/* Parameters are counted from 0 in the order of their paths' bytes; a new one moves those behind it. */
WG_API int wg_model_count(const wg_model *model);
WG_API const wg_parameter_info *wg_model_parameter(const wg_model *model, int index); /* NULL: out of range */
WG_API const wg_parameter_info *wg_model_find(const wg_model *model, const char *path); /* NULL: none */

/* Elements of all parameters together. */
WG_API int64_t wg_model_elements(const wg_model *model);

/* From now on optimizers leave alone, or no longer leave alone, the parameters under a path: "conv1"
 * means "conv1.weight" and "conv1/norm.scale", not "conv10.weight"; "" means all. It holds for those
 * still to be met too. The last call that speaks of a parameter counts. Returns a wg_status. */
WG_API int wg_model_freeze(wg_model *model, const char *path, bool frozen);

/* --- Layers ----------------------------------------------------------------------------------- */

typedef struct wg_linear_options {
    WG_OPTIONS_HEAD;
    bool no_bias WG_DEFAULT_;
    wg_init init WG_DEFAULT_; /* of the weight; default WG_HE_UNIFORM. The bias starts with zeros */
} wg_linear_options;

/* y = x weightᵀ + bias over x's last axis: x [..., C] gives [..., out_features]. Parameters
 * "NAME.weight" [out_features, C] and "NAME.bias" [out_features], of x's dtype. */
WG_API wg_var wg_linear(wg_model *model, const char *name, wg_var x, int64_t out_features,
                        const wg_linear_options *options);

typedef struct wg_conv2d_layer_options {
    WG_OPTIONS_HEAD;
    int kernel WG_DEFAULT_, kernel_hw[2] WG_DEFAULT_;     /* must be given */
    int stride WG_DEFAULT_, stride_hw[2] WG_DEFAULT_;     /* as in wg_conv2d, and so are the next three */
    int padding WG_DEFAULT_, padding_hw[2] WG_DEFAULT_;
    int dilation WG_DEFAULT_, dilation_hw[2] WG_DEFAULT_;
    int groups WG_DEFAULT_;
    bool no_bias WG_DEFAULT_;
    wg_init init WG_DEFAULT_; /* of the weight; default WG_HE_UNIFORM. The bias starts with zeros */
    int pads[4] WG_DEFAULT_;  /* as in wg_conv2d, and so is the next */
    wg_auto_pad auto_pad WG_DEFAULT_;
} wg_conv2d_layer_options;

/* wg_conv2d of x [N, C, H, W] with parameters "NAME.weight" [out_channels, C / groups, kh, kw] and
 * "NAME.bias" [out_channels], of x's dtype. */
WG_API wg_var wg_conv2d_layer(wg_model *model, const char *name, wg_var x, int64_t out_channels,
                              const wg_conv2d_layer_options *options);

typedef struct wg_norm_layer_options {
    WG_OPTIONS_HEAD;
    double epsilon WG_DEFAULT_; /* added to the variance; default 1e-5 */
    bool no_weight WG_DEFAULT_, no_bias WG_DEFAULT_;
} wg_norm_layer_options;

/* wg_layer_norm over axes axis … last of x, and wg_rms_norm, which has no bias: "NAME.weight" starts with
 * ones and "NAME.bias" with zeros, both of those axes' extents and of x's dtype. */
WG_API wg_var wg_layer_norm_layer(wg_model *model, const char *name, wg_var x, int axis,
                                  const wg_norm_layer_options *options);
WG_API wg_var wg_rms_norm_layer(wg_model *model, const char *name, wg_var x, int axis,
                                const wg_norm_layer_options *options);
/* wg_group_norm of x [N, C, …]; weight and bias are [C]. As many groups as channels: instance_norm. */
WG_API wg_var wg_group_norm_layer(wg_model *model, const char *name, wg_var x, int64_t num_groups,
                                  const wg_norm_layer_options *options);

typedef struct wg_batch_norm_layer_options {
    WG_OPTIONS_HEAD;
    double epsilon WG_DEFAULT_;  /* added to the variance; default 1e-5 */
    double momentum WG_DEFAULT_; /* a new batch's share of what runs; default 0.1 (ONNX: 1 less it) */
    bool no_weight WG_DEFAULT_, no_bias WG_DEFAULT_;
    bool no_running WG_DEFAULT_; /* no running statistics: those of the batch in both modes */
} wg_batch_norm_layer_options;

/* wg_batch_norm of x [N, C, …] with "NAME.weight" (ones) and "NAME.bias" (zeros), [C]. In training mode by
 * the statistics of x, at least 2 numbers a channel; the next evaluation that carries out assigns moves
 * "NAME.running_mean" (zeros) and "NAME.running_var" (ones; of x divided by the count less 1) towards them,
 * so that the layer can be met once between evaluations. In evaluation mode by the running ones. They are
 * parameters of the model, saved and loaded with it, and no gradient reaches them. */
WG_API wg_var wg_batch_norm_layer(wg_model *model, const char *name, wg_var x,
                                  const wg_batch_norm_layer_options *options);

typedef struct wg_recurrent_layer_options {
    WG_OPTIONS_HEAD;
    int layers WG_DEFAULT_;         /* default 1; each goes through the output of the one before */
    bool bidirectional WG_DEFAULT_; /* D is 2, else 1 */
    bool batch_first WG_DEFAULT_;   /* x and output are [N, T, …], not [T, N, …] */
    bool no_bias WG_DEFAULT_;
    bool relu WG_DEFAULT_;          /* wg_rnn_layer: relu, not tanh */
    double dropout WG_DEFAULT_;     /* wg_dropout of every output but the last layer's, in training mode */
    wg_var h0 WG_DEFAULT_, c0 WG_DEFAULT_; /* [layers D, N, H]: states before the first step; default 0 */
    wg_var lengths WG_DEFAULT_;     /* as in wg_lstm */
} wg_recurrent_layer_options;

/* wg_rnn, wg_lstm and wg_gru of x [T, N, I], layer upon layer; h and c of the result are [layers D, N, H].
 * Parameters are PyTorch's, "NAME.weight_ih_l0" [G H, I], "NAME.weight_hh_l0" [G H, H], "NAME.bias_ih_l0" and
 * "NAME.bias_hh_l0" [G H], of the reverse direction with "_reverse" behind; all start evenly distributed
 * between -1 / sqrt(H) and 1 / sqrt(H). */
WG_API wg_recurrent wg_rnn_layer(wg_model *model, const char *name, wg_var x, int64_t hidden_size,
                                 const wg_recurrent_layer_options *options);
WG_API wg_recurrent wg_lstm_layer(wg_model *model, const char *name, wg_var x, int64_t hidden_size,
                                  const wg_recurrent_layer_options *options);
WG_API wg_recurrent wg_gru_layer(wg_model *model, const char *name, wg_var x, int64_t hidden_size,
                                 const wg_recurrent_layer_options *options);

typedef struct wg_embedding_layer_options {
    WG_OPTIONS_HEAD;
    wg_dtype dtype WG_DEFAULT_;        /* of the weight: f32 (the default) or f64 */
    wg_init init WG_DEFAULT_;          /* of the weight; default WG_INIT_NORMAL */
    int64_t padding_index WG_DEFAULT_; /* as in wg_embedding, and so is the next; the row starts as any
                                          other (PyTorch: with zeros) */
    bool has_padding WG_DEFAULT_;
} wg_embedding_layer_options;

/* wg_embedding of indices, i32 or i64, in a parameter "NAME.weight" [rows, columns]. */
WG_API wg_var wg_embedding_layer(wg_model *model, const char *name, wg_var indices, int64_t rows,
                                 int64_t columns, const wg_embedding_layer_options *options);

typedef struct wg_multihead_attention_layer_options {
    WG_OPTIONS_HEAD;
    wg_var key WG_DEFAULT_;        /* [.., S, F]; default: the query, which is self-attention */
    wg_var value WG_DEFAULT_;      /* [.., S, G]; default: the key */
    wg_var mask WG_DEFAULT_;       /* broadcasts to [.., heads, L, S]: true where a query sees a key (PyTorch:
                                      false), or numbers that are added */
    int64_t kv_heads WG_DEFAULT_;  /* of keys and values; default: heads, which must be a multiple of it */
    bool is_causal WG_DEFAULT_;    /* query i sees keys 0 … i */
    bool no_bias WG_DEFAULT_;
    double dropout WG_DEFAULT_;    /* of the weights of attention, in training mode */
    wg_init init WG_DEFAULT_;      /* of the weights; default WG_GLOROT_UNIFORM. Biases start with zeros */
} wg_multihead_attention_layer_options;

/* wg_multi_head_attention of linear projections of query [.., L, E], key and value, projected once more:
 * [.., L, E]. Parameters are those of wg_linear "NAME.q_proj" [E, E], "NAME.k_proj" and "NAME.v_proj"
 * [E kv_heads / heads, F or G], and "NAME.out_proj" [E, E]. PyTorch's MultiheadAttention with batch_first,
 * whose in_proj_weight is the first three one above the other. */
WG_API wg_var wg_multihead_attention_layer(wg_model *model, const char *name, wg_var query, int64_t heads,
                                           const wg_multihead_attention_layer_options *options);

/* Where a random op draws from that is met under this name, within the tape's scope: the model's seed and
 * step. Met twice on one tape the same path is an error; open a scope.
 *     wg_var noise = wg_normal(wg_model_draw(model, tape, "noise"), WG_SHAPE(64, 16), 0, 1); */
WG_API wg_draw wg_model_draw(wg_model *model, wg_tape *tape, const char *name);

/* In training mode each element is 0 with probability p, else x / (1 - p); in evaluation mode it is x.
 * The zeros come from wg_model_draw of the name. Srivastava et al. 2014, JMLR 15. The others are wg_drop1d …
 * wg_drop_feature_alpha in training mode. */
WG_API wg_var wg_dropout(wg_model *model, const char *name, wg_var x, double p);
WG_API wg_var wg_dropout1d(wg_model *model, const char *name, wg_var x, double p);
WG_API wg_var wg_dropout2d(wg_model *model, const char *name, wg_var x, double p);
WG_API wg_var wg_dropout3d(wg_model *model, const char *name, wg_var x, double p);
WG_API wg_var wg_alpha_dropout(wg_model *model, const char *name, wg_var x, double p);
WG_API wg_var wg_feature_alpha_dropout(wg_model *model, const char *name, wg_var x, double p);

/* --- Files ------------------------------------------------------------------------------------ */

/* Writes all parameters, under their paths, and the step as a safetensors file. Returns a wg_status. */
WG_API int wg_model_save(const wg_model *model, const char *path, wg_error *error);

/* Reads such a file, one written elsewhere with the same names, or a checkpoint's model (checkpoint.h). Into a model that has parameters it
 * loads all or nothing: a missing, unknown or misshapen one is an error that lists them. A model
 * without any takes all that the file has; they wait until a layer meets their paths (`met` in
 * wg_parameter_info tells which still wait). Returns a wg_status. */
WG_API int wg_model_load(wg_model *model, const char *path, wg_error *error);

WG_END_C

#define wg_model_new(...) (wg_model_new)(WG_OPTIONS_(wg_model_options, __VA_ARGS__))
#define wg_parameter(...) WG_AT(wg_parameter_(__VA_ARGS__, ))
#define wg_parameter_(model, tape, name, shape, ...)                                               \
    (wg_parameter)(model, tape, name, shape, WG_OPTIONS_(wg_parameter_options, __VA_ARGS__))
#define wg_linear(...) WG_AT(wg_linear_(__VA_ARGS__, ))
#define wg_linear_(model, name, x, out_features, ...)                                              \
    (wg_linear)(model, name, x, out_features, WG_OPTIONS_(wg_linear_options, __VA_ARGS__))
#define wg_conv2d_layer(...) WG_AT(wg_conv2d_layer_(__VA_ARGS__, ))
#define wg_conv2d_layer_(model, name, x, out_channels, ...)                                        \
    (wg_conv2d_layer)(model, name, x, out_channels, WG_OPTIONS_(wg_conv2d_layer_options, __VA_ARGS__))
#define wg_layer_norm_layer(...) WG_AT(wg_layer_norm_layer_(__VA_ARGS__, ))
#define wg_layer_norm_layer_(model, name, x, axis, ...)                                            \
    (wg_layer_norm_layer)(model, name, x, axis, WG_OPTIONS_(wg_norm_layer_options, __VA_ARGS__))
#define wg_rms_norm_layer(...) WG_AT(wg_rms_norm_layer_(__VA_ARGS__, ))
#define wg_rms_norm_layer_(model, name, x, axis, ...)                                              \
    (wg_rms_norm_layer)(model, name, x, axis, WG_OPTIONS_(wg_norm_layer_options, __VA_ARGS__))
#define wg_group_norm_layer(...) WG_AT(wg_group_norm_layer_(__VA_ARGS__, ))
#define wg_group_norm_layer_(model, name, x, num_groups, ...)                                      \
    (wg_group_norm_layer)(model, name, x, num_groups, WG_OPTIONS_(wg_norm_layer_options, __VA_ARGS__))
#define wg_batch_norm_layer(...) WG_AT(wg_batch_norm_layer_(__VA_ARGS__, ))
#define wg_batch_norm_layer_(model, name, x, ...)                                                  \
    (wg_batch_norm_layer)(model, name, x, WG_OPTIONS_(wg_batch_norm_layer_options, __VA_ARGS__))
#define wg_gru_layer(...) wg_recurrent_at_(wg_gru_layer_(__VA_ARGS__, ), __FILE__, __LINE__)
#define wg_gru_layer_(model, name, x, hidden_size, ...)                                             \
    (wg_gru_layer)(model, name, x, hidden_size, WG_OPTIONS_(wg_recurrent_layer_options, __VA_ARGS__))
#define wg_lstm_layer(...) wg_recurrent_at_(wg_lstm_layer_(__VA_ARGS__, ), __FILE__, __LINE__)
#define wg_lstm_layer_(model, name, x, hidden_size, ...)                                             \
    (wg_lstm_layer)(model, name, x, hidden_size, WG_OPTIONS_(wg_recurrent_layer_options, __VA_ARGS__))
#define wg_rnn_layer(...) wg_recurrent_at_(wg_rnn_layer_(__VA_ARGS__, ), __FILE__, __LINE__)
#define wg_rnn_layer_(model, name, x, hidden_size, ...)                                             \
    (wg_rnn_layer)(model, name, x, hidden_size, WG_OPTIONS_(wg_recurrent_layer_options, __VA_ARGS__))
#define wg_embedding_layer(...) WG_AT(wg_embedding_layer_(__VA_ARGS__, ))
#define wg_embedding_layer_(model, name, indices, rows, columns, ...)                              \
    (wg_embedding_layer)(model, name, indices, rows, columns,                                      \
                         WG_OPTIONS_(wg_embedding_layer_options, __VA_ARGS__))
#define wg_multihead_attention_layer(...) WG_AT(wg_multihead_attention_layer_(__VA_ARGS__, ))
#define wg_multihead_attention_layer_(model, name, query, heads, ...)                              \
    (wg_multihead_attention_layer)(model, name, query, heads,                                      \
                                   WG_OPTIONS_(wg_multihead_attention_layer_options, __VA_ARGS__))
#define wg_dropout(...) WG_AT((wg_dropout)(__VA_ARGS__))
#define wg_dropout1d(...) WG_AT((wg_dropout1d)(__VA_ARGS__))
#define wg_dropout2d(...) WG_AT((wg_dropout2d)(__VA_ARGS__))
#define wg_dropout3d(...) WG_AT((wg_dropout3d)(__VA_ARGS__))
#define wg_alpha_dropout(...) WG_AT((wg_alpha_dropout)(__VA_ARGS__))
#define wg_feature_alpha_dropout(...) WG_AT((wg_feature_alpha_dropout)(__VA_ARGS__))
#endif
