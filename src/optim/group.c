/* group — parameters of a model that are updated in their own way, picked by patterns of their paths. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <math.h>
#include <stdlib.h>

/* `*` stands for any characters, `?` for one. After a mismatch the last `*` takes one character more: no
 * other way back is needed. */
static bool matches(const char *pattern, const char *text) {
    const char *star = NULL, *resumed = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resumed = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resumed;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

const wg_group *wg_group_of(const wg_optimizer *optimizer, const char *path) {
    for (size_t i = optimizer->group_count; i-- > 0;)
        if (matches(optimizer->groups[i].pattern, path)) return &optimizer->groups[i];
    return NULL;
}

void wg_groups_free(wg_optimizer *optimizer) {
    for (size_t i = 0; i < optimizer->group_count; i++) free(optimizer->groups[i].pattern);
    free(optimizer->groups);
}

static wg_group *find(const wg_optimizer *optimizer, const char *pattern) {
    for (size_t i = 0; i < optimizer->group_count; i++)
        if (!strcmp(optimizer->groups[i].pattern, pattern)) return &optimizer->groups[i];
    return NULL;
}

static wg_group *add(wg_optimizer *optimizer, const char *pattern) {
    const size_t size = strlen(pattern) + 1;
    char *copy = malloc(size);
    if (!copy || !WG_RESERVE(&optimizer->groups, &optimizer->group_capacity, optimizer->group_count + 1)) {
        free(copy);
        return NULL;
    }
    memcpy(copy, pattern, size);
    wg_group *group = &optimizer->groups[optimizer->group_count++];
    *group = (wg_group){.pattern = copy};
    return group;
}

int (wg_set_group)(wg_optimizer *optimizer, const char *pattern, const wg_group_options *given) {
    WG_OPTIONS_READ(wg_group_options, options, given);
    if (!optimizer) return WG_ERROR_MEMORY;
    if (!optimizer->rule.record) return WG_ERROR_UNSUPPORTED;
    const double rate = wg_option_or(options.rate, 1),
                 decay = wg_option_or(options.weight_decay, optimizer->decay);
    if (!pattern || !isfinite(rate) || rate < 0 || !isfinite(decay) || decay < 0) return WG_ERROR_ATTRIBUTE;
    wg_group *group = find(optimizer, pattern);
    if (!group) group = add(optimizer, pattern);
    if (!group) return WG_ERROR_MEMORY;
    group->rate = rate;
    group->decay = decay;
    return WG_OK;
}
