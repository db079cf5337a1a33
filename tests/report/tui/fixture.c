/* SPDX-License-Identifier: MIT */
/* Writes plain.pmp, snapshots.pmp and hostile.pmp, the recordings of the golden screens, into a folder. */
#include <stdio.h>

#include "tests/report/tui/screen.h"
#include "tracer/stream/fanout.h"
#include "tracer/stream/pmp.h"

static struct pmp_writer *writer;

/* The models are asked for sums while the facts are made, so they get them, too. */
static struct fact_sink both(struct fact_sink models)
{
	static struct fanout f;
	static struct fact_sink first;
	first = models;
	const struct fact_sink *sinks[] = { &first, pmp_writer_sink(writer) };
	cr_assert_eq(fanout_init(&f, sinks, 2, false, NULL), 0);
	return f.sink;
}

static int write_file(const char *folder, const char *name, void (*make)(struct recording *r))
{
	struct err err = ERR_INIT;
	struct recording r;
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.pmp", folder, name);
	if (pmp_writer_new(&(struct pmp_options){ .path = path }, &writer, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	make(&r);
	recording_deinit(&r);
	return pmp_writer_close(writer, &err) < 0;
}

int main(int argc, char **argv)
{
	feed_both = both;
	if (argc != 2)
		return 2;
	return write_file(argv[1], "plain", screen_recorded) || write_file(argv[1], "snapshots", screen_snapshots) ||
	       write_file(argv[1], "hostile", sample_make_hostile);
}
