/* SPDX-License-Identifier: MIT */
#include "cli/term.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void setup(void)
{
	unsetenv("NO_COLOR");
	unsetenv("CLICOLOR_FORCE");
	unsetenv("COLUMNS");
	setenv("LC_ALL", "C", 1);
}

TestSuite(cli_term, .init = setup);

Test(cli_term, no_color_wins_over_the_terminal_and_always_wins_over_no_color)
{
	struct term t;
	setenv("CLICOLOR_FORCE", "1", 1);
	term_find(&t, TERM_COLOUR_AUTO);
	cr_assert(t.colour);
	setenv("NO_COLOR", "1", 1);
	term_find(&t, TERM_COLOUR_AUTO);
	cr_assert_not(t.colour);
	term_find(&t, TERM_COLOUR_ALWAYS);
	cr_assert(t.colour);
	term_find(&t, TERM_COLOUR_NEVER);
	cr_assert_not(t.colour);
}

Test(cli_term, an_empty_no_color_is_none)
{
	struct term t;
	setenv("NO_COLOR", "", 1);
	setenv("CLICOLOR_FORCE", "1", 1);
	term_find(&t, TERM_COLOUR_AUTO);
	cr_assert(t.colour);
}

Test(cli_term, columns_are_believed_when_they_make_sense)
{
	struct term t;
	setenv("COLUMNS", "100", 1);
	term_find(&t, TERM_COLOUR_AUTO);
	cr_assert_eq(t.width, 100);
	setenv("COLUMNS", "-4", 1);
	term_find(&t, TERM_COLOUR_AUTO);
	cr_assert_neq(t.width, (unsigned)-4);
}

Test(cli_term, utf8_only_when_the_locale_says_so)
{
	struct term t;
	term_find(&t, TERM_COLOUR_AUTO);
	cr_assert_not(t.utf8);
	setenv("LC_ALL", "C.UTF-8", 1);
	term_find(&t, TERM_COLOUR_AUTO);
	cr_assert(t.utf8);
}
