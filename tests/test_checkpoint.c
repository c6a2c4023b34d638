/* Checkpoints: a training that has been stopped, saved, loaded and continued is, bit for bit, the one that
 * was never stopped. */
#include "checkpoint_file.h"
#include <sys/wait.h>
#include <unistd.h>

/* --- Going on --------------------------------------------------------------------------------- */

/* Stops after each number of steps, and goes on with objects of other seeds that have taken `before` steps.
 */
static void goes_on(const way *how, int before) {
    training whole = walked(how, STEPS);
    way other = *how;
    other.seed = how->seed + 90;
    for (int stop = before > 0; stop <= STEPS; stop++) { /* without a step there are no parameters to load */
        save_walked(how, stop);
        training t = walked(&other, before);
        ck_assert_ok(load(path, &t));
        ck_assert_int_eq(wg_model_step(t.model), stop);
        ck_assert_ok(walk(&t, STEPS - stop, &other));
        ck_assert_msg(same_training(&t, &whole), "stopped after %d steps, loaded after %d", stop, before);
        end(&t);
    }
    end(&whole);
}

START_TEST(stopped_and_loaded_it_ends_with_the_bits_of_never_stopped) {
    goes_on(&(way){.seed = 3, .prefetch = 3}, 0);
}
END_TEST

START_TEST(so_it_does_where_layers_and_optimizer_were_at_work_before) {
    goes_on(&(way){.seed = 3, .prefetch = 3}, 1);
    goes_on(&(way){.seed = 3}, EPOCH);
}
END_TEST

START_TEST(so_it_does_in_f64_and_in_order) {
    goes_on(&(way){.seed = 4, .dtype = WG_F64, .in_order = true, .drop_last = true}, 0);
}
END_TEST

START_TEST(so_it_does_with_each_kind_of_optimizer) {
    static const optimizer_maker makers[] = {make_adam, make_sgd, make_momentum};
    for (int i = 0; i < 3; i++)
        for (int before = 0; before < 2; before++) goes_on(&(way){.seed = 5, .optimizer = makers[i]}, before);
}
END_TEST

