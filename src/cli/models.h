/* models — the reference steps of bench/README.md: networks with an optimizer and a batch of made-up data. A
 * client of the public interface. */
#ifndef WG_CLI_MODELS_H
#define WG_CLI_MODELS_H

#include <wengert.h>

typedef struct reference_model reference_model;

const reference_model *reference_find(const char *name); /* NULL: there is none of that name */
const reference_model *reference_at(int index);          /* NULL out of range */
const char *reference_name(const reference_model *model);

/* A reference step on a tape: the model is there, the batch is in memory. Two of them may share an engine. */
typedef struct reference_step {
    const reference_model *model;
    wg_dtype dtype; /* f32 or f64 */
    wg_tape *tape;
    wg_model *weights; /* NULL where the model has none, and so is the optimizer */
    wg_optimizer *optimizer;
    wg_tensor *x, *y;      /* the batch; of `chain`: where it starts, and its constant */
    wg_var loss, gradient; /* of the step that is recorded; the gradient where nothing uses it: of `chain` */
} reference_step;

/* Makes the model and its batch, the same numbers each time. On failure what there is can be closed. Returns
 * a wg_status. */
int reference_open(reference_step *step, const reference_model *model, wg_dtype dtype, wg_engine *engine,
                   wg_error *error);
void reference_close(reference_step *step);

/* Forward pass, backward pass and update, recorded on the cleared tape and not yet evaluated. */
void reference_record(reference_step *step);

/* Plans, or carries out, what is recorded. Return a wg_status. */
int reference_prepare(reference_step *step);
int reference_evaluate(reference_step *step);

/* Writes all weights, under their paths, and the batch, as "batch.x" and "batch.y", to a safetensors file.
 * Returns a wg_status. */
int reference_export(const reference_step *step, const char *path, wg_error *error);

#endif
