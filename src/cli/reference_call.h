/* reference_call — what reference_call.c and reference_options.c share: a call in C that is being written. */
#ifndef WG_CLI_REFERENCE_CALL_H
#define WG_CLI_REFERENCE_CALL_H

#include "cli/reference.h"

typedef struct call {
    const wg_case *sample;
    const operands *of;
    const recorder *by;
    char values[1024]; /* the attributes as wg_attributes_text has them */
    unsigned inputs_said, attributes_said;
    char *text;
    size_t size;
} call;

void call_put(call *c, const char *format, ...) WG_PRINTF(2, 3);
/* The attribute of that name, of which something is said now, and its value as text, "2,2"; NULL: there is
 * none. */
const wg_attribute *call_value(call *c, const char *name, char value[256]);
/* "2,2" as the one number that all of them are; false: they differ. */
bool call_all_alike(const char *value, double *number);
bool call_put_one(call *c, const wg_attribute *a, const char *value, double number);
/* "2,3" as "2, 3". */
void call_put_numbers(call *c, const char *value);

/* Names the options that are not as they are where nothing is said; false: one cannot be named. */
bool call_put_options(call *c);
/* Has it the value that the recorder takes where nothing is said? The steps of windows are then their sizes.
 */
bool call_is_preset(const call *c, const wg_attribute *a, const char *value);

#endif
