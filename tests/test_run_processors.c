/* How many processors a process may use: by its control groups, read from files of the form that cgroups(7),
 * proc(5) and the kernel's cgroup-v2 and sched-bwc pages give, and by its affinity. And lists of processors.
 */
#include "run/processors.h"
#include "suite.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* --- A folder that stands for the root folder ------------------------------------------------------ */

static const char *root(void) { return temporary_path("root"); }

/* Writes a file below it, and makes the folders on the way. */
static void put(const char *name, const char *text) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s%s", root(), name);
    for (char *at = path + length - strlen(name); (at = strchr(at + 1, '/'));) {
        *at = 0;
        mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    ck_assert_msg(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
}

static void begin(const char *groups, const char *mounts) {
    mkdir(root(), 0700);
    put("/proc/self/cgroup", groups);
    put("/proc/self/mountinfo", mounts);
}

#define MOUNT2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT1 "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"

/* --- Version 2 --------------------------------------------------------------------------------- */

START_TEST(without_control_groups_there_is_no_limit) {
    mkdir(root(), 0700);
    ck_assert_int_eq(wg_cgroup_limit(root()), 0);
    begin("", "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 0);
}
END_TEST

START_TEST(the_limit_of_the_own_group_counts) {
    begin("0::/user/job\n", MOUNT2);
    put("/sys/fs/cgroup/user/job/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/user/other/cpu.max", "100000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 3);
}
END_TEST

START_TEST(the_least_limit_of_all_groups_above_counts) {
    begin("0::/user/job/step\n", MOUNT2);
    put("/sys/fs/cgroup/user/job/step/cpu.max", "800000 100000\n");
    put("/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/user/cpu.max", "400000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 4);
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n"); /* the group that a container takes for the top */
    ck_assert_int_eq(wg_cgroup_limit(root()), 2);
}
END_TEST

START_TEST(the_word_max_is_no_limit) {
    begin("0::/\n", MOUNT2);
    put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 0);
}
END_TEST

START_TEST(parts_of_a_processor_are_rounded_up) {
    begin("0::/\n", MOUNT2);
    put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 2);
    put("/sys/fs/cgroup/cpu.max", "1000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 1);
    put("/sys/fs/cgroup/cpu.max", "100000 50000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 2);
}
END_TEST

START_TEST(files_that_make_no_sense_are_no_limit) {
    static const char *const wrong[] = {"",          "abc",    "0 100000",       "100000 0",
                                        "-1 100000", "100000", "9999999999999 1"};
    begin("0::/\n", MOUNT2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put("/sys/fs/cgroup/cpu.max", wrong[i]);
        ck_assert_msg(wg_cgroup_limit(root()) == 0, "\"%s\"", wrong[i]);
    }
}
END_TEST

/* --- Version 1, and both ------------------------------------------------------------------------ */

START_TEST(version_1_has_its_limits_in_two_files) {
    begin("5:memory:/\n4:cpu,cpuacct:/job/step\n3:cpuset:/\n", MOUNT1);
    put("/sys/fs/cgroup/cpu,cpuacct/job/step/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/job/step/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 0);
    put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 5);
}
END_TEST

START_TEST(groups_of_other_controllers_do_not_count) {
    begin("3:cpuset:/job\n2:cpuacct:/job\n1:cpu:/\n",
          "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
          "35 31 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    for (int i = 0; i < 2; i++) {
        put(i ? "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us" : "/sys/fs/cgroup/cpuset/job/cpu.cfs_quota_us",
            "100000");
        put(i ? "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us" : "/sys/fs/cgroup/cpuset/job/cpu.cfs_period_us",
            "100000");
    }
    ck_assert_int_eq(wg_cgroup_limit(root()), 0);
}
END_TEST

START_TEST(the_least_limit_of_both_versions_counts) {
    begin("4:cpu,cpuacct:/\n0::/job\n",
          MOUNT1 "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "600000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 6);
    put("/sys/fs/cgroup/unified/job/cpu.max", "500000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 5);
}
END_TEST

/* --- Containers ---------------------------------------------------------------------------------- */

START_TEST(a_group_is_looked_for_below_the_one_that_is_mounted) {
    begin("0::/docker/abc/step\n", "30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/step/cpu.max", "300000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 3);
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 1);
}
END_TEST

START_TEST(a_group_that_is_not_below_it_is_the_one_that_is_mounted) {
    static const char *const groups[] = {"0::/docker/abcdef\n", "0::/\n", "0::/../other\n"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        begin(groups[i], "30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
        ck_assert_msg(wg_cgroup_limit(root()) == 2, "%s", groups[i]);
    }
}
END_TEST

START_TEST(long_lines_of_other_mounts_do_no_harm) {
    enum { LONG = 20000 };
    char *mounts = malloc(LONG + 1000);
    strcpy(mounts, "29 23 0:25 / /overlay rw - overlay overlay lowerdir=");
    memset(mounts + strlen(mounts), 'x', LONG);
    strcpy(mounts + LONG, "\n" MOUNT2);
    begin("0::/\n", mounts);
    put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    ck_assert_int_eq(wg_cgroup_limit(root()), 3);
    free(mounts);
}
END_TEST

/* --- Affinity, and lists --------------------------------------------------------------------------- */

START_TEST(a_thread_that_is_pinned_to_one_processor_has_one) {
    cpu_set_t set, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    ck_assert_int_ge(wg_processors(), 1);
    ck_assert_int_le(wg_processors(), CPU_COUNT(&set));
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &set)) continue;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(wg_processors(), 1);
}
END_TEST

START_TEST(a_list_of_processors_keeps_its_order) {
    wg_processor_set set;
    static const uint16_t expected[] = {8, 0, 1, 2, 3, 1023, 0};
    ck_assert_int_eq(wg_processor_list("8,0-3,1023,0", &set, NULL), WG_OK);
    ck_assert_int_eq(set.count, 7);
    ck_assert_mem_eq(set.at, expected, sizeof expected);
}
END_TEST

START_TEST(what_is_no_list_of_processors_is_an_error) {
    static const char *const wrong[] = {"",    ",",    "1,",          ",1",   "a",       "1-",
                                        "-1",  "3-1",  "1;2",         "1 ,2", " 1",      "1-2-3",
                                        "0x1", "1024", "99999999999", "+1",   "0-1023,1"};
    wg_processor_set set;
    wg_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(wg_processor_list(wrong[i], &set, &error) == WG_ERROR_ATTRIBUTE, "\"%s\"", wrong[i]);
        ck_assert_message_contains(error.message, "expected numbers of processors");
    }
}
END_TEST

WG_SUITE("run/processors", without_control_groups_there_is_no_limit, the_limit_of_the_own_group_counts,
         the_least_limit_of_all_groups_above_counts, the_word_max_is_no_limit,
         parts_of_a_processor_are_rounded_up, files_that_make_no_sense_are_no_limit,
         version_1_has_its_limits_in_two_files, groups_of_other_controllers_do_not_count,
         the_least_limit_of_both_versions_counts, a_group_is_looked_for_below_the_one_that_is_mounted,
         a_group_that_is_not_below_it_is_the_one_that_is_mounted, long_lines_of_other_mounts_do_no_harm,
         a_thread_that_is_pinned_to_one_processor_has_one, a_list_of_processors_keeps_its_order,
         what_is_no_list_of_processors_is_an_error)
