/* `wengert reference`: a page for each operation, of which every part is there, with the shapes that all
 * samples have. That its example is true is a test of documents. */
#include "../src/cli/reference.h"
#include "suite.h"

/* Writes the pages into a folder of this test. */
static const char *pages(void) {
    const char *folder = temporary_path("reference");
    must_run("\"$WG_BUILD_ROOT/wengert\" reference '%s' | grep -q '^reference: %d operations$'", folder,
             wg_op_count());
    return folder;
}

START_TEST(each_op_has_a_page_and_a_line_in_the_index) {
    must_run("set -e; cd '%s'\n"
             "\"$WG_BUILD_ROOT/wengert\" ops | sed '$d' | cut -f1 | sort >ops && test $(wc -l <ops) = %d\n"
             "awk 'FNR == 1 && $1 == \"#\" && FILENAME == $2 \".md\" { print $2 }' *.md | sort | diff ops -\n"
             "sed -n 's/^- \\[\\(.*\\)\\](\\1\\.md): `.*`$/\\1/p' index.md | sort | diff ops -",
             pages(), wg_op_count());
}
END_TEST

START_TEST(no_section_of_a_page_is_missing_or_empty) {
    must_run("cd '%s' && for page in *.md; do\n"
             "  test $page = index.md && continue\n"
             "  test \"$(grep '^## ' $page | tr -d '\\n')\" ="
             " '## Gradient## Inputs and outputs## Attributes## Elsewhere## Example' || { echo \"$page\"; "
             "exit 1; }\n"
             "  awk 'function done() { if (heading && !lines) { print FILENAME \": \" heading; exit 1 } "
             "lines = 0 }\n"
             "       /^##* / { done(); heading = $0; next } NF { lines++ } END { done() }' $page || exit 1\n"
             "done",
             pages());
}
END_TEST

START_TEST(what_is_differentiable_has_a_formula_of_its_gradient_and_all_attributes_a_meaning) {
    int formulas = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        ck_assert_msg(op->formula && *op->formula, "%s", op->name);
        ck_assert_msg(!wg_op_no_gradient(op) == !!op->gradient, "%s: has a gradient, or a formula of one",
                      op->name);
        formulas += op->gradient != NULL;
        for (const wg_attribute *a = op->attributes; a && a->name; a++)
            ck_assert_msg(a->meaning && *a->meaning, "%s: %s", op->name, a->name);
    }
    ck_assert_int_gt(formulas, 200);
}
END_TEST

START_TEST(every_link_leads_to_a_page) {
    must_run("cd '%s' && grep -ho '](\\([^):]*\\))' *.md | sed 's/^](//; s/)$//' | sort -u >links && test -s "
             "links &&\n"
             "while read -r link; do test -e $link || { echo \"$link\"; exit 1; }; done <links",
             pages());
}
END_TEST

/* A sample of u8, a shuffle by blocks of one pixel or a loss of one class would show nothing of it. */
START_TEST(an_example_shows_what_its_op_does) {
    must_run("set -e; cd '%s'\n"
             "grep -q '^| y | .* | as x | output |$' broadcast_to.md\n"
             "grep -q '^    wg_var y = wg_fold(x, ' fold.md\n"
             "grep -q '^    wg_var y = wg_pixel_shuffle(x, [2-9])' pixel_shuffle.md\n"
             "grep -A9 '^```text' softmax_cross_entropy.md | grep -q '[1-9]\\.[0-9]'",
             pages());
}
END_TEST

/* Targets are classes on some samples and probabilities on others; the comment about an angle is atan2's. */
START_TEST(a_page_says_all_dtypes_names_of_numbers_and_what_is_of_its_op_alone) {
    must_run("set -e; cd '%s'\n"
             "grep -q '^| target | .* | f32, f64, i32, i64, u8 | input |$' softmax_cross_entropy.md\n"
             "grep -q '^    wg_var y = wg_nll_loss(.*, .reduction = WG_SUM' nll_loss.md\n"
             "grep -q '^    wg_var y = wg_rotary_embedding(' rotary_embedding.md\n"
             "grep -q 'angle of the point' atan2.md\n"
             "! grep -q 'angle of the point' logaddexp.md\n"
             "! grep -q 'to the power' maximum.md",
             pages());
}
END_TEST

/* --- Shapes ------------------------------------------------------------------------------------------ */

/* What letters and "..." stand for in one case. */
typedef struct binding {
    struct {
        char letter[32];
        int64_t extent;
    } letters[32];
    int count;
    bool has_rest;
    wg_type rest;
} binding;

static bool bind_letter(binding *b, const char *letter, int64_t extent) {
    char *end;
    const long number = strtol(letter, &end, 10);
    if (end != letter && !*end) return number == extent;
    if (strchr(letter, ' ')) return true; /* an expression */
    for (int i = 0; i < b->count; i++)
        if (strcmp(b->letters[i].letter, letter) == 0) return b->letters[i].extent == extent;
    snprintf(b->letters[b->count].letter, sizeof b->letters->letter, "%.31s", letter);
    b->letters[b->count++].extent = extent;
    return true;
}

