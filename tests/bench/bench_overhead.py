#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What recording costs, side by side in one run.

Each program of programs/ is run for a fixed number of rounds in every way of measuring it: not
at all (base), with the hooks in place and silent (pass: its recorder was killed), recorded exactly,
sampled, with tracemalloc keeping 1 and 25 frames, and under
memray with Python's allocators traced, where that is installed. The ways take turns and change
their order from turn to turn, so that whatever else the machine does hits all alike; the ratio
to base is taken inside each turn and the median over the turns is reported. With --pyperformance DIR
the programs are those of a copy of pyperformance (its data-files/benchmarks) that need nothing else.

The target is pinned to one processor. "free": the recorder has another one to itself. "shared":
it has to live on the target's. One JSON line per measurement, then a table.
"""
import argparse
import contextlib
import json
import math
import os
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOOT = "import os; exec(compile(os.fdopen(3, encoding='utf-8').read(), 'target.py', 'exec'))"
WAYS = ["base", "pass", "exact", "sample", "tracemalloc1", "tracemalloc25", "memray"]
TIMEOUT = 300


class Trouble(Exception):
	pass


class Python:
	"""One line of tools/interpreters."""

	def __init__(self, name, version, command):
		self.name, self.version, self.command = name, version, command
		self.root = command[1] if command[0] == "chroot" else ""
		self.minor = int(version.split(".")[1])

	def with_proc(self):
		"""Its command where /proc is: memray reads its own; a mount of our own ends with the process."""
		if not self.root:
			return list(self.command)
		return ["unshare", "-m", "sh", "-c", 'mount -t proc proc "$0/proc" && exec "$@"', self.root] + self.command

	def has_memray(self):
		return subprocess.run(self.command + ["-c", "import memray"], stderr=subprocess.DEVNULL).returncode == 0


def find_pythons():
	tool = os.environ.get("PYMEMPROF_INTERPRETERS") or os.path.join(HERE, "../../tools/interpreters")
	found = []
	for line in subprocess.run([tool], stdout=subprocess.PIPE, universal_newlines=True).stdout.splitlines():
		name, version, _, command = line.split("\t")
		found.append(Python(name, version, command.split()))
	return found


def choose_python(wanted):
	found = [p for p in find_pythons() if not wanted or wanted in p.name]
	if not found:
		raise Trouble("no such interpreter: %s" % wanted)
	with_memray = [p for p in found if p.has_memray()]
	return (with_memray or found)[-1]


class Program:
	"""Text that defines work(), and what has to be in the environment and the file system for it."""

	def __init__(self, path, name=None, folder=None, words=""):
		self.path, self.folder, self.words = path, folder, words
		self.name = name or os.path.splitext(os.path.basename(path))[0]

	@contextlib.contextmanager
	def environment(self, python):
		"""Its folder is copied to where the interpreter, perhaps in a root of its own, can read it."""
		if not self.folder:
			yield dict(os.environ)
			return
		with tempfile.TemporaryDirectory(dir=python.root + "/tmp") as place:
			copy = os.path.join(place, os.path.basename(self.folder))
			shutil.copytree(self.folder, copy)
			yield dict(os.environ, PYPERFORMANCE_BENCHMARK=copy[len(python.root):], PYPERFORMANCE_ARGS=self.words)


# What can be tried again and again: standard library only, one process, a round in less than two seconds.
PYPERFORMANCE = """async_generators async_tree:none async_tree:io async_tree:memoization async_tree:cpu_io_mixed
	barnes_hut chaos comprehensions coroutines deepcopy deltablue fannkuch float generators
	go hexiom json_dumps json_loads logging:format logging:silent logging:simple meteor_contest nbody nqueens
	pickle:pickle pickle:pickle_dict pickle:pickle_list pickle:unpickle pickle:--pure-python_pickle
	pickle:--pure-python_unpickle pidigits pprint pyflate raytrace regex_compile regex_dna regex_effbot regex_v8
	richards richards_super scimark spectral_norm sqlite_synth telco typing_runtime_protocols
	xml_etree""".split()


def pyperformance(folder):
	for spec in PYPERFORMANCE:
		name, _, words = spec.partition(":")
		yield Program(os.path.join(HERE, "pyperformance.py"), spec.replace(":", " ").replace("--", ""),
			      os.path.join(folder, "bm_" + name), words.replace("_", " ", 1) if "--" in words else words)


class Target:
	def __init__(self, python, program, way, cpu, out):
		frames = {"tracemalloc1": 1, "tracemalloc25": 25}.get(way, 0)
		command = python.with_proc() if way == "memray" else list(python.command)
		if way == "memray":
			command += ["-m", "memray", "run", "-q", "-f", "--trace-python-allocators", "-o", out, "-c", BOOT]
		else:
			command += ["-c", BOOT]
		command += [program.name, str(frames)]
		self.root = python.root
		self.places = contextlib.ExitStack()
		environment = self.places.enter_context(program.environment(python))

		def prepare():
			os.sched_setaffinity(0, {cpu})
			first, second = os.open(os.path.join(HERE, "target.py"), os.O_RDONLY), os.open(program.path, os.O_RDONLY)
			high = [os.dup2(fd, 20 + i) for i, fd in enumerate((first, second))]
			for i, fd in enumerate(high):
				os.dup2(fd, 3 + i)
		self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=prepare,
						close_fds=False, universal_newlines=True, env=environment,
						stderr=subprocess.DEVNULL if way == "memray" else None)
		try:
			self.hear("READY")
		except Trouble:
			self.places.close()
			raise

	def hear(self, text=None):
		ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT)
		line = self.process.stdout.readline().strip() if ready else ""
		if not line or (text and line != text):
			self.process.kill()
			raise Trouble("the target said %r" % line)
		return line

	def memory(self):
		with open("/proc/%d/status" % self.process.pid) as status:
			return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

	def run(self, rounds):
		self.process.stdin.write("%d\n" % rounds)
		self.process.stdin.flush()
		result = json.loads(self.hear())
		result["rss"] = self.memory()
		return result

	def end(self):
		self.process.stdin.close()
		self.process.wait(TIMEOUT)
		self.places.close()


class Recorder:
	"""pymemprof attached to a target; how it did is known after end()."""

	def __init__(self, options, pid, cpu, out):
		self.options = options
		command = [options.pymemprof, "attach", str(pid), "-o", out, "-f", "--no-snapshot"]
		if options.way == "sample":
			command += ["--sample", options.sample]
		self.err = tempfile.TemporaryFile("w+")
		self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.err, stdin=subprocess.DEVNULL,
						preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
		end = time.time() + 10
		while "recording" not in self.text():
			if time.time() > end or self.process.poll() is not None:
				self.process.kill()
				raise Trouble("attach: %s" % self.text())
			time.sleep(0.005)

	def text(self):
		return os.pread(self.err.fileno(), 1 << 16, 0).decode(errors="replace")

	def cpu(self):
		with open("/proc/%d/stat" % self.process.pid) as stat:
			fields = stat.read().rpartition(")")[2].split()
		return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

	def kill(self):
		"""What is left in the target calls through and says nothing, from its next write on."""
		self.process.kill()
		self.process.wait(TIMEOUT)

	def clean(self, pid):
		if subprocess.run([self.options.pymemprof, "detach", str(pid)], stdout=subprocess.DEVNULL,
				  stderr=subprocess.DEVNULL).returncode != 0:
			raise Trouble("detach failed")

	def end(self):
		self.process.send_signal(signal.SIGINT)
		if self.process.wait(TIMEOUT) != 0:
			raise Trouble("recording: %s" % self.text())


def measure(options, python, program, way, rounds, cpus):
	options.way = way
	with tempfile.TemporaryDirectory(dir=python.root + "/tmp" if way == "memray" else None) as folder:
		out = os.path.join(folder, "out")
		target = Target(python, program, way, cpus[0], out[len(python.root):] if way == "memray" else out)
		recorder = None
		if way in ("pass", "exact", "sample"):
			recorder = Recorder(options, target.process.pid, cpus[1], out)
			before = recorder.cpu()
		if way == "pass":
			recorder.kill()
			target.run(max(1, rounds // 2))
		result = target.run(rounds)
		result["tracer_cpu"] = 0
		if way == "pass":
			recorder.clean(target.process.pid)
			recorder = None
		if recorder:
			result["tracer_cpu"] = recorder.cpu() - before
			recorder.end()
		target.end()
		result["file"] = os.path.getsize(out) if os.path.exists(out) else 0
		if recorder and options.keep_cost:
			result["cost"] = cost_of(options, out)
		return result


def cost_of(options, out):
	text = subprocess.run([options.pymemprof, "report", out, "--format", "json", "--view", "summary"],
			      stdout=subprocess.PIPE).stdout
	return json.loads(text).get("cost", {})


def calibrate(options, python, program, cpus):
	one = measure(options, python, program, "base", 3, cpus)["cpu"] / 3
	return max(1, round(options.seconds / max(one, 1e-6)))


def geometric(values):
	values = [v for v in values if v > 0]
	return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def median(turns, way, key, ratio):
	got = [turn[way][key] / turn["base"][key] if ratio else turn[way][key] - turn["base"][key]
	       for turn in turns if way in turn and turn["base"][key]]
	return statistics.median(got) if got else float("nan")


def spread(turns, way, key):
	"""Least and most of the turns' ratios to base."""
	got = [turn[way][key] / turn["base"][key] for turn in turns if way in turn and turn["base"][key]]
	return [min(got), max(got)] if got else []


