/* ops — `wengert ops`: the registry, a line an operation, its columns apart by tabs. */
#include "cli/cli.h"

/* What wg_op.flags say, in words. */
static void print_flags(unsigned flags) {
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {
        {WG_HELPER, "helper"},
        {WG_ELEMENTWISE, "elementwise"},
        {WG_VIEW, "view"},
        {WG_RANDOM, "random"},
        {WG_CAN_FAIL, "can_fail"},
        {WG_BLOCKS, "blocks"},
        {WG_STOPS, "stops"},
        {WG_NAMES_DTYPE, "names_dtype"},
        {WG_EVEN_READS, "even_reads"},
        {WG_INTEGERS_FAIL, "integers_fail"},
        {WG_EVEN_UNITS, "even_units"},
        {WG_ACCUMULATES, "accumulates"},
    };
    const char *before = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags & names[i].flag) {
            printf("%s%s", before, names[i].name);
            before = ",";
        }
    if (!*before) printf("-");
}

static void print_op(const wg_op *op) {
    printf("%s\t%d", op->name, op->inputs);
    if (op->inputs_max < 0) printf("+");
    if (op->inputs_max > op->inputs) printf("-%d", op->inputs_max);
    const char *reason = wg_op_no_gradient(op);
    printf("\t%d\t%s%s\t%s\t", op->outputs, reason ? "no gradient: " : "differentiable", reason ? reason : "",
           op->expand && !op->forward ? "composed" : "kernel");
    print_flags(op->flags);
    printf("\n");
}

int cli_ops(int argc, char **argv) {
    if (argc > 1) {
        const int help = argc == 2 && strcmp(argv[1], "--help") == 0;
        fprintf(help ? stdout : stderr, "usage: wengert ops\n\n"
                                        "Lists the operations, a line each with tabs between: name, inputs "
                                        "(1, 2-3, 1+), outputs, whether it\n"
                                        "is differentiable or why not, whether it has a kernel or is "
                                        "composed of others, flags. Those that\n"
                                        "are flagged `helper` only rules and expansions record; the last "
                                        "line does not count them among the\n"
                                        "differentiable ones.\n");
        return help ? EXIT_GOOD : EXIT_USAGE;
    }
    int differentiable = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        print_op(op);
        differentiable += !wg_op_no_gradient(op) && !(op->flags & WG_HELPER);
    }
    printf("ops: %d registered, %d differentiable\n", wg_op_count(), differentiable);
    return fflush(stdout) ? EXIT_BAD : EXIT_GOOD;
}
