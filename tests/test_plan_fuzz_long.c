/* The same as test_plan_fuzz, on more graphs. */
#define FUZZ_GRAPHS 10000
#include "test_plan_fuzz.c"
