/* random — where a model's random ops draw from, and the layers that drop: the identity in evaluation mode.
 */
#include "nn/layer.h"

/* An invalid step of the tape, which has an error. */
static wg_draw no_draw(wg_tape *tape) {
    return (wg_draw){wg_fail(tape, WG_ERROR_ATTRIBUTE, "a random op was refused"),
                     0}; /* the first error stays */
}

/* `what` is said to be at fault. */
static wg_draw draw_of(wg_model *model, wg_tape *tape, const char *what, const char *name) {
    char path[WG_PATH_SIZE];
    if (!wg_path_join(path, tape, name)) return no_draw(tape);
    if (!wg_name_once(tape, path)) {
        wg_fail(tape, WG_ERROR_NAME,
                "%s: the random name \"%s\" is met twice on this tape, and would draw the same bits; "
                "give another name or open a scope (wg_scope)",
                what, path);
        return no_draw(tape);
    }
    return wg_draw_from((wg_read)(tape, wg_model_step_state(model)), wg_model_seed(model), path);
}

wg_draw (wg_model_draw)(wg_model *model, wg_tape *tape, const char *name) {
    if (!tape) return (wg_draw){WG_NONE, 0};
    if (model) return draw_of(model, tape, "model_draw", name);
    wg_fail(tape, WG_ERROR_MEMORY, "model_draw: the model is NULL; it could not be made");
    return no_draw(tape);
}

typedef wg_var drop(wg_draw draw, wg_var x, double p);

static wg_var dropped(wg_model *model, const char *layer, const char *name, wg_var x, double p,
                      drop *record) {
    if (!name) name = "";
    if (!wg_valid(x)) return wg_layer_not_valid(x, layer, name);
    if (!model) return wg_fail(x.tape, WG_ERROR_MEMORY, "%s: the model is NULL; it could not be made", layer);
    if (!(p >= 0 && p < 1))
        return wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "%s \"%s\": p is %g; it must be at least 0 and below 1",
                       layer, name, p);
    if (!wg_model_training(model)) return x;
    const wg_draw draw = draw_of(model, x.tape, layer, name);
    wg_scope(x.tape, name);
    const wg_var y = record(draw, x, p);
    wg_scope_end(x.tape);
    return y;
}

#define DROPOUT_LAYER(layer, drop)                                               \
    wg_var(wg_##layer)(wg_model * model, const char *name, wg_var x, double p) { \
        return dropped(model, #layer, name, x, p, drop);                         \
    }
DROPOUT_LAYER(dropout, (wg_drop))
DROPOUT_LAYER(dropout1d, (wg_drop1d))
DROPOUT_LAYER(dropout2d, (wg_drop2d))
DROPOUT_LAYER(dropout3d, (wg_drop3d))
DROPOUT_LAYER(alpha_dropout, (wg_drop_alpha))
DROPOUT_LAYER(feature_alpha_dropout, (wg_drop_feature_alpha))
