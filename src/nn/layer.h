/* layer — what the layers of this room share: the parameters of a layer, and what it says of an x it cannot
 * take. */
#ifndef WG_NN_LAYER_H
#define WG_NN_LAYER_H

#include "nn/model.h"

/* The parameter `NAME.part` of the layer. */
wg_var wg_layer_parameter(wg_model *model, wg_tape *tape, const char *name, const char *part,
                          const wg_shape *shape, wg_dtype dtype, wg_init init);

/* Is x something that a layer can multiply by weights? Else an error on the tape, and *result is what
 * the layer returns. */
bool wg_layer_takes(wg_var x, const char *layer, const char *name, int rank, bool or_more, wg_var *result);

/* Says that x is stale, unless the tape has an error already, which is then why. */
wg_var wg_layer_not_valid(wg_var x, const char *layer, const char *name);

#endif
