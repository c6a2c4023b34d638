/* checkpoint — a model, its optimizer and a loader, into one file and out of it.
 *
 * Each room packs and unpacks its own; here they are put together. Loading goes in two halves: first all of
 * them read and check what the file has, which can fail and changes nothing; then all of them take it over,
 * which cannot fail. */
#include "base/options.h"
#include "data/save.h"
#include "io/checkpoint.h"
#include "nn/model.h"
#include "optim/optimizer.h"
#include <wengert/checkpoint.h>

static int check_arguments(const char *function, const char *path, const wg_checkpoint_options *o,
                           wg_error *error) {
    if (!path) return wg_error_set(error, WG_ERROR_NAME, "%s: the path is NULL", function);
    if (!o->model && !o->optimizer && !o->loader)
        return wg_error_set(error, WG_ERROR_NAME, "%s: no model, no optimizer and no loader is given",
                            function);
    if (o->model && o->optimizer && o->optimizer->model && o->optimizer->model != o->model)
        return wg_error_set(error, WG_ERROR_NAME, "%s: the optimizer is another model's", function);
    return WG_OK;
}

/* --- Saving ----------------------------------------------------------------------------------- */

int (wg_checkpoint_save)(const char *path, wg_error *error, const wg_checkpoint_options *given) {
    WG_OPTIONS_READ(wg_checkpoint_options, options, given);
    const int status = check_arguments("wg_checkpoint_save", path, &options, error);
    if (status) return status;
    wg_parcel parcel = {0};
    wg_parcel_text(&parcel, WG_CHECKPOINT_MARK, WG_CHECKPOINT_VERSION);
    if (options.model) {
        wg_model_pack(options.model, &parcel, WG_MODEL_PREFIX);
        wg_parcel_number(&parcel, WG_MODEL_STEP, (uint64_t)wg_model_step(options.model));
        wg_parcel_number(&parcel, WG_MODEL_SEED, wg_model_seed(options.model));
    }
    if (options.optimizer) wg_optimizer_pack(options.optimizer, &parcel);
    if (options.loader) wg_loader_pack(options.loader, &parcel);
    return wg_parcel_send(&parcel, path, error);
}

/* --- Loading ---------------------------------------------------------------------------------- */

/* A model and its optimizer count the same steps. */
static int check_steps(const wg_model_change *model, const wg_optimizer_change *optimizer, const char *path,
                       wg_error *error) {
    if (!model->model || !optimizer->optimizer || optimizer->optimizer->model != model->model) return WG_OK;
    const double in_model = wg_tensor_get(model->step, 0);
    const double in_optimizer = wg_tensor_get(optimizer->step, 0);
    if (in_model == in_optimizer) return WG_OK;
    return wg_error_set(error, WG_ERROR_FORMAT, "%.400s: its model is at step %.0f, its optimizer at %.0f",
                        path, in_model, in_optimizer);
}

static int load(const char *path, wg_safetensors *file, const wg_checkpoint_options *options,
                wg_error *error) {
    wg_model_change model = {0};
    wg_optimizer_change optimizer = {0};
    wg_loader_change loader = {0};
    int status = wg_checkpoint_check(file, path, error);
    if (!status && options->model) status = wg_model_prepare(&model, options->model, file, path, error);
    if (!status && options->optimizer)
        status = wg_optimizer_prepare(&optimizer, options->optimizer, file, path, error);
    if (!status) status = check_steps(&model, &optimizer, path, error);
    if (!status && options->loader) status = wg_loader_prepare(&loader, options->loader, file, path, error);
    if (!status && options->model) wg_model_commit(&model);
    if (!status && options->optimizer) wg_optimizer_commit(&optimizer);
    if (!status && options->loader) wg_loader_commit(&loader);
    wg_model_discard(&model);
    wg_optimizer_discard(&optimizer);
    return status;
}

int (wg_checkpoint_load)(const char *path, wg_error *error, const wg_checkpoint_options *given) {
    WG_OPTIONS_READ(wg_checkpoint_options, options, given);
    wg_error own = {0};
    int status = check_arguments("wg_checkpoint_load", path, &options, error);
    if (status) return status;
    wg_safetensors *file = wg_safetensors_open(path, &own);
    if (!file) return wg_error_set(error, own.status, "%s", own.message);
    status = load(path, file, &options, error);
    wg_safetensors_close(file);
    return status;
}
