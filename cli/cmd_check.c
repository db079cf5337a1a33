/* SPDX-License-Identifier: MIT */
/* The gate: what is asked, in which order it is done, and which status says what came out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/check_io.h"
#include "cli/check_run.h"
#include "cli/outcome.h"
#include "report/model/baseline.h"

#define BUDGET_FILE "pymemprof.json"
#define BUDGET_BYTES_MAX ((size_t)1 << 20)
#define MIN_DELTA_BYTES 65536

static const struct opt options[] = {
	{ 0, "max", "METRIC=SIZE", "fail above a limit; may be repeated", NULL, NULL },
	{ 0, "max-increase", "METRIC=SIZE|N%", "fail when so much more than the baseline", NULL,
	  NULL },
	{ 0, "warn", "METRIC=SIZE|N%", "tell, but do not fail", NULL, NULL },
	{ 0, "min-delta", "SIZE", "increases below this do not matter (64KiB)", NULL, NULL },
	{ 0, "baseline", "NAME|FILE", "figures to compare with", NULL, NULL },
	{ 0, "baseline-lenient", NULL, "a missing or incompatible baseline is no failure", NULL,
	  NULL },
	{ 0, "save-baseline", "NAME|FILE", "write the figures as a new baseline", NULL, NULL },
	{ 0, "update-baseline", NULL, "replace the baseline when the check has passed", NULL,
	  NULL },
	{ 0, "repeat", "N", "measure N times and judge medians", NULL, NULL },
	{ 0, "warmup", "N", "run N times before, unmeasured", NULL, NULL },
	{ 0, "iterations-env", "NAME=A,B,C", "run with these counts in a variable: leak_rate", NULL,
	  NULL },
	{ 0, "suppressions", "FILE", "sites that do not count, with reasons", NULL, NULL },
	{ 0, "config", "FILE", "budget file (" BUDGET_FILE ", when there is one)", NULL, NULL },
	{ 0, "report", "KIND[=FILE]",
	  "text json markdown junit sarif github gitlab bencher ghbench; may be repeated", NULL,
	  NULL },
	{ 0, "no-snapshot", NULL, "never run once more for the types and holders of what failed", NULL,
	  NULL },
	{ 'p', "pid", "PID", "record a running process", NULL, NULL },
	{ 'd', "duration", "TIME", "of that recording", NULL, NULL },
	{ 'f', "force", NULL, "replace files that exist", NULL, NULL },
	{ 0 },
};

struct checker {
	struct cli *cli;
	const struct opt_args *args;
	struct budget budget;
	struct check_job job;
	struct check_measured measured;
	struct check_figures base;
	bool have_base, lenient;
	double min_delta;
	char base_path[CHECK_PATH_MAX], save_path[CHECK_PATH_MAX];
	struct check_output outputs[CHECK_REPORTS_MAX];
	size_t noutputs;
	char variable[128], base_note[300], expired_note[300], suppressed_note[300],
		saved_note[600], absent_note[300];
	struct check_report report;
};

static void note(struct checker *c, const char *text)
{
	if (c->report.nnotes < CHECK_NOTES_MAX)
		c->report.notes[c->report.nnotes++] = text;
}

/* ---- what is asked ---- */

static int read_text(const char *path, struct checker *c, bool suppressions, const char *today,
		     struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int rc = check_read(path, BUDGET_BYTES_MAX, &text, &why);
	if (rc < 0)
		return err_hint(err, err_set(err, ERR_USAGE, "%.250s", why.text), "");
	rc = suppressions ?
		     budget_parse_suppressions(&c->budget, (char *)text.bytes, text.len, today, err) :
		     budget_parse(&c->budget, (char *)text.bytes, text.len, today, err);
	return rc < 0 ? err_wrap(err, rc, "%.80s", path) : 0;
}

/* The budget that holds, or NULL. */
static const char *budget_file(const struct checker *c)
{
	const char *config = opt_value(c->args, "config");
	return config || access(BUDGET_FILE, F_OK) != 0 ? config : BUDGET_FILE;
}

