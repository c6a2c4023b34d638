/* Run by test_io_without.c with a library that has neither zlib, libpng nor jansson: prints what it says. */
#include <stdio.h>
#include <wengert.h>

static wg_error error;

static void show(const char *function, bool failed) {
    printf("%s, %s: %s\n", function, wg_status_name(error.status), failed ? error.message : "no error");
    error = (wg_error){0};
}

int main(int count, char **arguments) {
    if (count != 2) return 1;
    wg_tensor *tensor = wg_tensor_new(WG_U8, WG_SHAPE(1, 1), &error);
    show("png_read", !wg_png_read("a", 3, &error));
    show("png_write", wg_png_write("a", tensor, &error) != WG_OK);
    show("safetensors_open", !wg_safetensors_open("a", &error));
    show("safetensors_write", wg_safetensors_write("a", NULL, 0, &error) != WG_OK);
    show("write_idx", wg_write_idx("a.gz", tensor, &error) != WG_OK);
    show("read_idx", !wg_read_idx(arguments[1], &error));
    wg_tensor_free(tensor);
}
