/* info — `wengert info`: instruction sets, threads, operations. */
#include "cli/cli.h"

int cli_info(int argc, char **argv) {
    if (argc > 1) {
        const int help = strcmp(argv[1], "--help") == 0;
        fprintf(help ? stdout : stderr, "usage: wengert info\n");
        return help ? EXIT_GOOD : EXIT_USAGE;
    }
    static const char *const isas[] = {"avx512", "avx2", "neon", "portable"};
    wg_error error;
    wg_engine *engine = wg_engine_new(&error);
    if (!engine) {
        fprintf(stderr, "wengert: %s\n", error.message);
        return EXIT_BAD;
    }
    const wg_engine_counters counters = wg_engine_count(engine);
    printf("instruction set: %s; here are", counters.isa);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        wg_engine *other = wg_engine_new(NULL, .isa = isas[i], .threads = 1);
        if (other) printf(" %s", isas[i]);
        wg_engine_free(other);
    }
    printf("\nthreads: %d\noperations: %d\n", counters.threads, wg_op_count());
    wg_engine_free(engine);
    return EXIT_GOOD;
}