static bool bind_rest(binding *b, const wg_type *type, int from, int count) {
    if (!b->has_rest) {
        b->has_rest = true;
        b->rest = (wg_type){.rank = count};
        memcpy(b->rest.extent, type->extent + from, (size_t)count * sizeof *type->extent);
    }
    return b->rest.rank == count &&
           !memcmp(b->rest.extent, type->extent + from, (size_t)count * sizeof *type->extent);
}

/* Does a type have the shape "[N, C, ...]", with what the letters stand for so far? */
static bool fits(binding *b, const char *shape, const wg_type *type) {
    char parts[16][32];
    int count = 0, open = -1;
    for (const char *at = shape + 1; *at && *at != ']' && count < 16;) {
        const size_t length = strcspn(at, ",]");
        snprintf(parts[count], sizeof parts[count], "%.*s", (int)length, at);
        if (!strcmp(parts[count], "...") || !strcmp(parts[count], "*")) open = count;
        count++;
        at += length;
        while (*at == ',' || *at == ' ') at++;
    }
    if (open < 0 ? type->rank != count : type->rank < count - 1) return false;
    const int between = type->rank - (count - 1);
    if (open >= 0 && !strcmp(parts[open], "...") && !bind_rest(b, type, open, between)) return false;
    for (int i = 0; i < count; i++)
        if (i != open && !bind_letter(b, parts[i], type->extent[open >= 0 && i > open ? i + between - 1 : i]))
            return false;
    return true;
}

typedef struct shapes_seen {
    const operands *of;
    int cases, wrong;
} shapes_seen;

/* Ends the walk over an op's cases at the first that is not as it is written. */
static int not_as_written(shapes_seen *seen, const wg_case *sample, const operand *what, wg_tape *tape) {
    printf("%s, sample %d: %s is not %s\n", sample->op->name, sample->number, what->name, what->shape);
    wg_tape_free(tape);
    return ++seen->wrong;
}

static int shapes_of_case(const wg_case *sample, void *context) {
    shapes_seen *seen = context;
    const operands *of = seen->of;
    binding b = {.count = 0};
    wg_tape *tape = wg_tape_new();
    wg_var vars[64] = {{0}};
    for (int i = 0; i < sample->input_count; i++) {
        const wg_sample_input *in = &sample->inputs[i];
        const operand *what = &of->inputs[i < of->input_count ? i : of->input_count - 1];
        vars[i] = in->absent ? WG_NONE : (wg_full)(tape, in->dtype ? in->dtype : WG_F64, in->shape, 1);
        const wg_type type = wg_type_of(vars[i]);
        if (in->absent ? !what->optional : !fits(&b, what->shape, &type))
            return not_as_written(seen, sample, what, tape);
    }
    vars[sample->input_count] = (wg_var)WG_END_;
    wg_var y = wg_case_record(tape, sample, vars);
    for (int i = 0; i < of->output_count; i++) {
        const wg_type type = wg_type_of(i ? wg_output(y, i) : y);
        if (!fits(&b, of->outputs[i].shape, &type))
            return not_as_written(seen, sample, &of->outputs[i], tape);
    }
    wg_tape_free(tape);
    return seen->cases++, 0;
}

START_TEST(operands_have_the_shapes_that_are_written) {
    shapes_seen seen = {.cases = 0};
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        operands of;
        ck_assert_msg(operands_of(op, &of), "%s: %s", op->name, op->shapes ? op->shapes : "no shapes");
        int least = 0;
        for (int k = 0; k < of.input_count; k++) least += !of.inputs[k].optional;
        const bool more = of.input_count && of.inputs[of.input_count - 1].more;
        ck_assert_msg(of.output_count == op->outputs && least == op->inputs && more == (op->inputs_max < 0) &&
                          (more || of.input_count == (op->inputs_max ? op->inputs_max : op->inputs)),
                      "%s: %s", op->name, op->shapes);
        seen.of = &of;
        wg_op_samples(op, shapes_of_case, &seen);
    }
    ck_assert_int_eq(seen.wrong, 0);
    ck_assert_int_gt(seen.cases, 5000);
    printf("shapes: %d cases\n", seen.cases);
}
END_TEST

START_TEST(wrong_usage_is_status_2) {
    static char output[4096];
    ck_assert_int_eq(run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" reference"), 2);
    ck_assert_message_contains(output, "usage: wengert reference");
    ck_assert_int_eq(run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" reference --help"), 0);
    ck_assert_int_eq(
        run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" reference /no/such/folder"), 1);
}
END_TEST

WG_SUITE("cli/reference", each_op_has_a_page_and_a_line_in_the_index,
         no_section_of_a_page_is_missing_or_empty,
         what_is_differentiable_has_a_formula_of_its_gradient_and_all_attributes_a_meaning,
         every_link_leads_to_a_page, an_example_shows_what_its_op_does,
         a_page_says_all_dtypes_names_of_numbers_and_what_is_of_its_op_alone,
         operands_have_the_shapes_that_are_written, wrong_usage_is_status_2)
