from __future__ import annotations

import pytest

from rules.source.problems import Place, Problem, ProblemsFound, as_table, has_errors, path_text


def a_problem(
    line: int = 1, column: int = 1, path: str = "", text: str = "wrong", file: str = "rules.d/a.yaml"
) -> Problem:
    return Problem(Place(file, line, column), path, text)


def test_a_place_reads_as_file_line_and_column():
    assert str(Place("rules.d/argo.yaml", 14, 9)) == "rules.d/argo.yaml:14:9"


def test_problems_stand_sorted_and_aligned_one_on_a_line():
    table = as_table(
        [
            a_problem(3, 14, "", 'unknown filter "emojifor"', file="templates/argo/status.md.j2"),
            a_problem(16, 7, "rules[1].send", 'no destination "ops2"'),
            a_problem(4, 9, "rules[1].match", 'unknown operator "equalz"'),
        ]
    )
    assert table.splitlines() == [
        'rules.d/a.yaml:4:9                rules[1].match  unknown operator "equalz"',
        'rules.d/a.yaml:16:7               rules[1].send   no destination "ops2"',
        'templates/argo/status.md.j2:3:14                  unknown filter "emojifor"',
    ]


def test_lines_sort_as_numbers_and_not_as_text():
    assert [line.split()[0] for line in as_table([a_problem(10), a_problem(9)]).splitlines()] == [
        "rules.d/a.yaml:9:1",
        "rules.d/a.yaml:10:1",
    ]


def test_a_problem_said_twice_is_told_once():
    assert as_table([a_problem(), a_problem()]).count("\n") == 0


def test_a_text_of_several_lines_stays_on_one():
    assert as_table([a_problem(text="one\n  two")]) == "rules.d/a.yaml:1:1  one two"


def test_a_warning_says_that_it_is_one():
    warning = Problem(Place("a.yaml"), "", "never reached", "warning")
    assert str(warning) == "a.yaml:1:1  warning: never reached"
    assert not has_errors([warning])
    assert has_errors([warning, a_problem()])


def test_no_problems_are_an_empty_table():
    assert as_table([]) == ""


def test_problems_found_carries_them_sorted_and_prints_as_the_table():
    with pytest.raises(ProblemsFound) as caught:
        raise ProblemsFound([a_problem(2), a_problem(1)])
    assert [problem.place.line for problem in caught.value.problems] == [1, 2]
    assert str(caught.value) == as_table(caught.value.problems)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("rules", 1, "match"), "rules[1].match"),
        (("rules", 0, "match", "$.status"), "rules[0].match['$.status']"),
        (("projects", "my-project"), "projects.my-project"),
        ((0, "a"), "[0].a"),
    ],
)
def test_a_path_reads_as_people_write_it(path: tuple[str | int, ...], text: str):
    assert path_text(path) == text
