from rules.workbench.simulate import Outage, Patience, Simulation, TimelinePost, TimelineQuiet
from tests.fakes.rule_sets import START_US, a_message, a_rule, us


def a_stream(*said):
    return [a_message(data, offset=n, publish_time_us=START_US + us(at_s)) for n, (at_s, data) in enumerate(said)]


def the_timeline(simulation, stream, until_s=0):
    return [
        (
            (entry.at_us - START_US) / 1e6,
            entry.send.post.text if isinstance(entry, TimelinePost) else entry.judgement.by,
        )
        for entry in simulation.play(stream, us(until_s))
    ]


def test_posts_and_what_was_quiet_stand_on_the_timeline_at_their_times():
    rule_set = a_rule('group: {wait: 30s}\ntext: "{{ data.n }}"')
    simulation = Simulation(rule_set)
    assert the_timeline(simulation, a_stream((0, {"n": 1}), (10, {"n": 2})), until_s=60) == [
        (0.0, "group"),
        (10.0, "group"),
        (30.0, "1\n2"),
    ]
    assert (simulation.messages, simulation.posts, simulation.fates) == (2, {"r": 1}, {"decided": 2})


def test_messages_out_of_order_never_turn_the_clock_back():
    entries = Simulation(a_rule("text: t")).play(a_stream((10, {}), (5, {})))
    assert [entry.at_us - START_US for entry in entries] == [us(10), us(10)]


def test_an_outage_shows_when_posts_arrive_in_order_per_key():
    rule_set = a_rule('key: "{{ data.k }}"\ndedupe: 1s\ntext: "{{ data.n }}"')
    simulation = Simulation(
        rule_set,
        outages=[Outage("ops", START_US, START_US + us(100))],
        patience=lambda name: Patience(lambda attempt: 30.0 * 2**attempt),
    )
    stream = a_stream((0, {"k": "a", "n": 1}), (95, {"k": "a", "n": 2}), (120, {"k": "b", "n": 3}))
    posts = [entry for entry in simulation.play(stream) if isinstance(entry, TimelinePost)]
    assert [((post.arrived_us - START_US) / 1e6, post.tries) for post in posts] == [(180, 3), (180, 1), (120, 1)]


def test_shadows_stand_on_the_timeline_but_never_arrive():
    (post,) = Simulation(a_rule("text: t\nshadow: true")).play(a_stream((0, {})))
    assert isinstance(post, TimelinePost)
    assert (post.shadow, post.arrived_us) == (True, None)


def test_what_was_kept_quiet_names_its_message():
    rule_set = a_rule("key: k\ndedupe: 1h")
    (_, quiet) = Simulation(rule_set).play(a_stream((0, {}), (1, {})))
    assert isinstance(quiet, TimelineQuiet)
    assert (quiet.offset, quiet.judgement.by) == (1, "duplicate")


def test_a_post_is_given_up_when_the_outage_outlasts_patience():
    simulation = Simulation(
        a_rule("text: t"),
        outages=[Outage("ops", START_US, START_US + us(1000))],
        patience=lambda name: Patience(lambda attempt: 60.0, give_up_after_s=150.0),
    )
    (post,) = simulation.play(a_stream((0, {})))
    assert isinstance(post, TimelinePost)
    assert (post.arrived_us, post.tries) == (None, 4)


def test_a_timeline_that_is_stopped_is_partial():
    asked = iter([False, True])
    simulation = Simulation(a_rule("text: t"), stopped=lambda: next(asked))
    assert len(list(simulation.play(a_stream((0, {}), (1, {}), (2, {})), us(60)))) == 1
    assert simulation.partial