def run_program(options, python, program, ways, cpus, pinning):
	name = program.name
	rounds = calibrate(options, python, program, cpus)
	turns = []
	for turn in range(options.turns):
		order = ways[turn % len(ways):] + ways[:turn % len(ways)]
		results = {}
		for way in order:
			share = rounds if way not in ("tracemalloc25", "memray") else max(1, rounds // 5)
			result = measure(options, python, program, way, share, cpus)
			cost = result.pop("cost", None)
			print(json.dumps(dict(result, program=name, way=way, turn=turn, rounds=share, pinning=pinning,
					      python=python.version, cost=cost)), flush=True)
			if share != rounds:
				result.update({key: result[key] * rounds / share for key in ("wall", "cpu")})
			results[way] = result
		turns.append(results)
	row = {"program": name, "rounds": rounds, "seconds": statistics.median(t["base"]["wall"] for t in turns)}
	for way in ways[1:]:
		row[way] = {
			"wall": median(turns, way, "wall", True),
			"cpu": median(turns, way, "cpu", True),
			"cpu_spread": spread(turns, way, "cpu"),
			"tracer": statistics.median(t[way]["tracer_cpu"] / t[way]["cpu"] for t in turns),
			"rss": median(turns, way, "rss", False),
			"file": statistics.median(t[way]["file"] for t in turns),
		}
	return row


def run_alternating(options, python, program, ways, cpus):
	"""One target, recorded and not recorded in turn: the same heap at the same addresses, and the least of
	all turns of a way is what it costs when nobody else is in the way."""
	name = program.name
	with tempfile.TemporaryDirectory() as folder:
		out = os.path.join(folder, "out")
		target = Target(python, program, "base", cpus[0], out)
		rounds = max(1, round(options.seconds / min(target.run(2)["cpu"] / 2 for _ in range(4))))
		least = {way: math.inf for way in ways}
		tracer = dict.fromkeys(ways, 0)
		for _ in range(options.turns):
			for way in ways:
				options.way, recorder = way, None
				if way != "base":
					recorder = Recorder(options, target.process.pid, cpus[1], out)
					before = recorder.cpu()
				if way == "pass":
					recorder.kill()
					target.run(max(1, rounds // 2))
				cpu = target.run(rounds)["cpu"]
				if way in ("exact", "sample"):
					tracer[way] = max(tracer[way], (recorder.cpu() - before) / cpu)
					recorder.end()
				elif recorder:
					recorder.clean(target.process.pid)
				least[way] = min(least[way], cpu)
		target.end()
	row = {"program": name, "rounds": rounds, "seconds": least["base"], "tracer": tracer,
	       "ratio": {way: least[way] / least["base"] for way in ways}}
	print(json.dumps(row), flush=True)
	return row


def alternating_table(rows, ways, python):
	out = ["", "CPython %s, one target, least of all turns: processor time as a multiple of base" % python.version]
	out.append("%-15s" % "program" + "".join("%10s" % way for way in ways[1:]))
	for row in rows:
		out.append("%-15s" % row["program"] + "".join("%10.3f" % row["ratio"][way] for way in ways[1:]))
	out.append("%-15s" % "geometric mean" + "".join(
		"%10.3f" % geometric([row["ratio"][way] for row in rows]) for way in ways[1:]))
	return "\n".join(out)


def table(rows, ways, pinning, python):
	out = ["", "%s processor for the recorder, CPython %s: time as a multiple of base (wall, processor time of the target)"
	       % ("a free" if pinning == "free" else "no free", python.version)]
	out.append("%-15s" % "program" + "".join("%18s" % way for way in ways[1:]))
	for row in rows:
		out.append("%-15s" % row["program"] + "".join(
			"%18s" % ("%.2f  %.2f" % (row[way]["wall"], row[way]["cpu"])) for way in ways[1:]))
	out.append("%-15s" % "geometric mean" + "".join(
		"%18s" % ("%.2f  %.2f" % (geometric([r[way]["wall"] for r in rows]), geometric([r[way]["cpu"] for r in rows])))
		for way in ways[1:]))
	out.append("")
	out.append("%-15s" % "cost" + "".join("%18s" % way for way in ways[1:]))
	for row in rows:
		out.append("%-15s" % row["program"] + "".join("%18s" % ("%.2f %6d %6d" % (
			row[way]["tracer"], row[way]["rss"] / 1024, row[way]["file"] / 1024)) for way in ways[1:]))
	out.append("(processor time of the recorder over the target's, KiB added to the target, KiB of file)")
	return "\n".join(out)


def choose_programs(options):
	if options.pyperformance:
		return list(pyperformance(options.pyperformance))
	folder = os.path.join(HERE, "programs")
	return [Program(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".py")]


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
	parser.add_argument("--pymemprof", default=os.environ.get("PYMEMPROF"))
	parser.add_argument("--python", default=os.environ.get("PYMEMPROF_ONLY", ""), help="part of a name in tools/interpreters")
	parser.add_argument("--programs", default="", help="regular expression")
	parser.add_argument("--pyperformance", metavar="DIR", help="take the programs of this data-files/benchmarks instead")
	parser.add_argument("--ways", default=",".join(WAYS))
	parser.add_argument("--pinning", default="free,shared")
	parser.add_argument("--sample", default="64KiB")
	parser.add_argument("--turns", type=int, default=5)
	parser.add_argument("--seconds", type=float, default=1.0, help="of one base run")
	parser.add_argument("--alternate", action="store_true",
			    help="attach to and detach from one target again and again; base, pass, exact, sample only")
	parser.add_argument("--keep-cost", action="store_true", help="add the recording's own cost figures to each line")
	parser.add_argument("--summary", help="also write the table to this file")
	options = parser.parse_args()
	python = choose_python(options.python)
	ways = [w for w in options.ways.split(",") if w != "memray" or python.has_memray()]
	programs = [p for p in choose_programs(options) if re.search(options.programs, p.name)]
	cpus = sorted(os.sched_getaffinity(0))
	if options.alternate:
		ways = ["base"] + [w for w in ways if w in ("pass", "exact", "sample")]
		rows = [run_alternating(options, python, program, ways, (cpus[-1], cpus[0])) for program in programs]
		print(alternating_table(rows, ways, python))
		return
	tables = []
	for pinning in options.pinning.split(","):
		if pinning == "free" and len(cpus) < 2:
			print("one processor only: nothing is free", file=sys.stderr)
			continue
		pair = (cpus[-1], cpus[0]) if pinning == "free" else (cpus[-1], cpus[-1])
		rows = [run_program(options, python, program, ways, pair, pinning) for program in programs]
		tables.append(table(rows, ways, pinning, python))
		print(json.dumps({"bench": "overhead", "programs": "pyperformance" if options.pyperformance else "own",
				  "pinning": pinning, "python": python.version, "turns": options.turns, "rows": rows}), flush=True)
	print("\n".join(tables))
	if options.summary:
		with open(options.summary, "w") as out:
			out.write("\n".join(tables) + "\n")


if __name__ == "__main__":
	try:
		main()
	except Trouble as trouble:
		sys.exit("bench_overhead: %s" % trouble)
