/* mutants — `wengert gradcheck --mutants [OP…]`: mistakes planted in backward rules, which the gradient check
 * must find. Beside the public interface it uses the library's own src/check/mutate.h. */
#include "check/mutate.h"
#include "cli/cli.h"

typedef struct tally {
    bool named; /* were the operations asked for by their names? */
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

static void say_why_not(const wg_op *op) {
    const char *reason = wg_op_no_gradient(op);
    if (reason)
        fprintf(stderr, "%s: there is no rule to plant mistakes in: %s\n", op->name, reason);
    else
        fprintf(stderr, "%s: there is no rule to plant mistakes in: it is %s\n", op->name,
                op->flags & WG_STOPS ? "one whose gradient is zero by intention"
                                     : "composed of other operations, which have theirs");
}

static void mutate(const wg_op *op, uint64_t seed, tally *sum) {
    wg_mutants_report report;
    wg_error error = {.message = ""};
    if (!wg_has_rule(op)) {
        if (sum->named) say_why_not(op);
        return;
    }
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

int cli_mutants(const wg_op *const *ops, int count, uint64_t seed, bool named) {
    tally sum = {.named = named};
    printf("op\tmutants\tkilled\tequivalent\tsurvived\n");
    for (int i = 0; i < count; i++) mutate(ops[i], seed, &sum);
    printf("mutants: %d planted, %d killed, %d equivalent, %d survived\n", sum.all.planted,
           sum.all.fates[WG_MUTANT_KILLED], sum.all.fates[WG_MUTANT_EQUIVALENT],
           sum.all.fates[WG_MUTANT_SURVIVED]);
    if (!sum.all.planted) fprintf(stderr, "wengert gradcheck: no mistake was planted\n");
    return fflush(stdout) || sum.failed || !sum.all.planted ? EXIT_BAD : EXIT_GOOD;
}
