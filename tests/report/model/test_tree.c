/* SPDX-License-Identifier: MIT */
#include "report/model/tree.h"

#include "feed.h"

static struct recording r;

static void setup(void)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_site(&r, 1, 1, "f a.py:1 < main a.py:9");
	feed_site(&r, 2, 1, "g a.py:5 < main a.py:9");
	feed_site(&r, 3, 1, "main a.py:9");
	struct fact_site nameless = { .site = 4 };
	cr_assert_eq(stacks_add(&r.stacks, &nameless, NULL), 0);
	struct fact_delta d[] = { { 1, 1, 100, 0, 0, 0, 0 },
				  { 2, 2, 300, 0, 0, 0, 0 },
				  { 3, 3, 5, 0, 0, 0, 0 },
				  { 4, 1, 7, 0, 0, 0, 0 } };
	feed_interval(&r, 0, 1, d, 4);
	cr_assert_eq(recording_conclude(&r, NULL), 0);
}

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_model_tree, .init = setup, .fini = teardown);

Test(report_model_tree, totals_contain_all_below_and_children_fall)
{
	struct tree t;
	cr_assert_eq(tree_init(&t, &r.stacks, r.by_stack, SITES_LIVE, NULL), 0);
	cr_assert_eq(t.total.bytes, 412);
	cr_assert_eq(t.total.blocks, 7);
	cr_assert_eq(t.places[STACKS_ROOT].self.bytes, 7);
	uint32_t main_place = t.places[STACKS_ROOT].first_child;
	cr_assert_eq(t.places[main_place].total.bytes, 405);
	cr_assert_eq(t.places[main_place].self.bytes, 5);
	uint32_t first = t.places[main_place].first_child;
	uint32_t second = t.places[first].next_sibling;
	cr_assert_eq(t.places[first].total.bytes, 300);
	cr_assert_eq(t.places[second].total.bytes, 100);
	cr_assert_eq(t.places[second].next_sibling, TREE_NONE);
	tree_deinit(&t);
}
