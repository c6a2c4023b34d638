/* What one hash would be worth if nothing could change it: a fault of one unit in the last place, planted in
 * one kernel after the other, changes the hash of the trained weights. The linker leads calls of
 * wg_kernel_pick here. */
#include "cli/hash.h"
#include "kernels/table.h"
#include "suite.h"
#include <math.h>

enum { MOST_OPS = 80 };

static const wg_op *met[MOST_OPS]; /* ops of which a kernel that writes numbers of type `type` was picked */
static int met_count;
static const wg_op *faulty; /* NULL: none is */
static bool where_forced;   /* faulty only where WG_ISA forces an instruction set */
static wg_isa used;
static wg_dtype type;

wg_kernel __real_wg_kernel_pick(const wg_call *call, wg_isa isa);
wg_kernel __wrap_wg_kernel_pick(const wg_call *call, wg_isa isa);

/* The kernel, and then the last bit of what it has written, but for infinity, which would be NaN: on one
 * thread a call does all there is, or a run.
 */
static void run_with_fault(const wg_call *call) {
    const wg_kernel kernel = __real_wg_kernel_pick(call, used);
    kernel.run(call);
    const wg_operand *y = &call->outputs[0];
    const size_t size = wg_dtype_size(y->type.dtype);
    const bool elementwise = call->op->flags & WG_ELEMENTWISE,
               run = kernel.begins && kernel.begins(call, 0) == 0;
    const int64_t count = elementwise ? call->end : wg_type_count(&y->type);
    const int64_t from = run ? kernel.begins(call, call->begin) : 0;
    const int64_t to = run && call->end < kernel.units(call) ? kernel.begins(call, call->end) : count;
    for (int64_t i = from; i < to; i++)
        if (isfinite(type == WG_F32 ? ((const float *)y->data)[i] : ((const double *)y->data)[i]))
            ((unsigned char *)y->data)[(size_t)i * size] ^=
                1; /* the machines that kernels are for are little-endian */
}

/* Scalars of f64 in a network of f32 are rounded before they meet a weight; views have no kernel. */
static bool writes_numbers(const wg_call *call) {
    return call->outputs[0].type.dtype == type && !(call->op->flags & WG_VIEW);
}

wg_kernel __wrap_wg_kernel_pick(const wg_call *call, wg_isa isa) {
    wg_kernel kernel = __real_wg_kernel_pick(call, isa);
    int i = 0;
    while (i < met_count && met[i] != call->op) i++;
    if (i == met_count && met_count < MOST_OPS && writes_numbers(call)) met[met_count++] = call->op;
    used = isa;
    if (call->op == faulty && writes_numbers(call) && (!where_forced || getenv("WG_ISA")))
        kernel.run = run_with_fault;
    return kernel;
}

static void train(int model, wg_dtype dtype, char hash[SHA256_TEXT]) {
    const hash_setting setting = {.name = "with a fault", .threads = 1};
    hash_result result = {.status = WG_OK};
    hash_train(&hash_models[model], dtype, &setting, &result.plan, &result);
    ck_assert_msg(result.status == WG_OK, "%s: %s", faulty ? faulty->name : "no fault", result.proof);
    memcpy(hash, result.hash, SHA256_TEXT);
}

/* No weight depends on the loss itself, the check that it is finite, and the maximum that tells queries which
 * see no key. */
static bool moves_no_weight(const wg_op *op) {
    static const char *const names[] = {"softmax_cross_entropy", "check_finite", "max"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(op->name, names[i]) == 0) return true;
    return false;
}

static void every_kernel_of_a_type_counts(int model, wg_dtype dtype, int least) {
    char good[SHA256_TEXT], bad[SHA256_TEXT], unseen[500] = "";
    met_count = 0;
    faulty = NULL;
    type = dtype;
    train(model, dtype, good);
    const int kernels = met_count;
    for (int i = 0; i < kernels; i++) {
        faulty = met[i];
        train(model, dtype, bad);
        if (strcmp(bad, good) == 0 && !moves_no_weight(met[i]))
            snprintf(unseen + strlen(unseen), sizeof unseen - strlen(unseen), " %s", met[i]->name);
    }
    faulty = NULL;
    train(model, dtype, bad);
    ck_assert_str_eq(bad, good);
    printf("%s %s: a fault of one ulp in each of %d kernels; unseen:%s\n", hash_models[model].name,
           wg_dtype_name(dtype), kernels, *unseen ? unseen : " none");
    ck_assert_int_ge(kernels, least);
    ck_assert_str_eq(unseen, "");
}

static void every_kernel_counts(int model, int least) {
    every_kernel_of_a_type_counts(model, WG_F32, least);
    every_kernel_of_a_type_counts(model, WG_F64, least);
}

START_TEST(a_fault_of_one_ulp_in_any_kernel_of_the_mlp_changes_its_hash) { every_kernel_counts(0, 10); }
END_TEST
START_TEST(a_fault_of_one_ulp_in_any_kernel_of_the_cnn_changes_its_hash) { every_kernel_counts(1, 20); }
END_TEST
START_TEST(a_fault_of_one_ulp_in_any_kernel_of_the_transformer_changes_its_hash) {
    every_kernel_counts(2, 20);
}
END_TEST
START_TEST(a_fault_of_one_ulp_in_any_kernel_of_the_resnet_changes_its_hash) { every_kernel_counts(3, 20); }
END_TEST

/* The command in this process: its children train with the fault where its row forces an instruction set. */
START_TEST(the_command_tells_a_kernel_that_is_off_by_one_ulp_on_one_instruction_set) {
    char *arguments[] = {"hash", "--quick", NULL}, output[1 << 16] = "";
    const char *path = temporary_path("output");
    unsetenv("WG_ISA");
    faulty = wg_op_at(0);
    for (int i = 0; i < wg_op_count() && strcmp(faulty->name, "matmul") != 0; i++) faulty = wg_op_at(i);
    type = WG_F64;
    where_forced = true;
    ck_assert_ptr_nonnull(freopen(path, "w+", stdout));
    ck_assert_int_eq(cli_hash(2, arguments), 1);
    rewind(stdout);
    output[fread(output, 1, sizeof output - 1, stdout)] = '\0';
    const char *last = strstr(output, "\nhash: ");
    ck_assert_msg(last != NULL, "%s", output);
    int rows, models, skipped, differ;
    ck_assert_int_eq(
        sscanf(last, "\nhash: %d rows, %d models, %d skipped, %d differ", &rows, &models, &skipped, &differ),
        4);
    ck_assert_int_eq(models, 4);
    ck_assert_int_ge(rows, 4 * 4 + 2); /* all of f32, and the others of f64 */
    ck_assert_int_ge(differ, 2);       /* portable kernels are everywhere */
    ck_assert_int_eq(differ % 2, 0);
    ck_assert_message_contains(output, "DIFFERS: kernels of portable ran");
}
END_TEST

WG_SUITE("cli/hash/fault", a_fault_of_one_ulp_in_any_kernel_of_the_mlp_changes_its_hash,
         a_fault_of_one_ulp_in_any_kernel_of_the_cnn_changes_its_hash,
         a_fault_of_one_ulp_in_any_kernel_of_the_transformer_changes_its_hash,
         a_fault_of_one_ulp_in_any_kernel_of_the_resnet_changes_its_hash,
         the_command_tells_a_kernel_that_is_off_by_one_ulp_on_one_instruction_set)
