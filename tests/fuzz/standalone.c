/* SPDX-License-Identifier: MIT */
/*
 * Replays a corpus through a fuzz target without libFuzzer, so any compiler runs it on every
 * commit. Arguments are files and folders; each file is also cut short and bit-flipped a few
 * times, always the same way.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"

#define FILE_MAX_BYTES ((size_t)64 << 20)
#define VARIANTS 256

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static unsigned long runs;

/* From a block of exactly len bytes, so that a sanitizer or valgrind sees one byte too many. */
static void run_copy(const uint8_t *bytes, size_t len)
{
	AUTO_FREE uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, bytes, len);
	LLVMFuzzerTestOneInput(copy, len);
	runs++;
}

static void run_variants(uint8_t *bytes, size_t len)
{
	uint64_t state = 88172645463325252u ^ len;

	run_copy(bytes, len);
	for (int i = 0; len && i < VARIANTS; i++) {
		size_t at;
		uint8_t saved;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		at = (size_t)(state % len);
		saved = bytes[at];
		bytes[at] = (uint8_t)(saved ^ (1u << (state >> 61)));
		run_copy(bytes, len);
		bytes[at] = saved;
		run_copy(bytes, at);
	}
}

static int replay_file(const char *path)
{
	AUTO_FCLOSE FILE *f = fopen(path, "rb");
	AUTO_FREE uint8_t *bytes = NULL;
	struct stat st;

	if (!f || fstat(fileno(f), &st) < 0 || (size_t)st.st_size > FILE_MAX_BYTES) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return 1;
	}
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes || fread(bytes, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
		fprintf(stderr, "%s: short read\n", path);
		return 1;
	}
	run_variants(bytes, (size_t)st.st_size);
	return 0;
}

static int replay_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int failed = 0;

	if (!dir) {
		fprintf(stderr, "%s: cannot be opened\n", path);
		return 1;
	}
	while ((e = readdir(dir))) {
		char file[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		failed |= replay_file(file);
	}
	closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;

	run_copy(NULL, 0);
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			failed |= replay_folder(argv[i]);
		else
			failed |= replay_file(argv[i]);
	}
	printf("%lu inputs\n", runs);
	return failed || runs < 2;
}
