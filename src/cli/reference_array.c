/* reference_array — a tensor as lines of C that define a var. */
#include "cli/reference.h"
#include <math.h>

enum { LINE = 100 };

static void put_number(FILE *page, double value, wg_dtype dtype) {
    if (dtype == WG_BOOL)
        fputs(value != 0 ? "true" : "false", page);
    else if (isnan(value))
        fputs("NAN", page);
    else if (isinf(value))
        fputs(value < 0 ? "-INFINITY" : "INFINITY", page);
    else
        fprintf(page, "%.10g", value);
}

void reference_put_array(FILE *page, const char *name, const wg_tensor *tensor) {
    static const char *const types[] = {[WG_F32] = "float",   [WG_F64] = "double", [WG_I32] = "int32_t",
                                        [WG_I64] = "int64_t", [WG_U8] = "uint8_t", [WG_BOOL] = "bool"};
    static const char *const names[] = {[WG_F32] = "F32", [WG_F64] = "F64", [WG_I32] = "I32",
                                        [WG_I64] = "I64", [WG_U8] = "U8",   [WG_BOOL] = "BOOL"};
    const wg_type type = wg_tensor_type(tensor);
    long column = fprintf(page, "    static const %s %s_data[] = {", types[type.dtype], name);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++) {
        if (column > LINE)
            column = fprintf(page, ",\n        ");
        else if (i)
            column += fprintf(page, ", ");
        const long before = ftell(page);
        put_number(page, wg_tensor_get(tensor, i), type.dtype);
        column += before < 0 ? 8 : ftell(page) - before;
    }
    fprintf(page, "};\n    wg_var %s = wg_array(tape, WG_%s, ", name, names[type.dtype]);
    if (type.rank == 0) fprintf(page, "WG_SCALAR_SHAPE");
    for (int i = 0; i < type.rank; i++)
        fprintf(page, "%s%lld", i ? ", " : "WG_SHAPE(", (long long)type.extent[i]);
    fprintf(page, "%s, %s_data);\n", type.rank ? ")" : "", name);
}

void reference_round(wg_tensor *tensor) {
    if (wg_tensor_type(tensor).dtype != WG_F64) return;
    double *at = wg_tensor_writable(tensor);
    for (int64_t i = 0; at && i < wg_tensor_count(tensor); i++) {
        char text[32];
        snprintf(text, sizeof text, "%.3g", at[i]);
        at[i] = strtod(text, NULL);
    }
}
