/* checkpoint — all that a training needs to go on where it was, in one file.
 *
 *     wg_checkpoint_save("run.checkpoint", &error, .model = model, .optimizer = adam, .loader = train);
 *
 * and in another process, with objects made in the same way,
 *
 *     wg_checkpoint_load("run.checkpoint", &error, .model = model, .optimizer = adam, .loader = train);
 *
 * after which it goes on as the first would have: with the same batches, the same random numbers, the same
 * bits. */
#ifndef WENGERT_CHECKPOINT_H
#define WENGERT_CHECKPOINT_H

#include <wengert/data.h>
#include <wengert/model.h>
#include <wengert/optim.h>

WG_BEGIN_C

/* What of a training goes into the file, or comes out of it. NULL: it is left out. */
typedef struct wg_checkpoint_options {
    WG_OPTIONS_HEAD;
    wg_model *model WG_DEFAULT_;         /* parameters, step, seed */
    wg_optimizer *optimizer WG_DEFAULT_; /* its memory of each parameter, step, learning rate; of one without a
                                            model also the states that it updates */
    wg_loader *loader WG_DEFAULT_;       /* epoch, position, seed */
} wg_checkpoint_options;

/* Writes them, between two steps, as a safetensors file; it takes the place of a former one as all files do
 * that the library writes (see io.h): one of the two is always there, whole. Not in it is what the program
 * gives when it makes the objects: coefficients, the schedule, what is frozen, training or evaluation mode;
 * nor gradients that have been accumulated and not yet taken by an update. An optimizer of a model goes with
 * that model or alone. Returns a wg_status. */
WG_API int wg_checkpoint_save(const char *path, wg_error *error, const wg_checkpoint_options *options);

/* Reads them, all or nothing: on failure none of the objects has changed. What the file has besides is passed
 * over; what it lacks is an error, and so are
 *   - parameters of other paths or types, as in wg_model_load,
 *   - an optimizer of another kind (momentum or none: another kind), memory of other types or of parameters
 *     that the model does not have,
 *   - a loader of another number of samples, another batch size, or shuffled where this is not.
 * Layers need not have met their parameters yet: these, and their optimizer's memory, wait until they do.
 * Memory that the file lacks had not been made then, and is forgotten. Returns a wg_status. */
WG_API int wg_checkpoint_load(const char *path, wg_error *error, const wg_checkpoint_options *options);

WG_END_C

#define wg_checkpoint_save(...) wg_checkpoint_save_(__VA_ARGS__, )
#define wg_checkpoint_save_(path, error, ...)                                                      \
    (wg_checkpoint_save)(path, error, WG_OPTIONS_(wg_checkpoint_options, __VA_ARGS__))
#define wg_checkpoint_load(...) wg_checkpoint_load_(__VA_ARGS__, )
#define wg_checkpoint_load_(path, error, ...)                                                      \
    (wg_checkpoint_load)(path, error, WG_OPTIONS_(wg_checkpoint_options, __VA_ARGS__))
#endif
