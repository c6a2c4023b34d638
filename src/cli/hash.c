/* hash — `wengert hash`: the same weights, bit for bit, however the training is carried out.
 *
 * Two small networks are trained in f32 and in f64 under every setting of a matrix, each time in a process of
 * its own. All weights of a network in one type must have one SHA-256; and each row must show that it did
 * what its setting says, or it does not count. */
#include "cli/hash.h"
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SETTINGS = 64, TYPES = 2, TRIES = 40 };

typedef struct matrix {
    hash_setting settings[MOST_SETTINGS];
    int count;
} matrix;

typedef struct tally {
    int rows, skipped, differ;
} tally;

/* --- The matrix ------------------------------------------------------------------------------------- */

static hash_setting *add(matrix *m, const char *name, const char *of) {
    hash_setting *setting = &m->settings[m->count];
    if (m->count + 1 < MOST_SETTINGS) m->count++;
    *setting = (hash_setting){.threads = 1};
    snprintf(setting->name, sizeof setting->name, "%s%s", name, of);
    return setting;
}

/* The first one is the plain way, which the others are held against. */
static void fill(matrix *m, bool quick) {
    static const char *const isas[] = {"portable", "avx2", "avx512", "neon"};
    static const struct {
        int count;
        const char *name;
    } threads[] = {{1, "1 thread"}, {2, "2 threads"}, {3, "3 threads"}, {4, "4 threads"}, {7, "7 threads"}};
    for (int i = 0; i < (quick ? 2 : 5); i++) {
        hash_setting *setting = add(m, threads[i].name, "");
        setting->threads = threads[i].count;
        setting->most_elsewhere = i ? threads[i - 1].count : 0;
    }
    for (int i = 0; i < 4; i++) add(m, "WG_ISA=", isas[i])->isa = isas[i];
    hash_setting *nodes = add(m, "node by node", "");
    nodes->executor = WG_NODE_BY_NODE, nodes->threads = 2;
    add(m, "fresh plans", "")->fresh = true;
    if (quick) return;
    add(m, "rerun", "")->rerun = true;
    add(m, "evaluated in two", "")->split = true;
    add(m, "more values kept", "")->keep = true;
    add(m, "prefetch", "")->prefetch = 3;
    add(m, "saved and loaded", "")->resume = true;
    hash_setting *both = add(m, "saved, loaded, prefetch", "");
    both->resume = true, both->prefetch = 3;
    static const int budgets[] = {1, 40, 80};
    for (int i = 0; i < 3; i++) {
        hash_setting *setting = add(m, "budget", "");
        setting->budget = budgets[i];
        snprintf(setting->name, sizeof setting->name, "budget %d %% above least", budgets[i]);
    }
    add(m, "layers recomputed", "")->recompute = true;
    const wg_pass_info *pass;
    for (int i = 0; (pass = wg_pass_at(i)) != NULL; i++) {
        if (pass->lowers) continue;
        hash_setting *setting = add(m, "without pass ", pass->name);
        setting->disable = pass->name;
        setting->recompute = strcmp(pass->name, "recompute") == 0; /* or it would have nothing to do */
    }
}

/* --- A row ------------------------------------------------------------------------------------------ */

/* Trains in a child: an instruction set, and whatever else a process decides once, is decided anew; and a row
 * that crashes is a row that failed. */
static void train_in_child(const hash_model *which, wg_dtype dtype, const hash_setting *setting,
                           const hash_plan *plain, hash_result *result) {
    int ends[2];
    *result = (hash_result){.status = WG_ERROR_MEMORY, .proof = "no process for it"};
    if (pipe(ends)) return;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        *result = (hash_result){.status = WG_OK};
        hash_train(which, dtype, setting, plain, result);
        exit(write(ends[1], result, sizeof *result) == (ssize_t)sizeof *result ? 0 : 1);
    }
    close(ends[1]);
    int status = 0;
    hash_result got;
    const bool whole = child > 0 && read(ends[0], &got, sizeof got) == (ssize_t)sizeof got;
    if (child > 0 && waitpid(child, &status, 0) == child) {
        if (whole && status == 0)
            *result = got;
        else
            snprintf(result->proof, sizeof result->proof, "its process ended with %s %d",
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : status >> 8);
    }
    close(ends[0]);
}