/* In a process of its own, from what is in `from` (NULL: from the beginning), to what is in `to`. */
static void in_another_process(const char *from, int steps, const char *to) {
    const way how = {.seed = from ? 77 : 3, .prefetch = 2};
    const pid_t child = fork();
    if (child == 0) {
        training t;
        _exit(begin(&t, &how) || (from && load(from, &t)) || walk(&t, steps, &how) || save(to, &t));
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(so_it_does_in_another_process) {
    char parts[512], whole[512];
    snprintf(parts, sizeof parts, "%s", temporary_path("parts"));
    snprintf(whole, sizeof whole, "%s", temporary_path("whole"));
    in_another_process(NULL, 8, path);
    in_another_process(path, 4, parts);
    in_another_process(parts, 3, parts);
    in_another_process(NULL, 15, whole);
    must_run("cmp '%s' '%s'", parts, whole);
}
END_TEST

/* Without a model: the states are in the file as well. */
static void descend(wg_optimizer *adam, wg_state *state, int steps) {
    wg_tape *tape = wg_tape_new();
    for (; steps > 0; steps--, wg_tape_clear(tape)) {
        wg_var loss = wg_sum(wg_square(wg_read(tape, state)), WG_ALL_AXES);
        wg_minimize(adam, loss);
        ck_assert_int_eq(wg_eval(loss), WG_OK);
    }
    wg_tape_free(tape);
}

START_TEST(so_it_does_with_states_of_no_model) {
    wg_state *whole, *part, *fresh;
    wg_optimizer *one = adam_of(&whole), *two = adam_of(&part), *three = adam_of(&fresh);
    descend(one, whole, 9);
    descend(two, part, 4);
    ck_assert_ok(wg_checkpoint_save(path, &error, .optimizer = two));
    ck_assert_ok(wg_checkpoint_load(path, &error, .optimizer = three));
    ck_assert(same_tensor(fresh, part));
    descend(three, fresh, 5);
    ck_assert(same_tensor(fresh, whole));
    ck_assert_int_eq(wg_optimizer_count(three), 4);
    for (int i = 0; i < 4; i++)
        ck_assert(same_tensor(wg_optimizer_state(one, i).state, wg_optimizer_state(three, i).state));
    wg_optimizer_free(one);
    wg_optimizer_free(two);
    wg_optimizer_free(three);
    wg_state_free(whole);
    wg_state_free(part);
    wg_state_free(fresh);
}
END_TEST

/* A parameter that has never been updated has no memory; loaded, it has none again. */
START_TEST(memory_that_the_file_lacks_is_forgotten) {
    const way how = {.seed = 3};
    training one, two = walked(&how, 4);
    ck_assert_ok(begin(&one, &how));
    wg_model_freeze(one.model, "hidden", true);
    ck_assert_ok(walk(&one, 2, &how));
    ck_assert_int_eq(wg_optimizer_count(one.optimizer), 8);
    ck_assert_ok(save(path, &one));
    ck_assert_ok(load(path, &two));
    wg_model_freeze(one.model, "hidden", false);
    ck_assert_ok(walk(&one, 3, &how));
    ck_assert_ok(walk(&two, 3, &how));
    ck_assert(same_training(&one, &two));
    end(&one);
    end(&two);
}
END_TEST

START_TEST(a_learning_rate_that_was_set_comes_back) {
    const way how = {.seed = 3};
    training t = walked(&how, 2);
    wg_set_learning_rate(t.optimizer, 0.1 / 3);
    ck_assert_ok(save(path, &t));
    end(&t);
    ck_assert_ok(begin(&t, &how));
    ck_assert_ok(load(path, &t));
    ck_assert(wg_learning_rate(t.optimizer) == 0.1 / 3);
    end(&t);
}
END_TEST

/* --- What waits ------------------------------------------------------------------------------- */

START_TEST(what_waits_for_its_layers_is_saved_again) {
    const way how = {.seed = 3}, other = {.seed = 8};
    char again[512];
    snprintf(again, sizeof again, "%s", temporary_path("again"));
    save_walked(&how, 7);
    training t;
    ck_assert_ok(begin(&t, &other));
    ck_assert_ok(load(path, &t));
    ck_assert_int_eq(wg_optimizer_count(t.optimizer), 16); /* four parameters, four memories each */
    ck_assert_str_eq(wg_optimizer_state(t.optimizer, 5).parameter, "hidden.weight");
    ck_assert_str_eq(wg_optimizer_state(t.optimizer, 5).name, "square");
    ck_assert_ok(load(path, &t)); /* in the place of what waits */
    ck_assert_ok(save(again, &t));
    must_run("cmp '%s' '%s'", path, again);
    end(&t);
}
END_TEST

/* Loaded one after the other, before any layer is met: the last one counts, whatever its memory is. */
START_TEST(what_waits_gives_way_to_what_is_loaded_next) {
    const way how = {.seed = 3}, wide = {.seed = 3, .units = 9};
    training t, whole = walked(&wide, 9);
    ck_assert_ok(begin(&t, &how));
    save_walked(&how, 7);
    ck_assert_ok(load(path, &t));
    save_walked(&how, 0);
    ck_assert_ok(load(path, &t));
    ck_assert_int_eq(wg_optimizer_count(t.optimizer), 0);
    save_walked(&how, 7);
    ck_assert_ok(load(path, &t));
    save_walked(&wide, 5);
    ck_assert_ok(load(path, &t));
    ck_assert_ok(walk(&t, 4, &wide));
    ck_assert(same_training(&t, &whole));
    end(&t);
    end(&whole);
}
END_TEST

/* A part of the network is met first, the rest later: each finds its memory. */
START_TEST(layers_may_be_met_one_after_the_other) {
    const way how = {.seed = 3};
    save_walked(&how, 7);
    training t, kept;
    ck_assert_ok(begin(&t, &how));
    ck_assert_ok(begin(&kept, &how));
    ck_assert_ok(load(path, &t));
    ck_assert_ok(load(path, &kept));
    wg_var x = wg_full(t.tape, WG_F32, WG_SHAPE(1, FEATURES), 0);
    wg_var loss = wg_sum(wg_linear(t.model, "hidden", x, 8), WG_ALL_AXES);
    ck_assert_int_eq(wg_minimize(t.optimizer, loss), WG_OK);
    ck_assert_int_eq(wg_eval(loss), WG_OK);
    wg_tape_clear(t.tape);
    ck_assert_int_eq(wg_optimizer_count(t.optimizer), 16);
    for (int i = 8; i < 16; i++) /* those of "output" wait still */
        ck_assert(same_tensor(wg_optimizer_state(t.optimizer, i).state,
                              wg_optimizer_state(kept.optimizer, i).state));
    ck_assert_double_ne(wg_tensor_get(wg_state_tensor(wg_optimizer_state(t.optimizer, 2).state), 0),
                        wg_tensor_get(wg_state_tensor(wg_optimizer_state(kept.optimizer, 2).state), 0));
    ck_assert_ok(walk(&t, 1, &how));
    ck_assert_int_eq(wg_optimizer_count(t.optimizer), 16);
    for (int i = 8; i < 16; i++)
        ck_assert(!same_tensor(wg_optimizer_state(t.optimizer, i).state,
                               wg_optimizer_state(kept.optimizer, i).state));
    end(&t);
    end(&kept);
}
END_TEST

START_TEST(memory_that_does_not_fit_its_parameter_when_met_is_an_error) {
    const way how = {.seed = 3}, wide = {.seed = 3, .units = 9};
    save_walked(&how, 2);
    training t;
    ck_assert_ok(begin(&t, &wide));
    ck_assert_ok(wg_checkpoint_load(path, &error, .optimizer = t.optimizer));
    ck_assert_int_eq(walk(&t, 1, &wide), WG_ERROR_SHAPE);
    ck_assert_message_contains(error.message,
                               "adamw: mean of \"hidden.bias\" was loaded as f32[8]; f32[9] is expected");
    end(&t);
}
END_TEST

START_TEST(states_keep_their_identity) {
    const way how = {.seed = 3};
    save_walked(&how, 3);
    training t = walked(&how, 5);
    const wg_state *weight = wg_model_find(t.model, "hidden.weight")->state;
    const wg_state *memory = wg_optimizer_state(t.optimizer, 0).state;
    ck_assert_ok(load(path, &t));
    ck_assert_ptr_eq(wg_model_find(t.model, "hidden.weight")->state, weight);
    ck_assert_ptr_eq(wg_optimizer_state(t.optimizer, 0).state, memory);
    end(&t);
}
END_TEST

START_TEST(a_part_can_be_had_alone) {
    const way how = {.seed = 3}, other = {.seed = 8};
    save_walked(&how, 7);
    training t = walked(&other, 2), one = walked(&how, 7);
    ck_assert_ok(wg_checkpoint_load(path, &error, .loader = t.loader));
    ck_assert_int_eq(wg_loader_position(t.loader), 1);
    ck_assert_int_eq(wg_model_step(t.model), 2);
    ck_assert_ok(wg_model_load(t.model, path, &error)); /* as a model's own file */
    ck_assert_int_eq(wg_model_step(t.model), 7);
    ck_assert(!same_training(&t, &one));
    ck_assert_ok(wg_checkpoint_load(path, &error, .optimizer = t.optimizer));
    ck_assert(same_training(&t, &one));
    end(&t);
    end(&one);
}
END_TEST

WG_SUITE_WITH("checkpoint", name_file, NULL, stopped_and_loaded_it_ends_with_the_bits_of_never_stopped,
              so_it_does_where_layers_and_optimizer_were_at_work_before, so_it_does_in_f64_and_in_order,
              so_it_does_with_each_kind_of_optimizer, so_it_does_in_another_process,
              so_it_does_with_states_of_no_model, memory_that_the_file_lacks_is_forgotten,
              a_learning_rate_that_was_set_comes_back, what_waits_for_its_layers_is_saved_again,
              what_waits_gives_way_to_what_is_loaded_next, layers_may_be_met_one_after_the_other,
              memory_that_does_not_fit_its_parameter_when_met_is_an_error, states_keep_their_identity,
              a_part_can_be_had_alone)
