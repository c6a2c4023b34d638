/* pass — see pass.h. */
#include "lower/pass.h"

static const wg_pass_info passes[WG_PASS_COUNT] = {
    [WG_PASS_IDENTITIES] = {"identities", true, "what is an earlier value as it is, is not computed"},
    [WG_PASS_MERGE] = {"merge", true, "equal nodes are computed once"},
    [WG_PASS_TRANSPOSES] = {"transposes", true, "products read transposed matrices as they lie"},
    [WG_PASS_ACCUMULATE] = {"accumulate", true, "products are added to sums by their kernels"},
    [WG_PASS_ORDER] = {"order", false,
                       "nodes that free memory run as soon as they can, updates of states last"},
    [WG_PASS_RECOMPUTE] = {"recompute", false,
                           "what a budget or a region asks for is computed again instead of kept"},
    [WG_PASS_FUSE] = {"fuse", false, "elementwise nodes run together, tile by tile"},
    [WG_PASS_EPILOGUE] = {"epilogue", false,
                          "elementwise nodes work on a kernel's output while it is in the cache"},
    [WG_PASS_GROUP] = {"group", false, "small independent steps run side by side"},
    [WG_PASS_UPDATE] = {"update", false, "a state's new content is written where the old one lies"},
    [WG_PASS_OVERWRITE] = {"overwrite", false,
                           "an output takes over the buffer of an input read for the last time"},
    [WG_PASS_REUSE] = {"reuse", false, "buffers whose lives do not overlap share memory"},
};

const wg_pass_info *wg_pass_at(int index) {
    return index >= 0 && index < WG_PASS_COUNT ? &passes[index] : NULL;
}

uint32_t wg_planning_passes(void) {
    uint32_t bits = 0;
    for (int i = 0; i < WG_PASS_COUNT; i++)
        if (!passes[i].lowers) bits |= 1u << i;
    return bits;
}

int wg_passes_parse(const char *text, const char *source, uint32_t *disabled, wg_error *error) {
    *disabled = 0;
    while (text && *text) {
        const size_t length = strcspn(text, ",");
        int pass = 0;
        while (pass < WG_PASS_COUNT &&
               (strlen(passes[pass].name) != length || memcmp(passes[pass].name, text, length) != 0))
            pass++;
        if (pass == WG_PASS_COUNT && length) {
            char names[400] = "";
            for (int i = 0; i < WG_PASS_COUNT; i++)
                snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "",
                         passes[i].name);
            return wg_error_set(error, WG_ERROR_ATTRIBUTE, "%s names the pass \"%.*s\"; there are %s", source,
                                (int)wg_smaller((int64_t)length, 40), text, names);
        }
        if (length) *disabled |= 1u << pass;
        text += length + (text[length] == ',');
    }
    return WG_OK;
}