/* Which threads get work is a matter of chance on a busy machine: a row that could not show that all did is
 * tried again, and each try must have the same hash. */
static void train_until_proved(const hash_model *which, wg_dtype dtype, const hash_setting *setting,
                               const hash_plan *plain, hash_result *result) {
    train_in_child(which, dtype, setting, plain, result);
    for (int i = 1; i < TRIES && !result->status && !result->is_proved; i++) {
        hash_result again;
        train_in_child(which, dtype, setting, plain, &again);
        if (strcmp(again.hash, result->hash) != 0 && !again.status)
            snprintf(again.proof, sizeof again.proof, "not even twice the same"),
                again.status = WG_ERROR_FORMAT;
        *result = again;
    }
}

static void show(tally *sum, const char *setting, const char *model, const hash_result *row,
                 const char *expected) {
    const char *verdict = "";
    if (row->status == WG_ERROR_UNSUPPORTED)
        sum->skipped++, verdict = "skipped: ";
    else if (row->status)
        sum->differ++, verdict = "FAILED: ";
    else if (strcmp(row->hash, expected) != 0)
        sum->differ++, verdict = "DIFFERS: ";
    else if (!row->is_proved)
        sum->skipped++, verdict = "does not count, no proof: ";
    else
        sum->rows++;
    printf("%-26s %-8s %-64s  %s%s\n", setting, model, row->hash[0] ? row->hash : "-", verdict, row->proof);
}

/* Every setting for a network in a type; its hash goes to `hash`. */
static void run(const matrix *m, const hash_model *which, wg_dtype dtype, tally *sum,
                char hash[SHA256_TEXT]) {
    char model[16];
    hash_result plain = {.status = WG_OK}, row;
    snprintf(model, sizeof model, "%s %s", which->name, wg_dtype_name(dtype));
    for (int i = 0; i < m->count; i++) {
        train_until_proved(which, dtype, &m->settings[i], &plain.plan, &row);
        if (i == 0) plain = row;
        show(sum, m->settings[i].name, model, &row, plain.hash);
    }
    memcpy(hash, plain.hash, SHA256_TEXT);
}

/* --- The command ------------------------------------------------------------------------------------ */

static int usage(FILE *stream) {
    fprintf(stream,
            "usage: wengert hash [--quick]\n\n"
            "Trains two small networks in f32 and f64 under every setting that must not change a bit of the\n"
            "weights, and prints their SHA-256. --quick leaves most settings out; the hashes are the same.\n"
            "Exit status 0: one hash for each network and type; 1: not so; 2: wrong usage.\n");
    return stream == stdout ? EXIT_GOOD : EXIT_USAGE;
}

int cli_hash(int argc, char **argv) {
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(stdout);
    if (argc > 1 && !quick) return usage(stderr);
    static const wg_dtype types[TYPES] = {WG_F32, WG_F64};
    matrix m = {.count = 0};
    tally sum = {0};
    char hashes[HASH_MODELS][TYPES][SHA256_TEXT];
    fill(&m, quick);
    printf("%-26s %-8s %-64s  %s\n", "setting", "network", "SHA-256 of the weights", "shown by");
    for (int model = 0; model < HASH_MODELS; model++)
        for (int type = 0; type < TYPES; type++)
            run(&m, &hash_models[model], types[type], &sum, hashes[model][type]);
    for (int model = 0; model < HASH_MODELS; model++)
        for (int type = 0; type < TYPES; type++)
            printf("%s %s: %s\n", hash_models[model].name, wg_dtype_name(types[type]), hashes[model][type]);
    printf("hash: %d rows, %d models, %d skipped, %d differ\n", sum.rows, HASH_MODELS, sum.skipped,
           sum.differ);
    return sum.differ || !sum.rows ? EXIT_BAD : EXIT_GOOD;
}
