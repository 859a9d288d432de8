from pathlib import Path

import pytest

from rules.language.read import read_rules, read_rules_folder, rebuild
from rules.language.sources import World
from rules.source.problems import ProblemsFound
from tests.fakes.rule_sets import Line, a_destination, a_rule, a_rule_set, a_world

RULE = "rules:\n  - name: {name}\n    text: {text}\n    send: ops\n"


def a_file(folder: Path, name: str, rule: str, text: str = "t") -> None:
    (folder / name).write_text(RULE.format(name=rule, text=text))


def test_files_of_a_folder_act_in_name_order(tmp_path):
    for name, rule in (("20-b.yaml", "b"), ("10-a.yaml", "a"), ("30-c.yml", "c"), ("notes.txt", "n")):
        a_file(tmp_path, name, rule)
    assert [rule.name for rule in read_rules_folder([tmp_path], a_world()).rules] == ["a", "b", "c"]


def test_a_list_of_files_acts_in_its_own_order(tmp_path):
    for name in "ab":
        a_file(tmp_path, f"{name}.yaml", name)
    rule_set = read_rules_folder([tmp_path / "b.yaml", tmp_path / "a.yaml"], a_world())
    assert [rule.name for rule in rule_set.rules] == ["b", "a"]


def test_a_file_of_tests_holds_no_rules(tmp_path):
    a_file(tmp_path, "a.yaml", "a")
    (tmp_path / "a_test.yaml").write_text("tests:\n  - {name: t, message: {data: 1}, expect: [{rule: a, to: ops}]}\n")
    rule_set = read_rules_folder([tmp_path], a_world())
    assert [case.name for case in rule_set.cases] == ["t"]
    a_file(tmp_path, "b_test.yaml", "b")
    with pytest.raises(ProblemsFound, match='unknown key "rules"'):
        read_rules_folder([tmp_path], a_world())


def test_a_missing_folder_is_a_problem(tmp_path):
    with pytest.raises(ProblemsFound, match="there is no such rule file or folder"):
        read_rules_folder([tmp_path / "none"], a_world())


def test_a_file_that_is_no_utf_8_is_a_problem(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"rules: \xff")
    with pytest.raises(ProblemsFound, match="not UTF-8"):
        read_rules_folder([tmp_path], a_world())


def test_an_empty_file_has_no_rules():
    assert read_rules([("a.yaml", ""), ("b.yaml", "# nothing\n")], a_world()).rules == ()


def test_users_templates_are_found_before_the_shipped_ones(tmp_path):
    (tmp_path / "plain.md.j2").write_text("mine: {{ data.a }}\n")
    world = a_world(template_folder=tmp_path)
    rule_set = a_rule_set("rules: [{name: r, template: plain, send: ops}]", world)
    assert Line(rule_set).take({"a": 1})[0].post.text == "mine: 1"


def test_a_template_with_a_problem_is_named_by_its_file(tmp_path):
    (tmp_path / "mine.md.j2").write_text("one\n{{ data.a | emojifor }}\n")
    with pytest.raises(ProblemsFound) as found:
        a_rule_set("rules: [{name: r, template: mine, send: ops}]", a_world(template_folder=tmp_path))
    places = {(Path(problem.place.file).name, problem.place.line) for problem in found.value.problems}
    assert ("mine.md.j2", 2) in places


def test_tables_are_looked_up(tmp_path):
    (tmp_path / "owners.csv").write_text("site,owner\nA,ann\n")
    world = a_world(tables={"owners": tmp_path / "owners.csv"})
    rule_set = a_rule_set("rules: [{name: r, text: \"{{ data.site | lookup('owners') }}\", send: ops}]", world)
    assert Line(rule_set).take({"site": "A"})[0].post.text == "ann"


def test_a_topic_is_decoded_as_the_world_says():
    world = a_world(decode={"projects/ARGO/topics/alarms": "text"})
    rule_set = a_rule_set('rules: [{name: r, text: "{{ data }}", send: ops}]', world)
    assert Line(rule_set).take('{"a": 1}')[0].post.text == '{"a": 1}'


def test_a_decode_setting_nobody_can_read_is_a_problem():
    with pytest.raises(ProblemsFound, match="decode of projects/P/topics/T"):
        read_rules([], a_world(decode={"projects/P/topics/T": "gzp"}))


