# SPDX-License-Identifier: MIT
"""Runs one benchmark program of pyperformance as a program of ours: what target.py needs is work().

PYPERFORMANCE_BENCHMARK names the benchmark's folder (bm_float), PYPERFORMANCE_ARGS its words. The
program's own call of pyperf is answered here: what it asks to be timed is kept and run once a round.
"""
import argparse
import asyncio
import os
import runpy
import sys
import time
import types

jobs = []


class Runner:
	def __init__(self, **_):
		self.argparser = argparse.ArgumentParser()
		self.metadata = {}
		self.args = None

	def parse_args(self):
		self.args = self.argparser.parse_args(os.environ.get("PYPERFORMANCE_ARGS", "").split())
		return self.args

	def bench_func(self, _, func, *args, **__):
		jobs.append(lambda: func(*args))

	def bench_time_func(self, _, func, *args, **__):
		jobs.append(lambda: func(1, *args))

	def bench_async_func(self, _, func, *args, **__):
		jobs.append(lambda: asyncio.run(func(*args)))


def load():
	folder = os.environ["PYPERFORMANCE_BENCHMARK"]
	pyperf = types.ModuleType("pyperf")
	pyperf.Runner, pyperf.perf_counter = Runner, time.perf_counter
	pyperf.python_implementation = lambda: sys.implementation.name
	sys.modules["pyperf"] = pyperf
	sys.path.insert(0, folder)
	words, sys.argv = sys.argv, [os.path.join(folder, "run_benchmark.py")]
	runpy.run_path(sys.argv[0], run_name="__main__")
	sys.argv = words


def work():
	for job in jobs:
		job()
	return len(jobs)


load()
