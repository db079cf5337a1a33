#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an attach and a detach cost the target, on every interpreter of this machine.

A busy target with ten threads is attached to again and again. Reported are, as median and
largest: the time from the command to live hooks, how long the threads were stopped at the attach
and at the end, and the agent's resident bytes, all as the recording itself tells them; and the
wall time of the command until it says that it records, as a user sees it.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "../integration/targets/busy.py")
BOOT = "import os; exec(compile(os.fdopen(3, encoding='utf-8').read(), 'busy.py', 'exec'))"
FIGURES = [("attach_ns", 1e6, "attach ms"), ("attach_stop_ns", 1e6, "stop ms"), ("detach_stop_ns", 1e6, "stop at end ms"),
	   ("agent_bytes", 1024, "agent KiB"), ("seen_ns", 1e6, "seen by user ms")]


def interpreters(wanted):
	tool = os.environ.get("PYMEMPROF_INTERPRETERS") or os.path.join(HERE, "../../tools/interpreters")
	lines = subprocess.run([tool], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True).stdout
	for line in lines.splitlines():
		name, version, _, command = line.split("\t")
		if wanted in name:
			yield name, version, command.split()


def start_target(command):
	script = os.open(TARGET, os.O_RDONLY)
	process = subprocess.Popen(command + ["-c", BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False,
				   preexec_fn=lambda: os.dup2(os.dup2(script, 20), 3), universal_newlines=True,
				   stderr=subprocess.DEVNULL)
	os.close(script)
	if not process.stdout.readline().startswith("READY"):
		process.kill()
		sys.exit("bench_attach: the target does not start: %s" % " ".join(command))
	return process


def one_cycle(pymemprof, pid, out):
	begin = time.perf_counter_ns()
	with tempfile.TemporaryFile("w+b") as err:
		recorder = subprocess.Popen([pymemprof, "attach", str(pid), "-o", out, "-f"], stdout=subprocess.DEVNULL, stderr=err)
		while b"recording" not in os.pread(err.fileno(), 1 << 16, 0):
			if recorder.poll() is not None or time.perf_counter_ns() - begin > 10 ** 10:
				sys.exit("bench_attach: %r" % os.pread(err.fileno(), 1 << 16, 0))
			time.sleep(0.0005)
		seen = time.perf_counter_ns() - begin
		time.sleep(0.15)
		recorder.send_signal(signal.SIGINT)
		recorder.wait(30)
	text = subprocess.run([pymemprof, "report", out, "--format", "json"], stdout=subprocess.PIPE).stdout
	return dict(json.loads(text)["cost"], seen_ns=seen)


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
	parser.add_argument("--pymemprof", default=os.environ.get("PYMEMPROF"))
	parser.add_argument("--python", default=os.environ.get("PYMEMPROF_ONLY", ""), help="part of a name in tools/interpreters")
	parser.add_argument("--cycles", type=int, default=20)
	options = parser.parse_args()
	print("%-16s" % "" + "".join("%22s" % title for _, _, title in FIGURES))
	for name, version, command in interpreters(options.python):
		target = start_target(command)
		with tempfile.TemporaryDirectory() as folder:
			costs = [one_cycle(options.pymemprof, target.pid, os.path.join(folder, "out.pmp"))
				 for _ in range(options.cycles)]
		target.kill()
		target.wait()
		row = {key: [cost[key] for cost in costs] for key, _, _ in FIGURES}
		print("%-16s" % name + "".join("%22s" % ("%.2f, %.2f" % (statistics.median(row[key]) / unit, max(row[key]) / unit))
						for key, unit, _ in FIGURES), flush=True)
		print(json.dumps({"bench": "attach", "interpreter": name, "version": version, "cycles": options.cycles,
				  "median": {key: statistics.median(values) for key, values in row.items()},
				  "max": {key: max(values) for key, values in row.items()}}), flush=True)


main()
