/* SPDX-License-Identifier: MIT */
/*
 * The error idiom: codes, texts, wrapping, truncation, and NULL everywhere.
 */
#include "base/err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/utf8.h"

TestSuite(base_err, .timeout = 10);

Test(base_err, set_fills_code_and_text_and_returns_the_code)
{
	struct err err = ERR_INIT;

	cr_assert_eq(err_set(&err, ERR_CORRUPT, "line %d", 7), ERR_CORRUPT);
	cr_assert_eq(err.code, ERR_CORRUPT);
	cr_assert_str_eq(err.text, "line 7");
	cr_assert(taddr_is_null(err.addr));
	cr_assert_null(err.hint);
}

Test(base_err, every_function_accepts_no_error_struct)
{
	cr_assert_eq(err_set(NULL, ERR_USAGE, "x"), ERR_USAGE);
	cr_assert_eq(err_sys(NULL, EPERM, "x"), ERR_DENIED);
	cr_assert_eq(err_fault(NULL, taddr_of(1), "x"), ERR_FAULT);
	cr_assert_eq(err_nomem(NULL), ERR_NOMEM);
	cr_assert_eq(err_hint(NULL, ERR_GONE, "x"), ERR_GONE);
	cr_assert_eq(err_wrap(NULL, ERR_GONE, "x"), ERR_GONE);
}

Test(base_err, errno_chooses_the_code_and_ends_the_text)
{
	static const struct {
		int sys, code;
	} cases[] = {
		{ ENOMEM, ERR_NOMEM }, { EPERM, ERR_DENIED }, { EACCES, ERR_DENIED },
		{ ESRCH, ERR_GONE },   { EFAULT, ERR_FAULT }, { EINTR, ERR_INTERRUPTED },
		{ EBADF, ERR_SYS },
	};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cr_assert_eq(err_sys(&err, cases[i].sys, "open"), cases[i].code);
		cr_assert_eq(err.sys, cases[i].sys);
		cr_assert_eq(strncmp(err.text, "open: ", 6), 0);
		cr_assert_str_eq(err.text + 6, strerror(cases[i].sys));
	}
}

Test(base_err, wrap_puts_the_noun_in_front_and_keeps_the_rest)
{
	struct err err = ERR_INIT;

	err_fault(&err, taddr_of(0x10), "unreadable");
	err_hint(&err, err.code, "hint");
	cr_assert_eq(err_wrap(&err, ERR_FAULT, "type %s", "name"), ERR_FAULT);
	cr_assert_str_eq(err.text, "type name: unreadable");
	cr_assert_eq(err.addr.v, 0x10);
	cr_assert_str_eq(err.hint, "hint");
}

Test(base_err, setting_again_forgets_what_was_there)
{
	struct err err = ERR_INIT;

	err_fault(&err, taddr_of(0x10), "unreadable");
	err_hint(&err, err.code, "hint");
	err_set(&err, ERR_USAGE, "again");
	cr_assert(taddr_is_null(err.addr));
	cr_assert_null(err.hint);
	cr_assert_eq(err.sys, 0);
}

Test(base_err, error_may_be_set_from_its_own_text)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_SYS, "inner");
	err_set(&err, ERR_USAGE, "outer (%s)", err.text);
	cr_assert_str_eq(err.text, "outer (inner)");
}

Test(base_err, long_text_is_cut_visibly_on_a_whole_character)
{
	struct err err = ERR_INIT;
	char text[601];

	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 <= 600; i += 3)
			memcpy(text + i, "\u20ac", 3);
		text[597] = '\0';
		err_set(&err, ERR_SYS, "%s", text);
		cr_assert_lt(strlen(err.text), ERR_TEXT_MAX);
		cr_assert_str_eq(err.text + strlen(err.text) - 3, "...");
		cr_assert_eq(utf8_valid(err.text, strlen(err.text)), strlen(err.text));
		err_wrap(&err, ERR_SYS, "%s", text);
		cr_assert_lt(strlen(err.text), ERR_TEXT_MAX);
		cr_assert_eq(utf8_valid(err.text, strlen(err.text)), strlen(err.text));
	}
}

Test(base_err, every_code_has_a_name)
{
	for (int code = ERR_INTERRUPTED; code <= 0; code++)
		cr_assert_neq(strcmp(err_code_name(code), "UNKNOWN"), 0);
	cr_assert_str_eq(err_code_name(ERR_DENIED), "DENIED");
	cr_assert_str_eq(err_code_name(ERR_INTERRUPTED), "INTERRUPTED");
	cr_assert_str_eq(err_code_name(1), "UNKNOWN");
	cr_assert_str_eq(err_code_name(-100), "UNKNOWN");
}
