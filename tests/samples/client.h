/* Every way in which the public headers spell a call, in the language that C and C++20 share: compiled in each
 * dialect without a warning. */
#include <wengert.h>

static wg_var all_spellings(wg_tape *tape) {
    wg_var x = wg_scalar(tape, 3.0), y = wg_mul(x, wg_sin(wg_neg(x)));        /* no options, nested */
    y = wg_sum(y, WG_ALL_AXES);                                               /* options left out */
    y = wg_sum(wg_reshape(y, WG_SHAPE(1, -1)), WG_AXES(0, -1), .keepdims = true);
    y = wg_conv2d(y, x, WG_NONE, .stride = 2, .padding = 1);
    y = wg_max_pool2d(y, .kernel = 2);
    y = wg_concat(0, y, wg_slice(x, 0, 1, WG_SLICE_TO_END));                  /* a list */
    wg_var dy = wg_grad(y, x);
    return wg_eval(y, dy) == WG_OK ? dy : WG_NONE;
}

/* The same of functions that work on no tape. */
int file_spellings(wg_tensor *tensor, wg_error *error);
int file_spellings(wg_tensor *tensor, wg_error *error) {
    wg_named_tensor entry = {"x", tensor};
    int status = wg_safetensors_write("file", &entry, 1, error);              /* a list with its count */
    wg_dataset *set = wg_dataset_of_tensors(tensor, NULL, error);
    wg_loader *loader = wg_loader_new(set, 64, error, .shuffle = true, .seed = 1, .prefetch = 2);
    for (wg_batch b; wg_loader_next(loader, &b);) status += b.x != NULL;
    status += wg_checkpoint_save("file", error, .loader = loader) + wg_checkpoint_load("file", error);
    wg_loader_free(loader);
    wg_dataset_free(set);
    return status;
}
