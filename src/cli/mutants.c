/* mutants — `wengert gradcheck --mutants [OP…]`: mistakes planted in backward rules, which the gradient check
 * must find. Beside the public interface it uses the library's own src/check/mutate.h. */
#include "check/mutate.h"
#include "cli/cli.h"

typedef struct tally {
    wg_mutants_report all;
    int failed;
} tally;

static void say(const wg_op *op, const wg_mutation *mutation, wg_mutant_fate fate, const char *reason,
                void *context) {
    char text[160];
    (void)context;
    fprintf(stderr, "%s: %s: %s (%s)\n", op->name, wg_mutation_text(mutation, text, sizeof text),
            fate == WG_MUTANT_SURVIVED ? "SURVIVED" : "equivalent", reason);
}

static void mutate(const wg_op *op, uint64_t seed, tally *sum) {
    wg_mutants_report report;
    wg_error error = {.message = ""};
    if (!wg_has_rule(op)) return;
    if (wg_check_mutants(op, seed, &report, say, NULL, &error)) {
        fprintf(stderr, "wengert gradcheck: %s\n", error.message);
        sum->failed++;
    }
    printf("%s\t%d\t%d\t%d\t%d\n", op->name, report.planted, report.fates[WG_MUTANT_KILLED],
           report.fates[WG_MUTANT_EQUIVALENT], report.fates[WG_MUTANT_SURVIVED]);
    fflush(stdout);
    sum->all.planted += report.planted;
    for (int i = 0; i < WG_MUTANT_FATES; i++) sum->all.fates[i] += report.fates[i];
}

int cli_mutants(const wg_op *const *ops, int count, uint64_t seed) {
    tally sum = {0};
    printf("op\tmutants\tkilled\tequivalent\tsurvived\n");
    for (int i = 0; i < count; i++) mutate(ops[i], seed, &sum);
    printf("mutants: %d planted, %d killed, %d equivalent, %d survived\n", sum.all.planted,
           sum.all.fates[WG_MUTANT_KILLED], sum.all.fates[WG_MUTANT_EQUIVALENT],
           sum.all.fates[WG_MUTANT_SURVIVED]);
    return fflush(stdout) || sum.failed || !sum.all.planted ? EXIT_BAD : EXIT_GOOD;
}
