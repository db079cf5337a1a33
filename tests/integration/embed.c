/* SPDX-License-Identifier: MIT */
/*
 * embed LIBPYTHON: a program with threads that loads Python late, so that its thread-local
 * storage is not part of the static block. Three threads then run Python, two never do.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *idle(void *arg)
{
	pause();
	return arg;
}

int main(int argc, char **argv)
{
	void *lib;
	void (*initialize)(int);
	int (*run)(const char *);
	pthread_t thread;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, idle, NULL);
	alarm(60);
	lib = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
	if (!lib) {
		fprintf(stderr, "embed: %s\n", argc > 1 ? dlerror() : "which library?");
		return 1;
	}
	*(void **)&initialize = dlsym(lib, "Py_InitializeEx");
	*(void **)&run = dlsym(lib, "PyRun_SimpleString");
	if (!initialize || !run)
		return 1;
	initialize(0);
	return run("import os, threading\n"
		   "def work():\n"
		   "\twhile True:\n"
		   "\t\t[object() for i in range(1000)]\n"
		   "for i in range(2):\n"
		   "\tthreading.Thread(target=work, daemon=True).start()\n"
		   "os.write(1, b'.')\n"
		   "work()\n");
}