static int read_files(struct checker *c, struct err *err)
{
	const char *config = budget_file(c);
	const char *suppressions = opt_value(c->args, "suppressions");
	char today[16];
	time_t now = time(NULL);
	struct tm day;
	int rc = 0;
	strftime(today, sizeof today, "%Y-%m-%d", gmtime_r(&now, &day));
	if (config)
		rc = read_text(config, c, false, today, err);
	if (rc == 0 && suppressions)
		rc = read_text(suppressions, c, true, today, err);
	for (size_t i = 0; rc == 0 && i < c->budget.suppressions.len; i++) {
		const struct check_suppression *s = &c->budget.suppressions.at[i];
		if (!s->expired || *c->expired_note)
			continue;
		snprintf(c->expired_note, sizeof c->expired_note,
			 "the suppression of %.80s expired on %s: %.100s", s->site, s->until,
			 s->reason);
		note(c, c->expired_note);
	}
	return rc;
}

/* A rule on the command line takes the place of the budget's about the same. */
static int add_rule(struct checker *c, const struct check_rule *r, struct err *err)
{
	for (size_t i = 0; i < c->budget.rules.len; i++) {
		struct check_rule *old = &c->budget.rules.at[i];
		if (old->increase != r->increase || old->warn != r->warn ||
		    strcmp(old->metric.name, r->metric.name) != 0)
			continue;
		*old = *r;
		return 0;
	}
	return vec_push(&c->budget.rules, *r) < 0 ? err_nomem(err) : 0;
}

static int take_rules(struct checker *c, struct err *err)
{
	static const char *const names[] = { "max", "max-increase", "warn" };
	int rc = 0;
	for (size_t k = 0; k < 3; k++) {
		size_t at = 0;
		const char *text;
		while (rc == 0 && (text = opt_next(c->args, names[k], &at)) != NULL) {
			struct check_rule r;
			rc = check_rule_parse((enum check_option)k, text, &r, err);
			if (rc == 0)
				rc = add_rule(c, &r, err);
		}
	}
	if (rc == 0 && c->budget.rules.len == 0 && *c->base_path) {
		struct check_rule r;
		rc = check_rule_parse(CHECK_OPTION_MAX_INCREASE, "peak=5%", &r, err);
		rc = rc < 0 ? rc : add_rule(c, &r, err);
		rc = rc < 0 ? rc :
			      check_rule_parse(CHECK_OPTION_MAX_INCREASE, "leaked=64KiB", &r, err);
		rc = rc < 0 ? rc : add_rule(c, &r, err);
	}
	return rc;
}

/* An increase over what? Named as it was asked for: by an option, or by a member of the budget. */
static int ask_base(const struct checker *c, const struct check_rule *r, struct err *err)
{
	const char *option = r->warn ? "warn" : "max-increase", *text;
	const char *member = r->warn ? "warn" : "max_increase", *metric = r->metric.name;
	size_t at = 0, n = strlen(metric);
	while ((text = opt_next(c->args, option, &at)) != NULL)
		if (strncmp(text, metric, n) == 0 && text[n] == '=' &&
		    strncmp(text + n + 1, r->text, strlen(r->text)) == 0)
			return err_set(err, ERR_USAGE, "--%s %.200s needs --baseline NAME", option, text);
	return err_set(err, ERR_USAGE, "%s of %.100s in the budget needs a baseline: there, or --baseline NAME",
		       member, metric);
}

static int check_rules(const struct checker *c, struct err *err)
{
	for (size_t i = 0; i < c->budget.rules.len; i++) {
		const struct check_metric *m = &c->budget.rules.at[i].metric;
		if (m->kind == CHECK_LEAK_RATE && c->job.argv && !c->job.variable)
			return err_set(err, ERR_USAGE,
				       "leak_rate of a program needs --iterations-env NAME=A,B,C");
		if (c->budget.rules.at[i].increase && !*c->base_path)
			return ask_base(c, &c->budget.rules.at[i], err);
	}
	if (c->budget.rules.len == 0 && !*c->save_path)
		return err_set(err, ERR_USAGE,
			       "nothing to check: give --max, --baseline or --save-baseline");
	return 0;
}

static int take_baselines(struct checker *c, struct err *err)
{
	const char *base = opt_value(c->args, "baseline");
	const char *save = opt_value(c->args, "save-baseline");
	bool force = opt_given(c->args, "force");
	int rc = 0;
	if (!base)
		base = c->budget.baseline;
	c->lenient = opt_given(c->args, "baseline-lenient");
	if (opt_given(c->args, "update-baseline") && !base)
		return err_set(err, ERR_USAGE, "--update-baseline needs --baseline NAME");
	if (base)
		rc = check_baseline_path(base, c->base_path, err);
	if (rc == 0 && save)
		rc = check_baseline_path(save, c->save_path, err);
	/* The budget's baseline does not stand in the way of saving it for the first time. */
	if (rc == 0 && save && !opt_given(c->args, "baseline") &&
	    strcmp(c->base_path, c->save_path) == 0 && access(c->save_path, F_OK) != 0)
		c->lenient = true;
	if (rc == 0 && opt_given(c->args, "update-baseline"))
		rc = check_may_write(c->base_path, true, err);
	return rc < 0 || !save ? rc : check_may_write(c->save_path, force, err);
}

