# SPDX-License-Identifier: MIT
"""A test runner as pytest looks from outside: the same functions in files of the same names.

Prints what each test made, as it must be seen, as JSON. Blocks are bytes objects of known
size put into places that exist, so nothing else is allocated by the tests themselves.
"""
import json
import os
import sys

held = dict.fromkeys(['a', 'b', 'c', 'd', 'e', 'later'])
junk = []


def test_keeps():
    held['a'] = bytes(1000)
    held['b'] = bytes(2000)
    held['b'] = None
    held['c'] = bytes(500)


def test_frees():
    held['d'] = bytes(100000)
    held['d'] = None


def test_given_up_later():
    held['later'] = bytes(3000)


def fixture():
    held['e'] = bytes(700)


RUNNER = '''
def _update_current_test_var(item, when):
    var_name = 'PYTEST_CURRENT_TEST'
    if when:
        value = f'{item} ({when})'
        value = value.replace('\\x00', '(null)')
        os.environ[var_name] = value
    else:
        os.environ.pop(var_name)

def runtestprotocol(item, function, setup):
    _update_current_test_var(item, 'setup')
    if setup:
        call_fixture_func(setup)
    _update_current_test_var(item, 'call')
    junk.append(bytes(5000))
    pytest_pyfunc_call(function)
    _update_current_test_var(item, 'teardown')
    junk.append(bytes(6000))
    _update_current_test_var(item, None)
'''
space = {'os': os, 'junk': junk}
exec(compile('def call_fixture_func(f):\n    f()\n', '/lib/_pytest/fixtures.py', 'exec'), space)
exec(compile('def pytest_pyfunc_call(f):\n    f()\n', '/lib/_pytest/python.py', 'exec'), space)
exec(compile(RUNNER, '/lib/_pytest/runner.py', 'exec'), space)
run = space['runtestprotocol']

run('tests/t.py::test_keeps', test_keeps, None)
run('tests/t.py::test_frees[\xe4-\u20ac]', test_frees, None)
run('tests/t.py::TestX::test_later', test_given_up_later, fixture)
held['a'] = None
run('tests/t.py::test_keeps', test_keeps, None)
held['later'] = None
size = sys.getsizeof
a, b, c, d, e, f = (size(bytes(n)) for n in (1000, 2000, 500, 100000, 700, 3000))
print(json.dumps({
    # ran twice: sums, the larger peak; the first run's 'a' and 'c' went before the end
    'tests/t.py::test_keeps': dict(runs=2, allocs=6, alloc_bytes=2 * (a + b + c), peak=a + b,
                                   kept=a + c, left=2 * (a + c)),
    'tests/t.py::test_frees[\xe4-\u20ac]': dict(runs=1, allocs=1, alloc_bytes=d, peak=d, kept=0,
                                               left=0),
    'tests/t.py::TestX::test_later': dict(runs=1, allocs=2, alloc_bytes=e + f, peak=e + f,
                                          kept=e + f, left=e + f),
}))
