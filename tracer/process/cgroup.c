/* SPDX-License-Identifier: MIT */
/* Limits are hierarchical: each group from that of the process up to the root is asked. */
#include "tracer/process/cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define PATH_MAX_BYTES 4096
#define TEXT_MAX_BYTES 16384
/* Version 1 says "unlimited" as the largest multiple of a page in a long (mm/page_counter.c). */
#define NO_LIMIT (UINT64_C(1) << 62)

/* Names of the files by version; the row in memory.stat is that of the whole subtree. */
struct version {
	const char *limit, *usage, *inactive;
};

static const struct version v1 = { "memory.limit_in_bytes", "memory.usage_in_bytes",
				   "total_inactive_file" };
static const struct version v2 = { "memory.max", "memory.current", "inactive_file" };

static bool read_text(const char *dir, const char *name, char *ret, size_t size)
{
	char path[PATH_MAX_BYTES + 64];
	AUTO_FCLOSE FILE *f = NULL;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(ret, 1, size - 1, f);
	ret[n] = 0;
	return n > 0;
}

/* "max" is no number. */
static bool read_number(const char *dir, const char *name, uint64_t *ret)
{
	char text[64], *end;

	if (!read_text(dir, name, text, sizeof(text)))
		return false;
	*ret = strtoull(text, &end, 10);
	return end != text && *ret < NO_LIMIT;
}

/* The value of one row "inactive_file 4096" of memory.stat; 0 when there is none. */
static uint64_t read_stat(const char *dir, const char *row)
{
	char text[TEXT_MAX_BYTES];
	size_t n = strlen(row);

	if (!read_text(dir, "memory.stat", text, sizeof(text)))
		return 0;
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, row, n) == 0 && line[n] == ' ')
			return strtoull(line + n, NULL, 10);
	}
	return 0;
}

static void room_at(const struct version *v, const char *dir, bool *known, struct cgroup_room *least)
{
	uint64_t limit, usage, cache, room;

	if (!read_number(dir, v->limit, &limit) || !read_number(dir, v->usage, &usage))
		return;
	cache = read_stat(dir, v->inactive);
	usage -= cache < usage ? cache : usage;
	room = limit > usage ? limit - usage : 0;
	if (!*known || room < least->bytes)
		*least = (struct cgroup_room){ room, limit };
	*known = true;
}

/* From root/group upwards to root. */
static void rooms_up(const struct version *v, const char *root, const char *group, bool *known,
		     struct cgroup_room *least)
{
	char dir[PATH_MAX_BYTES];
	size_t top = strlen(root);

	if ((size_t)snprintf(dir, sizeof(dir), "%s%s", root, group) >= sizeof(dir))
		return;
	for (size_t n = strlen(dir); n >= top; n--) {
		if (dir[n] != 0 && dir[n] != '/')
			continue;
		dir[n] = 0;
		if (n > top || n == 0 || dir[n - 1] != '/')
			room_at(v, dir, known, least);
		if (n == 0)
			break;
	}
}

static bool lists_memory(const char *controllers, size_t n)
{
	static const char word[] = "memory";

	for (size_t i = 0; i + sizeof(word) - 1 <= n; i++)
		if ((i == 0 || controllers[i - 1] == ',') &&
		    strncmp(controllers + i, word, sizeof(word) - 1) == 0 &&
		    (i + sizeof(word) - 1 == n || controllers[i + sizeof(word) - 1] == ','))
			return true;
	return false;
}

bool cgroup_room_of(const char *text, const char *root, struct cgroup_room *ret)
{
	char line[PATH_MAX_BYTES], mount[PATH_MAX_BYTES + 16];
	bool known = false;

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n = strcspn(p, "\n");
		char *controllers, *group;

		if (n >= sizeof(line))
			continue;
		memcpy(line, p, n);
		line[n] = 0;
		controllers = strchr(line, ':');
		group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group || group[1] != '/')
			continue;
		controllers++;
		if (group == controllers) {
			rooms_up(&v2, root, group + 1, &known, ret);
			snprintf(mount, sizeof(mount), "%s/unified", root);
			rooms_up(&v2, mount, group + 1, &known, ret);
		} else if (lists_memory(controllers, (size_t)(group - controllers))) {
			snprintf(mount, sizeof(mount), "%s/memory", root);
			rooms_up(&v1, mount, group + 1, &known, ret);
		}
	}
	return known;
}

bool cgroup_memory_room(pid_t pid, struct cgroup_room *ret)
{
	char dir[32], text[TEXT_MAX_BYTES];

	snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	return read_text(dir, "cgroup", text, sizeof(text)) &&
	       cgroup_room_of(text, "/sys/fs/cgroup", ret);
}
