/* SPDX-License-Identifier: MIT */
/*
 * embed LIBPYTHON [ARG …]: a program with threads that loads Python late, so that its
 * thread-local storage is not part of the static block. With arguments it is a Python
 * interpreter; without, three threads run Python, two never do.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *idle(void *arg)
{
	for (;;)
		pause(); /* a signal of the program may end one */
	return arg;
}

int main(int argc, char **argv)
{
	void *lib;
	void (*initialize)(int);
	int (*run)(const char *);
	int (*run_main)(int, char **);
	pthread_t thread;

	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, idle, NULL);
	lib = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
	if (!lib) {
		fprintf(stderr, "embed: %s\n", argc > 1 ? dlerror() : "which library?");
		return 1;
	}
	*(void **)&initialize = dlsym(lib, "Py_InitializeEx");
	*(void **)&run = dlsym(lib, "PyRun_SimpleString");
	*(void **)&run_main = dlsym(lib, "Py_BytesMain");
	if (!initialize || !run || !run_main)
		return 1;
	if (argc > 2)
		return run_main(argc - 1, argv + 1);
	alarm(60);
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
