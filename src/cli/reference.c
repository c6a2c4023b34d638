/* reference — `wengert reference FOLDER`: a page in Markdown for each operation, and an index by family. */
#include "cli/reference.h"
#include <errno.h>
#include <sys/stat.h>

static FILE *create(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.md", folder, name);
    FILE *file = fopen(path, "w");
    if (!file) fprintf(stderr, "wengert reference: %s: %s\n", path, strerror(errno));
    return file;
}

static bool close_whole(FILE *file, const char *name) {
    bool failed = ferror(file);
    failed |= fclose(file) != 0;
    if (failed) fprintf(stderr, "wengert reference: %s.md cannot be written\n", name);
    return !failed;
}

/* "linear_algebra" as a heading. */
static void put_heading(FILE *index, const char *family) {
    fprintf(index, "\n## %c", family[0] - 'a' + 'A');
    for (const char *at = family + 1; *at; at++) fputc(*at == '_' ? ' ' : *at, index);
    fprintf(index, "\n\n");
}

static void put_entry(FILE *index, const wg_op *op) {
    fprintf(index, "- [%s](%s.md): `%s`\n", op->name, op->name, op->formula);
}

static int write_index(const char *folder) {
    FILE *index = create(folder, "index");
    if (!index) return EXIT_BAD;
    fprintf(index, "# Operations\n\n"
                   "A page each: the formula and its gradient, the declaration, inputs, outputs and "
                   "attributes, the names\n"
                   "in ONNX and PyTorch, and a program with what it prints.\n");
    const char *family = "";
    for (int i = 0; recorder_at(i); i++) {
        const wg_op *op = wg_op_find(recorder_at(i)->op);
        if (!op) continue;
        if (strcmp(family, recorder_at(i)->family) != 0) put_heading(index, family = recorder_at(i)->family);
        put_entry(index, op);
    }
    fprintf(index, "\n## For rules and expansions\n\nOnly other operations record these.\n\n");
    for (int i = 0; i < wg_op_count(); i++)
        if (!recorder_of(wg_op_at(i)->name)) put_entry(index, wg_op_at(i));
    return close_whole(index, "index") ? EXIT_GOOD : EXIT_BAD;
}

int cli_reference(int argc, char **argv) {
    const bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc != 2 || help || argv[1][0] == '-') {
        fprintf(help ? stdout : stderr,
                "usage: wengert reference FOLDER\n\n"
                "Writes a page in Markdown for each operation, NAME.md, and index.md, into the "
                "folder, which is made\nif it is not there.\n");
        return help ? EXIT_GOOD : EXIT_USAGE;
    }
    if (mkdir(argv[1], 0777) && errno != EEXIST) {
        fprintf(stderr, "wengert reference: %s: %s\n", argv[1], strerror(errno));
        return EXIT_BAD;
    }
    int status = write_index(argv[1]);
    for (int i = 0; i < wg_op_count() && !status; i++) {
        FILE *page = create(argv[1], wg_op_at(i)->name);
        if (!page) return EXIT_BAD;
        const bool failed = reference_page(page, wg_op_at(i)) != 0;
        if (failed) fprintf(stderr, "wengert reference: %s has failed\n", wg_op_at(i)->name);
        status = close_whole(page, wg_op_at(i)->name) && !failed ? EXIT_GOOD : EXIT_BAD;
    }
    if (!status) printf("reference: %d operations\n", wg_op_count());
    return status;
}