static int take_counts(struct checker *c, const char *text, struct err *err)
{
	const char *p = strchr(text, '=');
	size_t n = p ? (size_t)(p - text) : 0;
	if (n == 0 || n >= sizeof c->variable)
		return err_set(err, ERR_USAGE, "--iterations-env: '%.60s' is no NAME=A,B,C", text);
	memcpy(c->variable, text, n);
	c->job.variable = c->variable;
	for (p++; *p && c->job.ncounts < CHECK_COUNTS_MAX; p += *p == ',') {
		char *end;
		double v = *p >= '0' && *p <= '9' ? strtod(p, &end) : -1;
		bool rises = c->job.ncounts == 0 || v > c->job.counts[c->job.ncounts - 1];
		if (v < 0 || v > 1e12 || (*end && *end != ',') || !rises)
			break;
		c->job.counts[c->job.ncounts++] = v;
		p = end;
	}
	if (*p || c->job.ncounts < 3)
		return err_set(err, ERR_USAGE,
			       "--iterations-env: needs three or more rising counts: %.60s", text);
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* A script is called by its own name, not by its interpreter's. */
static const char *job_script(const struct check_job *job)
{
	const char *name = job->argv ? job->argv[0] : job->file ? job->file : "process";
	if (!job->argv || strncmp(last_part(name), "python", 6) != 0)
		return name;
	for (size_t i = 1; job->argv[i] && strcmp(job->argv[i], "-c") != 0; i++)
		if (job->argv[i][0] != '-')
			return job->argv[i];
	return name;
}

/* Below the current directory, as a build server calls it; NULL: it lies elsewhere. */
static const char *from_here(const char *path)
{
	char here[4096];
	size_t n = getcwd(here, sizeof here) ? strlen(here) : 0;
	if (n && strncmp(path, here, n) == 0 && path[n] == '/')
		path += n + 1;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return *path == '/' || strncmp(path, "../", 3) == 0 ? NULL : path;
}

/* Where a reader is sent who asks why. */
static const char *job_place(const struct check_job *job, const char *config)
{
	const char *script = job_script(job);
	const char *place = config ? from_here(config) :
			    job->argv && access(script, F_OK) == 0 ? from_here(script) : NULL;
	return place ? place : BUDGET_FILE;
}

static int take_target(struct checker *c, struct err *err)
{
	const struct opt_args *a = c->args;
	const char *pid = opt_value(a, "pid"), *duration = opt_value(a, "duration");
	const char *counts = opt_value(a, "iterations-env");
	bool program = a->program && a->program[0];
	uint64_t n = 0;
	int rc = 0;
	if (program + (pid != NULL) + (a->nwords > 0) != 1 || a->nwords > 1)
		return err_set(err, ERR_USAGE, "one target: -- PROGRAM, --pid PID or FILE.pmp");
	c->job.argv = program ? a->program : NULL;
	c->job.file = a->nwords ? a->words[0] : NULL;
	if (pid)
		rc = opt_number("--pid", pid, 1, INT32_MAX, &n, err);
	c->job.pid = (pid_t)n;
	if (rc == 0 && duration)
		rc = opt_duration("duration", duration, &c->job.duration_ns, err);
	if (rc == 0 && !pid != !c->job.duration_ns)
		rc = err_set(err, ERR_USAGE, "--pid and --duration go together");
	if (rc == 0 && counts && !program)
		rc = err_set(err, ERR_USAGE, "--iterations-env needs -- PROGRAM");
	if (rc == 0 && counts)
		rc = take_counts(c, counts, err);
	c->report.name = last_part(job_script(&c->job));
	c->report.place = job_place(&c->job, budget_file(c));
	return rc;
}

static int take_numbers(struct checker *c, struct err *err)
{
	const char *repeat = opt_value(c->args, "repeat"), *warmup = opt_value(c->args, "warmup");
	const char *least = opt_value(c->args, "min-delta");
	c->job.repeat = c->budget.repeat ? c->budget.repeat : 1;
	c->job.warmup = c->budget.warmup;
	c->min_delta = MIN_DELTA_BYTES;
	int rc = 0;
	if (repeat)
		rc = opt_number("--repeat", repeat, 1, CHECK_RUNS_MAX, &c->job.repeat, err);
	if (rc == 0 && warmup)
		rc = opt_number("--warmup", warmup, 0, CHECK_RUNS_MAX, &c->job.warmup, err);
	if (rc == 0 && c->job.file && (repeat || warmup))
		rc = err_set(err, ERR_USAGE, "--%s needs -- PROGRAM or --pid PID: a FILE is measured once",
			     repeat ? "repeat" : "warmup");
	if (c->job.file) { /* a budget is not of one target */
		c->job.repeat = 1;
		c->job.warmup = 0;
	}
	if (!least)
		least = c->budget.min_delta;
	if (rc == 0 && least && !check_size_parse(least, &c->min_delta))
		rc = err_set(err, ERR_USAGE, "min-delta: '%.40s' is no size", least);
	return rc;
}

static int take_reports(struct checker *c, struct err *err)
{
	const char *text, *actions = getenv("GITHUB_ACTIONS");
	bool github = actions && strcmp(actions, "true") == 0, force = opt_given(c->args, "force");
	size_t at = 0;
	int rc = 0;
	while (rc == 0 && (text = opt_next(c->args, "report", &at)) != NULL) {
		const char *equals = strchr(text, '=');
		struct check_output *o = &c->outputs[c->noutputs];
		if (c->noutputs + 1 >= CHECK_REPORTS_MAX)
			return err_set(err, ERR_USAGE, "too many --report");
		size_t n = equals ? (size_t)(equals - text) : strlen(text);
		o->path = equals && strcmp(equals + 1, "-") != 0 ? equals + 1 : NULL;
		rc = check_view_find(text, n, &o->view, err);
		if (rc == 0 && o->path)
			rc = check_may_write(o->path, force, err);
		github &= o->view != &check_view_github;
		c->noutputs++;
	}
	if (github)
		c->outputs[c->noutputs++] = (struct check_output){ &check_view_github, NULL };
	return rc;
}

static int take(struct checker *c, struct err *err)
{
	int rc = take_target(c, err);
	if (rc == 0)
		rc = read_files(c, err);
	if (rc == 0)
		rc = take_baselines(c, err);
	if (rc == 0)
		rc = take_rules(c, err);
	if (rc == 0)
		rc = take_numbers(c, err);
	if (rc == 0)
		rc = take_reports(c, err);
	if (rc == 0)
		rc = check_rules(c, err);
	c->job.rules = c->budget.rules.at;
	c->job.nrules = c->budget.rules.len;
	return rc;
}

/* ---- doing it ---- */

static int forgive(struct checker *c, int rc, struct err *err)
{
	if (!c->lenient)
		return rc;
	snprintf(c->base_note, sizeof c->base_note, "%.250s", err->text);
	note(c, c->base_note);
	return 0;
}

static int load_baseline(struct checker *c, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	if (!*c->base_path)
		return 0;
	bool made =
		opt_given(c->args, "update-baseline") || strcmp(c->base_path, c->save_path) == 0;
	if (made && access(c->base_path, F_OK) != 0 && errno == ENOENT) {
		note(c, "there is no baseline yet: nothing is compared");
		c->lenient = true;
		return 0;
	}
	int rc = check_read(c->base_path, BASELINE_BYTES_MAX, &text, err);
	if (rc == 0)
		rc = baseline_parse((char *)text.bytes, text.len, &c->base, err);
	c->have_base = rc == 0;
	if (rc == 0 || rc == ERR_NOMEM)
		return rc;
	return forgive(c, err_hint(err, rc, "baseline"), err);
}

static int compare_targets(struct checker *c, struct err *err)
{
	const struct check_figures *now = &c->measured.now;
	if (!c->have_base || !*now->python)
		return 0;
	int rc = check_comparable(now, &c->base, err);
	if (rc < 0)
		return forgive(c, rc, err);
	if (strcmp(now->hash_seed, c->base.hash_seed) != 0) {
		snprintf(c->base_note, sizeof c->base_note,
			 "PYTHONHASHSEED is %s, in the baseline it was %s", now->hash_seed,
			 c->base.hash_seed);
		note(c, c->base_note);
	}
	return 0;
}

static int keep_figures(struct checker *c, const char *path, bool usable, struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	int rc = usable ? baseline_print(&c->measured.now, &text, err) : 0;
	if (rc == 0 && usable)
		rc = check_make_store(path, err);
	if (rc == 0 && usable)
		rc = check_replace(path, &text, err);
	if (rc < 0)
		return rc;
	snprintf(c->saved_note, sizeof c->saved_note, "the baseline %s %s", path,
		 usable ? "is of this run now: commit it" : "was not written");
	note(c, c->saved_note);
	return 0;
}

/* The rules that are certain are not withdrawn by one that is not: it is told when none of them failed. */
static void tell_unknown(struct checker *c, const struct check_answer *answer)
{
	struct check_measured *m = &c->measured;
	if (!answer->unknown || answer->failed || m->failed || m->incomplete)
		return;
	m->incomplete = true;
	snprintf(m->why, sizeof m->why, "%.100s was not measured: %.80s", answer->unknown->name,
		 answer->unknown->unknown);
	c->report.why = m->why;
	note(c, m->why);
}

/* What was left out on purpose is said, or a check that passes says too much. */
static void note_suppressed(struct checker *c)
{
	const struct check_suppression *first = NULL;
	size_t more = 0;
	for (size_t i = 0; i < c->budget.suppressions.len; i++) {
		const struct check_suppression *s = &c->budget.suppressions.at[i];
		more += s->used && first;
		first = s->used && !first ? s : first;
	}
	if (!first)
		return;
	int n = snprintf(c->suppressed_note, sizeof c->suppressed_note,
			 "does not count: %.80s (%.100s)", first->site, first->reason);
	if (more)
		snprintf(c->suppressed_note + n, sizeof c->suppressed_note - (size_t)n,
			 ", and what %zu more suppressions name", more);
	note(c, c->suppressed_note);
}

static int write_reports(struct checker *c, struct err *err)
{
	const char *summary = getenv("GITHUB_STEP_SUMMARY"), *actions = getenv("GITHUB_ACTIONS");
	bool text = false, taken = c->job.argv != NULL;
	enum check_file how = opt_given(c->args, "force") ? CHECK_REPLACE : CHECK_NEW;
	int rc = 0;
	for (size_t i = 0; i < c->noutputs; i++) {
		text |= c->outputs[i].view == &check_view_text;
		taken |= !c->outputs[i].path;
	}
	if (!text && !(c->cli->quiet && c->report.status == STATUS_FINE))
		rc = check_draw(&check_view_text, &c->report, NULL,
				taken ? STDERR_FILENO : STDOUT_FILENO, how, err);
	for (size_t i = 0; rc == 0 && i < c->noutputs; i++)
		rc = check_draw(c->outputs[i].view, &c->report, c->outputs[i].path, STDOUT_FILENO,
				how, err);
	if (rc == 0 && summary && *summary && actions && strcmp(actions, "true") == 0)
		rc = check_draw(&check_view_markdown, &c->report, summary, -1, CHECK_APPEND, err);
	return rc;
}

/*
 * Which types, and held by what? A program that failed, or whose figures become a baseline, is
 * run once more for that, unmeasured. It may behave otherwise then: that is no failure.
 */
static int look_closer(struct checker *c, const struct check_question *q,
		       struct check_answer *answer, struct err *err)
{
	struct check_measured *m = &c->measured;
	struct err why = ERR_INIT;
	bool wanted = *c->save_path || (opt_given(c->args, "update-baseline") && !answer->failed);
	for (size_t i = 0; i < answer->findings.len; i++)
		wanted |= check_wants_shares(&answer->findings.at[i]);
	if (!wanted || m->failed || m->incomplete || !c->job.argv || m->now.types.len > 0 ||
	    opt_given(c->args, "no-snapshot"))
		return 0;
	int exit_status = m->exit_status, rc = check_look(&c->job, m, &why);
	m->exit_status = exit_status;
	m->failed = m->incomplete = false;
	if (rc == ERR_NOMEM || rc == ERR_INTERRUPTED) {
		*err = why;
		return rc;
	}
	for (size_t i = 0; i < answer->findings.len; i++)
		check_find_shares(q, &answer->findings.at[i]);
	return 0;
}

/* A limit of what is not there holds, also when its name is a typo. */
static void note_absent(struct checker *c)
{
	for (size_t i = 0; i < c->budget.rules.len && !*c->absent_note; i++) {
		const struct check_metric *m = &c->budget.rules.at[i].metric;
		const struct check_series *s = check_series_find(&c->measured.now, m->name);
		if ((m->kind != CHECK_TYPE && m->kind != CHECK_RETAINED) || !s ||
		    check_median(s) > 0)
			continue;
		snprintf(
			c->absent_note, sizeof c->absent_note,
			"%.160s: there was no such object; types are called as in 'app.models.Session', "
			"'__main__.App', 'dict'",
			m->name);
		note(c, c->absent_note);
	}
}

static int judge(struct checker *c, struct check_answer *answer, struct err *err)
{
	struct check_measured *m = &c->measured;
	struct check_question q = { .now = &m->now,
				    .base = c->have_base ? &c->base : NULL,
				    .least = m->least.sites.len ? &m->least : NULL,
				    .rules = c->budget.rules.at,
				    .nrules = c->budget.rules.len,
				    .suppressions = c->budget.suppressions.at,
				    .nsuppressions = c->budget.suppressions.len,
				    .min_delta = c->min_delta,
				    .lenient = c->lenient };
	c->report.question = &q;
	c->report.answer = answer;
	c->report.runs = m->runs;
	c->report.exit_status = m->exit_status;
	if (m->failed || m->incomplete) {
		c->report.why = m->why;
		note(c, m->why);
	}
	if (m->execed)
		note(c, "it executed another program: what that one did is not measured");
	if (m->estimated)
		note(c, "figures are estimates: it was recorded with --sample");
	if (m->failed || m->heapless) /* what it did until then is no measure of anything */
		q.nrules = 0;
	int rc = check_judge(&q, answer, err);
	if (rc == 0)
		rc = look_closer(c, &q, answer, err);
	if (rc < 0)
		return rc;
	tell_unknown(c, answer);
	c->report.status = m->failed	  ? STATUS_TARGET :
			   m->incomplete  ? STATUS_INCOMPLETE :
			   answer->failed ? STATUS_FOUND :
					    STATUS_FINE;
	note_suppressed(c);
	if (!m->failed && !m->incomplete)
		note_absent(c);
	if (*c->save_path)
		rc = keep_figures(c, c->save_path, !m->failed && !m->incomplete, err);
	if (rc == 0 && opt_given(c->args, "update-baseline"))
		rc = keep_figures(c, c->base_path, c->report.status == STATUS_FINE, err);
	if (rc == 0)
		rc = write_reports(c, err);
	return rc < 0 ? rc : c->report.status;
}

/* What was done that runs are alike. */
static void note_chance(struct checker *c, bool seeded)
{
	static const char *const texts[2][2] = {
		{ "addresses stay random here: figures may differ by some bytes",
		  "addresses are not random, so that runs can be compared" },
		{ "PYTHONHASHSEED is set to 0, so that runs can be compared; addresses stay random here: "
		  "figures may differ by some bytes",
		  "PYTHONHASHSEED is set to 0 and addresses are not random, so that runs can be compared" },
	};
	note(c, texts[seeded][c->measured.addresses_fixed]);
}

static int check(struct checker *c, struct err *err)
{
	struct check_answer answer = { 0 };
	int rc = take(c, err);
	if (rc == 0)
		rc = load_baseline(c, err);
	bool seeded = !getenv("PYTHONHASHSEED");
	if (rc == 0)
		rc = check_measure(c->cli, &c->job, &c->measured, err);
	if (rc >= 0 && c->job.argv)
		note_chance(c, seeded);
	if (rc >= 0)
		rc = compare_targets(c, err);
	if (rc >= 0)
		rc = judge(c, &answer, err);
	check_answer_deinit(&answer);
	if (rc >= 0 || !err->hint || strcmp(err->hint, "baseline") != 0)
		return rc;
	outcome_print(err, !c->cli->quiet);
	return STATUS_BASELINE;
}

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	struct checker *c = calloc(1, sizeof *c);
	if (!c)
		return err_nomem(err);
	c->cli = cli;
	c->args = args;
	int rc = check(c, err);
	check_measured_deinit(&c->measured);
	check_figures_deinit(&c->base);
	budget_deinit(&c->budget);
	free(c);
	return rc;
}

const struct command cmd_check = {
	.name = "check",
	.operands = "-- PROGRAM [ARG ...] | --pid PID -d TIME | FILE",
	.summary = "fail when a program needs more memory than it may: for CI",
	.details =
		"Metrics: alloc_bytes, allocs, peak, live, leaked, leak_rate, rss_peak, frag, type:NAME,\n"
		"retained:TYPE, and for each test of pytest test:PATTERN:peak, leaked, alloc_bytes, allocs.\n"
		"Status: 0 passed, 1 failed, 2 usage, 3 not measured, 4 the program failed,\n"
		"5 baseline missing or incompatible, 6 recording incomplete.\n",
	.options = options,
	.run = run,
};