class TestVersion:
    def test_it_is_the_same_for_the_same_texts(self, tmp_path):
        a_file(tmp_path, "a.yaml", "a")
        first = read_rules_folder([tmp_path], a_world())
        assert len(first.version) == 16
        assert read_rules_folder([tmp_path], a_world()).version == first.version

    @pytest.mark.parametrize(
        "changed",
        [
            {"intervals": {"office": {"days": ["mon"]}}},
            {"decode": {"projects/P/topics/T": "text"}},
            {"schemas": {"s": {"type": "string"}}},
        ],
    )
    def test_it_changes_with_all_that_decides(self, changed):
        assert read_rules([], a_world()).version != read_rules([], a_world(**changed)).version

    def test_it_changes_with_a_rule_a_template_and_a_table(self, tmp_path):
        (tmp_path / "t.json").write_text("[1]")
        (tmp_path / "mine.md.j2").write_text("a")
        world = a_world(template_folder=tmp_path, tables={"t": tmp_path / "t.json"})
        versions = {read_rules([], world).version, read_rules([("a.yaml", "# x")], world).version}
        (tmp_path / "t.json").write_text("[2]")
        versions.add(read_rules([], world).version)
        (tmp_path / "mine.md.j2").write_text("b")
        versions.add(read_rules([], world).version)
        assert len(versions) == 4

    def test_destinations_are_no_part_of_it(self):
        assert read_rules([], a_world()).version == read_rules([], a_world(a_destination("x"))).version


class TestRebuild:
    TEXT = 'rules: [{name: r, send: {to: ops, channel: x}, hours: office, text: "{{ data.a }}"}]'

    def test_a_rule_set_is_built_again_from_what_was_kept(self, tmp_path):
        (tmp_path / "plain.md.j2").write_text("old {{ data.a }}")
        before = a_rule_set(
            self.TEXT.replace('text: "{{ data.a }}"', "template: plain"), a_world(template_folder=tmp_path)
        )
        (tmp_path / "plain.md.j2").unlink()
        again = rebuild(before.sources, World(destinations=a_world().destinations))
        assert again.version == before.version
        assert Line(again).take({"a": 1})[0].post.text == "old 1"

    def test_a_destination_that_is_gone_is_taken_without_limits(self):
        again = rebuild(a_rule_set(self.TEXT).sources, World())
        (send,) = Line(again).take({"a": 1})
        assert (send.destination, send.post.overrides) == ("ops", {"channel": "x"})

    def test_bytes_that_are_no_sources_are_refused(self):
        with pytest.raises(ValueError, match="no sources of a rule set"):
            rebuild(b"x", World())


def test_a_topic_that_does_not_exist_yet_is_a_warning():
    world = a_world(topics=frozenset({"projects/ARGO/topics/alarms", "projects/ARGO/topics/x"}))
    rule_set = a_rule_set(
        "topic: [projects/ARGO/topics/alarm, 'projects/*/topics/x']\nrules: [{name: r, send: ops}]", world
    )
    (warning,) = rule_set.warnings
    assert warning.text == (
        'there is no topic "projects/ARGO/topics/alarm" yet; did you mean "projects/ARGO/topics/alarms"?'
    )


def test_a_table_that_cannot_be_read_is_told_once(tmp_path):
    (tmp_path / "owners.json").write_text("{bad")
    world = a_world(tables={"owners": tmp_path / "owners.json"})
    with pytest.raises(ProblemsFound) as found:
        read_rules([("r.yaml", "rules: [{name: r, send: ops, text: \"{{ data.site | lookup('owners') }}\"}]")], world)
    assert [problem.place.file for problem in found.value.problems] == [str(tmp_path / "owners.json")]


def warnings_of(key: str, more: str = "resolved: {$.status: OK}") -> list[str]:
    return [str(one) for one in a_rule(f"match: {{$.status: CRITICAL}}\n{more}\n{key}").warnings]


@pytest.mark.parametrize(
    ("key", "warns"),
    [
        ('key: "{{ data.site }}"', True),
        ('key: "{{ attributes.site }}/x"', True),
        ('set: {s: "{{ data.site }}"}\nkey: "{{ vars.s }}"', True),
        ("key: \"{{ data.site | default('') }}\"", False),
        ('set: {s: "{{ data.site | default(\'\') }}"}\nkey: "{{ vars.s }}"', False),
        ("key: constant", False),
    ],
)
def test_an_incidents_key_that_an_event_may_lack_is_warned_of(key: str, warns: bool):
    found = warnings_of(key)
    assert any("opens no incident, and its end is never told" in one for one in found) is warns


def test_a_key_without_incidents_is_not_warned_of():
    assert warnings_of('key: "{{ data.site }}"', "dedupe: 1h") == []


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("webhook-id: x", '"webhook-id" is set by the destination hook alone'),
        ('Webhook-Signature: "{{ data.s }}"', '"Webhook-Signature" is set by the destination hook alone'),
        ("a b: x", '"a b" is no name for a header'),
    ],
)
def test_a_header_that_the_destination_alone_sets_is_a_problem_with_its_place(header: str, why: str) -> None:
    reserved = frozenset({"webhook-id", "webhook-signature"})
    hook = a_destination("hook", kind="webhook", overrides=frozenset({"headers"}), reserved_headers=reserved)
    text = f"rules:\n  - name: r\n    text: t\n    send:\n      - to: hook\n        headers:\n          {header}\n"
    with pytest.raises(ProblemsFound) as found:
        a_rule_set(text, a_world(hook))
    (problem,) = found.value.problems
    assert why in problem.text
    assert (problem.place.line, problem.place.column) == (8, 11)
    assert a_rule_set(text.replace(header, "X-Site: A"), a_world(hook)).rules
