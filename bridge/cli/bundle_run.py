"""``bundle``: a decision with all that it rested on, as a file; and the same decided again from that file alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from bridge.cli.bundle_file import StoredBundle, read_bundle, write_bundle
from bridge.cli.command_context import Context
from bridge.cli.connection import Unreached, connect_client
from bridge.cli.explanation import ExplainScope, tell_stored
from bridge.cli.output import Failed, Output, format_count
from bridge.cli.problem_listing import as_lines
from bridge.cli.stored_grounds import bundle_from_store
from bridge.cli.visible import make_visible_line
from bridge.operate.bundle import Bundle
from bridge.operate.bundle_replay import BundleReplay, replay_bundle
from bridge.operate.bundle_scrubbing import scrub_bundle
from rules.source.problems import ProblemsFound
from rules.source.words import suggest_of


def run_bundle(context: Context, subject: str, file: Path | None, *, scrub: bool) -> None:
    """Write the bundle of a message, delivery or incident."""
    bundle = _fetch_bundle(context, subject)
    try:
        bundle = scrub_bundle(bundle) if scrub else bundle
        stored = StoredBundle(bundle, replay_bundle(bundle))
    except ProblemsFound as error:
        raise Failed(f"the rules cannot be read from the bundle:\n{as_lines(error.problems)}") from error
    path = file or Path(_file_name(bundle))
    write_bundle(path, stored)
    for remark in bundle.remarks:
        context.output.warn(remark)
    value = {
        "file": str(path),
        "topic": bundle.subject.topic,
        "offset": bundle.subject.offset,
        "messages": len(bundle.messages),
        "scrubbed": bundle.scrubbed,
        "remarks": bundle.remarks,
    }
    context.output.confirm(f"{path} holds {format_count(len(bundle.messages), 'message')}: rules explain {path}", value)


def explain_bundle(context: Context, path: Path, rules: tuple[str, ...], *, brief: bool) -> None:
    """Decide the subject of a bundle again, and say whether the answer is the one that it gave where it was made."""
    stored = read_bundle(path)
    try:
        answer = replay_bundle(stored.bundle)
    except (ProblemsFound, ValueError) as error:
        raise Failed(f"the rules in {path} cannot be read by this release: {error}") from error
    is_same = msgspec.to_builtins(answer, enc_hook=str) == msgspec.to_builtins(stored.answer, enc_hook=str)
    known = [trace.rule for trace in answer.explanation.rules]
    for name in rules:
        if name not in known:
            raise Failed(f"no rule {name} hears this message{suggest_of(name, known, 'rules')}")
    value = _value(stored.bundle, answer, is_same=is_same)
    if context.output.as_json:
        context.output.print_value(value)
        return
    tell_stored(context.output, value, ExplainScope(rules, brief))
    _tell_rest(context.output, stored.bundle, answer, is_same=is_same)


def _value(bundle: Bundle, answer: BundleReplay, *, is_same: bool) -> dict[str, Any]:
    explained = msgspec.to_builtins(bundle.explained, enc_hook=str)
    replayed = msgspec.to_builtins(answer, enc_hook=str)
    return {
        "message": explained["message"],
        "decided": explained["decided"],
        "recomputed": replayed["explanation"],
        "steps": replayed["steps"],
        "cut": replayed["cut"],
        "same": is_same,
        "subject": msgspec.to_builtins(bundle.subject),
        "release": bundle.release,
        "version": bundle.version,
        "scrubbed": bundle.scrubbed,
        "remarks": bundle.remarks,
    }


def _tell_rest(output: Output, bundle: Bundle, answer: BundleReplay, *, is_same: bool) -> None:
    output.say(f"\nWhat led there, decided again from empty state ({format_count(len(answer.steps), 'step')})")
    for step in answer.steps:
        posts = [f"{post.destination}: {' '.join(post.text.split())[:120]}" for post in step.posts]
        quiet = [f"{judgement.rule} {judgement.outcome} {judgement.by}".rstrip() for judgement in step.judgements]
        output.say(make_visible_line(f"  {step.at} {step.of}  {'; '.join(posts or quiet) or 'nothing'}"))
    for remark in bundle.remarks:
        output.warn(remark)
    if is_same:
        output.say(f"The answer is the same as where the bundle was made (release {bundle.release}).")
    else:
        output.warn(f"the answer is another one than where the bundle was made, by release {bundle.release}")


def _fetch_bundle(context: Context, subject: str) -> Bundle:
    try:
        with connect_client(context) as client:
            return msgspec.convert(client.get("/api/bundle", subject=subject), Bundle)
    except Unreached as error:
        if context.url is not None:
            raise
        context.output.warn(f"{error.format_message().partition('. ')[0]}; this is read from its store")
    return bundle_from_store(context, subject)


def _file_name(bundle: Bundle) -> str:
    topic = re.sub(r"[^A-Za-z0-9_-]", "-", bundle.subject.topic.rpartition("/")[2])
    return f"bundle-{topic}-{bundle.subject.offset}.zip"
