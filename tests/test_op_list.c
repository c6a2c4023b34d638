/* The registry has every operation of a list: op_list.txt. */
#include "declared.h"
#include <stdio.h>
#include <string.h>
#include <wengert/op.h>

/* Is there what one word of the list asks for? */
static bool is_there(char *word) {
    char *other = strchr(word, ':');
    if (other) *other++ = '\0';
    const char *name = other ? other : word;
    const size_t length = strlen(name);
    if (length > 2 && strcmp(name + length - 2, "()") == 0) {
        other[length - 2] = '\0';
        return is_declared(other);
    }
    const wg_op *op = wg_op_find(name);
    return op && !(op->flags & WG_HELPER);
}

START_TEST(all_ops_of_the_list_are_there) {
    char line[512], missing[1024] = "";
    int listed = 0;
    FILE *list = fopen(source_path("tests/op_list.txt"), "r");
    ck_assert_ptr_nonnull(list);
    while (fgets(line, sizeof line, list)) {
        char *rest = line;
        for (char *word; *line != '#' && (word = strtok_r(rest, " \n", &rest)); listed++)
            if (!is_there(word)) {
                const size_t length = strlen(missing);
                snprintf(missing + length, sizeof missing - length, " %s", word);
            }
    }
    fclose(list);
    printf("%d listed\n", listed);
    ck_assert_int_gt(listed, 200);
    ck_assert_str_eq(missing, "");
}
END_TEST

WG_SUITE("op_list", all_ops_of_the_list_are_there)
