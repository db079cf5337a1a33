/* SPDX-License-Identifier: MIT */
/* Cells: everything is clipped, names are escaped, columns stay in line. */
#include "report/tui/grid.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/report/view/sample.h"

static char *line_of(const struct tui_grid *g, unsigned row)
{
	struct buf b = BUF_INIT;
	tui_grid_line(g, row, &b);
	return buf_take(&b, NULL);
}

Test(report_tui_grid, text_beyond_the_edge_is_cut)
{
	struct tui_grid g;
	cr_assert_eq(tui_grid_init(&g, 5, 2, true, NULL), 0);
	cr_assert_eq(tui_put(&g, 0, 3, TUI_PLAIN, "abc"), 2);
	cr_assert_eq(tui_put(&g, 7, 0, TUI_PLAIN, "abc"), 0);
	tui_put_right(&g, 1, 99, TUI_BOLD, "xy");
	char *a = line_of(&g, 0), *b = line_of(&g, 1);
	cr_assert_str_eq(a, "   ab");
	cr_assert_str_eq(b, "   xy");
	free(a);
	free(b);
	tui_grid_deinit(&g);
}

Test(report_tui_grid, hostile_names_cannot_leave_their_cells)
{
	for (unsigned ascii = 0; ascii < 2; ascii++)
		for (size_t i = 0; i < HOSTILE_NAMES; i++) {
			struct tui_grid g;
			cr_assert_eq(tui_grid_init(&g, 30, 1, ascii, NULL), 0);
			unsigned n = tui_put_name(&g, 0, 0, 12, TUI_PLAIN, hostile_names[i],
						  strlen(hostile_names[i]));
			cr_assert_leq(n, 12);
			tui_put(&g, 0, 12, TUI_PLAIN, "|");
			char *line = line_of(&g, 0);
			for (const char *p = line; *p; p++)
				cr_assert((unsigned char)*p >= 0x20 && *p != 0x7f && (!ascii || *p > 0));
			cr_assert_eq(escape_columns(line, strlen(line)), 13, "name %zu: %s", i, line);
			free(line);
			tui_grid_deinit(&g);
		}
}

Test(report_tui_grid, paths_keep_their_end_and_words_both_ends)
{
	struct tui_grid g;
	cr_assert_eq(tui_grid_init(&g, 12, 2, true, NULL), 0);
	tui_put_name(&g, 0, 0, 12, TUI_PLAIN, "/srv/app/releases/cache.py:88", 29);
	tui_put_name(&g, 1, 0, 9, TUI_PLAIN, "wrapper_descriptor", 18);
	char *a = line_of(&g, 0), *b = line_of(&g, 1);
	cr_assert_str_eq(a, "...che.py:88");
	cr_assert_str_eq(b, "wra...tor");
	free(a);
	free(b);
	tui_grid_deinit(&g);
}

Test(report_tui_grid, wide_characters_take_two_cells)
{
	struct tui_grid g;
	cr_assert_eq(tui_grid_init(&g, 4, 1, false, NULL), 0);
	cr_assert_eq(tui_put(&g, 0, 0, TUI_PLAIN, "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2"), 4);
	cr_assert(g.at[1].second && g.at[3].second);
	tui_grid_deinit(&g);
}
